"""How a MariaDB server (10.5 or later, from Debian) is installed, started and made a replica."""

import os
import shutil
import subprocess

from . import accounts
from .paths import cache_dir


class MariaDb:
    kind = "mariadb"
    has_native_password = True

    def __init__(self):
        self._mariadbd = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if self._mariadbd is None:
            raise FileNotFoundError("mariadbd is not installed: scripts/install-dependencies demo")

    def version(self):
        output = subprocess.run([self._mariadbd, "--no-defaults", "--version"], check=True, capture_output=True, text=True)
        return output.stdout.split("Ver ")[1].split()[0]

    def scratch_root(self):
        """Folder under which data folders are made when the caller names none."""
        return cache_dir()

    def inside(self, path):
        """`path` as the server sees it."""
        return str(path)

    def install(self, datadir):
        """Initialises `datadir`: root@localhost without a password, nothing else."""
        subprocess.run(
            # --force: a machine whose own name cannot be looked up will do, grants are by '%' and localhost.
            ["mariadb-install-db", "--no-defaults", "--force", *self._as_root(), f"--datadir={datadir}",
             "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=16M"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip

    def command(self):
        return [self._mariadbd, "--no-defaults", *self._as_root()]

    def options(self):
        """Options that only this kind has or needs."""
        return [
            "--innodb-log-file-size=16M",
            # Off, as shipped: with it, a test that writes on a replica (a failover gone wrong) would stop replication
            # at once instead of showing what Causeway makes of it. Causeway must not depend on it.
            "--gtid-strict-mode=OFF",
            "--feedback=OFF",
        ]

    def replica_options(self):
        return ["--read-only=ON"]

    def binlog_options(self, gtid):
        # MariaDB always writes GTIDs; whether a replica uses them is said in CHANGE MASTER.
        return ["--log-bin=binlog", "--log-slave-updates=ON", "--binlog-format=ROW", "--relay-log=relay"]

    def template_statements(self):
        return accounts.mariadb_statements()

    def change_source(self, port, gtid, coordinates):
        """Statement that points a replica to the server on `port`; `coordinates` (file, position) without GTIDs."""
        account = accounts.REPLICATION
        start = "MASTER_USE_GTID=slave_pos"
        if not gtid:
            start = f"MASTER_USE_GTID=no, MASTER_LOG_FILE='{coordinates[0]}', MASTER_LOG_POS={coordinates[1]}"
        return (
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='{account.name}', "
            f"MASTER_PASSWORD='{account.password}', MASTER_CONNECT_RETRY=1, {start}"
        )

    def before_change_source(self):
        """What a server that has been a source needs: slave_pos knows only what was replicated to it."""
        return ["SET GLOBAL gtid_slave_pos = @@gtid_current_pos"]

    def delay_source(self, seconds):
        return f"CHANGE MASTER TO MASTER_DELAY={int(seconds)}"

    def binlog_coordinates(self, cursor):
        cursor.execute("SHOW MASTER STATUS")
        row = cursor.fetchone()
        return row["File"], row["Position"]

    def caught_up_statement(self, cursor, gtid):
        """Asks a source, and returns the statement that on a replica answers 0 or more when it has all of that."""
        if gtid:
            cursor.execute("SELECT @@gtid_binlog_pos AS position")
            return f"SELECT MASTER_GTID_WAIT('{cursor.fetchone()['position']}', %s) AS answer"
        file, position = self.binlog_coordinates(cursor)
        # Thrice: a wait during which the applier is started may say that all is there when it is not.
        wait = f"MASTER_POS_WAIT('{file}', {position}, "
        return f"SELECT CASE {wait}%s) >= 0 WHEN 1 THEN ({wait}1) = 0 AND {wait}1) = 0) - 1 WHEN 0 THEN -1 END AS answer"

    def set_read_only(self, on):
        return f"SET GLOBAL read_only = {int(on)}"

    @staticmethod
    def _as_root():
        return ["--user=root"] if os.geteuid() == 0 else []
