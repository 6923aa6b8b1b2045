// KILL: of other sessions by their clients, and of what a server does for a client that is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "protocol/scramble.h"
#include "proxy/backend_connection.h"
#include "proxy/io.h"

namespace causeway::proxy {

class Worker;
struct ClientSession;

enum class KillScope : uint8_t { kQuery, kConnection };

// A connection as its server knows it.
struct ServerThread {
  size_t node = 0;
  uint64_t server_incarnation = 0;  // that the connection was opened to
  uint32_t id = 0;
};
ServerThread thread_of(const BackendConnection& connection);

// An account of the servers and how to log in as it.
struct AccountLogin {
  std::shared_ptr<const PoolKey> key;
  std::shared_ptr<const protocol::Credentials> credentials;
};

// KILL of the connection with this id, or of what it is doing, on a connection of its own with the monitor's
// account; if the server refuses that (MySQL protects accounts with SYSTEM_USER), with `other`. What fails is
// logged: the server then notices by itself when it writes its answer. Nothing is done if the node is another
// incarnation than the one that the connection was opened to: there the id is somebody else's.
Awaitable<void> kill_on_server(Worker& worker, ServerThread thread, KillScope scope, AccountLogin other);

// That of the session's own account, which may kill its own connections.
AccountLogin login_of(const ClientSession& session);

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
  AccountLogin login;        // the server decides once more
};

// Ends the session with this id of any worker, or the statement it runs. A session may end those of its own
// user, and with the right to do so on the servers (AccountRights::kill_any) all others; on MySQL those of an
// account with SYSTEM_USER only if its own has that too.
Awaitable<KillOutcome> kill_session(ClientSession& killer, uint64_t id, KillScope scope);

}  // namespace causeway::proxy
