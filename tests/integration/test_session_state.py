"""docs/contract/session.md: the client sees one session, whichever server a statement runs on, and nothing of it in the next one."""

import pytest
from cluster import accounts
from conftest import run
from support import SqlError, attempt, kill_connections, one, server_of
from wire_client import BASIC, CONNECT_WITH_DB, ConnectionLost, WireClient

WRITER = "/* causeway: route=writer */ "


def _both(connection, expression):
    """The values of an expression on a replica and on the writer, in this session."""
    return one(connection, f"SELECT {expression}"), one(connection, f"{WRITER}SELECT {expression}")


# --- schema -----------------------------------------------------------------------------------------------------------


def test_schema_is_the_same_on_both(cluster, proxy, connect):
    connection = connect()
    assert _both(connection, "DATABASE()") == ("app", "app")
    run(connection, "USE sbtest")
    assert _both(connection, "DATABASE()") == ("sbtest", "sbtest")
    connection.select_db("app")  # COM_INIT_DB
    assert _both(connection, "DATABASE()") == ("app", "app")
    run(connection, f"{WRITER}USE sbtest")
    assert _both(connection, "DATABASE()") == ("sbtest", "sbtest")


def test_no_schema_at_first(proxy, connect):
    connection = connect(database=None)
    assert _both(connection, "DATABASE()") == (None, None)
    assert attempt(connection, "SELECT * FROM t").errno == 1046
    run(connection, "USE app")
    assert _both(connection, "DATABASE()") == ("app", "app")


def test_no_schema_where_another_session_had_one(cluster, start_proxy, connect):
    """Few connections to the writer: the next session gets what was left, and there is no command to leave a schema."""
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.aurora_fwd_writer_max_connections_pct": 1})
    for _ in range(2):
        soiled = [connect(to=proxy) for _ in range(2)]
        for connection in soiled:
            assert _both(connection, "DATABASE()") == ("app", "app")
            connection.close()
        connection = connect(to=proxy, database=None)
        assert _both(connection, "DATABASE()") == (None, None)
        assert attempt(connection, f"{WRITER}SELECT * FROM nowhere").errno == 1046
        connection.close()


def test_schema_that_is_dropped_is_left(cluster, connect):
    connection = connect(account=accounts.ADMIN)
    run(connection, "CREATE DATABASE dropped_schema")
    run(connection, "USE dropped_schema")
    assert _both(connection, "DATABASE()") == ("dropped_schema", "dropped_schema")
    run(connection, "DROP DATABASE dropped_schema")
    assert _both(connection, "DATABASE()") == (None, None)


def test_unknown_schema(proxy, connect):
    with pytest.raises(Exception, match="1049|1044"):
        connect(database="no_such_schema")
    connection = connect()
    for statement in ("USE no_such_schema", f"{WRITER}USE no_such_schema"):
        answer = attempt(connection, statement)
        assert isinstance(answer, SqlError) and answer.errno in (1049, 1044)
    with pytest.raises(Exception, match="1049|1044"):
        connection.select_db("no_such_schema")
    assert _both(connection, "DATABASE()") == ("app", "app")


def test_schema_made_by_the_session_is_used_at_once(cluster, proxy, connect):
    connection = connect()
    cluster.query(0, "DROP DATABASE IF EXISTS sbtest2")
    cluster.query(0, "GRANT ALL ON sbtest2.* TO app@'%'")
    cluster.wait_synced()
    with cluster.replication_stopped():
        run(connection, "CREATE DATABASE sbtest2")
        run(connection, "USE sbtest2")
        assert one(connection, f"{WRITER}SELECT DATABASE()") == "sbtest2"
    cluster.wait_synced()
    assert _both(connection, "DATABASE()") == ("sbtest2", "sbtest2")
    run(connection, "DROP DATABASE sbtest2")
    assert one(connection, f"{WRITER}SELECT DATABASE()") is None


@pytest.mark.parametrize("left_over", [False, True], ids=["alone", "connections in another schema are left"])
def test_a_schema_that_somebody_else_has_dropped_leaves_the_session_usable(cluster, start_proxy, connect, table, left_over):
    """As on a server, where only what is looked for in the schema is not found; on whatever connection it is then."""
    proxy = start_proxy(cluster, {"workers": "1", "limits.max_server_connections": "1"} if left_over else {"workers": "1"})
    cluster.query(0, "DROP DATABASE IF EXISTS gone")
    cluster.query(0, "CREATE DATABASE gone")
    cluster.wait_synced()
    connection = connect(to=proxy, account=accounts.ADMIN, database="gone", level="SESSION")
    assert _both(connection, "DATABASE()") == ("gone", "gone")
    cluster.query(0, "DROP DATABASE gone")
    cluster.wait_synced()
    kill_connections(cluster, 0, 1, 2, user=accounts.ADMIN.name)
    if left_over:
        other = connect(to=proxy, account=accounts.ADMIN)
        assert _both(other, "DATABASE()") == ("app", "app")
        other.close()
    unknown = SqlError(1049, "42000", "Unknown database 'gone'")
    for statement in (f"SELECT value FROM {table}", f"{WRITER}SELECT value FROM {table}", f"INSERT INTO {table} VALUES (3, 'x')", "CREATE TABLE t (a INT)"):
        assert attempt(connection, statement) == unknown, statement
    assert _both(connection, "1") == (1, 1)
    run(connection, f"INSERT INTO app.{table} VALUES (4, 'by its whole name')")
    assert one(connection, f"SELECT value FROM app.{table} WHERE id = 4") == "by its whole name"
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO app.{table} VALUES (5, 'in a transaction')")
    assert attempt(connection, f"INSERT INTO {table} VALUES (6, 'x')") == unknown
    run(connection, "COMMIT")
    assert one(connection, f"SELECT COUNT(*) FROM app.{table}") == 4
    run(connection, f"PREPARE p FROM 'SELECT COUNT(*) FROM app.{table}'")
    assert one(connection, "EXECUTE p") == 4
    run(connection, "SET @a = 7")
    assert one(connection, "SELECT @a") == 7
    run(connection, "USE app")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 4
    connection.close()


def test_a_schema_that_is_there_again_is_used_again(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"workers": "1"})
    cluster.query(0, "DROP DATABASE IF EXISTS gone")
    cluster.query(0, "CREATE DATABASE gone")
    cluster.wait_synced()
    connection = connect(to=proxy, account=accounts.ADMIN, database="gone", level="SESSION")
    cluster.query(0, "DROP DATABASE gone")
    cluster.wait_synced()
    kill_connections(cluster, 0, 1, 2, user=accounts.ADMIN.name)
    assert one(connection, "SELECT 1") == 1
    run(connection, "CREATE DATABASE gone")
    run(connection, "CREATE TABLE t (a INT)")
    run(connection, "INSERT INTO t VALUES (1)")
    assert one(connection, "SELECT a FROM t") == 1
    assert _both(connection, "DATABASE()") == ("gone", "gone")
    run(connection, "DROP DATABASE gone")
    cluster.wait_synced()


# --- variables --------------------------------------------------------------------------------------------------------

VARIABLES = [
    ("SET NAMES latin1", "CONCAT_WS(',', @@character_set_client, @@character_set_connection, @@character_set_results)", "latin1,latin1,latin1"),
    ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "@@collation_connection", "utf8mb4_bin"),
    ("SET character_set_results = NULL", "@@character_set_results", None),
    ("SET time_zone = '+03:00'", "@@time_zone", "+03:00"),
    ("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "@@sql_mode", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"),
    ("SET sql_mode = ''", "@@sql_mode", ""),
    ("SET SESSION sort_buffer_size = 300000", "@@sort_buffer_size", 300000),
    ("SET @@session.group_concat_max_len = 5000", "@@group_concat_max_len", 5000),
    ("SET foreign_key_checks = 0, unique_checks = OFF", "@@foreign_key_checks + @@unique_checks", 0),
    ("SET sql_safe_updates = 1", "@@sql_safe_updates", 1),
    ("SET lc_time_names = 'de_DE'", "DATE_FORMAT('2024-01-01', '%W')", "Montag"),
    ("SET sql_select_limit = 7", "@@sql_select_limit", 7),
    ("SET div_precision_increment = 9", "1/3", None),
    ("SET wait_timeout = 1234", "@@wait_timeout", 1234),
]  # fmt: skip


@pytest.mark.parametrize("leg", ["replica", "writer"])
def test_variables_set_on_one_server_are_seen_on_the_other(cluster, proxy, connect, leg):
    wrong = []
    for statement, expression, expected in VARIABLES:
        connection = connect()
        server_of(connection)
        one(connection, f"{WRITER}SELECT 1")
        run(connection, (WRITER if leg == "writer" else "") + statement)
        found = _both(connection, expression)
        if found[0] != found[1] or (expected is not None and found[0] != expected):
            wrong.append(f"{statement}: {found}")
        connection.close()
    assert not wrong, "\n".join(wrong)


def test_isolation_level_is_the_same_on_both(cluster_kind, proxy, connect):
    name = "tx_isolation" if cluster_kind == "mariadb" else "transaction_isolation"
    connection = connect()
    run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    assert _both(connection, f"@@{name}") == ("READ-COMMITTED", "READ-COMMITTED")
    run(connection, f"SET SESSION {name} = 'SERIALIZABLE'")
    assert _both(connection, f"@@{name}") == ("SERIALIZABLE", "SERIALIZABLE")


def test_wrong_assignments_are_the_servers_own_errors(proxy, connect):
    connection = connect()
    for statement, errno in (
        ("SET no_such_variable = 1", 1193),
        ("SET sql_mode = 'NO_SUCH_MODE'", 1231),
        ("SET NAMES no_such_charset", 1115),
        ("SET time_zone = 'Nowhere'", 1298),
    ):
        assert attempt(connection, statement).errno == errno, statement
    assert server_of(connection) in (1, 2)


def test_sql_mode_changes_how_the_next_statement_is_understood(connect, table):
    connection = connect()
    # ANSI_QUOTES: what stands in double quotes is a name.
    run(connection, "SET sql_mode = 'ANSI_QUOTES'")
    assert run(connection, f'SELECT "id" FROM {table} WHERE id = 1') == ((1,),)
    assert one(connection, f'SELECT @@server_id AS "a\'b" FROM {table} WHERE id = 1 FOR UPDATE') == 1
    # NO_BACKSLASH_ESCAPES: the backslash ends no string early, so FOR UPDATE is a clause here and text there.
    run(connection, "SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert run(connection, f"SELECT '\\', @@server_id FROM {table} WHERE id = 1 FOR UPDATE")[0] == ("\\", 1)
    run(connection, "SET sql_mode = ''")
    answer = run(connection, f"SELECT '\\' FROM {table} FOR UPDATE', @@server_id FROM {table} WHERE id = 1")[0]
    assert answer[0] == f"' FROM {table} FOR UPDATE" and answer[1] in (2, 3)


def test_global_sql_mode_counts_for_new_sessions(cluster, proxy, connect, table):
    before = [cluster.query(node, "SELECT @@global.sql_mode AS m")[0]["m"] for node in range(3)]
    try:
        for node in range(3):
            cluster.query(node, "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'")
        connection = connect()
        assert run(connection, f"SELECT '\\', @@server_id FROM {table} WHERE id = 1 FOR UPDATE")[0] == ("\\", 1)
    finally:
        for node in range(3):
            cluster.query(node, "SET GLOBAL sql_mode = %s", (before[node],))


# --- user variables ---------------------------------------------------------------------------------------------------


def test_user_variables_are_carried_over(connect, table):
    connection = connect()
    run(connection, "SET @n = 42, @s = 'it''s', @d = 1.50, @x = NULL")
    expected = ((42, "it's", "1.50", None),)
    expression = "@n, @s, CAST(@d AS CHAR), @x"
    assert run(connection, f"SELECT {expression}") == expected
    assert run(connection, f"{WRITER}SELECT {expression}") == expected
    run(connection, f"INSERT INTO {table} VALUES (@n, @s)")
    assert run(connection, f"SELECT value FROM {table} WHERE id = @n") == (("it's",),)
    run(connection, f"SELECT COUNT(*) INTO @count FROM {table}")
    assert one(connection, "SELECT @count") == 3
    assert run(connection, "SELECT @r := 5") == ((5,),)
    assert one(connection, "SELECT @r + 1") == 6
    run(connection, "SET @n = @n + 1")
    assert one(connection, "SELECT @n") == 43


def test_user_variable_of_a_read_only_transaction_in_the_next_packet(connect, table):
    connection = connect(client_flag=1 << 16)
    for statement in ("START TRANSACTION READ ONLY", f"SELECT COUNT(*) FROM {table}", "SET @n = 5", "COMMIT"):
        run(connection, statement)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (@n, 'x'); INSERT INTO {table} VALUES (@n + 1, 'y')")
        while cursor.nextset():
            pass
    assert run(connection, f"SELECT id FROM {table} WHERE id > 2 ORDER BY id") == ((5,), (6,))


def test_user_variables_of_sessions_that_do_not_forward(cluster, start_proxy, connect):
    """They live on the replica, whoever else wants a connection there, and come along when the session forwards again."""
    proxy = start_proxy(cluster, {"workers": 1, "limits.max_server_connections": 2})
    holders = [connect(to=proxy, level="") for _ in range(2)]
    others = [connect(to=proxy, level="") for _ in range(4)]
    for number, connection in enumerate(holders):
        run(connection, f"SET @a = {number}")
    for connection in others:
        attempt(connection, "SELECT 1")
    for number, connection in enumerate(holders):
        assert one(connection, "SELECT @a") == number
        run(connection, "SET aurora_replica_read_consistency = 'SESSION'")
        assert one(connection, "SELECT @a") == number
        assert one(connection, f"{WRITER}SELECT @a") == number


def test_a_hint_does_not_take_user_variables_away(connect, table):
    connection = connect()
    run(connection, "/* causeway: route=replica */ SELECT @a := 4")
    run(connection, f"INSERT INTO {table} VALUES (@a, 'x')")
    assert one(connection, "/* causeway: route=replica */ SELECT @a") == 4
    assert run(connection, f"/* causeway: route=replica */ SELECT id FROM {table} WHERE id >= @a") == ((4,),)


# --- what speaks of the last statement --------------------------------------------------------------------------------


@pytest.fixture
def counted(cluster, table):
    cluster.query(0, f"CREATE TABLE app.{table}_auto (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(3)) AUTO_INCREMENT = 50")
    cluster.wait_synced()
    yield f"{table}_auto"
    cluster.query(0, f"DROP TABLE app.{table}_auto")


def test_last_insert_id(connect, counted):
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {counted} (v) VALUES ('a')")
        assert cursor.lastrowid == 50
    assert one(connection, "SELECT LAST_INSERT_ID()") == 50
    assert one(connection, "SELECT 1") == 1
    assert one(connection, "SELECT LAST_INSERT_ID()") == 50
    assert one(connection, "SELECT @@identity") == 50
    assert one(connection, f"{WRITER}SELECT LAST_INSERT_ID()") == 50
    assert run(connection, f"SELECT id FROM {counted} WHERE id = LAST_INSERT_ID()") == ((50,),)
    run(connection, f"INSERT INTO {counted} (v) SELECT LAST_INSERT_ID()")
    assert run(connection, f"SELECT v FROM {counted} WHERE id = 51") == (("50",),)


def test_last_insert_id_is_not_changed_by_a_key_that_was_given(connect, counted):
    connection = connect()
    run(connection, f"INSERT INTO {counted} (id, v) VALUES (70, 'a')")
    assert one(connection, "SELECT LAST_INSERT_ID()") == 0
    run(connection, f"INSERT INTO {counted} (v) VALUES ('b')")
    run(connection, f"REPLACE INTO {counted} (id, v) VALUES (90, 'c')")
    assert one(connection, "SELECT LAST_INSERT_ID()") == 71


def test_last_insert_id_that_was_set(connect, counted):
    connection = connect()
    run(connection, "DO LAST_INSERT_ID(4)")
    assert one(connection, "SELECT LAST_INSERT_ID()") == 4
    run(connection, f"INSERT INTO {counted} (id, v) VALUES (1, 'a')")
    run(connection, f"UPDATE {counted} SET v = LAST_INSERT_ID(id + 10) WHERE id = 1")
    assert one(connection, "SELECT LAST_INSERT_ID()") == 11


# {t}: an empty table whose next key is 50.
INSERT_IDS = [
    "INSERT INTO {t} (v) VALUES ('a'); SET last_insert_id = 5",
    "INSERT INTO {t} (v) VALUES ('a'); SET @@last_insert_id = 5",
    "INSERT INTO {t} (v) VALUES ('a'); SET @@session.identity = 5",
    "INSERT INTO {t} (v) VALUES ('a'); SELECT LAST_INSERT_ID(); SET last_insert_id = 5; SET last_insert_id = 6",
    "INSERT INTO {t} (v) VALUES ('a'); SET last_insert_id = 0",
    "SET last_insert_id = 5; INSERT INTO {t} (v) VALUES ('a')",
    "SELECT LAST_INSERT_ID(5)",
    "SELECT LAST_INSERT_ID( 5 ) + 1 FROM {t} RIGHT JOIN (SELECT 1) AS one ON TRUE",
    "PREPARE p FROM 'SELECT LAST_INSERT_ID(?)'; SET @five = 5; EXECUTE p USING @five",
    "INSERT INTO {t} (v) VALUES ('a'); SELECT LAST_INSERT_ID(5); SELECT 1",
    "INSERT INTO {t} (id, v) VALUES (3, 'a') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id); "
    "INSERT INTO {t} (id, v) VALUES (3, 'a') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)",
]  # fmt: skip
RETURNING = ["INSERT INTO {t} (v) VALUES ('a'), ('b') RETURNING id", "REPLACE INTO {t} (v) VALUES ('a') RETURNING id, v"]


def test_last_insert_id_is_as_on_a_server(cluster, connect, counted):
    differences = []
    stories = INSERT_IDS + (RETURNING if cluster.kind == "mariadb" else [])
    for story in stories:
        answers = []
        for open_session in (connect, lambda: cluster.connect(0, accounts.APP, database="app")):
            connection = open_session()
            run(connection, f"TRUNCATE {counted}")
            run(connection, f"ALTER TABLE {counted} AUTO_INCREMENT = 50")
            for statement in story.split("; "):
                run(connection, statement.format(t=counted))
            answer = [run(connection, "SELECT LAST_INSERT_ID(), @@last_insert_id, @@identity")]
            run(connection, f"INSERT INTO {counted} (id, v) VALUES (200, LAST_INSERT_ID())")
            answers.append([*answer, run(connection, f"SELECT v FROM {counted} WHERE id = 200")])
            connection.close()
        if answers[0] != answers[1]:
            differences.append(f"{story}: {answers[0]}, on a server {answers[1]}")
    assert not differences, "\n".join(differences)


def test_last_insert_id_outlives_the_server_connection(cluster, start_proxy, connect, counted):
    """Sessions that share one connection to the writer each keep their own."""
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.aurora_fwd_writer_max_connections_pct": 1})
    sessions = [connect(to=proxy) for _ in range(6)]
    for connection in sessions:
        run(connection, f"INSERT INTO {counted} (v) VALUES ('a')")
    for number, connection in enumerate(sessions):  # a key that is given changes nothing
        run(connection, f"INSERT INTO {counted} (id, v) VALUES ({10 + number}, 'b')")
    for number, connection in enumerate(sessions):
        assert one(connection, f"{WRITER}SELECT LAST_INSERT_ID()") == 50 + number
        run(connection, f"UPDATE {counted} SET v = LAST_INSERT_ID() WHERE id = {50 + number}")
    assert len(cluster.query(0, f"SELECT * FROM app.{counted} WHERE v = id")) == 6


def test_row_count(connect, table):
    connection = connect()
    run(connection, f"UPDATE {table} SET value = 'x'")
    assert one(connection, "SELECT ROW_COUNT()") == 2
    assert one(connection, "SELECT ROW_COUNT()") == -1
    run(connection, f"DELETE FROM {table} WHERE id = 1")
    assert one(connection, "SELECT ROW_COUNT()") == 1


def test_found_rows(connect, table):
    connection = connect()
    run(connection, f"SELECT SQL_CALC_FOUND_ROWS * FROM {table} LIMIT 1")
    assert one(connection, "SELECT FOUND_ROWS()") == 2
    run(connection, f"SELECT SQL_CALC_FOUND_ROWS * FROM {table} LIMIT 1 FOR UPDATE")
    assert one(connection, "SELECT FOUND_ROWS()") == 2


def test_warnings_and_errors_of_the_last_statement(connect, table):
    connection = connect()
    run(connection, f"INSERT IGNORE INTO {table} VALUES (1, 'again')")
    assert [row[1] for row in run(connection, "SHOW WARNINGS")] == [1062]
    assert [row[1] for row in run(connection, "SHOW WARNINGS")] == [1062]
    assert run(connection, "SHOW COUNT(*) WARNINGS") == ((1,),)
    assert one(connection, "SELECT @@warning_count") == 1
    run(connection, f"SELECT 1 FROM {table}")
    assert run(connection, "SHOW WARNINGS") == ()
    run(connection, "SELECT CAST('x' AS SIGNED)")
    assert [row[1] for row in run(connection, "SHOW WARNINGS")] == [1292]
    attempt(connection, f"INSERT INTO {table} VALUES (1, 'again')")
    assert [row[1] for row in run(connection, "SHOW ERRORS")] == [1062]
    attempt(connection, "SELECT * FROM no_such_table")
    assert [row[1] for row in run(connection, "SHOW ERRORS")] == [1146]


# --- what pins --------------------------------------------------------------------------------------------------------


def test_temporary_table_is_there_until_it_is_dropped(connect, table):
    connection = connect()
    run(connection, f"CREATE TEMPORARY TABLE {table}_tmp AS SELECT * FROM {table}")
    run(connection, f"UPDATE {table}_tmp SET value = 'temporary'")
    assert run(connection, f"SELECT COUNT(*) FROM {table}_tmp JOIN {table} USING (id)") == ((2,),)
    assert server_of(connection) == 0
    run(connection, f"DROP TEMPORARY TABLE {table}_tmp")
    assert attempt(connection, f"SELECT * FROM {table}_tmp").errno == 1146


def test_locked_tables_are_locked_until_unlocked(cluster, connect, table):
    connection, other = connect(), connect()
    run(other, "SET lock_wait_timeout = 1")
    run(connection, f"LOCK TABLES {table} WRITE")
    assert server_of(connection, f"FROM {table} WHERE id = 1") == 0
    assert attempt(other, f"INSERT INTO {table} VALUES (3, 'x')").errno == 1205
    run(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    run(connection, "UNLOCK TABLES")
    run(other, f"INSERT INTO {table} VALUES (3, 'x')")
    assert server_of(connection) in (1, 2)


def test_user_lock_is_held_until_released(proxy, connect):
    connection, other = connect(), connect()
    assert one(connection, "SELECT GET_LOCK('state', 1)") == 1
    assert one(other, "SELECT GET_LOCK('state', 0)") == 0
    assert one(other, "SELECT IS_FREE_LOCK('state')") == 0
    assert one(connection, "SELECT RELEASE_LOCK('state')") == 1
    assert one(other, "SELECT GET_LOCK('state', 0)") == 1
    other.close()
    assert one(connection, "SELECT GET_LOCK('state', 5)") == 1


# --- nothing leaks ----------------------------------------------------------------------------------------------------

SOILINGS = {
    "schema": ["USE sbtest", f"{WRITER}SELECT 1"],
    "user variable": ["SET @leak = 1", f"{WRITER}SELECT @leak", "SELECT @leak"],
    "variable": ["SET sql_mode = 'ANSI_QUOTES', sort_buffer_size = 300000", f"{WRITER}SELECT 1", "SELECT 1"],
    "character set": ["SET NAMES latin1", f"{WRITER}SELECT 1", "SELECT 1"],
    "temporary table": ["CREATE TEMPORARY TABLE leak (i INT)"],
    "table lock": ["LOCK TABLES {t} WRITE"],
    "user lock": ["SELECT GET_LOCK('leak', 0)"],
    "transaction": ["BEGIN", "UPDATE {t} SET value = 'leak'"],
    "autocommit": ["SET autocommit = 0", "UPDATE {t} SET value = 'leak'"],
    "isolation": ["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET SESSION TRANSACTION READ ONLY", "SELECT 1"],
    "next transaction": ["SET TRANSACTION READ ONLY"],
    "prepared text": ["PREPARE leak FROM 'SELECT 1'", "EXECUTE leak"],
    "last insert id": ["DO LAST_INSERT_ID(77)"],
    "warnings": ["INSERT IGNORE INTO {t} VALUES (1, 'x')"],
}
CLEAN = [
    ("DATABASE()", "app"),
    ("@leak", None),
    ("@@character_set_client", "utf8mb4"),
    ("@@autocommit", 1),
    ("LAST_INSERT_ID()", 0),
    ("IFNULL(@@sql_mode LIKE '%ANSI_QUOTES%', 0) + (@@sort_buffer_size = 300000)", 0),
]


@pytest.mark.parametrize("what", SOILINGS)
@pytest.mark.parametrize("ending", ["close", "vanish"])
def test_nothing_leaks_into_the_next_session(cluster, start_proxy, connect, table, what, ending):
    """Few connections to the writer, so that the next session gets the one that was left."""
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.aurora_fwd_writer_max_connections_pct": 1,
                                  "forwarding.writer_queue_timeout": "10s"})  # fmt: skip
    soiled = [connect(to=proxy) for _ in range(2)]
    for connection in soiled:
        for statement in SOILINGS[what]:
            attempt(connection, statement.format(t=table)) if connection is not soiled[0] else run(connection, statement.format(t=table))
        connection.close() if ending == "close" else connection._force_close()
    for _ in range(3):
        connection = connect(to=proxy)
        for expression, expected in CLEAN:
            assert _both(connection, expression) == (expected, expected), expression
        assert isinstance(attempt(connection, f"{WRITER}SELECT * FROM leak"), SqlError)
        assert isinstance(attempt(connection, "EXECUTE leak"), SqlError)
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        assert run(connection, "SHOW WARNINGS") == ()
        assert one(connection, "SELECT IS_FREE_LOCK('leak')") == 1
        assert run(connection, f"SELECT COUNT(*) FROM {table} WHERE value = 'leak'") == ((0,),)
        run(connection, f"DELETE FROM {table} WHERE id = 3")
        connection.close()


def test_sessions_that_share_connections_keep_their_own_state(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.aurora_fwd_writer_max_connections_pct": 1,
                                  "forwarding.writer_queue_timeout": "10s"})  # fmt: skip
    sessions = [connect(to=proxy) for _ in range(12)]
    for number, connection in enumerate(sessions):
        run(connection, f"SET sort_buffer_size = {300000 + number}, time_zone = '+{number:02}:00'")
        if number % 2:
            run(connection, "USE sbtest")
    for _ in range(3):
        for number, connection in enumerate(sessions):
            expected = ((300000 + number, f"+{number:02}:00", "sbtest" if number % 2 else "app"),)
            for route in ("", WRITER):
                assert run(connection, f"{route}SELECT @@sort_buffer_size, @@time_zone, DATABASE()") == expected
            run(connection, f"INSERT INTO app.{table} VALUES (100, @@time_zone)")
            run(connection, f"DELETE FROM app.{table} WHERE id = 100 AND value = '+{number:02}:00'")
    assert one(sessions[0], f"SELECT COUNT(*) FROM {table}") == 2
    for connection in sessions:
        connection.ping()


# --- what is in no text -------------------------------------------------------------------------------------------------


PROCEDURES = {
    "variable": "SET @left_behind = 7",
    "temporary": "BEGIN CREATE TEMPORARY TABLE left_behind (id INT); INSERT INTO left_behind VALUES (7); END",
    "prepared": "PREPARE left_behind FROM 'SELECT 7'",
    "nothing": "BEGIN DECLARE v INT; SET v = 7; SELECT v; END",
}


@pytest.fixture
def procedures(cluster):
    """app.leaves_<name>()"""
    for name, body in PROCEDURES.items():
        cluster.query(0, f"CREATE PROCEDURE app.leaves_{name}() {body}")
    cluster.wait_synced()
    yield
    for name in PROCEDURES:
        cluster.query(0, f"DROP PROCEDURE app.leaves_{name}")


@pytest.mark.parametrize(("name", "look"), [
    ("variable", "SELECT @left_behind"), ("temporary", "SELECT id FROM left_behind"), ("prepared", "EXECUTE left_behind")])  # fmt: skip
def test_what_a_procedure_leaves_behind_is_there(procedures, connect, name, look):
    connection = connect()
    run(connection, "SELECT 1")
    run(connection, f"CALL leaves_{name}()")
    for _ in range(2):
        assert one(connection, look) == 7
    assert not isinstance(attempt(connection, "SELECT 1"), SqlError)


def test_procedure_that_leaves_nothing_behind_binds_nothing(cluster, procedures, connect):
    connection = connect()
    for _ in range(2):
        run(connection, "CALL leaves_nothing()")
        assert server_of(connection) in cluster.replicas()


# --- how texts are read from the first one on ----------------------------------------------------------------------------


def test_character_set_of_the_handshake_says_how_texts_are_read(proxy):
    """In GBK a backslash may be the second byte of a character: a lock that is taken behind one is on the writer."""
    with WireClient(proxy.port, accounts.APP, BASIC, collation=28) as client:
        client.query(b"SELECT '\xbf\x5c', GET_LOCK('gbk', 0), 'x'")
        assert client.query("SELECT RELEASE_LOCK('gbk')")[3].payload == b"\x011"


def test_global_sql_mode_says_how_texts_are_read(own_cluster, start_proxy):
    cluster = own_cluster(options=["--sql-mode=ANSI_QUOTES"])
    proxy = start_proxy(cluster)
    # Without a schema nothing is asked of a server before the first statement.
    with WireClient(proxy.port, accounts.APP, BASIC & ~CONNECT_WITH_DB) as client:
        answer = client.query(r"""SELECT @@server_id AS "a\", GET_LOCK('ansi', 0), 3 AS "b" """)
        assert answer[5].payload[:2] == b"\x011", answer  # the writer


# --- what speaks of the session's last insert, its counters, its patience ------------------------------------------------


@pytest.mark.parametrize("how", ["SET sql_auto_is_null = 1", "SET @@sql_auto_is_null = ON"])
def test_is_null_finds_the_last_insert(connect, counted, how):
    connection = connect()
    run(connection, how)
    run(connection, f"INSERT INTO {counted} (v) VALUES ('x')")
    assert run(connection, f"SELECT id, v FROM {counted} WHERE id IS NULL") == ((one(connection, "SELECT LAST_INSERT_ID()"), "x"),)
    other = connect()
    run(other, f"INSERT INTO {counted} (v) VALUES ('x')")
    assert run(other, f"SELECT id FROM {counted} WHERE id IS NULL") == ()


def test_user_variable_in_an_xpath(connect):
    connection = connect()
    run(connection, "SET @i = 2")
    assert one(connection, "SELECT ExtractValue('<a><b>x</b><b>y</b></a>', '/a/b[$@i]')") == "y"
    assert one(connection, "SELECT `ExtractValue`('<a><b>x</b><b>y</b></a>', CONCAT('/a/b[', '$', '@i]'))") == "y"
    assert one(connection, "SELECT UpdateXML('<a><b>x</b><b>y</b></a>', '/a/b[$@i]', '<c/>')") == "<a><b>x</b><c/></a>"


def test_counters_of_a_session_that_has_begun_to_count(connect, table):
    connection = connect()
    one(connection, f"SELECT COUNT(*) FROM {table}")
    run(connection, "FLUSH STATUS")

    def rows_read():
        return int(run(connection, "SHOW SESSION STATUS LIKE 'Handler_read_rnd_next'")[0][1])

    first, second = rows_read(), rows_read()
    for _ in range(5):
        run(connection, f"SELECT * FROM {table} WHERE value <> 'x'")
    # A SHOW reads rows itself.
    assert rows_read() >= second + (second - first) + 5 * 3
    assert server_of(connection) == 0


def test_status_speaks_of_the_last_statement(connect, table):
    connection = connect()
    run(connection, f"{WRITER}SELECT a.id FROM {table} a JOIN {table} b ON a.value = b.value")
    cost = float(run(connection, "SHOW STATUS LIKE 'Last_query_cost'")[0][1])
    assert cost > 0


@pytest.mark.parametrize("statement", ["SET wait_timeout = 1", "SET @@wait_timeout = 1", "SET SESSION wait_timeout = 1, interactive_timeout = 1000"])
def test_wait_timeout_of_the_session(cluster, cluster_kind, proxy, statement):
    for port in (cluster.servers[0].port, proxy.port):
        with WireClient(port, accounts.APP, BASIC | CONNECT_WITH_DB, timeout=10) as client:
            assert client.query(statement)[-1].payload[:1] == b"\x00"
            assert client.query("SELECT 1")[-2].payload == b"\x011"
            try:
                goodbye = client.socket.recv(1000)
            except ConnectionResetError:
                goodbye = b""
            if cluster_kind == "mysql":
                assert goodbye[4:] == (
                    b"\xff\xbf\x0f#HY000The client was disconnected by the server because of inactivity. "
                    b"See wait_timeout and interactive_timeout for configuring this behavior."
                )
            else:
                assert goodbye == b""


def test_wait_timeout_is_forgotten_by_a_reset(cluster_kind, proxy):
    with WireClient(proxy.port, accounts.APP, BASIC | CONNECT_WITH_DB) as client:
        client.query("SET wait_timeout = 1")
        client.command(b"\x1f")
        client.socket.settimeout(2)
        with pytest.raises(TimeoutError):
            client.socket.recv(1000)


def test_wait_timeout_rolls_a_transaction_back(proxy, connect, table):
    waiting = connect()
    run(waiting, "SET wait_timeout = 1")
    run(waiting, "BEGIN")
    run(waiting, f"UPDATE {table} SET value = 'x' WHERE id = 1")
    other = connect()
    run(other, "SET innodb_lock_wait_timeout = 10")
    run(other, f"UPDATE {table} SET value = 'y' WHERE id = 1")
    with pytest.raises(Exception, match="1213|2006|2013|4031|gone|Lost|0, ''"):
        run(waiting, "SELECT 1")


# --- COM_CHANGE_USER ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["app", ""])
@pytest.mark.parametrize("collation", [0, 8, 35, 45, 63, 90, 101, 255, 1000, 65535])
def test_character_set_of_a_change_of_user(cluster, proxy, database, collation):
    found = []
    for port in (cluster.servers[0].port, proxy.port):
        with WireClient(port, accounts.APP, BASIC | CONNECT_WITH_DB) as client:
            client.query("SET NAMES latin2")
            seen = []
            try:
                answer = client.change_user(accounts.APP, database, collation=collation)[-1].payload
                seen.append(answer if answer[:1] == b"\xff" else answer[:1])
                for leg in ("", WRITER):
                    rows = client.query(f"{leg}SELECT @@character_set_client, @@collation_connection, @@character_set_results")
                    seen.append(rows[-2].payload)
            except (ConnectionError, ConnectionLost):
                seen.append("closed")
            found.append(seen)
    assert found[0] == found[1]


@pytest.mark.parametrize("collation", [0, 8, 35, 90, 101, 128, 255])
@pytest.mark.parametrize("database", ["app", None])
def test_character_set_of_a_login(cluster, proxy, collation, database):
    found = []
    for port in (cluster.servers[0].port, proxy.port):
        capabilities = BASIC if database else BASIC & ~CONNECT_WITH_DB
        try:
            with WireClient(port, accounts.APP, capabilities, database=database, collation=collation) as client:
                rows = client.query("SELECT @@character_set_client, @@collation_connection, @@character_set_results")
                found.append(rows[-2].payload)
        except AssertionError as error:
            found.append(str(error))
    assert found[0] == found[1]


# --- several statements ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1001, 2500])
def test_more_statements_than_are_looked_at_at_once(connect, table, count):
    connection = connect(client_flag=1 << 16)
    with connection.cursor() as cursor:
        statements = [f"INSERT INTO {table} VALUES ({100 + n}, 'n{n}')" for n in range(count)]
        statements += ["SET @@sort_buffer_size = 300000", f"SELECT COUNT(*), @@sort_buffer_size FROM {table}", "SELECT 'last'"]
        cursor.execute("; ".join(statements) + ";")
        results = [cursor.fetchall()]
        while cursor.nextset():
            results.append(cursor.fetchall())
    assert len(results) == count + 3
    assert results[-2:] == [((count + 2, 300000),), (("last",),)]
    with connection.cursor() as cursor, pytest.raises(Exception, match="1062"):
        cursor.execute("; ".join(["SELECT 1"] * 1500 + [f"INSERT INTO {table} VALUES (1, 'x')", f"DELETE FROM {table}"]))
        while cursor.nextset():
            pass
    assert one(connection, f"{WRITER}SELECT COUNT(*) FROM {table}") == count + 2


def test_two_hyphens_ahead_of_a_semicolon_are_no_comment(connect, table):
    connection = connect(client_flag=1 << 16)
    answer = attempt(connection, f"DELETE FROM {table} WHERE id = 1 --; SET @a = 1")
    assert isinstance(answer, SqlError) and answer.errno == 1064, answer
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2


@pytest.mark.kinds("mariadb")
def test_bodies_keep_their_semicolons(connect):
    connection = connect(client_flag=1 << 16)

    def results(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
            return [rows[0][0] for rows in found if rows]

    assert results("SELECT 1; BEGIN NOT ATOMIC SELECT 2; SELECT 3; END") == [1, 2, 3]
    assert results("SELECT 1; SET STATEMENT sort_buffer_size = 333333 FOR BEGIN NOT ATOMIC SELECT 2; SELECT @@sort_buffer_size; END") == [1, 2, 333333]
    run(connection, "DROP PROCEDURE IF EXISTS of_a_body")
    try:
        assert results("SET STATEMENT sql_mode = '' FOR CREATE PROCEDURE of_a_body() BEGIN SELECT 4; SELECT 5; END") == []
        assert results("SELECT 3; CALL of_a_body()") == [3, 4, 5]
    finally:
        run(connection, "DROP PROCEDURE IF EXISTS of_a_body")


@pytest.mark.kinds("mariadb")
def test_sql_mode_oracle(connect, table):
    """BEGIN is that of a block there, and declarations stand before it."""
    connection = connect(client_flag=1 << 16)
    run(connection, "SET sql_mode = 'ORACLE'")
    run(connection, f"BEGIN INSERT INTO {table} VALUES (10, 'a'); INSERT INTO {table} VALUES (11, 'a'); END")
    assert attempt(connection, "BEGIN").errno == 1064
    run(connection, f"INSERT INTO {table} VALUES (12, 'a')")
    run(connection, "ROLLBACK")
    run(connection, f"CREATE OR REPLACE PROCEDURE {table}_p(a INT) AS x INT; BEGIN x := a; INSERT INTO {table} VALUES (x, 'a'); END")
    try:
        run(connection, f"CALL {table}_p(13)")
        run(connection, f"BEGIN {table}_p(14); END")
        run(connection, f"DECLARE x INT; BEGIN x := 15; INSERT INTO {table} VALUES (x, 'a'); END")
        run(connection, "SET sql_mode = DEFAULT")
        run(connection, "BEGIN")
        run(connection, f"INSERT INTO {table} VALUES (20, 'a')")
        run(connection, "ROLLBACK")
        assert run(connection, f"SELECT GROUP_CONCAT(id ORDER BY id) FROM {table} WHERE id > 2") == (("10,11,12,13,14,15",),)
    finally:
        run(connection, f"DROP PROCEDURE IF EXISTS {table}_p")


@pytest.mark.kinds("mariadb")
def test_last_gtid_is_that_of_the_last_write(cluster, connect, table):
    connection = connect()
    run(connection, f"INSERT INTO {table} VALUES (3, 'a')")
    assert one(connection, "SELECT @@last_gtid") == cluster.query(0, "SELECT @@gtid_binlog_pos AS p")[0]["p"]
