#include "routing/replication_variables.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "routing/classifier.h"

namespace causeway::routing {
namespace {

std::string read(std::string_view sql) {
  Classified classified;
  classify(sql, {}, classified);
  const ReplicationVariables variables = read_replication_variables(classified.statements[0], {});
  if (!variables.connect_state) return variables.any ? "one" : "none";
  return *variables.connect_state ? "by GTID" : "by position";
}

TEST(ReplicationVariables, AreKnownByTheirNames) {
  struct Case {
    std::string_view sql;
    std::string_view what;
  };
  const Case cases[] = {
      // As MySQL 9.7's replica, mysqlbinlog and MariaDB 10.11's replica send them.
      {"SET @master_heartbeat_period = 30000001024, @source_heartbeat_period = 30000001024", "one"},
      {"SET @source_binlog_checksum = 'NONE', @master_binlog_checksum = 'NONE'", "one"},
      {"SET @master_binlog_checksum= @@global.binlog_checksum", "one"},
      {"SET @slave_uuid = 'x', @replica_uuid = 'x'", "one"},
      {"SET @rpl_semi_sync_replica = 1", "one"},
      {"SET @rpl_semi_sync_slave= 1", "one"},
      {"SET @mariadb_slave_capability=4", "one"},
      {"SET @slave_gtid_strict_mode=0", "one"},
      {"SET @slave_gtid_ignore_duplicates=0", "one"},
      {"SET @slave_connect_state=''", "by GTID"},
      {"SET @slave_connect_state='0-1-5'", "by GTID"},
      {"SET @`Slave_Connect_State` = '0-1-5'", "by GTID"},
      {"set @slave_connect_state = null", "by position"},
      // What may be NULL.
      {"SET @slave_connect_state = @a", "by position"},
      {"SET @slave_connect_state = (SELECT NULL)", "by position"},
      {"SET @slave_connect_state = NULLIF('', '')", "by position"},
      {"SET @slave_connect_state = 'a' + 'b'", "by position"},
      {"SET @slave_connect_state = ?", "by position"},
      {"SET @slave_connect_state := '0-1-5'", "by position"},
      {"SET @slave_connect_state = '0-1-5', @a = (@slave_connect_state := NULL)", "by position"},
      {"SELECT NULL INTO @slave_connect_state", "by position"},
      {"SELECT @slave_connect_state := NULL", "by position"},
      {"CALL p()", "by position"},
      {"SET @slave_connect_state = '0-1-5', @slave_connect_state = NULL", "by position"},
      // What applications say.
      {"SET @a = 1", "none"},
      {"SET @heartbeat = 1, @b = '@slave_uuid'", "none"},
      {"SET sql_mode = ''", "none"},
      {"SET @@session.slave_connect_state = 1", "none"},
      {"SELECT @slave_uuid", "none"},
      {"SELECT a FROM t", "none"},
      {"INSERT INTO t VALUES (1)", "none"},
      {"SELECT @source_binlog_checksum", "none"},
  };
  for (const Case& one : cases)
    EXPECT_EQ(read(one.sql), one.what) << one.sql;
}

TEST(ReplicationVariables, AUuidIsALiteralThatMayBeOne) {
  struct Case {
    std::string_view sql;
    std::string_view uuid;
  };
  const Case cases[] = {
      {"SET @slave_uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562', @replica_uuid = "
       "'3e11fa47-71ca-11e1-9e33-c80aa9429562'",
       "3e11fa47-71ca-11e1-9e33-c80aa9429562"},
      {"SET @replica_uuid= 'ABC-1'", "ABC-1"},
      {"SET @replica_uuid = ''", ""},
      {"SET @replica_uuid = 'not one'", ""},
      {"SET @replica_uuid = '3e11fa47-71ca-11e1-9e33-c80aa94295621'", ""},
      {"SET @replica_uuid = UUID()", ""},
      {"SET @replica_uuid = NULL", ""},
      {"SET @source_heartbeat_period = '3e11'", ""},
  };
  for (const Case& one : cases) {
    Classified classified;
    classify(one.sql, {}, classified);
    EXPECT_EQ(read_replication_variables(classified.statements[0], {}).uuid, one.uuid) << one.sql;
  }
}

}  // namespace
}  // namespace causeway::routing
