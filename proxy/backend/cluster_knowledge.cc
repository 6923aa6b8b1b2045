#include "proxy/backend/cluster_knowledge.h"

#include <algorithm>

namespace causeway::proxy {
namespace {

// A worker whose tick is later than this stood still. It costs little to believe so in error.
constexpr std::chrono::milliseconds kStandstill{250};

// How many polls of a node may fail to come before nothing is known of its position.
constexpr int kPollsWithoutWord = 3;

// A replica so far behind is late, and so is one for so long after it was found late.
constexpr std::chrono::seconds kLateSourceLag{10};
constexpr std::chrono::seconds kLateSourceFor{30};

// How long a replica may be none to read the log from before those who read it are sent to another one.
constexpr std::chrono::seconds kUnfitSourceFor{2};

}  // namespace

ClusterKnowledge::ClusterKnowledge(const ClusterState& state, const Config& config)
    : config_(config),
      reader_(state),
      known_(config.nodes.size()),
      progress_(config.nodes.size()),
      late_sources_(config.nodes.size()),
      fit_sources_(config.nodes.size()) {}

void ClusterKnowledge::note_writer() {
  if (view().has_writer()) last_writer_ = view().writer;
}

std::optional<std::chrono::milliseconds> ClusterKnowledge::note_time(Clock::time_point now) {
  std::optional<std::chrono::milliseconds> stood;
  if (now - tick_ > kStandstill) {
    stood = std::chrono::duration_cast<std::chrono::milliseconds>(now - tick_);
    heard_since_ = now;
    ++standstills_;
  }
  tick_ = std::max(tick_, now);
  return stood;
}

consistency::WaitDialect ClusterKnowledge::wait_dialect(size_t node) {
  const NodeView& of = view().nodes[node];
  return {.flavor = of.facts.flavor, .server_version = of.facts.server_version_number};
}

const consistency::Position* ClusterKnowledge::last_known_writer_position() {
  if (last_writer_ == kNoNode) return nullptr;
  const ClusterView& current = view();
  const consistency::Position& position = current.nodes[last_writer_].executed;
  return position.kind() == current.position_kind ? &position : nullptr;
}

bool ClusterKnowledge::is_heard_of(size_t node) {
  const Clock::time_point polled_at = view().nodes[node].polled_at;
  const MonitorConfig& monitor = config_.monitor;
  return polled_at >= heard_since_ &&
         tick_ - polled_at <= kPollsWithoutWord * monitor.interval + monitor.connect_timeout;
}

const consistency::Position& ClusterKnowledge::known_position(size_t node) {
  if (known_[node].view_version != view().version) update_known(node);
  return is_heard_of(node) ? known_[node].position : nothing_known_;
}

void ClusterKnowledge::update_known(size_t node) {
  const ClusterView& current = view();
  KnownPosition& known = known_[node];
  known.view_version = current.version;
  const NodeView& of = current.nodes[node];
  const uint64_t era = position_era(node);
  // What a wait has shown may be ahead of the poll, but not of one that was asked for later.
  const bool poll_counts =
      known.era != era || of.polled_at >= known.learned_at || !known.position.merge(of.executed);
  if (known.era != era) progress_[node].forget();
  known.era = era;
  if (poll_counts) known.position = of.executed;
  if (!of.reachable) known.position = consistency::Position();
  note_progress(node, known.position);
}

void ClusterKnowledge::learned_position(const BackendConnection& connection, uint64_t era,
                                        const consistency::Position& position) {
  known_position(connection.node);
  KnownPosition& known = known_[connection.node];
  if (known.era != era || position_era(connection.node) != era || !is_current(connection)) return;
  if (!known.position.merge(position)) known.position = position;
  known.learned_at = Clock::now();
  progress_[connection.node].reached(position);
}

consistency::ReplicaProgress& ClusterKnowledge::progress(size_t node) {
  known_position(node);
  return progress_[node];
}

// What the view says of a node that was polled, and of the writer.
void ClusterKnowledge::note_progress(size_t node, const consistency::Position& known) {
  const ClusterView& current = view();
  const NodeView& of = current.nodes[node];
  const NodeView* writer = current.writer_node();
  if (!of.reachable) return progress_[node].forget();
  if (writer == nullptr || writer->executed.kind() != of.executed.kind()) return;
  progress_[node].polled(known, of.polled_at, writer->executed, writer->polled_at, of.lag);
}

bool ClusterKnowledge::replica_usable(size_t node, std::optional<std::chrono::milliseconds> max_lag,
                                      bool trusts) {
  const NodeView& of = view().nodes[node];
  if (!of.reachable || !of.usable_for_reads) return false;
  if (of.role == NodeRole::kWriter && config_.routing.reads_on_writer != ReadsOnWriter::kAlways) return false;
  if (config_.nodes[node].weight == 0 || (trusts && !of.consistent)) return false;
  if (!max_lag) return true;
  // A poll that does not come when it should tells less and less.
  const auto overdue = std::max<Clock::duration>(tick_ - of.polled_at - 2 * config_.monitor.interval, {});
  return of.lag && *of.lag + overdue <= *max_lag;
}

bool ClusterKnowledge::is_log_source(size_t node) {
  const NodeView& of = view().nodes[node];
  // Nobody receives anything while there is no writer.
  const bool receives = of.receiver_running || !view().has_writer();
  return of.reachable && of.usable_for_reads && receives && of.role == NodeRole::kReplica && of.consistent &&
         of.facts.binary_log && of.facts.logs_updates;
}

bool ClusterKnowledge::gives_its_log(size_t node) {
  std::optional<Clock::time_point>& last = fit_sources_[node];
  if (!last || is_log_source(node)) last = tick_;
  return tick_ - *last < kUnfitSourceFor;
}

bool ClusterKnowledge::is_late_source(size_t node) {
  const std::optional<Clock::time_point>& found = late_sources_[node];
  const auto& lag = view().nodes[node].lag;
  return (lag && *lag > kLateSourceLag) || (found && tick_ - *found < kLateSourceFor);
}

}  // namespace causeway::proxy
