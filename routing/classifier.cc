#include "routing/classifier.h"

#include "routing/hints.h"
#include "routing/statement_head.h"
#include "routing/statement_scanner.h"

namespace causeway::routing {
namespace {

std::string_view trim(std::string_view text) {
  const size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return text.substr(text.size());
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

// The servers drop terminators and blanks from the end of a text before they parse it.
std::string_view drop_last_terminators(std::string_view sql) {
  const size_t last = sql.find_last_not_of(" \t\n\v\f\r;");
  return sql.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// What a read turns out to be by what its text mentions.
StatementClass refine(const Statement& statement) {
  if (statement.cls != StatementClass::kRead) return statement.cls;
  if (statement.mentions.locking_clause) return StatementClass::kLockingRead;
  if (statement.mentions.writer_functions) return StatementClass::kWriterRead;
  return StatementClass::kRead;
}

// SET STATEMENT a = 1 FOR CREATE PROCEDURE ...: a body behind FOR is one in any case, and keeps its `;`.
void read_body_after_for(StatementScanner& scanner, Statement& statement) {
  if (scanner.keyword() != "STATEMENT"_kw) return;
  scanner.advance();
  if (scanner.is_operator('=')) return;  // a variable of this name
  const int depth = scanner.depth();
  while (!scanner.at_end() && (scanner.keyword() != "FOR"_kw || scanner.depth() > depth))
    scanner.advance();
  scanner.advance();
  classify_head(scanner, statement);
  statement.shows.processlist = false;
  statement.shows.full = false;
}

void classify_statement(StatementScanner& scanner, Statement& statement) {
  statement.cls = classify_head(scanner, statement);
  if (statement.cls == StatementClass::kSet) read_body_after_for(scanner, statement);
  scanner.skip_to_end();
  // MariaDB's BEGIN NOT ATOMIC SET @@a = 1; END
  if (statement.compound && statement.cls == StatementClass::kDml && scanner.has_set_bare_variable())
    statement.set.connection_bound = true;
  statement.cls = refine(statement);
  // SET @a = 1 in a body is an assignment too.
  if (statement.compound && statement.cls == StatementClass::kDml)
    statement.mentions.assigned_user_variables = statement.mentions.user_variables;
}

// SET STATEMENT a = 1 FOR ...: the class is that of the statement behind FOR. Its words were noted already,
// but not what they mean for such a class.
void classify_statement_after_for(std::string_view text, const LexMode& mode, Statement& statement) {
  Statement inner;
  StatementScanner scanner(text, mode);
  scanner.start(inner);
  classify_statement(scanner, inner);
  // Neither server allows it to be nested, or to be PREPARE and the like.
  const bool allowed = inner.cls != StatementClass::kSet && inner.cls != StatementClass::kPrepare &&
                       inner.cls != StatementClass::kExecute && inner.cls != StatementClass::kDeallocate;
  statement.cls = allowed ? inner.cls : StatementClass::kUnknown;
  statement.operation = inner.operation;
  statement.name = inner.name;
  statement.transaction = inner.transaction;
  statement.mentions |= inner.mentions;
  // The FOR of SET STATEMENT ... FOR UPDATE t is no part of such a clause.
  statement.mentions.locking_clause = inner.mentions.locking_clause;
  statement.shows.variables = inner.shows.variables;
  statement.calls_procedure = inner.calls_procedure;
  statement.compound = inner.compound;
  statement.set.connection_bound = inner.set.connection_bound;
}

void finish_set(const LexMode& mode, Statement& statement) {
  std::string_view after_for;
  statement.cls = classify_set(statement.text, mode, statement, after_for);
  statement.set.for_one_statement = !after_for.empty();
  if (!statement.set.for_one_statement) return;
  // Its assignments are taken back.
  statement.set.connection_bound = false;
  statement.set.needs_reported_form = false;
  classify_statement_after_for(after_for, mode, statement);
}

}  // namespace

void StatementList::clear() {
  overflow_.clear();
  size_ = 0;
}

void StatementList::push_back(const Statement& statement) {
  if (size_ < kInline) {
    inline_[size_] = statement;
  } else {
    if (size_ == kInline) overflow_.assign(inline_.begin(), inline_.end());
    overflow_.push_back(statement);
  }
  ++size_;
}

void classify(std::string_view sql, const LexMode& mode, Classified& out) {
  out.statements.clear();
  out.multi = false;
  out.rest = {};

  const std::string_view text = drop_last_terminators(sql);
  StatementScanner scanner(text, mode);
  size_t start = 0;
  while (true) {
    Statement statement;
    scanner.start(statement);
    classify_statement(scanner, statement);
    // The current token is the terminator, or the empty one at the end of the text.
    const auto end = static_cast<size_t>(scanner.token().text.data() - text.data());
    statement.text = trim(text.substr(start, end - start));
    statement.hints = parse_hints(statement.text);
    if (statement.cls == StatementClass::kSet) finish_set(mode, statement);
    if (statement.cls == StatementClass::kDdl) statement.operation = "DDL";
    out.statements.push_back(statement);
    if (scanner.at_text_end()) break;
    if (out.statements.size() == kMaxStatements) {
      out.rest = text.substr(end + 1);
      break;
    }
    start = end + 1;
  }
  out.multi = out.statements.size() > 1;
}

}  // namespace causeway::routing
