// Who reads the binary log through Causeway, and how far each of them is: written by the workers, read by any
// thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "consistency/binlog_coordinates.h"
#include "protocol/binlog_stream.h"
#include "proxy/base/clock.h"
#include "proxy/replication/attach_decision.h"

namespace causeway::proxy {

// A stream at one moment.
struct StreamStatus {
  StreamReader reader;
  std::optional<size_t> node;  // whose log it is, by its index; nothing: no server has begun with it
  // Of what has passed to the client's connection.
  std::string file;  // empty ahead of the first event
  uint64_t position = 0;
  std::string last_gtid;  // of the last transaction that has ended; empty: none has, or it has none
  uint64_t transactions = 0;
  uint64_t bytes = 0;       // packet headers and all
  uint32_t last_event = 0;  // when the last event of the log was made there, seconds since 1970; 0: none yet
  // How far it is behind its source: 0 where the source has nothing more (it says so by heartbeats, or has
  // sent nothing for a second that could have been sent on), else the age of the last event by Causeway's
  // clock. Nothing: no event has come that has a time.
  std::optional<std::chrono::seconds> lag;
};

// What the source has in the file that is read, and the stream has not. Nothing where the source's end is not
// known, or in another file; 0 where what is known of it is older than the stream.
std::optional<uint64_t> lag_bytes(const StreamStatus& status,
                                  const std::optional<consistency::BinlogCoordinates>& end_of_log);

// The record of one stream. No lock is taken for what events change, but where that is the name of a file or
// the source of a GTID.
class AttachedStream {
 public:
  // A source that sends nothing for so long has nothing, where nobody else is waited for.
  static constexpr std::chrono::seconds kIdle{1};

  explicit AttachedStream(StreamReader reader) : reader_(std::move(reader)) {}
  AttachedStream(const AttachedStream&) = delete;
  AttachedStream& operator=(const AttachedStream&) = delete;

  const StreamReader& reader() const { return reader_; }

  // Of the session's thread: a server streams; this much has passed to the client; from now on the source is
  // waited for, or it has sent something.
  void begins(size_t node);
  void passed(const protocol::BinlogStreamState& state);
  void awaits_source(Clock::time_point now);
  void source_has_sent() { awaited_since_.store(kNotAwaited, std::memory_order_relaxed); }

  // Any thread. A server streams, and it is this one.
  bool is_of(size_t node) const { return node_.load(std::memory_order_relaxed) == node; }

  // Any thread. The same replica has come again: the worker that has the session ends it.
  void replace() { is_replaced_.store(true, std::memory_order_relaxed); }
  bool is_replaced() const { return is_replaced_.load(std::memory_order_relaxed); }

  // Any thread. As of these times, which are the same.
  StreamStatus status(Clock::time_point now, std::chrono::system_clock::time_point utc) const;

 private:
  static constexpr size_t kNoSource = std::numeric_limits<size_t>::max();
  static constexpr Clock::rep kNotAwaited = std::numeric_limits<Clock::rep>::max();

  bool is_at_end(Clock::time_point now) const;

  StreamReader reader_;
  std::atomic<size_t> node_{kNoSource};
  std::atomic<uint64_t> position_{0};
  std::atomic<uint64_t> gtid_number_{0};
  std::atomic<uint64_t> transactions_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint32_t> last_event_{0};
  std::atomic<bool> is_heartbeat_{false};  // the last thing that came
  std::atomic<Clock::rep> awaited_since_{kNotAwaited};
  std::atomic<bool> is_replaced_{false};
  // Written by the session's thread under the lock, so that it reads them without.
  mutable std::mutex lock_;
  std::string file_;
  protocol::BinlogGtid gtid_;  // all of it but the number
};

// All of them. Any thread.
class AttachedStreams {
 public:
  // For as long as it lives, a stream is among them.
  class Attachment {
   public:
    Attachment(AttachedStreams& all, std::shared_ptr<AttachedStream> stream)
        : all_(&all), stream_(std::move(stream)) {}
    Attachment(Attachment&& other) noexcept : all_(other.all_), stream_(std::move(other.stream_)) {}
    Attachment& operator=(Attachment&&) = delete;
    ~Attachment() {
      if (stream_) all_->detach(stream_);
    }

    AttachedStream& stream() const { return *stream_; }

   private:
    AttachedStreams* all_;
    std::shared_ptr<AttachedStream> stream_;
  };

  struct Attached {
    std::optional<Attachment> attachment;  // nothing: refused, because of `other`
    std::optional<StreamReader> other;     // whose place it has taken, or that is in its place
  };
  // See decide_attach(). Whoever is replaced is told so, and is not counted any more.
  Attached attach(StreamReader reader);
  // Because of whom it would be refused now; nothing: it would not.
  std::optional<StreamReader> in_the_way_of(const StreamReader& reader) const;

  // How many read the log of this node.
  size_t reading(size_t node) const;

  // Oldest first.
  std::vector<StreamStatus> list(Clock::time_point now, std::chrono::system_clock::time_point utc) const;

 private:
  // Those that nobody has taken the place of. Under the lock.
  std::vector<const StreamReader*> readers(std::vector<AttachedStream*>* streams = nullptr) const;
  void detach(const std::shared_ptr<AttachedStream>& stream);

  mutable std::mutex lock_;
  std::vector<std::shared_ptr<AttachedStream>> streams_;
};

}  // namespace causeway::proxy
