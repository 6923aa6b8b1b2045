// The assignments of a SET stand in order inside of the text; what is left without Causeway's has none of
// them.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lexer_mode.h"
#include "routing/causeway_variables.h"
#include "routing/set_statement.h"

using namespace causeway::routing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const LexMode mode = lex_mode_of_byte(data[0]);
  const std::string_view sql(reinterpret_cast<const char*>(data) + 1, size - 1);
  const char* behind = sql.data();
  SetReader reader(sql, mode);
  while (const auto read = reader.next()) {
    const SetAssignment& assignment = *read;
    const char* const end = assignment.span.data() + assignment.span.size();
    if (assignment.span.data() < behind || end > sql.data() + sql.size()) std::abort();
    if (!assignment.value.empty() && (assignment.value.data() < assignment.span.data() ||
                                      assignment.value.data() + assignment.value.size() > end)) {
      std::abort();
    }
    behind = end;
  }
  const auto set = extract_causeway_assignments(sql, mode);
  // Parts of comments may go away or come back when the list is put together anew.
  if (set && sql.find_first_of("/#-") == std::string_view::npos &&
      extract_causeway_assignments(set->remaining_sql, mode)) {
    std::abort();
  }
  return 0;
}
