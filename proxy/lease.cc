#include "proxy/lease.h"

#include <chrono>
#include <memory>
#include <utility>

#include "proxy/backend_connector.h"
#include "proxy/client_login.h"
#include "proxy/worker.h"

namespace causeway::proxy {
namespace {

// A connection that was idle for longer may have been closed by the server: worth one system call to find out
// even for a read, which could be tried again.
constexpr std::chrono::milliseconds kIdleWithoutCheck{100};

// A server that lives takes a login within this time.
constexpr std::chrono::milliseconds kAnswerPatience{1000};

// While it waits, other workers are asked for what they do not need.
Awaitable<void> wait_for_place(ClientSession& session, size_t node, Clock::time_point deadline) {
  Worker& worker = session.worker;
  ConnectionBudget& budget = worker.environment().budgets[node];
  worker.node_metrics(node).queue_waits.add();
  budget.add_waiter();
  for (const auto& other : worker.environment().workers) {
    if (other.get() != &worker) other->shed(node);
  }
  const DeadlineScope scope(session, deadline);
  co_await worker.wait_for_change(session);
  budget.remove_waiter();
}

Awaitable<AcquireResult> open(ClientSession& session, size_t node, BackendLease& lease) {
  Worker& worker = session.worker;
  BackendPool& pool = worker.pool(node);
  AcquireResult acquired;
  ConnectResult opened;
  {
    const DeadlineScope scope(session, Clock::now() + worker.config().timeouts.connect);
    opened =
        co_await connect_backend(worker, node, session.pool_key, *session.credentials, session.in_flight);
    if (opened.access_denied && renew_credentials(session)) {
      opened =
          co_await connect_backend(worker, node, session.pool_key, *session.credentials, session.in_flight);
    }
  }
  session.in_flight = nullptr;
  if (opened.connection) {
    opened.connection->incarnation = worker.next_incarnation();
    acquired.connection = pool.add(std::move(opened.connection), lease);
    const bool forgets_login = session.was_reset && acquired.connection->ran_init_connect;
    if (session.handshake_collation_forgotten || forgets_login) acquired.connection->needs_reset = true;
    co_return acquired;
  }
  pool.cancel_reservation();
  worker.node_metrics(node).open_failures.add();
  acquired.reason = session.timed_out ? std::string("timeout while connecting") : std::move(opened.reason);
  acquired.refusal = std::move(opened.refusal);
  if (acquired.refusal) worker.refused(node, *session.pool_key, *acquired.refusal);
  acquired.failure = acquired.refusal ? AcquireResult::Failure::kRefused : AcquireResult::Failure::kNodeDown;
  co_return acquired;
}

}  // namespace

namespace {

// A schema cannot be left, only changed for another.
bool has_schema_to_leave(const ClientSession& session, const BackendLease& lease, SchemaUse use) {
  return use == SchemaUse::kCurrent && session.schema.empty() && !lease.connection->schema.empty() &&
         !lease.connection->keep;
}

// COM_RESET_CONNECTION brings back the character sets of a connection's own handshake on MariaDB, and a
// session that has forgotten its own sets none.
bool can_take_over(const ClientSession& session, size_t node) {
  // What a login does, a reset does not.
  if (!session.was_reset && session.worker.view().nodes[node].init_connect) return false;
  return !session.handshake_collation_forgotten || session.worker.view().flavor != ServerFlavor::kMariadb;
}

}  // namespace

BackendConnection* acquire_own(ClientSession& session, size_t node, BackendLease& lease, SchemaUse use,
                               bool must_be_alive) {
  if (!lease || lease.connection->node != node || has_schema_to_leave(session, lease, use)) return nullptr;
  if (!lease.connection->keep && !session.worker.is_current(*lease.connection)) return nullptr;
  if (Clock::now() - lease.connection->idle_since >= kIdleWithoutCheck) return nullptr;
  if (must_be_alive && !lease.connection->stream.is_quiet()) return nullptr;
  return session.worker.pool(node).take_own(lease);
}

Awaitable<AcquireResult> acquire(ClientSession& session, size_t node, BackendLease& lease, SchemaUse use,
                                 Clock::time_point deadline) {
  Worker& worker = session.worker;
  if (lease && (lease.connection->node != node || has_schema_to_leave(session, lease, use)))
    worker.pool(lease.connection->node).abandon(lease);
  BackendPool& pool = worker.pool(node);
  AcquireResult acquired;
  for (;;) {
    const bool state_lives_there = lease && lease.connection->keep;
    BackendConnection* connection = pool.take_own(lease);
    if (connection == nullptr && can_take_over(session, node))
      connection = pool.take_idle(*session.pool_key, session.schema, use, lease);
    if (connection != nullptr) {
      const bool is_current = state_lives_there || worker.is_current(*connection);
      if (is_current && connection->stream.is_quiet()) {
        acquired.connection = connection;
        co_return acquired;
      }
      pool.close(*connection);
      if (!state_lives_there) continue;
      acquired.failure = AcquireResult::Failure::kStateLost;
      acquired.reason = "the server has closed the connection";
      co_return acquired;
    }
    if (const ClientError* refusal = worker.refusal(node, *session.pool_key); refusal != nullptr) {
      acquired.failure = AcquireResult::Failure::kRefused;
      acquired.refusal = *refusal;
      co_return acquired;
    }
    if (pool.reserve()) {
      acquired = co_await open(session, node, lease);
      co_return acquired;
    }
    if (Clock::now() >= deadline || session.closing) {
      acquired.failure = AcquireResult::Failure::kFull;
      co_return acquired;
    }
    co_await wait_for_place(session, node, deadline);
  }
}

Awaitable<bool> still_answers(ClientSession& session, size_t node) {
  constexpr uint16_t kShutdown = 1053;
  constexpr uint16_t kUnreachable = 2003;
  const DeadlineScope scope(session, Clock::now() + kAnswerPatience);
  const ConnectResult opened = co_await connect_backend(session.worker, node, session.pool_key,
                                                        *session.credentials, session.in_flight);
  session.in_flight = nullptr;
  const bool refuses =
      opened.refusal && opened.refusal->code != kShutdown && opened.refusal->code != kUnreachable;
  co_return opened.connection != nullptr || refuses;
}

void give_back(ClientSession& session) {
  Worker& worker = session.worker;
  for (BackendLease* lease : {&session.writer, &session.replica}) {
    if (!*lease) continue;
    BackendConnection& connection = *lease->connection;
    BackendPool& pool = worker.pool(connection.node);
    const bool locks =
        (connection.status & protocol::status::kInTransaction) != 0 || session.pins.whole_session();
    if (connection.in_use || locks || connection.ran_opaque) {
      pool.close(connection);
    } else {
      pool.abandon(*lease);
    }
  }
}

}  // namespace causeway::proxy
