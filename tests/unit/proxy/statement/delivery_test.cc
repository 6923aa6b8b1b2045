#include "proxy/statement/delivery.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace causeway::proxy {
namespace {

// A connection over loopback.
struct Pair {
  int client = -1;
  int server = -1;

  Pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener, 1), 0);
    EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    client = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), size), 0);
    server = ::accept(listener, nullptr, nullptr);
    ::close(listener);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    ::close(client);
    if (server >= 0) ::close(server);
  }
};

TEST(Delivery, WhatWasReadBeforeTheEndWasTaken) {
  Pair pair;
  std::array<char, 10> bytes{};
  EXPECT_EQ(::send(pair.client, bytes.data(), bytes.size(), 0), 10);
  EXPECT_EQ(::recv(pair.server, bytes.data(), bytes.size(), MSG_WAITALL), 10);
  ::close(pair.server);
  pair.server = -1;
  EXPECT_EQ(::recv(pair.client, bytes.data(), bytes.size(), 0), 0);
  EXPECT_TRUE(all_was_taken(pair.client));
}

TEST(Delivery, WhatWasSentBehindTheEndWasNot) {
  Pair pair;
  std::array<char, 10> bytes{};
  ::close(pair.server);
  pair.server = -1;
  EXPECT_EQ(::send(pair.client, bytes.data(), bytes.size(), MSG_NOSIGNAL), 10);
  EXPECT_FALSE(all_was_taken(pair.client));
}

TEST(Delivery, OfOtherSocketsNothingIsKnown) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  EXPECT_TRUE(all_was_taken(pair[0]));
  ::close(pair[0]);
  ::close(pair[1]);
}

}  // namespace
}  // namespace causeway::proxy
