#include "protocol/secret.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <new>
#include <utility>

#include "protocol/scramble.h"

namespace causeway::protocol {

bool equal_in_constant_time(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void cleanse(std::span<uint8_t> bytes) {
  if (!bytes.empty()) OPENSSL_cleanse(bytes.data(), bytes.size());
}

void prepare_secret_memory(size_t bytes) {
  constexpr size_t kSmallestBlock = 32;
  CRYPTO_secure_malloc_init(bytes, kSmallestBlock);
}

SecretBytes::SecretBytes(size_t size) : size_(size) {
  if (size == 0) return;
  void* bytes = OPENSSL_secure_zalloc(size);
  if (bytes == nullptr) bytes = OPENSSL_zalloc(size);  // the pages are full
  if (bytes == nullptr) throw std::bad_alloc();
  bytes_.reset(static_cast<uint8_t*>(bytes));
}

void SecretBytes::Free::operator()(uint8_t* bytes) const noexcept {
  OPENSSL_secure_free(bytes);
}

SecretBytes::SecretBytes(Bytes bytes) : SecretBytes(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), bytes_.get());
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    reset();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void SecretBytes::reset() noexcept {
  cleanse(writable());
  bytes_.reset();
  size_ = 0;
}

Credentials Credentials::from_password(std::string_view password) {
  Credentials credentials;
  credentials.known_empty = password.empty();
  if (password.empty()) return credentials;
  credentials.clear_password = SecretBytes(password);
  credentials.sha1 = sha1_secret(as_bytes(password));
  credentials.sha256 = sha256_secret(as_bytes(password));
  return credentials;
}

Credentials Credentials::clone() const {
  Credentials copy;
  copy.known_empty = known_empty;
  copy.clear_password = clear_password.clone();
  copy.sha1 = sha1.clone();
  copy.sha256 = sha256.clone();
  return copy;
}

}  // namespace causeway::protocol
