"""docs/contract/consistency.md, proved by a history: sessions that write and read while replicas are behind, stand still and die; what
they have seen is checked by tests/consistency. And the proof is proved: where nothing is promised it finds what it looks for."""

import pathlib
import sys

import pytest
from support import scaled

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from consistency import proof  # noqa: E402
from consistency.checker import EVERYTHING, PROMISES, check  # noqa: E402
from consistency.injector import OF_REPLICAS  # noqa: E402
from consistency.minimizer import minimize  # noqa: E402
from consistency.workload import Options  # noqa: E402

QUICK = {"forwarding.read_wait_timeout": "300ms", "workers": "2"}
with_and_without_gtids = pytest.mark.parametrize(
    "gtid", [pytest.param(True, marks=pytest.mark.gtid(True)), pytest.param(False, marks=pytest.mark.gtid(False))], ids=["gtid", "no-gtid"]
)


def options(seconds, *levels):
    return Options(seconds=seconds, levels=levels, seed=scaled("CAUSEWAY_TEST_SEED", 1, 1))


@with_and_without_gtids
def test_session_and_global_see_what_they_are_promised_whatever_happens_to_replicas(cluster, start_proxy, tmp_path, gtid):
    proxy = start_proxy(cluster, QUICK)
    seconds = scaled("CAUSEWAY_TEST_PROOF_SECONDS", 4, 120)
    proved = proof.prove(cluster, proxy, tmp_path / "history", options(seconds, "SESSION", "GLOBAL"), OF_REPLICAS, lasting=(0.1, 0.8))
    report = proof.report(proved)
    print(report)
    assert not proved.violations, report
    assert sum(proved.disturbances.values()) >= 4, report
    for level in ("SESSION", "GLOBAL"):
        assert proved.reads[level] > 5 * seconds and proved.share_on_replicas(level) > 0.3, report
    failed = sum(count for (_, _, outcome), count in proved.counts.items() if outcome != "ok")
    assert failed < len(proved.history.operations) / 5, report


def test_the_proof_finds_what_eventual_does_not_promise_and_nothing_else(cluster, start_proxy, tmp_path):
    proxy = start_proxy(cluster, QUICK)
    proved = proof.prove(cluster, proxy, tmp_path / "history", options(3, "EVENTUAL", "SESSION"), ("delay",), EVERYTHING, lasting=(1.5, 1.5))
    report = proof.report(proved, EVERYTHING)
    found = proved.rules("EVENTUAL")
    assert found["read-your-writes"] and found["recency"] and found["monotonic-reads"], report
    # SESSION spares nothing of its own, and others' writes.
    assert set(proved.rules("SESSION")) <= set(PROMISES["GLOBAL"]) - set(PROMISES["SESSION"]), report
    assert set(proved.rules()) <= set(PROMISES["GLOBAL"]), report  # transactions are whole everywhere
    assert not check(proved.history), report
    for rule in found:
        example = next(one for one in proved.violations if one.rule == rule)
        assert len(minimize(example, EVERYTHING)) < 30, rule


def test_the_proof_finds_stale_reads_where_the_policy_is_to_have_them(cluster, start_proxy, tmp_path):
    """The whole path of SESSION and GLOBAL, but for what is done when a wait was in vain."""
    proxy = start_proxy(cluster, {**QUICK, "forwarding.on_read_wait_timeout": "stale", "forwarding.read_wait_timeout": "50ms"})
    proved = proof.prove(cluster, proxy, tmp_path / "history", options(3, "SESSION", "GLOBAL"), ("lock-tables",), lasting=(1, 1))
    report = proof.report(proved)
    assert proved.rules("SESSION")["read-your-writes"] and proved.rules("GLOBAL")["recency"], report
    assert set(proved.rules()) <= set(PROMISES["GLOBAL"]), report
