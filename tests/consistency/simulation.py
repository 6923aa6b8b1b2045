"""Histories of servers that do not exist: a log, replicas that are behind, sessions that ask for a level. For tests of the checker,
with as many operations as it takes, right or with one fault.

    /usr/bin/python3 -m consistency.simulation 1000000       how fast a history of so many operations is checked (in tests/)
"""

import bisect
import itertools
import random
import sys
import tempfile
import time

from .checker import check
from .history import Recorder, read_history

LEVELS = ("EVENTUAL", "SESSION", "GLOBAL")
FAULTS = ("forgets its session", "forgets others", "tears transactions", "shows what fails", "appends twice", "loses a write")


class Store:
    """The log, and per key the values with their places in it."""

    def __init__(self):
        self.length = 0
        self.lists = {}

    def append(self, pairs):
        self.length += 1
        for key, value in pairs:
            values, places = self.lists.setdefault(key, ([], []))
            values.append(value)
            places.append(self.length)

    def read(self, key, place):
        values, places = self.lists.get(key, ([], []))
        return values[: bisect.bisect_right(places, place)]


class Session:
    """One thing at a time, in steps: it begins, it has its effect, it is told."""

    def __init__(self, number, level, simulation):
        self.number, self.level, self.simulation = number, level, simulation
        self.seen = 0
        self.step = self.begin

    def event(self, kind, value):
        shared = {"session": self.number, "level": self.level, "node": 1 + self.number % 2}
        self.simulation.record(type=kind, process=self.number, f="txn", value=value, **shared)

    def begin(self):
        random_, simulation = self.simulation.random, self.simulation
        keys = random_.sample(range(simulation.keys), random_.choice((1, 1, 2)))
        keys = [key + simulation.generation() * simulation.keys for key in keys]
        self.is_write = random_.random() < 0.4
        self.value = [["append", key, next(simulation.values)] if self.is_write else ["r", key, None] for key in keys]
        self.event("invoke", self.value)
        self.floor = {"EVENTUAL": 0, "SESSION": self.seen, "GLOBAL": simulation.store.length}[self.level]
        if simulation.strikes("forgets its session") or simulation.strikes("forgets others") and self.level == "GLOBAL":
            self.floor = 0
        self.step = self.work

    def work(self):
        simulation, store = self.simulation, self.simulation.store
        self.outcome = simulation.random.choices(("ok", "fail", "info"), (96, 3, 1))[0] if self.is_write else "ok"
        if self.is_write:
            pairs = [(key, value) for _, key, value in self.value]
            is_done = self.outcome == "ok" or self.outcome == "info" and simulation.random.random() < 0.5
            if is_done and not simulation.strikes("loses a write") or not is_done and simulation.strikes("shows what fails"):
                store.append(pairs)
                if simulation.strikes("appends twice"):
                    store.append(pairs)
            if is_done and self.outcome == "ok":
                self.seen = store.length
        else:
            place = max(self.floor, store.length - simulation.random.randrange(30))
            self.value = [["r", key, store.read(key, place)] for _, key, _ in self.value]
            if simulation.strikes("tears transactions"):
                self.value[0][2] = store.read(self.value[0][1], store.length)
            self.seen = max(self.seen, place)
        self.step = self.end

    def end(self):
        self.event(self.outcome, self.value)
        if self.outcome == "info":  # as another process
            self.number += len(self.simulation.sessions)
            self.seen = 0
        self.step = self.begin


class Simulation:
    def __init__(self, record, seed=1, sessions=12, keys=8, appends_per_key=40, fault=None):
        self.record, self.random, self.keys, self.fault = record, random.Random(seed), keys, fault
        self.appends_per_key = appends_per_key
        self.store, self.values = Store(), itertools.count(1)
        self.sessions = [Session(number, LEVELS[number % 3], self) for number in range(sessions)]

    def generation(self):
        """Keys are given up when they have got their share."""
        return self.store.length // (self.keys * self.appends_per_key)

    def strikes(self, fault):
        return self.fault == fault and self.random.random() < 0.3

    def run(self, steps):
        for _ in range(steps):
            self.random.choice(self.sessions).step()
        shared = {"process": "final", "session": "final", "f": "final"}
        lists = self.store.lists
        self.record(type="invoke", value=[["r", key, None] for key in lists], **shared)
        self.record(type="ok", value=[["r", key, self.store.read(key, self.store.length)] for key in lists], **shared)


def main():
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        recorder = Recorder(file.name)
        Simulation(recorder).run(operations * 3)
        recorder.close()
        began = time.monotonic()
        history = read_history(file.name)
        read = time.monotonic()
        violations = check(history)
        ended = time.monotonic()
    count = len(history.operations)
    print(f"{count} operations: read in {read - began:.1f} s, checked in {ended - read:.1f} s, {count / (ended - began):.0f} a second")
    print(f"{len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
