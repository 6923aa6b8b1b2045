#include "protocol/replication_client.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

#include "protocol/handshake.h"

namespace causeway::protocol {
namespace {

using Attributes = std::vector<std::pair<std::string_view, std::string_view>>;

Buffer encoded(const Attributes& attributes) {
  Buffer out;
  for (const auto& [name, value] : attributes)
    append_connect_attribute(out, name, value);
  return out;
}

// As captured from the servers and programs that are named.
TEST(ReplicationClient, IsKnownByWhatItSaysOfItself) {
  struct Case {
    const char* name;
    Attributes attributes;
    bool is_one;
  };
  const Case cases[] = {
      {"nothing", {}, false},
      {"MySQL 9.7's replica",
       {{"_platform", "x86_64"},
        {"_os", "Linux"},
        {"_client_name", "libmysql"},
        {"_client_replication_channel_name", ""},
        {"_pid", "1"},
        {"_client_role", "binary_log_listener"},
        {"program_name", "mysqld"}},
       true},
      {"MariaDB 10.11's replica",
       {{"_os", "debian-linux-gnu"},
        {"_client_name", "libmysql"},
        {"_client_version", "10.11.19"},
        {"_server_host", "127.0.0.1"},
        {"_platform", "x86_64"}},
       true},
      {"an old replica", {{"program_name", "mysqld"}}, true},
      {"mysqlbinlog", {{"_client_name", "libmysql"}, {"program_name", "mysqlbinlog"}}, true},
      {"mariadb-binlog", {{"_client_name", "libmariadb"}, {"program_name", "mariadb-binlog"}}, true},
      {"a program with libmysqlclient",
       {{"_client_name", "libmysql"}, {"_client_version", "9.7.4"}, {"_client_license", "GPL"}},
       false},
      {"a program with libmariadb",
       {{"_client_name", "libmariadb"}, {"_server_host", "db"}, {"program_name", "mysql"}},
       false},
      {"another role", {{"_client_role", "reader"}}, false},
  };
  for (const Case& one : cases)
    EXPECT_EQ(is_replication_client(encoded(one.attributes)), one.is_one) << one.name;
}

TEST(ReplicationClient, AttributesThatAreCutAreNobodys) {
  const Buffer whole = encoded({{"_os", "Linux"}, {"program_name", "mysqlbinlog"}});
  ASSERT_TRUE(is_replication_client(whole));
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(is_replication_client(Bytes(whole).first(size))) << size;
}

}  // namespace
}  // namespace causeway::protocol
