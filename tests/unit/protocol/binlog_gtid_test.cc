#include "protocol/binlog_gtid.h"

#include <gtest/gtest.h>

namespace causeway::protocol {
namespace {

BinlogUuid counting_uuid() {
  BinlogUuid uuid{};
  for (size_t i = 0; i < uuid.size(); ++i)
    uuid[i] = static_cast<uint8_t>(0x11 * i);
  return uuid;
}

TEST(BinlogGtid, IsWrittenAsServersDo) {
  BinlogGtid classic{.kind = BinlogGtid::Kind::kMysql, .number = kMaxBinlogGno, .uuid = counting_uuid()};
  EXPECT_EQ(to_string(classic), "00112233-4455-6677-8899-aabbccddeeff:9223372036854775806");
  BinlogGtid tagged = classic;
  tagged.number = 7;
  tagged.set_tag("a_tag");
  EXPECT_EQ(to_string(tagged), "00112233-4455-6677-8899-aabbccddeeff:a_tag:7");
  EXPECT_NE(tagged, classic);
  EXPECT_EQ(
      to_string({.kind = BinlogGtid::Kind::kMariadb, .domain_id = 4294967295, .server_id = 2, .number = 3}),
      "4294967295-2-3");
  EXPECT_EQ(to_string({.kind = BinlogGtid::Kind::kAnonymous}), "anonymous");
  EXPECT_EQ(to_string(BinlogGtid{}), "");
}

TEST(BinlogGtid, ATagLeavesNothingOfALongerOne) {
  BinlogGtid gtid;
  gtid.set_tag("longer");
  gtid.set_tag("x");
  BinlogGtid other;
  other.set_tag("x");
  EXPECT_EQ(gtid, other);
  gtid.set_tag(std::string(100, 'a'));
  EXPECT_EQ(gtid.tag(), std::string(kMaxBinlogTagBytes, 'a'));
}

TEST(BinlogGtid, TagsAreThoseOfMysql) {
  for (const std::string& tag :
       {std::string(), std::string("a"), std::string("_"), std::string("a_1"), std::string(32, 'z')})
    EXPECT_TRUE(is_binlog_tag(tag)) << tag;
  for (const std::string& tag : {std::string("A"), std::string("1a"), std::string("a-b"), std::string("a:1"),
                                 std::string("a\0", 2), std::string("\xc3\xa4"), std::string(33, 'z')})
    EXPECT_FALSE(is_binlog_tag(tag)) << tag;
}

}  // namespace
}  // namespace causeway::protocol
