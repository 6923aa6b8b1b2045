// A statement on its way to what becomes of it, and the answers that are Causeway's own.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/response_scanner.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/session/local_answers.h"
#include "proxy/session/prepared_statements.h"
#include "proxy/statement/statement_run.h"
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
