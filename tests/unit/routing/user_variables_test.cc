#include "routing/user_variables.h"

#include <gtest/gtest.h>

namespace causeway::routing {
namespace {

TEST(UserVariables, AreFoundAsTheyAreWritten) {
  const auto found = user_variables_of("SELECT @a, @`b c`, 'x@y', @@sort_buffer_size, @a INTO @n", {});
  EXPECT_EQ(found, (std::vector<std::string>{"@a", "@`b c`", "@n"}));
}

TEST(UserVariables, AreAskedForAllAtOnce) {
  const std::vector<std::string> names = {"@a", "@b"};
  EXPECT_EQ(user_variables_query(names), "SELECT @a,HEX(@a),COLLATION(@a),@b,HEX(@b),COLLATION(@b) LIMIT 1");
}

TEST(UserVariables, KeepTypeBytesAndCollation) {
  using Type = UserVariableType;
  const struct {
    UserVariableValue value;
    std::string_view sql;
  } table[] = {
      {{.is_null = true}, "@a=NULL"},
      {{.type = Type::kExactNumber, .value = "-7"}, "@a=-7"},
      {{.type = Type::kExactNumber, .value = "1.50"}, "@a=1.50"},
      {{.type = Type::kFloat, .value = "2.5"}, "@a=2.5e0"},
      {{.type = Type::kFloat, .value = "1e300"}, "@a=1e300"},
      {{.hex = "C3A9", .collation = "utf8mb4_bin"}, "@a=_utf8mb4 X'C3A9' COLLATE utf8mb4_bin"},
      {{.hex = "00FF", .collation = "binary"}, "@a=_binary X'00FF'"},
  };
  for (const auto& row : table) {
    std::string sql;
    append_user_variable(sql, "@a", row.value);
    EXPECT_EQ(sql, row.sql);
  }
}

TEST(WriterVariables, AreUnknownOnceAStatementMayHaveSetThem) {
  WriterVariables variables;
  variables.may_have_changed();
  EXPECT_FALSE(variables.any());
  EXPECT_TRUE(variables.known());  // there are none

  variables.note({"@a", "@b"});
  EXPECT_TRUE(variables.any());
  EXPECT_FALSE(variables.known());
  variables.learn({"@a=1", "@b=2"});
  EXPECT_TRUE(variables.known());
  const uint64_t version = variables.version();

  variables.may_have_changed();
  EXPECT_FALSE(variables.known());
  variables.learn({"@a=1", "@b=2"});  // a function may have changed them where they were told
  EXPECT_NE(variables.version(), version);

  variables.clear();
  EXPECT_FALSE(variables.any());
  EXPECT_TRUE(variables.known());
}

TEST(WriterVariables, MayHaveChangedOnTheReplica) {
  WriterVariables variables;
  variables.note({"@a", "@b", "@c"});
  variables.learn({"@a=1", "@b=2", "@c=NULL"});
  EXPECT_EQ(variables.set_statement(), "SET @a=1,@b=2,@c=NULL");
  EXPECT_FALSE(variables.any_suspected());
  variables.may_have_changed_on_replica();
  variables.note({"@d"});  // which it was not told
  EXPECT_EQ(variables.suspected(), (std::vector<std::string>{"@a", "@b", "@c"}));
  EXPECT_EQ(variables.suspected_of({"@`B`", "@d", "@e"}), (std::vector<std::string>{"@b"}));
  variables.settle({"@A", "@e"});
  EXPECT_EQ(variables.suspected(), (std::vector<std::string>{"@b", "@c"}));
  EXPECT_EQ(variables.told("@b"), "@b=2");
  EXPECT_EQ(variables.told("@d"), "@d=NULL");
  EXPECT_EQ(variables.told("@e"), "@e=NULL");
  variables.learn({"@a=1", "@b=2", "@c=NULL", "@d=4"});
  EXPECT_FALSE(variables.any_suspected());
}

TEST(NamedVariables, AreUsedOrOnlyGivenAValue) {
  struct Case {
    const char* sql;
    std::vector<std::string> used;
    std::vector<std::string> assigned;
  };
  const Case cases[] = {
      {"SET @a = 1", {}, {"@a"}},
      {"SET @a := 'x@y', @`b c` = @c, sort_buffer_size = @d", {"@c", "@d"}, {"@a", "@`b c`"}},
      {"SET @a = @A + 1", {"@A"}, {}},
      {"SET @a = (SELECT MAX(id) FROM t WHERE x = @b), @e = 1", {"@b"}, {"@a", "@e"}},
      {"SELECT @a, @b := 1", {"@a", "@b"}, {}},
      {"INSERT INTO t VALUES (@a)", {"@a"}, {}},
      {"SELECT 1 INTO @a", {"@a"}, {}},
      {"SET sql_mode = ''", {}, {}},
      {"SELECT 1", {}, {}},
  };
  for (const Case& each : cases) {
    const NamedVariables named = named_variables(each.sql, {});
    EXPECT_EQ(named.used, each.used) << each.sql;
    EXPECT_EQ(named.assigned, each.assigned) << each.sql;
  }
}

TEST(WriterVariables, AreTheSameInAnyCaseAndQuotes) {
  WriterVariables variables;
  variables.note({"@a", "@B"});
  const auto unknown = variables.unknown_of({"@A", "@`b`", "@'a'", "@c", "@\"d\""});
  EXPECT_EQ(unknown, (std::vector<std::string>{"@c", "@\"d\""}));
  variables.note({"@A", "@`b`"});
  EXPECT_EQ(variables.names(), (std::vector<std::string>{"@a", "@B"}));
}

TEST(WriterVariables, AreBounded) {
  WriterVariables variables;
  for (size_t i = 0; i < WriterVariables::kMaxNames; ++i)
    variables.note({"@v" + std::to_string(i)});
  EXPECT_FALSE(variables.too_many());
  variables.note({"@v0"});
  EXPECT_FALSE(variables.too_many());
  variables.note({"@one_more"});
  EXPECT_TRUE(variables.too_many());
  EXPECT_EQ(variables.names().size(), WriterVariables::kMaxNames);
  variables.clear();
  EXPECT_FALSE(variables.too_many());
  variables.give_up();
  EXPECT_TRUE(variables.too_many());
  variables.note({"@a"});
  EXPECT_EQ(variables.unknown_of({"@a", "@b"}), (std::vector<std::string>{"@b"}));
  variables.clear();
  EXPECT_FALSE(variables.too_many());
}

}  // namespace
}  // namespace causeway::routing
