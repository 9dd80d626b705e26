// Bytes as a client's request: each answer line is JSON, and one that describes fields can be rendered. Bytes as a gateway's answer: gwctl
// renders what it takes.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "cli/connection.h"
#include "gwctl/render.h"
#include "unit/cli/fake_source.h"

namespace {

using namespace ipsecgw;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

std::string take_all(int fd)
{
    std::string out;
    char chunk[16384];
    for (ssize_t n; (n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT)) > 0;)
        out.append(chunk, static_cast<size_t>(n));
    return out;
}

void ask(std::string_view request)
{
    static const cli::FakeSource source;
    source.fake_reloader.is_quick = true;
    source.fake_editor.done.clear();
    int ends[2];
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    std::string answer;
    {
        cli::Connection connection(ends[0], source, 0);
        [[maybe_unused]] const auto sent = send(ends[1], request.data(), request.size(), 0);
        shutdown(ends[1], SHUT_WR);
        for (int turns = 0; connection.on_ready(connection.interest(), 0) == cli::Connection::Next::kKeep; turns++) {
            require(turns < 10'000);
            answer += take_all(ends[1]);
        }
    }
    answer += take_all(ends[1]);
    close(ends[1]);
    require(answer.empty() || answer.back() == '\n');
    for (const auto line : base::split(base::trim(answer), '\n'))
        require(line.empty() || cli::Json::parse(line, nullptr, false).is_object());
}

void render(std::string_view answer)
{
    const size_t half = answer.find('\n');
    const auto fields = cli::fields_from_json(cli::Json::parse(answer.substr(0, half), nullptr, false));
    if (!fields || half == std::string_view::npos)
        return;
    const auto row = cli::Json::parse(answer.substr(half + 1), nullptr, false);
    if (!row.is_object())
        return;
    gwctl::Table table(*fields);
    table.add(row);
    (void)table.text();
    (void)gwctl::detail(*fields, row);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    ask(text);
    render(text);
    return 0;
}
