#include "proxy/command_line.h"

#include <gmock/gmock.h>

#include <sstream>
#include <stdexcept>

#include "proxy/config/config_settings.h"

namespace causeway::proxy {
namespace {

using testing::HasSubstr;

struct Outcome {
  std::variant<RunRequest, ExitRequest> request;
  std::string out;
  std::string err;
};

Outcome run(std::vector<const char*> args) {
  std::ostringstream out;
  std::ostringstream err;
  auto request = parse_command_line(
      args, [](const std::string&) { return std::nullopt; },
      [](const std::string&) -> OrProblem<std::string> { return Problem{"no files here"}; }, out, err);
  return {.request = std::move(request), .out = out.str(), .err = err.str()};
}

TEST(CommandLine, PrintsItsVersion) {
  const Outcome outcome = run({"--version"});
  EXPECT_EQ(std::get<ExitRequest>(outcome.request).status, 0);
  EXPECT_EQ(outcome.out, "causeway " CAUSEWAY_VERSION "\n");
}

TEST(CommandLine, HelpsWithEverySetting) {
  const Outcome outcome = run({"--node=db:1", "--help"});
  EXPECT_EQ(std::get<ExitRequest>(outcome.request).status, 0);
  for (const Setting& setting : settings()) {
    EXPECT_THAT(outcome.out, HasSubstr("--" + std::string(setting.name) + "="));
    EXPECT_THAT(outcome.out, HasSubstr("--" + std::string(setting.flag)));
  }
}

TEST(CommandLine, ServesOrChecks) {
  EXPECT_EQ(std::get<RunRequest>(run({"--node=db:1"}).request).mode, RunMode::kServe);
  const Outcome check = run({"check", "--node=db:1"});
  EXPECT_EQ(std::get<RunRequest>(check.request).mode, RunMode::kCheck);
  EXPECT_EQ(std::get<RunRequest>(check.request).config.nodes.size(), 1u);
}

TEST(CommandLine, SaysWhatIsWrongOneLineEach) {
  const Outcome outcome = run({"check", "--node=db:1", "--workrs=1", "--log-level=loud"});
  EXPECT_EQ(std::get<ExitRequest>(outcome.request).status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(
      outcome.err,
      "causeway: --workrs: unknown option; did you mean --workers?\n"
      "causeway: --log-level: log.level must be one of debug, info, warning, error, off, not \"loud\"\n");
}

TEST(CommandLine, HidesWhatIsSecret) {
  std::vector<std::string> args = {"--monitor.password=s3cret",
                                   "--monitor-user=u",
                                   "--monitor.password",
                                   "s3cret",
                                   "--users=a=s3cret,b=other",
                                   "--monitor-password-file",
                                   "/file"};
  std::vector<char*> pointers;
  for (std::string& arg : args)
    pointers.push_back(arg.data());
  hide_secrets(pointers);
  EXPECT_EQ(args, (std::vector<std::string>{"--monitor.password=******", "--monitor-user=u",
                                            "--monitor.password", "******", "--users=****************",
                                            "--monitor-password-file", "/file"}));
}

}  // namespace
}  // namespace causeway::proxy
