// A pair of SAs that talk to each other, and a forge for packets that no correct sender makes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "esp/engine.h"
#include "esp/factory.h"
#include "esp/look_aside.h"
#include "esp/open.h"
#include "esp/seal.h"
#include "support/kind.h"
#include "unit/esp/mbuf_test.h"

namespace ipsecgw::test {

inline constexpr uint32_t kSpi = 0xc1f00a21;

/// The engines of this test process.
esp::Engines& engines();
/// A suite by its proposal name; throws on a mistake.
model::EspSuite suite(const char* proposal);
/// A valid outbound SA from our gateway to the peer's: addresses by `outer`, keying material a fixed pattern.
model::SaParams outbound_params(const model::EspSuite& suite, Family outer = Family::kIpv4);
/// The other gateway's view of the same SA.
model::SaParams mirrored(const model::SaParams& outbound);

/// `spec` between the SA's own addresses, as transport mode carries it.
Bytes host_packet(const model::SaParams& outbound, PacketSpec spec);

/// In software, or on the look-aside device when the cases run in that kind (support/kind.h).
esp::BuiltOutbound build_out(const model::SaParams& params, uint16_t workers = 1);
esp::BuiltInbound build_in(const model::SaParams& params);

/// esp::seal_burst and esp::open_burst for worker 0; of look-aside SAs through the device and back.
uint16_t seal_all(sa::OutboundSa& sa, std::span<rte_mbuf*> burst, esp::DropSink& drops);
uint16_t open_all(sa::InboundSa& sa, std::span<rte_mbuf*> burst, esp::DropSink& drops);

/// Both ends of one SA.
struct SaPair {
    explicit SaPair(const model::SaParams& outbound);
    SaPair(const model::SaParams& outbound, const model::SaParams& inbound);

    sa::OutboundSaPtr out;
    sa::InboundSaPtr in;
};

/// What a forged packet carries: any plaintext, with an ICV that verifies.
struct Forged {
    uint64_t sequence = 1;
    uint8_t next_header = 4;
    Bytes payload;
    Bytes padding = {};                      // as given
    std::optional<uint8_t> pad_length = {};  // of `padding` where not given
    Bytes outer = {};                        // headers before ESP; lengths in them are not corrected
};

/// Seals any plaintext with the keys of an outbound SA, past all of its framing.
class Forge {
  public:
    explicit Forge(const model::SaParams& outbound);
    /// ESP header to ICV behind `forged.outer`, by default the SA's own outer header with correct lengths.
    Bytes seal(const Forged& forged);
    /// As above, padded to the alignment with correct padding.
    Bytes seal_padded(Forged forged);

  private:
    model::SaParams params_;
    model::SuiteLayout layout_;
    sa::CipherContextPtr cipher_;
};

/// seal_burst and open_burst over vectors, for one worker.
class EspTest : public MbufTest {
  protected:
    /// Seals each packet; returns the survivors as they leave.
    std::vector<Bytes> seal(sa::OutboundSa& sa, const std::vector<Bytes>& packets, size_t extension_bytes = 0);
    /// Opens each packet.
    std::vector<Bytes> open(sa::InboundSa& sa, const std::vector<Bytes>& packets, size_t extension_bytes = 0);
    /// Opens one packet that must be dropped; returns why.
    telemetry::Drop refusal(sa::InboundSa& sa, const Bytes& packet);
};

}  // namespace ipsecgw::test

namespace ipsecgw::telemetry {
void PrintTo(Drop reason, std::ostream* out);
}
