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
#include "protocol/proxy_protocol.h"
#include "proxy/backend/ask.h"
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

template <class T>
T number(const std::string& text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Why a connection could not be opened; see ConnectResult.
struct Obstacle {
  std::string reason;
  std::optional<ClientError> refusal = std::nullopt;
  bool access_denied = false;
};

Obstacle unreachable(const ErrorCode& error) {
  return {.reason = error.message()};
}

// What a server says for the client: an ERR packet of the login, or of the questions behind it (a password
// that has expired).
Obstacle refused(const protocol::BackendFailure& failure) {
  return {
      .reason = failure.message,
      .refusal = ClientError{.code = failure.code,
                             .sql_state = std::string(sql_state_of_refusal(failure.code, failure.sqlstate)),
                             .message = failure.message},
      .access_denied = is_wrong_password(failure.code)};
}

Obstacle unanswered(const AskFailure& failure, std::string_view question) {
  if (!failure.refusal) return {.reason = failure.reason};
  Obstacle obstacle = refused(*failure.refusal);
  obstacle.reason.insert(0, ": ").insert(0, question).insert(0, "the server refuses ");
  return obstacle;
}

// A connection that is being opened. Every step says what is in the way; nothing: on to the next one.
class Opening {
 public:
  using Step = Awaitable<std::optional<Obstacle>>;

  Opening(Shard& shard, size_t node, std::shared_ptr<const PoolKey> key, BackendConnection*& in_flight)
      : shard_(shard), node_(node), key_(std::move(key)), in_flight_(in_flight) {}
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() { in_flight_ = nullptr; }

  // The transport stands.
  Step reach() {
    ErrorCode error;
    const std::vector<Endpoint> endpoints = co_await resolve(shard_, address(), error);
    for (const Endpoint& endpoint : endpoints) {
      Socket socket(shard_.io().get_executor());
      socket.open(endpoint.protocol(), error);
      if (error) continue;
      connection_ = std::make_unique<BackendConnection>(std::move(socket), node_, key_);
      in_flight_ = connection_.get();
      co_await connection_->stream.socket().async_connect(endpoint, await_into(error));
      if (!error) co_return std::nullopt;
    }
    co_return unreachable(error);
  }

  // A node behind the PROXY protocol knows for whom the connection is.
  Step tell_client() {
    if (!shard_.config().nodes[node_].proxy_protocol) co_return std::nullopt;
    const protocol::Buffer header = proxy_header(*key_, connection_->stream.socket());
    ErrorCode error;
    co_await connection_->stream.write_all(header, {}, error);
    if (error) co_return unreachable(error);
    co_return std::nullopt;
  }

  Step log_in(const protocol::Credentials& credentials) {
    protocol::BackendConnectionPhase phase(login_with(credentials));
    const std::optional<std::string> failure = co_await drive(phase);
    if (failure) co_return failed_login(phase.failure(), *failure);
    connection_->capabilities = phase.profile().capabilities;
    connection_->server.thread_id = phase.profile().thread_id;
    connection_->state.status = phase.profile().status;
    connection_->server.mariadb = phase.profile().mariadb;
    connection_->state.multi_statements =
        protocol::has(connection_->capabilities, protocol::capability::kMultiStatements);
    co_return std::nullopt;
  }

  // Session tracking, what the connection's state is to begin with, and who the server is: three questions in
  // one write.
  Step set_up() {
    const Answer<void> sent = co_await send_commands(*connection_, questions());
    if (!sent) co_return unanswered(sent.error(), "");
    const Answer<AskedOk> tracking = co_await read_ok(*connection_);
    if (!tracking) co_return unanswered(tracking.error(), "session tracking");
    const RowLimits all_of_them{.columns = kVariables};
    const Answer<AskedRow> variables = co_await read_row(*connection_, all_of_them);
    if (!variables) co_return unanswered(variables.error(), "its variables");
    take_variables(*variables);
    const RowLimits one_column{.columns = 1};
    const Answer<AskedRow> started_at = co_await read_row(*connection_, one_column);
    if (started_at) identity_.started_at = number<int64_t>(started_at->text(0));
    // Not everybody may know.
    if (!started_at && !started_at.error().refusal) co_return unanswered(started_at.error(), "");
    co_return std::nullopt;
  }

  // It is the server that the monitor sees at this node's address, or the monitor has not seen any yet.
  std::optional<Obstacle> check_identity() {
    const ClusterView& view = shard_.cluster().view();
    if (node_ >= view.nodes.size()) return std::nullopt;
    const NodeView& node = view.nodes[node_];
    connection_->server.incarnation = node.incarnation;
    if (node.incarnation == 0 || same_server(node.identity, identity_)) return std::nullopt;
    shard_.look_anew(node_);
    return Obstacle{.reason = "the address leads to another server than the monitor's: " +
                              std::string(difference(node.identity, identity_))};
  }

  std::unique_ptr<BackendConnection> take() { return std::move(connection_); }

 private:
  static constexpr size_t kVariables = 13;

  const Address& address() const { return shard_.config().nodes[node_].address; }

  protocol::BackendLogin login_with(const protocol::Credentials& credentials) const {
    protocol::BackendLogin login;
    login.user = key_->user;
    login.credentials = &credentials;
    login.capabilities =
        key_->capabilities | required_backend_capabilities() | protocol::capability::kConnectAttrs;
    login.collation = key_->collation;
    login.connect_attributes = own_attributes();
    login.tls = tls_towards(address(), shard_.config().server_tls.mode, key_->requires_tls);
    login.secure_transport = address().is_unix();
    return login;
  }

  // The login, packet by packet. Nothing: done; else what went wrong.
  Awaitable<std::optional<std::string>> drive(protocol::BackendConnectionPhase& phase) {
    MysqlStream& stream = connection_->stream;
    ErrorCode error;
    protocol::Buffer in;
    protocol::Buffer out;
    BackendAction action = phase.start();
    for (;;) {
      if (!out.empty()) {
        co_await stream.write_all(out, {}, error);
        if (error) co_return error.message();
        out.clear();
      }
      switch (action) {
        case BackendAction::kReadPacket: {
          const auto packet = co_await read_packet(stream, in, kMaxLoginPayloadBytes, error);
          if (error) co_return error.message();
          action = phase.on_packet(packet.payload, packet.sequence_id, out);
          break;
        }
        case BackendAction::kStartTls: {
          const TlsContext& context = shard_.server_tls();
          if (context == nullptr) co_return "TLS towards servers is not configured";
          co_await stream.start_tls_as_client(context, shard_.config().server_tls.mode, address().host,
                                              error);
          if (error) co_return "TLS: " + describe_handshake_error(stream.native_tls(), error);
          action = phase.on_tls_started(out);
          break;
        }
        case BackendAction::kDone:
          co_return std::nullopt;
        case BackendAction::kFailed:
          co_return phase.failure().message;
      }
    }
  }

  Obstacle failed_login(const protocol::BackendFailure& failure, std::string reason) const {
    using Reason = protocol::BackendFailure::Reason;
    if (failure.reason == Reason::kRefused) return refused(failure);
    Obstacle obstacle{.reason = std::move(reason)};
    if (failure.reason == Reason::kNone) return obstacle;
    obstacle.refusal = node_unreachable(to_string(address()), failure.message);
    obstacle.access_denied = failure.reason == Reason::kPasswordNotKnown;
    return obstacle;
  }

  protocol::Buffer questions() const {
    using protocol::append_command;
    using protocol::Command;
    const bool mariadb = connection_->server.mariadb;
    protocol::Buffer out;
    std::string sql;
    append_trackers_sql(sql, *connection_);
    append_command(out, Command::kQuery, sql, connection_->capabilities);
    sql.assign(
        "SELECT @@character_set_client, @@character_set_results, @@collation_connection, @@sql_mode, "
        "@@server_id, CONCAT(@@hostname, ':', @@port), @@init_connect <> '', @@sql_auto_is_null, "
        "@@completion_type, @@session_track_transaction_info, @@session_track_state_change, ");
    sql.append(mariadb ? "@@tx_read_only, ''" : "@@transaction_read_only, @@server_uuid");
    append_command(out, Command::kQuery, sql, connection_->capabilities);
    append_command(out, Command::kQuery, start_time_sql(mariadb), connection_->capabilities);
    return out;
  }

  void take_variables(const AskedRow& row) {
    connection_->server.baseline = {
        .character_set_client = row.text(0),
        .character_set_results = row.text(1),
        .collation_connection = row.text(2),
        .sql_mode = row.text(3),
        .defaults = {.auto_is_null = row.text(7) == "1",
                     .transaction_read_only = row.text(11) == "1",
                     .tracks_transactions = row.text(9) != "OFF",
                     .tracks_state_change = row.text(10) == "1",
                     .completion_type = routing::parse_completion_type(row.text(8))}};
    identity_.server_id = number<uint64_t>(row.text(4));
    identity_.host_name = row.text(5);
    connection_->server.ran_init_connect = row.text(6) == "1";
    identity_.uuid = row.text(12);
  }

  Shard& shard_;
  size_t node_;
  std::shared_ptr<const PoolKey> key_;
  BackendConnection*& in_flight_;
  std::unique_ptr<BackendConnection> connection_;
  ServerIdentity identity_;
};

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
  Opening opening(shard, node, std::move(key), in_flight);
  std::optional<Obstacle> obstacle = co_await opening.reach();
  if (!obstacle) obstacle = co_await opening.tell_client();
  if (!obstacle) obstacle = co_await opening.log_in(credentials);
  if (!obstacle) obstacle = co_await opening.set_up();
  if (!obstacle) obstacle = opening.check_identity();
  ConnectResult result;
  if (!obstacle) {
    result.connection = opening.take();
    co_return result;
  }
  result.refusal = std::move(obstacle->refusal);
  result.access_denied = obstacle->access_denied;
  result.reason = std::move(obstacle->reason);
  co_return result;
}

}  // namespace causeway::proxy
