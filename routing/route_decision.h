// Where a statement runs: one pure function of the statement, the session and the policy.
#pragma once

#include <cstdint>
#include <string_view>

#include "routing/statement.h"

namespace causeway::routing {

enum class Target : uint8_t { kNone, kWriter, kReplica };

// The `statements.*` settings: what Aurora rejects and ordinary replication could do.
struct RoutingPolicy {
  bool forward_savepoint = false;
  bool forward_xa = false;
  bool forward_load_data = false;
  bool forward_plugin = false;
  bool forward_ddl = true;

  friend bool operator==(const RoutingPolicy&, const RoutingPolicy&) = default;
};

// What the decision needs to know of the session.
struct SessionView {
  bool forwarding = true;              // aurora_replica_read_consistency is not ''
  Target transaction = Target::kNone;  // where the servers say that a transaction is open
  bool snapshot_due = false;    // ... on the replica, where its first read, the one that waits, is to come
  bool begin_deferred = false;  // BEGIN was answered and has not been sent yet
  bool deferred_read_only = false;  // ... and it was READ ONLY
  bool autocommit = true;
  bool transaction_read_only = false;       // the session variable, where the next one is not READ WRITE
  bool next_transaction_read_only = false;  // SET TRANSACTION READ ONLY for the next one
  Target pinned_to = Target::kNone;  // by temporary tables, table locks, user locks, ...: the writer where it
                                     // forwards, else its replica
  bool moves_to_writer = false;      // what has run on its replica will be run there again
  bool reads_replicas_log = false;   // or takes a dump from a replica; it does not forward
  bool has_user_variables = false;   // they live on the writer lease
  bool may_have_user_variables = false;  // triggers or functions may have set some
  bool has_last_insert_id = false;       // so does this, once something was inserted
  bool auto_is_null = false;             // sql_auto_is_null: WHERE id IS NULL asks for it, too
  bool tracks_transactions =
      false;  // session_track_transaction_info is on: what BEGIN is answered is the server's
  bool begin_keeps_access_mode = false;  // MySQL: BEGIN in a transaction begins another of the same mode
  Target last_target = Target::kNone;    // where the last statement ran that reached a server
  Target warned_by = Target::kNone;      // ... and the one that SHOW WARNINGS speaks of
  Target counted_by = Target::kNone;     // ... and the one that FOUND_ROWS() speaks of
};

enum class Action : uint8_t {
  kRun,                       // on the target
  kReject,                    // 1235, Decision::operation says what
  kReadOnlyError,             // 1290: a write in a session that does not forward
  kReadOnlyTransactionError,  // 1792: a write in a READ ONLY transaction
  kDeferBegin,                // answer OK now, send it together with the first statement
  kCommitThenBegin,  // BEGIN of a transaction that runs elsewhere than the open one: COMMIT that on the
                     // target, then defer
  kLeaveReadOnly,    // a statement that commits implicitly ends the READ ONLY transaction, then runs on the
                     // target
  kEndDeferred,      // COMMIT or ROLLBACK of a transaction of which nothing was sent: answer OK
  kNothingOpen,      // COMMIT or ROLLBACK without a transaction: answer OK
  kRememberNextTransaction,  // SET TRANSACTION: keep it for the next BEGIN, answer OK
};

struct Decision {
  Action action = Action::kRun;
  Target target = Target::kNone;
  bool wait = false;                 // the read-consistency wait applies
  bool may_rerun_on_writer = false;  // a read-only error of the replica means that the text hid a write
  // The transaction is elsewhere, or waits for its first statement, and so it stays: the statement reads
  // nothing that it could see.
  bool beside_transaction = false;
  // The transaction on a replica has read nothing: it begins once more, on the target.
  bool takes_transaction_along = false;
  std::string_view operation;  // kReject
  std::string_view reason;     // static text, for logs and metrics

  friend bool operator==(const Decision&, const Decision&) = default;
};

// What the settings (or, of SHUTDOWN, none of them) forbid wherever it stands.
bool is_rejected(const Statement& statement, const RoutingPolicy& policy);

// Whether the transaction that this BEGIN, or COMMIT AND CHAIN where none is open, begins is READ ONLY.
bool starts_read_only(const Statement& statement, const SessionView& session);

// Never fails: what is not understood goes to the writer.
Decision decide(const Statement& statement, const SessionView& session, const RoutingPolicy& policy);

}  // namespace causeway::routing
