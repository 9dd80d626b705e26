#include "crypto/certificate_chain.h"

#include <algorithm>
#include <memory>
#include <string>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/text.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

constexpr int kMaxDepth = 8;       // CAs in one chain
constexpr int kSecurityLevel = 2;  // 112 bits: no SHA-1, no RSA below 2048 (NIST SP 800-57)

struct Release {
    void operator()(X509_STORE* p) const noexcept { X509_STORE_free(p); }
    void operator()(X509_STORE_CTX* p) const noexcept { X509_STORE_CTX_free(p); }
    void operator()(STACK_OF(X509) * p) const noexcept { sk_X509_free(p); }
    void operator()(STACK_OF(X509_CRL) * p) const noexcept { sk_X509_CRL_free(p); }
    void operator()(STACK_OF(DIST_POINT) * p) const noexcept { CRL_DIST_POINTS_free(p); }
};

template <class T>
using Owned = std::unique_ptr<T, Release>;

bool names_revocation_list(const X509* certificate)
{
    const Owned<STACK_OF(DIST_POINT)> points(static_cast<STACK_OF(DIST_POINT)*>(
        X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
    return points != nullptr && sk_DIST_POINT_num(points.get()) > 0;
}

/// The certificate under check is the last of its chain: what we trust needs nobody's word.
bool is_anchor(X509_STORE_CTX* ctx)
{
    return X509_STORE_CTX_get_error_depth(ctx) + 1 >= sk_X509_num(X509_STORE_CTX_get0_chain(ctx));
}

/// OpenSSL asks what to do about an error; 1 goes on.
int on_error(int ok, X509_STORE_CTX* ctx)
{
    if (ok == 1)
        return 1;
    switch (X509_STORE_CTX_get_error(ctx)) {
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
            break;
        default:
            return 0;
    }
    const auto& input = *static_cast<const ChainInput*>(X509_STORE_CTX_get_app_data(ctx));
    const X509* certificate = X509_STORE_CTX_get_current_cert(ctx);
    const bool wanted = input.revocation == RevocationCheck::kStrict ||
                        (input.revocation == RevocationCheck::kIfUri && names_revocation_list(certificate));
    if (wanted && !is_anchor(ctx))
        return 0;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

Error denied(std::string what)
{
    ERR_clear_error();
    return Error{ErrorCode::kPermissionDenied, std::move(what)};
}

/// OpenSSL's verdict in words with names and dates.
Error explain(X509_STORE_CTX* ctx, const Certificate& leaf)
{
    const int error = X509_STORE_CTX_get_error(ctx);
    X509* at_fault = X509_STORE_CTX_get_current_cert(ctx);
    std::string subject = leaf.subject(), issuer = leaf.issuer(), from, until;
    unsigned char* der = nullptr;
    const int length = at_fault == nullptr ? 0 : i2d_X509(at_fault, &der);
    if (length > 0) {
        const auto certificate = Certificate::from_der({der, static_cast<size_t>(length)});
        OPENSSL_free(der);
        if (certificate) {
            subject = certificate->subject();
            issuer = certificate->issuer();
            from = utc_text(certificate->not_before());
            until = utc_text(certificate->not_after());
        }
    }
    switch (error) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return denied(
                base::format("no trusted CA for \"%s\": its issuer \"%s\" is neither trusted nor in the chain",
                             subject.c_str(), issuer.c_str()));
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return denied(base::format("no trusted CA for \"%s\": the chain ends at \"%s\", which is not trusted",
                                       leaf.subject().c_str(), subject.c_str()));
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return denied(
                base::format("the signature of \"%s\" is not by the key of \"%s\" at hand: another CA of that name?",
                             subject.c_str(), issuer.c_str()));
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return denied(base::format("\"%s\" expired on %s", subject.c_str(), until.c_str()));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return denied(base::format("\"%s\" is not valid before %s", subject.c_str(), from.c_str()));
        case X509_V_ERR_CERT_REVOKED:
            return denied(base::format("\"%s\" is revoked by \"%s\"", subject.c_str(), issuer.c_str()));
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return denied(base::format("no revocation list of \"%s\" for \"%s\"", issuer.c_str(), subject.c_str()));
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return denied(base::format("the revocation list of \"%s\" is out of date", issuer.c_str()));
        default:
            return denied(base::format("\"%s\": %s", subject.c_str(), X509_verify_cert_error_string(error)));
    }
}

struct Inputs {
    Owned<X509_STORE> store;
    Owned<STACK_OF(X509)> others;
    Owned<STACK_OF(X509_CRL)> revoked;
};

/// What OpenSSL wants, sharing the objects of `input`. False when memory is short.
bool gather(const ChainInput& input, Inputs& inputs)
{
    inputs.store.reset(X509_STORE_new());
    inputs.others.reset(sk_X509_new_null());
    inputs.revoked.reset(sk_X509_CRL_new_null());
    if (inputs.store == nullptr || inputs.others == nullptr || inputs.revoked == nullptr)
        return false;
    return std::all_of(input.anchors.begin(), input.anchors.end(),
                       [&](const auto& ca) { return X509_STORE_add_cert(inputs.store.get(), ca.native()) == 1; }) &&
           std::all_of(input.others.begin(), input.others.end(),
                       [&](const auto& ca) { return sk_X509_push(inputs.others.get(), ca.native()) > 0; }) &&
           std::all_of(input.revoked.begin(), input.revoked.end(),
                       [&](const auto& list) { return sk_X509_CRL_push(inputs.revoked.get(), list.native()) > 0; });
}

bool configure(X509_STORE_CTX* ctx, const ChainInput& input, const Inputs& inputs)
{
    if (X509_STORE_CTX_init(ctx, inputs.store.get(), input.leaf.native(), inputs.others.get()) != 1)
        return false;
    X509_STORE_CTX_set0_crls(ctx, inputs.revoked.get());
    X509_STORE_CTX_set_verify_cb(ctx, on_error);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(input.unix_seconds));
    X509_VERIFY_PARAM_set_depth(parameters, kMaxDepth);
    X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
    return X509_VERIFY_PARAM_set_flags(
               parameters, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1 &&
           X509_STORE_CTX_set_app_data(ctx, const_cast<ChainInput*>(&input)) == 1;
}

const Certificate* find(const ChainInput& input, const X509* native)
{
    const auto same = [native](const Certificate& c) { return X509_cmp(c.native(), native) == 0; };
    if (same(input.leaf))
        return &input.leaf;
    for (const auto& group : {input.anchors, input.others}) {
        const auto found = std::find_if(group.begin(), group.end(), same);
        if (found != group.end())
            return &*found;
    }
    return nullptr;
}

}  // namespace

base::Result<std::vector<Certificate>> verify_chain(const ChainInput& input)
{
    Inputs inputs;
    const Owned<X509_STORE_CTX> ctx(X509_STORE_CTX_new());
    if (ctx == nullptr || !gather(input, inputs) || !configure(ctx.get(), input, inputs)) {
        ERR_clear_error();
        return Error{ErrorCode::kResourceExhausted, "no memory to verify a certificate"};
    }
    if (X509_verify_cert(ctx.get()) != 1)
        return explain(ctx.get(), input.leaf);
    std::vector<Certificate> chain;
    const STACK_OF(X509)* native = X509_STORE_CTX_get0_chain(ctx.get());
    for (int i = 0; i < sk_X509_num(native); i++) {
        const Certificate* certificate = find(input, sk_X509_value(native, i));
        if (certificate == nullptr)
            return Error{ErrorCode::kInternal, "OpenSSL made up a certificate"};
        // OpenSSL also takes CAs of version 1, and CAs by keyUsage alone.
        if (i > 0 && !certificate->is_ca())
            return denied(base::format("\"%s\" is not a CA by basicConstraints", certificate->subject().c_str()));
        chain.push_back(*certificate);
    }
    GW_TRY(input.leaf.allows_ike());
    ERR_clear_error();
    return chain;
}

}  // namespace ipsecgw::crypto
