// The arithmetic of the password plugins; no messages.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_native_password_authentication.html
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/byte_reader.h"
#include "protocol/protocol_error.h"
#include "protocol/secret.h"

namespace causeway::protocol {

namespace auth_plugin {
inline constexpr std::string_view kNativePassword = "mysql_native_password";
inline constexpr std::string_view kCachingSha2Password = "caching_sha2_password";
inline constexpr std::string_view kClearPassword = "mysql_clear_password";
inline constexpr std::string_view kOldPassword = "mysql_old_password";
inline constexpr std::string_view kEd25519 = "client_ed25519";  // accounts have it as "ed25519"
}  // namespace auth_plugin

// What the server gives the client to scramble the password with. On the wire a NUL follows it.
using Nonce = std::array<uint8_t, 20>;
using Sha1Digest = std::array<uint8_t, 20>;
using Sha256Digest = std::array<uint8_t, 32>;

// 20 random bytes of 1..127 without '$', as the servers make them. Throws std::runtime_error if the system's
// random source fails.
Nonce make_nonce();

// Plain digests; the secret ones return SecretBytes.
Sha1Digest sha1_digest(Bytes bytes);
Sha256Digest sha256_digest(Bytes bytes);
SecretBytes sha1_secret(Bytes password);
SecretBytes sha256_secret(Bytes password);

// --- mysql_native_password ---

// SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))): the client's answer, from SHA1(password) of 20
// bytes.
Sha1Digest native_scramble(const Nonce& nonce, Bytes sha1_of_password);

// The server's check of such an answer against SHA1(SHA1(password)). Gives SHA1(password), with which one can
// log in as the account, or nothing if the password is wrong or the answer is not 20 bytes long.
std::optional<SecretBytes> check_native_scramble(const Nonce& nonce, Bytes scramble,
                                                 const Sha1Digest& double_hash);

// SHA1(SHA1(password)) from the stored form '*' + 40 hexadecimal digits; kMalformed for anything else (the
// empty string too: it means "no password").
Result<Sha1Digest> parse_native_hash(std::string_view stored);

// --- caching_sha2_password ---

// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce): the client's answer of the fast path, from
// SHA256(password) of 32 bytes.
Sha256Digest caching_sha2_scramble(const Nonce& nonce, Bytes sha256_of_password);

// The server's check of such an answer against SHA256(SHA256(password)). Gives SHA256(password), or nothing
// if the password is wrong or the answer is not 32 bytes long.
std::optional<SecretBytes> check_caching_sha2_scramble(const Nonce& nonce, Bytes scramble,
                                                       const Sha256Digest& double_hash);

// The stored form '$A$' + rounds in thousands as 3 hexadecimal digits + '$' + 20 bytes of salt + 43
// characters of hash. The salt is bytes, not text, as the account table keeps it.
struct CachingSha2Hash {
  uint32_t rounds = 0;  // 5000..4095000
  std::array<uint8_t, 20> salt{};
  std::array<char, 43> hash{};

  friend bool operator==(const CachingSha2Hash&, const CachingSha2Hash&) = default;
};

// kMalformed for anything but that form.
Result<CachingSha2Hash> parse_caching_sha2_hash(std::string_view stored);

// Whether this is the clear password behind the stored form. Costs the rounds (some milliseconds for 5000).
bool check_caching_sha2_password(Bytes password, const CachingSha2Hash& stored);

// SHA-crypt with SHA-256 (https://www.akkadia.org/drepper/SHA-crypt.txt): the 43 characters of its hash. The
// salt is taken whole (SHA-crypt itself stops at 16 bytes, MySQL uses 20); rounds as given.
std::array<char, 43> sha256_crypt(Bytes password, Bytes salt, uint32_t rounds);

// --- MariaDB's ed25519 ---
// https://mariadb.com/kb/en/authentication-plugin-ed25519/
// Ed25519 as in RFC 8032, but that the secret scalar and the prefix come from SHA512(password) instead of
// SHA512(32 bytes of seed). So signatures are verified as usual.

using Ed25519PublicKey = std::array<uint8_t, 32>;
using Ed25519Signature = std::array<uint8_t, 64>;
inline constexpr size_t kEd25519NonceBytes = 32;

// The public key of a password: what the server stores.
Ed25519PublicKey ed25519_public_key(Bytes password);

// The public key from the stored form, 43 characters of base64; kMalformed for anything else.
Result<Ed25519PublicKey> parse_ed25519_key(std::string_view stored);

// The client's answer to the server's nonce: its signature.
Ed25519Signature ed25519_sign(Bytes password, Bytes nonce);

// --- RSA, for passwords over a transport that is not secure ---

// A password longer than this cannot be sent with a key of 2048 bits: OAEP takes 42 of its 256 bytes, and a
// NUL goes along.
inline constexpr size_t kMaxRsaPasswordBytes = 213;

// (password + NUL) XOR nonce, encrypted with OAEP (SHA-1). kMalformed for a key that is no RSA public key of
// 1024 to 16384 bits in PEM, kPacketTooLarge for a password too long for the key.
Result<std::vector<uint8_t>> rsa_encrypt_password(Bytes password, const Nonce& nonce,
                                                  std::string_view public_key_pem);

// A key pair that the proxy shows to its clients. Immutable: may be used from several threads at once.
class RsaKeyPair {
 public:
  // A new one of 2048 bits. Takes tens to hundreds of milliseconds: for start-up. Throws std::runtime_error
  // if OpenSSL cannot.
  static RsaKeyPair generate();

  // From the PEM of a private key; kMalformed if it is none.
  static Result<RsaKeyPair> from_private_key_pem(std::string_view pem);

  const std::string& public_key_pem() const { return public_key_pem_; }

  // The password, without its NUL, out of what rsa_encrypt_password() made; nothing if it is anything else.
  std::optional<SecretBytes> decrypt_password(Bytes encrypted, const Nonce& nonce) const;

 private:
  explicit RsaKeyPair(std::shared_ptr<void> key);

  std::shared_ptr<void> key_;  // EVP_PKEY, freed by its deleter
  std::string public_key_pem_;
};

}  // namespace causeway::protocol
