#include "consistency/position.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::consistency {
namespace {

const std::string kA = "34250e64-e564-11f1-bad4-02fc00000001";

Position at(const std::string& text) {
  const Result<Position> position = Position::parse(text);
  EXPECT_TRUE(position) << text << ": " << position.error().message();
  return position ? *position : Position();
}

TEST(Position, TextFormSaysItsKind) {
  const struct {
    std::string text;
    PositionKind kind;
    std::string printed;
  } cases[] = {
      {"", PositionKind::kNone, ""},
      {" \n", PositionKind::kNone, ""},
      {"mysql:" + kA + ":1-5,\n" + kA + ":6", PositionKind::kGtidSet, "mysql:" + kA + ":1-6"},
      {"mysql:", PositionKind::kGtidSet, "mysql:"},
      {" mariadb:0-1-5 ", PositionKind::kMariadbGtid, "mariadb:0-1-5"},
      {"binlog:mysql-bin.000003:154", PositionKind::kBinlogCoordinates, "binlog:mysql-bin.000003:154"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(at(c.text).kind(), c.kind) << c.text;
    EXPECT_EQ(at(c.text).to_string(), c.printed) << c.text;
    EXPECT_EQ(at(c.printed), at(c.text)) << c.text;
  }
}

TEST(Position, BadTextNamesItsError) {
  EXPECT_EQ(Position::parse("0-1-5").error(), PositionError::kUnknownKind);
  EXPECT_EQ(Position::parse("mysql").error(), PositionError::kUnknownKind);
  EXPECT_EQ(Position::parse("MYSQL:").error(), PositionError::kUnknownKind);
  EXPECT_EQ(Position::parse("none:").error(), PositionError::kUnknownKind);
  EXPECT_EQ(Position::parse("mysql:0-1-5").error(), PositionError::kBadUuid);
  EXPECT_EQ(Position::parse("binlog:").error(), PositionError::kBadNumber);
  EXPECT_EQ(Position::parse(PositionKind::kNone, "x").error(), PositionError::kUnexpectedText);
  EXPECT_EQ(Position::parse(std::string(kMaxPositionTextBytes + 1, ' ')).error(), PositionError::kTooLong);
}

TEST(Position, WhatIsEmptyIsContainedInEverything) {
  for (const char* have : {"", "mysql:", "mariadb:0-1-5", "binlog:b.000001:4"}) {
    for (const char* wanted : {"", "mysql:", "mariadb:"})
      EXPECT_TRUE(at(have).contains(at(wanted))) << have << " / " << wanted;
  }
  EXPECT_FALSE(at("").contains(at("mariadb:0-1-5")));
}

TEST(Position, DifferentKindsAreNeitherContainedNorMerged) {
  const Position places[] = {at("mysql:" + kA + ":1"), at("mariadb:0-1-5"), at("binlog:b.000001:4"),
                             at("binlog:c.000001:4")};
  for (const Position& a : places) {
    for (const Position& b : places) {
      EXPECT_EQ(a.contains(b), &a == &b);
      Position merged = a;
      EXPECT_EQ(merged.merge(b), &a == &b);
      EXPECT_EQ(merged, a);
    }
  }
}

TEST(Position, MergeCoversBoth) {
  const struct {
    std::string a, b, both;
  } cases[] = {
      {"", "mariadb:0-1-5", "mariadb:0-1-5"},
      {"mariadb:0-1-5", "", "mariadb:0-1-5"},
      {"mysql:", "mariadb:0-1-5", "mariadb:0-1-5"},
      {"mariadb:0-1-5,1-1-1", "mariadb:0-2-6", "mariadb:0-2-6,1-1-1"},
      {"mysql:" + kA + ":1", "mysql:" + kA + ":3", "mysql:" + kA + ":1:3"},
      {"binlog:b.000001:4", "binlog:b.000002:4", "binlog:b.000002:4"},
      {"binlog:b.000002:4", "binlog:b.000001:4", "binlog:b.000002:4"},
  };
  for (const auto& c : cases) {
    Position merged = at(c.a);
    EXPECT_TRUE(merged.merge(at(c.b)));
    EXPECT_EQ(merged.to_string(), c.both);
    EXPECT_TRUE(merged.contains(at(c.a)) && merged.contains(at(c.b)));
  }
}

}  // namespace
}  // namespace causeway::consistency
