#include "dpdk/port.h"

#include <cstdlib>
#include <linux/if_packet.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dpdk/mbuf_pool.h"

namespace ipsecgw::dpdk {
namespace {

class PortTest : public testing::Test {
  protected:
    PortTest() : pool_(MbufPool::create({.name = "ports", .count = 8191, .private_bytes = 128, .largest_mtu = 9000}))
    {
        EXPECT_TRUE(pool_);
    }

    [[nodiscard]] base::Result<Port> open(const std::string& device, uint16_t workers = 1, uint16_t mtu = 1500)
    {
        return Port::open({.name = "lan",
                           .device = device,
                           .workers = workers,
                           .mtu = mtu,
                           .rx_descriptors = 256,
                           .tx_descriptors = 256},
                          pool_->get());
    }
    /// Opens, starts and looks at a port of one driver.
    void check(const std::string& device, const std::string& driver)
    {
        auto port = open(device);
        ASSERT_TRUE(port) << port.error().what;
        EXPECT_EQ(port->driver(), driver);
        EXPECT_EQ(port->rx_queues(), 1);
        EXPECT_EQ(port->tx_queues(), 1);
        const auto started = port->start();
        ASSERT_TRUE(started) << started.error().what;
        EXPECT_TRUE(port->link().up);
        port->stop();
        ASSERT_TRUE(port->start());
    }

    base::Result<MbufPool> pool_;
};

bool run(const std::string& command)
{
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// A veth pair; needs root and the kernel's module.
class Veth {
  public:
    Veth()
    {
        exists_ = geteuid() == 0 && run("ip link add " + name_ + " type veth peer name " + name_ + "p && ip link set " +
                                        name_ + " up && ip link set " + name_ + "p up");
    }
    ~Veth()
    {
        if (exists_)
            run("ip link del " + name_);
    }
    Veth(const Veth&) = delete;
    Veth& operator=(const Veth&) = delete;
    [[nodiscard]] bool exists() const { return exists_; }
    [[nodiscard]] std::string arguments() const { return "iface=" + name_; }

  private:
    std::string name_ = "gwt" + std::to_string(getpid());
    bool exists_ = false;
};

TEST_F(PortTest, OpensNullByNameAndNumber)
{
    ASSERT_EQ(rte_vdev_init("net_null0", nullptr), 0);
    const auto id = Port::find("net_null0");
    ASSERT_TRUE(id);
    auto by_number = open(std::to_string(*id), 3);
    ASSERT_TRUE(by_number) << by_number.error().what;
    EXPECT_EQ(by_number->id(), *id);
    EXPECT_EQ(by_number->rx_queues(), 3);
    EXPECT_EQ(by_number->tx_queues(), 3);
    ASSERT_TRUE(by_number->start());
    rte_mbuf* burst[4];
    EXPECT_GT(rte_eth_rx_burst(by_number->id(), 2, burst, 4), 0);
    rte_pktmbuf_free_bulk(burst, 4);
}

TEST_F(PortTest, ClosesThePortInTheEnd)
{
    ASSERT_EQ(rte_vdev_init("net_null1", nullptr), 0);
    {
        auto port = open("net_null1");
        ASSERT_TRUE(port);
        ASSERT_TRUE(port->start());
        Port moved = std::move(*port);
        EXPECT_TRUE(Port::find("net_null1"));
    }
    EXPECT_FALSE(Port::find("net_null1"));
    EXPECT_EQ(pool_->in_use(), 0u);
}

TEST_F(PortTest, TakesAJumboMtuWhereThePortDoes)
{
    ASSERT_EQ(rte_vdev_init("net_null2", nullptr), 0);
    auto port = open("net_null2", 1, 9000);
    ASSERT_TRUE(port) << port.error().what;
    uint16_t mtu = 0;
    ASSERT_EQ(rte_eth_dev_get_mtu(port->id(), &mtu), 0);
    EXPECT_EQ(mtu, 9000);
}

TEST_F(PortTest, UsesNoMoreQueuesThanARingHas)
{
    rte_ring* ring = rte_ring_create("port_ring", 256, -1, RING_F_SP_ENQ | RING_F_SC_DEQ);
    ASSERT_NE(ring, nullptr);
    const int id = rte_eth_from_rings("gwring0", &ring, 1, &ring, 1, 0);
    ASSERT_GE(id, 0);
    {
        auto port = open("net_ring_gwring0", 4);
        ASSERT_TRUE(port) << port.error().what;
        EXPECT_EQ(port->id(), id);
        EXPECT_EQ(port->driver(), "net_ring");
        EXPECT_EQ(port->rx_queues(), 1);
        EXPECT_EQ(port->tx_queues(), 1);
        ASSERT_TRUE(port->start());
        rte_mbuf* m = rte_pktmbuf_alloc(pool_->get());
        ASSERT_EQ(rte_eth_tx_burst(port->id(), 0, &m, 1), 1);
        ASSERT_EQ(rte_eth_rx_burst(port->id(), 0, &m, 1), 1);
        rte_pktmbuf_free(m);
    }
    rte_ring_free(ring);
}

TEST_F(PortTest, NamesThePortsThereAre)
{
    ASSERT_EQ(rte_vdev_init("net_null3", nullptr), 0);
    const auto port = open("net_absent0");
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().code, base::ErrorCode::kNotFound);
    EXPECT_EQ(port.error().what, "no port is called \"net_absent0\"");
    EXPECT_NE(port.error().hint.find("net_null3"), std::string::npos);
    EXPECT_TRUE(open("net_null3"));
}

TEST_F(PortTest, UndoesAPartialSetUp)
{
    // Buffers smaller than a headroom are refused at the first receive queue, after configuring.
    ASSERT_EQ(rte_vdev_init("net_null4", nullptr), 0);
    rte_mempool* small = rte_pktmbuf_pool_create("small", 1023, 0, 0, RTE_PKTMBUF_HEADROOM / 2, SOCKET_ID_ANY);
    ASSERT_NE(small, nullptr);
    const auto port = Port::open({.name = "lan", .device = "net_null4"}, small);
    ASSERT_FALSE(port);
    EXPECT_NE(port.error().what.find("port lan: setting up receive queue 0"), std::string::npos) << port.error().what;
    EXPECT_FALSE(Port::find("net_null4"));
    rte_mempool_free(small);
}

TEST_F(PortTest, OpensPcapFiles)
{
    const std::string path = testing::TempDir() + "gw_port_test.pcap." + std::to_string(getpid());
    ASSERT_EQ(rte_vdev_init("net_pcap0", ("tx_pcap=" + path).c_str()), 0);
    {
        auto port = open("net_pcap0");
        ASSERT_TRUE(port) << port.error().what;
        EXPECT_EQ(port->driver(), "net_pcap");
        EXPECT_TRUE(port->start());
    }
    unlink(path.c_str());
}

/// qemu-user does not know the socket option the driver begins with.
bool af_packet_works()
{
    const int fd = socket(AF_PACKET, SOCK_RAW, 0);
    const int version = TPACKET_V2;
    const bool works = fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) == 0;
    if (fd >= 0)
        close(fd);
    return works;
}

TEST_F(PortTest, OpensAfPacketOnVeth)
{
    if (!af_packet_works())
        GTEST_SKIP() << "no packet sockets of version 2: no root, or an emulator";
    const Veth veth;
    if (!veth.exists())
        GTEST_SKIP() << "needs root and veth";
    ASSERT_EQ(rte_vdev_init("net_af_packet0", veth.arguments().c_str()), 0);
    check("net_af_packet0", "net_af_packet");
}

TEST_F(PortTest, RefusesAnMtuTheDriverDoesNotTake)
{
    if (!af_packet_works())
        GTEST_SKIP() << "no packet sockets of version 2: no root, or an emulator";
    const Veth veth;
    if (!veth.exists())
        GTEST_SKIP() << "needs root and veth";
    ASSERT_EQ(rte_vdev_init("net_af_packet1", veth.arguments().c_str()), 0);
    rte_eth_dev_info info{};
    ASSERT_EQ(rte_eth_dev_info_get(*Port::find("net_af_packet1"), &info), 0);
    if (info.max_rx_pktlen >= 9018)
        GTEST_SKIP() << "this DPDK's af_packet takes jumbo frames";
    const auto port = open("net_af_packet1", 1, 9000);
    ASSERT_FALSE(port);
    EXPECT_EQ(port.error().code, base::ErrorCode::kUnsupported);
    EXPECT_EQ(port.error().what, "port lan: mtu 9000: driver net_af_packet takes frames of 64 to 1518 bytes");
}

TEST_F(PortTest, OpensTap)
{
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the tap driver's interrupt handler reads a socket while the driver closes it";
#endif
    if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
        GTEST_SKIP() << "needs root and /dev/net/tun";
    ASSERT_EQ(rte_vdev_init("net_tap0", ("iface=gwtap" + std::to_string(getpid())).c_str()), 0);
    check("net_tap0", "net_tap");
}

}  // namespace
}  // namespace ipsecgw::dpdk
