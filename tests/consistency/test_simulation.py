"""Right and wrong servers that do not exist: thousands of operations at once, which no table has."""

import pytest

from consistency.checker import EVERYTHING, check
from consistency.history import History
from consistency.minimizer import minimize
from consistency.simulation import FAULTS, Simulation

EXPECTED = {
    "forgets its session": {"read-your-writes", "monotonic-reads", "recency", "linearizable"},
    "forgets others": {"read-your-writes", "monotonic-reads", "recency", "linearizable"},
    "tears transactions": {"snapshots", "monotonic-writes", "monotonic-reads", "linearizable"},
    "shows what fails": {"no-dirty-reads"},
    "appends twice": {"applied-once"},
    "loses a write": {"nothing-lost", "read-your-writes", "recency"},
}


def simulated(seed, **options):
    events = []

    def record(**event):
        events.append({"time": len(events) * 1000, **event})

    Simulation(record, seed, **options).run(6000)
    return History(events)


@pytest.mark.parametrize("seed", range(5))
def test_right_servers_are_right(seed):
    assert check(simulated(seed)) == []


def test_eventual_is_told_from_the_other_levels():
    found = {(violation.rule, violation.operations[-1].level) for violation in check(simulated(1), EVERYTHING)}
    assert ("read-your-writes", "EVENTUAL") in found and ("recency", "EVENTUAL") in found and ("recency", "SESSION") in found
    assert {level for rule, level in found if rule in ("read-your-writes", "monotonic-reads")} == {"EVENTUAL"}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_shown_in_few_operations(fault):
    violations = check(simulated(7, fault=fault))
    found = {violation.rule for violation in violations}
    assert found & EXPECTED[fault], found
    if fault.startswith("forgets"):
        assert found <= EXPECTED[fault]
    for violation in violations[:: max(1, len(violations) // 20)]:
        assert len(minimize(violation)) < 30
