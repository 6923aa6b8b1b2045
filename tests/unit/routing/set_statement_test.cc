#include "routing/set_statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace causeway::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string_view word(SetKind kind) {
  switch (kind) {
    case SetKind::kSessionVariable:
      return "session";
    case SetKind::kGlobalVariable:
      return "global";
    case SetKind::kUserVariable:
      return "user";
    case SetKind::kNames:
      return "names";
    case SetKind::kCharset:
      return "charset";
    case SetKind::kTransaction:
      return "transaction";
    case SetKind::kRole:
      return "role";
    case SetKind::kDefaultRole:
      return "default_role";
    case SetKind::kPassword:
      return "password";
    case SetKind::kResourceGroup:
      return "resource_group";
    case SetKind::kUnknown:
      return "unknown";
  }
  return "";
}

std::vector<SetAssignment> parse_set(std::string_view sql, const LexMode& mode) {
  std::vector<SetAssignment> assignments;
  SetReader reader(sql, mode);
  while (const std::optional<SetAssignment> assignment = reader.next())
    assignments.push_back(*assignment);
  return assignments;
}

// kind|name|value|span
std::vector<std::string> parse(std::string_view sql, const LexMode& mode = {}) {
  std::vector<std::string> out;
  for (const SetAssignment& a : parse_set(sql, mode)) {
    std::string text(word(a.kind));
    for (const std::string_view part : {a.name, a.value, a.span}) {
      text += '|';
      text += part;
    }
    out.push_back(text);
  }
  return out;
}

TEST(ParseSet, MixedList) {
  EXPECT_THAT(parse("SET a=1, @@session.b = 'x, y', SESSION c := DEFAULT, @u = 1"),
              ElementsAre("session|a|1|a=1", "session|b|'x, y'|@@session.b = 'x, y'",
                          "session|c|DEFAULT|SESSION c := DEFAULT", "user|u|1|@u = 1"));
}

TEST(ParseSet, ValuesMayBeExpressions) {
  EXPECT_THAT(parse("SET @a = IF(1, 2, (SELECT 3, 4)) + 5 , b = CONCAT(@a, ',') ; "),
              ElementsAre("user|a|IF(1, 2, (SELECT 3, 4)) + 5|@a = IF(1, 2, (SELECT 3, 4)) + 5",
                          "session|b|CONCAT(@a, ',')|b = CONCAT(@a, ',')"));
}

TEST(ParseSet, Scopes) {
  EXPECT_THAT(parse("SET GLOBAL a = 1"), ElementsAre("global|a|1|GLOBAL a = 1"));
  EXPECT_THAT(parse("SET @@global . a = 1"), ElementsAre("global|a|1|@@global . a = 1"));
  EXPECT_THAT(parse("SET PERSIST a = 1"), ElementsAre("global|a|1|PERSIST a = 1"));
  EXPECT_THAT(parse("SET @@persist_only.a = 1"), ElementsAre("global|a|1|@@persist_only.a = 1"));
  EXPECT_THAT(parse("SET @@a = 1"), ElementsAre("session|a|1|@@a = 1"));
  EXPECT_THAT(parse("SET LOCAL a = 1"), ElementsAre("session|a|1|LOCAL a = 1"));
}

TEST(ParseSet, AScopeWordHoldsForWhatFollows) {
  EXPECT_THAT(parse("SET GLOBAL a = 1, b = 2, @@c = 3, SESSION d = 4, e = 5"),
              ElementsAre("global|a|1|GLOBAL a = 1", "global|b|2|b = 2", "session|c|3|@@c = 3",
                          "session|d|4|SESSION d = 4", "session|e|5|e = 5"));
}

TEST(ParseSet, NamesAreUnquoted) {
  EXPECT_THAT(
      parse("SET `Auto Commit` = 1, @`a b` = 2, @'c' = 3"),
      ElementsAre("session|Auto Commit|1|`Auto Commit` = 1", "user|a b|2|@`a b` = 2", "user|c|3|@'c' = 3"));
  EXPECT_THAT(parse("SET GLOBAL hot.key_buffer_size = 1"),
              ElementsAre("global|hot.key_buffer_size|1|GLOBAL hot.key_buffer_size = 1"));
}

TEST(ParseSet, CharacterSets) {
  EXPECT_THAT(parse("SET NAMES utf8mb4 COLLATE utf8mb4_bin, a = 1"),
              ElementsAre("names||utf8mb4 COLLATE utf8mb4_bin|NAMES utf8mb4 COLLATE utf8mb4_bin",
                          "session|a|1|a = 1"));
  EXPECT_THAT(parse("SET CHARACTER SET 'latin1'"), ElementsAre("charset||'latin1'|CHARACTER SET 'latin1'"));
  EXPECT_THAT(parse("SET CHARSET DEFAULT"), ElementsAre("charset||DEFAULT|CHARSET DEFAULT"));
}

TEST(ParseSet, CollationOfNames) {
  const auto collation = [](std::string_view sql) { return names_collation(parse_set(sql, {}).at(0), {}); };
  EXPECT_EQ(collation("SET NAMES utf8mb4 COLLATE utf8mb4_bin"), "utf8mb4_bin");
  EXPECT_EQ(collation("SET NAMES 'utf8mb4' collate 'utf8mb4_bin'"), "utf8mb4_bin");
  EXPECT_EQ(collation("SET NAMES utf8mb4"), "");
  EXPECT_EQ(collation("SET a = 'x' COLLATE utf8mb4_bin"), "");
}

TEST(ParseSet, TransactionCharacteristics) {
  EXPECT_THAT(
      parse("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY"),
      ElementsAre("transaction||ISOLATION LEVEL SERIALIZABLE, READ ONLY|SESSION TRANSACTION ISOLATION LEVEL "
                  "SERIALIZABLE, READ ONLY"));
  EXPECT_EQ(parse_set("SET TRANSACTION READ ONLY", {}).at(0).scope, VariableScope::kNone);
  EXPECT_EQ(parse_set("SET LOCAL TRANSACTION READ ONLY", {}).at(0).scope, VariableScope::kSession);
  EXPECT_EQ(parse_set("SET GLOBAL TRANSACTION READ ONLY", {}).at(0).scope, VariableScope::kGlobal);
}

TEST(ParseSet, AccountForms) {
  EXPECT_THAT(parse("SET ROLE a, b"), ElementsAre("role||a, b|ROLE a, b"));
  EXPECT_THAT(parse("SET DEFAULT ROLE a TO b"), ElementsAre("default_role||ROLE a TO b|DEFAULT ROLE a TO b"));
  EXPECT_THAT(parse("SET PASSWORD FOR 'u'@'h' = 'x'"),
              ElementsAre("password||FOR 'u'@'h' = 'x'|PASSWORD FOR 'u'@'h' = 'x'"));
  EXPECT_THAT(parse("SET RESOURCE GROUP g FOR 1, 2"),
              ElementsAre("resource_group||g FOR 1, 2|RESOURCE GROUP g FOR 1, 2"));
}

TEST(ParseSet, WordsOfOtherFormsMayBeVariables) {
  EXPECT_THAT(parse("SET names = 1, role = 2, transaction = 3"),
              ElementsAre("session|names|1|names = 1", "session|role|2|role = 2",
                          "session|transaction|3|transaction = 3"));
}

TEST(ParseSet, SetStatementOfMariaDb) {
  SetReader reader("SET STATEMENT a = 1, b = 'FOR' FOR SELECT 1 FOR UPDATE", {});
  EXPECT_EQ(reader.next()->span, "a = 1");
  EXPECT_EQ(reader.next()->span, "b = 'FOR'");
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.statement_after_for(), " SELECT 1 FOR UPDATE");
}

TEST(ReportedForm, SaysTheScopeThatMariaDbDoesNotReportWithout) {
  const LexMode mariadb{.mariadb = true};
  const auto form = [&](std::string_view sql) { return reported_form(sql, mariadb); };
  EXPECT_EQ(form("SET @@a = 1"), "SET @@session.a = 1");
  EXPECT_EQ(form("/* c */ SET x=1, @@`a b`:=(SELECT @@a, 2) , @@session.c = @@c, @u = @@d, @@e=DEFAULT -- x"),
            "/* c */ SET x=1, @@session.`a b`:=(SELECT @@a, 2) , @@session.c = @@c, @u = @@d, "
            "@@session.e=DEFAULT -- x");
  EXPECT_EQ(form("SET GLOBAL a = 1, @@b = 2"), "SET GLOBAL a = 1, @@session.b = 2");
  EXPECT_EQ(form("SET @@tx_isolation = 'SERIALIZABLE', @@a = 1"),
            "SET @@tx_isolation = 'SERIALIZABLE', @@session.a = 1");
  for (const std::string_view sql :
       {"SET a = @@b", "SET @@global.a = 1", "SET @@local.a = 1", "SET SESSION @@a = 1",
        "SET @@tx_read_only = 1", "SET NAMES latin1", "SET @a = 1", "SELECT @@a", ""}) {
    EXPECT_EQ(form(sql), "") << sql;
  }
  EXPECT_EQ(reported_form("SET @@a = 1", {}), "");
}

TEST(ReportedForm, NamesTheCollationOfSetCharacterSet) {
  EXPECT_EQ(reported_form("SET CHARACTER SET latin1 /* c */", {}),
            "SET CHARACTER SET latin1, collation_connection = @@collation_database /* c */");
  EXPECT_EQ(reported_form("SET CHARSET 'latin1', a = 1", {}),
            "SET CHARSET 'latin1', a = 1, collation_connection = @@collation_database");
}

TEST(ParseSet, WhatIsNotUnderstood) {
  EXPECT_THAT(parse("SELECT 1"), IsEmpty());
  EXPECT_THAT(parse(""), IsEmpty());
  EXPECT_THAT(parse("SET"), IsEmpty());
  EXPECT_THAT(parse("SET a, b = 1"), ElementsAre("unknown|||a", "session|b|1|b = 1"));
  EXPECT_THAT(parse("SET ,,a = 1"), ElementsAre("unknown|||", "unknown|||", "session|a|1|a = 1"));
  EXPECT_THAT(parse("SET a ="), ElementsAre("session|a||a ="));
  EXPECT_THAT(parse("SET (a = 1, b)"), ElementsAre("unknown||(a = 1, b)|(a = 1, b)"));
}

TEST(ParseSet, EveryPrefixIsReadToItsEnd) {
  const std::string sql = "/* c */ SET STATEMENT a = 1, GLOBAL `b`.c := (1, 2), @'d' = 'e' FOR SELECT 1";
  for (size_t length = 0; length <= sql.size(); ++length) {
    EXPECT_LE(parse_set(std::string_view(sql).substr(0, length), {}).size(), 3U);
  }
}

}  // namespace
}  // namespace causeway::routing
