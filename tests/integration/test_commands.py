"""Commands about sessions: KILL with Causeway's own ids, CONNECTION_ID(), COM_SET_OPTION and their kin."""

import socket
import threading

import pymysql
import pytest
import wire_client
from cluster import accounts, wait_until
from conftest import run
from pymysql.constants import CLIENT
from support import SqlError, attempt, one, run_mysql_client
from wire import LOCAL_FILES, Wire
from wire_client import Parameter, WireClient

COM_SET_OPTION = b"\x1b"
COM_PROCESS_KILL = b"\x0c"
COM_DEBUG = b"\x0d"
COM_PING = b"\x0e"
COM_RESET_CONNECTION = b"\x1f"


def test_connection_id_is_the_greetings(proxy, connect, table):
    connection = connect()
    own = connection.thread_id()
    assert one(connection, "SELECT CONNECTION_ID()") == own
    with connection.cursor() as cursor:
        cursor.execute("SELECT connection_id()")
        assert cursor.description[0][0] == "connection_id()" and cursor.fetchall() == ((own,),)
    assert one(connection, "SELECT @@pseudo_thread_id") == own
    run(connection, f"INSERT INTO {table} VALUES (CONNECTION_ID() + 100, 'mine')")
    assert one(connection, f"SELECT id FROM {table} WHERE value = 'mine'") == own + 100
    run(connection, "SET @id = CONNECTION_ID()")
    assert one(connection, "SELECT @id") == own
    other = connect()
    assert one(other, "SELECT CONNECTION_ID()") == other.thread_id() != own
    assert one(connection, "SELECT GET_LOCK('whose', 0)") == 1
    assert one(connection, "SELECT IS_USED_LOCK('whose') = CONNECTION_ID()") == 1
    assert one(other, "SELECT IS_USED_LOCK('whose') = CONNECTION_ID()") == 0


def _in_background(connection, statement):
    """Runs it in a thread; the function that is returned waits for its end and gives its rows or error."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(attempt(connection, statement)))
    thread.start()

    def result():
        thread.join(30)
        assert answers, "the statement did not end"
        return answers[0]

    return result


def _runs(cluster, text):
    """Whether some server executes a statement with this text now."""
    condition = f"info LIKE '%{text}%' AND info NOT LIKE '%PROCESSLIST%'"
    return any(cluster.query(node, f"SELECT 1 FROM information_schema.PROCESSLIST WHERE {condition}")
               for node in range(len(cluster.servers)))  # fmt: skip


@pytest.mark.parametrize("where", ["replica", "writer"])
def test_kill_query_ends_the_statement_and_nothing_else(cluster, connect, table, where):
    busy, killer = connect(), connect()
    if where == "writer":
        run(busy, "BEGIN")
        run(busy, f"UPDATE {table} SET value = 'kept' WHERE id = 1")
    sleeping = f"SELECT SLEEP(25), 'kill {where}'"
    answer = _in_background(busy, sleeping)
    wait_until(lambda: _runs(cluster, f"kill {where}"), 10, "it runs")
    run(killer, f"KILL QUERY {busy.thread_id()}")
    ended = answer()
    # SLEEP() alone may end with 1 in place of an error: so do the servers.
    assert isinstance(ended, SqlError) and ended.errno == 1317 or ended[0][0] == 1
    assert not _runs(cluster, f"kill {where}")
    if where == "writer":
        assert one(busy, f"SELECT value FROM {table} WHERE id = 1") == "kept"
        run(busy, "COMMIT")
    assert one(busy, "SELECT 7") == 7
    assert one(killer, "SELECT 8") == 8


def test_kill_ends_the_session_and_frees_its_locks(cluster, connect, table):
    holder, killer = connect(), connect()
    run(holder, "BEGIN")
    run(holder, f"UPDATE {table} SET value = 'held' WHERE id = 1")
    run(killer, f"KILL {holder.thread_id()}")
    run(killer, "SET innodb_lock_wait_timeout = 10")
    run(killer, f"UPDATE {table} SET value = 'free' WHERE id = 1")
    with pytest.raises(pymysql.err.OperationalError):
        run(holder, "COMMIT")
    assert one(killer, f"SELECT value FROM {table} WHERE id = 1") == "free"


def test_kill_of_what_waits_for_a_lock(cluster, connect, table):
    holder, waiting, killer = connect(), connect(), connect()
    run(holder, "BEGIN")
    run(holder, f"UPDATE {table} SET value = 'held' WHERE id = 1")
    answer = _in_background(waiting, f"UPDATE {table} SET value = 'waiting for it' WHERE id = 1")
    wait_until(lambda: _runs(cluster, "waiting for it"), 10, "it waits")
    run(killer, f"KILL QUERY {waiting.thread_id()}")
    assert answer().errno == 1317
    run(holder, "ROLLBACK")
    assert one(waiting, f"SELECT value FROM {table} WHERE id = 1") != "waiting for it"


def test_kill_of_oneself(cluster, connect):
    connection = connect()
    assert attempt(connection, "KILL QUERY CONNECTION_ID()").errno == 1317
    assert one(connection, "SELECT 1") == 1
    assert attempt(connection, "KILL CONNECTION_ID()").errno == (1927 if cluster.kind == "mariadb" else 1317)
    with pytest.raises(pymysql.err.OperationalError):
        run(connection, "SELECT 1")


def test_kill_of_others(proxy, connect):
    """Another user's session is not ended by an ordinary user; an id that nobody has is the server's own error."""
    ordinary = connect()
    other = connect(account=accounts.ADMIN)
    assert attempt(ordinary, f"KILL {other.thread_id()}").errno == 1095
    assert one(other, "SELECT 1") == 1
    assert attempt(ordinary, "KILL 4000000000").errno == 1094
    assert attempt(ordinary, "KILL QUERY 4000000000").errno == 1094


@pytest.fixture
def bystander(cluster, proxy, connect):
    """Somebody's own connection to the writer, whose number is of no session of Causeway's."""
    admin = connect(account=accounts.ADMIN)
    opened = []
    for _ in range(50):
        opened.append(cluster.connect(0, accounts.ADMIN, database="app"))
        if opened[-1].thread_id() not in [row[0] for row in run(admin, "SHOW PROCESSLIST")]:
            break
    yield opened[-1]
    for connection in opened:
        connection.close()


def test_no_kill_reaches_a_thread_of_a_server(cluster, proxy, connect, bystander):
    number = bystander.thread_id()
    connection = connect(account=accounts.ADMIN, client_flag=CLIENT.MULTI_STATEMENTS)
    run(connection, f"SET @id = {number}")
    stories = [f"KILL {number}", f"KILL CONNECTION {number}", f"KILL QUERY {number}", f"KILL '{number}'", "KILL @id", "KILL QUERY @id", f"KILL {number} + 0",
               f"KILL (SELECT {number})", f"/*! KILL {number} */", f"/*!50000 KILL */ {number}", f"DO 0;KILL {number}", f"KILL {number}.0",
               f"PREPARE p FROM 'KILL {number}'; EXECUTE p", "PREPARE p FROM 'KILL ?'; EXECUTE p USING @id",
               "PREPARE p FROM 'KILL @id'; EXECUTE p", f"BEGIN; KILL {number}", f"START TRANSACTION READ ONLY; KILL {number}",
               f"KILL 0x{number:x}"]  # fmt: skip
    if cluster.kind == "mariadb":
        query = cluster.query(0, f"SELECT QUERY_ID FROM information_schema.PROCESSLIST WHERE ID = {number}")[0]["QUERY_ID"]
        stories += [f"KILL HARD {number}", f"KILL SOFT CONNECTION {number}", f"KILL QUERY ID {query}", f"KILL USER {accounts.ADMIN.name}",
                    f"EXECUTE IMMEDIATE 'KILL {number}'", "EXECUTE IMMEDIATE 'KILL ?' USING @id", f"BEGIN NOT ATOMIC KILL {number}; END",
                    f"IF 1 THEN KILL {number}; END IF", f"SET STATEMENT max_statement_time=1 FOR KILL {number}",
                    f"EXECUTE IMMEDIATE 'BEGIN NOT ATOMIC KILL {number}; END'"]  # fmt: skip
    for story in stories:
        answers = [attempt(connection, statement) for statement in story.split("; ")] if "END" not in story else [attempt(connection, story)]
        assert isinstance(answers[-1], SqlError) and answers[-1].errno in (1094, 1235, 1064, 1243), (story, answers)
        run(connection, "ROLLBACK")
        assert one(bystander, "SELECT 1") == 1, story
    with WireClient(proxy.port, accounts.ADMIN, wire_client.BASIC) as client:
        statement, _ = client.prepare("KILL ?" if cluster.kind == "mariadb" else f"KILL {number}")  # MySQL takes no parameter here
        for parameter in (Parameter(8, number.to_bytes(8, "little")), Parameter(3, number.to_bytes(4, "little")),
                          Parameter(253, bytes([len(str(number))]) + str(number).encode())):  # fmt: skip
            answer = client.execute(statement, [parameter] if cluster.kind == "mariadb" else [])
            assert answer[-1].payload[:3] == b"\xff" + (1094).to_bytes(2, "little"), answer
        answer = client.command(COM_PROCESS_KILL + number.to_bytes(4, "little"))
        assert answer[-1].payload[:3] == b"\xff" + (1094).to_bytes(2, "little"), answer
    assert one(bystander, "SELECT 1") == 1


@pytest.mark.kinds("mariadb")
def test_kill_with_a_parameter(proxy, connect):
    victims = [connect(), connect()]
    with WireClient(proxy.port, accounts.APP, wire_client.BASIC) as client:
        statement, _ = client.prepare("KILL ?")
        assert client.execute(statement, [Parameter(8, victims[0].thread_id().to_bytes(8, "little"))])[-1].payload[:1] == b"\0"
        digits = str(victims[1].thread_id()).encode()
        assert client.execute(statement, [Parameter(253, bytes([len(digits)]) + digits)])[-1].payload[:1] == b"\0"
    for victim in victims:
        with pytest.raises(pymysql.err.OperationalError):
            run(victim, "SELECT 1")


def test_nobody_shuts_a_server_down(cluster, proxy, connect):
    connection = connect(account=accounts.ADMIN, client_flag=CLIENT.MULTI_STATEMENTS)
    stories = ["SHUTDOWN", "/*! SHUTDOWN */", "DO 0;SHUTDOWN", "PREPARE p FROM 'SHUTDOWN'", "BEGIN; SHUTDOWN",
               "START TRANSACTION READ ONLY; SELECT 1; SHUTDOWN", "SET aurora_replica_read_consistency = ''; SHUTDOWN"]  # fmt: skip
    stories += ["SHUTDOWN WAIT FOR ALL REPLICAS", "EXECUTE IMMEDIATE 'SHUTDOWN'"] if cluster.kind == "mariadb" else ["RESTART"]
    for story in stories:
        for statement in story.split("; "):
            answer = attempt(connection, statement)
        assert isinstance(answer, SqlError) and answer.errno == 1235, (story, answer)
        run(connection, "ROLLBACK")
    with WireClient(proxy.port, accounts.ADMIN, wire_client.BASIC) as client:
        statement, packets = client.prepare("SHUTDOWN")
        assert statement is None and packets[-1].payload[:3] == b"\xff" + (1235).to_bytes(2, "little")
    assert all(server.is_alive() for server in cluster.servers)


def test_a_hint_with_a_mistake_is_said(proxy, connect):
    connection = connect()
    for number, hint in enumerate(("route=nowhere", "consistency=eventually", "max_lag=soon", "writer", "colour=red"), 1):
        assert one(connection, f"/* causeway: {hint} */ SELECT 1") == 1
        assert proxy.metric("causeway_mistaken_hints_total") == number
    assert one(connection, "/* causeway: route=writer consistency=GLOBAL max_lag=1s */ SELECT 1") == 1
    assert proxy.metric("causeway_mistaken_hints_total") == 5
    proxy.wait_for_log("a hint is not understood")
    assert proxy.log().count("a hint is not understood") == 1
    other = connect()
    run(other, "/* causeway: route=elsewhere */ SELECT 1")
    proxy.wait_for_log("route=elsewhere")


def test_kill_reaches_sessions_of_all_workers(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"workers": 2})
    connections = [connect(to=proxy) for _ in range(6)]
    killer = connections.pop()
    for connection in connections:
        assert one(connection, "SELECT CONNECTION_ID()") == connection.thread_id()
        run(killer, f"KILL {connection.thread_id()}")
    for connection in connections:
        with pytest.raises(pymysql.err.OperationalError):
            run(connection, "SELECT 1")
    assert one(killer, "SELECT 1") == 1


def test_process_kill_command(proxy, connect):
    victim = connect()
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP)
        wire.send_packet(COM_PROCESS_KILL + victim.thread_id().to_bytes(4, "little"))
        assert wire.read_packet()[1][:1] == b"\x00"
        with pytest.raises(pymysql.err.OperationalError):
            run(victim, "SELECT 1")
        wire.send_packet(COM_PROCESS_KILL + (4_000_000_000).to_bytes(4, "little"))
        assert wire.read_packet()[1][1:3] == (1094).to_bytes(2, "little")


def test_set_option_switches_several_statements_on_and_off(proxy, connect, table):
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP)
        two = b"\x03INSERT INTO " + table.encode() + b" VALUES (71, 'a'); INSERT INTO " + table.encode() + b" VALUES (72, 'b')"
        wire.send_packet(two)
        assert wire.read_packet()[1][1:3] == (1064).to_bytes(2, "little")
        wire.send_packet(COM_SET_OPTION + b"\x00\x00")
        assert wire.read_packet()[1][:1] == b"\xfe"
        wire.send_packet(two)
        assert [wire.read_packet()[1][:1] for _ in range(2)] == [b"\x00", b"\x00"]
        wire.send_packet(COM_SET_OPTION + b"\x01\x00")
        assert wire.read_packet()[1][:1] == b"\xfe"
        wire.send_packet(two)
        assert wire.read_packet()[1][1:3] == (1064).to_bytes(2, "little")
        wire.send_packet(COM_SET_OPTION + b"\x07\x00")
        assert wire.read_packet()[1][1:3] == (1047).to_bytes(2, "little")
    reader = connect(level="GLOBAL")
    assert one(reader, f"SELECT COUNT(*) FROM {table} WHERE id IN (71, 72)") == 2


def test_unknown_commands(proxy):
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP)
        for command in (0x00, 0x05, 0x06, 0x0B, 0x0F, 0x10, 0x14, 0x1D, 0x7F, 0xFB):
            wire.send_packet(bytes([command]))
            assert wire.read_packet()[1][1:3] == (1047).to_bytes(2, "little"), hex(command)
        wire.send_packet(b"\x0e")
        assert wire.read_packet()[1][:1] == b"\x00"


# COM_BINLOG_DUMP: a file and a position that are of any server's log.
@pytest.mark.parametrize("command, end, error", [(0x07, b"", 1235), (0x08, b"", 1235), (0x12, b"binlog.000001", 1236)],
                         ids=["refresh", "shutdown", "dump"])  # fmt: skip
def test_commands_of_operators_and_replicas_are_refused(proxy, command, end, error):
    with Wire(proxy.port) as wire:
        wire.login(accounts.ADMIN)
        wire.send_packet(bytes([command]) + bytes(10) + end)
        assert wire.read_packet()[1][1:3] == error.to_bytes(2, "little")
        wire.send_packet(COM_PING)
        assert wire.read_packet()[1][:1] == b"\x00"


@pytest.mark.parametrize("command", [0x12, 0x15, 0x1E], ids=["dump", "register", "dump_gtid"])
def test_commands_of_replicas_that_cannot_be_read_are_refused(proxy, command):
    with Wire(proxy.port) as wire:
        wire.login(accounts.ADMIN)
        for size in range(5):
            wire.send_packet(bytes([command]) + bytes(size))
            assert wire.read_packet()[1][1:3] == (1835).to_bytes(2, "little"), size
        wire.send_packet(COM_PING)
        assert wire.read_packet()[1][:1] == b"\x00"


# --- change of user -----------------------------------------------------------------------------------------------------


def _change_user(wire, account, password=None, database="app"):
    """COM_CHANGE_USER as a driver does it; the payload of the last packet."""
    wire.send_packet(b"\x11" + account.name.encode() + b"\x00" + b"\x00" + database.encode() + b"\x00"
                     + b"\x2d\x00" + b"mysql_native_password\x00")  # fmt: skip
    return wire.authenticate(account.password if password is None else password)


def _value(wire, sql):
    wire.send_packet(b"\x03" + sql.encode())
    packets = [wire.read_packet()[1]]
    assert packets[0][:1] not in (b"\xff", b"\x00"), packets
    while len(packets) < 5:
        packets.append(wire.read_packet()[1])
    row = packets[3]
    return None if row[:1] == b"\xfb" else row[1 : 1 + row[0]].decode()


def test_change_user(cluster, proxy, connect, table):
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP)
        wire.send_packet(b"\x03SET @a = 'mine', aurora_replica_read_consistency = 'GLOBAL', sql_mode = ''")
        assert wire.read_packet()[1][:1] == b"\x00"
        wire.send_packet(b"\x03BEGIN")
        assert wire.read_packet()[1][:1] == b"\x00"
        wire.send_packet(f"\x03UPDATE {table} SET value = 'not committed'".encode())
        assert wire.read_packet()[1][:1] == b"\x00"
        assert _change_user(wire, accounts.ADMIN)[:1] == b"\x00"
        assert _value(wire, "SELECT CURRENT_USER()").startswith("admin_user@")
        assert _value(wire, "SELECT @a") is None
        assert _value(wire, "SELECT @@aurora_replica_read_consistency") == "SESSION"
        assert _value(wire, f"SELECT COUNT(*) FROM {table} WHERE value = 'not committed'") == "0"
        assert _change_user(wire, accounts.APP, database="sbtest")[:1] == b"\x00"
        assert _value(wire, "SELECT CURRENT_USER()").startswith("app@")
        assert _value(wire, "SELECT DATABASE()") == "sbtest"
        assert _change_user(wire, accounts.APP, database="")[:1] == b"\x00"
        assert _value(wire, "SELECT DATABASE()") is None
        refused = _change_user(wire, accounts.ADMIN, password="wrong")
        assert refused[:3] == b"\xff" + (1045).to_bytes(2, "little")
        if cluster.kind == "mysql":
            assert wire.read_packet() is None
        else:
            assert _value(wire, "SELECT CURRENT_USER()").startswith("app@")
            assert _value(wire, "SELECT DATABASE()") is None


def test_change_to_a_user_that_is_not_configured(cluster, start_proxy):
    """The users of the configuration are the whole list here too."""
    app = accounts.APP
    proxy = start_proxy(cluster, {"users": [f"{app.name}={app.password}"]})
    with Wire(proxy.port) as wire:
        wire.login(app)
        assert _change_user(wire, app)[:1] == b"\x00"
        assert _value(wire, "SELECT CURRENT_USER()").startswith("app@")
        assert _change_user(wire, accounts.ADMIN)[:3] == b"\xff" + (1045).to_bytes(2, "little")
    with Wire(proxy.port) as wire:
        wire.login(app)


def _ok(wire, payload):
    wire.send_packet(payload if isinstance(payload, bytes) else b"\x03" + payload.encode())
    assert wire.read_packet()[1][:1] == b"\x00", payload


@pytest.mark.parametrize("command", ["reset", "change user"])
def test_what_it_had_locked_is_free(proxy, connect, table, command):
    """At once, although nobody takes over its connection: the other one has its own."""
    other = connect()
    run(other, "SET SESSION innodb_lock_wait_timeout = 2, lock_wait_timeout = 2")
    run(other, f"UPDATE {table} SET value = 'other' WHERE id = 2")
    for held, wanted in (
        (["BEGIN", f"UPDATE {table} SET value = 'not committed' WHERE id = 1"], f"UPDATE {table} SET value = 'other' WHERE id = 1"),
        ([f"LOCK TABLES {table} WRITE"], f"UPDATE {table} SET value = 'other again' WHERE id = 1"),
        (["DO GET_LOCK('forgotten', 0)"], "SELECT GET_LOCK('forgotten', 2)"),
    ):
        with Wire(proxy.port) as wire:
            wire.login(accounts.APP)
            for statement in held:
                _ok(wire, statement)
            if command == "reset":
                _ok(wire, COM_RESET_CONNECTION)
            else:
                assert _change_user(wire, accounts.APP)[:1] == b"\x00"
            answer = attempt(other, wanted)
            assert not isinstance(answer, SqlError), (held, answer)
            assert wanted.startswith("UPDATE") or answer == ((1,),), (held, answer)
    run(other, "DO RELEASE_LOCK('forgotten')")


def test_reset_forgets_the_character_set(cluster, proxy):
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP)
        _ok(wire, "SET NAMES gbk")
        _ok(wire, COM_RESET_CONNECTION)
        # In GBK the last byte of the euro sign and the backslash are one character, and the text would end: two statements,
        # which such a client may not send, so that the writer has to say so.
        server = _value(wire, r"SELECT CONCAT(@@server_id, '€\'; ')")[0]
        assert int(server) - 1 in cluster.replicas()


# --- compression --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["zlib", "zstd"])
def test_compression(cluster, connect, proxy, table, algorithm):
    """By MySQL's command line client, which knows both."""
    value = "x" * 100_000
    statements = [
        f"INSERT INTO {table} VALUES (3, 'compressed')",
        f"SELECT value FROM {table} WHERE id = 3",
        f"SELECT '{value}' AS long_value",
        "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r WHERE a < 900) SELECT a, REPEAT(a, 40) FROM r",
    ]  # fmt: skip
    compressed = run_mysql_client(proxy, statements, f"--compression-algorithms={algorithm}")
    plain = run_mysql_client(proxy, ["DELETE FROM " + table + " WHERE id = 3", *statements])
    assert value in compressed and "compressed" in compressed
    assert compressed == plain


def test_sequence_ids_in_compressed_packets_do_not_matter(proxy):
    """Connector/J begins with 1 where compression would make a packet longer; servers look at the outer ids."""
    with WireClient(proxy.port, accounts.APP, wire_client.BASIC | wire_client.COMPRESS) as client:
        for inner in (0, 1, 77):
            packet = b"\x01\x00\x00" + bytes([inner]) + COM_PING
            client.socket.sendall(len(packet).to_bytes(3, "little") + bytes(4) + packet)
            length = int.from_bytes(client.socket.recv(7, socket.MSG_WAITALL)[:3], "little")
            answer = client.socket.recv(length, socket.MSG_WAITALL)
            assert answer[3:5] == b"\x01\x00", (inner, answer)


# --- LOAD DATA LOCAL ----------------------------------------------------------------------------------------------------


FORWARDED = {"statements.load_data": "forward"}


def test_load_data_local_streams_the_file(cluster, start_proxy, connect, table, tmp_path):
    proxy = start_proxy(cluster, FORWARDED)
    rows = 200_000
    file = tmp_path / "rows.csv"
    with open(file, "w") as out:
        out.writelines(f"{number},value {number}\n" for number in range(10, 10 + rows))
    connection = connect(to=proxy, local_infile=True)
    with connection.cursor() as cursor:
        statement = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} FIELDS TERMINATED BY ','"
        assert cursor.execute(statement) == rows
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == rows + 2
    assert one(connection, f"SELECT value FROM {table} WHERE id = 77") == "value 77"
    # An empty file, a missing one, and an error of the server.
    (tmp_path / "empty").write_text("")
    run(connection, f"LOAD DATA LOCAL INFILE '{tmp_path / 'empty'}' INTO TABLE {table}")
    with pytest.raises(pymysql.err.OperationalError):
        run(connection, f"LOAD DATA LOCAL INFILE '{tmp_path / 'missing'}' INTO TABLE {table}")
    assert attempt(connection, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE no_such_table").errno == 1146
    assert one(connection, "SELECT 1") == 1


def test_load_data_local_needs_the_setting(connect, table, tmp_path):
    (tmp_path / "file").write_text("9\tnine\n")
    connection = connect(local_infile=True)
    assert attempt(connection, f"LOAD DATA LOCAL INFILE '{tmp_path / 'file'}' INTO TABLE {table}").errno == 1235
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2


def test_client_that_vanishes_in_its_file_has_loaded_nothing(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, FORWARDED)
    with Wire(proxy.port) as wire:
        wire.login(accounts.APP, capabilities=LOCAL_FILES)
        wire.send_packet(f"\x03LOAD DATA LOCAL INFILE 'f' INTO TABLE {table}".encode())
        sequence_id, asked = wire.read_packet()
        assert asked == b"\xfbf"
        wire.send_packet(b"55\tfirst\n56\tsecond\n", sequence_id + 1)
    connection = connect(to=proxy)
    run(connection, "SET innodb_lock_wait_timeout = 10")
    run(connection, f"INSERT INTO {table} VALUES (55, 'free')")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
