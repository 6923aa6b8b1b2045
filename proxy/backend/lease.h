// A session's way to a connection: its own if it still has it, else one from the pool, else a new one.
#pragma once

#include <optional>
#include <string>

#include "proxy/accounts/client_error.h"
#include "proxy/backend/account_login.h"
#include "proxy/backend/backend_pool.h"
#include "proxy/backend/shard.h"
#include "proxy/net/io.h"
#include "proxy/net/waiter.h"

namespace causeway::proxy {

// On whose behalf a connection is sought, and what of the session's state decides which will do.
struct LeaseSeeker {
  Shard& shard;
  AccountLogin& login;  // renewed if the server has another password by now
  Waiter& waiter;
  BackendConnection*& in_flight;  // while one is being opened
  const std::string& schema;
  bool was_reset = false;                      // the login has no part in the session's state any more,
  bool handshake_collation_forgotten = false;  // nor has its character set
  bool for_replica = false;
};

struct AcquireResult {
  enum class Failure : uint8_t {
    kNone,
    kNodeDown,   // cannot be reached
    kRefused,    // `refusal` is what the server says, or has said a moment ago if it is a replica
    kFull,       // no connection became free in time
    kStateLost,  // what lived in the session's own connection is gone with it
  };
  PooledConnection connection;  // empty on failure
  Failure failure = Failure::kNone;
  std::optional<ClientError> refusal;
  std::string reason;
};

// The common case of acquire(), at once: the session still has a connection to this node that was used a
// moment ago. Empty otherwise.
// With `must_be_alive` it is asked first whether the server has closed it: what is sent on a closed
// connection cannot be sent again if it is a write.
PooledConnection acquire_own(const LeaseSeeker& seeker, size_t node, BackendLease& lease, SchemaUse use,
                             bool must_be_alive);

// Waits at most until `deadline` for a connection to become free, and at most TimeoutsConfig::connect for a
// new one.
Awaitable<AcquireResult> acquire(const LeaseSeeker& seeker, size_t node, BackendLease& lease, SchemaUse use,
                                 Clock::time_point deadline);

// Whether the server takes logins, or refuses them for another reason than its end: then it was not its end
// that cut a connection. Tries one, for a second at most.
Awaitable<bool> still_answers(const LeaseSeeker& seeker, size_t node);

}  // namespace causeway::proxy
