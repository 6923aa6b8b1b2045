#include "consistency/wait_statement.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace causeway::consistency {
namespace {

using std::chrono::milliseconds;
using Columns = std::vector<std::optional<std::string_view>>;

const std::string kA = "34250e64-e564-11f1-bad4-02fc00000001";
constexpr WaitDialect kMysql57{protocol::ServerFlavor::kMysql, 50744};
constexpr WaitDialect kMysql80{protocol::ServerFlavor::kMysql, 80025};
constexpr WaitDialect kMysql97{protocol::ServerFlavor::kMysql, 90704};
constexpr WaitDialect kMariadb{protocol::ServerFlavor::kMariadb, 101119};

std::string statement(const std::string& position, milliseconds timeout, const WaitDialect& dialect) {
  std::string out = "before;";
  if (!append_wait_statement(out, Position::parse(position).value(), timeout, dialect)) {
    EXPECT_EQ(out, "before;");
    return "none";
  }
  EXPECT_TRUE(out.starts_with("before;"));
  return out.substr(7);
}

// Servers say of coordinates that they are reached when the applier is started at the wrong moment.
std::string asked_again(const std::string& call, const std::string& timeout, const std::string& again) {
  return "SELECT CASE " + call + timeout + ")>=0 WHEN 1 THEN (" + call + again + ")=0 AND " + call + again +
         ")=0)-1 WHEN 0 THEN -1 END LIMIT 1";
}

TEST(WaitStatement, SpeaksTheServersDialect) {
  const std::string gtid = "mysql:" + kA + ":1-5:tag:7";
  const std::string binlog = "binlog:b.000003:154";
  const milliseconds t{250};
  EXPECT_EQ(statement(gtid, t, kMysql97),
            "SELECT WAIT_FOR_EXECUTED_GTID_SET(_utf8mb4'" + kA + ":1-5:tag:7',0.250) LIMIT 1");
  EXPECT_EQ(statement("mariadb:0-1-5", t, kMariadb),
            "SELECT MASTER_GTID_WAIT(_utf8mb4'0-1-5',0.250) LIMIT 1");
  EXPECT_EQ(statement(binlog, t, kMysql97),
            asked_again("SOURCE_POS_WAIT(_utf8mb4'b.000003',154,", "0.250", "0.001"));
  EXPECT_EQ(statement(binlog, t, kMysql80),
            asked_again("MASTER_POS_WAIT(_utf8mb4'b.000003',154,", "0.250", "0.001"));
  EXPECT_EQ(statement(binlog, t, kMysql57), asked_again("MASTER_POS_WAIT(_utf8mb4'b.000003',154,", "1", "1"));
  EXPECT_EQ(statement(binlog, t, kMariadb), asked_again("MASTER_POS_WAIT(_utf8mb4'b.000003',154,", "1", "1"));
}

TEST(WaitStatement, IsNotMadeWhereTheServerHasNone) {
  EXPECT_EQ(statement("mysql:" + kA + ":1", milliseconds{1}, kMariadb), "none");
  EXPECT_EQ(statement("mariadb:0-1-5", milliseconds{1}, kMysql97), "none");
  EXPECT_EQ(statement("", milliseconds{1}, kMysql97), "none");
  EXPECT_FALSE(can_wait(PositionKind::kMariadbGtid, kMysql97));
  EXPECT_TRUE(can_wait(PositionKind::kBinlogCoordinates, kMariadb));
}

TEST(WaitStatement, NoTimeoutMeansForEver) {
  const std::string gtid = "mysql:" + kA + ":1";
  const std::string head = "SELECT WAIT_FOR_EXECUTED_GTID_SET(_utf8mb4'" + kA + ":1',";
  const struct {
    milliseconds timeout;
    std::string fractions, seconds;
  } cases[] = {
      {milliseconds::min(), "0.001", "1"},
      {milliseconds{-1}, "0.001", "1"},
      {milliseconds{0}, "0.001", "1"},
      {milliseconds{1}, "0.001", "1"},
      {milliseconds{999}, "0.999", "1"},
      {milliseconds{1000}, "1.000", "1"},
      {milliseconds{1001}, "1.001", "2"},
      {milliseconds{12345}, "12.345", "13"},
      {milliseconds::max(), "86400.000", "86400"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(statement(gtid, c.timeout, kMysql97), head + c.fractions + ") LIMIT 1");
    EXPECT_EQ(statement("binlog:b.1:4", c.timeout, kMariadb),
              asked_again("MASTER_POS_WAIT(_utf8mb4'b.1',4,", c.seconds, "1"));
  }
}

TEST(WaitResult, TableOfVerdicts) {
  using enum PositionKind;
  const struct {
    PositionKind kind;
    std::optional<std::string_view> value;
    WaitVerdict verdict;
  } cases[] = {
      {kGtidSet, "0", WaitVerdict::kReached},
      {kGtidSet, "1", WaitVerdict::kTimeout},
      {kGtidSet, "-1", WaitVerdict::kError},
      {kGtidSet, std::nullopt, WaitVerdict::kError},
      {kMariadbGtid, "0", WaitVerdict::kReached},
      {kMariadbGtid, "-1", WaitVerdict::kTimeout},
      {kMariadbGtid, "1", WaitVerdict::kError},
      {kMariadbGtid, std::nullopt, WaitVerdict::kError},
      {kBinlogCoordinates, "0", WaitVerdict::kReached},
      {kBinlogCoordinates, "17", WaitVerdict::kReached},
      {kBinlogCoordinates, "-1", WaitVerdict::kTimeout},
      {kBinlogCoordinates, std::nullopt, WaitVerdict::kNotReplicating},
      {kBinlogCoordinates, "", WaitVerdict::kError},
      {kBinlogCoordinates, "1x", WaitVerdict::kError},
      {kNone, "0", WaitVerdict::kError},
  };
  for (const auto& c : cases)
    EXPECT_EQ(parse_wait_result(c.kind, c.value), c.verdict)
        << to_string(c.kind) << " " << c.value.value_or("NULL");
}

TEST(ProbeStatement, SpeaksTheServersDialect) {
  EXPECT_EQ(probe_statement(PositionKind::kGtidSet, kMysql80),
            "SELECT @@global.gtid_owned, @@global.gtid_executed, @@global.read_only");
  EXPECT_EQ(probe_statement(PositionKind::kMariadbGtid, kMariadb),
            "SELECT @@global.gtid_binlog_pos, @@global.read_only");
  EXPECT_EQ(probe_statement(PositionKind::kBinlogCoordinates, kMariadb), "SHOW MASTER STATUS");
  EXPECT_EQ(probe_statement(PositionKind::kBinlogCoordinates, kMysql80), "SHOW MASTER STATUS");
  EXPECT_EQ(probe_statement(PositionKind::kBinlogCoordinates, kMysql97), "SHOW BINARY LOG STATUS");
  EXPECT_EQ(probe_statement(PositionKind::kNone, kMysql97), "");
}

TEST(ProbeRow, GivesThePosition) {
  const std::string set = kA + ":1-5,\n" + kA + ":7";
  const auto position = [](PositionKind kind, const Columns& columns) {
    const auto row = parse_probe_row(kind, columns, kA);
    EXPECT_TRUE(row) << row.error().message();
    EXPECT_TRUE(row->logged.empty());
    EXPECT_EQ(row->seen_anywhere(), row->executed);
    return row->executed.to_string();
  };
  EXPECT_EQ(position(PositionKind::kGtidSet, {"", set, "0"}), "mysql:" + kA + ":1-5:7");
  EXPECT_EQ(position(PositionKind::kGtidSet, {"", "", "0"}), "mysql:");
  EXPECT_EQ(position(PositionKind::kMariadbGtid, {"0-1-6", "OFF"}), "mariadb:0-1-6");
  EXPECT_EQ(position(PositionKind::kBinlogCoordinates, {"mysql-bin.000001", "1324", "", "", set}),
            "binlog:mysql-bin.000001:1324");
}

TEST(ProbeRow, TellsWhatTheWriterIsCommitting) {
  const std::string other = "11111111-1111-1111-1111-111111111111";
  const struct {
    std::string owned, server_uuid, logged;
  } cases[] = {
      {kA + ":7#20:6#19", kA, "mysql:" + kA + ":1-7"},
      {kA + ":9#20", kA, "mysql:" + kA + ":1-5:9"},
      {kA + ":6#1" + kA + ":tag:3#2", kA, "mysql:" + kA + ":1-6:tag:3"},
      // What it applies for others may take any time; so may what nobody says to be its own.
      {other + ":8#21", kA, ""},
      {other + ":8#21" + kA + ":6#19", kA, "mysql:" + kA + ":1-6"},
      {kA + ":6#19", "", ""},
      {kA + ":6#19", "no uuid", ""},
  };
  for (const auto& c : cases) {
    const auto row =
        parse_probe_row(PositionKind::kGtidSet, Columns{c.owned, kA + ":1-5", "0"}, c.server_uuid);
    ASSERT_TRUE(row) << c.owned;
    EXPECT_EQ(row->executed.to_string(), "mysql:" + kA + ":1-5") << c.owned;
    EXPECT_EQ(row->logged.to_string(), c.logged) << c.owned;
    EXPECT_EQ(row->seen_anywhere(), c.logged.empty() ? row->executed : row->logged) << c.owned;
  }
}

TEST(ProbeRow, BadRowNamesItsError) {
  using enum PositionKind;
  const auto error = [](PositionKind kind, const Columns& columns) {
    return parse_probe_row(kind, columns, kA).error();
  };
  EXPECT_EQ(error(kGtidSet, {}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kGtidSet, {std::nullopt}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kGtidSet, {"", "0-1-6"}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kGtidSet, {"", std::nullopt, "0"}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kGtidSet, {std::nullopt, kA + ":1", "0"}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kGtidSet, {"", "0-1-6", "0"}), PositionError::kBadUuid);
  EXPECT_EQ(error(kGtidSet, {"7", kA + ":1", "0"}), PositionError::kBadUuid);
  EXPECT_EQ(error(kGtidSet, {"", kA + ":1", "1"}), PositionError::kNotWritable);
  for (const auto& read_only : Columns{"1", "ON", "NO_LOCK", "", std::nullopt})
    EXPECT_EQ(error(kMariadbGtid, {"0-1-6", read_only}), PositionError::kNotWritable);
  EXPECT_EQ(error(kMariadbGtid, {"0-1-6"}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kBinlogCoordinates, {"b.000001"}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kBinlogCoordinates, {"b.000001", std::nullopt}), PositionError::kMissingColumn);
  EXPECT_EQ(error(kBinlogCoordinates, {"b.000001", "x"}), PositionError::kBadNumber);
  EXPECT_EQ(error(kBinlogCoordinates, {"b", "4"}), PositionError::kBadFileName);
}

TEST(WriterCheckStatement, WaitsForWhatIsBeingCommittedWhereServersTell) {
  const auto check = [](PositionKind kind, const WaitDialect& dialect) {
    std::string out;
    append_writer_check(out, kind, dialect, std::chrono::milliseconds{250});
    return out;
  };
  EXPECT_EQ(check(PositionKind::kMariadbGtid, kMariadb), writer_check_statement());
  EXPECT_EQ(check(PositionKind::kBinlogCoordinates, kMysql97), writer_check_statement());
  EXPECT_EQ(check(PositionKind::kNone, kMysql97), writer_check_statement());
  WaitDialect without_regexp = kMysql80;
  without_regexp.server_version = 80003;
  EXPECT_EQ(check(PositionKind::kGtidSet, without_regexp), writer_check_statement());
  const std::string waits = check(PositionKind::kGtidSet, kMysql97);
  EXPECT_NE(waits.find("WAIT_FOR_EXECUTED_GTID_SET("), std::string::npos) << waits;
  EXPECT_NE(waits.find(",0.250)"), std::string::npos) << waits;
}

TEST(WriterCheckStatement, TheAnswer) {
  using enum WriterCheck;
  const struct {
    std::optional<std::string_view> value;
    WriterCheck check;
  } cases[] = {
      {"0", kWriter},         {"OFF", kWriter}, {"1", kNoWriter},          {"ON", kNoWriter},
      {"NO_LOCK", kNoWriter}, {"", kNoWriter},  {std::nullopt, kNoWriter}, {"committing", kStillCommitting}};
  for (const auto& c : cases)
    EXPECT_EQ(parse_writer_check(c.value), c.check) << c.value.value_or("NULL");
}

}  // namespace
}  // namespace causeway::consistency
