// gwctl in this process, against a control socket of data.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "gwctl/options.h"
#include "gwctl/run.h"
#include "unit/cli/loop_fixture.h"

namespace ipsecgw::gwctl {

struct Gwctl : cli::ServerTest {
    struct Result {
        Exit exit;
        std::string out, errors;
    };
    static std::string take(std::FILE* file)
    {
        std::string text(static_cast<size_t>(ftell(file)), '\0');
        rewind(file);
        text.resize(fread(text.data(), 1, text.size(), file));
        fclose(file);
        return text;
    }
    Result gwctl(std::string_view line) const
    {
        std::vector<std::string_view> words;
        if (!line.empty())
            words = base::split(line, ' ');
        std::FILE* out = tmpfile();
        std::FILE* errors = tmpfile();
        const auto invocation = parse(words, path);
        auto exit = Exit::kUsage;
        if (invocation)
            exit = run(*invocation, out, errors);
        else
            print(invocation.error(), errors);
        return {exit, take(out), take(errors)};
    }
    std::string shown(std::string_view line)
    {
        if (!server)
            start();
        const auto result = gwctl(line);
        EXPECT_EQ(result.exit, Exit::kOk) << result.errors;
        EXPECT_EQ(result.errors, "");
        return "\n" + result.out;
    }
};

}  // namespace ipsecgw::gwctl
