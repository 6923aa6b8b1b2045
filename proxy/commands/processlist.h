// SHOW PROCESSLIST and information_schema.aurora_forwarding_processlist: the sessions of this Causeway, of
// all workers, under its own ids. The servers' own lists are in information_schema.processlist and
// performance_schema, as ever.
#pragma once

#include <string>

#include "proxy/net/io.h"
#include "proxy/statement/statement_run.h"

namespace causeway::proxy {

struct ClientSession;
struct ClientCommand;

// Answers SHOW [FULL] PROCESSLIST, as text or in the binary protocol. A user sees its own sessions, one with
// the right PROCESS all of them. Statements are shown with 100 characters at the most, as servers do, with
// FULL 16 KiB.
Awaitable<RunOutcome> answer_processlist(ClientSession& session, const ClientCommand& command);

// A SELECT of literals with the columns and rows of information_schema.aurora_forwarding_processlist: at most
// 2000 sessions, of each statement at most 1 KiB. IS_FORWARDED are those that have work on the writer: an
// open transaction, a pin or a statement under way.
Awaitable<std::string> forwarding_processlist(ClientSession& session);

}  // namespace causeway::proxy
