#include "consistency/read_plan.h"

#include <algorithm>

namespace causeway::consistency {
namespace {

using std::chrono::milliseconds;

ReadPlan by_policy(TimeoutPolicy policy, ReadReason reason) {
  switch (policy) {
    case TimeoutPolicy::kWriter:
      return {ReadAction::kWriter, reason, nullptr, milliseconds{0}};
    case TimeoutPolicy::kError:
      return {ReadAction::kError, reason, nullptr, milliseconds{0}};
    case TimeoutPolicy::kStale:
      return {ReadAction::kGo, reason, nullptr, milliseconds{0}};
  }
  return {ReadAction::kWriter, reason, nullptr, milliseconds{0}};
}

ReadPlan go(ReadReason reason) {
  return {ReadAction::kGo, reason, nullptr, milliseconds{0}};
}

// The replica must have `target`.
ReadPlan plan_for_target(const ReadRequest& request, const Position& target, bool known_there) {
  if (target.empty()) return go(ReadReason::kNothingToSee);
  known_there =
      known_there || (request.replica_executed != nullptr && request.replica_executed->contains(target));
  if (known_there) return go(ReadReason::kKnownThere);
  if (!request.can_wait) return by_policy(request.policy, ReadReason::kCannotWait);
  if (request.timeout <= milliseconds{0}) return by_policy(request.policy, ReadReason::kNoTimeToWait);
  if (request.expected_in_time)
    return {ReadAction::kWait, ReadReason::kNotKnownThere, &target, request.timeout};
  // Neither an error nor a stale read is better than the wait.
  if (request.policy != TimeoutPolicy::kWriter)
    return {ReadAction::kWait, ReadReason::kNotInTime, &target, request.timeout};
  const milliseconds brief = std::min(request.brief_wait, request.timeout);
  return {brief > milliseconds{0} ? ReadAction::kWait : ReadAction::kWriter, ReadReason::kNotInTime, &target,
          brief};
}

ReadPlan plan_global(const ReadRequest& request, ReadReason why) {
  if (request.probed_target == nullptr) return {ReadAction::kProbeThenDecide, why, nullptr, milliseconds{0}};
  return plan_for_target(request, *request.probed_target, false);
}

}  // namespace

ReadPlan plan_read(const ReadRequest& request) {
  switch (request.level) {
    case ReadConsistency::kOff:
    case ReadConsistency::kEventual:
      return go(ReadReason::kLevelNeverWaits);
    case ReadConsistency::kGlobal:
      return plan_global(request, ReadReason::kGlobalLevel);
    case ReadConsistency::kSession:
      break;
  }
  if (request.token == nullptr || request.token->unknown()) {
    return plan_global(request, ReadReason::kUnknownToken);
  }
  if (request.monotonic_break) return plan_global(request, ReadReason::kMonotonicBreak);
  return plan_for_target(request, request.token->position(), request.token_known_there);
}

AfterWait after_wait(WaitVerdict verdict, TimeoutPolicy policy) {
  if (verdict == WaitVerdict::kReached) return AfterWait::kUseResult;
  switch (policy) {
    case TimeoutPolicy::kWriter:
      return AfterWait::kRunOnWriter;
    case TimeoutPolicy::kError:
      return AfterWait::kError;
    case TimeoutPolicy::kStale:
      return AfterWait::kUseStale;
  }
  return AfterWait::kRunOnWriter;
}

std::string_view to_string(ReadAction action) {
  switch (action) {
    case ReadAction::kGo:
      return "go";
    case ReadAction::kWait:
      return "wait";
    case ReadAction::kProbeThenDecide:
      return "probe";
    case ReadAction::kWriter:
      return "writer";
    case ReadAction::kError:
      return "error";
  }
  return "";
}

std::string_view to_string(ReadReason reason) {
  switch (reason) {
    case ReadReason::kLevelNeverWaits:
      return "the consistency level never waits";
    case ReadReason::kNothingToSee:
      return "nothing was written that must be seen";
    case ReadReason::kKnownThere:
      return "the replica has what must be seen";
    case ReadReason::kNotKnownThere:
      return "the replica is not known to have what must be seen";
    case ReadReason::kGlobalLevel:
      return "GLOBAL needs the writer's position";
    case ReadReason::kUnknownToken:
      return "the position of a write of the session is unknown";
    case ReadReason::kMonotonicBreak:
      return "the session has read from another server before";
    case ReadReason::kCannotWait:
      return "the replica cannot wait for this kind of position";
    case ReadReason::kNoTimeToWait:
      return "no time is left to wait";
    case ReadReason::kNotInTime:
      return "the replica is not expected to get there in time";
  }
  return "";
}

std::string_view to_string(WaitVerdict verdict) {
  switch (verdict) {
    case WaitVerdict::kReached:
      return "reached";
    case WaitVerdict::kTimeout:
      return "timeout";
    case WaitVerdict::kNotReplicating:
      return "not replicating";
    case WaitVerdict::kError:
      return "error";
  }
  return "";
}

std::string_view to_string(AfterWait outcome) {
  switch (outcome) {
    case AfterWait::kUseResult:
      return "use result";
    case AfterWait::kRunOnWriter:
      return "run on writer";
    case AfterWait::kError:
      return "error";
    case AfterWait::kUseStale:
      return "use stale";
  }
  return "";
}

}  // namespace causeway::consistency
