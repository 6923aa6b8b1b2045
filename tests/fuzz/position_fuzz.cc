// Whatever parses prints to a text that parses to the same, and contains and absorbs itself.
#include "consistency/position.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using causeway::consistency::Position;
  const auto first = Position::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first) return 0;
  const std::string text = first->to_string();
  const auto again = Position::parse(text);
  if (!again || !(*again == *first) || again->to_string() != text) std::abort();
  if (!first->contains(*again) || !again->contains(*first)) std::abort();
  Position united = *first;
  if (!united.merge(*again)) std::abort();
  if (!(united == *first)) std::abort();
  return 0;
}
