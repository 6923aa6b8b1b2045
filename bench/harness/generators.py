"""What makes the load: sysbench, and load_client for what sysbench cannot do."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import subprocess

from cluster import accounts

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = "sbtest"


class GeneratorError(Exception):
    """A generator failed; the text has its output."""


class Generators:
    """Runs them as the application's account, and remembers each kind of command line once."""

    def __init__(self, rows):
        self.rows = rows
        self.command_lines = {}
        self._load_client = load_client_binary()

    def prepare(self, writer_port):
        """Makes sysbench's table on the writer."""
        _run(self._sysbench("127.0.0.1", writer_port, "oltp_point_select", "prepare"))

    def sysbench(self, endpoint, threads, seconds=0, statements=0):
        """Point selects as text, for a time or up to a number: {"statements", "per_second"}."""
        command = self._sysbench(
            endpoint.host, endpoint.port, "oltp_point_select", "run", "--db-ps-mode=disable", "--skip-trx=on",
            f"--threads={threads}", f"--time={seconds}", f"--events={statements}", "--percentile=99")  # fmt: skip
        output = _run(command)
        self._remember("sysbench", command, endpoint)
        done = re.search(r"queries:\s+(\d+)\s+\(([\d.]+) per sec", output)
        errors = re.search(r"ignored errors:\s+(\d+)", output)
        if done is None or errors is None or errors[1] != "0":
            raise GeneratorError(f"sysbench through {endpoint.name}:\n{output}")
        return {"statements": int(done[1]), "per_second": float(done[2])}

    def load_client(self, endpoint, mode, **options):
        """One run of load_client; what it printed."""
        return json.loads(_run(self._load_command(endpoint, mode, options)))

    @contextlib.contextmanager
    def held(self, endpoint, mode, **options):
        """load_client in a mode that goes on until it is told to end, by end(); killed behind the `with` block."""
        command = self._load_command(endpoint, mode, options)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @staticmethod
    def end(process):
        """Tells it to end; what it printed."""
        output, _ = process.communicate(timeout=60)
        if process.returncode != 0:
            raise GeneratorError(f"{shlex.join(process.args)} has failed")
        return json.loads(output)

    def hold_idle(self, endpoint, connections):
        """Starts load_client with idle connections and returns its process when all stand: end it by closing stdin."""
        command = self._load_command(endpoint, "idle", {"connections": connections})
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not process.stdout.readline():
            process.wait()
            raise GeneratorError(f"{connections} connections through {endpoint.name} did not come to stand")
        return process

    def _sysbench(self, host, port, test, command, *options):
        return [
            "sysbench", test, "--db-driver=mysql", f"--mysql-host={host}", f"--mysql-port={port}",
            f"--mysql-user={accounts.APP.name}", f"--mysql-password={accounts.APP.password}", f"--mysql-db={SCHEMA}",
            "--tables=1", f"--table-size={self.rows}", *options, command]  # fmt: skip

    def _load_command(self, endpoint, mode, options):
        address = [endpoint.host, str(endpoint.port), accounts.APP.name, accounts.APP.password, SCHEMA]
        command = [self._load_client, mode, *address, *[f"{name}={value}" for name, value in options.items()]]
        self._remember(f"load_client {mode}", command, endpoint)
        return command

    def _remember(self, kind, command, endpoint):
        shown = [f"PORT-OF-{endpoint.name}" if part == str(endpoint.port) else part for part in command]
        shown = [part.replace(f"port={endpoint.port}", "port=PORT") if part.startswith("--") else part for part in shown]
        shown = ["PORT" if part.startswith("PORT-OF-") else part for part in shown]
        shown[0] = os.path.basename(shown[0])
        line = shlex.join(shown)
        lines = self.command_lines.setdefault(kind, [])
        if line not in lines:
            lines.append(line)


def load_client_binary():
    """$CAUSEWAY_LOAD_CLIENT, or the one of build/bench, built if need be."""
    if "CAUSEWAY_LOAD_CLIENT" in os.environ:
        return os.environ["CAUSEWAY_LOAD_CLIENT"]
    build = PROJECT / "build" / "bench"
    if not (build / "build.ninja").exists():
        _run(["cmake", "-S", str(PROJECT), "-B", str(build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
              "-DCAUSEWAY_BENCH=ON", "-DCAUSEWAY_TESTS=OFF"])  # fmt: skip
    _run(["cmake", "--build", str(build), "--target", "load_client"])
    return str(build / "bench" / "load_client")


def _run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise GeneratorError(f"{shlex.join(command)}\n{done.stdout}")
    return done.stdout
