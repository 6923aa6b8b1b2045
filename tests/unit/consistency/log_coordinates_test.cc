#include "consistency/log_coordinates.h"

#include <gtest/gtest.h>

#include <random>

namespace causeway::consistency {
namespace {

using Kind = SentPlace::Kind;
using protocol::TransactionMark;

TransactionMark mark(uint64_t number) {
  return {.gtid = {.kind = protocol::BinlogGtid::Kind::kMysql, .number = number}};
}

// "0:file begin-end ...", and "no" for nothing.
std::string text_of(const SentLog& log) {
  std::string text;
  for (size_t i = 0; i < log.size(); ++i) {
    const SentTransaction one = log.at(i);
    if (i > 0) text += ' ';
    ((text += std::to_string(one.mark.gtid.number)) += '=') += one.file;
    ((text += ':') += std::to_string(one.begin) += '-') += std::to_string(one.end);
  }
  return text;
}

TEST(LogCoordinates, FilesOfOneLogAreInOrder) {
  const auto less = std::partial_ordering::less;
  const auto equal = std::partial_ordering::equivalent;
  const auto unordered = std::partial_ordering::unordered;
  EXPECT_EQ(compare_log_files("b.000001", "b.000002"), less);
  EXPECT_EQ(compare_log_files("b.999999", "b.1000000"), less);
  EXPECT_EQ(compare_log_files("b.000003", "b.000003"), equal);
  EXPECT_EQ(compare_log_files("a.b.1", "a.b.2"), less);
  EXPECT_EQ(compare_log_files("a:b .1", "a:b .2"), less);
  EXPECT_EQ(compare_log_files("log", "log"), equal);
  EXPECT_EQ(compare_log_files("log", "log2"), unordered);
  EXPECT_EQ(compare_log_files("a.1", "b.2"), unordered);
  EXPECT_EQ(compare_log_files("b.1", "b.01"), unordered);
  EXPECT_EQ(compare_log_files("b.", "b.1"), unordered);
  EXPECT_EQ(compare_log_files("b.1x", "b.1"), unordered);
  EXPECT_EQ(compare_log_files("b.99999999999999999999", "b.1"), unordered);
  EXPECT_EQ(to_string(LogCoordinates{.file = "b.1", .position = 4}), "b.1:4");
}

// Transactions 1 and 2 in b.8, 3 in b.10 behind its beginning, something else between 3 and 4.
SentLog some_log() {
  SentLog log(8);
  log.record("b.8", 100, 200, mark(1));
  log.record("b.8", 200, 300, mark(2));
  log.record("b.10", 150, 250, mark(3));
  log.record("b.10", 270, 400, mark(4));
  return log;
}

TEST(SentLog, WhereAClientStands) {
  struct Case {
    std::string_view file;
    uint64_t position;
    Kind kind;
    size_t index;
  };
  const Case cases[] = {
      {"b.7", 999, Kind::kOlder, 0},   {"b.8", 4, Kind::kOlder, 0},      {"b.8", 100, Kind::kOlder, 0},
      {"b.8", 101, Kind::kInside, 0},  {"b.8", 199, Kind::kInside, 0},   {"b.8", 200, Kind::kBehind, 0},
      {"b.8", 201, Kind::kInside, 1},  {"b.8", 300, Kind::kBehind, 1},   {"b.8", 340, Kind::kBehind, 1},
      {"b.9", 4, Kind::kBehind, 1},    {"b.10", 0, Kind::kBehind, 1},    {"b.10", 4, Kind::kBehind, 1},
      {"b.10", 150, Kind::kBehind, 1}, {"b.10", 151, Kind::kInside, 2},  {"b.10", 250, Kind::kBehind, 2},
      {"b.10", 260, Kind::kBehind, 2}, {"b.10", 270, Kind::kBehind, 2},  {"b.10", 271, Kind::kInside, 3},
      {"b.10", 400, Kind::kBehind, 3}, {"b.10", 401, Kind::kNewer, 0},   {"b.11", 4, Kind::kNewer, 0},
      {"c.10", 4, Kind::kOtherLog, 0}, {"b.10x", 4, Kind::kOtherLog, 0}, {"", 4, Kind::kOtherLog, 0},
  };
  const SentLog log = some_log();
  for (const Case& c : cases)
    EXPECT_EQ(log.where(c.file, c.position), (SentPlace{.kind = c.kind, .index = c.index}))
        << c.file << ' ' << c.position;
  EXPECT_EQ(SentLog().where("b.8", 4), SentPlace{});
}

TEST(SentLog, WhatWasSentBesideTransactions) {
  SentLog log = some_log();
  log.reached("b.10", 430);
  log.reached("b.10", 420);  // nobody goes back there
  EXPECT_EQ(log.where("b.10", 430).kind, Kind::kBehind);
  EXPECT_EQ(log.where("b.10", 431).kind, Kind::kNewer);
  EXPECT_EQ(log.where("b.11", 4).kind, Kind::kNewer);
  log.reached("b.11", 4);
  log.reached("b.12", 4);
  log.reached("b.12", 200);
  log.reached("c.13", 4);
  EXPECT_EQ(log.reached(), (LogCoordinates{.file = "b.12", .position = 200}));
  EXPECT_EQ(log.where("b.12", 200), (SentPlace{.kind = Kind::kBehind, .index = 3}));
  EXPECT_EQ(log.where("b.11", 999), (SentPlace{.kind = Kind::kBehind, .index = 3}));
  EXPECT_EQ(log.where("b.12", 201).kind, Kind::kNewer);
  EXPECT_EQ(log.where("c.13", 4).kind, Kind::kOtherLog);
  log.record("b.12", 250, 300, mark(5));
  EXPECT_EQ(log.where("b.12", 250), (SentPlace{.kind = Kind::kBehind, .index = 3}));
  EXPECT_EQ(log.where("b.12", 300), (SentPlace{.kind = Kind::kBehind, .index = 4}));
  EXPECT_EQ(text_of(log), "1=b.8:100-200 2=b.8:200-300 3=b.10:150-250 4=b.10:270-400 5=b.12:250-300");

  SentLog empty;
  empty.reached("b.1", 4);
  EXPECT_FALSE(empty.reached());
  EXPECT_EQ(empty.where("b.1", 4), SentPlace{});
}

TEST(SentLog, WhereATransactionWasBrokenOff) {
  SentLog log = some_log();
  log.broken_off("b.9", 900);
  EXPECT_EQ(log.broken_off(), std::nullopt) << "of another file";
  log.broken_off("b.10", 900);
  EXPECT_EQ(log.broken_off(), 900U);
  EXPECT_EQ(log.where("b.10", 400), (SentPlace{.kind = Kind::kBehind, .index = 3}));
  EXPECT_EQ(log.where("b.10", 401), (SentPlace{.kind = Kind::kInside, .index = 4}));
  EXPECT_EQ(log.where("b.10", 900), (SentPlace{.kind = Kind::kInside, .index = 4}));
  EXPECT_EQ(log.where("b.10", 901).kind, Kind::kNewer);
  EXPECT_EQ(log.marks_up_to(3).size(), 4U) << "those that it has";
  SentLog on = log;
  on.reached("b.10", 430);
  EXPECT_EQ(on.where("b.10", 500).kind, Kind::kNewer) << "it was read again";
  log.record("b.10", 400, 950, mark(5));
  EXPECT_EQ(log.broken_off(), std::nullopt);
  EXPECT_EQ(log.where("b.10", 500), (SentPlace{.kind = Kind::kInside, .index = 4}));
}

TEST(SentLog, ForgetsTheOldest) {
  SentLog log(3);
  EXPECT_EQ(log.capacity(), 3u);
  EXPECT_FALSE(log.last());
  for (uint64_t i = 1; i <= 8; ++i)
    log.record(i < 6 ? "b.1" : "b.2", 10 * i, 10 * i + 10, mark(i));
  EXPECT_EQ(text_of(log), "6=b.2:60-70 7=b.2:70-80 8=b.2:80-90");
  EXPECT_EQ(log.last()->mark, mark(8));
  EXPECT_EQ(log.where("b.1", 60).kind, Kind::kOlder);
  EXPECT_EQ(log.where("b.2", 60).kind, Kind::kOlder);
  EXPECT_EQ(log.where("b.2", 70), (SentPlace{.kind = Kind::kBehind, .index = 0}));
  EXPECT_EQ(log.marks_up_to(1), (std::vector{mark(6), mark(7)}));
  EXPECT_EQ(log.marks_up_to(9).size(), 3u);
  log.clear();
  EXPECT_TRUE(log.empty());
  log.record("b.1", 10, 20, mark(1));
  EXPECT_EQ(text_of(log), "1=b.1:10-20");
  EXPECT_EQ(SentLog(0).capacity(), 1u);
}

TEST(SentLog, AClientThatReadsAgain) {
  SentLog log = some_log();
  log.record("b.8", 200, 300, mark(2));
  EXPECT_EQ(text_of(log), "1=b.8:100-200 2=b.8:200-300");
  EXPECT_EQ(log.where("b.10", 4).kind, Kind::kNewer);
  log.record("b.8", 50, 60, mark(9));  // ahead of all
  EXPECT_EQ(text_of(log), "9=b.8:50-60");
  log.record("c.1", 4, 60, mark(1));  // another log
  EXPECT_EQ(text_of(log), "1=c.1:4-60");
  log.record("c.1", 99, 60, mark(2));  // where it begins is not known
  EXPECT_EQ(text_of(log), "1=c.1:4-60 2=c.1:60-60");

  SentLog full(3);  // a ring that does not begin at its front
  for (uint64_t i = 1; i <= 4; ++i)
    full.record("b." + std::to_string(i), 10, 20, mark(i));
  full.record("b.3", 20, 30, mark(7));
  EXPECT_EQ(text_of(full), "2=b.2:10-20 3=b.3:10-20 7=b.3:20-30");
  full.record("b.3", 30, 40, mark(8));
  EXPECT_EQ(text_of(full), "3=b.3:10-20 7=b.3:20-30 8=b.3:30-40");
}

TEST(SentLog, IsMadeAgainFromWhatItTells) {
  SentLog log(3);
  for (uint64_t i = 1; i <= 5; ++i)
    log.record("b." + std::to_string(i / 2), 10 * i, 10 * i + 10, mark(i));
  log.reached("b.3", 99);
  SentLog again(3);
  for (size_t i = 0; i < log.size(); ++i)
    again.record(log.at(i).file, log.at(i).begin, log.at(i).end, log.at(i).mark);
  again.reached(log.reached()->file, log.reached()->position);
  EXPECT_EQ(text_of(again), text_of(log));
  EXPECT_EQ(again.reached(), log.reached());
}

// Against a list that keeps all.
TEST(SentLog, IsTheEndOfAList) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    SentLog log(1 + random() % 9);
    std::vector<LogCoordinates> ends;
    uint64_t file = 1;
    uint64_t position = 4;
    for (uint64_t i = 0; i < 40; ++i) {
      if (random() % 5 == 0) {
        ++file;
        position = 4;
        if (random() % 2 == 0) log.reached("b." + std::to_string(file), position);
      }
      const uint64_t begin = position + random() % 2 * 10;
      position = begin + 10 + random() % 10;
      ends.push_back({.file = "b." + std::to_string(file), .position = position});
      log.record(ends.back().file, begin, position, mark(i));
    }
    for (size_t i = 0; i < ends.size(); ++i) {
      const SentPlace place = log.where(ends[i].file, ends[i].position);
      const bool is_kept = i + log.size() >= ends.size();
      EXPECT_EQ(place.kind, is_kept ? Kind::kBehind : Kind::kOlder);
      if (!is_kept) continue;
      EXPECT_EQ(place.index, i + log.size() - ends.size());
      EXPECT_EQ(log.at(place.index).mark, mark(i));
      EXPECT_EQ(log.at(place.index).file, ends[i].file);
    }
  }
}

}  // namespace
}  // namespace causeway::consistency
