// The stored form of caching_sha2_password: SHA-crypt with SHA-256 and a salt of 20 bytes.
// https://www.akkadia.org/drepper/SHA-crypt.txt (the numbered steps below are its own)

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

#include "protocol/scramble.h"

namespace causeway::protocol {
namespace {

constexpr size_t kDigestBytes = 32;

// The servers refuse longer ones, and the work grows with the square of the length.
constexpr size_t kMaxPasswordBytes = 256;

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (context_ == nullptr || type() == nullptr) throw std::runtime_error("OpenSSL has no SHA-256");
    restart();
  }

  void add(Bytes bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }

  // The digest of what was added; starts anew.
  void finish(std::span<uint8_t> out) {
    check(EVP_DigestFinal_ex(context_.get(), out.data(), nullptr));
    restart();
  }

 private:
  // Fetched once: an implicit fetch costs more than hashing one block.
  static const EVP_MD* type() {
    static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> fetched(
        EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free);
    return fetched.get();
  }
  static void check(int result) {
    if (result != 1) throw std::runtime_error("OpenSSL cannot compute a digest");
  }
  void restart() { check(EVP_DigestInit_ex(context_.get(), type(), nullptr)); }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// The digest repeated up to a length.
SecretBytes stretch(Bytes digest, size_t length) {
  SecretBytes out(length);
  for (size_t i = 0; i < length; ++i)
    out.writable()[i] = digest[i % kDigestBytes];
  return out;
}

std::array<char, 43> encode(Bytes digest) {
  static constexpr std::string_view kAlphabet =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::array<char, 43> out{};
  size_t written = 0;
  const auto put = [&](uint32_t bits, int characters) {
    for (; characters > 0; --characters, bits >>= 6)
      out[written++] = kAlphabet[bits & 0x3f];
  };
  // Groups of three bytes, ten apart; each group starts where the last one's second byte was, plus one round.
  size_t a = 0;
  size_t b = 10;
  size_t c = 20;
  for (int group = 0; group < 10; ++group) {
    put(uint32_t{digest[a]} << 16 | uint32_t{digest[b]} << 8 | digest[c], 4);
    const size_t next_a = c + 1;
    c = b + 1;
    b = a + 1;
    a = next_a;
  }
  put(uint32_t{digest[31]} << 8 | digest[30], 3);
  return out;
}

}  // namespace

std::array<char, 43> sha256_crypt(Bytes password, Bytes salt, uint32_t rounds) {
  Sha256 hash;
  SecretBytes digest(kDigestBytes);

  // Steps 4-8: digest B.
  SecretBytes digest_b(kDigestBytes);
  hash.add(password);
  hash.add(salt);
  hash.add(password);
  hash.finish(digest_b.writable());

  // Steps 1-3, 9-12: digest A.
  hash.add(password);
  hash.add(salt);
  hash.add(stretch(digest_b.view(), password.size()).view());
  for (size_t length = password.size(); length > 0; length >>= 1)
    hash.add((length & 1) != 0 ? digest_b.view() : password);
  hash.finish(digest.writable());

  // Steps 13-16: sequence P.
  SecretBytes scratch(kDigestBytes);
  for (size_t i = 0; i < password.size(); ++i)
    hash.add(password);
  hash.finish(scratch.writable());
  const SecretBytes p = stretch(scratch.view(), password.size());

  // Steps 17-20: sequence S.
  for (size_t i = 0; i < size_t{16} + digest.view()[0]; ++i)
    hash.add(salt);
  hash.finish(scratch.writable());
  const SecretBytes s = stretch(scratch.view(), salt.size());

  // Step 21.
  for (uint32_t round = 0; round < rounds; ++round) {
    const bool odd = (round & 1) != 0;
    hash.add(odd ? p.view() : digest.view());
    if (round % 3 != 0) hash.add(s.view());
    if (round % 7 != 0) hash.add(p.view());
    hash.add(odd ? digest.view() : p.view());
    hash.finish(digest.writable());
  }
  return encode(digest.view());
}

Result<CachingSha2Hash> parse_caching_sha2_hash(std::string_view stored) {
  CachingSha2Hash out;
  constexpr std::string_view kPrefix = "$A$";
  if (stored.size() != kPrefix.size() + 3 + 1 + out.salt.size() + out.hash.size() ||
      !stored.starts_with(kPrefix) || stored[6] != '$')
    return ProtocolError::kMalformed;
  uint32_t thousands = 0;
  for (const char c : stored.substr(kPrefix.size(), 3)) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && !(c >= 'A' && c <= 'F') && !(c >= 'a' && c <= 'f')) return ProtocolError::kMalformed;
    thousands = thousands * 16 + static_cast<uint32_t>(decimal ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  if (thousands < 5) return ProtocolError::kMalformed;
  out.rounds = thousands * 1000;
  stored.remove_prefix(kPrefix.size() + 4);
  std::copy_n(as_bytes(stored).begin(), out.salt.size(), out.salt.begin());
  std::copy_n(stored.begin() + out.salt.size(), out.hash.size(), out.hash.begin());
  return out;
}

bool check_caching_sha2_password(Bytes password, const CachingSha2Hash& stored) {
  if (password.size() > kMaxPasswordBytes) return false;
  const std::array<char, 43> computed = sha256_crypt(password, stored.salt, stored.rounds);
  return equal_in_constant_time(as_bytes({computed.data(), computed.size()}),
                                as_bytes({stored.hash.data(), stored.hash.size()}));
}

}  // namespace causeway::protocol
