// The connection phase with a client: greeting, TLS, authentication by the accounts of the database or of the
// configuration.
#pragma once

#include "protocol/com_change_user.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Fills in who the session is. False: the client was refused, or is gone; everything was said. On success the
// final OK has been sent, after the initial schema, if one was asked for, was found to exist.
Awaitable<bool> log_in_client(ClientSession& session);

// COM_CHANGE_USER of a session whose state has been given up. As log_in_client().
Awaitable<bool> log_in_again(ClientSession& session, const protocol::ComChangeUser& change);

}  // namespace causeway::proxy
