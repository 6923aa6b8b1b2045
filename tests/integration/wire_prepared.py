"""Sessions with the binary protocol for the differential test of bytes: parameters of every type, cursors, long data, and
statements that meet DDL, transactions and errors between their preparation and their execution.

Each is a function that gets a Recorder. Like wire_statements.py, it leaves nothing that another one could see.
"""

import dataclasses
import hashlib
import struct

from wire_client import Kind, Packet, Parameter

CURSOR = 1
LAST_PREPARED = 0xFFFFFFFF

TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, INT24, DATE, TIME, DATETIME, YEAR = range(1, 14)
VARCHAR, BIT = 15, 16
JSON, NEWDECIMAL, ENUM, SET, TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB, VAR_STRING, STRING, GEOMETRY = range(245, 256)


class Recorder:
    """Runs commands of one session, and keeps what came back: [(label, packets)]. Statements go by names of ours."""

    def __init__(self, client):
        self.client = client
        self.answers = []
        self._ids = {}

    def query(self, sql):
        label = sql if isinstance(sql, str) else sql[:100].decode()
        self._keep(label, self.client.query(sql))

    def command(self, payload, kind=Kind.OK):
        self._keep(f"command {payload!r}", self.client.command(payload, kind))

    def prepare(self, sql, name="s"):
        statement_id, packets = self.client.prepare(sql)
        self._ids[name] = statement_id
        self._keep(f"prepare {sql}", without_statement_id(packets))
        return statement_id is not None

    def execute(self, *parameters, name="s", **options):
        self._of_statement("execute", name, lambda number: self.client.execute(number, parameters, **options))

    def execute_last(self, *parameters, **options):
        """MariaDB: the statement prepared last, by the id -1."""
        self._keep("execute the last", self.client.execute(LAST_PREPARED, parameters, **options))

    def prepare_and_execute(self, sql, *parameters):
        """Likewise, without waiting for the answer to the preparation."""
        prepared, executed = self.client.prepare_and_execute(sql, LAST_PREPARED, parameters)
        self._keep(f"prepare {sql}", without_statement_id(prepared))
        self._keep("execute it", executed)

    def bulk(self, types, rows, name="s", **options):
        self._of_statement("bulk", name, lambda number: self.client.bulk_execute(number, types, rows, **options))

    def change_user(self, account, database, **options):
        packets = self.client.change_user(account, database, **options)
        if self.client.greeting.plugin == "mysql_native_password":
            # MariaDB asks for the password once more with a nonce of its own choice; Causeway takes the one that came first.
            packets = [dataclasses.replace(packets[-1], sequence_ids=())]
        self._keep(f"change to {account.name} {database!r} {options}", packets)

    def load(self, sql, *parts):
        """A statement that asks for a file of the client, in these packets."""
        self.client.file = [*parts, b""]
        self.query(sql)

    def fetch(self, rows, name="s"):
        self._of_statement(f"fetch {rows}", name, lambda number: self.client.fetch(number, rows))

    def reset(self, name="s"):
        self._of_statement("reset", name, self.client.reset_statement)

    def long_data(self, number, data, name="s"):
        self.client.send_long_data(self._ids[name], number, data)

    def close(self, name="s"):
        self.client.close_statement(self._ids[name])

    def run(self, sql, *parameters, **options):
        """Prepares, executes and closes."""
        if self.prepare(sql, "once"):
            self.execute(*parameters, name="once", **options)
            self.close("once")

    def _of_statement(self, what, name, command):
        number = self._ids[name]
        assert number is not None, f"{name} was not prepared: {self.answers[-1]}"
        packets = command(number)
        # "Unknown prepared statement handler (1) given to ...": an id.
        mark = f"({number})".encode()
        packets = [
            dataclasses.replace(packet, payload=packet.payload.replace(mark, b"(id)")) if packet.payload[:1] == b"\xff" else packet
            for packet in packets
        ]
        self._keep(f"{what} {name}", packets)

    def _keep(self, label, packets):
        self.answers.append((label, [_digested(packet) for packet in packets]))


def _digested(packet):
    """What is large need not be kept to be compared."""
    payload = packet.payload
    if len(payload) < 1 << 20:
        return packet
    return Packet(packet.sequence_ids, payload[:50] + hashlib.sha256(payload).digest() + b" of %d bytes" % len(payload))


def without_statement_id(packets):
    """The packets of an answer to COM_STMT_PREPARE without the statement's id."""
    first = packets[0]
    if first.payload[:1] != b"\x00" or len(first.payload) < 12:
        return packets
    return [Packet(first.sequence_ids, first.payload[:1] + bytes(4) + first.payload[5:]), *packets[1:]]


# --- values -----------------------------------------------------------------------------------------------------------


def integer(value, kind=LONGLONG, unsigned=False):
    size = {TINY: 1, SHORT: 2, LONG: 4, INT24: 4, LONGLONG: 8, YEAR: 2}[kind]
    return Parameter(kind, (value % (1 << (8 * size))).to_bytes(size, "little"), unsigned)


def text(value, kind=VAR_STRING, name=b""):
    data = value.encode() if isinstance(value, str) else value
    length = bytes([len(data)]) if len(data) < 251 else b"\xfc" + struct.pack("<H", len(data))
    return Parameter(kind, length + data, False, name)


def moment(kind, year, month, day, hour=None, minute=0, second=0, micro=None):
    data = struct.pack("<HBB", year, month, day)
    if hour is not None:
        data += bytes([hour, minute, second])
    if micro is not None:
        data += struct.pack("<I", micro)
    return Parameter(kind, bytes([len(data)]) + data)


def duration(negative, days, hour, minute, second, micro=None):
    data = struct.pack("<BIBBB", negative, days, hour, minute, second)
    if micro is not None:
        data += struct.pack("<I", micro)
    return Parameter(TIME, bytes([len(data)]) + data)


def null(kind=NULL):
    return Parameter(kind, None)


VALUES = [
    integer(-5, TINY), integer(250, TINY, True), integer(-30000, SHORT), integer(65535, SHORT, True), integer(-7, LONG),
    integer(4294967295, LONG, True), integer(-1), integer(18446744073709551615, unsigned=True), integer(-8388608, INT24),
    Parameter(FLOAT, struct.pack("<f", 1.25)), Parameter(FLOAT, struct.pack("<f", 0.1)), Parameter(DOUBLE, struct.pack("<d", -2.5e300)),
    Parameter(DOUBLE, struct.pack("<d", 0.1)), null(), null(LONG), null(VAR_STRING),
    text("text"), text(""), text("üñï"), text("x" * 250), text("x" * 251), text("y" * 60000), text(b"\x00\xff\x00", BLOB),
    text("s", STRING), text("v", VARCHAR), text("t", TINY_BLOB), text("m", MEDIUM_BLOB), text("l", LONG_BLOB),
    text("12345678901234567890.0123456789", NEWDECIMAL), text("-0.5", NEWDECIMAL), text("1.5", 0),
    moment(DATE, 2024, 2, 29), moment(DATETIME, 2024, 2, 29), moment(DATETIME, 2024, 2, 29, 12, 34, 56),
    moment(DATETIME, 2024, 2, 29, 12, 34, 56, 789012), moment(TIMESTAMP, 2024, 2, 29, 12, 34, 56), Parameter(DATETIME, b"\x00"),
    Parameter(DATE, b"\x00"), Parameter(TIME, b"\x00"), duration(0, 0, 12, 34, 56), duration(1, 3, 1, 2, 3, 456789), duration(0, 34, 22, 59, 59),
]  # fmt: skip


# --- sessions ---------------------------------------------------------------------------------------------------------


def parameters_of_every_type(s):
    s.prepare("SELECT ? AS value")
    for value in VALUES:
        s.execute(value)
    s.close()
    for value in VALUES:
        s.run("SELECT ?, ? + 0, CONCAT(?, '!'), ? IS NULL", value, value, value, value)


def types_are_remembered(s):
    s.prepare("SELECT ?, ?, ?")
    s.execute(integer(1, LONG), text("a"), null(VAR_STRING))
    s.execute(integer(2, LONG), text("b"), text("now a value"), types=False)
    s.execute(integer(3, LONG), null(VAR_STRING), text("c"), types=False)
    s.execute(text("other"), integer(4, TINY), Parameter(DOUBLE, struct.pack("<d", 1.5)))
    s.execute(text("again"), integer(5, TINY), Parameter(DOUBLE, struct.pack("<d", 2.5)), types=False)
    s.query("SELECT 1")
    s.execute(text("later"), integer(6, TINY), Parameter(DOUBLE, struct.pack("<d", 3.5)), types=False)
    s.close()


def many_parameters(s):
    for count in (7, 8, 9, 300):
        values = [null() if number % 3 == 0 else integer(number, LONG) for number in range(count)]
        s.run("SELECT " + ", ".join(["?"] * count), *values)


def writes(s):
    s.query("CREATE TABLE p_writes (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(300), d DECIMAL(20,5), dt DATETIME(6), b BLOB) CHARSET utf8mb4")
    s.prepare("INSERT INTO p_writes (v, d, dt, b) VALUES (?, ?, ?, ?)", "insert")
    s.prepare("SELECT * FROM p_writes ORDER BY id", "select")
    s.prepare("SELECT COUNT(*), MAX(id) FROM p_writes WHERE id > ?", "count")
    s.prepare("SELECT LAST_INSERT_ID(), ROW_COUNT()", "id")
    for number in range(5):
        s.execute(text(f"v{number}"), text(f"{number}.5", NEWDECIMAL), moment(DATETIME, 2024, 1, 1, 0, 0, number, 5), null(BLOB), name="insert")
        s.execute(name="id")
        s.execute(integer(0, LONG), name="count")
    s.execute(name="select")
    s.run("UPDATE p_writes SET v = ? WHERE id < ?", text("changed"), integer(3))
    s.run("UPDATE p_writes SET v = ? WHERE id < ?", text("changed"), integer(3))
    s.run("DELETE FROM p_writes WHERE id = ?", integer(5))
    s.run("INSERT INTO p_writes (id, v) VALUES (?, ?)", integer(1), text("duplicate"))
    s.run("INSERT INTO p_writes (v, dt) VALUES (?, ?)", text("x" * 400), null())
    s.run("INSERT INTO p_writes (v) VALUES (?), (?) RETURNING id, v", text("r1"), text("r2"))
    s.run("REPLACE INTO p_writes (id, v) VALUES (?, ?)", integer(2), text("replaced"))
    s.execute(name="select")
    s.run("SELECT v FROM p_writes WHERE id = ? FOR UPDATE", integer(2))
    s.run("SELECT id FROM p_writes WHERE v LIKE ? ORDER BY id LIMIT ?", text("%a%"), integer(2))
    for name in ("insert", "select", "count", "id"):
        s.close(name)
    s.query("DROP TABLE p_writes")


def long_data(s):
    s.prepare("SELECT ?, LENGTH(?), ?")
    s.long_data(1, b"first ")
    s.long_data(1, b"second")
    s.execute(integer(1, LONG), text(b"", BLOB), text("c"), given={1})
    s.execute(integer(1, LONG), text("not long", BLOB), text("c"))
    s.close()
    s.prepare("SELECT ?, LENGTH(?), ?")
    s.long_data(0, b"zero")
    s.long_data(2, b"x" * 100000)
    s.execute(text(b"", BLOB), text("middle"), text(b"", BLOB), given={0, 2})
    s.close()
    s.prepare("SELECT ?, LENGTH(?), ?")
    s.long_data(1, b"forgotten")
    s.reset()
    s.execute(integer(1, LONG), text("after the reset"), text("c"))
    s.long_data(2, b"")
    s.execute(integer(1, LONG), text("b"), text(b"", BLOB), given={2})
    s.close()
    s.query("CREATE TABLE p_long (id INT PRIMARY KEY, b LONGBLOB)")
    s.prepare("INSERT INTO p_long VALUES (?, ?)")
    for number in range(3):
        for _ in range(number):
            s.long_data(1, bytes(range(256)) * 300)
        s.execute(integer(number, LONG), text(b"", BLOB), given={1} if number else None)
    s.close()
    s.run("SELECT id, LENGTH(b), MD5(b) FROM p_long ORDER BY id")
    s.query("DROP TABLE p_long")


def cursors(s):
    s.prepare("SELECT n, s FROM numbers WHERE n < ? ORDER BY n")
    s.execute(integer(10, LONG), flags=CURSOR)
    for rows in (1, 3, 100, 5):
        s.fetch(rows)
    s.execute(integer(3, LONG), flags=CURSOR)
    s.fetch(3)
    s.fetch(1)
    s.execute(integer(0, LONG), flags=CURSOR)
    s.fetch(1)
    # Not here: the same statement without a cursor. MySQL 9.7 then sends definitions and an OK, which no client understands.
    s.prepare("SELECT n FROM numbers WHERE n < 3", "without")
    s.fetch(1, "without")
    s.execute(name="without")
    s.fetch(1, "without")
    s.close("without")
    s.execute(integer(900, LONG), flags=CURSOR)
    s.fetch(500)
    s.query("SELECT 'between'")
    s.fetch(500)
    s.execute(integer(5, LONG), flags=CURSOR)
    s.reset()
    s.fetch(1)
    s.execute(integer(5, LONG), flags=CURSOR)
    s.close()
    s.query("SELECT 'closed'")


def two_cursors(s):
    s.prepare("SELECT n FROM numbers ORDER BY n", "up")
    s.prepare("SELECT n FROM numbers ORDER BY n DESC", "down")
    s.execute(name="up", flags=CURSOR)
    s.execute(name="down", flags=CURSOR)
    for _ in range(3):
        s.fetch(2, "up")
        s.fetch(3, "down")
    s.close("up")
    s.fetch(2, "down")
    s.close("down")


def cursors_of_other_statements(s):
    s.query("CREATE TABLE p_cursor (id INT)")
    for sql in ("INSERT INTO p_cursor VALUES (1), (2)", "SET @a = 1", "SHOW TABLES LIKE 'p_cursor'", "CALL nothing()", "DO 1"):
        if s.prepare(sql):
            s.execute(flags=CURSOR)
            s.close()
    s.query("BEGIN")
    s.prepare("SELECT * FROM p_cursor")
    s.execute(flags=CURSOR)
    s.fetch(1)
    s.query("COMMIT")
    s.close()
    s.prepare("SELECT id FROM p_cursor FOR UPDATE")
    s.execute(flags=CURSOR)
    s.fetch(10)
    s.close()
    s.query("DROP TABLE p_cursor")


def errors(s):
    for sql in ("SELEC ?", "", "SELECT * FROM no_such_table", "SELECT 1; SELECT 2", "SELECT no_such_column FROM types", "USE no_such_schema",
                "PREPARE x FROM 'SELECT 1'", "LOAD DATA INFILE '/x' INTO TABLE types", "HANDLER types OPEN", "SELECT ? FROM ?", "-- nothing"):  # fmt: skip
        if s.prepare(sql):
            s.execute()
            s.close()
    for code in (b"\x17", b"\x1c", b"\x1a"):
        s.command(code + struct.pack("<IBI", 0x7FFFFFF0, 0, 1), Kind.QUERY)
    s.prepare("SELECT 1 / ?")
    s.execute(integer(0, LONG))
    s.query("SHOW WARNINGS")
    s.execute(text("not a number"))
    s.query("SHOW WARNINGS")
    s.close()
    s.prepare("SELECT 5")
    s.close()
    s.execute()
    s.reset()
    s.run("SELECT (SELECT n FROM numbers WHERE n < ?)", integer(5))
    s.run("CALL signals()")
    s.run("CALL fails_behind_a_result()")
    s.run("SELECT EXP(?)", integer(1000))


def ddl_in_between(s):
    s.query("CREATE TABLE p_ddl (a INT)")
    s.query("INSERT INTO p_ddl VALUES (1)")
    s.prepare("SELECT * FROM p_ddl")
    s.execute()
    s.query("ALTER TABLE p_ddl ADD COLUMN b VARCHAR(10) DEFAULT 'new'")
    s.execute()
    s.query("ALTER TABLE p_ddl MODIFY a BIGINT")
    s.execute()
    s.query("DROP TABLE p_ddl")
    s.execute()
    s.query("CREATE TABLE p_ddl (c DATE)")
    s.execute()
    s.close()
    s.prepare("INSERT INTO p_ddl VALUES (?)")
    s.execute(moment(DATE, 2024, 2, 29))
    s.query("ALTER TABLE p_ddl MODIFY c VARCHAR(30)")
    s.execute(moment(DATE, 2024, 2, 29))
    s.close()
    s.run("SELECT * FROM p_ddl")
    s.run("CREATE TABLE p_ddl2 (a INT)")
    s.run("DROP TABLE p_ddl, p_ddl2")


def transactions(s):
    s.query("CREATE TABLE p_tx (a INT PRIMARY KEY)")
    s.prepare("INSERT INTO p_tx VALUES (?)", "insert")
    s.prepare("SELECT * FROM p_tx", "select")
    s.query("BEGIN")
    s.execute(integer(1), name="insert")
    s.execute(name="select")
    s.query("ROLLBACK")
    s.execute(name="select")
    for sql in ("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SET autocommit = 0"):
        s.run(sql)
        s.execute(integer(1), name="insert")
        s.execute(name="select")
        s.run("ROLLBACK")
    s.query("SET autocommit = 1")
    s.query("START TRANSACTION READ ONLY")
    s.execute(name="select")
    s.execute(integer(2), name="insert")
    s.query("COMMIT")
    s.query("DELETE FROM p_tx")
    s.execute(integer(2), name="insert")
    s.execute(integer(2), name="insert")
    s.close("insert")
    s.close("select")
    s.query("DROP TABLE p_tx")


def session_state(s):
    s.run("SET @a = ?", text("from a parameter"))
    s.run("SELECT @a, @b := ?", integer(5))
    s.query("SELECT @a, @b")
    s.run("SET sql_mode = ?", text("ANSI_QUOTES"))
    s.query('SELECT "id" FROM types WHERE id = 1')
    s.prepare('SELECT "id", ? FROM types WHERE id = 1')
    s.query("SET sql_mode = DEFAULT")
    s.execute(integer(1))
    s.close()
    s.run("SET NAMES latin1")
    s.run("SELECT vc, ? FROM types WHERE id = 2", text(b"\xe9"))
    s.run("SET NAMES utf8mb4")
    s.prepare("SELECT id FROM types WHERE id = ?")
    s.run("USE sbtest")
    s.execute(integer(1))
    s.close()
    s.query("USE app")
    s.run("SELECT DATABASE(), LAST_INSERT_ID(), @@autocommit")
    s.run("SET time_zone = ?", text("+03:00"))
    s.run("SELECT ts, ts6 FROM types ORDER BY id")
    s.run("CREATE TEMPORARY TABLE p_temporary (a INT)")
    s.run("INSERT INTO p_temporary VALUES (?)", integer(1))
    s.run("SELECT * FROM p_temporary")
    s.run("DROP TEMPORARY TABLE p_temporary")
    s.run("SELECT GET_LOCK(?, 0)", text("p_lock"))
    s.run("SELECT RELEASE_LOCK(?)", text("p_lock"))


def procedures(s):
    s.run("CALL nothing()")
    s.run("CALL two_results()")
    s.run("CALL parameters(?, ?, ?)", integer(5, LONG), null(VAR_STRING), text("1.5", NEWDECIMAL))
    s.run("CALL result_and_out(?)", null(LONGLONG))
    s.run("CALL result_and_out(@r)")
    s.run("SELECT @r")
    s.run("CALL warns()")
    s.run("SHOW WARNINGS")
    s.run("SELECT plus_one(?)", integer(1, LONG))
    s.run("EXPLAIN SELECT * FROM types WHERE id = ?", integer(1))
    s.run("SHOW VARIABLES LIKE ?", text("autocommit"))
    s.run("SELECT * FROM types WHERE id = ?", integer(2))
    s.run("SELECT * FROM types WHERE id = ?", integer(77))


def many_statements(s):
    names = [f"s{number}" for number in range(60)]
    for number, name in enumerate(names):
        s.prepare(f"SELECT {number}, ?, n FROM numbers WHERE n = {number}", name)
    for name in reversed(names):
        s.execute(text(name), name=name)
    for name in names[::2]:
        s.close(name)
    for name in names[1::2]:
        s.execute(text("again"), name=name, types=False)
        s.close(name)


def reset_of_the_connection(s):
    s.prepare("SELECT ?")
    s.execute(integer(1))
    s.query("SET sql_mode = 'ANSI_QUOTES'")
    s.command(b"\x1f")
    s.execute(integer(1))
    s.query("SELECT @@sql_mode, DATABASE()")
    s.run("SELECT ?", integer(2))


def query_attributes(s):
    s.prepare("SELECT ?")
    s.execute(integer(1), text("attribute", name=b"an_attribute"))
    s.execute(integer(1))
    s.close()
    s.prepare("SELECT 1")
    s.execute(text("attribute", name=b"an_attribute"))
    s.execute()
    s.close()


SESSIONS = [
    parameters_of_every_type, types_are_remembered, many_parameters, writes, long_data, cursors, two_cursors, cursors_of_other_statements,
    errors, ddl_in_between, transactions, session_state, procedures, many_statements, reset_of_the_connection, query_attributes,
]  # fmt: skip


# --- other commands ---------------------------------------------------------------------------------------------------


def commands(s):
    """Not about prepared statements: what else a driver can send."""
    s.command(b"\x0e")  # ping
    s.command(b"\x02sbtest")  # init db
    s.query("SELECT DATABASE()")
    s.command(b"\x02no_such_schema")
    s.command(b"\x02app")
    s.query("SELECT DATABASE()")
    s.command(b"\x04types\x00", Kind.FIELD_LIST)
    s.command(b"\x04types\x00t%", Kind.FIELD_LIST)
    s.command(b"\x04no_such_table\x00", Kind.FIELD_LIST)
    s.command(b"\x04empty_one\x00no_such%", Kind.FIELD_LIST)
    s.query("SET @a = 1, sql_mode = 'ANSI_QUOTES', time_zone = '+01:00'")
    s.command(b"\x1f")  # reset connection
    s.query("SELECT @a, @@sql_mode, @@time_zone, DATABASE()")
    s.command(b"\x03")  # an empty query
    s.command(b"\x16", Kind.PREPARE)  # likewise
