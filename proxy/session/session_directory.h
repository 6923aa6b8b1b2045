// Where all sessions of the process are found: KILL and the process list look at those of every worker.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/session/client_session.h"

namespace causeway::proxy {

// The sessions of one worker, those that log in included. Its thread's only.
class WorkerSessions {
 public:
  using List = boost::intrusive::list<ClientSession, boost::intrusive::constant_time_size<false>>;

  explicit WorkerSessions(Shard& shard) : shard_(shard) {}
  WorkerSessions(const WorkerSessions&) = delete;
  WorkerSessions& operator=(const WorkerSessions&) = delete;

  Shard& shard() { return shard_; }
  List& list() { return list_; }
  const List& list() const { return list_; }

 private:
  Shard& shard_;
  List list_;
};

// Filled before the first session, and the same from then on: any thread.
class SessionDirectory {
 public:
  void add(WorkerSessions& sessions) { workers_.push_back(&sessions); }
  const std::vector<WorkerSessions*>& workers() const { return workers_; }

  // The id of a new session of this worker, which of_id() finds again.
  uint32_t next_id(size_t worker) {
    const uint32_t number = next_.fetch_add(1, std::memory_order_relaxed);
    return number * static_cast<uint32_t>(workers_.size()) + static_cast<uint32_t>(worker);
  }
  WorkerSessions& of_id(uint32_t id) const { return *workers_[id % workers_.size()]; }

 private:
  std::vector<WorkerSessions*> workers_;
  std::atomic<uint32_t> next_{1};
};

}  // namespace causeway::proxy
