#include "consistency/binlog_coordinates.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::consistency {
namespace {

BinlogCoordinates at(const std::string& text) {
  return BinlogCoordinates::parse(text).value();
}

TEST(BinlogCoordinates, ReadsAndPrints) {
  const BinlogCoordinates place = at("mysql-bin.000003:154");
  EXPECT_EQ(place.file(), "mysql-bin.000003");
  EXPECT_EQ(place.base_name(), "mysql-bin");
  EXPECT_EQ(place.file_number(), 3U);
  EXPECT_EQ(place.offset(), 154U);
  EXPECT_EQ(place.to_string(), "mysql-bin.000003:154");
  EXPECT_EQ(at("db.example:x.000001:4").file(), "db.example:x.000001");
}

TEST(BinlogCoordinates, OrderIsByFileNumberThenOffset) {
  EXPECT_LT(at("b.000001:900"), at("b.000002:4"));
  EXPECT_LT(at("b.000002:4"), at("b.000002:5"));
  EXPECT_LT(at("b.999999:900"), at("b.1000000:4"));
  EXPECT_EQ(at("b.000001:4"), at("b.1:4"));
  EXPECT_TRUE(at("b.000002:4").contains(at("b.000001:900")));
  EXPECT_TRUE(at("b.000002:4").contains(at("b.000002:4")));
  EXPECT_FALSE(at("b.000002:4").contains(at("b.000002:5")));
}

TEST(BinlogCoordinates, LogsOfDifferentNamesAreUnordered) {
  const BinlogCoordinates a = at("a.000001:4");
  const BinlogCoordinates b = at("b.000001:4");
  EXPECT_EQ(a <=> b, std::partial_ordering::unordered);
  EXPECT_NE(a, b);
  EXPECT_FALSE(a.contains(b));
  EXPECT_FALSE(b.contains(a));
}

TEST(BinlogCoordinates, LogsOfDifferentOwnersAreUnordered) {
  const BinlogCoordinates a = at("32a6d841-e565-11f1-b3e0-02fc00000001/b.000001:4");
  EXPECT_EQ(a.owner(), "32a6d841-e565-11f1-b3e0-02fc00000001");
  EXPECT_EQ(a.file(), "b.000001");
  EXPECT_EQ(a.to_string(), "32a6d841-e565-11f1-b3e0-02fc00000001/b.000001:4");
  EXPECT_EQ(at("7/db.example:x.000001:4").to_string(), "7/db.example:x.000001:4");
  for (const char* of_another : {"2/b.000009:4", "b.000009:4"}) {
    EXPECT_EQ(a <=> at(of_another), std::partial_ordering::unordered);
    EXPECT_FALSE(at(of_another).contains(a));
    EXPECT_NE(a, at(of_another));
  }
}

TEST(BinlogCoordinates, BadTextNamesItsError) {
  const struct {
    std::string text;
    PositionError error;
  } cases[] = {
      {"", PositionError::kBadNumber},
      {"b.000001", PositionError::kBadNumber},
      {"b.000001:", PositionError::kBadNumber},
      {"b.000001:-4", PositionError::kBadNumber},
      {"b.000001:3", PositionError::kBadNumber},
      {"b.000001:9223372036854775808", PositionError::kBadNumber},
      {"b.000001:4x", PositionError::kUnexpectedText},
      {"b:4", PositionError::kBadFileName},
      {"x/b.000001:4", PositionError::kBadLogOwner},
      {"'/b.000001:4", PositionError::kBadLogOwner},
      {"0123456789012345678901234567890123456/b.000001:4", PositionError::kBadLogOwner},
      {"1/2/b.000001:4", PositionError::kBadFileName},
      {".000001:4", PositionError::kBadFileName},
      {"b.:4", PositionError::kBadFileName},
      {"b.x:4", PositionError::kBadFileName},
      {"b.1x:4", PositionError::kBadFileName},
      {"b.4294967296:4", PositionError::kBadFileName},
      {"b'.000001:4", PositionError::kBadFileName},
      {"b\\.000001:4", PositionError::kBadFileName},
      {"../b.000001:4", PositionError::kBadLogOwner},
      {"1/../b.000001:4", PositionError::kBadFileName},
      {"b\xbf.000001:4", PositionError::kBadFileName},
      {std::string("b\0.000001:4", 11), PositionError::kBadFileName},
      {std::string(256, 'b') + ".000001:4", PositionError::kBadFileName},
  };
  for (const auto& c : cases) {
    const Result<BinlogCoordinates> place = BinlogCoordinates::parse(c.text);
    ASSERT_FALSE(place) << c.text;
    EXPECT_EQ(place.error(), c.error) << c.text;
  }
}

}  // namespace
}  // namespace causeway::consistency
