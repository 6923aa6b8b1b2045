#include "routing/kill_statement.h"

#include <gtest/gtest.h>

namespace causeway::routing {
namespace {

TEST(ParseKill, Forms) {
  EXPECT_EQ(parse_kill("KILL 5", {}), (KillTarget{false, 5}));
  EXPECT_EQ(parse_kill("kill connection 5;", {}), (KillTarget{false, 5}));
  EXPECT_EQ(parse_kill("KILL /* c */ QUERY 18446744073709551615", {}),
            (KillTarget{true, 18446744073709551615U}));
  EXPECT_EQ(parse_kill("KILL HARD 5", {}), (KillTarget{false, 5}));
  EXPECT_EQ(parse_kill("KILL QUERY '5'", {}), (KillTarget{true, 5}));
  EXPECT_EQ(parse_kill("KILL SOFT QUERY 5", {}), (KillTarget{true, 5}));
}

TEST(ParseKill, NothingForTheRest) {
  for (const std::string_view sql :
       {"", "KILL", "KILL USER u", "KILL QUERY ID 5", "KILL @a", "KILL 5 + 1", "KILL 5.5", "KILL 0x5",
        "KILL 18446744073709551616", "SELECT 5", "KILL ?", "KILL '5' '6'", "KILL '5x'", "KILL X'35'"}) {
    EXPECT_FALSE(parse_kill(sql, {})) << sql;
  }
}

}  // namespace
}  // namespace causeway::routing
