#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "base/byte_order.h"
#include "base/clock.h"
#include "ike/core_internal.h"
#include "ike/identities_internal.h"

namespace ipsecgw::ike {

void Core::log(base::LogLevel level, const IkeSa* ike, const char* fmt, ...)
{
    std::array<char, 512> text;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text.data(), text.size(), fmt, args);
    va_end(args);
    LogEvent event;
    event.level = level;
    event.ike_sa = ike != nullptr ? ike->id : 0;
    if (ike != nullptr && ike->connection != nullptr)
        event.connection = ike->connection->name;
    event.text = text.data();
    emit(std::move(event));
}

bool Core::may_answer_stranger()
{
    constexpr uint32_t kAnswersPerSecond = 10;
    if (now_ns - answers_since_ns_ >= base::kNsPerSecond) {
        answers_since_ns_ = now_ns;
        answers_ = 0;
    }
    return answers_++ < kAnswersPerSecond;
}

uint64_t Core::random_below(uint64_t max)
{
    std::array<uint8_t, 8> bytes{};
    if (max == 0 || !host.random(bytes))
        return 0;
    return base::load_be64(bytes.data()) % (max + 1);
}

IkeSa* Core::find(IkeSaId id) noexcept
{
    const auto it = ike_sas.find(id);
    return it != ike_sas.end() ? it->second.get() : nullptr;
}

Loaded* Core::find_loaded(std::string_view connection) noexcept
{
    const auto it = connections.find(connection);
    return it != connections.end() ? it->second.get() : nullptr;
}

const std::set<IkeSaId>& Core::ike_sas_of(std::string_view connection) const noexcept
{
    const auto it = by_connection.find(connection);
    return it != by_connection.end() ? it->second : no_ike_sas_;
}

void Core::set_connection(IkeSa& ike, ConnectionPtr connection)
{
    if (ike.connection != nullptr) {
        const auto it = by_connection.find(ike.connection->name);
        it->second.erase(ike.id);
        if (it->second.empty())
            by_connection.erase(it);
    }
    ike.connection = std::move(connection);
    if (ike.connection != nullptr)
        by_connection[ike.connection->name].insert(ike.id);
}

IkeSa* Core::create_ike_sa(ConnectionPtr connection, Role role)
{
    if (ike_sas.size() >= options.max_ike_sas)
        return nullptr;
    uint64_t spi = 0;
    while (spi == 0 || by_spi.contains(spi)) {
        std::array<uint8_t, 8> bytes{};
        if (!host.random(bytes))
            return nullptr;
        spi = base::load_be64(bytes.data());
    }
    auto owned = std::make_unique<IkeSa>(++last_ike_sa);
    IkeSa* ike = owned.get();
    ike->role = role;
    (role == Role::kInitiator ? ike->spi_i : ike->spi_r) = spi;
    ike->created_ns = ike->last_heard_ns = now_ns;
    by_spi.emplace(spi, ike);
    ike_sas.emplace(ike->id, std::move(owned));
    set_connection(*ike, std::move(connection));
    return ike;
}

void Core::change_spi(IkeSa& ike, uint64_t spi)
{
    by_spi.erase(ike.own_spi());
    (ike.role == Role::kInitiator ? ike.spi_i : ike.spi_r) = spi;
    by_spi.emplace(spi, &ike);
}

void Core::enter_half_open(IkeSa& ike)
{
    ike.is_half_open = true;
    half_open.add(ike.remote.address);
    half_open_address_[ike.id] = ike.remote.address;
}

void Core::leave_half_open(IkeSa& ike)
{
    if (!ike.is_half_open)
        return;
    ike.is_half_open = false;
    const auto it = half_open_address_.find(ike.id);
    half_open.remove(it->second);
    half_open_address_.erase(it);
}

void Core::destroy(IkeSa& ike)
{
    if (ike.is_doomed)
        return;
    ike.is_doomed = true;
    leave_half_open(ike);
    forget_identities(*this, ike);
    for (Timer* timer : {&ike.retransmit_timer, &ike.half_open_timer, &ike.rekey_timer, &ike.close_timer,
                         &ike.liveness_timer, &ike.retry_timer, &ike.forget_timer})
        timer->cancel();
    for (const auto& child : ike.children)
        by_child.erase(child->id);
    by_spi.erase(ike.own_spi());
    if (ike.init_digest)
        by_init.erase(*ike.init_digest);
    ConnectionPtr connection = ike.connection;
    set_connection(ike, nullptr);
    ike.connection = std::move(connection);  // what still runs this turn may name it
    const auto it = ike_sas.find(ike.id);
    doomed.push_back(std::move(it->second));
    ike_sas.erase(it);
}

}  // namespace ipsecgw::ike
