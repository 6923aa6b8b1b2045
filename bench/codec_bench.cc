// What the protocol costs on the way of a statement: following a result, reading and writing the OK packet at
// its end, and, for comparison, classifying the statement.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "protocol/ok_packet.h"
#include "protocol/packet_header.h"
#include "protocol/response_scanner.h"
#include "routing/classifier.h"
#include "tests/unit/protocol/capture_file.h"

namespace causeway::protocol {
namespace {

constexpr size_t kReadBytes = size_t{64} * 1024;  // what the proxy reads at once

const CapturedExchange& captured(std::string_view file, std::string_view argument) {
  static const std::vector<CapturedExchange> all = captured_exchanges();
  const auto found = std::ranges::find_if(all, [&](const CapturedExchange& exchange) {
    return exchange.name.starts_with(file) && exchange.argument == argument;
  });
  if (found == all.end()) throw std::runtime_error("no such capture");
  return *found;
}

std::vector<Bytes> packets_of(Bytes wire) {
  std::vector<Bytes> packets;
  while (!wire.empty()) {
    const size_t bytes = kPacketHeaderBytes + read_packet_header(wire.data()).payload_bytes;
    packets.push_back(wire.first(bytes));
    wire = wire.subspan(bytes);
  }
  return packets;
}

// The captured response with its last row repeated until it is long enough.
Buffer stretched(const CapturedExchange& exchange, size_t min_bytes) {
  const std::vector<Bytes> packets = packets_of(exchange.turns.front());
  Buffer out;
  uint8_t sequence_id = 1;
  const auto append = [&](Bytes packet) {
    const size_t start = out.size();
    out.insert(out.end(), packet.begin(), packet.end());
    out[start + 3] = sequence_id++;
  };
  for (const Bytes packet : std::span(packets).first(packets.size() - 1))
    append(packet);
  while (out.size() < min_bytes)
    append(packets[packets.size() - 2]);
  append(packets.back());
  return out;
}

// As the proxy does it: each read of up to 64 KiB is scanned, what was left over goes in front of the next.
void scan(benchmark::State& state, const Buffer& response, CapabilityFlags capabilities) {
  Buffer wire = response;
  for (auto _ : state) {
    ResponseScanner scanner(ResponseKind::kQuery, capabilities);
    size_t begin = 0;
    size_t end = std::min(kReadBytes, wire.size());
    for (;;) {
      const ScanStep step = scanner.scan(std::span(wire).subspan(begin, end - begin));
      begin += step.pass_bytes + step.packet_bytes;
      if (step.response_done) break;
      if (step.event == ScanEvent::kMalformed) throw std::runtime_error("malformed capture");
      if (step.event == ScanEvent::kNeedMore) end = std::min(begin + kReadBytes, wire.size());
    }
    benchmark::DoNotOptimize(begin);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * wire.size()));
}

void scan_captured_result(benchmark::State& state) {
  const CapturedExchange& exchange = captured("mariadb-deprecate_eof-track", "SELECT * FROM t");
  scan(state, exchange.turns.front(), exchange.capabilities);
}
BENCHMARK(scan_captured_result);

// Rows as short as they can be: the cost per packet.
void scan_tiny_rows(benchmark::State& state) {
  const CapturedExchange& exchange = captured("mariadb-deprecate_eof-track", "SELECT 1 AS one");
  scan(state, stretched(exchange, 1 << 20), exchange.capabilities);
}
BENCHMARK(scan_tiny_rows);

void scan_rows_of_300_bytes(benchmark::State& state) {
  const CapturedExchange& exchange =
      captured("mysql-deprecate_eof-track", "SELECT NULL, '', REPEAT('x', 300)");
  scan(state, stretched(exchange, 1 << 20), exchange.capabilities);
}
BENCHMARK(scan_rows_of_300_bytes);

// The OK of a commit: with a GTID in its session state.
void parse_ok(benchmark::State& state) {
  const CapturedExchange& exchange = captured("mariadb-deprecate_eof-track", "COMMIT");
  const Bytes payload = Bytes(exchange.turns.front()).subspan(kPacketHeaderBytes);
  for (auto _ : state)
    benchmark::DoNotOptimize(parse_ok_packet(payload, exchange.capabilities));
}
BENCHMARK(parse_ok);

void append_ok(benchmark::State& state) {
  const CapturedExchange& exchange = captured("mariadb-deprecate_eof-track", "COMMIT");
  const Bytes payload = Bytes(exchange.turns.front()).subspan(kPacketHeaderBytes);
  const OkPacket ok = parse_ok_packet(payload, exchange.capabilities).value();
  Buffer out;
  for (auto _ : state) {
    out.clear();
    append_ok_packet(out, ok, 1, kOkHeader, exchange.capabilities);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(append_ok);

void classify_point_select(benchmark::State& state) {
  const routing::LexMode mode{.server_version = 80036};
  routing::Classified classified;
  for (auto _ : state) {
    routing::classify("SELECT c FROM sbtest1 WHERE id=5034", mode, classified);
    benchmark::DoNotOptimize(classified.statements.front().cls);
  }
}
BENCHMARK(classify_point_select);

}  // namespace
}  // namespace causeway::protocol
