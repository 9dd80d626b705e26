// Two gateways that agree on their SAs by IKE: daemons over real tables and workers, the wire a loop of this test.
#include "iked/daemon.h"

#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>

#include "base/byte_order.h"
#include "net/checksum.h"
#include "unit/control/harness.h"

namespace ipsecgw::iked {
namespace {

using control::ip;
using control::prefix;
using testing::HasSubstr;

constexpr net::MacAddress kMacA{{2, 0, 0, 0, 0, 0xa}};
constexpr net::MacAddress kMacB{{2, 0, 0, 0, 0, 0xb}};
constexpr net::MacAddress kHostMac{{2, 0, 0, 0, 0, 0x99}};

control::HarnessSpec spec(char side)
{
    control::HarnessSpec out;
    out.workers = 1;
    out.name = std::string("iked_") + side;
    const bool a = side == 'a';
    out.inside = {prefix(a ? "10.1.0.1/16" : "10.2.0.1/16")};
    out.outside = {prefix(a ? "192.0.2.1/24" : "192.0.2.2/24")};
    out.outside_mac = a ? kMacA : kMacB;
    return out;
}

/// One gateway with its daemon.
struct Site : control::ControlTest {
    using ControlTest::control, ControlTest::data, ControlTest::arrive, ControlTest::sent, ControlTest::dropped,
        ControlTest::now, ControlTest::step;
    using ControlTest::kInside, ControlTest::kOutside, ControlTest::kSecond;

    explicit Site(char side, Options options = {}) : ControlTest(spec(side)), is_a(side == 'a')
    {
        model::Gateway gateway;
        gateway.neighbours.push_back({"outside", ip(is_a ? "192.0.2.2" : "192.0.2.1"), is_a ? kMacB : kMacA});
        gateway.neighbours.push_back({"inside", ip(is_a ? "10.1.0.5" : "10.2.0.5"), kHostMac});
        gateway.routes.push_back(
            {prefix(is_a ? "10.2.0.0/16" : "10.1.0.0/16"), ip(is_a ? "192.0.2.2" : "192.0.2.1"), "outside"});
        EXPECT_TRUE(control->load(gateway));
        options.now_ns = [this] { return now; };
        daemon = Daemon::create(*control, std::move(options)).value();
        daemon->observe([this](const ike::Effect& effect) {
            if (const auto* log = std::get_if<ike::LogEvent>(&effect))
                log_text += log->text + "\n";
        });
    }
    ~Site() override { daemon.reset(); }
    void TestBody() override {}

    const bool is_a;
    std::unique_ptr<Daemon> daemon;
    std::string log_text;
};

model::ChildSelector selector(const char* text)
{
    return model::ChildSelector::parse(text).value();
}

model::IkeConnection connection(const Site& site)
{
    model::IkeConnection out;
    out.name = "t";
    out.local_addrs = {prefix(site.is_a ? "192.0.2.1/32" : "192.0.2.2/32")};
    out.remote_addrs = {prefix(site.is_a ? "192.0.2.2/32" : "192.0.2.1/32")};
    out.proposals = model::parse_ike_proposals("aes128-sha256-x25519").value();
    out.local.auth.method = out.remote.auth.method = model::AuthMethod::kPsk;
    out.local.id = model::Identity::parse(site.is_a ? "a.example" : "b.example").value();
    out.remote.id = model::Identity::parse(site.is_a ? "b.example" : "a.example").value();
    model::ChildConfig child;
    child.name = "net";
    child.esp_proposals = model::parse_esp_proposals("aes128gcm16").value();
    child.local_ts = {selector(site.is_a ? "10.1.0.0/16" : "10.2.0.0/16")};
    child.remote_ts = {selector(site.is_a ? "10.2.0.0/16" : "10.1.0.0/16")};
    out.children.push_back(std::move(child));
    return out;
}

model::Gateway gateway_of(model::IkeConnection one, const char* secret = "secret")
{
    model::Gateway out;
    out.connections.push_back(std::move(one));
    model::SharedSecret shared;
    shared.secret = model::parse_secret(secret).value();
    out.secrets.push_back(std::move(shared));
    return out;
}

class DaemonTest : public testing::Test {
  protected:
    DaemonTest() : a('a'), b('b') {}

    void load(const char* secret_b = "secret")
    {
        EXPECT_THAT(a.daemon->load(gateway_of(connection(a))), testing::IsEmpty());
        EXPECT_THAT(b.daemon->load(gateway_of(connection(b), secret_b)), testing::IsEmpty());
    }
    /// Turns of both gateways, and what they say to each other, until nobody says anything.
    void run(uint64_t advance_ns = 0)
    {
        a.now += advance_ns;
        b.now += advance_ns;
        for (int quiet = 0, turns = 0; quiet < 3 && turns < 1000; turns++) {
            quiet++;
            for (Site* site : {&a, &b}) {
                Site& other = site == &a ? b : a;
                site->step();
                site->daemon->work();
                for (const auto& frame : site->sent(Site::kOutside)) {
                    wire.push_back(frame);
                    other.arrive(Site::kOutside, frame);
                    quiet = 0;
                }
            }
            a.now += 1'000'000;
            b.now += 1'000'000;
        }
    }
    std::string initiate()
    {
        outcome = "pending";
        const auto begun = a.daemon->initiate("t", "net", [this](const std::string& failure) { outcome = failure; });
        EXPECT_TRUE(begun) << begun.error().what;
        run();
        return outcome;
    }
    /// A packet of host A to host B; how many came out.
    size_t from_a_to_b()
    {
        std::vector<uint8_t> frame(14 + 20 + 8 + 32);
        std::copy(a.data.ports[0].mac.bytes.begin(), a.data.ports[0].mac.bytes.end(), frame.begin());
        frame[12] = 8;
        uint8_t* header = &frame[14];
        header[0] = 0x45;
        header[3] = 60;
        header[8] = 64;
        header[9] = 17;
        std::memcpy(header + 12, ip("10.1.0.5").data(), 4);
        std::memcpy(header + 16, ip("10.2.0.5").data(), 4);
        const uint16_t sum = net::checksum_be(header, 20);
        std::memcpy(header + 10, &sum, 2);
        header[25] = 40;
        a.arrive(Site::kInside, frame);
        run();
        return b.sent(Site::kInside).size();
    }
    static size_t sas(const Site& site) { return site.control->list_sas({}, 100).size(); }

    Site a, b;
    std::string outcome;  // of the last initiate()
    std::vector<std::vector<uint8_t>> wire;
};

TEST_F(DaemonTest, AChildComesUpAndCarriesPackets)
{
    load();
    EXPECT_EQ(from_a_to_b(), 0u);
    EXPECT_EQ(a.dropped("no-sa"), 1u) << "what a loaded connection protects never leaves in clear";
    EXPECT_EQ(initiate(), "") << a.log_text << b.log_text;
    EXPECT_EQ(sas(a), 2u);
    EXPECT_EQ(sas(b), 2u);
    EXPECT_EQ(from_a_to_b(), 1u);
    const auto rows = a.daemon->list(0, 10);
    ASSERT_EQ(rows.size(), 1u);
    ASSERT_EQ(rows[0].children.size(), 1u);
    EXPECT_EQ(a.control->sa_use(rows[0].children[0].sa_out)->packets, 1u);
    EXPECT_TRUE(a.daemon->initiate("t", "net", {})) << "what is up is not made twice";
    run();
    EXPECT_EQ(sas(a), 2u);
}

TEST_F(DaemonTest, TrafficBringsATrapUp)
{
    auto trapping = connection(a);
    trapping.children[0].start_action = model::StartAction::kTrap;
    EXPECT_THAT(a.daemon->load(gateway_of(std::move(trapping))), testing::IsEmpty());
    EXPECT_THAT(b.daemon->load(gateway_of(connection(b))), testing::IsEmpty());
    EXPECT_EQ(from_a_to_b(), 0u) << "the packet that asks is dropped";
    EXPECT_EQ(sas(a), 2u) << a.log_text;
    EXPECT_EQ(from_a_to_b(), 1u);
}

TEST_F(DaemonTest, AFailureIsToldToWhoAsked)
{
    load("another secret");
    EXPECT_THAT(initiate(), HasSubstr("AUTHENTICATION_FAILED"));
    EXPECT_EQ(sas(a), 0u);
    EXPECT_EQ(sas(b), 0u);
    EXPECT_EQ(a.daemon->initiate("nobody", "", {}).error().code, base::ErrorCode::kNotFound);
}

TEST_F(DaemonTest, ARekeyingMovesTrafficAndLeavesNothingBehind)
{
    load();
    ASSERT_EQ(initiate(), "");
    const auto spi = a.daemon->list(0, 1)[0].children[0].spi_out;
    ike::Selection selection;
    selection.connection = "t";
    selection.child = "net";
    EXPECT_EQ(a.daemon->rekey(selection).value(), 1u);
    run();
    EXPECT_EQ(from_a_to_b(), 1u);
    run(20 * Site::kSecond);
    EXPECT_EQ(sas(a), 2u);
    EXPECT_EQ(sas(b), 2u);
    EXPECT_NE(a.daemon->list(0, 1)[0].children[0].spi_out, spi);
    EXPECT_EQ(from_a_to_b(), 1u);
}

TEST_F(DaemonTest, TheEndTellsThePeerAndKeepsWhatIsProtectedIn)
{
    load();
    ASSERT_EQ(initiate(), "");
    a.daemon->terminate_all();
    run();
    EXPECT_TRUE(a.daemon->is_idle());
    EXPECT_TRUE(b.daemon->is_idle()) << "a Delete was sent";
    run(20 * Site::kSecond);
    EXPECT_EQ(sas(a), 0u);
    EXPECT_EQ(sas(b), 0u);
    wire.clear();
    EXPECT_EQ(from_a_to_b(), 0u);
    EXPECT_TRUE(wire.empty());
    EXPECT_EQ(a.daemon->initiate("t", "", {}).error().code, base::ErrorCode::kUnavailable);
}

TEST_F(DaemonTest, ASoftLimitOfTheDataPathRekeys)
{
    auto limited = connection(a);
    limited.children[0].packets.rekey = 4;
    limited.children[0].packets.life = 1000;
    limited.children[0].packets.rand = 0;
    EXPECT_THAT(a.daemon->load(gateway_of(std::move(limited))), testing::IsEmpty());
    EXPECT_THAT(b.daemon->load(gateway_of(connection(b))), testing::IsEmpty());
    ASSERT_EQ(initiate(), "");
    const auto first = a.daemon->list(0, 1)[0].children[0].id;
    for (int i = 0; i < 6; i++)
        EXPECT_EQ(from_a_to_b(), 1u);
    run(Site::kSecond);
    EXPECT_GT(a.daemon->list(0, 1)[0].children.back().id, first);
    EXPECT_EQ(from_a_to_b(), 1u);
}

TEST_F(DaemonTest, AReloadedConnectionStaysProtectedAndAnUnloadedOneGoes)
{
    load();
    EXPECT_EQ(from_a_to_b(), 0u);
    load();
    EXPECT_EQ(from_a_to_b(), 0u);
    EXPECT_EQ(a.dropped("no-sa"), 2u);
    EXPECT_EQ(a.control->list_policies().size(), 1u);
    EXPECT_THAT(a.daemon->load({}), testing::IsEmpty());
    EXPECT_EQ(a.control->list_policies().size(), 0u);
    EXPECT_TRUE(a.daemon->connections().empty());
}

TEST_F(DaemonTest, AllThatIsWrongIsSaidAndNothingIsLoaded)
{
    auto one = gateway_of(connection(a));
    one.private_keys.push_back({"/nowhere/key.pem", {}});
    one.authorities.push_back({"root", "/nowhere/ca.pem", {"/nowhere/ca.crl"}});
    const auto errors = a.daemon->load(one);
    ASSERT_EQ(errors.size(), 3u);
    EXPECT_THAT(errors[0].what, HasSubstr("/nowhere/key.pem: No such file"));
    EXPECT_THAT(errors[1].what, HasSubstr("authorities.root.cacert"));
    EXPECT_TRUE(a.daemon->connections().empty());
}

TEST_F(DaemonTest, AFloodOfStrangersDoesNotStopItsOwnExchanges)
{
    load();
    std::vector<uint8_t> garbage(28);
    for (int i = 0; i < 2000; i++) {
        garbage[0] = static_cast<uint8_t>(i);
        garbage[1] = static_cast<uint8_t>(i >> 8);
        static_cast<void>(a.control->send({ip("192.0.2.1"), ip("192.0.2.2"), 500, 500, garbage}));
        if (i % 50 == 0)
            for (const auto& frame : a.sent(Site::kOutside))
                b.arrive(Site::kOutside, frame);
    }
    initiate();
    for (int second = 0; second < 20 && outcome == "pending"; second++)
        run(Site::kSecond);
    EXPECT_EQ(outcome, "") << a.log_text << b.log_text;
    EXPECT_GT(b.dropped("ike-full") + b.dropped("ike-done"), 100u);
}

}  // namespace
}  // namespace ipsecgw::iked
