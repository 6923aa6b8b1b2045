#include "tests/support/faults.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

namespace causeway::test {
namespace {

// Where something goes wrong: a node's index, or the client.
constexpr size_t kClient = SIZE_MAX;

struct Disturbance {
  size_t where = kClient;
  size_t step = 0;
  Fault fault = Fault::kNone;
};

std::string describe(const Scenario& scenario, const Disturbance& disturbance) {
  const std::string where =
      disturbance.where == kClient ? "the client" : "node " + std::to_string(disturbance.where);
  return scenario.name + ": " + where + ", step " + std::to_string(disturbance.step) + ", " +
         std::string(to_string(disturbance.fault));
}

void expect_sound(const Scenario& scenario, Harness& harness, const ScriptedClient& client) {
  EXPECT_FALSE(client.hung()) << "the client is left without an answer";
  for (const std::string& line : client.transcript()) {
    EXPECT_NE(line, "");
    EXPECT_EQ(line.find("(malformed)"), std::string::npos) << line;
  }
  EXPECT_EQ(harness.settle_books(), "");
  EXPECT_FALSE(harness.log_has("a session ended with an exception"));
  for (const std::string& text : scenario.once) {
    size_t count = 0;
    for (size_t node = 0; node < harness.nodes(); ++node)
      count += harness.server(node).count(text);
    EXPECT_LE(count, 1U) << text;
  }
}

// What is left in the pools serves the next one.
void expect_usable(Harness& harness) {
  harness.heal();
  const auto next = harness.connect();
  EXPECT_EQ(next->log_in().text(), "OK");
  const std::string read = next->query("SELECT healthy FROM t").text();
  EXPECT_TRUE(read == "[writer]" || read.starts_with("[replica")) << read;
  EXPECT_EQ(next->query("UPDATE t SET healthy = 1").text(), "OK");
  next->quit();
  EXPECT_EQ(harness.settle_books(), "");
}

Told tell(const Scenario& scenario, const std::optional<Disturbance>& disturbance) {
  Harness harness(scenario.options);
  if (disturbance && disturbance->where != kClient)
    harness.server(disturbance->where).fault_at(disturbance->step, disturbance->fault);
  if (scenario.prepare) scenario.prepare(harness);
  const auto client = harness.connect();
  if (disturbance && disturbance->where == kClient) client->fault_at(disturbance->step, disturbance->fault);
  scenario.play(harness, *client);
  client->close();
  expect_sound(scenario, harness, *client);
  Told told{.transcript = client->transcript(),
            .bytes = client->bytes(),
            .received = {},
            .server_steps = {},
            .client_steps = client->steps()};
  for (size_t node = 0; node < harness.nodes(); ++node) {
    told.received.push_back(harness.server(node).statements());
    std::vector<bool>& steps = told.server_steps.emplace_back();
    for (size_t step = 0; step < harness.server(node).steps(); ++step)
      steps.push_back(harness.server(node).is_set_up(step));
  }
  if (disturbance) {
    const bool happened = disturbance->where == kClient ? client->fault_happened()
                                                        : harness.server(disturbance->where).fault_happened();
    EXPECT_TRUE(happened) << "the story went another way before anything was wrong";
  }
  expect_usable(harness);
  return told;
}

}  // namespace

void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}

Told tell(const Scenario& scenario) {
  return tell(scenario, std::nullopt);
}

size_t tell_with_faults(const Scenario& scenario) {
  const Told clean = tell(scenario);
  size_t told = 1;
  const auto tell_disturbed = [&](const Disturbance& disturbance) {
    SCOPED_TRACE(describe(scenario, disturbance));
    const Told disturbed = tell(scenario, disturbance);
    ++told;
    if (disturbance.fault != Fault::kBytewise) return;
    EXPECT_EQ(disturbed.transcript, clean.transcript);
    EXPECT_EQ(disturbed.bytes, clean.bytes);
  };
  for (size_t node = 0; node < clean.server_steps.size(); ++node) {
    for (size_t step = 0; step < clean.server_steps[node].size(); ++step) {
      const bool all = scenario.disturbs_opening || !clean.server_steps[node][step];
      for (const Fault fault : kFaults) {
        const bool taken = all || fault == Fault::kClose || fault == Fault::kError;
        if (taken) tell_disturbed({.where = node, .step = step, .fault = fault});
      }
    }
  }
  for (size_t step = 0; step < clean.client_steps; ++step) {
    for (const Fault fault : kFaults) {
      if (fault != Fault::kError && fault != Fault::kCloseUnread)
        tell_disturbed({.where = kClient, .step = step, .fault = fault});
    }
  }
  return told;
}

}  // namespace causeway::test
