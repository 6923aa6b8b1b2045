"""One writer and its replicas on loopback."""

import atexit
import contextlib
import json
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pymysql

from . import accounts
from .mariadb import MariaDb
from .mysql import MySql
from .server import Server, ServerError
from .template import copy_template
from .waiting import wait_until

_FLAVORS = {"mariadb": MariaDb, "mysql": MySql}
_HOMES_PREFIX = "cluster-"
_TLS_OPTIONS = ("--ssl-ca=ca.pem", "--ssl-cert=server-cert.pem", "--ssl-key=server-key.pem")


class ClusterError(Exception):
    """The cluster is not in the state that was asked for."""


class LocalCluster:
    """A real cluster; node 0 is the writer at first, server ids are 1, 2, 3 ...

    `directory` gets cluster.json, cluster.env, monitor.password and ca.pem; None makes a temporary one. `gtid` says how
    replicas follow: by GTID, or by binlog file and position (MySQL then runs with gtid_mode=OFF). With `owned` (and as
    a context manager) the servers end with this process, however it ends; without it they stay until `stop`.
    """

    def __init__(self, kind, directory=None, *, gtid=True, replicas=2, max_connections=200, options=(), owned=True):
        self.kind = kind
        self.gtid = gtid
        self.flavor = _FLAVORS[kind]()
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix=f"causeway-{kind}-"))
        self.writer = 0
        self.servers = []
        self._replicas = replicas
        self._options = [f"--max-connections={max_connections}", *options]
        self._owned = owned
        self._temporary = directory is None
        self._homes = None  # the folder of the servers' data; for MySQL inside of the chroot

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self):
        """Starts all and returns when every replica has what the writer has."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if (self.directory / "cluster.json").exists():
            raise ClusterError(f"a cluster is or was running in {self.directory}: stop it first")
        scratch = self.flavor.scratch_root()
        _remove_leftovers(scratch, self.flavor.inside)
        self._homes = pathlib.Path(tempfile.mkdtemp(prefix=_HOMES_PREFIX, dir=scratch))
        try:
            self._start_servers()
            self._start_replication()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Ends the servers at once and removes their data; the error logs stay in `directory`."""
        atexit.unregister(self.stop)
        for server in self.servers:  # all at once: a server that is still writing takes a while to go
            server.signal(signal.SIGKILL)
        for server in self.servers:
            server.kill()
            with contextlib.suppress(OSError):
                shutil.copy(server.error_log, self.directory / f"node{server.server_id}.log")
        self.servers = []
        if self._homes is not None:
            _remove_behind(self._homes)
        (self.directory / "cluster.json").unlink(missing_ok=True)
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start() if not self.servers else self

    def __exit__(self, *_):
        self.stop()

    @classmethod
    def load(cls, directory):
        """The cluster that another process has started in `directory`."""
        path = pathlib.Path(directory) / "cluster.json"
        try:
            state = json.loads(path.read_text())
        except FileNotFoundError:
            raise ClusterError(f"no cluster runs in {directory}") from None
        cluster = cls(state["kind"], directory, gtid=state["gtid"], owned=False)
        cluster._homes = pathlib.Path(state["homes"])
        for index, node in enumerate(state["nodes"]):
            home = cluster._homes / node["name"]
            server = Server(cluster.flavor, home, node["server_id"], node["options"], node["pid"], node["port"])
            cluster.servers.append(server)
            if node["role"] == "writer":
                cluster.writer = index
        return cluster

    # --- asking ------------------------------------------------------------------------------------------------------

    def connect(self, node=0, account=accounts.ROOT, **options):
        """A pymysql connection to a node itself: root by its socket, any other of `accounts` by TCP."""
        return self.servers[node].connect(account, **options)

    def query(self, node, statement, arguments=None):
        """Runs one statement on a node as root; its rows as dictionaries."""
        return self.servers[node].query(statement, arguments)

    def addresses(self):
        """["127.0.0.1:port", ...] in the order of the nodes."""
        return [f"127.0.0.1:{server.port}" for server in self.servers]

    def replicas(self):
        """The numbers of the nodes that are not the writer."""
        return [node for node in range(len(self.servers)) if node != self.writer]

    def replication_status(self, node):
        """SHOW REPLICA STATUS of a node as a dictionary, empty on a server that follows nobody."""
        rows = self.query(node, "SHOW REPLICA STATUS")
        return rows[0] if rows else {}

    def wait_synced(self, *nodes, timeout=30):
        """Waits until the given replicas (all of them, if none is given) have applied all that the writer has now."""
        with self.connect(self.writer, cursorclass=pymysql.cursors.DictCursor) as connection:
            statement = self.flavor.caught_up_statement(connection.cursor(), self.gtid)
        for node in nodes or self.replicas():
            answer = self.query(node, statement, (timeout,))[0]["answer"]
            if answer is None or answer < 0:
                status = self.replication_status(node)
                errors = {key: value for key, value in status.items() if "Error" in key and value not in ("", 0)}
                raise ClusterError(f"node {node} is not where the writer is after {timeout} s (answer {answer}): {errors}")

    # --- disturbing --------------------------------------------------------------------------------------------------

    def kill_node(self, node):
        """kill -9."""
        self.servers[node].kill()

    def restart_node(self, node):
        """Starts a killed node again, with its data and its port."""
        self.servers[node].launch(self._owned)
        self.servers[node].wait_ready(self._owned)
        self._save()

    def pause(self, node):
        """SIGSTOP: the kernel still accepts connections for it, but nobody answers. Returns when no thread of it runs any more."""
        self.servers[node].signal(signal.SIGSTOP)
        tasks = pathlib.Path(f"/proc/{self.servers[node].pid}/task")
        wait_until(lambda: all(_is_stopped(task) for task in tasks.iterdir()), 10, f"node {node} has stopped")

    def resume(self, node):
        self.servers[node].signal(signal.SIGCONT)

    def stop_replication(self, node):
        """The node keeps receiving, but applies no more: it becomes stale, and its answers stay as they are."""
        self.query(node, "STOP REPLICA SQL_THREAD")

    def start_replication(self, node):
        self.query(node, "START REPLICA SQL_THREAD")

    @contextlib.contextmanager
    def replication_stopped(self, *nodes):
        """For the time of a `with` block; all replicas, if none is given."""
        nodes = nodes or self.replicas()
        for node in nodes:
            self.stop_replication(node)
        try:
            yield
        finally:
            for node in nodes:
                self.start_replication(node)

    def delay_replication(self, node, seconds):
        """The node applies everything this many whole seconds late; 0 ends that."""
        self.query(node, "STOP REPLICA")
        self.query(node, self.flavor.delay_source(seconds))
        self.query(node, "START REPLICA")

    def set_read_only(self, node, on):
        """read_only, and on MySQL super_read_only with it."""
        self.query(node, self.flavor.set_read_only(on))

    def promote(self, node, timeout=30):
        """An orderly failover to `node`: the others that are alive follow it, the old writer becomes read-only."""
        old = self.writer
        alive = [index for index, server in enumerate(self.servers) if server.is_alive()]
        if old in alive:
            self.set_read_only(old, True)
            self.wait_synced(*[index for index in alive if index != old], timeout=timeout)
        self.query(node, "STOP REPLICA")
        self.query(node, "RESET REPLICA ALL")
        self.set_read_only(node, False)
        coordinates = self._coordinates(node)
        for index in alive:
            if index != node:
                if index != old:
                    self.query(index, "STOP REPLICA")
                self._follow(index, node, coordinates)
        self.writer = node
        self._save()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _start_servers(self):
        if self._owned:
            atexit.register(self.stop)
        for index in range(1 + self._replicas):
            options = [*self._options, *_TLS_OPTIONS, *self.flavor.binlog_options(self.gtid)]
            options += self.flavor.replica_options() if index > 0 else []
            self.servers.append(Server(self.flavor, self._homes / f"node{index + 1}", index + 1, options))

        def prepare(server):
            (server.home / "tmp").mkdir(parents=True)
            copy_template(self.flavor, server.datadir)

        with ThreadPoolExecutor() as pool:
            list(pool.map(prepare, self.servers))
        for server in self.servers:  # from this thread: the kernel ties `owned` servers to the thread that starts them
            server.launch(self._owned)
        self._save()
        for server in self.servers:
            server.wait_ready(self._owned)
        self._save()

    def _start_replication(self):
        coordinates = self._coordinates(self.writer)
        for replica in self.replicas():
            self._follow(replica, self.writer, coordinates)
        for schema in accounts.SCHEMAS:  # through replication, so that a start that succeeds has seen it work
            self.query(self.writer, f"CREATE DATABASE {schema}")
        self.wait_synced()

    def _coordinates(self, node):
        with self.connect(node, cursorclass=pymysql.cursors.DictCursor) as connection:
            return self.flavor.binlog_coordinates(connection.cursor())

    def _follow(self, replica, source, coordinates):
        for statement in self.flavor.before_change_source():
            self.query(replica, statement)
        self.query(replica, self.flavor.change_source(self.servers[source].port, self.gtid, coordinates))
        self.query(replica, "START REPLICA")
        self.set_read_only(replica, True)
        wait_until(lambda: self._io_running(replica), 30, f"node {replica} is connected to its source")

    def _io_running(self, node):
        status = self.replication_status(node)
        if (status.get("Last_IO_Errno") or 0) not in (0, 2003):
            raise ServerError(f"node {node}: {status['Last_IO_Error']}")
        return (status.get("Replica_IO_Running") or status.get("Slave_IO_Running")) == "Yes"

    def _save(self):
        """Writes cluster.json (whole), cluster.env (for shells) and what else stands in the folder."""
        nodes = []
        for index, server in enumerate(self.servers):
            role = "writer" if index == self.writer else "replica"
            nodes.append({
                "name": server.home.name, "host": "127.0.0.1", "port": server.port, "socket": server.socket,
                "server_id": server.server_id, "pid": server.pid, "role": role, "options": server.options,
                "error_log": str(server.error_log)})  # fmt: skip
        password_file = self.directory / "monitor.password"
        password_file.write_text(accounts.MONITOR.password + "\n")
        password_file.chmod(0o600)
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(self.servers[0].datadir / "ca.pem", self.directory / "ca.pem")
        users = {
            account.name: account.password
            for account in (accounts.ROOT, accounts.ADMIN, accounts.APP, accounts.APP_NATIVE, accounts.MONITOR)
            if account is not accounts.APP_NATIVE or self.flavor.has_native_password
        }
        state = {
            "kind": self.kind, "version": self.flavor.version(), "gtid": self.gtid, "nodes": nodes, "users": users,
            "monitor_user": accounts.MONITOR.name, "monitor_password_file": str(password_file.absolute()),
            "ca": str((self.directory / "ca.pem").absolute()), "homes": str(self._homes)}  # fmt: skip
        _write_whole(self.directory / "cluster.json", json.dumps(state, indent=2) + "\n")
        _write_whole(self.directory / "cluster.env", _environment(state))


def _environment(state):
    """The same for shells: NODE1_PORT, NODE1_SOCKET, ..., NODES, WRITER_PORT, MONITOR_USER, APP_USER, ..."""
    variables = {"KIND": state["kind"], "GTID": int(state["gtid"])}
    for number, node in enumerate(state["nodes"], start=1):
        for key in ("port", "socket", "server_id", "pid", "role"):
            variables[f"NODE{number}_{key.upper()}"] = node[key]
        if node["role"] == "writer":
            variables["WRITER_PORT"] = node["port"]
    variables["NODES"] = " ".join(f"127.0.0.1:{node['port']}" for node in state["nodes"])
    variables["MONITOR_USER"] = state["monitor_user"]
    variables["MONITOR_PASSWORD_FILE"] = state["monitor_password_file"]
    for variable, account in (("APP", accounts.APP), ("ADMIN", accounts.ADMIN)):
        variables[f"{variable}_USER"], variables[f"{variable}_PASSWORD"] = account.name, account.password
    variables["CA"] = state["ca"]
    return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in variables.items())


def _is_stopped(task):
    """Of a thread, by its folder in /proc: its state is the word behind the name in brackets."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")


def _remove_behind(folder):
    """Without waiting: to delete the 400 MB of a MySQL cluster takes seconds where the disk discards blocks."""
    subprocess.Popen(["rm", "-rf", "--", str(folder)], start_new_session=True, stderr=subprocess.DEVNULL)


def _remove_leftovers(scratch, inside):
    """Removes data whose servers have ended without `stop`: their owner was killed."""
    command_lines = b""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command_lines += path.read_bytes()
    for folder in scratch.glob(_HOMES_PREFIX + "*"):
        with contextlib.suppress(OSError):
            is_old = time.time() - folder.stat().st_mtime > 600  # a younger one may be about to start
            if is_old and inside(folder).encode() not in command_lines:
                _remove_behind(folder)


def _write_whole(path, text):
    """Readers see the old file or the new one, never a part."""
    temporary = path.with_suffix(path.suffix + ".new")
    temporary.write_text(text)
    temporary.replace(path)
