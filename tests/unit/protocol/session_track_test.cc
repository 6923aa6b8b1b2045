#include "protocol/session_track.h"

#include <gtest/gtest.h>

#include <vector>

namespace causeway::protocol {
namespace {

std::vector<SessionTrackItem> items_of(Bytes session_state, bool expect_ok = true) {
  SessionTrackReader reader(session_state);
  std::vector<SessionTrackItem> items;
  while (const auto item = reader.next())
    items.push_back(*item);
  EXPECT_EQ(reader.ok(), expect_ok);
  return items;
}

Buffer one_of_each() {
  Buffer state;
  append_session_track_system_variable(state, "autocommit", "OFF");
  append_session_track_schema(state, "shop");
  append_session_track_state_change(state, true);
  append_session_track_gtids(state, "3E11FA47-71CA-11E1-9E33-C80AA9429562:23");
  append_session_track_transaction_characteristics(state, "START TRANSACTION READ ONLY;");
  append_session_track_transaction_state(state, "T_______");
  return state;
}

TEST(SessionTrack, ReadsWhatWasWritten) {
  using Type = SessionTrackType;
  const std::vector<SessionTrackItem> expected{
      {Type::kSystemVariable, "autocommit", "OFF"},
      {Type::kSchema, "", "shop"},
      {Type::kStateChange, "", "1"},
      {Type::kGtids, "", "3E11FA47-71CA-11E1-9E33-C80AA9429562:23"},
      {Type::kTransactionCharacteristics, "", "START TRANSACTION READ ONLY;"},
      {Type::kTransactionState, "", "T_______"},
  };
  EXPECT_EQ(items_of(one_of_each()), expected);
}

TEST(SessionTrack, WritesItemsBackAsTheyWere) {
  const Buffer state = one_of_each();
  Buffer again;
  for (const SessionTrackItem& item : items_of(state))
    append_session_track(again, item);
  EXPECT_EQ(again, state);
}

TEST(SessionTrack, SeveralVariablesInOneEntry) {
  const Buffer state{0, 8, 1, 'a', 1, '1', 1, 'b', 1, '2', 1, 2, 1, 's'};
  const std::vector<SessionTrackItem> expected{{SessionTrackType::kSystemVariable, "a", "1"},
                                               {SessionTrackType::kSystemVariable, "b", "2"},
                                               {SessionTrackType::kSchema, "", "s"}};
  EXPECT_EQ(items_of(state), expected);
}

TEST(SessionTrack, UnknownTypesAreSkipped) {
  const Buffer state{0x2a, 3, 9, 9, 9, 1, 2, 1, 's', 0xff, 0};
  EXPECT_EQ(items_of(state), (std::vector<SessionTrackItem>{{SessionTrackType::kSchema, "", "s"}}));
}

TEST(SessionTrack, TruncationIsNoticedUnlessBetweenEntries) {
  const Buffer state = one_of_each();
  std::vector<size_t> boundaries{0};
  for (size_t at = 0; at < state.size(); boundaries.push_back(at))
    at += size_t{2} + state[at + 1];
  for (size_t length = 0; length < state.size(); ++length) {
    const bool whole = std::find(boundaries.begin(), boundaries.end(), length) != boundaries.end();
    items_of(Bytes(state).first(length), whole);
  }
}

TEST(SessionTrack, MalformedEntriesEndTheIteration) {
  items_of(Buffer{1, 3, 1, 's', 0}, false);  // bytes behind the schema
  items_of(Buffer{3, 3, 1, 1, 'g'}, false);  // GTIDs of another encoding
  items_of(Buffer{0, 3, 1, 'a', 5}, false);  // value longer than its entry
  items_of(Buffer{1, 0xfb}, false);          // NULL for a length
}

}  // namespace
}  // namespace causeway::protocol
