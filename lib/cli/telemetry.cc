#include "cli/telemetry.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rte_telemetry.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/telemetry_answers.h"
#include "dpdk/compat.h"

namespace ipsecgw::cli {

/// What callbacks know of a gateway; outlives it while one waits.
struct TelemetryCommands::Gateway {
    std::mutex mutex;
    control::EventLoop* loop;  // under mutex; null: gone
    const Source* source;      // under mutex
    uint64_t timeout_ns;
};

namespace {

/// A question on its way to the loop and back.
struct Question {
    Question(const TelemetryCommand& asked, std::string_view with) : command(asked), parameter(with) {}
    const TelemetryCommand& command;
    std::string parameter;
    std::atomic<bool> abandoned{false};
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Json> answer;  // under mutex
};

}  // namespace

/// The process's registration: see the header for why there must be one. Never freed, since DPDK's threads run until the process ends.
struct TelemetryRegistry {
    using Gateway = TelemetryCommands::Gateway;

    std::mutex mutex;
    std::vector<std::shared_ptr<Gateway>> gateways;  // under mutex; oldest first

    std::shared_ptr<Gateway> oldest()
    {
        const std::lock_guard lock(mutex);
        return gateways.empty() ? nullptr : gateways.front();
    }

    static Json ask(const TelemetryCommand& command, std::string_view parameter);
    static bool post(const std::shared_ptr<Gateway>& gateway, const std::shared_ptr<Question>& question);
};

namespace {

// Set once. Release and acquire: who sees the pointer sees an empty registry complete; the rest of it is under its mutex.
constinit std::atomic<TelemetryRegistry*> registry{nullptr};

bool add(rte_tel_data* data, const std::string& name, const Json& value)
{
    if (value.is_number())
        return dpdk::compat::tel_add_dict_uint(data, name.c_str(), value.get<uint64_t>()) == 0;
    if (value.is_string())
        return rte_tel_data_add_dict_string(data, name.c_str(), value.get_ref<const std::string&>().c_str()) == 0;
    rte_tel_data* nested = rte_tel_data_alloc();
    if (nested == nullptr)
        return false;
    bool complete = true;
    if (value.is_array()) {
        rte_tel_data_start_array(nested, RTE_TEL_STRING_VAL);
        for (const auto& entry : value)
            complete = rte_tel_data_add_array_string(nested, entry.get_ref<const std::string&>().c_str()) == 0 && complete;
    } else {
        rte_tel_data_start_dict(nested);
        for (const auto& [key, member] : value.items())
            complete = add(nested, key, member) && complete;
    }
    if (rte_tel_data_add_dict_container(data, name.c_str(), nested, 0) == 0)
        return complete;
    rte_tel_data_free(nested);
    return false;
}

/// Runs in a thread of DPDK's. Nothing may be thrown into C.
int on_command(const char* path, const char* parameter, rte_tel_data* data) noexcept
{
    try {
        for (const auto& command : telemetry_commands()) {
            if (std::string_view(path) != command.path)
                continue;
            const Json answer = TelemetryRegistry::ask(command, parameter != nullptr ? parameter : "");
            rte_tel_data_start_dict(data);
            for (const auto& [name, value] : answer.items())
                add(data, name, value);
            return 0;
        }
    } catch (const std::exception& e) {
        base::log(base::LogLevel::kError, "telemetry %s: %s", path, e.what());
    }
    return -1;
}

base::Result<void> register_commands()
{
    for (const auto& command : telemetry_commands())
        if (const int error = rte_telemetry_register_cmd(command.path, on_command, command.help); error != 0)
            return base::Error{base::ErrorCode::kInternal,
                               base::format("DPDK telemetry refuses %s: error %d", command.path, error), ""};
    return {};
}

/// The one registry, made and registered by the first who asks.
base::Result<TelemetryRegistry*> the_registry()
{
    auto fresh = std::make_unique<TelemetryRegistry>();
    TelemetryRegistry* expected = nullptr;
    if (!registry.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel))
        return expected;
    TelemetryRegistry* kept = fresh.release();
    GW_TRY(register_commands());
    return kept;
}

}  // namespace

bool TelemetryRegistry::post(const std::shared_ptr<Gateway>& gateway, const std::shared_ptr<Question>& question)
{
    const std::lock_guard lock(gateway->mutex);
    if (gateway->loop == nullptr)
        return false;
    gateway->loop->post([gateway, question] {
        const std::lock_guard still_there(gateway->mutex);
        if (gateway->source == nullptr || question->abandoned.load(std::memory_order_relaxed))
            return;
        const auto tell = [question](const Json& said) {
            Json answer = to_telemetry(said);
            const std::lock_guard lock_answer(question->mutex);
            question->answer = std::move(answer);
            question->answered.notify_one();
        };
        if (question->command.answer_later != nullptr)
            question->command.answer_later(*gateway->source, question->parameter, tell);
        else
            tell(question->command.answer(*gateway->source, question->parameter));
    });
    return true;
}

Json TelemetryRegistry::ask(const TelemetryCommand& command, std::string_view parameter)
{
    TelemetryRegistry* all = registry.load(std::memory_order_acquire);
    const auto gateway = all != nullptr ? all->oldest() : nullptr;
    const auto question = std::make_shared<Question>(command, parameter.substr(0, 256));
    if (gateway == nullptr || !post(gateway, question))
        return {{"error", "no gateway runs in this process"}};
    std::unique_lock lock(question->mutex);
    question->answered.wait_for(lock, std::chrono::nanoseconds(gateway->timeout_ns),
                                [&] { return question->answer.has_value(); });
    if (question->answer)
        return std::move(*question->answer);
    question->abandoned.store(true, std::memory_order_relaxed);
    return {{"error", "the control thread did not answer in time"}};
}

TelemetryCommands::TelemetryCommands(std::shared_ptr<Gateway> gateway) : gateway_(std::move(gateway)) {}

base::Result<std::unique_ptr<TelemetryCommands>> TelemetryCommands::create(control::EventLoop& loop,
                                                                           const Source& source, uint64_t timeout_ns)
{
    TelemetryRegistry* all = GW_TRY(the_registry());
    auto gateway = std::make_shared<Gateway>();
    gateway->loop = &loop;
    gateway->source = &source;
    gateway->timeout_ns = timeout_ns;
    const std::lock_guard lock(all->mutex);
    all->gateways.push_back(gateway);
    return std::unique_ptr<TelemetryCommands>(new TelemetryCommands(std::move(gateway)));
}

TelemetryCommands::~TelemetryCommands()
{
    {
        TelemetryRegistry* all = registry.load(std::memory_order_acquire);
        const std::lock_guard lock(all->mutex);
        std::erase(all->gateways, gateway_);
    }
    const std::lock_guard lock(gateway_->mutex);
    gateway_->loop = nullptr;
    gateway_->source = nullptr;
}

}  // namespace ipsecgw::cli
