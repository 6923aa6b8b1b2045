// What one statement is, as far as routing needs to know. Made by classify() (classifier.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "routing/next_transaction.h"

namespace causeway::routing {

// One value per way of treatment, in the order of the contract's table.
enum class StatementClass : uint8_t {
  kEmpty,            // nothing but white space and comments
  kDml,              // INSERT, UPDATE, DELETE, REPLACE, WITH ... DML, CALL, DO, HANDLER,
                     // EXECUTE IMMEDIATE, MariaDB's compound statements
  kLockingRead,      // SELECT ... FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE
  kWriterRead,       // SELECT with GET_LOCK & co., NEXTVAL, INTO OUTFILE, MASTER_POS_WAIT & co.
  kRead,             // plain SELECT, TABLE, VALUES, WITH ... SELECT, SHOW of schema, EXPLAIN of a read
  kDiagnostics,      // SHOW WARNINGS / ERRORS / COUNT(*) WARNINGS, GET DIAGNOSTICS
  kPrepare,          // PREPARE name FROM ...
  kExecute,          // EXECUTE name
  kDeallocate,       // DEALLOCATE PREPARE, DROP PREPARE
  kBegin,            // BEGIN [WORK], START TRANSACTION
  kCommit,           // COMMIT
  kRollback,         // ROLLBACK, not ROLLBACK TO
  kSetTransaction,   // SET [SESSION] TRANSACTION; with GLOBAL it is kAdmin
  kSavepoint,        // SAVEPOINT, ROLLBACK TO, RELEASE SAVEPOINT
  kXa,               // XA ...
  kLoadData,         // LOAD DATA, LOAD XML
  kPlugin,           // INSTALL / UNINSTALL PLUGIN, COMPONENT, SONAME
  kDdl,              // CREATE, ALTER, DROP, TRUNCATE, RENAME, GRANT, REVOKE, ANALYZE, OPTIMIZE, REPAIR ...
  kCreateTemporary,  // CREATE TEMPORARY TABLE
  kDropTemporary,    // DROP TEMPORARY TABLE
  kLockTables,       // LOCK TABLES, FLUSH TABLES ... WITH READ LOCK / FOR EXPORT
  kUnlockTables,     // UNLOCK TABLES
  kSet,              // SET of session and user variables, SET NAMES, SET CHARACTER SET, SET ROLE
  kUse,              // USE schema
  kKill,             // KILL ...
  kAdmin,    // SET GLOBAL / PERSIST, SET PASSWORD, FLUSH, RESET, CHANGE REPLICATION SOURCE, SHUTDOWN ...
  kUnknown,  // anything else: goes to the writer
};

std::string_view to_string(StatementClass cls);

enum class RouteHint : uint8_t { kNone, kWriter, kReplica };

// A leading /* causeway: route=writer consistency=global max_lag=500ms */
struct Hints {
  RouteHint route = RouteHint::kNone;
  std::string_view consistency;  // the level as written, empty if none was; a view into the classified text
  std::optional<std::chrono::milliseconds> max_lag;
  std::string_view mistake;  // what was not understood, the last of it; empty if all was

  friend bool operator==(const Hints&, const Hints&) = default;
};

enum class LockKind : uint8_t {
  kNone,
  kTables,     // LOCK TABLES, FLUSH TABLES t WITH READ LOCK, ... FOR EXPORT: BEGIN releases them
  kAllTables,  // FLUSH TABLES WITH READ LOCK: UNLOCK TABLES, which is of kind kTables, releases it too
  kBackup,     // LOCK INSTANCE FOR BACKUP, BACKUP STAGE, BACKUP LOCK: only their own end releases them
};

// What words mean wherever they stand in a statement. Nothing but flags: see operator|=.
struct Mentions {
  bool user_variables = false;           // @name at all
  bool assigned_user_variables = false;  // SET @a = ..., @a := ..., INTO @a
  bool diagnostics = false;              // ROW_COUNT(), FOUND_ROWS(), @@warning_count, @@error_count
  bool row_count = false;                // ... the first
  bool found_rows = false;               // ... the second
  bool last_insert_id = false;           // LAST_INSERT_ID(), @@last_insert_id, @@identity
  // @@aurora_..., @@causeway_...: an assignment or a use (see causeway_variables.h)
  bool causeway_variables = false;
  bool connection_id = false;           // CONNECTION_ID(), @@pseudo_thread_id
  bool forwarding_processlist = false;  // aurora_forwarding_processlist
  // @@transaction_read_only, @@session_track_transaction_info, tables of session variables: what Causeway may
  // have set on the connection for itself.
  bool access_mode = false;
  bool get_lock = false;    // GET_LOCK()
  bool user_locks = false;  // that, RELEASE_LOCK(), RELEASE_ALL_LOCKS(), IS_FREE_LOCK(), IS_USED_LOCK()
  // GET_LOCK & co., NEXTVAL & co., MASTER_POS_WAIT & co., LAST_INSERT_ID(n), @@last_gtid
  bool writer_functions = false;
  bool sql_calc_found_rows = false;  // SELECT SQL_CALC_FOUND_ROWS
  bool locking_clause = false;       // FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE
  bool select = false;               // tells SET @a = (SELECT ...) from other SETs
  bool from = false;                 // it may read a table
  bool kill = false;                 // the word, which is reserved

  // What a part of the text mentions, or another statement of the same command, beside this.
  Mentions& operator|=(const Mentions& others);

  friend bool operator==(const Mentions&, const Mentions&) = default;
};

// What a SET sets, user variables and Causeway's own excepted.
struct SetFlags {
  bool for_one_statement = false;  // MariaDB's SET STATEMENT ... FOR: cls is that of the statement behind FOR
  bool globally = false;           // kAdmin: SET GLOBAL, SET PERSIST, SET PASSWORD
  bool role = false;               // SET ROLE
  bool autocommit = false;         // SET autocommit, or a SET of which a part is not understood
  bool next_gtid = false;          // SET gtid_next: what commits then is logged, were it empty
  bool connection_bound = false;   // SET timestamp, insert_id, ... (is_connection_bound_variable())
  bool unreplicated_writes = false;  // SET [STATEMENT] sql_log_bin, skip_replication
  bool needs_reported_form = false;  // a SET of which servers do not report all (reported_form())
  // SET @@transaction_read_only = ... and its like, without SESSION: for the next transaction too
  bool next_transaction = false;

  friend bool operator==(const SetFlags&, const SetFlags&) = default;
};

// What BEGIN, COMMIT, ROLLBACK and SET TRANSACTION say.
struct TransactionClauses {
  // kBegin, kSetTransaction
  bool read_only = false;            // ... READ ONLY
  bool read_write = false;           // ... READ WRITE, said explicitly
  bool consistent_snapshot = false;  // WITH CONSISTENT SNAPSHOT
  bool next_only = false;            // SET TRANSACTION without SESSION
  NextTransaction characteristics;   // kSetTransaction: all that it says
  // kCommit, kRollback; completion_type decides where neither is said
  bool chain = false;       // AND CHAIN
  bool no_chain = false;    // AND NO CHAIN
  bool release = false;     // RELEASE
  bool no_release = false;  // NO RELEASE

  friend bool operator==(const TransactionClauses&, const TransactionClauses&) = default;
};

// What a SHOW shows, where it is one that others than its server care about.
struct ShowFlags {
  bool variables = false;    // SHOW VARIABLES, SHOW STATUS (see show_filter.h)
  bool processlist = false;  // SHOW [FULL] PROCESSLIST and nothing behind it
  bool full = false;         // ... with FULL
  bool log = false;          // SHOW BINARY LOG STATUS, BINARY LOGS, BINLOG EVENTS, REPLICAS

  friend bool operator==(const ShowFlags&, const ShowFlags&) = default;
};

// Views point into the classified text.
struct Statement {
  StatementClass cls = StatementClass::kEmpty;

  // The statement without its terminator and the white space around it, comments kept.
  std::string_view text;

  // For the classes of the 1235 rejections: what stands before " with write forwarding", e.g. "SAVEPOINT",
  // "LOAD XML", "INSTALL PLUGIN", "DDL". Points to static storage.
  std::string_view operation;

  Hints hints;

  // kPrepare, kExecute, kDeallocate: the prepared statement's name, unquoted. kUse: the schema's name,
  // unquoted. Escapes are not undone.
  std::string_view name;
  // kPrepare and EXECUTE IMMEDIATE with a literal: the text between the quotes, escapes not undone (unquote()
  // of sql_lexer.h); the literal itself with its quotes is `prepared_literal`. Empty for PREPARE ... FROM
  // @variable.
  std::string_view prepared_text;
  std::string_view prepared_literal;

  Mentions mentions;
  SetFlags set;
  TransactionClauses transaction;

  uint32_t placeholders = 0;  // how many ? there are
  ShowFlags shows;
  LockKind locks = LockKind::kNone;  // kLockTables, kUnlockTables
  bool flushes_here = false;         // kAdmin: FLUSH LOCAL TABLES, which no binary log has
  bool uses_handler = false;         // HANDLER: an open one belongs to its connection, and locks its table
  bool only_evaluates = false;       // DO, SIGNAL, RESIGNAL
  bool calls_procedure = false;      // CALL, EXECUTE IMMEDIATE: what it does is not in its text
  bool compound = false;             // has a body, so `text` reaches to the end of the whole text

  friend bool operator==(const Statement&, const Statement&) = default;
};

// The values of completion_type.
enum class CompletionType : uint8_t { kNoChain, kChain, kRelease };

// The value as servers report it, by name or number; kNoChain for what is none.
CompletionType parse_completion_type(std::string_view value);

// What COMMIT and ROLLBACK do where they do not say it themselves.
void complete(Statement& statement, CompletionType type);

}  // namespace causeway::routing
