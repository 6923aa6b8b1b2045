#include "proxy/commands/session_opening.h"

#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace causeway::test {
namespace {

namespace capability = protocol::capability;
using Ends = std::vector<std::string>;

void refuse(Harness& harness, protocol::Command command) {
  for (size_t node = 0; node < harness.nodes(); ++node)
    harness.server(node).on(command, [](Reply& reply) { reply.error(1049, "42000", "No"); });
}

TEST(SessionOpening, IsCompressedAsNegotiated) {
  Harness harness;
  const struct {
    protocol::CapabilityFlags wanted;
    bool compressed;
  } cases[] = {{0, false},
               {capability::kCompress, true},
               {capability::kZstdCompression, true},
               {capability::kCompress | capability::kZstdCompression, true}};
  for (const auto& c : cases) {
    const auto client = harness.connect();
    proxy::ClientSession& session = harness.session();
    // The OK itself is not.
    EXPECT_EQ(client->log_in({.capabilities = usual_client_capabilities() | c.wanted}).text(), "OK");
    EXPECT_EQ(session.client.stream.is_compressed(), c.compressed) << c.wanted;
  }
}

TEST(SessionOpening, KeepsWhatTheClientHasSaidOfItself) {
  Harness harness({.configure = [](proxy::Config& config) { config.nodes[1].proxy_protocol = true; }});
  const auto client = harness.connect();
  proxy::ClientSession& session = harness.session();
  client->log_in({.capabilities = usual_client_capabilities() | capability::kFoundRows, .collation = 33});
  const proxy::PoolKey& key = *session.identity.login.key;
  EXPECT_EQ(key.user, "app");
  EXPECT_EQ(key.collation, 33);
  EXPECT_TRUE(protocol::has(key.capabilities, capability::kFoundRows));
  EXPECT_FALSE(protocol::has(key.capabilities, capability::kPluginAuth));  // its own affair
  EXPECT_TRUE(protocol::has(session.client.capabilities, capability::kPluginAuth));
  EXPECT_EQ(key.client_address, "127.0.0.1");  // some node is told
  EXPECT_FALSE(key.requires_tls);
  EXPECT_EQ(session.identity.login.credentials->clear_password.text(), "secret");
}

TEST(SessionOpening, InASchemaThatIsThere) {
  Harness harness;
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in({.schema = "shop"}).text(), "OK");
  EXPECT_EQ(harness.session().state.schema, "shop");
}

TEST(SessionOpening, InOneThatIsNotIsTheEnd) {
  Harness harness;
  refuse(harness, protocol::Command::kInitDb);
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in({.schema = "shop"}).text(), "1049 42000 No");
  harness.settle();
  EXPECT_EQ(harness.ends(), Ends{"not let in by a server"});
}

TEST(SessionOpening, ThatAnInitConnectRefusesIsTheEnd) {
  Harness harness;
  for (proxy::NodeView& node : harness.view().nodes)
    node.facts.init_connect = true;
  harness.publish();
  refuse(harness, protocol::Command::kPing);
  const auto client = harness.connect();
  EXPECT_EQ(client->log_in().text(), "1049 42000 No");
  harness.settle();
  EXPECT_EQ(harness.ends(), Ends{"not let in by a server"});
}

TEST(SessionOpening, WithoutAnyServerForTheSchemaIsTheEnd) {
  Harness harness;
  for (size_t node = 0; node < harness.nodes(); ++node)
    harness.server(node).accepts = false;
  const auto client = harness.connect();
  EXPECT_NE(client->log_in({.schema = "shop"}).error, 0);
  harness.settle();
  EXPECT_EQ(harness.ends(), Ends{"not let in by a server"});
}

TEST(SessionOpening, OfAClientThatIsGoneIsGivenUp) {
  Harness harness;
  for (size_t node = 0; node < harness.nodes(); ++node)
    harness.server(node).on(protocol::Command::kInitDb, [](Reply& reply) { reply.later(); });
  const auto client = harness.connect();
  client->fault_at(0, Fault::kCloseBehind);
  client->log_in({.schema = "shop"});
  EXPECT_EQ(harness.settle_books(), "");
  EXPECT_EQ(harness.ends(), Ends{"client gone"});
}

}  // namespace
}  // namespace causeway::test
