// What one poll asks a server, and what its answers mean. Pure; node_probe_run.h does the asking.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consistency/position.h"
#include "proxy/base/or_problem.h"
#include "proxy/cluster/cluster_view.h"
#include "proxy/cluster/connection_count.h"
#include "proxy/cluster/native_client.h"
#include "proxy/cluster/server_identity.h"
#include "proxy/cluster/session_defaults.h"

namespace causeway::proxy {

// One source that a server replicates from (SHOW REPLICA STATUS, SHOW ALL SLAVES STATUS).
struct ReplicaChannel {
  std::string name;  // empty: the default channel
  std::string source_host;
  uint16_t source_port = 0;
  std::string source_uuid;                                 // MySQL; empty if never connected
  uint64_t source_server_id = 0;                           // 0 if never connected
  bool receiver_running = false;                           // IO thread: connected to the source
  bool applier_running = false;                            // SQL thread
  bool uses_gtid = false;                                  // auto position / Using_Gtid is not No
  std::optional<std::chrono::milliseconds> lag;            // Seconds_Behind_Source; nothing: NULL
  std::optional<consistency::BinlogCoordinates> executed;  // of the source's log
  std::string last_error;                                  // of the applier, else of the receiver
  std::string filters;  // "Replicate_Do_DB: app, ...": what it leaves out; empty: nothing

  friend bool operator==(const ReplicaChannel&, const ReplicaChannel&) = default;
};

// Membership in a replication group (performance_schema.replication_group_members), as this server sees it.
struct GroupMembership {
  bool online = false;
  bool primary = false;
  bool has_quorum = false;  // more than half of the members are reachable

  friend bool operator==(const GroupMembership&, const GroupMembership&) = default;
};

// The answers of one poll.
struct NodeProbe {  // NOLINT(clang-analyzer-optin.performance.Padding): ordered for its readers
  ServerFacts facts;
  uint64_t server_id = 0;
  std::string server_uuid;
  std::string host_name;   // see ServerIdentity
  int64_t started_at = 0;  // likewise
  // The number that the server gave the monitor's connection; 0: not known. It is the first poll on it.
  uint64_t connection_id = 0;
  bool on_new_connection = false;
  bool gtid_mode = false;  // MySQL: ON (not ON_PERMISSIVE: there anonymous transactions may come)

  // What it has committed. MySQL: gtid_executed, with gtid_mode only. MariaDB: gtid_current_pos.
  consistency::Position gtid_executed;
  // ... and what it is committing: MySQL sends a transaction to its replicas ahead of its own commit, and in
  // gtid_owned it is until it is in gtid_executed. MariaDB's positions are ahead of the sending.
  consistency::Position gtid_logged;
  // MariaDB: gtid_slave_pos, what it has from its sources; MASTER_GTID_WAIT waits on it. A replica's
  // gtid_current_pos may be ahead of it by a stray local write that covers numbers the writer has given to
  // something else.
  consistency::Position gtid_applied;
  std::optional<consistency::BinlogCoordinates> binlog_position;  // the end of its own binary log

  std::vector<ReplicaChannel> channels;
  std::optional<GroupMembership> group;
  std::string warning;                                // of a right that is missing, but not always needed
  std::chrono::steady_clock::time_point polled_at;    // when the first question was asked
  std::chrono::steady_clock::time_point answered_at;  // when the last answer had come

  ServerIdentity identity() const {
    return {.uuid = server_uuid, .server_id = server_id, .host_name = host_name, .started_at = started_at};
  }
};

enum class ProbeStatement : uint8_t {
  kVariables,      // one row; first
  kReplicaStatus,  // a row per channel
  kBinlogStatus,   // at most one row
  kGroupMembers,   // a row per member; MySQL with the plugin active
};

// The statement for this flavor and version.
std::string_view probe_statement(ProbeStatement statement, ServerFlavor flavor, uint32_t version_number);

// The readers of the answers. An error says in people's words what is wrong with the answer.
// Fills what the variables tell. A GTID position that cannot be read is an error: the server is not usable.
OrProblem<> read_variables(const NativeRows& rows, NodeProbe& probe);
std::vector<ReplicaChannel> read_replica_status(const NativeRows& rows);
std::optional<consistency::BinlogCoordinates> read_binlog_status(const NativeRows& rows);

// What the server does not write to its binary log (binlog_do_db, binlog_ignore_db), in the same answer; at
// most 300 bytes, empty if it leaves nothing out.
std::string read_binlog_filters(const NativeRows& rows);
std::optional<GroupMembership> read_group_members(const NativeRows& rows, std::string_view server_uuid);

// Of the `variables` answer: whether group_members is worth asking.
bool has_group_replication(const NativeRows& variables);

// What to tell the operator about a refused statement: names the right that is missing, if `error` is about
// rights, and the server's text.
std::string describe_refusal(ProbeStatement statement, const NativeError& error, ServerFlavor flavor,
                             uint32_t version_number, std::string_view user);

}  // namespace causeway::proxy
