// The one place that says what a client reads when something is our error. What a server answers is passed on
// as it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "consistency/read_consistency.h"
#include "protocol/byte_writer.h"
#include "proxy/cluster/cluster_view.h"

namespace causeway::proxy {

struct ClientError {
  uint16_t code = 0;  // a server's: MariaDB's clients take 2000 to 2999 from a server for a malformed packet
  std::string sql_state;  // five characters
  std::string message;    // at most kMaxClientErrorBytes: longer ones are cut

  friend bool operator==(const ClientError&, const ClientError&) = default;
};

// The ERR packet that says it.
void append_error(protocol::Buffer& out, const ClientError& error, uint8_t sequence_id);

// What a server says by an ERR packet of this payload; 1105 if it cannot be read.
ClientError client_error_of(protocol::Bytes err_payload);

// MYSQL_ERRMSG_SIZE less its NUL: what client libraries keep of a message.
inline constexpr size_t kMaxClientErrorBytes = 511;

// Connections
ClientError too_many_connections();                                                            // 1040 08004
ClientError too_many_clients(uint32_t max_clients);                                            // 1040 08004
ClientError bad_handshake();                                                                   // 1043 08S01
ClientError access_denied(std::string_view user, std::string_view host, bool using_password);  // 1045 28000
// An account that does not log in by a password: 1698 28000.
ClientError access_denied_without_password(std::string_view user, std::string_view host);
// An account that REQUIREs a certificate, where nothing verifies certificates.
ClientError certificate_not_verifiable(std::string_view user, std::string_view host);  // 1045 28000
ClientError account_locked(ServerFlavor flavor, std::string_view user,
                           std::string_view host);  // 3118, MariaDB 4151
ClientError password_expired(ServerFlavor flavor);  // 1862 HY000
ClientError secure_transport_required();            // 3159 HY000
ClientError no_server_for_login();  // 1053 08S01: nobody can say whether the password is right
ClientError shutting_down();        // 1053 08S01
ClientError wait_timeout_over();    // 4031 HY000, a server's own
ClientError idle_too_long(std::chrono::milliseconds limit);  // 4031 HY000

// Packets and commands
ClientError unknown_command();                        // 1047 08S01
ClientError no_source();                              // 1105 HY000, at which replicas try again
ClientError source_behind(std::string_view node);     // likewise
ClientError writer_not_asked(std::string_view node);  // likewise
// 1236 HY000, at which they stop and show the text.
ClientError position_too_far(uint64_t position);
// Likewise. Who has the server id that somebody else comes with, from where and since when; empty: not told.
ClientError server_id_attached(uint32_t server_id, std::string_view user, std::string_view address,
                               std::string_view since);
ClientError command_not_supported(std::string_view command);  // 1235 42000; "COM_STMT_PREPARE"
ClientError malformed_packet();                               // 1835 HY000
ClientError packet_too_large(uint64_t max_packet_bytes);      // 1153 08S01
ClientError unknown_prepared_statement(std::string_view id, std::string_view function);  // 1243 HY000
ClientError too_many_prepared_statements(uint32_t limit);                                // 1461 42000
ClientError wrong_arguments(std::string_view function);                                  // 1210 HY000
ClientError long_data_too_long();                                                        // 1105 HY000
ClientError connection_killed();                                // 1927 70100, MariaDB's
ClientError no_open_cursor(uint32_t statement_id, bool mysql);  // 1421 HY000
ClientError query_interrupted();                                // 1317 70100
ClientError not_owner_of_thread(uint64_t id);                   // 1095 HY000
ClientError unknown_thread(uint64_t id);
ClientError packets_out_of_order();     // 1156 08S01
ClientError packet_not_uncompressed();  // 1157 08S01

// Statements that are not forwarded
ClientError not_supported_with_forwarding(std::string_view operation);  // 1235 42000
ClientError read_only_server(ServerFlavor flavor);                      // 1290 HY000, the server's own text
ClientError read_only_transaction(ServerFlavor flavor);                 // 1792 25006
ClientError wrong_value_for_variable(std::string_view variable, std::string_view value);  // 1231 42000
ClientError read_consistency_in_transaction();                                            // 1568 25001

// Nodes. `node` is "host:port", `reason` what the network or the server said; both may be empty.
ClientError writer_full();                                // 1040 08004
ClientError position_not_known();                         // 1105 HY000, of a write of the session
ClientError no_writer(std::chrono::milliseconds waited);  // 1053 08S01, nothing was sent
// 1105 HY000. Of a session that forwards: routing.reads_on_writer is "never".
ClientError no_replica(bool forwards);
ClientError node_unreachable(std::string_view node, std::string_view reason);  // 1053 08S01
ClientError read_wait_timeout(consistency::ReadConsistency level, std::string_view replica,
                              std::chrono::milliseconds waited);  // 1205 HY000
// 1205 HY000. The read has seen nothing; nothing of it is left.
ClientError still_committing(consistency::ReadConsistency level, std::string_view writer,
                             std::chrono::milliseconds waited);
// The server went away while it answered a read whose first bytes the client already has, or that cannot be
// repeated.
ClientError connection_to_node_lost(std::string_view node, std::string_view reason);  // 1053 08S01
// An open transaction on a writer that is gone: nothing of it was committed.
ClientError transaction_lost(std::string_view node, std::string_view reason);  // 1213 40001
// A forwarded transaction that was idle for longer than aurora_fwd_writer_idle_timeout and was rolled back.
ClientError transaction_idle_timeout(std::chrono::seconds limit);  // 1205 40001
// A write was sent and not answered: it may have been committed.
ClientError outcome_unknown(std::string_view node, std::string_view reason);  // 1053 08S01

}  // namespace causeway::proxy
