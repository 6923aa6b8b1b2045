#include "routing/read_retry.h"

namespace causeway::routing {

ReadStep after_miss(ReadMiss miss, const ReadFacts& facts) {
  const bool writer = facts.forwards && facts.writer_takes_reads;
  switch (miss) {
    case ReadMiss::kNotTaken:
    case ReadMiss::kRefused:
      if (facts.another_replica) return ReadStep::kElsewhere;
      return writer ? ReadStep::kWriter : ReadStep::kFail;
    // What is younger than one replica has is hardly there on the next.
    case ReadMiss::kStateRefused:
    case ReadMiss::kUnknownThere:
      return writer ? ReadStep::kWriter : ReadStep::kFail;
    case ReadMiss::kWrite:
      return facts.forwards ? ReadStep::kWriter : ReadStep::kFail;
    case ReadMiss::kLost:
    case ReadMiss::kGivenUp:
    case ReadMiss::kShutdown:
      break;
  }
  // Whoever was given up may be back by now.
  const bool was_killed = facts.still_answers && miss != ReadMiss::kGivenUp;
  if (was_killed || facts.sent_again) return ReadStep::kFail;
  if (facts.another_replica) return ReadStep::kElsewhere;
  const bool innocent = miss == ReadMiss::kShutdown || facts.harmless;
  return writer && innocent ? ReadStep::kWriter : ReadStep::kFail;
}

}  // namespace causeway::routing
