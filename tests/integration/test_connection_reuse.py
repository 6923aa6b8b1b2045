"""Connections to servers are used again, whatever clients ask for at their login, by the servers' own counters."""

import pymysql
import pytest
from cluster import wait_until
from conftest import run
from pymysql.constants import CLIENT
from support import SqlError, attempt, one

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
