"""The steps of README.md with the `mysql` command line client of MySQL 9, which runs by chroot into the folder of
scripts/mysql-chroot: its prepared statements are those of SQL. Each step is a process and a session of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

import pymysql

TABLE = os.environ["DB_TABLE"]
LARGE = "abcdefghijklmnopqrstuvwxyz012345" * (20 * 1024 * 1024 // 32)
NUMBERS = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n"


def step(name, value):
    print(json.dumps({"step": name, "value": value}), flush=True)


def command(*arguments, password=None, schema=None):
    tls = "REQUIRED" if os.environ["DB_TLS"] == "1" else "DISABLED"
    return [
        "chroot", os.environ["DB_MYSQL_ROOT"], "/usr/bin/mysql", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1",
        f"--port={os.environ['DB_PORT']}", f"--user={os.environ['DB_USER']}", f"--ssl-mode={tls}", "--get-server-public-key",
        f"--password={password or os.environ['DB_PASSWORD']}", "--default-character-set=utf8mb4", "--max-allowed-packet=64M",
        "--init-command=SET NAMES utf8mb4, time_zone = '+00:00'", *arguments, schema or os.environ["DB_NAME"]]  # fmt: skip


def run(statements, *arguments, **login):
    """Standard output of a client that is given these statements, and its errors as [number, SQLSTATE, text]."""
    done = subprocess.run(
        command("--batch", "--force", *arguments, **login), input=statements, capture_output=True, text=True, timeout=60)
    errors = re.findall(r"^ERROR (\d+) \((\w+)\)(?: at line \d+)?: (.*)$", done.stderr, re.MULTILINE)
    return done.stdout, [[int(number), state, text] for number, state, text in errors]


def cell(field):
    if field.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true":
        return None
    text = field.text or ""
    return text[2:].lower() if text.startswith("0x") else text


def rows_of(statements, *arguments, **login):
    """The rows of every result set, and the errors."""
    output, errors = run(statements, "--xml", "--binary-as-hex", *arguments, **login)
    documents = [part for part in output.split('<?xml version="1.0"?>') if part.strip()]
    parsed = [xml.etree.ElementTree.fromstring(document.strip()) for document in documents]
    return [[[cell(field) for field in row] for row in document] for document in parsed], errors


def rows(statements, *arguments):
    results, errors = rows_of(statements, *arguments)
    if errors:
        sys.exit(f"{statements[:200]}: {errors}")
    return results


def columns():
    with open(os.environ["DB_COLUMNS"], encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def literal(text, kind):
    if kind in ("bit", "bytes"):
        return f"x'{text}'"
    return text if kind in ("number", "decimal") else f"'{text}'"


def types():
    all_columns = columns()
    definitions = ", ".join(f"{column[0]} {column[1]}" for column in all_columns)
    statements = [
        f"DROP TABLE IF EXISTS {TABLE}",
        f"CREATE TABLE {TABLE} (id INT PRIMARY KEY, {definitions}) DEFAULT CHARSET utf8mb4"]  # fmt: skip
    for number in (1, 2):
        values = ", ".join(literal(column[3 + number], column[2]) for column in all_columns)
        statements += [f"INSERT INTO {TABLE} VALUES ({number}, {values})", "SELECT ROW_COUNT()"]
    statements += [f"INSERT INTO {TABLE} (id) VALUES (3)", "SELECT ROW_COUNT()", f"SELECT * FROM {TABLE} ORDER BY id"]
    *inserted, selected = rows(";\n".join(statements))
    step("text.insert", [int(result[0][0]) for result in inserted])
    step("text.select", selected)
    step("text.columns", run(f"DO 1; SELECT * FROM {TABLE} WHERE id = 0", "--column-type-info", "--table")[0])

    variables = [f"@p{number}" for number in range(len(all_columns) + 1)]
    statements = [f"PREPARE inserting FROM 'INSERT INTO {TABLE} VALUES (?{', ?' * len(all_columns)})'"]
    for number in (1, 2, 3):
        values = [str(10 + number)]
        for column in all_columns:
            values.append(literal(column[3 + number], column[2]) if number < 3 else "NULL")
        statements.append("SET " + ", ".join(f"{variable} = {value}" for variable, value in zip(variables, values)))
        statements += [f"EXECUTE inserting USING {', '.join(variables)}", "SELECT ROW_COUNT()"]
    statements += [
        f"PREPARE selecting FROM 'SELECT * FROM {TABLE} WHERE id > ? ORDER BY id'", "SET @id = 10",
        "EXECUTE selecting USING @id", f"UPDATE {TABLE} SET c_int = 5 WHERE id = 13",
        f"PREPARE again FROM 'SELECT id, c_int FROM {TABLE} WHERE id > ?'", "SET @id = '12'", "EXECUTE again USING @id",
        "PREPARE joined FROM 'SELECT CONCAT(?, ''-'', ?)'", "SET @first = 'é', @second = 'b'",
        "EXECUTE joined USING @first, @second", "DEALLOCATE PREPARE joined"]  # fmt: skip
    *inserted, selected, again, joined = rows(";\n".join(statements))
    step("prepared.insert", [int(result[0][0]) for result in inserted])
    step("prepared.select", selected)
    step("prepared.again", again)
    step("prepared.two", joined)
    statements = [
        "PREPARE missing FROM 'SELECT * FROM missing WHERE id = ?'",
        f"PREPARE inserting FROM 'INSERT INTO {TABLE} (id) VALUES (?)'", "SET @id = 11", "EXECUTE inserting USING @id",
        "EXECUTE joined"]  # fmt: skip
    step("prepared.error", rows_of(";\n".join(statements))[1])


def transactions(names):
    count = f"SELECT COUNT(*) FROM {names}"
    statements = [
        f"DROP TABLE IF EXISTS {names}",
        f"CREATE TABLE {names} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4",
        "BEGIN", f"INSERT INTO {names} (name) VALUES ('a'), ('b')", count, "ROLLBACK", count,
        "SET autocommit = 0", f"INSERT INTO {names} (id, name) VALUES (10, 'c')", "COMMIT", "SET autocommit = 1", count,
        f"INSERT INTO {names} (name) VALUES ('d')", "SELECT LAST_INSERT_ID()",
        f"UPDATE {names} SET name = CONCAT(name, name) WHERE id >= 10", "SELECT ROW_COUNT()"]  # fmt: skip
    results = rows(";\n".join(statements))
    step("transaction", [result[0][0] for result in results[:3]])
    step("insert_id", [int(results[3][0][0]), results[3][0][0]])
    step("update", results[4][0][0])


def several(names):
    statement = f"SELECT 1 AS a; INSERT INTO {names} (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"
    step("multi", rows(f"DELIMITER //\n{statement}//"))
    step("call", rows(
        f"DELIMITER //\nDROP PROCEDURE IF EXISTS {names}_p//\n"
        f"CREATE PROCEDURE {names}_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; "
        f"INSERT INTO {names} (name) VALUES ('from procedure'); END//\nCALL {names}_p(5)//"))  # fmt: skip
    numbers = run(f"{NUMBERS}; SELECT 'next'", "--quick", "--skip-column-names")[0].split()  # mysql_use_result
    step("stream", [str(sum(map(int, numbers[:-1]))), numbers[-1]])


def large(table):
    stored, selected = rows(
        f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4;\n"
        f"INSERT INTO {table} VALUES (1, '{LARGE}');\n"
        f"SELECT LENGTH(value), CRC32(value) FROM {table}; SELECT value FROM {table}")  # fmt: skip
    step("large", [stored, selected[0][0] == LARGE])


def errors():
    step("error.syntax", run("SELEC 1")[1])
    step("error.duplicate", run(f"INSERT INTO {TABLE} (id) VALUES (1)")[1])
    step("error.table", run("SELECT * FROM missing")[1])
    results, found = rows_of("DELIMITER //\nSELECT 1; SELEC 2//\nSELECT 'still here'//")
    step("error.multi", found)
    step("error.after", results[-1])
    step("warnings", rows("SELECT CAST('12abc' AS SIGNED); SHOW WARNINGS"))
    step("warnings.shown", run("SELECT CAST('12abc' AS SIGNED)", "--show-warnings")[0])


def session():
    state = "SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode"
    step("session", rows(f"SET @a = 5, sql_mode = 'ANSI_QUOTES'; {state}")[0])
    schema = os.environ["DB_NAME"]
    step("schema", [result[0][0] for result in rows(f"USE information_schema; SELECT DATABASE(); USE {schema}; SELECT DATABASE()")])
    # \s: what the client knows, and what it asks for. \x: COM_RESET_CONNECTION. \u: COM_INIT_DB
    status = run("\\s\n", "--commands")[0]
    shown = ("Current database", "Current user", "SSL", "Server version", "Protocol version", "characterset", "Binary data")
    status = re.sub(r"(Cipher in use) is \S+", r"\1", status)  # which one is between the client and whom it talks to
    step("status", [" ".join(line.split()) for line in status.splitlines() if any(word in line for word in shown)])
    step("reset", rows("SET @a = 5;\n\\x\nSELECT @a, DATABASE()", "--commands"))


def interrupted():
    """Ctrl-C while a statement runs: the client sends KILL QUERY on another connection."""
    ports = os.environ["DB_NODES"].split()
    login = {"host": "127.0.0.1", "user": os.environ["DB_USER"], "password": os.environ["DB_PASSWORD"], "ssl": {"verify_mode": "none"}}
    nodes = [pymysql.connect(port=int(port), autocommit=True, **login) for port in ports]

    def is_running():
        for node in nodes:
            with node.cursor() as cursor:
                cursor.execute(
                    "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE %s", (f"SELECT SLEEP(30), '{TABLE}'%",))
                if cursor.fetchone()[0]:
                    return True
        return False

    client = subprocess.Popen(
        command("--batch", "--skip-column-names", "--force"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)  # fmt: skip
    client.stdin.write(f"SELECT SLEEP(30), '{TABLE}'; SELECT 'awake';\n")
    client.stdin.close()
    client.stdin = None
    deadline = time.monotonic() + 20
    while not is_running():
        if time.monotonic() > deadline or client.poll() is not None:
            client.kill()
            sys.exit("SELECT SLEEP(30) does not run on any node: " + " ".join(client.communicate()))
        time.sleep(0.02)
    client.send_signal(signal.SIGINT)
    output, messages = client.communicate(timeout=60)
    step("interrupted", [output.split(), re.findall(r"^ERROR (\d+) \((\w+)\)", messages, re.MULTILINE), is_running()])


def reconnect():
    statements = "SET @a = 5;\nKILL CONNECTION_ID();\nSELECT 'lost';\n\\r\nSELECT 'again', DATABASE(), @a;\n"
    output, messages = run(statements, "--commands", "--skip-column-names")
    step("kill", messages[0])
    step("lost", len(messages) > 1)
    step("reconnect", [line.split("\t")[1:] for line in output.splitlines() if line.startswith("again")])


def main():
    step("login.denied", run("SELECT 1", password="wrong")[1])
    step("login.schema", run("SELECT 1", schema="missing")[1])
    step("connect", rows("SELECT VERSION(), DATABASE(), CURRENT_USER(), @@autocommit"))
    types()
    transactions(TABLE + "_n")
    several(TABLE + "_n")
    if os.environ["DB_LARGE"] == "1":
        large(TABLE + "_l")
    errors()
    session()
    interrupted()
    reconnect()


main()
