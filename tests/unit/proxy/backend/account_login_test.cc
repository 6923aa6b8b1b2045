#include "proxy/backend/account_login.h"

#include <gtest/gtest.h>

#include "proxy/accounts/auth_methods.h"
#include "tests/support/database_accounts.h"
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

// Accounts that are read from a database, of which one's password is changed.
class RenewedLogin : public testing::Test {
 protected:
  static constexpr std::string_view kOld = "old verifier";
  static constexpr std::string_view kNew = "new verifier";

  static uint64_t version(std::string_view verifier) {
    return version_of({.plugin = "caching_sha2_password", .auth_string = std::string(verifier)});
  }
  static AccountLogin login_of(std::string_view verifier) {
    AccountLogin login = login_of_session();
    PoolKey key = *login.key;
    key.credentials_version = version(verifier);
    login.key = std::make_shared<const PoolKey>(std::move(key));
    login.account = AccountName{.user = "app", .host = "%"};
    return login;
  }
  static std::vector<test::StoredAccount> accounts(std::string_view verifier) {
    return {{"app", "caching_sha2_password", std::string(verifier)}};
  }

  RenewedLogin() { harness_.services().accounts = &accounts_.store(); }

  test::DatabaseAccounts accounts_{accounts(kOld)};
  test::Harness harness_;
};

TEST_F(RenewedLogin, AsLongAsThePasswordIsTheSameThereIsNothingNewer) {
  AccountLogin login = login_of(kOld);
  EXPECT_FALSE(renew(login, harness_.services()));
}

TEST_F(RenewedLogin, ANewPasswordIsOfUseOnceSomebodyHasLoggedInWithIt) {
  AccountLogin login = login_of(kOld);
  const auto before = login.credentials;
  accounts_.change(accounts(kNew));
  EXPECT_FALSE(renew(login, harness_.services()));
  harness_.services().credentials.put("app", "%", kNew, protocol::Credentials::from_password("changed"));
  EXPECT_TRUE(renew(login, harness_.services()));
  EXPECT_NE(login.credentials, before);
  EXPECT_EQ(login.credentials->clear_password.text(), "changed");
  EXPECT_EQ(login.key->credentials_version, version(kNew));
  EXPECT_EQ(login.key->user, "app");
  EXPECT_TRUE(login.key->requires_tls);
  EXPECT_FALSE(renew(login, harness_.services())) << "it is the newest now";
}

TEST_F(RenewedLogin, AnAccountThatIsGoneHasNothingNewer) {
  AccountLogin login = login_of(kOld);
  accounts_.change({{"somebody", "caching_sha2_password", std::string(kNew)}});
  EXPECT_FALSE(renew(login, harness_.services()));
}

TEST_F(RenewedLogin, ASessionWithoutAnAccountHasNothingNewer) {
  AccountLogin login = login_of(kOld);
  login.account.reset();
  accounts_.change(accounts(kNew));
  harness_.services().credentials.put("app", "%", kNew, protocol::Credentials::from_password("changed"));
  EXPECT_FALSE(renew(login, harness_.services()));
}

}  // namespace
}  // namespace causeway::proxy
