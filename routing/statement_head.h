// What a statement is by its first words: the table of README.md ("The table").
#pragma once

#include "routing/statement.h"
#include "routing/statement_scanner.h"

namespace causeway::routing {

// Classifies the statement at whose first token the scanner stands, and fills the fields of `statement` that
// belong to its class. Reads on as far as it has to, at most to the statement's end. SET is left to
// classify_set(). A kRead may still turn out to be a locking or a writer's read by what follows.
StatementClass classify_head(StatementScanner& scanner, Statement& statement);

// The class of a whole SET statement, and its flags. For SET STATEMENT ... FOR (MariaDB) `after_for` is set
// to the text of the statement that it is made for.
StatementClass classify_set(std::string_view text, const LexMode& mode, Statement& statement,
                            std::string_view& after_for);

}  // namespace causeway::routing
