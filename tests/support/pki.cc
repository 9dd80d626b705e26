#include "support/pki.h"

#include <map>
#include <sstream>
#include <stdexcept>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace ipsecgw::test {
namespace {

void require(bool claim, const char* what)
{
    if (!claim)
        throw std::runtime_error(std::string("pki: ") + what);
}

/// "C=CH/O=Example/CN=moon" into `name`.
void set_name(X509_NAME* name, const std::string& text)
{
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, '/');) {
        const size_t equals = part.find('=');
        require(equals != std::string::npos, "a name without =");
        const std::string value = part.substr(equals + 1);
        require(X509_NAME_add_entry_by_txt(name, part.substr(0, equals).c_str(), MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(value.data()),
                                           static_cast<int>(value.size()), -1, 0) == 1,
                "a name OpenSSL refuses");
    }
}

std::shared_ptr<EVP_PKEY> generate(KeyKind kind)
{
    EVP_PKEY* key = nullptr;
    switch (kind) {
        case KeyKind::kRsa2048:
            key = EVP_RSA_gen(2048);
            break;
        case KeyKind::kRsa1024:
            key = EVP_RSA_gen(1024);
            break;
        case KeyKind::kP256:
            key = EVP_EC_gen("P-256");
            break;
        case KeyKind::kP384:
            key = EVP_EC_gen("P-384");
            break;
        case KeyKind::kP521:
            key = EVP_EC_gen("P-521");
            break;
        case KeyKind::kEd25519:
            key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
            break;
        case KeyKind::kSecp256k1:
            key = EVP_EC_gen("secp256k1");
            break;
    }
    require(key != nullptr, "no key");
    return {key, EVP_PKEY_free};
}

const EVP_MD* digest_for(EVP_PKEY* key, const std::string& name)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_get_digestbyname(name.c_str());
}

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

BioPtr memory()
{
    return {BIO_new(BIO_s_mem()), BIO_free};
}

std::vector<uint8_t> contents(const BioPtr& bio)
{
    char* text = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &text);
    return {text, text + length};
}

/// What an i2d function writes.
template <class Encode>
std::vector<uint8_t> encode(Encode function)
{
    unsigned char* raw = nullptr;
    const int length = function(&raw);
    require(length > 0, "nothing encoded");
    std::vector<uint8_t> der(raw, raw + length);
    OPENSSL_free(raw);
    return der;
}

void add_extension(X509* certificate, X509* issuer, const std::pair<std::string, std::string>& extension)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, nullptr, nullptr, 0);
    X509V3_set_ctx_nodb(&ctx);
    X509_EXTENSION* made = X509V3_EXT_conf(nullptr, &ctx, extension.first.c_str(), extension.second.c_str());
    require(made != nullptr && X509_add_ext(certificate, made, -1) == 1, extension.first.c_str());
    X509_EXTENSION_free(made);
}

}  // namespace

std::shared_ptr<EVP_PKEY> make_key(KeyKind kind)
{
    if (kind != KeyKind::kRsa2048 && kind != KeyKind::kRsa1024)
        return generate(kind);
    static std::map<KeyKind, std::shared_ptr<EVP_PKEY>> made;
    auto& key = made[kind];
    if (key == nullptr)
        key = generate(kind);
    return key;
}

Issued Issued::make(const CertificateSpec& spec, const Issued* issuer)
{
    static long serial = 0x1000;
    Issued issued;
    issued.key_ = make_key(spec.key);
    issued.certificate_.reset(X509_new(), X509_free);
    X509* certificate = issued.certificate_.get();
    X509* signer = issuer == nullptr ? certificate : issuer->certificate_.get();
    EVP_PKEY* key = issuer == nullptr ? issued.key_.get() : issuer->key_.get();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    set_name(X509_get_subject_name(certificate), spec.subject);
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    ASN1_TIME_set(X509_getm_notBefore(certificate), spec.not_before);
    ASN1_TIME_set(X509_getm_notAfter(certificate), spec.not_after);
    X509_set_pubkey(certificate, issued.key_.get());
    for (const auto& extension : spec.extensions)
        add_extension(certificate, signer, extension);
    require(X509_sign(certificate, key, digest_for(key, spec.digest)) > 0, "certificate not signed");
    return issued;
}

Issued Issued::make_ca(const std::string& subject, const Issued* issuer, const CertificateSpec& other)
{
    CertificateSpec spec = other;
    spec.subject = subject;
    spec.extensions.insert(spec.extensions.begin(), {{"basicConstraints", "critical,CA:TRUE"},
                                                     {"keyUsage", "critical,keyCertSign,cRLSign"},
                                                     {"subjectKeyIdentifier", "hash"}});
    return make(spec, issuer);
}

std::vector<uint8_t> Issued::der() const
{
    return encode([this](unsigned char** out) { return i2d_X509(certificate_.get(), out); });
}

std::vector<uint8_t> Issued::pem() const
{
    return to_pem("CERTIFICATE", der());
}

std::vector<uint8_t> Issued::key_der() const
{
    const std::unique_ptr<PKCS8_PRIV_KEY_INFO, decltype(&PKCS8_PRIV_KEY_INFO_free)> info(EVP_PKEY2PKCS8(key_.get()),
                                                                                         PKCS8_PRIV_KEY_INFO_free);
    return encode([&](unsigned char** out) { return i2d_PKCS8_PRIV_KEY_INFO(info.get(), out); });
}

std::vector<uint8_t> Issued::key_pem() const
{
    return to_pem("PRIVATE KEY", key_der());
}

std::vector<uint8_t> Issued::key_pem_traditional(const std::string& passphrase) const
{
    const auto bio = memory();
    const auto* text = reinterpret_cast<const unsigned char*>(passphrase.data());
    require(PEM_write_bio_PrivateKey_traditional(
                bio.get(), key_.get(), passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
                passphrase.empty() ? nullptr : text, static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
            "key not written");
    return contents(bio);
}

std::vector<uint8_t> Issued::key_pem_encrypted(const std::string& passphrase) const
{
    const auto bio = memory();
    require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), EVP_aes_128_cbc(), passphrase.data(),
                                          static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
            "key not written");
    return contents(bio);
}

std::vector<uint8_t> Issued::revoke(const std::vector<const Issued*>& revoked, int64_t this_update,
                                    int64_t next_update) const
{
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), X509_CRL_free);
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> from(ASN1_TIME_set(nullptr, this_update),
                                                                     ASN1_TIME_free),
        to(ASN1_TIME_set(nullptr, next_update), ASN1_TIME_free);
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
    X509_CRL_set1_lastUpdate(list.get(), from.get());
    X509_CRL_set1_nextUpdate(list.get(), to.get());
    for (const auto* one : revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one->certificate_.get()));
        X509_REVOKED_set_revocationDate(entry, from.get());
        X509_CRL_add0_revoked(list.get(), entry);
    }
    X509_CRL_sort(list.get());
    require(X509_CRL_sign(list.get(), key_.get(), digest_for(key_.get(), "SHA256")) > 0, "list not signed");
    return encode([&](unsigned char** out) { return i2d_X509_CRL(list.get(), out); });
}

std::vector<uint8_t> to_pem(const std::string& label, const std::vector<uint8_t>& der)
{
    const auto bio = memory();
    require(PEM_write_bio(bio.get(), label.c_str(), "", der.data(), static_cast<long>(der.size())) > 0, "no PEM");
    return contents(bio);
}

}  // namespace ipsecgw::test
