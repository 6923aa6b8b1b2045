"""What is measured: each figure takes one endpoint through one round and gives its metrics' values."""

from .processes import cpu_seconds, resident_bytes
from .samples import Metric

LEVELS = ("EVENTUAL", "SESSION", "GLOBAL")
LARGE_RESULTS = {
    "small rows": "SELECT id, k, c, pad FROM sbtest1",
    "1 MiB rows": "SELECT value FROM bench_large",
}


class Figure:
    """`measure` gives (Metric, what to call the endpoint, value); None as a value: this endpoint has none."""

    name = ""

    def __init__(self, options, generators, writer):
        self.options = options
        self.generators = generators
        self.writer = writer  # an endpoint: the server that takes writes

    def applies_to(self, endpoint):
        """Whether the endpoint takes part at all."""
        return True

    def measure(self, endpoint):
        raise NotImplementedError


class Throughput(Figure):
    name = "throughput"

    def measure(self, endpoint):
        ran = self.generators.sysbench(endpoint, self.options.threads, seconds=self.options.seconds)
        yield Metric(f"point selects, {self.options.threads} clients", "1/s"), endpoint.name, ran["per_second"]


class Cpu(Figure):
    name = "cpu"

    def applies_to(self, endpoint):
        return endpoint.pid is not None

    def measure(self, endpoint):
        before = cpu_seconds(endpoint.pid)
        ran = self.generators.sysbench(endpoint, self.options.threads, statements=self.options.statements)
        used = cpu_seconds(endpoint.pid) - before
        metric = Metric(f"proxy CPU per 1000 point selects, {self.options.threads} clients", "ms")
        yield metric, endpoint.name, 1e6 * used / ran["statements"]


class Latency(Figure):
    name = "latency"

    def measure(self, endpoint):
        statements = max(1000, 2500 * self.options.seconds)
        ran = self.generators.load_client(endpoint, "latency", statements=statements, rows=self.generators.rows)
        yield Metric("point select, 1 client, median", "us", added=True), endpoint.name, ran["median_us"]
        yield Metric("point select, 1 client, p99", "us", added=True), endpoint.name, ran["p99_us"]


class Memory(Figure):
    """The growth of a fresh process' resident memory. Each connection has run one statement."""

    name = "memory"

    def applies_to(self, endpoint):
        return endpoint.pid is not None

    def measure(self, endpoint):
        endpoint.restart()
        self._hold_and_end(endpoint, 8)  # what is made once, at the first connections, is not counted
        before = resident_bytes(endpoint.pid)
        after = self._hold_and_end(endpoint, self.options.connections)
        metric = Metric(f"memory per idle connection, {self.options.connections} of them", "KiB")
        yield metric, endpoint.name, (after - before) / self.options.connections / 1024

    def _hold_and_end(self, endpoint, connections):
        client = self.generators.hold_idle(endpoint, connections)
        resident = resident_bytes(endpoint.pid)
        client.stdin.close()
        client.wait()
        return resident


class LargeResult(Figure):
    name = "result"

    def measure(self, endpoint):
        for shape, sql in LARGE_RESULTS.items():
            before = cpu_seconds(endpoint.pid) if endpoint.pid else 0
            ran = self.generators.load_client(endpoint, "result", repeat=self.options.repeat, sql=sql)
            # load_client runs it once more than that, unmeasured, to warm up.
            gigabytes = ran["bytes"] * (self.options.repeat + 1) / self.options.repeat / 1e9
            yield Metric(f"result of {shape}", "MB/s"), endpoint.name, ran["bytes"] / ran["seconds"] / 1e6
            used = (cpu_seconds(endpoint.pid) - before) / gigabytes if endpoint.pid else None
            yield Metric(f"proxy CPU per GB of {shape}", "s"), endpoint.name, used


class Connections(Figure):
    name = "connections"

    def measure(self, endpoint):
        before = cpu_seconds(endpoint.pid) if endpoint.pid else 0
        clients = self.options.connecting_clients
        ran = self.generators.load_client(endpoint, "connect", seconds=self.options.seconds, clients=clients)
        per_second = ran["connections_per_second"]
        used = cpu_seconds(endpoint.pid) - before if endpoint.pid else None
        yield Metric(f"connect, select, disconnect, {clients} clients", "1/s"), endpoint.name, per_second
        per_thousand = used and 1e6 * used / (per_second * self.options.seconds)
        yield Metric("proxy CPU per 1000 of these", "ms"), endpoint.name, per_thousand


class ReadAfterWrite(Figure):
    """A write and the read of the same row behind it, in one session. `direct` is the writer here."""

    name = "read-after-write"

    def applies_to(self, endpoint):
        return endpoint.forwards or endpoint.name == "direct"

    def measure(self, endpoint):
        for level in LEVELS if endpoint.levels else ("",):
            target = self.writer if endpoint.name == "direct" else endpoint
            ran = self.generators.load_client(target, "read_after_write", pairs=self.options.pairs, level=level)
            name = f"{endpoint.name} {level}".rstrip()
            yield Metric("read behind a write, median", "us", added=True), name, ran["read_median_us"]
            yield Metric("read behind a write, p99", "us", added=True), name, ran["read_p99_us"]
            yield Metric("the write before it, median", "us", added=True), name, ran["write_median_us"]
            yield Metric("reads that did not see it", "%"), name, ran["stale_pct"]


ALL = [Throughput, Cpu, Latency, Memory, LargeResult, Connections, ReadAfterWrite]
