#include "proxy/backend/server_kill.h"

#include <gtest/gtest.h>

#include "proxy/backend/shard.h"
#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

using test::Harness;
using test::Reply;

AccountLogin app() {
  AccountLogin login;
  login.key = std::make_shared<const PoolKey>(PoolKey{.user = "app", .collation = 45});
  login.credentials =
      std::make_shared<const protocol::Credentials>(protocol::Credentials::from_password("secret"));
  return login;
}

TEST(ServerKill, KillsWithTheMonitorsAccount) {
  Harness harness;
  std::string user;
  harness.writer().on("KILL", [&user](Reply& reply) {
    user = reply.connection.user;
    reply.ok();
  });
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 1, .id = 42},
                             KillScope::kQuery, app()));
  EXPECT_EQ(harness.writer().statements().front(), "KILL QUERY 42");
  EXPECT_EQ(user, "monitor");
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 1, .id = 43},
                             KillScope::kConnection, app()));
  EXPECT_EQ(harness.writer().statements().back(), "KILL 43");
  harness.settle();
  EXPECT_EQ(harness.writer().connections_open(), 0U);
}

TEST(ServerKill, WhatTheMonitorMayNotTheSessionsOwnAccountMay) {
  Harness harness;
  std::vector<std::string> users;
  harness.writer().on("KILL", [&users](Reply& reply) {
    users.push_back(reply.connection.user);
    if (users.size() == 1) return reply.error(1095, "HY000", "You are not owner of thread 42");
    reply.ok();
  });
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 1, .id = 42},
                             KillScope::kConnection, app()));
  EXPECT_EQ(users, (std::vector<std::string>{"monitor", "app"}));
  EXPECT_FALSE(harness.log_has("could not be killed"));
}

TEST(ServerKill, WhatHasEndedByItselfIsKilled) {
  Harness harness;
  harness.writer().on("KILL", [](Reply& reply) { reply.error(1094, "HY000", "Unknown thread id: 42"); });
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 1, .id = 42},
                             KillScope::kConnection, app()));
  EXPECT_EQ(harness.writer().count("KILL"), 1U);
  EXPECT_FALSE(harness.log_has("could not be killed"));
}

TEST(ServerKill, OnAnotherServerTheIdIsSomebodyElses) {
  Harness harness;
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 7, .id = 42},
                             KillScope::kConnection, app()));
  EXPECT_EQ(harness.writer().count("KILL"), 0U);
}

TEST(ServerKill, WhatFailsIsLogged) {
  Harness harness;
  harness.writer().accepts = false;
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 1, .id = 42},
                             KillScope::kConnection, app()));
  EXPECT_TRUE(harness.log_has("could not be killed"));
}

TEST(ServerKill, AServerThatDoesNotAnswerIsGivenUp) {
  Harness harness;
  harness.writer().on("KILL", [](Reply& reply) { reply.later(); });
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 1, .id = 42},
                             KillScope::kConnection, AccountLogin()));
  EXPECT_TRUE(harness.log_has("could not be killed"));
}

TEST(ServerKill, TheMonitorsPasswordThatIsRefusedIsReadAgain) {
  Harness harness;
  harness.writer().passwords["monitor"] = "changed";
  harness.run(kill_on_server(harness.shard(), {.node = 0, .server_incarnation = 1, .id = 42},
                             KillScope::kConnection, AccountLogin()));
  EXPECT_TRUE(harness.services().monitor_account->was_refused());
}

}  // namespace
}  // namespace causeway::proxy
