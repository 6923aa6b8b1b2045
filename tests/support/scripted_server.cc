#include "tests/support/scripted_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "protocol/byte_reader.h"
#include "protocol/com_query.h"
#include "protocol/com_stmt.h"
#include "protocol/err_packet.h"
#include "protocol/handshake.h"
#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"
#include "protocol/session_track.h"
#include "protocol/status_flags.h"
#include "protocol/text_resultset.h"

namespace causeway::test {
namespace {

namespace capability = protocol::capability;
using protocol::CapabilityFlags;
using protocol::Command;

constexpr uint8_t kCollation = 45;

// Session tracking, variables, and when the server was started: in one write.
constexpr size_t kSetUpCommands = 3;

protocol::Nonce fixed_nonce() {
  protocol::Nonce nonce{};
  for (size_t i = 0; i < nonce.size(); ++i)
    nonce[i] = static_cast<uint8_t>(i + 1);
  return nonce;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy_n(path.data(), std::min(path.size(), sizeof(address.sun_path) - 1), address.sun_path);
  return address;
}

std::string upper(std::string_view text) {
  std::string all(text);
  std::ranges::transform(all, all.begin(), [](unsigned char c) { return std::toupper(c); });
  return all;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  return text;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> heads) {
  return std::ranges::any_of(heads, [text](std::string_view head) { return text.starts_with(head); });
}

}  // namespace

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "no fault";
    case Fault::kClose:
      return "close";
    case Fault::kCloseUnread:
      return "close unread";
    case Fault::kError:
      return "error";
    case Fault::kTruncated:
      return "truncated";
    case Fault::kWrongSequence:
      return "wrong sequence";
    case Fault::kBytewise:
      return "bytewise";
    case Fault::kStall:
      return "stall";
    case Fault::kCloseBehind:
      return "close behind";
  }
  return "?";
}

std::string Received::to_string() const {
  if (command == Command::kQuery) return text;
  std::string all(protocol::command_name(command));
  if (!text.empty()) all.append(" ").append(text);
  return all;
}

uint16_t ServerConnection::status() const {
  uint16_t flags = 0;
  if (autocommit) flags |= protocol::status::kAutocommit;
  if (in_transaction) flags |= protocol::status::kInTransaction;
  return flags;
}

// --- Reply ---

Reply::Reply(ScriptedServer& server_, ServerConnection& connection_, const Received& request_)
    : server(server_), connection(connection_), request(request_) {}

uint16_t Reply::status() const {
  uint16_t flags = connection.status() | extra_status_;
  if (more) flags |= protocol::status::kMoreResultsExist;
  return flags;
}

void Reply::ok(const OkAnswer& answer) {
  Buffer state;
  for (const auto& [name, value] : answer.variables)
    protocol::append_session_track_system_variable(state, name, value);
  if (answer.schema) protocol::append_session_track_schema(state, *answer.schema);
  if (answer.state_change) protocol::append_session_track_state_change(state, true);
  if (!answer.transaction_characteristics.empty())
    protocol::append_session_track_transaction_characteristics(state, answer.transaction_characteristics);
  if (!answer.transaction_state.empty()) {
    protocol::append_session_track(
        state, {.type = protocol::SessionTrackType::kTransactionState, .value = answer.transaction_state});
  }
  if (!answer.gtid.empty() && server.flavor() == Flavor::kMysql)
    protocol::append_session_track_gtids(state, answer.gtid);
  if (!answer.gtid.empty() && server.flavor() == Flavor::kMariadb)
    protocol::append_session_track_system_variable(state, "last_gtid", answer.gtid);
  protocol::append_ok_packet(out_,
                             {.affected_rows = answer.affected_rows,
                              .last_insert_id = answer.last_insert_id,
                              .status_flags = status(),
                              .session_state = state},
                             sequence_id_++, protocol::kOkHeader, connection.capabilities);
}

void Reply::error(uint16_t code, std::string_view sql_state, std::string_view message) {
  protocol::append_err_packet(out_, {.code = code, .sql_state = sql_state, .message = message},
                              sequence_id_++);
}

void Reply::append_rows(const std::vector<std::string>& columns,
                        const std::vector<std::vector<std::string>>& values, bool ends) {
  std::vector<protocol::TextColumn> definitions;
  for (const std::string& column : columns)
    definitions.push_back({.name = column});
  protocol::TextResultSetWriter writer(out_, connection.capabilities, sequence_id_);
  writer.columns(definitions, status());
  for (const std::vector<std::string>& row : values) {
    std::vector<protocol::TextValue> texts;
    for (const std::string& value : row)
      texts.push_back(value == "NULL" ? protocol::TextValue() : protocol::TextValue(value));
    if (request.command == Command::kStmtExecute) {
      writer.binary_row(definitions, texts);
    } else {
      writer.row(texts);
    }
  }
  sequence_id_ = ends ? writer.finish(status()) : writer.next_sequence_id();
}

void Reply::rows(const std::vector<std::string>& columns,
                 const std::vector<std::vector<std::string>>& values) {
  append_rows(columns, values, true);
}

void Reply::rows_then_error(const std::vector<std::string>& columns,
                            const std::vector<std::vector<std::string>>& values, uint16_t code,
                            std::string_view sql_state, std::string_view message) {
  append_rows(columns, values, false);
  error(code, sql_state, message);
}

void Reply::prepared(size_t parameters, size_t columns) {
  const uint32_t id = ++connection.last_statement_id;
  connection.prepared[id] = request.text;
  Buffer payload;
  protocol::append_stmt_prepare_ok(payload,
                                   {.statement_id = id,
                                    .columns = static_cast<uint16_t>(columns),
                                    .parameters = static_cast<uint16_t>(parameters)},
                                   connection.capabilities);
  sequence_id_ = protocol::append_packets(out_, payload, sequence_id_);
  for (const size_t count : {parameters, columns}) {
    for (size_t i = 0; i < count; ++i)
      protocol::append_column_definition(out_, {.name = "?"}, sequence_id_++, connection.capabilities);
    if (count > 0 && !protocol::has(connection.capabilities, capability::kDeprecateEof)) eof();
  }
}

void Reply::eof() {
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(0xfe);
  writer.int2(0);
  writer.int2(status());
  sequence_id_ = protocol::append_packets(out_, payload, sequence_id_);
}

void Reply::file(std::string_view name) {
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(0xfb);
  writer.text(name);
  sequence_id_ = protocol::append_packets(out_, payload, sequence_id_);
  connection.phase = ServerConnection::Phase::kFile;
}

void Reply::text(std::string_view text) {
  sequence_id_ = protocol::append_packets(out_, protocol::as_bytes(text), sequence_id_);
}

void Reply::cursor(const std::vector<std::string>& columns) {
  extra_status_ = protocol::status::kCursorExists;
  Buffer count;
  protocol::ByteWriter(count).int_lenenc(columns.size());
  sequence_id_ = protocol::append_packets(out_, count, sequence_id_);
  for (const std::string& column : columns)
    protocol::append_column_definition(out_, {.name = column}, sequence_id_++, connection.capabilities);
  end_of_rows();
}

void Reply::fetched(const std::vector<std::string>& values, bool last) {
  extra_status_ = last ? protocol::status::kLastRowSent : protocol::status::kCursorExists;
  for (const std::string& value : values) {
    Buffer row;
    protocol::ByteWriter writer(row);
    writer.zeros(2);
    writer.text_lenenc(value);
    sequence_id_ = protocol::append_packets(out_, row, sequence_id_);
  }
  end_of_rows();
}

void Reply::end_of_rows() {
  if (!protocol::has(connection.capabilities, capability::kDeprecateEof)) return eof();
  protocol::append_ok_packet(out_, {.status_flags = status()}, sequence_id_++, protocol::kResultSetEndHeader,
                             connection.capabilities);
}

void Reply::as_usual() {
  server.answer_as_usual(*this);
}

// --- ScriptedServer ---

ScriptedServer::ScriptedServer(std::string name, Flavor flavor) : name_(std::move(name)), flavor_(flavor) {
  // The same whenever a story is told again: errors have it in their texts.
  path_ = "/tmp/causeway-test-" + std::to_string(::getpid()) + "-" + name_ + ".sock";
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path_);
  ::unlink(path_.c_str());
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_, 128) != 0)
    throw std::runtime_error("cannot listen on " + path_);
}

ScriptedServer::~ScriptedServer() {
  for (const auto& connection : connections_)
    ::close(connection->socket);
  ::close(listener_);
  ::unlink(path_.c_str());
}

void ScriptedServer::on(std::string_view text, Handler handler, int times) {
  scripts_.push_back(
      {.text = std::string(text), .command = std::nullopt, .handler = std::move(handler), .times = times});
}

void ScriptedServer::on(Command command, Handler handler, int times) {
  scripts_.push_back({.text = {}, .command = command, .handler = std::move(handler), .times = times});
}

void ScriptedServer::on_login(Handler handler, int times) {
  scripts_.push_back(
      {.text = {}, .command = std::nullopt, .login = true, .handler = std::move(handler), .times = times});
}

std::string ScriptedServer::version() const {
  return flavor_ == Flavor::kMysql ? "9.7.0" : "5.5.5-10.11.14-MariaDB-log";
}

std::string ScriptedServer::position() const {
  const std::string number = std::to_string(next_gtid - 1);
  return gtid_domain + (flavor_ == Flavor::kMysql ? "1-" + number : number);
}

CapabilityFlags ScriptedServer::capabilities() const {
  const CapabilityFlags common =
      capability::kFoundRows | capability::kLongFlag | capability::kConnectWithDb | capability::kNoSchema |
      capability::kOdbc | capability::kLocalFiles | capability::kIgnoreSpace | capability::kProtocol41 |
      capability::kInteractive | capability::kTransactions | capability::kReserved |
      capability::kSecureConnection | capability::kMultiStatements | capability::kMultiResults |
      capability::kPsMultiResults | capability::kPluginAuth | capability::kConnectAttrs |
      capability::kPluginAuthLenencClientData | capability::kSessionTrack | capability::kDeprecateEof;
  const CapabilityFlags offered = has_tls ? common | capability::kSsl : common;
  return flavor_ == Flavor::kMysql ? offered | capability::kLongPassword | capability::kQueryAttributes
                                   : offered | capability::kMariadbStmtBulkOperations;
}

bool ScriptedServer::pump() {
  // To accept or to read what is not there costs far more than one look at all of them.
  std::vector<pollfd> ready = {{.fd = listener_, .events = POLLIN, .revents = 0}};
  for (const auto& connection : connections_)
    ready.push_back({.fd = connection->socket, .events = POLLIN, .revents = 0});
  ::poll(ready.data(), ready.size(), 0);
  bool progress = ready[0].revents != 0 && accept_all();
  for (size_t i = 0; i < connections_.size(); ++i) {
    const bool is_new = i + 1 >= ready.size();
    progress |= pump(*connections_[i], is_new || ready[i + 1].revents != 0);
  }
  std::erase_if(connections_, [this](const std::unique_ptr<ServerConnection>& connection) {
    if (connection->socket >= 0) return false;
    std::erase_if(late_, [&](const auto& one) { return one.first == connection.get(); });
    return true;
  });
  return progress;
}

void ScriptedServer::close_all() {
  for (const auto& connection : connections_)
    connection->cut = true;
}

bool ScriptedServer::accept_all() {
  bool any = false;
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return any;
    any = true;
    const size_t number = opened_++;
    if (!accepts) {
      ::close(socket);
      continue;
    }
    auto connection = std::make_unique<ServerConnection>();
    connection->number = number;
    connection->socket = socket;
    Buffer greeting;
    protocol::append_handshake_v10(
        greeting, {.server_version = flavor_ == Flavor::kMysql ? "9.7.0" : "5.5.5-10.11.14-MariaDB-log",
                   .thread_id = static_cast<uint32_t>(100 + number),
                   .nonce = fixed_nonce(),
                   .capabilities = capabilities(),
                   .collation = kCollation,
                   .status = protocol::status::kAutocommit,
                   .auth_plugin = flavor_ == Flavor::kMysql ? protocol::auth_plugin::kCachingSha2Password
                                                            : protocol::auth_plugin::kNativePassword});
    send(*connection, packet_of(greeting, 0), 0);
    connections_.push_back(std::move(connection));
  }
}

bool ScriptedServer::pump(ServerConnection& connection, bool readable) {
  if (connection.socket < 0) return false;
  if (close_unread(connection)) return true;
  bool ended = false;
  bool progress = readable && read_all(connection, ended);
  if (progress && connection.phase != ServerConnection::Phase::kLogin && connection.out.empty()) {
    ++connection.round_trips;
    ++round_trips_;
  }
  if (take_proxy_header(connection)) take_packets(connection);
  progress |= flush(connection);
  const bool is_over = (connection.close_when_sent || connection.cut) && connection.out.empty();
  if (!ended && !is_over) return progress;
  ::close(connection.socket);
  connection.socket = -1;
  return true;
}

bool ScriptedServer::close_unread(ServerConnection& connection) {
  if (fault_ != Fault::kCloseUnread || steps_ != fault_step_ || !connection.out.empty()) return false;
  int waiting = 0;
  if (::ioctl(connection.socket, FIONREAD, &waiting) != 0 || waiting == 0) return false;
  ++steps_;
  set_up_steps_.push_back(connection.commands < kSetUpCommands);
  ::close(connection.socket);
  connection.socket = -1;
  return true;
}

bool ScriptedServer::read_all(ServerConnection& connection, bool& ended) {
  std::array<uint8_t, 65536> piece;
  bool any = false;
  for (;;) {
    const ssize_t got = ::read(connection.socket, piece.data(), piece.size());
    if (got > 0) {
      const Bytes wire = Bytes(piece).first(static_cast<size_t>(got));
      if (connection.tls) {
        receive_tls(connection, wire);
      } else {
        connection.in.insert(connection.in.end(), wire.begin(), wire.end());
      }
      any = true;
      continue;
    }
    ended = got == 0 || (errno != EAGAIN && errno != EINTR);
    return any;
  }
}

void ScriptedServer::receive_tls(ServerConnection& connection, Bytes wire) {
  connection.tls->receive(wire, connection.in);
  Buffer handshake = connection.tls->take_handshake();
  if (connection.tls->has_failed()) connection.close_when_sent = true;
  if (handshake.empty()) return;
  if (!std::exchange(connection.tls_begun, true)) return send_step(connection, std::move(handshake), 0, true);
  connection.out.insert(connection.out.end(), handshake.begin(), handshake.end());
}

bool ScriptedServer::take_proxy_header(ServerConnection& connection) {
  constexpr size_t kFixedBytes = 16;
  if (!expects_proxy_header || connection.knows_peer) return true;
  Buffer& in = connection.in;
  if (in.size() < kFixedBytes) return false;
  const size_t length = kFixedBytes + (size_t{in[14]} << 8 | size_t{in[15]});
  if (in.size() < length) return false;
  proxy_header_.assign(in.begin(), in.begin() + static_cast<ptrdiff_t>(length));
  in.erase(in.begin(), in.begin() + static_cast<ptrdiff_t>(length));
  connection.knows_peer = true;
  return true;
}

void ScriptedServer::take_packets(ServerConnection& connection) {
  size_t taken = 0;
  const std::vector<Packet> packets = split_packets(connection.in, taken);
  const bool asks_for_tls = has_tls && !connection.tls && !packets.empty() &&
                            connection.phase == ServerConnection::Phase::kLogin &&
                            protocol::is_ssl_request(packets[0].payload);
  if (asks_for_tls) {
    // What stands behind it is TLS.
    taken = protocol::kPacketHeaderBytes + packets[0].payload.size();
    connection.tls = std::make_unique<TlsPeer>(TlsPeer::Side::kServer);
    const Buffer in = std::exchange(connection.in, {});
    receive_tls(connection, Bytes(in).subspan(taken));
    return;
  }
  connection.in.erase(connection.in.begin(), connection.in.begin() + static_cast<ptrdiff_t>(taken));
  for (const Packet& packet : packets) {
    switch (connection.phase) {
      case ServerConnection::Phase::kLogin:
        on_login_packet(connection, packet);
        break;
      case ServerConnection::Phase::kCommands:
        on_command(connection, packet);
        break;
      case ServerConnection::Phase::kFile:
        on_file_packet(connection, packet);
        break;
    }
  }
}

bool ScriptedServer::knows_password(const std::string& user, Bytes response) const {
  const auto known = passwords.find(user);
  if (known == passwords.end()) return false;
  if (known->second.empty()) return response.empty();
  const Bytes password = protocol::as_bytes(known->second);
  if (flavor_ == Flavor::kMysql) {
    const protocol::SecretBytes once = protocol::sha256_secret(password);
    return std::ranges::equal(protocol::caching_sha2_scramble(fixed_nonce(), once.view()), response);
  }
  const protocol::SecretBytes once = protocol::sha1_secret(password);
  return std::ranges::equal(protocol::native_scramble(fixed_nonce(), once.view()), response);
}

void ScriptedServer::on_login_packet(ServerConnection& connection, const Packet& packet) {
  const auto response = protocol::parse_handshake_response41(packet.payload);
  if (!response) {
    connection.close_when_sent = true;
    return;
  }
  connection.user = response->user;
  connection.schema = response->database;
  connection.capabilities = response->capabilities & capabilities();
  connection.phase = ServerConnection::Phase::kCommands;
  const Received request{
      .connection = connection.number, .command = Command::kConnect, .text = connection.user};
  Reply reply(*this, connection, request);
  const auto script = std::find_if(scripts_.rbegin(), scripts_.rend(),
                                   [](const Script& one) { return one.login && one.times != 0; });
  uint8_t sequence_id = packet.sequence_id;
  Buffer first;
  if (script != scripts_.rend()) {
    if (script->times > 0) --script->times;
    const Handler handler = script->handler;
    handler(reply);
  } else if (!knows_password(connection.user, response->auth_response)) {
    reply.error(1045, "28000", "Access denied for user '" + connection.user + "'@'localhost'");
    connection.close_when_sent = true;
  } else {
    if (flavor_ == Flavor::kMysql && !response->auth_response.empty()) {
      const std::array<uint8_t, 2> fast = {0x01, 0x03};
      first = packet_of(fast, ++sequence_id);
    }
    reply.ok();
  }
  if (reply.is_late()) return;
  // The sequence ids of a reply begin with 1.
  Buffer rest = reply.take();
  size_t at = 0;
  while (at + protocol::kPacketHeaderBytes <= rest.size()) {
    const auto header = protocol::read_packet_header(rest.data() + at);
    rest[at + 3] = ++sequence_id;
    at += protocol::kPacketHeaderBytes + header.payload_bytes;
  }
  first.insert(first.end(), rest.begin(), rest.end());
  send(connection, std::move(first), static_cast<uint8_t>(packet.sequence_id + 1));
}

Received ScriptedServer::request_of(ServerConnection& connection, Bytes payload) {
  Received request{.connection = connection.number,
                   .command = payload.empty() ? Command::kSleep : static_cast<Command>(payload[0])};
  Bytes rest = payload.empty() ? payload : payload.subspan(1);
  switch (request.command) {
    case Command::kQuery:
      if (const auto query = protocol::parse_com_query(rest, connection.capabilities))
        rest = protocol::as_bytes(query->text);
      [[fallthrough]];
    case Command::kInitDb:
    case Command::kStmtPrepare:
      request.text = protocol::as_text(rest);
      break;
    case Command::kStmtExecute:
    case Command::kStmtClose:
    case Command::kStmtReset:
    case Command::kStmtFetch:
    case Command::kStmtSendLongData: {
      const auto id = protocol::parse_statement_id(payload);
      if (id) request.text = connection.prepared[*id];
      break;
    }
    default:
      break;
  }
  return request;
}

void ScriptedServer::on_command(ServerConnection& connection, const Packet& packet) {
  Received request = request_of(connection, packet.payload);
  request.payload = packet.payload;
  request.set_up = connection.commands++ < kSetUpCommands && request.command == Command::kQuery;
  received_.push_back(request);
  if (request.command == Command::kQuit) connection.close_when_sent = true;
  if (request.command == Command::kStmtClose) {
    const auto id = protocol::parse_statement_id(packet.payload);
    if (id) connection.prepared.erase(*id);
  }
  if (!is_answered(request.command)) return;
  Reply reply(*this, connection, request);
  const auto script = std::find_if(scripts_.rbegin(), scripts_.rend(), [&request](const Script& one) {
    if (one.login || one.times == 0) return false;
    return one.command ? *one.command == request.command : request.text.find(one.text) != std::string::npos;
  });
  if (script == scripts_.rend()) {
    answer_as_usual(reply);
  } else {
    if (script->times > 0) --script->times;
    const Handler handler = script->handler;
    handler(reply);
  }
  if (reply.is_late()) {
    late_.emplace_back(&connection, request);
    return;
  }
  send(connection, reply.take(), 1);
}

void ScriptedServer::finish_late(const Handler& handler) {
  for (auto& [connection, request] : std::exchange(late_, {})) {
    Reply reply(*this, *connection, request);
    handler(reply);
    send(*connection, reply.take(), 1);
  }
}

void ScriptedServer::on_file_packet(ServerConnection& connection, const Packet& packet) {
  if (!packet.payload.empty()) {
    connection.file.append(protocol::as_text(packet.payload));
    return;
  }
  connection.phase = ServerConnection::Phase::kCommands;
  Buffer answer;
  protocol::append_ok_packet(answer, {.affected_rows = 1, .status_flags = connection.status()},
                             static_cast<uint8_t>(packet.sequence_id + 1), protocol::kOkHeader,
                             connection.capabilities);
  send(connection, std::move(answer), static_cast<uint8_t>(packet.sequence_id + 1));
}

void ScriptedServer::send(ServerConnection& connection, Buffer answer, uint8_t sequence_id) {
  send_step(connection, std::move(answer), sequence_id, false);
}

void ScriptedServer::send_step(ServerConnection& connection, Buffer answer, uint8_t sequence_id,
                               bool sealed) {
  const bool faulty = steps_++ == fault_step_;
  set_up_steps_.push_back(connection.commands <= kSetUpCommands);
  if (connection.stalled || connection.cut) return;
  switch (faulty ? fault_ : Fault::kNone) {
    case Fault::kNone:
      break;
    case Fault::kClose:
    case Fault::kCloseUnread:  // the greeting: nothing has come
      connection.cut = true;
      return;
    case Fault::kError:
      answer.clear();
      // Before the login an error has no SQLSTATE.
      protocol::append_err_packet(
          answer, {.code = 1105, .sql_state = sequence_id == 0 ? "" : "HY000", .message = "scripted failure"},
          sequence_id);
      connection.phase = connection.phase == ServerConnection::Phase::kFile
                             ? ServerConnection::Phase::kCommands
                             : connection.phase;
      if (connection.commands == 0) connection.close_when_sent = true;
      break;
    case Fault::kTruncated:
      answer.resize(answer.size() / 2);
      connection.cut = true;
      break;
    case Fault::kWrongSequence:
      if (answer.size() > 3) answer[3] = static_cast<uint8_t>(answer[3] + 7);
      break;
    case Fault::kBytewise:
      connection.bytewise = true;
      break;
    case Fault::kStall:
      connection.stalled = true;
      return;
    case Fault::kCloseBehind:
      connection.cut = true;
      break;
  }
  if (connection.tls && !sealed) answer = connection.tls->seal(answer);
  connection.out.insert(connection.out.end(), answer.begin(), answer.end());
}

bool ScriptedServer::flush(ServerConnection& connection) {
  if (connection.out.empty()) return false;
  const size_t wanted = connection.bytewise ? 1 : connection.out.size();
  const ssize_t sent = ::write(connection.socket, connection.out.data(), wanted);
  if (sent <= 0) {
    if (errno == EAGAIN) return false;
    connection.out.clear();  // the peer has gone; its end is read next
    return true;
  }
  connection.out.erase(connection.out.begin(), connection.out.begin() + sent);
  if (connection.out.empty()) connection.bytewise = false;
  return true;
}

OkAnswer ScriptedServer::committed() {
  if (gtid_domain.empty()) return {.affected_rows = 1};
  std::string gtid = gtid_domain + std::to_string(next_gtid);
  ++next_gtid;
  return {.affected_rows = 1, .gtid = std::move(gtid)};
}

bool ScriptedServer::answer_set_up(Reply& reply) {
  const std::string& sql = reply.request.text;
  if (sql.starts_with("SELECT @@character_set_client, @@character_set_results")) {
    reply.rows({"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"},
               {{"utf8mb4", "utf8mb4", "utf8mb4_general_ci", "STRICT_TRANS_TABLES", std::to_string(server_id),
                 name_ + ":3306", "0", "0", "NO_CHAIN", "OFF", "0", "0",
                 flavor_ == Flavor::kMysql ? uuid : std::string()}});
    return true;
  }
  if (sql.starts_with("SELECT CAST(UNIX_TIMESTAMP() AS SIGNED)")) {
    reply.rows({"started"}, {{std::to_string(started_at)}});
    return true;
  }
  return false;
}

void ScriptedServer::answer_query(Reply& reply) {
  if (answer_set_up(reply)) return;
  std::string_view rest = reply.request.text;
  for (size_t end = rest.find(';'); end != std::string_view::npos && end + 1 < rest.size();
       end = rest.find(';')) {
    reply.more = true;
    answer_statement(reply, trimmed(rest.substr(0, end)));
    rest = rest.substr(end + 1);
  }
  reply.more = false;
  answer_statement(reply, trimmed(rest));
}

// Each user variable is asked for with its bytes and its collation; each has the value 'x'.
void ScriptedServer::answer_user_variables(Reply& reply, std::string_view sql) {
  std::vector<std::string> values;
  for (size_t at = sql.find("HEX(@"); at != std::string_view::npos; at = sql.find("HEX(@", at + 1)) {
    for (const char* value : {"x", "78", "utf8mb4_general_ci"})
      values.emplace_back(value);
  }
  reply.rows(std::vector<std::string>(values.size(), "v"), {values});
}

void ScriptedServer::answer_statement(Reply& reply, std::string_view text) {
  ServerConnection& connection = reply.connection;
  while (text.starts_with("/*") && text.find("*/") != std::string_view::npos)
    text = trimmed(text.substr(text.find("*/") + 2));
  const std::string sql = upper(text);
  if (sql.find("'COMMITTING')") != std::string::npos)
    return reply.rows({"check"}, {{!owned.empty() ? "committing" : read_only ? "1" : "0"}});
  if (sql.find("WAIT_FOR_EXECUTED_GTID_SET(") != std::string::npos ||
      sql.find("MASTER_GTID_WAIT(") != std::string::npos)
    return reply.rows({"wait"}, {{"0"}});
  if (sql.find("@@GLOBAL.GTID_OWNED") != std::string::npos)
    return reply.rows({"owned", "position", "read_only"}, {{owned, position(), read_only ? "1" : "0"}});
  if (sql.find("@@GLOBAL.GTID_") != std::string::npos)
    return reply.rows({"position", "read_only"}, {{position(), read_only ? "1" : "0"}});
  if (sql.starts_with("SELECT @@GLOBAL.READ_ONLY"))
    return reply.rows({"read_only"}, {{read_only ? "1" : "0"}});
  if (sql.starts_with("SELECT @") && sql.find(",HEX(@") != std::string::npos)
    return answer_user_variables(reply, sql);
  if (sql == "SELECT LAST_INSERT_ID() LIMIT 1") return reply.rows({"id"}, {{"0"}});
  if (starts_with_any(sql, {"SELECT", "SHOW", "EXPLAIN", "TABLE", "WITH", "("}))
    return reply.rows({"server"}, {{name_}});
  if (starts_with_any(sql, {"BEGIN", "START TRANSACTION"})) {
    connection.in_transaction = true;
    return reply.ok();
  }
  if (starts_with_any(sql, {"COMMIT", "ROLLBACK"})) {
    const bool commits = connection.wrote && sql.starts_with("COMMIT");
    connection.in_transaction = false;
    connection.wrote = false;
    return commits ? reply.ok(committed()) : reply.ok();
  }
  if (sql.starts_with("USE ")) {
    connection.schema = std::string(text.substr(4));
    return reply.ok({.schema = connection.schema});
  }
  if (starts_with_any(sql, {"SET", "KILL", "DO", "PREPARE", "DEALLOCATE"})) return reply.ok();
  if (read_only) return reply.error(1290, "HY000", "The server is running with the --read-only option");
  if (connection.in_transaction) {
    connection.wrote = true;
    return reply.ok({.affected_rows = 1});
  }
  reply.ok(committed());
}

void ScriptedServer::answer_as_usual(Reply& reply) {
  ServerConnection& connection = reply.connection;
  const std::string& text = reply.request.text;
  switch (reply.request.command) {
    case Command::kQuery:
      return answer_query(reply);
    case Command::kStmtExecute:
      return answer_statement(reply, text);
    case Command::kStmtPrepare: {
      const size_t parameters = static_cast<size_t>(std::ranges::count(text, '?'));
      const size_t columns = starts_with_any(upper(text), {"SELECT", "SHOW"}) ? 1 : 0;
      return reply.prepared(parameters, columns);
    }
    case Command::kInitDb:
      connection.schema = text;
      return reply.ok({.schema = text});
    case Command::kResetConnection:
      connection.in_transaction = false;
      connection.autocommit = true;
      connection.prepared.clear();
      return reply.ok();
    case Command::kSetOption:
      return reply.eof();
    default:
      return reply.ok();
  }
}

std::vector<std::string> ScriptedServer::statements() const {
  std::vector<std::string> all;
  for (const Received& one : received_)
    if (!one.set_up) all.push_back(one.to_string());
  return all;
}

Buffer ScriptedServer::last_payload(Command command) const {
  const auto found = std::find_if(received_.rbegin(), received_.rend(),
                                  [command](const Received& one) { return one.command == command; });
  return found == received_.rend() ? Buffer() : found->payload;
}

size_t ScriptedServer::count(std::string_view text) const {
  return static_cast<size_t>(std::ranges::count_if(received_, [text](const Received& one) {
    return one.command != Command::kStmtPrepare && one.command != Command::kStmtClose &&
           one.command != Command::kStmtSendLongData && one.text.find(text) != std::string::npos;
  }));
}

size_t ScriptedServer::connections_of(std::string_view user) const {
  return static_cast<size_t>(
      std::ranges::count_if(connections_, [user](const auto& one) { return one->user == user; }));
}

size_t ScriptedServer::connections_with_tls() const {
  return static_cast<size_t>(std::ranges::count_if(
      connections_, [](const auto& one) { return one->tls != nullptr && one->tls->is_done(); }));
}

void ScriptedServer::forget() {
  received_.clear();
  round_trips_ = 0;
}

}  // namespace causeway::test
