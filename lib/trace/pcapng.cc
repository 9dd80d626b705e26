#include "trace/pcapng.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace ipsecgw::trace {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

// Section numbers are the draft's.
constexpr uint32_t kSectionHeader = 0x0a0d0d0a;  // 4.1
constexpr uint32_t kInterface = 1;               // 4.2
constexpr uint32_t kEnhancedPacket = 6;          // 4.3
constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint16_t kOptionEnd = 0, kOptionComment = 1;  // 3.5
constexpr uint16_t kOptionApplication = 4;
constexpr uint16_t kOptionName = 2, kOptionResolution = 9;
constexpr size_t kMaxOption = 65535;
static_assert(std::endian::native == std::endian::little, "the byte order mark tells readers, but nothing here swaps");

template <class T>
void append(std::string& out, T value)
{
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_padded(std::string& out, std::string_view bytes)
{
    out.append(bytes);
    out.append((4 - bytes.size() % 4) % 4, '\0');
}

void append_option(std::string& out, uint16_t code, std::string_view value)
{
    value = value.substr(0, kMaxOption);
    append(out, code);
    append(out, static_cast<uint16_t>(value.size()));
    append_padded(out, value);
}

}  // namespace

Result<PcapngWriter> PcapngWriter::create(const std::string& path, std::string_view application)
{
    const int fd = path == "-" ? dup(STDOUT_FILENO) : open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    std::FILE* file = fd < 0 ? nullptr : fdopen(fd, "wb");
    if (file == nullptr)
        return Error{ErrorCode::kIo, path + ": " + std::strerror(errno), "give another file with --write"};
    PcapngWriter writer(file, path);
    std::string body;
    append(body, kByteOrder);
    append(body, uint16_t{1});  // version 1.0
    append(body, uint16_t{0});
    append(body, int64_t{-1});  // the section's length is not known
    append_option(body, kOptionApplication, application);
    append_option(body, kOptionEnd, "");
    GW_TRY(writer.write(kSectionHeader, body));
    return writer;
}

PcapngWriter::~PcapngWriter()
{
    if (file_ != nullptr)
        std::fclose(file_);
}

PcapngWriter::PcapngWriter(PcapngWriter&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)), path_(std::move(other.path_)), interfaces_(std::move(other.interfaces_))
{
}

Result<void> PcapngWriter::write(uint32_t type, const std::string& body)
{
    std::string block;
    const auto length = static_cast<uint32_t>(body.size() + 12);
    append(block, type);
    append(block, length);
    block += body;
    append(block, length);
    if (std::fwrite(block.data(), 1, block.size(), file_) != block.size() || std::fflush(file_) != 0)
        return Error{ErrorCode::kIo, path_ + ": " + std::strerror(errno), "is the disk full?"};
    return {};
}

Result<uint32_t> PcapngWriter::interface_of(const Packet& packet)
{
    const auto [at, is_new] = interfaces_.emplace(std::pair(std::string(packet.interface), packet.link), static_cast<uint32_t>(interfaces_.size()));
    if (!is_new)
        return at->second;
    std::string body;
    append(body, static_cast<uint16_t>(packet.link));
    append(body, uint16_t{0});
    append(body, uint32_t{0});  // no limit to what is captured of a packet
    append_option(body, kOptionName, packet.interface);
    append_option(body, kOptionResolution, "\x09");  // nanoseconds
    append_option(body, kOptionEnd, "");
    const uint32_t index = at->second;
    GW_TRY(write(kInterface, body));
    return index;
}

Result<void> PcapngWriter::add(const Packet& packet)
{
    const uint32_t interface = GW_TRY(interface_of(packet));
    std::string body;
    append(body, interface);
    append(body, static_cast<uint32_t>(packet.unix_ns >> 32));
    append(body, static_cast<uint32_t>(packet.unix_ns));
    append(body, static_cast<uint32_t>(packet.bytes.size()));
    append(body, std::max(packet.length, static_cast<uint32_t>(packet.bytes.size())));
    append_padded(body, {reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()});
    if (!packet.comment.empty())
        append_option(body, kOptionComment, packet.comment);
    append_option(body, kOptionEnd, "");
    return write(kEnhancedPacket, body);
}

}  // namespace ipsecgw::trace
