#include "proxy/replication/stream_ledger.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "proxy/replication/stream_recorder.h"

namespace causeway::proxy {
namespace {

using protocol::BinlogGtid;
using protocol::TransactionMark;

Logger no_log() {
  return Logger(LogLevel::kOff, LogFormat::kLogfmt, {});
}

BinlogGtid mysql_gtid(uint64_t number, std::string_view tag = {}) {
  BinlogGtid gtid{.kind = BinlogGtid::Kind::kMysql, .number = number};
  gtid.uuid = {0x5d, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff};
  gtid.set_tag(tag);
  return gtid;
}

SentStream stream_of(std::string owner, uint64_t transactions) {
  SentStream stream{.owner = std::move(owner)};
  for (uint64_t i = 0; i < transactions; ++i) {
    const TransactionMark mark{.gtid = {.kind = BinlogGtid::Kind::kAnonymous},
                               .server_id = 1,
                               .timestamp = 1'700'000'000,
                               .original_commit_timestamp = 1'700'000'000'000'000 + i,
                               .shape = 0xfffffff0};
    stream.sent.record(i < 2 ? "b.000001" : "b.000002", 1000 * i, 1000 * i + 900, mark);
  }
  return stream;
}

class StreamLedgerTest : public testing::Test {
 protected:
  StreamLedgerTest() {
    std::string pattern = testing::TempDir() + "/ledgerXXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/state.json";
  }
  ~StreamLedgerTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
  std::string path_;
};

TEST(LedgerText, ComesBackAsItWas) {
  LedgerContent content;
  SentStream stream = stream_of("5d0c0000-0000-0000-0000-0000000000ff", 5);
  stream.sent.record("b.000002", 9000, 9100, {.gtid = mysql_gtid(7)});
  stream.sent.record("b.000002", 9100, 9200, {.gtid = mysql_gtid((uint64_t{1} << 63) - 2, "tag_1")});
  stream.sent.record(
      "b.000002", 9200, 0x1'0000'0000,
      {.gtid = {.kind = BinlogGtid::Kind::kMariadb, .domain_id = 1, .server_id = 2, .number = 3}});
  stream.sent.reached("b.000003", 4);
  stream.start = {.file = "b.\"1\\", .position = 4};
  stream.sent.broken_off("b.000003", 800);
  content.put({.user = "re\"pl", .server_id = 4'294'967'295}, stream, 1'700'000'000);
  content.put({.user = "repl", .server_id = 2}, stream_of("3", 0), 1'700'000'001);
  EXPECT_TRUE(content.add_writer("5d0c", "db1:3306", 1'700'000'000));
  EXPECT_FALSE(content.add_writer("5d0c", "db9:3306", 1'700'000'009)) << "it is known";

  const auto back = parse_ledger(to_text(content));
  ASSERT_TRUE(back.has_value()) << back.error().text;
  EXPECT_EQ(back->writers, content.writers);
  ASSERT_EQ(back->clients.size(), 2U);
  for (const auto& [key, client] : content.clients) {
    const auto found = back->clients.find(key);
    ASSERT_NE(found, back->clients.end());
    EXPECT_EQ(found->second.updated, client.updated);
    EXPECT_EQ(found->second.stream.owner, client.stream.owner);
    EXPECT_EQ(found->second.stream.start, client.stream.start);
    EXPECT_EQ(found->second.stream.sent.reached(), client.stream.sent.reached());
    EXPECT_EQ(found->second.stream.sent.broken_off(), client.stream.sent.broken_off());
    ASSERT_EQ(found->second.stream.sent.size(), client.stream.sent.size());
    for (size_t i = 0; i < client.stream.sent.size(); ++i) {
      const auto is = found->second.stream.sent.at(i);
      const auto was = client.stream.sent.at(i);
      EXPECT_EQ(is.file, was.file);
      EXPECT_EQ(is.begin, was.begin);
      EXPECT_EQ(is.end, was.end);
      EXPECT_EQ(is.mark, was.mark);
    }
  }
}

TEST(LedgerText, HasTheLastTransactionsOfEach) {
  LedgerContent content;
  content.put({.user = "repl", .server_id = 2}, stream_of("3", 200), 1);
  const auto back = parse_ledger(to_text(content));
  ASSERT_TRUE(back.has_value()) << back.error().text;
  const auto& sent = back->clients.begin()->second.stream.sent;
  EXPECT_EQ(sent.size(), LedgerContent::kTransactionsInFile);
  EXPECT_EQ(sent.last()->end, 199'900U);
}

TEST(LedgerText, WhatCausewayDidNotWriteIsRefused) {
  LedgerContent content;
  content.put({.user = "repl", .server_id = 2}, stream_of("3", 2), 1);
  content.add_writer("3", "db1:3306", 1);
  const std::string text = to_text(content);
  EXPECT_EQ(parse_ledger(R"({"version":2,"writers":[],"clients":[]})").error().text,
            "it is of another version of Causeway");
  for (const std::string& wrong :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"version":1})"),
        text.substr(0, text.size() / 2), std::string(R"({"version":1,"writers":[{}],"clients":[]})"),
        std::string(R"({"version":1,"writers":[],"clients":[{"user":"u","server_id":-1}]})"),
        std::string(
            R"({"version":1,"writers":[],"clients":[{"user":"u","server_id":1,"log_of":"3","updated":1,)"
            R"("sent":[{"file":"b.1","transactions":[[4,9,["5d0c",1,2],1,1,1,1]]}]}]})")}) {
    EXPECT_FALSE(parse_ledger(wrong).has_value()) << wrong;
  }
  // Any cut of it is refused, too.
  for (size_t length = 0; length + 2 < text.size(); ++length)
    EXPECT_FALSE(parse_ledger(text.substr(0, length)).has_value()) << length;
}

TEST(LedgerContent, TheOldestGoFirst) {
  LedgerContent content;
  for (uint32_t id = 1; id <= LedgerContent::kMaxClients + 1; ++id)
    content.put({.user = "repl", .server_id = id}, stream_of("3", 0), id == 2 ? 0 : id);
  EXPECT_EQ(content.clients.size(), LedgerContent::kMaxClients);
  EXPECT_FALSE(content.clients.contains({.user = "repl", .server_id = 2}));
  for (size_t i = 0; i <= LedgerContent::kMaxWriters; ++i)
    content.add_writer(std::to_string(i), "db", 1);
  EXPECT_EQ(content.writers.size(), LedgerContent::kMaxWriters);
  EXPECT_EQ(content.writers.front().owner, "1");
}

TEST_F(StreamLedgerTest, OutlivesTheProcess) {
  const ReplicaKey key{.user = "repl", .server_id = 2};
  {
    StreamLedger ledger(path_, no_log());
    EXPECT_TRUE(ledger.is_lasting());
    EXPECT_FALSE(ledger.find(key));
    ledger.note_writer("5d0c", "db1:3306");
    ledger.put(key, stream_of("5d0c", 3));
    ledger.put({.user = "backup", .server_id = 0}, stream_of("5d0c", 3));
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
  const StreamLedger ledger(path_, no_log());
  ASSERT_TRUE(ledger.find(key));
  EXPECT_EQ(ledger.find(key)->sent.last()->end, 2900U);
  EXPECT_FALSE(ledger.find({.user = "backup", .server_id = 0})) << "no replica has it";
  ASSERT_EQ(ledger.writers().size(), 1U);
  EXPECT_EQ(ledger.writers()[0].node, "db1:3306");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1)
      << "nothing lies beside it";
}

TEST_F(StreamLedgerTest, WithoutAFileItIsOfThisProcess) {
  StreamLedger ledger("", no_log());
  EXPECT_FALSE(ledger.is_lasting());
  ledger.put({.user = "repl", .server_id = 2}, stream_of("3", 3));
  EXPECT_TRUE(ledger.find({.user = "repl", .server_id = 2}));
}

TEST_F(StreamLedgerTest, AFileThatIsNoneOfItsOwnIsLeftAlone) {
  std::ofstream(path_) << "something else";
  EXPECT_THROW(StreamLedger(path_, no_log()), std::runtime_error);
  std::ifstream file(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "something else");
  EXPECT_THROW(StreamLedger(directory_ + "/no/such/folder", no_log()), std::runtime_error);
}

TEST_F(StreamLedgerTest, WhatCannotBeUsedIsToldWithItsSetting) {
  const auto told = [](const std::string& path) -> std::string {
    try {
      const StreamLedger ledger(path, no_log());
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_EQ(told(directory_), "replication.state_file: " + directory_ + ": not a file");
  std::ofstream(path_) << "[1";
  EXPECT_EQ(told(path_).find("replication.state_file: " + path_ + ": not what Causeway has written there"),
            0U);
  for (const std::string& nowhere : {path_ + "/in-a-file", directory_ + "/no/such/folder"})
    EXPECT_EQ(told(nowhere).find("replication.state_file: " + nowhere), 0U) << told(nowhere);
}

TEST(StreamRecorder, TellsTheLedgerEachSecondAndAtTheEnd) {
  StreamLedger ledger("", no_log());
  const ReplicaKey key{.user = "repl", .server_id = 2};
  const auto sent = [&] { return ledger.find(key)->sent.size(); };
  const Clock::time_point start = Clock::now();
  protocol::BinlogStreamState state;
  state.file = "b.000001";
  {
    StreamRecorder recorder(ledger, key, stream_of("3", 0));
    EXPECT_EQ(sent(), 0U) << "but it is known whose log it is";
    const auto transaction = [&](uint64_t end, std::chrono::milliseconds after) {
      state.transaction_position = end - 100;
      state.boundary_position = state.position = end;
      ++state.transactions;
      recorder.boundary(state, start + after);
    };
    transaction(200, std::chrono::milliseconds(0));
    EXPECT_EQ(sent(), 1U);
    transaction(300, std::chrono::milliseconds(10));
    transaction(400, std::chrono::milliseconds(990));
    EXPECT_EQ(sent(), 1U);
    transaction(500, std::chrono::milliseconds(1000));
    EXPECT_EQ(sent(), 4U);
    transaction(600, std::chrono::milliseconds(1001));
    EXPECT_EQ(sent(), 4U);
    // The next file begins.
    state.file = "b.000002";
    state.position = 4;
    recorder.boundary(state, start + std::chrono::milliseconds(1002));
  }
  EXPECT_EQ(sent(), 5U);
  EXPECT_EQ(ledger.find(key)->sent.last()->end, 600U);
  EXPECT_EQ(ledger.find(key)->sent.where("b.000002", 4).kind, consistency::SentPlace::Kind::kBehind);
}

TEST(StreamRecorder, TellsTheLedgerWhereATransactionWasBrokenOff) {
  StreamLedger ledger("", no_log());
  const ReplicaKey key{.user = "repl", .server_id = 2};
  for (const bool is_open : {true, false}) {
    {
      StreamRecorder recorder(ledger, key, stream_of("3", 3));
      protocol::BinlogStreamState state;
      state.file = "b.000002";
      state.position = 7000;
      if (is_open) state.transaction.event({.role = protocol::BinlogEventRole::kGtid});
      EXPECT_EQ(state.transaction.is_open(), is_open);
      recorder.passed(state);
    }
    EXPECT_EQ(ledger.find(key)->sent.broken_off(), is_open ? std::optional<uint64_t>(7000) : std::nullopt);
  }
}

}  // namespace
}  // namespace causeway::proxy
