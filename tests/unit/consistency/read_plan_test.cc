#include "consistency/read_plan.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

namespace causeway::consistency {

std::ostream& operator<<(std::ostream& out, const ReadPlan& plan) {
  return out << to_string(plan.action) << " (" << to_string(plan.reason) << ") target "
             << (plan.target != nullptr ? plan.target->to_string() : "-") << " timeout "
             << plan.timeout.count();
}

namespace {

using std::chrono::milliseconds;

Position at(uint64_t sequence) {
  return Position::parse(PositionKind::kMariadbGtid, "0-1-" + std::to_string(sequence)).value();
}

enum class Token { kEmpty, kFive, kUnknown };
enum class Replica { kNothingKnown, kBehind, kThere };  // there: 10

struct Row {
  const char* name;
  ReadConsistency level;
  Token token;
  std::optional<uint64_t> probed;
  Replica replica;
  bool monotonic_break;
  ReadAction action;
  ReadReason reason;
  std::optional<uint64_t> wait_for;
};

constexpr auto kOff = ReadConsistency::kOff;
constexpr auto kEventual = ReadConsistency::kEventual;
constexpr auto kSession = ReadConsistency::kSession;
constexpr auto kGlobal = ReadConsistency::kGlobal;
constexpr auto kGo = ReadAction::kGo;
constexpr auto kWait = ReadAction::kWait;
constexpr auto kProbe = ReadAction::kProbeThenDecide;
constexpr auto kNone = std::nullopt;

constexpr Row kRows[] = {
    // Never waits, whatever else holds.
    {"off", kOff, Token::kUnknown, kNone, Replica::kBehind, true, kGo, ReadReason::kLevelNeverWaits, kNone},
    {"off probed", kOff, Token::kFive, 7, Replica::kBehind, false, kGo, ReadReason::kLevelNeverWaits, kNone},
    {"eventual", kEventual, Token::kUnknown, kNone, Replica::kBehind, true, kGo, ReadReason::kLevelNeverWaits,
     kNone},
    {"eventual probed", kEventual, Token::kFive, 7, Replica::kBehind, false, kGo,
     ReadReason::kLevelNeverWaits, kNone},
    // SESSION: the token decides.
    {"empty token", kSession, Token::kEmpty, kNone, Replica::kNothingKnown, false, kGo,
     ReadReason::kNothingToSee, kNone},
    {"empty token, behind", kSession, Token::kEmpty, kNone, Replica::kBehind, false, kGo,
     ReadReason::kNothingToSee, kNone},
    {"written, there", kSession, Token::kFive, kNone, Replica::kThere, false, kGo, ReadReason::kKnownThere,
     kNone},
    {"written, behind", kSession, Token::kFive, kNone, Replica::kBehind, false, kWait,
     ReadReason::kNotKnownThere, 5},
    {"written, not known", kSession, Token::kFive, kNone, Replica::kNothingKnown, false, kWait,
     ReadReason::kNotKnownThere, 5},
    {"a probe for others", kSession, Token::kFive, 7, Replica::kBehind, false, kWait,
     ReadReason::kNotKnownThere, 5},
    // SESSION that has to behave as GLOBAL.
    {"unknown", kSession, Token::kUnknown, kNone, Replica::kThere, false, kProbe, ReadReason::kUnknownToken,
     kNone},
    {"unknown, both", kSession, Token::kUnknown, kNone, Replica::kThere, true, kProbe,
     ReadReason::kUnknownToken, kNone},
    {"unknown, probed, there", kSession, Token::kUnknown, 7, Replica::kThere, false, kGo,
     ReadReason::kKnownThere, kNone},
    {"unknown, probed, behind", kSession, Token::kUnknown, 7, Replica::kBehind, false, kWait,
     ReadReason::kNotKnownThere, 7},
    {"break, empty", kSession, Token::kEmpty, kNone, Replica::kThere, true, kProbe,
     ReadReason::kMonotonicBreak, kNone},
    {"break, written", kSession, Token::kFive, kNone, Replica::kThere, true, kProbe,
     ReadReason::kMonotonicBreak, kNone},
    {"break, probed, there", kSession, Token::kFive, 7, Replica::kThere, true, kGo, ReadReason::kKnownThere,
     kNone},
    {"break, probed, behind", kSession, Token::kFive, 7, Replica::kBehind, true, kWait,
     ReadReason::kNotKnownThere, 7},
    // GLOBAL: the probe decides.
    {"global", kGlobal, Token::kEmpty, kNone, Replica::kThere, false, kProbe, ReadReason::kGlobalLevel,
     kNone},
    {"global, written", kGlobal, Token::kFive, kNone, Replica::kThere, false, kProbe,
     ReadReason::kGlobalLevel, kNone},
    {"global, probed, there", kGlobal, Token::kFive, 7, Replica::kThere, false, kGo, ReadReason::kKnownThere,
     kNone},
    {"global, probed, past", kGlobal, Token::kFive, 11, Replica::kThere, false, kWait,
     ReadReason::kNotKnownThere, 11},
    {"global, probed, behind", kGlobal, Token::kEmpty, 7, Replica::kBehind, false, kWait,
     ReadReason::kNotKnownThere, 7},
    {"global, not known", kGlobal, Token::kEmpty, 7, Replica::kNothingKnown, false, kWait,
     ReadReason::kNotKnownThere, 7},
};

class Request {
 public:
  explicit Request(const Row& row) {
    if (row.token != Token::kEmpty) token_.observe_write(at(5));
    if (row.token == Token::kUnknown) token_.set_unknown();
    replica_ = at(row.replica == Replica::kThere ? 10 : 4);
    value.level = row.level;
    value.token = &token_;
    if (row.probed) value.probed_target = &probed_.emplace(at(*row.probed));
    if (row.replica != Replica::kNothingKnown) value.replica_executed = &replica_;
    value.monotonic_break = row.monotonic_break;
    value.timeout = milliseconds{250};
  }
  Request(const Request&) = delete;

  ReadRequest value;

 private:
  CausalityToken token_;
  Position replica_;
  std::optional<Position> probed_;
};

TEST(PlanRead, TableOfLevels) {
  for (const Row& row : kRows) {
    const Request request(row);
    const ReadPlan plan = plan_read(request.value);
    EXPECT_EQ(plan.action, row.action) << row.name << ": " << plan;
    EXPECT_EQ(plan.reason, row.reason) << row.name << ": " << plan;
    ASSERT_EQ(plan.target != nullptr, row.wait_for.has_value()) << row.name << ": " << plan;
    if (row.wait_for) {
      EXPECT_EQ(*plan.target, at(*row.wait_for)) << row.name;
    }
    EXPECT_EQ(plan.timeout, milliseconds{row.wait_for ? 250 : 0}) << row.name;
  }
}

// Where a row waits and it cannot, the policy decides; every other row stays as it is.
TEST(PlanRead, PolicyDecidesWhereNoWaitIsPossible) {
  const struct {
    TimeoutPolicy policy;
    ReadAction action;
  } policies[] = {{TimeoutPolicy::kWriter, ReadAction::kWriter},
                  {TimeoutPolicy::kError, ReadAction::kError},
                  {TimeoutPolicy::kStale, ReadAction::kGo}};
  for (const Row& row : kRows) {
    for (const auto& [policy, action] : policies) {
      const Request request(row);
      ReadRequest changed = request.value;
      changed.policy = policy;
      const ReadPlan possible = plan_read(changed);
      const bool waits = possible.action == kWait;

      changed.can_wait = false;
      const ReadPlan cannot = plan_read(changed);
      EXPECT_EQ(cannot, (waits ? ReadPlan{action, ReadReason::kCannotWait, nullptr, {}} : possible))
          << row.name;

      changed.can_wait = true;
      for (const milliseconds timeout : {milliseconds{0}, milliseconds{-5}}) {
        changed.timeout = timeout;
        const ReadPlan late = plan_read(changed);
        EXPECT_EQ(late, (waits ? ReadPlan{action, ReadReason::kNoTimeToWait, nullptr, {}} : possible))
            << row.name;
      }
    }
  }
}

TEST(PlanRead, RememberedTokenVersionSkipsTheComparison) {
  CausalityToken token;
  token.observe_write(at(5));
  ReadRequest request;
  request.token = &token;
  request.token_known_there = true;
  EXPECT_EQ(plan_read(request).reason, ReadReason::kKnownThere);

  // But it says nothing about other people's writes.
  const Position probed = at(7);
  request.probed_target = &probed;
  request.level = ReadConsistency::kGlobal;
  EXPECT_EQ(plan_read(request).action, ReadAction::kWait);
  request.level = ReadConsistency::kSession;
  token.set_unknown();
  EXPECT_EQ(plan_read(request).action, ReadAction::kWait);
}

TEST(PlanRead, EmptyWriterNeedsNoWait) {
  const Position nothing;
  ReadRequest request;
  request.level = ReadConsistency::kGlobal;
  request.probed_target = &nothing;
  EXPECT_EQ(plan_read(request).action, ReadAction::kGo);
}

TEST(PlanRead, WithoutATokenSessionBehavesAsGlobal) {
  EXPECT_EQ(plan_read(ReadRequest{}).action, ReadAction::kProbeThenDecide);
}

TEST(AfterWait, FollowsThePolicyUnlessReached) {
  for (const auto policy : {TimeoutPolicy::kWriter, TimeoutPolicy::kError, TimeoutPolicy::kStale})
    EXPECT_EQ(after_wait(WaitVerdict::kReached, policy), AfterWait::kUseResult);
  for (const auto verdict : {WaitVerdict::kTimeout, WaitVerdict::kNotReplicating, WaitVerdict::kError}) {
    EXPECT_EQ(after_wait(verdict, TimeoutPolicy::kWriter), AfterWait::kRunOnWriter);
    EXPECT_EQ(after_wait(verdict, TimeoutPolicy::kError), AfterWait::kError);
    EXPECT_EQ(after_wait(verdict, TimeoutPolicy::kStale), AfterWait::kUseStale);
  }
}

TEST(ReadPlan, AWaitThatIsNotExpectedToEndWellIsSparedWhereTheWriterAnswers) {
  const CausalityToken token = [] {
    CausalityToken made;
    made.observe_write(at(5));
    return made;
  }();
  const Position behind = at(3);
  ReadRequest request;
  request.token = &token;
  request.replica_executed = &behind;
  request.expected_in_time = false;
  const ReadPlan plan = plan_read(request);
  EXPECT_EQ(plan.action, ReadAction::kWriter);
  EXPECT_EQ(plan.reason, ReadReason::kNotInTime);
  ASSERT_NE(plan.target, nullptr);
  EXPECT_EQ(*plan.target, at(5));
  request.brief_wait = milliseconds(10);
  EXPECT_EQ(plan_read(request).action, ReadAction::kWait);
  EXPECT_EQ(plan_read(request).timeout, milliseconds(10));
  for (const TimeoutPolicy policy : {TimeoutPolicy::kError, TimeoutPolicy::kStale}) {
    request.policy = policy;
    EXPECT_EQ(plan_read(request).action, ReadAction::kWait) << to_string(policy);
    EXPECT_EQ(plan_read(request).reason, ReadReason::kNotInTime);
  }
  const Position there = at(5);
  request.replica_executed = &there;
  EXPECT_EQ(plan_read(request).action, ReadAction::kGo);
}

}  // namespace
}  // namespace causeway::consistency
