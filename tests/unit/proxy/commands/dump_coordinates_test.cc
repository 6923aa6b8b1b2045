#include "proxy/commands/dump_coordinates.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/fake_log.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using consistency::LogCoordinates;
using proxy::ReplicaKey;
using proxy::SentStream;
using proxy::StreamLedger;

const std::string kFormer = "00000000-0000-0000-0000-000000000002";  // node 1, the writer until now
const std::string kWriter = "00000000-0000-0000-0000-000000000001";
const ReplicaKey kClient{.user = "app", .server_id = 7};

protocol::TransactionMark mark_of(uint64_t number) {
  protocol::TransactionMark mark{.gtid = {.kind = protocol::BinlogGtid::Kind::kMysql, .number = number},
                                 .server_id = 1,
                                 .timestamp = 1'700'000'000};
  mark.gtid.uuid.fill(0xaa);
  return mark;
}

// The writer has logged what the former one has, in other files.
class DumpCoordinates : public SessionTest {
 protected:
  explicit DumpCoordinates(HarnessOptions options = {}) : SessionTest(std::move(options)) {}

  void SetUp() override {
    SessionTest::SetUp();
    former_.files = {{.name = "b.000007", .transactions = {1, 2, 3, 4, 5, 6, 7, 8}}};
    writer_.files = {{.name = "b.000001", .transactions = {1, 2, 3}},
                     {.name = "b.000002", .transactions = {4, 5, 6, 7, 8, 9}}};
    former_.serve(harness_.replica());
    writer_.serve(harness_.writer());
  }

  // What was sent of the former writer's log: so many transactions.
  void was_sent(uint64_t transactions) {
    SentStream stream{.owner = kFormer};
    for (uint64_t i = 1; i <= transactions; ++i)
      stream.sent.record("b.000007", 100 * i, 100 * (i + 1), mark_of(i));
    ledger().put(kClient, stream);
  }

  void was_sent_of_writer() {
    SentStream stream{.owner = kWriter};
    stream.sent.record("b.000002", 100, 200, mark_of(4));
    stream.sent.record("b.000002", 200, 300, mark_of(5));
    ledger().put(kClient, stream);
  }

  StreamLedger& ledger() { return harness_.services().log_readers.ledger; }

  // "file:position" from where it goes on, or the refusal.
  std::string resolve(std::string_view file, uint64_t position, uint32_t server_id = kClient.server_id) {
    const protocol::BinlogDump dump{.server_id = server_id, .file = file, .position = position};
    proxy::ResolvedDump resolved = harness_.run(proxy::resolve_dump(harness_.session(), 0, dump));
    if (resolved.refusal) return std::to_string(resolved.refusal->code) + " " + resolved.refusal->message;
    EXPECT_EQ(resolved.stream.owner, kWriter);
    const auto last = resolved.stream.sent.last();
    ahead_ = last ? last->mark.gtid.number : 0;
    return to_string(resolved.from);
  }

  FakeLog former_;
  FakeLog writer_;
  uint64_t ahead_ = 0;  // the transaction ahead of it, as far as that is known
};

TEST_F(DumpCoordinates, WhatNobodyKnowsIsRefused) {
  EXPECT_EQ(resolve("b.000002", 300).substr(0, 90),
            "1236 Causeway does not know from which server's log b.000002:300 is, and keeps no record o");
  EXPECT_TRUE(writer_.asked.empty());
}

// With a state file, which was begun just now.
class DumpCoordinatesKept : public DumpCoordinates {
 protected:
  DumpCoordinatesKept()
      : DumpCoordinates(
            {.configure = [](proxy::Config& config) { config.replication.state_file = path(); }}) {}
  ~DumpCoordinatesKept() override { std::remove(path().c_str()); }

  static std::string path() {
    return testing::TempDir() + "/dump_coordinates." + std::to_string(::getpid()) + "." +
           testing::UnitTest::GetInstance()->current_test_info()->name();
  }
};

TEST_F(DumpCoordinatesKept, WithOneWriterEverTheyAreItsOwn) {
  ledger().note_writer(kWriter, "db1:3306");
  EXPECT_EQ(resolve("b.000002", 300), "b.000002:300");
  EXPECT_EQ(ahead_, 5U);
  ledger().note_writer(kFormer, "db2:3306");
  EXPECT_EQ(resolve("b.000002", 300).substr(0, 5), "1236 ");
}

TEST_F(DumpCoordinates, WhoeverSaysWhoseTheyAreIsBelieved) {
  EXPECT_EQ(resolve(kWriter + ":b.000002", 300), "b.000002:300");
  EXPECT_EQ(resolve(kFormer + ":b.000007", 600), "b.000002:300");
  EXPECT_EQ(ahead_, 5U);
  const std::string nobody = "00000000-0000-0000-0000-00000000000f";
  EXPECT_EQ(
      resolve(nobody + ":b.000007", 600).substr(0, 100),
      "1236 b.000007:600 is of the log of 00000000-0000-0000-0000-00000000000f, which Causeway cannot ask; ");
}

TEST_F(DumpCoordinates, OnlyWhereAnEventBegins) {
  for (uint64_t position = 0; position <= 800; ++position) {
    const bool is_event =
        position <= 4 || (position >= 100 && position <= 700 &&
                          (position % 100 == 0 || position % 100 == 30 || position % 100 == 60));
    const std::string resolved = resolve(kWriter + ":b.000002", position);
    EXPECT_EQ(resolved == "b.000002:" + std::to_string(std::max<uint64_t>(position, 4)), is_event)
        << position << " " << resolved;
  }
  EXPECT_EQ(resolve(kWriter + ":b.000003", 4).substr(0, 5), "1236 ");
}

TEST_F(DumpCoordinates, AClientGoesOnWhereItWas) {
  was_sent_of_writer();
  EXPECT_EQ(resolve("b.000002", 300), "b.000002:300");
  EXPECT_EQ(writer_.asked, Texts{"b.000002:200"}) << "no more is read than to be sure";
  EXPECT_EQ(resolve("b.000002", 230), "b.000002:230") << "within a transaction, which is still there";
  EXPECT_EQ(resolve("b.000002", 500), "b.000002:500") << "further than is remembered";
  EXPECT_EQ(resolve("b.000002", 231).substr(0, 5), "1236 ");
}

TEST_F(DumpCoordinates, ALogThatWasBegunAnewIsAnotherOne) {
  was_sent_of_writer();
  writer_.files = {{.name = "b.000002", .transactions = {11, 12, 13}}};
  EXPECT_EQ(resolve("b.000002", 300),
            "1236 The log of 00000000-0000-0000-0000-000000000001 (" + harness_.view().nodes[0].name +
                ") does not have what was sent of it to this client, which asks for b.000002:300: it was "
                "begun anew, or that part was purged. "
                "Load the data again, and set its coordinates with whose they are: SOURCE_LOG_FILE='" +
                kWriter + ":FILE', SOURCE_LOG_POS=4");
  EXPECT_EQ(resolve(kWriter + ":b.000002", 300), "b.000002:300") << "after the data were loaded again";
  EXPECT_EQ(ahead_, 12U);
}

TEST_F(DumpCoordinates, WhatWasPurgedMayHaveBeenWhatItWas) {
  SentStream stream{.owner = kWriter};
  stream.sent.record("b.000001", 100, 200, mark_of(1));
  ledger().put(kClient, stream);
  writer_.files.erase(writer_.files.begin());
  EXPECT_EQ(resolve("b.000002", 300), "b.000002:300");
}

// What is remembered of the former log is no place in this one.
TEST_F(DumpCoordinates, SoItIsWhereNoEventBeginsWhereOneDid) {
  SentStream stream{.owner = kWriter};
  stream.sent.record("b.000002", 111, 222, mark_of(14));
  stream.sent.record("b.000002", 222, 300, mark_of(15));
  stream.sent.record("b.000002", 310, 500, mark_of(16));
  ledger().put(kClient, stream);
  for (const uint64_t position : {uint64_t{300}, uint64_t{500}, uint64_t{600}, uint64_t{330}}) {
    writer_.asked.clear();
    EXPECT_EQ(resolve(kWriter + ":b.000002", position), "b.000002:" + std::to_string(position));
    EXPECT_GE(writer_.asked.size(), 1U);
  }
  EXPECT_NE(resolve("b.000002", 300).find("it was begun anew"), std::string::npos);
  EXPECT_NE(resolve("b.000002", 400).find("it was begun anew"), std::string::npos)
      << "within one of that log";
}

// Wherever the client says that it is, and whatever is there now.
TEST_F(DumpCoordinatesKept, ALogThatWasBegunAnewIsAnotherOneWhereverTheClientAsks) {
  ledger().note_writer(kWriter, "db1:3306");
  SentStream stream{.owner = kWriter};
  for (uint64_t i = 1; i <= 9; ++i)
    stream.sent.record("b.000002", 100 * i, 100 * (i + 1), mark_of(20 + i));
  ledger().put(kClient, stream);
  for (const uint64_t position : {4, 100, 300, 600, 700, 1000, 1100}) {
    const std::string resolved = resolve("b.000002", position);
    EXPECT_NE(resolved.find("it was begun anew"), std::string::npos) << position << " " << resolved;
    EXPECT_EQ(resolve(kWriter + ":b.000002", position).find("it was begun anew"), std::string::npos)
        << position;
  }
  stream.sent.record("b.000003", 100, 200, mark_of(30));
  ledger().put(kClient, stream);
  EXPECT_NE(resolve("b.000002", 300).find("it was begun anew"), std::string::npos)
      << "an older file is there, and that one is not";
}

TEST_F(DumpCoordinates, OfTheFormerWriterTheyAreTranslated) {
  was_sent(6);
  const std::string expected[] = {
      "", "b.000001:200", "b.000001:300", "b.000001:400", "b.000002:200", "b.000002:300", "b.000002:400"};
  for (uint64_t i = 1; i <= 6; ++i) {
    const std::string resolved = resolve("b.000007", 100 * (i + 1));
    // Where the same numbers are a place in the writer's log, too, of other files there is no doubt.
    EXPECT_EQ(resolved, expected[i]) << i;
    EXPECT_EQ(ahead_, i);
  }
  EXPECT_NE(resolve("b.000007", 630).find("is in the middle of a transaction"), std::string::npos);
  harness_.view().nodes[1].reachable = false;
  harness_.publish();
  EXPECT_EQ(resolve("b.000007", 700), "b.000002:400") << "nobody has to be asked for what is remembered";
}

TEST_F(DumpCoordinates, FurtherThanIsRememberedTheFormerWriterIsAsked) {
  was_sent(3);
  EXPECT_EQ(resolve("b.000007", 900), "b.000002:600");
  EXPECT_EQ(ahead_, 8U);
  EXPECT_EQ(resolve("b.000007", 901).substr(0, 5), "1236 ");
  harness_.view().nodes[1].reachable = false;
  harness_.publish();
  const std::string refused = resolve("b.000007", 900);
  EXPECT_NE(refused.find("Last sent to this client: up to b.000007:400."), std::string::npos) << refused;
}

// The former writer is gone, and with it what followed; where the transaction begins is told.
TEST_F(DumpCoordinates, WhereATransactionWasBrokenOffItIsToldWhereItBegins) {
  was_sent(3);
  harness_.view().nodes[1].reachable = false;
  harness_.publish();
  EXPECT_NE(resolve("b.000007", 430).find("Last sent to this client"), std::string::npos);
  SentStream stream = *ledger().find(kClient);
  stream.sent.broken_off("b.000007", 460);
  ledger().put(kClient, stream);
  for (const uint64_t position : {uint64_t{430}, uint64_t{460}}) {
    const std::string refused = resolve("b.000007", position);
    EXPECT_NE(refused.find("is in the middle of a transaction"), std::string::npos) << refused;
    EXPECT_NE(refused.find("SOURCE_LOG_FILE='" + kWriter + ":b.000001', SOURCE_LOG_POS=400"),
              std::string::npos)
        << refused;
  }
  EXPECT_EQ(resolve("b.000007", 461).find("is in the middle"), std::string::npos);
}

TEST_F(DumpCoordinates, WhatTheWriterNeverHadIsMissing) {
  was_sent(8);
  writer_.files.back().transactions = {4, 5, 6};
  const std::string refused = resolve("b.000007", 900);
  EXPECT_NE(
      refused.find("the last 2 transactions of this client are missing. The last one that both have is ahead "
                   "of SOURCE_LOG_FILE='00000000-0000-0000-0000-000000000001:b.000002', SOURCE_LOG_POS=400"),
      std::string::npos)
      << refused;
}

TEST_F(DumpCoordinates, AnotherOrderIsAnotherHistory) {
  was_sent(6);
  writer_.files.back().transactions = {5, 4, 6, 7};
  EXPECT_EQ(resolve("b.000007", 700).substr(0, 5), "1236 ");
}

TEST_F(DumpCoordinates, PlacesOfBothAreOfNeither) {
  was_sent(6);
  former_.files[0].name = writer_.files[1].name;
  SentStream stream{.owner = kFormer};
  for (uint64_t i = 1; i <= 6; ++i)
    stream.sent.record("b.000002", 100 * i, 100 * (i + 1), mark_of(i));
  ledger().put(kClient, stream);
  EXPECT_NE(resolve("b.000002", 400).find("and not the same one"), std::string::npos);
  EXPECT_EQ(resolve(kFormer + ":b.000002", 400), "b.000001:400");
  EXPECT_EQ(resolve(kWriter + ":b.000002", 400), "b.000002:400");
}

TEST_F(DumpCoordinates, TheFirstLogThereIsNeedsNoOwner) {
  EXPECT_EQ(resolve("", 0), ":4");
  EXPECT_TRUE(writer_.asked.empty());
}

TEST_F(DumpCoordinates, WhoHasNoServerIdIsNotRemembered) {
  EXPECT_EQ(resolve(kWriter + ":b.000002", 300, 0), "b.000002:300");
  EXPECT_FALSE(ledger().find({.user = "app", .server_id = 0}));
}

TEST_F(DumpCoordinates, ALogThatCannotBeReadIsAskedForAgain) {
  harness_.writer().on(protocol::Command::kBinlogDump, [](Reply& reply) { reply.later(); });
  const std::string dump = std::string("\x2c\1\0\0\0\0\7\0\0\0", 10) + kWriter + ":b.000002";
  EXPECT_EQ(ask(protocol::Command::kBinlogDump, dump),
            "1105 HY000 Causeway cannot read the log of 00000000-0000-0000-0000-000000000001 (" +
                harness_.view().nodes[0].name + "): timeout");
}

}  // namespace
}  // namespace causeway::test
