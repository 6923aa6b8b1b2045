#include "proxy/cluster/role_election.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace causeway::proxy {
namespace {

using consistency::BinlogCoordinates;
using consistency::Position;
using consistency::PositionKind;

bool takes_writes(const NodeProbe& probe) {
  const auto& group = probe.group;
  return !probe.facts.read_only && (!group || (group->online && group->primary && group->has_quorum));
}

// Who is who among the nodes, worked out once per election.
class Topology {
 public:
  explicit Topology(std::span<const NodeRecord> nodes) : nodes_(nodes) {
    for (size_t i = 0; i < nodes.size(); ++i)
      sources_.push_back(resolve_sources(i));
  }

  size_t size() const { return nodes_.size(); }
  const NodeRecord& record(size_t i) const { return nodes_[i]; }
  const NodeProbe& probe(size_t i) const { return *nodes_[i].probe; }
  bool serves(size_t i) const { return in_service(nodes_[i].health) && nodes_[i].probe; }

  // The node that this channel's source is, by what it says of itself, then by its address; kNoNode if it is
  // none.
  NodeIndex source(size_t i, size_t channel) const { return sources_[i][channel]; }

  bool is_writable(size_t i) const { return serves(i) && takes_writes(probe(i)) && !is_superseded(i); }

  // What is known of it is that it was writable, and since then another node has been made the writer.
  bool is_superseded(size_t i) const {
    const NodeRecord& node = nodes_[i];
    const auto refused_at = node.access.refused_at();
    if (!refused_at || !node.probe) return false;
    const bool other_promoted = std::ranges::any_of(nodes_, [&](const NodeRecord& other) {
      const auto& promotion = other.promotion;
      return promotion && promotion->seen_at > node.probe->answered_at && promotion->seen_at < *refused_at &&
             promotion->until - promotion->seen_at >= kPromotionSettled;
    });
    if (!other_promoted) return false;
    for (size_t j = 0; j < size(); ++j)
      if (j != i && serves(j) && !nodes_[j].access.refused_at() && follows(j, i, true)) return false;
    return true;
  }

  // Nodes, but for those in `except`, that have i as their source. `connected`: in service, and their
  // receiver runs; else as far as was heard of them last.
  size_t followers(size_t i, const std::vector<size_t>& except, bool connected) const {
    size_t count = 0;
    for (size_t j = 0; j < size(); ++j) {
      if (j == i || (connected && !serves(j)) || std::ranges::find(except, j) != except.end()) continue;
      if (follows(j, i, connected)) ++count;
    }
    return count;
  }

  // A channel of j has i as its source; `connected`: and its receiver runs.
  bool follows(size_t j, size_t i, bool connected) const {
    for (size_t c = 0; c < sources_[j].size(); ++c)
      if (sources_[j][c] == i && (!connected || probe(j).channels[c].receiver_running)) return true;
    return false;
  }

  // The channel that the role of node i as a replica depends on: the one from the writer, else from another
  // configured node, else the first. Null if it has none.
  const ReplicaChannel* main_channel(size_t i, NodeIndex writer, NodeIndex* from) const {
    const auto& channels = probe(i).channels;
    const ReplicaChannel* best = nullptr;
    *from = kNoNode;
    for (size_t c = 0; c < channels.size(); ++c) {
      const NodeIndex node = source(i, c);
      const bool better = best == nullptr || (*from == kNoNode && node != kNoNode) ||
                          (node != kNoNode && node == writer && *from != writer);
      if (!better) continue;
      best = &channels[c];
      *from = node;
    }
    return best;
  }

 private:
  std::vector<NodeIndex> resolve_sources(size_t i) const {
    std::vector<NodeIndex> sources;
    if (!nodes_[i].probe) return sources;
    for (const ReplicaChannel& channel : nodes_[i].probe->channels)
      sources.push_back(resolve(channel, i));
    return sources;
  }

  NodeIndex resolve(const ReplicaChannel& channel, size_t self) const {
    NodeIndex by_id = kNoNode;
    NodeIndex by_address = kNoNode;
    bool unique_id = true;
    for (size_t j = 0; j < nodes_.size(); ++j) {
      if (j == self) continue;
      const NodeRecord& node = nodes_[j];
      const NodeIndex index = j;
      if (node.host == channel.source_host && node.port == channel.source_port) by_address = index;
      if (!node.probe) continue;
      if (!channel.source_uuid.empty() && node.probe->server_uuid == channel.source_uuid) return index;
      if (channel.source_server_id == 0 || node.probe->server_id != channel.source_server_id) continue;
      unique_id = by_id == kNoNode;
      by_id = index;
    }
    return by_id != kNoNode && unique_id ? by_id : by_address;
  }

  std::span<const NodeRecord> nodes_;
  std::vector<std::vector<NodeIndex>> sources_;
};

constexpr std::string_view kSuperseded =
    "does not let the monitor in, and another node has been promoted since it did";

struct Choice {
  NodeIndex writer = kNoNode;
  std::string reason;
};

std::string names(const Topology& topology, const std::vector<size_t>& indexes) {
  std::string text;
  for (const size_t i : indexes)
    text.append(text.empty() ? "" : ", ").append(topology.record(i).name);
  return text;
}

std::string why_not_writable(const Topology& topology) {
  std::string text = "no node can be the writer: ";
  for (size_t i = 0; i < topology.size(); ++i) {
    std::string_view why = "is down";
    if (topology.serves(i) && topology.is_superseded(i))
      why = kSuperseded;
    else if (topology.serves(i))
      why = topology.probe(i).facts.read_only     ? "is read-only"
            : topology.probe(i).group.has_value() ? "is no primary with a quorum of its replication group"
            : !topology.probe(i).channels.empty() ? "is a replica, though not read-only"
                                                  : "is writable";
    text.append(i == 0 ? "" : "; ").append(topology.record(i).name).append(" ").append(why);
  }
  return text;
}

// The one that nodes outside of the candidates follow; nobody if that does not single one out.
NodeIndex followed_one(const Topology& topology, const std::vector<size_t>& candidates, bool connected) {
  NodeIndex chosen = kNoNode;
  for (const size_t i : candidates) {
    if (topology.followers(i, candidates, connected) == 0) continue;
    if (chosen != kNoNode) return kNoNode;
    chosen = i;
  }
  return chosen;
}

Choice choose_among(const Topology& topology, const std::vector<size_t>& candidates,
                    const WriterMemory& memory) {
  if (candidates.size() == 1) return {.writer = candidates.front(), .reason = {}};
  const bool one_group =
      std::ranges::all_of(candidates, [&](size_t i) { return topology.probe(i).group.has_value(); });
  if (one_group) {
    const bool same =
        memory.writer != kNoNode && std::ranges::find(candidates, memory.writer) != candidates.end();
    return {.writer = same ? memory.writer : candidates.front(), .reason = {}};
  }
  NodeIndex followed = followed_one(topology, candidates, true);
  if (followed == kNoNode) followed = followed_one(topology, candidates, false);
  if (followed != kNoNode) return {.writer = followed, .reason = {}};
  return {.writer = kNoNode,
          .reason = "several nodes are writable and the replicas do not single one out: " +
                    names(topology, candidates)};
}

Choice choose_writer(const Topology& topology, const WriterMemory& memory) {
  std::vector<size_t> unheard;
  std::vector<size_t> plain;           // writable, replicating from nobody
  std::vector<size_t> plain_followed;  // and others replicate from them
  std::vector<size_t> chained;         // writable, with a source configured, and others replicate from them
  for (size_t i = 0; i < topology.size(); ++i) {
    if (topology.record(i).health == Health::kNew) unheard.push_back(i);
    if (!topology.is_writable(i)) continue;
    const bool followed = topology.followers(i, {}, true) > 0;
    if (topology.probe(i).channels.empty()) {
      plain.push_back(i);
      if (followed) plain_followed.push_back(i);
    } else if (followed || topology.size() == 1) {
      chained.push_back(i);
    }
  }
  if (!unheard.empty()) return {.writer = kNoNode, .reason = "not heard of yet: " + names(topology, unheard)};
  if (!plain_followed.empty()) return choose_among(topology, plain_followed, memory);
  if (!chained.empty()) return choose_among(topology, chained, memory);
  if (!plain.empty()) return choose_among(topology, plain, memory);
  return {.writer = kNoNode, .reason = why_not_writable(topology)};
}

PositionKind kind_on_mysql(const Topology& topology, NodeIndex writer, PositionKind last) {
  if (writer == kNoNode && last != PositionKind::kNone) return last;
  for (size_t i = 0; i < topology.size(); ++i) {
    if (writer != kNoNode ? i != writer : !topology.serves(i)) continue;
    const NodeProbe& probe = topology.probe(i);
    if (probe.gtid_mode) return PositionKind::kGtidSet;
    return probe.facts.binary_log || !probe.channels.empty() ? PositionKind::kBinlogCoordinates
                                                             : PositionKind::kNone;
  }
  return PositionKind::kNone;
}

// By every replica ever heard of: one that goes down must not change what positions mean.
PositionKind kind_on_mariadb(const Topology& topology) {
  bool replicas = false;
  for (size_t i = 0; i < topology.size(); ++i) {
    if (!topology.record(i).probe) continue;
    for (const ReplicaChannel& channel : topology.probe(i).channels) {
      if (channel.uses_gtid) return PositionKind::kMariadbGtid;
      replicas = true;
    }
  }
  return replicas ? PositionKind::kBinlogCoordinates : PositionKind::kMariadbGtid;
}

PositionKind choose_kind(const Topology& topology, NodeIndex writer, PositionKind last) {
  NodeIndex speaker = writer;
  for (size_t i = 0; speaker == kNoNode && i < topology.size(); ++i)
    if (topology.serves(i)) speaker = i;
  if (speaker == kNoNode) return last;
  return topology.probe(speaker).facts.flavor == ServerFlavor::kMysql ? kind_on_mysql(topology, writer, last)
                                                                      : kind_on_mariadb(topology);
}

WriterMemory remember(const Topology& topology, NodeIndex writer, const WriterMemory& before,
                      PositionKind kind) {
  WriterMemory memory = before;
  memory.position_kind = kind;
  if (writer == kNoNode) return memory;
  memory.writer = writer;
  memory.server_id = topology.probe(writer).server_id;
  memory.server_uuid = topology.probe(writer).server_uuid;
  return memory;
}

bool comes_from(const ReplicaChannel& channel, NodeIndex from, const WriterMemory& writer) {
  if (!channel.source_uuid.empty() && !writer.server_uuid.empty())
    return channel.source_uuid == writer.server_uuid;
  if (channel.source_server_id != 0 && writer.server_id != 0)
    return channel.source_server_id == writer.server_id;
  return from != kNoNode && from == writer.writer;
}

// With the name of the last writer, whose log it is.
Position of_writers_log(const std::optional<BinlogCoordinates>& coordinates, const WriterMemory& writer) {
  if (!coordinates) return {};
  auto named = BinlogCoordinates::make(coordinates->file(), coordinates->offset(),
                                       binlog_owner(writer.server_uuid, writer.server_id));
  return named ? Position(std::move(*named)) : Position();
}

Position executed_of(const NodeProbe& probe, const ReplicaChannel* channel, NodeIndex from,
                     bool is_last_writer, const WriterMemory& memory) {
  switch (memory.position_kind) {
    case PositionKind::kNone:
      return {};
    case PositionKind::kGtidSet:
      return probe.gtid_mode ? probe.gtid_executed : Position();
    case PositionKind::kMariadbGtid:
      return channel != nullptr && !is_last_writer ? probe.gtid_applied : probe.gtid_executed;
    case PositionKind::kBinlogCoordinates:
      if (is_last_writer) return of_writers_log(probe.binlog_position, memory);
      if (channel == nullptr || !comes_from(*channel, from, memory)) return {};
      return of_writers_log(channel->executed, memory);
  }
  return {};
}

// The other writable server that node i gets its data from, directly or through others; kNoNode if none.
NodeIndex foreign_origin(const Topology& topology, size_t i, NodeIndex writer) {
  NodeIndex at = i;
  for (size_t steps = 0; steps <= topology.size(); ++steps) {
    if (at == writer || !topology.serves(at)) return kNoNode;
    NodeIndex from = kNoNode;
    if (topology.main_channel(at, writer, &from) == nullptr)
      return topology.probe(at).facts.read_only ? kNoNode : at;
    if (from == kNoNode) return kNoNode;
    at = from;
  }
  return kNoNode;
}

void judge_replica(const Topology& topology, size_t i, NodeIndex writer, const ReplicaChannel& channel,
                   ElectedNode& node) {
  node.role = NodeRole::kReplica;
  node.replication_running = channel.applier_running;
  node.receiver_running = channel.receiver_running;
  node.has_source = true;
  node.lag = channel.lag;
  const NodeIndex foreign = writer == kNoNode ? kNoNode : foreign_origin(topology, i, writer);
  if (!channel.applier_running) {
    node.unusable_reason = "its applier does not run";
    if (!channel.last_error.empty()) node.unusable_reason.append(": ").append(channel.last_error);
  } else if (foreign != kNoNode) {
    node.unusable_reason =
        "it replicates from " + topology.record(foreign).name + ", which is not the writer";
  } else {
    node.usable_for_reads = true;
  }
}

void judge_group_member(const GroupMembership& group, ElectedNode& node) {
  node.role = NodeRole::kReplica;
  node.replication_running = node.receiver_running = group.online;
  node.usable_for_reads = group.online && group.has_quorum;
  if (!group.online)
    node.unusable_reason = "it is not online in its replication group";
  else if (!group.has_quorum)
    node.unusable_reason = "its replication group has no quorum";
}

ElectedNode judge(const Topology& topology, size_t i, NodeIndex writer, const WriterMemory& memory) {
  ElectedNode node;
  if (!topology.record(i).probe) {
    node.unusable_reason = topology.record(i).health == Health::kNew ? "not heard of yet" : "it is down";
    return node;
  }
  const NodeProbe& probe = topology.probe(i);
  const bool is_writer = i == writer;
  // A writer that was made read-only or has gone still tells positions in its own log.
  const bool is_last_writer = is_writer || (writer == kNoNode && i == memory.writer &&
                                            probe.server_id == memory.server_id && probe.channels.empty());
  NodeIndex from = kNoNode;
  const ReplicaChannel* channel = topology.main_channel(i, writer, &from);
  node.executed = executed_of(probe, channel, from, is_last_writer, memory);
  if (!topology.serves(i)) {
    node.unusable_reason =
        topology.record(i).health == Health::kCatchingUp ? "it is too far behind to come back" : "it is down";
  } else if (is_writer) {
    node.role = NodeRole::kWriter;
    node.usable_for_reads = true;
    node.lag = std::chrono::milliseconds(0);
  } else if (channel != nullptr) {
    judge_replica(topology, i, writer, *channel, node);
  } else if (probe.group) {
    judge_group_member(*probe.group, node);
  } else if (probe.facts.read_only) {
    node.role = NodeRole::kReadOnly;
    node.unusable_reason = "it is read-only, but replicates from nobody";
  } else if (topology.is_superseded(i)) {
    node.unusable_reason.append("it ").append(kSuperseded);
  } else {
    node.unusable_reason = "it is writable, but not the writer";
  }
  return node;
}

// A read-only server that replicates from nobody may be anything. It is a writer on its way out, good for
// reads, if the others replicate from it, and better than nothing if nobody else is usable.
void admit_read_only(const Topology& topology, std::vector<ElectedNode>& nodes) {
  const bool none_usable = std::ranges::none_of(nodes, &ElectedNode::usable_for_reads);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].role != NodeRole::kReadOnly) continue;
    bool followed = false;
    for (size_t j = 0; j < nodes.size(); ++j)
      followed = followed || (j != i && topology.serves(j) && topology.follows(j, i, false));
    if (!followed && !none_usable) continue;
    nodes[i].usable_for_reads = true;
    nodes[i].unusable_reason.clear();
  }
}

}  // namespace

std::string_view to_string(Health health) {
  switch (health) {
    case Health::kNew:
      return "new";
    case Health::kUp:
      return "up";
    case Health::kSuspect:
      return "suspect";
    case Health::kDown:
      return "down";
    case Health::kCatchingUp:
      return "catching up";
  }
  return "";
}

Health next_health(Health health, const NodeProbe* probe,
                   std::optional<std::chrono::milliseconds> rejoin_max_lag) {
  if (probe == nullptr) return health == Health::kUp ? Health::kSuspect : Health::kDown;
  if (health == Health::kNew || in_service(health) || !rejoin_max_lag) return Health::kUp;
  const bool within = std::ranges::all_of(probe->channels, [&](const ReplicaChannel& channel) {
    return channel.lag && *channel.lag <= *rejoin_max_lag;
  });
  return within ? Health::kUp : Health::kCatchingUp;
}

std::vector<Twins> find_twins(std::span<const NodeRecord> nodes) {
  const auto is_heard = [](const NodeRecord& node) { return in_service(node.health) && node.probe; };
  std::vector<Twins> twins;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (size_t j = i + 1; j < nodes.size() && is_heard(nodes[i]); ++j) {
      if (!is_heard(nodes[j])) continue;
      const std::string_view why = what_is_shared(nodes[i].probe->identity(), nodes[j].probe->identity());
      if (!why.empty()) twins.push_back({.first = i, .second = j, .why = why});
    }
  }
  return twins;
}

void note_promotion(NodeRecord& record, const NodeProbe& now) {
  const auto could_be_writer = [](const NodeProbe& probe) {
    return takes_writes(probe) && probe.channels.empty();
  };
  if (!record.probe || !could_be_writer(now)) return;
  if (!could_be_writer(*record.probe))
    record.promotion = {.seen_at = now.answered_at, .until = now.answered_at};
  else if (record.promotion)
    record.promotion->until = now.answered_at;
}

Election elect(std::span<const NodeRecord> nodes, const WriterMemory& memory) {
  const Topology topology(nodes);
  Choice choice = choose_writer(topology, memory);
  Election election;
  election.writer = choice.writer;
  election.no_writer_reason = std::move(choice.reason);
  election.position_kind = choose_kind(topology, choice.writer, memory.position_kind);
  election.memory = remember(topology, choice.writer, memory, election.position_kind);
  for (size_t i = 0; i < nodes.size(); ++i)
    election.nodes.push_back(judge(topology, i, choice.writer, election.memory));
  admit_read_only(topology, election.nodes);
  return election;
}

}  // namespace causeway::proxy
