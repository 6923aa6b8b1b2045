#include "consistency/causality_token.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::consistency {
namespace {

const std::string kA = "34250e64-e564-11f1-bad4-02fc00000001";

Position mysql(const std::string& intervals) {
  return Position::parse(PositionKind::kGtidSet, kA + ":" + intervals).value();
}
Position mariadb(const std::string& text) {
  return Position::parse(PositionKind::kMariadbGtid, text).value();
}
Position binlog(const std::string& text) {
  return Position::parse(PositionKind::kBinlogCoordinates, text).value();
}

TEST(CausalityToken, StartsWithNothingToSee) {
  const CausalityToken token;
  EXPECT_TRUE(token.empty());
  EXPECT_FALSE(token.unknown());
}

TEST(CausalityToken, MergesWritesAndCountsChanges) {
  CausalityToken token;
  token.observe_write(mysql("7"));
  const uint64_t version = token.version();
  EXPECT_GT(version, 0U);
  token.observe_write(mysql("7"));
  token.observe_write(Position());
  EXPECT_EQ(token.version(), version);
  token.observe_write(mysql("9"));
  EXPECT_GT(token.version(), version);
  EXPECT_EQ(token.position(), mysql("7:9"));
}

TEST(CausalityToken, UnknownUntilTheWriterWasAsked) {
  CausalityToken token;
  token.observe_write(mysql("7"));
  token.set_unknown();
  EXPECT_TRUE(token.unknown());
  EXPECT_FALSE(token.empty());
  token.observe_write(mysql("9"));
  EXPECT_TRUE(token.unknown());
  const uint64_t version = token.version();
  token.resolve(mysql("1-12"));
  EXPECT_FALSE(token.unknown());
  EXPECT_EQ(token.position(), mysql("1-12"));
  EXPECT_GT(token.version(), version);
}

TEST(CausalityToken, ResolveWithoutNeedChangesNothing) {
  CausalityToken token;
  token.observe_write(mysql("7"));
  const uint64_t version = token.version();
  token.resolve(mysql("1-12"));
  EXPECT_EQ(token.position(), mysql("7"));
  EXPECT_EQ(token.version(), version);
}

TEST(CausalityToken, PositionOfAnotherKindMakesItUnknown) {
  CausalityToken token;
  token.observe_write(binlog("a.000001:4"));
  token.observe_write(binlog("b.000001:4"));
  EXPECT_TRUE(token.unknown());
  token.resolve(binlog("b.000001:100"));
  EXPECT_EQ(token.position(), binlog("b.000001:100"));
}

TEST(CausalityToken, CollapsesAboveSixteenIntervals) {
  CausalityToken token;
  for (int i = 1; i <= 16; ++i)
    token.observe_write(mysql(std::to_string(2 * i)));
  EXPECT_FALSE(token.needs_collapse());
  EXPECT_FALSE(token.collapse(mysql("1-40")));
  token.observe_write(mysql("34"));
  ASSERT_TRUE(token.needs_collapse());

  const uint64_t version = token.version();
  EXPECT_FALSE(token.collapse(mariadb("0-1-5")));
  EXPECT_FALSE(token.collapse(Position()));
  EXPECT_EQ(token.version(), version);
  // A poll from before the last writes: the union keeps them.
  EXPECT_TRUE(token.collapse(mysql("1-20")));
  EXPECT_EQ(token.position(), mysql("1-20:22:24:26:28:30:32:34"));
  EXPECT_GT(token.version(), version);
}

TEST(CausalityToken, NeverHoldsMoreThanItsLimit) {
  CausalityToken token;
  for (size_t i = 1; i <= CausalityToken::kMaxIntervals; ++i)
    token.observe_write(mysql(std::to_string(2 * i)));
  EXPECT_FALSE(token.unknown());
  token.observe_write(mysql("9001"));
  EXPECT_TRUE(token.unknown());
  EXPECT_TRUE(token.position().empty());
}

TEST(CausalityToken, DropsWhatANewWriterDoesNotHave) {
  CausalityToken token;
  token.observe_write(mysql("7:9"));
  EXPECT_FALSE(token.drop_if_not_in(mysql("1-9")));
  EXPECT_EQ(token.position(), mysql("7:9"));
  const uint64_t version = token.version();
  EXPECT_TRUE(token.drop_if_not_in(mysql("1-8")));
  EXPECT_TRUE(token.unknown());
  EXPECT_TRUE(token.position().empty());
  EXPECT_GT(token.version(), version);
  EXPECT_FALSE(token.drop_if_not_in(mysql("1-8")));
}

TEST(CausalityToken, CoordinatesDoNotOutliveTheirWriter) {
  CausalityToken token;
  EXPECT_FALSE(token.drop_if_not_in(binlog("b.000009:4")));
  token.observe_write(binlog("b.000001:4"));
  EXPECT_TRUE(token.drop_if_not_in(binlog("b.000009:4")));
  EXPECT_TRUE(token.unknown());
}

TEST(CausalityToken, ClearForgets) {
  CausalityToken token;
  token.observe_write(mysql("7"));
  token.set_unknown();
  const uint64_t version = token.version();
  token.clear();
  EXPECT_TRUE(token.empty());
  EXPECT_GT(token.version(), version);
}

}  // namespace
}  // namespace causeway::consistency
