"""docs/contract/session.md: what a statement leaves in its server connection although it failed, and what a session leaves there when it
ends: nobody waits for it, and nothing of it is lost."""

import pytest
from cluster import accounts, wait_until
from conftest import run
from support import SqlError, attempt, one, server_of
from wire_client import BASIC, WireClient

PROCEDURES = {
    "sets": "BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN SET @left_behind = 7; RESIGNAL; END; SIGNAL SQLSTATE '45000'; END",
    "makes": "BEGIN CREATE TEMPORARY TABLE left_behind (id INT); INSERT INTO left_behind VALUES (7); SIGNAL SQLSTATE '45000'; END",
    "prepares": "BEGIN PREPARE left_behind FROM 'SELECT 7'; SIGNAL SQLSTATE '45000'; END",
    "switches": "BEGIN SET sort_buffer_size = 345678; SIGNAL SQLSTATE '45000'; END",
    "begins": "BEGIN START TRANSACTION; UPDATE {table} SET value = 'held' WHERE id = 1; SIGNAL SQLSTATE '45000'; END",
    "turns_off": "BEGIN SET autocommit = 0; UPDATE {table} SET value = 'held' WHERE id = 1; SIGNAL SQLSTATE '45000'; END",
    "locks": "BEGIN DO GET_LOCK('left behind', 0); SIGNAL SQLSTATE '45000'; END",
    "locks_well": "DO GET_LOCK('left behind', 0)",
    "nothing": "SIGNAL SQLSTATE '45000'",
}  # fmt: skip


@pytest.fixture
def procedures(cluster, table):
    """app.fails_<name>()"""
    for name, body in PROCEDURES.items():
        cluster.query(0, f"CREATE PROCEDURE app.fails_{name}() {body.format(table=table)}")
    cluster.wait_synced()
    yield
    for name in PROCEDURES:
        cluster.query(0, f"DROP PROCEDURE app.fails_{name}")


def fail(connection, statement):
    answer = attempt(connection, statement)
    assert isinstance(answer, SqlError), answer
    return answer


# --- within the session -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "look"), [
    ("sets", "SELECT @left_behind"), ("makes", "SELECT id FROM left_behind"), ("prepares", "EXECUTE left_behind"),
    ("switches", "SELECT CAST(@@sort_buffer_size = 345678 AS SIGNED) * 7")])  # fmt: skip
def test_what_a_procedure_leaves_behind_that_fails(procedures, connect, name, look):
    connection = connect()
    run(connection, "SELECT 1")
    fail(connection, f"CALL fails_{name}()")
    for _ in range(3):
        assert one(connection, look) == 7


def test_and_begin_does_not_take_the_report(procedures, connect, table):
    """It is the first command that the server answers with an OK."""
    connection = connect()
    fail(connection, "CALL fails_makes()")
    run(connection, "BEGIN")
    run(connection, f"SELECT * FROM {table}")
    run(connection, "COMMIT")
    assert one(connection, "SELECT id FROM left_behind") == 7


@pytest.mark.kinds("mysql")
def test_procedure_that_fails_and_leaves_nothing_behind_binds_nothing(cluster, procedures, connect):
    """MySQL says so with its next OK. MariaDB never does."""
    connection = connect()
    fail(connection, "CALL fails_nothing()")
    run(connection, "DO 0")
    assert server_of(connection) in cluster.replicas()


def test_text_that_does_not_parse_binds_nothing(cluster, connect):
    connection = connect()
    assert fail(connection, "SELCT 1").errno == 1064
    assert server_of(connection) in cluster.replicas()


def test_user_variable_assigned_by_a_statement_that_fails(connect, table):
    connection = connect()
    fail(connection, f"UPDATE {table} SET id = 1 + 0 * (@q := 7) WHERE id = 2")
    for _ in range(2):
        assert one(connection, "SELECT @q") == 7


@pytest.mark.kinds("mariadb")
def test_user_variable_of_a_compound_statement(connect):
    connection = connect()
    run(connection, "BEGIN NOT ATOMIC SET @q = 7; END")
    assert one(connection, "SELECT @q") == 7
    fail(connection, "BEGIN NOT ATOMIC SET @q = 8; SIGNAL SQLSTATE '45000'; END")
    assert one(connection, "SELECT @q") == 8


def test_transaction_of_a_procedure_that_fails(cluster, procedures, connect, table):
    connection = connect()
    fail(connection, "CALL fails_begins()")
    run(connection, "ROLLBACK")
    assert cluster.query(0, f"SELECT value FROM app.{table} WHERE id = 1")[0]["value"] == "one"
    fail(connection, "CALL fails_begins()")
    run(connection, "COMMIT")
    assert cluster.query(0, f"SELECT value FROM app.{table} WHERE id = 1")[0]["value"] == "held"


def test_set_that_fails_on_a_replica_begins_no_transaction_there(connect, table):
    connection = connect()
    run(connection, "SET autocommit = 0")
    fail(connection, "SET sql_mode = 'no such mode'")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, "COMMIT")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3


@pytest.mark.parametrize("proxy", [{"forwarding.aurora_fwd_writer_idle_timeout": "1s"}], indirect=True)
def test_session_that_is_idle_behind_an_error(cluster, proxy, procedures, connect, table):
    """A transaction that may be open is rolled back; where none is, nothing is said of one."""
    innocent, guilty = connect(), connect()
    fail(innocent, "CALL fails_nothing()")
    fail(guilty, "CALL fails_begins()")
    wait_until(lambda: "an idle transaction was rolled back" in proxy.log(), 15, "one was rolled back")
    wait_until(lambda: _unlocked(cluster, table), 10, "its lock is free")
    assert one(innocent, f"SELECT COUNT(*) FROM {table}") == 2
    error = fail(guilty, f"SELECT COUNT(*) FROM {table}")
    assert (error.errno, error.sqlstate) == (1205, "40001"), error


# --- behind the session -----------------------------------------------------------------------------------------------


def _unlocked(cluster, table):
    with cluster.connect(0, database="app") as other:
        run(other, "SET innodb_lock_wait_timeout = 1")
        return not isinstance(attempt(other, f"UPDATE {table} SET value = value WHERE id IN (1, 2)"), SqlError)


def _user_lock_is_free(cluster, name):
    return cluster.query(0, f"SELECT IS_FREE_LOCK('{name}') AS free")[0]["free"] == 1


ENDINGS = {
    "quit": lambda connection: connection.close(),
    "vanish": lambda connection: connection._force_close(),
    "reset": lambda connection: connection._execute_command(0x1F, b"") or connection._read_ok_packet(),
}


@pytest.mark.parametrize("ending", list(ENDINGS))
@pytest.mark.parametrize("first", [
    "INSERT INTO {table} VALUES (3, 'x'), (1, 'x')", "UPDATE {table} SET id = 1 WHERE id = 2",
    "SELECT id, (SELECT 1 UNION SELECT 2) FROM {table} FOR UPDATE"])  # fmt: skip
def test_transaction_that_began_with_an_error_ends_with_its_client(cluster, connect, table, first, ending):
    """An ERR says nothing of transactions. Half of the drivers switch autocommit off."""
    connection = connect()
    run(connection, "SET autocommit = 0")
    fail(connection, first.format(table=table))
    assert not _unlocked(cluster, table)
    ENDINGS[ending](connection)
    wait_until(lambda: _unlocked(cluster, table), 5, "its locks are free")


def test_lock_wait_timeout_as_the_first_statement(cluster, connect, node_connect, table):
    holder = node_connect(0)
    run(holder, "BEGIN")
    run(holder, f"UPDATE {table} SET value = 'held' WHERE id = 2")
    connection = connect()
    run(connection, "SET autocommit = 0, innodb_lock_wait_timeout = 1")
    assert fail(connection, f"SELECT * FROM {table} ORDER BY id FOR UPDATE").errno == 1205
    run(holder, "ROLLBACK")
    connection.close()
    wait_until(lambda: _unlocked(cluster, table), 5, "its locks are free")


def test_begin_and_an_error(cluster, connect, table):
    for begin in ("BEGIN", "START TRANSACTION READ WRITE", "COMMIT AND CHAIN"):
        connection = connect()
        run(connection, begin)
        fail(connection, f"INSERT INTO {table} VALUES (3, 'x'), (1, 'x')")
        connection.close()
        wait_until(lambda: _unlocked(cluster, table), 5, "its locks are free")


def test_prepared_statement_that_fails_first(cluster, proxy, table):
    client = WireClient(proxy.port, accounts.APP, BASIC)
    client.query("SET autocommit=0")
    statement_id = client.prepare(f"INSERT INTO {table} VALUES (3, 'x'), (1, 'x')")[0]
    assert client.execute(statement_id)[0].payload[:1] == b"\xff"
    client.close()
    wait_until(lambda: _unlocked(cluster, table), 5, "its locks are free")


@pytest.mark.parametrize("name", ["begins", "turns_off"])
def test_transaction_of_a_procedure_that_fails_ends_with_its_client(cluster, procedures, connect, table, name):
    connection = connect()
    fail(connection, f"CALL fails_{name}()")
    assert not _unlocked(cluster, table)
    connection.close()
    wait_until(lambda: _unlocked(cluster, table), 5, "its locks are free")


@pytest.mark.parametrize("statement", [
    "SELECT GET_LOCK('left behind', 0), (SELECT 1 UNION SELECT 2)", "CALL fails_locks()", "CALL fails_locks_well()",
    "DO GET_LOCK('left behind', 0)"])  # fmt: skip
@pytest.mark.parametrize("ending", list(ENDINGS))
def test_user_lock_ends_with_its_client(cluster, procedures, connect, statement, ending):
    connection = connect()
    attempt(connection, statement)
    assert not _user_lock_is_free(cluster, "left behind")
    ENDINGS[ending](connection)
    wait_until(lambda: _user_lock_is_free(cluster, "left behind"), 5, "its lock is free")


@pytest.mark.parametrize("statement", ["SELECT takes_lock()", "DO takes_lock()", "SELECT CONCAT(1, app.takes_lock())"])
@pytest.mark.parametrize("ending", list(ENDINGS))
def test_user_lock_of_a_function_ends_with_its_client(cluster, connect, lock_function, statement, ending):
    def holders():
        free = "SELECT IS_FREE_LOCK('left behind') AS free"
        return [node for node in range(3) if cluster.query(node, free)[0]["free"] == 0]

    connection = connect()
    attempt(connection, statement)
    assert len(holders()) == 1
    ENDINGS[ending](connection)
    wait_until(lambda: not holders(), 5, "its lock is free")


@pytest.fixture
def lock_function(cluster):
    cluster.query(0, "CREATE FUNCTION app.takes_lock() RETURNS INT NO SQL RETURN GET_LOCK('left behind', 0)")
    cluster.wait_synced()
    yield
    cluster.query(0, "DROP FUNCTION app.takes_lock")


def test_handler_ends_with_its_client(cluster, connect, table):
    connection = connect()
    run(connection, f"HANDLER {table} OPEN")
    connection.close()
    with cluster.connect(0, database="app") as other:
        run(other, "SET lock_wait_timeout = 5")
        run(other, f"ALTER TABLE {table} COMMENT 'nobody reads it'")


def test_user_lock_of_a_statement_that_failed_is_held_until_released(cluster, start_proxy, connect, table):
    """Others that need connections do not take this one."""
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.aurora_fwd_writer_max_connections_pct": 1})
    holder = connect(to=proxy)
    fail(holder, "SELECT GET_LOCK('left behind', 0), (SELECT 1 UNION SELECT 2)")
    for number in range(3):
        run(connect(to=proxy), f"INSERT INTO {table} VALUES ({number + 10}, 'x')")
    assert not _user_lock_is_free(cluster, "left behind")
    assert one(holder, "SELECT RELEASE_LOCK('left behind')") == 1
