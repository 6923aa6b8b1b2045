#include "protocol/com_stmt_execute.h"

#include <algorithm>

namespace causeway::protocol {
namespace {

bool bit_is_set(Bytes bitmap, size_t index) {
  return index / 8 < bitmap.size() && (bitmap[index / 8] >> (index % 8) & 1) != 0;
}

size_t bitmap_bytes(size_t bits) {
  return (bits + 7) / 8;
}

// The first `bits` of a bitmap, and nothing in the last byte behind them.
void append_bitmap(ByteWriter& writer, Bytes bitmap, size_t bits) {
  if (bits == 0) return;
  const size_t last = bitmap_bytes(bits) - 1;
  writer.bytes(bitmap.first(last));
  const size_t used_bits = bits - 8 * last;
  writer.int1(static_cast<uint8_t>(bitmap[last] & (0xff >> (8 - used_bits))));
}

// Of the statement's parameters, without their names, or with.
void append_types(ByteWriter& writer, const ComStmtExecute& execute, size_t count, bool with_names) {
  ByteReader reader(execute.types);
  for (size_t i = 0; i < count; ++i) {
    writer.int2(execute.has_types ? reader.int2() : execute.statement.types[i].wire);
    const std::string_view name =
        execute.has_types && execute.has_names ? reader.text_lenenc() : std::string_view{};
    if (with_names) writer.text_lenenc(name);
  }
}

bool needs_remembered_types(const ComStmtExecute& execute, const ExecuteTarget& target) {
  const StatementParameters& statement = execute.statement;
  return !execute.has_types && !target.knows_types && statement.count > 0 &&
         statement.types.size() == statement.count;
}

// Without going through the types: one without a name takes three bytes.
bool has_named_parameters(const ComStmtExecute& execute) {
  return execute.has_names && execute.types.size() > 3 * execute.parameter_count;
}

}  // namespace

void mark_long_data(Buffer& bitmap, uint16_t parameter) {
  if (bitmap.size() <= parameter / 8u) bitmap.resize(parameter / 8u + 1);
  bitmap[parameter / 8u] |= static_cast<uint8_t>(1u << (parameter % 8u));
}

std::optional<std::string_view> ExecuteParameter::text() const {
  if (is_null || is_long_data || !is_string_type(type.type())) return std::nullopt;
  return as_text(value);
}

Result<ComStmtExecute> parse_com_stmt_execute(Bytes payload, const StatementParameters& statement,
                                              CapabilityFlags capabilities) {
  ByteReader reader(payload);
  ComStmtExecute execute;
  execute.statement = statement;
  reader.skip(1);
  execute.statement_id = reader.int4();
  execute.flags = reader.int1();
  execute.iterations = reader.int4();
  if (!reader.ok()) return ProtocolError::kTruncated;

  execute.has_names = has(capabilities, capability::kQueryAttributes);
  execute.parameter_count = statement.count;
  execute.has_section =
      statement.count > 0 ||
      (execute.has_names && (execute.flags & ComStmtExecute::kParameterCountAvailable) != 0);
  if (!execute.has_section) return execute;
  if (execute.has_names) {
    const uint64_t count = reader.int_lenenc();
    if (!reader.ok()) return ProtocolError::kTruncated;
    if (count < statement.count || count > kMaxExecuteParameters) return ProtocolError::kMalformed;
    execute.parameter_count = static_cast<size_t>(count);
  }
  if (execute.parameter_count == 0) return execute;

  execute.null_bitmap = reader.bytes(bitmap_bytes(execute.parameter_count));
  execute.has_types = reader.int1() != 0;
  if (execute.has_types) {
    const size_t start = reader.position();
    if (execute.has_names) {
      for (size_t i = 0; i < execute.parameter_count && reader.ok(); ++i) {
        reader.skip(2);
        reader.bytes_lenenc();
      }
    } else {
      reader.skip(2 * execute.parameter_count);
    }
    if (reader.ok()) execute.types = payload.subspan(start, reader.position() - start);
  }
  execute.values = reader.bytes_eof();
  if (!reader.ok()) return ProtocolError::kTruncated;
  return execute;
}

ExecuteParameterReader::ExecuteParameterReader(const ComStmtExecute& execute)
    : execute_(execute), types_(execute.types), values_(execute.values) {}

std::optional<ParameterType> ExecuteParameterReader::next_type(ExecuteParameter& parameter) {
  if (execute_.has_types) {
    const ParameterType type{types_.int2()};
    if (execute_.has_names) parameter.name = types_.text_lenenc();
    return type;
  }
  if (index_ >= std::min(execute_.statement.count, execute_.statement.types.size())) return std::nullopt;
  return execute_.statement.types[index_];
}

std::optional<ExecuteParameter> ExecuteParameterReader::next() {
  if (index_ == execute_.parameter_count || !ok()) return std::nullopt;
  ExecuteParameter parameter;
  const std::optional<ParameterType> type = next_type(parameter);
  parameter.type = type.value_or(ParameterType{static_cast<uint16_t>(FieldType::kNull)});
  parameter.is_long_data =
      index_ < execute_.statement.count && bit_is_set(execute_.statement.long_data, index_);
  parameter.is_null = !parameter.is_long_data && bit_is_set(execute_.null_bitmap, index_);
  if (!parameter.is_long_data && !parameter.is_null) {
    if (!type || !type->is_valid()) values_.fail();
    parameter.value = read_binary_value(values_, parameter.type.type());
  }
  ++index_;
  if (!ok()) return std::nullopt;
  return parameter;
}

std::optional<ExecuteParameter> ComStmtExecute::parameter(size_t index) const {
  if (index >= statement.count) return std::nullopt;
  ExecuteParameterReader reader(*this);
  for (size_t i = 0; i < index; ++i)
    reader.next();
  return reader.next();
}

std::optional<std::string_view> ComStmtExecute::attribute(std::string_view name) const {
  if (!has_named_parameters(*this)) return std::nullopt;
  ExecuteParameterReader reader(*this);
  while (const std::optional<ExecuteParameter> found = reader.next())
    if (found->name == name) return found->text();
  return std::nullopt;
}

void remember_types(const ComStmtExecute& execute, std::vector<ParameterType>& types) {
  if (!execute.has_types) return;
  types.clear();
  ByteReader reader(execute.types);
  for (size_t i = 0; i < execute.statement.count; ++i) {
    types.push_back({reader.int2()});
    if (execute.has_names) reader.bytes_lenenc();
  }
}

bool fits_unchanged(const ComStmtExecute& execute, const ExecuteTarget& target) {
  const bool takes_names = has(target.capabilities, capability::kQueryAttributes);
  // Without names the flag says nothing, but a server that takes names would look for a count.
  const bool has_flag = (execute.flags & ComStmtExecute::kParameterCountAvailable) != 0;
  const bool same_form = takes_names == execute.has_names || (!execute.has_section && !has_flag);
  return same_form && !needs_remembered_types(execute, target);
}

Result<void> append_com_stmt_execute(Buffer& out, const ComStmtExecute& execute,
                                     const ExecuteTarget& target) {
  const StatementParameters& statement = execute.statement;
  const bool with_names = has(target.capabilities, capability::kQueryAttributes);
  const bool with_types = execute.has_types || needs_remembered_types(execute, target);
  // Attributes without types have neither names nor values: nothing is lost.
  const size_t count = with_names && execute.has_types ? execute.parameter_count : statement.count;

  Bytes values = execute.values;
  if (count < execute.parameter_count) {
    ExecuteParameterReader reader(execute);
    for (size_t i = 0; i < count; ++i)
      if (!reader.next()) return ProtocolError::kMalformed;
    values = values.first(reader.values_position());
  }

  const bool with_section = with_names ? execute.has_section : count > 0;
  const auto other_flags =
      static_cast<uint8_t>(execute.flags & ~uint8_t{ComStmtExecute::kParameterCountAvailable});
  append_statement_command(out, Command::kStmtExecute, target.statement_id);
  ByteWriter writer(out);
  writer.int1(with_section && with_names ? other_flags | ComStmtExecute::kParameterCountAvailable
                                         : other_flags);
  writer.int4(execute.iterations);
  if (!with_section) return {};
  if (with_names) writer.int_lenenc(count);
  if (count == 0) return {};
  append_bitmap(writer, execute.null_bitmap, count);
  writer.int1(with_types ? 1 : 0);
  if (with_types) append_types(writer, execute, count, with_names);
  writer.bytes(values);
  return {};
}

}  // namespace causeway::protocol
