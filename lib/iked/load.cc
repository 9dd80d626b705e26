// A configuration's connections and what proves who they are.
#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "crypto/hmac.h"
#include "iked/daemon.h"
#include "iked/files.h"
#include "model/differences.h"

namespace ipsecgw::iked {
namespace {

using Errors = std::vector<base::Error>;

/// Builds the credentials of a whole configuration, noting every error on the way.
class CredentialReader {
  public:
    CredentialReader(Errors& errors, std::span<const uint8_t> print_key) : errors_(errors), print_key_(print_key) {}

    void read(const model::Gateway& gateway)
    {
        for (const auto& secret : gateway.secrets)
            add_secret(secret);
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
    /// A MAC of all that was read: equal ones are of equal credentials.
    [[nodiscard]] const std::array<uint8_t, 32>& print() const noexcept { return print_; }

  private:
    void add_to_print(std::string_view what, std::span<const uint8_t> bytes)
    {
        const crypto::Hmac hmac(crypto::Hash::kSha256, print_key_);
        std::array<uint8_t, 96> parts;
        const std::span all(parts);
        std::copy(print_.begin(), print_.end(), parts.begin());
        hmac.compute({reinterpret_cast<const uint8_t*>(what.data()), what.size()}, {}, all.subspan(32, 32));
        hmac.compute(bytes, {}, all.subspan(64, 32));
        hmac.compute(parts, {}, print_);
    }
    void add_secret(const model::SharedSecret& secret)
    {
        std::string what = std::string(to_string(secret.type));
        for (const auto& id : secret.ids)
            what += " " + id.to_string();
        add_to_print(what, secret.secret.view());
        credentials_.add_secret(secret.clone());
    }
    template <class Add>
    void with_file(const std::string& where, const std::string& path, const Add& add)
    {
        const auto bytes = read_file(path);
        if (!bytes)
            return note(where, bytes.error());
        add_to_print(where + " " + path, bytes->view());
        if (const auto added = add(bytes->view()); !added)
            note(where, added.error());
    }
    void add_key(const model::PrivateKeyFile& key)
    {
        if (is_open_to_others(key.path))
            base::log(base::LogLevel::kWarning, "%s: a private key that others can open: chmod 600", key.path.c_str());
        add_to_print("passphrase", key.passphrase.view());
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
    std::span<const uint8_t> print_key_;
    std::array<uint8_t, 32> print_{};
    ike::Credentials credentials_;
    std::set<std::string> seen_;
};

void check_connection(const model::IkeConnection& connection, const ike::Credentials& credentials, Errors& errors)
{
    const std::string where = "connections." + connection.name + ".";
    for (const Errors& some : {model::validate(connection), credentials.check(connection)})
        for (const auto& error : some)
            errors.push_back({error.code, where + error.what, error.hint});
}

/// What the connections prove themselves by, every error of it, and the print of it all under a key.
struct Read {
    ike::Credentials credentials;
    std::array<uint8_t, 32> print;
};
Read read_credentials(const model::Gateway& gateway, std::span<const uint8_t> print_key, Errors& errors)
{
    CredentialReader reader(errors, print_key);
    reader.read(gateway);
    Read read{reader.take(), reader.print()};
    for (const auto& connection : gateway.connections)
        check_connection(connection, read.credentials, errors);
    return read;
}

}  // namespace

std::vector<base::Error> check(const model::Gateway& gateway)
{
    Errors errors;
    static_cast<void>(read_credentials(gateway, {}, errors));
    return errors;
}

std::vector<control::Change> Daemon::compare(const model::Gateway& gateway) const
{
    using Kind = control::Change::Kind;
    std::vector<control::Change> changes;
    const auto running = running_connections();
    std::set<std::string_view> names;
    for (const auto& connection : gateway.connections) {
        names.insert(connection.name);
        const auto at = running.find(connection.name);
        if (at == running.end())
            changes.push_back({Kind::kAdd, "connection", connection.name, {}});
        else if (auto settings = model::differences(*at->second, connection); !settings.empty())
            changes.push_back({Kind::kChange, "connection", connection.name, std::move(settings)});
    }
    for (const auto& name : loaded_)
        if (!names.contains(name))
            changes.push_back({Kind::kRemove, "connection", name, {}});
    Errors ignored;
    if (read_credentials(gateway, print_key_, ignored).print != credentials_print_)
        changes.push_back({Kind::kChange, "credentials", "", {}});
    return changes;
}

Daemon::Connections Daemon::running_connections() const
{
    Connections running;
    for (auto& connection : engine_->connections())
        if (loaded_.contains(connection->name))
            running.emplace(connection->name, connection);
    return running;
}

std::vector<base::Error> Daemon::load(const model::Gateway& gateway)
{
    Errors errors;
    Read read = read_credentials(gateway, print_key_, errors);
    if (!errors.empty())
        return errors;
    credentials_ = std::move(read.credentials);
    credentials_print_ = read.print;

    const auto running = running_connections();
    std::set<std::string> names;
    for (const auto& connection : gateway.connections) {
        names.insert(connection.name);
        const auto at = running.find(connection.name);
        if (at == running.end() || !model::differences(*at->second, connection).empty())
            put_connection(connection, errors);
    }
    for (const auto& name : loaded_)
        if (!names.contains(name)) {
            ike::Selection all;
            all.connection = name;
            static_cast<void>(terminate(all));
            static_cast<void>(unload_connection(name));
        }
    loaded_ = std::move(names);
    return errors;
}

std::vector<base::Error> Daemon::load_connection(model::IkeConnection connection)
{
    Errors errors;
    check_connection(connection, credentials_, errors);
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
