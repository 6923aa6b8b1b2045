"""The few operations that show a violation, as a history that breaks the same rule, and as text to read."""

from .checker import PROMISES, check
from .history import History, Operation, events_of


def minimize(violation, promises=None):
    """The events of the smallest history that was found: of the violation's operations without the keys that do not matter, and
    without each of them that the rule is broken without."""
    promises = PROMISES if promises is None else promises
    operations = sorted(violation.operations, key=lambda one: one.invoked)
    narrow = [_only(operation, violation.keys) for operation in operations]
    chosen = next((these for these in (narrow, operations) if _shows(violation.rule, these, promises)), None)
    if chosen is None:
        return events_of(operations)
    for operation in list(chosen):
        without = [one for one in chosen if one is not operation]
        if without and _shows(violation.rule, without, promises):
            chosen = without
    return events_of(chosen)


def _shows(rule, operations, promises):
    return any(found.rule == rule for found in check(History(events_of(operations)), promises))


def _only(operation, keys):
    """The same operation with nothing but these keys."""
    if not keys or operation.f not in ("txn", "final"):
        return operation
    narrow = Operation.__new__(Operation)
    for name in Operation.__slots__:
        setattr(narrow, name, getattr(operation, name))
    narrow.value = [one for one in operation.value if one[1] in keys]
    return narrow


def describe(violation, promises=None):
    """The violation and its smallest history, a line for each event."""
    lines = [f"{violation.rule}: {violation.text}"]
    for event in minimize(violation, promises):
        who = f"session {event.get('session')}"
        if event.get("scope") != event.get("session"):
            who += f" of scope {event['scope']}"
        where = "" if event["type"] == "invoke" or event.get("node") is None else f" on node {event['node']}"
        lines.append(f"  {event['time'] / 1e6:12.3f} ms  {who:<14} {event.get('level') or '':<8} {event['type']:<6} {_what(event)}{where}")
    return "\n".join(lines)


def _what(event):
    f, value = event["f"], event["value"]
    if f not in ("txn", "final"):
        key = "" if event.get("key") is None else f" {event['key']}"
        return f"{f}{key}" + ("" if value is None else f" {value}")
    parts = []
    for kind, key, what in value:
        parts.append(f"append {what} to {key}" if kind == "append" else f"read {key}" + ("" if what is None else f" = {_shortened(what)}"))
    return "; ".join(parts)


def _shortened(values):
    return str(values) if len(values) <= 8 else f"[... {', '.join(map(str, values[-6:]))}] ({len(values)})"
