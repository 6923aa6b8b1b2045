// The connections of one worker to one node.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/backend/backend_connection.h"
#include "proxy/backend/close_reason.h"
#include "proxy/backend/connection_budget.h"
#include "proxy/backend/pooled_connection.h"
#include "proxy/metrics/metrics.h"

namespace causeway::proxy {

template <PoolHook BackendConnection::*kHook>
using ConnectionList =
    boost::intrusive::list<BackendConnection,
                           boost::intrusive::member_hook<BackendConnection, PoolHook, kHook>,
                           boost::intrusive::constant_time_size<false>>;

// Idle connections of one group that are in the same schema. Those that belong to nobody stand first, then
// those that were idle longest.
struct SchemaGroup {
  const std::string* name = nullptr;  // empty: in none
  size_t connections = 0;             // idle or in use, that were in this schema when they were last idle
  ConnectionList<&BackendConnection::schema_hook> idle;
};

// Connections with equal keys.
struct PoolGroup {
  size_t connections = 0;  // idle or in use
  std::unordered_map<std::string, SchemaGroup> schemas;
  ConnectionList<&BackendConnection::any_schema_hook> in_a_schema;  // idle, in the same order
  // What logins with these collations begin with; by it a connection is made one of theirs.
  std::unordered_map<uint8_t, ConnectionBaseline> baselines;
};

// How a command that is about to run depends on the session's schema.
enum class SchemaUse : uint8_t {
  kCurrent,  // it runs in the session's schema, or in none
  kAny,      // it sets the schema, or does not look at it
  kNone,     // it runs in none, whatever the session's is
};

// The places at a node: see Services.
struct NodeBudgets {
  ConnectionBudget& statements;
  ConnectionBudget& replication;

  ConnectionBudget& of(const PoolKey& key) const { return key.for_replication ? replication : statements; }
};

// A connection is in use, or idle. An idle one still belongs to the lease of the session that used it last,
// which takes it back without ado, unless somebody else needed it and has taken it, who then resets it. Used
// by its worker's thread only. Every operation takes constant time, however many connections there are, but
// for those that close several, which take as long as they close.
class BackendPool {
 public:
  using OnClose = std::function<void(const BackendConnection&, CloseReason)>;

  // The budgets and the metrics outlive the pool. `on_free` is called when a connection or a place in a
  // budget became free while somebody waits, `on_close` for each connection while it is closed.
  BackendPool(NodeBudgets budgets, NodeMetrics& metrics, std::function<void()> on_free, OnClose on_close)
      : budgets_(budgets), metrics_(metrics), on_free_(std::move(on_free)), on_close_(std::move(on_close)) {}
  ~BackendPool();
  BackendPool(const BackendPool&) = delete;
  BackendPool& operator=(const BackendPool&) = delete;

  // The lease's own connection, if it still has it here, idle: now in use. Empty otherwise.
  PooledConnection take_own(BackendLease& lease);

  // An idle connection with this key: one that belongs to nobody if there is one, and in this schema if there
  // is one; else the one that was idle longest, whose former lease loses it. In use and marked for a reset,
  // after which its character sets are those of the key's collation. None of which the login ran
  // init_connect. With kNone, or an empty schema and kCurrent, only one that is in none, since no command
  // takes a schema away.
  PooledConnection take_idle(const PoolKey& key, const std::string& schema, SchemaUse use,
                             BackendLease& lease);

  // A place for one more connection with this key: from its budget, else by closing an idle one with another
  // key. False: there is none.
  bool reserve(const PoolKey& key);
  void cancel_reservation(const PoolKey& key);

  // A new connection, for which reserve() made place; in use.
  PooledConnection add(std::unique_ptr<BackendConnection> connection, BackendLease& lease);

  // Not in use any more, and still its lease's own.
  void put_back(BackendConnection& connection);

  // The session is gone or does not need it any more: anybody may have it. One that nobody else can take is
  // closed.
  void abandon(BackendLease& lease);

  // Closes it, in use or not; its lease loses it.
  void close(BackendConnection& connection, CloseReason reason);

  // The server is gone. Closes the idle ones that may be given away; those that may not.
  void close_idle();
  void close_kept();
  void close_idle_since(Clock::time_point before);

  // Closes idle connections to other incarnations of the server than this one. Those with something of their
  // session in them stay until that session asks for them.
  void close_idle_of_other(uint64_t incarnation);

  // Closes one idle connection that may be given away, if there is one.
  bool shed_one();
  // One of this account's. Looks at all idle ones: for an account that is at its limit.
  bool shed_one_of(const std::string& user);

  size_t size() const { return connections_.size(); }
  size_t in_use() const { return in_use_; }
  const std::vector<std::unique_ptr<BackendConnection>>& connections() const { return connections_; }

 private:
  struct KeyHash {
    size_t operator()(const PoolKey& key) const;
  };

  PooledConnection take(BackendConnection& connection, BackendLease& lease);
  void end_use(BackendConnection& connection);
  void offer(BackendConnection& connection);
  void withdraw(BackendConnection& connection);
  void enter_schema_group(BackendConnection& connection);
  void leave_schema_group(BackendConnection& connection);

  NodeBudgets budgets_;
  NodeMetrics& metrics_;
  std::function<void()> on_free_;
  OnClose on_close_;
  std::vector<std::unique_ptr<BackendConnection>> connections_;
  std::unordered_map<PoolKey, PoolGroup, KeyHash> groups_;
  ConnectionList<&BackendConnection::idle_hook> idle_;  // that may be given away, longest idle first
  size_t in_use_ = 0;
};

}  // namespace causeway::proxy
