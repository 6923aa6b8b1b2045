// What one client is sent of a log, for the ledger.
#pragma once

#include <chrono>
#include <string_view>
#include <utility>

#include "protocol/binlog_stream.h"
#include "proxy/base/clock.h"
#include "proxy/replication/stream_ledger.h"

namespace causeway::proxy {

// Belongs to one stream, on its worker's thread. The ledger has it at most a second later, and at the end.
class StreamRecorder {
 public:
  StreamRecorder(StreamLedger& ledger, ReplicaKey key, SentStream stream)
      : ledger_(ledger), key_(std::move(key)), stream_(std::move(stream)) {
    ledger_.put(key_, stream_);
  }
  StreamRecorder(const StreamRecorder&) = delete;
  StreamRecorder& operator=(const StreamRecorder&) = delete;
  ~StreamRecorder() {
    if (changed_) ledger_.put(key_, stream_);
  }

  // What was sent ends where no transaction is open.
  void boundary(const protocol::BinlogStreamState& state, Clock::time_point now) {
    if (state.transactions > transactions_) {
      transactions_ = state.transactions;
      stream_.sent.record(state.file, state.transaction_position, state.boundary_position,
                          state.transaction.last_mark());
    } else if (state.position != position_) {
      stream_.sent.reached(state.file, state.position);
    } else {
      return;
    }
    position_ = state.position;
    changed_ = true;
    if (now < next_) return;
    ledger_.put(key_, stream_);
    changed_ = false;
    next_ = now + kInterval;
  }

 private:
  static constexpr std::chrono::seconds kInterval{1};

  StreamLedger& ledger_;
  ReplicaKey key_;
  SentStream stream_;
  uint64_t transactions_ = 0;  // of the stream
  uint64_t position_ = 0;
  bool changed_ = false;
  Clock::time_point next_ = Clock::time_point::min();
};

}  // namespace causeway::proxy
