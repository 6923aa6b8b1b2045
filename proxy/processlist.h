// SHOW PROCESSLIST: the sessions of this Causeway, of all workers, under its own ids. The servers' own lists
// are in information_schema.processlist and performance_schema, as ever.
#pragma once

#include "proxy/account_table.h"
#include "proxy/io.h"
#include "proxy/statement_run.h"

namespace causeway::proxy {

struct ClientSession;
struct Dispatch;

// What the session's account may do here, by what the account table of the servers says of it now. Where that
// cannot be read, nothing.
AccountRights rights_of(const ClientSession& session);

// Answers SHOW [FULL] PROCESSLIST, as text or in the binary protocol. A user sees its own sessions, one with
// the right PROCESS all of them. Statements are shown with 100 characters at the most, as servers do, with
// FULL 16 KiB.
Awaitable<RunOutcome> answer_processlist(ClientSession& session, const Dispatch& dispatch);

}  // namespace causeway::proxy
