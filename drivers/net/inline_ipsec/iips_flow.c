/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The rte_flow subset IPsec applications use:
 *   [ETH /] [IPV4 | IPV6 (src) (dst) /] [UDP /] [ESP (spi) /] END  ->  SECURITY [session] [+ QUEUE | RSS] | QUEUE | RSS | DROP
 * Rules with an SPI are found by hash, however many there are; the few without are searched by priority.
 */

#include <string.h>

#include <rte_flow_driver.h>
#include <rte_malloc.h>

#include "iips.h"

static int refuse(struct rte_flow_error *error, enum rte_flow_error_type type, const void *cause, const char *why)
{
	return rte_flow_error_set(error, ENOTSUP, type, cause, why);
}

static int parse_esp_item(const struct rte_flow_item *item, struct rte_flow *rule, struct rte_flow_error *error)
{
	const struct rte_flow_item_esp *spec = item->spec, *mask = item->mask != NULL ? item->mask : &rte_flow_item_esp_mask;

	rule->any_esp = true;
	if (spec == NULL)
		return 0;
	if (item->last != NULL)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ITEM_LAST, item, "SPI ranges are not supported");
	if (mask->hdr.seq != 0)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ITEM_MASK, item, "matching on the sequence number is not supported");
	if (mask->hdr.spi == 0)
		return 0;
	if (mask->hdr.spi != UINT32_MAX)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ITEM_MASK, item, "the SPI mask is all bits or none");
	rule->has_spi = true;
	rule->spi = rte_be_to_cpu_32(spec->hdr.spi);
	return 0;
}

static bool is_all(const void *bytes, size_t len, uint8_t value)
{
	const uint8_t *at = bytes;
	size_t i;

	for (i = 0; i < len; i++)
		if (at[i] != value)
			return false;
	return true;
}

/* One address of an IP item: matched whole or not at all. */
static bool parse_address(const void *spec, const void *mask, size_t len, bool *has, uint8_t *out)
{
	*has = is_all(mask, len, 0xff);
	memcpy(out, spec, len);
	return *has || is_all(mask, len, 0);
}

static int parse_ip_item(const struct rte_flow_item *item, struct rte_flow *rule, struct rte_flow_error *error)
{
	bool v4 = item->type == RTE_FLOW_ITEM_TYPE_IPV4, whole;

	rule->family = v4 ? 4 : 6;
	if (item->spec == NULL)
		return 0;
	if (item->last != NULL)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ITEM_LAST, item, "address ranges are not supported");
	if (v4) {
		const struct rte_flow_item_ipv4 *spec = item->spec;
		struct rte_flow_item_ipv4 mask = item->mask != NULL ? *(const struct rte_flow_item_ipv4 *)item->mask : rte_flow_item_ipv4_mask;

		whole = parse_address(&spec->hdr.src_addr, &mask.hdr.src_addr, 4, &rule->has_src, rule->src) &&
			parse_address(&spec->hdr.dst_addr, &mask.hdr.dst_addr, 4, &rule->has_dst, rule->dst);
		mask.hdr.src_addr = mask.hdr.dst_addr = 0;
		whole = whole && is_all(&mask.hdr, sizeof(mask.hdr), 0);
	} else {
		const struct rte_flow_item_ipv6 *spec = item->spec;
		struct rte_flow_item_ipv6 mask = item->mask != NULL ? *(const struct rte_flow_item_ipv6 *)item->mask : rte_flow_item_ipv6_mask;

		whole = parse_address(spec->hdr.src_addr, mask.hdr.src_addr, 16, &rule->has_src, rule->src) &&
			parse_address(spec->hdr.dst_addr, mask.hdr.dst_addr, 16, &rule->has_dst, rule->dst);
		memset(mask.hdr.src_addr, 0, 16);
		memset(mask.hdr.dst_addr, 0, 16);
		whole = whole && is_all(&mask.hdr, sizeof(mask.hdr), 0);
	}
	return whole ? 0 : refuse(error, RTE_FLOW_ERROR_TYPE_ITEM_MASK, item, "of an IP header only whole addresses are matched");
}

static int parse_pattern(const struct rte_flow_item *item, struct rte_flow *rule, struct rte_flow_error *error)
{
	for (; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		switch (item->type) {
		case RTE_FLOW_ITEM_TYPE_VOID:
			break;
		case RTE_FLOW_ITEM_TYPE_ETH:
			if (item->spec != NULL)
				return refuse(error, RTE_FLOW_ERROR_TYPE_ITEM_SPEC, item, "matching on Ethernet addresses is not supported");
			break;
		case RTE_FLOW_ITEM_TYPE_IPV4:
		case RTE_FLOW_ITEM_TYPE_IPV6:
			if (parse_ip_item(item, rule, error) != 0)
				return -rte_errno;
			break;
		case RTE_FLOW_ITEM_TYPE_UDP:
			rule->has_udp = true;
			break;
		case RTE_FLOW_ITEM_TYPE_ESP:
			if (parse_esp_item(item, rule, error) != 0)
				return -rte_errno;
			break;
		default:
			return refuse(error, RTE_FLOW_ERROR_TYPE_ITEM, item, "only ETH, IPV4, IPV6, UDP and ESP items are supported");
		}
	}
	rule->catch_all = !rule->any_esp;
	return 0;
}

static int parse_rss(const struct iips_port *port, const struct rte_flow_action *action, struct rte_flow *rule,
		     struct rte_flow_error *error)
{
	const struct rte_flow_action_rss *rss = action->conf;
	uint32_t i;

	if (rss->queue_num == 0 || rss->queue_num > IIPS_RETA_SIZE)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "RSS wants 1 to 128 queues");
	if (rss->func != RTE_ETH_HASH_FUNCTION_DEFAULT && rss->func != RTE_ETH_HASH_FUNCTION_TOEPLITZ)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "RSS hashes by Toeplitz only");
	if (rss->key != NULL && rss->key_len != IIPS_HASH_KEY_BYTES)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "the RSS key has 40 bytes");
	if ((rss->types & RTE_ETH_RSS_ESP) != 0 && (rss->types & (RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP)) != 0 &&
	    port->profile == IIPS_PROFILE_BF2)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "ESP and UDP or TCP hashing exclude each other in one rule");
	for (i = 0; i < rss->queue_num; i++) {
		if (rss->queue[i] >= port->nb_rx)
			return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "an RSS queue does not exist");
		rule->rss_queue[i] = rss->queue[i];
	}
	rule->has_rss = true;
	rule->rss_queues = (uint16_t)rss->queue_num;
	rule->rss_types = rss->types;
	memcpy(rule->rss_key, rss->key != NULL ? rss->key : port->rss_key, IIPS_HASH_KEY_BYTES);
	return 0;
}

static int parse_security(struct iips_port *port, const struct rte_flow_action *action, struct rte_flow *rule,
			  struct rte_flow_error *error)
{
	struct iips_sa *const *held;
	uint32_t slot;

	rule->security = true;
	if (action->conf == NULL)
		return 0;
	held = SECURITY_GET_SESS_PRIV(action->conf);
	for (slot = 0; slot < port->max_sessions; slot++)
		if (port->sas[slot] == *held)
			break;
	if (slot == port->max_sessions || *held == NULL)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "the session is not one of this port");
	if ((*held)->xform.direction != RTE_SECURITY_IPSEC_SA_DIR_INGRESS)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "the session is an egress one");
	rule->sa = *held;
	return 0;
}

static int parse_actions(struct iips_port *port, const struct rte_flow_action *action, struct rte_flow *rule,
			 struct rte_flow_error *error)
{
	int ret = 0;

	for (; action->type != RTE_FLOW_ACTION_TYPE_END && ret == 0; action++) {
		switch (action->type) {
		case RTE_FLOW_ACTION_TYPE_VOID:
			break;
		case RTE_FLOW_ACTION_TYPE_SECURITY:
			ret = parse_security(port, action, rule, error);
			break;
		case RTE_FLOW_ACTION_TYPE_QUEUE:
			rule->queue = ((const struct rte_flow_action_queue *)action->conf)->index;
			rule->has_queue = true;
			if (rule->queue >= port->nb_rx)
				ret = refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "the queue does not exist");
			break;
		case RTE_FLOW_ACTION_TYPE_RSS:
			ret = parse_rss(port, action, rule, error);
			break;
		case RTE_FLOW_ACTION_TYPE_JUMP:
			rule->jump = ((const struct rte_flow_action_jump *)action->conf)->group;
			rule->has_jump = true;
			if (rule->jump <= rule->group)
				ret = refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "a jump leads to a higher group");
			break;
		case RTE_FLOW_ACTION_TYPE_DROP:
			rule->drop = true;
			break;
		default:
			ret = refuse(error, RTE_FLOW_ERROR_TYPE_ACTION, action, "only SECURITY, QUEUE, RSS, JUMP and DROP are supported");
		}
	}
	if (ret == 0 && !rule->security && !rule->has_queue && !rule->has_rss && !rule->has_jump && !rule->drop)
		ret = refuse(error, RTE_FLOW_ERROR_TYPE_ACTION, action, "a rule needs an action");
	if (ret == 0 && rule->security && !rule->any_esp)
		ret = refuse(error, RTE_FLOW_ERROR_TYPE_ACTION, action, "SECURITY needs an ESP item");
	return ret;
}

static int parse_rule(struct rte_eth_dev *dev, const struct rte_flow_attr *attr, const struct rte_flow_item *pattern,
		      const struct rte_flow_action *actions, struct rte_flow *rule, struct rte_flow_error *error)
{
	struct iips_port *port = dev->data->dev_private;

	memset(rule, 0, sizeof(*rule));
	if (!attr->ingress || attr->egress || attr->transfer)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ATTR, attr, "only ingress rules are supported");
	rule->group = attr->group;
	rule->priority = attr->priority;
	if (parse_pattern(pattern, rule, error) != 0 || parse_actions(port, actions, rule, error) != 0)
		return -rte_errno;
	if (port->profile == IIPS_PROFILE_BF2 && attr->group == 0 && rule->has_spi)
		return refuse(error, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, attr, "BlueField-2 matches an SPI in group 1 and above only");
	return 0;
}

static int flow_validate(struct rte_eth_dev *dev, const struct rte_flow_attr *attr, const struct rte_flow_item pattern[],
			 const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	struct rte_flow rule;

	return parse_rule(dev, attr, pattern, actions, &rule, error);
}

static struct rte_flow *flow_create(struct rte_eth_dev *dev, const struct rte_flow_attr *attr,
				    const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
				    struct rte_flow_error *error)
{
	struct iips_port *port = dev->data->dev_private;
	struct rte_flow *rule = rte_zmalloc("iips_flow", sizeof(*rule), RTE_CACHE_LINE_SIZE), *other;

	if (rule == NULL) {
		rte_flow_error_set(error, ENOMEM, RTE_FLOW_ERROR_TYPE_HANDLE, NULL, "no memory for the rule");
		return NULL;
	}
	if (parse_rule(dev, attr, pattern, actions, rule, error) != 0) {
		rte_free(rule);
		return NULL;
	}
	iips_quiesce(port);
	if (rule->has_spi) {
		rule->next_by_spi = port->rules_by_spi[iips_bucket(port, rule->spi)];
		port->rules_by_spi[iips_bucket(port, rule->spi)] = rule;
		TAILQ_INSERT_TAIL(&port->flows, rule, next);
	} else {
		port->generic_flows++;
		TAILQ_FOREACH(other, &port->flows, next)
			if (other->has_spi || other->priority > rule->priority)
				break;
		if (other != NULL)
			TAILQ_INSERT_BEFORE(other, rule, next);
		else
			TAILQ_INSERT_TAIL(&port->flows, rule, next);
	}
	iips_resume(port);
	return rule;
}

/* Data path stopped. */
static void unlink_rule(struct iips_port *port, struct rte_flow *rule)
{
	struct rte_flow **at;

	TAILQ_REMOVE(&port->flows, rule, next);
	if (!rule->has_spi) {
		port->generic_flows--;
		return;
	}
	for (at = &port->rules_by_spi[iips_bucket(port, rule->spi)]; *at != NULL; at = &(*at)->next_by_spi) {
		if (*at == rule) {
			*at = rule->next_by_spi;
			return;
		}
	}
}

static int flow_destroy(struct rte_eth_dev *dev, struct rte_flow *rule, struct rte_flow_error *error)
{
	struct iips_port *port = dev->data->dev_private;
	struct rte_flow *known;

	TAILQ_FOREACH(known, &port->flows, next)
		if (known == rule)
			break;
	if (known == NULL)
		return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_HANDLE, rule, "the rule is not one of this port");
	iips_quiesce(port);
	unlink_rule(port, rule);
	iips_resume(port);
	rte_free(rule);
	return 0;
}

void iips_flow_flush(struct iips_port *port)
{
	struct rte_flow *rule;

	iips_quiesce(port);
	while ((rule = TAILQ_FIRST(&port->flows)) != NULL) {
		unlink_rule(port, rule);
		rte_free(rule);
	}
	iips_resume(port);
}

static int flow_flush(struct rte_eth_dev *dev, struct rte_flow_error *error)
{
	RTE_SET_USED(error);
	iips_flow_flush(dev->data->dev_private);
	return 0;
}

const struct rte_flow_ops iips_flow_ops = {
	.validate = flow_validate,
	.create = flow_create,
	.destroy = flow_destroy,
	.flush = flow_flush,
};

/* Data path stopped: a session goes, its rules stay and no longer act on it. */
void iips_flow_forget_sa(struct iips_port *port, const struct iips_sa *sa)
{
	struct rte_flow *rule;

	for (rule = port->rules_by_spi[iips_bucket(port, sa->xform.spi)]; rule != NULL; rule = rule->next_by_spi) {
		if (rule->sa == sa) {
			rule->sa = NULL;
			rule->security = false;
		}
	}
}

/* A pattern without an IP item leaves open what ESP stands behind; with one, nothing stands between that is not named. */
static bool matches(const struct rte_flow *rule, const struct iips_frame *f, uint32_t group)
{
	if (rule->group != group || (rule->family != 0 && rule->family != f->family))
		return false;
	if ((rule->has_src && memcmp(rule->src, f->src, rule->family == 4 ? 4 : 16) != 0) ||
	    (rule->has_dst && memcmp(rule->dst, f->dst, rule->family == 4 ? 4 : 16) != 0))
		return false;
	if (rule->any_esp && (f->esp == 0 || (f->udp_esp && rule->family != 0 && !rule->has_udp)))
		return false;
	return !rule->has_udp || f->protocol == 17;
}

static const struct rte_flow *match_in(const struct iips_port *port, const struct iips_frame *f, uint32_t group)
{
	const struct rte_flow *rule;

	if (f->esp != 0)
		for (rule = port->rules_by_spi[iips_bucket(port, f->spi)]; rule != NULL; rule = rule->next_by_spi)
			if (rule->spi == f->spi && matches(rule, f, group))
				return rule;
	if (port->generic_flows != 0) {
		TAILQ_FOREACH(rule, &port->flows, next) {
			if (rule->has_spi)
				break;	/* rules without SPI come first in the list */
			if (matches(rule, f, group))
				return rule;
		}
	}
	return NULL;
}

const struct rte_flow *iips_match(const struct iips_port *port, const struct iips_frame *f)
{
	const struct rte_flow *rule = match_in(port, f, 0);

	while (rule != NULL && rule->has_jump)	/* upwards only, so this ends */
		rule = match_in(port, f, rule->jump);
	return rule;
}
