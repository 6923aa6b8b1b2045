#include "protocol/text_resultset.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "protocol/packet_header.h"
#include "scan_recorder.h"

namespace causeway::protocol {
namespace {

constexpr std::array kColumns{TextColumn{.name = "name"}, TextColumn{.name = "n",
                                                                     .type = FieldType::kLongLong,
                                                                     .collation = kBinaryCollation,
                                                                     .max_bytes = 21,
                                                                     .decimals = 0}};

Buffer write_result_set(CapabilityFlags capabilities, uint8_t& next_sequence_id) {
  Buffer out;
  TextResultSetWriter writer(out, capabilities, 1);
  writer.columns(kColumns, status::kAutocommit);
  writer.row(std::array<TextValue, 2>{"one", "1"});
  writer.row(std::array<TextValue, 2>{std::nullopt, "2"});
  next_sequence_id = writer.finish(status::kAutocommit, 3);
  return out;
}

TEST(TextResultSet, IsWholeUnderEveryCapability) {
  const std::array flags{capability::kDeprecateEof, capability::kOptionalResultsetMetadata,
                         capability::kMariadbCacheMetadata, capability::kMariadbExtendedMetadata};
  for (unsigned choice = 0; choice < 1u << flags.size(); ++choice) {
    CapabilityFlags capabilities = capability::kProtocol41;
    for (size_t i = 0; i < flags.size(); ++i)
      if ((choice >> i & 1) != 0) capabilities |= flags[i];
    SCOPED_TRACE(capabilities);
    uint8_t next_sequence_id = 0;
    const Buffer wire = write_result_set(capabilities, next_sequence_id);
    const Recording recording = feed_whole(ResponseScanner(ResponseKind::kQuery, capabilities), wire);
    EXPECT_EQ(recording.events, "end");
    EXPECT_TRUE(recording.done);
    EXPECT_EQ(recording.held_back, 0u);
    EXPECT_EQ(next_sequence_id, has(capabilities, capability::kDeprecateEof) ? 7 : 8);
  }
}

TEST(TextResultSet, HasTheBytesOfTheProtocolsDescription) {
  Buffer out;
  TextResultSetWriter writer(out, capability::kDeprecateEof, 1);
  writer.columns(std::array{TextColumn{.name = "a"}}, 0);
  writer.row(std::array<TextValue, 1>{"x"});
  writer.finish(status::kAutocommit);
  const Buffer expected{1,    0,    0,    1,    1,                                            // count
                        0x17, 0,    0,    2,    3,    'd', 'e', 'f',  0, 0, 0,    1, 'a', 0,  // definition
                        0x0c, 0x2d, 0x00, 0xff, 0xff, 0,   0,   0xfd, 0, 0, 0x1f, 0, 0,       //
                        2,    0,    0,    3,    1,    'x',                                    // row
                        7,    0,    0,    4,    0xfe, 0,   0,   2,    0, 0, 0};               // end
  EXPECT_EQ(out, expected);
}

TEST(TextResultSet, BinaryRowsHaveNumbersAndABitmapOfNulls) {
  constexpr std::array kAllTypes{TextColumn{.name = "id", .type = FieldType::kLongLong},
                                 TextColumn{.name = "text"},
                                 TextColumn{.name = "seconds", .type = FieldType::kLong},
                                 TextColumn{.name = "progress", .type = FieldType::kDouble},
                                 TextColumn{.name = "a"},
                                 TextColumn{.name = "b"},
                                 TextColumn{.name = "c"}};
  Buffer out;
  TextResultSetWriter writer(out, capability::kDeprecateEof, 1);
  writer.binary_row(kAllTypes,
                    std::array<TextValue, 7>{"258", "x", "7", "0.5", std::nullopt, "", std::nullopt});
  const Buffer expected{26, 0,    0,    1,                    //
                        0,  0x40, 0x01,                       // NULL: the fifth and the seventh column
                        2,  1,    0,    0, 0, 0, 0,    0,     //
                        1,  'x',                              //
                        7,  0,    0,    0,                    //
                        0,  0,    0,    0, 0, 0, 0xe0, 0x3f,  //
                        0};
  EXPECT_EQ(out, expected);
}

TEST(TextResultSet, LongRowsAreSplit) {
  const std::string value(kMaxPacketPayloadBytes, 'v');
  Buffer out;
  TextResultSetWriter writer(out, capability::kDeprecateEof, 1);
  writer.columns(std::array{TextColumn{.name = "a"}}, 0);
  writer.row(std::array<TextValue, 1>{value});
  EXPECT_EQ(writer.finish(0), 6);
  const Recording recording =
      feed_whole(ResponseScanner(ResponseKind::kQuery, capability::kDeprecateEof), out);
  EXPECT_EQ(recording.events, "end");
  EXPECT_EQ(recording.forwarded, out);
}

TEST(TextRow, GivesValuesAndNulls) {
  const Buffer payload{1, 'a', 0xfb, 0};
  const auto row = parse_text_row(payload, 3);
  ASSERT_TRUE(row);
  EXPECT_EQ(*row, (std::vector<TextValue>{"a", std::nullopt, ""}));
  EXPECT_EQ(first_row_first_value(payload), "a");
  EXPECT_EQ(first_row_first_value(Bytes(payload).subspan(2)), std::nullopt);
  EXPECT_EQ(first_row_first_value(Bytes(payload).first(1)), std::nullopt);
}

TEST(TextRow, ColumnCountMustFit) {
  const Buffer payload{1, 'a', 1, 'b'};
  EXPECT_EQ(parse_text_row(payload, 1).error(), ProtocolError::kTrailingBytes);
  EXPECT_EQ(parse_text_row(payload, 3).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_text_row(payload, size_t{1} << 40).error(), ProtocolError::kTruncated);
}

}  // namespace
}  // namespace causeway::protocol
