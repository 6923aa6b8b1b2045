#include "protocol/log_name.h"

#include <gtest/gtest.h>

namespace causeway::protocol {
namespace {

TEST(LogName, OwnerAndFile) {
  constexpr std::string_view kUuid = "abd54858-ea8f-11f1-9ffc-02fc00000001";
  struct Case {
    std::string_view text;
    std::string_view owner;
    std::string_view file;
  };
  const Case cases[] = {
      {"binlog.000003", "", "binlog.000003"},
      {"", "", ""},
      {"abd54858-ea8f-11f1-9ffc-02fc00000001:binlog.000003", kUuid, "binlog.000003"},
      {"ABD54858-EA8F-11F1-9FFC-02FC00000001:b.1", "ABD54858-EA8F-11F1-9FFC-02FC00000001", "b.1"},
      {"1:mariadb-bin.000003", "1", "mariadb-bin.000003"},
      {"4294967295:b.1", "4294967295", "b.1"},
      // Odd names of files.
      {"7:a:b.1", "7", "a:b.1"},
      {"7:8:b.1", "7", "8:b.1"},
      {"7::", "7", ":"},
      {"7:/var/log/my log.1", "7", "/var/log/my log.1"},
      {"my:log.1", "", "my:log.1"},
      {":b.1", "", ":b.1"},
      {"C:\\logs\\b.1", "", "C:\\logs\\b.1"},
      {"\xc3\xa9:b.1", "", "\xc3\xa9:b.1"},
      // No owners.
      {"1:", "", "1:"},
      {"0:b.1", "", "0:b.1"},
      {"01:b.1", "", "01:b.1"},
      {"-1:b.1", "", "-1:b.1"},
      {"+1:b.1", "", "+1:b.1"},
      {"1 :b.1", "", "1 :b.1"},
      {"1a:b.1", "", "1a:b.1"},
      {"4294967296:b.1", "", "4294967296:b.1"},
      {"99999999999999999999:b.1", "", "99999999999999999999:b.1"},
      {"abd54858-ea8f-11f1-9ffc-02fc00000001", "", kUuid},
      {"abd54858-ea8f-11f1-9ffc-02fc0000000:b.1", "", "abd54858-ea8f-11f1-9ffc-02fc0000000:b.1"},
      {"abd54858-ea8f-11f1-9ffc-02fc0000000g:b.1", "", "abd54858-ea8f-11f1-9ffc-02fc0000000g:b.1"},
      {"abd548580ea8f-11f1-9ffc-02fc00000001:b.1", "", "abd548580ea8f-11f1-9ffc-02fc00000001:b.1"},
      {"abd54858-ea8f-11f1-9ffc-02fc-0000001:b.1", "", "abd54858-ea8f-11f1-9ffc-02fc-0000001:b.1"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(parse_log_name(c.text).owner, c.owner) << c.text;
    EXPECT_EQ(parse_log_name(c.text).file, c.file) << c.text;
  }
}

TEST(LogName, OwnersInUpperAndLowerCase) {
  EXPECT_TRUE(same_owner("ABD54858-EA8F", "abd54858-ea8f"));
  EXPECT_TRUE(same_owner("17", "17"));
  EXPECT_FALSE(same_owner("17", "171"));
  EXPECT_FALSE(same_owner("abd54858-ea8f", "abd54858-ea8e"));
}

}  // namespace
}  // namespace causeway::protocol
