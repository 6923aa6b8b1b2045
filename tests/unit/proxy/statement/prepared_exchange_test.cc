// What a prepared statement is on the connection where it runs: its id, its types, its long data, its cursor.
#include <gtest/gtest.h>

#include "tests/support/execute_command.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

constexpr std::string_view kInsert = "INSERT INTO t VALUES (?)";
constexpr std::string_view kSelect = "SELECT a FROM t WHERE b = ?";

class PreparedExchange : public SessionTest {
 protected:
  explicit PreparedExchange(HarnessOptions options = {}) : SessionTest(std::move(options)) {}

  uint32_t prepare(std::string_view sql) {
    const Answer answer = client_->command(Command::kStmtPrepare, sql);
    EXPECT_EQ(answer.error, 0) << answer.text();
    return answer.statement_id;
  }
  Answer execute(const ExecuteCommand& command) {
    return client_->command(Command::kStmtExecute, execute_argument(command));
  }
  // Another connection takes the place of the session's.
  void lose(ScriptedServer& server) {
    server.close_all();
    harness_.settle();
    server.forget();
  }
};

TEST_F(PreparedExchange, AServerIsToldItsOwnId) {
  warm_up();
  prepare("INSERT INTO t VALUES (0, ?)");
  prepare(kSelect);
  const uint32_t id = prepare(kInsert);
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "OK");
  EXPECT_EQ(statement_id_of(harness_.writer().last_payload(Command::kStmtExecute)), 2U);
  EXPECT_NE(id, 2U);
  lose(harness_.writer());
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "OK");
  EXPECT_EQ(statement_id_of(harness_.writer().last_payload(Command::kStmtExecute)), 1U);
}

// A client sends the types once; a server that has not got them gets them with the next execute.
TEST_F(PreparedExchange, TypesAreSentAgainWhereTheyAreNotKnown) {
  warm_up();
  const uint32_t id = prepare(kInsert);
  const ExecuteCommand typed{.id = id, .values = {number_value(0x03, 7, 4)}};
  const ExecuteCommand untyped{.id = id, .values = {number_value(0x03, 8, 4)}, .with_types = false};
  EXPECT_EQ(execute(typed).text(), "OK");
  const size_t with_types = harness_.writer().last_payload(Command::kStmtExecute).size();
  EXPECT_EQ(execute(untyped).text(), "OK");
  EXPECT_EQ(harness_.writer().last_payload(Command::kStmtExecute).size(), with_types - 2);
  lose(harness_.writer());
  EXPECT_EQ(execute(untyped).text(), "OK");
  const Buffer again = harness_.writer().last_payload(Command::kStmtExecute);
  EXPECT_EQ(again.size(), with_types);
  EXPECT_EQ(again[11], 1);  // types follow
  EXPECT_EQ(again[12], 0x03);
  EXPECT_EQ(again[14], 8);
}

TEST_F(PreparedExchange, AfterAnErrorTheTypesCountAsUnknownThere) {
  warm_up();
  const uint32_t id = prepare(kInsert);
  harness_.writer().on(
      Command::kStmtExecute, [](Reply& reply) { reply.error(1062, "23000", "Duplicate entry"); }, 1);
  EXPECT_EQ(execute({.id = id, .values = {number_value(0x03, 7, 4)}}).error, 1062);
  EXPECT_EQ(execute({.id = id, .values = {number_value(0x03, 8, 4)}, .with_types = false}).text(), "OK");
  EXPECT_EQ(harness_.writer().last_payload(Command::kStmtExecute)[11], 1);
}

// Without types ever: the server says so, as it would to the client.
TEST_F(PreparedExchange, WhatCannotBeReadIsLeftToTheServer) {
  warm_up();
  const uint32_t id = prepare(kInsert);
  const Answer answer = execute({.id = id, .values = {number_value(0x03, 8, 4)}, .with_types = false});
  EXPECT_EQ(answer.text(), "OK");
  EXPECT_EQ(harness_.writer().last_payload(Command::kStmtExecute)[11], 0);
}

TEST_F(PreparedExchange, LongDataHasTheServersIdAndGoesToEachConnectionAnew) {
  warm_up();
  prepare("INSERT INTO t VALUES (0, ?)");
  const uint32_t id = prepare(kInsert);
  client_->send_long_data(id, 0, "abc");
  EXPECT_EQ(execute({.id = id, .values = {{.type = 0xfc}}}).text(), "OK");
  const Buffer sent = harness_.writer().last_payload(Command::kStmtSendLongData);
  EXPECT_EQ(statement_id_of(sent), 2U);
  EXPECT_EQ(protocol::as_text(Bytes(sent).subspan(7)), "abc");
  lose(harness_.writer());
  client_->send_long_data(id, 0, "def");
  EXPECT_EQ(execute({.id = id, .values = {{.type = 0xfc}}}).text(), "OK");
  const Buffer again = harness_.writer().last_payload(Command::kStmtSendLongData);
  EXPECT_EQ(statement_id_of(again), 1U);
  EXPECT_EQ(protocol::as_text(Bytes(again).subspan(7)), "def");
}

TEST_F(PreparedExchange, ACursorIsFetchedFromWhereItIs) {
  warm_up();
  harness_.replica().on(Command::kStmtExecute, [](Reply& reply) { reply.cursor({"a"}); });
  harness_.replica().on(
      Command::kStmtFetch, [](Reply& reply) { reply.fetched({"1"}, false); }, 1);
  harness_.writer().on(Command::kStmtFetch, [](Reply& reply) { reply.error(1105, "HY000", "not here"); });
  const uint32_t id = prepare("SELECT a FROM t");
  client_->execute(id, {}, 1);
  EXPECT_EQ(client_->fetch(id, 1).error, 0);
  // It stays there, whatever runs elsewhere meanwhile.
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 1);
  harness_.replica().on(Command::kStmtFetch, [](Reply& reply) { reply.fetched({"2"}, true); });
  EXPECT_EQ(client_->fetch(id, 1).error, 0);
  EXPECT_EQ(client_->fetch(id, 1).error, 1421);
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 0);
}

TEST_F(PreparedExchange, AResetClosesTheCursorWhereItIs) {
  warm_up();
  harness_.replica().on(Command::kStmtExecute, [](Reply& reply) { reply.cursor({"a"}); });
  const uint32_t id = prepare("SELECT a FROM t");
  client_->execute(id, {}, 1);
  on_replica();
  EXPECT_EQ(client_->statement_command(Command::kStmtReset, id).text(), "OK");
  EXPECT_EQ(on_replica(), Texts{"COM_STMT_RESET SELECT a FROM t"});
  EXPECT_EQ(client_->fetch(id, 1).error, 1421);
}

TEST_F(PreparedExchange, AnExecuteThatFailsLeavesNoCursor) {
  warm_up();
  const uint32_t id = prepare("SELECT a FROM t");
  harness_.replica().on(
      Command::kStmtExecute, [](Reply& reply) { reply.cursor({"a"}); }, 1);
  client_->execute(id, {}, 1);
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 1);
  harness_.replica().on(Command::kStmtExecute,
                        [](Reply& reply) { reply.error(1690, "22003", "out of range"); });
  EXPECT_EQ(client_->execute(id, {}, 1).error, 1690);
  EXPECT_EQ(client_->fetch(id, 1).error, 1421);
  EXPECT_EQ(harness_.books().nodes[1].gauge_leases_in_use, 0);
}

TEST_F(PreparedExchange, ACursorThatIsLostWithItsConnectionIsAnError) {
  warm_up();
  harness_.replica().on(Command::kStmtExecute, [](Reply& reply) { reply.cursor({"a"}); });
  const uint32_t id = prepare("SELECT a FROM t");
  client_->execute(id, {}, 1);
  lose(harness_.replica());
  EXPECT_NE(client_->fetch(id, 1).error, 0);
  EXPECT_EQ(ask("SELECT b FROM t"), "[replica1]");
}

// What the other server says to the text is the answer to the execute.
TEST_F(PreparedExchange, ARefusalToPrepareElsewhereIsTheAnswerToTheExecute) {
  warm_up();
  const uint32_t id = prepare(kInsert);
  lose(harness_.writer());
  harness_.writer().on(Command::kStmtPrepare,
                       [](Reply& reply) { reply.error(1146, "42S02", "Table 'app.t' doesn't exist"); });
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "1146 42S02 Table 'app.t' doesn't exist");
  EXPECT_EQ(harness_.writer().count("INSERT"), 0U);
  EXPECT_EQ(ask("UPDATE t SET a = 1"), "OK");
}

TEST_F(PreparedExchange, WhatAReplicaDoesNotKnowRunsOnTheWriter) {
  warm_up();
  const uint32_t id = prepare(kSelect);
  lose(harness_.replica());
  harness_.replica().on(Command::kStmtPrepare,
                        [](Reply& reply) { reply.error(1146, "42S02", "Table 'app.t' doesn't exist"); });
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "[writer]");
}

TEST_F(PreparedExchange, AnAnswerToAPrepareThatIsNoneEndsTheConnection) {
  warm_up();
  harness_.writer().on(Command::kStmtPrepare, [](Reply& reply) { reply.text(std::string("\0\1\0", 3)); });
  const Answer answer = client_->command(Command::kStmtPrepare, kInsert);
  EXPECT_NE(answer.error, 0) << answer.text();
  EXPECT_EQ(ask("UPDATE t SET a = 1"), "OK");
}

TEST_F(PreparedExchange, AnAnswerToAPrepareAheadThatIsNoneEndsTheConnectionToo) {
  warm_up();
  const uint32_t id = prepare(kInsert);
  lose(harness_.writer());
  harness_.writer().on(Command::kStmtPrepare, [](Reply& reply) { reply.text(std::string("\0\1\0", 3)); });
  const Answer answer = client_->execute(id, {"1"});
  EXPECT_NE(answer.error, 0) << answer.text();
  EXPECT_EQ(harness_.writer().count("INSERT"), 0U);
}

// Names in a text mean what they meant when it was prepared.
TEST_F(PreparedExchange, OnANewConnectionItIsPreparedInItsOwnSchema) {
  warm_up();
  ask(Command::kInitDb, "shop");
  const uint32_t id = prepare(kInsert);
  ask(Command::kInitDb, "store");
  lose(harness_.writer());
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "OK");
  const Texts asked = on_writer();
  const Texts tail(asked.end() - std::min<ptrdiff_t>(4, std::ssize(asked)), asked.end());
  EXPECT_EQ(tail, (Texts{"COM_INIT_DB shop", "COM_STMT_PREPARE INSERT INTO t VALUES (?)", "COM_INIT_DB store",
                         "COM_STMT_EXECUTE INSERT INTO t VALUES (?)"}));
}

TEST_F(PreparedExchange, ASchemaOfThenThatIsGoneIsTheAnswer) {
  warm_up();
  ask(Command::kInitDb, "shop");
  const uint32_t id = prepare(kInsert);
  ask(Command::kInitDb, "store");
  lose(harness_.writer());
  harness_.writer().on("shop", [](Reply& reply) { reply.error(1049, "42000", "Unknown database 'shop'"); });
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "1049 42000 Unknown database 'shop'");
  // What was prepared in the wrong schema is closed there.
  ask("UPDATE t SET a = 1");
  EXPECT_TRUE(any_has(on_writer(), "COM_STMT_CLOSE"));
}

TEST_F(PreparedExchange, OnANewConnectionItIsPreparedInItsOwnSqlMode) {
  for (size_t node = 0; node < 2; ++node) {
    report_variable(harness_.server(node), "SET sql_mode='ANSI'", "sql_mode", "ANSI");
    report_variable(harness_.server(node), "SET sql_mode=''", "sql_mode", "");
  }
  warm_up();
  ask("SET sql_mode='ANSI'");
  const uint32_t id = prepare(kInsert);
  ask("SET sql_mode=''");
  lose(harness_.writer());
  EXPECT_EQ(client_->execute(id, {"1"}).text(), "OK");
  const Texts asked = on_writer();
  ASSERT_GE(asked.size(), 4U);
  const size_t end = asked.size();
  EXPECT_TRUE(asked[end - 4].starts_with("SET sql_mode=_utf8mb4'ANSI'")) << asked[end - 4];
  EXPECT_EQ(asked[end - 3], "COM_STMT_PREPARE INSERT INTO t VALUES (?)");
  EXPECT_TRUE(asked[end - 2].starts_with("SET sql_mode=_utf8mb4''")) << asked[end - 2];
}

// The next statement would be read by a sql_mode that is not the session's.
TEST_F(PreparedExchange, WhereTheSqlModeOfNowDoesNotComeBackTheConnectionIsClosed) {
  for (size_t node = 0; node < 2; ++node) {
    report_variable(harness_.server(node), "SET sql_mode='ANSI'", "sql_mode", "ANSI");
    report_variable(harness_.server(node), "SET sql_mode=''", "sql_mode", "");
  }
  warm_up();
  ask("SET sql_mode='ANSI'");
  const uint32_t id = prepare(kInsert);
  ask("SET sql_mode=''");
  lose(harness_.writer());
  harness_.writer().on("SET sql_mode=_utf8mb4'',", [](Reply& reply) { reply.error(1231, "42000", "no"); });
  const Answer answer = client_->execute(id, {"1"});
  EXPECT_NE(answer.error, 0) << answer.text();
  EXPECT_EQ(harness_.writer().count("COM_STMT_EXECUTE"), 0U);
}

TEST_F(PreparedExchange, MoreStatementsThanAConnectionMayHoldTakeThePlaceOfTheOldest) {
  warm_up();
  const size_t most = proxy::PreparedStatements::kMaxPerConnection;
  std::vector<uint32_t> ids;
  for (size_t i = 0; i <= most; ++i)
    ids.push_back(prepare("INSERT INTO t VALUES (" + std::to_string(i) + ", ?)"));
  EXPECT_TRUE(any_has(on_writer(), "COM_STMT_CLOSE INSERT INTO t VALUES (0, ?)"));
  EXPECT_EQ(client_->execute(ids[0], {"1"}).text(), "OK");
  EXPECT_TRUE(any_has(on_writer(), "COM_STMT_PREPARE INSERT INTO t VALUES (0, ?)"));
}

class PreparedExchangeMariadb : public PreparedExchange {
 protected:
  PreparedExchangeMariadb() : PreparedExchange({.flavor = Flavor::kMariadb}) {}

  Answer bulk(uint32_t id, const Texts& rows, bool with_types) {
    return client_->command(Command::kMariadbStmtBulkExecute, bulk_argument(id, rows, with_types));
  }
};

TEST_F(PreparedExchangeMariadb, ABulkExecuteHasItsTypesOnANewConnection) {
  warm_up();
  const uint32_t id = prepare(kInsert);
  EXPECT_EQ(bulk(id, {"a", "b"}, true).text(), "OK");
  const Buffer typed = harness_.writer().last_payload(Command::kMariadbStmtBulkExecute);
  EXPECT_EQ(bulk(id, {"c", "d"}, false).text(), "OK");
  EXPECT_EQ(harness_.writer().last_payload(Command::kMariadbStmtBulkExecute).size(), typed.size() - 2);
  lose(harness_.writer());
  EXPECT_EQ(bulk(id, {"e", "f"}, false).text(), "OK");
  EXPECT_EQ(harness_.writer().last_payload(Command::kMariadbStmtBulkExecute).size(), typed.size());
}

TEST_F(PreparedExchangeMariadb, ABulkExecuteThatIsNoneIsRefused) {
  const uint32_t id = prepare(kInsert);
  EXPECT_NE(client_->command(Command::kMariadbStmtBulkExecute, std::string("\1\0\0\0", 4)).error, 0);
  EXPECT_EQ(bulk(77, {"a"}, true).error, 1243);
  EXPECT_EQ(client_->command(Command::kMariadbStmtBulkExecute, "").error, 1243);
  EXPECT_EQ(bulk(id, {"a"}, true).text(), "OK");
}

}  // namespace
}  // namespace causeway::test
