"""Connections to servers are used again, whatever clients ask for at their login, by the servers' own counters."""

import contextlib
import socket

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from pymysql.constants import CLIENT
from support import SqlError, attempt, in_parallel, one

LOGINS = 60

# What one client after the other asks for.
APP = {"database": "app"}
SHAPES = {
    "with a schema": [APP],
    "without a schema": [{}],
    "with another schema": [APP, {"database": "sbtest"}],
    "with and without a schema": [APP, {}],
    "in another character set": [APP, {**APP, "charset": "latin1"}],
    "with several statements or one": [APP, {**APP, "client_flag": CLIENT.MULTI_STATEMENTS}],
    "all of it": [APP, {"charset": "latin1", "client_flag": CLIENT.MULTI_STATEMENTS}, {"database": "sbtest"}, {}],
}


class Counters:
    """Status variables of all nodes, asked on connections that stand."""

    def __init__(self, node_connect):
        self._nodes = [node_connect(node) for node in range(3)]

    def total(self, name):
        return sum(int(run(node, f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1]) for node in self._nodes)


@pytest.fixture
def counters(cluster, node_connect):
    return Counters(node_connect)


@pytest.mark.parametrize("proxy", [{"workers": 1}], indirect=True)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_logins_find_the_connections_of_those_before_them(proxy, counters, table, shape, write):
    sessions = SHAPES[shape]

    def log_in(options):
        with proxy.connect(**options) as session:
            expected = {"latin1": "latin1"}.get(options.get("charset"), "utf8mb4")
            row = run(session, "SELECT DATABASE(), @@character_set_client, @@character_set_results")[0]
            assert row == (options.get("database"), expected, expected)
            if write:
                run(session, f"INSERT INTO app.{table} VALUES (100, 'x') ON DUPLICATE KEY UPDATE value = 'y'")

    for options in sessions * 4:  # both replicas have seen each
        log_in(options)
    opened, aborted = counters.total("Connections"), counters.total("Aborted_clients")
    for i in range(LOGINS):
        log_in(sessions[i % len(sessions)])
    # A replica is taken at random, so that a shape may come to one of them for the first time.
    assert counters.total("Connections") - opened <= 2 * len(sessions)
    assert counters.total("Aborted_clients") == aborted


@pytest.mark.parametrize("proxy", [{"workers": 1}], indirect=True)
def test_a_schema_that_cannot_be_used_leaves_the_session_without_one(proxy, connect, table):
    with proxy.connect(database="app") as former:
        run(former, "SELECT 1")
    session = connect(database=None)
    failed = attempt(session, "USE nosuch")
    assert isinstance(failed, SqlError) and failed.errno in (1044, 1049)
    warnings = run(session, "SHOW WARNINGS")
    assert [row[1] for row in warnings] == [failed.errno]
    assert one(session, "SELECT DATABASE()") is None
    assert attempt(session, f"SELECT * FROM {table}").errno == 1046
    run(session, "USE app")
    assert one(session, "SELECT DATABASE()") == "app"
    assert len(run(session, f"SELECT * FROM {table}")) == 2


@pytest.mark.parametrize("proxy", [{"workers": 1}], indirect=True)
def test_a_transaction_without_a_schema_takes_no_connection_that_has_one(proxy, connect):
    for _ in range(2):
        with proxy.connect(database="app") as former:
            run(former, "SELECT 1")
            run(former, "DO 1")
    for begin in ("BEGIN", "START TRANSACTION READ ONLY"):
        session = connect(database=None)
        run(session, begin)
        assert isinstance(attempt(session, "USE nosuch"), SqlError)
        assert one(session, "SELECT DATABASE()") is None
        run(session, "COMMIT")
        assert one(session, "SELECT DATABASE()") is None


@pytest.mark.parametrize("proxy", [{"workers": 1}], indirect=True)
def test_character_sets_are_those_of_the_login_and_stay_so(proxy, connect, table):
    """On a connection that somebody else has logged in on: what is sent and what is stored."""
    first = connect()
    run(first, f"INSERT INTO {table} VALUES (10, 'é'), (11, 'ü')")
    wide = [connect() for _ in range(3)]
    narrow = [connect(charset="latin1") for _ in range(3)]
    for _ in range(2):
        for session in wide + narrow:
            assert [row[0] for row in run(session, f"SELECT value FROM {table} WHERE id > 9 ORDER BY id")] == ["é", "ü"]
            assert one(session, "SELECT HEX('é')") == ("C3A9" if session in wide else "E9")
            run(session, f"UPDATE {table} SET value = 'é' WHERE id = 10")


@pytest.mark.parametrize("proxy", [{"workers": 1}], indirect=True)
def test_several_statements_in_one_packet_only_for_those_who_asked(proxy, connect):
    for _ in range(3):
        plain, several = connect(), connect(client_flag=CLIENT.MULTI_STATEMENTS)
        assert attempt(plain, "SELECT 1; SELECT 2").errno == 1064
        with several.cursor() as cursor:
            cursor.execute("SELECT 1; SELECT 2")
            assert cursor.fetchall() == ((1,),)
            assert cursor.nextset() and cursor.fetchall() == ((2,),)
        plain.close()
        several.close()


@pytest.mark.parametrize("proxy", [{"workers": 1}], indirect=True)
def test_idle_sessions_that_keep_their_connections_are_counted_as_leases(proxy, connect):
    sessions = [connect() for _ in range(3)]
    for session in sessions:
        run(session, "BEGIN")
        run(session, "SELECT 1")
    assert proxy.metric("causeway_leases_in_use") == 3
    sessions[0].close()
    run(sessions[1], "COMMIT")
    wait_until(lambda: proxy.metric("causeway_leases_in_use") == 1, 5, "one open transaction")
    with pytest.raises(pymysql.Error):
        run(sessions[2], "KILL CONNECTION_ID()")
    wait_until(lambda: proxy.metric("causeway_leases_in_use") == 0, 5, "no open transaction")


# --- limits, and others that share the servers ------------------------------------------------------------------------


def fill(cluster, node):
    """Connections of somebody else, until the server takes no more of them."""
    taken = []
    for _ in range(1000):
        try:
            taken.append(cluster.connect(node, accounts.APP))
        except pymysql.err.OperationalError as error:
            assert error.args[0] == 1040
            return taken
    raise AssertionError("the server takes any number of connections")


def at_once(sessions, statement):
    return in_parallel(len(sessions), lambda i: attempt(sessions[i], statement))


def close_all(connections):
    for connection in connections:
        connection.close()


def pool_connections(proxy, cluster, node):
    return proxy.metric("causeway_pool_connections", node=cluster.addresses()[node])


@pytest.mark.parametrize(
    "settings", [{"limits.max_server_connections": 2}, {"limits.instances": 80}], ids=["absolute", "instances"])  # fmt: skip
def test_no_server_has_more_connections_than_is_set(cluster, start_proxy, connect, settings):
    for node in range(3):
        assert int(cluster.query(node, "SELECT @@global.max_connections AS n")[0]["n"]) == 200
    proxy = start_proxy(cluster, {"workers": 2, "forwarding.aurora_fwd_writer_max_connections_pct": 90, **settings})
    sessions = [connect(to=proxy) for _ in range(12)]
    at_once(sessions, "SELECT SLEEP(0.2), @@server_id")
    at_once(sessions, "DO SLEEP(0.05)")
    most = [pool_connections(proxy, cluster, node) for node in range(3)]
    assert all(0 < count <= 2 for count in most), most


def test_several_causeways_do_not_starve_each_other(own_cluster, start_proxy):
    cluster = own_cluster(max_connections=60)
    first, second = (start_proxy(cluster, {"workers": 2}) for _ in range(2))
    crowd = [first.connect(database="app") for _ in range(130)]
    at_once(crowd, "SELECT SLEEP(0.3)")
    for _ in range(20):
        with second.connect(database="app") as session:
            assert run(session, "SELECT 1") == ((1,),)

    # What the first one does not need it gives back, until there is room for others on each replica.
    def open_connections(node):
        return int(cluster.query(node, "SHOW GLOBAL STATUS LIKE 'Threads_connected'")[0]["Value"])

    for node in cluster.replicas():
        wait_until(lambda n=node: open_connections(n) < 57, 10, f"room on {node}")
        assert pool_connections(first, cluster, node) < 54
    later = [second.connect(database="app") for _ in range(10)]

    def has_its_share():
        at_once(later, "SELECT SLEEP(0.2)")
        return sum(pool_connections(second, cluster, node) for node in cluster.replicas()) > 4

    wait_until(has_its_share, 10, "the second one has its share")
    # Sessions that have lost their connections go on.
    assert all(row == ((1,),) for row in at_once(crowd, "SELECT 1"))
    close_all(crowd + later)


def test_a_full_replica_is_passed_over(own_cluster, start_proxy):
    cluster = own_cluster(max_connections=40)
    proxy = start_proxy(cluster, {"workers": 1})
    taken = fill(cluster, 1)
    for _ in range(10):
        with proxy.connect(database="app") as session:
            assert one(session, "SELECT @@server_id") in (1, 3)
    taken += fill(cluster, 2)
    sessions = [proxy.connect(database="app") for _ in range(4)]  # more than are idle
    assert at_once(sessions, "SELECT SLEEP(0.1)") == [((0,),)] * 4
    close_all(taken + sessions)


def test_idle_connections_make_room_on_a_full_writer(own_cluster, start_proxy):
    cluster = own_cluster(max_connections=40)
    settings = {"workers": 2, "forwarding.aurora_fwd_writer_max_connections_pct": 50}
    proxy = start_proxy(cluster, {**settings, "forwarding.writer_queue_timeout": "5s"})
    others = [proxy.connect(accounts.ADMIN, database="app") for _ in range(2)]  # one of each worker
    for session in others:
        run(session, "DO 1")
    idle = pool_connections(proxy, cluster, 0)
    assert idle > 0
    taken = fill(cluster, 0)
    with proxy.connect(database="app") as session:
        run(session, "DO 1")
    assert pool_connections(proxy, cluster, 0) <= idle
    close_all(taken + others)


def no_place_left(cluster, node):
    """Closes what it gives: a connection that has not logged in has the place that is kept for administrators."""
    with contextlib.ExitStack() as taken:
        while taken.enter_context(socket.create_connection(("127.0.0.1", cluster.servers[node].port), timeout=10)).recv(5)[4] != 0xFF:
            pass
        return taken.pop_all()


def test_a_writer_that_greets_nobody_has_the_same_error(own_cluster, start_proxy):
    """MariaDB's error without an SQLSTATE, as there is no room for one ahead of the greeting."""
    cluster = own_cluster(replicas=1, max_connections=40)
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.writer_queue_timeout": "400ms"})
    with proxy.connect(database="app") as session:
        taken = fill(cluster, 0)
        with no_place_left(cluster, 0):
            assert attempt(session, "DO 1") == SqlError(1040, "08004", "Too many connections")
        close_all(taken)


def test_a_full_writer_is_waited_for_as_long_as_for_a_place(own_cluster, start_proxy):
    cluster = own_cluster(max_connections=40)
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.writer_queue_timeout": "400ms"})
    taken = fill(cluster, 0)
    for _ in range(3):
        with proxy.connect(database="app") as session:
            assert attempt(session, "DO 1") == SqlError(1040, "08004", "Too many connections")
    assert proxy.log().count('level=warning event="the writer refuses connections"') == 1
    assert f'event="the writer refuses connections" node={cluster.addresses()[0]} user=app reason="Too many connections"' in proxy.log()
    taken.pop().close()
    with proxy.connect(database="app") as session:
        assert run(session, "DO 1") == ()
    close_all(taken)


@pytest.mark.parametrize("tls", ["disabled", "required"])
def test_servers_count_no_connection_as_aborted(cluster, start_proxy, counters, tls):
    """Idle connections that have become old, and all of them at the end."""
    proxy = start_proxy(cluster, {"workers": 1, "timeouts.server_idle": "1s", "server_tls.mode": tls})
    aborted = counters.total("Aborted_clients")

    def use():
        sessions = [proxy.connect(database="app") for _ in range(4)]
        at_once(sessions, "SELECT SLEEP(0.05)")
        at_once(sessions, "DO 1")
        close_all(sessions)

    use()
    wait_until(lambda: proxy.metric("causeway_pool_connections") == 0, 15, "old connections are closed")
    use()
    assert proxy.metric("causeway_pool_connections") > 0
    proxy.stop()
    wait_until(lambda: counters.total("Threads_connected") < 20, 10, "the servers have noticed")
    assert counters.total("Aborted_clients") == aborted


def test_idle_connections_do_not_count_against_their_account(cluster, start_proxy):
    """Logins that need connections of different kinds, one after the other, of an account that may have two."""
    name = "few_connections"
    cluster.query(0, f"DROP USER IF EXISTS {name}@'%'")
    cluster.query(0, f"CREATE USER {name}@'%' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 2")
    cluster.query(0, f"GRANT ALL ON app.* TO {name}@'%'")
    cluster.wait_synced()
    try:
        proxy = start_proxy(cluster, {"workers": "3"})
        plain, found_rows, interactive, ignore_space = 0, 2, 1024, 256
        for flag in (plain, found_rows, interactive, ignore_space, plain, found_rows, plain, ignore_space) * 2:
            with proxy.connect(accounts.Account(name, "secret"), database="app", client_flag=flag) as session:
                assert one(session, "/* causeway: route=writer */ SELECT 1") == one(session, "SELECT 1") == 1
    finally:
        cluster.query(0, f"DROP USER {name}@'%'")
