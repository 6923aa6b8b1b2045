#include "proxy/backend/backend_connector.h"

#include <gtest/gtest.h>

#include "proxy/backend/shard.h"
#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

using test::Fault;
using test::Flavor;
using test::Harness;
using test::Reply;

std::shared_ptr<const PoolKey> key_of(std::string user, protocol::CapabilityFlags capabilities = 0) {
  return std::make_shared<const PoolKey>(
      PoolKey{.user = std::move(user), .capabilities = capabilities, .collation = 45});
}

// Where the opened connection is watched while it is opened.
ConnectResult connect(Harness& harness, size_t node, std::string_view password = "secret",
                      std::shared_ptr<const PoolKey> key = key_of("app")) {
  const protocol::Credentials credentials = protocol::Credentials::from_password(password);
  BackendConnection* in_flight = nullptr;
  ConnectResult result = harness.run(connect_backend(harness.shard(), node, key, credentials, in_flight));
  EXPECT_EQ(in_flight, nullptr);
  return result;
}

TEST(BackendConnector, LearnsWhatAConnectionBeginsWith) {
  Harness harness;
  const ConnectResult opened = connect(harness, 0);
  ASSERT_NE(opened.connection, nullptr) << opened.reason;
  const BackendConnection& connection = *opened.connection;
  EXPECT_EQ(connection.node, 0U);
  EXPECT_EQ(connection.server.thread_id, 100U);
  EXPECT_FALSE(connection.server.mariadb);
  EXPECT_FALSE(connection.state.multi_statements);
  EXPECT_FALSE(connection.server.ran_init_connect);
  EXPECT_EQ(connection.server.incarnation, 1U);
  EXPECT_EQ(connection.state.status, protocol::status::kAutocommit);
  EXPECT_EQ(connection.server.baseline.character_set_client, "utf8mb4");
  EXPECT_EQ(connection.server.baseline.collation_connection, "utf8mb4_general_ci");
  EXPECT_EQ(connection.server.baseline.sql_mode, "STRICT_TRANS_TABLES");
  EXPECT_FALSE(connection.server.baseline.defaults.transaction_read_only);
  // All questions behind the login are one write.
  EXPECT_EQ(harness.writer().round_trips(), 1U);
  const auto& received = harness.writer().received();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_EQ(received[0].text,
            "SET session_track_system_variables=_utf8mb4'*', session_track_schema=1, "
            "session_track_gtids=_utf8mb4'OWN_GTID'");
}

TEST(BackendConnector, AsksMariadbInItsOwnWords) {
  Harness harness({.flavor = Flavor::kMariadb});
  const ConnectResult opened =
      connect(harness, 1, "secret", key_of("app", protocol::capability::kInteractive));
  ASSERT_NE(opened.connection, nullptr) << opened.reason;
  EXPECT_TRUE(opened.connection->server.mariadb);
  const auto& received = harness.replica().received();
  EXPECT_EQ(received[0].text,
            "SET session_track_system_variables=_utf8mb4'*', session_track_schema=1, "
            "wait_timeout=@@interactive_timeout");
  EXPECT_NE(received[1].text.find("@@tx_read_only, ''"), std::string::npos);
}

TEST(BackendConnector, TakesWhatTheServersVariablesSay) {
  Harness harness;
  harness.writer().on("SELECT @@character_set_client", [](Reply& reply) {
    reply.rows({"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"},
               {{"latin1", "NULL", "latin1_swedish_ci", "ANSI", "1", "writer:3306", "1", "1", "CHAIN",
                 "STATE", "1", "1", "00000000-0000-0000-0000-000000000001"}});
  });
  const ConnectResult opened = connect(harness, 0);
  ASSERT_NE(opened.connection, nullptr) << opened.reason;
  const ConnectionBaseline& baseline = opened.connection->server.baseline;
  EXPECT_EQ(baseline.character_set_client, "latin1");
  EXPECT_EQ(baseline.character_set_results, "NULL");
  EXPECT_TRUE(opened.connection->server.ran_init_connect);
  EXPECT_TRUE(baseline.defaults.auto_is_null);
  EXPECT_TRUE(baseline.defaults.tracks_transactions);
  EXPECT_TRUE(baseline.defaults.tracks_state_change);
  EXPECT_TRUE(baseline.defaults.transaction_read_only);
  EXPECT_EQ(baseline.defaults.completion_type, routing::CompletionType::kChain);
}

TEST(BackendConnector, PassesOnTheServersRefusal) {
  Harness harness;
  const ConnectResult wrong = connect(harness, 0, "guess");
  EXPECT_EQ(wrong.connection, nullptr);
  ASSERT_TRUE(wrong.refusal);
  EXPECT_EQ(wrong.refusal->code, 1045);
  EXPECT_EQ(wrong.refusal->sql_state, "28000");
  EXPECT_TRUE(wrong.access_denied);

  harness.writer().on_login([](Reply& reply) {
    reply.error(1040, "08004", "Too many connections");
    reply.connection.close_when_sent = true;
  });
  const ConnectResult full = connect(harness, 0);
  ASSERT_TRUE(full.refusal);
  EXPECT_EQ(full.refusal->code, 1040);
  EXPECT_FALSE(full.access_denied);
}

TEST(BackendConnector, PassesOnWhatTheServerSaysToItsFirstQuestion) {
  Harness harness;
  harness.writer().on("session_track_system_variables", [](Reply& reply) {
    reply.error(1820, "HY000", "You must reset your password using ALTER USER statement");
  });
  const ConnectResult opened = connect(harness, 0);
  ASSERT_TRUE(opened.refusal);
  EXPECT_EQ(opened.refusal->code, 1820);
  EXPECT_NE(opened.reason.find("the server refuses session tracking"), std::string::npos);
}

TEST(BackendConnector, SaysOfAServerThatIsNotThereWhy) {
  Harness harness;
  harness.writer().accepts = false;
  const ConnectResult opened = connect(harness, 0);
  EXPECT_EQ(opened.connection, nullptr);
  EXPECT_FALSE(opened.refusal);
  EXPECT_NE(opened.reason, "");
}

TEST(BackendConnector, RefusesAnotherServerThanTheMonitors) {
  Harness harness;
  harness.view().nodes[0].identity.uuid = "00000000-0000-0000-0000-00000000000f";
  harness.publish();
  const ConnectResult opened = connect(harness, 0);
  EXPECT_EQ(opened.connection, nullptr);
  EXPECT_FALSE(opened.refusal);
  EXPECT_NE(opened.reason.find("another server than the monitor's"), std::string::npos) << opened.reason;
  EXPECT_TRUE(harness.log_has("a connection led to another server"));
  // Nobody knows better before the monitor has seen any.
  harness.view().nodes[0].incarnation = 0;
  harness.publish();
  EXPECT_NE(connect(harness, 0).connection, nullptr);
}

TEST(BackendConnector, TellsNodesThatWantItForWhomTheConnectionIs) {
  Harness harness({.configure = [](Config& config) { config.nodes[1].proxy_protocol = true; }});
  harness.replica().expects_proxy_header = true;
  PoolKey key = *key_of("app");
  key.client_address = "192.0.2.1";
  const auto shared = std::make_shared<const PoolKey>(key);
  const ConnectResult opened = connect(harness, 1, "secret", shared);
  ASSERT_NE(opened.connection, nullptr) << opened.reason;
  const test::Buffer& header = harness.replica().proxy_header();
  ASSERT_EQ(header.size(), 28U);
  EXPECT_EQ(test::Buffer(header.begin() + 16, header.begin() + 20), (test::Buffer{192, 0, 2, 1}));
  // Causeway's own connections are nobody's.
  ASSERT_NE(connect(harness, 1).connection, nullptr);
  EXPECT_EQ(harness.replica().proxy_header().size(), 16U);
}

TEST(BackendConnector, CannotConnectWhereNobodyListens) {
  Harness harness({.configure = [](Config& config) {
    config.nodes[1].address = {.host = "127.0.0.1", .port = 1, .path = {}};
  }});
  const ConnectResult opened = connect(harness, 1);
  EXPECT_EQ(opened.connection, nullptr);
  EXPECT_EQ(opened.reason, "Connection refused");
}

TEST(BackendConnector, PassesOnNoCapabilityThatChangesNothing) {
  namespace capability = protocol::capability;
  StatementsConfig statements;
  EXPECT_FALSE(protocol::has(passed_on_capabilities(statements), capability::kLocalFiles));
  statements.load_data = StatementPolicy::kForward;
  EXPECT_TRUE(protocol::has(passed_on_capabilities(statements), capability::kLocalFiles));
  EXPECT_FALSE(protocol::has(passed_on_capabilities(statements), capability::kCompress));
  EXPECT_FALSE(protocol::has(passed_on_capabilities(statements), capability::kSsl));
  EXPECT_TRUE(protocol::has(required_backend_capabilities(), capability::kSessionTrack));
}

TEST(BackendConnector, TlsIsWhatTheConfigurationAndTheAccountAskFor) {
  using enum TlsMode;
  const Address remote{.host = "db1", .port = 3306};
  const Address local{.host = "127.0.0.1", .port = 3306};
  const struct {
    TlsMode configured;
    TlsMode to_remote, to_local, of_account;
  } rows[] = {
      {kDisabled, kDisabled, kDisabled, kDisabled},
      {kPreferred, kPreferred, kDisabled, kRequired},
      {kRequired, kRequired, kRequired, kRequired},
      {kVerifyCa, kVerifyCa, kVerifyCa, kVerifyCa},
      {kVerifyIdentity, kVerifyIdentity, kVerifyIdentity, kVerifyIdentity},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(tls_towards(remote, row.configured, false), row.to_remote) << to_string(row.configured);
    EXPECT_EQ(tls_towards(local, row.configured, false), row.to_local) << to_string(row.configured);
    for (const Address& address : {remote, local})
      EXPECT_EQ(tls_towards(address, row.configured, true), row.of_account) << to_string(row.configured);
  }
}

}  // namespace
}  // namespace causeway::proxy
