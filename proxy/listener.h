// Accepts clients on one address and hands them to the workers.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <memory>
#include <span>

#include "proxy/backend/services.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/net/io.h"

namespace causeway::proxy {

class Worker;
struct PeerAddress;

// Listens at the address for a moment, as a Listener and the admin endpoint do. Throws std::runtime_error
// with the address and the reason if that is not possible.
void try_to_listen(const Address& address);

// Runs on an io_context of the application's own thread; a client goes to the worker with the fewest
// sessions.
class Listener {
 public:
  // Throws std::runtime_error with the address and the reason if it cannot listen. The listener's
  // configuration outlives the sessions, the workers, of which there is at least one, outlive the listener.
  Listener(asio::io_context& io, Services& services, std::span<const std::unique_ptr<Worker>> workers,
           const ListenerConfig& config);
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
  void take(Socket socket, PeerAddress peer);
  bool refuse_one_without_descriptors();
  Worker& least_loaded();

  asio::io_context& io_;
  Services& services_;
  std::span<const std::unique_ptr<Worker>> workers_;
  const ListenerConfig& config_;
  Acceptor acceptor_;
  SpareDescriptor spare_;
  bool stopped_ = false;
};

}  // namespace causeway::proxy
