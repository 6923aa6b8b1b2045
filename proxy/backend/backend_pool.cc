#include "proxy/backend/backend_pool.h"

#include <array>
#include <string_view>
#include <utility>

#include "protocol/command.h"
#include "proxy/base/free_memory.h"

namespace causeway::proxy {
namespace {

template <class List>
BackendConnection* front(List& list) {
  return list.empty() ? nullptr : &list.front();
}

BackendConnection* front(PoolGroup& group, const std::string& schema) {
  const auto found = group.schemas.find(schema);
  return found == group.schemas.end() ? nullptr : front(found->second.idle);
}

// One of nobody's before one that somebody may come back for; then one that is in the schema already. One
// without a schema comes last: those who need none can take no other.
BackendConnection* choose(PoolGroup& group, const std::string& schema, SchemaUse use) {
  static const std::string kNone;
  BackendConnection* const in_none = front(group, kNone);
  if (use == SchemaUse::kNone || (schema.empty() && use == SchemaUse::kCurrent)) return in_none;
  BackendConnection* const fitting = schema.empty() ? nullptr : front(group, schema);
  const std::array<BackendConnection*, 3> candidates = {fitting, front(group.in_a_schema), in_none};
  BackendConnection* chosen = nullptr;
  for (BackendConnection* candidate : candidates) {
    if (candidate == nullptr) continue;
    if (candidate->lease == nullptr) return candidate;
    if (chosen == nullptr) chosen = candidate;
  }
  return chosen;
}

}  // namespace

size_t BackendPool::KeyHash::operator()(const PoolKey& key) const {
  const std::hash<std::string_view> hash_text;
  const auto mix = [](size_t seed, size_t value) { return (seed ^ value) * size_t{0x9E3779B97F4A7C15}; };
  size_t hash = mix(hash_text(key.user), hash_text(key.client_address));
  hash = mix(hash, static_cast<size_t>(key.lasting_capabilities()));
  return mix(hash, static_cast<size_t>(key.credentials_version) + (key.requires_tls ? 1 : 0));
}

void BackendConnection::say_goodbye() {
  protocol::Buffer goodbye;
  protocol::append_command(goodbye, protocol::Command::kQuit, {}, capabilities);
  stream.close_after(goodbye);
}

BackendPool::~BackendPool() {
  while (!connections_.empty())
    close(*connections_.back(), CloseReason::kWorkerEnds);
}

PooledConnection BackendPool::take(BackendConnection& connection, BackendLease& lease) {
  connection.place.leased.count(metrics_.leases_in_use, true);
  connection.in_use = true;
  connection.keep = false;
  connection.lease = &lease;
  lease.connection = &connection;
  ++in_use_;
  metrics_.leases.add();
  return PooledConnection(*this, connection);
}

// It is idle, and anybody may have it: but for one of a session that reads the log, which is its own.
void BackendPool::offer(BackendConnection& connection) {
  if (connection.key->for_replication) return;
  enter_schema_group(connection);
  idle_.push_back(connection);
  if (connection.server.ran_init_connect) return;
  SchemaGroup& schema = *connection.place.schema_group;
  auto& in_a_schema = connection.place.group->in_a_schema;
  if (connection.lease == nullptr) {
    schema.idle.push_front(connection);
    if (!schema.name->empty()) in_a_schema.push_front(connection);
  } else {
    schema.idle.push_back(connection);
    if (!schema.name->empty()) in_a_schema.push_back(connection);
  }
}

void BackendPool::withdraw(BackendConnection& connection) {
  if (!connection.idle_hook.is_linked()) return;
  idle_.erase(idle_.iterator_to(connection));
  if (!connection.schema_hook.is_linked()) return;
  auto& of_schema = connection.place.schema_group->idle;
  of_schema.erase(of_schema.iterator_to(connection));
  if (!connection.any_schema_hook.is_linked()) return;
  auto& in_a_schema = connection.place.group->in_a_schema;
  in_a_schema.erase(in_a_schema.iterator_to(connection));
}

// A group stays while a connection in use may come back to it, so that statements cost no allocation.
void BackendPool::enter_schema_group(BackendConnection& connection) {
  if (connection.place.schema_group != nullptr &&
      *connection.place.schema_group->name == connection.state.schema)
    return;
  leave_schema_group(connection);
  const auto [group, added] = connection.place.group->schemas.try_emplace(connection.state.schema);
  if (added) group->second.name = &group->first;
  ++group->second.connections;
  connection.place.schema_group = &group->second;
}

void BackendPool::leave_schema_group(BackendConnection& connection) {
  SchemaGroup* const left = std::exchange(connection.place.schema_group, nullptr);
  if (left != nullptr && --left->connections == 0)
    connection.place.group->schemas.erase(connection.place.group->schemas.find(*left->name));
}

PooledConnection BackendPool::take_own(BackendLease& lease) {
  BackendConnection* const connection = lease.connection;
  if (connection == nullptr || connection->in_use) return {};
  withdraw(*connection);
  return take(*connection, lease);
}

PooledConnection BackendPool::take_idle(const PoolKey& key, const std::string& schema, SchemaUse use,
                                        BackendLease& lease) {
  const auto group = groups_.find(key);
  if (group == groups_.end()) return {};
  const auto baseline = group->second.baselines.find(key.collation);
  if (baseline == group->second.baselines.end()) return {};
  BackendConnection* const connection = choose(group->second, schema, use);
  if (connection == nullptr) return {};
  if (connection->lease != nullptr) connection->lease->connection = nullptr;
  withdraw(*connection);
  connection->state.needs_reset = true;
  connection->server.baseline = baseline->second;
  if (connection->state.last_insert_id != nullptr && !connection->state.last_insert_id->certain) {
    connection->state.former_last_insert_id = connection->state.last_insert_id;
    connection->state.former_last_insert_id->pending = true;
  }
  connection->state.last_insert_id.reset();
  return take(*connection, lease);
}

bool BackendPool::reserve(const PoolKey& key) {
  ConnectionBudget& budget = budgets_.of(key);
  if (budget.try_take()) return true;
  // What is idle has a place of the statements'.
  return !key.for_replication && shed_one() && budget.try_take();
}

void BackendPool::cancel_reservation(const PoolKey& key) {
  ConnectionBudget& budget = budgets_.of(key);
  budget.give_back();
  if (budget.has_waiters()) on_free_();
}

PooledConnection BackendPool::add(std::unique_ptr<BackendConnection> connection, BackendLease& lease) {
  BackendConnection* const added = connection.get();
  added->place.index = connections_.size();
  connections_.push_back(std::move(connection));
  added->place.group = &groups_[*added->key];
  ++added->place.group->connections;
  // After init_connect it is not what a reset leads to.
  if (!added->server.ran_init_connect)
    added->place.group->baselines.insert_or_assign(added->key->collation, added->server.baseline);
  metrics_.opens.add();
  added->place.open = GaugeShare(metrics_.connections);
  return take(*added, lease);
}

void BackendPool::end_use(BackendConnection& connection) {
  if (connection.in_use) --in_use_;
  connection.in_use = false;
  if (connection.use != nullptr) connection.use->connection_ = nullptr;
  connection.use = nullptr;
}

void BackendPool::put_back(BackendConnection& connection) {
  end_use(connection);
  connection.idle_since = Clock::now();
  shrink(connection.out);
  if (connection.keep) return;
  connection.place.leased.end();
  offer(connection);
  if (budgets_.statements.has_waiters()) on_free_();
}

void BackendPool::abandon(BackendLease& lease) {
  BackendConnection* connection = std::exchange(lease.connection, nullptr);
  if (connection == nullptr) return;
  if (connection->server.ran_init_connect) {
    connection->lease = nullptr;
    return close(*connection, CloseReason::kInitConnect);
  }
  if (connection->key->for_replication) {
    connection->lease = nullptr;
    return close(*connection, CloseReason::kSessionEnds);
  }
  withdraw(*connection);
  connection->place.leased.end();
  end_use(*connection);
  connection->lease = nullptr;
  connection->keep = false;
  connection->state.needs_reset = true;
  connection->state.last_insert_id.reset();
  connection->idle_since = Clock::now();
  offer(*connection);
  if (budgets_.statements.has_waiters()) on_free_();
}

void BackendPool::close(BackendConnection& connection, CloseReason reason) {
  on_close_(connection, reason);
  const std::shared_ptr<const PoolKey> key = connection.key;
  if (connection.lease != nullptr) connection.lease->connection = nullptr;
  withdraw(connection);
  const bool was_in_use = connection.in_use;
  end_use(connection);
  leave_schema_group(connection);
  if (--connection.place.group->connections == 0) groups_.erase(groups_.find(*connection.key));
  if (was_in_use) {
    connection.stream.close();
  } else {
    connection.say_goodbye();
  }
  metrics_.closes.add();
  const size_t index = connection.place.index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->place.index = index;
  connections_.pop_back();
  cancel_reservation(*key);
}

void BackendPool::close_idle() {
  while (!idle_.empty())
    close(idle_.front(), CloseReason::kServerGone);
}

void BackendPool::close_kept() {
  for (size_t i = connections_.size(); i > 0; --i) {
    if (connections_[i - 1]->keep) close(*connections_[i - 1], CloseReason::kServerGone);
  }
}

void BackendPool::close_idle_since(Clock::time_point before) {
  while (!idle_.empty() && idle_.front().idle_since < before)
    close(idle_.front(), CloseReason::kIdle);
}

void BackendPool::close_idle_of_other(uint64_t incarnation) {
  for (auto at = idle_.begin(); at != idle_.end();) {
    BackendConnection& connection = *at++;
    if (!connection.keep && connection.server.incarnation != incarnation)
      close(connection, CloseReason::kServerReplaced);
  }
}

bool BackendPool::shed_one() {
  if (idle_.empty()) return false;
  close(idle_.front(), CloseReason::kPlaceNeeded);
  return true;
}

bool BackendPool::shed_one_of(const std::string& user) {
  for (BackendConnection& connection : idle_) {
    if (connection.key->user != user) continue;
    close(connection, CloseReason::kPlaceNeeded);
    return true;
  }
  return false;
}

}  // namespace causeway::proxy
