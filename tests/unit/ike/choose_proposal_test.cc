#include "ike/choose_proposal.h"

#include <string>

#include <gtest/gtest.h>

namespace ipsecgw::ike {
namespace {

using model::KeyExchangeGroup;
using model::Proposal;
using model::TransformType;

std::vector<Proposal> ike(const std::string& text)
{
    return model::parse_ike_proposals(text).value();
}
std::vector<Proposal> esp(const std::string& text)
{
    return model::parse_esp_proposals(text).value();
}
std::string chosen(const std::vector<Proposal>& offered, const std::vector<Proposal>& own,
                   KeyExchangeGroup preferred = KeyExchangeGroup::kNone)
{
    const auto choice = choose_proposal(offered, own, preferred);
    return choice ? std::to_string(choice->index) + ":" + choice->proposal.to_string() : "none";
}

TEST(ChooseProposal, OneTransformOfEachTypeInOurOrder)
{
    const auto choice = choose_proposal(ike("aes128-aes256-sha256-sha384-x25519-ecp256"),
                                        ike("aes256-aes128-sha384-ecp256-x25519"), KeyExchangeGroup::kNone);
    ASSERT_TRUE(choice);
    const auto suite = model::to_ike_suite(choice->proposal);
    ASSERT_TRUE(suite);
    EXPECT_EQ(suite->cipher.key_bits, 256);
    EXPECT_EQ(suite->group, KeyExchangeGroup::kEcp256);
    EXPECT_EQ(suite->prf, model::Prf::kHmacSha384);
}

TEST(ChooseProposal, TheGroupOfTheKePayloadSavesARoundTrip)
{
    const auto choice = choose_proposal(ike("aes128-sha256-x25519-ecp256"), ike("aes128-sha256-ecp256-x25519"),
                                        KeyExchangeGroup::kCurve25519);
    ASSERT_TRUE(choice);
    EXPECT_EQ(first_group({&choice->proposal, 1}), KeyExchangeGroup::kCurve25519);
}

TEST(ChooseProposal, OurFirstProposalWinsOverThePeersOrder)
{
    auto offered = ike("aes128-sha256-x25519");
    offered.push_back(ike("aes256gcm16-prfsha384-ecp384").front());
    auto own = ike("aes256gcm16-prfsha384-ecp384");
    own.push_back(ike("aes128-sha256-x25519").front());
    EXPECT_EQ(chosen(offered, own).substr(0, 2), "1:");
}

TEST(ChooseProposal, NothingInCommon)
{
    EXPECT_EQ(chosen(ike("aes128-sha256-x25519"), ike("aes256-sha256-x25519")), "none");
    EXPECT_EQ(chosen(ike("aes128-sha256-x25519"), ike("aes128-sha384-x25519")), "none");
    EXPECT_EQ(chosen(esp("aes128gcm16-esn"), esp("aes128gcm16-noesn")), "none");
    EXPECT_EQ(chosen(esp("aes128gcm16"), ike("aes128gcm16-prfsha256-x25519")), "none");
}

TEST(ChooseProposal, PerfectForwardSecrecyIsAskedOrNot)
{
    EXPECT_EQ(chosen(esp("aes128gcm16"), esp("aes128gcm16-x25519")), "none");
    EXPECT_EQ(chosen(esp("aes128gcm16-x25519"), esp("aes128gcm16")), "none");
    EXPECT_NE(chosen(esp("aes128gcm16"), esp("aes128gcm16-x25519-modpnone")), "none");
    EXPECT_NE(chosen(without_groups(esp("aes128gcm16-x25519")), without_groups(esp("aes128gcm16-ecp256"))), "none");
}

TEST(ChooseProposal, UnknownTransformTypesSpoilAProposalRfc7296Section336)
{
    auto offered = ike("aes128-sha256-x25519");
    offered.push_back(offered.front());
    offered.front().transforms.push_back({static_cast<TransformType>(6), 35, 0});
    EXPECT_EQ(chosen(offered, ike("aes128-sha256-x25519")).substr(0, 2), "1:");
    // An unknown transform of a known type is passed over.
    offered = ike("aes128-sha256-x25519");
    offered.front().transforms.insert(offered.front().transforms.begin(), {TransformType::kEncryption, 999, 0});
    EXPECT_NE(chosen(offered, ike("aes128-sha256-x25519")), "none");
}

TEST(ChooseProposal, AnAnswerIsOneOfTheOffers)
{
    const auto offer = esp("aes128gcm16-aes256gcm16-x25519-noesn-esn").front();
    const auto one = esp("aes256gcm16-x25519-esn").front();
    EXPECT_TRUE(is_choice_of(one, offer));
    EXPECT_FALSE(is_choice_of(esp("chacha20poly1305-x25519").front(), offer));
    EXPECT_FALSE(is_choice_of(offer, offer));                              // not one transform each
    EXPECT_FALSE(is_choice_of(without_groups({&one, 1}).front(), offer));  // PFS left out
    EXPECT_TRUE(is_choice_of(without_groups({&one, 1}).front(), esp("aes256gcm16-x25519-modpnone-esn").front()));
}

}  // namespace
}  // namespace ipsecgw::ike
