"""What several test files need: evidence from the servers' general logs, errors as values, clients in parallel."""

import contextlib
import dataclasses
import os
import re
import select
import socket
import subprocess
import threading

import pymysql
from cluster import Causeway, accounts, free_port
from cluster.paths import cache_dir

# CI runs the short form; the long one is asked for by CAUSEWAY_TEST_LONG=1 (or the variable of one test, see README).
LONG = os.environ.get("CAUSEWAY_TEST_LONG", "") not in ("", "0")


def scaled(variable, short, long):
    """A number of repetitions or seconds: from the environment, else by the form that runs."""
    return int(os.environ.get(variable, long if LONG else short))


# --- errors -----------------------------------------------------------------------------------------------------------

_raise_mysql_exception = pymysql.err.raise_mysql_exception


def _raise_with_sqlstate(data):
    try:
        _raise_mysql_exception(data)
    except pymysql.Error as error:  # pymysql drops it, and drivers retry by it
        error.sqlstate = data[4:9].decode() if data[3:4] == b"#" else None
        raise


pymysql.err.raise_mysql_exception = _raise_with_sqlstate


@dataclasses.dataclass(frozen=True)
class SqlError:
    errno: int
    sqlstate: str
    text: str


def attempt(connection, statement, arguments=None):
    """The rows of a statement, or the SqlError it ended with."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall()
    except pymysql.Error as error:
        if not error.args or not isinstance(error.args[0], int):
            raise
        text = error.args[1] if len(error.args) > 1 else ""
        return SqlError(error.args[0], getattr(error, "sqlstate", None), text)


def rejection(operation):
    """The answer to a statement that is not forwarded, exactly."""
    text = f"This version of MySQL doesn't yet support '{operation} with write forwarding'"
    return SqlError(1235, "42000", text)


def one(connection, statement, arguments=None):
    """The only value of the only row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        rows = cursor.fetchall()
    assert len(rows) == 1 and len(rows[0]) == 1, f"{statement}: {rows}"
    return rows[0][0]


def server_of(connection, tail=""):
    """The node on which a plain SELECT of the session runs now; `tail` is added to it."""
    return one(connection, f"SELECT @@server_id {tail}") - 1


# --- general logs -----------------------------------------------------------------------------------------------------

_ENTRY = re.compile(r"^(?:\d{6} +[\d:]+|\d{4}-\S+)?\t+ *(\d+) ([A-Z][A-Za-z ]+?)\t(.*)$")


@dataclasses.dataclass
class Entry:
    connection: int
    command: str
    text: str


class GeneralLogs:
    """The general logs of all nodes, for the time of a `with` block: what clients sent, not what replication applied."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._starts = {}
        self._appliers = {}
        self._monitors = {}

    def __enter__(self):
        for node, server in enumerate(self._cluster.servers):
            self._cluster.query(node, "SET GLOBAL log_output = 'FILE'")
            self._cluster.query(node, "SET GLOBAL general_log = 1")
            self._appliers[node], self._monitors[node] = set(), set()
            self._look_at_connections(node)
            self._starts[node] = (server.datadir / "general.log").stat().st_size
        return self

    def __exit__(self, *_):
        for node, server in enumerate(self._cluster.servers):
            if server.is_alive():
                self._cluster.query(node, "SET GLOBAL general_log = 0")

    def entries(self, node):
        """All entries since the block began, in their order."""
        self._look_at_connections(node)
        with open(self._cluster.servers[node].datadir / "general.log", "rb") as log:
            log.seek(self._starts[node])
            lines = log.read().decode(errors="replace").splitlines()
        entries = []
        for line in lines:
            found = _ENTRY.match(line)
            if found:
                entries.append(Entry(int(found[1]), found[2], found[3]))
            elif entries:
                entries[-1].text += "\n" + line
        return [entry for entry in entries if entry.connection not in self._appliers[node]]

    def _look_at_connections(self, node):
        for row in self._cluster.query(node, "SHOW PROCESSLIST"):
            if row["User"] == "system user":
                self._appliers[node].add(row["Id"])
            if row["User"] == accounts.MONITOR.name:
                self._monitors[node].add(row["Id"])

    def nodes_with(self, text):
        """The nodes to which a client has sent something with this text."""
        return {node for node in self._starts if any(text in entry.text for entry in self.entries(node))}

    def texts(self, node, containing=""):
        """Texts of the Query entries of a node that contain this."""
        return [entry.text for entry in self.entries(node) if entry.command == "Query" and containing in entry.text]

    def texts_of_sessions(self, node, containing=""):
        """Likewise, without what the monitor asks whenever it likes."""
        entries = self.entries(node)
        opened = {e.connection for e in entries if e.command == "Connect" and e.text.startswith(f"{accounts.MONITOR.name}@")}
        others = [entry for entry in entries if entry.connection not in opened | self._monitors[node]]
        return [entry.text for entry in others if entry.command == "Query" and containing in entry.text]


# --- clients ----------------------------------------------------------------------------------------------------------


def in_parallel(count, function):
    """function(0), ..., function(count - 1), each in a thread; their results, or the first exception."""
    results = [None] * count
    errors = []

    def work(number):
        try:
            results[number] = function(number)
        except BaseException as error:  # carried over to the test's thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a client hangs"
    return results


def run_client(proxy, statements, *arguments, account=accounts.APP, port=None):
    """Runs statements with the `mariadb` command line client; the finished process (stdout, stderr, returncode)."""
    command = [
        "mariadb", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={port or proxy.port}",
        f"--user={account.name}", f"--password={account.password}", "--batch", "--skip-column-names", *arguments]  # fmt: skip
    return subprocess.run(command, input=statements, capture_output=True, text=True, timeout=60)


def run_mysql_client(proxy, statements, *arguments, account=accounts.APP):
    """Runs statements with the `mysql` command line client of MySQL 9; its output."""
    command = [
        "chroot", str(cache_dir() / "mysql"), "/usr/bin/mysql", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1",
        f"--port={proxy.port}", f"--user={account.name}", f"--password={account.password}", "--batch", *arguments,
        "app"]  # fmt: skip
    done = subprocess.run(command, input=";\n".join(statements), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kill_connections(cluster, *nodes, user=accounts.APP.name):
    """Kills what the application's user, or another, has open on these nodes: Causeway's connections."""
    for node in nodes:
        for row in cluster.query(node, "SHOW PROCESSLIST"):
            if row["User"] == user:
                with contextlib.suppress(pymysql.Error):  # it may just have ended
                    cluster.query(node, f"KILL {row['Id']}")


def check(cluster, *arguments):
    """`causeway check` on free ports; later arguments win."""
    command = Causeway(cluster).command()
    return subprocess.run([command[0], "check", *command[1:], *arguments], capture_output=True, text=True, timeout=60)


# --- replicas that are behind -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def lagging(cluster, table, *nodes):
    """For the time of a `with` block these replicas (all, if none is given) apply nothing that changes `table`, while
    replication runs and reads go on: somebody holds a read lock on the table there. Gives a function that lets one go."""
    holders = {}
    for node in nodes or cluster.replicas():
        holders[node] = cluster.connect(node)
        with holders[node].cursor() as cursor:
            cursor.execute(f"LOCK TABLES app.{table} READ")
    try:
        yield lambda node: holders.pop(node).close()
    finally:
        for holder in holders.values():
            holder.close()


MONITOR_RIGHTS = {
    "mysql": ("REPLICATION CLIENT, PROCESS, CONNECTION_ADMIN ON *.*", "SELECT ON mysql.user", "SELECT ON performance_schema.*"),
    "mariadb": ("BINLOG MONITOR, SLAVE MONITOR, PROCESS, CONNECTION ADMIN ON *.*", "SELECT ON mysql.user", "SELECT ON mysql.global_priv"),
}  # fmt: skip


@contextlib.contextmanager
def monitor_account(cluster, name, rights=None):
    """An account of its own for a monitor; gives a function that sets its password on all servers, and cuts its connections
    there if it is told to."""

    def set_password(password, cut=True):
        cluster.query(0, f"ALTER USER {name}@'%' IDENTIFIED BY '{password}'")
        cluster.wait_synced()
        if cut:
            kill_connections(cluster, 0, 1, 2, user=name)

    cluster.query(0, f"CREATE USER {name}@'%' IDENTIFIED BY 'first-secret'")
    for right in MONITOR_RIGHTS[cluster.kind] if rights is None else rights:
        cluster.query(0, f"GRANT {right} TO {name}@'%'")
    cluster.wait_synced()
    try:
        yield set_password
    finally:
        cluster.query(0, f"DROP USER {name}@'%'")


# --- ways to a cluster ------------------------------------------------------------------------------------------------


class SeenAt:
    """A cluster as Causeway is to see it, at these addresses: start_proxy(SeenAt(cluster, addresses))."""

    def __init__(self, cluster, addresses):
        self._cluster, self._addresses = cluster, addresses

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    def addresses(self):
        return list(self._addresses)


# --- connections that break or stand still -----------------------------------------------------------------------------


class _WayToANode:
    """For the time of a `with` block another address of a node, whose connections are passed on by _relay(). It stands for
    the cluster where Causeway is started: start_proxy(way)."""

    def __init__(self, cluster, node=0):
        self._cluster, self._node = cluster, node
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    def addresses(self):
        addresses = self._cluster.addresses()
        addresses[self._node] = f"127.0.0.1:{self._listener.getsockname()[1]}"
        return addresses

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._cluster.servers[self._node].port))
                threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client, server):
        with client, server, contextlib.suppress(OSError):
            while True:
                for readable in select.select([client, server], [], [])[0]:
                    data = readable.recv(65536)
                    if not data:
                        return
                    if readable is server:
                        self._before_answer(data)
                    (server if readable is client else client).sendall(data)
                    if readable is client and self._ends_with(data, server):
                        return

    def _before_answer(self, data):
        """The node has sent this."""

    def _ends_with(self, data, server):
        """The node was sent this; whether the connection ends."""
        return False


class AnswersLost(_WayToANode):
    """The answer to one command is lost with the connection: the next one that contains `text` reaches the node, and is
    done when the connection ends."""

    def __init__(self, cluster, node=0):
        self._text = None
        super().__init__(cluster, node)

    def lose_answer_to(self, text):
        self._text = text if isinstance(text, bytes) else text.encode()

    def _ends_with(self, data, server):
        if self._text is None or self._text not in data:
            return False
        self._text = None
        self._wait_for_the_last_answer(server)
        return True

    def _wait_for_the_last_answer(self, server):
        """What comes in one write is answered one by one, and may take its time between two answers."""
        wait, has_more = 10, True
        while has_more:
            if select.select([server], [], [], wait)[0]:
                has_more = bool(server.recv(65536))
            else:
                has_more = self._is_busy(server.getsockname()[1])
            wait = 0.1

    def _is_busy(self, port):
        """The server works for the connection from this port."""
        rows = self._cluster.query(self._node, "SHOW PROCESSLIST")
        return any(row["Host"].endswith(f":{port}") and row["Command"] != "Sleep" for row in rows)


class AnswersHeld(_WayToANode):
    """Commands that contain `text` are counted, and their answers held until release()."""

    def __init__(self, cluster, text, node=0):
        self._text = text.encode()
        self._released = threading.Event()
        self._holding = threading.local()
        self._counting = threading.Lock()
        self.asked = 0
        super().__init__(cluster, node)

    def __exit__(self, *arguments):
        self.release()
        super().__exit__(*arguments)

    def release(self):
        self._released.set()

    def _before_answer(self, data):
        if getattr(self._holding, "is_asked", False):
            self._released.wait()

    def _ends_with(self, data, server):
        if self._text in data:
            self._holding.is_asked = True
            with self._counting:
                self.asked += 1
        return False
