#include "routing/processlist_table.h"

#include <gtest/gtest.h>

namespace causeway::routing {
namespace {

std::string replaced(std::string_view sql, bool in_information_schema = false) {
  return replace_forwarding_processlist(sql, {}, in_information_schema, "VALUES");
}

TEST(ForwardingProcesslist, IsADerivedTableOfTheSameName) {
  EXPECT_EQ(replaced("SELECT * FROM information_schema.aurora_forwarding_processlist"),
            "SELECT * FROM (VALUES) AS aurora_forwarding_processlist");
  EXPECT_EQ(
      replaced("select ID from Information_Schema . `AURORA_FORWARDING_PROCESSLIST` where ID=1 limit 2"),
      "select ID from (VALUES) AS aurora_forwarding_processlist where ID=1 limit 2");
  EXPECT_EQ(replaced("SELECT (SELECT COUNT(*) FROM information_schema.aurora_forwarding_processlist)"),
            "SELECT (SELECT COUNT(*) FROM (VALUES) AS aurora_forwarding_processlist)");
}

TEST(ForwardingProcesslist, KeepsItsAlias) {
  EXPECT_EQ(replaced("SELECT p.ID FROM information_schema.aurora_forwarding_processlist AS p, t"),
            "SELECT p.ID FROM (VALUES) AS p, t");
  EXPECT_EQ(replaced("SELECT 1 FROM information_schema.aurora_forwarding_processlist `p q` ORDER BY 1"),
            "SELECT 1 FROM (VALUES) `p q` ORDER BY 1");
}

TEST(ForwardingProcesslist, MayBeThereSeveralTimes) {
  EXPECT_EQ(replaced("SELECT 1 FROM information_schema.aurora_forwarding_processlist a "
                     "LEFT JOIN information_schema.aurora_forwarding_processlist USING (ID) "
                     "UNION SELECT 2 FROM information_schema.aurora_forwarding_processlist"),
            "SELECT 1 FROM (VALUES) a LEFT JOIN (VALUES) AS aurora_forwarding_processlist USING (ID) "
            "UNION SELECT 2 FROM (VALUES) AS aurora_forwarding_processlist");
}

TEST(ForwardingProcesslist, QualifiesColumnsWithoutTheSchema) {
  EXPECT_EQ(replaced("SELECT information_schema.aurora_forwarding_processlist.ID "
                     "FROM information_schema.aurora_forwarding_processlist"),
            "SELECT aurora_forwarding_processlist.ID FROM (VALUES) AS aurora_forwarding_processlist");
}

TEST(ForwardingProcesslist, NeedsTheSchema) {
  constexpr std::string_view kUnqualified =
      "SELECT aurora_forwarding_processlist.ID AS aurora_forwarding_processlist FROM "
      "aurora_forwarding_processlist";
  EXPECT_EQ(replaced(kUnqualified), kUnqualified);
  EXPECT_EQ(replaced(kUnqualified, true),
            "SELECT aurora_forwarding_processlist.ID AS aurora_forwarding_processlist "
            "FROM (VALUES) AS aurora_forwarding_processlist");
  constexpr std::string_view kOther = "SELECT * FROM app.aurora_forwarding_processlist";
  EXPECT_EQ(replaced(kOther, true), kOther);
}

TEST(ForwardingProcesslist, InTextsAndCommentsIsNoTable) {
  constexpr std::string_view kSql =
      "SELECT 'information_schema.aurora_forwarding_processlist' -- "
      "information_schema.aurora_forwarding_processlist";
  EXPECT_EQ(replaced(kSql), kSql);
}

}  // namespace
}  // namespace causeway::routing
