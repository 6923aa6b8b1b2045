// The commands of the command phase, told apart.
#pragma once

#include "protocol/byte_reader.h"
#include "proxy/client_session.h"
#include "proxy/io.h"

namespace causeway::proxy {

// Answers one command. `payload` is the whole payload with its command byte; `wire` the packets it came in.
// False: close the connection.
Awaitable<bool> run_command(ClientSession& session, protocol::Bytes payload, protocol::Bytes wire);

}  // namespace causeway::proxy
