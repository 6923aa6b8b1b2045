#include "routing/sql_literal.h"

#include <algorithm>

namespace causeway::routing {
namespace {

// Between two of these quotes, some bytes doubled.
template <class IsDoubled>
void append_between(std::string& sql, std::string_view text, char quote, IsDoubled is_doubled) {
  sql += quote;
  for (const char c : text) {
    if (is_doubled(c)) sql += c;
    sql += c;
  }
  sql += quote;
}

}  // namespace

std::string quoted(std::string_view text, const LexMode& mode) {
  std::string sql;
  append_quoted(sql, text, mode);
  return sql;
}

void append_quoted(std::string& sql, std::string_view text, const LexMode& mode) {
  append_between(sql, text, '\'',
                 [&mode](char c) { return c == '\'' || (c == '\\' && !mode.no_backslash_escapes); });
}

// A backslash means different things under different sql_modes, other bytes under different character sets.
void append_utf8_literal(std::string& sql, std::string_view text) {
  sql += "_utf8mb4";
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
  if (plain) return append_between(sql, text, '\'', [](char c) { return c == '\''; });
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  sql += " X'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    sql += kDigits[byte >> 4];
    sql += kDigits[byte & 15];
  }
  sql += '\'';
}

void append_identifier(std::string& sql, std::string_view name) {
  append_between(sql, name, '`', [](char c) { return c == '`'; });
}

}  // namespace causeway::routing
