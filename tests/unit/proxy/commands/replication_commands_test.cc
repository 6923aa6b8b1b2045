#include "proxy/commands/replication_commands.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "protocol/handshake.h"
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
        reply.text(std::string("\0first", 6));
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
  EXPECT_EQ(client_->receive_answer(Command::kBinlogDump).text(), "first; end");
  EXPECT_EQ(ask("SELECT 1"), "closed");
  EXPECT_EQ(harness_.settle_books(), "");
  EXPECT_EQ(harness_.writer().connections_open(), 0U);
}

TEST_F(ReplicationCommands, AFileAndAPositionAreOfOneServerOnly) {
  const std::string refused = ask(Command::kBinlogDump, kDump);
  EXPECT_EQ(refused.substr(0, 11), "1236 HY000 ") << refused;
  EXPECT_EQ(harness_.writer().count(""), harness_.writer().received().size());
  EXPECT_TRUE(harness_.writer().last_payload(Command::kBinlogDump).empty());
  EXPECT_EQ(ask("SELECT 1 FROM t"), "[replica1]") << "and the session goes on";
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

TEST_F(ReplicationCommands, OfMariadbTheStateWithWhichItConnectsIsByGtid) {
  harness_.writer().on(Command::kBinlogDump, [](Reply& reply) { reply.text(std::string("\0first", 6)); });
  ask("SET @slave_connect_state = NULL");
  EXPECT_EQ(ask(Command::kBinlogDump, kDump).substr(0, 4), "1236");
  ask("SET @slave_connect_state = '0-1-5'");
  client_->start(Command::kBinlogDump, kDump);
  EXPECT_EQ(client_->receive_answer(Command::kBinlogDump).text(), "first");
}

}  // namespace
}  // namespace causeway::test
