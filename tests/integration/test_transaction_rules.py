"""What BEGIN, COMMIT, ROLLBACK and SET TRANSACTION do in every state: as on a server that is asked directly."""

import os
import random

import pymysql
import pytest
from cluster import accounts
from conftest import run
from support import LONG, GeneralLogs, SqlError, attempt, scaled, server_of

# {t}: a table with a row of id 2. {ro}, {iso}: the servers' names of two variables.
STORIES = """
SET TRANSACTION READ ONLY; SELECT @@version; BEGIN
SET TRANSACTION READ ONLY; SELECT 1
SET TRANSACTION READ ONLY; SELECT * FROM {t} WHERE id = 1
SET TRANSACTION READ ONLY; SELECT * FROM {t} WHERE id = 1; BEGIN
SET TRANSACTION READ ONLY; SHOW VARIABLES LIKE 'version'; BEGIN
SET TRANSACTION READ ONLY; SHOW TABLES LIKE 'none'; BEGIN
SET TRANSACTION READ ONLY; SET @a = 1; SET NAMES utf8mb4; USE app; BEGIN
SET TRANSACTION READ ONLY; DO 0; BEGIN
SET TRANSACTION READ ONLY; SELECT * FROM no_such_table; BEGIN
SET TRANSACTION READ ONLY; SELEC; BEGIN
SET TRANSACTION READ ONLY; UPDATE {t} SET value = 'p' WHERE id = 1; BEGIN
SET TRANSACTION READ ONLY; COMMIT; BEGIN
SET TRANSACTION READ ONLY; ROLLBACK
SET TRANSACTION READ ONLY; COMMIT AND CHAIN
SET TRANSACTION READ ONLY; SELECT 1; COMMIT AND CHAIN
SET TRANSACTION READ ONLY; BEGIN; BEGIN
SET TRANSACTION READ ONLY; ROLLBACK AND CHAIN; BEGIN
SET TRANSACTION READ ONLY; BEGIN; START TRANSACTION READ WRITE
START TRANSACTION READ WRITE; SET SESSION TRANSACTION READ ONLY; BEGIN
SET TRANSACTION READ ONLY; BEGIN; ROLLBACK; BEGIN
SET TRANSACTION READ ONLY; SELECT 1; BEGIN; COMMIT; BEGIN
SET TRANSACTION READ ONLY; SELECT 1; START TRANSACTION READ WRITE
SET TRANSACTION READ ONLY; SELECT 1; SET TRANSACTION READ WRITE; BEGIN
SET TRANSACTION READ ONLY; SELECT 1; SET SESSION TRANSACTION READ WRITE; BEGIN
SET TRANSACTION READ ONLY; CREATE TABLE IF NOT EXISTS {t} (id INT); BEGIN
SET TRANSACTION READ ONLY; PREPARE p FROM 'SELECT COUNT(*) FROM {t}'; BEGIN
SET TRANSACTION READ ONLY; PREPARE p FROM 'SELECT COUNT(*) > 0 FROM {t}'; EXECUTE p; BEGIN
SET TRANSACTION READ ONLY; SELECT 1; SELECT 2; SELECT 3
SET TRANSACTION READ ONLY; SELECT 1; PREPARE p FROM 'SELECT 1'; BEGIN
SET TRANSACTION READ ONLY; DO 0; PREPARE p FROM 'DELETE FROM {t}'; BEGIN
SET TRANSACTION READ ONLY; SELECT 1; UPDATE {t} SET value = 'p' WHERE id = 1; ROLLBACK
SET TRANSACTION READ ONLY; SHOW WARNINGS; SELECT ROW_COUNT(); BEGIN
SET TRANSACTION READ ONLY; INSERT IGNORE INTO {t} VALUES (1, 'x'); SHOW COUNT(*) WARNINGS; BEGIN
SET SESSION TRANSACTION READ ONLY; SET TRANSACTION READ WRITE; BEGIN
SET SESSION TRANSACTION READ ONLY; SET TRANSACTION READ WRITE; SELECT 1; BEGIN
SET SESSION TRANSACTION READ ONLY; COMMIT AND CHAIN
SET SESSION TRANSACTION READ ONLY; SELECT @@{ro}; SELECT 1; SELECT @@{ro}
SELECT @@{ro}; SELECT * FROM {t} WHERE id = 1; SELECT @@SESSION.{ro}
SET @@{ro} = 1; SELECT @@{ro}; BEGIN
SET @@{ro} = 1; SELECT 1
SET @@{ro} = 1; SELECT COUNT(*) > 0 FROM {t}
SET @@{ro} = 1, @@sql_select_limit = 7; SELECT @@sql_select_limit; BEGIN
SET {ro} = 1; SELECT 1; BEGIN
SET TRANSACTION READ ONLY; SET @@{iso} = 'READ-COMMITTED'; BEGIN
SET autocommit = 0; SET TRANSACTION READ ONLY; SELECT 1
SET autocommit = 0; SET TRANSACTION READ ONLY; SELECT 1; COMMIT
SET autocommit = 0; SET TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}
SET autocommit = 0; SET TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; COMMIT
SET autocommit = 0; BEGIN; ROLLBACK
START TRANSACTION READ ONLY; BEGIN
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; BEGIN
START TRANSACTION READ ONLY; START TRANSACTION READ WRITE
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; START TRANSACTION READ WRITE
START TRANSACTION READ ONLY; BEGIN; ROLLBACK
START TRANSACTION READ ONLY; BEGIN; ROLLBACK; BEGIN
START TRANSACTION READ ONLY; COMMIT AND CHAIN
START TRANSACTION READ ONLY; FLUSH STATUS
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; FLUSH STATUS
START TRANSACTION READ ONLY, READ WRITE
START TRANSACTION READ ONLY, READ ONLY
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY
START TRANSACTION READ
START TRANSACTION nonsense
SET TRANSACTION READ ONLY, READ WRITE
SET TRANSACTION READ ONLY, READ ONLY
SET TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE
SET TRANSACTION nonsense
SET TRANSACTION
SET SESSION TRANSACTION nonsense
BEGIN; SET TRANSACTION READ ONLY
BEGIN; SELECT 1; SET TRANSACTION READ ONLY
COMMIT AND CHAIN RELEASE
COMMIT AND NO CHAIN NO RELEASE
HANDLER {t} OPEN; BEGIN; HANDLER {t} READ FIRST; ROLLBACK; HANDLER {t} READ FIRST
HANDLER {t} OPEN; SELECT 1; SET @a = 1; HANDLER {t} READ FIRST; COMMIT; HANDLER {t} CLOSE
LOCK TABLES {t} READ; BEGIN
LOCK TABLES {t} READ; COMMIT
LOCK TABLES {t} READ; ROLLBACK
LOCK TABLES {t} WRITE; BEGIN; COMMIT
LOCK TABLES {t} READ; START TRANSACTION READ ONLY; COMMIT
LOCK TABLES {t} READ; COMMIT AND CHAIN
FLUSH TABLES {t} WITH READ LOCK; BEGIN; ROLLBACK
SET completion_type = 1; BEGIN; ROLLBACK
SET completion_type = 1; COMMIT
SET completion_type = 'CHAIN'; COMMIT AND NO CHAIN
SET completion_type = 1; SET TRANSACTION READ ONLY; COMMIT
SET completion_type = 1; START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; COMMIT
SET completion_type = 1; START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; START TRANSACTION READ WRITE
SET completion_type = 1; BEGIN; UPDATE {t} SET value = 'p' WHERE id = 1; COMMIT
SET completion_type = 2; COMMIT; SELECT 1
SET completion_type = 2; BEGIN; ROLLBACK; SELECT 1
SET completion_type = 2; BEGIN; ROLLBACK NO RELEASE; SELECT 1
SET completion_type = 2; SET completion_type = 0; COMMIT; SELECT 1
""".strip().splitlines()  # fmt: skip


def _variables(kind):
    if kind == "mysql":
        return {"ro": "transaction_read_only", "iso": "transaction_isolation"}
    return {"ro": "tx_read_only", "iso": "tx_isolation"}


def _answer(connection, statement):
    """Rows or the error's number, and whether a transaction is open then."""
    try:
        answer = attempt(connection, statement)
    except pymysql.Error:
        return "connection lost"
    if isinstance(answer, SqlError):
        return "connection lost" if answer.errno in (0, 2006, 2013) else answer.errno
    return answer, connection.server_status & 1


def _tell(connection, story):
    """Every answer of the story."""
    return [_answer(connection, statement) for statement in story]


# Whether a write is possible behind the story, and is done for good.
PROBES = ["UPDATE {t} SET value = CONCAT(value, 'q') WHERE id = 2", "ROLLBACK", "UNLOCK TABLES", "SELECT value FROM {t} WHERE id = 2"]


def _in_both(cluster, connect, story, table):
    """What Causeway answers and what a server answers."""
    names = _variables(cluster.kind)
    answers = []
    story = [*story, *PROBES]
    for suffix, opened in (("_c", connect), ("_s", lambda: cluster.connect(0, accounts.APP, database="app"))):
        own = table + suffix
        connection = opened()
        told = _tell(connection, [statement.replace("{t}", own).replace("{ro}", names["ro"]).replace("{iso}", names["iso"]) for statement in story])
        answers.append(repr(told).replace(own, "t"))
        connection.close()
    return answers


@pytest.fixture
def twins(cluster, table):
    """Two tables alike, of which the first is for Causeway; their common name."""
    name = table[:40]
    for suffix in ("_c", "_s"):
        cluster.query(0, f"DROP TABLE IF EXISTS app.{name}{suffix}")
        cluster.query(0, f"CREATE TABLE app.{name}{suffix} (id INT PRIMARY KEY, value VARCHAR(255))")
        cluster.query(0, f"INSERT INTO app.{name}{suffix} VALUES (1, 'one'), (2, 'two')")
    cluster.wait_synced()
    yield name
    for suffix in ("_c", "_s"):
        cluster.query(0, f"DROP TABLE IF EXISTS app.{name}{suffix}")


def test_stories_of_transactions_are_those_of_a_server(cluster, connect, twins):
    differences = []
    for line in STORIES:
        got, expected = _in_both(cluster, connect, line.split("; "), twins)
        if got != expected:
            differences.append(f"{line}\n    Causeway: {got}\n    a server: {expected}")
    assert not differences, "\n".join(differences)


# --- at random --------------------------------------------------------------------------------------------------------

ALPHABET = [
    *["SET TRANSACTION READ ONLY"] * 3, "SET TRANSACTION READ WRITE", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY", "SET @@{ro} = 1", "SET @@{iso} = 'READ-COMMITTED'",
    "SET SESSION TRANSACTION READ ONLY", *["SET SESSION TRANSACTION READ WRITE"] * 2, "SELECT @@{ro}, @@{iso}",
    *["SELECT 1"] * 2, "SELECT @@version", "SELECT value FROM {t} WHERE id = 1", "SELECT COUNT(*) FROM {t}", "SHOW TABLES LIKE 'none'",
    "SHOW VARIABLES LIKE 'version'", "DO 0", "SET @a = 1", "USE app", "SELEC", "SELECT * FROM no_such_table",
    "CREATE TABLE IF NOT EXISTS {t} (id INT)", "UPDATE {t} SET value = CONCAT(value, 'p') WHERE id = 1", "DELETE FROM {t} WHERE id = 7",
    "INSERT INTO {t} VALUES (1, 'x')", *["BEGIN"] * 3, "START TRANSACTION READ ONLY", "START TRANSACTION READ WRITE",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT", *["COMMIT"] * 2, *["ROLLBACK"] * 2, "COMMIT AND CHAIN", "ROLLBACK AND CHAIN",
    "COMMIT AND NO CHAIN", "SET completion_type = 1", *["SET completion_type = 0"] * 2, "LOCK TABLES {t} READ", *["UNLOCK TABLES"] * 2,
    "PREPARE p FROM 'SELECT COUNT(*) FROM {t}'", "EXECUTE p", "PREPARE q FROM 'BEGIN'", "EXECUTE q",
]  # fmt: skip


def _shrunk(different, story):
    """The shortest story that leaving out statements gives."""
    size = len(story) // 2
    while size > 0:
        position = 0
        while position < len(story):
            shorter = story[:position] + story[position + size :]
            if different(shorter):
                story = shorter
            else:
                position += size
        size //= 2
    return story


def test_random_stories_of_transactions_are_those_of_a_server(cluster, connect, twins):
    seed = int(os.environ.get("CAUSEWAY_TEST_SEED", random.randrange(1_000_000) if LONG else 1))

    def different(story):
        for suffix in ("_c", "_s"):
            cluster.query(0, f"REPLACE INTO app.{twins}{suffix} VALUES (1, 'one'), (2, 'two')")
        got, expected = _in_both(cluster, connect, story, twins)
        return None if got == expected else f"Causeway: {got}\n    a server: {expected}"

    for number in range(scaled("CAUSEWAY_TEST_DIFFERENTIAL_ROUNDS", 60, 1000)):
        rng = random.Random(seed + number)
        story = [rng.choice(ALPHABET) for _ in range(12)]
        if different(story):
            shortest = _shrunk(different, story)
            pytest.fail(f"seed {seed + number}: {'; '.join(shortest)}\n    {different(shortest)}", pytrace=False)


# --- isolation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["SELECT 1", "SELECT @@version", "SET @a = 1", "SELECT * FROM no_such_table"])
def test_isolation_level_waits_for_a_transaction(cluster, connect, table, between):
    connection = connect()
    run(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    attempt(connection, between)
    for expected in (3, 3):  # the second one is REPEATABLE READ again
        run(connection, "BEGIN")
        before = run(connection, f"SELECT COUNT(*) FROM {table}")[0][0]
        cluster.query(0, f"INSERT INTO app.{table} VALUES ({before + 10}, 'x')")
        assert run(connection, f"SELECT COUNT(*) FROM {table}")[0][0] == expected
        run(connection, "COMMIT")


def test_what_was_set_for_one_transaction_stays_on_no_connection(connect, table):
    """It goes ahead of statements on both servers; a transaction that has spent it on one leaves none on the other."""
    connection = connect()
    run(connection, "SET TRANSACTION READ ONLY")
    run(connection, "DO 0")  # on the writer
    run(connection, "SELECT 1")  # on a replica
    run(connection, "BEGIN")
    assert server_of(connection, f"FROM {table} WHERE id = 1") in (1, 2)
    run(connection, "COMMIT")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    run(connection, "COMMIT")


def test_set_transaction_costs_one_question_at_the_most(cluster, connect, table):
    connection = connect()
    run(connection, "SELECT 1 FROM DUAL FOR UPDATE")
    with GeneralLogs(cluster) as logs:
        run(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        run(connection, "BEGIN")
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        run(connection, "COMMIT")
        assert not logs.texts(0, "session_track_transaction_info")
