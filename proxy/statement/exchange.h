// One command on one server connection: everything that has to precede it and the command itself in one
// write, then the answers, of which the last is relayed to the client.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "consistency/read_plan.h"
#include "proxy/net/io.h"
#include "proxy/session/client_session.h"
#include "proxy/statement/client_command.h"

namespace causeway::proxy {

// On a replica all transactions are READ ONLY, so that nothing of a session can write there, whatever its
// account may do.
enum class AccessOnReplica : uint8_t {
  kReadOnly,
  kShown,  // the session's own transaction_read_only is to be seen; READ ONLY by SET TRANSACTION
  kOwn,    // the session's own: for what READ ONLY forbids and a replica allows, or what runs nothing
};

// What goes ahead of the command besides what the connection lacks of the session's state.
struct Ahead {
  // A wait for this position (not owned; null for none).
  const consistency::Position* wait_for = nullptr;
  std::chrono::milliseconds wait_timeout{0};

  // It is asked whether the server still is the writer; if it is not, nothing of the answer is relayed:
  // kReadOnlyNode. For reads that must not miss what another writer has committed.
  bool check_writer = false;

  // What the server is committing is waited for, so that the command sees it, for so long (0: it is not). If
  // it takes longer, nothing of the answer is relayed: kWaitFailed; or, without must_settle, it is told
  // beside it.
  std::chrono::milliseconds settle_timeout{0};
  bool must_settle = false;

  // The session's SET TRANSACTION for the next transaction, and its deferred BEGIN; what becomes of the
  // former is tracked.
  bool set_transaction = false;
  bool track_next = false;
  bool begin = false;

  AccessOnReplica access = AccessOnReplica::kReadOnly;

  // LAST_INSERT_ID() matters to the command, or it may be an INSERT that leaves it as it is: a connection
  // that does not know the session's is told.
  bool tell_last_insert_id = false;

  // The server is asked to tell whether functions leave something behind.
  bool track_functions = false;
};

// Errors that are not relayed, unless bytes of the answer were, but reported.
struct HeldErrors {
  bool read_only = false;              // what a read-only server refuses (1290, 1836): kReadOnlyNode
  bool read_only_transaction = false;  // what is refused in a READ ONLY transaction (1792): likewise
  bool unknown_names = false;  // about names and rights that another server may have (1146, 1142, ...):
                               // kUnknownThere
  bool shutdown = false;       // 1053 and 3032 (offline mode): kShuttingDown
};

// How a command runs on the server that was chosen for it.
struct Placement {
  Ahead ahead;
  HeldErrors held;

  // A schema of the session's that the server does not have (any more), or does not let it into, is no reason
  // to refuse the command, if the connection is in no other: it runs in none, as good as a session on a
  // server goes on in a schema that somebody has dropped. That none is selected (1046) is then told as what
  // the schema was refused with.
  bool goes_without_schema = false;

  // As ClientCommand::add_status: of a transaction that is elsewhere.
  protocol::StatusFlags add_status = 0;
};

enum class ExchangeOutcome : uint8_t {
  kRelayed,       // the client has the answer
  kWaitFailed,    // the wait did not end well; what came behind it was thrown away
  kReadOnlyNode,  // see HeldErrors, and Ahead::check_writer
  kUnknownThere,  // see HeldErrors, and `refusal`
  kShuttingDown,  // likewise
  kStateRefused,  // the server refused what had to precede; nothing of the command's answer was relayed. See
                  // `refusal`
  kServerLost,    // the connection failed; it is of no use any more
  kClientLost,    // the client is gone, or cannot be answered any more
};

struct ExchangeResult {
  ExchangeOutcome outcome = ExchangeOutcome::kServerLost;
  consistency::WaitVerdict wait_verdict = consistency::WaitVerdict::kReached;
  bool command_sent = false;  // some of the command may have reached the server
  // kServerLost: the server may have begun with the command. False: its end of the connection was closed by
  // then.
  bool command_taken = false;
  bool client_has_bytes = false;  // some of the answer has reached the client
  bool is_error = false;          // the answer was, or ended with, an ERR packet
  uint16_t error_code = 0;        // ... this one
  bool without_trackers = false;  // it ended with an EOF packet, which has no room for session tracking
  bool state_changed = false;     // the server says so, where it is asked to
  bool still_committing = false;  // see Ahead::settle_timeout
  uint8_t next_sequence_id = 1;   // that the next packet to the client would have
  bool schema_refused = false;    // kStateRefused: because of the session's schema
  bool ended_with_ok = false;     // the (last) answer was an OK packet: no rows, no error
  // What the replica was left with has got to this connection: the values of
  // session.state.carried.assignments, and so many statements of session.state.carried.statements_to_replay.
  // They may be needed on another one until the command has run.
  bool carried_variables = false;
  size_t replayed_statements = 0;
  std::optional<ClientError> refusal;
  ErrorCode error;  // of kServerLost
};

// Runs the exchange. The connection is the session's, in use. After kRelayed it is ready for the next
// command; after kWaitFailed (unless it is closed by then), kReadOnlyNode, kUnknownThere and kStateRefused
// likewise; else the caller closes it. Session state that the server reports is taken over. The session's
// deadline cancels it (kServerLost with operation_aborted).
Awaitable<ExchangeResult> run_exchange(SessionParts session, BackendConnection& connection,
                                       const ClientCommand& command, const Placement& placement);

}  // namespace causeway::proxy
