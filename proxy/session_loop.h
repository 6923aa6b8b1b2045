// A client session from the greeting to the goodbye.
#pragma once

#include "proxy/client_session.h"
#include "proxy/io.h"

namespace causeway::proxy {

// Logs the client in and answers its commands until it leaves, the connection breaks or the worker wants it
// to end. Gives back what the session holds on servers.
Awaitable<void> run_client_session(ClientSession& session);

}  // namespace causeway::proxy
