"""The steps of README.md with PyMySQL or mysqlclient: python_dbapi.py pymysql|MySQLdb."""

import datetime
import importlib
import json
import os
import ssl
import sys
import warnings

driver = importlib.import_module(sys.argv[1])
is_pymysql = driver.__name__ == "pymysql"
MULTI_STATEMENTS = 1 << 16
LARGE = "abcdefghijklmnopqrstuvwxyz012345" * (20 * 1024 * 1024 // 32)
warnings.simplefilter("ignore")


def step(name, value):
    print(json.dumps({"step": name, "value": value}), flush=True)


def columns():
    with open(os.environ["DB_COLUMNS"], encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def connect(**changes):
    options = {
        "host": "127.0.0.1", "port": int(os.environ["DB_PORT"]), "user": os.environ["DB_USER"],
        "password": os.environ["DB_PASSWORD"], "database": os.environ["DB_NAME"], "charset": "utf8mb4",
        "client_flag": MULTI_STATEMENTS, **changes}  # fmt: skip
    if is_pymysql:
        options["max_allowed_packet"] = 64 << 20
        options["autocommit"] = True  # mysqlclient keeps the default of both: off
        if os.environ["DB_TLS"] == "1":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            options["ssl"] = context
    else:
        options["binary_prefix"] = True
        if os.environ["DB_TLS"] == "1":
            options["ssl"] = {"cipher": "ALL"}
    return driver.connect(**options)


def as_text(value, kind):
    if value is None:
        return None
    if kind in ("bit", "bytes"):
        return (value.encode("latin1") if isinstance(value, str) else bytes(value)).hex()
    if isinstance(value, datetime.timedelta):
        sign = "-" if value < datetime.timedelta(0) else ""
        value = abs(value)
        seconds = value.days * 86400 + value.seconds
        fraction = f".{value.microseconds:06}" if kind == "time6" else ""
        return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S" + (".%f" if kind == "datetime6" else ""))
    if kind == "decimal":
        return format(value, "f")
    return value.decode() if isinstance(value, bytes) else str(value)


def as_parameter(text, kind):
    if kind in ("bit", "bytes"):
        return bytes.fromhex(text)
    if kind == "number":
        return float(text) if "." in text else int(text)
    return text


def literal(text, kind):
    if kind in ("bit", "bytes"):
        return f"x'{text}'"
    return text if kind in ("number", "decimal") else f"'{text}'"


def run(connection, statement, arguments=None):
    """All results of a statement: lists of rows of texts, or numbers of affected rows."""
    results = []
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        while True:
            if cursor.description is None:
                results.append(cursor.rowcount)
            else:
                results.append([[as_text(value, "text") for value in row] for row in cursor.fetchall()])
            if not cursor.nextset():
                return results


def error_of(action, *arguments, **options):
    try:
        action(*arguments, **options)
    except driver.Error as error:
        return list(error.args)
    return None


def typed_rows(connection, kinds, statement, arguments=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        description = [[column[0], *column[1:]] for column in cursor.description]
        return [[as_text(*pair) for pair in zip(row, kinds)] for row in cursor.fetchall()], description


def types(connection, table):
    all_columns = columns()
    kinds = ["number", *(column[2] for column in all_columns)]
    definitions = ", ".join(f"{column[0]} {column[1]}" for column in all_columns)
    run(connection, f"DROP TABLE IF EXISTS {table}")
    run(connection, f"CREATE TABLE {table} (id INT PRIMARY KEY, {definitions}) DEFAULT CHARSET utf8mb4")
    inserted = []
    for number in (1, 2):
        values = ", ".join(literal(column[3 + number], column[2]) for column in all_columns)
        inserted += run(connection, f"INSERT INTO {table} VALUES ({number}, {values})")
    inserted += run(connection, f"INSERT INTO {table} (id) VALUES (3)")
    connection.commit()
    step("text.insert", inserted)
    rows, description = typed_rows(connection, kinds, f"SELECT * FROM {table} ORDER BY id")
    step("text.select", rows)
    step("text.columns", description)

    # Both drivers put parameters into the text. The server's own PREPARE is next.
    insert = f"INSERT INTO {table} VALUES (%s{', %s' * len(all_columns)})"
    inserted = []
    for number in (1, 2):
        arguments = [as_parameter(column[3 + number], column[2]) for column in all_columns]
        inserted += run(connection, insert, [10 + number, *arguments])
    inserted += run(connection, insert, [13] + [None] * len(all_columns))
    connection.commit()
    step("prepared.insert", inserted)
    select = f"SELECT * FROM {table} WHERE id > %s ORDER BY id"
    step("prepared.select", typed_rows(connection, kinds, select, [10])[0])
    run(connection, f"UPDATE {table} SET c_int = 5 WHERE id = 13")
    connection.commit()
    rows = typed_rows(connection, kinds, select, [12])[0]
    step("prepared.again", [[row[0], row[kinds.index("number", 7)]] for row in rows])
    run(connection, "PREPARE joined FROM 'SELECT CONCAT(?, ''-'', ?)'")
    run(connection, "SET @first = 'é', @second = 'b'")
    step("prepared.two", run(connection, "EXECUTE joined USING @first, @second")[0])
    run(connection, "DEALLOCATE PREPARE joined")
    step("prepared.error", [
        error_of(run, connection, "SELECT * FROM missing WHERE id = %s", [1]),
        error_of(run, connection, insert, [11] + [None] * len(all_columns))])  # fmt: skip
    connection.rollback()


def transactions(connection, names):
    run(connection, f"DROP TABLE IF EXISTS {names}")
    run(connection, f"CREATE TABLE {names} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4")
    count = f"SELECT COUNT(*) FROM {names}"
    counts = []
    connection.begin()
    run(connection, f"INSERT INTO {names} (name) VALUES ('a'), ('b')")
    counts += run(connection, count)[0][0]
    connection.rollback()
    counts += run(connection, count)[0][0]
    connection.begin()
    run(connection, f"INSERT INTO {names} (id, name) VALUES (10, 'c')")
    connection.commit()
    counts += run(connection, count)[0][0]
    step("transaction", counts)
    connection.autocommit(True)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {names} (name) VALUES ('d')")
        step("insert_id", [cursor.lastrowid, run(connection, "SELECT LAST_INSERT_ID()")[0][0][0]])
        cursor.execute(f"UPDATE {names} SET name = CONCAT(name, name) WHERE id >= 10")
        info = cursor._result.message.decode() if is_pymysql else connection.info()
        step("update", [cursor.rowcount, info.decode() if isinstance(info, bytes) else info])


def several(connection, names):
    statement = f"SELECT 1 AS a; INSERT INTO {names} (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"
    step("multi", run(connection, statement))
    run(connection, f"DROP PROCEDURE IF EXISTS {names}_p")
    run(connection, f"CREATE PROCEDURE {names}_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; "
        f"INSERT INTO {names} (name) VALUES ('from procedure'); END")  # fmt: skip
    results = []
    with connection.cursor() as cursor:
        cursor.callproc(f"{names}_p", [5])
        while cursor.description is not None:
            results.append([[str(value) for value in row] for row in cursor.fetchall()])
            cursor.nextset()
    step("call", results)
    numbers = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n"
    stream = connection.cursor(importlib.import_module(f"{driver.__name__}.cursors").SSCursor)
    stream.execute(numbers)
    step("stream", [str(sum(row[0] for row in stream)), run(connection, "SELECT 'next'")[0][0][0]])


def large(connection, table):
    run(connection, f"DROP TABLE IF EXISTS {table}")
    run(connection, f"CREATE TABLE {table} (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4")
    run(connection, f"INSERT INTO {table} VALUES (1, %s)", [LARGE])
    digest = run(connection, f"SELECT LENGTH(value), CRC32(value) FROM {table}")[0][0]
    step("large", [*digest, run(connection, f"SELECT value FROM {table}")[0][0][0] == LARGE])


def errors(connection, table):
    step("error.syntax", error_of(run, connection, "SELEC 1"))
    step("error.duplicate", error_of(run, connection, f"INSERT INTO {table} (id) VALUES (1)"))
    step("error.table", error_of(run, connection, "SELECT * FROM missing"))
    step("error.multi", error_of(run, connection, "SELECT 1; SELEC 2"))
    step("error.after", run(connection, "SELECT 'still here'")[0])
    step("warnings", run(connection, "SELECT CAST('12abc' AS SIGNED)") + run(connection, "SHOW WARNINGS"))
    text = "O'Re\\il\"ly\0é漢😀\n%_"
    step("quoting", run(connection, "SELECT %s", [text])[0][0][0] == text)


def session(connection):
    run(connection, "SET @a = 5, sql_mode = 'ANSI_QUOTES'")
    step("session", run(connection, "SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode")[0])
    connection.select_db("information_schema")
    schemas = run(connection, "SELECT DATABASE()")[0][0]
    connection.select_db(os.environ["DB_NAME"])
    step("schema", schemas + run(connection, "SELECT DATABASE()")[0][0])
    step("ping", connection.ping() is None)
    run(connection, "SET @a = 5")


def reconnect(connection):
    step("kill", error_of(run, connection, f"KILL {connection.thread_id()}"))
    step("lost", error_of(run, connection, "SELECT 1") is not None)
    if is_pymysql:
        connection.ping(reconnect=True)
    else:
        connection = connect()
    step("reconnect", run(connection, "SELECT DATABASE(), @a")[0])
    connection.close()


def main():
    step("login.denied", error_of(connect, password="wrong"))
    step("login.schema", error_of(connect, database="missing"))
    connection = connect()
    version = connection.get_server_info()
    step("connect", [version, run(connection, "SELECT DATABASE(), CURRENT_USER(), @@autocommit")[0]])
    run(connection, "SET time_zone = '+00:00'")
    table = os.environ["DB_TABLE"]
    types(connection, table)
    transactions(connection, table + "_n")
    several(connection, table + "_n")
    if os.environ["DB_LARGE"] == "1":
        large(connection, table + "_l")
    errors(connection, table)
    session(connection)
    reconnect(connection)


main()
