// The shared question to the writer behind GLOBAL reads: "what have you executed?"
#pragma once

#include <cstddef>
#include <cstdint>

#include "consistency/writer_position.h"

namespace causeway::consistency {

// One question serves every read that arrived before it was sent (Raft's ReadIndex does the same). A read
// that arrives while a question is in flight must not share its answer: the writer may have taken its
// position already, before a commit that was acknowledged before the read arrived, and the read would miss
// that commit. So it joins the next question, which is sent as soon as this one is answered. At most one
// question is in flight: under load the reads of a whole round trip share the next.
//
// Where answers come faster than reads, a round trip gathers few of them, and the questions would take the
// writer's time for nothing: with many reads under way the question waits until worth_sending().
//
// Questions are numbered by epochs. The state is a few numbers and a position, whoever waits keeps a Ticket:
// nothing is allocated per read.
//
//   join() ......... Ticket of the next epoch
//   should_send() .. somebody waits and nothing is in flight
//   sent() ......... the next epoch is in flight; from now on join() gives the one after it
//   completed() / failed() .. every ticket up to this epoch is settled
class WriterProbe {
 public:
  struct Ticket {
    uint64_t epoch = 0;

    friend bool operator==(const Ticket&, const Ticket&) = default;
  };

  enum class State : uint8_t {
    kPending,   // its question is not answered yet
    kAnswered,  // position() is at least the writer's position at join()
    kFailed,    // its question got no answer: ask again or give up
  };

  // A read has arrived and wants a position.
  Ticket join();

  // Whether the caller is to ask now: after join(), completed() and failed().
  bool should_send() const { return joined_ > 0 && in_flight_ == 0; }

  // Whether enough reads share the next question, measured by how many reads are under way (on their way to
  // an answer of the writer or of their replica, those that have joined included): one in four of them, up to
  // eight. Always true with fewer than eight under way. The caller bounds how long it waits for this.
  bool worth_sending(size_t reads_under_way) const;

  // The question leaves now; call it before its first byte is written. Returns its epoch. Only if
  // should_send().
  uint64_t sent();

  // The answer to the question of this epoch. Returns the epoch up to which tickets are settled now, which is
  // 0 if the answer is not of the question in flight (it came after reset()) and was ignored.
  uint64_t completed(uint64_t epoch, WriterPosition position);

  // The question of this epoch gets no answer. Returns as completed().
  uint64_t failed(uint64_t epoch);

  // Another writer: nothing that was asked of the old one counts any more, and whoever waits has failed.
  // Returns the epoch up to which tickets are settled now.
  uint64_t reset();

  State state(Ticket ticket) const;

  // The latest answer. For an answered ticket it may be of a later question than its own, which is sound:
  // positions of one writer only grow.
  const WriterPosition& position() const { return position_; }

 private:
  uint64_t next_ = 1;       // the epoch that join() gives
  uint64_t in_flight_ = 0;  // the epoch that was sent and not settled, or 0
  uint64_t answered_ = 0;   // the latest epoch that got an answer
  uint64_t settled_ = 0;    // the latest epoch that got an answer or failed
  size_t joined_ = 0;       // tickets of next_
  WriterPosition position_;
};

}  // namespace causeway::consistency
