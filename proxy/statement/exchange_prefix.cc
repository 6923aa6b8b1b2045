#include "proxy/statement/exchange_prefix.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "consistency/wait_statement.h"
#include "protocol/com_stmt.h"
#include "protocol/command.h"
#include "protocol/packet_header.h"
#include "protocol/text.h"
#include "proxy/backend/session_state_sql.h"
#include "proxy/backend/shard.h"
#include "proxy/session/parse_context.h"
#include "proxy/statement/next_transaction.h"
#include "routing/sql_literal.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {
namespace {

using protocol::append_command;
using protocol::Command;
using routing::Target;

void append_long_data(protocol::Buffer& out, const PreparedStatement& statement, uint32_t id) {
  protocol::Buffer payload;
  for (const LongData& piece : statement.long_data) {
    payload.clear();
    protocol::append_com_stmt_send_long_data(
        payload, {.statement_id = id, .parameter = piece.parameter, .data = piece.bytes});
    protocol::append_packets(out, payload, 0);
  }
}

// Null if it is not prepared on this connection.
const PreparedThere* prepared_there(const PreparedCommand& prepared, const BackendConnection& connection,
                                    Target target) {
  const PreparedThere& there = prepared.statement->there[PreparedStatements::side(target)];
  const bool is_there = !connection.state.needs_reset && there.incarnation == connection.prepared.incarnation;
  return is_there ? &there : nullptr;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; });
}

// A statement that fails with this error.
void append_signal_sql(std::string& sql, const ClientError& error, bool no_backslash_escapes) {
  constexpr size_t kMaxMessageBytes = 128;  // of what servers take
  sql.append("SIGNAL SQLSTATE '").append(error.sql_state);
  sql.append("' SET MYSQL_ERRNO=").append(std::to_string(error.code)).append(", MESSAGE_TEXT=");
  routing::append_quoted(sql, protocol::cut_utf8(error.message, kMaxMessageBytes),
                         {.no_backslash_escapes = no_backslash_escapes});
}

// What leaves a server's diagnostics as a local answer would have: an OK counts no rows and, on MySQL, clears
// the warnings. Empty for none.
void append_stand_in_sql(std::string& sql, const LocalAnswer& answer, bool no_backslash_escapes) {
  switch (answer.kind) {
    case LocalAnswer::Kind::kNone:
      break;
    case LocalAnswer::Kind::kOk:
      sql.append("SET SESSION lock_wait_timeout=@@SESSION.lock_wait_timeout");
      break;
    case LocalAnswer::Kind::kProcesslist:
      sql.append("SHOW PROCESSLIST");
      break;
    case LocalAnswer::Kind::kVariables:
      sql.append("SHOW SESSION VARIABLES LIKE 'version'");
      break;
    case LocalAnswer::Kind::kError:
      append_signal_sql(sql, answer.error, no_backslash_escapes);
      break;
  }
}

// What one command needs ahead of it on one connection. Each `..._differs`, `needs_...` and so on says
// whether a step is needed, the function behind it appends the step.
class PrefixWriter {
 public:
  PrefixWriter(SessionParts session, BackendConnection& connection, const ClientCommand& command,
               const Ahead& ahead)
      : shard_(session.shard),
        client_(session.client),
        state_(session.state),
        sql_(session.reused.sql),
        connection_(connection),
        target_(session.backends.target_of(connection)),
        command_(command),
        ahead_(ahead) {}

  bool is_needed() const;
  Prefix append();

 private:
  bool on_writer() const { return target_ == Target::kWriter; }
  bool on_replica() const { return target_ == Target::kReplica; }
  // A statement ahead of these would be the one that they speak of.
  bool speaks_of_the_last() const {
    return command_.statement->cls == routing::StatementClass::kDiagnostics ||
           command_.statement->mentions.diagnostics;
  }

  bool has_too_many_statements() const {
    return command_.prepare != nullptr && connection_.prepared.count >= PreparedStatements::kMaxPerConnection;
  }
  bool option_differs() const {
    return protocol::has(client_.capabilities, protocol::capability::kMultiStatements) !=
           connection_.state.multi_statements;
  }
  bool variables_differ() const { return connection_.state.applied_version != state_.variables.version(); }
  bool schema_differs() const { return !state_.schema.empty() && state_.schema != connection_.state.schema; }
  bool access_mode_differs() const;
  bool brings_user_variables() const;
  bool tells_writer_variables() const;
  bool replays_statements() const;
  bool tells_last_insert_id() const;
  bool must_track_state_change() const;
  bool must_forget_transaction() const;
  bool must_prepare() const;
  bool must_prepare_text() const;
  bool needs_stand_in() const { return state_.last.local.any() && speaks_of_the_last(); }

  // `sql`, of which the answer belongs to this step.
  void step(PrefixStep step, std::string_view sql, Command command = Command::kQuery) {
    append_command(connection_.out, command, sql, connection_.capabilities);
    prefix_.push_back(step);
  }
  void count(ReplayedState what) { shard_.metrics().replay(what); }

  void append_closes();
  void begin_anew();
  void append_former_last_insert_id();
  void append_reset();
  void append_option();
  void append_wait();
  bool checks_writer() const { return ahead_.check_writer || ahead_.settle_timeout.count() > 0; }
  void append_writer_check();
  void append_variables();
  void append_schema(PrefixStep step, std::string_view schema);
  void append_user_variables();
  void append_writer_variables();
  void append_replayed_statements();
  void append_last_insert_id();
  void append_access_mode();
  void append_forget_transaction();
  void append_next_transaction();
  void append_begin();
  void append_text_prepare();
  void append_prepare();
  void append_stand_in();

  void make_room_for_statement();
  bool forgets_ignore_space() const;
  std::string_view client_charset() const;
  bool replays_access_mode() const;
  routing::NextTransaction next_transaction() const;

  // Where a statement that is to be prepared again is not read as it was: what goes ahead, and what brings
  // the session's own state back behind it.
  void append_former(const ParseContext& former);
  void append_back(const ParseContext& former);
  bool other_schema(const ParseContext& former) const {
    // Without a schema all names are qualified.
    return !former.schema.empty() && former.schema != state_.schema;
  }

  Shard& shard_;
  const ClientChannel& client_;
  SessionState& state_;
  std::string& sql_;
  BackendConnection& connection_;
  Target target_;
  const ClientCommand& command_;
  const Ahead& ahead_;
  Prefix prefix_;
};

bool PrefixWriter::access_mode_differs() const {
  if (command_.statement->cls == routing::StatementClass::kDiagnostics) return false;
  const bool read_only = on_replica() && ahead_.access == AccessOnReplica::kReadOnly;
  return read_only != connection_.state.read_only_leg;
}

bool PrefixWriter::brings_user_variables() const {
  return !state_.carried.assignments.empty() && on_writer() &&
         (!speaks_of_the_last() || command_.statement->mentions.user_variables);
}

// A replica has them to itself as long as the connection stays the session's.
bool PrefixWriter::tells_writer_variables() const {
  const routing::WriterVariables& variables = state_.carried.writer_variables;
  return variables.any() && variables.known() && state_.level != consistency::ReadConsistency::kOff &&
         on_replica() && !state_.transaction.is_on(Target::kReplica) && !speaks_of_the_last() &&
         connection_.state.user_variables_version != variables.version();
}

bool PrefixWriter::replays_statements() const {
  return !state_.carried.statements_to_replay.empty() && on_writer() && !speaks_of_the_last();
}

bool PrefixWriter::tells_last_insert_id() const {
  if (!ahead_.tell_last_insert_id) return false;
  const bool is_set = state_.last.insert_id->value != 0;
  if (!on_writer()) return is_set;
  return (is_set || connection_.state.last_insert_id != nullptr) &&
         state_.last.insert_id != connection_.state.last_insert_id;
}

bool PrefixWriter::must_track_state_change() const {
  const bool leaves = routing::is_opaque(*command_.statement) || ahead_.track_functions;
  return leaves && (connection_.state.needs_reset || !connection_.state.tracks_state_change);
}

// Not before it is known what of it is left.
bool PrefixWriter::must_forget_transaction() const {
  return connection_.state.holds_next_transaction && !speaks_of_the_last() &&
         state_.transaction.next_sent_to() != target_;
}

bool PrefixWriter::must_prepare() const {
  return command_.prepared != nullptr && prepared_there(*command_.prepared, connection_, target_) == nullptr;
}

bool PrefixWriter::must_prepare_text() const {
  if (command_.text_execute == nullptr) return false;
  const size_t side = PreparedStatements::side(target_);
  return connection_.state.needs_reset ||
         command_.text_execute->incarnations[side] != connection_.prepared.incarnation;
}

bool PrefixWriter::is_needed() const {
  return connection_.state.needs_reset || has_too_many_statements() ||
         !connection_.prepared.to_close.empty() || must_prepare() || must_prepare_text() ||
         option_differs() || ahead_.wait_for != nullptr || checks_writer() || ahead_.begin ||
         ahead_.set_transaction || variables_differ() || brings_user_variables() ||
         tells_writer_variables() || replays_statements() || tells_last_insert_id() || schema_differs() ||
         must_track_state_change() || ahead_.track_next || must_forget_transaction() || needs_stand_in() ||
         access_mode_differs();
}

// The wait comes before the session's state, which may name what it brings (a schema, a collation); before
// the snapshot of a transaction; and before SET TRANSACTION, which holds for the very next one. User
// variables come before a PREPARE that is said again and may name them, and once more behind statements that
// may assign some that have changed since.
Prefix PrefixWriter::append() {
  const bool will_prepare_text = must_prepare_text();
  const bool will_prepare = command_.prepare != nullptr || must_prepare();
  if (connection_.state.needs_reset) begin_anew();
  if (will_prepare) make_room_for_statement();
  append_closes();
  append_former_last_insert_id();
  if (connection_.state.needs_reset) append_reset();
  if (option_differs()) append_option();
  if (ahead_.wait_for != nullptr) append_wait();
  if (variables_differ()) append_variables();
  if (schema_differs()) {
    append_schema(PrefixStep::kSchema, state_.schema);
    prefix_.must_succeed_first = true;
    count(ReplayedState::kSchema);
  }
  if (brings_user_variables()) {
    append_user_variables();
    count(ReplayedState::kVariables);
  }
  if (tells_writer_variables()) append_writer_variables();
  if (replays_statements()) append_replayed_statements();
  if (tells_last_insert_id()) append_last_insert_id();
  if (must_track_state_change()) step(PrefixStep::kTrackStateChange, "SET session_track_state_change=1");
  if (access_mode_differs()) append_access_mode();
  if (must_forget_transaction()) append_forget_transaction();
  if (checks_writer()) append_writer_check();
  append_next_transaction();
  if (ahead_.begin) append_begin();
  if (will_prepare_text) append_text_prepare();
  if (must_prepare()) append_prepare();
  if (needs_stand_in()) append_stand_in();
  return prefix_;
}

// What was prepared in the connection is not behind its reset.
void PrefixWriter::begin_anew() {
  connection_.prepared.incarnation = shard_.next_incarnation();
  connection_.prepared.count = 0;
  connection_.prepared.to_close.clear();
}

// One more statement is going to be prepared: another one may have to make room for it.
void PrefixWriter::make_room_for_statement() {
  if (connection_.prepared.count < PreparedStatements::kMaxPerConnection) return;
  PreparedThere* oldest = state_.prepared.least_recently_used(target_, connection_.prepared.incarnation);
  if (oldest == nullptr) return;
  connection_.prepared.to_close.push_back(oldest->id);
  --connection_.prepared.count;
  oldest->incarnation = 0;
  oldest->unlink();
}

// COM_STMT_CLOSE has no answer.
void PrefixWriter::append_closes() {
  protocol::Buffer& out = connection_.out;
  for (const uint32_t id : connection_.prepared.to_close) {
    const size_t start = protocol::begin_packet(out, 0);
    protocol::append_statement_command(out, Command::kStmtClose, id);
    protocol::finish_packet(out, start);
  }
  connection_.prepared.to_close.clear();
}

void PrefixWriter::append_former_last_insert_id() {
  if (connection_.state.former_last_insert_id == nullptr) return;
  step(PrefixStep::kFormerLastInsertId, "SELECT LAST_INSERT_ID() LIMIT 1");
}

// MariaDB's COM_RESET_CONNECTION takes away what CLIENT_IGNORE_SPACE has set in sql_mode (10.11); MySQL's
// does not (9.7).
bool PrefixWriter::forgets_ignore_space() const {
  return connection_.server.mariadb && !state_.was_reset &&
         protocol::has(connection_.capabilities, protocol::capability::kIgnoreSpace);
}

void PrefixWriter::append_reset() {
  step(PrefixStep::kReset, {}, Command::kResetConnection);
  sql_.clear();
  append_trackers_sql(sql_, connection_);
  if (!state_.handshake_collation_forgotten) {
    append_charsets_sql(sql_, connection_);
    count(ReplayedState::kCharacterSet);
  }
  if (forgets_ignore_space()) sql_.append(", sql_mode=CONCAT(@@sql_mode,',IGNORE_SPACE')");
  connection_.state.read_only_leg = false;
  if (access_mode_differs()) {
    sql_.append(", SESSION ").append(access_mode_variable(connection_)).append("=1");
    connection_.state.read_only_leg = true;
  }
  step(PrefixStep::kBaseline, sql_);
  connection_.state.applied_version = 0;
  connection_.state.user_variables_version = 0;
  connection_.state.holds_next_transaction = false;
  shard_.metrics().nodes[connection_.node].resets.add();
}

void PrefixWriter::append_option() {
  protocol::append_com_set_option(connection_.out, !connection_.state.multi_statements);
  prefix_.push_back(PrefixStep::kOption);
}

void PrefixWriter::append_wait() {
  sql_.clear();
  if (consistency::append_wait_statement(sql_, *ahead_.wait_for, ahead_.wait_timeout,
                                         shard_.cluster().wait_dialect(connection_.node)))
    step(PrefixStep::kWait, sql_);
}

void PrefixWriter::append_writer_check() {
  if (ahead_.settle_timeout.count() == 0)
    return step(PrefixStep::kWriterCheck, consistency::writer_check_statement());
  sql_.clear();
  consistency::append_writer_check(sql_, shard_.cluster().view().position_kind,
                                   shard_.cluster().wait_dialect(connection_.node), ahead_.settle_timeout);
  step(PrefixStep::kWriterCheck, sql_);
}

// The session's own transaction_read_only is among what is replayed.
bool PrefixWriter::replays_access_mode() const {
  return state_.variables.replays("transaction_read_only", connection_.state.applied_version) ||
         state_.variables.replays("tx_read_only", connection_.state.applied_version);
}

void PrefixWriter::append_variables() {
  sql_.clear();
  if (!state_.variables.append_replay_sql(sql_, connection_.state.applied_version)) {
    connection_.state.applied_version = state_.variables.version();
    return;
  }
  step(PrefixStep::kVariables, sql_);
  prefix_.must_succeed_first = true;
  if (replays_access_mode()) connection_.state.read_only_leg = false;
  count(ReplayedState::kVariables);
}

// The session's own, of which servers take what clients send to be; empty for the server's default.
std::string_view PrefixWriter::client_charset() const {
  if (const std::string* value = state_.variables.find("character_set_client"); value != nullptr)
    return *value;
  return state_.handshake_collation_forgotten
             ? std::string_view{}
             : std::string_view{connection_.server.baseline.character_set_client};
}

// COM_INIT_DB. Names are known in UTF-8, as servers report them, and sent in the client's character set.
void PrefixWriter::append_schema(PrefixStep schema_step, std::string_view schema) {
  const std::string_view charset = client_charset();
  const bool as_it_is = is_ascii(schema) || charset.starts_with("utf8");
  if (!as_it_is) step(PrefixStep::kSchemaCharset, "SET character_set_client=utf8mb4");
  step(schema_step, schema, Command::kInitDb);
  if (as_it_is) return;
  std::string sql = "SET character_set_client=";
  sql.append(charset.empty() ? std::string_view("DEFAULT") : charset);
  step(PrefixStep::kSchemaCharset, sql);
}

void PrefixWriter::append_user_variables() {
  step(PrefixStep::kUserVariables, state_.carried.assignments);
  prefix_.must_succeed_first = true;
}

void PrefixWriter::append_writer_variables() {
  step(PrefixStep::kWriterVariables, state_.carried.writer_variables.set_statement());
  prefix_.must_succeed_first = true;
  count(ReplayedState::kVariables);
}

void PrefixWriter::append_replayed_statements() {
  for (const std::string& statement : state_.carried.statements_to_replay)
    step(PrefixStep::kReplayedStatement, statement);
  if (brings_user_variables()) append_user_variables();
}

void PrefixWriter::append_last_insert_id() {
  sql_.assign("SET last_insert_id=").append(std::to_string(state_.last.insert_id->value));
  step(PrefixStep::kLastInsertId, sql_);
}

void PrefixWriter::append_access_mode() {
  const bool read_only = !connection_.state.read_only_leg || state_.transaction.read_only_variable();
  sql_.assign("SET SESSION ").append(access_mode_variable(connection_)).append(read_only ? "=1" : "=0");
  step(PrefixStep::kAccessMode, sql_);
}

void PrefixWriter::append_forget_transaction() {
  sql_.clear();
  append_forget_next_transaction_sql(sql_, state_.variables, connection_);
  step(PrefixStep::kForgetTransaction, sql_);
  connection_.state.holds_next_transaction = false;
}

routing::NextTransaction PrefixWriter::next_transaction() const {
  routing::NextTransaction next =
      ahead_.set_transaction ? state_.transaction.next() : routing::NextTransaction{};
  if (!on_replica()) return next;
  // READ ONLY stands for it: spent is spent, see settle_next_transaction().
  if (next.access == routing::AccessMode::kReadWrite) next.access = routing::AccessMode::kReadOnly;
  const bool in_transaction = state_.transaction.is_open() || ahead_.begin;
  if (ahead_.access == AccessOnReplica::kShown && !in_transaction)
    next.access = routing::AccessMode::kReadOnly;
  return next;
}

void PrefixWriter::append_next_transaction() {
  const routing::NextTransaction next = next_transaction();
  if (ahead_.track_next) {
    sql_.clear();
    append_track_next_transaction_sql(sql_, connection_);
    step(PrefixStep::kTrackTransaction, sql_);
    connection_.state.holds_next_transaction = true;
  }
  if (!next.any()) return;
  sql_.clear();
  routing::append_set_transaction(sql_, next);
  step(PrefixStep::kSetTransaction, sql_);
}

void PrefixWriter::append_begin() {
  step(PrefixStep::kBegin, state_.transaction.begin_sql());
  count(ReplayedState::kTransaction);
}

void PrefixWriter::append_former(const ParseContext& former) {
  if (other_schema(former)) append_schema(PrefixStep::kFormerSchema, former.schema);
  if (!is_read_otherwise(former, parse_context(state_))) return;
  sql_.clear();
  append_parse_variables_sql(sql_, former, connection_.server.baseline);
  step(PrefixStep::kFormerVariables, sql_);
}

void PrefixWriter::append_back(const ParseContext& former) {
  const ParseContext now = parse_context(state_);
  if (is_read_otherwise(former, now)) {
    sql_.clear();
    append_parse_variables_sql(sql_, now, connection_.server.baseline);
    step(PrefixStep::kVariablesBack, sql_);
  }
  if (other_schema(former) && !state_.schema.empty()) append_schema(PrefixStep::kSchema, state_.schema);
}

void PrefixWriter::append_text_prepare() {
  const TextPrepared& statement = *command_.text_execute;
  append_former(statement.context);
  step(PrefixStep::kTextPrepare, statement.prepare_sql);
  append_back(statement.context);
  prefix_.must_succeed_first = true;
  count(ReplayedState::kStatement);
}

// Its id is not known before the server has answered.
void PrefixWriter::append_prepare() {
  const PreparedStatement& statement = *command_.prepared->statement;
  append_former(statement.context);
  step(PrefixStep::kPrepare, statement.server_sql, Command::kStmtPrepare);
  append_back(statement.context);
  prefix_.must_succeed_first = true;
  count(ReplayedState::kStatement);
}

// COM_STMT_PREPARE clears the warnings only; a PING only counts no rows.
void PrefixWriter::append_stand_in() {
  const LocalAnswer& answer = state_.last.local;
  sql_.clear();
  append_stand_in_sql(sql_, answer, state_.lex_mode.no_backslash_escapes);
  if (!sql_.empty()) step(PrefixStep::kStandIn, sql_);
  if (answer.prepared) step(PrefixStep::kStandInPrepare, "DO 0", Command::kStmtPrepare);
  if (answer.pinged) step(PrefixStep::kStandInPing, {}, Command::kPing);
}

}  // namespace

void append_long_data_ahead(const PreparedCommand& prepared, const BackendConnection& connection,
                            Target target, protocol::Buffer& out) {
  const PreparedThere* there = prepared_there(prepared, connection, target);
  if (there != nullptr) append_long_data(out, *prepared.statement, there->id);
}

bool needs_prefix(SessionParts session, BackendConnection& connection, const ClientCommand& command,
                  const Ahead& ahead) {
  return PrefixWriter(session, connection, command, ahead).is_needed();
}

Prefix append_prefix(SessionParts session, BackendConnection& connection, const ClientCommand& command,
                     const Ahead& ahead) {
  return PrefixWriter(session, connection, command, ahead).append();
}

}  // namespace causeway::proxy
