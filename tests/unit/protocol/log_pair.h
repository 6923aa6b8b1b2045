// The logs of a source and of its replica, from tests/captures/binlog: transactions with where they stand.
#pragma once

#include <string>
#include <vector>

#include "binlog_capture.h"
#include "protocol/binlog_stream.h"

namespace causeway::protocol {

struct LoggedTransaction {
  std::string file;
  uint64_t begin = 0;
  uint64_t end = 0;
  TransactionMark mark;
};

inline std::vector<LoggedTransaction> logged_transactions(const std::string& capture) {
  const CapturedStream stream = captured_stream(capture);
  BinlogStreamScanner scanner(stream.semi_sync);
  scanner.stop_at(BinlogStop::kBoundaries);
  std::vector<LoggedTransaction> found;
  for (Bytes rest = stream.wire; !rest.empty();) {
    const BinlogScanStep step = scanner.scan(rest);
    rest = rest.subspan(step.pass_bytes + step.packet_bytes);
    const BinlogStreamState& state = scanner.state();
    if (state.transactions > found.size())
      found.push_back({.file = state.file,
                       .begin = state.transaction_position,
                       .end = state.position,
                       .mark = state.transaction.last_mark()});
    if (step.event != BinlogScanEvent::kBoundary) break;
  }
  return found;
}

}  // namespace causeway::protocol
