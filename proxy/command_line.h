// `causeway [check] [options]`, `causeway --version`, `causeway --help`.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <variant>

#include "proxy/config/config_load.h"

namespace causeway::proxy {

enum class RunMode : uint8_t { kServe, kCheck };

// What main() goes on with.
struct RunRequest {
  RunMode mode = RunMode::kServe;
  Config config;
};

// The process is done: text was printed.
struct ExitRequest {
  int status = 0;  // 0: asked for (--help, --version); 2: the command line or the configuration is wrong
};

// Reads the command line (`args` without the program's name) and the configuration it names. Help and version
// go to `out`, errors to `err`, one line each ("causeway: WHERE: WHAT").
std::variant<RunRequest, ExitRequest> parse_command_line(std::span<const char* const> args,
                                                         const EnvironmentLookup& environment,
                                                         const FileReader& read_file, std::ostream& out,
                                                         std::ostream& err);

// What stands on the command line or in the environment can be read by others (ps, /proc): values of settings
// that are secret are overwritten. After parse_command_line(), before there are threads.
void hide_secrets(std::span<char* const> args);

// The text of --help: all settings with values and defaults.
std::string help_text();

}  // namespace causeway::proxy
