"""Nothing that a client does writes to a replica, whatever its account may do: read_only does not stop all of them."""

import pytest
from cluster import accounts
from conftest import run
from support import SqlError, attempt, one, server_of


@pytest.fixture
def function(cluster, table):
    """The name of a function that inserts a row with the id it is given."""
    name = "f_" + table[-30:]
    cluster.query(0, f"DROP FUNCTION IF EXISTS app.{name}")
    cluster.query(0, f"CREATE FUNCTION app.{name}(n INT) RETURNS INT DETERMINISTIC MODIFIES SQL DATA "
                     f"BEGIN INSERT INTO app.{table} VALUES (n, 'written'); RETURN n; END")  # fmt: skip
    cluster.query(0, f"CREATE TABLE app.{table}_2 AS SELECT 1 AS id")
    cluster.wait_synced()
    yield name
    cluster.query(0, f"DROP TABLE app.{table}_2")
    cluster.query(0, f"DROP FUNCTION app.{name}")


def _access_mode(cluster):
    return "transaction_read_only" if cluster.kind == "mysql" else "tx_read_only"


def _written(cluster, table):
    """The ids that each node has, once the replicas have what the writer has."""
    cluster.wait_synced()
    return [[row["id"] for row in cluster.query(node, f"SELECT id FROM app.{table} WHERE id > 2 ORDER BY id")] for node in range(3)]


WAYS = [
    "SELECT {f}(3)",
    "SELECT {f}(3) FROM {t}_2 WHERE id = 1",
    "SELECT @@{ro}, {f}(3)",
    "SELECT 1; SELECT {f}(3)",
    "PREPARE p FROM 'SELECT {f}(3)'; EXECUTE p",
    "SET SESSION TRANSACTION READ WRITE; SELECT {f}(3)",
    "SET SESSION {ro} = 0; SELECT {f}(3)",
    "SET {ro} = 0; SELECT {f}(3)",
    "SET @@{ro} = 0; SELECT {f}(3)",
    "SET TRANSACTION READ WRITE; SELECT {f}(3)",
    "SELECT @@{ro}; SELECT {f}(3)",
    "SHOW VARIABLES LIKE '%read_only'; SELECT {f}(3)",
    "SET sql_select_limit = {f}(3)",
    "SET @a = {f}(3)",
    "SELECT * FROM (SELECT {f}(3)) AS t",
    "SET SESSION TRANSACTION READ ONLY; SELECT 1; SET SESSION TRANSACTION READ WRITE; SELECT {f}(3)",
    "/* causeway: route=replica */ SELECT {f}(3)",
    "/* causeway: route=replica */ SELECT {f}(3) FROM {t}_2 WHERE id = 1 FOR UPDATE",
    "EXPLAIN SELECT 1; DO {f}(3)",
]


@pytest.mark.parametrize("account", [accounts.APP, accounts.ADMIN], ids=["app", "admin"])
def test_a_function_that_writes_writes_on_the_writer(cluster, connect, table, function, account):
    connection = connect(account=account)
    for way in WAYS:
        cluster.query(0, f"DELETE FROM app.{table} WHERE id > 2")
        cluster.wait_synced()
        for statement in way.replace("{f}", function).replace("{t}", table).replace("{ro}", _access_mode(cluster)).split("; "):
            answer = attempt(connection, statement)
            assert not isinstance(answer, SqlError), (way, statement, answer)
        assert _written(cluster, table) == [[3], [3], [3]], way


def test_read_only_transactions_are(cluster, connect, table, function):
    connection = connect(account=accounts.ADMIN)
    for begin in ("START TRANSACTION READ ONLY", "SET TRANSACTION READ ONLY; BEGIN", "SET SESSION TRANSACTION READ ONLY; BEGIN"):
        for statement in begin.split("; "):
            run(connection, statement)
        assert server_of(connection) in (1, 2)
        assert attempt(connection, f"SELECT {function}(3)").errno == 1792
        assert attempt(connection, f"INSERT INTO {table} VALUES (3, 'x')").errno == 1792
        run(connection, "ROLLBACK")
    assert _written(cluster, table) == [[], [], []]


def test_sessions_that_do_not_forward(cluster, connect, table, function):
    connection = connect(account=accounts.ADMIN, level="")
    ro = _access_mode(cluster)
    for story in (f"SELECT {function}(3)", f"START TRANSACTION READ WRITE; SELECT {function}(3)", f"BEGIN; SELECT {function}(3)",
                  f"SET SESSION TRANSACTION READ WRITE; SELECT {function}(3)", f"SET TRANSACTION READ WRITE; SELECT {function}(3)",
                  f"SET @@{ro} = 0; SELECT {function}(3)", f"SET autocommit = 0; SELECT {function}(3)", f"SELECT @@{ro}; SELECT {function}(3)",
                  f"PREPARE p FROM 'SELECT {function}(3)'; EXECUTE p", f"INSERT INTO {table} VALUES (3, 'x')",
                  f"PREPARE p FROM 'INSERT INTO {table} VALUES (3, 4)'; EXECUTE p", f"DO {function}(3)"):  # fmt: skip
        answers = [attempt(connection, statement) for statement in story.split("; ")]
        assert isinstance(answers[-1], SqlError) and answers[-1].errno in (1290, 1792), (story, answers)
        run(connection, "ROLLBACK")
        run(connection, "SET autocommit = 1")
    assert attempt(connection, f"SELECT {function}(3)").errno == 1290
    assert _written(cluster, table) == [[], [], []]
    # Its own temporary tables, and read locks, are its own affair.
    run(connection, "CREATE TEMPORARY TABLE own (id INT)")
    run(connection, "INSERT INTO own VALUES (1)")
    assert one(connection, "SELECT COUNT(*) FROM own") == 1
    answer = attempt(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert isinstance(answer, SqlError) and answer.errno == 1290, answer
    run(connection, "DROP TEMPORARY TABLE own")
    assert attempt(connection, f"SELECT * FROM {table} WHERE id = 1 FOR UPDATE").errno == 1290
    assert len(run(connection, f"SELECT * FROM {table} WHERE id = 1 LOCK IN SHARE MODE")) == 1
    run(connection, f"LOCK TABLES {table} READ")
    run(connection, "UNLOCK TABLES")
    assert attempt(connection, f"SELECT {function}(3)").errno == 1290
    assert _written(cluster, table) == [[], [], []]


def test_the_variable_is_the_sessions_own(cluster, connect, table):
    ro = _access_mode(cluster)
    for level in ("SESSION", ""):
        connection = connect(level=level)
        tables = {"mysql": "performance_schema.session_variables", "mariadb": "information_schema.session_variables"}[cluster.kind]
        questions = {f"SELECT @@{ro}": 0, f"SELECT @@SESSION.{ro}": 0, f"SELECT @@session.`{ro}`": 0,
                     f"SELECT variable_value FROM {tables} WHERE variable_name = '{ro}'": "OFF"}  # fmt: skip
        for _ in range(2):
            assert run(connection, f"SELECT value FROM {table} WHERE id = 1") == (("one",),)
            for question, expected in questions.items():
                assert str(one(connection, question)) == str(expected), question
            assert run(connection, f"SHOW VARIABLES LIKE '{ro}'")[0][1] == "OFF"
        run(connection, "SET SESSION TRANSACTION READ ONLY")
        assert one(connection, f"SELECT @@{ro}") == 1
        assert run(connection, f"SHOW VARIABLES LIKE '{ro}'")[0][1] == "ON"
        run(connection, "SET SESSION TRANSACTION READ WRITE")
        assert one(connection, f"SELECT @@{ro}") == 0


@pytest.mark.parametrize("promoted", [1])
def test_a_promoted_replica_takes_writes_on_connections_that_read(own_cluster, start_proxy, connect, promoted):
    cluster = own_cluster(replicas=1)
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    cluster.wait_synced()
    connection = connect(to=start_proxy(cluster))
    assert server_of(connection) == 1
    cluster.promote(promoted)
    run(connection, "INSERT INTO t VALUES (1)")
    run(connection, "BEGIN")
    run(connection, "INSERT INTO t VALUES (2)")
    run(connection, "COMMIT")
    assert [row["id"] for row in cluster.query(promoted, "SELECT id FROM app.t ORDER BY id")] == [1, 2]


SEVERAL = [
    "SELECT {f}(3); SELECT 2", "SELECT 1; SELECT {f}(3)", "SELECT 1; SELECT {f}(3); SELECT 2", "SELECT * FROM {t}_2; SELECT {f}(3) FROM {t}_2",
    "SELECT {f}(3); DELETE FROM {t} WHERE id = 4", "SET @a = 1; SELECT {f}(3); SELECT @a",
]  # fmt: skip


@pytest.mark.parametrize("account", [accounts.APP, accounts.ADMIN], ids=["app", "admin"])
def test_a_function_among_several_statements_writes_on_the_writer(cluster, connect, table, function, account):
    connection = connect(account=account, client_flag=1 << 16)
    for packet in SEVERAL:
        cluster.query(0, f"DELETE FROM app.{table} WHERE id > 2")
        with connection.cursor() as cursor:
            cursor.execute(packet.format(f=function, t=table))
            while cursor.nextset():
                pass
        assert _written(cluster, table) == [[3]] * 3, packet
