// One thread with its own sessions: it takes clients in, watches over what they wait for, and ends them.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <optional>
#include <thread>

#include "proxy/accounts/client_error.h"
#include "proxy/backend/global_probe.h"
#include "proxy/backend/services.h"
#include "proxy/backend/shard.h"
#include "proxy/net/io.h"
#include "proxy/session/session_directory.h"

namespace causeway::proxy {

// Everything but the members marked "any thread" belongs to the worker's own thread.
class Worker {
 public:
  // Adds its shard and its sessions to those of the services, which outlive it.
  Worker(Services& services, size_t index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread. start() runs the thread; stop() cancels every session. The thread goes on, for others that
  // ask it about its sessions, until release(); join() waits for its end.
  void start();
  void stop();
  void release();
  void join();

  // Any thread: a client has connected.
  void accept(Socket socket, const ListenerConfig& listener, PeerAddress peer);

  // Any thread: no new sessions; those that are idle outside a transaction are told goodbye.
  void drain();

  // Any thread: contexts for connections from now on; those that stand keep theirs.
  void set_tls(TlsContext client, TlsContext server) { shard_.set_tls(std::move(client), std::move(server)); }

  // Sessions, those on their way here included. Any thread.
  uint32_t session_count() const { return assigned_.load(std::memory_order_relaxed); }

  // What the thread does every few milliseconds: whatever is over by this time ends. For whoever runs the
  // shard's context without the thread.
  void on_tick(Clock::time_point now);

 private:
  // One of those that are counted, for as long as it lives.
  class Attendance {
   public:
    explicit Attendance(std::atomic<uint32_t>& count)
        : count_(&count), before_(count.fetch_add(1, std::memory_order_relaxed)) {}
    Attendance(Attendance&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)), before_(other.before_) {}
    Attendance& operator=(Attendance&&) = delete;
    ~Attendance() {
      if (count_ == nullptr) return;
      count_->fetch_sub(1, std::memory_order_relaxed);
      count_->notify_all();
    }

    uint32_t before() const { return before_; }

   private:
    std::atomic<uint32_t>* count_;
    uint32_t before_;
  };

  Awaitable<void> run_session(Socket socket, const ListenerConfig& listener, PeerAddress peer,
                              Attendance assigned);
  std::optional<ClientError> refuse_one_more(const ListenerConfig& listener, uint32_t open,
                                             uint32_t of_listener);
  Awaitable<void> watch();
  void leave_former_writers();
  bool stream_goes_on(const ClientSession& session);
  void end_streams(EndReason reason);
  void end_replaced_streams();
  void look_for_lost_clients(Clock::time_point now);

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> busy_{io_.get_executor()};
  asio::steady_timer watch_timer_;
  Shard shard_;
  GlobalProbe probe_;
  WorkerSessions sessions_;
  std::atomic<uint32_t> assigned_{0};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace causeway::proxy
