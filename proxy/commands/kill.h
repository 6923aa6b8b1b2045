// KILL of sessions by their clients.
#pragma once

#include <cstdint>

#include "proxy/backend/server_kill.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

struct ClientSession;

enum class KillOutcome : uint8_t {
  kKilled,    // done, or on its way
  kSelf,      // the session is the killer's own: nothing was done
  kUnknown,   // no session has this id
  kNotOwner,  // it is another user's
};

// Ends the session with this id of any worker, or the statement it runs. A session may end those of its own
// user, and with the right to do so on the servers (AccountRights::kill_any) all others; on MySQL those of an
// account with SYSTEM_USER only if its own has that too.
Awaitable<KillOutcome> kill_session(ClientSession& killer, uint64_t id, KillScope scope);

}  // namespace causeway::proxy
