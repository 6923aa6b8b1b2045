"""What a client says of itself in the handshake, and what the servers make of it."""

import contextlib

import pymysql
import pytest
from conftest import run
from pymysql.constants import CLIENT
from support import one


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
