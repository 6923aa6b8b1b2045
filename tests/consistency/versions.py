"""The order of what was appended to each key.

Each read gives a beginning of it: the longest read is the order as far as it was seen, and a version is a length. What was acknowledged
and never seen comes behind, so that whoever should have seen it has seen too little.
"""

from .violation import Violation


class KeyOrder:
    __slots__ = ("longest", "position", "values", "witness", "writers")

    def __init__(self):
        self.values = []  # of the longest read, then what nobody saw
        self.longest = 0  # of these were seen
        self.witness = None  # who saw them
        self.writers = []  # by position, None: nobody has written that
        self.position = {}  # value -> version, from 1


def all_reads(operation):
    """(key, values) of all lists that it saw, those with its own values too."""
    for kind, key, values in operation.value:
        if kind == "r" and values is not None:
            yield key, values


class Versions:
    """`orders` by key; `violations` of reads that have no common order."""

    def __init__(self, history):
        self.orders = {}
        self.violations = []
        readers = [operation for operation in history.operations if operation.f in ("txn", "final") and operation.happened]
        self._take_longest(readers)
        self._find_writers(history.operations)
        self._compare(readers)

    def of(self, key):
        return self.orders[key]

    def newest(self, key, values):
        """The version behind all of these values."""
        position = self.orders[key].position
        return max(position[value] for value in values)

    def _order(self, key):
        if key not in self.orders:
            self.orders[key] = KeyOrder()
        return self.orders[key]

    def _take_longest(self, readers):
        for operation in readers:
            for key, values in all_reads(operation):
                order = self._order(key)
                if len(values) > len(order.values):
                    order.values, order.witness = values, operation
        for order in self.orders.values():
            order.values = list(order.values)
            order.longest = len(order.values)
            for version, value in enumerate(order.values, start=1):
                order.position.setdefault(value, version)
            order.writers = [None] * len(order.values)

    def _find_writers(self, operations):
        unseen = []
        for operation in operations:
            for key, values in operation.appends.items():
                order = self._order(key)
                for value in values:
                    version = order.position.get(value)
                    if version is not None:
                        order.writers[version - 1] = operation
                    elif operation.happened:
                        unseen.append((operation.done, key, value, operation))
        for _, key, value, operation in sorted(unseen, key=lambda one: one[0]):
            order = self.orders[key]
            order.values.append(value)
            order.writers.append(operation)
            order.position[value] = len(order.values)

    def _compare(self, readers):
        for operation in readers:
            for key, values in all_reads(operation):
                order = self.orders[key]
                if order.values[: len(values)] != values:
                    at = next(place for place, value in enumerate(values) if value != order.values[place])
                    text = f"key {key}: at place {at + 1} stands {values[at]}, and {order.values[at]} for another reader"
                    self.violations.append(Violation("version-order", text, [operation, order.witness], (key,)))
