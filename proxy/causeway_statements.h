// Statements about Causeway's own variables and counters: SET and SELECT of aurora_replica_read_consistency
// and the like, SHOW VARIABLES and SHOW STATUS of them. They never reach a server as they are.
#pragma once

#include <string>
#include <vector>

#include "proxy/client_session.h"
#include "proxy/local_answers.h"

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

// Carries the statement out: one that uses_causeway_variables or shows_variables.
OwnStatement apply_own_statement(ClientSession& session, const routing::Statement& statement);

}  // namespace causeway::proxy
