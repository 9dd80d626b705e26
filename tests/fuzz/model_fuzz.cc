// A proposal or selector that is accepted prints as one that means the same.
#include <cstdlib>
#include <string_view>

#include "model/algorithms.h"
#include "model/name.h"
#include "model/policy.h"

namespace {

void require(bool claim)
{
    if (!claim)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    using namespace ipsecgw;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto proposal = model::parse_esp_proposal(text)) {
        const auto again = model::parse_esp_suite(proposal->suite.name());
        require(again && *again == proposal->suite);
        require(proposal->suite.layout().keymat_bytes() != 0);
    }
    if (const auto selector = model::TrafficSelector::parse(text)) {
        const auto again = model::TrafficSelector::parse(selector->to_string());
        require(again && *again == *selector);
    }
    if (const auto prefix = net::Prefix::parse(text))
        require(prefix->network().contains(prefix->address));
    (void)net::MacAddress::parse(text);
    (void)model::check_name(text);
    return 0;
}
