#include "protocol/secret.h"

#include <gtest/gtest.h>

#include <utility>

namespace causeway::protocol {
namespace {

TEST(SecretBytes, IsEmptyAfterAMove) {
  SecretBytes a(std::string_view("secret"));
  SecretBytes b(std::move(a));
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): what a move leaves is the point
  EXPECT_EQ(b.text(), "secret");
  a = std::move(b);
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(a.text(), "secret");
}

TEST(SecretBytes, ComparesContentsAndLengths) {
  const SecretBytes a(std::string_view("secret"));
  EXPECT_EQ(a, a.clone());
  EXPECT_FALSE(a == SecretBytes(std::string_view("secreT")));
  EXPECT_FALSE(a == SecretBytes(std::string_view("secre")));
  EXPECT_EQ(SecretBytes(), SecretBytes(std::string_view()));
}

TEST(SecretBytes, ResetLeavesNothing) {
  SecretBytes a(std::string_view("secret"));
  a.reset();
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(a.view().data(), nullptr);
}

TEST(Cleanse, ZeroesEveryByte) {
  uint8_t bytes[] = {1, 2, 3};
  cleanse(bytes);
  EXPECT_EQ(bytes[0] | bytes[1] | bytes[2], 0);
}

TEST(Credentials, OfAPasswordHaveEveryForm) {
  const Credentials some = Credentials::from_password("secret");
  EXPECT_FALSE(some.known_empty);
  EXPECT_EQ(some.clear_password.text(), "secret");
  EXPECT_EQ(some.sha1.size(), 20U);
  EXPECT_EQ(some.sha256.size(), 32U);
  EXPECT_EQ(some.clone().sha256, some.sha256);

  const Credentials none = Credentials::from_password("");
  EXPECT_TRUE(none.known_empty);
  EXPECT_TRUE(none.clear_password.empty() && none.sha1.empty() && none.sha256.empty());
}

}  // namespace
}  // namespace causeway::protocol
