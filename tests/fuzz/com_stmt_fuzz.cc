// The commands about prepared statements. An execute that was written for another server connection reads the
// same there: the statement's parameters always, the attributes if that server takes them.
// Input: options (bits: client and server take attributes, the server knows the types, long data is given,
// types are remembered), number of parameters, then the payload.

#include <algorithm>
#include <cstdlib>

#include "protocol/com_stmt_execute.h"

namespace {

using namespace causeway::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

void small_commands(Bytes payload, size_t parameters) {
  (void)parse_statement_id(payload);
  (void)parse_com_stmt_fetch(payload);
  if (const auto long_data = parse_com_stmt_send_long_data(payload)) {
    Buffer again;
    append_com_stmt_send_long_data(again, *long_data);
    require(std::ranges::equal(Bytes(again).subspan(1), payload.subspan(1)));
  }
  for (const CapabilityFlags capabilities : {CapabilityFlags{0}, capability::kOptionalResultsetMetadata}) {
    const auto ok = parse_stmt_prepare_ok(payload, capabilities);
    if (!ok) continue;
    Buffer again;
    append_stmt_prepare_ok(again, *ok, capabilities);
    require(parse_stmt_prepare_ok(again, capabilities).value() == *ok);
  }
  if (const auto bulk = parse_com_stmt_bulk_execute(payload, parameters)) {
    std::vector<ParameterType> types(parameters);
    remember_types(*bulk, types);
    Buffer again;
    append_com_stmt_bulk_execute(again, *bulk, bulk->statement_id, types);
    const auto second = parse_com_stmt_bulk_execute(again, parameters);
    require(second && (parameters == 0 || second->has_types()));
    require(std::ranges::equal(second->rows, bulk->rows));
  }
}

void require_same(const ComStmtExecute& left, const ComStmtExecute& right, bool with_attributes) {
  const size_t count = with_attributes ? left.parameter_count : left.statement.count;
  require(right.parameter_count == count && right.statement_id == left.statement_id);
  ExecuteParameterReader from(left);
  ExecuteParameterReader to(right);
  for (size_t i = 0; i < count; ++i) {
    const auto first = from.next();
    const auto second = to.next();
    require(first.has_value() == second.has_value());
    if (!first) return;
    require(first->is_null == second->is_null && first->is_long_data == second->is_long_data);
    require(as_text(first->value) == as_text(second->value));
    if (left.has_types) require(first->type == second->type);
    if (with_attributes) require(first->name == second->name);
    left.attribute(first->name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t options = data[0];
  const size_t parameters = data[1];
  const Bytes payload(data + 2, size - 2);
  small_commands(payload, parameters);

  const CapabilityFlags client = (options & 1) != 0 ? capability::kQueryAttributes : 0;
  const CapabilityFlags server = (options & 2) != 0 ? capability::kQueryAttributes : 0;
  std::vector<ParameterType> types((options & 16) != 0 ? parameters : 0, {0xfe});
  const Buffer long_data((options & 8) != 0 ? 1 : 0, 0b101);
  const StatementParameters statement{.count = parameters, .types = types, .long_data = long_data};
  const auto execute = parse_com_stmt_execute(payload, statement, client);
  if (!execute) return 0;

  const ExecuteTarget target{
      .statement_id = execute->statement_id, .capabilities = server, .knows_types = (options & 4) != 0};
  Buffer written;
  if (!append_com_stmt_execute(written, *execute, target)) {
    require(written.empty());
    return 0;
  }
  const auto second = parse_com_stmt_execute(written, statement, server);
  require(second.has_value());
  require_same(*execute, *second, server != 0 && execute->has_types);
  require(fits_unchanged(*second, target));

  std::vector<ParameterType> remembered = types;
  remember_types(*execute, remembered);
  if (second->has_types) {
    std::vector<ParameterType> again;
    remember_types(*second, again);
    require(again == remembered);
  }
  return 0;
}
