// KILL of what a server does, on a connection of its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/backend/account_login.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

class Shard;

enum class KillScope : uint8_t { kQuery, kConnection };

// A connection as its server knows it.
struct ServerThread {
  size_t node = 0;
  uint64_t server_incarnation = 0;  // that the connection was opened to
  uint32_t id = 0;
};
ServerThread thread_of(const BackendConnection& connection);

// KILL of the connection with this id, or of what it is doing, on a connection of its own with the monitor's
// account; if the server refuses that (MySQL protects accounts with SYSTEM_USER), with `other`. What fails is
// logged: the server then notices by itself when it writes its answer. Nothing is done if the node is another
// incarnation than the one that the connection was opened to: there the id is somebody else's.
Awaitable<void> kill_on_server(Shard& shard, ServerThread thread, KillScope scope, AccountLogin other);

// What a server does on this connection for a client that is gone is ended, its locks are freed: by KILL with
// the monitor's account, or this one. Does not wait for it. The connection is closed by the caller.
void abort_statement(Shard& shard, const BackendConnection& connection, AccountLogin own);

}  // namespace causeway::proxy
