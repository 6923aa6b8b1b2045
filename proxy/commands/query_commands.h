// COM_QUERY and what else is a statement.
#pragma once

#include <string>

#include "protocol/byte_reader.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// COM_QUERY. `payload` is the whole payload with its command byte, `wire` the packets it came in. False:
// close the connection.
Awaitable<bool> run_query(ClientSession& session, protocol::Bytes payload, protocol::Bytes wire);

// A statement with Causeway's own variables that did not come as COM_QUERY; the answer's first packet has
// this sequence id. False: close the connection.
Awaitable<bool> run_own_text(ClientSession& session, const std::string& sql, uint8_t first_sequence_id);

// COM_INIT_DB; the answer's first packet has this sequence id. Gives whether to close, and whether the answer
// was an error.
struct InitDbOutcome {
  bool close = false;
  bool is_error = false;
};
// COM_PING of a server, whose answer becomes the OK of a login; what the server refuses is refused.
Awaitable<InitDbOutcome> run_login_ping(ClientSession& session, uint8_t first_sequence_id);

Awaitable<InitDbOutcome> run_init_db(ClientSession& session, protocol::Bytes wire, uint8_t first_sequence_id);

}  // namespace causeway::proxy
