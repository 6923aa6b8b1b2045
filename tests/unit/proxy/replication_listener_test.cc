// A listener for those who read the binary log: whose sessions are theirs from the first statement on.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;
using std::chrono::seconds;

HarnessOptions replication_options(std::function<void(proxy::ListenerConfig&)> configure = {}) {
  HarnessOptions options;
  options.connections = 2;
  options.configure = [configure = std::move(configure)](proxy::Config& config) {
    config.listeners.front().purpose = proxy::ListenerPurpose::kReplication;
    if (configure) configure(config.listeners.front());
  };
  return options;
}

class ReplicationListener : public SessionTest {
 protected:
  explicit ReplicationListener(HarnessOptions given = replication_options())
      : SessionTest(std::move(given)) {}

  const proxy::ConnectionBudget& budget() { return harness_.services().budgets[0]; }
  const proxy::ConnectionBudget& own_budget() { return harness_.services().replication_budgets[0]; }
};

TEST_F(ReplicationListener, AllOfASessionIsOnOneConnectionToTheWriter) {
  for (const char* sql :
       {"SELECT @@server_uuid", "SHOW TABLES", "SELECT a FROM t",
        "/* causeway: route=replica */ SELECT b FROM t", "START TRANSACTION READ ONLY", "SELECT c FROM t",
        "COMMIT", "SET aurora_replica_read_consistency = ''", "SELECT d FROM t", "SHOW BINARY LOG STATUS"})
    EXPECT_NE(ask(sql), "[replica1]") << sql;
  EXPECT_EQ(harness_.replica().connections_opened(), 0U);
  EXPECT_EQ(harness_.writer().connections_opened(), 1U);
}

TEST_F(ReplicationListener, SoItIsBehindAResetAndAnotherUser) {
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  EXPECT_EQ(ask(Command::kResetConnection), "OK");
  EXPECT_EQ(ask("SELECT b FROM t"), "[writer]");
  EXPECT_EQ(client_->change_user("other", "secret").text(), "OK");
  EXPECT_EQ(ask("SELECT c FROM t"), "[writer]");
  EXPECT_EQ(harness_.replica().connections_opened(), 0U);
  EXPECT_EQ(harness_.writer().connections_open(), 1U);
  EXPECT_EQ(own_budget().used(), 1U);
}

TEST_F(ReplicationListener, ADumpIsOfOneSnapshot) {
  for (const char* sql :
       {"FLUSH TABLES WITH READ LOCK", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */", "UNLOCK TABLES", "SAVEPOINT sp"})
    EXPECT_EQ(ask(sql), "OK") << sql;
  EXPECT_EQ(ask("SELECT /*!40001 SQL_NO_CACHE */ * FROM t"), "[writer]");
  EXPECT_EQ(ask("ROLLBACK TO SAVEPOINT sp"), "OK");
  EXPECT_EQ(harness_.writer().connections_opened(), 1U);
}

TEST_F(ReplicationListener, AndMayTakeItsTime) {
  ask("START TRANSACTION WITH CONSISTENT SNAPSHOT");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  harness_.advance(seconds{10});  // longer than a transaction of an application's may be idle
  EXPECT_EQ(ask("SELECT b FROM t"), "[writer]");
  EXPECT_EQ(harness_.writer().connections_opened(), 1U);
  harness_.advance(seconds{16});
  EXPECT_EQ(harness_.ends(), Texts{"idle for too long"});
  EXPECT_EQ(harness_.writer().connections_open(), 0U);
}

TEST_F(ReplicationListener, WhatIsLostWithTheWriterIsNotFoundOnTheNext) {
  EXPECT_EQ(ask("FLUSH TABLES WITH READ LOCK"), "OK");
  harness_.view().writer = 1;
  ++harness_.view().writer_epoch;
  harness_.view().nodes[1].role = proxy::NodeRole::kWriter;
  harness_.view().nodes[0].role = proxy::NodeRole::kReadOnly;
  harness_.publish();
  harness_.advance(std::chrono::milliseconds{60});
  EXPECT_EQ(ask("SHOW BINARY LOG STATUS").find("[replica1]"), std::string::npos);
}

TEST_F(ReplicationListener, TakesNoPlacesOfTheStatements) {
  std::vector<std::unique_ptr<ScriptedClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(harness_.connect_and_log_in());
    EXPECT_EQ(clients.back()->query("SELECT @@server_uuid").text(), "[writer]") << i;
  }
  EXPECT_EQ(budget().used(), 0U);
  EXPECT_EQ(own_budget().used(), 5U);
  clients.clear();
  harness_.settle();
  EXPECT_EQ(own_budget().used(), 0U) << "and leaves nothing behind";
}

TEST_F(ReplicationListener, WaitsForNobodyInTheLine) {
  harness_.services().lines[0].join(7);
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  harness_.services().lines[0].leave(1);
}

class SmallReplicationListener : public ReplicationListener {
 protected:
  SmallReplicationListener()
      : ReplicationListener(
            replication_options([](proxy::ListenerConfig& listener) { listener.max_clients = 2; })) {}
};

TEST_F(SmallReplicationListener, TellsWhoIsOneTooMany) {
  const auto second = harness_.connect_and_log_in();
  const auto third = harness_.connect();
  const Answer refused = third->log_in();
  EXPECT_EQ(refused.error, 1040);
  EXPECT_NE(refused.text().find("takes 2 clients at a time (max_clients)"), std::string::npos);
  EXPECT_TRUE(harness_.log_has("max_clients of its listener is reached"));
  EXPECT_EQ(harness_.ends(), Texts{"too many connections"});
  EXPECT_EQ(harness_.metrics()
                .clients.connections_rejected[static_cast<size_t>(proxy::RejectReason::kMaxClients)]
                .value(),
            1U);
  second->quit();
  harness_.settle();
  const auto next = harness_.connect();
  EXPECT_EQ(next->log_in().text(), "OK");
}

class StrictReplicationListener : public ReplicationListener {
 protected:
  StrictReplicationListener()
      : ReplicationListener(replication_options([](proxy::ListenerConfig& listener) {
          listener.own_statements = {{&proxy::StatementsConfig::savepoint, proxy::StatementPolicy::kReject},
                                     {&proxy::StatementsConfig::ddl, proxy::StatementPolicy::kReject}};
        })) {}
};

TEST_F(StrictReplicationListener, HasPoliciesOfItsOwn) {
  EXPECT_EQ(client_->query("SAVEPOINT a").error, 1235);
  EXPECT_EQ(client_->query("CREATE TABLE u (a INT)").error, 1235);
  EXPECT_EQ(client_->query("XA RECOVER").error, 1235) << "as everywhere";
}

}  // namespace
}  // namespace causeway::test
