"""docs/contract/transactions.md: a transaction that its server loses ends with 40001 where nothing of it was committed, and only there:
drivers and frameworks run it again."""

import threading

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from support import AnswersLost, SqlError, attempt, one
from wire_client import BASIC, MULTI_RESULTS, MULTI_STATEMENTS, WireClient


@pytest.fixture
def way(cluster):
    with AnswersLost(cluster) as way:
        yield way


@pytest.fixture
def lossy(way, start_proxy, connect):
    """lossy(): a session whose answers from the writer can be lost."""
    proxy = start_proxy(way)

    def open_session(**options):
        session = connect(to=proxy, **options)
        session.causeway_port = proxy.port
        return session

    return open_session


@pytest.fixture
def procedures(cluster, table):
    """app.commits() and app.fails(): both commit."""
    cluster.query(0, f"CREATE PROCEDURE app.commits() BEGIN INSERT INTO {table} VALUES (50, 'p'); COMMIT; DO 1; END")
    cluster.query(0, "CREATE PROCEDURE app.fails() BEGIN COMMIT; SIGNAL SQLSTATE '45000'; END")
    cluster.query(0, "CREATE TABLE IF NOT EXISTS app.other (a INT)")
    cluster.wait_synced()
    yield
    for name in ("commits", "fails"):
        cluster.query(0, f"DROP PROCEDURE app.{name}")
    cluster.query(0, "DROP TABLE IF EXISTS app.other")


def committed(cluster, table, row=3):
    return bool(cluster.query(0, f"SELECT 1 FROM app.{table} WHERE id = {row}"))


def assert_told_so(error):
    """That it may or may not have been committed."""
    assert isinstance(error, SqlError) and (error.errno, error.sqlstate) == (1053, "08S01"), error
    assert "may or may not have been committed" in error.text


def assert_may_be_repeated(error):
    assert isinstance(error, SqlError) and (error.errno, error.sqlstate) == (1213, "40001"), error


COMMITTING = [
    "SET autocommit=1", "SET @@session.autocommit = ON", "SET sql_mode = '', autocommit = DEFAULT", "BEGIN", "START TRANSACTION READ WRITE",
    "COMMIT", "TRUNCATE TABLE other", "CREATE TABLE IF NOT EXISTS other (a INT)", "ALTER TABLE other COMMENT 'x'",
    "LOCK TABLES other WRITE", "ANALYZE TABLE other", "FLUSH TABLES", "FLUSH STATUS", "CALL commits()",
    "CREATE OR REPLACE VIEW of_other AS SELECT 1"]  # fmt: skip
COMMITTING_ON = {
    "mariadb": ["EXECUTE IMMEDIATE 'COMMIT'", "BEGIN NOT ATOMIC COMMIT; END", "SET STATEMENT max_statement_time=9 FOR TRUNCATE TABLE other"],
    "mysql": []}  # fmt: skip


def test_statement_that_commits_implicitly(cluster, cluster_kind, lossy, way, table, procedures):
    """No answer to it is no sign that nothing was committed."""
    for number, statement in enumerate(COMMITTING + COMMITTING_ON[cluster_kind], 100):
        session = lossy()
        run(session, "SET autocommit = 0")
        run(session, f"INSERT INTO {table} VALUES ({number}, 'x')")
        way.lose_answer_to(statement)
        assert_told_so(attempt(session, statement))
        assert committed(cluster, table, number), statement
        # What was committed is seen by the session.
        assert one(session, f"SELECT COUNT(*) FROM {table} WHERE id = {number}") == 1
        session.close()
        cluster.query(0, f"DELETE FROM app.{table} WHERE id = 50")


def test_statement_that_commits_nothing(cluster, lossy, way, table):
    for statement in (f"INSERT INTO {table} VALUES (4, 'y')", f"SELECT * FROM {table} FOR UPDATE", "ROLLBACK", "DO 1",
                      "SET sql_mode = 'autocommit=1'", "CREATE TEMPORARY TABLE of_mine (a INT)"):  # fmt: skip
        session = lossy()
        run(session, "BEGIN")
        run(session, f"INSERT INTO {table} VALUES (3, 'x')")
        way.lose_answer_to(statement)
        assert_may_be_repeated(attempt(session, statement))
        assert not committed(cluster, table), statement


EXECUTE = b"\x0a\x00\x00\x00\x17"  # the beginning of a COM_STMT_EXECUTE without parameters


@pytest.mark.parametrize(("protocol", "statement"), [
    ("prepared", "TRUNCATE TABLE other"), ("prepared", "CALL commits()"), ("prepared", "SET autocommit=1"),
    ("prepared as text", "TRUNCATE TABLE other"), ("prepared as text", "CALL commits()"),
    ("packet", "DO 1; CALL commits()"), ("packet", "DO 1; TRUNCATE TABLE other")])  # fmt: skip
def test_statement_that_commits_implicitly_by_other_ways(cluster, way, lossy, table, procedures, protocol, statement):
    with WireClient(lossy().causeway_port, accounts.APP, BASIC | MULTI_STATEMENTS | MULTI_RESULTS) as client:
        client.query("SET autocommit=0")
        client.query(f"INSERT INTO {table} VALUES (3, 'x')")
        if protocol == "prepared":
            statement_id = client.prepare(statement)[0]
            way.lose_answer_to(EXECUTE)
            answer = client.execute(statement_id)
        elif protocol == "prepared as text":
            client.query(f"PREPARE s FROM '{statement}'")
            way.lose_answer_to("EXECUTE s")
            answer = client.query("EXECUTE s")
        else:
            way.lose_answer_to(statement[6:])
            answer = client.query(statement)
        assert answer[-1].payload[:3] == b"\xff\x1d\x04", answer  # 1053
        assert committed(cluster, table)


def test_begin_that_goes_together_with_a_statement_that_commits(cluster, lossy, way, table, procedures):
    session = lossy()
    run(session, "BEGIN")
    way.lose_answer_to("CALL commits()")
    assert_told_so(attempt(session, "CALL commits()"))
    assert committed(cluster, table, 50)


def test_statement_behind_one_that_failed_after_a_commit(cluster, lossy, way, table, procedures):
    """What came before was committed by the one that failed."""
    for failing in ("CALL fails()", "TRUNCATE TABLE not_there", "LOCK TABLES not_there WRITE"):
        for lost in (f"UPDATE {table} SET value = 'z' WHERE id = 1", f"SELECT * FROM {table}"):
            session = lossy()
            run(session, "BEGIN")
            run(session, f"INSERT INTO {table} VALUES (3, 'x')")
            assert isinstance(attempt(session, failing), SqlError)
            assert committed(cluster, table)
            way.lose_answer_to(lost)
            assert_told_so(attempt(session, lost))
            cluster.query(0, f"DELETE FROM app.{table} WHERE id = 3")


def test_write_behind_a_deadlock_is_one_by_itself(cluster, lossy, way, connect, node_connect, table):
    """The server has rolled the transaction back, and what comes next is committed at once."""
    session, other = lossy(), node_connect(0)
    run(other, "BEGIN")
    run(other, f"UPDATE {table} SET value = 'other' WHERE id IN (1)")
    for number in range(10, 60):  # the other one weighs more
        run(other, f"INSERT INTO {table} VALUES ({number}, 'weight')")
    run(session, "BEGIN")
    run(session, f"UPDATE {table} SET value = 'session' WHERE id = 2")
    waits = threading.Thread(target=attempt, args=(other, f"UPDATE {table} SET value = 'other' WHERE id = 2"))
    waits.start()
    # The table is a copy that is not made anew while it is read within 100 ms.
    wait_until(lambda: cluster.query(0, "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"), 10, "it waits", interval=0.15)
    answer = attempt(session, f"UPDATE {table} SET value = 'session' WHERE id = 1")
    waits.join(30)
    run(other, "ROLLBACK")
    assert isinstance(answer, SqlError) and answer.errno == 1213, answer
    way.lose_answer_to("VALUES (3, 'x')")
    assert_told_so(attempt(session, f"INSERT INTO {table} VALUES (3, 'x')"))
    assert committed(cluster, table)


# --- the writer becomes a replica -------------------------------------------------------------------------------------


@pytest.fixture
def switched(own_cluster, start_proxy):
    """switched({name: [statements]}): sessions that have run these statements and then see another server become the writer;
    (the cluster, Causeway, the sessions by name)."""
    opened = []

    def switch(stories, level="GLOBAL"):
        cluster = own_cluster()
        cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY, v INT)")
        cluster.query(0, "INSERT INTO app.t VALUES (1, 0)")
        cluster.wait_synced()
        proxy = start_proxy(cluster)
        sessions = {}
        for name, statements in stories.items():
            sessions[name] = proxy.connect(database="app")
            opened.append(sessions[name])
            run(sessions[name], f"SET aurora_replica_read_consistency = '{level}'")
            for statement in statements:
                run(sessions[name], statement)
        cluster.promote(1)
        with proxy.connect(database="app") as other:
            wait_until(lambda: not isinstance(attempt(other, "UPDATE t SET v = v + 1 WHERE id = 1"), SqlError), 30, "a writer")
            assert one(other, "/* causeway: route=writer */ SELECT @@server_id") == 2
        return cluster, proxy, sessions

    yield switch
    for connection in opened:
        connection._force_close()


def test_sessions_bound_to_a_former_writer_end(switched):
    cluster, proxy, sessions = switched({
        "temporary table": ["CREATE TEMPORARY TABLE mine (a INT)"],
        "user lock": ["SELECT GET_LOCK('mine', 1)"],
        "prepared text": ["SET @text = 'SELECT 1'", "PREPARE s FROM @text"],
        "timestamp": ["SET timestamp = 1000"],
        "user variable": ["SET @mine = 1"],
    })  # fmt: skip
    wait_until(lambda: cluster.query(0, "SELECT IS_FREE_LOCK('mine') AS free")[0]["free"] == 1, 10, "the lock is free")
    proxy.wait_for_log("former writer")
    for name, session in sessions.items():
        statement = "SELECT @mine, v FROM t" if name == "user variable" else "SELECT v FROM t"
        answer = attempt(session, statement)
        assert isinstance(answer, SqlError) and answer.errno == 1053 and "not the writer any more" in answer.text, (name, answer)
        with pytest.raises(pymysql.Error):
            run(session, "SELECT 1")


def test_open_transactions_end_with_an_error_to_retry_on(switched):
    begun = ["BEGIN", "SELECT * FROM t"]
    cluster, proxy, sessions = switched({
        "commit": begun, "select": begun, "update": begun, "rollback": begun, "begin": begun,
        "autocommit off": ["SET autocommit = 0", "SELECT * FROM t"],
    })  # fmt: skip
    for name, session in sessions.items():
        statement = {"commit": "COMMIT", "select": "SELECT * FROM t", "rollback": "ROLLBACK", "begin": "BEGIN"}.get(name, "UPDATE t SET v = 9")
        answer = attempt(session, statement)
        assert isinstance(answer, SqlError) and answer.sqlstate == "40001", (name, answer)
        run(session, "ROLLBACK")
        run(session, "UPDATE t SET v = v + 1 WHERE id = 1")
        run(session, "COMMIT")
        assert one(session, "/* causeway: route=writer */ SELECT @@server_id") == 2
        run(session, "COMMIT")
    assert cluster.query(1, "SELECT v FROM app.t")[0]["v"] >= len(sessions)


@pytest.mark.parametrize("statement", ["INSERT INTO {table} VALUES (4, 'y')", "COMMIT", "BEGIN", "UPDATE {table} SET value = 'y'"])
def test_transaction_on_a_server_that_has_just_become_read_only(cluster, start_proxy, connect, table, statement):
    """Before anybody has noticed."""
    session = connect(to=start_proxy(cluster, {"monitor.interval": "2s"}))
    run(session, "BEGIN")
    run(session, f"INSERT INTO {table} VALUES (3, 'x')")
    cluster.set_read_only(0, True)
    try:
        assert_may_be_repeated(attempt(session, statement.format(table=table)))
        assert not committed(cluster, table)
    finally:
        cluster.set_read_only(0, False)
    run(session, f"INSERT INTO {table} VALUES (3, 'x')")


def test_read_only_transactions_are_refused_by_themselves(connect, table):
    """1792 is no sign of a switch."""
    session = connect()
    run(session, "CREATE TEMPORARY TABLE mine (a INT)")
    run(session, "START TRANSACTION READ ONLY")
    error = attempt(session, f"INSERT INTO {table} VALUES (3, 'x')")
    assert isinstance(error, SqlError) and error.errno == 1792, error
    run(session, "COMMIT")


# --- the writer does not answer ---------------------------------------------------------------------------------------


def test_transactions_outlive_a_silence_of_the_writer(own_cluster, start_proxy):
    """As statements under way do."""
    cluster = own_cluster(replicas=1)
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    proxy = start_proxy(cluster, {"monitor.connect_timeout": "500ms", "forwarding.writer_wait": "30s"})
    with proxy.connect(database="app") as session:
        run(session, "BEGIN")
        run(session, "INSERT INTO t VALUES (1)")
        cluster.pause(0)
        try:
            wait_until(lambda: '"up":false' in proxy.http("/status")[1], 20, "it is out")
            assert cluster.query(1, "SELECT 1 AS n")[0]["n"] == 1
        finally:
            cluster.resume(0)
        run(session, "INSERT INTO t VALUES (2)")
        run(session, "COMMIT")
    assert cluster.query(0, "SELECT COUNT(*) AS n FROM app.t")[0]["n"] == 2


def test_silence_that_lasts_ends_transactions(own_cluster, start_proxy):
    cluster = own_cluster(replicas=1)
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    proxy = start_proxy(cluster, {"monitor.connect_timeout": "500ms", "forwarding.writer_wait": "1s"})
    with proxy.connect(database="app") as session:
        run(session, "BEGIN")
        run(session, "INSERT INTO t VALUES (1)")
        cluster.pause(0)
        try:
            assert_may_be_repeated(attempt(session, "INSERT INTO t VALUES (2)"))
        finally:
            cluster.resume(0)
        run(session, "ROLLBACK")
        wait_until(lambda: not isinstance(attempt(session, "REPLACE INTO t VALUES (3)"), SqlError), 30, "it is back")
