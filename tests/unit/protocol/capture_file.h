// Reads the golden files of tests/captures (their README.md describes the format).
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/byte_writer.h"
#include "protocol/capability_flags.h"
#include "protocol/response_scanner.h"

namespace causeway::protocol {

struct CapturedExchange {
  std::string name;    // file and line of the capture
  std::string kind;    // the command
  std::string events;  // comma-separated, as the scanner must report them
  std::string argument;
  CapabilityFlags capabilities = 0;
  std::vector<Buffer> turns;  // what the server sent; two for LOAD DATA LOCAL

  ResponseKind response_kind() const {
    if (kind == "query" || kind == "infile") return ResponseKind::kQuery;
    if (kind == "prepare") return ResponseKind::kPrepare;
    if (kind == "execute") return ResponseKind::kExecuteWithCursor;
    if (kind == "fetch") return ResponseKind::kFetch;
    if (kind == "field_list") return ResponseKind::kFieldList;
    if (kind == "statistics") return ResponseKind::kStatistics;
    return ResponseKind::kOk;
  }
};

inline Buffer from_hex(const std::string& text) {
  Buffer bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

// All exchanges of all captures.
inline std::vector<CapturedExchange> captured_exchanges() {
  std::vector<CapturedExchange> exchanges;
  for (const auto& entry : std::filesystem::directory_iterator(CAUSEWAY_TEST_DATA "/captures")) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream file(entry.path());
    CapabilityFlags capabilities = 0;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      if (line.starts_with("  ")) {
        exchanges.back().turns.push_back(from_hex(line.substr(2)));
        continue;
      }
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (word == "capabilities") {
        words >> word;
        capabilities = std::stoull(word, nullptr, 16);
      } else if (word == "exchange") {
        CapturedExchange exchange;
        exchange.name = entry.path().stem().string() + ":" + std::to_string(number);
        exchange.capabilities = capabilities;
        words >> exchange.kind >> exchange.events;
        std::getline(words >> std::ws, exchange.argument);
        exchanges.push_back(exchange);
      }
    }
  }
  if (exchanges.empty()) throw std::runtime_error("no captures found");
  return exchanges;
}

}  // namespace causeway::protocol
