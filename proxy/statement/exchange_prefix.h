// What goes ahead of a command on a server connection, so that the server is in the session's state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/statement/exchange.h"

namespace causeway::proxy {

enum class PrefixStep : uint8_t {
  kFormerLastInsertId,  // LAST_INSERT_ID() of the session that had the connection before
  kReset,               // COM_RESET_CONNECTION: somebody else's session lived in the connection
  kBaseline,            // SET of session tracking and of the handshake's character set
  kOption,              // COM_SET_OPTION: whether several statements may come at once
  kWait,                // the wait for a position
  kSchema,              // COM_INIT_DB
  kSchemaCharset,       // SET of the character set that the name is in, and back
  kVariables,           // SET of the session's variables
  kReplayedStatement,   // what has left something behind on the replica
  kLastInsertId,        // SET last_insert_id
  kUserVariables,       // SET of user variables that were set on a replica
  kWriterVariables,     // SET, on a replica, of those of the writer
  kTrackStateChange,    // SET session_track_state_change: what stored programs leave behind is in no text
  kAccessMode,          // SET transaction_read_only: on for replicas, the session's own for the writer
  kForgetTransaction,   // what the connection holds for the next transaction, and nobody wants any more
  kTrackTransaction,    // SET session_track_transaction_info
  kSetTransaction,      // SET TRANSACTION for the next transaction
  kBegin,               // the deferred BEGIN
  kWriterCheck,         // whether the server still is the writer
  kFormerSchema,        // COM_INIT_DB: where the statement was prepared first
  kFormerVariables,     // SET of what its text was read by then
  kTextPrepare,         // PREPARE of the statement that is EXECUTEd
  kPrepare,             // COM_STMT_PREPARE of the statement that is executed
  kStandIn,             // for a local answer that the command asks about; fails where that was an error
  kStandInPrepare,      // likewise, COM_STMT_PREPARE
  kStandInPing,         // likewise, COM_PING
  kVariablesBack,       // SET of the same variables as they are now
};

// The steps in the order of their answers.
class Prefix {
 public:
  static constexpr size_t kMaxSteps = 64;

  void push_back(PrefixStep step) { steps_[size_++] = step; }
  size_t size() const { return size_; }
  PrefixStep operator[](size_t index) const { return steps_[index]; }

  // The command must not be sent before the server has accepted these steps: it would run in the wrong
  // schema, say.
  bool must_succeed_first = false;

 private:
  std::array<PrefixStep, kMaxSteps> steps_{};
  size_t size_ = 0;
};

// Whether anything at all has to precede a command; the common answer is no.
bool needs_prefix(SessionParts session, BackendConnection& connection, const ClientCommand& command,
                  const Ahead& ahead);

// Appends the commands to connection.out. The wait's position must be one that the server can wait for.
Prefix append_prefix(SessionParts session, BackendConnection& connection, const ClientCommand& command,
                     const Ahead& ahead);

// Appends what goes directly ahead of a command about a prepared statement, on the connection to this target:
// the long data of its parameters. Nothing if the statement is not prepared there.
void append_long_data_ahead(const PreparedCommand& prepared, const BackendConnection& connection,
                            routing::Target target, protocol::Buffer& out);

}  // namespace causeway::proxy
