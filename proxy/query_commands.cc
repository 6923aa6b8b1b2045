#include "proxy/query_commands.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/com_query.h"
#include "protocol/command.h"
#include "protocol/packet_header.h"
#include "proxy/causeway_statements.h"
#include "proxy/local_answers.h"
#include "proxy/statement_run.h"
#include "proxy/worker.h"
#include "routing/causeway_variables.h"
#include "routing/temporary_tables.h"

namespace causeway::proxy {
namespace {

using protocol::Bytes;
using routing::Action;
using routing::Decision;
using routing::Statement;
using routing::StatementClass;
using routing::Target;

// Of so many the names are kept; of more, permanent DML is not looked through for the rest.
constexpr size_t kMaxTemporaryTables = 1000;

// Where a statement's answer stands in the answer to the client's packet.
struct AnswerPlace {
  uint8_t sequence_id = 1;
  bool more_results_follow = false;
};

RunOutcome local_outcome(bool sent, bool is_error, AnswerPlace place) {
  return {
      .close = !sent, .is_error = is_error, .next_sequence_id = static_cast<uint8_t>(place.sequence_id + 1)};
}

Awaitable<RunOutcome> local_ok(ClientSession& session, const Statement& statement, AnswerPlace place) {
  session.worker.metrics().count(StatementTarget::kLocal, statement_kind(statement.cls));
  const bool sent = co_await answer_ok(session, place.sequence_id, place.more_results_follow);
  co_return local_outcome(sent, false, place);
}

Awaitable<RunOutcome> local_error(ClientSession& session, AnswerPlace place, ClientError error) {
  const bool sent = co_await answer_error(session, place.sequence_id, error);
  co_return local_outcome(sent, true, place);
}

void make_query_packet(const ClientSession& session, std::string_view sql, protocol::Buffer& out) {
  out.clear();
  protocol::Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(protocol::Command::kQuery));
  if (protocol::has(session.capabilities, protocol::capability::kQueryAttributes)) {
    writer.int_lenenc(0);
    writer.int_lenenc(1);
  }
  writer.text(sql);
  protocol::append_packets(out, payload, 0);
}

routing::RoutingPolicy routing_policy(const StatementsConfig& config) {
  const auto forwards = [](StatementPolicy policy) { return policy == StatementPolicy::kForward; };
  return {.forward_savepoint = forwards(config.savepoint),
          .forward_xa = forwards(config.xa),
          .forward_load_data = forwards(config.load_data),
          .forward_plugin = forwards(config.plugin),
          .forward_ddl = forwards(config.ddl)};
}

std::optional<std::chrono::milliseconds> parse_milliseconds(std::string_view text) {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || value > 86'400'000) return std::nullopt;
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (unit == "ms") return std::chrono::milliseconds(value);
  if (unit == "s" || unit.empty()) return std::chrono::seconds(value);
  return std::nullopt;
}

// causeway.route, causeway.consistency and causeway.max_lag as query attributes override a hint in the text.
void apply_query_attributes(const protocol::ComQuery& query, routing::Hints& hints) {
  if (const auto route = query.attribute("causeway.route")) {
    if (*route == "writer") hints.route = routing::RouteHint::kWriter;
    if (*route == "replica") hints.route = routing::RouteHint::kReplica;
  }
  if (const auto consistency = query.attribute("causeway.consistency")) hints.consistency = *consistency;
  if (const auto max_lag = query.attribute("causeway.max_lag")) {
    const auto parsed = parse_milliseconds(*max_lag);
    if (parsed) hints.max_lag = parsed;
  }
}

void keep_begin(ClientSession& session, const Statement& statement) {
  DeferredTransaction& deferred = session.deferred;
  // COMMIT AND CHAIN of a transaction of which nothing was sent leaves it as it is.
  if (statement.cls == StatementClass::kBegin) {
    const bool by_default = deferred.next_read_only || session.transaction_read_only;
    deferred.read_only = statement.read_only || (!statement.read_write && by_default);
    deferred.begin_sql.assign(statement.text);
  } else if (!deferred.begin) {
    deferred.read_only = false;
    deferred.begin_sql = "BEGIN";
  }
  deferred.begin = true;
}

Awaitable<RunOutcome> defer_begin(ClientSession& session, const Statement& statement, AnswerPlace place) {
  keep_begin(session, statement);
  return local_ok(session, statement, place);
}

// The OK of the COMMIT is the one of the BEGIN.
Awaitable<RunOutcome> commit_then_begin(ClientSession& session, const Statement& statement, Target target,
                                        AnswerPlace place) {
  Statement commit;
  commit.cls = StatementClass::kCommit;
  protocol::Buffer wire;
  make_query_packet(session, "COMMIT", wire);
  StatementRun run;
  run.statement = &commit;
  run.decision = Decision{.action = Action::kRun, .target = target, .reason = "begin elsewhere"};
  run.request = wire;
  run.sequence_offset = static_cast<uint8_t>(place.sequence_id - 1);
  run.add_status = protocol::status::kInTransaction;
  run.more_results_follow = place.more_results_follow;
  const RunOutcome outcome = co_await run_statement(session, run);
  if (!outcome.is_error) keep_begin(session, statement);
  co_return outcome;
}

Awaitable<RunOutcome> end_deferred(ClientSession& session, const Statement& statement, AnswerPlace place) {
  session.deferred = DeferredTransaction{};
  RunOutcome outcome = co_await local_ok(session, statement, place);
  outcome.close = outcome.close || statement.release;
  co_return outcome;
}

Awaitable<RunOutcome> remember_next_transaction(ClientSession& session, const Statement& statement,
                                                AnswerPlace place) {
  DeferredTransaction& deferred = session.deferred;
  if (statement.read_only || statement.read_write) {
    deferred.set_access_mode.assign(statement.text);
    deferred.next_read_only = statement.read_only;
  } else {
    deferred.set_isolation.assign(statement.text);
  }
  return local_ok(session, statement, place);
}

// What would be rejected is rejected when it is prepared.
void reject_what_is_prepared(const ClientSession& session, const Statement& prepare,
                             const routing::RoutingPolicy& policy, Decision& decision) {
  if (prepare.prepared_literal.empty()) return;
  routing::SqlLexer lexer(prepare.prepared_literal, session.lex_mode);
  const std::string text = routing::unquote(lexer.next(), session.lex_mode);
  routing::Classified inner;
  routing::classify(text, session.lex_mode, inner);
  const Decision of_inner = routing::decide(inner.statements.front(), session_view(session), policy);
  if (of_inner.action == Action::kReject) decision = of_inner;
}

// Their names are needed only where permanent DML that reads one is rejected.
void note_temporary_table(ClientSession& session, const Statement& statement) {
  if (session.worker.config().statements.temporary_table == StatementPolicy::kForward) return;
  std::string name = routing::created_temporary_table(statement.text, session.lex_mode);
  if (!name.empty() && session.temporary_tables.size() < kMaxTemporaryTables)
    session.temporary_tables.push_back(std::move(name));
}

// One statement; `wire` is the packet to send on if it runs on a server.
Awaitable<RunOutcome> run_one(ClientSession& session, const Statement& statement, Bytes wire,
                              AnswerPlace place, const std::vector<NameAndValue>* extra_rows = nullptr) {
  if (session.transaction_timed_out) {
    session.transaction_timed_out = false;
    ClientError error =
        transaction_idle_timeout(session.worker.config().forwarding.aurora_fwd_writer_idle_timeout);
    co_return co_await local_error(session, place, std::move(error));
  }
  if (statement.cls == StatementClass::kKill) {
    co_return co_await local_error(session, place, command_not_supported("KILL"));
  }
  const routing::RoutingPolicy policy = routing_policy(session.worker.config().statements);
  Decision decision = routing::decide(statement, session_view(session), policy);
  if (statement.cls == StatementClass::kPrepare)
    reject_what_is_prepared(session, statement, policy, decision);
  switch (decision.action) {
    case Action::kRun:
      break;
    case Action::kReject:
      session.worker.metrics().count(StatementTarget::kRejected, statement_kind(statement.cls));
      co_return co_await local_error(session, place, not_supported_with_forwarding(decision.operation));
    case Action::kReadOnlyError:
      session.worker.metrics().count(StatementTarget::kRejected, statement_kind(statement.cls));
      co_return co_await local_error(session, place, read_only_server(session.worker.view().flavor));
    case Action::kLeaveReadOnly:
      if (session.replica) session.worker.pool(session.replica.connection->node).abandon(session.replica);
      session.transaction = Target::kNone;
      session.deferred = DeferredTransaction{};
      break;
    case Action::kReadOnlyTransactionError:
      session.worker.metrics().count(StatementTarget::kRejected, statement_kind(statement.cls));
      co_return co_await local_error(session, place, read_only_transaction(session.worker.view().flavor));
    case Action::kCommitThenBegin:
      co_return co_await commit_then_begin(session, statement, decision.target, place);
    case Action::kDeferBegin:
      co_return co_await defer_begin(session, statement, place);
    case Action::kEndDeferred:
      co_return co_await end_deferred(session, statement, place);
    case Action::kNothingOpen: {
      RunOutcome outcome = co_await local_ok(session, statement, place);
      outcome.close = outcome.close || statement.release;
      co_return outcome;
    }
    case Action::kRememberNextTransaction:
      co_return co_await remember_next_transaction(session, statement, place);
  }
  if (statement.cls == StatementClass::kDml && !session.temporary_tables.empty() &&
      routing::reads_temporary_table_into_permanent(statement.text, session.lex_mode,
                                                    session.temporary_tables)) {
    session.worker.metrics().count(StatementTarget::kRejected, statement_kind(statement.cls));
    co_return co_await local_error(session, place,
                                   not_supported_with_forwarding("DML that reads a temporary table"));
  }
  StatementRun run;
  run.statement = &statement;
  run.decision = decision;
  run.request = wire;
  run.extra_rows = extra_rows;
  run.sequence_offset = static_cast<uint8_t>(place.sequence_id - protocol::count_packets(wire));
  run.more_results_follow = place.more_results_follow;
  RunOutcome outcome = co_await run_statement(session, run);
  if (statement.release && !outcome.is_error) outcome.close = true;
  if (statement.cls == StatementClass::kCreateTemporary && !outcome.is_error)
    note_temporary_table(session, statement);
  co_return outcome;
}

// Whoever reads causeway_position after a write that gave none gets the writer's position of now, which has
// it.
Awaitable<void> resolve_position(ClientSession& session) {
  const DeadlineScope scope(session, Clock::now() + *session.listener.read_wait_timeout);
  const auto position = co_await session.worker.probe().position(session);
  if (position) session.token.resolve(*position);
}

// A statement with one of Causeway's own variables, or SHOW of them: answered here, or rewritten and run.
Awaitable<RunOutcome> run_own(ClientSession& session, const Statement& statement, AnswerPlace place) {
  if (session.token.unknown()) co_await resolve_position(session);
  OwnStatement own = apply_own_statement(session, statement);
  switch (own.kind) {
    case OwnStatement::Kind::kOk:
      co_return co_await local_ok(session, statement, place);
    case OwnStatement::Kind::kError:
      co_return co_await local_error(session, place, std::move(own.error));
    case OwnStatement::Kind::kRows: {
      session.worker.metrics().count(StatementTarget::kLocal, statement_kind(statement.cls));
      const bool sent =
          co_await answer_name_value_rows(session, place.sequence_id, own.rows, place.more_results_follow);
      co_return local_outcome(sent, false, place);
    }
    case OwnStatement::Kind::kRewritten:
      break;
  }
  routing::Classified rewritten;
  routing::classify(own.sql, session.lex_mode, rewritten);
  protocol::Buffer wire;
  make_query_packet(session, own.sql, wire);
  const std::vector<NameAndValue>* extra_rows = own.rows.empty() ? nullptr : &own.rows;
  const RunOutcome outcome = co_await run_one(session, rewritten.statements.front(), wire, place, extra_rows);
  co_return outcome;
}

bool is_own(const Statement& statement) {
  return statement.uses_causeway_variables || statement.shows_variables;
}

// Several statements that all just run on one server go there as they came.
std::optional<Decision> common_decision(ClientSession& session) {
  const routing::SessionView view = session_view(session);
  const routing::RoutingPolicy policy = routing_policy(session.worker.config().statements);
  Decision common{.action = Action::kRun, .target = Target::kReplica, .reason = "several statements"};
  for (const Statement& statement : session.classified.statements) {
    if (is_own(statement) || statement.cls == StatementClass::kKill) return std::nullopt;
    const Decision decision = routing::decide(statement, view, policy);
    const bool plain = statement.cls == StatementClass::kRead || statement.cls == StatementClass::kDml ||
                       statement.cls == StatementClass::kLockingRead;
    if (decision.action != Action::kRun || !plain) return std::nullopt;
    if (decision.target == Target::kWriter) common.target = Target::kWriter;
    common.wait = common.wait || decision.wait;
  }
  return common;
}

// One by one: the first error ends it, as on a server.
Awaitable<bool> run_each(ClientSession& session, uint8_t first_sequence_id) {
  const routing::Classified classified = session.classified;
  AnswerPlace place{.sequence_id = first_sequence_id};
  for (size_t i = 0; i < classified.statements.size(); ++i) {
    const Statement& statement = classified.statements[i];
    place.more_results_follow = i + 1 < classified.statements.size();
    RunOutcome outcome;
    if (is_own(statement)) {
      outcome = co_await run_own(session, statement, place);
    } else {
      protocol::Buffer wire;
      make_query_packet(session, statement.text, wire);
      outcome = co_await run_one(session, statement, wire, place);
    }
    if (outcome.close) co_return false;
    if (outcome.is_error) co_return true;
    place.sequence_id = outcome.next_sequence_id;
  }
  co_return true;
}

Awaitable<bool> run_several(ClientSession& session, Bytes wire) {
  const std::optional<Decision> decision = common_decision(session);
  if (!decision || session.transaction_timed_out)
    co_return co_await run_each(session, protocol::count_packets(wire));
  // For what happens afterwards the most consequential statement stands for all.
  Statement together = session.classified.statements.front();
  for (const Statement& statement : session.classified.statements) {
    if (statement.cls == StatementClass::kDml) together.cls = StatementClass::kDml;
    together.takes_user_lock |= statement.takes_user_lock;
    together.assigns_user_variables |= statement.assigns_user_variables;
  }
  StatementRun run;
  run.statement = &together;
  run.decision = *decision;
  run.request = wire;
  const RunOutcome outcome = co_await run_statement(session, run);
  co_return !outcome.close;
}

}  // namespace

Awaitable<bool> run_query(ClientSession& session, Bytes payload, Bytes wire) {
  const auto query = protocol::parse_com_query(payload.subspan(1), session.capabilities);
  if (!query) {
    const bool sent = co_await answer_error(session, 1, malformed_packet());
    co_return sent;
  }
  routing::classify(query->text, session.lex_mode, session.classified);
  const bool may_be_several = protocol::has(session.capabilities, protocol::capability::kMultiStatements);
  if (session.classified.too_many) {
    const bool sent = co_await answer_error(
        session, 1, not_supported_with_forwarding("more than 1000 statements in one packet"));
    co_return sent;
  }
  if (session.classified.multi && may_be_several) {
    const bool open = co_await run_several(session, wire);
    co_return open;
  }
  Statement statement = session.classified.statements.front();
  if (query->attribute_count > 0) apply_query_attributes(*query, statement.hints);
  const AnswerPlace place{.sequence_id = protocol::count_packets(wire)};
  RunOutcome outcome;
  if (is_own(statement) && !session.transaction_timed_out) {
    outcome = co_await run_own(session, statement, place);
  } else {
    outcome = co_await run_one(session, statement, wire, place);
  }
  co_return !outcome.close;
}

Awaitable<InitDbOutcome> run_init_db(ClientSession& session, Bytes wire, uint8_t first_sequence_id) {
  Statement statement;
  statement.cls = StatementClass::kUse;
  StatementRun run;
  run.statement = &statement;
  run.decision =
      routing::decide(statement, session_view(session), routing_policy(session.worker.config().statements));
  run.request = wire;
  run.kind = protocol::ResponseKind::kOk;
  run.sequence_offset = static_cast<uint8_t>(first_sequence_id - 1);
  const RunOutcome outcome = co_await run_statement(session, run);
  co_return InitDbOutcome{.close = outcome.close, .is_error = outcome.is_error};
}

}  // namespace causeway::proxy
