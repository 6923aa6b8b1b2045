#include "proxy/commands/session_rights.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

}  // namespace
}  // namespace causeway::proxy
