// Everything that reads responses, run over what real servers sent.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture_file.h"
#include "protocol/err_packet.h"
#include "protocol/result_set_end.h"
#include "protocol/session_track.h"
#include "scan_recorder.h"

namespace causeway::protocol {
namespace {

Recording replay(const CapturedExchange& exchange, size_t piece_bytes) {
  ResponseScanner scanner(exchange.response_kind(), exchange.capabilities);
  Recording recording;
  for (size_t turn = 0; turn < exchange.turns.size(); ++turn) {
    if (turn > 0) scanner.continue_after_local_infile(exchange.turns[turn][3]);
    feed(
        scanner, exchange.turns[turn], [&](size_t) { return piece_bytes; }, recording);
  }
  return recording;
}

Buffer all_bytes(const CapturedExchange& exchange) {
  Buffer all;
  for (const Buffer& turn : exchange.turns)
    all.insert(all.end(), turn.begin(), turn.end());
  return all;
}

TEST(Captures, ScannerReportsTheEventsOfEveryResponseHoweverItArrives) {
  for (const CapturedExchange& exchange : captured_exchanges()) {
    SCOPED_TRACE(exchange.name + " " + exchange.kind + " " + exchange.argument);
    for (const size_t piece_bytes :
         {size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{64}, size_t{1} << 20}) {
      SCOPED_TRACE(piece_bytes);
      const Recording recording = replay(exchange, piece_bytes);
      EXPECT_EQ(recording.events, exchange.events);
      EXPECT_EQ(recording.forwarded, all_bytes(exchange));
      EXPECT_TRUE(recording.done);
      EXPECT_EQ(recording.held_back, 0u);
    }
  }
}

TEST(Captures, OkPacketsAreReadAndWrittenBackAsTheyWere) {
  size_t count = 0;
  for (const CapturedExchange& exchange : captured_exchanges()) {
    SCOPED_TRACE(exchange.name + " " + exchange.kind + " " + exchange.argument);
    for (const Buffer& payload : replay(exchange, size_t{1} << 20).packets) {
      if (payload.empty() || payload[0] != kOkHeader || exchange.kind == "prepare") continue;
      const Result<OkPacket> ok = parse_ok_packet(payload, exchange.capabilities);
      ASSERT_TRUE(ok) << ok.error().message();
      SessionTrackReader trackers(ok->session_state);
      Buffer session_state;
      while (const auto item = trackers.next())
        append_session_track(session_state, *item);
      EXPECT_TRUE(trackers.ok());
      EXPECT_EQ(session_state, Buffer(ok->session_state.begin(), ok->session_state.end()));
      Buffer again;
      append_ok_packet(again, *ok, 0, kOkHeader, exchange.capabilities);
      EXPECT_EQ(Buffer(again.begin() + 4, again.end()), payload);
      ++count;
    }
  }
  EXPECT_GT(count, 100u);
}

TEST(Captures, ResultSetEndsAreReadAndWrittenBackAsTheyWere) {
  size_t count = 0;
  for (const CapturedExchange& exchange : captured_exchanges()) {
    SCOPED_TRACE(exchange.name + " " + exchange.kind + " " + exchange.argument);
    for (const Buffer& payload : replay(exchange, size_t{1} << 20).packets) {
      if (payload.empty() || payload[0] != kResultSetEndHeader) continue;
      const Result<OkPacket> end = parse_result_set_end(payload, exchange.capabilities);
      ASSERT_TRUE(end) << end.error().message();
      Buffer again;
      append_result_set_end(again, *end, 0, exchange.capabilities);
      EXPECT_EQ(Buffer(again.begin() + 4, again.end()), payload);
      ++count;
    }
  }
  EXPECT_GT(count, 100u);
}

TEST(Captures, ErrorsHaveCodeStateAndMessage) {
  for (const CapturedExchange& exchange : captured_exchanges()) {
    SCOPED_TRACE(exchange.name + " " + exchange.kind + " " + exchange.argument);
    for (const Buffer& payload : replay(exchange, size_t{1} << 20).packets) {
      if (payload.empty() || payload[0] != kErrHeader) continue;
      const Result<ErrPacket> err = parse_err_packet(payload);
      ASSERT_TRUE(err) << err.error().message();
      EXPECT_GT(err->code, 1000);
      EXPECT_EQ(err->sql_state.size(), 5u);
      EXPECT_FALSE(err->message.empty());
    }
  }
}

// One line per tracker of the first packet that answers a statement.
std::vector<std::string> trackers_of(const std::string& capture, const std::string& statement) {
  std::vector<std::string> lines;
  for (const CapturedExchange& exchange : captured_exchanges()) {
    if (!exchange.name.starts_with(capture + ":") || exchange.argument != statement) continue;
    const Recording recording = replay(exchange, size_t{1} << 20);
    const Result<OkPacket> ok = parse_ok_packet(recording.packets.at(0), exchange.capabilities);
    SessionTrackReader reader(ok->session_state);
    while (const auto item = reader.next())
      lines.push_back(std::to_string(static_cast<int>(item->type)) + " " + std::string(item->name) + "=" +
                      std::string(item->value));
  }
  return lines;
}

TEST(Captures, TrackersOfMariadb) {
  using testing::ElementsAre;
  const std::string capture = "mariadb-deprecate_eof-track";
  EXPECT_THAT(trackers_of(capture, "USE cap"), ElementsAre("1 =cap", "2 =1"));
  EXPECT_THAT(trackers_of(capture, "SET NAMES latin1"),
              ElementsAre("0 character_set_connection=latin1", "0 character_set_client=latin1",
                          "0 character_set_results=latin1", "2 =1"));
  EXPECT_THAT(trackers_of(capture, "START TRANSACTION"), ElementsAre("5 =T_______", "4 =START TRANSACTION;"));
  EXPECT_THAT(trackers_of(capture, "SELECT COUNT(*) FROM t"), ElementsAre("5 =T_R_W_S_"));
  EXPECT_THAT(trackers_of(capture, "COMMIT"),
              ElementsAre(testing::StartsWith("0 last_gtid=0-1-"), "5 =________", "4 ="));
}

TEST(Captures, TrackersOfMysql) {
  using testing::ElementsAre;
  const std::string capture = "mysql-deprecate_eof-track";
  const auto statement_id = testing::StartsWith("0 statement_id=");
  EXPECT_THAT(trackers_of(capture, "USE cap"), ElementsAre(statement_id, "1 =cap", "2 =1"));
  EXPECT_THAT(trackers_of(capture, "SET autocommit=0"),
              ElementsAre("0 autocommit=OFF", statement_id, "2 =1"));
  EXPECT_THAT(trackers_of(capture, "START TRANSACTION"),
              ElementsAre(statement_id, "5 =T_______", "4 =START TRANSACTION;"));
  EXPECT_THAT(
      trackers_of(capture, "COMMIT"),
      ElementsAre(statement_id, testing::ContainsRegex("^3 =[0-9a-f-]{36}:[0-9]+$"), "5 =________", "4 ="));
}

// MySQL says so only before the row of OUT parameters where EOF packets are used.
TEST(Captures, OutParametersAreFlaggedBehindTheirRow) {
  size_t count = 0;
  for (const CapturedExchange& exchange : captured_exchanges()) {
    if (exchange.kind != "execute" || exchange.argument != "null") continue;
    SCOPED_TRACE(exchange.name);
    const StatusFlags flags = replay(exchange, size_t{1} << 20).flags.at(0);
    EXPECT_TRUE((flags & status::kPsOutParams) != 0);
    EXPECT_TRUE((flags & status::kMoreResultsExist) != 0);
    ++count;
  }
  EXPECT_GE(count, 8u);
}

}  // namespace
}  // namespace causeway::protocol
