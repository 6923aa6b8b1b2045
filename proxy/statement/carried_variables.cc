#include "proxy/statement/carried_variables.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command.h"
#include "proxy/backend/ask.h"
#include "proxy/backend/shard.h"
#include "proxy/session/session_tracking.h"
#include "routing/user_variables.h"

namespace causeway::proxy {
namespace {

using protocol::FieldType;
using routing::UserVariableType;

constexpr size_t kMaxBytesOfVariables = size_t{64} * 1024;

UserVariableType kind_of(FieldType type) {
  switch (type) {
    case FieldType::kLongLong:
    case FieldType::kNewDecimal:
      return UserVariableType::kExactNumber;
    case FieldType::kDouble:
      return UserVariableType::kFloat;
    default:
      return UserVariableType::kText;
  }
}

// All of it is ASCII, and comes in character_set_results, be it utf16 or ucs2.
std::string in_ascii(const std::optional<std::string>& value) {
  std::string ascii = value.value_or("");
  std::erase(ascii, '\0');
  return ascii;
}

// name=value of each. Nothing if one is too large for its HEX().
std::optional<std::vector<std::string>> assignments(const std::vector<std::string>& names,
                                                    const AskedRow& row) {
  std::vector<std::string> all;
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t column = i * routing::kColumnsOfUserVariable;
    if (row.values[column] && !row.values[column + 1]) return std::nullopt;
    const std::string number = in_ascii(row.values[column]);
    const std::string hex = in_ascii(row.values[column + 1]);
    const std::string collation = in_ascii(row.values[column + 2]);
    routing::append_user_variable(all.emplace_back(), names[i],
                                  {.type = kind_of(row.types[column]),
                                   .is_null = !row.values[column].has_value(),
                                   .value = number,
                                   .hex = hex,
                                   .collation = collation});
  }
  return all;
}

struct AskedValues {
  std::optional<std::vector<std::string>> values;  // nothing if it does not tell
  bool lost = true;                                // the connection is of no use any more
};

Awaitable<AskedValues> ask(SessionParts session, BackendConnection& connection,
                           const std::vector<std::string>& names) {
  const AskScope scope(session.waiter, session.backends.in_flight, connection);
  const RowLimits limits{.columns = names.size() * routing::kColumnsOfUserVariable,
                         .max_packet_bytes = session.shard.config().limits.max_packet_bytes};
  const std::string sql = routing::user_variables_query(names);
  const Answer<AskedRow> row = co_await ask_row(connection, sql, limits);
  // A refusal: it was killed, say, or took too long.
  AskedValues asked;
  asked.lost = !row && !row.error().refusal;
  if (row && !row->types.empty()) asked.values = assignments(names, *row);
  co_return asked;
}

// Those of before that have not got to the writer yet keep their place.
void carry(Carried& carried, std::string_view assignment) {
  carried.assignments.append(carried.assignments.empty() ? "SET " : ",").append(assignment);
}

// The session's connection, if its variables are there.
PooledConnection take_own(Shard& shard, BackendLease& lease) {
  if (!lease || lease.connection->state.needs_reset) return {};
  return shard.pool(lease.connection->node).take_own(lease);
}

}  // namespace

Awaitable<bool> take_replica_variables(SessionParts session) {
  if (session.state.carried.replica_variables.empty()) co_return true;
  PooledConnection connection = take_own(session.shard, session.backends.replica);
  if (!connection) co_return false;
  const AskedValues answer = co_await ask(session, *connection, session.state.carried.replica_variables);
  session.state.carried.writer_variables.note(std::exchange(session.state.carried.replica_variables, {}));
  if (!answer.values) co_return false;
  for (const std::string& assignment : *answer.values)
    carry(session.state.carried, assignment);
  connection->keep = session.state.transaction.is_on(routing::Target::kReplica) ||
                     session.state.prepared.cursors(routing::Target::kReplica) > 0 ||
                     session.state.carried.procedure_on_replica ||
                     session.state.pins.whole_session_on(routing::Target::kReplica);
  connection.put_back();
  co_return true;
}

Awaitable<void> look_for_variables_on_replica(SessionParts session, std::vector<std::string> names) {
  routing::WriterVariables& variables = session.state.carried.writer_variables;
  std::vector<std::string> all = variables.unknown_of(names);
  std::vector<std::string> suspected = variables.suspected_of(names);
  variables.settle(names);
  const bool keep = session.backends.replica && session.backends.replica.connection->keep;
  // One that was never told them has not run what may have changed them.
  if (session.backends.replica &&
      session.backends.replica.connection->state.user_variables_version == variables.version())
    std::ranges::move(suspected, std::back_inserter(all));
  if (all.empty()) co_return;
  PooledConnection connection = take_own(session.shard, session.backends.replica);
  if (!connection) co_return;
  const AskedValues answer = co_await ask(session, *connection, all);
  if (answer.lost) co_return;
  for (size_t i = 0; answer.values && i < all.size(); ++i) {
    const std::string& value = (*answer.values)[i];
    if (value != variables.told(all[i])) carry(session.state.carried, value);
  }
  connection->keep = keep;
  connection.put_back();
}

Awaitable<void> ask_for_unreported_state(SessionParts session) {
  std::vector<std::string> calls = std::exchange(session.state.carried.unreported_calls, {});
  const bool keep = session.backends.replica && session.backends.replica.connection->keep;
  PooledConnection connection = take_own(session.shard, session.backends.replica);
  if (!connection) co_return;
  const AskScope scope(session.waiter, session.backends.in_flight, *connection);
  connection->out.clear();
  protocol::append_command(connection->out, protocol::Command::kPing, {}, connection->capabilities);
  const Answer<void> sent = co_await send_commands(*connection, connection->out);
  if (!sent) co_return;
  const Answer<AskedOk> answer =
      co_await read_ok(*connection, session.shard.config().limits.max_packet_bytes);
  if (!answer) co_return;
  apply_session_state(session.state, session.history, *connection, routing::Target::kReplica, answer->ok, {});
  if (reports_state_change(answer->ok)) {
    session.state.carried.functions_left_state = true;
    session.state.pins.untrackable = true;
    if (session.state.pins.where == routing::Target::kNone)
      session.state.pins.where = routing::Target::kReplica;
    session.state.pins.moves_to_writer = session.state.pins.where == routing::Target::kReplica;
    std::ranges::move(calls, std::back_inserter(session.state.carried.statements_to_replay));
  }
  connection->keep = keep;
  connection.put_back();
}

Awaitable<bool> learn_writer_variables(SessionParts session) {
  if (session.state.carried.writer_variables.known()) co_return true;
  if (session.state.carried.writer_variables.too_many()) co_return false;
  // What is not there yet goes ahead of the next statement there.
  if (!session.state.carried.assignments.empty() || !session.state.carried.statements_to_replay.empty())
    co_return false;
  if (session.backends.writer && !session.shard.cluster().is_to_writer(*session.backends.writer.connection))
    co_return false;
  PooledConnection connection = take_own(session.shard, session.backends.writer);
  if (!connection) co_return false;
  const AskedValues answer =
      co_await ask(session, *connection, session.state.carried.writer_variables.names());
  if (answer.lost) co_return false;
  connection->keep = true;
  connection.put_back();
  if (!answer.values) co_return false;
  size_t bytes = 0;
  for (const std::string& assignment : *answer.values)
    bytes += assignment.size();
  // Once more would take as long.
  if (bytes > kMaxBytesOfVariables) session.state.carried.writer_variables.give_up();
  if (bytes > kMaxBytesOfVariables) co_return false;
  session.state.carried.writer_variables.learn(*answer.values);
  co_return true;
}

}  // namespace causeway::proxy
