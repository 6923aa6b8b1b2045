#include "protocol/scramble.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>

namespace causeway::protocol {
namespace {

// SHA1 or SHA256 over parts one after the other, into memory of the digest's size.
void digest_parts(const EVP_MD* type, std::initializer_list<Bytes> parts, uint8_t* out) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool ok = context != nullptr && EVP_DigestInit_ex(context.get(), type, nullptr) == 1;
  for (const Bytes part : parts)
    ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  if (!ok || EVP_DigestFinal_ex(context.get(), out, nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot compute a digest");
}

template <size_t size>
void xor_into(std::span<uint8_t> target, const std::array<uint8_t, size>& other) {
  for (size_t i = 0; i < target.size(); ++i)
    target[i] ^= other[i % size];
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Nonce make_nonce() {
  Nonce nonce;
  if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1)
    throw std::runtime_error("OpenSSL has no random bytes");
  // As the servers do it: seven bits, and the two forbidden values moved up by one.
  for (uint8_t& byte : nonce) {
    byte &= 0x7f;
    if (byte == 0 || byte == '$') ++byte;
  }
  return nonce;
}

Sha1Digest sha1_digest(Bytes bytes) {
  Sha1Digest digest;
  digest_parts(EVP_sha1(), {bytes}, digest.data());
  return digest;
}

Sha256Digest sha256_digest(Bytes bytes) {
  Sha256Digest digest;
  digest_parts(EVP_sha256(), {bytes}, digest.data());
  return digest;
}

SecretBytes sha1_secret(Bytes password) {
  SecretBytes digest(Sha1Digest{}.size());
  digest_parts(EVP_sha1(), {password}, digest.writable().data());
  return digest;
}

SecretBytes sha256_secret(Bytes password) {
  SecretBytes digest(Sha256Digest{}.size());
  digest_parts(EVP_sha256(), {password}, digest.writable().data());
  return digest;
}

Sha1Digest native_scramble(const Nonce& nonce, Bytes sha1_of_password) {
  const Sha1Digest double_hash = sha1_digest(sha1_of_password);
  Sha1Digest scramble;
  digest_parts(EVP_sha1(), {nonce, double_hash}, scramble.data());
  for (size_t i = 0; i < scramble.size(); ++i)
    scramble[i] ^= sha1_of_password[i];
  return scramble;
}

std::optional<SecretBytes> check_native_scramble(const Nonce& nonce, Bytes scramble,
                                                 const Sha1Digest& double_hash) {
  if (scramble.size() != double_hash.size()) return std::nullopt;
  Sha1Digest mask;
  digest_parts(EVP_sha1(), {nonce, double_hash}, mask.data());
  SecretBytes candidate(scramble);
  xor_into(candidate.writable(), mask);
  if (!equal_in_constant_time(sha1_digest(candidate.view()), double_hash)) return std::nullopt;
  return candidate;
}

Result<Sha1Digest> parse_native_hash(std::string_view stored) {
  Sha1Digest hash;
  if (stored.size() != 1 + 2 * hash.size() || stored[0] != '*') return ProtocolError::kMalformed;
  for (size_t i = 0; i < hash.size(); ++i) {
    const int high = hex_digit(stored[1 + 2 * i]);
    const int low = hex_digit(stored[2 + 2 * i]);
    if (high < 0 || low < 0) return ProtocolError::kMalformed;
    hash[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return hash;
}

Sha256Digest caching_sha2_scramble(const Nonce& nonce, Bytes sha256_of_password) {
  const Sha256Digest double_hash = sha256_digest(sha256_of_password);
  Sha256Digest scramble;
  digest_parts(EVP_sha256(), {double_hash, nonce}, scramble.data());
  for (size_t i = 0; i < scramble.size(); ++i)
    scramble[i] ^= sha256_of_password[i];
  return scramble;
}

std::optional<SecretBytes> check_caching_sha2_scramble(const Nonce& nonce, Bytes scramble,
                                                       const Sha256Digest& double_hash) {
  if (scramble.size() != double_hash.size()) return std::nullopt;
  Sha256Digest mask;
  digest_parts(EVP_sha256(), {double_hash, nonce}, mask.data());
  SecretBytes candidate(scramble);
  xor_into(candidate.writable(), mask);
  if (!equal_in_constant_time(sha256_digest(candidate.view()), double_hash)) return std::nullopt;
  return candidate;
}

}  // namespace causeway::protocol
