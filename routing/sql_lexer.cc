#include "routing/sql_lexer.h"

#include <algorithm>
#include <array>
#include <optional>

namespace causeway::routing {
namespace {

enum class CharClass : uint8_t { kOther, kBlank, kCommentStart, kDigit, kWord };  // names: kDigit and up

constexpr std::array<CharClass, 256> make_classes() {
  std::array<CharClass, 256> classes{};
  for (size_t c = 0; c < classes.size(); ++c) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) classes[c] = CharClass::kBlank;
    // Bytes that may start or end a comment; if they do not, they are like any other.
    if (c == '/' || c == '*' || c == '#' || c == '-') classes[c] = CharClass::kCommentStart;
    if (c >= '0' && c <= '9') classes[c] = CharClass::kDigit;
    const size_t folded = c | 0x20;
    if ((folded >= 'a' && folded <= 'z') || c == '_' || c == '$' || c >= 0x80) classes[c] = CharClass::kWord;
  }
  return classes;
}
constexpr std::array<CharClass, 256> kClasses = make_classes();

CharClass class_of(char c) {
  return kClasses[static_cast<unsigned char>(c)];
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return class_of(c) == CharClass::kBlank;
}
bool is_word_byte(char c) {
  return class_of(c) >= CharClass::kDigit;
}
bool is_hex_digit(char c) {
  const char folded = static_cast<char>(c | 0x20);
  return is_digit(c) || (folded >= 'a' && folded <= 'f');
}
bool in_range(char c, unsigned low, unsigned high) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= low && byte <= high;
}

// Since MySQL 8.0.32 a `$` that starts a word is deprecated; from 8.1 on `$tag$` starts dollar-quoted text.
constexpr uint32_t kDollarQuotesSince = 80100;

VariableScope scope_of(std::string_view word) {
  if (equals_ignoring_case(word, "session") || equals_ignoring_case(word, "local")) {
    return VariableScope::kSession;
  }
  if (equals_ignoring_case(word, "global")) return VariableScope::kGlobal;
  if (equals_ignoring_case(word, "persist")) return VariableScope::kPersist;
  if (equals_ignoring_case(word, "persist_only")) return VariableScope::kPersistOnly;
  return VariableScope::kNone;
}

// Bytes of the character that starts at `index`: 1 unless a lead byte is followed by a valid trail byte, for
// a server takes an invalid pair for two characters.
size_t character_bytes(std::string_view text, size_t index, MultibyteBackslash charset) {
  if (charset == MultibyteBackslash::kNone || index + 1 >= text.size()) return 1;
  const char lead = text[index];
  const char trail = text[index + 1];
  switch (charset) {
    case MultibyteBackslash::kNone:
      return 1;
    case MultibyteBackslash::kGbk:
      return in_range(lead, 0x81, 0xFE) && (in_range(trail, 0x40, 0x7E) || in_range(trail, 0x80, 0xFE)) ? 2
                                                                                                        : 1;
    case MultibyteBackslash::kSjis:
    case MultibyteBackslash::kCp932:
      return (in_range(lead, 0x81, 0x9F) || in_range(lead, 0xE0, 0xFC)) &&
                     (in_range(trail, 0x40, 0x7E) || in_range(trail, 0x80, 0xFC))
                 ? 2
                 : 1;
    case MultibyteBackslash::kBig5:
      return in_range(lead, 0xA1, 0xF9) && (in_range(trail, 0x40, 0x7E) || in_range(trail, 0xA1, 0xFE)) ? 2
                                                                                                        : 1;
    case MultibyteBackslash::kGb18030:
      if (!in_range(lead, 0x81, 0xFE)) return 1;
      if (in_range(trail, 0x40, 0x7E) || in_range(trail, 0x80, 0xFE)) return 2;
      return is_digit(trail) && index + 3 < text.size() && in_range(text[index + 2], 0x81, 0xFE) &&
                     is_digit(text[index + 3])
                 ? 4
                 : 1;
  }
  return 1;
}

}  // namespace

MultibyteBackslash multibyte_backslash_of(std::string_view character_set) {
  if (equals_ignoring_case(character_set, "gbk")) return MultibyteBackslash::kGbk;
  if (equals_ignoring_case(character_set, "sjis")) return MultibyteBackslash::kSjis;
  if (equals_ignoring_case(character_set, "cp932")) return MultibyteBackslash::kCp932;
  if (equals_ignoring_case(character_set, "big5")) return MultibyteBackslash::kBig5;
  if (equals_ignoring_case(character_set, "gb18030")) return MultibyteBackslash::kGb18030;
  return MultibyteBackslash::kNone;
}

// The ids are the same on MySQL and MariaDB, which has no gb18030.
MultibyteBackslash multibyte_backslash_of(uint8_t collation) {
  switch (collation) {
    case 28:
    case 87:
      return MultibyteBackslash::kGbk;
    case 13:
    case 88:
      return MultibyteBackslash::kSjis;
    case 95:
    case 96:
      return MultibyteBackslash::kCp932;
    case 1:
    case 84:
      return MultibyteBackslash::kBig5;
    case 248:
    case 249:
    case 250:
      return MultibyteBackslash::kGb18030;
    default:
      return MultibyteBackslash::kNone;
  }
}

// The ids are the same on MySQL and MariaDB.
std::string_view unusable_client_charset(uint8_t collation) {
  const auto is_in = [collation](uint8_t low, uint8_t high) { return collation >= low && collation <= high; };
  if (collation == 35 || collation == 90 || is_in(128, 151) || collation == 159) return "ucs2";
  if (collation == 54 || collation == 55 || is_in(101, 124)) return "utf16";
  if (collation == 56 || collation == 62) return "utf16le";
  if (collation == 60 || collation == 61 || is_in(160, 183)) return "utf32";
  return {};
}

size_t SqlLexer::character_length(size_t index) const {
  return character_bytes(sql_, index, mode_.multibyte_backslash);
}

// `/*! ...` or `/*M! ...`: either its content is SQL, and position_ is put there, or all of it is skipped.
void SqlLexer::enter_version_comment(size_t digits_at, bool mariadb_syntax) {
  size_t digits = 0;
  while (digits < 6 && is_digit(at(digits_at + digits)))
    ++digits;
  // MySQL takes a sixth digit only if white space follows it, MariaDB always.
  if (digits == 6 && !mode_.mariadb && !is_blank(at(digits_at + 6))) digits = 5;
  if (digits < 5) {
    position_ = digits_at;
    in_version_comment_ = true;
    return;
  }
  uint32_t version = 0;
  for (const char c : sql_.substr(digits_at, digits))
    version = version * 10 + static_cast<uint32_t>(c - '0');
  // MariaDB does not execute what is meant for MySQL 5.7 and later.
  const bool for_mysql_only = mode_.mariadb && !mariadb_syntax && version >= 50700 && version <= 99999;
  const bool too_new = mode_.server_version != 0 && version > mode_.server_version;
  if (!for_mysql_only && !too_new) {
    position_ = digits_at + digits;
    in_version_comment_ = true;
    return;
  }
  // A skipped version comment may hold one level of plain comments.
  size_t i = digits_at + digits;
  bool nested = false;
  for (; i + 1 < sql_.size(); ++i) {
    if (!nested && sql_[i] == '/' && sql_[i + 1] == '*') {
      nested = true;
      ++i;
    } else if (sql_[i] == '*' && sql_[i + 1] == '/') {
      ++i;
      if (!nested) {
        position_ = i + 1;
        return;
      }
      nested = false;
    }
  }
  position_ = sql_.size();
}

// position_ is at a slash that a star follows.
void SqlLexer::skip_comment() {
  if (at(position_ + 2) == '!') {
    enter_version_comment(position_ + 3, false);
    return;
  }
  if (mode_.mariadb && at(position_ + 2) == 'M' && at(position_ + 3) == '!') {
    enter_version_comment(position_ + 4, true);
    return;
  }
  const size_t end = sql_.find("*/", position_ + 2);
  position_ = end == std::string_view::npos ? sql_.size() : end + 2;
}

// True if anything was skipped.
bool SqlLexer::skip_blanks_and_comments() {
  const size_t start = position_;
  while (position_ < sql_.size()) {
    const char c = sql_[position_];
    const CharClass cls = class_of(c);
    if (cls == CharClass::kBlank) {
      ++position_;
      continue;
    }
    if (cls != CharClass::kCommentStart) break;
    if (c == '/' && at(position_ + 1) == '*') {
      skip_comment();
      continue;
    }
    if (c == '*' && in_version_comment_ && at(position_ + 1) == '/') {
      in_version_comment_ = false;
      position_ += 2;
      continue;
    }
    const bool dashes = c == '-' && at(position_ + 1) == '-' &&
                        (in_range(at(position_ + 2), 0, 0x20) || at(position_ + 2) == 0x7F);
    if (c != '#' && !dashes) break;
    // A NUL ends it too, as it does in the servers' lexers.
    while (position_ < sql_.size() && sql_[position_] != '\n' && sql_[position_] != '\0')
      ++position_;
    if (at(position_) == '\0') break;
  }
  return position_ != start;
}

// The offset behind the closing quote of what starts at the quote at `index`, the end of the text if there
// is none.
size_t SqlLexer::quoted_end(size_t index, bool backslash_escapes) const {
  const char quote = sql_[index];
  const bool multibyte = mode_.multibyte_backslash != MultibyteBackslash::kNone;
  size_t i = index + 1;
  while (i < sql_.size()) {
    const char c = sql_[i];
    if (c != quote && c != '\\' && !multibyte) {
      ++i;
      continue;
    }
    if (c == quote) {
      if (at(i + 1) != quote || i + 1 >= sql_.size()) return i + 1;
      i += 2;
    } else if (c == '\\' && backslash_escapes) {
      i += 2;
    } else {
      i += multibyte ? character_length(i) : 1;
    }
  }
  return sql_.size();
}

size_t SqlLexer::word_end(size_t index) const {
  const bool multibyte = mode_.multibyte_backslash != MultibyteBackslash::kNone;
  size_t i = index;
  while (i < sql_.size() && is_word_byte(sql_[i]))
    i += multibyte ? character_length(i) : 1;
  return std::min(i, sql_.size());
}

// The offset behind `$tag$ ... $tag$` at position_, or 0 if none starts there.
size_t SqlLexer::dollar_quoted_end() const {
  if (mode_.mariadb || (mode_.server_version != 0 && mode_.server_version < kDollarQuotesSince)) return 0;
  size_t tag_end = position_ + 1;
  while (is_word_byte(at(tag_end)) && at(tag_end) != '$')
    tag_end += character_length(tag_end);
  if (at(tag_end) != '$') return 0;
  const std::string_view delimiter = sql_.substr(position_, tag_end + 1 - position_);
  const size_t end = sql_.find(delimiter, tag_end + 1);
  return end == std::string_view::npos ? sql_.size() : end + delimiter.size();
}

void SqlLexer::make(Token& token, TokenKind kind, size_t end) const {
  token.kind = kind;
  token.scope = VariableScope::kNone;
  token.after_dot = after_dot_;
  // Two views of the same bytes, each made by itself: a copy of the first would have to wait for its store.
  const char* const start = sql_.data() + position_;
  const size_t size = end - position_;
  token.text = {start, size};
  token.name = {start, size};
}

namespace {

// What stands between delimiters of these lengths, of which the closing one may be missing.
std::string_view inside(std::string_view text, size_t open, std::string_view closing) {
  text.remove_prefix(std::min(open, text.size()));
  if (text.ends_with(closing)) text.remove_suffix(closing.size());
  return text;
}

}  // namespace

void SqlLexer::lex_quoted(Token& token, TokenKind kind, bool backslash_escapes) {
  const char quote = sql_[position_];
  make(token, kind, quoted_end(position_, backslash_escapes));
  token.name = inside(token.text, 1, {&quote, 1});
}

void SqlLexer::lex_word_or_prefixed_string(Token& token) {
  const char first = sql_[position_];
  const char folded = static_cast<char>(first | 0x20);
  if ((folded == 'n' || folded == 'x' || folded == 'b') && at(position_ + 1) == '\'') {
    make(token, TokenKind::kString, quoted_end(position_ + 1, folded == 'n' && !mode_.no_backslash_escapes));
    token.name = inside(token.text, 2, "'");
    return;
  }
  if (first == '$' && !after_dot_) {
    if (const size_t end = dollar_quoted_end(); end != 0) {
      make(token, TokenKind::kString, end);
      const std::string_view delimiter = token.text.substr(0, token.text.find('$', 1) + 1);
      token.name = inside(token.text, delimiter.size(), delimiter);
      return;
    }
  }
  make(token, TokenKind::kWord, word_end(position_));
}

// At a digit, or at a `.` before one. Digits that run into letters are a word: 1a, 0xZ.
void SqlLexer::lex_number_or_word(Token& token) {
  size_t end = position_;
  const char second = static_cast<char>(at(position_ + 1));
  if (sql_[position_] == '0' && (second == 'x' || second == 'b')) {
    const bool hex = second == 'x';
    end += 2;
    while (hex ? is_hex_digit(at(end)) : (at(end) == '0' || at(end) == '1'))
      ++end;
    const bool number = end > position_ + 2 && !is_word_byte(at(end));
    make(token, number ? TokenKind::kNumber : TokenKind::kWord, word_end(end));
    return;
  }
  while (is_digit(at(end)))
    ++end;
  const bool fraction = at(end) == '.';
  if (fraction) {
    ++end;
    while (is_digit(at(end)))
      ++end;
  }
  if ((at(end) | 0x20) == 'e') {
    const size_t sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
    if (is_digit(at(end + 1 + sign))) {
      end += 1 + sign;
      while (is_digit(at(end)))
        ++end;
      make(token, TokenKind::kNumber, end);
      return;
    }
  }
  const bool word = !fraction && is_word_byte(at(end));
  make(token, word ? TokenKind::kWord : TokenKind::kNumber, word ? word_end(end) : end);
}

void SqlLexer::lex_variable(Token& token) {
  const char next = at(position_ + 1);
  if (next == '@') {
    lex_system_variable(token);
    return;
  }
  if (next == '\'' || next == '"' || next == '`') {
    const bool identifier = next == '`' || (next == '"' && mode_.ansi_quotes);
    make(token, TokenKind::kUserVariable,
         quoted_end(position_ + 1, !identifier && !mode_.no_backslash_escapes));
    token.name = inside(token.text, 2, {&next, 1});
    return;
  }
  size_t end = position_ + 1;
  while (end < sql_.size() && (is_word_byte(sql_[end]) || sql_[end] == '.'))
    end += character_length(end);
  make(token, TokenKind::kUserVariable, std::min(end, sql_.size()));
  token.name = token.text.substr(1);
}

void SqlLexer::lex_system_variable(Token& token) {
  // Blanks may stand around the `.` of the scope, nowhere else.
  const auto identifier_end = [this](size_t from) {
    const bool quoted = at(from) == '`' || (mode_.ansi_quotes && at(from) == '"');
    return quoted ? quoted_end(from, false) : word_end(from);
  };
  const auto skip_blanks = [this](size_t from) {
    while (is_blank(at(from)))
      ++from;
    return from;
  };
  size_t start = position_ + 2;
  size_t end = identifier_end(start);
  VariableScope scope = scope_of(sql_.substr(start, end - start));
  if (scope != VariableScope::kNone) {
    const size_t dot = skip_blanks(end);
    const size_t after = skip_blanks(dot + 1);
    if (at(dot) == '.' && (is_word_byte(at(after)) || at(after) == '`')) {
      start = after;
      end = identifier_end(start);
    } else {
      scope = VariableScope::kNone;
    }
  }
  const char quote = at(start);
  std::string_view name = sql_.substr(std::min(start, sql_.size()), end - std::min(start, end));
  if (quote == '`' || quote == '"') name = inside(name, 1, {&quote, 1});
  if (at(end) == '.' && (is_word_byte(at(end + 1)) || at(end + 1) == '`')) {
    end = identifier_end(end + 1);
    name = sql_.substr(start, end - start);
  }
  make(token, TokenKind::kSystemVariable, end);
  token.scope = scope;
  token.name = name;
}

Token SqlLexer::next() {
  Token token;
  next(token);
  return token;
}

void SqlLexer::next(Token& token) {
  const bool first = position_ == 0;
  const bool space_before = skip_blanks_and_comments() || first;
  const bool continues_name = after_name_ && !space_before;
  after_name_ = false;
  token.space_before = space_before;
  if (position_ >= sql_.size()) {
    position_ = sql_.size();
    make(token, TokenKind::kEnd, position_);
    return;
  }

  const char c = sql_[position_];
  switch (class_of(c)) {
    case CharClass::kWord:
      lex_word_or_prefixed_string(token);
      break;
    case CharClass::kDigit:
      if (after_dot_ && !space_before) {
        make(token, TokenKind::kWord, word_end(position_));
      } else {
        lex_number_or_word(token);
      }
      break;
    case CharClass::kCommentStart:
      make(token, TokenKind::kOperator, position_ + 1);
      break;
    case CharClass::kBlank:
    case CharClass::kOther:
      lex_symbol(token, c, continues_name);
      break;
  }
  position_ += token.text.size();
  after_dot_ = token.kind == TokenKind::kOperator && c == '.';
  after_name_ = is_name(token);
}

// What begins with `c`, which is in no word and no number.
void SqlLexer::lex_symbol(Token& token, char c, bool continues_name) {
  switch (c) {
    case '\'':
      return lex_quoted(token, TokenKind::kString, !mode_.no_backslash_escapes);
    case '"':
      if (mode_.ansi_quotes) return lex_quoted(token, TokenKind::kQuotedIdentifier, false);
      return lex_quoted(token, TokenKind::kString, !mode_.no_backslash_escapes);
    case '`':
      return lex_quoted(token, TokenKind::kQuotedIdentifier, false);
    case '@':
      return lex_variable(token);
    case '?':
      return make(token, TokenKind::kPlaceholder, position_ + 1);
    case ';':
      return make(token, TokenKind::kTerminator, position_ + 1);
    case ':':
      return make(token, TokenKind::kOperator, position_ + (at(position_ + 1) == '=' ? 2 : 1));
    case '.':
      if (!continues_name && is_digit(at(position_ + 1))) return lex_number_or_word(token);
      return make(token, TokenKind::kOperator, position_ + 1);
    default:
      return make(token, TokenKind::kOperator, position_ + 1);
  }
}

namespace {

// How a token's name is quoted in its text.
struct Quoting {
  char quote = '\0';
  bool backslash_escapes = false;
};

// Nothing if the name stands for itself.
std::optional<Quoting> quoting_of(const Token& token, const LexMode& mode) {
  const char first = token.text.empty() ? '\0' : token.text.front();
  switch (token.kind) {
    case TokenKind::kString:
      if (first == '$' || (first | 0x20) == 'x' || (first | 0x20) == 'b') return std::nullopt;
      return Quoting{.quote = first == '"' ? '"' : '\'', .backslash_escapes = !mode.no_backslash_escapes};
    case TokenKind::kQuotedIdentifier:
      return Quoting{.quote = first};
    case TokenKind::kUserVariable: {
      if (token.text.size() == token.name.size() + 1) return std::nullopt;
      const char quote = token.text[1];
      const bool is_string = quote == '\'' || (quote == '"' && !mode.ansi_quotes);
      return Quoting{.quote = quote, .backslash_escapes = !mode.no_backslash_escapes && is_string};
    }
    case TokenKind::kSystemVariable:
      return Quoting{.quote = '`'};
    default:
      return std::nullopt;
  }
}

// What stands behind a backslash.
void append_escaped(std::string& out, char escaped) {
  switch (escaped) {
    case '0':
      out += '\0';
      break;
    case 'b':
      out += '\b';
      break;
    case 'n':
      out += '\n';
      break;
    case 'r':
      out += '\r';
      break;
    case 't':
      out += '\t';
      break;
    case 'Z':
      out += '\x1A';
      break;
    case '%':
    case '_':  // kept for LIKE, as the servers do
      out += '\\';
      out += escaped;
      break;
    default:
      out += escaped;
      break;
  }
}

}  // namespace

std::string unquote(const Token& token, const LexMode& mode) {
  const std::optional<Quoting> quoting = quoting_of(token, mode);
  if (!quoting) return std::string(token.name);
  std::string out;
  out.reserve(token.name.size());
  for (size_t i = 0; i < token.name.size(); ++i) {
    const char c = token.name[i];
    const bool has_next = i + 1 < token.name.size();
    if (const size_t bytes = character_bytes(token.name, i, mode.multibyte_backslash); bytes > 1) {
      out += token.name.substr(i, bytes);
      i += bytes - 1;
    } else if (c == quoting->quote && has_next && token.name[i + 1] == c) {
      out += c;
      ++i;
    } else if (c == '\\' && quoting->backslash_escapes && has_next) {
      append_escaped(out, token.name[++i]);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace causeway::routing
