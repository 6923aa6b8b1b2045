#include "proxy/config/config_builder.h"

#include <algorithm>

namespace causeway::proxy {
namespace {

// Calls `use` with each part of the text between the separators.
template <class Use>
void split(std::string_view text, char separator, Use use) {
  for (;;) {
    const size_t end = text.find(separator);
    use(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

}  // namespace

std::string describe_problem(std::string_view name, std::string_view problem, std::string_view text) {
  constexpr size_t kMaxShownBytes = 80;
  std::string message(name);
  message += ' ';
  message += problem;
  const bool secret = name.find("password") != std::string_view::npos || name.starts_with("users");
  if (!secret) {
    message += ", not \"";
    message += text.substr(0, kMaxShownBytes);
    message += text.size() > kMaxShownBytes ? "...\"" : "\"";
  }
  return message;
}

std::string ConfigBuilder::origin(const std::string& name) const {
  const auto found = origins_.find(name);
  return found == origins_.end() ? std::string() : found->second;
}

void ConfigBuilder::replace_earlier(const Setting& setting) {
  if (!seen_.insert(setting.name).second) return;
  setting.clear(config_);
  elements_[setting.name] = 0;
  std::erase_if(origins_, [prefix = std::string(setting.name) + "["](const auto& origin) {
    return origin.first.starts_with(prefix);
  });
}

std::string ConfigBuilder::element_key(std::string_view list, size_t index, std::string_view key) {
  std::string name(list);
  name.append("[").append(std::to_string(index)).append("].").append(key);
  return name;
}

void ConfigBuilder::apply(const Setting& setting, std::string_view text, const std::string& where) {
  if (setting.clear != nullptr) replace_earlier(setting);
  if (const OrProblem<> applied = setting.apply(config_, text); !applied) {
    add_error(where, describe_problem(setting.name, applied.error().text, text));
    return;
  }
  origins_[std::string(setting.name)] = where;
  keep_one_password(setting, where);
  seen_.insert(setting.name);
}

// The monitor's password comes from one place: a later source's replaces an earlier one's file, and the other
// way round.
void ConfigBuilder::keep_one_password(const Setting& setting, const std::string& where) {
  const bool is_password = setting.name == "monitor.password";
  const bool is_file = setting.name == "monitor.password_file";
  if (!is_password && !is_file) return;
  if (seen_.contains(is_file ? "monitor.password" : "monitor.password_file"))
    add_error(where, "only one of monitor.password and monitor.password_file can be set");
  if (is_file) {
    config_.monitor.password.reset();
  } else {
    config_.monitor.password_file.clear();
  }
}

void ConfigBuilder::apply_text(const Setting& setting, std::string_view text, const std::string& where) {
  switch (setting.kind) {
    case SettingKind::kList:
      split(text, ',', [&](std::string_view element) { append_text(setting, trim(element), where); });
      return;
    case SettingKind::kUsers:
      split(text, ',', [&](std::string_view element) {
        apply(setting, trim(element), where);
        set_origin("users." + std::string(element.substr(0, element.find('='))), where);
      });
      return;
    default:
      apply(setting, text, where);
      return;
  }
}

bool ConfigBuilder::append(const Setting& list, std::string_view text, const std::string& where) {
  replace_earlier(list);
  const OrProblem<> appended = list.list->append(config_, text);
  if (!appended) add_error(where, describe_problem(list.name, appended.error().text, text));
  if (appended) ++elements_[list.name];
  return appended.has_value();
}

void ConfigBuilder::set_key(const Setting& list, std::string_view key, std::string_view text,
                            const std::string& where) {
  const std::string name = std::string(list.name) + "." + std::string(key);
  const std::span<const std::string_view> keys = list.list->keys.subspan(1);
  if (std::ranges::find(keys, key) == keys.end()) {
    const std::string_view meant = nearest_name(key, keys);
    add_error(where,
              "unknown key " + name + (meant.empty() ? "" : "; did you mean " + std::string(meant) + "?"));
    return;
  }
  if (const OrProblem<> set = list.list->set_key(config_, key, text); !set) {
    add_error(where, describe_problem(name, set.error().text, text));
    return;
  }
  origins_[element_key(list.name, elements_[list.name] - 1, key)] = where;
}

// "address?key=value&key=value"
void ConfigBuilder::append_text(const Setting& list, std::string_view element, const std::string& where) {
  const size_t question_mark = element.find('?');
  if (!append(list, element.substr(0, question_mark), where) || question_mark == std::string_view::npos)
    return;
  split(element.substr(question_mark + 1), '&', [&](std::string_view pair) {
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      add_error(where, std::string(list.name) + " must have KEY=VALUE after the ?, not \"" +
                           std::string(pair) + "\"");
      return;
    }
    set_key(list, pair.substr(0, equals), pair.substr(equals + 1), where);
  });
}

}  // namespace causeway::proxy
