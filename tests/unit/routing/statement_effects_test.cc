#include "routing/statement_effects.h"

#include <gtest/gtest.h>

#include <cstring>

#include "routing/classifier.h"

namespace causeway::routing {
namespace {

constexpr LexMode kMysql{.server_version = 90700};
constexpr LexMode kMariadb{.server_version = 101106, .mariadb = true};

Statement first_of(std::string_view sql, const LexMode& mode) {
  Classified classified;
  classify(sql, mode, classified);
  return classified.statements.front();
}

TEST(StatementEffects, WhatMayCommitTheTransactionItRunsIn) {
  for (const char* sql : {
           "COMMIT",
           "COMMIT AND CHAIN",
           "BEGIN",
           "START TRANSACTION READ ONLY",
           "SET autocommit=1",
           "SET @@autocommit = ON",
           "set @@session.AutoCommit = ?",
           "SET LOCAL `autocommit` = DEFAULT",
           "SET time_zone = 'UTC', autocommit = 1",
           "SET sql_mode = '', what is this",
           "SET PASSWORD = 'x'",
           "SET DEFAULT ROLE r TO u",
           "SET GLOBAL autocommit = 1",
           "CREATE TABLE t (a INT)",
           "CREATE TABLE t SELECT 1",
           "CREATE OR REPLACE VIEW v AS SELECT 1",
           "CREATE USER u",
           "ALTER TABLE t ADD b INT",
           "DROP TABLE t",
           "DROP TEMPORARILY t",
           "TRUNCATE t",
           "RENAME TABLE t TO u",
           "GRANT SELECT ON t TO u",
           "ANALYZE TABLE t",
           "ANALYZE LOCAL TABLE t",
           "OPTIMIZE TABLE t",
           "CHECK TABLE t",
           "REPAIR TABLE t",
           "CACHE INDEX t IN k",
           "LOAD INDEX INTO CACHE t",
           "FLUSH TABLES",
           "FLUSH PRIVILEGES",
           "FLUSH TABLES WITH READ LOCK",
           "RESET QUERY CACHE",
           "LOCK TABLES t WRITE",
           "UNLOCK TABLES",
           "INSTALL PLUGIN p SONAME 'p'",
           "STOP REPLICA",
           "CALL p()",
           "CALL p(1, @a)",
           "XA PREPARE 'x'",
           "EXECUTE s",
           "EXECUTE IMMEDIATE 'COMMIT'",
           "/*!50000 TRUNCATE */ t",
           "no such statement",
       }) {
    EXPECT_TRUE(may_commit(first_of(sql, kMysql))) << sql;
    EXPECT_TRUE(may_commit(first_of(sql, kMariadb))) << sql;
  }
  for (const char* sql : {
           "BEGIN NOT ATOMIC COMMIT; END",
           "IF 1 THEN COMMIT; END IF",
           "a: BEGIN NOT ATOMIC COMMIT; END",
           "SET STATEMENT max_statement_time = 1 FOR CALL p()",
           "SET STATEMENT max_statement_time = 1 FOR TRUNCATE t",
           "SET STATEMENT max_statement_time = 1 FOR BEGIN NOT ATOMIC COMMIT; END",
           "BACKUP STAGE START",
       }) {
    EXPECT_TRUE(may_commit(first_of(sql, kMariadb))) << sql;
  }
}

TEST(StatementEffects, WhatCertainlyCommitsNothing) {
  for (const char* sql : {
           "",
           "SELECT 1",
           "SELECT * FROM t FOR UPDATE",
           "SELECT GET_LOCK('a', 1)",
           "SHOW TABLES",
           "SHOW WARNINGS",
           "EXPLAIN SELECT 1",
           "INSERT INTO t VALUES (1)",
           "UPDATE t SET autocommit = 1",
           "DELETE FROM t",
           "REPLACE INTO t VALUES (1)",
           "DO SLEEP(1)",
           "HANDLER t OPEN",
           "LOAD DATA INFILE 'f' INTO TABLE t",
           "ROLLBACK",
           "ROLLBACK AND CHAIN",
           "ROLLBACK TO s",
           "SAVEPOINT s",
           "RELEASE SAVEPOINT s",
           "SET @autocommit = 1",
           "SET sql_mode = 'autocommit'",
           "SET NAMES utf8mb4",
           "SET TRANSACTION READ ONLY",
           "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
           "USE d",
           "CREATE TEMPORARY TABLE t (a INT)",
           "DROP TEMPORARY TABLE t",
           "PREPARE s FROM 'COMMIT'",
           "DEALLOCATE PREPARE s",
       }) {
    EXPECT_FALSE(may_commit(first_of(sql, kMysql))) << sql;
    EXPECT_FALSE(may_commit(first_of(sql, kMariadb))) << sql;
  }
}

TEST(StatementEffects, WhatSeesNothingBehindItsOwnCommit) {
  for (const char* sql :
       {"INSERT INTO t VALUES (1)", "UPDATE t, u SET t.a = u.a", "INSERT INTO t SELECT * FROM u",
        "DELETE FROM t RETURNING a", "LOAD DATA INFILE 'f' INTO TABLE t", "CREATE TABLE t SELECT 1"})
    EXPECT_TRUE(sees_nothing_behind_its_commit(first_of(sql, kMariadb))) << sql;
  for (const char* sql :
       {"CALL p()", "EXECUTE IMMEDIATE 'SELECT 1'", "BEGIN NOT ATOMIC SELECT 1; END", "EXECUTE s", "SELECT 1",
        "SELECT 1 FOR UPDATE", "COMMIT", "BEGIN", "what is this", "FLUSH TABLES"})
    EXPECT_FALSE(sees_nothing_behind_its_commit(first_of(sql, kMariadb))) << sql;
}

TEST(StatementEffects, WhatLeavesWarningsAsTheyAreOnMariadb) {
  for (const char* sql :
       {"SELECT 1", "SELECT @@version", "SET @a = 1", "SET NAMES utf8mb4", "USE app", "DO 1", "BEGIN",
        "COMMIT", "EXPLAIN SELECT 1", "SET TRANSACTION READ ONLY", "SHOW WARNINGS", ""})
    EXPECT_TRUE(keeps_warnings(first_of(sql, kMariadb))) << sql;
  for (const char* sql : {"SELECT 1 FROM t", "SELECT (SELECT COUNT(*) FROM t)", "SHOW TABLES",
                          "SHOW VARIABLES", "INSERT INTO t VALUES (1)", "CALL p()",
                          "DO (SELECT COUNT(*) FROM t)", "SET @a = (SELECT COUNT(*) FROM t)", "EXECUTE p",
                          "HANDLER t READ FIRST", "CREATE TABLE t (a INT)", "what is this"})
    EXPECT_FALSE(keeps_warnings(first_of(sql, kMariadb))) << sql;
}

TEST(StatementEffects, WhatLeavesFoundRowsAsTheyAre) {
  for (const char* sql :
       {"SET @a = 1", "USE app", "BEGIN", "COMMIT", "CREATE TABLE t (a INT)", "LOCK TABLES t READ"})
    EXPECT_TRUE(keeps_found_rows(first_of(sql, kMysql), false)) << sql;
  for (const char* sql : {"SELECT 1", "SHOW TABLES", "DO 1", "UPDATE t SET a = 1", "SET @a = (SELECT 1)",
                          "CALL p()", "CREATE TABLE t SELECT 1", "SHOW WARNINGS"})
    EXPECT_FALSE(keeps_found_rows(first_of(sql, kMysql), false)) << sql;
  EXPECT_TRUE(keeps_found_rows(first_of("DO 1", kMariadb), true));
}

TEST(StatementEffects, WhatLocksMoreThanTablesIsToldApart) {
  const auto locks = [](const char* sql, const LexMode& mode) { return first_of(sql, mode).locks; };
  for (const char* sql :
       {"LOCK TABLES t READ", "FLUSH TABLES t WITH READ LOCK", "FLUSH LOCAL TABLES t, u WITH READ LOCK",
        "FLUSH TABLES t FOR EXPORT", "UNLOCK TABLES", "FLUSH TABLES `with` WITH READ LOCK"})
    EXPECT_EQ(locks(sql, kMysql), LockKind::kTables) << sql;
  for (const char* sql : {"FLUSH TABLES WITH READ LOCK", "FLUSH NO_WRITE_TO_BINLOG TABLE WITH READ LOCK"})
    EXPECT_EQ(locks(sql, kMysql), LockKind::kAllTables) << sql;
  for (const char* sql : {"LOCK INSTANCE FOR BACKUP", "UNLOCK INSTANCE"})
    EXPECT_EQ(locks(sql, kMysql), LockKind::kBackup) << sql;
  for (const char* sql : {"BACKUP STAGE START", "BACKUP STAGE END", "BACKUP LOCK t", "BACKUP UNLOCK"})
    EXPECT_EQ(locks(sql, kMariadb), LockKind::kBackup) << sql;
  EXPECT_EQ(locks("FLUSH TABLES t", kMysql), LockKind::kNone);
}

TEST(StatementEffects, WhatOnlyCallsStoredFunctions) {
  for (const char* sql : {"SELECT f()", "SELECT F (1), 2", "SELECT CONCAT('a', f())", "SELECT s.now()",
                          "SELECT `now`()", "SELECT /* ( */ f()", "DO f()", "SELECT ST_Area(1)"}) {
    EXPECT_TRUE(only_calls(first_of(sql, kMysql), kMysql)) << sql;
    EXPECT_FALSE(uses_named_variables_only(first_of(sql, kMysql), kMysql)) << sql;
  }
  for (const char* sql :
       {"SELECT 1", "SELECT NOW(), concat('a', (SELECT 'f()'))", "SELECT 1 IN (1, 2)", "DO SLEEP(1)",
        "SELECT COUNT(*), CAST(1 AS CHAR(3)) /* f() */", "SELECT DATABASE(  )"}) {
    EXPECT_FALSE(only_calls(first_of(sql, kMysql), kMysql)) << sql;
    EXPECT_TRUE(uses_named_variables_only(first_of(sql, kMysql), kMysql)) << sql;
  }
  for (const char* sql :
       {"SELECT f() FROM t", "INSERT INTO t VALUES (f())", "CALL f()", "SHOW TABLES", "SET sql_mode = f()"})
    EXPECT_FALSE(only_calls(first_of(sql, kMysql), kMysql)) << sql;
}

TEST(StatementEffects, WhatCanBeReplayedOnAnotherServer) {
  for (const char* sql :
       {"SET timestamp = 5", "SET @a = 1, timestamp = 5", "SET ROLE r", "PREPARE p FROM @s"})
    EXPECT_TRUE(can_be_replayed(first_of(sql, kMysql))) << sql;
  for (const char* sql : {"SET sql_mode = ''", "SELECT 1", "SET @a = 1", "SELECT @a := a FROM t",
                          "SET timestamp = (SELECT 1 FROM t)", "SET timestamp = ?",
                          "SET timestamp = GET_LOCK('a', 0)", "CALL p(@a)"})
    EXPECT_FALSE(can_be_replayed(first_of(sql, kMysql))) << sql;
}

TEST(StatementEffects, MentionsOfSeveralAreAllThatAnyOfThemHas) {
  for (size_t flag = 0; flag < sizeof(Mentions); ++flag) {
    Mentions one;
    const bool set = true;
    std::memcpy(reinterpret_cast<char*>(&one) + flag, &set, 1);
    Mentions all;
    all |= one;
    EXPECT_EQ(all, one) << flag;
    all |= Mentions{};
    EXPECT_EQ(all, one) << flag;
    all |= one;
    EXPECT_EQ(all, one) << flag;
  }
  Mentions both{.user_variables = true};
  both |= {.kill = true};
  EXPECT_EQ(both, (Mentions{.user_variables = true, .kill = true}));
}

TEST(StatementEffects, OneStandsForAllThatAreSentTogether) {
  const auto of = [](std::string_view sql) {
    Classified classified;
    classify(sql, kMariadb, classified);
    return together(classified.statements.view());
  };
  EXPECT_EQ(of("SELECT 1; SELECT 2 FROM t FOR UPDATE").cls, StatementClass::kRead);
  EXPECT_EQ(of("SELECT 1; INSERT INTO t VALUES (1); SELECT 2").cls, StatementClass::kDml);
  EXPECT_EQ(of("INSERT INTO t VALUES (1); SELECT 2").text, "INSERT INTO t VALUES (1)");

  EXPECT_TRUE(of("SELECT 1; SELECT GET_LOCK('a', 1)").mentions.get_lock);
  EXPECT_TRUE(of("SELECT 1; SELECT @a := 2").mentions.assigned_user_variables);
  EXPECT_TRUE(of("INSERT INTO t VALUES (1); SELECT LAST_INSERT_ID()").mentions.last_insert_id);
  EXPECT_TRUE(of("SELECT 1; CALL p()").calls_procedure);
  EXPECT_TRUE(of("SELECT 1; HANDLER t OPEN").uses_handler);
  EXPECT_TRUE(of("SELECT 1; BEGIN NOT ATOMIC SELECT 1; END").compound);

  // A CALL is explained by the variables that it names itself.
  EXPECT_TRUE(of("SELECT @a; CALL p(@b)").mentions.user_variables);
  EXPECT_FALSE(of("SELECT @a; CALL p()").mentions.user_variables);
  EXPECT_FALSE(of("CALL p(); SELECT @a").mentions.user_variables);
}

TEST(StatementEffects, OnlyTheFirstOfThemMeetsWhatWasThereBefore) {
  const auto of = [](std::string_view sql) {
    Classified classified;
    classify(sql, kMysql, classified);
    return together(classified.statements.view()).mentions;
  };
  const Mentions first = of("SELECT ROW_COUNT(), FOUND_ROWS(), @@transaction_read_only FROM t; SELECT 1");
  EXPECT_TRUE(first.diagnostics && first.row_count && first.found_rows && first.access_mode && first.from);
  const Mentions later = of("SELECT 1; SELECT ROW_COUNT(), FOUND_ROWS(), @@transaction_read_only FROM t");
  EXPECT_FALSE(later.diagnostics || later.row_count || later.found_rows || later.access_mode || later.from);
}

}  // namespace
}  // namespace causeway::routing
