#include "crypto/certificate.h"

#include <algorithm>
#include <ctime>
#include <optional>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/pem.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

constexpr size_t kMaxNameText = 512;

Error broken(const char* what)
{
    ERR_clear_error();
    return Error{ErrorCode::kInvalidArgument, base::format("the certificate %s", what),
                 "openssl x509 -in FILE -noout -text tells more"};
}

std::string name_text(const X509_NAME* name)
{
    struct Release {
        void operator()(BIO* p) const noexcept { BIO_free(p); }
    };
    constexpr unsigned long kFlags = XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_RFC2253;
    const std::unique_ptr<BIO, Release> out(BIO_new(BIO_s_mem()));
    if (out == nullptr || X509_NAME_print_ex(out.get(), name, 0, kFlags) < 0) {
        ERR_clear_error();
        return "?";
    }
    char* text = nullptr;
    const long length = BIO_get_mem_data(out.get(), &text);
    const std::string whole(text, static_cast<size_t>(std::max(length, 0L)));
    return whole.size() <= kMaxNameText ? whole : whole.substr(0, kMaxNameText) + "...";
}

std::optional<int64_t> seconds_of(const ASN1_TIME* time)
{
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        return std::nullopt;
    return timegm(&parts);
}

/// Text in which no NUL or control character hides another name.
bool is_plain(const ASN1_STRING* text)
{
    const auto* begin = ASN1_STRING_get0_data(text);
    return ASN1_STRING_length(text) > 0 &&
           std::all_of(begin, begin + ASN1_STRING_length(text), [](uint8_t c) { return c > 0x20 && c < 0x7f; });
}

std::optional<AlternativeName> to_name(const GENERAL_NAME* general)
{
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(general, &type));
    const auto bytes = [value] {
        const auto* begin = ASN1_STRING_get0_data(value);
        return std::vector<uint8_t>(begin, begin + ASN1_STRING_length(value));
    };
    if (type == GEN_DNS && is_plain(value))
        return AlternativeName{NameType::kDns, bytes()};
    if (type == GEN_EMAIL && is_plain(value))
        return AlternativeName{NameType::kEmail, bytes()};
    if (type == GEN_IPADD && (ASN1_STRING_length(value) == 4 || ASN1_STRING_length(value) == 16))
        return AlternativeName{NameType::kIp, bytes()};
    return std::nullopt;
}

std::vector<AlternativeName> names_of(const X509* certificate)
{
    struct Release {
        void operator()(GENERAL_NAMES* p) const noexcept { GENERAL_NAMES_free(p); }
    };
    const std::unique_ptr<GENERAL_NAMES, Release> all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::vector<AlternativeName> names;
    for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); i++)
        if (auto name = to_name(sk_GENERAL_NAME_value(all.get(), i)))
            names.push_back(std::move(*name));
    return names;
}

std::vector<uint8_t> name_der(const X509_NAME* name)
{
    const unsigned char* der = nullptr;
    size_t length = 0;
    if (X509_NAME_get0_der(name, &der, &length) != 1)
        return {};
    return {der, der + length};
}

/// extendedKeyUsage has ipsecIKE or anyExtendedKeyUsage, or is not there.
bool extended_usage_allows_ike(const X509* certificate)
{
    struct Release {
        void operator()(EXTENDED_KEY_USAGE* p) const noexcept { EXTENDED_KEY_USAGE_free(p); }
    };
    int critical = 0;
    const std::unique_ptr<EXTENDED_KEY_USAGE, Release> usage(
        static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, nullptr)));
    if (usage == nullptr) {
        ERR_clear_error();
        return critical == -1;  // absent; anything else is broken
    }
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage.get()); i++) {
        const int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage.get(), i));
        if (nid == NID_ipsec_IKE || nid == NID_anyExtendedKeyUsage)
            return true;
    }
    return false;
}

}  // namespace

void Certificate::Release::operator()(x509_st* p) const noexcept
{
    X509_free(p);
}

base::Result<Certificate> Certificate::from_der(std::span<const uint8_t> der)
{
    const uint8_t* at = der.data();
    std::unique_ptr<X509, Release> native(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (native == nullptr || at != der.data() + der.size())
        return broken("is broken");
    // Reads and keeps the extensions, so that the object does not change later.
    if (X509_check_purpose(native.get(), -1, 0) != 1 || (X509_get_extension_flags(native.get()) & EXFLAG_INVALID) != 0)
        return broken("has broken extensions");
    KeyPtr key(X509_get_pubkey(native.get()));
    if (key == nullptr)
        return broken("has a broken public key, or one of a kind that OpenSSL does not know");
    auto public_key = GW_TRY(PublicKey::adopt(std::move(key)));
    const auto from = seconds_of(X509_get0_notBefore(native.get())), to = seconds_of(X509_get0_notAfter(native.get()));
    if (!from || !to)
        return broken("has broken dates");
    const X509_NAME* subject = X509_get_subject_name(native.get());
    const X509_NAME* issuer = X509_get_issuer_name(native.get());
    auto names = names_of(native.get());
    const bool ca = X509_check_ca(native.get()) == 1;
    const bool self_issued = X509_NAME_cmp(subject, issuer) == 0;
    ERR_clear_error();
    auto* raw = native.get();
    return Certificate(std::make_shared<const Contents>(Contents{std::move(native),
                                                                 {der.begin(), der.end()},
                                                                 std::move(public_key),
                                                                 name_der(X509_get_subject_name(raw)),
                                                                 name_text(subject),
                                                                 name_text(issuer),
                                                                 std::move(names),
                                                                 *from,
                                                                 *to,
                                                                 ca,
                                                                 self_issued}));
}

base::Result<std::vector<Certificate>> Certificate::parse_all(std::span<const uint8_t> bytes)
{
    std::vector<Certificate> all;
    if (!is_pem(bytes)) {
        all.push_back(GW_TRY(from_der(bytes)));
        return all;
    }
    const auto blocks = GW_TRY(decode_pem(bytes));
    for (const auto& block : blocks)
        if (block.label == "CERTIFICATE" || block.label == "X509 CERTIFICATE")
            all.push_back(GW_TRY(from_der(block.der.view())));
    if (all.empty())
        return Error{ErrorCode::kInvalidArgument,
                     blocks.empty() ? std::string("no PEM block in it")
                                    : base::format("it holds a %s, not a certificate", blocks.front().label.c_str())};
    return all;
}

bool Certificate::has_subject(std::span<const uint8_t> name_der) const
{
    struct Free {
        void operator()(X509_NAME* p) const noexcept { X509_NAME_free(p); }
    };
    const uint8_t* at = name_der.data();
    const std::unique_ptr<X509_NAME, Free> name(d2i_X509_NAME(nullptr, &at, static_cast<long>(name_der.size())));
    const bool same = name != nullptr && at == name_der.data() + name_der.size() &&
                      X509_NAME_entry_count(name.get()) > 0 &&
                      X509_NAME_cmp(name.get(), X509_get_subject_name(native())) == 0;
    ERR_clear_error();
    return same;
}

bool Certificate::is_issued_by(const Certificate& issuer) const
{
    const bool issued = X509_check_issued(issuer.native(), native()) == X509_V_OK &&
                        X509_verify(native(), X509_get0_pubkey(issuer.native())) == 1;
    ERR_clear_error();
    return issued;
}

base::Result<void> Certificate::allows_ike() const
{
    const uint32_t usage = X509_get_key_usage(native());  // all ones when the extension is not there
    if ((usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
        return Error{ErrorCode::kPermissionDenied,
                     base::format("the key usage of \"%s\" has no digitalSignature", subject().c_str()),
                     "issue it with keyUsage digitalSignature, or without keyUsage"};
    if (!extended_usage_allows_ike(native()))
        return Error{ErrorCode::kPermissionDenied,
                     base::format("the extended key usage of \"%s\" has no ipsecIKE", subject().c_str()),
                     "issue it with extendedKeyUsage 1.3.6.1.5.5.7.3.17 (ipsecIKE), or without extendedKeyUsage"};
    return {};
}

bool Certificate::operator==(const Certificate& other) const noexcept
{
    return contents_ == other.contents_ || contents_->der == other.contents_->der;
}

base::Result<RevocationList> RevocationList::parse(std::span<const uint8_t> bytes)
{
    std::vector<PemBlock> blocks;
    if (is_pem(bytes)) {
        blocks = GW_TRY(decode_pem(bytes));
        if (blocks.size() != 1 || blocks.front().label != "X509 CRL")
            return Error{ErrorCode::kInvalidArgument, "not one PEM block X509 CRL"};
        bytes = blocks.front().der.view();
    }
    const uint8_t* at = bytes.data();
    std::shared_ptr<X509_CRL> native(d2i_X509_CRL(nullptr, &at, static_cast<long>(bytes.size())), X509_CRL_free);
    ERR_clear_error();
    const auto* next = native == nullptr ? nullptr : X509_CRL_get0_nextUpdate(native.get());  // may be left out
    if (native == nullptr || at != bytes.data() + bytes.size() || !seconds_of(X509_CRL_get0_lastUpdate(native.get())) ||
        (next != nullptr && !seconds_of(next)))
        return Error{ErrorCode::kInvalidArgument, "not a certificate revocation list that OpenSSL can read",
                     "openssl crl -in FILE -noout -text tells more"};
    auto issuer = name_text(X509_CRL_get_issuer(native.get()));
    return RevocationList(std::move(native), std::move(issuer));
}

std::string utc_text(int64_t unix_seconds)
{
    const auto time = static_cast<std::time_t>(unix_seconds);
    std::tm parts{};
    char text[64];
    if (gmtime_r(&time, &parts) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        return base::format("%lld seconds after 1970", static_cast<long long>(unix_seconds));
    return text;
}

}  // namespace ipsecgw::crypto
