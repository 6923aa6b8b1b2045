// The read-consistency levels of aurora_replica_read_consistency.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace causeway::consistency {

enum class ReadConsistency : uint8_t {
  kOff,       // '': the session does not forward; it is a read-only session on a replica
  kEventual,  // a read sees what its replica has
  kSession,   // a read sees at least what this session wrote and has read before
  kGlobal,    // a read sees at least everything that was committed when it arrived
};

// The value as the variable shows it: "", "EVENTUAL", "SESSION", "GLOBAL".
std::string_view to_string(ReadConsistency level);

// The level of a value in any case; nothing if it is none.
std::optional<ReadConsistency> parse_read_consistency(std::string_view value);

}  // namespace causeway::consistency
