// The file's blocks; tests/netns has tshark read files.
#include "trace/pcapng.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

namespace ipsecgw::trace {
namespace {

struct Block {
    uint32_t type;
    std::string body;
};

std::vector<Block> blocks_of(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    std::vector<Block> out;
    for (size_t at = 0; at < text.size();) {
        uint32_t type = 0, length = 0, again = 0;
        std::memcpy(&type, &text[at], 4);
        std::memcpy(&length, &text[at + 4], 4);
        EXPECT_EQ(length % 4, 0U);
        std::memcpy(&again, &text[at + length - 4], 4);
        EXPECT_EQ(length, again);
        out.push_back({type, text.substr(at + 8, length - 12)});
        at += length;
    }
    return out;
}

TEST(Pcapng, EachInterfaceComesBeforeItsFirstPacket)
{
    const std::string path = "/tmp/gwpcapng." + std::to_string(getpid());
    {
        auto writer = PcapngWriter::create(path, "test");
        ASSERT_TRUE(writer);
        const std::vector<uint8_t> bytes = {0x45, 1, 2, 3, 4};
        for (const char* name : {"sealed", "opened", "sealed"})
            ASSERT_TRUE(writer->add({.interface = name, .link = Link::kRawIp, .unix_ns = 0x1'0000'0002, .bytes = bytes, .length = 99, .comment = "a comment"}));
        struct stat status;
        ASSERT_EQ(stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600U);
        const auto blocks = blocks_of(path);  // while it is written: it is whole at any time
        ASSERT_EQ(blocks.size(), 6U);
        const uint32_t types[] = {0x0a0d0d0a, 1, 6, 1, 6, 6};
        for (size_t i = 0; i < blocks.size(); i++)
            EXPECT_EQ(blocks[i].type, types[i]) << i;
        const uint32_t wanted[] = {1, 1, 2, 5, 99};  // interface, time, captured, length
        EXPECT_EQ(std::memcmp(blocks[4].body.data(), wanted, sizeof wanted), 0);
        EXPECT_NE(blocks[4].body.find("a comment"), std::string::npos);
    }
    unlink(path.c_str());
}

TEST(Pcapng, SaysWhyItCannotWrite)
{
    const auto writer = PcapngWriter::create("/nowhere/at/all", "test");
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().what, "/nowhere/at/all: No such file or directory");
}

}  // namespace
}  // namespace ipsecgw::trace
