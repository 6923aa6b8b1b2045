"""User variables live on the writer. Triggers and functions set them, and views and functions use them, without a word
of it in the text of a statement."""

import pytest
from conftest import run
from pymysql.constants import CLIENT
from support import GeneralLogs, kill_connections, one, server_of

COM_RESET_CONNECTION = 0x1F

FUNCTIONS = {
    "parameter": "RETURNS INT DETERMINISTIC NO SQL RETURN @parameter",
    "name_of": "RETURNS VARCHAR(30) CHARSET utf8mb4 DETERMINISTIC NO SQL RETURN @name",
    "collation_of": "RETURNS VARCHAR(60) DETERMINISTIC NO SQL RETURN CONCAT(COLLATION(@name), HEX(@name), COALESCE(@number * 2, 'none'))",
    "next_number": "RETURNS INT NO SQL RETURN @i := @i + 1",
    "counts": "RETURNS INT DETERMINISTIC READS SQL DATA BEGIN SET @counted = IFNULL(@counted, 0) + 7; RETURN 1; END",
}  # fmt: skip


@pytest.fixture
def stored(cluster):
    """app.of_<name>() of the FUNCTIONS, the view app.parametric, and app.told with a trigger that sets @last."""

    def run_there(statement):
        cluster.query(0, statement)

    for name, body in FUNCTIONS.items():
        run_there( f"CREATE FUNCTION app.of_{name}() {body}")
    run_there("CREATE TABLE app.parameters (id INT PRIMARY KEY)")
    run_there("INSERT INTO app.parameters VALUES (1), (2), (3), (4)")
    run_there("CREATE VIEW app.parametric AS SELECT id FROM app.parameters WHERE id = app.of_parameter()")
    run_there("CREATE TABLE app.told (id INT PRIMARY KEY AUTO_INCREMENT, value INT)")
    run_there("CREATE TRIGGER app.tells BEFORE INSERT ON app.told FOR EACH ROW SET @last = NEW.value * 10")
    cluster.wait_synced()
    yield
    run_there("DROP TABLE app.told, app.parameters")
    run_there("DROP VIEW app.parametric")
    for name in FUNCTIONS:
        run_there(f"DROP FUNCTION app.of_{name}")


def rows(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


# --- used without being named -----------------------------------------------------------------------------------------


def test_view_with_a_parameter(cluster, stored, connect):
    connection = connect()
    for i in (1, 2, 3, 1):
        run(connection, f"SET @parameter = {i}")
        for _ in range(2):
            assert [row[0] for row in rows(connection, "SELECT id FROM parametric")] == [i]
        assert one(connection, "SELECT @@server_id - 1 FROM parametric") in cluster.replicas()
    run(connection, "SET @parameter = NULL")
    assert rows(connection, "SELECT id FROM parametric") == []
    assert one(connection, "SELECT of_parameter()") is None


def test_it_is_asked_for_once(cluster, stored, connect):
    connection = connect()
    run(connection, "SET @parameter = 1")
    run(connection, "SELECT * FROM parametric")
    with GeneralLogs(cluster) as logs:
        for _ in range(3):
            run(connection, "SELECT * FROM parametric")
            run(connection, "SELECT of_parameter()")
        assert [logs.texts(node, "@parameter") for node in range(3)] == [[], [], []]


def test_types_bytes_and_collations(stored, connect, node_connect):
    """As on one server."""
    connection, bare = connect(), node_connect(0)
    for name, number in (
        ("_latin1 X'E9' COLLATE latin1_bin", "1.50"),
        ("_utf8mb4 X'C3A9' COLLATE utf8mb4_general_ci", "7"),
        ("_binary X'00FF'", "2.5e0"),
        ("''", "NULL"),
    ):
        for there in (connection, bare):
            run(there, f"SET @name = {name}, @number = {number}")
        assert one(connection, "SELECT of_collation_of()") == one(bare, "SELECT of_collation_of()")


@pytest.mark.parametrize("read", [
    "SELECT id FROM parametric", "TABLE parametric", "SELECT of_parameter()", "SHOW TABLES WHERE of_parameter() = 2",
    "WITH c AS (SELECT * FROM parametric) SELECT id FROM c"])  # fmt: skip
def test_each_form_of_read(cluster_kind, stored, connect, read):
    if cluster_kind == "mariadb" and read.startswith("TABLE"):
        read = "VALUES (of_parameter())"
    connection = connect()
    run(connection, "SET @parameter = 2")
    run(connection, "SELECT 1")
    found = rows(connection, read)
    assert found and (read.startswith("SHOW") or found[0][0] == 2)


def test_several_statements_in_a_packet(stored, connect):
    connection = connect(client_flag=CLIENT.MULTI_STATEMENTS)
    run(connection, "SET @parameter = 2")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT id FROM parametric")
        assert cursor.nextset()
        assert cursor.fetchall() == ((2,),)
    run(connection, "SET @parameter = 3; SET @name = 'x'")
    assert one(connection, "SELECT id FROM parametric") == 3
    assert one(connection, "SELECT of_name_of()") == "x"


def test_prepared_text(stored, connect):
    connection = connect()
    run(connection, "PREPARE looks FROM 'SELECT of_parameter()'")
    run(connection, "PREPARE sets FROM 'SET @parameter = ?'")
    for value in (4, 5):
        run(connection, f"SET @given = {value}")
        run(connection, "EXECUTE sets USING @given")
        assert one(connection, "EXECUTE looks") == value


def test_reset(stored, connect):
    connection = connect()
    run(connection, "SET @parameter = 4")
    assert one(connection, "SELECT of_parameter()") == 4
    connection._execute_command(COM_RESET_CONNECTION, b"")
    connection._read_ok_packet()
    assert one(connection, "SELECT of_parameter()") is None


def test_change_behind_a_statement_that_names_none(cluster, stored, connect):
    """A trigger has changed what a view uses then."""
    connection = connect()
    run(connection, "SET @last = 1")
    cluster.query(0, "CREATE FUNCTION app.of_last() RETURNS INT DETERMINISTIC NO SQL RETURN @last")
    try:
        assert one(connection, "SELECT of_last()") == 1
        run(connection, "INSERT INTO told (value) VALUES (5)")
        assert one(connection, "SELECT of_last()") == 50
    finally:
        cluster.query(0, "DROP FUNCTION app.of_last")


def test_function_that_counts_in_one(stored, connect):
    connection = connect()
    for _ in range(2):
        run(connection, "SET @i := 0")
        assert [row[0] for row in rows(connection, "SELECT of_next_number() FROM parameters ORDER BY id LIMIT 3")] == [1, 2, 3]


def test_what_a_read_only_transaction_has_set(stored, connect):
    connection = connect()
    run(connection, "START TRANSACTION READ ONLY")
    run(connection, "SELECT COUNT(*) FROM told")
    run(connection, "SET @parameter = 2")
    assert one(connection, "SELECT id FROM parametric") == 2
    run(connection, "COMMIT")
    for _ in range(2):
        assert one(connection, "SELECT id FROM parametric") == 2
    run(connection, "START TRANSACTION READ ONLY")
    assert one(connection, "SELECT id FROM parametric") == 2
    run(connection, "COMMIT")


def test_many_variables(cluster, stored, connect):
    """More than are brought to replicas: what may use them runs on the writer."""
    connection = connect()
    for i in range(70):
        run(connection, f"SET @v{i} = {i}")
    run(connection, "SET @parameter = 2")
    assert one(connection, "SELECT id FROM parametric") == 2
    assert one(connection, "SELECT @@server_id - 1 FROM parametric") == 0


def test_large_values(stored, connect):
    connection = connect()
    run(connection, "SET @large = REPEAT('x', 100000), @parameter = 2")
    assert one(connection, "SELECT id FROM parametric") == 2


def test_another_replica(cluster, stored, connect, proxy):
    connection = connect()
    run(connection, "SET @parameter = 2")
    first = one(connection, "SELECT @@server_id - 1 FROM parametric")
    kill_connections(cluster, first)
    assert one(connection, "SELECT id FROM parametric") == 2


# --- set without being named ------------------------------------------------------------------------------------------


def test_what_a_trigger_has_set(stored, connect):
    connection = connect()
    run(connection, "SELECT COUNT(*) FROM told")
    run(connection, "INSERT INTO told (value) VALUES (4)")
    assert one(connection, "SELECT @last") == 40
    assert rows(connection, "SELECT @last, COUNT(*) FROM told") == [(40, 1)]
    run(connection, "INSERT INTO told (value) VALUES (@last)")
    assert one(connection, "SELECT @last") == 400


def test_what_a_function_has_set_on_a_replica(cluster, stored, connect):
    connection = connect()
    run(connection, "INSERT INTO told (value) VALUES (4)")
    for n in (7, 14, 21):
        run(connection, "SELECT of_counts()")
        assert one(connection, "SELECT @counted") == n
    run(connection, "INSERT INTO told (value) VALUES (@counted)")
    assert one(connection, "SELECT MAX(value) FROM told") == 21


def test_who_asks_for_such_stays_on_the_writer(cluster, stored, connect):
    connection = connect()
    assert one(connection, "SELECT @counted") is None
    assert server_of(connection) == 0
    run(connection, "SELECT of_counts()")
    assert one(connection, "SELECT @counted") == 7
