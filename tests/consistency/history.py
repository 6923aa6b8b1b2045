"""Histories: what clients did, one JSON object a line, as Jepsen's Elle and Knossos have them.

    {"type": "invoke", "process": 3, "f": "txn", "value": [["append", 5, 17], ["r", 7, null]], "time": 12, ...}
    {"type": "ok",     "process": 3, "f": "txn", "value": [["append", 5, 17], ["r", 7, [3, 4]]], "time": 19, ...}

`type` is invoke, then ok (it happened), fail (it did not) or info (nobody knows). A process that ends with info is not heard of again;
its client goes on as another one. `time` is in nanoseconds. `f` and `value` are:

    txn               micro-operations, of one statement or one transaction: ["append", key, value], ["r", key, null or list of values]
    final             likewise, what a server has when all is over: keys that it has not are empty
    read, write       of a register: `key`, and the value
    transfer          between accounts: {"from": a, "to": b, "amount": n}
    balances          {"account": balance, ...}, all of them

All values that are appended to a key, and all that are written to a register, differ. Our own fields: `session` (the connection),
`scope` (of sessions that share what they have seen; the session itself if there is none), `level`, `node`, `token`, `error`, and `how`.
Lines of the process "nemesis" tell of disturbances.
"""

import contextlib
import gc
import json
import math
import threading
import time

NEVER = math.inf


@contextlib.contextmanager
def without_collection():
    """No search for circles while millions of small values are made that are in none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Operation:
    """An invocation and what came of it. `invoked` and `done` are places in the history, `began` and `ended` nanoseconds; what was
    never heard of again is `info`, and done NEVER, as what came of it may be at any time later."""

    __slots__ = ("appends", "began", "done", "ended", "f", "how", "invoked", "key", "level", "node", "outcome", "process", "reads", "scope",
                 "session", "value")  # fmt: skip

    def __init__(self, invoked, event):
        self.invoked, self.done = invoked, NEVER
        self.outcome = "info"
        self.process, self.f, self.value, self.key = event["process"], event["f"], event.get("value"), event.get("key")
        self.began, self.ended = event.get("time", invoked), None
        self.session = event.get("session", self.process)
        self.scope = event.get("scope", self.session)
        self.level, self.node, self.how = event.get("level"), event.get("node"), event.get("how")
        self.reads, self.appends = {}, {}

    def complete(self, place, event):
        self.outcome, self.ended = event["type"], event.get("time", place)
        if self.outcome != "info":
            self.done = place
        if self.outcome != "info":  # what a transaction has seen that was rolled back tells of itself only
            self.value = event.get("value", self.value)
        self.node = event.get("node", self.node)

    def index(self):
        """Fills `reads`, what it saw of others (what it reads of a key to which it has appended is not among them), and `appends`, by
        key."""
        if self.f not in ("txn", "final"):
            return
        for kind, key, value in self.value:
            if kind == "append":
                self.appends.setdefault(key, []).append(value)
            elif self.outcome == "ok" and value is not None and key not in self.reads and key not in self.appends:
                self.reads[key] = value

    @property
    def happened(self):
        return self.outcome == "ok"


class History:
    """The operations in the order of their invocations."""

    def __init__(self, events):
        self.operations = []
        self.length = 0
        running = {}
        for event in events:
            process = event["process"]
            if process == "nemesis":
                continue
            if event["type"] == "invoke":
                if process in running:
                    raise ValueError(f"process {process} begins a second operation at once: {event}")
                running[process] = Operation(self.length, event)
                self.operations.append(running[process])
            elif process not in running:
                raise ValueError(f"process {process} ends what it has not begun: {event}")
            else:
                running.pop(process).complete(self.length, event)
            self.length += 1
        for operation in self.operations:
            operation.index()

    def timeline(self):
        """(operation, whether this is its end) of all invocations and ends, in their order; without ends of unknown outcome."""
        places = [None] * self.length
        for operation in self.operations:
            places[operation.invoked] = (operation, False)
            if operation.done != NEVER:
                places[operation.done] = (operation, True)
        return [place for place in places if place is not None]


def events_of(operations):
    """The events of these operations, as they were in the history they are of."""
    events = []
    for operation in operations:
        shared = {"process": operation.process, "f": operation.f, "session": operation.session, "scope": operation.scope,
                  "level": operation.level, "node": operation.node, "how": operation.how, "key": operation.key}  # fmt: skip
        shared = {name: value for name, value in shared.items() if value is not None}
        invocation = operation.value
        if operation.f in ("txn", "final"):
            invocation = [[kind, key, value if kind == "append" else None] for kind, key, value in operation.value]
        elif operation.f in ("read", "balances"):
            invocation = None
        events.append((operation.invoked, {"type": "invoke", "value": invocation, "time": operation.began, **shared}))
        if operation.ended is not None:
            end = {"type": operation.outcome, "value": operation.value, "time": operation.ended, **shared}
            events.append((operation.done if operation.done != NEVER else operation.invoked + 0.5, end))
    return [event for _, event in sorted(events, key=lambda pair: pair[0])]


# --- files ------------------------------------------------------------------------------------------------------------


def read_events(path):
    with open(path) as lines:
        for line in lines:
            yield json.loads(line)


def read_history(path):
    with without_collection():
        return History(read_events(path))


class Recorder:
    """Writes a history from several threads: lines stand in the order of the calls, `time` is since the beginning."""

    def __init__(self, path):
        self._file = open(path, "w")  # noqa: SIM115: closed by close()
        self._writing = threading.Lock()
        self._began = time.monotonic_ns()

    def __call__(self, **event):
        with self._writing:
            event["time"] = time.monotonic_ns() - self._began
            self._file.write(json.dumps(event, separators=(",", ":")) + "\n")

    def close(self):
        self._file.close()


def as_edn(event):
    """A line for Elle and Knossos: {:type :invoke, :process 3, :f :txn, :value [[:append 5 17] [:r 7 nil]], ...}"""
    parts = []
    for name, value in event.items():
        is_word = name in ("type", "f", "level", "how") or value == "nemesis"
        parts.append(f":{name} {_keyword(value) if is_word and isinstance(value, str) else _edn(value, event.get('f'))}")
    return "{" + ", ".join(parts) + "}"


def _keyword(text):
    return ":" + text.lower().replace("_", "-").replace(" ", "-")


def _edn(value, f):
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_keyword(str(name)) if not str(name).isdigit() else name} {_edn(item, f)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        is_micro_operation = f in ("txn", "final") and len(value) == 3 and value[0] in ("r", "append")
        first = [_keyword(value[0])] if is_micro_operation else []
        return "[" + " ".join(first + [_edn(item, f) for item in value[len(first) :]]) + "]"
    return str(value)


def write_edn(events, path):
    with open(path, "w") as file:
        for event in events:
            file.write(as_edn(event) + "\n")
