"""Sessions that append, read, transfer and write registers, and tell a history of it.

    /usr/bin/python3 -m consistency.workload --port 6033 --user app --password app-secret --seconds 10 h.jsonl      (in tests/)

Lists stand in a row for each key, to which one statement appends, so that their order is the order of commits. Keys are given up when
they have got their share of values: lists stay short, and a history can be as long as it likes.
"""

import argparse
import collections
import dataclasses
import itertools
import random
import sys
import threading
import time

import pymysql

from .binary import Statements
from .history import Recorder

SCHEMA = (
    "DROP TABLE IF EXISTS lists, bank, registers",
    "CREATE TABLE lists (k INT PRIMARY KEY, vs TEXT NOT NULL)",
    "CREATE TABLE bank (account INT PRIMARY KEY, balance INT NOT NULL)",
    "CREATE TABLE registers (k INT PRIMARY KEY, v BIGINT)",
)

APPEND = "INSERT INTO lists (k, vs) VALUES ({}, {}) ON DUPLICATE KEY UPDATE vs = CONCAT(vs, ',', {})"
LIST = "(SELECT vs FROM lists WHERE k = {})"

MIX = "read=40,append=20,transaction=10,reading=8,transfer=6,balances=6,write-register=4,read-register=6"

# Errors after which a statement has certainly done nothing: a lock's or a read's wait in vain, a deadlock or a transaction of which
# nothing was committed, statements that are refused.
DONE_NOTHING = {1040, 1062, 1064, 1105, 1142, 1205, 1213, 1235, 1290, 1792, 1836}
NOT_EXECUTED = "The statement was not executed"  # Causeway says it where that is certain
READS = {"read", "reading", "balances", "read-register"}


@dataclasses.dataclass
class Options:
    """`levels` and `protocols` are dealt out to the sessions in turns. Sessions of one scope have each other's writes to see: they enter
    it by `scope_statement`, with {} for the name of the scope; without it they hand on their positions, of servers with GTIDs."""

    seconds: float = 10
    sessions: int = 8
    keys: int = 6
    appends_per_key: int = 40
    accounts: int = 6
    registers: int = 3
    levels: tuple = ("SESSION", "GLOBAL")
    protocols: tuple = ("text", "binary")
    mix: str = MIX
    seed: int = 1
    pause: float = 0.0
    sessions_per_scope: int = 1
    scope_statement: str = ""

    def weights(self):
        pairs = [part.split("=") for part in self.mix.split(",")]
        return [name for name, _ in pairs], [float(weight) for _, weight in pairs]


def create_tables(run, options):
    """By run(statement), where it is sure to get to the writer."""
    for statement in SCHEMA:
        run(statement)
    run("INSERT INTO bank VALUES " + ", ".join(f"({number}, 100)" for number in range(options.accounts)))
    run("INSERT INTO registers VALUES " + ", ".join(f"({number}, NULL)" for number in range(options.registers)))


class Shared:
    """What sessions have in common: which keys are in use, and numbers that are used once."""

    def __init__(self, options):
        self._slots = options.keys
        self._share = options.appends_per_key
        self._appended = [0] * options.keys
        self.values = itertools.count(1)
        self.processes = itertools.count(1)
        self.positions = collections.defaultdict(dict)  # of a scope: by session, the last one it has told

    def key(self, random_):
        slot = random_.randrange(self._slots)
        return slot + self._appended[slot] // self._share * self._slots

    def count_append(self, key):
        self._appended[key % self._slots] += 1


class Session(threading.Thread):
    """One client. Whenever its connection ends, or the outcome of something is not known, it goes on as another process, and as
    another session."""

    def __init__(self, number, options, connect, record, shared):
        super().__init__(daemon=True)
        self._options, self._connect, self._record, self._shared = options, connect, record, shared
        self._random = random.Random(f"{options.seed}.{number}")
        self._level = options.levels[number % len(options.levels)]
        self._how = options.protocols[number // len(options.levels) % len(options.protocols)]
        self._connection = self._statements = None
        self._names, self._weights = options.weights()
        self._number, self._scope = number, None
        if options.sessions_per_scope > 1:
            self._scope = f"scope {number // options.sessions_per_scope}"
        self._hands_on = self._scope is not None and not options.scope_statement
        self._has_begun = self._is_done = self._has_sent_commit = False
        self._node = None
        self.error = None
        self.connection_errors = 0

    def run(self):
        end = time.monotonic() + self._options.seconds
        try:
            while time.monotonic() < end:
                if self._connection is None and not self._open():
                    continue
                self._step(self._random.choices(self._names, self._weights)[0])
                time.sleep(self._options.pause)
        except Exception as error:  # carried over to who waits for the thread
            self.error = error
        finally:
            self._close()

    def _open(self):
        try:
            self._connection = self._connect()
            with self._connection.cursor() as cursor:
                cursor.execute(f"SET aurora_replica_read_consistency = '{self._level}'")
                if self._scope is not None and self._options.scope_statement:
                    cursor.execute(self._options.scope_statement.format(self._scope))
        except (pymysql.Error, OSError):
            self.connection_errors += 1
            self._close()
            time.sleep(0.05)
            return False
        self._statements = Statements(self._connection) if self._how == "binary" else None
        self._process = next(self._shared.processes)
        self._known_positions = {}
        return True

    def _close(self):
        if self._connection is not None:
            try:
                self._connection.close()
            except pymysql.Error:
                pass  # it has ended already
        self._connection = None

    # --- statements ---------------------------------------------------------------------------------------------------

    def _execute(self, sql, *numbers):
        """`sql` with {} for each of the numbers."""
        if self._statements is not None:
            return self._statements.run(sql.format(*["?"] * len(numbers)), numbers)
        with self._connection.cursor() as cursor:
            cursor.execute(sql.format(*numbers))
            return cursor.fetchall()

    def _command(self, sql):
        with self._connection.cursor() as cursor:
            cursor.execute(sql)

    def _commit(self):
        self._has_sent_commit = True
        self._command("COMMIT")

    def _append(self, key, value):
        self._shared.count_append(key)
        self._execute(APPEND, key, value, value)

    def _read(self, *keys):
        row = self._execute("SELECT @@server_id, " + ", ".join([LIST] * len(keys)), *keys)[0]
        self._node = int(row[0]) - 1
        return [[] if text is None else [int(value) for value in text.split(",")] for text in row[1:]]

    # --- operations ---------------------------------------------------------------------------------------------------

    def _step(self, name):
        """One operation: _do_NAME() chooses what it is to do; that is told, done, and told again."""
        f, key, value, work = getattr(self, "_do_" + name.replace("-", "_"))()
        shared = {"process": self._process, "session": self._process, "f": f, "level": self._level, "how": f"{self._how} {name}"}
        if key is not None:
            shared["key"] = key
        if self._scope is not None:
            shared["scope"] = self._scope
        self._node = None
        self._has_begun = self._is_done = self._has_sent_commit = False
        self._record(type="invoke", value=value, **shared)
        try:
            self._take_positions()
            self._has_begun = True
            outcome, value = work()
            self._is_done = True
            if name not in READS:
                self._tell_position()
        except (pymysql.Error, OSError) as error:
            self._node = None
            outcome, shared["error"] = self._outcome_of(name, error), str(error)[:200]
            self._leave(outcome)
        if self._node is not None:
            shared["node"] = self._node
        self._record(type=outcome, value=value, **shared)

    def _outcome_of(self, name, error):
        if name in READS or not self._has_begun:
            return "fail"
        if self._is_done:
            return "info"  # it has happened, but the others of the scope are not told of it
        in_transaction = name in ("transaction", "transfer")
        if in_transaction and not self._has_sent_commit:
            return "fail"
        return "fail" if error.args and error.args[0] in DONE_NOTHING or NOT_EXECUTED in str(error) else "info"

    def _leave(self, outcome):
        """Ends the transaction, if there is one; with the connection, if nothing else is certain to."""
        try:
            if outcome == "info":
                raise pymysql.Error
            self._command("ROLLBACK")
        except (pymysql.Error, OSError):
            self._close()

    def _take_positions(self):
        """What the others of the scope have told before this operation was invoked."""
        if self._hands_on:
            for number, position in list(self._shared.positions[self._scope].items()):
                if self._known_positions.get(number) != position:
                    self._command(f"SET causeway_position = '{position}'")
                    self._known_positions[number] = position

    def _tell_position(self):
        if self._hands_on:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT @@causeway_position")
                self._shared.positions[self._scope][self._number] = cursor.fetchone()[0]

    def _keys(self, most):
        return list(dict.fromkeys(self._shared.key(self._random) for _ in range(self._random.randint(1, most))))

    def _do_read(self):
        keys = self._keys(3)

        def work():
            return "ok", [["r", key, values] for key, values in zip(keys, self._read(*keys))]

        return "txn", None, [["r", key, None] for key in keys], work

    def _do_append(self):
        value = [["append", self._shared.key(self._random), next(self._shared.values)]]

        def work():
            self._append(*value[0][1:])
            return "ok", value

        return "txn", None, value, work

    def _do_transaction(self):
        todo = []
        for key in self._keys(3):
            todo += self._random.choice((
                [["r", key, None]],
                [["append", key, None], ["r", key, None]],
                [["r", key, None], ["append", key, None]],
                [["append", key, None], ["append", key, None], ["r", key, None]]))  # fmt: skip
        todo = [[kind, key, next(self._shared.values) if kind == "append" else None] for kind, key, _ in todo]
        is_rolled_back = self._random.random() < 0.15

        def work():
            done = []
            self._command("BEGIN")
            for kind, key, value in todo:
                if kind == "append":
                    self._append(key, value)
                done.append([kind, key, value if kind == "append" else self._read(key)[0]])
            if is_rolled_back:
                self._command("ROLLBACK")
                return "fail", done
            self._commit()
            return "ok", done

        return "txn", None, todo, work

    def _do_reading(self):
        """A transaction that is READ ONLY, on a replica."""
        keys = self._keys(3) + self._keys(2)

        def work():
            self._command("START TRANSACTION READ ONLY")
            done = [["r", key, self._read(key)[0]] for key in keys]
            self._command("COMMIT")
            return "ok", done

        return "txn", None, [["r", key, None] for key in keys], work

    def _do_transfer(self):
        giver, taker = self._random.sample(range(self._options.accounts), 2)
        amount = self._random.randint(1, 5)
        value = {"from": giver, "to": taker, "amount": amount}

        def work():
            self._command("BEGIN")
            self._execute("UPDATE bank SET balance = balance - {} WHERE account = {}", amount, giver)
            self._execute("UPDATE bank SET balance = balance + {} WHERE account = {}", amount, taker)
            self._commit()
            return "ok", value

        return "transfer", None, value, work

    def _do_balances(self):
        def work():
            rows = self._execute("SELECT account, balance, @@server_id FROM bank")
            self._node = int(rows[0][2]) - 1
            return "ok", {str(account): balance for account, balance, _ in rows}

        return "balances", None, None, work

    def _do_write_register(self):
        key, value = self._random.randrange(self._options.registers), next(self._shared.values)

        def work():
            self._execute("UPDATE registers SET v = {} WHERE k = {}", value, key)
            return "ok", value

        return "write", key, value, work

    def _do_read_register(self):
        key = self._random.randrange(self._options.registers)

        def work():
            value, server = self._execute("SELECT v, @@server_id FROM registers WHERE k = {}", key)[0]
            self._node = int(server) - 1
            return "ok", value

        return "read", key, None, work


def run(options, connect, record):
    """The sessions, until their time is up; connect() gives a connection of pymysql with autocommit."""
    shared = Shared(options)
    sessions = [Session(number, options, connect, record, shared) for number in range(options.sessions)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join(options.seconds + 120)
    hanging = [session for session in sessions if session.is_alive()]
    for error in filter(None, (session.error for session in sessions)):
        raise error
    if hanging:
        raise TimeoutError(f"{len(hanging)} of {len(sessions)} sessions hang")


def read_in_the_end(connection, record, node=None, hint=""):
    """All lists, as a server has them when all is over."""
    shared = {"process": f"final {node}", "session": f"final {node}", "f": "final", "node": node}
    record(type="invoke", value=[], **shared)
    with connection.cursor() as cursor:
        cursor.execute(f"{hint} SELECT k, vs FROM lists")
        value = [["r", key, [int(one) for one in values.split(",")]] for key, values in cursor.fetchall()]
    record(type="ok", value=value, **shared)


def main():
    parser = argparse.ArgumentParser(description="Runs the workload and writes its history.")
    parser.add_argument("history")
    for name, default in (("host", "127.0.0.1"), ("user", "root"), ("password", ""), ("database", "app"), ("mix", MIX)):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--port", type=int, default=3306)
    for name in ("sessions", "keys", "appends_per_key", "seed", "sessions_per_scope"):
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=getattr(Options, name))
    parser.add_argument("--scope-statement", default="", help="for each session, with {} for the name of its scope")
    for name in ("seconds", "pause"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Options, name))
    for name in ("levels", "protocols"):
        parser.add_argument(f"--{name}", type=lambda text: tuple(text.split(",")), default=getattr(Options, name))
    arguments = vars(parser.parse_args())
    where = {name: arguments.pop(name) for name in ("host", "port", "user", "password", "database")}
    path = arguments.pop("history")
    options = Options(**arguments)

    def connect():
        return pymysql.connect(autocommit=True, read_timeout=60, **where)

    recorder = Recorder(path)
    with connect() as connection, connection.cursor() as cursor:
        create_tables(cursor.execute, options)
        run(options, connect, recorder)
        read_in_the_end(connection, recorder, hint="/* causeway: route=writer */")
    recorder.close()


if __name__ == "__main__":
    sys.exit(main())
