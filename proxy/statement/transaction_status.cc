#include "proxy/statement/transaction_status.h"

#include "protocol/command.h"
#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"
#include "protocol/response_scanner.h"
#include "proxy/backend/shard.h"
#include "proxy/net/packet_io.h"
#include "proxy/session/session_tracking.h"

namespace causeway::proxy {
namespace {

// COM_SET_OPTION with what is set already. COM_PING would change ROW_COUNT(), and so would any statement.
Awaitable<std::optional<protocol::StatusFlags>> ask(SessionParts session, BackendConnection& connection) {
  connection.out.clear();
  protocol::append_com_set_option(connection.out, connection.state.multi_statements);
  ErrorCode error;
  co_await connection.stream.write_all(connection.out, {}, error);
  if (error) co_return std::nullopt;
  protocol::Buffer in;
  const PacketView answer = co_await read_packet(connection.stream, in, kMaxLoginPayloadBytes, error);
  if (error) co_return std::nullopt;
  protocol::Buffer packet;
  protocol::append_packets(packet, answer.payload, answer.sequence_id);
  protocol::ResponseScanner scanner(protocol::ResponseKind::kOk, connection.capabilities);
  const protocol::ScanStep step = scanner.scan(packet);
  if (step.event != protocol::ScanEvent::kOk) co_return std::nullopt;
  const auto ok = protocol::parse_ok_packet(step.packet_payload, connection.capabilities);
  if (ok && session.state.pins.unreported && !connection.server.mariadb) {
    session.state.pins.untrackable |= reports_state_change(*ok);
    session.state.pins.unreported = false;
  }
  co_return step.status_flags;
}

}  // namespace

Awaitable<void> learn_transaction_status(SessionParts session) {
  Shard& shard = session.shard;
  if (!session.backends.writer) co_return;
  BackendPool& pool = shard.pool(session.backends.writer.connection->node);
  PooledConnection connection = pool.take_own(session.backends.writer);
  if (!connection) co_return;
  std::optional<protocol::StatusFlags> status;
  {
    const DeadlineScope scope(session.waiter, Clock::now() + shard.config().timeouts.connect);
    const InFlightScope in_flight(session.backends, *connection);
    status = co_await ask(session, *connection);
  }
  if (!status) {
    connection.close();
    co_return;
  }
  connection->state.status = *status;
  session.state.transaction.flag_says_autocommit((*status & protocol::status::kAutocommit) != 0);
  session.state.transaction.on_status(routing::Target::kWriter,
                                      (*status & protocol::status::kInTransaction) != 0);
  connection->keep = true;
  connection.put_back();
}

}  // namespace causeway::proxy
