// Authenticates the proxy to a server: the part of the connection phase that COM_CHANGE_USER goes through
// again.
//
//   first_response -> on_packet: AuthSwitchRequest: answer for its plugin, read
//                                AuthMoreData (caching_sha2): 0x03: read; 0x04: the clear password over a
//                                secure transport, else request the public key, read, the encrypted password,
//                                read OK -> done, ERR -> refused
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/auth_exchange.h"
#include "protocol/scramble.h"
#include "protocol/secret.h"

namespace causeway::protocol {

// What the shell has to do next. Before every one of them it writes what the machine appended to `out`.
enum class BackendAction : uint8_t {
  kReadPacket,  // read a packet of the server, at most kMaxConnectionPhasePayloadBytes; on_packet()
  kStartTls,    // start TLS as the client and check the certificate as configured; on_tls_started()
  kDone,        // logged in. The packet just given to on_packet() is the OK packet, session tracking included
  kFailed,      // failure() says why; close
};

// Why a login did not succeed.
struct BackendFailure {
  enum class Reason : uint8_t {
    kNone,
    kRefused,            // the server sent an ERR packet: code, sqlstate and message are its own
    kBrokenProtocol,     // malformed, unexpected or misnumbered packet, or not protocol 10 with 4.1
                         // authentication
    kNoTls,              // TLS is required and the server does not offer it
    kInsecureTransport,  // the plugin needs the clear password, and the transport is not secure
    kUnknownPlugin,      // an authentication plugin that is not known here
    kPasswordNotKnown,   // what is known of the password is not enough for what the server asks
  };
  Reason reason = Reason::kNone;
  uint16_t code = 0;          // kRefused only
  std::string sqlstate = {};  // kRefused only; HY000 if the server sent none
  std::string message = {};   // the server's text, or our words, for logs

  friend bool operator==(const BackendFailure&, const BackendFailure&) = default;
};

struct BackendAuthSettings {
  bool secure_transport = false;  // TLS or a Unix socket
  // Whether to ask the server for its RSA key over a transport that is not secure. Someone in the middle
  // could give his own and learn the password.
  bool allow_public_key_retrieval = true;
};

class BackendAuthExchange {
 public:
  // `credentials` outlives the exchange.
  BackendAuthExchange(BackendAuthSettings settings, const Credentials& credentials);

  // The plugin and the answer for the HandshakeResponse41 or COM_CHANGE_USER: the server's default plugin if
  // the credentials can answer it, else one that they can (the server switches if it must). Call once;
  // `sequence_id` is that of the packet the answer travels in. The view is valid until the next call.
  struct FirstResponse {
    std::string_view plugin;
    Bytes response;
  };
  FirstResponse first_response(std::string_view server_default_plugin, const Nonce& nonce,
                               uint8_t sequence_id);

  // Answers kReadPacket: one whole packet. What is appended to `out` may hold the clear password (over a
  // secure transport): cleanse() it when it is written.
  BackendAction on_packet(Bytes payload, uint8_t sequence_id, Buffer& out);

  // What an ERR packet says, also one in the place of the greeting.
  static BackendFailure refusal(Bytes err_payload);

  const BackendFailure& failure() const { return failure_; }

  // Whether the server has checked the whole password instead of a scramble (its cache holds the account from
  // now on).
  bool did_full_authentication() const { return full_authentication_; }

 private:
  enum class State : uint8_t {
    kNew,           // waits for first_response()
    kResponseSent,  // waits for the verdict, an AuthSwitchRequest or AuthMoreData
    kKeyRequested,  // waits for the public key
    kFullSent,      // sent the whole password, waits for the verdict
    kFinished,      // done or failed
  };

  bool can_answer(std::string_view plugin) const;
  SecretBytes make_response(std::string_view plugin) const;
  BackendAction on_auth_switch(Bytes payload, Buffer& out);
  BackendAction on_more_data(Bytes payload, Buffer& out);
  BackendAction send_full_password(Buffer& out);
  BackendAction send_encrypted_password(Bytes pem, Buffer& out);
  BackendAction send(Bytes payload, Buffer& out);
  BackendAction fail(BackendFailure::Reason reason, std::string_view message);

  BackendAuthSettings settings_;
  const Credentials* credentials_;
  std::string plugin_;
  Nonce nonce_{};
  std::array<uint8_t, kEd25519NonceBytes> ed25519_nonce_{};
  SecretBytes response_;
  int switches_ = 0;
  uint8_t next_sequence_id_ = 0;
  State state_ = State::kNew;
  bool full_authentication_ = false;
  bool is_password_missing_ = false;  // a plugin was given an answer that cannot be right
  BackendFailure failure_;
};

}  // namespace causeway::protocol
