// Reads the streams of tests/captures/binlog (their README.md describes the format).
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "capture_file.h"
#include "protocol/byte_writer.h"

namespace causeway::protocol {

struct CapturedStream {
  std::string name;
  bool semi_sync = false;
  std::vector<std::string> transactions;  // "GTID file position", as SHOW BINLOG EVENTS has them
  std::string end;                        // "file position"
  Buffer wire;
};

inline std::vector<CapturedStream> captured_streams() {
  std::vector<CapturedStream> streams;
  for (const auto& entry : std::filesystem::directory_iterator(CAUSEWAY_TEST_DATA "/captures/binlog")) {
    CapturedStream stream{.name = entry.path().stem().string()};
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("  ")) {
        const Buffer bytes = from_hex(line.substr(2));
        stream.wire.insert(stream.wire.end(), bytes.begin(), bytes.end());
      }
      if (line.starts_with("options ")) stream.semi_sync = line.ends_with("semi_sync=1");
      if (line.starts_with("transaction ")) stream.transactions.push_back(line.substr(12));
      if (line.starts_with("end ")) stream.end = line.substr(4);
    }
    streams.push_back(stream);
  }
  if (streams.empty()) throw std::runtime_error("no captured streams found");
  std::ranges::sort(streams, {}, &CapturedStream::name);
  return streams;
}

inline CapturedStream captured_stream(const std::string& name) {
  for (CapturedStream& stream : captured_streams())
    if (stream.name == name) return std::move(stream);
  throw std::runtime_error("no captured stream " + name);
}

}  // namespace causeway::protocol
