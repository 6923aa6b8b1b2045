#include "protocol/binlog_transaction.h"

#include <gtest/gtest.h>

#include "protocol/byte_writer.h"

namespace causeway::protocol {
namespace {

struct Event {
  BinlogEventHeader header;
  Buffer bytes;
};

Event event(BinlogEventType type, const Buffer& body = {}) {
  Event made{.header = {.timestamp = 1, .type = type, .server_id = 1}};
  made.header.event_bytes = static_cast<uint32_t>(kBinlogEventHeaderBytes + body.size());
  made.bytes.resize(kBinlogEventHeaderBytes);
  made.bytes.insert(made.bytes.end(), body.begin(), body.end());
  return made;
}

Event query(std::string_view text, uint16_t variable_bytes = 0) {
  Buffer body(11);
  ByteWriter writer(body);
  writer.int2(variable_bytes);
  writer.zeros(size_t{variable_bytes} + 1);
  writer.text(text);
  return event(BinlogEventType::kQuery, body);
}

Event gtid(uint64_t number) {
  Buffer body(17, 0xaa);
  ByteWriter(body).int8(number);
  return event(BinlogEventType::kGtid, body);
}

Event anonymous() {
  return event(BinlogEventType::kAnonymousGtid, Buffer(25));
}

Event mariadb(uint64_t number, uint8_t flags) {
  Buffer body;
  ByteWriter writer(body);
  writer.int8(number);
  writer.int4(0);
  writer.int1(flags);
  return event(BinlogEventType::kMariadbGtid, body);
}

Event of(BinlogEventType type) {
  return event(type);
}

// As much of an event as has to be seen.
Bytes front_of(const Event& one) {
  Bytes front;
  for (;;) {
    const size_t needed = binlog_event_front_bytes(one.header, front);
    if (needed <= front.size()) return front;
    front = Bytes(one.bytes).first(needed);
  }
}

// For each event one word: "." outside of any transaction, the GTID's number or "?" within one, "=" and the
// number where one has ended.
std::string walk(const std::vector<Event>& events) {
  BinlogTransaction transaction;
  BinlogEventMeaning meaning;
  std::string seen;
  const auto name = [](const BinlogGtid& id) {
    return id.kind == BinlogGtid::Kind::kNone        ? std::string("?")
           : id.kind == BinlogGtid::Kind::kAnonymous ? std::string("a")
                                                     : std::to_string(id.number);
  };
  for (const Event& one : events) {
    const Bytes front = front_of(one);
    if (!seen.empty()) seen += ' ';
    if (!read_meaning(meaning, one.header, front, BinlogChecksum::kNone)) return seen + "malformed";
    const bool ended = transaction.event(meaning);
    EXPECT_TRUE(!ended || !transaction.is_open());
    if (ended) {
      seen += "=" + name(transaction.last());
    } else {
      seen += transaction.is_open() ? name(transaction.current()) : ".";
    }
  }
  return seen;
}

using Type = BinlogEventType;

TEST(BinlogTransaction, BeginsAndEnds) {
  constexpr uint8_t kTransactional = mariadb_gtid_flag::kTransactional;
  constexpr uint8_t kStandalone = mariadb_gtid_flag::kStandalone;
  struct Case {
    const char* name;
    std::vector<Event> events;
    const char* seen;
  };
  const Case cases[] = {
      {"rows",
       {gtid(1), query("BEGIN"), of(Type::kTableMap), of(Type::kWriteRows), of(Type::kXid)},
       "1 1 1 1 =1"},
      {"anonymous",
       {anonymous(), query("BEGIN"), of(Type::kTableMap), of(Type::kWriteRows), of(Type::kXid)},
       "a a a a =a"},
      {"a table without transactions",
       {gtid(1), query("BEGIN"), of(Type::kTableMap), of(Type::kWriteRows), query("COMMIT")},
       "1 1 1 1 =1"},
      {"rolled back", {gtid(1), query("BEGIN"), query("INSERT"), query("ROLLBACK")}, "1 1 1 =1"},
      {"back to a savepoint",
       {gtid(1), query("BEGIN"), query("ROLLBACK TO `a`"), query("SAVEPOINT a"), of(Type::kXid)},
       "1 1 1 1 =1"},
      {"ddl", {gtid(1), query("CREATE TABLE t (a INT)"), gtid(2), query("DROP TABLE t")}, "1 =1 2 =2"},
      {"ddl of another length", {gtid(1), query("BEGIN NOT ATOMIC"), gtid(2), query("COMMITS")}, "1 =1 2 =2"},
      {"statements",
       {gtid(1), query("BEGIN"), of(Type::kUserVar), query("INSERT"), of(Type::kXid)},
       "1 1 1 1 =1"},
      {"a statement with a user variable",
       {gtid(1), of(Type::kUserVar), query("CREATE TABLE t SELECT @a")},
       "1 1 =1"},
      {"compressed", {gtid(1), of(Type::kTransactionPayload), gtid(2)}, "1 =1 2"},
      {"create and select",
       {gtid(1), query("BEGIN"), query("CREATE TABLE t START TRANSACTION"), of(Type::kTableMap),
        of(Type::kWriteRows), of(Type::kXid)},
       "1 1 1 1 1 =1"},
      {"xa",
       {gtid(1), query("XA START X'78',X'',1"), of(Type::kTableMap), of(Type::kWriteRows),
        query("XA END X'78',X'',1"), of(Type::kXaPrepare), gtid(2), query("XA COMMIT X'78',X'',1")},
       "1 1 1 1 1 =1 2 =2"},
      {"incident", {gtid(1), of(Type::kIncident)}, "1 =1"},
      {"group replication", {gtid(1), query("BEGIN"), of(Type::kViewChange), query("COMMIT")}, "1 1 1 =1"},
      {"load data",
       {gtid(1), query("BEGIN"), of(Type::kBeginLoadQuery), of(Type::kAppendBlock),
        of(Type::kExecuteLoadQuery), of(Type::kXid)},
       "1 1 1 1 1 =1"},
      {"mariadb",
       {mariadb(1, kTransactional), of(Type::kMariadbAnnotateRows), of(Type::kTableMap),
        of(Type::kMariadbWriteRowsCompressedV1), of(Type::kXid)},
       "1 1 1 1 =1"},
      {"mariadb ddl",
       {mariadb(1, kStandalone), query("CREATE TABLE t (a INT)"), of(Type::kMariadbBinlogCheckpoint)},
       "1 =1 ."},
      {"mariadb long ddl", {mariadb(1, kStandalone), of(Type::kMariadbQueryCompressed)}, "1 =1"},
      {"mariadb, a table without transactions", {mariadb(1, 0), query("INSERT"), query("COMMIT")}, "1 1 =1"},
      {"mariadb, rows of their own",
       {mariadb(1, kStandalone), of(Type::kTableMap), of(Type::kWriteRowsV1)},
       "1 1 =1"},
      {"mariadb, compressed statement",
       {mariadb(1, kTransactional), of(Type::kMariadbQueryCompressed), of(Type::kXid)},
       "1 1 =1"},
      {"mariadb xa",
       {mariadb(1, mariadb_gtid_flag::kPreparedXa), query("INSERT"), query("XA END X'78',X'',1"),
        of(Type::kXaPrepare), mariadb(2, kStandalone | mariadb_gtid_flag::kCompletedXa),
        query("XA COMMIT X'78',X'',1")},
       "1 1 1 =1 2 =2"},
      {"no gtids", {query("BEGIN"), query("INSERT"), of(Type::kXid), query("DROP TABLE t")}, "? ? =? =?"},
      {"no gtids, a user variable", {of(Type::kIntvar), query("INSERT")}, "? =?"},
      {"what mariadb does not show",
       {query("# Dummy ev"), query("#"), query(""), query("DROP TABLE t"), query("BEGIN"), query("# Dum"),
        of(Type::kXid)},
       ". . . =? ? ? =?"},
      {"a comment in a statement", {gtid(1), query("# Dumb\nDROP TABLE t")}, "1 =1"},
      {"from the middle on",
       {of(Type::kTableMap), of(Type::kWriteRows), of(Type::kXid), gtid(2)},
       "? ? =? 2"},
      {"a file's beginning",
       {of(Type::kRotate), of(Type::kFormatDescription), of(Type::kPreviousGtids), of(Type::kMariadbGtidList),
        of(Type::kMariadbStartEncryption), of(Type::kHeartbeat), of(Type::kStop)},
       ". . . . . . ."},
      {"a file that was cut off",
       {gtid(1), query("BEGIN"), of(Type::kRotate), of(Type::kFormatDescription), gtid(1)},
       "1 1 . . 1"},
      {"a heartbeat within", {gtid(1), query("BEGIN"), of(Type::kHeartbeat), of(Type::kXid)}, "1 1 1 =1"},
      {"a type that is not known",
       {gtid(1), query("BEGIN"), of(Type{99}), of(Type::kXid), of(Type{99})},
       "1 1 1 =1 ."},
  };
  for (const Case& c : cases)
    EXPECT_EQ(walk(c.events), c.seen) << c.name;
}

TEST(BinlogTransaction, ItsEndSaysWhoseItWas) {
  BinlogTransaction transaction;
  EXPECT_FALSE(transaction.event(
      {.role = BinlogEventRole::kGtid, .gtid = {.kind = BinlogGtid::Kind::kMysql, .number = 7}}));
  EXPECT_EQ(transaction.current().number, 7u);
  EXPECT_EQ(transaction.last(), BinlogGtid{});
  EXPECT_TRUE(transaction.event({.role = BinlogEventRole::kEnd}));
  EXPECT_EQ(transaction.current(), BinlogGtid{});
  EXPECT_EQ(transaction.last().number, 7u);
}

// The mark of the last transaction that has ended.
TransactionMark mark_of(const std::vector<Event>& events, BinlogChecksum checksum = BinlogChecksum::kNone) {
  BinlogTransaction transaction;
  BinlogEventMeaning meaning;
  for (const Event& one : events) {
    EXPECT_TRUE(read_meaning(meaning, one.header, front_of(one), checksum));
    transaction.event(meaning);
  }
  return transaction.last_mark();
}

Event at(uint32_t timestamp, uint32_t server_id, Event one) {
  one.header.timestamp = timestamp;
  one.header.server_id = server_id;
  return one;
}

Event rows(Type type, size_t body_bytes) {
  return event(type, Buffer(body_bytes));
}

TEST(BinlogTransaction, AMarkIsOfItsFirstEvent) {
  const TransactionMark mark =
      mark_of({at(7, 3, gtid(1)), at(5, 4, query("BEGIN")), at(6, 3, rows(Type::kWriteRows, 10)),
               at(8, 3, of(Type::kXid)), at(9, 9, gtid(2)), of(Type::kHeartbeat)});
  EXPECT_EQ(mark.gtid.number, 1u);
  EXPECT_EQ(mark.server_id, 3u);
  EXPECT_EQ(mark.timestamp, 7u);
  EXPECT_NE(mark.shape, 0u);

  const TransactionMark statement =
      mark_of({at(9, 9, of(Type::kHeartbeat)), at(4, 2, query("DROP TABLE t"))});
  EXPECT_EQ(statement, (TransactionMark{.server_id = 2, .timestamp = 4}));
}

TEST(BinlogTransaction, TheShapeIsOfRows) {
  const auto shape = [](const std::vector<Event>& inside, BinlogChecksum checksum = BinlogChecksum::kNone) {
    std::vector<Event> events = {gtid(1), query("BEGIN")};
    events.insert(events.end(), inside.begin(), inside.end());
    events.push_back(of(Type::kXid));
    return mark_of(events, checksum).shape;
  };
  const Event write = rows(Type::kWriteRows, 30);
  EXPECT_EQ(shape({}), 0u);
  EXPECT_EQ(shape({query("INSERT"), rows(Type::kTableMap, 30), rows(Type::kRowsQuery, 30)}), 0u);
  EXPECT_NE(shape({write}), 0u);
  // Not in it: what a replica may log otherwise.
  EXPECT_EQ(shape({write}),
            shape({rows(Type::kRowsQuery, 9), rows(Type::kTableMap, 40), write, query("SAVEPOINT a")}));
  EXPECT_EQ(shape({rows(Type::kWriteRows, 34)}, BinlogChecksum::kCrc32), shape({write}));
  EXPECT_NE(shape({write}), shape({rows(Type::kWriteRows, 31)}));
  EXPECT_NE(shape({write}), shape({rows(Type::kDeleteRows, 30)}));
  EXPECT_NE(shape({write}), shape({write, write}));
  EXPECT_NE(shape({write, rows(Type::kDeleteRows, 30)}), shape({rows(Type::kDeleteRows, 30), write}));
  // Nothing is left of the one before, and of one that was cut off.
  EXPECT_EQ(mark_of({gtid(1), write, of(Type::kXid), gtid(2), query("DROP TABLE t")}).shape, 0u);
  EXPECT_EQ(mark_of({gtid(1), write, of(Type::kRotate), of(Type::kFormatDescription), gtid(2),
                     query("DROP TABLE t")})
                .shape,
            0u);
}

TEST(BinlogTransaction, TheTextIsFoundBehindManyVariables) {
  EXPECT_EQ(walk({gtid(1), query("XA START X'78',X'',1", 4000)}), "1 1");
  // Out of sight.
  EXPECT_EQ(walk({gtid(1), query("XA START X'78',X'',1", 5000)}), "1 =1");
  EXPECT_EQ(walk({gtid(1), query("BEGIN", 5000), query("COMMIT", 5000)}), "1 1 =1");
  EXPECT_EQ(walk({gtid(1), query("BEGIN", 4061), query("ROLLBACK", 4061)}), "1 1 =1");  // the first letters
}

TEST(BinlogTransaction, LittleOfAnEventHasToBeSeen) {
  EXPECT_EQ(front_of(query("INSERT INTO t VALUES (1)")).size(),
            kBinlogEventHeaderBytes + kQueryPostHeaderBytes + 13);
  EXPECT_EQ(front_of(query("BEGIN")).size(), kBinlogEventHeaderBytes + kQueryPostHeaderBytes + 6);
  EXPECT_EQ(front_of(query("BEGIN", 60000)).size(), kMaxBinlogEventFrontBytes);
  EXPECT_EQ(front_of(event(Type::kGtid, Buffer(1000))).size(), kBinlogEventHeaderBytes + kGtidBodyBytes);
  EXPECT_EQ(front_of(event(Type::kWriteRows, Buffer(1000))).size(), kBinlogEventHeaderBytes);
  EXPECT_EQ(front_of(event(Type::kQuery, Buffer(3))).size(), kBinlogEventHeaderBytes + 3);
}

TEST(BinlogTransaction, WhatIsCutShortIsMalformed) {
  EXPECT_EQ(walk({event(Type::kGtid, Buffer(24))}), "malformed");
  EXPECT_EQ(walk({gtid(0)}), "malformed");
  EXPECT_EQ(walk({event(Type::kQuery, Buffer(12))}), "malformed");
  EXPECT_EQ(walk({event(Type::kMariadbGtid, Buffer(12))}), "malformed");
}

}  // namespace
}  // namespace causeway::protocol
