#include "proxy/statement/exchange_prefix.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "consistency/wait_statement.h"
#include "protocol/com_stmt.h"
#include "protocol/command.h"
#include "protocol/packet_header.h"
#include "proxy/backend/session_state_sql.h"
#include "proxy/backend/shard.h"
#include "proxy/session/parse_context.h"
#include "proxy/statement/next_transaction.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {
namespace {

using protocol::append_command;

void append_closes(protocol::Buffer& out, BackendConnection& connection) {
  for (const uint32_t id : connection.prepared.to_close) {
    const size_t start = protocol::begin_packet(out, 0);
    protocol::append_statement_command(out, protocol::Command::kStmtClose, id);
    protocol::finish_packet(out, start);
  }
  connection.prepared.to_close.clear();
}

// One more statement is going to be prepared: another one may have to make room for it.
void make_room_for_statement(ClientSession& session, BackendConnection& connection) {
  if (connection.prepared.count < PreparedStatements::kMaxPerConnection) return;
  PreparedThere* oldest = session.state.prepared.least_recently_used(session.backends.target_of(connection),
                                                                     connection.prepared.incarnation);
  if (oldest == nullptr) return;
  connection.prepared.to_close.push_back(oldest->id);
  --connection.prepared.count;
  oldest->incarnation = 0;
  oldest->unlink();
}

void append_long_data(protocol::Buffer& out, const PreparedStatement& statement, uint32_t id) {
  protocol::Buffer payload;
  for (const LongData& piece : statement.long_data) {
    payload.clear();
    protocol::append_com_stmt_send_long_data(
        payload, {.statement_id = id, .parameter = piece.parameter, .data = piece.bytes});
    protocol::append_packets(out, payload, 0);
  }
}

bool option_differs(const ClientSession& session, const BackendConnection& connection) {
  return protocol::has(session.client.capabilities, protocol::capability::kMultiStatements) !=
         connection.state.multi_statements;
}

bool must_prepare(const ClientSession& session, const BackendConnection& connection,
                  const Exchange& exchange) {
  return exchange.prepared != nullptr && prepared_there(session, connection, exchange) == nullptr;
}

bool must_prepare_text(const ClientSession& session, const BackendConnection& connection,
                       const Exchange& exchange) {
  if (exchange.text_execute == nullptr) return false;
  const size_t side = PreparedStatements::side(session.backends.target_of(connection));
  return connection.state.needs_reset ||
         exchange.text_execute->incarnations[side] != connection.prepared.incarnation;
}

bool schema_differs(const ClientSession& session, const BackendConnection& connection) {
  return !session.state.schema.empty() && session.state.schema != connection.state.schema;
}

// MariaDB's COM_RESET_CONNECTION takes away what CLIENT_IGNORE_SPACE has set in sql_mode (10.11); MySQL's
// does not (9.7).
bool forgets_ignore_space(const ClientSession& session, const BackendConnection& connection) {
  return connection.server.mariadb && !session.state.was_reset &&
         protocol::has(connection.capabilities, protocol::capability::kIgnoreSpace);
}

// The session's own, of which servers take what clients send to be; empty for the server's default.
std::string_view client_charset(const ClientSession& session, const BackendConnection& connection) {
  if (const std::string* value = session.state.variables.find("character_set_client"); value != nullptr)
    return *value;
  return session.state.handshake_collation_forgotten
             ? std::string_view{}
             : std::string_view{connection.server.baseline.character_set_client};
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; });
}

// COM_INIT_DB. Names are known in UTF-8, as servers report them, and sent in the client's character set.
void append_schema(Prefix& prefix, PrefixStep step, std::string_view schema, const ClientSession& session,
                   const BackendConnection& connection, protocol::Buffer& out) {
  const std::string_view charset = client_charset(session, connection);
  const bool as_it_is = is_ascii(schema) || charset.starts_with("utf8");
  if (!as_it_is) {
    append_command(out, protocol::Command::kQuery, "SET character_set_client=utf8mb4",
                   connection.capabilities);
    prefix.push_back(PrefixStep::kSchemaCharset);
  }
  append_command(out, protocol::Command::kInitDb, schema, connection.capabilities);
  prefix.push_back(step);
  if (as_it_is) return;
  std::string sql = "SET character_set_client=";
  sql.append(charset.empty() ? std::string_view("DEFAULT") : charset);
  append_command(out, protocol::Command::kQuery, sql, connection.capabilities);
  prefix.push_back(PrefixStep::kSchemaCharset);
}

// Where the statement that is to be prepared again is not read as it was: what goes ahead, and what brings
// the session's own state back behind it.
class FormerContext {
 public:
  FormerContext(const ClientSession& session, const BackendConnection& connection,
                const ParseContext& of_statement)
      : session_(session),
        connection_(connection),
        former_(of_statement),
        now_(parse_context(session.state)) {}

  void append(Prefix& prefix, protocol::Buffer& out) const {
    if (other_schema()) {
      append_schema(prefix, PrefixStep::kFormerSchema, former_.schema, session_, connection_, out);
    }
    if (other_variables()) append_variables(prefix, PrefixStep::kFormerVariables, former_, out);
  }

  void append_back(Prefix& prefix, protocol::Buffer& out) const {
    if (other_variables()) append_variables(prefix, PrefixStep::kVariablesBack, now_, out);
    if (!other_schema() || session_.state.schema.empty()) return;
    append_schema(prefix, PrefixStep::kSchema, session_.state.schema, session_, connection_, out);
  }

 private:
  // Without a schema all names are qualified.
  bool other_schema() const { return !former_.schema.empty() && former_.schema != now_.schema; }
  bool other_variables() const {
    return former_.sql_mode != now_.sql_mode || former_.character_set_client != now_.character_set_client ||
           former_.character_set_connection != now_.character_set_connection ||
           former_.collation_connection != now_.collation_connection;
  }
  void append_variables(Prefix& prefix, PrefixStep step, const ParseContext& context,
                        protocol::Buffer& out) const {
    std::string sql;
    append_parse_variables_sql(sql, context, connection_.server.baseline);
    append_command(out, protocol::Command::kQuery, sql, connection_.capabilities);
    prefix.push_back(step);
  }

  const ClientSession& session_;
  const BackendConnection& connection_;
  const ParseContext& former_;
  ParseContext now_;
};

bool tells_last_insert_id(const ClientSession& session, const BackendConnection& connection,
                          const Exchange& exchange) {
  if (!exchange.tell_last_insert_id) return false;
  const bool is_set = session.state.last.insert_id->value != 0;
  if (session.backends.target_of(connection) != routing::Target::kWriter) return is_set;
  return (is_set || connection.state.last_insert_id != nullptr) &&
         session.state.last.insert_id != connection.state.last_insert_id;
}

bool must_track_state_change(const BackendConnection& connection, const Exchange& exchange) {
  const bool leaves = routing::is_opaque(*exchange.statement) || exchange.track_functions;
  return leaves && (connection.state.needs_reset || !connection.state.tracks_state_change);
}

// A statement ahead of these would be the one that they speak of.
bool speaks_of_the_last_statement(const Exchange& exchange) {
  return exchange.statement->cls == routing::StatementClass::kDiagnostics ||
         exchange.statement->mentions.diagnostics;
}

bool brings_user_variables(const ClientSession& session, const BackendConnection& connection,
                           const Exchange& exchange) {
  return !session.state.carried.assignments.empty() &&
         session.backends.target_of(connection) == routing::Target::kWriter &&
         (!speaks_of_the_last_statement(exchange) || exchange.statement->mentions.user_variables);
}

// A replica has them to itself as long as the connection stays the session's.
bool tells_writer_variables(const ClientSession& session, const BackendConnection& connection,
                            const Exchange& exchange) {
  const routing::WriterVariables& variables = session.state.carried.writer_variables;
  return variables.any() && variables.known() && session.state.level != consistency::ReadConsistency::kOff &&
         session.backends.target_of(connection) == routing::Target::kReplica &&
         !session.state.transaction.is_on(routing::Target::kReplica) &&
         !speaks_of_the_last_statement(exchange) &&
         connection.state.user_variables_version != variables.version();
}

bool replays_statements(const ClientSession& session, const BackendConnection& connection,
                        const Exchange& exchange) {
  return !session.state.carried.statements_to_replay.empty() &&
         session.backends.target_of(connection) == routing::Target::kWriter &&
         !speaks_of_the_last_statement(exchange);
}

bool needs_stand_in(const ClientSession& session, const Exchange& exchange) {
  return session.state.last.local.any() && speaks_of_the_last_statement(exchange);
}

// A statement that fails with this error.
void append_signal_sql(std::string& sql, const ClientSession& session, const ClientError& error) {
  constexpr size_t kMaxMessageBytes = 128;  // of what servers take
  sql.append("SIGNAL SQLSTATE '").append(error.sql_state);
  sql.append("' SET MYSQL_ERRNO=").append(std::to_string(error.code)).append(", MESSAGE_TEXT='");
  for (const char c : std::string_view(error.message).substr(0, kMaxMessageBytes)) {
    if (c == '\'' || (c == '\\' && !session.state.lex_mode.no_backslash_escapes)) sql += c;
    sql += c;
  }
  sql += '\'';
}

// What leaves a server's diagnostics as the answer would have. An OK counts no rows and, on MySQL, clears the
// warnings; COM_STMT_PREPARE does only the latter; a PING only the former.
void append_stand_in(ClientSession& session, Prefix& prefix, protocol::Buffer& out,
                     protocol::CapabilityFlags capabilities) {
  std::string& sql = session.reused.sql;
  sql.clear();
  switch (session.state.last.local.kind) {
    case LocalAnswer::Kind::kNone:
      break;
    case LocalAnswer::Kind::kOk:
      sql = "SET SESSION lock_wait_timeout=@@SESSION.lock_wait_timeout";
      break;
    case LocalAnswer::Kind::kProcesslist:
      sql = "SHOW PROCESSLIST";
      break;
    case LocalAnswer::Kind::kVariables:
      sql = "SHOW SESSION VARIABLES LIKE 'version'";
      break;
    case LocalAnswer::Kind::kError:
      append_signal_sql(sql, session, session.state.last.local.error);
      break;
  }
  if (!sql.empty()) {
    append_command(out, protocol::Command::kQuery, sql, capabilities);
    prefix.push_back(PrefixStep::kStandIn);
  }
  if (session.state.last.local.prepared) {
    append_command(out, protocol::Command::kStmtPrepare, "DO 0", capabilities);
    prefix.push_back(PrefixStep::kStandInPrepare);
  }
  if (session.state.last.local.pinged) {
    append_command(out, protocol::Command::kPing, {}, capabilities);
    prefix.push_back(PrefixStep::kStandInPing);
  }
}

bool access_mode_differs(const ClientSession& session, const BackendConnection& connection,
                         const Exchange& exchange) {
  if (exchange.statement->cls == routing::StatementClass::kDiagnostics) return false;
  const bool read_only = session.backends.target_of(connection) == routing::Target::kReplica &&
                         exchange.access == AccessOnReplica::kReadOnly;
  return read_only != connection.state.read_only_leg;
}

// The session's own transaction_read_only is among what is replayed.
bool replays_access_mode(const ClientSession& session, const BackendConnection& connection) {
  return session.state.variables.replays("transaction_read_only", connection.state.applied_version) ||
         session.state.variables.replays("tx_read_only", connection.state.applied_version);
}

// Not before it is known what of it is left.
bool must_forget_transaction(const ClientSession& session, const BackendConnection& connection,
                             const Exchange& exchange) {
  return connection.state.holds_next_transaction && !speaks_of_the_last_statement(exchange) &&
         session.state.transaction.next_sent_to() != session.backends.target_of(connection);
}

void append_user_variables(Prefix& prefix, const ClientSession& session, const BackendConnection& connection,
                           protocol::Buffer& out) {
  append_command(out, protocol::Command::kQuery, session.state.carried.assignments, connection.capabilities);
  prefix.push_back(PrefixStep::kUserVariables);
  prefix.must_succeed_first = true;
}

void append_access_mode_sql(std::string& sql, const ClientSession& session,
                            const BackendConnection& connection) {
  sql.append("SET SESSION ").append(access_mode_variable(connection)).append("=");
  if (!connection.state.read_only_leg) {
    sql += '1';
    return;
  }
  sql += session.state.transaction.read_only_variable() ? '1' : '0';
}

}  // namespace

PreparedThere* prepared_there(const ClientSession& session, const BackendConnection& connection,
                              const Exchange& exchange) {
  if (exchange.prepared == nullptr || connection.state.needs_reset) return nullptr;
  PreparedThere& there =
      exchange.prepared->statement->there[PreparedStatements::side(session.backends.target_of(connection))];
  return there.incarnation == connection.prepared.incarnation ? &there : nullptr;
}

void append_long_data_ahead(const ClientSession& session, const BackendConnection& connection,
                            const Exchange& exchange, protocol::Buffer& out) {
  const PreparedThere* there = prepared_there(session, connection, exchange);
  if (there != nullptr) append_long_data(out, *exchange.prepared->statement, there->id);
}

bool needs_prefix(const ClientSession& session, const BackendConnection& connection,
                  const Exchange& exchange) {
  const bool is_full =
      exchange.prepare != nullptr && connection.prepared.count >= PreparedStatements::kMaxPerConnection;
  return connection.state.needs_reset || is_full || !connection.prepared.to_close.empty() ||
         must_prepare(session, connection, exchange) || must_prepare_text(session, connection, exchange) ||
         option_differs(session, connection) || exchange.wait_for != nullptr || exchange.check_writer ||
         exchange.begin || exchange.set_transaction ||
         connection.state.applied_version != session.state.variables.version() ||
         brings_user_variables(session, connection, exchange) ||
         tells_writer_variables(session, connection, exchange) ||
         replays_statements(session, connection, exchange) ||
         tells_last_insert_id(session, connection, exchange) || schema_differs(session, connection) ||
         must_track_state_change(connection, exchange) || exchange.track_next ||
         must_forget_transaction(session, connection, exchange) || needs_stand_in(session, exchange) ||
         access_mode_differs(session, connection, exchange);
}

Prefix append_prefix(ClientSession& session, BackendConnection& connection, const Exchange& exchange) {
  using protocol::Command;
  Prefix prefix;
  protocol::Buffer& out = connection.out;
  std::string& sql = session.reused.sql;
  const protocol::CapabilityFlags capabilities = connection.capabilities;
  WorkerMetrics& metrics = session.shard.metrics();

  const bool will_prepare_text = must_prepare_text(session, connection, exchange);
  const bool will_prepare = exchange.prepare != nullptr || must_prepare(session, connection, exchange);
  if (connection.state.needs_reset) {
    connection.prepared.incarnation = session.shard.next_incarnation();
    connection.prepared.count = 0;
    connection.prepared.to_close.clear();
  }
  if (will_prepare) make_room_for_statement(session, connection);
  append_closes(out, connection);
  if (connection.state.former_last_insert_id != nullptr) {
    append_command(out, Command::kQuery, "SELECT LAST_INSERT_ID() LIMIT 1", capabilities);
    prefix.push_back(PrefixStep::kFormerLastInsertId);
  }
  if (connection.state.needs_reset) {
    append_command(out, Command::kResetConnection, {}, capabilities);
    prefix.push_back(PrefixStep::kReset);
    sql.clear();
    append_trackers_sql(sql, connection);
    if (!session.state.handshake_collation_forgotten) {
      append_charsets_sql(sql, connection);
      metrics.replay(ReplayedState::kCharacterSet);
    }
    if (forgets_ignore_space(session, connection))
      sql.append(", sql_mode=CONCAT(@@sql_mode,',IGNORE_SPACE')");
    connection.state.read_only_leg = false;
    if (access_mode_differs(session, connection, exchange)) {
      sql.append(", SESSION ").append(access_mode_variable(connection)).append("=1");
      connection.state.read_only_leg = true;
    }
    append_command(out, Command::kQuery, sql, capabilities);
    prefix.push_back(PrefixStep::kBaseline);
    connection.state.applied_version = 0;
    connection.state.user_variables_version = 0;
    connection.state.holds_next_transaction = false;
    session.shard.metrics().nodes[connection.node].resets.add();
  }
  if (option_differs(session, connection)) {
    protocol::append_com_set_option(out, !connection.state.multi_statements);
    prefix.push_back(PrefixStep::kOption);
  }
  // The wait comes before the session's state, which may name what it brings (a schema, a collation); before
  // the snapshot of a transaction; and before SET TRANSACTION, which holds for the very next one.
  if (exchange.wait_for != nullptr) {
    sql.clear();
    if (consistency::append_wait_statement(sql, *exchange.wait_for, exchange.wait_timeout,
                                           session.shard.cluster().wait_dialect(connection.node))) {
      append_command(out, Command::kQuery, sql, capabilities);
      prefix.push_back(PrefixStep::kWait);
    }
  }
  if (connection.state.applied_version != session.state.variables.version()) {
    sql.clear();
    if (session.state.variables.append_replay_sql(sql, connection.state.applied_version)) {
      append_command(out, Command::kQuery, sql, capabilities);
      prefix.push_back(PrefixStep::kVariables);
      prefix.must_succeed_first = true;
      if (replays_access_mode(session, connection)) connection.state.read_only_leg = false;
      metrics.replay(ReplayedState::kVariables);
    } else {
      connection.state.applied_version = session.state.variables.version();
    }
  }
  if (schema_differs(session, connection)) {
    append_schema(prefix, PrefixStep::kSchema, session.state.schema, session, connection, out);
    prefix.must_succeed_first = true;
    metrics.replay(ReplayedState::kSchema);
  }
  // A PREPARE that is said again may name them, and a SET may assign some that have changed since.
  if (brings_user_variables(session, connection, exchange)) {
    append_user_variables(prefix, session, connection, out);
    metrics.replay(ReplayedState::kVariables);
  }
  if (tells_writer_variables(session, connection, exchange)) {
    append_command(out, Command::kQuery, session.state.carried.writer_variables.set_statement(),
                   capabilities);
    prefix.push_back(PrefixStep::kWriterVariables);
    prefix.must_succeed_first = true;
    metrics.replay(ReplayedState::kVariables);
  }
  if (replays_statements(session, connection, exchange)) {
    for (const std::string& statement : session.state.carried.statements_to_replay) {
      append_command(out, Command::kQuery, statement, capabilities);
      prefix.push_back(PrefixStep::kReplayedStatement);
    }
    if (brings_user_variables(session, connection, exchange))
      append_user_variables(prefix, session, connection, out);
  }
  if (tells_last_insert_id(session, connection, exchange)) {
    sql.assign("SET last_insert_id=").append(std::to_string(session.state.last.insert_id->value));
    append_command(out, Command::kQuery, sql, capabilities);
    prefix.push_back(PrefixStep::kLastInsertId);
  }
  if (must_track_state_change(connection, exchange)) {
    append_command(out, Command::kQuery, "SET session_track_state_change=1", capabilities);
    prefix.push_back(PrefixStep::kTrackStateChange);
  }
  if (access_mode_differs(session, connection, exchange)) {
    sql.clear();
    append_access_mode_sql(sql, session, connection);
    append_command(out, Command::kQuery, sql, capabilities);
    prefix.push_back(PrefixStep::kAccessMode);
  }
  if (must_forget_transaction(session, connection, exchange)) {
    sql.clear();
    append_forget_next_transaction_sql(sql, session, connection);
    append_command(out, Command::kQuery, sql, capabilities);
    prefix.push_back(PrefixStep::kForgetTransaction);
    connection.state.holds_next_transaction = false;
  }
  if (exchange.check_writer) {
    append_command(out, Command::kQuery, consistency::writer_check_statement(), capabilities);
    prefix.push_back(PrefixStep::kWriterCheck);
  }
  const bool on_replica = session.backends.target_of(connection) == routing::Target::kReplica;
  routing::NextTransaction next =
      exchange.set_transaction ? session.state.transaction.next() : routing::NextTransaction{};
  // READ ONLY stands for it: spent is spent, see settle_next_transaction().
  if (on_replica && next.access == routing::AccessMode::kReadWrite)
    next.access = routing::AccessMode::kReadOnly;
  const bool in_transaction = session.state.transaction.is_open() || exchange.begin;
  if (on_replica && exchange.access == AccessOnReplica::kShown && !in_transaction)
    next.access = routing::AccessMode::kReadOnly;
  if (exchange.track_next) {
    sql.clear();
    append_track_next_transaction_sql(sql, connection);
    append_command(out, Command::kQuery, sql, capabilities);
    prefix.push_back(PrefixStep::kTrackTransaction);
    connection.state.holds_next_transaction = true;
  }
  if (next.any()) {
    sql.clear();
    routing::append_set_transaction(sql, next);
    append_command(out, Command::kQuery, sql, capabilities);
    prefix.push_back(PrefixStep::kSetTransaction);
  }
  if (exchange.begin) {
    append_command(out, Command::kQuery, session.state.transaction.begin_sql(), capabilities);
    prefix.push_back(PrefixStep::kBegin);
    metrics.replay(ReplayedState::kTransaction);
  }
  if (will_prepare_text) {
    const FormerContext former(session, connection, exchange.text_execute->context);
    former.append(prefix, out);
    append_command(out, Command::kQuery, exchange.text_execute->prepare_sql, capabilities);
    prefix.push_back(PrefixStep::kTextPrepare);
    former.append_back(prefix, out);
    prefix.must_succeed_first = true;
    metrics.replay(ReplayedState::kStatement);
  }
  if (must_prepare(session, connection, exchange)) {
    const FormerContext former(session, connection, exchange.prepared->statement->context);
    former.append(prefix, out);
    // Its id is not known before the server has answered.
    append_command(out, Command::kStmtPrepare, exchange.prepared->statement->server_sql, capabilities);
    prefix.push_back(PrefixStep::kPrepare);
    former.append_back(prefix, out);
    prefix.must_succeed_first = true;
    metrics.replay(ReplayedState::kStatement);
  }
  if (needs_stand_in(session, exchange)) append_stand_in(session, prefix, out, capabilities);
  return prefix;
}

}  // namespace causeway::proxy
