// Where a read may run now, as a function of plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "consistency/causality_token.h"
#include "consistency/position.h"
#include "consistency/read_consistency.h"
#include "consistency/timeout_policy.h"

namespace causeway::consistency {

enum class ReadAction : uint8_t {
  kGo,               // run it on the replica
  kWait,             // run it on the replica behind a wait for `target`, for at most `timeout`
  kProbeThenDecide,  // ask the writer for its position (writer_probe.h), then plan again with it as
                     // probed_target
  kWriter,           // run it on the writer
  kError,            // tell the client that the replica is not there in time
};

enum class ReadReason : uint8_t {
  kLevelNeverWaits,  // OFF, EVENTUAL
  kNothingToSee,     // SESSION: the session has not written
  kKnownThere,       // the replica is known to have what must be seen
  kNotKnownThere,    // the replica is not known to have it
  kGlobalLevel,      // GLOBAL: the writer's position of this moment is needed
  kUnknownToken,     // a write of the session has no known position: as GLOBAL
  kMonotonicBreak,   // the session's reads saw another server before: as GLOBAL, once
  kCannotWait,       // there is no way to wait for this kind of position on that replica: by policy
  kNoTimeToWait,     // the time for waiting is zero or used up: by policy
  kNotInTime,  // the replica is not expected to get there in time: writer at once, if that is the policy
};

std::string_view to_string(ReadAction action);
std::string_view to_string(ReadReason reason);  // a short sentence for logs and errors

// Everything that the plan depends on. Pointers may be null where said; what they point to outlives the plan.
struct ReadRequest {
  ReadConsistency level = ReadConsistency::kSession;

  // The session's token; never null for SESSION. Other levels do not look at it.
  const CausalityToken* token = nullptr;

  // The writer's position, if it was asked for after this read arrived; null before the probe.
  const Position* probed_target = nullptr;

  // What the replica is known to have executed (from a poll: a lower bound); null if nothing is known.
  const Position* replica_executed = nullptr;

  // The caller remembers that this token version was satisfied on this replica: no comparison is made.
  bool token_known_there = false;

  // The replica can wait for positions of the kind in use (can_wait() in wait_statement.h).
  bool can_wait = true;

  // SESSION only: the session's reads have seen another server than this replica since its last read here
  // (another replica, or the writer), so they may have seen more than this one has.
  bool monotonic_break = false;

  // The replica can be expected to get there in time (ReplicaProgress).
  bool expected_in_time = true;
  // For which it is asked all the same, since what is known of it may be a poll old; 0: it cannot wait so
  // briefly.
  std::chrono::milliseconds brief_wait{0};

  // What is left of the read's waiting time (a probe has used some of it).
  std::chrono::milliseconds timeout{1000};
  TimeoutPolicy policy = TimeoutPolicy::kWriter;
};

struct ReadPlan {
  ReadAction action = ReadAction::kGo;
  ReadReason reason = ReadReason::kLevelNeverWaits;

  // kWait: what to wait for and how long; the target also with kNotInTime. Points to the request's token or
  // probed_target.
  const Position* target = nullptr;
  std::chrono::milliseconds timeout{0};

  friend bool operator==(const ReadPlan&, const ReadPlan&) = default;
};

// The plan for one read on one replica. OFF and EVENTUAL never wait. SESSION: nothing to see or known to be
// there: go; else wait. GLOBAL, and SESSION with an unknown token or a monotonic break: probe, then known to
// be there: go; else wait. Where it would wait but cannot, `policy` decides at once; where the wait is not
// expected to end well it is spared if the policy has something better than to wait.
ReadPlan plan_read(const ReadRequest& request);

// What a wait on a replica came to.
enum class WaitVerdict : uint8_t {
  kReached,         // the replica has it
  kTimeout,         // not in time
  kNotReplicating,  // the replica's applier does not run, or stopped while we waited
  kError,           // the server answered something else, or an error
};

enum class AfterWait : uint8_t { kUseResult, kRunOnWriter, kError, kUseStale };

std::string_view to_string(WaitVerdict verdict);
std::string_view to_string(AfterWait outcome);

// What becomes of a read that was sent behind a wait. Anything but kReached goes by the policy.
AfterWait after_wait(WaitVerdict verdict, TimeoutPolicy policy);

}  // namespace causeway::consistency
