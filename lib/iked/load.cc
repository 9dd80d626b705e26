// A configuration's connections and what proves who they are.
#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "iked/daemon.h"
#include "iked/files.h"

namespace ipsecgw::iked {
namespace {

using Errors = std::vector<base::Error>;

/// Builds the credentials of a whole configuration, noting every error on the way.
class CredentialReader {
  public:
    explicit CredentialReader(Errors& errors) : errors_(errors) {}

    void read(const model::Gateway& gateway)
    {
        for (const auto& secret : gateway.secrets)
            credentials_.add_secret(secret.clone());
        for (const auto& key : gateway.private_keys)
            add_key(key);
        for (const auto& authority : gateway.authorities) {
            const std::string where = "authorities." + authority.name;
            with_file(where + ".cacert", authority.cacert, [&](std::span<const uint8_t> bytes) {
                return credentials_.add_authority(authority.cacert, bytes);
            });
            for (const auto& crl : authority.crls)
                with_file(where + ".crls", crl,
                          [&](std::span<const uint8_t> bytes) { return credentials_.add_crl(crl, bytes); });
        }
        for (const auto& connection : gateway.connections) {
            const std::string where = "connections." + connection.name;
            add_certificates(where + ".local.certs", connection.local.certs);
            add_certificates(where + ".remote.certs", connection.remote.certs);
            add_certificates(where + ".remote.cacerts", connection.remote.cacerts);
        }
    }
    ike::Credentials take() { return std::move(credentials_); }

  private:
    template <class Add>
    void with_file(const std::string& where, const std::string& path, const Add& add)
    {
        const auto bytes = read_file(path);
        if (!bytes)
            return note(where, bytes.error());
        if (const auto added = add(bytes->view()); !added)
            note(where, added.error());
    }
    void add_key(const model::PrivateKeyFile& key)
    {
        if (is_open_to_others(key.path))
            base::log(base::LogLevel::kWarning, "%s: a private key that others can open: chmod 600", key.path.c_str());
        with_file("secrets", key.path, [&](std::span<const uint8_t> bytes) {
            return credentials_.add_private_key(key.path, bytes, key.passphrase.view());
        });
    }
    void add_certificates(const std::string& where, const std::vector<std::string>& files)
    {
        for (const auto& file : files)
            if (seen_.insert(file).second)
                with_file(where, file,
                          [&](std::span<const uint8_t> bytes) { return credentials_.add_certificates(file, bytes); });
    }
    void note(const std::string& where, const base::Error& error)
    {
        errors_.push_back({error.code, where + ": " + error.what, error.hint});
    }

    Errors& errors_;
    ike::Credentials credentials_;
    std::set<std::string> seen_;
};

void check(const model::IkeConnection& connection, const ike::Credentials& credentials, Errors& errors)
{
    const std::string where = "connections." + connection.name + ".";
    for (const Errors& some : {model::validate(connection), credentials.check(connection)})
        for (const auto& error : some)
            errors.push_back({error.code, where + error.what, error.hint});
}

/// What the connections prove themselves by, and every error of it.
ike::Credentials read_credentials(const model::Gateway& gateway, Errors& errors)
{
    CredentialReader reader(errors);
    reader.read(gateway);
    ike::Credentials credentials = reader.take();
    for (const auto& connection : gateway.connections)
        check(connection, credentials, errors);
    return credentials;
}

}  // namespace

std::vector<base::Error> check(const model::Gateway& gateway)
{
    Errors errors;
    static_cast<void>(read_credentials(gateway, errors));
    return errors;
}

std::vector<base::Error> Daemon::load(const model::Gateway& gateway)
{
    Errors errors;
    ike::Credentials credentials = read_credentials(gateway, errors);
    if (!errors.empty())
        return errors;
    credentials_ = std::move(credentials);

    std::set<std::string> names;
    for (const auto& connection : gateway.connections) {
        names.insert(connection.name);
        put_connection(connection, errors);
    }
    for (const auto& name : loaded_)
        if (!names.contains(name))
            static_cast<void>(unload_connection(name));
    loaded_ = std::move(names);
    return errors;
}

std::vector<base::Error> Daemon::load_connection(model::IkeConnection connection)
{
    Errors errors;
    check(connection, credentials_, errors);
    if (errors.empty())
        put_connection(std::move(connection), errors);
    return errors;
}

void Daemon::put_connection(model::IkeConnection connection, std::vector<base::Error>& errors)
{
    std::vector<std::string> children;
    for (const auto& child : connection.children)
        children.push_back(child.name);
    const std::string name = connection.name;
    if (const auto loaded = engine_->load(std::make_shared<const model::IkeConnection>(std::move(connection)), turn());
        !loaded)
        errors.push_back(loaded.error());
    else
        children_[name] = std::move(children);
    carry_out();
}

}  // namespace ipsecgw::iked
