"""The bytes that a client gets through Causeway are those that it gets from the server.

The same sessions (wire_statements.py) run on a direct connection to the writer and, from the same data, on one through
Causeway, with several sets of capabilities, as text and as prepared statements; the answers are compared packet by packet,
sequence ids included. What may differ is said by `comparable`, and by nothing else.
"""

import dataclasses

import pytest
import wire_client
import wire_commands
import wire_prepared
import wire_statements
from cluster import accounts
from wire_client import ConnectionLost, Packet, WireClient, read_length

BASIC = wire_client.BASIC | wire_client.LONG_PASSWORD
RESULTS = wire_client.MULTI_STATEMENTS | wire_client.MULTI_RESULTS | wire_client.PS_MULTI_RESULTS
# What drivers of today ask for.
USUAL = BASIC | RESULTS | wire_client.DEPRECATE_EOF | wire_client.SESSION_TRACK | wire_client.PLUGIN_AUTH

FORWARD = {
    "statements.savepoint": "forward", "statements.xa": "forward", "statements.load_data": "forward",
    "forwarding.read_wait_timeout": "20s", "forwarding.on_read_wait_timeout": "error", "workers": 1}  # fmt: skip

# Everything that a session can track, switched on by the client.
TRACK_ALL = [
    "SET session_track_system_variables = '*'",
    "SET session_track_schema = ON",
    "SET session_track_state_change = ON",
    "SET session_track_transaction_info = 'CHARACTERISTICS'",
    "SET session_track_gtids = OWN_GTID",
]

# With the collation of the handshake.
MYSQL_COLLATION = 255  # utf8mb4_0900_ai_ci, what MySQL's clients ask for
CAPABILITIES = {
    "plain": (BASIC | RESULTS, 45),
    "deprecate eof": (BASIC | RESULTS | wire_client.DEPRECATE_EOF, 8),
    "usual": (USUAL, MYSQL_COLLATION),
    "one statement": (BASIC | wire_client.MULTI_RESULTS | wire_client.DEPRECATE_EOF, 33),
    "found rows": (BASIC | RESULTS | wire_client.FOUND_ROWS | wire_client.SESSION_TRACK, 224),
    "query attributes": (USUAL | wire_client.QUERY_ATTRIBUTES, 46),
    "optional metadata": (USUAL | wire_client.OPTIONAL_RESULTSET_METADATA, 45),
    # What clients ask for besides, of no consequence or of one for single statements.
    "many": (USUAL | wire_client.INTERACTIVE | wire_client.CONNECT_ATTRS | wire_client.FOUND_ROWS | wire_client.LOCAL_FILES | wire_client.ODBC
             | wire_client.IGNORE_SPACE | wire_client.PLUGIN_AUTH_LENENC, 33),
    # Accounts by caching_sha2_password cannot log in without PLUGIN_AUTH.
    "few": (wire_client.PROTOCOL_41 | wire_client.SECURE_CONNECTION | wire_client.CONNECT_WITH_DB | wire_client.PLUGIN_AUTH, 45),
    "fewer": (wire_client.PROTOCOL_41 | wire_client.SECURE_CONNECTION | wire_client.CONNECT_WITH_DB | wire_client.LONG_PASSWORD, 8),
    "bulk": ((USUAL | wire_client.STMT_BULK_OPERATIONS) & ~wire_client.LONG_PASSWORD, 45),
    "files": (USUAL | wire_client.LOCAL_FILES, 45),
    "mariadb": ((USUAL | wire_client.EXTENDED_METADATA | wire_client.CACHE_METADATA) & ~wire_client.LONG_PASSWORD, 45),
}


_VARIABLE, _GTIDS, _TRANSACTION_CHARACTERISTICS = 0, 3, 4  # types of trackers

# --- what may differ --------------------------------------------------------------------------------------------------
# Each rule takes something out of the packets of both sides, as little as it can.


def comparable(packets, statement, capabilities):
    """The packets of an answer without what may differ."""
    if statement.differs == "row":
        packets = packets[:-2] + packets[-1:]
    if statement.differs == "definitions and rows":
        packets = [packets[0], dataclasses.replace(packets[-1], sequence_ids=())]
    if statement.text_only:
        packets = [_without_quotation_of_the_rest(packet) for packet in packets]
    if capabilities & wire_client.SESSION_TRACK:
        packets = [_with_sorted_trackers(packet, statement) for packet in packets]
    return packets


def _without_quotation_of_the_rest(packet):
    """Of several statements in one packet each is sent alone where they run on different servers, so that a syntax error
    in one cannot quote those behind it."""
    payload = packet.payload
    if payload[:3] != b"\xff\x28\x04" or b"near '" not in payload:
        return packet
    head, _, quoted = payload.partition(b"near '")
    return Packet(packet.sequence_ids, head + quoted.partition(b";")[0].partition(b"'")[0])


def _with_sorted_trackers(packet, statement):
    """Servers report tracked variables in the order of a hash table, which depends on how many they track. And MySQL sets
    SERVER_SESSION_STATE_CHANGED without saying what has changed where a transaction is followed by the next."""
    payload = packet.payload
    if not packet.is_ok or len(payload) < 7:
        return packet
    at = read_length(payload, read_length(payload, 1)[1])[1]
    flags = int.from_bytes(payload[at : at + 2], "little")
    if not flags & wire_client.SESSION_STATE_CHANGED:
        return packet
    length, start = read_length(payload, at + 4)
    info = payload[start : start + length]
    length, start = read_length(payload, start + length)
    assert start + length == len(payload), payload
    trackers = sorted(_trackers(payload[start:]))
    if statement.sql.startswith(b"SET TRANSACTION"):  # sent to the server of that transaction, when it begins
        trackers = [tracker for tracker in trackers if tracker[0] != _TRANSACTION_CHARACTERISTICS]
    if not trackers:
        flags &= ~wire_client.SESSION_STATE_CHANGED
    return Packet(packet.sequence_ids, b"".join([payload[:at], flags.to_bytes(2, "little"), payload[at + 2 : at + 4], info, *trackers]))


def _trackers(state):
    """One by one. Statements are counted by each connection of a server, GTIDs by each run of this test: they are ids."""
    at = 0
    while at < len(state):
        length, start = read_length(state, at + 1)
        kind, data = state[at], state[start : start + length]
        at = start + length
        if kind == _VARIABLE and data[1:].startswith(b"statement_id"):
            continue
        if kind == _GTIDS or kind == _VARIABLE and data[1:].startswith(b"last_gtid"):
            data = b"a GTID"
        yield bytes([kind]) + data


# --- the two sides ----------------------------------------------------------------------------------------------------


class Side:
    """One of the two ways to the data: the writer itself or Causeway."""

    def __init__(self, cluster, port):
        self._cluster, self.port = cluster, port

    @property
    def kind(self):
        return self._cluster.kind

    def restore(self):
        """The same data for every run."""
        cluster = self._cluster
        with cluster.connect(cluster.writer) as connection, connection.cursor() as cursor:
            for schema in accounts.SCHEMAS:
                cursor.execute(f"DROP DATABASE {schema}")
                cursor.execute(f"CREATE DATABASE {schema}")
            cursor.execute("USE app")
            for statement in wire_statements.FIXTURES:
                cursor.execute(statement)
        self.wait_synced()

    def wait_synced(self):
        self._cluster.wait_synced()

    def connect(self, capabilities, collation=45):
        return WireClient(self.port, accounts.APP, capabilities, collation=collation)


def text_answers(side, capabilities, group, collation=45, before=()):
    """[(statement, packets)] of a group, in one session."""
    with side.connect(capabilities, collation) as client:
        for statement in before:
            client.query(statement)
        return [(statement, client.query(statement.sql)) for statement in wire_statements.statements(group)]


def prepared_answers(side, capabilities, group, collation=45, before=()):
    """Likewise, each prepared, executed twice and closed, or what the server says to the attempt."""
    answers = []
    with side.connect(capabilities, collation) as client:
        for statement in before:
            client.query(statement)
        for statement in wire_statements.statements(group):
            if statement.text_only:
                continue
            statement_id, packets = client.prepare(statement.sql)
            answers.append((wire_statements.as_prepared(statement), wire_prepared.without_statement_id(packets)))
            if statement_id is not None:
                answers.append((statement, client.execute(statement_id)))
                client.close_statement(statement_id)
    return answers


def session_answers(side, capabilities, session, collation=45):
    """[(label, packets)] of a session of wire_prepared.py."""
    with side.connect(capabilities, collation) as client:
        recorder = wire_prepared.Recorder(client)
        try:
            session(recorder)
        except ConnectionLost as lost:
            recorder.answers.append(("closed", lost.packets))
        return recorder.answers


# --- differences ------------------------------------------------------------------------------------------------------


def difference(expected, got):
    """The first packet that differs, in words; None if there is none."""
    for number, (one, other) in enumerate(zip(expected, got, strict=False)):
        if one != other and without_state_change(one) != other:
            return f"packet {number}:\n      server   {shown(one)}\n      Causeway {shown(other)}"
    if len(expected) != len(got):
        more, who = (expected, "server") if len(expected) > len(got) else (got, "Causeway")
        return f"{len(expected)} packets, Causeway sent {len(got)}; only of the {who}: {shown(more[min(len(expected), len(got))])}"
    return None


def without_state_change(packet):
    """An EOF of the server without SERVER_SESSION_STATE_CHANGED. Servers set it where their own trackers have something to
    tell, but there is no room for it, and Causeway cannot know whether it is them or its own trackers: it takes it out."""
    payload = packet.payload
    if payload[:1] != b"\xfe" or len(payload) != 5:
        return packet
    return Packet(packet.sequence_ids, payload[:4] + bytes([payload[4] & ~0x40]))


def shown(packet):
    payload = packet.payload
    text = payload if len(payload) <= 300 else payload[:280] + b"... " + str(len(payload)).encode()
    return f"{packet.sequence_ids} {text}"


def differences(group, expected, got, capabilities):
    """One text for each statement whose answer differs."""
    found = []
    for (statement, one), (_, other) in zip(expected, got, strict=False):  # the first difference may add answers
        if isinstance(statement, str):
            statement = wire_statements.Statement(statement.encode())
        what = difference(comparable(one, statement, capabilities), comparable(other, statement, capabilities))
        if what:
            found.append(f"{group}: {statement.sql[:200]}\n    {what}")
    if len(expected) != len(got) and not found:
        found.append(f"{group}: {len(expected)} answers of the server, {len(got)} of Causeway")
    return found


# --- tests ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sides(cluster, start_proxy):
    """The writer and Causeway."""
    return Side(cluster, cluster.servers[cluster.writer].port), Side(cluster, start_proxy(cluster, FORWARD).port)


def common_capabilities(sides, wanted):
    """Those of `wanted` that both have; a client asks for no others. What Causeway does not offer is not translated."""
    for side in sides:
        with side.connect(BASIC) as client:
            wanted &= client.greeting.capabilities | wire_client.LONG_PASSWORD
    return wanted


def run_both(sides, capabilities, answers, groups=wire_statements.GROUPS, **options):
    """The differences of all groups, from the same data on both sides."""
    of_sides = []
    for side in sides:
        side.restore()
        of_sides.append([])
        for group in groups:
            if side is not sides[0]:
                side.wait_synced()  # a new session sees no more than its replica has
            of_sides[-1].append(answers(side, capabilities, group, **options))
    found = []
    for group, expected, got in zip(groups, *of_sides, strict=True):
        found += differences(group if isinstance(group, str) else group.__name__, expected, got, capabilities)
    return found


@pytest.mark.parametrize("name", ["plain", "deprecate eof", "usual", "one statement", "found rows", "many", "few"])
def test_text_answers_are_those_of_the_server(sides, name):
    compare_texts(sides, name)


@pytest.mark.kinds("mysql")
@pytest.mark.parametrize("name", ["query attributes", "optional metadata"])
def test_text_answers_with_capabilities_of_mysql(sides, name):
    compare_texts(sides, name)


@pytest.mark.kinds("mariadb")
@pytest.mark.parametrize("name", ["mariadb", "fewer"])
def test_text_answers_with_capabilities_of_mariadb(sides, name):
    compare_texts(sides, name)


def compare_texts(sides, name):
    wanted, collation = CAPABILITIES[name]
    found = run_both(sides, common_capabilities(sides, wanted), text_answers, collation=collation)
    assert not found, "\n".join(found)


def test_answers_with_all_trackers_are_those_of_the_server(sides):
    """Switched on by the client: neither less nor, above all, what only Causeway wants to know."""
    found = run_both(sides, common_capabilities(sides, USUAL), text_answers, before=TRACK_ALL)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["plain", "query attributes"])
def test_answers_to_prepared_statements_are_those_of_the_server(sides, name):
    """The same statements prepared, and sessions with parameters of every type, cursors, long data and other commands."""
    wanted, collation = CAPABILITIES[name]
    capabilities = common_capabilities(sides, wanted)
    found = run_both(sides, capabilities, prepared_answers, collation=collation)
    sessions = [*wire_prepared.SESSIONS, wire_prepared.commands]
    found += run_both(sides, capabilities, session_answers, sessions, collation=collation)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["plain", "usual"])
def test_answers_to_changes_of_user_are_those_of_the_server(sides, name):
    """And to COM_RESET_CONNECTION; with what is left of the session afterwards."""
    compare_sessions(sides, name, wire_commands.CHANGES_OF_USER)


@pytest.mark.parametrize("name", ["plain", "usual"])
def test_answers_about_the_last_prepared_statement_are_those_of_the_server(sides, name):
    compare_sessions(sides, name, wire_commands.LAST_PREPARED_ONES)


@pytest.mark.kinds("mariadb")
def test_answers_to_bulk_execution_are_those_of_the_server(sides):
    compare_sessions(sides, "bulk", [*wire_commands.BULKS, *wire_commands.LAST_PREPARED_ONES])


@pytest.mark.parametrize("name", ["plain", "files"])
def test_answers_to_files_are_those_of_the_server(sides, name):
    """LOAD DATA LOCAL, from a client that may send files and from one that may not."""
    compare_sessions(sides, name, [wire_commands.files])


@pytest.mark.parametrize("name", ["plain", "usual"])
def test_answers_of_16_mib_are_those_of_the_server(large_packets, cluster, start_proxy, name):
    """Statements, parameters and rows of exactly 0xffffff bytes, of a byte less and more, and of several packets."""
    proxy = start_proxy(cluster, {**FORWARD, "limits.max_packet": "128MiB"})
    sides = Side(cluster, cluster.servers[cluster.writer].port), Side(cluster, proxy.port)
    compare_sessions(sides, name, wire_commands.SIZES)


def compare_sessions(sides, name, sessions):
    wanted, collation = CAPABILITIES[name]
    # A collation that MariaDB does not have leaves its reset with that of whoever had the server's thread before.
    if sides[0].kind == "mariadb" and collation == MYSQL_COLLATION:
        collation = 224
    for side in sides:  # the password of each account is known afterwards, and asked for in the short way
        for account in (accounts.APP, accounts.ADMIN):
            WireClient(side.port, account, BASIC).close()
    found = run_both(sides, common_capabilities(sides, wanted), session_answers, sessions, collation=collation)
    assert not found, "\n".join(found)
