// What SET TRANSACTION says of the next transaction, and when that is spent.
//
// Servers keep it until a transaction has begun or ended: COMMIT and ROLLBACK without one, DDL, a read of a
// table in autocommit mode spend it, SELECT 1, SET and any error do not. Which statements are which is
// different for each server and cannot be told from their texts (views, functions), so the server is asked:
// with session_track_transaction_info=CHARACTERISTICS it reports what it still holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "routing/sql_lexer.h"

namespace causeway::routing {

enum class Isolation : uint8_t {
  kOfSession,
  kReadUncommitted,
  kReadCommitted,
  kRepeatableRead,
  kSerializable
};
enum class AccessMode : uint8_t { kOfSession, kReadOnly, kReadWrite };

struct NextTransaction {
  Isolation isolation = Isolation::kOfSession;
  AccessMode access = AccessMode::kOfSession;

  bool any() const { return isolation != Isolation::kOfSession || access != AccessMode::kOfSession; }

  friend bool operator==(const NextTransaction&, const NextTransaction&) = default;
};

// The characteristics behind SET [SESSION | GLOBAL] TRANSACTION. False: a server would call it a syntax
// error, and `next` is of no use.
bool parse_characteristics(std::string_view text, const LexMode& mode, NextTransaction& next);

// A second SET TRANSACTION adds to the first, or replaces what is of the same kind.
void add_characteristics(NextTransaction& next, const NextTransaction& more);

// What a server reports (SESSION_TRACK_TRANSACTION_CHARACTERISTICS) between transactions: the statements
// that would give another connection the same. Empty for nothing.
NextTransaction parse_reported_characteristics(std::string_view report);

// Appends the SET TRANSACTION that says it; nothing for nothing.
void append_set_transaction(std::string& sql, const NextTransaction& next);

}  // namespace causeway::routing
