#include "protocol/replication_client.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace causeway::protocol {
namespace {

constexpr std::array<std::string_view, 4> kPrograms = {"mysqld", "mariadbd", "mysqlbinlog", "mariadb-binlog"};

}  // namespace

bool is_replication_client(Bytes connect_attributes) {
  ByteReader reader(connect_attributes);
  bool of_mysql_library = false;
  bool has_server_host = false;
  while (!reader.at_end()) {
    const std::string_view name = reader.text_lenenc();
    const std::string_view value = reader.text_lenenc();
    if (!reader.ok()) return false;
    if (name == "_client_role" && value == "binary_log_listener") return true;
    if (name == "program_name" && std::ranges::find(kPrograms, value) != kPrograms.end()) return true;
    of_mysql_library |= name == "_client_name" && value == "libmysql";
    has_server_host |= name == "_server_host";
  }
  return of_mysql_library && has_server_host;
}

}  // namespace causeway::protocol
