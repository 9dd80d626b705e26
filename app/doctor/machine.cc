#include "app/doctor/machine.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "base/text.h"

namespace ipsecgw::app::doctor {
namespace {

namespace fs = std::filesystem;

/// The first line of a small file; none when it cannot be read.
std::optional<std::string> line_of(const fs::path& path)
{
    std::ifstream in(path);
    std::string line;
    if (!std::getline(in, line))
        return std::nullopt;
    return line;
}

/// The words of the first line in /proc/cpuinfo that begins with `key`.
std::set<std::string> cpu_words(const fs::path& root, std::string_view key)
{
    std::ifstream in(root / "proc/cpuinfo");
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key))
            continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        std::set<std::string> found;
        for (std::string word; words >> word;)
            found.insert(word);
        return found;
    }
    return {};
}

std::vector<std::string> present(const std::set<std::string>& words, std::initializer_list<const char*> wanted)
{
    std::vector<std::string> found;
    for (const char* word : wanted)
        if (words.contains(word))
            found.emplace_back(word);
    return found;
}

Finding cpu(const fs::path& root)
{
    if (const auto x86 = cpu_words(root, "flags"); !x86.empty()) {
        const auto found = present(x86, {"aes", "pclmulqdq", "avx2", "avx512f", "vaes", "vpclmulqdq"});
        if (!x86.contains("aes") || !x86.contains("pclmulqdq"))
            return {Verdict::kBad, "cpu", "no AES instructions: " + base::join(found),
                    "AES-GCM in software will be ten times slower"};
        if (!x86.contains("vaes"))
            return {Verdict::kNote, "cpu", base::join(found), "without vaes, AES-GCM runs one block an instruction"};
        return {Verdict::kGood, "cpu", base::join(found), ""};
    }
    if (const auto arm = cpu_words(root, "Features"); !arm.empty()) {
        const auto found = present(arm, {"aes", "pmull", "sha2", "sha512", "atomics", "sve"});
        if (!arm.contains("aes") || !arm.contains("pmull"))
            return {Verdict::kBad, "cpu", "no AES and PMULL instructions: " + base::join(found),
                    "AES-GCM in software will be ten times slower; chacha20poly1305 suffers less"};
        return {Verdict::kGood, "cpu", base::join(found), ""};
    }
    return {Verdict::kNote, "cpu", "its features cannot be read from /proc/cpuinfo", ""};
}

Finding cores(const fs::path& root)
{
    const fs::path cpus = root / "sys/devices/system/cpu";
    const auto online = line_of(cpus / "online");
    if (!online)
        return {Verdict::kNote, "cores", "cannot be read", ""};
    const std::string isolated = line_of(cpus / "isolated").value_or("");
    const std::string tickless = line_of(cpus / "nohz_full").value_or("");
    const std::string text =
        "online " + *online + ", isolated " + (isolated.empty() ? "none" : isolated) + ", without timer tick " +
        (tickless.empty() || tickless.find_first_of("0123456789") == std::string::npos ? "none" : tickless);
    if (*online == "0")
        return {Verdict::kNote, "cores", text,
                "one core: control and worker share it (--lcores=0@0,1@0, idle_sleep_us)"};
    if (isolated.empty())
        return {Verdict::kNote, "cores", text,
                "the scheduler may put others on a worker's core: boot with isolcpus=1-7 nohz_full=1-7 rcu_nocbs=1-7 "
                "(all but core 0)"};
    return {Verdict::kGood, "cores", text, ""};
}

Finding huge_pages(const fs::path& root)
{
    std::vector<std::string> sizes;
    uint64_t total_kb = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root / "sys/kernel/mm/hugepages", error)) {
        const uint64_t kb =
            std::strtoull(entry.path().filename().string().substr(sizeof "hugepages-" - 1).c_str(), nullptr, 10);
        const uint64_t count = std::strtoull(line_of(entry.path() / "nr_hugepages").value_or("0").c_str(), nullptr, 10);
        const std::string free = line_of(entry.path() / "free_hugepages").value_or("0");
        if (count == 0)
            continue;
        total_kb += kb * count;
        sizes.push_back(base::format("%llu of %llu MB, %s free", static_cast<unsigned long long>(count),
                                     static_cast<unsigned long long>(kb / 1024), free.c_str()));
    }
    std::sort(sizes.begin(), sizes.end());
    const char* how =
        "sysctl vm.nr_hugepages=512 for 1 GB; or run with --no-huge -m 512, slower, without PCI devices in most cases";
    if (total_kb == 0)
        return {Verdict::kNote, "huge pages", "none", how};
    return {total_kb < 256 * 1024 ? Verdict::kNote : Verdict::kGood, "huge pages", base::join(sizes, "; "),
            total_kb < 256 * 1024 ? how : ""};
}

Finding vfio(const fs::path& root)
{
    std::error_code error;
    const fs::directory_iterator groups(root / "sys/kernel/iommu_groups", error);
    const auto count = error ? 0 : std::distance(groups, fs::directory_iterator());
    const bool device = fs::exists(root / "dev/vfio/vfio", error);
    const bool unsafe = line_of(root / "sys/module/vfio/parameters/enable_unsafe_noiommu_mode").value_or("N") == "Y";
    const std::string text = base::format("%td IOMMU groups, ", count) +
                             (device ? "/dev/vfio/vfio is there" : "no /dev/vfio/vfio") +
                             (unsafe ? ", VFIO runs without an IOMMU" : "");
    if (device && count > 0)
        return {Verdict::kGood, "iommu, vfio", text, ""};
    return {Verdict::kNote, "iommu, vfio", text,
            "PCI ports that need vfio-pci: modprobe vfio-pci, and intel_iommu=on or amd_iommu=on iommu=pt; mlx5 and "
            "virtual ports need neither"};
}

Finding numa(const fs::path& root)
{
    const auto nodes = line_of(root / "sys/devices/system/node/online").value_or("0");
    if (nodes == "0")
        return {Verdict::kGood, "numa", "one node", ""};
    return {Verdict::kNote, "numa", "nodes " + nodes, "give workers cores of the node their ports are on"};
}

}  // namespace

std::vector<Finding> look_at_machine(const fs::path& root)
{
    return {cpu(root), cores(root), numa(root), huge_pages(root), vfio(root)};
}

}  // namespace ipsecgw::app::doctor
