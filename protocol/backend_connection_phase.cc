#include "protocol/backend_connection_phase.h"

#include <utility>

#include "protocol/err_packet.h"
#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

constexpr CapabilityFlags kAlwaysWanted = capability::kProtocol41 | capability::kSecureConnection |
                                          capability::kPluginAuth | capability::kPluginAuthLenencClientData;
constexpr CapabilityFlags kMariadbExtended = ~CapabilityFlags{0} << 32;

// What is sent and holds from then on.
CapabilityFlags negotiate(const BackendLogin& login, CapabilityFlags server, bool tls) {
  CapabilityFlags wanted = login.capabilities | kAlwaysWanted;
  wanted &= ~(capability::kSsl | capability::kConnectWithDb | capability::kLongPassword);
  if (!login.database.empty()) wanted |= capability::kConnectWithDb;
  if (tls) wanted |= capability::kSsl;
  const CapabilityFlags common = wanted & server;
  // kLongPassword says "no extended capabilities in the filler", to MariaDB, which does not offer it itself.
  return (common & kMariadbExtended) != 0 ? common : common | capability::kLongPassword;
}

}  // namespace

BackendConnectionPhase::BackendConnectionPhase(BackendLogin login) : login_(std::move(login)) {}

BackendAction BackendConnectionPhase::on_packet(Bytes payload, uint8_t sequence_id, Buffer& out) {
  switch (state_) {
    case State::kGreeting:
      if (sequence_id != next_sequence_id_++)
        return fail(BackendFailure::Reason::kBrokenProtocol, "the server's packets are out of order");
      return on_greeting(payload, out);
    case State::kAuthentication:
      return on_auth_packet(payload, sequence_id, out);
    case State::kTls:
    case State::kFinished:
      break;
  }
  return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent an unexpected packet");
}

BackendAction BackendConnectionPhase::on_tls_started(Buffer& out) {
  if (state_ != State::kTls) return fail(BackendFailure::Reason::kBrokenProtocol, "TLS was not asked for");
  profile_.tls = true;
  return send_response(out);
}

BackendAction BackendConnectionPhase::on_greeting(Bytes payload, Buffer& out) {
  if (!payload.empty() && payload[0] == kErrHeader) {
    failure_ = BackendAuthExchange::refusal(payload);
    state_ = State::kFinished;
    return BackendAction::kFailed;
  }
  const Result<HandshakeV10> greeting = parse_handshake_v10(payload);
  if (!greeting)
    return fail(BackendFailure::Reason::kBrokenProtocol,
                "the server's greeting: " + greeting.error().message());
  profile_.server_version = greeting->server_version;
  profile_.server_capabilities = greeting->capabilities;
  profile_.thread_id = greeting->thread_id;
  profile_.mariadb = is_mariadb(*greeting);
  nonce_ = greeting->nonce;
  default_plugin_ = greeting->auth_plugin;

  const bool offered = has(greeting->capabilities, capability::kSsl);
  if (requires_tls(login_.tls) && !offered)
    return fail(BackendFailure::Reason::kNoTls, "TLS is required and the server does not offer it");
  const bool tls =
      requires_tls(login_.tls) || (login_.tls == TlsMode::kPreferred && offered && !login_.secure_transport);
  profile_.capabilities = negotiate(login_, greeting->capabilities, tls);
  if (!tls) return send_response(out);

  const size_t packet = begin_packet(out, next_sequence_id_++);
  append_ssl_request(out, {.capabilities = profile_.capabilities,
                           .max_packet_bytes = login_.max_packet_bytes,
                           .collation = login_.collation});
  finish_packet(out, packet);
  state_ = State::kTls;
  return BackendAction::kStartTls;
}

BackendAction BackendConnectionPhase::send_response(Buffer& out) {
  auth_.emplace(BackendAuthSettings{.secure_transport = login_.secure_transport || profile_.tls,
                                    .allow_public_key_retrieval = login_.allow_public_key_retrieval},
                *login_.credentials);
  const uint8_t sequence_id = next_sequence_id_++;
  const BackendAuthExchange::FirstResponse first =
      auth_->first_response(default_plugin_, nonce_, sequence_id);
  const size_t packet = begin_packet(out, sequence_id);
  append_handshake_response41(out, {.capabilities = profile_.capabilities,
                                    .max_packet_bytes = login_.max_packet_bytes,
                                    .collation = login_.collation,
                                    .user = login_.user,
                                    .auth_response = first.response,
                                    .database = login_.database,
                                    .auth_plugin = first.plugin,
                                    .connect_attributes = login_.connect_attributes,
                                    .zstd_level = login_.zstd_level});
  finish_packet(out, packet);
  state_ = State::kAuthentication;
  return BackendAction::kReadPacket;
}

BackendAction BackendConnectionPhase::on_auth_packet(Bytes payload, uint8_t sequence_id, Buffer& out) {
  const BackendAction action = auth_->on_packet(payload, sequence_id, out);
  if (action == BackendAction::kFailed) {
    failure_ = auth_->failure();
    state_ = State::kFinished;
  }
  if (action != BackendAction::kDone) return action;
  const Result<OkPacket> ok = parse_ok_packet(payload, profile_.capabilities);
  if (!ok) return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent a malformed OK packet");
  profile_.status = ok->status_flags;
  profile_.full_authentication = auth_->did_full_authentication();
  state_ = State::kFinished;
  return BackendAction::kDone;
}

BackendAction BackendConnectionPhase::fail(BackendFailure::Reason reason, std::string_view message) {
  if (state_ == State::kFinished) return BackendAction::kFailed;
  failure_ = {.reason = reason, .message = std::string(message)};
  state_ = State::kFinished;
  return BackendAction::kFailed;
}

}  // namespace causeway::protocol
