"""What is known of a server belongs to one incarnation of it: it ends when the server comes back with less, when another
one takes its address, and, without GTIDs, when another one becomes the writer."""

import contextlib
import pathlib
import select
import shutil
import signal
import socket
import threading
import time

import pytest
from cluster import accounts, wait_until
from conftest import run
from pymysql.constants import COMMAND
from support import SeenAt, SqlError, attempt, kill_connections, one, server_of

with_and_without_gtids = pytest.mark.parametrize("gtid", [True, False], ids=["gtid", "no-gtid"])


class Switch:
    """A TCP address that can be made to lead to another server: connections that stand stay where they are."""

    def __init__(self, port):
        self.leads_to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._relay, args=(client, self.leads_to), daemon=True).start()

    @staticmethod
    def _relay(client, port):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", port)) as server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)


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


def make_table(cluster):
    cluster.query(cluster.writer, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(cluster.writer, "INSERT INTO app.kv VALUES (1, 0), (2, 0)")
    cluster.wait_synced()


def session(proxy, level="SESSION"):
    connection = proxy.connect(database="app")
    run(connection, f"SET aurora_replica_read_consistency = '{level}'")
    return connection


def copy_of(cluster, node):
    """A copy of a node's data as it is now; the node is stopped for it and goes on."""
    server = cluster.servers[node]
    copy = server.home / "copy"
    server.shut_down()
    shutil.copytree(server.datadir, copy, symlinks=True)
    cluster.restart_node(node)
    return copy


def restore(cluster, node, copy, *, replicates):
    """The node comes back with the data of the copy; as a replica it is an hour behind."""
    server = cluster.servers[node]
    server.shut_down()
    shutil.rmtree(server.datadir)
    copy.rename(server.datadir)
    if replicates:
        server.options.append("--skip-replica-start" if cluster.kind == "mysql" else "--skip-slave-start")
    cluster.restart_node(node)
    if replicates:
        cluster.query(node, cluster.flavor.delay_source(3600))
        cluster.query(node, "START REPLICA")


@contextlib.contextmanager
def stopped(proxy):
    """A process that does not run, as in a paused virtual machine, or a container that is frozen."""
    proxy.signal(signal.SIGSTOP)
    try:
        wait_until(lambda: {thread_state(task) for task in tasks(proxy)} == {"T"}, 10, "all its threads are stopped")
        yield
    finally:
        proxy.signal(signal.SIGCONT)


def tasks(proxy):
    return list(pathlib.Path(f"/proc/{proxy.pid}/task").iterdir())


def thread_state(task):
    return (task / "stat").read_text().rpartition(")")[2].split()[0]


def send(connection, statement):
    """The answer is fetched by received()."""
    connection._execute_command(COMMAND.COM_QUERY, statement)


def received(connection):
    connection._read_query_result()
    return connection._result.rows


def lose_last_transactions(cluster, node, lost, coordinates):
    """The node goes on running, and has not got the last transactions of its source any more, nor fetches them. `coordinates`
    are the source's before them."""
    cluster.query(node, "STOP REPLICA")
    cluster.set_read_only(node, False)
    with cluster.connect(node) as direct:
        run(direct, "SET sql_log_bin = 0")
        run(direct, "UPDATE app.kv SET v = 0 WHERE k = 1")
        if not cluster.gtid:
            run(direct, cluster.flavor.change_source(cluster.servers[0].port, False, coordinates))
        elif cluster.kind == "mysql":
            source, _, last = one(direct, "SELECT @@gtid_executed").partition(",")[0].rpartition("-")
            run(direct, "RESET BINARY LOGS AND GTIDS")
            run(direct, f"SET GLOBAL gtid_purged = '{source}-{int(last) - lost}'")
        else:
            domain_and_server, _, last = one(direct, "SELECT @@gtid_slave_pos").rpartition("-")
            run(direct, "RESET MASTER")
            run(direct, f"SET GLOBAL gtid_slave_pos = '{domain_and_server}-{int(last) - lost}'")
    cluster.set_read_only(node, True)


@with_and_without_gtids
def test_a_replica_that_loses_something_while_causeway_stands_still_is_not_taken_for_up_to_date(own_cluster, start_proxy, gtid):
    """The statements are there before the monitor has heard of it."""
    cluster = own_cluster(replicas=1, gtid=gtid)
    make_table(cluster)
    proxy = start_proxy(cluster, {"workers": "1", "forwarding.read_wait_timeout": "300ms"})
    sessions = {"own": session(proxy), "GLOBAL": session(proxy, "GLOBAL"), "reading only": session(proxy)}
    coordinates = cluster._coordinates(0)
    for _ in range(3):
        run(sessions["own"], "UPDATE kv SET v = v + 1 WHERE k = 1")
    for name, connection in sessions.items():
        wait_until(lambda: run(connection, "SELECT v, @@server_id FROM kv WHERE k = 1") == ((3, 2),), 10, f"{name} reads on the replica")  # noqa: B023
    with stopped(proxy):
        lose_last_transactions(cluster, 1, 3, coordinates)
        time.sleep(0.3)  # it is stopped for so long at least
        for connection in sessions.values():
            send(connection, "SELECT v FROM kv WHERE k = 1")
    for name, connection in sessions.items():
        assert received(connection) == ((3,),), name


def test_a_position_is_forgotten_while_the_monitor_is_not_let_in(own_cluster, start_proxy):
    """The replica stays in service, but nobody would hear of what it has lost."""
    cluster = own_cluster(replicas=1)
    make_table(cluster)
    proxy = start_proxy(cluster, {"workers": "1", "forwarding.read_wait_timeout": "300ms", "monitor.interval": "50ms", "monitor.connect_timeout": "100ms"})
    own = session(proxy)
    for _ in range(3):
        run(own, "UPDATE kv SET v = v + 1 WHERE k = 1")
    wait_until(lambda: run(own, "SELECT v, @@server_id FROM kv WHERE k = 1") == ((3, 2),), 10, "it reads on the replica")
    cluster.query(0, f"ALTER USER {accounts.MONITOR.name}@'%' IDENTIFIED BY 'another'")
    cluster.wait_synced()
    kill_connections(cluster, 0, 1, user=accounts.MONITOR.name)
    wait_until(lambda: proxy.log().count("does not let the monitor in") == 2, 20, "both nodes refuse the monitor")
    time.sleep(0.3)  # so long does a position count
    lose_last_transactions(cluster, 1, 3, None)
    assert run(own, "SELECT v, @@server_id FROM kv WHERE k = 1") == ((3, 1),)


def test_a_replica_that_falls_behind_while_causeway_stands_still_takes_no_reads_with_max_lag(own_cluster, start_proxy):
    cluster = own_cluster(replicas=1)
    make_table(cluster)
    proxy = start_proxy(cluster, {"workers": "1"})
    reader = session(proxy, "EVENTUAL")
    statement = "/* causeway: max_lag=700ms */ SELECT v, @@server_id FROM kv WHERE k = 1"
    wait_until(lambda: run(reader, statement) == ((0, 2),), 10, "the replica takes it")
    with held(cluster, 1), stopped(proxy):
        cluster.query(0, "UPDATE app.kv SET v = 1 WHERE k = 1")
        time.sleep(2)  # so far it is behind
        send(reader, statement)
        proxy.signal(signal.SIGCONT)
        assert received(reader) == ((1, 1),)


@with_and_without_gtids
def test_a_replica_that_comes_back_with_less_is_not_taken_for_up_to_date(own_cluster, start_proxy, gtid):
    cluster = own_cluster(replicas=1, gtid=gtid)
    make_table(cluster)
    copy = copy_of(cluster, 1)
    wait_until(lambda: cluster._io_running(1), 30, "the replica is connected to its source")
    cluster.wait_synced()
    proxy = start_proxy(cluster, {"workers": "1", "forwarding.read_wait_timeout": "300ms"})
    own, reader, reading_only = session(proxy), session(proxy, "GLOBAL"), session(proxy)
    for connection in (own, reader):
        run(connection, "UPDATE kv SET v = v + 1 WHERE k = 1")
        assert one(connection, "SELECT v FROM kv WHERE k = 1") > 0
    wait_until(lambda: run(reading_only, "SELECT v, @@server_id FROM kv WHERE k = 1") == ((2, 2),), 10, "it has read on the replica")
    restore(cluster, 1, copy, replicates=True)
    eventual = session(proxy, "EVENTUAL")
    wait_until(lambda: run(eventual, "SELECT v, @@server_id FROM kv WHERE k = 1") == ((0, 2),), 30, "the replica is in service again")
    assert one(own, "SELECT v FROM kv WHERE k = 1") == 2, "its own write"
    assert one(reader, "SELECT v FROM kv WHERE k = 1") == 2, "GLOBAL"
    assert one(session(proxy, "GLOBAL"), "SELECT v FROM kv WHERE k = 1") == 2, "GLOBAL, a new session"
    assert one(reading_only, "SELECT v FROM kv WHERE k = 1") == 2, "monotonic reads"
    proxy.wait_for_log("is not what it was")


def test_coordinates_of_the_old_writers_log_mean_nothing_in_the_new_ones(own_cluster, start_proxy):
    """The new writer's log has the same name and is shorter: what replicas had of the old one is more, by the numbers."""
    cluster = own_cluster(gtid=False)
    for _ in range(5):
        cluster.query(0, "FLUSH BINARY LOGS")
    make_table(cluster)
    proxy = start_proxy(cluster, {"workers": "1", "forwarding.read_wait_timeout": "300ms"})
    sessions = [session(proxy, level) for level in ("SESSION", "GLOBAL") for _ in range(4)]  # on both replicas
    for connection in sessions:
        run(connection, "UPDATE kv SET v = v + 1 WHERE k = 2")
        run(connection, "SELECT v FROM kv")
    handed_on = one(sessions[0], "SELECT @@causeway_position")
    cluster.wait_synced()
    cluster.kill_node(0)
    cluster.promote(1)
    cluster.wait_synced(2)
    admin = session(proxy)
    wait_until(lambda: not isinstance(attempt(admin, "UPDATE kv SET v = v + 1 WHERE k = 2"), SqlError), 30, "there is a writer")
    fresh = [session(proxy, level) for level in ("SESSION", "GLOBAL")]
    run(fresh[0], f"SET causeway_position = '{handed_on}'")
    for number, connection in enumerate(sessions + fresh, start=1):
        cluster.wait_synced(2)
        with held(cluster, 2):
            run(admin if number % 2 else connection, f"UPDATE kv SET v = {number} WHERE k = 1")
            if number % 2 and connection in (*sessions[:4], fresh[0]):
                run(connection, f"SET causeway_position = '{one(admin, 'SELECT @@causeway_position')}'")
            assert one(connection, "SELECT v FROM kv WHERE k = 1") == number


@with_and_without_gtids
def test_an_address_that_leads_to_another_server_is_noticed_at_the_first_connection(own_cluster, start_proxy, gtid):
    """The monitor still polls the server that was there before, which answers well."""
    cluster = own_cluster(gtid=gtid)
    make_table(cluster)
    switch = Switch(cluster.servers[1].port)
    addresses = [cluster.addresses()[0], f"127.0.0.1:{switch.port}"]
    proxy = start_proxy(SeenAt(cluster, addresses), {"workers": "1", "forwarding.read_wait_timeout": "300ms"})
    own, reading_only = session(proxy), session(proxy)
    run(own, "UPDATE kv SET v = 1 WHERE k = 1")
    for connection in (own, reading_only):
        wait_until(lambda: run(connection, "SELECT v, @@server_id FROM kv WHERE k = 1") == ((1, 2),), 10, "reads are on node 1")  # noqa: B023
    with held(cluster, 2):
        run(own, "UPDATE kv SET v = 2 WHERE k = 1")
        wait_until(lambda: run(own, "SELECT v, @@server_id FROM kv WHERE k = 1") == ((2, 2),), 10, "reads are on node 1")
        wait_until(lambda: one(reading_only, "SELECT v FROM kv WHERE k = 1") == 2, 10, "and see it")
        switch.leads_to = cluster.servers[2].port
        # New connections are needed, and say who they are. The monitor's stays where it is.
        kill_connections(cluster, 1)
        for _ in range(5):
            for level in ("GLOBAL", "SESSION"):
                new = session(proxy, level)
                if level == "SESSION":
                    run(new, "UPDATE kv SET v = v + 1 WHERE k = 2")
                assert one(new, "SELECT v FROM kv WHERE k = 1") == 2
                new.close()
        wait_until(lambda: "is not what it was" in proxy.log() and "it is another server" in proxy.log(), 10, "the monitor has noticed")
        assert one(own, "SELECT v FROM kv WHERE k = 1") == 2
        assert one(reading_only, "SELECT v FROM kv WHERE k = 1") == 2
    eventual = session(proxy, "EVENTUAL")
    wait_until(lambda: server_of(eventual) == 2, 10, "the server that is there now serves")
    switch.close()


@with_and_without_gtids
def test_a_writer_that_comes_back_with_less_is_another_one(own_cluster, start_proxy, gtid):
    """What it lost is dropped from what sessions wait for, and does not come back under the numbers of later writes."""
    cluster = own_cluster(replicas=0, gtid=gtid)
    cluster.query(0, "CREATE TABLE app.kv (k INT PRIMARY KEY, v INT)")
    cluster.query(0, "INSERT INTO app.kv VALUES (1, 0), (2, 0)")
    copy = copy_of(cluster, 0)
    proxy = start_proxy(cluster, {"workers": "1"})
    own = session(proxy)
    for _ in range(5):
        run(own, "UPDATE kv SET v = v + 1 WHERE k = 1")
    lost = one(own, "SELECT @@causeway_position")
    restore(cluster, 0, copy, replicates=False)
    wait_until(lambda: not isinstance(attempt(own, "SELECT v FROM kv"), SqlError), 30, "the writer is back")
    wait_until(lambda: "is not what it was" in proxy.log(), 10, "that is said")
    assert one(own, "SELECT v FROM kv WHERE k = 1") == 0
    assert one(own, "SELECT @@causeway_position") != lost


def test_without_gtids_a_replica_of_a_replica_takes_no_reads_that_wait(own_cluster, start_proxy):
    """A wait there is for a place in its own source's log, which is further by the numbers and has the same name."""
    cluster = own_cluster(gtid=False)
    make_table(cluster)
    for _ in range(5):
        cluster.query(1, "FLUSH BINARY LOGS")
    cluster.query(2, "STOP REPLICA")
    cluster._follow(2, 1, cluster._coordinates(1))
    proxy = start_proxy(cluster, {"workers": "1", "forwarding.read_wait_timeout": "300ms"})
    sessions = [session(proxy, level) for level in ("SESSION", "GLOBAL") for _ in range(4)]
    with held(cluster, 2):
        for number, connection in enumerate(sessions, start=1):
            run(connection, f"UPDATE kv SET v = {number} WHERE k = 1")
            assert one(connection, "SELECT v FROM kv WHERE k = 1") == number
    proxy.wait_for_log("its positions are not those of the writer's log")
    never_waits = start_proxy(cluster, {"forwarding.read_consistency": "EVENTUAL"})
    wait_until(lambda: server_of(never_waits.connect(database="app")) == 2, 10, "it takes reads that never wait")


@with_and_without_gtids
def test_what_a_session_has_on_the_server_that_the_writers_address_led_to_ends(own_cluster, start_proxy, gtid):
    """The former writer lives on, read-only, behind the connections that stand: what they answer is stale."""
    cluster = own_cluster(replicas=1, gtid=gtid)
    make_table(cluster)
    switch = Switch(cluster.servers[0].port)
    proxy = start_proxy(SeenAt(cluster, [f"127.0.0.1:{switch.port}"]))
    stories = {
        "temporary table": ["CREATE TEMPORARY TABLE mine (a INT)"],
        "user variable": ["SET @mine = 1", "SELECT @mine"],
        "transaction": ["BEGIN", "UPDATE kv SET v = 9 WHERE k = 2"],
    }
    sessions = {name: session(proxy) for name in stories}
    for name, statements in stories.items():
        for statement in statements:
            run(sessions[name], statement)
    with cluster.connect(0) as direct:
        assert one(direct, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'causeway_monitor'") > 0
    # The row that the transaction has locked is not waited for: its session is told that the transaction is gone.
    switch.leads_to = cluster.servers[1].port
    cluster.promote(1)
    kill_connections(cluster, 0, user=accounts.MONITOR.name)
    with session(proxy) as other:
        wait_until(lambda: not isinstance(attempt(other, "UPDATE kv SET v = 1 WHERE k = 1"), SqlError), 30, "a writer")
        assert one(other, "/* causeway: route=writer */ SELECT @@server_id") == 2
    for name, connection in sessions.items():
        answer = attempt(connection, "SELECT @mine, v FROM kv WHERE k = 1" if name == "user variable" else "SELECT v FROM kv WHERE k = 1")
        assert isinstance(answer, SqlError) and answer.errno == (1213 if name == "transaction" else 1053), (name, answer)
        assert "not the writer any more" in answer.text
    assert one(sessions["transaction"], "SELECT v FROM kv WHERE k = 1") == 1
    switch.close()
