#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "proxy/metrics/metrics_registry.h"

namespace causeway::proxy {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily make_family(std::string name, std::string help, MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {.name = std::move(name), .help = std::move(help), .type = type, .metric = {metric}};
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
std::optional<double> resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size_pages = 0;
  uint64_t resident_pages = 0;
  if (!(statm >> size_pages >> resident_pages)) return std::nullopt;
  return static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::optional<double> open_files() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error))
    ++count;
  if (error) return std::nullopt;
  return count - 1;  // the one that lists them
}

// In the 22nd field of /proc/self/stat, in ticks since the machine started. The second field may hold blanks,
// but ends with the last ')'. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
std::optional<double> start_time_seconds() {
  std::ifstream stat("/proc/self/stat");
  std::string line;
  if (!std::getline(stat, line)) return std::nullopt;
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field)
    fields >> skipped;
  double start_ticks = 0;
  if (!(fields >> start_ticks)) return std::nullopt;

  std::ifstream machine("/proc/stat");
  while (std::getline(machine, line)) {
    if (!line.starts_with("btime ")) continue;
    return std::stod(line.substr(6)) + start_ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return std::nullopt;
}

}  // namespace

std::vector<MetricFamily> process_metrics() {
  std::vector<MetricFamily> families;
  families.push_back(make_family("process_cpu_seconds_total", "User and system CPU time of this process.",
                                 MetricType::Counter, cpu_seconds()));
  const auto add_gauge = [&families](const char* name, const char* help, std::optional<double> value) {
    if (value) families.push_back(make_family(name, help, MetricType::Gauge, *value));
  };
  add_gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.", resident_bytes());
  add_gauge("process_open_fds", "Open file descriptors.", open_files());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    add_gauge("process_max_fds", "Most file descriptors that may be open.",
              static_cast<double>(limit.rlim_cur));
  add_gauge("process_start_time_seconds", "When this process started, seconds since the epoch.",
            start_time_seconds());
  return families;
}

}  // namespace causeway::proxy
