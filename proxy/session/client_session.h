// What a client session is made of: values only. What happens with them stands in the files that are named
// after it.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consistency/read_consistency.h"
#include "consistency/session_history.h"
#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/command.h"
#include "protocol/scramble.h"
#include "protocol/secret.h"
#include "proxy/accounts/account_table.h"
#include "proxy/accounts/client_error.h"
#include "proxy/backend/account_login.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/config/config.h"
#include "proxy/metrics/metrics.h"
#include "proxy/net/mysql_stream.h"
#include "proxy/net/waiter.h"
#include "proxy/session/parse_context.h"
#include "proxy/session/prepared_statements.h"
#include "proxy/session/text_prepared_statements.h"
#include "routing/classifier.h"
#include "routing/route_decision.h"
#include "routing/session_state.h"
#include "routing/sql_lexer.h"
#include "routing/transaction_state.h"
#include "routing/user_variables.h"

namespace causeway::proxy {

class Shard;

// Where a client connects from.
struct PeerAddress {
  std::string host;   // an address, "localhost" for a Unix socket
  uint16_t port = 0;  // 0: a Unix socket, or not known
};

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
  bool user_variables = false;  // the lease must not be given away; other reads may go to replicas
  routing::Target where = routing::Target::kNone;  // of the others
  // From a READ ONLY transaction on a replica; the writer gets the same with the next statement there, and
  // has what that leaves, too.
  bool moves_to_writer = false;

  bool whole_session() const {
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

// The list hook is for the worker's watchdog.
struct ClientSession : boost::intrusive::list_base_hook<> {
  ClientSession(Shard& owner, Socket socket, const ListenerConfig& listener_config, uint64_t writer_epoch)
      : shard(owner), stream(std::move(socket)), listener(listener_config), history(writer_epoch) {}
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  Shard& shard;
  MysqlStream stream;
  const ListenerConfig& listener;

  // Who it is.
  uint32_t id = 0;  // see SessionDirectory
  std::string user;
  std::string host;
  uint16_t port = 0;                           // see PeerAddress
  protocol::CapabilityFlags capabilities = 0;  // negotiated with the client
  AccountLogin login;
  protocol::Nonce nonce{};  // that its password was asked with; for COM_CHANGE_USER
  int failed_changes_of_user = 0;
  bool logged_in = false;
  std::optional<AccountRights> rights_on_servers;  // see the function of this name; nothing: not asked yet

  // What it sees.
  consistency::ReadConsistency level = consistency::ReadConsistency::kSession;
  consistency::SessionHistory history;  // by indexes of the cluster view's nodes, and Shard::position_era()

  // What state it is in.
  routing::SessionVariables variables;
  ClientTrackers trackers;
  bool handshake_collation_forgotten = false;  // by COM_RESET_CONNECTION, as on MySQL
  bool was_reset = false;  // or has changed its user: init_connect has no part in its state
  std::string schema;
  bool auto_is_null = false;             // sql_auto_is_null
  std::chrono::seconds wait_timeout{0};  // that it has set; 0: none
  bool initial_sql_mode_known = false;
  routing::LexMode lex_mode;
  std::shared_ptr<LastInsertId> last_insert_id = std::make_shared<LastInsertId>();
  uint16_t last_warnings = 0;
  LocalAnswer last_local;
  Pins pins;
  // User variables that were set on the replica, and are there only; those on the writer; the SET that brings
  // the writer's connection those of before that the replica had; and whether, beside a transaction on a
  // replica, some were set on the writer.
  std::vector<std::string> replica_variables;
  routing::WriterVariables writer_variables;
  std::string carried_variables;
  bool variables_beside = false;
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
  std::vector<std::string> temporary_tables;  // names, where statements.temporary_table = "reject"

  PreparedStatements prepared;
  TextPreparedStatements text_prepared;

  routing::TransactionState transaction;

  // Its servers.
  BackendLease writer;
  BackendLease replica;
  // What was left behind on the replica, in a transaction, and is to be had on the writer as well: the
  // statements go ahead of the next one there.
  std::vector<std::string> statements_to_replay;
  routing::Target last_target = routing::Target::kNone;
  bool last_was_ok = false;                            // the last answer of a server was no rows and no error
  routing::Target warned_by = routing::Target::kNone;  // where SHOW WARNINGS has its warnings from
  routing::Target counted_by = routing::Target::kNone;  // where FOUND_ROWS() has its number from
  size_t last_answered = 0;        // a hash of the last command that a server has answered without an error
  size_t former_writer = kNoNode;  // where it had something when another server became the writer
  bool used_writer = false;
  CountedSession counted;                  // see count_session()
  BackendConnection* in_flight = nullptr;  // on which an answer is awaited

  // What it is doing: for SHOW PROCESSLIST, and exact to a tick of the worker.
  protocol::Command current_command = protocol::Command::kConnect;  // kSleep between commands
  Clock::time_point command_since = Clock::time_point::min();
  std::string_view statement_text;  // that the command runs; empty for most

  Waiter waiter;
  bool mistaken_hint_said = false;

  // Reused by every statement.
  routing::Classified classified;
  protocol::Buffer scratch;
  protocol::Buffer local_answer;
  protocol::Buffer command;  // rewritten for a server
  std::string sql_scratch;
};

// Of statements_to_replay, those included that may yet become some: a prefix holds no more
// (Prefix::kMaxSteps).
inline constexpr size_t kMaxStatementsToReplay = 32;

inline bool has_room_to_replay(const ClientSession& session) {
  return session.statements_to_replay.size() + session.unreported_calls.size() < kMaxStatementsToReplay;
}

// An answer is awaited on the connection: the worker's watchdog cancels it, and KILL finds it.
class InFlightScope {
 public:
  InFlightScope(ClientSession& session, BackendConnection& connection) : session_(session) {
    session_.in_flight = &connection;
  }
  InFlightScope(const InFlightScope&) = delete;
  InFlightScope& operator=(const InFlightScope&) = delete;
  ~InFlightScope() { session_.in_flight = nullptr; }

 private:
  ClientSession& session_;
};

// Which of the session's servers this connection is to.
inline routing::Target target_of(const ClientSession& session, const BackendConnection& connection) {
  return connection.lease == &session.writer ? routing::Target::kWriter : routing::Target::kReplica;
}

// By what a server would read the text of a statement of the session as it is now.
ParseContext parse_context(const ClientSession& session);

// Whatever it waits for ends now: on its client, on a server, to be woken.
inline void end_waits(ClientSession& session) {
  session.stream.cancel();
  if (session.in_flight != nullptr) session.in_flight->stream.cancel();
  session.waiter.wake_up.set();
}

// Makes the metrics' gauges say what the session is now. Behind every command.
void count_session(ClientSession& session);

}  // namespace causeway::proxy
