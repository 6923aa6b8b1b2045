"""Clients that read the binary log through Causeway: replicas of both kinds and mysqlbinlog, by GTID."""

import json
import struct
import subprocess
import threading

import pymysql
import pytest
from cluster import accounts, wait_until
from cluster.paths import cache_dir
from replica_tools import REPLICA, attach_by_gtid, is_connected, make_writer

TLS = {"mysql": "SOURCE_SSL=1", "mariadb": "MASTER_SSL=1"}
COMPRESSION = {"mysql": "SET GLOBAL replica_compressed_protocol = ON", "mariadb": "SET GLOBAL slave_compressed_protocol = ON"}
ROWS = 300

TABLE = """CREATE TABLE app.wide (
  id INT PRIMARY KEY, tiny TINYINT, big BIGINT UNSIGNED, price DECIMAL(20, 6), ratio DOUBLE, bits BIT(11), day DATE,
  at DATETIME(6), stamp TIMESTAMP(3) NULL, year YEAR, name VARCHAR(200), body LONGTEXT, bytes LONGBLOB,
  kind ENUM('a', 'b'), marks SET('x', 'y'), doc JSON, place POINT NULL)"""
ROW = (
    "REPLACE INTO app.wide VALUES ({n}, {n} % 128, 18446744073709551615 - {n}, {n} / 7, {n} / 3, b'101', '2026-01-31',"
    " '2026-01-31 12:00:00.123456', '2026-02-28 01:02:03.004', 2026, 'ä\\'{n}', REPEAT('é', {n}), REPEAT(X'00ff', {n}),"
    ' \'b\', \'x,y\', \'{{"n": {n}}}\', ST_GeomFromText(\'POINT(1 2)\'))'
)


@pytest.fixture
def follow(own_cluster, start_proxy):
    """A function that makes node 2 follow Causeway: (cluster, proxy)."""

    def start(extra=None, settings=None, before="DO 1", **options):
        cluster = own_cluster(**options)
        proxy = start_proxy(cluster, settings)
        attach_by_gtid(cluster, proxy.port, extra=f", {extra}" if extra else "", before=before)
        wait_until(lambda: is_connected(cluster), 30, "the replica reads the log")
        return cluster, proxy

    return start


def streams(proxy):
    return json.loads(proxy.http("/status")[1])["streams"]


def checksums(cluster, node):
    return [tuple(row.values()) for row in cluster.query(node, "CHECKSUM TABLE app.wide")]


def write_rows(cluster, first, count=ROWS):
    with cluster.connect(cluster.writer, database="app", autocommit=True) as connection:
        cursor = connection.cursor()
        for number in range(first, first + count):
            cursor.execute(ROW.format(n=number))
            if number % 3 == 0:
                cursor.execute("UPDATE wide SET name = 'changed' WHERE id = %s", (number - 1,))
            if number % 7 == 0:
                cursor.execute("DELETE FROM wide WHERE id = %s", (number - 2,))


def expect_same(cluster):
    cluster.wait_synced(REPLICA)
    assert checksums(cluster, REPLICA) == checksums(cluster, cluster.writer)


@pytest.mark.parametrize("way", ["plain", "tls", "compressed"])
def test_a_replica_follows_through_a_switch(follow, cluster_kind, way):
    cluster, proxy = follow(TLS[cluster_kind] if way == "tls" else None, {"log.level": "debug"},
                            COMPRESSION[cluster_kind] if way == "compressed" else "DO 1")  # fmt: skip
    cluster.query(0, TABLE)
    write_rows(cluster, 10)
    expect_same(cluster)
    assert cluster.query(0, "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE user = 'repl' AND command LIKE "
                            "'Binlog Dump%'")[0]["n"] == 2  # fmt: skip
    make_writer(cluster, 1, old=0)
    write_rows(cluster, 1000)
    expect_same(cluster)
    proxy.wait_for_log('reason="another server is the writer"')


def test_a_replica_goes_on_behind_a_writer_that_has_died(follow):
    cluster, _ = follow()
    cluster.query(0, TABLE)
    for number in range(3):
        writer, other = number % 2, 1 - number % 2
        write_rows(cluster, 10 + 1000 * number)
        cluster.wait_synced(other)
        cluster.kill_node(writer)
        make_writer(cluster, other, old=writer)
        write_rows(cluster, 500 + 1000 * number, 50)
        expect_same(cluster)
        cluster.restart_node(writer)
        cluster.set_read_only(writer, True)
        for statement in cluster.flavor.before_change_source():
            cluster.query(writer, statement)
        cluster.query(writer, cluster.flavor.change_source(cluster.servers[other].port, True, None))
        cluster.query(writer, "START REPLICA")


def test_events_of_many_megabytes(follow):
    cluster, _ = follow(options=[f"--max-allowed-packet={64 << 20}"])
    cluster.query(0, "CREATE TABLE app.wide (id INT PRIMARY KEY, b LONGBLOB)")
    for number, size in enumerate(((1 << 24) - 100, 1 << 24, 40 << 20)):
        cluster.query(0, f"INSERT INTO app.wide VALUES ({number}, REPEAT('x', {size}))")
    expect_same(cluster)


@pytest.mark.parametrize("way", ["plain", "compressed"])
def test_a_semi_synchronous_replica_acknowledges(follow, cluster_kind, way):
    before = COMPRESSION[cluster_kind] if way == "compressed" else "DO 1"
    if cluster_kind == "mysql":
        plugins = [f"--plugin-load-add=semisync_{role}.so" for role in ("source", "replica")]
        cluster, proxy = follow(before=before, options=plugins)
        source, replica, counted = "rpl_semi_sync_source", "rpl_semi_sync_replica", "Rpl_semi_sync_source_%s"
    else:
        cluster, proxy = follow(before=before)
        source, replica, counted = "rpl_semi_sync_master", "rpl_semi_sync_slave", "Rpl_semi_sync_master_%s"
    cluster.query(0, f"SET GLOBAL {source}_timeout = 20000")
    cluster.query(0, f"SET GLOBAL {source}_enabled = ON")
    cluster.query(REPLICA, f"SET GLOBAL {replica}_enabled = ON")
    cluster.query(REPLICA, "STOP REPLICA IO_THREAD")
    cluster.query(REPLICA, "START REPLICA IO_THREAD")

    def status(name):
        return cluster.query(0, f"SHOW GLOBAL STATUS LIKE '{counted % name}'")[0]["Value"]

    wait_until(lambda: status("clients") == "1", 30, "the replica is semi-synchronous")
    (stream,) = streams(proxy)
    cluster.query(0, TABLE)
    write_rows(cluster, 10, 30)
    assert status("status") == "ON" and status("no_tx") == "0"
    assert int(status("yes_tx")) >= 30
    expect_same(cluster)
    assert [one["session"] for one in streams(proxy)] == [stream["session"]], "it is one stream to the end"


def test_file_and_position_are_refused_with_a_way_out(own_cluster, start_proxy):
    cluster = own_cluster()
    proxy = start_proxy(cluster)
    coordinates = cluster._coordinates(0)
    cluster.query(REPLICA, "STOP REPLICA")
    if cluster.kind == "mysql":
        cluster.query(REPLICA, "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION=0")
    cluster.query(REPLICA, cluster.flavor.change_source(proxy.port, False, coordinates))
    cluster.query(REPLICA, "START REPLICA")
    wait_until(lambda: "replication.state_file" in cluster.replication_status(REPLICA)["Last_IO_Error"], 30, "it stops, and says why")
    assert cluster.replication_status(REPLICA)["Last_IO_Errno"] in (1236, 13114)


def test_the_stream_ends_with_causeway(follow):
    cluster, proxy = follow(settings={"shutdown.drain_timeout": "120s"})
    proxy.stop(timeout=20)
    wait_until(lambda: not is_connected(cluster), 30, "the replica has noticed")


def test_who_reads_the_log_speaks_to_the_writer(own_cluster, start_proxy):
    cluster = own_cluster()
    proxy = start_proxy(cluster)
    account = accounts.ADMIN
    with pymysql.connect(host="127.0.0.1", port=proxy.port, user=account.name, password=account.password,
                         program_name="mysqlbinlog") as connection:  # fmt: skip
        cursor = connection.cursor()
        for statement in ("SELECT @@server_id", "SELECT @@global.server_id"):
            cursor.execute(statement)
            assert cursor.fetchone() == (1,)


def test_mysqlbinlog_reads_by_gtid(own_cluster, start_proxy, cluster_kind, tmp_path):
    cluster = own_cluster(replicas=1)
    proxy = start_proxy(cluster)
    cluster.query(0, "CREATE TABLE app.read_me (id INT PRIMARY KEY)")
    account = accounts.REPLICATION
    options = [f"--port={proxy.port}", "--host=127.0.0.1", f"--user={account.name}", f"--password={account.password}"]
    if cluster_kind == "mysql":
        program = ["chroot", str(cache_dir() / "mysql"), "/usr/bin/mysqlbinlog", "--read-from-remote-source=BINLOG-DUMP-GTIDS",
                   "--get-server-public-key"]  # fmt: skip
    else:
        program = ["mariadb-binlog", "--read-from-remote-server", "--start-position=0-1-1"]
    first = cluster.query(0, "SHOW BINARY LOGS")[0]["Log_name"]
    read = subprocess.run([*program, *options, first], capture_output=True, text=True, timeout=60, check=False)
    assert "CREATE TABLE app.read_me" in read.stdout, read.stderr


def test_many_streams_side_by_side_with_statements(follow, connect):
    cluster, proxy = follow()
    cluster.query(0, TABLE)
    writer = threading.Thread(target=write_rows, args=(cluster, 10))
    writer.start()
    with proxy.connect(database="app") as connection:
        cursor = connection.cursor()
        for number in range(100):
            cursor.execute("REPLACE INTO wide (id) VALUES (%s)", (100_000 + number,))
            cursor.execute("SELECT COUNT(*) FROM wide WHERE id = %s", (100_000 + number,))
            assert cursor.fetchone() == (1,)
    writer.join()
    expect_same(cluster)


def ask_for_log(proxy, cluster_kind, server_id, host="127.0.0.1"):
    """A connection from this address that has asked for all of the log; what comes is still to be read."""
    account = accounts.REPLICATION
    connection = pymysql.connect(host="127.0.0.1", port=proxy.port, user=account.name, password=account.password,
                                 bind_address=host, autocommit=None, read_timeout=20)  # fmt: skip
    cursor = connection.cursor()
    cursor.execute("SET @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'")
    if cluster_kind == "mysql":
        no_gtids = struct.pack("<Q", 0)
        dump = struct.pack("<HIIQI", 0, server_id, 0, 4, len(no_gtids)) + no_gtids
        connection._execute_command(0x1E, dump)
    else:
        cursor.execute("SET @mariadb_slave_capability = 4")
        cursor.execute("SET @slave_connect_state = ''")
        connection._execute_command(0x12, struct.pack("<IHI", 4, 0, server_id))
    return connection


def test_who_is_attached_is_shown(follow, cluster_kind):
    cluster, proxy = follow()
    cluster.query(0, TABLE)
    write_rows(cluster, 10, 30)
    expect_same(cluster)
    wait_until(lambda: [one["lag_seconds"] for one in streams(proxy)] == [0], 10, "the source has nothing more")
    wait_until(lambda: streams(proxy)[0]["lag_bytes"] == 0, 10, "the monitor says the same")
    (stream,) = streams(proxy)
    end = cluster.query(0, "SHOW BINARY LOG STATUS" if cluster_kind == "mysql" else "SHOW MASTER STATUS")[0]
    assert (stream["file"], stream["position"]) == (end["File"], int(end["Position"]))
    assert (stream["server_id"], stream["user"], stream["mode"], stream["until_end"]) == (3, "repl", "gtid", False)
    assert stream["node"].endswith(f":{cluster.servers[0].port}") and stream["client"].startswith("127.0.0.1:")
    assert stream["transactions"] >= 31 and stream["bytes"] > 0
    if cluster_kind == "mysql":
        assert stream["uuid"] == cluster.query(REPLICA, "SELECT @@server_uuid AS uuid")[0]["uuid"]
        uuid, numbers = cluster.query(0, "SELECT @@global.gtid_executed AS done")[0]["done"].rsplit(":", 1)
        assert stream["gtid"] == f"{uuid}:{numbers.rsplit('-', 1)[-1]}"
    else:
        assert stream["gtid"] == cluster.query(0, "SELECT @@global.gtid_binlog_pos AS done")[0]["done"]
    assert proxy.metric("causeway_binlog_streams") == 1
    assert proxy.metric("causeway_binlog_transactions_total") == stream["transactions"]
    assert proxy.metric("causeway_binlog_stream_lag_seconds", server_id="3", client="127.0.0.1") == 0
    with proxy.connect(account=accounts.ADMIN) as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW PROCESSLIST")
        assert "Binlog Dump" in [row[4].removesuffix(" GTID") for row in cursor.fetchall()]
    cluster.query(REPLICA, "STOP REPLICA")
    wait_until(lambda: streams(proxy) == [], 10, "it has gone")


def test_a_server_id_reads_the_log_once(own_cluster, start_proxy, cluster_kind):
    cluster = own_cluster(replicas=1)
    proxy = start_proxy(cluster)
    first = ask_for_log(proxy, cluster_kind, 77)
    first._read_packet()
    other = ask_for_log(proxy, cluster_kind, 77, host="127.0.0.2")
    with pytest.raises(pymysql.err.MySQLError) as refused:
        other._read_packet()
    code, text = refused.value.args
    assert code == 1236 and "server id 77" in text and "'repl' from 127.0.0.1:" in text
    again = ask_for_log(proxy, cluster_kind, 77)
    again._read_packet()
    with pytest.raises(pymysql.err.OperationalError):
        while first._read_packet():
            pass
    assert [one["client"] for one in streams(proxy)] == ["127.0.0.1:" + str(again._sock.getsockname()[1])]
    ask_for_log(proxy, cluster_kind, 78, host="127.0.0.2")._read_packet()
    for nobody in range(2):
        ask_for_log(proxy, cluster_kind, 0, host=f"127.0.0.{nobody + 1}")._read_packet()
    proxy.wait_for_log("was refused: another one has its server id")
