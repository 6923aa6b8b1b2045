// Authenticates a client: the part of the connection phase that COM_CHANGE_USER goes through again.
//
//   on_account --+-- same plugin ------------------------> check
//                +-- other plugin: AuthSwitchRequest, read -> check
//   check, native:       scramble against the double hash -> done | 1045
//   check, caching_sha2: scramble against the double hash, if that is known and right: 0x03 -> done
//                        else 0x04, read: over a secure transport the clear password; else the request of the
//                        public key (answered, read) and the encrypted password -> stored hash or
//                        kVerifyPassword
//   check, ed25519:      clear password over a secure transport, against the public key
//   check, others:       clear password over a secure transport -> kVerifyPassword
//
// Before a password is called wrong the account is asked for once more (kRefreshAccount): it may have been
// changed a moment ago. If it was, what the client has sent is checked again. Then an account of several
// plugins has the client asked for the next of them, by another AuthSwitchRequest, until it answers one of
// them right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/auth_exchange.h"
#include "protocol/capability_flags.h"
#include "protocol/scramble.h"
#include "protocol/secret.h"

namespace causeway::protocol {

// What the shell has to do next. Before every one of them it writes what the machine appended to `out`.
enum class ClientAction : uint8_t {
  kReadPacket,      // read a packet of the client, at most kMaxConnectionPhasePayloadBytes; on_packet()
  kStartTls,        // accept TLS; on_tls_started(). Bytes already read behind the packet belong to TLS
  kLookupAccount,   // look the account up by user(); on_account()
  kRefreshAccount,  // look the account up again, as it is on the servers now; on_account_refreshed()
  kVerifyPassword,  // try clear_password() for user() by logging in to a server; on_password_verified()
  kDone,            // authenticated: the OK packet is the shell's, with next_sequence_id()
  kFailed,          // `out` ends with the ERR packet, if one could be sent; close. failure() says why
};

// Why a client was refused, for logs, metrics and tests.
enum class ClientFailure : uint8_t {
  kNone,
  kMalformedPacket,    // 1043 Bad handshake
  kOutOfOrder,         // 1156 Got packets out of order
  kUnsupportedClient,  // 1251: before 4.1, or without the plugin the account needs
  kAccessDenied,       // 1045
  kInsecureTransport,  // 3159: the account's plugin needs TLS
  kRefusedByShell,     // refuse() was called
};

// How an account's password is checked.
struct AccountVerifier {
  enum class Kind : uint8_t {
    kNative,         // mysql_native_password
    kCachingSha2,    // caching_sha2_password
    kEd25519,        // MariaDB's ed25519: the clear password, over a secure transport
    kClearPassword,  // any other plugin: the clear password, over a secure transport, verified by the shell
    kUnknown,        // no such account: goes through the steps of the default plugin, and fails
  };
  Kind kind = Kind::kUnknown;
  bool empty_password = false;  // the account has no password (of the first three kinds)

  // kNative: SHA1(SHA1(password)).
  std::optional<Sha1Digest> native_double_hash = std::nullopt;

  // kCachingSha2: SHA256(SHA256(password)), if a full authentication made it known; without it every login is
  // a full one. And the stored form, if it is known: then the clear password is checked here, else by
  // kVerifyPassword.
  std::optional<Sha256Digest> sha256_double_hash = std::nullopt;
  std::optional<CachingSha2Hash> stored_hash = std::nullopt;

  // kEd25519.
  std::optional<Ed25519PublicKey> ed25519_key = std::nullopt;

  // Further passwords that are as good (MySQL's RETAIN CURRENT PASSWORD, MariaDB's IDENTIFIED VIA a OR a), in
  // the same forms: kNative, kCachingSha2, kEd25519. The exchange tells which one it was: matched_other().
  std::vector<Sha1Digest> other_native_double_hashes = {};
  std::vector<CachingSha2Hash> other_stored_hashes = {};
  std::vector<Ed25519PublicKey> other_ed25519_keys = {};

  // Ways in by other plugins (MariaDB's IDENTIFIED VIA a OR b), in the order in which the client is asked for
  // them once it has answered all before wrongly: matched_fallback(). None is unknown, or has fallbacks.
  std::vector<AccountVerifier> fallbacks = {};

  friend bool operator==(const AccountVerifier&, const AccountVerifier&) = default;

  static AccountVerifier native(const Sha1Digest& double_hash);
  static AccountVerifier caching_sha2(std::optional<Sha256Digest> double_hash,
                                      std::optional<CachingSha2Hash> stored);
  static AccountVerifier ed25519(const Ed25519PublicKey& key);
  static AccountVerifier clear_password() { return {.kind = Kind::kClearPassword}; }
  // For an account of one of the three plugins without a password.
  static AccountVerifier without_password(Kind kind) { return {.kind = kind, .empty_password = true}; }
  // Where accounts of caching_sha2_password are checked here, a decoy of a stored form makes the work the
  // same; without one the shell is asked, and its word counts.
  static AccountVerifier unknown(std::optional<CachingSha2Hash> decoy = std::nullopt);
};

struct ClientAuthSettings {
  std::string client_host = {};  // for 1045
  std::string default_plugin =
      {};  // kNativePassword or kCachingSha2Password: what unknown users are asked with
  CapabilityFlags capabilities = 0;     // negotiated
  bool secure_transport = false;        // TLS or a Unix socket
  const RsaKeyPair* rsa_key = nullptr;  // outlives the exchange; null: no full authentication without TLS
};

class ClientAuthExchange {
 public:
  // What the client sent first: its user, its plugin (empty: mysql_native_password, or mysql_old_password
  // without kSecureConnection) and the response it made with this nonce. If `nonce_is_spent`
  // (COM_CHANGE_USER: the nonce has seen a response before) that response is not looked at; an
  // AuthSwitchRequest with a new nonce follows (clients without kPluginAuth excepted). `next_sequence_id` is
  // that of the packet the exchange sends next.
  ClientAuthExchange(ClientAuthSettings settings, std::string_view user, std::string_view plugin,
                     Bytes response, const Nonce& nonce, bool nonce_is_spent, uint8_t next_sequence_id);

  const std::string& user() const { return user_; }

  // Answers kLookupAccount; first call.
  ClientAction on_account(const AccountVerifier& account, Buffer& out);

  // Answers kRefreshAccount.
  ClientAction on_account_refreshed(const AccountVerifier& account, Buffer& out);

  // Answers kReadPacket.
  ClientAction on_packet(Bytes payload, uint8_t sequence_id, Buffer& out);

  // Answers kVerifyPassword; the view of clear_password() ends.
  ClientAction on_password_verified(bool accepted, Buffer& out);
  const SecretBytes& clear_password() const { return credentials_.clear_password; }

  // Ends the exchange with an error of the shell's own (account locked, no server reachable); any time before
  // kDone.
  ClientAction refuse(uint16_t code, std::string_view sqlstate, std::string_view message, Buffer& out);

  ClientFailure failure() const { return failure_; }

  // Whether the client gave a password, right or wrong: what 1045 says.
  bool used_password() const { return used_password_; }

  // After kDone: which of the account's other passwords the client has; nothing if it has the first one.
  std::optional<size_t> matched_other() const { return matched_other_; }

  // From kVerifyPassword on: by which of the account's fallbacks; nothing if it is by the first way. The
  // other passwords are those of this way.
  std::optional<size_t> matched_fallback() const { return fallback_; }

  // After kDone: what was learnt of the password; leaves nothing behind. After a fast path of caching_sha2
  // the SHA256, after mysql_native_password the SHA1, after all others the clear password with both.
  Credentials take_credentials();

  // That the client was asked with last.
  const Nonce& nonce() const { return nonce_; }

  // The sequence id of the next packet towards the client.
  uint8_t next_sequence_id() const { return next_sequence_id_; }

 private:
  enum class State : uint8_t {
    kAccount,       // waits for on_account()
    kResponse,      // waits for the answer to an AuthSwitchRequest
    kFullPassword,  // waits for the clear password, or a request of the public key
    kRsaPassword,   // sent the public key, waits for the encrypted password
    kVerification,  // waits for on_password_verified()
    kRefresh,       // waits for on_account_refreshed()
    kFinished,
  };

  void take_account(const AccountVerifier& account);
  ClientAction ask_for_password(Buffer& out);
  ClientAction check_response(Bytes response, Buffer& out);
  bool answers_native(Bytes response);
  bool is_caching_sha2_password(Bytes password);
  bool is_ed25519_password(Bytes password);
  ClientAction check_native(Bytes response, Buffer& out);
  ClientAction check_caching_sha2(Bytes response, Buffer& out);
  ClientAction on_full_password(Bytes payload, Buffer& out);
  ClientAction on_encrypted_password(Bytes payload, Buffer& out);
  ClientAction on_clear_password(Bytes payload, Buffer& out);
  ClientAction check_clear_password(SecretBytes password, Buffer& out);
  ClientAction accept_empty_password(Buffer& out);
  ClientAction switch_plugin(std::string_view plugin, Buffer& out);
  ClientAction done();
  ClientAction deny_or_refresh(Buffer& out);
  ClientAction ask_for_fallback(Buffer& out);
  ClientAction access_denied(Buffer& out);
  ClientAction fail_malformed(Buffer& out);
  ClientAction fail_insecure(Buffer& out);
  ClientAction fail(ClientFailure failure, uint16_t code, std::string_view sqlstate, std::string_view message,
                    Buffer& out);
  void send_more_data(Bytes data, Buffer& out);
  void send(Bytes payload, Buffer& out);

  ClientAuthSettings settings_;
  std::string user_;
  std::string client_plugin_;
  SecretBytes response_;  // to the first nonce, or to that of an AuthSwitchRequest
  Nonce nonce_;
  bool nonce_is_spent_;
  uint8_t next_sequence_id_;
  State state_ = State::kAccount;
  AccountVerifier given_;    // as the shell said
  AccountVerifier account_;  // as it is checked: an unknown one has the kind of the default plugin
  size_t next_fallback_ = 0;
  std::optional<size_t> fallback_;  // which of `given_` account_ is
  bool account_exists_ = false;
  bool was_asked_ = false;  // the client was sent something: it cannot be switched to another plugin any more
  bool was_refreshed_ = false;
  bool used_password_ = false;
  std::optional<size_t> matched_other_;
  Credentials credentials_;
  ClientFailure failure_ = ClientFailure::kNone;
};

}  // namespace causeway::protocol
