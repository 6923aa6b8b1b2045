// The commands of clients that read the binary log: replicas, mysqlbinlog, change data capture.
#pragma once

#include <span>

#include "protocol/byte_reader.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"

namespace causeway::proxy {

// COM_REGISTER_SLAVE: on the writer, which has the session from here on. `payload` is the command, `wire` the
// same as it came, headers and all. False: the session ends.
Awaitable<bool> register_replica(ClientSession& session, protocol::Bytes payload, std::span<uint8_t> wire);

// COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID: the stream of the writer's log, until one of the three ends it; by
// file and position from where resolve_dump() says. Refused (1236) for whoever has the server id of another
// client that reads the log; see refuse_reader(). The session ends behind the stream, as the servers end
// their side (MySQL 9.7, MariaDB 10.11). COM_BINLOG_DUMP_GTID is no command of MariaDB's (10.11: 1047, and
// the connection goes on).
Awaitable<bool> dump_binlog(ClientSession& session, protocol::Bytes payload, std::span<uint8_t> wire);

}  // namespace causeway::proxy
