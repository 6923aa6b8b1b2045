#include "proxy/session/session_end.h"

namespace causeway::proxy {

std::string_view to_string(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return "none";
    case EndReason::kQuit:
      return "quit";
    case EndReason::kClientGone:
      return "client gone";
    case EndReason::kReleased:
      return "released";
    case EndReason::kWaitTimeout:
      return "wait_timeout";
    case EndReason::kIdle:
      return "idle for too long";
    case EndReason::kShutDown:
      return "shutdown";
    case EndReason::kTooManyConnections:
      return "too many connections";
    case EndReason::kException:
      return "exception";
    case EndReason::kTlsMissing:
      return "TLS is required";
    case EndReason::kTlsFailed:
      return "TLS handshake failed";
    case EndReason::kAccessDenied:
      return "access denied";
    case EndReason::kAccountRefused:
      return "account refused";
    case EndReason::kNoProxyHeader:
      return "no PROXY header";
    case EndReason::kHandshake:
      return "bad handshake";
    case EndReason::kLoginRefused:
      return "login refused";
    case EndReason::kLoginTimeout:
      return "login took too long";
    case EndReason::kNotLetIn:
      return "not let in by a server";
    case EndReason::kUserNotChanged:
      return "change of user refused";
    case EndReason::kKilled:
      return "killed";
    case EndReason::kStreamEnded:
      return "end of the binary log's stream";
    case EndReason::kSourceChanged:
      return "another server is the writer";
    case EndReason::kSourceUnfit:
      return "the binary log is to be read from another server";
    case EndReason::kServerIdTaken:
      return "another client has its server id";
    case EndReason::kReplaced:
      return "the same replica has come again";
    case EndReason::kStateLost:
      return "state lost with a server";
    case EndReason::kAnswerCut:
      return "answer cut off by a server";
    case EndReason::kPacketTooLarge:
      return "packet too large";
    case EndReason::kMalformedPackets:
      return "malformed packets";
  }
  return "none";
}

bool is_ordinary(EndReason reason) {
  switch (reason) {
    case EndReason::kUserNotChanged:
    case EndReason::kKilled:
    case EndReason::kSourceChanged:
    case EndReason::kSourceUnfit:
    case EndReason::kReplaced:
    case EndReason::kStateLost:
    case EndReason::kAnswerCut:
    case EndReason::kPacketTooLarge:
    case EndReason::kMalformedPackets:
      return false;
    default:
      return true;
  }
}

}  // namespace causeway::proxy
