#include "proxy/session/session_tracking.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

TEST(SqlMode, ChangesHowTextsAreRead) {
  routing::LexMode mode;
  proxy::take_sql_mode(mode, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
  EXPECT_TRUE(mode.ansi_quotes);
  EXPECT_TRUE(mode.no_backslash_escapes);
  proxy::take_sql_mode(mode, "STRICT_TRANS_TABLES");
  EXPECT_FALSE(mode.ansi_quotes);
  EXPECT_FALSE(mode.no_backslash_escapes);
}

class SessionTracking : public SessionTest {};

TEST_F(SessionTracking, AVariableThatAServerReportsIsTakenToTheOtherOne) {
  warm_up();
  report_variable(harness_.writer(), "CALL", "time_zone", "UTC");
  ask("CALL p()");
  on_replica();
  ask("SELECT a FROM t");
  const Texts asked = on_replica();
  ASSERT_GE(asked.size(), 2U);
  EXPECT_NE(asked[asked.size() - 2].find("time_zone"), std::string::npos) << asked[asked.size() - 2];
}

TEST_F(SessionTracking, ASchemaThatAServerReportsToo) {
  warm_up();
  harness_.writer().on("CALL", [](Reply& reply) { reply.ok({.schema = "shop"}); });
  ask("CALL p()");
  on_replica();
  ask("SELECT a FROM t");
  const Texts asked = on_replica();
  EXPECT_NE(std::find(asked.begin(), asked.end(), "COM_INIT_DB shop"), asked.end());
}

TEST_F(SessionTracking, TheCollationOfSetNamesIsTakenFromItsText) {
  warm_up();
  for (size_t node = 0; node < harness_.nodes(); ++node) {
    harness_.server(node).on("SET NAMES", [](Reply& reply) {
      reply.ok({.variables = {{"character_set_client", "latin1"},
                              {"character_set_connection", "latin1"},
                              {"character_set_results", "latin1"}}});
    });
  }
  ask("SET NAMES latin1 COLLATE latin1_bin");
  ask("SELECT a FROM t");
  ask("INSERT INTO t VALUES (1)");
  Texts asked = on_both();
  const bool has = std::any_of(asked.begin(), asked.end(), [](const std::string& one) {
    return one.starts_with("SET ") && one.find("latin1_bin") != std::string::npos;
  });
  EXPECT_TRUE(has);
}

TEST_F(SessionTracking, ARolePinsTheSession) {
  warm_up();
  ask("SET ROLE admin");
  EXPECT_EQ(ask("SELECT a FROM t"), "[writer]");
}

TEST_F(SessionTracking, MoreThanOneWriteIsOnePosition) {
  warm_up();
  for (int i = 0; i < 3; ++i)
    ask("INSERT INTO t VALUES (1)");
  on_replica();
  ask("SELECT a FROM t");
  EXPECT_NE(on_replica().at(0).find("101-104'"), std::string::npos);
}

class SessionTrackingOfClient : public SessionTest {
 protected:
  SessionTrackingOfClient() { capabilities_ |= protocol::capability::kSessionTrack; }

  std::string told(std::string_view sql) {
    const Answer answer = client_->query(sql);
    return std::string(protocol::as_text(answer.bytes));
  }
};

TEST_F(SessionTrackingOfClient, AClientGetsWhatItHasAskedFor) {
  warm_up();
  const auto report_all = [](Reply& reply) {
    reply.ok({.variables = {{"sql_mode", "ANSI"}, {"autocommit", "ON"}},
              .schema = "shop",
              .gtid = "00000000-0000-0000-0000-000000000001:150"});
  };
  harness_.writer().on("CALL", report_all);
  EXPECT_NE(told("CALL p()").find("shop"), std::string::npos);
  EXPECT_EQ(told("CALL p()").find("sql_mode"), std::string::npos);
  EXPECT_EQ(told("CALL p()").find("-000000000001:150"), std::string::npos);
  ask("SET session_track_system_variables = '*', session_track_gtids = 'OWN_GTID', session_track_schema = 0");
  EXPECT_NE(told("CALL p()").find("sql_mode"), std::string::npos);
  EXPECT_NE(told("CALL p()").find("-000000000001:150"), std::string::npos);
  EXPECT_EQ(told("CALL p()").find("shop"), std::string::npos);
}

TEST_F(SessionTrackingOfClient, ABeginThatIsKeptForLaterIsToldAsAServerWould) {
  const Answer answer = client_->query("BEGIN");
  EXPECT_NE(answer.status & protocol::status::kInTransaction, 0);
  EXPECT_NE(answer.status & protocol::status::kSessionStateChanged, 0);
}

}  // namespace
}  // namespace causeway::test
