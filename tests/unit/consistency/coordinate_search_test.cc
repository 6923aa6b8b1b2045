#include "consistency/coordinate_search.h"

#include <gtest/gtest.h>

#include <random>

#include "../protocol/log_pair.h"

namespace causeway::consistency {
namespace {

using protocol::BinlogGtid;
using protocol::TransactionMark;
using Verdict = SearchVerdict;
using Doubt = SearchDoubt;

TransactionMark anonymous(uint64_t committed, uint32_t server_id = 1, uint32_t shape = 3) {
  return {.gtid = {.kind = BinlogGtid::Kind::kAnonymous},
          .server_id = server_id,
          .timestamp = static_cast<uint32_t>(committed / 1000),
          .original_commit_timestamp = committed,
          .shape = shape};
}

TransactionMark mysql(uint64_t number) {
  return {.gtid = {.kind = BinlogGtid::Kind::kMysql, .number = number}, .server_id = 1};
}

TransactionMark mariadb(uint64_t number, uint32_t domain = 0) {
  return {
      .gtid = {.kind = BinlogGtid::Kind::kMariadb, .domain_id = domain, .server_id = 1, .number = number}};
}

using Marks = std::vector<TransactionMark>;

// A letter is a transaction of server 1, '\'' behind it says that the next one is of the same microsecond,
// digits are those of server 2.
Marks marks(std::string_view letters) {
  Marks made;
  for (const char letter : letters) {
    const bool is_own = letter >= '0' && letter <= '9';
    made.push_back(anonymous(1000 + static_cast<uint64_t>(letter), is_own ? 2 : 1));
  }
  return made;
}

// The log: ends at 10, 20, ... of n.7, ten to a file.
CoordinateSearch searched(const Marks& wanted, const Marks& log) {
  CoordinateSearch search(wanted);
  for (size_t i = 0; i < log.size(); ++i)
    search.transaction("n." + std::to_string(7 + i / 10), 10 * (i % 10 + 1), log[i]);
  return search;
}

SearchResult search(const Marks& wanted, const Marks& log) {
  return searched(wanted, log).result();
}

SearchResult found(uint64_t position, std::string file = "n.7") {
  return {.verdict = Verdict::kFound,
          .behind = LogCoordinates{.file = std::move(file), .position = position}};
}
SearchResult doubt(Doubt doubt) {
  return {.verdict = Verdict::kNotCertain, .doubt = doubt};
}
SearchResult missing(size_t count) {
  return {.verdict = Verdict::kNotThere, .missing = count};
}
SearchResult missing(size_t count, uint64_t position) {
  return {.verdict = Verdict::kNotThere,
          .behind = LogCoordinates{.file = "n.7", .position = position},
          .missing = count};
}

TEST(CoordinateSearch, WithoutGtids) {
  struct Case {
    const char* name;
    const char* wanted;
    const char* log;
    SearchResult result;
  };
  const Case cases[] = {
      {"all of it", "abcd", "abcd", found(40)},
      {"more behind", "abcd", "abcdefg", found(40)},
      {"more ahead", "cde", "abcde", found(50)},
      {"in the second file", "jkl", "abcdefghijkl", found(20, "n.8")},
      {"the log was purged", "abcdef", "defg", found(30)},
      {"of the log too little is left", "abcdef", "efg", doubt(Doubt::kTooFew)},
      {"and nothing ahead", "abcdef", "fg", doubt(Doubt::kTooFew)},
      {"little was sent", "de", "abcdef", doubt(Doubt::kTooFew)},
      {"one was sent", "d", "abcdef", doubt(Doubt::kTooFew)},
      {"the new writer's own, behind", "abcd", "abcd12", found(40)},
      {"the new writer's own, far ahead", "abcd", "1abcd", found(50)},
      {"the new writer's own, between", "abcd", "ab1cd", doubt(Doubt::kOtherHistory)},
      {"one is missing between", "abcd", "abd", doubt(Doubt::kOtherHistory)},
      {"another order", "abcd", "acbd", doubt(Doubt::kOtherHistory)},
      {"far back another one", "abcdefgh", "a1cdefgh", doubt(Doubt::kOtherHistory)},
      {"twice in the log", "abcd", "abcdabcd", doubt(Doubt::kSeveral)},
      {"twice, the second with another past", "abcd", "abcdefd", doubt(Doubt::kSeveral)},
      {"twice in what was sent", "abdcd", "abdcd", doubt(Doubt::kSeveral)},
      {"twice in what was sent, once here", "abdcd", "abd", doubt(Doubt::kSeveral)},
      {"the end was lost", "abcdef", "abcd", missing(2, 40)},
      {"and others came", "abcdef", "abcd12", missing(2, 40)},
      {"nothing of it", "abc", "xyz", missing(3)},
      {"an empty log", "abc", "", missing(3)},
      {"purged behind it", "abc", "def", missing(3)},
  };
  for (const Case& c : cases)
    EXPECT_EQ(search(marks(c.wanted), marks(c.log)), c.result) << c.name;
}

TEST(CoordinateSearch, ByGtid) {
  const Marks log = {mysql(1), mysql(2), mysql(3), mysql(4)};
  EXPECT_EQ(search({mysql(3)}, log), found(30));  // needs no others
  EXPECT_EQ(search({mysql(2), mysql(3)}, log), found(30));
  EXPECT_EQ(search({mysql(1)}, log), found(10));
  EXPECT_EQ(search({mysql(1), mysql(3)}, log), doubt(Doubt::kOtherHistory));
  EXPECT_EQ(search({mysql(4), mysql(5), mysql(6)}, log), missing(2, 40));
  EXPECT_EQ(search({mariadb(3)}, log), missing(1));
  EXPECT_EQ(search({mariadb(1), mariadb(2)}, {mariadb(1), mariadb(2)}), found(20));
  EXPECT_EQ(search({mariadb(1), mariadb(1, 7), mariadb(2)}, {mariadb(1, 7), mariadb(1), mariadb(2)}),
            doubt(Doubt::kOtherHistory));
  EXPECT_EQ(search({mariadb(2)}, {mariadb(2), mariadb(3), mariadb(2)}), doubt(Doubt::kSeveral));
}

// gtid_mode is changed on the way, or the replica gives GTIDs to what has none.
TEST(CoordinateSearch, ByGtidOnOneSideOnly) {
  const auto named = [](const Marks& plain) {
    Marks made = plain;
    for (size_t i = 0; i < made.size(); ++i)
      made[i].gtid = {.kind = BinlogGtid::Kind::kMysql, .number = i + 100};
    return made;
  };
  EXPECT_EQ(search(marks("abcd"), named(marks("abcde"))), found(40));
  EXPECT_EQ(search(named(marks("abcd")), marks("abcde")), found(40));
  EXPECT_EQ(search(marks("cd"), named(marks("abcde"))), doubt(Doubt::kTooFew));
}

TEST(CoordinateSearch, WhatHasNoIdentityIsNeverCertain) {
  Marks log = marks("abcd");
  log[3].original_commit_timestamp = 0;
  EXPECT_EQ(search(log, log), doubt(Doubt::kNoIdentity));
  EXPECT_EQ(search({}, log), doubt(Doubt::kNoIdentity));
  // Nor what is ahead.
  EXPECT_EQ(search({log[3], mysql(1)}, {log[3], mysql(1)}), doubt(Doubt::kOtherHistory));
}

TEST(CoordinateSearch, ReadingMayStopWhenItIsDecided) {
  const auto is_decided = [](const Marks& wanted, const Marks& log) {
    return searched(wanted, log).is_decided();
  };
  EXPECT_FALSE(is_decided({mysql(2)}, {mysql(1)}));
  EXPECT_TRUE(is_decided({mysql(2)}, {mysql(1), mysql(2)}));
  EXPECT_FALSE(is_decided(marks("abc"), marks("abcd")));  // another one may come
  EXPECT_TRUE(is_decided(marks("abc"), marks("abcdc")));
  EXPECT_TRUE(is_decided(marks("cabc"), marks("abc")));
  EXPECT_TRUE(is_decided({}, {}));
  EXPECT_TRUE(is_decided({anonymous(0)}, {}));
}

TEST(CoordinateSearch, DoubtsInWords) {
  for (const Doubt one : {Doubt::kNoIdentity, Doubt::kSeveral, Doubt::kOtherHistory, Doubt::kTooFew})
    EXPECT_FALSE(to_string(one).empty());
  EXPECT_TRUE(to_string(Doubt::kNone).empty());
}

TEST(CoordinateSearch, InWhichFileToBegin) {
  const std::vector<LogFileStart> files = {{"n.1", 10000}, {"n.2", 20000}, {"n.3", 30000}};
  const auto chosen = [&](uint32_t seconds) {
    TransactionMark mark = anonymous(uint64_t{seconds} * 1000000);
    mark.timestamp = 1;  // SET timestamp
    TransactionMark by_event = mariadb(1);
    by_event.timestamp = seconds;
    EXPECT_EQ(choose_first_file(files, by_event), choose_first_file(files, mark));
    return choose_first_file(files, mark);
  };
  EXPECT_EQ(chosen(0), 0u);
  EXPECT_EQ(chosen(9000), 0u);
  EXPECT_EQ(chosen(20000 + kClockMargin - 1), 0u);
  EXPECT_EQ(chosen(20000 + kClockMargin), 1u);
  EXPECT_EQ(chosen(30000 + kClockMargin - 1), 1u);
  EXPECT_EQ(chosen(4294967295), 2u);
  EXPECT_EQ(choose_first_file({}, anonymous(1)), 0u);
  const std::vector<LogFileStart> unknown = {{"n.1", 10000}, {"n.2", 0}, {"n.3", 4294967295}};
  EXPECT_EQ(choose_first_file(unknown, anonymous(20000000000)), 0u);
}

// Where the same transaction stands in the logs of two real servers.
TEST(CoordinateSearch, FindsEachPlaceOfARealReplica) {
  for (const std::string pair : {"mysql-pair", "mysql-pair-gtid", "mariadb-pair"}) {
    const auto source = protocol::logged_transactions(pair + "-source");
    const auto replica = protocol::logged_transactions(pair + "-replica");
    SentLog sent(10);
    for (size_t i = 0; i < source.size(); ++i) {
      SCOPED_TRACE(pair + ' ' + source[i].file + ' ' + std::to_string(source[i].end));
      sent.record(source[i].file, source[i].begin, source[i].end, source[i].mark);
      const SentPlace place = sent.where(source[i].file, source[i].end);
      ASSERT_EQ(place.kind, SentPlace::Kind::kBehind);
      CoordinateSearch search(sent.marks_up_to(place.index));
      size_t expected = 0;
      for (size_t at = 0, own = 0; at < replica.size(); ++at) {
        search.transaction(replica[at].file, replica[at].end, replica[at].mark);
        own += replica[at].mark.server_id == 2 ? 1 : 0;
        if (at == i + own && replica[at].mark.server_id == 1) expected = at;
      }
      const SearchResult result = search.result();
      const bool is_by_gtid = pair != "mysql-pair";
      if (!is_by_gtid && i < kMinMatchesAhead) {
        EXPECT_EQ(result, doubt(Doubt::kTooFew));
      } else if (i + 1 == source.size()) {
        EXPECT_EQ(result, doubt(Doubt::kOtherHistory));  // the replica has written something itself
      } else {
        EXPECT_EQ(result, found(replica[expected].end, replica[expected].file));
      }
    }
  }
}

// A random log, and the same transactions logged again elsewhere, with an end that is lost, a front that is
// purged, and others between, ahead and behind. A place that is found is always the right one.
struct Relogged {
  TransactionMark mark;
  std::optional<size_t> number;  // in the first log
};

class RandomLogs {
 public:
  explicit RandomLogs(uint32_t seed) : random_(seed) {}

  size_t below(size_t limit) { return random_() % limit; }
  bool one_in(size_t n) { return below(n) == 0; }

  // Bursts within one microsecond, of two in a row at the most (kMinMatchesAhead).
  Marks log() {
    by_gtid_ = one_in(3);
    Marks made;
    uint64_t now = 1000;
    size_t alike = 1;
    for (size_t i = 0, size = 1 + below(40); i < size; ++i) {
      const bool again = i > 0 && alike < 1 + kMinMatchesAhead && one_in(3);
      alike = again ? alike + 1 : 1;
      if (!again) now += 1 + below(3);
      made.push_back(anonymous(now, 1, static_cast<uint32_t>(one_in(4) ? 0 : 1 + below(2))));
      if (by_gtid_) made.back().gtid = {.kind = BinlogGtid::Kind::kMysql, .number = i + 1};
    }
    return made;
  }

  std::vector<Relogged> again(const Marks& log) {
    std::vector<Relogged> made;
    const size_t first = one_in(2) ? below(log.size() + 1) : 0;
    const size_t end = one_in(2) ? first + below(log.size() - first + 1) : log.size();
    others(made, 5);
    for (size_t i = first; i < end; ++i) {
      TransactionMark mark = log[i];
      if (one_in(10)) mark.shape = 0;
      made.push_back({.mark = mark, .number = i});
      if (one_in(30)) others(made, 2);
    }
    others(made, 5);
    return made;
  }

 private:
  void others(std::vector<Relogged>& made, size_t limit) {
    for (size_t left = below(limit); left > 0; --left) {
      TransactionMark mark = anonymous(1000 + below(60), 2);
      if (by_gtid_) mark.gtid = {.kind = BinlogGtid::Kind::kMysql, .number = 1000 + made.size()};
      made.push_back({.mark = mark});
    }
  }

  std::mt19937 random_;
  bool by_gtid_ = false;
};

TEST(CoordinateSearch, NeverFindsAWrongPlace) {
  size_t times_found = 0;
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    RandomLogs random(seed);
    const Marks log = random.log();
    const std::vector<Relogged> again = random.again(log);
    SentLog sent(1 + random.below(12));
    const size_t sought = random.below(log.size());
    for (size_t i = random.below(sought + 1); i <= sought; ++i)
      sent.record("o.1", 100 * i, 100 * i + 100, log[i]);
    // From somewhere within transactions on it is not behind any.
    EXPECT_EQ(sent.where("o.1", 100 * sought + 1 + random.below(99)).kind, SentPlace::Kind::kInside);

    CoordinateSearch search(sent.marks_up_to(sent.size() - 1));
    for (size_t i = random.one_in(3) ? random.below(again.size() + 1) : 0; i < again.size(); ++i)
      search.transaction("n." + std::to_string(1 + i / 7), i, again[i].mark);
    const SearchResult result = search.result();
    if (result.verdict != Verdict::kFound) continue;
    ++times_found;
    const Relogged& place = again.at(static_cast<size_t>(result.behind->position));
    ASSERT_EQ(place.number, std::optional(sought)) << "seed " << seed;
    ASSERT_EQ(result.behind->file, "n." + std::to_string(1 + result.behind->position / 7));
  }
  EXPECT_GT(times_found, 2000u);
}

}  // namespace
}  // namespace causeway::consistency
