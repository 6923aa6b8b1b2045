// A session's way to a connection: its own if it still has it, else one from the pool, else a new one.
#pragma once

#include <optional>
#include <string>

#include "proxy/backend_pool.h"
#include "proxy/client_session.h"
#include "proxy/io.h"

namespace causeway::proxy {

struct AcquireResult {
  enum class Failure : uint8_t {
    kNone,
    kNodeDown,   // cannot be reached
    kRefused,    // `refusal` is what the server says, or has said a moment ago if it is a replica
    kFull,       // no connection became free in time
    kStateLost,  // what lived in the session's own connection is gone with it
  };
  BackendConnection* connection = nullptr;  // in use; null on failure
  Failure failure = Failure::kNone;
  std::optional<ClientError> refusal;
  std::string reason;
};

// The common case of acquire(), at once: the session still has a connection to this node that was used a
// moment ago. Null otherwise.
// With `must_be_alive` it is asked first whether the server has closed it: what is sent on a closed
// connection cannot be sent again if it is a write.
BackendConnection* acquire_own(ClientSession& session, size_t node, BackendLease& lease, SchemaUse use,
                               bool must_be_alive);

// Waits at most until `deadline` for a connection to become free, and at most TimeoutsConfig::connect for a
// new one.
Awaitable<AcquireResult> acquire(ClientSession& session, size_t node, BackendLease& lease, SchemaUse use,
                                 Clock::time_point deadline);

// Whether the server takes logins, or refuses them for another reason than its end: then it was not its end
// that cut a connection. Tries one, for a second at most.
Awaitable<bool> still_answers(ClientSession& session, size_t node);

// The session needs its connections no more. Those with something of it in them that a reset would have to
// roll back or free are closed: locks must not wait for the next session to come.
void give_back(ClientSession& session);

// The writer is another server than the one that the session's connection is to: what the session has there
// is given up, so that it holds up nobody there. Its next statement says so.
void leave_former_writer(ClientSession& session);

}  // namespace causeway::proxy
