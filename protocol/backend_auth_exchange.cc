#include "protocol/backend_auth_exchange.h"

#include <algorithm>
#include <utility>

#include "protocol/err_packet.h"
#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

// MariaDB tries the plugins of an account one after the other (IDENTIFIED VIA ... OR ...), each with a
// switch.
constexpr int kMaxSwitches = 8;

template <size_t size>
SecretBytes secret_of(const std::array<uint8_t, size>& bytes) {
  return SecretBytes(Bytes(bytes));
}

SecretBytes with_nul(const SecretBytes& password) {
  SecretBytes out(password.size() + 1);
  std::copy(password.view().begin(), password.view().end(), out.writable().begin());
  return out;
}

}  // namespace

BackendAuthExchange::BackendAuthExchange(BackendAuthSettings settings, const Credentials& credentials)
    : settings_(settings), credentials_(&credentials) {}

BackendAuthExchange::FirstResponse BackendAuthExchange::first_response(std::string_view server_default_plugin,
                                                                       const Nonce& nonce,
                                                                       uint8_t sequence_id) {
  nonce_ = nonce;
  next_sequence_id_ = static_cast<uint8_t>(sequence_id + 1);
  // Never the clear password unasked.
  if (server_default_plugin == auth_plugin::kCachingSha2Password && can_answer(server_default_plugin))
    plugin_ = server_default_plugin;
  else if (can_answer(auth_plugin::kNativePassword) || !can_answer(auth_plugin::kCachingSha2Password))
    plugin_ = auth_plugin::kNativePassword;
  else
    plugin_ = auth_plugin::kCachingSha2Password;
  response_ = can_answer(plugin_) ? make_response(plugin_) : SecretBytes();
  state_ = State::kResponseSent;
  return {.plugin = plugin_, .response = response_.view()};
}

BackendAction BackendAuthExchange::on_packet(Bytes payload, uint8_t sequence_id, Buffer& out) {
  if (state_ == State::kFinished) return BackendAction::kFailed;
  if (state_ == State::kNew || sequence_id != next_sequence_id_)
    return fail(BackendFailure::Reason::kBrokenProtocol, "the server's packets are out of order");
  next_sequence_id_ = static_cast<uint8_t>(sequence_id + 1);
  if (payload.empty())
    return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent an empty packet");
  switch (payload[0]) {
    case kOkHeader:
      if (state_ == State::kKeyRequested) break;
      state_ = State::kFinished;
      return BackendAction::kDone;
    case kErrHeader:
      if (is_password_missing_)
        return fail(BackendFailure::Reason::kPasswordNotKnown,
                    "what is known of the password is not enough for any plugin of the account");
      failure_ = refusal(payload);
      state_ = State::kFinished;
      return BackendAction::kFailed;
    case kAuthSwitchRequestHeader:
      return on_auth_switch(payload, out);
    case kAuthMoreDataHeader:
      return on_more_data(payload, out);
    default:
      break;
  }
  return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent an unexpected packet");
}

BackendFailure BackendAuthExchange::refusal(Bytes err_payload) {
  const Result<ErrPacket> err = parse_err_packet(err_payload);
  if (!err)
    return {.reason = BackendFailure::Reason::kBrokenProtocol,
            .message = "the server sent a malformed ERR packet"};
  return {.reason = BackendFailure::Reason::kRefused,
          .code = err->code,
          .sqlstate = err->sql_state.empty() ? std::string("HY000") : std::string(err->sql_state),
          .message = std::string(err->message)};
}

bool BackendAuthExchange::can_answer(std::string_view plugin) const {
  const Credentials& known = *credentials_;
  if (known.known_empty || !known.clear_password.empty()) return true;
  if (plugin == auth_plugin::kNativePassword) return !known.sha1.empty();
  return plugin == auth_plugin::kCachingSha2Password && !known.sha256.empty();
}

SecretBytes BackendAuthExchange::make_response(std::string_view plugin) const {
  const Credentials& known = *credentials_;
  if (plugin == auth_plugin::kClearPassword) return with_nul(known.clear_password);
  if (plugin == auth_plugin::kEd25519)
    return known.known_empty ? SecretBytes()
                             : secret_of(ed25519_sign(known.clear_password.view(), ed25519_nonce_));
  if (plugin == auth_plugin::kNativePassword) {
    if (known.known_empty) return {};
    return secret_of(native_scramble(
        nonce_, known.sha1.empty() ? sha1_secret(known.clear_password.view()).view() : known.sha1.view()));
  }
  // The empty password is a lone NUL in caching_sha2_password.
  if (known.known_empty) return SecretBytes(size_t{1});
  return secret_of(caching_sha2_scramble(nonce_, known.sha256.empty()
                                                     ? sha256_secret(known.clear_password.view()).view()
                                                     : known.sha256.view()));
}

BackendAction BackendAuthExchange::on_auth_switch(Bytes payload, Buffer& out) {
  const Result<AuthSwitchRequest> request = parse_auth_switch_request(payload);
  if (!request || ++switches_ > kMaxSwitches)
    return fail(BackendFailure::Reason::kBrokenProtocol,
                "the server sent a malformed AuthSwitchRequest, or too many");
  plugin_ = request->plugin;
  const bool clear = plugin_ == auth_plugin::kClearPassword;
  const bool ed25519 = plugin_ == auth_plugin::kEd25519;
  const bool scrambled =
      plugin_ == auth_plugin::kNativePassword || plugin_ == auth_plugin::kCachingSha2Password;
  if (!clear && !ed25519 && !scrambled)
    return fail(BackendFailure::Reason::kUnknownPlugin,
                "the server asks for the authentication plugin '" + plugin_ + "', which is not supported");
  if (clear && !settings_.secure_transport)
    return fail(BackendFailure::Reason::kInsecureTransport,
                "the server asks for the clear password over a transport that is not secure");
  // MariaDB asks for the plugins of an account one after the other, until one is answered right.
  if (!can_answer(plugin_) && ed25519) {
    is_password_missing_ = true;
    state_ = State::kResponseSent;
    return send(Ed25519Signature{}, out);
  }
  if (!can_answer(plugin_))
    return fail(BackendFailure::Reason::kPasswordNotKnown,
                "what is known of the password is not enough for " + plugin_);
  if (ed25519) {
    if (request->data.size() != kEd25519NonceBytes)
      return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent a malformed nonce");
    std::ranges::copy(request->data, ed25519_nonce_.begin());
  } else if (scrambled) {
    const Result<Nonce> nonce = parse_nonce(request->data);
    if (!nonce) return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent a malformed nonce");
    nonce_ = *nonce;
  }
  state_ = State::kResponseSent;
  return send(make_response(plugin_).view(), out);
}

BackendAction BackendAuthExchange::on_more_data(Bytes payload, Buffer& out) {
  const Bytes data = payload.subspan(1);
  if (plugin_ != auth_plugin::kCachingSha2Password || data.empty())
    return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent unexpected authentication data");
  if (state_ == State::kKeyRequested) return send_encrypted_password(data, out);
  if (state_ == State::kResponseSent && data.size() == 1) {
    if (data[0] == caching_sha2::kFastAuthOk) return BackendAction::kReadPacket;
    if (data[0] == caching_sha2::kFullAuthNeeded) return send_full_password(out);
  }
  return fail(BackendFailure::Reason::kBrokenProtocol, "the server sent unexpected authentication data");
}

BackendAction BackendAuthExchange::send_full_password(Buffer& out) {
  if (credentials_->clear_password.empty())
    return fail(BackendFailure::Reason::kPasswordNotKnown,
                "the server asks for the whole password, of which only a hash is known");
  if (settings_.secure_transport) {
    full_authentication_ = true;
    state_ = State::kFullSent;
    return send(with_nul(credentials_->clear_password).view(), out);
  }
  if (!settings_.allow_public_key_retrieval)
    return fail(BackendFailure::Reason::kInsecureTransport,
                "the server asks for the whole password over a transport that is not secure, and asking for "
                "its public key is "
                "not allowed");
  state_ = State::kKeyRequested;
  return send({&caching_sha2::kRequestPublicKey, 1}, out);
}

BackendAction BackendAuthExchange::send_encrypted_password(Bytes pem, Buffer& out) {
  const Result<std::vector<uint8_t>> encrypted =
      rsa_encrypt_password(credentials_->clear_password.view(), nonce_, as_text(pem));
  if (!encrypted)
    return fail(BackendFailure::Reason::kBrokenProtocol,
                "the server's public key cannot be used: " + encrypted.error().message());
  full_authentication_ = true;
  state_ = State::kFullSent;
  return send(*encrypted, out);
}

BackendAction BackendAuthExchange::send(Bytes payload, Buffer& out) {
  next_sequence_id_ = append_packets(out, payload, next_sequence_id_);
  return BackendAction::kReadPacket;
}

BackendAction BackendAuthExchange::fail(BackendFailure::Reason reason, std::string_view message) {
  failure_ = {.reason = reason, .message = std::string(message)};
  state_ = State::kFinished;
  return BackendAction::kFailed;
}

}  // namespace causeway::protocol
