#include "proxy/admin/status_report.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>

#include "proxy/base/build_info.h"

namespace causeway::proxy {
namespace {

void append_name(std::string& list, const std::string& name) {
  if (!list.empty()) list.append(", ");
  list.append(name);
}

double seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

boost::json::object node_json(const NodeView& node, size_t index, const MetricsRegistry& metrics) {
  boost::json::object json;
  json["name"] = node.name;
  json["role"] = std::string(to_string(node.role));
  json["up"] = node.reachable;
  json["monitor_refused"] = node.monitor_refused;
  json["usable"] = node.usable_for_reads;
  json["consistent"] = node.consistent;
  if (node.lag) json["lag_seconds"] = seconds(*node.lag);
  json["version"] = node.facts.server_version;
  json["position"] = node.executed.to_string();
  json["statements"] =
      metrics.sum([index](const WorkerMetrics& w) { return w.nodes[index].statements.value(); });
  json["connections"] =
      metrics.sum([index](const WorkerMetrics& w) { return w.nodes[index].connections.value(); });
  json["leases"] =
      metrics.sum([index](const WorkerMetrics& w) { return w.nodes[index].leases_in_use.value(); });
  if (!node.last_error.empty()) json["last_error"] = node.last_error;
  return json;
}

boost::json::object stream_json(const StreamStatus& stream, const ClusterView& view) {
  const StreamReader& reader = stream.reader;
  boost::json::object json;
  json["server_id"] = reader.server_id;
  json["uuid"] = reader.uuid.empty() ? boost::json::value() : boost::json::value(reader.uuid);
  json["user"] = reader.user;
  json["client"] = address_of(reader);
  json["session"] = reader.session;
  json["mode"] = reader.mode == StreamMode::kGtid ? "gtid" : "position";
  json["until_end"] = reader.until_end;
  json["since"] = since_of(reader);
  json["file"] = stream.file;
  json["position"] = stream.position;
  json["gtid"] = stream.last_gtid;
  json["transactions"] = stream.transactions;
  json["bytes"] = stream.bytes;
  json["last_event"] = stream.last_event == 0 ? boost::json::value() : boost::json::value(stream.last_event);
  json["lag_seconds"] = stream.lag ? boost::json::value(stream.lag->count()) : boost::json::value();
  json["node"] = nullptr;
  json["lag_bytes"] = nullptr;
  if (!stream.node || *stream.node >= view.nodes.size()) return json;
  const NodeView& source = view.nodes[*stream.node];
  json["node"] = source.name;
  if (const auto bytes = lag_bytes(stream, source.facts.end_of_log)) json["lag_bytes"] = *bytes;
  return json;
}

}  // namespace

std::string describe_roles(const ClusterView& view) {
  std::string replicas;
  std::string down;
  std::string others;
  for (const NodeView& node : view.nodes) {
    if (!node.reachable) {
      append_name(down, node.last_error.empty() ? node.name : node.name + " (" + node.last_error + ")");
    } else if (node.role == NodeRole::kReplica) {
      append_name(replicas,
                  node.usable_for_reads ? node.name : node.name + " (" + node.unusable_reason + ")");
    } else if (node.role != NodeRole::kWriter) {
      append_name(others, node.name + " (" + std::string(to_string(node.role)) + ")");
    }
  }
  const NodeView* writer = view.writer_node();
  std::string text =
      writer != nullptr ? "writer " + writer->name : "no writer (" + view.no_writer_reason + ")";
  text += replicas.empty() ? "; no replicas" : "; replicas " + replicas;
  if (!others.empty()) text += "; others " + others;
  if (!down.empty()) text += "; down " + down;
  return text;
}

bool can_serve(const ClusterView& view) {
  return view.has_writer() || std::ranges::any_of(view.nodes, [](const NodeView& node) {
           return node.reachable && node.usable_for_reads;
         });
}

std::optional<std::string> no_stream_reason(const ClusterView& view) {
  const NodeView* writer = view.writer_node();
  if (writer == nullptr) return "no writer (" + view.no_writer_reason + ")";
  if (!writer->reachable)
    return "writer " + writer->name + " does not answer" +
           (writer->last_error.empty() ? "" : " (" + writer->last_error + ")");
  if (!writer->facts.binary_log) return "writer " + writer->name + " writes no binary log";
  return std::nullopt;
}

std::vector<NodeGauges> node_gauges(const ClusterView& view) {
  std::vector<NodeGauges> gauges;
  for (const NodeView& node : view.nodes) {
    gauges.push_back({.node = node.name,
                      .role = std::string(to_string(node.role)),
                      .version = node.facts.server_version,
                      .up = node.reachable,
                      .monitor_refused = node.monitor_refused,
                      .usable = node.usable_for_reads,
                      .lag = node.role == NodeRole::kReplica ? node.lag : std::nullopt,
                      .has_source = node.has_source,
                      .replicates = node.replication_running,
                      .max_connections = node.facts.max_connections,
                      .open_connections = node.facts.connections.open});
  }
  return gauges;
}

std::vector<StreamGauges> stream_gauges(const std::vector<StreamStatus>& streams) {
  std::vector<StreamGauges> gauges;
  for (const StreamStatus& stream : streams) {
    if (!stream.lag) continue;
    const std::string server_id = std::to_string(stream.reader.server_id);
    const auto same = std::ranges::find_if(gauges, [&](const StreamGauges& gauge) {
      return gauge.server_id == server_id && gauge.client == stream.reader.host;
    });
    if (same != gauges.end()) {
      same->lag = std::max(same->lag, *stream.lag);
    } else if (gauges.size() < kMaxStreamsShown) {
      gauges.push_back({.server_id = server_id, .client = stream.reader.host, .lag = *stream.lag});
    }
  }
  return gauges;
}

std::string status_json(const ClusterView& view, const MetricsRegistry& metrics,
                        const std::vector<StreamStatus>& streams, bool ready, const std::string& reason,
                        std::chrono::duration<double> uptime) {
  boost::json::object json;
  json["version"] = std::string(version());
  json["uptime_seconds"] = uptime.count();
  json["ready"] = ready;
  json["reason"] = reason;
  json["sessions"] = metrics.sum([](const WorkerMetrics& w) { return w.clients.sessions.value(); });
  json["forwarding_sessions"] =
      metrics.sum([](const WorkerMetrics& w) { return w.clients.forwarding_sessions.value(); });
  boost::json::array nodes;
  for (size_t i = 0; i < view.nodes.size(); ++i)
    nodes.push_back(node_json(view.nodes[i], i, metrics));
  json["nodes"] = std::move(nodes);
  boost::json::object statements;
  constexpr std::array kTargets = {StatementTarget::kWriter, StatementTarget::kReplica,
                                   StatementTarget::kLocal, StatementTarget::kRejected};
  for (const StatementTarget target : kTargets) {
    statements[std::string(to_string(target))] = metrics.sum([target](const WorkerMetrics& w) {
      uint64_t total = 0;
      for (const Counter& counter : w.statements[static_cast<size_t>(target)])
        total += counter.value();
      return total;
    });
  }
  json["statements"] = std::move(statements);
  boost::json::object waits;
  waits["count"] =
      metrics.sum([](const WorkerMetrics& w) { return w.consistency.read_waits.total.count.value(); });
  waits["seconds"] = static_cast<double>(metrics.sum([](const WorkerMetrics& w) {
                       return w.consistency.read_waits.total.microseconds.value();
                     })) /
                     1e6;
  waits["timeouts"] = metrics.sum([](const WorkerMetrics& w) {
    uint64_t total = 0;
    for (const Counter& counter : w.consistency.read_wait_timeouts)
      total += counter.value();
    return total;
  });
  json["read_waits"] = std::move(waits);
  boost::json::array readers;
  for (const StreamStatus& stream : streams)
    readers.push_back(stream_json(stream, view));
  json["streams"] = std::move(readers);
  return boost::json::serialize(json);
}

}  // namespace causeway::proxy
