#include "proxy/commands/statement_commands.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/execute_command.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

class StatementCommands : public SessionTest {
 protected:
  uint32_t prepare(std::string_view sql) {
    const Answer answer = client_->command(Command::kStmtPrepare, sql);
    EXPECT_EQ(answer.error, 0) << answer.text();
    return answer.statement_id;
  }
  Answer execute(uint32_t id, std::vector<ExecuteValue> values) {
    return client_->command(Command::kStmtExecute, execute_argument({.id = id, .values = std::move(values)}));
  }
};

TEST_F(StatementCommands, AReadIsPreparedWhereItRuns) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[replica1]");
  EXPECT_EQ(client_->execute(id, {"2"}).text(), "[replica1]");
  EXPECT_EQ(on_replica(), (Texts{"COM_STMT_PREPARE SELECT a FROM t WHERE b = ?",
                                 "COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?",
                                 "COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?"}));
  EXPECT_EQ(on_writer(), Texts{});
}

// A read in a transaction of a session that has read on a replica may not miss what it saw there.
TEST_F(StatementCommands, InATransactionItIsPreparedOnTheWriterToo) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  client_->execute(id, {"1"});
  ask("BEGIN");
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[writer]");
  const Texts asked = on_writer();
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_NE(asked.front().find("@@global.read_only"), std::string::npos);
  EXPECT_EQ((Texts{asked.begin() + 1, asked.end()}),
            (Texts{"BEGIN", "COM_STMT_PREPARE SELECT a FROM t WHERE b = ?",
                   "COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?"}));
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[writer]");
  EXPECT_EQ(on_writer(), Texts{"COM_STMT_EXECUTE SELECT a FROM t WHERE b = ?"});
  ask("COMMIT");
}

TEST_F(StatementCommands, AnExecuteBehindAWriteWaits) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  client_->execute(id, {"1"});
  ask("INSERT INTO t VALUES (1)");
  on_replica();
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[replica1]");
  const Texts asked = on_replica();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_NE(asked[0].find("WAIT_FOR"), std::string::npos);
}

TEST_F(StatementCommands, AClosedStatementIsClosedWhereItWasPrepared) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  client_->statement_command(Command::kStmtClose, id);
  ask("SELECT b FROM t");
  const Texts asked = on_replica();
  EXPECT_NE(std::find(asked.begin(), asked.end(), "COM_STMT_CLOSE SELECT a FROM t WHERE b = ?"), asked.end());
  EXPECT_EQ(client_->execute(id, {"1"}).error, 1243);
}

TEST_F(StatementCommands, OnANewConnectionItIsPreparedAgain) {
  warm_up();
  const uint32_t id = prepare("INSERT INTO t VALUES (?)");
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "OK");
  harness_.writer().close_all();
  harness_.settle();
  on_writer();
  EXPECT_EQ(client_->execute(id, {"2"}).text(), "OK");
  EXPECT_EQ(on_writer(), (Texts{"COM_STMT_PREPARE INSERT INTO t VALUES (?)",
                                "COM_STMT_EXECUTE INSERT INTO t VALUES (?)"}));
}

TEST_F(StatementCommands, WhatIsUnknownIsRefused) {
  EXPECT_EQ(client_->execute(77).error, 1243);
  EXPECT_EQ(client_->statement_command(Command::kStmtReset, 77).error, 1243);
  EXPECT_EQ(client_->statement_command(Command::kStmtFetch, 77).error, 1243);
  client_->statement_command(Command::kStmtClose, 77);  // has no answer
  EXPECT_EQ(ask(Command::kPing), "OK");
}

TEST_F(StatementCommands, TheServersErrorIsTheClients) {
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on("SELEC", [](Reply& reply) { reply.error(1064, "42000", "You have an error"); });
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELEC a").error, 1064);
}

TEST_F(StatementCommands, LongDataGoesAheadOfItsExecute) {
  warm_up();
  const uint32_t id = prepare("INSERT INTO t VALUES (?)");
  client_->send_long_data(id, 0, "abc");
  client_->send_long_data(id, 0, "def");
  EXPECT_EQ(on_writer(), (Texts{"COM_STMT_PREPARE INSERT INTO t VALUES (?)"}));
  EXPECT_EQ(client_->execute(id, {""}).text(), "OK");
  EXPECT_EQ(on_writer(), (Texts{"COM_STMT_SEND_LONG_DATA INSERT INTO t VALUES (?)",
                                "COM_STMT_EXECUTE INSERT INTO t VALUES (?)"}));
  client_->send_long_data(id, 0, "abc");
  EXPECT_EQ(client_->statement_command(Command::kStmtReset, id).text(), "OK");
  client_->execute(id, {"x"});
  for (const std::string& one : on_writer())
    EXPECT_EQ(one.find("LONG_DATA"), std::string::npos);
}

TEST_F(StatementCommands, AMalformedExecuteIsRefused) {
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  const std::string id_bytes = {static_cast<char>(id), 0, 0, 0};
  EXPECT_NE(client_->command(Command::kStmtExecute, id_bytes).error, 0);
  EXPECT_NE(client_->command(Command::kStmtExecute, "x").error, 0);
  EXPECT_EQ(ask(Command::kPing), "OK");
}

TEST_F(StatementCommands, ACursorKeepsItsConnection) {
  warm_up();
  harness_.replica().on(Command::kStmtExecute, [](Reply& reply) { reply.cursor({"a"}); });
  harness_.replica().on(Command::kStmtFetch, [](Reply& reply) { reply.fetched({"1", "2"}, true); });
  const uint32_t id = prepare("SELECT a FROM t");
  client_->execute(id, {}, 1);
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 1);
  EXPECT_NE(client_->fetch(id, 10).bytes.size(), 0U);
  client_->statement_command(Command::kStmtClose, id);
  ask("SELECT b FROM t");
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 0);
}

TEST_F(StatementCommands, KnowsCausewaysOwnVariables) {
  const uint32_t id = prepare("SELECT @@aurora_replica_read_consistency");
  client_->execute(id);
  Texts asked = on_both();
  EXPECT_NE(last(asked).find("'SESSION'"), std::string::npos) << last(asked);
}

TEST_F(StatementCommands, TransactionControlIsPreparedToo) {
  warm_up();
  const uint32_t begin = prepare("BEGIN");
  const uint32_t commit = prepare("COMMIT");
  EXPECT_EQ(client_->execute(begin).text(), "OK");
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  EXPECT_EQ(client_->execute(commit).text(), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(StatementCommands, WhatIsRejectedIsRejectedWhenItIsPrepared) {
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SAVEPOINT a").error, 1235);
}

// Only Causeway's sessions can be killed, whatever type the number has.
TEST_F(StatementCommands, KillTakesNumbersOfEveryLengthAndTexts) {
  const uint32_t id = prepare("KILL QUERY ?");
  const uint64_t unknown = 99;
  EXPECT_EQ(execute(id, {number_value(0x01, unknown, 1)}).text(), "1094 HY000 Unknown thread id: 99");
  EXPECT_EQ(execute(id, {number_value(0x02, unknown, 2)}).text(), "1094 HY000 Unknown thread id: 99");
  EXPECT_EQ(execute(id, {number_value(0x03, unknown, 4)}).text(), "1094 HY000 Unknown thread id: 99");
  EXPECT_EQ(execute(id, {number_value(0x08, unknown, 8)}).text(), "1094 HY000 Unknown thread id: 99");
  EXPECT_EQ(execute(id, {number_value(0x8001, 0xff, 1)}).text(), "1094 HY000 Unknown thread id: 255");
  EXPECT_EQ(execute(id, {number_value(0x8008, ~uint64_t{0}, 8)}).text(),
            "1094 HY000 Unknown thread id: 18446744073709551615");
  EXPECT_EQ(execute(id, {text_value("99")}).text(), "1094 HY000 Unknown thread id: 99");
  EXPECT_FALSE(any_has(on_both(), "EXECUTE"));
}

TEST_F(StatementCommands, KillOfItselfIsToldAsAnInterruption) {
  const uint32_t id = prepare("KILL QUERY ?");
  EXPECT_EQ(execute(id, {number_value(0x08, client_->id(), 8)}).error, 1317);
}

TEST_F(StatementCommands, KillOfWhatIsNoNumberIsRefused) {
  const uint32_t id = prepare("KILL ?");
  EXPECT_EQ(execute(id, {number_value(0x01, 0xff, 1)}).error, 1235);  // -1
  EXPECT_EQ(execute(id, {{.value = {}, .is_null = true}}).error, 1235);
  EXPECT_EQ(execute(id, {text_value("it's")}).error, 1235);
  EXPECT_EQ(execute(id, {text_value("a\\b")}).error, 1210);
  EXPECT_EQ(execute(id, {number_value(0x05, 0, 8)}).error, 1210);  // a double
  client_->send_long_data(id, 0, "99");
  EXPECT_EQ(execute(id, {{.type = 0xfc, .value = {}}}).error, 1210);
  EXPECT_FALSE(any_has(on_both(), "EXECUTE"));
}

TEST_F(StatementCommands, SetsCausewaysOwnVariablesByParameters) {
  const uint32_t id = prepare("SET aurora_replica_read_consistency = ?");
  EXPECT_EQ(execute(id, {text_value("GLOBAL")}).text(), "OK");
  EXPECT_EQ(ask("SHOW VARIABLES LIKE 'aurora_replica_read_consistency'"),
            "[aurora_replica_read_consistency, GLOBAL]");
  EXPECT_EQ(execute(id, {text_value("nonsense")}).error, 1231);
  EXPECT_EQ(execute(id, {text_value("a\\b")}).error, 1210);
  EXPECT_EQ(execute(id, {number_value(0x04, 0, 4)}).error, 1210);
  EXPECT_EQ(on_both(), Texts{});
}

TEST_F(StatementCommands, WhatIsPreparedHereSaysHowManyParametersItHas) {
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SET aurora_replica_read_consistency = ?").text(),
            "prepared 1/0");
  client_->quit();
  harness_.settle();
  client_ = harness_.connect();
  client_->log_in("app", "secret", {}, capabilities_ & ~protocol::capability::kDeprecateEof);
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SET aurora_replica_read_consistency = ?").text(),
            "prepared 1/0");
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SET aurora_replica_read_consistency = 'GLOBAL'").text(),
            "prepared 0/0");
}

TEST_F(StatementCommands, AProcesslistIsPreparedHere) {
  const uint32_t id = prepare("SHOW PROCESSLIST");
  EXPECT_NE(client_->execute(id).text().find("app"), std::string::npos);
  EXPECT_EQ(on_both(), Texts{"SHOW GRANTS"});
}

TEST_F(StatementCommands, ACharacterSetIsPreparedInAFormThatServersReport) {
  warm_up();
  prepare("SET CHARACTER SET latin1");
  const Texts asked = on_both();
  EXPECT_TRUE(any_has(asked, "collation_connection = @@collation_database")) << last(asked);
}

TEST_F(StatementCommands, SeveralStatementsAreForTheServerToRefuse) {
  warm_up();
  harness_.writer().on(Command::kStmtPrepare,
                       [](Reply& reply) { reply.error(1064, "42000", "You have an error"); });
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT 1; SELECT 2").error, 1064);
}

TEST_F(StatementCommands, CausewaysVariablesHaveTheValuesOfNowAtEachExecute) {
  warm_up();
  const uint32_t id = prepare("SELECT @@aurora_replica_read_consistency");
  client_->execute(id);
  ask("SET aurora_replica_read_consistency = 'EVENTUAL'");
  client_->execute(id);
  const Texts asked = on_both();
  EXPECT_TRUE(any_has(asked, "'SESSION'"));
  EXPECT_NE(last(asked).find("'EVENTUAL'"), std::string::npos) << last(asked);
}

TEST_F(StatementCommands, LongDataForWhatThereIsNotIsDropped) {
  warm_up();
  const uint32_t id = prepare("INSERT INTO t VALUES (?, ?)");
  client_->send_long_data(77, 0, "abc");
  client_->send_long_data(id, 2, "abc");
  client_->send_long_data(id, 1, "def");
  client_->send_long_data(id, 0, "abc");
  client_->send_long_data(id, 1, "ghi");
  on_writer();
  EXPECT_EQ(execute(id, {{.type = 0xfc, .value = {}}, {.type = 0xfc, .value = {}}}).text(), "OK");
  EXPECT_EQ(on_writer(), (Texts{"COM_STMT_SEND_LONG_DATA INSERT INTO t VALUES (?, ?)",
                                "COM_STMT_SEND_LONG_DATA INSERT INTO t VALUES (?, ?)",
                                "COM_STMT_SEND_LONG_DATA INSERT INTO t VALUES (?, ?)",
                                "COM_STMT_EXECUTE INSERT INTO t VALUES (?, ?)"}));
}

TEST_F(StatementCommands, OfAnExecuteThatCannotBeReadTheLongDataIsDropped) {
  warm_up();
  const uint32_t id = prepare("INSERT INTO t VALUES (?)");
  client_->send_long_data(id, 0, "abc");
  const std::string id_bytes = {static_cast<char>(id), 0, 0, 0};
  EXPECT_EQ(client_->command(Command::kStmtExecute, id_bytes).error, 1835);
  on_writer();
  EXPECT_EQ(execute(id, {text_value("x")}).text(), "OK");
  EXPECT_EQ(on_writer(), Texts{"COM_STMT_EXECUTE INSERT INTO t VALUES (?)"});
}

TEST_F(StatementCommands, ACloseIsForBothServersWhereItRan) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t WHERE b = ?");
  client_->execute(id, {"1"});
  ask("BEGIN");
  client_->execute(id, {"1"});
  ask("COMMIT");
  client_->statement_command(Command::kStmtClose, id);
  on_both();
  ask("SELECT b FROM t");
  ask("INSERT INTO t VALUES (1)");
  const Texts asked = on_both();
  EXPECT_EQ(std::count(asked.begin(), asked.end(), "COM_STMT_CLOSE SELECT a FROM t WHERE b = ?"), 2);
}

TEST_F(StatementCommands, InAReadOnlyTransactionAWriteIsRefusedWhenItIsPrepared) {
  ask("START TRANSACTION READ ONLY");
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "INSERT INTO t VALUES (1)").error, 1792);
  ask("COMMIT");
}

TEST_F(StatementCommands, ATransactionThatWasIdleForTooLongIsToldOnce) {
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  harness_.advance(std::chrono::seconds{9});
  const Answer told = client_->command(Command::kStmtPrepare, "SELECT a FROM t");
  EXPECT_NE(told.error, 0) << told.text();
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT a FROM t").error, 0);
}

TEST_F(StatementCommands, AFetchWithoutACursorIsRefused) {
  const uint32_t id = prepare("SELECT a FROM t");
  EXPECT_EQ(client_->fetch(id, 1).error, 1421);
  EXPECT_NE(client_->command(Command::kStmtFetch, "x").error, 0);
}

class ExecuteWithAttributes : public SessionTest {
 protected:
  ExecuteWithAttributes() { capabilities_ |= protocol::capability::kQueryAttributes; }
};

TEST_F(ExecuteWithAttributes, HintsAreAmongThem) {
  const Answer prepared = client_->command(Command::kStmtPrepare, "SELECT a FROM t WHERE b = ?");
  ASSERT_EQ(prepared.error, 0);
  ExecuteCommand command{.id = prepared.statement_id, .values = {text_value("1")}, .with_names = true};
  EXPECT_EQ(client_->command(Command::kStmtExecute, execute_argument(command)).text(), "[replica1]");
  command.attributes = {{"causeway.route", "writer"}};
  EXPECT_EQ(client_->command(Command::kStmtExecute, execute_argument(command)).text(), "[writer]");
  command.attributes = {{"causeway.route", "nonsense"}, {"other", "x"}};
  EXPECT_EQ(client_->command(Command::kStmtExecute, execute_argument(command)).text(), "[replica1]");
  EXPECT_EQ(harness_.metrics().mistaken_hints.value(), 1U);
}

TEST_F(ExecuteWithAttributes, AMalformedExecuteHasItsOwnError) {
  const Answer prepared = client_->command(Command::kStmtPrepare, "SELECT a FROM t WHERE b = ?");
  const std::string id_bytes = {static_cast<char>(prepared.statement_id), 0, 0, 0};
  EXPECT_EQ(client_->command(Command::kStmtExecute, id_bytes).error, 1210);
}

class LittleLongData : public SessionTest {
 protected:
  LittleLongData()
      : SessionTest({.configure = [](proxy::Config& config) { config.limits.max_packet_bytes = 1024; }}) {}
};

TEST_F(LittleLongData, MoreThanAPacketMayHoldIsRefusedAtTheExecute) {
  const Answer prepared = client_->command(Command::kStmtPrepare, "INSERT INTO t VALUES (?)");
  for (int i = 0; i < 3; ++i)
    client_->send_long_data(prepared.statement_id, 0, std::string(500, 'x'));
  const std::string execute =
      execute_argument({.id = prepared.statement_id, .values = {{.type = 0xfc, .value = {}}}});
  EXPECT_NE(client_->command(Command::kStmtExecute, execute).error, 0);
  EXPECT_EQ(harness_.writer().count("INSERT"), 0U);
  client_->send_long_data(prepared.statement_id, 0, "x");
  EXPECT_EQ(client_->command(Command::kStmtExecute, execute).text(), "OK");
}

class FewStatements : public SessionTest {
 protected:
  FewStatements()
      : SessionTest({.configure = [](proxy::Config& config) { config.limits.max_prepared_statements = 2; }}) {
  }
};

TEST_F(FewStatements, MoreThanItsLimitASessionDoesNotPrepare) {
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT 1 FROM t").error, 0);
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT 2 FROM t").error, 0);
  EXPECT_EQ(client_->command(Command::kStmtPrepare, "SELECT 3 FROM t").error, 1461);
}

class StatementCommandsMariadb : public MariadbSessionTest {};

TEST_F(StatementCommandsMariadb, WhatIsWrongIsToldInItsWords) {
  const Answer prepared = client_->command(Command::kStmtPrepare, "SELECT a FROM t WHERE b = ?");
  const std::string id_bytes = {static_cast<char>(prepared.statement_id), 0, 0, 0};
  EXPECT_EQ(client_->command(Command::kStmtExecute, id_bytes).error, 1210);
  EXPECT_NE(client_->fetch(prepared.statement_id, 1).error, 0);
  EXPECT_NE(client_->execute(77).text().find("mysqld_stmt_execute"), std::string::npos);
}

TEST_F(StatementCommandsMariadb, TheLastPreparedStatementCanBeMeant) {
  client_->command(Command::kStmtPrepare, "SELECT a FROM t");
  EXPECT_EQ(client_->execute(0xffffffff).text(), "[replica1]");
}

}  // namespace
}  // namespace causeway::test
