// Statements about Causeway's own variables and counters, and the session's id: SET and SELECT of
// aurora_replica_read_consistency and the like, SHOW VARIABLES and SHOW STATUS of them, and the table
// aurora_forwarding_processlist. They never reach a server as they are.
#pragma once

#include <string>
#include <vector>

#include "proxy/session/client_session.h"
#include "proxy/session/local_answers.h"

namespace causeway::proxy {

struct OwnStatement {
  enum class Kind : uint8_t {
    kOk,         // done; the client gets an OK
    kError,      // the client gets `error`, nothing was changed
    kRows,       // the client gets `rows`
    kRewritten,  // `sql` is what is left for a server; `rows`, if any, go behind the rows of its answer
  };
  Kind kind = Kind::kOk;
  ClientError error;
  std::vector<NameAndValue> rows;
  std::string sql;
};

// Whether the statement is one that Causeway answers or rewrites.
bool is_own_statement(const routing::Statement& statement);

// Carries such a statement out. What it speaks of is looked up first: the writer's position, where a write of
// the session gave none; the sessions of all workers, for aurora_forwarding_processlist.
Awaitable<OwnStatement> apply_own_statement(ClientSession& session, const routing::Statement& statement);

}  // namespace causeway::proxy
