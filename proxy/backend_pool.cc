#include "proxy/backend_pool.h"

#include <utility>

namespace causeway::proxy {

BackendPool::~BackendPool() {
  while (!connections_.empty())
    close(*connections_.back());
}

void BackendPool::take(BackendConnection& connection, BackendLease& lease) {
  connection.in_use = true;
  connection.keep = false;
  connection.lease = &lease;
  lease.connection = &connection;
  ++in_use_;
  metrics_.leases.add();
  metrics_.leases_in_use.add();
}

BackendConnection* BackendPool::take_own(BackendLease& lease) {
  BackendConnection* connection = lease.connection;
  if (connection == nullptr || connection->in_use) return nullptr;
  idle_.erase(idle_.iterator_to(*connection));
  take(*connection, lease);
  return connection;
}

BackendConnection* BackendPool::take_idle(const PoolKey& key, bool without_schema, BackendLease& lease) {
  for (BackendConnection& connection : idle_) {
    if (without_schema && !connection.schema.empty()) continue;
    if (connection.keep || (connection.key.get() != &key && *connection.key != key)) continue;
    if (connection.lease != nullptr) connection.lease->connection = nullptr;
    idle_.erase(idle_.iterator_to(connection));
    connection.needs_reset = true;
    if (connection.last_insert_id != nullptr && !connection.last_insert_id->certain) {
      connection.former_last_insert_id = connection.last_insert_id;
      connection.former_last_insert_id->pending = true;
    }
    connection.last_insert_id.reset();
    take(connection, lease);
    return &connection;
  }
  return nullptr;
}

bool BackendPool::reserve() {
  if (budget_.try_take()) return true;
  return shed_one() && budget_.try_take();
}

void BackendPool::cancel_reservation() {
  budget_.give_back();
  if (budget_.has_waiters()) on_free_();
}

BackendConnection* BackendPool::add(std::unique_ptr<BackendConnection> connection, BackendLease& lease) {
  BackendConnection* added = connection.get();
  added->index = connections_.size();
  connections_.push_back(std::move(connection));
  metrics_.opens.add();
  metrics_.connections.add();
  take(*added, lease);
  return added;
}

void BackendPool::put_back(BackendConnection& connection) {
  connection.in_use = false;
  connection.idle_since = Clock::now();
  --in_use_;
  metrics_.leases_in_use.subtract();
  idle_.push_back(connection);
  if (!connection.keep && budget_.has_waiters()) on_free_();
}

void BackendPool::abandon(BackendLease& lease) {
  BackendConnection* connection = std::exchange(lease.connection, nullptr);
  if (connection == nullptr) return;
  connection->lease = nullptr;
  connection->keep = false;
  connection->needs_reset = true;
  connection->last_insert_id.reset();
  if (connection->in_use) put_back(*connection);
  if (budget_.has_waiters()) on_free_();
}

void BackendPool::close(BackendConnection& connection) {
  if (connection.lease != nullptr) connection.lease->connection = nullptr;
  if (connection.in_use) {
    --in_use_;
    metrics_.leases_in_use.subtract();
  } else {
    idle_.erase(idle_.iterator_to(connection));
  }
  connection.stream.close();
  metrics_.closes.add();
  metrics_.connections.subtract();
  const size_t index = connection.index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  cancel_reservation();
}

void BackendPool::close_idle() {
  while (!idle_.empty())
    close(idle_.front());
}

void BackendPool::close_idle_since(Clock::time_point before) {
  for (auto at = idle_.begin(); at != idle_.end() && at->idle_since < before;) {
    BackendConnection& connection = *at++;
    if (!connection.keep) close(connection);
  }
}

bool BackendPool::shed_one() {
  for (BackendConnection& connection : idle_) {
    if (connection.keep) continue;
    close(connection);
    return true;
  }
  return false;
}

}  // namespace causeway::proxy
