"""Full loads through Causeway: dumps and snapshots while somebody writes, and replicas that begin with them (docs/replication.md)."""

import contextlib
import re
import subprocess

import pymysql
import pytest
from cluster import LocalCluster, wait_until
from conftest import run
from log_tools import LOADER, TABLES, TOTAL, dump_command, expect_same, ledger_rows, position_of_dump, prepare, restore, writing
from replica_tools import make_writer
from support import SqlError, attempt, lagging, one

SETTINGS = {"statements.savepoint": "forward"}
STATUS = {"mysql": "SHOW BINARY LOG STATUS", "mariadb": "SHOW MASTER STATUS"}
POSITION = {"mysql": "SELECT @@gtid_executed", "mariadb": "SELECT @@gtid_binlog_pos"}


@pytest.fixture(scope="module")
def source_cluster(cluster_kind):
    with LocalCluster(cluster_kind, replicas=1) as cluster:
        prepare(cluster)
        yield cluster


@pytest.fixture
def source(source_cluster, start_proxy):
    """(cluster, Causeway). Its replica applies nothing: whoever reads there instead of on the writer is found out."""
    with lagging(source_cluster, "ledger"):
        yield source_cluster, start_proxy(source_cluster, SETTINGS)


@pytest.fixture
def new_server(own_cluster):
    """A server of its own without any log, as an operator makes it."""
    server = own_cluster(replicas=0, options=["--server-id=9"]).servers[0]
    server.query("RESET BINARY LOGS AND GTIDS" if server.flavor.kind == "mysql" else "RESET MASTER")
    return server


def attach(server, port, *before, more=""):
    """Makes it a replica by GTID, of whatever is on this port."""
    for statement in before:
        server.query(statement)
    server.query(server.flavor.change_source(port, True, None) + more)
    server.query("START REPLICA")


# --- programs ---------------------------------------------------------------------------------------------------------


def test_a_replica_begins_with_a_dump(source, new_server, cluster_kind):
    cluster, proxy = source
    with writing(proxy) as written:
        before = written()
        done = subprocess.run(dump_command(cluster_kind, proxy.port), capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        restore(new_server, done.stdout)
        assert new_server.query("SELECT SUM(amount) AS n FROM app.balances")[0]["n"] == TOTAL
        assert new_server.query("SELECT COUNT(*) AS n FROM app.ledger")[0]["n"] >= before
        begin = [] if cluster_kind == "mysql" else [f"SET GLOBAL gtid_slave_pos = '{position_of_dump(done.stdout)}'"]
        attach(new_server, proxy.port, *begin)
        now = written()
        wait_until(lambda: written() > now + 10, 30, "the application goes on")
    expect_same(cluster, new_server)
    for kind, expected in (("routines", {"all_moved", "twice"}), ("triggers", {"on_move"}), ("events", {"nightly"}), ("views", {"rich"})):
        column = {"views": "table_name", "routines": "routine_name", "triggers": "trigger_name", "events": "event_name"}[kind]
        schema = {"views": "table_schema", "routines": "routine_schema"}.get(kind, kind[:-1] + "_schema")
        rows = new_server.query(f"SELECT {column} AS name FROM information_schema.{kind} WHERE {schema} = 'app'")
        assert {row["name"] for row in rows} == expected


def test_mydumper(source, new_server, cluster_kind, tmp_path):
    """Several connections at a time. Debian's knows no coordinates of MySQL 9, nobody's that begin there.

    With --regex alone it looks through all databases, and mydumper 0.10.1 then hangs by itself now and then, before a
    bare server too: a thread of its own waits for the lock of a queue that is freed by then.
    """
    cluster, proxy = source
    login = ["--host=127.0.0.1", f"--user={LOADER.name}", f"--password={LOADER.password}"]
    with writing(proxy):
        dumped = subprocess.run(["mydumper", *login, f"--port={proxy.port}", "--threads=3", "--database=app", f"--outputdir={tmp_path}/dump"],
                                capture_output=True, text=True, timeout=120)  # fmt: skip
        assert dumped.returncode == 0, dumped.stderr
        new_server.query("DROP DATABASE app")
        loaded = subprocess.run(["myloader", "--host=localhost", f"--socket={new_server.socket}", "--user=root", "--threads=3", f"--directory={tmp_path}/dump"],
                                capture_output=True, text=True, timeout=120)  # fmt: skip
        assert loaded.returncode == 0, loaded.stderr
        rows = new_server.query("SELECT SUM(amount) AS total, (SELECT COUNT(*) FROM app.ledger) AS n, (SELECT MAX(n) FROM app.ledger) "
                                "AS last, (SELECT COUNT(*) FROM app.moved) AS moved FROM app.balances")[0]  # fmt: skip
        assert rows["total"] == TOTAL and rows["n"] == rows["last"] > 0 and rows["moved"] == 2 * rows["n"]
        if cluster_kind == "mysql":
            return
        position = re.search(r"GTID:(\S+)", (tmp_path / "dump/metadata").read_text())[1]
        attach(new_server, proxy.port, "RESET MASTER", f"SET GLOBAL gtid_slave_pos = '{position}'")
    expect_same(cluster, new_server)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_snapshots_of_several_connections_are_one(source, cluster_kind):
    """As MySQL Shell, Debezium and managed services begin: the lock in one connection, snapshots in others."""
    cluster, proxy = source
    base = number_of(cluster.query(0, POSITION[cluster_kind])[0].popitem()[1]) - ledger_rows(cluster)
    with contextlib.ExitStack() as stack:
        holder, *others = [stack.enter_context(proxy.connect(LOADER, database="app")) for _ in range(4)]
        all_tables, some_tables = "FLUSH TABLES WITH READ LOCK", f"LOCK TABLES {TABLES.replace(',', ' READ,')} READ"
        for lock in [all_tables, some_tables] * 3:
            with writing(proxy, may_fail=lock == some_tables):  # in a deadlock, by the order of the tables
                file, offset, position = begin_snapshots(holder, others, lock, cluster_kind)
                for connection in others:
                    assert one(connection, "SELECT @@server_id") == 1
                    assert one(connection, "SELECT COUNT(*) FROM ledger") == number_of(position) - base
                    assert one(connection, "SELECT SUM(amount) FROM balances") == TOTAL
                    run(connection, "COMMIT")
            if cluster_kind == "mariadb":
                assert cluster.query(0, f"SELECT BINLOG_GTID_POS('{file}', {offset}) AS position")[0]["position"] == position


def begin_snapshots(holder, others, lock, kind):
    """(file, offset, GTIDs) of what all of them see."""
    run(holder, lock)
    for connection in others:
        run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        run(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    file, offset = run(holder, STATUS[kind])[0][:2]
    position = one(holder, POSITION[kind])
    run(holder, "UNLOCK TABLES")
    return file, offset, position


def number_of(position):
    """Of the last transaction of a position of one server."""
    return int(re.search(r"-(\d+)$", position)[1])


# --- a managed service ------------------------------------------------------------------------------------------------

# What the procedures of managed services ask for, and do with it. Of the CA they have a copy.
_PARAMETERS = "host VARCHAR(100), port INT, user VARCHAR(32), password VARCHAR(100), gtids VARCHAR(1000), encrypted BOOLEAN"
_CHANGE = {
    "mysql": """CONCAT('CHANGE REPLICATION SOURCE TO SOURCE_HOST=', QUOTE(host), ', SOURCE_PORT=', port, ', SOURCE_USER=', QUOTE(user),
      ', SOURCE_PASSWORD=', QUOTE(password), ', SOURCE_AUTO_POSITION=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400, SOURCE_SSL=',
      encrypted, ', SOURCE_SSL_CA=''ca.pem'', SOURCE_SSL_VERIFY_SERVER_CERT=', encrypted)""",
    "mariadb": """CONCAT('CHANGE MASTER TO MASTER_HOST=', QUOTE(host), ', MASTER_PORT=', port, ', MASTER_USER=', QUOTE(user),
      ', MASTER_PASSWORD=', QUOTE(password), ', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_SSL=', encrypted,
      ', MASTER_SSL_CA=''ca.pem'', MASTER_SSL_VERIFY_SERVER_CERT=', encrypted)""",
}
_SET_EXTERNAL_SOURCE = """CREATE PROCEDURE mysql.set_external_source({parameters}) BEGIN
  {position};
  SET @change = {change};
  PREPARE statement FROM @change;
  EXECUTE statement;
END"""
_POSITION = {"mysql": "DO gtids", "mariadb": "SET GLOBAL gtid_slave_pos = gtids"}


def test_a_managed_replica_is_set_up_by_a_procedure(source_cluster, start_proxy, new_server, cluster_kind):
    """Host, port, user, password, GTIDs, SSL: nothing else is known of Causeway; its certificate is checked. From the first
    transaction of the log on, and over a change of the writer without anybody's doing."""
    cluster, files = source_cluster, source_cluster.servers[0].datadir
    proxy = start_proxy(cluster, {"tls.certificate": files / "server-cert.pem", "tls.key": files / "server-key.pem"})
    for name in ("app", "sbtest"):
        new_server.query(f"DROP DATABASE {name}")
    new_server.query("RESET BINARY LOGS AND GTIDS" if cluster_kind == "mysql" else "RESET MASTER")
    new_server.query(_SET_EXTERNAL_SOURCE.format(parameters=_PARAMETERS, position=_POSITION[cluster_kind], change=_CHANGE[cluster_kind]))
    new_server.query("RESET BINARY LOGS AND GTIDS" if cluster_kind == "mysql" else "RESET MASTER")
    cluster.query(0, "CREATE USER managed@'%' IDENTIFIED BY 'managed-secret' REQUIRE SSL")
    cluster.query(0, "GRANT REPLICATION SLAVE ON *.* TO managed@'%'")
    with writing(proxy, may_fail=True) as written:
        new_server.query("CALL mysql.set_external_source('127.0.0.1', %s, 'managed', 'managed-secret', '', 1)", (proxy.port,))
        new_server.query("START REPLICA")
        wait_until(lambda: rows_of(new_server) > 0, 30, "it follows")
        make_writer(cluster, 1, old=0)
        now = written()
        wait_until(lambda: written() > now + 10, 30, "the application goes on")
    expect_same(cluster, new_server)


def test_a_load_does_not_go_on_with_another_server(source_cluster, start_proxy):
    """It fails, and is begun again."""
    cluster = source_cluster
    proxy = start_proxy(cluster, SETTINGS)
    with proxy.connect(LOADER, database="app") as load:
        run(load, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
        assert one(load, "SELECT SUM(amount) FROM balances") == TOTAL
        make_writer(cluster, 1 - cluster.writer, old=cluster.writer)
        wait_until(lambda: proxy.log().count('event="there is a writer"') == 2, 10, "another server is the writer")
        assert isinstance(attempt(load, "SELECT SUM(amount) FROM balances"), SqlError)
    with proxy.connect(LOADER, database="app") as load:
        run(load, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
        assert one(load, "SELECT @@server_id") == cluster.writer + 1


def rows_of(server):
    try:
        return server.query("SELECT COUNT(*) AS n FROM app.ledger")[0]["n"]
    except pymysql.Error:  # it has not come yet
        status = server.query("SHOW REPLICA STATUS")[0]
        assert not status["Last_IO_Error"] and not status["Last_SQL_Error"], status
        return 0
