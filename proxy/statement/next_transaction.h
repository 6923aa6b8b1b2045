// SET TRANSACTION without SESSION after it was sent ahead of a statement: whether the server still holds it.
#pragma once

#include <string>

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Asks the server, if the session does not know, and takes what is left of it back from there. One round
// trip, only behind a SET TRANSACTION whose next statement has begun no transaction. If the connection is
// gone, it counts as not spent: a write too few can be repeated.
Awaitable<void> settle_next_transaction(SessionParts session);

// The statement with which a server reports what it holds for the next transaction.
void append_track_next_transaction_sql(std::string& sql, const BackendConnection& connection);

// The statement with which a server forgets what it holds for the next transaction, and reports on
// transactions as the client has asked for.
void append_forget_next_transaction_sql(std::string& sql, const routing::SessionVariables& variables,
                                        const BackendConnection& connection);

// The session variable of the access mode, as this server names it: transaction_read_only, tx_read_only.
std::string_view access_mode_variable(const BackendConnection& connection);

}  // namespace causeway::proxy
