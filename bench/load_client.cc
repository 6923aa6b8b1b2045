// The load that sysbench cannot make: each mode opens its connections, does its work, and prints one JSON
// object.
//
//   load_client latency          HOST PORT USER PASSWORD SCHEMA statements=20000 rows=10000
//   load_client connect          HOST PORT USER PASSWORD SCHEMA seconds=3 clients=4
//   load_client paced            HOST PORT USER PASSWORD SCHEMA seconds=3 clients=4 per_second=50 rows=10000
//   load_client idle             HOST PORT USER PASSWORD SCHEMA connections=500
//   load_client result           HOST PORT USER PASSWORD SCHEMA repeat=4 sql=SELECT...
//   load_client read_after_write HOST PORT USER PASSWORD SCHEMA pairs=1000 level=SESSION
//   load_client log              HOST PORT USER PASSWORD SCHEMA kind=mariadb by=gtid server_id=9001 times=5
//
// idle, and log with times=0, go on until stdin ends.
//
// A failure of any statement ends it with status 1: figures with errors in them mean nothing.

#include <mysql.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Target {
  std::string host;
  unsigned port = 0;
  std::string user;
  std::string password;
  std::string schema;
};

using Options = std::map<std::string, std::string, std::less<>>;

uint64_t number(const Options& options, std::string_view name) {
  const auto found = options.find(name);
  if (found == options.end()) throw std::invalid_argument("missing option " + std::string(name));
  return std::stoull(found->second);
}

class Connection {
 public:
  explicit Connection(const Target& target) : mysql_(mysql_init(nullptr)) {
    if (mysql_real_connect(mysql_.get(), target.host.c_str(), target.user.c_str(), target.password.c_str(),
                           target.schema.c_str(), target.port, nullptr, 0) == nullptr) {
      fail("connect");
    }
  }

  // Runs a statement and reads its result to the end; returns the number of bytes in its values.
  uint64_t run(const std::string& sql) {
    uint64_t bytes = 0;
    each_row(sql, [&](MYSQL_ROW, const unsigned long* lengths, unsigned columns) {
      for (unsigned i = 0; i < columns; ++i)
        bytes += lengths[i];
    });
    return bytes;
  }

  // For a protocol that the library does not speak: everything before has been read.
  int socket() const {
#ifdef MARIADB_BASE_VERSION
    return mysql_get_socket(mysql_.get());
#else
    return mysql_->net.fd;
#endif
  }

  // The first value of the first row.
  std::string value(const std::string& sql) {
    std::string text;
    each_row(sql, [&](MYSQL_ROW row, const unsigned long* lengths, unsigned) {
      if (row[0] != nullptr) text.assign(row[0], lengths[0]);
    });
    return text;
  }

 private:
  struct Close {
    void operator()(MYSQL* mysql) const { mysql_close(mysql); }
    void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
  };

  // Rows are taken one by one from the network, none is kept.
  template <class Visit>
  void each_row(const std::string& sql, Visit visit) {
    if (mysql_real_query(mysql_.get(), sql.data(), sql.size()) != 0) fail(sql.substr(0, 80));
    const std::unique_ptr<MYSQL_RES, Close> result(mysql_use_result(mysql_.get()));
    if (result) {
      while (MYSQL_ROW row = mysql_fetch_row(result.get())) {
        visit(row, mysql_fetch_lengths(result.get()), mysql_num_fields(result.get()));
      }
    }
    if (mysql_errno(mysql_.get()) != 0) fail(sql.substr(0, 80));
  }

  [[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + mysql_error(mysql_.get()));
  }

  std::unique_ptr<MYSQL, Close> mysql_;
};

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double percentile(std::vector<double>& values, double fraction) {
  const auto at = static_cast<size_t>(fraction * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

std::string point_select(uint64_t id) {
  return "SELECT c FROM sbtest1 WHERE id=" + std::to_string(id);
}

void latency(const Target& target, const Options& options) {
  const uint64_t statements = number(options, "statements");
  std::mt19937_64 random(1);  // the same statements for every endpoint
  std::uniform_int_distribution<uint64_t> ids(1, number(options, "rows"));
  Connection connection(target);
  for (uint64_t i = 0; i < statements / 10; ++i)
    connection.run(point_select(ids(random)));
  std::vector<double> times;
  times.reserve(statements);
  for (uint64_t i = 0; i < statements; ++i) {
    const std::string sql = point_select(ids(random));
    const auto start = Clock::now();
    connection.run(sql);
    times.push_back(microseconds_since(start));
  }
  std::printf("{\"median_us\": %.2f, \"p99_us\": %.2f}\n", percentile(times, 0.5), percentile(times, 0.99));
}

// Connects, runs one statement, disconnects, as an application without a pool does.
void connect(const Target& target, const Options& options) {
  const auto seconds = static_cast<double>(number(options, "seconds"));
  std::atomic<uint64_t> made = 0;
  std::atomic<bool> failed = false;
  const auto start = Clock::now();
  const auto client = [&] {
    try {
      while (!failed && seconds_since(start) < seconds) {
        Connection(target).run(point_select(1));
        ++made;
      }
    } catch (const std::exception& error) {
      failed = true;
      std::cerr << error.what() << '\n';
    }
  };
  std::vector<std::thread> clients;
  for (uint64_t i = 0; i < number(options, "clients"); ++i)
    clients.emplace_back(client);
  for (std::thread& thread : clients)
    thread.join();
  if (failed) throw std::runtime_error("connect");
  std::printf("{\"connections_per_second\": %.1f}\n", static_cast<double>(made) / seconds_since(start));
}

void idle(const Target& target, const Options& options) {
  std::vector<std::unique_ptr<Connection>> connections;
  for (uint64_t i = 0; i < number(options, "connections"); ++i) {
    connections.push_back(std::make_unique<Connection>(target));
    connections.back()->run(point_select(1));
  }
  std::cout << "{\"connections\": " << connections.size() << "}" << std::endl;
  while (std::cin.get() != std::char_traits<char>::eof())
    continue;
}

void result(const Target& target, const Options& options) {
  Connection connection(target);
  const std::string& sql = options.at("sql");
  connection.run(sql);
  uint64_t bytes = 0;
  const auto start = Clock::now();
  for (uint64_t i = 0; i < number(options, "repeat"); ++i)
    bytes += connection.run(sql);
  const double seconds = seconds_since(start);
  std::printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(bytes), seconds);
}

// Writes a value and reads it back on the same connection. `level` empty: none is set.
void read_after_write(const Target& target, const Options& options) {
  Connection connection(target);
  const std::string& level = options.at("level");
  if (!level.empty()) connection.run("SET aurora_replica_read_consistency = '" + level + "'");
  std::vector<double> writes;
  std::vector<double> reads;
  uint64_t stale = 0;
  for (uint64_t i = 0; i < number(options, "pairs"); ++i) {
    const std::string value = std::to_string(Clock::now().time_since_epoch().count());
    const std::string write = "UPDATE bench_pairs SET value=" + value + " WHERE id=1";
    auto start = Clock::now();
    connection.run(write);
    writes.push_back(microseconds_since(start));
    start = Clock::now();
    const std::string seen = connection.value("SELECT value FROM bench_pairs WHERE id=1");
    reads.push_back(microseconds_since(start));
    if (seen != value) ++stale;
  }
  std::printf(
      "{\"write_median_us\": %.2f, \"read_median_us\": %.2f, \"read_p99_us\": %.2f, \"stale_pct\": %.2f}\n",
      percentile(writes, 0.5), percentile(reads, 0.5), percentile(reads, 0.99),
      100.0 * static_cast<double>(stale) / static_cast<double>(reads.size()));
}

// Each client runs so many point selects per second, at times that do not depend on how long these take.
void paced(const Target& target, const Options& options) {
  const uint64_t per_second = number(options, "per_second");
  const uint64_t statements = number(options, "seconds") * per_second;
  const uint64_t clients = number(options, "clients");
  const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second;
  std::vector<std::vector<double>> times(clients);
  std::atomic<bool> failed = false;
  const auto client = [&](uint64_t which) {
    try {
      std::mt19937_64 random(which);
      std::uniform_int_distribution<uint64_t> ids(1, number(options, "rows"));
      Connection connection(target);
      for (uint64_t i = 0; i < per_second; ++i)
        connection.run(point_select(ids(random)));
      Clock::time_point next = Clock::now() + interval * which / clients;
      for (uint64_t i = 0; i < statements && !failed; ++i, next += interval) {
        std::this_thread::sleep_until(next);
        const std::string sql = point_select(ids(random));
        const auto start = Clock::now();
        connection.run(sql);
        times[which].push_back(microseconds_since(start));
      }
    } catch (const std::exception& error) {
      failed = true;
      std::cerr << error.what() << '\n';
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < clients; ++i)
    threads.emplace_back(client, i);
  for (std::thread& thread : threads)
    thread.join();
  if (failed) throw std::runtime_error("paced");
  std::vector<double> all;
  for (const std::vector<double>& some : times)
    all.insert(all.end(), some.begin(), some.end());
  std::printf("{\"median_us\": %.2f, \"p99_us\": %.2f}\n", percentile(all, 0.5), percentile(all, 0.99));
}

void append_number(std::string& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    to.push_back(static_cast<char>(value >> (8 * i)));
}

// The packet that asks for the whole log, up to where it ends now.
std::string dump_request(bool mysql_by_gtid, uint64_t server_id) {
  constexpr uint64_t kComBinlogDump = 0x12;
  constexpr uint64_t kComBinlogDumpGtid = 0x1e;
  constexpr uint64_t kNonBlocking = 1;
  constexpr uint64_t kBegin = 4;  // behind the magic number of a file
  std::string payload;
  if (mysql_by_gtid) {
    append_number(payload, kComBinlogDumpGtid, 1);
    append_number(payload, kNonBlocking, 2);
    append_number(payload, server_id, 4);
    append_number(payload, 0, 4);  // bytes of a file's name
    append_number(payload, kBegin, 8);
    append_number(payload, 8, 4);  // bytes of the set of GTIDs
    append_number(payload, 0, 8);  // servers in it
  } else {
    append_number(payload, kComBinlogDump, 1);
    append_number(payload, kBegin, 4);
    append_number(payload, kNonBlocking, 2);
    append_number(payload, server_id, 4);
  }
  std::string packet;
  append_number(packet, payload.size(), 4);  // with the sequence id 0
  return packet + payload;
}

// What replicas set before they ask.
void introduce_as_replica(Connection& connection, bool mysql, bool by_gtid) {
  connection.run("SET @master_binlog_checksum = @@global.binlog_checksum");
  if (mysql) return void(connection.run("SET @source_binlog_checksum = @@global.binlog_checksum"));
  connection.run("SET @mariadb_slave_capability = 4");
  if (by_gtid) connection.run("SET @slave_connect_state = ''");
}

// The last bytes of what has come.
class Tail {
 public:
  void add(const char* bytes, size_t size) {
    const size_t taken = std::min(size, last_.size());
    std::memmove(last_.data(), last_.data() + taken, last_.size() - taken);
    std::memcpy(last_.data() + last_.size() - taken, bytes + size - taken, taken);
  }

  // Whether it is an EOF packet, or an OK packet in its place. (The log that is read holds none.)
  bool is_eof() const { return ends_with_eof(5) || ends_with_eof(7); }

 private:
  bool ends_with_eof(char payload_bytes) const {
    const char* packet = last_.data() + last_.size() - 4 - static_cast<size_t>(payload_bytes);
    return packet[0] == payload_bytes && packet[1] == 0 && packet[2] == 0 && packet[4] == '\xfe';
  }

  std::array<char, 11> last_ = {};
};

// Reads the log once, and looks at nothing of it but its end; how many bytes that was. Nothing is kept, so
// that the reader is not what is measured.
uint64_t read_log(const Target& target, const Options& options, const std::atomic<bool>& told_to_end) {
  const bool mysql = options.at("kind") == "mysql";
  const bool by_gtid = options.at("by") == "gtid";
  Connection connection(target);
  introduce_as_replica(connection, mysql, by_gtid);
  const int socket = connection.socket();
  const timeval patience{.tv_sec = 30, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const std::string request = dump_request(mysql && by_gtid, number(options, "server_id"));
  if (send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    throw std::runtime_error("the request for the log could not be sent");
  std::vector<char> buffer(size_t{256} << 10);
  Tail tail;
  uint64_t bytes = 0;
  while (!told_to_end) {
    const ssize_t got = recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw std::runtime_error("the log has ended without an end");
    if (bytes == 0 && got > 4 && buffer[4] == '\xff')
      throw std::runtime_error(std::string(buffer.data() + 7, static_cast<size_t>(got) - 7));
    bytes += static_cast<uint64_t>(got);
    tail.add(buffer.data(), static_cast<size_t>(got));
    if (tail.is_eof()) break;
  }
  return bytes;
}

void log(const Target& target, const Options& options) {
  static std::atomic<bool> told_to_end = false;  // outlives the thread that sets it
  const uint64_t times = number(options, "times");
  if (times == 0) {
    std::thread([] {
      while (std::cin.get() != std::char_traits<char>::eof())
        continue;
      told_to_end = true;
    }).detach();
  }
  uint64_t bytes = 0;
  const auto start = Clock::now();
  for (uint64_t i = 0; !told_to_end && (times == 0 || i < times); ++i)
    bytes += read_log(target, options, told_to_end);
  std::printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(bytes),
              seconds_since(start));
}

using Mode = void (*)(const Target&, const Options&);
const std::map<std::string_view, Mode> kModes = {{"latency", latency}, {"paced", paced},
                                                 {"connect", connect}, {"idle", idle},
                                                 {"result", result},   {"read_after_write", read_after_write},
                                                 {"log", log}};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 6 || !kModes.contains(arguments[0])) {
    std::cerr
        << "load_client MODE HOST PORT USER PASSWORD SCHEMA NAME=VALUE...: see the head of its source\n";
    return 2;
  }
  try {
    const Target target{.host = arguments[1],
                        .port = static_cast<unsigned>(std::stoul(arguments[2])),
                        .user = arguments[3],
                        .password = arguments[4],
                        .schema = arguments[5]};
    Options options;
    for (size_t i = 6; i < arguments.size(); ++i) {
      const size_t equals = arguments[i].find('=');
      if (equals == std::string::npos) throw std::invalid_argument("not NAME=VALUE: " + arguments[i]);
      options[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
    }
    mysql_library_init(0, nullptr, nullptr);
    kModes.at(arguments[0])(target, options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "load_client: " << error.what() << '\n';
    return 1;
  }
}
