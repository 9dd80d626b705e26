#include "config/source_internal.h"
#include "unit/config/config_support.h"

namespace ipsecgw::config {
namespace {

std::string expand(const std::string& text)
{
    return std::string(Source::from_text(text, "t.cfg").text());
}

TEST(ConfigSource, CommentsGoAndLinesStay)
{
    EXPECT_EQ(expand("a = 1; # one\nb = 2; // two\n/* three\nfour */ c = \"# no /* comment\";\n"),
              "a = 1; \nb = 2; \n \n c = \"# no /* comment\";\n");
}

TEST(ConfigSource, IntegersBeyond32BitsGetTheirSuffix)
{
    EXPECT_EQ(expand("a = 2147483647; b = 2147483648; c = 0xffffffff; d = 0x7fffffff; e = 5L;"),
              "a = 2147483647; b = 2147483648L; c = 0xffffffffL; d = 0x7fffffff; e = 5;");
    EXPECT_EQ(expand("a = -3000000000; b = 4294967296;"), "a = -3000000000L; b = 4294967296L;");
    EXPECT_EQ(expand("a = 1.5; b = 2.5e10; x2147483648 = 1;"), "a = 1.5; b = 2.5e10; x2147483648 = 1;");
}

TEST(ConfigSource, IntegersBeyond64BitsAreRemembered)
{
    const Source source = Source::from_text("a = 1;\nb = 0x10000000000000000;\n", "t.cfg");
    EXPECT_FALSE(source.has_oversized(1));
    EXPECT_TRUE(source.has_oversized(2));
    EXPECT_EQ(source.text(), "a = 1;\nb = 9223372036854775807L;\n");
}

TEST(ConfigSource, KeysNeverReachLibconfig)
{
    const Source source = Source::from_text(
        "keymat = \"0011\"; keymat : \"22\"\n \"33\"; keymat_file = \"x\"; keymatt = \"44\";", "t.cfg");
    EXPECT_EQ(source.text(),
              "keymat = \"secret #0\"; keymat : \"secret #1\"\n ; keymat_file = \"x\"; keymatt = \"secret #2\";");
    EXPECT_EQ(source.secret("secret #0"), "0011");
    EXPECT_EQ(source.secret("secret #1"), "2233");
    EXPECT_EQ(source.secret("secret #3"), std::nullopt);
    EXPECT_EQ(source.secret("0011"), std::nullopt);
}

TEST(ConfigSource, AByteOrderMarkIsNothing)
{
    EXPECT_EQ(expand("\xef\xbb\xbf"
                     "a = 1;"),
              "a = 1;");
}

TEST(ConfigSource, BrokenTextIsReportedWhereItOpens)
{
    EXPECT_EQ(errors_of("a = 1;\nb = \"open;\nc = 2;\n/* never\n"),
              "t.cfg:2: the string that opens here is not closed on its line\n  hint: add the closing quote\n"
              "t.cfg:4: the comment that opens here is not closed\n  hint: add */\n");
    EXPECT_EQ(errors_of(std::string("a = \0 1;", 8)),
              "t.cfg:1: there is a NUL character\n  hint: this is no text file\n");
    EXPECT_EQ(errors_of("a = 1; @include \"x\"\n"),
              "t.cfg:1: @include stands at the start of a line\n  hint: put it on a line of its own\n");
    EXPECT_EQ(errors_of("@include keys\n"),
              "t.cfg:1: @include has no file name in quotes\n  hint: write it like @include \"keys.cfg\"\n");
    EXPECT_EQ(errors_of("@includes \"keys\"\n"),
              "t.cfg:1: a line starts with @ and is no @include\n  hint: write it like @include \"keys.cfg\"\n");
}

TEST(ConfigSource, SyntaxErrorsHaveTheirLine)
{
    EXPECT_EQ(errors_of("ports = (\n { name = \"lan\" device = 1 }\n;\n"),
              "t.cfg:3: syntax error\n  hint: look here and at the end of the line before: a missing ; or \" or a "
              "bracket that is not closed\n");
    EXPECT_EQ(errors_of("sas = ( );\n\nsas = ( );\n"),
              "t.cfg:3: duplicate setting name\n  hint: a group has each setting once; several of a kind go in a list: "
              "( { ... }, { ... } )\n");
}

TEST(ConfigSource, IncludedFilesKeepTheirNamesAndLines)
{
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder.path() + "/parts");
    folder.write("parts/sas.cfg", "# keys\n" + pair_text("hop_limt = 3;"));
    folder.write("parts/all.cfg", "@include \"sas.cfg\"  # beside this file\n");
    const std::string main =
        folder.write("main.cfg", kPorts + "  @include \"parts/all.cfg\"\n" + kPolicies + "polcies = ();\n");
    const Loaded loaded = load_file(main);
    EXPECT_EQ(text_of(loaded.errors),
              folder.path() + "/parts/sas.cfg:3: sas.[0].hop_limt: no such setting\n  hint: did you mean hop_limit?\n" +
                  main + ":7: polcies: no such setting\n  hint: did you mean policies?\n");
}

TEST(ConfigSource, AFileThatCannotBeReadSaysWhy)
{
    EXPECT_EQ(text_of(load_file("/nonexistent/gw.cfg").errors),
              "/nonexistent/gw.cfg: cannot be opened: No such file or directory\n"
              "  hint: name a configuration file; config/README.md describes the format\n");
    EXPECT_NE(text_of(load_file("/").errors).find("/: cannot be read: Is a directory"), std::string::npos);
    EXPECT_EQ(errors_of("\n@include \"/nonexistent/keys.cfg\"\n"),
              "t.cfg:2: \"/nonexistent/keys.cfg\" cannot be opened: No such file or directory\n"
              "  hint: the name is relative to the folder of this file\n");
}

TEST(ConfigSource, AFileThatIncludesItselfEnds)
{
    const TemporaryFolder folder;
    const std::string path = folder.write("loop.cfg", "@include \"loop.cfg\"\n@include \"loop.cfg\"\n");
    const auto errors = load_file(path).errors;
    ASSERT_FALSE(errors.empty());
    EXPECT_LE(errors.size(), 100U);
    EXPECT_NE(errors[0].what.find("one include too many"), std::string::npos);
}

TEST(ConfigSource, TheFileBesideAnother)
{
    EXPECT_EQ(beside("a/b.cfg", "c.cfg"), "a/c.cfg");
    EXPECT_EQ(beside("b.cfg", "c.cfg"), "c.cfg");
    EXPECT_EQ(beside("/etc/gw/b.cfg", "../c.cfg"), "/etc/gw/../c.cfg");
    EXPECT_EQ(beside("/etc/gw/b.cfg", "/c.cfg"), "/c.cfg");
}

}  // namespace
}  // namespace ipsecgw::config
