#include "proxy/commands/processlist.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class Processlist : public SessionTest {};

TEST_F(Processlist, ShowsTheSessionsOfThisUser) {
  const auto same = harness_.connect_and_log_in();
  const auto other = harness_.connect();
  other->log_in("other", "secret");
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on(
        "SHOW GRANTS", [](Reply& reply) { reply.rows({"Grants"}, {{"GRANT USAGE ON *.* TO `app`@`%`"}}); });
  const std::string answer = ask("SHOW PROCESSLIST");
  EXPECT_NE(answer.find("[" + std::to_string(client_->id()) + ", app"), std::string::npos) << answer;
  EXPECT_NE(answer.find("[" + std::to_string(same->id()) + ", app"), std::string::npos) << answer;
  EXPECT_EQ(answer.find(", other"), std::string::npos) << answer;
}

TEST_F(Processlist, ShowsThoseOfAllToWhoeverMaySeeThem) {
  const auto other = harness_.connect();
  other->log_in("other", "secret");
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on(
        "SHOW GRANTS", [](Reply& reply) { reply.rows({"Grants"}, {{"GRANT PROCESS ON *.* TO `app`@`%`"}}); });
  const std::string answer = ask("SHOW FULL PROCESSLIST");
  EXPECT_NE(answer.find(", other"), std::string::npos) << answer;
}

TEST_F(Processlist, AsACommandIsTheSame) {
  EXPECT_NE(ask(protocol::Command::kProcessInfo).find(", app"), std::string::npos);
}

TEST_F(Processlist, AuroraTableIsAskedForAtAServerWithTheRowsInItsPlace) {
  warm_up();
  ask("SELECT ID FROM information_schema.aurora_forwarding_processlist");
  Texts asked = on_both();
  EXPECT_FALSE(any_has(asked, "information_schema.aurora_forwarding_processlist"));
  EXPECT_TRUE(any_has(asked, "SELECT " + std::to_string(client_->id())));
}

class ProcesslistOfOthers : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    watcher_ = harness_.connect_and_log_in();
    for (size_t node = 0; node < harness_.nodes(); ++node) {
      harness_.server(node).on("SHOW GRANTS", [](Reply& reply) {
        reply.rows({"Grants"}, {{"GRANT PROCESS ON *.* TO `app`@`%`"}});
      });
      harness_.server(node).on("slow", [this](Reply& reply) {
        if (is_slow_) return reply.later();
        reply.as_usual();
      });
    }
  }
  void TearDown() override {
    watcher_->quit();
    SessionTest::TearDown();
  }

  // What the watcher sees of a session that waits for this command's answer.
  std::string seen(protocol::Command command, std::string_view argument) {
    client_->start(command, argument);
    const std::string answer = watcher_->query("SHOW FULL PROCESSLIST").text();
    for (size_t node = 0; node < harness_.nodes(); ++node)
      harness_.server(node).finish_late([](Reply& reply) { reply.as_usual(); });
    EXPECT_EQ(client_->finish().error, 0);
    const size_t start = answer.find("[" + std::to_string(client_->id()) + ",");
    return answer.substr(start, answer.find(']', start) - start);
  }

  std::unique_ptr<ScriptedClient> watcher_;
  bool is_slow_ = true;
};

TEST_F(ProcesslistOfOthers, SaysWhatEachDoesAndWhere) {
  const std::string read = seen(protocol::Command::kQuery, "SELECT slow FROM t");
  EXPECT_NE(read.find(", Query, 0, executing on "), std::string::npos) << read;
  EXPECT_NE(read.find("replica1.sock, SELECT slow FROM t"), std::string::npos) << read;
  const std::string prepare = seen(protocol::Command::kStmtPrepare, "SELECT slow FROM t");
  EXPECT_NE(prepare.find(", Prepare, "), std::string::npos) << prepare;
  const std::string schema = seen(protocol::Command::kInitDb, "slow");
  EXPECT_NE(schema.find(", Init DB, "), std::string::npos) << schema;
  is_slow_ = false;
  client_->query("INSERT INTO t VALUES (1)");
  const std::string idle = watcher_->query("SHOW PROCESSLIST").text();
  EXPECT_NE(idle.find(", slow, Sleep, 0, , NULL]"), std::string::npos) << idle;
}

TEST_F(ProcesslistOfOthers, CommandsWithoutATextHaveTheirNames) {
  for (const auto command :
       {protocol::Command::kStatistics, protocol::Command::kFieldList, protocol::Command::kDebug}) {
    for (size_t node = 0; node < harness_.nodes(); ++node)
      harness_.server(node).on(command, [](Reply& reply) { reply.later(); });
  }
  const auto name_of = [this](protocol::Command command) {
    client_->start(command, std::string("t\0", 2));
    const std::string answer = watcher_->query("SHOW PROCESSLIST").text();
    for (size_t node = 0; node < harness_.nodes(); ++node) {
      harness_.server(node).finish_late([](Reply& reply) {
        if (reply.request.command == protocol::Command::kStatistics) return reply.text("Uptime: 1");
        if (reply.request.command == protocol::Command::kFieldList) return reply.eof();
        reply.ok();
      });
    }
    client_->finish();
    const size_t start = answer.find("[" + std::to_string(client_->id()) + ",");
    return answer.substr(start, answer.find(']', start) - start);
  };
  EXPECT_NE(name_of(protocol::Command::kStatistics).find(", Statistics, "), std::string::npos);
  EXPECT_NE(name_of(protocol::Command::kFieldList).find(", Field List, "), std::string::npos);
  EXPECT_NE(name_of(protocol::Command::kDebug).find(", Debug, "), std::string::npos);
}

TEST_F(ProcesslistOfOthers, PreparedStatementsAreShownAsTheirTexts) {
  const auto prepared = client_->command(protocol::Command::kStmtPrepare, "SELECT later FROM t");
  harness_.replica().on(protocol::Command::kStmtExecute, [](Reply& reply) { reply.later(); });
  Buffer execute;
  protocol::ByteWriter writer(execute);
  writer.int4(prepared.statement_id);
  writer.int1(0);
  writer.int4(1);
  const std::string line = seen(protocol::Command::kStmtExecute, protocol::as_text(execute));
  EXPECT_NE(line.find(", Execute, 0, executing on "), std::string::npos) << line;
  EXPECT_NE(line.find("SELECT later FROM t"), std::string::npos) << line;
}

TEST_F(ProcesslistOfOthers, ALongTextIsCutBetweenCharacters) {
  const std::string sql = "SELECT slow, '" + std::string(85, 'x') + "\u20ac\u20ac\u20ac' FROM t";
  client_->start(protocol::Command::kQuery, sql);
  const std::string answer = watcher_->query("SHOW PROCESSLIST").text();
  harness_.replica().finish_late([](Reply& reply) { reply.as_usual(); });
  client_->finish();
  EXPECT_NE(answer.find(std::string(85, 'x') + "]"), std::string::npos) << answer;
}

TEST_F(ProcesslistOfOthers, WhoHasNotLoggedInIsNobodyYet) {
  const auto stranger = harness_.connect();
  const std::string answer = watcher_->query("SHOW PROCESSLIST").text();
  EXPECT_NE(answer.find(", unauthenticated user, "), std::string::npos) << answer;
  EXPECT_NE(answer.find(", Connect, 0, login, NULL]"), std::string::npos) << answer;
}

TEST_F(ProcesslistOfOthers, AForwardedSessionIsShownAsOneInAurorasTable) {
  client_->query("SELECT 1 FROM t");
  client_->query("BEGIN");
  client_->query("INSERT INTO t VALUES (1)");
  harness_.writer().forget();
  harness_.replica().forget();
  watcher_->query("SELECT ID FROM information_schema.aurora_forwarding_processlist");
  const Texts asked = on_both();
  const std::string id = std::to_string(client_->id());
  EXPECT_TRUE(any_has(asked, "1 AS IS_FORWARDED, " + id + " AS REPLICA_SESSION_ID"));
  EXPECT_TRUE(any_has(asked, ", 0, NULL, "));
  client_->query("COMMIT");
}

class ProcesslistOnMariadb : public MariadbSessionTest {};

TEST_F(ProcesslistOnMariadb, HasItsProgress) {
  EXPECT_NE(ask("SHOW PROCESSLIST").find(", SHOW PROCESSLIST, 0.000]"), std::string::npos);
}

}  // namespace
}  // namespace causeway::test
