// Causeway's data path on one thread, between scripted clients and scripted servers.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/backend/services.h"
#include "proxy/backend/shard.h"
#include "proxy/cluster/cluster_view.h"
#include "proxy/config/config.h"
#include "proxy/metrics/metrics_registry.h"
#include "proxy/session/session_directory.h"
#include "proxy/worker.h"
#include "tests/support/scripted_client.h"
#include "tests/support/scripted_server.h"
#include "tests/support/virtual_clock.h"

namespace causeway::test {

struct HarnessOptions {
  Flavor flavor = Flavor::kMysql;
  size_t replicas = 1;
  uint32_t connections = 10;       // to each node
  bool rsa_key = false;            // clients can send whole passwords; takes a while to make
  bool client_tls = false;         // is offered to clients
  bool server_tls = false;         // is demanded of servers, which have it
  bool database_accounts = false;  // usual_database_accounts() instead of the configuration's users
  std::function<void(proxy::Config&)> configure = {};
};

// What the pools, the budgets and the gauges say.
struct Books {
  struct Node {
    size_t connections = 0;  // in the pool
    size_t in_use = 0;
    uint32_t budget_used = 0;
    bool waiters = false;           // of the budget, or in the line
    int64_t gauge_connections = 0;  // causeway_server_connections
    int64_t gauge_leases_in_use = 0;
    size_t at_server = 0;   // that the server has open: fewer if it has closed some that lie idle
    size_t of_monitor = 0;  // beside these: the probe's, a KILL's

    friend bool operator==(const Node&, const Node&) = default;
  };
  std::vector<Node> nodes;  // the writer first
  size_t sessions = 0;      // in the directory
  uint32_t open_sessions = 0;
  int64_t gauge_sessions = 0;
  int64_t gauge_forwarding = 0;
  int64_t gauge_on_writer = 0;
  int64_t gauge_pinned = 0;

  // What is not as it should be once all clients have gone; empty if everything is. One connection to the
  // writer may stay beside those of the pool: GLOBAL reads ask over it.
  std::string unbalanced() const;

  friend bool operator==(const Books&, const Books&) = default;
};
std::ostream& operator<<(std::ostream& out, const Books& books);

// One worker without its thread, as production has it from accepted socket to server; a cluster of one writer
// (node 0) and replicas; the accounts "app" and "other" with the password "secret". There is no monitor: what
// it would see is view(), told by publish(). Time stands still but for advance().
class Harness {
 public:
  explicit Harness(HarnessOptions options = {});
  ~Harness();
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  ScriptedServer& server(size_t node) { return *servers_[node]; }
  ScriptedServer& writer() { return *servers_[0]; }
  ScriptedServer& replica(size_t index = 0) { return *servers_[index + 1]; }
  size_t nodes() const { return servers_.size(); }

  // A client that has a connection, and waits for its greeting. It must not outlive the harness.
  std::unique_ptr<ScriptedClient> connect();
  // And has logged in.
  std::unique_ptr<ScriptedClient> connect_and_log_in();

  // Runs everything until nothing is left to do at this moment.
  void settle();
  // Lets time go by: ticks of the worker, timers, polls of the monitor.
  void advance(std::chrono::milliseconds time);
  // Until it is true, letting time go by while nothing happens. Servers that hang are found to be down by the
  // monitor after three seconds. False: it is not true after a minute, longer than any deadline here.
  bool wait_until(const std::function<bool()>& predicate);

  // Runs a coroutine to its end, letting time go by while nothing happens.
  template <class T>
  T run(proxy::Awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(shard().io(), std::move(work), [&result](const std::exception_ptr& error, T value) {
      if (error) std::rethrow_exception(error);
      result = std::move(value);
    });
    if (!wait_until([&result] { return result.has_value(); })) throw std::logic_error("it does not end");
    return std::move(*result);
  }
  void run(proxy::Awaitable<void> work) {
    bool ended = false;
    boost::asio::co_spawn(shard().io(), std::move(work), [&ended](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
      ended = true;
    });
    if (!wait_until([&ended] { return ended; })) throw std::logic_error("it does not end");
  }

  // What the monitor knows; publish() makes it known.
  proxy::ClusterView& view() { return view_; }
  void publish();
  // As after a poll of all nodes: their positions are those of the servers now.
  void poll();

  proxy::Shard& shard() { return *services_.shards.front(); }
  proxy::Services& services() { return services_; }
  proxy::Worker& worker() { return *worker_; }
  proxy::WorkerMetrics& metrics() { return shard().metrics(); }
  // Of the client that connected last; there has to be one.
  proxy::ClientSession& session() { return sessions_.workers().front()->list().back(); }
  // Why sessions have ended, in the order in which they have.
  std::vector<std::string> ends() const;
  const std::vector<std::string>& log() const { return log_; }
  bool log_has(std::string_view text) const;

  Books books();
  // Lets clients and what they have begun come to an end, and says what the books have against it.
  std::string settle_books();

  // Whatever was wrong with servers is over.
  void heal();

  // Of clients.
  void forget(ScriptedClient& client);

 private:
  static proxy::Config make_config(const HarnessOptions& options,
                                   const std::vector<std::unique_ptr<ScriptedServer>>& servers);
  static std::vector<std::unique_ptr<ScriptedServer>> make_servers(const HarnessOptions& options);
  void describe_cluster();
  void run_timers();

  VirtualClock clock_;
  std::vector<std::unique_ptr<ScriptedServer>> servers_;
  std::vector<ScriptedClient*> clients_;
  std::vector<std::string> log_;
  proxy::Config config_;
  proxy::ClusterState cluster_;
  proxy::ClusterView view_;
  proxy::MetricsRegistry metrics_;
  proxy::SessionDirectory sessions_;
  proxy::Services services_;
  std::unique_ptr<proxy::Worker> worker_;
  bool hangs_are_seen_ = false;
  std::chrono::milliseconds since_poll_{0};
};

}  // namespace causeway::test
