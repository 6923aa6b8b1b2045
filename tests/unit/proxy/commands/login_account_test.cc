#include "proxy/commands/login_account.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

using protocol::AccountVerifier;
using protocol::Credentials;
using Kind = AccountVerifier::Kind;
namespace auth_plugin = protocol::auth_plugin;

constexpr const char* kNativeHash = "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7";  // "secret"
constexpr const char* kOtherHash = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19";   // "password"

std::string sha2_hash() {
  return std::string("$A$005$") + std::string(20, 's') + std::string(43, 'd');
}

Account account(std::string user, std::string_view plugin, std::string auth_string) {
  return {.user = std::move(user),
          .host = "%",
          .plugin = std::string(plugin),
          .auth_string = std::move(auth_string)};
}

AccountStore::SnapshotPtr snapshot(std::vector<Account> accounts, bool available = true) {
  auto all = std::make_shared<AccountSnapshot>();
  all->available = available;
  all->table = AccountTable(std::move(accounts), ServerFlavor::kMariadb);
  return all;
}

class LoginAccountTest : public testing::Test {
 protected:
  AccountVerifier look_up(const Account& one) {
    login_.replace_all(snapshot({one}));
    return login_.look_up(one.user, "10.0.0.1");
  }

  std::map<std::string, UserConfig> users_;
  CredentialCache known_;
  LoginAccount login_{users_, known_, nullptr};
};

TEST_F(LoginAccountTest, OfTheConfigurationIsProvedByItsPassword) {
  users_["app"].password = protocol::SecretBytes(std::string_view("secret"));
  users_["open"];
  const AccountVerifier app = login_.look_up("app", "10.0.0.1");
  EXPECT_EQ(app.kind, Kind::kCachingSha2);
  EXPECT_TRUE(app.sha256_double_hash.has_value());
  EXPECT_FALSE(app.empty_password);
  ASSERT_NE(login_.configured(), nullptr);
  EXPECT_EQ(login_.account(), nullptr);
  EXPECT_EQ(login_.keep({}, true)->clear_password.text(), "secret");
  EXPECT_TRUE(login_.look_up("open", "10.0.0.1").empty_password);
  EXPECT_EQ(login_.look_up("nobody", "10.0.0.1").kind, Kind::kUnknown);
  EXPECT_EQ(login_.configured(), nullptr);
}

TEST_F(LoginAccountTest, ThatNobodyCanTellOfIsLeftToAServer) {
  login_.replace_all(snapshot({}, false));
  const AccountVerifier verifier = login_.look_up("app", "10.0.0.1");
  EXPECT_EQ(verifier.kind, Kind::kCachingSha2);
  EXPECT_FALSE(verifier.stored_hash.has_value());
  EXPECT_FALSE(verifier.sha256_double_hash.has_value());
  EXPECT_FALSE(login_.requires_server_tls());
}

TEST_F(LoginAccountTest, IsProvedByItsPlugin) {
  const AccountVerifier native = look_up(account("app", auth_plugin::kNativePassword, kNativeHash));
  EXPECT_EQ(native.kind, Kind::kNative);
  EXPECT_TRUE(native.native_double_hash.has_value());
  const AccountVerifier sha2 = look_up(account("app", auth_plugin::kCachingSha2Password, sha2_hash()));
  EXPECT_EQ(sha2.kind, Kind::kCachingSha2);
  EXPECT_TRUE(sha2.stored_hash.has_value());
  const AccountVerifier key =
      look_up(account("app", kEd25519Account, "vubFBzIrapbfHct1/J72dnUryz5VS7lA6XHH8sIx4TI"));
  EXPECT_EQ(key.kind, Kind::kEd25519);
  EXPECT_TRUE(key.ed25519_key.has_value());
  EXPECT_EQ(look_up(account("app", "pam", "")).kind, Kind::kClearPassword);
  for (const std::string_view plugin :
       {auth_plugin::kNativePassword, auth_plugin::kCachingSha2Password, kEd25519Account})
    EXPECT_TRUE(look_up(account("app", plugin, "")).empty_password) << plugin;
}

TEST_F(LoginAccountTest, WithAHashThatIsNoneLetsNobodyIn) {
  EXPECT_EQ(look_up(account("app", auth_plugin::kNativePassword, "*nonsense")).kind, Kind::kUnknown);
  EXPECT_EQ(look_up(account("app", kEd25519Account, "nonsense")).kind, Kind::kUnknown);
  // Nobody here can tell: a server can.
  const AccountVerifier sha2 = look_up(account("app", auth_plugin::kCachingSha2Password, "nonsense"));
  EXPECT_EQ(sha2.kind, Kind::kCachingSha2);
  EXPECT_FALSE(sha2.stored_hash.has_value());
}

TEST_F(LoginAccountTest, ThatIsNotThereCostsTheTimeOfOneThatIs) {
  login_.replace_all(snapshot({account("other", auth_plugin::kNativePassword, kNativeHash),
                               account("broken", auth_plugin::kCachingSha2Password, "nonsense"),
                               account("app", auth_plugin::kCachingSha2Password, sha2_hash())}));
  const AccountVerifier unknown = login_.look_up("nobody", "10.0.0.1");
  EXPECT_EQ(unknown.kind, Kind::kUnknown);
  EXPECT_EQ(login_.account(), nullptr);
  EXPECT_TRUE(unknown.stored_hash.has_value());
  login_.replace_all(snapshot({account("other", auth_plugin::kNativePassword, kNativeHash)}));
  EXPECT_FALSE(login_.look_up("nobody", "10.0.0.1").stored_hash.has_value());
}

TEST_F(LoginAccountTest, WithASecondPasswordIsProvedByEither) {
  Account two = account("app", auth_plugin::kNativePassword, kNativeHash);
  two.alternatives = {{.plugin = std::string(auth_plugin::kNativePassword), .auth_string = kOtherHash},
                      {.plugin = std::string(auth_plugin::kNativePassword), .auth_string = "*nonsense"}};
  EXPECT_EQ(look_up(two).other_native_double_hashes.size(), 1U);
  const uint64_t first = login_.password_version();
  EXPECT_FALSE(login_.take_other_password(1));
  EXPECT_EQ(login_.password_version(), first);
  EXPECT_TRUE(login_.take_other_password(0));
  EXPECT_NE(login_.password_version(), first);
}

TEST_F(LoginAccountTest, OfSeveralPluginsHasFallbacks) {
  Account several = account("app", kEd25519Account, "vubFBzIrapbfHct1/J72dnUryz5VS7lA6XHH8sIx4TI");
  several.alternatives = {{.plugin = std::string(auth_plugin::kNativePassword), .auth_string = kNativeHash},
                          {.plugin = std::string(auth_plugin::kCachingSha2Password), .auth_string = ""},
                          {.plugin = "pam", .auth_string = ""}};
  const AccountVerifier verifier = look_up(several);
  EXPECT_EQ(verifier.kind, Kind::kNative);
  ASSERT_EQ(verifier.fallbacks.size(), 2U);
  EXPECT_EQ(verifier.fallbacks[0].kind, Kind::kEd25519);
  EXPECT_EQ(verifier.fallbacks[1].kind, Kind::kClearPassword);
  const uint64_t first = login_.password_version();
  EXPECT_FALSE(login_.requires_server_tls());
  EXPECT_FALSE(login_.take_fallback(2));
  EXPECT_EQ(login_.password_version(), first);
  EXPECT_TRUE(login_.take_fallback(0));
  EXPECT_NE(login_.password_version(), first);
  // That password goes over in clear.
  EXPECT_TRUE(login_.take_fallback(1));
  EXPECT_TRUE(login_.requires_server_tls());
}

TEST_F(LoginAccountTest, RemembersWhatALoginHasShown) {
  const Account one = account("app", auth_plugin::kCachingSha2Password, sha2_hash());
  look_up(one);
  EXPECT_EQ(login_.keep(Credentials::from_password("secret"), true)->clear_password.text(), "secret");
  const AccountVerifier again = look_up(one);
  EXPECT_TRUE(again.sha256_double_hash.has_value());
  // By the fast way the client shows but a hash; what it proves is the whole password.
  EXPECT_EQ(login_.keep({}, true)->clear_password.text(), "secret");
  // Another password was proved than the one that is remembered.
  look_up(one);
  EXPECT_TRUE(login_.keep({}, false)->clear_password.empty());
}

TEST_F(LoginAccountTest, IsForLocalProcessesByItsPlugin) {
  look_up(account("root", "auth_socket", ""));
  EXPECT_TRUE(login_.is_for_local_processes());
  look_up(account("app", auth_plugin::kNativePassword, kNativeHash));
  EXPECT_FALSE(login_.is_for_local_processes());
  login_.look_up("nobody", "10.0.0.1");
  EXPECT_FALSE(login_.is_for_local_processes());
}

TEST_F(LoginAccountTest, ThatRequiresTlsRequiresItOfServersToo) {
  Account one = account("app", auth_plugin::kNativePassword, kNativeHash);
  one.required_tls = RequiredTls::kEncrypted;
  look_up(one);
  EXPECT_TRUE(login_.requires_server_tls());
}

}  // namespace
}  // namespace causeway::proxy
