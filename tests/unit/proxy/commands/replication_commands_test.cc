#include "proxy/commands/replication_commands.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "protocol/handshake.h"
#include "tests/support/binlog_events.h"
#include "tests/support/database_accounts.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

// COM_REGISTER_SLAVE of server 7, with nothing else, and COM_BINLOG_DUMP_GTID of a client that has nothing.
const std::string kRegister = std::string("\7\0\0\0", 4) + std::string(3 + 2 + 4 + 4, '\0');
const std::string kDumpGtid =
    std::string(2 + 4 + 4 + 8, '\0') + std::string("\10\0\0\0", 4) + std::string(8, '\0');
const std::string kDump = std::string("\4\0\0\0\0\0\7\0\0\0", 10) + "binlog.000001";

class ReplicationCommands : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    for (size_t node = 0; node < harness_.nodes(); ++node) {
      harness_.server(node).on(Command::kBinlogDumpGtid, [](Reply& reply) {
        reply.text(rotate_packet("binlog.000001", 4));
        reply.eof();
      });
    }
  }
};

TEST_F(ReplicationCommands, ItsVariablesSayWhoReadsTheLog) {
  EXPECT_EQ(ask("SELECT @@server_id"), "[replica1]");
  ask("SET @source_heartbeat_period = 1, @master_heartbeat_period = 1");
  EXPECT_EQ(ask("SELECT @@server_id"), "[writer]") << "of the server whose log it is to be";
  EXPECT_EQ(ask("SHOW TABLES"), "[writer]");
}

// It has not said yet what it is, as programs for change data capture that begin with a snapshot.
TEST(ReplicationByRight, WhoMayReadTheLogAndAsksAboutItIsToHaveIt) {
  DatabaseAccounts accounts(
      {{.user = "app",
        .plugin = "caching_sha2_password",
        .auth_string = stored_sha2("secret"),
        .reads_log = true},
       {.user = "other", .plugin = "caching_sha2_password", .auth_string = stored_sha2("secret")}});
  Harness harness({.rsa_key = true});
  harness.services().accounts = &accounts.store();
  const auto log_in = [&harness](std::string_view user) {
    auto client = harness.connect();
    EXPECT_EQ(client->log_in(user, "secret").text(), "OK");
    return client;
  };
  for (const char* question : {"SHOW BINARY LOG STATUS", "SHOW MASTER STATUS", "SHOW BINARY LOGS",
                               "SHOW BINLOG EVENTS LIMIT 1", "SHOW REPLICAS", "SHOW SLAVE HOSTS"}) {
    const auto capture = log_in("app");
    EXPECT_EQ(capture->query("SELECT 1 FROM t").text(), "[replica1]");
    EXPECT_EQ(capture->query(question).text(), "[writer]");
    EXPECT_EQ(capture->query("SELECT @@server_uuid").text(), "[writer]") << question;
    const auto without_right = log_in("other");
    EXPECT_EQ(without_right->query(question).text(), "[writer]");
    EXPECT_EQ(without_right->query("SELECT @@server_uuid").text(), "[replica1]");
    const auto application = log_in("app");
    EXPECT_EQ(application->query("INSERT INTO t VALUES (1)").text(), "OK");
    EXPECT_EQ(application->query(question).text(), "[writer]");
    EXPECT_EQ(application->query("SELECT 1 FROM t").text(), "[replica1]") << "it asked where its write is";
    const auto reader = log_in("app");
    EXPECT_EQ(reader->query("SET aurora_replica_read_consistency = ''").text(), "OK");
    reader->query(question);
    EXPECT_EQ(reader->query("SELECT 1 FROM t").text(), "[replica1]") << "it forwards nothing";
    EXPECT_EQ(reader->query("INSERT INTO t VALUES (1)").error, 1290) << question;
  }
}

TEST_F(ReplicationCommands, SoDoItsAttributes) {
  Buffer attributes;
  protocol::append_connect_attribute(attributes, "_client_role", "binary_log_listener");
  const auto replica = harness_.connect();
  ASSERT_EQ(replica
                ->log_in({.capabilities = capabilities_ | protocol::capability::kConnectAttrs,
                          .connect_attributes = attributes})
                .text(),
            "OK");
  EXPECT_EQ(replica->query("SELECT UNIX_TIMESTAMP()").text(), "[writer]");
  EXPECT_EQ(replica->command(Command::kResetConnection).text(), "OK");
  EXPECT_EQ(replica->query("SELECT @@server_id").text(), "[writer]");
  replica->quit();
}

TEST_F(ReplicationCommands, ARegisteredReplicaIsOnOneConnectionOfTheWriter) {
  EXPECT_EQ(ask("SELECT 1 FROM t"), "[replica1]");
  EXPECT_EQ(ask(Command::kRegisterSlave, kRegister), "OK");
  EXPECT_EQ(harness_.writer().last_payload(Command::kRegisterSlave).size(), kRegister.size() + 1);
  EXPECT_EQ(ask("SELECT 1 FROM t"), "[writer]");
  EXPECT_EQ(harness_.writer().connections_opened(), 1U);
  EXPECT_EQ(harness_.books().nodes[0].gauge_leases_in_use, 1) << "nobody else gets it meanwhile";
  const auto other = harness_.connect_and_log_in();
  other->query("INSERT INTO t VALUES (1)");
  EXPECT_EQ(harness_.writer().connections_opened(), 2U);
  other->quit();
}

TEST_F(ReplicationCommands, TheSessionEndsBehindTheStream) {
  EXPECT_EQ(ask(Command::kRegisterSlave, kRegister), "OK");
  client_->start(Command::kBinlogDumpGtid, kDumpGtid);
  EXPECT_EQ(client_->receive_answer(Command::kBinlogDump).text(), "rotate; end");
  EXPECT_EQ(ask("SELECT 1"), "closed");
  EXPECT_EQ(harness_.settle_books(), "");
  EXPECT_EQ(harness_.writer().connections_open(), 0U);
}

TEST_F(ReplicationCommands, NobodyWaitsAtTheEndForAReplicaThatDoesNotRead) {
  EXPECT_EQ(ask(Command::kRegisterSlave, kRegister), "OK");
  harness_.worker().drain();
  harness_.settle();
  EXPECT_EQ(last(harness_.ends()), "shutdown");
}

TEST_F(ReplicationCommands, AFileAndAPositionAreOfOneServerOnly) {
  const std::string refused = ask(Command::kBinlogDump, kDump);
  EXPECT_EQ(refused.substr(0, 11), "1236 HY000 ") << refused;
  EXPECT_EQ(harness_.writer().count(""), harness_.writer().received().size());
  EXPECT_TRUE(harness_.writer().last_payload(Command::kBinlogDump).empty());
  EXPECT_EQ(ask("SELECT 1 FROM t"), "[writer]")
      << "and the session goes on, as one of a client that reads the log";
}

TEST_F(ReplicationCommands, WhatCannotBeReadReachesNoServer) {
  for (const auto& [command, whole] : {std::pair{Command::kRegisterSlave, kRegister},
                                       {Command::kBinlogDump, kDump},
                                       {Command::kBinlogDumpGtid, kDumpGtid}}) {
    EXPECT_EQ(ask(command, whole.substr(0, 5)), "1835 HY000 Malformed communication packet.");
    EXPECT_TRUE(harness_.writer().last_payload(command).empty());
  }
  EXPECT_EQ(ask("SELECT 1 FROM t"), "[replica1]");
}

TEST_F(ReplicationCommands, MariadbHasNoDumpByAGtidSet) {
  Harness harness({.flavor = Flavor::kMariadb, .replicas = 1});
  const auto client = harness.connect_and_log_in();
  EXPECT_EQ(client->command(Command::kBinlogDumpGtid, kDumpGtid).text(), "1047 08S01 Unknown command");
  EXPECT_TRUE(harness.writer().last_payload(Command::kBinlogDumpGtid).empty());
  EXPECT_EQ(client->query("SELECT 1 FROM t").text(), "[replica1]") << "and the session goes on";
  client->quit();
}

TEST_F(ReplicationCommands, OfMariadbTheStateWithWhichItConnectsIsByGtid) {
  harness_.writer().on(Command::kBinlogDump,
                       [](Reply& reply) { reply.text(rotate_packet("binlog.000001", 4)); });
  ask("SET @slave_connect_state = NULL");
  EXPECT_EQ(ask(Command::kBinlogDump, kDump).substr(0, 4), "1236");
  ask("SET @slave_connect_state = '0-1-5'");
  client_->start(Command::kBinlogDump, kDump);
  EXPECT_EQ(client_->receive_answer(Command::kBinlogDump).text(), "rotate");
}

// Two clients that read the log as the server 7 for as long as they stay.
class AttachedReplicas : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    harness_.writer().on(Command::kBinlogDumpGtid, [](Reply& reply) {
      reply.text(rotate_packet("binlog.000001", 4));
      reply.text(gtid_packet(1, 100));
      reply.text(query_packet("CREATE TABLE t (a INT)", 200));
    });
  }

  static std::string begin(ScriptedClient& client) {
    std::string dump = kDumpGtid;
    dump[2] = 7;
    client.start(Command::kBinlogDumpGtid, dump);
    return next(client);
  }
  static std::string next(ScriptedClient& client) {
    return client.receive_answer(Command::kBinlogDump).text();
  }

  std::vector<proxy::StreamStatus> attached() {
    return harness_.services().log_readers.attached.list(proxy::Clock::now(),
                                                         std::chrono::system_clock::now());
  }

  const std::string kBegun = "rotate; gtid; CREATE TABLE t (a INT)";
};

TEST_F(AttachedReplicas, AreListedAndCounted) {
  ask("SET @slave_uuid = 'aa-1', @replica_uuid = 'aa-1'");
  EXPECT_EQ(begin(*client_), kBegun);
  ASSERT_EQ(attached().size(), 1U);
  const proxy::StreamStatus status = attached()[0];
  EXPECT_EQ(status.reader.server_id, 7U);
  EXPECT_EQ(status.reader.uuid, "aa-1");
  EXPECT_EQ(status.reader.user, "app");
  EXPECT_EQ(status.reader.session, client_->id());
  EXPECT_EQ(status.node, 0U);
  EXPECT_EQ(status.file, "binlog.000001");
  EXPECT_EQ(status.position, 200U);
  EXPECT_EQ(status.last_gtid, "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1");
  EXPECT_EQ(status.transactions, 1U);
  const proxy::ReplicationCounters& counters = harness_.metrics().replication;
  EXPECT_EQ(counters.streams.value(), 1);
  EXPECT_EQ(counters.transactions.value(), 1U);
  EXPECT_EQ(counters.bytes.value(), status.bytes);
  harness_.advance(std::chrono::seconds(2));
  EXPECT_EQ(attached()[0].lag, std::chrono::seconds(0));
  client_->close();
  EXPECT_EQ(harness_.settle_books(), "");
  EXPECT_EQ(attached().size(), 0U);
  EXPECT_EQ(counters.streams.value(), 0);
}

TEST_F(AttachedReplicas, OneThatComesAgainTakesItsPlace) {
  EXPECT_EQ(begin(*client_), kBegun);
  const auto again = harness_.connect_and_log_in();
  EXPECT_EQ(begin(*again), kBegun);
  EXPECT_EQ(attached().size(), 1U);
  harness_.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(next(*client_), "closed");
  EXPECT_EQ(last(harness_.ends()), "the same replica has come again");
  EXPECT_TRUE(harness_.log_has("has come again: its former stream ends"));
  EXPECT_TRUE(again->is_open());
  EXPECT_EQ(attached().size(), 1U);
  EXPECT_EQ(harness_.metrics().replication.replaced.value(), 1U);
  again->close();
}

TEST_F(AttachedReplicas, AnotherOneWithItsServerIdIsRefused) {
  ask("SET @replica_uuid = 'aa-1'");
  EXPECT_EQ(begin(*client_), kBegun);
  const auto other = harness_.connect_and_log_in();
  other->query("SET @replica_uuid = 'aa-2'");
  const std::string refused = begin(*other);
  EXPECT_EQ(refused.substr(0, 48), "1236 HY000 A replica with the server id 7 reads ") << refused;
  EXPECT_NE(refused.find("as 'app' from 127.0.0.1:50000 since 2"), std::string::npos) << refused;
  harness_.advance(std::chrono::milliseconds(100));
  EXPECT_TRUE(client_->is_open());
  EXPECT_EQ(attached().size(), 1U);
  EXPECT_TRUE(harness_.log_has("was refused: another one has its server id"));
  EXPECT_EQ(harness_.metrics().replication.refused.value(), 1U);
  EXPECT_EQ(other->query("SELECT 1 FROM t").text(), "[writer]") << "and its session goes on";
  other->quit();
}

TEST_F(AttachedReplicas, OfTwoThatComeAtOnceOneIsRefused) {
  harness_.writer().on(Command::kBinlogDumpGtid, [](Reply& reply) { reply.later(); });
  std::string dump = kDumpGtid;
  dump[2] = 7;
  ask("SET @replica_uuid = 'aa-1'");
  client_->start(Command::kBinlogDumpGtid, dump);
  harness_.settle();
  const auto other = harness_.connect_and_log_in();
  other->query("SET @replica_uuid = 'aa-2'");
  other->start(Command::kBinlogDumpGtid, dump);
  harness_.settle();
  harness_.writer().finish_late([](Reply& reply) { reply.text(rotate_packet("binlog.000001", 4)); });
  EXPECT_EQ(next(*client_), "rotate");
  EXPECT_EQ(next(*other).substr(0, 5), "1236 ");
  EXPECT_EQ(next(*other), "closed");
  EXPECT_EQ(last(harness_.ends()), "another client has its server id");
  EXPECT_EQ(attached().size(), 1U);
}

TEST_F(AttachedReplicas, ReadsWhoHasItsServerIdOnlyIfItMayReadTheLog) {
  ask("SET @replica_uuid = 'aa-1'");
  EXPECT_EQ(begin(*client_), kBegun);
  const auto other = harness_.connect();
  ASSERT_EQ(other->log_in("other", "secret").text(), "OK");
  other->query("SET @replica_uuid = 'aa-2'");
  EXPECT_EQ(begin(*other).find("127.0.0.1"), std::string::npos);
  EXPECT_EQ(other->command(Command::kRegisterSlave, kRegister).text(), "OK");
  EXPECT_NE(begin(*other).find("as 'app' from 127.0.0.1:50000 since 2"), std::string::npos);
  other->quit();
}

// It must not get at those that may, nor be in their way.
TEST_F(AttachedReplicas, WhoMayNotReadTheLogIsNone) {
  ask("SET @replica_uuid = 'aa-1'");
  EXPECT_EQ(begin(*client_), kBegun);
  harness_.writer().on(Command::kBinlogDumpGtid, [](Reply& reply) {
    reply.error(1227, "42000", "you need the REPLICATION SLAVE privilege");
  });
  for (const char* uuid : {"aa-1", ""}) {
    const auto other = harness_.connect_and_log_in();
    other->query("SET @replica_uuid = '" + std::string(uuid) + "'");
    EXPECT_EQ(begin(*other).substr(0, 10), "1227 42000");
    harness_.advance(std::chrono::milliseconds(100));
    EXPECT_EQ(attached().size(), 1U);
    EXPECT_EQ(attached()[0].reader.session, client_->id());
  }
  EXPECT_EQ(harness_.metrics().replication.replaced.value() + harness_.metrics().replication.refused.value(),
            0U);
}

TEST_F(AttachedReplicas, AreShownAsServersShowThem) {
  EXPECT_EQ(begin(*client_), kBegun);
  const auto watcher = harness_.connect_and_log_in();
  const std::string answer = watcher->query("SHOW PROCESSLIST").text();
  EXPECT_NE(answer.find("Binlog Dump GTID"), std::string::npos) << answer;
  EXPECT_NE(answer.find("sending the binary log of "), std::string::npos) << answer;
  watcher->quit();
}

}  // namespace
}  // namespace causeway::test
