// Where transactions begin and end in a binary log. A log says so in several ways:
//   MySQL     GTID, BEGIN or XA START ... XID, COMMIT, ROLLBACK or XA_PREPARE
//             GTID, one statement (DDL, XA COMMIT)
//             GTID, TRANSACTION_PAYLOAD (a compressed transaction, with its BEGIN and XID inside)
//   MariaDB   GTID ... XID, COMMIT, ROLLBACK or XA_PREPARE
//             GTID with kStandalone, one statement
//   and without GTID events (MySQL 5.6 and before; what MariaDB shows replicas that do not know them) the
//   same, from BEGIN on or as a statement of its own.
// https://dev.mysql.com/doc/refman/9.4/en/replication-gtids-lifecycle.html
#pragma once

#include <cstdint>

#include "protocol/binlog_event.h"
#include "protocol/binlog_gtid.h"
#include "protocol/byte_reader.h"
#include "protocol/transaction_mark.h"

namespace causeway::protocol {

// What an event is to the transaction that it stands in.
enum class BinlogEventRole : uint8_t {
  kOutside,        // nothing: heartbeats, checkpoints, types that are not known
  kFile,           // the beginning or end of a file: what is open there was never finished
  kGtid,           // opens a transaction; what follows says how it ends
  kGtidBegin,      // opens one that has a COMMIT, XID or the like
  kGtidStatement,  // opens one that is a statement
  kBegin,          // BEGIN, XA START
  kAhead,          // belongs to a statement or to rows that follow
  kStatement,
  kRows,
  kEnd,    // XID, COMMIT, ROLLBACK, XA PREPARE; all of a compressed transaction
  kDummy,  // stands for an event that MariaDB did not show
};

struct BinlogEventMeaning {
  BinlogEventRole role = BinlogEventRole::kOutside;
  BinlogGtid gtid = {};  // of the first three that open a transaction
  // What goes into the transaction's mark.
  uint32_t server_id = 0;
  uint32_t timestamp = 0;
  uint64_t original_commit_timestamp = 0;  // where a GTID event says it
  uint32_t shape = 0;                      // of this event; 0 if it has no rows
};

// Makes `meaning`, whatever it was, that of an event. False: the event is malformed, and `meaning` nothing.
// `front` is the event's front, of which binlog_event_front_bytes() is satisfied. Not returned as a value:
// events come by the million, and most of a meaning's bytes are a GTID, which few of them have.
bool read_meaning(BinlogEventMeaning& meaning, const BinlogEventHeader& header, Bytes front,
                  BinlogChecksum checksum);

// How much of an event has to be seen, its header included, by as much of it as there is: more may turn out
// to be needed when that is there. At most kMaxBinlogEventFrontBytes, which the statements of real servers
// need when they name sixteen schemas in their variables.
inline constexpr size_t kMaxBinlogEventFrontBytes = 4096;
size_t binlog_event_front_bytes(const BinlogEventHeader& header, Bytes front);

// The transaction that a log is in, event by event. A value.
class BinlogTransaction {
 public:
  // Whether a transaction has ended with this event. Its GTID is then last().
  bool event(const BinlogEventMeaning& meaning);

  bool is_open() const { return state_ != State::kNone; }
  const BinlogGtid& current() const { return current_.gtid; }  // kNone if there is none, or it has no GTID
  const BinlogGtid& last() const { return last_.gtid; }        // of the last one that has ended
  // By which that one is known elsewhere. It says nothing of one whose beginning was not seen.
  const TransactionMark& last_mark() const { return last_; }

  friend bool operator==(const BinlogTransaction&, const BinlogTransaction&) = default;

 private:
  enum class State : uint8_t {
    kNone,
    kAhead,      // of a statement, or of rows, without a GTID
    kGtid,       // opened, and it is not yet known what it is
    kStatement,  // opened, one statement follows
    kOpen,       // until its end
  };

  void begin(const BinlogEventMeaning& meaning);
  bool step(BinlogEventRole role);

  State state_ = State::kNone;
  TransactionMark current_;
  TransactionMark last_;
};

}  // namespace causeway::protocol
