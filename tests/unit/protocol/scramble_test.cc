#include "protocol/scramble.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "phase_packets.h"

namespace causeway::protocol {
namespace {

using test::from_hex;

Nonce nonce_of(std::string_view text) {
  Nonce nonce{};
  std::copy_n(text.begin(), nonce.size(), nonce.begin());
  return nonce;
}

const Nonce kNonce = nonce_of("0123456789abcdefghij");

template <size_t size>
Buffer buffer_of(const std::array<uint8_t, size>& bytes) {
  return Buffer(bytes.begin(), bytes.end());
}

TEST(MakeNonce, HasNoByteThatTheWireFormsForbid) {
  for (int i = 0; i < 200; ++i) {
    for (const uint8_t byte : make_nonce()) {
      EXPECT_NE(byte, 0);
      EXPECT_NE(byte, '$');
      EXPECT_LT(byte, 0x80);
    }
  }
  EXPECT_NE(make_nonce(), make_nonce());
}

// Expected bytes: PyMySQL's scramble functions.
TEST(NativeScramble, IsThatOfASecondImplementation) {
  EXPECT_EQ(buffer_of(native_scramble(kNonce, sha1_secret(as_bytes("secret")).view())),
            from_hex("f5cac3f3b3df2133feb57db682c71e6ed433a988"));
}

TEST(CachingSha2Scramble, IsThatOfASecondImplementation) {
  EXPECT_EQ(buffer_of(caching_sha2_scramble(kNonce, sha256_secret(as_bytes("secret")).view())),
            from_hex("7e4adda2f2d5ef09b4147518becb0cee2939376203650a8c2bb2815959364bd0"));
}

TEST(NativeScramble, CheckRecoversTheHashOfTheRightPasswordOnly) {
  // As MariaDB 10.11 stores it for 'secret'.
  const Result<Sha1Digest> stored = parse_native_hash("*14E65567ABDB5135D0CFD9A70B3032C179A49EE7");
  ASSERT_TRUE(stored);
  const SecretBytes right = sha1_secret(as_bytes("secret"));
  const auto recovered = check_native_scramble(kNonce, native_scramble(kNonce, right.view()), *stored);
  ASSERT_TRUE(recovered);
  EXPECT_EQ(*recovered, right);

  const Sha1Digest wrong = native_scramble(kNonce, sha1_secret(as_bytes("Secret")).view());
  EXPECT_FALSE(check_native_scramble(kNonce, wrong, *stored));
  EXPECT_FALSE(check_native_scramble(make_nonce(), native_scramble(kNonce, right.view()), *stored));
  EXPECT_FALSE(check_native_scramble(kNonce, Bytes(wrong).first(19), *stored));
  EXPECT_FALSE(check_native_scramble(kNonce, {}, *stored));
}

TEST(CachingSha2Scramble, CheckRecoversTheHashOfTheRightPasswordOnly) {
  const SecretBytes right = sha256_secret(as_bytes("secret"));
  const Sha256Digest double_hash = sha256_digest(right.view());
  const auto recovered =
      check_caching_sha2_scramble(kNonce, caching_sha2_scramble(kNonce, right.view()), double_hash);
  ASSERT_TRUE(recovered);
  EXPECT_EQ(*recovered, right);

  const Sha256Digest wrong = caching_sha2_scramble(kNonce, sha256_secret(as_bytes("Secret")).view());
  EXPECT_FALSE(check_caching_sha2_scramble(kNonce, wrong, double_hash));
  EXPECT_FALSE(check_caching_sha2_scramble(kNonce, Bytes(wrong).first(31), double_hash));
}

TEST(ParseNativeHash, RefusesOtherForms) {
  for (const std::string_view text :
       {"", "*", "14E65567ABDB5135D0CFD9A70B3032C179A49EE7", "*14E65567ABDB5135D0CFD9A70B3032C179A49EE",
        "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7A", "*14E65567ABDB5135D0CFD9A70B3032C179A49EEG", "invalid"})
    EXPECT_FALSE(parse_native_hash(text)) << text;
}

// The vectors of the SHA-crypt specification that keep to 16 bytes of salt, and glibc's crypt() for other
// lengths.
TEST(Sha256Crypt, IsThatOfTheSpecification) {
  const struct {
    std::string_view password, salt;
    uint32_t rounds;
    std::string_view hash;
  } rows[] = {
      {"Hello world!", "saltstring", 5000, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
      {"Hello world!", "saltstringsaltst", 10000, "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
      {"This is just a test", "toolongsaltstrin", 5000, "Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5"},
      {"a very much longer text to encrypt.  This one even stretches over morethan one line.",
       "anotherlongsalts", 1400, "Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1"},
      {"", "abc", 1000, "sP9FmVrTEqPcRDE7OxGDY0efugGF1dtCtqYcUsX9wmD"},
      {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "abcd", 1001, "ExmdSR.kNRO7hMDFd4CJ/UueYhgtKyA/rDJ9GZ/xo84"},
      {"pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp", "q", 1001,
       "qwvIdiv0aIK4lllmWf1jY8z01UR4DXOKCYY2Z1uddVB"},
  };
  for (const auto& row : rows) {
    const auto hash = sha256_crypt(as_bytes(row.password), as_bytes(row.salt), row.rounds);
    EXPECT_EQ(std::string_view(hash.data(), hash.size()), row.hash) << row.password;
  }
}

// Stored by MySQL 9.7 for 'secret'; the salt holds control characters, the rounds are 10000 ("00A").
std::string stored_by_mysql() {
  const Buffer bytes = from_hex(
      "244124303041240E3B0F5F530A555D734F5A261655177854367141354C2E5931627757514B4F6842302E714A4D4A644D694454"
      "5A5845587759694E477330"
      "316D2E55486F612E");
  return {bytes.begin(), bytes.end()};
}

TEST(CachingSha2Hash, OfARealServerIsVerified) {
  const Result<CachingSha2Hash> stored = parse_caching_sha2_hash(stored_by_mysql());
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->rounds, 10000U);
  EXPECT_TRUE(check_caching_sha2_password(as_bytes("secret"), *stored));
  EXPECT_FALSE(check_caching_sha2_password(as_bytes("secreT"), *stored));
  EXPECT_FALSE(check_caching_sha2_password({}, *stored));
}

TEST(CachingSha2Hash, WorkIsBoundedForHugePasswords) {
  const Result<CachingSha2Hash> stored = parse_caching_sha2_hash(stored_by_mysql());
  ASSERT_TRUE(stored);
  EXPECT_FALSE(check_caching_sha2_password(Buffer(60000, 'x'), *stored));
}

TEST(CachingSha2Hash, RefusesOtherForms) {
  const std::string good = stored_by_mysql();
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(parse_caching_sha2_hash(good.substr(0, length))) << length;
  EXPECT_FALSE(parse_caching_sha2_hash(good + "x"));
  for (const auto& [at, c] : {std::pair{1, 'B'}, {3, 'G'}, {5, '1' - 8}, {6, '.'}}) {
    std::string bad = good;
    bad[static_cast<size_t>(at)] = static_cast<char>(c);
    EXPECT_FALSE(parse_caching_sha2_hash(bad)) << at;
  }
  std::string too_few_rounds = good;
  too_few_rounds[5] = '4';
  EXPECT_FALSE(parse_caching_sha2_hash(too_few_rounds));
}

const RsaKeyPair& key_pair() {
  static const RsaKeyPair pair = RsaKeyPair::generate();
  return pair;
}

TEST(Rsa, DecryptsWhatWasEncrypted) {
  for (const std::string& password :
       {std::string(), std::string("secret"), std::string(kMaxRsaPasswordBytes, 'p')}) {
    const auto encrypted = rsa_encrypt_password(as_bytes(password), kNonce, key_pair().public_key_pem());
    ASSERT_TRUE(encrypted);
    EXPECT_EQ(encrypted->size(), 256U);
    const auto decrypted = key_pair().decrypt_password(*encrypted, kNonce);
    ASSERT_TRUE(decrypted);
    EXPECT_EQ(decrypted->text(), password);
  }
}

TEST(Rsa, RefusesWhatIsNoPassword) {
  const std::string_view pem = key_pair().public_key_pem();
  const auto encrypted = rsa_encrypt_password(as_bytes("secret"), kNonce, pem);
  ASSERT_TRUE(encrypted);
  EXPECT_FALSE(key_pair().decrypt_password(*encrypted, nonce_of("another nonce, other")));
  EXPECT_FALSE(key_pair().decrypt_password(Bytes(*encrypted).first(255), kNonce));
  EXPECT_FALSE(key_pair().decrypt_password({}, kNonce));
  EXPECT_FALSE(key_pair().decrypt_password(Buffer(256, 'x'), kNonce));
  EXPECT_EQ(rsa_encrypt_password(Buffer(kMaxRsaPasswordBytes + 1, 'p'), kNonce, pem).error(),
            ProtocolError::kPacketTooLarge);
  EXPECT_EQ(rsa_encrypt_password(as_bytes("secret"), kNonce, "no key").error(), ProtocolError::kMalformed);
  for (size_t length = 0; length + 26 < pem.size(); length += 7)
    EXPECT_FALSE(rsa_encrypt_password(as_bytes("secret"), kNonce, pem.substr(0, length))) << length;
}

TEST(Rsa, PrivateKeyMustBeAPem) {
  EXPECT_EQ(RsaKeyPair::from_private_key_pem("").error(), ProtocolError::kMalformed);
  EXPECT_EQ(RsaKeyPair::from_private_key_pem(key_pair().public_key_pem()).error(), ProtocolError::kMalformed);
}

// As MariaDB 10.11 stores it for 'secret'.
constexpr std::string_view kEd25519OfSecret = "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY";

TEST(Ed25519, PublicKeyIsWhatTheServerStores) {
  const auto stored = parse_ed25519_key(kEd25519OfSecret);
  ASSERT_TRUE(stored);
  EXPECT_EQ(ed25519_public_key(as_bytes("secret")), *stored);
  EXPECT_NE(ed25519_public_key(as_bytes("Secret")), *stored);
  for (const std::string_view bad : {"", "ZIgU", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJ*",
                                     "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJYA"})
    EXPECT_FALSE(parse_ed25519_key(bad)) << bad;
}

// OpenSSL takes no password, but it verifies.
TEST(Ed25519, SignatureIsVerifiedByASecondImplementation) {
  for (const std::string_view password : {"secret", "x", "", "0123456789abcdef0123456789abcdef0123456789"}) {
    const Ed25519PublicKey key = ed25519_public_key(as_bytes(password));
    Buffer nonce(32);
    for (uint8_t fill = 0; fill < 8; ++fill) {
      std::fill(nonce.begin(), nonce.end(), fill);
      const Ed25519Signature signature = ed25519_sign(as_bytes(password), nonce);
      const auto verify = [&](Bytes message) {
        const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
            EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()), EVP_PKEY_free);
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                              EVP_MD_CTX_free);
        EXPECT_EQ(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()), 1);
        return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                                message.size()) == 1;
      };
      EXPECT_TRUE(verify(nonce)) << password;
      nonce[5] ^= 1;
      EXPECT_FALSE(verify(nonce)) << password;
    }
  }
}

}  // namespace
}  // namespace causeway::protocol
