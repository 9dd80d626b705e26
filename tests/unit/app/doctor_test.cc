#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/doctor/finding.h"
#include "app/doctor/machine.h"

namespace ipsecgw::app::doctor {
namespace {

using testing::HasSubstr;

/// A folder with what a machine's /proc, /sys and /dev say.
class Machine : public testing::Test {
  protected:
    Machine() : root_(std::filesystem::path(testing::TempDir()) / ("gw-doctor-" + std::to_string(getpid())))
    {
        std::filesystem::create_directories(root_);
    }
    ~Machine() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) const
    {
        std::filesystem::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text << "\n";
    }
    [[nodiscard]] Finding finding(const std::string& area) const
    {
        for (auto& each : look_at_machine(root_))
            if (each.area == area)
                return each;
        ADD_FAILURE() << "nothing about " << area;
        return {};
    }

    std::filesystem::path root_;
};

TEST_F(Machine, ABlueFieldIsWhatItIsMadeFor)
{
    write("proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid");
    write("sys/devices/system/cpu/online", "0-7");
    write("sys/devices/system/cpu/isolated", "1-7");
    write("sys/devices/system/cpu/nohz_full", "1-7");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1024");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1000");
    EXPECT_EQ(finding("cpu").text, "aes, pmull, sha2");
    EXPECT_EQ(finding("cpu").verdict, Verdict::kGood);
    EXPECT_EQ(finding("cores").text, "online 0-7, isolated 1-7, without timer tick 1-7");
    EXPECT_EQ(finding("cores").verdict, Verdict::kGood);
    EXPECT_EQ(finding("huge pages").text, "1024 of 2 MB, 1000 free");
    EXPECT_EQ(finding("huge pages").verdict, Verdict::kGood);
}

TEST_F(Machine, ACpuWithoutAesIsBad)
{
    write("proc/cpuinfo", "flags\t\t: fpu sse2 avx2");
    EXPECT_EQ(finding("cpu").verdict, Verdict::kBad);
    write("proc/cpuinfo", "Features\t: fp asimd");
    EXPECT_EQ(finding("cpu").verdict, Verdict::kBad);
    write("proc/cpuinfo", "flags\t\t: aes pclmulqdq avx2");
    EXPECT_EQ(finding("cpu").verdict, Verdict::kNote) << "no vaes";
}

TEST_F(Machine, NothingToReadIsNoFailure)
{
    for (const auto& each : look_at_machine(root_))
        EXPECT_NE(each.verdict, Verdict::kBad) << each.area;
    EXPECT_EQ(finding("huge pages").text, "none");
    EXPECT_THAT(finding("huge pages").hint, HasSubstr("vm.nr_hugepages"));
    EXPECT_EQ(finding("iommu, vfio").text, "0 IOMMU groups, no /dev/vfio/vfio");
}

TEST_F(Machine, OneCoreIsToldHowToRun)
{
    write("sys/devices/system/cpu/online", "0");
    EXPECT_THAT(finding("cores").hint, HasSubstr("--lcores=0@0,1@0"));
}

TEST_F(Machine, CountsIommuGroups)
{
    std::filesystem::create_directories(root_ / "sys/kernel/iommu_groups/0");
    std::filesystem::create_directories(root_ / "sys/kernel/iommu_groups/1");
    write("dev/vfio/vfio", "");
    EXPECT_EQ(finding("iommu, vfio").text, "2 IOMMU groups, /dev/vfio/vfio is there");
    EXPECT_EQ(finding("iommu, vfio").verdict, Verdict::kGood);
}

TEST(Render, AlignsAndHints)
{
    EXPECT_EQ(render({{Verdict::kGood, "cpu", "aes", ""}, {Verdict::kBad, "huge pages", "none", "sysctl"}}),
              "ok   cpu         aes\n"
              "BAD  huge pages  none\n"
              "                 hint: sysctl\n");
}

}  // namespace
}  // namespace ipsecgw::app::doctor
