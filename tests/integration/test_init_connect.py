"""docs/contract/session.md: what a login does (the servers' init_connect, their defaults) is there on every leg of every session, and is not
after COM_RESET_CONNECTION and COM_CHANGE_USER, as on one server."""

import contextlib

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from support import SqlError, attempt, one
from wire_client import BASIC, CONNECT_WITH_DB, WireClient

WRITER = "/* causeway: route=writer */ "


@contextlib.contextmanager
def _global(cluster, name, value, default):
    """A variable of all servers. A Causeway that is started afterwards knows it."""
    for node in range(3):
        cluster.query(node, f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        for node in range(3):
            cluster.query(node, f"SET GLOBAL {name} = {default}")


def _init_connect(cluster, sql):
    return _global(cluster, "init_connect", "'" + sql.replace("'", "''") + "'", "''")


def _sessions(connect, proxy, database, count=6):
    """One after the other, so that later ones could get connections of earlier ones."""
    for _ in range(count):
        connection = connect(to=proxy, database=database, autocommit=None)
        yield connection
        connection.close()


@pytest.mark.parametrize("database", ["app", None])
def test_every_session_has_what_init_connect_sets(cluster, start_proxy, connect, database):
    with _init_connect(cluster, "SET time_zone = '+05:00', sql_mode = 'ANSI_QUOTES', @made = 7"):
        proxy = start_proxy(cluster, {"workers": 1})
        for connection in _sessions(connect, proxy, database):
            # The first statement is read under that sql_mode already.
            assert attempt(connection, 'SELECT "no_such_column"').errno == 1054
            for leg in ("", WRITER, ""):
                assert run(connection, f"{leg}SELECT @@time_zone, @@sql_mode, @made") == (("+05:00", "ANSI_QUOTES", 7),)
            run(connection, "SET time_zone = '+01:00'")
            for leg in ("", WRITER):
                assert one(connection, f"{leg}SELECT @@time_zone") == "+01:00"


@pytest.mark.parametrize("database", ["app", None])
@pytest.mark.parametrize("how", ["init_connect", "autocommit"])
def test_sessions_without_autocommit_from_the_start(cluster, start_proxy, connect, table, database, how):
    off = _init_connect(cluster, "SET autocommit = 0") if how == "init_connect" else _global(cluster, "autocommit", 0, 1)
    with off:
        proxy = start_proxy(cluster, {"workers": 1})
        for number, connection in enumerate(_sessions(connect, proxy, database)):
            if number % 2 == 0:
                assert one(connection, f"SELECT COUNT(*) FROM app.{table}") == 2
            run(connection, f"INSERT INTO app.{table} VALUES (10, 'not committed')")
            assert one(connection, f"SELECT COUNT(*) FROM app.{table}") == 3
            run(connection, "ROLLBACK")
            assert one(connection, f"SELECT COUNT(*) FROM app.{table}") == 2
            run(connection, "COMMIT")
            run(connection, f"INSERT INTO app.{table} VALUES ({20 + number}, 'committed')")
            run(connection, "COMMIT")
            run(connection, f"DELETE FROM app.{table} WHERE id > 2")
            run(connection, "COMMIT")
            assert [one(connection, f"{leg}SELECT @@autocommit") for leg in ("", WRITER)] == [0, 0]


def test_an_account_that_skips_init_connect_skips_it_everywhere(cluster, start_proxy, connect):
    with _init_connect(cluster, "SET time_zone = '+05:00'"):
        proxy = start_proxy(cluster, {"workers": 1})
        for _ in range(4):
            connection = connect(to=proxy, account=accounts.ADMIN)
            assert [one(connection, f"{leg}SELECT @@time_zone") for leg in ("", WRITER)] == ["SYSTEM", "SYSTEM"]
            connection.close()


@pytest.mark.parametrize("command", ["reset", "change user"])
def test_what_a_reset_forgets_stays_forgotten(cluster, start_proxy, command):
    """Neither command runs init_connect on a server."""
    with _init_connect(cluster, "SET time_zone = '+05:00', autocommit = 0"):
        proxy = start_proxy(cluster, {"workers": 1})
        for port in (cluster.servers[0].port, proxy.port):
            with WireClient(port, accounts.APP, BASIC | CONNECT_WITH_DB) as client:
                assert b"+05:00" in client.query("SELECT @@time_zone")[-2].payload
                answer = client.command(b"\x1f") if command == "reset" else client.change_user(accounts.APP, "app")
                assert answer[-1].payload[:1] == b"\x00"
                for leg in ("", WRITER, ""):
                    assert b"SYSTEM" in client.query(f"{leg}SELECT @@time_zone")[-2].payload, (port, leg)
                    assert client.query(f"{leg}SELECT @@autocommit")[-2].payload == b"\x011"


def test_init_connect_that_is_set_while_sessions_come_and_go(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"workers": 1})

    def zones():
        connection = connect(to=proxy)
        found = [one(connection, f"{leg}SELECT @@time_zone") for leg in ("", WRITER)]
        connection.close()
        return found

    assert zones() == ["SYSTEM", "SYSTEM"]
    with _init_connect(cluster, "SET time_zone = '+05:00'"):
        wait_until(lambda: zones() == ["+05:00", "+05:00"], 10, "sessions that have it on both legs")
        for _ in range(5):
            assert zones() == ["+05:00", "+05:00"]
    wait_until(lambda: zones() == ["SYSTEM", "SYSTEM"], 10, "sessions that have it on no leg")


# What a session follows of its server, and how a bare server takes it from its global variables, too.
FOLLOWED = {
    "completion_type = 1": ["COMMIT; SELECT 1; UPDATE {t} SET value = 'x' WHERE id = 1; ROLLBACK; ROLLBACK AND NO CHAIN; SELECT value FROM {t} WHERE id = 1",
                                "BEGIN; UPDATE {t} SET value = 'x' WHERE id = 1; COMMIT; UPDATE {t} SET value = 'y' WHERE id = 1; ROLLBACK AND NO CHAIN; "
                                "SELECT value FROM {t} WHERE id = 1", "START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; COMMIT; SELECT 1; "
                                "COMMIT AND NO CHAIN; SELECT 1", "SET completion_type = 0; BEGIN; COMMIT; SELECT 1"],
    "completion_type = 2": ["COMMIT; SELECT 1", "BEGIN; UPDATE {t} SET value = 'x' WHERE id = 1; COMMIT; SELECT 1", "BEGIN; ROLLBACK; SELECT 1",
                                  "SELECT COUNT(*) FROM {t}; START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; COMMIT; SELECT 1",
                                  "COMMIT NO RELEASE; SELECT 1", "SET completion_type = DEFAULT; COMMIT; SELECT 1"],
    "{ro} = 1": ["INSERT INTO {t} VALUES (3, 'x'); SELECT COUNT(*) FROM {t}; SELECT @@{ro}", "BEGIN; SELECT COUNT(*) FROM {t}; DELETE FROM {t}; COMMIT",
                 "START TRANSACTION READ WRITE; DELETE FROM {t} WHERE id = 7; COMMIT; DELETE FROM {t} WHERE id = 7",
                 "SET SESSION TRANSACTION READ WRITE; DELETE FROM {t} WHERE id = 7; SELECT @@{ro}", "SET TRANSACTION READ WRITE; DELETE FROM {t} WHERE id = 7",
                 "SET {ro} = DEFAULT; SELECT 1; SELECT @@{ro}; DELETE FROM {t} WHERE id = 7"],
    "sql_auto_is_null = 1": ["CREATE TEMPORARY TABLE a (id INT AUTO_INCREMENT PRIMARY KEY); INSERT INTO a VALUES (); SELECT id FROM a WHERE id IS NULL"],
    "session_track_transaction_info = CHARACTERISTICS": ["SET TRANSACTION READ ONLY; SELECT 1; BEGIN; DELETE FROM {t}; COMMIT; SELECT 1",
                                                        "SELECT @@session_track_transaction_info; SET TRANSACTION READ ONLY; DO 1; DO 1; "
                                                        "SELECT @@session_track_transaction_info"],
}  # fmt: skip


def _told(connection, story):
    """The answers, and whether a transaction is open then; "lost" once the connection is closed."""
    answers = []
    for statement in story.split("; "):
        try:
            answer = attempt(connection, statement)
        except pymysql.Error:
            answer = "lost"
        if isinstance(answer, SqlError):
            answer = "lost" if answer.errno in (0, 2006, 2013) else answer.errno
        answers.append((answer, connection.server_status & 1))
    return answers


@pytest.mark.parametrize("how", ["global", "init_connect"])
@pytest.mark.parametrize("followed", FOLLOWED)
def test_what_a_session_begins_with_is_followed(cluster, start_proxy, connect, table, followed, how):
    names = {"{t}": table, "{ro}": "transaction_read_only" if cluster.kind == "mysql" else "tx_read_only"}

    def named(text):
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    name, value = named(followed).split(" = ")
    default = cluster.query(0, f"SELECT @@GLOBAL.{name} AS value")[0]["value"]
    default = default if isinstance(default, int) else f"'{default}'"
    setting = _global(cluster, name, value, default) if how == "global" else _init_connect(cluster, f"SET {name} = {value}")
    differences = []
    with setting:
        proxy = start_proxy(cluster, {"workers": 1})
        for story in map(named, FOLLOWED[followed]):
            told = []
            for opened in (lambda: connect(to=proxy, autocommit=None), lambda: cluster.connect(0, accounts.APP, database="app", autocommit=None)):
                connection = opened()
                told.append(_told(connection, story))
                with contextlib.suppress(pymysql.Error):
                    connection.close()
            if told[0] != told[1]:
                differences.append(f"{story}\n    Causeway: {told[0]}\n    a server: {told[1]}")
    assert not differences, "\n".join(differences)


def test_the_writers_defaults_count_where_servers_differ(cluster, start_proxy, connect, table):
    cluster.query(0, "SET GLOBAL completion_type = CHAIN")
    try:
        connection = connect(to=start_proxy(cluster, {"workers": 1}), autocommit=None)
        run(connection, "COMMIT")
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        run(connection, "ROLLBACK AND NO CHAIN")
        assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2
    finally:
        cluster.query(0, "SET GLOBAL completion_type = NO_CHAIN")
