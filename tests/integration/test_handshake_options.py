"""What a client says of itself in the handshake, and what the servers make of it."""

import contextlib

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from pymysql.constants import CLIENT
from support import one
from wire_client import BASIC, DEPRECATE_EOF, PROGRESS, WireClient


@pytest.fixture
def timeouts(cluster):
    """interactive_timeout and wait_timeout differ on all nodes."""
    for node in range(3):
        cluster.query(node, "SET GLOBAL interactive_timeout = 1234")
        cluster.query(node, "SET GLOBAL wait_timeout = 4321")
    yield
    for node in range(3):
        cluster.query(node, "SET GLOBAL interactive_timeout = 28800")
        cluster.query(node, "SET GLOBAL wait_timeout = 28800")


def wait_timeouts(connection):
    return [one(connection, f"{route}SELECT @@wait_timeout") for route in ("", "/* causeway: route=writer */ ")]


def test_interactive_clients(timeouts, cluster, start_proxy):
    """Also on connections that somebody else has used before."""
    proxy = start_proxy(cluster, {"workers": "1"})
    for _ in range(3):
        with contextlib.closing(proxy.connect(client_flag=CLIENT.INTERACTIVE)) as connection:
            assert wait_timeouts(connection) == [1234, 1234]
            run(connection, "SET wait_timeout = 99")
            assert wait_timeouts(connection) == [99, 99]
        with contextlib.closing(proxy.connect()) as connection:
            assert wait_timeouts(connection) == [4321, 4321]


def test_found_rows(connect, table):
    changed, found = connect(), connect(client_flag=CLIENT.FOUND_ROWS)
    for connection, rows in ((found, 2), (changed, 0), (found, 2)):
        with connection.cursor() as cursor:
            assert cursor.execute(f"UPDATE {table} SET value = value") == rows


def test_connection_attributes_are_causeways(own_cluster, start_proxy):
    """A connection serves many clients: what one of them says of itself does not hold for it."""
    cluster = own_cluster(replicas=1, options=["--performance-schema=ON"])
    proxy = start_proxy(cluster)
    with contextlib.closing(pymysql.connect(host="127.0.0.1", port=proxy.port, user="app", password="app-secret",
                                            program_name="their-program")) as connection:  # fmt: skip
        run(connection, "/* causeway: route=writer */ SELECT 1")
        seen = cluster.query(0, "SELECT a.ATTR_NAME AS name, a.ATTR_VALUE AS value FROM performance_schema.session_connect_attrs a "
                                "JOIN information_schema.PROCESSLIST p ON p.ID = a.PROCESSLIST_ID WHERE p.USER = 'app'")  # fmt: skip
    attributes = {row["name"]: row["value"] for row in seen}
    assert attributes["program_name"] == attributes["_client_name"] == "causeway"
    assert attributes["_pid"] == str(proxy.pid)


@pytest.mark.kinds("mariadb")
def test_progress_reports(proxy, connect, table):
    """The command line client shows them while an ALTER TABLE runs. Who does not know them gets none."""
    rows = 50_000
    filler = connect()
    run(filler, f"INSERT INTO {table} SELECT seq, REPEAT('x', 200) FROM seq_3_to_{rows}")

    def packets_of_a_copy(capabilities):
        with WireClient(proxy.port, accounts.APP, BASIC | DEPRECATE_EOF | capabilities, timeout=120) as client:
            client.query("SET progress_report_time = 1")
            client.send(b"\x03" + f"ALTER TABLE {table} FORCE, ALGORITHM=COPY".encode())
            packets = [client._read_packet()]
            while packets[-1].payload[:3] == b"\xff\xff\xff":
                packets.append(client._read_packet())
        assert packets[-1].payload[:1] == b"\x00", packets
        assert [packet.sequence_ids for packet in packets] == [(at + 1,) for at in range(len(packets))]
        return packets

    def one_with_a_report():
        nonlocal rows
        packets = packets_of_a_copy(PROGRESS)
        if len(packets) == 1:  # it took less than a second: a larger table next time
            run(filler, f"INSERT INTO {table} SELECT id + {rows}, value FROM {table}")
            rows *= 2
        return packets if len(packets) > 1 else None

    assert b"copy to tmp table" in wait_until(one_with_a_report, 120, "a progress report")[0].payload
    assert len(packets_of_a_copy(0)) == 1
