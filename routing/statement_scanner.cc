#include "routing/statement_scanner.h"

#include <utility>

#include "routing/causeway_variables.h"

namespace causeway::routing {
namespace {

constexpr std::string_view kForwardingProcesslist = "aurora_forwarding_processlist";

// Where the servers show the session's variables (performance_schema, MariaDB's information_schema).
bool is_variables_table(std::string_view name) {
  switch (name.size()) {
    case 16:
      return equals_ignoring_case(name, "system_variables");
    case 17:
      return equals_ignoring_case(name, "session_variables");
    case 19:
      return equals_ignoring_case(name, "variables_by_thread");
    default:
      return false;
  }
}

bool is_access_mode(const Token& variable) {
  return variable.scope <= VariableScope::kSession &&
         (equals_ignoring_case(variable.name, "transaction_read_only") ||
          equals_ignoring_case(variable.name, "tx_read_only"));
}

}  // namespace

void StatementScanner::start(Statement& statement) {
  statement_ = &statement;
  depth_ = 0;
  has_set_bare_variable_ = false;
  awaits_argument_ = false;
  for (Keyword& keyword : previous_)
    keyword = kNoKeyword;
  previous_kind_ = TokenKind::kEnd;
  previous_name_ = {};
  keyword_ = kNoKeyword;
  fetch();
}

void StatementScanner::advance() {
  if (at_end()) return;
  previous_[2] = previous_[1];
  previous_[1] = previous_[0];
  previous_[0] = keyword_;
  previous_kind_ = token_.kind;
  previous_name_ = {};
  if (token_.kind == TokenKind::kQuotedIdentifier && !token_.after_dot) previous_name_ = token_.name;
  fetch();
}

bool StatementScanner::accept(Keyword keyword) {
  if (keyword_ != keyword) return false;
  advance();
  return true;
}

bool StatementScanner::accept_operator(char c) {
  if (!is_operator(c)) return false;
  advance();
  return true;
}

void StatementScanner::skip_to_end() {
  while (!at_end())
    advance();
}

void StatementScanner::fetch() {
  lexer_.next(token_);
  keyword_ = kNoKeyword;
  // With one it sets what the function has from then on.
  if (std::exchange(awaits_argument_, false) && !is_operator(')'))
    statement_->mentions.writer_functions = true;
  switch (token_.kind) {
    case TokenKind::kWord:
      keyword_ = keyword_of(token_);
      note_word();
      break;
    case TokenKind::kQuotedIdentifier:
      if (token_.name.size() == kForwardingProcesslist.size()) note_word();
      if (is_variables_table(token_.name)) statement_->mentions.access_mode = true;
      break;
    case TokenKind::kOperator:
      note_operator();
      break;
    case TokenKind::kUserVariable:
      note_user_variable();
      break;
    case TokenKind::kSystemVariable:
      note_system_variable();
      break;
    case TokenKind::kPlaceholder:
      ++statement_->placeholders;
      break;
    case TokenKind::kEnd:
    case TokenKind::kString:
    case TokenKind::kNumber:
    case TokenKind::kTerminator:
      break;
  }
}

void StatementScanner::note_word() {
  switch (keyword_) {
    case kNoKeyword:
      if (token_.name.size() == kForwardingProcesslist.size() &&
          equals_ignoring_case(token_.name, kForwardingProcesslist)) {
        statement_->mentions.forwarding_processlist = true;
      }
      if (is_variables_table(token_.name)) statement_->mentions.access_mode = true;
      break;
    case "FROM"_kw:
      statement_->mentions.from = true;
      break;
    case "UPDATE"_kw:
    case "SHARE"_kw:  // SELECT ... FOR UPDATE
      if (previous_[0] == "FOR"_kw) statement_->mentions.locking_clause = true;
      break;
    case "MODE"_kw:  // LOCK IN SHARE MODE
      if (previous_[0] == "SHARE"_kw && previous_[1] == "IN"_kw && previous_[2] == "LOCK"_kw) {
        statement_->mentions.locking_clause = true;
      }
      break;
    case "FOR"_kw:  // NEXT VALUE FOR sequence
      if (previous_[0] == "VALUE"_kw && (previous_[1] == "NEXT"_kw || previous_[1] == "PREVIOUS"_kw)) {
        statement_->mentions.writer_functions = true;
      }
      break;
    case "OUTFILE"_kw:
    case "DUMPFILE"_kw:
      if (previous_[0] == "INTO"_kw) statement_->mentions.writer_functions = true;
      break;
    case "KILL"_kw:
      statement_->mentions.kill = true;
      break;
    case "SELECT"_kw:
      statement_->mentions.select = true;
      break;
    case "SQL_CALC_FOUND_ROWS"_kw:
      statement_->mentions.sql_calc_found_rows = true;
      break;
    default:
      break;
  }
}

void StatementScanner::note_operator() {
  switch (token_.text.front()) {
    case '(':
      ++depth_;
      if (previous_[0] != kNoKeyword) {
        note_call(previous_[0]);
      } else if (!previous_name_.empty()) {
        note_call(keyword_of(previous_name_));  // built-in functions can be called by a quoted name
      }
      break;
    case ')':
      --depth_;
      break;
    case ':':
      if (token_.text.size() == 2 && previous_kind_ == TokenKind::kUserVariable) {
        statement_->mentions.assigned_user_variables = true;
      }
      break;
    default:
      break;
  }
}

void StatementScanner::note_call(Keyword function) {
  switch (function) {
    case "GET_LOCK"_kw:
      statement_->mentions.get_lock = true;
      statement_->mentions.user_locks = true;
      statement_->mentions.writer_functions = true;
      break;
    case "RELEASE_LOCK"_kw:
    case "RELEASE_ALL_LOCKS"_kw:
    case "IS_FREE_LOCK"_kw:
    case "IS_USED_LOCK"_kw:
      statement_->mentions.user_locks = true;
      statement_->mentions.writer_functions = true;
      break;
    case "NEXTVAL"_kw:
    case "SETVAL"_kw:
    case "LASTVAL"_kw:
    case "MASTER_POS_WAIT"_kw:
    case "SOURCE_POS_WAIT"_kw:
    case "MASTER_GTID_WAIT"_kw:
    case "WAIT_FOR_EXECUTED_GTID_SET"_kw:
    case "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS"_kw:
    case "BINLOG_GTID_POS"_kw:  // its argument is a position in the writer's binary log
      statement_->mentions.writer_functions = true;
      break;
    case "LAST_INSERT_ID"_kw:
      statement_->mentions.last_insert_id = true;
      awaits_argument_ = true;
      break;
    case "ROW_COUNT"_kw:
      statement_->mentions.diagnostics = true;
      statement_->mentions.row_count = true;
      break;
    case "FOUND_ROWS"_kw:
      statement_->mentions.diagnostics = true;
      statement_->mentions.found_rows = true;
      break;
    case "EXTRACTVALUE"_kw:
    case "UPDATEXML"_kw:  // an XPath may name a user variable, $@a
      statement_->mentions.user_variables = true;
      break;
    case "CONNECTION_ID"_kw:
      statement_->mentions.connection_id = true;
      break;
    default:
      break;
  }
}

void StatementScanner::note_user_variable() {
  // 'user'@'host' and `user`@host
  const bool is_host = !token_.space_before && (previous_kind_ == TokenKind::kString ||
                                                previous_kind_ == TokenKind::kQuotedIdentifier);
  if (is_host) return;
  statement_->mentions.user_variables = true;
  if (previous_[0] == "INTO"_kw) statement_->mentions.assigned_user_variables = true;
}

void StatementScanner::note_system_variable() {
  const bool in_list = previous_kind_ == TokenKind::kOperator || previous_[0] == "SET"_kw;
  if (token_.scope == VariableScope::kNone && in_list) has_set_bare_variable_ = true;
  const std::string_view name = token_.name;
  if (equals_ignoring_case(name, "identity") || equals_ignoring_case(name, "last_insert_id")) {
    statement_->mentions.last_insert_id = true;
  } else if (equals_ignoring_case(name, "last_gtid")) {
    statement_->mentions.writer_functions = true;
  } else if (equals_ignoring_case(name, "warning_count") || equals_ignoring_case(name, "error_count")) {
    statement_->mentions.diagnostics = true;
  } else if (equals_ignoring_case(name, "pseudo_thread_id")) {
    statement_->mentions.connection_id = true;
  } else if (is_access_mode(token_) || equals_ignoring_case(name, "session_track_transaction_info")) {
    statement_->mentions.access_mode = true;
  } else if (causeway_variable(name)) {
    statement_->mentions.causeway_variables = true;
  }
}

}  // namespace causeway::routing
