#!/usr/bin/python3
"""Records the log of a source and that of its replica, which has logged the same transactions again, as golden files.

    capture_pairs.py mariadb|mysql OUTPUT_DIR

MySQL runs without GTIDs and, once more, with them. Format: README.md.
"""

import argparse
import pathlib
import sys
import time

import capture
import capture_binlog as binlog

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from cluster.local_cluster import LocalCluster  # noqa: E402

SCHEMA = [
    "CREATE DATABASE cap",
    "CREATE TABLE cap.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(300), at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)",
    "CREATE TABLE cap.m (id INT) ENGINE=MyISAM",
    "CREATE TABLE cap.u (id INT PRIMARY KEY, t INT) ENGINE=InnoDB",
    "CREATE TABLE cap.p (id INT PRIMARY KEY, doc JSON) PARTITION BY HASH (id) PARTITIONS 2",
]
WRITES = [
    "INSERT INTO cap.t (v) VALUES ('one')",
    "INSERT INTO cap.t (v) VALUES ('two')",
    "BEGIN", "INSERT INTO cap.t (v) VALUES ('three'), ('four')", "INSERT INTO cap.u VALUES (1, 3)",
    "UPDATE cap.t SET v = 'drei' WHERE id = 3", "COMMIT",
    "BEGIN", "INSERT INTO cap.t (v) VALUES ('x')", "SAVEPOINT a", "INSERT INTO cap.u VALUES (2, 1)", "ROLLBACK TO a", "COMMIT",
    """INSERT INTO cap.p VALUES (1, '{"a": 1}'), (2, '{"a": 2}'), (3, '{"a": 3}')""", "UPDATE cap.p SET id = id + 3 WHERE id > 1",
    # Several events of rows.
    "BEGIN", *["INSERT INTO cap.t (v) VALUES " + ", ".join([f"(REPEAT('{c}', 200))"] * 8) for c in "ab"],
    "DELETE FROM cap.t WHERE v LIKE 'a%'", "COMMIT",
    "INSERT INTO cap.m VALUES (1)",
    "CREATE TABLE cap.c AS SELECT * FROM cap.u",
    "ALTER TABLE cap.u ADD COLUMN n INT",
    "XA START 'x'", "INSERT INTO cap.u VALUES (9, 9, 9)", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'",
    "SET SESSION binlog_format=STATEMENT",
    "SET @a = 'user variable'", "INSERT INTO cap.t (v) VALUES (@a)",
    "BEGIN", "INSERT INTO cap.t (v) VALUES (RAND(7)), (LAST_INSERT_ID())", "UPDATE cap.u SET n = 1", "COMMIT",
    "INSERT INTO cap.m VALUES (2)",
    "USE cap", "INSERT INTO u VALUES (11, 1, 1)", "SET NAMES latin1", "INSERT INTO u VALUES (12, 1, 1)", "SET NAMES utf8mb4",
    "SET SESSION binlog_format=ROW",
    "SET timestamp = 1000000000", "INSERT INTO cap.t (v) VALUES ('long ago')", "SET timestamp = DEFAULT",
    "CREATE TEMPORARY TABLE cap.tmp (id INT)", "INSERT INTO cap.tmp VALUES (1)", "INSERT INTO cap.u SELECT id, 1, 1 FROM cap.tmp LIMIT 0",
    "DROP TEMPORARY TABLE cap.tmp",
    "CREATE VIEW cap.w AS SELECT 1",
    "DROP VIEW cap.w",
    "TRUNCATE cap.m",
    "CREATE USER somebody", "GRANT SELECT ON cap.* TO somebody", "DROP USER somebody",
    "DELETE FROM cap.t WHERE id < 3",
]  # fmt: skip
ONLY = {
    "mariadb": ["CREATE SEQUENCE cap.s", "DO NEXTVAL(cap.s)"],
    "mysql": [
        "SET SESSION binlog_transaction_compression=ON", "INSERT INTO cap.t (v) VALUES (REPEAT('long', 50))",
        "SET SESSION binlog_transaction_compression=OFF",
        "SET SESSION binlog_rows_query_log_events=ON", "INSERT INTO cap.t (v) VALUES ('with its text')",
        "SET SESSION binlog_rows_query_log_events=OFF",
    ],
}  # fmt: skip
TAGGED = ["SET gtid_next='AUTOMATIC:tag'", "INSERT INTO cap.t (v) VALUES ('tagged')", "SET gtid_next='AUTOMATIC'"]
SLOW = ("INSERT INTO cap.t (v) VALUES (SLEEP(1.2))",)


def logged(cluster, node, name, output, first):
    path = cluster.servers[node].socket
    connection = binlog.Connection(path, capture.BASE)
    files = [row[0] for row in connection.rows("SHOW BINARY LOGS")]
    files = files[files.index(first):]
    found, end = binlog.transactions(connection, files)
    statements = [binlog.checksum("CRC32"), "SET @mariadb_slave_capability=4"]
    wire = binlog.replica(path, *statements).dump(*binlog.position_dump(first, 4))
    binlog.write(output, name, connection.version, wire, found, end, checksum="CRC32", semi_sync=0)


def fresh_file(cluster, node):
    cluster.query(node, "FLUSH BINARY LOGS")
    return cluster.query(node, "SHOW BINARY LOGS")[-1]["Log_name"]


def capture_pair(kind, name, output, gtid):
    options = ["--binlog-row-event-max-size=1024", "--innodb-buffer-pool-size=16M"]
    with LocalCluster(kind, gtid=gtid, replicas=1, options=options) as cluster:
        source, replica = fresh_file(cluster, 0), fresh_file(cluster, 1)
        cluster.set_read_only(1, False)
        cluster.query(1, "CREATE DATABASE elsewhere")  # the replica's own
        cluster.query(1, "CREATE TABLE elsewhere.t (id INT)")
        cluster.set_read_only(1, True)
        connection = binlog.Connection(cluster.servers[0].socket, capture.BASE)
        for statement in [*SCHEMA, *WRITES[:4]]:
            connection.run(statement)
        cluster.query(0, "FLUSH BINARY LOGS")
        for statement in [*WRITES[4:], *SLOW, *ONLY[kind], *(TAGGED if gtid and kind == "mysql" else [])]:
            connection.run(statement)
        cluster.wait_synced()
        cluster.query(1, "FLUSH BINARY LOGS")
        # What one does while the other waits has another time, and seconds go on.
        time.sleep(1.1)
        connection.run("INSERT INTO cap.t (v) VALUES ('late')")
        cluster.wait_synced()
        cluster.set_read_only(1, False)
        cluster.query(1, "INSERT INTO elsewhere.t VALUES (1)")
        connection.run("INSERT INTO cap.t (v) VALUES ('last')")
        cluster.wait_synced()
        logged(cluster, 0, f"{name}-source", output, source)
        logged(cluster, 1, f"{name}-replica", output, replica)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("product", choices=["mariadb", "mysql"])
    arguments.add_argument("output", type=pathlib.Path)
    options = arguments.parse_args()
    capture_pair(options.product, f"{options.product}-pair", options.output, gtid=options.product == "mariadb")
    if options.product == "mysql":
        capture_pair("mysql", "mysql-pair-gtid", options.output, gtid=True)


if __name__ == "__main__":
    main()
