// Notify message types (IANA "IKEv2 Notify Message Error Types" and "Status Types").
#pragma once

#include <cstdint>
#include <string>

namespace ipsecgw::ike {

enum class NotifyType : uint16_t {
    // Errors: below 16384. RFC 7296 section 3.10.1.
    kUnsupportedCriticalPayload = 1,
    kInvalidIkeSpi = 4,
    kInvalidMajorVersion = 5,
    kInvalidSyntax = 7,
    kInvalidMessageId = 9,
    kInvalidSpi = 11,
    kNoProposalChosen = 14,
    kInvalidKePayload = 17,
    kAuthenticationFailed = 24,
    kSinglePairRequired = 34,
    kNoAdditionalSas = 35,
    kInternalAddressFailure = 36,
    kFailedCpRequired = 37,
    kTsUnacceptable = 38,
    kInvalidSelectors = 39,
    kTemporaryFailure = 43,
    kChildSaNotFound = 44,
    // Statuses.
    kInitialContact = 16384,
    kSetWindowSize = 16385,
    kAdditionalTsPossible = 16386,
    kIpcompSupported = 16387,
    kNatDetectionSourceIp = 16388,
    kNatDetectionDestinationIp = 16389,
    kCookie = 16390,
    kUseTransportMode = 16391,
    kHttpCertLookupSupported = 16392,
    kRekeySa = 16393,
    kEspTfcPaddingNotSupported = 16394,
    kNonFirstFragmentsAlso = 16395,
    kMobikeSupported = 16396,          // RFC 4555
    kMultipleAuthSupported = 16404,    // RFC 4739
    kRedirectSupported = 16406,        // RFC 5685
    kChildlessIkev2Supported = 16418,  // RFC 6023
    kFragmentationSupported = 16430,   // RFC 7383: IKEV2_FRAGMENTATION_SUPPORTED
    kSignatureHashAlgorithms = 16431,  // RFC 7427
    kUsePpk = 16435,                   // RFC 8784
    kPpkIdentity = 16436,
    kNoPpkAuth = 16437,
};

/// An error: what it is about was not done. Unknown errors in a response mean that the request failed, unknown statuses
/// nothing (RFC 7296 section 3.10.1).
[[nodiscard]] constexpr bool is_error(NotifyType type) noexcept
{
    return static_cast<uint16_t>(type) < 16384;
}

/// "NO_PROPOSAL_CHOSEN", "REKEY_SA"; "notify 40000"
[[nodiscard]] std::string to_string(NotifyType type);

}  // namespace ipsecgw::ike
