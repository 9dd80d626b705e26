#include "ike/message.h"

#include <gtest/gtest.h>

#include "support/hex.h"
#include "vectors/ike_messages.h"

namespace ipsecgw::ike {
namespace {

using model::Transform;
using model::TransformType;
using test::counting;
using test::hex;

net::IpAddress address(const char* text)
{
    return *net::IpAddress::parse(text);
}

Message decoded(std::span<const uint8_t> bytes)
{
    auto message = decode_message(bytes);
    EXPECT_TRUE(message) << message.error().what;
    return message ? *std::move(message) : Message{};
}

TEST(Message, ReadsScapysIkeSaInit)
{
    const auto message = decoded(hex(vectors::kScapyIkeSaInit));
    EXPECT_EQ(message.header.spi_i, 0x0102030405060708U);
    EXPECT_EQ(message.header.spi_r, 0U);
    EXPECT_EQ(message.header.exchange, ExchangeType::kIkeSaInit);
    EXPECT_TRUE(message.header.from_initiator);
    EXPECT_FALSE(message.header.is_response);
    EXPECT_EQ(message.header.message_id, 0U);
    ASSERT_EQ(message.payloads.size(), 6U);
    const auto* sa = find_payload<SaPayload>(message.payloads);
    ASSERT_EQ(sa->proposals.size(), 2U);
    EXPECT_EQ(sa->proposals[0].number, 1);
    EXPECT_TRUE(sa->proposals[0].spi.empty());
    EXPECT_EQ(sa->proposals[0].proposal.to_string(), "aes128gcm16-prfsha256-x25519");
    EXPECT_EQ(sa->proposals[1].proposal.to_string(), "aes256-sha256-prfsha256-modp2048");
    EXPECT_EQ(*find_payload<KePayload>(message.payloads), (KePayload{31, counting(32, 0x20)}));
    EXPECT_EQ(find_payload<NoncePayload>(message.payloads)->data, counting(32, 0x40));
    EXPECT_EQ(find_notify(message.payloads, NotifyType::kNatDetectionSourceIp)->data, counting(20));
    EXPECT_NE(find_notify(message.payloads, NotifyType::kFragmentationSupported), nullptr);
    EXPECT_EQ(find_notify(message.payloads, NotifyType::kCookie), nullptr);
    EXPECT_EQ(find_payload<VendorIdPayload>(message.payloads)->data, test::bytes_of("vendor"));
    EXPECT_EQ(summary(message.header, message.payloads),
              "IKE_SA_INIT request 0 [ SA KE No N(NAT_DETECTION_SOURCE_IP) N(IKEV2_FRAGMENTATION_SUPPORTED) V ]");
}

TEST(Message, ReadsScapysIkeAuth)
{
    const auto message = decoded(hex(vectors::kScapyIkeAuth));
    const auto* id = find_identity(message.payloads, Which::kInitiator);
    ASSERT_NE(id, nullptr);
    EXPECT_EQ(id->identity, *model::Identity::parse("moon"));
    EXPECT_EQ(id->body(), hex("02000000 6d6f6f6e"));
    EXPECT_EQ(find_identity(message.payloads, Which::kResponder), nullptr);
    EXPECT_EQ(find_payload<CertReqPayload>(message.payloads)->request.encoding, 4);
    EXPECT_EQ(find_payload<CertReqPayload>(message.payloads)->request.data, counting(20));
    EXPECT_EQ(find_payload<AuthPayload>(message.payloads)->auth.method, 2);
    EXPECT_EQ(find_payload<AuthPayload>(message.payloads)->auth.data, counting(32));
    const auto& offered = find_payload<SaPayload>(message.payloads)->proposals.at(0);
    EXPECT_EQ(offered.spi, hex("c1f00a21"));
    EXPECT_EQ(offered.proposal, model::parse_esp_proposals("aes128gcm16-esn")->at(0));
    EXPECT_EQ(find_selectors(message.payloads, Which::kInitiator)->selectors,
              (Selectors{{0, {}, address("10.1.0.0"), address("10.1.255.255")},
                         {17, {4789, 4789}, address("2001:db8::"), address("2001:db8::ffff")}}));
    EXPECT_EQ(find_selectors(message.payloads, Which::kResponder)->selectors,
              (Selectors{{6, {}, address("10.2.0.1"), address("10.2.0.9")}}));
}

/// Nothing is lost or moved between decoding and encoding.
TEST(Message, WritesWhatScapyWrites)
{
    for (const char* text : {vectors::kScapyIkeSaInit, vectors::kScapyIkeAuth}) {
        const auto bytes = hex(text);
        const auto message = decoded(bytes);
        const auto again = encode_message(message.header, message.payloads);
        ASSERT_TRUE(again);
        EXPECT_EQ(*again, bytes);
    }
}

TEST(Message, ReadsItsOwnNotifiesAndDeletes)
{
    const Header header{1, 2, ExchangeType::kInformational, false, true, 7};
    const std::vector<Payload> payloads = {
        NotifyPayload{NotifyType::kRekeySa, {}, model::ProtocolId::kEsp, hex("11223344")},
        NotifyPayload{NotifyType::kInvalidKePayload, hex("001f"), {}, {}},
        DeletePayload{model::ProtocolId::kEsp, {0x11223344, 0x55667788}},
        DeletePayload{model::ProtocolId::kIke, {}},
        CertPayload{{4, counting(5)}},
        IdPayload{Which::kResponder, *model::Identity::parse("C=CH, CN=sun"), {1, 2, 3}},
    };
    const auto bytes = encode_message(header, payloads);
    ASSERT_TRUE(bytes);
    const auto message = decoded(*bytes);
    EXPECT_FALSE(message.header.from_initiator);
    EXPECT_TRUE(message.header.is_response);
    EXPECT_EQ(message.header.message_id, 7U);
    ASSERT_EQ(message.payloads.size(), 6U);
    EXPECT_EQ(std::get<NotifyPayload>(message.payloads[0]), std::get<NotifyPayload>(payloads[0]));
    EXPECT_EQ(std::get<NotifyPayload>(message.payloads[1]), std::get<NotifyPayload>(payloads[1]));
    EXPECT_EQ(std::get<DeletePayload>(message.payloads[2]), std::get<DeletePayload>(payloads[2]));
    EXPECT_EQ(std::get<DeletePayload>(message.payloads[3]), std::get<DeletePayload>(payloads[3]));
    EXPECT_EQ(std::get<CertPayload>(message.payloads[4]).certificate.data, counting(5));
    EXPECT_EQ(std::get<IdPayload>(message.payloads[5]), std::get<IdPayload>(payloads[5]));
}

TEST(Message, AnEmptyOneIsALivenessCheck)
{
    const auto bytes = encode_message({1, 2, ExchangeType::kInformational, true, false, 3}, {});
    ASSERT_TRUE(bytes);
    EXPECT_EQ(bytes->size(), kHeaderBytes);
    EXPECT_TRUE(decoded(*bytes).payloads.empty());
    const auto inside = encode_payloads({});
    EXPECT_EQ(inside->first, PayloadType::kNone);
    EXPECT_TRUE(decode_payloads(PayloadType::kNone, {}));
}

TEST(Message, WhatDoesNotFitIsNotWritten)
{
    const Header header;
    const auto fails = [&](Payload payload) {
        const std::vector<Payload> payloads = {std::move(payload)};
        return !encode_message(header, payloads) && !encode_payloads(payloads);
    };
    EXPECT_TRUE(fails(VendorIdPayload{Bytes(65532)}));
    EXPECT_TRUE(fails(SaPayload{}));
    EXPECT_TRUE(fails(TsPayload{}));
    EXPECT_TRUE(fails(TsPayload{Which::kInitiator, Selectors(256)}));
    EXPECT_TRUE(fails(NotifyPayload{NotifyType::kRekeySa, {}, model::ProtocolId::kEsp, Bytes(256)}));
    EXPECT_TRUE(fails(EncryptedPayload{}));
    EXPECT_TRUE(fails(EapPayload{}));
    const std::vector<Payload> many(3, VendorIdPayload{Bytes(30000)});
    EXPECT_FALSE(encode_message(header, many));
}

TEST(Message, KnowsWhereEncryptedPayloadsBegin)
{
    const auto sk = hex("0102030405060708 1112131415161718 2e 20 23 08 00000001 00000024 29 00 0008 aabbccdd");
    const auto message = decoded(sk);
    const auto* encrypted = find_payload<EncryptedPayload>(message.payloads);
    ASSERT_NE(encrypted, nullptr);
    EXPECT_EQ(encrypted->first, PayloadType::kNotify);
    EXPECT_EQ(encrypted->fragments, 0);
    EXPECT_EQ(encrypted->offset, 32U);
    const auto skf =
        decoded(hex("0102030405060708 1112131415161718 35 20 23 08 00000001 00000028 00 00 000c 0002 0003 aabbccdd"));
    const auto* part = find_payload<EncryptedPayload>(skf.payloads);
    ASSERT_NE(part, nullptr);
    EXPECT_EQ(part->fragment, 2);
    EXPECT_EQ(part->fragments, 3);
    EXPECT_EQ(part->offset, 36U);
}

TEST(Message, NamesWhatItDoesNotKnow)
{
    EXPECT_EQ(to_string(static_cast<NotifyType>(40000)), "notify 40000");
    EXPECT_EQ(to_string(static_cast<ExchangeType>(43)), "exchange 43");
    EXPECT_TRUE(is_error(NotifyType::kChildSaNotFound));
    EXPECT_FALSE(is_error(NotifyType::kInitialContact));
}

}  // namespace
}  // namespace ipsecgw::ike
