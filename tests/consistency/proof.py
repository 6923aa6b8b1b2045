"""The whole of it: a cluster that is disturbed, Causeway before it, the workload, and what its history proves."""

import bisect
import collections
import dataclasses
import re
import threading
from concurrent.futures import ThreadPoolExecutor

from cluster import accounts

from . import workload
from .checker import check
from .history import Recorder, read_events, read_history, write_edn
from .injector import Injector
from .minimizer import describe

_ADDRESS = re.compile(r"\d+(\.\d+){3}:\d+")


@dataclasses.dataclass
class Proof:
    """`counts` of operations by (f, level, outcome), `errors` by their text, `replica_reads` and `reads` by level of operations that only
    read, `disturbances` by name."""

    history: object
    violations: list
    counts: dict
    errors: dict
    replica_reads: dict
    reads: dict
    disturbances: dict

    def share_on_replicas(self, level):
        return self.replica_reads[level] / max(1, self.reads[level])

    def rules(self, level=None):
        """How many violations of each rule, of operations of this level."""
        return collections.Counter(one.rule for one in self.violations if level in (None, one.operations[-1].level))


def prove(cluster, proxy, path, options, disturbances=(), promises=None, **injector_options):
    """Runs the workload through `proxy` before `cluster`, writes its history to `path`, and checks it. From the
    main thread, if servers are killed."""
    with cluster.connect(cluster.writer, accounts.APP, database="app", autocommit=True) as connection, connection.cursor() as cursor:
        workload.create_tables(cursor.execute, options)
    cluster.wait_synced()
    record = Recorder(path)
    try:
        injector = Injector(cluster, disturbances, record, options.seed, **injector_options)
        with ThreadPoolExecutor() as pool:
            ended = threading.Event()
            running = pool.submit(workload.run, options, lambda: proxy.connect(database="app"), record)
            running.add_done_callback(lambda _: ended.set())
            injector.run(ended)
            running.result()
        cluster.wait_synced(timeout=60)
        for node in range(len(cluster.servers)):
            with cluster.connect(node, accounts.APP, database="app") as connection:
                workload.read_in_the_end(connection, record, node)
        cluster.query(cluster.writer, "DROP TABLE app.lists, app.bank, app.registers")
    finally:
        record.close()
    return examine(path, promises, injector.counts)


def examine(path, promises=None, disturbances=None):
    """A Proof of the history in a file."""
    history = read_history(path)
    errors, writers = collections.Counter(), _Writers()
    for event in read_events(path):
        if "error" in event:
            errors[_ADDRESS.sub("...", event["error"])] += 1
        writers.take(event)
    counts, reads, replica_reads = collections.Counter(), collections.Counter(), collections.Counter()
    for operation in history.operations:
        counts[operation.f, operation.level, operation.outcome] += 1
        is_read = operation.f in ("read", "balances") or operation.f == "txn" and not operation.appends
        if is_read and operation.happened:
            reads[operation.level] += 1
            replica_reads[operation.level] += operation.node != writers.at(operation.ended)
    return Proof(history, check(history, promises), counts, errors, replica_reads, reads, disturbances or {})


class _Writers:
    """Which node was the writer, as the nemesis tells; node 0 at first."""

    def __init__(self):
        self._times, self._nodes = [], [0]

    def take(self, event):
        if event.get("writer", self._nodes[-1]) != self._nodes[-1]:
            self._times.append(event["time"])
            self._nodes.append(event["writer"])

    def at(self, time):
        return self._nodes[bisect.bisect_right(self._times, time)]


def report(proof, promises=None, examples=3):
    """What was proved, as text."""
    lines = [f"{len(proof.history.operations)} operations"]
    kinds = sorted({(f, level) for f, level, _ in proof.counts if f != "final"})
    for f, level in kinds:
        ok, fail, info = (proof.counts[f, level, outcome] for outcome in ("ok", "fail", "info"))
        lines.append(f"  {f:<9} {level:<9} {ok:>8} ok {fail:>6} failed {info:>5} unknown")
    for level in sorted(proof.reads):
        lines.append(f"reads at {level}: {proof.reads[level]}, {100 * proof.share_on_replicas(level):.0f} % on replicas")
    if proof.disturbances:
        lines.append("disturbances: " + ", ".join(f"{name} {count}" for name, count in proof.disturbances.items()))
    lines += [f"error, {count} times: {error}" for error, count in proof.errors.most_common(10)]
    shown = collections.Counter()
    for violation in proof.violations:
        shown[violation.rule] += 1
        if shown[violation.rule] <= examples:
            lines += ["", describe(violation, promises)]
    lines += ["", f"{len(proof.violations)} violations"]
    lines += [f"  {rule:<22} {count}" for rule, count in shown.items()]
    return "\n".join(lines)


def export(path, edn):
    """The same history for Elle and Knossos."""
    write_edn(read_events(path), edn)
