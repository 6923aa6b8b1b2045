#include "proxy/statement/next_transaction.h"

#include <chrono>
#include <optional>

#include "protocol/command.h"
#include "protocol/ok_packet.h"
#include "protocol/session_track.h"
#include "proxy/backend/ask.h"
#include "proxy/backend/shard.h"

namespace causeway::proxy {
namespace {

using routing::NextTransaction;
using routing::Target;

// The connection that may hold it; empty if it has gone, or is somebody else's by now.
PooledConnection holder(Shard& shard, const routing::TransactionState& transaction, Backends& backends) {
  BackendLease& lease = transaction.next_sent_to() == Target::kWriter ? backends.writer : backends.replica;
  if (!lease || lease.connection->state.needs_reset ||
      lease.connection->prepared.incarnation != transaction.next_sent_incarnation())
    return {};
  return shard.pool(lease.connection->node).take_own(lease);
}

// What the answer to SET session_track_transaction_info says. Nothing: it says nothing.
std::optional<NextTransaction> reported(const protocol::OkPacket& ok) {
  // It has begun.
  if ((ok.status_flags & protocol::status::kInTransaction) != 0) return NextTransaction{};
  protocol::SessionTrackReader reader(ok.session_state);
  while (const auto item = reader.next()) {
    if (item->type == protocol::SessionTrackType::kTransactionCharacteristics)
      return routing::parse_reported_characteristics(item->value);
  }
  return std::nullopt;
}

// Setting the session's values, to what they are, ends those of the next transaction.
void append_session_characteristics(std::string& sql, const BackendConnection& connection) {
  const std::string_view isolation = connection.server.mariadb ? "tx_isolation" : "transaction_isolation";
  for (const std::string_view variable : {isolation, access_mode_variable(connection)})
    sql.append(", SESSION ").append(variable).append("=@@SESSION.").append(variable);
}

}  // namespace

std::string_view access_mode_variable(const BackendConnection& connection) {
  return connection.server.mariadb ? "tx_read_only" : "transaction_read_only";
}

void append_track_next_transaction_sql(std::string& sql, const BackendConnection& connection) {
  sql.append("SET SESSION session_track_transaction_info='CHARACTERISTICS'");
  // What was begun while nobody followed it would be reported, too.
  append_session_characteristics(sql, connection);
}

void append_forget_next_transaction_sql(std::string& sql, const routing::SessionVariables& variables,
                                        const BackendConnection& connection) {
  // First of all: what is not followed any more would stay in the server's report.
  sql.append("SET SESSION session_track_transaction_info='CHARACTERISTICS'");
  append_session_characteristics(sql, connection);
  const std::string* const info = variables.find("session_track_transaction_info");
  sql.append(", SESSION session_track_transaction_info=").append(info == nullptr ? "DEFAULT" : *info);
}

Awaitable<void> settle_next_transaction(SessionParts session) {
  if (session.state.transaction.next_sent_to() == Target::kNone) co_return;
  PooledConnection connection = holder(session.shard, session.state.transaction, session.backends);
  const Target asked = session.state.transaction.next_sent_to();
  session.state.transaction.next_is_settled();
  if (!connection) co_return;
  connection->keep = session.state.transaction.next_connection_kept();

  protocol::Buffer out;
  std::string sql = "SET SESSION session_track_transaction_info='CHARACTERISTICS'";
  protocol::append_command(out, protocol::Command::kQuery, sql, connection->capabilities);
  sql.clear();
  append_forget_next_transaction_sql(sql, session.state.variables, *connection);
  protocol::append_command(out, protocol::Command::kQuery, sql, connection->capabilities);

  const AskScope scope(session.waiter, session.backends.in_flight, *connection);
  const Answer<void> sent = co_await send_commands(*connection, out);
  if (!sent) co_return;
  const Answer<AskedOk> told = co_await read_ok(*connection);
  if (told) {
    if (const auto left = reported(told->ok)) session.state.transaction.server_holds_next(*left);
    session.state.transaction.on_status(asked,
                                        (told->ok.status_flags & protocol::status::kInTransaction) != 0);
    connection->state.status = told->ok.status_flags;
  } else if (!told.error().refusal) {
    co_return;
  }
  const Answer<AskedOk> forgotten = co_await read_ok(*connection);
  if (!forgotten) co_return;
  connection->state.holds_next_transaction = false;
  connection.put_back();
}

}  // namespace causeway::proxy
