#include "proxy/commands/kill.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class Kill : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    killer_ = harness_.connect_and_log_in();
    ScriptedServer& server = harness_.replica();
    server.on("slow", [](Reply& reply) { reply.later(); });
    server.on("KILL ", [&server](Reply& reply) {
      server.finish_late([](Reply& late) { late.error(1317, "70100", "Query execution was interrupted"); });
      reply.ok();
    });
  }
  void TearDown() override {
    killer_->quit();
    SessionTest::TearDown();
  }
  std::string kill(std::string_view how) {
    return killer_->query(std::string(how) + " " + std::to_string(client_->id())).text();
  }

  std::unique_ptr<ScriptedClient> killer_;
};

TEST_F(Kill, OfAQueryEndsItOnItsServer) {
  client_->start(protocol::Command::kQuery, "SELECT slow FROM t");
  EXPECT_EQ(kill("KILL QUERY"), "OK");
  EXPECT_EQ(client_->finish().text(), "1317 70100 Query execution was interrupted");
  EXPECT_EQ(harness_.replica().count("KILL QUERY 100"), 1U);
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(Kill, OfAConnectionEndsItHere) {
  EXPECT_EQ(kill("KILL"), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "closed");
}

TEST_F(Kill, OfAConnectionEndsWhatItsServerDoes) {
  client_->start(protocol::Command::kQuery, "SELECT slow FROM t");
  EXPECT_EQ(kill("KILL CONNECTION"), "OK");
  EXPECT_EQ(client_->finish().text(), "closed");
  harness_.settle();
  EXPECT_EQ(harness_.replica().count("KILL 100"), 1U);
}

TEST_F(Kill, OfAnIdleSessionsQueryIsOfNoConsequence) {
  EXPECT_EQ(kill("KILL QUERY"), "OK");
  const std::string answer = ask("SELECT a FROM t");
  EXPECT_EQ(answer, "[replica1]");
}

TEST_F(Kill, OfNobodyIsAnError) {
  EXPECT_EQ(killer_->query("KILL 4000000").error, 1094);
  EXPECT_EQ(killer_->query("KILL 40000000000").error, 1094);
  EXPECT_EQ(killer_->query("KILL USER app").error, 1235);
}

TEST_F(Kill, OfItselfIsTheEnd) {
  EXPECT_EQ(killer_->query("KILL QUERY " + std::to_string(killer_->id())).error, 1317);
  EXPECT_EQ(killer_->query("KILL " + std::to_string(killer_->id())).error, 1317);
  EXPECT_EQ(killer_->query("SELECT 1").text(), "closed");
}

TEST_F(Kill, OfAnotherUsersSessionTakesTheRightTo) {
  const auto other = harness_.connect();
  other->log_in("other", "secret");
  harness_.writer().on("SHOW GRANTS",
                       [](Reply& reply) { reply.rows({"Grants"}, {{"GRANT USAGE ON *.* TO `other`@`%`"}}); });
  EXPECT_EQ(other->query("KILL " + std::to_string(client_->id())).error, 1095);
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  other->quit();
}

TEST_F(Kill, AsACommandIsTheSame) {
  std::string id(4, '\0');
  for (size_t i = 0; i < 4; ++i)
    id[i] = static_cast<char>(client_->id() >> (8 * i));
  EXPECT_EQ(killer_->command(protocol::Command::kProcessKill, id).text(), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "closed");
  EXPECT_NE(killer_->command(protocol::Command::kProcessKill, "x").error, 0);
}

}  // namespace
}  // namespace causeway::test
