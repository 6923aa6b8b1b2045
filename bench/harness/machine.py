"""What the figures were taken on."""

import os
import pathlib
import platform
import subprocess
import time


def describe(local_cluster, causeway_binary):
    """{"cpu": ..., "kernel": ..., versions}: everything but the date."""
    return {
        "cpu": f"{_cpu_model()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}, {_congestion_control()}",
        "servers": f"{local_cluster.kind} {local_cluster.flavor.version()}, one writer, "
                   f"{len(local_cluster.servers) - 1} replica(s)",
        "haproxy": _first_line(["haproxy", "-v"]),
        "sysbench": _first_line(["sysbench", "--version"]),
        "causeway": _first_line([causeway_binary, "--version"]),
        "commit": _commit_of(causeway_binary),
    }  # fmt: skip


def load_average():
    return os.getloadavg()[0]


def wait_until_quiet(timeout, busy_cores=0.3, sample=0.4):
    """Waits until all that runs keeps less than `busy_cores` cores busy; how busy it was in the end, in cores.

    Called between measurements, when the cluster and the proxies are idle, it sees the work of others.
    """
    deadline = time.monotonic() + timeout
    while True:
        before, start = _busy_seconds(), time.monotonic()
        time.sleep(sample)
        busy = (_busy_seconds() - before) / (time.monotonic() - start)
        if busy < busy_cores or time.monotonic() > deadline:
            return busy


def _busy_seconds():
    fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    idle, waiting = int(fields[3]), int(fields[4])
    return (sum(map(int, fields)) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def _cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _congestion_control():
    return "TCP " + pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def _commit_of(binary):
    """The commit of the tree that the binary stands in: of its last build only if that tree is unchanged since."""
    folder = os.path.dirname(os.path.abspath(binary))
    done = subprocess.run(["git", "-C", folder, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown: the binary stands in no work tree"


def _first_line(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (done.stdout.splitlines() or ["unknown"])[0]
