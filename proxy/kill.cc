#include "proxy/kill.h"

#include <boost/asio/co_spawn.hpp>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/command.h"
#include "protocol/err_packet.h"
#include "protocol/packet_header.h"
#include "proxy/backend_connector.h"
#include "proxy/cancel_after.h"
#include "proxy/packet_io.h"
#include "proxy/session_rights.h"
#include "proxy/worker.h"

namespace causeway::proxy {

namespace {

constexpr uint16_t kErNoSuchThread = 1094;  // it has ended by itself

// Nothing if it is killed, or was gone; else what is in the way.
Awaitable<std::optional<std::string>> send_kill(BackendConnection& connection, std::string_view sql) {
  protocol::Buffer out;
  protocol::append_command(out, protocol::Command::kQuery, sql, connection.capabilities);
  ErrorCode error;
  co_await connection.stream.write_all(out, {}, error);
  if (error) co_return error.message();
  protocol::Buffer in;
  const PacketView answer = co_await read_packet(connection.stream, in, kMaxLoginPayloadBytes, error);
  if (error) co_return error.message();
  if (answer.payload.empty() || answer.payload[0] != protocol::kErrHeader) co_return std::nullopt;
  const auto err = protocol::parse_err_packet(answer.payload);
  if (!err) co_return std::string("malformed answer");
  if (err->code == kErNoSuchThread) co_return std::nullopt;
  co_return std::string(err->message);
}

Awaitable<std::optional<std::string>> try_kill(Worker& worker, ServerThread thread, std::string sql,
                                               AccountLogin login) {
  CancelAfter watch(worker.io(), Clock::now() + worker.config().timeouts.connect);
  const ConnectResult opened =
      co_await connect_backend(worker, thread.node, login.key, *login.credentials, watch.connection());
  if (!opened.connection) {
    const bool as_monitor = login.key->user == worker.config().monitor.user;
    if (opened.access_denied && as_monitor) worker.environment().monitor_account->refused();
    co_return opened.reason;
  }
  if (opened.connection->server_incarnation != thread.server_incarnation) co_return std::nullopt;
  watch.connection() = opened.connection.get();
  std::optional<std::string> failure = co_await send_kill(*opened.connection, sql);
  watch.connection() = nullptr;
  co_return failure;
}

}  // namespace

Awaitable<void> kill_on_server(Worker& worker, ServerThread thread, KillScope scope, AccountLogin other) {
  AccountLogin monitor;
  monitor.key = std::make_shared<const PoolKey>(PoolKey{
      .user = worker.config().monitor.user, .capabilities = 0, .collation = 45, .credentials_version = 0});
  monitor.credentials = worker.environment().monitor_account->credentials();
  const std::string id = std::to_string(thread.id);
  const std::string sql = (scope == KillScope::kQuery ? "KILL QUERY " : "KILL ") + id;
  std::optional<std::string> failure = co_await try_kill(worker, thread, sql, monitor);
  if (failure && other.credentials != nullptr) failure = co_await try_kill(worker, thread, sql, other);
  if (!failure) co_return;
  worker.logger().warning("a statement on a server could not be killed",
                          {{"node", to_string(worker.config().nodes[thread.node].address)},
                           {"thread", id},
                           {"reason", *failure}});
}

ServerThread thread_of(const BackendConnection& connection) {
  return {.node = connection.node,
          .server_incarnation = connection.server_incarnation,
          .id = connection.thread_id};
}

AccountLogin login_of(const ClientSession& session) {
  return {.key = std::make_shared<const PoolKey>(PoolKey{.user = session.pool_key->user,
                                                         .capabilities = 0,
                                                         .collation = 45,
                                                         .credentials_version = 0,
                                                         .requires_tls = session.pool_key->requires_tls,
                                                         .client_address = session.pool_key->client_address}),
          .credentials = session.credentials};
}

namespace {

Awaitable<KillOutcome> kill_there(Worker& worker, uint32_t id, Killer killer, KillScope scope) {
  co_return worker.kill(id, killer, scope);
}

Awaitable<bool> is_protected_there(Worker& worker, uint32_t id) {
  std::optional<AccountLogin> login;
  for (const ClientSession& session : worker.sessions())
    if (session.id == id && session.logged_in) login = login_of(session);
  if (!login) co_return false;
  const AccountRights rights = co_await ask_rights(worker, *std::move(login));
  co_return rights.protects;
}

template <class T>
Awaitable<T> on_worker(Worker& owner, Awaitable<T> work) {
  const T result = co_await asio::co_spawn(owner.io(), std::move(work), asio::use_awaitable_t<Executor>{});
  co_return result;
}

// Of another user. What no server is there to say is not held against who may kill.
Awaitable<bool> may_kill_others(ClientSession& killer, Worker& owner, uint32_t id) {
  const AccountRights rights = rights_in_table(killer);
  const bool mysql = killer.worker.view().flavor == ServerFlavor::kMysql;
  if (rights.kill_any && !mysql) co_return true;
  const AccountRights asked = co_await rights_on_servers(killer);
  if (!rights.kill_any && !asked.kill_any) co_return false;
  if (!mysql || asked.protects) co_return true;
  const bool is_protected = co_await on_worker(owner, is_protected_there(owner, id));
  co_return !is_protected;
}

}  // namespace

Awaitable<KillOutcome> kill_session(ClientSession& killer, uint64_t id, KillScope scope) {
  if (id == killer.id) co_return KillOutcome::kSelf;
  const auto& workers = killer.worker.environment().workers;
  if (id > std::numeric_limits<uint32_t>::max()) co_return KillOutcome::kUnknown;
  Worker& owner = *workers[id % workers.size()];
  const auto known_id = static_cast<uint32_t>(id);
  Killer by{.user = killer.user, .any_session = false, .login = login_of(killer)};
  const KillOutcome as_own = co_await on_worker(owner, kill_there(owner, known_id, by, scope));
  if (as_own != KillOutcome::kNotOwner) co_return as_own;
  by.any_session = co_await may_kill_others(killer, owner, known_id);
  if (!by.any_session) co_return KillOutcome::kNotOwner;
  const KillOutcome outcome = co_await on_worker(owner, kill_there(owner, known_id, by, scope));
  co_return outcome;
}

}  // namespace causeway::proxy
