#include "routing/sql_lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::routing {
namespace {

using ::testing::ElementsAre;

std::string_view letter(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEnd:
      return "end";
    case TokenKind::kWord:
      return "w";
    case TokenKind::kQuotedIdentifier:
      return "i";
    case TokenKind::kString:
      return "s";
    case TokenKind::kNumber:
      return "n";
    case TokenKind::kUserVariable:
      return "u";
    case TokenKind::kSystemVariable:
      return "v";
    case TokenKind::kPlaceholder:
      return "p";
    case TokenKind::kTerminator:
      return "t";
    case TokenKind::kOperator:
      return "o";
  }
  return "";
}

std::vector<std::string> lex(std::string_view sql, const LexMode& mode = {}) {
  std::vector<std::string> tokens;
  SqlLexer lexer(sql, mode);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    tokens.push_back(std::string(letter(token.kind)) + " " + std::string(token.text));
  }
  return tokens;
}

Token first(std::string_view sql, const LexMode& mode = {}) {
  SqlLexer lexer(sql, mode);
  return lexer.next();
}

TEST(SqlLexer, TokensOfAStatement) {
  EXPECT_THAT(lex("SELECT a.`b`, 'c' FROM t WHERE d >= ? ;"),
              ElementsAre("w SELECT", "w a", "o .", "i `b`", "o ,", "s 'c'", "w FROM", "w t", "w WHERE",
                          "w d", "o >", "o =", "p ?", "t ;"));
}

TEST(SqlLexer, Numbers) {
  EXPECT_THAT(lex("1 1.5 .5 1. 1e5 1.5E-3 0x1F 0b01"),
              ElementsAre("n 1", "n 1.5", "n .5", "n 1.", "n 1e5", "n 1.5E-3", "n 0x1F", "n 0b01"));
  EXPECT_THAT(lex("1a 0xZ 0b2 0x 1e 1_000"),
              ElementsAre("w 1a", "w 0xZ", "w 0b2", "w 0x", "w 1e", "w 1_000"));
  EXPECT_THAT(lex("1.FROM t"), ElementsAre("n 1.", "w FROM", "w t"));
  EXPECT_THAT(lex("1-1"), ElementsAre("n 1", "o -", "n 1"));
}

TEST(SqlLexer, QualifiedNamesMayStartWithDigits) {
  EXPECT_THAT(lex("db.1t.2"), ElementsAre("w db", "o .", "w 1t", "o .", "w 2"));
  EXPECT_THAT(lex("`db`.1e5"), ElementsAre("i `db`", "o .", "w 1e5"));
  EXPECT_THAT(lex("t .5"), ElementsAre("w t", "n .5"));
}

TEST(SqlLexer, MarksWhatFollowsADot) {
  SqlLexer lexer("t.select select", {});
  EXPECT_FALSE(lexer.next().after_dot);
  lexer.next();
  EXPECT_TRUE(lexer.next().after_dot);
  EXPECT_FALSE(lexer.next().after_dot);
}

TEST(SqlLexer, Strings) {
  EXPECT_THAT(lex("'a''b' 'c\\'d' \"e'f\" \"g\"\"h\" ''"),
              ElementsAre("s 'a''b'", "s 'c\\'d'", "s \"e'f\"", "s \"g\"\"h\"", "s ''"));
  EXPECT_THAT(lex("N'a' n'b' X'41' x'41' B'01' b'01' _utf8'x' NX'y'"),
              ElementsAre("s N'a'", "s n'b'", "s X'41'", "s x'41'", "s B'01'", "s b'01'", "w _utf8", "s 'x'",
                          "w NX", "s 'y'"));
  EXPECT_THAT(lex(std::string_view("'a\0b\xFF\xFE' c", 9)),
              ElementsAre(std::string("s 'a\0b\xFF\xFE'", 9), "w c"));
}

TEST(SqlLexer, UnterminatedLiteralsEndWithTheText) {
  EXPECT_THAT(lex("'a"), ElementsAre("s 'a"));
  EXPECT_THAT(lex("'a\\"), ElementsAre("s 'a\\"));
  EXPECT_THAT(lex("'a''"), ElementsAre("s 'a''"));
  EXPECT_THAT(lex("`a"), ElementsAre("i `a"));
  EXPECT_THAT(lex("@'a"), ElementsAre("u @'a"));
  EXPECT_THAT(lex("X'4"), ElementsAre("s X'4"));
  EXPECT_THAT(lex("a /* b"), ElementsAre("w a"));
  EXPECT_THAT(lex("a /*"), ElementsAre("w a"));
  EXPECT_THAT(lex("a /*/"), ElementsAre("w a"));
  EXPECT_THAT(lex("a /*! b"), ElementsAre("w a", "w b"));
  EXPECT_EQ(first("'").name, "");
  EXPECT_EQ(first("'a").name, "a");
}

TEST(SqlLexer, Comments) {
  EXPECT_THAT(lex("a -- b\nc # d\ne /* f */ g /*+ h */ i"), ElementsAre("w a", "w c", "w e", "w g", "w i"));
  EXPECT_THAT(lex("a--b"), ElementsAre("w a", "o -", "o -", "w b"));
  EXPECT_THAT(lex("a --"), ElementsAre("w a"));
  EXPECT_THAT(lex("a/**/b"), ElementsAre("w a", "w b"));
  EXPECT_THAT(lex("a */ b"), ElementsAre("w a", "o *", "o /", "w b"));
  EXPECT_THAT(lex("/*!1 a */ b"), ElementsAre("n 1", "w a", "w b"));
  EXPECT_THAT(lex("/*!50000a*/b"), ElementsAre("w a", "w b"));
  EXPECT_THAT(lex("/*! a /* b */ c */ d"), ElementsAre("w a", "w c", "w d"));
}

TEST(SqlLexer, MySqlTakesASixthDigitOnlyBeforeASpace) {
  EXPECT_THAT(lex("/*!080036 a */", {.server_version = 80036}), ElementsAre("w a"));
  EXPECT_THAT(lex("/*!500001*/", {.server_version = 80036}), ElementsAre("n 1"));
  EXPECT_THAT(lex("/*!1001061*/", {.server_version = 101106, .mariadb = true}), ElementsAre("n 1"));
}

TEST(SqlLexer, Variables) {
  EXPECT_THAT(lex("@a @a.b$c @`d e` @'f' @\"g\" @@h @@session.i @@`j` @@GLOBAL . k @@hot.l @"),
              ElementsAre("u @a", "u @a.b$c", "u @`d e`", "u @'f'", "u @\"g\"", "v @@h", "v @@session.i",
                          "v @@`j`", "v @@GLOBAL . k", "v @@hot.l", "u @"));
  EXPECT_THAT(lex("@a:=1"), ElementsAre("u @a", "o :=", "n 1"));
  EXPECT_EQ(first("@`d e`").name, "d e");
  EXPECT_EQ(first("@@session.i").name, "i");
  EXPECT_EQ(first("@@session.i").scope, VariableScope::kSession);
  EXPECT_EQ(first("@@LOCAL.i").scope, VariableScope::kSession);
  EXPECT_EQ(first("@@global.`i`").name, "i");
  EXPECT_EQ(first("@@global.`i`").scope, VariableScope::kGlobal);
  EXPECT_EQ(first("@@persist.i").scope, VariableScope::kPersist);
  EXPECT_EQ(first("@@persist_only.i").scope, VariableScope::kPersistOnly);
  EXPECT_EQ(first("@@hot.l").name, "hot.l");
  EXPECT_EQ(first("@@hot.l").scope, VariableScope::kNone);
  EXPECT_EQ(first("@@global.hot.l").name, "hot.l");
  EXPECT_EQ(first("@@global").name, "global");
  EXPECT_EQ(first("@@").name, "");
  EXPECT_EQ(first("@@`").name, "");
}

TEST(SqlLexer, DollarQuotesAreMySqls) {
  EXPECT_THAT(lex("$$ a;b $$ c"), ElementsAre("s $$ a;b $$", "w c"));
  EXPECT_THAT(lex("$x$ a $$ b $x$ c"), ElementsAre("s $x$ a $$ b $x$", "w c"));
  EXPECT_THAT(lex("$a b$c a$$b"), ElementsAre("w $a", "w b$c", "w a$$b"));
  EXPECT_THAT(lex("$$ a"), ElementsAre("s $$ a"));
  EXPECT_THAT(lex("$$ a", {.server_version = 101106, .mariadb = true}), ElementsAre("w $$", "w a"));
  EXPECT_THAT(lex("$$ a", {.server_version = 50744}), ElementsAre("w $$", "w a"));
  EXPECT_EQ(first("$x$ a $x$").name, " a ");
  EXPECT_EQ(first("$x$").name, "");
}

TEST(SqlLexer, UnquotesAsTheServerDoes) {
  const auto text = [](std::string_view sql, const LexMode& mode = {}) {
    return unquote(first(sql, mode), mode);
  };
  EXPECT_EQ(text("'a''b\\'c\\\\d\\n\\t\\r\\0\\Z\\b\\%\\_\\q\"'"),
            std::string("a'b'c\\d\n\t\r\0\x1A\b\\%\\_q\"", 19));
  EXPECT_EQ(text("'a\\n'", {.no_backslash_escapes = true}), "a\\n");
  EXPECT_EQ(text("\"a\"\"b''\""), "a\"b''");
  EXPECT_EQ(text("`a``b\\n`"), "a`b\\n");
  EXPECT_EQ(text("@`a``b`"), "a`b");
  EXPECT_EQ(text("@'a\\'b'"), "a'b");
  EXPECT_EQ(text("@ab"), "ab");
  EXPECT_EQ(text("N'a\\'b'"), "a'b");
  EXPECT_EQ(text("X'41'"), "41");
  EXPECT_EQ(text("\"a\\n\"", {.ansi_quotes = true}), "a\\n");
  EXPECT_EQ(text("'\x95\\'", {.multibyte_backslash = MultibyteBackslash::kSjis}), "\x95\\");
  EXPECT_EQ(text("word"), "word");
}

TEST(SqlLexer, StaysAtTheEnd) {
  SqlLexer lexer("a", {});
  lexer.next();
  EXPECT_EQ(lexer.next().kind, TokenKind::kEnd);
  EXPECT_EQ(lexer.next().kind, TokenKind::kEnd);
  EXPECT_EQ(lexer.position(), 1U);
}

TEST(MultibyteBackslash, IsKnownByTheCharacterSetsName) {
  EXPECT_EQ(multibyte_backslash_of("GBK"), MultibyteBackslash::kGbk);
  EXPECT_EQ(multibyte_backslash_of("sjis"), MultibyteBackslash::kSjis);
  EXPECT_EQ(multibyte_backslash_of("utf8mb4"), MultibyteBackslash::kNone);
}

}  // namespace
}  // namespace causeway::routing
