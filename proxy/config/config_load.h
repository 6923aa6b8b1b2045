// Reads the configuration: file, then environment, then flags; the later wins.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/secret.h"
#include "proxy/base/or_problem.h"
#include "proxy/config/config.h"

namespace causeway::proxy {

// One thing that is wrong, in the words of the one who has to put it right.
struct ConfigError {
  std::string where;    // "causeway.toml:3:12", "--read-consistency", "CAUSEWAY_WORKERS"; empty for the whole
  std::string message;  // what is wrong and what would be right

  friend bool operator==(const ConfigError&, const ConfigError&) = default;
};

// "where: message"
std::string to_string(const ConfigError& error);

// The value of an environment variable, if it is set.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// The contents of a file, or why it cannot be read. Bounded: see read_small_file().
using FileReader = std::function<OrProblem<std::string>(const std::string& path)>;

// The configuration, or all that is wrong with it (never empty).
using ConfigErrors = std::vector<ConfigError>;
using ConfigResult = boost::system::result<Config, ConfigErrors>;

// `args` are the options without the program's name and without a leading command ("check"). The file is the
// one of
// --config or CAUSEWAY_CONFIG; without either there is none. An environment variable that is empty counts as
// not set. Password files are read with `read_file`. Knows no other input, except for the number of cores.
ConfigResult load_config(std::span<const char* const> args, const EnvironmentLookup& environment,
                         const FileReader& read_file);

// The process's own environment and files (of at most 1 MiB).
std::optional<std::string> process_environment(const std::string& name);
OrProblem<std::string> read_small_file(const std::string& path);

// The first line of a file, which may not be empty; else what is wrong with it.
OrProblem<protocol::SecretBytes> read_password_file(const std::string& path);

}  // namespace causeway::proxy
