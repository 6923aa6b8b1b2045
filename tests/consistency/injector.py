"""Disturbances of a cluster while the workload runs, each with a beginning and an end, by their names in DISTURBANCES.

A new one is a class with begin(cluster) and end(cluster), and a line in the table. Whatever begin() has done, end() undoes it; it is
called even if begin() has failed halfway.
"""

import contextlib
import random

import pymysql
from cluster import accounts, wait_until


class Disturbance:
    """`node` is a replica, chosen at random; `random` for what else is to be chosen."""


    def __init__(self, node, random_):
        self.node, self.random = node, random_

    def begin(self, cluster):
        raise NotImplementedError

    def end(self, cluster):
        """Nothing to be undone."""


class StoppedApplier(Disturbance):
    """The replica receives, and applies nothing."""

    def begin(self, cluster):
        cluster.stop_replication(self.node)

    def end(self, cluster):
        cluster.start_replication(self.node)


class StoppedAppliers(Disturbance):
    """No replica applies anything."""

    def begin(self, cluster):
        self.nodes = cluster.replicas()
        for node in self.nodes:
            cluster.stop_replication(node)

    def end(self, cluster):
        for node in self.nodes:
            cluster.start_replication(node)


class StoppedReplication(Disturbance):
    """The replica neither receives nor applies."""

    def begin(self, cluster):
        cluster.query(self.node, "STOP REPLICA")

    def end(self, cluster):
        cluster.query(self.node, "START REPLICA")


class Delay(Disturbance):
    """The replica applies all of it a second late."""

    def begin(self, cluster):
        cluster.delay_replication(self.node, 1)

    def end(self, cluster):
        cluster.delay_replication(self.node, 0)


class LockedTable(Disturbance):
    """Somebody holds a lock on the replica's table: what comes behind the next append waits."""

    def begin(self, cluster):
        self.holder = cluster.connect(self.node)
        with self.holder.cursor() as cursor:
            cursor.execute("LOCK TABLES app.lists READ")

    def end(self, cluster):
        self.holder.close()


class LockedTables(Disturbance):
    """The same on all replicas."""

    def begin(self, cluster):
        self.held = [LockedTable(node, self.random) for node in cluster.replicas()]
        for one in self.held:
            one.begin(cluster)

    def end(self, cluster):
        for one in self.held:
            one.end(cluster)


class Pause(Disturbance):
    """SIGSTOP, and SIGCONT."""

    def begin(self, cluster):
        cluster.pause(self.node)

    def end(self, cluster):
        cluster.resume(self.node)


def _restart(cluster, node):
    """With the options of its present role: a switch may have changed it."""
    of_replicas = cluster.flavor.replica_options()
    server = cluster.servers[node]
    server.options = [option for option in server.options if option not in of_replicas]
    if node != cluster.writer:
        server.options += of_replicas
    cluster.restart_node(node)


class Kill(Disturbance):
    """SIGKILL, and a start."""

    def begin(self, cluster):
        cluster.kill_node(self.node)

    def end(self, cluster):
        _restart(cluster, self.node)


class KilledConnections(Disturbance):
    """KILL of a part of Causeway's connections, on all servers."""

    def begin(self, cluster):
        for node in range(len(cluster.servers)):
            for row in cluster.query(node, "SHOW PROCESSLIST"):
                if row["User"] == accounts.APP.name and self.random.random() < 0.5:
                    with contextlib.suppress(pymysql.Error):  # it may just have ended
                        cluster.query(node, f"KILL {row['Id']}")


class HeldCommits(Disturbance):
    """The writer waits for acknowledgements that no replica gives. Where it tells what it is committing (MySQL with GTIDs), replicas show
    meanwhile what it does not; else it does, and only its client does not hear of it."""

    def begin(self, cluster):
        self.node = cluster.writer
        self.prefix = "rpl_semi_sync_master"
        if cluster.kind == "mysql":
            self.prefix = "rpl_semi_sync_source"
            with contextlib.suppress(pymysql.Error):  # it may be there
                cluster.query(self.node, "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")
        point = "AFTER_SYNC" if cluster.kind == "mysql" and cluster.gtid else "AFTER_COMMIT"
        for name, value in (("wait_point", f"'{point}'"), ("timeout", "600000"), ("enabled", "ON")):
            cluster.query(self.node, f"SET GLOBAL {self.prefix}_{name} = {value}")

    def end(self, cluster):
        cluster.query(self.node, f"SET GLOBAL {self.prefix}_enabled = OFF")


class PausedWriter(Disturbance):
    """SIGSTOP, and SIGCONT."""

    def begin(self, cluster):
        cluster.pause(cluster.writer)

    def end(self, cluster):
        cluster.resume(cluster.writer)


class KilledWriter(Disturbance):
    """SIGKILL, and a start: what it has acknowledged is there again."""

    def begin(self, cluster):
        cluster.kill_node(cluster.writer)

    def end(self, cluster):
        _restart(cluster, cluster.writer)
        for node in cluster.replicas():
            wait_until(lambda node=node: _is_connected(cluster, node), 60, f"node {node} is connected to its source")


def _is_connected(cluster, node):
    """To its source, whatever errors it has had before."""
    status = cluster.replication_status(node)
    return (status.get("Replica_IO_Running") or status.get("Slave_IO_Running")) == "Yes"


class Switchover(Disturbance):
    """A replica becomes the writer, and the old writer a replica, as it should be done: nothing is written meanwhile."""

    def begin(self, cluster):
        cluster.promote(self.node)


DISTURBANCES = {
    "stop-applier": StoppedApplier,
    "stop-appliers": StoppedAppliers,
    "stop-replication": StoppedReplication,
    "delay": Delay,
    "lock-table": LockedTable,
    "lock-tables": LockedTables,
    "pause-replica": Pause,
    "kill-replica": Kill,
    "kill-connections": KilledConnections,
    "hold-commits": HeldCommits,
    "pause-writer": PausedWriter,
    "kill-writer": KilledWriter,
    "switchover": Switchover,
}

# Those that leave the writer as it is.
OF_REPLICAS = ("hold-commits", "stop-applier", "stop-appliers", "stop-replication", "delay", "lock-table", "lock-tables", "pause-replica",
               "kill-replica", "kill-connections")  # fmt: skip


class Injector:
    """One disturbance after another, in an order of its own: all of them, before one comes again. They stand in the history, as of the
    process "nemesis". Servers that are started end with the thread that has started them: run() is for the main one."""

    def __init__(self, cluster, names, record, seed=1, lasting=(0.2, 1.5), between=(0.0, 0.5)):
        self._cluster, self._names, self._record = cluster, list(names), record
        self._random = random.Random(f"injector {seed}")
        self._lasting, self._between = lasting, between
        self.counts = dict.fromkeys(self._names, 0)

    def run(self, until):
        """Until the event is set, and the last one has ended."""
        while self._names and not until.is_set():
            self._random.shuffle(self._names)
            for name in self._names:
                if not until.is_set():
                    self._disturb(name, until)
        until.wait()

    def _disturb(self, name, until):
        node = self._random.choice(self._cluster.replicas())
        disturbance = DISTURBANCES[name](node, self._random)
        try:
            self._tell(name, "begins", node)
            disturbance.begin(self._cluster)
            self.counts[name] += 1
            until.wait(self._random.uniform(*self._lasting))
        finally:
            disturbance.end(self._cluster)
            self._tell(name, "has ended", node)
        until.wait(self._random.uniform(*self._between))

    def _tell(self, name, what, node):
        self._record(type="info", process="nemesis", f=name, value=what, node=node, writer=self._cluster.writer)
