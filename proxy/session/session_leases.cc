#include "proxy/session/session_leases.h"

#include <string>

#include "protocol/capability_flags.h"
#include "proxy/backend/shard.h"

namespace causeway::proxy {
namespace {

LeaseSeeker seeker_for(SessionParts session, const BackendLease& lease) {
  return {.shard = session.shard,
          .login = session.login,
          .waiter = session.waiter,
          .in_flight = session.backends.in_flight,
          .schema = session.state.schema,
          .was_reset = session.state.was_reset,
          .handshake_collation_forgotten = session.state.handshake_collation_forgotten,
          .for_replica = &lease == &session.backends.replica};
}

}  // namespace

PooledConnection acquire_own(SessionParts session, size_t node, BackendLease& lease, SchemaUse use,
                             bool must_be_alive) {
  return acquire_own(seeker_for(session, lease), node, lease, use, must_be_alive);
}

Awaitable<AcquireResult> acquire(SessionParts session, size_t node, BackendLease& lease, SchemaUse use,
                                 Clock::time_point deadline) {
  const LeaseSeeker seeker = seeker_for(session, lease);
  AcquireResult acquired = co_await acquire(seeker, node, lease, use, deadline);
  co_return acquired;
}

Awaitable<bool> still_answers(SessionParts session, size_t node) {
  const LeaseSeeker seeker = seeker_for(session, session.backends.replica);
  const bool answers = co_await still_answers(seeker, node);
  co_return answers;
}

void give_back(Shard& shard, const SessionState& state, Backends& backends, CloseReason reason) {
  backends.former_writer = kNoNode;
  for (BackendLease* lease : {&backends.writer, &backends.replica}) {
    if (!*lease) continue;
    BackendConnection& connection = *lease->connection;
    BackendPool& pool = shard.pool(connection.node);
    const bool locks =
        (connection.state.status & protocol::status::kInTransaction) != 0 || state.pins.whole_session();
    if (connection.in_use || locks || connection.state.may_hold_locks) {
      pool.close(connection, reason);
    } else {
      pool.abandon(*lease);
    }
  }
}

void leave_former_writer(Shard& shard, Backends& backends, uint32_t session_id) {
  const size_t node = backends.writer.connection->node;
  shard.logger().warning(
      "a session loses what it had on a former writer",
      {{"session", std::to_string(session_id)}, {"node", shard.cluster().view().nodes[node].name}});
  backends.former_writer = node;
  shard.pool(node).close(*backends.writer.connection, CloseReason::kFormerWriter);
}

}  // namespace causeway::proxy
