#include "routing/show_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::routing {
namespace {

TEST(ShowFilter, SubjectAndScope) {
  const auto variables = parse_show_filter("SHOW VARIABLES", {});
  ASSERT_TRUE(variables);
  EXPECT_EQ(variables->subject, ShowFilter::Subject::kVariables);
  EXPECT_EQ(variables->scope, VariableScope::kNone);
  EXPECT_TRUE(matches(*variables, "anything"));
  const auto status = parse_show_filter("/* c */ show global status;", {});
  ASSERT_TRUE(status);
  EXPECT_EQ(status->subject, ShowFilter::Subject::kStatus);
  EXPECT_EQ(status->scope, VariableScope::kGlobal);
  EXPECT_EQ(parse_show_filter("SHOW LOCAL VARIABLES", {})->scope, VariableScope::kSession);
}

TEST(ShowFilter, Like) {
  const auto filter = parse_show_filter("SHOW GLOBAL STATUS LIKE 'Aurora\\_fwd%'", {});
  ASSERT_TRUE(filter);
  EXPECT_TRUE(matches(*filter, "aurora_fwd_writer_open_sessions"));
  EXPECT_FALSE(matches(*filter, "aurora-fwd"));
  EXPECT_FALSE(matches(*filter, "threads_running"));
}

TEST(ShowFilter, Where) {
  const auto asks_for = [](std::string_view sql, std::string_view name) {
    const auto filter = parse_show_filter(sql, {});
    return filter && filter->understood && matches(*filter, name);
  };
  EXPECT_TRUE(asks_for("SHOW VARIABLES WHERE Variable_name = 'a'", "A"));
  EXPECT_FALSE(asks_for("SHOW VARIABLES WHERE Variable_name = 'a%'", "ab"));
  EXPECT_TRUE(asks_for("SHOW VARIABLES WHERE `variable_name` LIKE 'a%'", "ab"));
  EXPECT_TRUE(asks_for("SHOW VARIABLES WHERE variable_name IN ('x', 'a')", "a"));
  EXPECT_TRUE(asks_for("SHOW VARIABLES WHERE variable_name = 'x' OR variable_name LIKE 'a_'", "ab"));
  EXPECT_FALSE(asks_for("SHOW VARIABLES WHERE variable_name = 'x' OR variable_name LIKE 'a_'", "abc"));
}

TEST(ShowFilter, OtherConditionsAreNotUnderstoodAndMatchAll) {
  for (const std::string_view sql :
       {"SHOW VARIABLES WHERE Value = 'a'", "SHOW VARIABLES WHERE Variable_name = 'a' AND Value > 1",
        "SHOW VARIABLES WHERE Variable_name IN (SELECT 1)", "SHOW VARIABLES WHERE",
        "SHOW VARIABLES WHERE NOT a"}) {
    const auto filter = parse_show_filter(sql, {});
    ASSERT_TRUE(filter) << sql;
    EXPECT_FALSE(filter->understood) << sql;
    EXPECT_TRUE(matches(*filter, "anything"));
  }
  EXPECT_EQ(parse_show_filter("SHOW VARIABLES WHERE Value = 'a'", {})->where, "Value = 'a'");
}

TEST(ShowFilter, NothingForOtherStatements) {
  for (const std::string_view sql :
       {"", "SHOW", "SHOW TABLES", "SELECT 1", "SHOW TABLE STATUS", "SHOW VARIABLES LIKE 5",
        "SHOW VARIABLES LIKE 'a' 'b'", "SHOW VARIABLES FROM x", "SHOW GLOBAL"}) {
    EXPECT_FALSE(parse_show_filter(sql, {})) << sql;
  }
}

TEST(SqlLike, Wildcards) {
  EXPECT_TRUE(sql_like("", ""));
  EXPECT_FALSE(sql_like("", "a"));
  EXPECT_TRUE(sql_like("%", ""));
  EXPECT_TRUE(sql_like("%%a%%", "a"));
  EXPECT_TRUE(sql_like("a%c", "abbc"));
  EXPECT_FALSE(sql_like("a%c", "abb"));
  EXPECT_TRUE(sql_like("%ab", "aab"));
  EXPECT_TRUE(sql_like("%a_c%", "xxabcxx"));
  EXPECT_TRUE(sql_like("A_", "ab"));
  EXPECT_FALSE(sql_like("_", ""));
  EXPECT_TRUE(sql_like("a\\%", "a%"));
  EXPECT_FALSE(sql_like("a\\%", "ab"));
  EXPECT_TRUE(sql_like("a\\_b", "A_B"));
  EXPECT_TRUE(sql_like("a\\", "a\\"));
  EXPECT_FALSE(sql_like("abc", "ab"));
}

TEST(SqlLike, ManyWildcardsStayCheap) {
  const std::string text(20000, 'a');
  std::string pattern;
  for (int i = 0; i < 500; ++i)
    pattern += "%a";
  EXPECT_FALSE(sql_like(pattern + "b", text));
}

}  // namespace
}  // namespace causeway::routing
