"""Rules about transactions as such, which hold at every level: who sees what of whom, and in which order they are seen."""

import itertools

from .history import NEVER
from .violation import Violation
from .versions import all_reads


def dirty_reads(history, versions):
    """Nobody sees what was rolled back or has failed, or what nobody has written."""
    violations = []
    for key, order in versions.orders.items():
        for version, value, writer in itertools.islice(zip(itertools.count(1), order.values, order.writers), order.longest):
            if order.position[value] != version:
                continue  # a second time
            if writer is None:
                text = f"key {key}: {value} was seen, and nobody has appended it"
                violations.append(Violation("no-dirty-reads", text, [order.witness], (key,)))
            elif writer.outcome == "fail":
                text = f"key {key}: {value} was seen, and session {writer.session} had failed to append it or had rolled it back"
                violations.append(Violation("no-dirty-reads", text, [writer, order.witness], (key,)))
    return violations


def intermediate_reads(history, versions):
    """Who sees something of a transaction sees all that it has appended to this key."""
    violations = []
    for operation in history.operations:
        for key, values in operation.reads.items():
            if not values:
                continue
            order = versions.of(key)
            version = order.position.get(values[-1])
            writer = version and order.writers[version - 1]
            if writer is not None and writer is not operation and writer.appends[key][-1] != values[-1]:
                text = f"key {key}: session {operation.session} sees {values[-1]}, not yet {writer.appends[key][-1]} of the same transaction"
                violations.append(Violation("no-intermediate-reads", text, [writer, operation], (key,)))
    return violations


def own_writes(history, versions):
    """A transaction sees its own appends, at the end of what it sees, and what it reads twice has not changed but for them."""
    violations = []
    for operation in history.operations:
        if operation.f == "txn" and operation.outcome != "info" and len(operation.value) > 1:
            violations += _own_writes_of(operation)
    return violations


def _own_writes_of(operation):
    appended, before = {}, {}
    for kind, key, values in operation.value:
        if kind == "append":
            appended.setdefault(key, []).append(values)
            before.pop(key, None)  # others may have come ahead of it
        elif values is not None:
            own = appended.get(key, [])
            if own and values[-len(own) :] != own:
                text = f"key {key}: session {operation.session} sees {values[-3:]} at the end, not {own}, which it has appended"
                yield Violation("own-writes", text, [operation], (key,))
            if before.setdefault(key, values) != values:
                text = f"key {key}: session {operation.session} reads twice in a transaction, and the second time something else"
                yield Violation("repeatable-reads", text, [operation], (key,))


def applied_once(history, versions):
    """No value stands in a list twice."""
    violations = []
    for key, order in versions.orders.items():
        if order.longest and len(set(order.values[: order.longest])) < order.longest:
            twice = next(value for value in order.values if order.values.count(value) > 1)
            writer = order.writers[order.position[twice] - 1]
            involved = [one for one in (writer, order.witness) if one is not None]
            violations.append(Violation("applied-once", f"key {key}: {twice} was appended twice", involved, (key,)))
    return violations


def nothing_lost(history, versions):
    """What was acknowledged is there in the end, on every server that was read then."""
    violations = []
    for operation in history.operations:
        if operation.f != "final" or not operation.happened:
            continue
        lengths = {key: len(values) for key, values in all_reads(operation)}
        for key, order in versions.orders.items():
            there = lengths.get(key, 0)
            for writer, value in zip(order.writers[there:], order.values[there:]):
                if writer is not None and writer.happened:
                    text = f"key {key}: {value}, which session {writer.session} was told to be appended, is missing on node {operation.node}"
                    violations.append(Violation("nothing-lost", text, [writer, operation], (key,)))
    return violations


# --- the order of several keys ----------------------------------------------------------------------------------------


class _Cuts:
    """Of a key, for a cut behind each version (0: ahead of all): who was invoked last among those ahead of it, whose end was first
    among those behind it, and which versions of other keys belong to what is ahead of it."""

    __slots__ = ("earliest_behind", "implied", "latest_ahead")

    def __init__(self, key, order, versions):
        self.latest_ahead, self.implied = [None], [{}]
        for writer in order.writers:
            latest, implied = self.latest_ahead[-1], self.implied[-1]
            if writer is not None and (latest is None or writer.invoked > latest.invoked):
                latest = writer
            if writer is not None and len(writer.appends) > 1:
                implied = _raised(implied, writer, key, versions)
            self.latest_ahead.append(latest)
            self.implied.append(implied)
        self.earliest_behind = [None]
        for writer in reversed(order.writers):
            earliest = self.earliest_behind[-1]
            if writer is not None and writer.happened and (earliest is None or writer.done < earliest.done):
                earliest = writer
            self.earliest_behind.append(earliest)
        self.earliest_behind.reverse()


def _raised(implied, writer, key, versions):
    raised = dict(implied)
    for other, values in writer.appends.items():
        seen = [value for value in values if value in versions.of(other).position]
        if other != key and seen:
            version = versions.newest(other, seen)
            if other not in raised or raised[other][0] < version:
                raised[other] = (version, writer)
    return raised


def _done(writer):
    return NEVER if writer is None else writer.done


def _invoked(writer):
    return -1 if writer is None else writer.invoked


def snapshots(history, versions):
    """What a statement or a transaction sees is what was there at one moment: of each transaction all or nothing, over all keys; and
    not a write without what was acknowledged before that was begun. The same of the order of each key: monotonic writes, of a session
    and of all of them."""
    cuts = {key: _Cuts(key, order, versions) for key, order in versions.orders.items()}
    violations = list(_turned_round(cuts, versions))
    for operation in history.operations:
        if not operation.reads or not operation.happened:
            continue
        here = [(key, len(values), cuts[key]) for key, values in operation.reads.items()]
        if operation.f == "txn" and len(here) > 1:
            violations += _torn(operation, here)
            violations += _overtaken(operation, here)
    return violations


def _turned_round(cuts, versions):
    for key, cut in cuts.items():
        for ahead, behind in zip(cut.latest_ahead, cut.earliest_behind):
            if _done(behind) < _invoked(ahead):
                text = f"key {key}: what session {behind.session} was told to be appended stands behind what session {ahead.session} began later"
                yield Violation("monotonic-writes", text, [behind, ahead, versions.of(key).witness], (key,))
                break


def _torn(operation, here):
    lengths = {key: length for key, length, _ in here}
    for key, length, cut in here:
        for other, (version, writer) in cut.implied[length].items():
            if other in lengths and lengths[other] < version and writer is not operation:
                text = f"session {operation.session} sees in key {key}, not in key {other}, what one transaction has appended to both"
                yield Violation("snapshots", text, [writer, operation], (key, other))


def _overtaken(operation, here):
    key, length, cut = max(here, key=lambda one: _invoked(one[2].latest_ahead[one[1]]))
    latest = cut.latest_ahead[length]
    for other, shorter, other_cut in here:
        missing = other_cut.earliest_behind[shorter]
        if other != key and _done(missing) < _invoked(latest) and missing is not operation:
            text = f"session {operation.session} sees in key {key} what was begun when what it does not see in key {other} was acknowledged"
            yield Violation("monotonic-writes", text, [missing, latest, operation], (key, other))


# --- the bank ---------------------------------------------------------------------------------------------------------


def bank_total(history, versions):
    """Transfers leave the sum of all accounts as it is, for who sees it at any level."""
    sums = {}
    for operation in history.operations:
        if operation.f == "balances" and operation.happened:
            sums.setdefault(sum(operation.value.values()), []).append(operation)
    if len(sums) < 2:
        return []
    usual = max(sums, key=lambda total: len(sums[total]))
    return [
        Violation("bank-total", f"session {one.session} sees {total} in all accounts, others {usual}", [sums[usual][0], one])
        for total, seen_by in sums.items()
        if total != usual
        for one in seen_by
    ]
