#include "protocol/transaction_mark.h"

#include <gtest/gtest.h>

#include "log_pair.h"

namespace causeway::protocol {
namespace {

constexpr BinlogGtid kNone{};
constexpr BinlogGtid kAnonymous{.kind = BinlogGtid::Kind::kAnonymous};
constexpr BinlogGtid kOne{.kind = BinlogGtid::Kind::kMysql, .number = 1};
constexpr BinlogGtid kTwo{.kind = BinlogGtid::Kind::kMysql, .number = 2};
constexpr BinlogGtid kMaria{.kind = BinlogGtid::Kind::kMariadb, .domain_id = 0, .server_id = 1, .number = 1};

TransactionMark mark(const BinlogGtid& gtid, uint64_t committed = 7, uint32_t shape = 3) {
  return {
      .gtid = gtid, .server_id = 1, .timestamp = 5, .original_commit_timestamp = committed, .shape = shape};
}

TransactionMark later(TransactionMark mark) {
  ++mark.timestamp;
  return mark;
}

TEST(TransactionMark, WhichAreTheSame) {
  struct Case {
    const char* name;
    TransactionMark a;
    TransactionMark b;
    bool same;
  };
  TransactionMark other_server = mark(kAnonymous);
  other_server.server_id = 2;
  const Case cases[] = {
      {"by GTID", mark(kOne), mark(kOne), true},
      {"by GTID, whatever rows", mark(kOne, 7, 3), mark(kOne, 7, 4), true},
      {"a GTID that was given out again", mark(kOne, 7), mark(kOne, 8), false},
      {"... on MariaDB", mark(kMaria, 0), later(mark(kMaria, 0)), false},
      {"another GTID", mark(kOne), mark(kTwo), false},
      {"GTIDs of two products", mark(kOne), mark(kMaria), false},
      {"MariaDB, which says nothing else", mark(kMaria, 0, 0), mark(kMaria, 0, 0), true},
      {"without GTID", mark(kAnonymous), mark(kAnonymous), true},
      {"given a GTID by the replica", mark(kAnonymous), mark(kOne), true},
      {"no time of the commit", mark(kAnonymous, 0), mark(kAnonymous, 0), false},
      {"no GTID event", mark(kNone, 0), mark(kNone, 0), false},
      {"no time and a GTID", mark(kAnonymous, 0), mark(kOne, 0), false},
      {"another time of the commit", mark(kAnonymous, 7), mark(kAnonymous, 8), false},
      {"another server", mark(kAnonymous), other_server, false},
      {"another second", mark(kAnonymous), later(mark(kAnonymous)), false},
      {"other rows", mark(kAnonymous, 7, 3), mark(kAnonymous, 7, 4), false},
      {"rows of a statement", mark(kAnonymous, 7, 0), mark(kAnonymous, 7, 4), true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(same_transaction(c.a, c.b), c.same) << c.name;
    EXPECT_EQ(same_transaction(c.b, c.a), c.same) << c.name;
  }
}

TEST(TransactionMark, WhichCanBeFoundElsewhere) {
  EXPECT_TRUE(is_identifiable(mark(kOne, 0)));
  EXPECT_TRUE(is_identifiable(mark(kMaria, 0)));
  EXPECT_TRUE(is_identifiable(mark(kAnonymous)));
  EXPECT_FALSE(is_identifiable(mark(kAnonymous, 0)));
  EXPECT_FALSE(is_identifiable(mark(kNone, 0)));
  EXPECT_TRUE(has_gtid(mark(kMaria)));
  EXPECT_FALSE(has_gtid(mark(kAnonymous)));
}

// Of real servers: each transaction of a source looks like one of its replica's log, the same one, and in the
// same order; what the replica has written itself looks like none.
TEST(TransactionMark, IsTheSameInTheLogOfAReplica) {
  for (const std::string pair : {"mysql-pair", "mysql-pair-gtid", "mariadb-pair"}) {
    SCOPED_TRACE(pair);
    const auto source = logged_transactions(pair + "-source");
    const auto replica = logged_transactions(pair + "-replica");
    ASSERT_GE(source.size(), 30u);
    EXPECT_EQ(replica.size(), source.size() + 3);  // its own
    size_t next = 0;
    for (const LoggedTransaction& one : replica) {
      size_t alike = 0;
      for (const LoggedTransaction& other : source)
        alike += same_transaction(other.mark, one.mark) ? 1 : 0;
      if (one.mark.server_id == 2) {
        EXPECT_EQ(alike, 0u);
        continue;
      }
      EXPECT_EQ(alike, 1u) << one.file << ' ' << one.end;
      ASSERT_LT(next, source.size());
      EXPECT_TRUE(same_transaction(source[next].mark, one.mark)) << one.file << ' ' << one.end;
      ++next;
    }
    EXPECT_EQ(next, source.size());
  }
}

// All of a mark is the same in both logs but for the rows of what the source has logged as statements, or
// compressed.
TEST(TransactionMark, TheShapeOfRowsIsTheSameInTheLogOfAReplica) {
  for (const std::string pair : {"mysql-pair", "mysql-pair-gtid"}) {
    SCOPED_TRACE(pair);
    const auto source = logged_transactions(pair + "-source");
    size_t next = 0;
    size_t with_rows = 0;
    for (const LoggedTransaction& one : logged_transactions(pair + "-replica")) {
      if (one.mark.server_id == 2) continue;
      TransactionMark expected = source.at(next++).mark;
      if (expected.shape == 0)
        expected.shape = one.mark.shape;
      else
        ++with_rows;
      EXPECT_EQ(one.mark, expected) << one.file << ' ' << one.end;
    }
    EXPECT_GT(with_rows, 12u);
  }
}

}  // namespace
}  // namespace causeway::protocol
