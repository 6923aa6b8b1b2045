// The connection phase with a client: greeting, TLS, authentication by the accounts of the database or of the
// configuration.
#pragma once

#include <optional>

#include "protocol/com_change_user.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/session/session_end.h"

namespace causeway::proxy {

// Fills in who the session is. Nothing if the client is in: the final OK has been sent. Else why the session
// ends: the client was refused, or is gone; everything was said.
Awaitable<std::optional<EndReason>> log_in_client(ClientSession& session);

// COM_CHANGE_USER of a session whose state has been given up. As log_in_client().
Awaitable<std::optional<EndReason>> log_in_again(ClientSession& session,
                                                 const protocol::ComChangeUser& change);

}  // namespace causeway::proxy
