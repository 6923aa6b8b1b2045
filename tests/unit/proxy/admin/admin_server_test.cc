#include "proxy/admin/admin_server.h"

#include <gmock/gmock.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

namespace causeway::proxy {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const Address kAnyPort{.host = "127.0.0.1", .port = 0};

class Client {
 public:
  explicit Client(const AdminServer& server) : socket_(io_) {
    socket_.connect({asio::ip::make_address(server.address().host), server.address().port});
  }

  void send(std::string_view bytes) {
    boost::system::error_code error;  // the server may have closed already: what it said counts
    asio::write(socket_, asio::buffer(bytes), error);
  }

  // All that comes until the server closes.
  std::string read_all() {
    std::string text;
    boost::system::error_code error;
    asio::read(socket_, asio::dynamic_buffer(text), error);
    return text;
  }

  std::string read_until(std::string_view end) {
    std::string text;
    boost::system::error_code error;
    asio::read_until(socket_, asio::dynamic_buffer(text), end, error);
    return text;
  }

 private:
  asio::io_context io_;
  tcp::socket socket_;
};

class AdminServerTest : public testing::Test {
 protected:
  AdminServer make_server(AdminServerLimits limits = {}) {
    return AdminServer(
        kAnyPort,
        {.metrics =
             [] {
               prometheus::ClientMetric metric;
               metric.gauge.value = 7;
               return std::vector<prometheus::MetricFamily>{{.name = "answer",
                                                             .help = "h",
                                                             .type = prometheus::MetricType::Gauge,
                                                             .metric = {metric}}};
             },
         .readiness =
             [this] {
               return ready_ ? Readiness{.ready = true, .reason = "1 writer, 2 replicas"}
                             : Readiness{.ready = false, .reason = "no writer"};
             },
         .replication_readiness =
             [this] {
               return ready_ ? Readiness{.ready = true, .reason = "writer db1:3306"}
                             : Readiness{.ready = false, .reason = "no writer (two claim it)"};
             },
         .status =
             [this] {
               if (status_fails_) throw std::runtime_error("secret detail");
               return std::string(R"({"version":"1"})");
             }},
        Logger(LogLevel::kOff, LogFormat::kLogfmt, {}), limits);
  }

  static std::string get(const AdminServer& server, const std::string& path,
                         const std::string& method = "GET") {
    Client client(server);
    client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.read_all();
  }

  std::atomic<bool> ready_ = true;
  std::atomic<bool> status_fails_ = false;
};

TEST_F(AdminServerTest, ServesMetricsAsPrometheusReadsThem) {
  const AdminServer server = make_server();
  const std::string response = get(server, "/metrics");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(response, HasSubstr("\nanswer 7\n"));
}

TEST_F(AdminServerTest, IsHealthyAlsoWhenNotReady) {
  const AdminServer server = make_server();
  ready_ = false;
  EXPECT_THAT(get(server, "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(AdminServerTest, SaysWhetherItIsReadyAndWhy) {
  const AdminServer server = make_server();
  std::string response = get(server, "/readyz");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, HasSubstr("ready: 1 writer, 2 replicas\n"));
  response = get(server, "/readyz/replication");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, HasSubstr("ready: writer db1:3306\n"));
  ready_ = false;
  response = get(server, "/readyz");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(response, HasSubstr("not ready: no writer\n"));
  response = get(server, "/readyz/replication");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(response, HasSubstr("not ready: no writer (two claim it)\n"));
}

TEST_F(AdminServerTest, ServesStatusAndThePage) {
  const AdminServer server = make_server();
  const std::string status = get(server, "/status?x=1");
  EXPECT_THAT(status, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(status, HasSubstr(R"({"version":"1"})"));
  const std::string page = get(server, "/");
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_THAT(page, HasSubstr("color-scheme"));  // its style and its script are in it
  EXPECT_THAT(page, HasSubstr("\"use strict\""));
  EXPECT_THAT(page, Not(HasSubstr("@PAGE")));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("href=")));
}

TEST_F(AdminServerTest, AnswersWhatIsWrong) {
  const AdminServer server = make_server();
  EXPECT_THAT(get(server, "/nothing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get(server, "/metrics", "DELETE"), StartsWith("HTTP/1.1 405 "));
  status_fails_ = true;
  const std::string failed = get(server, "/status");
  EXPECT_THAT(failed, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(failed, Not(HasSubstr("secret detail")));
}

TEST_F(AdminServerTest, AnswersHeadWithoutABody) {
  const AdminServer server = make_server();
  const std::string response = get(server, "/healthz", "HEAD");
  EXPECT_THAT(response, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(response, testing::EndsWith("\r\n\r\n"));
}

TEST_F(AdminServerTest, KeepsAConnectionForSeveralRequests) {
  const AdminServer server = make_server();
  Client client(server);
  for (int i = 0; i < 3; ++i) {
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_until("ok\n"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(AdminServerTest, DropsRequestsThatAreTooLarge) {
  const AdminServer server = make_server();
  Client client(server);
  client.send("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(client.read_all(), "");
  Client body(server);
  body.send("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_EQ(body.read_all(), "");
  EXPECT_THAT(get(server, "/healthz"), HasSubstr("ok\n"));
}

TEST_F(AdminServerTest, DropsConnectionsThatAreSlow) {
  const AdminServer server = make_server({.timeout = std::chrono::milliseconds(20)});
  Client client(server);
  client.send("GET /healthz HT");
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(AdminServerTest, OverTheLimitThoseWhoSayNothingMakeRoom) {
  const AdminServer server = make_server({.max_connections = 2});
  Client first(server);
  first.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(first.read_until("ok\n"), HasSubstr("200"));
  Client second(server);
  second.send("GET /heal");
  std::vector<std::unique_ptr<Client>> later;
  for (int i = 0; i < 10; ++i) {
    Client& one = *later.emplace_back(std::make_unique<Client>(server));
    one.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(one.read_until("ok\n"), HasSubstr("200"));
  }
  EXPECT_EQ(first.read_all(), "");
  EXPECT_EQ(second.read_all(), "");
}

TEST_F(AdminServerTest, SaysThatThePortIsInUse) {
  const AdminServer server = make_server();
  try {
    const AdminServer other(server.address(), {}, Logger(LogLevel::kOff, LogFormat::kLogfmt, {}));
    FAIL() << "two servers on one port";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              "admin.listen: cannot listen on " + to_string(server.address()) + ": Address already in use");
  }
}

TEST_F(AdminServerTest, StopsWithOpenConnections) {
  std::optional<Client> idle;
  {
    const AdminServer server = make_server();
    idle.emplace(server);
  }
  EXPECT_EQ(idle->read_all(), "");
}

}  // namespace
}  // namespace causeway::proxy
