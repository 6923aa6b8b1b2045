#include "proxy/commands/causeway_statements.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <utility>

#include "proxy/backend/global_probe.h"
#include "proxy/backend/shard.h"
#include "proxy/commands/processlist.h"
#include "proxy/metrics/metrics_registry.h"
#include "proxy/session/session_token.h"
#include "proxy/session/session_tracking.h"
#include "routing/causeway_variables.h"
#include "routing/processlist_table.h"
#include "routing/show_filter.h"

namespace causeway::proxy {
namespace {

using consistency::Position;
using consistency::ReadConsistency;
using routing::CausewayAssignment;
using routing::CausewayVariable;
using routing::StatementClass;
using routing::VariableScope;

constexpr std::array kVariables = {CausewayVariable::kMaxConnectionsPercent, CausewayVariable::kIdleTimeout,
                                   CausewayVariable::kReadConsistency, CausewayVariable::kServerId,
                                   CausewayVariable::kPosition};

std::string server_id(ClientSession& session) {
  if (session.history.replica() != kNoNode)
    return session.shard.cluster().view().nodes[session.history.replica()].name;
  const NodeView* writer = session.shard.cluster().view().writer_node();
  return writer == nullptr ? std::string("causeway") : writer->name;
}

std::string value_of(ClientSession& session, CausewayVariable variable) {
  const ForwardingConfig& forwarding = session.shard.config().forwarding;
  switch (variable) {
    case CausewayVariable::kReadConsistency:
      return std::string(to_string(session.state.level));
    case CausewayVariable::kPosition:
      return session.history.token().position().to_string();
    case CausewayVariable::kIdleTimeout:
      return std::to_string(forwarding.aurora_fwd_writer_idle_timeout.count());
    case CausewayVariable::kMaxConnectionsPercent:
      return std::to_string(forwarding.aurora_fwd_writer_max_connections_pct);
    case CausewayVariable::kServerId:
      return server_id(session);
    case CausewayVariable::kTrackedVariables:
      return session.state.trackers.variables.value_or(std::string(kVariablesTrackedByDefault));
    case CausewayVariable::kTrackSchema:
      return session.state.trackers.schema.value_or(true) ? "1" : "0";
    case CausewayVariable::kTrackGtids:
      return session.state.trackers.gtids.empty() ? "OFF" : session.state.trackers.gtids;
  }
  return {};
}

// The session has set it; where it has not, a server has the value.
bool is_set(const ClientSession& session, CausewayVariable variable) {
  switch (variable) {
    case CausewayVariable::kTrackedVariables:
      return session.state.trackers.variables.has_value();
    case CausewayVariable::kTrackSchema:
      return session.state.trackers.schema.has_value();
    case CausewayVariable::kTrackGtids:
      return !session.state.trackers.gtids.empty();
    default:
      return true;
  }
}

bool is_number(CausewayVariable variable) {
  return variable == CausewayVariable::kIdleTimeout || variable == CausewayVariable::kMaxConnectionsPercent ||
         variable == CausewayVariable::kTrackSchema;
}

OwnStatement refused(ClientError error) {
  OwnStatement own;
  own.kind = OwnStatement::Kind::kError;
  own.error = std::move(error);
  return own;
}

// What a SET would change; nothing is changed before all of it is known to be right.
struct Changes {
  std::optional<ReadConsistency> level;
  std::optional<Position> position;
  ClientTrackers trackers;
};

// Longer than all names of a server together.
constexpr size_t kMaxTrackedVariables = size_t{64} << 10;

bool is_any_of(std::string_view value, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names,
                             [value](std::string_view n) { return routing::equals_ignoring_case(value, n); });
}

std::optional<ClientError> check_tracked_variables(const ClientSession& session,
                                                   const CausewayAssignment& assignment, Changes& changes) {
  const std::string_view current =
      changes.trackers.variables ? std::string_view(*changes.trackers.variables) : kVariablesTrackedByDefault;
  std::optional<std::string> list = assignment.text;
  if (assignment.value == CausewayAssignment::Value::kExpression) {
    list = routing::concatenation(assignment.text, session.state.lex_mode, assignment.variable, current,
                                  kVariablesTrackedByDefault);
  }
  // It is read as a literal.
  const auto is_part_of_a_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ',' || c == ' ' || c == '*' || c == '.';
  };
  if (!list || list->size() > kMaxTrackedVariables || !std::ranges::all_of(*list, is_part_of_a_name))
    return wrong_value_for_variable(to_string(assignment.variable), assignment.text);
  changes.trackers.variables = std::move(list);
  return std::nullopt;
}

std::optional<ClientError> check_tracker(const ClientSession& session, const CausewayAssignment& assignment,
                                         Changes& changes) {
  const std::string_view name = to_string(assignment.variable);
  const bool is_default = assignment.value == CausewayAssignment::Value::kDefault;
  ClientTrackers& trackers = changes.trackers;
  switch (assignment.variable) {
    case CausewayVariable::kTrackedVariables:
      if (!is_default) return check_tracked_variables(session, assignment, changes);
      trackers.variables.reset();
      return std::nullopt;
    case CausewayVariable::kTrackSchema:
      trackers.schema.reset();
      if (is_any_of(assignment.text, {"ON", "1", "TRUE"})) trackers.schema = true;
      if (is_any_of(assignment.text, {"OFF", "0", "FALSE"})) trackers.schema = false;
      if (is_default || trackers.schema) return std::nullopt;
      break;
    default:
      if (session.shard.cluster().view().flavor == ServerFlavor::kMariadb)
        return ClientError{1193, "HY000", "Unknown system variable '" + std::string(name) + "'"};
      trackers.gtids.clear();
      if (is_any_of(assignment.text, {"OWN_GTID", "1"})) trackers.gtids = "OWN_GTID";
      if (is_any_of(assignment.text, {"ALL_GTIDS", "2"})) trackers.gtids = "ALL_GTIDS";
      if (is_default || !trackers.gtids.empty() || is_any_of(assignment.text, {"OFF", "0"}))
        return std::nullopt;
      break;
  }
  return wrong_value_for_variable(name, assignment.text);
}

std::optional<ClientError> check(const ClientSession& session, const CausewayAssignment& assignment,
                                 Changes& changes) {
  const std::string_view name = to_string(assignment.variable);
  if (!routing::is_settable(assignment.variable)) {
    return ClientError{1238, "HY000", "Variable '" + std::string(name) + "' is a read only variable"};
  }
  if (assignment.scope != VariableScope::kNone && assignment.scope != VariableScope::kSession) {
    return ClientError{
        1228, "HY000",
        "Variable '" + std::string(name) + "' is a SESSION variable and can't be used with SET GLOBAL"};
  }
  if (routing::is_of_servers(assignment.variable) &&
      assignment.value != CausewayAssignment::Value::kPlaceholder)
    return check_tracker(session, assignment, changes);
  if (assignment.value == CausewayAssignment::Value::kPlaceholder ||
      assignment.value == CausewayAssignment::Value::kExpression) {
    return wrong_value_for_variable(name, assignment.text.empty() ? "?" : assignment.text);
  }
  const bool is_default = assignment.value == CausewayAssignment::Value::kDefault;
  if (assignment.variable == CausewayVariable::kPosition) {
    const auto position = Position::parse(is_default ? std::string_view() : assignment.text);
    if (!position) return wrong_value_for_variable(name, assignment.text);
    changes.position = *position;
    return std::nullopt;
  }
  const auto level =
      is_default ? session.listener.read_consistency : consistency::parse_read_consistency(assignment.text);
  // Whoever reads a replica's log has no other server.
  const bool stays_off = session.state.replication.from_replica && level != ReadConsistency::kOff;
  if (!level || stays_off) return wrong_value_for_variable(name, assignment.text);
  const bool switches = (*level == ReadConsistency::kOff) != (session.state.level == ReadConsistency::kOff);
  if (switches && session.state.transaction.is_begun()) return read_consistency_in_transaction();
  changes.level = level;
  return std::nullopt;
}

ClientError refused_position(HandedPosition why, const Position& position) {
  constexpr size_t kMaxShown = 200;
  ClientError error = wrong_value_for_variable(to_string(CausewayVariable::kPosition),
                                               position.to_string().substr(0, kMaxShown));
  error.message.append(why == HandedPosition::kOtherKind ? ": the servers have positions of another kind"
                                                         : ": the writer does not have it");
  return error;
}

Awaitable<OwnStatement> apply_set(ClientSession& session, const routing::Statement& statement) {
  auto set = routing::extract_causeway_assignments(statement.text, session.state.lex_mode);
  OwnStatement own;
  if (!set) {
    own.kind = OwnStatement::Kind::kRewritten;
    own.sql.assign(statement.text);
    co_return own;
  }
  Changes changes;
  changes.trackers = session.state.trackers;
  for (const CausewayAssignment& assignment : set->assignments) {
    auto error = check(session, assignment, changes);
    if (error) co_return refused(std::move(*error));
  }
  if (changes.position) {
    const HandedPosition handed = co_await take_position(session, *changes.position);
    if (handed != HandedPosition::kTaken) co_return refused(refused_position(handed, *changes.position));
  }
  if (changes.level) session.state.level = *changes.level;
  session.state.trackers = std::move(changes.trackers);
  if (!set->remaining_sql.empty()) {
    own.kind = OwnStatement::Kind::kRewritten;
    own.sql = std::move(set->remaining_sql);
  }
  co_return own;
}

// The values of now in the places of the variables. Of a position that is not known nothing can be said:
// less than all that the session has written would be taken for all.
std::string with_values(ClientSession& session, std::string_view sql, bool& lacks_position) {
  return routing::replace_causeway_variables(
      sql, session.state.lex_mode,
      [&session, &lacks_position](CausewayVariable variable,
                                  VariableScope scope) -> std::optional<std::string> {
        const bool is_global = scope != VariableScope::kNone && scope != VariableScope::kSession;
        const bool unknown = variable == CausewayVariable::kTrackGtids &&
                             session.shard.cluster().view().flavor == ServerFlavor::kMariadb;
        if ((routing::is_of_servers(variable) && is_global) || unknown) return std::nullopt;
        if (!is_set(session, variable)) return "@@global." + std::string(to_string(variable));
        if (variable == CausewayVariable::kPosition && session.history.token().unknown())
          lacks_position = true;
        const std::string value = value_of(session, variable);
        // What Causeway has set too, a server answers best: with its own column definition.
        if (routing::is_of_servers(variable) && is_any_of(value, {"*", "1", "OWN_GTID"})) return std::nullopt;
        // Values are made or checked here and hold no quotes.
        return is_number(variable) ? value : "'" + value + "'";
      },
      session.id);
}

// Only names and patterns with our prefix are ours alone; others may mean a server's variables too.
bool is_ours_alone(const routing::ShowFilter& filter) {
  const bool is_variable = filter.subject == routing::ShowFilter::Subject::kVariables;
  const std::string_view prefix = is_variable ? "aurora_" : "aurora_fwd_";
  const auto starts_with = [](std::string_view text, std::string_view start) {
    return text.size() >= start.size() && routing::equals_ignoring_case(text.substr(0, start.size()), start);
  };
  return !filter.names.empty() &&
         std::ranges::all_of(filter.names, [&](const routing::ShowFilter::Name& name) {
           return starts_with(name.text, prefix) || (is_variable && starts_with(name.text, "causeway_"));
         });
}

OwnStatement show(ClientSession& session, const routing::Statement& statement,
                  const routing::ShowFilter& filter) {
  OwnStatement own;
  if (filter.understood && filter.subject == routing::ShowFilter::Subject::kVariables) {
    for (const CausewayVariable variable : kVariables) {
      const std::string_view name = to_string(variable);
      if (matches(filter, name)) own.rows.emplace_back(std::string(name), value_of(session, variable));
    }
    const bool asks_for_position =
        own.rows.size() == 1 && own.rows.front().first == to_string(CausewayVariable::kPosition);
    if (asks_for_position && session.history.token().unknown()) return refused(position_not_known());
  } else if (filter.understood) {
    for (const auto& [name, value] : session.shard.services().metrics->aurora_status()) {
      if (matches(filter, name)) own.rows.emplace_back(std::string(name), std::to_string(value));
    }
  }
  own.kind = OwnStatement::Kind::kRows;
  if (filter.understood && is_ours_alone(filter)) return own;
  own.kind = OwnStatement::Kind::kRewritten;
  own.sql.assign(statement.text);
  return own;
}

// Whoever reads causeway_position after a write that gave none gets the writer's position of now, which has
// it.
Awaitable<void> resolve_position(ClientSession& session) {
  const DeadlineScope scope(session.waiter, Clock::now() + *session.listener.read_wait_timeout);
  const auto position = co_await session.shard.probe().position(session.waiter);
  if (position) session.history.writer_is_at(position->executed);
}

OwnStatement apply(ClientSession& session, const routing::Statement& statement,
                   std::string_view processlist) {
  OwnStatement own;
  if (statement.shows.variables && !statement.mentions.causeway_variables) {
    const auto filter = routing::parse_show_filter(statement.text, session.state.lex_mode);
    if (filter) return show(session, statement, *filter);
  }
  own.kind = OwnStatement::Kind::kRewritten;
  bool lacks_position = false;
  own.sql = with_values(session, statement.text, lacks_position);
  if (lacks_position) return refused(position_not_known());
  if (statement.mentions.forwarding_processlist) {
    const bool in_information_schema =
        routing::equals_ignoring_case(session.state.schema, "information_schema");
    own.sql = routing::replace_forwarding_processlist(own.sql, session.state.lex_mode, in_information_schema,
                                                      processlist);
  }
  return own;
}

}  // namespace

bool is_own_statement(const routing::Statement& statement) {
  if (statement.mentions.causeway_variables || statement.shows.variables) return true;
  // What a stored routine or a view has in it is meant for whoever calls it.
  return (statement.mentions.connection_id || statement.mentions.forwarding_processlist) &&
         statement.cls != StatementClass::kDdl;
}

Awaitable<OwnStatement> apply_own_statement(ClientSession& session, const routing::Statement& statement) {
  check_token(session.shard, session.history);
  if (session.history.token().unknown()) co_await resolve_position(session);
  if (statement.cls == StatementClass::kSet) {
    OwnStatement own = co_await apply_set(session, statement);
    if (own.kind != OwnStatement::Kind::kRewritten) co_return own;
    bool lacks_position = false;
    own.sql = with_values(session, own.sql, lacks_position);
    co_return lacks_position ? refused(position_not_known()) : own;
  }
  std::string processlist;
  if (statement.mentions.forwarding_processlist) processlist = co_await forwarding_processlist(session);
  co_return apply(session, statement, processlist);
}

}  // namespace causeway::proxy
