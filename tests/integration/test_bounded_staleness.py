"""max_lag is measured against the writer: over chains of replicas, and finer than the whole seconds that servers tell."""

import contextlib
import json
import threading
import time

import pytest
from cluster import wait_until
from conftest import run
from support import one

with_and_without_gtids = pytest.mark.parametrize("gtid", [True, False], ids=["gtid", "no-gtid"])


def make_table(cluster):
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    cluster.wait_synced()


@contextlib.contextmanager
def writes(cluster):
    """A write on the writer every 20 ms."""
    finished = threading.Event()

    def work():
        with cluster.connect(0) as connection:
            while not finished.wait(0.02):
                run(connection, "UPDATE app.kv SET v = v + 1 WHERE k = 1")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def lag_of(proxy, node):
    return json.loads(proxy.http("/status")[1])["nodes"][node].get("lag_seconds")


def reader_of(proxy):
    connection = proxy.connect(database="app")
    run(connection, "SET aurora_replica_read_consistency = 'EVENTUAL'")
    return connection


@with_and_without_gtids
def test_a_replica_whose_source_has_stopped_is_behind_the_writer(own_cluster, start_proxy, gtid):
    cluster = own_cluster(gtid=gtid)
    make_table(cluster)
    cluster.query(2, "STOP REPLICA")
    cluster._follow(2, 1, cluster._coordinates(1))
    proxy = start_proxy(cluster, {"workers": "1"})
    reader = reader_of(proxy)
    if gtid:
        wait_until(lambda: one(reader, "/* causeway: max_lag=5s */ SELECT @@server_id") in (2, 3), 10, "a replica in step is used")
    cluster.stop_replication(1)
    try:
        cluster.query(0, "UPDATE app.kv SET v = 1 WHERE k = 1")
        # Node 2 has all that its source has, and says so.
        wait_until(lambda: one(reader, "/* causeway: max_lag=1s */ SELECT @@server_id") == 1, 10, "no replica is used")
        for _ in range(20):
            assert one(reader, "/* causeway: max_lag=1s */ SELECT @@server_id") == 1
        if gtid:
            wait_until(lambda: (lag_of(proxy, 2) or 0) > 1.5, 10, "its lag is that to the writer")
    finally:
        cluster.start_replication(1)
    reader.close()


@with_and_without_gtids
def test_lag_is_measured_in_fractions_of_a_second(own_cluster, start_proxy, gtid):
    cluster = own_cluster(replicas=1, gtid=gtid)
    make_table(cluster)
    proxy = start_proxy(cluster, {"workers": "1", "monitor.interval": "50ms"})
    reader = reader_of(proxy)
    with writes(cluster):
        wait_until(lambda: one(reader, "/* causeway: max_lag=500ms */ SELECT @@server_id") == 2, 10, "a replica in step is used")
        seen = {}
        with cluster.connect(1) as holder:
            run(holder, "FLUSH TABLES WITH READ LOCK")
            began = time.monotonic()
            while time.monotonic() - began < 2.5:
                lag = lag_of(proxy, 1)
                server = one(reader, "/* causeway: max_lag=400ms */ SELECT @@server_id")
                seen[time.monotonic() - began] = (lag, server)
        late = [answer for at, answer in seen.items() if at > 1]
        assert late and all(server == 1 for _, server in late), late
        assert any(lag is not None and lag % 1 for lag, _ in late), "not in whole seconds"
        wait_until(lambda: one(reader, "/* causeway: max_lag=500ms */ SELECT @@server_id") == 2, 10, "it has caught up")
    reader.close()


def test_a_cluster_in_which_nothing_happens_is_not_behind(own_cluster, start_proxy):
    cluster = own_cluster(replicas=1)
    make_table(cluster)
    proxy = start_proxy(cluster, {"workers": "1"})
    reader = reader_of(proxy)
    wait_until(lambda: one(reader, "/* causeway: max_lag=1s */ SELECT @@server_id") == 2, 10, "the replica is used")
    for _ in range(50):
        assert one(reader, "/* causeway: max_lag=1s */ SELECT @@server_id") == 2
        time.sleep(0.02)
    reader.close()
