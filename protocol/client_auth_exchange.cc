#include "protocol/client_auth_exchange.h"

#include <algorithm>
#include <utility>

#include "protocol/err_packet.h"
#include "protocol/packet_header.h"

namespace causeway::protocol {
namespace {

// The empty password: no bytes, or a lone NUL.
bool is_empty_response(Bytes response) {
  return response.empty() || (response.size() == 1 && response[0] == 0);
}

std::string access_denied_text(std::string_view user, std::string_view host, bool used_password) {
  // The servers cut both names.
  std::string text = "Access denied for user '";
  text.append(user.substr(0, 48)).append("'@'").append(host.substr(0, 64));
  return text.append("' (using password: ").append(used_password ? "YES)" : "NO)");
}

AccountVerifier::Kind kind_of(std::string_view plugin) {
  return plugin == auth_plugin::kCachingSha2Password ? AccountVerifier::Kind::kCachingSha2
                                                     : AccountVerifier::Kind::kNative;
}

std::string_view plugin_of(AccountVerifier::Kind kind) {
  switch (kind) {
    case AccountVerifier::Kind::kCachingSha2:
      return auth_plugin::kCachingSha2Password;
    case AccountVerifier::Kind::kEd25519:
    case AccountVerifier::Kind::kClearPassword:
      return auth_plugin::kClearPassword;
    case AccountVerifier::Kind::kNative:
    case AccountVerifier::Kind::kUnknown:
      break;
  }
  return auth_plugin::kNativePassword;
}

}  // namespace

AccountVerifier AccountVerifier::native(const Sha1Digest& double_hash) {
  return {.kind = Kind::kNative, .native_double_hash = double_hash};
}

AccountVerifier AccountVerifier::caching_sha2(std::optional<Sha256Digest> double_hash,
                                              std::optional<CachingSha2Hash> stored) {
  return {.kind = Kind::kCachingSha2, .sha256_double_hash = double_hash, .stored_hash = stored};
}

AccountVerifier AccountVerifier::ed25519(const Ed25519PublicKey& key) {
  return {.kind = Kind::kEd25519, .ed25519_key = key};
}

AccountVerifier AccountVerifier::unknown(std::optional<CachingSha2Hash> decoy) {
  return {.kind = Kind::kUnknown, .stored_hash = decoy};
}

ClientAuthExchange::ClientAuthExchange(ClientAuthSettings settings, std::string_view user,
                                       std::string_view plugin, Bytes response, const Nonce& nonce,
                                       bool nonce_is_spent, uint8_t next_sequence_id)
    : settings_(std::move(settings)),
      user_(user),
      client_plugin_(plugin),
      response_(response),
      nonce_(nonce),
      nonce_is_spent_(nonce_is_spent),
      next_sequence_id_(next_sequence_id),
      used_password_(!is_empty_response(response)) {
  if (client_plugin_.empty())
    client_plugin_ = has(settings_.capabilities, capability::kSecureConnection) ? auth_plugin::kNativePassword
                                                                                : auth_plugin::kOldPassword;
}

ClientAction ClientAuthExchange::on_account(const AccountVerifier& account, Buffer& out) {
  if (state_ != State::kAccount) return fail_malformed(out);
  take_account(account);
  return ask_for_password(out);
}

void ClientAuthExchange::take_account(const AccountVerifier& account) {
  given_ = account;
  account_ = account;
  account_exists_ = account.kind != AccountVerifier::Kind::kUnknown;
  if (!account_exists_) account_.kind = kind_of(settings_.default_plugin);
  next_fallback_ = 0;
  fallback_.reset();
}

ClientAction ClientAuthExchange::ask_for_password(Buffer& out) {
  const std::string_view plugin = plugin_of(account_.kind);
  if (plugin == auth_plugin::kClearPassword && !settings_.secure_transport) return fail_insecure(out);
  const bool can_switch = has(settings_.capabilities, capability::kPluginAuth);
  const bool is_same = plugin == client_plugin_;
  if (is_same && !(nonce_is_spent_ && can_switch)) return check_response(response_.view(), out);
  // MariaDB takes a right answer to the nonce of before, and its clients give no other (Connector/C 3.3,
  // mysqljs).
  if (is_same && account_.kind == AccountVerifier::Kind::kNative && answers_native(response_.view()))
    return done();
  if (!can_switch)
    return fail(ClientFailure::kUnsupportedClient, 1251, "08004",
                "Client does not support authentication protocol requested by server; consider upgrading "
                "MySQL client",
                out);
  return switch_plugin(plugin, out);
}

ClientAction ClientAuthExchange::on_account_refreshed(const AccountVerifier& account, Buffer& out) {
  if (state_ != State::kRefresh) return fail_malformed(out);
  if (account == given_) return ask_for_fallback(out);
  const std::string_view asked_plugin = plugin_of(account_.kind);
  take_account(account);
  if (plugin_of(account_.kind) != asked_plugin)
    return was_asked_ ? access_denied(out) : ask_for_password(out);
  if (!credentials_.clear_password.empty()) {
    SecretBytes password = std::move(credentials_.clear_password);
    return check_clear_password(std::move(password), out);
  }
  // The answer to an AuthSwitchRequest is as good as a first one, one to caching_sha2_password's 0x04 is not.
  const bool was_asked_for_all = was_asked_ && account_.kind == AccountVerifier::Kind::kCachingSha2 &&
                                 !is_empty_response(response_.view());
  return was_asked_for_all ? access_denied(out) : check_response(response_.view(), out);
}

ClientAction ClientAuthExchange::on_packet(Bytes payload, uint8_t sequence_id, Buffer& out) {
  if (state_ == State::kFinished) return ClientAction::kFailed;
  // The ERR packet takes the number that was due, as the servers' does.
  if (sequence_id != next_sequence_id_)
    return fail(ClientFailure::kOutOfOrder, 1156, "08S01", "Got packets out of order", out);
  ++next_sequence_id_;
  if (payload.size() > kMaxAuthPacketBytes) return fail_malformed(out);
  switch (state_) {
    case State::kResponse:
      used_password_ = !is_empty_response(payload);
      response_ = SecretBytes(parse_auth_switch_response(payload).data);
      return check_response(response_.view(), out);
    case State::kFullPassword:
      return on_full_password(payload, out);
    case State::kRsaPassword:
      return on_encrypted_password(payload, out);
    case State::kAccount:
    case State::kVerification:
    case State::kRefresh:
    case State::kFinished:
      break;
  }
  return fail_malformed(out);
}

ClientAction ClientAuthExchange::on_password_verified(bool accepted, Buffer& out) {
  if (state_ != State::kVerification) return fail_malformed(out);
  return accepted ? done() : access_denied(out);
}

ClientAction ClientAuthExchange::refuse(uint16_t code, std::string_view sqlstate, std::string_view message,
                                        Buffer& out) {
  return fail(ClientFailure::kRefusedByShell, code, sqlstate, message, out);
}

Credentials ClientAuthExchange::take_credentials() {
  return std::exchange(credentials_, Credentials{});
}

ClientAction ClientAuthExchange::check_response(Bytes response, Buffer& out) {
  switch (account_.kind) {
    case AccountVerifier::Kind::kCachingSha2:
      return check_caching_sha2(response, out);
    case AccountVerifier::Kind::kEd25519:
    case AccountVerifier::Kind::kClearPassword:
      return on_clear_password(response, out);
    case AccountVerifier::Kind::kNative:
    case AccountVerifier::Kind::kUnknown:
      break;
  }
  return check_native(response, out);
}

bool ClientAuthExchange::answers_native(Bytes response) {
  if (response.size() != Sha1Digest{}.size()) return false;
  // An account that has no hash is compared all the same, so that it takes the same time.
  std::optional<SecretBytes> sha1 =
      check_native_scramble(nonce_, response, account_.native_double_hash.value_or(Sha1Digest{}));
  const bool known = account_exists_ && account_.native_double_hash;
  for (size_t i = 0; !sha1 && i < account_.other_native_double_hashes.size(); ++i) {
    sha1 = check_native_scramble(nonce_, response, account_.other_native_double_hashes[i]);
    if (sha1) matched_other_ = i;
  }
  if (!sha1 || !known) return false;
  credentials_.sha1 = std::move(*sha1);
  return true;
}

bool ClientAuthExchange::is_caching_sha2_password(Bytes password) {
  if (check_caching_sha2_password(password, *account_.stored_hash)) return true;
  for (size_t i = 0; i < account_.other_stored_hashes.size(); ++i) {
    if (!check_caching_sha2_password(password, account_.other_stored_hashes[i])) continue;
    matched_other_ = i;
    return true;
  }
  return false;
}

bool ClientAuthExchange::is_ed25519_password(Bytes password) {
  if (account_.empty_password) return password.empty();
  const Ed25519PublicKey key = ed25519_public_key(password);
  if (account_.ed25519_key == key) return true;
  const auto other = std::ranges::find(account_.other_ed25519_keys, key);
  if (other == account_.other_ed25519_keys.end()) return false;
  matched_other_ = static_cast<size_t>(other - account_.other_ed25519_keys.begin());
  return true;
}

ClientAction ClientAuthExchange::check_native(Bytes response, Buffer& out) {
  if (response.empty()) return accept_empty_password(out);
  if (response.size() != Sha1Digest{}.size()) return fail_malformed(out);
  return answers_native(response) ? done() : deny_or_refresh(out);
}

ClientAction ClientAuthExchange::check_caching_sha2(Bytes response, Buffer& out) {
  if (is_empty_response(response)) return accept_empty_password(out);
  // The servers say Bad handshake to a native answer of the wrong length, and this to one of
  // caching_sha2_password.
  if (response.size() != Sha256Digest{}.size()) return deny_or_refresh(out);
  if (account_.sha256_double_hash && account_exists_) {
    std::optional<SecretBytes> sha256 =
        check_caching_sha2_scramble(nonce_, response, *account_.sha256_double_hash);
    if (sha256) {
      credentials_.sha256 = std::move(*sha256);
      send_more_data({&caching_sha2::kFastAuthOk, 1}, out);
      return done();
    }
  }
  if (!settings_.secure_transport && settings_.rsa_key == nullptr) return fail_insecure(out);
  send_more_data({&caching_sha2::kFullAuthNeeded, 1}, out);
  state_ = State::kFullPassword;
  return ClientAction::kReadPacket;
}

ClientAction ClientAuthExchange::on_full_password(Bytes payload, Buffer& out) {
  // Some clients ask for the key over a Unix socket too. A clear password ends with a NUL: no mistaking it.
  const bool wants_key = payload.size() == 1 && payload[0] == caching_sha2::kRequestPublicKey;
  if (wants_key && settings_.rsa_key != nullptr) {
    send_more_data(as_bytes(settings_.rsa_key->public_key_pem()), out);
    state_ = State::kRsaPassword;
    return ClientAction::kReadPacket;
  }
  // Without asking: the client has the key already.
  return settings_.secure_transport ? on_clear_password(payload, out) : on_encrypted_password(payload, out);
}

ClientAction ClientAuthExchange::on_encrypted_password(Bytes payload, Buffer& out) {
  if (settings_.rsa_key == nullptr) return fail_insecure(out);
  std::optional<SecretBytes> password = settings_.rsa_key->decrypt_password(payload, nonce_);
  if (!password) return access_denied(out);
  return check_clear_password(std::move(*password), out);
}

ClientAction ClientAuthExchange::on_clear_password(Bytes payload, Buffer& out) {
  if (!payload.empty() && payload.back() == 0) payload = payload.first(payload.size() - 1);
  if (std::find(payload.begin(), payload.end(), uint8_t{0}) != payload.end()) return fail_malformed(out);
  return check_clear_password(SecretBytes(payload), out);
}

ClientAction ClientAuthExchange::check_clear_password(SecretBytes password, Buffer& out) {
  used_password_ = !password.empty();
  if (account_.kind == AccountVerifier::Kind::kCachingSha2) {
    if (password.empty()) return accept_empty_password(out);
    if (account_.empty_password) {
      credentials_.clear_password = std::move(password);
      return deny_or_refresh(out);
    }
  }
  credentials_ = Credentials::from_password(password.text());
  if (account_.kind == AccountVerifier::Kind::kCachingSha2 && account_.stored_hash) {
    const bool right = is_caching_sha2_password(password.view());
    return right && account_exists_ ? done() : deny_or_refresh(out);
  }
  if (account_.kind == AccountVerifier::Kind::kEd25519) {
    return is_ed25519_password(password.view()) ? done() : deny_or_refresh(out);
  }
  state_ = State::kVerification;
  return ClientAction::kVerifyPassword;
}

ClientAction ClientAuthExchange::accept_empty_password(Buffer& out) {
  if (!account_exists_ || !account_.empty_password) return deny_or_refresh(out);
  credentials_.known_empty = true;
  return done();
}

ClientAction ClientAuthExchange::switch_plugin(std::string_view plugin, Buffer& out) {
  if (nonce_is_spent_) nonce_ = make_nonce();
  Buffer data(nonce_.begin(), nonce_.end());
  data.push_back(0);
  if (plugin == auth_plugin::kClearPassword) data.clear();
  Buffer payload;
  append_auth_switch_request(payload, {.plugin = plugin, .data = data});
  send(payload, out);
  state_ = State::kResponse;
  return ClientAction::kReadPacket;
}

ClientAction ClientAuthExchange::done() {
  response_.reset();
  state_ = State::kFinished;
  return ClientAction::kDone;
}

ClientAction ClientAuthExchange::deny_or_refresh(Buffer& out) {
  if (was_refreshed_) return ask_for_fallback(out);
  was_refreshed_ = true;
  state_ = State::kRefresh;
  return ClientAction::kRefreshAccount;
}

// Without a way that the client can be asked for, the password is wrong.
ClientAction ClientAuthExchange::ask_for_fallback(Buffer& out) {
  while (has(settings_.capabilities, capability::kPluginAuth) && next_fallback_ < given_.fallbacks.size()) {
    fallback_ = next_fallback_++;
    account_ = given_.fallbacks[*fallback_];
    matched_other_.reset();
    const std::string_view plugin = plugin_of(account_.kind);
    const bool is_clear = plugin == auth_plugin::kClearPassword;
    if (is_clear && !settings_.secure_transport) continue;
    SecretBytes password = std::exchange(credentials_, Credentials{}).clear_password;
    if (is_clear && !password.empty()) return check_clear_password(std::move(password), out);
    nonce_is_spent_ = true;
    return switch_plugin(plugin, out);
  }
  return access_denied(out);
}

ClientAction ClientAuthExchange::access_denied(Buffer& out) {
  return fail(ClientFailure::kAccessDenied, 1045, "28000",
              access_denied_text(user_, settings_.client_host, used_password_), out);
}

ClientAction ClientAuthExchange::fail_malformed(Buffer& out) {
  return fail(ClientFailure::kMalformedPacket, 1043, "08S01", "Bad handshake", out);
}

ClientAction ClientAuthExchange::fail_insecure(Buffer& out) {
  return fail(ClientFailure::kInsecureTransport, 3159, "HY000",
              "The authentication plugin of this account needs a secure transport: connect with TLS", out);
}

ClientAction ClientAuthExchange::fail(ClientFailure failure, uint16_t code, std::string_view sqlstate,
                                      std::string_view message, Buffer& out) {
  if (state_ == State::kFinished) return ClientAction::kFailed;
  append_err_packet(out, {.code = code, .sql_state = sqlstate, .message = message}, next_sequence_id_++);
  credentials_ = Credentials{};
  response_.reset();
  failure_ = failure;
  state_ = State::kFinished;
  return ClientAction::kFailed;
}

void ClientAuthExchange::send_more_data(Bytes data, Buffer& out) {
  Buffer payload;
  append_auth_more_data(payload, {.data = data});
  send(payload, out);
}

void ClientAuthExchange::send(Bytes payload, Buffer& out) {
  was_asked_ = true;
  next_sequence_id_ = append_packets(out, payload, next_sequence_id_);
}

}  // namespace causeway::protocol
