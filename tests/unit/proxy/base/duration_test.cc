#include "proxy/base/duration.h"

#include <gtest/gtest.h>

namespace causeway::proxy {
namespace {

using std::chrono::milliseconds;

TEST(Duration, ReadsNumbersWithUnits) {
  const std::pair<const char*, int64_t> table[] = {
      {"250ms", 250},
      {"1s", 1000},
      {"1.5s", 1500},
      {"2m", 120'000},
      {"1h", 3'600'000},
      {"0.5h", 1'800'000},
      {"1d", 86'400'000},
      {"0", 0},
      {"0ms", 0},
      {"3", 3000},
      {"0.25", 250},
      {"1.250000", 1250},
      {"007s", 7000},
      {"28800", 28'800'000},
      {"3650d", 315'360'000'000},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(parse_duration(text), milliseconds(expected)) << text;
  }
}

TEST(Duration, RejectsWhatIsNone) {
  for (const char* text :
       {"",     "s",     "ms",    "-1s",          "+1s",          "1 s",          " 1s",
        "1s ",  "1.s",   ".5s",   "1..5s",        "1,5s",         "1us",          "1S",
        "1sec", "0x10",  "1e3",   "nan",          "inf",          "1.5ms",        "0.0001s",
        "1s2",  "1m30s", "3651d", "99999999999d", "100000000000", "1.0000000000s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, PrintsTheShortestTextThatReadsBack) {
  const std::pair<int64_t, const char*> table[] = {{0, "0s"},          {250, "250ms"},    {1000, "1s"},
                                                   {1500, "1500ms"},   {60'000, "1m"},    {90'000, "90s"},
                                                   {28'800'000, "8h"}, {86'400'000, "1d"}};
  for (const auto& [value, expected] : table) {
    EXPECT_EQ(format_duration(milliseconds(value)), expected);
    EXPECT_EQ(parse_duration(expected), milliseconds(value));
  }
}

}  // namespace
}  // namespace causeway::proxy
