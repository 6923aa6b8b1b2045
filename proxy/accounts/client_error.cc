#include "proxy/accounts/client_error.h"

#include <utility>

#include "protocol/err_packet.h"
#include "protocol/text.h"
#include "proxy/base/duration.h"

namespace causeway::proxy {
namespace {

ClientError make_error(uint16_t code, std::string_view sql_state, std::string message) {
  message.resize(protocol::cut_utf8(message, kMaxClientErrorBytes).size());
  return {.code = code, .sql_state = std::string(sql_state), .message = std::move(message)};
}

// Concatenates texts of any kind.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::string result;
  (result.append(parts), ...);
  return result;
}

// " 10.0.0.1:3306", or nothing.
std::string named(std::string_view node) {
  return node.empty() ? std::string() : text(" ", node);
}

// ": reason", or nothing.
std::string because(std::string_view reason) {
  return reason.empty() ? std::string() : text(": ", reason);
}

}  // namespace

ClientError too_many_connections() {
  return make_error(1040, "08004", "Too many connections");
}

ClientError too_many_clients(uint32_t max_clients) {
  return make_error(1040, "08004",
                    text("Too many connections: this address is for replication and dumps, and takes ",
                         std::to_string(max_clients), " clients at a time (max_clients)"));
}

ClientError bad_handshake() {
  return make_error(1043, "08S01", "Bad handshake");
}

ClientError access_denied(std::string_view user, std::string_view host, bool using_password) {
  return make_error(1045, "28000",
                    text("Access denied for user '", user, "'@'", host,
                         "' (using password: ", using_password ? "YES" : "NO", ")"));
}

ClientError access_denied_without_password(std::string_view user, std::string_view host) {
  return make_error(1698, "28000", text("Access denied for user '", user, "'@'", host, "'"));
}

ClientError certificate_not_verifiable(std::string_view user, std::string_view host) {
  return make_error(
      1045, "28000",
      text("Access denied for user '", user, "'@'", host,
           "': the account requires a client certificate, and Causeway has no authority to verify "
           "it with (tls.ca)"));
}

ClientError account_locked(ServerFlavor flavor, std::string_view user, std::string_view host) {
  if (flavor == ServerFlavor::kMariadb)
    return make_error(4151, "HY000", "Access denied, this account is locked");
  return make_error(3118, "HY000",
                    text("Access denied for user '", user, "'@'", host, "'. Account is locked."));
}

ClientError password_expired(ServerFlavor flavor) {
  return make_error(
      1862, "HY000",
      text("Your password has expired. To log in you must change it using a client that supports "
           "expired passwords",
           flavor == ServerFlavor::kMariadb ? "" : "."));
}

ClientError secure_transport_required() {
  return make_error(
      3159, "HY000",
      "Connections using insecure transport are prohibited while --require_secure_transport=ON.");
}

ClientError no_server_for_login() {
  return make_error(
      1053, "08S01",
      "Can't connect to any MySQL server: none can be reached now, so the password could not be "
      "checked; try again");
}

ClientError shutting_down() {
  return make_error(1053, "08S01", "Server shutdown in progress");
}

ClientError wait_timeout_over() {
  return make_error(4031, "HY000",
                    "The client was disconnected by the server because of inactivity. See wait_timeout and "
                    "interactive_timeout for configuring this behavior.");
}

ClientError idle_too_long(std::chrono::milliseconds limit) {
  return make_error(
      4031, "HY000",
      text("The client was disconnected by the server because of inactivity: nothing was sent for ",
           format_duration(limit), " (timeouts.client_idle)."));
}

ClientError unknown_command() {
  return make_error(1047, "08S01", "Unknown command");
}

ClientError command_not_supported(std::string_view command) {
  return make_error(1235, "42000", text("This version of Causeway doesn't yet support '", command, "'"));
}

ClientError no_source() {
  return make_error(1105, "HY000", "Causeway has no server now whose binary log could be read");
}

ClientError source_behind(std::string_view node) {
  return make_error(1105, "HY000",
                    text("The replica ", node,
                         ", whose binary log is to be read, has not got in time all that the writer has"));
}

ClientError writer_not_asked(std::string_view node) {
  return make_error(1105, "HY000",
                    text("The writer cannot be asked now what the replica ", node,
                         ", whose binary log is to be read, has to have"));
}

ClientError position_too_far(uint64_t position) {
  return make_error(1236, "HY000",
                    text("The place in the writer's log is at ", std::to_string(position),
                         ", further than a client without GTIDs can ask for"));
}

ClientError server_id_attached(uint32_t server_id, std::string_view user, std::string_view address,
                               std::string_view since) {
  std::string text = "A replica with the server id " + std::to_string(server_id) +
                     " reads the binary log through Causeway already";
  if (!address.empty()) {
    text.append(", as '").append(user).append("' from ").append(address);
    text.append(" since ").append(since);
  }
  return make_error(1236, "HY000", text + ": each replica needs a server id of its own");
}

ClientError malformed_packet() {
  return make_error(1835, "HY000", "Malformed communication packet.");
}

ClientError packet_too_large(uint64_t max_packet_bytes) {
  return make_error(1153, "08S01",
                    text("Got a packet bigger than 'max_allowed_packet' bytes (limits.max_packet is ",
                         std::to_string(max_packet_bytes), ")"));
}

ClientError unknown_prepared_statement(std::string_view id, std::string_view function) {
  return make_error(1243, "HY000", text("Unknown prepared statement handler (", id, ") given to ", function));
}

ClientError too_many_prepared_statements(uint32_t limit) {
  return make_error(1461, "42000",
                    text("Can't create more than max_prepared_stmt_count statements (current value: ",
                         std::to_string(limit), ", which is limits.max_prepared_statements)"));
}

ClientError wrong_arguments(std::string_view function) {
  return make_error(1210, "HY000", text("Incorrect arguments to ", function));
}

ClientError long_data_too_long() {
  return make_error(
      1105, "HY000",
      "Parameter of prepared statement which is set through mysql_send_long_data() is longer than "
      "'max_allowed_packet' bytes (limits.max_packet)");
}

ClientError no_open_cursor(uint32_t statement_id, bool mysql) {
  return make_error(
      1421, "HY000",
      text("The statement (", std::to_string(statement_id), ") has no open cursor", mysql ? "." : ""));
}

ClientError connection_killed() {
  return make_error(1927, "70100", "Connection was killed");
}

ClientError query_interrupted() {
  return make_error(1317, "70100", "Query execution was interrupted");
}

ClientError not_owner_of_thread(uint64_t id) {
  return make_error(1095, "HY000", text("You are not owner of thread ", std::to_string(id)));
}

ClientError unknown_thread(uint64_t id) {
  return make_error(1094, "HY000", text("Unknown thread id: ", std::to_string(id)));
}

ClientError packets_out_of_order() {
  return make_error(1156, "08S01", "Got packets out of order");
}

ClientError packet_not_uncompressed() {
  return make_error(1157, "08S01", "Couldn't uncompress communication packet");
}

ClientError not_supported_with_forwarding(std::string_view operation) {
  return make_error(
      1235, "42000",
      text("This version of MySQL doesn't yet support '", operation, " with write forwarding'"));
}

ClientError read_only_server(ServerFlavor flavor) {
  const std::string_view product = flavor == ServerFlavor::kMariadb ? "MariaDB" : "MySQL";
  return make_error(1290, "HY000",
                    "The " + std::string(product) +
                        " server is running with the --read-only option so it cannot execute this statement");
}

ClientError read_only_transaction(ServerFlavor flavor) {
  // MySQL's text ends with a full stop, MariaDB's does not.
  return make_error(1792, "25006",
                    flavor == ServerFlavor::kMariadb
                        ? "Cannot execute statement in a READ ONLY transaction"
                        : "Cannot execute statement in a READ ONLY transaction.");
}

ClientError wrong_value_for_variable(std::string_view variable, std::string_view value) {
  return make_error(1231, "42000",
                    text("Variable '", variable, "' can't be set to the value of '", value, "'"));
}

ClientError read_consistency_in_transaction() {
  return make_error(1568, "25001",
                    "Write forwarding can't be switched on or off (aurora_replica_read_consistency) while a "
                    "transaction is in progress");
}

ClientError writer_full() {
  return make_error(1040, "08004", "Not enough connections on writer to handle your request");
}

ClientError position_not_known() {
  return make_error(1105, "HY000",
                    "The position of this session's writes is not known: a write gave none, and the writer "
                    "cannot be asked for its own now");
}

ClientError no_writer(std::chrono::milliseconds waited) {
  return make_error(1053, "08S01",
                    text("No writer is available; waited ", format_duration(waited),
                         " for one (forwarding.writer_wait). The statement was not executed."));
}

ClientError no_replica(bool forwards) {
  return make_error(1105, "HY000",
                    text("No replica can be used, and ",
                         forwards ? "reads may not run on the writer (routing.reads_on_writer is 'never')"
                                  : "the session does not forward (aurora_replica_read_consistency is '')",
                         ". The statement was not executed."));
}

ClientError node_unreachable(std::string_view node, std::string_view reason) {
  return make_error(1053, "08S01",
                    text("Can't connect to MySQL server", node.empty() ? "" : " on '", node,
                         node.empty() ? "" : "'", because(reason), ". The statement was not executed."));
}

ClientError read_wait_timeout(consistency::ReadConsistency level, std::string_view replica,
                              std::chrono::milliseconds waited) {
  return make_error(
      1205, "HY000",
      text("Read wait timeout exceeded: replica", named(replica), " did not reach the position that ",
           consistency::to_string(level), " read consistency asks for within ", format_duration(waited),
           "; try restarting the statement"));
}

ClientError still_committing(consistency::ReadConsistency level, std::string_view writer,
                             std::chrono::milliseconds waited) {
  return make_error(
      1205, "HY000",
      text("Read wait timeout exceeded: writer", named(writer), " has been committing for longer than ",
           format_duration(waited), " what replicas may show already, and ", consistency::to_string(level),
           " read consistency asks for; try restarting the statement"));
}

ClientError connection_to_node_lost(std::string_view node, std::string_view reason) {
  return make_error(1053, "08S01",
                    text("Lost connection to server", named(node), " during query", because(reason)));
}

ClientError transaction_lost(std::string_view node, std::string_view reason) {
  return make_error(1213, "40001",
                    text("Transaction lost: the connection to server", named(node), " ended", because(reason),
                         ". Nothing of it was committed; try restarting transaction"));
}

ClientError transaction_idle_timeout(std::chrono::seconds limit) {
  return make_error(1205, "40001",
                    text("Transaction rolled back: it was idle for longer than ", format_duration(limit),
                         " (aurora_fwd_writer_idle_timeout); try restarting transaction"));
}

ClientError outcome_unknown(std::string_view node, std::string_view reason) {
  return make_error(1053, "08S01",
                    text("Lost connection to writer", named(node), " during a write", because(reason),
                         ". It may or may not have been committed: check before repeating it"));
}

void append_error(protocol::Buffer& out, const ClientError& error, uint8_t sequence_id) {
  protocol::append_err_packet(
      out, {.code = error.code, .sql_state = error.sql_state, .message = error.message}, sequence_id);
}

ClientError client_error_of(protocol::Bytes err_payload) {
  const auto err = protocol::parse_err_packet(err_payload);
  if (!err) return {.code = 1105, .sql_state = "HY000", .message = "malformed answer of a server"};
  return {.code = err->code,
          .sql_state = err->sql_state.empty() ? std::string("HY000") : std::string(err->sql_state),
          .message = std::string(err->message)};
}

}  // namespace causeway::proxy
