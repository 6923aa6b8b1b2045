"""Clients that read the binary log by file and position: Causeway knows whose coordinates theirs are, and finds the same
place in the log of another writer, or says why it does not."""

import contextlib
import json
import random
import re
import struct
import threading

import pymysql.cursors
import pytest
import wire_client
from cluster import accounts, wait_until
from wire_client import BASIC, WireClient

# A replica in the cluster, but its source is Causeway: node 2.
REPLICA = 2
BINLOG_DUMP, NON_BLOCKING = 0x12, 1
WRITE_ROWS = {23, 30}


def owner_of(cluster, node):
    if cluster.kind == "mysql":
        return cluster.query(node, "SELECT @@server_uuid AS id")[0]["id"]
    return str(cluster.query(node, "SELECT @@server_id AS id")[0]["id"])


def coordinates_of(cluster, node):
    with cluster.connect(node, cursorclass=pymysql.cursors.DictCursor) as connection:
        return cluster.flavor.binlog_coordinates(connection.cursor())


def attach(cluster, port, coordinates):
    cluster.query(REPLICA, "STOP REPLICA")
    if cluster.kind == "mysql" and cluster.gtid:
        cluster.query(REPLICA, "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION=0")
    cluster.query(REPLICA, cluster.flavor.change_source(port, False, coordinates))
    cluster.query(REPLICA, "START REPLICA")


def io_error(cluster):
    return cluster.replication_status(REPLICA).get("Last_IO_Error", "")


def is_connected(cluster):
    status = cluster.replication_status(REPLICA)
    return "Yes" in (status.get("Replica_IO_Running"), status.get("Slave_IO_Running"))


@pytest.fixture
def follow(own_cluster, start_proxy, tmp_path):
    """A function that makes node 2 follow Causeway by file and position: (cluster, proxy)."""

    def start(gtid=False, **options):
        cluster = own_cluster(gtid=gtid, **options)
        settings = {"replication.state_file": str(tmp_path / "state.json")}
        proxy = start_proxy(cluster, settings)
        cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY, n INT, body TEXT)")
        cluster.wait_synced()
        attach(cluster, proxy.port, coordinates_of(cluster, 0))
        wait_until(lambda: is_connected(cluster), 30, "the replica reads the log")
        return cluster, proxy

    return start


def write_rows(cluster, first, count=100):
    with cluster.connect(cluster.writer, database="app", autocommit=True) as connection:
        cursor = connection.cursor()
        for number in range(first, first + count):
            cursor.execute("INSERT INTO t VALUES (%s, 0, REPEAT('x', %s))", (number, number % 300))
            if number % 3 == 0:
                cursor.execute("UPDATE t SET n = n + 1 WHERE id <= %s", (number,))


def rows(cluster, node):
    return cluster.query(node, "SELECT id, n, body FROM app.t ORDER BY id")


def expect_same(cluster):
    cluster.wait_synced(REPLICA)
    assert rows(cluster, REPLICA) == rows(cluster, cluster.writer)


def make_writer(cluster, node, old, proxy=None):
    """Node `node` becomes the writer; the old one, if it lives, stands aside. Nobody tells the replica behind Causeway. With
    `proxy` it is waited for until that has seen it."""
    if cluster.servers[old].is_alive():
        cluster.set_read_only(old, True)
        cluster.wait_synced(node)
    cluster.query(node, "STOP REPLICA")
    cluster.query(node, "RESET REPLICA ALL")
    cluster.set_read_only(node, False)
    cluster.writer = node
    if proxy is not None:
        wait_until(lambda: role_of(proxy, node) == "writer", 30, "Causeway sees the new writer")


def role_of(proxy, node):
    return json.loads(proxy.http("/status")[1])["nodes"][node]["role"]


# MySQL with gtid_mode=OFF has anonymous transactions, which are known by their time of commit and their shape.
@pytest.mark.parametrize("gtid", [False, True])
def test_coordinates_are_translated_when_the_writer_changes(follow, gtid):
    cluster, _ = follow(gtid)
    write_rows(cluster, 1)
    expect_same(cluster)
    # Other places than in the old writer's log.
    cluster.query(1, "FLUSH BINARY LOGS")
    make_writer(cluster, 1, old=0)
    write_rows(cluster, 1000)
    expect_same(cluster)
    assert is_connected(cluster)


def test_what_was_sent_outlives_causeway(follow):
    cluster, proxy = follow()
    write_rows(cluster, 1)
    expect_same(cluster)
    proxy.stop()
    make_writer(cluster, 1, old=0)
    write_rows(cluster, 1000)
    cluster.kill_node(0)  # there is nobody to ask
    proxy.start()
    expect_same(cluster)


def test_a_killed_writer(follow):
    cluster, _ = follow()
    write_rows(cluster, 1, 30)
    expect_same(cluster)
    writing = threading.Thread(target=write_until_killed, args=(cluster,))
    writing.start()
    wait_until(lambda: cluster.query(REPLICA, "SELECT COUNT(*) AS n FROM app.t")[0]["n"] > 60, 30, "rows arrive")
    cluster.kill_node(0)
    writing.join()
    wait_until(lambda: applied_all(cluster, 1), 30, "what was received is applied")
    make_writer(cluster, 1, old=0)
    write_rows(cluster, 100_000)
    outcome = settle(cluster)
    print("outcome:", outcome)
    if outcome == "ahead":  # it has what the new writer never had, and was told
        more = {row["id"] for row in rows(cluster, REPLICA)} - {row["id"] for row in rows(cluster, 1)}
        assert more or cluster.kind
        return
    expect_same(cluster)


def write_until_killed(cluster):
    with contextlib.suppress(Exception):
        for first in range(1000, 100_000, 10):
            write_rows(cluster, first, 10)


def applied_all(cluster, node):
    status = cluster.replication_status(node)
    read = status.get("Read_Source_Log_Pos", status.get("Read_Master_Log_Pos"))
    done = status.get("Exec_Source_Log_Pos", status.get("Exec_Master_Log_Pos"))
    return read == done


def settle(cluster):
    """The replica goes on by itself ("translated"), or with what the error says ("advised"), or has more than the writer
    ("ahead")."""
    wait_until(lambda: is_connected(cluster) or "1236" in io_error(cluster), 60, "it goes on or stops")
    if "1236" not in io_error(cluster):
        return "translated"
    error = io_error(cluster)
    print(error)
    if "are missing" in error or "is there" in error:
        return "ahead"
    advised = re.search(r"_LOG_FILE='+([^']*)'+, \w+_LOG_POS=(\d+)", error)
    assert advised, error
    host = cluster.replication_status(REPLICA)
    port = host.get("Source_Port", host.get("Master_Port"))
    attach(cluster, port, (advised[1], int(advised[2])))
    wait_until(lambda: is_connected(cluster), 30, "it goes on")
    return "advised"


def dump(port, server_id, file, position):
    """What a client gets that asks for the log: ("error", text), or ("events", [(type, log_pos, body)])."""
    with WireClient(port, accounts.REPLICATION, BASIC & ~wire_client.CONNECT_WITH_DB, database=None) as client:
        client.query("SET @source_binlog_checksum = 'NONE', @master_binlog_checksum = 'NONE', @mariadb_slave_capability = 4")
        client.send(struct.pack("<BIHI", BINLOG_DUMP, position, NON_BLOCKING, server_id) + file.encode())
        events = []
        while True:
            payload = client._read_packet().payload
            if payload[:1] == b"\xff":
                code = int.from_bytes(payload[1:3], "little")
                return "error", f"{code} {payload[9:].decode()}", events
            if payload[:1] == b"\xfe":
                return "events", None, events
            kind, size = payload[5], int.from_bytes(payload[10:14], "little")
            assert size == len(payload) - 1
            events.append((kind, int.from_bytes(payload[14:18], "little"), payload[20:]))


def places(cluster, node):
    """Where events begin in a server's log: {(file, position): number of the next row that is written, by its order}."""
    found, number = {}, 0
    for file in cluster.query(node, "SHOW BINARY LOGS"):
        for event in cluster.query(node, f"SHOW BINLOG EVENTS IN '{file['Log_name']}'"):
            found[file["Log_name"], event["Pos"]] = number
            number += event["Event_type"].startswith("Write_rows")
            found[file["Log_name"], event["End_log_pos"]] = number
    return found


def test_wrong_coordinates_give_no_wrong_events(follow, cluster_kind):
    """A client that was sent the first writer's log asks for places in it, and for anything else."""
    cluster, proxy = follow()
    with cluster.connect(0, database="app", autocommit=True) as connection:
        for number in range(200):
            connection.cursor().execute("INSERT INTO t VALUES (%s, 0, REPEAT('x', %s))", (number, number % 50))
    expect_same(cluster)
    server_id = cluster.query(REPLICA, "SELECT @@server_id AS id")[0]["id"]
    first = places(cluster, 0)
    end = coordinates_of(cluster, 0)
    cluster.query(REPLICA, "STOP REPLICA")
    cluster.query(1, "FLUSH BINARY LOGS")
    make_writer(cluster, 1, old=0, proxy=proxy)
    second = places(cluster, 1)
    last_rows = max(second.values())
    outcomes = {"translated": 0, "refused": 0}
    draw = random.Random(7)
    known = sorted(position for file, position in first if file == end[0])
    for _ in range(WRONG_COORDINATES):
        position = draw.choice([draw.randrange(4, end[1] + 100), draw.choice(known)])
        what, error, events = dump(proxy.port, server_id, end[0], position)
        if what == "error":
            assert error.split()[0] in ("1236",), error
            outcomes["refused"] += 1
            continue
        # All that comes is what comes behind that place in the first writer's log.
        written = sum(1 for kind, _, _ in events if kind in WRITE_ROWS)
        assert (end[0], position) in first, f"{position} is no place of the first writer's"
        assert last_rows - written == first[end[0], position], (position, written)
        outcomes["translated"] += 1
    print(outcomes)
    assert outcomes["translated"] > 0 and outcomes["refused"] > 0


WRONG_COORDINATES = 30


def test_a_client_that_nobody_knows_has_to_say_whose_coordinates_it_has(follow):
    cluster, proxy = follow()
    write_rows(cluster, 1, 20)
    expect_same(cluster)
    make_writer(cluster, 1, old=0, proxy=proxy)
    write_rows(cluster, 100, 5)
    file, position = coordinates_of(cluster, 1)
    wait_until(lambda: is_connected(cluster), 30, "the replica goes on")
    what, error, _ = dump(proxy.port, 77, file, position)
    assert what == "error" and "does not know from which server's log" in error
    owner = owner_of(cluster, 1)
    assert f"_LOG_FILE='{owner}:{file}'" in error
    assert dump(proxy.port, 77, f"{owner}:{file}", position)[0] == "events"
    # From then on it is known, by its server id and its user.
    assert dump(proxy.port, 77, file, position)[0] == "events"
    assert dump(proxy.port, 77, file, position + 1)[0] == "error"
