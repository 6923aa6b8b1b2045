// Asks the writer for its position on behalf of a worker's GLOBAL reads, one question for all that wait.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consistency/position.h"
#include "consistency/writer_position.h"
#include "consistency/writer_probe.h"
#include "proxy/backend/ask.h"
#include "proxy/backend/backend_connection.h"
#include "proxy/net/io.h"
#include "proxy/net/waiter.h"

namespace causeway::proxy {

class Shard;

// Has one connection to the writer, with the monitor's account, opened when first needed.
class GlobalProbe {
 public:
  explicit GlobalProbe(Shard& shard);
  GlobalProbe(const GlobalProbe&) = delete;
  GlobalProbe& operator=(const GlobalProbe&) = delete;

  // A read that has asked for a position, until it is answered: more of them make it worthwhile to gather
  // some for one question.
  class ReadUnderWay {
   public:
    explicit ReadUnderWay(GlobalProbe& probe) : probe_(probe) { ++probe_.reads_under_way_; }
    ReadUnderWay(const ReadUnderWay&) = delete;
    ReadUnderWay& operator=(const ReadUnderWay&) = delete;
    ~ReadUnderWay() { --probe_.reads_under_way_; }

   private:
    GlobalProbe& probe_;
  };

  // The writer's position at a moment after this call; nothing if it cannot be had before the waiter's
  // deadline, if there is no writer, or if the server that was asked is none any more (then the monitor looks
  // at once).
  Awaitable<std::optional<consistency::WriterPosition>> position(Waiter& waiter);

  // The server that was asked last has answered, if only that it tells nothing (it does not let the monitor
  // in): it is there, whatever became of the question.
  bool writer_is_there() const { return writer_is_there_; }

  // MariaDB without replication by GTID: the GTIDs that the writer had as well when it gave its latest
  // position.
  const consistency::Position& gtids() const { return gtids_; }

  // Another server is the writer, or none: what is in flight fails, the connection is dropped.
  void writer_changed();

  // A question that is not answered for as long as a connection may take to open fails.
  void on_tick(Clock::time_point now);

 private:
  // A GTID set may be long: many sources, many gaps.
  static constexpr size_t kMaxAnswerBytes = size_t{16} << 20;

  Awaitable<void> ask();
  Awaitable<void> gather();
  Awaitable<bool> connect(size_t node);
  Awaitable<std::optional<consistency::WriterPosition>> question();
  Awaitable<std::optional<AskedRow>> next_row();
  consistency::Position with_owner(consistency::Position position, size_t node);
  bool went_back(const consistency::Position& executed);
  void settle();

  Shard& shard_;
  consistency::WriterProbe probe_;
  std::unique_ptr<BackendConnection> connection_;
  std::vector<Waiter*> waiting_;
  size_t reads_under_way_ = 0;
  consistency::Position gtids_;
  uint64_t answered_by_ = 0;  // ClusterView::writer_epoch of the latest answer
  bool writer_is_there_ = false;
  bool asking_ = false;
  bool gathering_ = false;
  asio::steady_timer gathered_;
  BackendConnection* in_flight_ = nullptr;  // being opened, or asked
  Clock::time_point asked_at_;
};

}  // namespace causeway::proxy
