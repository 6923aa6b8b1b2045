"""Clients that break the protocol: each gets its error and is closed, and two thousand others do not notice."""

import errno
import resource
import select
import socket
import ssl
import struct
import threading
import zlib

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from support import in_parallel
from wire import SSL, Wire, handshake_response, nonsense

CROWD = 2000
SAMPLE = 50
COMPRESS = 0x20
QUERY_ATTRIBUTES = 1 << 27

COM_QUERY, COM_PING, COM_CHANGE_USER, COM_PREPARE, COM_EXECUTE = b"\x03", b"\x0e", b"\x11", b"\x16", b"\x17"
PING = b"\x01\x00\x00\x00" + COM_PING

BAD_HANDSHAKE = (1043, b"08S01")
OUT_OF_ORDER = (1156, b"08S01")
TOO_LARGE = (1153, b"08S01")
UNCOMPRESS = (1157, b"08S01")
DENIED = (1045, b"28000")


# --- the others -------------------------------------------------------------------------------------------------------


@pytest.fixture
def open_files():
    """Room for the crowd's sockets, in this process and in those that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CROWD + 2000
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, before[0]), max(wanted, before[1])))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def proxy(cluster, start_proxy, open_files):
    return start_proxy(cluster, {"limits.max_packet": "1MiB"})


@pytest.fixture
def crowd(proxy, connect):
    """Sessions that are logged in and idle, and one that works all the time. Whatever the others do in the test, none of
    them is told anything or closed, and all answer afterwards."""
    wires = [Wire(proxy.port) for _ in range(CROWD)]
    for wire in wires:
        wire.login(accounts.APP, database="")
    worker = connect()
    finished = threading.Event()
    errors = []

    def work():
        while not finished.is_set():
            try:
                run(worker, "SELECT 1")
            except pymysql.Error as error:
                errors.append(error)
                return

    thread = threading.Thread(target=work)
    thread.start()
    yield
    finished.set()
    thread.join()
    try:
        assert errors == []
        assert _readable(wires) == 0
        for wire in wires:
            wire.send(PING)
        assert {wire.read_packet() for wire in wires} == {(1, b"\x00\x00\x00\x02\x00\x00\x00")}
        for wire in wires[:: CROWD // SAMPLE]:
            assert _rows(wire, b"SELECT 'still here'") == [b"\x0astill here"]
    finally:
        for wire in wires:
            wire.socket.close()


def _readable(wires):
    """How many have been sent something, or were closed."""
    poll = select.poll()
    for wire in wires:
        poll.register(wire.socket, select.POLLIN)
    return len(poll.poll(0))


def _rows(wire, sql, by_byte=False):
    wire.send_packet(COM_QUERY + sql, by_byte=by_byte)
    return _read_rows(wire)


def _read_rows(wire):
    """The rows of a result with one column, as they are on the wire."""
    assert wire.read_packet()[1] == b"\x01"
    packets = [wire.read_packet()[1] for _ in range(3)]
    while packets[-1][:1] != b"\xfe":
        packets.append(wire.read_packet()[1])
    return packets[2:-1]


# --- what offenders are told ------------------------------------------------------------------------------------------


def _error(packet):
    """(errno, SQLSTATE) of an ERR packet."""
    assert packet is not None, "closed without an error"
    payload = packet[1]
    assert payload[:1] == b"\xff" and payload[3:4] == b"#", payload
    return int.from_bytes(payload[1:3], "little"), payload[4:9]


def _is_closed(wire):
    """Nothing comes but the end."""
    try:
        return wire.read_packet() is None
    except ConnectionResetError:  # not all that was sent had been read
        return True


def _is_refused(wire, error):
    """Exactly this error comes, then the end."""
    assert _error(wire.read_packet()) == error
    assert _is_closed(wire)


def _half_close(wire):
    """As a client that is gone looks like, but that it still can be told something."""
    wire.socket.shutdown(socket.SHUT_WR)


def _logged_in(proxy, **options):
    wire = Wire(proxy.port)
    wire.login(accounts.APP, **options)
    return wire


def _framed(payload, sequence_id=0):
    return len(payload).to_bytes(3, "little") + bytes([sequence_id]) + payload


# --- the connection phase ---------------------------------------------------------------------------------------------

RESPONSE = handshake_response(accounts.APP, b"x" * 20)  # with a wrong password
_NAME_AT = 32
_PASSWORD_LENGTH_AT = _NAME_AT + len(accounts.APP.name) + 1


def _response_with(at, data):
    return RESPONSE[:at] + data + RESPONSE[at + len(data) :]


MALFORMED = {
    "empty": b"",
    "one byte": b"\x00",
    "the capabilities alone": RESPONSE[:4],
    "a TLS request without its end": RESPONSE[:31],
    "no user": RESPONSE[:_NAME_AT],
    "a user without an end": RESPONSE[: _NAME_AT + 2],
    "a password that is longer than the packet": _response_with(_PASSWORD_LENGTH_AT, b"\xff"),
    "a user that is too long": RESPONSE[:_NAME_AT] + b"u" * 4000 + RESPONSE[_NAME_AT:],
    "attributes that are longer than the packet": struct.pack("<I", struct.unpack_from("<I", RESPONSE)[0] | 1 << 20) + RESPONSE[4:]
    + b"\xfd\xff\xff\xff",
    "nothing but ones": b"\xff" * 300,
}  # fmt: skip


def test_malformed_handshakes(proxy, crowd):
    for what, payload in MALFORMED.items():
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send_packet(payload, 1)
            assert _error(wire.read_packet()) == BAD_HANDSHAKE, what
            assert _is_closed(wire), what
    for words in (b"GET / HTTP/1.1\r\nHost: causeway\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\xff" * 70_000):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send(words)
            assert _error(wire.read_packet()) in (BAD_HANDSHAKE, OUT_OF_ORDER), words[:10]
            assert _is_closed(wire), words[:10]
    with Wire(proxy.port) as wire:  # of a client before 4.1, which knows no SQLSTATE
        wire.read_packet()
        wire.send_packet(b"\x01\x00\x00\x00\x00app\x00", 1)
        assert wire.read_packet()[1][:3] == b"\xff" + struct.pack("<H", 1251)
        assert _is_closed(wire)


def test_handshakes_that_end_too_early(proxy, crowd):
    """The packet's own length is right, what it contains ends too early. Some beginnings are whole, without a plugin's name
    for instance: then the password is wrong."""
    errors = set()
    for length in range(len(RESPONSE)):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send_packet(RESPONSE[:length], 1)
            packet = wire.read_packet()
            while packet is not None and packet[1][:1] != b"\xff":
                wire.send_packet(b"x" * 20, packet[0] + 1)
                packet = wire.read_packet()
            errors.add(_error(packet))
            assert _is_closed(wire), length
    assert BAD_HANDSHAKE in errors and errors <= {BAD_HANDSHAKE, DENIED}


def test_answers_about_the_password_that_are_none(cluster, proxy, crowd):
    """What follows the first packet of a login: the answer to a change of plugin."""
    wrong_length = BAD_HANDSHAKE if cluster.kind == "mariadb" else DENIED
    answers = [(b"", 1, DENIED), (nonsense(20), 1, DENIED), (nonsense(20), 0, OUT_OF_ORDER), (nonsense(20), 2, OUT_OF_ORDER)]
    answers += [(nonsense(length), 1, wrong_length) for length in (1, 19, 21, 5000)]
    for answer, sequence_offset, error in answers:
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send_packet(handshake_response(accounts.APP, b"x" * 20, plugin="mysql_old_password"), 1)
            sequence_id, payload = wire.read_packet()
            assert payload[:1] == b"\xfe"
            wire.send_packet(answer, sequence_id + sequence_offset)
            assert _error(wire.read_packet()) == error, answer
            assert _is_closed(wire), answer


def test_tls_that_is_none(proxy, crowd):
    """Behind the request for TLS nothing can be said in clear: the end alone."""
    request = struct.pack("<I", struct.unpack_from("<I", RESPONSE)[0] | SSL) + RESPONSE[4:32]
    for answer in (b"", b"\x00", RESPONSE, nonsense(1000), b"\x16\x03\x01\xff\xff" + nonsense(100)):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send_packet(request, 1)
            wire.send(answer)
            _half_close(wire)
            said = b""
            try:
                while part := wire.socket.recv(65536):
                    said += part
            except ConnectionResetError:
                pass
            assert said == b"" or said[:1] == b"\x15", (answer[:20], said)  # of TLS: an alert
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with Wire(proxy.port) as wire:  # malformed within TLS: told
        wire.read_packet()
        wire.send_packet(request, 1)
        wire.socket = context.wrap_socket(wire.socket)
        wire.send_packet(b"\xff" * 100, 2)
        assert _error(wire.read_packet()) == BAD_HANDSHAKE


def test_handshakes_cut_at_every_byte(proxy, crowd):
    packet = _framed(RESPONSE, 1)
    for length in range(len(packet)):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send(packet[:length])
            _half_close(wire)
            assert _is_closed(wire)
    for length in range(0, len(packet), 10):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send(packet[:length])
            _reset(wire.socket)


def _reset(connection):
    """Closes with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_wrong_sequence_ids(proxy, crowd):
    for sequence_id in (0, 2, 7, 255):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send_packet(RESPONSE, sequence_id)
            _is_refused(wire, OUT_OF_ORDER)
    for sequence_id in (1, 2, 3, 255):
        for command in (COM_QUERY + b"SELECT 1", COM_PING, COM_PREPARE + b"SELECT ?"):
            with _logged_in(proxy) as wire:
                wire.send_packet(command, sequence_id)
                _is_refused(wire, OUT_OF_ORDER)
    with _logged_in(proxy) as wire:  # after commands that were right
        assert _rows(wire, b"SELECT 1") == [b"\x011"]
        wire.send(_framed(COM_QUERY + b"SELECT 2") + _framed(COM_QUERY + b"SELECT 3", 1))
        assert _read_rows(wire) == [b"\x012"]
        _is_refused(wire, OUT_OF_ORDER)


def test_wrong_sequence_id_within_a_long_statement(cluster, start_proxy, proxy, crowd):
    longer = start_proxy(cluster, {"limits.max_packet": "64MiB"})
    for where in (longer, proxy):
        with _logged_in(where) as wire:
            try:
                wire.send(b"\xff\xff\xff\x00" + COM_QUERY + b"SELECT '" + b"x" * (0xFFFFFF - 9))
                wire.send(_framed(b"'", 2))
            except OSError as error:
                assert where is proxy and error.errno in (errno.EPIPE, errno.ECONNRESET)
            _is_refused(wire, OUT_OF_ORDER if where is longer else TOO_LARGE)


# --- the command phase ------------------------------------------------------------------------------------------------


def test_commands_cut_at_every_byte(proxy, crowd, cluster, table):
    """Nothing of them is run."""
    command = _framed(COM_QUERY + f"INSERT INTO app.{table} VALUES (3, 'cut')".encode())
    for length in range(len(command)):
        with _logged_in(proxy) as wire:
            wire.send(command[:length])
            _half_close(wire)
            assert _is_closed(wire)
    for length in range(0, len(command), 10):
        with _logged_in(proxy) as wire:
            wire.send(command[:length])
            _reset(wire.socket)
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 2


def test_lengths_of_packets_that_lie(proxy, crowd):
    """Announced is more than may be sent at all: told before it is sent. Announced is less than is sent: what remains is taken
    for the next packet."""
    for length in ((1 << 20) + 1, 0xFFFFFE, 0xFFFFFF):
        with _logged_in(proxy) as wire:
            wire.send(length.to_bytes(3, "little") + b"\x00" + COM_QUERY)
            _is_refused(wire, TOO_LARGE)
    with _logged_in(proxy) as wire:
        wire.send(b"\x05\x00\x00\x00" + COM_PING + b"\x00\x00\x00\x00" + b"\xff\xff\xff\xff")
        assert wire.read_packet()[1][:1] == b"\x00"
        assert _error(wire.read_packet()) in (OUT_OF_ORDER, TOO_LARGE)
        assert _is_closed(wire)
    with _logged_in(proxy) as wire:
        wire.send_packet(b"")
        assert _error(wire.read_packet()) == (1047, b"08S01")


def test_lengths_within_commands_that_lie(cluster, proxy, crowd):
    """An error for the command; the connection goes on."""
    with _logged_in(proxy) as wire:
        wire.send_packet(COM_PREPARE + b"SELECT ?, ?")
        prepared = wire.read_packet()[1]
        for _ in range(2 * (2 + 1)):
            wire.read_packet()
        head = COM_EXECUTE + prepared[1:5] + b"\x00" + struct.pack("<I", 1)
        text = b"\x00\x01\xfd\x00\xfd\x00"
        # Not here: values that end too early, which MariaDB takes.
        for lie in (b"", b"\x00", b"\x00\x01", b"\x00\x01\xfd", text, b"\x00\x01\x0c\x00\x0c\x00\x0b", b"\x00\x01\x7e\x00\x7e\x00\x00"):
            wire.send_packet(head + lie)
            assert _error(wire.read_packet()) in ((1210, b"HY000"), (1835, b"HY000")), lie
        wire.send_packet(head + text + b"\x01a\x01b")
        assert wire.read_packet()[1] == b"\x02"
        for _ in range(2 + 1 + 1 + 1):
            wire.read_packet()
        assert _rows(wire, b"SELECT 5") == [b"\x015"]
    for lie in (b"", b"app", b"app\x00", b"app\x00\xff", b"app\x00\x14" + b"x" * 19, b"app\x00\x00app", b"app\x00\x00app\x00\x2d"):
        with _logged_in(proxy) as wire:
            wire.send_packet(COM_CHANGE_USER + lie)
            assert _error(wire.read_packet()) == (1047, b"08S01"), lie
    if cluster.kind == "mysql":
        with _logged_in(proxy, capabilities=QUERY_ATTRIBUTES) as wire:
            for lie in (b"", b"\x01", b"\xfe", b"\x01\x01\x00\x01", b"\x01\x01\x00\x01\xfd\x00\x05abc", b"\xfd\xff\xff\xff\x01"):
                wire.send_packet(COM_QUERY + lie)
                number, state = _error(wire.read_packet())
                assert number in (1835, 1210, 1064, 1065), (lie, number)
            wire.send_packet(COM_QUERY + b"\x00\x01SELECT 1")
            assert _read_rows(wire) == [b"\x011"]


def test_garbage(proxy, crowd):
    for length in (1, 3, 4, 5, 100, 70_000):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            try:
                wire.send(nonsense(length))
                _half_close(wire)
            except OSError:
                pass  # closed by the first bytes of it
            assert wire.is_closed()
    for _ in range(30):
        with Wire(proxy.port) as wire:
            wire.read_packet()
            wire.send_packet(nonsense(200), 1)
            packet = wire.read_packet()
            while packet is not None and packet[1][:1] != b"\xff":
                # By chance it was a login of somebody: the password is nonsense too.
                wire.send_packet(nonsense(20), packet[0] + 1)
                packet = wire.read_packet()
            assert packet is not None
            assert _is_closed(wire)
    for _ in range(30):
        with _logged_in(proxy) as wire:
            wire.send(nonsense(300))
            _half_close(wire)
            assert wire.is_closed()


def test_compressed_frames_that_are_none(proxy, crowd):
    """The error comes in a frame too."""
    ping, packed = _framed(COM_PING), zlib.compress(b"x" * 1000)
    frames = {
        "not compressed, though it says so": (_frame(ping, 0xFFFFFF), UNCOMPRESS),
        "more than it says": (_frame(packed, 5), UNCOMPRESS),
        "less than it says": (_frame(packed, 0xFFFF), TOO_LARGE),  # its content is no packet either, and comes first
        "cut": (_frame(packed[:-5], 1000), TOO_LARGE),
        "an empty one": (_frame(b"", 1000), UNCOMPRESS),
        "a wrong sequence id": (_frame(ping, 0, sequence_id=5), OUT_OF_ORDER),
    }  # fmt: skip
    for what, (frame, error) in frames.items():
        with _logged_in(proxy, capabilities=COMPRESS) as wire:
            wire.send(frame)
            assert _error((0, _read_frame(wire)[4:])) == error, what
            assert _is_closed(wire), what


def _frame(payload, content_bytes, sequence_id=0):
    return _framed(payload, sequence_id)[:4] + content_bytes.to_bytes(3, "little") + payload


def _read_frame(wire):
    header = wire.read(7)
    assert header is not None, "closed without an error"
    payload = wire.read(int.from_bytes(header[:3], "little"))
    return zlib.decompress(payload) if any(header[4:]) else payload


# --- a byte at a time -------------------------------------------------------------------------------------------------


def test_byte_by_byte(proxy, crowd):
    with _logged_in(proxy, by_byte=True) as wire:
        for number in range(3):
            assert _rows(wire, b"SELECT 'byte by byte %d'" % number, by_byte=True) == [b"\x0ebyte by byte %d" % number]
        wire.send_packet(COM_PREPARE + b"SELECT 'prepared'", by_byte=True)
        statement_id = wire.read_packet()[1][1:5]
        for _ in range(2):
            wire.read_packet()
        wire.send_packet(COM_EXECUTE + statement_id + b"\x00" + struct.pack("<I", 1), by_byte=True)
        assert _read_rows(wire) == [b"\x00\x00\x08prepared"]
        wire.send_packet(COM_QUERY + b"SELECT '" + b"x" * 2000 + b"'", by_byte=True)
        assert _read_rows(wire) == [b"\xfc\xd0\x07" + b"x" * 2000]


def test_many_who_send_a_byte_and_wait(proxy, crowd):
    """Half a command each, then the rest: nobody waits for another."""
    command = _framed(COM_QUERY + b"SELECT 'in the end'")
    wires = [_logged_in(proxy) for _ in range(100)]
    for length in range(len(command)):
        for wire in wires:
            wire.send(command[length : length + 1])
    for wire in wires:
        assert _read_rows(wire) == [b"\x0ain the end"]
        wire.socket.close()


def test_commands_sent_in_one_write_are_answered_in_order(proxy, crowd):
    with _logged_in(proxy) as wire:
        wire.send(b"".join(_framed(COM_QUERY + b"SELECT %d" % number) for number in range(100, 150)))
        for number in range(100, 150):
            assert _read_rows(wire) == [b"\x03%d" % number]


# --- those who leave --------------------------------------------------------------------------------------------------


def test_clients_that_vanish_at_any_time(cluster, proxy, connect, table, crowd):
    before = proxy.metric("causeway_client_connections")
    large = "SELECT 'x' FROM information_schema.COLLATIONS AS a, information_schema.COLLATIONS AS b"

    def vanish(number):
        for turn in range(10):
            connection = connect()
            run(connection, "BEGIN")
            run(connection, f"INSERT INTO {table} VALUES ({number * 100 + turn + 10}, 'x')")
            if turn % 3 == 0:
                connection._execute_command(3, large)
            connection._force_close()

    in_parallel(6, vanish)
    wait_until(lambda: proxy.metric("causeway_client_connections") <= before, 10, "their sessions are gone")
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 2


# --- those who claim to be replicas ------------------------------------------------------------------------------------

COM_REGISTER, COM_DUMP, COM_DUMP_GTID = b"\x15", b"\x12", b"\x1e"
MALFORMED_PACKET, UNKNOWN_COMMAND = (1835, b"HY000"), (1047, b"08S01")
DUMPS = 200


def _registration(server_id):
    return COM_REGISTER + struct.pack("<I", server_id) + b"\x00\x00\x00" + struct.pack("<HII", 0, 0, 0)


def _dump_by_gtid(server_id, file=b"", gtids=struct.pack("<Q", 0)):
    return COM_DUMP_GTID + struct.pack("<HII", 0, server_id, len(file)) + file + struct.pack("<QI", 4, len(gtids)) + gtids


def _replica(proxy, account=accounts.REPLICATION):
    wire = Wire(proxy.port)
    wire.login(account, database="")
    return wire


def _say(wire, statement):
    wire.send_packet(COM_QUERY + statement)
    answer = wire.read_packet()[1]
    assert answer[:1] == b"\x00", answer


def _begin_dump(wire, kind, server_id, file=b""):
    """From the first transaction on; whoever reads gets what is in the log."""
    if kind == "mysql":
        _say(wire, b"SET @source_binlog_checksum = 'NONE'")
        wire.send_packet(_dump_by_gtid(server_id, file))
    else:
        _say(wire, b"SET @master_binlog_checksum = 'NONE', @mariadb_slave_capability = 4")
        _say(wire, b"SET @slave_connect_state = ''")
        wire.send_packet(COM_DUMP + struct.pack("<IHI", 4, 0, server_id) + file)


def _dumps(cluster):
    """How many the writer's users of tests have."""
    others = {server.server_id for server in cluster.servers[1:]}
    rows = cluster.query(0, "SHOW PROCESSLIST")
    return sum(row["Command"].startswith("Binlog Dump") for row in rows) - len(others)


def test_registrations_and_dumps_that_lie(cluster, proxy, crowd):
    """What can be seen to lie is told, and the connection goes on; a set that lies is MySQL's to find, which then closes."""
    malformed_set = (1773, b"HY000")
    by_gtid = (MALFORMED_PACKET, malformed_set) if cluster.kind == "mysql" else (UNKNOWN_COMMAND,)
    whole = [_registration(7001), _dump_by_gtid(7001), COM_DUMP + struct.pack("<IHI", 4, 0, 7001)]
    lies = [COM_REGISTER + struct.pack("<I", 7001) + b"\xff" * 3, _registration(7001)[:7] + b"\xff" + b"x" * 20,
            COM_DUMP_GTID + struct.pack("<HII", 0, 7001, 0xFFFFFFFF) + b"f" * 100, _dump_by_gtid(7001)[:-12] + b"\xff\xff\xff\xff",
            _dump_by_gtid(7001, file=b"f" * 100_000), COM_DUMP + struct.pack("<IHI", 4, 0, 7001) + b"f" * 100_000]  # fmt: skip
    without_a_set = len(_dump_by_gtid(7001)) - 12
    lies += [command[:length] for command in whole for length in range(1, len(command))
             if command[:1] != COM_DUMP_GTID or length != without_a_set]  # fmt: skip
    with _replica(proxy) as wire:
        _say(wire, b"SET @slave_connect_state = '0-1-1'")
        for lie in lies:
            wire.send_packet(lie)
            assert _error(wire.read_packet()) == MALFORMED_PACKET, lie[:100]
        assert _rows(wire, b"SELECT 5") == [b"\x015"]
    for gtids in (struct.pack("<Q", 1 << 40), struct.pack("<Q", 1) + b"u" * 16 + b"\xff" * 8,
                  struct.pack("<Q", 1) + b"u" * 16 + struct.pack("<QQQ", 1, 5, 5), None):  # fmt: skip
        with _replica(proxy) as wire:
            wire.send_packet(_dump_by_gtid(7001)[:without_a_set] if gtids is None else _dump_by_gtid(7001, gtids=gtids))
            assert _error(wire.read_packet()) in by_gtid, gtids
            if cluster.kind == "mariadb":  # which has no such command
                assert _rows(wire, b"SELECT 5") == [b"\x015"]
            else:
                assert _is_closed(wire)
    for number in range(60):  # whatever comes of it, the end does
        command = whole[number % 3]
        with _replica(proxy) as wire:
            at = number % len(command)
            wire.send_packet(command[:1] + nonsense(number) if number < 30 else command[:at] + nonsense(1) + command[at + 1 :])
            _half_close(wire)
            assert wire.is_closed()
    wait_until(lambda: _dumps(cluster) == 0, 10, "no stream is left")


def test_dumps_without_rights_and_in_a_transaction(cluster, proxy, table, crowd):
    with _logged_in(proxy) as wire:
        wire.send_packet(_registration(7002))
        assert _error(wire.read_packet()) == DENIED
        assert _rows(wire, b"SELECT 5") == [b"\x015"]
        if cluster.kind == "mysql":
            wire.send_packet(_dump_by_gtid(7002))
        else:
            _say(wire, b"SET @slave_connect_state = ''")
            wire.send_packet(COM_DUMP + struct.pack("<IHI", 4, 0, 7002))
        number, state = _error(wire.read_packet())
        assert number in (1227, 1045) and state in (b"42000", b"28000")
        assert _is_closed(wire)
    with _replica(proxy, accounts.ADMIN) as wire:  # what it has written is undone, as on the server itself
        _say(wire, b"BEGIN")
        _say(wire, f"INSERT INTO app.{table} VALUES (3, 'three')".encode())
        wire.send_packet(_registration(7003))
        assert wire.read_packet()[1][:1] == b"\x00"
        _begin_dump(wire, cluster.kind, 7003)
        assert wire.read_packet()[1][:1] == b"\x00"
    wait_until(lambda: _dumps(cluster) == 0, 10, "the stream has ended")
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 2


def test_what_is_said_into_a_stream_ends_it(cluster, proxy, crowd):
    for said in (nonsense(300), PING, b"\xff\xff\xff\x00", _framed(COM_QUERY + b"SELECT 1"), _framed(b"\xef" + b"\x00" * 600), b""):
        with _replica(proxy) as wire:
            _begin_dump(wire, cluster.kind, 7004)
            assert wire.read_packet()[1][:1] == b"\x00"
            wire.send(said) if said else _half_close(wire)
            assert wire.is_closed()
    for number in range(30):
        with _replica(proxy) as wire:
            _begin_dump(wire, cluster.kind, 7005 + number)
            if number % 2:
                _reset(wire.socket)
    wait_until(lambda: _dumps(cluster) == 0, 10, "no stream is left")


def test_two_hundred_dumps_that_read_nothing(own_cluster, start_proxy):
    """Of each no more than a buffer is kept, and who writes or reads goes on."""
    cluster = own_cluster(replicas=1, max_connections=300)
    proxy = start_proxy(cluster, {"forwarding.aurora_fwd_writer_max_connections_pct": "80"})
    cluster.query(0, "CREATE TABLE app.large (id INT AUTO_INCREMENT PRIMARY KEY, b LONGTEXT)")
    for _ in range(10):
        cluster.query(0, "INSERT INTO app.large (b) VALUES (REPEAT('x', 2000000))")
    cluster.wait_synced()
    before = proxy.metric("process_resident_memory_bytes")
    wires = [_replica(proxy) for _ in range(DUMPS)]
    try:
        for number, wire in enumerate(wires):
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            _begin_dump(wire, cluster.kind, 7100 + number)
        wait_until(lambda: _dumps(cluster) == DUMPS, 30, "all have their stream")
        with proxy.connect(database="app") as connection:
            for number in range(50):
                run(connection, "INSERT INTO large (b) VALUES ('short')")
                assert run(connection, "SELECT COUNT(*) FROM large") == ((11 + number,),)
        assert proxy.metric("process_resident_memory_bytes") - before < 100 << 20
    finally:
        for wire in wires:
            wire.socket.close()
    wait_until(lambda: _dumps(cluster) == 0, 30, "no stream is left")
