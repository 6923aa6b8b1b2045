"""User variables live on the writer. Triggers and functions set them, and views and functions use them, without a word
of it in the text of a statement."""

import pytest
import wire_client
from cluster import accounts
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
    "context": "RETURNS INT NO SQL BEGIN SET @who = IFNULL(@who, 0) + 5; RETURN 1; END",
    "context_by_procedure": "RETURNS INT NO SQL BEGIN CALL app.sets_who(3); RETURN @who; END",
    "setting": "RETURNS INT NO SQL BEGIN SET @@session.group_concat_max_len = 77; RETURN 1; END",
    "last_insert": "RETURNS INT NO SQL RETURN LAST_INSERT_ID()",
    "attempt": "RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION RETURN -1; INSERT INTO app.audited (value) VALUES (9); RETURN 1; END",
}  # fmt: skip


@pytest.fixture
def stored(cluster):
    """app.of_<name>() of the FUNCTIONS, the view app.parametric, app.told with a trigger that sets @last, and app.audited with
    one that uses @who and @i."""

    def run_there(statement):
        cluster.query(0, statement)

    run_there("CREATE PROCEDURE app.sets_who(value INT) SET @who = value")
    run_there("CREATE TABLE app.audited (id INT PRIMARY KEY AUTO_INCREMENT, value INT, who INT, i INT)")
    for name, body in FUNCTIONS.items():
        run_there(f"CREATE FUNCTION app.of_{name}() {body}")
    run_there("CREATE TABLE app.parameters (id INT PRIMARY KEY)")
    run_there("INSERT INTO app.parameters VALUES (1), (2), (3), (4)")
    run_there("CREATE VIEW app.parametric AS SELECT id FROM app.parameters WHERE id = app.of_parameter()")
    run_there("CREATE TABLE app.told (id INT PRIMARY KEY AUTO_INCREMENT, value INT)")
    run_there("CREATE TRIGGER app.tells BEFORE INSERT ON app.told FOR EACH ROW SET @last = NEW.value * 10")
    run_there("CREATE TRIGGER app.audits BEFORE INSERT ON app.audited FOR EACH ROW SET NEW.who = @who, NEW.i = @i")
    cluster.wait_synced()
    yield
    run_there("DROP TABLE app.told, app.parameters, app.audited")
    run_there("DROP PROCEDURE app.sets_who")
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


def test_large_values(cluster, stored, connect):
    connection = connect()
    run(connection, "SET @large = REPEAT('x', 100000), @parameter = 2")
    assert one(connection, "SELECT id FROM parametric") == 2
    with GeneralLogs(cluster) as logs:
        for i in (3, 4):
            run(connection, f"SET @parameter = {i}")
            assert one(connection, "SELECT id FROM parametric") == i
        assert not logs.texts(0, "HEX(@large)")  # that would take as long each time
    run(connection, "SET @new = 1")
    assert one(connection, "SELECT @new") == 1
    assert server_of(connection) in cluster.replicas()


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


# What functions leave on a replica. INSERT stands for an INSERT INTO audited, whose trigger tells what it has seen.
INSERT = "INSERT INTO audited (value) VALUES (1)"
SEEN = "SELECT who, i FROM audited ORDER BY id"
STORIES = [
    ["SET @i = 0", "SELECT of_next_number()", "SELECT @i"],
    ["SET @i = 0", "SELECT of_next_number() FROM parameters", "SELECT @i"],
    ["SET @i = 0", "SELECT of_next_number()", "SET @x = @i + 1", "SELECT @x"],
    ["SET @i = 0", "SELECT of_next_number()", "SET @i = 5", "SELECT @i", "SELECT of_next_number()"],
    ["SET @i = 0", "SELECT of_next_number()", "SELECT 7 INTO @i", "SELECT @i"],
    ["SET @i = 0", "SELECT of_next_number()", INSERT, SEEN],
    ["SET @i = 0", "SELECT of_next_number()", "CALL sets_who(1)", INSERT, SEEN],
    ["SET @i = 0", "SELECT of_next_number()", "INSERT INTO audited (value) VALUES (@i); INSERT INTO audited (value) VALUES (@i + 1)", "SELECT value FROM audited"],
    ["SET @i = 0", "PREPARE p FROM 'SELECT ?'", "SELECT of_next_number()", "EXECUTE p USING @i"],
    ["SET @i = 0, @last = 3", "SELECT of_next_number() FROM parameters", "INSERT INTO told (value) VALUES (4)", "SELECT @last, @i"],
    ["SET @i = 0, @j = 1", "SELECT of_next_number()", "SET @x = @j", "SELECT of_parameter()", "SELECT of_next_number()", "SELECT @i"],
    ["SELECT of_context()", "SET @x = @who", "SELECT @x"],
    ["SELECT of_context()", "PREPARE p FROM 'SELECT ?'", "EXECUTE p USING @who"],
    ["SELECT of_context() FROM parameters", "SELECT @who"],
    ["SELECT of_context()", INSERT, SEEN, "SELECT of_context()", INSERT, SEEN],
    ["SELECT of_context()", "SELECT 1", "SELECT app.of_context()", "SELECT `of_context`()", INSERT, SEEN],
    ["SELECT of_context()", "SET sql_mode = ''", INSERT, SEEN],
    ["SELECT of_context()", "USE app", INSERT, SEEN],
    ["SELECT of_context()", "BEGIN", INSERT, "COMMIT", SEEN],
    ["SELECT of_context()", "USE sbtest", "INSERT INTO app.audited (value) VALUES (1)", "SELECT who FROM app.audited"],
    ["SELECT of_context()", "SET sql_select_limit = 0", INSERT, "SET sql_select_limit = DEFAULT", SEEN],
    ["SET @i = 0", "SELECT of_next_number()", "START TRANSACTION READ ONLY", "SELECT of_next_number() FROM parameters", "COMMIT"],
    ["SET @i = 0, @j = 1", "SELECT of_next_number()", "BEGIN", "SELECT @j", "SELECT of_next_number()", "COMMIT", "SELECT @i"],
    ["SELECT of_context()", "INSERT INTO audited (value) VALUES (1); INSERT INTO audited (value) VALUES (2)", SEEN],
    ["INSERT INTO told (value) VALUES (1)", "SELECT of_context()", "SELECT of_context()", INSERT, SEEN],
    ["START TRANSACTION READ ONLY", "SELECT of_context()", "SELECT of_context()", "COMMIT", INSERT, SEEN],
    ["PREPARE p FROM 'SELECT of_context()'", "EXECUTE p", INSERT, SEEN],
    ["SELECT of_context_by_procedure()", INSERT, SEEN],
    ["SELECT of_context()", "SET @i = 1", "SELECT of_context()", "SELECT @who"],
    ["SELECT of_context()", "CALL sets_who(3)", "SELECT @who", "SELECT of_context()", "SELECT @who"],
    ["DO of_context()", "SELECT of_context()", INSERT, SEEN],
    ["DO of_context()", "SELECT of_context() FROM parameters LIMIT 1", INSERT, SEEN],
    ["START TRANSACTION READ ONLY", "SELECT COUNT(*) FROM told", "DO of_context()", "COMMIT", INSERT, SEEN],
    ["INSERT INTO told (value) VALUES (@i); CALL sets_who(4)", "SELECT of_context() FROM parameters LIMIT 1", "SELECT @who"],
    ["SELECT of_context()", "CALL sets_who(@who + 1)", INSERT, SEEN],
    ["SELECT of_setting()", "SELECT @@group_concat_max_len FROM parameters LIMIT 1 FOR UPDATE"],
    ["INSERT INTO told (value) VALUES (1)", "SELECT of_last_insert()", "SELECT LAST_INSERT_ID()"],
    ["INSERT INTO told (id, value) VALUES (70, 1)", "SELECT of_last_insert()"],
    ["SELECT of_attempt()", "SHOW WARNINGS", "SELECT value FROM audited"],
    [*["SELECT of_context()"] * 70, INSERT, SEEN],
]  # fmt: skip


@pytest.mark.parametrize("deprecate_eof", [False, True], ids=["eof", "ok"])
def test_what_functions_leave_behind(cluster, stored, proxy, deprecate_eof):
    """As on one server, whether or not the client's packets have room for a report of it."""
    options = wire_client.BASIC | wire_client.MULTI_STATEMENTS | wire_client.MULTI_RESULTS
    options |= wire_client.DEPRECATE_EOF if deprecate_eof else 0

    def told(port, story):
        for table in ("told", "audited"):
            cluster.query(0, f"TRUNCATE TABLE app.{table}")
        with wire_client.WireClient(port, accounts.APP, options) as client:
            client.query("USE app")
            return [(step, [p.payload for p in client.query(step) if p.payload[0] not in (0, 0xFE) and p.payload[1:4] != b"def"])
                    for step in story]  # fmt: skip

    for story in STORIES:
        assert told(proxy.port, story) == told(cluster.servers[0].port, story)


def test_call_with_a_parameter_is_not_repeated(stored, proxy):
    """What it has set is brought by name."""
    with wire_client.WireClient(proxy.port, accounts.APP, wire_client.BASIC | wire_client.DEPRECATE_EOF) as client:
        client.query("USE app")
        client.query("SET @who = 1, @i = 2")
        statement, _ = client.prepare("SELECT of_context() + ?")
        client.execute(statement, [wire_client.Parameter(8, (1).to_bytes(8, "little"))])
        assert [p.payload for p in client.query("SELECT @i")][2] == b"\x012"
        assert [p.payload for p in client.query("SELECT @who")][2] == b"\x016"


def test_pinned_by_what_a_function_has_left(cluster, stored, connect):
    """Until it leaves something, it is a read like others."""
    connection = connect()
    run(connection, "SET @parameter = 1")
    run(connection, "SELECT of_parameter()")
    run(connection, "INSERT INTO told (value) VALUES (4)")
    assert server_of(connection) in cluster.replicas()
    run(connection, "SELECT of_context()")
    run(connection, "INSERT INTO told (value) VALUES (4)")
    assert server_of(connection) == 0


def test_functions_of_the_server_cost_nothing(cluster, stored, connect):
    connection = connect()
    run(connection, "INSERT INTO told (value) VALUES (4)")
    run(connection, "SET @i = 1")
    run(connection, "SELECT COUNT(*) FROM parameters")
    with GeneralLogs(cluster) as logs:
        for statement in ("SELECT NOW(), CONCAT('a', 'b')", "SELECT UPPER(DATABASE())", "SELECT 1 IN (1, 2)"):
            run(connection, statement)
        texts = [text for node in range(3) for text in logs.texts_of_sessions(node)]
        assert not [text for text in texts if "@i" in text or "session_track" in text or "last_insert_id" in text.lower()]
