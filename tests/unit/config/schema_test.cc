#include "config/schema.h"

#include <map>

#include "base/text.h"
#include "unit/config/config_support.h"

namespace ipsecgw::config {
namespace {

struct Documented {
    std::string type, fallback, range, meaning;
};

/// The rows of the reference: "sas.spi" to what it says. Sections are headings of level three.
std::map<std::string, Documented> read_reference()
{
    std::map<std::string, Documented> rows;
    std::istringstream text(slurp(SOURCE_ROOT "/config/README.md"));
    std::string section;
    bool inside = false;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with("## ")) {
            inside = line == "## Reference";
            section.clear();
        }
        if (line.starts_with("### "))
            section = line.substr(4) + ".";
        if (!inside || !line.starts_with("| `"))
            continue;
        std::vector<std::string> cells;
        for (const auto cell : base::split(line, '|'))
            cells.emplace_back(base::trim(cell));
        EXPECT_EQ(cells.size(), 7U) << line;
        if (cells.size() == 7)
            rows[section + cells[1].substr(1, cells[1].size() - 2)] = {cells[2], cells[3], cells[4], cells[5]};
    }
    return rows;
}

TEST(ConfigSchema, TheReferenceAndTheParserAgree)
{
    auto documented = read_reference();
    for (const auto& row : schema()) {
        const std::string path = (row.section.empty() ? "" : row.section + ".") + std::string(row.spec.name);
        const auto found = documented.find(path);
        ASSERT_NE(found, documented.end()) << "config/README.md does not describe " << path;
        EXPECT_EQ(found->second.type, row.spec.type_text()) << path;
        EXPECT_EQ(found->second.fallback, row.spec.is_required ? "required" : std::string(row.spec.fallback)) << path;
        EXPECT_EQ(found->second.range, row.spec.range_text()) << path;
        EXPECT_FALSE(found->second.meaning.empty()) << path;
        documented.erase(found);
    }
    for (const auto& [path, row] : documented)
        ADD_FAILURE() << "config/README.md describes " << path << ", which does not exist";
}

/// Everything that has a default, as text.
std::string describe(const model::Gateway& gateway)
{
    const model::Settings& s = gateway.settings;
    const model::Port& p = gateway.ports[0];
    std::string out =
        base::format("%s %d %u %u %u %d %u|%u %u %u %d|", s.control_socket.c_str(), static_cast<int>(s.engine), s.max_sas,
                     s.mbufs, s.reassembly, s.icmp_errors, s.idle_sleep_us, p.mtu, p.rx_descriptors, p.tx_descriptors, p.promiscuous);
    for (const auto& sa : gateway.sas) {
        const model::TunnelHeader& t = sa.tunnel;
        const model::Lifetime& l = sa.lifetime;
        out += base::format("%d %u %d %d %d %d %d %d %d %u %u %d %lu|", static_cast<int>(sa.mode), sa.replay_window,
                            sa.udp ? sa.udp->local_port : -1, sa.udp ? sa.udp->remote_port : -1, t.dscp ? *t.dscp : -1,
                            t.copy_dscp_inward, static_cast<int>(t.ecn), static_cast<int>(t.df), t.copy_flow_label,
                            t.hop_limit, sa.tfc_pad_to, static_cast<int>(sa.engine), sa.first_sequence);
        out += base::format("%lu %lu %lu %lu %u %u|", l.soft_packets, l.hard_packets, l.soft_bytes, l.hard_bytes,
                            l.soft_seconds, l.hard_seconds);
    }
    const model::Policy& policy = gateway.policies[0];
    return out + base::format("%u %d", policy.priority, static_cast<int>(policy.direction));
}

std::string assignment(const Spec& spec)
{
    const bool quoted = spec.kind == Kind::kText || spec.kind == Kind::kWord;
    const std::string quote = quoted ? "\"" : "";
    return std::string(spec.name) + " = " + quote + std::string(spec.fallback) + quote + "; ";
}

std::string text_with(std::map<std::string, std::string> more)
{
    std::string lifetime = more["sas.lifetime"].empty() ? "" : "lifetime = { " + more["sas.lifetime"] + " }; ";
    std::string udp = more["sas.udp_encap"].empty() ? "" : "udp_encap = { " + more["sas.udp_encap"] + " }; ";
    std::string text = "gateway = { " + more["gateway"] + "};" + kPorts +
                       pair_text(more["sas"] + lifetime + udp, lifetime + udp) + kPolicies;
    text.insert(text.find("name = \"lan\""), more["ports"]);
    text.insert(text.find("name = \"site\""), more["policies"]);
    return text;
}

/// A default written out changes nothing.
TEST(ConfigSchema, DocumentedDefaultsAreTheDefaults)
{
    std::map<std::string, std::string> more;
    size_t count = 0;
    for (const auto& row : schema()) {
        const auto words = row.spec.words();
        const bool is_value = row.spec.kind == Kind::kNumber ? base::parse_unsigned(row.spec.fallback).has_value()
                              : row.spec.kind == Kind::kFlag || row.spec.kind == Kind::kFlagOrGroup ? true
                              : row.spec.kind == Kind::kWord
                                  ? std::find(words.begin(), words.end(), row.spec.fallback) != words.end()
                                  : row.spec.name == "control_socket";
        if (!is_value || row.spec.is_required || row.section == "sas.udp_encap")
            continue;
        more[row.section] += assignment(row.spec);
        count++;
    }
    EXPECT_GE(count, 25U);
    const Loaded plain = load_text(valid_text(), "t.cfg");
    const Loaded written = load_text(text_with(more), "t.cfg");
    ASSERT_EQ(text_of(plain.errors) + text_of(written.errors), "");
    EXPECT_EQ(describe(plain.gateway), describe(written.gateway));

    const Loaded encapsulated =
        load_text(kPorts + pair_text("udp_encap = true;", "udp_encap = true;") + kPolicies, "t.cfg");
    const Loaded ports_written =
        load_text(text_with({{"sas.udp_encap", "local_port = 4500; remote_port = 4500;"}}), "t.cfg");
    ASSERT_EQ(text_of(encapsulated.errors) + text_of(ports_written.errors), "");
    EXPECT_EQ(describe(encapsulated.gateway), describe(ports_written.gateway));
}

TEST(ConfigSchema, NumbersEndWhereTheReferenceSays)
{
    for (const auto& row : schema()) {
        if (row.spec.kind != Kind::kNumber || row.section != "ports")
            continue;
        for (const uint64_t bad : {row.spec.min - 1, row.spec.max + 1}) {
            const std::string text =
                text_with({{"ports", std::string(row.spec.name) + " = " + std::to_string(bad) + "; "}});
            EXPECT_NE(errors_of(text).find("ports.[0]." + std::string(row.spec.name) + ": " + std::to_string(bad) +
                                           " is out of range"),
                      std::string::npos);
        }
        for (const uint64_t good : {row.spec.min, row.spec.max})
            EXPECT_EQ(
                errors_of(text_with({{"ports", std::string(row.spec.name) + " = " + std::to_string(good) + "; "}})),
                "");
    }
}

}  // namespace
}  // namespace ipsecgw::config
