#include "routing/kill_statement.h"

#include <charconv>

#include "routing/keywords.h"

namespace causeway::routing {

std::optional<KillTarget> parse_kill(std::string_view sql, const LexMode& mode) {
  SqlLexer lexer(sql, mode);
  Token token = lexer.next();
  const auto accept = [&](Keyword keyword) {
    if (keyword_of(token) != keyword) return false;
    token = lexer.next();
    return true;
  };
  if (!accept("KILL"_kw)) return {};
  if (!accept("HARD"_kw)) accept("SOFT"_kw);

  KillTarget target;
  target.query_only = accept("QUERY"_kw);
  if (!target.query_only) accept("CONNECTION"_kw);
  // KILL '5' is the same: drivers bind numbers as texts.
  const bool is_text = token.kind == TokenKind::kString && token.text.starts_with('\'');
  if (token.kind != TokenKind::kNumber && !is_text) return {};
  const std::string_view digits = token.kind == TokenKind::kNumber ? token.text : token.name;
  const char* const end = digits.data() + digits.size();
  const auto [parsed_to, error] = std::from_chars(digits.data(), end, target.id);
  if (error != std::errc{} || parsed_to != end) return {};
  token = lexer.next();
  if (token.kind != TokenKind::kEnd && token.kind != TokenKind::kTerminator) return {};
  return target;
}

}  // namespace causeway::routing
