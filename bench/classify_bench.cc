// What classifying a statement costs: classify_bench [--benchmark_filter=...]

#include <benchmark/benchmark.h>

#include <string>

#include "routing/classifier.h"

namespace {

void run(benchmark::State& state, std::string_view sql) {
  const causeway::routing::LexMode mode{.server_version = 80036};
  causeway::routing::Classified classified;
  for (auto _ : state) {
    causeway::routing::classify(sql, mode, classified);
    benchmark::DoNotOptimize(classified.statements.front().cls);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * sql.size()));
}

std::string bulk_insert() {
  std::string sql = "INSERT INTO sbtest1 (id, k, c, pad) VALUES (1, 2, 'x', 'y')";
  while (sql.size() < 65536)
    sql += ", (12345, 67890, '83868641912-28773972837-60736120486', '67847967377-48000963322')";
  return sql;
}

const std::string kBulkInsert = bulk_insert();

BENCHMARK_CAPTURE(run, point_select, "SELECT c FROM sbtest1 WHERE id=5034 AND k = 'abcdefgh' LIMIT 1");
BENCHMARK_CAPTURE(run, range_select,
                  "SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN 4978 AND 5077 ORDER BY c");
BENCHMARK_CAPTURE(run, update, "UPDATE sbtest1 SET k=k+1 WHERE id=5034");
BENCHMARK_CAPTURE(run, begin, "BEGIN");
BENCHMARK_CAPTURE(run, set_names, "SET NAMES utf8mb4");
BENCHMARK_CAPTURE(run, bulk_insert_64k, kBulkInsert);

}  // namespace
