#include "routing/temporary_tables.h"

#include <gtest/gtest.h>

#include <vector>

namespace causeway::routing {
namespace {

TEST(TemporaryTables, NameIsReadFromEveryFormOfCreate) {
  EXPECT_EQ(created_temporary_table("CREATE TEMPORARY TABLE t (a INT)", {}), "t");
  EXPECT_EQ(created_temporary_table("create temporary table if not exists `my``t` (a INT)", {}), "my`t");
  EXPECT_EQ(created_temporary_table("CREATE OR REPLACE TEMPORARY TABLE db.t LIKE x", {}), "t");
  EXPECT_EQ(created_temporary_table("CREATE TABLE t (a INT)", {}), "");
  EXPECT_EQ(created_temporary_table("CREATE TEMPORARY", {}), "");
}

TEST(TemporaryTables, PermanentDmlThatReadsOneIsFound) {
  const std::vector<std::string> names = {"tmp"};
  for (const char* sql :
       {"INSERT INTO t SELECT * FROM tmp", "insert ignore t select * from `TMP`",
        "UPDATE t JOIN tmp USING (id) SET t.a = 1", "DELETE FROM t WHERE id IN (SELECT id FROM db.tmp)",
        "REPLACE INTO db.t SELECT 1 FROM tmp", "WITH x AS (SELECT * FROM tmp) UPDATE t SET a = 1"}) {
    EXPECT_TRUE(reads_temporary_table_into_permanent(sql, {}, names)) << sql;
  }
}

TEST(TemporaryTables, DmlOfTheTemporaryTableItselfAndOfOthersPasses) {
  const std::vector<std::string> names = {"tmp"};
  for (const char* sql : {"INSERT INTO tmp SELECT * FROM t", "UPDATE db.tmp SET a = 1", "DELETE FROM tmp",
                          "INSERT INTO t VALUES ('tmp')", "INSERT INTO t SELECT * FROM tmp2"}) {
    EXPECT_FALSE(reads_temporary_table_into_permanent(sql, {}, names)) << sql;
  }
}

}  // namespace
}  // namespace causeway::routing
