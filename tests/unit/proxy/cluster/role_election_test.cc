#include "proxy/cluster/role_election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::proxy {
namespace {

using consistency::BinlogCoordinates;
using consistency::Position;
using consistency::PositionKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// The i-th node: server id i + 1, listening at node<i>:3306.
NodeRecord writable(int i) {
  NodeProbe probe;
  probe.facts.flavor = ServerFlavor::kMariadb;
  probe.server_id = static_cast<uint64_t>(i) + 1;
  probe.facts.binary_log = true;
  probe.gtid_executed = *Position::parse(PositionKind::kMariadbGtid, "0-1-100");
  probe.binlog_position = *BinlogCoordinates::make("bin.000002", 2000);
  const std::string host = "node" + std::to_string(i);
  return {.name = host + ":3306", .host = host, .port = 3306, .health = Health::kUp, .probe = probe};
}

NodeRecord read_only(int i) {
  NodeRecord node = writable(i);
  node.probe->facts.read_only = true;
  return node;
}

ReplicaChannel channel_from(int source) {
  ReplicaChannel channel;
  channel.source_host = "an alias of the source";
  channel.source_port = 3306;
  channel.source_server_id = static_cast<uint64_t>(source) + 1;
  channel.receiver_running = channel.applier_running = channel.uses_gtid = true;
  channel.lag = seconds(0);
  channel.executed = *BinlogCoordinates::make("bin.000002", 1500);
  return channel;
}

NodeRecord replica(int i, int source) {
  NodeRecord node = read_only(i);
  node.probe->gtid_applied = *Position::parse(PositionKind::kMariadbGtid, "0-1-90");
  node.probe->channels = {channel_from(source)};
  return node;
}

NodeRecord with_receiver_down(NodeRecord node) {
  node.probe->channels[0].receiver_running = false;
  node.probe->channels[0].lag.reset();
  return node;
}

NodeRecord with_replication_stopped(NodeRecord node) {
  node = with_receiver_down(std::move(node));
  node.probe->channels[0].applier_running = false;
  return node;
}

NodeRecord not_read_only(NodeRecord node) {
  node.probe->facts.read_only = false;
  return node;
}

NodeRecord down(NodeRecord node) {
  node.health = Health::kDown;
  return node;
}

NodeRecord on_mysql(NodeRecord node, bool gtid_mode) {
  NodeProbe& probe = *node.probe;
  const std::string uuid = "3e11fa47-71ca-11e1-9e33-c80aa942956";
  probe.facts.flavor = ServerFlavor::kMysql;
  probe.gtid_mode = gtid_mode;
  probe.server_uuid = uuid + std::to_string(probe.server_id);
  probe.gtid_executed = *Position::parse(PositionKind::kGtidSet, uuid + "1:1-10");
  for (ReplicaChannel& channel : probe.channels)
    channel.source_uuid = uuid + std::to_string(channel.source_server_id);
  return node;
}

NodeRecord group_member(int i, bool primary, bool online = true, bool quorum = true) {
  NodeRecord node = on_mysql(primary ? writable(i) : read_only(i), true);
  node.probe->group = GroupMembership{.online = online, .primary = primary, .has_quorum = quorum};
  return node;
}

WriterMemory remembering(NodeIndex writer) {
  return {.writer = writer, .server_id = writer + 1, .server_uuid = {}};
}

struct WriterCase {
  const char* name;
  std::vector<NodeRecord> nodes;
  NodeIndex writer;
  const char* reason = "";
};

TEST(Election, FindsTheWriter) {
  const WriterCase cases[] = {
      {"alone", {writable(0)}, 0},
      {"alone, replicates from elsewhere", {not_read_only(replica(0, 7))}, 0},
      {"with replicas", {replica(0, 1), writable(1), replica(2, 1)}, 1},
      {"replicas are not read-only", {writable(0), not_read_only(replica(1, 0))}, 0},
      {"chain of replicas", {writable(0), not_read_only(replica(1, 0)), replica(2, 1)}, 0},
      {"writer down",
       {down(writable(0)), replica(1, 0)},
       kNoNode,
       "node0:3306 is down; node1:3306 is read-only"},
      {"writer down, replica not read-only",
       {down(writable(0)), with_receiver_down(not_read_only(replica(1, 0)))},
       kNoNode,
       "node1:3306 is a replica, though not read-only"},
      {"writer down, broken replica not read-only",
       {down(writable(0)), with_replication_stopped(not_read_only(replica(1, 0)))},
       kNoNode},
      {"all read-only", {read_only(0), replica(1, 0)}, kNoNode, "node0:3306 is read-only"},
      {"promoted", {down(writable(0)), writable(1), replica(2, 1)}, 1},
      {"promoted, the others still point at the old one",
       {down(writable(0)), writable(1), with_receiver_down(replica(2, 0))},
       1},
      {"promoted, its channel only stopped",
       {down(writable(0)), with_replication_stopped(not_read_only(replica(1, 0))), replica(2, 1)},
       1},
      {"old writer comes back", {writable(0), writable(1), replica(2, 1)}, 1},
      {"old writer comes back, the new one's channel only stopped",
       {writable(0), with_replication_stopped(not_read_only(replica(1, 0))), replica(2, 1)},
       1},
      {"stray writer, and the replicas are stopped",
       {writable(0), writable(1), with_replication_stopped(replica(2, 1))},
       1},
      {"stray writer, and the replicas are down", {writable(0), writable(1), down(replica(2, 1))}, 1},
      {"two writers, nobody follows",
       {writable(0), writable(1)},
       kNoNode,
       "do not single one out: node0:3306, node1:3306"},
      {"two writers, each is followed",
       {writable(0), writable(1), replica(2, 0), replica(3, 1)},
       kNoNode,
       "several"},
      {"ring, all writable",
       {not_read_only(replica(0, 1)), not_read_only(replica(1, 0))},
       kNoNode,
       "several"},
      {"ring, all writable, others follow one",
       {not_read_only(replica(0, 1)), not_read_only(replica(1, 0)), replica(2, 1)},
       1},
      {"ring, one writable", {not_read_only(replica(0, 1)), replica(1, 0)}, 0},
      {"not all heard of",
       {writable(0), {.name = "node1:3306", .host = "node1", .port = 3306}},
       kNoNode,
       "not heard of yet: node1:3306"},
      {"group with a single primary",
       {group_member(0, false), group_member(1, true), group_member(2, false)},
       1},
      {"group, primary without quorum",
       {group_member(0, true, true, false)},
       kNoNode,
       "no primary with a quorum"},
      {"group with several primaries", {group_member(0, true), group_member(1, true)}, 0},
  };
  for (const WriterCase& c : cases) {
    const Election election = elect(c.nodes, {});
    EXPECT_EQ(election.writer, c.writer) << c.name << ": " << election.no_writer_reason;
    EXPECT_THAT(election.no_writer_reason, HasSubstr(c.reason)) << c.name;
    EXPECT_EQ(election.no_writer_reason.empty(), c.writer != kNoNode) << c.name;
  }
}

const std::chrono::steady_clock::time_point kStart{std::chrono::hours(1)};

// It answered at the start, and refused later.
NodeRecord refusing(NodeRecord node, milliseconds at) {
  node.probe->answered_at = kStart;
  node.access.refused(kStart + at, true);
  return node;
}

NodeRecord promoted(NodeRecord node, milliseconds at, milliseconds until) {
  node.promotion = {.seen_at = kStart + at, .until = kStart + until};
  return node;
}

TEST(Election, WhoRefusesTheMonitorLosesItsRoleToOneThatWasPromotedSince) {
  using namespace std::chrono_literals;
  const NodeRecord refuser = refusing(writable(0), 2000ms);
  const NodeRecord now_writer = promoted(writable(1), 500ms, 1500ms);
  const char* none = "do not single one out: node0:3306, node1:3306";
  const WriterCase cases[] = {
      {"promoted, for long enough", {refuser, now_writer}, 1},
      {"nobody was promoted", {refuser, replica(1, 0)}, 0},
      {"nobody was promoted, all refuse", {refuser, refusing(replica(1, 0), 2000ms)}, 0},
      {"promoted a moment ago", {refuser, promoted(writable(1), 500ms, 1499ms)}, kNoNode, none},
      {"not asked since", {refusing(writable(0), 500ms), now_writer}, kNoNode, none},
      {"was the writer still at the time", {refuser, promoted(writable(1), 0ms, 1500ms)}, kNoNode, none},
      {"was always writable", {refuser, writable(1)}, kNoNode, none},
      {"both are heard", {writable(0), now_writer}, kNoNode, none},
      {"another still replicates from it", {refuser, now_writer, replica(2, 0)}, 0},
      {"another did so when it was heard of last", {refuser, now_writer, refusing(replica(2, 0), 2000ms)}, 1},
      {"another follows, and has lost it", {refuser, now_writer, with_receiver_down(replica(2, 0))}, 1},
      {"the new one is a replica of it again", {refuser, promoted(replica(1, 0), 500ms, 1500ms)}, 0},
      {"the new one has gone",
       {refuser, down(now_writer)},
       kNoNode,
       "node0:3306 does not let the monitor in, and another node has been promoted"},
      {"the new one is read-only",
       {refuser, promoted(read_only(1), 500ms, 1500ms)},
       kNoNode,
       "has been promoted"},
      {"primary of a group",
       {refusing(group_member(0, true), 2000ms), promoted(group_member(1, true), 500ms, 1500ms)},
       1},
  };
  for (const WriterCase& c : cases) {
    const Election election = elect(c.nodes, remembering(0));
    EXPECT_EQ(election.writer, c.writer) << c.name << ": " << election.no_writer_reason;
    EXPECT_THAT(election.no_writer_reason, HasSubstr(c.reason)) << c.name;
    if (c.writer != 1 || c.nodes[0].probe->group) continue;  // in a group it goes on to get all data
    EXPECT_FALSE(election.nodes[0].usable_for_reads) << c.name;
    EXPECT_THAT(election.nodes[0].unusable_reason, HasSubstr("does not let the monitor in")) << c.name;
  }
}

TEST(Election, NotesWhoIsPromoted) {
  const auto after = [](NodeRecord before, NodeRecord now, milliseconds at) {
    now.probe->answered_at = kStart + at;
    note_promotion(before, *now.probe);
    now.promotion = before.promotion;
    return now;
  };
  EXPECT_FALSE(after(writable(0), writable(0), milliseconds(1)).promotion) << "it always was writable";
  EXPECT_FALSE(after(replica(0, 1), not_read_only(replica(0, 1)), milliseconds(1)).promotion)
      << "it still replicates";
  EXPECT_FALSE(after({.name = "new"}, writable(0), milliseconds(1)).promotion) << "never heard of";
  EXPECT_TRUE(after(not_read_only(replica(0, 1)), writable(0), milliseconds(1)).promotion);
  EXPECT_TRUE(after(group_member(0, false), group_member(0, true), milliseconds(1)).promotion);

  NodeRecord node = after(read_only(0), writable(0), milliseconds(100));
  node = after(node, writable(0), milliseconds(300));
  ASSERT_TRUE(node.promotion);
  EXPECT_EQ(node.promotion->seen_at, kStart + milliseconds(100));
  EXPECT_EQ(node.promotion->until, kStart + milliseconds(300));
  node = after(node, read_only(0), milliseconds(400));
  EXPECT_EQ(node.promotion->until, kStart + milliseconds(300)) << "it is over, and not forgotten";
  node = after(node, writable(0), milliseconds(500));
  EXPECT_EQ(node.promotion->seen_at, kStart + milliseconds(500)) << "anew";
}

TEST(Election, FindsNodesThatAreOneServer) {
  const auto with = [](NodeRecord node, uint64_t id, const char* uuid, const char* host, int64_t started) {
    node.probe->server_id = id;
    node.probe->server_uuid = uuid;
    node.probe->host_name = host;
    node.probe->started_at = started;
    return node;
  };
  const NodeRecord one = with(writable(0), 1, "", "db1:3306", 1000);
  const auto why = [&](const NodeRecord& other) {
    const std::vector<NodeRecord> nodes = {writable(7), one, other};
    const std::vector<Twins> twins = find_twins(nodes);
    if (twins.empty()) return std::string();
    EXPECT_EQ(twins.size(), 1u);
    EXPECT_EQ(twins[0].first, 1u);
    EXPECT_EQ(twins[0].second, 2u);
    return std::string(twins[0].why);
  };
  EXPECT_EQ(why(with(replica(1, 0), 2, "", "db2:3306", 1000)), "");
  EXPECT_EQ(why(with(writable(1), 1, "", "db1:3306", 1000)), "both are names of one server");
  EXPECT_EQ(why(with(writable(1), 1, "", "db1:3306", 2000)), "both have the same server_id");
  EXPECT_EQ(why(with(writable(1), 1, "", "db2:3306", 1000)), "both have the same server_id");
  EXPECT_EQ(why(down(with(writable(1), 1, "", "db1:3306", 1000))), "");
  EXPECT_EQ(why({.name = "never heard of", .health = Health::kDown}), "");
  const NodeRecord mysql = with(writable(0), 1, "uuid-1", "db1:3306", 1000);
  const auto why_mysql = [&](const NodeRecord& other) {
    const std::vector<NodeRecord> nodes = {mysql, other};
    const std::vector<Twins> twins = find_twins(nodes);
    return std::string(twins.empty() ? "" : twins[0].why);
  };
  EXPECT_EQ(why_mysql(with(writable(1), 1, "uuid-1", "db1:3306", 1000)), "both are names of one server");
  EXPECT_EQ(why_mysql(with(replica(1, 0), 2, "uuid-1", "db2:3306", 1000)),
            "both have the same server_uuid: one is a copy of the other");
  EXPECT_EQ(why_mysql(with(replica(1, 0), 2, "uuid-2", "db2:3306", 1000)), "");
}

TEST(Election, KeepsThePrimaryOfAGroupWithSeveral) {
  const std::vector nodes = {group_member(0, true), group_member(1, true)};
  EXPECT_EQ(elect(nodes, remembering(1)).writer, 1U);
}

TEST(Election, KnowsTheSourceByItsAddressBeforeItEverConnected) {
  NodeRecord follower = replica(2, 1);
  follower.probe->channels[0].source_server_id = 0;
  follower.probe->channels[0].source_host = "node1";
  EXPECT_EQ(elect(std::vector{writable(0), writable(1), follower}, {}).writer, 1U);
}

TEST(Election, ReadsGoOnWhileTheWriterIsDown) {
  const Election election =
      elect(std::vector{down(writable(0)), with_receiver_down(replica(1, 0))}, remembering(0));
  EXPECT_EQ(election.nodes[1].role, NodeRole::kReplica);
  EXPECT_TRUE(election.nodes[1].usable_for_reads);
  EXPECT_EQ(election.nodes[1].lag, std::nullopt);
  EXPECT_FALSE(election.nodes[0].usable_for_reads);
  EXPECT_EQ(election.nodes[0].role, NodeRole::kUnknown);
}

TEST(Election, TakesNoReadsToAStoppedApplier) {
  NodeRecord stopped = with_replication_stopped(replica(1, 0));
  stopped.probe->channels[0].last_error = "error 1062";
  const Election election = elect(std::vector{writable(0), stopped}, {});
  EXPECT_FALSE(election.nodes[1].usable_for_reads);
  EXPECT_EQ(election.nodes[1].unusable_reason, "its applier does not run: error 1062");
}

TEST(Election, TakesNoReadsToTheReplicaOfAnotherWriter) {
  const std::vector nodes = {writable(0), writable(1), replica(2, 0), with_receiver_down(replica(3, 1)),
                             with_receiver_down(replica(4, 3))};
  const Election election = elect(nodes, {});
  ASSERT_EQ(election.writer, 0U);
  EXPECT_TRUE(election.nodes[2].usable_for_reads);
  EXPECT_FALSE(election.nodes[3].usable_for_reads);
  EXPECT_FALSE(election.nodes[4].usable_for_reads) << "through node 3";
  EXPECT_THAT(election.nodes[4].unusable_reason,
              HasSubstr("replicates from node1:3306, which is not the writer"));
  EXPECT_EQ(election.nodes[1].role, NodeRole::kUnknown);
  EXPECT_FALSE(election.nodes[1].usable_for_reads);
}

TEST(Election, ReadOnlyServersAreGoodForReadsIfFollowedOrAlone) {
  EXPECT_TRUE(elect(std::vector{read_only(0)}, {}).nodes[0].usable_for_reads);
  EXPECT_TRUE(elect(std::vector{read_only(0), replica(1, 0)}, {}).nodes[0].usable_for_reads)
      << "on its way out";
  const Election election = elect(std::vector{writable(0), read_only(1), replica(2, 0)}, {});
  EXPECT_EQ(election.nodes[1].role, NodeRole::kReadOnly);
  EXPECT_FALSE(election.nodes[1].usable_for_reads);
}

TEST(Election, SecondariesOfAGroupAreReplicas) {
  const Election election =
      elect(std::vector{group_member(0, true), group_member(1, false), group_member(2, false, false)}, {});
  EXPECT_EQ(election.nodes[1].role, NodeRole::kReplica);
  EXPECT_TRUE(election.nodes[1].usable_for_reads);
  EXPECT_FALSE(election.nodes[2].usable_for_reads);
}

TEST(Election, PositionKindIsWhatTheReplicasUse) {
  const auto no_gtids = [](NodeRecord node) {
    node.probe->channels[0].uses_gtid = false;
    return node;
  };
  const auto kind = [](std::vector<NodeRecord> nodes) { return elect(nodes, {}).position_kind; };
  EXPECT_EQ(kind({writable(0)}), PositionKind::kMariadbGtid);
  EXPECT_EQ(kind({writable(0), replica(1, 0)}), PositionKind::kMariadbGtid);
  EXPECT_EQ(kind({writable(0), no_gtids(replica(1, 0))}), PositionKind::kBinlogCoordinates);
  EXPECT_EQ(kind({writable(0), no_gtids(replica(1, 0)), down(replica(2, 0))}), PositionKind::kMariadbGtid)
      << "a replica that goes down changes nothing";
  EXPECT_EQ(kind({on_mysql(writable(0), true), on_mysql(replica(1, 0), true)}), PositionKind::kGtidSet);
  EXPECT_EQ(kind({on_mysql(writable(0), false), on_mysql(replica(1, 0), true)}),
            PositionKind::kBinlogCoordinates);
  NodeRecord no_log = on_mysql(writable(0), false);
  no_log.probe->facts.binary_log = false;
  EXPECT_EQ(kind({no_log}), PositionKind::kNone);
}

TEST(Election, MariadbReplicasTellWhatTheyHaveApplied) {
  NodeRecord stray = replica(1, 0);
  stray.probe->gtid_executed = *Position::parse(PositionKind::kMariadbGtid, "0-2-999");  // a local write
  const Election election = elect(std::vector{writable(0), stray}, {});
  EXPECT_EQ(election.nodes[0].executed.to_string(), "mariadb:0-1-100");
  EXPECT_EQ(election.nodes[1].executed.to_string(), "mariadb:0-1-90");
}

TEST(Election, CoordinatesAreOfTheWritersLogOnly) {
  const std::string old_writer = "3e11fa47-71ca-11e1-9e33-c80aa9429561";
  const std::string new_writer = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  std::vector nodes = {on_mysql(writable(0), false), on_mysql(replica(1, 0), false),
                       on_mysql(replica(2, 1), false)};
  Election election = elect(nodes, {});
  EXPECT_EQ(election.nodes[0].executed.to_string(), "binlog:" + old_writer + "/bin.000002:2000");
  EXPECT_EQ(election.nodes[1].executed.to_string(), "binlog:" + old_writer + "/bin.000002:1500");
  EXPECT_EQ(election.nodes[2].executed.kind(), PositionKind::kNone) << "those are of node 1's log";

  // The writer goes: what the replicas have of its log still counts.
  nodes[0] = down(nodes[0]);
  election = elect(nodes, election.memory);
  EXPECT_EQ(election.writer, kNoNode);
  EXPECT_EQ(election.nodes[1].executed.to_string(), "binlog:" + old_writer + "/bin.000002:1500");

  // Node 1 is promoted: now only its own log counts.
  nodes[1].probe->channels.clear();
  nodes[1].probe->facts.read_only = false;
  election = elect(nodes, election.memory);
  EXPECT_EQ(election.writer, 1U);
  EXPECT_EQ(election.nodes[1].executed.to_string(), "binlog:" + new_writer + "/bin.000002:2000");
  EXPECT_EQ(election.nodes[2].executed.to_string(), "binlog:" + new_writer + "/bin.000002:1500");
}

TEST(Health, OutAfterAFailedPollAndAFailedRetry) {
  const NodeProbe ok;
  EXPECT_EQ(next_health(Health::kNew, &ok, {}), Health::kUp);
  EXPECT_EQ(next_health(Health::kUp, nullptr, {}), Health::kSuspect);
  EXPECT_TRUE(in_service(Health::kSuspect));
  EXPECT_EQ(next_health(Health::kSuspect, &ok, {}), Health::kUp);
  EXPECT_EQ(next_health(Health::kSuspect, nullptr, {}), Health::kDown);
  EXPECT_EQ(next_health(Health::kDown, nullptr, {}), Health::kDown);
  EXPECT_EQ(next_health(Health::kNew, nullptr, {}), Health::kDown)
      << "never heard of: nothing to be patient about";
  EXPECT_EQ(next_health(Health::kCatchingUp, nullptr, {}), Health::kDown);
}

TEST(Health, BackWhenTheLagIsWithinBounds) {
  NodeProbe probe;
  probe.channels.emplace_back().lag = seconds(5);
  EXPECT_EQ(next_health(Health::kDown, &probe, milliseconds(4999)), Health::kCatchingUp);
  EXPECT_EQ(next_health(Health::kCatchingUp, &probe, milliseconds(5000)), Health::kUp);
  EXPECT_EQ(next_health(Health::kDown, &probe, {}), Health::kUp);
  EXPECT_EQ(next_health(Health::kUp, &probe, milliseconds(1)), Health::kUp) << "lag alone puts nobody out";
  EXPECT_EQ(next_health(Health::kNew, &probe, milliseconds(1)), Health::kUp);
  probe.channels[0].lag.reset();
  EXPECT_EQ(next_health(Health::kDown, &probe, milliseconds(4999)), Health::kCatchingUp) << "unknown";
  EXPECT_EQ(next_health(Health::kDown, &probe, {}), Health::kUp);
}

}  // namespace
}  // namespace causeway::proxy
