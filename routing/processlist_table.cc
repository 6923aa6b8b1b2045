#include "routing/processlist_table.h"

#include <algorithm>
#include <array>

namespace causeway::routing {
namespace {

constexpr std::string_view kSchema = "information_schema";
constexpr std::string_view kProcesslist = "aurora_forwarding_processlist";

bool is_named(const Token& token, std::string_view name) {
  return is_name(token) && equals_ignoring_case(token.name, name);
}

bool is_dot(const Token& token) {
  return token.kind == TokenKind::kOperator && token.text == ".";
}

// Words that stand behind a table reference and are no alias.
constexpr std::array<std::string_view, 26> kBehindTables = {
    "CROSS",     "EXCEPT", "FETCH",         "FOR",   "FORCE", "GROUP", "HAVING",  "IGNORE", "INNER",
    "INTERSECT", "INTO",   "JOIN",          "LEFT",  "LIMIT", "LOCK",  "NATURAL", "ON",     "ORDER",
    "PROCEDURE", "RIGHT",  "STRAIGHT_JOIN", "UNION", "USE",   "USING", "WHERE",   "WINDOW"};

bool goes_on_without_alias(const Token& token) {
  if (token.kind != TokenKind::kWord) return false;
  return std::ranges::any_of(kBehindTables,
                             [&](std::string_view word) { return equals_ignoring_case(word, token.text); });
}

bool has_alias(const Token& behind) {
  return is_name(behind) && !goes_on_without_alias(behind);
}

size_t offset_of(const Token& token, std::string_view sql) {
  return static_cast<size_t>(token.text.data() - sql.data());
}

}  // namespace

std::string replace_forwarding_processlist(std::string_view sql, const LexMode& mode,
                                           bool in_information_schema, std::string_view derived) {
  std::string out;
  size_t copied = 0;
  SqlLexer lexer(sql, mode);
  Token before_last;
  Token last;
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd;
       before_last = last, last = token, token = lexer.next()) {
    if (!is_named(token, kProcesslist)) continue;
    const bool qualified = is_dot(last);
    const bool is_alias = last.kind == TokenKind::kWord && equals_ignoring_case(last.text, "AS");
    if (qualified ? !is_named(before_last, kSchema) : !in_information_schema || is_alias) continue;
    SqlLexer ahead = lexer;
    const Token behind = ahead.next();
    const bool qualifies = is_dot(behind);
    if (qualifies && !qualified) continue;
    const size_t at = offset_of(qualified ? before_last : token, sql);
    out.append(sql.substr(copied, at - copied));
    if (qualifies) {
      out.append(kProcesslist);
    } else {
      out.append("(").append(derived).append(")");
      if (!has_alias(behind)) out.append(" AS ").append(kProcesslist);
    }
    copied = lexer.position();
  }
  return out.append(sql.substr(copied));
}

}  // namespace causeway::routing
