#include "protocol/text.h"

#include <gtest/gtest.h>

namespace causeway::protocol {
namespace {

TEST(Text, OnlyLettersOfAsciiAreFolded) {
  EXPECT_EQ(ascii_lower("AbC-@[`{_\xC3\x84 9"), "abc-@[`{_\xC3\x84 9");
  EXPECT_TRUE(equals_ignoring_case("Utf8MB4", "utf8mb4"));
  EXPECT_FALSE(equals_ignoring_case("a@", "a`"));
  EXPECT_FALSE(equals_ignoring_case("ab", "abc"));
}

TEST(Text, IsNotCutWithinACharacter) {
  const struct {
    std::string_view text;
    size_t max_bytes;
    std::string_view cut;
  } rows[] = {
      {"abc", 3, "abc"},
      {"abc", 2, "ab"},
      {"abc", 0, ""},
      {"a\xC3\xA4", 3, "a\xC3\xA4"},
      {"a\xC3\xA4", 2, "a"},
      {"a\xE2\x82\xACz", 3, "a"},
      {"a\xE2\x82\xACz", 4, "a\xE2\x82\xAC"},
      {"\xF0\x9F\x98\x80", 3, ""},
      {"a\xF0\x9F\x98\x80", 2, "a"},
      // What is no UTF-8 is cut where it has to be.
      {"\x80\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80\x80"},
      {"\x80\x80", 1, "\x80"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(cut_utf8(row.text, row.max_bytes), row.cut) << row.text << " to " << row.max_bytes;
}

}  // namespace
}  // namespace causeway::protocol
