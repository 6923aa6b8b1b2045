"""Linearizable registers in n log n: all values of a register differ, so that a read says which write it has seen.

A write and its reads are a cluster: for it the register has this value from some moment on until another cluster begins. If one of it
ended before another of it began, it must have been so between that end and that begin (a forward zone). Else there is a moment at
which all of it is under way (a backward zone). A history is linearizable if and only if no read ends before its write begins, no two
forward zones overlap, and no backward zone lies within a forward one (Gibbons and Korach, Testing Shared Memories, 1997).
"""

import bisect

from .violation import Violation


class _Cluster:
    """`first_end` and `last_begin` are the two between which it is; the operations to which they belong come with them."""

    def __init__(self, value):
        self.value, self.write, self.reads = value, None, []

    def close(self):
        operations = [self.write, *self.reads]
        self.ends_first = min(operations, key=lambda one: one.done)
        self.begins_last = max(operations, key=lambda one: one.invoked)
        self.first_end, self.last_begin = self.ends_first.done, self.begins_last.invoked

    @property
    def is_forward(self):
        return self.first_end < self.last_begin

    def witnesses(self):
        return list({id(one): one for one in (self.write, self.ends_first, self.begins_last)}.values())


def check_registers(history, is_promised):
    """Violations of the rule linearizable-register, of reads for which it is_promised(operation); and of no-dirty-reads, of all reads."""
    by_key = {}
    for operation in history.operations:
        if operation.f in ("read", "write"):
            by_key.setdefault(operation.key, []).append(operation)
    return [violation for key, operations in by_key.items() for violation in _check(key, operations, is_promised)]


def _check(key, operations, is_promised):
    initial = _Initial()
    clusters = {None: _Cluster(None)}
    clusters[None].write = initial
    for operation in operations:
        if operation.f == "write" and operation.outcome != "fail":
            clusters.setdefault(operation.value, _Cluster(operation.value)).write = operation
    for operation in operations:
        if operation.f == "read" and operation.happened:
            if operation.value not in clusters:
                text = f"register {key}: {operation.value} was seen, and no write of it has happened"
                yield Violation("no-dirty-reads", text, [operation])
            elif is_promised(operation):
                clusters[operation.value].reads.append(operation)
    # A write of unknown outcome that nobody has seen has not happened, as far as anybody can tell.
    known = [one for one in clusters.values() if one.reads or one.write.outcome == "ok"]
    for cluster in known:
        cluster.close()
        if cluster.first_end < cluster.write.invoked:
            yield _violation(key, f"{cluster.value} was read before it was written", [cluster.write, cluster.ends_first])
    yield from _compare(key, known, initial)


def _compare(key, clusters, initial):
    def without_initial(*pair):
        involved = {id(one): one for cluster in pair for one in cluster.witnesses() if one is not initial}
        return sorted(involved.values(), key=lambda one: one.invoked)

    forward = sorted((one for one in clusters if one.is_forward), key=lambda one: one.first_end)
    for one, other in zip(forward, forward[1:]):
        if other.first_end < one.last_begin:
            yield _violation(key, f"{one.value} and {other.value} were there in turns", without_initial(one, other))
    begins = [one.first_end for one in forward]
    for one in clusters:
        # Backward: all of it is under way between the last begin and the first end.
        at = bisect.bisect_left(begins, one.last_begin) - 1
        if not one.is_forward and at >= 0 and forward[at].first_end < one.last_begin and one.first_end < forward[at].last_begin:
            text = f"{one.value} was there while {forward[at].value} was, before and behind it"
            yield _violation(key, text, without_initial(one, forward[at]))


class _Initial:
    """Whoever has written what was there at first."""

    outcome, invoked, done = "ok", -2, -1


def _violation(key, text, operations):
    return Violation("linearizable-register", f"register {key}: {text}", operations)
