#include "routing/route_decision.h"

#include <gtest/gtest.h>

#include "routing/classifier.h"

namespace causeway::routing {
namespace {

Decision decide_sql(std::string_view sql, const SessionView& session = {}, const RoutingPolicy& policy = {}) {
  Classified classified;
  classify(sql, {}, classified);
  return decide(classified.statements.front(), session, policy);
}

std::string where(std::string_view sql, const SessionView& session = {}) {
  const Decision decision = decide_sql(sql, session);
  if (decision.action != Action::kRun) return "not run";
  return std::string(decision.target == Target::kWriter ? "writer" : "replica") +
         (decision.wait ? ", wait" : "");
}

TEST(RouteDecision, EachClassOfAForwardingSessionGoesWhereTheContractSays) {
  const struct {
    const char* sql;
    const char* where;
  } table[] = {
      {"SELECT * FROM t", "replica, wait"},
      {"TABLE t", "replica, wait"},
      {"SHOW TABLES", "replica, wait"},
      {"EXPLAIN SELECT 1", "replica, wait"},
      {"USE app", "replica, wait"},
      {"SET sql_mode = ''", "replica, wait"},
      {"SELECT * FROM t FOR UPDATE", "writer"},
      {"SELECT GET_LOCK('a', 1)", "writer"},
      {"SELECT * FROM t INTO OUTFILE '/tmp/x'", "writer"},
      {"INSERT INTO t VALUES (1)", "writer"},
      {"CALL p()", "writer"},
      {"CREATE TABLE t (a INT)", "writer"},
      {"GRANT SELECT ON t TO u", "writer"},
      {"SET GLOBAL max_connections = 1", "writer"},
      {"SET @a = 1", "writer"},
      {"SELECT 1 INTO @a", "writer"},
      {"SET ROLE r", "writer"},
      {"SET timestamp = 5", "writer"},
      {"SET @@session.Insert_Id = 5, sql_mode = ''", "writer"},
      {"CREATE TEMPORARY TABLE t (a INT)", "writer"},
      {"LOCK TABLES t READ", "writer"},
      {"PREPARE s FROM 'SELECT 1'", "writer"},
      {"what is this", "writer"},
  };
  for (const auto& row : table)
    EXPECT_EQ(where(row.sql), row.where) << row.sql;
}

TEST(RouteDecision, WhatIsNotSupportedIsRejectedUnlessForwarded) {
  const struct {
    const char* sql;
    const char* operation;
  } table[] = {{"SAVEPOINT a", "SAVEPOINT"},
               {"ROLLBACK TO a", "SAVEPOINT"},
               {"XA START 'x'", "XA"},
               {"LOAD DATA INFILE 'x' INTO TABLE t", "LOAD DATA"},
               {"INSTALL PLUGIN p SONAME 'x'", "INSTALL PLUGIN"}};
  const RoutingPolicy forward{
      .forward_savepoint = true, .forward_xa = true, .forward_load_data = true, .forward_plugin = true};
  for (const auto& row : table) {
    EXPECT_EQ(decide_sql(row.sql).action, Action::kReject) << row.sql;
    EXPECT_EQ(decide_sql(row.sql).operation, row.operation) << row.sql;
    EXPECT_EQ(decide_sql(row.sql, {}, forward).target, Target::kWriter) << row.sql;
  }
  EXPECT_EQ(decide_sql("CREATE TABLE t (a INT)", {}, {.forward_ddl = false}).operation, "DDL");
}

TEST(RouteDecision, TransactionsBeginWhereTheirStatementsRun) {
  EXPECT_EQ(decide_sql("BEGIN").action, Action::kDeferBegin);
  EXPECT_EQ(where("START TRANSACTION WITH CONSISTENT SNAPSHOT"), "writer");
  EXPECT_EQ(where("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"), "replica, wait");
  EXPECT_EQ(decide_sql("COMMIT").action, Action::kNothingOpen);
  EXPECT_EQ(decide_sql("COMMIT AND CHAIN").action, Action::kDeferBegin);
  EXPECT_EQ(decide_sql("SET TRANSACTION READ ONLY").action, Action::kRememberNextTransaction);

  const SessionView deferred{.begin_deferred = true};
  EXPECT_EQ(where("SELECT 1", deferred), "writer");
  EXPECT_EQ(decide_sql("COMMIT", deferred).action, Action::kEndDeferred);
  EXPECT_EQ(decide_sql("SAVEPOINT a", deferred).action, Action::kReject);
  const SessionView read_only{.begin_deferred = true, .deferred_read_only = true};
  EXPECT_EQ(where("SELECT 1", read_only), "replica, wait");
  EXPECT_EQ(decide_sql("INSERT INTO t VALUES (1)", read_only).action, Action::kReadOnlyTransactionError);
}

TEST(RouteDecision, WhatABeginOrACommitWouldDoBesideTheTransactionIsLeftToAServer) {
  for (const SessionView& view : {SessionView{.pinned_to = Target::kWriter}, SessionView{.autocommit = false},
                                  SessionView{.tracks_transactions = true}}) {
    for (const char* sql : {"BEGIN", "COMMIT", "ROLLBACK", "COMMIT AND CHAIN"})
      EXPECT_EQ(where(sql, view), "writer") << sql;
  }
}

TEST(RouteDecision, TheNextTransactionIsReadOnlyIfSomethingSaysSo) {
  const auto starts = [](const char* sql, const SessionView& view) {
    Classified classified;
    classify(sql, {}, classified);
    return starts_read_only(classified.statements.front(), view);
  };
  EXPECT_FALSE(starts("BEGIN", {}));
  EXPECT_TRUE(starts("START TRANSACTION READ ONLY", {}));
  EXPECT_TRUE(starts("BEGIN", {.transaction_read_only = true}));
  EXPECT_TRUE(starts("BEGIN", {.next_transaction_read_only = true}));
  EXPECT_TRUE(starts("COMMIT AND CHAIN", {.next_transaction_read_only = true}));
  EXPECT_FALSE(starts("START TRANSACTION READ WRITE", {.transaction_read_only = true}));
  // MySQL
  const SessionView in_one{.transaction = Target::kReplica, .begin_keeps_access_mode = true};
  const SessionView in_deferred{
      .begin_deferred = true, .deferred_read_only = true, .begin_keeps_access_mode = true};
  EXPECT_TRUE(starts("BEGIN", in_one));
  EXPECT_TRUE(starts("BEGIN", in_deferred));
  EXPECT_FALSE(starts("START TRANSACTION READ WRITE", in_one));
  EXPECT_FALSE(starts(
      "BEGIN",
      {.transaction = Target::kWriter, .transaction_read_only = true, .begin_keeps_access_mode = true}));
  // MariaDB
  EXPECT_FALSE(starts("BEGIN", {.transaction = Target::kReplica}));
}

TEST(RouteDecision, AdministrationIsNotDoneOnAReplica) {
  const SessionView deferred{.begin_deferred = true, .deferred_read_only = true};
  const SessionView open{.transaction = Target::kReplica};
  for (const SessionView& view : {deferred, open}) {
    EXPECT_EQ(where("SET GLOBAL max_connections = 10", view), "writer");
    EXPECT_EQ(decide_sql("FLUSH STATUS", view).action, Action::kLeaveReadOnly);
    EXPECT_EQ(decide_sql("RESET MASTER", view).action, Action::kLeaveReadOnly);
  }
  const SessionView off{.forwarding = false, .pinned_to = Target::kReplica};
  EXPECT_EQ(decide_sql("FLUSH STATUS", off).action, Action::kReadOnlyError);
  EXPECT_EQ(decide_sql("SET GLOBAL read_only = 0", off).action, Action::kReadOnlyError);
}

TEST(RouteDecision, NobodyShutsAServerDown) {
  for (const bool forwarding : {true, false}) {
    for (const char* sql : {"SHUTDOWN", "RESTART", "SHUTDOWN WAIT FOR ALL SLAVES"})
      EXPECT_EQ(decide_sql(sql, {.forwarding = forwarding}).action, Action::kReject) << sql;
  }
}

TEST(RouteDecision, ATransactionThatTheClientTracksBeginsOnItsServerAtOnce) {
  const SessionView tracks{.tracks_transactions = true};
  EXPECT_EQ(where("BEGIN"), "not run");
  EXPECT_EQ(where("BEGIN", tracks), "writer");
  EXPECT_EQ(where("START TRANSACTION READ ONLY", tracks), "replica, wait");
}

TEST(RouteDecision, AnOpenTransactionTakesEverything) {
  const SessionView on_writer{.transaction = Target::kWriter};
  const SessionView on_replica{.transaction = Target::kReplica};
  for (const char* sql : {"SELECT 1", "SHOW TABLES", "SET sql_mode = ''", "COMMIT"}) {
    EXPECT_EQ(where(sql, on_writer), "writer") << sql;
    EXPECT_EQ(where(sql, on_replica), "replica") << sql;
  }
  EXPECT_EQ(where("INSERT INTO t VALUES (1)", on_writer), "writer");
  EXPECT_EQ(decide_sql("INSERT INTO t VALUES (1)", on_replica).action, Action::kReadOnlyTransactionError);
  EXPECT_EQ(decide_sql("DROP TABLE t", on_replica).action, Action::kLeaveReadOnly);
}

TEST(RouteDecision, WhatIsOnTheWriterAReadOnlyTransactionGetsThere) {
  const SessionView waits{.begin_deferred = true, .deferred_read_only = true};
  const SessionView has_read_nothing{.transaction = Target::kReplica, .snapshot_due = true};
  const SessionView has_read{.transaction = Target::kReplica, .has_last_insert_id = true};
  const struct {
    const char* sql;
    bool beside;  // a transaction that has read something
  } table[] = {{"SELECT GET_LOCK('a', 0)", true},
               {"DO GET_LOCK('a', 0)", true},
               {"SELECT LAST_INSERT_ID()", true},
               {"SELECT LAST_INSERT_ID() FROM t", false},
               {"SET @a = 1", false},
               {"SELECT @a := 1", false},
               {"SELECT 1 INTO @a", false},
               {"SET ROLE r", false},
               {"SET timestamp = 5", false},
               {"CALL p()", false},
               {"HANDLER t OPEN", false},
               {"EXECUTE IMMEDIATE 'SELECT 1'", false}};
  for (const auto& row : table) {
    SessionView view = waits;
    view.has_last_insert_id = true;
    EXPECT_EQ(where(row.sql, view), "writer") << row.sql;
    EXPECT_FALSE(decide_sql(row.sql, view).beside_transaction) << row.sql;
    view = has_read_nothing;
    view.has_last_insert_id = true;
    EXPECT_EQ(where(row.sql, view), "writer") << row.sql;
    EXPECT_TRUE(decide_sql(row.sql, view).takes_transaction_along) << row.sql;
    EXPECT_EQ(where(row.sql, has_read), row.beside ? "writer" : "replica") << row.sql;
    EXPECT_EQ(decide_sql(row.sql, has_read).beside_transaction, row.beside) << row.sql;
  }
  const SessionView has_variables{
      .begin_deferred = true, .deferred_read_only = true, .has_user_variables = true};
  EXPECT_EQ(where("SELECT * FROM t", has_variables), "writer");
  EXPECT_EQ(
      where("SELECT 1", {.autocommit = false, .transaction_read_only = true, .has_user_variables = true}),
      "writer");
  EXPECT_EQ(where("SIGNAL SQLSTATE '45000'", has_read), "replica");
}

TEST(RouteDecision, AQuestionAboutTheLastStatementBeginsNoTransaction) {
  for (const Target last : {Target::kWriter, Target::kReplica}) {
    for (const bool read_only : {true, false}) {
      SessionView view{.begin_deferred = true, .deferred_read_only = read_only, .last_target = last};
      view.warned_by = last;
      view.counted_by = last;
      for (const char* sql : {"SELECT FOUND_ROWS()", "SHOW WARNINGS", "SELECT @@warning_count"}) {
        EXPECT_EQ(decide_sql(sql, view).target, last) << sql;
        EXPECT_TRUE(decide_sql(sql, view).beside_transaction) << sql;
      }
      EXPECT_FALSE(decide_sql("SELECT FOUND_ROWS() FROM t", view).beside_transaction);
    }
    EXPECT_EQ(decide_sql("SELECT FOUND_ROWS()", {.autocommit = false, .counted_by = last}).target, last);
  }
  const SessionView warned{.last_target = Target::kReplica, .warned_by = Target::kWriter};
  for (const char* sql : {"SHOW WARNINGS", "SHOW COUNT(*) ERRORS", "SELECT @@error_count"})
    EXPECT_EQ(where(sql, warned), "writer") << sql;
  EXPECT_EQ(where("SELECT ROW_COUNT()", warned), "replica");
}

TEST(RouteDecision, ABeginInATransactionCommitsItWhereItIs) {
  const SessionView on_writer{.transaction = Target::kWriter};
  const SessionView on_replica{.transaction = Target::kReplica};
  EXPECT_EQ(where("BEGIN", on_writer), "writer");
  EXPECT_EQ(where("START TRANSACTION READ ONLY", on_replica), "replica");
  EXPECT_EQ(decide_sql("START TRANSACTION READ ONLY", on_writer).action, Action::kCommitThenBegin);
  EXPECT_EQ(decide_sql("START TRANSACTION READ ONLY", on_writer).target, Target::kWriter);
  EXPECT_EQ(decide_sql("BEGIN", on_replica).action, Action::kCommitThenBegin);
  EXPECT_EQ(decide_sql("BEGIN", on_replica).target, Target::kReplica);
}

TEST(RouteDecision, WithoutAutocommitAReadBeginsATransactionOnTheWriter) {
  EXPECT_EQ(where("SELECT 1", {.autocommit = false}), "writer");
  EXPECT_EQ(where("SELECT 1", {.autocommit = false, .transaction_read_only = true}), "replica, wait");
}

TEST(RouteDecision, APinnedSessionStaysOnTheWriter) {
  for (const char* sql : {"SELECT 1", "SET sql_mode = ''", "USE app", "SHOW TABLES"}) {
    EXPECT_EQ(where(sql, {.pinned_to = Target::kWriter}), "writer") << sql;
  }
}

TEST(RouteDecision, ASessionThatMovesToTheWriterChangesNothingBeforeThat) {
  for (const char* sql : {"SET sql_mode = ''", "SET NAMES latin1", "USE app"})
    EXPECT_EQ(where(sql, {.moves_to_writer = true}), "writer") << sql;
  EXPECT_EQ(where("SELECT 1", {.moves_to_writer = true}), "replica, wait");
}

TEST(RouteDecision, DiagnosticsAreAnsweredByTheServerTheySpeakOf) {
  EXPECT_EQ(where("SHOW WARNINGS", {.last_target = Target::kReplica, .warned_by = Target::kWriter}),
            "writer");
  EXPECT_EQ(where("SELECT ROW_COUNT()", {.last_target = Target::kWriter}), "writer");
  const SessionView counted{.last_target = Target::kWriter, .counted_by = Target::kReplica};
  EXPECT_EQ(where("SELECT FOUND_ROWS()", counted), "replica");
  EXPECT_EQ(where("SELECT FOUND_ROWS() FROM t", counted), "replica, wait");
  EXPECT_EQ(where("SELECT FOUND_ROWS(), ROW_COUNT()", counted), "writer");
  const SessionView is_null_finds_it{.has_last_insert_id = true, .auto_is_null = true};
  const SessionView nothing_to_find{.auto_is_null = true};
  const SessionView inserted_then_read{.has_last_insert_id = true, .last_target = Target::kReplica};
  EXPECT_EQ(where("SELECT LAST_INSERT_ID()", inserted_then_read), "writer");
  EXPECT_EQ(where("SELECT @a", {.has_user_variables = true}), "writer");
  EXPECT_EQ(where("SELECT @a"), "replica, wait");
  EXPECT_EQ(where("SELECT @a", {.may_have_user_variables = true}), "writer");
  EXPECT_EQ(where("SELECT 1", {.may_have_user_variables = true}), "replica, wait");
  EXPECT_EQ(where("SELECT @a",
                  {.begin_deferred = true, .deferred_read_only = true, .may_have_user_variables = true}),
            "writer");
  EXPECT_EQ(where("SELECT * FROM t WHERE id IS NULL", is_null_finds_it), "writer");
  EXPECT_EQ(where("SELECT * FROM t WHERE id IS NULL", nothing_to_find), "replica, wait");
}

TEST(RouteDecision, ASessionThatDoesNotForwardStaysOnItsReplica) {
  const SessionView off{.forwarding = false};
  for (const char* sql : {"SELECT 1", "SELECT * FROM t FOR UPDATE", "BEGIN", "SAVEPOINT a", "XA RECOVER",
                          "LOCK TABLES t READ"}) {
    EXPECT_EQ(where(sql, off), "replica") << sql;
  }
  for (const char* sql :
       {"INSERT INTO t VALUES (1)", "CREATE TABLE t (a INT)", "LOAD DATA INFILE 'x' INTO TABLE t"}) {
    EXPECT_EQ(decide_sql(sql, off).action, Action::kReadOnlyError) << sql;
  }
  EXPECT_EQ(decide_sql("START TRANSACTION READ WRITE", off).action, Action::kReadOnlyError);
  EXPECT_EQ(decide_sql("SET TRANSACTION READ WRITE", off).action, Action::kRememberNextTransaction);
  EXPECT_EQ(where("INSERT INTO tmp VALUES (1)", {.forwarding = false, .pinned_to = Target::kReplica}),
            "replica");
}

// A dump's: they are what mysqldump needs, and a replica's binary log has nothing of them.
TEST(RouteDecision, WhoReadsAReplicasLogWritesNothingThere) {
  const SessionView reader{.forwarding = false, .pinned_to = Target::kReplica, .reads_replicas_log = true};
  for (const char* sql :
       {"SELECT 1", "LOCK TABLES t READ", "UNLOCK TABLES", "FLUSH TABLES WITH READ LOCK",
        "FLUSH LOCAL TABLES", "FLUSH NO_WRITE_TO_BINLOG TABLES t", "SAVEPOINT a", "SET @a = 1"}) {
    EXPECT_EQ(where(sql, reader), "replica") << sql;
  }
  for (const char* sql : {"INSERT INTO t VALUES (1)", "CREATE TABLE t (a INT)", "FLUSH TABLES",
                          "FLUSH LOCAL LOGS", "RESET MASTER", "STOP REPLICA", "START TRANSACTION READ WRITE",
                          "CREATE TEMPORARY TABLE t AS SELECT f()", "PREPARE s FROM @s", "CALL p()",
                          "EXECUTE IMMEDIATE @s", "SET gtid_next = 'AUTOMATIC'"}) {
    EXPECT_EQ(decide_sql(sql, reader).action, Action::kReadOnlyError) << sql;
  }
  EXPECT_EQ(where("CREATE TEMPORARY TABLE t (a INT)", reader), "replica");
  EXPECT_EQ(where("PREPARE s FROM 'SELECT 1'", reader), "replica");
}

TEST(RouteDecision, AHintOverridesTheClass) {
  EXPECT_EQ(where("/* causeway: route=writer */ SELECT 1"), "writer");
  EXPECT_EQ(where("/* causeway: route=replica */ SELECT * FROM t FOR UPDATE"), "replica, wait");
  EXPECT_EQ(where("/* causeway: route=replica */ INSERT INTO t VALUES (1)"), "writer");
  for (const char* sql :
       {"/* causeway: route=replica */ CREATE TEMPORARY TABLE t (a INT)",
        "/* causeway: route=replica */ LOCK TABLES t WRITE", "/* causeway: route=replica */ nonsense"}) {
    EXPECT_EQ(where(sql), "writer") << sql;
  }
}

TEST(RouteDecision, ATransactionOnAReplicaThatHasReadNothingWaits) {
  SessionView session;
  session.transaction = Target::kReplica;
  EXPECT_EQ(where("SELECT * FROM t", session), "replica");
  session.snapshot_due = true;
  EXPECT_EQ(where("SELECT * FROM t", session), "replica, wait");
}

TEST(RouteDecision, WhatTurnsTheBinaryLogOffRunsOnTheWriter) {
  EXPECT_EQ(where("SET sql_log_bin = 0"), "writer");
  EXPECT_EQ(where("SET @@session.SQL_LOG_BIN = 0, sql_mode = ''"), "writer");
  EXPECT_EQ(where("SET skip_replication = 1"), "writer");
  Classified classified;
  classify("SET STATEMENT sql_log_bin = 0 FOR INSERT INTO t VALUES (1)", {.mariadb = true}, classified);
  EXPECT_TRUE(classified.statements.front().set.unreplicated_writes);
}

TEST(RouteDecision, AReadOnlyTransactionThatNeedsTheWritersConnectionBeginsThere) {
  const SessionView deferred{.begin_deferred = true, .deferred_read_only = true, .has_last_insert_id = true};
  for (const char* sql : {"SELECT GET_LOCK('x', 0)", "SELECT COUNT(*) INTO @n FROM t", "SET @n = 1",
                          "DO @n := 1", "CALL p()", "SELECT * FROM t FOR UPDATE", "SELECT LAST_INSERT_ID()",
                          "CREATE TEMPORARY TABLE x (a INT)", "HANDLER t OPEN", "EXPLAIN DELETE FROM t"}) {
    EXPECT_EQ(where(sql, deferred), "writer") << sql;
  }
  for (const char* sql : {"SELECT @n", "DO 1", "SET sql_mode = ''"})
    EXPECT_EQ(where(sql, deferred), "replica, wait") << sql;
  SessionView with_variables = deferred;
  with_variables.has_user_variables = true;
  EXPECT_EQ(where("SELECT 1", with_variables), "writer");
}

TEST(RouteDecision, WhatReadsNoTableRunsBesideAReadOnlyTransaction) {
  const SessionView open{.transaction = Target::kReplica, .has_last_insert_id = true};
  for (const char* sql : {"SELECT GET_LOCK('x', 0)", "DO RELEASE_LOCK('x')", "SELECT LAST_INSERT_ID()"})
    EXPECT_EQ(where(sql, open), "writer") << sql;
  EXPECT_EQ(where("SELECT v FROM t WHERE id = LAST_INSERT_ID()", open), "replica");
  EXPECT_EQ(where("SELECT NEXTVAL(s)", open), "replica");
  EXPECT_EQ(decide_sql("INSERT INTO t VALUES (LAST_INSERT_ID())", open).action,
            Action::kReadOnlyTransactionError);
}

}  // namespace
}  // namespace causeway::routing
