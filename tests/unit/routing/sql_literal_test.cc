#include "routing/sql_literal.h"

#include <gtest/gtest.h>

namespace causeway::routing {
namespace {

TEST(SqlLiteral, IsQuotedForTheSqlMode) {
  const LexMode plain_backslash{.no_backslash_escapes = true};
  EXPECT_EQ(quoted("", {}), "''");
  EXPECT_EQ(quoted("it's \"so\"", {}), "'it''s \"so\"'");
  EXPECT_EQ(quoted("a\\'", {}), "'a\\\\'''");
  EXPECT_EQ(quoted("a\\'", plain_backslash), "'a\\'''");
  for (const LexMode& mode : {LexMode(), plain_backslash}) {
    for (const std::string_view text : {"", "'", "\\", "a\\'b", "\\\\''"}) {
      const std::string literal = quoted(text, mode);
      SqlLexer lexer(literal, mode);
      EXPECT_EQ(unquote(lexer.next(), mode), text) << literal;
      EXPECT_EQ(lexer.next().kind, TokenKind::kEnd) << literal;
    }
  }
}

TEST(SqlLiteral, OfUtf8MeansTheSameInEveryMode) {
  const struct {
    std::string_view text;
    std::string_view literal;
  } rows[] = {
      {"", "_utf8mb4''"},
      {"STRICT_ALL_TABLES,ANSI", "_utf8mb4'STRICT_ALL_TABLES,ANSI'"},
      {"it's", "_utf8mb4'it''s'"},
      {"a\\", "_utf8mb4 X'615C'"},
      {"\xC3\xA4", "_utf8mb4 X'C3A4'"},
      {std::string_view("\0\n", 2), "_utf8mb4 X'000A'"},
  };
  for (const auto& row : rows) {
    std::string sql;
    append_utf8_literal(sql, row.text);
    EXPECT_EQ(sql, row.literal);
  }
}

TEST(SqlLiteral, ANameIsNoMoreThanAName) {
  std::string sql = "USE ";
  append_identifier(sql, "a`; DROP TABLE `t");
  EXPECT_EQ(sql, "USE `a``; DROP TABLE ``t`");
}

}  // namespace
}  // namespace causeway::routing
