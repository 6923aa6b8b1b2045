#include "proxy/accounts/client_error.h"

#include <gmock/gmock.h>

#include <tuple>
#include <utility>

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;
using consistency::ReadConsistency;
using testing::HasSubstr;

// Applications and drivers look at these: code, state and, word for word, the texts that servers have.
TEST(ClientError, HasTheCodesStatesAndTextsOfServers) {
  const std::pair<ClientError, ClientError> table[] = {
      {too_many_connections(), {1040, "08004", "Too many connections"}},
      {too_many_clients(2),
       {1040, "08004",
        "Too many connections: this address is for replication and dumps, and takes 2 clients at a time "
        "(max_clients)"}},
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
      {not_supported_with_forwarding("SAVEPOINT"),
       {1235, "42000", "This version of MySQL doesn't yet support 'SAVEPOINT with write forwarding'"}},
      {wrong_value_for_variable("aurora_replica_read_consistency", "STRONG"),
       {1231, "42000", "Variable 'aurora_replica_read_consistency' can't be set to the value of 'STRONG'"}},
      {read_only_server(ServerFlavor::kMysql),
       {1290, "HY000",
        "The MySQL server is running with the --read-only option so it cannot execute this statement"}},
      {read_only_transaction(ServerFlavor::kMysql),
       {1792, "25006", "Cannot execute statement in a READ ONLY transaction."}},
      {read_only_server(ServerFlavor::kMariadb),
       {1290, "HY000",
        "The MariaDB server is running with the --read-only option so it cannot execute this statement"}},
      {read_only_transaction(ServerFlavor::kMariadb),
       {1792, "25006", "Cannot execute statement in a READ ONLY transaction"}},
      {server_id_attached(7, "", "", ""),
       {1236, "HY000",
        "A replica with the server id 7 reads the binary log through Causeway already: each replica needs a "
        "server id of its own"}},
      {server_id_attached(7, "repl", "10.0.0.9:4711", "2026-01-31T12:00:00Z"),
       {1236, "HY000",
        "A replica with the server id 7 reads the binary log through Causeway already, as 'repl' from "
        "10.0.0.9:4711 since 2026-01-31T12:00:00Z: each replica needs a server id of its own"}},
      {malformed_packet(), {1835, "HY000", "Malformed communication packet."}},
      {access_denied_without_password("root", "localhost"),
       {1698, "28000", "Access denied for user 'root'@'localhost'"}},
      {account_locked(ServerFlavor::kMysql, "app", "10.0.0.9"),
       {3118, "HY000", "Access denied for user 'app'@'10.0.0.9'. Account is locked."}},
      {account_locked(ServerFlavor::kMariadb, "app", "10.0.0.9"),
       {4151, "HY000", "Access denied, this account is locked"}},
      {password_expired(ServerFlavor::kMysql),
       {1862, "HY000",
        "Your password has expired. To log in you must change it using a client that supports expired "
        "passwords."}},
      {password_expired(ServerFlavor::kMariadb),
       {1862, "HY000",
        "Your password has expired. To log in you must change it using a client that supports expired "
        "passwords"}},
      {secure_transport_required(),
       {3159, "HY000",
        "Connections using insecure transport are prohibited while --require_secure_transport=ON."}},
      {wait_timeout_over(),
       {4031, "HY000",
        "The client was disconnected by the server because of inactivity. See wait_timeout and "
        "interactive_timeout for configuring this behavior."}},
      {unknown_prepared_statement("7", "mysqld_stmt_execute"),
       {1243, "HY000", "Unknown prepared statement handler (7) given to mysqld_stmt_execute"}},
      {wrong_arguments("mysqld_stmt_execute"), {1210, "HY000", "Incorrect arguments to mysqld_stmt_execute"}},
      {no_open_cursor(7, true), {1421, "HY000", "The statement (7) has no open cursor."}},
      {no_open_cursor(7, false), {1421, "HY000", "The statement (7) has no open cursor"}},
      {connection_killed(), {1927, "70100", "Connection was killed"}},
      {query_interrupted(), {1317, "70100", "Query execution was interrupted"}},
      {not_owner_of_thread(7), {1095, "HY000", "You are not owner of thread 7"}},
      {unknown_thread(7), {1094, "HY000", "Unknown thread id: 7"}},
  };
  for (const auto& [actual, expected] : table) {
    EXPECT_EQ(actual, expected) << actual.message;
  }
}

// Texts that are Causeway's own: a driver decides by code and state.
TEST(ClientError, HasACodeAndStateThatDriversKnow) {
  const std::tuple<ClientError, uint16_t, const char*> table[] = {
      {certificate_not_verifiable("app", "10.0.0.9"), 1045, "28000"},
      {no_server_for_login(), 1053, "08S01"},
      {idle_too_long(1s), 4031, "HY000"},
      {command_not_supported("COM_X"), 1235, "42000"},
      {packet_too_large(1024), 1153, "08S01"},
      {too_many_prepared_statements(3), 1461, "42000"},
      {long_data_too_long(), 1105, "HY000"},
      {read_consistency_in_transaction(), 1568, "25001"},
      {position_not_known(), 1105, "HY000"},
      {no_writer(1s), 1053, "08S01"},
      {no_replica(true), 1105, "HY000"},
      {no_replica(false), 1105, "HY000"},
      {node_unreachable("db1:3306", ""), 1053, "08S01"},
      {read_wait_timeout(ReadConsistency::kSession, "", 1s), 1205, "HY000"},
      {still_committing(ReadConsistency::kSession, "", 1s), 1205, "HY000"},
      {connection_to_node_lost("", ""), 1053, "08S01"},
      {transaction_lost("", ""), 1213, "40001"},
      {transaction_idle_timeout(1s), 1205, "40001"},
      {outcome_unknown("", ""), 1053, "08S01"},
  };
  for (const auto& [error, code, sql_state] : table) {
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_EQ(error.sql_state, sql_state) << error.message;
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
