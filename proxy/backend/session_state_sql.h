// SET for what a session begins with on a server connection.
#pragma once

#include <string>

#include "proxy/backend/backend_connection.h"

namespace causeway::proxy {

// The statement that switches session tracking on, for a server of this kind (and what else a reset takes
// away).
void append_trackers_sql(std::string& sql, const BackendConnection& connection);

// Goes on with what the handshake has set, and a reset has taken away: the character sets of the connection's
// baseline.
void append_charsets_sql(std::string& sql, const BackendConnection& connection);

}  // namespace causeway::proxy
