"""What is measured: a name, an address, and, for a proxy on this machine, the process whose CPU and memory count."""

import pathlib
import shlex
import shutil
import socket
import subprocess
import tempfile

import cluster

from .processes import pin

HOST = "127.0.0.1"


class Endpoint:
    """An address without a process of its own: a server, or a proxy that somebody else has started.

    `forwards`: it takes writes and reads; `levels`: it knows aurora_replica_read_consistency.
    """

    levels = False
    cores = None  # those that a proxy started here may use; None: all

    def __init__(self, name, host, port, pid=None, forwards=True):
        self.name = name
        self.host = host
        self.port = port
        self.pid = pid
        self.forwards = forwards

    @classmethod
    def parse(cls, text):
        """name=host:port, or name=host:port@pid for CPU and memory."""
        name, _, address = text.partition("=")
        address, _, pid = address.partition("@")
        host, _, port = address.rpartition(":")
        if not (name and host and port.isdigit() and (not pid or pid.isdigit())):
            raise ValueError(f"not name=host:port or name=host:port@pid: {text}")
        return cls(name, host, int(port), int(pid) if pid else None)

    def start(self):
        pass

    def stop(self):
        pass

    def restart(self):
        """A fresh process, for memory. False: this one cannot be restarted here."""
        return False

    def log_ports(self):
        """Where the binary log is read: {what to add to the name: port}."""
        return {"": self.port}

    def command_line(self):
        return f"{self.host}:{self.port}"


class HaProxy(Endpoint):
    """HAProxy in TCP mode with one thread, before one server."""

    def __init__(self, server_address):
        super().__init__("haproxy", HOST, cluster.free_port(), forwards=False)
        self._server_address = server_address
        self._process = None
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="causeway-bench-haproxy-"))

    def configuration(self):
        # maxconn: room for 5000 idle connections within 20000 open files.
        return f"""\
global
    nbthread 1
    maxconn 9000
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen mysql
    bind {HOST}:{self.port}
    server replica {self._server_address}
"""

    def start(self):
        path = self._directory / "haproxy.cfg"
        path.write_text(self.configuration())
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "haproxy", "-q", "-db", "-f", str(path)])
        self.pid = self._process.pid
        cluster.wait_until(lambda: self._listens() or self._process.poll() is not None, 10, "haproxy listens")
        if self._process.poll() is not None:
            raise OSError(f"haproxy ended with {self._process.returncode} at its start")
        if self.cores:
            pin(self.pid, self.cores)

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        shutil.rmtree(self._directory, ignore_errors=True)

    def restart(self):
        self._process.kill()
        self._process.wait()
        self.start()
        return True

    def command_line(self):
        return "haproxy -q -db -f haproxy.cfg, which is\n" + self.configuration().rstrip()

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


class Causeway(Endpoint):
    """Causeway before the whole cluster.

    `log_listeners`: {what to add to the name: options of a listener for replication}; without any the log is read at the
    port of the statements.
    """

    levels = True

    def __init__(self, local_cluster, workers, arguments, log_listeners=None):
        super().__init__("causeway", HOST, None)
        self._log_ports = {}
        for name, options in (log_listeners or {}).items():
            self._log_ports[name] = cluster.free_port()
            arguments = [*arguments, f"--listen={HOST}:{self._log_ports[name]}?purpose=replication{options}"]
        self._cluster = local_cluster
        self._arguments = [f"--workers={workers}", "--log-level=warning", *arguments]
        self._process = None
        self._last_command = []

    def start(self):
        self._process = cluster.Causeway(self._cluster, arguments=self._arguments).start()
        self._last_command = self._process.command()
        self.pid = self._process.pid
        self.port = self._process.port
        if self.cores:
            pin(self.pid, self.cores)

    def stop(self):
        if self._process is not None:
            self._process.kill()  # not in order: a figure is no test of the end
            self._process.log_path.unlink(missing_ok=True)
            self._process = None

    def restart(self):
        self.stop()
        self.start()
        return True

    def log_ports(self):
        return self._log_ports or super().log_ports()

    def command_line(self):
        return shlex.join(self._last_command)
