"""docs/contract/consistency.md: what is known of a replica decides whether a wait on it is worth it, and where else a session reads."""

import threading
import time

import pytest
from cluster import accounts, wait_until
from conftest import run
from support import SqlError, attempt, lagging, one, server_of

SECOND = {"workers": 1, "forwarding.read_wait_timeout": "1s"}
with_and_without_gtids = pytest.mark.parametrize(
    "gtid", [pytest.param(True, marks=pytest.mark.gtid(True)), pytest.param(False, marks=pytest.mark.gtid(False))])


def write_and_read(connection, table, number):
    """Seconds that a read after a write took; (rows that it must see, node) are checked and returned."""
    run(connection, f"REPLACE INTO {table} VALUES ({number}, 'x')")
    began = time.monotonic()
    rows, server_id = run(connection, f"SELECT COUNT(*), @@server_id FROM {table} WHERE id = {number}")[0]
    assert rows == 1
    return time.monotonic() - began, server_id - 1


@with_and_without_gtids
def test_session_leaves_a_replica_that_does_not_keep_up(cluster, start_proxy, connect, table, gtid):
    """One wait in vain, not one for each read: then it reads on the replica that is in step, and not on the writer."""
    connection = connect(to=start_proxy(cluster, SECOND))
    late = server_of(connection)
    with lagging(cluster, table, late):
        took = [write_and_read(connection, table, 10 + number) for number in range(12)]
        assert sum(seconds for seconds, _ in took) < 4, took
        assert {node for _, node in took[4:]} == {3 - late}, took


@with_and_without_gtids
def test_replicas_that_stand_still_are_not_waited_for_again_and_again(cluster, start_proxy, connect, table, gtid):
    proxy = start_proxy(cluster, SECOND)
    with lagging(cluster, table) as let_go:
        sessions = [connect(to=proxy) for _ in range(4)]
        for number, session in enumerate(sessions):
            write_and_read(session, table, 20 + number)
        took = [write_and_read(session, table, 30 + number) for number, session in enumerate(sessions * 4)]
        assert sum(seconds for seconds, _ in took) < 4, took
        assert {node for _, node in took} == {0}
        for node in cluster.replicas():
            let_go(node)
        cluster.wait_synced()
        wait_until(lambda: write_and_read(sessions[0], table, 50)[1] in (1, 2), 10, "replicas are used again")


def test_global_reads_do_not_wait_for_a_replica_that_stands_still(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, SECOND)
    with lagging(cluster, table):
        run(connect(to=proxy), f"INSERT INTO {table} VALUES (3, 'x')")
        time_of_all = time.monotonic()
        for _ in range(10):
            assert one(connect(to=proxy, level="GLOBAL"), f"SELECT COUNT(*) FROM {table}") == 3
        assert time.monotonic() - time_of_all < 5


@pytest.mark.parametrize("policy, answer", [("error", 1205), ("stale", 2)])
def test_other_policies_have_nothing_better_than_the_wait(cluster, start_proxy, connect, table, policy, answer):
    settings = {"workers": 1, "forwarding.read_wait_timeout": "400ms", "forwarding.on_read_wait_timeout": policy}
    connection = connect(to=start_proxy(cluster, settings))
    with lagging(cluster, table):
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        for _ in range(3):
            began = time.monotonic()
            got = attempt(connection, f"SELECT COUNT(*) FROM {table}")
            assert (got.errno if isinstance(got, SqlError) else got[0][0]) == answer
            assert time.monotonic() - began > 0.3


# --- transactions on a replica ----------------------------------------------------------------------------------------

BEGINNINGS = {
    "begin": ["START TRANSACTION READ ONLY"],
    "set transaction": ["SET TRANSACTION READ ONLY", "BEGIN"],
    "session read only": ["SET SESSION TRANSACTION READ ONLY", "BEGIN"],
    "variable": ["SET transaction_read_only = 1", "START TRANSACTION"],
    "no autocommit": ["SET transaction_read_only = 1", "SET autocommit = 0"],
    "snapshot": ["START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"],
    "commit and chain": ["START TRANSACTION READ ONLY", "SELECT COUNT(*) FROM {table}", "COMMIT AND CHAIN"],
    "rollback and chain": ["START TRANSACTION READ ONLY", "SELECT COUNT(*) FROM {table}", "ROLLBACK AND CHAIN"],
    "begin in one": ["START TRANSACTION READ ONLY", "SELECT COUNT(*) FROM {table}", "START TRANSACTION READ ONLY"],
    "begin in a read-write one": ["BEGIN", "SELECT COUNT(*) FROM {table}", "START TRANSACTION READ ONLY"],
    "tracked": ["SET session_track_transaction_info = 'STATE'", "START TRANSACTION READ ONLY"],
    "tracked, characteristics": [
        "SET session_track_transaction_info = 'CHARACTERISTICS'", "SET SESSION TRANSACTION READ ONLY", "BEGIN"],
    "tracked, chain": [
        "SET session_track_transaction_info = 'STATE'", "START TRANSACTION READ ONLY", "SELECT COUNT(*) FROM {table}",
        "COMMIT AND CHAIN"],
    "behind a SET": ["START TRANSACTION READ ONLY", "SET sql_mode = ''"],
}  # fmt: skip


@pytest.mark.parametrize("written", ["before", "behind"])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_transaction_on_a_replica_waits_before_its_snapshot(cluster, start_proxy, connect, table, beginning, written):
    """At GLOBAL: what another session has written before the transaction began, or (but for a snapshot) before its first read."""
    session = connect(to=start_proxy(cluster, {"forwarding.read_wait_timeout": "20s"}), level="GLOBAL")
    other = connect(account=accounts.ADMIN)
    assert server_of(session) in (1, 2)
    *before, last = [statement.format(table=table) for statement in BEGINNINGS[beginning]]
    if cluster.kind == "mariadb":
        before = [statement.replace("transaction_read_only", "tx_read_only") for statement in before]
    if written == "before" or beginning == "snapshot":
        before, last = [*before], [last]
    else:
        before, last = [*before, last], []
    if beginning == "no autocommit":
        before, last = [*before, *last], []
    for statement in before:
        run(session, statement)
    with lagging(cluster, table) as let_go:
        run(other, f"INSERT INTO {table} VALUES (3, 'x')")
        timer = threading.Timer(0.3, lambda: [let_go(node) for node in cluster.replicas()])
        timer.start()
        for statement in last:
            run(session, statement)
        assert one(session, f"SELECT COUNT(*) FROM {table}") == 3
        timer.join()
    run(other, f"INSERT INTO {table} VALUES (4, 'x')")
    cluster.wait_synced()
    assert one(session, f"SELECT COUNT(*) FROM {table}") == 3, "one snapshot"
    run(session, "COMMIT")
    assert one(session, f"SELECT COUNT(*) FROM {table}") == 4


@pytest.mark.parametrize("beginning", ["commit and chain", "begin in one", "tracked, chain", "begin"])
def test_transaction_whose_replica_is_not_in_time_begins_on_the_writer(cluster, start_proxy, connect, table, beginning):
    session = connect(to=start_proxy(cluster, {"forwarding.read_wait_timeout": "300ms"}), level="GLOBAL")
    for statement in BEGINNINGS[beginning]:
        run(session, statement.format(table=table))
    with lagging(cluster, table):
        run(connect(), f"INSERT INTO {table} VALUES (3, 'x')")
        assert run(session, f"SELECT COUNT(*), @@server_id FROM {table}") == ((3, 1),)
        run(connect(), f"INSERT INTO {table} VALUES (4, 'x')")
        assert one(session, f"SELECT COUNT(*) FROM {table}") == 3
        refused = attempt(session, f"INSERT INTO {table} VALUES (5, 'x')")
        assert (refused.errno, refused.sqlstate) == (1792, "25006")
        run(session, "COMMIT")
        assert one(session, f"SELECT COUNT(*) FROM {table}") == 4


# --- writes that no replica will ever have, and where reads may run ---------------------------------------------------


@pytest.mark.parametrize("statements", [
    ["SET sql_log_bin = 0", "INSERT INTO {table} VALUES (3, 'x')"],
    ["SET @@sql_log_bin = 0", "INSERT INTO {table} VALUES (3, 'x')", "SET @@sql_log_bin = 1"],
    ["SET SESSION sql_log_bin = OFF, sql_mode = ''", "INSERT INTO {table} VALUES (3, 'x')", "SET SESSION sql_log_bin = ON"],
    ["SET STATEMENT sql_log_bin = 0 FOR INSERT INTO {table} VALUES (3, 'x')"],
])  # fmt: skip
def test_writes_outside_of_the_binary_log_are_read_where_they_are(cluster, connect, table, statements):
    if cluster.kind == "mysql":  # has no such statement
        statements = [statement.replace("SET STATEMENT sql_log_bin = 0 FOR ", "SET sql_log_bin = 0; ") for statement in statements]
        statements = [part for statement in statements for part in statement.split("; ")]
    session = connect(account=accounts.ADMIN)
    assert server_of(session) in (1, 2)
    try:
        for statement in statements:
            run(session, statement.format(table=table))
        assert one(session, f"SELECT COUNT(*) FROM {table}") == 3
        run(session, f"REPLACE INTO {table} VALUES (1, 'again')")
        assert one(session, f"SELECT COUNT(*) FROM {table}") == 3
    finally:
        with cluster.connect(0) as there:
            run(there, "SET sql_log_bin = 0")
            run(there, f"DELETE FROM app.{table} WHERE id = 3")
        cluster.query(0, f"DELETE FROM app.{table}")


@pytest.mark.parametrize("policy", ["always", "never", "fallback"])
def test_where_reads_run_by_reads_on_writer(own_cluster, start_proxy, policy):
    cluster = own_cluster(replicas=1)
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"routing.reads_on_writer": policy, "forwarding.read_wait_timeout": "200ms"})
    sessions = [proxy.connect(database="app") for _ in range(24)]
    nodes = {server_of(session) for session in sessions}
    assert nodes == ({0, 1} if policy == "always" else {1})
    off = [proxy.connect(database="app") for _ in range(8)]
    for session in off:
        run(session, "SET aurora_replica_read_consistency = ''")
        assert server_of(session) == 1
    reader = sessions[0]
    with lagging(cluster, "t"):
        run(reader, "REPLACE INTO t VALUES (1)")
        answer = attempt(reader, "SELECT COUNT(*) FROM t")
        if policy == "never":
            assert answer.errno == 1205, answer
        else:
            assert answer == ((1,),)
    cluster.kill_node(1)
    wait_until(lambda: proxy.http("/status")[1].count('"usable":true') == 1, 20, "the replica is out")
    answer = attempt(sessions[1], "SELECT @@server_id")
    if policy == "never":
        assert answer.errno == 1105 and "routing.reads_on_writer" in answer.text, answer
        run(sessions[1], "SET sql_mode = ''")  # no read
        run(sessions[1], "REPLACE INTO t VALUES (2)")
    else:
        assert answer == ((1,),)
    assert attempt(off[0], "SELECT 1").errno == 1105
    for session in sessions + off:
        session.close()


def test_replication_filters_are_said(own_cluster, start_proxy):
    cluster = own_cluster(replicas=1)
    cluster.query(0, "CREATE DATABASE left_out")
    cluster.wait_synced()
    cluster.query(1, "STOP REPLICA")
    if cluster.kind == "mysql":
        cluster.query(1, "CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = (left_out)")
    else:
        cluster.query(1, "SET GLOBAL replicate_ignore_db = 'left_out'")
    cluster.query(1, "START REPLICA")
    proxy = start_proxy(cluster)
    wait_until(lambda: "Replicate_Ignore_DB: left_out" in proxy.log(), 10, "the filter is said")
    admin = proxy.connect(accounts.ADMIN, database="left_out")
    run(admin, "CREATE TABLE t (a INT)")
    assert attempt(admin, "SELECT * FROM t") == ()  # 1146 of the replica
    admin.close()


@with_and_without_gtids
def test_filters_of_the_binary_log_are_said(own_cluster, start_proxy, gtid):
    cluster = own_cluster(replicas=1, gtid=gtid, options=["--binlog-ignore-db=left_out"])
    proxy = start_proxy(cluster)
    writer = f"127.0.0.1:{cluster.servers[0].port}"
    wait_until(lambda: "Binlog_Ignore_DB: left_out" in proxy.log(), 10, "the filter is said")
    said = [line for line in proxy.log().splitlines() if "Binlog_Ignore_DB: left_out" in line]
    assert len(said) == 1 and f"node={writer}" in said[0], said
