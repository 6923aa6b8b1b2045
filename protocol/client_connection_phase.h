// The connection phase towards a client: the proxy is the server.
//
//   start: HandshakeV10 -> [SslRequest, TLS] -> HandshakeResponse41 -> kLookupAccount -> ClientAuthExchange
//
// Sequence ids count on over the TLS handshake: greeting 0, SslRequest 1, response under TLS 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/client_auth_exchange.h"
#include "protocol/com_change_user.h"
#include "protocol/handshake.h"

namespace causeway::protocol {

// What the proxy tells a client about itself.
struct ServerIdentity {
  std::string server_version = {};
  uint32_t connection_id = 0;
  Nonce nonce{};                     // of make_nonce()
  CapabilityFlags capabilities = 0;  // offered; kSsl: TLS is available. Without kLongPassword as MariaDB does
  uint8_t collation = 0;
  StatusFlags status = 0;
  std::string default_plugin = {};      // kNativePassword or kCachingSha2Password
  std::string client_host = {};         // for 1045
  bool secure_transport = false;        // a Unix socket
  const RsaKeyPair* rsa_key = nullptr;  // outlives the machine; null: caching_sha2_password needs TLS
};

// What the client told about itself, apart from its password.
struct ClientProfile {
  CapabilityFlags capabilities = 0;  // offered and wanted by both
  uint32_t max_packet_bytes = 0;
  uint8_t collation = 0;
  std::string user = {};
  std::string database = {};
  Buffer connect_attributes = {};  // undecoded
  uint8_t zstd_level = 0;
  bool tls = false;
};

class ClientConnectionPhase {
 public:
  explicit ClientConnectionPhase(ServerIdentity identity);

  // Appends the greeting. First call.
  ClientAction start(Buffer& out);

  // Instead of start(): COM_CHANGE_USER on a connection with these negotiated capabilities, its collation
  // where the command has none, and TLS or not. The nonce of the identity is the one that
  // the client was asked with last.
  ClientAction change_user(const ComChangeUser& change, CapabilityFlags negotiated, uint8_t collation,
                           bool tls);

  // Answers kReadPacket: one whole packet. A misplaced call (nothing was to be read) fails like a malformed
  // packet.
  ClientAction on_packet(Bytes payload, uint8_t sequence_id, Buffer& out);

  // Answers kStartTls once TLS stands.
  ClientAction on_tls_started(Buffer& out);

  // Answers kLookupAccount. profile() and user() are complete from kLookupAccount on.
  ClientAction on_account(const AccountVerifier& account, Buffer& out);
  const ClientProfile& profile() const { return profile_; }
  const std::string& user() const { return profile_.user; }

  // Answers kRefreshAccount.
  ClientAction on_account_refreshed(const AccountVerifier& account, Buffer& out);

  // Answers kVerifyPassword. clear_password() is valid until then.
  ClientAction on_password_verified(bool accepted, Buffer& out);
  const SecretBytes& clear_password() const;

  // Ends the phase with an error of the shell's own: from start() on, at any time before kDone or kFailed.
  ClientAction refuse(uint16_t code, std::string_view sqlstate, std::string_view message, Buffer& out);

  ClientFailure failure() const;

  // Whether the client gave a password, right or wrong: what 1045 says.
  bool used_password() const;

  // After kDone: what was learnt of the password. See ClientAuthExchange.
  Credentials take_credentials();

  // As of ClientAuthExchange.
  std::optional<size_t> matched_other() const;
  std::optional<size_t> matched_fallback() const;

  // After kDone: the nonce that the client was asked with last.
  Nonce nonce() const;

  // After kDone: the sequence id for the OK packet (or an ERR packet in its place).
  uint8_t next_sequence_id() const;

 private:
  enum class State : uint8_t {
    kNew,          // waits for start()
    kFirstPacket,  // waits for an SslRequest or the response
    kTls,          // waits for on_tls_started()
    kResponse,     // waits for the response under TLS
    kFailed,
  };

  ClientAction on_response(Bytes payload, Buffer& out);
  ClientAction authenticate(std::string_view plugin, Bytes response, bool nonce_is_spent);
  ClientAction fail_malformed(Buffer& out);
  ClientAction fail(ClientFailure failure, uint16_t code, std::string_view sqlstate, std::string_view message,
                    Buffer& out);

  ServerIdentity identity_;
  ClientProfile profile_;
  State state_ = State::kNew;
  uint8_t next_sequence_id_ = 0;
  ClientFailure failure_ = ClientFailure::kNone;
  std::optional<ClientAuthExchange> auth_;  // decides everything from the response on
};

}  // namespace causeway::protocol
