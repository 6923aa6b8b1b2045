#include "proxy/commands/query_commands.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class QueryCommands : public SessionTest {};

TEST_F(QueryCommands, SeveralReadsRunOneAfterTheOther) {
  warm_up();
  EXPECT_EQ(ask("SELECT a FROM t; SELECT b FROM t"), "[replica1]; [replica1]");
  EXPECT_EQ(on_replica(), (Texts{"SELECT a FROM t", "SELECT b FROM t"}));
}

TEST_F(QueryCommands, AnErrorEndsThePacket) {
  warm_up();
  harness_.writer().on("INSERT INTO t VALUES (1)",
                       [](Reply& reply) { reply.error(1062, "23000", "Duplicate entry"); });
  EXPECT_EQ(ask("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"), "1062 23000 Duplicate entry");
}

TEST_F(QueryCommands, WhatIsAnsweredHereIsAnsweredInItsPlace) {
  warm_up();
  const std::string answer = ask("SET aurora_replica_read_consistency='EVENTUAL'; SELECT a FROM t");
  EXPECT_EQ(answer, "OK; [replica1]");
  EXPECT_EQ(ask("SELECT a FROM t; SAVEPOINT x; SELECT b FROM t").find("[replica1]; 1235"), 0U);
}

TEST_F(QueryCommands, ATransactionInOnePacketRunsOnTheWriter) {
  warm_up();
  EXPECT_EQ(ask("BEGIN; INSERT INTO t VALUES (1); COMMIT"), "OK; OK; OK");
  EXPECT_EQ(harness_.books().nodes[0].gauge_leases_in_use, 0);
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(QueryCommands, AnEmptyQueryIsTheServersBusiness) {
  warm_up();
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on("/* nothing */",
                             [](Reply& reply) { reply.error(1065, "42000", "Query was empty"); });
  EXPECT_EQ(client_->query("/* nothing */").error, 1065);
}

TEST_F(QueryCommands, ASchemaIsChosenByAServer) {
  EXPECT_EQ(ask(protocol::Command::kInitDb, "shop"), "OK");
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on("nothere",
                             [](Reply& reply) { reply.error(1049, "42000", "Unknown database 'nothere'"); });
  EXPECT_EQ(ask(protocol::Command::kInitDb, "nothere"), "1049 42000 Unknown database 'nothere'");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

class QueryCommandsWithoutSeveral : public SessionTest {
 protected:
  QueryCommandsWithoutSeveral() { capabilities_ &= ~protocol::capability::kMultiStatements; }
};

TEST_F(QueryCommandsWithoutSeveral, SeveralStatementsAreWhatTheServerSays) {
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on(";", [](Reply& reply) { reply.error(1064, "42000", "You have an error"); });
  EXPECT_EQ(client_->query("SELECT a FROM t; SELECT b FROM t").error, 1064);
}

class QueryAttributes : public SessionTest {
 protected:
  QueryAttributes() { capabilities_ |= protocol::capability::kQueryAttributes; }

  std::string query(std::string_view name, std::string_view value, std::string_view sql) {
    Buffer argument;
    protocol::ByteWriter writer(argument);
    writer.int_lenenc(1);
    writer.int_lenenc(1);
    writer.int1(0);
    writer.int1(1);
    writer.int2(0xfd);
    writer.text_lenenc(name);
    writer.text_lenenc(value);
    writer.text(sql);
    return ask(protocol::Command::kQuery, protocol::as_text(argument));
  }
};

TEST_F(QueryAttributes, AreHints) {
  EXPECT_EQ(query("causeway.route", "writer", "SELECT a FROM t"), "[writer]");
  EXPECT_EQ(query("other.route", "writer", "SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.metrics().mistaken_hints.value(), 0U);
  EXPECT_EQ(query("causeway.route", "nonsense", "SELECT a FROM t"), "[replica1]");
  EXPECT_EQ(harness_.metrics().mistaken_hints.value(), 1U);
}

TEST_F(QueryAttributes, ThatCannotBeReadAreRefused) {
  EXPECT_NE(client_->command(protocol::Command::kQuery, "\x05\x01").error, 0);
  EXPECT_EQ(query("causeway.route", "writer", "SELECT a FROM t"), "[writer]");
}

TEST_F(QueryCommands, ReadsAndWritesInOnePacketGoToTheWriterAsTheyCame) {
  warm_up();
  const std::string_view sql =
      "INSERT INTO t VALUES (1); SELECT a FROM t FOR UPDATE; SELECT LAST_INSERT_ID()";
  EXPECT_EQ(ask(sql).substr(0, 4), "OK; ");
  EXPECT_EQ(on_writer(), Texts{std::string(sql)});
}

TEST_F(QueryCommands, WhatIsForTheServerToRefuseIsSentAsItIs) {
  warm_up();
  for (size_t node = 0; node < 2; ++node) {
    harness_.server(node).on("; ; SELECT", [](Reply& reply) { reply.error(1064, "42000", "syntax"); });
    harness_.server(node).on("--; SELECT", [](Reply& reply) { reply.error(1064, "42000", "syntax"); });
  }
  EXPECT_NE(ask("SAVEPOINT a; ; SELECT b FROM t").find("1235"), std::string::npos);
  ask("SELECT a FROM t; ; SELECT b FROM t");
  ask("SELECT a FROM t; SELECT 1 --; SELECT b FROM t");
  EXPECT_FALSE(client_->hung());
}

TEST_F(QueryCommands, APreparedKillIsOfCausewaysSessions) {
  warm_up();
  EXPECT_EQ(ask("PREPARE s FROM 'KILL 99'"), "OK");
  on_both();
  EXPECT_EQ(client_->query("EXECUTE s").error, 1094);
  EXPECT_EQ(on_both(), Texts{});
}

}  // namespace
}  // namespace causeway::test
