// Whatever parses prints to a text that parses to the same, and contains and absorbs itself.
#include "consistency/mariadb_gtid.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using causeway::consistency::MariadbGtidList;
  const auto first = MariadbGtidList::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first) return 0;
  const std::string text = first->to_string();
  const auto again = MariadbGtidList::parse(text);
  if (!again || !(*again == *first) || again->to_string() != text) std::abort();
  if (!first->contains(*again) || !again->contains(*first)) std::abort();
  MariadbGtidList united = *first;
  united.add(*again);
  if (!(united == *first)) std::abort();
  return 0;
}
