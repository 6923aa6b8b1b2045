#include "proxy/backend/cluster_knowledge.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace causeway::proxy {
namespace {

using consistency::Position;
using consistency::PositionKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

Position position(unsigned last) {
  return *Position::parse(PositionKind::kGtidSet,
                          "00000000-0000-0000-0000-000000000001:1-" + std::to_string(last));
}

Config two_nodes() {
  Config config;
  config.nodes.resize(2);
  return config;
}

// A writer, node 0, and a replica, node 1, polled a moment ago; and what a worker knows of them.
class ClusterKnowledgeTest : public testing::Test {
 protected:
  ClusterKnowledgeTest() {
    view_.writer = 0;
    view_.position_kind = PositionKind::kGtidSet;
    view_.nodes.resize(2);
    for (NodeView& node : view_.nodes) {
      node.reachable = true;
      node.role = NodeRole::kReplica;
      node.usable_for_reads = true;
      node.executed = position(100);
      node.polled_at = start_;
      node.lag = milliseconds{0};
      node.incarnation = 1;
      node.position_era = 1;
    }
    view_.nodes[0].role = NodeRole::kWriter;
    publish();
    knowledge_.begin_at(start_);
  }

  void publish() {
    ++view_.version;
    state_.publish(std::make_shared<const ClusterView>(view_));
    knowledge_.note_writer();
  }

  // A wait on a connection to the replica, planned in the present era, has shown it.
  void learn(unsigned last) {
    BackendConnection connection(Socket(io_.get_executor()), 1, nullptr);
    connection.server.incarnation = 1;
    knowledge_.learned_position(connection, knowledge_.position_era(1), position(last));
  }

  const Clock::time_point start_ = Clock::now();
  asio::io_context io_;
  Config config_ = two_nodes();
  ClusterState state_;
  ClusterView view_;
  ClusterKnowledge knowledge_{state_, config_};
};

TEST_F(ClusterKnowledgeTest, ALateTickIsAStandstillAndEndsEveryEra) {
  struct Row {
    milliseconds since_the_last;
    bool stood;
  };
  for (const Row& row :
       {Row{milliseconds{50}, false}, {milliseconds{250}, false}, {milliseconds{251}, true}}) {
    const uint64_t era = knowledge_.position_era(1);
    const Clock::time_point before = knowledge_.tick();
    view_.nodes[1].polled_at = before;
    publish();
    const auto stood = knowledge_.note_time(before + row.since_the_last);
    EXPECT_EQ(stood.has_value(), row.stood) << row.since_the_last.count();
    EXPECT_EQ(stood.value_or(row.since_the_last), row.since_the_last);
    EXPECT_EQ(knowledge_.position_era(1), era + (row.stood ? 1 : 0)) << row.since_the_last.count();
    EXPECT_EQ(knowledge_.is_heard_of(1), !row.stood) << row.since_the_last.count();
    EXPECT_EQ(knowledge_.tick(), before + row.since_the_last);
  }
}

TEST_F(ClusterKnowledgeTest, TimeDoesNotGoBack) {
  EXPECT_FALSE(knowledge_.note_time(start_ - seconds{5}));
  EXPECT_EQ(knowledge_.tick(), start_);
}

TEST_F(ClusterKnowledgeTest, AWorkerThatBeginsDidNotStandStill) {
  const uint64_t era = knowledge_.position_era(1);
  knowledge_.begin_at(start_ + seconds{60});
  EXPECT_FALSE(knowledge_.note_time(start_ + seconds{60}));
  EXPECT_EQ(knowledge_.position_era(1), era);
}

TEST_F(ClusterKnowledgeTest, WhatAWaitHasShownEndsWithAStandstill) {
  EXPECT_EQ(knowledge_.known_position(1), position(100));
  learn(110);
  EXPECT_EQ(knowledge_.known_position(1), position(110));
  knowledge_.note_time(start_ + seconds{1});
  EXPECT_EQ(knowledge_.known_position(1), Position());
  view_.nodes[1].polled_at = start_ + seconds{1};
  publish();
  EXPECT_EQ(knowledge_.known_position(1), position(100));
}

TEST_F(ClusterKnowledgeTest, APollThatWasAskedForEarlierDoesNotUndoWhatAWaitHasShown) {
  learn(110);
  publish();
  EXPECT_EQ(knowledge_.known_position(1), position(110));
  view_.nodes[1].polled_at = Clock::now() + milliseconds{1};
  publish();
  EXPECT_EQ(knowledge_.known_position(1), position(100));
}

TEST_F(ClusterKnowledgeTest, AnotherEraOfTheNodeForgetsItsProgress) {
  knowledge_.progress(1).missed(position(200), milliseconds{500});
  EXPECT_FALSE(knowledge_.progress(1).gets_there_within(milliseconds{100}));
  ++view_.nodes[1].position_era;
  publish();
  EXPECT_TRUE(knowledge_.progress(1).gets_there_within(milliseconds{100}));
}

TEST_F(ClusterKnowledgeTest, TheLastWriterIsRememberedWhileThereIsNone) {
  view_.writer = kNoNode;
  publish();
  ASSERT_NE(knowledge_.last_known_writer_position(), nullptr);
  EXPECT_EQ(*knowledge_.last_known_writer_position(), position(100));
  ClusterKnowledge of_now(state_, config_);
  of_now.note_writer();
  EXPECT_EQ(of_now.last_known_writer_position(), nullptr);
}

TEST_F(ClusterKnowledgeTest, WhetherReadsMayBeSentThere) {
  EXPECT_TRUE(knowledge_.replica_usable(1, std::nullopt, true));
  EXPECT_FALSE(knowledge_.replica_usable(0, std::nullopt, true));
  config_.routing.reads_on_writer = ReadsOnWriter::kAlways;
  EXPECT_TRUE(knowledge_.replica_usable(0, std::nullopt, true));

  view_.nodes[1].consistent = false;
  publish();
  EXPECT_FALSE(knowledge_.replica_usable(1, std::nullopt, true));
  EXPECT_TRUE(knowledge_.replica_usable(1, std::nullopt, false));
  view_.nodes[1].usable_for_reads = false;
  publish();
  EXPECT_FALSE(knowledge_.replica_usable(1, std::nullopt, false));
}

}  // namespace
}  // namespace causeway::proxy
