"""The data that the figures read, made on the writer."""

from cluster import accounts

from .generators import SCHEMA

_LARGE_ROWS = 16
_LARGE_ROW_BYTES = 1 << 20


def make(local_cluster, generators):
    """sysbench's table, 16 rows of 1 MiB, and one row that is written and read back; on all nodes when it returns."""
    writer = local_cluster.servers[local_cluster.writer]
    with writer.connect(accounts.APP, database=SCHEMA) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS sbtest1, bench_large, bench_pairs")
        cursor.execute("CREATE TABLE bench_pairs (id INT PRIMARY KEY, value BIGINT NOT NULL)")
        cursor.execute("INSERT INTO bench_pairs VALUES (1, 0)")
        cursor.execute("CREATE TABLE bench_large (id INT PRIMARY KEY, value LONGTEXT NOT NULL) CHARACTER SET latin1")
        for row in range(_LARGE_ROWS):
            cursor.execute("INSERT INTO bench_large VALUES (%s, REPEAT('x', %s))", (row, _LARGE_ROW_BYTES))
    generators.prepare(writer.port)
    local_cluster.wait_synced()
