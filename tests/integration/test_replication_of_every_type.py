"""Replicas outside of the cluster that begin with a dump taken through Causeway, and then follow: rows of every type, by GTID
and by file and position, over TLS and without, with checksums in the log and without."""

import contextlib
import dataclasses
import json
import threading
import time

import pymysql
import pytest
from cluster import LocalCluster, accounts, wait_until
from conftest import run
from every_type import TABLE, Changes, schema
from log_tools import LOADER, LOADER_RIGHTS, begin_with_dump, coordinates_of_dump, dump_of_app, expect_same
from support import scaled

ROW_CHANGES = scaled("CAUSEWAY_TEST_ROW_CHANGES", 2000, 200_000)
DURING_DUMP = 3000  # at most
TLS = {"mysql": ", SOURCE_SSL=1", "mariadb": ", MASTER_SSL=1"}
DUMP_BY_TLS = {"mysql": "--ssl-mode=REQUIRED", "mariadb": "--ssl"}


@dataclasses.dataclass(frozen=True)
class Way:
    by_gtid: bool
    tls: bool
    checksum: str


WAYS = {
    "gtid-plain": Way(True, False, "CRC32"),
    "gtid-tls": Way(True, True, "NONE"),
    "position-plain": Way(False, False, "NONE"),
    "position-tls": Way(False, True, "CRC32"),
}


@pytest.fixture(scope="module")
def servers(cluster_kind):
    """A function: (a cluster of one server, a server that can become its replica), with GTIDs or without."""
    made = {}
    with contextlib.ExitStack() as stack:

        def start(gtid):
            gtid = gtid or cluster_kind == "mariadb"  # which has them always
            if gtid not in made:
                options = ["--binlog-row-image=FULL"], ["--server-id=9"]
                made[gtid] = [stack.enter_context(LocalCluster(cluster_kind, gtid=gtid, replicas=0, options=each)) for each in options]
            source, other = made[gtid]
            return source, other.servers[0]

        yield start


def prepare(source, way):
    """An empty table, and accounts of which both need TLS, or none."""
    source.query(0, f"SET GLOBAL binlog_checksum = {way.checksum}")
    assert source.query(0, "SELECT @@global.binlog_row_image AS image, @@global.binlog_checksum AS checksum")[0] == {
        "image": "FULL", "checksum": way.checksum}  # fmt: skip
    for statement in (f"DROP TABLE IF EXISTS {TABLE}, app.numbers", *schema(source.kind)):
        source.query(0, statement)
    source.query(0, f"CREATE USER IF NOT EXISTS {LOADER.name}@'%' IDENTIFIED BY '{LOADER.password}'")
    source.query(0, f"GRANT {LOADER_RIGHTS[source.kind]} ON *.* TO {LOADER.name}@'%'")
    for account in (LOADER, accounts.REPLICATION):
        source.query(0, f"ALTER USER {account.name}@'%' REQUIRE {'SSL' if way.tls else 'NONE'}")


@contextlib.contextmanager
def changing(proxy, changes):
    """For the time of a `with` block, or until they are many, rows are changed through Causeway."""
    ended = threading.Event()
    errors = []

    def work():
        try:
            with proxy.connect(database="app") as connection:
                while not ended.is_set() and changes.count < DURING_DUMP:
                    changes.transaction(connection)
        except Exception as error:  # carried over to the test's thread
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        wait_until(lambda: errors or changes.count > 0, 30, "rows are changed")
        yield
    finally:
        ended.set()
        thread.join()
    assert not errors, errors


def attach(server, port, way, dump):
    kind = server.flavor.kind
    start = server.flavor.change_source(port, way.by_gtid, coordinates_of_dump(dump))
    server.query(start + (TLS[kind] if way.tls else ""))
    server.query("START REPLICA")


def stream_of(proxy):
    (stream,) = json.loads(proxy.http("/status")[1])["streams"]
    return stream


@pytest.mark.parametrize("name", WAYS)
def test_a_replica_has_the_same_rows_of_every_type(servers, start_proxy, tmp_path, record_property, name):
    way = WAYS[name]
    source, replica = servers(way.by_gtid)
    kind = source.kind
    prepare(source, way)
    proxy = start_proxy(source, {"statements.savepoint": "forward", "replication.state_file": str(tmp_path / "state.json")})
    changes = Changes(kind, seed=name)
    if way.tls:
        with pytest.raises(pymysql.err.OperationalError):
            proxy.connect(accounts.REPLICATION, ssl_disabled=True)
    with changing(proxy, changes):
        dump = dump_of_app(kind, proxy.port, *([DUMP_BY_TLS[kind]] if way.tls else []))
    begin_with_dump(replica, dump)
    attach(replica, proxy.port, way, dump)
    begun, behind_dump = time.monotonic(), changes.count
    with proxy.connect(database="app") as connection:
        while changes.count < behind_dump + ROW_CHANGES:
            changes.transaction(connection)
        assert run(connection, f"SELECT COUNT(*) FROM {TABLE}")[0][0] > 0
    expect_same(source, replica, TABLE, way.by_gtid, timeout=60 + ROW_CHANGES // 200)
    stream = stream_of(proxy)
    assert stream["mode"] == ("gtid" if way.by_gtid else "position")
    replica.query("STOP REPLICA")
    done = f"{changes.count - behind_dump} row changes, {stream['bytes'] >> 20} MiB of log, {time.monotonic() - begun:.0f} s"
    print(f"{kind} {name} {way.checksum}: {done}")
    record_property("row_changes", done)
