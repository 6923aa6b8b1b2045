"""Reads at GLOBAL that come together share one question to the writer."""

import threading

from cluster import wait_until
from support import AnswersHeld, one

WORKERS = 2
READS = 64
QUESTION = {  # what Causeway asks the writer, and the monitor does not
    "mysql": "SELECT @@global.gtid_owned, @@global.gtid_executed, @@global.read_only",
    "mariadb": "SELECT @@global.gtid_binlog_pos, @@global.read_only",
}


def test_reads_that_come_together_share_a_question(cluster, start_proxy, cluster_kind):
    """What comes while a question is on its way shares the next one: each worker asks twice at most, whatever the number
    of its sessions."""
    with AnswersHeld(cluster, QUESTION[cluster_kind], node=cluster.writer) as way:
        settings = {"forwarding.read_consistency": "GLOBAL", "forwarding.read_wait_timeout": "60s", "timeouts.connect": "60s"}
        proxy = start_proxy(way, {"workers": str(WORKERS), **settings})
        sessions = [proxy.connect() for _ in range(READS)]
        answers = []
        reads = [threading.Thread(target=lambda s=s: answers.append(one(s, "SELECT 1 + 1")), daemon=True) for s in sessions]
        for read in reads:
            read.start()
        wait_until(lambda: proxy.metric("causeway_probe_reads_total") == READS, 30, "every read waits for a position")
        wait_until(lambda: way.asked >= 1, 30, "a question is on its way")  # a read waits while its worker still connects
        assert way.asked <= WORKERS, "somebody asked while a question was on its way"
        assert not answers
        way.release()
        for read in reads:
            read.join(timeout=60)
        assert answers == [2] * READS
        assert way.asked == proxy.metric("causeway_probes_total") <= 2 * WORKERS
