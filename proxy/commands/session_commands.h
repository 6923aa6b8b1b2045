// The commands of the command phase, told apart.
#pragma once

#include <span>

#include "protocol/byte_reader.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Answers one command. `payload` is the whole payload with its command byte; `wire` the packets it came in,
// which may be written to.// False: close the connection.
Awaitable<bool> run_command(ClientSession& session, protocol::Bytes payload, std::span<uint8_t> wire);

}  // namespace causeway::proxy
