"""A listener for clients that read the binary log, and for the dumps that they begin with: docs/contract/replication.md."""

import contextlib
import subprocess
import time

import pymysql
import pytest
from cluster import accounts, wait_until
from cluster.paths import cache_dir
from cluster.ports import free_port
from conftest import run
from support import SqlError, attempt, one
from test_accounts import outcome, tls
from test_proxy_protocol import connect_with, v1, v2

REPLICA = 2  # whose source is Causeway
TABLE = "CREATE TABLE app.copied (id INT PRIMARY KEY, value VARCHAR(255))"
STATUS = {"mysql": "SHOW BINARY LOG STATUS", "mariadb": "SHOW MASTER STATUS"}


@pytest.fixture
def listening(own_cluster, start_proxy):
    """listening(options, settings, **of the cluster): a cluster, Causeway, and the port of its listener for replication."""

    def start(options="", settings=None, **of_cluster):
        cluster = own_cluster(**of_cluster)
        port = free_port()
        listen = f"127.0.0.1:{port}?purpose=replication{options}"
        return cluster, start_proxy(cluster, {"listen": listen, **(settings or {})}), port

    return start


def connected(port, account=accounts.ADMIN, **options):
    return contextlib.closing(pymysql.connect(
        host="127.0.0.1", port=port, user=account.name, password=account.password, autocommit=True, **options))  # fmt: skip


def fill(cluster, first, rows=200):
    with cluster.connect(cluster.writer, database="app", autocommit=True) as connection:
        cursor = connection.cursor()
        for number in range(first, first + rows):
            cursor.execute("INSERT INTO copied VALUES (%s, REPEAT('x', 200))", (number,))


def follow(cluster, port):
    cluster.query(REPLICA, "STOP REPLICA")
    cluster.query(REPLICA, cluster.flavor.change_source(port, True, None))
    cluster.query(REPLICA, "START REPLICA")


def program_of(kind, name):
    if kind == "mysql":
        return ["chroot", str(cache_dir() / "mysql"), f"/usr/bin/mysql{name}", "--no-defaults"]
    return [f"mariadb-{name}", "--no-defaults"]


def run_tool(kind, name, port, *arguments, account=accounts.ADMIN):
    options = ["--protocol=tcp", "--host=127.0.0.1", f"--port={port}", f"--user={account.name}", f"--password={account.password}"]
    if kind == "mysql":
        options.append("--get-server-public-key")
    done = subprocess.run([*program_of(kind, name), *options, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_replica_reads_from_it(listening):
    cluster, proxy, port = listening("&tls=preferred")
    follow(cluster, port)
    cluster.query(0, TABLE)
    fill(cluster, 1)
    cluster.wait_synced(REPLICA)
    assert cluster.query(REPLICA, "SELECT COUNT(*) AS n FROM app.copied")[0]["n"] == 200
    assert proxy.http("/readyz/replication") == (200, f"ready: writer {cluster.addresses()[0]}\n")


@pytest.mark.parametrize("reset", [False, True])
def test_all_of_a_session_is_answered_by_one_server(listening, cluster_kind, reset):
    cluster, _, port = listening()
    cluster.query(0, TABLE)
    with connected(port) as session:
        if reset:
            session._execute_command(0x1F, b"")
            assert session._read_packet().is_ok_packet()
        run(session, "FLUSH TABLES WITH READ LOCK")
        run(session, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
        status = run(session, STATUS[cluster_kind])[0]
        servers = {one(session, f"SELECT @@{name}") for name in ("server_id", "global.server_id")}
        run(session, "UNLOCK TABLES")
        fill(cluster, 1, 10)
        assert one(session, "SELECT COUNT(*) FROM app.copied") == 0, "the snapshot is that of the position"
        assert servers == {1}
        own = cluster.query(0, STATUS[cluster_kind])[0]
        assert status[0] == own["File"] and status[1] < own["Position"]
        assert one(session, "SELECT @@server_id") == 1


def test_a_dump_with_its_position_works_out_of_the_box(listening, cluster_kind):
    cluster, _, port = listening()
    cluster.query(0, TABLE)
    fill(cluster, 1)
    option = "--source-data=2" if cluster_kind == "mysql" else "--master-data=2"
    text = run_tool(cluster_kind, "dump", port, "--single-transaction", option, "--databases", "app")
    assert "CREATE TABLE `copied`" in text and text.count("INSERT INTO `copied`") >= 1
    assert cluster.query(0, STATUS[cluster_kind])[0]["File"] in text
    assert "Dump completed" in text


def test_too_many_clients_are_told_and_counted(listening):
    _, proxy, port = listening("&max_clients=2")
    with connected(port) as first, connected(port) as second:
        assert one(first, "SELECT @@server_id") == one(second, "SELECT @@server_id") == 1
        refused = outcome(port, accounts.ADMIN)
        assert refused.errno == 1040 and "max_clients" in refused.text, refused
        assert outcome(proxy.port, accounts.ADMIN) == "in"
        assert proxy.metric("causeway_connections_rejected_total", reason="max_clients") == 1
    wait_until(lambda: outcome(port, accounts.ADMIN) == "in", 10, "there is room again")


def test_its_sessions_take_no_places_of_the_statements(listening):
    cluster, proxy, port = listening(settings={"forwarding.aurora_fwd_writer_max_connections_pct": "0"})
    cluster.query(0, TABLE)
    with contextlib.closing(proxy.connect(accounts.ADMIN)) as application:
        refused = attempt(application, "INSERT INTO app.copied VALUES (1, 'a')")
        assert isinstance(refused, SqlError) and refused.errno == 1040, refused
    with contextlib.ExitStack() as sessions:
        for _ in range(5):
            assert one(sessions.enter_context(connected(port)), "SELECT @@server_id") == 1


@pytest.mark.parametrize("apart", [True, False])
def test_its_sessions_run_on_threads_of_their_own(listening, apart):
    """So that a stream holds up no statement: a session's id tells its worker."""
    settings = {"workers": "2"} if apart else {"workers": "2", "replication.workers": "0"}
    _, proxy, port = listening(settings=settings)
    assert proxy.metric("causeway_workers") == (3 if apart else 2)
    workers = 3 if apart else 2
    with contextlib.ExitStack() as sessions:
        readers = [sessions.enter_context(connected(port)) for _ in range(4)]
        others = [sessions.enter_context(contextlib.closing(proxy.connect(accounts.ADMIN))) for _ in range(4)]
        of_readers = {one(session, "SELECT CONNECTION_ID()") % workers for session in readers}
        of_others = {one(session, "SELECT CONNECTION_ID()") % workers for session in others}
        assert of_others == {0, 1}
        assert of_readers == ({2} if apart else {0, 1})
        # Whatever the worker, they know of each other.
        run(others[0], f"KILL {one(readers[0], 'SELECT CONNECTION_ID()')}")
        assert isinstance(attempt(readers[0], "SELECT 1"), SqlError)


def test_tls_is_required_of_its_clients_alone(listening):
    _, proxy, port = listening("&tls=required")
    assert outcome(port, accounts.APP, ssl_disabled=True).errno == 3159
    assert outcome(port, accounts.APP, ssl=tls(None)) == "in"
    assert outcome(proxy.port, accounts.APP, ssl_disabled=True) == "in"


@pytest.mark.parametrize("header", [v1, v2])
def test_through_a_balancer(listening, header):
    _, _, port = listening("&proxy_protocol_from=127.0.0.1")
    with contextlib.closing(connect_with(header("10.9.9.9"), port, accounts.ADMIN)) as connection:
        assert one(connection, "SELECT @@server_id") == 1
    wrong = accounts.Account(accounts.ADMIN.name, "wrong")
    with pytest.raises(pymysql.Error, match=r"'@'10\.9\.9\.9'"):
        connect_with(header("10.9.9.9"), port, wrong)


def test_the_stream_is_as_fast_as_allowed(listening, cluster_kind):
    cluster, proxy, port = listening("&max_bytes_per_second=200KiB", replicas=1)
    cluster.query(0, "CREATE TABLE app.large (id INT PRIMARY KEY, b LONGBLOB)")
    for number in range(8):
        cluster.query(0, f"INSERT INTO app.large VALUES ({number}, REPEAT('x', {100 << 10}))")
    if cluster_kind == "mysql":
        arguments = ["--read-from-remote-source=BINLOG-DUMP-GTIDS"]
    else:
        arguments = ["--read-from-remote-server", "--start-position=0-1-1"]
    first = cluster.query(0, "SHOW BINARY LOGS")[0]["Log_name"]
    lengths, seconds = [], []
    for at in (proxy.port, port):
        began = time.monotonic()
        lengths.append(len(run_tool(cluster_kind, "binlog", at, *arguments, first)))
        seconds.append(time.monotonic() - began)
    assert lengths[0] == lengths[1] > 800_000
    # 800 KiB, of which 200 and what is read at once, 64, go at once.
    assert seconds[1] > 2.4 > seconds[0], seconds


def test_a_balancer_learns_whether_there_is_a_stream(listening):
    cluster, proxy, _ = listening()
    assert proxy.http("/readyz/replication")[0] == 200
    cluster.kill_node(0)
    wait_until(lambda: proxy.http("/readyz/replication")[0] == 503, 20, "the writer is missed")
    assert "not ready: " in proxy.http("/readyz/replication")[1] and proxy.http("/readyz")[0] == 200
    cluster.promote(1)
    wait_until(lambda: proxy.http("/readyz/replication")[0] == 200, 20, "there is another one")


def test_check_tells_what_is_wrong(cluster, start_proxy):
    proxy = start_proxy(cluster)
    command = [proxy.command()[0], "check", *proxy.command()[1:], "--listen", f"127.0.0.1:{free_port()}?max_clients=3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and 'listeners.max_clients is for listeners of purpose = "replication"' in done.stderr
