"""A replica that has transactions which the writer lacks is out of service for reads that trust its position, loudly."""

import pytest
from cluster import wait_until
from conftest import run
from support import one, server_of

with_and_without_gtids = pytest.mark.parametrize("gtid", [True, False], ids=["gtid", "no-gtid"])

SAID = "it has transactions that the writer lacks"


def write_on(cluster, node, *statements):
    with cluster.connect(node) as connection:
        read_only = "super_read_only" if cluster.kind == "mysql" else "read_only"
        if cluster.kind == "mysql":
            run(connection, f"SET GLOBAL {read_only} = 0")
        for statement in statements:
            run(connection, statement)
        if cluster.kind == "mysql":
            run(connection, f"SET GLOBAL {read_only} = 1")


def test_a_write_of_its_own_takes_a_replica_out_for_reads_that_wait(own_cluster, start_proxy):
    cluster = own_cluster()
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"workers": "1"})
    sessions = {level: [proxy.connect(database="app") for _ in range(4)] for level in ("EVENTUAL", "SESSION", "GLOBAL")}
    for level, connections in sessions.items():
        for connection in connections:
            run(connection, f"SET aurora_replica_read_consistency = '{level}'")
            assert server_of(connection) in (1, 2)
    write_on(cluster, 1, "INSERT INTO app.kv VALUES (99, 99)")
    wait_until(lambda: SAID in proxy.log(), 10, "it is said")
    for level in ("SESSION", "GLOBAL"):
        assert {server_of(connection) for connection in sessions[level]} == {2}
        assert all(not run(connection, "SELECT v FROM kv WHERE k = 99") for connection in sessions[level])
    assert 1 in {server_of(connection) for connection in sessions["EVENTUAL"]}, "reads at EVENTUAL go on there"
    # The numbers of what the writer does next hide it on MariaDB; it stays out.
    for _ in range(5):
        cluster.query(0, "UPDATE app.kv SET v = v + 1 WHERE k = 1")
    cluster.wait_synced()
    for _ in range(3):
        assert {server_of(connection) for connection in sessions["GLOBAL"]} == {2}
    assert proxy.log().count(SAID) == 1
    for connections in sessions.values():
        for connection in connections:
            connection.close()


@pytest.mark.kinds("mysql")
def test_a_replica_that_skips_what_the_writer_will_do_is_not_taken_for_up_to_date(own_cluster, start_proxy):
    """Its executed set has numbers of the writer's that are still to come: such transactions it would never apply."""
    cluster = own_cluster()
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"workers": "1"})
    uuid = cluster.query(0, "SELECT @@server_uuid AS u")[0]["u"]
    cluster.query(1, "STOP REPLICA")
    cluster.query(1, "RESET BINARY LOGS AND GTIDS")
    cluster.query(1, f"SET GLOBAL gtid_purged = '{uuid}:1-100000'")
    cluster.query(1, "START REPLICA")
    wait_until(lambda: SAID in proxy.log(), 10, "it is said")
    for number in range(1, 6):
        connection = proxy.connect(database="app")
        run(connection, f"UPDATE kv SET v = {number} WHERE k = 1")
        assert one(connection, "SELECT v FROM kv WHERE k = 1") == number
        connection.close()


def test_replicas_that_keep_up_under_load_are_not_suspected(own_cluster, start_proxy):
    cluster = own_cluster()
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"workers": "1", "monitor.interval": "20ms"})
    connection = proxy.connect(database="app")
    for number in range(1, 1500):
        run(connection, f"UPDATE kv SET v = {number} WHERE k = 1")
        assert one(connection, "SELECT v FROM kv WHERE k = 1") == number
    assert SAID not in proxy.log()
    connection.close()


@with_and_without_gtids
def test_a_writer_whose_log_is_reset_is_not_followed_by_replicas_that_have_more(own_cluster, start_proxy, gtid):
    """What replicas have of the former log is more than all of the new one, by the numbers."""
    cluster = own_cluster(gtid=gtid)
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    for number in range(20):
        cluster.query(0, f"UPDATE app.kv SET v = {-number} WHERE k = 1")
    cluster.query(0, "FLUSH BINARY LOGS")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"workers": "1", "forwarding.read_wait_timeout": "300ms"})
    sessions = []
    for level in ("SESSION", "GLOBAL") * 3:
        sessions.append(proxy.connect(database="app"))
        run(sessions[-1], f"SET aurora_replica_read_consistency = '{level}'")
        assert server_of(sessions[-1]) in (1, 2)
    cluster.query(0, "RESET BINARY LOGS AND GTIDS" if cluster.kind == "mysql" else "RESET MASTER")
    for number in range(1, 4):
        connection = sessions[2 * number - 1]  # GLOBAL: the writer itself says so
        run(connection, f"UPDATE kv SET v = {number} WHERE k = 1")
        assert one(connection, "SELECT v FROM kv WHERE k = 1") == number
    wait_until(lambda: "its executed position went back" in proxy.log(), 10, "the monitor has noticed")
    for number in range(4, 31):
        connection = sessions[number % len(sessions)]
        run(connection, f"UPDATE kv SET v = {number} WHERE k = 1")
        assert one(connection, "SELECT v FROM kv WHERE k = 1") == number
    for connection in sessions:
        connection.close()
