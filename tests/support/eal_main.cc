// main() for tests whose code under test needs an initialised EAL: no huge pages, no devices, no shared files.
#include <cstdio>
#include <filesystem>
#include <sched.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <rte_eal.h>

// The multi-buffer library keeps state per thread, and its driver has no way to free that of a thread that ends.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libIPSec_MB.so";
}

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests))
        return RUN_ALL_TESTS();
    std::vector<std::string> words = {argv[0],
                                      "--no-huge",
                                      "--no-shconf",
                                      "--no-pci",
                                      "--no-telemetry",
                                      "--lcores=0@0",
                                      "-m",
                                      "512",
                                      "--log-level=lib.*:error",
                                      "--log-level=pmd.*:error",
                                      "--file-prefix=gwtest" + std::to_string(getpid())};
    std::vector<char*> args;
    for (auto& word : words)
        args.push_back(word.data());
    cpu_set_t cpus;
    const bool known = sched_getaffinity(0, sizeof cpus, &cpus) == 0;
    if (rte_eal_init(static_cast<int>(args.size()), args.data()) < 0) {
        std::fprintf(stderr, "EAL did not start\n");
        return 2;
    }
    // EAL binds this thread, and with it those that tests start, to one CPU: the same for all tests that run at a time.
    if (known)
        sched_setaffinity(0, sizeof cpus, &cpus);
    const int result = RUN_ALL_TESTS();
    const std::string runtime = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(runtime, ignored);  // EAL leaves it, and the prefix is never used again
    return result;
}
