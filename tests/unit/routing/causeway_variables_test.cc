#include "routing/causeway_variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace causeway::routing {
namespace {

using Value = CausewayAssignment::Value;
using ::testing::ElementsAre;

constexpr auto kLevel = CausewayVariable::kReadConsistency;

TEST(CausewayVariables, AreKnownByNameInAnyCase) {
  EXPECT_EQ(causeway_variable("Aurora_Replica_Read_Consistency"), kLevel);
  EXPECT_EQ(causeway_variable("causeway_position"), CausewayVariable::kPosition);
  EXPECT_FALSE(causeway_variable("autocommit"));
  EXPECT_FALSE(causeway_variable(""));
  for (size_t i = 0; i < kCausewayVariables; ++i) {
    const auto variable = static_cast<CausewayVariable>(i);
    EXPECT_EQ(causeway_variable(to_string(variable)), variable);
  }
  EXPECT_TRUE(is_settable(kLevel));
  EXPECT_FALSE(is_settable(CausewayVariable::kServerId));
}

TEST(CausewayAssignments, EveryFormOfTheLevel) {
  struct Form {
    std::string_view sql;
    CausewayAssignment expected;
  };
  const Form forms[] = {
      {"SET aurora_replica_read_consistency = SESSION",
       {kLevel, VariableScope::kNone, Value::kText, "SESSION"}},
      {"set AURORA_REPLICA_READ_CONSISTENCY='eventual'",
       {kLevel, VariableScope::kNone, Value::kText, "eventual"}},
      {"SET aurora_replica_read_consistency := \"Global\"",
       {kLevel, VariableScope::kNone, Value::kText, "Global"}},
      {"SET `aurora_replica_read_consistency` = `GLOBAL`",
       {kLevel, VariableScope::kNone, Value::kText, "GLOBAL"}},
      {"SET aurora_replica_read_consistency = ''", {kLevel, VariableScope::kNone, Value::kText, ""}},
      {"SET SESSION aurora_replica_read_consistency = GLOBAL",
       {kLevel, VariableScope::kSession, Value::kText, "GLOBAL"}},
      {"SET LOCAL aurora_replica_read_consistency = GLOBAL",
       {kLevel, VariableScope::kSession, Value::kText, "GLOBAL"}},
      {"SET @@aurora_replica_read_consistency = GLOBAL",
       {kLevel, VariableScope::kNone, Value::kText, "GLOBAL"}},
      {"SET @@session.aurora_replica_read_consistency = GLOBAL",
       {kLevel, VariableScope::kSession, Value::kText, "GLOBAL"}},
      {"SET @@local . `aurora_replica_read_consistency` = GLOBAL",
       {kLevel, VariableScope::kSession, Value::kText, "GLOBAL"}},
      {"SET GLOBAL aurora_replica_read_consistency = GLOBAL",
       {kLevel, VariableScope::kGlobal, Value::kText, "GLOBAL"}},
      {"SET aurora_replica_read_consistency = DEFAULT", {kLevel, VariableScope::kNone, Value::kDefault, ""}},
      {"SET aurora_replica_read_consistency = ?", {kLevel, VariableScope::kNone, Value::kPlaceholder, "", 0}},
      {"SET aurora_replica_read_consistency = 7", {kLevel, VariableScope::kNone, Value::kText, "7"}},
      {"SET aurora_replica_read_consistency = @a", {kLevel, VariableScope::kNone, Value::kExpression, "@a"}},
      {"SET aurora_replica_read_consistency = CONCAT('a', 'b')",
       {kLevel, VariableScope::kNone, Value::kExpression, "CONCAT('a', 'b')"}},
      {"SET aurora_replica_read_consistency =", {kLevel, VariableScope::kNone, Value::kExpression, ""}},
      {"/*!50000 SET aurora_replica_read_consistency = GLOBAL */",
       {kLevel, VariableScope::kNone, Value::kText, "GLOBAL"}},
  };
  for (const Form& form : forms) {
    const std::optional<CausewaySet> set = extract_causeway_assignments(form.sql, {});
    ASSERT_TRUE(set) << form.sql;
    ASSERT_EQ(set->assignments.size(), 1U) << form.sql;
    EXPECT_EQ(set->assignments[0], form.expected) << form.sql << " gave " << set->assignments[0].text;
    EXPECT_EQ(set->remaining_sql, "") << form.sql;
  }
}

TEST(CausewayAssignments, TheRestOfTheListStays) {
  const auto set = extract_causeway_assignments(
      "SET a = ?, aurora_replica_read_consistency = ?, @b = '?', causeway_position = 'x''y', NAMES utf8mb4",
      {});
  ASSERT_TRUE(set);
  EXPECT_EQ(set->remaining_sql, "SET a = ?, @b = '?', NAMES utf8mb4");
  ASSERT_EQ(set->assignments.size(), 2U);
  EXPECT_EQ(set->assignments[0].placeholder, 1U);
  EXPECT_EQ(set->assignments[1].text, "x'y");
  EXPECT_EQ(set->placeholders, 2U);
}

TEST(CausewayAssignments, TheRestKeepsItsScope) {
  const auto remaining = [](std::string_view sql) {
    return extract_causeway_assignments(sql, {})->remaining_sql;
  };
  EXPECT_EQ(remaining("SET GLOBAL aurora_server_id = 1, b = 2, @@c = 3"), "SET GLOBAL b = 2, @@c = 3");
  EXPECT_EQ(remaining("SET GLOBAL b = 2, aurora_server_id = 1, `c` = 3"), "SET GLOBAL b = 2, GLOBAL `c` = 3");
  EXPECT_EQ(remaining("SET SESSION aurora_server_id = 1, SESSION c = 3"), "SET SESSION c = 3");
}

TEST(CausewayAssignments, OfServersVariablesOnlyThoseOfTheSession) {
  const auto set = extract_causeway_assignments(
      "SET session_track_schema = ON, @@session.session_track_gtids = OWN_GTID, GLOBAL session_track_schema "
      "= 0",
      {});
  ASSERT_TRUE(set);
  ASSERT_EQ(set->assignments.size(), 2U);
  EXPECT_EQ(set->assignments[1].variable, CausewayVariable::kTrackGtids);
  EXPECT_EQ(set->remaining_sql, "SET GLOBAL session_track_schema = 0");
  EXPECT_FALSE(extract_causeway_assignments("SET session_track_state_change = ON", {}));
}

TEST(CausewayAssignments, ConcatenationsOfAListAreEvaluated) {
  const auto value = [](std::string_view expression) {
    return concatenation(expression, {}, CausewayVariable::kTrackedVariables, "now", "server's");
  };
  EXPECT_EQ(value("CONCAT(@@session_track_system_variables, ',sql_mode')"), "now,sql_mode");
  EXPECT_EQ(value("concat('a,', @@Session.session_track_system_variables,',b')"), "a,now,b");
  EXPECT_EQ(value("@@global.session_track_system_variables"), "server's");
  for (const char* expression :
       {"", "CONCAT", "CONCAT(", "CONCAT()", "CONCAT('a'", "CONCAT('a' 'b')", "CONCAT('a',)",
        "CONCAT('a') + 1", "@a", "'a', 'b'", "CONCAT(@@sql_mode)", "UPPER('a')", "(SELECT 'a')"})
    EXPECT_FALSE(value(expression)) << expression;
}

TEST(CausewayAssignments, NothingForOtherStatements) {
  EXPECT_FALSE(extract_causeway_assignments("SET a = 1, @aurora_replica_read_consistency = 2", {}));
  EXPECT_FALSE(extract_causeway_assignments("SET a = 'aurora_replica_read_consistency = 1'", {}));
  EXPECT_FALSE(extract_causeway_assignments("SELECT 1", {}));
}

TEST(CausewayReads, AreReplacedByLiterals) {
  const auto replace = [](std::string_view sql) {
    return replace_causeway_variables(
        sql, {},
        [](CausewayVariable variable, VariableScope scope) -> std::optional<std::string> {
          if (variable == CausewayVariable::kPosition) return {};
          if (variable == CausewayVariable::kIdleTimeout) return "60";
          return scope == VariableScope::kGlobal ? "'SESSION'" : "'GLOBAL'";
        },
        7);
  };
  struct Case {
    std::string_view sql;
    std::string_view expected;
  };
  const Case cases[] = {
      {"SELECT @@aurora_replica_read_consistency", "SELECT 'GLOBAL' AS `@@aurora_replica_read_consistency`"},
      {"SELECT@@aurora_replica_read_consistency", "SELECT 'GLOBAL' AS `@@aurora_replica_read_consistency`"},
      {"SELECT @@Global.Aurora_Replica_Read_Consistency;",
       "SELECT 'SESSION' AS `@@Global.Aurora_Replica_Read_Consistency`;"},
      {"SELECT @@session.`aurora_server_id`", "SELECT 'GLOBAL' AS `@@session.``aurora_server_id```"},
      {"SELECT 1, @@aurora_fwd_writer_idle_timeout, 2",
       "SELECT 1, 60 AS `@@aurora_fwd_writer_idle_timeout`, 2"},
      {"SELECT CONNECTION_ID()", "SELECT CAST(0000000007 AS UNSIGNED) AS `CONNECTION_ID()`"},
      {"SELECT connection_id ( ), 1", "SELECT CAST(0000000007 AS UNSIGNED) AS `connection_id ( )`, 1"},
      {"SELECT(CONNECTION_ID())", "SELECT(CAST(0000000007 AS UNSIGNED))"},
      {"SELECT@@pseudo_thread_id", "SELECT CAST(0000000007 AS UNSIGNED) AS `@@pseudo_thread_id`"},
      {"SELECT @@global.pseudo_thread_id", "SELECT @@global.pseudo_thread_id"},
      {"KILL QUERY CONNECTION_ID()", "KILL QUERY 7"},
      {"SELECT IS_USED_LOCK('a') = CONNECTION_ID()", "SELECT IS_USED_LOCK('a') = CONNECTION_ID()"},
      {"SELECT a.CONNECTION_ID(), connection_id, CONNECTION_ID(1), 'CONNECTION_ID()'",
       "SELECT a.CONNECTION_ID(), connection_id, CONNECTION_ID(1), 'CONNECTION_ID()'"},
      {"SELECT @@aurora_server_id AS s", "SELECT 'GLOBAL' AS s"},
      {"SELECT @@aurora_server_id s", "SELECT 'GLOBAL' s"},
      {"SELECT @@aurora_server_id 's'", "SELECT 'GLOBAL' 's'"},
      {"SELECT @@aurora_fwd_writer_idle_timeout + 1", "SELECT 60 + 1"},
      {"SELECT 1 + @@aurora_fwd_writer_idle_timeout", "SELECT 1 + 60"},
      {"SELECT CONCAT('a', @@aurora_server_id, 'b')", "SELECT CONCAT('a', 'GLOBAL', 'b')"},
      {"SELECT DISTINCT @@aurora_server_id FROM t",
       "SELECT DISTINCT 'GLOBAL' AS `@@aurora_server_id` FROM t"},
      {"SELECT a FROM t WHERE b IN (1, @@aurora_server_id)", "SELECT a FROM t WHERE b IN (1, 'GLOBAL')"},
      {"SELECT a FROM t ORDER BY a, @@aurora_server_id", "SELECT a FROM t ORDER BY a, 'GLOBAL'"},
      {"SELECT * FROM (SELECT @@aurora_server_id) t",
       "SELECT * FROM (SELECT 'GLOBAL' AS `@@aurora_server_id`) t"},
      {"SELECT 1 UNION SELECT @@aurora_server_id", "SELECT 1 UNION SELECT 'GLOBAL' AS `@@aurora_server_id`"},
      {"SELECT @@aurora_server_id INTO @a", "SELECT 'GLOBAL' AS `@@aurora_server_id` INTO @a"},
      {"SELECT @@causeway_position", "SELECT @@causeway_position"},
      {"SELECT @@autocommit, '@@aurora_server_id'", "SELECT @@autocommit, '@@aurora_server_id'"},
      {"", ""},
  };
  for (const Case& c : cases)
    EXPECT_EQ(replace(c.sql), c.expected) << c.sql;
}

}  // namespace
}  // namespace causeway::routing
