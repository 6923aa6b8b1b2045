// PREPARE, EXECUTE and DEALLOCATE PREPARE as SQL: they run where the statement that is prepared would run,
// and are prepared there first if need be.
#pragma once

#include "proxy/net/io.h"

namespace causeway::proxy {

struct ClientSession;
struct ClientCommand;
struct RunOutcome;

// Answers one of the three. Those whose text is not a literal (PREPARE s FROM @variable) run on the writer
// and pin the session there.
Awaitable<RunOutcome> run_text_prepared(ClientSession& session, const ClientCommand& command);

}  // namespace causeway::proxy
