// A story between a client and servers, told once as it should be, and again with every fault at every step.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/harness.h"

namespace causeway::test {

struct Scenario {
  std::string name;  // letters and digits: it becomes a test's name
  HarnessOptions options = {};
  // Scripts, and who was there before; the client is not yet connected.
  std::function<void(Harness&)> prepare = {};
  // What the client does, which has connected and not yet logged in.
  std::function<void(Harness&, ScriptedClient&)> play;
  // Parts of statements that must not be run twice: none of them may be received twice, by whatever server.
  std::vector<std::string> once = {};
  // Connections are opened alike in most stories: with all faults only where this is set, else with two.
  bool disturbs_opening = false;
};

void PrintTo(const Scenario& scenario, std::ostream* out);

// What became of it.
struct Told {
  std::vector<std::string> transcript;             // the client's
  Buffer bytes;                                    // what it was sent, but for the greeting
  std::vector<std::vector<std::string>> received;  // by node, without set-up
  std::vector<std::vector<bool>> server_steps;     // by node: each step, and whether it opens a connection
  size_t client_steps = 0;
};

// Tells it as it should be, and expects what must hold in the end: see expect_sound().
Told tell(const Scenario& scenario);

// Tells it once as it should be, and then once for each step of each server and of the client with each
// fault. After each of them it expects that
//  - the client has an answer, an error or the end of its connection to everything, and nothing malformed;
//  - the books of pools, budgets, lines and gauges balance, and no server has connections that are in none;
//  - none of `once` was received twice;
//  - once the servers are well again, what was left behind serves the next client's read and write;
//  - with one byte at a time the client gets the same bytes.
// Returns how often it was told.
size_t tell_with_faults(const Scenario& scenario);

}  // namespace causeway::test
