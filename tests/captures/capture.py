#!/usr/bin/python3
"""Records what real servers answer to commands, as golden files for the tests of protocol/.

    capture.py mariadb OUTPUT_DIR
    capture.py mysql OUTPUT_DIR [--root DIR]     mysqld inside a chroot, for a server of another distribution

Starts a private server on a Unix socket, runs the scenario below once for every combination of capabilities that
changes the responses, and writes one text file each. Format (README.md): one line per exchange with the events that
a response scanner must report, followed by the server's bytes in hexadecimal.
"""

import argparse
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

LONG_PASSWORD, CONNECT_WITH_DB, LOCAL_FILES, PROTOCOL_41 = 1, 8, 1 << 7, 1 << 9
TRANSACTIONS, SECURE_CONNECTION = 1 << 13, 1 << 15
MULTI_STATEMENTS, MULTI_RESULTS, PS_MULTI_RESULTS, PLUGIN_AUTH = 1 << 16, 1 << 17, 1 << 18, 1 << 19
SESSION_TRACK, DEPRECATE_EOF, OPTIONAL_METADATA = 1 << 23, 1 << 24, 1 << 25
MARIADB_CACHE_METADATA = 1 << 36
BASE = (LOCAL_FILES | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | MULTI_STATEMENTS | MULTI_RESULTS |
        PS_MULTI_RESULTS | PLUGIN_AUTH)

QUERY, INIT_DB, FIELD_LIST, STATISTICS, PING = 3, 2, 4, 9, 14
PREPARE, EXECUTE, CLOSE, RESET_STATEMENT, SET_OPTION, FETCH, RESET_CONNECTION = 22, 23, 25, 26, 27, 28, 31

SETUP = [
    "CREATE DATABASE cap",
    "CREATE TABLE cap.t (id INT PRIMARY KEY, v VARCHAR(300))",
    "INSERT INTO cap.t VALUES (1, 'one'), (2, NULL), (3, ''), (4, REPEAT('x', 300))",
    "CREATE PROCEDURE cap.several() BEGIN SELECT 1; SELECT v FROM cap.t WHERE 0; SELECT 2; END",
    "CREATE PROCEDURE cap.gives(OUT x INT) BEGIN SELECT 7 INTO x; END",
    "CREATE PROCEDURE cap.fails() BEGIN SELECT 1; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END",
]
TRACK = {
    "mariadb": "SET SESSION session_track_system_variables='*', session_track_schema=1, session_track_state_change=1,"
               " session_track_transaction_info='CHARACTERISTICS'",
    "mysql": "SET SESSION session_track_system_variables='*', session_track_schema=1, session_track_state_change=1,"
             " session_track_transaction_info='CHARACTERISTICS', session_track_gtids=OWN_GTID",
}

# (kind, statement or argument, events): see ScanEvent; "end" is a result set's end, "done" the end without a packet.
SCENARIO = [
    ("query", "USE cap", "ok"),
    ("query", "SET sql_mode='ANSI'", "ok"),
    ("query", "SET NAMES latin1", "ok"),
    ("query", "SET autocommit=0", "ok"),
    ("query", "SET autocommit=1", "ok"),
    ("query", "SELECT 1 AS one", "end"),
    ("query", "SELECT * FROM t", "end"),
    ("query", "SELECT * FROM t WHERE id > 100", "end"),
    ("query", "SELECT NULL, '', REPEAT('x', 300)", "end"),
    ("query", "SELEC", "err"),
    ("query", "START TRANSACTION", "ok"),
    ("query", "INSERT INTO t VALUES (10, 'ten'), (11, 'eleven')", "ok"),
    ("query", "UPDATE t SET v = 'x' WHERE id >= 10", "ok"),
    ("query", "SELECT COUNT(*) FROM t", "end"),
    ("query", "COMMIT", "ok"),
    ("query", "DELETE FROM t WHERE id >= 10", "ok"),
    ("query", "SELECT 1; SELECT 2; DO 0", "end,end,ok"),
    ("query", "DO 1; SELEC", "ok,err"),
    ("query", "CALL several()", "end,end,end,ok"),
    ("query", "CALL fails()", "end,err"),
    ("query", "SELECT a.id, (SELECT b.id FROM t b WHERE a.id = 3 OR b.id = a.id) AS x FROM t a", "err"),
    ("infile", "LOAD DATA LOCAL INFILE 'f' INTO TABLE t", "infile,ok"),
    ("query", "DELETE FROM t WHERE id >= 10", "ok"),
    ("init_db", "cap", "ok"),
    ("init_db", "nowhere", "err"),
    ("ping", "", "ok"),
    ("statistics", "", "done"),
    ("set_option", "", "ok"),
    ("field_list", "t", "end"),
    ("prepare", "SELEC", "err"),
    ("prepare", "DO 0", "prepare"),
    ("execute", "", "ok"),
    ("prepare", "DO ?", "prepare,done"),
    ("prepare", "SELECT id + ? FROM t WHERE id > ?", "prepare,done"),
    ("prepare", "SELECT * FROM t", "prepare,done"),
    ("execute", "", "end"),
    ("execute", "again", "end"),
    ("execute", "cursor", "end"),
    ("fetch", "2", "end"),
    ("fetch", "10", "end"),
    ("reset_statement", "", "ok"),
    ("fetch", "1", "err"),
    ("prepare", "CALL several()", "prepare"),
    ("execute", "", "end,end,end,ok"),
    ("prepare", "CALL gives(?)", "prepare,done"),
    ("execute", "null", "end,ok"),
    ("reset_connection", "", "ok"),
]
METADATA_NONE = [
    ("query", "SET resultset_metadata=NONE", "ok"),
    ("query", "SELECT * FROM cap.t", "end"),
    ("query", "SELECT * FROM cap.t WHERE 0", "end"),
    ("query", "SELECT 1; SELECT 2; DO 0", "end,end,ok"),
    ("prepare", "DO 0", "prepare"),
    ("prepare", "SELECT id + ? FROM cap.t WHERE id > ?", None),
    ("prepare", "SELECT * FROM cap.t", None),
    ("execute", "", "end"),
    ("execute", "cursor", "end"),
    ("fetch", "2", "end"),
    ("fetch", "10", "end"),
    ("field_list", "t", "end"),
]


class Connection:
    def __init__(self, path, capabilities, database=""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        greeting = self.read_packet()
        self.version = greeting[1:greeting.index(0, 1)].decode()
        after_version = greeting.index(0, 1) + 1 + 4 + 8 + 1
        low, _, _, high = struct.unpack_from("<HBHH", greeting, after_version)
        extended = struct.unpack_from("<I", greeting, after_version + 7 + 1 + 6)[0]
        offered = low | high << 16 | (extended << 32 if not low & LONG_PASSWORD else 0)
        if database:
            capabilities |= CONNECT_WITH_DB
        capabilities |= low & LONG_PASSWORD  # not set for MariaDB, so that the extended capabilities are read
        self.capabilities = capabilities & offered
        response = struct.pack("<IIB19xI", self.capabilities & 0xffffffff, 1 << 24, 45, self.capabilities >> 32)
        response += b"root\0" + b"\0" + (database.encode() + b"\0" if database else b"") + b"caching_sha2_password\0"
        self.send(response, 1)
        answer = self.read_packet()
        if answer[0] == 0xfe:  # another plugin: the password is empty there too
            self.send(b"", 3)
            answer = self.read_packet()
        assert answer[0] == 0, answer

    def send(self, payload, sequence_id=0):
        self.socket.sendall(struct.pack("<I", len(payload))[:3] + bytes([sequence_id]) + payload)

    def read_packet(self):
        self.socket.settimeout(5)
        header = self.socket.recv(4, socket.MSG_WAITALL)
        return self.socket.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL)

    def read_until_quiet(self):
        """All bytes of a response. Knows nothing of its form, on purpose: the scanner under test does."""
        self.socket.settimeout(5)
        received = self.socket.recv(1 << 16)
        self.socket.settimeout(0.05)
        try:
            while chunk := self.socket.recv(1 << 16):
                received += chunk
        except TimeoutError:
            pass
        return received

    def command(self, code, argument=b""):
        self.send(bytes([code]) + argument)
        return self.read_until_quiet()


def run(connection, kind, argument, state):
    """The server's bytes, one element per turn of the server."""
    text = argument.encode()
    statement = struct.pack("<I", state.get("statement", 0))
    if kind == "query":
        return [connection.command(QUERY, text)]
    if kind == "infile":
        request = connection.command(QUERY, text)
        connection.send(b"20\ttwenty\n21\ttwenty-one\n", 2)
        connection.send(b"", 3)
        return [request, connection.read_until_quiet()]
    if kind == "prepare":
        response = connection.command(PREPARE, text)
        if response[4] == 0:
            state["statement"] = struct.unpack_from("<I", response, 5)[0]
        return [response]
    if kind == "execute":
        cursor = 1 if argument == "cursor" else 0
        parameters = b"\x01\x01\x06\x00" if argument == "null" else b""
        return [connection.command(EXECUTE, statement + struct.pack("<BI", cursor, 1) + parameters)]
    if kind == "fetch":
        return [connection.command(FETCH, statement + struct.pack("<I", int(argument)))]
    if kind == "reset_statement":
        return [connection.command(RESET_STATEMENT, statement)]
    if kind == "field_list":
        return [connection.command(FIELD_LIST, text + b"\0")]
    if kind == "set_option":
        return [connection.command(SET_OPTION, struct.pack("<H", 0))]
    code = {"init_db": INIT_DB, "ping": PING, "statistics": STATISTICS, "reset_connection": RESET_CONNECTION}[kind]
    return [connection.command(code, text)]


def record(path, product, capabilities, scenario, output, name):
    connection = Connection(path, capabilities, "cap")
    state = {}
    if connection.capabilities & SESSION_TRACK:
        scenario = [("query", TRACK[product], "ok")] + scenario
    lines = [f"server {connection.version}", f"capabilities {connection.capabilities:#x}"]
    for kind, argument, events in scenario:
        turns = run(connection, kind, argument, state)
        if events is None:  # definitions follow unless the server was asked for none
            events = "prepare,done" if len(turns[0]) > 17 else "prepare"
        lines.append(f"exchange {kind} {events} {argument}".rstrip())
        lines += ["  " + turn.hex() for turn in turns]
    (output / f"{product}-{name}.txt").write_text("\n".join(lines) + "\n")
    print(f"{product}-{name}: {connection.version}, {len(scenario)} exchanges")


def start_server(product, root, scratch, gtid=True):
    """Returns the process and the path of its socket."""
    data, sock = scratch / "data", scratch / "socket"
    if product == "mariadb":
        subprocess.run(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}",
                        "--auth-root-authentication-method=normal", "--skip-test-db"], check=True, capture_output=True)
        command = ["mariadbd"]
    else:
        command = (["chroot", str(root)] if root else []) + ["/usr/sbin/mysqld"]
    inside = lambda p: "/" + str(p.relative_to(root)) if root else str(p)
    options = ["--no-defaults", "--user=root", f"--datadir={inside(data)}"]
    if product == "mysql":
        subprocess.run(command + options + ["--initialize-insecure"], check=True, capture_output=True)
        mode = "ON" if gtid else "OFF"
        options += [f"--gtid-mode={mode}", f"--enforce-gtid-consistency={mode}", "--mysqlx=OFF", "--secure-file-priv=NULL"]
    options += [f"--socket={inside(sock)}", "--skip-networking", "--log-bin=binlog", "--server-id=1",
                "--local-infile=1", f"--pid-file={inside(scratch / 'pid')}", f"--log-error={inside(scratch / 'log')}"]
    server = subprocess.Popen(command + options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if sock.exists():
            return server, str(sock)
        time.sleep(0.1)
    server.terminate()
    raise SystemExit(f"{product} did not start:\n" + (scratch / "log").read_text())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("product", choices=["mariadb", "mysql"])
    arguments.add_argument("output", type=pathlib.Path)
    arguments.add_argument("--root", type=pathlib.Path)
    options = arguments.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(dir=options.root / "tmp" if options.root else None))
    server, path = start_server(options.product, options.root, scratch)
    try:
        setup = Connection(path, BASE)
        for statement in SETUP:
            assert setup.command(QUERY, statement.encode())[4] == 0, statement
        for eof in (0, DEPRECATE_EOF):
            for track in (0, SESSION_TRACK):
                name = "-".join(["deprecate_eof" if eof else "eof", "track" if track else "notrack"])
                record(path, options.product, BASE | eof | track, SCENARIO, options.output, name)
            name = "deprecate_eof-metadata" if eof else "eof-metadata"
            if options.product == "mysql":
                record(path, "mysql", BASE | eof | OPTIONAL_METADATA, METADATA_NONE, options.output, name)
            else:
                record(path, "mariadb", BASE | eof | MARIADB_CACHE_METADATA, SCENARIO, options.output, name)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
