#include "proxy/commands/log_source.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "tests/support/binlog_events.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

const std::string kRegister = std::string("\7\0\0\0", 4) + std::string(3 + 2 + 4 + 4, '\0');
// Of a client that has nothing.
const std::string kDumpGtid =
    std::string(2 + 4 + 4 + 8, '\0') + std::string("\10\0\0\0", 4) + std::string(8, '\0');
const std::string kDump = std::string("\4\0\0\0\0\0\7\0\0\0", 10) + "binlog.000001";

HarnessOptions from_replicas() {
  HarnessOptions options;
  options.replicas = 2;
  options.configure = [](proxy::Config& config) {
    config.listeners.front().purpose = proxy::ListenerPurpose::kReplication;
    config.listeners.front().source = proxy::LogSource::kReplica;
  };
  return options;
}

// A listener whose clients read a replica's log; of two replicas the session has the one that `source_` says.
class LogSource : public SessionTest {
 protected:
  LogSource() : SessionTest(from_replicas()) {}

  void SetUp() override {
    SessionTest::SetUp();
    for (size_t node = 0; node < harness_.nodes(); ++node) {
      harness_.server(node).on(Command::kBinlogDumpGtid, [](Reply& reply) {
        reply.text(rotate_packet("binlog.000001", 4));
        reply.text(gtid_packet(1, 100));
        reply.text(query_packet("CREATE TABLE t (a INT)", 200));
      });
    }
  }

  ScriptedServer& server_of(const std::string& name) {
    return harness_.replica(name == "[replica1]" ? 0 : 1);
  }

  std::string begin_stream() {
    client_->start(Command::kBinlogDumpGtid, kDumpGtid);
    return client_->receive_answer(Command::kBinlogDump).text();
  }

  // The monitor finds the same for longer than replicas take to follow another writer.
  void goes_on_like_that() {
    for (int i = 0; i < 50; ++i)
      harness_.advance(std::chrono::milliseconds{50});
    harness_.publish();
    harness_.advance(std::chrono::milliseconds{60});
  }

  // What the monitor finds of the node.
  void change(size_t node, const std::function<void(proxy::NodeView&)>& change) {
    change(harness_.view().nodes[node]);
    harness_.publish();
    harness_.advance(std::chrono::milliseconds{60});
  }
};

TEST_F(LogSource, AllOfASessionIsOnOneConnectionToAReplica) {
  const std::string own = ask("SELECT @@server_id");
  ASSERT_TRUE(own == "[replica1]" || own == "[replica2]") << own;
  for (const char* sql :
       {"SHOW BINARY LOGS", "/* causeway: route=writer */ SELECT b FROM t", "SELECT c FROM t FOR UPDATE"})
    EXPECT_EQ(ask(sql), own) << sql;
  for (const char* sql :
       {"SET @source_binlog_checksum = @@global.binlog_checksum", "START TRANSACTION READ ONLY", "COMMIT"})
    EXPECT_EQ(ask(sql), "OK") << sql;
  EXPECT_EQ(ask(Command::kRegisterSlave, kRegister), "OK");
  EXPECT_EQ(ask("SELECT @@server_uuid"), own);
  EXPECT_EQ(server_of(own).connections_opened(), 1U);
  EXPECT_EQ(harness_.writer().connections_opened(), 0U);
  EXPECT_EQ(harness_.replica(0).connections_opened() + harness_.replica(1).connections_opened(), 1U);
}

TEST_F(LogSource, SoItIsBehindAResetAndAnotherUser) {
  ask("SELECT a FROM t");
  EXPECT_EQ(ask(Command::kResetConnection), "OK");
  EXPECT_NE(ask("SELECT b FROM t"), "[writer]");
  EXPECT_EQ(client_->change_user("other", "secret").text(), "OK");
  EXPECT_NE(ask("SELECT c FROM t"), "[writer]");
  EXPECT_EQ(harness_.writer().connections_opened(), 0U);
}

TEST_F(LogSource, ADumpIsTakenThereAndNothingIsWritten) {
  harness_.replica(0).read_only = harness_.replica(1).read_only = false;  // Causeway is to refuse
  const std::string own = ask("SELECT a FROM t");
  for (const char* sql : {"FLUSH /*!40101 LOCAL */ TABLES", "FLUSH TABLES WITH READ LOCK",
                          "START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */", "UNLOCK TABLES"})
    EXPECT_EQ(ask(sql), "OK") << sql;
  EXPECT_EQ(ask("SHOW BINARY LOG STATUS"), own);
  ask("COMMIT");
  const size_t sent = server_of(own).received().size();
  for (const char* sql : {"INSERT INTO t VALUES (1)", "FLUSH TABLES", "CREATE TABLE u (a INT)",
                          "STOP REPLICA", "START TRANSACTION READ WRITE"})
    EXPECT_EQ(client_->query(sql).error, 1290) << sql;
  EXPECT_EQ(server_of(own).received().size(), sent);
}

TEST_F(LogSource, HasNoOtherServer) {
  for (const char* level : {"session", "global", "eventual", "default"})
    EXPECT_EQ(client_->query(std::string("SET aurora_replica_read_consistency = ") + level).error, 1231)
        << level;
  EXPECT_EQ(ask("SET aurora_replica_read_consistency = ''"), "OK");
}

TEST_F(LogSource, IsTheReplicaThatTheFewestStreamsAreReadFrom) {
  const std::string first = ask("SELECT a FROM t");
  EXPECT_EQ(begin_stream().substr(0, 6), "rotate");
  for (int i = 0; i < 3; ++i) {
    const auto other = harness_.connect_and_log_in();
    const std::string second = other->query("SELECT a FROM t").text();
    EXPECT_NE(second, first);
    EXPECT_NE(second, "[writer]");
    other->quit();
  }
}

TEST_F(LogSource, OnlyThoseThatLogWhatTheyApplyAreOne) {
  const auto without_log = [](proxy::NodeView& node) { node.facts.logs_updates = false; };
  change(1, without_log);
  for (int i = 0; i < 3; ++i) {
    const auto client = harness_.connect_and_log_in();
    EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica2]");
    client->quit();
  }
  change(2, without_log);
  const auto client = harness_.connect_and_log_in();
  EXPECT_EQ(client->query("SELECT a FROM t").text(), "[writer]") << "while there is none";
  client->quit();
}

TEST_F(LogSource, ReadsFromAReplicaThatHasAllThatTheWriterHas) {
  harness_.writer().next_gtid = 501;
  const std::string own = ask("SELECT a FROM t");
  EXPECT_EQ(begin_stream().substr(0, 6), "rotate");
  EXPECT_EQ(
      server_of(own).count("WAIT_FOR_EXECUTED_GTID_SET(_utf8mb4'00000000-0000-0000-0000-000000000001:1-500'"),
      1U);
}

TEST_F(LogSource, ElseTheClientTriesAgain) {
  const std::string own = ask("SELECT a FROM t");
  server_of(own).on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  for (const auto& [command, payload] :
       {std::pair{Command::kBinlogDumpGtid, kDumpGtid}, {Command::kBinlogDump, kDump}}) {
    const std::string refused = ask(command, payload);
    EXPECT_EQ(refused.substr(0, 11), "1105 HY000 ") << refused;
    EXPECT_TRUE(server_of(own).last_payload(command).empty());
  }
}

TEST_F(LogSource, AWriterThatDoesNotSayWhatItHasIsNamedToTheClient) {
  ask("SELECT a FROM t");
  harness_.writer().on("gtid_executed", [](Reply& reply) { reply.error(1227, "42000", "denied"); });
  const std::string refused = ask(Command::kBinlogDumpGtid, kDumpGtid);
  EXPECT_EQ(refused.find("1105 HY000 The writer cannot be asked now what the replica "), 0U) << refused;
}

TEST_F(LogSource, WhatASessionHasThereOutlivesTheProcessesEnd) {
  for (const size_t replica : {0, 1})
    harness_.replica(replica).on("CREATE TEMPORARY", [](Reply& reply) { reply.ok(); });
  EXPECT_EQ(ask("CREATE TEMPORARY TABLE mine (a INT)"), "OK");
  const auto idle = harness_.connect_and_log_in();
  idle->query("SELECT a FROM t");
  harness_.services().draining = true;
  harness_.worker().drain();
  harness_.settle();
  EXPECT_EQ(harness_.ends(), Texts{"shutdown"}) << "of the one that has nothing";
  EXPECT_EQ(ask("SELECT a FROM mine").substr(0, 8), "[replica");
}

TEST_F(LogSource, OneThatWasLateIsNotTakenAgainWhileThereIsAnother) {
  const std::string late = ask("SELECT a FROM t");
  server_of(late).on("WAIT_FOR", [](Reply& reply) { reply.rows({"wait"}, {{"1"}}); });
  EXPECT_EQ(ask(Command::kBinlogDumpGtid, kDumpGtid).substr(0, 4), "1105");
  client_->quit();
  for (int i = 0; i < 3; ++i) {
    const auto client = harness_.connect_and_log_in();
    EXPECT_NE(client->query("SELECT a FROM t").text(), late);
    client->quit();
  }
}

TEST_F(LogSource, NorOneThatIsFarBehindOrReceivesNothing) {
  using Change = void (*)(proxy::NodeView&);
  for (const Change worse : {Change([](proxy::NodeView& node) { node.lag = std::chrono::minutes{10}; }),
                             Change([](proxy::NodeView& node) { node.receiver_running = false; })}) {
    const proxy::NodeView before = harness_.view().nodes[1];
    change(1, worse);
    const auto client = harness_.connect_and_log_in();
    EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica2]");
    client->quit();
    change(1, [&](proxy::NodeView& node) { node = before; });
  }
}

TEST_F(LogSource, EndsWhenItsReplicaReceivesNothingAnyMore) {
  const std::string own = ask("SELECT a FROM t");
  EXPECT_EQ(begin_stream().substr(0, 6), "rotate");
  change(own == "[replica1]" ? 1 : 2, [](proxy::NodeView& it) { it.receiver_running = false; });
  EXPECT_EQ(harness_.ends(), Texts{}) << "it may follow another writer in a moment";
  goes_on_like_that();
  EXPECT_EQ(harness_.ends(), Texts{"the binary log is to be read from another server"});
}

TEST_F(LogSource, EndsWithAReplicaThatHasWhatTheWriterLacks) {
  const std::string own = ask("SELECT a FROM t");
  EXPECT_EQ(begin_stream().substr(0, 6), "rotate");
  const size_t node = own == "[replica1]" ? 1 : 2;
  change(3 - node, [](proxy::NodeView& other) { other.usable_for_reads = false; });
  EXPECT_EQ(harness_.ends(), Texts{});
  change(node, [](proxy::NodeView& it) {
    it.consistent = false;
    it.inconsistent_reason = "it has transactions that the writer lacks";
  });
  goes_on_like_that();
  EXPECT_EQ(harness_.ends().size(), 1U);
}

TEST_F(LogSource, TheWritersEndsWhenThereIsAReplica) {
  for (const size_t node : {1, 2})
    change(node, [](proxy::NodeView& it) { it.usable_for_reads = false; });
  const auto client = harness_.connect_and_log_in();
  EXPECT_EQ(client->query("SELECT a FROM t").text(), "[writer]");
  client->start(Command::kBinlogDumpGtid, kDumpGtid);
  EXPECT_EQ(client->receive_answer(Command::kBinlogDump).text().substr(0, 6), "rotate");
  EXPECT_EQ(harness_.ends(), Texts{});
  change(2, [](proxy::NodeView& it) { it.usable_for_reads = true; });
  EXPECT_EQ(harness_.ends().size(), 1U);
}

TEST_F(LogSource, WhatMayWriteUnseenIsRefused) {
  harness_.replica(0).read_only = harness_.replica(1).read_only = false;
  const std::string own = ask("SELECT a FROM t");
  const size_t sent = server_of(own).received().size();
  for (const char* sql :
       {"PREPARE s FROM @s", "SET @@session.gtid_next = '00000000-0000-0000-0000-000000000009:1'",
        "CREATE TEMPORARY TABLE u AS SELECT f()", "EXECUTE IMMEDIATE @s"})
    EXPECT_EQ(client_->query(sql).error, 1290) << sql;
  EXPECT_EQ(server_of(own).received().size(), sent);
}

TEST_F(LogSource, EndsWithAReplicaThatCannotBeTrustedAnyMore) {
  const std::string own = ask("SELECT a FROM t");
  EXPECT_EQ(begin_stream().substr(0, 6), "rotate");
  const size_t node = own == "[replica1]" ? 1 : 2;
  change(3 - node, [](proxy::NodeView& other) { other.usable_for_reads = false; });
  change(node, [](proxy::NodeView& it) { it.usable_for_reads = false; });
  goes_on_like_that();
  EXPECT_EQ(harness_.ends(), Texts{}) << "there is no better one";
  change(3 - node, [](proxy::NodeView& other) { other.usable_for_reads = true; });
  EXPECT_EQ(harness_.ends(), Texts{"the binary log is to be read from another server"});
}

TEST_F(LogSource, GoesOnWhenAnotherServerBecomesTheWriter) {
  const std::string own = ask("SELECT a FROM t");
  EXPECT_EQ(begin_stream().substr(0, 6), "rotate");
  const size_t other = own == "[replica1]" ? 2 : 1;
  harness_.view().writer = other;
  ++harness_.view().writer_epoch;
  harness_.view().nodes[0].role = proxy::NodeRole::kReadOnly;
  change(other, [](proxy::NodeView& it) { it.role = proxy::NodeRole::kWriter; });
  EXPECT_EQ(harness_.ends(), Texts{});
}

TEST_F(LogSource, LeavesNothingBehind) {
  const std::string own = ask("SELECT a FROM t");
  EXPECT_EQ(begin_stream().substr(0, 6), "rotate");
  client_->close();
  EXPECT_EQ(harness_.settle_books(), "");
  EXPECT_EQ(server_of(own).connections_open(), 0U);
}

}  // namespace
}  // namespace causeway::test
