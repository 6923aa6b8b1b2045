#include "proxy/session/session_tracking.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

TEST(SqlMode, ChangesHowTextsAreRead) {
  routing::LexMode mode;
  proxy::take_sql_mode(mode, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
  EXPECT_TRUE(mode.ansi_quotes);
  EXPECT_TRUE(mode.no_backslash_escapes);
  proxy::take_sql_mode(mode, "STRICT_TRANS_TABLES");
  EXPECT_FALSE(mode.ansi_quotes);
  EXPECT_FALSE(mode.no_backslash_escapes);
}

class SessionTracking : public SessionTest {};

TEST_F(SessionTracking, AVariableThatAServerReportsIsTakenToTheOtherOne) {
  warm_up();
  report_variable(harness_.writer(), "CALL", "time_zone", "UTC");
  ask("CALL p()");
  on_replica();
  ask("SELECT a FROM t");
  const Texts asked = on_replica();
  ASSERT_GE(asked.size(), 2U);
  EXPECT_NE(asked[asked.size() - 2].find("time_zone"), std::string::npos) << asked[asked.size() - 2];
}

TEST_F(SessionTracking, ASchemaThatAServerReportsToo) {
  warm_up();
  harness_.writer().on("CALL", [](Reply& reply) { reply.ok({.schema = "shop"}); });
  ask("CALL p()");
  on_replica();
  ask("SELECT a FROM t");
  const Texts asked = on_replica();
  EXPECT_NE(std::find(asked.begin(), asked.end(), "COM_INIT_DB shop"), asked.end());
}

TEST_F(SessionTracking, TheCollationOfSetNamesIsTakenFromItsText) {
  warm_up();
  for (size_t node = 0; node < harness_.nodes(); ++node) {
    harness_.server(node).on("SET NAMES", [](Reply& reply) {
      reply.ok({.variables = {{"character_set_client", "latin1"},
                              {"character_set_connection", "latin1"},
                              {"character_set_results", "latin1"}}});
    });
  }
  ask("SET NAMES latin1 COLLATE latin1_bin");
  ask("SELECT a FROM t");
  ask("INSERT INTO t VALUES (1)");
  Texts asked = on_both();
  const bool has = std::any_of(asked.begin(), asked.end(), [](const std::string& one) {
    return one.starts_with("SET ") && one.find("latin1_bin") != std::string::npos;
  });
  EXPECT_TRUE(has);
}

TEST_F(SessionTracking, ARolePinsTheSession) {
  warm_up();
  ask("SET ROLE admin");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(SessionTracking, MoreThanOneWriteIsOnePosition) {
  warm_up();
  for (int i = 0; i < 3; ++i)
    ask("INSERT INTO t VALUES (1)");
  on_replica();
  ask("SELECT a FROM t");
  EXPECT_NE(on_replica().at(0).find("101-104'"), std::string::npos);
}

// What a statement has set is the session's, wherever it goes from then on.
TEST_F(SessionTracking, AConnectionThatIsNewIsToldOfEachVariable) {
  const std::pair<std::string, std::string> variables[] = {
      {"sql_mode", "ANSI_QUOTES"}, {"wait_timeout", "100"}, {"time_zone", "UTC"}};
  warm_up();
  for (const auto& [name, value] : variables) {
    for (size_t node = 0; node < 2; ++node)
      report_variable(harness_.server(node), "SET " + name, name, value);
    EXPECT_EQ(ask("SET " + name + " = " + value), "OK");
  }
  for (size_t node = 0; node < 2; ++node)
    harness_.server(node).close_all();
  harness_.settle();
  on_both();
  ask("SELECT b FROM t");  // finds its connection gone, and runs on the writer
  EXPECT_EQ(ask("SELECT \"a\" FROM t"), "[replica1]");
  const Texts asked = on_replica();
  for (const auto& [name, value] : variables)
    EXPECT_TRUE(any_has(asked, name)) << name;
}

// Whatever it means for the session, it goes on.
TEST_F(SessionTracking, EachVariableThatMeansSomethingIsTakenOver) {
  const std::pair<std::string, std::string> variables[] = {{"character_set_client", "gbk"},
                                                           {"sql_auto_is_null", "ON"},
                                                           {"completion_type", "NO_CHAIN"},
                                                           {"session_track_transaction_info", "STATE"},
                                                           {"session_track_state_change", "ON"}};
  warm_up();
  for (const auto& [name, value] : variables) {
    for (size_t node = 0; node < 2; ++node)
      report_variable(harness_.server(node), "SET " + name, name, value);
    EXPECT_EQ(ask("SET " + name + " = " + value), "OK");
    const std::string read = ask("SELECT a FROM t");
    EXPECT_TRUE(read == "[replica1]" || read == "[writer]") << name << ": " << read;
    EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  }
}

TEST_F(SessionTracking, WithoutAutocommitReadsAreOfATransaction) {
  warm_up();
  report_variable(harness_.writer(), "SET autocommit", "autocommit", "OFF");
  report_variable(harness_.replica(), "SET autocommit", "autocommit", "OFF");
  ask("SET autocommit = 0");
  EXPECT_EQ(ask("INSERT INTO t VALUES (1)"), "OK");
  on_both();
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(SessionTracking, AnOwnWaitTimeoutEndsTheSession) {
  warm_up();
  report_variable(harness_.writer(), "CALL", "wait_timeout", "3");
  ask("CALL p()");
  harness_.advance(std::chrono::seconds{2});
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  harness_.advance(std::chrono::seconds{4});
  EXPECT_NE(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(SessionTracking, CompletionTypeMakesAChainOfTransactions) {
  warm_up();
  report_variable(harness_.writer(), "CALL", "completion_type", "CHAIN");
  ask("CALL p()");
  harness_.writer().on("COMMIT", [](Reply& reply) {
    reply.connection.in_transaction = true;
    reply.ok();
  });
  ask("BEGIN");
  ask("INSERT INTO t VALUES (1)");
  ask("COMMIT");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
  harness_.writer().on("ROLLBACK", [](Reply& reply) {
    reply.connection.in_transaction = false;
    reply.ok();
  });
  ask("ROLLBACK AND NO CHAIN");
}

TEST_F(SessionTracking, AReadOnlyVariableIsTheSessionsOwn) {
  warm_up();
  for (size_t node = 0; node < 2; ++node)
    report_variable(harness_.server(node), "SET transaction_read_only", "transaction_read_only", "ON");
  ask("SET transaction_read_only = 1");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
  harness_.writer().close_all();
  harness_.settle();
  on_both();
  ask("INSERT INTO t VALUES (1)");
  EXPECT_TRUE(any_has(on_writer(), "transaction_read_only"));
}

TEST_F(SessionTracking, AnIdThatIsSetIsWhatLastInsertIdSays) {
  warm_up();
  for (const std::string name : {"last_insert_id", "identity"}) {
    for (size_t node = 0; node < 2; ++node)
      report_variable(harness_.server(node), "SET " + name, name, "42");
    ask("SET " + name + " = 42");
    on_both();
    // Where it was set it is known.
    const bool on_writer = ask("SELECT LAST_INSERT_ID(), a FROM t") == "[writer]";
    EXPECT_TRUE(on_writer || any_has(on_both(), "SET last_insert_id=42")) << name;
  }
}

TEST_F(SessionTracking, AStateChangeOfAProcedurePinsTheSession) {
  warm_up();
  harness_.writer().on("CALL", [](Reply& reply) { reply.ok({.state_change = true}); });
  ask("CALL p()");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

// It may have set anything.
TEST_F(SessionTracking, AProcedureThatFailsPinsTheSession) {
  warm_up();
  harness_.writer().on("CALL", [](Reply& reply) { reply.error(1644, "45000", "signalled"); });
  EXPECT_EQ(client_->query("CALL p()").error, 1644);
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

class SessionTrackingOnMariadb : public MariadbSessionTest {};

TEST_F(SessionTrackingOnMariadb, OfASetStatementNothingIsLeft) {
  warm_up();
  report_variable(harness_.writer(), "SET STATEMENT", "sql_mode", "ANSI_QUOTES");
  ask("SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR INSERT INTO t VALUES (1)");
  on_both();
  ask("SELECT a FROM t");
  EXPECT_FALSE(any_has(on_both(), "ANSI_QUOTES"));
}

TEST_F(SessionTrackingOnMariadb, WhatOthersSetWithinIsTheSessions) {
  warm_up();
  report_variable(harness_.writer(), "SET STATEMENT", "time_zone", "UTC");
  ask("SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR CALL p()");
  on_both();
  ask("SELECT a FROM t");
  EXPECT_TRUE(any_has(on_both(), "time_zone"));
}

TEST_F(SessionTrackingOnMariadb, AGtidIsAWriteOfTheSession) {
  warm_up();
  harness_.writer().on("INSERT INTO other", [](Reply& reply) { reply.ok({.gtid = "0-1-150"}); });
  ask("INSERT INTO other VALUES (1)");
  on_both();
  ask("SELECT a FROM t");
  EXPECT_TRUE(any_has(on_replica(), "MASTER_GTID_WAIT(_utf8mb4'0-1-150'"));
}

// Only the writer knows how far it is.
TEST_F(SessionTrackingOnMariadb, AGtidThatCannotBeReadIsAWriteSomewhere) {
  warm_up();
  harness_.writer().on("INSERT INTO other", [](Reply& reply) { reply.ok({.gtid = "nonsense"}); });
  ask("INSERT INTO other VALUES (1)");
  on_both();
  ask("SELECT a FROM t");
  EXPECT_TRUE(any_has(on_both(), "@@global.gtid"));
}

class SessionTrackingOfClient : public SessionTest {
 protected:
  SessionTrackingOfClient() { capabilities_ |= protocol::capability::kSessionTrack; }

  std::string told(std::string_view sql) {
    const Answer answer = client_->query(sql);
    return std::string(protocol::as_text(answer.bytes));
  }
};

TEST_F(SessionTrackingOfClient, AClientGetsWhatItHasAskedFor) {
  warm_up();
  const auto report_all = [](Reply& reply) {
    reply.ok({.variables = {{"sql_mode", "ANSI"}, {"autocommit", "ON"}},
              .schema = "shop",
              .gtid = "00000000-0000-0000-0000-000000000001:150"});
  };
  harness_.writer().on("CALL", report_all);
  EXPECT_NE(told("CALL p()").find("shop"), std::string::npos);
  EXPECT_EQ(told("CALL p()").find("sql_mode"), std::string::npos);
  EXPECT_EQ(told("CALL p()").find("-000000000001:150"), std::string::npos);
  ask("SET session_track_system_variables = '*', session_track_gtids = 'OWN_GTID', session_track_schema = 0");
  EXPECT_NE(told("CALL p()").find("sql_mode"), std::string::npos);
  EXPECT_NE(told("CALL p()").find("-000000000001:150"), std::string::npos);
  EXPECT_EQ(told("CALL p()").find("shop"), std::string::npos);
}

TEST_F(SessionTrackingOfClient, ABeginThatIsKeptForLaterIsToldAsAServerWould) {
  const Answer answer = client_->query("BEGIN");
  EXPECT_NE(answer.status & protocol::status::kInTransaction, 0);
  EXPECT_NE(answer.status & protocol::status::kSessionStateChanged, 0);
}

TEST_F(SessionTrackingOfClient, AListOfVariablesIsReadAsServersReadIt) {
  warm_up();
  harness_.writer().on("CALL", [](Reply& reply) {
    reply.ok({.variables = {{"sql_mode", "ANSI"}, {"time_zone", "UTC"}, {"autocommit", "ON"}}});
  });
  ask("SET session_track_system_variables = 'SQL_MODE , lc_time_names'");
  const std::string listed = told("CALL p()");
  EXPECT_NE(listed.find("sql_mode"), std::string::npos);
  EXPECT_EQ(listed.find("time_zone"), std::string::npos);
  ask("SET session_track_system_variables = ''");
  EXPECT_EQ(told("CALL p()").find("sql_mode"), std::string::npos);
}

TEST_F(SessionTrackingOfClient, TransactionsAreToldToWhoHasAskedForThem) {
  warm_up();
  harness_.writer().on("CALL", [](Reply& reply) {
    reply.ok({.state_change = true,
              .transaction_characteristics = "START TRANSACTION READ ONLY;",
              .transaction_state = "T___R___"});
  });
  EXPECT_EQ(told("CALL p()").find("READ ONLY"), std::string::npos);
  for (size_t node = 0; node < 2; ++node)
    report_variable(harness_.server(node), "SET session_track_transaction_info",
                    "session_track_transaction_info", "CHARACTERISTICS");
  ask("SET session_track_transaction_info = 'CHARACTERISTICS'");
  EXPECT_NE(told("CALL p()").find("READ ONLY"), std::string::npos);
}

class SessionTrackingOfMariadbsClient : public MariadbSessionTest {
 protected:
  SessionTrackingOfMariadbsClient() { capabilities_ |= protocol::capability::kSessionTrack; }
};

// Causeway has sent it in another form, of which the server says more.
TEST_F(SessionTrackingOfMariadbsClient, OfARewrittenSetItGetsWhatItsOwnFormWouldHaveSaid) {
  warm_up();
  for (size_t node = 0; node < 2; ++node) {
    report_variable(harness_.server(node), "SET @@session.time_zone", "time_zone", "UTC");
    report_variable(harness_.server(node), "SET CHARACTER SET", "time_zone", "UTC");
  }
  const auto told = [this](std::string_view sql) {
    const Answer answer = client_->query(sql);
    return std::string(protocol::as_text(answer.bytes));
  };
  EXPECT_EQ(told("SET @@time_zone = 'UTC'").find("time_zone"), std::string::npos);
  EXPECT_NE(told("SET CHARACTER SET latin1").find("time_zone"), std::string::npos);
}

}  // namespace
}  // namespace causeway::test
