// A statement on its way to what becomes of it, and the answers that are Causeway's own.
#pragma once

#include <string_view>

#include "protocol/byte_writer.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/session/local_answers.h"
#include "proxy/statement/client_command.h"
#include "proxy/statement/statement_run.h"
#include "routing/route_decision.h"
#include "routing/statement.h"

namespace causeway::proxy {

// What decide() needs to know of the session.
routing::SessionView session_view(const ClientSession& session);

// Where a statement is prepared: where it would run now. What is refused when it runs (a write in a session
// that does not forward) can be prepared nevertheless, as on a server.
// Of action kReject or kRun.
routing::Decision where_to_prepare(const ClientSession& session, const routing::Statement& statement);

// Answers of our own to a statement.
Awaitable<RunOutcome> local_ok(ClientSession& session, const routing::Statement& statement, AnswerPlace place,
                               SessionChange change = SessionChange::kNone);
Awaitable<RunOutcome> local_error(ClientSession& session, AnswerPlace place, ClientError error);
RunOutcome local_outcome(bool sent, bool is_error, AnswerPlace place);

// A COM_QUERY with this text, as the client would have sent it.
void make_query_packet(const ClientSession& session, std::string_view sql, protocol::Buffer& out);

routing::RoutingPolicy routing_policy(const StatementsConfig& config);

}  // namespace causeway::proxy
