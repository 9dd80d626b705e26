#include "app/options.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace ipsecgw::app {
namespace {

using base::Error;
using base::ErrorCode;

/// Our words with "--name=value" taken apart, read one by one.
class Words {
  public:
    explicit Words(std::span<char*> words)
    {
        for (const std::string_view word : words) {
            const auto equals = word.find('=');
            if (word.starts_with("--") && equals != std::string_view::npos) {
                words_.emplace_back(word.substr(0, equals));
                words_.emplace_back(word.substr(equals + 1));
            } else {
                words_.emplace_back(word);
            }
        }
    }
    std::optional<std::string> next() { return at_ < words_.size() ? std::optional(words_[at_++]) : std::nullopt; }

  private:
    std::vector<std::string> words_;
    size_t at_ = 0;
};

base::Result<std::string> value_of(const std::string& option, Words& words)
{
    auto value = words.next();
    if (!value || value->empty())
        return Error{ErrorCode::kInvalidArgument, option + " wants a value", "see ipsec-gw --help"};
    return *std::move(value);
}

base::Result<base::LogLevel> read_log_level(Words& words)
{
    const std::string word = GW_TRY(value_of("--log-level", words));
    if (word == "error")
        return base::LogLevel::kError;
    if (word == "warning")
        return base::LogLevel::kWarning;
    if (word == "info")
        return base::LogLevel::kInfo;
    if (word == "debug")
        return base::LogLevel::kDebug;
    return Error{ErrorCode::kInvalidArgument, "--log-level: \"" + word + "\" is none", "error, warning, info or debug"};
}

base::Result<base::LogFormat> read_log_format(Words& words)
{
    const auto word = value_of("--log-format", words);
    if (!word)
        return word.error();
    if (*word == "text")
        return base::LogFormat::kText;
    if (*word == "json")
        return base::LogFormat::kJson;
    return Error{ErrorCode::kInvalidArgument, "--log-format: \"" + *word + "\" is none", "text or json"};
}

base::Result<bool> read_log_place(Words& words)
{
    const auto word = value_of("--log-to", words);
    if (!word)
        return word.error();
    if (*word == "stderr")
        return false;
    if (*word == "journal")
        return true;
    return Error{ErrorCode::kInvalidArgument, "--log-to: \"" + *word + "\" is no place", "stderr or journal"};
}

Error unknown(const std::string& word)
{
    std::string hint = "DPDK's own options come before \"--\": ipsec-gw <EAL options> -- --config FILE";
    if (const auto near =
            base::nearest(word, {"--config", "--check", "--help", "--version", "--log-level", "--log-format", "--log-to", "--save-keys", "doctor"}))
        hint = "did you mean " + *near + "?";
    return {ErrorCode::kInvalidArgument, "there is no option \"" + word + "\"", std::move(hint)};
}

base::Result<void> read(Words words, Options& options)
{
    while (const auto word = words.next()) {
        if (*word == "--help" || *word == "-h")
            options.action = Action::kHelp;
        else if (*word == "--version")
            options.action = Action::kVersion;
        else if (*word == "--check")
            options.action = Action::kCheck;
        else if (*word == "--config")
            options.config = GW_TRY(value_of(*word, words));
        else if (*word == "--log-level")
            options.log_level = GW_TRY(read_log_level(words));
        else if (*word == "--log-format")
            options.log_format = GW_TRY(read_log_format(words));
        else if (*word == "--log-to")
            options.logs_to_journal = GW_TRY(read_log_place(words));
        else if (*word == "--save-keys")
            options.save_keys = GW_TRY(value_of(*word, words));
        else
            return unknown(*word);
        if (options.action == Action::kHelp || options.action == Action::kVersion)
            return {};
    }
    if (options.config.empty())
        return Error{ErrorCode::kInvalidArgument, "which configuration file?",
                     "give --config FILE; see ipsec-gw --help"};
    return {};
}

}  // namespace

base::Result<Options> parse_options(std::span<char*> words)
{
    Options options;
    if (words.size() > 1 && std::string_view(words[1]) == "doctor") {
        options.action = Action::kDoctor;
        options.eal_words.assign(words.begin(), words.end());
        options.eal_words.erase(options.eal_words.begin() + 1);
        return options;
    }
    const auto separator =
        std::find_if(words.begin(), words.end(), [](const char* word) { return std::string_view(word) == "--"; });
    const auto ours = separator == words.end() ? words.begin() + 1 : separator + 1;
    options.eal_words.assign(words.begin(), separator == words.end() ? words.begin() + 1 : separator);
    GW_TRY(read(Words({ours, words.end()}), options));
    return options;
}

std::string usage()
{
    return "usage: ipsec-gw <EAL options> -- --config FILE [--log-level LEVEL] [--log-format FORMAT] [--log-to PLACE] [--save-keys FILE]\n"
           "       ipsec-gw --check --config FILE\n"
           "       ipsec-gw doctor [EAL options]\n"
           "       ipsec-gw --help | --version\n"
           "\n"
           "  --config FILE      the gateway: ports, routes, SAs, policies (config/README.md describes it)\n"
           "  --check            say what is wrong with the file and exit: 0 nothing, 2 something; needs no "
           "privileges\n"
           "  doctor             say what this machine, and the ports the EAL options name, offer a gateway\n"
           "  --log-level LEVEL  error, warning, info (the default) or debug\n"
           "  --log-format FORMAT  text (the default) or json, an object a line\n"
           "  --log-to PLACE     stderr (the default) or journal, with priorities and without another timestamp\n"
           "  --save-keys FILE   write the keys IKE agrees on to FILE and FILE.esp, as Wireshark's tables: who has "
           "them\n"
           "                     reads everything, so for debugging only\n"
           "\n"
           "EAL options are DPDK's. The gateway wants one lcore for itself and one for each worker:\n"
           "  -l 0-2                             two workers\n"
           "  -a 0000:03:00.0                    a PCI port\n"
           "  --vdev net_af_packet0,iface=eth1   a kernel interface\n"
           "  --no-huge -m 512                   run without huge pages\n"
           "\n"
           "SIGHUP reads the file again, like gwctl reload. SIGINT and SIGTERM stop it. Exit status: 0 stopped, 1 could not start, 2 command line or configuration.\n";
}

}  // namespace ipsecgw::app
