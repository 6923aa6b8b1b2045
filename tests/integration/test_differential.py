"""Random sessions through Causeway and directly on one server: every answer has to be the same.

This is what "the client sees one session" (docs/contract/session.md) and "a transaction behaves as if it ran on one
server" (docs/contract/transactions.md) mean, tried with statements in orders that nobody has thought of. Several
sessions take turns and share few connections. A failure prints the shortest story that shows it; CAUSEWAY_TEST_SEED
repeats a run.
"""

import contextlib
import os
import random

import pymysql
from cluster import accounts
from support import LONG, scaled

SESSIONS = 4
FORWARD = {
    "statements.savepoint": "forward", "forwarding.read_wait_timeout": "10s", "workers": 1,
    "forwarding.aurora_fwd_writer_max_connections_pct": 2, "forwarding.writer_queue_timeout": "20s"}  # fmt: skip

# {t}: a table of this session, {n}: a small number. Statements that ask about the one before them stand behind it in a
# tuple: how long the servers remember warnings and counts over statements of other kinds is nothing to rely on.
STATEMENTS = [
    *["SELECT * FROM {t} ORDER BY id"] * 6,
    *["INSERT INTO {t} (v) VALUES ('{n}')"] * 5,
    "INSERT INTO {t} (id, v) VALUES ({n}, 'x')",
    "INSERT INTO {t} (v) VALUES (@u), (@@sql_select_limit % 7), (LAST_INSERT_ID())",
    "INSERT INTO {t} (v) VALUES ('too long for the column it is written to')",
    "UPDATE {t} SET v = CONCAT(v, '{n}') WHERE id % 3 = {n} % 3",
    "DELETE FROM {t} WHERE id = {n}",
    "REPLACE INTO {t} (id, v) VALUES ({n}, 'r')",
    "SELECT COUNT(*) FROM {t} FOR UPDATE",
    "SELECT id FROM no_such_table",
    "SELEC wrong",
    *["BEGIN"] * 3,
    "START TRANSACTION READ WRITE",
    # Not left open: where MySQL begins another one behind it, that is read-only too, and BEGIN does not say so.
    ("COMMIT", "START TRANSACTION READ ONLY", "SELECT COUNT(*) FROM {t}", "COMMIT"),
    ("ROLLBACK", "START TRANSACTION READ ONLY", "DELETE FROM {t} WHERE id = {n}", "ROLLBACK"),
    "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    *["COMMIT"] * 4,
    *["ROLLBACK"] * 3,
    "COMMIT AND CHAIN",
    "ROLLBACK AND CHAIN",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "RELEASE SAVEPOINT s",
    "SET autocommit = 0",
    *["SET autocommit = 1"] * 2,
    ("COMMIT", "SET SESSION TRANSACTION READ ONLY", "SELECT COUNT(*) FROM {t}", "COMMIT", "SET SESSION TRANSACTION READ WRITE"),
    ("COMMIT", "SET TRANSACTION READ ONLY", "BEGIN", "SELECT COUNT(*) FROM {t}", "COMMIT"),
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET @u = {n}",
    "SET @u = (SELECT COUNT(*) FROM {t})",
    "SELECT @u",
    "SELECT @u := {n} + 1",
    "SELECT COUNT(*) INTO @u FROM {t}",
    "SET sql_mode = ''",
    "SET sql_mode = 'STRICT_TRANS_TABLES,ANSI_QUOTES'",
    "SET sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'",
    "SELECT @@sql_mode, @@sql_select_limit, @@time_zone, @@autocommit",
    "SELECT '\\\\', \"v\" FROM {t} ORDER BY id",
    "SET sql_select_limit = {n}",
    "SET sql_select_limit = DEFAULT, time_zone = '+0{n}:00'",
    "SET NAMES latin1",
    "SET NAMES utf8mb4",
    "SELECT @@character_set_client, @@character_set_connection, @@character_set_results",
    "SELECT LAST_INSERT_ID(), @@identity",
    "DO LAST_INSERT_ID({n})",
    ("UPDATE {t} SET v = '{n}' WHERE id < {n}", "SELECT ROW_COUNT()"),
    ("INSERT IGNORE INTO {t} (id, v) VALUES ({n}, 'x')", "SHOW WARNINGS"),
    ("INSERT INTO {t} (id, v) VALUES ({n}, 'x')", "SHOW ERRORS"),
    ("SELECT CAST('{n}x' AS SIGNED)", "SHOW WARNINGS"),
    ("SELECT CAST('{n}x' AS SIGNED)", "SELECT @@warning_count, @@error_count"),
    ("SELECT id FROM no_such_table", "SHOW COUNT(*) ERRORS"),
    ("SELECT SQL_CALC_FOUND_ROWS id FROM {t} ORDER BY id LIMIT 1", "SELECT FOUND_ROWS()"),
    "USE sbtest",
    *["USE app"] * 2,
    "USE no_such_schema",
    "SELECT DATABASE()",
    "CREATE TEMPORARY TABLE {t}_tmp (id INT)",
    "INSERT INTO {t}_tmp VALUES ({n})",
    "SELECT COUNT(*) FROM {t}_tmp",
    "DROP TEMPORARY TABLE IF EXISTS {t}_tmp",
    "ALTER TABLE {t} COMMENT 'c{n}'",
    "TRUNCATE TABLE {t}",
    "LOCK TABLES {t} WRITE",
    *["UNLOCK TABLES"] * 2,
    "PREPARE p FROM 'SELECT COUNT(*) + ? FROM {t}'",
    "EXECUTE p USING @u",
    "DEALLOCATE PREPARE p",
    "SELECT GET_LOCK('{t}', 0)",
    "SELECT RELEASE_LOCK('{t}')",
    "/* causeway: route=writer */ SELECT COUNT(*) FROM {t}",
    "/* causeway: consistency=global */ SELECT COUNT(*) FROM {t}",
    "SHOW CREATE TABLE {t}",
    "DESCRIBE {t}",
]  # fmt: skip


class Answer:
    """What a client can see of an answer."""

    def __init__(self, connection, statement):
        self.rows, self.error = None, None
        self.affected = self.insert_id = self.warnings = None
        try:
            with connection.cursor() as cursor:
                self.affected = cursor.execute(statement)
                self.rows = cursor.fetchall()
                self.insert_id = cursor.lastrowid
                self.warnings = cursor._result.warning_count
        except pymysql.Error as error:
            self.error = (error.args, getattr(error, "sqlstate", None))
        # In a transaction, autocommit, no backslash escapes.
        self.status = None if self.error else connection.server_status & (1 | 2 | 512)

    def as_tuple(self):
        return (self.error, self.rows, self.affected, self.insert_id, self.warnings, self.status)


class Arena:
    """A cluster behind Causeway and a lone server, to be asked the same."""

    def __init__(self, cluster, oracle, proxy):
        self._cluster, self._oracle, self._proxy = cluster, oracle, proxy

    def prepare(self, table):
        for servers in (self._cluster, self._oracle):
            for schema in ("app", "sbtest"):
                servers.query(0, f"DROP TABLE IF EXISTS {schema}.{table}")
                servers.query(0, f"CREATE TABLE {schema}.{table} (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9))")

    def open(self):
        """A session through Causeway and one with the lone server."""
        self._cluster.wait_synced()
        return self._proxy.connect(database="app"), self._oracle.connect(0, accounts.APP, database="app")

    def replay(self, table, history):
        """The first difference when this is done in one session, None if there is none."""
        self.prepare(table)
        pair = self.open()
        try:
            for position, statement in enumerate(history):
                found = difference(pair, statement)
                if found:
                    return history[: position + 1], found
            return None
        finally:
            close(pair)

    def shrink(self, table, history, found):
        """The shortest story with a difference that leaving out statements gives."""
        shortest = self.replay(table, history)
        if shortest is None:
            return history, found + " (only beside other sessions)"
        size = len(shortest[0]) // 2
        while size > 0:
            position = 0
            while position < len(shortest[0]):
                shorter = self.replay(table, shortest[0][:position] + shortest[0][position + size :])
                if shorter is None:
                    position += size
                else:
                    shortest = shorter
            size //= 2
        return shortest


def difference(pair, statement):
    got, expected = (Answer(connection, statement).as_tuple() for connection in pair)
    return None if got == expected else f"Causeway answers {got}\n    a server answers {expected}"


def close(pair):
    for connection in pair:
        with contextlib.suppress(pymysql.Error):
            connection.close()


def one_round(seed, arena, length=150):
    """Sessions that take turns; the first difference as a story to read, or None."""
    rng = random.Random(seed)
    tables = [f"t{number}" for number in range(SESSIONS)]
    for table in tables:
        arena.prepare(table)
    pairs = [arena.open() for _ in tables]
    history = [[] for _ in tables]
    found = None
    try:
        for _ in range(length):
            number = rng.randrange(SESSIONS)
            chosen = rng.choice(STATEMENTS)
            small = rng.randrange(1, 9)
            for statement in [chosen] if isinstance(chosen, str) else chosen:
                history[number].append(statement.format(t=tables[number], n=small))
                found = found or difference(pairs[number], history[number][-1])
            if found:
                break
    finally:
        for pair in pairs:
            close(pair)
    if not found:
        return None
    story, found = arena.shrink(tables[number], history[number], found)
    return "\n".join([f"seed {seed}:", *(f"    {statement};" for statement in story), f"    {found}"])


def test_random_sessions_answer_as_one_server_does(cluster, own_cluster, start_proxy):
    seed = int(os.environ.get("CAUSEWAY_TEST_SEED", random.randrange(1_000_000) if LONG else 1))
    arena = Arena(cluster, own_cluster(replicas=0), start_proxy(cluster, FORWARD))
    stories = [one_round(seed + number, arena) for number in range(scaled("CAUSEWAY_TEST_DIFFERENTIAL_ROUNDS", 20, 300))]
    differences = [story for story in stories if story]
    assert not differences, "\n\n".join(differences)
