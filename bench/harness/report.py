"""Tables for people (Markdown) and JSON for programs."""

import json

from .samples import quartiles


def markdown(samples, facts, command_lines):
    parts = ["\n".join(f"- {name}: {fact}" for name, fact in facts.items())]
    parts += [_table(samples, metric) for metric in samples.metrics()]
    parts.append("Command lines:\n\n```\n" + "\n".join(command_lines) + "\n```")
    return "\n\n".join(parts) + "\n"


def to_json(samples, facts, command_lines):
    return json.dumps({"facts": facts, "command_lines": command_lines, "samples": samples.to_json()}, indent=2) + "\n"


def _table(samples, metric):
    against_direct = "more than direct" if metric.added else "of direct"
    rows = [[metric.name, f"median, {metric.unit}", "quartiles", against_direct, "of haproxy"]]
    for name in samples.endpoint_names(metric):
        low, middle, high = quartiles(samples.values(metric, name))
        rows.append([name, _figure(middle), f"{_figure(low)} .. {_figure(high)}",
                     _added(samples, metric, name) if metric.added else _ratio(samples, metric, name, "direct"),
                     _ratio(samples, metric, name, "haproxy")])  # fmt: skip
    return _aligned(rows)


def _added(samples, metric, name):
    if name == "direct":
        return ""
    values = samples.paired(metric, name, "direct", lambda value, base: value - base)
    return f"{quartiles(values)[1]:+.1f}" if values else ""


def _ratio(samples, metric, name, base):
    values = samples.ratios(metric, name, base)
    if not values or name == base:
        return ""
    low, middle, high = quartiles(values)
    return f"{middle:.2f} ({low:.2f} .. {high:.2f})"


def _figure(value):
    """Three digits that count, without an exponent."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(cells):
        first, rest = cells[0].ljust(widths[0]), zip(cells[1:], widths[1:], strict=True)
        return "| " + " | ".join([first, *(cell.rjust(width) for cell, width in rest)]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line(rows[0]), rule, *(line(row) for row in rows[1:])])
