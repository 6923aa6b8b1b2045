"""Binary logs to be read: a writer whose log has so many bytes of one shape, or of several."""

import contextlib

import cluster
from cluster import accounts

MIB = 1 << 20

# What one call of bench_fill writes: so many times the statement. The rows go nowhere (BLACKHOLE); the log has them all.
_REPEATED = {
    "large": (16, f"INSERT INTO bench_log VALUES (REPEAT('x', {4 * MIB}))"),
    # 10000 rows in a transaction, in events of 8 KiB, as the server cuts them.
    "bulk": (4, "INSERT INTO bench_log SELECT REPEAT('x', 200) FROM bench_ten a, bench_ten b, bench_ten c, bench_ten d"),
    "small": (20000, "INSERT INTO bench_log VALUES (REPEAT('x', 100))"),
}

# Parts of the whole.
SHAPES = {
    "large": {"large": 1},
    "bulk": {"bulk": 1},
    "small": {"small": 1},
    "mixed": {"large": 0.5, "bulk": 0.4, "small": 0.1},
}
NAMES = {"large": "events of 4 MiB", "bulk": "events of 8 KiB", "small": "transactions of one row", "mixed": "a mixed log"}


@contextlib.contextmanager
def writer(kind, shape, mib):
    """A cluster without replicas whose log has been filled; it is gone, with its log, behind the `with` block."""
    blackhole = ["--plugin-load-add=ha_blackhole"] if kind == "mariadb" else []
    with cluster.LocalCluster(kind, replicas=0, options=blackhole) as servers:
        with servers.connect(0, database="sbtest", read_timeout=600) as connection, connection.cursor() as cursor:
            cursor.execute(f"GRANT REPLICATION SLAVE ON *.* TO {accounts.APP.name}@'%'")
            cursor.execute("CREATE TABLE bench_log (v LONGBLOB) ENGINE=BLACKHOLE")
            cursor.execute("CREATE TABLE bench_ten (n INT)")
            cursor.execute("INSERT INTO bench_ten VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
            for part, share in SHAPES[shape].items():
                _fill(cursor, part, share * mib * MIB)
        yield servers


def _fill(cursor, part, wanted):
    times, statement = _REPEATED[part]
    cursor.execute("DROP PROCEDURE IF EXISTS bench_fill")
    cursor.execute(
        f"CREATE PROCEDURE bench_fill() BEGIN DECLARE done INT DEFAULT 0; WHILE done < {times} DO {statement}; "
        "SET done = done + 1; END WHILE; END"
    )
    end = _log_bytes(cursor) + wanted
    while _log_bytes(cursor) < end:
        cursor.execute("CALL bench_fill()")


def _log_bytes(cursor):
    cursor.execute("SHOW BINARY LOGS")
    return sum(int(row[1]) for row in cursor.fetchall())
