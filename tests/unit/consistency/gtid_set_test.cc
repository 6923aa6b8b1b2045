#include "consistency/gtid_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace causeway::consistency {
namespace {

const std::string kA = "34250e64-e564-11f1-bad4-02fc00000001";
const std::string kB = "11111111-1111-1111-1111-111111111111";

GtidSet set_of(const std::string& text) {
  const Result<GtidSet> set = GtidSet::parse(text);
  EXPECT_TRUE(set) << text << ": " << set.error().message();
  return set ? *set : GtidSet();
}

// As MySQL 9.7 prints @@GLOBAL.gtid_owned: nothing between the thread and the next UUID, which may begin with
// digits.
TEST(GtidSet, ReadsWhatAServerIsCommitting) {
  const struct {
    std::string text, set;
  } cases[] = {
      {"", ""},
      {kA + ":1000005#19", kA + ":1000005"},
      {kA + ":1000007#20:1000005#19", kA + ":1000005:1000007"},
      {kA + ":7#20:8#19:9#4294967295", kA + ":7-9"},
      {kA + ":5#19" + kB + ":3#21", kB + ":3," + kA + ":5"},
      {kA + ":5#1" + kB + ":tag:11#23:9#22" + kB + ":zz:12#24", kB + ":tag:9:11:zz:12," + kA + ":5"},
      {kB + ":tag:11#2:other:9#3", kB + ":other:9:tag:11"},
      {kB + ":3#21," + kA + ":5#19", kB + ":3," + kA + ":5"},
  };
  for (const auto& c : cases) {
    const Result<GtidSet> set = GtidSet::parse_owned(c.text);
    ASSERT_TRUE(set) << c.text << ": " << set.error().message();
    EXPECT_EQ(set->to_string(), c.set) << c.text;
  }
}

TEST(GtidSet, DoesNotGuessAtWhatAServerIsCommitting) {
  for (const std::string& text :
       {kA, kA + ":", kA + ":5", kA + ":5#", kA + ":5#x", kA + ":5#" + kB + ":3#1", kA + ":0#1",
        kA + ":9223372036854775807#1", kA + ":tag:", kA + ":tag", kA + ":1-5#3", kA + ":5#1 " + kB + ":3#1",
        kA + ":5#a" + kB + ":3#1", std::string("5#1"), kA + ":5#1" + kB,
        std::string(kMaxPositionTextBytes + 1, 'a')}) {
    EXPECT_FALSE(GtidSet::parse_owned(text)) << text;
  }
  std::string many = kA;
  for (size_t i = 0; i <= kMaxPositionIntervals; ++i)
    many += ":" + std::to_string(2 * i + 1) + "#1";
  EXPECT_EQ(GtidSet::parse_owned(many).error(), PositionError::kTooManyIntervals);
}

// What MySQL 9.7 prints for the same texts (GTID_SUBTRACT(text, '')), its separator ",\n" aside.
TEST(GtidSet, ReadsWhatServersAcceptAndPrintsItCanonically) {
  const std::string no_dashes = "34250e64e56411f1bad402fc00000001";
  const struct {
    std::string text, printed;
  } cases[] = {
      {"", ""},
      {" \n", ""},
      {",,", ""},
      {kA + ":1-5", kA + ":1-5"},
      {kA + ":01", kA + ":1"},
      {no_dashes + ":1", kA + ":1"},
      {"{" + kA + "}:1", kA + ":1"},
      {"34250E64-E564-11F1-BAD4-02FC00000001:1", kA + ":1"},
      {",," + kA + ":1,, ", kA + ":1"},
      {" " + kA + " : 1 - 3 : 7 ", kA + ":1-3:7"},
      {kA + ":7:3-4:1-2", kA + ":1-4:7"},
      {kA + ":1-3:4", kA + ":1-4"},
      {kA + ":1-9:2-3:5", kA + ":1-9"},
      {kA + ":1-9223372036854775806", kA + ":1-9223372036854775806"},
      {kB + ":1,\n" + kA + ":1-5:my_tag:1", kB + ":1," + kA + ":1-5:my_tag:1"},
      {kA + ":1," + kB + ":2", kB + ":2," + kA + ":1"},
      {kA + ":1-3:tag:1-2:Tag2:5", kA + ":1-3:tag:1-2:tag2:5"},
      {kA + ":tag:1:5," + kA + ":7", kA + ":7:tag:1:5"},
      {kA + ":b:1:a:2:b:3", kA + ":a:2:b:1:3"},
      {kA + ":_a:1", kA + ":_a:1"},
      {kA + ":abcdefghijabcdefghijabcdefghij12:1", kA + ":abcdefghijabcdefghijabcdefghij12:1"},
      {kA + ":1," + kA + ":2", kA + ":1-2"},
  };
  for (const auto& c : cases) {
    const GtidSet set = set_of(c.text);
    EXPECT_EQ(set.to_string(), c.printed) << c.text;
    EXPECT_EQ(set_of(set.to_string()), set) << c.text;
    EXPECT_EQ(set.empty(), c.printed.empty()) << c.text;
  }
}

TEST(GtidSet, BadTextNamesItsError) {
  const struct {
    std::string text;
    PositionError error;
  } cases[] = {
      {"x", PositionError::kBadUuid},
      {":1", PositionError::kBadUuid},
      {kA.substr(1) + ":1", PositionError::kBadUuid},
      {kA + "0:1", PositionError::kUnexpectedText},
      {"{" + kA + ":1", PositionError::kBadUuid},
      {"34250e64-e56411f1bad402fc00000001:1", PositionError::kBadUuid},
      {kA, PositionError::kMissingInterval},
      {kA + ",", PositionError::kMissingInterval},
      {kA + ":tag", PositionError::kMissingInterval},
      {kA + ":tag:tag2:1", PositionError::kMissingInterval},
      {kA + ":1:tag", PositionError::kMissingInterval},
      {kA + ":", PositionError::kBadNumber},
      {kA + ":1:", PositionError::kBadNumber},
      {kA + ":1::2", PositionError::kBadNumber},
      {kA + ":0", PositionError::kBadNumber},
      {kA + ":-1", PositionError::kBadNumber},
      {kA + ":+1", PositionError::kBadNumber},
      {kA + ":1-", PositionError::kBadNumber},
      {kA + ":9223372036854775807", PositionError::kBadNumber},
      {kA + ":1-9223372036854775807", PositionError::kBadNumber},
      {kA + ":99999999999999999999", PositionError::kBadNumber},
      {kA + ":5-3", PositionError::kReversedInterval},
      {kA + ":1a:1", PositionError::kUnexpectedText},
      {kA + ":1;" + kB + ":1", PositionError::kUnexpectedText},
      {kA + ":1 " + kB + ":1", PositionError::kUnexpectedText},
      {kA + ":1" + std::string(1, '\0'), PositionError::kUnexpectedText},
      {std::string(1, '\0'), PositionError::kBadUuid},
      {kA + ":tag:1-2, tag2:4", PositionError::kBadUuid},
      {kA + ":abcdefghijabcdefghijabcdefghij123:1", PositionError::kBadTag},
      {std::string(kMaxPositionTextBytes + 1, ' '), PositionError::kTooLong},
  };
  for (const auto& c : cases) {
    const Result<GtidSet> set = GtidSet::parse(c.text);
    ASSERT_FALSE(set) << c.text;
    EXPECT_EQ(set.error(), c.error) << c.text.substr(0, 80) << ": " << set.error().message();
  }
}

TEST(GtidSet, EveryTruncationIsAnErrorOrAShorterSet) {
  const std::string text = kB + ":1-5:7,\n" + kA + ":1-345:my_tag:1-20";
  const GtidSet whole = set_of(text);
  for (size_t length = 0; length < text.size(); ++length) {
    const Result<GtidSet> part = GtidSet::parse(std::string_view(text).substr(0, length));
    if (part) {
      EXPECT_TRUE(whole.contains(*part)) << length;
    }
  }
}

TEST(GtidSet, ContainsIsInclusionWithGaps) {
  const struct {
    std::string have, wanted;
    bool contained;
  } cases[] = {
      {"", "", true},
      {kA + ":1", "", true},
      {"", kA + ":1", false},
      {kA + ":1-5", kA + ":5", true},
      {kA + ":1-5", kA + ":6", false},
      {kA + ":1-5:7-100", kA + ":6", false},  // a greater maximum is no inclusion
      {kA + ":1-5:7-100", kA + ":5-7", false},
      {kA + ":1-5:7-100", kA + ":2-4:8:100", true},
      {kA + ":1-5:7-100", kA + ":101", false},
      {kA + ":2-5", kA + ":1", false},
      {kA + ":1-5", kB + ":1", false},
      {kA + ":1-5", kA + ":tag:1", false},
      {kA + ":tag:1-5", kA + ":1", false},
      {kA + ":1-5:tag:1-5", kA + ":tag:3", true},
      {kA + ":1-5," + kB + ":1-5", kB + ":1," + kA + ":2", true},
      {kA + ":1-5," + kB + ":1-5", kB + ":1," + kA + ":6", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(set_of(c.have).contains(set_of(c.wanted)), c.contained) << c.have << " / " << c.wanted;
  }
}

TEST(GtidSet, UnionJoinsAdjacentIntervals) {
  GtidSet set = set_of(kA + ":1-3:5-6");
  set.add(set_of(kA + ":4," + kB + ":9"));
  EXPECT_EQ(set.to_string(), kB + ":9," + kA + ":1-6");
  set.add(set);
  EXPECT_EQ(set.to_string(), kB + ":9," + kA + ":1-6");
}

// --- against a naive model
// -----------------------------------------------------------------------------------

using Model = std::set<std::tuple<std::string, std::string, uint64_t>>;  // UUID, tag, number

class RandomSets {
 public:
  Model model(size_t size) {
    Model model;
    while (model.size() < size) {
      const uint64_t first = pick(40) + 1;
      for (uint64_t n = first; n <= first + pick(4) && model.size() < size; ++n)
        model.emplace(pick(2) == 0 ? kA : kB, pick(3) == 0 ? "tag" : "", n);
    }
    return model;
  }

  // The members in any order, neighbours sometimes as one interval.
  std::string text(const Model& model) {
    std::vector<Model::value_type> members(model.begin(), model.end());
    std::shuffle(members.begin(), members.end(), random_);
    std::string text;
    for (const auto& [uuid, tag, number] : members) {
      if (!text.empty()) text += pick(2) == 0 ? "," : " ,\n";
      text += uuid + (tag.empty() ? "" : ":" + tag) + ":" + std::to_string(number);
      if (model.contains({uuid, tag, number + 1})) text += "-" + std::to_string(number + 1);
    }
    return text;
  }

  uint64_t pick(uint64_t below) { return std::uniform_int_distribution<uint64_t>(0, below - 1)(random_); }

 private:
  std::mt19937_64 random_{20240601};
};

std::string naive_text(const Model& model) {
  std::map<std::string, std::string> by_uuid;
  std::map<std::string, std::string> last_tag;
  for (auto i = model.begin(); i != model.end();) {
    const auto [uuid, tag, first] = *i;
    uint64_t last = first;
    while (++i != model.end() && *i == Model::value_type{uuid, tag, last + 1})
      ++last;
    if (last_tag[uuid] != tag) by_uuid[uuid] += ":" + tag;
    last_tag[uuid] = tag;
    by_uuid[uuid] += ":" + std::to_string(first) + (last == first ? "" : "-" + std::to_string(last));
  }
  std::string text;
  for (const auto& [uuid, intervals] : by_uuid)
    text += (text.empty() ? "" : ",") + uuid + intervals;
  return text;
}

TEST(GtidSet, BehavesAsASetOfTransactions) {
  RandomSets random;
  for (int round = 0; round < 4000; ++round) {
    const Model a = random.model(random.pick(25));
    Model b = random.pick(2) == 0 ? random.model(random.pick(25)) : a;
    if (!b.empty() && random.pick(2) == 0)
      b.erase(std::next(b.begin(), static_cast<long>(random.pick(b.size()))));
    const GtidSet set_a = set_of(random.text(a));
    const GtidSet set_b = set_of(random.text(b));

    ASSERT_EQ(set_a.to_string(), naive_text(a));
    ASSERT_EQ(set_a == set_b, a == b);
    ASSERT_EQ(set_a.contains(set_b), std::ranges::includes(a, b)) << naive_text(a) << " / " << naive_text(b);

    Model both = a;
    both.insert(b.begin(), b.end());
    GtidSet united = set_a;
    united.add(set_b);
    ASSERT_EQ(united.to_string(), naive_text(both));
    ASSERT_TRUE(united.contains(set_a) && united.contains(set_b));
  }
}

TEST(GtidSet, RefusesTooManyIntervals) {
  std::string text = kA;
  for (size_t i = 0; i < kMaxPositionIntervals; ++i)
    text += ":" + std::to_string(2 * i + 1);
  EXPECT_EQ(set_of(text).interval_count(), kMaxPositionIntervals);
  EXPECT_EQ(GtidSet::parse(text + ":1000001").error(), PositionError::kTooManyIntervals);
}

// Quadratic work on these would take minutes.
TEST(GtidSet, HostileOrderCostsNoMoreThanSorting) {
  std::string falling = kA;
  for (size_t i = kMaxPositionIntervals; i > 0; --i)
    falling += ":" + std::to_string(2 * i);
  std::string many_sources;
  for (uint32_t i = 25000; i > 0; --i) {
    char uuid[33];
    std::snprintf(uuid, sizeof uuid, "%08x111111111111111111111111", i);
    many_sources += std::string(uuid) + ":1,";
  }
  const auto start = std::chrono::steady_clock::now();
  GtidSet set = set_of(falling);
  set.add(set_of(many_sources));
  EXPECT_TRUE(set.contains(set_of(falling)));
  EXPECT_EQ(set.interval_count(), kMaxPositionIntervals + 25000);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace causeway::consistency
