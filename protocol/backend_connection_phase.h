// The connection phase towards a server: the proxy is the client.
//
//   read HandshakeV10 -> [SslRequest, TLS] -> HandshakeResponse41 -> BackendAuthExchange
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/backend_auth_exchange.h"
#include "protocol/handshake.h"
#include "protocol/tls_mode.h"

namespace causeway::protocol {

struct BackendLogin {
  std::string user = {};
  const Credentials* credentials = nullptr;  // outlives the machine
  std::string database = {};                 // empty: none
  // What is negotiated is this and the server's. kProtocol41, kSecureConnection, kPluginAuth,
  // kPluginAuthLenencClientData and, as needed, kSsl and kConnectWithDb come by themselves.
  CapabilityFlags capabilities = 0;
  uint8_t collation = 0;
  uint32_t max_packet_bytes = 1u << 30;
  Buffer connect_attributes = {};  // made with append_connect_attribute(); sent with kConnectAttrs
  uint8_t zstd_level = 3;
  TlsMode tls = TlsMode::kPreferred;
  bool secure_transport = false;  // a Unix socket: no TLS is started unless it is required
  bool allow_public_key_retrieval = true;
};

// What is known of the server after the login.
struct BackendProfile {
  CapabilityFlags capabilities = 0;  // negotiated
  CapabilityFlags server_capabilities = 0;
  std::string server_version = {};
  uint32_t thread_id = 0;
  StatusFlags status = 0;  // of the OK packet
  bool mariadb = false;
  bool tls = false;
  bool full_authentication = false;  // the server has checked the whole password, not a scramble
};

class BackendConnectionPhase {
 public:
  explicit BackendConnectionPhase(BackendLogin login);

  // The server speaks first.
  BackendAction start() const { return BackendAction::kReadPacket; }

  // Answers kReadPacket: one whole packet.
  BackendAction on_packet(Bytes payload, uint8_t sequence_id, Buffer& out);

  // Answers kStartTls once TLS stands and the certificate is accepted.
  BackendAction on_tls_started(Buffer& out);

  // Complete after kDone; what the greeting says is there from the first packet on.
  const BackendProfile& profile() const { return profile_; }

  const BackendFailure& failure() const { return failure_; }

 private:
  enum class State : uint8_t {
    kGreeting,        // waits for HandshakeV10
    kTls,             // waits for on_tls_started()
    kAuthentication,  // auth_ decides
    kFinished,
  };

  BackendAction on_greeting(Bytes payload, Buffer& out);
  BackendAction send_response(Buffer& out);
  BackendAction on_auth_packet(Bytes payload, uint8_t sequence_id, Buffer& out);
  BackendAction fail(BackendFailure::Reason reason, std::string_view message);

  BackendLogin login_;
  BackendProfile profile_;
  State state_ = State::kGreeting;
  uint8_t next_sequence_id_ = 0;
  Nonce nonce_{};
  std::string default_plugin_;
  std::optional<BackendAuthExchange> auth_;
  BackendFailure failure_;
};

}  // namespace causeway::protocol
