#include "unit/ike/ladder.h"

#include <algorithm>

#include "ike/protect.h"

namespace ipsecgw::ike {

Side::Side(std::string name_, const char* address_, uint32_t first_spi)
    : name(std::move(name_)), address(net::IpAddress::parse(address_).value()), host(first_spi, first_spi)
{
    host.address = address;
    options.tell_keys = true;
    engine = std::make_unique<Engine>(options, host, credentials);
}

const model::SaParams* Side::inbound(uint32_t spi) const
{
    for (const auto& [policy, binding] : bindings)
        for (const auto& sa : binding.inbound_sas)
            if (const auto it = sas.find(sa); it != sas.end() && it->second.spi == spi)
                return &it->second;
    return nullptr;
}

const model::SaParams* Side::outbound(const std::string& policy) const
{
    const auto binding = bindings.find(policy);
    const auto sa = binding != bindings.end() ? sas.find(binding->second.outbound_sa) : sas.end();
    return sa != sas.end() ? &sa->second : nullptr;
}

IkeStatus Side::only_ike_sa() const
{
    const auto all = engine->list(0, 10);
    EXPECT_EQ(all.size(), 1U) << name;
    return all.empty() ? IkeStatus{} : all.front();
}

std::vector<ChildStatus> Side::children() const
{
    std::vector<ChildStatus> out;
    for (const auto& ike : engine->list(0, 1000))
        out.insert(out.end(), ike.children.begin(), ike.children.end());
    return out;
}

size_t Side::installed_children() const
{
    const auto all = children();
    return static_cast<size_t>(
        std::ranges::count_if(all, [](const auto& child) { return child.state == ChildState::kInstalled; }));
}

bool Side::logged(const std::string& part) const
{
    return std::ranges::any_of(log, [&](const auto& line) { return line.find(part) != std::string::npos; });
}

namespace {

/// Carries effects out as control would, and holds them to their order.
struct Apply {
    Side& side;
    std::deque<Packet>& wire;

    void bind(const Binding& binding) const
    {
        ASSERT_TRUE(side.bindings.contains(binding.policy)) << binding.policy << " is no policy";
        for (const auto& sa : binding.inbound_sas)
            EXPECT_TRUE(side.sas.contains(sa)) << sa << " is bound and not installed";
        EXPECT_TRUE(binding.outbound_sa.empty() || side.sas.contains(binding.outbound_sa)) << binding.outbound_sa;
        side.bindings[binding.policy] = binding;
    }
    void install(model::SaParams& params, const Binding& binding) const
    {
        EXPECT_TRUE(model::validate(params).empty()) << model::validate(params).front().what;
        EXPECT_FALSE(side.sas.contains(params.name)) << params.name;
        const std::string name = params.name;
        side.sas.emplace(name, std::move(params));
        bind(binding);
    }
    void remove(const std::string& sa, const Binding& binding) const
    {
        bind(binding);
        EXPECT_EQ(side.sas.erase(sa), 1U) << sa;
        for (const auto& [policy, bound] : side.bindings) {
            EXPECT_NE(bound.outbound_sa, sa);
            EXPECT_EQ(std::ranges::count(bound.inbound_sas, sa), 0);
        }
    }

    void operator()(Send& send) const { wire.push_back({send.local, send.remote, std::move(send.bytes)}); }
    void operator()(AddPolicy& add) const
    {
        EXPECT_TRUE(model::validate(add.policy).empty()) << model::validate(add.policy).front().what;
        EXPECT_FALSE(side.bindings.contains(add.policy.name));
        side.bindings[add.policy.name] = {add.policy.name, {}, {}};
    }
    void operator()(RemovePolicy& gone) const { EXPECT_EQ(side.bindings.erase(gone.policy), 1U); }
    void operator()(InstallInbound& in) const
    {
        EXPECT_EQ(side.host.reserved.erase(in.params.spi), 1U) << "the SPI was not reserved";
        install(in.params, in.binding);
    }
    void operator()(InstallOutbound& out) const { install(out.params, out.binding); }
    void operator()(RemoveInbound& in) const { remove(in.sa, in.binding); }
    void operator()(RemoveOutbound& out) const { remove(out.sa, out.binding); }
    void operator()(Trap& trap) const { side.traps[trap.policy.name] = std::move(trap); }
    void operator()(Untrap& trap) const { EXPECT_EQ(side.traps.erase(trap.policy), 1U); }
    void operator()(IkeUp&) const { side.ike_ups++; }
    void operator()(IkeDown&) const { side.ike_downs++; }
    void operator()(IkeRekeyed&) const { side.ike_rekeys++; }
    void operator()(ChildUp&) const { side.child_ups++; }
    void operator()(ChildDown&) const { side.child_downs++; }
    void operator()(ChildRekeyed&) const { side.child_rekeys++; }
    void operator()(InitiateDone& done) const { side.done.push_back(std::move(done)); }
    void operator()(LogEvent& event) const { side.log.push_back(std::move(event.text)); }
    void operator()(IkeKeys& keys) const { side.keys = std::move(keys); }
};

}  // namespace

void Side::apply(Effects& effects, std::deque<Packet>& wire)
{
    for (Effect& effect : effects)
        std::visit(Apply{*this, wire}, effect);
    effects.clear();
}

Ladder::Ladder()
{
    psk("correct horse battery staple");
}

void Ladder::psk(const char* text)
{
    for (Side* side : {&moon, &sun}) {
        model::SharedSecret secret;
        secret.secret =
            base::SecretBytes({reinterpret_cast<const uint8_t*>(text), std::char_traits<char>::length(text)});
        side->credentials.add_secret(std::move(secret));
    }
}

model::IkeConnection Ladder::connection(const Side& side, const Side& peer)
{
    const bool is_moon = side.name.starts_with("moon");
    model::IkeConnection out;
    out.name = "gw-gw";
    out.local_addrs = {{side.address, 32}};
    out.remote_addrs = {{peer.address, 32}};
    out.proposals = model::parse_ike_proposals("aes128gcm16-prfsha256-x25519").value();
    out.rekey_time_s = 0;
    out.local.auth.method = out.remote.auth.method = model::AuthMethod::kPsk;
    out.local.id = model::Identity::parse(side.name).value();
    out.remote.id = model::Identity::parse(peer.name).value();
    model::ChildConfig child;
    child.name = "net";
    child.esp_proposals = model::parse_esp_proposals("aes128gcm16").value();
    child.local_ts = {model::ChildSelector::parse(is_moon ? "10.1.0.0/16" : "10.2.0.0/16").value()};
    child.remote_ts = {model::ChildSelector::parse(is_moon ? "10.2.0.0/16" : "10.1.0.0/16").value()};
    child.time_s = {0, {}, {}};
    out.children.push_back(child);
    return out;
}

void Ladder::load_on(Side& side, const model::IkeConnection& what)
{
    ASSERT_TRUE(model::validate(what).empty()) << model::validate(what).front().what;
    call(side, [&](const Turn& turn) {
        EXPECT_TRUE(side.engine->load(std::make_shared<const model::IkeConnection>(what), turn).has_value());
    });
}

void Ladder::load(const std::function<void(model::IkeConnection&)>& edit)
{
    for (Side* side : {&sun, &moon}) {
        auto made = connection(*side, side == &moon ? sun : moon);
        edit(made);
        load_on(*side, made);
    }
}

void Ladder::call(Side& side, const std::function<void(const Turn&)>& what)
{
    Effects effects;
    what(Turn{now_ns, effects});
    side.apply(effects, wire);
}

void Ladder::initiate(Side& side, const char* child)
{
    call(side, [&](const Turn& turn) { EXPECT_TRUE(side.engine->initiate("gw-gw", child, turn).has_value()); });
}

void Ladder::rekey_child(Side& side)
{
    Selection which;
    which.child = "net";
    call(side, [&](const Turn& turn) { EXPECT_EQ(side.engine->rekey(which, turn).value(), 1U); });
}

void Ladder::rekey_ike(Side& side)
{
    Selection which;
    which.connection = "gw-gw";
    call(side, [&](const Turn& turn) { EXPECT_EQ(side.engine->rekey(which, turn).value(), 1U); });
}

void Ladder::terminate_child(Side& side)
{
    Selection which;
    which.child = "net";
    call(side, [&](const Turn& turn) { EXPECT_EQ(side.engine->terminate(which, turn).value(), 1U); });
}

void Ladder::terminate_ike(Side& side)
{
    Selection which;
    which.connection = "gw-gw";
    call(side, [&](const Turn& turn) { EXPECT_EQ(side.engine->terminate(which, turn).value(), 1U); });
}

Packet Ladder::take(Side& side)
{
    const auto it =
        std::ranges::find_if(wire, [&](const Packet& packet) { return packet.from.address == side.address; });
    if (it == wire.end()) {
        ADD_FAILURE() << side.name << " sent nothing";
        return {};
    }
    Packet packet = std::move(*it);
    wire.erase(it);
    return packet;
}

size_t Ladder::waiting(const Side& side) const
{
    return static_cast<size_t>(
        std::ranges::count_if(wire, [&](const Packet& packet) { return packet.from.address == side.address; }));
}

void Ladder::deliver(const Packet& packet)
{
    Side& to = packet.to.address == moon.address ? moon : sun;
    call(to, [&](const Turn& turn) { to.engine->receive({packet.to, packet.from, packet.bytes}, turn); });
    if (watch_traffic)
        expect_traffic();
}

void Ladder::forge(Side& side, Header header, const std::vector<Payload>& payloads)
{
    const bool is_moon = &side == &moon;
    header.spi_i = side.keys->spi_i;
    header.spi_r = side.keys->spi_r;
    header.from_initiator = is_moon;
    model::IkeSuite suite;
    suite.cipher = side.keys->cipher;
    DirectionKeys keys;
    keys.sk_e = (is_moon ? side.keys->sk_ei : side.keys->sk_er).clone();
    keys.sk_a = (is_moon ? side.keys->sk_ai : side.keys->sk_ar).clone();
    keys.next_iv = 1U << 20;
    const Random random = [&](std::span<uint8_t> bytes) { return side.host.random(bytes); };
    const auto sealed = seal_message({suite, keys, random, 0}, header, payloads);
    ASSERT_TRUE(sealed) << sealed.error().what;
    deliver({{side.address, 500}, {(is_moon ? sun : moon).address, 500}, sealed->front()});
}

void Ladder::run()
{
    for (int turns = 0; !wire.empty() && turns < 10'000; turns++) {
        const Packet packet = std::move(wire.front());
        wire.pop_front();
        deliver(packet);
    }
    ASSERT_TRUE(wire.empty()) << "the engines never fall silent";
}

void Ladder::pass(double seconds)
{
    const uint64_t end_ns = now_ns + static_cast<uint64_t>(seconds * 1e9);
    for (int turns = 0; turns < 100'000; turns++) {
        run();
        const uint64_t next = std::min(moon.engine->next_deadline_ns(), sun.engine->next_deadline_ns());
        if (next > end_ns)
            break;
        now_ns = std::max(now_ns, next);
        for (Side* side : {&moon, &sun})
            call(*side, [&](const Turn& turn) { side->engine->tick(turn); });
    }
    now_ns = end_ns;
}

void Ladder::establish()
{
    load();
    initiate(moon);
    run();
    ASSERT_EQ(moon.child_ups, 1);
    ASSERT_EQ(sun.child_ups, 1);
    expect_traffic();
}

bool Ladder::traffic_flows(const Side& from, const Side& to) const
{
    for (const auto& [policy, binding] : from.bindings) {
        const auto* out = from.outbound(policy);
        const auto* in = out != nullptr ? to.inbound(out->spi) : nullptr;
        if (in != nullptr && in->suite == out->suite && in->esn == out->esn &&
            base::equal_constant_time(in->keymat.view(), out->keymat.view()))
            return true;
    }
    return false;
}

void Ladder::expect_traffic()
{
    EXPECT_TRUE(traffic_flows(moon, sun));
    EXPECT_TRUE(traffic_flows(sun, moon));
}

void Ladder::expect_settled(size_t ike_sas, size_t children)
{
    watch_traffic = watch_traffic && children != 0;
    pass(120);
    for (Side* side : {&moon, &sun}) {
        EXPECT_EQ(side->engine->stats().ike_sas, ike_sas) << side->name;
        EXPECT_EQ(side->children().size(), children) << side->name;
        EXPECT_EQ(side->installed_children(), children) << side->name;
        EXPECT_EQ(side->sas.size(), 2 * children) << side->name;
        EXPECT_EQ(side->bindings.size(), children) << side->name;
        EXPECT_TRUE(side->host.reserved.empty()) << side->name;
    }
    if (children != 0)
        expect_traffic();
}

}  // namespace ipsecgw::ike
