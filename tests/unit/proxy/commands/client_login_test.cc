#include "proxy/commands/client_login.h"

#include <gtest/gtest.h>

#include "protocol/handshake.h"
#include "proxy/net/tls_context.h"
#include "tests/support/harness.h"

namespace causeway::test {
namespace {

namespace capability = protocol::capability;
using std::chrono::seconds;
using Ends = std::vector<std::string>;

// Of which every login needs the whole password, since nobody can read the accounts.
class UnreadAccounts {
 public:
  explicit UnreadAccounts(Harness& harness)
      : services_(harness.services()), store_({}, {}, services_.cluster, services_.logger) {
    services_.accounts = &store_;
  }
  UnreadAccounts(const UnreadAccounts&) = delete;
  UnreadAccounts& operator=(const UnreadAccounts&) = delete;
  ~UnreadAccounts() { services_.accounts = nullptr; }

 private:
  proxy::Services& services_;
  proxy::AccountStore store_;
};

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
  EXPECT_EQ(harness.ends(), Ends{"access denied"});
}

TEST(ClientLogin, WithAnotherPasswordIsDenied) {
  Harness harness({.rsa_key = true});
  for (const std::string_view password : {"wrong", ""}) {
    const auto client = harness.connect();
    const std::string said = password.empty() ? "(using password: NO)" : "(using password: YES)";
    const Answer answer = client->log_in("app", password);
    EXPECT_EQ(answer.error, 1045);
    EXPECT_NE(answer.text().find(said), std::string::npos) << answer.text();
  }
  EXPECT_EQ(harness.metrics().clients.auth_failures.value(), 2U);
  EXPECT_EQ(harness.settle_books(), "");
  EXPECT_EQ(harness.ends(), (Ends{"access denied", "access denied"}));
}

TEST(ClientLogin, ByAnotherPluginIsAskedOnceMore) {
  Harness harness;
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in({.plugin = protocol::auth_plugin::kNativePassword}).text(), "OK");
  EXPECT_EQ(client->steps(), 2U);
}

TEST(ClientLogin, WithTheWholePasswordNeedsAWayForIt) {
  Harness harness;
  const UnreadAccounts accounts(harness);
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in().error, 3159);
  harness.settle();
  EXPECT_EQ(harness.ends(), Ends{"bad handshake"});
}

TEST(ClientLogin, MaySayWhatItIs) {
  Harness harness;
  Buffer attributes;
  protocol::append_connect_attribute(attributes, "program_name", "shop");
  protocol::append_connect_attribute(attributes, "_pid", "4711");
  const auto client = harness.connect();
  EXPECT_EQ(client
                ->log_in({.capabilities = usual_client_capabilities() | capability::kConnectAttrs,
                          .connect_attributes = attributes})
                .text(),
            "OK");
  EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica1]");
}

TEST(ClientLogin, InACharacterSetThatIsNoneForClientsIsRefused) {
  Harness harness;
  const auto client = harness.connect();
  const std::string answer = client->log_in({.collation = 35}).text();
  EXPECT_TRUE(answer.starts_with("1231 42000")) << answer;
  harness.settle();
  EXPECT_EQ(harness.ends(), Ends{"login refused"});
}

TEST(ClientLogin, WhereNobodyKnowsTheAccountsIsRefused) {
  Harness harness;
  const UnreadAccounts accounts(harness);
  for (proxy::NodeView& node : harness.view().nodes)
    node.reachable = false;
  harness.publish();
  harness.advance(std::chrono::milliseconds{60});
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in().error, 1053);
  harness.settle();
  EXPECT_EQ(harness.ends(), Ends{"login refused"});
}

TEST(ClientLogin, OfPacketsThatAreNoneEndsWithAWord) {
  const std::string too_long(70'000, 'x');
  const struct {
    Buffer packet;
    uint16_t error;
  } cases[] = {{packet_of(protocol::as_bytes("x"), 1), 1043},
               {packet_of(protocol::as_bytes(too_long), 1), 1043},
               {packet_of(protocol::as_bytes("x"), 3), 1156},
               {packet_of(Buffer(40, 0), 1), 1251}};
  for (const auto& c : cases) {
    Harness harness;
    const auto client = harness.connect();
    client->take_greeting();
    client->send_raw(c.packet);
    const Answer answer = client->receive_answer(protocol::Command::kQuery);
    EXPECT_EQ(answer.error, c.error) << answer.text();
    harness.settle();
    EXPECT_EQ(harness.ends(), Ends{"bad handshake"});
    EXPECT_EQ(harness.metrics()
                  .clients.connections_rejected[static_cast<size_t>(proxy::RejectReason::kHandshake)]
                  .value(),
              1U);
  }
}

TEST(ClientLogin, ThatBeginsTlsAndDoesNotGoOnWithItEnds) {
  Buffer request;
  protocol::append_ssl_request(
      request, {.capabilities = usual_client_capabilities() | capability::kSsl, .collation = 45});
  for (const bool offered : {true, false}) {
    Harness harness;
    if (offered) harness.shard().set_tls(*proxy::make_client_tls_context({}), nullptr);
    const auto client = harness.connect();
    client->send_raw(packet_of(request, 1));
    client->send_raw(protocol::as_bytes("GET / HTTP/1.1\r\n\r\n"));
    EXPECT_EQ(harness.books().sessions, 0U);
    EXPECT_EQ(harness.log_has("TLS handshake with a client failed"), offered);
    EXPECT_EQ(harness.ends(), Ends{offered ? "TLS handshake failed" : "bad handshake"});
  }
}

// A client that goes away, or does nonsense, at each of its steps: the greeting's answer, the wish for the
// key, and the password; and likewise as another user.
TEST(ClientLogin, OfAClientThatIsGoneAtAnyStepLeavesNothing) {
  for (const Fault fault : {Fault::kClose, Fault::kTruncated, Fault::kWrongSequence, Fault::kBytewise,
                            Fault::kStall, Fault::kCloseBehind}) {
    for (size_t step = 0; step < 3; ++step) {
      Harness harness({.rsa_key = true});
      const UnreadAccounts accounts(harness);
      const auto client = harness.connect();
      client->fault_at(step, fault);
      client->log_in();
      EXPECT_TRUE(client->fault_happened()) << to_string(fault) << " at " << step;
      EXPECT_FALSE(client->hung()) << to_string(fault) << " at " << step;
      client->close();
      EXPECT_EQ(harness.settle_books(), "") << to_string(fault) << " at " << step;
      const char* const expected = fault == Fault::kStall           ? "login took too long"
                                   : fault == Fault::kWrongSequence ? "bad handshake"
                                                                    : "client gone";
      EXPECT_EQ(harness.ends(), Ends{expected}) << to_string(fault) << " at " << step;
    }
  }
}

TEST(ClientLogin, AsAnotherUserOfAClientThatIsGoneAtAnyStepLeavesNothing) {
  for (const Fault fault : {Fault::kClose, Fault::kTruncated, Fault::kWrongSequence, Fault::kStall}) {
    for (size_t step = 0; step < 2; ++step) {
      Harness harness;
      const auto client = harness.connect_and_log_in();
      client->fault_at(client->steps() + step, fault);
      client->change_user("other", "secret");
      EXPECT_TRUE(client->fault_happened()) << to_string(fault) << " at " << step;
      EXPECT_FALSE(client->hung()) << to_string(fault) << " at " << step;
      client->close();
      EXPECT_EQ(harness.settle_books(), "") << to_string(fault) << " at " << step;
      const bool of_login = step == 1;
      const char* const expected = fault == Fault::kWrongSequence && of_login ? "bad handshake"
                                   : fault == Fault::kWrongSequence           ? "malformed packets"
                                   : fault == Fault::kStall && of_login       ? "login took too long"
                                   : fault == Fault::kStall                   ? "idle for too long"
                                                                              : "client gone";
      EXPECT_EQ(harness.ends(), Ends{expected}) << to_string(fault) << " at " << step;
    }
  }
}

TEST(ClientLogin, AClientThatSaysNothingIsClosedInTime) {
  Harness harness;
  const auto client = harness.connect();
  harness.advance(seconds{9});
  EXPECT_EQ(harness.books().sessions, 1U);
  harness.advance(seconds{2});
  EXPECT_EQ(harness.books().sessions, 0U);
  EXPECT_EQ(harness.ends(), Ends{"login took too long"});
}

TEST(ClientLogin, TooManyClientsAreToldSo) {
  Harness harness({.configure = [](proxy::Config& config) { config.limits.max_connections = 1; }});
  const auto first = harness.connect_and_log_in();
  const auto second = harness.connect();
  EXPECT_EQ(second->log_in().error, 1040);
  EXPECT_EQ(harness.ends(), Ends{"too many connections"});
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
  harness.settle();
  EXPECT_EQ(harness.ends(), Ends{"TLS is required"});
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
  EXPECT_EQ(mysql.ends(), Ends{"access denied"});

  const auto try_often = [](Harness& harness) {
    const auto client = harness.connect_and_log_in();
    client->change_user("nobody", "");
    EXPECT_TRUE(client->transcript().back().starts_with("1045")) << client->transcript().back();
    EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica1]");
    for (int i = 0; i < 3; ++i)
      client->change_user("nobody", "");
    EXPECT_TRUE(client->transcript().back().starts_with("1047")) << client->transcript().back();
    EXPECT_EQ(client->query("SELECT a FROM t").text(), "[replica1]");
    client->quit();
    harness.settle();
    EXPECT_EQ(harness.ends(), Ends{"quit"});
  };
  { mysql.settle_books(); }
  Harness mariadb({.flavor = Flavor::kMariadb, .rsa_key = true});
  try_often(mariadb);
}

}  // namespace
}  // namespace causeway::test
