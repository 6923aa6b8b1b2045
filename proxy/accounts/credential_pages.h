// Memory for secrets that are kept: zeroed when given back, and not part of a core dump.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace causeway::proxy {

// What can be kept of one account. Longer passwords than any server takes are not kept.
struct CredentialSlot {
  static constexpr size_t kMaxPasswordBytes = 256;

  bool known_empty = false;
  bool has_password = false;
  bool has_sha1 = false;
  bool has_sha256 = false;
  uint16_t password_bytes = 0;
  std::array<uint8_t, kMaxPasswordBytes> password{};
  std::array<uint8_t, 20> sha1{};
  std::array<uint8_t, 32> sha256{};
};

// Hands out slots from pages of its own, which are marked MADV_DONTDUMP. Slots become invalid with it.
class CredentialPages {
 public:
  CredentialPages() = default;
  ~CredentialPages();
  CredentialPages(const CredentialPages&) = delete;
  CredentialPages& operator=(const CredentialPages&) = delete;

  // An empty slot. Throws std::bad_alloc.
  CredentialSlot* take();
  // Zeroes it.
  void give_back(CredentialSlot* slot);

 private:
  static constexpr size_t kChunkBytes = size_t{64} * 1024;

  void grow();

  std::vector<void*> chunks_;
  std::vector<CredentialSlot*> free_;
};

}  // namespace causeway::proxy
