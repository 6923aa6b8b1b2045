// COM_STMT_*: prepared statements and the binary protocol.
#pragma once

#include <span>

#include "protocol/byte_reader.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Whether this is a command about prepared statements.
bool is_statement_command(protocol::Command command);

// Answers one, if it has an answer. `payload` is the whole payload with its command byte, `wire` the packets
// it came in, which may be written to. False: close the connection.
Awaitable<bool> run_statement_command(ClientSession& session, protocol::Bytes payload,
                                      std::span<uint8_t> wire);

}  // namespace causeway::proxy
