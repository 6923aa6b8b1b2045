// The connections of a session: how it comes by them, and how it leaves them.
#pragma once

#include "proxy/backend/lease.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// As the functions of lease.h with these names, for one of the session's two leases.
PooledConnection acquire_own(SessionParts session, size_t node, BackendLease& lease, SchemaUse use,
                             bool must_be_alive);
Awaitable<AcquireResult> acquire(SessionParts session, size_t node, BackendLease& lease, SchemaUse use,
                                 Clock::time_point deadline);
Awaitable<bool> still_answers(SessionParts session, size_t node);

// The session needs its connections no more. Those with something of it in them that a reset would have to
// roll back or free are closed: locks must not wait for the next session to come.
void give_back(Shard& shard, const SessionState& state, Backends& backends, CloseReason reason);

// The writer is another server than the one that the session's connection is to: what the session has there
// is given up, so that it holds up nobody there. Its next statement says so.
void leave_former_writer(Shard& shard, Backends& backends, uint32_t session_id);

}  // namespace causeway::proxy
