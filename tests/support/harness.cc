#include "tests/support/harness.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "consistency/position.h"
#include "proxy/cluster/monitor_options.h"
#include "tests/support/database_accounts.h"
#include "tests/support/tls_peer.h"

namespace causeway::test {
namespace {

using proxy::Clock;
using std::chrono::milliseconds;

constexpr milliseconds kTick{50};
// Of a worker that is late, but has not stood still.
constexpr milliseconds kLateTick{200};
constexpr milliseconds kPoll{250};
constexpr milliseconds kMonitorPatience{3000};
constexpr milliseconds kForever{60'000};
// More turns than anything here takes: something goes round in circles.
constexpr size_t kMaxTurns = 2'000'000;

consistency::PositionKind position_kind(Flavor flavor) {
  return flavor == Flavor::kMysql ? consistency::PositionKind::kGtidSet
                                  : consistency::PositionKind::kMariadbGtid;
}

std::vector<std::string> names_of(const proxy::Config& config) {
  std::vector<std::string> names;
  for (const proxy::NodeConfig& node : config.nodes)
    names.push_back(to_string(node.address));
  return names;
}

proxy::Logger logger_into(std::vector<std::string>& lines) {
  return proxy::Logger(proxy::LogLevel::kDebug, proxy::LogFormat::kLogfmt,
                       [&lines](proxy::LogLevel, std::string_view line) {
                         lines.emplace_back(line);
                         return true;
                       });
}

}  // namespace

std::string Books::unbalanced() const {
  std::ostringstream out;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.in_use != 0) out << "node " << i << ": in use " << node.in_use << "\n";
    if (node.budget_used != node.connections)
      out << "node " << i << ": budget " << node.budget_used << " for " << node.connections << "\n";
    if (node.waiters) out << "node " << i << ": waiters\n";
    if (node.gauge_connections != static_cast<int64_t>(node.connections))
      out << "node " << i << ": gauge of connections " << node.gauge_connections << " for "
          << node.connections << "\n";
    if (node.gauge_leases_in_use != 0) out << "node " << i << ": leases " << node.gauge_leases_in_use << "\n";
    if (node.of_monitor > (i == 0 ? 1U : 0U)) out << "node " << i << ": " << node.of_monitor << " besides\n";
    if (node.at_server > node.connections)
      out << "node " << i << ": the server has " << node.at_server << " for " << node.connections << "\n";
  }
  if (sessions != 0 || open_sessions != 0 || gauge_sessions != 0)
    out << "sessions " << sessions << ", open " << open_sessions << ", gauge " << gauge_sessions << "\n";
  if (gauge_forwarding != 0 || gauge_on_writer != 0 || gauge_pinned != 0)
    out << "gauges: forwarding " << gauge_forwarding << ", writer " << gauge_on_writer << ", pinned "
        << gauge_pinned << "\n";
  return out.str();
}

std::ostream& operator<<(std::ostream& out, const Books& books) {
  for (const Books::Node& node : books.nodes) {
    out << "connections " << node.connections << " in use " << node.in_use << " budget " << node.budget_used
        << " waiters " << node.waiters << " leases " << node.gauge_leases_in_use << " at server "
        << node.at_server << "; ";
  }
  return out << "sessions " << books.sessions;
}

std::vector<std::unique_ptr<ScriptedServer>> Harness::make_servers(const HarnessOptions& options) {
  std::vector<std::unique_ptr<ScriptedServer>> servers;
  for (size_t i = 0; i <= options.replicas; ++i) {
    const std::string name = i == 0 ? "writer" : "replica" + std::to_string(i);
    auto server = std::make_unique<ScriptedServer>(name, options.flavor);
    server->server_id = i + 1;
    server->uuid = "00000000-0000-0000-0000-00000000000" + std::to_string(i + 1);
    server->started_at += static_cast<int64_t>(i);
    server->read_only = i > 0;
    // Replicas have the writer's transactions.
    server->gtid_domain = options.flavor == Flavor::kMysql ? "00000000-0000-0000-0000-000000000001:" : "0-1-";
    server->has_tls = options.server_tls;
    server->passwords = {{"app", "secret"}, {"other", "secret"}, {"monitor", "watch"}};
    servers.push_back(std::move(server));
  }
  return servers;
}

proxy::Config Harness::make_config(const HarnessOptions& options,
                                   const std::vector<std::unique_ptr<ScriptedServer>>& servers) {
  proxy::Config config;
  for (const auto& server : servers)
    config.nodes.push_back({.address = {.path = server->path()}});
  config.workers = 1;
  config.monitor.user = "monitor";
  config.monitor.password = protocol::SecretBytes(std::string_view("watch"));
  for (const std::string_view user : {"app", "other"})
    config.users[std::string(user)].password = protocol::SecretBytes(std::string_view("secret"));
  config.timeouts.client_idle = milliseconds{15'000};
  config.forwarding.aurora_fwd_writer_idle_timeout = std::chrono::seconds{8};
  config.listeners.push_back({.address = {.host = "127.0.0.1", .port = 3306}});
  if (options.server_tls) config.server_tls.mode = proxy::TlsMode::kRequired;
  if (options.configure) options.configure(config);
  proxy::complete_listeners(config);
  return config;
}

Harness::Harness(HarnessOptions options)
    : servers_(make_servers(options)),
      config_(make_config(options, servers_)),
      metrics_(1, names_of(config_)),
      services_(config_, logger_into(log_), cluster_) {
  std::signal(SIGPIPE, SIG_IGN);
  services_.metrics = &metrics_;
  services_.sessions = &sessions_;
  services_.monitor_account = proxy::monitor_account(config_.monitor);
  for (proxy::ConnectionBudget& budget : services_.budgets)
    budget.set_limit(options.connections);
  if (options.rsa_key) {
    static const auto key = std::make_shared<const protocol::RsaKeyPair>(protocol::RsaKeyPair::generate());
    services_.rsa_key = key;
  }
  if (options.client_tls) services_.client_tls = tls_context_of_server();
  if (options.server_tls) services_.server_tls = tls_context_of_client();
  if (options.database_accounts) services_.accounts = &usual_database_accounts();
  describe_cluster();
  poll();
  worker_ = std::make_unique<proxy::Worker>(services_, 0);
  shard().start();
}

Harness::~Harness() {
  for (ScriptedClient* client : clients_)
    client->close();
  worker_->stop();
  wait_until([this] { return services_.open_sessions.load() == 0; });
  // What sessions have left to be done, a KILL say, has its time as well.
  for (const auto& server : servers_)
    server->accepts = false;
  settle();
}

void Harness::describe_cluster() {
  const Flavor flavor = servers_[0]->flavor();
  const auto proxy_flavor =
      flavor == Flavor::kMysql ? proxy::ServerFlavor::kMysql : proxy::ServerFlavor::kMariadb;
  view_.writer = 0;
  view_.writer_epoch = 1;
  view_.flavor = proxy_flavor;
  view_.position_kind = position_kind(flavor);
  for (size_t i = 0; i < servers_.size(); ++i) {
    const ScriptedServer& server = *servers_[i];
    proxy::NodeView node;
    node.name = to_string(config_.nodes[i].address);
    node.reachable = true;
    node.role = i == 0 ? proxy::NodeRole::kWriter : proxy::NodeRole::kReplica;
    node.usable_for_reads = true;
    node.facts.read_only = i > 0;
    node.facts.binary_log = true;
    node.facts.logs_updates = true;
    node.replication_running = node.receiver_running = i > 0;
    node.has_source = i > 0;
    node.lag = milliseconds{0};
    node.facts.flavor = proxy_flavor;
    node.facts.server_version = flavor == Flavor::kMysql ? "9.7.0" : "10.11.14-MariaDB-log";
    node.facts.server_version_number = server.version_number();
    node.identity = {.uuid = flavor == Flavor::kMysql ? server.uuid : std::string(),
                     .server_id = server.server_id,
                     .host_name = server.name() + ":3306",
                     .started_at = server.started_at};
    node.incarnation = 1;
    node.position_era = 1;
    node.facts.capabilities = server.capabilities();
    node.facts.default_collation = 45;
    node.facts.max_connections = 151;
    node.facts.sql_mode = "STRICT_TRANS_TABLES";
    view_.nodes.push_back(std::move(node));
  }
}

void Harness::publish() {
  ++view_.version;
  cluster_.publish(std::make_shared<const proxy::ClusterView>(view_));
}

void Harness::poll() {
  for (size_t i = 0; i < servers_.size(); ++i) {
    proxy::NodeView& node = view_.nodes[i];
    if (hangs_are_seen_ && servers_[i]->hangs()) {
      node.reachable = false;
      if (view_.writer == i) {
        view_.writer = proxy::kNoNode;
        view_.no_writer_reason = "it does not answer";
      }
      continue;
    }
    node.polled_at = Clock::now();
    if (auto position = consistency::Position::parse(view_.position_kind, servers_[i]->position()))
      node.executed = std::move(*position);
  }
  publish();
}

std::unique_ptr<ScriptedClient> Harness::connect() {
  int sockets[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) != 0)
    throw std::runtime_error("no socket pair");
  proxy::Socket socket(shard().io().get_executor());
  socket.assign(boost::asio::generic::stream_protocol(AF_UNIX, SOCK_STREAM), sockets[0]);
  auto client = std::make_unique<ScriptedClient>(*this, sockets[1]);
  clients_.push_back(client.get());
  worker_->accept(std::move(socket), config_.listeners.front(), {.host = "127.0.0.1", .port = 50000});
  settle();
  return client;
}

std::unique_ptr<ScriptedClient> Harness::connect_and_log_in() {
  std::unique_ptr<ScriptedClient> client = connect();
  client->log_in();
  return client;
}

void Harness::forget(ScriptedClient& client) {
  std::erase(clients_, &client);
}

void Harness::settle() {
  boost::asio::io_context& io = shard().io();
  for (size_t turn = 0; turn < kMaxTurns; ++turn) {
    bool progress = io.poll() > 0;
    for (const auto& server : servers_)
      progress |= server->pump();
    for (ScriptedClient* client : clients_)
      progress |= client->pump();
    if (!progress) return;
  }
  throw std::logic_error("it does not come to rest");
}

// Asio looks at its timers when the system's own timer, which does not know of this clock, says so: one that
// is due before all others makes it look at once.
void Harness::run_timers() {
  bool looked = false;
  boost::asio::steady_timer first(shard().io(), Clock::time_point::min() + std::chrono::hours{1});
  first.async_wait([&looked](const proxy::ErrorCode&) { looked = true; });
  while (!looked)
    shard().io().poll();
}

void Harness::advance(milliseconds time) {
  const milliseconds tick = time > std::chrono::seconds{1} || time == kLateTick ? kLateTick : kTick;
  while (time.count() > 0) {
    const milliseconds step = std::min(time, tick);
    time -= step;
    clock_.advance(step);
    since_poll_ += step;
    if (since_poll_ >= kPoll) {
      since_poll_ = milliseconds{0};
      poll();
    }
    run_timers();
    worker_->on_tick(Clock::now());
    settle();
  }
}

bool Harness::wait_until(const std::function<bool()>& predicate) {
  settle();
  milliseconds waited{0};
  // What only gathers for a moment needs no tick.
  for (milliseconds step{1}; waited < kForever;
       step = std::min(step * 10, waited < std::chrono::seconds{1} ? kTick : kLateTick)) {
    if (predicate()) return true;
    advance(step);
    waited += step;
    if (waited >= kMonitorPatience) hangs_are_seen_ = true;
  }
  return predicate();
}

bool Harness::log_has(std::string_view text) const {
  return std::ranges::any_of(
      log_, [text](const std::string& line) { return line.find(text) != std::string::npos; });
}

std::vector<std::string> Harness::ends() const {
  std::vector<std::string> reasons;
  for (const std::string& line : log_) {
    constexpr std::string_view kKey = "reason=";
    const size_t at = line.rfind(kKey);
    if (line.find("a session has ended") == std::string::npos || at == std::string::npos) continue;
    std::string reason = line.substr(at + kKey.size());
    std::erase_if(reason, [](char c) { return c == '"' || c == '\n'; });
    reasons.push_back(std::move(reason));
  }
  return reasons;
}

Books Harness::books() {
  Books books;
  proxy::Shard& shard = this->shard();
  for (size_t i = 0; i < servers_.size(); ++i) {
    const proxy::BackendPool& pool = shard.pool(i);
    const proxy::ConnectionBudget& budget = services_.budgets[i];
    const proxy::NodeMetrics& gauges = shard.metrics().nodes[i];
    books.nodes.push_back(
        {.connections = pool.size(),
         .in_use = pool.in_use(),
         .budget_used = budget.used() + services_.replication_budgets[i].used(),
         .waiters = budget.has_waiters() || !services_.lines[i].empty(),
         .gauge_connections = gauges.connections.value(),
         .gauge_leases_in_use = gauges.leases_in_use.value(),
         .at_server = servers_[i]->connections_open() - servers_[i]->connections_of("monitor"),
         .of_monitor = servers_[i]->connections_of("monitor")});
  }
  books.sessions = sessions_.workers().front()->list().size();
  books.open_sessions = services_.open_sessions.load();
  const proxy::WorkerMetrics& metrics = shard.metrics();
  books.gauge_sessions = metrics.clients.sessions.value();
  books.gauge_forwarding = metrics.clients.forwarding_sessions.value();
  books.gauge_on_writer = metrics.clients.writer_sessions.value();
  for (const proxy::Gauge& pinned : metrics.clients.pinned_sessions)
    books.gauge_pinned += pinned.value();
  return books;
}

void Harness::heal() {
  hangs_are_seen_ = false;
  for (size_t i = 0; i < servers_.size(); ++i) {
    servers_[i]->fault_at(static_cast<size_t>(-1), Fault::kNone);
    view_.nodes[i].reachable = true;
  }
  view_.writer = 0;
  poll();
  advance(kTick);
}

std::string Harness::settle_books() {
  for (ScriptedClient* client : clients_)
    client->close();
  wait_until([this] { return books().unbalanced().empty(); });
  return books().unbalanced();
}

}  // namespace causeway::test
