#include "proxy/cluster/cluster_monitor.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "proxy/base/clock.h"
#include "proxy/cluster/ahead_watch.h"
#include "proxy/cluster/connection_count.h"
#include "proxy/cluster/incarnation.h"
#include "proxy/cluster/node_probe_run.h"
#include "proxy/cluster/replica_lag.h"
#include "proxy/cluster/role_election.h"
#include "proxy/cluster/server_errors.h"

namespace causeway::proxy {
namespace {

using consistency::PositionKind;

// A server that refuses us (a wrong password, too many connections) is not asked more often than this: each
// try is a line in its log.
constexpr std::chrono::milliseconds kRefusedInterval{1000};
constexpr std::chrono::milliseconds kGoodbye{200};

std::string describe_connect_error(const NativeError& error, const std::string& user) {
  const std::string doing =
      is_connection_error(error) ? "cannot connect: " : "cannot log in as '" + user + "': ";
  return doing + to_string(error);
}

using NodePair = std::pair<size_t, size_t>;
using NodePairs = std::set<NodePair>;

// What a poll came to.
struct Outcome {
  std::optional<NodeProbe> probe = std::nullopt;
  std::string error = {};
  bool refused = false;        // the server is there and said no
  bool about_account = false;  // because of who we are: is_about_account()
  Clock::time_point begun = {};
};

// What the monitor has of a node beside its record.
struct NodeWatch {
  NativeClient client;     // used by the node's thread; interrupt() by stop()
  bool reconnect = false;  // asked for by look_anew()
  AheadWatch ahead;
  std::string last_error;  // of the last failed poll; empty if the last poll went well
};

}  // namespace

std::string node_name(const MonitorOptions::Node& node) {
  if (!node.unix_socket.empty()) return node.unix_socket;
  const bool ipv6 = node.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + node.host + "]" : node.host) + ":" + std::to_string(node.port);
}

namespace {

NativeClient::Options client_options(const MonitorOptions& options, const protocol::Credentials& credentials,
                                     size_t node) {
  const MonitorOptions::Node& at = options.nodes[node];
  return {.host = at.host,
          .port = at.port,
          .unix_socket = at.unix_socket,
          .user = options.account->user(),
          .password = credentials.clear_password.clone(),
          .connect_timeout = options.connect_timeout,
          .read_timeout = options.connect_timeout,
          .write_timeout = options.connect_timeout,
          .tls = options.tls,
          .tls_ca = options.tls_ca,
          .tls_certificate = options.tls_certificate,
          .tls_key = options.tls_key};
}

}  // namespace

NativeResult<void> connect_to_node(NativeClient& client, const MonitorOptions& options, size_t node) {
  MonitorAccount& account = *options.account;
  const MonitorAccount::CredentialsPtr tried = account.credentials();
  auto connected = client.connect(client_options(options, *tried, node));
  if (connected || !is_wrong_password(connected.error().code)) return connected;
  // What cannot be read has been refused already: that is what counts.
  static_cast<void>(account.read_again());
  const MonitorAccount::CredentialsPtr now = account.credentials();
  if (now == tried) return connected;
  return client.connect(client_options(options, *now, node));
}

// Each node has a thread that polls and calls report(). Everything below `mutex` is shared; a report elects
// and publishes under it, so that views come in order. Lock order: mutex, then those of ClusterState.
struct ClusterMonitor::Impl {
  Impl(MonitorOptions given, ClusterState& where, Logger sink)
      : options(std::move(given)), state(where), log(std::move(sink)), watches(options.nodes.size()) {
    for (const MonitorOptions::Node& node : options.nodes) {
      records.push_back({.name = node_name(node), .host = node.host, .port = node.port});
    }
  }

  void start() {
    const std::lock_guard lock(mutex);
    for (size_t i = 0; i < watches.size(); ++i) {
      threads.emplace_back([this, i] {
        run(i);
        watches[i].client.close();
        const std::lock_guard done(mutex);
        --running;
        finished.notify_all();
      });
      ++running;
    }
  }

  void stop() {
    {
      std::unique_lock lock(mutex);
      stopping = true;
      wake.notify_all();
      published.notify_all();
      // Who only waits says goodbye to its server; who hangs is cut off.
      finished.wait_for(lock, kGoodbye, [this] { return running == 0; });
    }
    for (NodeWatch& watch : watches)
      watch.client.interrupt();
    for (std::thread& thread : threads)
      thread.join();
    threads.clear();
  }

  void run(size_t i) {
    uint64_t seen = 0;
    int64_t server_started_at = 0;  // of the server at the other end of the connection
    ConnectionCount connections;
    for (;;) {
      const auto started = Clock::now();
      if (is_to_reconnect(i)) watches[i].client.close();
      Outcome outcome = poll(i, server_started_at);
      outcome.begun = started;
      if (outcome.probe) {
        count_connections(watches[i].client, connections);
        outcome.probe->facts.connections = connections;
      }
      const bool refused = outcome.refused;
      const Health health = report(i, std::move(outcome));
      std::unique_lock lock(mutex);
      if (stopping) return;
      if (health == Health::kSuspect) continue;  // the retry that decides
      const auto pause = refused ? std::max(options.interval, kRefusedInterval) : options.interval;
      wake.wait_until(lock, started + pause, [&] { return stopping || poll_requests != seen; });
      seen = poll_requests;
      if (stopping) return;
    }
  }

  bool is_to_reconnect(size_t i) {
    const std::lock_guard lock(mutex);
    return std::exchange(watches[i].reconnect, false);
  }

  Outcome poll(size_t i, int64_t& server_started_at) {
    NativeClient& client = watches[i].client;
    MonitorAccount& account = *options.account;
    if (account.was_refused()) static_cast<void>(account.read_again());
    const bool on_new_connection = !client.connected();
    if (on_new_connection) {
      const auto connected = connect_to_node(client, options, i);
      if (!connected) {
        const NativeError error = connected.error();
        return failed(error, describe_connect_error(error, account.user()));
      }
      server_started_at = ask_start_time(client);
    }
    auto probe = probe_node(client, account.user());
    if (probe) {
      probe->started_at = server_started_at;
      probe->connection_id = client.thread_id();
      probe->on_new_connection = on_new_connection;
      return {.probe = std::move(*probe)};
    }
    const NativeError error = probe.error();
    client.close();
    return failed(error, to_string(error));
  }

  static Outcome failed(const NativeError& error, std::string text) {
    return {.error = std::move(text),
            .refused = !is_connection_error(error),
            .about_account = is_about_account(error.code)};
  }

  static void note_access(MonitorAccess& access, const Outcome& outcome, bool was_in_service) {
    if (outcome.probe)
      access.let_in();
    else if (outcome.about_account)
      access.refused(outcome.begun, was_in_service);
    else
      access.failed();
  }

  Health report(size_t i, Outcome outcome) {
    const std::lock_guard lock(mutex);
    NodeRecord& record = records[i];
    if (stopping) return record.health;
    const Health before = record.health;
    const bool was_shut_out = record.access.is_shut_out();
    note_access(record.access, outcome, in_service(before));
    if (record.access.is_shut_out()) {
      stay_as_known(i, std::move(outcome.error));
      return record.health;
    }
    if (was_shut_out && outcome.probe) log.info("a node lets the monitor in again", {{"node", record.name}});
    record.health = next_health(before, outcome.probe ? &*outcome.probe : nullptr, options.rejoin_max_lag);
    log_node(i, before, outcome);
    watches[i].last_error = std::move(outcome.error);
    if (outcome.probe) note_incarnation(i, *outcome.probe);
    if (outcome.probe) {
      note_promotion(record, *outcome.probe);
      record.probe = std::move(outcome.probe);
    }
    publish_once_all_are_known();
    return record.health;
  }

  void note_incarnation(size_t i, const NodeProbe& probe) {
    NodeRecord& record = records[i];
    const std::string why = record.probe ? why_another_incarnation(*record.probe, probe) : "";
    if (record.probe && why.empty()) return;
    ++record.incarnation;
    ++record.position_era;
    if (!record.probe) return;
    log.warning("a node is not what it was", {{"node", record.name}, {"reason", why}});
    // A position that went back may only hide what the replica has too much.
    const bool same = same_server(record.probe->identity(), probe.identity());
    if (!same || watches[i].ahead.verdict() != AheadWatch::Verdict::kAhead) watches[i].ahead.reset();
    ask_again();
  }

  // A new writer's log is not the old one's, even if it has the same name.
  void note_writer(const Election& election) {
    const bool other_kind = election.position_kind != memory.position_kind;
    bool other_writer = false;
    if (election.writer != kNoNode) {
      const uint64_t incarnation = records[election.writer].incarnation;
      other_writer = election.memory.writer != memory.writer || incarnation != writer_incarnation;
      writer_incarnation = incarnation;
    }
    if (other_writer) {
      log_superseded(election.writer);
      ++writer_epoch;
      history.clear();
      // The first writer of all is taken at its word.
      if (memory.writer != kNoNode) {
        for (NodeWatch& watch : watches)
          watch.ahead.reset();
        ask_again();
      }
    }
    if (other_kind) history.clear();
    memory = election.memory;
    const bool other_log = other_writer && memory.position_kind == PositionKind::kBinlogCoordinates;
    if (!other_kind && !other_log) return;
    for (NodeRecord& record : records)
      ++record.position_era;
  }

  // Nobody has seen the former writer give up its role.
  void log_superseded(NodeIndex writer) const {
    if (memory.writer == kNoNode || memory.writer == writer) return;
    const NodeRecord& former = records[memory.writer];
    if (!former.access.refused_at() || !in_service(former.health)) return;
    log.error("a node was promoted while the writer does not let the monitor in: it is the writer now",
              {{"node", records[writer].name}, {"former_writer", former.name}});
  }

  void log_twins() {
    NodePairs now;
    for (const Twins& twins : find_twins(records)) {
      const NodePair pair(twins.first, twins.second);
      now.insert(pair);
      if (told_twins.contains(pair)) continue;
      log.warning("two nodes cannot be told apart", {{"node", records[twins.first].name},
                                                     {"other", records[twins.second].name},
                                                     {"reason", twins.why}});
    }
    told_twins = std::move(now);
  }

  // What has been found out so far is to be known for the servers of now, soon.
  void ask_again() {
    ++poll_requests;
    wake.notify_all();
  }

  // Both are positions of what a server has committed, whatever kind replicas use.
  void watch_replicas(const Election& election) {
    if (election.writer == kNoNode) return;
    const NodeIndex w = election.writer;
    const NodeProbe& writer = *records[w].probe;
    for (size_t i = 0; i < records.size(); ++i) {
      if (i == w || !records[i].probe || election.nodes[i].role != NodeRole::kReplica) continue;
      const NodeProbe& replica = *records[i].probe;
      const bool mariadb = replica.facts.flavor == ServerFlavor::kMariadb;
      if (replica.gtid_executed.kind() == writer.gtid_executed.kind() && !writer.gtid_executed.empty()) {
        watches[i].ahead.observe(replica.gtid_executed, replica.answered_at, writer.gtid_logged,
                                 writer.polled_at, mariadb);
      } else {
        watches[i].ahead.observe(election.nodes[i].executed, replica.answered_at, election.nodes[w].executed,
                                 writer.polled_at, false);
      }
    }
  }

  void measure_lag(Election& election) {
    if (election.writer == kNoNode) return;
    const NodeIndex w = election.writer;
    history.note(election.nodes[w].executed, records[w].probe->polled_at);
    for (size_t i = 0; i < records.size(); ++i) {
      ElectedNode& node = election.nodes[i];
      if (node.role != NodeRole::kReplica || !records[i].probe) continue;
      if (records[i].access.is_shut_out() || records[w].access.is_shut_out()) {
        node.lag.reset();
        continue;
      }
      if (node.executed.kind() == PositionKind::kNone) {
        if (!follows_writer_directly(*records[i].probe)) node.lag.reset();
        continue;
      }
      const auto measured = history.lag(node.executed, records[i].probe->polled_at);
      // Further behind than is known: at least what it says itself.
      const auto known = history.age(records[i].probe->polled_at);
      if (measured) node.lag = measured;
      if (!measured && (!node.lag || !known || *node.lag < *known)) node.lag.reset();
    }
  }

  bool follows_writer_directly(const NodeProbe& replica) const {
    return std::ranges::any_of(replica.channels, [this](const ReplicaChannel& channel) {
      return channel.source_uuid.empty() ? channel.source_server_id == memory.server_id
                                         : channel.source_uuid == memory.server_uuid;
    });
  }

  // The node serves, but what it is now cannot be asked. What is gone by without being asked is unknown: the
  // lag.
  void stay_as_known(size_t i, std::string error) {
    NodeRecord& record = records[i];
    record.health = Health::kUp;
    for (ReplicaChannel& channel : record.probe->channels)
      channel.lag.reset();
    if (record.access.is_to_be_said(Clock::now())) {
      log.error("a node does not let the monitor in: what was known last of its role is kept",
                {{"node", record.name}, {"user", options.account->user()}, {"reason", error}});
    }
    watches[i].last_error = std::move(error);
    publish_once_all_are_known();
  }

  void publish_once_all_are_known() {
    const bool heard_of_all =
        std::ranges::none_of(records, [](const NodeRecord& r) { return r.health == Health::kNew; });
    if (heard_of_all) publish();
  }

  void publish() {
    Election election = elect(records, memory);
    note_writer(election);
    watch_replicas(election);
    measure_lag(election);
    auto view = std::make_shared<ClusterView>();
    view->version = ++version;
    view->writer = election.writer;
    view->no_writer_reason = election.no_writer_reason;
    view->writer_epoch = writer_epoch;
    view->position_kind = election.position_kind;
    for (size_t i = 0; i < records.size(); ++i)
      view->nodes.push_back(make_node_view(i, std::move(election.nodes[i])));
    const std::vector<NodeIndex> speakers = view->nodes_to_ask();
    view->flavor = speakers.empty() ? state.current()->flavor : view->nodes[speakers.front()].facts.flavor;
    log_twins();
    log_roles(*state.current(), *view);
    state.publish(std::move(view));
    published.notify_all();
  }

  NodeView make_node_view(size_t i, ElectedNode elected) const {
    NodeView node;
    node.name = records[i].name;
    node.reachable = in_service(records[i].health);
    node.monitor_refused = records[i].access.refuses();
    node.role = elected.role;
    node.usable_for_reads = elected.usable_for_reads;
    node.unusable_reason = std::move(elected.unusable_reason);
    node.replication_running = elected.replication_running;
    node.receiver_running = elected.receiver_running;
    node.has_source = elected.has_source;
    node.lag = elected.lag;
    node.executed = std::move(elected.executed);
    node.incarnation = records[i].incarnation;
    node.position_era = records[i].position_era;
    node.last_error = watches[i].last_error;
    node.consistent =
        node.role != NodeRole::kReplica || watches[i].ahead.verdict() == AheadWatch::Verdict::kWithin;
    if (watches[i].ahead.verdict() == AheadWatch::Verdict::kAhead && node.role == NodeRole::kReplica)
      node.inconsistent_reason = "it has transactions that the writer lacks";
    // A wait there would be for a place in the log of its own source, which may well have the same name.
    const bool of_another_log = memory.position_kind == PositionKind::kBinlogCoordinates &&
                                node.role == NodeRole::kReplica &&
                                node.executed.kind() == PositionKind::kNone;
    if (of_another_log) {
      node.consistent = false;
      node.inconsistent_reason = "without GTIDs its positions are not those of the writer's log";
    }
    if (!records[i].probe) return node;
    const NodeProbe& probe = *records[i].probe;
    node.facts = probe.facts;
    node.polled_at = probe.polled_at;
    node.identity = probe.identity();
    return node;
  }

  // One line per change, not per poll.
  void log_node(size_t i, Health before, const Outcome& outcome) const {
    const NodeRecord& record = records[i];
    if (!outcome.probe) {
      const bool first_of_outage = before == Health::kNew || before == Health::kSuspect;
      if (before == Health::kUp)
        log.warning("a node failed a poll and is tried again",
                    {{"node", record.name}, {"reason", outcome.error}});
      else if (first_of_outage)
        log.error("a node is out of service", {{"node", record.name}, {"reason", outcome.error}});
      else if (outcome.error != watches[i].last_error)
        log.error("a node is still out of service", {{"node", record.name}, {"reason", outcome.error}});
      return;
    }
    if (record.health == Health::kCatchingUp) {
      if (before != Health::kCatchingUp)
        log.info("a node answers again, but is too far behind", {{"node", record.name}});
    } else if (before != Health::kUp) {
      log.info(before == Health::kSuspect ? "a node answered the second try" : "a node is in service",
               {{"node", record.name},
                {"flavor", to_string(outcome.probe->facts.flavor)},
                {"version", outcome.probe->facts.server_version}});
    }
    const bool new_warning = !record.probe || record.probe->warning != outcome.probe->warning;
    if (new_warning && !outcome.probe->warning.empty())
      log.warning("a node can be watched in part only",
                  {{"node", record.name}, {"reason", outcome.probe->warning}});
  }

  void log_consistency(const NodeView* before, const NodeView& now) const {
    const std::string was = before != nullptr ? before->inconsistent_reason : "";
    if (now.inconsistent_reason == was) return;
    if (now.inconsistent_reason.empty())
      log.info("a node takes reads at SESSION and GLOBAL again", {{"node", now.name}});
    else
      log.error("a node takes no reads at SESSION and GLOBAL",
                {{"node", now.name}, {"reason", now.inconsistent_reason}});
  }

  void log_roles(const ClusterView& before, const ClusterView& now) const {
    if (now.has_writer() && (before.writer != now.writer || before.writer_epoch != now.writer_epoch))
      log.info("there is a writer", {{"node", now.writer_node()->name}});
    if (!now.has_writer() && before.no_writer_reason != now.no_writer_reason)
      log.error("there is no writer", {{"reason", now.no_writer_reason}});
    for (size_t i = 0; i < now.nodes.size(); ++i) {
      const NodeView& node = now.nodes[i];
      const NodeView* old = i < before.nodes.size() ? &before.nodes[i] : nullptr;
      log_consistency(old, node);
      if (old != nullptr && old->role == node.role && old->unusable_reason == node.unusable_reason) continue;
      if (!node.reachable) continue;  // told already
      if (node.usable_for_reads)
        log.info("a node has a role", {{"node", node.name}, {"role", to_string(node.role)}});
      else
        log.warning("a node takes no reads",
                    {{"node", node.name}, {"role", to_string(node.role)}, {"reason", node.unusable_reason}});
    }
  }

  bool wait_first_view(Clock::time_point deadline) {
    std::unique_lock lock(mutex);
    if (published.wait_until(lock, deadline, [this] { return version > 0 || stopping; })) return version > 0;
    for (size_t i = 0; i < records.size(); ++i) {
      if (records[i].health != Health::kNew) continue;
      records[i].health = Health::kDown;
      watches[i].last_error = "no answer yet";
      log.error("a node is out of service", {{"node", records[i].name}, {"reason", watches[i].last_error}});
    }
    publish();
    return false;
  }

  const MonitorOptions options;
  ClusterState& state;
  const Logger log;
  std::vector<NodeWatch> watches;  // by node, as records
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable wake;       // stopping or poll_requests
  std::condition_variable published;  // the first view
  std::condition_variable finished;   // running
  size_t running = 0;
  bool stopping = false;
  uint64_t poll_requests = 0;
  std::vector<NodeRecord> records;
  WriterHistory history;
  NodePairs told_twins;
  WriterMemory memory;
  uint64_t version = 0;
  uint64_t writer_epoch = 0;
  uint64_t writer_incarnation = 0;  // of the last writer
};

ClusterMonitor::ClusterMonitor(MonitorOptions options, ClusterState& state, Logger log)
    : impl_(std::make_unique<Impl>(std::move(options), state, std::move(log))) {}

ClusterMonitor::~ClusterMonitor() {
  stop();
}

void ClusterMonitor::start() {
  impl_->start();
}

void ClusterMonitor::stop() {
  impl_->stop();
}

bool ClusterMonitor::wait_first_view(std::chrono::steady_clock::time_point deadline) {
  return impl_->wait_first_view(deadline);
}

void ClusterMonitor::poll_now() {
  {
    const std::lock_guard lock(impl_->mutex);
    ++impl_->poll_requests;
  }
  impl_->wake.notify_all();
}

void ClusterMonitor::look_anew(size_t node) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->watches[node].reconnect = true;
  }
  poll_now();
}

}  // namespace causeway::proxy
