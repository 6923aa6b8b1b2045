"""A client that disappears in a result, in a statement, in a transaction: what the servers do for it ends, and its locks are
free within a second."""

import socket
import struct

import pytest
from cluster import accounts, wait_until
from conftest import run
from wire_client import BASIC, WireClient

MARK = "vanishes"

COM_QUIT, COM_QUERY, COM_EXECUTE = b"\x01", b"\x03", b"\x17"


def leave(client, how):
    """As a process that ends does, or a host that has forgotten the connection."""
    if how == "reset":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def start(client, protocol, sql):
    """Sends a statement and does not wait for its answer."""
    if protocol == "text":
        client.send(COM_QUERY + sql.encode())
    else:
        statement_id, packets = client.prepare(sql)
        assert statement_id is not None, packets
        client.send(COM_EXECUTE + struct.pack("<IBI", statement_id, 0, 1))


def do(client, protocol, sql):
    """Runs a statement that has no rows."""
    if protocol == "text":
        answer = client.query(sql)
    else:
        answer = client.execute(client.prepare(sql)[0])
    assert answer[0].payload[:1] == b"\x00", answer


def runs(cluster, text):
    """The nodes that execute a statement with this text now."""
    condition = f"INFO LIKE '%{text}%' AND INFO NOT LIKE '%PROCESSLIST%'"
    return {node for node in range(len(cluster.servers))
            if cluster.query(node, f"SELECT 1 FROM information_schema.PROCESSLIST WHERE {condition}")}  # fmt: skip


def is_waiting_for_a_lock(cluster, text):
    """Whether the writer has such a statement in the line for a row. To be asked every 150 ms at the most: the table is a copy,
    which is not made anew while it is read within 100 ms."""
    return cluster.query(0, "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT' "
                            f"AND trx_query LIKE '%{text}%'")  # fmt: skip


def assert_free(node_connect, table, row):
    """Its lock can be had within a second, by somebody who is not a client of Causeway."""
    other = node_connect(0)
    run(other, "SET innodb_lock_wait_timeout = 1")
    run(other, f"UPDATE {table} SET value = 'free' WHERE id = {row}")


def assert_gone(cluster, text):
    wait_until(lambda: not runs(cluster, text), 5, "the statement has ended")


@pytest.fixture
def client(cluster, start_proxy):
    """Logged in, and with nothing done: what it runs first is what the test is about."""
    client = WireClient(start_proxy(cluster).port, accounts.APP, BASIC)
    yield client
    client.close()


@pytest.fixture(params=["close", "reset"])
def how(request):
    return request.param


@pytest.fixture(params=["text", "prepared"])
def protocol(request):
    return request.param


@pytest.fixture
def rows(cluster, table):
    """A table that takes long to send: more than all buffers on the way hold."""
    cluster.query(0, f"ALTER TABLE app.{table} MODIFY value VARCHAR(8000) CHARACTER SET ascii")
    cluster.query(0, f"UPDATE app.{table} SET value = REPEAT('x', 8000)")
    for power in range(1, 12):
        cluster.query(0, f"INSERT INTO app.{table} SELECT id + {2**power}, value FROM app.{table}")
    cluster.wait_synced()
    return table


def test_in_a_result_of_a_replica(cluster, client, rows, how, protocol):
    start(client, protocol, f"SELECT value, '{MARK}' FROM {rows}")
    wait_until(lambda: runs(cluster, MARK), 10, "it runs")
    assert 0 not in runs(cluster, MARK)
    leave(client, how)
    assert_gone(cluster, MARK)


def test_in_a_result_with_locks(cluster, client, node_connect, rows, how, protocol):
    do(client, "text", "BEGIN")
    start(client, protocol, f"SELECT value, '{MARK}' FROM {rows} FOR UPDATE")
    wait_until(lambda: runs(cluster, MARK) == {0}, 10, "it runs")
    leave(client, how)
    assert_free(node_connect, rows, 1)
    assert_gone(cluster, MARK)


def test_in_a_statement_that_holds_locks(cluster, client, node_connect, table, how, protocol):
    start(client, protocol, f"UPDATE {table} SET value = CONCAT('{MARK}', SLEEP(30)) WHERE id = 1")
    wait_until(lambda: runs(cluster, MARK) == {0}, 10, "it runs")
    leave(client, how)
    assert_free(node_connect, table, 1)
    assert_gone(cluster, MARK)
    assert cluster.query(0, f"SELECT value FROM app.{table} WHERE id = 1")[0]["value"] == "free"


def test_in_a_statement_of_a_transaction(cluster, client, node_connect, table, how, protocol):
    do(client, "text", "BEGIN")
    do(client, protocol, f"UPDATE {table} SET value = 'held' WHERE id = 1")
    start(client, protocol, f"SELECT SLEEP(30), '{MARK}'")
    wait_until(lambda: runs(cluster, MARK) == {0}, 10, "it runs")
    leave(client, how)
    assert_free(node_connect, table, 1)
    assert_gone(cluster, MARK)


def test_in_a_statement_of_a_replica(cluster, client, table, how, protocol):
    start(client, protocol, f"SELECT SLEEP(30), '{MARK}' FROM {table}")
    wait_until(lambda: runs(cluster, MARK), 10, "it runs")
    assert 0 not in runs(cluster, MARK)
    leave(client, how)
    assert_gone(cluster, MARK)


def test_in_a_transaction(cluster, client, node_connect, table, how, protocol):
    do(client, "text", "BEGIN")
    do(client, protocol, f"UPDATE {table} SET value = 'held' WHERE id = 1")
    leave(client, how)
    assert_free(node_connect, table, 1)
    assert cluster.query(0, f"SELECT value FROM app.{table} WHERE id = 1")[0]["value"] == "free"


def test_while_it_waits_for_a_lock(cluster, client, node_connect, table, how, protocol):
    """What it holds itself is free at once, and it does not get in the end what it waited for."""
    holder = node_connect(0)
    run(holder, "BEGIN")
    run(holder, f"UPDATE {table} SET value = 'held' WHERE id = 1")
    do(client, "text", "BEGIN")
    do(client, protocol, f"UPDATE {table} SET value = 'held' WHERE id = 2")
    start(client, protocol, f"UPDATE {table} SET value = '{MARK}' WHERE id = 1")
    wait_until(lambda: is_waiting_for_a_lock(cluster, MARK), 10, "it waits", interval=0.2)  # the servers look every 0.1 s
    leave(client, how)
    assert_free(node_connect, table, 2)
    assert_gone(cluster, MARK)
    run(holder, "COMMIT")
    assert_free(node_connect, table, 1)


def test_with_commands_behind_the_one_that_runs(cluster, client, node_connect, table, how):
    """What was sent ahead, COM_QUIT for instance, hides nothing, and is not run when the one before it was cancelled."""
    start(client, "text", f"UPDATE {table} SET value = CONCAT('{MARK}', SLEEP(30)) WHERE id = 1")
    wait_until(lambda: runs(cluster, MARK) == {0}, 10, "it runs")
    start(client, "text", f"UPDATE {table} SET value = 'sent ahead' WHERE id = 2")
    client.send(COM_QUIT)
    leave(client, how)
    assert_free(node_connect, table, 1)
    assert_gone(cluster, MARK)
    assert cluster.query(0, f"SELECT value FROM app.{table} WHERE id = 2")[0]["value"] == "two"
