"""The PROXY protocol: clients that come through a load balancer, and servers that are told who the client is."""

import contextlib
import socket
import struct

import pymysql
import pytest
from cluster import accounts
from cluster.ports import free_port
from conftest import run
from support import SeenAt, one, server_of
from test_accounts import Refusal, change, create_user, denied  # noqa: F401 (create_user is a fixture)
from wire import Wire


def v1(address, family="TCP4", own="127.0.0.1"):
    return f"PROXY {family} {address} {own} 40000 3306\r\n".encode()


def v2(address):
    addresses = socket.inet_aton(address) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 40000, 3306)
    return b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11" + struct.pack(">H", len(addresses)) + addresses


V2_LOCAL = b"\r\n\r\n\0\r\nQUIT\n" + b"\x20\x00\x00\x00"


def connect_with(header, port, account=accounts.APP, **options):
    """A pymysql connection that begins with these bytes."""
    connection = pymysql.connect(
        host="127.0.0.1", port=port, user=account.name, password=account.password, autocommit=True, defer_connect=True, **options)  # fmt: skip
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    stream.sendall(header)
    connection.connect(stream)
    return connection


def outcome_with(header, port, account, **options):
    try:
        with contextlib.closing(connect_with(header, port, account, **options)) as connection:
            run(connection, "SELECT 1")
        return "in"
    except pymysql.Error as error:
        return Refusal(*error.args[:2])


@pytest.fixture
def balanced(cluster, start_proxy):
    """balanced(networks, settings, before=cluster): Causeway, and the port of a listener that takes the header from there."""

    def start(networks="127.0.0.1", settings=None, before=cluster):
        port = free_port()
        listen = f"127.0.0.1:{port}?proxy_protocol_from={networks}"
        return start_proxy(before, {"listen": listen, "timeouts.login": "2s", **(settings or {})}), port

    return start


# --- from a load balancer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [v1, v2])
def test_account_is_that_of_the_clients_address(cluster, balanced, create_user, header):  # noqa: F811
    account = create_user("IDENTIFIED BY 'secret'")
    change(cluster, f"CREATE USER {account.name}@'10.9.9.9' IDENTIFIED BY 'secret' ACCOUNT LOCK")
    try:
        proxy, port = balanced()
        assert outcome_with(header("10.9.9.8"), port, account) == "in"
        assert outcome_with(header("10.9.9.9"), port, account).errno in (3118, 4151)
        wrong = accounts.Account(account.name, "wrong")
        assert outcome_with(header("10.9.9.8"), port, wrong).text == denied(account).text.replace("127.0.0.1", "10.9.9.8")
        # The other listener knows nothing of it.
        assert proxy.connect(account).open
    finally:
        change(cluster, f"DROP USER {account.name}@'10.9.9.9'")


def test_ipv6_and_health_checks(balanced):
    _, port = balanced("127.0.0.0/8 fd00::/8")
    wrong = accounts.Account("app", "wrong")
    assert "'app'@'fd00::7'" in outcome_with(v1("fd00::7", "TCP6", "::1"), port, wrong).text
    assert "'app'@'10.9.9.9'" in outcome_with(v1("::ffff:10.9.9.9", "TCP6", "::1"), port, wrong).text
    for own in (V2_LOCAL, b"PROXY UNKNOWN\r\n"):
        assert "'app'@'127.0.0.1'" in outcome_with(own, port, wrong).text
        assert outcome_with(own, port, accounts.APP) == "in"


def test_header_in_pieces(balanced):
    _, port = balanced()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in v2("10.9.9.9"):
            stream.sendall(bytes([byte]))
        assert stream.recv(5)[4:] == b"\x0a"  # the greeting


@pytest.mark.parametrize(
    "bytes_", [b"GET / HTTP/1.0\r\n\r\n", b"PROXY TCP4 10.9.9.9\r\n", v1("10.9.9.999"), v2("10.9.9.9")[:-4] + b"x" * 20, b"\r\n\r\n\0\r\nQUIX"]
)
def test_what_is_no_header_is_not_served(balanced, bytes_):
    proxy, port = balanced()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        stream.sendall(bytes_)
        assert stream.recv(5) == b""
    proxy.wait_for_log("PROXY protocol")


def test_balancer_that_says_nothing_is_dropped(balanced):
    _, port = balanced()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        assert stream.recv(5) == b""


def test_header_from_elsewhere_is_not_taken(balanced):
    proxy, port = balanced("10.0.0.0/8")
    with contextlib.closing(connect_with(b"", port)) as connection:
        assert server_of(connection) in (1, 2)
    for where in (port, proxy.port):
        for header in (v1("10.9.9.9"), v2("10.9.9.9")):
            with Wire(where) as wire:
                wire.send(header)
                assert wire.read_packet()[1][:1] == b"\x0a"  # the greeting
                assert wire.read_packet()[1][:3] == b"\xff" + struct.pack("<H", 1043)
                assert wire.is_closed()


# --- to the servers ---------------------------------------------------------------------------------------------------


def that_is_told(cluster):
    """The cluster, with nodes that are told the clients' addresses."""
    return SeenAt(cluster, [f"{address}?proxy_protocol=true" for address in cluster.addresses()])


@pytest.fixture
def told(own_cluster, start_proxy):
    """A cluster that takes the header, Causeway before it, and the port where Causeway takes it."""
    cluster = own_cluster(options=["--proxy-protocol-networks=127.0.0.1"])
    port = free_port()
    settings = {"listen": f"127.0.0.1:{port}?proxy_protocol_from=127.0.0.1", "workers": "1"}
    return cluster, start_proxy(that_is_told(cluster), settings), port


@pytest.mark.kinds("mariadb")  # MySQL's community server does not take the header
def test_servers_see_the_clients_address(told):
    cluster, proxy, port = told
    for statement in ("CREATE USER ann@'10.9.9.8' IDENTIFIED BY 'eight'", "CREATE USER ann@'10.9.9.9' IDENTIFIED BY 'nine'"):
        change(cluster, statement)
    eight, nine = accounts.Account("ann", "eight"), accounts.Account("ann", "nine")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(contextlib.closing(connect_with(v2(f"10.9.9.{account.password == 'eight' and 8 or 9}"), port, account)))
                       for account in (eight, nine, eight)]  # fmt: skip
        for route in ("", "/* causeway: route=writer */ "):
            seen = [one(connection, f"{route}SELECT CURRENT_USER()") for connection in connections]
            assert seen == ["ann@10.9.9.8", "ann@10.9.9.9", "ann@10.9.9.8"]
        hosts = {row["HOST"].partition(":")[0] for node in range(3) for row in
                 cluster.query(node, "SELECT HOST FROM information_schema.PROCESSLIST WHERE USER = 'ann'")}  # fmt: skip
        assert hosts == {"10.9.9.8", "10.9.9.9"}
    # A connection that lies in the pool is for clients of the same address only.
    with contextlib.closing(connect_with(v2("10.9.9.9"), port, nine)) as connection:
        assert one(connection, "SELECT USER()") == "ann@10.9.9.9"
    assert outcome_with(v2("10.9.9.7"), port, nine).errno == 1045


@pytest.mark.kinds("mariadb")
def test_servers_that_are_told_serve_other_clients_too(told):
    _, proxy, _ = told
    with contextlib.closing(proxy.connect(database="app")) as connection:
        run(connection, "CREATE TABLE t (id INT PRIMARY KEY)")
        run(connection, "SET aurora_replica_read_consistency = 'GLOBAL'")  # the probe has a connection of its own
        assert one(connection, "SELECT COUNT(*) FROM t") == 0
        assert one(connection, "SELECT USER()") == "app@127.0.0.1"
