// Who a client is that reads the binary log, by what it says of itself when it connects.
#pragma once

#include "protocol/byte_reader.h"

namespace causeway::protocol {

// Whether the connection attributes (undecoded pairs of lenenc strings, as in the handshake response) are
// those of a replica or of a program that reads the binary log:
// - MySQL's replicas and mysqlbinlog say _client_role = binary_log_listener (8.0 and later),
// - replicas of MariaDB come with the client library of the server, which names itself libmysql and, unlike
//   that, has a _server_host (MariaDB 10.11),
// - else by program_name: mysqld, mariadbd, mysqlbinlog, mariadb-binlog.
// False for attributes that cannot be read to their end before one of these.
bool is_replication_client(Bytes connect_attributes);

}  // namespace causeway::protocol
