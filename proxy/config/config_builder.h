// Collects what the sources of the configuration say, and what is wrong with it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "proxy/config/config_load.h"
#include "proxy/config/config_settings.h"

namespace causeway::proxy {

class ConfigBuilder {
 public:
  // What is applied from now on belongs to another source, whose lists replace those of the earlier ones.
  void begin_source() { seen_.clear(); }

  // One value that is not an element of a list. `where` is for the error messages.
  void apply(const Setting& setting, std::string_view text, const std::string& where);

  // A value as flags and the environment have it: lists and users separated by commas.
  void apply_text(const Setting& setting, std::string_view text, const std::string& where);

  // Appends an element of a list; false (and an error) if the text is wrong. Then its other keys.
  bool append(const Setting& list, std::string_view text, const std::string& where);
  void set_key(const Setting& list, std::string_view key, std::string_view text, const std::string& where);

  // Lists and users: forgets what earlier sources said, once per source.
  void replace_earlier(const Setting& setting);

  void add_error(std::string where, std::string message) {
    errors_.push_back({.where = std::move(where), .message = std::move(message)});
  }

  // Where the setting (or "users.NAME", or an element_key()) was set last; empty if nowhere.
  std::string origin(const std::string& name) const;
  void set_origin(const std::string& name, const std::string& where) { origins_[name] = where; }

  // The name of a key of an element of a list, for origin(): "listeners[0].purpose".
  static std::string element_key(std::string_view list, size_t index, std::string_view key);

  Config& config() { return config_; }
  const ConfigErrors& errors() const { return errors_; }

 private:
  void append_text(const Setting& list, std::string_view element, const std::string& where);
  void keep_one_password(const Setting& setting, const std::string& where);

  Config config_;
  ConfigErrors errors_;
  std::map<std::string, std::string> origins_;
  std::set<std::string_view> seen_;              // names that this source has set
  std::map<std::string_view, size_t> elements_;  // how many each list has
};

// "must be ... , not "text"", without the text if it may be a secret.
std::string describe_problem(std::string_view name, std::string_view problem, std::string_view text);

// Reads a TOML file into the builder. `path` is for the error messages.
void apply_file(ConfigBuilder& builder, std::string_view contents, const std::string& path);

}  // namespace causeway::proxy
