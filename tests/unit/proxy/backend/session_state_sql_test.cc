#include "proxy/backend/session_state_sql.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

struct Case {
  ConnectionBaseline baseline;
  const char* sql;
};

BackendConnection connection_of(asio::io_context& io) {
  return BackendConnection(Socket(io.get_executor()), 0, std::make_shared<const PoolKey>());
}

TEST(SessionStateSql, CharacterSetsAreThoseOfTheHandshake) {
  const Case cases[] = {
      {{"utf8mb4", "utf8mb4", "utf8mb4_general_ci", ""}, ", NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci'"},
      {{"binary", "binary", "binary", ""}, ", NAMES 'binary' COLLATE 'binary'"},
      // What SET NAMES cannot say.
      {{"latin1", "NULL", "latin1_swedish_ci", ""},
       ", character_set_client=_utf8mb4'latin1', character_set_results=NULL, "
       "collation_connection=_utf8mb4'latin1_swedish_ci'"},
      {{"utf8mb4", "utf8mb4", "latin1_bin", ""},
       ", character_set_client=_utf8mb4'utf8mb4', character_set_results=_utf8mb4'utf8mb4', "
       "collation_connection=_utf8mb4'latin1_bin'"},
      // Another character set whose name begins alike.
      {{"utf8", "utf8", "utf8mb4_bin", ""},
       ", character_set_client=_utf8mb4'utf8', character_set_results=_utf8mb4'utf8', "
       "collation_connection=_utf8mb4'utf8mb4_bin'"},
      {{"", "", "", ""}, ""},
  };
  asio::io_context io;
  for (const Case& one : cases) {
    BackendConnection connection = connection_of(io);
    connection.server.baseline = one.baseline;
    std::string sql;
    append_charsets_sql(sql, connection);
    EXPECT_EQ(sql, one.sql);
  }
}

TEST(SessionStateSql, TrackersAreThoseThatTheServerHas) {
  asio::io_context io;
  BackendConnection connection = connection_of(io);
  connection.capabilities = protocol::capability::kInteractive;
  std::string mysql;
  append_trackers_sql(mysql, connection);
  EXPECT_EQ(mysql,
            "SET session_track_system_variables=_utf8mb4'*', session_track_schema=1, "
            "session_track_gtids=_utf8mb4'OWN_GTID'");
  connection.server.mariadb = true;
  std::string mariadb;
  append_trackers_sql(mariadb, connection);
  EXPECT_EQ(mariadb,
            "SET session_track_system_variables=_utf8mb4'*', session_track_schema=1, "
            "wait_timeout=@@interactive_timeout");
}

}  // namespace
}  // namespace causeway::proxy
