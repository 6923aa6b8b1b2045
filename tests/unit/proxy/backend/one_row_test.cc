#include "proxy/backend/one_row.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/generic/stream_protocol.hpp>

#include "protocol/err_packet.h"
#include "protocol/text_resultset.h"
#include "tests/support/harness.h"

namespace causeway::proxy {
namespace {

// What is read of an answer that the server has sent, and closed the connection behind it.
OneRow read(const protocol::Buffer& answer, size_t columns, protocol::CapabilityFlags capabilities) {
  test::Harness harness;
  int sockets[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
  Socket socket(harness.shard().io().get_executor());
  socket.assign(asio::generic::stream_protocol(AF_UNIX, SOCK_STREAM), sockets[0]);
  BackendConnection connection(std::move(socket), 0, std::make_shared<const PoolKey>());
  connection.capabilities = capabilities;
  EXPECT_EQ(::write(sockets[1], answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
  ::close(sockets[1]);
  return harness.run(read_one_row(connection, columns));
}

protocol::Buffer row_of(std::vector<protocol::TextValue> values, protocol::CapabilityFlags capabilities) {
  protocol::Buffer out;
  const std::vector<protocol::TextColumn> columns(values.size(), protocol::TextColumn{.name = "a"});
  protocol::TextResultSetWriter writer(out, capabilities, 1);
  writer.columns(columns, 0);
  writer.row(values);
  writer.finish(0);
  return out;
}

class OneRowTest : public testing::TestWithParam<protocol::CapabilityFlags> {};

TEST_P(OneRowTest, GivesTheValuesOfTheRow) {
  const OneRow row = read(row_of({"1", std::nullopt, ""}, GetParam()), 3, GetParam());
  EXPECT_EQ(row.failure, "");
  EXPECT_EQ(row.values, (std::vector<std::string>{"1", "NULL", ""}));
}

TEST_P(OneRowTest, AnErrorIsTheServersRefusal) {
  protocol::Buffer answer;
  protocol::append_err_packet(answer, {.code = 1227, .sql_state = "42000", .message = "denied"}, 1);
  const OneRow row = read(answer, 1, GetParam());
  EXPECT_EQ(row.failure, "");
  EXPECT_TRUE(row.values.empty());
  EXPECT_EQ(row.refusal.code, 1227);
  EXPECT_EQ(row.refusal.message, "denied");
}

TEST_P(OneRowTest, HalfAnAnswerIsAFailure) {
  protocol::Buffer answer = row_of({"1"}, GetParam());
  answer.resize(answer.size() - 3);
  EXPECT_EQ(read(answer, 1, GetParam()).failure, "End of file");
}

TEST_P(OneRowTest, ARowOfOtherColumnsIsAFailure) {
  EXPECT_EQ(read(row_of({"1", "2"}, GetParam()), 1, GetParam()).failure, "malformed answer of the server");
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutEofPackets, OneRowTest,
                         testing::Values(protocol::CapabilityFlags{0}, protocol::capability::kDeprecateEof));

}  // namespace
}  // namespace causeway::proxy
