// The fields of each group of the file, and what the reader fills from them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/schema.h"
#include "model/gateway.h"

namespace libconfig {
class Setting;
}

namespace ipsecgw::config {

class Reader;

/// Where a group of the file and its settings were written: for what is found out about them later.
struct Origin {
    std::string path;   // "sas.[2]"
    unsigned line = 0;  // of the expanded text
    std::map<std::string, unsigned, std::less<>>
        lines;                               // of each setting there is: "spi", "udp_encap.local_port", "local_ts.[1]"
    std::set<std::string, std::less<>> bad;  // settings already reported

    [[nodiscard]] bool has(std::string_view name) const { return lines.contains(name); }
    [[nodiscard]] bool is_bad(std::string_view name) const { return bad.contains(name); }
};

/// A setting's value after its type and range were checked.
struct Value {
    std::string_view text;  // kText, kTexts (one call each), kSecret
    uint64_t number = 0;    // kNumber; kWord: index of the word
    bool flag = false;      // kFlag, kFlagOrGroup
    std::string_view path;  // of the setting
    unsigned line = 0;
};

/// One setting of a `T`: what it looks like and where it goes. An error of `set` is reported at the setting.
template <class T>
struct Field {
    Spec spec;
    base::Result<void> (*set)(Reader& reader, T& target, const Value& value) = nullptr;
    void (*descend)(Reader& reader, T& target, const libconfig::Setting& group,
                    Origin& origin) = nullptr;  // kGroup, kGroups
};

template <class T>
struct Parsed {
    T value;
    Origin origin;
};

/// An SA, and what of it depends on settings that may come later in the group.
struct SaDraft {
    model::SaParams sa;
    std::optional<bool> copies_outward;  // copy_dscp
    std::optional<bool> copies_inward;
    bool has_engine = false;
};

struct ChildDraft {
    model::ChildConfig child;
};

/// A connection, whose children have lines of their own.
struct ConnectionDraft {
    model::IkeConnection connection;
    std::vector<Parsed<ChildDraft>> children;
};

/// What stands in `secrets`: a shared secret or a private key.
struct SecretDraft {
    enum class Type : uint8_t { kIke, kPpk, kPrivate };
    Type type = Type::kIke;
    std::vector<model::Identity> ids;
    base::SecretBytes secret;
    std::string file;
};

/// The whole file before its parts are compared.
struct Document {
    model::Settings settings;
    std::optional<model::Metrics> metrics;
    Origin root, settings_origin, metrics_origin;
    std::vector<Parsed<model::Port>> ports;
    std::vector<Parsed<model::Route>> routes;
    std::vector<Parsed<model::Neighbour>> neighbours;
    std::vector<Parsed<SaDraft>> sas;
    std::vector<Parsed<model::Policy>> policies;
    std::vector<Parsed<ConnectionDraft>> connections;
    std::vector<Parsed<SecretDraft>> secrets;
    std::vector<Parsed<model::Authority>> authorities;
};

std::span<const Field<Document>> document_fields();
std::span<const Field<model::Settings>> settings_fields();
std::span<const Field<model::Metrics>> metrics_fields();
std::span<const Field<model::Port>> port_fields();
std::span<const Field<model::Route>> route_fields();
std::span<const Field<model::Neighbour>> neighbour_fields();
std::span<const Field<SaDraft>> sa_fields();
std::span<const Field<model::UdpEncapsulation>> udp_fields();
std::span<const Field<model::Lifetime>> lifetime_fields();
std::span<const Field<model::Policy>> policy_fields();
std::span<const Field<ConnectionDraft>> connection_fields();
std::span<const Field<model::LocalAuth>> local_auth_fields();
std::span<const Field<model::RemoteAuth>> remote_auth_fields();
std::span<const Field<ChildDraft>> child_fields();
std::span<const Field<SecretDraft>> secret_fields();
std::span<const Field<model::Authority>> authority_fields();

}  // namespace ipsecgw::config
