// What a read costs in consistency/: reading the GTID of a write, merging it, asking whether a replica has
// it.
#include "consistency/gtid_set.h"

#include <benchmark/benchmark.h>

#include <string>

#include "consistency/causality_token.h"
#include "consistency/position.h"
#include "consistency/read_plan.h"

namespace causeway::consistency {
namespace {

const std::string kUuid = "34250e64-e564-11f1-bad4-02fc00000001";

// A set as a server has it: `sources` former writers, the last with `gaps` gaps.
std::string executed(int64_t sources, int64_t gaps) {
  std::string text;
  for (int64_t i = 1; i < sources; ++i) {
    text += std::to_string(10000000 + i) + "-1111-1111-1111-111111111111:1-123456,\n";
  }
  text += kUuid;
  for (int64_t i = 0; i < gaps; ++i)
    text += ":" + std::to_string(10 * i + 1) + "-" + std::to_string(10 * i + 5);
  return text + ":1000000-9000000";
}

void parse_one_gtid(benchmark::State& state) {
  const std::string text = kUuid + ":8765432";
  for (auto _ : state)
    benchmark::DoNotOptimize(Position::parse(PositionKind::kGtidSet, text));
}
BENCHMARK(parse_one_gtid);

void parse_executed(benchmark::State& state) {
  const std::string text = executed(state.range(0), state.range(1));
  for (auto _ : state)
    benchmark::DoNotOptimize(GtidSet::parse(text));
}
BENCHMARK(parse_executed)->Args({1, 0})->Args({5, 2})->Args({20, 1000});

void contains_one_gtid(benchmark::State& state) {
  const GtidSet have = *GtidSet::parse(executed(state.range(0), state.range(1)));
  const GtidSet wanted = *GtidSet::parse(kUuid + ":8765432");
  for (auto _ : state)
    benchmark::DoNotOptimize(have.contains(wanted));
}
BENCHMARK(contains_one_gtid)->Args({1, 0})->Args({5, 2})->Args({20, 1000});

void observe_write(benchmark::State& state) {
  const Position written = *Position::parse(PositionKind::kGtidSet, kUuid + ":8765432");
  for (auto _ : state) {
    CausalityToken token;
    token.observe_write(written);
    benchmark::DoNotOptimize(token);
  }
}
BENCHMARK(observe_write);

void plan_session_read(benchmark::State& state) {
  CausalityToken token;
  token.observe_write(*Position::parse(PositionKind::kGtidSet, kUuid + ":8765432"));
  const Position have = *GtidSet::parse(executed(5, 2));
  ReadRequest request;
  request.token = &token;
  request.replica_executed = &have;
  for (auto _ : state)
    benchmark::DoNotOptimize(plan_read(request));
}
BENCHMARK(plan_session_read);

}  // namespace
}  // namespace causeway::consistency
