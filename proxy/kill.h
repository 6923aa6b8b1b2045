// KILL: of other sessions by their clients, and of what a server does for a client that is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "proxy/io.h"

namespace causeway::proxy {

class Worker;
struct ClientSession;

enum class KillScope : uint8_t { kQuery, kConnection };

// KILL of the connection with this id, or of what it is doing, on a connection of its own with the monitor's
// account. What fails is logged: the server then notices by itself when it writes its answer. Nothing is done
// if the node is another incarnation than the one that the connection was opened to: there the id is
// somebody else's.
Awaitable<void> kill_on_server(Worker& worker, size_t node, uint64_t server_incarnation, uint32_t thread_id,
                               KillScope scope);

enum class KillOutcome : uint8_t {
  kKilled,    // done, or on its way
  kSelf,      // the session is the killer's own: nothing was done
  kUnknown,   // no session has this id
  kNotOwner,  // it is another user's
};

// On whose behalf.
struct Killer {
  std::string user;
  bool any_session = false;  // not only this user's
};

// Ends the session with this id of any worker, or the statement it runs. A session may end those of its own
// user, and with the right to do so on the servers (AccountRights::kill_any) all others.
Awaitable<KillOutcome> kill_session(ClientSession& killer, uint64_t id, KillScope scope);

}  // namespace causeway::proxy
