#include "routing/temporary_tables.h"

#include <algorithm>
#include <array>

namespace causeway::routing {
namespace {

bool is_word(const Token& token, std::string_view word) {
  return token.kind == TokenKind::kWord && equals_ignoring_case(token.text, word);
}

// The last part of a name that may be qualified; `token` is left behind it.
std::string read_qualified_name(SqlLexer& lexer, Token& token, const LexMode& mode) {
  std::string name;
  while (is_name(token)) {
    name = unquote(token, mode);
    token = lexer.next();
    if (token.text != ".") break;
    token = lexer.next();
  }
  return name;
}

bool contains(std::span<const std::string> names, std::string_view name) {
  return std::ranges::any_of(names,
                             [name](const std::string& one) { return equals_ignoring_case(one, name); });
}

bool is_modifier(const Token& token) {
  constexpr std::array<std::string_view, 7> kModifiers = {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK",
                                                          "IGNORE",       "INTO",          "FROM"};
  return std::ranges::any_of(kModifiers, [&token](std::string_view word) { return is_word(token, word); });
}

}  // namespace

std::string created_temporary_table(std::string_view sql, const LexMode& mode) {
  SqlLexer lexer(sql, mode);
  Token token = lexer.next();
  if (!is_word(token, "CREATE")) return {};
  do {
    token = lexer.next();
  } while (is_word(token, "OR") || is_word(token, "REPLACE"));
  if (!is_word(token, "TEMPORARY")) return {};
  token = lexer.next();
  if (!is_word(token, "TABLE")) return {};
  token = lexer.next();
  if (is_word(token, "IF")) {
    lexer.next();
    lexer.next();
    token = lexer.next();
  }
  return read_qualified_name(lexer, token, mode);
}

bool reads_temporary_table_into_permanent(std::string_view sql, const LexMode& mode,
                                          std::span<const std::string> temporary_tables) {
  SqlLexer lexer(sql, mode);
  Token token = lexer.next();
  const bool has_target = is_word(token, "INSERT") || is_word(token, "REPLACE") || is_word(token, "UPDATE") ||
                          is_word(token, "DELETE");
  if (has_target) {
    do {
      token = lexer.next();
    } while (is_modifier(token));
    if (contains(temporary_tables, read_qualified_name(lexer, token, mode))) return false;
  }
  for (; token.kind != TokenKind::kEnd; token = lexer.next()) {
    if (is_name(token) && contains(temporary_tables, unquote(token, mode))) return true;
  }
  return false;
}

}  // namespace causeway::routing
