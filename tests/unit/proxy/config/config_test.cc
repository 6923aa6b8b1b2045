#include "proxy/config/config_load.h"

#include <gmock/gmock.h>

#include <map>

#include "proxy/config/config_settings.h"
#include "proxy/config/config_values.h"

namespace causeway::proxy {
namespace {

using namespace std::chrono_literals;
using consistency::ReadConsistency;
using testing::ElementsAre;
using testing::HasSubstr;

// The inputs of load_config(), in memory.
struct Inputs {
  std::vector<const char*> args;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> files;

  ConfigResult load() const {
    return load_config(
        args,
        [this](const std::string& name) {
          const auto found = environment.find(name);
          return found == environment.end() ? std::nullopt : std::optional(found->second);
        },
        [this](const std::string& path) -> OrProblem<std::string> {
          const auto found = files.find(path);
          if (found == files.end()) return Problem{"cannot be read: gone"};
          return OrProblem<std::string>(boost::system::in_place_value, found->second);
        });
  }

  Config config() const {
    ConfigResult result = load();
    if (!result) {
      ADD_FAILURE() << to_string(result.error().front());
      return {};
    }
    return *std::move(result);
  }

  std::vector<std::string> errors() const {
    std::vector<std::string> texts;
    const ConfigResult result = load();
    if (!result) {
      for (const ConfigError& error : result.error())
        texts.push_back(to_string(error));
    }
    return texts;
  }
};

Config from_flags(std::vector<const char*> flags) {
  flags.push_back("--node=db:3306");
  return Inputs{.args = flags, .environment = {}, .files = {}}.config();
}

std::vector<std::string> errors_of_flags(std::vector<const char*> flags) {
  flags.push_back("--node=db:3306");
  return Inputs{.args = flags, .environment = {}, .files = {}}.errors();
}

Inputs with_file(std::string toml) {
  return {.args = {"--config", "c.toml", "--node=db:3306"}, .environment = {}, .files = {{"c.toml", toml}}};
}

TEST(Config, OfANodeAloneHasTheShippedDefaults) {
  const Config config = from_flags({});
  Config expected;
  expected.workers = config.workers;
  expected.nodes = {{.address = {.host = "db", .port = 3306}, .weight = 1}};
  expected.listeners = {{.address = {.host = "127.0.0.1", .port = 6446},
                         .read_consistency = ReadConsistency::kSession,
                         .read_wait_timeout = 1s,
                         .on_read_wait_timeout = consistency::TimeoutPolicy::kWriter,
                         .tls = TlsMode::kPreferred}};
  EXPECT_EQ(config, expected);
  EXPECT_GE(config.workers, 1u);
}

TEST(Config, TakesTheFlagsThatOthersRelyOn) {
  const Inputs inputs{.args = {"--listen",
                               "127.0.0.1:7000",
                               "--node",
                               "a:3306",
                               "--node",
                               "[::1]:3307",
                               "--monitor-user",
                               "watcher",
                               "--monitor-password-file",
                               "/secret",
                               "--read-consistency",
                               "GLOBAL",
                               "--read-wait-timeout",
                               "1.5s",
                               "--on-read-wait-timeout",
                               "error",
                               "--workers",
                               "3",
                               "--admin-listen",
                               "0.0.0.0:9999"},
                      .environment = {},
                      .files = {{"/secret", "pa ss\nignored\n"}}};
  const Config config = inputs.config();
  EXPECT_EQ(config.nodes.size(), 2u);
  EXPECT_EQ(to_string(config.nodes[1].address), "[::1]:3307");
  EXPECT_EQ(config.monitor.user, "watcher");
  EXPECT_EQ(config.monitor.password.text(), "pa ss");
  EXPECT_EQ(config.workers, 3u);
  EXPECT_EQ(to_string(*config.admin.listen), "0.0.0.0:9999");
  ASSERT_EQ(config.listeners.size(), 1u);
  EXPECT_EQ(config.listeners[0].read_consistency, ReadConsistency::kGlobal);
  EXPECT_EQ(config.listeners[0].read_wait_timeout, 1500ms);
  EXPECT_EQ(config.listeners[0].on_read_wait_timeout, consistency::TimeoutPolicy::kError);
}

TEST(Config, LaterSourcesWin) {
  Inputs inputs = with_file("[log]\nlevel = 'debug'\nformat = 'json'\n[monitor]\nuser = 'file'\n");
  inputs.environment = {{"CAUSEWAY_LOG_LEVEL", "error"}, {"CAUSEWAY_MONITOR_USER", "environment"}};
  inputs.args.push_back("--monitor.user=flag");
  const Config config = inputs.config();
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.log.level, LogLevel::kError);
  EXPECT_EQ(config.monitor.user, "flag");
}

TEST(Config, ListsOfLaterSourcesReplaceEarlierOnes) {
  Inputs inputs{.args = {"--config=c.toml"},
                .environment = {},
                .files = {{"c.toml", "nodes = ['a:1', 'b:2']\nlisteners = ['127.0.0.1:1']\n"}}};
  EXPECT_EQ(inputs.config().nodes.size(), 2u);
  inputs.environment["CAUSEWAY_NODES"] = "c:3, d:4,e:5";
  EXPECT_EQ(inputs.config().nodes.size(), 3u);
  inputs.args = {"--config=c.toml", "--node", "f:6", "--node", "g:7"};
  const Config config = inputs.config();
  ASSERT_EQ(config.nodes.size(), 2u);
  EXPECT_EQ(config.nodes[0].address.host, "f");
  EXPECT_EQ(config.listeners[0].address.port, 1);
}

TEST(Config, ElementsOfListsHaveSettingsOfTheirOwn) {
  const char* toml = R"(
nodes = ["a:1", { address = "b:2", weight = 5, max_connections = 20 }]
[[listeners]]
address = "127.0.0.1:6446"
[[listeners]]
address = "unix:/run/causeway.sock"
read_consistency = "eventual"
read_wait_timeout = 0.25
on_read_wait_timeout = "stale"
)";
  const Inputs file{.args = {"--config=c.toml"}, .environment = {}, .files = {{"c.toml", toml}}};
  const Inputs flags{
      .args = {"--node", "a:1,b:2?weight=5&max_connections=20", "--listen", "127.0.0.1:6446", "--listen",
               "unix:/run/causeway.sock?read_consistency=EVENTUAL&read_wait_timeout=250ms&"
               "on_read_wait_timeout=stale"},
      .environment = {},
      .files = {}};
  const Config config = file.config();
  EXPECT_EQ(config, flags.config());
  EXPECT_EQ(config.nodes[1].weight, 5u);
  EXPECT_EQ(config.nodes[1].max_connections, 20u);
  EXPECT_EQ(config.listeners[0].read_consistency, ReadConsistency::kSession);
  EXPECT_TRUE(config.listeners[1].address.is_unix());
  EXPECT_EQ(config.listeners[1].read_consistency, ReadConsistency::kEventual);
  EXPECT_EQ(config.listeners[1].read_wait_timeout, 250ms);
}

TEST(Config, ReadsUsersFromEverySource) {
  Inputs inputs = with_file("[users]\napp = 'secret'\nreport = { password_file = '/report' }\n");
  inputs.files["/report"] = "from file\r\n";
  Config config = inputs.config();
  EXPECT_EQ(config.users["app"].password.text(), "secret");
  EXPECT_EQ(config.users["report"].password.text(), "from file");
  inputs.environment["CAUSEWAY_USERS"] = "other=x=y,second=@/report";
  config = inputs.config();
  EXPECT_EQ(config.users.size(), 2u);
  EXPECT_EQ(config.users["other"].password.text(), "x=y");
  EXPECT_EQ(config.users["second"].password.text(), "from file");
}

TEST(Config, ALaterPasswordReplacesAnEarlierPasswordFile) {
  Inputs inputs = with_file("[monitor]\npassword_file = '/gone'\n");
  inputs.environment["CAUSEWAY_MONITOR_PASSWORD"] = "direct";
  EXPECT_EQ(inputs.config().monitor.password.text(), "direct");
  EXPECT_THAT(with_file("[monitor]\npassword_file = '/x'\npassword = 'y'\n").errors(),
              testing::Contains(HasSubstr("only one of monitor.password and monitor.password_file")));
}

TEST(Config, EmptyEnvironmentVariablesDoNotCount) {
  Inputs inputs = with_file("[forwarding]\nread_consistency = 'GLOBAL'\n");
  inputs.environment = {
      {"CAUSEWAY_READ_CONSISTENCY", ""}, {"CAUSEWAY_CONFIG", ""}, {"CAUSEWAY_LOG_LEVEL", ""}};
  EXPECT_EQ(inputs.config().forwarding.read_consistency, ReadConsistency::kGlobal);
}

TEST(Config, EveryFormOfAFlagIsTheSame) {
  for (const char* flag : {"--read-wait-timeout=3s", "--forwarding.read_wait_timeout=3s",
                           "--forwarding.read-wait-timeout=3000ms", "--read_wait_timeout=3"}) {
    EXPECT_EQ(from_flags({flag}).forwarding.read_wait_timeout, 3s) << flag;
  }
  EXPECT_EQ(from_flags({"--log.level", "debug"}).log.level, LogLevel::kDebug);
}

TEST(Config, OffIsTheEmptyConsistencyLevel) {
  EXPECT_EQ(from_flags({"--read-consistency=off"}).forwarding.read_consistency, ReadConsistency::kOff);
  EXPECT_EQ(from_flags({"--read-consistency="}).forwarding.read_consistency, ReadConsistency::kOff);
  EXPECT_EQ(from_flags({"--admin-listen=off"}).admin.listen, std::nullopt);
  EXPECT_EQ(from_flags({"--routing.max_lag=500ms"}).routing.max_lag, 500ms);
}

TEST(ConfigErrors, InAFileNamePlaceAndWhatWouldBeRight) {
  const std::pair<const char*, const char*> table[] = {
      {"[forwarding]\nread_consistncy = 'GLOBAL'\n",
       "c.toml:2:1: unknown key forwarding.read_consistncy; did you mean forwarding.read_consistency?"},
      {"[forwardin]\nwriter_wait = 1\n", "c.toml:1:2: unknown key forwardin; did you mean forwarding?"},
      {"\n  wrkers = 2\n", "c.toml:2:3: unknown key wrkers; did you mean workers?"},
      {"[forwarding]\nread_consistency = 'STRONG'\n",
       "c.toml:2:20: forwarding.read_consistency must be one of EVENTUAL, SESSION, GLOBAL, off, not "
       "\"STRONG\""},
      {"workers = 'many'\n", "c.toml:1:11: workers must be an integer, not a string"},
      {"workers = -1\n", "c.toml:1:11: workers must be a whole number between 0 and 1024, not \"-1\""},
      {"[tls]\nmin_version = 1.2\n",
       "c.toml:2:15: tls.min_version must be a string in quotes, not a number with a fraction"},
      {"[monitor]\ninterval = true\n",
       "c.toml:2:12: monitor.interval must be a string like \"250ms\" or a number of seconds, not a boolean"},
      {"[monitor]\ninterval = '1ms'\n",
       "c.toml:2:12: monitor.interval must be a duration like 250ms, 1.5s or 2m (a plain number is in "
       "seconds) "
       "between 10ms and 1m, not \"1ms\""},
      {"[forwarding]\naurora_fwd_writer_max_connections_pct = 91\n",
       "c.toml:2:41: forwarding.aurora_fwd_writer_max_connections_pct must be a whole number between 0 and "
       "90, "
       "not \"91\""},
      {"[limits]\nmax_packet = '2TiB'\n",
       "c.toml:2:14: limits.max_packet must be a number of bytes, or one with KiB, MiB or GiB, between 16KiB "
       "and "
       "1GiB, not \"2TiB\""},
      {"listeners = '127.0.0.1:1'\n", "c.toml:1:13: listeners must be an array, not a string"},
      {"listeners = [1]\n", "c.toml:1:14: listeners must be made of strings and tables, not an integer"},
      {"[[listeners]]\nread_consistency = 'GLOBAL'\n", "c.toml:1:1: listeners.address is missing"},
      {"[[listeners]]\naddress = 'x:1'\nread_consistncy = 'GLOBAL'\n",
       "c.toml:3:1: unknown key listeners.read_consistncy; did you mean read_consistency?"},
      {"[[listeners]]\naddress = 'x:1'\non_read_wait_timeout = 'wait'\n",
       "c.toml:3:1: listeners.on_read_wait_timeout must be one of writer, error, stale, not \"wait\""},
      {"[[listeners]]\naddress = 'x:1'\n[listeners.statements]\nxa = 1\n",
       "c.toml:4:1: listeners.statements.xa must be one of reject, forward, not \"1\""},
      {"[[listeners]]\naddress = 'x:1'\n[listeners.statments]\nxa = 'forward'\n",
       "c.toml:4:1: unknown key listeners.statments.xa; did you mean statements.xa?"},
      {"[[listeners]]\naddress = 'x:1'\n[[listeners]]\naddress = 'x:2'\nmax_clients = 5\n",
       "c.toml:5:1: listeners.max_clients is for listeners of purpose = \"replication\""},
      {"log = 'debug'\n", "c.toml:1:7: log must be a table, not a string"},
      {"[transactions]\nstart_on = 'validated'\n",
       "c.toml:2:12: transactions.start_on can only be writer in this version, not \"validated\""},
      {"[tls]\nmode = 'verify_ca'\n",
       "c.toml:2:8: tls.mode must be one of disabled, preferred, required, not "
       "\"verify_ca\""},
      {"[tls]\ncertificate = 'c.pem'\n", "c.toml:2:15: tls.certificate needs tls.key too"},
      {"[monitor]\npassword_file = '/gone'\n", "c.toml:2:17: password file /gone: cannot be read: gone"},
      {"[users]\napp = 1\n",
       "c.toml:2:7: users.app must be a password in quotes or a table with password or password_file, not an "
       "integer"},
      {"[users.app]\n", "c.toml:1:1: users.app must have one of password and password_file"},
      {"[users.app]\npasword = 'x'\npassword = 'y'\n",
       "c.toml:2:1: unknown key users.app.pasword; it can be password or password_file"},
  };
  for (const auto& [toml, expected] : table) {
    EXPECT_THAT(with_file(toml).errors(), ElementsAre(expected)) << toml;
  }
}

TEST(ConfigErrors, OfTomlItselfNameThePlace) {
  EXPECT_THAT(with_file("[log\nlevel=1").errors(), ElementsAre(testing::StartsWith("c.toml:1:")));
  EXPECT_THAT(with_file("workers = 1\nworkers = 2\n").errors(),
              ElementsAre(testing::StartsWith("c.toml:2:")));
  const Inputs missing{.args = {"--config", "none.toml", "--node=db:1"}, .environment = {}, .files = {}};
  EXPECT_THAT(missing.errors(), ElementsAre("none.toml: cannot be read: gone"));
}

TEST(Config, ProxyProtocolOfListenersAndNodes) {
  const char* toml = R"(
nodes = [{ address = "a:1", proxy_protocol = true }, { address = "b:2", proxy_protocol = false }]
[[listeners]]
address = "127.0.0.1:6446"
proxy_protocol_from = ["10.0.0.0/8", "fd00::7"]
)";
  const Inputs file{.args = {"--config=c.toml"}, .environment = {}, .files = {{"c.toml", toml}}};
  const Inputs flags{.args = {"--node", "a:1?proxy_protocol=true,b:2", "--listen",
                              "127.0.0.1:6446?proxy_protocol_from=10.0.0.0/8 fd00::7"},
                     .environment = {},
                     .files = {}};
  const Config config = file.config();
  EXPECT_EQ(config, flags.config());
  EXPECT_TRUE(config.nodes[0].proxy_protocol);
  EXPECT_FALSE(config.nodes[1].proxy_protocol);
  const std::vector<Network>& from = config.listeners[0].proxy_protocol_from;
  ASSERT_EQ(from.size(), 2u);
  EXPECT_TRUE(from[0].contains(*parse_ip("10.9.9.9")));
  EXPECT_FALSE(from[0].contains(*parse_ip("11.9.9.9")));
  EXPECT_TRUE(from[1].contains(*parse_ip("fd00::7")));
  EXPECT_FALSE(from[1].contains(*parse_ip("fd00::8")));
}

TEST(Config, ListenersForReplication) {
  const char* toml = R"(
nodes = ["a:1"]
[[listeners]]
address = "127.0.0.1:6446"
[[listeners]]
address = "127.0.0.1:6447"
max_bytes_per_second = "10MiB"
max_clients = 8
purpose = "replication"
source = "replica"
tls = "required"
[listeners.statements]
xa = "forward"
ddl = "reject"
[statements]
load_data = "forward"
)";
  const Inputs file{.args = {"--config=c.toml"}, .environment = {}, .files = {{"c.toml", toml}}};
  const Inputs flags{
      .args =
          {"--node=a:1", "--listen=127.0.0.1:6446", "--statements.load_data=forward", "--listen",
           "127.0.0.1:6447?max_bytes_per_second=10485760&max_clients=8&purpose=replication&source=replica&"
           "tls=required&statements.ddl=reject&statements.xa=forward"},
      .environment = {},
      .files = {}};
  const Config config = file.config();
  EXPECT_EQ(config, flags.config());
  ASSERT_EQ(config.listeners.size(), 2u);
  const ListenerConfig& usual = config.listeners[0];
  EXPECT_EQ(usual.purpose, ListenerPurpose::kStatements);
  EXPECT_EQ(usual.tls, TlsMode::kPreferred);
  EXPECT_EQ(usual.statements, config.statements);
  const ListenerConfig& replication = config.listeners[1];
  EXPECT_EQ(replication.index, 1u);
  EXPECT_EQ(replication.purpose, ListenerPurpose::kReplication);
  EXPECT_EQ(replication.tls, TlsMode::kRequired);
  EXPECT_EQ(replication.source, LogSource::kReplica);
  EXPECT_EQ(replication.max_clients, 8u);
  EXPECT_EQ(replication.max_bytes_per_second, 10u << 20);
  const StatementsConfig expected{.savepoint = StatementPolicy::kForward,
                                  .xa = StatementPolicy::kForward,
                                  .load_data = StatementPolicy::kForward,
                                  .ddl = StatementPolicy::kReject};
  EXPECT_EQ(replication.statements, expected);
}

TEST(Config, OfAListenerForReplicationHasItsDefaults) {
  const Config config = from_flags(
      {"--listen=h:1?purpose=replication", "--statements.savepoint=reject", "--read-consistency=off"});
  const ListenerConfig& listener = config.listeners[0];
  EXPECT_EQ(listener.read_consistency, ReadConsistency::kSession)
      << "of its sessions none reads from a replica";
  EXPECT_EQ(listener.source, LogSource::kWriter);
  EXPECT_EQ(listener.max_clients, 64u);
  EXPECT_EQ(listener.max_bytes_per_second, 0u);
  EXPECT_EQ(listener.statements.savepoint, StatementPolicy::kForward) << "mysqldump needs it";
  EXPECT_EQ(listener.statements.xa, StatementPolicy::kReject);
  EXPECT_EQ(from_flags({"--listen=h:1?purpose=replication&statements.savepoint=reject"})
                .listeners[0]
                .statements.savepoint,
            StatementPolicy::kReject);
}

// A context for TLS is made where any listener has it.
TEST(Config, TlsOfListeners) {
  const Config some = from_flags({"--tls.mode=disabled", "--listen=h:1,h:2?tls=required"});
  EXPECT_EQ(some.listeners[0].tls, TlsMode::kDisabled);
  EXPECT_EQ(some.listeners[1].tls, TlsMode::kRequired);
  EXPECT_EQ(some.tls.mode, TlsMode::kPreferred);
  EXPECT_EQ(from_flags({"--tls.mode=disabled", "--listen=h:1"}).tls.mode, TlsMode::kDisabled);
  EXPECT_EQ(from_flags({"--listen=h:1?tls=disabled"}).listeners[0].tls, TlsMode::kDisabled);
}

TEST(Config, OfAListThatIsReplacedNothingIsLeft) {
  const Inputs replaced{
      .args = {"--config=c.toml", "--node=a:1", "--listen=h:1"},
      .environment = {},
      .files = {{"c.toml", "[[listeners]]\naddress = 'h:9'\npurpose = 'replication'\nmax_clients = 3\n"}}};
  EXPECT_THAT(replaced.errors(), testing::IsEmpty());
}

TEST(Config, ModeOfAUnixSocket) {
  const Inputs inputs{
      .args = {"--node=a:1", "--listen=unix:/a?socket_mode=0660,unix:/b"}, .environment = {}, .files = {}};
  const Config config = inputs.config();
  EXPECT_EQ(config.listeners[0].socket_mode, 0660u);
  EXPECT_EQ(config.listeners[1].socket_mode, 0777u);
}

TEST(ConfigErrors, OfTheCommandLineNameTheOption) {
  const std::pair<const char*, const char*> table[] = {
      {"--read-consistancy=GLOBAL", "--read-consistancy: unknown option; did you mean --read-consistency?"},
      {"--xyzzy", "--xyzzy: unknown option; --help lists them"},
      {"--workers", "--workers: needs a value"},
      {"--workers=0x10", "--workers: workers must be a whole number between 0 and 1024, not \"0x10\""},
      {"-x", "command line: unexpected argument \"-x\"; options start with --"},
      {"serve", "command line: unexpected argument \"serve\"; options start with --"},
      {"--node=nowhere", "--node: nodes must be HOST:PORT or [IPV6]:PORT, not \"nowhere\""},
      {"--node=h:0",
       "--node: nodes must be HOST:PORT or [IPV6]:PORT with a port between 1 and 65535, not \"h:0\""},
      {"--node=h:1?wait=1", "--node: unknown key nodes.wait"},
      {"--node=h:1?weight=1001",
       "--node: nodes.weight must be a whole number between 0 and 1000, not \"1001\""},
      {"--node=h:1?proxy_protocol=yes", "--node: nodes.proxy_protocol must be true or false, not \"yes\""},
      {"--listen=h:1?proxy_protocol_from=10.0.0.0/33",
       "--listen: listeners.proxy_protocol_from must be networks such as 10.0.0.0/8 or fd00::/8, or "
       "addresses, "
       "not \"10.0.0.0/33\""},
      {"--listen=h:1?proxy_protocol_from=",
       "--listen: listeners.proxy_protocol_from must be networks such as 10.0.0.0/8 or fd00::/8, or "
       "addresses, "
       "not \"\""},
      {"--listen=unix:/s?proxy_protocol_from=10.0.0.0/8",
       "--listen: listeners.proxy_protocol_from is for TCP listeners, not \"10.0.0.0/8\""},
      {"--listen=h:1?socket_mode=0660", "--listen: listeners.socket_mode is for Unix sockets, not \"0660\""},
      {"--listen=unix:/s?socket_mode=432",
       "--listen: listeners.socket_mode must be an octal mode such as 0660, not \"432\""},
      {"--listen=unix:/s?socket_mode=0888",
       "--listen: listeners.socket_mode must be an octal mode such as 0660, not \"0888\""},
      {"--tls.client_certificate=required",
       "--tls.client_certificate: tls.client_certificate is required, but tls.ca is not set: nothing to "
       "verify it "
       "with"},
      {"--listen=h:1?purpose=dump",
       "--listen: listeners.purpose must be one of statements, replication, not \"dump\""},
      {"--listen=h:1?max_clients=3",
       "--listen: listeners.max_clients is for listeners of purpose = \"replication\""},
      {"--listen=h:2,h:1?max_bytes_per_second=1MiB",
       "--listen: listeners.max_bytes_per_second is for listeners of purpose = \"replication\""},
      {"--listen=h:1?read_consistency=GLOBAL&purpose=replication",
       "--listen: listeners.read_consistency is for listeners of purpose = \"statements\""},
      {"--listen=h:1?source=replica",
       "--listen: listeners.source is for listeners of purpose = \"replication\""},
      {"--listen=h:1?purpose=replication&max_clients=0",
       "--listen: listeners.max_clients must be a whole number between 1 and 100000, not \"0\""},
      {"--listen=h:1?purpose=replication&max_bytes_per_second=1KiB",
       "--listen: listeners.max_bytes_per_second must be a number of bytes, or one with KiB, MiB or GiB, "
       "between 16KiB and 4GiB, or 0, not \"1KiB\""},
      {"--listen=h:1?tls=verify_ca",
       "--listen: listeners.tls must be one of disabled, preferred, required, not \"verify_ca\""},
      {"--listen=unix:/s?tls=required", "--listen: listeners.tls is for TCP listeners, not \"required\""},
      {"--listen=h:1?statements.savepont=forward",
       "--listen: unknown key listeners.statements.savepont; did you mean statements.savepoint?"},
      {"--listen=h:1?statements.xa=yes",
       "--listen: listeners.statements.xa must be one of reject, forward, not \"yes\""},
      {"--node=db:3306", "nodes has db:3306 twice"},
      {"--listen=127.0.0.1:9104", "admin.listen 127.0.0.1:9104 has the port of listeners 127.0.0.1:9104"},
      {"--listen=0.0.0.0:9104", "admin.listen 127.0.0.1:9104 has the port of listeners 0.0.0.0:9104"},
      {"--listen=unix:relative",
       "--listen: listeners must have an absolute path after unix:, not "
       "\"unix:relative\""},
      {"--admin-listen=x",
       "--admin-listen: admin.listen must be HOST:PORT or [IPV6]:PORT, or off, not \"x\""},
      {"--forwarding.aurora_fwd_writer_idle_timeout=1.5s",
       "--forwarding.aurora_fwd_writer_idle_timeout: forwarding.aurora_fwd_writer_idle_timeout must be a "
       "whole "
       "number of seconds, not \"1.5s\""},
  };
  for (const auto& [flag, expected] : table) {
    const std::vector<std::string> errors = errors_of_flags({flag});
    ASSERT_EQ(errors.size(), 1u) << flag;
    EXPECT_THAT(errors.front(), testing::StartsWith(expected)) << flag;
  }
}

TEST(ConfigErrors, OfTheEnvironmentNameTheVariable) {
  const Inputs wrong{.args = {"--node=db:1"}, .environment = {{"CAUSEWAY_WORKERS", "x"}}, .files = {}};
  EXPECT_THAT(wrong.errors(), ElementsAre(testing::StartsWith("CAUSEWAY_WORKERS: workers must be")));
  const Inputs twice{
      .args = {}, .environment = {{"CAUSEWAY_NODE", "a:1"}, {"CAUSEWAY_NODES", "b:2"}}, .files = {}};
  EXPECT_THAT(twice.errors(), ElementsAre("CAUSEWAY_NODE: only one of it and CAUSEWAY_NODES can be set"));
}

TEST(ConfigErrors, AreAllReportedAtOnce) {
  EXPECT_EQ(errors_of_flags({"--workers=x", "--log.level=loud", "--nonsense-option=1"}).size(), 3u);
}

TEST(ConfigErrors, NeverShowSecrets) {
  Inputs inputs = with_file("[users]\napp = { password = 'hunter2', password_file = 'x' }\n");
  inputs.args.push_back("--users=hunter2");
  for (const std::string& error : inputs.errors())
    EXPECT_THAT(error, testing::Not(HasSubstr("hunter2")));
}

TEST(ConfigErrors, AskForANode) {
  EXPECT_THAT(Inputs{}.errors(),
              ElementsAre(HasSubstr("no nodes: name at least one server with --node HOST:PORT")));
}

TEST(ConfigErrors, LimitTheNumberOfNodes) {
  std::string nodes = "--node=h:1";
  for (size_t i = 2; i <= kMaxNodes; ++i)
    nodes += ",h:" + std::to_string(i);
  EXPECT_TRUE((Inputs{.args = {nodes.c_str()}, .environment = {}, .files = {}}).errors().empty());
  nodes += ",h:10000";
  EXPECT_THAT((Inputs{.args = {nodes.c_str()}, .environment = {}, .files = {}}).errors(),
              ElementsAre(HasSubstr("at most 64")));
}

TEST(Address, OfEveryFormPrintsAsItWasRead) {
  for (const char* text :
       {"db-1.example.com:3306", "10.0.0.1:1", "[fe80::1%eth0]:65535", "unix:/run/x.sock"}) {
    Address address;
    EXPECT_TRUE(set_address(address, text, AddressUse::kListen)) << text;
    EXPECT_EQ(to_string(address), text);
  }
  for (const char* text : {"", ":", ":1", "h:", "h:65536", "h:-1", "h:1x", "::1:3306", "[::1]", "[]:1",
                           "[h]:1", "h h:1", "unix:", "h:1:2"}) {
    Address address;
    EXPECT_FALSE(set_address(address, text, AddressUse::kListen)) << text;
  }
}

// The table says the same defaults as the struct.
TEST(Settings, DefaultsAreThoseOfTheConfig) {
  for (const Setting& setting : settings()) {
    if (setting.kind == SettingKind::kList || setting.default_value.empty()) continue;
    Config config;
    EXPECT_TRUE(setting.apply(config, setting.default_value)) << setting.name;
    EXPECT_EQ(config, Config{}) << setting.name;
  }
}

TEST(Settings, EveryChoiceThatIsDocumentedIsTaken) {
  for (const Setting& setting : settings()) {
    const bool is_choice = setting.value.find('|') != std::string_view::npos &&
                           setting.value.find_first_of(":=") == std::string_view::npos &&
                           setting.kind == SettingKind::kText;
    if (!is_choice) continue;
    std::string_view rest = setting.value;
    while (!rest.empty()) {
      const std::string_view value = rest.substr(0, rest.find('|'));
      rest.remove_prefix(std::min(rest.size(), value.size() + 1));
      Config config;
      EXPECT_TRUE(setting.apply(config, value)) << setting.name << " " << value;
    }
  }
}

TEST(Settings, HaveNamesThatAreFoundAndNoTwoVariablesTheSame) {
  std::map<std::string, std::string_view> variables;
  for (const Setting& setting : settings()) {
    EXPECT_EQ(find_setting(setting.name), &setting);
    EXPECT_TRUE(variables.emplace(environment_name(setting.name), setting.name).second);
    if (setting.flag.empty()) continue;
    EXPECT_EQ(find_setting("--" + std::string(setting.flag)), &setting);
    const auto [other, is_new] = variables.emplace(environment_name(setting.flag), setting.name);
    EXPECT_TRUE(is_new || other->second == setting.name) << setting.flag;
  }
  EXPECT_TRUE(variables.contains("CAUSEWAY_FORWARDING_READ_WAIT_TIMEOUT"));
  EXPECT_TRUE(variables.contains("CAUSEWAY_READ_WAIT_TIMEOUT"));
}

}  // namespace
}  // namespace causeway::proxy
