"""What BEGIN, COMMIT, ROLLBACK and SET TRANSACTION do in every state: as on a server that is asked directly."""

import os
import random

import pymysql
import pytest
from cluster import accounts
from conftest import run
from support import LONG, GeneralLogs, SqlError, attempt, lagging, one, scaled, server_of

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
SET autocommit = 0; START TRANSACTION READ ONLY; SET autocommit = 1
SET autocommit = 0; START TRANSACTION READ ONLY; SET autocommit = 1; SELECT 1; BEGIN
SET autocommit = 0; START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SET autocommit = 1; SELECT COUNT(*) > 0 FROM {t}
SET autocommit = 0; START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SET autocommit = 1; COMMIT
SET SESSION TRANSACTION READ ONLY; SET autocommit = 0; START TRANSACTION READ WRITE; SET autocommit = 1
SET TRANSACTION READ ONLY; SET autocommit = 0; SELECT COUNT(*) > 0 FROM {t}; SET autocommit = 1
SET TRANSACTION READ ONLY; SET autocommit = 0; SET autocommit = 1; SELECT 1
SET autocommit = 0; SET TRANSACTION READ ONLY; SET autocommit = 1; SELECT 1; BEGIN
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
LOCK TABLES {t} READ; BEGIN; COMMIT; SELECT COUNT(*) > 0 FROM {t}
LOCK TABLES {t} READ; START TRANSACTION nonsense
FLUSH TABLES {t} FOR EXPORT; BEGIN; COMMIT
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
START TRANSACTION READ ONLY; SET @a = 5; SELECT @a; COMMIT; SELECT @a
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SET @a = 5; COMMIT; SELECT @a
SET @a = 5; START TRANSACTION READ ONLY; SELECT @a
SET @a = 5; START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SELECT @a, COUNT(*) > 0 FROM {t}
SET @a = 5; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; SELECT @a
SET @a = 5; SET SESSION TRANSACTION READ ONLY; SET autocommit = 0; SELECT @a
SET SESSION TRANSACTION READ ONLY; SET autocommit = 0; SELECT @a := 5; SELECT @a; COMMIT; SELECT @a
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SELECT @a := 5; COMMIT; SELECT @a; SET @b = @a; SELECT @b
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SET @a = 1; SELECT id FROM {t} WHERE id = @a; COMMIT; UPDATE {t} SET value = @a WHERE id = 1; SELECT value, @a FROM {t} WHERE id = @a
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SET timestamp = 5; SELECT NOW() < '2000-01-01'; COMMIT; SELECT NOW() < '2000-01-01'
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SET timestamp = 5; COMMIT; UPDATE {t} SET value = YEAR(NOW()) WHERE id = 1; SELECT value FROM {t}
START TRANSACTION READ ONLY; DO @a := 5; COMMIT; SELECT @a
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; DO @a := 5; SELECT @a; COMMIT; SELECT @a
START TRANSACTION READ ONLY; SELECT COUNT(*) INTO @a FROM {t} WHERE id = 1; COMMIT; SELECT @a
START TRANSACTION READ ONLY; DO GET_LOCK('{t}', 0); SELECT RELEASE_LOCK('{t}')
START TRANSACTION READ ONLY; SELECT GET_LOCK('{t}', 0); COMMIT; SELECT RELEASE_LOCK('{t}')
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SELECT GET_LOCK('{t}', 0); COMMIT; SELECT RELEASE_LOCK('{t}')
START TRANSACTION READ ONLY; SET @s = 'SELECT 1'; PREPARE p FROM @s; EXECUTE p; COMMIT; EXECUTE p
START TRANSACTION READ ONLY; SELECT 1; SET @s = 'SELECT 1'; PREPARE p FROM @s; EXECUTE p; COMMIT; EXECUTE p
START TRANSACTION READ ONLY; SIGNAL SQLSTATE '45000'
START TRANSACTION READ ONLY; EXECUTE IMMEDIATE 'SELECT 1'
START TRANSACTION READ ONLY; HANDLER {t} OPEN; HANDLER {t} READ FIRST; COMMIT; HANDLER {t} CLOSE
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; HANDLER {t} OPEN; HANDLER {t} READ FIRST; HANDLER {t} CLOSE
SELECT LAST_INSERT_ID(7); START TRANSACTION READ ONLY; SELECT LAST_INSERT_ID(); COMMIT; SELECT LAST_INSERT_ID()
SELECT LAST_INSERT_ID(7); START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SELECT LAST_INSERT_ID(); SELECT LAST_INSERT_ID() FROM {t} WHERE id = 1
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; SELECT LAST_INSERT_ID(7); SELECT LAST_INSERT_ID(); COMMIT; SELECT LAST_INSERT_ID()
START TRANSACTION READ ONLY; CALL {t}_reads()
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; CALL {t}_reads(); COMMIT
START TRANSACTION READ ONLY; CALL {t}_writes()
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; CALL {t}_writes(); SELECT 1
START TRANSACTION READ ONLY; CALL {t}_sets(); SELECT @v; COMMIT; SELECT @v
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; CALL {t}_sets(); SELECT @v; COMMIT; SELECT @v
START TRANSACTION READ ONLY; CALL {t}_commits(); SELECT 1
START TRANSACTION READ ONLY; SELECT COUNT(*) > 0 FROM {t}; CALL {t}_commits(); SELECT 1
START TRANSACTION READ ONLY; PREPARE p FROM 'CALL {t}_reads()'; EXECUTE p
SET SESSION TRANSACTION READ ONLY; SET autocommit = 0; SELECT COUNT(*) > 0 FROM {t}; CALL {t}_reads(); COMMIT
START TRANSACTION READ ONLY; SELECT COUNT(*) INTO @n FROM {t}; SELECT @n; COMMIT; SELECT @n; UPDATE {t} SET value = @n; SELECT value FROM {t}
START TRANSACTION READ ONLY; SELECT 1 FROM {t}; SET @n = 5, @s = 'it''s', @d = 1.50, @f = 2.5e0, @x = NULL; COMMIT; UPDATE {t} SET value = CONCAT(@n, @s, @d, @f, @x IS NULL); SELECT value FROM {t}
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SELECT COUNT(*) INTO @n FROM {t}; COMMIT; DO 0; SELECT @n; UPDATE {t} SET value = @n; SELECT value FROM {t}
START TRANSACTION READ ONLY; SELECT 1 FROM {t}; SET @n = 6; CREATE TABLE IF NOT EXISTS {t} (id INT); UPDATE {t} SET value = @n; SELECT value FROM {t}
START TRANSACTION READ ONLY; SELECT 1 FROM {t}; SET @n = 7; BEGIN; UPDATE {t} SET value = @n; COMMIT; SELECT value FROM {t}
SET @k = 3; START TRANSACTION READ ONLY; SELECT @k, COUNT(*) FROM {t}; SELECT id FROM {t} WHERE id < @k; SET @k = @k + 1; COMMIT; SELECT @k
SET @k = 3; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; SELECT @k, COUNT(*) FROM {t}
SET @k = 3; SET SESSION TRANSACTION READ ONLY; SET autocommit = 0; SELECT @k, COUNT(*) FROM {t}; COMMIT; SET SESSION TRANSACTION READ WRITE
SET autocommit = 0; SET SESSION TRANSACTION READ ONLY; SELECT COUNT(*) INTO @n FROM {t}; COMMIT; SET SESSION TRANSACTION READ WRITE; UPDATE {t} SET value = @n; COMMIT; SELECT value FROM {t}
START TRANSACTION READ ONLY; SELECT 1 FROM {t}; SET @a = 'x'; SET @b = 'y'; SELECT @a, @b; ROLLBACK; SELECT @a, @b; SET @c = CONCAT(@a, @b); SELECT @c
SELECT CAST('1x' AS SIGNED); GET DIAGNOSTICS @n = NUMBER; SELECT @n; UPDATE {t} SET value = @n; SELECT value FROM {t}
SET @k = 4; SELECT CAST('1x' AS SIGNED); GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT, @s = RETURNED_SQLSTATE; SELECT @k, @m, @s; UPDATE {t} SET value = CONCAT(@m, @k); SELECT value FROM {t}
UPDATE {t} SET id = LAST_INSERT_ID(id + 5) WHERE id = 1; START TRANSACTION READ ONLY; SELECT id FROM {t} WHERE id = LAST_INSERT_ID(); SELECT LAST_INSERT_ID(); COMMIT
UPDATE {t} SET id = LAST_INSERT_ID(id + 5) WHERE id = 1; START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SELECT id FROM {t} WHERE id = LAST_INSERT_ID(); SELECT LAST_INSERT_ID(); COMMIT
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SELECT LAST_INSERT_ID(9); DO @a := 5; SELECT @a; COMMIT; SELECT @a, LAST_INSERT_ID()
START TRANSACTION READ ONLY; DO GET_LOCK('{t}', 0); SELECT COUNT(*) FROM {t}; DO RELEASE_LOCK('{t}'); SELECT IS_FREE_LOCK('{t}'); COMMIT
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SELECT GET_LOCK('{t}', 0); SELECT COUNT(*) FROM {t}; SELECT RELEASE_LOCK('{t}'); COMMIT
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SET @l = GET_LOCK('{t}', 0); SELECT @l; COMMIT; SELECT @l, RELEASE_LOCK('{t}')
START TRANSACTION READ ONLY; CREATE TEMPORARY TABLE {t}_tmp (a INT); SELECT COUNT(*) FROM {t}; COMMIT; INSERT INTO {t}_tmp VALUES (1); SELECT * FROM {t}_tmp; DROP TEMPORARY TABLE {t}_tmp
START TRANSACTION READ ONLY; HANDLER {t} OPEN; HANDLER {t} READ FIRST; SELECT COUNT(*) FROM {t}; HANDLER {t} CLOSE; COMMIT
START TRANSACTION READ ONLY; EXPLAIN DELETE FROM {t} WHERE id = 1; COMMIT
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t} LOCK IN SHARE MODE; INSERT INTO {t} VALUES (9, 'x'); COMMIT
START TRANSACTION READ ONLY; DO 1; SELECT COUNT(*) FROM {t}; DO SLEEP(0); COMMIT
SET @a = 5; GET DIAGNOSTICS CONDITION 1 @a = MYSQL_ERRNO; SELECT @a
SET @a = 5; SELECT CAST('5x' AS SIGNED); GET DIAGNOSTICS CONDITION 2 @a = MYSQL_ERRNO; SELECT @a
SET @a = 5; SELECT CAST('5x' AS SIGNED); GET DIAGNOSTICS CONDITION 1 @a = MYSQL_ERRNO; SELECT @a
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_sets(); CREATE TABLE IF NOT EXISTS {t} (id INT); SELECT @v
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SET timestamp = 5; TRUNCATE TABLE {t}; SELECT COUNT(*), YEAR(NOW()) FROM {t}; UPDATE {t} SET value = YEAR(NOW())
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_commits(); TRUNCATE TABLE {t}; SELECT COUNT(*) FROM {t}
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_writes(); TRUNCATE TABLE {t}; SELECT COUNT(*) FROM {t}
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_sets(); COMMIT; UPDATE {t} SET value = @v; SELECT value, @v FROM {t}; SET @v = 8; UPDATE {t} SET value = @v; SELECT value, @v, @w FROM {t}
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_sets(); COMMIT; CREATE TEMPORARY TABLE {t}_tmp (a INT); INSERT INTO {t}_tmp VALUES (@v); SELECT * FROM {t}_tmp; SELECT @v; DROP TEMPORARY TABLE {t}_tmp
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_sets(); COMMIT; UPDATE {t} SET value = 'u'; SELECT @v; CALL {t}_sets(); SELECT @v; SELECT COUNT(*) INTO @v FROM {t}; SELECT @v
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_sets(); COMMIT; SET @v = 9; SELECT @v; BEGIN; SELECT @v; COMMIT; START TRANSACTION READ ONLY; SELECT @v; SELECT @V FROM {t}
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; CALL {t}_sets(); START TRANSACTION READ WRITE; UPDATE {t} SET value = @v; COMMIT; SELECT value FROM {t}
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SET timestamp = 5; COMMIT; CREATE TEMPORARY TABLE {t}_tmp (a INT); INSERT INTO {t}_tmp VALUES (1); SELECT *, YEAR(NOW()) FROM {t}_tmp; DROP TEMPORARY TABLE {t}_tmp
START TRANSACTION READ ONLY; SELECT COUNT(*) FROM {t}; SET timestamp = 5; COMMIT; CALL {t}_sets(); SELECT @v; SELECT @v, YEAR(NOW()) FROM {t}
SELECT * FROM {t}; SET sql_select_limit = 1; SELECT @@{ro}; SELECT * FROM {t}
SELECT * FROM {t}; SET sql_select_limit = 0; SELECT * FROM {t}; UPDATE {t} SET value = 'z'; SELECT * FROM {t}; SET sql_select_limit = DEFAULT; SELECT * FROM {t}
SET sql_select_limit = 0; START TRANSACTION READ ONLY; SELECT * FROM {t}; SET @a = 5; COMMIT; UPDATE {t} SET value = @a; SELECT @a; SELECT LAST_INSERT_ID() FROM {t}; SET sql_select_limit = DEFAULT; SELECT value, @a FROM {t}
SET @a = 1, sql_select_limit = 2; SELECT @a; SELECT @@{ro}, @@sql_select_limit
SELECT * FROM {t}; SET @a = 1, sql_select_limit = 2; SELECT @@{ro}; SET SESSION TRANSACTION READ ONLY; SET sql_select_limit = 3; SELECT @@{ro}; SELECT * FROM {t}
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


PROCEDURES = {
    "reads": "SELECT value FROM {t} WHERE id = 1",
    "writes": "UPDATE {t} SET value = 'written' WHERE id = 1",
    "sets": "SET @v = 7",
    "commits": "BEGIN COMMIT; SELECT 1; END",
}


@pytest.fixture
def twins(cluster, table):
    """Two tables alike with their procedures, of which the first is for Causeway; their common name."""
    name = table[:40]
    for suffix in ("_c", "_s"):
        for procedure, body in PROCEDURES.items():
            cluster.query(0, f"DROP PROCEDURE IF EXISTS app.{name}{suffix}_{procedure}")
            cluster.query(0, f"CREATE PROCEDURE app.{name}{suffix}_{procedure}() {body.format(t=name + suffix)}")
        cluster.query(0, f"DROP TABLE IF EXISTS app.{name}{suffix}")
        cluster.query(0, f"CREATE TABLE app.{name}{suffix} (id INT PRIMARY KEY, value VARCHAR(255))")
        cluster.query(0, f"INSERT INTO app.{name}{suffix} VALUES (1, 'one'), (2, 'two')")
    cluster.wait_synced()
    yield name
    for suffix in ("_c", "_s"):
        for procedure in PROCEDURES:
            cluster.query(0, f"DROP PROCEDURE IF EXISTS app.{name}{suffix}_{procedure}")
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
    "SET autocommit = 0", *["SET autocommit = 1"] * 2, "SELECT @b := 7", "SELECT @b", "CALL {t}_reads()", "CALL {t}_sets()", "SELECT @v",
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


@pytest.mark.parametrize("before", [
    "SELECT COUNT(*) FROM {t}; COMMIT AND CHAIN", "SELECT COUNT(*) FROM {t}; COMMIT AND CHAIN; COMMIT AND CHAIN", "SHOW WARNINGS",
    "SET sort_buffer_size = 300000"])  # fmt: skip
def test_isolation_level_goes_to_the_writer_with_the_transaction(cluster, start_proxy, connect, table, before):
    """One that was begun on a replica, has read nothing there, and begins anew since the wait is in vain."""
    connection = connect(to=start_proxy(cluster, {"forwarding.read_wait_timeout": "200ms"}), level="GLOBAL")
    run(connection, f"SELECT COUNT(*) FROM {table}")
    run(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    run(connection, "START TRANSACTION READ ONLY")
    for statement in before.format(t=table).split("; "):
        run(connection, statement)
    with lagging(cluster, table):
        for rows in (3, 4):
            cluster.query(0, f"INSERT INTO app.{table} VALUES ({rows}, 'x')")
            assert one(connection, f"SELECT COUNT(*) FROM {table}") == rows
        assert attempt(connection, f"DELETE FROM {table}").errno == 1792
        run(connection, "COMMIT")


def test_what_a_transaction_that_only_reads_finds_of_its_session(cluster, connect, table):
    """It runs on a replica; what is on the writer it has all the same, and once it needs that, it runs there."""
    connection = connect()
    run(connection, f"CREATE TABLE {table}_n (id INT AUTO_INCREMENT PRIMARY KEY, value INT)")
    run(connection, f"INSERT INTO {table}_n (value) VALUES (1), (2)")
    run(connection, "START TRANSACTION READ ONLY")
    assert server_of(connection, f"FROM {table} WHERE id = 1") in (1, 2)
    assert run(connection, f"SELECT id, LAST_INSERT_ID() FROM {table}_n WHERE id = LAST_INSERT_ID()") == ((1, 1),)
    run(connection, "COMMIT")
    run(connection, f"INSERT INTO {table}_n (value) VALUES (3)")
    run(connection, "START TRANSACTION READ ONLY")
    assert run(connection, f"SELECT id, LAST_INSERT_ID() FROM {table}_n WHERE id = LAST_INSERT_ID()") == ((3, 3),)
    run(connection, "COMMIT")
    run(connection, f"DROP TABLE {table}_n")
    run(connection, "START TRANSACTION READ ONLY")
    run(connection, "SHOW WARNINGS")
    run(connection, "SET @a = 1")
    assert server_of(connection, f"FROM {table} WHERE id = @a") == 0
    run(connection, "COMMIT")
    run(connection, "START TRANSACTION READ ONLY")
    assert server_of(connection, f"FROM {table} WHERE id = 1") == 0
    run(connection, "COMMIT")
    assert server_of(connection, f"FROM {table} WHERE id = 1") in (1, 2)


def test_user_lock_of_a_transaction_that_only_reads_is_everybodys(connect, table):
    first, second = connect(), connect()
    for before in ("SHOW WARNINGS", f"SELECT COUNT(*) FROM {table}"):
        run(first, "START TRANSACTION READ ONLY")
        run(first, before)
        assert one(first, f"SELECT GET_LOCK('{table}', 0)") == 1
        assert one(second, f"SELECT GET_LOCK('{table}', 0)") == 0
        run(first, "COMMIT")
        assert one(second, f"SELECT GET_LOCK('{table}', 0)") == 0
        assert one(first, f"SELECT RELEASE_LOCK('{table}')") == 1


@pytest.mark.parametrize("state", ["SET timestamp = 5", "SET @s = 'SELECT 1'; PREPARE p FROM @s", "CALL {t}_sets()"])
def test_what_a_read_only_transaction_leaves_hides_nothing_that_is_on_the_writer(cluster, start_proxy, connect, twins, state):
    """The only connection to the writer is nobody else's as long as it has a session's table, or lock."""
    own = f"{twins}_c"
    proxy = start_proxy(cluster, {"limits.max_server_connections": 1, "forwarding.writer_queue_timeout": "100ms"})
    for keeps, shows in (
        (f"CREATE TEMPORARY TABLE {own}_tmp SELECT 7 AS a", f"SELECT a FROM {own}_tmp"), (f"DO GET_LOCK('{own}', 0) + 6", f"SELECT RELEASE_LOCK('{own}') + 6")):
        first, second = connect(to=proxy), connect(to=proxy)
        run(first, "START TRANSACTION READ ONLY")
        run(first, f"SELECT COUNT(*) FROM {own}")
        for statement in state.format(t=own).split("; "):
            run(first, statement)
        run(first, "COMMIT")
        run(first, keeps)
        assert attempt(second, f"UPDATE {own} SET value = 'x'").errno == 1040
        assert one(first, shows) == 7
        first.close()
        second.close()


def test_begin_releases_tables_and_the_session(connect, table):
    connection = connect()
    for lock in (f"LOCK TABLES {table} READ", f"FLUSH TABLES {table} WITH READ LOCK", f"FLUSH TABLES {table} FOR EXPORT"):
        run(connection, lock)
        assert server_of(connection, f"FROM {table} WHERE id = 1") == 0
        run(connection, "BEGIN")
        run(connection, "COMMIT")
        assert server_of(connection, f"FROM {table} WHERE id = 1") in (1, 2), lock


def test_begin_does_not_release_what_locks_more_than_tables(cluster, connect, table):
    connection = connect(account=accounts.ADMIN)
    locks = [("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES")]
    if cluster.kind == "mysql":
        locks.append(("LOCK INSTANCE FOR BACKUP", "UNLOCK INSTANCE"))
    else:
        locks.append(("BACKUP STAGE START", "BACKUP STAGE END"))
    for lock, unlock in locks:
        run(connection, lock)
        run(connection, "BEGIN")
        run(connection, "COMMIT")
        assert server_of(connection, f"FROM {table} WHERE id = 1") == 0, lock
        if "TABLES" not in lock:
            run(connection, "UNLOCK TABLES")
            assert server_of(connection, f"FROM {table} WHERE id = 1") == 0, lock
        run(connection, unlock)
        assert server_of(connection, f"FROM {table} WHERE id = 1") in (1, 2), lock


def test_set_transaction_costs_one_question_at_the_most(cluster, connect, table):
    connection = connect()
    run(connection, "SELECT 1 FROM DUAL FOR UPDATE")
    with GeneralLogs(cluster) as logs:
        run(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        run(connection, "BEGIN")
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        run(connection, "COMMIT")
        assert not logs.texts_of_sessions(0, "session_track_transaction_info")
