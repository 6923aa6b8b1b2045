#include <openssl/evp.h>
#include <sodium/core.h>
#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_hash_sha512.h>
#include <sodium/crypto_scalarmult_ed25519.h>

#include <algorithm>
#include <stdexcept>

#include "protocol/scramble.h"

namespace causeway::protocol {
namespace {

static_assert(crypto_core_ed25519_SCALARBYTES == 32 && crypto_core_ed25519_NONREDUCEDSCALARBYTES == 64);

using Scalar = std::array<uint8_t, 32>;

void enter_library() {
  static const int ready = sodium_init();
  if (ready < 0) throw std::runtime_error("libsodium cannot be used");
}

// SHA512 of the parts one after the other, into 64 bytes.
template <class... Parts>
void sha512(std::span<uint8_t> digest, const Parts&... parts) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  (crypto_hash_sha512_update(&state, parts.data(), parts.size()), ...);
  crypto_hash_sha512_final(&state, digest.data());
  cleanse({reinterpret_cast<uint8_t*>(&state), sizeof state});
}

// SHA512(password): the first half, clamped, is the secret scalar, the second the prefix of the nonces.
SecretBytes expand(Bytes password) {
  enter_library();
  SecretBytes expanded(size_t{64});
  const std::span<uint8_t> bytes = expanded.writable();
  sha512(bytes, password);
  bytes[0] &= 0xf8;
  bytes[31] = static_cast<uint8_t>((bytes[31] & 0x7f) | 0x40);
  return expanded;
}

// A digest as a number modulo the order of the group.
Scalar reduced(Bytes digest) {
  std::array<uint8_t, 64> wide{};
  std::ranges::copy(digest, wide.begin());
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), wide.data());
  cleanse(wide);
  return scalar;
}

}  // namespace

Ed25519PublicKey ed25519_public_key(Bytes password) {
  const SecretBytes expanded = expand(password);
  Ed25519PublicKey key{};
  crypto_scalarmult_ed25519_base_noclamp(key.data(), expanded.view().data());
  return key;
}

Result<Ed25519PublicKey> parse_ed25519_key(std::string_view stored) {
  // 43 characters of base64 are 32 bytes and 2 bits; OpenSSL wants the padding.
  if (stored.size() != 43) return ProtocolError::kMalformed;
  const std::string padded = std::string(stored) + "=";
  std::array<uint8_t, 33> bytes{};
  const int length = EVP_DecodeBlock(bytes.data(), as_bytes(padded).data(), static_cast<int>(padded.size()));
  if (length != static_cast<int>(bytes.size())) return ProtocolError::kMalformed;
  Ed25519PublicKey key;
  std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

// RFC 8032, 5.1.6.
Ed25519Signature ed25519_sign(Bytes password, Bytes nonce) {
  const SecretBytes expanded = expand(password);
  const Bytes secret = expanded.view().first(32);
  const Bytes prefix = expanded.view().last(32);
  std::array<uint8_t, 64> digest{};
  Ed25519PublicKey key{};
  crypto_scalarmult_ed25519_base_noclamp(key.data(), secret.data());

  sha512(digest, prefix, nonce);
  Scalar once = reduced(digest);
  Ed25519Signature signature{};
  crypto_scalarmult_ed25519_base_noclamp(signature.data(), once.data());
  const Bytes commitment = Bytes(signature).first(32);

  sha512(digest, commitment, key, nonce);
  const Scalar challenge = reduced(digest);
  Scalar scalar = reduced(secret);
  Scalar product;
  crypto_core_ed25519_scalar_mul(product.data(), challenge.data(), scalar.data());
  crypto_core_ed25519_scalar_add(signature.data() + 32, product.data(), once.data());
  for (const std::span<uint8_t> used : {std::span<uint8_t>(once), std::span<uint8_t>(scalar),
                                        std::span<uint8_t>(product), std::span<uint8_t>(digest)})
    cleanse(used);
  return signature;
}

}  // namespace causeway::protocol
