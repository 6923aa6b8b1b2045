#include "proxy/cluster/server_errors.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace causeway::proxy {
namespace {

// Of all codes that servers have, those for which it is said.
template <class Rule>
std::set<unsigned> codes_of(Rule rule) {
  std::set<unsigned> codes;
  for (unsigned code = 0; code < 5000; ++code)
    if (rule(code)) codes.insert(code);
  return codes;
}

TEST(ServerErrors, MeanWhatTheyMeanAndNoOthersDo) {
  using Codes = std::set<unsigned>;
  EXPECT_EQ(codes_of(is_wrong_password), (Codes{1045, 1698}));
  EXPECT_EQ(codes_of(is_about_account), (Codes{1040, 1044, 1045, 1129, 1130, 1142, 1143, 1203, 1226, 1227,
                                               1396, 1524, 1698, 1820, 1862, 3118, 3159, 3955, 4151}));
  EXPECT_EQ(codes_of(is_about_everybody), (Codes{1040, 1053, 1129, 1130, 3032}));
  EXPECT_EQ(codes_of(is_shutdown), (Codes{1053, 3032}));
  EXPECT_EQ(codes_of(is_unknown_name), (Codes{1044, 1049, 1054, 1109, 1115, 1141, 1142, 1143, 1146, 1176,
                                              1273, 1305, 1356, 1370, 1449, 1630}));
}

// The texts are those of MySQL 9.7 and MariaDB 10.11.
TEST(ServerErrors, OfWhichTheTextCounts) {
  const auto full = [](std::string_view message) {
    return codes_of([message](unsigned code) { return is_account_full(code, message); });
  };
  const std::string limit = "User 'app' has exceeded the 'max_user_connections' resource (current value: 3)";
  EXPECT_EQ(full(limit), (std::set<unsigned>{1203, 1226}));
  EXPECT_EQ(full("User 'app' has exceeded the 'max_connections_per_hour' resource (current value: 3)"),
            (std::set<unsigned>{1203}));

  const auto read_only = [](std::string_view message) {
    return codes_of([message](unsigned code) { return is_read_only(code, message); });
  };
  const std::string mysql =
      "The MySQL server is running with the --super-read-only option so it cannot "
      "execute this statement";
  EXPECT_EQ(read_only(mysql), (std::set<unsigned>{1290, 1836}));
  EXPECT_EQ(read_only("The MariaDB server is running with the --read_only=1 option"),
            (std::set<unsigned>{1290, 1836}));
  EXPECT_EQ(read_only("The MySQL server is running with the --secure-file-priv option so it cannot execute "
                      "this statement"),
            (std::set<unsigned>{1836}));
}

TEST(ServerErrors, AheadOfAGreetingHaveTheStateOfTheirCode) {
  EXPECT_EQ(sql_state_of_refusal(1040, "HY000"), "08004");
  EXPECT_EQ(sql_state_of_refusal(1042, "HY000"), "08S01");
  EXPECT_EQ(sql_state_of_refusal(1043, "HY000"), "08S01");
  EXPECT_EQ(sql_state_of_refusal(1053, "HY000"), "08S01");
  EXPECT_EQ(sql_state_of_refusal(1129, "HY000"), "HY000");
  EXPECT_EQ(sql_state_of_refusal(1040, "08004"), "08004");
  EXPECT_EQ(sql_state_of_refusal(1045, "28000"), "28000");
}

}  // namespace
}  // namespace causeway::proxy
