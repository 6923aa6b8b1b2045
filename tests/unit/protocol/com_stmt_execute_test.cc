#include "protocol/com_stmt_execute.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::protocol {
namespace {

constexpr CapabilityFlags kNames = capability::kQueryAttributes;
constexpr uint8_t kHasCount = ComStmtExecute::kParameterCountAvailable;

Buffer operator+(Buffer left, const Buffer& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Buffer execute_bytes(uint32_t statement_id, uint8_t flags, const Buffer& section) {
  Buffer head;
  append_statement_command(head, Command::kStmtExecute, statement_id);
  return head + Buffer{flags, 1, 0, 0, 0} + section;
}

// (INT UNSIGNED 258, 'abc', NULL of type LONGLONG)
const Buffer kBitmap{0b100};
const Buffer kTypes{3, 0x80, 0xfe, 0, 8, 0};
const Buffer kValues{2, 1, 0, 0, 3, 'a', 'b', 'c'};
const std::vector<ParameterType> kRemembered{{0x8003}, {0xfe}, {8}};
const StatementParameters kNew{.count = 3};
const StatementParameters kExecuted{.count = 3, .types = kRemembered};

const Buffer kWithTypes = execute_bytes(7, 0, kBitmap + Buffer{1} + kTypes + kValues);
const Buffer kWithoutTypes = execute_bytes(7, 0, kBitmap + Buffer{0} + kValues);

// The same with the attributes a = 'attr' and n = 1 (a TINY).
const Buffer kNamedTypes{3, 0x80, 0, 0xfe, 0, 0, 8, 0, 0};
const Buffer kAttributeTypes{0xfe, 0, 1, 'a', 1, 0, 1, 'n'};
const Buffer kAttributeValues{4, 'a', 't', 't', 'r', 1};
const Buffer kWithAttributes = execute_bytes(
    7, kHasCount,
    Buffer{5} + kBitmap + Buffer{1} + kNamedTypes + kAttributeTypes + kValues + kAttributeValues);

std::string describe(const ComStmtExecute& execute) {
  std::string text;
  ExecuteParameterReader reader(execute);
  while (const auto parameter = reader.next()) {
    text += std::string(parameter->name) + ":" + std::to_string(static_cast<int>(parameter->type.type()));
    if (parameter->type.is_unsigned()) text += "u";
    if (parameter->is_long_data) text += "(long)";
    if (parameter->is_null) text += "(null)";
    text += "[" + std::to_string(parameter->value.size()) + "] ";
  }
  return text + (reader.ok() ? "ok" : "failed");
}

Buffer rewritten(const Buffer& payload, const StatementParameters& statement, CapabilityFlags client,
                 const ExecuteTarget& target) {
  const auto execute = parse_com_stmt_execute(payload, statement, client);
  EXPECT_TRUE(execute);
  Buffer out;
  EXPECT_TRUE(append_com_stmt_execute(out, *execute, target));
  return out;
}

TEST(ComStmtExecute, ParametersWithTypes) {
  const auto execute = parse_com_stmt_execute(kWithTypes, kNew, 0);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->statement_id, 7u);
  EXPECT_EQ(execute->iterations, 1u);
  EXPECT_FALSE(execute->asks_for_cursor());
  EXPECT_TRUE(execute->has_types);
  EXPECT_EQ(execute->attribute_count(), 0u);
  EXPECT_EQ(describe(*execute), ":3u[4] :254[3] :8(null)[0] ok");
  EXPECT_EQ(execute->parameter(0)->text(), std::nullopt);
  EXPECT_EQ(execute->parameter(1)->text(), "abc");
  EXPECT_TRUE(execute->parameter(2)->is_null);
  EXPECT_FALSE(execute->parameter(3));
  std::vector<ParameterType> types;
  remember_types(*execute, types);
  EXPECT_EQ(types, kRemembered);
}

TEST(ComStmtExecute, WithoutTypesThoseOfTheExecuteBeforeAreMeant) {
  const auto execute = parse_com_stmt_execute(kWithoutTypes, kExecuted, 0);
  ASSERT_TRUE(execute);
  EXPECT_FALSE(execute->has_types);
  EXPECT_EQ(describe(*execute), ":3u[4] :254[3] :8(null)[0] ok");
  std::vector<ParameterType> types = kRemembered;
  remember_types(*execute, types);
  EXPECT_EQ(types, kRemembered);
}

// Both servers take an execute that never had types if all values are NULL, and answer 1210 to any other.
TEST(ComStmtExecute, WithoutAnyTypesOnlyNullsCanBeRead) {
  EXPECT_EQ(describe(*parse_com_stmt_execute(kWithoutTypes, kNew, 0)), "failed");
  const Buffer nulls = execute_bytes(7, 0, {0b111, 0});
  EXPECT_EQ(describe(*parse_com_stmt_execute(nulls, kNew, 0)), ":6(null)[0] :6(null)[0] :6(null)[0] ok");
  EXPECT_EQ(rewritten(nulls, kNew, 0, {.statement_id = 9}), execute_bytes(9, 0, {0b111, 0}));
}

TEST(ComStmtExecute, StatementWithoutParameters) {
  const Buffer payload = execute_bytes(7, 1, {});
  const auto execute = parse_com_stmt_execute(payload, {}, 0);
  ASSERT_TRUE(execute);
  EXPECT_TRUE(execute->asks_for_cursor());
  EXPECT_FALSE(execute->has_section);
  EXPECT_EQ(describe(*execute), "ok");
}

// MySQL and MariaDB alike, also when the NULL bit is set.
TEST(ComStmtExecute, LongDataIsNotInThePacket) {
  Buffer long_data;
  mark_long_data(long_data, 1);
  const StatementParameters statement{.count = 3, .types = kRemembered, .long_data = long_data};
  for (const uint8_t bitmap : {uint8_t{0b100}, uint8_t{0b110}}) {
    const Buffer payload = execute_bytes(7, 0, {bitmap, 0, 2, 1, 0, 0});
    const auto execute = parse_com_stmt_execute(payload, statement, 0);
    ASSERT_TRUE(execute);
    EXPECT_EQ(describe(*execute), ":3u[4] :254(long)[0] :8(null)[0] ok");
    EXPECT_EQ(execute->parameter(1)->text(), std::nullopt);
  }
}

TEST(ComStmtExecute, LongDataBitmapGrows) {
  Buffer bitmap;
  mark_long_data(bitmap, 9);
  mark_long_data(bitmap, 0);
  mark_long_data(bitmap, 9);
  EXPECT_EQ(bitmap, (Buffer{1, 2}));
  mark_long_data(bitmap, 65535);
  EXPECT_EQ(bitmap.size(), 8192u);
}

TEST(ComStmtExecute, QueryAttributesStandBehindTheParameters) {
  const auto execute = parse_com_stmt_execute(kWithAttributes, kNew, kNames);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->attribute_count(), 2u);
  EXPECT_EQ(describe(*execute), ":3u[4] :254[3] :8(null)[0] a:254[4] n:1[1] ok");
  EXPECT_EQ(execute->attribute("a"), "attr");
  EXPECT_EQ(execute->attribute("n"), std::nullopt);
  EXPECT_EQ(execute->attribute("absent"), std::nullopt);
  std::vector<ParameterType> types;
  remember_types(*execute, types);
  EXPECT_EQ(types, kRemembered);
}

// With 9.7, mysql_query_attribute_string('p') gave 'abc'.
TEST(ComStmtExecute, NamedParameterOfTheStatementIsAnAttributeToo) {
  const Buffer payload = execute_bytes(7, kHasCount, {1, 0, 1, 0xfe, 0, 1, 'p', 3, 'a', 'b', 'c'});
  const auto execute = parse_com_stmt_execute(payload, {.count = 1}, kNames);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->attribute_count(), 0u);
  EXPECT_EQ(execute->attribute("p"), "abc");
}

// The next five as MySQL 9.7 was seen to do.
TEST(ComStmtExecute, CountIsThereWithoutTheFlagIfTheStatementHasParameters) {
  const Buffer payload = execute_bytes(7, 0, {1, 0, 1, 0xfe, 0, 0, 3, 'a', 'b', 'c'});
  const auto execute = parse_com_stmt_execute(payload, {.count = 1}, kNames);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->parameter(0)->text(), "abc");
}

TEST(ComStmtExecute, WithoutParametersAttributesNeedTheFlag) {
  const Buffer section{1, 0, 1, 0xfe, 0, 1, 'a', 1, 'x'};
  const Buffer with_flag = execute_bytes(7, kHasCount, section);
  const auto execute = parse_com_stmt_execute(with_flag, {}, kNames);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->attribute("a"), "x");
  const Buffer without_flag = execute_bytes(7, 0, section);
  const auto other = parse_com_stmt_execute(without_flag, {}, kNames);
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->has_section);
  EXPECT_EQ(other->attribute("a"), std::nullopt);
  EXPECT_EQ(parse_com_stmt_execute(execute_bytes(7, kHasCount, {}), {}, kNames).error(),
            ProtocolError::kTruncated);
}

TEST(ComStmtExecute, FlagSaysNothingWithoutTheCapability) {
  const Buffer payload = execute_bytes(7, kHasCount, {0, 1, 0xfe, 0, 3, 'a', 'b', 'c'});
  const auto execute = parse_com_stmt_execute(payload, {.count = 1}, 0);
  ASSERT_TRUE(execute);
  EXPECT_EQ(execute->parameter(0)->text(), "abc");
}

TEST(ComStmtExecute, FewerParametersThanTheStatementHasAreRefused) {
  const Buffer payload = execute_bytes(7, kHasCount, {1, 0, 1, 0xfe, 0, 0, 3, 'a', 'b', 'c'});
  EXPECT_EQ(parse_com_stmt_execute(payload, {.count = 2}, kNames).error(), ProtocolError::kMalformed);
}

TEST(ComStmtExecute, AttributesWithoutTypesCanOnlyBeNull) {
  const std::vector<ParameterType> types{{0xfe}};
  const StatementParameters statement{.count = 1, .types = types};
  const Buffer null = execute_bytes(7, kHasCount, {2, 0b10, 0, 3, 'x', 'y', 'z'});
  EXPECT_EQ(describe(*parse_com_stmt_execute(null, statement, kNames)), ":254[3] :6(null)[0] ok");
  EXPECT_EQ(rewritten(null, statement, kNames, {.statement_id = 7, .capabilities = kNames}),
            execute_bytes(7, kHasCount, {1, 0, 1, 0xfe, 0, 0, 3, 'x', 'y', 'z'}));
  const Buffer value = execute_bytes(7, kHasCount, {2, 0, 0, 3, 'x', 'y', 'z', 1, 'u'});
  EXPECT_EQ(describe(*parse_com_stmt_execute(value, statement, kNames)), ":254[3] failed");
}

TEST(ComStmtExecute, TruncationBeforeTheValuesIsAnErrorOfParsing) {
  const size_t values = kWithAttributes.size() - kValues.size() - kAttributeValues.size();
  for (size_t length = 0; length < kWithAttributes.size(); ++length) {
    const auto execute = parse_com_stmt_execute(Bytes(kWithAttributes).first(length), kNew, kNames);
    ASSERT_EQ(execute.has_value(), length >= values) << length;
    if (!execute) continue;
    EXPECT_TRUE(describe(*execute).ends_with("failed")) << length;
    if (length >= values + kValues.size()) continue;
    Buffer out;
    EXPECT_EQ(append_com_stmt_execute(out, *execute, {}).error(), ProtocolError::kMalformed) << length;
    EXPECT_TRUE(out.empty()) << length;
  }
}

TEST(ComStmtExecute, HostileCountsAreRefused) {
  const Buffer huge =
      execute_bytes(7, kHasCount, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1});
  EXPECT_EQ(parse_com_stmt_execute(huge, {}, kNames).error(), ProtocolError::kMalformed);
  const Buffer many = execute_bytes(7, kHasCount, {0xfd, 0, 0, 1, 0, 1});
  EXPECT_EQ(parse_com_stmt_execute(many, {}, kNames).error(), ProtocolError::kMalformed);
  const Buffer most = execute_bytes(7, kHasCount, {0xfc, 0xff, 0xff, 0, 1});
  EXPECT_EQ(parse_com_stmt_execute(most, {}, kNames).error(), ProtocolError::kTruncated);
  const Buffer null = execute_bytes(7, kHasCount, {0xfb, 0, 1});
  EXPECT_EQ(parse_com_stmt_execute(null, {}, kNames).error(), ProtocolError::kTruncated);
}

// The servers differ in what such a type means.
TEST(ComStmtExecute, TypeWithUnknownBitsIsNotRead) {
  const Buffer payload = execute_bytes(7, 0, {0, 1, 1, 1, 5});
  EXPECT_EQ(describe(*parse_com_stmt_execute(payload, {.count = 1}, 0)), "failed");
}

TEST(ComStmtExecute, UnchangedFormNeedsOnlyAnotherStatementId) {
  const ExecuteTarget plain{.statement_id = 9, .knows_types = true};
  const ExecuteTarget fresh{.statement_id = 9};
  const ExecuteTarget named{.statement_id = 9, .capabilities = kNames, .knows_types = true};
  const auto with_types = parse_com_stmt_execute(kWithTypes, kNew, 0);
  const auto without_types = parse_com_stmt_execute(kWithoutTypes, kExecuted, 0);
  const auto with_attributes = parse_com_stmt_execute(kWithAttributes, kNew, kNames);
  EXPECT_TRUE(fits_unchanged(*with_types, plain));
  EXPECT_TRUE(fits_unchanged(*with_types, fresh));
  EXPECT_FALSE(fits_unchanged(*with_types, named));
  EXPECT_TRUE(fits_unchanged(*without_types, plain));
  EXPECT_FALSE(fits_unchanged(*without_types, fresh));
  EXPECT_FALSE(fits_unchanged(*with_attributes, plain));
  EXPECT_TRUE(fits_unchanged(*with_attributes, named));

  const Buffer empty = execute_bytes(7, 0, {});
  EXPECT_TRUE(fits_unchanged(*parse_com_stmt_execute(empty, {}, 0), named));
  EXPECT_TRUE(fits_unchanged(*parse_com_stmt_execute(empty, {}, kNames), plain));
  const Buffer flagged = execute_bytes(7, kHasCount, {});
  EXPECT_FALSE(fits_unchanged(*parse_com_stmt_execute(flagged, {}, 0), named));
}

TEST(ComStmtExecute, RememberedTypesAreInserted) {
  EXPECT_EQ(rewritten(kWithoutTypes, kExecuted, 0, {.statement_id = 9}),
            execute_bytes(9, 0, kBitmap + Buffer{1} + kTypes + kValues));
  EXPECT_EQ(rewritten(kWithoutTypes, kExecuted, 0, {.statement_id = 7, .knows_types = true}), kWithoutTypes);
  EXPECT_EQ(rewritten(kWithTypes, kExecuted, 0, {.statement_id = 7}), kWithTypes);
}

TEST(ComStmtExecute, NamesAndCountAreAddedForAServerThatTakesThem) {
  const ExecuteTarget target{.statement_id = 9, .capabilities = kNames};
  const Buffer expected =
      execute_bytes(9, kHasCount, Buffer{3} + kBitmap + Buffer{1} + kNamedTypes + kValues);
  EXPECT_EQ(rewritten(kWithTypes, kNew, 0, target), expected);
  EXPECT_EQ(rewritten(kWithoutTypes, kExecuted, 0, target), expected);
  EXPECT_EQ(rewritten(execute_bytes(7, kHasCount, {}), {}, 0, target), execute_bytes(9, 0, {}));
  EXPECT_EQ(rewritten(kWithAttributes, kNew, kNames, {.statement_id = 7, .capabilities = kNames}),
            kWithAttributes);
}

TEST(ComStmtExecute, AttributesAreLeftOutForAServerThatCannotTakeThem) {
  EXPECT_EQ(rewritten(kWithAttributes, kNew, kNames, {.statement_id = 7}), kWithTypes);
  const Buffer without_types = execute_bytes(7, kHasCount, Buffer{3} + kBitmap + Buffer{0} + kValues);
  EXPECT_EQ(rewritten(without_types, kExecuted, kNames, {.statement_id = 7}), kWithTypes);
  const Buffer only_attribute = execute_bytes(7, kHasCount | 1, {1, 0, 1, 0xfe, 0, 1, 'a', 1, 'x'});
  EXPECT_EQ(rewritten(only_attribute, {}, kNames, {.statement_id = 9}), execute_bytes(9, 1, {}));
  const Buffer no_attribute = execute_bytes(7, kHasCount, {0});
  EXPECT_EQ(rewritten(no_attribute, {}, kNames, {.statement_id = 9}), execute_bytes(9, 0, {}));
}

// Eight parameters and an attribute: its NULL bit is in a byte of its own.
TEST(ComStmtExecute, BitmapShrinksWithTheAttributes) {
  Buffer types(24);
  for (size_t i = 0; i < 8; ++i)
    types[3 * i] = 6;
  const Buffer payload = execute_bytes(7, kHasCount, Buffer{9, 0xff, 1, 1} + types + Buffer{0xfe, 0, 1, 'a'});
  Buffer plain_types(16);
  for (size_t i = 0; i < 8; ++i)
    plain_types[2 * i] = 6;
  EXPECT_EQ(rewritten(payload, {.count = 8}, kNames, {.statement_id = 7}),
            execute_bytes(7, 0, Buffer{0xff, 1} + plain_types));
}

TEST(ComStmtExecute, BytesBehindTheValuesStayWhereNothingIsCut) {
  const Buffer trailing = kWithTypes + Buffer{'x'};
  EXPECT_EQ(rewritten(trailing, kNew, 0, {.statement_id = 7}), trailing);
}

}  // namespace
}  // namespace causeway::protocol
