#include "proxy/commands/statement_commands.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "protocol/com_stmt.h"
#include "protocol/com_stmt_execute.h"
#include "protocol/command.h"
#include "protocol/eof_packet.h"
#include "protocol/packet_header.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/causeway_statements.h"
#include "proxy/commands/query_commands.h"
#include "proxy/commands/statement_dispatch.h"
#include "proxy/session/local_answers.h"
#include "proxy/statement/statement_run.h"
#include "routing/classifier.h"
#include "routing/hints.h"
#include "routing/set_statement.h"
#include "routing/sql_literal.h"

namespace causeway::proxy {
namespace {

using protocol::Bytes;
using protocol::Command;
using routing::Action;
using routing::Decision;
using routing::StatementClass;
using routing::Target;

// MariaDB's id of the statement prepared last is none for MySQL.
PreparedStatement* find_statement(ClientSession& session, uint32_t id) {
  const bool mysql = session.shard.cluster().view().flavor == ServerFlavor::kMysql;
  return mysql && id == protocol::kMariadbLastStatementId ? nullptr : session.state.prepared.find(id);
}

Awaitable<bool> unknown_statement(ClientSession& session, uint8_t sequence_id, uint32_t id,
                                  std::string_view function) {
  const bool mysql = session.shard.cluster().view().flavor == ServerFlavor::kMysql;
  const ClientError error =
      unknown_prepared_statement(std::to_string(id), mysql ? "mysql_stmt_precheck" : function);
  const bool sent = co_await answer_error(session, sequence_id, error);
  co_return sent;
}

routing::SqlLexer lexer_of(const ClientSession& session, std::string_view sql) {
  return {sql, session.state.lex_mode};
}

// A parameter as an SQL literal; nothing for a type that Causeway's own variables never have.
std::optional<std::string> literal(const protocol::ExecuteParameter& parameter) {
  if (parameter.is_long_data) return std::nullopt;
  if (parameter.is_null) return std::string("NULL");
  if (const auto text = parameter.text()) {
    // Doubled quotes mean the same in every sql_mode; a backslash does not.
    if (text->find('\\') != std::string_view::npos) return std::nullopt;
    return routing::quoted(*text, routing::LexMode());
  }
  if (parameter.value.empty() || parameter.value.size() > sizeof(uint64_t)) return std::nullopt;
  switch (parameter.type.type()) {
    case protocol::FieldType::kTiny:
    case protocol::FieldType::kShort:
    case protocol::FieldType::kLong:
    case protocol::FieldType::kLongLong:
      break;
    default:
      return std::nullopt;
  }
  uint64_t value = 0;
  for (size_t i = 0; i < parameter.value.size(); ++i)
    value |= uint64_t{parameter.value[i]} << (8 * i);
  const unsigned unused_bits = 64 - 8 * static_cast<unsigned>(parameter.value.size());
  if (parameter.type.is_unsigned()) return std::to_string(value);
  return std::to_string(static_cast<int64_t>(value << unused_bits) >> unused_bits);
}

// The text with the parameters' values in the places of the question marks.
std::optional<std::string> with_literals(const ClientSession& session, std::string_view sql,
                                         const protocol::ComStmtExecute& execute) {
  std::string out;
  routing::SqlLexer lexer = lexer_of(session, sql);
  protocol::ExecuteParameterReader parameters(execute);
  size_t copied = 0;
  for (routing::Token token = lexer.next(); token.kind != routing::TokenKind::kEnd; token = lexer.next()) {
    if (token.kind != routing::TokenKind::kPlaceholder) continue;
    const auto parameter = parameters.next();
    if (!parameter) return std::nullopt;
    const auto text = literal(*parameter);
    if (!text) return std::nullopt;
    const auto at = static_cast<size_t>(token.text.data() - sql.data());
    out.append(sql.substr(copied, at - copied)).append(*text);
    copied = at + token.text.size();
  }
  return out.append(sql.substr(copied));
}

// The answer to COM_STMT_PREPARE of a statement that no server gets to see: parameters, no columns.
Awaitable<bool> answer_prepared(ClientSession& session, const PreparedStatement& statement,
                                uint8_t sequence_id) {
  protocol::Buffer& out = session.client.answer;
  out.clear();
  const size_t start = protocol::begin_packet(out, sequence_id++);
  const protocol::StmtPrepareOk ok{.statement_id = statement.id, .parameters = statement.parameters};
  protocol::append_stmt_prepare_ok(out, ok, session.client.capabilities);
  protocol::finish_packet(out, start);
  for (uint16_t i = 0; i < statement.parameters; ++i)
    protocol::append_column_definition(out, {.name = "?"}, sequence_id++, session.client.capabilities);
  const bool with_eof = !protocol::has(session.client.capabilities, protocol::capability::kDeprecateEof);
  if (with_eof && statement.parameters > 0)
    protocol::append_eof_packet(out, {.warnings = 0, .status_flags = local_status(session.state)},
                                sequence_id);
  ErrorCode error;
  co_await session.client.stream.write_all(out, {}, error);
  session.state.last.local.prepared = true;
  co_return !error;
}

void classify_prepared(ClientSession& session, PreparedStatement& prepared) {
  routing::classify(prepared.client_sql, session.state.lex_mode, session.reused.classified);
  prepared.statement = session.reused.classified.statements.front();
  // Several at once cannot be prepared: the server says so.
  if (session.reused.classified.multi)
    prepared.statement = routing::Statement{.cls = StatementClass::kUnknown};
}

// By Causeway alone: SETs of its own variables, and SHOW PROCESSLIST.
bool is_prepared_here(const routing::Statement& statement) {
  return is_own_statement(statement) ? statement.cls == StatementClass::kSet : statement.shows.processlist;
}

// Before it is looked at.
std::optional<ClientError> refusal_to_prepare(ClientSession& session) {
  const uint32_t limit = session.shard.config().limits.max_prepared_statements;
  if (session.state.prepared.size() >= limit) return too_many_prepared_statements(limit);
  return take_pending_error(session);
}

// By what it would be refused for if it were run: servers look at that when they prepare, too.
std::optional<ClientError> refusal_of_prepared(const ClientSession& session,
                                               const routing::Statement& statement, const Decision& where) {
  const Decision to_run =
      routing::decide(statement, session_view(session), routing_policy(session.listener.statements));
  if (to_run.action == Action::kReadOnlyTransactionError)
    return read_only_transaction(session.shard.cluster().view().flavor);
  if (where.action == Action::kReject) return not_supported_with_forwarding(where.operation);
  return std::nullopt;
}

// Makes the text for servers. Whether it is another than the client's.
Awaitable<bool> make_server_sql(ClientSession& session, PreparedStatement& prepared) {
  prepared.server_sql = prepared.client_sql;
  if (is_own_statement(prepared.statement)) {
    const OwnStatement as_now = co_await apply_own_statement(session, prepared.statement);
    if (as_now.kind == OwnStatement::Kind::kRewritten) prepared.server_sql = as_now.sql;
    co_return true;
  }
  if (!prepared.statement.set.needs_reported_form) co_return false;
  prepared.server_sql = routing::reported_form(prepared.client_sql, session.state.lex_mode);
  co_return true;
}

Awaitable<bool> prepare(ClientSession& session, Bytes payload, Bytes wire) {
  const AnswerPlace place{.sequence_id = protocol::count_packets(wire)};
  session.state.prepared.forget_last();
  if (const auto refusal = refusal_to_prepare(session)) {
    const bool sent = co_await answer_error(session, place.sequence_id, *refusal);
    co_return sent;
  }
  std::unique_ptr<PreparedStatement> prepared = session.state.prepared.make();
  prepared->client_sql.assign(protocol::as_text(payload.subspan(1)));
  prepared->context = parse_context(session.state);
  classify_prepared(session, *prepared);
  const routing::Statement& statement = prepared->statement;
  if (is_prepared_here(statement)) {
    prepared->parameters = static_cast<uint16_t>(statement.placeholders);
    const bool sent = co_await answer_prepared(session, *prepared, place.sequence_id);
    session.state.prepared.keep(std::move(prepared));
    co_return sent;
  }
  const Decision decision = where_to_prepare(session, statement);
  if (const auto refusal = refusal_of_prepared(session, statement, decision)) {
    const bool sent = co_await answer_error(session, place.sequence_id, *refusal);
    co_return sent;
  }
  const bool is_rewritten = co_await make_server_sql(session, *prepared);
  protocol::Buffer rewritten;
  if (is_rewritten) {
    protocol::Buffer command;
    protocol::ByteWriter writer(command);
    writer.int1(static_cast<uint8_t>(Command::kStmtPrepare));
    writer.text(prepared->server_sql);
    protocol::append_packets(rewritten, command, 0);
  }
  routing::Statement preparing;
  preparing.cls = StatementClass::kRead;
  preparing.hints = statement.hints;
  const ClientCommand command{.statement = &preparing,
                              .packets = is_rewritten ? Bytes(rewritten) : wire,
                              .kind = protocol::ResponseKind::kPrepare,
                              .place = place,
                              .prepare = prepared.get(),
                              .auxiliary = true};
  const RunOutcome outcome = co_await run_statement(session, command, decision);
  const bool is_somewhere =
      std::ranges::any_of(prepared->there, [](const PreparedThere& there) { return there.incarnation != 0; });
  if (is_somewhere && !outcome.is_error && !outcome.close) session.state.prepared.keep(std::move(prepared));
  co_return !outcome.close;
}

void close_on_servers(ClientSession& session, PreparedStatement& statement) {
  for (const Target target : {Target::kWriter, Target::kReplica}) {
    const BackendLease& lease =
        target == Target::kWriter ? session.backends.writer : session.backends.replica;
    PreparedThere& there = statement.there[PreparedStatements::side(target)];
    if (lease && !lease.connection->state.needs_reset &&
        lease.connection->prepared.incarnation == there.incarnation) {
      lease.connection->prepared.to_close.push_back(there.id);
      --lease.connection->prepared.count;
    }
    there.incarnation = 0;
    there.unlink();
  }
}

void close(ClientSession& session, Bytes payload) {
  const auto id = protocol::parse_statement_id(payload);
  PreparedStatement* statement = id ? find_statement(session, *id) : nullptr;
  if (statement == nullptr) return;
  close_on_servers(session, *statement);
  session.state.prepared.erase(*statement);
}

void send_long_data(ClientSession& session, Bytes payload) {
  const auto long_data = protocol::parse_com_stmt_send_long_data(payload);
  PreparedStatement* statement = long_data ? find_statement(session, long_data->statement_id) : nullptr;
  if (statement == nullptr || long_data->parameter >= statement->parameters) return;
  const size_t most = session.shard.config().limits.max_packet_bytes;
  statement->long_data_bytes += long_data->data.size();
  if (statement->long_data_bytes > most) {
    statement->long_data_too_long = true;
    statement->long_data.clear();
    return;
  }
  protocol::mark_long_data(statement->long_data_parameters, long_data->parameter);
  if (statement->long_data.empty() || statement->long_data.back().parameter != long_data->parameter)
    statement->long_data.push_back({.parameter = long_data->parameter, .bytes = {}});
  protocol::Buffer& bytes = statement->long_data.back().bytes;
  bytes.insert(bytes.end(), long_data->data.begin(), long_data->data.end());
}

protocol::StatementParameters parameters_of(const PreparedStatement& statement) {
  return {
      .count = statement.parameters, .types = statement.types, .long_data = statement.long_data_parameters};
}

// The types that are remembered hold for both connections.
void take_types(PreparedStatement& statement, bool has_types) {
  if (!has_types) return;
  for (PreparedThere& there : statement.there)
    there.knows_types = false;
}

void apply_hints(const protocol::ComStmtExecute& execute, routing::Hints& hints) {
  if (execute.attribute_count() == 0) return;
  for (const std::string_view name : routing::kHintAttributes) {
    if (const auto value = execute.attribute(name)) routing::apply_attribute(hints, name, *value);
  }
}

// A SET of Causeway's own variables: as text, with the values of the parameters.
Awaitable<bool> execute_own_set(ClientSession& session, const PreparedStatement& statement,
                                const protocol::ComStmtExecute& execute, AnswerPlace place) {
  const auto sql = with_literals(session, statement.client_sql, execute);
  if (!sql) {
    const ClientError error = wrong_arguments("EXECUTE");
    co_return co_await answer_error(session, place.sequence_id, error);
  }
  const bool open = co_await run_own_text(session, *sql, place.sequence_id);
  co_return open;
}

// KILL ?: of one of Causeway's sessions, whose number is the parameter's.
Awaitable<bool> execute_kill(ClientSession& session, PreparedStatement& statement,
                             const protocol::ComStmtExecute& execute, AnswerPlace place) {
  const auto sql = with_literals(session, statement.client_sql, execute);
  drop_long_data(statement);
  if (!sql) {
    const ClientError error = wrong_arguments("KILL");
    co_return co_await answer_error(session, place.sequence_id, error);
  }
  routing::Classified classified;
  routing::classify(*sql, session.state.lex_mode, classified);
  const ClientCommand command{.statement = &classified.statements.front(), .place = place};
  const RunOutcome outcome = co_await dispatch_statement(session, command);
  co_return !outcome.close;
}

// A statement that reads Causeway's variables is prepared with their values of now.
Awaitable<std::vector<NameAndValue>> refresh_own(ClientSession& session, PreparedStatement& statement) {
  OwnStatement own = co_await apply_own_statement(session, statement.statement);
  const std::string& sql = own.kind == OwnStatement::Kind::kRewritten ? own.sql : statement.client_sql;
  if (sql != statement.server_sql) {
    close_on_servers(session, statement);
    statement.server_sql = sql;
  }
  co_return std::move(own.rows);
}

Awaitable<bool> run_prepared(ClientSession& session, PreparedCommand command, AnswerPlace place) {
  PreparedStatement& prepared = *command.statement;
  session.activity.statement_text = prepared.client_sql;
  routing::Statement statement = prepared.statement;
  if (command.execute != nullptr) apply_hints(*command.execute, statement.hints);
  std::vector<NameAndValue> rows;
  if (is_own_statement(statement)) rows = co_await refresh_own(session, prepared);
  // No server opens one for a CALL.
  const bool with_cursor =
      command.execute != nullptr && command.execute->asks_for_cursor() && !statement.calls_procedure;
  const ClientCommand to_run{
      .statement = &statement,
      .packets = command.wire,
      .kind = with_cursor ? protocol::ResponseKind::kExecuteWithCursor : protocol::ResponseKind::kExecute,
      .place = place,
      .extra_rows = rows.empty() ? nullptr : &rows,
      .prepared = &command};
  const RunOutcome outcome = co_await dispatch_statement(session, to_run);
  drop_long_data(prepared);
  co_return !outcome.close;
}

Awaitable<bool> execute(ClientSession& session, Bytes payload, std::span<uint8_t> wire) {
  const AnswerPlace place{.sequence_id = protocol::count_packets(wire)};
  const auto id = protocol::parse_statement_id(payload);
  PreparedStatement* statement = id ? find_statement(session, *id) : nullptr;
  if (statement == nullptr) {
    const bool sent =
        co_await unknown_statement(session, place.sequence_id, id ? *id : 0, "mysqld_stmt_execute");
    co_return sent;
  }
  const auto parsed =
      protocol::parse_com_stmt_execute(payload, parameters_of(*statement), session.client.capabilities);
  if (!parsed || statement->long_data_too_long) {
    drop_long_data(*statement);
    const bool mysql = session.shard.cluster().view().flavor == ServerFlavor::kMysql;
    const bool with_attributes =
        protocol::has(session.client.capabilities, protocol::capability::kQueryAttributes);
    const ClientError of_packet = mysql && !with_attributes ? malformed_packet()
                                  : mysql                   ? wrong_arguments("COM_STMT_EXECUTE")
                                                            : wrong_arguments("mysqld_stmt_execute");
    const ClientError error = parsed ? long_data_too_long() : of_packet;
    const bool sent = co_await answer_error(session, place.sequence_id, error);
    co_return sent;
  }
  // Views of `parsed` point into the types of before until then.
  std::vector<protocol::ParameterType> types = statement->types;
  protocol::remember_types(*parsed, types);
  take_types(*statement, parsed->has_types);
  protocol::ComStmtExecute execute = *parsed;
  statement->types = std::move(types);
  execute.statement.types = statement->types;
  if (statement->statement.cls == StatementClass::kSet && is_own_statement(statement->statement)) {
    const bool open = co_await execute_own_set(session, *statement, execute, place);
    co_return open;
  }
  if (statement->statement.cls == StatementClass::kKill) {
    const bool open = co_await execute_kill(session, *statement, execute, place);
    co_return open;
  }
  const PreparedCommand command{.statement = statement, .wire = wire, .execute = &execute};
  const bool open = co_await run_prepared(session, command, place);
  co_return open;
}

Awaitable<bool> bulk_execute(ClientSession& session, Bytes payload, std::span<uint8_t> wire) {
  const AnswerPlace place{.sequence_id = protocol::count_packets(wire)};
  const auto id = protocol::parse_statement_id(payload);
  PreparedStatement* statement = id ? find_statement(session, *id) : nullptr;
  if (statement == nullptr) {
    const bool sent =
        co_await unknown_statement(session, place.sequence_id, id ? *id : 0, "mysqld_stmt_execute");
    co_return sent;
  }
  const auto parsed = protocol::parse_com_stmt_bulk_execute(payload, statement->parameters);
  if (!parsed) {
    const ClientError error = wrong_arguments("mysqld_stmt_bulk_execute");
    const bool sent = co_await answer_error(session, place.sequence_id, error);
    co_return sent;
  }
  protocol::remember_types(*parsed, statement->types);
  take_types(*statement, parsed->has_types());
  const PreparedCommand command{.statement = statement, .wire = wire, .bulk = &*parsed};
  const bool open = co_await run_prepared(session, command, place);
  co_return open;
}

// COM_STMT_FETCH and COM_STMT_RESET of an open cursor: on the connection where it is.
Awaitable<bool> run_on_cursor(ClientSession& session, PreparedStatement& prepared, std::span<uint8_t> wire,
                              protocol::ResponseKind kind) {
  const PreparedCommand command{.statement = &prepared, .wire = wire};
  routing::Statement statement;
  statement.cls = StatementClass::kRead;
  const ClientCommand to_run{.statement = &statement,
                             .packets = wire,
                             .kind = kind,
                             .place = {.sequence_id = protocol::count_packets(wire)},
                             .prepared = &command,
                             .auxiliary = true};
  const Decision decision{.action = Action::kRun, .target = prepared.cursor, .reason = "cursor"};
  const RunOutcome outcome = co_await run_statement(session, to_run, decision);
  co_return !outcome.close;
}

Awaitable<bool> fetch(ClientSession& session, Bytes payload, std::span<uint8_t> wire) {
  const auto parsed = protocol::parse_com_stmt_fetch(payload);
  PreparedStatement* statement = parsed ? find_statement(session, parsed->statement_id) : nullptr;
  if (statement == nullptr) {
    const bool sent =
        co_await unknown_statement(session, 1, parsed ? parsed->statement_id : 0, "mysqld_stmt_fetch");
    co_return sent;
  }
  if (statement->cursor == Target::kNone) {
    const bool mysql = session.shard.cluster().view().flavor == ServerFlavor::kMysql;
    const ClientError error = no_open_cursor(parsed->statement_id, mysql);
    const bool sent = co_await answer_error(session, 1, error);
    co_return sent;
  }
  const bool open = co_await run_on_cursor(session, *statement, wire, protocol::ResponseKind::kFetch);
  co_return open;
}

Awaitable<bool> reset(ClientSession& session, Bytes payload, std::span<uint8_t> wire) {
  const auto id = protocol::parse_statement_id(payload);
  PreparedStatement* statement = id ? find_statement(session, *id) : nullptr;
  if (statement == nullptr) {
    const bool sent = co_await unknown_statement(session, 1, id ? *id : 0, "mysqld_stmt_reset");
    co_return sent;
  }
  drop_long_data(*statement);
  if (statement->cursor == Target::kNone) {
    const bool sent = co_await answer_ok(session, 1);
    co_return sent;
  }
  const bool open = co_await run_on_cursor(session, *statement, wire, protocol::ResponseKind::kOk);
  co_return open;
}

Awaitable<bool> go_on() {
  co_return true;
}

}  // namespace

bool is_statement_command(Command command) {
  switch (command) {
    case Command::kStmtPrepare:
    case Command::kStmtExecute:
    case Command::kStmtSendLongData:
    case Command::kStmtClose:
    case Command::kStmtReset:
    case Command::kStmtFetch:
    case Command::kMariadbStmtBulkExecute:
      return true;
    default:
      return false;
  }
}

Awaitable<bool> run_statement_command(ClientSession& session, Bytes payload, std::span<uint8_t> wire) {
  switch (static_cast<Command>(payload[0])) {
    case Command::kStmtPrepare:
      return prepare(session, payload, wire);
    case Command::kStmtExecute:
      return execute(session, payload, wire);
    case Command::kMariadbStmtBulkExecute:
      return bulk_execute(session, payload, wire);
    case Command::kStmtFetch:
      return fetch(session, payload, wire);
    case Command::kStmtReset:
      return reset(session, payload, wire);
    case Command::kStmtSendLongData:
      send_long_data(session, payload);
      return go_on();
    default:
      close(session, payload);
      return go_on();
  }
}

}  // namespace causeway::proxy
