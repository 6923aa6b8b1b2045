#include <csignal>
#include <iostream>
#include <span>
#include <variant>
#include <vector>

#include "protocol/secret.h"
#include "proxy/application.h"
#include "proxy/base/free_memory.h"
#include "proxy/base/log.h"
#include "proxy/base/log_queue.h"
#include "proxy/command_line.h"
#include "proxy/node_check.h"

namespace {

// Enough for what some ten thousand sessions know of their passwords.
constexpr size_t kSecretMemoryBytes = size_t{2} << 20;

// Signals that mean nothing here, and that would end the process: those of a reader that has closed our
// standard error, of a log file that has reached its limit, and those that other programs take for "reopen
// your log".
void ignore_signals() {
  for (const int number : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2})
    std::signal(number, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace causeway::proxy;
  causeway::protocol::prepare_secret_memory(kSecretMemoryBytes);
  const std::span<char* const> args(argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0));
  const auto parsed = parse_command_line(std::vector<const char*>(args.begin(), args.end()),
                                         process_environment, read_small_file, std::cout, std::cerr);
  hide_secrets(args);
  if (const auto* exit = std::get_if<ExitRequest>(&parsed)) return exit->status;
  const RunRequest& request = std::get<RunRequest>(parsed);
  if (request.mode == RunMode::kCheck) return check(request.config, std::cout, std::cerr);
  ignore_signals();
  return_large_blocks();
  const LogQueue log_lines;
  const Logger logger(request.config.log.level, request.config.log.format, log_lines.sink(),
                      log_lines.lost());
  const int status = run_application(request.config, logger);
  logger.tell_all_repeated();
  return status;
}
