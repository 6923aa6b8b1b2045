// Which of the two servers one is.
#pragma once

#include <cstdint>
#include <string_view>

namespace causeway::protocol {

enum class ServerFlavor : uint8_t { kMysql, kMariadb };

// By the version text of the handshake: "8.4.3", "5.5.5-10.11.6-MariaDB-log".
ServerFlavor flavor_of(std::string_view server_version);

std::string_view to_string(ServerFlavor flavor);  // "mysql", "mariadb"

}  // namespace causeway::protocol
