#include "protocol/com_query.h"

#include <gtest/gtest.h>

#include <string>

#include "capture_file.h"

namespace causeway::protocol {
namespace {

constexpr CapabilityFlags kWith = capability::kQueryAttributes;

// One attribute, with flags and lengths as given.
Buffer one_attribute(uint8_t type, const Buffer& value, uint8_t null_bitmap = 0) {
  Buffer payload{1, 1, null_bitmap, 1, type, 0, 1, 'a'};
  payload.insert(payload.end(), value.begin(), value.end());
  payload.insert(payload.end(), {'D', 'O', ' ', '0'});
  return payload;
}

TEST(ComQuery, WithoutTheCapabilityEverythingIsText) {
  const auto query = parse_com_query(as_bytes("SELECT 1"), 0);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "SELECT 1");
  EXPECT_EQ(query->text_offset, 0u);
  EXPECT_EQ(query->attribute("a"), std::nullopt);
}

TEST(ComQuery, NoAttributes) {
  const Buffer payload{0, 1, 'D', 'O', ' ', '0'};
  const auto query = parse_com_query(payload, kWith);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "DO 0");
  EXPECT_EQ(query->text_offset, 2u);
  EXPECT_EQ(query->attribute_count, 0u);
}

// Sent to MySQL 9.7, which gave the same values back with mysql_query_attribute_string().
TEST(ComQuery, AttributesOfSeveralTypes) {
  const Buffer payload = from_hex(
      "04010401fe000e63617573657761792e726f7574650800016efe00046e756c6c0c000164067772697465720500000000000000"
      "04e80701"
      "0253454c4543542031");
  const auto query = parse_com_query(payload, kWith);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "SELECT 1");
  EXPECT_EQ(query->attribute_count, 4u);
  EXPECT_EQ(query->attribute("causeway.route"), "writer");
  EXPECT_EQ(query->attribute("n"), std::nullopt);
  EXPECT_EQ(query->attribute("null"), std::nullopt);
  EXPECT_EQ(query->attribute("absent"), std::nullopt);
  QueryAttributeReader attributes = query->attributes;
  std::string names;
  while (const auto attribute = attributes.next())
    names += std::string(attribute->name) + (attribute->is_null ? "(null) " : " ");
  EXPECT_EQ(names, "causeway.route n null(null) d ");
}

TEST(ComQuery, ValuesAreAsLongAsTheirTypeSays) {
  struct Case {
    FieldType type;
    Buffer value;
  };
  const Case cases[] = {
      {FieldType::kTiny, {1}},
      {FieldType::kShort, {1, 2}},
      {FieldType::kLong, {1, 2, 3, 4}},
      {FieldType::kFloat, {1, 2, 3, 4}},
      {FieldType::kLongLong, {1, 2, 3, 4, 5, 6, 7, 8}},
      {FieldType::kDouble, {1, 2, 3, 4, 5, 6, 7, 8}},
      {FieldType::kDate, {4, 1, 2, 3, 4}},
      {FieldType::kDatetime, {0}},
      {FieldType::kTime, {8, 1, 2, 3, 4, 5, 6, 7, 8}},
      {FieldType::kVarString, {2, 'x', 'y'}},
      {FieldType::kYear, {2, 'x', 'y'}},
      {static_cast<FieldType>(200), {2, 'x', 'y'}},
  };
  for (const Case& c : cases) {
    const Buffer payload = one_attribute(static_cast<uint8_t>(c.type), c.value);
    const auto query = parse_com_query(payload, kWith);
    ASSERT_TRUE(query) << static_cast<int>(c.type);
    EXPECT_EQ(query->text, "DO 0") << static_cast<int>(c.type);
  }
}

TEST(ComQuery, NullHasNoValue) {
  const Buffer payload = one_attribute(254, {}, 1);
  const auto query = parse_com_query(payload, kWith);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "DO 0");
}

TEST(ComQuery, TruncationWithinTheAttributesIsAnError) {
  const Buffer payload = one_attribute(254, {3, 'x', 'y', 'z'});
  const size_t text = payload.size() - 4;
  for (size_t length = 0; length < text; ++length)
    EXPECT_FALSE(parse_com_query(Bytes(payload).first(length), kWith)) << length;
  EXPECT_EQ(parse_com_query(Bytes(payload).first(text), kWith)->text, "");
}

TEST(ComQuery, HostileCountsAreRefused) {
  const Buffer huge{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 1, 254, 0, 0};
  EXPECT_EQ(parse_com_query(huge, kWith).error(), ProtocolError::kTruncated);
  EXPECT_EQ(parse_com_query(Buffer{0, 0, 'D'}, kWith).error(), ProtocolError::kMalformed);
  EXPECT_EQ(parse_com_query(Buffer{0, 2, 'D'}, kWith).error(), ProtocolError::kMalformed);
  EXPECT_EQ(parse_com_query(Buffer{1, 1, 0, 0, 'D'}, kWith).error(), ProtocolError::kMalformed);
  EXPECT_FALSE(parse_com_query(one_attribute(244, {1}), kWith));
}

// MySQL 9.7 reads a string for the first, and takes 0xfc for the start of a longer length in the second: with
// the lengths that these bytes seem to have, the text would begin elsewhere for it than here.
TEST(ComQuery, AttributesThatServersReadInOtherWaysAreRefused) {
  Buffer unknown_bits{1, 1, 0, 1, 1, 1, 1, 'a', 1, 'D', 'O', ' ', '0'};
  EXPECT_EQ(parse_com_query(unknown_bits, kWith).error(), ProtocolError::kMalformed);
  unknown_bits[5] = 0x80;
  EXPECT_EQ(parse_com_query(unknown_bits, kWith)->text, "DO 0");

  Buffer date{0xfc, 4, 0};
  date.resize(300, 'x');
  for (const FieldType type :
       {FieldType::kDate, FieldType::kTime, FieldType::kDatetime, FieldType::kTimestamp})
    EXPECT_EQ(parse_com_query(one_attribute(static_cast<uint8_t>(type), date), kWith).error(),
              ProtocolError::kMalformed);
}

}  // namespace
}  // namespace causeway::protocol
