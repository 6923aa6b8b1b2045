// What becomes of a run when a server has had its command, or has lost it: pure functions, one for each kind
// of server.
#pragma once

#include <cstdint>

#include "consistency/read_plan.h"
#include "proxy/statement/exchange.h"
#include "routing/read_retry.h"

namespace causeway::proxy {

struct NextStep {
  enum class What : uint8_t {
    kAnswered,        // the client has its answer
    kMissed,          // a replica has none: `miss` says why, routing::after_miss() where else it is tried
    kAgain,           // on whoever is the writer
    kWithoutSchema,   // likewise, in no schema
    kAwaitWriter,     // likewise, when it is there
    kNoWriter,        // ... and was not there in time
    kStale,           // on a replica, whatever it has
    kRunOnWriter,     // it was to be a read on a replica
    kNotInTime,       // the replica was not there in time, and the client is told so
    kRefused,         // the client gets the server's refusal
    kReadOnlyServer,  // the client is told that it writes where it may not: by the level of its session,
    kReadOnlyTransaction,  // ... by its transaction
    kLost,                 // what lived in the connection is gone, and the client is told so
    kEnd,                  // the client is gone, or cannot be told any more
  };
  enum class Connection : uint8_t {
    kUsed,   // it has its statement: the session's state follows it
    kBack,   // nothing of the statement is in it
    kClose,  // of no use any more, or in a state that nobody knows
    kAbort,  // ... and the server is told to stop
  };
  What what = What::kEnd;
  Connection connection = Connection::kClose;
  bool suspect = false;                               // whether the node is there has to be looked at
  routing::ReadMiss miss = routing::ReadMiss::kLost;  // of kMissed

  friend bool operator==(const NextStep&, const NextStep&) = default;
};

struct AfterReadFacts {
  bool forwards = true;  // the session's level is not ''
  bool bound = false;    // it can run on no other replica
  bool calls = false;    // it calls a procedure in a transaction there, which is READ ONLY for Causeway only
  bool is_use = false;   // it is a USE: nothing is killed for one, nor does a server die of it
  bool spent = false;    // its connection is of no more use: closed, or a transaction may have begun there
  bool closing = false;  // the client session is to end
  bool timed_out = false;  // its own deadline has passed: that of the wait ahead of it
  consistency::TimeoutPolicy policy = consistency::TimeoutPolicy::kWriter;
};

// Of a read on a replica.
NextStep after_read(const ExchangeResult& result, const AfterReadFacts& facts);

struct AfterWriteFacts {
  bool bound = false;           // the session has something on this connection that no other has
  bool without_schema = false;  // it has run in no schema already
  bool writes = false;          // it may have changed something
  bool begins = false;          // a transaction was begun with it
  bool sent_again = false;      // a server had it, and another one was tried
  bool is_repetition = false;   // it was answered before, so it is not what the server died of
  bool in_time = true;          // there is time to wait for a writer
  bool closing = false;
};

// Of a statement on the writer. A write is never sent where it may have been done already; a read that a
// server had once more at the most.
NextStep after_write(const ExchangeResult& result, const AfterWriteFacts& facts);

}  // namespace causeway::proxy
