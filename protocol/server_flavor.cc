#include "protocol/server_flavor.h"

#include <algorithm>

#include "protocol/text.h"

namespace causeway::protocol {

ServerFlavor flavor_of(std::string_view server_version) {
  constexpr std::string_view kName = "mariadb";
  const auto found = std::search(server_version.begin(), server_version.end(), kName.begin(), kName.end(),
                                 [](char a, char b) { return ascii_lower(a) == b; });
  return found == server_version.end() ? ServerFlavor::kMysql : ServerFlavor::kMariadb;
}

std::string_view to_string(ServerFlavor flavor) {
  return flavor == ServerFlavor::kMysql ? "mysql" : "mariadb";
}

}  // namespace causeway::protocol
