// Runs a BinlogStreamScanner over bytes that arrive in pieces, as a session would, and records what came out.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "protocol/binlog_stream.h"
#include "protocol/byte_writer.h"

namespace causeway::protocol {

// What came of a stream.
struct FollowedStream {
  std::vector<std::string> transactions;  // "GTID file position" of each boundary where one had ended
  std::string ends;                       // "eof", "err", "malformed" or empty
  std::optional<ProtocolError> error;
  Buffer forwarded;  // all that passed, and the last packet
  BinlogStreamState state;
  bool at_boundary = false;
  size_t acks_wanted = 0;
  size_t held_back = 0;     // bytes at the end that could not be forwarded
  size_t longest_tail = 0;  // that was left over when all of what had come had been looked at
};

// Feeds the bytes in pieces of so many, to the end of the stream, or of the bytes.
inline FollowedStream follow(BinlogStreamScanner scanner, Bytes wire, size_t piece_bytes) {
  FollowedStream seen;
  scanner.stop_at(BinlogStop::kBoundaries);
  size_t passed = 0;
  size_t come = 0;
  uint64_t told = 0;
  for (bool over = false; !over;) {
    const BinlogScanStep step = scanner.scan(wire.subspan(passed, come - passed));
    passed += step.pass_bytes + step.packet_bytes;
    switch (step.event) {
      case BinlogScanEvent::kNeedMore:
        seen.longest_tail = std::max(seen.longest_tail, come - passed);
        over = come == wire.size();
        come = std::min(wire.size(), come + piece_bytes);
        break;
      case BinlogScanEvent::kBoundary:
        if (scanner.state().transactions == told) break;
        told = scanner.state().transactions;
        {
          const std::string gtid = to_string(scanner.state().transaction.last());
          seen.transactions.push_back((gtid.empty() ? "none" : gtid) + ' ' + scanner.state().file + ' ' +
                                      std::to_string(scanner.state().position));
        }
        break;
      case BinlogScanEvent::kAckWanted:
        ++seen.acks_wanted;
        break;
      case BinlogScanEvent::kEof:
      case BinlogScanEvent::kErr:
      case BinlogScanEvent::kMalformed:
        seen.ends = step.event == BinlogScanEvent::kEof   ? "eof"
                    : step.event == BinlogScanEvent::kErr ? "err"
                                                          : "malformed";
        seen.error = step.error;
        over = true;
        break;
    }
  }
  seen.forwarded.assign(wire.begin(), wire.begin() + static_cast<long>(passed));
  seen.state = scanner.state();
  seen.at_boundary = scanner.at_boundary();
  seen.held_back = wire.size() - passed;
  return seen;
}

}  // namespace causeway::protocol
