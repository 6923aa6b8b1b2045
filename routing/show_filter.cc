#include "routing/show_filter.h"

#include <algorithm>

#include "routing/keywords.h"

namespace causeway::routing {
namespace {

class Parser {
 public:
  Parser(std::string_view sql, const LexMode& mode) : lexer_(sql, mode), mode_(mode) { advance(); }

  void advance() { token_ = lexer_.next(); }
  const Token& token() const { return token_; }

  bool at_end() const { return token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kTerminator; }

  bool accept(Keyword keyword) {
    if (keyword_of(token_) != keyword) return false;
    advance();
    return true;
  }

  bool accept_operator(std::string_view text) {
    if (token_.kind != TokenKind::kOperator || token_.text != text) return false;
    advance();
    return true;
  }

  bool accept_string(ShowFilter& filter, bool is_pattern) {
    if (token_.kind != TokenKind::kString) return false;
    filter.names.push_back({unquote(token_, mode_), is_pattern});
    advance();
    return true;
  }

  // Variable_name = 'x' | LIKE 'x' | IN ('x', ...)
  bool read_condition(ShowFilter& filter) {
    const bool name = token_.kind == TokenKind::kWord || token_.kind == TokenKind::kQuotedIdentifier;
    if (!name || !equals_ignoring_case(token_.name, "variable_name")) return false;
    advance();
    if (accept_operator("=")) return accept_string(filter, false);
    if (accept("LIKE"_kw)) return accept_string(filter, true);
    if (!accept("IN"_kw) || !accept_operator("(")) return false;
    do {
      if (!accept_string(filter, false)) return false;
    } while (accept_operator(","));
    return accept_operator(")");
  }

 private:
  SqlLexer lexer_;
  LexMode mode_;
  Token token_;
};

}  // namespace

std::optional<ShowFilter> parse_show_filter(std::string_view sql, const LexMode& mode) {
  Parser parser(sql, mode);
  ShowFilter filter;
  if (!parser.accept("SHOW"_kw)) return {};
  if (parser.accept("GLOBAL"_kw)) {
    filter.scope = VariableScope::kGlobal;
  } else if (parser.accept("SESSION"_kw) || parser.accept("LOCAL"_kw)) {
    filter.scope = VariableScope::kSession;
  }
  if (parser.accept("STATUS"_kw)) {
    filter.subject = ShowFilter::Subject::kStatus;
  } else if (!parser.accept("VARIABLES"_kw)) {
    return {};
  }
  if (parser.at_end()) return filter;
  if (parser.accept("LIKE"_kw)) {
    if (!parser.accept_string(filter, true) || !parser.at_end()) return {};
    return filter;
  }
  if (!parser.accept("WHERE"_kw)) return {};
  const char* const start = parser.token().text.data();
  filter.where = sql.substr(static_cast<size_t>(start - sql.data()));
  do {
    filter.understood = parser.read_condition(filter);
  } while (filter.understood && parser.accept("OR"_kw));
  filter.understood = filter.understood && parser.at_end();
  if (!filter.understood) filter.names.clear();
  return filter;
}

bool matches(const ShowFilter& filter, std::string_view name) {
  if (!filter.understood || filter.names.empty()) return true;
  return std::any_of(filter.names.begin(), filter.names.end(), [name](const ShowFilter::Name& wanted) {
    return wanted.is_pattern ? sql_like(wanted.text, name) : equals_ignoring_case(wanted.text, name);
  });
}

bool sql_like(std::string_view pattern, std::string_view text) {
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0;
  size_t t = 0;
  size_t after_percent = kNone;  // where to go on in the pattern when it does not match from here on,
  size_t restart = 0;            // with one more byte of the text given to the last %
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      after_percent = ++p;
      restart = t;
      continue;
    }
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    const size_t literal = escaped ? p + 1 : p;
    const bool any = !escaped && p < pattern.size() && pattern[p] == '_';
    if (any || (literal < pattern.size() && ascii_lower(pattern[literal]) == ascii_lower(text[t]))) {
      p = literal + 1;
      ++t;
      continue;
    }
    if (after_percent == kNone) return false;
    p = after_percent;
    t = ++restart;
  }
  while (p < pattern.size() && pattern[p] == '%')
    ++p;
  return p == pattern.size();
}

}  // namespace causeway::routing
