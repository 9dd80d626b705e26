#include "iked/key_log.h"

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

namespace ipsecgw::iked {
namespace {

using base::Error;
using base::ErrorCode;
using model::Encryption;
using model::Integrity;

/// Wipes what a line was put together from: keys pass through here in text.
struct WipedText {
    std::string text;

    WipedText() { text.reserve(1024); }  // so that no growth leaves a copy behind
    ~WipedText() { base::wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()}); }
    WipedText(const WipedText&) = delete;
    WipedText& operator=(const WipedText&) = delete;

    void hex(std::span<const uint8_t> bytes)
    {
        static constexpr char kDigits[] = "0123456789abcdef";
        for (const uint8_t byte : bytes) {
            text += kDigits[byte >> 4];
            text += kDigits[byte & 15];
        }
    }
    void write_to(int fd) const
    {
        // One write a line, so that lines of two processes do not mix. A full disk costs a line of a debugging aid.
        [[maybe_unused]] const ssize_t written = write(fd, text.data(), text.size());
    }
};

/// The names of Wireshark 4.0's ikev2_decryption_table; null: it has none.
std::string ike_cipher_name(const model::EspSuite& suite)
{
    switch (suite.encryption) {
        case Encryption::kAesCbc:
            return base::format("AES-CBC-%u [RFC3602]", suite.key_bits);
        case Encryption::kAesGcm8:
            return base::format("AES-GCM-%u with 8 octet ICV [RFC5282]", suite.key_bits);
        case Encryption::kAesGcm12:
            return base::format("AES-GCM-%u with 12 octet ICV [RFC5282]", suite.key_bits);
        case Encryption::kAesGcm16:
            return base::format("AES-GCM-%u with 16 octet ICV [RFC5282]", suite.key_bits);
        case Encryption::kNull:
        case Encryption::kAesCtr:
        case Encryption::kAesGmac:
        case Encryption::kChaCha20Poly1305:
            return {};
    }
    return {};
}

const char* ike_integrity_name(Integrity integrity)
{
    switch (integrity) {
        case Integrity::kNone:
            return "NONE [RFC4306]";
        case Integrity::kHmacSha256:
            return "HMAC_SHA2_256_128 [RFC4868]";
        case Integrity::kHmacSha384:
            return "HMAC_SHA2_384_192 [RFC4868]";
        case Integrity::kHmacSha512:
            return "HMAC_SHA2_512_256 [RFC4868]";
    }
    return "";
}

/// Of its esp_sa table.
const char* esp_cipher_name(Encryption encryption)
{
    switch (encryption) {
        case Encryption::kNull:
            return "NULL";
        case Encryption::kAesCbc:
            return "AES-CBC [RFC3602]";
        case Encryption::kAesCtr:
            return "AES-CTR [RFC3686]";
        case Encryption::kAesGcm8:
            return "AES-GCM with 8 octet ICV [RFC4106]";
        case Encryption::kAesGcm12:
            return "AES-GCM with 12 octet ICV [RFC4106]";
        case Encryption::kAesGcm16:
            return "AES-GCM with 16 octet ICV [RFC4106]";
        case Encryption::kChaCha20Poly1305:
        case Encryption::kAesGmac:
            return nullptr;
    }
    return nullptr;
}

const char* esp_integrity_name(Integrity integrity)
{
    switch (integrity) {
        case Integrity::kNone:
            return "NULL";
        case Integrity::kHmacSha256:
            return "HMAC-SHA-256-128 [RFC4868]";
        case Integrity::kHmacSha384:
            return "HMAC-SHA-384-192 [RFC4868]";
        case Integrity::kHmacSha512:
            return "HMAC-SHA-512-256 [RFC4868]";
    }
    return "";
}

base::Result<int> open_private(const std::string& path)
{
    const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return Error{errno == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kIo,
                     "--save-keys " + path + ": " + std::strerror(errno), ""};
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 077) == 0)
        return fd;
    close(fd);
    return Error{ErrorCode::kPermissionDenied, "--save-keys " + path + ": others can open it",
                 "remove it, or chmod 600"};
}

}  // namespace

base::Result<std::unique_ptr<KeyLog>> KeyLog::open(const std::string& path)
{
    const int ike_fd = GW_TRY(open_private(path));
    auto esp_fd = open_private(path + ".esp");
    if (!esp_fd) {
        close(ike_fd);
        return std::move(esp_fd).error();
    }
    return std::unique_ptr<KeyLog>(new KeyLog(ike_fd, *esp_fd));
}

KeyLog::~KeyLog()
{
    close(ike_fd_);
    close(esp_fd_);
}

void KeyLog::add(const ike::IkeKeys& keys)
{
    const std::string cipher = ike_cipher_name(keys.cipher);
    if (cipher.empty())
        return;
    WipedText line;
    line.text += base::format("%016" PRIx64 ",%016" PRIx64 ",", keys.spi_i, keys.spi_r);
    line.hex(keys.sk_ei.view());
    line.text += ',';
    line.hex(keys.sk_er.view());
    line.text += ",\"" + cipher + "\",";
    line.hex(keys.sk_ai.view());
    line.text += ',';
    line.hex(keys.sk_ar.view());
    line.text += base::format(",\"%s\"\n", ike_integrity_name(keys.cipher.integrity));
    line.write_to(ike_fd_);
}

void KeyLog::add(const model::SaParams& sa)
{
    const char* cipher = esp_cipher_name(sa.suite.encryption);
    const model::SuiteLayout layout = sa.suite.layout();
    if (cipher == nullptr || sa.keymat.size() != layout.keymat_bytes())
        return;
    const bool is_inbound = sa.direction == model::Direction::kInbound;
    const net::IpAddress& source = is_inbound ? sa.remote : sa.local;
    const net::IpAddress& destination = is_inbound ? sa.local : sa.remote;
    const size_t cipher_bytes = size_t{layout.key_bytes} + layout.salt_bytes;
    WipedText line;
    line.text += base::format("\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"0x", source.is_v4() ? "IPv4" : "IPv6",
                              source.to_string().c_str(), destination.to_string().c_str(), sa.spi, cipher);
    line.hex(sa.keymat.view().first(cipher_bytes));
    line.text += base::format("\",\"%s\",\"", esp_integrity_name(sa.suite.integrity));
    if (layout.integrity_key_bytes != 0) {
        line.text += "0x";
        line.hex(sa.keymat.view().subspan(cipher_bytes));
    }
    line.text += "\"\n";
    line.write_to(esp_fd_);
}

}  // namespace ipsecgw::iked
