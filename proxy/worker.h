// One thread with its own sessions, server connections and counters.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "consistency/replica_progress.h"
#include "consistency/wait_statement.h"
#include "proxy/backend_pool.h"
#include "proxy/buffer_pool.h"
#include "proxy/client_session.h"
#include "proxy/cluster_view.h"
#include "proxy/environment.h"
#include "proxy/global_probe.h"
#include "proxy/io.h"
#include "proxy/kill.h"
#include "proxy/metrics.h"
#include "proxy/node_refusals.h"

namespace causeway::proxy {

// Indexes in Config::nodes.
using NodeSet = std::bitset<kMaxNodes>;

// Everything but the members marked "any thread" belongs to the worker's own thread.
class Worker {
 public:
  Worker(Environment& environment, size_t index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread. start() runs the thread; stop() cancels every session. The thread goes on, for others that
  // ask it about its sessions, until release(); join() waits for its end.
  void start();
  void stop();
  void release();
  void join();

  // Any thread: a client has connected.
  void accept(Socket socket, const ListenerConfig& listener, PeerAddress peer);

  // Any thread: contexts for connections from now on; those that stand keep theirs.
  void set_tls(TlsContext client, TlsContext server);
  const TlsContext& client_tls() const { return client_tls_; }  // null: no TLS towards clients
  const TlsContext& server_tls() const { return server_tls_; }  // null: no TLS towards servers

  // Any thread: no new sessions; those that are idle outside a transaction are told goodbye.
  void drain();

  // Any thread: the first one in the line for a connection to this node tries again.
  void wake_first_in_line(size_t node);
  // Any thread: another worker is short of connections to this node.
  void shed(size_t node);
  // Any thread: the server has no room for a connection of another worker: an idle one is closed.
  void give_back_one(size_t node);
  // Likewise, no room for another one of this account.
  void give_back_one_of(size_t node, const std::string& user);

  Environment& environment() { return environment_; }
  const Config& config() const { return environment_.config; }
  const Logger& logger() const { return environment_.logger; }
  WorkerMetrics& metrics() { return metrics_; }
  const WorkerMetrics& metrics() const { return metrics_; }  // any thread
  NodeMetrics& node_metrics(size_t node) { return metrics_.nodes[node]; }
  BufferPool& buffers() { return buffers_; }
  BackendPool& pool(size_t node) { return *pools_[node]; }
  GlobalProbe& probe() { return probe_; }
  asio::io_context& io() { return io_; }
  // Sessions, those on their way here included. Any thread.
  uint32_t session_count() const { return assigned_.load(std::memory_order_relaxed); }

  // The cluster as it is known now; valid until the next call.
  const ClusterView& view() { return cluster_.view(); }
  consistency::WaitDialect wait_dialect(size_t node);

  // What time it is, for what is about to be decided by what is known of the cluster: as long as the worker
  // stood still (its process was stopped, or got no processor) nothing was heard of it.
  void note_time(Clock::time_point now);

  // Rises when what was learned of the node's position before means nothing any more: NodeView::position_era,
  // or the worker stood still.
  uint64_t position_era(size_t node) { return view().nodes[node].position_era + standstills_; }

  // The monitor has heard of the node within its time, and since the worker stood still last. Else the node
  // may have lost what it was known to have.
  bool is_heard_of(size_t node);

  // What a node is known to have executed: the monitor's poll, or what a wait on it has shown since that was
  // asked for. Nothing while it is not heard of.
  const consistency::Position& known_position(size_t node);
  // A wait on this connection has shown it. `era` is position_era() when the wait was planned.
  void learned_position(const BackendConnection& connection, uint64_t era,
                        const consistency::Position& position);

  // The connection leads to the server that the monitor sees at the node's address now.
  bool is_current(const BackendConnection& connection) {
    return connection.server_incarnation == view().nodes[connection.node].incarnation;
  }

  // It leads to the server that is the writer now. True as well while there is no writer.
  bool is_to_writer(const BackendConnection& connection) {
    const int writer = view().writer;
    return writer < 0 || (connection.node == static_cast<size_t>(writer) && is_current(connection));
  }

  // How it keeps up with the writer.
  consistency::ReplicaProgress& progress(size_t node);

  // A replica that has the position, as far as is known, or one that can be expected to get there in time.
  // kNoNode if there is none.
  size_t replica_with(const consistency::Position& target, std::chrono::milliseconds timeout,
                      std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except);

  // The replica for a session that has none: of two taken at random the one with fewer statements under way
  // (weights counted). kNoNode if there is none within `max_lag`. `trusts`: its position has to be one that
  // can be trusted (NodeView::consistent). Where routing.reads_on_writer is "always" the writer is as good as
  // a replica.
  size_t pick_replica(std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except, bool trusts);
  bool replica_usable(size_t node, std::optional<std::chrono::milliseconds> max_lag, bool trusts);

  // What a replica has refused a moment ago to the session's account: it is not asked again. Null: nothing.
  const ClientError* refusal(size_t node, const PoolKey& key);
  void refused(size_t node, const PoolKey& key, const ClientError& error);

  // Suspends the caller until something about the cluster or the connections to a node has changed, or its
  // deadline is over.
  Awaitable<void> wait_for_change(Waiter& waiter);

  // Suspends the caller, which has this ticket of the node's line, until it is the first and a place may be
  // free, or its deadline is over.
  Awaitable<void> wait_for_place(Waiter& waiter, uint64_t ticket, size_t node);
  size_t index() const { return index_; }

  // For BackendConnection::incarnation: never the same twice.
  uint64_t next_incarnation() { return ++incarnation_; }

  // A connection failed or could not be opened: the monitor looks at once.
  void suspect(size_t node);
  // A new connection led to another server than the monitor's: it looks at once, over a new one.
  void look_anew(size_t node);

  // When the worker looked at the clock last; at most some 50 ms ago unless it is overloaded.
  Clock::time_point tick() const { return tick_; }

  // How many accounts are being asked for their rights: see ask_rights().
  size_t& rights_questions() { return rights_questions_; }

  // All of this worker's sessions, those that log in included.
  using SessionList = boost::intrusive::list<ClientSession, boost::intrusive::constant_time_size<false>>;
  const SessionList& sessions() const { return sessions_; }

  // KILL of the session with this id: see kill_session(), which finds the worker.
  KillOutcome kill(uint32_t id, const Killer& killer, KillScope scope);

  // What a server does for a client that is gone is ended, its locks are freed: by KILL with the monitor's
  // account, or the session's own. The connection is closed by the caller.
  void abort_statement(const ClientSession& session, const BackendConnection& connection);

  // The writer is another server than the one that the session's connection is to: what the session has there
  // is given up, so that it holds up nobody there. Its next statement says so.
  void leave_former_writer(ClientSession& session);

  // Of the last server that was the writer, as of its last poll; null if none was ever known.
  const consistency::Position* last_known_writer_position();

  // Makes the metrics' gauges say what the session is now. Behind every command.
  void count_session(ClientSession& session);

 private:
  Awaitable<void> run_session(Socket socket, const ListenerConfig& listener, PeerAddress peer);
  Awaitable<void> watch();
  void on_tick(Clock::time_point now);
  void on_view_change();
  void leave_former_writers();
  void give_up_on_dead_nodes(Clock::time_point now);
  void look_for_lost_clients(Clock::time_point now);
  void wake_waiting();
  void on_free(size_t node);
  void wake_in_line(size_t node, uint64_t ticket);
  void note_progress(size_t node, const consistency::Position& known);
  void update_known(size_t node);
  static void cancel(ClientSession& session);

  Environment& environment_;
  uint32_t index_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> busy_{io_.get_executor()};
  asio::steady_timer watch_timer_;
  TlsContext client_tls_;
  TlsContext server_tls_;
  WorkerMetrics& metrics_;
  BufferPool buffers_;
  ClusterReader cluster_;
  uint64_t seen_view_version_ = 0;
  int last_writer_ = -1;                             // index of the last server that was the writer
  std::vector<std::unique_ptr<BackendPool>> pools_;  // by node
  struct KnownPosition {
    uint64_t view_version = 0;
    uint64_t era = 0;  // position_era()
    Clock::time_point learned_at;
    consistency::Position position;
  };
  std::vector<KnownPosition> known_;  // by node
  const consistency::Position nothing_known_;
  std::vector<consistency::ReplicaProgress> progress_;  // by node
  std::vector<NodeRefusals> refusals_;                  // by node
  std::vector<Clock::time_point> unreachable_since_;    // by node; max() while it is reachable
  GlobalProbe probe_;
  SessionList sessions_;
  std::vector<Waiter*> waiting_;  // in wait_for_change()
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
  Clock::time_point tick_ = Clock::now();
  Clock::time_point heard_since_;  // what is older than this was known before the worker stood still
  uint64_t standstills_ = 0;
  std::atomic<uint32_t> assigned_{0};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace causeway::proxy
