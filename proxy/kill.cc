#include "proxy/kill.h"

#include <boost/asio/co_spawn.hpp>
#include <limits>
#include <memory>
#include <string>

#include "protocol/command.h"
#include "protocol/err_packet.h"
#include "protocol/packet_header.h"
#include "proxy/backend_connector.h"
#include "proxy/packet_io.h"
#include "proxy/processlist.h"
#include "proxy/worker.h"

namespace causeway::proxy {

Awaitable<void> kill_on_server(Worker& worker, size_t node, uint64_t server_incarnation, uint32_t thread_id,
                               KillScope scope) {
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
  if (opened.connection->server_incarnation != server_incarnation) co_return;
  protocol::Buffer out;
  const std::string sql = (scope == KillScope::kQuery ? "KILL QUERY " : "KILL ") + id;
  protocol::append_command(out, protocol::Command::kQuery, sql, opened.connection->capabilities);
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

namespace {

Awaitable<KillOutcome> kill_on_worker(Worker& worker, uint32_t id, Killer killer, KillScope scope) {
  co_return worker.kill(id, killer, scope);
}

}  // namespace

Awaitable<KillOutcome> kill_session(ClientSession& killer, uint64_t id, KillScope scope) {
  if (id == killer.id) co_return KillOutcome::kSelf;
  const auto& workers = killer.worker.environment().workers;
  if (id > std::numeric_limits<uint32_t>::max()) co_return KillOutcome::kUnknown;
  Worker& owner = *workers[id % workers.size()];
  const auto known_id = static_cast<uint32_t>(id);
  const Killer by{.user = killer.user, .any_session = rights_of(killer).kill_any};
  if (&owner == &killer.worker) co_return owner.kill(known_id, by, scope);
  const KillOutcome outcome = co_await asio::co_spawn(owner.io(), kill_on_worker(owner, known_id, by, scope),
                                                      asio::use_awaitable_t<Executor>{});
  co_return outcome;
}

}  // namespace causeway::proxy
