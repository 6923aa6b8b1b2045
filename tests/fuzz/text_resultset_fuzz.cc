// Rows of text results: what could be read is read again after it was written, and the first value is that of
// the row. Input: number of columns, then the payload of the row.

#include <algorithm>
#include <cstdlib>

#include "protocol/capability_flags.h"
#include "protocol/packet_header.h"
#include "protocol/text_resultset.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace causeway::protocol;
  if (size < 2) return 0;
  const size_t columns = size_t{data[0]} + 1;
  const Bytes payload(data + 1, size - 1);
  const auto first = first_row_first_value(payload);
  const auto row = parse_text_row(payload, columns);
  if (!row) return 0;
  if (row->size() != columns || row->front() != first) std::abort();
  Buffer written;
  TextResultSetWriter writer(written, capability::kDeprecateEof, 0);
  writer.row(*row);
  const auto again = parse_text_row(Bytes(written).subspan(kPacketHeaderBytes), columns);
  if (!again || *again != *row) std::abort();
  return 0;
}
