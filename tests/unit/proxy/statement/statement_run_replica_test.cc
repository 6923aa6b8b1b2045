#include <gtest/gtest.h>

#include "proxy/statement/statement_run.h"
#include "tests/support/session_test.h"
#include "tests/support/socket_calls.h"

namespace causeway::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class StatementRunReplica : public SessionTest {
 protected:
  StatementRunReplica() : SessionTest({.replicas = 2}) {}

  // Reads of this session go here; the other one is where they may go instead.
  ScriptedServer& own() {
    return harness_.replica(0).count("1 FROM t") > 0 ? harness_.replica(0) : harness_.replica(1);
  }
  ScriptedServer& other(const ScriptedServer& server) {
    return &server == &harness_.replica(0) ? harness_.replica(1) : harness_.replica(0);
  }
};

TEST_F(StatementRunReplica, ASessionStaysOnItsReplica) {
  ask("SELECT 1 FROM t");
  ScriptedServer& server = own();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(ask("SELECT a FROM t"), "[" + server.name() + "]");
}

TEST_F(StatementRunReplica, AReadThatAReplicaDoesNotKnowGoesToTheWriter) {
  ask("SELECT 1 FROM t");
  own().on("SELECT a", [](Reply& reply) { reply.error(1146, "42S02", "Table 'app.t' doesn't exist"); });
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(StatementRunReplica, AnErrorOfTheReadItselfIsTheClients) {
  ask("SELECT 1 FROM t");
  own().on("SELECT a", [](Reply& reply) { reply.error(1690, "22003", "BIGINT value is out of range"); });
  EXPECT_EQ(ask("SELECT a FROM t"), "1690 22003 BIGINT value is out of range");
}

TEST_F(StatementRunReplica, AReadWhoseReplicaIsShutDownGoesToAnother) {
  ask("SELECT 1 FROM t");
  ScriptedServer& server = own();
  const auto refuse = [](Reply& reply) { reply.error(1053, "08S01", "Server shutdown in progress"); };
  server.on("SELECT a", refuse);
  server.on_login(refuse);  // else somebody has killed the read
  EXPECT_EQ(ask("SELECT a FROM t"), "[" + other(server).name() + "]");
}

TEST_F(StatementRunReplica, AReadThatCannotBeSentGoesToAnother) {
  ask("SELECT 1 FROM t");
  ScriptedServer& server = own();
  server.accepts = false;
  server.close_all();
  harness_.settle();
  EXPECT_EQ(ask("SELECT a FROM t"), "[" + other(server).name() + "]");
}

TEST_F(StatementRunReplica, AReadThatWritesRunsOnTheWriter) {
  ask("SELECT 1 FROM t");
  own().on("SELECT f()", [](Reply& reply) {
    reply.error(1290, "HY000", "The server is running with the --read-only option");
  });
  EXPECT_EQ(ask("SELECT f() FROM t"), "[writer]");
}

TEST_F(StatementRunReplica, AReplicaThatTheMonitorLosesIsLeft) {
  ask("SELECT 1 FROM t");
  ScriptedServer& server = own();
  const size_t node = &server == &harness_.replica(0) ? 1 : 2;
  harness_.view().nodes[node].reachable = false;
  harness_.publish();
  harness_.shard().on_tick(proxy::Clock::now());
  EXPECT_EQ(ask("SELECT a FROM t"), "[" + other(server).name() + "]");
}

class SingleReplica : public SessionTest {};

TEST_F(SingleReplica, AReadBehindTheSessionsWriteWaitsForItInTheSameWrite) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  harness_.replica().forget();
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().round_trips(), 1U);
  const Texts asked = on_replica();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0],
            "SELECT WAIT_FOR_EXECUTED_GTID_SET(_utf8mb4'00000000-0000-0000-0000-000000000001:101-102',1.000) "
            "LIMIT 1");
  EXPECT_EQ(asked[1], "SELECT a FROM t");
  // It has what it has waited for.
  ask("SELECT b FROM t");
  EXPECT_EQ(on_replica(), Texts{"SELECT b FROM t"});
}

TEST_F(SingleReplica, AReplicaThatIsKnownToHaveTheWriteIsNotWaitedFor) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  harness_.replica().next_gtid = harness_.writer().next_gtid;
  harness_.poll();
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(on_replica(), Texts{"SELECT a FROM t"});
}

// Client read, server write, server read, client write; a wait or a covered read costs nothing more.
TEST_F(SingleReplica, ReadsOfEveryKindCostFourSocketCallsAndOneRoundTrip) {
  warm_up();
  const auto cost = [this](std::string_view sql) {
    harness_.replica().forget();
    const SocketCalls before = socket_calls();
    EXPECT_EQ(ask(sql), "[replica1]");
    const SocketCalls after = socket_calls();
    EXPECT_EQ(harness_.replica().round_trips(), 1U) << sql;
    return std::pair(after.reads - before.reads, after.writes - before.writes);
  };
  const std::pair<uint64_t, uint64_t> four(2, 2);
  EXPECT_EQ(cost("/* causeway: consistency=eventual */ SELECT a FROM t"), four);
  EXPECT_EQ(cost("SELECT a FROM t"), four);
  ask("INSERT INTO t VALUES (1)");
  harness_.replica().next_gtid = harness_.writer().next_gtid;
  harness_.poll();
  EXPECT_EQ(cost("SELECT covered FROM t"), four);
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(cost("SELECT waits FROM t"), four);
  EXPECT_EQ(harness_.replica().count("WAIT_FOR"), 1U);
}

TEST_F(SingleReplica, AWaitThatTakesTooLongIsTheWritersRead) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  EXPECT_EQ(harness_.metrics().consistency.read_wait_timeouts[0].value(), 1U);
}

// The writer's log was reset, say: by the numbers the replica has all of it.
TEST_F(SingleReplica, AReplicaThatIsNotTrustedByTheTimeOfTheAnswerIsNotRead) {
  warm_up();
  harness_.writer().on(
      "gtid_owned", [](Reply& reply) { reply.later(); }, 1);
  client_->start(protocol::Command::kQuery, "/* causeway: consistency=global */ SELECT a FROM t");
  ASSERT_TRUE(harness_.wait_until([this] { return harness_.writer().count("gtid_owned") == 1; }));
  harness_.view().nodes[1].consistent = false;
  harness_.publish();
  const std::string position = harness_.writer().position();
  harness_.writer().finish_late([&position](Reply& reply) {
    reply.rows({"owned", "position", "read_only"}, {{"", position, "0"}});
  });
  EXPECT_EQ(client_->finish().text(), "[writer]");
  EXPECT_EQ(harness_.replica().count("SELECT a FROM t"), 0U);
}

TEST_F(SingleReplica, AnEventualReadNeverWaits) {
  warm_up();
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("/* causeway: consistency=eventual */ SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().count("WAIT_FOR"), 0U);
}

TEST_F(SingleReplica, AGlobalReadWaitsForWhatTheWriterHasNow) {
  warm_up();
  harness_.writer().next_gtid = 501;  // somebody else's
  EXPECT_EQ(ask("/* causeway: consistency=global */ SELECT a FROM t"), "[replica1]");
  const Texts asked = on_replica();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_NE(asked[0].find("WAIT_FOR_EXECUTED_GTID_SET(_utf8mb4'00000000-0000-0000-0000-000000000001:1-500'"),
            std::string::npos)
      << asked[0];
}

TEST_F(SingleReplica, WithoutTheWritersWordAGlobalReadRunsOnTheWriterOrNot) {
  warm_up();
  harness_.writer().on("gtid_executed", [](Reply& reply) { reply.error(1227, "42000", "denied"); });
  EXPECT_EQ(ask("/* causeway: consistency=global */ SELECT a FROM t"), "[writer]");
}

TEST_F(SingleReplica, AReadOnlyTransactionLivesAndEndsThere) {
  warm_up();
  EXPECT_EQ(ask("START TRANSACTION READ ONLY"), "OK");
  EXPECT_EQ(on_replica(), Texts{});
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.replica().round_trips(), 1U);
  EXPECT_EQ(on_replica(), (Texts{"START TRANSACTION READ ONLY", "SELECT a FROM t"}));
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 1);
  EXPECT_EQ(ask("COMMIT"), "OK");
  EXPECT_EQ(on_replica(), Texts{"COMMIT"});
  EXPECT_EQ(on_writer(), Texts{});
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 0);
}

TEST_F(SingleReplica, AReadOnlyTransactionThatLosesItsReplicaIsLost) {
  ask("START TRANSACTION READ ONLY");
  ask("SELECT a FROM t");
  harness_.replica().close_all();
  harness_.settle();
  EXPECT_NE(ask("SELECT b FROM t").find(" 40001 "), std::string::npos);
  EXPECT_EQ(ask("SELECT c FROM t"), "[replica1]");
}

TEST_F(SingleReplica, AFullReplicaGivesItsReadToTheWriter) {
  harness_.services().budgets[1].set_limit(0);
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  EXPECT_EQ(harness_.shard().metrics().nodes[1].queue_waits.value(), 1U);
}

class WithoutWriterReads : public SessionTest {
 protected:
  WithoutWriterReads()
      : SessionTest({.configure = [](proxy::Config& config) {
          config.routing.reads_on_writer = proxy::ReadsOnWriter::kNever;
        }}) {}
};

TEST_F(WithoutWriterReads, AReadWithoutAReplicaIsAnError) {
  harness_.view().nodes[1].reachable = false;
  harness_.publish();
  harness_.shard().on_tick(proxy::Clock::now());
  const std::string answer = ask("SELECT a FROM t");
  EXPECT_NE(answer.find("replica"), std::string::npos) << answer;
  EXPECT_EQ(on_writer(), Texts{});
}

class StaleAllowed : public SessionTest {
 protected:
  StaleAllowed()
      : SessionTest({.configure = [](proxy::Config& config) {
          config.forwarding.on_read_wait_timeout = consistency::TimeoutPolicy::kStale;
        }}) {}
};

TEST_F(StaleAllowed, AWaitThatTakesTooLongIsAReadOfWhatThereIs) {
  warm_up();
  harness_.replica().on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.metrics().consistency.read_wait_timeouts[2].value(), 1U);
}

}  // namespace
}  // namespace causeway::test
