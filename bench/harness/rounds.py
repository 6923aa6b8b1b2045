"""Rounds: each figure at each endpoint once per round, one endpoint right behind the other."""

import sys

from . import machine


def take(options, figures, endpoints, samples):
    """Adds the values of all rounds to `samples`; who begins changes from round to round. How many cores were busy with
    other things before each figure."""
    busy = []
    for number in range(options.rounds):
        first = number % len(endpoints)
        order = endpoints[first:] + endpoints[:first]
        for figure in figures:
            busy.append(machine.wait_until_quiet(options.wait_quiet))
            for one in filter(figure.applies_to, order):
                print(f"round {number + 1}/{options.rounds} {figure.name} {one.name}", file=sys.stderr)
                for metric, name, value in figure.measure(one):
                    samples.add(metric, name, number, value)
    return busy
