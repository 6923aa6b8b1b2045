"""docs/contract/transactions.md: a transaction behaves as if it ran on one server."""

import time

import pytest
from cluster import wait_until
from conftest import run
from support import GeneralLogs, SqlError, attempt, lagging, one, server_of


def _locked(cluster, table, row=1):
    """Whether somebody holds a lock on the row at the writer."""
    with cluster.connect(0, database="app") as connection:
        run(connection, "SET innodb_lock_wait_timeout = 1")
        answer = attempt(connection, f"SELECT * FROM {table} WHERE id = {row} FOR UPDATE NOWAIT")
    return isinstance(answer, SqlError)


# --- where and when ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN WORK", "START TRANSACTION", "START TRANSACTION READ WRITE", "/*! BEGIN */"])
def test_begin_costs_no_round_trip(cluster, proxy, connect, table, begin):
    connection = connect()
    run(connection, "SELECT 1 FROM DUAL FOR UPDATE")
    with GeneralLogs(cluster) as logs:
        run(connection, begin)
        for node in range(3):
            assert not [text for text in logs.texts(node) if "BEGIN" in text or "START" in text]
        run(connection, f"INSERT INTO {table} VALUES (3, 'mark-first')")
        entries = logs.entries(0)
        mine = next(entry.connection for entry in entries if "mark-first" in entry.text)
        order = [entry.text for entry in entries if entry.connection == mine and entry.command == "Query"]
        begins = [index for index, text in enumerate(order) if "BEGIN" in text or "START TRANSACTION" in text]
        assert len(begins) == 1 and begins[0] < [index for index, text in enumerate(order) if "mark-first" in text][0], order
    run(connection, "ROLLBACK")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2


def test_transaction_in_which_nothing_was_done_reaches_no_server(cluster, connect, table):
    connection = connect()
    with GeneralLogs(cluster) as logs:
        for end in ("COMMIT", "ROLLBACK"):
            run(connection, "BEGIN")
            run(connection, end)
        assert all("BEGIN" not in text and "COMMIT" not in text for node in range(3) for text in logs.texts(node))


def test_everything_in_a_read_write_transaction_runs_on_the_writer(connect, table):
    connection = connect()
    run(connection, "BEGIN")
    assert server_of(connection) == 0
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert server_of(connection, f"FROM {table} WHERE id = 3") == 0
    run(connection, "COMMIT")
    assert server_of(connection) in (1, 2)


def test_consistent_snapshot_begins_at_once(cluster, connect, table):
    connection = connect()
    run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    run(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'later')")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2
    run(connection, "COMMIT")


def test_read_only_transaction_runs_on_a_replica_and_refuses_writes(connect, table):
    connection = connect()
    run(connection, "START TRANSACTION READ ONLY")
    assert server_of(connection) in (1, 2)
    for statement in (f"INSERT INTO {table} VALUES (3, 'x')", f"UPDATE {table} SET value = 'x'", f"DELETE FROM {table}"):
        answer = attempt(connection, statement)
        assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1792, "25006"), (statement, answer)
    assert server_of(connection) in (1, 2)
    run(connection, "COMMIT")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")


def test_write_as_the_first_statement_of_a_read_only_transaction(connect, table):
    connection = connect()
    for begin in ("START TRANSACTION READ ONLY", "SET TRANSACTION READ ONLY; BEGIN"):
        for statement in begin.split("; "):
            run(connection, statement)
        answer = attempt(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1792, "25006"), (begin, answer)
        run(connection, "ROLLBACK")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2


@pytest.mark.parametrize("first", [None, "SELECT COUNT(*) FROM {t}"], ids=["first", "after a read"])
def test_user_lock_of_a_read_only_transaction_is_one_for_all(connect, table, first):
    """On one server: not on the replica, where those who ask the writer would not meet it."""
    holder, other = connect(), connect()
    run(holder, "START TRANSACTION READ ONLY")
    if first:
        run(holder, first.format(t=table))
    assert one(holder, f"SELECT GET_LOCK('{table}', 0)") == 1
    assert holder.server_status & 1
    assert one(other, f"SELECT GET_LOCK('{table}', 0)") == 0
    assert one(holder, f"SELECT COUNT(*) FROM {table}") == 2
    run(holder, "COMMIT")
    assert one(other, f"SELECT GET_LOCK('{table}', 0)") == 0
    assert one(holder, f"SELECT RELEASE_LOCK('{table}')") == 1
    assert one(other, f"SELECT GET_LOCK('{table}', 5)") == 1


def test_locking_read_that_begins_a_read_only_transaction_locks_on_the_writer(connect, table):
    holder, other = connect(), connect()
    run(holder, "SET SESSION TRANSACTION READ ONLY")
    run(holder, "BEGIN")
    assert run(holder, f"SELECT id FROM {table} WHERE id = 1 LOCK IN SHARE MODE") == ((1,),)
    run(other, "SET innodb_lock_wait_timeout = 1")
    answer = attempt(other, f"UPDATE {table} SET value = 'other' WHERE id = 1")
    assert isinstance(answer, SqlError) and answer.errno == 1205, answer
    run(holder, "COMMIT")
    run(other, f"UPDATE {table} SET value = 'other' WHERE id = 1")


def test_user_variable_of_a_read_only_transaction_keeps_its_type(cluster, connect, table):
    """It was set on the replica, and is used on the writer."""
    values = ["5", "-7", "18446744073709551615", "1.50", "2.5e0", "1e300", "'it''s \\\\'", "_latin1 X'E9'", "X'00FF'", "NULL", "_utf8mb4'\u00e9' COLLATE utf8mb4_bin"]
    ask = "SELECT @v, HEX(@v), COLLATION(@v)"
    for value in values:
        connection, server = connect(), cluster.connect(0)
        run(connection, "START TRANSACTION READ ONLY")
        run(connection, f"SELECT COUNT(*) FROM {table}")
        for session in (connection, server):
            run(session, f"SET @v = {value}")
        run(connection, "COMMIT")
        run(connection, "SET @other = 1")
        assert run(connection, ask) == run(server, ask), value
        for session, name in ((connection, "c"), (server, "s")):
            run(session, f"CREATE TEMPORARY TABLE app.{table}_{name} AS SELECT @v AS v")
        types = [run(session, f"SHOW COLUMNS FROM app.{table}_{name}") for session, name in ((connection, "c"), (server, "s"))]
        assert types[0] == types[1], value
        connection.close()
        server.close()


def test_read_only_transaction_waits_before_its_snapshot(cluster, start_proxy, connect, table):
    connection = connect(to=start_proxy(cluster, {"forwarding.read_wait_timeout": "300ms"}))
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, "START TRANSACTION READ ONLY")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
    node = server_of(connection)
    cluster.query(0, f"INSERT INTO app.{table} VALUES (4, 'later')")
    cluster.wait_synced()
    assert run(connection, f"SELECT COUNT(*), @@server_id - 1 FROM {table}") == ((3, node),)
    run(connection, "COMMIT")
    with lagging(cluster, table):
        run(connection, f"INSERT INTO {table} VALUES (5, 'x')")
        run(connection, "START TRANSACTION READ ONLY")
        assert one(connection, f"SELECT COUNT(*) FROM {table}") == 5
        assert one(connection, f"SELECT COUNT(*) FROM {table}") == 5
        run(connection, "COMMIT")


def test_session_whose_transactions_are_read_only_by_default(connect, table):
    connection = connect()
    run(connection, "SET SESSION TRANSACTION READ ONLY")
    run(connection, "BEGIN")
    assert server_of(connection) in (1, 2)
    run(connection, "COMMIT")
    run(connection, "SET SESSION TRANSACTION READ WRITE")
    run(connection, "BEGIN")
    assert server_of(connection) == 0
    run(connection, "COMMIT")


def test_set_transaction_is_for_the_next_one_only(cluster, connect, table):
    connection = connect()
    run(connection, "SET TRANSACTION READ ONLY")
    run(connection, "START TRANSACTION")
    assert server_of(connection) in (1, 2)
    run(connection, "COMMIT")
    run(connection, "START TRANSACTION")
    assert server_of(connection) == 0
    run(connection, "COMMIT")
    # READ COMMITTED sees what is committed in between, REPEATABLE READ (the default) does not.
    for isolation, expected in (("READ COMMITTED", 3), (None, 3)):
        if isolation:
            run(connection, f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        run(connection, "BEGIN")
        before = one(connection, f"SELECT COUNT(*) FROM {table}")
        cluster.query(0, f"INSERT INTO app.{table} VALUES ({before + 10}, 'x')")
        assert one(connection, f"SELECT COUNT(*) FROM {table}") == expected
        run(connection, "COMMIT")


def test_set_transaction_twice_adds_up(connect, table):
    connection = connect()
    run(connection, "SET TRANSACTION READ ONLY")
    run(connection, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    began = time.monotonic()
    answer = attempt(connection, f"REPLACE INTO {table} VALUES (3, 'x')")
    assert isinstance(answer, SqlError) and answer.errno == 1792, answer
    assert time.monotonic() - began < 2


def test_set_transaction_is_not_spent_by_an_error_of_a_question(cluster_kind, connect, table):
    connection = connect()
    variable = "tx_read_only" if cluster_kind == "mariadb" else "transaction_read_only"
    run(connection, "SET autocommit = 0")
    run(connection, "SET TRANSACTION READ ONLY")
    assert attempt(connection, f"SELECT @@{variable}, @@no_such_variable").errno == 1193
    assert attempt(connection, f"REPLACE INTO {table} VALUES (3, 'x')").errno == 1792


@pytest.mark.parametrize("statement", ["ALTER TABLE {t} COMMENT 'x'", "TRUNCATE TABLE {t}", "LOCK TABLES {t} WRITE"])
def test_what_commits_by_itself_ends_a_read_only_transaction(connect, table, statement):
    connection = connect()
    run(connection, "START TRANSACTION READ ONLY")
    run(connection, f"SELECT * FROM {table}")
    run(connection, statement.format(t=table))
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, "UNLOCK TABLES")


def test_a_read_only_transaction_that_ddl_has_ended_does_not_hold_up_replication(cluster, connect, table):
    connection = connect()
    run(connection, "START TRANSACTION READ ONLY")
    run(connection, f"SELECT * FROM {table}")
    run(connection, f"ALTER TABLE {table} ADD COLUMN another INT")
    cluster.wait_synced()  # the session sends nothing more


# --- the end ----------------------------------------------------------------------------------------------------------


def test_own_changes_are_seen_and_those_of_others_are_not(connect, table):
    first, second = connect(level="GLOBAL"), connect(level="GLOBAL")
    run(first, "BEGIN")
    run(first, f"INSERT INTO {table} VALUES (3, 'x')")
    assert one(first, f"SELECT COUNT(*) FROM {table}") == 3
    assert one(second, f"SELECT COUNT(*) FROM {table}") == 2
    run(second, "BEGIN")
    assert one(second, f"SELECT COUNT(*) FROM {table}") == 2
    run(first, "COMMIT")
    assert one(second, f"SELECT COUNT(*) FROM {table}") == 2
    run(second, "ROLLBACK")
    assert one(second, f"SELECT COUNT(*) FROM {table}") == 3


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_and_chain_begins_the_next_one(connect, table, end):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, f"{end} AND CHAIN")
    assert server_of(connection) == 0
    run(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    run(connection, "ROLLBACK")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == (3 if end == "COMMIT" else 2)
    assert server_of(connection) in (1, 2)


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
def test_and_chain_keeps_a_transaction_read_only(connect, table, end):
    connection = connect()
    run(connection, "START TRANSACTION READ ONLY")
    assert server_of(connection) in (1, 2)
    run(connection, f"{end} AND CHAIN")
    answer = attempt(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert isinstance(answer, SqlError) and answer.errno == 1792, answer


@pytest.mark.parametrize("end", ["COMMIT RELEASE", "ROLLBACK RELEASE", "COMMIT AND NO CHAIN RELEASE"])
@pytest.mark.parametrize("in_transaction", [True, False])
def test_release_ends_the_connection(cluster, connect, table, end, in_transaction):
    connection = connect()
    if in_transaction:
        run(connection, "BEGIN")
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, end)
    with pytest.raises(Exception, match="(?i)lost|gone|closed|2013|2006|0, ''"):
        run(connection, "SELECT 1")
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == (3 if in_transaction and "COMMIT" in end else 2)


def test_autocommit_off_is_a_transaction_from_the_first_statement_on(cluster, connect, table):
    connection = connect()
    run(connection, "SET autocommit = 0")
    assert server_of(connection, f"FROM {table} WHERE id = 1") == 0
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 2
    run(connection, "ROLLBACK")
    run(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    run(connection, "COMMIT")
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 3
    run(connection, f"INSERT INTO {table} VALUES (5, 'x')")
    run(connection, "SET autocommit = 1")  # commits
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 4
    assert server_of(connection) in (1, 2)
    assert connection.get_autocommit()


def test_driver_with_autocommit_off(connect, table):
    connection = connect(autocommit=False)
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    connection.rollback()
    run(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    connection.commit()
    assert run(connection, f"SELECT id FROM {table} WHERE id > 2") == ((4,),)
    assert not connection.get_autocommit()


def test_begin_in_a_transaction_commits_the_first(cluster, connect, table):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    run(connection, "ROLLBACK")
    assert run(connection, f"SELECT id FROM {table} WHERE id > 2") == ((3,),)
    # The same with a read-only one behind an open one.
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (5, 'x')")
    run(connection, "START TRANSACTION READ ONLY")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 4
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 4
    run(connection, "COMMIT")
    run(connection, f"INSERT INTO {table} VALUES (6, 'x')")
    assert not _locked(cluster, table, 6)


def test_ddl_commits_what_is_open(cluster, connect, table):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    run(connection, f"ALTER TABLE {table} ADD COLUMN n INT")
    run(connection, "ROLLBACK")
    assert run(connection, f"SELECT id, n FROM {table} WHERE id = 3") == ((3, None),)
    assert server_of(connection) in (1, 2)


@pytest.mark.parametrize("begin", ["BEGIN", "START TRANSACTION READ ONLY"])
def test_error_in_the_first_statement_leaves_the_transaction_open(cluster, connect, table, begin):
    connection = connect()
    run(connection, begin)
    answer = attempt(connection, "SELECT * FROM no_such_table")
    assert isinstance(answer, SqlError) and answer.errno == 1146
    if begin == "BEGIN":
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        run(connection, "ROLLBACK")
    else:
        assert attempt(connection, f"INSERT INTO {table} VALUES (3, 'x')").errno == 1792
        run(connection, "COMMIT")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2


def test_deadlock_and_lock_wait_timeout_are_the_servers_own(connect, table):
    first, second = connect(), connect()
    run(second, "SET innodb_lock_wait_timeout = 1")
    run(first, "BEGIN")
    run(first, f"UPDATE {table} SET value = 'a' WHERE id = 1")
    answer = attempt(second, f"UPDATE {table} SET value = 'b' WHERE id = 1")
    assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1205, "HY000")
    run(first, "ROLLBACK")


def test_status_flags_say_whether_a_transaction_is_open(connect, table):
    connection = connect()

    def in_transaction():
        return bool(connection.server_status & 1)

    run(connection, "SELECT 1")
    assert not in_transaction()
    run(connection, "BEGIN")
    assert in_transaction()
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert in_transaction()
    run(connection, "COMMIT")
    assert not in_transaction()


# --- idle for too long ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", [{"forwarding.aurora_fwd_writer_idle_timeout": "1s"}], indirect=True)
def test_idle_transaction_is_rolled_back_and_the_next_statement_says_so_once(cluster, proxy, connect, table):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"UPDATE {table} SET value = 'changed' WHERE id = 1")
    assert _locked(cluster, table)
    wait_until(lambda: not _locked(cluster, table), 6, "the lock of the idle transaction is gone")
    answer = attempt(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert isinstance(answer, SqlError) and answer.sqlstate == "40001", answer
    run(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    assert run(connection, f"SELECT id, value FROM {table} ORDER BY id") == ((1, "one"), (2, "two"), (4, "x"))
    assert server_of(connection) in (1, 2)


@pytest.mark.parametrize("proxy", [{"forwarding.aurora_fwd_writer_idle_timeout": "1s"}], indirect=True)
def test_transaction_that_is_busy_is_not_idle(cluster, proxy, connect, table):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    began = time.monotonic()
    while time.monotonic() - began < 2:
        run(connection, f"SELECT SLEEP(0.3) FROM {table} LIMIT 1")
    run(connection, "SELECT SLEEP(1.5)")
    run(connection, "COMMIT")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
