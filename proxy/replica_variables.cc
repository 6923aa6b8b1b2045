#include "proxy/replica_variables.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/byte_reader.h"
#include "protocol/command.h"
#include "protocol/err_packet.h"
#include "protocol/text_resultset.h"
#include "proxy/one_row.h"
#include "proxy/packet_io.h"
#include "proxy/worker.h"
#include "routing/user_variables.h"

namespace causeway::proxy {
namespace {

using protocol::FieldType;
using routing::UserVariableType;

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

// The SET that gives them elsewhere; empty if the row is none of the query.
std::string assignments(const std::vector<std::string>& names, const std::vector<FieldType>& types,
                        protocol::Bytes row) {
  const auto values = protocol::parse_text_row(row, types.size());
  if (!values) return {};
  std::string sql;
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t column = i * routing::kColumnsOfUserVariable;
    const std::string number = in_ascii((*values)[column]);
    const std::string hex = in_ascii((*values)[column + 1]);
    const std::string collation = in_ascii((*values)[column + 2]);
    sql += sql.empty() ? "SET " : ",";
    routing::append_user_variable(sql, names[i],
                                  {.type = kind_of(types[column]),
                                   .is_null = !(*values)[column].has_value(),
                                   .value = number,
                                   .hex = hex,
                                   .collation = collation});
  }
  return sql;
}

Awaitable<std::string> ask(ClientSession& session, BackendConnection& connection) {
  const std::vector<std::string>& names = session.replica_variables;
  protocol::Buffer out;
  protocol::append_command(out, protocol::Command::kQuery, routing::user_variables_query(names),
                           connection.capabilities);
  ErrorCode error;
  co_await connection.stream.write_all(out, {}, error);
  const size_t columns = names.size() * routing::kColumnsOfUserVariable;
  const size_t most = session.worker.config().limits.max_packet_bytes;
  const bool with_eof = !protocol::has(connection.capabilities, protocol::capability::kDeprecateEof);
  // The number of columns, their definitions, the row, and the end.
  const size_t row_at = 1 + columns + (with_eof ? 1 : 0);
  protocol::Buffer in;
  std::vector<FieldType> types;
  std::string sql;
  for (size_t i = 0; i <= row_at + 1 && !error; ++i) {
    const PacketView packet = co_await read_packet(connection.stream, in, most, error);
    if (error || (!packet.payload.empty() && packet.payload[0] == protocol::kErrHeader))
      co_return std::string();
    if (i >= 1 && i <= columns) {
      const auto type = type_of_column(packet.payload, connection);
      if (!type) co_return std::string();
      types.push_back(*type);
    }
    if (i == row_at) sql = assignments(names, types, packet.payload);
  }
  co_return error ? std::string() : sql;
}

}  // namespace

Awaitable<bool> take_replica_variables(ClientSession& session) {
  if (session.replica_variables.empty()) co_return true;
  BackendConnection* connection = nullptr;
  if (session.replica && !session.replica.connection->needs_reset)
    connection = session.worker.pool(session.replica.connection->node).take_own(session.replica);
  if (connection == nullptr) co_return false;
  std::string sql;
  {
    const DeadlineScope scope(session, Clock::now() + kAnswerTimeout);
    session.in_flight = connection;
    sql = co_await ask(session, *connection);
    session.in_flight = nullptr;
  }
  session.replica_variables.clear();
  BackendPool& pool = session.worker.pool(connection->node);
  if (sql.empty()) {
    pool.close(*connection);
    co_return false;
  }
  // Those of before that have not got there yet keep their place.
  if (session.carried_variables.empty()) {
    session.carried_variables = std::move(sql);
  } else {
    session.carried_variables.append(",").append(sql.substr(4));
  }
  connection->keep = session.transaction == routing::Target::kReplica ||
                     session.prepared.cursors(routing::Target::kReplica) > 0 ||
                     session.procedure_on_replica || session.pins.whole_session_on(routing::Target::kReplica);
  pool.put_back(*connection);
  co_return true;
}

}  // namespace causeway::proxy
