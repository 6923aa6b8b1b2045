#include "proxy/commands/session_commands.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

class SessionCommands : public SessionTest {};

TEST_F(SessionCommands, APingAsksNobody) {
  EXPECT_EQ(ask(Command::kPing), "OK");
  EXPECT_EQ(harness_.writer().connections_opened() + harness_.replica().connections_opened(), 0U);
}

TEST_F(SessionCommands, AResetGivesUpWhatTheSessionHas) {
  report_variable(harness_.writer(), "SET sql_mode", "sql_mode", "ANSI");
  report_variable(harness_.replica(), "SET sql_mode", "sql_mode", "ANSI");
  warm_up();
  ask("SET sql_mode='ANSI'");
  ask("SET aurora_replica_read_consistency='EVENTUAL'");
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(ask(Command::kResetConnection), "OK");
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);  // a transaction is rolled back at once
  on_replica();
  ask("SELECT a FROM t");
  for (const std::string& asked : on_replica())
    EXPECT_EQ(asked.find("sql_mode"), std::string::npos) << asked;
  const std::string level = ask("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'");
  EXPECT_EQ(level, "[aurora_replica_read_consistency, SESSION]");
}

TEST_F(SessionCommands, WhatThisProxyDoesNotDoIsSaid) {
  for (const Command command : {Command::kShutdown, Command::kRefresh, Command::kRegisterSlave,
                                Command::kBinlogDump, Command::kBinlogDumpGtid})
    EXPECT_NE(client_->command(command, std::string(8, 'x')).error, 0) << protocol::command_name(command);
  EXPECT_EQ(client_->command(Command::kDelayedInsert).error, 1047);
  EXPECT_EQ(client_->command(static_cast<Command>(0x77)).error, 1047);
}

TEST_F(SessionCommands, SeveralStatementsAreAnOption) {
  EXPECT_EQ(ask(Command::kSetOption, std::string("\x01\x00", 2)), "EOF");
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on(";", [](Reply& reply) { reply.error(1064, "42000", "You have an error"); });
  EXPECT_EQ(client_->query("SELECT 1 FROM t; SELECT 2 FROM t").error, 1064);
  EXPECT_EQ(ask(Command::kSetOption, std::string("\x00\x00", 2)), "EOF");
  EXPECT_EQ(client_->command(Command::kSetOption, std::string("\x07\x00", 2)).error, 1047);
  EXPECT_EQ(client_->command(Command::kSetOption, "\x01").error, 1047);
}

TEST_F(SessionCommands, DebugIsForTheWriter) {
  EXPECT_EQ(ask(Command::kDebug), "OK");
  EXPECT_EQ(on_writer(), Texts{"COM_DEBUG"});
}

TEST_F(SessionCommands, FieldsAndStatisticsAreReads) {
  warm_up();
  harness_.replica().on(Command::kStatistics, [](Reply& reply) { reply.text("Uptime: 1"); });
  harness_.replica().on(Command::kFieldList, [](Reply& reply) { reply.eof(); });
  EXPECT_EQ(ask(Command::kStatistics), "Uptime: 1");
  EXPECT_EQ(ask(Command::kFieldList, std::string("t\0", 2)), "0 columns");
  EXPECT_EQ(on_replica(), (Texts{"COM_STATISTICS", "COM_FIELD_LIST"}));
}

TEST_F(SessionCommands, AnEmptyPacketIsNoCommand) {
  client_->send_raw(Buffer{0, 0, 0, 0});
  EXPECT_EQ(client_->receive_answer(Command::kQuery).error, 1047);
  EXPECT_EQ(ask(Command::kPing), "OK");
}

TEST_F(SessionCommands, AChangeOfUserThatCannotBeReadIsRefused) {
  EXPECT_EQ(client_->command(Command::kChangeUser, "x").error, 1047);
  harness_.settle();
  EXPECT_EQ(harness_.ends(), Texts{"change of user refused"});
}

}  // namespace
}  // namespace causeway::test
