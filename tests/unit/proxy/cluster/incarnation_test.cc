#include "proxy/cluster/incarnation.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

using consistency::BinlogCoordinates;
using consistency::Position;

NodeProbe server() {
  NodeProbe probe;
  probe.server_id = 2;
  probe.server_uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  probe.host_name = "db2:3306";
  probe.started_at = 1'700'000'000;
  probe.gtid_executed = *Position::parse("mysql:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-10");
  probe.gtid_applied = *Position::parse("mariadb:0-1-10");
  probe.binlog_position = *BinlogCoordinates::make("bin.000002", 2000);
  ReplicaChannel channel;
  channel.source_host = "db1";
  channel.source_server_id = 1;
  channel.executed = *BinlogCoordinates::make("bin.000007", 100);
  probe.channels = {channel};
  return probe;
}

TEST(Incarnation, GoesOnWhileTheServerDoes) {
  NodeProbe now = server();
  EXPECT_EQ(why_another_incarnation(server(), now), "");
  now.gtid_executed = *Position::parse("mysql:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-11");
  now.gtid_applied = *Position::parse("mariadb:0-1-11");
  now.binlog_position = *BinlogCoordinates::make("bin.000003", 4);
  now.channels[0].executed = *BinlogCoordinates::make("bin.000008", 4);
  now.facts.read_only = true;
  EXPECT_EQ(why_another_incarnation(server(), now), "");
  now.channels[0].source_host = "db3";
  now.channels[0].executed = *BinlogCoordinates::make("bin.000001", 4);
  EXPECT_EQ(why_another_incarnation(server(), now), "") << "another log";
  now.started_at = 0;
  EXPECT_EQ(why_another_incarnation(server(), now), "") << "a server that does not tell its start";
  now.binlog_position.reset();
  now.channels.clear();
  EXPECT_EQ(why_another_incarnation(server(), now), "");
}

TEST(Incarnation, EndsWithTheServer) {
  const std::string another = "it is another server than before";
  NodeProbe now = server();
  now.server_uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429563";
  EXPECT_EQ(why_another_incarnation(server(), now), another);
  now = server();
  now.server_id = 3;
  EXPECT_EQ(why_another_incarnation(server(), now), another);
  now = server();
  now.host_name = "db3:3306";
  EXPECT_EQ(why_another_incarnation(server(), now), another);
  now = server();
  ++now.started_at;
  EXPECT_EQ(why_another_incarnation(server(), now), "it has been started anew");
}

TEST(Incarnation, EndsWithAServerThatCountsItsConnectionsAnew) {
  NodeProbe before = server();
  NodeProbe now = server();
  now.connection_id = 5;
  now.on_new_connection = true;
  EXPECT_EQ(why_another_incarnation(before, now), "") << "nothing to compare with";
  before.connection_id = 4;
  EXPECT_EQ(why_another_incarnation(before, now), "");
  before.connection_id = 6;
  EXPECT_EQ(why_another_incarnation(before, now), "it has been started anew");
  before.connection_id = 5;
  EXPECT_EQ(why_another_incarnation(before, now), "it has been started anew");
  now.on_new_connection = false;
  EXPECT_EQ(why_another_incarnation(before, now), "") << "the same connection";
}

TEST(Incarnation, EndsWhenLessIsExecutedThanWas) {
  const std::string back = "its executed position went back";
  NodeProbe now = server();
  now.gtid_executed = *Position::parse("mysql:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9:11-20");
  EXPECT_EQ(why_another_incarnation(server(), now), back);
  now = server();
  now.gtid_applied = Position();
  EXPECT_EQ(why_another_incarnation(server(), now), back);
  now = server();
  now.binlog_position = *BinlogCoordinates::make("bin.000001", 157);
  EXPECT_EQ(why_another_incarnation(server(), now), back);
  now = server();
  now.channels[0].executed = *BinlogCoordinates::make("bin.000007", 99);
  EXPECT_EQ(why_another_incarnation(server(), now), back);
}

}  // namespace
}  // namespace causeway::proxy
