// What becomes of one statement, whatever command it came with: answered here, kept for later, rejected, or
// run on a server.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/accounts/client_error.h"
#include "proxy/commands/dispatch.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/statement/statement_run.h"
#include "routing/statement.h"

namespace causeway::proxy {

// Ahead of a statement to the writer: its connection gets what functions have left on the session's replica,
// as far as the statement may use it.
Awaitable<void> bring_what_functions_left(ClientSession& session, const routing::Statement& statement,
                                          std::string_view execute_text);

// Answers the client, except where the outcome says that the connection has to be closed.
Awaitable<RunOutcome> dispatch_statement(ClientSession& session, const ClientCommand& command);

// What the next command is to be answered with instead of being run: that a transaction was rolled back
// because it was idle for too long. Said once.
std::optional<ClientError> take_pending_error(ClientSession& session);

}  // namespace causeway::proxy
