#include "proxy/admin/admin_server.h"

#include <prometheus/text_serializer.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/admin/admin_page.h"
#include "proxy/net/io.h"

namespace causeway::proxy {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// How long accepting pauses when the process has no file descriptor left.
constexpr std::chrono::milliseconds kAcceptPause{100};

struct Answer {
  http::status status = http::status::ok;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

Answer answer_metrics(const AdminHandlers& handlers) {
  return {.status = http::status::ok,
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = prometheus::TextSerializer().Serialize(handlers.metrics())};
}

Answer answer_readiness(const Readiness& readiness) {
  const std::string body =
      (readiness.ready ? "ready" : "not ready") + (readiness.reason.empty() ? "" : ": " + readiness.reason);
  return {.status = readiness.ready ? http::status::ok : http::status::service_unavailable,
          .body = body + "\n"};
}

Answer answer_path(std::string_view path, const AdminHandlers& handlers) {
  if (path == "/metrics") return answer_metrics(handlers);
  if (path == "/healthz") return {.body = "ok\n"};
  if (path == "/readyz") return answer_readiness(handlers.readiness());
  if (path == "/readyz/replication") return answer_readiness(handlers.replication_readiness());
  if (path == "/status") return {.content_type = "application/json", .body = handlers.status()};
  if (path == "/") return {.content_type = "text/html; charset=utf-8", .body = std::string(admin_page())};
  return {.status = http::status::not_found,
          .body = "There is /, /metrics, /healthz, /readyz, /readyz/replication and /status here.\n"};
}

Answer answer(const Request& request, const AdminHandlers& handlers, const Logger& logger) {
  if (request.method() != http::verb::get && request.method() != http::verb::head)
    return {.status = http::status::method_not_allowed, .body = "Only GET and HEAD.\n"};
  const std::string_view target(request.target().data(), request.target().size());
  const std::string_view path = target.substr(0, target.find('?'));
  try {
    return answer_path(path, handlers);
  } catch (const std::exception& error) {
    logger.error("admin request failed", {{"path", path}, {"error", error.what()}});
    return {.status = http::status::internal_server_error, .body = "The answer could not be made.\n"};
  }
}

Response make_response(const Request& request, Answer answer, bool keep_alive) {
  Response response(answer.status, request.version());
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'");
  if (answer.status == http::status::method_not_allowed) response.set(http::field::allow, "GET, HEAD");
  response.keep_alive(keep_alive);
  response.body() = std::move(answer.body);
  response.prepare_payload();
  // The length stays that of the body that GET would have.
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

std::runtime_error cannot_listen(const Address& address, const boost::system::error_code& error) {
  return std::runtime_error("admin.listen: cannot listen on " + to_string(address) + ": " + error.message());
}

// The connections whose next request has not come yet, longest first.
using SilentStreams = std::vector<beast::tcp_stream*>;

// Whether one connection is among them; not any more when this ends.
class Silence {
 public:
  Silence(SilentStreams& all, beast::tcp_stream& stream) : all_(all), stream_(&stream) {}
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() { end(); }
  void begin() const { all_.push_back(stream_); }
  void end() const { std::erase(all_, stream_); }

 private:
  SilentStreams& all_;
  beast::tcp_stream* stream_;
};

}  // namespace

struct AdminServer::Impl {
  Impl(const Address& listen, AdminHandlers given_handlers, Logger given_logger,
       AdminServerLimits given_limits)
      : handlers(std::move(given_handlers)),
        logger(std::move(given_logger)),
        limits(given_limits),
        acceptor(io) {
    open(listen);
    asio::co_spawn(io, accept_connections(), asio::detached);
    thread = std::thread([this] { io.run(); });
  }

  ~Impl() {
    io.stop();
    thread.join();
  }

  void open(const Address& listen) {
    boost::system::error_code error;
    tcp::resolver resolver(io);
    const tcp::resolver::results_type found =
        resolver.resolve(listen.host, std::to_string(listen.port), tcp::resolver::passive, error);
    if (error) throw cannot_listen(listen, error);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    if (!error) acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) throw cannot_listen(listen, error);
    const tcp::endpoint bound = acceptor.local_endpoint();
    address = Address{.host = bound.address().to_string(), .port = bound.port()};
  }

  asio::awaitable<void> accept_connections() {
    for (;;) {
      auto [error, socket] = co_await acceptor.async_accept(kAwait);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        logger.warning("admin connection not accepted", {{"error", error.message()}});
        asio::steady_timer pause(io, kAcceptPause);
        co_await pause.async_wait(kAwait);
        continue;
      }
      // Whoever has asked for nothing for longest makes room: clients that say nothing must not keep those
      // away who ask whether we live.
      if (connections >= limits.max_connections && !drop_silent()) continue;
      ++connections;
      asio::co_spawn(io, serve(beast::tcp_stream(std::move(socket))),
                     [this](const std::exception_ptr&) { --connections; });
    }
  }

  bool drop_silent() {
    if (silent.empty()) return false;
    silent.front()->cancel();
    silent.erase(silent.begin());
    return true;
  }

  asio::awaitable<void> serve(beast::tcp_stream stream) {
    const Silence silence(silent, stream);
    beast::flat_buffer buffer(limits.max_request_bytes);
    bool keep_alive = true;
    while (keep_alive) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<uint32_t>(limits.max_request_bytes));
      parser.body_limit(limits.max_request_bytes);
      stream.expires_after(limits.timeout);
      silence.begin();
      const auto [read_error, read_bytes] = co_await http::async_read(stream, buffer, parser, kAwait);
      silence.end();
      if (read_error) co_return;

      const Request& request = parser.get();
      keep_alive = request.keep_alive();
      const Response response = make_response(request, answer(request, handlers, logger), keep_alive);
      stream.expires_after(limits.timeout);
      const auto [write_error, written_bytes] = co_await http::async_write(stream, response, kAwait);
      if (write_error) co_return;
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  AdminHandlers handlers;
  Logger logger;
  AdminServerLimits limits;
  size_t connections = 0;
  SilentStreams silent;
  Address address;
  asio::io_context io{1};
  tcp::acceptor acceptor;
  std::thread thread;
};

AdminServer::AdminServer(const Address& listen, AdminHandlers handlers, Logger logger,
                         AdminServerLimits limits)
    : impl_(std::make_unique<Impl>(listen, std::move(handlers), std::move(logger), limits)) {}

AdminServer::~AdminServer() = default;

Address AdminServer::address() const {
  return impl_->address;
}

}  // namespace causeway::proxy
