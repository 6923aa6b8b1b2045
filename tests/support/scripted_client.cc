#include "tests/support/scripted_client.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "protocol/byte_reader.h"
#include "protocol/handshake.h"
#include "tests/support/harness.h"

namespace causeway::test {
namespace {

namespace capability = protocol::capability;
using protocol::Command;

constexpr uint8_t kOk = 0x00;
constexpr uint8_t kMoreData = 0x01;
constexpr uint8_t kSwitch = 0xfe;

Buffer scrambled(std::string_view password, const protocol::Nonce& nonce,
                 std::string_view plugin = protocol::auth_plugin::kCachingSha2Password) {
  if (password.empty()) return {};
  if (plugin == protocol::auth_plugin::kNativePassword) {
    const protocol::SecretBytes hash = protocol::sha1_secret(protocol::as_bytes(password));
    const auto scramble = protocol::native_scramble(nonce, hash.view());
    return {scramble.begin(), scramble.end()};
  }
  const protocol::SecretBytes once = protocol::sha256_secret(protocol::as_bytes(password));
  const auto scramble = protocol::caching_sha2_scramble(nonce, once.view());
  return {scramble.begin(), scramble.end()};
}

}  // namespace

protocol::CapabilityFlags usual_client_capabilities() {
  return capability::kLongPassword | capability::kLongFlag | capability::kProtocol41 |
         capability::kTransactions | capability::kSecureConnection | capability::kMultiStatements |
         capability::kMultiResults | capability::kPsMultiResults | capability::kPluginAuth |
         capability::kPluginAuthLenencClientData | capability::kDeprecateEof;
}

ScriptedClient::ScriptedClient(Harness& harness, int socket) : harness_(harness), socket_(socket) {}

ScriptedClient::~ScriptedClient() {
  close();
  harness_.forget(*this);
}

bool ScriptedClient::pump() {
  if (socket_ < 0 || ended_ || !reads_) return false;
  std::array<uint8_t, 65536> piece;
  bool any = false;
  for (;;) {
    const ssize_t got = ::read(socket_, piece.data(), piece.size());
    if (got > 0) {
      take_wire(Bytes(piece).first(static_cast<size_t>(got)));
      any = true;
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return any;
    ended_ = true;
    return true;
  }
}

void ScriptedClient::take_wire(Bytes wire) {
  Buffer plain;
  if (tls_) {
    tls_->receive(wire, plain);
    wire = plain;
  }
  if (compressed_) {
    compressed_->receive(wire, in_);
  } else {
    in_.insert(in_.end(), wire.begin(), wire.end());
  }
}

Buffer ScriptedClient::sealed(const Buffer& packet) {
  Buffer wire = compressed_ ? compressed_->wrap(packet) : packet;
  return tls_ ? tls_->seal(wire) : wire;
}

void ScriptedClient::send_bytes(Bytes bytes) {
  // What does not go is noticed by its answer.
  while (!bytes.empty() && socket_ >= 0) {
    const ssize_t sent = ::write(socket_, bytes.data(), bytes.size());
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      harness_.settle();
    } else {
      return;
    }
  }
}

void ScriptedClient::send(Bytes payload, uint8_t sequence_id) {
  if (socket_ < 0) return;
  if (compressed_ && sequence_id == 0) compressed_->begin_command();
  Buffer packet = packet_of(payload, sequence_id);
  // Compressed packets have ids of their own, and those within count for nothing.
  const bool out_of_order = fault_ == Fault::kWrongSequence && steps_ == fault_step_;
  if (!out_of_order) return send_step(sealed(packet));
  Buffer wire = compressed_ ? compressed_->wrap(packet) : packet;
  wire[3] = static_cast<uint8_t>(wire[3] + 7);
  send_step(tls_ ? tls_->seal(wire) : wire);
}

void ScriptedClient::send_step(const Buffer& wire) {
  if (socket_ < 0) return;
  const bool faulty = steps_++ == fault_step_;
  switch (faulty ? fault_ : Fault::kNone) {
    case Fault::kNone:
    case Fault::kError:
    case Fault::kWrongSequence:
      return send_bytes(wire);
    case Fault::kClose:
    case Fault::kCloseUnread:
      return close();
    case Fault::kTruncated:
      send_bytes(Bytes(wire).first(wire.size() / 2));
      harness_.settle();
      return close();
    case Fault::kBytewise:
      for (const uint8_t byte : wire) {
        send_bytes(Bytes(&byte, 1));
        harness_.settle();
      }
      return;
    case Fault::kStall:
      // Its own deadline is over some time.
      harness_.wait_until([this] { return ended_; });
      return;
    case Fault::kCloseBehind:
      send_bytes(wire);
      return close();
  }
}

// Asks for TLS, and goes through its handshake: each of its flights is a step.
void ScriptedClient::start_tls(uint8_t collation) {
  Buffer request;
  protocol::append_ssl_request(
      request, {.capabilities = capabilities_, .max_packet_bytes = 1 << 24, .collation = collation});
  send(request, 1);
  tls_ = std::make_unique<TlsPeer>(TlsPeer::Side::kClient);
  for (;;) {
    Buffer flight = tls_->take_handshake();
    if (fault_ == Fault::kWrongSequence && steps_ == fault_step_ && flight.size() > 3)
      flight[3] = static_cast<uint8_t>(flight[3] + 7);
    if (!flight.empty()) send_step(flight);
    if (tls_->is_done() || tls_->has_failed() || ended_ || socket_ < 0) return;
    const bool goes_on = harness_.wait_until([this] {
      return tls_->has_output() || tls_->is_done() || tls_->has_failed() || ended_ || socket_ < 0;
    });
    if (!goes_on) hung_ = true;
    if (!goes_on) return;
  }
}

Answer ScriptedClient::note(Answer answer) {
  bytes_.insert(bytes_.end(), answer.bytes.begin(), answer.bytes.end());
  transcript_.push_back(answer.text());
  return answer;
}

Answer ScriptedClient::receive(Command command) {
  Answer answer;
  const auto is_there = [&] {
    answer = read_answer(in_, command, capabilities_);
    if (compressed_ && compressed_->has_failed()) answer.state = AnswerState::kMalformed;
    return answer.state != AnswerState::kIncomplete || ended_ || socket_ < 0;
  };
  if (!harness_.wait_until(is_there)) hung_ = true;
  in_.clear();
  // An end behind a whole answer is the next command's.
  answer.ended = (ended_ || socket_ < 0) && answer.state == AnswerState::kIncomplete;
  return answer;
}

Answer ScriptedClient::log_in(std::string_view user, std::string_view password, std::string_view schema,
                              protocol::CapabilityFlags capabilities) {
  return log_in({.user = user, .password = password, .schema = schema, .capabilities = capabilities});
}

bool ScriptedClient::take_greeting() {
  if (has_greeting_) return true;
  std::vector<Packet> packets;
  const auto is_there = [&] {
    size_t taken = 0;
    packets = split_packets(in_, taken);
    return !packets.empty() || ended_;
  };
  if (!harness_.wait_until(is_there)) hung_ = true;
  if (packets.empty() || packets[0].payload.empty()) return false;
  const auto greeting = protocol::parse_handshake_v10(packets[0].payload);
  if (!greeting) return false;
  has_greeting_ = true;
  id_ = greeting->thread_id;
  server_version_ = greeting->server_version;
  nonce_ = greeting->nonce;
  offered_ = greeting->capabilities;
  in_.clear();
  return true;
}

Answer ScriptedClient::log_in(const LoginWish& wish) {
  if (!take_greeting()) return note(receive(Command::kQuery));
  capabilities_ = wish.capabilities;
  if (!wish.schema.empty()) capabilities_ |= capability::kConnectWithDb;
  const bool with_tls = protocol::has(capabilities_ & offered_, capability::kSsl);
  if (with_tls) {
    start_tls(wish.collation);
    if (!has_tls()) return note({.ended = true});
  }
  const Buffer scramble = scrambled(wish.password, nonce_, wish.plugin);
  Buffer response;
  protocol::append_handshake_response41(response, {.capabilities = capabilities_,
                                                   .max_packet_bytes = 1 << 24,
                                                   .collation = wish.collation,
                                                   .user = wish.user,
                                                   .auth_response = scramble,
                                                   .database = wish.schema,
                                                   .auth_plugin = wish.plugin,
                                                   .connect_attributes = wish.connect_attributes});
  send(response, with_tls ? 2 : 1);
  capabilities_ &= offered_;
  Answer answer = authenticate(wish.password);
  const bool accepted = answer.state == AnswerState::kComplete && answer.error == 0;
  if (accepted && protocol::has(capabilities_, capability::kCompress))
    compressed_ = std::make_unique<CompressedPeer>();
  return answer;
}

// The rest of a login: more may be asked before the OK or the error.
Answer ScriptedClient::authenticate(std::string_view password) {
  for (;;) {
    std::vector<Packet> packets;
    size_t taken = 0;
    const auto is_there = [&] {
      packets = split_packets(in_, taken);
      return !packets.empty() || ended_ || socket_ < 0;
    };
    if (!harness_.wait_until(is_there)) hung_ = true;
    if (packets.empty()) return note({.ended = true});
    const Packet& first = packets[0];
    const uint8_t kind = first.payload.empty() ? kOk : first.payload[0];
    if (kind == kMoreData && first.payload.size() > 1 && first.payload[1] == 0x03 && packets.size() == 1 &&
        !ended_) {
      harness_.wait_until([&] { return split_packets(in_, taken).size() > 1 || ended_; });
    }
    if (kind == kMoreData && first.payload.size() > 1 && first.payload[1] == 0x03) {
      const Buffer fast(in_.begin(), in_.begin() + 4 + static_cast<ptrdiff_t>(first.payload.size()));
      bytes_.insert(bytes_.end(), fast.begin(), fast.end());
      in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(fast.size()));
      return note(receive(Command::kQuery));
    }
    if (kind == kMoreData) {
      // It is asked for the whole password: first for the key to send it with.
      const Bytes data = Bytes(first.payload).subspan(1);
      const bool is_key = protocol::as_text(data).starts_with("-----BEGIN");
      in_.clear();
      Buffer answer = {0x02};
      if (is_key) {
        auto encrypted =
            protocol::rsa_encrypt_password(protocol::as_bytes(password), nonce_, protocol::as_text(data));
        answer = encrypted ? std::move(*encrypted) : Buffer();
      }
      send(answer, static_cast<uint8_t>(first.sequence_id + 1));
      continue;
    }
    if (kind == kSwitch) {
      // As servers do at COM_CHANGE_USER: another nonce. Or it is asked for the password as it is.
      const Bytes payload = first.payload;
      protocol::ByteReader reader(payload.subspan(1));
      const bool in_clear = reader.text_nul() == protocol::auth_plugin::kClearPassword;
      const Bytes nonce = reader.bytes(nonce_.size());
      if (reader.ok()) std::copy(nonce.begin(), nonce.end(), nonce_.begin());
      const auto next_id = static_cast<uint8_t>(first.sequence_id + 1);
      in_.clear();
      Buffer answer = in_clear ? Buffer(password.begin(), password.end()) : scrambled(password, nonce_);
      if (in_clear) answer.push_back(0);
      send(answer, next_id);
      continue;
    }
    return note(receive(Command::kQuery));
  }
}

void ScriptedClient::start(Command command, std::string_view argument) {
  current_ = command;
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(command));
  writer.text(argument);
  send(payload, 0);
  harness_.settle();
}

Answer ScriptedClient::finish() {
  if (!is_answered(current_)) return {};
  return note(receive(current_));
}

Answer ScriptedClient::command(Command command, std::string_view argument) {
  start(command, argument);
  return finish();
}

Answer ScriptedClient::change_user(std::string_view user, std::string_view password,
                                   std::string_view schema) {
  const Buffer scramble = scrambled(password, nonce_);
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(Command::kChangeUser));
  writer.text_nul(user);
  writer.int1(static_cast<uint8_t>(scramble.size()));
  writer.bytes(scramble);
  writer.text_nul(schema);
  writer.int2(LoginWish{}.collation);
  writer.text_nul(protocol::auth_plugin::kCachingSha2Password);
  send(payload, 0);
  return authenticate(password);
}

Answer ScriptedClient::execute(uint32_t statement_id, const std::vector<std::string>& parameters,
                               uint8_t flags) {
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(Command::kStmtExecute));
  writer.int4(statement_id);
  writer.int1(flags);
  writer.int4(1);
  if (!parameters.empty()) {
    writer.zeros((parameters.size() + 7) / 8);
    writer.int1(1);
    for (size_t i = 0; i < parameters.size(); ++i)
      writer.int2(0xfd);
    for (const std::string& parameter : parameters)
      writer.text_lenenc(parameter);
  }
  current_ = Command::kStmtExecute;
  send(payload, 0);
  return finish();
}

Answer ScriptedClient::statement_command(Command command, uint32_t statement_id) {
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(command));
  writer.int4(statement_id);
  current_ = command;
  send(payload, 0);
  harness_.settle();
  return finish();
}

Answer ScriptedClient::fetch(uint32_t statement_id, uint32_t rows) {
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(Command::kStmtFetch));
  writer.int4(statement_id);
  writer.int4(rows);
  current_ = Command::kStmtFetch;
  send(payload, 0);
  return finish();
}

void ScriptedClient::send_long_data(uint32_t statement_id, uint16_t parameter, std::string_view data) {
  Buffer payload;
  protocol::ByteWriter writer(payload);
  writer.int1(static_cast<uint8_t>(Command::kStmtSendLongData));
  writer.int4(statement_id);
  writer.int2(parameter);
  writer.text(data);
  send(payload, 0);
  harness_.settle();
}

void ScriptedClient::send_raw(Bytes bytes) {
  send_bytes(sealed(Buffer(bytes.begin(), bytes.end())));
  harness_.settle();
}

Answer ScriptedClient::send_file(std::string_view contents) {
  // Behind the request, which was the answer's first packet.
  uint8_t sequence_id = 2;
  if (!contents.empty()) send(protocol::as_bytes(contents), sequence_id++);
  send({}, sequence_id);
  current_ = Command::kQuery;
  return finish();
}

void ScriptedClient::quit() {
  if (is_open()) start(Command::kQuit);
  close();
}

void ScriptedClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

}  // namespace causeway::test
