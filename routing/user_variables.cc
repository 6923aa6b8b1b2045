#include "routing/user_variables.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "routing/set_statement.h"

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

NamedVariables named_variables(std::string_view sql, const LexMode& mode) {
  NamedVariables named;
  const auto add = [](std::vector<std::string>& to, std::vector<std::string> names) {
    std::ranges::move(names, std::back_inserter(to));
  };
  SetReader reader(sql, mode);
  bool is_set = false;
  while (const auto assignment = reader.next()) {
    is_set = true;
    const bool assigns = assignment->kind == SetKind::kUserVariable;
    add(named.used, user_variables_of(assigns ? assignment->value : assignment->span, mode));
    if (assigns) named.assigned.emplace_back(SqlLexer(assignment->span, mode).next().text);
  }
  add(named.used, user_variables_of(is_set ? reader.statement_after_for() : sql, mode));
  std::erase_if(named.assigned, [&](const std::string& name) {
    return std::ranges::any_of(named.used, [&](const std::string& used) { return is_same(used, name); });
  });
  return named;
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

void WriterVariables::learn(std::vector<std::string> assignments) {
  known_ = true;
  assignments_ = std::move(assignments);
  suspected_.clear();
  set_statement_.clear();
  for (const std::string& assignment : assignments_)
    set_statement_.append(set_statement_.empty() ? "SET " : ",").append(assignment);
  ++version_;
}

bool WriterVariables::any_suspected() const {
  return std::ranges::find(suspected_, true) != suspected_.end();
}

std::vector<std::string> WriterVariables::suspected() const {
  std::vector<std::string> all;
  for (size_t i = 0; i < suspected_.size(); ++i) {
    if (suspected_[i]) all.push_back(names_[i]);
  }
  return all;
}

std::vector<std::string> WriterVariables::suspected_of(const std::vector<std::string>& names) const {
  std::vector<std::string> all = suspected();
  std::erase_if(all, [&](const std::string& name) {
    return std::ranges::none_of(names, [&](const std::string& other) { return is_same(other, name); });
  });
  return all;
}

void WriterVariables::settle(const std::vector<std::string>& names) {
  for (size_t i = 0; i < suspected_.size(); ++i) {
    if (std::ranges::any_of(names, [&](const std::string& other) { return is_same(other, names_[i]); }))
      suspected_[i] = false;
  }
}

std::string WriterVariables::told(const std::string& name) const {
  const auto known = std::ranges::find(names_, name);
  const auto at = static_cast<size_t>(known - names_.begin());
  return at < assignments_.size() ? assignments_[at] : name + "=NULL";
}

void WriterVariables::clear() {
  names_.clear();
  assignments_.clear();
  suspected_.clear();
  set_statement_.clear();
  ++version_;
  known_ = true;
  too_many_ = false;
  too_large_ = false;
}

}  // namespace causeway::routing
