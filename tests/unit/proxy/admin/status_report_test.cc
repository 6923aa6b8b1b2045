#include "proxy/admin/status_report.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

ClusterView one_writer() {
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
  EXPECT_EQ(no_stream_reason(one_writer()), std::nullopt);
  ClusterView none = one_writer();
  none.writer = kNoNode;
  none.no_writer_reason = "all nodes are read-only";
  EXPECT_EQ(no_stream_reason(none), "no writer (all nodes are read-only)");
  ClusterView down = one_writer();
  down.nodes[0].reachable = false;
  EXPECT_EQ(no_stream_reason(down), "writer db1:3306 does not answer");
  down.nodes[0].last_error = "Connection refused";
  EXPECT_EQ(no_stream_reason(down), "writer db1:3306 does not answer (Connection refused)");
  ClusterView without_log = one_writer();
  without_log.nodes[0].facts.binary_log = false;
  EXPECT_EQ(no_stream_reason(without_log), "writer db1:3306 writes no binary log");
}

TEST(StatusReport, StatementsCanBeServedByAnyNodeThatTakesReads) {
  ClusterView view = one_writer();
  EXPECT_TRUE(can_serve(view));
  view.writer = kNoNode;
  EXPECT_FALSE(can_serve(view));
  view.nodes[0].usable_for_reads = true;
  EXPECT_TRUE(can_serve(view));
  EXPECT_NE(no_stream_reason(view), std::nullopt);
}

}  // namespace
}  // namespace causeway::proxy
