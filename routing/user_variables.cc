#include "routing/user_variables.h"

#include <algorithm>
#include <utility>

namespace causeway::routing {

namespace {

bool is_quote(char c) {
  return c == '`' || c == '\'' || c == '"';
}

// @`a`, @'a' and @A are all @a.
bool is_same(std::string_view left, std::string_view right) {
  const auto bare = [](std::string_view name) {
    name.remove_prefix(std::min<size_t>(1, name.size()));
    if (name.size() >= 2 && is_quote(name.front())) name = name.substr(1, name.size() - 2);
    return name;
  };
  return equals_ignoring_case(bare(left), bare(right));
}

}  // namespace

std::vector<std::string> user_variables_of(std::string_view sql, const LexMode& mode) {
  std::vector<std::string> names;
  SqlLexer lexer(sql, mode);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    if (token.kind != TokenKind::kUserVariable) continue;
    if (std::ranges::find(names, token.text) == names.end()) names.emplace_back(token.text);
  }
  return names;
}

std::string user_variables_query(std::span<const std::string> names) {
  std::string sql;
  for (const std::string& name : names) {
    sql.append(sql.empty() ? "SELECT " : ",").append(name);
    sql.append(",HEX(").append(name).append("),COLLATION(").append(name).append(")");
  }
  return sql.append(" LIMIT 1");  // whatever sql_select_limit the session has
}

void append_user_variable(std::string& sql, std::string_view name, const UserVariableValue& value) {
  sql.append(name).append("=");
  if (value.is_null) {
    sql += "NULL";
    return;
  }
  switch (value.type) {
    case UserVariableType::kExactNumber:
      sql += value.value;
      return;
    case UserVariableType::kFloat:
      sql += value.value;
      if (value.value.find_first_of("eE") == std::string_view::npos) sql += "e0";
      return;
    case UserVariableType::kText:
      break;
  }
  const std::string_view charset = value.collation.substr(0, value.collation.find('_'));
  sql.append("_").append(charset).append(" X'").append(value.hex).append("'");
  if (charset != value.collation) sql.append(" COLLATE ").append(value.collation);
}

std::vector<std::string> WriterVariables::unknown_of(std::vector<std::string> names) const {
  std::erase_if(names, [this](const std::string& name) {
    return std::ranges::any_of(names_, [&](const std::string& other) { return is_same(other, name); });
  });
  return names;
}

void WriterVariables::note(std::vector<std::string> names) {
  for (std::string& name : unknown_of(std::move(names))) {
    too_many_ |= names_.size() >= kMaxNames;
    if (!too_many_) names_.push_back(std::move(name));
  }
  may_have_changed();
}

void WriterVariables::learn(std::string assignments) {
  known_ = true;
  assignments_ = std::move(assignments);
  ++version_;
}

void WriterVariables::clear() {
  names_.clear();
  assignments_.clear();
  ++version_;
  known_ = true;
  too_many_ = false;
}

}  // namespace causeway::routing
