// The current account table, kept up to date from the servers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "proxy/accounts/account_table.h"
#include "proxy/base/log.h"
#include "proxy/cluster/cluster_monitor.h"
#include "proxy/cluster/cluster_view.h"

namespace causeway::proxy {

// Immutable.
struct AccountSnapshot {
  uint64_t version = 0;  // 0 before the first reading, then rising when the accounts or the reason change
  bool available = false;
  std::string reason = {};  // why not available: which right is missing, or that no node answers
  AccountTable table = {};
};

// Reads the account table in a thread of its own: from the writer, else from any reachable node; every
// second, and when a login failed. Once the table was read, a time without any reachable node keeps the last
// one; once it was read from a writer, only a writer replaces it.
class AccountStore {
 public:
  using SnapshotPtr = std::shared_ptr<const AccountSnapshot>;

  struct Options {
    std::chrono::milliseconds interval{1000};     // longer where a reading takes long
    std::chrono::milliseconds min_interval{200};  // between two readings, however many logins fail
  };

  // `state` outlives the store. `monitor` gives nodes and account.
  AccountStore(MonitorOptions monitor, Options options, const ClusterState& state, Logger logger);
  ~AccountStore();  // stop()
  AccountStore(const AccountStore&) = delete;
  AccountStore& operator=(const AccountStore&) = delete;

  void start();
  void stop();

  // Never null. Any thread; takes a lock.
  SnapshotPtr current() const;
  bool available() const { return current()->available; }

  // Of the current snapshot: one acquire load.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Reads the table again, after min_interval since the last reading at the earliest, and then calls `done`
  // on the store's thread (at once, on the caller's, if the store is stopped; before stop() returns in any
  // case). `done` must not block. At most kMaxWaiting callers wait; of more than that the call is refused:
  // false, `done` is not called.
  static constexpr size_t kMaxWaiting = 4096;
  bool refresh(std::function<void()> done);

  // Waits until the first reading was tried, or the deadline. Whether it was.
  bool wait_first(std::chrono::steady_clock::time_point deadline);

 private:
  struct Impl;
  std::atomic<uint64_t> version_ = 0;
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway::proxy
