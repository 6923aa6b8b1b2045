"""A client of which every byte is ours: it asks for exactly the capabilities it is given, and returns the answers as the
packets they came in.

https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html, https://mariadb.com/kb/en/clientserver-protocol/
"""

import dataclasses
import enum
import socket
import struct

from wire import rsa_encrypted, scramble

LONG_PASSWORD = 1 << 0  # MariaDB: absent says that the extended capabilities are meant
FOUND_ROWS = 1 << 1
LONG_FLAG = 1 << 2
CONNECT_WITH_DB = 1 << 3
NO_SCHEMA = 1 << 4
COMPRESS = 1 << 5
ODBC = 1 << 6
LOCAL_FILES = 1 << 7
IGNORE_SPACE = 1 << 8
PROTOCOL_41 = 1 << 9
INTERACTIVE = 1 << 10
SSL = 1 << 11
TRANSACTIONS = 1 << 13
SECURE_CONNECTION = 1 << 15
MULTI_STATEMENTS = 1 << 16
MULTI_RESULTS = 1 << 17
PS_MULTI_RESULTS = 1 << 18
PLUGIN_AUTH = 1 << 19
CONNECT_ATTRS = 1 << 20
PLUGIN_AUTH_LENENC = 1 << 21
SESSION_TRACK = 1 << 23
DEPRECATE_EOF = 1 << 24
OPTIONAL_RESULTSET_METADATA = 1 << 25
QUERY_ATTRIBUTES = 1 << 27
# MariaDB's, in the upper half.
PROGRESS = 1 << 32
STMT_BULK_OPERATIONS = 1 << 34
EXTENDED_METADATA = 1 << 35
CACHE_METADATA = 1 << 36
_EXTENDED = ~0xFFFFFFFF

# Without these there is nothing to compare.
BASIC = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | CONNECT_WITH_DB | TRANSACTIONS | LONG_FLAG

MORE_RESULTS_EXIST = 0x0008
CURSOR_EXISTS = 0x0040
PS_OUT_PARAMS = 0x1000
SESSION_STATE_CHANGED = 0x4000

_FULL_PACKET = 0xFFFFFF


class Kind(enum.Enum):
    """What a command is answered with."""

    QUERY = "any number of results"
    PREPARE = "a statement, definitions of its parameters and columns"
    OK = "OK, EOF or ERR"
    FIELD_LIST = "definitions of columns"
    TEXT = "one packet"
    FETCH = "rows"
    NOTHING = "not answered"


@dataclasses.dataclass(frozen=True)
class Packet:
    """A payload with the sequence ids of the packets that it came in: one, but for 16 MiB and more. `is_ok`: an OK, or the
    OK or EOF behind rows, and not a row that begins as these do."""

    sequence_ids: tuple
    payload: bytes
    is_ok: bool = dataclasses.field(default=False, compare=False)


@dataclasses.dataclass(frozen=True)
class Greeting:
    payload: bytes
    version: str
    connection_id: int
    nonce: bytes
    capabilities: int
    collation: int
    status: int
    plugin: str


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the binary protocol: its type, its value in that type's form (None: NULL), its name if it has one."""

    type: int
    value: bytes | None
    unsigned: bool = False
    name: bytes = b""


class ConnectionLost(Exception):
    """The other side closed in the middle of an answer; `packets` came before that."""

    def __init__(self, packets):
        super().__init__(f"closed after {len(packets)} packets")
        self.packets = packets


class WireClient:
    """A logged-in connection. `capabilities` are asked for as they are: the caller knows what the server has."""

    def __init__(self, port, account, capabilities, database="app", collation=45, attributes=None, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb", buffering=1 << 18)
        self.capabilities = capabilities
        self.file = [b""]  # the packets of a client's file, if the server asks for one
        self.asks_for_cursor = False  # by the command that is being answered
        try:
            self.greeting = parse_greeting(self._read_packet().payload)
            self.login_answer = self._log_in(account, database, collation, attributes or {})
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stream.close()
        self.socket.close()

    # --- commands ----------------------------------------------------------------------------------------------------

    def query(self, sql, attributes=()):
        """COM_QUERY; the packets of its answer."""
        return self.command(b"\x03" + self._query_attributes(attributes) + as_bytes(sql), Kind.QUERY)

    def command(self, payload, kind=Kind.OK):
        """Any command; the packets of its answer."""
        self.send(payload)
        return self.read_answer(kind)

    def prepare(self, sql):
        """COM_STMT_PREPARE; (statement id, packets), with the id None for an error."""
        packets = self.command(b"\x16" + as_bytes(sql), Kind.PREPARE)
        first = packets[0].payload
        # Servers answer some statements that they cannot prepare with a plain OK.
        is_statement = first[:1] == b"\x00" and len(first) >= 12
        return (int.from_bytes(first[1:5], "little") if is_statement else None), packets

    def execute(self, statement_id, parameters=(), flags=0, types=True, given=None):
        """COM_STMT_EXECUTE; the packets of its answer. Without `types` the parameter types are left out: those of the
        last time hold. `given` are the numbers of the parameters whose values came by COM_STMT_SEND_LONG_DATA."""
        self.asks_for_cursor = bool(flags & 7)
        try:
            return self.command(self._execute_payload(statement_id, parameters, flags, types, given), Kind.QUERY)
        finally:
            self.asks_for_cursor = False

    def prepare_and_execute(self, sql, statement_id, parameters):
        """Both in one write; the packets of both answers. `statement_id` is the one that means the statement prepared last."""
        self.send(b"\x16" + as_bytes(sql), self._execute_payload(statement_id, parameters))
        return self.read_answer(Kind.PREPARE), self.read_answer(Kind.QUERY)

    def _execute_payload(self, statement_id, parameters=(), flags=0, types=True, given=None):
        if self.capabilities & QUERY_ATTRIBUTES:
            flags |= 8  # PARAMETER_COUNT_AVAILABLE: without it MySQL refuses what has parameters
        payload = b"\x17" + struct.pack("<IBI", statement_id, flags, 1)
        if self.capabilities & QUERY_ATTRIBUTES:
            payload += length_encoded(len(parameters))
        if parameters:
            payload += null_bitmap(parameters)
            payload += b"\x01" if types else b"\x00"
            if types:
                for parameter in parameters:
                    payload += bytes([parameter.type, 0x80 if parameter.unsigned else 0])
                    if self.capabilities & QUERY_ATTRIBUTES:
                        payload += length_encoded_bytes(parameter.name)
            for number, parameter in enumerate(parameters):
                if number not in (given or ()) and parameter.value is not None:
                    payload += parameter.value
        return payload

    def fetch(self, statement_id, rows):
        return self.command(b"\x1c" + struct.pack("<II", statement_id, rows), Kind.FETCH)

    def send_long_data(self, statement_id, number, data):
        self.send(b"\x18" + struct.pack("<IH", statement_id, number) + data)

    def reset_statement(self, statement_id):
        return self.command(b"\x1a" + struct.pack("<I", statement_id))

    def close_statement(self, statement_id):
        self.send(b"\x19" + struct.pack("<I", statement_id))

    def bulk_execute(self, statement_id, types, rows, flags=0x80):
        """MariaDB's COM_STMT_BULK_EXECUTE; the packets of its answer. A value is a Parameter or the number of an indicator."""
        payload = b"\xfa" + struct.pack("<IH", statement_id, flags) + b"".join(struct.pack("<H", type_) for type_ in types)
        for row in rows:
            for value in row:
                payload += bytes([value]) if isinstance(value, int) else b"\x00" + value.value
        return self.command(payload, Kind.QUERY)

    def change_user(self, account, database, collation=45, password=None):
        """COM_CHANGE_USER; the packets of its answer, without nonces."""
        plugin = self.greeting.plugin
        answer = scramble(plugin, password or account.password, self.greeting.nonce)
        payload = b"\x11" + account.name.encode() + b"\x00" + bytes([len(answer)]) + answer + database.encode() + b"\x00"
        payload += struct.pack("<H", collation) + plugin.encode() + b"\x00"
        if self.capabilities & CONNECT_ATTRS:
            payload += b"\x00"
        self.send(payload)
        try:
            return self._authenticate(password or account.password, self.greeting.nonce)
        except ConnectionError:
            raise ConnectionLost([]) from None

    def _query_attributes(self, attributes):
        if not self.capabilities & QUERY_ATTRIBUTES:
            return b""
        payload = length_encoded(len(attributes)) + b"\x01"
        if attributes:
            payload += null_bitmap(attributes) + b"\x01"
            for attribute in attributes:
                payload += bytes([attribute.type, 0x80 if attribute.unsigned else 0]) + length_encoded_bytes(attribute.name)
            payload += b"".join(attribute.value for attribute in attributes if attribute.value is not None)
        return payload

    # --- packets -----------------------------------------------------------------------------------------------------

    def send(self, *payloads, sequence_id=0):
        """Payloads of any length in one write, each in as many packets as it needs."""
        pieces = []
        for payload in payloads:
            for number, at in enumerate(range(0, len(payload) + 1, _FULL_PACKET), sequence_id):
                piece = payload[at : at + _FULL_PACKET]
                pieces.append(len(piece).to_bytes(3, "little") + bytes([number % 256]) + piece)
        self.socket.sendall(b"".join(pieces))

    def read_answer(self, kind):
        packets = []
        try:
            _Answer(self, packets).read(kind)
        except ConnectionError:
            raise ConnectionLost(packets) from None
        return packets

    def _read_packet(self):
        sequence_ids, pieces = [], []
        while True:
            header = self._stream.read(4)
            if len(header) < 4:
                raise ConnectionError("closed")
            length = int.from_bytes(header[:3], "little")
            payload = self._stream.read(length)
            if len(payload) < length:
                raise ConnectionError("closed")
            sequence_ids.append(header[3])
            pieces.append(payload)
            if length < _FULL_PACKET:
                return Packet(tuple(sequence_ids), b"".join(pieces))

    # --- login -------------------------------------------------------------------------------------------------------

    def _log_in(self, account, database, collation, attributes):
        plugin, nonce = self.greeting.plugin, self.greeting.nonce
        capabilities = self.capabilities
        response = struct.pack("<IIB", capabilities & 0xFFFFFFFF, 1 << 30, collation) + bytes(19)
        response += struct.pack("<I", capabilities >> 32)
        password = scramble(plugin, account.password, nonce)
        response += account.name.encode() + b"\x00" + bytes([len(password)]) + password
        if capabilities & CONNECT_WITH_DB:
            response += database.encode() + b"\x00"
        if capabilities & PLUGIN_AUTH:
            response += plugin.encode() + b"\x00"
        if capabilities & CONNECT_ATTRS:
            pairs = b"".join(length_encoded_bytes(as_bytes(part)) for pair in attributes.items() for part in pair)
            response += length_encoded_bytes(pairs)
        self.send(response, sequence_id=1)
        last = self._authenticate(account.password, nonce)[-1]
        if last.payload[:1] == b"\xff":
            raise AssertionError(f"login refused: {last.payload}")
        return last

    def _authenticate(self, password, nonce):
        """Answers what is asked about the password, up to OK or ERR; the packets that came, without nonces and keys."""
        packets = []
        while True:
            packet = self._read_packet()
            payload, sequence_id = packet.payload, packet.sequence_ids[-1] + 1
            packets.append(packet)
            if payload[:1] in (b"\x00", b"\xff"):
                packets[-1] = dataclasses.replace(packet, is_ok=payload[:1] == b"\x00")
                return packets
            if payload[:1] == b"\xfe":
                plugin, _, nonce = payload[1:].partition(b"\x00")
                packets[-1] = dataclasses.replace(packet, payload=b"\xfe" + plugin + b"\x00" + bytes(len(nonce)))
                plugin, nonce = plugin.decode(), nonce.rstrip(b"\x00")
                self.send(scramble(plugin, password, nonce), sequence_id=sequence_id)
            elif payload == b"\x01\x04":  # caching_sha2_password has to see the password: under the server's RSA key
                self.send(b"\x02", sequence_id=sequence_id)
                packet = self._read_packet()
                packets.append(dataclasses.replace(packet, payload=b"the key"))
                self.send(rsa_encrypted(password, nonce, packet.payload[1:]), sequence_id=packet.sequence_ids[-1] + 1)
            else:
                assert payload == b"\x01\x03", payload


class _Answer:
    """Reads one answer: knows when it ends, and nothing else."""

    def __init__(self, client, packets):
        self._client, self._packets = client, packets
        self._capabilities = client.capabilities

    def read(self, kind):
        if kind == Kind.TEXT:
            self._next()
        elif kind == Kind.OK:
            if self._next()[:1] == b"\x00":
                self._was_ok()
        elif kind == Kind.PREPARE:
            self._prepared()
        elif kind == Kind.FIELD_LIST:
            while not (self._is_err(payload := self._next()) or self._is_end(payload)):
                pass
        elif kind == Kind.FETCH:
            self._rows()
        elif kind == Kind.QUERY:
            while self._result() & MORE_RESULTS_EXIST:
                pass

    def _next(self):
        self._packets.append(self._client._read_packet())
        return self._packets[-1].payload

    def _was_ok(self):
        self._packets[-1] = dataclasses.replace(self._packets[-1], is_ok=True)

    def _result(self):
        """One result; its status flags."""
        first = self._next()
        if self._is_err(first):
            return 0
        if first[:1] == b"\x00":
            self._was_ok()
            return ok_status(first)
        if first[:1] == b"\xfb":
            sequence_id = self._packets[-1].sequence_ids[-1]
            for number, part in enumerate(self._client.file, 1):
                self._client.send(part, sequence_id=sequence_id + number)
            return self._result()
        columns, at = read_length(first)
        follows = True
        if self._capabilities & (OPTIONAL_RESULTSET_METADATA | CACHE_METADATA) and len(first) > at:
            follows = first[at] == 1
        for _ in range(columns if follows else 0):
            self._next()
        before_rows = 0
        if not self._capabilities & DEPRECATE_EOF:
            eof = self._next()
            if self._is_err(eof):
                return 0
            before_rows = int.from_bytes(eof[3:5], "little")
            # A procedure that opens a cursor of its own sets the flag, too.
            if before_rows & CURSOR_EXISTS and self._client.asks_for_cursor:
                return before_rows
        return self._rows() | (before_rows & PS_OUT_PARAMS and before_rows & MORE_RESULTS_EXIST)

    def _rows(self):
        while True:
            payload = self._next()
            if self._is_err(payload):
                return 0
            if self._is_end(payload):
                self._was_ok()
                return end_status(payload, self._capabilities)

    def _prepared(self):
        first = self._next()
        if self._is_err(first) or len(first) < 12:
            return
        columns, parameters = struct.unpack_from("<HH", first, 5)
        if self._capabilities & OPTIONAL_RESULTSET_METADATA and len(first) > 12 and first[12] == 0:
            columns = parameters = 0
        for count in (parameters, columns):
            for _ in range(count):
                self._next()
            if count and not self._capabilities & DEPRECATE_EOF:
                self._next()

    @staticmethod
    def _is_err(payload):
        return payload[:1] == b"\xff"

    def _is_end(self, payload):
        if payload[:1] != b"\xfe":
            return False
        return len(payload) < _FULL_PACKET if self._capabilities & DEPRECATE_EOF else len(payload) == 5


# --- values -----------------------------------------------------------------------------------------------------------


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


def read_length(payload, at=0):
    """(length-encoded integer, position behind it)."""
    first = payload[at]
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    return (int.from_bytes(payload[at + 1 : at + 1 + size], "little"), at + 1 + size) if size else (first, at + 1)


def length_encoded(number):
    if number < 0xFB:
        return bytes([number])
    for first, size in ((0xFC, 2), (0xFD, 3)):
        if number < 1 << (8 * size):
            return bytes([first]) + number.to_bytes(size, "little")
    return b"\xfe" + number.to_bytes(8, "little")


def length_encoded_bytes(data):
    return length_encoded(len(data)) + data


def null_bitmap(parameters):
    bits = sum(1 << number for number, parameter in enumerate(parameters) if parameter.value is None)
    return bits.to_bytes((len(parameters) + 7) // 8, "little")


def ok_status(payload):
    """The status flags of an OK packet, of either header."""
    _, at = read_length(payload, 1)
    _, at = read_length(payload, at)
    return int.from_bytes(payload[at : at + 2], "little")


def end_status(payload, capabilities):
    """The status flags of the EOF or OK behind rows."""
    return ok_status(payload) if capabilities & DEPRECATE_EOF else int.from_bytes(payload[3:5], "little")


def parse_greeting(payload):
    assert payload[0] == 10, payload
    end = payload.index(b"\x00")
    at = end + 1
    connection_id, nonce, low, collation, status, high, nonce_length = struct.unpack_from("<I8sxHBHHB", payload, at)
    at += 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1
    capabilities = low | high << 16
    if not capabilities & LONG_PASSWORD:
        capabilities |= int.from_bytes(payload[at + 6 : at + 10], "little") << 32
    at += 10
    rest = max(13, nonce_length - 8)
    nonce += payload[at : at + rest - 1]
    plugin = payload[at + rest :].rstrip(b"\x00").decode()
    return Greeting(payload, payload[1:end].decode(), connection_id, nonce, capabilities, collation, status, plugin)
