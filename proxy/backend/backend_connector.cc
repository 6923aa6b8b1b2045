#include "proxy/backend/backend_connector.h"

#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "protocol/backend_connection_phase.h"
#include "protocol/command.h"
#include "protocol/eof_packet.h"
#include "protocol/err_packet.h"
#include "protocol/packet_header.h"
#include "protocol/proxy_protocol.h"
#include "protocol/response_scanner.h"
#include "proxy/backend/one_row.h"
#include "proxy/backend/session_state_sql.h"
#include "proxy/backend/shard.h"
#include "proxy/base/build_info.h"
#include "proxy/cluster/server_errors.h"
#include "proxy/cluster/server_identity.h"
#include "proxy/net/packet_io.h"

namespace causeway::proxy {
namespace {

using protocol::BackendAction;
using Endpoint = asio::generic::stream_protocol::endpoint;

bool is_loopback(const Address& address) {
  ErrorCode error;
  const auto ip = asio::ip::make_address(address.host, error);
  return error ? address.host == "localhost" : ip.is_loopback();
}

Awaitable<std::vector<Endpoint>> resolve(Shard& shard, const Address& address, ErrorCode& error) {
  std::vector<Endpoint> endpoints;
  if (address.is_unix()) {
    endpoints.emplace_back(asio::local::stream_protocol::endpoint(address.path));
    co_return endpoints;
  }
  ErrorCode not_an_address;
  const auto ip = asio::ip::make_address(address.host, not_an_address);
  if (!not_an_address) {
    endpoints.emplace_back(asio::ip::tcp::endpoint(ip, address.port));
    co_return endpoints;
  }
  asio::ip::basic_resolver<asio::ip::tcp, Executor> resolver(shard.io().get_executor());
  const std::string port = std::to_string(address.port);
  const auto results = co_await resolver.async_resolve(address.host, port, await_into(error));
  for (const auto& result : results)
    endpoints.emplace_back(result.endpoint());
  co_return endpoints;
}

// The login, driven packet by packet. Empty: done. Otherwise what went wrong.
Awaitable<std::string> log_in(Shard& shard, BackendConnection& connection, const Address& address,
                              protocol::BackendConnectionPhase& phase) {
  ErrorCode error;
  protocol::Buffer in;
  protocol::Buffer out;
  BackendAction action = phase.start();
  for (;;) {
    if (!out.empty()) {
      co_await connection.stream.write_all(out, {}, error);
      if (error) co_return error.message();
      out.clear();
    }
    switch (action) {
      case BackendAction::kReadPacket: {
        const auto packet = co_await read_packet(connection.stream, in, kMaxLoginPayloadBytes, error);
        if (error) co_return error.message();
        action = phase.on_packet(packet.payload, packet.sequence_id, out);
        break;
      }
      case BackendAction::kStartTls: {
        const TlsContext& context = shard.server_tls();
        if (context == nullptr) co_return "TLS towards servers is not configured";
        co_await connection.stream.start_tls_as_client(context, shard.config().server_tls.mode, address.host,
                                                       error);
        if (error) co_return "TLS: " + describe_handshake_error(connection.stream.native_tls(), error);
        action = phase.on_tls_started(out);
        break;
      }
      case BackendAction::kDone:
        co_return std::string();
      case BackendAction::kFailed:
        co_return phase.failure().message;
    }
  }
}

// Says for whom the connection is. It may serve several clients of that address: the port is nobody's.
protocol::Buffer proxy_header(const PoolKey& key, const Socket& socket) {
  protocol::Buffer header;
  ErrorCode error;
  const Endpoint peer = socket.remote_endpoint(error);
  asio::ip::tcp::endpoint server;
  if (!error && peer.size() <= server.capacity()) std::memcpy(server.data(), peer.data(), peer.size());
  const protocol::ProxyEndpoint source{.address = key.client_address, .port = 0};
  const protocol::ProxyEndpoint destination{.address = server.address().to_string(), .port = server.port()};
  if (key.client_address.empty() || !protocol::append_proxy_v2(header, source, destination))
    protocol::append_proxy_v2_local(header);
  return header;
}

// A connection serves many clients, so that what servers show is Causeway itself.
protocol::Buffer own_attributes() {
  protocol::Buffer attributes;
  protocol::append_connect_attribute(attributes, "_client_name", "causeway");
  protocol::append_connect_attribute(attributes, "_client_version", version());
  protocol::append_connect_attribute(attributes, "_pid", std::to_string(::getpid()));
  protocol::append_connect_attribute(attributes, "program_name", "causeway");
  return attributes;
}

// What a server says for the client: an ERR packet of the login, or of the questions behind it (a password
// that has expired).
void refuse(ConnectResult& result, const protocol::BackendFailure& failure) {
  result.reason = failure.message;
  result.refusal = ClientError{.code = failure.code,
                               .sql_state = std::string(sql_state_of_refusal(failure.code, failure.sqlstate)),
                               .message = failure.message};
  result.access_denied = is_wrong_password(failure.code);
}

bool is_error(protocol::Bytes payload) {
  return !payload.empty() && payload[0] == protocol::kErrHeader;
}

template <class T>
T number(const std::string& text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Session tracking, what the connection's state is to begin with, and who the server is: three questions in
// one write. Empty: done. Otherwise what went wrong, or the server's refusal in `result`.
Awaitable<std::string> set_up(BackendConnection& connection, ConnectResult& result,
                              ServerIdentity& identity) {
  using protocol::append_command;
  using protocol::Command;
  ErrorCode error;
  protocol::Buffer out;
  std::string sql;
  append_trackers_sql(sql, connection);
  append_command(out, Command::kQuery, sql, connection.capabilities);
  sql.assign(
      "SELECT @@character_set_client, @@character_set_results, @@collation_connection, @@sql_mode, "
      "@@server_id, CONCAT(@@hostname, ':', @@port), @@init_connect <> '', @@sql_auto_is_null, "
      "@@completion_type, @@session_track_transaction_info, @@session_track_state_change, ");
  sql.append(connection.server.mariadb ? "@@tx_read_only, ''" : "@@transaction_read_only, @@server_uuid");
  append_command(out, Command::kQuery, sql, connection.capabilities);
  append_command(out, Command::kQuery, start_time_sql(connection.server.mariadb), connection.capabilities);
  co_await connection.stream.write_all(out, {}, error);
  if (error) co_return error.message();

  protocol::Buffer in;
  const auto answer = co_await read_packet(connection.stream, in, kMaxLoginPayloadBytes, error);
  if (error) co_return error.message();
  if (is_error(answer.payload)) {
    refuse(result, protocol::BackendAuthExchange::refusal(answer.payload));
    co_return "the server refuses session tracking: " + result.reason;
  }
  if (answer.payload.empty() || answer.payload[0] != 0) co_return "malformed answer of the server";

  OneRow variables = co_await read_one_row(connection, 13);
  if (!variables.failure.empty()) co_return variables.failure;
  if (variables.values.empty()) {
    refuse(result, variables.refusal);
    co_return "the server refuses its variables: " + result.reason;
  }
  connection.server.baseline = {
      .character_set_client = std::move(variables.values[0]),
      .character_set_results = std::move(variables.values[1]),
      .collation_connection = std::move(variables.values[2]),
      .sql_mode = std::move(variables.values[3]),
      .defaults = {.auto_is_null = variables.values[7] == "1",
                   .transaction_read_only = variables.values[11] == "1",
                   .tracks_transactions = variables.values[9] != "OFF",
                   .tracks_state_change = variables.values[10] == "1",
                   .completion_type = routing::parse_completion_type(variables.values[8])}};
  identity.server_id = number<uint64_t>(variables.values[4]);
  identity.host_name = std::move(variables.values[5]);
  connection.server.ran_init_connect = variables.values[6] == "1";
  identity.uuid = std::move(variables.values[12]);
  const OneRow started_at = co_await read_one_row(connection, 1);
  if (!started_at.failure.empty()) co_return started_at.failure;
  if (!started_at.values.empty()) identity.started_at = number<int64_t>(started_at.values[0]);
  co_return std::string();
}

// Empty if it is the server that the monitor sees at this node's address, or if the monitor has not seen any
// yet.
std::string check_identity(Shard& shard, BackendConnection& connection, const ServerIdentity& identity) {
  const ClusterView& view = shard.cluster().view();
  if (connection.node >= view.nodes.size()) return {};
  const NodeView& node = view.nodes[connection.node];
  connection.server.incarnation = node.incarnation;
  if (node.incarnation == 0 || same_server(node.identity, identity)) return {};
  shard.look_anew(connection.node);
  return "the address leads to another server than the monitor's: " +
         std::string(difference(node.identity, identity));
}

}  // namespace

// What never leaves the machine gains nothing from encryption.
TlsMode tls_towards(const Address& address, TlsMode configured, bool by_account) {
  if (configured != TlsMode::kPreferred) return configured;
  if (by_account) return TlsMode::kRequired;
  return is_loopback(address) ? TlsMode::kDisabled : TlsMode::kPreferred;
}

protocol::CapabilityFlags required_backend_capabilities() {
  namespace capability = protocol::capability;
  return capability::kLongPassword | capability::kProtocol41 | capability::kTransactions |
         capability::kSecureConnection | capability::kPluginAuth | capability::kPluginAuthLenencClientData |
         capability::kSessionTrack;
}

protocol::CapabilityFlags passed_on_capabilities(const StatementsConfig& statements) {
  namespace capability = protocol::capability;
  // A server may then ask for a file of the client's.
  const protocol::CapabilityFlags local_files =
      statements.load_data == StatementPolicy::kForward ? capability::kLocalFiles : 0;
  return local_files | capability::kFoundRows | capability::kLongFlag | capability::kNoSchema |
         capability::kOdbc | capability::kIgnoreSpace | capability::kInteractive |
         capability::kMultiStatements | capability::kMultiResults | capability::kPsMultiResults |
         capability::kDeprecateEof | capability::kQueryAttributes | capability::kOptionalResultsetMetadata |
         capability::kMariadbStmtBulkOperations | capability::kMariadbExtendedMetadata |
         capability::kMariadbProgress;
}

Awaitable<ConnectResult> connect_backend(Shard& shard, size_t node, std::shared_ptr<const PoolKey> key,
                                         const protocol::Credentials& credentials,
                                         BackendConnection*& in_flight) {
  const Address& address = shard.config().nodes[node].address;
  ConnectResult result;
  ErrorCode error;
  const std::vector<Endpoint> endpoints = co_await resolve(shard, address, error);
  if (endpoints.empty()) {
    result.reason = error.message();
    co_return result;
  }
  std::unique_ptr<BackendConnection> connection;
  for (const Endpoint& endpoint : endpoints) {
    Socket socket(shard.io().get_executor());
    socket.open(endpoint.protocol(), error);
    if (error) continue;
    connection = std::make_unique<BackendConnection>(std::move(socket), node, key);
    in_flight = connection.get();
    co_await connection->stream.socket().async_connect(endpoint, await_into(error));
    if (!error) break;
  }
  if (error) {
    in_flight = nullptr;
    result.reason = error.message();
    co_return result;
  }

  if (shard.config().nodes[node].proxy_protocol) {
    const protocol::Buffer header = proxy_header(*key, connection->stream.socket());
    co_await connection->stream.write_all(header, {}, error);
    if (error) {
      in_flight = nullptr;
      result.reason = error.message();
      co_return result;
    }
  }

  protocol::BackendLogin login;
  login.user = key->user;
  login.credentials = &credentials;
  login.capabilities =
      key->capabilities | required_backend_capabilities() | protocol::capability::kConnectAttrs;
  login.collation = key->collation;
  login.connect_attributes = own_attributes();
  login.tls = tls_towards(address, shard.config().server_tls.mode, key->requires_tls);
  login.secure_transport = address.is_unix();
  protocol::BackendConnectionPhase phase(std::move(login));
  result.reason = co_await log_in(shard, *connection, address, phase);
  if (!result.reason.empty()) {
    in_flight = nullptr;
    const protocol::BackendFailure& failure = phase.failure();
    using Reason = protocol::BackendFailure::Reason;
    if (failure.reason == Reason::kRefused) {
      refuse(result, failure);
    } else if (failure.reason != Reason::kNone) {
      result.refusal = node_unreachable(to_string(address), failure.message);
      result.access_denied = failure.reason == Reason::kPasswordNotKnown;
    }
    co_return result;
  }
  connection->capabilities = phase.profile().capabilities;
  connection->server.thread_id = phase.profile().thread_id;
  connection->state.status = phase.profile().status;
  connection->server.mariadb = phase.profile().mariadb;
  connection->state.multi_statements =
      protocol::has(connection->capabilities, protocol::capability::kMultiStatements);
  ServerIdentity identity;
  result.reason = co_await set_up(*connection, result, identity);
  in_flight = nullptr;
  if (result.reason.empty()) result.reason = check_identity(shard, *connection, identity);
  if (result.reason.empty()) result.connection = std::move(connection);
  co_return result;
}

}  // namespace causeway::proxy
