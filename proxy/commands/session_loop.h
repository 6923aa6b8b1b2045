// A client session from the greeting to the goodbye.
#pragma once

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Logs the client in and answers its commands until it leaves, the connection breaks or the worker wants it
// to end. Gives back what the session holds on servers.
Awaitable<void> run_client_session(ClientSession& session);

}  // namespace causeway::proxy
