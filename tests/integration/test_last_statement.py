"""ROW_COUNT(), FOUND_ROWS(), SHOW WARNINGS and their like speak of the last statement, whoever has answered it."""

import pytest
import wire_client
from cluster import accounts
from conftest import run
from support import SqlError, attempt, one
from wire_client import WireClient

COM_STMT_PREPARE = b"\x16"

BEFORE = {
    "warnings": "INSERT IGNORE INTO {t} VALUES (1, 'again'), (2, 'again')",
    "rows": "UPDATE {t} SET value = CONCAT(value, 'x')",
    "a read": "SELECT SQL_CALC_FOUND_ROWS * FROM {t} LIMIT 1",
    "a read with warnings": "SELECT CAST(value AS SIGNED) FROM {t}",
    "an error": "SELECT * FROM no_such_table",
}
# What Causeway answers, in some states at least.
LAST = [
    "COMMIT", "ROLLBACK", "BEGIN; COMMIT", "BEGIN; ROLLBACK", "BEGIN", "START TRANSACTION READ ONLY", "SET TRANSACTION READ ONLY",
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "PING", "INIT DB", "STMT PREPARE SELECT 1", "STMT PREPARE INSERT INTO {t} VALUES (9, 'x')",
    "PREPARE p FROM 'SELECT 1'", "PREPARE p FROM 'DELETE FROM {t}'; DEALLOCATE PREPARE p", "EXECUTE no_such", "KILL 4000000000",
    "SHOW PROCESSLIST", "START TRANSACTION READ ONLY; DELETE FROM {t}", "SELECT 1", "COMMIT; SELECT 1", "SELECT 1; COMMIT", "PING; PING",
    "BEGIN; SELECT 1; COMMIT", "COMMIT; PING", "DO 1", "SET @a = 1", "SET NAMES utf8mb4", "USE app", "SELECT @@version", "BEGIN; BEGIN",
    "COMMIT; START TRANSACTION READ ONLY", "SELECT CAST('y' AS SIGNED)", "SELECT COUNT(*) FROM {t}", "EXPLAIN SELECT 1", "SELECT 1; BEGIN",
    "BEGIN; SHOW WARNINGS", "START TRANSACTION READ ONLY; SELECT ROW_COUNT()", "SET autocommit = 0", "SET autocommit = 0; SELECT 1",
]  # fmt: skip
QUESTIONS = ["SHOW WARNINGS", "SHOW COUNT(*) WARNINGS", "SHOW ERRORS", "SELECT ROW_COUNT()", "SELECT @@warning_count, @@error_count", "SELECT FOUND_ROWS()"]


def _do(connection, statement):
    """The answer, as far as it can be compared."""
    if statement == "PING":
        return connection.ping(reconnect=False)
    if statement == "INIT DB":
        return connection.select_db("app")
    if statement.startswith("STMT PREPARE "):
        connection._execute_command(COM_STMT_PREPARE[0], statement.removeprefix("STMT PREPARE "))
        payload = connection._read_packet().get_all_data()
        for count in (payload[7], payload[5]):  # parameters, columns
            for _ in range(count + bool(count)):
                connection._read_packet()
        return None
    answer = attempt(connection, statement)
    return None if statement in ("SHOW PROCESSLIST", "KILL 4000000000") else answer


@pytest.mark.parametrize("before", BEFORE)
def test_a_local_answer_is_the_last_one(cluster, proxy, connect, table, before):
    """On one server and through Causeway the same, for each question alone: it is a statement, too."""
    cluster.query(0, f"CREATE TABLE app.{table}_s LIKE app.{table}")
    cluster.query(0, f"INSERT INTO app.{table}_s SELECT * FROM app.{table}")
    cluster.wait_synced()
    differences = []
    pairs = [(connect(), table), (cluster.connect(0, accounts.APP, database="app"), f"{table}_s")]
    for last in LAST:
        for question in QUESTIONS:
            if "FOUND_ROWS" in question and before != "a read":
                continue
            answers = []
            for connection, own in pairs:
                run(connection, "ROLLBACK")
                story = [BEFORE[before], *last.split("; "), question]
                answers.append([_do(connection, statement.replace("{t}", own)) for statement in story][-1])
                run(connection, "ROLLBACK")
                run(connection, "SET SESSION TRANSACTION READ WRITE")
                run(connection, "SET autocommit = 1")
            answers = [str(answer).replace(f"{table}_s", table) for answer in answers]
            if answers[0] != answers[1]:
                differences.append(f"{before}; {last}; {question}\n    Causeway: {answers[0]}\n    a server: {answers[1]}")
    pairs[1][0].close()
    cluster.query(0, f"DROP TABLE app.{table}_s")
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("level", ["SESSION", "GLOBAL"])
def test_no_question_of_causeways_is_the_last_statement(connect, table, level):
    """Neither a wait on the replica nor whether the writer still is one."""
    connection = connect(level=level)
    run(connection, f"UPDATE {table} SET value = CONCAT(value, 'x')")
    assert one(connection, "SELECT ROW_COUNT()") == 2
    run(connection, f"INSERT IGNORE INTO {table} VALUES (1, 'again'), (2, 'again')")
    assert run(connection, "SELECT @@warning_count, @@error_count") == ((2, 0),)
    run(connection, f"SELECT SQL_CALC_FOUND_ROWS * FROM {table} LIMIT 1")
    assert one(connection, "SELECT FOUND_ROWS()") == 2
    run(connection, f"SELECT SQL_CALC_FOUND_ROWS * FROM {table} LIMIT 1")
    run(connection, "SET @a = 1")  # the writer may have shown something new: the next read waits
    assert one(connection, "SELECT FOUND_ROWS()") == 2
    run(connection, f"SELECT CAST(value AS SIGNED) FROM {table}")
    assert run(connection, "SELECT @@warning_count, @@error_count") == ((2, 0),)


def test_a_rejection_is_the_last_statement(connect, table):
    connection = connect()
    for statement in ("SAVEPOINT a", "BEGIN; SAVEPOINT a", "XA RECOVER", "LOAD DATA INFILE 'it''s' INTO TABLE t"):
        for question in ("SHOW WARNINGS", "SELECT ROW_COUNT()", "SELECT @@error_count"):
            run(connection, f"UPDATE {table} SET value = CONCAT(value, 'x')")
            error = [attempt(connection, each) for each in statement.split("; ")][-1]
            assert isinstance(error, SqlError) and error.errno == 1235
            answer = run(connection, question)
            assert answer == {"SHOW WARNINGS": (("Error", 1235, error.text),)}.get(question, ((1 if "@@" in question else -1,),)), statement
            run(connection, "ROLLBACK")


def test_a_question_costs_no_round_trip_of_its_own(cluster, connect, table):
    connection = connect()
    run(connection, f"UPDATE {table} SET value = CONCAT(value, 'x')")
    run(connection, "COMMIT")
    assert one(connection, "SELECT ROW_COUNT()") == 0
    run(connection, "COMMIT")
    assert one(connection, "SELECT ROW_COUNT()") == 0
    # ... and what was answered here is asked about once.
    assert one(connection, "SELECT ROW_COUNT()") == -1


def test_found_rows_by_the_binary_protocol(proxy, table):
    with WireClient(proxy.port, accounts.APP, wire_client.BASIC) as client:
        client.query(f"UPDATE {table} SET value = CONCAT(value, 'x')")
        statement, _ = client.prepare("SELECT ROW_COUNT()")
        client.query("COMMIT")
        packets = client.execute(statement)
        assert packets[-2].payload[2:] == (0).to_bytes(8, "little")


def test_rows_counted_by_a_replica_are_told_with_the_last_insert_id(cluster, connect, table):
    """It is the writer that knows the latter."""
    cluster.query(0, f"CREATE TABLE app.{table}_i (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
    cluster.wait_synced()
    lasts = ["SELECT 1", f"SELECT v FROM {table}_i", "SELECT 1; COMMIT", "COMMIT; SELECT 1", "SELECT * FROM no_such_table", "SET NAMES utf8mb4", "DO 1",
             "USE app", "SELECT 1; USE app", "SELECT 1; PING", "SELECT 1; DO 1", "SHOW TABLES", "SELECT 1; SET @a = 1"]  # fmt: skip
    through, direct = connect(), cluster.connect(0, accounts.APP, database="app")
    for last in lasts:
        for question in ("SELECT LAST_INSERT_ID(), ROW_COUNT()", "SELECT ROW_COUNT() AS a, @@last_insert_id AS b"):
            answers = []
            for connection in (through, direct):
                run(connection, f"TRUNCATE {table}_i")
                run(connection, f"INSERT INTO {table}_i (v) VALUES (1), (2), (3)")
                story = [*last.split("; "), question, question]
                answers.append([_do(connection, statement) for statement in story][-2:])
            assert answers[0] == answers[1], f"{last}; {question}"
    direct.close()
    cluster.query(0, f"DROP TABLE app.{table}_i")
