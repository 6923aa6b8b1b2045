#include "protocol/com_stmt.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "capture_file.h"

namespace causeway::protocol {
namespace {

TEST(ComStmt, StatementIdIsReadAndReplacedInPlace) {
  Buffer payload{0x19, 1, 2, 3, 4};
  EXPECT_EQ(parse_statement_id(payload).value(), 0x04030201u);
  set_statement_id(payload, 0xa0b0c0d0);
  EXPECT_EQ(payload, (Buffer{0x19, 0xd0, 0xc0, 0xb0, 0xa0}));
  EXPECT_EQ(parse_statement_id(Bytes(payload).first(4)).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_statement_id({}).error(), ProtocolError::kTruncated);
}

TEST(ComStmt, CommandsThatAreAStatementId) {
  Buffer out;
  append_statement_command(out, Command::kStmtClose, 7);
  append_statement_command(out, Command::kStmtReset, 0x01020304);
  EXPECT_EQ(out, (Buffer{0x19, 7, 0, 0, 0, 0x1a, 4, 3, 2, 1}));
}

// Every answer to COM_STMT_PREPARE in the captures of MariaDB and MySQL.
TEST(ComStmt, PrepareOkOfServers) {
  size_t seen = 0;
  for (const CapturedExchange& exchange : captured_exchanges()) {
    if (exchange.kind != "prepare" || !exchange.events.starts_with("prepare")) continue;
    const Bytes wire = exchange.turns.at(0);
    const Bytes payload = wire.subspan(4, wire[0]);
    const auto ok = parse_stmt_prepare_ok(payload, exchange.capabilities);
    ASSERT_TRUE(ok) << exchange.name;
    EXPECT_EQ(ok->parameters, std::ranges::count(exchange.argument, '?')) << exchange.name;
    EXPECT_EQ(ok->columns > 0, exchange.argument.starts_with("SELECT")) << exchange.name;
    EXPECT_EQ(ok->metadata_follows, !has(exchange.capabilities, capability::kOptionalResultsetMetadata))
        << exchange.name;
    Buffer again;
    append_stmt_prepare_ok(again, *ok, exchange.capabilities);
    EXPECT_TRUE(std::ranges::equal(again, payload)) << exchange.name;
    ++seen;
  }
  EXPECT_GT(seen, 20u);
}

TEST(ComStmt, PrepareOkThatIsNone) {
  const Buffer ok{0, 1, 0, 0, 0, 2, 0, 1, 0, 0, 3, 0};
  ASSERT_TRUE(parse_stmt_prepare_ok(ok, 0));
  EXPECT_EQ(parse_stmt_prepare_ok(ok, 0).value(),
            (StmtPrepareOk{.statement_id = 1, .columns = 2, .parameters = 1, .warnings = 3}));
  for (size_t length = 0; length < ok.size(); ++length)
    EXPECT_EQ(parse_stmt_prepare_ok(Bytes(ok).first(length), 0).error(), ProtocolError::kTruncated) << length;
  EXPECT_EQ(parse_stmt_prepare_ok(ok, capability::kOptionalResultsetMetadata).error(),
            ProtocolError::kTruncated);
  Buffer other = ok;
  other.push_back(1);
  EXPECT_EQ(parse_stmt_prepare_ok(other, 0).error(), ProtocolError::kTrailingBytes);
  EXPECT_TRUE(parse_stmt_prepare_ok(other, capability::kOptionalResultsetMetadata)->metadata_follows);
  other[0] = 0xff;
  EXPECT_EQ(parse_stmt_prepare_ok(other, 0).error(), ProtocolError::kUnexpectedPacket);
}

TEST(ComStmt, SendLongData) {
  const Buffer payload{0x18, 5, 0, 0, 0, 2, 1, 'a', 'b'};
  const auto long_data = parse_com_stmt_send_long_data(payload);
  ASSERT_TRUE(long_data);
  EXPECT_EQ(long_data->statement_id, 5u);
  EXPECT_EQ(long_data->parameter, 0x0102);
  EXPECT_EQ(as_text(long_data->data), "ab");
  Buffer again;
  append_com_stmt_send_long_data(again, *long_data);
  EXPECT_EQ(again, payload);
  EXPECT_TRUE(parse_com_stmt_send_long_data(Bytes(payload).first(7))->data.empty());
  EXPECT_EQ(parse_com_stmt_send_long_data(Bytes(payload).first(6)).error(), ProtocolError::kTruncated);
}

TEST(ComStmt, Fetch) {
  const Buffer payload{0x1c, 5, 0, 0, 0, 10, 0, 0, 0};
  EXPECT_EQ(parse_com_stmt_fetch(payload).value(), (ComStmtFetch{.statement_id = 5, .rows = 10}));
  EXPECT_EQ(parse_com_stmt_fetch(Bytes(payload).first(8)).error(), ProtocolError::kTruncated);
}

TEST(ComStmt, BulkExecuteWithTypes) {
  // INSERT ... VALUES (?, ?): (1, 'a'), (2, NULL).
  const Buffer payload{0xfa, 3, 0, 0, 0, 128, 0, 3, 0, 0xfe, 0, 0, 1, 0, 0, 0, 0, 1, 'a', 0, 2, 0, 0, 0, 1};
  const auto execute = parse_com_stmt_bulk_execute(payload, 2);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->statement_id, 3u);
  EXPECT_TRUE(execute->has_types());
  EXPECT_EQ(execute->types.size(), 4u);
  EXPECT_EQ(execute->rows.size(), payload.size() - 11);
  std::vector<ParameterType> types;
  remember_types(*execute, types);
  EXPECT_EQ(types, (std::vector<ParameterType>{{3}, {0xfe}}));
  Buffer again;
  append_com_stmt_bulk_execute(again, *execute, 3, types);
  EXPECT_EQ(again, payload);
  for (size_t length = 0; length < 11; ++length)
    EXPECT_EQ(parse_com_stmt_bulk_execute(Bytes(payload).first(length), 2).error(),
              ProtocolError::kTruncated);
}

TEST(ComStmt, BulkExecuteGetsTheTypesOfTheOneBefore) {
  const Buffer payload{0xfa, 3, 0, 0, 0, 64, 0, 0, 1, 0, 0, 0};
  const auto execute = parse_com_stmt_bulk_execute(payload, 1);
  ASSERT_TRUE(execute);
  EXPECT_FALSE(execute->has_types());
  std::vector<ParameterType> types{{3}};
  remember_types(*execute, types);
  EXPECT_EQ(types, (std::vector<ParameterType>{{3}}));
  Buffer with_types;
  append_com_stmt_bulk_execute(with_types, *execute, 9, types);
  EXPECT_EQ(with_types, (Buffer{0xfa, 9, 0, 0, 0, 192, 0, 3, 0, 0, 1, 0, 0, 0}));
  Buffer without;
  append_com_stmt_bulk_execute(without, *execute, 3, {});
  EXPECT_EQ(without, payload);
}

TEST(ComStmt, ParameterTypeTakesTheWireApart) {
  const ParameterType type{0x8003};
  EXPECT_EQ(type.type(), FieldType::kLong);
  EXPECT_TRUE(type.is_unsigned());
  EXPECT_TRUE(type.is_valid());
  EXPECT_FALSE(ParameterType{0x0103}.is_valid());
}

}  // namespace
}  // namespace causeway::protocol
