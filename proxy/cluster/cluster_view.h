// What the monitor knows of the cluster, as an immutable value, and how workers get at it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consistency/node_index.h"
#include "consistency/position.h"
#include "protocol/capability_flags.h"
#include "protocol/server_flavor.h"
#include "proxy/cluster/connection_count.h"
#include "proxy/cluster/server_identity.h"
#include "proxy/cluster/session_defaults.h"

namespace causeway::proxy {

using protocol::flavor_of;
using protocol::ServerFlavor;

using consistency::kNoNode;
using consistency::NodeIndex;

enum class NodeRole : uint8_t {
  kUnknown,   // not heard of yet, down, or a second writable server that nobody follows
  kWriter,    // takes the writes
  kReplica,   // replicates, or is a secondary of a replication group
  kReadOnly,  // read-only, and replicates from nobody
};

std::string_view to_string(NodeRole role);  // "unknown", "writer", "replica", "read-only"

// What a server says of itself when it is polled.
struct ServerFacts {  // NOLINT(clang-analyzer-optin.performance.Padding): ordered for its readers
  ServerFlavor flavor = ServerFlavor::kMysql;
  std::string server_version;
  uint32_t server_version_number = 0;          // 80403
  protocol::CapabilityFlags capabilities = 0;  // of its handshake
  uint8_t default_collation = 0;               // of its handshake
  bool read_only = false;                      // read_only, super_read_only or innodb_read_only
  bool binary_log = false;
  bool logs_updates = false;  // what it applies as a replica is in its binary log, too
  uint64_t max_connections = 0;
  ConnectionCount connections;
  // Of its own binary log, if it may be the writer and the monitor may ask; a lower bound.
  std::optional<consistency::BinlogCoordinates> end_of_log;
  std::string sql_mode;       // the global one
  bool init_connect = false;  // there is one: logins run it, resets do not
  SessionDefaults defaults;   // by its global variables

  friend bool operator==(const ServerFacts&, const ServerFacts&) = default;
};

// One configured node. Facts are of its last good poll; a node that is out keeps them.
struct NodeView {    // NOLINT(clang-analyzer-optin.performance.Padding): ordered for its readers
  std::string name;  // "host:port", or the path of its Unix socket
  ServerFacts facts;

  bool reachable = false;  // in service: it answers, or has missed one poll only
  // It answered the last poll, but did not let the monitor in: what is known of it is of before.
  bool monitor_refused = false;
  NodeRole role = NodeRole::kUnknown;

  // Reads may be sent here. Replicas: the applier runs (the receiver may be down, so that reads go on while
  // the writer is) and its source is not another writer. Not a statement about lag: a replica whose lag is
  // unknown is usable for reads that wait for a position, and not for reads with a max_lag.
  bool usable_for_reads = false;
  std::string unusable_reason;  // why not, for people

  // Its position can be trusted: reads at SESSION and GLOBAL may be sent here. Not before it is known that
  // the writer has all that this replica has.
  bool consistent = true;
  std::string inconsistent_reason;  // why not; empty while it is only not known yet

  bool replication_running = false;  // the applier runs
  bool receiver_running = false;     // it is connected to its source
  bool has_source = false;           // it replicates by a channel, and so has a lag, known or not
  // Of replicas: an upper bound of how far they were behind the writer when they were polled (WriterHistory);
  // nothing: unknown. 0 for the writer.
  std::optional<std::chrono::milliseconds> lag;
  consistency::Position executed;  // of the cluster's position kind; a lower bound; kNone: unknown
  std::chrono::steady_clock::time_point polled_at;  // when `executed` and `lag` were asked for

  ServerIdentity identity;

  // Rises when another server, or a new process of the same one, answers at the address, and when its
  // executed position went back. Connections that were opened under another number lead elsewhere, or to
  // data that is not what it was. 0: never heard of.
  uint64_t incarnation = 0;
  // A number for the time in which what the node has executed can be compared with what it had before. Who
  // remembers a position of the node keeps this number with it; with another one it means nothing. Rises with
  // the incarnation, and when positions come to mean something else (another kind; coordinates of another
  // writer's log).
  uint64_t position_era = 0;

  std::string last_error;  // of the last failed poll; empty if the last poll went well

  friend bool operator==(const NodeView&, const NodeView&) = default;
};

// All nodes, in the order of the configuration.
struct ClusterView {
  uint64_t version = 0;  // 0 before the first poll of every node, then rising
  std::vector<NodeView> nodes;
  NodeIndex writer = kNoNode;    // kNoNode: there is none
  std::string no_writer_reason;  // while there is none
  // Rises whenever another server, or another incarnation of the same one, becomes writer; not when one only
  // goes away.
  uint64_t writer_epoch = 0;

  ServerFlavor flavor = ServerFlavor::kMysql;  // of the writer, else of any reachable node
  consistency::PositionKind position_kind = consistency::PositionKind::kNone;

  bool has_writer() const { return writer != kNoNode; }
  const NodeView* writer_node() const { return has_writer() ? &nodes[writer] : nullptr; }

  // Those that may answer a question that every node can: the writer first, then the others in service.
  std::vector<NodeIndex> nodes_to_ask() const;
};

// Where the monitor publishes and everybody else reads. Thread-safe.
class ClusterState {
 public:
  using ViewPtr = std::shared_ptr<const ClusterView>;

  ClusterState();

  // Replaces the view. One publisher at a time, rising versions.
  void publish(const ViewPtr& view);

  // Of the current view: one acquire load.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Never null; before the first publish an empty view of version 0. Takes a lock.
  ViewPtr current() const;

 private:
  std::atomic<uint64_t> version_ = 0;
  mutable std::mutex mutex_;  // of view_
  ViewPtr view_;
};

// A worker's own copy of the pointer: costs one atomic load unless there is a new view. One thread.
class ClusterReader {
 public:
  explicit ClusterReader(const ClusterState& state) : state_(state), view_(state.current()) {}

  // The current view; valid until the next call. Keep pin() across suspensions.
  const ClusterView& view() {
    if (state_.version() != view_->version) view_ = state_.current();
    return *view_;
  }
  ClusterState::ViewPtr pin() {
    view();
    return view_;
  }

 private:
  const ClusterState& state_;
  ClusterState::ViewPtr view_;
};

}  // namespace causeway::proxy
