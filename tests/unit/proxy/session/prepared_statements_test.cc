#include "proxy/session/prepared_statements.h"

#include <gtest/gtest.h>

#include "protocol/com_stmt.h"

namespace causeway::proxy {
namespace {

using routing::Target;

class PreparedStatementsTest : public testing::Test {
 protected:
  PreparedStatement& add() {
    auto made = prepared_.make();
    PreparedStatement& statement = *made;
    prepared_.keep(std::move(made));
    return statement;
  }

  PreparedStatements prepared_;
};

TEST_F(PreparedStatementsTest, AreFoundByTheirIdsUntilTheyAreErased) {
  PreparedStatement& first = add();
  PreparedStatement& second = add();
  EXPECT_NE(first.id, second.id);
  EXPECT_EQ(prepared_.find(first.id), &first);
  EXPECT_EQ(prepared_.find(77), nullptr);
  EXPECT_EQ(prepared_.size(), 2U);
  const uint32_t id = first.id;
  prepared_.erase(first);
  EXPECT_EQ(prepared_.find(id), nullptr);
  EXPECT_EQ(prepared_.size(), 1U);
}

TEST_F(PreparedStatementsTest, TheLastOneCanBeMeantUntilAPrepareFails) {
  EXPECT_EQ(prepared_.find(protocol::kMariadbLastStatementId), nullptr);
  add();
  PreparedStatement& last = add();
  EXPECT_EQ(prepared_.find(protocol::kMariadbLastStatementId), &last);
  prepared_.forget_last();
  EXPECT_EQ(prepared_.find(protocol::kMariadbLastStatementId), nullptr);
}

TEST_F(PreparedStatementsTest, TheLeastRecentlyUsedOneOfAConnectionIsKnown) {
  PreparedStatement* statements[3] = {&add(), &add(), &add()};
  const size_t writer = PreparedStatements::side(Target::kWriter);
  for (PreparedStatement* statement : statements) {
    statement->there[writer].incarnation = 5;
    prepared_.used(statement->there[writer], Target::kWriter);
  }
  EXPECT_EQ(prepared_.least_recently_used(Target::kWriter, 5), &statements[0]->there[writer]);
  prepared_.used(statements[0]->there[writer], Target::kWriter);
  EXPECT_EQ(prepared_.least_recently_used(Target::kWriter, 5), &statements[1]->there[writer]);
  // One with an open cursor stays, and so do those of other connections.
  prepared_.set_cursor(*statements[1], Target::kWriter);
  EXPECT_EQ(prepared_.least_recently_used(Target::kWriter, 5), &statements[2]->there[writer]);
  EXPECT_EQ(prepared_.least_recently_used(Target::kWriter, 6), nullptr);
  EXPECT_EQ(prepared_.least_recently_used(Target::kReplica, 5), nullptr);
}

TEST_F(PreparedStatementsTest, CursorsAreCountedByTheirSide) {
  PreparedStatement& first = add();
  PreparedStatement& second = add();
  prepared_.set_cursor(first, Target::kReplica);
  prepared_.set_cursor(second, Target::kReplica);
  EXPECT_EQ(prepared_.cursors(Target::kReplica), 2U);
  prepared_.set_cursor(first, Target::kNone);
  EXPECT_EQ(prepared_.cursors(Target::kReplica), 1U);
  prepared_.set_cursor(second, Target::kWriter);
  EXPECT_EQ(prepared_.cursors(Target::kReplica), 0U);
  EXPECT_EQ(prepared_.cursors(Target::kWriter), 1U);
  prepared_.lose_cursors(Target::kWriter);
  EXPECT_EQ(prepared_.cursors(Target::kWriter), 0U);
  EXPECT_EQ(second.cursor, Target::kNone);
}

TEST_F(PreparedStatementsTest, ErasingOneWithACursorCountsIt) {
  PreparedStatement& statement = add();
  prepared_.set_cursor(statement, Target::kWriter);
  prepared_.erase(statement);
  EXPECT_EQ(prepared_.cursors(Target::kWriter), 0U);
}

TEST_F(PreparedStatementsTest, DroppedLongDataIsGone) {
  PreparedStatement& statement = add();
  statement.long_data.push_back({.parameter = 0, .bytes = {1, 2, 3}});
  statement.long_data_bytes = 3;
  statement.long_data_too_long = true;
  drop_long_data(statement);
  EXPECT_TRUE(statement.long_data.empty());
  EXPECT_EQ(statement.long_data_bytes, 0U);
  EXPECT_FALSE(statement.long_data_too_long);
}

}  // namespace
}  // namespace causeway::proxy
