// LOAD DATA LOCAL INFILE: the file that goes from the client to the server.
#include <gtest/gtest.h>

#include "tests/support/session_test.h"

namespace causeway::test {
namespace {

using protocol::Command;

constexpr std::string_view kLoad = "LOAD DATA LOCAL INFILE 'data.csv' INTO TABLE t";

class LocalFile : public SessionTest {
 protected:
  LocalFile()
      : SessionTest({.configure = [](proxy::Config& config) {
          config.statements.load_data = proxy::StatementPolicy::kForward;
        }}) {
    capabilities_ |= protocol::capability::kLocalFiles;
    harness_.writer().on("LOAD DATA", [](Reply& reply) {
      reply.connection.file.clear();
      reply.file("data.csv");
    });
  }

  // The file in pieces of the client's, as a packet each.
  Answer send_packets(const Texts& pieces) {
    Buffer all;
    uint8_t sequence_id = 2;
    for (const std::string& piece : pieces) {
      const Buffer packet = packet_of(protocol::as_bytes(piece), sequence_id++);
      all.insert(all.end(), packet.begin(), packet.end());
    }
    const Buffer end = packet_of({}, sequence_id);
    all.insert(all.end(), end.begin(), end.end());
    client_->send_raw(all);
    return client_->receive_answer(Command::kQuery);
  }
};

TEST_F(LocalFile, ArrivesAsItWasSent) {
  std::string got;
  ASSERT_EQ(client_->query(kLoad).state, AnswerState::kWantsFile);
  harness_.writer().on("INSERT", [&got](Reply& reply) {
    got = reply.connection.file;
    reply.ok();
  });
  EXPECT_EQ(send_packets({"1\n", "2\n", std::string(70'000, 'x')}).text(), "OK");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(got, "1\n2\n" + std::string(70'000, 'x'));
}

TEST_F(LocalFile, ThatIsLargerThanWhatASocketHoldsArrives) {
  std::string got;
  ASSERT_EQ(client_->query(kLoad).state, AnswerState::kWantsFile);
  harness_.writer().on("INSERT", [&got](Reply& reply) {
    got = reply.connection.file;
    reply.ok();
  });
  EXPECT_EQ(client_->send_file(std::string(3'000'000, 'y')).text(), "OK");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(got.size(), 3'000'000U);
}

TEST_F(LocalFile, WithSomethingBehindItEndsTheConnection) {
  ASSERT_EQ(client_->query(kLoad).state, AnswerState::kWantsFile);
  Buffer all = packet_of(protocol::as_bytes("1\n"), 2);
  for (const uint8_t sequence_id : {uint8_t{3}, uint8_t{4}}) {
    const Buffer end = packet_of({}, sequence_id);
    all.insert(all.end(), end.begin(), end.end());
  }
  client_->send_raw(all);
  EXPECT_TRUE(client_->receive_answer(Command::kQuery).ended);
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
}

// Its deadline is the one for clients that say nothing.
TEST_F(LocalFile, ThatDoesNotComeIsNotWaitedForForever) {
  ASSERT_EQ(client_->query(kLoad).state, AnswerState::kWantsFile);
  harness_.advance(std::chrono::seconds{16});
  client_->send_file("1\n");
  EXPECT_EQ(harness_.books().nodes[0].in_use, 0U);
  EXPECT_EQ(harness_.books().nodes[0].connections, 0U);
}

TEST_F(LocalFile, WhoseServerGoesIsAnErrorOrTheEnd) {
  ASSERT_EQ(client_->query(kLoad).state, AnswerState::kWantsFile);
  harness_.writer().close_all();
  harness_.settle();
  const Answer answer = client_->send_file(std::string(2'000'000, 'y'));
  EXPECT_TRUE(answer.ended || answer.error != 0) << answer.text();
  EXPECT_FALSE(client_->hung());
}

TEST_F(LocalFile, ThatTheServerRefusesBehindItIsTheServersError) {
  warm_up();
  ASSERT_EQ(client_->query(kLoad).state, AnswerState::kWantsFile);
  harness_.writer().fault_at(harness_.writer().steps(), Fault::kError);
  EXPECT_EQ(client_->send_file("1\n").text(), "1105 HY000 scripted failure");
  EXPECT_EQ(ask("SELECT a FROM t"), "[replica1]");
}

TEST_F(LocalFile, AmongSeveralStatementsHasTheClientsSequenceIds) {
  const Answer asked = client_->query("INSERT INTO t VALUES (1); " + std::string(kLoad));
  EXPECT_EQ(asked.state, AnswerState::kWantsFile) << asked.text();
}

class LocalFileRefused : public SessionTest {};

TEST_F(LocalFileRefused, WhereItIsNotForwarded) {
  capabilities_ |= protocol::capability::kLocalFiles;
  EXPECT_EQ(client_->query(kLoad).error, 1235);
  EXPECT_EQ(on_both(), Texts{});
}

class LocalFileCompressed : public LocalFile {
 protected:
  LocalFileCompressed() { capabilities_ |= protocol::capability::kCompress; }
};

TEST_F(LocalFileCompressed, IsUnpackedForTheServer) {
  ASSERT_TRUE(client_->is_compressed());
  std::string got;
  ASSERT_EQ(client_->query(kLoad).state, AnswerState::kWantsFile);
  harness_.writer().on("INSERT", [&got](Reply& reply) {
    got = reply.connection.file;
    reply.ok();
  });
  EXPECT_EQ(client_->send_file(std::string(100'000, 'z')).text(), "OK");
  ask("INSERT INTO t VALUES (1)");
  EXPECT_EQ(got, std::string(100'000, 'z'));
}

}  // namespace
}  // namespace causeway::test
