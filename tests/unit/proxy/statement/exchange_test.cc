#include "proxy/statement/exchange.h"

#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

class ExchangeTest : public SessionTest {};

TEST_F(ExchangeTest, RowsAreRelayedAsTheyAre) {
  warm_up();
  harness_.replica().on("SELECT many", [](Reply& reply) {
    reply.rows({"a", "b"}, std::vector<Texts>(3000, {std::string(100, 'x'), "NULL"}));
  });
  const Answer answer = client_->query("SELECT many FROM t");
  EXPECT_EQ(answer.state, AnswerState::kComplete);
  EXPECT_EQ(answer.text().size(), 3000U * (100 + 8));
}

TEST_F(ExchangeTest, ARowMayBeLongerThanEveryBuffer) {
  warm_up();
  harness_.replica().on("SELECT long",
                        [](Reply& reply) { reply.rows({"a"}, {{std::string(1'000'000, 'x')}}); });
  EXPECT_EQ(ask("SELECT long FROM t").size(), 1'000'002U);
}

TEST_F(ExchangeTest, RowsThatEndWithAnErrorAreRelayedWithIt) {
  warm_up();
  harness_.replica().on("SELECT broken", [](Reply& reply) {
    reply.rows_then_error({"a"}, {{"1"}}, 1030, "HY000", "Got error 1");
  });
  EXPECT_EQ(ask("SELECT broken FROM t"), "[1]; 1030 HY000 Got error 1");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(ExchangeTest, TrackersAreForCausewayAndNotForTheClient) {
  warm_up();
  harness_.writer().on("mark", [](Reply& reply) {
    reply.ok({.affected_rows = 3,
              .variables = {{"sql_mode", "ANSI"}},
              .schema = "shop",
              .gtid = "00000000-0000-0000-0000-000000000001:150"});
  });
  const Answer answer = client_->query("INSERT INTO t VALUES ('mark')");
  EXPECT_EQ(answer.affected_rows, 3U);
  EXPECT_EQ(answer.status & protocol::status::kSessionStateChanged, 0);
  EXPECT_EQ(answer.bytes.size(), 4U + 7U);
  ask("SELECT a FROM t");
  const Texts asked = on_replica();
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_NE(asked[0].find(":150'"), std::string::npos);
  EXPECT_NE(asked[1].find("sql_mode"), std::string::npos) << asked[1];
  EXPECT_EQ(asked[2], "COM_INIT_DB shop");
  EXPECT_EQ(asked[3], "SELECT a FROM t");
}

TEST_F(ExchangeTest, AnAnswerOutOfOrderEndsTheServersConnection) {
  warm_up();
  harness_.replica().fault_at(harness_.replica().steps(), Fault::kWrongSequence);
  EXPECT_EQ(ask("SELECT a FROM t").find("[replica1]"), std::string::npos);
  EXPECT_EQ(harness_.books().nodes[1].budget_used, harness_.books().nodes[1].connections);
}

TEST_F(ExchangeTest, AClientIsCutOffWhereTheRestOfItsRowsIsMissing) {
  warm_up();
  harness_.replica().on("SELECT many", [](Reply& reply) {
    reply.rows({"a"}, std::vector<Texts>(3000, {std::string(100, 'x')}));
  });
  harness_.replica().fault_at(harness_.replica().steps(), Fault::kTruncated);
  const Answer answer = client_->query("SELECT many FROM t");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(harness_.replica().count("many"), 1U);
}

class ExchangeWithTrackers : public SessionTest {
 protected:
  ExchangeWithTrackers() { capabilities_ |= protocol::capability::kSessionTrack; }
};

TEST_F(ExchangeWithTrackers, AClientThatAsksForThemGetsWhatServersTellByDefault) {
  warm_up();
  harness_.writer().on("USE shop", [](Reply& reply) {
    reply.ok({.variables = {{"time_zone", "UTC"}, {"sql_mode", "ANSI"}}, .schema = "shop"});
  });
  harness_.replica().on("USE shop", [](Reply& reply) {
    reply.ok({.variables = {{"time_zone", "UTC"}, {"sql_mode", "ANSI"}}, .schema = "shop"});
  });
  const Answer answer = client_->query("USE shop");
  EXPECT_NE(answer.status & protocol::status::kSessionStateChanged, 0);
  const std::string_view bytes = protocol::as_text(answer.bytes);
  EXPECT_NE(bytes.find("time_zone"), std::string_view::npos);
  EXPECT_NE(bytes.find("shop"), std::string_view::npos);
  EXPECT_EQ(bytes.find("sql_mode"), std::string_view::npos);
}

class ExchangeOfFiles : public SessionTest {
 protected:
  ExchangeOfFiles()
      : SessionTest({.configure = [](proxy::Config& config) {
          config.statements.load_data = proxy::StatementPolicy::kForward;
        }}) {
    capabilities_ |= protocol::capability::kLocalFiles;
    harness_.writer().on("LOAD DATA", [](Reply& reply) { reply.file("data.csv"); });
  }
};

TEST_F(ExchangeOfFiles, AFileGoesFromTheClientToTheServer) {
  const Answer asked = client_->query("LOAD DATA LOCAL INFILE 'data.csv' INTO TABLE t");
  EXPECT_EQ(asked.text(), "file data.csv");
  ASSERT_EQ(asked.state, AnswerState::kWantsFile);
  std::string got;
  const std::string contents(100'000, 'x');
  EXPECT_EQ(client_->send_file(contents).text(), "OK");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(ExchangeOfFiles, AnEmptyFileIsOneToo) {
  client_->query("LOAD DATA LOCAL INFILE 'data.csv' INTO TABLE t");
  EXPECT_EQ(client_->send_file("").text(), "OK");
}

TEST_F(ExchangeOfFiles, AClientThatLeavesInsteadTakesItsConnectionAlong) {
  client_->query("LOAD DATA LOCAL INFILE 'data.csv' INTO TABLE t");
  client_->close();
  harness_.settle();
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
}

}  // namespace
}  // namespace causeway::test
