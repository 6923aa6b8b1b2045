#include "routing/statement_head.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "routing/causeway_variables.h"
#include "routing/session_state.h"
#include "routing/set_statement.h"

namespace causeway::routing {
namespace {

using Class = StatementClass;

// A SELECT, TABLE, VALUES, INSERT, UPDATE, DELETE or REPLACE, in parentheses or behind WITH: kRead or kDml.
std::optional<Class> classify_query(StatementScanner& scanner) {
  while (scanner.is_operator('('))
    scanner.advance();
  bool with = false;
  const int depth = scanner.depth();
  for (; !scanner.at_end() && scanner.depth() >= depth; scanner.advance()) {
    if (scanner.depth() > depth) continue;
    switch (scanner.keyword()) {
      case "SELECT"_kw:
      case "TABLE"_kw:
      case "VALUES"_kw:
        return Class::kRead;
      case "INSERT"_kw:
      case "UPDATE"_kw:
      case "DELETE"_kw:
      case "REPLACE"_kw:
        return Class::kDml;
      case "WITH"_kw:
        with = true;
        break;
      default:
        break;
    }
    if (!with) return {};
  }
  // WITH a AS (...) (SELECT ...)
  return with ? std::optional(Class::kRead) : std::nullopt;
}

// Behind EXPLAIN, DESCRIBE, DESC; behind MariaDB's ANALYZE too.
Class classify_explain(StatementScanner& scanner, Statement& statement, bool runs) {
  for (bool options = true; options && !scanner.at_end();) {
    switch (scanner.keyword()) {
      case "ANALYZE"_kw:
        runs = true;
        scanner.advance();
        break;
      case "EXTENDED"_kw:
      case "PARTITIONS"_kw:
        scanner.advance();
        break;
      case "FORMAT"_kw:  // FORMAT = JSON
        scanner.advance();
        if (!scanner.is_operator('=')) return Class::kRead;  // a table of this name
        scanner.advance();
        scanner.advance();
        break;
      case "INTO"_kw:  // INTO @variable
        scanner.advance();
        scanner.advance();
        break;
      case "FOR"_kw:  // FOR CONNECTION n, FOR SCHEMA s
        scanner.advance();
        if (scanner.keyword() == "CONNECTION"_kw) return Class::kRead;
        scanner.advance();
        scanner.advance();
        break;
      default:
        options = false;
        break;
    }
  }
  const Class cls = classify_query(scanner).value_or(Class::kRead);
  scanner.skip_to_end();
  if (!runs) statement.mentions.locking_clause = false;
  return cls == Class::kDml && !runs ? Class::kWriterRead : cls;
}

Class classify_analyze(StatementScanner& scanner, Statement& statement) {
  switch (scanner.keyword()) {
    case "TABLE"_kw:
    case "TABLES"_kw:
    case "LOCAL"_kw:
    case "NO_WRITE_TO_BINLOG"_kw:
      return Class::kDdl;
    default:
      return classify_explain(scanner, statement, true);
  }
}

Class classify_show(StatementScanner& scanner, Statement& statement) {
  bool all = false;
  bool full = false;
  bool global = false;
  for (;; scanner.advance()) {
    const Keyword word = scanner.keyword();
    if (word == "ALL"_kw) all = true;  // SHOW ALL REPLICAS STATUS
    if (word == "FULL"_kw) full = true;
    if (word == "GLOBAL"_kw) global = true;
    if (word != "ALL"_kw && word != "FULL"_kw && word != "EXTENDED"_kw && word != "GLOBAL"_kw &&
        word != "SESSION"_kw && word != "LOCAL"_kw) {
      break;
    }
  }
  switch (scanner.keyword()) {
    case "WARNINGS"_kw:
    case "ERRORS"_kw:
    case "COUNT"_kw:  // SHOW COUNT(*) WARNINGS
    case "PROFILE"_kw:
    case "PROFILES"_kw:
      return Class::kDiagnostics;
    case "MASTER"_kw:  // STATUS, LOGS
    case "BINARY"_kw:  // LOG STATUS, LOGS
    case "BINLOG"_kw:  // EVENTS, STATUS
      statement.shows.log = true;
      return Class::kWriterRead;
    case "REPLICAS"_kw:
      statement.shows.log = !all;
      return all ? Class::kRead : Class::kWriterRead;
    case "SLAVE"_kw:
    case "REPLICA"_kw:
      scanner.advance();
      statement.shows.log = scanner.keyword() == "HOSTS"_kw;
      return statement.shows.log ? Class::kWriterRead : Class::kRead;
    case "VARIABLES"_kw:
      statement.shows.variables = true;
      return Class::kRead;
    case "STATUS"_kw:  // Last_query_cost is the last statement's, counters are the connection's
      statement.shows.variables = true;
      statement.mentions.diagnostics = !global;
      return Class::kRead;
    case "PROCESSLIST"_kw:
      scanner.advance();
      statement.shows.processlist = scanner.at_end();
      statement.shows.full = full;
      return Class::kRead;
    default:
      return Class::kRead;
  }
}

// The rest of CREATE or ALTER of a stored program, behind the word PROCEDURE or the like. Its `;` separate
// the statements of its body as soon as a word was met that only compound bodies have, or almost: CASE and
// THEN are words of expressions too. In doubt the text is not split, it goes to the writer as a whole.
void read_stored_program(StatementScanner& scanner, Statement& statement) {
  if (scanner.mode().oracle) statement.compound = true;
  Keyword second_last = kNoKeyword;
  for (; !scanner.at_end(); scanner.advance()) {
    switch (scanner.keyword()) {
      case "BEGIN"_kw:
      case "CASE"_kw:
      case "DECLARE"_kw:
      case "LOOP"_kw:
      case "THEN"_kw:  // IF ... THEN
      case "WHILE"_kw:
        statement.compound = true;
        break;
      case "IN"_kw:  // MariaDB: FOR i IN 1..3 DO
        if (second_last == "FOR"_kw) statement.compound = true;
        break;
      default:
        break;
    }
    // REPEAT ( is the function
    if (scanner.previous_keyword() == "REPEAT"_kw && !scanner.is_operator('(')) statement.compound = true;
    second_last = scanner.previous_keyword();
  }
}

Class classify_create(StatementScanner& scanner, Statement& statement) {
  bool temporary = false;
  for (; !scanner.at_end(); scanner.advance()) {
    switch (scanner.keyword()) {
      case "TEMPORARY"_kw:
        temporary = true;
        break;
      case "TABLE"_kw:
      case "SEQUENCE"_kw:
        return temporary ? Class::kCreateTemporary : Class::kDdl;
      case "INSTANCE"_kw:  // ALTER INSTANCE
        return Class::kAdmin;
      case "PROCEDURE"_kw:
      case "FUNCTION"_kw:
      case "TRIGGER"_kw:
      case "EVENT"_kw:
      case "PACKAGE"_kw:
        scanner.advance();
        read_stored_program(scanner, statement);
        return Class::kDdl;
      case "VIEW"_kw:
      case "INDEX"_kw:
      case "DATABASE"_kw:
      case "SCHEMA"_kw:
      case "USER"_kw:
      case "ROLE"_kw:
      case "SERVER"_kw:
      case "TABLESPACE"_kw:
      case "LOGFILE"_kw:
      case "LIBRARY"_kw:
        return Class::kDdl;
      default:
        break;
    }
  }
  return Class::kDdl;
}

std::string_view plugin_operation(bool install, Keyword what) {
  switch (what) {
    case "PLUGIN"_kw:
      return install ? "INSTALL PLUGIN" : "UNINSTALL PLUGIN";
    case "COMPONENT"_kw:
      return install ? "INSTALL COMPONENT" : "UNINSTALL COMPONENT";
    case "SONAME"_kw:
      return install ? "INSTALL SONAME" : "UNINSTALL SONAME";
    default:
      return {};
  }
}

Class classify_plugin(StatementScanner& scanner, Statement& statement, bool install) {
  statement.operation = plugin_operation(install, scanner.keyword());
  return statement.operation.empty() ? Class::kUnknown : Class::kPlugin;
}

// [WITH CONSISTENT SNAPSHOT | READ ONLY | READ WRITE], ...: in any order and as often as one likes, but not
// both access modes. Anything else is left to a server to refuse.
Class read_begin_options(StatementScanner& scanner, Statement& statement) {
  if (scanner.at_end()) return Class::kBegin;
  do {
    if (scanner.accept("WITH"_kw)) {
      if (!scanner.accept("CONSISTENT"_kw) || !scanner.accept("SNAPSHOT"_kw)) return Class::kUnknown;
      statement.transaction.consistent_snapshot = true;
      continue;
    }
    if (!scanner.accept("READ"_kw)) return Class::kUnknown;
    if (scanner.accept("ONLY"_kw)) {
      statement.transaction.read_only = true;
    } else if (scanner.accept("WRITE"_kw)) {
      statement.transaction.read_write = true;
    } else {
      return Class::kUnknown;
    }
  } while (scanner.accept_operator(','));
  const bool contradicts_itself = statement.transaction.read_only && statement.transaction.read_write;
  return scanner.at_end() && !contradicts_itself ? Class::kBegin : Class::kUnknown;
}

Class classify_start(StatementScanner& scanner, Statement& statement) {
  switch (scanner.keyword()) {
    case "TRANSACTION"_kw:
      scanner.advance();
      return read_begin_options(scanner, statement);
    case "SLAVE"_kw:
    case "REPLICA"_kw:
    case "ALL"_kw:
    case "GROUP_REPLICATION"_kw:
      return Class::kAdmin;
    default:
      return Class::kUnknown;
  }
}

// BEGIN [WORK] starts a transaction, BEGIN NOT ATOMIC a compound statement (MariaDB), as does any BEGIN in
// sql_mode ORACLE.
Class classify_begin(StatementScanner& scanner, Statement& statement) {
  if (scanner.keyword() == "NOT"_kw || scanner.mode().oracle) {
    statement.compound = true;
    return Class::kDml;
  }
  scanner.accept("WORK"_kw);
  return scanner.at_end() ? Class::kBegin : Class::kUnknown;
}

// [WORK] [AND [NO] CHAIN] [[NO] RELEASE]; ROLLBACK [WORK] TO [SAVEPOINT] s
Class classify_end_of_transaction(StatementScanner& scanner, Statement& statement, Class cls) {
  scanner.accept("WORK"_kw);
  if (cls == Class::kRollback && scanner.keyword() == "TO"_kw) {
    statement.operation = "SAVEPOINT";
    return Class::kSavepoint;
  }
  if (scanner.accept("AND"_kw)) {
    const bool no = scanner.accept("NO"_kw);
    if (!scanner.accept("CHAIN"_kw)) return Class::kUnknown;
    statement.transaction.chain = !no;
    statement.transaction.no_chain = no;
  }
  const bool no = scanner.accept("NO"_kw);
  if (scanner.accept("RELEASE"_kw)) {
    statement.transaction.release = !no;
    statement.transaction.no_release = no;
  } else if (no) {
    return Class::kUnknown;
  }
  const bool contradicts_itself = statement.transaction.chain && statement.transaction.release;
  return scanner.at_end() && !contradicts_itself ? cls : Class::kUnknown;
}

Class classify_lock(StatementScanner& scanner, Statement& statement, Class cls) {
  switch (scanner.keyword()) {
    case "TABLE"_kw:
    case "TABLES"_kw:
      statement.locks = LockKind::kTables;
      return cls;
    case "INSTANCE"_kw:
      statement.locks = LockKind::kBackup;
      return cls;
    default:
      return Class::kUnknown;
  }
}

// MariaDB: BACKUP LOCK t, BACKUP UNLOCK, BACKUP STAGE START, ..., END
Class classify_backup(StatementScanner& scanner, Statement& statement) {
  statement.locks = LockKind::kBackup;
  if (scanner.accept("STAGE"_kw)) {
    return scanner.keyword() == "END"_kw ? Class::kUnlockTables : Class::kLockTables;
  }
  if (scanner.keyword() == "LOCK"_kw) return Class::kLockTables;
  return scanner.keyword() == "UNLOCK"_kw ? Class::kUnlockTables : Class::kUnknown;
}

// FLUSH TABLES [t, ...] WITH READ LOCK | FOR EXPORT hold locks.
Class classify_flush(StatementScanner& scanner, Statement& statement) {
  const bool here = scanner.accept("NO_WRITE_TO_BINLOG"_kw) || scanner.accept("LOCAL"_kw);
  if (scanner.keyword() != "TABLE"_kw && scanner.keyword() != "TABLES"_kw) {
    // The session's own counters begin anew: it wants to read those of what it runs next.
    for (; !scanner.at_end(); scanner.advance())
      if (scanner.keyword() == "STATUS"_kw) statement.set.connection_bound = true;
    return Class::kAdmin;
  }
  scanner.advance();
  const bool all = scanner.keyword() == "WITH"_kw;
  Keyword second_last = kNoKeyword;
  for (; !scanner.at_end(); scanner.advance()) {
    if (second_last == "WITH"_kw && scanner.previous_keyword() == "READ"_kw &&
        scanner.keyword() == "LOCK"_kw) {
      statement.locks = all ? LockKind::kAllTables : LockKind::kTables;
      return Class::kLockTables;
    }
    if (scanner.previous_keyword() == "FOR"_kw && scanner.keyword() == "EXPORT"_kw) {
      statement.locks = LockKind::kTables;
      return Class::kLockTables;
    }
    second_last = scanner.previous_keyword();
  }
  statement.flushes_here = here;
  return Class::kAdmin;
}

Class classify_load(StatementScanner& scanner, Statement& statement) {
  switch (scanner.keyword()) {
    case "DATA"_kw:
    case "XML"_kw:
      statement.operation = scanner.keyword() == "DATA"_kw ? "LOAD DATA" : "LOAD XML";
      scanner.skip_to_end();
      // (column, @variable)
      statement.mentions.assigned_user_variables = statement.mentions.user_variables;
      return Class::kLoadData;
    case "INDEX"_kw:
      return Class::kAdmin;
    default:
      return Class::kUnknown;
  }
}

// PREPARE name FROM 'text' | @variable
Class classify_prepare(StatementScanner& scanner, Statement& statement) {
  statement.name = scanner.token().name;
  scanner.advance();
  if (!scanner.accept("FROM"_kw)) return Class::kUnknown;
  if (scanner.token().kind == TokenKind::kString) {
    statement.prepared_literal = scanner.token().text;
    statement.prepared_text = scanner.token().name;
  }
  return Class::kPrepare;
}

Class classify_execute(StatementScanner& scanner, Statement& statement) {
  statement.calls_procedure = scanner.accept("IMMEDIATE"_kw);
  if (statement.calls_procedure) {
    const Token text = scanner.token();
    scanner.advance();
    // 'KI' 'LL 1' is one text, and so is 'KILL 1' + 0 none that is known.
    const bool is_all = scanner.at_end() || scanner.keyword() == "USING"_kw;
    const bool is_literal = text.kind == TokenKind::kString && is_all;
    if (is_literal) {
      statement.prepared_literal = text.text;
      statement.prepared_text = text.name;
    }
    // It may be a SET @@a = 1, of which MariaDB reports nothing.
    const bool sets = text.text.find("@@") != std::string_view::npos;
    if (!is_literal || sets) statement.set.connection_bound = true;
    return Class::kDml;
  }
  statement.name = scanner.token().name;
  return Class::kExecute;
}

// Behind DEALLOCATE or DROP
Class classify_deallocate(StatementScanner& scanner, Statement& statement) {
  if (!scanner.accept("PREPARE"_kw)) return Class::kUnknown;
  statement.name = scanner.token().name;
  return Class::kDeallocate;
}

Class classify_drop(StatementScanner& scanner, Statement& statement) {
  if (scanner.keyword() == "PREPARE"_kw) return classify_deallocate(scanner, statement);
  return scanner.keyword() == "TEMPORARY"_kw ? Class::kDropTemporary : Class::kDdl;
}

Class classify_use(StatementScanner& scanner, Statement& statement) {
  statement.name = scanner.token().name;
  return Class::kUse;
}

// A procedure may assign the user variables that it is given.
Class classify_call(StatementScanner& scanner, Statement& statement) {
  scanner.skip_to_end();
  statement.mentions.assigned_user_variables = statement.mentions.user_variables;
  statement.calls_procedure = true;
  return Class::kDml;
}

Class classify_diagnostics(StatementScanner& scanner, Statement& statement) {
  scanner.skip_to_end();
  statement.mentions.diagnostics = true;
  statement.mentions.assigned_user_variables = statement.mentions.user_variables;
  return Class::kDiagnostics;
}

}  // namespace

StatementClass classify_head(StatementScanner& scanner, Statement& statement) {
  if (scanner.at_end()) return Class::kEmpty;
  if (scanner.is_operator('(')) return classify_query(scanner).value_or(Class::kUnknown);
  const Keyword first = scanner.keyword();
  if (first == "WITH"_kw) return classify_query(scanner).value_or(Class::kUnknown);
  scanner.advance();
  switch (first) {
    case "SELECT"_kw:
    case "TABLE"_kw:
    case "VALUES"_kw:
    case "HELP"_kw:
    case "CHECKSUM"_kw:
      return Class::kRead;
    case "INSERT"_kw:
    case "UPDATE"_kw:
    case "DELETE"_kw:
    case "REPLACE"_kw:
      return Class::kDml;
    case "SIGNAL"_kw:
    case "RESIGNAL"_kw:
      statement.only_evaluates = true;
      return Class::kDml;
    case "HANDLER"_kw:
      statement.uses_handler = true;
      return Class::kDml;
    case "DO"_kw:
      statement.only_evaluates = true;
      return Class::kDml;
    case "CALL"_kw:
      return classify_call(scanner, statement);
    case "SHOW"_kw:
      return classify_show(scanner, statement);
    case "EXPLAIN"_kw:
    case "DESCRIBE"_kw:
    case "DESC"_kw:
      return classify_explain(scanner, statement, false);
    case "ANALYZE"_kw:
      return classify_analyze(scanner, statement);
    case "GET"_kw:
      return classify_diagnostics(scanner, statement);
    case "PREPARE"_kw:
      return classify_prepare(scanner, statement);
    case "EXECUTE"_kw:
      return classify_execute(scanner, statement);
    case "DEALLOCATE"_kw:
      return classify_deallocate(scanner, statement);
    case "BEGIN"_kw:
      return classify_begin(scanner, statement);
    case "START"_kw:
      return classify_start(scanner, statement);
    case "COMMIT"_kw:
      return classify_end_of_transaction(scanner, statement, Class::kCommit);
    case "ROLLBACK"_kw:
      return classify_end_of_transaction(scanner, statement, Class::kRollback);
    case "RELEASE"_kw:
      if (scanner.keyword() != "SAVEPOINT"_kw) return Class::kUnknown;
      statement.operation = "SAVEPOINT";
      return Class::kSavepoint;
    case "SAVEPOINT"_kw:
      statement.operation = "SAVEPOINT";
      return Class::kSavepoint;
    case "XA"_kw:
      statement.operation = "XA";
      return Class::kXa;
    case "LOAD"_kw:
      return classify_load(scanner, statement);
    case "INSTALL"_kw:
      return classify_plugin(scanner, statement, true);
    case "UNINSTALL"_kw:
      return classify_plugin(scanner, statement, false);
    case "CREATE"_kw:
    case "ALTER"_kw:
      return classify_create(scanner, statement);
    case "DROP"_kw:
      return classify_drop(scanner, statement);
    case "TRUNCATE"_kw:
    case "RENAME"_kw:
    case "GRANT"_kw:
    case "REVOKE"_kw:
    case "OPTIMIZE"_kw:
    case "REPAIR"_kw:
    case "CHECK"_kw:
    case "IMPORT"_kw:
      return Class::kDdl;
    case "LOCK"_kw:
      return classify_lock(scanner, statement, Class::kLockTables);
    case "UNLOCK"_kw:
      return classify_lock(scanner, statement, Class::kUnlockTables);
    case "BACKUP"_kw:
      return classify_backup(scanner, statement);
    case "SET"_kw:
      return Class::kSet;
    case "USE"_kw:
      return classify_use(scanner, statement);
    case "KILL"_kw:
      return Class::kKill;
    case "FLUSH"_kw:
      return classify_flush(scanner, statement);
    case "SHUTDOWN"_kw:
      statement.operation = "SHUTDOWN";
      return Class::kAdmin;
    case "RESTART"_kw:
      statement.operation = "RESTART";
      return Class::kAdmin;
    case "STOP"_kw:
    case "CHANGE"_kw:
    case "PURGE"_kw:
    case "RESET"_kw:
    case "CLONE"_kw:
    case "BINLOG"_kw:
    case "CACHE"_kw:
      return Class::kAdmin;
    case "IF"_kw:  // MariaDB's compound statements outside of stored programs
    case "CASE"_kw:
    case "LOOP"_kw:
    case "WHILE"_kw:
    case "REPEAT"_kw:
    case "FOR"_kw:
    case "DECLARE"_kw:
      statement.compound = true;
      return Class::kDml;
    case kNoKeyword:  // label: BEGIN NOT ATOMIC, <<label>> BEGIN
      statement.compound = scanner.mode().oracle;
      if (!scanner.is_operator(':')) return Class::kUnknown;
      statement.compound = true;
      return Class::kDml;
    default:
      return Class::kUnknown;
  }
}

namespace {

bool read_transaction_characteristics(const SetAssignment& assignment, const LexMode& mode,
                                      Statement& statement) {
  if (!parse_characteristics(assignment.value, mode, statement.transaction.characteristics)) return false;
  statement.transaction.read_only = statement.transaction.characteristics.access == AccessMode::kReadOnly;
  statement.transaction.read_write = statement.transaction.characteristics.access == AccessMode::kReadWrite;
  statement.transaction.next_only = assignment.scope == VariableScope::kNone;
  return true;
}

bool is_any_of(std::string_view value, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [value](std::string_view w) { return equals_ignoring_case(value, w); });
}

// SET @@transaction_isolation = v is SET TRANSACTION in other words, if the value can be told from the text.
bool read_next_transaction(const SetAssignment& assignment, const LexMode& mode, Statement& statement) {
  SqlLexer lexer(assignment.value, mode);
  const Token token = lexer.next();
  if (lexer.next().kind != TokenKind::kEnd) return false;
  const std::string_view value = token.name;
  NextTransaction& next = statement.transaction.characteristics;
  if (equals_ignoring_case(assignment.name, "transaction_isolation") ||
      equals_ignoring_case(assignment.name, "tx_isolation")) {
    if (equals_ignoring_case(value, "READ-UNCOMMITTED")) next.isolation = Isolation::kReadUncommitted;
    if (equals_ignoring_case(value, "READ-COMMITTED")) next.isolation = Isolation::kReadCommitted;
    if (equals_ignoring_case(value, "REPEATABLE-READ")) next.isolation = Isolation::kRepeatableRead;
    if (equals_ignoring_case(value, "SERIALIZABLE")) next.isolation = Isolation::kSerializable;
    return next.any();
  }
  statement.transaction.read_only = is_any_of(value, {"1", "ON", "TRUE"});
  statement.transaction.read_write = is_any_of(value, {"0", "OFF", "FALSE"});
  if (statement.transaction.read_only) next.access = AccessMode::kReadOnly;
  if (statement.transaction.read_write) next.access = AccessMode::kReadWrite;
  return next.any();
}

// What such a SET leaves behind is neither reported nor in its text: the collations that are a server's
// defaults.
bool sets_default_collation(const SetAssignment& assignment) {
  if (!equals_ignoring_case(assignment.value, "DEFAULT")) return false;
  return assignment.kind == SetKind::kNames || assignment.kind == SetKind::kCharset ||
         is_any_of(assignment.name, {"character_set_connection", "character_set_server"});
}

// What the assignments of a SET have shown, beside the statement's flags.
struct SetContents {
  Class cls = Class::kSet;
  size_t assignments = 0;
  bool understood = false;
  bool in_doubt = false;
  bool admin = false;
  std::optional<SetAssignment> next_transaction;
};

void note_session_variable(const SetAssignment& assignment, const LexMode& mode, SetContents& contents,
                           Statement& statement) {
  if (causeway_variable(assignment.name)) statement.mentions.causeway_variables = true;
  if (is_connection_bound_variable(assignment.name)) statement.set.connection_bound = true;
  if (equals_ignoring_case(assignment.name, "autocommit")) statement.set.autocommit = true;
  if (equals_ignoring_case(assignment.name, "gtid_next")) statement.set.next_gtid = true;
  if (is_unreplicated_write_variable(assignment.name)) statement.set.unreplicated_writes = true;
  if (!is_bare(assignment)) return;
  if (is_transaction_characteristic(assignment.name)) {
    contents.next_transaction = assignment;
  } else if (mode.mariadb) {
    statement.set.needs_reported_form = true;
  }
}

// False if it is not understood, and with it the statement.
bool note_assignment(const SetAssignment& assignment, const LexMode& mode, SetContents& contents,
                     Statement& statement) {
  ++contents.assignments;
  (assignment.kind == SetKind::kUnknown ? contents.in_doubt : contents.understood) = true;
  if (sets_default_collation(assignment)) statement.set.connection_bound = true;
  switch (assignment.kind) {
    case SetKind::kSessionVariable:
      note_session_variable(assignment, mode, contents, statement);
      break;
    case SetKind::kGlobalVariable:
      if (causeway_variable(assignment.name)) statement.mentions.causeway_variables = true;
      contents.admin = true;
      break;
    case SetKind::kUserVariable:
      statement.mentions.assigned_user_variables = true;
      break;
    case SetKind::kTransaction:
      if (!read_transaction_characteristics(assignment, mode, statement)) return false;
      contents.cls = Class::kSetTransaction;
      if (assignment.scope == VariableScope::kGlobal) contents.admin = true;
      break;
    case SetKind::kDefaultRole:
      contents.cls = Class::kDdl;
      break;
    case SetKind::kPassword:
    case SetKind::kResourceGroup:
      contents.admin = true;
      break;
    case SetKind::kRole:
      statement.set.role = true;
      break;
    case SetKind::kCharset:
      statement.set.needs_reported_form = true;
      break;
    case SetKind::kNames:
    case SetKind::kUnknown:
      break;
  }
  return true;
}

}  // namespace

StatementClass classify_set(std::string_view text, const LexMode& mode, Statement& statement,
                            std::string_view& after_for) {
  SetContents contents;
  SetReader reader(text, mode);
  for (std::optional<SetAssignment> assignment = reader.next(); assignment; assignment = reader.next()) {
    if (!note_assignment(*assignment, mode, contents, statement)) return Class::kUnknown;
  }
  if (contents.understood && contents.in_doubt) statement.set.autocommit = true;
  after_for = reader.statement_after_for();
  if (contents.next_transaction) {
    if (contents.assignments == 1 && read_next_transaction(*contents.next_transaction, mode, statement)) {
      statement.transaction.next_only = true;
      return Class::kSetTransaction;
    }
    statement.set.next_transaction = true;
  }
  statement.set.globally = contents.admin;
  if (contents.admin) return Class::kAdmin;
  return contents.understood ? contents.cls : Class::kUnknown;
}

}  // namespace causeway::routing
