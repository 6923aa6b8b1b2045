#include "proxy/backend/server_kill.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/backend/ask.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/cancel_after.h"
#include "proxy/backend/shard.h"

namespace causeway::proxy {

namespace {

constexpr uint16_t kErNoSuchThread = 1094;  // it has ended by itself

// Nothing if it is killed, or was gone; else what is in the way.
Awaitable<std::optional<std::string>> send_kill(BackendConnection& connection, std::string_view sql) {
  const Answer<AskedOk> answer = co_await ask_ok(connection, sql);
  const bool is_gone = !answer && answer.error().refusal && answer.error().refusal->code == kErNoSuchThread;
  if (answer || is_gone) co_return std::nullopt;
  co_return answer.error().reason;
}

Awaitable<std::optional<std::string>> try_kill(Shard& shard, ServerThread thread, std::string sql,
                                               AccountLogin login) {
  CancelAfter watch(shard.io(), Clock::now() + shard.config().timeouts.connect);
  const ConnectResult opened =
      co_await connect_backend(shard, thread.node, login.key, *login.credentials, watch.connection());
  if (!opened.connection) {
    const bool as_monitor = login.key->user == shard.config().monitor.user;
    if (opened.access_denied && as_monitor) shard.services().monitor_account->refused();
    co_return opened.reason;
  }
  if (opened.connection->server.incarnation != thread.server_incarnation) co_return std::nullopt;
  watch.connection() = opened.connection.get();
  std::optional<std::string> failure = co_await send_kill(*opened.connection, sql);
  watch.connection() = nullptr;
  co_return failure;
}

}  // namespace

Awaitable<void> kill_on_server(Shard& shard, ServerThread thread, KillScope scope, AccountLogin other) {
  AccountLogin monitor;
  monitor.key = std::make_shared<const PoolKey>(PoolKey{
      .user = shard.config().monitor.user, .capabilities = 0, .collation = 45, .credentials_version = 0});
  monitor.credentials = shard.services().monitor_account->credentials();
  const std::string id = std::to_string(thread.id);
  const std::string sql = (scope == KillScope::kQuery ? "KILL QUERY " : "KILL ") + id;
  std::optional<std::string> failure = co_await try_kill(shard, thread, sql, monitor);
  if (failure && other.credentials != nullptr) failure = co_await try_kill(shard, thread, sql, other);
  if (!failure) co_return;
  shard.logger().warning(
      "a statement on a server could not be killed",
      {{"node", to_string(shard.config().nodes[thread.node].address)}, {"thread", id}, {"reason", *failure}});
}

ServerThread thread_of(const BackendConnection& connection) {
  return {.node = connection.node,
          .server_incarnation = connection.server.incarnation,
          .id = connection.server.thread_id};
}

void abort_statement(Shard& shard, const BackendConnection& connection, AccountLogin own) {
  asio::co_spawn(shard.io(),
                 kill_on_server(shard, thread_of(connection), KillScope::kConnection, std::move(own)),
                 asio::detached);
}

}  // namespace causeway::proxy
