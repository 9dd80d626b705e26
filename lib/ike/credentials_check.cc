// What a connection needs of the credentials and does not find there.
#include <algorithm>

#include "base/text.h"
#include "ike/credentials_internal.h"

namespace ipsecgw::ike {

using base::Error;
using base::ErrorCode;
using model::AuthMethod;

namespace {

using Findings = std::vector<Error>;

void add(Findings& findings, std::string what, std::string hint = {})
{
    findings.push_back({ErrorCode::kNotFound, std::move(what), std::move(hint)});
}

void check_files(const Credentials::Store& store, const std::vector<std::string>& files, const char* setting,
                 Findings& findings)
{
    for (const auto& file : files)
        if (!store.files.contains(file))
            add(findings, base::format("%s: no certificate was read from %s", setting, file.c_str()));
}

void check_local_certificate(const Credentials::Store& store, const model::IkeConnection& connection,
                             Findings& findings)
{
    const auto& local = connection.local;
    check_files(store, local.certs, "local.certs", findings);
    const auto certificate = store.own_certificate(connection);
    if (!certificate) {
        if (!local.certs.empty())
            add(findings, "local.certs: there is no private key for any of these certificates",
                "load the key that belongs to the certificate: openssl x509 -in CERT -noout -pubkey and openssl pkey "
                "-in KEY "
                "-pubout must be alike");
        else if (local.id.is_any())
            add(findings, "local.certs: which certificate? Neither local.certs nor local.id says");
        else
            add(findings, base::format("local.id: there is no certificate with a private key that names %s",
                                       local.id.to_string().c_str()));
        return;
    }
    if (!local.id.is_any() && !names(*certificate, local.id))
        add(findings, base::format("local.id: %s is not in the certificate", local.id.to_string().c_str()),
            "its names are " + names_text(*certificate));
    if (const auto allowed = certificate->allows_ike(); !allowed)
        findings.push_back({ErrorCode::kInvalidArgument, "local.certs: " + allowed.error().what, allowed.error().hint});
}

void check_remote_certificates(const Credentials::Store& store, const model::IkeConnection& connection,
                               Findings& findings)
{
    const auto& remote = connection.remote;
    check_files(store, remote.certs, "remote.certs", findings);
    check_files(store, remote.cacerts, "remote.cacerts", findings);
    for (const auto& ca : store.of(remote.cacerts))
        if (!ca.is_ca())
            findings.push_back({ErrorCode::kInvalidArgument,
                                base::format("remote.cacerts: \"%s\" is not a CA's certificate", ca.subject().c_str()),
                                "a certificate that is trusted by itself goes into remote.certs"});
    if (remote.certs.empty() && store.anchors(connection).empty())
        add(findings, "remote.cacerts: no CA is trusted for this connection, so no certificate can be accepted",
            "name the CA's file in remote.cacerts or in authorities, or the peer's own certificate in remote.certs");
}

void check_secret(const Credentials& credentials, const model::IkeConnection& connection, Findings& findings)
{
    const auto& remote = connection.remote.id;
    const auto address = connection.remote_address();
    const bool known = remote.is_any() ? address.has_value() : !remote.is_pattern();  // of a pattern any will do
    const bool found =
        known ? credentials.find_psk(connection.local.id, remote, address.value_or(net::IpAddress())) != nullptr
              : credentials.store().secrets.has(model::SecretType::kIke);
    if (!found)
        add(findings,
            base::format("secrets: there is no pre-shared key for %s", !remote.is_any() ? remote.to_string().c_str()
                                                                       : known          ? address->to_string().c_str()
                                                                                        : "any peer"),
            "a secret of type ike whose ids are the peer's identity, or both ends'");
}

}  // namespace

std::vector<Error> Credentials::check(const model::IkeConnection& connection) const
{
    Findings findings;
    const bool local_psk = connection.local.auth.method == AuthMethod::kPsk;
    const bool remote_psk = connection.remote.auth.method == AuthMethod::kPsk;
    if (!local_psk)
        check_local_certificate(*store_, connection, findings);
    if (!remote_psk)
        check_remote_certificates(*store_, connection, findings);
    if (local_psk || remote_psk)
        check_secret(*this, connection, findings);
    if (connection.ppk_required && connection.ppk_id && find_ppk(*connection.ppk_id) == nullptr)
        add(findings,
            base::format("ppk_id: there is no secret of type ppk for %s", connection.ppk_id->to_string().c_str()));
    return findings;
}

}  // namespace ipsecgw::ike
