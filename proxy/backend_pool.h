// The connections of one worker to one node.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/backend_connection.h"
#include "proxy/connection_budget.h"
#include "proxy/metrics.h"

namespace causeway::proxy {

// A connection is in use, or idle. An idle one still belongs to the lease of the session that used it last,
// which takes it back without ado; only when connections run short is it given to somebody else, who then
// resets it. Used by its worker's thread only.
class BackendPool {
 public:
  // The budget and the metrics outlive the pool. `on_free` is called when a connection or a place in the
  // budget became free while somebody waits.
  BackendPool(ConnectionBudget& budget, NodeMetrics& metrics, std::function<void()> on_free)
      : budget_(budget), metrics_(metrics), on_free_(std::move(on_free)) {}
  ~BackendPool();
  BackendPool(const BackendPool&) = delete;
  BackendPool& operator=(const BackendPool&) = delete;

  // The lease's own connection, if it still has it here, idle: now in use. Null otherwise.
  BackendConnection* take_own(BackendLease& lease);

  // An idle connection with this key, the one that was idle longest; its former lease loses it. In use and
  // marked for a reset. `without_schema`: only one that has no current schema, since no command takes it
  // away.
  BackendConnection* take_idle(const PoolKey& key, bool without_schema, BackendLease& lease);

  // A place for one more connection: from the budget, else by closing an idle one with another key. False:
  // there is none.
  bool reserve();
  void cancel_reservation();

  // A new connection, for which reserve() made place; in use.
  BackendConnection* add(std::unique_ptr<BackendConnection> connection, BackendLease& lease);

  // Not in use any more, and still its lease's own.
  void put_back(BackendConnection& connection);

  // The session is gone or does not need it any more: anybody may have it.
  void abandon(BackendLease& lease);

  // Closes it, in use or not; its lease loses it.
  void close(BackendConnection& connection);

  void close_idle();
  void close_idle_since(Clock::time_point before);

  // Closes one idle connection that may be given away, if there is one.
  bool shed_one();

  size_t size() const { return connections_.size(); }
  size_t in_use() const { return in_use_; }
  const std::vector<std::unique_ptr<BackendConnection>>& connections() const { return connections_; }

 private:
  void take(BackendConnection& connection, BackendLease& lease);

  ConnectionBudget& budget_;
  NodeMetrics& metrics_;
  std::function<void()> on_free_;
  std::vector<std::unique_ptr<BackendConnection>> connections_;
  boost::intrusive::list<BackendConnection> idle_;  // longest idle first
  size_t in_use_ = 0;
};

}  // namespace causeway::proxy
