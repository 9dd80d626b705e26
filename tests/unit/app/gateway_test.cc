// Gateways as objects: two in one process, started and stopped in any order, and failed starts that leave nothing.
#include "app/gateway.h"

#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

namespace ipsecgw::app {
namespace {

model::SaParams sa_params(const char* name, model::Direction direction, uint32_t spi)
{
    model::SaParams sa;
    sa.name = name;
    sa.direction = direction;
    sa.spi = spi;
    sa.local = net::IpAddress::parse("192.0.2.1").value();
    sa.remote = net::IpAddress::parse("192.0.2.2").value();
    sa.keymat = base::SecretBytes(sa.suite.layout().keymat_bytes());
    return sa;
}

class GatewayTest : public testing::Test {
  protected:
    void TearDown() override
    {
        for (const auto& device : devices_)
            rte_vdev_uninit(device.c_str());
        EXPECT_EQ(rte_mempool_lookup("a_mbufs"), nullptr);
        EXPECT_EQ(rte_mempool_lookup("b_mbufs"), nullptr);
    }
    /// A device, or the same anew: closing a port gives up its device.
    void add_device(const std::string& name)
    {
        rte_vdev_uninit(name.c_str());
        ASSERT_EQ(rte_vdev_init(name.c_str(), "no-rx=1"), 0);
        devices_.push_back(name);
    }
    /// Name "a" takes net_null_a0, net_null_a1 and a socket of that name.
    model::Gateway config(const std::string& name)
    {
        model::Gateway gateway;
        gateway.settings.control_socket = socket_of(name);
        gateway.settings.max_sas = 64;
        gateway.settings.idle_sleep_us = 1000;
        for (const char* number : {"0", "1"}) {
            model::Port port;
            port.name = std::string("port") + number;
            port.device = "net_null_" + name + number;
            port.rx_descriptors = port.tx_descriptors = 64;
            port.addresses = {net::Prefix::parse(*number == '0' ? "10.1.0.1/16" : "192.0.2.1/24").value()};
            gateway.ports.push_back(std::move(port));
        }
        gateway.sas.push_back(sa_params("in", model::Direction::kInbound, 0x1001));
        gateway.sas.push_back(sa_params("out", model::Direction::kOutbound, 0x2001));
        return gateway;
    }
    static std::string socket_of(const std::string& name)
    {
        return testing::TempDir() + "gw_" + std::to_string(getpid()) + "_" + name + ".sock";
    }
    static base::Result<std::unique_ptr<Gateway>> start(model::Gateway config, const std::string& name, unsigned lcore)
    {
        Gateway::Host host;
        host.name = name;
        host.version = "test";
        if (lcore != 0)
            host.lcores = {lcore};
        return Gateway::start(std::move(config), std::move(host));
    }
    static bool answers(const std::string& name)
    {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, socket_of(name).c_str(), sizeof address.sun_path - 1);
        const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        close(fd);
        return connected;
    }

  private:
    std::vector<std::string> devices_;
};

TEST_F(GatewayTest, TwoLiveInOneProcessAndStopInAnyOrder)
{
    for (const char* device : {"net_null_a0", "net_null_a1", "net_null_b0", "net_null_b1"})
        add_device(device);
    auto a = start(config("a"), "a", 1);
    ASSERT_TRUE(a) << a.error().what;
    auto b = start(config("b"), "b", 2);
    ASSERT_TRUE(b) << b.error().what;
    EXPECT_TRUE(answers("a"));
    EXPECT_TRUE(answers("b"));
    EXPECT_EQ(rte_eal_get_lcore_state(1), RUNNING);
    a.value().reset();
    EXPECT_FALSE(answers("a"));
    EXPECT_TRUE(answers("b"));
    EXPECT_EQ(rte_eal_get_lcore_state(1), WAIT);
    EXPECT_EQ(rte_eal_get_lcore_state(2), RUNNING);
    b.value()->stop();
    b.value()->stop();
    EXPECT_EQ(rte_eal_get_lcore_state(2), WAIT);
}

TEST_F(GatewayTest, AFailedStartLeavesNothingAndTheNextOneWorks)
{
    const auto refused = [](const char* why, model::Gateway wrong, unsigned lcore = 1) {
        auto gateway = start(std::move(wrong), "a", lcore);
        ASSERT_FALSE(gateway) << why;
        EXPECT_THAT(gateway.error().what + "\n" + gateway.error().hint, testing::HasSubstr(why));
        EXPECT_EQ(rte_mempool_lookup("a_mbufs"), nullptr) << why;
        EXPECT_EQ(rte_eal_get_lcore_state(1), WAIT) << why;
        EXPECT_FALSE(answers("a")) << why;
    };
    refused("DPDK found no port", config("a"));
    add_device("net_null_a0");
    refused("DPDK has these ports: net_null_a0", config("a"));
    add_device("net_null_a1");
    refused("give at least two lcores: -l 0-1", config("a"), 0);
    auto twice = config("a");
    twice.ports[1].device = twice.ports[0].device;
    refused("ports port0 and port1 are the same device, net_null_a0", std::move(twice));
    auto bad_sa = config("a");
    bad_sa.sas[1].worker = 7;
    bad_sa.sas[0].worker = 7;
    refused("there is no worker 7", std::move(bad_sa));
    add_device("net_null_a0");
    add_device("net_null_a1");
    auto bad_socket = config("a");
    bad_socket.settings.control_socket = "/proc/self/nowhere/gw.sock";
    refused("/proc/self/nowhere", std::move(bad_socket));

    add_device("net_null_a0");
    add_device("net_null_a1");
    auto right = start(config("a"), "a", 1);
    ASSERT_TRUE(right) << right.error().what;
    EXPECT_TRUE(answers("a"));
}

}  // namespace
}  // namespace ipsecgw::app

/// Like support/eal_main.cc, with lcores for workers beside the main one.
int main(int argc, char** argv)
{
    testing::InitGoogleMock(&argc, argv);
    if (GTEST_FLAG_GET(list_tests))
        return RUN_ALL_TESTS();
    std::vector<std::string> words = {argv[0],
                                      "--no-huge",
                                      "--no-shconf",
                                      "--no-pci",
                                      "--no-telemetry",
                                      "--lcores=0@0,1@0,2@0",
                                      "-m",
                                      "512",
                                      "--log-level=lib.*:error",
                                      "--file-prefix=gwapp" + std::to_string(getpid())};
    std::vector<char*> args;
    for (auto& word : words)
        args.push_back(word.data());
    if (rte_eal_init(static_cast<int>(args.size()), args.data()) < 0)
        return 2;
    const int result = RUN_ALL_TESTS();
    rte_eal_cleanup();
    return result;
}
