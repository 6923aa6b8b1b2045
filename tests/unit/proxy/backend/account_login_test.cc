#include "proxy/backend/account_login.h"

#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

AccountLogin login_of_session() {
  AccountLogin login;
  login.key = std::make_shared<const PoolKey>(PoolKey{.user = "app",
                                                      .capabilities = protocol::capability::kFoundRows,
                                                      .collation = 8,
                                                      .credentials_version = 7,
                                                      .requires_tls = true,
                                                      .client_address = "192.0.2.1"});
  login.credentials =
      std::make_shared<const protocol::Credentials>(protocol::Credentials::from_password("secret"));
  return login;
}

TEST(AccountLogin, BesideASessionIsTheSameAccountWithoutItsWishes) {
  const AccountLogin session = login_of_session();
  const AccountLogin beside = login_beside(session);
  EXPECT_EQ(beside.key->user, "app");
  EXPECT_EQ(beside.key->capabilities, 0U);
  EXPECT_EQ(beside.key->collation, 45);
  EXPECT_TRUE(beside.key->requires_tls);
  EXPECT_EQ(beside.key->client_address, "192.0.2.1");
  EXPECT_EQ(beside.credentials, session.credentials);
}

TEST(AccountLogin, ThereIsNothingNewerThanTheConfiguration) {
  test::Harness harness;
  AccountLogin login = login_of_session();
  login.account = AccountName{.user = "app", .host = "%"};
  EXPECT_FALSE(renew(login, harness.services()));
  EXPECT_EQ(login.key->credentials_version, 7U);
}

}  // namespace
}  // namespace causeway::proxy
