"""SESSION shows a session never less than it has seen, whatever Causeway can find out of the servers at the moment."""

import contextlib
import threading

import pytest
from cluster import accounts, wait_until
from conftest import run
from support import SqlError, attempt, lagging, monitor_account, one, server_of

VALUE = "SELECT value FROM t WHERE id = 1"


@pytest.fixture
def start_cluster(own_cluster):
    """own_cluster() with the table app.t, in which the value of 1 is 'old'."""

    def start(**options):
        cluster = own_cluster(**options)
        cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY, value VARCHAR(20))")
        cluster.query(0, "INSERT INTO app.t VALUES (1, 'old'), (2, 'two')")
        cluster.wait_synced()
        return cluster

    return start


def session_on(proxy, node):
    """A session that has read on this replica."""
    for _ in range(100):
        connection = proxy.connect(database="app", read_timeout=30)
        if server_of(connection) == node and one(connection, VALUE) == "old":
            return connection
        connection.close()
    raise AssertionError(f"no session gets to node {node}")


def has_no_writer(proxy):
    return proxy.metric("causeway_node_role", role="writer") == 0


@pytest.mark.parametrize("where", ["writer", "replica"])
def test_without_a_writer_no_session_reads_less_than_it_has_seen(start_cluster, start_proxy, where):
    cluster = start_cluster()
    proxy = start_proxy(cluster, {"forwarding.writer_wait": "1s"})
    seeing, other = session_on(proxy, 2 if where == "writer" else 1), session_on(proxy, 2)
    with contextlib.closing(seeing), contextlib.closing(other), lagging(cluster, "t", 2):
        cluster.query(0, "UPDATE app.t SET value = 'new' WHERE id = 1")
        if where == "writer":
            assert one(seeing, f"{VALUE} FOR UPDATE") == "new"
        else:
            wait_until(lambda: one(seeing, VALUE) == "new", 20, "node 1 has it")
            cluster.kill_node(1)
        cluster.kill_node(0)
        wait_until(lambda: has_no_writer(proxy), 20, "there is no writer")
        answer = attempt(seeing, VALUE)
        assert isinstance(answer, SqlError) and "No writer is available" in answer.text, answer
        assert one(other, VALUE) == "old"  # has not seen more
        assert one(seeing, f"/* causeway: consistency=eventual */ {VALUE}") == "old"
        cluster.restart_node(0)
        wait_until(lambda: not has_no_writer(proxy), 20, "the writer is back")
        assert one(seeing, VALUE) == "new" and one(seeing, VALUE) == "new"


WAYS = {
    "locking": ([], f"{VALUE} LOCK IN SHARE MODE"),
    "transaction": (["START TRANSACTION"], VALUE),
    "snapshot": (["START TRANSACTION WITH CONSISTENT SNAPSHOT"], VALUE),
    "user lock": (["SELECT GET_LOCK('seen', 1)"], VALUE),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_writer_demoted_unnoticed_shows_no_session_less_than_it_has_seen(start_cluster, start_proxy, way):
    """The monitor looks every 10 s: until then the session itself has to find out."""
    cluster = start_cluster()
    proxy = start_proxy(cluster, {"monitor.interval": "10s"})
    with contextlib.closing(session_on(proxy, 2)) as session:
        assert one(session, f"{VALUE} LOCK IN SHARE MODE") == "old"  # it has a connection to the writer
        assert one(session, VALUE) == "old"  # and has asked it, so that the next read does not
        cluster.promote(1)
        with cluster.replication_stopped(0):
            cluster.query(1, "UPDATE app.t SET value = 'new' WHERE id = 1")
            cluster.wait_synced(2)
            assert one(session, f"/* causeway: consistency=eventual */ {VALUE}") == "new"
            assert one(session, VALUE) == "new"
            before, read = WAYS[way]
            for statement in before:
                run(session, statement)
            assert one(session, read) == "new"


def test_a_stale_read_by_the_policy_satisfies_nothing(start_cluster, start_proxy):
    """What the next read waits for is there in a moment: that one read got nothing better is no reason to give it less."""
    cluster = start_cluster()
    proxy = start_proxy(cluster, {"forwarding.on_read_wait_timeout": "stale", "forwarding.read_wait_timeout": "1s"})
    with contextlib.closing(session_on(proxy, 1)) as session, lagging(cluster, "t", 2) as release:
        run(session, "UPDATE t SET value = 'new' WHERE id = 1")
        stale = proxy.metric("causeway_read_wait_timeouts_total", policy="stale")
        cluster.pause(1)
        try:
            assert one(session, VALUE) == "old"  # time was up when node 1 was given up
            assert proxy.metric("causeway_read_wait_timeouts_total", policy="stale") == stale + 1
            threading.Timer(0.3, release, [2]).start()
            assert one(session, VALUE) == "new"
        finally:
            cluster.resume(1)


@pytest.mark.gtid(False)
def test_a_position_that_is_not_known_is_not_handed_on(cluster, start_proxy, connect, table, tmp_path):
    """MySQL without GTIDs tells no position with a write, and the writer does not let the monitor ask."""
    (tmp_path / "password").write_text("first-secret\n")
    with monitor_account(cluster, "barred") as set_password:
        proxy = start_proxy(cluster, None, "--monitor-user", "barred", "--monitor-password-file", str(tmp_path / "password"))
        writer, reader = connect(to=proxy), connect(to=proxy)
        set_password("second-secret")
        wait_until(lambda: proxy.metric("causeway_node_monitor_refused") == 3, 20, "all nodes refuse the monitor")
        with lagging(cluster, table):
            run(writer, f"UPDATE {table} SET value = 'new' WHERE id = 1")
            for question in ("SELECT @@causeway_position", "SHOW VARIABLES LIKE 'causeway_position'"):
                answer = attempt(writer, question)
                if cluster.kind == "mysql":
                    assert isinstance(answer, SqlError) and answer.errno == 1105, answer
                else:  # MariaDB tells it with the write
                    position = answer[0][-1]
                    run(reader, f"SET causeway_position = '{position}'")
                    assert one(reader, f"SELECT value FROM {table} WHERE id = 1") == "new"
            assert one(writer, "SELECT @@aurora_replica_read_consistency") == "SESSION"


@pytest.mark.kinds("mariadb")
def test_what_a_write_has_seen_is_seen_behind_it_in_whatever_order_replicas_commit(start_cluster, start_proxy):
    """MariaDB's parallel appliers keep the order within a domain only: the position of the session's own write, in domain 1,
    says nothing of what it has read, which was written in domain 0."""
    cluster = start_cluster(options=["--slave-parallel-threads=4"])
    cluster.query(0, "CREATE TABLE app.copies (id INT PRIMARY KEY, value VARCHAR(20))")
    cluster.wait_synced()
    proxy = start_proxy(cluster)
    with contextlib.closing(cluster.connect(0, accounts.APP, database="app", autocommit=True)) as other:
        cluster.query(0, "SET GLOBAL gtid_domain_id = 1")  # of sessions that come
        cluster.query(0, "INSERT INTO app.copies VALUES (7, 'x')")
        cluster.wait_synced()
        with contextlib.closing(session_on(proxy, 1)) as session, lagging(cluster, "t"):
            run(other, "UPDATE t SET value = 'new' WHERE id = 1")
            run(session, "INSERT INTO copies SELECT 9, value FROM t WHERE id = 1")
            assert one(session, "SELECT value FROM copies WHERE id = 9") == "new"
            assert one(session, VALUE) == "new"
