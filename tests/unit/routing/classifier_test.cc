#include "routing/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "statement_table.h"

namespace causeway::routing {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(std::string_view sql, const LexMode& mode = {}) {
  Classified classified;
  classify(sql, mode, classified);
  std::vector<std::string> parts;
  for (const Statement& statement : classified.statements) {
    parts.push_back(std::string(to_string(statement.cls)) + ": " + std::string(statement.text));
  }
  EXPECT_EQ(classified.multi, parts.size() > 1);
  EXPECT_EQ(classified.rest, "");
  return parts;
}

Statement classify_one(std::string_view sql, const LexMode& mode = {}) {
  Classified classified;
  classify(sql, mode, classified);
  EXPECT_EQ(classified.statements.size(), 1U) << sql;
  return classified.statements.front();
}

TEST(Classify, SplitsAtTerminators) {
  EXPECT_THAT(split("SELECT 1; UPDATE t SET a = 1;DROP TABLE t"),
              ElementsAre("read: SELECT 1", "dml: UPDATE t SET a = 1", "ddl: DROP TABLE t"));
}

TEST(Classify, IgnoresTerminatorsAndBlanksAtTheEnd) {
  EXPECT_THAT(split("SELECT 1;"), ElementsAre("read: SELECT 1"));
  EXPECT_THAT(split(" \n SELECT 1 ; \t ;;\n"), ElementsAre("read: SELECT 1"));
}

TEST(Classify, KeepsEmptyStatementsInBetween) {
  EXPECT_THAT(split(";SELECT 1"), ElementsAre("empty: ", "read: SELECT 1"));
  EXPECT_THAT(split("SELECT 1;;SELECT 2"), ElementsAre("read: SELECT 1", "empty: ", "read: SELECT 2"));
  EXPECT_THAT(split("SELECT 1; -- end"), ElementsAre("read: SELECT 1", "empty: -- end"));
}

TEST(Classify, GivesOneEmptyStatementForNothing) {
  EXPECT_THAT(split(""), ElementsAre("empty: "));
  EXPECT_THAT(split(";"), ElementsAre("empty: "));
  EXPECT_THAT(split(" \n"), ElementsAre("empty: "));
}

TEST(Classify, DoesNotSplitInLiteralsAndComments) {
  EXPECT_THAT(split("SELECT ';', \";\", `;`, @';' /* ; */ # ;\n -- ;\n"),
              ElementsAre("read: SELECT ';', \";\", `;`, @';' /* ; */ # ;\n --"));
  EXPECT_THAT(split("SELECT 'a\\';b'; SELECT 2"), ElementsAre("read: SELECT 'a\\';b'", "read: SELECT 2"));
  EXPECT_THAT(split("SELECT 'a;"), ElementsAre("read: SELECT 'a"));
}

TEST(Classify, SplitsTransactionsButNotCompoundBodies) {
  EXPECT_THAT(split("BEGIN; SELECT 1; COMMIT"),
              ElementsAre("begin: BEGIN", "read: SELECT 1", "commit: COMMIT"));
  EXPECT_THAT(split("DROP PROCEDURE p; CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; SELECT 3"),
              ElementsAre("ddl: DROP PROCEDURE p",
                          "ddl: CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; SELECT 3"));
  EXPECT_THAT(
      split("CREATE PROCEDURE p() SELECT IF(a, 1, 2), REPEAT('a', 2); SAVEPOINT a"),
      ElementsAre("ddl: CREATE PROCEDURE p() SELECT IF(a, 1, 2), REPEAT('a', 2)", "savepoint: SAVEPOINT a"));
  EXPECT_THAT(
      split("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1; SELECT 1"),
      ElementsAre("ddl: CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", "read: SELECT 1"));
}

TEST(Classify, FlagsOfOneStatementDoNotReachTheNext) {
  Classified classified;
  classify("SELECT GET_LOCK('a', 1), @a; SELECT (1; SELECT 2", {}, classified);
  ASSERT_EQ(classified.statements.size(), 3U);
  EXPECT_TRUE(classified.statements[0].mentions.get_lock);
  EXPECT_EQ(testing::flags_of(classified.statements[1]), "");
  EXPECT_EQ(testing::flags_of(classified.statements[2]), "");
}

TEST(Classify, IsReusable) {
  Classified classified;
  classify("SELECT 1; SELECT 2; SELECT 3; SELECT 4; SELECT 5; SELECT 6", {}, classified);
  ASSERT_EQ(classified.statements.size(), 6U);
  EXPECT_EQ(classified.statements[0].text, "SELECT 1");
  EXPECT_EQ(classified.statements[4].text, "SELECT 5");
  EXPECT_EQ(classified.statements[5].text, "SELECT 6");
  classify("DROP TABLE t", {}, classified);
  ASSERT_EQ(classified.statements.size(), 1U);
  EXPECT_FALSE(classified.multi);
  EXPECT_EQ(classified.statements.front().cls, StatementClass::kDdl);
}

TEST(Classify, TakesTextsOfManyStatementsPieceByPiece) {
  std::string sql;
  for (size_t i = 0; i < kMaxStatements; ++i)
    sql += "DO 1;";
  Classified classified;
  classify(sql, {}, classified);
  EXPECT_EQ(classified.statements.size(), kMaxStatements);
  EXPECT_EQ(classified.rest, "");
  const std::string longer = sql + "DO 2; DO 3;";
  classify(longer, {}, classified);
  EXPECT_EQ(classified.statements.size(), kMaxStatements);
  EXPECT_EQ(classified.rest, "DO 2; DO 3");
}

TEST(Classify, ClassifiesEveryPrefixOfAStatement) {
  const std::string sql =
      "/* causeway: route=writer */ WITH c AS (SELECT 'a;''\\'', @x, @@session.y FROM t) SELECT GET_LOCK(1) "
      "/*!50000 "
      "FOR UPDATE */; SET @a = 1, NAMES utf8mb4; CREATE PROCEDURE p() BEGIN END";
  Classified classified;
  for (size_t length = 0; length <= sql.size(); ++length) {
    classify(std::string_view(sql).substr(0, length), {}, classified);
    EXPECT_GE(classified.statements.size(), 1U);
  }
}

TEST(Classify, AnsiQuotesMakeIdentifiersOfDoubleQuotes) {
  const LexMode ansi{.ansi_quotes = true};
  EXPECT_THAT(split("SELECT \"a\\\"; SELECT 2", ansi), ElementsAre("read: SELECT \"a\\\"", "read: SELECT 2"));
  EXPECT_THAT(split("SELECT \"a\\\"; SELECT 2"), ElementsAre("read: SELECT \"a\\\"; SELECT 2"));
  EXPECT_TRUE(classify_one("SELECT \"get_lock\"('a', 1)", ansi).mentions.get_lock);
  EXPECT_FALSE(classify_one("SELECT \"get_lock\"('a', 1)").mentions.get_lock);
  EXPECT_TRUE(classify_one("SELECT @@\"last_insert_id\"", ansi).mentions.last_insert_id);
}

TEST(Classify, NoBackslashEscapesEndsAStringAtTheQuote) {
  const LexMode mode{.no_backslash_escapes = true};
  EXPECT_THAT(split("SELECT 'a\\'; DROP TABLE t; -- '", mode),
              ElementsAre("read: SELECT 'a\\'", "ddl: DROP TABLE t", "empty: -- '"));
  EXPECT_THAT(split("SELECT 'a\\'; DROP TABLE t; -- '"),
              ElementsAre("read: SELECT 'a\\'; DROP TABLE t; -- '"));
}

TEST(Classify, TrailBytesOfMultibyteCharactersAreNoBackslashes) {
  const std::string sql = "SELECT '\x95\x5C'; SAVEPOINT a; -- '";
  for (const auto charset : {MultibyteBackslash::kGbk, MultibyteBackslash::kSjis, MultibyteBackslash::kCp932,
                             MultibyteBackslash::kGb18030}) {
    EXPECT_EQ(split(sql, {.multibyte_backslash = charset}).size(), 3U);
  }
  EXPECT_EQ(split(sql).size(), 1U);
  EXPECT_EQ(
      split("SELECT '\xA4\x5C'; SAVEPOINT a", {.multibyte_backslash = MultibyteBackslash::kBig5}).size(), 2U);
  EXPECT_EQ(split("SELECT `\x81\x60`; SAVEPOINT a", {.multibyte_backslash = MultibyteBackslash::kGbk}).size(),
            2U);
  // Four bytes, and a pair that is no character.
  EXPECT_EQ(
      split("SELECT '\x81\x30\x81\x30\\'; 1'", {.multibyte_backslash = MultibyteBackslash::kGb18030}).size(),
      1U);
  EXPECT_EQ(split("SELECT '\x81'; SELECT 1", {.multibyte_backslash = MultibyteBackslash::kGbk}).size(), 2U);
}

TEST(Classify, VersionCommentsDependOnTheServer) {
  const LexMode mysql8{.server_version = 80036};
  const LexMode mariadb{.server_version = 101106, .mariadb = true};
  const auto is_locking = [](std::string_view sql, const LexMode& mode) {
    return classify_one(sql, mode).mentions.locking_clause;
  };
  EXPECT_TRUE(is_locking("SELECT 1 /*!80036 FOR UPDATE */", mysql8));
  EXPECT_FALSE(is_locking("SELECT 1 /*!80037 FOR UPDATE */", mysql8));
  EXPECT_TRUE(is_locking("SELECT 1 /*!080036 FOR UPDATE */", mysql8));
  EXPECT_FALSE(is_locking("SELECT 1 /*!090000 FOR UPDATE */", mysql8));
  EXPECT_TRUE(is_locking("SELECT 1 /*!99999 FOR UPDATE */", {}));
  EXPECT_FALSE(is_locking("SELECT 1 /*M! FOR UPDATE */", mysql8));
  // Checked on MariaDB 10.11: what is for MySQL 5.7 and later is not executed.
  EXPECT_TRUE(is_locking("SELECT 1 /*!50699 FOR UPDATE */", mariadb));
  EXPECT_FALSE(is_locking("SELECT 1 /*!50700 FOR UPDATE */", mariadb));
  EXPECT_FALSE(is_locking("SELECT 1 /*!99999 FOR UPDATE */", mariadb));
  EXPECT_TRUE(is_locking("SELECT 1 /*!100100 FOR UPDATE */", mariadb));
  EXPECT_FALSE(is_locking("SELECT 1 /*!110000 FOR UPDATE */", mariadb));
  EXPECT_TRUE(is_locking("SELECT 1 /*M! FOR UPDATE */", mariadb));
  EXPECT_TRUE(is_locking("SELECT 1 /*M!50700 FOR UPDATE */", mariadb));
  EXPECT_FALSE(is_locking("SELECT 1 /*M!110000 FOR UPDATE */", mariadb));
  // A skipped one may hold a comment.
  EXPECT_TRUE(is_locking("SELECT 1 /*!99999 /* x */ */ FOR UPDATE", mysql8));
}

TEST(Classify, NamesPreparedStatements) {
  const Statement prepare = classify_one("PREPARE `my s` FROM 'SELECT \\'a\\''");
  EXPECT_EQ(prepare.name, "my s");
  EXPECT_EQ(prepare.prepared_text, "SELECT \\'a\\'");
  EXPECT_EQ(prepare.prepared_literal, "'SELECT \\'a\\''");
  EXPECT_EQ(classify_one("PREPARE s FROM @a").prepared_literal, "");
  EXPECT_EQ(classify_one("EXECUTE s USING @a").name, "s");
  EXPECT_EQ(classify_one("DEALLOCATE PREPARE s").name, "s");
  EXPECT_EQ(classify_one("DROP PREPARE s").name, "s");
  EXPECT_EQ(classify_one("USE `my db`").name, "my db");
}

TEST(Classify, TellsAssignmentsFromQueries) {
  EXPECT_FALSE(classify_one("SET @a = 1").mentions.select);
  EXPECT_TRUE(classify_one("SET @a = (SELECT 1)").mentions.select);
}

TEST(Rejection, OperationsHaveTheServersNames) {
  EXPECT_EQ(classify_one("ROLLBACK TO a").operation, "SAVEPOINT");
  EXPECT_EQ(classify_one("xa recover").operation, "XA");
  EXPECT_EQ(classify_one("LOAD XML LOCAL INFILE 'x' INTO TABLE t").operation, "LOAD XML");
  EXPECT_EQ(classify_one("/*!50000 INSTALL */ COMPONENT 'x'").operation, "INSTALL COMPONENT");
}

TEST(Classifier, PlaceholdersAreCounted) {
  EXPECT_EQ(classify_one("SELECT '?', `?`, \"?\" /* ? */").placeholders, 0U);
  EXPECT_EQ(classify_one("SELECT ?, f(?, ?) FROM t WHERE a = ?").placeholders, 4U);
  EXPECT_EQ(classify_one("SET @a = ?, @@causeway_position = ?").placeholders, 2U);
  EXPECT_EQ(classify_one("SET STATEMENT max_statement_time = ? FOR SELECT ?",
                         LexMode{.server_version = 101106, .mariadb = true})
                .placeholders,
            2U);
}

TEST(Classifier, WhatSetStatementAssignsIsMentionedBesideWhatItIsMadeFor) {
  const Statement statement = classify_one("SET STATEMENT a = LAST_INSERT_ID() FOR UPDATE t SET b = @c",
                                           LexMode{.server_version = 101106, .mariadb = true});
  EXPECT_TRUE(statement.mentions.last_insert_id);
  EXPECT_TRUE(statement.mentions.user_variables);
  EXPECT_FALSE(statement.mentions.locking_clause);
  EXPECT_TRUE(classify_one("SET STATEMENT a = 1 FOR COMMIT AND NO CHAIN",
                           LexMode{.server_version = 101106, .mariadb = true})
                  .transaction.no_chain);
}

}  // namespace
}  // namespace causeway::routing
