#include "gwctl/stream.h"

#include <utility>
#include <vector>

#include "base/text.h"

namespace ipsecgw::gwctl {

using base::Error;
using base::ErrorCode;
using base::Result;
using cli::Json;

namespace {

uint64_t number(const Json& row, const char* name)
{
    const auto found = row.find(name);
    return found != row.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

std::string word(const Json& row, const char* name)
{
    const auto found = row.find(name);
    return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::vector<uint8_t> bytes_of(const std::string& hex)
{
    std::vector<uint8_t> out;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        const int high = digit(hex[i]), low = digit(hex[i + 1]);
        if (high < 0 || low < 0)
            break;
        out.push_back(static_cast<uint8_t>(high << 4 | low));
    }
    return out;
}

}  // namespace

Result<Stream> Stream::create(const Invocation& invocation, std::FILE* out)
{
    Stream stream(invocation, out);
    const auto path = invocation.local.find("write");
    const bool writes = path != invocation.local.end();
    if (!writes && !invocation.json && invocation.command->name == "capture")
        return Error{ErrorCode::kInvalidArgument, "capture: where to?", "give --write FILE, or -j"};
    if (writes)
        stream.file_.emplace(GW_TRY(trace::PcapngWriter::create(path->second, "gwctl")));
    return stream;
}

bool Stream::prints_text() const
{
    const auto path = invocation_.local.find("write");
    return invocation_.command->name != "capture" && (path == invocation_.local.end() || path->second != "-");
}

Result<void> Stream::take(const Json& row)
{
    const uint64_t now_ns = number(row, "unix_ns");
    if (rows_++ == 0)
        first_ns_ = now_ns;
    lost_ = number(row, "lost");
    const double seconds = (static_cast<double>(now_ns) - static_cast<double>(first_ns_)) / 1e9;
    const std::string line = base::format("%-11s %s", word(row, "point").c_str(), word(row, "text").c_str());
    if (invocation_.json)
        std::fprintf(out_, "%s\n", row.dump().c_str());
    else if (prints_text())
        std::fprintf(out_, "%4llu %10.6f  %s\n", static_cast<unsigned long long>(number(row, "packet")), seconds, line.c_str());
    std::fflush(out_);
    return file_ ? write(row, line) : Result<void>();
}

Result<void> Stream::write(const Json& row, const std::string& line)
{
    const auto bytes = bytes_of(word(row, "bytes"));
    const bool has_ethernet = word(row, "link") == "ethernet";
    const std::string point = word(row, "point");
    const std::string port = word(row, "port");
    const uint64_t packet = number(row, "packet");
    const std::string comment = packet == 0 ? line : "packet " + std::to_string(packet) + ": " + line;
    return file_->add({.interface = port.empty() ? point : point + " " + port,
                       .link = has_ethernet ? trace::Link::kEthernet : trace::Link::kRawIp,
                       .unix_ns = number(row, "unix_ns"),
                       .bytes = bytes,
                       .length = static_cast<uint32_t>(number(row, "length")),
                       .comment = comment});
}

std::string Stream::summary() const
{
    std::string out;
    if (invocation_.command->name == "capture")
        out = base::format("%llu packets captured", static_cast<unsigned long long>(rows_));
    if (lost_ != 0)
        out += base::format("%s%llu records lost: more came than could be told", out.empty() ? "" : ", ", static_cast<unsigned long long>(lost_));
    return out;
}

}  // namespace ipsecgw::gwctl
