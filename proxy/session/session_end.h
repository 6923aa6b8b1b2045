// Why a client session ends.
#pragma once

#include <cstdint>
#include <string_view>

namespace causeway::proxy {

enum class EndReason : uint8_t {
  kNone,         // it goes on
  kQuit,         // COM_QUIT
  kClientGone,   // the connection was closed or broke, by the client or on the way
  kReleased,     // COMMIT or ROLLBACK ... RELEASE
  kWaitTimeout,  // idle for longer than its wait_timeout
  kIdle,         // idle for longer than timeouts.client_idle
  kShutDown,     // Causeway ends
  kException,    // a bug, or no memory

  // While its client logs in.
  kTooManyConnections,  // limits.max_connections, or max_clients of the listener
  kNoProxyHeader,       // of a balancer that has to send the PROXY protocol's
  kTlsFailed,           // the handshake of TLS
  kTlsMissing,          // tls.mode = "required", or the listener's tls
  kHandshake,           // packets of a login that are none
  kLoginRefused,        // a character set that is none for clients, or nobody who knows the accounts
  kLoginTimeout,        // timeouts.login
  kAccessDenied,        // no such account, or another password
  kAccountRefused,      // the right password, but the account is locked, expired, or wants other TLS
  kNotLetIn,            // by a server: the schema is not there, say, or no server is

  kUserNotChanged,    // a COM_CHANGE_USER that cannot be read
  kKilled,            // KILL, by whomever
  kStreamEnded,       // of the binary log, by the server
  kSourceChanged,     // of that stream: another server is the writer now
  kSourceUnfit,       // likewise: of a replica's log, which is to be read from another server
  kServerIdTaken,     // of that stream, before it began: by another client that reads the log
  kReplaced,          // of that stream: the same replica has come again
  kStateLost,         // with a server, and what the session had there
  kAnswerCut,         // with a server, whose answer the client has in part
  kPacketTooLarge,    // limits.max_packet_bytes
  kMalformedPackets,  // out of order, or not to be uncompressed
};

// In words, for the log: "quit", "client gone".
std::string_view to_string(EndReason reason);

// Whether it is told at debug level only: the usual ways, and those of a login, which anyone can have as
// often as he likes.
bool is_ordinary(EndReason reason);

// Whoever decides that a session ends says why, and the first word on it counts: what is noticed behind that
// (a read that was cancelled, say) only follows from it.
class SessionEnd {
 public:
  void because(EndReason reason) {
    if (reason_ == EndReason::kNone) reason_ = reason;
  }
  EndReason reason() const { return reason_; }

 private:
  EndReason reason_ = EndReason::kNone;
};

}  // namespace causeway::proxy
