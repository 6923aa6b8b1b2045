"""Change data capture through Causeway, by GTID: a full load and then every change once and in order, also when another server
becomes the writer; and the programs of the servers, which write what they write of the server itself."""

import contextlib
import json
import os
import re
import subprocess

import pytest
from cluster import wait_until
from cluster.paths import cache_dir
from conftest import run
from log_tools import LOADER, behind, binlog_command, ledger_rows, own_server_id, position_now, prepare, writing
from replica_tools import make_writer
from support import in_parallel, one
from test_drivers import HERE, node_modules  # noqa: F401  (a fixture)

POSITION = {"mysql": "SELECT REPLACE(@@gtid_executed, '\n', '')", "mariadb": "SELECT @@gtid_binlog_pos"}


@pytest.fixture
def source(own_cluster, start_proxy):
    """(cluster, Causeway)."""
    cluster = own_cluster(replicas=1)
    prepare(cluster)
    return cluster, start_proxy(cluster)


@contextlib.contextmanager
def running(command, output, environment=None):
    """A program that writes to a file, until the end of a `with` block."""
    with open(output, "wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env={**os.environ, **(environment or {})})
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def full_load(proxy):
    """What is in the tables, and the GTIDs behind which the log goes on: {table: {id: value}}, position."""
    connection = proxy.connect(LOADER, database="app")
    run(connection, "FLUSH TABLES WITH READ LOCK")
    run(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    position = one(connection, POSITION[proxy.cluster.kind])
    run(connection, "UNLOCK TABLES")
    tables = {f"app.{table}": dict(run(connection, f"SELECT * FROM {table}")) for table in ("ledger", "balances", "moved")}
    connection.close()
    return tables, position


def sources(proxy):
    """The nodes whose log is read through Causeway."""
    return [stream["node"] for stream in json.loads(proxy.http("/status")[1])["streams"]]


# --- a full load, and then the changes -------------------------------------------------------------------------------------


def apply(tables, transactions):
    """As the target of a task does it, but that it takes nothing twice."""
    for transaction in transactions:
        for event, name, rows in transaction["changes"]:
            table = tables[name]
            for row in rows:
                before, after = (row["before"], row["after"]) if event == "UpdateRows" else (row, row)
                (key, value), (_, old) = after.values(), before.values()
                if event == "WriteRows":
                    assert key not in table, transaction
                    table[key] = value
                else:
                    assert table[key] == old, transaction
                    table[key] = value
                if event == "DeleteRows":
                    del table[key]


def test_every_change_is_captured_once_and_in_order(source, node_modules, tmp_path):  # noqa: F811
    if node_modules is None:
        pytest.skip("zongji is not installed: scripts/install-dependencies npm")
    cluster, proxy = source
    output = tmp_path / "captured"

    def captured():
        lines = output.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines]

    with writing(proxy, may_fail=True) as written:
        tables, position = full_load(proxy)
        environment = {"DB_PORT": str(proxy.port), "DB_USER": LOADER.name, "DB_PASSWORD": LOADER.password, "DB_POSITION": position,
                       "NODE_PATH": str(node_modules)}  # fmt: skip
        with running(["node", str(HERE / "node/capture.mjs")], output, environment):
            for writer in (1, 0, 1):
                # What it has written out may be of the stream before; only who is attached loses one.
                wait_until(lambda: sources(proxy) == [cluster.addresses()[cluster.writer]], 30, "the writer's log is read")
                now = len(captured())
                wait_until(lambda: len(captured()) > now + 20, 30, "changes are captured")
                make_writer(cluster, writer, old=1 - writer)
                behind_it = written() + 20
                wait_until(lambda: written() > behind_it, 30, "the application goes on")
            with proxy.connect(database="app") as connection:
                run(connection, "DELETE FROM moved WHERE id % 3 = 0")
                run(connection, "UPDATE ledger SET note = NULL WHERE n % 2 = 0")
                run(connection, "INSERT INTO ledger VALUES (-1, 'the last one')")
            wait_until(lambda: "the last one" in output.read_text(), 30, "all is captured")
    _expect_all(cluster, tables, captured())


def _expect_all(cluster, tables, lines):
    transactions = [line for line in lines if "gtid" in line]
    assert [line["lost"] for line in lines if "lost" in line].count("PROTOCOL_CONNECTION_LOST") >= 3
    gtids = [transaction["gtid"] for transaction in transactions]
    assert len(set(gtids)) == len(gtids)
    apply(tables, transactions)
    # The application may have gone on for a moment.
    last = max(tables["app.ledger"])
    now = {row["n"]: row["note"] for row in cluster.query(cluster.writer, f"SELECT * FROM app.ledger WHERE n <= {last}")}
    assert tables["app.ledger"] == now and sorted(now)[1:] == list(range(1, last + 1))
    assert sum(tables["app.balances"].values()) == 20_000


# --- the programs ----------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"### INSERT INTO `app`\.`ledger`\n### SET\n###   @1=(\d+)")
_TRANSACTION = {
    "mysql": re.compile(r"SET @@SESSION.GTID_NEXT= '([0-9a-f-]+:\d+)'.*?\nCOMMIT", re.S),
    "mariadb": re.compile(r"\tGTID (\d+-\d+-\d+) .*?\nCOMMIT", re.S),
}


def test_a_program_goes_on_where_it_was_when_the_writer_changes(source, cluster_kind, tmp_path):
    cluster, proxy = source
    position = position_now(cluster)
    last_file = cluster.query(0, "SHOW BINARY LOGS")[-1]["Log_name"]
    numbers = []
    with writing(proxy, may_fail=True) as written:
        for writer in (1, 0):
            output = tmp_path / f"read-{writer}"
            options = ["--verbose", "--stop-never", own_server_id(cluster_kind, 77), behind(cluster_kind, position), last_file]
            with running(binlog_command(cluster_kind, proxy.port, *options), output) as program:
                wait_until(lambda: len(_NUMBER.findall(output.read_text(errors="replace"))) > 20, 30, "it reads")
                make_writer(cluster, writer, old=1 - writer)
                assert program.wait(30) != 0, "it has not noticed"
            text = output.read_text(errors="replace")
            assert "ERROR: Got error reading packet from server: " in text
            whole = list(_TRANSACTION[cluster_kind].finditer(text))
            numbers += [int(number) for one_ in whole for number in _NUMBER.findall(one_[0])]
            position = joined(cluster_kind, position, [one_[1] for one_ in whole])
            now = written()
            wait_until(lambda: written() > now + 20, 30, "the application goes on")
    options = ["--verbose", "--to-last-log", behind(cluster_kind, position), last_file]
    rest = subprocess.run(binlog_command(cluster_kind, proxy.port, *options), capture_output=True, timeout=60)
    assert rest.returncode == 0, rest.stderr
    numbers += [int(number) for number in _NUMBER.findall(rest.stdout.decode(errors="replace"))]
    assert numbers == list(range(1, ledger_rows(cluster) + 1))


def joined(kind, position, gtids):
    """The position behind these, too."""
    return ",".join([position, *gtids]) if kind == "mysql" else gtids[-1]


WAYS = {
    "mysql": [[], ["--ssl-mode=REQUIRED"], ["--compression-algorithms=zlib"], ["--ssl-mode=REQUIRED", "--compression-algorithms=zstd"]],
    "mariadb": [[], ["--ssl"]],
}  # fmt: skip


def test_a_program_writes_what_it_writes_of_the_server(source, cluster_kind, tmp_path):
    """As text and, but for MariaDB's, which then takes no GTIDs, raw."""
    cluster, proxy = source
    position = position_now(cluster)
    with writing(proxy) as written:
        wait_until(lambda: written() > 20, 30, "somebody has written")
    cluster.query(0, "CREATE TABLE app.the_end (id INT)")
    last_file = cluster.query(0, "SHOW BINARY LOGS")[-1]["Log_name"]

    def text(port, *options):
        output = tmp_path / str(port)
        options = [*options, own_server_id(cluster_kind, port)] if "--stop-never" in options else options
        with running(binlog_command(cluster_kind, port, *options, last_file), output) as program:
            wait_until(lambda: b"the_end" in output.read_bytes(), 30, f"it reads with {options}")
            assert "--stop-never" in options or program.wait(30) == 0
        return output.read_bytes().partition(b"the_end")[0]

    def raw(port, *options):
        prefix = f"/tmp/raw-{port}-"
        file = cache_dir() / "mysql" / (prefix[1:] + last_file)
        command = binlog_command(cluster_kind, port, "--raw", f"--result-file={prefix}", *options, last_file)
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            return file.read_bytes()
        finally:
            file.unlink(missing_ok=True)

    reads = [(text, "--to-last-log"), (text, "--stop-never"), (raw, "--to-last-log")]
    for way in WAYS[cluster_kind]:
        for read, end in reads if cluster_kind == "mysql" else reads[:2]:
            ports = cluster.servers[0].port, proxy.port
            direct, through = in_parallel(2, lambda i: read(ports[i], behind(cluster_kind, position), end, *way))
            assert direct == through and direct.count(b"\0" if read is raw else b"COMMIT") > 20, (way, end)
