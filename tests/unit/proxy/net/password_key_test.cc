#include "proxy/net/password_key.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace causeway::proxy {
namespace {

class PasswordKeyFile : public testing::Test {
 protected:
  PasswordKeyFile() { std::filesystem::create_directory(folder_); }
  ~PasswordKeyFile() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string with(const std::string& name, const std::string& contents) {
    std::ofstream(path(name)) << contents;
    return path(name);
  }

  std::string with_key(const std::string& name, EVP_PKEY* made) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(made, &EVP_PKEY_free);
    std::FILE* out = std::fopen(path(name).c_str(), "w");
    PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
    return path(name);
  }
  static EVP_PKEY* rsa(size_t bits) { return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits); }

  static std::string problem_of(const std::string& file) {
    const auto key = make_password_key({.password_key = file});
    return key ? "no problem" : key.error().text;
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("causeway_password_key_test_" + std::to_string(getpid()));
};

TEST_F(PasswordKeyFile, IsTheSameEachTime) {
  const std::string file = with_key("key", rsa(2048));
  const auto one = make_password_key({.password_key = file});
  const auto two = make_password_key({.password_key = file});
  ASSERT_TRUE(one && two);
  EXPECT_EQ((*one)->public_key_pem(), (*two)->public_key_pem());
  EXPECT_TRUE((*one)->public_key_pem().starts_with("-----BEGIN PUBLIC KEY-----"));
}

TEST_F(PasswordKeyFile, WithoutOneAKeyIsMade) {
  const auto one = make_password_key({});
  const auto two = make_password_key({});
  ASSERT_TRUE(one && two);
  EXPECT_NE((*one)->public_key_pem(), (*two)->public_key_pem());
}

TEST_F(PasswordKeyFile, AProblemNamesTheFile) {
  const auto problem = [](const std::string& file, const std::string& reason) {
    return "tls.password_key: " + file + ": " + reason;
  };
  const std::string wrong = "is no private RSA key in PEM, without a pass phrase, of 1024 bits or more";
  EXPECT_EQ(problem_of(path("none")), problem(path("none"), "No such file or directory"));
  EXPECT_EQ(problem_of(with("garbage", "not PEM\n")), problem(path("garbage"), wrong));
  EXPECT_EQ(problem_of(with("empty", "")), problem(path("empty"), wrong));
  EXPECT_EQ(problem_of(with("long", std::string(1 << 20, 'x'))), problem(path("long"), wrong));
  EXPECT_EQ(problem_of(with_key("ec", EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"))),
            problem(path("ec"), wrong));
  EXPECT_EQ(problem_of(with_key("short", rsa(512))), problem(path("short"), wrong));
  const std::string folder = std::filesystem::temp_directory_path().string();
  EXPECT_EQ(problem_of(folder), problem(folder, "Is a directory"));
}

}  // namespace
}  // namespace causeway::proxy
