#include "tests/support/packets.h"

#include <algorithm>
#include <optional>

#include "protocol/byte_reader.h"
#include "protocol/status_flags.h"
#include "tests/support/binlog_events.h"

namespace causeway::test {
namespace {

using protocol::ByteReader;
using protocol::CapabilityFlags;
using protocol::Command;

constexpr size_t kHeaderBytes = 4;
constexpr uint8_t kOk = 0x00;
constexpr uint8_t kFile = 0xfb;
constexpr uint8_t kEnd = 0xfe;
constexpr uint8_t kErr = 0xff;

// Goes through an answer packet by packet.
class Reader {
 public:
  Reader(std::vector<Packet> packets, Command command, CapabilityFlags capabilities, Answer& answer)
      : packets_(std::move(packets)), command_(command), capabilities_(capabilities), answer_(answer) {}

  void read() {
    do {
      answer_.state = one_result();
    } while (answer_.state == AnswerState::kComplete &&
             (answer_.status & protocol::status::kMoreResultsExist) != 0);
    if (answer_.state == AnswerState::kComplete && at_ < packets_.size())
      answer_.state = AnswerState::kMalformed;
  }

 private:
  const Packet* next() { return at_ < packets_.size() ? &packets_[at_++] : nullptr; }
  bool has_eof() const { return !protocol::has(capabilities_, protocol::capability::kDeprecateEof); }

  AnswerState one_result() {
    const Packet* first = next();
    if (first == nullptr) return AnswerState::kIncomplete;
    answer_.status = 0;
    if (first->payload.empty()) return AnswerState::kMalformed;
    const bool is_error = first->payload[0] == kErr;
    if (command_ == Command::kStatistics && !is_error) {
      answer_.told.emplace_back(protocol::as_text(first->payload));
      return AnswerState::kComplete;
    }
    if (command_ == Command::kBinlogDump && !is_error) return events(first);
    if (command_ == Command::kFieldList && !is_error) return fields(first);
    if (command_ == Command::kStmtFetch && !is_error) return fetched(first);
    switch (first->payload[0]) {
      case kErr:
        error(*first);
        return AnswerState::kComplete;
      case kOk:
        if (command_ == Command::kStmtPrepare) return prepared(*first);
        ok(*first);
        answer_.told.emplace_back("OK");
        return AnswerState::kComplete;
      case kFile:
        return file(*first);
      case kEnd:
        if (command_ != Command::kSetOption) return AnswerState::kMalformed;
        answer_.told.emplace_back("EOF");
        return AnswerState::kComplete;
      default:
        return rows(*first);
    }
  }

  // Those that have come: more may follow, or the end.
  AnswerState events(const Packet* packet) {
    for (; packet != nullptr; packet = next()) {
      if (packet->payload.empty()) return AnswerState::kMalformed;
      if (packet->payload[0] == kErr) {
        error(*packet);
      } else if (packet->payload[0] == kEnd) {
        answer_.told.emplace_back("end");
      } else {
        answer_.told.push_back(describe_event_packet(packet->payload));
      }
    }
    return AnswerState::kComplete;
  }

  void error(const Packet& packet) {
    ByteReader reader(packet.payload);
    reader.int1();
    answer_.error = reader.int2();
    std::string text(reader.text_eof());
    if (text.starts_with('#')) text = text.substr(1, 5) + " " + text.substr(6);
    answer_.told.push_back(std::to_string(answer_.error) + " " + text);
  }

  void ok(const Packet& packet) {
    ByteReader reader(packet.payload);
    reader.int1();
    answer_.affected_rows = reader.int_lenenc();
    reader.int_lenenc();
    answer_.status = reader.int2();
  }

  AnswerState prepared(const Packet& packet) {
    ByteReader reader(packet.payload);
    reader.int1();
    answer_.statement_id = reader.int4();
    const size_t columns = reader.int2();
    const size_t parameters = reader.int2();
    for (const size_t count : {parameters, columns}) {
      if (count == 0) continue;
      for (size_t i = 0; i < count + (has_eof() ? 1 : 0); ++i)
        if (next() == nullptr) return AnswerState::kIncomplete;
    }
    answer_.told.push_back("prepared " + std::to_string(parameters) + "/" + std::to_string(columns));
    return AnswerState::kComplete;
  }

  AnswerState fields(const Packet* packet) {
    for (size_t columns = 0; packet != nullptr; ++columns, packet = next()) {
      const uint8_t first = packet->payload.empty() ? kOk : packet->payload[0];
      if (first != kEnd || packet->payload.size() >= 9) continue;
      answer_.told.push_back(std::to_string(columns) + " columns");
      return AnswerState::kComplete;
    }
    return AnswerState::kIncomplete;
  }

  // Rows of one column, of which nothing stands ahead.
  AnswerState fetched(const Packet* packet) {
    std::string text;
    for (; packet != nullptr; packet = next()) {
      const uint8_t first = packet->payload.empty() ? kOk : packet->payload[0];
      if (first == kErr) {
        error(*packet);
        return AnswerState::kComplete;
      }
      if (first == kEnd) {
        end_of_rows(*packet);
        answer_.told.push_back(text.empty() ? "[]" : text);
        return AnswerState::kComplete;
      }
      text += row(*packet, 1);
    }
    return AnswerState::kIncomplete;
  }

  AnswerState file(const Packet& packet) {
    answer_.told.push_back("file " + std::string(protocol::as_text(Bytes(packet.payload).subspan(1))));
    const bool sent = at_ < packets_.size();
    return sent ? one_result() : AnswerState::kWantsFile;
  }

  AnswerState rows(const Packet& head) {
    const size_t columns = head.payload[0];
    for (size_t i = 0; i < columns; ++i)
      if (next() == nullptr) return AnswerState::kIncomplete;
    if (has_eof() && next() == nullptr) return AnswerState::kIncomplete;
    std::string text;
    while (const Packet* packet = next()) {
      const uint8_t first = packet->payload.empty() ? kOk : packet->payload[0];
      if (first == kErr) {
        answer_.told.push_back(text);
        error(*packet);
        return AnswerState::kComplete;
      }
      const bool is_end = first == kEnd && (!has_eof() || packet->payload.size() < 9);
      if (is_end) {
        end_of_rows(*packet);
        answer_.told.push_back(text.empty() ? "[]" : text);
        return AnswerState::kComplete;
      }
      text += row(*packet, columns);
    }
    return AnswerState::kIncomplete;
  }

  void end_of_rows(const Packet& packet) {
    if (!has_eof()) return ok(packet);
    ByteReader reader(packet.payload);
    reader.int1();
    reader.int2();
    answer_.status = reader.int2();
  }

  // Binary rows are texts here, all of them, and none of their values is NULL.
  std::string row(const Packet& packet, size_t columns) const {
    ByteReader reader(packet.payload);
    const bool binary = command_ == Command::kStmtExecute || command_ == Command::kStmtFetch;
    if (binary) reader.bytes(1 + (columns + 9) / 8);
    std::string text;
    for (size_t i = 0; i < columns; ++i) {
      text += i == 0 ? "[" : ", ";
      if (!binary && reader.peek() == kFile) {
        text += "NULL";
        reader.int1();
        continue;
      }
      text += reader.text_lenenc();
    }
    return text + "]";
  }

  std::vector<Packet> packets_;
  Command command_;
  CapabilityFlags capabilities_;
  Answer& answer_;
  size_t at_ = 0;
};

}  // namespace

std::vector<Packet> split_packets(Bytes bytes, size_t& taken) {
  std::vector<Packet> packets;
  taken = 0;
  while (bytes.size() - taken >= kHeaderBytes) {
    const Bytes rest = bytes.subspan(taken);
    const size_t length = size_t{rest[0]} | size_t{rest[1]} << 8 | size_t{rest[2]} << 16;
    if (rest.size() < kHeaderBytes + length) break;
    const Bytes payload = rest.subspan(kHeaderBytes, length);
    packets.push_back({.sequence_id = rest[3], .payload = Buffer(payload.begin(), payload.end())});
    taken += kHeaderBytes + length;
  }
  return packets;
}

Buffer packet_of(Bytes payload, uint8_t sequence_id) {
  Buffer out;
  protocol::ByteWriter writer(out);
  writer.int3(static_cast<uint32_t>(payload.size()));
  writer.int1(sequence_id);
  writer.bytes(payload);
  return out;
}

std::string Answer::text() const {
  std::string all;
  for (const std::string& one : told)
    all.append(all.empty() ? "" : "; ").append(one);
  if (state == AnswerState::kMalformed) all += " (malformed)";
  if (ended) all.append(all.empty() ? "" : "; ").append("closed");
  return all;
}

Answer read_answer(Bytes bytes, Command command, CapabilityFlags capabilities) {
  Answer answer;
  answer.bytes.assign(bytes.begin(), bytes.end());
  size_t taken = 0;
  std::vector<Packet> packets = split_packets(bytes, taken);
  Reader(std::move(packets), command, capabilities, answer).read();
  if (taken < bytes.size() && answer.state == AnswerState::kComplete) answer.state = AnswerState::kMalformed;
  return answer;
}

bool is_answered(Command command) {
  return command != Command::kStmtClose && command != Command::kStmtSendLongData && command != Command::kQuit;
}

}  // namespace causeway::test
