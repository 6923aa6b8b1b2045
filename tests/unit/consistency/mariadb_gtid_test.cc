#include "consistency/mariadb_gtid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace causeway::consistency {
namespace {

MariadbGtidList list_of(const std::string& text) {
  const Result<MariadbGtidList> list = MariadbGtidList::parse(text);
  EXPECT_TRUE(list) << text << ": " << list.error().message();
  return list ? *list : MariadbGtidList();
}

TEST(MariadbGtidList, ReadsAndPrints) {
  const struct {
    std::string text, printed;
  } cases[] = {
      {"", ""},
      {" ", ""},
      {"0-1-100", "0-1-100"},
      {"1-2-5,0-1-100", "0-1-100,1-2-5"},
      {" 0-1-100 ,\n1-2-5 ", "0-1-100,1-2-5"},
      {"0-1-5,0-2-7", "0-2-7"},
      {"0-2-7,0-1-5", "0-2-7"},
      {"0-1-0", ""},
      {"0-1-0,1-1-1", "1-1-1"},
      {"4294967295-4294967295-18446744073709551615", "4294967295-4294967295-18446744073709551615"},
  };
  for (const auto& c : cases) {
    const MariadbGtidList list = list_of(c.text);
    EXPECT_EQ(list.to_string(), c.printed) << c.text;
    EXPECT_EQ(list_of(list.to_string()), list) << c.text;
    EXPECT_EQ(list.empty(), c.printed.empty());
  }
}

TEST(MariadbGtidList, BadTextNamesItsError) {
  const struct {
    std::string text;
    PositionError error;
  } cases[] = {
      {"x", PositionError::kBadNumber},
      {"0", PositionError::kBadNumber},
      {"0-1", PositionError::kBadNumber},
      {"0-1-", PositionError::kBadNumber},
      {"0--1", PositionError::kBadNumber},
      {"0-1-1,", PositionError::kBadNumber},
      {",0-1-1", PositionError::kBadNumber},
      {"0-1-1,,1-1-1", PositionError::kBadNumber},
      {"4294967296-1-1", PositionError::kBadNumber},
      {"0-1-18446744073709551616", PositionError::kBadNumber},
      {"0-1-1;", PositionError::kUnexpectedText},
      {"0-1-1-1", PositionError::kUnexpectedText},
      {"0-1-1 1-1-1", PositionError::kUnexpectedText},
      {std::string(kMaxPositionTextBytes + 1, ' '), PositionError::kTooLong},
  };
  for (const auto& c : cases) {
    const Result<MariadbGtidList> list = MariadbGtidList::parse(c.text);
    ASSERT_FALSE(list) << c.text;
    EXPECT_EQ(list.error(), c.error) << c.text.substr(0, 80);
  }
}

TEST(MariadbGtidList, RefusesTooManyDomains) {
  std::string text;
  for (size_t i = 0; i < kMaxPositionIntervals; ++i)
    text += (i == 0 ? "" : ",") + std::to_string(i) + "-1-1";
  EXPECT_EQ(list_of(text).domain_count(), kMaxPositionIntervals);
  EXPECT_EQ(MariadbGtidList::parse(text + ",65536-1-1").error(), PositionError::kTooManyIntervals);
}

TEST(MariadbGtidList, ContainsComparesPerDomainWhoeverWrote) {
  const struct {
    std::string have, wanted;
    bool contained;
  } cases[] = {
      {"", "", true},
      {"0-1-1", "", true},
      {"", "0-1-1", false},
      {"0-1-5", "0-1-5", true},
      {"0-1-5", "0-1-6", false},
      {"0-2-9", "0-1-6", true},
      {"0-1-5", "1-1-1", false},
      {"0-1-5,2-1-5", "1-1-1", false},
      {"0-1-5,1-1-5", "1-1-4", true},
      {"0-1-5,1-1-5", "0-1-6,1-1-4", false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(list_of(c.have).contains(list_of(c.wanted)), c.contained) << c.have << " / " << c.wanted;
}

TEST(MariadbGtidList, UnionIsTheLeastListThatContainsBoth) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::map<uint64_t, uint64_t> expected;
    MariadbGtidList lists[2];
    for (auto& list : lists) {
      for (uint64_t n = random() % 5; n > 0; --n) {
        const uint64_t domain = random() % 6;
        const uint64_t sequence = random() % 9 + 1;
        expected[domain] = std::max(expected[domain], sequence);
        list.add(list_of(std::to_string(domain) + "-1-" + std::to_string(sequence)));
      }
    }
    std::string text;
    for (const auto& [domain, sequence] : expected)
      text += (text.empty() ? "" : ",") + std::to_string(domain) + "-1-" + std::to_string(sequence);
    MariadbGtidList united = lists[0];
    united.add(lists[1]);
    ASSERT_EQ(united.to_string(), text);
    ASSERT_TRUE(united.contains(lists[0]) && united.contains(lists[1]));
    ASSERT_EQ(lists[0].contains(united), lists[0] == united);
  }
}

TEST(MariadbGtidList, IsOfOneDomainWithAnother) {
  const auto of_one = [](const char* one, const char* other) {
    return MariadbGtidList::parse(one)->is_of_one_domain_with(*MariadbGtidList::parse(other));
  };
  EXPECT_TRUE(of_one("0-1-5", "0-2-9"));
  EXPECT_TRUE(of_one("", "0-2-9"));
  EXPECT_TRUE(of_one("1-2-9", ""));
  EXPECT_FALSE(of_one("1-1-5", "0-2-9"));
  EXPECT_FALSE(of_one("0-1-5", "0-2-9,1-1-1"));
  EXPECT_FALSE(of_one("0-2-9,1-1-1", ""));
}

}  // namespace
}  // namespace causeway::consistency
