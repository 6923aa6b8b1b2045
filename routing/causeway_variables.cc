#include "routing/causeway_variables.h"

#include <algorithm>
#include <array>
#include <bitset>

#include "routing/keywords.h"
#include "routing/set_statement.h"
#include "routing/sql_literal.h"

namespace causeway::routing {
namespace {

constexpr std::array<std::string_view, kCausewayVariables> kNames = {
    "aurora_replica_read_consistency",
    "causeway_position",
    "aurora_fwd_writer_idle_timeout",
    "aurora_fwd_writer_max_connections_pct",
    "aurora_server_id",
    "session_track_system_variables",
    "session_track_schema",
    "session_track_gtids",
};

// `first_placeholder` is the number of the first ? in the value.
CausewayAssignment make_assignment(CausewayVariable variable, const SetAssignment& source,
                                   const LexMode& mode, size_t first_placeholder) {
  using Value = CausewayAssignment::Value;
  CausewayAssignment assignment;
  assignment.variable = variable;
  assignment.scope = source.scope;
  SqlLexer lexer(source.value, mode);
  const Token token = lexer.next();
  if (lexer.next().kind != TokenKind::kEnd || token.kind == TokenKind::kEnd) {
    assignment.value = Value::kExpression;
    assignment.text = source.value;
    return assignment;
  }
  switch (token.kind) {
    case TokenKind::kWord:
      assignment.value = keyword_of(token) == "DEFAULT"_kw ? Value::kDefault : Value::kText;
      if (assignment.value == Value::kText) assignment.text = token.text;
      break;
    case TokenKind::kString:
    case TokenKind::kQuotedIdentifier:
    case TokenKind::kNumber:
      assignment.text = unquote(token, mode);
      break;
    case TokenKind::kPlaceholder:
      assignment.value = Value::kPlaceholder;
      assignment.placeholder = first_placeholder;
      break;
    default:
      assignment.value = Value::kExpression;
      assignment.text = source.value;
      break;
  }
  return assignment;
}

bool is_plain_variable(const SetAssignment& assignment) {
  return assignment.kind == SetKind::kSessionVariable || assignment.kind == SetKind::kGlobalVariable;
}

std::string_view scope_word(VariableScope scope) {
  switch (scope) {
    case VariableScope::kNone:
      return {};
    case VariableScope::kSession:
      return "SESSION ";
    case VariableScope::kGlobal:
      return "GLOBAL ";
    case VariableScope::kPersist:
      return "PERSIST ";
    case VariableScope::kPersistOnly:
      return "PERSIST_ONLY ";
  }
  return {};
}

// Appends an assignment that stays. If it took over its scope from an assignment before it, the scope is said
// again, for that one may be gone.
void append_remaining(std::string& sql, const SetAssignment& assignment) {
  sql += sql.empty() ? "SET " : ", ";
  const bool system_variable_syntax = assignment.span.starts_with('@');
  const bool said = assignment.span.data() != assignment.name.data() && !assignment.span.starts_with('`') &&
                    !assignment.span.starts_with('"');
  if (is_plain_variable(assignment) && !system_variable_syntax && !said) sql += scope_word(assignment.scope);
  sql += assignment.span;
}

}  // namespace

std::optional<CausewayVariable> causeway_variable(std::string_view name) {
  if (name.empty()) return {};
  const int first = name.front() | 0x20;
  if (first != 'a' && first != 'c' && first != 's') return {};
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (equals_ignoring_case(name, kNames[i])) return static_cast<CausewayVariable>(i);
  }
  return {};
}

std::string_view to_string(CausewayVariable variable) {
  return kNames[static_cast<size_t>(variable)];
}

bool is_settable(CausewayVariable variable) {
  return variable == CausewayVariable::kReadConsistency || variable == CausewayVariable::kPosition ||
         is_of_servers(variable);
}

bool is_of_servers(CausewayVariable variable) {
  return variable == CausewayVariable::kTrackedVariables || variable == CausewayVariable::kTrackSchema ||
         variable == CausewayVariable::kTrackGtids;
}

std::optional<std::string> concatenation(std::string_view expression, const LexMode& mode,
                                         CausewayVariable variable, std::string_view current,
                                         std::string_view of_servers) {
  SqlLexer lexer(expression, mode);
  Token token = lexer.next();
  const bool is_call = token.kind == TokenKind::kWord && equals_ignoring_case(token.text, "CONCAT");
  if (is_call && (token = lexer.next()).text != "(") return {};
  if (is_call) token = lexer.next();
  std::string value;
  for (;; token = lexer.next()) {
    if (token.kind == TokenKind::kString) {
      value += unquote(token, mode);
    } else if (token.kind == TokenKind::kSystemVariable && causeway_variable(token.name) == variable) {
      value += token.scope == VariableScope::kGlobal ? of_servers : current;
    } else {
      return {};
    }
    token = lexer.next();
    if (!is_call || token.text != ",") break;
  }
  if (is_call && token.text != ")") return {};
  if (is_call) token = lexer.next();
  if (token.kind != TokenKind::kEnd) return {};
  return value;
}

std::optional<CausewaySet> extract_causeway_assignments(std::string_view set_sql, const LexMode& mode) {
  CausewaySet result;
  SetReader reader(set_sql, mode);
  for (std::optional<SetAssignment> assignment = reader.next(); assignment; assignment = reader.next()) {
    std::optional<CausewayVariable> variable;
    if (is_plain_variable(*assignment)) variable = causeway_variable(assignment->name);
    if (variable && is_of_servers(*variable) && assignment->kind == SetKind::kGlobalVariable)
      variable.reset();
    if (variable) {
      result.assignments.push_back(make_assignment(*variable, *assignment, mode, result.placeholders));
    } else {
      append_remaining(result.remaining_sql, *assignment);
    }
    result.placeholders += assignment->placeholders;
  }
  if (result.assignments.empty()) return {};
  return result;
}

namespace {

// Whether an item of a select list ends before this token.
bool ends_select_item(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
    case TokenKind::kTerminator:
      return true;
    case TokenKind::kOperator:
      return token.text == "," || token.text == ")";
    case TokenKind::kWord:
      switch (keyword_of(token)) {
        case "FROM"_kw:
        case "INTO"_kw:
        case "WHERE"_kw:
        case "GROUP"_kw:
        case "HAVING"_kw:
        case "ORDER"_kw:
        case "LIMIT"_kw:
        case "UNION"_kw:
        case "FOR"_kw:
        case "LOCK"_kw:
        case "PROCEDURE"_kw:
          return true;
        default:
          return false;
      }
    default:
      return false;
  }
}

// Follows whether the next token starts an item of a select list.
class SelectListTracker {
 public:
  bool at_item_start() const { return at_item_start_; }

  void feed(const Token& token) {
    at_item_start_ = false;
    if (token.kind == TokenKind::kOperator && token.text == "(") {
      if (depth_ < kDepths) ++depth_;
      in_list_[depth_] = false;
    } else if (token.kind == TokenKind::kOperator && token.text == ")") {
      if (depth_ > 0) --depth_;
    } else if (token.kind == TokenKind::kOperator && token.text == ",") {
      at_item_start_ = in_list_[depth_];
    } else if (token.kind == TokenKind::kWord) {
      feed_word(keyword_of(token));
    } else if (token.kind == TokenKind::kTerminator) {
      in_list_.reset();
      depth_ = 0;
    }
  }

 private:
  void feed_word(Keyword word) {
    switch (word) {
      case "SELECT"_kw:
        in_list_[depth_] = true;
        at_item_start_ = true;
        break;
      case "ALL"_kw:
      case "DISTINCT"_kw:
      case "DISTINCTROW"_kw:
      case "HIGH_PRIORITY"_kw:
      case "STRAIGHT_JOIN"_kw:
      case "SQL_SMALL_RESULT"_kw:
      case "SQL_BIG_RESULT"_kw:
      case "SQL_BUFFER_RESULT"_kw:
      case "SQL_CACHE"_kw:
      case "SQL_NO_CACHE"_kw:
      case "SQL_CALC_FOUND_ROWS"_kw:
        at_item_start_ = in_list_[depth_];
        break;
      case "FROM"_kw:
      case "INTO"_kw:
      case "WHERE"_kw:
      case "GROUP"_kw:
      case "HAVING"_kw:
      case "ORDER"_kw:
      case "LIMIT"_kw:
        in_list_[depth_] = false;
        break;
      default:
        break;
    }
  }

  static constexpr size_t kDepths = 255;  // deeper ones share the last, which costs no more than an alias
  std::bitset<kDepths + 1> in_list_;
  size_t depth_ = 0;
  bool at_item_start_ = false;
};

void append_alias(std::string& sql, std::string_view text) {
  sql += " AS ";
  append_identifier(sql, text);
}

}  // namespace

namespace {

// A call without arguments, whose name was the lexer's last token: the lexer is moved behind it.
bool skip_empty_parentheses(SqlLexer& lexer) {
  SqlLexer ahead = lexer;
  if (ahead.next().text != "(" || ahead.next().text != ")") return false;
  lexer = ahead;
  return true;
}

bool is_connection_id(const Token& token, SqlLexer& lexer) {
  if (token.kind == TokenKind::kSystemVariable) {
    return token.scope <= VariableScope::kSession && equals_ignoring_case(token.name, "pseudo_thread_id");
  }
  return token.kind == TokenKind::kWord && !token.after_dot &&
         equals_ignoring_case(token.text, "CONNECTION_ID") && skip_empty_parentheses(lexer);
}

// IS_USED_LOCK() gives the id of a server: it is compared with one of a server.
bool asks_who_holds_a_lock(std::string_view sql, const LexMode& mode) {
  SqlLexer lexer(sql, mode);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next())
    if (keyword_of(token) == "IS_USED_LOCK"_kw) return true;
  return false;
}

// With all digits of its type: a result then has the column definition of CONNECTION_ID() (MySQL 9.7,
// MariaDB 10.11).
std::string connection_id_expression(uint64_t connection_id) {
  const std::string digits = std::to_string(connection_id);
  constexpr size_t kDigits = 10;
  return "CAST(" + std::string(kDigits - std::min(kDigits, digits.size()), '0') + digits + " AS UNSIGNED)";
}

}  // namespace

std::string replace_causeway_variables(std::string_view sql, const LexMode& mode,
                                       const CausewayLookup& lookup, uint64_t connection_id) {
  std::string out;
  size_t copied = 0;
  SelectListTracker tracker;
  SqlLexer lexer(sql, mode);
  const bool is_kill = keyword_of(SqlLexer(sql, mode).next()) == "KILL"_kw;
  const bool keeps_connection_id = asks_who_holds_a_lock(sql, mode);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    const bool at_item_start = tracker.at_item_start();
    tracker.feed(token);
    std::optional<std::string> literal;
    if (!keeps_connection_id && is_connection_id(token, lexer)) {
      literal = is_kill ? std::to_string(connection_id) : connection_id_expression(connection_id);
    } else if (token.kind == TokenKind::kSystemVariable) {
      const std::optional<CausewayVariable> variable = causeway_variable(token.name);
      if (variable) literal = lookup(*variable, token.scope);
    }
    if (!literal) continue;
    const size_t at = static_cast<size_t>(token.text.data() - sql.data());
    out += sql.substr(copied, at - copied);
    // Without a blank, SELECT@@a would run into the literal.
    if (token.kind == TokenKind::kSystemVariable && !token.space_before) out += ' ';
    out += *literal;
    SqlLexer ahead = lexer;
    const size_t end = lexer.position();
    if (at_item_start && ends_select_item(ahead.next())) append_alias(out, sql.substr(at, end - at));
    copied = end;
  }
  out += sql.substr(copied);
  return out;
}

}  // namespace causeway::routing
