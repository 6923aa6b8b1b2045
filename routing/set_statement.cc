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

// A form that is opened by a word and is no variable.
struct Form {
  Keyword word;
  SetKind kind;
  int words;        // that open it
  bool commas_too;  // they belong to its value
};

constexpr std::array kForms = {
    Form{"NAMES"_kw, SetKind::kNames, 1, false},
    Form{"CHARACTER"_kw, SetKind::kCharset, 2, false},  // CHARACTER SET
    Form{"CHARSET"_kw, SetKind::kCharset, 1, false},
    Form{"ROLE"_kw, SetKind::kRole, 1, true},
    Form{"DEFAULT"_kw, SetKind::kDefaultRole, 1, true},
    Form{"RESOURCE"_kw, SetKind::kResourceGroup, 2, true},  // RESOURCE GROUP
    Form{"PASSWORD"_kw, SetKind::kPassword, 1, false},
};

// `assigned`: a `=` follows, which makes a variable of every word but PASSWORD.
const Form* form_of(Keyword word, bool assigned) {
  if (assigned && word != "PASSWORD"_kw) return nullptr;
  const auto* const found = std::ranges::find(kForms, word, &Form::word);
  return found == kForms.end() ? nullptr : found;
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
    if (token_.kind == TokenKind::kPlaceholder) ++assignment.placeholders;
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

// At a user variable.
void SetReader::read_user_variable(SetAssignment& assignment) {
  assignment.name = token_.name;
  assignment.span = token_.text;
  advance();
  if (is_operator(token_, "=") || is_operator(token_, ":=")) {
    assignment.kind = SetKind::kUserVariable;
    advance();
  }
  read_value(assignment, false);
}

// At the scope of a variable or of TRANSACTION, if there is one.
SetAssignment SetReader::read_scoped_variable(const char* start, bool assigned) {
  const VariableScope scope = assigned ? VariableScope::kNone : scope_of(keyword_of(token_));
  if (scope != VariableScope::kNone) {
    sticky_scope_ = scope;
    advance();
  }
  if (assigned || keyword_of(token_) != "TRANSACTION"_kw) return read_variable(start);
  SetAssignment assignment;
  assignment.kind = SetKind::kTransaction;
  assignment.scope = scope;
  advance();
  assignment.span = between(start, end_of(token_.text));
  read_value(assignment, true);
  return assignment;
}

// Behind the value.
void SetReader::end_assignment() {
  if (set_statement_ && keyword_of(token_) == "FOR"_kw) {
    after_for_ = between(end_of(token_.text), end_of(sql_));
    done_ = true;
  } else if (is_operator(token_, ",")) {
    advance();
  } else {
    done_ = true;
  }
}

std::optional<SetAssignment> SetReader::next() {
  if (done_ || at_end()) return {};
  const char* const start = token_.text.data();
  // `word = ...` is a variable, even if the word starts another form.
  SqlLexer ahead = lexer_;
  const Token following = ahead.next();
  const bool assigned = is_operator(following, "=") || is_operator(following, ":=");
  SetAssignment assignment;
  if (token_.kind == TokenKind::kUserVariable) {
    read_user_variable(assignment);
  } else if (const Form* const form = form_of(keyword_of(token_), assigned); form != nullptr) {
    for (int i = 0; i < form->words; ++i)
      advance();
    assignment.kind = form->kind;
    assignment.span = between(start, end_of(token_.text));
    read_value(assignment, form->commas_too);
  } else {
    assignment = read_scoped_variable(start, assigned);
  }
  end_assignment();
  return assignment;
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
