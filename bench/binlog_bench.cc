// What it costs to follow a binary log: small transactions, and a bulk load.

#include <benchmark/benchmark.h>

#include <cstdint>

#include "protocol/binlog_stream.h"
#include "protocol/byte_writer.h"

namespace causeway::protocol {
namespace {

constexpr size_t kReadBytes = size_t{64} * 1024;  // what the proxy reads at once
constexpr size_t kLogBytes = 16 * kReadBytes;

// A log as MariaDB or MySQL sends it.
class Log {
 public:
  void event(BinlogEventType type, Bytes body) {
    const auto event_bytes = static_cast<uint32_t>(kBinlogEventHeaderBytes + body.size());
    position_ += event_bytes;
    ++events_;
    ByteWriter writer(wire_);
    writer.int3(1 + event_bytes);
    writer.int1(sequence_id_++);
    writer.int1(0);
    writer.int4(1'700'000'000);
    writer.int1(static_cast<uint8_t>(type));
    writer.int4(1);
    writer.int4(event_bytes);
    writer.int4(position_);
    writer.int2(0);
    writer.bytes(body);
  }

  void mariadb_gtid() {
    Buffer body;
    ByteWriter writer(body);
    writer.int8(++transactions_);
    writer.zeros(11);
    event(BinlogEventType::kMariadbGtid, body);
  }

  void mysql_gtid() {
    Buffer body;
    ByteWriter writer(body);
    writer.int1(0);
    writer.zeros(16);
    writer.int8(++transactions_);
    writer.int1(2);  // logical clock
    writer.zeros(16 + 7);
    event(BinlogEventType::kGtid, body);
  }

  void query(std::string_view text) {
    Buffer body;
    ByteWriter writer(body);
    writer.zeros(8);
    writer.int1(6);  // of the schema's name
    writer.zeros(2);
    writer.int2(20);  // of the variables
    writer.zeros(20);
    writer.text_nul("sbtest");
    writer.text(text);
    event(BinlogEventType::kQuery, body);
  }

  void rows(BinlogEventType type, size_t bytes) {
    event(BinlogEventType::kTableMap, Buffer(40));
    event(type, Buffer(bytes));
  }

  Bytes wire() const { return wire_; }
  int64_t events() const { return events_; }

 private:
  Buffer wire_;
  uint8_t sequence_id_ = 1;
  uint32_t position_ = 4;
  int64_t events_ = 0;
  uint64_t transactions_ = 0;
};

// As the proxy does it: each read of up to 64 KiB is scanned, what was left over goes in front of the next.
void scan(benchmark::State& state, const Log& log) {
  for (auto _ : state) {
    BinlogStreamScanner scanner;
    size_t at = 0;
    for (size_t end = 0; at < log.wire().size();) {
      end = std::min(log.wire().size(), end + kReadBytes);
      const BinlogScanStep step = scanner.scan(log.wire().subspan(at, end - at));
      if (step.event != BinlogScanEvent::kNeedMore) return state.SkipWithError("cannot be followed");
      at += step.pass_bytes;
    }
    benchmark::DoNotOptimize(scanner.state().transactions);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(log.wire().size()));
  state.SetItemsProcessed(state.iterations() * log.events());
}

void scan_mariadb_transactions(benchmark::State& state) {
  Log log;
  while (log.wire().size() < kLogBytes) {
    log.mariadb_gtid();
    log.rows(BinlogEventType::kWriteRowsV1, 120);
    log.event(BinlogEventType::kXid, Buffer(8));
  }
  scan(state, log);
}
BENCHMARK(scan_mariadb_transactions);

void scan_mysql_transactions(benchmark::State& state) {
  Log log;
  while (log.wire().size() < kLogBytes) {
    log.mysql_gtid();
    log.query("BEGIN");
    log.rows(BinlogEventType::kWriteRows, 120);
    log.event(BinlogEventType::kXid, Buffer(8));
  }
  scan(state, log);
}
BENCHMARK(scan_mysql_transactions);

// One transaction of events as large as servers make them.
void scan_bulk_load(benchmark::State& state) {
  Log log;
  log.mariadb_gtid();
  while (log.wire().size() < kLogBytes)
    log.rows(BinlogEventType::kWriteRowsV1, 8192);
  scan(state, log);
}
BENCHMARK(scan_bulk_load);

}  // namespace
}  // namespace causeway::protocol
