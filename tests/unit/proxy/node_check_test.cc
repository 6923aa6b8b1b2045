#include "proxy/node_check.h"

#include <gmock/gmock.h>

namespace causeway::proxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

NodeRecord node(int i, ServerFlavor flavor = ServerFlavor::kMysql) {
  NodeProbe probe;
  probe.facts.flavor = flavor;
  probe.server_id = static_cast<uint64_t>(i) + 1;
  const std::string host = "node" + std::to_string(i);
  return {
      .name = host + ":3306", .host = host, .port = 3306, .health = Health::kUp, .probe = std::move(probe)};
}

NodeRecord replica(int i, ServerFlavor flavor = ServerFlavor::kMysql) {
  NodeRecord record = node(i, flavor);
  record.probe->facts.read_only = true;
  ReplicaChannel channel;
  channel.source_server_id = 1;
  channel.receiver_running = channel.applier_running = true;
  channel.lag = std::chrono::milliseconds(0);
  record.probe->channels.push_back(std::move(channel));
  return record;
}

std::vector<std::string> problems(const std::vector<NodeRecord>& nodes) {
  return cluster_problems(nodes, elect(nodes, {}));
}

TEST(ClusterProblems, NoneOfAClusterInOrder) {
  EXPECT_THAT(problems({node(0), replica(1), replica(2)}), IsEmpty());
  EXPECT_THAT(problems({node(0)}), IsEmpty());
}

TEST(ClusterProblems, ServersOfBothKinds) {
  EXPECT_THAT(problems({node(0), replica(1), replica(2, ServerFlavor::kMariadb)}),
              ElementsAre(HasSubstr("both kinds")));
}

TEST(ClusterProblems, NoWriterOrSeveral) {
  NodeRecord read_only = node(0);
  read_only.probe->facts.read_only = true;
  EXPECT_THAT(problems({read_only, replica(1)}), ElementsAre(HasSubstr("there is no writer")));
  EXPECT_THAT(problems({node(0), node(1)}),
              ElementsAre(HasSubstr("several nodes are writable"), HasSubstr("node0:3306 takes no reads"),
                          HasSubstr("node1:3306 takes no reads")));
}

TEST(ClusterProblems, TwoNamesOfOneServer) {
  NodeRecord other_name = replica(2);
  other_name.probe->server_id = 2;
  EXPECT_THAT(problems({node(0), replica(1), other_name}),
              ElementsAre("node1:3306 and node2:3306 cannot be told apart: both are names of one server"));
}

TEST(ClusterProblems, ReplicasThatStandStill) {
  NodeRecord no_applier = replica(1);
  no_applier.probe->channels[0].applier_running = false;
  NodeRecord no_receiver = replica(2);
  no_receiver.probe->channels[0].receiver_running = false;
  no_receiver.probe->channels[0].lag.reset();
  EXPECT_THAT(problems({node(0), no_applier, no_receiver}),
              ElementsAre(HasSubstr("node1:3306 takes no reads: its applier does not run"),
                          HasSubstr("node2:3306 does not receive anything")));
}

}  // namespace
}  // namespace causeway::proxy
