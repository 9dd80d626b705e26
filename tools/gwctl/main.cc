// gwctl: asks a running ipsec-gw over its control socket.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>
#include <vector>

#include "gwctl/options.h"
#include "gwctl/run.h"

int main(int argc, char** argv)
{
    using namespace ipsecgw;
    try {
        const std::vector<std::string_view> words(argv + (argc > 0 ? 1 : 0), argv + argc);
        const char* socket = std::getenv("IPSEC_GW_SOCKET");
        const auto invocation =
            gwctl::parse(words, socket != nullptr && *socket != '\0' ? std::optional<std::string_view>(socket) : std::nullopt);
        if (!invocation) {
            gwctl::print(invocation.error(), stderr);
            return static_cast<int>(gwctl::Exit::kUsage);
        }
        return static_cast<int>(gwctl::run(*invocation, stdout, stderr));
    } catch (const std::exception& e) {
        gwctl::print({base::ErrorCode::kInternal, e.what(), ""}, stderr);
        return static_cast<int>(gwctl::Exit::kRefused);
    }
}
