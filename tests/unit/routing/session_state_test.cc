#include "routing/session_state.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::routing {
namespace {

using Change = SessionVariables::Change;

std::string replay(const SessionVariables& variables, uint64_t applied = 0) {
  std::string sql;
  variables.append_replay_sql(sql, applied);
  return sql;
}

TEST(SessionVariables, ReplayWhatChangedSinceAVersion) {
  SessionVariables variables;
  EXPECT_EQ(variables.version(), 0U);
  EXPECT_EQ(replay(variables), "");
  EXPECT_EQ(variables.set("sql_mode", "ANSI_QUOTES"), Change::kChanged);
  EXPECT_EQ(variables.set("time_zone", "+02:00"), Change::kChanged);
  const uint64_t applied = variables.version();
  EXPECT_EQ(replay(variables), "SET sql_mode=_utf8mb4'ANSI_QUOTES',time_zone=_utf8mb4'+02:00'");
  EXPECT_EQ(replay(variables, applied), "");
  EXPECT_EQ(variables.set("Sql_Mode", "ANSI"), Change::kChanged);
  EXPECT_EQ(replay(variables, applied), "SET Sql_Mode=_utf8mb4'ANSI'");
  EXPECT_EQ(variables.set("sql_mode", "ANSI"), Change::kUnchanged);
  EXPECT_EQ(variables.size(), 2U);
  EXPECT_EQ(*variables.find("SQL_MODE"), "ANSI");
  EXPECT_EQ(variables.find("autocommit"), nullptr);
}

TEST(SessionVariables, AppendsToTheGivenText) {
  SessionVariables variables;
  variables.set("a", "1");
  std::string sql = "x;";
  EXPECT_TRUE(variables.append_replay_sql(sql, 0));
  EXPECT_EQ(sql, "x;SET a=1");
  EXPECT_FALSE(variables.append_replay_sql(sql, variables.version()));
  EXPECT_EQ(sql, "x;SET a=1");
}

// Checked on MySQL 9.7 and MariaDB 10.11: numbers must be bare, all else may be quoted, or be a hexadecimal
// literal.
TEST(SessionVariables, WriteLiteralsThatMeanTheSameUnderEverySqlMode) {
  const auto literal = [](std::string_view value) {
    SessionVariables variables;
    variables.set("a", value);
    return replay(variables).substr(6);
  };
  EXPECT_EQ(literal("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(literal("-1"), "-1");
  EXPECT_EQ(literal("1.250000"), "1.250000");
  EXPECT_EQ(literal("ON"), "_utf8mb4'ON'");
  EXPECT_EQ(literal(""), "_utf8mb4''");
  EXPECT_EQ(literal("-"), "_utf8mb4'-'");
  EXPECT_EQ(literal("1."), "_utf8mb4'1.'");
  EXPECT_EQ(literal(".5"), "_utf8mb4'.5'");
  EXPECT_EQ(literal("1e5"), "_utf8mb4'1e5'");
  EXPECT_EQ(literal("1.2.3"), "_utf8mb4'1.2.3'");
  EXPECT_EQ(literal("it's \"x\""), "_utf8mb4'it''s \"x\"'");
  EXPECT_EQ(literal("a\\"), "_utf8mb4 X'615C'");
  EXPECT_EQ(literal("\xC3\xA4"), "_utf8mb4 X'C3A4'");
  EXPECT_EQ(literal(std::string_view("a\0b", 3)), "_utf8mb4 X'610062'");
}

TEST(SessionVariables, NullIsKept) {
  SessionVariables variables;
  variables.set("character_set_results", "");
  EXPECT_EQ(replay(variables), "SET character_set_results=NULL");
  EXPECT_EQ(variables.find("character_set_results"), nullptr);
  EXPECT_EQ(variables.set("character_set_results", "", true), Change::kUnchanged);
  EXPECT_EQ(variables.set("character_set_results", "utf8mb4"), Change::kChanged);
  EXPECT_EQ(replay(variables), "SET character_set_results=_utf8mb4'utf8mb4'");
}

TEST(SessionVariables, AnEmptyValueOfWhatCanBeNullIsNull) {
  SessionVariables variables;
  for (const std::string_view name :
       {"innodb_tmpdir", "ENFORCE_STORAGE_ENGINE", "default_tmp_storage_engine"}) {
    variables.set(name, "");
    EXPECT_EQ(variables.find(name), nullptr);
  }
  variables.set("sql_mode", "");
  EXPECT_EQ(
      replay(variables),
      "SET "
      "innodb_tmpdir=NULL,ENFORCE_STORAGE_ENGINE=NULL,default_tmp_storage_engine=NULL,sql_mode=_utf8mb4''");
}

TEST(SessionVariables, ATextMayBeANumber) {
  SessionVariables variables;
  variables.set("innodb_tmpdir", "1");
  variables.set("sort_buffer_size", "1");
  EXPECT_EQ(replay(variables), "SET innodb_tmpdir=_utf8mb4'1',sort_buffer_size=1");
}

// SET max_join_size switches sql_big_selects off, without a report.
TEST(SessionVariables, WhatChangesOthersIsReplayedInTheOrderInWhichItWasSet) {
  SessionVariables variables;
  variables.set("max_join_size", "100");
  variables.set("sql_big_selects", "ON");
  const uint64_t applied = variables.version();
  EXPECT_EQ(variables.set("sql_big_selects", "ON"), Change::kUnchanged);
  EXPECT_EQ(variables.set("max_join_size", "100"), Change::kChanged);
  EXPECT_EQ(replay(variables), "SET sql_big_selects=_utf8mb4'ON',max_join_size=100");
  EXPECT_EQ(replay(variables, applied), "SET max_join_size=100");
  EXPECT_EQ(variables.set("max_join_size", "100"), Change::kUnchanged);
}

TEST(SessionVariables, AConnectionCharacterSetBringsItsOwnCollation) {
  SessionVariables variables;
  variables.set("character_set_connection", "utf8mb4");
  variables.set("collation_connection", "utf8mb4_bin");
  EXPECT_EQ(replay(variables),
            "SET character_set_connection=_utf8mb4'utf8mb4',collation_connection=_utf8mb4'utf8mb4_bin'");
  const uint64_t applied = variables.version();
  EXPECT_EQ(variables.set("character_set_connection", "utf8mb4"), Change::kChanged);
  EXPECT_EQ(replay(variables, applied), "SET character_set_connection=_utf8mb4'utf8mb4'");
}

TEST(SessionVariables, ResultsAreIgnoredAndConnectionBoundOnesPin) {
  SessionVariables variables;
  for (const std::string_view name :
       {"last_gtid", "statement_id", "last_insert_id", "IDENTITY", "session_track_schema"}) {
    EXPECT_EQ(variables.set(name, "1"), Change::kIgnored) << name;
    EXPECT_FALSE(is_replayable_variable(name));
  }
  for (const std::string_view name :
       {"timestamp", "insert_id", "rand_seed1", "pseudo_thread_id", "gtid_next", "collation_database", ""}) {
    EXPECT_EQ(variables.set(name, "1"), Change::kUntrackable) << name;
  }
  EXPECT_TRUE(variables.empty());
  EXPECT_EQ(variables.version(), 0U);
}

TEST(SessionVariables, NamesThatAreNoNamesAreNeverWritten) {
  SessionVariables variables;
  EXPECT_EQ(variables.set("a=1;DROP TABLE t", "1"), Change::kUntrackable);
  EXPECT_EQ(variables.set(std::string(200, 'a'), "1"), Change::kUntrackable);
  EXPECT_EQ(variables.set("component.name_1", "1"), Change::kChanged);
}

TEST(SessionVariables, AreBounded) {
  SessionVariables variables;
  for (size_t i = 0; i < SessionVariables::kMaxVariables; ++i) {
    EXPECT_EQ(variables.set("v" + std::to_string(i), "1"), Change::kChanged);
  }
  EXPECT_EQ(variables.set("one_more", "1"), Change::kUntrackable);
  EXPECT_EQ(variables.set("v0", "2"), Change::kChanged);
  EXPECT_EQ(variables.set("v0", std::string(SessionVariables::kMaxBytes, 'x')), Change::kUntrackable);
  EXPECT_EQ(variables.find("v0"), nullptr);  // the old value is not true any more
  EXPECT_EQ(variables.set("v0", "3"), Change::kChanged);
}

TEST(SessionVariables, ClearForgetsButTheVersionGoesOn) {
  SessionVariables variables;
  variables.set("a", "1");
  const uint64_t version = variables.version();
  variables.clear();
  EXPECT_TRUE(variables.empty());
  EXPECT_GT(variables.version(), version);
  variables.set("b", "1");
  EXPECT_EQ(replay(variables, version), "SET b=1");
}

}  // namespace
}  // namespace causeway::routing
