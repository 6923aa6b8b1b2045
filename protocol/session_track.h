// Session state changes that a server reports in an OK packet (session tracking).
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html#sect_protocol_basic_ok_packet_sessinfo
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"

namespace causeway::protocol {

enum class SessionTrackType : uint8_t {
  kSystemVariable = 0,              // name, value
  kSchema = 1,                      // value: the schema's name, empty for none
  kStateChange = 2,                 // value: "1" or "0"; written without a length of its own
  kGtids = 3,                       // value: a GTID set (MySQL)
  kTransactionCharacteristics = 4,  // value: the statements that would start the transaction again
  kTransactionState = 5,            // value: eight characters, e.g. "T___Ws__"
};

struct SessionTrackItem {
  SessionTrackType type = SessionTrackType::kSystemVariable;
  std::string_view name = {};  // of a system variable; else empty
  std::string_view value = {};

  friend bool operator==(const SessionTrackItem&, const SessionTrackItem&) = default;
};

// Iterates over OkPacket::session_state without allocating:
//   SessionTrackReader reader(ok.session_state);
//   while (const auto item = reader.next()) ...
// Entries of a type that is not known here are skipped. An entry with several variables (MariaDB may write
// such) gives one item each. Views point into the bytes given to the constructor.
class SessionTrackReader {
 public:
  explicit SessionTrackReader(Bytes session_state) : entries_(session_state), variables_(Bytes{}) {}

  // The next item; nothing at the end or at the first malformed entry.
  std::optional<SessionTrackItem> next();

  // After next() gave nothing: whether everything could be read.
  bool ok() const { return entries_.ok() && variables_.ok(); }

 private:
  std::optional<SessionTrackItem> read_entry(SessionTrackType type, ByteReader data);

  ByteReader entries_;
  ByteReader variables_;  // what is left of an entry of system variables
};

// Append one entry, in the form that MySQL writes and both client libraries read.
void append_session_track(Buffer& session_state, const SessionTrackItem& item);
void append_session_track_system_variable(Buffer& session_state, std::string_view name,
                                          std::string_view value);
void append_session_track_schema(Buffer& session_state, std::string_view schema);
void append_session_track_state_change(Buffer& session_state, bool changed);
void append_session_track_gtids(Buffer& session_state, std::string_view gtids);
void append_session_track_transaction_characteristics(Buffer& session_state, std::string_view statements);
void append_session_track_transaction_state(Buffer& session_state, std::string_view state);

}  // namespace causeway::protocol
