#include "ike/credentials.h"

#include "unit/ike/auth_fixture.h"

namespace ipsecgw::ike {
namespace {

using namespace test;

void add(Credentials& credentials, model::SecretType type, const char* secret, std::vector<const char*> ids)
{
    std::vector<model::Identity> parsed;
    for (const char* one : ids)
        parsed.push_back(id(one));
    credentials.add_secret({type, std::move(parsed), base::SecretBytes(bytes_of(secret))});
}

std::string text(const base::SecretBytes* secret)
{
    return secret == nullptr ? "none" : std::string(secret->view().begin(), secret->view().end());
}

TEST(Credentials, FindTheSecretThatFitsBest)
{
    Credentials credentials;
    const auto address = net::IpAddress::parse("192.0.2.9").value();
    const auto find = [&](const char* own, const char* peer) {
        return text(credentials.find_psk(id(own), id(peer), address));
    };
    EXPECT_EQ(find("moon", "sun"), "none");
    add(credentials, model::SecretType::kPpk, "ppk", {});
    EXPECT_EQ(find("@moon", "@sun"), "none") << "a PPK is no PSK";
    add(credentials, model::SecretType::kIke, "anybody", {});
    add(credentials, model::SecretType::kIke, "domain", {"*.example.org"});
    add(credentials, model::SecretType::kIke, "sun", {"sun.example.org"});
    add(credentials, model::SecretType::kIke, "pair", {"moon.example.org", "sun.example.org"});
    add(credentials, model::SecretType::kIke, "address", {"192.0.2.9"});
    add(credentials, model::SecretType::kIke, "mine", {"mars.example.net"});
    EXPECT_EQ(find("moon.example.org", "sun.example.org"), "pair");
    EXPECT_EQ(find("venus.example.net", "sun.example.org"), "sun");
    EXPECT_EQ(find("venus.example.net", "SUN.example.org"), "sun");
    EXPECT_EQ(find("venus.example.net", "jupiter.example.org"), "domain");
    EXPECT_EQ(find("venus.example.net", "jupiter.example.com"), "anybody");
    EXPECT_EQ(find("venus.example.net", "%any"), "address") << "an unknown peer is its address";
    EXPECT_EQ(find("mars.example.net", "jupiter.example.com"), "mine") << "names only ourselves: for any peer of ours";
}

/// Who shares a secret with one peer must not be able to pass for another.
TEST(Credentials, APairsSecretIsNotForThirds)
{
    Credentials credentials;
    add(credentials, model::SecretType::kIke, "pair", {"moon.example.org", "sun.example.org"});
    const auto address = net::IpAddress::parse("192.0.2.9").value();
    EXPECT_EQ(credentials.find_psk(id("moon.example.org"), id("venus.example.org"), address), nullptr);
    EXPECT_EQ(text(credentials.find_psk(id("moon.example.org"), id("sun.example.org"), address)), "pair");
    EXPECT_EQ(credentials.find_psk(id("moon.example.org"), id("%any"), address), nullptr);
}

/// The index and a look at every secret must find the same.
TEST(Credentials, FindTheSameSecretAmongMany)
{
    Credentials credentials;
    const auto address = net::IpAddress::parse("192.0.2.9").value();
    const auto find = [&](const std::string& own, const std::string& peer) {
        return text(credentials.find_psk(id(own.c_str()), id(peer.c_str()), address));
    };
    for (int i = 0; i < 3000; i++) {
        const std::string peer = "gw-" + std::to_string(i) + ".example.org";
        add(credentials, model::SecretType::kIke, ("secret " + std::to_string(i)).c_str(),
            {"hub.example.org", peer.c_str()});
    }
    EXPECT_EQ(find("hub.example.org", "gw-1234.example.org"), "secret 1234");
    EXPECT_EQ(find("Hub.example.org", "GW-2999.Example.ORG"), "secret 2999");
    EXPECT_EQ(find("hub.example.org", "gw-3000.example.org"), "none")
        << "hub is named by all, and none is for everybody";
    add(credentials, model::SecretType::kIke, "new 1234", {"hub.example.org", "gw-1234.example.org"});
    EXPECT_EQ(find("hub.example.org", "gw-1234.example.org"), "new 1234");
    add(credentials, model::SecretType::kIke, "by name", {"C=CH, O=Example, CN=gw"});
    EXPECT_EQ(find("hub.example.org", "C=ch, O=EXAMPLE, CN=gw"), "by name");
    add(credentials, model::SecretType::kIke, "hub's", {"hub.example.org"});
    EXPECT_EQ(find("hub.example.org", "gw-3000.example.org"), "hub's");
    EXPECT_EQ(find("hub.example.org", "gw-7.example.org"), "secret 7");
    add(credentials, model::SecretType::kIke, "anybody's", {"%any"});
    EXPECT_EQ(find("hub.example.org", "gw-3000.example.org"), "anybody's") << "the peer's part counts first";
    EXPECT_EQ(find("hub.example.org", "gw-7.example.org"), "secret 7");
}

TEST(Credentials, FindPpks)
{
    Credentials credentials;
    add(credentials, model::SecretType::kIke, "ike", {"ppk-1"});
    EXPECT_EQ(credentials.find_ppk(id("ppk-1")), nullptr);
    add(credentials, model::SecretType::kPpk, "one", {"ppk-1"});
    add(credentials, model::SecretType::kPpk, "nobody's", {});
    EXPECT_EQ(text(credentials.find_ppk(id("ppk-1"))), "one");
    EXPECT_EQ(credentials.find_ppk(id("ppk-2")), nullptr) << "a PPK has an id (RFC 8784)";
}

TEST(Credentials, ErrorsNameTheFile)
{
    Credentials credentials;
    const auto ca = Issued::make_ca("CN=root"), plain = Issued::make({.subject = "CN=plain"});
    const auto expect = [](const base::Result<void>& result, const char* what) {
        ASSERT_FALSE(result) << what;
        EXPECT_EQ(result.error().what.rfind(what, 0), 0u) << result.error().what;
    };
    expect(credentials.add_private_key("moon.key", ca.der(), {}), "moon.key: not a private key");
    expect(credentials.add_private_key("moon.key", ca.key_pem_encrypted("x"), {}),
           "moon.key: the private key is encrypted");
    expect(credentials.add_certificates("moon.pem", bytes_of("")), "moon.pem: the certificate is broken");
    expect(credentials.add_authority("ca.pem", plain.pem()), "ca.pem: \"CN=plain\" is not a CA's certificate");
    expect(credentials.add_crl("ca.crl", ca.der()), "ca.crl: not a certificate revocation list");
}

std::vector<std::string> findings(const End& end)
{
    std::vector<std::string> all;
    for (const auto& error : end.credentials.check(end.connection))
        all.push_back(error.what);
    return all;
}

using Texts = std::vector<std::string>;

TEST(Credentials, CheckTellsWhatAPreSharedKeyConnectionLacks)
{
    End end("moon.example.org", "sun.example.org", "192.0.2.1");
    end.connection.local.auth.method = end.connection.remote.auth.method = model::AuthMethod::kPsk;
    EXPECT_EQ(findings(end), Texts{"secrets: there is no pre-shared key for sun.example.org"});
    end.connection.remote.id = id("%any");
    EXPECT_EQ(findings(end), Texts{"secrets: there is no pre-shared key for any peer"});
    end.psk("secret", {id("*.example.org")});
    EXPECT_EQ(findings(end), Texts{});
    end.connection.ppk_id = id("ppk-1");
    end.connection.ppk_required = true;
    EXPECT_EQ(findings(end), Texts{"ppk_id: there is no secret of type ppk for ppk-1"});
}

TEST(Credentials, CheckTellsWhatACertificateConnectionLacks)
{
    End end("moon.example.org", "sun.example.org", "192.0.2.1");
    EXPECT_EQ(findings(end),
              (Texts{"local.id: there is no certificate with a private key that names moon.example.org",
                     "remote.cacerts: no CA is trusted for this connection, so no certificate can be accepted"}));
    const auto ca = Issued::make_ca("CN=root");
    const auto moon =
        Issued::make({.subject = "CN=moon", .extensions = {{"subjectAltName", "DNS:moon.example.org"}}}, &ca);
    end.connection.local.certs = {"moon.pem"};
    end.trust(ca);
    EXPECT_EQ(findings(end), (Texts{"local.certs: no certificate was read from moon.pem",
                                    "local.certs: there is no private key for any of these certificates"}));
    ASSERT_TRUE(end.credentials.add_certificates("moon.pem", moon.pem()));
    ASSERT_TRUE(end.credentials.add_private_key("moon.key", moon.key_der(), {}));
    EXPECT_EQ(findings(end), Texts{});
    end.connection.local.certs.clear();
    EXPECT_EQ(findings(end), Texts{}) << "found by local.id";
    end.connection.local.id = id("venus.example.org");
    end.connection.local.certs = {"moon.pem"};
    EXPECT_EQ(findings(end), Texts{"local.id: venus.example.org is not in the certificate"});
    end.connection.local.id = id("%any");
    end.connection.local.certs.clear();
    EXPECT_EQ(findings(end), Texts{"local.certs: which certificate? Neither local.certs nor local.id says"});
    end.connection.local.certs = {"moon.pem"};
    end.connection.remote.cacerts = {"moon.pem", "nowhere.pem"};
    EXPECT_EQ(findings(end), (Texts{"remote.cacerts: no certificate was read from nowhere.pem",
                                    "remote.cacerts: \"CN=moon\" is not a CA's certificate"}));
}

/// A file read again takes the place of its old contents everywhere.
TEST(Credentials, ReplaceAFile)
{
    End end("moon.example.org", "sun.example.org", "192.0.2.1");
    const auto ca = Issued::make_ca("CN=root");
    const auto make = [&](const char* name) {
        return Issued::make({.subject = "CN=moon", .extensions = {{"subjectAltName", name}}}, &ca);
    };
    const auto old = make("DNS:moon.example.org"), young = make("DNS:venus.example.org");
    end.trust(ca);
    ASSERT_TRUE(end.credentials.add_private_key("old.key", old.key_der(), {}));
    ASSERT_TRUE(end.credentials.add_private_key("young.key", young.key_der(), {}));
    ASSERT_TRUE(end.credentials.add_certificates("moon.pem", old.pem()));
    EXPECT_EQ(findings(end), Texts{});
    ASSERT_TRUE(end.credentials.add_certificates("moon.pem", young.pem()));
    EXPECT_EQ(findings(end), Texts{"local.id: there is no certificate with a private key that names moon.example.org"});
    end.connection.local.id = id("venus.example.org");
    EXPECT_EQ(findings(end), Texts{});
}

TEST(Credentials, CheckTellsOfKeyUsage)
{
    End end("moon.example.org", "sun.example.org", "192.0.2.1");
    const auto ca = Issued::make_ca("CN=root");
    end.trust(ca);
    end.own(
        Issued::make({.subject = "CN=moon",
                      .extensions = {{"subjectAltName", "DNS:moon.example.org"}, {"extendedKeyUsage", "serverAuth"}}},
                     &ca));
    EXPECT_EQ(findings(end), Texts{"local.certs: the extended key usage of \"CN=moon\" has no ipsecIKE"});
}

}  // namespace
}  // namespace ipsecgw::ike
