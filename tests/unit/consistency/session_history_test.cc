#include "consistency/session_history.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace causeway::consistency {
namespace {

using Kept = SessionHistory::Kept;
using std::chrono::milliseconds;

constexpr size_t kReplica = 1;
constexpr size_t kOther = 2;
constexpr uint64_t kEra = 7;
constexpr uint64_t kEpoch = 3;

Position at(uint64_t sequence) {
  return Position::parse(PositionKind::kMariadbGtid, "0-1-" + std::to_string(sequence)).value();
}

Position in_set(const std::string& text) {
  return Position::parse(PositionKind::kGtidSet, text).value();
}

Position in_log(const std::string& coordinates) {
  return Position::parse(PositionKind::kBinlogCoordinates, coordinates).value();
}

// What the next SESSION read on the replica does that was heard of, and is known to have executed nothing.
ReadReason next_read(const SessionHistory& history, bool heard_of = true) {
  ReadRequest request;
  history.fill(request, heard_of);
  return plan_read(request).reason;
}

SessionHistory on_replica() {
  SessionHistory history(kEpoch);
  history.moves_to(kReplica, kEra);
  return history;
}

// One that has written, and has seen it on its replica.
SessionHistory satisfied() {
  SessionHistory history = on_replica();
  history.wrote(at(5));
  history.read_on_replica();
  history.satisfied(false);
  return history;
}

struct Row {
  const char* name;
  std::function<void(SessionHistory&)> what;
  ReadReason before;
  ReadReason after;
};

using History = SessionHistory;

// What one event makes of the next read; `before` says how the session stands.
const Row kRows[] = {
    // Its own writes.
    {"a write", [](History& h) { h.wrote(at(9)); }, ReadReason::kKnownThere, ReadReason::kNotKnownThere},
    {"the same write", [](History& h) { h.wrote(at(5)); }, ReadReason::kKnownThere, ReadReason::kKnownThere},
    {"a write somewhere", [](History& h) { h.wrote_somewhere(); }, ReadReason::kKnownThere,
     ReadReason::kUnknownToken},
    {"a write of another kind", [](History& h) { h.wrote(in_set("0c9f4d5e-0000-0000-0000-000000000001:1")); },
     ReadReason::kKnownThere, ReadReason::kUnknownToken},
    {"a position it was handed", [](History& h) { h.was_handed(at(9)); }, ReadReason::kKnownThere,
     ReadReason::kNotKnownThere},
    {"everything of now", [](History& h) { h.was_handed_something(); }, ReadReason::kKnownThere,
     ReadReason::kUnknownToken},
    {"the writer's position, nothing unknown", [](History& h) { h.writer_is_at(at(99)); },
     ReadReason::kKnownThere, ReadReason::kKnownThere},
    {"the writer's position",
     [](History& h) {
       h.wrote_somewhere();
       h.writer_is_at(at(99));
     },
     ReadReason::kKnownThere, ReadReason::kNotKnownThere},
    // What it has seen.
    {"a statement on the writer", [](History& h) { h.ran_on_writer(false); }, ReadReason::kKnownThere,
     ReadReason::kMonotonicBreak},
    {"one that is covered", [](History& h) { h.ran_on_writer(true); }, ReadReason::kKnownThere,
     ReadReason::kKnownThere},
    {"a covered one does not make up for one that is not",
     [](History& h) {
       h.ran_on_writer(false);
       h.ran_on_writer(true);
     },
     ReadReason::kKnownThere, ReadReason::kMonotonicBreak},
    {"a satisfied read that did not ask the writer does not, either",
     [](History& h) {
       h.ran_on_writer(false);
       h.satisfied(false);
     },
     ReadReason::kKnownThere, ReadReason::kMonotonicBreak},
    {"one that did ask, does",
     [](History& h) {
       h.ran_on_writer(false);
       h.satisfied(true);
     },
     ReadReason::kKnownThere, ReadReason::kKnownThere},
    // Another replica.
    {"the same replica", [](History& h) { h.moves_to(kReplica, kEra); }, ReadReason::kKnownThere,
     ReadReason::kKnownThere},
    {"another replica", [](History& h) { h.moves_to(kOther, kEra); }, ReadReason::kKnownThere,
     ReadReason::kMonotonicBreak},
    {"the same one, whose positions mean something else", [](History& h) { h.moves_to(kReplica, kEra + 1); },
     ReadReason::kKnownThere, ReadReason::kMonotonicBreak},
    {"there and back",
     [](History& h) {
       h.moves_to(kOther, kEra);
       h.satisfied(true);
       h.moves_to(kReplica, kEra);
     },
     ReadReason::kKnownThere, ReadReason::kMonotonicBreak},
    {"what the former replica had says nothing of this one",
     [](History& h) {
       h.moves_to(kOther, kEra);
       h.ran_on_writer(true);
       h.satisfied(true);
       h.wrote(at(9));
     },
     ReadReason::kKnownThere, ReadReason::kNotKnownThere},
    // Another writer.
    {"the same writer", [](History& h) { h.on_writer(kEpoch, at(1)); }, ReadReason::kKnownThere,
     ReadReason::kKnownThere},
    {"one that has it", [](History& h) { h.on_writer(kEpoch + 1, at(6)); }, ReadReason::kKnownThere,
     ReadReason::kKnownThere},
    {"one that does not", [](History& h) { h.on_writer(kEpoch + 1, at(4)); }, ReadReason::kKnownThere,
     ReadReason::kUnknownToken},
};

TEST(SessionHistory, NextRead) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    SessionHistory history = satisfied();
    EXPECT_EQ(next_read(history), row.before);
    row.what(history);
    EXPECT_EQ(next_read(history), row.after);
  }
}

TEST(SessionHistory, ANewSessionHasNothingToSee) {
  SessionHistory history(kEpoch);
  EXPECT_EQ(history.replica(), kNoNode);
  EXPECT_EQ(next_read(history), ReadReason::kNothingToSee);
  // Its first replica is no other one.
  history.moves_to(kReplica, kEra);
  EXPECT_EQ(history.replica(), kReplica);
  EXPECT_EQ(history.replica_era(), kEra);
  EXPECT_EQ(next_read(history), ReadReason::kNothingToSee) << "it has seen no more than this one has";
}

TEST(SessionHistory, WhatIsRememberedOfAReplicaThatIsSilentDoesNotHold) {
  const SessionHistory history = satisfied();
  EXPECT_EQ(next_read(history, true), ReadReason::kKnownThere);
  EXPECT_EQ(next_read(history, false), ReadReason::kNotKnownThere);
}

TEST(SessionHistory, SatisfiedIsWhatWasWrittenBefore) {
  SessionHistory history = satisfied();
  history.wrote(at(6));
  history.moves_to(kReplica, kEra);
  EXPECT_EQ(next_read(history), ReadReason::kNotKnownThere);
  history.satisfied(false);
  EXPECT_EQ(next_read(history), ReadReason::kKnownThere);
}

TEST(SessionHistory, TheWriterIsTrustedUntilSomethingWasSeenElsewhere) {
  SessionHistory history(kEpoch);
  EXPECT_TRUE(history.trusts_the_writer());
  history.wrote(at(5));
  history.ran_on_writer(false);
  history.moves_to(kReplica, kEra);
  EXPECT_TRUE(history.trusts_the_writer()) << "nothing was read there yet";
  history.read_on_replica();
  EXPECT_FALSE(history.trusts_the_writer());
  history.satisfied(true);
  EXPECT_FALSE(history.trusts_the_writer());
  history.writer_was_checked();
  EXPECT_TRUE(history.trusts_the_writer());
  history.was_handed(at(1));
  EXPECT_FALSE(history.trusts_the_writer());
  history.writer_was_checked();
  history.was_handed_something();
  EXPECT_FALSE(history.trusts_the_writer());
}

struct WriterRow {
  const char* name;
  Position token;
  Position executed;
  Kept kept;
};

const WriterRow kWriterRows[] = {
    {"nothing was written", Position(), at(1), Kept::kAll},
    {"it has all", at(5), at(5), Kept::kAll},
    {"it has more", at(5), at(6), Kept::kAll},
    {"it has less", at(5), at(4), Kept::kNotThere},
    {"it has nothing", at(5), Position(), Kept::kNotComparable},
    {"GTID sets, there", in_set("0c9f4d5e-0000-0000-0000-000000000001:1-5"),
     in_set("0c9f4d5e-0000-0000-0000-000000000001:1-9"), Kept::kAll},
    {"GTID sets, not there", in_set("0c9f4d5e-0000-0000-0000-000000000001:1-5"),
     in_set("0c9f4d5e-0000-0000-0000-000000000001:1-4"), Kept::kNotThere},
    {"positions of another kind", at(5), in_set("0c9f4d5e-0000-0000-0000-000000000001:1-9"),
     Kept::kNotComparable},
    {"coordinates, whatever their number", in_log("binlog.000001:100"), in_log("binlog.000009:900"),
     Kept::kNotComparable},
};

TEST(SessionHistory, AnotherWriterIsLookedAtOnce) {
  for (const WriterRow& row : kWriterRows) {
    SCOPED_TRACE(row.name);
    SessionHistory history(kEpoch);
    history.wrote(row.token);
    EXPECT_EQ(history.on_writer(kEpoch, row.executed), Kept::kAll) << "the writer of before";
    EXPECT_EQ(history.on_writer(kEpoch + 1, row.executed), row.kept);
    EXPECT_EQ(history.token().unknown(), row.kept != Kept::kAll);
    EXPECT_EQ(history.on_writer(kEpoch + 1, row.executed), Kept::kAll) << "once";
  }
}

// What is written from now on is the new writer's own.
TEST(SessionHistory, WhatIsWrittenToTheNewWriterIsKept) {
  SessionHistory history(kEpoch);
  history.on_writer(kEpoch + 1, at(4));
  history.wrote(at(5));
  EXPECT_EQ(history.on_writer(kEpoch + 1, at(4)), Kept::kAll);
  EXPECT_EQ(history.token().position(), at(5));
}

TEST(SessionHistory, ATokenStaysShort) {
  const std::string uuid = "0c9f4d5e-0000-0000-0000-000000000001";
  SessionHistory history(kEpoch);
  for (size_t i = 0; i <= CausalityToken::kCollapseAbove; ++i)
    history.wrote(in_set(uuid + ":" + std::to_string(10 * i + 1)));
  EXPECT_TRUE(history.token().needs_collapse());
  EXPECT_EQ(history.on_writer(kEpoch, in_set(uuid + ":1-1000")), Kept::kAll);
  EXPECT_FALSE(history.token().needs_collapse());
  EXPECT_FALSE(history.token().unknown());
}

}  // namespace
}  // namespace causeway::consistency
