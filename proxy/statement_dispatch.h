// What becomes of one statement, whatever command it came with: answered here, kept for later, rejected, or
// run on a server.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/response_scanner.h"
#include "proxy/client_session.h"
#include "proxy/io.h"
#include "proxy/local_answers.h"
#include "proxy/prepared_statements.h"
#include "proxy/statement_run.h"
#include "routing/route_decision.h"
#include "routing/statement.h"

namespace causeway::proxy {

// Where a statement's answer stands in the answer to the client's packet.
struct AnswerPlace {
  uint8_t sequence_id = 1;
  bool more_results_follow = false;
};

struct Dispatch {
  const routing::Statement* statement = nullptr;
  protocol::Bytes wire;  // the command to send on if it runs on a server
  protocol::ResponseKind kind = protocol::ResponseKind::kQuery;
  AnswerPlace place;
  const std::vector<NameAndValue>* extra_rows = nullptr;  // see Exchange
  const PreparedCommand* prepared = nullptr;              // see Exchange
  TextPrepared* text_execute = nullptr;                   // see Exchange; `statement` is what it prepares
  std::string_view execute_text;                          // ... the EXECUTE, which may name variables too
  bool as_it_is = false;                                  // PREPARE and its like: the server is to see to it
};

// Ahead of a statement to the writer: its connection gets what functions have left on the session's replica,
// as far as the statement may use it.
Awaitable<void> bring_what_functions_left(ClientSession& session, const routing::Statement& statement,
                                          std::string_view execute_text);

// Answers the client, except where the outcome says that the connection has to be closed.
Awaitable<RunOutcome> dispatch_statement(ClientSession& session, const Dispatch& dispatch);

// What the next command is to be answered with instead of being run: that a transaction was rolled back
// because it was idle for too long. Said once.
std::optional<ClientError> take_pending_error(ClientSession& session);

// Where a statement is prepared: where it would run now. What is refused when it runs (a write in a session
// that does not forward) can be prepared nevertheless, as on a server.
// Of action kReject or kRun.
routing::Decision where_to_prepare(const ClientSession& session, const routing::Statement& statement);

// What the dispatch says of the run of its statement; the decision is missing.
StatementRun statement_run_of(const Dispatch& dispatch);

// Answers of our own to a statement.
Awaitable<RunOutcome> local_ok(ClientSession& session, const routing::Statement& statement, AnswerPlace place,
                               SessionChange change = SessionChange::kNone);
Awaitable<RunOutcome> local_error(ClientSession& session, AnswerPlace place, ClientError error);
RunOutcome local_outcome(bool sent, bool is_error, AnswerPlace place);

// A COM_QUERY with this text, as the client would have sent it.
void make_query_packet(const ClientSession& session, std::string_view sql, protocol::Buffer& out);

routing::RoutingPolicy routing_policy(const StatementsConfig& config);

}  // namespace causeway::proxy
