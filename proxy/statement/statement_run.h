// One command of a client, from the decision where it runs to the last byte of its answer: choice of the
// server, the read-consistency wait, timeouts by policy, another server when one is lost.
#pragma once

#include <optional>

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/statement/client_command.h"
#include "routing/route_decision.h"

namespace causeway::proxy {

struct RunOutcome {
  bool close = false;     // the client connection has to be closed
  bool is_error = false;  // the client got an ERR packet
  uint8_t next_sequence_id = 1;
};

// Answers the client in every case, except where close says that this is not possible any more.
// The decision is one to run it (of action kRun).
Awaitable<RunOutcome> run_statement(SessionParts session, const ClientCommand& command,
                                    const routing::Decision& decision);

}  // namespace causeway::proxy
