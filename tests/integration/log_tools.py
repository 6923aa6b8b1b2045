"""The programs of the servers that make dumps and read binary logs, and what they read: a cluster that is written to."""

import contextlib
import re
import subprocess
import threading

import pymysql
from cluster import accounts, wait_until
from cluster.paths import cache_dir
from conftest import run

# What an account needs for a dump of everything with coordinates, and then for the log (docs/replication.md).
LOADER = accounts.Account("loader", "loader-secret")
LOADER_RIGHTS = {
    "mysql": "SELECT, RELOAD, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER, PROCESS, REPLICATION CLIENT, REPLICATION SLAVE, SHOW_ROUTINE",
    "mariadb": "SELECT, RELOAD, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER, PROCESS, BINLOG MONITOR, REPLICATION SLAVE",
}
ACCOUNTS = 20
TOTAL = 1000 * ACCOUNTS

SCHEMA = (
    "CREATE TABLE app.ledger (n INT PRIMARY KEY, note VARCHAR(50))",
    "CREATE TABLE app.balances (id INT PRIMARY KEY, amount INT NOT NULL)",
    f"INSERT INTO app.balances WITH RECURSIVE t (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM t WHERE n < {ACCOUNTS - 1}) "
    "SELECT n, 1000 FROM t",
    "CREATE VIEW app.rich AS SELECT id FROM app.balances WHERE amount > 1000",
    "CREATE TABLE app.moved (id INT AUTO_INCREMENT PRIMARY KEY, balance INT)",
    "CREATE TRIGGER app.on_move AFTER UPDATE ON app.balances FOR EACH ROW INSERT INTO app.moved (balance) VALUES (NEW.id)",
    "CREATE FUNCTION app.twice(n INT) RETURNS INT DETERMINISTIC NO SQL RETURN 2 * n",
    "CREATE PROCEDURE app.all_moved() SELECT COUNT(*) FROM app.moved",
    "CREATE EVENT app.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM app.moved WHERE id < 0",
)
TABLES = "app.ledger, app.balances, app.moved"


def prepare(cluster):
    """The tables, and the account LOADER."""
    for statement in SCHEMA:
        cluster.query(0, statement)
    cluster.query(0, f"CREATE USER {LOADER.name}@'%' IDENTIFIED BY '{LOADER.password}'")
    cluster.query(0, f"GRANT {LOADER_RIGHTS[cluster.kind]} ON *.* TO {LOADER.name}@'%'")
    cluster.wait_synced()


@contextlib.contextmanager
def writing(proxy, may_fail=False):
    """For the time of a `with` block an application moves amounts through Causeway: one transaction after the other, each
    with one more row of the ledger. With `may_fail` it tries again, with another connection, after whatever error. Gives a
    function: how many are committed."""
    ended = threading.Event()
    first = ledger_rows(proxy.cluster)
    done = [first]
    errors = []

    def work():
        while not ended.is_set() and (may_fail or not errors):
            try:
                with proxy.connect(database="app") as connection:
                    while not ended.is_set():
                        _move(connection, done[0] + 1)
                        done[0] += 1
            except pymysql.Error as error:
                errors.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        wait_until(lambda: done[0] > first or (errors and not may_fail), 30, "somebody writes")
        yield lambda: done[0]
    finally:
        ended.set()
        thread.join()
    assert may_fail or not errors, errors


def _move(connection, number):
    one, other = number % ACCOUNTS, (7 * number + 3) % ACCOUNTS
    run(connection, "BEGIN")
    if run(connection, "SELECT n FROM ledger WHERE n = %s FOR UPDATE", (number,)):
        run(connection, "ROLLBACK")  # it is committed: only the answer was lost
        return
    run(connection, "UPDATE balances SET amount = amount - 1 WHERE id = %s", (one,))
    run(connection, "UPDATE balances SET amount = amount + 1 WHERE id = %s", (other,))
    run(connection, "INSERT INTO ledger VALUES (%s, CONCAT('é', %s))", (number, number))
    run(connection, "COMMIT")


def ledger_rows(cluster):
    return cluster.query(cluster.writer, "SELECT COUNT(*) AS n FROM app.ledger")[0]["n"]


def checksums(server, tables=TABLES):
    return [tuple(row.values()) for row in server.query(f"CHECKSUM TABLE {tables}", timeout=300)]


def expect_same(cluster, server, tables=TABLES, by_gtid=True, timeout=30):
    """A replica outside of the cluster comes to have everything, and that is the same."""
    with cluster.connect(cluster.writer, cursorclass=pymysql.cursors.DictCursor) as connection:
        statement = cluster.flavor.caught_up_statement(connection.cursor(), by_gtid)

    def is_there():
        status = server.query("SHOW REPLICA STATUS")[0]
        assert not status["Last_SQL_Error"], status["Last_SQL_Error"]
        assert "1236" not in status["Last_IO_Error"], status["Last_IO_Error"]
        return server.query(statement, (1,))[0]["answer"] in (0, 1)

    wait_until(is_there, timeout, "the new replica has everything")
    assert checksums(server, tables) == checksums(cluster.servers[cluster.writer], tables)


def _of_mysql(program):
    return ["chroot", str(cache_dir() / "mysql"), f"/usr/bin/{program}", "--no-defaults"]


def _login(account, port):
    return ["--protocol=tcp", "--host=127.0.0.1", f"--port={port}", f"--user={account.name}", f"--password={account.password}"]


def dump_command(kind, port, *options, account=LOADER, databases=("--all-databases",)):
    """A dump of everything, or of less, with coordinates."""
    everything = ["--single-transaction", *databases, "--routines", "--events", "--triggers"]
    if kind == "mysql":
        return [*_of_mysql("mysqldump"), *_login(account, port), "--get-server-public-key", "--source-data=2", *everything, *options]
    return ["mariadb-dump", "--no-defaults", *_login(account, port), "--master-data=2", "--gtid", *everything, *options]


def binlog_command(kind, port, *options, account=LOADER):
    """mysqlbinlog by GTID, or mariadb-binlog."""
    if kind == "mysql":
        remote = ["--read-from-remote-source=BINLOG-DUMP-GTIDS", "--get-server-public-key"]
        return [*_of_mysql("mysqlbinlog"), *_login(account, port), *remote, *options]
    return ["mariadb-binlog", "--no-defaults", *_login(account, port), "--read-from-remote-server", *options]


def position_now(cluster, node=0):
    """What is in the server's log, as GTIDs."""
    variable = "REPLACE(@@gtid_executed, '\\n', '')" if cluster.kind == "mysql" else "@@gtid_binlog_pos"
    return cluster.query(node, f"SELECT {variable} AS position")[0]["position"]


def own_server_id(kind, number):
    """The option of both for --stop-never: a source drops a reader when another one comes with the same id, the default too."""
    return f"--connection-server-id={number}" if kind == "mysql" else f"--stop-never-slave-server-id={number}"


def behind(kind, position):
    """The option of mysqlbinlog, or mariadb-binlog, to begin behind these GTIDs."""
    return f"--exclude-gtids={position}" if kind == "mysql" else f"--start-position={position}"


def dump_of_app(kind, port, *options, account=LOADER):
    """The text of a dump of the schema `app`; bytes that are no text are in hexadecimal."""
    command = dump_command(kind, port, "--hex-blob", *options, account=account, databases=["--databases", "app"])
    done = subprocess.run(command, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def position_of_dump(text):
    """What mariadb-dump --gtid says."""
    return re.search(rb"SET GLOBAL gtid_slave_pos='([^']+)'", text)[1].decode()


def coordinates_of_dump(text):
    """(file, position)."""
    file, position = re.search(rb"_LOG_FILE='([^']+)', \w+_LOG_POS=(\d+)", text).groups()
    return file.decode(), int(position)


def begin_with_dump(server, text):
    """The server, whatever it was before, has what is in the dump and an empty log; by GTID it goes on from there."""
    is_mysql = server.flavor.kind == "mysql"
    for statement in ("STOP REPLICA", "RESET REPLICA ALL", "RESET BINARY LOGS AND GTIDS" if is_mysql else "RESET MASTER"):
        server.query(statement)
    restore(server, b"SET SESSION sql_log_bin = 0;\n" + text)
    if not is_mysql:
        server.query(f"SET GLOBAL gtid_slave_pos = '{position_of_dump(text)}'")


def restore(server, text):
    """Feeds a dump to a server, as root."""
    kind = server.flavor.kind
    program = _of_mysql("mysql") if kind == "mysql" else ["mariadb", "--no-defaults"]
    command = [*program, f"--socket={server.flavor.inside(server.socket)}", "--user=root"]
    done = subprocess.run(command, input=text, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()
    server.query("FLUSH NO_WRITE_TO_BINLOG PRIVILEGES")
