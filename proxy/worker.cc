#include "proxy/worker.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "proxy/commands/session_loop.h"
#include "proxy/replication/attached_streams.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/session_leases.h"

namespace causeway::proxy {
namespace {

// How exact deadlines are.
constexpr std::chrono::milliseconds kTick{50};

// How long streams of the binary log are given for the end of the transaction that they are in, at Causeway's
// end, and where another server is the writer: what the former one has sent by then.
constexpr std::chrono::seconds kStreamAtShutDown{1};
constexpr std::chrono::milliseconds kStreamOfFormerWriter = kTick;

// Statements that are younger are not worth a look whether their client is still there.
constexpr std::chrono::milliseconds kUnwatchedStatement{200};

void tell_end(const ClientSession& session) {
  const EndReason reason = session.end.reason();
  session.shard.logger().log(is_ordinary(reason) ? LogLevel::kDebug : LogLevel::kInfo, "a session has ended",
                             {{"session", session.id},
                              {"user", session.identity.user},
                              {"client", session.client.host},
                              {"reason", to_string(reason)}});
}

}  // namespace

Worker::Worker(Services& services, size_t index)
    : io_(1), watch_timer_(io_), shard_(services, index, io_), probe_(shard_), sessions_(shard_) {
  shard_.set_probe(probe_);
  services.shards.push_back(&shard_);
  services.sessions->add(sessions_);
}

Worker::~Worker() {
  join();
}

void Worker::start() {
  asio::co_spawn(io_, watch(), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

void Worker::stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    watch_timer_.cancel();
    probe_.writer_changed();
    for (ClientSession& session : sessions_.list()) {
      session.end.because(EndReason::kShutDown);
      session.waiter.closing = true;
      end_waits(session);
    }
  });
}

void Worker::release() {
  asio::post(io_, [this] { busy_.reset(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::accept(Socket socket, const ListenerConfig& listener, PeerAddress peer_address) {
  // The socket belongs to another worker's context: it changes over with its descriptor.
  const auto protocol = socket.local_endpoint().protocol();
  ErrorCode error;
  const auto descriptor = socket.release(error);
  if (error) return;
  asio::post(io_, [this, protocol, descriptor, &listener, peer = std::move(peer_address),
                   assigned = Attendance(assigned_)]() mutable {
    Socket own(io_.get_executor());
    ErrorCode failed;
    own.assign(protocol, descriptor, failed);
    if (failed || stopping_) return;
    asio::co_spawn(io_, run_session(std::move(own), listener, std::move(peer), std::move(assigned)),
                   asio::detached);
  });
}

void Worker::drain() {
  asio::post(io_, [this] {
    end_streams(EndReason::kShutDown);
    for (ClientSession& session : sessions_.list()) {
      const bool idle = session.backends.in_flight == nullptr && session.state.may_end();
      if (!idle) continue;
      session.end.because(EndReason::kShutDown);
      session.waiter.closing = true;
      end_waits(session);
    }
  });
}

Awaitable<void> Worker::run_session(Socket socket, const ListenerConfig& listener, PeerAddress peer,
                                    Attendance /*assigned*/) {
  Services& services = shard_.services();
  WorkerMetrics& metrics = shard_.metrics();
  const auto session = std::make_unique<ClientSession>(shard_, std::move(socket), listener,
                                                       shard_.cluster().view().writer_epoch);
  session->id = services.sessions->next_id(shard_.index());
  session->client.host = std::move(peer.host);
  session->client.port = peer.port;
  session->activity.since = shard_.cluster().tick();
  session->state.level = *listener.read_consistency;
  const Attendance open(services.open_sessions);
  const Attendance of_listener(services.listener_sessions[listener.index]);
  const GaugeShare counted(metrics.clients.sessions);
  metrics.clients.connections_accepted.add();
  sessions_.list().push_back(*session);
  try {
    const std::optional<ClientError> full = refuse_one_more(listener, open.before(), of_listener.before());
    if (full) {
      session->end.because(EndReason::kTooManyConnections);
      co_await answer_error(*session, 0, *full);
    } else {
      co_await run_client_session(*session);
    }
  } catch (const std::exception& error) {
    shard_.logger().error("a session ended with an exception",
                          {{"session", std::to_string(session->id)}, {"what", error.what()}});
    session->end.because(EndReason::kException);
  }
  tell_end(*session);
  // Whatever the way out: nothing of the session may stay behind.
  for (BackendLease* lease : {&session->backends.writer, &session->backends.replica}) {
    if (*lease) shard_.pool(lease->connection->node).close(*lease->connection, CloseReason::kSessionEnds);
  }
  sessions_.list().erase(sessions_.list().iterator_to(*session));
}

// Where as many are there already as may be.
std::optional<ClientError> Worker::refuse_one_more(const ListenerConfig& listener, uint32_t open,
                                                   uint32_t of_listener) {
  const uint32_t limit = shard_.config().limits.max_connections;
  if (open >= limit) {
    shard_.metrics().clients.reject(RejectReason::kTooManyConnections);
    shard_.logger().error("a client was refused: limits.max_connections is reached",
                          {{"max_connections", limit}});
    return too_many_connections();
  }
  if (listener.purpose != ListenerPurpose::kReplication || of_listener < listener.max_clients)
    return std::nullopt;
  shard_.metrics().clients.reject(RejectReason::kMaxClients);
  shard_.logger().error("a client was refused: max_clients of its listener is reached",
                        {{"listener", to_string(listener.address)}, {"max_clients", listener.max_clients}});
  return too_many_clients(listener.max_clients);
}

Awaitable<void> Worker::watch() {
  shard_.start();
  while (!stopping_) {
    watch_timer_.expires_after(kTick);
    ErrorCode error;
    co_await watch_timer_.async_wait(await_into(error));
    on_tick(Clock::now());
  }
}

void Worker::on_tick(Clock::time_point now) {
  if (shard_.on_tick(now)) {
    const NodeView* writer = shard_.cluster().view().writer_node();
    if (writer == nullptr || !writer->reachable) probe_.writer_changed();
    leave_former_writers();
    end_streams(EndReason::kSourceChanged);
  }
  end_replaced_streams();
  look_for_lost_clients(now);
  probe_.on_tick(now);
  for (ClientSession& session : sessions_.list()) {
    if (session.waiter.deadline > now) continue;
    session.waiter.deadline = Clock::time_point::max();
    session.waiter.timed_out = true;
    end_waits(session);
  }
}

// Statements under way may finish.
void Worker::leave_former_writers() {
  for (ClientSession& session : sessions_.list()) {
    const BackendConnection* connection = session.backends.writer.connection;
    if (connection == nullptr || connection->in_use || shard_.cluster().is_to_writer(*connection)) continue;
    const bool lives_there = session.state.transaction.is_on(routing::Target::kWriter) ||
                             session.state.pins.user_variables ||
                             session.state.pins.whole_session_on(routing::Target::kWriter) ||
                             session.state.prepared.cursors(routing::Target::kWriter) > 0;
    if (lives_there) leave_former_writer(shard_, session.backends, session.id);
  }
}

// Of the writer, or of a replica that is as good as any other one. What was to be a replica's, and is the
// writer's because there was none, ends when there is one; and so does that of a replica that has what the
// writer has not.
bool Worker::stream_goes_on(const ClientSession& session) {
  const BackendConnection& source = *session.backends.in_flight;
  ClusterKnowledge& cluster = shard_.cluster();
  if (session.state.replication.from_replica) {
    if (cluster.is_current(source) && cluster.gives_its_log(source.node)) return true;
    return shard_.pick_log_source({}) == kNoNode &&
           cluster.view().nodes[source.node].inconsistent_reason.empty();
  }
  if (!cluster.is_to_writer(source)) return false;
  const size_t replica = session.listener.gives_replicas_log() ? shard_.pick_log_source({}) : kNoNode;
  return replica == kNoNode || cluster.is_late_source(replica);
}

// Of the binary log. Whoever reads it comes again, and goes on by its GTIDs.
void Worker::end_streams(EndReason reason) {
  const Clock::time_point latest =
      Clock::now() + (reason == EndReason::kShutDown ? Clock::duration(kStreamAtShutDown)
                                                     : Clock::duration(kStreamOfFormerWriter));
  for (ClientSession& session : sessions_.list()) {
    const LogStream& stream = session.backends.stream;
    if (!stream.is_on || stream.ends || session.waiter.closing) continue;
    if (reason == EndReason::kSourceChanged && stream_goes_on(session)) continue;
    const bool of_replica = reason == EndReason::kSourceChanged && session.listener.gives_replicas_log();
    session.end.because(of_replica ? EndReason::kSourceUnfit : reason);
    end_stream(session.backends, session.waiter, latest);
  }
}

// Their client is gone, though nobody has noticed.
void Worker::end_replaced_streams() {
  for (ClientSession& session : sessions_.list()) {
    const AttachedStream* record = session.backends.stream.record;
    if (record == nullptr || !record->is_replaced() || session.waiter.closing) continue;
    session.end.because(EndReason::kReplaced);
    session.waiter.closing = true;
    end_waits(session);
  }
}

// Nobody reads the client's socket while a server works for it.
void Worker::look_for_lost_clients(Clock::time_point now) {
  for (ClientSession& session : sessions_.list()) {
    if (session.backends.in_flight == nullptr || session.waiter.closing) continue;
    if (session.backends.in_flight->idle_since + kUnwatchedStatement > now) continue;
    if (!session.client.stream.has_ended()) continue;
    session.end.because(EndReason::kClientGone);
    session.waiter.closing = true;
    end_waits(session);
  }
}

}  // namespace causeway::proxy
