// Watches the nodes: one thread and one connection per node, so that a node that hangs delays nobody else.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/cluster/cluster_view.h"
#include "proxy/cluster/monitor_account.h"
#include "proxy/cluster/native_client.h"

namespace causeway::proxy {

struct MonitorOptions {
  struct Node {
    std::string host;
    uint16_t port = 3306;
    std::string unix_socket;  // instead of host and port, if not empty
  };

  std::vector<Node> nodes;
  std::shared_ptr<MonitorAccount> account;
  protocol::TlsMode tls = protocol::TlsMode::kPreferred;
  std::string tls_ca;
  std::string tls_certificate;
  std::string tls_key;
  std::chrono::milliseconds interval{250};
  std::chrono::milliseconds connect_timeout{
      1000};  // also how long one answer may take; whole seconds, rounded up
  std::optional<std::chrono::milliseconds> rejoin_max_lag;  // see next_health()
};

// "host:port", "[::1]:port", or the path of the Unix socket.
std::string node_name(const MonitorOptions::Node& node);

// Connects to a node with the monitor's account. If the password is refused its file is read again, and if it
// is another one then, it is tried at once.
NativeResult<void> connect_to_node(NativeClient& client, const MonitorOptions& options, size_t node);

class ClusterMonitor {
 public:
  // `state` outlives the monitor. What happens to the cluster is logged, by one thread at a time.
  ClusterMonitor(MonitorOptions options, ClusterState& state, Logger logger);
  ~ClusterMonitor();  // stop()
  ClusterMonitor(const ClusterMonitor&) = delete;
  ClusterMonitor& operator=(const ClusterMonitor&) = delete;

  // A node in service that answers, but does not let the monitor in (its password was changed, it has too
  // many connections), stays what it was, and the log says so again and again.
  //
  // Once. Every node is polled at once, then every interval; a failed poll is tried again at once.
  void start();

  // Ends and joins all threads: at once for those that wait or query, after connect_timeout for those that
  // connect.
  void stop();

  // Waits until every node was polled once, well or not, and that view is published, or until the deadline.
  // Whether it is. Any thread.
  bool wait_first_view(std::chrono::steady_clock::time_point deadline);

  // Polls all nodes now instead of at the next interval: after a worker has seen a server fail. Any thread;
  // several calls before the poll are one.
  void poll_now();

  // A connection to this node led to another server than the one that is polled: poll_now(), that one over a
  // new connection. Any thread.
  void look_anew(size_t node);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway::proxy
