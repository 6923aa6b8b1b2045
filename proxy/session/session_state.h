// What statements of a session leave behind for later ones, as values: all that COM_RESET_CONNECTION makes
// anew.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consistency/read_consistency.h"
#include "proxy/accounts/client_error.h"
#include "proxy/backend/last_insert_id.h"
#include "proxy/cluster/cluster_view.h"
#include "proxy/session/parse_context.h"
#include "proxy/session/prepared_statements.h"
#include "proxy/session/text_prepared_statements.h"
#include "routing/session_state.h"
#include "routing/sql_lexer.h"
#include "routing/transaction_state.h"
#include "routing/user_variables.h"

namespace causeway::proxy {

// An answer that no server has given, as the last one of its session: what ROW_COUNT(), SHOW WARNINGS and
// their like speak of. A server that is asked about it gets a statement of the same outcome ahead.
struct LocalAnswer {
  enum class Kind : uint8_t { kNone, kOk, kProcesslist, kVariables, kError };
  Kind kind = Kind::kNone;
  bool prepared = false;   // then something was prepared, perhaps elsewhere
  bool pinged = false;     // or there was an OK of a command that is no statement
  ClientError error = {};  // kError

  bool any() const { return kind != Kind::kNone || prepared || pinged; }
};

// What the last statements were: SHOW WARNINGS, ROW_COUNT(), FOUND_ROWS(), LAST_INSERT_ID() speak of them.
struct Diagnostics {
  routing::Target target = routing::Target::kNone;  // where the last one ran that reached a server
  bool was_ok = false;                              // its answer was no rows and no error
  uint16_t warnings = 0;
  routing::Target warned_by = routing::Target::kNone;   // where SHOW WARNINGS has its warnings from
  routing::Target counted_by = routing::Target::kNone;  // where FOUND_ROWS() has its number from
  size_t answered = 0;  // a hash of the last command that a server has answered without an error
  LocalAnswer local;
  std::shared_ptr<LastInsertId> insert_id = std::make_shared<LastInsertId>();
};

// Why the session stays on one server.
struct Pins {
  bool temporary_table = false;
  bool table_lock = false;
  bool all_tables_lock = false;  // ... among them one that BEGIN does not release
  bool backup_lock = false;
  bool user_lock = false;
  bool prepared_text = false;   // PREPARE of SQL, which lives on the connection
  bool untrackable = false;     // state that cannot be replayed
  bool unreported = false;      // a statement that failed may have left some: until the server reports
  bool replication = false;     // a replica, or a program that reads the binary log: see ReplicationClient
  bool user_variables = false;  // the lease must not be given away; other reads may go to replicas
  routing::Target where = routing::Target::kNone;  // of the others
  // From a READ ONLY transaction on a replica; the writer gets the same with the next statement there, and
  // has what that leaves, too.
  bool moves_to_writer = false;

  bool whole_session() const { return has_state() || replication; }
  // It would lose something with its connection.
  bool has_state() const {
    return temporary_table || table_lock || backup_lock || user_lock || prepared_text || untrackable ||
           unreported;
  }
  bool whole_session_on(routing::Target target) const { return whole_session() && where == target; }
};

// What the client has asked to be told in OK packets, by session_track_...; servers are asked for all of it
// anyway.
struct ClientTrackers {
  std::optional<std::string> variables;  // names with commas, "*" for all; nothing: the server's default
  std::optional<bool> schema;            // nothing: the server's default, which is on
  std::string gtids;                     // OWN_GTID or ALL_GTIDS; empty: off
  bool state_change = false;             // session_track_state_change, as servers have reported it
  bool transactions = false;             // session_track_transaction_info, likewise
};

// What lives on one of the session's two servers, and has to be had on the other as well.
struct Carried {
  // Of statements_to_replay, those included that may yet become some: a prefix holds no more
  // (Prefix::kMaxSteps).
  static constexpr size_t kMaxStatements = 32;

  // User variables that were set on the replica, and are there only; those on the writer; the SET that brings
  // the writer's connection those of before that the replica had; and whether, beside a transaction on a
  // replica, some were set on the writer.
  std::vector<std::string> replica_variables;
  routing::WriterVariables writer_variables;
  std::string assignments;
  bool set_beside = false;
  // SELECT f() has run on the replica, since it was last asked for what functions have left there: it may
  // have set user variables. And the texts of those of which the server has not said whether they left
  // anything.
  bool functions_called = false;
  bool functions_left_state = false;  // the session goes to the writer for it
  std::vector<std::string> unreported_calls;
  // A procedure has run in a READ ONLY transaction on a replica, and may have set any there: those that
  // statements to the writer name are taken from there, each once.
  bool procedure_on_replica = false;
  std::vector<std::string> named_since_procedure;
  // What was left behind on the replica, in a transaction, and is to be had on the writer as well: the
  // statements go ahead of the next one there.
  std::vector<std::string> statements_to_replay;

  bool has_room_to_replay() const {
    return statements_to_replay.size() + unreported_calls.size() < kMaxStatements;
  }
};

// A client that reads the binary log, or is about to. All its statements run on the server that streams, on
// one connection: what it sets there, and what it asks for, is about that server's log.
struct ReplicationClient {
  bool is_one = false;
  bool from_replica = false;  // its server is a replica, and not the writer; nothing is forwarded then
  bool by_gtid = false;       // MariaDB's: it has said where to go on by @slave_connect_state
  bool registered = false;    // a server has taken its COM_REGISTER_SLAVE
  std::string uuid;           // MySQL's, of @replica_uuid; empty: not told
};

struct SessionState {
  consistency::ReadConsistency level = consistency::ReadConsistency::kSession;
  routing::SessionVariables variables;
  ClientTrackers trackers;
  std::string schema;
  bool auto_is_null = false;             // sql_auto_is_null
  std::chrono::seconds wait_timeout{0};  // that it has set; 0: none
  routing::LexMode lex_mode;
  bool initial_sql_mode_known = false;
  bool handshake_collation_forgotten = false;  // by COM_RESET_CONNECTION, as on MySQL
  bool was_reset = false;  // or has changed its user: init_connect has no part in its state

  routing::TransactionState transaction;
  Pins pins;
  ReplicationClient replication;
  Carried carried;
  Diagnostics last;
  std::vector<std::string> temporary_tables;  // names, where statements.temporary_table = "reject"
  PreparedStatements prepared;
  TextPreparedStatements text_prepared;

  // Nothing is lost to the client if its session ends between two commands: whoever reads the binary log, or
  // is about to, comes again.
  bool may_end() const { return !transaction.is_begun() && !pins.has_state(); }

  // It reads the binary log, of a replica if there is one: see ReplicationClient. Before its first statement.
  void reads_log(bool from_replica) {
    replication.is_one = true;
    replication.from_replica = from_replica;
    if (from_replica) level = consistency::ReadConsistency::kOff;
  }

  // Behind COM_RESET_CONNECTION, or a change of the user: as after a login in the character set of this
  // collation (0: the writer's default), but in the same schema, with ids of prepared statements that were
  // not given out before, and still what it was to replication.
  static SessionState fresh(const SessionState& before, const ClusterView& view,
                            consistency::ReadConsistency level, uint8_t collation);

  // How the session's texts are read and what its statements mean before a server has said anything of its
  // own: by the writer's defaults, which are those that count. Behind a login.
  void start(const ClusterView& view, uint8_t collation);

  // What init_connect has made of them on the session's first connection; autocommit is in its status flags.
  void take_defaults(const SessionDefaults& defaults);
};

// What of a value of sql_mode changes how texts are read.
void take_sql_mode(routing::LexMode& lex_mode, std::string_view sql_mode);

// By what a server would read the text of a statement of the session as it is now.
ParseContext parse_context(const SessionState& state);

}  // namespace causeway::proxy
