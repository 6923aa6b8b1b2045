"""A planned switch of the writer that one Causeway has noticed and another one has not: GLOBAL is GLOBAL through both."""

import contextlib
import threading

import pytest
from cluster import wait_until
from conftest import run
from support import SqlError, attempt, one

with_and_without_gtids = pytest.mark.parametrize("gtid", [True, False], ids=["gtid", "no-gtid"])

# Its monitor polls once and then only when it is told to.
LATE = {"monitor.interval": "60s", "workers": "1", "forwarding.read_wait_timeout": "300ms"}


@contextlib.contextmanager
def held(cluster, *nodes):
    """Replicas that apply nothing, although they run and are in service."""
    holders = [cluster.connect(node) for node in nodes]
    try:
        for holder in holders:
            run(holder, "FLUSH TABLES WITH READ LOCK")
        yield
    finally:
        for holder in holders:
            holder.close()


READS = {
    "on a replica": "SELECT v FROM kv WHERE k = 1",
    "on the writer": "/* causeway: route=writer */ SELECT v FROM kv WHERE k = 1",
    "prepared": None,
    "in a transaction": "SELECT v FROM kv WHERE k = 1 ",
    "handed on": "SELECT v FROM kv WHERE k = 1",
}


@with_and_without_gtids
def test_a_causeway_that_has_not_noticed_a_switch_reads_nothing_old(own_cluster, start_proxy, gtid):
    cluster = own_cluster(gtid=gtid)
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    cluster.wait_synced()
    prompt = start_proxy(cluster, {"workers": "1"})
    readers = {}
    for name in READS:
        reader = readers[name] = start_proxy(cluster, LATE).connect(database="app")
        run(reader, f"SET aurora_replica_read_consistency = '{'SESSION' if name == 'handed on' else 'GLOBAL'}'")
        assert one(reader, "SELECT v FROM kv WHERE k = 1") == 0
        assert one(reader, READS["on the writer"]) == 0
    cluster.promote(1)
    writer = prompt.connect(database="app")
    wait_until(lambda: not isinstance(attempt(writer, "UPDATE kv SET v = 6 WHERE k = 1"), SqlError), 30, "one has noticed")
    cluster.wait_synced()
    with held(cluster, 0, 2):
        run(writer, "UPDATE kv SET v = 7 WHERE k = 1")
        position = one(writer, "SELECT @@causeway_position")
        for name, statement in READS.items():
            reader = readers[name]
            if name == "handed on":
                run(reader, f"SET causeway_position = '{position}'")
            if name == "in a transaction":
                run(reader, "BEGIN")
            if name == "prepared":
                run(reader, "PREPARE s FROM 'SELECT v FROM kv WHERE k = 1'")
                statement = "EXECUTE s"
            assert one(reader, statement) == 7, name
            if name == "in a transaction":
                run(reader, "COMMIT")
    for reader in readers.values():
        reader.close()


@with_and_without_gtids
def test_a_planned_switch_loses_no_position(own_cluster, start_proxy, gtid):
    """What a session writes on the new writer is there, though the last poll has not seen it: nobody is told that
    something was lost."""
    cluster = own_cluster(gtid=gtid)
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0), (2, 0), (3, 0), (4, 0)")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"monitor.interval": "1s", "workers": "1"})
    sessions = {number: proxy.connect(database="app") for number in (1, 2, 3, 4)}
    for number, session in sessions.items():
        run(session, f"UPDATE kv SET v = 1 WHERE k = {number}")
    knows_where = proxy.connect(database="app")  # without GTIDs by its read
    run(knows_where, "UPDATE kv SET v = v WHERE k = 1")
    run(knows_where, "SELECT v FROM kv")
    cluster.promote(1)
    nodes = [f"127.0.0.1:{server.port}" for server in cluster.servers]
    wait_until(lambda: proxy.metric("causeway_node_role", node=nodes[1], role="writer") == 1
               and proxy.metric("causeway_node_usable") == 3, 20, "the new roles are known")  # fmt: skip
    for number, session in sessions.items():
        run(session, f"UPDATE kv SET v = 2 WHERE k = {number}")
        assert one(session, f"SELECT v FROM kv WHERE k = {number}") == 2
        session.close()
    assert "a position was dropped" not in proxy.log()
    assert proxy.metric("causeway_tokens_dropped_total") == 0
    # Coordinates of the former writer's log tell neither that something was lost nor that nothing was.
    run(knows_where, "SELECT v FROM kv")
    knows_where.close()
    if gtid:
        assert proxy.metric("causeway_tokens_not_comparable_total") == 0
    else:
        assert proxy.metric("causeway_tokens_not_comparable_total") > 0
        proxy.wait_for_log("its position says nothing to the new one")


LEFT_BEHIND = {"a user variable": ("SET @a = 5", "SELECT @a"), "a variable of the connection": ("SET timestamp = 5", "SELECT UNIX_TIMESTAMP()")}


@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_what_a_read_only_transaction_has_left_comes_along_to_a_writer_that_is_waited_for(own_cluster, start_proxy, left):
    """The first server that gets it refuses the statement: it is read-only already."""
    leave, ask = LEFT_BEHIND[left]
    cluster = own_cluster(replicas=1)
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0)")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"forwarding.writer_wait": "30s"})
    session = proxy.connect(database="app")
    run(session, "START TRANSACTION READ ONLY")
    run(session, "SELECT COUNT(*) FROM kv")
    run(session, leave)
    run(session, "COMMIT")
    writer = f"127.0.0.1:{cluster.servers[0].port}"
    cluster.set_read_only(0, True)
    write = threading.Thread(target=run, args=(session, f"UPDATE kv SET v = ({ask}) WHERE k = 1"))
    write.start()
    wait_until(lambda: proxy.metric("causeway_node_role", node=writer, role="writer") == 0, 20, "the role is lost")
    cluster.set_read_only(0, False)
    write.join()
    assert cluster.query(0, "SELECT v FROM app.kv")[0]["v"] == 5
    session.close()
