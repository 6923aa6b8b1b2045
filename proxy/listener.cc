#include "proxy/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "protocol/err_packet.h"
#include "proxy/accounts/client_error.h"
#include "proxy/metrics/metrics_registry.h"
#include "proxy/worker.h"

namespace causeway::proxy {
namespace {

using Endpoint = asio::generic::stream_protocol::endpoint;

// Out of descriptors and the like: no reason to spin.
constexpr std::chrono::milliseconds kRetryAccept{100};

Endpoint endpoint_of(const Address& address, asio::io_context& io) {
  if (address.is_unix()) return asio::local::stream_protocol::endpoint(address.path);
  asio::ip::tcp::resolver resolver(io);
  const auto flags = asio::ip::tcp::resolver::passive;
  return asio::ip::tcp::endpoint(
      *resolver.resolve(address.host, std::to_string(address.port), flags).begin());
}

// What an earlier process left behind, if nobody listens there any more.
void remove_stale_socket(const std::string& path, asio::io_context& io) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  asio::local::stream_protocol::socket probe(io);
  ErrorCode error;
  probe.connect(asio::local::stream_protocol::endpoint(path), error);
  if (error == asio::error::connection_refused) ::unlink(path.c_str());
}

// Whatever the umask is. Nobody can connect before listen().
void set_mode(const std::string& path, uint32_t mode) {
  if (::chmod(path.c_str(), mode) == 0) return;
  throw boost::system::system_error(ErrorCode(errno, boost::system::system_category()));
}

// No descriptor is left for this client: 1040 instead of a greeting. Never waits: a new socket has room for
// that.
void refuse(int descriptor, Services& services) {
  services.metrics->listeners().clients.reject(RejectReason::kDescriptors);
  const ClientError error = too_many_connections();
  protocol::Buffer packet;
  protocol::append_err_packet(
      packet, {.code = error.code, .sql_state = error.sql_state, .message = error.message}, 0);
  static_cast<void>(::send(descriptor, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

PeerAddress address_of(const Endpoint& peer) {
  if (peer.protocol().family() == AF_UNIX) return {.host = "localhost"};
  asio::ip::tcp::endpoint tcp;
  if (peer.size() > tcp.capacity()) return {.host = "unknown"};
  std::memcpy(tcp.data(), peer.data(), peer.size());
  auto address = tcp.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return {.host = address.to_string(), .port = tcp.port()};
}

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;

void listen(Acceptor& acceptor, const ListenerConfig& config, asio::io_context& io) {
  const Address& address = config.address;
  try {
    if (address.is_unix()) remove_stale_socket(address.path, io);
    const Endpoint endpoint = endpoint_of(address, io);
    acceptor.open(endpoint.protocol());
    if (!address.is_unix()) acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(endpoint);
    if (address.is_unix()) set_mode(address.path, config.socket_mode);
    acceptor.listen(4096);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("cannot listen on " + to_string(address) + ": " + error.code().message());
  }
}

}  // namespace

void try_to_listen(const Address& address) {
  asio::io_context io;
  Acceptor acceptor(io.get_executor());
  const ListenerConfig config{.address = address};
  listen(acceptor, config, io);
  if (address.is_unix()) ::unlink(address.path.c_str());
}

Listener::Listener(asio::io_context& io, Services& services, std::span<const std::unique_ptr<Worker>> workers,
                   const ListenerConfig& config)
    : io_(io), services_(services), workers_(workers), config_(config), acceptor_(io.get_executor()) {
  listen(acceptor_, config, io);
}

Listener::~Listener() {
  stop();
}

void Listener::start() {
  asio::co_spawn(io_, accept(), asio::detached);
}

void Listener::stop() {
  if (stopped_) return;
  stopped_ = true;
  ErrorCode ignored;
  acceptor_.close(ignored);
  if (config_.address.is_unix()) ::unlink(config_.address.path.c_str());
}

Address Listener::address() const {
  Address address = config_.address;
  if (address.is_unix()) return address;
  asio::ip::tcp::endpoint tcp;
  const Endpoint local = acceptor_.local_endpoint();
  std::memcpy(tcp.data(), local.data(), std::min<size_t>(local.size(), tcp.capacity()));
  address.port = tcp.port();
  return address;
}

Worker& Listener::least_loaded() {
  const auto by_sessions = [](const std::unique_ptr<Worker>& a, const std::unique_ptr<Worker>& b) {
    return a->session_count() < b->session_count();
  };
  return **std::min_element(workers_.begin(), workers_.end(), by_sessions);
}

Awaitable<void> Listener::accept() {
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> pause(io_.get_executor());
  while (!stopped_) {
    spare_.take();  // somebody else may have got it
    ErrorCode error;
    Endpoint peer;
    Socket socket = co_await acceptor_.async_accept(peer, await_into(error));
    if (stopped_) co_return;
    if (error) {
      services_.logger.error("cannot accept a connection", {{"reason", error.message()}});
      if (refuse_one_without_descriptors()) continue;
      pause.expires_after(kRetryAccept);
      co_await pause.async_wait(await_into(error));
      continue;
    }
    PeerAddress client = address_of(peer);
    take(std::move(socket), std::move(client));
  }
}

// The last descriptors are for what is open already: servers' connections, the monitor, the admin endpoint.
void Listener::take(Socket socket, PeerAddress peer) {
  if (!is_reserved(socket.native_handle())) {
    least_loaded().accept(std::move(socket), config_, std::move(peer));
    return;
  }
  services_.logger.error("a client was refused: hardly any file descriptor is left", {});
  refuse(socket.native_handle(), services_);
}

// If that was why: the one who waits is told, with the descriptor that was kept for it.
bool Listener::refuse_one_without_descriptors() {
  if (!spare_.release()) return false;
  const int client = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client >= 0) {
    refuse(client, services_);
    ::close(client);
  }
  return client >= 0;
}

}  // namespace causeway::proxy
