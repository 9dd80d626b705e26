// The samples in config/ name credentials that fit: keys to certificates, certificates to identities, secrets to both
// ends.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "config/config.h"
#include "ike/credentials.h"

namespace ipsecgw::config {
namespace {

std::vector<uint8_t> slurp(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void expect_ok(const base::Result<void>& result)
{
    EXPECT_TRUE(result) << result.error().what;
}

ike::Credentials credentials_of(const model::Gateway& gateway)
{
    ike::Credentials out;
    for (const auto& secret : gateway.secrets)
        out.add_secret(secret.clone());
    for (const auto& key : gateway.private_keys)
        expect_ok(out.add_private_key(key.path, slurp(key.path), key.passphrase.view()));
    for (const auto& authority : gateway.authorities)
        expect_ok(out.add_authority(authority.cacert, slurp(authority.cacert)));
    for (const auto& connection : gateway.connections)
        for (const auto* files : {&connection.local.certs, &connection.remote.certs, &connection.remote.cacerts})
            for (const auto& file : *files)
                expect_ok(out.add_certificates(file, slurp(file)));
    return out;
}

TEST(Samples, HaveTheirCredentials)
{
    size_t connections = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SOURCE_ROOT "/config")) {
        if (entry.path().extension() != ".cfg")
            continue;
        SCOPED_TRACE(entry.path());
        const auto loaded = load_file(entry.path());
        const ike::Credentials credentials = credentials_of(loaded.gateway);
        for (const auto& connection : loaded.gateway.connections) {
            connections++;
            for (const auto& error : credentials.check(connection))
                ADD_FAILURE() << error.what;
        }
    }
    EXPECT_EQ(connections, 8U);
}

}  // namespace
}  // namespace ipsecgw::config
