// What an OK packet of a server says about the session, and what of it the client gets to see.
#pragma once

#include <string_view>

#include "consistency/session_history.h"
#include "protocol/ok_packet.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/session/session_state.h"

namespace causeway::proxy {

// Takes over the session state that a server reports: variables, schema, and the positions of the session's
// writes. `connection` is the session's own to that target. Variables that `statement` sets for itself only
// are left out.
void apply_session_state(SessionState& state, consistency::SessionHistory& history,
                         BackendConnection& connection, routing::Target from, const protocol::OkPacket& ok,
                         const routing::Statement& statement);

// Whether session_track_state_change has something to say.
bool reports_state_change(const protocol::OkPacket& ok);

// What the servers do not report of a SET that has succeeded: the collation of SET NAMES ... COLLATE is kept,
// a role pins the session.
void apply_unreported_state(SessionState& state, BackendConnection& connection,
                            const routing::Statement& statement);

// The servers' default for session_track_system_variables (MySQL 9.7, MariaDB 10.11).
inline constexpr std::string_view kVariablesTrackedByDefault =
    "autocommit,character_set_client,character_set_connection,character_set_results,time_zone";

// The entries of an answer to `statement` that the client has asked for by its session_track_... variables;
// by default changes of the schema, of the variables above and, from MySQL, the state of the transaction
// (unless it goes on for the client: `transaction_goes_on`). Everything else is tracked for the proxy only.
// The result is appended to `out`.
void append_client_session_state(const SessionState& state, const routing::Statement& statement,
                                 protocol::Bytes session_state, bool transaction_goes_on,
                                 protocol::Buffer& out);

}  // namespace causeway::proxy
