// Secrets in memory: passwords and the hashes that let one log in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "protocol/byte_reader.h"

namespace causeway::protocol {

// Compares in a time that depends on the lengths only.
bool equal_in_constant_time(Bytes a, Bytes b);

// Overwrites bytes in a way that the compiler cannot leave out.
void cleanse(std::span<uint8_t> bytes);

// To be called once, before anything else: secrets will lie in pages that no core dump has, as long as these
// `bytes` (a power of two) last, and in the heap otherwise.
void prepare_secret_memory(size_t bytes);

// A fixed number of bytes that are zeroed when dropped. Move-only; a copy has to be asked for with clone(). A
// moved-from value is empty.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(size_t size);  // zeros, to be filled through writable()
  explicit SecretBytes(Bytes bytes);
  explicit SecretBytes(std::string_view text) : SecretBytes(as_bytes(text)) {}
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { reset(); }

  SecretBytes clone() const { return SecretBytes(view()); }

  // Valid until the value is moved from, assigned to or dropped.
  Bytes view() const { return {bytes_.get(), size_}; }
  std::string_view text() const { return as_text(view()); }
  std::span<uint8_t> writable() { return {bytes_.get(), size_}; }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Zeroes and drops the bytes.
  void reset() noexcept;

  // In constant time for equal sizes.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b) {
    return equal_in_constant_time(a.view(), b.view());
  }

 private:
  struct Free {
    void operator()(uint8_t* bytes) const noexcept;
  };

  std::unique_ptr<uint8_t[], Free> bytes_;
  size_t size_ = 0;
};

// What is known of the password of an account; each part may be missing (empty). The empty password is
// `known_empty` with all parts missing.
struct Credentials {
  bool known_empty = false;
  SecretBytes clear_password;  // without a NUL at its end
  SecretBytes sha1;            // SHA1(password), 20 bytes: enough for mysql_native_password
  SecretBytes sha256;  // SHA256(password), 32 bytes: enough for the fast path of caching_sha2_password

  static Credentials from_password(std::string_view password);
  Credentials clone() const;
};

}  // namespace causeway::protocol
