// The name of a file of a binary log, of which a client may say whose log it is.
#pragma once

#include <string_view>

namespace causeway::protocol {

// Views into what was parsed.
struct LogName {
  std::string_view owner = {};  // a server's uuid or its id, as it was written; empty if nothing is said
  std::string_view file = {};

  friend bool operator==(const LogName&, const LogName&) = default;
};

// Reads "<owner>:<file>" or "<file>". An owner is a uuid with dashes (MySQL's @@server_uuid) or a number of 1
// to 2^32 - 1 without leading zeros (MariaDB's @@server_id), up to the first colon, and something follows.
// Any other text is the name of a file as it stands, with whatever characters: servers allow them all but
// NUL. So a log whose names begin like an owner can only be named with its owner in front.
LogName parse_log_name(std::string_view text);

// Whether two owners are the same: uuids in upper and lower case.
bool same_owner(std::string_view a, std::string_view b);

}  // namespace causeway::protocol
