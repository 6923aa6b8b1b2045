"""Sessions that write and read while replicas are restored from copies, roles change, and appliers stop and start: nothing
that was acknowledged is missing from a read that has to see it."""

import random
import shutil
import threading
import time

import pymysql
import pytest
from cluster import wait_until
from conftest import run
from support import in_parallel, scaled

CLIENTS = 8
with_and_without_gtids = pytest.mark.parametrize("gtid", [True, False], ids=["gtid", "no-gtid"])


class Client:
    """Writes rising numbers into a row of its own, and reads it back with a session that has to see them."""

    def __init__(self, proxy, number):
        self.proxy, self.number = proxy, number
        self.level = ("SESSION", "GLOBAL")[number % 2]
        self.acknowledged = self.seen = self.turn = 0
        self.reads = self.errors = 0
        self.stale = []
        self.sessions = None

    def connect(self):
        writer = self.proxy.connect(database="app")
        reader = writer if self.level == "SESSION" else self.proxy.connect(database="app")
        for connection in {writer, reader}:
            run(connection, f"SET aurora_replica_read_consistency = '{self.level}'")
        # What a new session has to see of an old one: GLOBAL all of it, SESSION nothing.
        if self.level == "SESSION":
            self.acknowledged = self.seen = 0
        self.sessions = writer, reader

    def step(self):
        try:
            if self.sessions is None:
                self.connect()
            writer, reader = self.sessions
            self.turn += 1
            run(writer, f"UPDATE kv SET v = {self.turn} WHERE k = {self.number}")
            self.acknowledged = self.turn
            for _ in range(2):
                v, server = run(reader, f"SELECT v, @@server_id FROM kv WHERE k = {self.number}")[0]
                self.reads += 1
                if v < max(self.acknowledged, self.seen):
                    self.stale.append((self.level, f"read {v} on {server}", f"had {self.acknowledged}, had seen {self.seen}"))
                self.seen = max(self.seen, v)
        except pymysql.Error:  # a switch may end a statement; the session goes on, or not
            self.errors += 1
            for connection in set(self.sessions or ()):
                connection.close()
            self.sessions = None
            time.sleep(0.02)


def stop_and_start_appliers(cluster, rng, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        node = rng.choice(cluster.replicas())
        cluster.stop_replication(node)
        time.sleep(rng.uniform(0.01, 0.2))
        cluster.start_replication(node)
        time.sleep(rng.uniform(0, 0.05))


def restore_from(cluster, node, copy):
    server = cluster.servers[node]
    server.shut_down()
    shutil.rmtree(server.datadir)
    shutil.copytree(copy, server.datadir, symlinks=True)
    cluster.restart_node(node)
    wait_until(lambda: cluster._io_running(node), 60, "the restored replica is connected to its source")
    cluster.wait_synced(node)


def promote_while_written(cluster, node):
    """wait_synced() of promote() has a moving target only until the old writer is read-only."""
    cluster.promote(node)
    cluster.wait_synced()


@with_and_without_gtids
def test_nothing_acknowledged_is_missing_whatever_happens_to_the_servers(own_cluster, start_proxy, gtid):
    cluster = own_cluster(gtid=gtid)
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES " + ", ".join(f"({n}, 0)" for n in range(CLIENTS)))
    cluster.wait_synced()
    server = cluster.servers[2]
    copy = server.home / "copy"
    server.shut_down()
    shutil.copytree(server.datadir, copy, symlinks=True)
    cluster.restart_node(2)
    wait_until(lambda: cluster._io_running(2), 60, "the replica is connected to its source")
    proxy = start_proxy(cluster, {"workers": "2", "forwarding.read_wait_timeout": "300ms"})
    finished = threading.Event()
    clients = [Client(proxy, number) for number in range(CLIENTS)]

    def work(number):
        while not finished.is_set():
            clients[number].step()

    def disturb():
        rng = random.Random(f"{cluster.kind}{gtid}")
        seconds = scaled("CAUSEWAY_TEST_DISTURBANCE_SECONDS", 2, 20)
        try:
            for _ in range(2):
                stop_and_start_appliers(cluster, rng, seconds)
                restore_from(cluster, 2, copy)
            promote_while_written(cluster, 1)
            stop_and_start_appliers(cluster, rng, seconds)
            promote_while_written(cluster, 0)
            stop_and_start_appliers(cluster, rng, seconds)
        finally:
            finished.set()

    in_parallel(CLIENTS + 1, lambda number: work(number) if number < CLIENTS else disturb())
    assert sum(client.reads for client in clients) > 500
    assert [stale for client in clients for stale in client.stale] == []
    assert sum(client.errors for client in clients) < sum(client.reads for client in clients) / 10
    for client in clients:
        for connection in set(client.sessions or ()):
            connection.close()
