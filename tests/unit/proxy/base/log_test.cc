#include "proxy/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/log_queue.h"

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;

// 2026-03-01 12:34:56.007 UTC
const std::chrono::system_clock::time_point kTime{1'772'368'496'007ms};

std::string logfmt(std::string_view event, std::initializer_list<LogField> fields = {}) {
  return format_log_line(LogFormat::kLogfmt, kTime, LogLevel::kInfo, event, fields);
}

std::string json(std::string_view event, std::initializer_list<LogField> fields = {}) {
  return format_log_line(LogFormat::kJson, kTime, LogLevel::kInfo, event, fields);
}

// What the value of the field `k` looks like.
std::string logfmt_value(LogField field) {
  const std::string line = logfmt("e", {field});
  return line.substr(line.find(" k=") + 3);
}

std::string json_value(LogField field) {
  const std::string line = json("e", {field});
  const size_t start = line.find(",\"k\":") + 5;
  return line.substr(start, line.size() - 1 - start);
}

TEST(LogLine, HasTimeLevelEventAndFieldsInLogfmt) {
  EXPECT_EQ(logfmt("node is down", {{"node", "10.0.0.1:3306"}, {"errno", 2003}}),
            "time=2026-03-01T12:34:56.007Z level=info event=\"node is down\" node=10.0.0.1:3306 errno=2003");
}

TEST(LogLine, HasTimeLevelEventAndFieldsInJson) {
  EXPECT_EQ(json("node is down", {{"node", "10.0.0.1:3306"}, {"errno", 2003}}),
            "{\"time\":\"2026-03-01T12:34:56.007Z\",\"level\":\"info\",\"event\":\"node is down\","
            "\"node\":\"10.0.0.1:3306\",\"errno\":2003}");
}

TEST(LogLine, WritesEveryKindOfValue) {
  for (const auto& value : {logfmt_value, json_value}) {
    EXPECT_EQ(value({"k", true}), "true");
    EXPECT_EQ(value({"k", -5}), "-5");
    EXPECT_EQ(value({"k", std::numeric_limits<uint64_t>::max()}), "18446744073709551615");
    EXPECT_EQ(value({"k", 0.25}), "0.25");
    EXPECT_EQ(value({"k", std::numeric_limits<double>::infinity()}), "null");
    EXPECT_EQ(value({"k", uint8_t{7}}), "7");
  }
}

TEST(LogLine, QuotesInLogfmtOnlyWhatNeedsIt) {
  EXPECT_EQ(logfmt_value({"k", "plain-text_1.0/x"}), "plain-text_1.0/x");
  EXPECT_EQ(logfmt_value({"k", ""}), "\"\"");
  EXPECT_EQ(logfmt_value({"k", "a b"}), "\"a b\"");
  EXPECT_EQ(logfmt_value({"k", "a=b"}), "\"a=b\"");
}

TEST(LogLine, EscapesWhatWouldBreakALineOrAQuote) {
  const std::string hostile("a\"b\\c\nd\re\tf\0g\x1b\x7f", 15);
  for (const auto& value : {logfmt_value, json_value}) {
    EXPECT_EQ(value({"k", hostile}), R"("a\"b\\c\nd\re\tf\u0000g\u001b\u007f")");
  }
}

TEST(LogLine, KeepsValidUtf8AndReplacesTheRest) {
  EXPECT_EQ(json_value({"k", "Zürich 山 🚀"}), "\"Zürich 山 🚀\"");
  for (const char* invalid :
       {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x28\xa1"}) {
    const std::string value = json_value({"k", invalid});
    EXPECT_TRUE(value.starts_with("\"\\ufffd")) << value;
  }
}

TEST(LogLine, IsBoundedWhateverIsLogged) {
  const std::string binary(100'000, '\x01');
  const std::string large(100'000, 'x');
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string line =
        format_log_line(format, kTime, LogLevel::kError, large,
                        {{"a", binary}, {"b", large}, {"c", binary}, {"d", large}, {"e", 1}});
    EXPECT_LT(line.size(), kMaxLogLineBytes);
    EXPECT_NE(line.find("..."), std::string::npos);
    EXPECT_NE(line.find("truncated"), std::string::npos);
    EXPECT_EQ(line.back(), format == LogFormat::kJson ? '}' : 'e');
  }
}

TEST(Logger, WritesWholeLinesAtAndAboveItsLevel) {
  std::vector<std::string> lines;
  Logger logger(LogLevel::kWarning, LogFormat::kLogfmt, [&lines](LogLevel, std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
  logger.debug("no");
  logger.info("no");
  logger.warning("yes");
  logger.error("yes");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("level=warning event=yes\n"), std::string::npos);
  EXPECT_NE(lines[1].find("level=error event=yes\n"), std::string::npos);
}

TEST(Logger, CopiesShareLevelAndSink) {
  int lines = 0;
  Logger logger(LogLevel::kOff, LogFormat::kJson, [&lines](LogLevel, std::string_view) {
    ++lines;
    return true;
  });
  const Logger copy = logger;
  copy.error("no");
  EXPECT_EQ(lines, 0);
  logger.set_level(LogLevel::kDebug);
  copy.debug("yes");
  EXPECT_EQ(lines, 1);
  EXPECT_TRUE(copy.enabled(LogLevel::kDebug));
}

TEST(Logger, WritesOneLineAtATimeFromManyThreads) {
  std::string written;  // not synchronised: the logger has to do it
  const Logger logger(LogLevel::kInfo, LogFormat::kLogfmt, [&written](LogLevel, std::string_view line) {
    written += line;
    return true;
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([logger, t] {
      for (int i = 0; i < 100; ++i)
        logger.info("event", {{"thread", t}, {"i", i}});
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(std::ranges::count(written, '\n'), 400);
}

TEST(RepeatedLines, TellsTheFirstFewAndCountsTheRest) {
  RepeatedLines lines;
  const RepeatedLines::Clock::time_point start{};
  for (uint64_t i = 0; i < 100; ++i) {
    const auto now = start + i * 50ms;
    EXPECT_TRUE(lines.take_summaries(now).empty());
    EXPECT_EQ(lines.admit(LogLevel::kError, "a", now), i < RepeatedLines::kToldPerInterval);
    EXPECT_TRUE(lines.admit(LogLevel::kInfo, std::to_string(i), now)) << "another line";
  }
  const auto over = start + RepeatedLines::kInterval;
  const auto summaries = lines.take_summaries(over);
  ASSERT_EQ(summaries.size(), 1u);
  EXPECT_EQ(summaries[0].body, "a");
  EXPECT_EQ(summaries[0].level, LogLevel::kError);
  EXPECT_EQ(summaries[0].count, 100 - RepeatedLines::kToldPerInterval);
  EXPECT_TRUE(lines.admit(LogLevel::kError, "a", over)) << "a new interval";
  EXPECT_TRUE(lines.take_all().empty()) << "none of its lines was left out";
}

TEST(RepeatedLines, AreBounded) {
  RepeatedLines lines;
  const RepeatedLines::Clock::time_point now{};
  for (size_t i = 0; i < RepeatedLines::kMaxLines; ++i)
    EXPECT_TRUE(lines.admit(LogLevel::kInfo, std::to_string(i), now));
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(lines.admit(LogLevel::kInfo, "one more", now)) << "what is not remembered is told";
}

TEST(Logger, SaysHowOftenALineWasLeftOut) {
  std::string written;
  const Logger logger(LogLevel::kInfo, LogFormat::kJson, [&written](LogLevel, std::string_view line) {
    written += line;
    return true;
  });
  for (int i = 0; i < 30; ++i)
    logger.info("access denied", {{"user", "u"}});
  EXPECT_EQ(std::ranges::count(written, '\n'), 5);
  logger.tell_all_repeated();
  EXPECT_EQ(std::ranges::count(written, '\n'), 6);
  EXPECT_NE(written.find("\"event\":\"access denied\",\"user\":\"u\",\"repeated\":25}\n"), std::string::npos)
      << written;
}

TEST(Logger, SaysHowManyLinesWereDropped) {
  bool room = false;
  std::string written;
  const Logger logger(LogLevel::kInfo, LogFormat::kLogfmt, [&](LogLevel, std::string_view line) {
    if (room) written += line;
    return room;
  });
  for (int i = 0; i < 7; ++i)
    logger.info("event", {{"i", i}});
  EXPECT_EQ(logger.dropped(), 7u);
  room = true;
  logger.info("event", {{"i", 7}});
  logger.info("event", {{"i", 8}});
  EXPECT_EQ(std::ranges::count(written, '\n'), 3);
  EXPECT_NE(written.find("event=\"log lines were dropped\" lines=7\n"), std::string::npos) << written;
}

// A place that takes nothing until it is opened.
class Stalled {
 public:
  LogQueue::Write write() {
    return [this](std::string_view line) {
      std::unique_lock lock(mutex_);
      ++blocked_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      lines_.emplace_back(line);
      return true;
    };
  }
  void wait_until_blocked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return blocked_ > 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int blocked_ = 0;
  bool open_ = false;
  std::vector<std::string> lines_;
};

TEST(LogQueue, NobodyWaitsForAPlaceThatTakesNothing) {
  Stalled place;
  {
    const LogQueue queue(place.write(), 8);
    const LogSink sink = queue.sink();
    EXPECT_TRUE(sink(LogLevel::kInfo, "first"));
    place.wait_until_blocked();
    int taken = 0;
    for (int i = 0; i < 20; ++i)
      taken += sink(LogLevel::kInfo, "more") ? 1 : 0;
    EXPECT_EQ(taken, 6) << "a flood leaves room";
    EXPECT_TRUE(sink(LogLevel::kWarning, "warning"));
    EXPECT_TRUE(sink(LogLevel::kError, "error"));
    EXPECT_FALSE(sink(LogLevel::kError, "too much"));
    place.open();
  }
  EXPECT_EQ(place.lines(), (std::vector<std::string>{"first", "more", "more", "more", "more", "more", "more",
                                                     "warning", "error"}))
      << "in order, all of it before the end";
}

TEST(LogQueue, CountsLinesThatCannotBeWritten) {
  LostLines lost;
  {
    const LogQueue queue([](std::string_view line) { return line.find("bad") == std::string_view::npos; });
    const Logger logger(LogLevel::kInfo, LogFormat::kLogfmt, queue.sink(), queue.lost());
    for (const std::string_view event : {"good", "bad", "good", "bad"})
      logger.info(event);
    lost = queue.lost();
  }
  EXPECT_EQ(*lost, 2u);
  EXPECT_EQ(Logger(LogLevel::kInfo, LogFormat::kLogfmt, {}, lost).dropped(), 2u);
}

TEST(LogQueue, EndsWithItsPlaceStalled) {
  const auto place = std::make_shared<Stalled>();
  LogSink sink;
  {
    const LogQueue queue([place](std::string_view line) { return place->write()(line); }, 8);
    sink = queue.sink();
    EXPECT_TRUE(sink(LogLevel::kInfo, "first"));
    place->wait_until_blocked();
  }
  EXPECT_FALSE(sink(LogLevel::kInfo, "after the end"));
  place->open();
}

}  // namespace
}  // namespace causeway::proxy
