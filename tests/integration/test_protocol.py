"""The protocol in its sizes and oddities: large results and values, several statements, slow clients."""

import json
import ssl

import pymysql
import pymysql.cursors
import pytest
from cluster import accounts, wait_until
from conftest import run
from pymysql.constants import CLIENT
from support import SqlError, attempt, one, run_client, scaled, server_of
from wire import Wire

MIB = 1 << 20
LARGE = {"limits.max_packet": "128MiB"}


def _numbers(count):
    """A SELECT of the numbers from 0 on, without a table."""
    digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 " \
             "UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"  # fmt: skip
    places = len(str(count - 1))
    value = " + ".join(f"t{place}.d * {10**place}" for place in range(places))
    tables = ", ".join(f"{digits} AS t{place}" for place in range(places))
    return f"SELECT {value} AS n FROM {tables}"


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_result_of_100000_rows(proxy, connect):
    connection = connect()
    for route in ("", "/* causeway: route=writer */ "):
        rows = run(connection, route + _numbers(100_000))
        assert len(rows) == 100_000 and sum(row[0] for row in rows) == 100_000 * 99_999 // 2
    assert run(connection, "SELECT 1") == ((1,),)


def test_value_of_20_mib_in_both_directions(cluster, large_packets, start_proxy, connect, table):
    connection = connect(to=start_proxy(cluster, LARGE), max_allowed_packet=64 * MIB)
    cluster.query(0, f"ALTER TABLE app.{table} MODIFY value LONGTEXT")
    value = "0123456789abcdef" * (20 * MIB // 16)
    run(connection, f"INSERT INTO {table} VALUES (3, '{value}')")
    assert one(connection, f"SELECT SHA2(value, 256) = SHA2(REPEAT('0123456789abcdef', {20 * MIB // 16}), 256) FROM {table} WHERE id = 3") == 1
    assert one(connection, f"SELECT value FROM {table} WHERE id = 3") == value
    assert one(connection, f"SELECT value FROM {table} WHERE id = 3 FOR UPDATE") == value


@pytest.mark.parametrize("length", [16 * MIB - 2, 16 * MIB - 1, 16 * MIB, 16 * MIB + 1, 32 * MIB - 2, 32 * MIB - 1])
def test_packets_about_16_mib(cluster, large_packets, start_proxy, connect, length):
    """`length` is that of the payload: at 16 MiB - 1 an empty packet has to follow."""
    connection = connect(to=start_proxy(cluster, LARGE), max_allowed_packet=64 * MIB)
    head, tail = "SELECT LENGTH('", "'), @@server_id"
    filling = length - 1 - len(head) - len(tail)
    assert run(connection, head + "x" * filling + tail)[0][0] == filling
    # A row: the length of the value is written with 4 bytes.
    assert len(one(connection, f"SELECT REPEAT('y', {length - 4})")) == length - 4
    assert server_of(connection) in (1, 2)


def test_result_of_gigabytes_takes_no_memory(cluster, proxy):
    """The most memory that the process ever had, before and after."""
    rows = scaled("CAUSEWAY_TEST_RESULT_MIB", 300, 4096)
    query = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < {}) SELECT REPEAT('x', 1048576) FROM r"

    def most_memory():
        with open(f"/proc/{proxy.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    with proxy.connect(database="app", cursorclass=pymysql.cursors.SSCursor) as connection:
        def read(count):
            with connection.cursor() as cursor:
                cursor.execute(f"SET {'max_recursive_iterations' if cluster.kind == 'mariadb' else 'cte_max_recursion_depth'} = 10000")
                cursor.execute(query.format(count))
                return sum(len(row[0]) for row in cursor)

        assert read(8) == 8 << 20
        before = most_memory()
        assert read(rows) == rows << 20
    assert most_memory() - before <= 1024


def test_statement_longer_than_the_limit_is_refused(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"limits.max_packet": "64KiB"})
    connection = connect(to=proxy)
    assert len(one(connection, "SELECT '" + "x" * 60_000 + "'")) == 60_000
    answer = None
    try:
        answer = attempt(connection, "SELECT '" + "x" * 70_000 + "'")
    except pymysql.Error:
        pass  # closed before it could be read: as the server does with packets that are too large
    assert answer is None or (answer.errno, answer.sqlstate) == (1153, "08S01") or answer.errno in (2006, 2013)
    assert run(connect(to=proxy), "SELECT 1") == ((1,),)


def test_reader_that_is_slow_holds_up_nobody(cluster, proxy, connect):
    """Nor does the proxy keep the result for it: its memory stays small."""
    slow = connect(cursorclass=pymysql.cursors.SSCursor)
    cursor = slow.cursor()
    memory = _resident_kib(proxy)
    cursor.execute(f"SELECT REPEAT('x', 10000) FROM ({_numbers(10_000)}) AS numbers")
    assert cursor.fetchone() is not None
    other = connect()
    for _ in range(200):
        run(other, "SELECT 1")
    assert _resident_kib(proxy) - memory < 30 * 1024
    assert sum(1 for _ in cursor) == 9_999
    cursor.close()
    assert run(slow, "SELECT 1")


def _resident_kib(proxy):
    with open(f"/proc/{proxy.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# --- several statements and results -----------------------------------------------------------------------------------


def test_several_statements_on_both_servers(connect, table):
    connection = connect(client_flag=CLIENT.MULTI_STATEMENTS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1; INSERT INTO {table} VALUES (3, 'x'), (4, 'x'); SELECT COUNT(*) FROM {table}; SET @a = 5; SELECT @a")
        results = [cursor.fetchall()]
        counts = [cursor.rowcount]
        while cursor.nextset():
            results.append(cursor.fetchall())
            counts.append(cursor.rowcount)
    assert [result for result in results if result] == [((1,),), ((4,),), ((5,),)]
    assert counts[1] == 2 and len(results) == 5


def test_error_in_the_middle_of_several_ends_them(connect, table):
    connection = connect(client_flag=CLIENT.MULTI_STATEMENTS)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (3, 'x'); SELECT * FROM no_such_table; INSERT INTO {table} VALUES (4, 'x')")
        with pytest.raises(pymysql.Error) as error:
            while cursor.nextset():
                pass
        assert error.value.args[0] == 1146
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3


def test_several_statements_need_the_capability(connect, table):
    connection = connect()
    answer = attempt(connection, f"SELECT 1; DELETE FROM {table}")
    assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1064, "42000")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2


def test_transaction_in_one_packet(connect, table):
    connection = connect(client_flag=CLIENT.MULTI_STATEMENTS)
    with connection.cursor() as cursor:
        cursor.execute(f"BEGIN; INSERT INTO {table} VALUES (3, 'x'); SELECT COUNT(*), @@server_id FROM {table}; COMMIT")
        results = [cursor.fetchall()]
        while cursor.nextset():
            results.append(cursor.fetchall())
    assert results[2] == ((3, 1),)
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
    assert server_of(connection) in (1, 2)


def test_call_with_several_results(cluster, connect, table):
    with cluster.connect(0, database="app") as root:
        run(root, f"CREATE PROCEDURE {table}_p() BEGIN SELECT 1; INSERT INTO {table} VALUES (3, 'x'); SELECT COUNT(*) FROM {table}; END")
    connection = connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CALL {table}_p()")
            results = [cursor.fetchall()]
            while cursor.nextset():
                results.append(cursor.fetchall())
        assert results[:2] == [((1,),), ((3,),)]
        assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
    finally:
        cluster.query(0, f"DROP PROCEDURE app.{table}_p")


def test_empty_statements_and_bytes_of_all_kinds(connect, table):
    connection = connect()
    for statement in ("", ";", "-- nothing", "/* nothing */"):
        answer = attempt(connection, statement)
        assert answer == () or answer.errno == 1065, statement
    every = bytes(range(256))
    run(connection, f"ALTER TABLE {table} MODIFY value VARBINARY(300)")
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (3, %s)", (every,))
    assert one(connection, f"SELECT value FROM {table} WHERE id = 3") == every
    assert one(connection, "SELECT 'naïve ☃ 😀'") == "naïve ☃ 😀"


def test_commands_with_nonsense_behind_them_are_answered(proxy):
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP)
        for command in (0x04, 0x05, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x12, 0x77, 0xFF):
            wire.send_packet(bytes([command]) + b"\x01\x00\x00\x00\x00")
            if command in (0x18, 0x19):  # these have no answer
                continue
            answer = wire.read_packet()
            assert answer is not None, hex(command)
            while answer[1][:1] not in (b"\xff", b"\x00", b"\xfe"):
                answer = wire.read_packet()
        wire.send_packet(b"\x0e")
        assert wire.read_packet()[1][:1] == b"\x00"


def test_ping_statistics_and_change_of_user(cluster, proxy, connect):
    connection = connect()
    connection.ping(reconnect=False)
    run(connection, "SET @a = 1, aurora_replica_read_consistency = 'GLOBAL'")
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP)
        wire.send_packet(b"\x09")
        assert wire.read_packet()[1][:1] != b"\xff"
        wire.send_packet(b"\x03SET @a = 1, sql_mode = '', aurora_replica_read_consistency = 'GLOBAL'")
        assert wire.read_packet()[1][:1] == b"\x00"
        wire.send_packet(b"\x1f")  # COM_RESET_CONNECTION
        assert wire.read_packet()[1][:1] == b"\x00"
        wire.send_packet(b"\x03SELECT CONCAT(IFNULL(@a, 'none'), @@aurora_replica_read_consistency)")
        text = b""
        for _ in range(5):
            text += wire.read_packet()[1]
        assert b"noneSESSION" in text


# --- limits -----------------------------------------------------------------------------------------------------------


def test_client_that_never_answers_the_greeting_is_dropped(cluster, start_proxy):
    proxy = start_proxy(cluster, {"timeouts.login": "300ms"})
    with Wire(proxy.port, timeout=5) as wire:
        wire.read_packet()
        assert wire.is_closed()


def test_too_many_clients(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"limits.max_connections": 3})
    held = [connect(to=proxy) for _ in range(3)]
    with pytest.raises(pymysql.Error) as error:
        connect(to=proxy)
    assert (error.value.args[0], error.value.sqlstate) in ((1040, "08004"), (1040, None))
    told = 'level=error event="a client was refused: limits.max_connections is reached" max_connections=3'
    proxy.wait_for_log(told)
    for _ in range(9):
        assert not _can_connect(proxy)
    assert proxy.metric("causeway_connections_rejected_total", reason="too_many_connections") == 10
    wait_until(lambda: "max_connections=3 repeated=5" in proxy.log(), 20, "the log says how often it was")
    assert proxy.log().count(told) == 6
    held[0].close()
    wait_until(lambda: _can_connect(proxy), 5, "there is room again")


def _can_connect(proxy):
    try:
        proxy.connect().close()
        return True
    except pymysql.Error:
        return False


# --- listeners, TLS, the admin endpoint -------------------------------------------------------------------------------


def test_tls_from_a_driver(proxy, connect, table):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = connect(ssl=context)
    assert isinstance(connection._sock, ssl.SSLSocket)
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
    assert len(run(connection, _numbers(10_000))) == 10_000


def test_tls_from_the_command_line_client(proxy):
    done = run_client(proxy, "STATUS; SELECT 1;", "--ssl")
    assert done.returncode == 0, done.stderr
    assert "Cipher in use" in done.stdout


def test_tls_required(cluster, start_proxy):
    proxy = start_proxy(cluster, {"tls.mode": "required"})
    with pytest.raises(pymysql.Error) as error:
        proxy.connect(ssl_disabled=True)
    assert error.value.args[0] == 3159
    assert run_client(proxy, "SELECT 1;", "--ssl").stdout == "1\n"


def test_tls_to_the_servers(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, {"server_tls.mode": "verify_ca", "server_tls.ca": str(cluster.directory / "ca.pem")})
    connection = connect(to=proxy)
    for route in ("", "/* causeway: route=writer */ "):
        assert run(connection, f"{route}SHOW STATUS LIKE 'Ssl_cipher'")[0][1] != ""
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3


def test_unix_socket(cluster, start_proxy, tmp_path):
    path = tmp_path / "causeway.sock"
    start_proxy(cluster, {"listen": f"unix:{path}"})
    connection = pymysql.connect(
        unix_socket=str(path), user=accounts.APP.name, password=accounts.APP.password, database="app", autocommit=True)  # fmt: skip
    assert server_of(connection) in (1, 2)
    connection.close()


@pytest.mark.kinds("mariadb")
def test_native_password(proxy, connect, table):
    connection = connect(account=accounts.APP_NATIVE)
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
    assert run(connection, "SELECT CURRENT_USER()") == ((f"{accounts.APP_NATIVE.name}@%",),)


def test_admin_endpoint(proxy, connect, table):
    connection = connect()
    for _ in range(5):
        run(connection, f"SELECT * FROM {table}")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert proxy.http("/healthz")[0] == 200 and proxy.http("/readyz")[0] == 200
    status = json.loads(proxy.http("/status")[1])
    assert sorted(node["role"] for node in status["nodes"]) == ["replica", "replica", "writer"]
    assert 5 <= proxy.metric("causeway_statements_total", target="replica") <= 20
    assert 1 <= proxy.metric("causeway_statements_total", target="writer") <= 5
    for line in proxy.http("/metrics")[1].splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2
    assert proxy.http("/no/such/page")[0] == 404
    assert "<html" in proxy.http("/")[1].lower()
