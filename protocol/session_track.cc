#include "protocol/session_track.h"

namespace causeway::protocol {
namespace {

constexpr uint8_t kGtidsAsText = 0;  // the only encoding specification there is

void append_entry(Buffer& out, SessionTrackType type, Bytes data) {
  ByteWriter writer(out);
  writer.int1(static_cast<uint8_t>(type));
  writer.bytes_lenenc(data);
}

void append_text_entry(Buffer& out, SessionTrackType type, std::string_view value) {
  Buffer data;
  ByteWriter(data).text_lenenc(value);
  append_entry(out, type, data);
}

}  // namespace

std::optional<SessionTrackItem> SessionTrackReader::next() {
  while (ok()) {
    if (!variables_.at_end()) return read_entry(SessionTrackType::kSystemVariable, variables_);
    if (entries_.at_end()) return std::nullopt;
    const auto type = static_cast<SessionTrackType>(entries_.int1());
    const ByteReader data(entries_.bytes_lenenc());
    if (!entries_.ok()) return std::nullopt;
    if (type > SessionTrackType::kTransactionState) continue;
    return read_entry(type, data);
  }
  return std::nullopt;
}

std::optional<SessionTrackItem> SessionTrackReader::read_entry(SessionTrackType type, ByteReader data) {
  SessionTrackItem item{.type = type, .name = {}, .value = {}};
  if (type == SessionTrackType::kSystemVariable) {
    item.name = data.text_lenenc();
    item.value = data.text_lenenc();
    variables_ = data;
  } else if (type == SessionTrackType::kStateChange) {
    item.value = data.text_eof();
  } else {
    if (type == SessionTrackType::kGtids && data.int1() != kGtidsAsText) data.fail();
    item.value = data.text_lenenc();
    if (!data.at_end()) data.fail();
  }
  if (data.ok()) return item;
  entries_.fail();
  return std::nullopt;
}

void append_session_track(Buffer& session_state, const SessionTrackItem& item) {
  switch (item.type) {
    case SessionTrackType::kSystemVariable:
      return append_session_track_system_variable(session_state, item.name, item.value);
    case SessionTrackType::kGtids:
      return append_session_track_gtids(session_state, item.value);
    case SessionTrackType::kStateChange:
      return append_entry(session_state, item.type, as_bytes(item.value));
    case SessionTrackType::kSchema:
    case SessionTrackType::kTransactionCharacteristics:
    case SessionTrackType::kTransactionState:
      return append_text_entry(session_state, item.type, item.value);
  }
}

void append_session_track_system_variable(Buffer& session_state, std::string_view name,
                                          std::string_view value) {
  Buffer data;
  ByteWriter writer(data);
  writer.text_lenenc(name);
  writer.text_lenenc(value);
  append_entry(session_state, SessionTrackType::kSystemVariable, data);
}

void append_session_track_schema(Buffer& session_state, std::string_view schema) {
  append_text_entry(session_state, SessionTrackType::kSchema, schema);
}

void append_session_track_state_change(Buffer& session_state, bool changed) {
  append_entry(session_state, SessionTrackType::kStateChange, as_bytes(changed ? "1" : "0"));
}

void append_session_track_gtids(Buffer& session_state, std::string_view gtids) {
  Buffer data;
  ByteWriter writer(data);
  writer.int1(kGtidsAsText);
  writer.text_lenenc(gtids);
  append_entry(session_state, SessionTrackType::kGtids, data);
}

void append_session_track_transaction_characteristics(Buffer& session_state, std::string_view statements) {
  append_text_entry(session_state, SessionTrackType::kTransactionCharacteristics, statements);
}

void append_session_track_transaction_state(Buffer& session_state, std::string_view state) {
  append_text_entry(session_state, SessionTrackType::kTransactionState, state);
}

}  // namespace causeway::protocol
