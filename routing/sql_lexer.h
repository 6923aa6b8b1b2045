// Splits SQL text into tokens the way the servers' own lexers do, in one pass and without allocating. The
// sources of the rules are named in README.md ("The lexer").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/text.h"

namespace causeway::routing {

// Client character sets whose characters may contain the byte 0x5c (backslash) or 0x60 (backtick) as a trail
// byte.
enum class MultibyteBackslash : uint8_t { kNone, kGbk, kSjis, kBig5, kGb18030, kCp932 };

// What the session and its server say about how text is to be read.
struct LexMode {
  bool ansi_quotes = false;           // sql_mode ANSI_QUOTES: "x" is an identifier
  bool no_backslash_escapes = false;  // sql_mode NO_BACKSLASH_ESCAPES
  uint32_t server_version = 0;        // 80036, 90700, 101106; 0: unknown, every version comment is executed
  bool mariadb = false;
  bool oracle =
      false;  // MariaDB's sql_mode ORACLE: BEGIN is that of a block, and declarations stand before it
  MultibyteBackslash multibyte_backslash = MultibyteBackslash::kNone;

  friend bool operator==(const LexMode&, const LexMode&) = default;
};

// The mode's multibyte_backslash for a character set's name ("gbk", "SJIS", ...), kNone for all others.
MultibyteBackslash multibyte_backslash_of(std::string_view character_set);

// Likewise for a collation's id, as a handshake has it.
MultibyteBackslash multibyte_backslash_of(uint8_t collation);

// The name of the character set of this collation's id, if it is one that no server takes from a client
// (ucs2, utf16, utf16le, utf32); else empty.
std::string_view unusable_client_charset(uint8_t collation);

enum class TokenKind : uint8_t {
  kEnd,               // the end of the text; next() returns it again and again
  kWord,              // keyword, unquoted identifier, character set introducer (_utf8mb4)
  kQuotedIdentifier,  // `x`, under ANSI_QUOTES "x"
  kString,            // 'x', "x", N'x', X'41', B'01', $$x$$
  kNumber,            // 1, 1.5e3, 0x41, 0b01
  kUserVariable,      // @x, @'x', @"x", @`x`; also the host part of an account
  kSystemVariable,    // @@x, @@session.x
  kPlaceholder,       // ?
  kTerminator,        // ;
  kOperator,          // one byte of anything else; := is one token
};

enum class VariableScope : uint8_t { kNone, kSession, kGlobal, kPersist, kPersistOnly };

// Views point into the lexed text.
struct Token {
  TokenKind kind = TokenKind::kEnd;
  VariableScope scope = VariableScope::kNone;  // kSystemVariable: as written; LOCAL is kSession
  bool after_dot = false;  // follows a `.` of a qualified name, so it is no keyword and no built-in function
  bool space_before = true;  // white space or a comment stands before it, or it is the first
  std::string_view text;     // as written
  // Without quotes, prefixes (@, @@scope., N) and delimiters; escapes are not undone (unquote() does that).
  std::string_view name;
};

// Yields the tokens of one text in order. Comments are skipped: `-- `, `#`, /* */, hints /*+ */. The content
// of /*! */ and MariaDB's /*M! */ is lexed as SQL, unless its version is above the server's. An unterminated
// literal or comment ends with the text. Copyable, so a copy serves as a lookahead.
class SqlLexer {
 public:
  SqlLexer(std::string_view sql, const LexMode& mode) : sql_(sql), mode_(mode) {}

  const LexMode& mode() const { return mode_; }

  // The next token; at the end one of kind kEnd with an empty text at the end of the text.
  Token next();

  // The same, written to `token`. Cheaper in a loop: no token is copied.
  void next(Token& token);

  // Offset behind the last token that next() returned.
  size_t position() const { return position_; }

 private:
  bool skip_blanks_and_comments();
  void skip_comment();
  void enter_version_comment(size_t digits_at, bool mariadb_syntax);
  size_t character_length(size_t index) const;
  size_t quoted_end(size_t index, bool backslash_escapes) const;
  size_t word_end(size_t index) const;
  size_t dollar_quoted_end() const;

  void make(Token& token, TokenKind kind, size_t end) const;
  void lex_symbol(Token& token, char c, bool continues_name);
  void lex_word_or_prefixed_string(Token& token);
  void lex_number_or_word(Token& token);
  void lex_quoted(Token& token, TokenKind kind, bool backslash_escapes);
  void lex_variable(Token& token);
  void lex_system_variable(Token& token);
  char at(size_t index) const { return index < sql_.size() ? sql_[index] : '\0'; }

  std::string_view sql_;
  LexMode mode_;
  size_t position_ = 0;
  bool in_version_comment_ = false;
  bool after_dot_ = false;
  bool after_name_ = false;  // the last token was a name, so that `.1a` goes on with it
};

// The text that a string, quoted identifier or user variable token stands for: delimiters removed, doubled
// quotes and (where the mode has them) backslash escapes undone. X'..' and B'..' are returned as their
// digits.
std::string unquote(const Token& token, const LexMode& mode);

// What both servers take for white space.
inline constexpr std::string_view kBlanks = " \t\n\v\f\r";

// A name as written, with quotes or without: may be an identifier or, without quotes, a keyword.
inline bool is_name(const Token& token) {
  return token.kind == TokenKind::kWord || token.kind == TokenKind::kQuotedIdentifier;
}

using protocol::ascii_lower;
using protocol::equals_ignoring_case;

}  // namespace causeway::routing
