#include "proxy/accounts/account_store.h"

#include <algorithm>
#include <condition_variable>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"

namespace causeway::proxy {
namespace {

constexpr std::chrono::milliseconds kGoodbye{200};

// A table of very many accounts: between two readings passes this many times what one takes.
constexpr int kPausePerReading = 20;

// What a reading came to.
struct Reading {
  bool heard = false;  // a server has answered, with accounts or a refusal
  bool available = false;
  bool of_writer = false;
  std::string reason = {};
  ServerFlavor flavor = ServerFlavor::kMysql;
  std::vector<Account> accounts = {};
};

std::string describe(const NativeError& error, ServerFlavor flavor, uint32_t version,
                     const std::string& user) {
  constexpr uint32_t kMariadbGlobalPriv = 100400;
  const bool global_priv = flavor == ServerFlavor::kMariadb && version >= kMariadbGlobalPriv;
  return "user '" + user + "' cannot read the accounts, SELECT on " +
         (global_priv ? "mysql.global_priv" : "mysql.user") + " is needed: " + to_string(error);
}

}  // namespace

struct AccountStore::Impl {
  Impl(MonitorOptions monitor_options, Options store_options, const ClusterState& where, Logger sink,
       std::atomic<uint64_t>& version_counter)
      : monitor(std::move(monitor_options)),
        options(store_options),
        state(where),
        log(std::move(sink)),
        version(version_counter) {}

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      std::vector<std::function<void()>> callers = std::exchange(waiting, {});
      lock.unlock();
      const auto began = Clock::now();
      Reading reading = read();
      const auto read_at = Clock::now();
      const Clock::duration pause =
          reading.heard ? std::max<Clock::duration>(options.interval, (read_at - began) * kPausePerReading)
                        : options.min_interval;
      publish(std::move(reading));
      for (const auto& done : callers)
        done();
      lock.lock();
      first_tried = true;
      tried.notify_all();
      wake.wait_until(lock, read_at + options.min_interval, [this] { return stopping; });
      wake.wait_until(lock, read_at + pause, [this] { return stopping || !waiting.empty(); });
    }
    const std::vector<std::function<void()>> callers = std::exchange(waiting, {});
    lock.unlock();
    for (const auto& done : callers)
      done();
    client.close();
    lock.lock();
    running = false;
    finished.notify_all();
  }

  Reading read() {
    const ClusterState::ViewPtr view = state.current();
    Reading reading{.reason = "no node is reachable"};
    for (const size_t node : view->nodes_to_ask()) {
      if (node >= monitor.nodes.size()) continue;
      reading = read_from(node);
      reading.of_writer = node == view->writer;
      if (reading.heard) break;
    }
    return reading;
  }

  Reading read_from(size_t node) {
    if (connected_to != node || !client.connected()) {
      const auto connected = connect_to_node(client, monitor, node);
      if (!connected) return {.reason = node_name(monitor.nodes[node]) + ": " + to_string(connected.error())};
      connected_to = node;
    }
    const ServerFlavor flavor = flavor_of(client.server_version());
    const uint32_t number = client.server_version_number();
    const auto rows = client.query(account_query(flavor, number));
    if (rows) return {.heard = true, .available = true, .flavor = flavor, .accounts = read_accounts(*rows)};
    const NativeError error = rows.error();
    if (is_connection_error(error))
      return {.reason = node_name(monitor.nodes[node]) + ": " + to_string(error)};
    return {.heard = true, .reason = describe(error, flavor, number, monitor.account->user())};
  }

  void publish(Reading reading) {
    const SnapshotPtr before = current();
    // Nobody to ask: what was read before is the best that there is.
    if (!reading.heard && before->available) return;
    // Nor may a replica that is behind bring back a former password.
    if (before->available && has_writers_word && !reading.of_writer) return;
    has_writers_word = reading.available && reading.of_writer;
    const AccountTable table(std::move(reading.accounts), reading.flavor);
    if (before->version != 0 && before->available == reading.available && before->reason == reading.reason &&
        before->table.accounts() == table.accounts())
      return;
    auto now = std::make_shared<AccountSnapshot>();
    now->version = before->version + 1;
    now->available = reading.available;
    now->reason = std::move(reading.reason);
    now->table = table;
    if (before->version == 0 || before->available != now->available || before->reason != now->reason) {
      if (now->available)
        log.info("accounts are read from the servers");
      else
        log.warning("accounts cannot be read", {{"reason", now->reason}});
    }
    const std::lock_guard lock(mutex);
    version.store(now->version, std::memory_order_release);
    snapshot = std::move(now);
  }

  SnapshotPtr current() const {
    const std::lock_guard lock(mutex);
    return snapshot;
  }

  void stop() {
    {
      std::unique_lock lock(mutex);
      stopping = true;
      wake.notify_all();
      tried.notify_all();
      // A thread that only waits says goodbye to its server; one that hangs is cut off.
      finished.wait_for(lock, kGoodbye, [this] { return !running; });
    }
    client.interrupt();
    if (thread.joinable()) thread.join();
  }

  const MonitorOptions monitor;
  const Options options;
  const ClusterState& state;
  const Logger log;
  std::atomic<uint64_t>& version;
  std::thread thread;
  NativeClient client;  // of the thread, but for interrupt()
  size_t connected_to = 0;
  bool has_writers_word = false;  // the accounts are as a writer told them; of the thread

  mutable std::mutex mutex;
  std::condition_variable wake;      // stopping or waiting
  std::condition_variable tried;     // first_tried
  std::condition_variable finished;  // running
  bool running = false;
  bool stopping = true;  // until started
  bool first_tried = false;
  std::vector<std::function<void()>> waiting;
  SnapshotPtr snapshot = std::make_shared<const AccountSnapshot>(AccountSnapshot{.reason = "not read yet"});
};

AccountStore::AccountStore(MonitorOptions monitor, Options options, const ClusterState& state, Logger log)
    : impl_(std::make_unique<Impl>(std::move(monitor), options, state, std::move(log), version_)) {}

AccountStore::~AccountStore() {
  stop();
}

void AccountStore::start() {
  const std::lock_guard lock(impl_->mutex);
  impl_->stopping = false;
  impl_->running = true;
  impl_->thread = std::thread([this] { impl_->run(); });
}

void AccountStore::stop() {
  impl_->stop();
}

AccountStore::SnapshotPtr AccountStore::current() const {
  return impl_->current();
}

bool AccountStore::refresh(std::function<void()> done) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->stopping) {
      if (impl_->waiting.size() >= kMaxWaiting) return false;
      impl_->waiting.push_back(std::move(done));
      impl_->wake.notify_all();
      return true;
    }
  }
  done();
  return true;
}

bool AccountStore::wait_first(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(impl_->mutex);
  impl_->tried.wait_until(lock, deadline, [this] { return impl_->first_tried || impl_->stopping; });
  return impl_->first_tried;
}

}  // namespace causeway::proxy
