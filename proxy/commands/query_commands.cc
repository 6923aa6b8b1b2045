#include "proxy/commands/query_commands.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/com_query.h"
#include "protocol/command.h"
#include "protocol/packet_header.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/causeway_statements.h"
#include "proxy/commands/statement_dispatch.h"
#include "proxy/session/local_answers.h"
#include "proxy/statement/carried_variables.h"
#include "proxy/statement/next_transaction.h"
#include "routing/causeway_variables.h"
#include "routing/hints.h"
#include "routing/statement_effects.h"

namespace causeway::proxy {
namespace {

using protocol::Bytes;
using routing::Action;
using routing::Decision;
using routing::Statement;
using routing::StatementClass;
using routing::Target;

void apply_hints(const protocol::ComQuery& query, routing::Hints& hints) {
  protocol::QueryAttributeReader reader = query.attributes;
  while (const auto attribute = reader.next()) {
    const auto value = attribute->is_null ? std::nullopt : query.attribute(attribute->name);
    if (value) routing::apply_attribute(hints, attribute->name, *value);
  }
}

// One statement; `wire` is the packet to send on if it runs on a server.
Awaitable<RunOutcome> run_one(ClientSession& session, const Statement& statement, Bytes wire,
                              AnswerPlace place, const std::vector<NameAndValue>* extra_rows = nullptr) {
  const ClientCommand command{
      .statement = &statement, .packets = wire, .place = place, .extra_rows = extra_rows};
  const RunOutcome outcome = co_await dispatch_statement(session, command);
  co_return outcome;
}

// A statement with one of Causeway's own variables, or SHOW of them: answered here, or rewritten and run.
Awaitable<RunOutcome> run_own(ClientSession& session, const Statement& statement, AnswerPlace place) {
  OwnStatement own = co_await apply_own_statement(session, statement);
  switch (own.kind) {
    case OwnStatement::Kind::kOk:
      co_return co_await local_ok(session, statement, place);
    case OwnStatement::Kind::kError:
      co_return co_await local_error(session, place, std::move(own.error));
    case OwnStatement::Kind::kRows: {
      session.shard.metrics().count(StatementTarget::kLocal, statement_kind(statement.cls));
      const auto next_sequence_id =
          co_await answer_name_value_rows(session, place.sequence_id, own.rows, place.more_results_follow);
      co_return RunOutcome{.close = !next_sequence_id,
                           .next_sequence_id = next_sequence_id.value_or(place.sequence_id)};
    }
    case OwnStatement::Kind::kRewritten:
      break;
  }
  routing::Classified rewritten;
  routing::classify(own.sql, session.state.lex_mode, rewritten);
  protocol::Buffer wire;
  make_query_packet(session, own.sql, wire);
  const std::vector<NameAndValue>* extra_rows = own.rows.empty() ? nullptr : &own.rows;
  const RunOutcome outcome = co_await run_one(session, rewritten.statements.front(), wire, place, extra_rows);
  co_return outcome;
}

// Several statements that all just run on the writer go there as they came. What a replica refuses of one has
// to be run on the writer, which is too late where the answer to another has gone out.
std::optional<Decision> common_decision(ClientSession& session) {
  const routing::SessionView view = session_view(session);
  const routing::RoutingPolicy policy = routing_policy(session.listener.statements);
  Decision common{.action = Action::kRun, .target = Target::kReplica, .reason = "several statements"};
  for (const Statement& statement : session.reused.classified.statements) {
    // What it sets is set for itself alone.
    if (statement.set.for_one_statement) return std::nullopt;
    const bool answered_here = is_own_statement(statement) || statement.shows.processlist ||
                               statement.mentions.kill || !statement.prepared_literal.empty();
    if (answered_here) return std::nullopt;
    const Decision decision = routing::decide(statement, view, policy);
    const bool plain = statement.cls == StatementClass::kRead || statement.cls == StatementClass::kDml ||
                       statement.cls == StatementClass::kLockingRead;
    const bool apart = decision.beside_transaction || decision.takes_transaction_along;
    if (decision.action != Action::kRun || !plain || apart) return std::nullopt;
    if (decision.target == Target::kWriter) common.target = Target::kWriter;
  }
  if (common.target == Target::kReplica) return std::nullopt;
  return common;
}

// Servers take an empty statement for a syntax error where others follow, and quote them: this one's text and
// theirs.
std::string_view with_those_behind(const Statement& empty, const Statement& last) {
  return {empty.text.data(), static_cast<size_t>(last.text.data() + last.text.size() - empty.text.data())};
}

// Two hyphens begin a comment at the end of a text, but not ahead of a `;`: there they are a syntax error.
bool ends_with_hyphens(const Statement& statement, bool followed) {
  return followed && statement.text.ends_with("--") && statement.text.data()[statement.text.size()] == ';';
}

// One by one: the first error ends it, as on a server.
Awaitable<RunOutcome> run_each(ClientSession& session, AnswerPlace place) {
  const routing::Classified classified = session.reused.classified;
  const size_t count = classified.statements.size();
  const bool more_behind = place.more_results_follow;
  RunOutcome outcome{.next_sequence_id = place.sequence_id};
  for (size_t i = 0; i < count && !outcome.close && !outcome.is_error; ++i) {
    const Statement& statement = classified.statements[i];
    place.sequence_id = outcome.next_sequence_id;
    place.more_results_follow = more_behind || i + 1 < count;
    if (is_own_statement(statement)) {
      outcome = co_await run_own(session, statement, place);
      continue;
    }
    protocol::Buffer wire;
    const bool followed = i + 1 < count;
    const bool is_empty = statement.cls == StatementClass::kEmpty && place.more_results_follow;
    const bool refused = is_empty || ends_with_hyphens(statement, followed);
    make_query_packet(
        session, refused ? with_those_behind(statement, classified.statements[count - 1]) : statement.text,
        wire);
    outcome = co_await run_one(session, statement, wire, place);
  }
  co_return outcome;
}

// Those that the session's `classified` holds; `wire` is the packet of all of them.
Awaitable<RunOutcome> run_together(ClientSession& session, Bytes wire, AnswerPlace place) {
  if (session.state.transaction.next_sent_to() != Target::kNone) co_await settle_next_transaction(session);
  const std::optional<Decision> decision = common_decision(session);
  const bool each = !decision || session.state.transaction.was_idle_for_too_long() ||
                    !session.state.carried.replica_variables.empty();
  if (each) co_return co_await run_each(session, place);
  if (!session.state.carried.unreported_calls.empty()) co_await ask_for_unreported_state(session);
  for (const Statement& statement : session.reused.classified.statements)
    co_await bring_what_functions_left(session, statement, {});
  const Statement together = routing::together(session.reused.classified.statements.view());
  const ClientCommand command{.statement = &together, .packets = wire, .place = place, .several = true};
  const RunOutcome outcome = co_await run_statement(session, command, *decision);
  co_return outcome;
}

// As they came, if they are not too many to be looked at together; else piece by piece.
Awaitable<bool> run_several(ClientSession& session, std::string_view text, Bytes wire) {
  AnswerPlace place{.sequence_id = protocol::count_packets(wire)};
  protocol::Buffer piece;
  for (;;) {
    const std::string_view rest = session.reused.classified.rest;
    place.more_results_follow = !rest.empty();
    Bytes packet = wire;
    if (text.data() != session.activity.statement_text.data() || !rest.empty()) {
      const size_t bytes = rest.empty() ? text.size() : static_cast<size_t>(rest.data() - text.data()) - 1;
      make_query_packet(session, text.substr(0, bytes), piece);
      packet = piece;
    }
    const RunOutcome outcome = co_await run_together(session, packet, place);
    if (outcome.close || outcome.is_error || rest.empty()) co_return !outcome.close;
    place.sequence_id = outcome.next_sequence_id;
    text = rest;
    routing::classify(text, session.state.lex_mode, session.reused.classified);
  }
}

}  // namespace

Awaitable<bool> run_query(ClientSession& session, Bytes payload, Bytes wire) {
  const auto query = protocol::parse_com_query(payload.subspan(1), session.client.capabilities);
  if (!query) {
    const bool sent = co_await answer_error(session, 1, malformed_packet());
    co_return sent;
  }
  session.activity.statement_text = query->text;
  routing::classify(query->text, session.state.lex_mode, session.reused.classified);
  const bool may_be_several =
      protocol::has(session.client.capabilities, protocol::capability::kMultiStatements);
  if (session.reused.classified.multi && may_be_several) {
    const bool open = co_await run_several(session, query->text, wire);
    co_return open;
  }
  Statement statement = session.reused.classified.statements.front();
  if (session.reused.classified.multi) {
    // The client may not send several: a server refuses all of it, and none of the first one's treatment
    // applies.
    statement = Statement{};
    statement.cls = StatementClass::kUnknown;
    statement.text = query->text;
  }
  if (query->attribute_count > 0) apply_hints(*query, statement.hints);
  const AnswerPlace place{.sequence_id = protocol::count_packets(wire)};
  RunOutcome outcome;
  if (is_own_statement(statement) && !session.state.transaction.was_idle_for_too_long()) {
    outcome = co_await run_own(session, statement, place);
  } else {
    outcome = co_await run_one(session, statement, wire, place);
  }
  co_return !outcome.close;
}

Awaitable<bool> run_own_text(ClientSession& session, const std::string& sql, uint8_t first_sequence_id) {
  routing::Classified classified;
  routing::classify(sql, session.state.lex_mode, classified);
  const AnswerPlace place{.sequence_id = first_sequence_id};
  const RunOutcome outcome = co_await run_own(session, classified.statements.front(), place);
  co_return !outcome.close;
}

Awaitable<InitDbOutcome> run_login_ping(ClientSession& session, uint8_t first_sequence_id) {
  protocol::Buffer wire;
  protocol::append_command(wire, protocol::Command::kPing, {}, session.client.capabilities);
  Statement statement;
  const ClientCommand command{.statement = &statement,
                              .packets = wire,
                              .kind = protocol::ResponseKind::kOk,
                              .place = {.sequence_id = first_sequence_id}};
  const Decision decision =
      routing::decide(statement, session_view(session), routing_policy(session.listener.statements));
  const RunOutcome outcome = co_await run_statement(session, command, decision);
  co_return InitDbOutcome{.close = outcome.close, .is_error = outcome.is_error};
}

Awaitable<InitDbOutcome> run_init_db(ClientSession& session, Bytes wire, uint8_t first_sequence_id) {
  if (const auto pending = take_pending_error(session)) {
    const bool sent = co_await answer_error(session, first_sequence_id, *pending);
    co_return InitDbOutcome{.close = !sent, .is_error = true};
  }
  if (!session.state.carried.unreported_calls.empty()) co_await ask_for_unreported_state(session);
  Statement statement;
  statement.cls = StatementClass::kUse;
  const ClientCommand command{.statement = &statement,
                              .packets = wire,
                              .kind = protocol::ResponseKind::kOk,
                              .place = {.sequence_id = first_sequence_id}};
  const Decision decision =
      routing::decide(statement, session_view(session), routing_policy(session.listener.statements));
  // It is no statement: what ROW_COUNT() and the like speak of stays where it is.
  const Target last_target = session.state.last.target;
  const Target warned_by = session.state.last.warned_by;
  LocalAnswer last_local = session.state.last.local;
  const RunOutcome outcome = co_await run_statement(session, command, decision);
  if (!outcome.is_error) {
    session.state.last.target = last_target;
    session.state.last.warned_by = warned_by;
    session.state.last.local = std::move(last_local);
    session.state.last.local.pinged = true;
  }
  co_return InitDbOutcome{.close = outcome.close, .is_error = outcome.is_error};
}

}  // namespace causeway::proxy
