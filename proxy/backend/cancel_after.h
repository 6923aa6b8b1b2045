// A time limit for what Causeway asks a server on a connection that belongs to no session.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "proxy/backend/backend_connection.h"
#include "proxy/base/clock.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

// Cancels what a connection waits for once its time is over, again and again until its owner has given up.
// The owner sets connection() while it waits, also through connect_backend(), and takes it back before the
// connection ends.
class CancelAfter {
 public:
  CancelAfter(asio::io_context& io, Clock::time_point deadline)
      : watched_(std::make_shared<Watched>(io, deadline)) {
    watch(watched_, deadline);
  }
  CancelAfter(const CancelAfter&) = delete;
  CancelAfter& operator=(const CancelAfter&) = delete;
  ~CancelAfter() {
    watched_->over = true;
    watched_->connection = nullptr;
    watched_->timer.cancel();
  }

  BackendConnection*& connection() { return watched_->connection; }

 private:
  static constexpr std::chrono::milliseconds kAgain{50};

  struct Watched {
    Watched(asio::io_context& io, Clock::time_point deadline) : timer(io, deadline) {}
    asio::steady_timer timer;
    BackendConnection* connection = nullptr;
    bool over = false;
  };

  static void watch(const std::shared_ptr<Watched>& watched, Clock::time_point when) {
    watched->timer.expires_at(when);
    watched->timer.async_wait([watched](const ErrorCode&) {
      if (watched->over) return;
      if (watched->connection != nullptr) watched->connection->stream.cancel();
      watch(watched, Clock::now() + kAgain);
    });
  }

  std::shared_ptr<Watched> watched_;
};

}  // namespace causeway::proxy
