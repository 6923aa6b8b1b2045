#!/usr/bin/python3
"""Records what real servers answer to COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID, as golden files for the tests of protocol/.

    capture_binlog.py mariadb OUTPUT_DIR
    capture_binlog.py mysql OUTPUT_DIR [--root DIR]     mysqld inside a chroot, for a server of another distribution

Starts private servers, runs the statements below and dumps what they have logged, once for every way to ask for it. Format:
README.md. What a reader of the stream must find is taken from SHOW BINLOG EVENTS: a transaction goes from its GTID event to
whatever is ahead of the next one.
"""

import argparse
import pathlib
import re
import shutil
import struct
import tempfile
import time

import capture

BINLOG_DUMP, BINLOG_DUMP_GTID = 0x12, 0x1E
NON_BLOCK, HEARTBEAT_V2 = 1, 2
BASE = capture.BASE

COMMON = [
    "CREATE DATABASE cap",
    "CREATE TABLE cap.t (id INT PRIMARY KEY, v VARCHAR(300))",
    "INSERT INTO cap.t VALUES (1, 'one')",
    "BEGIN", "INSERT INTO cap.t VALUES (2, 'two')", "SAVEPOINT a", "INSERT INTO cap.t VALUES (3, 'x')",
    "ROLLBACK TO a", "INSERT INTO cap.t VALUES (4, 'four')", "COMMIT",
    "XA START 'x'", "INSERT INTO cap.t VALUES (5, 'five')", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'",
    "FLUSH BINARY LOGS",
    "CREATE TABLE cap.m (id INT) ENGINE=MyISAM",
    "INSERT INTO cap.m VALUES (1)",
    "SET SESSION binlog_format=STATEMENT",
    "SET @a = 'user variable'",
    "INSERT INTO cap.t VALUES (7, @a)",
    "INSERT INTO cap.m VALUES (LENGTH(@a))",
    "SET SESSION binlog_format=ROW",
    "TRUNCATE cap.m",
]
MIXED = ["BEGIN", "INSERT INTO cap.t VALUES (6, 'six')", "INSERT INTO cap.m VALUES (2)", "ROLLBACK"]
ONLY = {
    "mariadb": [
        "CREATE TABLE cap.c AS SELECT * FROM cap.t",
        "CREATE SEQUENCE cap.s", "DO NEXTVAL(cap.s)",
        "SET GLOBAL log_bin_compress=1", "SET GLOBAL log_bin_compress_min_len=10",
        "INSERT INTO cap.t VALUES (20, REPEAT('long', 50))",
        "SET SESSION binlog_format=STATEMENT",
        "UPDATE cap.t SET v = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' WHERE id = 20",
        "SET SESSION binlog_format=ROW",
        "SET GLOBAL log_bin_compress=0",
        "SET SESSION gtid_domain_id=7", "INSERT INTO cap.t VALUES (21, 'domain')", "SET SESSION gtid_domain_id=0",
    ],
    "mysql": [
        "CREATE TABLE cap.c AS SELECT * FROM cap.t",
        "SET SESSION binlog_transaction_compression=ON",
        "INSERT INTO cap.t VALUES (20, REPEAT('long', 50))",
        "SET SESSION binlog_transaction_compression=OFF",
    ],
}
TAGGED = [
    "SET gtid_next='AUTOMATIC:tag'", "INSERT INTO cap.t VALUES (30, 'tagged')", "CREATE TABLE cap.u (id INT)",
    "SET gtid_next='AUTOMATIC:other_tag'", "INSERT INTO cap.u VALUES (1)", "SET gtid_next='AUTOMATIC'",
    "FLUSH BINARY LOGS", "INSERT INTO cap.t VALUES (31, 'classic')",
]  # fmt: skip


class Connection(capture.Connection):
    def run(self, statement):
        answer = self.command(capture.QUERY, statement.encode())
        assert answer[4] != 0xFF, (statement, answer)

    def rows(self, statement):
        """Of a text result set whose values are short; all as text."""
        answer = self.command(capture.QUERY, statement.encode())
        assert answer[4] != 0xFF, (statement, answer)
        packets, eofs, rows = [], 0, []
        while answer:
            length = int.from_bytes(answer[:3], "little")
            packets.append(answer[4 : 4 + length])
            answer = answer[4 + length :]
        for packet in packets:
            if packet[0] == 0xFE and len(packet) < 9:
                eofs += 1
            elif eofs == 1:
                rows.append(values(packet))
        return rows

    def dump(self, code, argument, seconds=None):
        """All that comes: to the end, or for so long."""
        self.send(bytes([code]) + argument)
        self.socket.settimeout(5 if seconds is None else seconds)
        received, until = b"", time.monotonic() + (seconds or 5)
        try:
            while time.monotonic() < until and (chunk := self.socket.recv(1 << 16)):
                received += chunk
        except TimeoutError:
            assert seconds is not None, received
        while seconds is not None and not whole(received):
            received += self.socket.recv(1 << 16)
        return received


def whole(received):
    """Whether this is a whole number of packets."""
    while len(received) >= 4 and len(received) >= 4 + int.from_bytes(received[:3], "little"):
        received = received[4 + int.from_bytes(received[:3], "little") :]
    return not received


def values(row):
    found = []
    while row:
        if row[0] == 0xFB:
            found.append(None)
            row = row[1:]
            continue
        width = {0xFC: 2, 0xFD: 3}.get(row[0], 0)
        length = int.from_bytes(row[1 : 1 + width], "little") if width else row[0]
        found.append(row[1 + width : 1 + width + length].decode(errors="replace"))
        row = row[1 + width + length :]
    return found


def transactions(connection, files):
    """[GTID, file, position behind it] of all transactions, and [file, position] of the end."""
    found, end = [], None
    for file in files:
        open_one = None
        for _, _, kind, _, next_position, info in connection.rows(f"SHOW BINLOG EVENTS IN '{file}'"):
            if "gtid" in kind.lower() and "GTID" in info:
                gtid = re.search(r"GTID (\d+-\d+-\d+)|GTID_NEXT= '([^']*)'", info)
                open_one = [(gtid[1] or gtid[2]).lower(), file, next_position]
                found.append(open_one)
            elif kind in ("Rotate", "Stop", "Binlog_checkpoint", "Format_desc", "Previous_gtids", "Gtid_list"):
                open_one = None
            elif open_one:
                open_one[2] = next_position
            end = [file, next_position]
    return found, end


def write(output, name, version, wire, found, end, **options):
    lines = [f"server {version}", "options " + " ".join(f"{key}={value}" for key, value in options.items())]
    lines += [f"transaction {gtid} {file} {position}" for gtid, file, position in found]
    lines.append(f"end {end[0]} {end[1]}")
    hexadecimal = wire.hex()
    lines += ["  " + hexadecimal[at : at + 200] for at in range(0, len(hexadecimal), 200)]
    (output / f"{name}.txt").write_text("\n".join(lines) + "\n")
    print(f"{name}: {version}, {len(found)} transactions, {len(wire)} bytes")


def position_dump(file, position, flags=NON_BLOCK, server_id=77):
    return BINLOG_DUMP, struct.pack("<IHI", position, flags, server_id) + file.encode()


def gtid_dump(gtids=struct.pack("<Q", 0), flags=NON_BLOCK, server_id=78, file="", position=4):
    argument = struct.pack("<HII", flags, server_id, len(file)) + file.encode()
    return BINLOG_DUMP_GTID, argument + struct.pack("<QI", position, len(gtids)) + gtids


def replica(path, *statements, capabilities=BASE):
    connection = Connection(path, capabilities)
    for statement in statements:
        connection.run(statement)
    return connection


def checksum(kind):
    return f"SET @master_binlog_checksum='{kind}', @source_binlog_checksum='{kind}'"


def fill(path, statements):
    connection = Connection(path, BASE)
    connection.run("RESET MASTER" if "MariaDB" in connection.version else "RESET BINARY LOGS AND GTIDS")
    for statement in statements:
        connection.run(statement)
    files = [row[0] for row in connection.rows("SHOW BINARY LOGS")]
    return connection, files, *transactions(connection, files)


def capture_mariadb(path, output):
    connection, files, found, end = fill(path, COMMON + MIXED + ONLY["mariadb"])
    version = connection.version
    capability = "SET @mariadb_slave_capability=4"
    for kind in ("NONE", "CRC32"):
        wire = replica(path, checksum(kind), capability).dump(*position_dump(files[0], 4, NON_BLOCK | 2))
        write(output, f"mariadb-{kind.lower()}", version, wire, found, end, checksum=kind, semi_sync=0)
    # No GTID event is sent to a replica that does not say that it knows them.
    # It ends in an error at the first XA transaction.
    wire = replica(path, checksum("CRC32")).dump(*position_dump(files[0], 4))
    write(output, "mariadb-old-replica", version, wire, [("none", *one[1:]) for one in found[:4]], found[3][1:],
          checksum="CRC32", semi_sync=0)
    start = found[3][0]
    wire = replica(path, checksum("CRC32"), capability, f"SET @slave_connect_state='{start}'").dump(*position_dump("", 4))
    rest = found[4:]
    write(output, "mariadb-gtid", version, wire, rest, end, checksum="CRC32", semi_sync=0)
    wire = replica(path, checksum("CRC32"), capability).dump(*position_dump(files[1], int(found[-2][2])))
    write(output, "mariadb-middle", version, wire, found[-1:], end, checksum="CRC32", semi_sync=0)
    connection.run("SET GLOBAL rpl_semi_sync_master_enabled=1")
    connection.run("SET GLOBAL rpl_semi_sync_master_timeout=100")
    semi = replica(path, checksum("CRC32"), capability, "SET @rpl_semi_sync_slave=1, @master_heartbeat_period=300000000")
    semi_sync(connection, semi, output, "mariadb-semi-sync", version, files[1], end)
    connection.run("SET GLOBAL rpl_semi_sync_master_enabled=0")
    end = transactions(connection, files)[1]
    for kind in ("NONE", "CRC32"):
        wire = replica(path, checksum(kind), capability, "SET @master_heartbeat_period=200000000").dump(
            *position_dump(files[1], int(end[1]), 0), seconds=0.5)
        write(output, f"mariadb-heartbeat-{kind.lower()}", version, wire, [], end, checksum=kind, semi_sync=0)
    wire = replica(path, checksum("CRC32")).dump(*position_dump("nowhere.000001", 4))
    write(output, "mariadb-error", version, wire, [], ["", 0], checksum="CRC32", semi_sync=0)


def semi_sync(connection, semi, output, name, version, file, end):
    """Three transactions, the first two acknowledged."""
    semi.send(bytes([BINLOG_DUMP]) + position_dump(file, int(end[1]), 0, 79)[1])
    semi.socket.settimeout(5)
    wire = b""
    for _ in range(2):  # fake rotate, format description
        wire += packet(semi)
    time.sleep(0.3)
    for number in (40, 41, 42):
        connection.send(bytes([capture.QUERY]) + b"INSERT INTO cap.t VALUES (%d, 's')" % number)
        while True:
            wire += (one := packet(semi))
            if one[6] == 1:
                break
        position = struct.unpack_from("<I", one, 4 + 3 + 13)[0]
        if number < 42:
            semi.send(struct.pack("<BQ", 0xEF, position) + file.encode(), 0)
        connection.read_until_quiet()
    acknowledged = [row[1] for row in connection.rows("SHOW STATUS LIKE 'Rpl_semi_sync_%_yes_tx'")]
    assert acknowledged == ["2"], acknowledged
    found, new_end = transactions(connection, [file])
    fresh = [one for one in found if int(one[2]) > int(end[1])]
    write(output, name, version, wire, fresh, new_end, checksum="CRC32", semi_sync=1)


def packet(connection):
    header = connection.socket.recv(4, capture.socket.MSG_WAITALL)
    return header + connection.socket.recv(int.from_bytes(header[:3], "little"), capture.socket.MSG_WAITALL)


def capture_mysql(path, output):
    connection, files, found, end = fill(path, COMMON + ONLY["mysql"] + TAGGED)
    version = connection.version
    for kind in ("NONE", "CRC32"):
        wire = replica(path, checksum(kind)).dump(*gtid_dump())
        write(output, f"mysql-gtid-{kind.lower()}", version, wire, found, end, checksum=kind, semi_sync=0)
    wire = replica(path, checksum("CRC32"), capabilities=BASE | capture.DEPRECATE_EOF).dump(*position_dump(files[1], 4))
    later = [one for one in found if one[1] != files[0]]
    write(output, "mysql-position", version, wire, later, end, checksum="CRC32", semi_sync=0)
    start = int(later[1][2])
    wire = replica(path, checksum("CRC32")).dump(*position_dump(files[1], start))
    write(output, "mysql-middle", version, wire, later[2:], end, checksum="CRC32", semi_sync=0)
    for name, flags in (("heartbeat", 0), ("heartbeat-v2", HEARTBEAT_V2)):
        for kind in ("NONE", "CRC32"):
            one = replica(path, checksum(kind), "SET @master_heartbeat_period=200000000, @source_heartbeat_period=200000000")
            wire = one.dump(*position_dump(files[-1], int(end[1]), flags), seconds=0.5)
            write(output, f"mysql-{name}-{kind.lower()}", version, wire, [], end, checksum=kind, semi_sync=0)
    wire = replica(path).dump(*position_dump(files[0], 4))
    write(output, "mysql-error", version, wire, [], ["", 0], checksum="NONE", semi_sync=0)
    connection.run("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")
    connection.run("SET GLOBAL rpl_semi_sync_source_enabled=1")
    connection.run("SET GLOBAL rpl_semi_sync_source_timeout=100")
    file, position = transactions(connection, files[-1:])[1]
    semi = replica(path, checksum("CRC32"), "SET @rpl_semi_sync_replica=1, @rpl_semi_sync_slave=1")
    semi_sync(connection, semi, output, "mysql-semi-sync", version, file, [file, position])


def capture_anonymous(path, output):
    connection, files, found, end = fill(path, COMMON + MIXED + ONLY["mysql"])
    wire = replica(path, checksum("CRC32")).dump(*position_dump(files[0], 4))
    write(output, "mysql-anonymous", connection.version, wire, found, end, checksum="CRC32", semi_sync=0)


def with_server(product, root, run, output, **options):
    scratch = pathlib.Path(tempfile.mkdtemp(dir=root / "tmp" if root else None))
    server, path = capture.start_server(product, root, scratch, **options)
    try:
        run(path, output)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(scratch)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("product", choices=["mariadb", "mysql"])
    arguments.add_argument("output", type=pathlib.Path)
    arguments.add_argument("--root", type=pathlib.Path)
    options = arguments.parse_args()
    if options.product == "mariadb":
        with_server("mariadb", options.root, capture_mariadb, options.output)
    else:
        with_server("mysql", options.root, capture_mysql, options.output)
        with_server("mysql", options.root, capture_anonymous, options.output, gtid=False)


if __name__ == "__main__":
    main()
