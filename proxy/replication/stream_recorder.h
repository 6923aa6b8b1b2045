// What one client is sent of a log, for the ledger.
#pragma once

#include <chrono>
#include <string>
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
    if (is_open_) stream_.sent.broken_off(file_, position_);
    if (changed_ || is_open_) ledger_.put(key_, stream_);
  }

  // So much is sent at most, of a transaction that is open or not.
  void passed(const protocol::BinlogStreamState& state) {
    is_open_ = state.transaction.is_open();
    if (!is_open_) return;
    position_ = state.position;
    if (file_ != state.file) file_ = state.file;
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
  std::string file_;  // of the open transaction
  bool is_open_ = false;
  bool changed_ = false;
  Clock::time_point next_ = Clock::time_point::min();
};

}  // namespace causeway::proxy
