// What a replica, or a program that reads the binary log, tells its source by user variables before it asks
// for the log.
#pragma once

#include <optional>
#include <string_view>

#include "routing/sql_lexer.h"
#include "routing/statement.h"

namespace causeway::routing {

struct ReplicationVariables {
  bool any = false;  // one of them is set: nobody else has a use for it
  // MariaDB's @slave_connect_state is set to a text: the log is asked for by GTID, wherever the position of
  // COM_BINLOG_DUMP stands. False: to NULL, or to what may be NULL, or it may have been by
  // the way (SELECT ... INTO, :=, CALL), and then by file and position.
  std::optional<bool> connect_state;
  // Of @replica_uuid or @slave_uuid, where it is set to a text that may be one: hexadecimal digits and
  // dashes, at most 36. Points into the statement.
  std::string_view uuid = {};

  friend bool operator==(const ReplicationVariables&, const ReplicationVariables&) = default;
};

// Of any statement; `any` is of a SET. The names are those of MySQL 9.7's replicas and mysqlbinlog (each
// with its former name beside it) and MariaDB 10.11's: @source_heartbeat_period, @master_heartbeat_period,
// @source_binlog_checksum, @master_binlog_checksum, @replica_uuid, @slave_uuid, @rpl_semi_sync_replica,
// @rpl_semi_sync_slave, @mariadb_slave_capability, @slave_connect_state, @slave_gtid_strict_mode,
// @slave_gtid_ignore_duplicates, @slave_until_gtid.
ReplicationVariables read_replication_variables(const Statement& statement, const LexMode& mode);

}  // namespace causeway::routing
