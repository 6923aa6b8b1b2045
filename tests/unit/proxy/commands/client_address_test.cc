#include "proxy/commands/client_address.h"

#include <gtest/gtest.h>

#include "protocol/proxy_protocol.h"
#include "tests/support/harness.h"

namespace causeway::test {
namespace {

HarnessOptions behind_a_balancer() {
  return {.rsa_key = true, .configure = [](proxy::Config& config) {
            config.listeners.front().proxy_protocol_from = {*proxy::parse_network("127.0.0.0/8")};
          }};
}

TEST(ClientAddress, IsTheOneInTheHeader) {
  Harness harness(behind_a_balancer());
  const auto client = harness.connect();
  Buffer header;
  ASSERT_TRUE(protocol::append_proxy_v2(header, {.address = "192.0.2.7", .port = 4711},
                                        {.address = "192.0.2.1", .port = 3306}));
  client->send_raw(header);
  EXPECT_EQ(client->log_in("nobody", "secret").error, 1045);
  EXPECT_NE(client->transcript().back().find("'nobody'@'192.0.2.7'"), std::string::npos)
      << client->transcript().back();
}

TEST(ClientAddress, OfIPv4InIPv6IsTheOneOfIPv4) {
  Harness harness(behind_a_balancer());
  const auto client = harness.connect();
  client->send_raw(protocol::as_bytes("PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 3306\r\n"));
  client->log_in("nobody", "secret");
  EXPECT_NE(client->transcript().back().find("'nobody'@'192.0.2.7'"), std::string::npos)
      << client->transcript().back();
}

TEST(ClientAddress, OfTheBalancersOwnChecksIsTheirs) {
  Harness harness(behind_a_balancer());
  const auto client = harness.connect();
  Buffer header;
  protocol::append_proxy_v2_local(header);
  client->send_raw(header);
  EXPECT_EQ(client->log_in().text(), "OK");
}

TEST(ClientAddress, WithoutAHeaderThereIsNoGreeting) {
  Harness harness(behind_a_balancer());
  const auto client = harness.connect();
  client->send_raw(protocol::as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(client->log_in().text(), "closed");
  EXPECT_FALSE(client->has_greeting());
  EXPECT_TRUE(harness.log_has("without a proper header of the PROXY protocol"));
  EXPECT_EQ(harness.settle_books(), "");
}

}  // namespace
}  // namespace causeway::test
