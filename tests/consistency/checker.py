"""All rules on one history: check(history) gives the violations of what each operation's level promises."""

from . import transactions
from .floors import RULES as FLOORS
from .floors import check_floors
from .history import without_collection
from .registers import check_registers
from .versions import Versions

# What holds for everybody, whatever the level.
TRANSACTIONS = {
    "no-dirty-reads": transactions.dirty_reads,
    "no-intermediate-reads": transactions.intermediate_reads,
    "own-writes, repeatable-reads": transactions.own_writes,
    "applied-once": transactions.applied_once,
    "nothing-lost": transactions.nothing_lost,
    "snapshots, monotonic-writes": transactions.snapshots,
    "bank-total": transactions.bank_total,
}

# What a read has to see, by its level.
PROMISES = {
    "EVENTUAL": (),
    "SESSION": ("read-your-writes", "monotonic-reads"),
    "GLOBAL": ("read-your-writes", "monotonic-reads", "recency", "linearizable", "linearizable-register"),
}

# For scopes that share what their sessions have seen, not only what they have written.
PROMISES_OF_SHARED_READS = {level: (*rules, "scope-monotonic-reads") if rules else () for level, rules in PROMISES.items()}

# As if every level promised what GLOBAL does: what is found then is what the level spares.
EVERYTHING = dict.fromkeys(PROMISES, PROMISES["GLOBAL"])

RULES = ("version-order", *(rule for names in TRANSACTIONS for rule in names.split(", ")), *PROMISES_OF_SHARED_READS["GLOBAL"])


def check(history, promises=None):
    """The violations, by rule in the order of RULES and then of the history. Takes time and memory in proportion to the history."""
    promises = PROMISES if promises is None else promises
    with without_collection():
        versions = Versions(history)
        found = list(versions.violations)
        for rule in TRANSACTIONS.values():
            found += rule(history, versions)
        for rule in FLOORS:
            found += check_floors(rule, history, versions, _promised(promises, rule))
        found += check_registers(history, _promised(promises, "linearizable-register"))
    return found


def _promised(promises, rule):
    levels = frozenset(level for level, rules in promises.items() if rule in rules)
    return lambda operation: operation.level in levels
