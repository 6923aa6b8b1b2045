"""DESIGN 2: reads at GLOBAL that come together share one question to the writer."""

import re
import subprocess

from cluster import accounts
from support import scaled


def _questions(cluster):
    return int(cluster.query(0, "SHOW GLOBAL STATUS LIKE 'Queries'")[0]["Value"])


def test_reads_under_load_share_probes(cluster, start_proxy):
    """64 sessions as fast as they can: the writer is asked at most once per four reads, by its own count."""
    seconds = scaled("CAUSEWAY_TEST_PROBE_SECONDS", 3, 20)
    proxy = start_proxy(cluster, {"forwarding.read_consistency": "GLOBAL"})
    command = [
        "sysbench", "oltp_point_select", "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={proxy.port}",
        f"--mysql-user={accounts.APP.name}", f"--mysql-password={accounts.APP.password}", "--mysql-db=sbtest",
        "--db-ps-mode=disable", "--tables=1", "--table-size=1000"]  # fmt: skip
    subprocess.run([*command, "--threads=1", "prepare"], check=True, capture_output=True, timeout=120)
    try:
        cluster.wait_synced()
        before = _questions(cluster)
        done = subprocess.run(
            [*command, "--threads=64", f"--time={seconds}", "run"], capture_output=True, text=True, timeout=seconds + 60)  # fmt: skip
        asked = _questions(cluster) - before  # the monitor's questions included: that errs on the strict side
        assert done.returncode == 0, done.stdout + done.stderr
        reads = int(re.search(r"read:\s+(\d+)", done.stdout)[1])
        assert reads > 1000 * seconds / 4
        assert 1 <= asked <= reads / 4, f"{asked} questions for {reads} reads"
    finally:
        cluster.query(0, "DROP TABLE IF EXISTS sbtest.sbtest1")
