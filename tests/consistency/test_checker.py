"""Histories by hand: those that are right, and those that break one guarantee, and that one alone."""

import json

import pytest

from consistency.checker import EVERYTHING, PROMISES_OF_SHARED_READS, RULES, check
from consistency.history import History, as_edn, events_of, read_history
from consistency.minimizer import describe, minimize


def history_of(text):
    """A line an event: `session+level[@scope] type operation`, where the level stands for G, S or E, and an operation for
    micro-operations `a5=17` and `r5=1,2`, `r5=` for nothing there; `w5=17` and `g5=17` of a register; `t1>2=10`; `b1=5,2=5`; `F` ahead
    of the final reads. The end of an operation may be but `ok`, `fail` or `info`."""
    levels = {"G": "GLOBAL", "S": "SESSION", "E": "EVENTUAL"}
    events, under_way = [], {}
    for line in filter(None, map(str.strip, text.splitlines())):
        who, kind, *parts = line.split()
        who, _, scope = who.partition("@")
        session, level = who[:-1], levels[who[-1]]
        shared = {"process": session, "session": session, "level": level, "node": 1, **({"scope": scope} if scope else {})}
        what = _parse(parts) if parts else {}
        if kind == "invoke":
            under_way[session] = what
            if what["f"] in ("read", "balances"):
                what = {**what, "value": None}
        else:
            what = {**under_way.pop(session), **what}
        events.append({"type": kind, "time": len(events) * 1000000, **shared, **what})
    return History(events)


def _parse(parts):
    first = parts[0]
    if first[0] in "wg":
        key, _, value = first[1:].partition("=")
        return {"f": "write" if first[0] == "w" else "read", "key": int(key), "value": int(value) if value else None}
    if first[0] == "t":
        accounts, _, amount = first[1:].partition("=")
        return {"f": "transfer", "value": {"from": accounts[0], "to": accounts[2], "amount": int(amount)}}
    if first[0] == "b":
        pairs = [pair.split("=") for pair in first[1:].split(",") if pair]
        return {"f": "balances", "value": {account: int(balance) for account, balance in pairs}}
    f, parts = ("final", parts[1:]) if first == "F" else ("txn", parts)
    value = []
    for part in parts:
        key, _, values = part[1:].partition("=")
        value.append(["append", int(key), int(values)] if part[0] == "a" else ["r", int(key), [int(one) for one in values.split(",") if one]])
    return {"f": f, "value": value}


def done(who, what):
    return f"{who} invoke {what}\n{who} ok\n"


RIGHT = {
    "nothing": "",
    "a session that sees its writes": done("1S", "a1=1") + done("1S", "r1=1") + done("1S", "a1=2") + done("1S", "r1=1,2"),
    "another session at SESSION that is behind": done("1S", "a1=1") + done("2S", "r1="),
    "a session at EVENTUAL that sees nothing of its own": done("1E", "a1=1") + done("1E", "r1=") + done("1E", "r1=1") + done("1E", "r1="),
    "GLOBAL sees what was acknowledged": done("1S", "a1=1") + done("2G", "r1=1") + done("3E", "a1=2") + done("2G", "r1=1,2"),
    "a write under way may be seen": "1S invoke a1=1\n" + done("2G", "r1=1") + "1S ok\n",
    "a write under way may be not seen": "1S invoke a1=1\n" + done("2G", "r1=") + "1S ok\n" + done("2G", "r1=1"),
    "a read under way at GLOBAL may miss what is acknowledged meanwhile": "2G invoke r1=\n" + done("1S", "a1=1") + "2G ok\n",
    "unknown outcome, seen": "1S invoke a1=1\n1S info\n" + done("2G", "r1=1") + done("2G", "F r1=1"),
    "unknown outcome, seen later": "1S invoke a1=1\n1S info\n" + done("2G", "r1=") + done("2G", "r1=1"),
    "unknown outcome, never seen": "1S invoke a1=1\n1S info\n" + done("2G", "r1=") + done("2G", "F r1="),
    "never heard of": "1S invoke a1=1\n" + done("2G", "r1=1"),
    "failed and not seen": "1S invoke a1=1\n1S fail\n" + done("1S", "r1=") + done("2G", "F r1="),
    "failed transaction that had read": "1S invoke r1=9 a1=1\n1S fail\n" + done("1S", "r1="),
    "own uncommitted write": done("1S", "a1=1 r1=1 a1=2 r1=1,2") + done("1S", "r1=1,2"),
    "others ahead of the own write": done("2S", "a1=5") + done("1S", "r1= a1=1 r1=5,1") + done("2G", "r1=5,1"),
    "a transaction in whole": done("1S", "a1=1 a2=2") + done("2E", "r1= r2=") + done("2E", "r1=1 r2=2"),
    "a scope of two sessions": done("1S@x", "a1=1") + done("2S@x", "r1=1") + done("3S@y", "r1="),
    "two keys in order": done("1S", "a1=1") + done("1S", "a2=2") + done("3E", "r1= r2=") + done("3E", "r1=1 r2=") + done("3E", "r1=1 r2=2"),
    "two keys written at once": "1S invoke a1=1\n2S invoke a2=2\n1S ok\n2S ok\n" + done("3E", "r1= r2=2") + done("4E", "r1=1 r2="),
    "writes at once in any order": "1S invoke a1=1\n2S invoke a1=2\n1S ok\n2S ok\n" + done("3G", "r1=2,1"),
    "all there in the end": done("1S", "a1=1") + done("1S", "a2=2") + done("2G", "F r1=1 r2=2"),
    "the bank": done("1S", "b1=5,2=5") + done("1S", "t1>2=3") + done("2E", "b1=5,2=5") + done("1S", "b1=2,2=8"),
    "a register": done("1S", "w1=1") + done("2G", "g1=1") + "1S invoke w1=2\n" + done("2G", "g1=1") + done("2G", "g1=2") + "1S ok\n",
    "a register at its beginning": done("1G", "g1=") + "1S invoke w1=1\n" + done("2G", "g1=") + "1S ok\n" + done("2G", "g1=1"),
    "a register, writes at once": "1S invoke w1=1\n2S invoke w1=2\n1S ok\n2S ok\n" + done("3G", "g1=1") + done("3G", "g1=1"),
    "a register, unknown outcome": "1S invoke w1=1\n1S info\n" + done("2G", "g1=") + done("2G", "g1=1"),
    "a register, failed": done("1S", "w1=1") + "1S invoke w1=2\n1S fail\n" + done("2G", "g1=1"),
    "a register at SESSION may be behind": done("1S", "w1=1") + done("1S", "w1=2") + done("2S", "g1=1"),
}

WRONG = {
    "own write not seen": ("read-your-writes", done("1S", "a1=1") + done("1S", "r1=")),
    "own write not seen, others are": ("read-your-writes", done("2S", "a1=7") + done("1S", "a1=1") + done("1S", "r1=7") + done("2S", "r1=7,1")),
    "own write of a transaction not seen": ("read-your-writes", done("1S", "r3= a1=1 a2=2") + done("1S", "r2=")),
    "own write not seen in the second key": ("read-your-writes", done("1S", "a1=1") + done("2S", "r1=1 r2=") + done("1S", "r2= r1=")),
    "write of the scope not seen": ("read-your-writes", done("1S@x", "a1=1") + done("2S@x", "r1=")),
    "less than before": ("monotonic-reads", done("1S", "a1=1") + done("2S", "r1=1") + done("2S", "r1=")),
    "less than before, of a write of unknown outcome": ("monotonic-reads", "1S invoke a1=1\n1S info\n" + done("2S", "r1=1") + done("2S", "r1=")),
    "acknowledged and not seen at GLOBAL": ("recency", done("1S", "a1=1") + done("2G", "r1=")),
    "acknowledged and not seen in one of three keys": (
        "recency", "1S invoke a1=1\n3E invoke a2=5\n1S ok\n3E ok\n" + done("3E", "r1= r2=") + done("2G", "r2=5 r1= r3=") + done("4G", "r1=1")),
    "acknowledged by an EVENTUAL session": ("recency", done("1E", "a1=1") + done("2G", "r1=") + done("2G", "r1=1")),
    "seen by another, not at GLOBAL": ("linearizable", "1S invoke a1=1\n" + done("2E", "r1=1") + done("3G", "r1=") + "1S ok\n"),
    "a write of unknown outcome comes and goes": ("linearizable", "1S invoke a1=1\n1S info\n" + done("2S", "r1=1") + done("3G", "r1=")),
    "rolled back and seen": ("no-dirty-reads", "1S invoke a1=1\n1S fail\n" + done("2E", "r1=1")),
    "seen before it was rolled back": ("no-dirty-reads", "1S invoke a1=1\n" + done("2E", "r1=1") + "1S fail\n"),
    "rolled back and there in the end": ("no-dirty-reads", "1S invoke a1=1\n1S fail\n" + done("2G", "F r1=1")),
    "written by nobody": ("no-dirty-reads", done("2E", "r1=1")),
    "half of what a transaction does to a key": ("no-intermediate-reads", done("1S", "a1=1 a1=2") + done("2E", "r1=1") + done("2E", "r1=1,2")),
    "own uncommitted write not seen": ("own-writes", done("1S", "a1=1 r1=") + done("2G", "r1=1")),
    "own write not seen before it is rolled back": ("own-writes", "1S invoke a1=1 r1=\n1S fail\n"),
    "own uncommitted write not at the end": ("own-writes", done("1S", "a1=1 r1=1,5") + "2S invoke a1=5\n2S info\n"),
    "not the same twice": ("repeatable-reads", "2S invoke a1=1\n1S invoke r1= r1=1\n2S ok\n1S ok\n"),
    "twice there": ("applied-once", done("1S", "a1=1") + done("2G", "r1=1,1")),
    "twice there in the end": ("applied-once", done("1S", "a1=1") + done("1S", "a1=2") + done("2G", "F r1=1,2,1")),
    "missing in the end": ("nothing-lost", done("1S", "a1=1") + done("2G", "F r1=")),
    "seen, and missing in the end": ("nothing-lost", done("1S", "a1=1") + done("1S", "r1=1") + done("2G", "F r1=")),
    "a key missing in the end": ("nothing-lost", done("1S", "a1=1") + done("1S", "a2=2") + done("2G", "F r2=2")),
    "missing on one server in the end": ("nothing-lost", done("1S", "a1=1") + done("2G", "F r1=1") + done("2G", "F r1=")),
    "two orders": ("version-order", "1S invoke a1=1\n2S invoke a1=2\n1S ok\n2S ok\n" + done("3E", "r1=1") + done("4E", "r1=2,1")),
    "half of a transaction": ("snapshots", done("1S", "a1=1 a2=2") + done("2E", "r1=1 r2=") + done("2E", "r2=2")),
    "half of an older transaction": (
        "snapshots", "3S invoke a1=3\n" + done("1S", "a1=1 a2=2") + done("2E", "r1=1,3 r2=") + "3S ok\n" + done("2E", "r2=2")),
    "the second write without the first": (
        "monotonic-writes", done("1S", "a1=1") + done("1S", "a2=2") + done("3E", "r1= r2=2") + done("3E", "r1=1")),
    "the second write ahead of the first": ("monotonic-writes", done("1S", "a1=1") + done("1S", "a1=2") + done("3E", "r1=2,1")),
    "another's later write ahead of the first": ("monotonic-writes", done("1S", "a1=1") + done("2S", "a1=2") + done("3E", "r1=2,1")),
    "half of a transfer": ("bank-total", done("1S", "b1=5,2=5") + done("1S", "t1>2=3") + done("2E", "b1=2,2=5") + done("2E", "b1=2,2=8")),
    "a register that goes back": ("linearizable-register", done("1S", "w1=1") + "1S invoke w1=2\n" + done("2G", "g1=2") + done("3G", "g1=1")),
    "a register that is behind": ("linearizable-register", done("1S", "w1=1") + done("1S", "w1=2") + done("2G", "g1=1")),
    "a register behind its beginning": ("linearizable-register", done("1S", "w1=1") + done("2G", "g1=")),
    "a register ahead of its time": ("linearizable-register", done("2G", "g1=1") + done("1S", "w1=1")),
    "a register nobody wrote": ("no-dirty-reads", done("2G", "g1=1")),
    "a register whose write had failed": ("no-dirty-reads", "1S invoke w1=1\n1S fail\n" + done("2E", "g1=1")),
    "a register, two values in turns": (
        "linearizable-register", "1S invoke w1=1\n2S invoke w1=2\n1S ok\n2S ok\n" + done("3G", "g1=1") + done("3G", "g1=2") + done("3G", "g1=1")),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_taken(name):
    assert [violation.text for violation in check(history_of(RIGHT[name]))] == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found_and_nothing_else(name):
    rule, text = WRONG[name]
    assert {violation.rule for violation in check(history_of(text))} == {rule}


def test_there_is_a_wrong_history_for_every_rule():
    assert {rule for rule, _ in WRONG.values()} == set(RULES) - {"scope-monotonic-reads"}


def test_what_a_scope_has_seen_is_to_be_seen_by_its_others_only_where_that_is_promised():
    history = history_of(done("1S", "a1=1") + done("2S@x", "r1=1") + done("3S@x", "r1=") + done("4S@y", "r1="))
    assert check(history) == []
    assert [violation.rule for violation in check(history, PROMISES_OF_SHARED_READS)] == ["scope-monotonic-reads"]


@pytest.mark.parametrize("name", WRONG)
def test_levels_that_promise_nothing_are_asked_for_what_holds_for_all_only(name):
    rule, text = WRONG[name]
    promised = {"read-your-writes", "monotonic-reads", "recency", "linearizable", "linearizable-register"}
    found = {violation.rule for violation in check(history_of(text), {})}
    assert found == {rule} - promised


def test_what_a_level_spares_is_found_if_it_is_asked_for():
    history = history_of(RIGHT["a session at EVENTUAL that sees nothing of its own"])
    assert {violation.rule for violation in check(history, EVERYTHING)} >= {"read-your-writes", "monotonic-reads", "recency"}


# --- the smallest history ----------------------------------------------------------------------------------------------

NOISE = "".join(done(f"{session}S", f"a{session}={turn} r{session}=" + ",".join(map(str, range(1, turn + 1)))) for turn in range(1, 30) for session in range(3, 9))


@pytest.mark.parametrize("name", WRONG)
def test_the_smallest_history_breaks_the_same_rule(name):
    rule, text = WRONG[name]
    # The same in the middle of much else, with other sessions and keys.
    rest = text.replace("1S", "91S").replace("2S", "92S").replace("3S", "93S").replace("a3", "a99").replace("r3", "r99")
    found = [violation for violation in check(history_of(NOISE + rest)) if violation.rule == rule]
    assert found
    for violation in found:
        events = minimize(violation)
        assert len(events) <= 8
        assert rule in {found.rule for found in check(History(events))}
        assert len(describe(violation).splitlines()) == len(events) + 1


def test_the_smallest_history_of_a_register_has_its_writes():
    history = history_of(WRONG["a register, two values in turns"][1])
    assert [event["f"] for event in minimize(check(history)[0]) if event["type"] == "ok"].count("write") == 2


def test_a_violation_is_told_with_sessions_nodes_and_times():
    history = history_of(done("1S", "a1=1 a2=2") + done("1S", "r1= r2=2"))
    violation = next(one for one in check(history) if one.rule == "read-your-writes")
    assert describe(violation).splitlines()[1:] == [
        "         0.000 ms  session 1      SESSION  invoke append 1 to 1",
        "         1.000 ms  session 1      SESSION  ok     append 1 to 1 on node 1",
        "         2.000 ms  session 1      SESSION  invoke read 1",
        "         3.000 ms  session 1      SESSION  ok     read 1 = [] on node 1",
    ]


# --- files ------------------------------------------------------------------------------------------------------------


def test_histories_are_read_and_written_as_jepsen_has_them(tmp_path):
    events = [
        {"type": "invoke", "process": 3, "f": "txn", "value": [["append", 5, 17], ["r", 7, None]], "time": 12, "session": 4, "level": "SESSION"},
        {"type": "info", "process": "nemesis", "f": "pause", "value": 1, "time": 15},
        {"type": "ok", "process": 3, "f": "txn", "value": [["append", 5, 17], ["r", 7, [3]]], "time": 19, "session": 4, "level": "SESSION"},
    ]
    assert [as_edn(event) for event in events] == [
        "{:type :invoke, :process 3, :f :txn, :value [[:append 5 17] [:r 7 nil]], :time 12, :session 4, :level :session}",
        '{:type :info, :process :nemesis, :f :pause, :value 1, :time 15}',
        "{:type :ok, :process 3, :f :txn, :value [[:append 5 17] [:r 7 [3]]], :time 19, :session 4, :level :session}",
    ]
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    operation = read_history(path).operations[0]
    assert (operation.reads, operation.appends, operation.began, operation.ended) == ({7: [3]}, {5: [17]}, 12, 19)
    assert events_of([operation])[1]["value"] == events[2]["value"]


def test_a_process_does_one_thing_at_a_time():
    with pytest.raises(ValueError, match="second operation"):
        history_of("1S invoke r1=\n1S invoke r1=\n")
    with pytest.raises(ValueError, match="not begun"):
        History([{"type": "ok", "process": 1, "f": "txn", "value": []}])
