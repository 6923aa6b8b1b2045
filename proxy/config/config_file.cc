#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <sstream>

#include "proxy/config/config_builder.h"

namespace causeway::proxy {
namespace {

std::string type_name(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

std::string_view expected_type(SettingKind kind) {
  switch (kind) {
    case SettingKind::kText:
      return "a string in quotes";
    case SettingKind::kInteger:
      return "an integer";
    case SettingKind::kDuration:
      return "a string like \"250ms\" or a number of seconds";
    case SettingKind::kBytes:
      return "a string like \"64MiB\" or a number of bytes";
    case SettingKind::kList:
      return "an array";
    case SettingKind::kUsers:
      return "a table";
  }
  return "";
}

bool has_type(SettingKind kind, const toml::node& node) {
  switch (kind) {
    case SettingKind::kText:
      return node.is_string();
    case SettingKind::kInteger:
      return node.is_integer();
    case SettingKind::kDuration:
      return node.is_string() || node.is_number();
    case SettingKind::kBytes:
      return node.is_string() || node.is_integer();
    case SettingKind::kList:
      return node.is_array();
    case SettingKind::kUsers:
      return node.is_table();
  }
  return false;
}

// A string, an integer or a floating-point number as the text that flags would have.
std::optional<std::string> scalar_text(const toml::node& node);

// The texts of an array, as they are written elsewhere: separated by spaces.
std::optional<std::string> joined_text(const toml::array& array) {
  std::string joined;
  for (const toml::node& element : array) {
    const std::optional<std::string> text = scalar_text(element);
    if (!text) return std::nullopt;
    joined.append(joined.empty() ? "" : " ").append(*text);
  }
  return joined;
}

std::optional<std::string> scalar_text(const toml::node& node) {
  std::array<char, 400> digits{};
  std::to_chars_result end{};
  if (const auto* string = node.as_string()) return string->get();
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* integer = node.as_integer()) {
    end = std::to_chars(digits.data(), digits.data() + digits.size(), integer->get());
  } else if (const auto* number = node.as_floating_point()) {
    end =
        std::to_chars(digits.data(), digits.data() + digits.size(), number->get(), std::chars_format::fixed);
  } else {
    return std::nullopt;
  }
  return std::string(digits.data(), end.ptr);
}

class FileApplier {
 public:
  FileApplier(ConfigBuilder& builder, const std::string& path) : builder_(builder), path_(path) {}

  void apply_root(const toml::table& root) { apply_table(root, ""); }

  std::string where(const toml::source_region& region) const {
    return path_ + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
  }

 private:
  // `prefix` is empty or "section.".
  void apply_table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      std::string name = prefix;
      name += key.str();
      const Setting* setting = setting_named(name);
      if (setting != nullptr) {
        apply_setting(*setting, node);
      } else if (prefix.empty() && is_section(name)) {
        if (const toml::table* section = node.as_table()) {
          apply_table(*section, name + ".");
        } else {
          wrong_type(name, "a table", node);
        }
      } else {
        unknown_key(name, prefix, where(key.source()));
      }
    }
  }

  static const Setting* setting_named(std::string_view name) {
    for (const Setting& setting : settings()) {
      if (setting.name == name) return &setting;
    }
    return nullptr;
  }

  static bool is_section(const std::string& name) {
    return std::ranges::any_of(settings(),
                               [&](const Setting& setting) { return setting.name.starts_with(name + "."); });
  }

  void unknown_key(const std::string& name, const std::string& prefix, const std::string& position) {
    std::vector<std::string_view> names;
    for (const Setting& setting : settings()) {
      if (setting.name.starts_with(prefix)) names.push_back(setting.name);
      if (prefix.empty()) names.push_back(setting.name.substr(0, setting.name.find('.')));
    }
    const std::string_view meant = nearest_name(name, names);
    builder_.add_error(position, "unknown key " + name +
                                     (meant.empty() ? "" : "; did you mean " + std::string(meant) + "?"));
  }

  void wrong_type(const std::string& name, std::string_view expected, const toml::node& node) {
    builder_.add_error(where(node.source()),
                       name + " must be " + std::string(expected) + ", not " + type_name(node.type()));
  }

  void apply_setting(const Setting& setting, const toml::node& node) {
    if (!has_type(setting.kind, node)) {
      wrong_type(std::string(setting.name), expected_type(setting.kind), node);
    } else if (setting.kind == SettingKind::kList) {
      apply_list(setting, *node.as_array());
    } else if (setting.kind == SettingKind::kUsers) {
      apply_users(setting, *node.as_table());
    } else {
      std::string text = *scalar_text(node);
      builder_.apply(setting, text, where(node.source()));
      if (is_secret(setting)) protocol::cleanse({reinterpret_cast<uint8_t*>(text.data()), text.size()});
    }
  }

  void apply_list(const Setting& setting, const toml::array& elements) {
    builder_.replace_earlier(setting);
    for (const toml::node& element : elements) {
      if (const auto* text = element.as_string()) {
        builder_.apply_text(setting, text->get(), where(element.source()));
      } else if (const toml::table* table = element.as_table()) {
        apply_element(setting, *table);
      } else {
        wrong_type(std::string(setting.name), "made of strings and tables", element);
      }
    }
  }

  void apply_element(const Setting& setting, const toml::table& table) {
    const std::string_view first_key = setting.list->keys.front();
    const std::string first_name = std::string(setting.name) + "." + std::string(first_key);
    const toml::node* first = table.get(first_key);
    if (first == nullptr) {
      builder_.add_error(where(table.source()), first_name + " is missing");
      return;
    }
    if (!first->is_string()) {
      wrong_type(first_name, expected_type(SettingKind::kText), *first);
      return;
    }
    if (!builder_.append(setting, first->as_string()->get(), where(first->source()))) return;
    for (const auto& [key, node] : table) {
      if (key.str() == first_key) continue;
      if (const toml::table* section = node.as_table()) {
        for (const auto& [inner_key, inner] : *section) {
          const std::string name = std::string(key.str()) + "." + std::string(inner_key.str());
          apply_element_key(setting, name, where(inner_key.source()), inner);
        }
      } else {
        apply_element_key(setting, std::string(key.str()), where(key.source()), node);
      }
    }
  }

  void apply_element_key(const Setting& setting, const std::string& key, const std::string& position,
                         const toml::node& node) {
    const toml::array* array = node.as_array();
    if (const std::optional<std::string> text = array ? joined_text(*array) : scalar_text(node)) {
      builder_.set_key(setting, key, *text, position);
    } else {
      wrong_type(std::string(setting.name) + "." + key, "text, a number, true or false, or a list of texts",
                 node);
    }
  }

  void apply_users(const Setting& setting, const toml::table& users) {
    builder_.replace_earlier(setting);
    for (const auto& [key, node] : users) {
      const std::string name = "users." + std::string(key.str());
      builder_.set_origin(name, where(key.source()));
      UserConfig& user = builder_.config().users[std::string(key.str())];
      if (const auto* password = node.as_string()) {
        user.password = protocol::SecretBytes(std::string_view(password->get()));
      } else if (const toml::table* table = node.as_table()) {
        apply_user(user, name, *table);
      } else {
        wrong_type(name, "a password in quotes or a table with password or password_file", node);
      }
    }
  }

  void apply_user(UserConfig& user, const std::string& name, const toml::table& table) {
    for (const auto& [key, node] : table) {
      const bool is_password = key.str() == "password";
      if (!is_password && key.str() != "password_file") {
        builder_.add_error(where(key.source()), "unknown key " + name + "." + std::string(key.str()) +
                                                    "; it can be password or password_file");
      } else if (const auto* text = node.as_string()) {
        if (is_password) {
          user.password = protocol::SecretBytes(std::string_view(text->get()));
        } else {
          user.password_file = text->get();
        }
      } else {
        wrong_type(name + "." + std::string(key.str()), expected_type(SettingKind::kText), node);
      }
    }
    if (table.contains("password") == table.contains("password_file"))
      builder_.add_error(where(table.source()), name + " must have one of password and password_file");
  }

  ConfigBuilder& builder_;
  const std::string& path_;
};

// No text of the file stays in freed memory: some of it may be secret.
void wipe(toml::node& node) {
  if (auto* text = node.as_string()) {
    std::string& bytes = text->get();
    protocol::cleanse({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  } else if (auto* table = node.as_table()) {
    for (auto&& [key, child] : *table)
      wipe(child);
  } else if (auto* array = node.as_array()) {
    for (toml::node& child : *array)
      wipe(child);
  }
}

}  // namespace

void apply_file(ConfigBuilder& builder, std::string_view contents, const std::string& path) {
  FileApplier applier(builder, path);
  try {
    toml::table root = toml::parse(contents, path);
    applier.apply_root(root);
    wipe(root);
  } catch (const toml::parse_error& error) {
    builder.add_error(applier.where(error.source()), std::string(error.description()));
  }
}

}  // namespace causeway::proxy
