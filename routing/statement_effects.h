// What a statement may do beside answering, as far as its text tells. In doubt it may: a client that is told
// "nothing of it was committed" repeats its transaction.
#pragma once

#include <span>

#include "routing/sql_lexer.h"
#include "routing/statement.h"

namespace causeway::routing {

// Its text does not show what the server will do for it: CALL runs a body that only the server has, EXECUTE
// IMMEDIATE and EXECUTE a text that only the server has, compound statements and what is not understood are
// not looked into. So whatever a statement can do it may have done: begin and end transactions, take locks,
// make temporary tables, set variables.
bool is_opaque(const Statement& statement);

// One statement for several, at least one, that a server gets as one text: for what has to be there ahead of
// them, and for what they leave behind.
Statement together(std::span<const Statement> statements);

// What may read no table, nor anything else that a transaction's snapshot has.
bool reads_no_table(const Statement& statement);

// By a stored function, or a view that calls one, a statement may use user variables that its text does not
// name. Whether this one certainly does not. `mode` is that of its text.
bool uses_named_variables_only(const Statement& statement, const LexMode& mode);

// It reads no table by itself, but may call stored functions: SELECT f(), DO f().
bool only_calls(const Statement& statement, const LexMode& mode);

// What it leaves behind on its connection (a role, a prepared statement, a variable that belongs to it),
// another connection has by the same text, too.
bool can_be_replayed(const Statement& statement);

// On MariaDB SHOW WARNINGS speaks of the last statement that has used a table, or has warned itself. Whether
// this one certainly uses none.
bool keeps_warnings(const Statement& statement);

// FOUND_ROWS() speaks of the last statement that has counted rows. Whether this one certainly counts none.
bool keeps_found_rows(const Statement& statement, bool mariadb);

// Once it was sent, what its transaction had done before may be committed: COMMIT, statements that commit
// implicitly on either server, and those that are opaque.
bool may_commit(const Statement& statement);

// All that it sees, it sees before it commits by itself. So whoever has the position of its own commit has
// all that it may have shown.
bool sees_nothing_behind_its_commit(const Statement& statement);

}  // namespace causeway::routing
