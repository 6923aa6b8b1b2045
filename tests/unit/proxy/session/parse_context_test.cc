#include "proxy/session/parse_context.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/backend/backend_connection.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

TEST(ParseContext, WhatTheSessionHasLeftAloneIsAsAfterTheHandshake) {
  const proxy::ConnectionBaseline baseline{.character_set_client = "utf8mb4",
                                           .character_set_results = "utf8mb4",
                                           .collation_connection = "utf8mb4_general_ci",
                                           .sql_mode = "STRICT_TRANS_TABLES"};
  std::string sql;
  proxy::append_parse_variables_sql(sql, {}, baseline);
  EXPECT_NE(sql.find("STRICT_TRANS_TABLES"), std::string::npos) << sql;
  EXPECT_NE(sql.find("utf8mb4_general_ci"), std::string::npos) << sql;
  sql.clear();
  proxy::append_parse_variables_sql(sql, {.schema = {}, .sql_mode = "ANSI", .character_set_client = "latin1"},
                                    baseline);
  EXPECT_NE(sql.find("'ANSI'"), std::string::npos) << sql;
  EXPECT_NE(sql.find("latin1"), std::string::npos) << sql;
  EXPECT_EQ(sql.find("STRICT"), std::string::npos) << sql;
}

class ParseContextOfSession : public SessionTest {};

// A text keeps the schema it was prepared in, wherever it is prepared again.
TEST_F(ParseContextOfSession, AStatementIsPreparedAgainInTheSchemaItWasPreparedIn) {
  warm_up();
  ask(protocol::Command::kInitDb, "shop");
  const Answer prepared = client_->command(protocol::Command::kStmtPrepare, "INSERT INTO t VALUES (?)");
  ask(protocol::Command::kInitDb, "store");
  harness_.writer().close_all();
  harness_.settle();
  on_writer();
  EXPECT_EQ(client_->execute(prepared.statement_id, {"1"}).text(), "OK");
  const Texts asked = on_writer();
  const auto at = [&asked](std::string_view text) {
    return std::find(asked.begin(), asked.end(), text) - asked.begin();
  };
  const auto prepares = at("COM_STMT_PREPARE INSERT INTO t VALUES (?)");
  ASSERT_GT(prepares, 0);
  EXPECT_EQ(asked[static_cast<size_t>(prepares) - 1], "COM_INIT_DB shop");
  EXPECT_EQ(asked[static_cast<size_t>(prepares) + 1], "COM_INIT_DB store");
  EXPECT_EQ(last(asked), "COM_STMT_EXECUTE INSERT INTO t VALUES (?)");
}

}  // namespace
}  // namespace causeway::test
