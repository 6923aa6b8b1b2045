"""Sessions of other commands for the differential test of bytes: another user, bulk execution, files of the client, packets
of 16 MiB. They are functions as in wire_prepared.py."""

import struct

from cluster import accounts
from wire_client import LOCAL_FILES, Kind, Parameter
from wire_prepared import (
    BLOB, DATE, DATETIME, DOUBLE, FLOAT, LAST_PREPARED, LONG, LONGLONG, NEWDECIMAL, SHORT, TIME, TINY, VAR_STRING, duration,
    integer, moment, text)  # fmt: skip

# --- another user -----------------------------------------------------------------------------------------------------

STATE = "SELECT CURRENT_USER(), DATABASE(), @a, @@sql_mode, @@time_zone, @@autocommit, @@character_set_client, " \
        "@@collation_connection, LAST_INSERT_ID()"  # fmt: skip


def make_state(s):
    s.query("SET @a = 1, sql_mode = 'ANSI_QUOTES', time_zone = '+01:00', autocommit = 0")
    s.query("SET NAMES latin1")
    s.query("SELECT LAST_INSERT_ID(5)")
    s.query("CREATE TEMPORARY TABLE c_temporary (id INT)")
    s.query("INSERT INTO parent VALUES (5000)")
    s.query("SELECT GET_LOCK('c_lock', 0)")
    s.prepare("SELECT ?", "before")
    s.query("PREPARE as_sql FROM 'SELECT 1'")


def show_state(s):
    s.query(STATE)
    s.query("SHOW WARNINGS")
    s.query("SELECT * FROM app.parent")
    s.query("SELECT * FROM app.c_temporary")
    s.query("SELECT IS_FREE_LOCK('c_lock')")
    s.execute(integer(1), name="before")
    s.query("EXECUTE as_sql")
    s.run("SELECT ?", text("after"))
    s.query("BEGIN")
    s.query("INSERT INTO app.parent VALUES (5001)")
    s.query("ROLLBACK")


def to_the_same_account(s):
    s.change_user(accounts.APP, "app")
    s.query(STATE)
    make_state(s)
    s.change_user(accounts.APP, "app")
    show_state(s)
    s.change_user(accounts.APP, "app")
    s.change_user(accounts.APP, "sbtest")
    s.query(STATE)


def to_another_account(s):
    make_state(s)
    s.change_user(accounts.ADMIN, "sbtest")
    show_state(s)
    s.query("SHOW TABLES FROM mysql LIKE 'user'")
    s.change_user(accounts.APP, "app")
    s.query(STATE)
    s.query("SHOW TABLES FROM mysql LIKE 'user'")


def without_a_schema(s):
    s.change_user(accounts.APP, "")
    s.query(STATE)
    s.query("SELECT id FROM parent")
    s.command(b"\x02app")
    s.query("SELECT id FROM parent")


def with_collations(s):
    for collation in (8, 33, 45, 46, 63, 224, 255):
        s.change_user(accounts.APP, "app", collation=collation)
        s.query(STATE)


def goes_on(s):
    """MySQL closes the connection. On MariaDB the session is that of the user before, without its state."""
    s.query("SET NAMES utf8mb4")  # not here: MariaDB's character sets are the global ones then
    s.query(STATE)


def a_wrong_password(s):
    make_state(s)
    s.change_user(accounts.ADMIN, "app", password="wrong")
    goes_on(s)


def an_unknown_schema(s):
    s.change_user(accounts.APP, "no_such_schema")
    goes_on(s)


def a_schema_without_right(s):
    s.change_user(accounts.APP, "mysql")
    goes_on(s)


def a_malformed_change(s):
    s.command(b"\x11app")
    goes_on(s)


def too_many_failures(s):
    for _ in range(3):
        s.change_user(accounts.ADMIN, "app", password="wrong")
    s.change_user(accounts.ADMIN, "app")
    goes_on(s)


def reset_of_the_connection(s):
    s.command(b"\x1f")
    make_state(s)
    s.command(b"\x1f")
    show_state(s)
    s.command(b"\x02sbtest")
    s.command(b"\x1f")
    s.query(STATE)


CHANGES_OF_USER = [
    to_the_same_account, to_another_account, without_a_schema, with_collations, a_wrong_password, an_unknown_schema, a_schema_without_right,
    a_malformed_change, too_many_failures, reset_of_the_connection,
]  # fmt: skip

# --- the statement prepared last --------------------------------------------------------------------------------------


def the_last_prepared(s):
    s.prepare("SELECT ?, 'first'")
    s.execute_last(integer(1))
    s.prepare("SELECT ?, 'second'", "second")
    s.execute_last(integer(2))
    s.execute(integer(1))
    s.prepare("SELEC ?", "broken")
    s.execute_last(integer(4))
    s.execute(integer(5))
    s.prepare("INSERT INTO parent VALUES (?)", "write")
    s.execute_last(integer(6000))
    s.execute_last(integer(6000))
    s.close("write")
    s.execute_last(integer(6001))
    s.prepare("SELECT 1", "third")
    s.query("SELECT 'between'")
    s.execute_last()
    s.command(b"\x1a" + struct.pack("<I", LAST_PREPARED))
    s.command(b"\x1c" + struct.pack("<II", LAST_PREPARED, 1), Kind.FETCH)
    s.query("DELETE FROM parent WHERE id = 6000")
    s.command(b"\x1f")
    s.execute_last()


def prepared_and_executed_in_one_write(s):
    s.prepare_and_execute("SELECT ?, n FROM numbers WHERE n < 3 ORDER BY n", integer(1))
    s.prepare_and_execute("SELECT ? FROM no_such_table", integer(1))
    s.query("SELECT 'behind'")
    s.prepare_and_execute("INSERT INTO parent VALUES (?)", integer(6000))
    s.prepare_and_execute("INSERT INTO parent VALUES (?)", integer(6000))
    s.prepare_and_execute("DELETE FROM parent WHERE id = ?", integer(6000))
    s.query("BEGIN")
    s.prepare_and_execute("SELECT COUNT(*) FROM parent WHERE id > ?", integer(0))
    s.query("COMMIT")


LAST_PREPARED_ONES = [the_last_prepared, prepared_and_executed_in_one_write]

# --- MariaDB's bulk execution -----------------------------------------------------------------------------------------

IS_NULL, IS_DEFAULT, IS_IGNORED = 1, 2, 3
SEND_TYPES, UNIT_RESULTS = 0x80, 0x40


def bulk_of_every_type(s):
    s.query("CREATE TABLE c_types (id INT AUTO_INCREMENT PRIMARY KEY, ti TINYINT, si SMALLINT, i INT, bi BIGINT UNSIGNED, f FLOAT, "
            "d DOUBLE, de DECIMAL(20,5), da DATE, dt DATETIME(6), t TIME(6), v VARCHAR(300) DEFAULT 'by default', b BLOB) "
            "CHARSET utf8mb4")  # fmt: skip
    s.prepare("INSERT INTO c_types (ti, si, i, bi, f, d, de, da, dt, t, v, b) VALUES (" + ", ".join("?" * 12) + ")")
    types = [TINY, SHORT, LONG, LONGLONG | 0x8000, FLOAT, DOUBLE, NEWDECIMAL, DATE, DATETIME, TIME, VAR_STRING, BLOB]
    values = [
        integer(-5, TINY), integer(-300, SHORT), integer(-70000, LONG), integer(18446744073709551615), *floats(), text("1.5", NEWDECIMAL),
        moment(DATE, 2024, 2, 29), moment(DATETIME, 2024, 2, 29, 12, 34, 56, 789), duration(1, 1, 2, 3, 4, 5), text("ü" * 100),
        text(b"\x00\xff" * 150, BLOB),
    ]  # fmt: skip
    s.bulk(types, [values])
    s.bulk(types, [values] * 3)
    s.bulk(types, [[IS_NULL] * 12, values, [IS_DEFAULT] * 12, values, [IS_IGNORED] * 12])
    s.bulk(types, [values[:number] + [IS_NULL] + values[number + 1 :] for number in range(12)])
    s.bulk([], [values], flags=0)
    s.query("SELECT * FROM c_types ORDER BY id")
    s.query("SELECT LAST_INSERT_ID()")
    s.close()
    s.query("DROP TABLE c_types")


def floats():
    return Parameter(FLOAT, struct.pack("<f", 1.25)), Parameter(DOUBLE, struct.pack("<d", -2.5))


def bulk_of_other_statements(s):
    s.query("CREATE TABLE c_bulk (id INT PRIMARY KEY, v VARCHAR(20) NOT NULL DEFAULT 'by default', n INT)")
    types = [LONG, VAR_STRING]
    s.prepare("INSERT INTO c_bulk (id, v) VALUES (?, ?)")
    s.bulk(types, [(integer(number, LONG), text(f"v{number}")) for number in range(100)])
    s.query("SELECT ROW_COUNT(), COUNT(*) FROM c_bulk")
    # An error in the middle: those before it are in, or not, by autocommit.
    s.bulk(types, [(integer(number, LONG), text("again")) for number in (200, 201, 5, 202)])
    s.query("SHOW WARNINGS")
    s.query("SELECT * FROM c_bulk WHERE id >= 200 ORDER BY id")
    s.bulk(types, [(integer(300, LONG), text("fine")), (integer(301, LONG), text("too long " * 10)), (integer(302, LONG), text("x"))])
    s.query("SHOW WARNINGS")
    s.bulk(types, [(integer(400, LONG), IS_NULL)])
    s.bulk(types, [(integer(401, LONG), IS_DEFAULT), (integer(402, LONG), IS_IGNORED)])
    s.query("SELECT * FROM c_bulk WHERE id >= 300 ORDER BY id")
    s.query("BEGIN")
    s.bulk(types, [(integer(500, LONG), text("rolled back"))])
    s.query("ROLLBACK")
    s.close()
    s.prepare("UPDATE c_bulk SET v = ? WHERE id = ?")
    s.bulk([VAR_STRING, LONG], [(text(f"u{number}"), integer(number, LONG)) for number in (1, 2, 3, 4711)])
    s.bulk([VAR_STRING, LONG], [(IS_IGNORED, integer(2, LONG)), (IS_DEFAULT, integer(3, LONG)), (text("last"), integer(1, LONG))])
    s.close()
    s.prepare("DELETE FROM c_bulk WHERE id = ?")
    s.bulk([LONG], [(integer(number, LONG),) for number in range(50)])
    s.bulk([LONG], [(IS_NULL,)])
    s.close()
    s.prepare("REPLACE INTO c_bulk (id, v) VALUES (?, ?)")
    s.bulk(types, [(integer(99, LONG), text("r1")), (integer(1000, LONG), text("r2"))])
    s.close()
    s.prepare("INSERT INTO c_bulk (id, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v)")
    s.bulk(types, [(integer(99, LONG), text("d1")), (integer(1001, LONG), text("d2"))])
    s.close()
    if s.prepare("INSERT INTO c_bulk (id, v) VALUES (?, ?) RETURNING id, v"):
        s.bulk(types, [(integer(2000, LONG), text("r1")), (integer(2001, LONG), text("r2"))])
        s.close()
    s.query("SELECT * FROM c_bulk ORDER BY id")
    s.query("DROP TABLE c_bulk")


def bulk_that_is_refused(s):
    s.prepare("SELECT ?")
    s.bulk([LONG], [(integer(1, LONG),), (integer(2, LONG),)])
    s.close()
    s.prepare("SELECT 1")
    s.bulk([], [])
    s.bulk([], [()], flags=0)
    s.close()
    s.prepare("DELETE FROM empty_one WHERE id = ?")
    s.bulk([LONG], [])
    s.bulk([], [(integer(1, LONG),)], flags=0)
    s.bulk([LONG], [(integer(1, LONG),)])
    s.bulk([], [(integer(2, LONG),)], flags=0)
    s.bulk([LONG], [(4,)])
    s.bulk([LONG], [(255,)])
    s.bulk([0x7E], [(integer(2, LONG),)])
    s.execute(integer(1, LONG))
    s.execute(integer(1, LONG), types=False)
    s.bulk([], [(integer(2, LONG),)], flags=0)
    s.close()
    s.command(b"\xfa" + struct.pack("<IH", 0x7FFFFFF0, SEND_TYPES), Kind.QUERY)
    s.prepare("DELETE FROM no_such_table WHERE id = ?")
    s.query("CREATE TABLE c_dropped (id INT)")
    s.prepare("INSERT INTO c_dropped VALUES (?)")
    s.query("DROP TABLE c_dropped")
    s.bulk([LONG], [(integer(1, LONG),)])
    s.close()
    s.query("START TRANSACTION READ ONLY")
    s.prepare("INSERT INTO parent VALUES (?)")
    s.query("COMMIT")


BULKS = [bulk_of_every_type, bulk_of_other_statements, bulk_that_is_refused]

# --- files of the client ----------------------------------------------------------------------------------------------


def files(s):
    s.query("CREATE TABLE c_file (id INT PRIMARY KEY, v VARCHAR(10), n INT)")
    load = "LOAD DATA LOCAL INFILE 'a file' INTO TABLE c_file"
    s.load(load, b"1\ta\t1\n2\tb\t2\n")
    s.query("SELECT ROW_COUNT()")
    s.load(load)  # an empty one; one that a client refuses looks the same
    s.load(load, b"3\tin th", b"ree\t3\n4\tpackets\t", b"4\n")
    s.load(load, b"5\n6\tb\tc\td\n\n7\tmuch too long for it\t7\n")
    s.query("SHOW WARNINGS")
    s.load(load, b"1\ttaken\t1\n8\tx\t8\n")
    s.query("SHOW WARNINGS")
    s.query("SELECT * FROM c_file ORDER BY id")
    s.load(load.replace("INTO", "REPLACE INTO"), b"1\treplaced\t1\n9\tx\t9\n")
    s.load(load.replace("INTO", "IGNORE INTO"), b"1\tignored\t1\n10\tx\t9\n")
    s.load(load + " FIELDS TERMINATED BY ',' ENCLOSED BY '\"' IGNORE 1 LINES (id, v) SET n = id * 2", b'id,v\n11,"a,b"\n12,"c"')
    s.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE no_such_table", b"1\n")
    s.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE no_such_schema.t", b"1\n")
    s.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE c_file (no_such_column)", b"1\n")
    s.query("LOAD DATA LOCAL INFILE 'f' INTO c_file")
    s.query("LOAD DATA LOCAL INFILE '/no/such/file'")
    s.query("SET sql_mode = ''")
    s.load(load, b"not a number\ta\t1\n")
    s.query("SHOW WARNINGS")
    s.query("SET sql_mode = DEFAULT")
    s.load(load, b"".join(b"%d\tx\t1\n" % number for number in range(100, 20_000)))
    s.query("SELECT COUNT(*), SUM(id) FROM c_file")
    s.query("BEGIN")
    s.load(load, b"90000\tx\t1\n")
    s.query("SELECT COUNT(*) FROM c_file")
    s.query("ROLLBACK")
    s.load(f"SELECT 1; {load}; SELECT 2", b"90001\tx\t1\n")
    s.load(f"{load}; SELECT 'behind'; {load}", b"90002\tx\t1\n")
    s.query("SELECT COUNT(*) FROM c_file")
    s.query("SET autocommit = 0")
    s.load(load, b"90003\tx\t1\n")
    s.query("ROLLBACK")
    s.query("SET autocommit = 1")
    s.query("START TRANSACTION READ ONLY")
    if s.client.capabilities & LOCAL_FILES:  # two errors at once: which one comes first is of no consequence
        s.load(load, b"90004\tx\t1\n")
    s.query("COMMIT")
    s.query("SET NAMES latin1")
    s.load(load, b"90005\t\xe9\t1\n")
    s.query("SELECT HEX(v) FROM c_file WHERE id = 90005")
    s.load("LOAD XML LOCAL INFILE 'f' INTO TABLE c_file ROWS IDENTIFIED BY '<r>'", b"<r><id>90006</id><v>xml</v></r>")
    if s.prepare(load):
        s.close()
    s.load(load.replace("LOCAL INFILE", "/* a comment */ LOCAL INFILE"), b"90007\tx\t1\n")
    s.query("DROP TABLE c_file")


# --- sizes ------------------------------------------------------------------------------------------------------------

FULL = 0xFFFFFF


def statements_of_full_packets(s):
    """A payload of 0xffffff bytes is followed by an empty packet."""
    for length in (FULL - 1, FULL, FULL + 1, 2 * FULL, 40 << 20):
        filled = length - len(b"\x03" + b"SELECT LENGTH('')")
        s.query(b"SELECT LENGTH('" + b"x" * filled + b"')")
        s.query(b"INSERT INTO empty_one VALUES (1, '" + b"x" * filled + b"')")


def results_of_full_packets(s):
    for length in (FULL - 1, FULL, FULL + 1, 2 * FULL, 40 << 20):
        s.query(f"SELECT REPEAT('y', {length - 4}) AS v")
        s.query(f"SELECT REPEAT('y', {length // 2}), REPEAT('z', {length - length // 2 - 8}) AS v UNION ALL SELECT 1, 2")
        s.run(f"SELECT REPEAT('y', {length - 6}) AS v")
    s.query("SELECT 1")


def parameters_of_full_packets(s):
    s.prepare("SELECT LENGTH(?), ? AS v")
    for length in (FULL - 1, FULL, FULL + 1, 20 << 20):
        head = 1 + 4 + 1 + 4 + 1 + 1 + 4 + 2
        s.execute(text("a"), long_text(length - head - 4))
        s.long_data(1, b"x" * (length - 7))
        s.execute(text("a"), text(b"", BLOB), given={1})
    s.close()


def long_text(length):
    return Parameter(VAR_STRING, b"\xfd" + length.to_bytes(3, "little") + b"z" * length if length <= FULL
                     else b"\xfe" + length.to_bytes(8, "little") + b"z" * length)  # fmt: skip


SIZES = [statements_of_full_packets, results_of_full_packets, parameters_of_full_packets]
