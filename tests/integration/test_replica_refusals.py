"""docs/contract/failover.md: one replica's refusal, or its end, is not the cluster's word; and a read is not run again everywhere."""

import contextlib
import threading
import types

import pymysql
import pytest
from cluster import accounts, wait_until
from cluster.accounts import Account
from conftest import run
from support import GeneralLogs, SqlError, attempt, one, server_of


@contextlib.contextmanager
def frozen(cluster, *nodes):
    """Replicas (all, if none is given) that apply nothing at all although their appliers run. Gives a function that ends it."""
    holders = [cluster.connect(node) for node in nodes or cluster.replicas()]
    for holder in holders:
        run(holder, "FLUSH TABLES WITH READ LOCK")

    def release():
        while holders:
            holders.pop().close()

    try:
        yield release
    finally:
        release()


@contextlib.contextmanager
def full(cluster, node):
    """A server without a place for one more connection of an application."""
    guests = []
    with cluster.connect(node) as manager:
        before = one(manager, "SELECT @@global.max_connections")
        run(manager, "SET GLOBAL max_connections = 10")
        try:
            with pytest.raises(pymysql.err.OperationalError) as refused:
                for _ in range(60):
                    guests.append(cluster.connect(node, accounts.APP))
            assert refused.value.args[0] == 1040
            yield
        finally:
            run(manager, f"SET GLOBAL max_connections = {before}")
            for guest in guests:
                guest.close()


@pytest.fixture
def account(cluster):
    """An account of the application's rights that was made a moment ago; made(name) is to be called while replicas lag."""
    made = []

    def make(name, password="first"):
        made.append(name)
        cluster.query(0, f"CREATE USER {name}@'%' IDENTIFIED BY '{password}'")
        cluster.query(0, f"GRANT ALL ON app.* TO {name}@'%'")
        return Account(name, password)

    yield make
    for name in made:
        cluster.query(0, f"DROP USER IF EXISTS {name}@'%'")
    cluster.wait_synced()


# --- connections that are refused -------------------------------------------------------------------------------------


def test_full_replica_is_left_for_another_and_both_for_the_writer(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"workers": 1})
    another = start_proxy(cluster, {"workers": 1})  # without connections that stand when both are full
    with full(cluster, 1):
        assert {server_of(connect(to=proxy)) for _ in range(8)} == {2}
        with full(cluster, 2):
            assert {server_of(connect(to=another)) for _ in range(8)} == {0}
    wait_until(lambda: 1 in {server_of(connect(to=proxy)) for _ in range(6)}, 20, "the replica is used again")


def test_account_at_its_limit_on_one_replica_reads_elsewhere(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"workers": 1})
    limited = "SET sql_log_bin = 0", "ALTER USER app@'%' WITH MAX_USER_CONNECTIONS {}"
    taken = []
    try:
        for node in (1, 2):
            with cluster.connect(node) as there:
                run(there, "SET GLOBAL read_only = 0")
                run(there, limited[0])
                run(there, limited[1].format(1))
                cluster.set_read_only(node, True)
            taken.append(cluster.connect(node, accounts.APP))
        assert {server_of(connect(to=proxy)) for _ in range(6)} == {0}
        taken.pop().close()
        wait_until(lambda: 2 in {server_of(connect(to=proxy)) for _ in range(3)}, 20, "a replica has room")
    finally:
        for connection in taken:
            connection.close()
        for node in (1, 2):
            with cluster.connect(node) as there:
                run(there, "SET GLOBAL read_only = 0")
                run(there, limited[0])
                run(there, limited[1].format(0))
                cluster.set_read_only(node, True)


def test_account_that_replicas_do_not_know_yet_is_served(cluster, proxy, connect, account, table):
    with frozen(cluster) as release:
        new = account("young_user")
        wait_until(lambda: not isinstance(login(proxy, new), SqlError), 10, "the account is known")
        session = connect(account=new)
        assert server_of(session) == 0
        assert one(session, f"SELECT COUNT(*) FROM {table}") == 2
        wrong = login(proxy, Account(new.name, "wrong"))
        assert wrong.errno == 1045, wrong
        release()
        wait_until(lambda: server_of(session) in (1, 2), 20, "reads go to replicas again")


def test_new_password_is_good_while_replicas_know_the_old_one(cluster, proxy, connect, account):
    old = account("changing_user")
    cluster.wait_synced()
    wait_until(lambda: not isinstance(login(proxy, old), SqlError), 10, "the account is known")
    with frozen(cluster):
        cluster.query(0, "ALTER USER changing_user@'%' IDENTIFIED BY 'second'")
        new = Account(old.name, "second")
        wait_until(lambda: not isinstance(login(proxy, new), SqlError), 10, "the new password is known")
        for _ in range(4):
            assert one(connect(account=new), "SELECT 7") == 7
        assert login(proxy, old).errno == 1045


def test_accounts_that_cannot_be_read_are_checked_by_the_writer(cluster, start_proxy, connect, account):
    """Without the right to read the accounts each login is a login to a server: it has to be the writer."""
    blind = account("blind_monitor", "blind-secret")
    rights = (
        "REPLICATION CLIENT, PROCESS, CONNECTION_ADMIN" if cluster.kind == "mysql"
        else "BINLOG MONITOR, SLAVE MONITOR, PROCESS, CONNECTION ADMIN")  # fmt: skip
    cluster.query(0, f"GRANT {rights} ON *.* TO {blind.name}@'%'")
    cluster.wait_synced()
    (cluster.directory / "blind.password").write_text(blind.password)
    replicas_first = types.SimpleNamespace(addresses=lambda: cluster.addresses()[::-1], directory=cluster.directory)
    proxy = start_proxy(
        replicas_first, {"monitor.user": blind.name, "monitor.password_file": str(cluster.directory / "blind.password")})
    with frozen(cluster):
        new = account("young_and_unseen")
        assert one(connect(account=new, to=proxy), "SELECT 7") == 7
        assert login(proxy, Account(new.name, "wrong")).errno == 1045


def login(proxy, who):
    try:
        with proxy.connect(who, database="app") as connection:
            return attempt(connection, "SELECT 1")
    except pymysql.Error as error:
        return SqlError(error.args[0], getattr(error, "sqlstate", None), error.args[1])


# --- names that replicas do not know yet ------------------------------------------------------------------------------


def test_schema_younger_than_the_lag(cluster, proxy, connect):
    admin = connect(account=accounts.ADMIN)
    try:
        with frozen(cluster) as release:
            run(admin, "CREATE DATABASE young")
            run(admin, "CREATE TABLE young.t (a INT)")
            session = connect(account=accounts.ADMIN, database="young")
            assert one(session, "SELECT DATABASE()") == "young"
            assert one(session, "SELECT COUNT(*) FROM t") == 0
            another = connect(account=accounts.ADMIN)
            run(another, "USE young")
            assert one(another, "SELECT COUNT(*) FROM t") == 0
            threading.Timer(0.3, release).start()
            run(admin, "USE young")
            assert one(admin, "SELECT COUNT(*) FROM t") == 0
        assert attempt(session, "USE never_made") == SqlError(1049, "42000", "Unknown database 'never_made'")
    finally:
        run(admin, "DROP DATABASE young")


def test_wait_goes_ahead_of_the_schema(cluster, proxy, connect):
    """The session's own CREATE DATABASE arrives on the replica while the read waits: it is answered there."""
    admin = connect(account=accounts.ADMIN)
    node = server_of(admin)
    try:
        with frozen(cluster) as release:
            run(admin, "CREATE DATABASE waited_for")
            run(admin, "BEGIN")
            run(admin, "USE waited_for")
            run(admin, "COMMIT")
            threading.Timer(0.3, release).start()
            assert server_of(admin) == node
            assert one(admin, "SELECT DATABASE()") == "waited_for"
    finally:
        run(admin, "DROP DATABASE waited_for")


@pytest.mark.parametrize("level", ["EVENTUAL", "SESSION", "GLOBAL"])
def test_what_a_replica_does_not_know_the_writer_is_asked(cluster, connect, table, level):
    """A table, a column, a view, a function, a right: of another session, so that SESSION does not wait for them."""
    session = connect(level=level)
    assert server_of(session) in (1, 2)
    late = connect(account=accounts.ADMIN)
    with frozen(cluster):
        for statement in (
            f"CREATE TABLE {table}_young (a INT)", f"ALTER TABLE {table} ADD COLUMN young INT",
            f"CREATE VIEW {table}_view AS SELECT 1 AS one", f"CREATE FUNCTION {table[:40]}_f() RETURNS INT DETERMINISTIC RETURN 5",
            f"CREATE INDEX young ON {table} (value)"):  # fmt: skip
            run(late, statement)
        try:
            assert one(session, f"SELECT COUNT(*) FROM {table}_young") == 0
            assert one(session, f"SELECT COUNT(young) FROM {table}") == 0
            assert one(session, f"SELECT * FROM {table}_view") == 1
            assert one(session, f"SELECT {table[:40]}_f()") == 5
            assert one(session, f"SELECT COUNT(*) FROM {table} FORCE INDEX (young)") == 2
            missing = attempt(session, "SELECT * FROM never_made")
            assert (missing.errno, missing.sqlstate) == (1146, "42S02")
        finally:
            for statement in (
                f"DROP TABLE {table}_young", f"DROP VIEW {table}_view", f"DROP FUNCTION {table[:40]}_f"):  # fmt: skip
                run(late, statement)


# --- connections that end in a read -----------------------------------------------------------------------------------


class Reading(threading.Thread):
    """Runs one statement; `answer` is its rows or its error."""

    def __init__(self, connection, statement):
        super().__init__(daemon=True)
        self._connection, self._statement, self.answer = connection, statement, None
        self.start()

    def run(self):
        try:
            self.answer = attempt(self._connection, self._statement)
        except pymysql.Error as error:
            self.answer = error


def server_thread(cluster, mark, *nodes):
    """(node, thread) of the statement with this text, once a server runs it."""
    found = []

    def look():
        for node in nodes or range(len(cluster.servers)):
            if cluster.servers[node].is_alive():
                for row in cluster.query(node, "SHOW FULL PROCESSLIST"):
                    if row["User"] == accounts.APP.name and mark in (row["Info"] or ""):
                        found.append((node, row["Id"]))
        return found

    wait_until(look, 20, f"a server runs {mark}")
    return found[0]


def test_killed_read_is_not_run_again(cluster, proxy, connect):
    connection = connect()
    with GeneralLogs(cluster) as logs:
        reading = Reading(connection, "SELECT SLEEP(60) /* runaway */")
        node, thread = server_thread(cluster, "runaway")
        cluster.query(node, f"KILL {thread}")
        reading.join(timeout=10)
        assert isinstance(reading.answer, SqlError), reading.answer
        assert reading.answer.errno in (1053, 1927) and "during a write" not in reading.answer.text, reading.answer
        assert [logs.texts(other, "runaway") != [] for other in range(3)].count(True) == 1
    assert one(connection, "SELECT 7") == 7


def test_killed_read_on_the_writer_is_not_run_again(cluster, connect, table):
    connection = connect()
    with GeneralLogs(cluster) as logs:
        reading = Reading(connection, f"SELECT SLEEP(60) /* runaway */ FROM {table} FOR UPDATE")
        node, thread = server_thread(cluster, "runaway", 0)
        cluster.query(node, f"KILL {thread}")
        reading.join(timeout=10)
        assert isinstance(reading.answer, SqlError) and "during a write" not in reading.answer.text, reading.answer
        assert len(logs.texts(0, "runaway")) == 1
    assert one(connection, "SELECT 7") == 7


def test_read_whose_replicas_die_is_run_twice_and_never_on_the_writer(own_cluster, start_proxy):
    cluster = own_cluster()
    proxy = start_proxy(cluster)
    with proxy.connect(database="app") as connection, GeneralLogs(cluster) as logs:
        reading = Reading(connection, "SELECT SLEEP(60) /* deadly */")
        first, _ = server_thread(cluster, "deadly")
        cluster.kill_node(first)
        second, _ = server_thread(cluster, "deadly")
        assert {first, second} == {1, 2}
        cluster.kill_node(second)
        reading.join(timeout=20)
        assert isinstance(reading.answer, SqlError) and reading.answer.errno == 1053, reading.answer
        assert logs.texts(0, "deadly") == []
        wait_until(lambda: server_of(connection) == 0, 20, "reads run on the writer")


def test_replica_that_is_shut_down_is_no_clients_error(own_cluster, start_proxy):
    cluster = own_cluster()
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    cluster.query(0, "INSERT INTO app.t VALUES (1), (2), (3), (4)")
    cluster.wait_synced()
    proxy = start_proxy(cluster)
    with proxy.connect(database="app") as connection:
        for elsewhere in ({1, 2}, {0}):
            reading = Reading(connection, "SELECT id, @@server_id FROM t WHERE SLEEP(1) = 0 /* leaving */")
            node, _ = server_thread(cluster, "leaving")
            cluster.servers[node].shut_down()
            reading.join(timeout=20)
            assert not isinstance(reading.answer, (SqlError, pymysql.Error)), reading.answer
            assert len(reading.answer) == 4
            assert reading.answer[0][1] - 1 in elsewhere - {node}
