#include "proxy/config/config_load.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/config/config_builder.h"
#include "proxy/config/config_settings.h"

namespace causeway::proxy {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

struct Flag {
  std::string_view name;  // with its dashes
  std::string_view value;
};

// The flags in order. Errors go to the builder.
std::vector<Flag> split_flags(std::span<const char* const> args, ConfigBuilder& builder) {
  std::vector<Flag> flags;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    if (!arg.starts_with("--") || arg.size() == 2) {
      builder.add_error("command line",
                        "unexpected argument \"" + std::string(arg) + "\"; options start with --");
      continue;
    }
    const size_t equals = arg.find('=');
    if (equals != std::string_view::npos) {
      flags.push_back({.name = arg.substr(0, equals), .value = arg.substr(equals + 1)});
      continue;
    }
    const bool known = arg == "--config" || find_setting(arg) != nullptr;
    const bool has_value = i + 1 < args.size() && !std::string_view(args[i + 1]).starts_with("--");
    if (!has_value && known) {
      builder.add_error(std::string(arg), "needs a value");
      continue;
    }
    flags.push_back({.name = arg, .value = has_value ? args[i + 1] : std::string_view()});
    if (has_value) ++i;
  }
  return flags;
}

void unknown_flag(ConfigBuilder& builder, std::string_view name) {
  std::vector<std::string_view> names = {"config", "help", "version"};
  for (const Setting& setting : settings()) {
    names.push_back(setting.name);
    if (!setting.flag.empty()) names.push_back(setting.flag);
  }
  const std::string_view meant = nearest_name(name.substr(2), names);
  builder.add_error(std::string(name),
                    "unknown option" + (meant.empty() ? std::string("; --help lists them")
                                                      : "; did you mean --" + std::string(meant) + "?"));
}

std::optional<std::string> non_empty(std::optional<std::string> value) {
  return value && !value->empty() ? value : std::nullopt;
}

std::string config_path(std::span<const Flag> flags, const EnvironmentLookup& environment) {
  std::string path = non_empty(environment("CAUSEWAY_CONFIG")).value_or("");
  for (const Flag& flag : flags) {
    if (flag.name == "--config") path = flag.value;
  }
  return path;
}

void wipe(std::string& text) {
  protocol::cleanse({reinterpret_cast<uint8_t*>(text.data()), text.size()});
}

void apply_environment(ConfigBuilder& builder, const EnvironmentLookup& environment) {
  builder.begin_source();
  for (const Setting& setting : settings()) {
    const std::string name = environment_name(setting.name);
    const std::string short_name = setting.flag.empty() ? name : environment_name(setting.flag);
    std::optional<std::string> value = non_empty(environment(name));
    const std::optional<std::string> short_value =
        short_name == name ? std::nullopt : non_empty(environment(short_name));
    if (value && short_value) builder.add_error(short_name, "only one of it and " + name + " can be set");
    if (value) builder.apply_text(setting, *value, name);
    if (!value && short_value) builder.apply_text(setting, *short_value, short_name);
    if (value && is_secret(setting)) wipe(*value);
  }
}

void apply_flags(ConfigBuilder& builder, std::span<const Flag> flags) {
  builder.begin_source();
  for (const Flag& flag : flags) {
    if (flag.name == "--config") continue;
    if (const Setting* setting = find_setting(flag.name)) {
      builder.apply_text(*setting, flag.value, std::string(flag.name));
    } else {
      unknown_flag(builder, flag.name);
    }
  }
}

OrProblem<protocol::SecretBytes> first_line(OrProblem<std::string> contents, const std::string& path) {
  const auto problem = [&](const std::string& what) {
    return Problem{"password file " + path + ": " + what};
  };
  if (!contents) return problem(contents.error().text);
  protocol::SecretBytes line(std::string_view(*contents).substr(0, contents->find_first_of("\r\n")));
  wipe(*contents);
  if (line.empty()) return problem("its first line is empty");
  return line;
}

// Puts the first line of the file in the place of the password.
void read_password(ConfigBuilder& builder, const FileReader& read_file, const std::string& path,
                   const std::string& where, protocol::SecretBytes& password) {
  if (path.empty()) return;
  OrProblem<protocol::SecretBytes> line = first_line(read_file(path), path);
  if (line) {
    password = std::move(*line);
  } else {
    builder.add_error(where, line.error().text);
  }
}

void read_passwords(ConfigBuilder& builder, const FileReader& read_file) {
  MonitorConfig& monitor = builder.config().monitor;
  read_password(builder, read_file, monitor.password_file, builder.origin("monitor.password_file"),
                monitor.password);
  for (auto& [name, user] : builder.config().users) {
    read_password(builder, read_file, user.password_file, builder.origin("users." + name), user.password);
  }
}

template <class Items>
void check_addresses(ConfigBuilder& builder, const Items& items, std::string_view name) {
  std::set<std::string> seen;
  for (const auto& item : items) {
    const std::string address = to_string(item.address);
    const bool any_port = !item.address.is_unix() && item.address.port == 0;
    if (!any_port && !seen.insert(address).second)
      builder.add_error("", std::string(name) + " has " + address + " twice");
  }
}

bool covers(const Address& wide, const Address& narrow) {
  const bool ipv6 = narrow.host.find(':') != std::string::npos;
  return wide.host == narrow.host || (wide.host == "0.0.0.0" && !ipv6) || (wide.host == "::" && ipv6);
}

// Only one can listen there.
void check_ports(ConfigBuilder& builder) {
  const Config& config = builder.config();
  std::vector<std::pair<std::string, Address>> taken;
  const auto take = [&](const std::string& name, const Address& address) {
    if (address.is_unix() || address.port == 0) return;
    for (const auto& [other_name, other] : taken) {
      const bool same = other == address && other_name == name;  // told already
      if (other.port != address.port || same || (!covers(other, address) && !covers(address, other)))
        continue;
      std::string message = name;
      message.append(" ").append(to_string(address)).append(" has the port of ");
      message.append(other_name).append(" ").append(to_string(other));
      builder.add_error("", message);
    }
    taken.emplace_back(name, address);
  };
  for (const ListenerConfig& listener : config.listeners)
    take("listeners", listener.address);
  if (config.admin.listen) take("admin.listen", *config.admin.listen);
}

// A key that a listener of its purpose has no use for is a mistake.
void check_purposes(ConfigBuilder& builder) {
  constexpr std::string_view kOfStatements[] = {"read_consistency", "read_wait_timeout",
                                                "on_read_wait_timeout"};
  constexpr std::string_view kOfReplication[] = {"source", "max_clients", "max_bytes_per_second"};
  for (size_t i = 0; i < builder.config().listeners.size(); ++i) {
    const bool replicates = builder.config().listeners[i].purpose == ListenerPurpose::kReplication;
    const std::span<const std::string_view> others = replicates
                                                         ? std::span<const std::string_view>(kOfStatements)
                                                         : std::span<const std::string_view>(kOfReplication);
    for (const std::string_view key : others) {
      const std::string where = builder.origin(ConfigBuilder::element_key("listeners", i, key));
      if (where.empty()) continue;
      std::string message = "listeners.";
      message.append(key).append(" is for listeners of purpose = ");
      message.append(replicates ? "\"statements\"" : "\"replication\"");
      builder.add_error(where, message);
    }
  }
}

// What can be said only of all settings together.
void check_whole(ConfigBuilder& builder) {
  const Config& config = builder.config();
  if (config.nodes.empty())
    builder.add_error("",
                      "no nodes: name at least one server with --node HOST:PORT or with nodes in the file");
  if (config.nodes.size() > kMaxNodes)
    builder.add_error("", "nodes has " + std::to_string(config.nodes.size()) + " servers; at most " +
                              std::to_string(kMaxNodes) + " are possible");
  check_addresses(builder, config.nodes, "nodes");
  check_addresses(builder, config.listeners, "listeners");
  check_ports(builder);
  check_purposes(builder);

  const auto check_pair = [&builder](const std::string& section, const auto& tls) {
    if (tls.certificate.empty() == tls.key.empty()) return;
    const std::string present = section + (tls.key.empty() ? ".certificate" : ".key");
    const std::string missing = section + (tls.key.empty() ? ".key" : ".certificate");
    builder.add_error(builder.origin(present), present + " needs " + missing + " too");
  };
  check_pair("tls", config.tls);
  if (config.tls.client_certificate == ClientCertificate::kRequired && config.tls.ca.empty())
    builder.add_error(builder.origin("tls.client_certificate"),
                      "tls.client_certificate is required, but tls.ca is not set: nothing to verify it with");
  check_pair("server_tls", config.server_tls);
}

void complete(Config& config) {
  if (config.workers == 0) config.workers = std::max(1u, std::thread::hardware_concurrency());
  if (config.listeners.empty()) config.listeners.push_back({.address = {.host = "127.0.0.1", .port = 6446}});
  complete_listeners(config);
}

}  // namespace

std::string to_string(const ConfigError& error) {
  return error.where.empty() ? error.message : error.where + ": " + error.message;
}

ConfigResult load_config(std::span<const char* const> args, const EnvironmentLookup& environment,
                         const FileReader& read_file) {
  ConfigBuilder builder;
  const std::vector<Flag> flags = split_flags(args, builder);

  const std::string path = config_path(flags, environment);
  if (!path.empty()) {
    if (OrProblem<std::string> contents = read_file(path)) {
      apply_file(builder, *contents, path);
      wipe(*contents);
    } else {
      builder.add_error(path, contents.error().text);
    }
  }
  apply_environment(builder, environment);
  apply_flags(builder, flags);
  read_passwords(builder, read_file);
  // Of a configuration that is wrong in its parts the whole says nothing new.
  if (builder.errors().empty()) check_whole(builder);

  if (!builder.errors().empty()) return builder.errors();
  complete(builder.config());
  return std::move(builder.config());
}

OrProblem<protocol::SecretBytes> read_password_file(const std::string& path) {
  return first_line(read_small_file(path), path);
}

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

OrProblem<std::string> read_small_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string contents(kMaxFileBytes + 1, '\0');
  if (file) file.read(contents.data(), static_cast<std::streamsize>(contents.size()));
  if (!file.is_open() || file.bad()) {
    const int reason = errno != 0 ? errno : EIO;
    return Problem{"cannot be read: " + std::generic_category().message(reason)};
  }
  contents.resize(static_cast<size_t>(file.gcount()));
  if (contents.size() > kMaxFileBytes)
    return Problem{"is longer than " + std::to_string(kMaxFileBytes) + " bytes"};
  // In C++20 a Problem could be made of it too.
  return OrProblem<std::string>(boost::system::in_place_value, std::move(contents));
}

}  // namespace causeway::proxy
