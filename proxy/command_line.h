// `causeway [check] [options]`, `causeway --version`, `causeway --help`.
#pragma once

#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <variant>

#include "proxy/config_load.h"

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

// The text of --help: all settings with values and defaults.
std::string help_text();

// Tries one node: "writer, 0 ms", or throws std::exception with what is wrong.
using TryNode = std::function<std::string(const Config&, const NodeConfig&)>;

// `causeway check`: prints one line per node, and returns the exit status: 0, or 1 if a node failed.
int check_nodes(const Config& config, const TryNode& try_node, std::ostream& out, std::ostream& err);

}  // namespace causeway::proxy
