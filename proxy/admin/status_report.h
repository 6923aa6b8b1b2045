// The cluster and the counters in words, for the log, /readyz and /status.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "proxy/cluster/cluster_view.h"
#include "proxy/metrics/metrics_registry.h"
#include "proxy/replication/attached_streams.h"

namespace causeway::proxy {

// "writer 127.0.0.1:3306; replicas 127.0.0.1:3307, 127.0.0.1:3308; down 127.0.0.1:3309 (Connection refused)"
std::string describe_roles(const ClusterView& view);

// Whether a statement could be served: there is a writer, or a node that takes reads.
bool can_serve(const ClusterView& view);

// Why no stream of the binary log could be served now; nothing: one could, from the writer.
std::optional<std::string> no_stream_reason(const ClusterView& view);

// For the metrics.
std::vector<NodeGauges> node_gauges(const ClusterView& view);

// For the metrics: at most kMaxStreamsShown of the streams whose lag is known, the oldest first; of several
// with the same server id and client the one that is most behind.
std::vector<StreamGauges> stream_gauges(const std::vector<StreamStatus>& streams);

// The JSON object of AdminHandlers::status.
std::string status_json(const ClusterView& view, const MetricsRegistry& metrics,
                        const std::vector<StreamStatus>& streams, bool ready, const std::string& reason,
                        std::chrono::duration<double> uptime);

}  // namespace causeway::proxy
