"""The writer is killed under load, and a replica of the cluster takes its place, again and again: what replicas that are
attached through Causeway, by GTID and by file and position, have in the end is what the writer has.

Replication is asynchronous: what was sent to a replica behind Causeway before the kill may not have reached the server that
becomes the writer. Such a replica is ahead, and told so; which of the two it is, the tables say: each transaction has a
number of its own, that is never used again, whatever has become of it.
"""

import contextlib
import dataclasses
import random
import re
import threading

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from log_tools import begin_with_dump, checksums, coordinates_of_dump, dump_of_app
from replica_tools import (
    advised,
    attach,
    attach_by_gtid,
    coordinates_of,
    has_applied_all,
    io_error,
    is_connected,
    make_writer,
    owner_of,
    replace_node,
)
from support import SeenAt, scaled

FAILOVERS = scaled("CAUSEWAY_TEST_FAILOVERS", 1, 10)
TABLES = "app.marks, app.doubles"
SCHEMA = (
    "CREATE TABLE app.marks (id INT PRIMARY KEY, step INT, body LONGTEXT)",
    "CREATE TABLE app.doubles (id INT, KEY (id))",  # an insert that comes twice is seen
)
# Now and then a transaction is larger than the buffer at whose end a stream is cut.
LARGE, EVERY = 300_000, 25
BY_GTID, BY_POSITION = "gtid", "position"
# What is the case when the writer is killed, in turn.
PLAIN = "all read"
BEHIND = "the next writer has not received the last transactions"
CUT = "a follower by position is in the middle of a transaction"
CASES = (PLAIN, BEHIND, CUT)


class Load:
    """An application that writes through Causeway, one transaction after the other, for the time of a `with` block."""

    def __init__(self, proxy, last):
        self._proxy = proxy
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.tried = last  # the number that was used last
        self.is_large = False  # all transactions are, or one now and then
        self.committed = []  # numbers, by what the application was told

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def wait_for(self, more, timeout=60):
        goal = len(self.committed) + more
        wait_until(lambda: len(self.committed) >= goal, timeout, "the application goes on")

    def _work(self):
        while not self._ended.is_set():
            with contextlib.suppress(pymysql.Error), self._proxy.connect(database="app") as connection:
                while not self._ended.is_set():
                    self.tried += 1
                    is_large = self.is_large or self.tried % EVERY == 0
                    _write(connection, self.tried, LARGE if is_large else self.tried % 300)
                    self.committed.append(self.tried)
            self._ended.wait(0.02)  # there is no writer just now


def _write(connection, number, size):
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO marks VALUES ({number}, 0, REPEAT('x', {size}))")
    run(connection, f"UPDATE marks SET step = 1 WHERE id = {number}")
    run(connection, f"INSERT INTO doubles VALUES ({number})")
    run(connection, "COMMIT")


@dataclasses.dataclass
class Follower:
    """A replica that has Causeway as its source: node `node`."""

    cluster: object
    proxy: object
    node: int
    mode: str

    def attach(self, coordinates=None, before="DO 1"):
        if self.mode == BY_GTID:
            attach_by_gtid(self.cluster, self.proxy.port, self.node, before=before)
        else:
            attach(self.cluster, self.proxy.port, coordinates, self.node)

    def numbers(self):
        return numbers(self.cluster, self.node)

    def has(self, number):
        status = self.cluster.replication_status(self.node)
        assert not status["Last_SQL_Error"], status["Last_SQL_Error"]
        return self.cluster.query(self.node, "SELECT COUNT(*) AS n FROM app.doubles WHERE id = %s", (number,))[0]["n"] > 0

    def is_refused(self):
        return "1236" in io_error(self.cluster, self.node)

    def wait_for(self, number):
        """It has this, or is refused for good and has applied all that it was sent."""
        wait_until(lambda: self.has(number) or self.is_refused(), 60, f"node {self.node} goes on, or stops")
        if self.is_refused():
            wait_until(lambda: has_applied_all(self.cluster, self.node), 30, "what it was sent is applied")

    def stop_within_transaction(self):
        """MySQL's applier would wait a minute for the rest of it."""
        if self.cluster.kind == "mysql":
            self.cluster.kill_node(self.node)
            self.cluster.restart_node(self.node)

    def begin_again(self):
        dump = dump_of_app(self.cluster.kind, self.proxy.port, account=accounts.ADMIN)
        self.cluster.set_read_only(self.node, False)
        begin_with_dump(self.cluster.servers[self.node], dump)
        self.cluster.set_read_only(self.node, True)
        file, position = coordinates_of_dump(dump)
        self.attach((f"{owner_of(self.cluster, self.cluster.writer)}:{file}", position))

    def forget(self, extra):
        """What the cluster has lost is removed by hand."""
        self.cluster.set_read_only(self.node, False)
        with self.cluster.connect(self.node, database="app") as connection:
            run(connection, "SET SESSION sql_log_bin = 0")
            for table in ("marks", "doubles"):
                run(connection, f"DELETE FROM {table} WHERE id IN ({', '.join(map(str, extra))})")
        self.cluster.set_read_only(self.node, True)


def numbers(cluster, node):
    """Of the transactions that a server has; each is there as a whole, and once."""
    once = [row["id"] for row in cluster.query(node, "SELECT id FROM app.doubles")]
    whole = {row["id"] for row in cluster.query(node, "SELECT id FROM app.marks WHERE step = 1")}
    assert len(once) == len(set(once)) and set(once) == whole, f"node {node}"
    assert cluster.query(node, "SELECT COUNT(*) AS n FROM app.marks")[0]["n"] == len(whole), f"node {node}"
    return whole


@dataclasses.dataclass
class Failover:
    """What is to be known of one: the numbers that the new writer began with, and has when all is quiet."""

    inherited: set
    position: str  # of the new writer when it began, by GTID (MariaDB)
    now: set
    lost: int  # acknowledged transactions of the old writer's that the new one lacks


def fail_over(cluster, proxy, followers, case, draw):
    """The writer is killed while an application writes, the other member of the cluster becomes it, the application goes on."""
    old, new = cluster.writer, 1 - cluster.writer
    with contextlib.ExitStack() as stack, Load(proxy, max(numbers(cluster, old), default=0)) as load:
        load.wait_for(draw.randint(60, 300))
        if case == BEHIND:
            cluster.query(new, "STOP REPLICA IO_THREAD")
            load.wait_for(draw.randint(5, 30))
        if case == CUT:  # its socket takes some megabytes
            for follower in followers:
                if follower.mode == BY_POSITION:
                    cluster.pause(follower.node)
                    stack.callback(cluster.resume, follower.node)
            load.is_large = True
            load.wait_for(30)
            load.is_large = False
            load.wait_for(5)
        cluster.kill_node(old)
        acknowledged = set(load.committed)
        wait_until(lambda: has_applied_all(cluster, new), 60, "what was received is applied")
        position = cluster.query(new, "SELECT @@gtid_slave_pos AS p")[0]["p"] if cluster.kind == "mariadb" else ""
        inherited = numbers(cluster, new)
        make_writer(cluster, new, old=old)
        load.wait_for(30)
    now = numbers(cluster, new)
    assert set(load.committed) - acknowledged <= now and inherited <= now
    return Failover(inherited, position, now, len(acknowledged - now))


def expect_sound(follower, failover):
    """The replica has what the writer has, as far as it goes, and else only what the cluster has lost. Gives the latter."""
    has = follower.numbers()
    extra, common = has - failover.now, has & failover.now
    assert common == {number for number in failover.now if number <= max(common)}, (follower.mode, sorted(has ^ failover.now)[:20])
    assert not extra or min(extra) > max(failover.inherited), "what is lost was the last that the old writer did"
    return extra


def settle_by_gtid(follower, failover):
    """It catches up, unless it is ahead: MariaDB then refuses it, MySQL knows only of its own transactions that they are
    missing, not of a former writer's, and the replica goes on with more than the cluster has."""
    follower.wait_for(max(failover.now))
    extra = expect_sound(follower, failover)
    refused = follower.is_refused()
    assert refused == (bool(extra) and follower.cluster.kind == "mariadb"), io_error(follower.cluster, follower.node)
    if extra:
        follower.forget(extra)
    if refused:
        follower.attach(before=f"SET GLOBAL gtid_slave_pos = '{failover.position}'")
    return "ahead" if extra else "caught up"


def settle_by_position(follower, failover):
    """It goes on by itself, or with what the error says, or the error says that it is ahead, and by how much, or that it
    has to be loaded again."""
    follower.wait_for(max(failover.now))
    extra = expect_sound(follower, failover)
    if not follower.is_refused():
        assert not extra, "it goes on although the writer lacks what it has"
        return "translated"
    error = io_error(follower.cluster, follower.node)
    print(error)
    missing = re.search(r"the last (\d+) transactions of this client are missing", error)
    if missing:
        assert int(missing[1]) == len(extra) > 0, sorted(extra)
        assert follower.numbers() - extra == failover.inherited
        follower.forget(extra)
        follower.attach(advised(error))
        return "ahead"
    follower.stop_within_transaction()
    if "is in the middle of a transaction" in error and advised(error):
        assert not extra, sorted(extra)
        follower.attach(advised(error))
        return "advised"
    assert re.search(r"Load the data again|is in the middle of a transaction", error), error
    follower.begin_again()
    return "loaded again"


SETTLE = {BY_GTID: settle_by_gtid, BY_POSITION: settle_by_position}


def fail_over_again_and_again(cluster, proxy, followers):
    """What has become of each follower, each time."""
    draw = random.Random(f"{cluster.kind}{cluster.gtid}")
    outcomes = []
    for number in range(FAILOVERS):
        if number > 0:
            dump = dump_of_app(cluster.kind, proxy.port, account=accounts.ADMIN)
            replace_node(cluster, 1 - cluster.writer, dump)
        case = CASES[number % len(CASES)]
        failover = fail_over(cluster, proxy, followers, case, draw)
        outcomes += [(follower.mode, SETTLE[follower.mode](follower, failover)) for follower in followers]
        for follower in followers:
            there = "it has everything, and goes on"
            wait_until(lambda f=follower: f.has(max(failover.now)) and is_connected(cluster, f.node), 60, there)
            assert checksums(cluster.servers[follower.node], TABLES) == checksums(cluster.servers[cluster.writer], TABLES)
        happened = outcomes[-len(followers) :]
        print(f"{number + 1}, {case}: {len(failover.now)} transactions, {failover.lost} lost, {happened}", flush=True)
    return outcomes


def shares(outcomes):
    """"gtid: 9 caught up, 1 ahead; position: 10 translated"."""
    of_modes = {mode: [what for which, what in outcomes if which == mode] for mode in dict(outcomes)}
    return "; ".join(f"{mode}: {', '.join(f'{all_.count(what)} {what}' for what in dict.fromkeys(all_))}" for mode, all_ in of_modes.items())


def started(cluster, proxy, **modes):
    """Followers by their mode: started(cluster, proxy, gtid=2, position=3)."""
    for statement in SCHEMA:
        cluster.query(0, statement)
    cluster.wait_synced()
    followers = [Follower(cluster, proxy, node, mode) for mode, node in modes.items()]
    for follower in followers:
        follower.attach(coordinates_of(cluster, 0))
        wait_until(lambda f=follower: is_connected(cluster, f.node), 30, "the replica reads the log")
    return followers


def expect_nothing_missing_or_doubled(cluster, start_proxy, state_file, record_property, **modes):
    settings = {"replication.state_file": str(state_file), "statements.savepoint": "forward"}
    proxy = start_proxy(SeenAt(cluster, cluster.addresses()[:2]), settings)
    outcomes = fail_over_again_and_again(cluster, proxy, started(cluster, proxy, **modes))
    print(f"{cluster.kind}, {FAILOVERS} failovers: {shares(outcomes)}")
    record_property("outcomes", shares(outcomes))


def test_nothing_is_missing_or_doubled_behind_writers_that_die(own_cluster, start_proxy, cluster_kind, tmp_path, record_property):
    cluster = own_cluster(replicas=3, options=["--skip-slave-start" if cluster_kind == "mariadb" else "--skip-replica-start"])
    expect_nothing_missing_or_doubled(cluster, start_proxy, tmp_path / "state.json", record_property, gtid=2, position=3)


@pytest.mark.kinds("mysql")
def test_nothing_is_missing_or_doubled_without_gtids(own_cluster, start_proxy, tmp_path, record_property):
    """Anonymous transactions are known by their time of commit and their shape."""
    cluster = own_cluster(gtid=False, replicas=2, options=["--skip-replica-start"])
    expect_nothing_missing_or_doubled(cluster, start_proxy, tmp_path / "state.json", record_property, position=2)
