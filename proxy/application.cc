#include "proxy/application.h"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "proxy/admin/admin_server.h"
#include "proxy/admin/status_report.h"
#include "proxy/backend/services.h"
#include "proxy/base/build_info.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/base/free_memory.h"
#include "proxy/cluster/cluster_monitor.h"
#include "proxy/cluster/monitor_account.h"
#include "proxy/cluster/monitor_options.h"
#include "proxy/cluster/refusal_episode.h"
#include "proxy/connection_limits.h"
#include "proxy/listener.h"
#include "proxy/metrics/metrics_registry.h"
#include "proxy/net/certificate_dates.h"
#include "proxy/net/password_key.h"
#include "proxy/session/session_directory.h"
#include "proxy/worker.h"

namespace causeway::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How often memory that is free is given back to the system.
constexpr std::chrono::seconds kGiveBackInterval{5};

// How often it is said again that a certificate is not valid, or not for long.
constexpr std::chrono::hours kTellOfCertificates{24};

template <class Value>
Value value_or_throw(OrProblem<Value> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return *std::move(result);
}

prometheus::MetricFamily dropped_log_lines(const Logger& logger) {
  prometheus::ClientMetric metric;
  metric.counter.value = static_cast<double>(logger.dropped());
  return {.name = "causeway_log_lines_dropped_total",
          .help = "Log lines that were dropped because standard error did not take them.",
          .type = prometheus::MetricType::Counter,
          .metric = {metric}};
}

// Whether statements can be served, as the log has been told.
class ToldReadiness {
 public:
  // Says it when it has changed.
  void tell(const ClusterView& view, const Logger& logger);

 private:
  std::optional<bool> told_;  // nothing before it was told
  uint64_t of_view_ = 0;
};

void ToldReadiness::tell(const ClusterView& view, const Logger& logger) {
  if (told_ && of_view_ == view.version) return;
  of_view_ = view.version;
  const bool ready = can_serve(view);
  if (told_ == ready) return;
  told_ = ready;
  if (ready) {
    logger.info("ready", {{"roles", describe_roles(view)}});
  } else {
    logger.error("not ready: no statement can be served", {{"roles", describe_roles(view)}});
  }
}

// What the log has been told of, and is told again when it changes.
struct Told {
  ToldReadiness readiness;
  RefusalEpisode writer_full;
  uint64_t writer_noted = 0;  // version of the view, which the ledger has been told of
};

// What the process does for itself, beside serving.
struct Housekeeping {
  CertificateWatch certificates;
  steady_clock::time_point next_look_at_certificates;
  FreeMemory free_memory;
  steady_clock::time_point next_give_back;
};

// What the main thread waits for.
struct Events {
  explicit Events(asio::io_context& io) : end(io, SIGTERM, SIGINT), reload(io, SIGHUP), tick(io) {}

  asio::signal_set end;
  asio::signal_set reload;
  asio::steady_timer tick;
};

// How many of the workers are for listeners for replication alone: the last ones.
size_t replication_workers(const Config& config) {
  const bool any = std::ranges::any_of(config.listeners, [](const ListenerConfig& listener) {
    return listener.purpose == ListenerPurpose::kReplication;
  });
  return any ? config.replication.workers : 0;
}

// The parts in the order in which they are made; they go in the opposite one.
class Application {
 public:
  Application(const Config& config, const Logger& logger)
      : config_(config),
        logger_(logger),
        metrics_(
            config.workers + replication_workers(config), node_names(config),
            [this] { return node_gauges(*cluster_.current()); }, [this] { return stream_gauges(streams()); }),
        services_(config, logger, cluster_),
        limits_(services_),
        monitor_account_(monitor_account(config.monitor)),
        monitor_(monitor_options(config, monitor_account_), cluster_, logger),
        events_(io_) {}

  void run();

 private:
  static std::vector<std::string> node_names(const Config& config) {
    std::vector<std::string> names;
    for (const NodeConfig& node : config.nodes)
      names.push_back(to_string(node.address));
    return names;
  }

  std::span<const std::unique_ptr<Worker>> workers_for(const ListenerConfig& listener) const;
  void check_descriptors();
  void prepare_services();
  void look_at_certificates();
  void wait_for_cluster();
  void start_serving();
  void tell_writer_full();
  void note_writer();
  void on_tick();
  void schedule_tick();
  void wait_for_reload();
  void reload();
  void begin_drain();
  void finish();
  std::optional<Readiness> not_serving() const;
  Readiness readiness() const;
  Readiness replication_readiness() const;
  AdminHandlers admin_handlers();
  std::vector<StreamStatus> streams() const {
    return services_.log_readers.attached.list(Clock::now(), std::chrono::system_clock::now());
  }

  const steady_clock::time_point started_ = steady_clock::now();
  const Config& config_;
  Logger logger_;
  ClusterState cluster_;
  MetricsRegistry metrics_;
  Services services_;
  SessionDirectory sessions_;
  std::vector<std::unique_ptr<Worker>> workers_;
  ConnectionLimits limits_;
  std::shared_ptr<MonitorAccount> monitor_account_;
  ClusterMonitor monitor_;
  std::unique_ptr<AccountStore> accounts_;
  asio::io_context io_{1};
  Events events_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<AdminServer> admin_;
  std::atomic<bool> serving_{false};
  std::optional<steady_clock::time_point> drain_until_;
  Told told_;
  Housekeeping housekeeping_;
};

// A stream takes all of a thread that it can get: what statements of others wait for runs on other ones.
std::span<const std::unique_ptr<Worker>> Application::workers_for(const ListenerConfig& listener) const {
  const std::span all(workers_);
  const bool apart = listener.purpose == ListenerPurpose::kReplication && replication_workers(config_) > 0;
  return apart ? all.subspan(config_.workers) : all.first(config_.workers);
}

void Application::prepare_services() {
  services_.metrics = &metrics_;
  services_.sessions = &sessions_;
  services_.monitor = &monitor_;
  services_.monitor_account = monitor_account_;
  services_.rsa_key = value_or_throw(make_password_key(config_.tls));
  services_.client_tls = value_or_throw(make_client_tls_context(config_.tls));
  services_.server_tls = value_or_throw(make_server_tls_context(config_.server_tls));
  look_at_certificates();
  if (config_.users.empty()) {
    accounts_ = std::make_unique<AccountStore>(monitor_options(config_, monitor_account_),
                                               AccountStore::Options{}, cluster_, logger_);
    services_.accounts = accounts_.get();
  }
  for (size_t i = 0; i < config_.workers; ++i)
    workers_.push_back(std::make_unique<Worker>(services_, i));
  for (size_t i = 0; i < replication_workers(config_); ++i)
    workers_.push_back(std::make_unique<Worker>(services_, workers_.size()));
}

void Application::look_at_certificates() {
  housekeeping_.next_look_at_certificates = steady_clock::now() + kTellOfCertificates;
  CertificateWatch& certificates = housekeeping_.certificates;
  certificates.set(certificates_in_use(config_, services_.client_tls, services_.server_tls));
  certificates.tell(logger_, std::chrono::system_clock::now());
}

std::optional<Readiness> Application::not_serving() const {
  if (services_.draining) return Readiness{.ready = false, .reason = "shutting down"};
  if (!serving_) return Readiness{.ready = false, .reason = "starting"};
  return std::nullopt;
}

Readiness Application::readiness() const {
  if (const auto not_now = not_serving()) return *not_now;
  const auto view = cluster_.current();
  return {.ready = can_serve(*view), .reason = describe_roles(*view)};
}

Readiness Application::replication_readiness() const {
  if (const auto not_now = not_serving()) return *not_now;
  const auto view = cluster_.current();
  if (std::optional<std::string> missing = no_stream_reason(*view))
    return {.ready = false, .reason = std::move(*missing)};
  return {.ready = true, .reason = "writer " + view->writer_node()->name};
}

AdminHandlers Application::admin_handlers() {
  AdminHandlers handlers;
  handlers.metrics = [this] {
    auto families = metrics_.Collect();
    families.push_back(dropped_log_lines(logger_));
    families.push_back(housekeeping_.certificates.expiry_metric());
    return families;
  };
  handlers.readiness = [this] { return readiness(); };
  handlers.replication_readiness = [this] { return replication_readiness(); };
  handlers.status = [this] {
    const Readiness now = readiness();
    return status_json(*cluster_.current(), metrics_, streams(), now.ready, now.reason,
                       steady_clock::now() - started_);
  };
  return handlers;
}

void Application::wait_for_cluster() {
  monitor_.start();
  // A server that does not answer has that long; with it down there is nothing to wait for.
  monitor_.wait_first_view(steady_clock::now() + config_.monitor.connect_timeout * 3);
  limits_.follow(*cluster_.current());
  note_writer();
  if (accounts_ == nullptr) return;
  accounts_->start();
  accounts_->wait_first(steady_clock::now() + config_.monitor.connect_timeout * 2);
  const auto snapshot = accounts_->current();
  if (!snapshot->available) {
    logger_.warning(
        "the account table cannot be read: every client is asked for its password and a server decides",
        {{"reason", snapshot->reason}});
  }
}

void Application::start_serving() {
  for (const auto& worker : workers_)
    worker->start();
  for (const auto& listener : listeners_)
    listener->start();
  serving_ = true;
  std::string addresses;
  for (const auto& listener : listeners_) {
    if (!addresses.empty()) addresses.append(", ");
    addresses.append(to_string(listener->address()));
  }
  logger_.info("listening", {{"listen", addresses},
                             {"version", version()},
                             {"admin", admin_ ? to_string(admin_->address()) : std::string("off")}});
  told_.readiness.tell(*cluster_.current(), logger_);
}

void Application::schedule_tick() {
  events_.tick.expires_after(milliseconds{50});
  events_.tick.async_wait([this](const ErrorCode& error) {
    if (!error) on_tick();
  });
}

// For clients that replicate by file and position: from whose log theirs may be.
void Application::note_writer() {
  const ClusterState::ViewPtr view = cluster_.current();
  const NodeView* writer = view->writer_node();
  if (writer == nullptr || told_.writer_noted == view->version) return;
  told_.writer_noted = view->version;
  services_.log_readers.ledger.note_writer(binlog_owner(writer->identity.uuid, writer->identity.server_id),
                                           writer->name);
}

// One line for all clients that get writer_full().
void Application::tell_writer_full() {
  const uint64_t total = metrics_.sum(
      [](const WorkerMetrics& worker) { return worker.forwarding.errors_session_limit.value(); });
  const RefusalEpisode::News news = told_.writer_full.look(total, steady_clock::now());
  if (news == RefusalEpisode::News::kNone) return;
  const ClusterState::ViewPtr view = cluster_.current();
  const NodeIndex node = view->has_writer() ? view->writer : 0;
  const std::string name = view->has_writer() ? to_string(config_.nodes[node].address) : "none";
  if (news == RefusalEpisode::News::kBegun) {
    const ConnectionBudget& budget = services_.budgets[node];
    logger_.warning("statements were refused: the writer's connections are used up",
                    {{"node", name},
                     {"refused", told_.writer_full.refused()},
                     {"connections", budget.used()},
                     {"limit", budget.limit()}});
  } else {
    logger_.info("no statement is refused for the writer's connections any more",
                 {{"node", name}, {"refused", told_.writer_full.refused()}});
  }
}

void Application::on_tick() {
  limits_.follow(*cluster_.current());
  note_writer();
  tell_writer_full();
  told_.readiness.tell(*cluster_.current(), logger_);
  const steady_clock::time_point now = steady_clock::now();
  if (now >= housekeeping_.next_give_back) {
    housekeeping_.next_give_back = now + kGiveBackInterval;
    housekeeping_.free_memory.give_back();
  }
  if (now >= housekeeping_.next_look_at_certificates) look_at_certificates();
  logger_.tell_repeated();
  if (drain_until_) {
    const bool empty = services_.open_sessions.load() == 0;
    if (empty || now >= *drain_until_) {
      io_.stop();
      return;
    }
    for (const auto& worker : workers_)
      worker->drain();
  }
  schedule_tick();
}

void Application::wait_for_reload() {
  events_.reload.async_wait([this](const ErrorCode& error, int) {
    if (error) return;
    reload();
    wait_for_reload();
  });
}

// The certificates, keys and authorities that the configuration names, and the monitor's password, are read
// again. What is wrong with them
// leaves those in use that were.
void Application::reload() {
  std::string files;
  const auto take = [&](TlsContext& current, OrProblem<TlsContext> made,
                        std::initializer_list<std::pair<std::string_view, const std::string&>> settings) {
    if (!made) {
      logger_.error("cannot reload: what was in use stays in use", {{"reason", made.error().text}});
      return;
    }
    current = *std::move(made);
    for (const auto& [name, file] : settings) {
      if (!file.empty()) files.append(files.empty() ? "" : ", ").append(name);
    }
  };
  const TlsConfig& tls = config_.tls;
  // Without files there is nothing to read, and clients keep the certificate that was made for them.
  if (tls.mode != TlsMode::kDisabled && (!tls.certificate.empty() || !tls.ca.empty())) {
    take(services_.client_tls, make_client_tls_context(tls),
         {{"tls.certificate", tls.certificate}, {"tls.key", tls.key}, {"tls.ca", tls.ca}});
  }
  const ServerTlsConfig& server_tls = config_.server_tls;
  if (server_tls.mode != TlsMode::kDisabled) {
    take(services_.server_tls, make_server_tls_context(server_tls),
         {{"server_tls.ca", server_tls.ca},
          {"server_tls.certificate", server_tls.certificate},
          {"server_tls.key", server_tls.key}});
  }
  for (const auto& worker : workers_)
    worker->set_tls(services_.client_tls, services_.server_tls);
  look_at_certificates();
  if (!config_.monitor.password_file.empty()) {
    const auto changed = monitor_account_->read_again();
    if (!changed) {
      logger_.error("cannot reload: what was in use stays in use", {{"reason", changed.error().text}});
    } else if (*changed) {
      files.append(files.empty() ? "" : ", ").append("monitor.password_file");
      monitor_.poll_now();
    }
  }
  logger_.info("SIGHUP: files were read again, for new connections; all other settings need a restart",
               {{"reloaded", files.empty() ? std::string("nothing") : files}});
}

void Application::begin_drain() {
  logger_.info("shutting down: open transactions may finish",
               {{"sessions", std::to_string(services_.open_sessions.load())}});
  services_.draining = true;
  for (const auto& listener : listeners_)
    listener->stop();
  drain_until_ = steady_clock::now() + config_.shutdown.drain_timeout;
  for (const auto& worker : workers_)
    worker->drain();
  // Whoever asks twice does not want to wait.
  events_.end.async_wait([this](const ErrorCode& error, int) {
    if (!error) io_.stop();
  });
}

void Application::finish() {
  for (const auto& listener : listeners_)
    listener->stop();
  for (const auto& worker : workers_)
    worker->stop();
  // A session may be waiting for what another worker says (KILL, SHOW PROCESSLIST): none ends before all
  // sessions have.
  while (const uint32_t open = services_.open_sessions.load())
    services_.open_sessions.wait(open);
  for (const auto& worker : workers_)
    worker->release();
  for (const auto& worker : workers_)
    worker->join();
  admin_.reset();
  if (accounts_) accounts_->stop();
  monitor_.stop();
  workers_.clear();
  logger_.info("ended");
}

void Application::check_descriptors() {
  const uint64_t limit = raise_descriptor_limit();
  const uint64_t wanted = descriptors_wanted(config_.limits.max_connections);
  if (limit >= wanted) return;
  logger_.warning(
      "the limit of open files is too low for limits.max_connections",
      {{"open_files", limit}, {"wanted", wanted}, {"max_connections", config_.limits.max_connections}});
}

void Application::run() {
  check_descriptors();
  prepare_services();
  // Ports first: what is in use is known before anything else is done.
  for (const ListenerConfig& listener : config_.listeners) {
    listeners_.push_back(std::make_unique<Listener>(io_, services_, workers_for(listener), listener));
  }
  if (config_.admin.listen)
    admin_ = std::make_unique<AdminServer>(*config_.admin.listen, admin_handlers(), logger_);
  events_.end.async_wait([this](const ErrorCode& error, int) {
    if (!error) begin_drain();
  });
  wait_for_reload();
  wait_for_cluster();
  start_serving();
  schedule_tick();
  io_.run();
  finish();
}

}  // namespace

int run_application(const Config& config, const Logger& logger) {
  try {
    Application application(config, logger);
    application.run();
    return 0;
  } catch (const std::exception& error) {
    logger.error("cannot start", {{"reason", error.what()}});
    return 1;
  }
}

}  // namespace causeway::proxy
