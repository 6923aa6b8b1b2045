"""A writer sends a transaction to its replicas ahead of its own commit: for a while they show what it does not."""

import threading

import pytest
from cluster import wait_until
from conftest import run
from support import SqlError, attempt, one, server_of

AHEAD = "it has transactions that the writer lacks"


class HeldCommit:
    """A transaction that both replicas have and the writer does not show: it waits for an acknowledgement that no
    replica gives, until release()."""

    def __init__(self, cluster, statement):
        self._cluster = cluster
        self._role = "source" if cluster.kind == "mysql" else "master"
        self._set("wait_point", "'AFTER_SYNC'")
        self._set("timeout", "600000")
        self._set("enabled", "ON")
        self._writer = threading.Thread(target=cluster.query, args=(0, statement))

    def __enter__(self):
        self._writer.start()
        return self

    def __exit__(self, *_):
        self.release()

    def release(self):
        self._set("enabled", "OFF")
        self._writer.join(timeout=30)
        assert not self._writer.is_alive()

    def _set(self, name, value):
        self._cluster.query(0, f"SET GLOBAL rpl_semi_sync_{self._role}_{name} = {value}")


@pytest.fixture
def cluster(own_cluster, cluster_kind):
    options = ["--plugin-load-add=semisync_source.so"] if cluster_kind == "mysql" else []
    started = own_cluster(options=options)
    started.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    started.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    started.wait_synced()
    return started


def value_on(cluster, node):
    return cluster.query(node, "SELECT v FROM app.kv WHERE k = 1")[0]["v"]


def wait_for_polls(cluster, node, count):
    def polls():
        name = "Com_show_replica_status" if cluster.kind == "mysql" else "Com_show_slave_status"
        return int(cluster.query(node, f"SHOW GLOBAL STATUS LIKE '{name}'")[0]["Value"])

    before = polls()
    wait_until(lambda: polls() >= before + count, 30, f"{count} polls of node {node}")


def test_replicas_that_have_what_the_writer_is_committing_are_not_suspected(cluster, start_proxy):
    proxy = start_proxy(cluster, {"workers": "1", "monitor.interval": "20ms"})
    with HeldCommit(cluster, "UPDATE app.kv SET v = 1 WHERE k = 1"):
        for node in (1, 2):
            wait_until(lambda: value_on(cluster, node) == 1, 30, "the replica shows it")
        for node in (1, 2, 0):
            wait_for_polls(cluster, node, 5)
        assert value_on(cluster, 0) == 0, "the writer does not show it yet"
    assert AHEAD not in proxy.log()
    with proxy.connect(database="app") as connection:
        run(connection, "SET aurora_replica_read_consistency = 'GLOBAL'")
        assert one(connection, "SELECT v FROM kv WHERE k = 1") == 1


READ = "SELECT v FROM kv WHERE k = 1"
ON_WRITER = f"/* causeway: route=writer */ {READ}"


@pytest.fixture
def sessions(cluster, start_proxy):
    """A function that gives one session for each replica, by the node where its reads go."""

    def connect(read_wait_timeout, more=None):
        settings = {"workers": "1", "monitor.interval": "20ms", "forwarding.read_wait_timeout": read_wait_timeout}
        proxy = start_proxy(cluster, {**settings, **(more or {})})
        by_node = {}
        while set(by_node) != {1, 2}:
            connection = proxy.connect(database="app")
            run(connection, "SET aurora_replica_read_consistency = 'GLOBAL'")
            by_node.setdefault(server_of(connection), connection)
        return by_node

    return connect


def is_refused(answer):
    return isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1205, "HY000")


@pytest.mark.kinds("mysql")
@pytest.mark.parametrize("level", ["SESSION", "GLOBAL"])
def test_the_writer_does_not_hide_what_a_replica_has_shown(cluster, sessions, level):
    session = sessions("300ms")[1]
    run(session, f"SET aurora_replica_read_consistency = '{level}'")
    with HeldCommit(cluster, "UPDATE app.kv SET v = 1 WHERE k = 1"):
        wait_until(lambda: one(session, READ) == 1, 30, "the session sees it")
        assert value_on(cluster, 0) == 0
        assert is_refused(attempt(session, ON_WRITER))
        run(session, "BEGIN")
        refused = attempt(session, READ)
        assert is_refused(refused) and f"{level} read consistency" in refused.text
        run(session, "ROLLBACK")
        assert one(session, READ) == 1, "on its replica it is there"
    assert one(session, ON_WRITER) == 1
    run(session, "BEGIN")
    assert one(session, READ) == 1
    run(session, "COMMIT")


@pytest.mark.kinds("mysql")
def test_a_read_on_the_writer_waits_for_the_commit(cluster, sessions):
    session = sessions("30s")[1]
    answers = []
    reader = threading.Thread(target=lambda: answers.append(attempt(session, ON_WRITER)))
    waiting = "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT IF(IF(%' AND COMMAND = 'Query'"
    with HeldCommit(cluster, "UPDATE app.kv SET v = 1 WHERE k = 1"):
        wait_until(lambda: one(session, READ) == 1, 30, "the session sees it")
        reader.start()
        wait_until(lambda: cluster.query(0, waiting)[0]["n"] == 1, 30, "the read waits")
        assert not answers
    reader.join(timeout=30)
    assert answers == [((1,),)]


def expect_what_was_shown(cluster, by_node):
    """At GLOBAL, over all sessions: whoever reads later sees no less. Node 2 applies nothing."""
    with cluster.connect(2, database="app") as holder:
        run(holder, "LOCK TABLES kv READ")
        with HeldCommit(cluster, "UPDATE app.kv SET v = 1 WHERE k = 1"):
            wait_until(lambda: value_on(cluster, 1) == 1, 30, "the replica has it")
            assert one(by_node[1], READ) == 1
            for _ in range(5):
                later = attempt(by_node[2], READ)
                assert isinstance(later, SqlError) or later == ((1,),)
            assert value_on(cluster, 2) == value_on(cluster, 0) == 0
    assert one(by_node[2], READ) == 1


def test_a_replica_does_not_hide_what_another_one_has_shown(cluster, sessions):
    expect_what_was_shown(cluster, sessions("300ms", {"routing.reads_on_writer": "never"}))


@pytest.mark.kinds("mysql")
def test_nor_does_the_writer(cluster, sessions):
    expect_what_was_shown(cluster, sessions("300ms"))
