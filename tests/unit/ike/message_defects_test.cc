// What malformed messages get (RFC 7296 sections 2.5, 2.21 and 3): the answers that conformance testers ask for.
#include <gtest/gtest.h>

#include "base/byte_writer.h"
#include "ike/message.h"
#include "support/hex.h"

namespace ipsecgw::ike {
namespace {

using test::hex;

/// A chain with a header whose length is right.
Bytes message(uint8_t first, const std::string& payloads, uint8_t version = 0x20)
{
    const Bytes body = hex(payloads);
    base::ByteWriter out;
    out.u64(1);
    out.u64(2);
    out.u8(first);
    out.u8(version);
    out.u8(37);
    out.u8(0x08);
    out.u32(0);
    out.u32(static_cast<uint32_t>(kHeaderBytes + body.size()));
    out.bytes(body);
    return out.take();
}

struct Bad {
    const char* name;
    uint8_t first;
    const char* payloads;
    const char* what;
};

// Payload types: SA 33, KE 34, IDi 35, CERT 37, AUTH 39, Ni 40, N 41, D 42, V 43, TSi 44, SK 46, CP 47, EAP 48, SKF 53.
constexpr Bad kBad[] = {
    {"payload header cut off", 43, "00 00 00", "payload 43 is cut off"},
    {"payload shorter than its header", 43, "00 00 0003", "payload 43 is cut off"},
    {"payload length 0", 43, "00 00 0000", "payload 43 is cut off"},
    {"payload beyond the message", 43, "00 00 0006 aa", "payload 43 is cut off"},
    {"bytes after the last payload", 43, "00 00 0005 aa bb", "1 bytes follow its last payload"},
    {"bytes without payload", 0, "aa", "1 bytes follow its last payload"},
    {"missing payload", 43, "2b 00 0005 aa", "payload 43 is cut off"},
    {"two nonces", 40, "28 00 0014 000102030405060708090a0b0c0d0e0f 00 00 0014 000102030405060708090a0b0c0d0e0f",
     "two Nonce payloads"},
    {"short nonce", 40, "00 00 0013 000102030405060708090a0b0c0d0e", "Nonce payload: it has 15 bytes"},
    {"KE without group", 34, "00 00 0006 001f", "KE payload: it is cut off"},
    {"AUTH without reserved", 39, "00 00 0006 0200", "AUTH payload: it is cut off"},
    {"CERT without encoding", 37, "00 00 0004", "CERT payload: it is cut off"},
    {"N without type", 41, "00 00 0006 0000", "N payload: it is cut off"},
    {"N with SPI beyond", 41, "00 00 000a 0304 4009 1122", "N payload: it is cut off"},
    {"D of IKE with SPIs", 42, "00 00 0010 0108 0001 0102030405060708", "D payload: it has 1 SPIs of 8 bytes"},
    {"D of ESP with long SPIs", 42, "00 00 0010 0308 0001 0102030405060708", "D payload: it has 1 SPIs of 8 bytes"},
    {"D with too few SPIs", 42, "00 00 000c 0304 0002 01020304", "D payload: its SPIs are not as many"},
    {"D with too many SPIs", 42, "00 00 0010 0304 0001 01020304 05060708", "D payload: its SPIs are not as many"},
    {"ID cut off", 35, "00 00 0006 0200", "IDi payload: it is cut off"},
    {"ID with a short address", 35, "00 00 000b 01000000 0a0000", "IDi payload: its data are not of the form"},
    {"ID without data", 35, "00 00 0008 02000000", "IDi payload: its data are not of the form"},
    {"TS without selector", 44, "00 00 0008 00000000", "TSi payload: it has no selector"},
    {"TS with too few", 44, "00 00 0018 02000000 07000010 0000ffff 0a000000 0affffff",
     "TSi payload: a selector is cut off"},
    {"TS with too many", 44,
     "00 00 0028 01000000 07000010 0000ffff 0a000000 0affffff 07000010 0000ffff 0a000000 0affffff",
     "TSi payload: 16 bytes follow"},
    {"TS of wrong length", 44, "00 00 001c 01000000 07000014 0000ffff 0a000000 0affffff 00000000",
     "TSi payload: a selector's length"},
    {"TS with empty range", 44, "00 00 0018 01000000 07000010 0000ffff 0b000000 0affffff",
     "TSi payload: a selector's range of addresses is empty"},
    {"TS with empty ports", 44, "00 00 0018 01000000 07060010 00500040 0a000000 0affffff",
     "TSi payload: a selector's range of ports is empty"},
    {"SA without proposal", 33, "00 00 0004", "SA payload: a proposal is cut off"},
    {"proposal too short", 33, "00 00 000c 00000007 01030000", "SA payload: a proposal is cut off"},
    {"proposal beyond", 33, "00 00 000c 0000000c 01030400", "SA payload: a proposal is cut off"},
    {"ESP proposal with SPI of 3", 33, "00 00 000f 0000000b 01030300 010203",
     "SA payload: the SPI of a proposal has 3 bytes"},
    {"IKE proposal with SPI of 4", 33, "00 00 0010 0000000c 01010400 01020304",
     "SA payload: the SPI of a proposal has 4 bytes"},
    {"last proposal says more", 33, "00 00 000c 02000008 01010000", "SA payload: a proposal is cut off"},
    {"proposal follows the last", 33, "00 00 0014 00000008 01010000 00000008 02010000", "SA payload: 8 bytes follow"},
    {"proposal mark", 33, "00 00 000c 01000008 01010000", "SA payload: a proposal is neither"},
    {"first proposal is 2", 33, "00 00 0014 02000008 02010000 00000008 03010000",
     "SA payload: its first proposal is not number 1"},
    {"proposal numbers", 33, "00 00 0014 02000008 01010000 00000008 03010000",
     "SA payload: its proposals are not numbered"},
    {"transform missing", 33, "00 00 000c 00000008 01010001", "SA payload: a transform is cut off"},
    {"transform too short", 33, "00 00 0014 00000010 01010001 00000007 0100000c", "SA payload: a transform is cut off"},
    {"transforms not counted", 33, "00 00 001c 00000018 01010001 03000008 0100000c 00000008 02000005",
     "SA payload: its transforms are not as many"},
    {"transform mark", 33, "00 00 0014 00000010 01010001 03000008 0100000c",
     "SA payload: its transforms are not as many"},
    {"attribute cut off", 33, "00 00 0016 00000012 01010001 0000000a 0100000c 800e",
     "SA payload: a transform's attributes"},
    {"long attribute beyond", 33, "00 00 0018 00000014 01010001 0000000c 0100000c 000e0004",
     "SA payload: a transform's attributes"},
    {"CP cut off", 47, "00 00 000a 01000000 0001", "CP payload: it is cut off"},
    {"CP attribute beyond", 47, "00 00 000c 01000000 00010004", "CP payload: it is cut off"},
    {"SK before another", 46, "2b 00 0005 aa 00 00 0005 aa", "5 bytes follow its encrypted payload"},
    {"SKF without total", 53, "29 00 0006 0001", "SKF payload: its fragment number"},
    {"SKF number 0", 53, "29 00 0009 0000 0001 aa", "SKF payload: its fragment number"},
    {"SKF beyond its total", 53, "00 00 0009 0003 0002 aa", "SKF payload: its fragment number"},
    {"SKF 2 with next payload", 53, "29 00 0009 0002 0002 aa", "SKF payload: the first fragment alone"},
    {"SKF 1 without", 53, "00 00 0009 0001 0002 aa", "SKF payload: the first fragment alone"},
};

TEST(MessageDefects, GetInvalidSyntax)
{
    for (const auto& bad : kBad) {
        const auto decoded = decode_message(message(bad.first, bad.payloads));
        ASSERT_FALSE(decoded) << bad.name;
        EXPECT_EQ(decoded.error().answer, NotifyType::kInvalidSyntax) << bad.name;
        EXPECT_TRUE(decoded.error().data.empty()) << bad.name;
        EXPECT_NE(decoded.error().what.find(bad.what), std::string::npos) << bad.name << ": " << decoded.error().what;
    }
}

TEST(MessageDefects, OfTheHeader)
{
    const auto good = message(0, "");
    EXPECT_TRUE(decode_header(good));
    for (size_t size = 0; size < good.size(); size++)
        EXPECT_EQ(decode_header(std::span(good).first(size)).error().answer, NotifyType::kInvalidSyntax);
    auto longer = good;
    longer.push_back(0);
    EXPECT_EQ(decode_header(longer).error().what, "its length says 28 bytes, it has 29");
    for (const int version : {0x10, 0x30, 0x00, 0xf0}) {
        const auto decoded = decode_message(message(0, "", static_cast<uint8_t>(version)));
        ASSERT_FALSE(decoded);
        EXPECT_EQ(decoded.error().answer, NotifyType::kInvalidMajorVersion);
    }
    EXPECT_TRUE(decode_message(message(0, "", 0x2f)));  // section 2.5: a higher minor version is understood
}

/// Whatever is cut off of a message, the rest is no message.
TEST(MessageDefects, EveryPrefixIsMalformed)
{
    const auto whole =
        message(33,
                "2c 00 002c 00000028 01030403 c1f00a21 0300000c 01000014 800e0080 03000008 0400001f 00000008 05000001"
                "00 00 0018 01000000 07000010 0000ffff 0a000000 0affffff");
    ASSERT_TRUE(decode_message(whole));
    for (size_t size = kHeaderBytes; size < whole.size(); size++) {
        auto part = Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        part[27] = static_cast<uint8_t>(size);  // the length of the message
        EXPECT_FALSE(decode_message(part)) << size;
    }
}

/// Section 2.5: the critical bit counts for what is unknown only.
TEST(MessageDefects, UnknownCriticalPayloadsAreNamed)
{
    const auto critical = decode_message(message(200, "00 80 0005 aa"));
    ASSERT_FALSE(critical);
    EXPECT_EQ(critical.error().answer, NotifyType::kUnsupportedCriticalPayload);
    EXPECT_EQ(critical.error().data, Bytes{200});
    const auto other = decode_message(message(200, "2b 00 0005 aa 00 80 0005 bb"));
    ASSERT_TRUE(other);
    EXPECT_EQ(other->payloads.size(), 1U);  // the vendor ID
    const auto inside = decode_payloads(static_cast<PayloadType>(54), hex("00 ff 0004"));
    ASSERT_FALSE(inside);
    EXPECT_EQ(inside.error().answer, NotifyType::kUnsupportedCriticalPayload);
}

TEST(MessageDefects, ReservedBitsAndFieldsAreIgnored)
{
    auto bytes =
        message(44,
                "28 7f 0018 01ffffff 07000010 0000ffff 0a000000 0affffff 22 7f 0014 000102030405060708090a0b0c0d0e0f"
                "2f 7f 0009 001fffff aa 00 7f 0008 01ffffff");
    bytes[19] = 0xcf;  // flags: the initiator's, and all reserved ones
    const auto decoded = decode_message(bytes);
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(decoded->payloads.size(), 4U);
    EXPECT_FALSE(decoded->header.is_response);
    const auto transform = decode_message(message(33, "00 7f 0014 00ff0010 01010001 00ff0008 02ff0005"));
    EXPECT_TRUE(transform) << transform.error().what;
}

TEST(MessageDefects, AnEncryptedPayloadInsideAnotherIsNone)
{
    const auto inside = decode_payloads(PayloadType::kEncrypted, hex("00 00 0006 aabb"));
    ASSERT_FALSE(inside);
    EXPECT_EQ(inside.error().answer, NotifyType::kInvalidSyntax);
}

/// Section 3.3.6: a transform with an attribute we do not know must not be chosen, nor taken for absent.
TEST(MessageDefects, UnknownAttributesSpoilTheirTransform)
{
    const auto decoded = decode_message(message(
        33, "00 00 002c 00000028 01010003 0300000c 0100000c 800e0080 0300000c 0100000c 80110001 00000008 02000005"));
    ASSERT_TRUE(decoded) << decoded.error().what;
    const auto& transforms = find_payload<SaPayload>(decoded->payloads)->proposals[0].proposal.transforms;
    ASSERT_EQ(transforms.size(), 3U);
    EXPECT_EQ(transforms[0].key_bits, 128);
    EXPECT_EQ(transforms[1].key_bits, kUnknownAttribute);
    EXPECT_FALSE(model::cipher_of(transforms[1]));
    const auto lengthy = decode_message(message(33, "00 00 001a 00000016 01010001 0000000e 0100000c 000e0002 0080"));
    ASSERT_TRUE(lengthy) << lengthy.error().what;  // a Key Length that is no TV is none
    EXPECT_EQ(find_payload<SaPayload>(lengthy->payloads)->proposals[0].proposal.transforms[0].key_bits,
              kUnknownAttribute);
}

TEST(MessageDefects, UnknownSelectorTypesAndOpaquePortsAreLeftOut)
{
    const auto decoded =
        decode_message(message(44,
                               "00 00 0032 03000000 0a00000a aabbccddeeff 07060010 ffff0000 0a000000 0affffff"
                               "07060010 00500050 0a000000 0affffff"));
    ASSERT_TRUE(decoded) << decoded.error().what;
    const auto& selectors = find_payload<TsPayload>(decoded->payloads)->selectors;
    ASSERT_EQ(selectors.size(), 1U);
    EXPECT_EQ(selectors[0].ports.first, 80);
}

TEST(MessageDefects, IdentitiesOfUnknownTypeAreKept)
{
    const auto decoded = decode_message(message(35, "00 00 0009 0c000000 aa"));
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(static_cast<int>(find_payload<IdPayload>(decoded->payloads)->identity.type), 12);
}

TEST(MessageDefects, CpIsReadAndEapIsNoticed)
{
    const auto decoded = decode_message(message(47, "30 00 000e 01000000 00010002 aabb 00 00 0008 01020304"));
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_NE(find_payload<ConfigurationPayload>(decoded->payloads), nullptr);
    EXPECT_NE(find_payload<EapPayload>(decoded->payloads), nullptr);
}

TEST(MessageDefects, PayloadsAreCounted)
{
    std::string text;
    for (size_t i = 1; i < kMaxPayloads; i++)
        text += "2b000004";
    EXPECT_TRUE(decode_message(message(43, text + "00000004")));
    EXPECT_EQ(decode_message(message(43, text + "2b00000400000004")).error().what, "it has too many payloads");
}

TEST(MessageDefects, ANotifyWithoutSpiHasNoProtocol)
{
    const auto decoded = decode_message(message(41, "00 00 0008 0300 400c"));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(find_payload<NotifyPayload>(decoded->payloads)->protocol, model::ProtocolId::kNone);
}

}  // namespace
}  // namespace ipsecgw::ike
