// Where a read goes when it came to nothing on a replica: one pure function.
#pragma once

#include <cstdint>

namespace causeway::routing {

// Why an attempt on a replica has no answer for the client. No byte of one has reached it.
enum class ReadMiss : uint8_t {
  kNotTaken,      // the read did not get there: unreachable, no connection free, closed before
  kRefused,       // the replica refuses the connection (too many, no such account, ...)
  kStateRefused,  // ... the session's state: schema, variables
  kUnknownThere,  // ... the statement, for want of a name or of a right, which may be younger than what it
                  // has
  kWrite,         // ... the statement, for it writes
  kLost,          // the connection ended when the replica had the read
  kGivenUp,       // Causeway ended it: the replica had the read, and was out of service for too long
  kShutdown,      // the replica says that it shuts down
};

struct ReadFacts {
  bool forwards = true;            // the session's level is not ''
  bool writer_takes_reads = true;  // routing.reads_on_writer is not "never"
  bool another_replica = false;    // there is a usable one that was not tried
  bool sent_again = false;         // this was the second replica that had it
  bool still_answers = false;      // kLost, kShutdown: the replica takes logins, so it was a KILL
  bool harmless = false;  // kLost, kGivenUp: it was answered before, so it is not what the replica died of
};

enum class ReadStep : uint8_t {
  kElsewhere,  // on another replica
  kWriter,
  kFail,  // the client gets what the replica said, or that the connection was lost
};

// A replica's refusal is never the last word: another replica's, the writer's is. A read that a server had is
// sent once more at the most, not at all if somebody has killed it, and not to the writer if it may be what
// the replica died of. For sessions that are bound to the replica there is no other place: do not ask.
ReadStep after_miss(ReadMiss miss, const ReadFacts& facts);

}  // namespace causeway::routing
