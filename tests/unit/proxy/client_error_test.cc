#include "proxy/client_error.h"

#include <gmock/gmock.h>

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;
using consistency::ReadConsistency;
using testing::HasSubstr;

// Applications and drivers look at these: code, state and, word for word, the texts that servers have.
TEST(ClientError, HasTheCodesStatesAndTextsOfServers) {
  const std::pair<ClientError, ClientError> table[] = {
      {too_many_connections(), {1040, "08004", "Too many connections"}},
      {writer_full(), {1040, "08004", "Not enough connections on writer to handle your request"}},
      {bad_handshake(), {1043, "08S01", "Bad handshake"}},
      {access_denied("app", "10.0.0.9", true),
       {1045, "28000", "Access denied for user 'app'@'10.0.0.9' (using password: YES)"}},
      {access_denied("", "localhost", false),
       {1045, "28000", "Access denied for user ''@'localhost' (using password: NO)"}},
      {unknown_command(), {1047, "08S01", "Unknown command"}},
      {shutting_down(), {1053, "08S01", "Server shutdown in progress"}},
      {packets_out_of_order(), {1156, "08S01", "Got packets out of order"}},
      {packet_not_uncompressed(), {1157, "08S01", "Couldn't uncompress communication packet"}},
      {network_read_error(), {1158, "08S01", "Got an error reading communication packets"}},
      {network_read_timeout(), {1159, "08S01", "Got timeout reading communication packets"}},
      {network_write_error(), {1160, "08S01", "Got an error writing communication packets"}},
      {network_write_timeout(), {1161, "08S01", "Got timeout writing communication packets"}},
      {not_supported_with_forwarding("SAVEPOINT"),
       {1235, "42000", "This version of MySQL doesn't yet support 'SAVEPOINT with write forwarding'"}},
      {wrong_value_for_variable("aurora_replica_read_consistency", "STRONG"),
       {1231, "42000", "Variable 'aurora_replica_read_consistency' can't be set to the value of 'STRONG'"}},
      {read_only_server(ServerFlavor::kMysql),
       {1290, "HY000",
        "The MySQL server is running with the --read-only option so it cannot execute this statement"}},
      {read_only_transaction(ServerFlavor::kMysql),
       {1792, "25006", "Cannot execute statement in a READ ONLY transaction."}},
      {malformed_packet(), {1835, "HY000", "Malformed communication packet."}},
  };
  for (const auto& [actual, expected] : table) {
    EXPECT_EQ(actual, expected) << actual.message;
  }
}

TEST(ClientError, NamesWhatItsReaderNeeds) {
  const ClientError wait = read_wait_timeout(ReadConsistency::kGlobal, "10.0.0.2:3306", 1500ms);
  EXPECT_EQ(wait.code, 1205);
  EXPECT_EQ(wait.sql_state, "HY000");
  for (const char* part : {"GLOBAL", "10.0.0.2:3306", "1500ms"}) {
    EXPECT_THAT(wait.message, HasSubstr(part));
  }
  EXPECT_THAT(packet_too_large(1024).message, HasSubstr("1024"));
  EXPECT_EQ(packet_too_large(1024).code, 1153);
  EXPECT_THAT(no_writer(10s).message, HasSubstr("10s"));
  EXPECT_THAT(no_replica(true).message, HasSubstr("routing.reads_on_writer"));
  EXPECT_THAT(idle_too_long(28'800s).message, HasSubstr("8h"));
  EXPECT_EQ(idle_too_long(28'800s).code, 4031);
  EXPECT_EQ(
      node_unreachable("db1:3306", "Connection refused").message,
      "Can't connect to MySQL server on 'db1:3306': Connection refused. The statement was not executed.");
  EXPECT_EQ(connection_to_node_lost("", "").message, "Lost connection to server during query");
}

TEST(ClientError, OfALostTransactionAsksForARetry) {
  for (const ClientError& error :
       {transaction_lost("db1:3306", "Connection reset"), transaction_idle_timeout(60s)}) {
    EXPECT_EQ(error.sql_state, "40001");
    EXPECT_THAT(error.message, HasSubstr("try restarting transaction"));
  }
}

TEST(ClientError, OfAnUnknownOutcomeSaysSo) {
  const ClientError error = outcome_unknown("db1:3306", "Connection reset");
  EXPECT_EQ(error.code, 1053);
  EXPECT_EQ(error.sql_state, "08S01");
  EXPECT_THAT(error.message, HasSubstr("may or may not have been committed"));
}

TEST(ClientError, CutsLongMessagesBetweenCharacters) {
  const std::string prefix = wrong_value_for_variable("v", "").message;
  for (size_t padding = 0; padding < 4; ++padding) {
    std::string value(padding, 'x');
    for (int i = 0; i < 1000; ++i)
      value += "山";
    const ClientError error = wrong_value_for_variable("v", value);
    EXPECT_LE(error.message.size(), kMaxClientErrorBytes);
    EXPECT_GT(error.message.size(), kMaxClientErrorBytes - 3);
    EXPECT_TRUE(error.message.ends_with("山"));
  }
}

}  // namespace
}  // namespace causeway::proxy
