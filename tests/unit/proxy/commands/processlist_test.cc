#include "proxy/commands/processlist.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class Processlist : public SessionTest {};

TEST_F(Processlist, ShowsTheSessionsOfThisUser) {
  const auto same = harness_.connect_and_log_in();
  const auto other = harness_.connect();
  other->log_in("other", "secret");
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on(
        "SHOW GRANTS", [](Reply& reply) { reply.rows({"Grants"}, {{"GRANT USAGE ON *.* TO `app`@`%`"}}); });
  const std::string answer = ask("SHOW PROCESSLIST");
  EXPECT_NE(answer.find("[" + std::to_string(client_->id()) + ", app"), std::string::npos) << answer;
  EXPECT_NE(answer.find("[" + std::to_string(same->id()) + ", app"), std::string::npos) << answer;
  EXPECT_EQ(answer.find(", other"), std::string::npos) << answer;
}

TEST_F(Processlist, ShowsThoseOfAllToWhoeverMaySeeThem) {
  const auto other = harness_.connect();
  other->log_in("other", "secret");
  for (size_t node = 0; node < harness_.nodes(); ++node)
    harness_.server(node).on(
        "SHOW GRANTS", [](Reply& reply) { reply.rows({"Grants"}, {{"GRANT PROCESS ON *.* TO `app`@`%`"}}); });
  const std::string answer = ask("SHOW FULL PROCESSLIST");
  EXPECT_NE(answer.find(", other"), std::string::npos) << answer;
}

TEST_F(Processlist, AsACommandIsTheSame) {
  EXPECT_NE(ask(protocol::Command::kProcessInfo).find(", app"), std::string::npos);
}

TEST_F(Processlist, AuroraTableIsAskedForAtAServerWithTheRowsInItsPlace) {
  warm_up();
  ask("SELECT ID FROM information_schema.aurora_forwarding_processlist");
  Texts asked = on_both();
  EXPECT_FALSE(any_has(asked, "information_schema.aurora_forwarding_processlist"));
  EXPECT_TRUE(any_has(asked, "SELECT " + std::to_string(client_->id())));
}

}  // namespace
}  // namespace causeway::test
