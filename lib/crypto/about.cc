#include "crypto/about.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

namespace ipsecgw::crypto {
namespace {

std::string info(int what)
{
    const char* text = OPENSSL_info(what);
    return text != nullptr ? text : "";
}

int add_name(OSSL_PROVIDER* provider, void* names)
{
    static_cast<std::vector<std::string>*>(names)->push_back(OSSL_PROVIDER_get0_name(provider));
    return 1;
}

}  // namespace

LibraryInfo library_info()
{
    LibraryInfo about;
    about.version = OpenSSL_version(OPENSSL_VERSION);
    about.features = info(OPENSSL_INFO_CPU_SETTINGS);
    about.engines_directory = info(OPENSSL_INFO_ENGINES_DIR);
    // The default provider is loaded when something is first fetched.
    EVP_CIPHER_free(EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr));
    OSSL_PROVIDER_do_all(nullptr, add_name, &about.providers);
    return about;
}

}  // namespace ipsecgw::crypto
