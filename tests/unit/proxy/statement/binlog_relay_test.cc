// The stream of the binary log: events one way, acknowledgements the other.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/binlog_events.h"
#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

const std::string kBegun = "rotate; one";

constexpr auto kAcknowledgement = static_cast<Command>(0xef);

// Of a client that has nothing.
const std::string kDumpGtid =
    std::string(2 + 4 + 4 + 8, '\0') + std::string("\10\0\0\0", 4) + std::string(8, '\0');

class BinlogRelay : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    harness_.writer().on(Command::kBinlogDumpGtid, [](Reply& reply) {
      reply.text(rotate_packet("binlog.000001", 4, SemiSync::kNoAck));
      reply.text(query_packet("one", 100, SemiSync::kAck));
    });
    harness_.writer().on(kAcknowledgement,
                         [](Reply& reply) { reply.text(query_packet("acknowledged", 200, SemiSync::kAck)); });
  }

  std::string next() { return client_->receive_answer(Command::kBinlogDump).text(); }

  // "rotate; one", where nothing is said of another beginning.
  std::string begin() {
    client_->start(Command::kBinlogDumpGtid, kDumpGtid);
    return next();
  }

  void acknowledge(std::string_view argument = "positionbinlog.000001") {
    Buffer payload;
    payload.push_back(0xef);
    payload.insert(payload.end(), argument.begin(), argument.end());
    client_->send_raw(packet_of(payload, 0));
  }
};

TEST_F(BinlogRelay, GoesOnUntilTheClientGoes) {
  EXPECT_EQ(begin(), kBegun);
  harness_.advance(std::chrono::minutes(10));
  EXPECT_TRUE(client_->is_open()) << "no deadline holds for it";
  EXPECT_EQ(harness_.books().nodes[0].gauge_leases_in_use, 1);
  client_->close();
  harness_.settle();
  EXPECT_EQ(harness_.settle_books(), "");
  EXPECT_EQ(harness_.writer().count("KILL"), 1U) << "a server notices only with the next event";
}

TEST_F(BinlogRelay, AcknowledgementsGoTheOtherWay) {
  EXPECT_EQ(begin(), kBegun);
  acknowledge();
  EXPECT_EQ(next(), "acknowledged");
  acknowledge("anotherpbinlog.000001");
  EXPECT_EQ(next(), "acknowledged");
  EXPECT_EQ(protocol::as_text(harness_.writer().last_payload(kAcknowledgement)).substr(1, 8), "anotherp");
}

TEST_F(BinlogRelay, OneThatComesInPiecesIsPassedOnWhole) {
  EXPECT_EQ(begin(), kBegun);
  Buffer payload(20, 'p');
  payload[0] = 0xef;
  for (const uint8_t byte : packet_of(payload, 0)) {
    client_->send_raw(Bytes(&byte, 1));
    harness_.settle();
  }
  EXPECT_EQ(next(), "acknowledged");
}

TEST_F(BinlogRelay, AnythingElseOfTheClientEndsIt) {
  EXPECT_EQ(begin(), kBegun);
  client_->send_raw(packet_of(protocol::as_bytes("\3DROP TABLE t"), 0));
  EXPECT_EQ(next(), "closed");
  EXPECT_EQ(harness_.writer().count("DROP"), 0U);
  EXPECT_EQ(harness_.settle_books(), "");
}

TEST_F(BinlogRelay, AnAcknowledgementHasItsLength) {
  EXPECT_EQ(begin(), kBegun);
  acknowledge(std::string(5000, 'x'));
  EXPECT_EQ(next(), "closed");
  EXPECT_TRUE(harness_.writer().last_payload(kAcknowledgement).empty());
}

// Whoever ends it cancels what it waits for, and finds nothing where something has just come.
TEST_F(BinlogRelay, ToldToEndItEndsBehindWhatHasJustCome) {
  EXPECT_EQ(begin(), kBegun);
  harness_.session().waiter.closing = true;
  acknowledge();
  EXPECT_EQ(next(), "acknowledged");
  EXPECT_EQ(next(), "closed");
  EXPECT_EQ(harness_.settle_books(), "");
}

TEST_F(BinlogRelay, EndsWithItsServer) {
  EXPECT_EQ(begin(), kBegun);
  harness_.writer().close_all();
  harness_.settle();
  EXPECT_EQ(next(), "closed");
  EXPECT_EQ(harness_.settle_books(), "");
}

TEST_F(BinlogRelay, AnErrorOfTheServerIsTheClients) {
  harness_.writer().on(Command::kBinlogDumpGtid,
                       [](Reply& reply) { reply.error(1236, "HY000", "the log is gone"); });
  EXPECT_EQ(begin(), "1236 HY000 the log is gone");
  EXPECT_EQ(next(), "closed");
}

// Compressed packets count from the beginning again behind an event that is to be acknowledged.
class CompressedBinlogRelay : public BinlogRelay {
 protected:
  CompressedBinlogRelay() { capabilities_ |= protocol::capability::kCompress; }
};

TEST_F(CompressedBinlogRelay, CountsItsPacketsAnewBehindEachAcknowledgement) {
  ASSERT_TRUE(client_->is_compressed());
  EXPECT_EQ(begin(), kBegun);
  for (int i = 0; i < 3; ++i) {
    client_->start(kAcknowledgement, "positionbinlog.000001");
    EXPECT_EQ(next(), "acknowledged") << i;
  }
}

// In a transaction, whose end comes with the next acknowledgement.
class BinlogRelayEnds : public BinlogRelay {
 protected:
  void SetUp() override {
    BinlogRelay::SetUp();
    harness_.writer().on(Command::kBinlogDumpGtid, [](Reply& reply) {
      reply.text(rotate_packet("binlog.000001", 4, SemiSync::kNoAck));
      reply.text(gtid_packet(1, 100, SemiSync::kNoAck));
      reply.text(query_packet("BEGIN", 150, SemiSync::kAck));
    });
    harness_.writer().on(kAcknowledgement, [](Reply& reply) {
      reply.text(xid_packet(200, SemiSync::kNoAck));
      reply.text(gtid_packet(2, 300, SemiSync::kNoAck));
    });
  }

  void make_another_writer() {
    harness_.view().writer = 1;
    harness_.view().nodes[0].role = proxy::NodeRole::kReplica;
    harness_.view().nodes[1].role = proxy::NodeRole::kWriter;
    ++harness_.view().writer_epoch;
    harness_.publish();
  }
};

TEST_F(BinlogRelayEnds, WithCausewayBehindTheTransactionThatIsUnderWay) {
  EXPECT_EQ(begin(), "rotate; gtid; BEGIN");
  harness_.worker().drain();
  harness_.advance(std::chrono::milliseconds(500));
  EXPECT_TRUE(client_->is_open());
  acknowledge();
  EXPECT_EQ(next(), "xid") << "and nothing of the next one";
  EXPECT_EQ(next(), "closed");
  EXPECT_EQ(last(harness_.ends()), "shutdown");
}

TEST_F(BinlogRelayEnds, WithCausewayWhereNothingIsUnderWayAtOnce) {
  harness_.writer().on(Command::kBinlogDumpGtid,
                       [](Reply& reply) { reply.text(rotate_packet("binlog.000001", 4)); });
  EXPECT_EQ(begin(), "rotate");
  harness_.worker().drain();
  harness_.settle();
  EXPECT_EQ(last(harness_.ends()), "shutdown");
  EXPECT_EQ(next(), "closed");
}

TEST_F(BinlogRelayEnds, WithCausewayInATransactionThatDoesNotEnd) {
  EXPECT_EQ(begin(), "rotate; gtid; BEGIN");
  harness_.worker().drain();
  harness_.advance(std::chrono::milliseconds(900));
  EXPECT_EQ(harness_.ends().size(), 0U);
  harness_.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(last(harness_.ends()), "shutdown");
  EXPECT_EQ(next(), "closed");
}

TEST_F(BinlogRelayEnds, ATickBehindTheWritersOwn) {
  EXPECT_EQ(begin(), "rotate; gtid; BEGIN");
  make_another_writer();
  harness_.advance(std::chrono::milliseconds(150));
  EXPECT_EQ(last(harness_.ends()), "another server is the writer");
  EXPECT_EQ(next(), "closed");
}

// A client that was behind has got some of it.
TEST_F(BinlogRelayEnds, WhatIsOnItsWayThenCountsAsSent) {
  constexpr uint32_t kEvents = 5'000;
  harness_.writer().on(Command::kBinlogDump, [](Reply& reply) {
    reply.text(rotate_packet("binlog.000001", 4));
    reply.text(gtid_packet(1, 50));
    reply.text(query_packet("CREATE TABLE t (a INT)", 80));
    reply.text(gtid_packet(2, 90));
    reply.text(query_packet("BEGIN", 100));
    for (uint32_t i = 1; i <= kEvents; ++i)
      reply.text(query_packet(std::string(1000, 'x'), 100 + i));
  });
  client_->reads(false);
  client_->start(Command::kBinlogDump, std::string("\4\0\0\0\0\0\7\0\0\0", 10));
  harness_.settle();
  make_another_writer();
  harness_.advance(std::chrono::milliseconds(150));
  EXPECT_EQ(last(harness_.ends()), "another server is the writer");
  client_->reads(true);
  uint32_t received = 0;
  for (std::string events = next(); events != "closed"; events = next())
    received += static_cast<uint32_t>(std::ranges::count(events, ';')) + 1;
  ASSERT_GT(received, 5U);
  ASSERT_LT(received, kEvents);
  const auto stream = harness_.services().log_readers.ledger.find({.user = "app", .server_id = 7});
  ASSERT_TRUE(stream && stream->sent.broken_off());
  EXPECT_GE(*stream->sent.broken_off(), 100 + received - 5) << "of all but the first five";
}

TEST_F(BinlogRelayEnds, WithAnEventThatIsNone) {
  harness_.writer().on(Command::kBinlogDumpGtid, [](Reply& reply) {
    reply.text(rotate_packet("binlog.000001", 4));
    reply.text(std::string(1, '\0') + "this is not the header of an event");
  });
  EXPECT_EQ(begin(), "rotate");
  EXPECT_EQ(next(), "closed");
  EXPECT_TRUE(harness_.log_has("a binary log that cannot be followed"));
}

}  // namespace
}  // namespace causeway::test
