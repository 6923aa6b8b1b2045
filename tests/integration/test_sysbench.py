"""sysbench through Causeway: no errors, and equal tables on all nodes afterwards."""

import re
import subprocess

import pytest
from cluster import accounts
from support import scaled

TABLES = 4


def _sysbench(proxy, script, *arguments, ps_mode="disable", timeout=120):
    rows = scaled("CAUSEWAY_TEST_SYSBENCH_ROWS", 5000, 20000)
    command = [
        "sysbench", script, "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={proxy.port}",
        f"--mysql-user={accounts.APP.name}", f"--mysql-password={accounts.APP.password}", "--mysql-db=sbtest",
        f"--db-ps-mode={ps_mode}", f"--tables={TABLES}", f"--table-size={rows}", *arguments]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _checksums(cluster, node):
    tables = ", ".join(f"sbtest.sbtest{number}" for number in range(1, TABLES + 1))
    return [(row["Table"], row["Checksum"]) for row in cluster.query(node, f"CHECKSUM TABLE {tables}")]


@pytest.mark.parametrize("ps_mode", ["disable", "auto"], ids=["text", "prepared"])
def test_sysbench_without_errors_and_with_equal_tables(cluster, start_proxy, ps_mode):
    # 64 transactions at once: the default share of the writer's connections is for 20.
    proxy = start_proxy(cluster, {"forwarding.aurora_fwd_writer_max_connections_pct": 50})
    seconds = scaled("CAUSEWAY_TEST_SYSBENCH_SECONDS", 3, 30)
    _sysbench(proxy, "oltp_read_write", "prepare")
    try:
        for script in ("oltp_read_write", "oltp_point_select"):
            for threads in (1, 16, 64):
                output = _sysbench(
                    proxy, script, f"--threads={threads}", f"--time={seconds}",
                    # sysbench's own default: deadlocks and the like are the workload's; it counts them and goes on.
                    "--mysql-ignore-errors=1213,1020,1205", "run", ps_mode=ps_mode, timeout=seconds + 120)  # fmt: skip
                assert int(re.search(r"transactions:\s+(\d+)", output)[1]) > 0
                assert int(re.search(r"reconnects:\s+(\d+)", output)[1]) == 0, output
        cluster.wait_synced()
        writers = _checksums(cluster, 0)
        assert all(checksum for _, checksum in writers)
        assert [_checksums(cluster, node) for node in cluster.replicas()] == [writers, writers]
    finally:
        for number in range(1, TABLES + 1):
            cluster.query(0, f"DROP TABLE IF EXISTS sbtest.sbtest{number}")
