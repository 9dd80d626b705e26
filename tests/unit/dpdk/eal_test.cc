#include "dpdk/eal.h"

#include <cstdio>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "dpdk/eal_internal.h"

namespace ipsecgw::dpdk {
namespace {

using base::ErrorCode;

const std::string kLockLog =
    "EAL: Cannot create lock on '/var/run/dpdk/rte/config'. Is another primary process running?\nEAL: Cannot init "
    "config\n";

TEST(EalExplain, SaysWhatToDoWithoutHugePages)
{
    const std::string log = "EAL: Selected IOVA mode 'PA'\nEAL: Cannot get hugepage information.\n";
    const auto as_root = explain({EACCES, log, false, true});
    EXPECT_EQ(as_root.code, ErrorCode::kResourceExhausted);
    EXPECT_EQ(as_root.what, "DPDK did not start: no huge pages are free");
    EXPECT_EQ(as_root.hint, "mount huge pages: sysctl vm.nr_hugepages=512, or run with --no-huge -m 512");
    const auto as_user = explain({EACCES, log, false, false});
    EXPECT_EQ(as_user.code, ErrorCode::kPermissionDenied);
    EXPECT_NE(as_user.hint.find("need root"), std::string::npos);
}

TEST(EalExplain, NamesTheLockWhateverErrnoSays)
{
    const auto error = explain({0, kLockLog, true, true});
    EXPECT_EQ(error.code, ErrorCode::kAlreadyExists);
    EXPECT_NE(error.hint.find("--file-prefix"), std::string::npos);
}

TEST(EalExplain, TellsMemoryDeviceAndOptionsApart)
{
    EXPECT_EQ(explain({ENOMEM, "EAL: Cannot init memory\n", true, true}).hint,
              "lower -m, or free memory on this machine");
    const auto device =
        explain({ENODEV, "EAL: failed to parse device \"net_x0\"\nEAL: Unable to parse device 'net_x0'\n", true, true});
    EXPECT_EQ(device.code, ErrorCode::kNotFound);
    EXPECT_EQ(device.what, "DPDK did not start: Unable to parse device 'net_x0'");
    EXPECT_EQ(explain({EINVAL, "EAL: invalid parameter for --lcores\n", true, true}).what,
              "DPDK did not start: it does not accept its options: invalid parameter for --lcores");
    EXPECT_EQ(explain({EINVAL, "EAL: Cannot init plugins\n", true, true}).what,
              "DPDK did not start: a plugin given with -d did not load");
    EXPECT_EQ(explain({EPERM, "EAL: Permission denied\n", true, false}).code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(explain({EINVAL, "", true, true}).code, ErrorCode::kInvalidArgument);
}

/// Every start needs a process of its own. Exits 0 when `check` holds.
[[noreturn]] void start(std::vector<std::string> words, const std::function<bool(const base::Result<Eal>&)>& check)
{
    std::vector<char*> args;
    for (auto& word : words)
        args.push_back(word.data());
    const auto eal = Eal::init(args);
    if (!eal)
        std::fprintf(stderr, "error: %s\nhint: %s\n", eal.error().what.c_str(), eal.error().hint.c_str());
    const bool held = check(eal);
    std::fflush(stderr);
    std::_Exit(held ? 0 : 1);
}

std::vector<std::string> words(std::vector<std::string> more)
{
    std::vector<std::string> all = {"test", "--no-pci", "--no-telemetry", "--lcores=0@0",
                                    "--file-prefix=gweal" + std::to_string(getpid())};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

TEST(Eal, StartsAndCountsItsWords)
{
    const auto all = words({"--no-huge", "-m", "64", "--", "--config", "x"});
    EXPECT_EXIT(start(all, [](const auto& eal) { return eal && eal->words_consumed() == 8; }),
                testing::ExitedWithCode(0), "");
}

TEST(Eal, CleansUpSoThatTheNextProcessStarts)
{
    const auto all = words({"--no-huge", "-m", "64"});
    for (int i = 0; i < 2; i++)
        EXPECT_EXIT(start(all, [](const auto& eal) { return eal.has_value(); }), testing::ExitedWithCode(0), "");
}

TEST(Eal, ReportsALockThatIsHeld)
{
    const auto all = words({"--no-huge", "-m", "64"});
    // Two children of one parent: EAL does not start twice in one process, and a child of the holder would be its copy.
    int ready[2], done[2];
    ASSERT_EQ(pipe(ready), 0);
    ASSERT_EQ(pipe(done), 0);
    const pid_t holder = fork();
    ASSERT_GE(holder, 0);
    if (holder == 0) {
        start(all, [&](const auto& eal) {
            char byte = eal ? 'y' : 'n';
            if (write(ready[1], &byte, 1) != 1 || !eal)
                return false;
            return read(done[0], &byte, 1) == 1;
        });
    }
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    ASSERT_EQ(byte, 'y');
    EXPECT_EXIT(start(all, [](const auto& eal) { return !eal && eal.error().code == ErrorCode::kAlreadyExists; }),
                testing::ExitedWithCode(0), "file-prefix");
    ASSERT_EQ(write(done[1], &byte, 1), 1);
    int status = 0;
    ASSERT_EQ(waitpid(holder, &status, 0), holder);
    EXPECT_EQ(status, 0);
}

TEST(Eal, ReportsADeviceItCannotParse)
{
    EXPECT_EXIT(start(words({"--no-huge", "-m", "64", "--vdev", "net_nonsense0"}),
                      [](const auto& eal) { return !eal && eal.error().code == ErrorCode::kNotFound; }),
                testing::ExitedWithCode(0), "net_nonsense0");
}

TEST(Eal, ReportsMoreMemoryThanThereIs)
{
    EXPECT_EXIT(start(words({"--no-huge", "-m", "99999999"}),
                      [](const auto& eal) { return !eal && eal.error().code == ErrorCode::kResourceExhausted; }),
                testing::ExitedWithCode(0), "not enough memory");
}

TEST(Eal, ReportsOptionsItDoesNotKnow)
{
    EXPECT_EXIT(start(words({"--bogus"}),
                      [](const auto& eal) { return !eal && eal.error().code == ErrorCode::kInvalidArgument; }),
                testing::ExitedWithCode(0), "does not accept its options");
}

}  // namespace
}  // namespace ipsecgw::dpdk
