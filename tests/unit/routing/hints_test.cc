#include "routing/hints.h"

#include <gtest/gtest.h>

#include "routing/classifier.h"

namespace causeway::routing {
namespace {

using std::chrono::milliseconds;

TEST(Hints, AreReadFromALeadingComment) {
  const Hints hints = parse_hints("/* causeway: route=writer, consistency=global max_lag=500ms */ SELECT 1");
  EXPECT_EQ(hints.route, RouteHint::kWriter);
  EXPECT_EQ(hints.consistency, "global");
  EXPECT_EQ(hints.max_lag, milliseconds(500));
}

TEST(Hints, AnyCaseAndSpacing) {
  EXPECT_EQ(parse_hints("/*Causeway:ROUTE=Replica*/SELECT 1").route, RouteHint::kReplica);
  EXPECT_EQ(parse_hints(" \n/*\tcauseway:\n,route=replica,,*/SELECT 1").route, RouteHint::kReplica);
}

TEST(Hints, SeveralCommentsAreReadInOrder) {
  const Hints hints = parse_hints(
      "/* app:x */ /* causeway: route=writer max_lag=1s */ /* causeway: route=replica */ SELECT 1");
  EXPECT_EQ(hints.route, RouteHint::kReplica);
  EXPECT_EQ(hints.max_lag, milliseconds(1000));
}

TEST(Hints, UnknownKeysAndValuesAreIgnored) {
  const Hints hints = parse_hints(
      "/* causeway: route=nowhere colour=red max_lag=fast route max_lag= = consistency= */ SELECT 1");
  EXPECT_EQ(hints, Hints{.mistake = "consistency="});
  EXPECT_EQ(parse_hints("/* causeway: route=writer route=reader */ SELECT 1").mistake, "route=reader");
  EXPECT_EQ(parse_hints("/* causeway: writer */ SELECT 1").mistake, "writer");
  EXPECT_EQ(parse_hints("/* causeway: route=writer */ SELECT 1").mistake, "");
}

TEST(Hints, OnlyLeadingCommentsCount) {
  EXPECT_EQ(parse_hints("SELECT 1 /* causeway: route=writer */"), Hints{});
  EXPECT_EQ(parse_hints("/* not causeway: route=writer */ SELECT 1"), Hints{});
  EXPECT_EQ(parse_hints("/*! causeway: route=writer */ SELECT 1"), Hints{});
  EXPECT_EQ(parse_hints("/* causeway: route=writer"), Hints{});
  EXPECT_EQ(parse_hints("/*/ causeway: route=writer */"), Hints{});
  EXPECT_EQ(parse_hints(""), Hints{});
}

TEST(Hints, DurationsHaveUnitsAndABound) {
  const auto lag = [](std::string_view value) {
    Hints hints;
    apply_hint(hints, "max_lag", value);
    return hints.max_lag;
  };
  EXPECT_EQ(lag("250"), milliseconds(250));
  EXPECT_EQ(lag("1500us"), milliseconds(2));
  EXPECT_EQ(lag("2m"), milliseconds(120000));
  EXPECT_EQ(lag("0"), milliseconds(0));
  EXPECT_EQ(lag("86400s"), std::chrono::hours(24));
  EXPECT_FALSE(lag("86401s"));
  EXPECT_FALSE(lag("99999999999999999999"));
  EXPECT_FALSE(lag("-1"));
  EXPECT_FALSE(lag("1h"));
  EXPECT_FALSE(lag("1.5s"));
}

TEST(Hints, AsQueryAttributesHaveAPrefix) {
  Hints hints;
  apply_attribute(hints, "route", "writer");
  apply_attribute(hints, "traceparent", "00-1");
  EXPECT_EQ(hints, Hints());
  apply_attribute(hints, "causeway.route", "writer");
  apply_attribute(hints, "causeway.max_lag", "5");
  EXPECT_EQ(hints, (Hints{.route = RouteHint::kWriter, .max_lag = milliseconds(5)}));
  apply_attribute(hints, "causeway.route", "elsewhere");
  EXPECT_EQ(hints.mistake, "causeway.route");
  EXPECT_EQ(hints.route, RouteHint::kWriter);
  apply_attribute(hints, "causeway.rout", "writer");
  EXPECT_EQ(hints.mistake, "causeway.rout");
  for (const std::string_view name : kHintAttributes) {
    Hints any;
    apply_attribute(any, name, name == "causeway.route" ? "replica" : "1");
    EXPECT_TRUE(any.mistake.empty()) << name;
    EXPECT_NE(any, Hints()) << name;
  }
}

TEST(Hints, BelongToTheirStatement) {
  Classified classified;
  classify("/* causeway: route=writer */ SELECT 1; SELECT 2; /* causeway: route=replica */ SELECT 3", {},
           classified);
  ASSERT_EQ(classified.statements.size(), 3U);
  EXPECT_EQ(classified.statements[0].hints.route, RouteHint::kWriter);
  EXPECT_EQ(classified.statements[1].hints.route, RouteHint::kNone);
  EXPECT_EQ(classified.statements[2].hints.route, RouteHint::kReplica);
}

}  // namespace
}  // namespace causeway::routing
