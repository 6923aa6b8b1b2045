#include "proxy/command_line.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ostream>
#include <string_view>

#include "proxy/base/build_info.h"
#include "proxy/config/config_settings.h"

namespace causeway::proxy {
namespace {

constexpr size_t kHelpWidth = 100;
constexpr std::string_view kHelpIndent = "        ";

void append_wrapped(std::string& out, std::string_view text) {
  while (text.size() > kHelpWidth - kHelpIndent.size()) {
    const size_t end = text.rfind(' ', kHelpWidth - kHelpIndent.size());
    if (end == std::string_view::npos) break;
    out.append(kHelpIndent).append(text.substr(0, end)).append("\n");
    text.remove_prefix(end + 1);
  }
  out.append(kHelpIndent).append(text).append("\n");
}

void append_setting(std::string& out, const Setting& setting) {
  out += "  ";
  if (!setting.flag.empty() && setting.flag != setting.name) {
    out.append("--").append(setting.flag).append(" ").append(setting.value).append(", ");
  }
  out.append("--").append(setting.name).append("=").append(setting.value).append("\n");
  std::string help(setting.help);
  if (!setting.default_value.empty()) help.append(" Default: ").append(setting.default_value).append(".");
  append_wrapped(out, help);
}

bool contains(std::span<const char* const> args, std::string_view wanted) {
  return std::ranges::any_of(args, [wanted](std::string_view arg) { return arg == wanted; });
}

void overwrite(char* text) {
  std::fill_n(text, std::strlen(text), '*');
}

}  // namespace

std::string help_text() {
  std::string out =
      "Usage: causeway [OPTIONS]         serve\n"
      "       causeway check [OPTIONS]   check the configuration and try the servers\n"
      "       causeway --version | --help\n"
      "\n"
      "Every setting can stand in the file, in an environment variable (CAUSEWAY_ and the name in capitals, "
      "with _ for\n"
      "dots and dashes) and here; the later of these wins. Durations: 250ms, 1.5s, 2m; a plain number is in "
      "seconds.\n"
      "\n"
      "Options:\n"
      "  --config FILE\n"
      "        The configuration file (TOML).\n";
  for (const Setting& setting : settings())
    append_setting(out, setting);
  return out;
}

void hide_secrets(std::span<char* const> args) {
  bool is_value = false;  // of a secret in the argument before
  for (char* const arg : args) {
    const std::string_view text(arg);
    if (is_value) {
      overwrite(arg);
      is_value = false;
      continue;
    }
    const size_t equals = text.find('=');
    const Setting* setting = text.starts_with("--") ? find_setting(text.substr(0, equals)) : nullptr;
    if (setting == nullptr || !is_secret(*setting)) continue;
    if (equals == std::string_view::npos) {
      is_value = true;
    } else {
      overwrite(arg + equals + 1);
    }
  }
  for (const Setting& setting : settings()) {
    if (!is_secret(setting)) continue;
    const std::string name = environment_name(setting.name);
    if (char* value = std::getenv(name.c_str()); value != nullptr) overwrite(value);
  }
}

std::variant<RunRequest, ExitRequest> parse_command_line(std::span<const char* const> args,
                                                         const EnvironmentLookup& environment,
                                                         const FileReader& read_file, std::ostream& out,
                                                         std::ostream& err) {
  if (contains(args, "--help") || contains(args, "-h")) {
    out << help_text();
    return ExitRequest{.status = 0};
  }
  if (contains(args, "--version")) {
    out << "causeway " << version() << "\n";
    return ExitRequest{.status = 0};
  }
  const bool check = !args.empty() && std::string_view(args.front()) == "check";
  ConfigResult result = load_config(args.subspan(check ? 1 : 0), environment, read_file);
  if (!result) {
    for (const ConfigError& error : result.error())
      err << "causeway: " << to_string(error) << "\n";
    return ExitRequest{.status = 2};
  }
  return RunRequest{.mode = check ? RunMode::kCheck : RunMode::kServe, .config = *std::move(result)};
}

}  // namespace causeway::proxy
