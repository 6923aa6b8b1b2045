// COM_QUERY with attributes: the text is the end of the payload, and every view lies within it.
// Input: what follows the command byte.

#include <cstdlib>

#include "protocol/com_query.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace causeway::protocol;
  const auto query = parse_com_query({data, size}, capability::kQueryAttributes);
  if (!query) return 0;
  if (query->text_offset + query->text.size() != size) std::abort();
  size_t count = 0;
  size_t bytes = query->text.size();
  for (QueryAttributeReader reader = query->attributes; const auto attribute = reader.next(); ++count) {
    bytes += attribute->name.size() + attribute->value.size();
    query->attribute(attribute->name);
  }
  if (count != query->attribute_count || bytes > size) std::abort();
  return 0;
}
