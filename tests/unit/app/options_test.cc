#include "app/options.h"

#include <gmock/gmock.h>

namespace ipsecgw::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class OptionsTest : public testing::Test {
  protected:
    base::Result<Options> parse(std::vector<std::string> words)
    {
        storage_ = std::move(words);
        storage_.insert(storage_.begin(), "ipsec-gw");
        pointers_.clear();
        for (auto& word : storage_)
            pointers_.push_back(word.data());
        return parse_options(pointers_);
    }
    static std::vector<std::string> eal_words(const Options& options)
    {
        return {options.eal_words.begin(), options.eal_words.end()};
    }

  private:
    std::vector<std::string> storage_;
    std::vector<char*> pointers_;
};

TEST_F(OptionsTest, WordsBeforeTheSeparatorAreDpdks)
{
    const auto options = parse({"-l", "0-1", "--no-huge", "--", "--config", "a.cfg", "--log-level", "debug"});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->action, Action::kRun);
    EXPECT_EQ(options->config, "a.cfg");
    EXPECT_EQ(options->log_level, base::LogLevel::kDebug);
    EXPECT_THAT(eal_words(*options), ElementsAre("ipsec-gw", "-l", "0-1", "--no-huge"));
}

TEST_F(OptionsTest, WithoutASeparatorAllWordsAreOurs)
{
    const auto options = parse({"--check", "--config=a=b.cfg"});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->action, Action::kCheck);
    EXPECT_EQ(options->config, "a=b.cfg");
    EXPECT_THAT(eal_words(*options), ElementsAre("ipsec-gw"));
}

TEST_F(OptionsTest, HelpAndVersionWantNothingElse)
{
    EXPECT_EQ(parse({"--help"})->action, Action::kHelp);
    EXPECT_EQ(parse({"-l", "0", "--", "-h"})->action, Action::kHelp);
    EXPECT_EQ(parse({"--version", "--nonsense"})->action, Action::kVersion);
}

TEST_F(OptionsTest, ErrorsSayWhatToDo)
{
    EXPECT_THAT(parse({"-l", "0-1", "--config", "a.cfg"}).error().hint, HasSubstr("before \"--\""));
    EXPECT_THAT(parse({"--confg", "a.cfg"}).error().hint, HasSubstr("did you mean --config?"));
    EXPECT_THAT(parse({"--config"}).error().what, HasSubstr("--config wants a value"));
    EXPECT_THAT(parse({"--config="}).error().what, HasSubstr("--config wants a value"));
    EXPECT_THAT(parse({"--check"}).error().hint, HasSubstr("--config FILE"));
    EXPECT_THAT(parse({"--config", "a", "--log-level", "loud"}).error().hint,
                HasSubstr("error, warning, info or debug"));
    EXPECT_THAT(parse({"--config", "a", "--log-format", "xml"}).error().hint, HasSubstr("text or json"));
    EXPECT_THAT(parse({"--config", "a", "--log-to", "tty"}).error().hint, HasSubstr("stderr or journal"));
}

}  // namespace
}  // namespace ipsecgw::app
