"""Clients that read the binary log by file and position: Causeway knows whose coordinates theirs are, and finds the same
place in the log of another writer, or says why it does not."""

import random
import struct

import pytest
import wire_client
from cluster import accounts, wait_until
from replica_tools import REPLICA, attach, coordinates_of, io_error, is_connected, make_writer, owner_of
from support import scaled
from wire_client import BASIC, WireClient

BINLOG_DUMP, NON_BLOCKING = 0x12, 1
WRITE_ROWS = {23, 30}
WRONG_COORDINATES = scaled("CAUSEWAY_TEST_WRONG_COORDINATES", 30, 1000)


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


# MySQL with gtid_mode=OFF has anonymous transactions, which are known by their time of commit and their shape.
@pytest.mark.parametrize("gtid", [False, True])
def test_coordinates_are_translated_when_the_writer_changes(follow, gtid):
    cluster, _ = follow(gtid)
    write_rows(cluster, 1)
    expect_same(cluster)
    # Other places than in the old writer's log.
    cluster.query(1, "FLUSH BINARY LOGS")
    make_writer(cluster, 1, old=0, rejoin=False)
    write_rows(cluster, 1000)
    expect_same(cluster)
    assert is_connected(cluster)


def test_what_was_sent_outlives_causeway(follow):
    cluster, proxy = follow()
    write_rows(cluster, 1)
    expect_same(cluster)
    proxy.stop()
    make_writer(cluster, 1, old=0, rejoin=False)
    write_rows(cluster, 1000)
    cluster.kill_node(0)  # there is nobody to ask
    proxy.start()
    expect_same(cluster)


BEGIN_ANEW = {"mysql": ["RESET REPLICA", "RESET BINARY LOGS AND GTIDS"], "mariadb": ["RESET MASTER", "SET GLOBAL gtid_slave_pos = ''"]}


def test_numbers_that_are_given_out_again_name_other_transactions(follow, cluster_kind):
    """The logs of all servers were begun anew while the client was away, and then the writer changed: what its last GTID
    names now is not what it has."""
    cluster, proxy = follow(gtid=True)
    write_rows(cluster, 1, 20)
    expect_same(cluster)
    cluster.query(REPLICA, "STOP REPLICA")
    clock = "SELECT UNIX_TIMESTAMP() AS now"
    before = cluster.query(0, clock)[0]["now"]
    wait_until(lambda: cluster.query(0, clock)[0]["now"] > before, 10, "another second")
    cluster.query(1, "STOP REPLICA")
    for node in (0, 1):
        for statement in BEGIN_ANEW[cluster_kind]:
            cluster.query(node, statement)
    cluster.query(1, "START REPLICA")
    write_rows(cluster, 1000, 60)
    make_writer(cluster, 1, old=0, proxy=proxy, rejoin=False)
    cluster.query(REPLICA, "START REPLICA")
    wait_until(lambda: "1236" in io_error(cluster), 30, "it is refused")
    assert "of the last transactions of this client is there" in proxy.log()
    assert len(rows(cluster, REPLICA)) == 20


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


def test_wrong_coordinates_give_no_wrong_events(follow, cluster_kind, record_property):
    """Clients that were sent the first writer's log, or say that it is that, ask for places in it, and for anything else."""
    cluster, proxy = follow()
    cluster.query(0, "FLUSH BINARY LOGS")
    with cluster.connect(0, database="app", autocommit=True) as connection:
        for number in range(200):
            connection.cursor().execute("INSERT INTO t VALUES (%s, 0, REPEAT('x', %s))", (number, number % 50))
            if number == 70:  # two files have one name, and other contents
                cluster.wait_synced(1)
                cluster.query(1, "FLUSH BINARY LOGS")
    expect_same(cluster)
    first, (file, end), owner = places(cluster, 0), coordinates_of(cluster, 0), owner_of(cluster, 0)
    # Server ids of clients that are remembered, until they are sent the second writer's log.
    remembered = list(range(1000, 1000 + min(WRONG_COORDINATES // 2, 200)))
    for server_id in remembered:
        assert len(dump(proxy.port, server_id, file, 4)[2]) > 800
    make_writer(cluster, 1, old=0, proxy=proxy, rejoin=False)
    assert file in {there for there, _ in places(cluster, 1)}
    last_rows = max(first.values())
    outcomes = {"translated": 0, "refused": 0}
    draw = random.Random(7)
    known = sorted(position for there, position in first if there == file)
    events = cluster.query(0, f"SHOW BINLOG EVENTS IN '{file}'")
    begins = [event["Pos"] for event in events if event["Event_type"] in ("Gtid", "Anonymous_Gtid")]
    for _ in range(WRONG_COORDINATES):
        position = draw.choice([draw.randrange(4, end + 100), draw.choice(known), draw.choice(begins)])
        is_remembered = bool(remembered) and draw.random() < 0.7
        server_id, name = (remembered[-1], file) if is_remembered else (999, f"{owner}:{file}")
        what, error, events = dump(proxy.port, server_id, name, position)
        if what == "error":
            assert error.split()[0] in ("1236",), error
            outcomes["refused"] += 1
            continue
        # All that comes is what comes behind that place in the first writer's log.
        written = sum(1 for kind, _, _ in events if kind in WRITE_ROWS)
        assert (file, position) in first, f"{position} is no place of the first writer's"
        assert last_rows - written == first[file, position], (name, position, written)
        outcomes["translated"] += 1
        if is_remembered:
            remembered.pop()
    print(f"{cluster_kind}, {WRONG_COORDINATES} wrong coordinates: {outcomes}")
    record_property("outcomes", str(outcomes))
    assert outcomes["translated"] > 0 and outcomes["refused"] > 0


def test_a_client_that_nobody_knows_has_to_say_whose_coordinates_it_has(follow):
    cluster, proxy = follow()
    write_rows(cluster, 1, 20)
    expect_same(cluster)
    make_writer(cluster, 1, old=0, proxy=proxy, rejoin=False)
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
