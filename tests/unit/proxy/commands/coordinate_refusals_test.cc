#include "proxy/commands/coordinate_refusals.h"

#include <gtest/gtest.h>

#include <vector>

namespace causeway::proxy {
namespace {

using consistency::LogCoordinates;
using consistency::SearchDoubt;
using consistency::SearchResult;
using consistency::SearchVerdict;

const LogCoordinates kAsked{.file = "b.000003", .position = 157};
const LogCoordinates kThere{.file = "b.000009", .position = 1234};
const LogOwner kOld{.owner = "1111", .node = "db1:3306"};
const LogOwner kNew{.owner = "2222", .node = "db2:3306"};
const std::vector<KnownWriter> kWriters{{.owner = "1111", .node = "db1:3306"},
                                        {.owner = "2222", .node = "db2:3306"}};

TEST(CoordinateRefusals, SayWhoseWhatWasSentAndWhatToSet) {
  const std::string kSetAsked = "SOURCE_LOG_FILE='2222:b.000003', SOURCE_LOG_POS=157";
  const struct {
    ClientError error;
    std::string message;
  } kCases[] = {
      {unknown_owner(kAsked, kWriters, kNew, true),
       "Causeway does not know from which server's log b.000003:157 is: there were several servers. If it is "
       "of 2222 "
       "(db2:3306), the writer now, say so: " +
           kSetAsked + "; else name the other server likewise: 1111 (db1:3306)"},
      {unknown_owner(kAsked, {}, kNew, false),
       "Causeway does not know from which server's log b.000003:157 is, and keeps no record of it "
       "(replication.state_file). If it is of 2222 (db2:3306), the writer now, say so: " +
           kSetAsked},
      {ambiguous_owner(kAsked, kNew, kOld),
       "b.000003:157 is a place in the logs of 2222 (db2:3306) and of 1111 (db1:3306), and not the same one. "
       "Say whose "
       "it is: " +
           kSetAsked + ", or SOURCE_LOG_FILE='1111:b.000003', SOURCE_LOG_POS=157"},
      {no_such_place(kAsked, kNew, LogCoordinates{.file = "b.000003", .position = 100}),
       "No event begins at b.000003:157 in the log of 2222 (db2:3306). The last transaction before it ends "
       "at "
       "b.000003:100"},
      {no_such_place(kAsked, kNew, std::nullopt),
       "No event begins at b.000003:157 in the log of 2222 (db2:3306)"},
      {another_log(kAsked, kNew),
       "The log of 2222 (db2:3306) does not have what was sent of it to this client, which asks for "
       "b.000003:157: "
       "it was begun "
       "anew, or that part was purged. Load the data again, and set its coordinates with whose they are: "
       "SOURCE_LOG_FILE='2222:FILE', SOURCE_LOG_POS=4"},
      {owner_not_there(kAsked, kOld, kNew, LogCoordinates{.file = "b.000002", .position = 99}),
       "b.000003:157 is of the log of 1111 (db1:3306), which Causeway cannot ask; the log is that of 2222 "
       "(db2:3306), the writer now. "
       "Last sent to this client: up to b.000002:99. Load the data again, or set coordinates of that server "
       "by hand: "
       "SOURCE_LOG_FILE='2222:FILE', SOURCE_LOG_POS=4"},
      {inside_transaction(kAsked, kOld, kNew, kThere),
       "b.000003:157 of the log of 1111 (db1:3306) is in the middle of a transaction, which can not be gone "
       "on with "
       "from that of 2222 (db2:3306), the writer now. It begins there behind "
       "SOURCE_LOG_FILE='2222:b.000009', "
       "SOURCE_LOG_POS=1234"},
      {inside_transaction(kAsked, kOld, kNew, std::nullopt),
       "b.000003:157 of the log of 1111 (db1:3306) is in the middle of a transaction, which can not be gone "
       "on with from that of 2222 (db2:3306), the writer now. Nor is its beginning there for certain. Load "
       "the "
       "data again, or set coordinates of that server by hand: SOURCE_LOG_FILE='2222:FILE', "
       "SOURCE_LOG_POS=4"},
      {not_translated(kAsked, kOld, kNew,
                      SearchResult{.verdict = SearchVerdict::kNotThere, .behind = kThere, .missing = 2}),
       "b.000003:157 is of the log of 1111 (db1:3306); in that of 2222 (db2:3306), the writer now, the last "
       "2 "
       "transactions of this client are missing. The last one that both have is ahead of "
       "SOURCE_LOG_FILE='2222:b.000009', SOURCE_LOG_POS=1234"},
      {not_translated(kAsked, kOld, kNew, SearchResult{.verdict = SearchVerdict::kNotThere}),
       "b.000003:157 is of the log of 1111 (db1:3306); in that of 2222 (db2:3306), the writer now, none of "
       "the last "
       "transactions of this client is there. Load the data again"},
      {not_translated(kAsked, kOld, kNew,
                      SearchResult{.verdict = SearchVerdict::kNotCertain, .doubt = SearchDoubt::kSeveral}),
       "b.000003:157 is of the log of 1111 (db1:3306); in that of 2222 (db2:3306), the writer now, its place "
       "is not "
       "certain: " +
           std::string(to_string(SearchDoubt::kSeveral)) +
           ". Load the data again, or set coordinates of that server by hand"},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(one.error.message, one.message);
    EXPECT_EQ(one.error.code, 1236) << "at which replicas stop";
    EXPECT_EQ(one.error.sql_state, "HY000");
  }
}

TEST(CoordinateRefusals, AReplicaIsNotCalledTheWriter) {
  LogOwner replica = kNew;
  replica.is_replica = true;
  for (const ClientError& error :
       {unknown_owner(kAsked, {}, replica, true), owner_not_there(kAsked, kOld, replica, std::nullopt),
        inside_transaction(kAsked, kOld, replica, kThere),
        not_translated(kAsked, kOld, replica, SearchResult{.verdict = SearchVerdict::kNotThere})}) {
    EXPECT_NE(error.message.find("2222 (db2:3306), whose log is read now"), std::string::npos)
        << error.message;
    EXPECT_EQ(error.message.find("writer"), std::string::npos) << error.message;
  }
}

TEST(CoordinateRefusals, UseMariadbsWordsThere) {
  const LogOwner mine{.owner = "3", .node = "db3:3306", .mariadb = true};
  EXPECT_NE(
      ambiguous_owner(kAsked, mine, {.owner = "4", .node = {}, .mariadb = true})
          .message.find("MASTER_LOG_FILE='3:b.000003', MASTER_LOG_POS=157, or MASTER_LOG_FILE='4:b.000003'"),
      std::string::npos);
}

TEST(CoordinateRefusals, FitIntoWhatClientsKeep) {
  const LogOwner one{.owner = std::string(36, 'a'), .node = std::string(40, 'n') + ":3306"};
  const LogCoordinates asked{.file = std::string(20, 'f') + ".000001", .position = 4'294'967'295};
  const SearchResult missing{.verdict = SearchVerdict::kNotThere, .behind = asked, .missing = 256};
  for (const ClientError& error :
       {ambiguous_owner(asked, one, one), owner_not_there(asked, one, one, asked),
        inside_transaction(asked, one, one, asked), not_translated(asked, one, one, missing)})
    EXPECT_LE(error.message.size(), kMaxClientErrorBytes) << error.message;
}

TEST(CoordinateRefusals, WhatMayGoBetterTheNextTimeIsAnotherError) {
  const ClientError error = log_not_read(kNew, "timeout");
  EXPECT_EQ(error.code, 1105);
  EXPECT_EQ(error.message, "Causeway cannot read the log of 2222 (db2:3306): timeout");
}

}  // namespace
}  // namespace causeway::proxy
