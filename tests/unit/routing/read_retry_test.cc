#include "routing/read_retry.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::routing {
namespace {

std::string step(ReadMiss miss, const ReadFacts& facts) {
  switch (after_miss(miss, facts)) {
    case ReadStep::kElsewhere:
      return "elsewhere";
    case ReadStep::kWriter:
      return "writer";
    case ReadStep::kFail:
      return "fail";
  }
  return "";
}

TEST(ReadRetry, EachMissGoesOnWhereItMay) {
  const struct {
    ReadMiss miss;
    ReadFacts facts;
    const char* step;
  } table[] = {
      {ReadMiss::kNotTaken, {.another_replica = true}, "elsewhere"},
      {ReadMiss::kNotTaken, {}, "writer"},
      {ReadMiss::kNotTaken, {.forwards = false, .another_replica = true}, "elsewhere"},
      {ReadMiss::kNotTaken, {.forwards = false}, "fail"},
      {ReadMiss::kNotTaken, {.writer_takes_reads = false}, "fail"},
      {ReadMiss::kRefused, {.another_replica = true}, "elsewhere"},
      {ReadMiss::kRefused, {}, "writer"},
      {ReadMiss::kRefused, {.forwards = false}, "fail"},
      {ReadMiss::kRefused, {.writer_takes_reads = false}, "fail"},
      {ReadMiss::kStateRefused, {.another_replica = true}, "writer"},
      {ReadMiss::kStateRefused, {.forwards = false, .another_replica = true}, "fail"},
      {ReadMiss::kUnknownThere, {.another_replica = true}, "writer"},
      {ReadMiss::kUnknownThere, {.writer_takes_reads = false}, "fail"},
      {ReadMiss::kWrite, {.another_replica = true}, "writer"},
      {ReadMiss::kWrite, {.writer_takes_reads = false}, "writer"},
      {ReadMiss::kWrite, {.forwards = false}, "fail"},
      {ReadMiss::kLost, {.another_replica = true}, "elsewhere"},
      {ReadMiss::kLost, {}, "fail"},
      {ReadMiss::kLost, {.harmless = true}, "writer"},
      {ReadMiss::kLost, {.writer_takes_reads = false, .harmless = true}, "fail"},
      {ReadMiss::kLost, {.another_replica = true, .sent_again = true, .harmless = true}, "fail"},
      {ReadMiss::kLost, {.another_replica = true, .still_answers = true, .harmless = true}, "fail"},
      {ReadMiss::kGivenUp, {.another_replica = true}, "elsewhere"},
      {ReadMiss::kGivenUp, {.another_replica = true, .still_answers = true}, "elsewhere"},
      {ReadMiss::kGivenUp, {.another_replica = true, .sent_again = true}, "fail"},
      {ReadMiss::kGivenUp, {}, "fail"},
      {ReadMiss::kGivenUp, {.harmless = true}, "writer"},
      {ReadMiss::kShutdown, {.another_replica = true}, "elsewhere"},
      {ReadMiss::kShutdown, {}, "writer"},
      {ReadMiss::kShutdown, {.another_replica = true, .sent_again = true}, "fail"},
      {ReadMiss::kShutdown, {.another_replica = true, .still_answers = true}, "fail"},
  };
  for (const auto& row : table)
    EXPECT_EQ(step(row.miss, row.facts), row.step) << static_cast<int>(row.miss);
}

}  // namespace
}  // namespace causeway::routing
