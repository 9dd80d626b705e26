/* SPDX-License-Identifier: BSD-3-Clause */

/* The port as DPDK sees it: devargs, queues, start and stop, statistics. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_kvargs.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "iips.h"
#include "iips_ethdev.h"

RTE_LOG_REGISTER_DEFAULT(iips_logtype, NOTICE);

#define ARG_BACKING "backing"
#define ARG_LOOPBACK "loopback"
#define ARG_QUEUES "queues"
#define ARG_PROFILE "profile"
#define ARG_CIPHER "cipher"
#define ARG_OFFER "offer"
#define ARG_MAX_SESSIONS "max_sessions"
#define ARG_FAIL_EVERY "fail_every"
#define ARG_DROP_LINK_AFTER "drop_link_after"
#define ARG_SEQUENCE_END "sequence_end"
#define ARG_RESET_AFTER "reset_after"
#define ARG_REMOVE_AFTER "remove_after"

static bool has_backing(const struct iips_port *port)
{
	return port->backing != RTE_MAX_ETHPORTS;
}

/* ---- configuration ---- */

static int configure_backing(struct iips_port *port, struct rte_eth_dev *dev)
{
	struct rte_eth_conf conf = { .rxmode = { .mtu = dev->data->mtu } };
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port->backing, &info);

	if (ret != 0)
		return ret;
	port->backing_rx = RTE_MIN(dev->data->nb_rx_queues, info.max_rx_queues);
	port->backing_tx = RTE_MIN(dev->data->nb_tx_queues, info.max_tx_queues);
	return rte_eth_dev_configure(port->backing, port->backing_rx, port->backing_tx, &conf);
}

static int dev_configure(struct rte_eth_dev *dev)
{
	struct iips_port *port = dev->data->dev_private;
	const struct rte_eth_rss_conf *rss = &dev->data->dev_conf.rx_adv_conf.rss_conf;

	port->nb_rx = dev->data->nb_rx_queues;
	port->nb_tx = dev->data->nb_tx_queues;
	port->loopback = port->loopback_devarg || dev->data->dev_conf.lpbk_mode != 0;
	if (!port->loopback && !has_backing(port)) {
		IIPS_LOG(ERR, "neither backing= nor loopback=1: there is no wire");
		return -EINVAL;
	}
	iips_rss_default(port);
	if ((dev->data->dev_conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) != 0) {
		port->rss_types = rss->rss_hf;
		if (rss->rss_key != NULL)
			memcpy(port->rss_key, rss->rss_key, IIPS_HASH_KEY_BYTES);
	}
	return has_backing(port) ? configure_backing(port, dev) : 0;
}

static int rx_queue_setup(struct rte_eth_dev *dev, uint16_t q, uint16_t descriptors, unsigned int socket,
			  const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	struct iips_port *port = dev->data->dev_private;
	char name[RTE_RING_NAMESIZE];

	RTE_SET_USED(conf);
	if (port->rx[q].ring == NULL) {
		snprintf(name, sizeof(name), "iips_%u_%u", dev->data->port_id, q);
		port->rx[q].ring = rte_ring_create(name, IIPS_RING_SIZE, (int)socket, RING_F_SC_DEQ);
		if (port->rx[q].ring == NULL)
			return -rte_errno;
	}
	dev->data->rx_queues[q] = &port->rx[q];
	if (has_backing(port) && q < port->backing_rx)
		return rte_eth_rx_queue_setup(port->backing, q, descriptors, socket, NULL, pool);
	return 0;
}

static int tx_queue_setup(struct rte_eth_dev *dev, uint16_t q, uint16_t descriptors, unsigned int socket,
			  const struct rte_eth_txconf *conf)
{
	struct iips_port *port = dev->data->dev_private;

	RTE_SET_USED(conf);
	dev->data->tx_queues[q] = &port->tx[q];
	if (has_backing(port) && q < port->backing_tx)
		return rte_eth_tx_queue_setup(port->backing, q, descriptors, socket, NULL);
	return 0;
}

static int dev_start(struct rte_eth_dev *dev)
{
	struct iips_port *port = dev->data->dev_private;
	int ret = has_backing(port) ? rte_eth_dev_start(port->backing) : 0;

	if (ret == 0)
		port->link.link_status = port->link_lost ? RTE_ETH_LINK_DOWN : RTE_ETH_LINK_UP;
	return ret;
}

static int dev_stop(struct rte_eth_dev *dev)
{
	struct iips_port *port = dev->data->dev_private;
	struct rte_mbuf *m;
	uint16_t q;

	dev->data->dev_started = 0;
	port->link.link_status = RTE_ETH_LINK_DOWN;
	iips_quiesce(port);
	for (q = 0; q < port->nb_rx; q++)
		while (port->rx[q].ring != NULL && rte_ring_dequeue(port->rx[q].ring, (void **)&m) == 0)
			iips_free_received(port, m);
	iips_reassembly_forget(port);
	iips_resume(port);
	return has_backing(port) ? rte_eth_dev_stop(port->backing) : 0;
}

static int dev_close(struct rte_eth_dev *dev)
{
	struct iips_port *port = dev->data->dev_private;
	uint16_t q;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return 0;
	iips_flow_flush(port);
	for (q = 0; q < IIPS_MAX_QUEUES; q++) {
		rte_ring_free(port->rx[q].ring);
		port->rx[q].ring = NULL;
	}
	iips_security_fini(port);
	if (has_backing(port)) {
		rte_eth_dev_owner_unset(port->backing, port->owner.id);
		rte_eth_dev_close(port->backing);
		port->backing = RTE_MAX_ETHPORTS;
	}
	dev->data->mac_addrs = NULL;	/* inside dev_private */
	return 0;
}

/* A reset loses every rule; sessions of the application stay its to destroy. */
static int dev_reset(struct rte_eth_dev *dev)
{
	struct iips_port *port = dev->data->dev_private;

	iips_flow_flush(port);
	port->link_lost = false;
	port->frames = 0;
	return 0;
}

static int dev_info_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct iips_port *port = dev->data->dev_private;

	info->max_mac_addrs = 1;
	info->max_rx_pktlen = 16 * 1024;
	info->max_mtu = 16 * 1024 - RTE_ETHER_HDR_LEN;
	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_rx_queues = port->max_queues;
	info->max_tx_queues = port->max_queues;
	info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_CHECKSUM | RTE_ETH_RX_OFFLOAD_SECURITY | RTE_ETH_RX_OFFLOAD_RSS_HASH;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_SECURITY | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	info->reta_size = IIPS_RETA_SIZE;
	info->hash_key_size = IIPS_HASH_KEY_BYTES;
	info->flow_type_rss_offloads = iips_rss_types(port);
	info->rx_desc_lim = (struct rte_eth_desc_lim){ .nb_max = 4096, .nb_min = 32, .nb_align = 1 };
	info->tx_desc_lim = info->rx_desc_lim;
	return 0;
}

/* ---- the rest ---- */

static int link_update(struct rte_eth_dev *dev, int wait)
{
	struct iips_port *port = dev->data->dev_private;
	struct rte_eth_link below;

	RTE_SET_USED(wait);
	if (has_backing(port) && !port->loopback && !port->link_lost && dev->data->dev_started &&
	    rte_eth_link_get_nowait(port->backing, &below) == 0)
		port->link = below;
	return rte_eth_linkstatus_set(dev, &port->link);
}

static int stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats IIPS_QUEUE_STATS)
{
	const struct iips_port *port = dev->data->dev_private;
	struct rte_eth_stats below;
	uint16_t q;

	/* What the wire lost of frames that were sealed and given to it. */
	if (has_backing(port) && rte_eth_stats_get(port->backing, &below) == 0) {
		stats->oerrors = below.oerrors;
		stats->ierrors = below.ierrors;
		stats->imissed = below.imissed;
		stats->rx_nombuf = below.rx_nombuf;
	}
	for (q = 0; q < IIPS_MAX_QUEUES; q++) {
		stats->ipackets += port->rx[q].packets;
		stats->ibytes += port->rx[q].bytes;
		stats->imissed += port->rx[q].errors;
		stats->opackets += port->tx[q].packets;
		stats->obytes += port->tx[q].bytes;
		stats->oerrors += port->tx[q].errors;
	}
	return 0;
}

static int stats_reset(struct rte_eth_dev *dev)
{
	struct iips_port *port = dev->data->dev_private;
	uint16_t q;

	for (q = 0; q < IIPS_MAX_QUEUES; q++) {
		port->rx[q].packets = port->rx[q].bytes = port->rx[q].errors = 0;
		port->tx[q].packets = port->tx[q].bytes = port->tx[q].errors = 0;
	}
	return has_backing(port) ? rte_eth_stats_reset(port->backing) : 0;
}

static int promiscuous_enable(struct rte_eth_dev *dev)
{
	const struct iips_port *port = dev->data->dev_private;

	return has_backing(port) ? rte_eth_promiscuous_enable(port->backing) : 0;
}

static int promiscuous_disable(struct rte_eth_dev *dev)
{
	const struct iips_port *port = dev->data->dev_private;

	return has_backing(port) ? rte_eth_promiscuous_disable(port->backing) : 0;
}

static int allmulticast_enable(struct rte_eth_dev *dev)
{
	const struct iips_port *port = dev->data->dev_private;

	if (has_backing(port))
		rte_eth_allmulticast_enable(port->backing);	/* one that cannot filter receives everything */
	return 0;
}

static int allmulticast_disable(struct rte_eth_dev *dev)
{
	const struct iips_port *port = dev->data->dev_private;

	if (has_backing(port))
		rte_eth_allmulticast_disable(port->backing);
	return 0;
}

static int mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	const struct iips_port *port = dev->data->dev_private;

	return has_backing(port) ? rte_eth_dev_set_mtu(port->backing, mtu) : 0;
}

static int mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	struct iips_port *port = dev->data->dev_private;

	port->mac = *mac;
	return 0;
}

static int flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops)
{
	RTE_SET_USED(dev);
	*ops = &iips_flow_ops;
	return 0;
}

static const struct eth_dev_ops dev_ops = {
	.dev_configure = dev_configure,
	.dev_start = dev_start,
	.dev_stop = dev_stop,
	.dev_close = dev_close,
	.dev_reset = dev_reset,
	.dev_infos_get = dev_info_get,
	.rx_queue_setup = rx_queue_setup,
	.tx_queue_setup = tx_queue_setup,
	.link_update = link_update,
	.stats_get = stats_get,
	.stats_reset = stats_reset,
	.promiscuous_enable = promiscuous_enable,
	.promiscuous_disable = promiscuous_disable,
	.allmulticast_enable = allmulticast_enable,
	.allmulticast_disable = allmulticast_disable,
	.mtu_set = mtu_set,
	.mac_addr_set = mac_addr_set,
	.reta_update = iips_reta_update,
	.reta_query = iips_reta_query,
	.rss_hash_update = iips_rss_hash_update,
	.rss_hash_conf_get = iips_rss_hash_conf_get,
	.flow_ops_get = flow_ops_get,
	.ip_reassembly_capability_get = iips_reassembly_capability_get,
	.ip_reassembly_conf_get = iips_reassembly_conf_get,
	.ip_reassembly_conf_set = iips_reassembly_conf_set,
};

/* ---- probe ---- */

static int parse_number(const char *key, const char *value, void *out)
{
	char *end;

	*(uint64_t *)out = strtoull(value, &end, 0);
	if (*value == '\0' || *end != '\0') {
		IIPS_LOG(ERR, "%s=%s is not a number", key, value);
		return -EINVAL;
	}
	return 0;
}

static int number(struct rte_kvargs *args, const char *key, uint64_t fallback, uint64_t min, uint64_t max, uint64_t *out)
{
	*out = fallback;
	if (rte_kvargs_process(args, key, parse_number, out) < 0)
		return -EINVAL;
	if (*out < min || *out > max) {
		IIPS_LOG(ERR, "%s is %" PRIu64 " to %" PRIu64, key, min, max);
		return -EINVAL;
	}
	return 0;
}

static int word(struct rte_kvargs *args, const char *key, const char *off, const char *on, bool *out)
{
	const char *value = rte_kvargs_get(args, key);

	*out = false;
	if (value == NULL || strcmp(value, off) == 0)
		return 0;
	if (strcmp(value, on) != 0) {
		IIPS_LOG(ERR, "%s is %s or %s", key, off, on);
		return -EINVAL;
	}
	*out = true;
	return 0;
}

static int take_backing(struct iips_port *port, struct rte_kvargs *args, const char *name)
{
	const char *backing = rte_kvargs_get(args, ARG_BACKING);

	port->backing = RTE_MAX_ETHPORTS;
	if (backing == NULL)
		return 0;
	if (rte_eth_dev_get_port_by_name(backing, &port->backing) != 0) {
		port->backing = RTE_MAX_ETHPORTS;
		IIPS_LOG(ERR, "no port is named %s; give its --vdev before this one", backing);
		return -ENODEV;
	}
	if (rte_eth_dev_owner_new(&port->owner.id) != 0)
		return -ENOMEM;
	snprintf(port->owner.name, sizeof(port->owner.name), "%s", name);
	if (rte_eth_dev_owner_set(port->backing, &port->owner) != 0) {
		IIPS_LOG(ERR, "%s belongs to another driver already", backing);
		port->backing = RTE_MAX_ETHPORTS;
		return -EBUSY;
	}
	rte_eth_macaddr_get(port->backing, &port->mac);
	return 0;
}

static int read_args(struct iips_port *port, struct rte_kvargs *args, const char *name)
{
	uint64_t queues, sessions, fail, link, last, reset, removal;
	bool bf2;

	if (number(args, ARG_QUEUES, 1, 1, IIPS_MAX_QUEUES, &queues) != 0 ||
	    number(args, ARG_MAX_SESSIONS, 65536, 1, 1u << 24, &sessions) != 0 ||
	    number(args, ARG_FAIL_EVERY, 0, 0, UINT32_MAX, &fail) != 0 ||
	    number(args, ARG_DROP_LINK_AFTER, 0, 0, UINT64_MAX, &link) != 0 ||
	    number(args, ARG_RESET_AFTER, 0, 0, UINT64_MAX, &reset) != 0 ||
	    number(args, ARG_REMOVE_AFTER, 0, 0, UINT64_MAX, &removal) != 0 ||
	    number(args, ARG_SEQUENCE_END, 0, 0, UINT64_MAX, &last) != 0 ||
	    word(args, ARG_LOOPBACK, "0", "1", &port->loopback_devarg) != 0 ||
	    word(args, ARG_CIPHER, "openssl", "none", &port->cipher_none) != 0 ||
	    word(args, ARG_OFFER, "all", "crypto", &port->crypto_only) != 0 ||
	    word(args, ARG_PROFILE, "generic", "bf2", &bf2) != 0)
		return -EINVAL;
	port->max_queues = (uint16_t)queues;
	port->max_sessions = (uint32_t)(bf2 ? RTE_MIN(sessions, (uint64_t)IIPS_BF2_RULES) : sessions);
	port->fail_every = (uint32_t)fail;
	port->drop_link_after = link;
	port->sequence_end = last;
	port->reset_after = reset;
	port->remove_after = removal;
	port->profile = bf2 ? IIPS_PROFILE_BF2 : IIPS_PROFILE_GENERIC;
	rte_eth_random_addr(port->mac.addr_bytes);
	return take_backing(port, args, name);
}

static void init_queues(struct iips_port *port)
{
	uint16_t q;

	for (q = 0; q < IIPS_MAX_QUEUES; q++) {
		rte_spinlock_init(&port->rx[q].lock);
		rte_spinlock_init(&port->tx[q].lock);
		rte_spinlock_init(&port->backing_tx_lock[q]);
		port->rx[q].port = port->tx[q].port = port;
		port->rx[q].index = port->tx[q].index = q;
	}
}

static int probe_with(struct rte_vdev_device *vdev, struct rte_kvargs *args)
{
	struct rte_eth_dev *dev = rte_eth_vdev_allocate(vdev, sizeof(struct iips_port));
	struct iips_port *port;
	int ret;

	if (dev == NULL)
		return -ENOMEM;
	port = dev->data->dev_private;
	port->dev = dev;
	port->backing = RTE_MAX_ETHPORTS;
	port->link = (struct rte_eth_link){ .link_speed = RTE_ETH_SPEED_NUM_100G, .link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
					    .link_status = RTE_ETH_LINK_DOWN, .link_autoneg = RTE_ETH_LINK_FIXED };
	init_queues(port);
	rte_spinlock_init(&port->reassembly.lock);
	ret = read_args(port, args, rte_vdev_device_name(vdev));
	if (ret == 0)
		ret = iips_security_init(port);
	if (ret != 0) {
		if (has_backing(port))
			rte_eth_dev_owner_unset(port->backing, port->owner.id);
		rte_eth_dev_release_port(dev);
		return ret;
	}
	dev->data->mac_addrs = &port->mac;
	dev->data->promiscuous = 1;
	dev->data->dev_flags |= RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	dev->dev_ops = &dev_ops;
	dev->rx_pkt_burst = iips_rx_burst;
	dev->tx_pkt_burst = iips_tx_burst;
	rte_eth_dev_probing_finish(dev);
	return 0;
}

static int probe(struct rte_vdev_device *vdev)
{
	static const char *const valid[] = { ARG_BACKING, ARG_LOOPBACK,	    ARG_QUEUES,	    ARG_PROFILE,	 ARG_CIPHER,
					     ARG_MAX_SESSIONS, ARG_FAIL_EVERY, ARG_DROP_LINK_AFTER,
					     ARG_SEQUENCE_END, ARG_RESET_AFTER, ARG_REMOVE_AFTER, ARG_OFFER, NULL };
	struct rte_kvargs *args;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		IIPS_LOG(ERR, "secondary processes are not supported");
		return -ENOTSUP;
	}
	args = rte_kvargs_parse(rte_vdev_device_args(vdev), valid);
	if (args == NULL) {
		IIPS_LOG(ERR, "%s: unknown device argument in \"%s\"", rte_vdev_device_name(vdev), rte_vdev_device_args(vdev));
		return -EINVAL;
	}
	ret = probe_with(vdev, args);
	rte_kvargs_free(args);
	return ret;
}

static int remove_device(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (dev == NULL)
		return 0;
	dev_close(dev);
	return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver driver = {
	.probe = probe,
	.remove = remove_device,
};

RTE_PMD_REGISTER_VDEV(net_inline_ipsec, driver);
RTE_PMD_REGISTER_PARAM_STRING(net_inline_ipsec,
	ARG_BACKING "=<port> " ARG_LOOPBACK "=<0|1> " ARG_QUEUES "=<int> " ARG_PROFILE "=<generic|bf2> " ARG_CIPHER
	"=<openssl|none> " ARG_MAX_SESSIONS "=<int> " ARG_FAIL_EVERY "=<int> " ARG_DROP_LINK_AFTER "=<int> " ARG_SEQUENCE_END "=<int> "
	ARG_RESET_AFTER "=<int> " ARG_REMOVE_AFTER "=<int> " ARG_OFFER "=<all|crypto>");
