// What one worker's thread has in common: its view of the cluster, its server connections, its counters.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "consistency/position.h"
#include "proxy/backend/backend_pool.h"
#include "proxy/backend/cluster_knowledge.h"
#include "proxy/backend/node_refusals.h"
#include "proxy/backend/services.h"
#include "proxy/metrics/metrics.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/net/io.h"
#include "proxy/net/waiter.h"

namespace causeway::proxy {

class GlobalProbe;

// Indexes in Config::nodes.
using NodeSet = std::bitset<kMaxNodes>;

// Everything but the members marked "any thread" belongs to the worker's own thread. It knows no session:
// what waits is a Waiter.
class Shard {
 public:
  Shard(Services& services, size_t index, asio::io_context& io);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  Services& services() { return services_; }
  const Config& config() const { return services_.config; }
  const Logger& logger() const { return services_.logger; }
  WorkerMetrics& metrics() { return metrics_; }
  const WorkerMetrics& metrics() const { return metrics_; }  // any thread
  BufferPool& buffers() { return buffers_; }
  BackendPool& pool(size_t node) { return *pools_[node]; }
  size_t index() const { return index_; }
  asio::io_context& io() { return io_; }  // any thread

  // Asks the writer for its position; its owner, which outlives the sessions, has set it.
  GlobalProbe& probe() { return *probe_; }
  void set_probe(GlobalProbe& probe) { probe_ = &probe; }

  // Any thread: contexts for connections from now on; those that stand keep theirs.
  void set_tls(TlsContext client, TlsContext server);
  const TlsContext& client_tls() const { return client_tls_; }  // null: no TLS towards clients
  const TlsContext& server_tls() const { return server_tls_; }  // null: no TLS towards servers

  // Any thread: the first one in the line for a connection to this node tries again.
  void wake_first_in_line(size_t node);
  // Any thread: another worker is short of connections to this node.
  void shed(size_t node);
  // Any thread: the server has no room for a connection of another worker: an idle one is closed.
  void give_back_one(size_t node);
  // Likewise, no room for another one of this account.
  void give_back_one_of(size_t node, const std::string& user);

  // What is known of it now.
  ClusterKnowledge& cluster() { return cluster_; }

  // What time it is, for what is about to be decided by what is known of the cluster: see ClusterKnowledge.
  // A standstill is told, and the monitor asks at once.
  void note_time(Clock::time_point now);

  // A replica that has the position, as far as is known, or one that can be expected to get there in time.
  // kNoNode if there is none.
  size_t replica_with(const consistency::Position& target, std::chrono::milliseconds timeout,
                      std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except);

  // The replica for a session that has none: of two taken at random the one with fewer statements under way
  // (weights counted). kNoNode if there is none that is usable: see ClusterKnowledge::replica_usable().
  size_t pick_replica(std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except, bool trusts);

  // The replica for a session that is to read a replica's binary log: one that is not late, if there is one;
  // of these the one that the fewest streams are read from, then the one with the fewest connections of this
  // worker. kNoNode if there is none, see
  // ClusterKnowledge::is_log_source().
  size_t pick_log_source(const NodeSet& except);

  // What a replica has refused a moment ago to the session's account: it is not asked again. Null: nothing.
  const ClientError* refusal(size_t node, const PoolKey& key);
  void refused(size_t node, const PoolKey& key, const ClientError& error);

  // Suspends the caller until something about the cluster or the connections to a node has changed, or its
  // deadline is over.
  Awaitable<void> wait_for_change(Waiter& waiter);

  // Suspends the caller, which has this ticket of the node's line, until it is the first and a place may be
  // free, or its deadline is over.
  Awaitable<void> wait_for_place(Waiter& waiter, uint64_t ticket, size_t node);

  // For BackendConnection::prepared: never the same twice.
  uint64_t next_incarnation() { return ++incarnation_; }

  // A connection failed or could not be opened: the monitor looks at once.
  void suspect(size_t node);
  // A new connection led to another server than the monitor's: it looks at once, over a new one.
  void look_anew(size_t node);

  // How many accounts are being asked for their rights: see ask_rights().
  size_t& rights_questions() { return rights_questions_; }

  // For the worker, which calls it again and again. True: the view of the cluster is another one than before.
  bool on_tick(Clock::time_point now);
  // For the worker, once, on its thread, before anything else.
  void start();

 private:
  void tell_closed(const BackendConnection& connection, CloseReason reason);
  void on_view_change();
  void give_up_on_dead_nodes(Clock::time_point now);
  void wake_waiting();
  void on_free(size_t node);
  void wake_in_line(size_t node, uint64_t ticket);

  Services& services_;
  uint32_t index_;
  asio::io_context& io_;
  TlsContext client_tls_;
  TlsContext server_tls_;
  WorkerMetrics& metrics_;
  BufferPool buffers_;
  GlobalProbe* probe_ = nullptr;
  ClusterKnowledge cluster_;
  uint64_t seen_view_version_ = 0;
  std::vector<std::unique_ptr<BackendPool>> pools_;   // by node
  std::vector<NodeRefusals> refusals_;                // by node
  std::vector<Clock::time_point> unreachable_since_;  // by node; max() while it is reachable
  std::vector<Waiter*> waiting_;                      // in wait_for_change()
  struct InLine {
    size_t node;
    uint64_t ticket;
    Waiter* waiter;
  };
  std::vector<InLine> in_line_;  // in wait_for_place()
  std::minstd_rand random_;
  uint64_t incarnation_ = 0;
  size_t rights_questions_ = 0;
  Clock::time_point next_idle_sweep_;
};

}  // namespace causeway::proxy
