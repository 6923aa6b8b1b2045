#include "proxy/cluster/cluster_monitor.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <string>
#include <vector>

#include "proxy/accounts/account_store.h"

namespace causeway::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::Contains;
using ::testing::HasSubstr;

// A port on the loopback interface where connections are made but never answered, as by a stopped server;
// refused if it is not listened on.
class DeafPort {
 public:
  explicit DeafPort(bool listening) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_EQ(listening ? ::listen(socket_, 8) : 0, 0);
    port_ = ntohs(address.sin_port);
  }
  ~DeafPort() { ::close(socket_); }
  DeafPort(const DeafPort&) = delete;
  DeafPort& operator=(const DeafPort&) = delete;

  uint16_t port() const { return port_; }

 private:
  int socket_;
  uint16_t port_ = 0;
};

class LogLines {
 public:
  Logger logger() {
    return Logger(LogLevel::kDebug, LogFormat::kLogfmt, [this](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
      return true;
    });
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

MonitorOptions options_for(std::vector<uint16_t> ports) {
  MonitorOptions options;
  for (const uint16_t port : ports)
    options.nodes.push_back({.host = "127.0.0.1", .port = port, .unix_socket = {}});
  options.account =
      std::make_shared<MonitorAccount>("monitor", protocol::SecretBytes(std::string_view("secret")));
  return options;
}

TEST(ClusterMonitor, NamesNodesAsPeopleWriteThem) {
  EXPECT_EQ(node_name({.host = "db1", .port = 3306, .unix_socket = {}}), "db1:3306");
  EXPECT_EQ(node_name({.host = "::1", .port = 3307, .unix_socket = {}}), "[::1]:3307");
  EXPECT_EQ(node_name({.host = "", .port = 3306, .unix_socket = "/run/mysqld.sock"}), "/run/mysqld.sock");
}

TEST(ClusterMonitor, TellsWhichNodeRefusesAndWhy) {
  const DeafPort refusing(false);
  ClusterState state;
  LogLines log;
  ClusterMonitor monitor(options_for({refusing.port()}), state, log.logger());
  monitor.start();
  ASSERT_TRUE(monitor.wait_first_view(steady_clock::now() + seconds(10)));
  monitor.stop();
  const auto view = state.current();
  ASSERT_EQ(view->nodes.size(), 1u);
  EXPECT_FALSE(view->nodes[0].reachable);
  EXPECT_THAT(view->nodes[0].last_error, HasSubstr("cannot connect"));
  EXPECT_EQ(view->writer, kNoNode);
  EXPECT_THAT(view->no_writer_reason, HasSubstr(view->nodes[0].name + " is down"));
  EXPECT_THAT(log.lines(), Contains(HasSubstr("event=\"a node is out of service\" node=" +
                                              view->nodes[0].name + " reason=\"cannot connect")));
  for (const std::string& line : log.lines())
    EXPECT_EQ(line.find("secret"), std::string::npos);
}

TEST(ClusterMonitor, ANodeThatHangsDelaysNobody) {
  const DeafPort hanging(true);
  const DeafPort refusing(false);
  ClusterState state;
  LogLines log;
  ClusterMonitor monitor(options_for({hanging.port(), refusing.port()}), state, log.logger());
  monitor.start();
  EXPECT_FALSE(monitor.wait_first_view(steady_clock::now() + milliseconds(50)));
  const auto view = state.current();
  ASSERT_EQ(view->nodes.size(), 2u) << "published at the deadline all the same";
  EXPECT_EQ(view->nodes[0].last_error, "no answer yet");
  EXPECT_FALSE(view->nodes[0].reachable);
  monitor.stop();
  monitor.stop();
}

TEST(AccountStore, SaysWhyThereAreNoAccounts) {
  const ClusterState state;
  LogLines log;
  AccountStore store(options_for({1}), {}, state, log.logger());
  EXPECT_FALSE(store.available());
  store.start();
  ASSERT_TRUE(store.wait_first(steady_clock::now() + seconds(10)));
  EXPECT_FALSE(store.available());
  EXPECT_EQ(store.current()->reason, "no node is reachable");
  int done = 0;
  EXPECT_TRUE(store.refresh([&] { ++done; }));
  store.stop();
  EXPECT_EQ(done, 1) << "before stop() returns";
  EXPECT_TRUE(store.refresh([&] { ++done; }));
  EXPECT_EQ(done, 2) << "at once";
}

}  // namespace
}  // namespace causeway::proxy
