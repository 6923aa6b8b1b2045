// What one worker knows of the cluster: the monitor's view, and what was learned of the nodes' positions
// since.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "consistency/position.h"
#include "consistency/replica_progress.h"
#include "consistency/wait_statement.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/cluster/cluster_view.h"
#include "proxy/config/config.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

// One thread. Nodes are indexes in Config::nodes. What is known of a node belongs to an era of it: see
// position_era().
class ClusterKnowledge {
 public:
  ClusterKnowledge(const ClusterState& state, const Config& config);

  // The cluster as it is known now; valid until the next call.
  const ClusterView& view() { return reader_.view(); }
  consistency::WaitDialect wait_dialect(size_t node);

  // Of the last server that was the writer, as of its last poll; null if none was ever known.
  const consistency::Position* last_known_writer_position();
  // Who is the writer now is the last one known from here on. To be called for every view.
  void note_writer();

  // What time it is. As long as the worker stood still (its process was stopped, or got no processor) nothing
  // was heard of the cluster: then for how long, and eras end.
  std::optional<std::chrono::milliseconds> note_time(Clock::time_point now);
  // The same for a worker that begins: it did not stand still.
  void begin_at(Clock::time_point now) { tick_ = now; }

  // What note_time() was told last: at most some 50 ms ago unless the worker is overloaded.
  Clock::time_point tick() const { return tick_; }

  // Rises when what was learned of the node's position before means nothing any more: NodeView::position_era,
  // or the worker stood still.
  uint64_t position_era(size_t node) { return view().nodes[node].position_era + standstills_; }

  // The monitor has heard of the node within its time, and since the worker stood still last. Else the node
  // may have lost what it was known to have.
  bool is_heard_of(size_t node);

  // What a node is known to have executed: the monitor's poll, or what a wait on it has shown since that was
  // asked for. Nothing while it is not heard of.
  const consistency::Position& known_position(size_t node);
  // A wait on this connection has shown it. `era` is position_era() when the wait was planned.
  void learned_position(const BackendConnection& connection, uint64_t era,
                        const consistency::Position& position);

  // How it keeps up with the writer.
  consistency::ReplicaProgress& progress(size_t node);

  // The connection leads to the server that the monitor sees at the node's address now.
  bool is_current(const BackendConnection& connection) {
    return connection.server.incarnation == view().nodes[connection.node].incarnation;
  }

  // It leads to the server that is the writer now. True as well while there is no writer.
  bool is_to_writer(const BackendConnection& connection) {
    const NodeIndex writer = view().writer;
    return writer == kNoNode || (connection.node == writer && is_current(connection));
  }

  // Reads may be sent there: it is within `max_lag`, and its position can be trusted, if the read `trusts`
  // (NodeView::consistent). Where routing.reads_on_writer is "always" the writer is as good as a replica.
  bool replica_usable(size_t node, std::optional<std::chrono::milliseconds> max_lag, bool trusts);

  // A replica whose binary log has all that the writer's has, as far as it has come: it logs what it applies,
  // receives, where there is a writer, and can be trusted (NodeView::consistent). Whatever its weight: that
  // is its share of the reads.
  bool is_log_source(size_t node);
  // It is one, or was within the last two seconds: replicas stop for a moment when they follow another
  // writer. To be asked again and again.
  bool gives_its_log(size_t node);
  // It is not where anybody's log should be read from as long as there is another one: it is far behind, or
  // had lately not got in time what the writer had.
  bool is_late_source(size_t node);
  void note_late_source(size_t node) { late_sources_[node] = tick_; }

 private:
  struct KnownPosition {
    uint64_t view_version = 0;
    uint64_t era = 0;  // position_era()
    Clock::time_point learned_at;
    consistency::Position position;
  };

  void update_known(size_t node);
  void note_progress(size_t node, const consistency::Position& known);

  const Config& config_;
  ClusterReader reader_;
  NodeIndex last_writer_ = kNoNode;                             // the last server that was the writer
  std::vector<KnownPosition> known_;                            // by node
  std::vector<consistency::ReplicaProgress> progress_;          // by node
  std::vector<std::optional<Clock::time_point>> late_sources_;  // by node
  std::vector<std::optional<Clock::time_point>> fit_sources_;   // by node
  const consistency::Position nothing_known_;
  Clock::time_point tick_ = Clock::now();
  Clock::time_point heard_since_;  // what is older than this was known before the worker stood still
  uint64_t standstills_ = 0;
};

}  // namespace causeway::proxy
