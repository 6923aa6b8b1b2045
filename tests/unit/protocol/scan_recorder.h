// Runs a ResponseScanner over bytes that arrive in pieces, as a session would, and records what came out.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/response_scanner.h"

namespace causeway::protocol {

inline std::string event_name(ScanEvent event) {
  switch (event) {
    case ScanEvent::kNeedMore:
      return "need_more";
    case ScanEvent::kOk:
      return "ok";
    case ScanEvent::kErr:
      return "err";
    case ScanEvent::kResultSetEnd:
      return "end";
    case ScanEvent::kLocalInfile:
      return "infile";
    case ScanEvent::kPrepareOk:
      return "prepare";
    case ScanEvent::kEnd:
      return "done";
    case ScanEvent::kMalformed:
      return "malformed";
  }
  return "?";
}

struct Recording {
  std::string events;           // comma-separated
  std::vector<Buffer> packets;  // payloads of the events
  std::vector<StatusFlags> flags;
  Buffer forwarded;  // everything that passed and the events' packets, in order
  bool done = false;
  size_t held_back = 0;  // bytes at the end that could not be forwarded
};

// Feeds the bytes to the scanner; piece(n) says how long the n-th piece is (at least 1). Stops at the end of
// the response, at kLocalInfile and at kMalformed. Appends to the recording.
template <class PieceLength>
void feed(ResponseScanner& scanner, const Buffer& bytes, PieceLength piece, Recording& recording) {
  Buffer held;
  size_t next = 0;
  for (size_t n = 0;; ++n) {
    const ScanStep step = scanner.scan(held);
    const size_t consumed = step.pass_bytes + step.packet_bytes;
    recording.forwarded.insert(recording.forwarded.end(), held.begin(),
                               held.begin() + static_cast<long>(consumed));
    if (step.event != ScanEvent::kNeedMore) {
      if (!recording.events.empty()) recording.events += ',';
      recording.events += event_name(step.event);
      recording.packets.emplace_back(step.packet_payload.begin(), step.packet_payload.end());
      recording.flags.push_back(step.status_flags);
    }
    held.erase(held.begin(), held.begin() + static_cast<long>(consumed));
    recording.done = step.response_done;
    recording.held_back = held.size() + bytes.size() - next;
    if (step.response_done || step.event == ScanEvent::kMalformed || step.event == ScanEvent::kLocalInfile)
      return;
    if (step.event != ScanEvent::kNeedMore) continue;
    if (next == bytes.size()) return;
    const size_t length = std::min(std::max<size_t>(piece(n), 1), bytes.size() - next);
    held.insert(held.end(), bytes.begin() + static_cast<long>(next),
                bytes.begin() + static_cast<long>(next + length));
    next += length;
  }
}

inline Recording feed_whole(ResponseScanner scanner, const Buffer& bytes) {
  Recording recording;
  feed(
      scanner, bytes, [&](size_t) { return bytes.size(); }, recording);
  return recording;
}

inline Recording feed_byte_by_byte(ResponseScanner scanner, const Buffer& bytes) {
  Recording recording;
  feed(
      scanner, bytes, [](size_t) { return size_t{1}; }, recording);
  return recording;
}

}  // namespace causeway::protocol
