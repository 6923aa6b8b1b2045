#include "proxy/connection_limits.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/metrics/metrics_registry.h"

namespace causeway::proxy {
namespace {

Config two_nodes() {
  Config config;
  config.nodes = {{.address = {.host = "a", .port = 3306}}, {.address = {.host = "b", .port = 3306}}};
  return config;
}

Logger logger_into(std::vector<std::string>& lines) {
  return Logger(LogLevel::kInfo, LogFormat::kLogfmt, [&lines](LogLevel, std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
}

// The first node is the writer; both have room for 1000.
ClusterView view_of_both() {
  ClusterView view;
  view.version = 1;
  view.writer = 0;
  view.nodes.resize(2);
  for (NodeView& node : view.nodes)
    node.facts.max_connections = 1000;
  return view;
}

TEST(ConfiguredLimit, IsAuroras10PercentOfTheWriterAnd90OfAReplica) {
  const Config config = two_nodes();
  EXPECT_EQ(configured_limit(config, view_of_both(), 0), 100);
  EXPECT_EQ(configured_limit(config, view_of_both(), 1), 900);
}

TEST(ConfiguredLimit, FollowsTheRole) {
  ClusterView view = view_of_both();
  view.writer = 1;
  EXPECT_EQ(configured_limit(two_nodes(), view, 0), 900);
  EXPECT_EQ(configured_limit(two_nodes(), view, 1), 100);
  view.writer = kNoNode;
  EXPECT_EQ(configured_limit(two_nodes(), view, 1), 900);
}

TEST(ConfiguredLimit, IsDividedAmongInstancesButNeverToNothing) {
  Config config = two_nodes();
  config.limits.instances = 8;
  EXPECT_EQ(configured_limit(config, view_of_both(), 0), 12);
  EXPECT_EQ(configured_limit(config, view_of_both(), 1), 112);
  config.limits.instances = 1000;
  EXPECT_EQ(configured_limit(config, view_of_both(), 0), 1);
  config.forwarding.aurora_fwd_writer_max_connections_pct = 0;
  EXPECT_EQ(configured_limit(config, view_of_both(), 0), 0);
}

TEST(ConfiguredLimit, IsTheSmallerOfShareAndNumber) {
  Config config = two_nodes();
  config.limits.max_server_connections = 200;
  EXPECT_EQ(configured_limit(config, view_of_both(), 0), 100);
  EXPECT_EQ(configured_limit(config, view_of_both(), 1), 200);
  config.nodes[1].max_connections = 30;
  EXPECT_EQ(configured_limit(config, view_of_both(), 1), 30);
}

TEST(ConfiguredLimit, TakesTheServersDefaultForWhatIsNotKnown) {
  EXPECT_EQ(configured_limit(two_nodes(), ClusterView{}, 1), 151 * 9 / 10);
}

TEST(ConnectionLimits, SetsTheBudgetsWithEachNewView) {
  const Config config = two_nodes();
  const ClusterState cluster;
  std::vector<std::string> lines;
  Services services(config, logger_into(lines), cluster);
  MetricsRegistry metrics(1, {"a", "b"}, [] { return std::vector<NodeGauges>(); });
  services.metrics = &metrics;
  ConnectionLimits limits(services);
  ClusterView view = view_of_both();
  limits.follow(view);
  EXPECT_EQ(services.budgets[0].limit(), 100);
  EXPECT_EQ(services.budgets[1].limit(), 900);
  view.writer = 1;
  limits.follow(view);  // the same version: nothing has changed
  EXPECT_EQ(services.budgets[1].limit(), 900);
  ++view.version;
  limits.follow(view);
  EXPECT_EQ(services.budgets[1].limit(), 100);
}

// Those are not what a server that is short of connections is given back.
TEST(ConnectionLimits, DoNotCountThoseOfListenersForReplication) {
  Config config = two_nodes();
  config.listeners = {{.purpose = ListenerPurpose::kReplication, .max_clients = 3},
                      {.max_clients = 9},
                      {.purpose = ListenerPurpose::kReplication, .max_clients = 4}};
  const ClusterState cluster;
  std::vector<std::string> lines;
  Services services(config, logger_into(lines), cluster);
  MetricsRegistry metrics(1, {"a", "b"}, [] { return std::vector<NodeGauges>(); });
  services.metrics = &metrics;
  EXPECT_EQ(services.replication_budgets[0].limit(), 7);
  EXPECT_EQ(services.replication_budgets[1].limit(), 7);
  services.budgets[0].set_limit(100);
  while (services.budgets[0].used() < 20)
    services.budgets[0].try_take();
  while (services.replication_budgets[0].try_take()) {
  }
  metrics.worker(0).nodes[0].leases_in_use.add(7 + 18);
  ConnectionLimits limits(services);
  ClusterView view = view_of_both();
  view.nodes[0].facts.connections = {.counted_at = std::chrono::steady_clock::now(), .open = 999};
  limits.follow(view);
  EXPECT_EQ(services.budgets[0].limit(), 18) << "what is in use is kept, and no more";
}

TEST(ConnectionLimits, GiveBackWhatIsIdleOnAServerThatIsShortAndSaySoOnce) {
  const Config config = two_nodes();
  const ClusterState cluster;
  std::vector<std::string> lines;
  Services services(config, logger_into(lines), cluster);
  MetricsRegistry metrics(1, {"a", "b"}, [] { return std::vector<NodeGauges>(); });
  services.metrics = &metrics;
  services.budgets[1].set_limit(100);
  while (services.budgets[1].try_take()) {
  }
  ConnectionLimits limits(services);
  ClusterView view = view_of_both();
  view.nodes[1].facts.connections = {.counted_at = std::chrono::steady_clock::now(), .open = 999};
  limits.follow(view);
  EXPECT_LT(services.budgets[1].limit(), 100);
  ++view.version;
  limits.follow(view);
  EXPECT_EQ(lines.size(), 1);
}

}  // namespace
}  // namespace causeway::proxy
