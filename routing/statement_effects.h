// What a statement may do beside answering, as far as its text tells. In doubt it may: a client that is told
// "nothing of it was committed" repeats its transaction.
#pragma once

#include "routing/statement.h"

namespace causeway::routing {

// What it does is not in its text: CALL, EXECUTE IMMEDIATE, compound statements, EXECUTE of a statement that
// only the server knows, what is not understood. It may begin and end transactions, take locks, make
// temporary tables, and set variables.
bool is_opaque(const Statement& statement);

// Once it was sent, what its transaction had done before may be committed: COMMIT, statements that commit
// implicitly on either server, and those that are opaque.
bool may_commit(const Statement& statement);

// All that it sees, it sees before it commits by itself. So whoever has the position of its own commit has
// all that it may have shown.
bool sees_nothing_behind_its_commit(const Statement& statement);

}  // namespace causeway::routing
