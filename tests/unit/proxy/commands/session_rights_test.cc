#include "proxy/commands/session_rights.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/database_accounts.h"
#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

TEST(AddRightsOfGrant, ReadsGlobalRightsAndNoNames) {
  constexpr AccountRights kNone{};
  constexpr AccountRights kAll{.see_all = true, .kill_any = true, .protects = true};
  const struct {
    const char* row;
    AccountRights rights;
  } cases[] = {
      // MySQL
      {"GRANT USAGE ON *.* TO `a`@`%`", kNone},
      {"GRANT PROCESS ON *.* TO `a`@`%`", {.see_all = true}},
      {"GRANT SELECT, PROCESS, FILE, SUPER ON *.* TO `a`@`%` WITH GRANT OPTION",
       {.see_all = true, .kill_any = true}},
      {"GRANT CONNECTION_ADMIN ON *.* TO `a`@`%`", {.kill_any = true}},
      {"GRANT AUDIT_ADMIN,CONNECTION_ADMIN,SYSTEM_USER ON *.* TO `a`@`%`",
       {.kill_any = true, .protects = true}},
      {"GRANT SYSTEM_USER ON *.* TO `a`@`%` WITH GRANT OPTION", {.protects = true}},
      {"GRANT `PROCESS`@`%`,`SUPER`@`%` TO `a`@`%`", kNone},
      {"GRANT `PROCESS, SUPER ON *.* TO `@`%` TO `a`@`%`", kNone},
      {"REVOKE PROCESS ON `app`.* FROM `a`@`%`", kNone},
      {"GRANT SELECT (`a, PROCESS, SUPER ON *.* TO `) ON `app`.`t` TO `a`@`%`", kNone},
      {"GRANT SELECT ON `x ON *.* TO SUPER`.* TO `a`@`%`", kNone},
      {"GRANT ALL PRIVILEGES ON `app`.* TO `a`@`%`", kNone},
      {"GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION", kNone},
      // MariaDB
      {"GRANT ALL PRIVILEGES ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*B6' WITH GRANT OPTION", kAll},
      {"GRANT CONNECTION ADMIN ON *.* TO `a`@`%`", {.kill_any = true}},
      {"GRANT `r` TO `a`@`%`", kNone},
      {"GRANT PROCESS ON *.* TO `r`", {.see_all = true}},
      {"GRANT PROCESS ON *.* TO \"r\"", {.see_all = true}},
      {"SET DEFAULT ROLE `r` FOR `a`@`%`", kNone},
      {"", kNone},
  };
  for (const auto& c : cases) {
    AccountRights rights;
    add_rights_of_grant(rights, c.row);
    EXPECT_EQ(rights, c.rights) << c.row;
    rights = kAll;
    add_rights_of_grant(rights, c.row);
    EXPECT_EQ(rights, kAll) << c.row;
  }
}

// Rights that stand in the table of accounts, of which no server is asked.
class RightsInTable : public testing::Test {
 protected:
  RightsInTable() {
    harness_.services().accounts = &accounts_.store();
    for (size_t node = 0; node < harness_.nodes(); ++node)
      harness_.server(node).passwords["app"] = harness_.server(node).passwords["other"] = "";
  }

  std::unique_ptr<test::ScriptedClient> log_in(std::string_view user) {
    auto client = harness_.connect();
    EXPECT_EQ(client->log_in(user, "").text(), "OK");
    return client;
  }

  test::DatabaseAccounts accounts_{
      {{.user = "app", .plugin = "caching_sha2_password", .auth_string = "", .see_all = true},
       {.user = "other", .plugin = "caching_sha2_password", .auth_string = ""}}};
  test::Harness harness_;
};

TEST_F(RightsInTable, SufficeForTheSessionsOfOthers) {
  const auto app = log_in("app");
  const auto other = log_in("other");
  EXPECT_NE(app->query("SHOW PROCESSLIST").text().find(", other, "), std::string::npos);
  EXPECT_EQ(harness_.writer().count("SHOW GRANTS"), 0U);
  EXPECT_EQ(other->query("SHOW PROCESSLIST").text().find(", app, "), std::string::npos);
}

TEST_F(RightsInTable, AreThoseOfNow) {
  const auto app = log_in("app");
  const auto other = log_in("other");
  accounts_.change({{.user = "app", .plugin = "caching_sha2_password", .auth_string = ""},
                    {.user = "other", .plugin = "caching_sha2_password", .auth_string = ""}});
  EXPECT_EQ(app->query("SHOW PROCESSLIST").text().find(", other, "), std::string::npos);
  accounts_.change({{.user = "somebody", .plugin = "caching_sha2_password", .auth_string = ""}});
  EXPECT_EQ(app->query("SHOW PROCESSLIST").text().find(", other, "), std::string::npos);
}

}  // namespace
}  // namespace causeway::proxy
