#include "proxy/worker.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "proxy/kill.h"
#include "proxy/local_answers.h"
#include "proxy/metrics_registry.h"
#include "proxy/session_loop.h"

namespace causeway::proxy {
namespace {

// How exact deadlines are.
constexpr std::chrono::milliseconds kTick{50};

// A worker whose tick is later than this stood still. It costs little to believe so in error.
constexpr std::chrono::milliseconds kStandstill{250};

// How many polls of a node may fail to come before nothing is known of its position.
constexpr int kPollsWithoutWord = 3;
constexpr std::chrono::seconds kIdleSweep{5};

// Statements that are younger are not worth a look whether their client is still there.
constexpr std::chrono::milliseconds kUnwatchedStatement{200};

// How long an answer of a replica that does not answer the monitor either is waited for.
constexpr std::chrono::milliseconds kReadPatience{1000};

}  // namespace

Worker::Worker(Environment& environment, size_t index)
    : environment_(environment),
      index_(static_cast<uint32_t>(index)),
      io_(1),
      watch_timer_(io_),
      client_tls_(environment.client_tls),
      server_tls_(environment.server_tls),
      metrics_(environment.metrics->worker(index)),
      cluster_(environment.cluster),
      known_(environment.config.nodes.size()),
      progress_(environment.config.nodes.size()),
      refusals_(environment.config.nodes.size()),
      unreachable_since_(environment.config.nodes.size(), Clock::time_point::max()),
      probe_(*this),
      random_(static_cast<unsigned>(index + 1)) {
  for (size_t node = 0; node < environment.config.nodes.size(); ++node) {
    pools_.push_back(std::make_unique<BackendPool>(environment.budgets[node], metrics_.nodes[node],
                                                   [this, node] { on_free(node); }));
  }
}

Worker::~Worker() {
  join();
}

void Worker::start() {
  on_view_change();
  asio::co_spawn(io_, watch(), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

void Worker::stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    watch_timer_.cancel();
    probe_.writer_changed();
    for (ClientSession& session : sessions_) {
      session.waiter.closing = true;
      cancel(session);
    }
  });
}

void Worker::release() {
  asio::post(io_, [this] { busy_.reset(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::cancel(ClientSession& session) {
  session.stream.cancel();
  if (session.in_flight != nullptr) session.in_flight->stream.cancel();
  session.waiter.wake_up.set();
}

void Worker::accept(Socket socket, const ListenerConfig& listener, PeerAddress peer_address) {
  // The socket belongs to another worker's context: it changes over with its descriptor.
  const auto protocol = socket.local_endpoint().protocol();
  ErrorCode error;
  const auto descriptor = socket.release(error);
  if (error) return;
  assigned_.fetch_add(1, std::memory_order_relaxed);
  asio::post(io_, [this, protocol, descriptor, &listener, peer = std::move(peer_address)]() mutable {
    Socket own(io_.get_executor());
    ErrorCode failed;
    own.assign(protocol, descriptor, failed);
    if (failed || stopping_) {
      assigned_.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    asio::co_spawn(io_, run_session(std::move(own), listener, std::move(peer)), asio::detached);
  });
}

void Worker::set_tls(TlsContext client, TlsContext server) {
  asio::post(io_, [this, client = std::move(client), server = std::move(server)]() mutable {
    client_tls_ = std::move(client);
    server_tls_ = std::move(server);
  });
}

void Worker::drain() {
  asio::post(io_, [this] {
    for (ClientSession& session : sessions_) {
      const bool idle = session.in_flight == nullptr && session.transaction == routing::Target::kNone &&
                        !session.deferred.begin && !session.pins.whole_session();
      if (!idle) continue;
      session.waiter.closing = true;
      cancel(session);
    }
  });
}

Awaitable<void> Worker::run_session(Socket socket, const ListenerConfig& listener, PeerAddress peer) {
  const auto session = std::make_unique<ClientSession>(*this, std::move(socket), listener);
  // The id tells the worker: see kill_session().
  const uint32_t number = environment_.next_connection_id.fetch_add(1, std::memory_order_relaxed);
  session->id = number * static_cast<uint32_t>(environment_.workers.size()) + index_;
  session->host = std::move(peer.host);
  session->port = peer.port;
  session->command_since = tick_;
  session->level = *listener.read_consistency;
  session->writer_epoch = cluster_.view().writer_epoch;
  const uint32_t open = environment_.sessions.fetch_add(1, std::memory_order_relaxed);
  metrics_.sessions.add();
  metrics_.connections_accepted.add();
  sessions_.push_back(*session);
  try {
    if (open >= config().limits.max_connections) {
      metrics_.reject(RejectReason::kTooManyConnections);
      logger().error("a client was refused: limits.max_connections is reached",
                     {{"max_connections", config().limits.max_connections}});
      co_await answer_error(*session, 0, too_many_connections());
    } else {
      co_await run_client_session(*session);
    }
  } catch (const std::exception& error) {
    logger().error("a session ended with an exception",
                   {{"session", std::to_string(session->id)}, {"what", error.what()}});
  }
  // Whatever the way out: nothing of the session may stay behind.
  for (BackendLease* lease : {&session->writer, &session->replica}) {
    if (*lease) pool(lease->connection->node).close(*lease->connection);
  }
  metrics_.recount(session->counted, {});
  sessions_.erase(sessions_.iterator_to(*session));
  metrics_.sessions.subtract();
  assigned_.fetch_sub(1, std::memory_order_relaxed);
  environment_.sessions.fetch_sub(1, std::memory_order_relaxed);
  environment_.sessions.notify_all();
}

Awaitable<void> Worker::watch() {
  tick_ = Clock::now();
  while (!stopping_) {
    watch_timer_.expires_after(kTick);
    ErrorCode error;
    co_await watch_timer_.async_wait(await_into(error));
    on_tick(Clock::now());
  }
}

void Worker::note_time(Clock::time_point now) {
  if (now - tick_ > kStandstill) {
    heard_since_ = now;
    ++standstills_;
    const auto stood = std::chrono::duration_cast<std::chrono::milliseconds>(now - tick_);
    logger().info("a worker stood still: what it knows of the servers is found out anew",
                  {{"worker", std::to_string(index_)}, {"ms", std::to_string(stood.count())}});
    if (environment_.monitor != nullptr) environment_.monitor->poll_now();
  }
  tick_ = std::max(tick_, now);
}

void Worker::on_tick(Clock::time_point now) {
  note_time(now);
  if (cluster_.view().version != seen_view_version_) on_view_change();
  give_up_on_dead_nodes(now);
  look_for_lost_clients(now);
  probe_.on_tick(now);
  for (ClientSession& session : sessions_) {
    if (session.waiter.deadline > now) continue;
    session.waiter.deadline = Clock::time_point::max();
    session.waiter.timed_out = true;
    cancel(session);
  }
  for (size_t node = 0; node < pools_.size(); ++node) {
    while (environment_.budgets[node].exceeded() && pools_[node]->shed_one()) {
    }
  }
  if (now < next_idle_sweep_) return;
  next_idle_sweep_ = now + kIdleSweep;
  for (const auto& pool : pools_)
    pool->close_idle_since(now - config().timeouts.server_idle);
}

// Idle connections to a server that is gone are of no use. Those in which a session has something are given
// as long as statements under way.
void Worker::on_view_change() {
  const ClusterView& view = cluster_.view();
  seen_view_version_ = view.version;
  for (size_t node = 0; node < pools_.size() && node < view.nodes.size(); ++node) {
    pools_[node]->close_idle_of_other(view.nodes[node].incarnation);
    if (view.nodes[node].reachable) {
      unreachable_since_[node] = Clock::time_point::max();
    } else if (unreachable_since_[node] == Clock::time_point::max()) {
      unreachable_since_[node] = Clock::now();
      pools_[node]->close_idle();
    }
  }
  if (view.writer >= 0) last_writer_ = view.writer;
  const auto writer = static_cast<size_t>(view.writer);
  if (view.writer < 0 || !view.nodes[writer].reachable) probe_.writer_changed();
  leave_former_writers();
  wake_waiting();
}

void Worker::leave_former_writer(ClientSession& session) {
  const size_t node = session.writer.connection->node;
  logger().warning("a session loses what it had on a former writer",
                   {{"session", std::to_string(session.id)}, {"node", cluster_.view().nodes[node].name}});
  session.former_writer = node;
  pools_[node]->close(*session.writer.connection);
}

// Statements under way may finish.
void Worker::leave_former_writers() {
  for (ClientSession& session : sessions_) {
    const BackendConnection* connection = session.writer.connection;
    if (connection == nullptr || connection->in_use || is_to_writer(*connection)) continue;
    const bool lives_there = session.transaction == routing::Target::kWriter || session.pins.user_variables ||
                             session.pins.whole_session_on(routing::Target::kWriter) ||
                             session.prepared.cursors(routing::Target::kWriter) > 0;
    if (lives_there) leave_former_writer(session);
  }
}

// A server that only answers slowly may still finish what it was asked: reads are tried elsewhere after a
// second, statements on the writer are given up when they could have found a new one, or when there is one.
void Worker::give_up_on_dead_nodes(Clock::time_point now) {
  const ClusterView& view = cluster_.view();
  for (size_t node = 0; node < pools_.size() && node < view.nodes.size(); ++node) {
    if (unreachable_since_[node] == Clock::time_point::max()) continue;
    const bool is_writer = static_cast<int>(node) == view.writer || view.writer < 0;
    const auto patience = is_writer ? config().forwarding.writer_wait : kReadPatience;
    if (now - unreachable_since_[node] < patience) continue;
    pools_[node]->close_kept();
    for (const auto& connection : pools_[node]->connections()) {
      if (connection->in_use) connection->stream.cancel();
    }
  }
}

// Nobody reads the client's socket while a server works for it.
void Worker::look_for_lost_clients(Clock::time_point now) {
  for (ClientSession& session : sessions_) {
    if (session.in_flight == nullptr || session.waiter.closing) continue;
    if (session.in_flight->idle_since + kUnwatchedStatement > now) continue;
    if (!session.stream.has_ended()) continue;
    session.waiter.closing = true;
    cancel(session);
  }
}

void Worker::abort_statement(const ClientSession& session, const BackendConnection& connection) {
  asio::co_spawn(io_, kill_on_server(*this, thread_of(connection), KillScope::kConnection, login_of(session)),
                 asio::detached);
}

KillOutcome Worker::kill(uint32_t id, const Killer& killer, KillScope scope) {
  for (ClientSession& session : sessions_) {
    if (session.id != id) continue;
    if (!killer.any_session && session.user != killer.user) return KillOutcome::kNotOwner;
    if (scope == KillScope::kConnection) {
      session.waiter.closing = true;
      cancel(session);
      return KillOutcome::kKilled;
    }
    session.waiter.query_killed = true;
    if (session.in_flight != nullptr && session.in_flight->lease != nullptr) {
      // A late KILL must not hit the next one who has the connection.
      session.in_flight->doomed = true;
      asio::co_spawn(io_, kill_on_server(*this, thread_of(*session.in_flight), scope, killer.login),
                     asio::detached);
    } else {
      session.waiter.wake_up.set();
    }
    return KillOutcome::kKilled;
  }
  return KillOutcome::kUnknown;
}

const consistency::Position* Worker::last_known_writer_position() {
  if (last_writer_ < 0) return nullptr;
  const ClusterView& current = view();
  const consistency::Position& position = current.nodes[static_cast<size_t>(last_writer_)].executed;
  return position.kind() == current.position_kind ? &position : nullptr;
}

void Worker::count_session(ClientSession& session) {
  const Pins& pins = session.pins;
  CountedSession now;
  now.forwarding = session.logged_in && session.level != consistency::ReadConsistency::kOff;
  now.on_writer = session.used_writer;
  now.pin(PinReason::kTransaction) = session.transaction != routing::Target::kNone;
  now.pin(PinReason::kTemporaryTable) = pins.temporary_table;
  now.pin(PinReason::kTableLock) = pins.table_lock || pins.backup_lock;
  now.pin(PinReason::kUserLock) = pins.user_lock;
  now.pin(PinReason::kPreparedStatement) = pins.prepared_text;
  now.pin(PinReason::kDiagnostics) = session.last_warnings > 0;
  now.pin(PinReason::kSessionState) = pins.untrackable || pins.unreported || pins.user_variables;
  metrics_.recount(session.counted, now);
  session.counted = now;
}

void Worker::wake_waiting() {
  for (size_t node = 0; node < pools_.size(); ++node)
    wake_first_in_line(node);
  for (Waiter* waiter : waiting_)
    waiter->wake_up.set();
}

void Worker::wake_first_in_line(size_t node) {
  const auto first = environment_.lines[node].first();
  if (!first) return;
  Worker& worker = *environment_.workers[first->worker];
  asio::post(worker.io_, [&worker, node, ticket = first->number] { worker.wake_in_line(node, ticket); });
}

void Worker::wake_in_line(size_t node, uint64_t ticket) {
  for (const InLine& waiting : in_line_) {
    if (waiting.node == node && waiting.ticket == ticket) waiting.waiter->wake_up.set();
  }
}

// A connection of this worker was put back, or closed. For a session of another worker it has to be closed.
void Worker::on_free(size_t node) {
  const auto first = environment_.lines[node].first();
  if (!first) return;
  const ConnectionBudget& budget = environment_.budgets[node];
  if (first->worker == index_ || budget.used() < budget.limit()) return wake_first_in_line(node);
  shed(node);
}

Awaitable<void> Worker::wait_for_place(Waiter& waiter, uint64_t ticket, size_t node) {
  in_line_.push_back({.node = node, .ticket = ticket, .waiter = &waiter});
  waiter.wake_up.reset();
  // What became free before it was in the line has woken nobody.
  const ConnectionBudget& budget = environment_.budgets[node];
  if (budget.used() < budget.limit() && environment_.lines[node].is_first(ticket)) waiter.wake_up.set();
  co_await waiter.wake_up.wait();
  std::erase_if(in_line_, [&waiter](const InLine& waiting) { return waiting.waiter == &waiter; });
}

void Worker::give_back_one(size_t node) {
  asio::post(io_, [this, node] { pools_[node]->shed_one(); });
}

void Worker::give_back_one_of(size_t node, const std::string& user) {
  asio::post(io_, [this, node, user] { pools_[node]->shed_one_of(user); });
}

void Worker::shed(size_t node) {
  asio::post(io_, [this, node] {
    const ConnectionBudget& budget = environment_.budgets[node];
    if (budget.has_waiters() && budget.used() >= budget.limit()) pools_[node]->shed_one();
  });
}

consistency::WaitDialect Worker::wait_dialect(size_t node) {
  const NodeView& of = view().nodes[node];
  return {.flavor = of.flavor == ServerFlavor::kMariadb ? consistency::ServerFlavor::kMariadb
                                                        : consistency::ServerFlavor::kMysql,
          .server_version = of.server_version_number};
}

bool Worker::is_heard_of(size_t node) {
  const Clock::time_point polled_at = view().nodes[node].polled_at;
  const MonitorConfig& monitor = config().monitor;
  return polled_at >= heard_since_ &&
         tick_ - polled_at <= kPollsWithoutWord * monitor.interval + monitor.connect_timeout;
}

const consistency::Position& Worker::known_position(size_t node) {
  if (known_[node].view_version != view().version) update_known(node);
  return is_heard_of(node) ? known_[node].position : nothing_known_;
}

void Worker::update_known(size_t node) {
  const ClusterView& current = view();
  KnownPosition& known = known_[node];
  known.view_version = current.version;
  const NodeView& of = current.nodes[node];
  const uint64_t era = position_era(node);
  // What a wait has shown may be ahead of the poll, but not of one that was asked for later.
  const bool poll_counts =
      known.era != era || of.polled_at >= known.learned_at || !known.position.merge(of.executed);
  if (known.era != era) progress_[node].forget();
  known.era = era;
  if (poll_counts) known.position = of.executed;
  if (!of.reachable) known.position = consistency::Position();
  note_progress(node, known.position);
}

void Worker::learned_position(const BackendConnection& connection, uint64_t era,
                              const consistency::Position& position) {
  known_position(connection.node);
  KnownPosition& known = known_[connection.node];
  if (known.era != era || position_era(connection.node) != era || !is_current(connection)) return;
  if (!known.position.merge(position)) known.position = position;
  known.learned_at = Clock::now();
  progress_[connection.node].reached(position);
}

bool Worker::replica_usable(size_t node, std::optional<std::chrono::milliseconds> max_lag, bool trusts) {
  const NodeView& of = view().nodes[node];
  if (!of.reachable || !of.usable_for_reads) return false;
  if (of.role == NodeRole::kWriter && config().routing.reads_on_writer != ReadsOnWriter::kAlways)
    return false;
  if (config().nodes[node].weight == 0 || (trusts && !of.consistent)) return false;
  if (!max_lag) return true;
  // A poll that does not come when it should tells less and less.
  const auto overdue = std::max<Clock::duration>(tick_ - of.polled_at - 2 * config().monitor.interval, {});
  return of.lag && *of.lag + overdue <= *max_lag;
}

consistency::ReplicaProgress& Worker::progress(size_t node) {
  known_position(node);
  return progress_[node];
}

// What the view says of a node that was polled, and of the writer.
void Worker::note_progress(size_t node, const consistency::Position& known) {
  const ClusterView& current = cluster_.view();
  const NodeView& of = current.nodes[node];
  const NodeView* writer = current.writer_node();
  if (!of.reachable) return progress_[node].forget();
  if (writer == nullptr || writer->executed.kind() != of.executed.kind()) return;
  progress_[node].polled(known, of.polled_at, writer->executed, writer->polled_at, of.lag);
}

size_t Worker::replica_with(const consistency::Position& target, std::chrono::milliseconds timeout,
                            std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except) {
  size_t promising = kNoNode;
  for (size_t node = 0; node < std::min(view().nodes.size(), kMaxNodes); ++node) {
    if (except[node] || !replica_usable(node, max_lag, true)) continue;
    if (known_position(node).contains(target)) return node;
    if (progress(node).gets_there_within(timeout)) promising = node;
  }
  return promising;
}

size_t Worker::pick_replica(std::optional<std::chrono::milliseconds> max_lag, const NodeSet& except,
                            bool trusts) {
  std::array<size_t, kMaxNodes> usable{};
  size_t count = 0;
  const size_t nodes = std::min(view().nodes.size(), kMaxNodes);
  for (size_t node = 0; node < nodes; ++node) {
    if (!except[node] && replica_usable(node, max_lag, trusts)) usable[count++] = node;
  }
  if (count == 0) return kNoNode;
  if (count == 1) return usable[0];
  // Sessions stay where they begin, so it is their number that has to be balanced: connections stand for
  // them.
  const auto load = [this](size_t node) {
    return static_cast<double>(pools_[node]->size()) / config().nodes[node].weight;
  };
  const size_t first = usable[random_() % count];
  const size_t second = usable[random_() % count];
  if (first == second) return first;
  return load(first) <= load(second) ? first : second;
}

const ClientError* Worker::refusal(size_t node, const PoolKey& key) {
  if (static_cast<int>(node) == view().writer) return nullptr;
  return refusals_[node].find(key.user, key.credentials_version, Clock::now());
}

void Worker::refused(size_t node, const PoolKey& key, const ClientError& error) {
  if (!refusals_[node].note(key.user, key.credentials_version, error, Clock::now())) return;
  const bool is_writer = static_cast<int>(node) == view().writer;
  logger().warning(
      is_writer ? "the writer refuses connections" : "a replica refuses connections",
      {{"node", to_string(config().nodes[node].address)}, {"user", key.user}, {"reason", error.message}});
}

Awaitable<void> Worker::wait_for_change(Waiter& waiter) {
  waiting_.push_back(&waiter);
  waiter.wake_up.reset();
  co_await waiter.wake_up.wait();
  std::erase(waiting_, &waiter);
}

void Worker::suspect(size_t node) {
  if (environment_.monitor != nullptr) environment_.monitor->poll_now();
  logger().debug("a connection failed", {{"node", to_string(config().nodes[node].address)}});
}

void Worker::look_anew(size_t node) {
  if (environment_.monitor != nullptr) environment_.monitor->look_anew(node);
  logger().debug("a connection led to another server", {{"node", to_string(config().nodes[node].address)}});
}

}  // namespace causeway::proxy
