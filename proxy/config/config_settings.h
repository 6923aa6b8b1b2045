// The one table of all settings, from which the reading, `--help` and docs/configuration.md derive.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/or_problem.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// What a setting's value is: decides which TOML types it may have.
enum class SettingKind : uint8_t {
  kText,      // string
  kInteger,   // integer
  kDuration,  // string with a unit, or a number of seconds
  kBytes,     // string with a unit, or a number of bytes
  kList,      // array of strings or tables; elsewhere separated by commas; each element is applied
  kUsers,     // table of name = "password" or name = { password_file = "..." }; elsewhere name=password or
              // name=@file
};

// Sets the value from text. A problem says what would be right ("must be between 1 and 86400").
using ApplySetting = OrProblem<> (*)(Config& config, std::string_view text);

// The elements of a kList. As text an element is "first?key=value&key=value".
struct ListKind {
  std::span<const std::string_view>
      keys;  // in a table; the first one has to be there and stands first as text
  // Appends an element whose first key has this value.
  ApplySetting append;
  // Sets another key of the last element.
  OrProblem<> (*set_key)(Config& config, std::string_view key, std::string_view text);
};

struct Setting {
  std::string_view name = {};  // "forwarding.read_wait_timeout", as in the file and as --name=value
  std::string_view flag = {};  // the short flag without dashes, e.g. "read-wait-timeout"; may be empty
  SettingKind kind = SettingKind::kText;
  std::string_view value = {};          // what may be written: "DURATION", "writer|error|stale"
  std::string_view default_value = {};  // as text; empty: none
  std::string_view help = {};           // one sentence or two
  ApplySetting apply = nullptr;         // all but kList
  const ListKind* list = nullptr;       // kList
  // kList, kUsers: a source that has it replaces what earlier sources said.
  void (*clear)(Config& config) = nullptr;
};

// In the order of the documentation: top-level ones first, then by section.
std::span<const Setting> settings();

// The setting of a name as in the file, or of a flag, with or without leading dashes; '-' and '_' count as
// the same. Null if there is none.
const Setting* find_setting(std::string_view name);

// Whether its value is, or may hold, a password.
bool is_secret(const Setting& setting);

// "CAUSEWAY_FORWARDING_READ_WAIT_TIMEOUT"; of a short flag "CAUSEWAY_READ_WAIT_TIMEOUT".
std::string environment_name(std::string_view setting_or_flag);

// The name (of a key, a flag, a choice) that the text was most likely meant to be; empty if none is near.
std::string_view nearest_name(std::string_view text, std::span<const std::string_view> names);

}  // namespace causeway::proxy
