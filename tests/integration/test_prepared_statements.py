"""Prepared statements run where their class says, and go on when the session gets another server connection."""

import struct

import pytest
import wire_client
from cluster import accounts, wait_until
from conftest import run
from support import GeneralLogs, SqlError, attempt, kill_connections, lagging, one, rejection
from wire_client import Kind, Parameter, WireClient

CAPABILITIES = wire_client.BASIC | wire_client.LONG_PASSWORD | wire_client.MULTI_RESULTS | wire_client.PS_MULTI_RESULTS
LONGLONG, STRING, BLOB = 8, 253, 252
READ_ONLY_CURSOR = 1


def number(value):
    return Parameter(LONGLONG, struct.pack("<q", value))


def text(value):
    return Parameter(STRING, bytes([len(value)]) + value.encode())


@pytest.fixture
def wire(proxy):
    with WireClient(proxy.port, accounts.APP, CAPABILITIES) as client:
        yield client


def prepare(client, sql):
    statement, packets = client.prepare(sql)
    assert statement is not None, packets
    return statement


def errno(packets):
    payload = packets[-1].payload
    return int.from_bytes(payload[1:3], "little") if payload[:1] == b"\xff" else None


def ok(packets):
    assert errno(packets) is None, packets
    return packets


def rows(packets):
    """What stands behind the header and the bitmap of each row: up to five columns without a NULL."""
    found, ends = [], 0
    for packet in ok(packets):
        if packet.payload[:1] == b"\xfe" and len(packet.payload) < 9:
            ends += 1
        elif ends == 1:
            found.append(packet.payload[2:])
    return found


def value(packets):
    """The only value of the only row: a string."""
    only = rows(packets)
    assert len(only) == 1, packets
    return only[0][1 : 1 + only[0][0]].decode()


def server_id(client, statement, *parameters):
    return int(value(client.execute(statement, parameters)))


SERVER = "SELECT CAST(@@server_id AS CHAR)"


# --- where they run -----------------------------------------------------------------------------------------------------


def test_reads_run_on_a_replica_and_writes_on_the_writer(cluster, wire, table):
    read = prepare(wire, SERVER + f", id FROM {table} WHERE id = ?")
    insert = prepare(wire, f"INSERT INTO {table} VALUES (?, CAST(@@server_id AS CHAR))")
    locking = prepare(wire, SERVER + f" FROM {table} WHERE id = ? FOR UPDATE")
    assert int(value(wire.execute(read, [number(1)]))) - 1 in cluster.replicas()
    ok(wire.execute(insert, [number(10)]))
    assert server_id(wire, locking, number(10)) - 1 == cluster.writer
    # In a transaction everything runs on the writer, afterwards reads do not.
    ok(wire.query("BEGIN"))
    assert int(value(wire.execute(read, [number(1)]))) - 1 == cluster.writer
    ok(wire.query("COMMIT"))
    assert int(value(wire.execute(read, [number(1)]))) - 1 in cluster.replicas()
    assert cluster.query(0, f"SELECT value FROM app.{table} WHERE id = 10") == [{"value": "1"}]


def test_session_reads_its_own_write(cluster, proxy, wire, table):
    read = prepare(wire, f"SELECT value FROM {table} WHERE id = ?")
    update = prepare(wire, f"UPDATE {table} SET value = ? WHERE id = ?")
    for turn in range(20):
        ok(wire.execute(update, [text(f"turn {turn}"), number(1)]))
        assert value(wire.execute(read, [number(1)])) == f"turn {turn}"
    with lagging(cluster, table):
        ok(wire.execute(update, [text("not on replicas"), number(1)]))
        # The wait ends by the default policy: on the writer, where the statement is prepared now.
        assert value(wire.execute(read, [number(1)])) == "not on replicas"


def test_as_sql_they_run_where_their_class_says(cluster, connect, table):
    connection = connect()
    run(connection, "PREPARE Where_Am_I FROM 'SELECT @@server_id'")
    assert one(connection, "EXECUTE where_am_i") - 1 in cluster.replicas()
    run(connection, f"PREPARE writing FROM 'INSERT INTO {table} VALUES (30, @@server_id)'")
    run(connection, "EXECUTE writing")
    assert one(connection, f"SELECT value FROM {table} WHERE id = 30") == "1"
    assert one(connection, "EXECUTE where_am_i") - 1 in cluster.replicas()
    run(connection, "BEGIN")
    assert one(connection, "EXECUTE where_am_i") - 1 == cluster.writer
    run(connection, "COMMIT")
    run(connection, "SET @id = 2")
    run(connection, f"PREPARE by_id FROM 'SELECT value FROM {table} WHERE id = ?'")
    assert one(connection, "EXECUTE by_id USING @id") == "two"
    run(connection, "DEALLOCATE PREPARE where_am_i")
    for statement in ("EXECUTE where_am_i", "DEALLOCATE PREPARE where_am_i", "EXECUTE never_prepared"):
        assert attempt(connection, statement).errno == 1243, statement
    assert attempt(connection, "PREPARE s FROM 'SAVEPOINT a'") == rejection("SAVEPOINT")
    assert attempt(connection, "PREPARE by_id FROM 'SELEC'").errno == 1064
    assert attempt(connection, "EXECUTE by_id USING @id").errno == 1243
    # Whose text only the server knows stays on the writer.
    run(connection, "SET @sql = 'SELECT @@server_id'")
    run(connection, "PREPARE of_variable FROM @sql")
    assert one(connection, "EXECUTE of_variable") - 1 == cluster.writer


def test_rejected_when_it_is_prepared(cluster, wire):
    with GeneralLogs(cluster) as logs:
        for sql in ("SAVEPOINT mark_r", "XA START 'mark_r'"):
            statement, packets = wire.prepare(sql)
            assert statement is None and errno(packets) == 1235, sql
        assert logs.nodes_with("mark_r") == set()


# --- another connection -------------------------------------------------------------------------------------------------


def test_prepared_again_where_the_connection_was_lost(cluster, wire, table):
    """Types are remembered: the execute behind the loss does not send them."""
    read = prepare(wire, f"SELECT value, CAST(@@server_id AS CHAR) FROM {table} WHERE id = ?")
    write = prepare(wire, f"UPDATE {table} SET value = ? WHERE id = ?")
    assert rows(wire.execute(read, [number(2)]))[0].startswith(b"\x03two")
    ok(wire.execute(write, [text("one"), number(1)]))
    kill_connections(cluster, 0, 1, 2)
    assert rows(wire.execute(read, [number(2)], types=False))[0].startswith(b"\x03two")
    ok(wire.execute(write, [text("again"), number(1)], types=False))
    assert value(wire.execute(prepare(wire, f"SELECT value FROM {table} WHERE id = 1"))) == "again"


def test_more_than_a_connection_holds(cluster, proxy, wire):
    """The server holds a bounded number of a session's statements, all of which go on to work."""
    count = 700
    statements = [prepare(wire, f"SELECT CAST({number} AS CHAR)") for number in range(count)]
    on_servers = sum(int(cluster.query(node, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")[0]["Value"]) for node in range(3))
    assert on_servers < count
    for index in (0, 1, count // 2, count - 1, 0):
        assert value(wire.execute(statements[index])) == str(index)
    for statement in statements:
        wire.close_statement(statement)
    assert errno(wire.execute(statements[0])) == 1243
    assert value(wire.execute(prepare(wire, SERVER))) in ("2", "3")

    def closed():
        wire.query("SELECT 1")
        return all(int(cluster.query(node, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")[0]["Value"]) <= 1 for node in range(3))

    wait_until(closed, 10, "the servers have closed them")


@pytest.mark.parametrize("proxy", [{"limits.max_prepared_statements": 3}], indirect=True)
def test_too_many(wire):
    statements = [prepare(wire, "SELECT 1") for _ in range(3)]
    assert errno(wire.prepare("SELECT 1")[1]) == 1461
    wire.close_statement(statements.pop())
    prepare(wire, "SELECT 1")


def test_ids_that_nobody_has(wire):
    assert errno(wire.execute(77)) == 1243
    assert errno(wire.fetch(77, 1)) == 1243
    assert errno(wire.reset_statement(77)) == 1243
    wire.close_statement(77)
    wire.send_long_data(77, 0, b"x")
    assert value(wire.execute(prepare(wire, "SELECT 'alive'"))) == "alive"


# --- cursors and long data ----------------------------------------------------------------------------------------------


def test_cursor_binds_its_connection(cluster, wire, table):
    ok(wire.query(f"INSERT INTO {table} VALUES {', '.join(f'({n}, {n})' for n in range(100, 200))}"))
    statement = prepare(wire, f"SELECT CAST(id AS CHAR) FROM {table} WHERE id >= 100 ORDER BY id")
    ok(wire.execute(statement, flags=READ_ONLY_CURSOR))
    other = prepare(wire, SERVER)
    seen = []
    while len(seen) < 100:
        part = [packet.payload[3:].decode() for packet in ok(wire.fetch(statement, 7)) if packet.payload[:1] == b"\x00"]
        assert part
        seen += part
        assert server_id(wire, other) - 1 in cluster.replicas()
        ok(wire.query(f"UPDATE {table} SET value = 'x' WHERE id = 1"))
    assert seen == [str(n) for n in range(100, 200)]
    ok(wire.reset_statement(statement))
    assert errno(wire.fetch(statement, 1)) == 1421


def test_cursor_of_a_lost_connection_is_an_error(cluster, wire, table):
    statement = prepare(wire, f"SELECT id FROM {table}")
    ok(wire.execute(statement, flags=READ_ONLY_CURSOR))
    kill_connections(cluster, *cluster.replicas())
    assert errno(wire.fetch(statement, 1)) is not None
    assert rows(wire.execute(statement)) != []


def test_long_data_goes_where_the_execute_goes(cluster, wire, table):
    insert = prepare(wire, f"INSERT INTO {table} VALUES (?, ?)")
    for turn in range(2):
        for piece in (b"long ", b"data ", str(turn).encode()):
            wire.send_long_data(insert, 1, piece)
        ok(wire.execute(insert, [number(40 + turn), Parameter(BLOB, b"")], given=[1]))
    read = prepare(wire, f"SELECT value FROM {table} WHERE value = ?")
    wire.send_long_data(read, 0, b"long data 1")
    assert value(wire.execute(read, [Parameter(BLOB, b"")], given=[0])) == "long data 1"
    # Used up: the next execute has its own value.
    assert value(wire.execute(read, [text("long data 0")])) == "long data 0"
    wire.send_long_data(read, 0, b"dropped")
    ok(wire.reset_statement(read))
    assert value(wire.execute(read, [text("two")])) == "two"


# --- state of the PREPARE ------------------------------------------------------------------------------------------------


@pytest.fixture
def same_name(cluster, table):
    """A table of the same name in the other schema, with other rows."""
    cluster.query(0, f"CREATE TABLE sbtest.{table} (id INT PRIMARY KEY, value VARCHAR(255))")
    cluster.query(0, f"INSERT INTO sbtest.{table} VALUES (1, 'other'), (2, 'other')")
    cluster.wait_synced()
    yield table
    cluster.query(0, f"DROP TABLE sbtest.{table}")


def schema_of(client):
    return text_value(client, "SELECT DATABASE()")


def text_value(client, sql):
    """The only value of a text result."""
    packets = ok(client.query(sql))
    payload = packets[-2].payload
    return payload[1 : 1 + payload[0]].decode("utf8", "surrogateescape")


@pytest.mark.parametrize("loss", ["other server", "lost connections", "many statements"])
def test_prepared_again_in_the_schema_of_the_prepare(cluster, wire, same_name, loss):
    """Whatever the reason that it has to be: not in the schema that is the current one by then."""
    read = prepare(wire, f"SELECT value FROM {same_name} WHERE id = 1")
    write = prepare(wire, f"INSERT INTO {same_name} VALUES (?, 'written')")
    ok(wire.query(f"PREPARE by_text FROM 'SELECT value FROM {same_name} WHERE id = 1'"))
    assert value(wire.execute(read)) == "one"
    ok(wire.query("USE sbtest"))
    if loss == "other server":
        ok(wire.query("BEGIN"))
    elif loss == "lost connections":
        kill_connections(cluster, 0, 1, 2)
    else:
        for at in range(505):
            prepare(wire, f"INSERT INTO {same_name} VALUES (?, '{at}')")
            prepare(wire, f"SELECT {at}")
    ok(wire.execute(write, [number(77)]))
    assert value(wire.execute(read)) == "one"
    assert text_value(wire, "EXECUTE by_text") == "one"
    assert schema_of(wire) == "sbtest"
    assert text_value(wire, f"SELECT value FROM {same_name} WHERE id = 1") == "other"
    ok(wire.query("COMMIT"))
    counted = {schema: cluster.query(0, f"SELECT COUNT(*) AS n FROM {schema}.{same_name} WHERE id = 77")[0]["n"]
               for schema in ("app", "sbtest")}  # fmt: skip
    assert counted == {"app": 1, "sbtest": 0}


@pytest.mark.parametrize(("setting", "sql", "expected"), [
    ("SET sql_mode = 'ANSI_QUOTES'", 'SELECT "value"', "value"),
    ("SET sql_mode = 'PIPES_AS_CONCAT'", "SELECT CAST(1 || 0 AS CHAR)", "1"),
    ("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", r"SELECT 'it\'s'", "it's"),
    ("SET NAMES latin1", "SELECT CONCAT(CHAR_LENGTH('é'), HEX('é'))", "1C3A9"),
])  # fmt: skip
def test_prepared_again_as_its_text_was_read_first(wire, setting, sql, expected):
    statement = prepare(wire, sql)
    assert value(wire.execute(statement)) == expected
    literal = sql.replace("\\", "\\\\").replace("'", "\\'")
    ok(wire.query(f"PREPARE by_text FROM '{literal}'"))
    ok(wire.query(setting))
    assert value(wire.execute(statement)) == expected
    mode = text_value(wire, "SELECT CONCAT(@@sql_mode, @@character_set_client, @@collation_connection)")
    ok(wire.query("BEGIN"))  # on the writer, where it is not prepared yet
    assert value(wire.execute(statement)) == expected
    assert text_value(wire, "EXECUTE by_text") == expected
    assert text_value(wire, "SELECT CONCAT(@@sql_mode, @@character_set_client, @@collation_connection)") == mode


def test_schema_of_the_prepare_is_gone(cluster, wire, table):
    """No statement in a wrong schema: an error, and the session goes on."""
    cluster.query(0, "CREATE DATABASE passing")
    cluster.query(0, "GRANT ALL ON passing.* TO app@'%'")
    cluster.query(0, f"CREATE TABLE passing.{table} (id INT)")
    cluster.wait_synced()
    try:
        ok(wire.query("USE passing"))
        statement = prepare(wire, f"SELECT CAST(COUNT(*) AS CHAR) FROM {table}")
        assert value(wire.execute(statement)) == "0"
        ok(wire.query("USE app"))
        cluster.query(0, "DROP DATABASE passing")
        cluster.wait_synced()
        ok(wire.query("BEGIN"))
        for _ in range(2):
            assert errno(wire.execute(statement)) in (1049, 1146)
        assert schema_of(wire) == "app"
        assert text_value(wire, f"SELECT COUNT(*) FROM {table}") == "2"
        ok(wire.query("COMMIT"))
    finally:
        cluster.query(0, "DROP DATABASE IF EXISTS passing")
        cluster.query(0, "REVOKE ALL ON passing.* FROM app@'%'")


# --- Causeway's own variables -------------------------------------------------------------------------------------------


def test_level_by_a_parameter(wire):
    setting = prepare(wire, "SET aurora_replica_read_consistency = ?")
    level = prepare(wire, "SELECT @@aurora_replica_read_consistency")
    for name in ("GLOBAL", "EVENTUAL", "SESSION"):
        ok(wire.execute(setting, [text(name)]))
        assert value(wire.execute(level)) == name
    assert errno(wire.execute(setting, [text("SOMETIMES")])) == 1231
    assert value(wire.execute(level)) == "SESSION"
    own = prepare(wire, "SELECT CAST(CONNECTION_ID() AS CHAR)")
    assert int(value(wire.execute(own))) == wire.greeting.connection_id


def test_own_variables_in_text(connect):
    """PREPARE and EXECUTE as SQL of what no server knows."""
    connection = connect()
    run(connection, r"""PREPARE setting FROM "SET aurora_replica_read_consistency = 'GLOBAL', @mine = 5" """)
    run(connection, r"""PREPARE level FROM "SELECT @@aurora_replica_read_consistency, 'it''s \\\\ and \\'s'" """)
    assert run(connection, "EXECUTE level") == (("SESSION", "it's \\ and 's"),)
    run(connection, "EXECUTE setting")
    assert run(connection, "EXECUTE level") == (("GLOBAL", "it's \\ and 's"),)
    assert one(connection, "SELECT @mine") == 5
    run(connection, "SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    run(connection, r"""PREPARE own FROM 'SELECT CONNECTION_ID(), ''a\b''' """)
    assert run(connection, "EXECUTE own") == ((connection.thread_id(), "a\\b"),)
    run(connection, "PREPARE wrong FROM 'SET aurora_replica_read_consistency = SOMETIMES'")
    assert attempt(connection, "EXECUTE wrong").errno == 1231
    run(connection, "PREPARE counters FROM 'SHOW STATUS LIKE ''Aurora_fwd_writer_open_sessions'''")
    assert run(connection, "EXECUTE counters")[0][0] == "Aurora_fwd_writer_open_sessions"


def test_function_that_uses_a_user_variable(cluster, wire):
    """No text names it where it is used, on a replica."""
    cluster.query(0, "CREATE FUNCTION app.uses_mine() RETURNS VARCHAR(9) DETERMINISTIC NO SQL RETURN @mine")
    cluster.wait_synced()
    try:
        sets, reads = prepare(wire, "SET @mine = ?"), prepare(wire, "SELECT uses_mine()")
        for given in ("a", "b"):
            ok(wire.execute(sets, [text(given)]))
            assert value(wire.execute(reads)) == given
    finally:
        cluster.query(0, "DROP FUNCTION app.uses_mine")


def test_reset_connection_forgets_them(wire):
    statement = prepare(wire, "SELECT 1")
    ok(wire.command(b"\x1f", Kind.OK))
    assert errno(wire.execute(statement)) == 1243


def test_sql_errors_are_the_servers(wire, connect):
    statement, packets = wire.prepare("SELECT * FROM no_such_table")
    assert statement is None and errno(packets) == 1146
    assert isinstance(attempt(connect(), "SELECT * FROM no_such_table"), SqlError)


@pytest.mark.parametrize("deprecate_eof", [False, True])
def test_a_procedure_that_opens_a_cursor(cluster, proxy, table, deprecate_eof):
    """The servers' flag for an open cursor is set, and rows follow. Nothing of it stays open."""
    cluster.query(0, "DROP PROCEDURE IF EXISTS app.with_cursor")
    cluster.query(0, f"CREATE PROCEDURE app.with_cursor() BEGIN DECLARE i INT; DECLARE c CURSOR FOR SELECT id FROM app.{table}; "
                     f"OPEN c; FETCH c INTO i; SELECT CAST(i AS CHAR), 'first'; SELECT 'second'; CLOSE c; END")  # fmt: skip
    cluster.wait_synced()
    capabilities = CAPABILITIES | (wire_client.DEPRECATE_EOF if deprecate_eof else 0)
    with WireClient(proxy.port, accounts.APP, capabilities) as client:
        call = prepare(client, "CALL with_cursor()")
        for _ in range(3):
            packets = ok(client.execute(call))
            payloads = b"".join(packet.payload for packet in packets)
            assert b"first" in payloads and b"second" in payloads
            ok(client.query("SELECT 1"))
        answer = client.fetch(call, 1)
        assert errno(answer) == 1421, answer
        server = prepare(client, SERVER)
        if not deprecate_eof:
            assert server_id(client, server) - 1 in cluster.replicas()
    cluster.query(0, "DROP PROCEDURE app.with_cursor")


def test_results_of_very_many_columns(wire):
    for columns in (4096, 65535, 65536, 70000):
        packets = ok(wire.query("SELECT " + ",".join(["1"] * columns)))
        assert len(packets) == columns + 4
        assert packets[-2].payload == b"\x011" * columns
        ok(wire.query("SELECT 1"))


def test_more_columns_than_a_prepared_statement_can_count(proxy):
    """The servers' answer says fewer than follow (65536 is 0): the client is not left alone with it."""
    with WireClient(proxy.port, accounts.APP, CAPABILITIES) as client:
        client.send(b"\x16SELECT " + b",".join([b"1"] * 65537))
        client.socket.settimeout(20)
        payload = b""
        while len(payload) < 1 << 24:
            got = client.socket.recv(1 << 16)
            if not got:
                break
            payload += got
        assert (1835).to_bytes(2, "little") in payload[-200:]
