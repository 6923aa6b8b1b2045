// The connection phase with a client: greeting, TLS, authentication by the accounts of the database or of the
// configuration.
#pragma once

#include "proxy/client_session.h"
#include "proxy/io.h"

namespace causeway::proxy {

// Fills in who the session is. False: the client was refused, or is gone; everything was said. On success the
// final OK has been sent, after the initial schema, if one was asked for, was found to exist.
Awaitable<bool> log_in_client(ClientSession& session);

}  // namespace causeway::proxy
