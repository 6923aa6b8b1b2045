// docs/configuration.md lists the settings as the table in the code has them. After a change of the table,
// `CAUSEWAY_UPDATE_DOCS=1 proxy_test --gtest_filter='ConfigurationDoc.*'` writes the list anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "proxy/config/config_settings.h"

namespace causeway::proxy {
namespace {

constexpr std::string_view kBegin = "<!-- settings: made from proxy/config/config_settings.cc -->\n";
constexpr std::string_view kEnd = "<!-- end of settings -->\n";

std::string doc_path() {
  return CAUSEWAY_TEST_DATA "/../docs/configuration.md";
}

std::string read_doc() {
  std::ifstream file(doc_path());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// '|' would end a cell.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string section_of(const Setting& setting) {
  const size_t dot = setting.name.find('.');
  return dot == std::string_view::npos ? std::string() : std::string(setting.name.substr(0, dot));
}

// One table per section.
std::string reference() {
  std::string text;
  std::string section = "none yet";
  for (const Setting& setting : settings()) {
    if (section != section_of(setting)) {
      section = section_of(setting);
      text += section.empty() ? "\n### Top level\n" : "\n### [" + section + "]\n";
      text += "\n| setting | value | default | |\n|---|---|---|---|\n";
    }
    text += "| `" + std::string(setting.name) + "`";
    if (!setting.flag.empty()) text += " `--" + std::string(setting.flag) + "`";
    text += " | `" + cell(setting.value) + "` | ";
    if (!setting.default_value.empty()) text += "`" + std::string(setting.default_value) + "`";
    text += " | " + cell(setting.help) + " |\n";
  }
  return text + "\n";
}

TEST(ConfigurationDoc, ListsEverySettingAsItIs) {
  const std::string doc = read_doc();
  const size_t begin = doc.find(kBegin);
  const size_t end = doc.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos) << doc_path();
  const std::string before = doc.substr(0, begin + kBegin.size());
  const std::string listed = doc.substr(before.size(), end - before.size());
  if (std::getenv("CAUSEWAY_UPDATE_DOCS") != nullptr) {
    std::ofstream(doc_path()) << before << reference() << doc.substr(end);
  } else {
    EXPECT_EQ(listed, reference());
  }
}

}  // namespace
}  // namespace causeway::proxy
