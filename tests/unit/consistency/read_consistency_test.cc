#include "consistency/read_consistency.h"

#include <gtest/gtest.h>

namespace causeway::consistency {
namespace {

TEST(ReadConsistency, ParsesEveryLevelInAnyCase) {
  EXPECT_EQ(parse_read_consistency(""), ReadConsistency::kOff);
  EXPECT_EQ(parse_read_consistency("eventual"), ReadConsistency::kEventual);
  EXPECT_EQ(parse_read_consistency("Session"), ReadConsistency::kSession);
  EXPECT_EQ(parse_read_consistency("GLOBAL"), ReadConsistency::kGlobal);
}

TEST(ReadConsistency, RejectsWhatIsNoLevel) {
  EXPECT_EQ(parse_read_consistency("strong"), std::nullopt);
  EXPECT_EQ(parse_read_consistency("session "), std::nullopt);
}

TEST(ReadConsistency, PrintsWhatItParses) {
  for (const char* name : {"", "EVENTUAL", "SESSION", "GLOBAL"}) {
    EXPECT_EQ(to_string(*parse_read_consistency(name)), name);
  }
}

}  // namespace
}  // namespace causeway::consistency
