// The body of one payload, whose type is the first byte: what is decoded can be used as the engine uses it.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "ike/choose_proposal.h"
#include "ike/message.h"
#include "ike/selectors.h"

namespace {

using namespace ipsecgw;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

void use(const ike::SaPayload& sa)
{
    std::vector<model::Proposal> offered;
    for (const auto& proposal : sa.proposals) {
        require(!proposal.proposal.to_string().empty() || proposal.proposal.transforms.empty());
        offered.push_back(proposal.proposal);
    }
    for (const auto* configured : {&model::default_ike_proposals(), &model::default_esp_proposals()}) {
        const auto chosen = ike::choose_proposal(offered, *configured, model::KeyExchangeGroup::kCurve25519);
        if (!chosen)
            continue;
        require(ike::is_choice_of(chosen->proposal, offered.at(chosen->index)));
        require(chosen->proposal.protocol == model::ProtocolId::kIke
                    ? model::to_ike_suite(chosen->proposal).has_value()
                    : model::to_child_suite(chosen->proposal).has_value());
    }
}

void use(const ike::TsPayload& ts)
{
    for (const auto& selector : ts.selectors)
        require(!(selector.last < selector.first) && selector.ports.first <= selector.ports.last);
    (void)ike::to_string(ts.selectors);
    const auto as_model = ike::to_model(ts.selectors, 16);
    require(as_model.size() <= 16);
    const auto any = net::Prefix::any(net::Family::kIpv4);
    const auto narrowed = ike::narrow(ts.selectors, {ike::to_selector({any, 17, {1000, 2000}})});
    require(narrowed.size() <= ike::kMaxSelectors && ike::contains(ts.selectors, narrowed));
}

void use(const ike::IdPayload& id)
{
    require(id.body().size() == id.identity.data.size() + 4);
    require(!id.identity.to_string().empty());
    static const auto pattern = *model::Identity::parse("C=CH, O=*");
    (void)pattern.matches(id.identity);
    (void)id.identity.matches(pattern);
    // An identity of a type we do not know is the same as itself, byte for byte.
    require(id.identity.is_any() || id.identity.equals(id.identity));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size == 0 || size > 60'000)
        return 0;
    const size_t length = size - 1 + ike::kPayloadHeaderBytes;
    std::vector<uint8_t> chain = {0, 0, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
    chain.insert(chain.end(), data + 1, data + size);
    const auto payloads = ike::decode_payloads(static_cast<ike::PayloadType>(data[0]), chain);
    if (!payloads) {
        require(!payloads.error().what.empty());
        return 0;
    }
    require(payloads->size() <= 1);
    for (const auto& payload : *payloads) {
        if (const auto* sa = std::get_if<ike::SaPayload>(&payload))
            use(*sa);
        else if (const auto* ts = std::get_if<ike::TsPayload>(&payload))
            use(*ts);
        else if (const auto* id = std::get_if<ike::IdPayload>(&payload))
            use(*id);
        else if (const auto* nonce = std::get_if<ike::NoncePayload>(&payload))
            require(nonce->data.size() >= 16 && nonce->data.size() <= 256);
    }
    return 0;
}
