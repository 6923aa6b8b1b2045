#include "proxy/admin/status_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

StreamStatus stream(uint32_t server_id, std::string host, std::optional<std::chrono::seconds> lag) {
  StreamStatus status;
  status.reader = {.server_id = server_id, .user = "repl", .host = std::move(host), .port = 7};
  status.lag = lag;
  return status;
}

ClusterView view_of_one() {
  ClusterView view;
  view.nodes.resize(1);
  view.nodes[0].name = "db1:3306";
  view.nodes[0].facts.end_of_log = *consistency::BinlogCoordinates::make("bin.000002", 1500);
  return view;
}

std::string json_of(const std::vector<StreamStatus>& streams) {
  const MetricsRegistry metrics(1, {"db1:3306"});
  return status_json(view_of_one(), metrics, streams, true, "", 1s);
}

TEST(StatusReport, TellsWhoReadsTheLog) {
  StreamStatus one = stream(7, "10.0.0.5", 12s);
  one.node = 0;
  one.file = "bin.000002";
  one.position = 1000;
  one.last_gtid = "0-1-5";
  const std::string json = json_of({one});
  for (const char* part :
       {R"("server_id":7)", R"("uuid":null)", R"("user":"repl")", R"("client":"10.0.0.5:7")",
        R"("mode":"gtid")", R"("node":"db1:3306")", R"("file":"bin.000002")", R"("position":1000)",
        R"("gtid":"0-1-5")", R"("lag_seconds":12)", R"("lag_bytes":500)", R"("last_event":null)"})
    EXPECT_THAT(json, HasSubstr(part));
}

TEST(StatusReport, WhatIsNotKnownOfAStreamIsNull) {
  StreamStatus one = stream(7, "10.0.0.5", std::nullopt);
  one.file = "bin.000001";
  EXPECT_THAT(json_of({one}), HasSubstr(R"("node":null,"lag_bytes":null)"));
  one.node = 0;
  EXPECT_THAT(json_of({one}), HasSubstr(R"("lag_bytes":null)")) << "another file";
  one.node = 1;
  EXPECT_THAT(json_of({one}), HasSubstr(R"("node":null)")) << "no such node any more";
  EXPECT_THAT(json_of({one}), HasSubstr(R"("lag_seconds":null)"));
  EXPECT_THAT(json_of({}), HasSubstr(R"("streams":[])"));
}

TEST(StatusReport, GaugesOfStreamsAreBoundedAndUnique) {
  std::vector<StreamStatus> streams{stream(0, "a", 3s), stream(0, "a", 5s), stream(0, "a", 4s),
                                    stream(0, "b", 1s), stream(7, "a", std::nullopt)};
  std::vector<StreamGauges> gauges = stream_gauges(streams);
  ASSERT_EQ(gauges.size(), 2U);
  EXPECT_EQ(gauges[0].lag, 5s);
  EXPECT_EQ(gauges[1].client, "b");
  for (uint32_t i = 1; i < 1000; ++i)
    streams.push_back(stream(i, "a", 1s));
  EXPECT_EQ(stream_gauges(streams).size(), kMaxStreamsShown);
}

ClusterView view_of_a_writer() {
  ClusterView view;
  view.writer = 0;
  view.nodes.resize(1);
  view.nodes[0].name = "db1:3306";
  view.nodes[0].role = NodeRole::kWriter;
  view.nodes[0].reachable = true;
  view.nodes[0].facts.binary_log = true;
  return view;
}

TEST(StatusReport, AStreamNeedsAWriterThatIsThereAndHasALog) {
  EXPECT_EQ(no_stream_reason(view_of_a_writer()), std::nullopt);
  ClusterView none = view_of_a_writer();
  none.writer = kNoNode;
  none.no_writer_reason = "all nodes are read-only";
  EXPECT_EQ(no_stream_reason(none), "no writer (all nodes are read-only)");
  ClusterView down = view_of_a_writer();
  down.nodes[0].reachable = false;
  EXPECT_EQ(no_stream_reason(down), "writer db1:3306 does not answer");
  down.nodes[0].last_error = "Connection refused";
  EXPECT_EQ(no_stream_reason(down), "writer db1:3306 does not answer (Connection refused)");
  ClusterView without_log = view_of_a_writer();
  without_log.nodes[0].facts.binary_log = false;
  EXPECT_EQ(no_stream_reason(without_log), "writer db1:3306 writes no binary log");
}

TEST(StatusReport, StatementsCanBeServedByAnyNodeThatTakesReads) {
  ClusterView view = view_of_a_writer();
  EXPECT_TRUE(can_serve(view));
  view.writer = kNoNode;
  EXPECT_FALSE(can_serve(view));
  view.nodes[0].usable_for_reads = true;
  EXPECT_TRUE(can_serve(view));
  EXPECT_NE(no_stream_reason(view), std::nullopt);
}

}  // namespace
}  // namespace causeway::proxy
