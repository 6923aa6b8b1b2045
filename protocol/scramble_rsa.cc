// The RSA part of caching_sha2_password.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <climits>
#include <stdexcept>

#include "protocol/scramble.h"

namespace causeway::protocol {
namespace {

constexpr int kMinKeyBits = 1024;
constexpr int kMaxKeyBits = 16384;
constexpr size_t kOaepBytes = 42;  // what OAEP with SHA-1 takes of a block

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

// Errors left in OpenSSL's queue would be taken for errors of the TLS connection that looks there next.
struct ErrorQueueGuard {
  ErrorQueueGuard() = default;
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
  ~ErrorQueueGuard() { ERR_clear_error(); }
};

// Without one, OpenSSL would ask the terminal for the passphrase of an encrypted key.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Bio open_pem(std::string_view pem) {
  const size_t length = std::min<size_t>(pem.size(), INT_MAX);
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(length)), &BIO_free_all};
}

bool is_usable(EVP_PKEY* key) {
  return key != nullptr && EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) >= kMinKeyBits &&
         EVP_PKEY_get_bits(key) <= kMaxKeyBits;
}

void xor_with_nonce(std::span<uint8_t> bytes, const Nonce& nonce) {
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] ^= nonce[i % nonce.size()];
}

std::string to_public_pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  if (bio == nullptr || PEM_write_bio_PUBKEY(bio.get(), key) != 1)
    throw std::runtime_error("OpenSSL cannot write a public key");
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(length)};
}

EVP_PKEY* as_key(const std::shared_ptr<void>& key) {
  return static_cast<EVP_PKEY*>(key.get());
}

std::shared_ptr<void> share(EVP_PKEY* key) {
  return {key, [](void* owned) { EVP_PKEY_free(static_cast<EVP_PKEY*>(owned)); }};
}

}  // namespace

Result<std::vector<uint8_t>> rsa_encrypt_password(Bytes password, const Nonce& nonce,
                                                  std::string_view public_key_pem) {
  const ErrorQueueGuard guard;
  const Bio bio = open_pem(public_key_pem);
  if (bio == nullptr) return ProtocolError::kMalformed;
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, &no_passphrase, nullptr), &EVP_PKEY_free);
  if (!is_usable(key.get())) return ProtocolError::kMalformed;
  const auto block = static_cast<size_t>(EVP_PKEY_get_size(key.get()));
  if (password.size() + 1 > block - kOaepBytes) return ProtocolError::kPacketTooLarge;

  SecretBytes plain(password.size() + 1);
  std::copy(password.begin(), password.end(), plain.writable().begin());
  xor_with_nonce(plain.writable(), nonce);

  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr), &EVP_PKEY_CTX_free);
  std::vector<uint8_t> encrypted(block);
  size_t length = encrypted.size();
  if (context == nullptr || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_encrypt(context.get(), encrypted.data(), &length, plain.view().data(), plain.size()) != 1)
    return ProtocolError::kMalformed;
  encrypted.resize(length);
  return encrypted;
}

RsaKeyPair::RsaKeyPair(std::shared_ptr<void> key)
    : key_(std::move(key)), public_key_pem_(to_public_pem(as_key(key_))) {}

RsaKeyPair RsaKeyPair::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048});
  if (key == nullptr) throw std::runtime_error("OpenSSL cannot make an RSA key");
  return RsaKeyPair(share(key));
}

Result<RsaKeyPair> RsaKeyPair::from_private_key_pem(std::string_view pem) {
  const ErrorQueueGuard guard;
  const Bio bio = open_pem(pem);
  if (bio == nullptr) return ProtocolError::kMalformed;
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr), &EVP_PKEY_free);
  if (!is_usable(key.get())) return ProtocolError::kMalformed;
  return RsaKeyPair(share(key.release()));
}

std::optional<SecretBytes> RsaKeyPair::decrypt_password(Bytes encrypted, const Nonce& nonce) const {
  const ErrorQueueGuard guard;
  const auto block = static_cast<size_t>(EVP_PKEY_get_size(as_key(key_)));
  if (encrypted.size() != block) return std::nullopt;
  const KeyContext context(EVP_PKEY_CTX_new(as_key(key_), nullptr), &EVP_PKEY_CTX_free);
  SecretBytes plain(block);
  size_t length = block;
  if (context == nullptr || EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_decrypt(context.get(), plain.writable().data(), &length, encrypted.data(), encrypted.size()) !=
          1)
    return std::nullopt;
  const std::span<uint8_t> text = plain.writable().first(length);
  xor_with_nonce(text, nonce);
  // A C string: its only NUL is the last byte.
  if (text.empty() || std::find(text.begin(), text.end(), uint8_t{0}) != text.end() - 1) return std::nullopt;
  return SecretBytes(Bytes(text.first(length - 1)));
}

}  // namespace causeway::protocol
