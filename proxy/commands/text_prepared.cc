#include "proxy/commands/text_prepared.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/text.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/causeway_statements.h"
#include "proxy/commands/statement_dispatch.h"
#include "proxy/session/client_session.h"
#include "proxy/statement/statement_run.h"
#include "routing/classifier.h"
#include "routing/set_statement.h"
#include "routing/sql_literal.h"

namespace causeway::proxy {
namespace {

using routing::Action;
using routing::Statement;
using routing::StatementClass;

std::string key_of(const Statement& statement) {
  return protocol::ascii_lower(statement.name);
}

// On servers the statement stays until its name is used again or the connection is reset: nothing can execute
// it.
void forget(ClientSession& session, const std::string& key) {
  session.state.text_prepared.erase(key);
}

std::unique_ptr<TextPrepared> make_prepared(const ClientSession& session, const Statement& prepare) {
  auto prepared = std::make_unique<TextPrepared>();
  prepared->prepare_sql.assign(prepare.text);
  prepared->context = parse_context(session.state);
  routing::SqlLexer lexer(prepare.prepared_literal, session.state.lex_mode);
  prepared->sql = routing::unquote(lexer.next(), session.state.lex_mode);
  routing::Classified classified;
  routing::classify(prepared->sql, session.state.lex_mode, classified);
  prepared->statement = classified.statements.front();
  return prepared;
}

std::string prepare_of(std::string_view name, std::string_view sql, const routing::LexMode& mode) {
  std::string prepare = "PREPARE `";
  return prepare.append(name).append("` FROM ").append(routing::quoted(sql, mode));
}

// What stands in a PREPARE for a server instead of a text with Causeway's own variables: the one with their
// values of now.
struct OwnText {
  std::string prepare_sql;
  std::vector<NameAndValue> rows;  // see OwnStatement
};
Awaitable<OwnText> own_text(ClientSession& session, const TextPrepared& prepared, std::string_view name) {
  OwnStatement own = co_await apply_own_statement(session, prepared.statement);
  const std::string& sql = own.kind == OwnStatement::Kind::kRewritten ? own.sql : prepared.sql;
  OwnText text;
  text.prepare_sql = prepare_of(name, sql, session.state.lex_mode);
  text.rows = std::move(own.rows);
  co_return text;
}

bool is_own_set(const TextPrepared& prepared) {
  return prepared.statement.cls == StatementClass::kSet && is_own_statement(prepared.statement);
}

// A SET with Causeway's variables: what is left of it goes to a server as it is.
Awaitable<RunOutcome> execute_own_set(ClientSession& session, const ClientCommand& command,
                                      const TextPrepared& prepared) {
  OwnStatement own = co_await apply_own_statement(session, prepared.statement);
  if (own.kind == OwnStatement::Kind::kError)
    co_return co_await local_error(session, command.place, own.error);
  if (own.kind == OwnStatement::Kind::kOk)
    co_return co_await local_ok(session, prepared.statement, command.place);
  routing::Classified rewritten;
  routing::classify(own.sql, session.state.lex_mode, rewritten);
  protocol::Buffer wire;
  make_query_packet(session, own.sql, wire);
  ClientCommand rest = command;
  rest.statement = &rewritten.statements.front();
  rest.packets = wire;
  const RunOutcome outcome = co_await dispatch_statement(session, rest);
  co_return outcome;
}

Awaitable<RunOutcome> prepare(ClientSession& session, const ClientCommand& command) {
  const Statement& statement = *command.statement;
  const std::string key = key_of(statement);
  forget(session, key);
  if (session.state.text_prepared.size() >= kMaxTextPrepared) {
    const ClientError error = too_many_prepared_statements(kMaxTextPrepared);
    co_return co_await local_error(session, command.place, error);
  }
  std::unique_ptr<TextPrepared> prepared = make_prepared(session, statement);
  const routing::Decision decision = where_to_prepare(session, prepared->statement);
  if (decision.action == Action::kReject) {
    session.shard.metrics().count(StatementTarget::kRejected, statement_kind(statement.cls));
    const ClientError error = not_supported_with_forwarding(decision.operation);
    co_return co_await local_error(session, command.place, error);
  }
  if (is_own_set(*prepared)) {
    session.state.text_prepared.insert_or_assign(key, std::move(prepared));
    co_return co_await local_ok(session, statement, command.place, SessionChange::kOther);
  }
  ClientCommand rewritten = command;
  protocol::Buffer wire;
  if (is_own_statement(prepared->statement)) {
    OwnText text = co_await own_text(session, *prepared, statement.name);
    prepared->prepare_sql = std::move(text.prepare_sql);
    make_query_packet(session, prepared->prepare_sql, wire);
    rewritten.packets = wire;
  } else if (prepared->statement.set.needs_reported_form) {
    prepared->prepare_sql =
        prepare_of(statement.name, routing::reported_form(prepared->sql, session.state.lex_mode),
                   session.state.lex_mode);
    make_query_packet(session, prepared->prepare_sql, wire);
    rewritten.packets = wire;
  }
  rewritten.text_prepare = prepared.get();
  rewritten.auxiliary = true;
  if (session.state.transaction.begin_deferred()) rewritten.add_status = protocol::status::kInTransaction;
  if (session.state.transaction.deferred_read_only())
    rewritten.add_status |= protocol::status::kInTransactionReadonly;
  const RunOutcome outcome = co_await run_statement(session, rewritten, decision);
  if (!outcome.is_error) session.state.text_prepared.insert_or_assign(key, std::move(prepared));
  co_return outcome;
}

Awaitable<RunOutcome> unknown(ClientSession& session, const ClientCommand& command, std::string_view where) {
  const ClientError error = unknown_prepared_statement(command.statement->name, where);
  co_return co_await local_error(session, command.place, error);
}

}  // namespace

Awaitable<RunOutcome> run_text_prepared(ClientSession& session, const ClientCommand& command) {
  const Statement& statement = *command.statement;
  ClientCommand as_it_is = command;
  as_it_is.as_it_is = true;
  if (statement.cls == StatementClass::kPrepare && !statement.prepared_literal.empty())
    co_return co_await prepare(session, command);
  const std::string key = key_of(statement);
  if (statement.cls == StatementClass::kPrepare) {
    forget(session, key);
    co_return co_await dispatch_statement(session, as_it_is);
  }
  const auto found = session.state.text_prepared.find(key);
  if (found == session.state.text_prepared.end()) {
    // Of PREPARE ... FROM @variable only the server knows.
    const bool may_be_on_server =
        session.state.pins.prepared_text || session.state.pins.untrackable || session.state.pins.unreported;
    if (may_be_on_server) co_return co_await dispatch_statement(session, as_it_is);
    const bool execute = statement.cls == StatementClass::kExecute;
    co_return co_await unknown(session, command, execute ? "EXECUTE" : "DEALLOCATE PREPARE");
  }
  if (statement.cls == StatementClass::kDeallocate) {
    forget(session, key);
    co_return co_await local_ok(session, statement, command.place, SessionChange::kOther);
  }
  TextPrepared& prepared = *found->second;
  if (is_own_set(prepared)) co_return co_await execute_own_set(session, command, prepared);
  OwnText own;
  if (is_own_statement(prepared.statement)) {
    own = co_await own_text(session, prepared, statement.name);
    if (own.prepare_sql != prepared.prepare_sql) prepared.incarnations = {};
    prepared.prepare_sql = std::move(own.prepare_sql);
    if (!own.rows.empty()) as_it_is.extra_rows = &own.rows;
  }
  Statement executed = prepared.statement;
  executed.mentions |= statement.mentions;
  executed.hints = statement.hints;
  as_it_is.statement = &executed;
  as_it_is.text_execute = &prepared;
  as_it_is.execute_text = statement.text;
  const RunOutcome outcome = co_await dispatch_statement(session, as_it_is);
  co_return outcome;
}

}  // namespace causeway::proxy
