#include "proxy/cluster/monitor_account.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

using protocol::SecretBytes;
using ReadResult = OrProblem<SecretBytes>;

SecretBytes secret(std::string_view text) {
  return SecretBytes(text);
}

TEST(MonitorAccount, ReadsItsPasswordAgain) {
  std::string file = "old";
  MonitorAccount account("m", secret("old"), [&]() -> ReadResult { return secret(file); });
  const auto before = account.credentials();
  EXPECT_FALSE(*account.read_again());
  EXPECT_EQ(account.credentials(), before);
  file = "new";
  EXPECT_TRUE(*account.read_again());
  EXPECT_EQ(account.credentials()->clear_password.text(), "new");
  EXPECT_EQ(before->clear_password.text(), "old") << "for whoever still uses it";
}

TEST(MonitorAccount, KeepsItsPasswordWhereTheFileCannotBeRead) {
  MonitorAccount account("m", secret("old"), []() -> ReadResult { return Problem{"gone"}; });
  EXPECT_EQ(account.read_again().error().text, "gone");
  EXPECT_EQ(account.credentials()->clear_password.text(), "old");
  MonitorAccount fixed("m", secret("old"));
  EXPECT_FALSE(*fixed.read_again());
}

TEST(MonitorAccount, TellsOnceThatItWasRefused) {
  MonitorAccount account("m", secret("old"));
  EXPECT_FALSE(account.was_refused());
  account.refused();
  EXPECT_TRUE(account.was_refused());
  EXPECT_FALSE(account.was_refused());
}

}  // namespace
}  // namespace causeway::proxy
