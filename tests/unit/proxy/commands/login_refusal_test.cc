#include "proxy/commands/login_refusal.h"

#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace causeway::test {
namespace {

using proxy::Account;
using proxy::EndReason;
using proxy::LoginAccount;

constexpr uint8_t kUtf8mb4 = 45;
constexpr uint8_t kUcs2 = 35;

proxy::AccountStore::SnapshotPtr snapshot(std::vector<Account> accounts, bool available = true) {
  auto all = std::make_shared<proxy::AccountSnapshot>();
  all->available = available;
  all->table = proxy::AccountTable(std::move(accounts), proxy::ServerFlavor::kMysql);
  return all;
}

class LoginRefusal : public testing::Test {
 protected:
  explicit LoginRefusal(HarnessOptions options = {}) : harness_(std::move(options)) {}

  LoginAccount accounts(proxy::AccountStore::SnapshotPtr all) {
    return {harness_.shard().config().users, harness_.services().credentials, std::move(all)};
  }
  // For what the owner of this account is refused.
  std::optional<proxy::LoginRefusal> refuse(const Account& one) {
    LoginAccount login = accounts(snapshot({one}));
    login.look_up("app", "127.0.0.1");
    return proxy::refuse_owner(harness_.session(), login, "app", true);
  }
  static Account account() {
    return {.user = "app",
            .host = "%",
            .plugin = std::string(protocol::auth_plugin::kNativePassword),
            .auth_string = "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"};
  }

  Harness harness_;
  std::unique_ptr<ScriptedClient> client_ = harness_.connect();
};

class LoginRefusalWithTls : public LoginRefusal {
 protected:
  LoginRefusalWithTls()
      : LoginRefusal(
            {.configure = [](proxy::Config& config) { config.tls.mode = proxy::TlsMode::kRequired; }}) {}
};

TEST_F(LoginRefusal, WithoutAReasonThereIsNone) {
  const LoginAccount everyone = accounts(nullptr);
  EXPECT_FALSE(proxy::refuse_unseen(harness_.session(), everyone, "app", kUtf8mb4));
  EXPECT_FALSE(proxy::refuse_unasked(harness_.session(), everyone, "app"));
  EXPECT_FALSE(proxy::refuse_owner(harness_.session(), everyone, "app", true));
  EXPECT_FALSE(refuse(account()));
}

TEST_F(LoginRefusalWithTls, WithoutTlsIsSaidAndCounted) {
  const LoginAccount everyone = accounts(nullptr);
  const auto refusal = proxy::refuse_unseen(harness_.session(), everyone, "app", kUcs2);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, EndReason::kTlsMissing);
  EXPECT_EQ(refusal->error.code, 3159);
  EXPECT_TRUE(harness_.log_has("TLS is required"));
}

class LoginRefusalByListener : public LoginRefusal {
 protected:
  LoginRefusalByListener()
      : LoginRefusal({.configure = [](proxy::Config& config) {
          config.listeners.front().tls = proxy::TlsMode::kRequired;
        }}) {}
};

TEST_F(LoginRefusalByListener, WithoutTheTlsThatItRequires) {
  const auto refusal = proxy::refuse_unseen(harness_.session(), accounts(nullptr), "app", kUtf8mb4);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error.code, 3159);
}

class LoginRefusalNotByListener : public LoginRefusal {
 protected:
  LoginRefusalNotByListener()
      : LoginRefusal({.configure = [](proxy::Config& config) {
          config.tls.mode = proxy::TlsMode::kRequired;
          config.listeners.front().tls = proxy::TlsMode::kPreferred;
        }}) {}
};

TEST_F(LoginRefusalNotByListener, WhateverOthersRequire) {
  EXPECT_FALSE(proxy::refuse_unseen(harness_.session(), accounts(nullptr), "app", kUtf8mb4));
}

TEST_F(LoginRefusal, OfACharacterSetThatIsNoneForClients) {
  const LoginAccount everyone = accounts(nullptr);
  const auto refusal = proxy::refuse_unseen(harness_.session(), everyone, "app", kUcs2);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, EndReason::kLoginRefused);
  EXPECT_EQ(refusal->error.code, 1231);
}

TEST_F(LoginRefusal, WhereNobodyKnowsTheAccounts) {
  const LoginAccount nobody = accounts(snapshot({}, false));
  EXPECT_FALSE(proxy::refuse_unseen(harness_.session(), nobody, "app", kUtf8mb4));
  for (proxy::NodeView& node : harness_.view().nodes)
    node.reachable = false;
  harness_.publish();
  harness_.advance(std::chrono::milliseconds{60});
  const auto refusal = proxy::refuse_unseen(harness_.session(), nobody, "app", kUtf8mb4);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->error.code, 1053);
  // Who was read once is known.
  const LoginAccount known = accounts(snapshot({account()}));
  EXPECT_FALSE(proxy::refuse_unseen(harness_.session(), known, "app", kUtf8mb4));
}

TEST_F(LoginRefusal, OfAnAccountForTheServersOwnProcesses) {
  Account local = account();
  local.plugin = "auth_socket";
  LoginAccount login = accounts(snapshot({local}));
  login.look_up("app", "127.0.0.1");
  const auto refusal = proxy::refuse_unasked(harness_.session(), login, "app");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, EndReason::kAccountRefused);
  EXPECT_EQ(refusal->error.code, 1698);
}

TEST_F(LoginRefusal, OfWhatTheAccountMayNot) {
  Account locked = account();
  locked.locked = true;
  Account expired = account();
  expired.expired = true;
  Account encrypted = account();
  encrypted.required_tls = proxy::RequiredTls::kEncrypted;
  Account all = locked;
  all.expired = true;
  all.required_tls = proxy::RequiredTls::kCertificate;
  for (const auto& [one, code] : {std::pair(locked, 3118), std::pair(expired, 1862),
                                  std::pair(encrypted, 1045), std::pair(all, 3118)}) {
    const auto refusal = refuse(one);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason, EndReason::kAccountRefused);
    EXPECT_EQ(refusal->error.code, code);
  }
  EXPECT_TRUE(harness_.log_has("no TLS, or another certificate or cipher"));
}

}  // namespace
}  // namespace causeway::test
