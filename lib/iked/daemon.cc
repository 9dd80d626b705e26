#include "iked/daemon.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "crypto/random.h"

namespace ipsecgw::iked {
namespace {

constexpr uint64_t kOutboxRetryNs = 1'000'000;
constexpr size_t kMaxEvents = 65'536;  // of each that wait; a policy asks again, a moved peer is told again, and the
                                       // hard end of an SA follows its soft one

ike::PacketSelectors selectors_of(const control::Acquire& packet)
{
    const auto ports = [&](uint16_t port) {
        return packet.ports_known ? net::PortRange{port, port} : net::PortRange{};
    };
    return {{packet.protocol, ports(packet.source_port), packet.source, packet.source},
            {packet.protocol, ports(packet.destination_port), packet.destination, packet.destination}};
}

}  // namespace

base::Result<std::unique_ptr<Daemon>> Daemon::create(control::ControlPlane& plane, Options options)
{
    std::unique_ptr<Daemon> daemon(new Daemon(plane, std::move(options)));
    GW_TRY(daemon->start());
    return daemon;
}

Daemon::Daemon(control::ControlPlane& plane, Options options)
    : plane_(plane), options_(std::move(options)), inbox_(options_.inbox)
{
}

base::Result<void> Daemon::start()
{
    ike::EngineOptions engine = options_.engine;
    if (!crypto::random_bytes(print_key_))
        return base::Error{base::ErrorCode::kUnavailable, "no random bytes", "check /dev/urandom"};
    if (!options_.save_keys.empty()) {
        key_log_ = GW_TRY(KeyLog::open(options_.save_keys));
        engine.tell_keys = true;
        base::log(base::LogLevel::kWarning,
                  "KEYS OF ALL IKE AND CHILD SAs ARE WRITTEN to %s and %s.esp: for debugging only",
                  options_.save_keys.c_str(), options_.save_keys.c_str());
    }
    ike::Host& host = *this;
    engine_ = std::make_unique<ike::Engine>(engine, host, credentials_);
    control::Listeners listeners;
    listeners.datagram = [this](const control::Datagram& datagram) { return hear(datagram); };
    listeners.acquire = [this](const control::Acquire& acquire) { hear(acquire); };
    listeners.moved = [this](const control::SaMoved& moved) { hear(moved); };
    listeners.expiry = [this](const control::SaExpiry& expiry) { return hear(expiry); };
    plane_.set_listeners(std::move(listeners));
    return {};
}

Daemon::~Daemon()
{
    plane_.set_listeners({});
}

base::Result<void> Daemon::unload_connection(std::string_view name)
{
    auto unloaded = engine_->unload(name, turn());
    if (unloaded)
        children_.erase(std::string(name));
    carry_out();
    return unloaded;
}

std::vector<std::shared_ptr<const model::IkeConnection>> Daemon::connections() const
{
    return engine_->connections();
}

base::Result<void> Daemon::initiate(const std::string& connection, const std::string& child, Done done)
{
    if (is_ending_)
        return base::Error{base::ErrorCode::kUnavailable, "the gateway is stopping", ""};
    // First the waiter: an attempt may end at once.
    auto waiter = waiters_.end();
    if (done) {
        std::set<std::string> children = {child};
        if (const auto known = children_.find(connection);
            child.empty() && known != children_.end() && !known->second.empty())
            children = {known->second.begin(), known->second.end()};
        waiter = waiters_.emplace(connection, Waiter{std::move(children), {}, std::move(done)});
    }
    auto begun = engine_->initiate(connection, child, turn());
    if (!begun && waiter != waiters_.end())
        waiters_.erase(waiter);
    carry_out();
    return begun;
}

base::Result<size_t> Daemon::terminate(const ike::Selection& selection)
{
    auto count = engine_->terminate(selection, turn());
    carry_out();
    return count;
}

base::Result<size_t> Daemon::rekey(const ike::Selection& selection)
{
    auto count = engine_->rekey(selection, turn());
    carry_out();
    return count;
}

uint64_t Daemon::observe(Observer observer)
{
    observers_.emplace_back(++last_observer_, std::move(observer));
    return last_observer_;
}

void Daemon::stop_observing(uint64_t id)
{
    std::erase_if(observers_, [id](const auto& entry) { return entry.first == id; });
}

bool Daemon::work()
{
    drain_outbox();
    const uint64_t end = options_.now_ns() + options_.turn_ns;
    while (step())
        if (options_.now_ns() >= end)
            return false;
    return true;
}

/// One thing of each kind. False: there was nothing to do.
bool Daemon::step()
{
    bool did = false;
    if (engine_->next_deadline_ns() <= options_.now_ns()) {
        engine_->tick(turn());
        did = true;
    }
    if (!expired_.empty()) {
        const Expired one = expired_.front();
        expired_.pop_front();
        engine_->expired(one.child, one.expiry, turn());
        did = true;
    }
    if (!moved_.empty()) {
        const Moved one = moved_.front();
        moved_.pop_front();
        engine_->endpoint_changed(one.child, one.remote, turn());
        did = true;
    }
    if (!acquires_.empty()) {
        const Acquired one = std::move(acquires_.front());
        acquires_.pop_front();
        engine_->acquire(one.child.connection, one.child.child, one.packet, turn());
        did = true;
    }
    if (const auto message = inbox_.take()) {
        engine_->receive({message->local, message->remote, message->bytes}, turn());
        did = true;
    }
    carry_out();
    return did;
}

uint64_t Daemon::next_deadline_ns() const
{
    if (!inbox_.empty() || !expired_.empty() || !moved_.empty() || !acquires_.empty())
        return 0;
    const uint64_t next = engine_->next_deadline_ns();
    return outbox_.empty() ? next : std::min(next, outbox_try_ns_ + kOutboxRetryNs);
}

void Daemon::terminate_all()
{
    is_ending_ = true;
    engine_->terminate_all(turn());
    carry_out();
}

bool Daemon::is_idle() const
{
    return engine_->stats().ike_sas == 0;
}

bool Daemon::hear(const control::Datagram& datagram)
{
    return inbox_.put(
        {{datagram.local, datagram.local_port}, {datagram.remote, datagram.remote_port}, datagram.payload});
}

void Daemon::hear(const control::Acquire& acquire)
{
    const auto name = trap_of_policy_.find(std::string(acquire.policy));
    if (name == trap_of_policy_.end() || is_ending_ || acquires_.size() >= kMaxEvents)
        return;
    const Child& child = traps_.at(name->second).child;
    base::log(base::LogLevel::kInfo, "ike %s: creating acquire job for policy %s/%u === %s/%u of child %s",
              child.connection.c_str(), acquire.source.to_string().c_str(), acquire.source_port,
              acquire.destination.to_string().c_str(), acquire.destination_port, child.child.c_str());
    acquires_.push_back({child, selectors_of(acquire)});
}

void Daemon::hear(const control::SaMoved& moved)
{
    const auto sa = sas_.find(std::string(moved.name));
    if (sa != sas_.end() && moved_.size() < kMaxEvents)
        moved_.push_back({sa->second, {moved.remote, moved.remote_port}});
}

bool Daemon::hear(const control::SaExpiry& expiry)
{
    const auto sa = sas_.find(std::string(expiry.name));
    if (sa == sas_.end())
        return false;
    // Nothing is wrong with a child whose port is lost but its place: a successor goes where SAs go now.
    const bool wants_successor = expiry.end == control::SaEnd::kSoft || expiry.end == control::SaEnd::kPortLost;
    if (expired_.size() < kMaxEvents || expiry.end != control::SaEnd::kSoft)
        expired_.push_back({sa->second, wants_successor ? ike::Expiry::kSoft : ike::Expiry::kHard});
    return true;
}

base::Result<uint32_t> Daemon::reserve_spi(const net::IpAddress& local, const net::IpAddress& remote)
{
    if (is_ending_)
        return base::Error{base::ErrorCode::kUnavailable, "the gateway is stopping", ""};
    control::SpiRequest request;
    request.local = local;
    request.remote = remote;
    return GW_TRY(plane_.reserve_spi(request)).spi;
}

void Daemon::release_spi(uint32_t spi)
{
    plane_.release_spi(spi);
}

bool Daemon::random(std::span<uint8_t> bytes)
{
    return crypto::random_bytes(bytes);
}

uint64_t Daemon::last_inbound_ns(uint32_t spi)
{
    return when_used(plane_.inbound_use(spi));
}

uint64_t Daemon::last_use_ns(ike::ChildSaId child)
{
    const auto names = sas_of_.find(child);
    if (names == sas_of_.end())
        return 0;
    uint64_t last = 0;
    for (const std::string* name : {names->second.inbound, names->second.outbound})
        if (name != nullptr)
            last = std::max(last, when_used(plane_.sa_use(*name)));
    return last;
}

uint64_t Daemon::when_used(const std::optional<control::SaUse>& use) const
{
    const uint64_t now = options_.now_ns();
    return use && use->is_used && use->idle_ns < now ? now - use->idle_ns : 0;
}

base::Result<net::IpAddress> Daemon::source_address(const net::IpAddress& remote)
{
    if (const auto address = plane_.source_towards(remote))
        return *address;
    return base::Error{base::ErrorCode::kNotFound,
                       base::format("no port has an address to talk to %s from", remote.to_string().c_str()),
                       "look at the routes and the addresses of the ports"};
}

int64_t Daemon::unix_seconds()
{
    return std::time(nullptr);
}

}  // namespace ipsecgw::iked
