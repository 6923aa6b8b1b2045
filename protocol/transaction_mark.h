// What a transaction is known by in the logs of several servers. A replica that logs again what it has
// applied gives it another place, and other lengths and times of some events; what is here stays.
#pragma once

#include <cstdint>

#include "protocol/binlog_gtid.h"

namespace causeway::protocol {

// A value without memory of its own.
struct TransactionMark {
  BinlogGtid gtid = {};
  uint32_t server_id = 0;                  // where it was first logged
  uint32_t timestamp = 0;                  // of the event that opens it, seconds since 1970 there
  uint64_t original_commit_timestamp = 0;  // microseconds since 1970 there; 0 before MySQL 8.0.1, on MariaDB
  // A checksum over the types and sizes of its row events, which are logged again as they are while both
  // servers write rows in the same way (binlog_row_image, binlog_row_event_max_size). 0 where this log shows
  // no rows of it: DDL, statements, which a replica may log as rows, and compressed transactions, which it
  // may unpack.
  uint32_t shape = 0;

  friend bool operator==(const TransactionMark&, const TransactionMark&) = default;
};

// Whether it has a name of its own, which no other transaction has.
bool has_gtid(const TransactionMark& mark);

// Whether anything can be said of it in the log of another server: it has a GTID, or is of MySQL 8.0.1 or
// later.
bool is_identifiable(const TransactionMark& mark);

// Whether this is the same transaction, as far as its mark says. Where both have a GTID, that is equal, and
// so are times and server: a log that was begun anew gives numbers out again. Else all the rest is equal, but
// for the shape where only one log shows rows; without original_commit_timestamp never. So without GTIDs two
// that were committed within the same microsecond may look the same, and one whose rows are written in
// another way looks like another one.
bool same_transaction(const TransactionMark& a, const TransactionMark& b);

}  // namespace causeway::protocol
