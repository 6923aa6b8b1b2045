#include "proxy/commands/password_check.h"

#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace causeway::test {
namespace {

// Accounts that nobody can read: servers are asked.
class PasswordCheck : public testing::Test {
 protected:
  explicit PasswordCheck(HarnessOptions options = {.rsa_key = true}) : harness_(std::move(options)) {
    harness_.services().accounts = &accounts_;
  }
  ~PasswordCheck() override {
    for (const auto& client : clients_)
      client->quit();
    EXPECT_EQ(harness_.settle_books(), "");
  }

  std::string log_in(std::string_view password) {
    clients_.push_back(harness_.connect());
    return clients_.back()->log_in("app", password).text();
  }
  size_t asked(size_t node) { return harness_.server(node).connections_opened(); }
  void lose_writer() {
    harness_.view().writer = -1;
    harness_.view().nodes[0].reachable = false;
    harness_.publish();
    harness_.advance(std::chrono::milliseconds{60});
  }

  Harness harness_;
  proxy::AccountStore accounts_{{}, {}, harness_.services().cluster, harness_.services().logger};
  std::vector<std::unique_ptr<ScriptedClient>> clients_;
};

TEST_F(PasswordCheck, ByTheWriterIsEnough) {
  EXPECT_EQ(log_in("secret"), "OK");
  EXPECT_EQ(asked(0), 1U);
  EXPECT_EQ(asked(1), 0U);
  EXPECT_EQ(harness_.writer().connections_open(), 0U);
}

TEST_F(PasswordCheck, ByTheWriterIsFinal) {
  EXPECT_TRUE(log_in("wrong").starts_with("1045 "));
  EXPECT_EQ(asked(1), 0U);
  EXPECT_EQ(harness_.metrics().clients.auth_failures.value(), 1U);
}

TEST_F(PasswordCheck, OfNoPasswordAsksNobody) {
  EXPECT_TRUE(log_in("").starts_with("1045 "));
  EXPECT_EQ(asked(0) + asked(1), 0U);
}

TEST_F(PasswordCheck, ByAReplicaCountsWhereThereIsNoWriter) {
  lose_writer();
  EXPECT_EQ(log_in("secret"), "OK");
  EXPECT_TRUE(log_in("wrong").starts_with("1045 "));
  EXPECT_EQ(asked(0), 0U);
}

TEST_F(PasswordCheck, OfAReplicaThatIsBehindIsNotFinal) {
  harness_.replica().passwords["app"] = "former";
  harness_.writer().accepts = false;
  EXPECT_TRUE(log_in("secret").starts_with("1053 ")) << clients_.back()->transcript().back();
  EXPECT_EQ(asked(1), 1U);
  // What it has is right there.
  EXPECT_EQ(log_in("former"), "OK");
}

TEST_F(PasswordCheck, ThatAServerRefusesForAnotherReasonIsSaidSo) {
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on_login([](Reply& reply) { reply.error(1040, "08004", "Too many connections"); });
  EXPECT_EQ(log_in("secret"), "1040 08004 Too many connections");
}

TEST_F(PasswordCheck, GoesOnToTheNextServerWhereOneHangs) {
  harness_.writer().fault_at(0, Fault::kStall);
  EXPECT_EQ(log_in("secret"), "OK");
  harness_.heal();
}

TEST_F(PasswordCheck, EndsWhereEveryServerHangs) {
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).fault_at(0, Fault::kStall);
  EXPECT_TRUE(log_in("secret").starts_with("1053 ")) << clients_.back()->transcript().back();
  EXPECT_FALSE(clients_.back()->hung());
  harness_.heal();
}

class PasswordCheckInAShortLogin : public PasswordCheck {
 protected:
  PasswordCheckInAShortLogin()
      : PasswordCheck({.rsa_key = true, .configure = [](proxy::Config& config) {
                         config.timeouts.login = std::chrono::milliseconds{1500};
                       }}) {}
};

TEST_F(PasswordCheckInAShortLogin, EndsWithIt) {
  harness_.writer().fault_at(0, Fault::kStall);
  EXPECT_TRUE(log_in("secret").starts_with("1053 ")) << clients_.back()->transcript().back();
  EXPECT_FALSE(clients_.back()->hung());
  EXPECT_EQ(asked(1), 0U);
  harness_.heal();
}

}  // namespace
}  // namespace causeway::test
