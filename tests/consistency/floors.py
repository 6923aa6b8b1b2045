"""What a read has to see: a floor under the version of each key, known when the read is invoked.

One pass over the history is each of these rules: who has finished an operation raises the floors of a group, and who begins one
later in this group sees no less. They differ in who is a group, and in what raises a floor.

    read-your-writes       of a scope    what it has written and was told so
    monotonic-reads        of a session  what it has seen
    scope-monotonic-reads  of a scope    what any session of it has seen
    recency                of everybody  what anybody has written and was told so
    linearizable           of everybody  what anybody has seen
"""

from .violation import Violation


def by_session(operation):
    return operation.session


def by_scope(operation):
    return operation.scope


def of_everybody(_):
    return None


def written(operation, versions):
    return [(key, versions.newest(key, values)) for key, values in operation.appends.items()]


def seen(operation, _):
    return [(key, len(values)) for key, values in operation.reads.items()]


RULES = {
    "read-your-writes": (by_scope, written),
    "monotonic-reads": (by_session, seen),
    "scope-monotonic-reads": (by_scope, seen),
    "recency": (of_everybody, written),
    "linearizable": (of_everybody, seen),
}


def check_floors(rule, history, versions, is_promised):
    """Violations of one of RULES, in operations for which it is_promised(operation)."""
    group_of, raised_by = RULES[rule]
    floors = {}  # of a group: key -> (version, who raised it)
    expected = {}  # of an operation that is under way: [(key, version, who)]
    violations = []
    for operation, is_end in history.timeline():
        if operation.f != "txn" or not operation.happened:
            continue
        group = group_of(operation)
        if not is_end:
            below = floors.get(group)
            if below and operation.reads and is_promised(operation):
                expected[operation.invoked] = [(key, *below[key]) for key in operation.reads if key in below]
            continue
        for key, version, witness in expected.pop(operation.invoked, ()):
            if len(operation.reads[key]) < version:
                violations.append(_too_little(rule, operation, key, version, witness, versions))
        below = floors.setdefault(group, {})
        for key, version in raised_by(operation, versions):
            if key not in below or below[key][0] < version:
                below[key] = (version, operation)
    return violations


def _too_little(rule, operation, key, version, witness, versions):
    missing = versions.of(key).values[version - 1]
    done = "seen" if RULES[rule][1] is seen else "appended"
    text = f"key {key}: session {operation.session} at {operation.level} sees {len(operation.reads[key])} values, not {missing}, which "
    text += f"session {witness.session} had {done}: it is number {version}"
    return Violation(rule, text, [witness, operation], (key,))
