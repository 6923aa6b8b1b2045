// What a session is made of when its client has logged in, and the answer that says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/client_connection_phase.h"
#include "proxy/commands/login_account.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/session/session_end.h"

namespace causeway::proxy {

// What the client has said of itself: the session's state begins, and `identity` becomes that of this
// account.
void take_profile(ClientSession& session, const protocol::ClientProfile& profile, const LoginAccount& account,
                  Identity& identity);

// Sends the OK of a session whose identity is known, after its initial schema, if it is not empty, was found
// to exist. What remains may still end in an error in the OK's place: why the session ends then.
Awaitable<std::optional<EndReason>> open_session(ClientSession& session, const std::string& schema,
                                                 uint8_t sequence_id);

// Behind the OK, as negotiated.
void start_compression(ClientSession& session, const protocol::ClientProfile& profile);

}  // namespace causeway::proxy
