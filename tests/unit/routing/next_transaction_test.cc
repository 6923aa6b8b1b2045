#include "routing/next_transaction.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::routing {
namespace {

// The SET TRANSACTION that is read from these characteristics; "error" for what is none.
std::string read(std::string_view characteristics) {
  NextTransaction next;
  if (!parse_characteristics(characteristics, {}, next)) return "error";
  std::string sql;
  append_set_transaction(sql, next);
  return sql;
}

TEST(NextTransaction, CharacteristicsAreReadAsServersDo) {
  EXPECT_EQ(read("READ ONLY"), "SET TRANSACTION READ ONLY");
  EXPECT_EQ(read("read /* c */ write"), "SET TRANSACTION READ WRITE");
  EXPECT_EQ(read("ISOLATION LEVEL READ COMMITTED"), "SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
  EXPECT_EQ(read("ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  EXPECT_EQ(read("READ WRITE, ISOLATION LEVEL READ UNCOMMITTED"),
            "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED, READ WRITE");
  EXPECT_EQ(read("ISOLATION LEVEL SERIALIZABLE;"), "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
  for (const char* wrong :
       {"", "READ", "ONLY", "READ ONLY READ WRITE", "READ ONLY,", "READ ONLY, READ ONLY",
        "READ ONLY, READ WRITE", "ISOLATION LEVEL", "ISOLATION LEVEL SNAPSHOT", "`READ` ONLY", "nonsense",
        "ISOLATION LEVEL SERIALIZABLE, ISOLATION LEVEL SERIALIZABLE", "READ ONLY, ISOLATION LEVEL"}) {
    EXPECT_EQ(read(wrong), "error") << wrong;
  }
}

TEST(NextTransaction, ASecondOneAddsToTheFirst) {
  NextTransaction next{.access = AccessMode::kReadOnly};
  add_characteristics(next, {.isolation = Isolation::kSerializable});
  EXPECT_EQ(next, (NextTransaction{Isolation::kSerializable, AccessMode::kReadOnly}));
  add_characteristics(next, {.isolation = Isolation::kReadCommitted, .access = AccessMode::kReadWrite});
  EXPECT_EQ(next, (NextTransaction{Isolation::kReadCommitted, AccessMode::kReadWrite}));
}

TEST(NextTransaction, WhatServersReportIsRead) {
  EXPECT_FALSE(parse_reported_characteristics("").any());
  EXPECT_EQ(parse_reported_characteristics("SET TRANSACTION READ ONLY;"),
            (NextTransaction{Isolation::kOfSession, AccessMode::kReadOnly}));
  EXPECT_EQ(parse_reported_characteristics(
                "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET TRANSACTION READ WRITE;"),
            (NextTransaction{Isolation::kReadCommitted, AccessMode::kReadWrite}));
  EXPECT_FALSE(parse_reported_characteristics("START TRANSACTION READ ONLY;").any());
  EXPECT_FALSE(parse_reported_characteristics(";;garbage; SET").any());
}

}  // namespace
}  // namespace causeway::routing
