// Whether a transaction is really open that counts as open since an error: the server is asked.
#pragma once

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// Asks the session's writer connection for its status flags, by a command that leaves what SHOW WARNINGS and
// ROW_COUNT() say as it is, and takes them over: where no transaction is open, the session has none any more.
// Waits for TimeoutsConfig::connect at most. Without an answer the connection is closed, and the transaction
// counts as open.
Awaitable<void> learn_transaction_status(SessionParts session);

}  // namespace causeway::proxy
