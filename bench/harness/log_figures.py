"""What is measured of the binary log's stream: the log itself, and statements beside it."""

import contextlib
import time

from .endpoints import Endpoint
from .figures import Figure
from .generators import GeneratorError
from .logs import NAMES
from .processes import cpu_seconds, peak_resident_bytes, reset_peak, resident_bytes
from .samples import Metric

_FIRST_SERVER_ID = 9001
_MIB = 1 << 20
_UNTIL_A_STREAM_IS_UNDER_WAY_S = 0.5


class LogFigure(Figure):
    """Of a log that has this shape."""

    def __init__(self, options, generators, shape):
        super().__init__(options, generators, writer=None)
        self.shape = shape
        self.name = shape

    def _log_options(self, number, times):
        return {"kind": self.options.kind, "by": self.options.by, "server_id": _FIRST_SERVER_ID + number, "times": times}


class Stream(LogFigure):
    """The whole log, `times` over, one reader at full speed."""

    def measure(self, endpoint):
        what = NAMES[self.shape]
        before = _state(endpoint.pid)
        reading = Endpoint(endpoint.name, endpoint.host, endpoint.log_ports()[""])
        ran = self.generators.load_client(reading, "log", **self._log_options(0, self.options.times))
        yield Metric(f"log, {what}", "MB/s"), endpoint.name, ran["bytes"] / ran["seconds"] / 1e6
        if before is None:
            return
        after = _state(endpoint.pid)
        gigabytes = ran["bytes"] / 1e9
        yield Metric(f"proxy CPU per GB of log, {what}", "s"), endpoint.name, (after["cpu"] - before["cpu"]) / gigabytes
        yield Metric(f"proxy memory ahead of it, {what}", "MiB"), endpoint.name, before["resident"] / _MIB
        grown = max(0, after["peak"] - before["resident"])
        yield Metric(f"its growth, at the most, by {gigabytes:.1f} GB, {what}", "KiB"), endpoint.name, grown / 1024


class Statements(LogFigure):
    """Point selects at a fixed rate: alone, and beside one and two readers of the log at full speed."""

    def __init__(self, options, generators, shape):
        super().__init__(options, generators, shape)
        self.name = "statements"

    def measure(self, endpoint):
        alone = self._paced(endpoint)
        yield Metric("point select, no stream, median", "us"), endpoint.name, alone["median_us"]
        yield Metric("point select, no stream, p99", "us"), endpoint.name, alone["p99_us"]
        for suffix, port in endpoint.log_ports().items():
            reading = Endpoint(endpoint.name, endpoint.host, port)
            name = endpoint.name + suffix
            for streams in (1, 2):
                beside, rate = self._beside(endpoint, reading, streams)
                what = "1 stream" if streams == 1 else f"{streams} streams"
                yield Metric(f"point select beside {what}, median", "us"), name, beside["median_us"]
                times = beside["median_us"] / alone["median_us"]
                yield Metric(f"median beside {what}, of that without", "times"), name, times
                yield Metric(f"point select beside {what}, p99", "us"), name, beside["p99_us"]
                yield Metric(f"log meanwhile, {what} together", "MB/s"), name, rate

    def _beside(self, endpoint, reading, streams):
        with contextlib.ExitStack() as stack:
            readers = [
                stack.enter_context(self.generators.held(reading, "log", **self._log_options(number, 0)))
                for number in range(streams)
            ]
            time.sleep(_UNTIL_A_STREAM_IS_UNDER_WAY_S)
            beside = self._paced(endpoint)
            if any(reader.poll() is not None for reader in readers):
                raise GeneratorError(f"a reader of the log through {endpoint.name} has ended")
            ran = [self.generators.end(reader) for reader in readers]
        return beside, sum(one["bytes"] / one["seconds"] for one in ran) / 1e6

    def _paced(self, endpoint):
        options = {"seconds": self.options.seconds, "clients": self.options.clients, "per_second": self.options.per_second}
        return self.generators.load_client(endpoint, "paced", rows=self.generators.rows, **options)


def _state(pid):
    """CPU and memory now; the peak is that since the last call."""
    if pid is None:
        return None
    state = {"cpu": cpu_seconds(pid), "resident": resident_bytes(pid), "peak": peak_resident_bytes(pid)}
    reset_peak(pid)
    return state
