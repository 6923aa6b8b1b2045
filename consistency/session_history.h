// What one session has written and read, as far as its next read has to see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "consistency/causality_token.h"
#include "consistency/node_index.h"
#include "consistency/position.h"
#include "consistency/read_consistency.h"
#include "consistency/read_plan.h"

namespace causeway::consistency {

// The rules of SESSION in one place:
//
//   a read sees the session's own writes ........ token()
//   and what its reads have seen before ......... one GLOBAL read makes up for it: fill()
//   wherever it runs ............................ trusts_the_writer()
//   over changes of the writer .................. on_writer()
//
// A replica is named by a number and by the era of what is known of its positions: the same server is another
// one once they mean something else (it was restored, its log was reset). All of it survives
// COM_RESET_CONNECTION and COM_CHANGE_USER: a connection pool's next user sees what the last one has written.
class SessionHistory {
 public:
  // A session that begins while the writer of this epoch is the writer.
  explicit SessionHistory(uint64_t writer_epoch) : writer_epoch_(writer_epoch) {}

  const CausalityToken& token() const { return token_; }

  // --- writes

  // The session has committed this.
  void wrote(const Position& position) { token_.observe_write(position); }
  // The session has, or may have, committed something of which the position is not known.
  void wrote_somewhere() { token_.set_unknown(); }

  // Reads must see this, which another session has written (SET causeway_position).
  void was_handed(const Position& position);
  // ... of which the position is not known to the servers of now: everything that is committed now.
  void was_handed_something();

  // The writer's position, asked for after the last write, takes the place of what is not known.
  void writer_is_at(const Position& position) { token_.resolve(position); }

  // --- reads

  // The replica where the session's reads go, as long as they can; kNoNode before the first one.
  NodeIndex replica() const { return replica_; }
  uint64_t replica_era() const { return replica_era_; }

  // They go there from now on. A change of the replica or of its era means that they have seen more than this
  // one may have.
  void moves_to(NodeIndex replica, uint64_t era);

  // What the session must see makes the read's plan: level, token and what is remembered of the replica.
  // `heard_of`: the replica has answered lately enough for what is remembered of it to hold.
  void fill(ReadRequest& request, bool heard_of) const;

  // A read at SESSION or GLOBAL has run on a replica.
  void read_on_replica() { trusts_writer_ = false; }
  // ... which was the one of replica() throughout, and had what the plan asked for. `probed`: that was a
  // position of the writer, which covers all that the session has seen anywhere.
  void satisfied(bool probed);

  // A statement has run on the writer, where it may have seen what the replica has not got yet. `covered`:
  // all that it can have seen is on a replica once the session's own write is.
  void ran_on_writer(bool covered) { saw_newer_ |= !covered; }

  // The server that counts as the writer has been asked, and is; and it shows by now what it was committing
  // then.
  void writer_was_checked() { trusts_writer_ = true; }
  // Nothing that the session has seen can be missing on the server that counts as the writer, even if it is
  // none any more and nobody has noticed: all of it was seen there, or it has been asked since.
  bool trusts_the_writer() const { return trusts_writer_; }

  // --- changes of the writer

  enum class Kept : uint8_t {
    kAll,
    kNotComparable,  // what was written to the former writer has a position that says nothing to this one
    kNotThere,       // the writer does not have it
  };

  // Before the token is looked at: this server is the writer, and has executed this. What it does not have
  // will never arrive anywhere, so it is given up, once per writer; and a token stays short. Anything but
  // kAll: the next read is a GLOBAL one; count it, log it.
  Kept on_writer(uint64_t epoch, const Position& executed);

 private:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  CausalityToken token_;
  uint64_t satisfied_version_ = kNever;  // of the token, on the replica
  NodeIndex replica_ = kNoNode;
  uint64_t replica_era_ = 0;
  bool saw_newer_ = false;
  bool trusts_writer_ = true;
  uint64_t writer_epoch_;
};

}  // namespace causeway::consistency
