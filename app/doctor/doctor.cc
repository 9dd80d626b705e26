#include "app/doctor/doctor.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

#include "app/doctor/finding.h"
#include "app/doctor/machine.h"
#include "app/doctor/ports.h"
#include "dpdk/eal.h"

namespace ipsecgw::app::doctor {
namespace {

void add(std::vector<Finding>& all, std::vector<Finding> more)
{
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// What needs EAL: engines, and the ports when options name some.
std::vector<Finding> look_with_eal(std::vector<char*> words, bool ports)
{
    auto eal = dpdk::Eal::init(words);
    if (!eal)
        return {{Verdict::kBad, "EAL", eal.error().what, eal.error().hint}};
    std::vector<Finding> out;
    if (auto engines = esp::Engines::create({.workers = 1, .max_sas = 16}))
        out = look_at_engines(**engines);
    else
        out.push_back({Verdict::kBad, "engines", engines.error().what, engines.error().hint});
    if (ports)
        add(out, look_at_ports());
    else
        out.push_back({Verdict::kNote, "ports", "not looked at",
                       "give EAL options as for the gateway: ipsec-gw doctor -a 0000:03:00.0"});
    return out;
}

/// Tried: a second process of DPDK 22.11 closes the virtual devices it shares when it ends, engines among them, and the first one crashes.
Finding look_at_dumpcap()
{
    return {Verdict::kNote, "dpdk-dumpcap", "not for a running gateway: when it ends it closes devices that the gateway uses",
            "gwctl capture has the ports' frames, and both sides of ESP"};
}

}  // namespace

int run(std::span<char*> eal_words)
{
    std::vector<Finding> findings = look_at_machine("/");
    add(findings, look_at_libraries());
    std::vector<std::string> alone = {"--no-huge",
                                      "-m",
                                      "128",
                                      "--no-pci",
                                      "--no-telemetry",
                                      "--no-shconf",
                                      "--lcores=0@0",
                                      "--log-level=lib.*:error",
                                      "--log-level=pmd.*:error",
                                      "--file-prefix=gwdoctor" + std::to_string(getpid())};
    std::vector<char*> words(eal_words.begin(), eal_words.end());
    const bool ports = words.size() > 1;
    if (!ports)
        for (auto& word : alone)
            words.push_back(word.data());
    findings.push_back(look_at_dumpcap());
    add(findings, look_with_eal(std::move(words), ports));
    std::fputs(render(findings).c_str(), stdout);
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& each) { return each.verdict == Verdict::kBad; })
               ? 1
               : 0;
}

}  // namespace ipsecgw::app::doctor
