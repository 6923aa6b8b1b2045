// Accepts clients on one address and hands them to the workers.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <string>

#include "proxy/environment.h"
#include "proxy/io.h"

namespace causeway::proxy {

// Runs on an io_context of the application's own thread; a client goes to the worker with the fewest
// sessions.
class Listener {
 public:
  // Throws std::runtime_error with the address and the reason if it cannot listen. The listener's
  // configuration outlives the sessions.
  Listener(asio::io_context& io, Environment& environment, const ListenerConfig& config);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();

  // No more clients; those that have connected stay.
  void stop();

  // Where it listens: the port in use if 0 was asked for.
  Address address() const;

 private:
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;

  Awaitable<void> accept();
  Worker& least_loaded();

  asio::io_context& io_;
  Environment& environment_;
  const ListenerConfig& config_;
  Acceptor acceptor_;
  bool stopped_ = false;
};

}  // namespace causeway::proxy
