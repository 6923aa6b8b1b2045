// Sets, and what a server says that it is committing. Whatever parses prints to a text that parses to the
// same, and contains and absorbs itself.
#include "consistency/gtid_set.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using causeway::consistency::GtidSet;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto owned = GtidSet::parse_owned(input);
  if (owned && *GtidSet::parse(owned->to_string()) != *owned) std::abort();
  const auto first = GtidSet::parse(input);
  if (!first) return 0;
  const std::string text = first->to_string();
  const auto again = GtidSet::parse(text);
  if (!again || !(*again == *first) || again->to_string() != text) std::abort();
  if (!first->contains(*again) || !again->contains(*first)) std::abort();
  GtidSet united = *first;
  united.add(*again);
  if (!(united == *first)) std::abort();
  return 0;
}
