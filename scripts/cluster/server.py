"""One database server process: started, paused, killed, asked."""

import os
import pathlib
import signal
import subprocess

import pymysql

from . import accounts
from .ports import free_port
from .waiting import Timeout, wait_until

_START_TIMEOUT_S = 120  # a loaded two-core machine with sanitizers running beside it
_PORT_ATTEMPTS = 5


class ServerError(Exception):
    """A server did not do what it should; the text ends with its error log."""


class Server:
    """A server in the folder `home` (data, socket, log). `flavor` is MariaDb() or MySql()."""

    def __init__(self, flavor, home, server_id, options=(), pid=None, port=None):
        self.flavor = flavor
        self.home = pathlib.Path(home)
        self.server_id = server_id
        self.options = list(options)
        self.port = port
        self.pid = pid
        self._process = None  # only where this process has started the server

    @property
    def datadir(self):
        return self.home / "data"

    @property
    def socket(self):
        return str(self.home / "s.sock")

    @property
    def error_log(self):
        return self.home / "error.log"

    def launch(self, die_with_parent):
        """Starts the process and returns at once; see wait_ready. With `die_with_parent` it never outlives us."""
        self.port = self.port or free_port()
        command = [*self.flavor.command(), *self._options()]
        if die_with_parent:
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with open(self.error_log, "ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
        self.pid = self._process.pid

    def wait_ready(self, die_with_parent):
        """Waits until the server answers; takes another port if somebody else was quicker on ours."""
        for _ in range(_PORT_ATTEMPTS):
            try:
                wait_until(self._answers_or_ended, _START_TIMEOUT_S, f"{self.home} answers")
            except Timeout as timeout:
                raise ServerError(f"{timeout}\n{self.log_tail()}") from None
            if self.is_alive():
                return
            if "Address already in use" not in self.log_tail():
                raise ServerError(f"server {self.server_id} did not start\n{self.log_tail()}")
            self.port = None
            self.launch(die_with_parent)
        raise ServerError(f"server {self.server_id} found no free port\n{self.log_tail()}")

    def is_alive(self):
        """True while the process runs (also when stopped by SIGSTOP)."""
        if self._process is not None:
            return self._process.poll() is None
        if self.pid is None:
            return False
        try:  # The number may be another's by now: ours has its data folder on the command line.
            return self.flavor.inside(self.datadir).encode() in pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False

    def signal(self, number):
        if self.is_alive():
            os.kill(self.pid, number)

    def kill(self):
        """kill -9, and waits until the process is gone."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        wait_until(lambda: not self.is_alive(), 30, f"server {self.server_id} is gone")
        self.pid = None

    def shut_down(self):
        """An orderly end; killed after a minute."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            wait_until(lambda: not self.is_alive(), 60, f"server {self.server_id} ends")
        except Timeout:
            pass
        self.kill()

    def connect(self, account=accounts.ROOT, **options):
        """A pymysql connection: as root by the socket, as anybody else by TCP. Autocommit on."""
        where = {"unix_socket": self.socket} if account is accounts.ROOT else {"host": "127.0.0.1", "port": self.port}
        settings = {"autocommit": True, "charset": "utf8mb4", "connect_timeout": 10, **where, **options}
        return pymysql.connect(user=account.name, password=account.password, **settings)

    def query(self, statement, arguments=None, timeout=60):
        """Runs one statement as root and returns its rows as dictionaries."""
        with self.connect(cursorclass=pymysql.cursors.DictCursor, read_timeout=timeout) as connection:
            with connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                return list(cursor.fetchall())

    def log_tail(self, lines=30):
        try:
            text = self.error_log.read_text(errors="replace")
        except OSError:
            return "(no error log)"
        return f"--- {self.error_log}\n" + "\n".join(text.splitlines()[-lines:])

    def _answers_or_ended(self):
        if not self.is_alive():
            return True
        try:
            self.connect().close()
        except pymysql.Error:
            return False
        return True

    def _options(self):
        inside = self.flavor.inside
        return [
            f"--datadir={inside(self.datadir)}",
            f"--socket={inside(self.home / 's.sock')}",
            f"--pid-file={inside(self.home / 'server.pid')}",
            f"--tmpdir={inside(self.home / 'tmp')}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            f"--server-id={self.server_id}",
            "--report-host=127.0.0.1",
            f"--report-port={self.port}",
            "--sync-binlog=0",
            "--innodb-flush-log-at-trx-commit=2",
            # No fsync at all: kill -9 loses nothing by that (the kernel has the pages), only a power cut would.
            "--innodb-flush-method=nosync",
            "--innodb-buffer-pool-size=64M",
            "--local-infile=ON",
            "--secure-file-priv=",
            "--general-log=OFF",
            "--general-log-file=general.log",
            *self.flavor.options(),
            *self.options,
        ]
