// One command of a client, from the decision where it runs to the last byte of its answer: choice of the
// server, the read-consistency wait, timeouts by policy, another server when one is lost.
#pragma once

#include <optional>

#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/statement/exchange.h"
#include "routing/route_decision.h"

namespace causeway::proxy {

struct StatementRun {
  const routing::Statement* statement =
      nullptr;                 // the command's statement; made up for commands that are no statements
  routing::Decision decision;  // of action kRun
  protocol::Bytes request;     // the command's packets
  protocol::ResponseKind kind = protocol::ResponseKind::kQuery;
  const std::vector<NameAndValue>* extra_rows = nullptr;  // see Exchange
  PreparedStatement* prepare = nullptr;                   // likewise
  const PreparedCommand* prepared = nullptr;              // likewise
  TextPrepared* text_execute = nullptr;                   // likewise
  TextPrepared* text_prepare = nullptr;  // the command is PREPARE of this statement, which learns where it is
  // Not the execution of a statement but something about one (COM_STMT_PREPARE, _FETCH, _RESET): no
  // transaction begins with it and nothing is written by it.
  bool auxiliary = false;
  bool several = false;  // statements in one command; `statement` stands for all of them
  uint8_t sequence_offset = 0;
  protocol::StatusFlags add_status =
      0;  // shown to the client in the last OK or EOF, whatever the server says
  bool more_results_follow = false;
};

struct RunOutcome {
  bool close = false;     // the client connection has to be closed
  bool is_error = false;  // the client got an ERR packet
  uint8_t next_sequence_id = 1;
};

// Answers the client in every case, except where close says that this is not possible any more.
Awaitable<RunOutcome> run_statement(ClientSession& session, const StatementRun& run);

// What decide() needs to know of the session.
routing::SessionView session_view(const ClientSession& session);

}  // namespace causeway::proxy
