#include "offload/session_request.h"

#include <cstring>

#include <rte_cryptodev.h>
#include <rte_security.h>

#include "base/text.h"

namespace ipsecgw::offload {

using base::Error;
using base::ErrorCode;
using base::format;
using model::Encryption;

struct SessionRequest::State {
    rte_security_session_conf configuration{};
    rte_crypto_sym_xform first{};
    rte_crypto_sym_xform second{};
    base::SecretBytes keymat;
    std::string suite;
};

namespace {

Error unsupported(std::string what) { return {ErrorCode::kUnsupported, std::move(what), ""}; }

rte_crypto_cipher_algorithm cipher_of(Encryption encryption)
{
    switch (encryption) {
        case Encryption::kAesCbc:
            return RTE_CRYPTO_CIPHER_AES_CBC;
        case Encryption::kAesCtr:
            return RTE_CRYPTO_CIPHER_AES_CTR;
        case Encryption::kNull:
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
        case Encryption::kAesGmac:
        case Encryption::kChaCha20Poly1305:
            return RTE_CRYPTO_CIPHER_NULL;
    }
    return RTE_CRYPTO_CIPHER_NULL;
}

rte_crypto_auth_algorithm auth_of(const model::EspSuite& suite)
{
    if (suite.encryption == Encryption::kAesGmac)
        return RTE_CRYPTO_AUTH_AES_GMAC;
    switch (suite.integrity) {
        case model::Integrity::kHmacSha256:
            return RTE_CRYPTO_AUTH_SHA256_HMAC;
        case model::Integrity::kHmacSha384:
            return RTE_CRYPTO_AUTH_SHA384_HMAC;
        case model::Integrity::kHmacSha512:
            return RTE_CRYPTO_AUTH_SHA512_HMAC;
        case model::Integrity::kNone:
            return RTE_CRYPTO_AUTH_NULL;
    }
    return RTE_CRYPTO_AUTH_NULL;
}

bool has_aead_transform(const model::EspSuite& suite)
{
    return suite.is_aead() && suite.encryption != Encryption::kAesGmac;
}

void fill_aead(const model::EspSuite& suite, const uint8_t* key, bool encrypt, rte_crypto_sym_xform& transform)
{
    const auto layout = suite.layout();
    transform.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    rte_crypto_aead_xform& aead = transform.aead;
    aead.op = encrypt ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT;
    aead.algo = suite.encryption == Encryption::kChaCha20Poly1305 ? RTE_CRYPTO_AEAD_CHACHA20_POLY1305
                                                                  : RTE_CRYPTO_AEAD_AES_GCM;
    aead.key = {key, layout.key_bytes};
    aead.iv = {0, 12};
    aead.digest_length = layout.icv_bytes;
}

// Cipher then authentication outbound, the reverse inbound (rte_security's order for a chain).
void fill_chain(const model::EspSuite& suite, const uint8_t* keymat, bool encrypt, rte_crypto_sym_xform& first,
                rte_crypto_sym_xform& second)
{
    const auto layout = suite.layout();
    const bool gmac = suite.encryption == Encryption::kAesGmac;
    rte_crypto_sym_xform& cipher = encrypt ? first : second;
    rte_crypto_sym_xform& auth = encrypt ? second : first;
    first.next = &second;
    cipher.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
    cipher.cipher.op = encrypt ? RTE_CRYPTO_CIPHER_OP_ENCRYPT : RTE_CRYPTO_CIPHER_OP_DECRYPT;
    cipher.cipher.algo = cipher_of(suite.encryption);
    const uint16_t key_bytes = layout.key_bytes;
    const uint16_t iv_bytes = layout.iv_bytes;
    const uint16_t none = 0;
    cipher.cipher.key = {keymat, gmac ? none : key_bytes};
    cipher.cipher.iv = {0, gmac ? none : iv_bytes};
    auth.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    auth.auth.op = encrypt ? RTE_CRYPTO_AUTH_OP_GENERATE : RTE_CRYPTO_AUTH_OP_VERIFY;
    auth.auth.algo = auth_of(suite);
    auth.auth.key = gmac ? decltype(auth.auth.key){keymat, key_bytes}
                         : decltype(auth.auth.key){keymat + layout.key_bytes + layout.salt_bytes, layout.integrity_key_bytes};
    auth.auth.iv = {0, gmac ? uint16_t{12} : none};
    auth.auth.digest_length = layout.icv_bytes;
}

void fill_tunnel(const model::SaParams& params, rte_security_ipsec_xform& ipsec)
{
    const bool outbound = params.direction == model::Direction::kOutbound;
    const net::IpAddress& source = outbound ? params.local : params.remote;
    const net::IpAddress& destination = outbound ? params.remote : params.local;
    const uint8_t dscp = params.tunnel.dscp.value_or(0);
    if (source.is_v4()) {
        ipsec.tunnel.type = RTE_SECURITY_IPSEC_TUNNEL_IPV4;
        std::memcpy(&ipsec.tunnel.ipv4.src_ip, source.data(), 4);
        std::memcpy(&ipsec.tunnel.ipv4.dst_ip, destination.data(), 4);
        ipsec.tunnel.ipv4.dscp = dscp;
        ipsec.tunnel.ipv4.df = params.tunnel.df == model::DfPolicy::kSet ? 1 : 0;
        ipsec.tunnel.ipv4.ttl = params.tunnel.hop_limit;
    } else {
        ipsec.tunnel.type = RTE_SECURITY_IPSEC_TUNNEL_IPV6;
        std::memcpy(&ipsec.tunnel.ipv6.src_addr, source.data(), 16);
        std::memcpy(&ipsec.tunnel.ipv6.dst_addr, destination.data(), 16);
        ipsec.tunnel.ipv6.dscp = dscp;
        ipsec.tunnel.ipv6.hlimit = params.tunnel.hop_limit;
    }
    ipsec.options.copy_dscp = outbound ? !params.tunnel.dscp.has_value() : params.tunnel.copy_dscp_inward;
    ipsec.options.copy_df = outbound && params.tunnel.df == model::DfPolicy::kCopy;
    ipsec.options.copy_flabel = outbound && params.tunnel.copy_flow_label;
    ipsec.options.ecn = params.tunnel.ecn == model::EcnPolicy::kNormal;
}

// The parts of an SA that only a port which frames needs; with inline crypto the gateway does them.
void fill_protocol(const model::SaParams& params, rte_security_ipsec_xform& ipsec)
{
    ipsec.options.esn = params.esn;
    if (params.mode == model::Mode::kTunnel)
        fill_tunnel(params, ipsec);
    ipsec.life = {params.lifetime.soft_packets, params.lifetime.soft_bytes, params.lifetime.hard_packets,
                  params.lifetime.hard_bytes};
    if (params.direction == model::Direction::kInbound)
        ipsec.replay_win_sz = params.replay_window;
    else
        ipsec.esn.value = params.first_sequence;
}

std::string_view action_words(rte_security_session_action_type action)
{
    return action == RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO ? "inline crypto" : "full protocol";
}

}  // namespace

base::Result<SessionRequest> SessionRequest::make(const model::SaParams& params, sa::OffloadKind kind, sa::SaTag tag)
{
    const bool full = kind == sa::OffloadKind::kFullProtocol;
    if (full && params.tfc_pad_to != 0)
        return unsupported("a port that frames does not send TFC padding");
    if (!full && params.esn)
        return unsupported("inline crypto cannot carry ESN: the high half is not in the packet");
    if (!full && params.udp && !params.local.is_v4() && params.direction == model::Direction::kOutbound)
        return unsupported("the UDP checksum over IPv6 covers the ciphertext, which inline crypto makes too late");
    auto state = std::make_unique<State>();
    state->keymat = params.keymat.clone();
    state->suite = params.suite.name();
    const bool encrypt = params.direction == model::Direction::kOutbound;
    if (has_aead_transform(params.suite))
        fill_aead(params.suite, state->keymat.view().data(), encrypt, state->first);
    else
        fill_chain(params.suite, state->keymat.view().data(), encrypt, state->first, state->second);

    rte_security_session_conf& conf = state->configuration;
    conf.action_type = full ? RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL : RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO;
    conf.protocol = RTE_SECURITY_PROTOCOL_IPSEC;
    conf.crypto_xform = &state->first;
    conf.userdata = reinterpret_cast<void*>(static_cast<uintptr_t>(tag.value() | (encrypt ? kOutboundUserdata : 0)));
    rte_security_ipsec_xform& ipsec = conf.ipsec;
    ipsec.spi = params.spi;
    ipsec.direction = encrypt ? RTE_SECURITY_IPSEC_SA_DIR_EGRESS : RTE_SECURITY_IPSEC_SA_DIR_INGRESS;
    ipsec.proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP;
    ipsec.mode = params.mode == model::Mode::kTunnel ? RTE_SECURITY_IPSEC_SA_MODE_TUNNEL : RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT;
    const auto layout = params.suite.layout();
    if (layout.salt_bytes == sizeof ipsec.salt)
        std::memcpy(&ipsec.salt, state->keymat.view().data() + layout.key_bytes, sizeof ipsec.salt);
    if (params.udp) {
        ipsec.options.udp_encap = 1;
        ipsec.udp.sport = encrypt ? params.udp->local_port : params.udp->remote_port;
        ipsec.udp.dport = encrypt ? params.udp->remote_port : params.udp->local_port;
    }
    if (full)
        fill_protocol(params, ipsec);
    return SessionRequest(std::move(state));
}

SessionRequest::SessionRequest(std::unique_ptr<State> state) : state_(std::move(state)) {}
SessionRequest::SessionRequest(SessionRequest&&) noexcept = default;
SessionRequest& SessionRequest::operator=(SessionRequest&&) noexcept = default;

SessionRequest::~SessionRequest()
{
    if (state_ != nullptr)
        base::wipe({reinterpret_cast<uint8_t*>(&state_->configuration.ipsec.salt), sizeof(uint32_t)});
}

rte_security_session_conf& SessionRequest::configuration() noexcept { return state_->configuration; }

namespace {

bool transform_is_covered(const rte_crypto_sym_xform& wanted, const rte_cryptodev_capabilities* offered)
{
    for (; offered != nullptr && offered->op != RTE_CRYPTO_OP_TYPE_UNDEFINED; offered++) {
        const rte_cryptodev_symmetric_capability& capability = offered->sym;
        if (offered->op != RTE_CRYPTO_OP_TYPE_SYMMETRIC || capability.xform_type != wanted.type)
            continue;
        if (wanted.type == RTE_CRYPTO_SYM_XFORM_AEAD && capability.aead.algo == wanted.aead.algo &&
            rte_cryptodev_sym_capability_check_aead(&capability, wanted.aead.key.length, wanted.aead.digest_length, 8, 12) == 0)
            return true;
        if (wanted.type == RTE_CRYPTO_SYM_XFORM_CIPHER && capability.cipher.algo == wanted.cipher.algo &&
            rte_cryptodev_sym_capability_check_cipher(&capability, wanted.cipher.key.length, wanted.cipher.iv.length) == 0)
            return true;
        if (wanted.type == RTE_CRYPTO_SYM_XFORM_AUTH && capability.auth.algo == wanted.auth.algo &&
            rte_cryptodev_sym_capability_check_auth(&capability, wanted.auth.key.length, wanted.auth.digest_length,
                                                    wanted.auth.iv.length) == 0)
            return true;
    }
    return false;
}

// What a port that frames must offer for this SA; null: it offers it.
const char* missing_option(const rte_security_ipsec_xform& wanted, const rte_security_capability& capability)
{
    const rte_security_ipsec_sa_options& has = capability.ipsec.options;
    const rte_security_ipsec_sa_options& wants = wanted.options;
    if (wants.esn && !has.esn)
        return "ESN";
    if (wants.udp_encap && !has.udp_encap)
        return "UDP encapsulation in this mode";
    if (wants.copy_dscp && !has.copy_dscp)
        return "copying the DSCP";
    if (wants.copy_df && !has.copy_df)
        return "copying DF";
    if (wants.copy_flabel && !has.copy_flabel)
        return "copying the flow label";
    if (wants.ecn && !has.ecn)
        return "ECN by RFC 6040";
    return nullptr;
}

}  // namespace

base::Result<void> SessionRequest::covered_by(const rte_security_capability* capabilities) const
{
    const rte_security_session_conf& wanted = state_->configuration;
    const std::string action(action_words(wanted.action_type));
    const rte_security_capability* found = nullptr;
    for (const auto* each = capabilities; each != nullptr && each->action != RTE_SECURITY_ACTION_TYPE_NONE; each++)
        if (each->action == wanted.action_type && each->protocol == RTE_SECURITY_PROTOCOL_IPSEC &&
            each->ipsec.proto == wanted.ipsec.proto && each->ipsec.mode == wanted.ipsec.mode &&
            each->ipsec.direction == wanted.ipsec.direction)
            found = each;
    if (found == nullptr)
        return unsupported(format("the port has no %s for this mode and direction", action.c_str()));
    for (const auto* transform = wanted.crypto_xform; transform != nullptr; transform = transform->next)
        if (!transform_is_covered(*transform, found->crypto_capabilities))
            return unsupported(format("the port's %s lacks %s", action.c_str(), state_->suite.c_str()));
    if (const char* option = missing_option(wanted.ipsec, *found))
        return unsupported(format("the port's %s lacks %s", action.c_str(), option));
    if (wanted.ipsec.replay_win_sz > found->ipsec.replay_win_sz_max)
        return unsupported(format("the port's replay window ends at %u packets", found->ipsec.replay_win_sz_max));
    return {};
}

}  // namespace ipsecgw::offload
