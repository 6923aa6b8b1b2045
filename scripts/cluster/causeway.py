"""Causeway itself, before a local cluster."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

import pymysql

from . import accounts
from .paths import PROJECT, cache_dir
from .ports import free_port
from .waiting import Timeout, wait_until

# What AddressSanitizer, LeakSanitizer, ThreadSanitizer and UBSan print.
_SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|: runtime error: ")


class CausewayError(Exception):
    """The process did not do what it should; the text ends with its log."""


def password_key():
    """A private RSA key for all of them: to make one costs a third of a second of each start."""
    path = cache_dir() / "password-key.pem"
    if not path.exists():
        made = path.with_suffix(f".{os.getpid()}")
        subprocess.run(["openssl", "genrsa", "-out", made, "2048"], check=True, capture_output=True)
        made.replace(path)
    return path


def default_binary():
    """$CAUSEWAY_BINARY, or the one of $CAUSEWAY_PRESET (release)."""
    preset = os.environ.get("CAUSEWAY_PRESET", "release")
    return os.environ.get("CAUSEWAY_BINARY", str(PROJECT / "build" / preset / "proxy" / "causeway"))


class Causeway:
    """A causeway process before `cluster` on a free port.

    `settings` are settings by the names of the documentation, {"forwarding.read_wait_timeout": "2s"}; a value may be a
    list for what can be given more than once. `arguments` are added as they are; `stderr` is a descriptor to log to
    instead of `log_path`; without `password_file` the settings or arguments say what the monitor's password is. Ends with
    this process.
    """

    def __init__(self, cluster, settings=None, arguments=(), environment=None, binary=None, stderr=None,
                 password_file=True):  # fmt: skip
        self.cluster = cluster
        self.port = free_port()
        self.admin_port = free_port()
        self.log_path = pathlib.Path(tempfile.mkstemp(prefix="causeway-", suffix=".log")[1])
        self._settings = settings or {}
        self._arguments = list(arguments)
        self._environment = environment or {}
        self._binary = binary or default_binary()
        self._stderr = stderr
        self._password_file = password_file
        self._process = None

    def command(self):
        command = [self._binary, "--listen", f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{self.admin_port}"]
        for address in self.cluster.addresses():
            command += ["--node", address]
        command += ["--monitor-user", accounts.MONITOR.name]
        if self._password_file:
            command += ["--monitor-password-file", str(self.cluster.directory / "monitor.password")]
        for name, value in {"tls.password_key": str(password_key()), **self._settings}.items():
            command += [f"--{name}={item}" for item in (value if isinstance(value, list) else [value])]
        return command + self._arguments

    def start(self, ready_timeout=30):
        """Starts the process and waits until /readyz answers 200; `ready_timeout` None does not wait for that."""
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command()], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log if self._stderr is None else self._stderr,
                start_new_session=True, env={**os.environ, **self._environment})  # fmt: skip
        if ready_timeout is not None:
            self.wait_ready(ready_timeout)
        return self

    def wait_ready(self, timeout=30):
        try:
            wait_until(lambda: not self.is_alive() or self.http("/readyz")[0] == 200, timeout, "/readyz answers 200")
        except Timeout as error:
            raise CausewayError(f"{error}\n{self.log()}") from None
        if not self.is_alive():
            raise CausewayError(f"causeway ended with {self._process.returncode} at its start\n{self.log()}")

    def is_alive(self):
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self, timeout=30):
        """SIGTERM, and waits. Raises CausewayError if the process had died before, does not end, ends with another
        status than 0, or a sanitizer has reported."""
        if self._process is None:
            return
        process, died_before = self._process, not self.is_alive()
        if not died_before:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise CausewayError(f"causeway did not end within {timeout} s after SIGTERM\n{self.log()}") from None
        finally:
            self._process = None
        if died_before or process.returncode != 0:
            when = "by itself" if died_before else "after SIGTERM"
            raise CausewayError(f"causeway ended {when} with {process.returncode}\n{self.log()}")
        if _SANITIZER_REPORT.search(self.log()):
            raise CausewayError(f"a sanitizer has reported\n{self.log()}")

    def wait_for_log(self, text, timeout=10):
        """Until the log has this text: lines are written by a thread of their own, a moment later."""
        wait_until(lambda: text in self.log(), timeout, f"the log says {text!r}")

    def kill(self):
        """kill -9; not an error."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def connect(self, account=accounts.APP, **options):
        """A pymysql connection through Causeway, autocommit on."""
        settings = {"autocommit": True, "charset": "utf8mb4", "connect_timeout": 10, "read_timeout": 60, **options}
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=account.name, password=account.password, **settings)  # fmt: skip

    def http(self, path, timeout=5):
        """(status, body) of the admin endpoint; status 0 when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=timeout) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name, **labels):
        """The sum of a metric's samples that carry these labels, 0 if there is none."""
        total = 0.0
        for line in self.http("/metrics")[1].splitlines():
            sample = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)", line)
            if sample and sample[1] == name:
                found = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample[2] or ""))
                if labels.items() <= found.items():
                    total += float(sample[3])
        return total

    def log(self):
        return self.log_path.read_text(errors="replace")
