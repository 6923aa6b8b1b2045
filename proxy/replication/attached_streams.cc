#include "proxy/replication/attached_streams.h"

#include <algorithm>

namespace causeway::proxy {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

bool is_heartbeat(const protocol::BinlogStreamState& state) {
  return state.last_type == protocol::BinlogEventType::kHeartbeat ||
         state.last_type == protocol::BinlogEventType::kHeartbeatV2;
}

}  // namespace

std::optional<uint64_t> lag_bytes(const StreamStatus& status,
                                  const std::optional<consistency::BinlogCoordinates>& end_of_log) {
  if (!end_of_log || end_of_log->file() != status.file) return std::nullopt;
  return end_of_log->offset() > status.position ? end_of_log->offset() - status.position : 0;
}

void AttachedStream::begins(size_t node) {
  node_.store(node, kRelaxed);
}

void AttachedStream::passed(const protocol::BinlogStreamState& state) {
  if (state.file != file_) {
    const std::lock_guard lock(lock_);
    file_ = state.file;
    position_.store(state.position, kRelaxed);
  }
  protocol::BinlogGtid gtid = state.transaction.last();
  const uint64_t number = std::exchange(gtid.number, 0);
  if (gtid != gtid_) {
    const std::lock_guard lock(lock_);
    gtid_ = gtid;
    gtid_number_.store(number, kRelaxed);
  }
  position_.store(state.position, kRelaxed);
  gtid_number_.store(number, kRelaxed);
  transactions_.store(state.transactions, kRelaxed);
  bytes_.store(state.bytes, kRelaxed);
  last_event_.store(state.last_timestamp, kRelaxed);
  is_heartbeat_.store(is_heartbeat(state), kRelaxed);
}

void AttachedStream::awaits_source(Clock::time_point now) {
  awaited_since_.store(now.time_since_epoch().count(), kRelaxed);
}

bool AttachedStream::is_at_end(Clock::time_point now) const {
  const Clock::rep since = awaited_since_.load(kRelaxed);
  if (since == kNotAwaited) return false;
  return is_heartbeat_.load(kRelaxed) || now - Clock::time_point(Clock::duration(since)) >= kIdle;
}

StreamStatus AttachedStream::status(Clock::time_point now, std::chrono::system_clock::time_point utc) const {
  StreamStatus status{.reader = reader_};
  const size_t node = node_.load(kRelaxed);
  if (node != kNoSource) status.node = node;
  {
    const std::lock_guard lock(lock_);
    status.file = file_;
    status.position = position_.load(kRelaxed);
    protocol::BinlogGtid gtid = gtid_;
    gtid.number = gtid_number_.load(kRelaxed);
    status.last_gtid = to_string(gtid);
  }
  status.transactions = transactions_.load(kRelaxed);
  status.bytes = bytes_.load(kRelaxed);
  status.last_event = last_event_.load(kRelaxed);
  if (is_at_end(now) && !status.file.empty()) {
    status.lag = std::chrono::seconds(0);
  } else if (status.last_event != 0) {
    const auto made = std::chrono::system_clock::from_time_t(status.last_event);
    status.lag =
        std::max(std::chrono::seconds(0), std::chrono::duration_cast<std::chrono::seconds>(utc - made));
  }
  return status;
}

std::vector<const StreamReader*> AttachedStreams::readers(std::vector<AttachedStream*>* streams) const {
  std::vector<const StreamReader*> all;
  for (const auto& stream : streams_) {
    if (stream->is_replaced()) continue;
    all.push_back(&stream->reader());
    if (streams != nullptr) streams->push_back(stream.get());
  }
  return all;
}

std::optional<StreamReader> AttachedStreams::in_the_way_of(const StreamReader& reader) const {
  const std::lock_guard lock(lock_);
  const std::vector<const StreamReader*> all = readers();
  const AttachDecision decision = decide_attach(reader, all);
  if (decision.what != AttachDecision::What::kRefuse) return std::nullopt;
  return *all[decision.other];
}

AttachedStreams::Attached AttachedStreams::attach(StreamReader reader) {
  const std::lock_guard lock(lock_);
  std::vector<AttachedStream*> streams;
  const std::vector<const StreamReader*> all = readers(&streams);
  const AttachDecision decision = decide_attach(reader, all);
  Attached attached;
  if (decision.what != AttachDecision::What::kAttach) attached.other = *all[decision.other];
  if (decision.what == AttachDecision::What::kRefuse) return attached;
  if (decision.what == AttachDecision::What::kReplace) streams[decision.other]->replace();
  streams_.push_back(std::make_shared<AttachedStream>(std::move(reader)));
  attached.attachment.emplace(*this, streams_.back());
  return attached;
}

size_t AttachedStreams::reading(size_t node) const {
  const std::lock_guard lock(lock_);
  return static_cast<size_t>(std::ranges::count_if(
      streams_, [node](const auto& stream) { return !stream->is_replaced() && stream->is_of(node); }));
}

std::vector<StreamStatus> AttachedStreams::list(Clock::time_point now,
                                                std::chrono::system_clock::time_point utc) const {
  std::vector<std::shared_ptr<AttachedStream>> streams;
  {
    const std::lock_guard lock(lock_);
    for (const auto& stream : streams_)
      if (!stream->is_replaced()) streams.push_back(stream);
  }
  std::vector<StreamStatus> all;
  all.reserve(streams.size());
  for (const auto& stream : streams)
    all.push_back(stream->status(now, utc));
  return all;
}

void AttachedStreams::detach(const std::shared_ptr<AttachedStream>& stream) {
  const std::lock_guard lock(lock_);
  std::erase(streams_, stream);
}

}  // namespace causeway::proxy
