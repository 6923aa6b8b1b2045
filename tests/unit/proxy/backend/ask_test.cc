#include "proxy/backend/ask.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>

#include "protocol/com_stmt.h"
#include "protocol/eof_packet.h"
#include "protocol/err_packet.h"
#include "protocol/packet_header.h"
#include "protocol/text_resultset.h"
#include "proxy/backend/backend_connector.h"
#include "proxy/backend/cancel_after.h"
#include "proxy/backend/shard.h"
#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

namespace capability = protocol::capability;
using std::chrono::seconds;
using test::Fault;
using test::Harness;
using test::Reply;
using Values = std::vector<std::optional<std::string>>;

// --- Every byte of an answer ---

// A connection whose server has sent this, and closed it behind it.
class Sent {
 public:
  Sent(const protocol::Buffer& answer, protocol::CapabilityFlags capabilities) {
    int sockets[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    Socket socket(harness_.shard().io().get_executor());
    socket.assign(asio::generic::stream_protocol(AF_UNIX, SOCK_STREAM), sockets[0]);
    connection_.emplace(std::move(socket), 0, std::make_shared<const PoolKey>());
    connection_->capabilities = capabilities;
    EXPECT_EQ(::write(sockets[1], answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    ::close(sockets[1]);
  }

  Answer<AskedRow> row(size_t columns) {
    return harness_.run(read_row(*connection_, RowLimits{.columns = columns}));
  }
  // The first column of each row.
  Answer<std::vector<protocol::FieldType>> rows(std::vector<std::string>& taken) {
    const TakeRow take = [&](std::span<const protocol::TextValue> row) {
      taken.emplace_back(row.front().value_or("NULL"));
    };
    return harness_.run(read_rows(*connection_, RowLimits{.columns = 1}, take));
  }
  Answer<AskedOk> ok() { return harness_.run(read_ok(*connection_)); }

 private:
  Harness harness_;
  std::optional<BackendConnection> connection_;
};

protocol::Buffer rows_of(const std::vector<std::vector<protocol::TextValue>>& rows, size_t columns,
                         protocol::CapabilityFlags capabilities) {
  protocol::Buffer out;
  const std::vector<protocol::TextColumn> definitions(
      columns, protocol::TextColumn{.name = "a", .type = protocol::FieldType::kLongLong});
  protocol::TextResultSetWriter writer(out, capabilities, 1);
  writer.columns(definitions, 0);
  for (const auto& row : rows)
    writer.row(row);
  writer.finish(0);
  return out;
}

protocol::Buffer packet(std::initializer_list<uint8_t> payload, uint8_t sequence_id) {
  const std::vector<uint8_t> bytes(payload);
  protocol::Buffer out;
  protocol::append_packets(out, bytes, sequence_id);
  return out;
}

template <class T>
std::string lost_because(const Answer<T>& answer) {
  if (answer) return "nothing is wrong";
  return answer.error().refusal ? "a refusal" : answer.error().reason;
}

class AskTest : public testing::TestWithParam<protocol::CapabilityFlags> {};

TEST_P(AskTest, ARowHasValuesAndTypes) {
  const Answer<AskedRow> row = Sent(rows_of({{"1", std::nullopt, ""}}, 3, GetParam()), GetParam()).row(3);
  ASSERT_TRUE(row) << row.error().reason;
  EXPECT_EQ(row->values, (Values{"1", std::nullopt, ""}));
  EXPECT_EQ(row->text(1), "NULL");
  EXPECT_EQ(row->types, std::vector<protocol::FieldType>(3, protocol::FieldType::kLongLong));
}

TEST_P(AskTest, ManyColumnsAreOneRowToo) {
  const std::vector<protocol::TextValue> values(600, "x");
  EXPECT_TRUE(Sent(rows_of({values}, 600, GetParam()), GetParam()).row(0)) << "sequence ids begin anew";
}

TEST_P(AskTest, RowsAreTakenAsTheyCome) {
  std::vector<std::string> taken;
  const auto types = Sent(rows_of({{"a"}, {std::nullopt}, {"c"}}, 1, GetParam()), GetParam()).rows(taken);
  ASSERT_TRUE(types) << types.error().reason;
  EXPECT_EQ(*types, std::vector(1, protocol::FieldType::kLongLong));
  EXPECT_EQ(taken, (std::vector<std::string>{"a", "NULL", "c"}));
  taken.clear();
  EXPECT_TRUE(Sent(rows_of({}, 1, GetParam()), GetParam()).rows(taken));
  EXPECT_TRUE(taken.empty());
}

TEST_P(AskTest, RowsThatAreCutAreNoAnswerHoweverManyCame) {
  protocol::Buffer many = rows_of(std::vector<std::vector<protocol::TextValue>>(600, {"x"}), 1, GetParam());
  many.pop_back();
  std::vector<std::string> taken;
  const auto types = Sent(many, GetParam()).rows(taken);
  EXPECT_EQ(lost_because(types), "End of file");
  EXPECT_TRUE(types.error().answered);
  EXPECT_EQ(taken.size(), 600U);
}

TEST_P(AskTest, OtherThanOneRowIsNoAnswer) {
  constexpr std::string_view kMalformed = "malformed answer of the server";
  EXPECT_EQ(lost_because(Sent(rows_of({{"1", "2"}}, 2, GetParam()), GetParam()).row(1)), kMalformed);
  EXPECT_EQ(lost_because(Sent(rows_of({}, 1, GetParam()), GetParam()).row(1)), kMalformed);
  EXPECT_EQ(lost_because(Sent(rows_of({{"1"}, {"2"}}, 1, GetParam()), GetParam()).row(1)), kMalformed);
  EXPECT_EQ(lost_because(Sent(packet({0, 0, 0, 2, 0, 0, 0}, 1), GetParam()).row(1)), kMalformed);
  EXPECT_EQ(lost_because(Sent(packet({}, 1), GetParam()).row(1)), kMalformed);
}

TEST_P(AskTest, AnErrorIsTheServersRefusal) {
  protocol::Buffer err;
  protocol::append_err_packet(err, {.code = 1227, .sql_state = "42000", .message = "denied"}, 1);
  const Answer<AskedRow> row = Sent(err, GetParam()).row(1);
  ASSERT_TRUE(!row && row.error().refusal);
  EXPECT_EQ(row.error().refusal->code, 1227);
  EXPECT_EQ(row.error().reason, "denied");
  const Answer<AskedOk> ok = Sent(err, GetParam()).ok();
  ASSERT_TRUE(!ok && ok.error().refusal);
  EXPECT_EQ(ok.error().refusal->sqlstate, "42000");
  const Answer<AskedOk> malformed = Sent(packet({0xff, 1}, 1), GetParam()).ok();
  EXPECT_EQ(lost_because(malformed), "the server sent a malformed ERR packet");
}

TEST_P(AskTest, AnAnswerThatIsCutAnywhereIsLost) {
  const protocol::Buffer whole = rows_of({{"1"}}, 1, GetParam());
  for (size_t size = 0; size < whole.size(); ++size) {
    const protocol::Buffer cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    const Answer<AskedRow> row = Sent(cut, GetParam()).row(1);
    EXPECT_EQ(lost_because(row), "End of file") << size;
    if (size == 0) {
      EXPECT_FALSE(row.error().answered);
    }
    if (size > 10) {
      EXPECT_TRUE(row.error().answered) << size;
    }
  }
}

TEST_P(AskTest, PacketsComeInOrder) {
  protocol::Buffer answer = rows_of({{"1"}}, 1, GetParam());
  answer[3] = 2;
  EXPECT_EQ(lost_because(Sent(answer, GetParam()).row(1)), "packets out of order");
}

TEST_P(AskTest, AnOkSaysWhatItSays) {
  protocol::Buffer out;
  protocol::append_ok_packet(out, {.affected_rows = 7, .status_flags = 2}, 1, protocol::kOkHeader,
                             GetParam());
  Answer<AskedOk> ok = Sent(out, GetParam()).ok();
  ASSERT_TRUE(ok) << ok.error().reason;
  const AskedOk elsewhere = std::move(*ok);
  EXPECT_EQ(elsewhere.ok.affected_rows, 7U);
  EXPECT_EQ(elsewhere.ok.status_flags, 2);
  EXPECT_EQ(lost_because(Sent(packet({0, 0}, 1), GetParam()).ok()), "malformed answer of the server");
  EXPECT_EQ(lost_because(Sent(packet({}, 1), GetParam()).ok()), "malformed answer of the server");
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutEofPackets, AskTest,
                         testing::Values(protocol::CapabilityFlags{capability::kProtocol41},
                                         capability::kProtocol41 | capability::kDeprecateEof));

TEST(Ask, AnEofPacketIsAsGoodAsAnOk) {
  protocol::Buffer out;
  protocol::append_eof_packet(out, {.warnings = 1, .status_flags = 3}, 1);
  // MariaDB sends it where there should be none, too.
  for (const auto deprecated : {protocol::CapabilityFlags{0}, capability::kDeprecateEof}) {
    const Answer<AskedOk> ok = Sent(out, capability::kProtocol41 | deprecated).ok();
    ASSERT_TRUE(ok) << ok.error().reason;
    EXPECT_EQ(ok->ok.status_flags, 3);
    EXPECT_EQ(ok->ok.warnings, 1);
  }
}

TEST(Ask, AServerMayLeaveOutTheDefinitions) {
  const protocol::CapabilityFlags capabilities =
      capability::kProtocol41 | capability::kDeprecateEof | capability::kOptionalResultsetMetadata;
  protocol::Buffer answer = packet({1, 0}, 1);
  for (const protocol::Buffer& next : {packet({1, '5'}, 2), packet({0xfe, 0, 0, 2, 0, 0, 0}, 3)})
    answer.insert(answer.end(), next.begin(), next.end());
  const Answer<AskedRow> row = Sent(answer, capabilities).row(1);
  ASSERT_TRUE(row) << row.error().reason;
  EXPECT_EQ(row->values, Values{"5"});
  EXPECT_TRUE(row->types.empty());
}

TEST(Ask, ProgressIsNoAnswer) {
  const protocol::CapabilityFlags capabilities =
      capability::kProtocol41 | capability::kDeprecateEof | capability::kMariadbProgress;
  protocol::Buffer answer = packet({0xff, 0xff, 0xff, 1, 1, 1, 0, 0, 0, 0}, 1);
  const protocol::Buffer ok = packet({0, 0, 0, 2, 0, 0, 0}, 2);
  answer.insert(answer.end(), ok.begin(), ok.end());
  EXPECT_TRUE(Sent(answer, capabilities).ok());
}

// --- Every fault of a server ---

class AskServer : public testing::TestWithParam<Fault> {
 protected:
  void SetUp() override {
    const auto key = std::make_shared<const PoolKey>(PoolKey{.user = "app", .collation = 45});
    const auto credentials = protocol::Credentials::from_password("secret");
    BackendConnection* in_flight = nullptr;
    ConnectResult opened = harness_.run(connect_backend(harness_.shard(), 0, key, credentials, in_flight));
    ASSERT_TRUE(opened.connection) << opened.reason;
    connection_ = std::move(opened.connection);
    harness_.writer().on("COMMIT", [](Reply& reply) { reply.ok({.affected_rows = 3}); });
    harness_.writer().fault_at(harness_.writer().steps(), GetParam());
  }
  void TearDown() override {
    connection_.reset();
    harness_.settle();
  }

  bool is_answered() const { return GetParam() == Fault::kBytewise || GetParam() == Fault::kCloseBehind; }

  Awaitable<Answer<AskedRow>> row() {
    CancelAfter watch(harness_.shard().io(), Clock::now() + seconds{5});
    watch.connection() = connection_.get();
    Answer<AskedRow> answer = co_await ask_row(*connection_, "SELECT 1", one_column_);
    co_return answer;
  }
  Awaitable<Answer<AskedOk>> ok() {
    CancelAfter watch(harness_.shard().io(), Clock::now() + seconds{5});
    watch.connection() = connection_.get();
    Answer<AskedOk> answer = co_await ask_ok(*connection_, "COMMIT");
    co_return answer;
  }

  template <class T>
  void expect_by_fault(const Answer<T>& answer) {
    EXPECT_TRUE(harness_.writer().fault_happened());
    EXPECT_EQ(static_cast<bool>(answer), is_answered());
    if (answer) return;
    EXPECT_FALSE(answer.error().reason.empty());
    EXPECT_EQ(answer.error().refusal.has_value(), GetParam() == Fault::kError) << answer.error().reason;
    if (answer.error().refusal) {
      EXPECT_EQ(answer.error().refusal->code, 1105);
    }
  }

  Harness harness_;
  RowLimits one_column_{.columns = 1};
  std::unique_ptr<BackendConnection> connection_;
};

TEST_P(AskServer, ForARow) {
  expect_by_fault(harness_.run(row()));
  // After an error of the server the connection is as good as before.
  if (GetParam() == Fault::kError || GetParam() == Fault::kBytewise) {
    EXPECT_TRUE(harness_.run(row()));
  }
}

TEST_P(AskServer, ForAnOk) {
  Answer<AskedOk> answer = harness_.run(ok());
  expect_by_fault(answer);
  if (answer) {
    EXPECT_EQ(answer->ok.affected_rows, 3U);
  }
  if (GetParam() == Fault::kError || GetParam() == Fault::kBytewise) {
    EXPECT_TRUE(harness_.run(ok()));
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, AskServer, testing::ValuesIn(test::kFaults),
                         [](const testing::TestParamInfo<Fault>& fault) {
                           std::string name(test::to_string(fault.param));
                           std::erase(name, ' ');
                           return name;
                         });

TEST(AskScope, IsSeenByThoseWhoWouldEndIt) {
  test::VirtualClock clock;
  asio::io_context io;
  Waiter waiter;
  BackendConnection* in_flight = nullptr;
  BackendConnection connection(Socket(io.get_executor()), 0, std::make_shared<const PoolKey>());
  {
    const AskScope scope(waiter, in_flight, connection, seconds{3});
    EXPECT_EQ(in_flight, &connection);
    EXPECT_EQ(waiter.deadline, Clock::now() + seconds{3});
  }
  EXPECT_EQ(in_flight, nullptr);
  EXPECT_EQ(waiter.deadline, Clock::time_point::max());
}

}  // namespace
}  // namespace causeway::proxy
