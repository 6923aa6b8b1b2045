#include "routing/set_statement.h"

#include <algorithm>
#include <array>

#include "routing/keywords.h"

namespace causeway::routing {
namespace {

bool is_operator(const Token& token, std::string_view text) {
  return token.kind == TokenKind::kOperator && token.text == text;
}

std::string_view between(const char* start, const char* end) {
  return {start, static_cast<size_t>(end - start)};
}

const char* end_of(std::string_view text) {
  return text.data() + text.size();
}

VariableScope scope_of(Keyword word) {
  switch (word) {
    case "SESSION"_kw:
    case "LOCAL"_kw:
      return VariableScope::kSession;
    case "GLOBAL"_kw:
      return VariableScope::kGlobal;
    case "PERSIST"_kw:
      return VariableScope::kPersist;
    case "PERSIST_ONLY"_kw:
      return VariableScope::kPersistOnly;
    default:
      return VariableScope::kNone;
  }
}

bool is_global(VariableScope scope) {
  return scope != VariableScope::kNone && scope != VariableScope::kSession;
}

}  // namespace

SetReader::SetReader(std::string_view sql, const LexMode& mode) : sql_(sql), mode_(mode), lexer_(sql, mode) {
  advance();
  if (keyword_of(token_) != "SET"_kw) {
    done_ = true;
    return;
  }
  advance();
  if (keyword_of(token_) != "STATEMENT"_kw) return;
  // SET STATEMENT = 1 would be a variable of this name.
  SqlLexer ahead = lexer_;
  const Token next = ahead.next();
  if (is_operator(next, "=") || is_operator(next, ":=")) return;
  set_statement_ = true;
  advance();
}

bool SetReader::at_end() const {
  return token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kTerminator;
}

// Reads up to the comma that ends the assignment, or to the end; `commas_too` reads over commas.
void SetReader::read_value(SetAssignment& assignment, bool commas_too) {
  const char* const start = token_.text.data();
  const char* end = start;
  int depth = 0;
  while (!at_end()) {
    if (depth <= 0 && !commas_too && is_operator(token_, ",")) break;
    if (depth <= 0 && set_statement_ && keyword_of(token_) == "FOR"_kw) break;
    if (is_operator(token_, "(")) ++depth;
    if (is_operator(token_, ")")) --depth;
    end = end_of(token_.text);
    advance();
  }
  assignment.value = between(start, end);
  assignment.span = between(assignment.span.data(), std::max(end, end_of(assignment.span)));
}

// At the variable's name, or at a system variable token.
SetAssignment SetReader::read_variable(const char* start) {
  SetAssignment assignment;
  assignment.span = between(start, end_of(token_.text));
  if (token_.kind == TokenKind::kSystemVariable) {
    assignment.name = token_.name;
    assignment.scope = token_.scope;
    assignment.at_form = token_.text.data() == start;
    advance();
  } else if (is_name(token_)) {
    assignment.scope = sticky_scope_;
    assignment.name = token_.name;
    const char* const name_start = token_.text.data();
    const char* name_end = end_of(token_.text);
    bool qualified = false;
    advance();
    while (is_operator(token_, ".")) {
      qualified = true;
      name_end = end_of(token_.text);
      advance();
      if (!is_name(token_)) break;
      name_end = end_of(token_.text);
      advance();
    }
    if (qualified) assignment.name = between(name_start, name_end);
    assignment.span = between(start, name_end);
  } else {
    assignment.span = between(start, start);
    read_value(assignment, false);
    return assignment;
  }
  if (!is_operator(token_, "=") && !is_operator(token_, ":=")) {
    assignment.name = {};
    read_value(assignment, false);
    return assignment;
  }
  assignment.kind = is_global(assignment.scope) ? SetKind::kGlobalVariable : SetKind::kSessionVariable;
  advance();
  read_value(assignment, false);
  return assignment;
}

std::optional<SetAssignment> SetReader::next() {
  if (done_ || at_end()) return {};
  const char* const start = token_.text.data();
  SetAssignment assignment;
  const auto rest = [&](SetKind kind, bool commas_too) {
    assignment.kind = kind;
    assignment.span = between(start, end_of(token_.text));
    read_value(assignment, commas_too);
  };
  // `word = ...` is a variable, even if the word starts another form.
  SqlLexer ahead = lexer_;
  const Token following = ahead.next();
  const bool assigned = is_operator(following, "=") || is_operator(following, ":=");

  const Keyword word = assigned ? kNoKeyword : keyword_of(token_);
  if (token_.kind == TokenKind::kUserVariable) {
    assignment.name = token_.name;
    assignment.span = token_.text;
    advance();
    if (is_operator(token_, "=") || is_operator(token_, ":=")) {
      assignment.kind = SetKind::kUserVariable;
      advance();
    }
    read_value(assignment, false);
  } else if (word == "NAMES"_kw) {
    advance();
    rest(SetKind::kNames, false);
  } else if (word == "CHARACTER"_kw) {
    advance();
    advance();  // SET
    rest(SetKind::kCharset, false);
  } else if (word == "CHARSET"_kw) {
    advance();
    rest(SetKind::kCharset, false);
  } else if (word == "ROLE"_kw) {
    advance();
    rest(SetKind::kRole, true);
  } else if (word == "DEFAULT"_kw) {
    advance();
    rest(SetKind::kDefaultRole, true);
  } else if (word == "RESOURCE"_kw) {
    advance();
    advance();  // GROUP
    rest(SetKind::kResourceGroup, true);
  } else if (keyword_of(token_) == "PASSWORD"_kw) {
    advance();
    rest(SetKind::kPassword, false);
  } else {
    VariableScope scope = VariableScope::kNone;
    if (word != kNoKeyword) scope = scope_of(word);
    if (scope != VariableScope::kNone) {
      sticky_scope_ = scope;
      advance();
    }
    if (keyword_of(token_) == "TRANSACTION"_kw && !assigned) {
      assignment.scope = scope;
      advance();
      rest(SetKind::kTransaction, true);
    } else {
      assignment = read_variable(start);
    }
  }

  if (set_statement_ && keyword_of(token_) == "FOR"_kw) {
    const char* const behind = end_of(token_.text);
    after_for_ = between(behind, end_of(sql_));
    done_ = true;
  } else if (is_operator(token_, ",")) {
    advance();
  } else {
    done_ = true;
  }
  return assignment;
}

std::vector<SetAssignment> parse_set(std::string_view sql, const LexMode& mode) {
  std::vector<SetAssignment> assignments;
  SetReader reader(sql, mode);
  while (assignments.size() < kMaxSetAssignments) {
    const std::optional<SetAssignment> assignment = reader.next();
    if (!assignment) break;
    assignments.push_back(*assignment);
  }
  return assignments;
}

bool is_transaction_characteristic(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames = {"transaction_isolation", "tx_isolation",
                                                      "transaction_read_only", "tx_read_only"};
  return std::ranges::any_of(kNames, [name](std::string_view n) { return equals_ignoring_case(name, n); });
}

std::string reported_form(std::string_view sql, const LexMode& mode) {
  std::string form;
  std::string_view collation;  // put behind the last assignment
  size_t copied = 0;
  const char* end = nullptr;
  SetReader reader(sql, mode);
  while (const auto assignment = reader.next()) {
    end = end_of(assignment->span);
    if (assignment->kind == SetKind::kCharset) collation = ", collation_connection = @@collation_database";
    if (!mode.mariadb || !is_bare(*assignment) || is_transaction_characteristic(assignment->name)) continue;
    const size_t at = static_cast<size_t>(assignment->span.data() - sql.data()) + 2;
    form.append(sql.substr(copied, at - copied)).append("session.");
    copied = at;
  }
  if (form.empty() && collation.empty()) return form;
  const size_t behind = end == nullptr ? sql.size() : static_cast<size_t>(end - sql.data());
  form.append(sql.substr(copied, behind - copied)).append(collation).append(sql.substr(behind));
  return form;
}

std::string_view names_collation(const SetAssignment& assignment, const LexMode& mode) {
  if (assignment.kind != SetKind::kNames) return {};
  SqlLexer lexer(assignment.value, mode);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    if (keyword_of(token) == "COLLATE"_kw) return lexer.next().name;
  }
  return {};
}

}  // namespace causeway::routing
