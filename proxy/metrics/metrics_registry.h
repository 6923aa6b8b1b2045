// All workers' counters, and how they are shown: Prometheus families and Aurora's status variables.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/metrics/metrics.h"

namespace causeway::proxy {

// One node as the monitor sees it, for the gauges.
struct NodeGauges {
  std::string node;  // "host:port"
  std::string role;  // "writer", "replica", "unknown"
  std::string version;
  bool up = false;
  bool monitor_refused = false;                  // it answers, but does not let the monitor in
  bool usable = false;                           // takes part in routing
  std::optional<std::chrono::microseconds> lag;  // of a replica; nothing: unknown
  bool has_source = false;                       // it has a lag, known or not
  bool replicates = false;                       // its applier runs
  uint64_t max_connections = 0;                  // 0: unknown
  std::optional<uint64_t> open_connections;      // of everybody; nothing: unknown
};

// One client that reads the binary log, for the gauges.
struct StreamGauges {
  std::string server_id;
  std::string client;  // its address, without a port
  std::chrono::seconds lag{0};
};

// Of how many streams the lag is shown.
inline constexpr size_t kMaxStreamsShown = 100;

// At most kMaxStreamsShown, no two with the same server id and client. As ClusterGauges.
using LogStreamGauges = std::function<std::vector<StreamGauges>()>;

// In the order of Config::nodes. Called on the thread that scrapes; must not wait for a lock of the data
// path.
using ClusterGauges = std::function<std::vector<NodeGauges>()>;

// Owns the counters. Made before the workers and destroyed after them.
class MetricsRegistry final : public prometheus::Collectable {
 public:
  // `node_names` are the values of the label `node`, in the order of Config::nodes; at most kMaxNodes.
  MetricsRegistry(size_t workers, std::vector<std::string> node_names, ClusterGauges cluster = {},
                  LogStreamGauges streams = {});

  // The counters of one worker; only its thread may write them.
  WorkerMetrics& worker(size_t index) { return workers_[index]; }

  // The counters of the listeners; only the thread that accepts may write them.
  WorkerMetrics& listeners() { return workers_[worker_count_]; }

  // The sum over all workers, and the listeners, of what `pick` takes from one: sum([](const WorkerMetrics&
  // w) { return w.clients.sessions.value(); })
  template <class Pick>
  auto sum(Pick pick) const {
    decltype(pick(workers_[0])) total{};
    for (size_t i = 0; i <= worker_count_; ++i)
      total += pick(workers_[i]);
    return total;
  }

  // Everything, for the text serializer. Takes no lock; may be called from any thread.
  std::vector<prometheus::MetricFamily> Collect() const override;

  // SHOW GLOBAL STATUS LIKE 'Aurora_fwd%': names and values, sorted by name.
  std::vector<std::pair<std::string_view, uint64_t>> aurora_status() const;

 private:
  size_t worker_count_;
  std::unique_ptr<WorkerMetrics[]> workers_;  // and, as the last, the listeners
  std::vector<std::string> node_names_;
  ClusterGauges cluster_;
  LogStreamGauges streams_;
};

// Resident memory, CPU seconds, open files and start time of this process (process_*), from /proc.
std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace causeway::proxy
