#include "proxy/statement/carried_variables.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/byte_reader.h"
#include "protocol/command.h"
#include "protocol/err_packet.h"
#include "protocol/ok_packet.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/one_row.h"
#include "proxy/backend/shard.h"
#include "proxy/net/packet_io.h"
#include "proxy/session/session_tracking.h"
#include "routing/user_variables.h"

namespace causeway::proxy {
namespace {

using protocol::FieldType;
using routing::UserVariableType;

constexpr size_t kMaxBytesOfVariables = size_t{64} * 1024;

// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
std::optional<FieldType> type_of_column(protocol::Bytes definition, const BackendConnection& connection) {
  protocol::ByteReader reader(definition);
  constexpr int kNames = 6;  // catalog, schema, table, original table, name, original name
  for (int i = 0; i < kNames; ++i)
    reader.bytes_lenenc();
  if (protocol::has(connection.capabilities, protocol::capability::kMariadbExtendedMetadata))
    reader.bytes_lenenc();
  reader.int_lenenc();  // the length of what follows
  reader.int2();        // collation
  reader.int4();        // length
  const auto type = static_cast<FieldType>(reader.int1());
  return reader.ok() ? std::optional(type) : std::nullopt;
}

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
std::string in_ascii(protocol::TextValue value) {
  std::string ascii(value.value_or(""));
  std::erase(ascii, '\0');
  return ascii;
}

// name=value of each. Nothing if one is too large for its HEX().
std::optional<std::vector<std::string>> assignments(const std::vector<std::string>& names,
                                                    const std::vector<FieldType>& types,
                                                    const std::vector<protocol::TextValue>& row) {
  std::vector<std::string> all;
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t column = i * routing::kColumnsOfUserVariable;
    if (row[column] && !row[column + 1]) return std::nullopt;
    const std::string number = in_ascii(row[column]);
    const std::string hex = in_ascii(row[column + 1]);
    const std::string collation = in_ascii(row[column + 2]);
    routing::append_user_variable(all.emplace_back(), names[i],
                                  {.type = kind_of(types[column]),
                                   .is_null = !row[column].has_value(),
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
  const DeadlineScope scope(session.waiter, Clock::now() + kAnswerTimeout);
  const InFlightScope in_flight(session.backends, connection);
  protocol::Buffer out;
  protocol::append_command(out, protocol::Command::kQuery, routing::user_variables_query(names),
                           connection.capabilities);
  ErrorCode error;
  co_await connection.stream.write_all(out, {}, error);
  const size_t columns = names.size() * routing::kColumnsOfUserVariable;
  const size_t most = session.shard.config().limits.max_packet_bytes;
  const bool with_eof = !protocol::has(connection.capabilities, protocol::capability::kDeprecateEof);
  // The number of columns, their definitions, the row, and the end.
  const size_t row_at = 1 + columns + (with_eof ? 1 : 0);
  protocol::Buffer in;
  std::vector<FieldType> types;
  AskedValues answer;
  for (size_t i = 0; i <= row_at + 1 && !error; ++i) {
    const PacketView packet = co_await read_packet(connection.stream, in, most, error);
    if (error) co_return AskedValues{};
    // It was killed, say, or took too long.
    if (!packet.payload.empty() && packet.payload[0] == protocol::kErrHeader)
      co_return AskedValues{.lost = false};
    if (i >= 1 && i <= columns) {
      const auto type = type_of_column(packet.payload, connection);
      if (!type) co_return AskedValues{};
      types.push_back(*type);
    }
    if (i != row_at) continue;
    const auto row = protocol::parse_text_row(packet.payload, columns);
    if (!row) co_return AskedValues{};
    answer.values = assignments(names, types, *row);
  }
  answer.lost = static_cast<bool>(error);
  co_return answer;
}

// Those of before that have not got to the writer yet keep their place.
void carry(SessionParts session, std::string_view assignment) {
  session.state.carried.assignments.append(session.state.carried.assignments.empty() ? "SET " : ",")
      .append(assignment);
}

// The session's connection, if its variables are there.
PooledConnection take_own(SessionParts session, BackendLease& lease) {
  if (!lease || lease.connection->state.needs_reset) return {};
  return session.shard.pool(lease.connection->node).take_own(lease);
}

}  // namespace

Awaitable<bool> take_replica_variables(SessionParts session) {
  if (session.state.carried.replica_variables.empty()) co_return true;
  PooledConnection connection = take_own(session, session.backends.replica);
  if (!connection) co_return false;
  const AskedValues answer = co_await ask(session, *connection, session.state.carried.replica_variables);
  session.state.carried.writer_variables.note(std::exchange(session.state.carried.replica_variables, {}));
  if (!answer.values) {
    connection.close();
    co_return false;
  }
  for (const std::string& assignment : *answer.values)
    carry(session, assignment);
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
  PooledConnection connection = take_own(session, session.backends.replica);
  if (!connection) co_return;
  const AskedValues answer = co_await ask(session, *connection, all);
  if (answer.lost) {
    connection.close();
    co_return;
  }
  for (size_t i = 0; answer.values && i < all.size(); ++i) {
    const std::string& value = (*answer.values)[i];
    if (value != variables.told(all[i])) carry(session, value);
  }
  connection->keep = keep;
  connection.put_back();
}

Awaitable<void> ask_for_unreported_state(SessionParts session) {
  std::vector<std::string> calls = std::exchange(session.state.carried.unreported_calls, {});
  const bool keep = session.backends.replica && session.backends.replica.connection->keep;
  PooledConnection connection = take_own(session, session.backends.replica);
  if (!connection) co_return;
  const DeadlineScope scope(session.waiter, Clock::now() + kAnswerTimeout);
  const InFlightScope in_flight(session.backends, *connection);
  protocol::Buffer out;
  protocol::append_command(out, protocol::Command::kPing, {}, connection->capabilities);
  ErrorCode error;
  co_await connection->stream.write_all(out, {}, error);
  protocol::Buffer in;
  const PacketView packet =
      co_await read_packet(connection->stream, in, session.shard.config().limits.max_packet_bytes, error);
  const auto ok = protocol::parse_ok_packet(packet.payload, connection->capabilities);
  if (error || !ok) {
    connection.close();
    co_return;
  }
  apply_session_state(session, *connection, *ok, {});
  if (reports_state_change(*ok)) {
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
  PooledConnection connection = take_own(session, session.backends.writer);
  if (!connection) co_return false;
  const AskedValues answer =
      co_await ask(session, *connection, session.state.carried.writer_variables.names());
  if (answer.lost) {
    connection.close();
    co_return false;
  }
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
