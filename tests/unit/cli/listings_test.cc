#include <set>

#include <gtest/gtest.h>

#include "cli/listings.h"
#include "cli/verbs.h"
#include "unit/cli/fake_source.h"

namespace ipsecgw::cli {
namespace {

/// Every row of an answer.
std::vector<Json> rows_of(const Source& source, std::string_view command, const Json& args = nullptr)
{
    auto reply = answer(source, command, args);
    EXPECT_TRUE(reply) << command;
    std::vector<Json> rows;
    while (reply->next(rows)) {
    }
    return rows;
}

TEST(Listings, SaAsJson)
{
    EXPECT_EQ(to_json(inbound_sa()).dump(),
              R"({"spi":"0xc1f00a21","name":"east-in","owner":"config","direction":"in","state":"up","local":"192.0.2.1",)"
              R"("peer":"198.51.100.7","mode":"tunnel","udp_encapsulation":false,"algorithm":"aes256gcm16","esn":true,)"
              R"("offload":"software","offload_reason":"port 0 has no security context",)"
              R"("steering":"RSS by SPI to queue 2","path_mtu":null,"engine":"aesni_gcm",)"
              R"("engine_reason":"auto: fastest for aes256gcm16 on this machine","worker":2,"packets":1882211,)"
              R"("bytes":2710000000,"drops_total":12,"drops":{"replay":11,"auth":1},"sequence":1882300,)"
              R"("replay_window":64,"age_seconds":1140,"idle_seconds":0,"expires_seconds":2460})");
    const auto out = to_json(outbound_sa());
    for (const auto* absent : {"worker", "replay_window", "idle_seconds", "expires_seconds", "engine_reason"})
        EXPECT_TRUE(out[absent].is_null()) << absent;
    EXPECT_EQ(out["drops"], Json::object());
}

TEST(Listings, EachCommandHasAVerbAndRowsWithAllItsFields)
{
    const FakeSource source;
    for (const auto& command : commands()) {
        // Made of other commands' answers, or of packets.
        if (command.shape == Command::Shape::kScreen || command.shape == Command::Shape::kStream)
            continue;
        // Those that change something, and have no rows before they have: edit_test.cc.
        if (command.shape == Command::Shape::kNone || command.name == "reload" || command.name == "config diff")
            continue;
        const bool wants_name = command.arguments.size() == 1 && command.arguments[0].name == "name";
        auto reply = answer(source, command.name, wants_name                  ? Json{{"name", "east"}}
                                                  : command.name == "explain" ? Json{{"direction", "out"}, {"packet", kExplained}}
                                                  : command.name == "batch"   ? Json{{"words", {"no change"}}}
                                                                              : Json());
        ASSERT_TRUE(reply) << command.name;
        std::vector<Json> rows;
        reply->next(rows);
        ASSERT_FALSE(rows.empty()) << command.name;
        EXPECT_TRUE(command.shape == Command::Shape::kList || rows.size() == 1);
        ASSERT_EQ(rows[0].size(), reply->fields.size()) << command.name;
        std::set<std::string> names;
        size_t at = 0;
        for (const auto& [name, value] : rows[0].items()) {
            EXPECT_EQ(name, reply->fields[at].name);
            EXPECT_TRUE(names.insert(name).second) << name;
            at++;
        }
        for (const auto& field : reply->fields)
            EXPECT_TRUE(field.reason.empty() || names.contains(field.reason)) << field.reason;
        EXPECT_EQ(fields_from_json(to_json(reply->fields))->size(), reply->fields.size());
    }
}

TEST(Verbs, FindSasBySpiAndName)
{
    FakeSource source;
    EXPECT_EQ(rows_of(source, "sa show", {{"sa", "0xc1f00a21"}})[0]["name"], "east-in");
    EXPECT_EQ(rows_of(source, "sa show", {{"sa", "3253733921"}})[0]["name"], "east-in");
    EXPECT_EQ(rows_of(source, "sa show", {{"sa", "east-out"}})[0]["spi"], "0x7702be10");
    source.sas[1].spi = source.sas[0].spi;  // our SPI and the peer's may be the same number
    EXPECT_EQ(rows_of(source, "sa show", {{"sa", "0xc1f00a21"}}).size(), 2u);
    source.sas[0].name = "3253733921";      // a name that reads as its SPI comes once
    EXPECT_EQ(rows_of(source, "sa show", {{"sa", "3253733921"}}).size(), 2u);
    for (const auto* none : {"east", "east-i", "east-inn", "east-ou", "!", "\x01", "0", "0x", " "})
        EXPECT_FALSE(answer(source, "sa show", {{"sa", none}})) << none;
    EXPECT_EQ(rows_of(source, "sa show", {{"sa", ""}}).size(), 2u);  // no word is no filter
}

TEST(Verbs, FilterPoliciesPortsAndDrops)
{
    const FakeSource source;
    EXPECT_EQ(rows_of(source, "policy show", {{"policy", "4"}})[0]["name"], "rest");
    EXPECT_EQ(rows_of(source, "policy show", {{"policy", "east"}})[0]["id"], 3);
    EXPECT_EQ(rows_of(source, "port show", {{"port", "wan"}}).size(), 1u);
    EXPECT_EQ(rows_of(source, "drops").size(), 2u);
    EXPECT_EQ(rows_of(source, "drops", {{"all", true}}).size(), 3u);
    EXPECT_EQ(rows_of(source, "drops", {{"all", false}}).size(), 2u);
}

TEST(Verbs, PagesHaveNoGapAndNoRepeat)
{
    FakeSource source;
    for (const size_t count : {size_t{0}, kPageRows - 3, kPageRows - 2, kPageRows, 3 * kPageRows}) {
        source.generated = count;
        const auto rows = rows_of(source, "sa show");
        std::set<std::string> names;
        for (const auto& row : rows)
            names.insert(row["name"].get<std::string>());
        EXPECT_EQ(rows.size(), count + 2);
        EXPECT_EQ(names.size(), count + 2);
    }
}

}  // namespace
}  // namespace ipsecgw::cli
