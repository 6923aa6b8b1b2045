#include "proxy/commands/client_greeting.h"

#include <gtest/gtest.h>

#include "proxy/net/tls_context.h"
#include "tests/support/harness.h"

namespace causeway::test {
namespace {

namespace capability = protocol::capability;
namespace auth_plugin = protocol::auth_plugin;

// With so many accounts of each plugin.
proxy::AccountStore::SnapshotPtr accounts(size_t native, size_t sha2) {
  std::vector<proxy::Account> all;
  for (size_t i = 0; i < native + sha2; ++i)
    all.push_back({.user = "user" + std::to_string(i),
                   .host = "%",
                   .plugin = std::string(i < native ? auth_plugin::kNativePassword
                                                    : auth_plugin::kCachingSha2Password)});
  auto snapshot = std::make_shared<proxy::AccountSnapshot>();
  snapshot->available = native + sha2 > 0;
  snapshot->table = proxy::AccountTable(std::move(all), proxy::ServerFlavor::kMysql);
  return snapshot;
}

class ClientGreeting : public testing::Test {
 protected:
  protocol::ServerIdentity greeting(const proxy::AccountStore::SnapshotPtr& all = nullptr) {
    harness_.publish();
    harness_.advance(std::chrono::milliseconds{60});
    return proxy::greeting_for(harness_.session(), all);
  }

  Harness harness_;
  std::unique_ptr<ScriptedClient> client_ = harness_.connect();
};

TEST_F(ClientGreeting, IsTheWritersWhereThereIsOne) {
  harness_.view().nodes[0].facts.server_version = "8.4.1";
  harness_.view().nodes[0].facts.default_collation = 33;
  EXPECT_EQ(greeting().server_version, "8.4.1");
  EXPECT_EQ(greeting().collation, 33);
  harness_.view().nodes[0].facts.server_version.clear();
  EXPECT_EQ(greeting().server_version, "9.7.0");
  EXPECT_EQ(greeting().collation, 45);
}

TEST_F(ClientGreeting, IsThereBeforeAnyServerWasHeardOf) {
  for (proxy::NodeView& node : harness_.view().nodes)
    node.facts = {};
  const protocol::ServerIdentity shown = greeting();
  EXPECT_EQ(shown.server_version, "8.0.0-causeway");
  EXPECT_EQ(shown.collation, 45);
  EXPECT_EQ(shown.client_host, "127.0.0.1");
  EXPECT_NE(greeting().nonce, shown.nonce);
}

TEST_F(ClientGreeting, OffersWhatAllServersHaveThatAreThere) {
  EXPECT_TRUE(protocol::has(greeting().capabilities, capability::kQueryAttributes));
  harness_.view().nodes[1].facts.capabilities &= ~capability::kQueryAttributes;
  EXPECT_FALSE(protocol::has(greeting().capabilities, capability::kQueryAttributes));
  harness_.view().nodes[1].reachable = false;
  EXPECT_TRUE(protocol::has(greeting().capabilities, capability::kQueryAttributes));
}

TEST_F(ClientGreeting, OffersCompressionAndTlsByItself) {
  EXPECT_TRUE(protocol::has(greeting().capabilities, capability::kCompress));
  EXPECT_TRUE(protocol::has(greeting().capabilities, capability::kZstdCompression));
  EXPECT_FALSE(protocol::has(greeting().capabilities, capability::kSsl));
  harness_.shard().set_tls(*proxy::make_client_tls_context({}), nullptr);
  EXPECT_TRUE(protocol::has(greeting().capabilities, capability::kSsl));
}

TEST_F(ClientGreeting, NamesThePluginOfMostAccounts) {
  EXPECT_EQ(greeting().default_plugin, auth_plugin::kCachingSha2Password);
  EXPECT_EQ(greeting(accounts(0, 0)).default_plugin, auth_plugin::kCachingSha2Password);
  EXPECT_EQ(greeting(accounts(2, 1)).default_plugin, auth_plugin::kNativePassword);
  EXPECT_EQ(greeting(accounts(1, 1)).default_plugin, auth_plugin::kCachingSha2Password);
  harness_.view().flavor = proxy::ServerFlavor::kMariadb;
  EXPECT_EQ(greeting().default_plugin, auth_plugin::kCachingSha2Password);
  EXPECT_EQ(greeting(accounts(0, 0)).default_plugin, auth_plugin::kNativePassword);
  EXPECT_EQ(greeting(accounts(1, 1)).default_plugin, auth_plugin::kCachingSha2Password);
}

TEST_F(ClientGreeting, OfMariadbHidesItsVersionAndHasExtendedCapabilities) {
  EXPECT_TRUE(protocol::has(greeting().capabilities, capability::kLongPassword));
  harness_.view().flavor = proxy::ServerFlavor::kMariadb;
  for (const auto& [version, shown] : {std::pair("10.11.14-MariaDB", "5.5.5-10.11.14-MariaDB"),
                                       std::pair("11.4.2-MariaDB", "11.4.2-MariaDB")}) {
    harness_.view().nodes[0].facts.server_version = version;
    EXPECT_EQ(greeting().server_version, shown);
    EXPECT_FALSE(protocol::has(greeting().capabilities, capability::kLongPassword));
  }
}

}  // namespace
}  // namespace causeway::test
