// Keys for Wireshark, so that an operator can read an exchange while debugging. Off unless asked for.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "ike/effects.h"
#include "model/sa_params.h"

namespace ipsecgw::iked {

/// Appends to two files with the formats of Wireshark's tables of the same names: FILE is an ikev2_decryption_table,
/// FILE.esp an esp_sa. Both are made with mode 0600. What Wireshark has no name for is left out.
class KeyLog {
  public:
    /// kIo, kPermissionDenied. An existing file must belong to this user and be closed to others.
    static base::Result<std::unique_ptr<KeyLog>> open(const std::string& path);
    ~KeyLog();
    KeyLog(const KeyLog&) = delete;
    KeyLog& operator=(const KeyLog&) = delete;

    void add(const ike::IkeKeys& keys);
    /// Before the SA takes its keys.
    void add(const model::SaParams& sa);

  private:
    KeyLog(int ike_fd, int esp_fd) : ike_fd_(ike_fd), esp_fd_(esp_fd) {}
    int ike_fd_;
    int esp_fd_;
};

}  // namespace ipsecgw::iked
