"""The values of all rounds, and what is made of them."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Metric:
    """`added`: shown as the difference from `direct` of the same round, not as a ratio to it."""

    name: str
    unit: str
    added: bool = False


class Samples:
    """One value per metric, endpoint and round; None where an endpoint has no such value."""

    def __init__(self):
        self._values = {}  # (metric, endpoint name) -> {round: value}

    def add(self, metric, endpoint_name, round_number, value):
        if value is not None:
            self._values.setdefault((metric, endpoint_name), {})[round_number] = value

    def metrics(self):
        return list(dict.fromkeys(metric for metric, _ in self._values))

    def endpoint_names(self, metric):
        return [name for of, name in self._values if of == metric]

    def values(self, metric, endpoint_name):
        return list(self._values.get((metric, endpoint_name), {}).values())

    def paired(self, metric, endpoint_name, base_name, combine):
        """combine(value, base) of each round that has both: what drifts from round to round cancels out."""
        base = self._values.get((metric, base_name), {})
        own = self._values.get((metric, endpoint_name), {})
        return [combine(value, base[number]) for number, value in own.items() if number in base]

    def ratios(self, metric, endpoint_name, base_name):
        base = self._values.get((metric, base_name), {})
        if any(value == 0 for value in base.values()):
            return []
        return self.paired(metric, endpoint_name, base_name, lambda value, of: value / of)

    def to_json(self):
        return [
            {"metric": metric.name, "unit": metric.unit, "endpoint": name, "rounds": list(values.values())}
            for (metric, name), values in self._values.items()
        ]


def quartiles(values):
    """(25 %, median, 75 %); the only value three times if there is one."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
