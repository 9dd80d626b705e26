#include "base/text.h"
#include "config/reader_internal.h"
#include "config/schema.h"
#include "unit/config/config_support.h"

namespace ipsecgw::config {
namespace {

const std::string kMarker = "deadbeef5ec2e7c0ffee0123456789abcdef4242";

bool mentions_marker(const std::string& text)
{
    for (size_t i = 0; i + 12 <= kMarker.size(); i++)
        if (text.find(kMarker.substr(i, 12)) != std::string::npos)
            return true;
    return false;
}

std::string everything(const Loaded& loaded)
{
    return text_of(loaded.errors) + text_of(loaded.warnings);
}

/// Whatever happens around a key, and into whichever setting it slips, no message shows it.
TEST(ConfigKeys, NoMessageShowsAKey)
{
    std::vector<std::string> spellings = {kMarker, "0x" + kMarker, kMarker + "0", kMarker + "zz",
                                          kMarker.substr(0, 24)};
    std::string colons, spaces;
    for (size_t i = 0; i < kMarker.size(); i += 2) {
        colons += (i == 0 ? "" : ":") + kMarker.substr(i, 2);
        spaces += (i == 0 ? "" : " ") + kMarker.substr(i, 2);
    }
    spellings.push_back(colons);
    spellings.push_back(spaces);
    for (const auto& row : schema()) {
        for (const auto& key : spellings) {
            const std::string setting = std::string(row.spec.name) + " = \"" + key + "\";";
            const std::string bare = std::string(row.spec.name) + " = 0x" + kMarker + ";";
            for (const auto& assigned : {setting, bare}) {
                std::string text = "routes = ( { " + assigned + " } ); neighbours = ( { " + assigned + " } );";
                text += "sas = ( { " + assigned + " lifetime = { " + assigned + " }; udp_encap = { " + assigned +
                        " }; } );";
                text += "policies = ( { " + assigned + " } ); ports = ( { " + assigned + " } ); gateway = { " +
                        assigned + " };";
                const Loaded loaded = load_text(text, "t.cfg");
                EXPECT_FALSE(loaded.errors.empty());
                const std::string shown = everything(loaded);
                EXPECT_FALSE(mentions_marker(shown)) << shown;
                EXPECT_EQ(shown.find(colons.substr(0, 30)), std::string::npos) << shown;
                EXPECT_EQ(shown.find(spaces.substr(0, 30)), std::string::npos) << shown;
                EXPECT_FALSE(mentions_marker(everything(load_text(assigned, "t.cfg"))));
            }
        }
    }
}

TEST(ConfigKeys, RedactionLeavesWhatIsNoKey)
{
    for (const char* text :
         {"0xc1f00a21 is reserved", "02:00:5e:10:00:01 is no unicast address", "18446744073709551615 is out of range",
          "2001:0db8:0000:0000:0000:0000:0000:0001 and fe80::1", "aes256gcm16 wants 36 bytes",
          "10.1.0.0/24, 10.2.0.0/24", "a feed added a dead face"})
        EXPECT_EQ(redact(text), text);
    EXPECT_EQ(redact("a\nb\x1b[31m\x7f\xc3\xa9"), "a?b?[31m?\xc3\xa9");
    EXPECT_EQ(redact("x " + kMarker + " y"), "x (hex digits not shown) y");
}

TEST(ConfigKeys, ErrorsSayWhatIsWrongWithoutTheDigits)
{
    const auto with_key = [](const std::string& key) {
        return kPorts + "sas = (\n" + sa_text("out", "out", "0x1001", key) + ");";
    };
    EXPECT_NE(
        errors_of(with_key(kMarker.substr(1))).find("t.cfg:5: sas.[0].keymat: its hex digits do not come in pairs"),
        std::string::npos);
    EXPECT_NE(errors_of(with_key("0x0g")).find("t.cfg:5: sas.[0].keymat: its character 4 is no hex digit"),
              std::string::npos);
    EXPECT_NE(errors_of(with_key("")).find("aes128gcm16 wants 20 bytes"), std::string::npos);
    EXPECT_NE(
        errors_of(kPorts + "sas = ( { keymat = 0x" + kMarker + "; } );").find("keymat: wants a string, got a number"),
        std::string::npos);
}

TEST(ConfigKeys, AKeyFileHoldsTheKey)
{
    const TemporaryFolder folder;
    folder.write("out.hex", "8c2b7a5e 1f90d344\n6ab1c7e2905f3d18\na7c4e6b2\n");
    std::string text = valid_text();
    text.replace(text.find("keymat = \"" + kKeyOut + "\""), 10 + kKeyOut.size() + 1, "keymat_file = \"out.hex\"");
    const Loaded loaded = load_file(folder.write("gw.cfg", text));
    EXPECT_EQ(everything(loaded), "");
    EXPECT_TRUE(base::equal_constant_time(loaded.gateway.sas[0].keymat.view(), base::decode_hex(kKeyOut)->view()));
}

TEST(ConfigKeys, FilesWithKeysAreForTheirOwnerOnly)
{
    const TemporaryFolder folder;
    const std::string open = folder.write("open.cfg", valid_text(), 0640);
    EXPECT_EQ(everything(load_file(open)),
              open + ": it holds keys and is open to group or others (mode 0640)\n  hint: chmod 600 " + open + "\n");
    EXPECT_EQ(everything(load_file(folder.write("closed.cfg", valid_text(), 0600))), "");

    const std::string key = folder.write("out.hex", kKeyOut, 0604);
    const std::string path =
        folder.write("gw.cfg",
                     kPorts +
                         "sas = (\n { name = \"out\"; direction = \"out\"; spi = 256; local = \"198.51.100.1\"; "
                         "remote = \"198.51.100.2\"; proposal = \"aes128gcm16\"; keymat_file = \"out.hex\"; } );",
                     0644);
    const std::string warnings = text_of(load_file(path).warnings);
    EXPECT_NE(warnings.find(path + ":5: sas.[0].keymat_file: \"" + key +
                            "\" holds a key and is open to group or others (mode 0604)"),
              std::string::npos)
        << warnings;
    EXPECT_EQ(warnings.find("it holds keys"), std::string::npos) << warnings;
}

TEST(ConfigKeys, AKeyIsThereOnceAndForOneSa)
{
    std::string both = valid_text();
    both.insert(both.find("keymat"), "keymat_file = \"/nonexistent\"; ");
    EXPECT_NE(errors_of(both).find("sas.[0].keymat_file: keymat is there too"), std::string::npos);

    std::string none = valid_text();
    none.erase(none.find("keymat"), 12 + kKeyOut.size() + 1);
    EXPECT_EQ(errors_of(none),
              "t.cfg:5: sas.[0].keymat: it is missing\n"
              "  hint: make it with: openssl rand -hex 20; or name its file with keymat_file\n");

    std::string shared = valid_text();
    shared.replace(shared.find(kKeyIn), kKeyIn.size(), kKeyOut);
    EXPECT_EQ(errors_of(shared),
              "t.cfg:6: sas.[1].keymat: it is also the key of SA \"out\": with aes128gcm16 nonces would repeat (RFC "
              "4106 section 2)\n"
              "  hint: each SA and direction has its own key\n");

    std::string pattern = valid_text();
    pattern.replace(pattern.find(kKeyIn), kKeyIn.size(), "000102030405060708090a0b0c0d0e0f10111213");
    EXPECT_NE(warnings_of(pattern).find("sas.[1].keymat: the key is a pattern"), std::string::npos);
}

}  // namespace
}  // namespace ipsecgw::config
