#include "gwctl/top.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "gwctl/render.h"

namespace ipsecgw::gwctl {

using base::Error;
using base::ErrorCode;
using base::Result;
using cli::Json;

namespace {

constexpr size_t kMaxPorts = 4, kMaxWorkers = 6, kMaxDrops = 4;

uint64_t number_in(const Json& row, const char* name)
{
    const auto found = row.find(name);
    return found != row.end() && found->is_number_integer() ? found->get<uint64_t>() : 0;
}

std::string word_in(const Json& row, const char* name)
{
    const auto found = row.find(name);
    return found == row.end() || found->is_null() ? "-" : found->is_string() ? found->get<std::string>() : found->dump();
}

/// The row of before that has the same values in these members; an empty object: there is none.
Json same_row(const Json& rows, const Json& wanted, std::initializer_list<const char*> keys)
{
    for (const auto& row : rows)
        if (std::all_of(keys.begin(), keys.end(), [&](const char* key) { return word_in(row, key) == word_in(wanted, key); }))
            return row;
    return Json::object();
}

/// Growth a second; counters that began anew have grown by what they are.
class Rates {
  public:
    explicit Rates(double seconds) : seconds_(std::max(seconds, 1e-3)) {}
    [[nodiscard]] double of(const Json& before, const Json& now, const char* name) const
    {
        const uint64_t old = number_in(before, name), fresh = number_in(now, name);
        return static_cast<double>(fresh - std::min(old, fresh)) / seconds_;
    }

  private:
    double seconds_;
};

std::string human_rate(double rate)
{
    return human_bytes(static_cast<uint64_t>(rate + 0.5));
}

/// Lines up to the screen's edge.
class Page {
  public:
    explicit Page(ScreenSize size) : size_(size) {}
    [[nodiscard]] size_t left() const { return size_.rows - std::min(size_.rows, lines_); }
    void line(std::string text)
    {
        if (left() == 0)
            return;
        text.resize(std::min(text.size(), size_.columns));
        text.erase(text.find_last_not_of(' ') + 1);
        text_ += text + "\n";
        lines_++;
    }
    [[nodiscard]] std::string text() && { return std::move(text_); }

  private:
    ScreenSize size_;
    size_t lines_ = 0;
    std::string text_;
};

std::string first_of(const std::string& text, size_t width)
{
    return text.size() <= width ? text : text.substr(0, width - 1) + "~";
}

void draw_head(Page& page, const Json& stats)
{
    const uint64_t total = number_in(stats, "mbufs_total");
    page.line(base::format("ipsec-gw %s   up %s   SAs %s in, %s out   buffers %.0f %% of %s", word_in(stats, "version").c_str(),
                           human_seconds(number_in(stats, "uptime_seconds")).c_str(), word_in(stats, "inbound_sas").c_str(),
                           word_in(stats, "outbound_sas").c_str(),
                           total == 0 ? 0 : 100.0 * static_cast<double>(number_in(stats, "mbufs_in_use")) / static_cast<double>(total),
                           word_in(stats, "mbufs_total").c_str()));
}

void draw_ports(Page& page, const Sample& before, const Sample& now, const Rates& rates)
{
    page.line("");
    page.line(base::format("%-14s %-4s %11s %11s %11s %11s %9s", "PORT", "LINK", "IN-PKT/S", "IN-BIT/S", "OUT-PKT/S", "OUT-BIT/S", "MISSED"));
    for (size_t i = 0; i < std::min(kMaxPorts, now.ports.size()); i++) {
        const Json& row = now.ports[i];
        const Json old = same_row(before.ports, row, {"name"});
        const auto link = row.find("link_up");
        page.line(base::format("%-14s %-4s %11s %11s %11s %11s %9s", first_of(word_in(row, "name"), 14).c_str(),
                               link != row.end() && link->is_boolean() && link->get<bool>() ? "up" : "down",
                               human_rate(rates.of(old, row, "rx_packets")).c_str(), human_rate(8 * rates.of(old, row, "rx_bytes")).c_str(),
                               human_rate(rates.of(old, row, "tx_packets")).c_str(), human_rate(8 * rates.of(old, row, "tx_bytes")).c_str(),
                               human_rate(rates.of(old, row, "rx_missed")).c_str()));
    }
}

void draw_workers(Page& page, const Sample& before, const Sample& now, const Rates& rates)
{
    const Json none = Json::array();
    const auto rows = now.stats.find("workers");
    if (rows == now.stats.end() || !rows->is_array())
        return;
    const auto old_rows = before.stats.find("workers");
    page.line("");
    page.line(base::format("%-14s %5s %10s %11s %11s %13s %8s", "WORKER", "LCORE", "BUSY (%)", "PKT/S", "CYCLES/PKT", "HANDED-OVER/S", "IN-SAS"));
    for (size_t i = 0; i < std::min(kMaxWorkers, rows->size()); i++) {
        const Json& row = (*rows)[i];
        const Json old = same_row(old_rows != before.stats.end() ? *old_rows : none, row, {"index"});
        const double turns = rates.of(old, row, "turns"), idle = rates.of(old, row, "idle_turns");
        const double packets = rates.of(old, row, "packets");
        page.line(base::format("%-14s %5s %10.1f %11s %11.0f %13s %8s", word_in(row, "index").c_str(), word_in(row, "lcore").c_str(),
                               turns == 0 ? 0 : 100 * (turns - std::min(idle, turns)) / turns, human_rate(packets).c_str(),
                               packets == 0 ? 0 : rates.of(old, row, "busy_cycles") / packets,
                               human_rate(rates.of(old, row, "handed_over_out")).c_str(), word_in(row, "inbound_sas").c_str()));
    }
}

/// Rows by what grew most, those that did not grow left out.
std::vector<std::pair<double, Json>> by_growth(const Json& before, const Json& now, const Rates& rates, const char* counter,
                                               std::initializer_list<const char*> keys, bool keeps_still)
{
    std::vector<std::pair<double, Json>> rows;
    for (const auto& row : now) {
        const double rate = rates.of(same_row(before, row, keys), row, counter);
        if (rate > 0 || keeps_still)
            rows.emplace_back(rate, row);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    return rows;
}

void draw_drops(Page& page, const Sample& before, const Sample& now, const Rates& rates)
{
    const auto rows = by_growth(before.drops, now.drops, rates, "packets", {"reason"}, false);
    page.line("");
    page.line(base::format("%-24s %11s %13s", rows.empty() ? "NO DROPS NOW" : "DROPS", "PKT/S", "SO FAR"));
    for (size_t i = 0; i < std::min(kMaxDrops, rows.size()); i++)
        page.line(base::format("%-24s %11s %13s", word_in(rows[i].second, "reason").c_str(), human_rate(rows[i].first).c_str(),
                               word_in(rows[i].second, "packets").c_str()));
}

void draw_tunnels(Page& page, const Sample& before, const Sample& now, const Rates& rates)
{
    const auto rows = by_growth(before.tunnels, now.tunnels, rates, "bytes", {"name", "direction"}, true);
    page.line("");
    page.line(base::format("%-26s %-3s %4s %9s %9s %9s %7s %6s", "TUNNEL", "DIR", "SAS", "PKT/S", "BIT/S", "BYTES", "DROPS", "AGE"));
    for (size_t i = 0; i < rows.size() && page.left() > 0; i++) {
        const Json& row = rows[i].second;
        if (page.left() == 1 && i + 1 < rows.size()) {
            page.line(base::format("and %zu more", rows.size() - i));
            return;
        }
        const Json old = same_row(before.tunnels, row, {"name", "direction"});
        const auto age = row.find("oldest_seconds");
        page.line(base::format("%-26s %-3s %4s %9s %9s %9s %7s %6s", first_of(word_in(row, "name"), 26).c_str(), word_in(row, "direction").c_str(),
                               word_in(row, "sas").c_str(), human_rate(rates.of(old, row, "packets")).c_str(),
                               human_rate(8 * rates.of(old, row, "bytes")).c_str(), human_bytes(number_in(row, "bytes")).c_str(),
                               word_in(row, "drops_total").c_str(),
                               age != row.end() && age->is_number_integer() ? human_seconds(age->get<uint64_t>()).c_str() : "-"));
    }
}

Result<Json> rows_of(Client& client, const char* command)
{
    Json rows = Json::array();
    const auto outcome = client.ask({{"command", command}}, [&](const Json& line) -> Result<void> {
        if (const auto row = line.find("row"); row != line.end())
            rows.push_back(*row);
        return {};
    });
    if (!outcome)
        return outcome.error();
    if (outcome->is_refused)
        return outcome->refusal;
    return rows;
}

Result<Sample> ask(Client& client)
{
    Sample sample;
    sample.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    const Json stats = GW_TRY(rows_of(client, "stats"));
    sample.stats = stats.empty() ? Json::object() : stats[0];
    sample.tunnels = GW_TRY(rows_of(client, "tunnel show"));
    sample.ports = GW_TRY(rows_of(client, "port show"));
    sample.drops = GW_TRY(rows_of(client, "drops"));
    return sample;
}

ScreenSize screen_size()
{
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 8 || size.ws_col < 40)
        return {};
    return {size.ws_row, size.ws_col};
}

/// The terminal as top wants it, and as it was when this goes.
class Terminal {
  public:
    explicit Terminal(std::FILE* out) : out_(out)
    {
        sigemptyset(&signals_);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH})
            sigaddset(&signals_, number);
        sigprocmask(SIG_BLOCK, &signals_, &before_);
        signal_fd_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
        has_terminal_ = tcgetattr(STDIN_FILENO, &modes_) == 0;
        if (has_terminal_) {
            termios raw = modes_;
            raw.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
            tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        }
        std::fputs("\x1b[?1049h\x1b[?25l", out_);  // the other screen, no cursor
    }
    ~Terminal()
    {
        std::fputs("\x1b[?25h\x1b[?1049l", out_);
        std::fflush(out_);
        if (has_terminal_)
            tcsetattr(STDIN_FILENO, TCSANOW, &modes_);
        close(signal_fd_);
        sigprocmask(SIG_SETMASK, &before_, nullptr);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    void draw(const std::string& text)
    {
        // Without the last line's end, which would scroll a full screen.
        std::string frame = "\x1b[H";
        bool is_first = true;
        for (const auto line : base::split(std::string_view(text).substr(0, text.find_last_not_of('\n') + 1), '\n')) {
            frame += (is_first ? "" : "\r\n") + std::string(line) + "\x1b[K";
            is_first = false;
        }
        std::fputs((frame + "\x1b[J").c_str(), out_);
        std::fflush(out_);
    }
    /// True: somebody wants it to end.
    bool wait(double seconds)
    {
        pollfd waits[2] = {{signal_fd_, POLLIN, 0}, {has_terminal_ ? STDIN_FILENO : -1, POLLIN, 0}};
        if (poll(waits, 2, static_cast<int>(seconds * 1000)) <= 0)
            return false;
        signalfd_siginfo info{};
        if ((waits[0].revents & POLLIN) != 0 && read(signal_fd_, &info, sizeof info) == sizeof info)
            return info.ssi_signo != SIGWINCH;
        char key = 0;
        return (waits[1].revents & (POLLIN | POLLHUP)) != 0 && (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q');
    }

  private:
    std::FILE* out_;
    sigset_t signals_{}, before_{};
    int signal_fd_ = -1;
    bool has_terminal_ = false;
    termios modes_{};
};

Result<double> interval_of(const Invocation& invocation)
{
    const auto given = invocation.local.find("interval");
    if (given == invocation.local.end())
        return 2.0;
    char* end = nullptr;
    const double seconds = std::strtod(given->second.c_str(), &end);
    if (end == given->second.c_str() || *end != '\0' || !(seconds >= 0.1 && seconds <= 3600))
        return Error{ErrorCode::kInvalidArgument, "--interval: \"" + given->second + "\" is no number of seconds from 0.1 to 3600", ""};
    return seconds;
}

}  // namespace

std::string picture(const Sample& before, const Sample& now, ScreenSize size)
{
    const Rates rates(now.seconds - before.seconds);
    Page page(size);
    draw_head(page, now.stats);
    draw_ports(page, before, now, rates);
    draw_workers(page, before, now, rates);
    draw_drops(page, before, now, rates);
    draw_tunnels(page, before, now, rates);
    return std::move(page).text();
}

Result<void> top(const Invocation& invocation, Client& client, std::FILE* out)
{
    const double interval = GW_TRY(interval_of(invocation));
    Sample before = GW_TRY(ask(client));
    if (invocation.args.contains("once")) {
        std::this_thread::sleep_for(std::chrono::duration<double>(interval));
        const Sample now = GW_TRY(ask(client));
        std::fputs(picture(before, now, screen_size()).c_str(), out);
        return {};
    }
    if (isatty(STDOUT_FILENO) == 0)
        return Error{ErrorCode::kInvalidArgument, "standard output is no terminal", "give --once"};
    Terminal terminal(out);
    terminal.draw(picture(before, before, screen_size()));
    while (!terminal.wait(interval)) {
        Sample now = GW_TRY(ask(client));
        terminal.draw(picture(before, now, screen_size()));
        if (now.seconds - before.seconds >= interval / 2)
            before = std::move(now);
    }
    return {};
}

}  // namespace ipsecgw::gwctl
