// The stream of the binary log: events one way, acknowledgements the other.
#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

constexpr auto kAcknowledgement = static_cast<Command>(0xef);

// Of a client that has nothing.
const std::string kDumpGtid =
    std::string(2 + 4 + 4 + 8, '\0') + std::string("\10\0\0\0", 4) + std::string(8, '\0');

std::string event(std::string_view text) {
  return std::string(1, '\0').append(text);
}

class BinlogRelay : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    harness_.writer().on(Command::kBinlogDumpGtid, [](Reply& reply) { reply.text(event("one")); });
    harness_.writer().on(kAcknowledgement, [](Reply& reply) { reply.text(event("acknowledged")); });
  }

  std::string next() { return client_->receive_answer(Command::kBinlogDump).text(); }

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
  EXPECT_EQ(begin(), "one");
  harness_.advance(std::chrono::minutes(10));
  EXPECT_TRUE(client_->is_open()) << "no deadline holds for it";
  EXPECT_EQ(harness_.books().nodes[0].gauge_leases_in_use, 1);
  client_->close();
  harness_.settle();
  EXPECT_EQ(harness_.settle_books(), "");
  EXPECT_EQ(harness_.writer().count("KILL"), 1U) << "a server notices only with the next event";
}

TEST_F(BinlogRelay, AcknowledgementsGoTheOtherWay) {
  EXPECT_EQ(begin(), "one");
  acknowledge();
  EXPECT_EQ(next(), "acknowledged");
  acknowledge("anotherpbinlog.000001");
  EXPECT_EQ(next(), "acknowledged");
  EXPECT_EQ(protocol::as_text(harness_.writer().last_payload(kAcknowledgement)).substr(1, 8), "anotherp");
}

TEST_F(BinlogRelay, OneThatComesInPiecesIsPassedOnWhole) {
  EXPECT_EQ(begin(), "one");
  Buffer payload(20, 'p');
  payload[0] = 0xef;
  for (const uint8_t byte : packet_of(payload, 0)) {
    client_->send_raw(Bytes(&byte, 1));
    harness_.settle();
  }
  EXPECT_EQ(next(), "acknowledged");
}

TEST_F(BinlogRelay, AnythingElseOfTheClientEndsIt) {
  EXPECT_EQ(begin(), "one");
  client_->send_raw(packet_of(protocol::as_bytes("\3DROP TABLE t"), 0));
  EXPECT_EQ(next(), "closed");
  EXPECT_EQ(harness_.writer().count("DROP"), 0U);
  EXPECT_EQ(harness_.settle_books(), "");
}

TEST_F(BinlogRelay, AnAcknowledgementHasItsLength) {
  EXPECT_EQ(begin(), "one");
  acknowledge(std::string(5000, 'x'));
  EXPECT_EQ(next(), "closed");
  EXPECT_TRUE(harness_.writer().last_payload(kAcknowledgement).empty());
}

// Whoever ends it cancels what it waits for, and finds nothing where something has just come.
TEST_F(BinlogRelay, ToldToEndItEndsBehindWhatHasJustCome) {
  EXPECT_EQ(begin(), "one");
  harness_.session().waiter.closing = true;
  acknowledge();
  EXPECT_EQ(next(), "acknowledged");
  EXPECT_EQ(next(), "closed");
  EXPECT_EQ(harness_.settle_books(), "");
}

TEST_F(BinlogRelay, EndsWithItsServer) {
  EXPECT_EQ(begin(), "one");
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

}  // namespace
}  // namespace causeway::test
