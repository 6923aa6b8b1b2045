// What is counted. Each worker has plain counters of its own that nobody else writes; they are summed when
// scraped.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "consistency/timeout_policy.h"
#include "proxy/config/config.h"
#include "routing/statement.h"

namespace causeway::proxy {

// A number that one thread writes and any thread reads. Relaxed loads and stores, so an increment costs what
// one of a plain integer costs: no locked instruction.
class Counter {
 public:
  void add(uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// The same, going up and down. Whoever goes up holds a GaugeShare, which goes down.
class Gauge {
 public:
  void add(int64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void subtract(int64_t amount = 1) { add(-amount); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

enum class StatementTarget : uint8_t { kWriter, kReplica, kLocal, kRejected };
enum class StatementKind : uint8_t { kRead, kDml, kLockingRead, kDdl, kTransaction, kSet, kOther };
enum class PinReason : uint8_t {
  kTransaction,
  kTemporaryTable,
  kTableLock,
  kUserLock,
  kPreparedStatement,
  kDiagnostics,   // warnings that the next statement may ask for
  kSessionState,  // something that cannot be replayed
  kReplication,   // it reads the binary log, or prepares to
};
enum class RejectReason : uint8_t {
  kTooManyConnections,  // limits.max_connections
  kMaxClients,          // of the listener
  kDescriptors,
  kTlsRequired,
  kHandshake,
};
enum class ReplayedState : uint8_t { kSchema, kVariables, kCharacterSet, kTransaction, kStatement };

inline constexpr size_t kStatementTargets = 4;
inline constexpr size_t kStatementKinds = 7;
inline constexpr size_t kPinReasons = 8;
inline constexpr size_t kRejectReasons = 5;
inline constexpr size_t kReplayedStates = 5;
inline constexpr size_t kTimeoutPolicies = consistency::kTimeoutPolicyNames.size();

std::string_view to_string(StatementTarget value);
std::string_view to_string(StatementKind value);
std::string_view to_string(PinReason value);
std::string_view to_string(RejectReason value);
std::string_view to_string(ReplayedState value);

// The column of causeway_statements_total that a class is counted in.
StatementKind statement_kind(routing::StatementClass cls);

// A count and the time it took, as Aurora counts: microseconds.
struct TimedCounter {
  Counter count;
  Counter microseconds;

  void add(std::chrono::microseconds duration) {
    count.add();
    microseconds.add(static_cast<uint64_t>(duration.count()));
  }
};

// Upper bounds in microseconds of the buckets of causeway_read_wait_seconds; what is longer falls behind the
// last.
inline constexpr std::array<uint64_t, 16> kReadWaitBounds = {
    100,    250,     500,     1000,    2500,      5000,      10'000,    25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};

struct ReadWaitHistogram {
  TimedCounter total;
  std::array<Counter, kReadWaitBounds.size() + 1> buckets;  // not cumulative

  void add(std::chrono::microseconds duration);
};

// What the gauges are to say of one session: see SessionShares.
struct CountedSession {
  bool forwarding = false;               // in forwarding_sessions
  bool on_writer = false;                // in writer_sessions
  std::array<bool, kPinReasons> pins{};  // in pinned_sessions

  bool& pin(PinReason reason) { return pins[static_cast<size_t>(reason)]; }
};

// What is counted by node: the index is the node's place in Config::nodes.
struct NodeMetrics {
  Counter leases;       // taken from the pool or opened for a session
  Gauge leases_in_use;  // by statements, or since something of their session lives in them
  Counter opens;        // connections opened by the pool
  Counter open_failures;
  Counter closes;
  Gauge connections;    // open, in use or idle
  Counter resets;       // COM_RESET_CONNECTION before reuse
  Counter queue_waits;  // leases that had to wait for a connection to become free
  Counter statements;
};

// Statements of forwarding sessions that ran on the writer, or did not.
struct ForwardingCounters {
  // Aurora_fwd_{writer,replica}_{dml,select}_stmt_*
  TimedCounter dml;
  TimedCounter select;
  Counter errors_session_timeout;  // Aurora_fwd_writer_errors_session_timeout
  Counter errors_session_limit;    // Aurora_fwd_{writer,replica}_errors_session_limit
  Counter errors_rpc_timeout;      // Aurora_fwd_writer_errors_rpc_timeout
};

// What reads must see, and what it costs.
struct ConsistencyCounters {
  ReadWaitHistogram read_waits;  // reads that had to wait, whatever became of them
  std::array<Counter, kTimeoutPolicies> read_wait_timeouts;  // by TimeoutPolicy
  Counter reads_without_wait;     // SESSION and GLOBAL reads whose replica was known to have the position
  Counter probes_sent;            // GLOBAL: questions to the writer
  Counter probe_reads;            // GLOBAL: reads served by them
  Counter tokens_dropped;         // positions that the writer does not have (after a failover)
  Counter tokens_not_comparable;  // positions of which nobody can tell whether a new writer has them
  Counter unknown_tokens;         // writes that gave no position

  void read_wait_timed_out(consistency::TimeoutPolicy policy) {
    read_wait_timeouts[static_cast<size_t>(policy)].add();
  }
};

// Clients that read the binary log.
struct ReplicationCounters {
  Gauge streams;
  Counter bytes;         // of the log, passed to clients
  Counter transactions;  // that have passed as a whole
  Counter refused;       // whose server id is another client's
  Counter replaced;      // streams of clients that have come again
};

struct ClientCounters {
  Counter connections_accepted;
  std::array<Counter, kRejectReasons> connections_rejected;
  Counter auth_failures;
  Gauge sessions;             // open client sessions
  Gauge forwarding_sessions;  // those with a level other than ''
  Gauge writer_sessions;      // those that have run something on the writer
  std::array<Counter, kPinReasons> pins;
  std::array<Gauge, kPinReasons> pinned_sessions;

  void reject(RejectReason reason) { connections_rejected[static_cast<size_t>(reason)].add(); }
};

struct TrafficCounters {
  Counter client_bytes_in;
  Counter client_bytes_out;
  Counter server_bytes_in;
  Counter server_bytes_out;
};

// What one worker counts.
struct alignas(64) WorkerMetrics {
  ForwardingCounters forwarding;
  ConsistencyCounters consistency;
  ClientCounters clients;
  ReplicationCounters replication;
  TrafficCounters traffic;
  std::array<std::array<Counter, kStatementKinds>, kStatementTargets> statements;
  Counter mistaken_hints;    // routing hints that were not understood
  Counter statement_errors;  // ERR packets of servers passed to the client
  std::array<Counter, kReplayedStates> replays;
  Counter read_retries;   // reads run again on another node
  Counter write_retries;  // unsent writes that waited for a new writer
  std::array<NodeMetrics, kMaxNodes> nodes;

  void count(StatementTarget target, StatementKind kind) {
    statements[static_cast<size_t>(target)][static_cast<size_t>(kind)].add();
  }
  void replay(ReplayedState state) { replays[static_cast<size_t>(state)].add(); }
};

}  // namespace causeway::proxy
