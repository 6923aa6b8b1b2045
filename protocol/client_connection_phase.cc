#include "protocol/client_connection_phase.h"

#include <utility>

#include "protocol/err_packet.h"
#include "protocol/packet_header.h"

namespace causeway::protocol {

ClientConnectionPhase::ClientConnectionPhase(ServerIdentity identity) : identity_(std::move(identity)) {}

ClientAction ClientConnectionPhase::start(Buffer& out) {
  if (state_ != State::kNew) return fail_malformed(out);
  const size_t packet = begin_packet(out, next_sequence_id_++);
  append_handshake_v10(out, {.server_version = identity_.server_version,
                             .thread_id = identity_.connection_id,
                             .nonce = identity_.nonce,
                             .capabilities = identity_.capabilities,
                             .collation = identity_.collation,
                             .status = identity_.status,
                             .auth_plugin = identity_.default_plugin});
  finish_packet(out, packet);
  state_ = State::kFirstPacket;
  return ClientAction::kReadPacket;
}

ClientAction ClientConnectionPhase::change_user(const ComChangeUser& change, CapabilityFlags negotiated,
                                                uint8_t collation, bool tls) {
  profile_.capabilities = negotiated;
  // The connection phase towards servers has one byte for it; 0 is the server's own, as it takes unknown ones
  // for.
  profile_.collation = collation;
  if (change.collation)
    profile_.collation = *change.collation <= 0xff ? static_cast<uint8_t>(*change.collation) : uint8_t{0};
  profile_.user = change.user;
  profile_.database = change.database;
  profile_.connect_attributes.assign(change.connect_attributes.begin(), change.connect_attributes.end());
  profile_.tls = tls;
  next_sequence_id_ = 1;
  return authenticate(change.auth_plugin, change.auth_response, /*nonce_is_spent=*/true);
}

ClientAction ClientConnectionPhase::on_packet(Bytes payload, uint8_t sequence_id, Buffer& out) {
  if (state_ == State::kFailed) return ClientAction::kFailed;
  if (auth_) return auth_->on_packet(payload, sequence_id, out);
  if (sequence_id != next_sequence_id_)
    return fail(ClientFailure::kOutOfOrder, 1156, "08S01", "Got packets out of order", out);
  ++next_sequence_id_;
  if (state_ == State::kResponse) return on_response(payload, out);
  if (state_ != State::kFirstPacket) return fail_malformed(out);
  if (!is_ssl_request(payload)) return on_response(payload, out);
  if (!has(identity_.capabilities, capability::kSsl)) return fail_malformed(out);
  state_ = State::kTls;
  return ClientAction::kStartTls;
}

ClientAction ClientConnectionPhase::on_tls_started(Buffer& out) {
  if (state_ != State::kTls) return fail_malformed(out);
  profile_.tls = true;
  state_ = State::kResponse;
  return ClientAction::kReadPacket;
}

ClientAction ClientConnectionPhase::on_account(const AccountVerifier& account, Buffer& out) {
  return auth_ ? auth_->on_account(account, out) : fail_malformed(out);
}

ClientAction ClientConnectionPhase::on_account_refreshed(const AccountVerifier& account, Buffer& out) {
  return auth_ ? auth_->on_account_refreshed(account, out) : fail_malformed(out);
}

ClientAction ClientConnectionPhase::on_password_verified(bool accepted, Buffer& out) {
  return auth_ ? auth_->on_password_verified(accepted, out) : fail_malformed(out);
}

const SecretBytes& ClientConnectionPhase::clear_password() const {
  static const SecretBytes none;
  return auth_ ? auth_->clear_password() : none;
}

ClientAction ClientConnectionPhase::refuse(uint16_t code, std::string_view sqlstate, std::string_view message,
                                           Buffer& out) {
  return auth_ ? auth_->refuse(code, sqlstate, message, out)
               : fail(ClientFailure::kRefusedByShell, code, sqlstate, message, out);
}

ClientFailure ClientConnectionPhase::failure() const {
  return auth_ ? auth_->failure() : failure_;
}

bool ClientConnectionPhase::used_password() const {
  return auth_ && auth_->used_password();
}

std::optional<size_t> ClientConnectionPhase::matched_other() const {
  return auth_ ? auth_->matched_other() : std::nullopt;
}

std::optional<size_t> ClientConnectionPhase::matched_fallback() const {
  return auth_ ? auth_->matched_fallback() : std::nullopt;
}

Credentials ClientConnectionPhase::take_credentials() {
  return auth_ ? auth_->take_credentials() : Credentials{};
}

Nonce ClientConnectionPhase::nonce() const {
  return auth_ ? auth_->nonce() : identity_.nonce;
}

uint8_t ClientConnectionPhase::next_sequence_id() const {
  return auth_ ? auth_->next_sequence_id() : next_sequence_id_;
}

ClientAction ClientConnectionPhase::on_response(Bytes payload, Buffer& out) {
  const Result<HandshakeResponse41> parsed = parse_handshake_response41(payload);
  if (!parsed) {
    if (parsed.error() != ProtocolError::kUnsupportedVersion) return fail_malformed(out);
    // Clients before 4.1 know no SQLSTATE.
    return fail(ClientFailure::kUnsupportedClient, 1251, "",
                "Client does not support authentication protocol requested by server; consider upgrading "
                "MySQL client",
                out);
  }
  profile_.capabilities = identity_.capabilities & parsed->capabilities;
  profile_.max_packet_bytes = parsed->max_packet_bytes;
  profile_.collation = parsed->collation;
  profile_.user = parsed->user;
  profile_.database = parsed->database;
  profile_.connect_attributes.assign(parsed->connect_attributes.begin(), parsed->connect_attributes.end());
  profile_.zstd_level = parsed->zstd_level;
  return authenticate(parsed->auth_plugin, parsed->auth_response, /*nonce_is_spent=*/false);
}

ClientAction ClientConnectionPhase::authenticate(std::string_view plugin, Bytes response,
                                                 bool nonce_is_spent) {
  auth_.emplace(ClientAuthSettings{.client_host = identity_.client_host,
                                   .default_plugin = identity_.default_plugin,
                                   .capabilities = profile_.capabilities,
                                   .secure_transport = identity_.secure_transport || profile_.tls,
                                   .rsa_key = identity_.rsa_key},
                profile_.user, plugin, response, identity_.nonce, nonce_is_spent, next_sequence_id_);
  return ClientAction::kLookupAccount;
}

ClientAction ClientConnectionPhase::fail_malformed(Buffer& out) {
  return fail(ClientFailure::kMalformedPacket, 1043, "08S01", "Bad handshake", out);
}

ClientAction ClientConnectionPhase::fail(ClientFailure failure, uint16_t code, std::string_view sqlstate,
                                         std::string_view message, Buffer& out) {
  if (state_ == State::kFailed) return ClientAction::kFailed;
  // Between the SslRequest and TLS nothing can be said in clear text.
  if (state_ != State::kTls)
    append_err_packet(out, {.code = code, .sql_state = sqlstate, .message = message}, next_sequence_id_++);
  failure_ = failure;
  state_ = State::kFailed;
  return ClientAction::kFailed;
}

}  // namespace causeway::protocol
