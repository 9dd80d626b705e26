// How IKE messages wait: bounded, and those of strangers behind those of IKE SAs that are there.
#include "iked/inbox.h"

#include <gtest/gtest.h>

namespace ipsecgw::iked {
namespace {

enum class Of : uint8_t { kStranger, kIkeSa };

bool put(Inbox& inbox, Of whom, uint8_t mark, size_t bytes = 28)
{
    std::vector<uint8_t> message(bytes, 0);
    message[0] = mark;
    if (whom == Of::kIkeSa)
        message[15] = 1;
    return inbox.put({{}, {}, message});
}

uint8_t mark_of(std::optional<Message> message)
{
    return message ? message->bytes.front() : uint8_t{0};
}

TEST(Inbox, KeepsTheOrderOfEachKindAndServesStrangersEachEighthTurn)
{
    Inbox inbox({});
    EXPECT_FALSE(inbox.take());
    for (uint8_t i = 1; i <= 20; i++) {
        EXPECT_TRUE(put(inbox, Of::kStranger, static_cast<uint8_t>(100 + i)));
        EXPECT_TRUE(put(inbox, Of::kIkeSa, i));
    }
    std::vector<uint8_t> order;
    while (!inbox.empty())
        order.push_back(mark_of(inbox.take()));
    ASSERT_EQ(order.size(), 40u);
    EXPECT_EQ(order[0], 1);
    EXPECT_EQ(std::vector<uint8_t>(order.begin() + 5, order.begin() + 9), (std::vector<uint8_t>{6, 7, 101, 8}));
    EXPECT_EQ(order[15], 102);
    EXPECT_EQ(order.back(), 120);
}

TEST(Inbox, AFloodOfStrangersKeepsNobodyElseOut)
{
    Inbox inbox({.initial = 4, .of_ike_sas = 3});
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(put(inbox, Of::kStranger, 9), i < 4);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(put(inbox, Of::kIkeSa, 1), i < 3);
    EXPECT_EQ(inbox.size(), 7u);
    EXPECT_EQ(mark_of(inbox.take()), 1);
    EXPECT_TRUE(put(inbox, Of::kIkeSa, 2));
}

TEST(Inbox, HoldsSoManyBytesAndNoMore)
{
    Inbox inbox({.bytes = 1000});
    EXPECT_TRUE(put(inbox, Of::kIkeSa, 1, 600));
    EXPECT_FALSE(put(inbox, Of::kIkeSa, 2, 401));
    EXPECT_TRUE(put(inbox, Of::kIkeSa, 3, 400));
    EXPECT_EQ(mark_of(inbox.take()), 1);
    EXPECT_TRUE(put(inbox, Of::kStranger, 4, 600));
}

TEST(Inbox, AMessageTooShortForAHeaderIsAStrangers)
{
    Inbox inbox({.initial = 1});
    EXPECT_TRUE(inbox.put({{}, {}, std::vector<uint8_t>{1, 2, 3}}));
    EXPECT_FALSE(inbox.put({{}, {}, std::vector<uint8_t>{1, 2, 3}}));
}

}  // namespace
}  // namespace ipsecgw::iked
