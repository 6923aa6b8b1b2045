// Why a connection to a server is closed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace causeway::proxy {

enum class CloseReason : uint8_t {
  kWorkerEnds,
  kSessionEnds,      // and had something on it that only its end takes away
  kSessionReset,     // likewise, by COM_RESET_CONNECTION or COM_CHANGE_USER
  kNotPutBack,       // whoever had it ended without a word: an exception, say
  kIdle,             // timeouts.server_idle
  kPlaceNeeded,      // for somebody else's connection
  kServerGone,       // the server is not there
  kServerReplaced,   // it is another server, or was restarted
  kNotQuiet,         // the server has closed it, or has said something unasked
  kInitConnect,      // nobody else can have what it has set up
  kFormerWriter,     // its node is the writer no more
  kIdleTransaction,  // aurora_fwd_writer_idle_timeout
  kTransactionLeft,  // its transaction, which has written nothing, goes on elsewhere or ends with it
  kGivenUp,          // with its statement: the client has gone, or its session is to end
  kUnknownState,     // lost, or not heard to the end of its answer
  kDoomed,           // a KILL is on its way to it
};

inline constexpr std::array<std::string_view, 16> kCloseReasonNames = {
    "worker ends",          "session ends",     "session was reset", "not put back",
    "idle for too long",    "place needed",     "server gone",       "server replaced",
    "closed by the server", "init_connect ran", "former writer",     "idle transaction",
    "transaction left",     "given up",         "unknown state",     "killed",
};

// In words, for the log.
constexpr std::string_view to_string(CloseReason reason) {
  return kCloseReasonNames.at(static_cast<size_t>(reason));
}

}  // namespace causeway::proxy
