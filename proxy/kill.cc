#include "proxy/kill.h"

#include <memory>
#include <string>

#include "protocol/command.h"
#include "protocol/err_packet.h"
#include "protocol/packet_header.h"
#include "proxy/backend_connector.h"
#include "proxy/packet_io.h"
#include "proxy/worker.h"

namespace causeway::proxy {

Awaitable<void> kill_on_server(Worker& worker, size_t node, uint32_t thread_id) {
  const auto key = std::make_shared<const PoolKey>(PoolKey{
      .user = worker.config().monitor.user, .capabilities = 0, .collation = 45, .credentials_version = 0});
  const auto credentials = worker.environment().monitor_credentials;
  BackendConnection* in_flight = nullptr;
  const ConnectResult opened = co_await connect_backend(worker, node, key, *credentials, in_flight);
  const std::string id = std::to_string(thread_id);
  if (!opened.connection) {
    worker.logger().warning("cannot kill a statement whose client is gone",
                            {{"thread", id}, {"reason", opened.reason}});
    co_return;
  }
  protocol::Buffer out;
  const size_t start = protocol::begin_packet(out, 0);
  protocol::ByteWriter writer(out);
  writer.int1(static_cast<uint8_t>(protocol::Command::kQuery));
  writer.text("KILL " + id);
  protocol::finish_packet(out, start);
  ErrorCode error;
  co_await opened.connection->stream.write_all(out, {}, error);
  if (error) co_return;
  protocol::Buffer in;
  const PacketView answer = co_await read_packet(opened.connection->stream, in, kMaxLoginPayloadBytes, error);
  if (error || answer.payload.empty() || answer.payload[0] != protocol::kErrHeader) co_return;
  const auto err = protocol::parse_err_packet(answer.payload);
  // 1094: it has ended by itself.
  if (err && err->code != 1094) {
    worker.logger().warning("cannot kill a statement whose client is gone",
                            {{"thread", id}, {"reason", err->message}});
  }
}

}  // namespace causeway::proxy
