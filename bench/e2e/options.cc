#include "options.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/text.h"
#include "model/gateway.h"

namespace ipsecgw::bench {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;

namespace {

/// One axis each; the cases are all combinations.
struct Axes {
    std::vector<Direction> directions = {Direction::kOutbound, Direction::kInbound};
    std::vector<model::EspSuite> suites = {{}};
    std::vector<Mix> mixes;
    std::vector<uint32_t> sas = {1};
    std::vector<uint16_t> bursts = {32};
    std::vector<uint16_t> workers = {1};
    std::vector<Kind> kinds = {Kind::kSoftware};
    std::vector<uint32_t> churns = {0};
    std::vector<uint32_t> policies = {0};
    std::vector<uint32_t> policy_changes = {0};
    model::EngineChoice engine = model::EngineChoice::kAuto;
};

constexpr const char* kFullSuites = "aes128gcm16,aes256gcm16,chacha20poly1305,aes128-sha256";

template <class T>
Result<std::vector<T>> list_of(std::string_view text, const std::function<Result<T>(std::string_view)>& parse)
{
    std::vector<T> all;
    for (const auto word : base::split(text, ','))
        all.push_back(GW_TRY(parse(word)));
    return all;
}

template <class T, uint64_t kMin, uint64_t kMax>
Result<T> number(std::string_view text)
{
    const auto value = base::parse_unsigned(text);
    if (!value || *value < kMin || *value > kMax)
        return Error{
            ErrorCode::kInvalidArgument, "not a number in range: " + std::string(text),
            base::format("%llu to %llu", static_cast<unsigned long long>(kMin), static_cast<unsigned long long>(kMax))};
    return static_cast<T>(*value);
}

Result<Direction> direction(std::string_view text)
{
    if (text == "out")
        return Direction::kOutbound;
    if (text == "in")
        return Direction::kInbound;
    return Error{ErrorCode::kInvalidArgument, "no direction: " + std::string(text), "out, in"};
}

Result<model::EngineChoice> engine(std::string_view text)
{
    for (const auto choice :
         {model::EngineChoice::kAuto, model::EngineChoice::kCpuCrypto, model::EngineChoice::kOpenssl})
        if (text == model::to_string(choice))
            return choice;
    return Error{ErrorCode::kInvalidArgument, "no engine: " + std::string(text), "auto, cpu-crypto, openssl"};
}

/// Nested as the table reads best.
std::vector<Case> combine(const Axes& axes)
{
    std::vector<Case> all{{}};
    const auto by = [&all](const auto& values, auto member) {
        std::vector<Case> more;
        for (const Case& one : all)
            for (const auto& value : values) {
                more.push_back(one);
                more.back().*member = value;
            }
        all = std::move(more);
    };
    by(axes.kinds, &Case::kind);
    by(axes.suites, &Case::suite);
    by(axes.workers, &Case::workers);
    by(axes.sas, &Case::sas);
    by(axes.bursts, &Case::burst);
    by(axes.churns, &Case::churn);
    by(axes.policies, &Case::policies);
    by(axes.policy_changes, &Case::policy_changes);
    by(axes.mixes, &Case::mix);
    by(axes.directions, &Case::direction);
    by(std::vector{axes.engine}, &Case::engine);
    // An inbound SA has one owner: a worker without one would have no load. And there must be a policy to change.
    std::erase_if(all, [](const Case& one) {
        return (one.direction == Direction::kInbound && one.sas < one.workers) ||
               (one.policy_changes != 0 && one.policies <= one.sas);
    });
    return all;
}

std::vector<Mix> mixes(std::initializer_list<const char*> names)
{
    std::vector<Mix> all;
    for (const char* name : names)
        all.push_back(*Mix::parse(name));
    return all;
}

/// What bench/README.md tables: each question by itself, not every combination.
std::vector<Case> standard_cases()
{
    std::vector<Case> all;
    const auto add = [&all](const Axes& axes) {
        for (const Case& one : combine(axes))
            if (std::none_of(all.begin(), all.end(), [&](const Case& other) { return other.name() == one.name(); }))
                all.push_back(one);
    };
    Axes ciphers{.mixes = mixes({"60", "imix", "1420"})};
    ciphers.suites = *list_of<model::EspSuite>(kFullSuites, model::parse_esp_suite);
    add(ciphers);
    add({.mixes = mixes({"60", "imix"}), .bursts = {8}});
    add({.mixes = mixes({"imix"}), .sas = {1000, 100'000}});
    add({.mixes = mixes({"imix"}), .sas = {1000}, .workers = {2, 3}});
    add({.mixes = mixes({"imix"}), .sas = {1000}, .churns = {25'000}});
    add({.mixes = mixes({"imix"}), .sas = {1000}, .policies = {2000, 100'000}, .policy_changes = {0, 1000}});
    add({.mixes = mixes({"60"}), .kinds = {Kind::kInlineCrypto, Kind::kFullProtocol}});
    Axes openssl{.mixes = mixes({"60", "1420"})};
    openssl.engine = model::EngineChoice::kOpenssl;
    add(openssl);
    return all;
}

struct Reading {
    Axes axes{.mixes = mixes({"60", "imix", "1420"})};
    bool standard = false;
    Options options;
};

using Reader = std::function<Result<void>(Reading&, std::string_view)>;

template <class T>
Reader text_into(T Options::*member)
{
    return [member](Reading& reading, std::string_view text) -> Result<void> {
        reading.options.*member = std::string(text);
        return {};
    };
}

template <class T>
Reader list_into(std::vector<T> Axes::*member, Result<T> (*parse)(std::string_view))
{
    return [member, parse](Reading& reading, std::string_view text) -> Result<void> {
        reading.axes.*member = GW_TRY(list_of<T>(text, parse));
        return {};
    };
}

const std::map<std::string, Reader, std::less<>>& readers()
{
    static const std::map<std::string, Reader, std::less<>> all = {
        {"--direction", list_into(&Axes::directions, direction)},
        {"--suite", list_into(&Axes::suites, model::parse_esp_suite)},
        {"--size", list_into(&Axes::mixes, Mix::parse)},
        {"--sas", list_into(&Axes::sas, number<uint32_t, 1, 1u << 22>)},
        {"--burst", list_into(&Axes::bursts, number<uint16_t, 1, 32>)},
        {"--workers", list_into(&Axes::workers, number<uint16_t, 1, 16>)},
        {"--churn", list_into(&Axes::churns, number<uint32_t, 0, 1'000'000>)},
        {"--policies", list_into(&Axes::policies, number<uint32_t, 0, 1u << 21>)},
        {"--policy-changes", list_into(&Axes::policy_changes, number<uint32_t, 0, 1'000'000>)},
        {"--kind", list_into(&Axes::kinds, parse_kind)},
        {"--engine",
         [](Reading& reading, std::string_view text) -> Result<void> {
             reading.axes.engine = GW_TRY(engine(text));
             return {};
         }},
        {"--windows",
         [](Reading& reading, std::string_view text) -> Result<void> {
             reading.options.effort.windows = GW_TRY((number<uint32_t, 1, 1000>(text)));
             return {};
         }},
        {"--window-ms",
         [](Reading& reading, std::string_view text) -> Result<void> {
             reading.options.effort.window_ms = GW_TRY((number<uint32_t, 1, 10'000>(text)));
             return {};
         }},
        {"--memory",
         [](Reading& reading, std::string_view text) -> Result<void> {
             reading.options.memory_mb = GW_TRY((number<uint32_t, 64, 1u << 20>(text)));
             return {};
         }},
        {"--json", text_into(&Options::json_file)},
        {"--lcores", text_into(&Options::lcores)},
        {"--pmd", text_into(&Options::pmd)},
    };
    return all;
}

}  // namespace

Result<Options> parse_options(std::span<char*> words)
{
    Reading reading;
    for (size_t i = 1; i < words.size(); i++) {
        std::string_view word = words[i];
        if (word == "--standard") {
            reading.standard = true;
        } else if (word == "--stages") {
            reading.options.stages = true;
        } else if (word == "--huge") {
            reading.options.huge_pages = true;
        } else if (word == "--help" || word == "-h") {
            reading.options.help = true;
        } else {
            std::string_view value;
            if (const auto equals = word.find('='); equals != std::string_view::npos) {
                value = word.substr(equals + 1);
                word = word.substr(0, equals);
            } else if (i + 1 < words.size()) {
                value = words[++i];
            }
            const auto reader = readers().find(word);
            if (reader == readers().end())
                return Error{ErrorCode::kInvalidArgument, "unknown option " + std::string(word), "see --help"};
            if (auto read = reader->second(reading, value); !read)
                return Error{read.error().code, std::string(word) + ": " + read.error().what, read.error().hint};
        }
    }
    reading.options.cases = reading.standard ? standard_cases() : combine(reading.axes);
    return std::move(reading.options);
}

std::string usage()
{
    return "bench_e2e: what a packet costs in the whole gateway, TSC cycles. Lists are comma separated; every "
           "combination is measured.\n"
           "  --direction out,in        --size 60,imix,1420       --suite aes128gcm16,...\n"
           "  --sas 1,1000,...          --burst 32,8              --workers 1,2,3\n"
           "  --churn 0,25000           SAs replaced a second, under load\n"
           "  --policies 0,100000       in the SPD, where these are more than SAs\n"
           "  --policy-changes 0,1000   policies that come or go a second, under load\n"
           "  --kind software,inline-crypto,full-protocol         --engine auto|cpu-crypto|openssl\n"
           "  --standard                the cases of bench/README.md instead\n"
           "  --windows 11 --window-ms 20    windows a case, measured time of each\n"
           "  --stages                  cycles by stage, too\n"
           "  --json FILE               results, machine and build\n"
           "  --lcores 0-1              EAL's: the first stays idle, workers take the others in order\n"
           "  --memory MB               of EAL; --huge: from huge pages\n"
           "  --pmd FILE                the model port's driver, for inline kinds\n";
}

}  // namespace ipsecgw::bench
