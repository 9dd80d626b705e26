// Files of credentials, and the one that gives keys away.
#include "iked/files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "iked/key_log.h"

namespace ipsecgw::iked {
namespace {

class FilesTest : public testing::Test {
  protected:
    FilesTest()
    {
        std::string name = testing::TempDir() + "iked.XXXXXX";
        directory_ = mkdtemp(name.data());
    }
    ~FilesTest() override { std::filesystem::remove_all(directory_); }
    [[nodiscard]] std::string path(const char* name) const { return directory_ + "/" + name; }
    void write(const char* name, const std::string& text) const { std::ofstream(path(name)) << text; }
    [[nodiscard]] std::string read(const char* name) const
    {
        std::stringstream text;
        text << std::ifstream(path(name)).rdbuf();
        return text.str();
    }

    std::string directory_;
};

TEST_F(FilesTest, ReadsWhatIsThereAndSaysWhyNot)
{
    write("key", "secret");
    const auto bytes = read_file(path("key"));
    ASSERT_TRUE(bytes);
    EXPECT_EQ(std::string(bytes->view().begin(), bytes->view().end()), "secret");
    EXPECT_EQ(read_file(path("none")).error().code, base::ErrorCode::kNotFound);
    write("empty", "");
    EXPECT_THAT(read_file(path("empty")).error().what, testing::HasSubstr("is empty"));
    EXPECT_THAT(read_file(directory_).error().what, testing::HasSubstr("no regular file"));
    ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
    EXPECT_FALSE(read_file(path("fifo"))) << "and does not wait for a writer";
    write("large", std::string((1 << 20) + 1, 'x'));
    EXPECT_THAT(read_file(path("large")).error().what, testing::HasSubstr("larger than 1 MiB"));
}

TEST_F(FilesTest, TellsWhatOthersCanOpen)
{
    write("key", "secret");
    chmod(path("key").c_str(), 0600);
    EXPECT_FALSE(is_open_to_others(path("key")));
    chmod(path("key").c_str(), 0640);
    EXPECT_TRUE(is_open_to_others(path("key")));
}

base::SecretBytes bytes(size_t count, uint8_t first)
{
    base::SecretBytes out(count);
    for (size_t i = 0; i < count; i++)
        out.mutable_view()[i] = static_cast<uint8_t>(first + i);
    return out;
}

TEST_F(FilesTest, KeysAreWrittenAsWiresharkReadsThem)
{
    auto log = KeyLog::open(path("keys"));
    ASSERT_TRUE(log) << log.error().what;
    ike::IkeKeys cbc;
    cbc.spi_i = 0x0123456789abcdef;
    cbc.spi_r = 0xfedcba9876543210;
    cbc.sk_ei = bytes(16, 0x10);
    cbc.sk_er = bytes(16, 0x30);
    cbc.sk_ai = bytes(32, 0x50);
    cbc.sk_ar = bytes(32, 0x70);
    cbc.cipher = {model::Encryption::kAesCbc, 128, model::Integrity::kHmacSha256};
    (*log)->add(cbc);
    ike::IkeKeys unknown;
    unknown.cipher = {model::Encryption::kChaCha20Poly1305, 256, model::Integrity::kNone};
    (*log)->add(unknown);

    model::SaParams sa;
    sa.direction = model::Direction::kInbound;
    sa.spi = 0xc1f00a21;
    sa.local = net::IpAddress::parse("192.0.2.1").value();
    sa.remote = net::IpAddress::parse("192.0.2.2").value();
    sa.suite = {model::Encryption::kAesGcm16, 128, model::Integrity::kNone};
    sa.keymat = bytes(20, 1);
    (*log)->add(sa);
    sa.direction = model::Direction::kOutbound;
    sa.suite = {model::Encryption::kAesCbc, 128, model::Integrity::kHmacSha256};
    sa.keymat = bytes(48, 1);
    (*log)->add(sa);
    EXPECT_EQ(read("keys"),
              "0123456789abcdef,fedcba9876543210,101112131415161718191a1b1c1d1e1f,303132333435363738393a3b3c3d3e3f,"
              "\"AES-CBC-128 [RFC3602]\",505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f,"
              "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f,\"HMAC_SHA2_256_128 [RFC4868]\"\n");
    EXPECT_EQ(read("keys.esp"),
              "\"IPv4\",\"192.0.2.2\",\"192.0.2.1\",\"0xc1f00a21\",\"AES-GCM with 16 octet ICV [RFC4106]\","
              "\"0x0102030405060708090a0b0c0d0e0f1011121314\",\"NULL\",\"\"\n"
              "\"IPv4\",\"192.0.2.1\",\"192.0.2.2\",\"0xc1f00a21\",\"AES-CBC [RFC3602]\","
              "\"0x0102030405060708090a0b0c0d0e0f10\",\"HMAC-SHA-256-128 [RFC4868]\","
              "\"0x1112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30\"\n");
    struct stat status;
    ASSERT_EQ(stat(path("keys.esp").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(FilesTest, KeysAreNotWrittenWhereOthersRead)
{
    write("keys", "");
    chmod(path("keys").c_str(), 0644);
    EXPECT_THAT(KeyLog::open(path("keys")).error().what, testing::HasSubstr("others can open it"));
    ASSERT_EQ(symlink("/dev/null", path("link").c_str()), 0);
    EXPECT_FALSE(KeyLog::open(path("link")));
}

}  // namespace
}  // namespace ipsecgw::iked
