#include "proxy/metrics/metrics_registry.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <type_traits>
#include <utility>

#include "proxy/base/build_info.h"

namespace causeway::proxy {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Appends the families of one registry. Each function takes what to read from one worker and sums it over
// all.
class FamilyBuilder {
 public:
  explicit FamilyBuilder(std::vector<MetricFamily>& families) : families_(families) {}

  void begin(std::string name, std::string help, MetricType type) {
    families_.push_back({.name = std::move(name), .help = std::move(help), .type = type, .metric = {}});
  }

  void value(double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    add(std::move(metric));
  }

  void add(ClientMetric metric) { families_.back().metric.push_back(std::move(metric)); }

  void counter(std::string name, std::string help, double amount) {
    begin(std::move(name), std::move(help), MetricType::Counter);
    value(amount);
  }
  void gauge(std::string name, std::string help, double amount) {
    begin(std::move(name), std::move(help), MetricType::Gauge);
    value(amount);
  }

 private:
  std::vector<MetricFamily>& families_;
};

ClientMetric::Label label(std::string name, std::string_view value) {
  return {.name = std::move(name), .value = std::string(value)};
}

double seconds(uint64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;
}

template <class Number>
double total(const MetricsRegistry& registry, Number WorkerMetrics::*number) {
  return static_cast<double>(
      registry.sum([number](const WorkerMetrics& worker) { return (worker.*number).value(); }));
}

template <class Part, class Number>
double total(const MetricsRegistry& registry, Part WorkerMetrics::*part, Number Part::*number) {
  return static_cast<double>(
      registry.sum([part, number](const WorkerMetrics& worker) { return (worker.*part.*number).value(); }));
}

uint64_t count_of(const MetricsRegistry& registry, TimedCounter ForwardingCounters::*timed) {
  return registry.sum([timed](const WorkerMetrics& w) { return (w.forwarding.*timed).count.value(); });
}

uint64_t microseconds_of(const MetricsRegistry& registry, TimedCounter ForwardingCounters::*timed) {
  return registry.sum([timed](const WorkerMetrics& w) { return (w.forwarding.*timed).microseconds.value(); });
}

// One sample per value of an enum: `numbers_of` takes the array of its counters from a worker's.
template <class Enum, class NumbersOf>
void by_enum(FamilyBuilder& builder, const MetricsRegistry& registry, const std::string& label_name,
             NumbersOf numbers_of) {
  using Numbers = std::remove_cvref_t<decltype(numbers_of(std::declval<const WorkerMetrics&>()))>;
  for (size_t i = 0; i < std::tuple_size_v<Numbers>; ++i) {
    const auto sum = registry.sum([&](const WorkerMetrics& worker) { return numbers_of(worker)[i].value(); });
    builder.value(static_cast<double>(sum), {label(label_name, to_string(static_cast<Enum>(i)))});
  }
}

void collect_statements(FamilyBuilder& builder, const MetricsRegistry& registry) {
  builder.begin("causeway_statements_total", "Statements by where they ran and what they are.",
                MetricType::Counter);
  for (size_t target = 0; target < kStatementTargets; ++target) {
    for (size_t kind = 0; kind < kStatementKinds; ++kind) {
      const uint64_t sum =
          registry.sum([&](const WorkerMetrics& worker) { return worker.statements[target][kind].value(); });
      builder.value(static_cast<double>(sum),
                    {label("target", to_string(static_cast<StatementTarget>(target))),
                     label("class", to_string(static_cast<StatementKind>(kind)))});
    }
  }
  builder.counter("causeway_mistaken_hints_total", "Routing hints that were not understood.",
                  total(registry, &WorkerMetrics::mistaken_hints));
  builder.counter("causeway_statement_errors_total", "Errors of servers passed on to clients.",
                  total(registry, &WorkerMetrics::statement_errors));
}

void collect_forwarding(FamilyBuilder& builder, const MetricsRegistry& registry) {
  const auto both = [&](auto read) {
    builder.value(read(&ForwardingCounters::dml), {label("class", "dml")});
    builder.value(read(&ForwardingCounters::select), {label("class", "select")});
  };
  builder.begin("causeway_forwarded_statements_total", "Statements of forwarding sessions run on the writer.",
                MetricType::Counter);
  both([&](auto timed) { return static_cast<double>(count_of(registry, timed)); });
  builder.begin("causeway_forwarded_statement_seconds_total",
                "The time that these statements took on the writer.", MetricType::Counter);
  both([&](auto timed) { return seconds(microseconds_of(registry, timed)); });

  builder.begin(
      "causeway_forwarding_errors_total",
      "Statements not forwarded: the writer's connection budget was used up (session_limit), the "
      "transaction had been idle too long (session_timeout), no connection to the writer (rpc_timeout).",
      MetricType::Counter);
  builder.value(total(registry, &WorkerMetrics::forwarding, &ForwardingCounters::errors_session_limit),
                {label("reason", "session_limit")});
  builder.value(total(registry, &WorkerMetrics::forwarding, &ForwardingCounters::errors_session_timeout),
                {label("reason", "session_timeout")});
  builder.value(total(registry, &WorkerMetrics::forwarding, &ForwardingCounters::errors_rpc_timeout),
                {label("reason", "rpc_timeout")});
}

ClientMetric read_wait_histogram(const MetricsRegistry& registry) {
  ClientMetric metric;
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= kReadWaitBounds.size(); ++i) {
    cumulative += registry.sum(
        [i](const WorkerMetrics& worker) { return worker.consistency.read_waits.buckets[i].value(); });
    if (i < kReadWaitBounds.size())
      metric.histogram.bucket.push_back(
          {.cumulative_count = cumulative, .upper_bound = seconds(kReadWaitBounds[i])});
  }
  // Not the count of its own counter: buckets and count have to agree while the workers go on counting.
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = seconds(registry.sum(
      [](const WorkerMetrics& worker) { return worker.consistency.read_waits.total.microseconds.value(); }));
  return metric;
}

void collect_consistency(FamilyBuilder& builder, const MetricsRegistry& registry) {
  builder.begin("causeway_read_wait_seconds", "Time that reads waited for their replica to catch up.",
                MetricType::Histogram);
  builder.add(read_wait_histogram(registry));
  builder.begin("causeway_read_wait_timeouts_total", "Waits that timed out, by what was done then.",
                MetricType::Counter);
  by_enum<consistency::TimeoutPolicy>(
      builder, registry, "policy",
      [](const WorkerMetrics& w) -> const auto& { return w.consistency.read_wait_timeouts; });
  builder.counter("causeway_reads_without_wait_total",
                  "SESSION and GLOBAL reads whose replica was known to have what they ask for.",
                  total(registry, &WorkerMetrics::consistency, &ConsistencyCounters::reads_without_wait));
  builder.counter("causeway_probes_total", "Questions to the writer for its position.",
                  total(registry, &WorkerMetrics::consistency, &ConsistencyCounters::probes_sent));
  builder.counter("causeway_probe_reads_total", "GLOBAL reads served by those questions.",
                  total(registry, &WorkerMetrics::consistency, &ConsistencyCounters::probe_reads));
  builder.counter("causeway_tokens_dropped_total",
                  "Positions dropped because the writer does not have them (after a failover).",
                  total(registry, &WorkerMetrics::consistency, &ConsistencyCounters::tokens_dropped));
  builder.counter(
      "causeway_tokens_not_comparable_total",
      "Positions dropped at a change of writer that say nothing to the new one, be the writes there "
      "or lost (binlog coordinates of the former one).",
      total(registry, &WorkerMetrics::consistency, &ConsistencyCounters::tokens_not_comparable));
  builder.counter("causeway_tokens_unknown_total",
                  "Writes whose position is not known: the next read of the session behaves as GLOBAL.",
                  total(registry, &WorkerMetrics::consistency, &ConsistencyCounters::unknown_tokens));
}

void collect_sessions(FamilyBuilder& builder, const MetricsRegistry& registry) {
  builder.gauge("causeway_sessions", "Open client sessions.",
                total(registry, &WorkerMetrics::clients, &ClientCounters::sessions));
  builder.gauge("causeway_forwarded_sessions", "Open client sessions that forward.",
                total(registry, &WorkerMetrics::clients, &ClientCounters::forwarding_sessions));
  builder.gauge("causeway_writer_sessions", "Open client sessions that have run something on the writer.",
                total(registry, &WorkerMetrics::clients, &ClientCounters::writer_sessions));
  builder.begin("causeway_pins_total", "Times that a session got bound to its server connection.",
                MetricType::Counter);
  by_enum<PinReason>(
      builder, registry, "reason", [](const WorkerMetrics& w) -> const auto& { return w.clients.pins; });
  builder.begin("causeway_pinned_sessions", "Sessions bound to their server connection now.",
                MetricType::Gauge);
  by_enum<PinReason>(
      builder, registry, "reason",
      [](const WorkerMetrics& w) -> const auto& { return w.clients.pinned_sessions; });
  builder.begin("causeway_replays_total", "Session state set again on another server connection.",
                MetricType::Counter);
  by_enum<ReplayedState>(
      builder, registry, "state", [](const WorkerMetrics& w) -> const auto& { return w.replays; });
  builder.begin("causeway_retries_total", "Statements run elsewhere because their server went away.",
                MetricType::Counter);
  builder.value(total(registry, &WorkerMetrics::read_retries), {label("kind", "read")});
  builder.value(total(registry, &WorkerMetrics::write_retries), {label("kind", "write")});
}

void collect_network(FamilyBuilder& builder, const MetricsRegistry& registry) {
  builder.begin("causeway_bytes_total", "Bytes received (in) and sent (out).", MetricType::Counter);
  const auto bytes = [&](std::string_view side, std::string_view direction,
                         Counter TrafficCounters::*counter) {
    builder.value(total(registry, &WorkerMetrics::traffic, counter),
                  {label("side", side), label("direction", direction)});
  };
  bytes("client", "in", &TrafficCounters::client_bytes_in);
  bytes("client", "out", &TrafficCounters::client_bytes_out);
  bytes("server", "in", &TrafficCounters::server_bytes_in);
  bytes("server", "out", &TrafficCounters::server_bytes_out);
  builder.counter("causeway_connections_accepted_total", "Client connections accepted.",
                  total(registry, &WorkerMetrics::clients, &ClientCounters::connections_accepted));
  builder.begin("causeway_connections_rejected_total", "Client connections turned away before the login.",
                MetricType::Counter);
  by_enum<RejectReason>(
      builder, registry, "reason",
      [](const WorkerMetrics& w) -> const auto& { return w.clients.connections_rejected; });
  builder.counter("causeway_auth_failures_total", "Logins that failed.",
                  total(registry, &WorkerMetrics::clients, &ClientCounters::auth_failures));
}

void collect_replication(FamilyBuilder& builder, const MetricsRegistry& registry,
                         const std::vector<StreamGauges>& streams) {
  const auto counter = [&](std::string name, std::string help, Counter ReplicationCounters::*number) {
    builder.counter(std::move(name), std::move(help), total(registry, &WorkerMetrics::replication, number));
  };
  builder.gauge("causeway_binlog_streams", "Clients that read the binary log.",
                total(registry, &WorkerMetrics::replication, &ReplicationCounters::streams));
  counter("causeway_binlog_bytes_total", "Bytes of the binary log passed to clients.",
          &ReplicationCounters::bytes);
  counter("causeway_binlog_transactions_total", "Transactions of the binary log passed to clients.",
          &ReplicationCounters::transactions);
  counter("causeway_binlog_refused_total",
          "Clients that were refused the binary log because another one has their server id.",
          &ReplicationCounters::refused);
  counter("causeway_binlog_replaced_total", "Streams that ended because their client had come again.",
          &ReplicationCounters::replaced);
  builder.begin("causeway_binlog_stream_lag_seconds",
                "How far a client that reads the binary log is behind the server that it reads it from.",
                MetricType::Gauge);
  for (const StreamGauges& stream : streams) {
    builder.value(static_cast<double>(stream.lag.count()),
                  {label("server_id", stream.server_id), label("client", stream.client)});
  }
}

template <class Number>
void by_node(FamilyBuilder& builder, const MetricsRegistry& registry, const std::vector<std::string>& names,
             Number NodeMetrics::*number) {
  for (size_t i = 0; i < names.size(); ++i) {
    const auto sum =
        registry.sum([&](const WorkerMetrics& worker) { return (worker.nodes[i].*number).value(); });
    builder.value(static_cast<double>(sum), {label("node", names[i])});
  }
}

void collect_pools(FamilyBuilder& builder, const MetricsRegistry& registry,
                   const std::vector<std::string>& names) {
  const auto counter = [&](std::string name, std::string help, Counter NodeMetrics::*number) {
    builder.begin(std::move(name), std::move(help), MetricType::Counter);
    by_node(builder, registry, names, number);
  };
  const auto gauge = [&](std::string name, std::string help, Gauge NodeMetrics::*number) {
    builder.begin(std::move(name), std::move(help), MetricType::Gauge);
    by_node(builder, registry, names, number);
  };
  counter("causeway_node_statements_total", "Statements sent to a node.", &NodeMetrics::statements);
  counter("causeway_leases_total", "Server connections given to sessions.", &NodeMetrics::leases);
  gauge("causeway_leases_in_use",
        "Server connections that statements run on, or that something of a session lives in (an open "
        "transaction).",
        &NodeMetrics::leases_in_use);
  gauge("causeway_pool_connections", "Open server connections, idle ones too.", &NodeMetrics::connections);
  counter("causeway_pool_opens_total", "Server connections opened.", &NodeMetrics::opens);
  counter("causeway_pool_open_failures_total", "Server connections that could not be opened.",
          &NodeMetrics::open_failures);
  counter("causeway_pool_closes_total", "Server connections closed.", &NodeMetrics::closes);
  counter("causeway_pool_resets_total", "Server connections reset for their next session.",
          &NodeMetrics::resets);
  counter("causeway_pool_queue_waits_total", "Leases that had to wait for a connection.",
          &NodeMetrics::queue_waits);
}

void collect_cluster(FamilyBuilder& builder, const std::vector<NodeGauges>& nodes) {
  builder.begin("causeway_node_info", "Role and version of a node.", MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    builder.value(1, {label("node", node.node), label("role", node.role), label("version", node.version)});
  }
  builder.begin("causeway_node_up", "1 if the monitor reaches the node.", MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    builder.value(node.up ? 1 : 0, {label("node", node.node)});
  }
  builder.begin("causeway_node_monitor_refused",
                "1 if the node does not let the monitor in: what is known of it is of before.",
                MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    builder.value(node.monitor_refused ? 1 : 0, {label("node", node.node)});
  }
  builder.begin("causeway_node_usable", "1 if the node takes statements.", MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    builder.value(node.usable ? 1 : 0, {label("node", node.node)});
  }
  builder.begin("causeway_node_role", "1 for the role that a node has.", MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    for (const std::string_view role : {"writer", "replica", "read-only", "unknown"}) {
      builder.value(node.role == role ? 1 : 0, {label("node", node.node), label("role", role)});
    }
  }
  builder.begin("causeway_node_replication_running", "1 if a replica applies what its source sends.",
                MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    if (node.role == "replica") builder.value(node.replicates ? 1 : 0, {label("node", node.node)});
  }
  builder.begin("causeway_node_lag_seconds", "How far a replica is behind; +Inf: that is not known.",
                MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    if (!node.lag && !node.has_source) continue;
    const double lag = node.lag ? seconds(static_cast<uint64_t>(std::max<int64_t>(node.lag->count(), 0)))
                                : std::numeric_limits<double>::infinity();
    builder.value(lag, {label("node", node.node)});
  }
  builder.begin("causeway_node_max_connections", "Connections that a node allows in all.", MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    if (node.max_connections > 0)
      builder.value(static_cast<double>(node.max_connections), {label("node", node.node)});
  }
  builder.begin("causeway_node_connections", "Connections of everybody to a node.", MetricType::Gauge);
  for (const NodeGauges& node : nodes) {
    if (node.open_connections)
      builder.value(static_cast<double>(*node.open_connections), {label("node", node.node)});
  }
}

}  // namespace

MetricsRegistry::MetricsRegistry(size_t workers, std::vector<std::string> node_names, ClusterGauges cluster,
                                 LogStreamGauges streams)
    : worker_count_(workers),
      workers_(std::make_unique<WorkerMetrics[]>(workers + 1)),
      node_names_(std::move(node_names)),
      cluster_(std::move(cluster)),
      streams_(std::move(streams)) {
  assert(workers > 0 && node_names_.size() <= kMaxNodes);
}

std::vector<MetricFamily> MetricsRegistry::Collect() const {
  std::vector<MetricFamily> families;
  FamilyBuilder builder(families);
  builder.begin("causeway_build_info", "The version of this Causeway.", MetricType::Gauge);
  builder.value(1, {label("version", version())});
  builder.gauge("causeway_workers", "Worker threads.", static_cast<double>(worker_count_));
  collect_statements(builder, *this);
  collect_forwarding(builder, *this);
  collect_consistency(builder, *this);
  collect_sessions(builder, *this);
  collect_network(builder, *this);
  collect_pools(builder, *this, node_names_);
  collect_replication(builder, *this, streams_ ? streams_() : std::vector<StreamGauges>());
  if (cluster_) collect_cluster(builder, cluster_());
  std::vector<MetricFamily> process = process_metrics();
  std::ranges::move(process, std::back_inserter(families));
  return families;
}

std::vector<std::pair<std::string_view, uint64_t>> MetricsRegistry::aurora_status() const {
  const auto open = [this](Gauge ClientCounters::*gauge) {
    const int64_t sessions = sum([gauge](const WorkerMetrics& w) { return (w.clients.*gauge).value(); });
    return static_cast<uint64_t>(std::max<int64_t>(sessions, 0));
  };
  const auto errors = [this](Counter ForwardingCounters::*counter) {
    return sum([counter](const WorkerMetrics& w) { return (w.forwarding.*counter).value(); });
  };
  const uint64_t dml_count = count_of(*this, &ForwardingCounters::dml);
  const uint64_t dml_duration = microseconds_of(*this, &ForwardingCounters::dml);
  const uint64_t select_count = count_of(*this, &ForwardingCounters::select);
  const uint64_t select_duration = microseconds_of(*this, &ForwardingCounters::select);
  const uint64_t session_limit = errors(&ForwardingCounters::errors_session_limit);
  const auto waits = [this](Counter TimedCounter::*part) {
    return sum(
        [part](const WorkerMetrics& worker) { return (worker.consistency.read_waits.total.*part).value(); });
  };
  // One Causeway is both ends of the forwarding, so the counts of both sides are the same.
  return {
      {"Aurora_fwd_replica_dml_stmt_count", dml_count},
      {"Aurora_fwd_replica_dml_stmt_duration", dml_duration},
      {"Aurora_fwd_replica_errors_session_limit", session_limit},
      {"Aurora_fwd_replica_open_sessions", open(&ClientCounters::forwarding_sessions)},
      {"Aurora_fwd_replica_read_wait_count", waits(&TimedCounter::count)},
      {"Aurora_fwd_replica_read_wait_duration", waits(&TimedCounter::microseconds)},
      {"Aurora_fwd_replica_select_stmt_count", select_count},
      {"Aurora_fwd_replica_select_stmt_duration", select_duration},
      {"Aurora_fwd_writer_dml_stmt_count", dml_count},
      {"Aurora_fwd_writer_dml_stmt_duration", dml_duration},
      {"Aurora_fwd_writer_errors_rpc_timeout", errors(&ForwardingCounters::errors_rpc_timeout)},
      {"Aurora_fwd_writer_errors_session_limit", session_limit},
      {"Aurora_fwd_writer_errors_session_timeout", errors(&ForwardingCounters::errors_session_timeout)},
      {"Aurora_fwd_writer_open_sessions", open(&ClientCounters::writer_sessions)},
      {"Aurora_fwd_writer_select_stmt_count", select_count},
      {"Aurora_fwd_writer_select_stmt_duration", select_duration},
  };
}

}  // namespace causeway::proxy
