// A whole engine under a peer that has authenticated and then says anything: after a real exchange the keys are known,
// so that what the fuzzer writes reaches inside SK. Input: turns of one byte what, two bytes length, and the bytes.
// What the engine wants done must stay consistent whatever comes: no SA installed twice or bound before it is there, no
// SPI kept by nobody.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/byte_order.h"
#include "base/byte_reader.h"
#include "ike/credentials.h"
#include "ike/engine.h"
#include "ike/protect.h"
#include "model/ike_connection.h"

namespace {

using namespace ipsecgw;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

class FuzzHost : public ike::Host {
  public:
    explicit FuzzHost(uint32_t first) : next_(first) {}
    base::Result<uint32_t> reserve_spi(const net::IpAddress&, const net::IpAddress&) override
    {
        reserved.insert(next_);
        return next_++;
    }
    void release_spi(uint32_t spi) override { require(reserved.erase(spi) == 1); }
    bool random(std::span<uint8_t> bytes) override
    {
        for (auto& byte : bytes)
            byte = static_cast<uint8_t>(state_ = state_ * 1664525 + 1013904223, state_ >> 24);
        return true;
    }
    uint64_t last_inbound_ns(uint32_t) override { return 0; }
    uint64_t last_use_ns(ike::ChildSaId) override { return 0; }
    base::Result<net::IpAddress> source_address(const net::IpAddress&) override { return base::Error{}; }
    int64_t unix_seconds() override { return 1'800'000'000; }

    std::set<uint32_t> reserved;

  private:
    uint32_t next_;
    uint32_t state_ = next_;
};

/// The data path's names only, held to their order.
struct Installed {
    std::set<std::string> sas;
    std::set<std::string> policies;

    void bind(const ike::Binding& binding) const
    {
        require(policies.contains(binding.policy));
        require(binding.outbound_sa.empty() || sas.contains(binding.outbound_sa));
        for (const auto& sa : binding.inbound_sas)
            require(sas.contains(sa));
    }
    void install(const model::SaParams& params, const ike::Binding& binding)
    {
        require(model::validate(params).empty());
        require(sas.insert(params.name).second);
        bind(binding);
    }
    void remove(const std::string& sa, const ike::Binding& binding)
    {
        bind(binding);
        require(sas.erase(sa) == 1);
    }
};

struct End {
    End(const char* address_text, const char* name_text, uint32_t first)
        : address(net::IpAddress::parse(address_text).value()), name(name_text), host(first)
    {
        model::SharedSecret secret;
        const uint8_t bytes[] = {'p', 's', 'k'};
        secret.secret = base::SecretBytes(bytes);
        credentials.add_secret(std::move(secret));
        ike::EngineOptions options;
        options.tell_keys = true;
        engine = std::make_unique<ike::Engine>(options, host, credentials);
    }

    void apply(ike::Effects& effects, std::deque<ike::Send>& wire)
    {
        for (auto& effect : effects) {
            if (auto* send = std::get_if<ike::Send>(&effect))
                wire.push_back(std::move(*send));
            else if (auto* in = std::get_if<ike::InstallInbound>(&effect)) {
                require(host.reserved.erase(in->params.spi) == 1);
                installed.install(in->params, in->binding);
            } else if (auto* out = std::get_if<ike::InstallOutbound>(&effect))
                installed.install(out->params, out->binding);
            else if (auto* gone_in = std::get_if<ike::RemoveInbound>(&effect))
                installed.remove(gone_in->sa, gone_in->binding);
            else if (auto* gone_out = std::get_if<ike::RemoveOutbound>(&effect))
                installed.remove(gone_out->sa, gone_out->binding);
            else if (auto* policy = std::get_if<ike::AddPolicy>(&effect)) {
                require(model::validate(policy->policy).empty());
                require(installed.policies.insert(policy->policy.name).second);
            } else if (auto* gone_policy = std::get_if<ike::RemovePolicy>(&effect))
                require(installed.policies.erase(gone_policy->policy) == 1);
            else if (auto* told = std::get_if<ike::IkeKeys>(&effect))
                keys = std::move(*told);
        }
        effects.clear();
    }

    net::IpAddress address;
    std::string name;
    FuzzHost host;
    ike::Credentials credentials;
    std::unique_ptr<ike::Engine> engine;
    Installed installed;
    ike::IkeKeys keys;
};

class World {
  public:
    World()
    {
        for (End* end : {&sun_, &moon_}) {
            const End& peer = end == &sun_ ? moon_ : sun_;
            require(end->engine->load(std::make_shared<const model::IkeConnection>(connection(*end, peer)), turn())
                        .has_value());
            end->apply(effects_, wire_);
        }
        require(moon_.engine->initiate("gw", "net", turn()).has_value());
        moon_.apply(effects_, wire_);
        while (!wire_.empty()) {
            const ike::Send message = std::move(wire_.front());
            wire_.pop_front();
            End& to = message.remote.address == moon_.address ? moon_ : sun_;
            to.engine->receive({message.remote, message.local, message.bytes}, turn());
            to.apply(effects_, wire_);
        }
        require(moon_.installed.sas.size() == 2);
        suite_ = {moon_.keys.cipher, model::Prf::kHmacSha256, model::KeyExchangeGroup::kCurve25519};
        sealing_.sk_e = moon_.keys.sk_er.clone();
        sealing_.sk_a = moon_.keys.sk_ar.clone();
        sealing_.next_iv = 1'000'000;
    }

    void play(base::ByteReader input)
    {
        for (int turns = 0; turns < 64 && input.remaining() >= 3; turns++) {
            const uint8_t what = input.u8();
            const size_t length = std::min<size_t>(input.u16(), input.remaining());
            step(what, input.bytes(length));
            drain();
        }
        // Whatever was said, it ends.
        for (int i = 0; i < 100'000 && moon_.engine->next_deadline_ns() != UINT64_MAX && i < 200; i++) {
            now_ns_ = std::max(now_ns_, moon_.engine->next_deadline_ns());
            moon_.engine->tick(turn());
            drain();
        }
    }

  private:
    ike::Turn turn() { return {now_ns_, effects_}; }

    static model::IkeConnection connection(const End& own, const End& peer)
    {
        model::IkeConnection out;
        out.name = "gw";
        out.local_addrs = {{own.address, 32}};
        out.remote_addrs = {{peer.address, 32}};
        out.proposals = model::parse_ike_proposals("aes128gcm16-prfsha256-x25519").value();
        out.local.auth.method = out.remote.auth.method = model::AuthMethod::kPsk;
        out.local.id = model::Identity::parse(own.name).value();
        out.remote.id = model::Identity::parse(peer.name).value();
        model::ChildConfig child;
        child.name = "net";
        child.esp_proposals = model::parse_esp_proposals("aes128gcm16-x25519-modpnone").value();
        child.local_ts = child.remote_ts = {model::ChildSelector::parse("10.0.0.0/8").value()};
        out.children.push_back(std::move(child));
        return out;
    }

    /// The requests of the engine go unanswered unless the fuzzer answers; its answers count the fuzzer's requests on.
    void drain()
    {
        moon_.apply(effects_, wire_);
        while (!wire_.empty()) {
            const auto header = ike::decode_header(wire_.front().bytes);
            require(header.has_value());
            if (header->is_response)
                next_request_ = header->message_id + 1;
            else
                asked_ = *header;
            wire_.pop_front();
        }
    }

    void step(uint8_t what, std::span<const uint8_t> bytes)
    {
        const ike::Datagram raw{{moon_.address, 500}, {sun_.address, 500}, bytes};
        switch (what & 7) {
            case 0:
                moon_.engine->receive(raw, turn());
                return;
            case 1:
                sealed(ike::ExchangeType::kCreateChildSa, false, what, bytes);
                return;
            case 2:
                sealed(ike::ExchangeType::kInformational, false, what, bytes);
                return;
            case 3:
                sealed(asked_.exchange, true, what, bytes);
                return;
            case 4:
                now_ns_ += (1ULL << (what >> 3)) * 1'000'000;
                moon_.engine->tick(turn());
                return;
            case 5:
                act(what >> 3);
                return;
            case 6:
                sealed(static_cast<ike::ExchangeType>(what >> 3), false, what, bytes);
                return;
            case 7:
                sealed(ike::ExchangeType::kIkeAuth, false, what, bytes);
                return;
        }
    }

    void act(int which)
    {
        ike::Selection selection;
        selection.connection = "gw";
        if ((which & 1) != 0)
            selection.child = "net";
        if ((which & 2) != 0)
            (void)moon_.engine->rekey(selection, turn()).has_value();
        else if ((which & 4) != 0)
            (void)moon_.engine->terminate(selection, turn()).has_value();
        else
            (void)moon_.engine->initiate("gw", "net", turn()).has_value();
    }

    void sealed(ike::ExchangeType exchange, bool is_response, uint8_t what, std::span<const uint8_t> bytes)
    {
        if (bytes.empty())
            return;
        auto payloads = ike::decode_payloads(static_cast<ike::PayloadType>(bytes[0]), bytes.subspan(1));
        if (!payloads)
            return;
        aim(*payloads);
        ike::Header header;
        header.spi_i = moon_.keys.spi_i;
        header.spi_r = moon_.keys.spi_r;
        header.exchange = exchange;
        header.is_response = is_response;
        header.message_id = is_response ? asked_.message_id : next_request_;
        const ike::Random random = [this](std::span<uint8_t> out) { return sun_.host.random(out); };
        const ike::SealContext context{suite_, sealing_, random, (what & 0x80) != 0 ? 300U : 0U};
        const auto packets = ike::seal_message(context, header, *payloads);
        if (!packets)
            return;
        for (const auto& packet : *packets)
            moon_.engine->receive({{moon_.address, 500}, {sun_.address, 500}, packet}, turn());
    }

    /// SPIs that the fuzzer cannot guess: 0 and 1 in a Delete or REKEY_SA mean those of children that are there.
    void aim(std::vector<ike::Payload>& payloads)
    {
        std::vector<uint32_t> spis;
        for (const auto& ike : moon_.engine->list(0, 10))
            for (const auto& child : ike.children)
                spis.push_back(child.spi_out);
        if (spis.empty())
            return;
        for (auto& payload : payloads) {
            if (auto* gone = std::get_if<ike::DeletePayload>(&payload)) {
                for (auto& spi : gone->spis)
                    spi = spi < 8 ? spis[spi % spis.size()] : spi;
            } else if (auto* notify = std::get_if<ike::NotifyPayload>(&payload);
                       notify != nullptr && notify->spi.size() == 4 && base::load_be32(notify->spi.data()) < 8) {
                base::store_be32(notify->spi.data(), spis[base::load_be32(notify->spi.data()) % spis.size()]);
            }
        }
    }

    End moon_{"192.0.2.1", "moon.example.org", 0x1000}, sun_{"192.0.2.2", "sun.example.org", 0x2000};
    ike::Effects effects_;
    std::deque<ike::Send> wire_;
    uint64_t now_ns_ = 1'000'000'000'000;
    model::IkeSuite suite_;
    ike::DirectionKeys sealing_;
    uint32_t next_request_ = 0;
    ike::Header asked_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    World world;
    world.play(base::ByteReader({data, size}));
    return 0;
}
