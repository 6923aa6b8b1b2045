#include "proxy/commands/client_login.h"

#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace causeway::test {
namespace {

using std::chrono::seconds;

TEST(ClientLogin, NeedsNoServer) {
  Harness harness;
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in().text(), "OK");
  EXPECT_EQ(harness.writer().connections_opened() + harness.replica().connections_opened(), 0U);
}

TEST(ClientLogin, WithASchemaIsRefusedWhereAServerRefusesIt) {
  Harness harness;
  for (size_t node = 0; node < harness.nodes(); ++node)
    harness.server(node).on(protocol::Command::kInitDb,
                            [](Reply& reply) { reply.error(1049, "42000", "Unknown database 'shop'"); });
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in("app", "secret", "shop").text(), "1049 42000 Unknown database 'shop'");
  EXPECT_EQ(client->query("SELECT 1").text(), "closed");
  EXPECT_EQ(harness.settle_books(), "");
}

TEST(ClientLogin, AnAccountThatIsNotThereIsDenied) {
  Harness harness({.rsa_key = true});
  const auto client = harness.connect();
  client->log_in("nobody", "secret");
  EXPECT_TRUE(
      client->transcript().back().starts_with("1045 28000 Access denied for user 'nobody'@'127.0.0.1'"))
      << client->transcript().back();
  EXPECT_EQ(harness.metrics().clients.auth_failures.value(), 1U);
  EXPECT_TRUE(harness.log_has("access denied"));
  EXPECT_EQ(harness.settle_books(), "");
}

TEST(ClientLogin, AClientThatSaysNothingIsClosedInTime) {
  Harness harness;
  const auto client = harness.connect();
  harness.advance(seconds{9});
  EXPECT_EQ(harness.books().sessions, 1U);
  harness.advance(seconds{2});
  EXPECT_EQ(harness.books().sessions, 0U);
}

TEST(ClientLogin, TooManyClientsAreToldSo) {
  Harness harness({.configure = [](proxy::Config& config) { config.limits.max_connections = 1; }});
  const auto first = harness.connect_and_log_in();
  const auto second = harness.connect();
  EXPECT_EQ(second->log_in().error, 1040);
  first->quit();
  harness.settle();
  EXPECT_EQ(harness.connect_and_log_in()->transcript().back(), "OK");
}

TEST(ClientLogin, GreetsAsTheWriterDoes) {
  for (const Flavor flavor : {Flavor::kMysql, Flavor::kMariadb}) {
    Harness harness({.flavor = flavor});
    const auto client = harness.connect();
    EXPECT_EQ(client->log_in().text(), "OK");
    EXPECT_EQ(client->server_version(), flavor == Flavor::kMysql ? "9.7.0" : "5.5.5-10.11.14-MariaDB-log");
  }
}

TEST(ClientLogin, RequiredTlsIsRequired) {
  Harness harness({.configure = [](proxy::Config& config) { config.tls.mode = proxy::TlsMode::kRequired; }});
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in().error, 3159);
  EXPECT_EQ(harness.metrics()
                .clients.connections_rejected[static_cast<size_t>(proxy::RejectReason::kTlsRequired)]
                .value(),
            1U);
}

TEST(ClientLogin, WhereInitConnectIsRunTheWriterIsAskedFirst) {
  Harness harness;
  for (proxy::NodeView& node : harness.view().nodes)
    node.facts.init_connect = true;
  harness.publish();
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in().text(), "OK");
  EXPECT_EQ(harness.writer().connections_opened() + harness.replica().connections_opened(), 1U);
}

TEST(ClientLogin, AsAnotherUserForgetsTheFormerOne) {
  Harness harness;
  const auto client = harness.connect_and_log_in();
  client->query("LOCK TABLES t WRITE");
  EXPECT_EQ(client->change_user("other", "secret").text(), "OK");
  EXPECT_EQ(harness.writer().connections_of("app"), 0U);
  EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica1]");
  EXPECT_EQ(harness.replica().connections_of("other"), 1U);
}

TEST(ClientLogin, AFailedChangeOfUserEndsTheConnectionOnMysqlOnly) {
  Harness mysql({.rsa_key = true});
  const auto on_mysql = mysql.connect_and_log_in();
  on_mysql->change_user("nobody", "");
  EXPECT_EQ(on_mysql->query("SELECT a FROM t").text(), "closed");

  const auto try_often = [](Harness& harness) {
    const auto client = harness.connect_and_log_in();
    client->change_user("nobody", "");
    EXPECT_TRUE(client->transcript().back().starts_with("1045")) << client->transcript().back();
    EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica1]");
    for (int i = 0; i < 3; ++i)
      client->change_user("nobody", "");
    EXPECT_TRUE(client->transcript().back().starts_with("1047")) << client->transcript().back();
  };
  { mysql.settle_books(); }
  Harness mariadb({.flavor = Flavor::kMariadb, .rsa_key = true});
  try_often(mariadb);
}

}  // namespace
}  // namespace causeway::test
