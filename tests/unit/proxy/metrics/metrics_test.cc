#include "proxy/metrics/metrics_registry.h"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <set>

#include "proxy/metrics/gauge_share.h"
#include "proxy/net/certificate_dates.h"

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::string scrape(const MetricsRegistry& registry) {
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

TEST(WorkerMetrics, OfTwoWorkersShareNoCacheLine) {
  static_assert(alignof(WorkerMetrics) >= 64);
  static_assert(sizeof(WorkerMetrics) % 64 == 0);
}

TEST(MetricsRegistry, SumsTheWorkers) {
  MetricsRegistry registry(3, {"db1:3306", "db2:3306"});
  for (size_t i = 0; i < 3; ++i)
    registry.worker(i).count(StatementTarget::kReplica, StatementKind::kRead);
  registry.worker(1).nodes[1].leases.add(5);
  CountedSession locked;
  locked.pin(PinReason::kUserLock) = true;
  SessionShares session;
  SessionShares other;
  session.recount(registry.worker(0).clients, locked);
  other.recount(registry.worker(0).clients, locked);
  other.recount(registry.worker(0).clients, {});
  registry.worker(2).consistency.read_wait_timed_out(consistency::TimeoutPolicy::kStale);
  registry.worker(2).clients.reject(RejectReason::kTlsRequired);
  registry.listeners().clients.reject(RejectReason::kDescriptors);
  registry.worker(2).replay(ReplayedState::kSchema);
  const std::string text = scrape(registry);
  for (const char* line : {
           "causeway_statements_total{target=\"replica\",class=\"read\"} 3\n",
           "causeway_statements_total{target=\"rejected\",class=\"other\"} 0\n",
           "causeway_leases_total{node=\"db2:3306\"} 5\n",
           "causeway_leases_total{node=\"db1:3306\"} 0\n",
           "causeway_pins_total{reason=\"user_lock\"} 2\n",
           "causeway_pinned_sessions{reason=\"user_lock\"} 1\n",
           "causeway_read_wait_timeouts_total{policy=\"stale\"} 1\n",
           "causeway_connections_rejected_total{reason=\"tls_required\"} 1\n",
           "causeway_connections_rejected_total{reason=\"descriptors\"} 1\n",
           "causeway_replays_total{state=\"schema\"} 1\n",
           "causeway_build_info{version=\"" CAUSEWAY_VERSION "\"} 1\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsRegistry, CountsASessionOnceHoweverOftenItIsLookedAt) {
  MetricsRegistry registry(1, {});
  WorkerMetrics& metrics = registry.worker(0);
  CountedSession now;
  now.forwarding = true;
  now.pin(PinReason::kTransaction) = true;
  std::optional<SessionShares> session(std::in_place);
  session->recount(metrics.clients, now);
  session->recount(metrics.clients, now);
  EXPECT_EQ(metrics.clients.forwarding_sessions.value(), 1);
  CountedSession later;
  later.on_writer = true;
  later.pin(PinReason::kTransaction) = true;
  session->recount(metrics.clients, later);
  EXPECT_EQ(metrics.clients.forwarding_sessions.value(), 0);
  EXPECT_EQ(metrics.clients.writer_sessions.value(), 1);
  EXPECT_EQ(metrics.clients.pins[static_cast<size_t>(PinReason::kTransaction)].value(), 1);
  session.reset();
  EXPECT_EQ(metrics.clients.writer_sessions.value(), 0);
  for (const Gauge& gauge : metrics.clients.pinned_sessions)
    EXPECT_EQ(gauge.value(), 0);
}

TEST(MetricsRegistry, PutsAReadWaitInItsBucket) {
  MetricsRegistry registry(2, {});
  registry.worker(0).consistency.read_waits.add(0us);
  registry.worker(0).consistency.read_waits.add(100us);  // bounds are inclusive
  registry.worker(1).consistency.read_waits.add(101us);
  registry.worker(1).consistency.read_waits.add(60s);  // longer than the last bound
  const std::string text = scrape(registry);
  for (const char* line : {
           "causeway_read_wait_seconds_bucket{le=\"0.0001\"} 2\n",
           "causeway_read_wait_seconds_bucket{le=\"0.00025\"} 3\n",
           "causeway_read_wait_seconds_bucket{le=\"10\"} 3\n",
           "causeway_read_wait_seconds_bucket{le=\"+Inf\"} 4\n",
           "causeway_read_wait_seconds_count 4\n",
           "causeway_read_wait_seconds_sum 60.000201\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsRegistry, ShowsTheClusterAsTheMonitorSeesIt) {
  const MetricsRegistry registry(1, {"a:1", "b:2", "c:3"}, [] {
    return std::vector<NodeGauges>{
        {.node = "a:1", .role = "writer", .version = "10.11.6", .up = true, .usable = true, .lag = {}},
        {.node = "b:2",
         .role = "replica",
         .version = "10.11.6",
         .up = true,
         .usable = true,
         .lag = 1500ms,
         .has_source = true,
         .replicates = true,
         .max_connections = 151,
         .open_connections = 20},
        {.node = "c:3",
         .role = "replica",
         .version = "10.11.6",
         .up = true,
         .monitor_refused = true,
         .usable = false,
         .has_source = true}};
  });
  const std::string text = scrape(registry);
  for (const char* line : {
           "causeway_node_info{node=\"a:1\",role=\"writer\",version=\"10.11.6\"} 1\n",
           "causeway_node_role{node=\"a:1\",role=\"writer\"} 1\n",
           "causeway_node_role{node=\"b:2\",role=\"writer\"} 0\n",
           "causeway_node_up{node=\"b:2\"} 1\n",
           "causeway_node_monitor_refused{node=\"b:2\"} 0\n",
           "causeway_node_monitor_refused{node=\"c:3\"} 1\n",
           "causeway_node_usable{node=\"c:3\"} 0\n",
           "causeway_node_lag_seconds{node=\"b:2\"} 1.5\n",
           "causeway_node_lag_seconds{node=\"c:3\"} +Inf\n",
           "causeway_node_replication_running{node=\"b:2\"} 1\n",
           "causeway_node_replication_running{node=\"c:3\"} 0\n",
           "causeway_node_connections{node=\"b:2\"} 20\n",
           "causeway_node_max_connections{node=\"b:2\"} 151\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("causeway_node_lag_seconds{node=\"a:1\"}")));
}

TEST(MetricsRegistry, ShowsTheProcess) {
  const std::string text = scrape(MetricsRegistry(1, {}));
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
                           "process_start_time_seconds"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name + " "));
  }
}

TEST(MetricsRegistry, NamesFollowPrometheus) {
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : MetricsRegistry(1, {}).Collect()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name << " twice";
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(family.type == prometheus::MetricType::Counter, family.name.ends_with("_total")) << family.name;
  }
}

// The dashboard and the alert rules ask for nothing that is not there.
TEST(MetricsRegistry, HasEveryMetricThatDeployAsksFor) {
  const MetricsRegistry registry(1, {"a:1"}, [] { return std::vector<NodeGauges>(1); });
  std::set<std::string> names = {CertificateWatch().expiry_metric().name};
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    names.insert(family.name);
    if (family.type != prometheus::MetricType::Histogram) continue;
    for (const char* part : {"_bucket", "_count", "_sum"})
      names.insert(family.name + part);
  }
  for (const char* file : {"grafana-dashboard.json", "prometheus-alerts.yml"}) {
    std::ifstream stream(std::string(CAUSEWAY_TEST_DATA "/../deploy/") + file);
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    ASSERT_FALSE(text.empty()) << file;
    const std::regex metric("\\b(causeway|process)_[a-z_]+");
    for (std::sregex_iterator match(text.begin(), text.end(), metric), end; match != end; ++match)
      EXPECT_TRUE(names.contains(match->str())) << file << ": " << match->str();
  }
}

TEST(MetricsRegistry, AnswersAuroraStatusSortedInMicroseconds) {
  MetricsRegistry registry(2, {});
  registry.worker(0).forwarding.dml.add(1500us);
  registry.worker(1).forwarding.dml.add(500us);
  registry.worker(1).clients.forwarding_sessions.add(3);
  registry.worker(0).forwarding.errors_session_limit.add();
  const auto status = registry.aurora_status();
  EXPECT_TRUE(std::ranges::is_sorted(status));
  const auto value = [&status](std::string_view name) {
    const auto found = std::ranges::find(status, name, [](const auto& row) { return row.first; });
    return found == status.end() ? uint64_t{404'404} : found->second;
  };
  EXPECT_EQ(value("Aurora_fwd_writer_dml_stmt_count"), 2u);
  EXPECT_EQ(value("Aurora_fwd_writer_dml_stmt_duration"), 2000u);
  EXPECT_EQ(value("Aurora_fwd_replica_dml_stmt_duration"), 2000u);
  EXPECT_EQ(value("Aurora_fwd_replica_open_sessions"), 3u);
  EXPECT_EQ(value("Aurora_fwd_writer_errors_session_limit"), 1u);
  EXPECT_EQ(value("Aurora_fwd_writer_select_stmt_count"), 0u);
}

TEST(StatementKind, IsReadForWhatReplicasAnswer) {
  using routing::StatementClass;
  EXPECT_EQ(statement_kind(StatementClass::kRead), StatementKind::kRead);
  EXPECT_EQ(statement_kind(StatementClass::kDml), StatementKind::kDml);
  EXPECT_EQ(statement_kind(StatementClass::kSavepoint), StatementKind::kTransaction);
  EXPECT_EQ(statement_kind(StatementClass::kUnknown), StatementKind::kOther);
}

}  // namespace
}  // namespace causeway::proxy
