// Who is the writer, who a replica, who may serve reads: pure functions of what the polls answered.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/cluster/cluster_view.h"
#include "proxy/cluster/monitor_access.h"
#include "proxy/cluster/node_probe.h"

namespace causeway::proxy {

enum class Health : uint8_t {
  kNew,         // not polled yet
  kUp,          // in service
  kSuspect,     // in service, but one poll failed: the next decides
  kDown,        // out of service
  kCatchingUp,  // out of service, answers again, but is too far behind
};

std::string_view to_string(Health health);

// Who takes a replica out and puts it in again leaves it writable, and without a source, for a moment.
inline constexpr std::chrono::seconds kPromotionSettled{1};

inline bool in_service(Health health) {
  return health == Health::kUp || health == Health::kSuspect;
}

// After a poll: `probe` is null if it failed. Out after one failed poll and one failed retry; a node that was
// never up is out at its first failure. Back as soon as it answers and, if it replicates and rejoin_max_lag
// is set, its lag is known and within it. A node that is in service stays so however far behind it is:
// max_lag is a matter of each read.
Health next_health(Health health, const NodeProbe* probe,
                   std::optional<std::chrono::milliseconds> rejoin_max_lag);

// While a node could be the writer: writable, and replicating from nobody.
struct Promotion {
  std::chrono::steady_clock::time_point seen_at;  // when it first could, having been seen as something else
  std::chrono::steady_clock::time_point until;    // when it was last seen so
};

// What is known of one node.
struct NodeRecord {
  std::string name;
  std::string host;  // as configured: how replicas may name their source
  uint16_t port = 0;
  Health health = Health::kNew;
  std::optional<NodeProbe> probe = std::nullopt;  // the last good one
  uint64_t incarnation = 0;                       // see NodeView
  uint64_t position_era = 0;                      // likewise
  MonitorAccess access = {};
  std::optional<Promotion> promotion = std::nullopt;  // the last one
};

// Before the probe of a node is replaced by `now`.
void note_promotion(NodeRecord& record, const NodeProbe& now);

// Two nodes in service of which both were heard, by their indexes, and what they share: what_is_shared().
struct Twins {
  size_t first;
  size_t second;
  std::string_view why;
};
std::vector<Twins> find_twins(std::span<const NodeRecord> nodes);

// What an election needs to know of the one before.
struct WriterMemory {
  NodeIndex writer = kNoNode;  // the last one, kept while there is none
  uint64_t server_id = 0;      // of the last writer, and
  std::string server_uuid;     // likewise
  consistency::PositionKind position_kind = consistency::PositionKind::kNone;

  friend bool operator==(const WriterMemory&, const WriterMemory&) = default;
};

struct ElectedNode {
  NodeRole role = NodeRole::kUnknown;
  bool usable_for_reads = false;
  std::string unusable_reason;
  bool replication_running = false;
  bool receiver_running = false;
  bool has_source = false;  // it replicates by a channel, and so has a lag, known or not
  std::optional<std::chrono::milliseconds> lag;
  consistency::Position executed;

  friend bool operator==(const ElectedNode&, const ElectedNode&) = default;
};

struct Election {
  NodeIndex writer = kNoNode;
  std::string no_writer_reason;
  consistency::PositionKind position_kind = consistency::PositionKind::kNone;
  std::vector<ElectedNode> nodes;
  WriterMemory memory;  // for the next one
};

// The writer is the writable node in service that replicates from nobody. If there are several, the one that
// a node in service replicates from; if that does not single one out, none, and the reason says which they
// are. A writable node that has a source configured can be the writer only if others replicate from it and no
// plain candidate is followed. A node that does not let the monitor in is no candidate any more once another
// one has been promoted since it was heard of last, has stayed so for kPromotionSettled, and it has refused
// since; unless one that is heard of still replicates from it. In a replication group with several primaries
// the last writer stays it, else the first one is it. Until every node was polled once there is no writer.
//
// Position kind: MySQL with gtid_mode=ON: GTID sets, else coordinates. MariaDB: GTID lists, unless there are
// replicas and none of them uses GTIDs. Coordinates are given for replicas that follow the writer (or, while
// there is none, the last one) directly: those of an intermediate source speak of another log.
Election elect(std::span<const NodeRecord> nodes, const WriterMemory& memory);

}  // namespace causeway::proxy
