"""How a MySQL server (8.4 or 9, in the folder of scripts/mysql-chroot) is installed, started and made a replica."""

import os
import pathlib
import subprocess

from . import accounts
from .paths import SCRIPTS, cache_dir


class MySql:
    kind = "mysql"
    has_native_password = False  # the server-side plugin is gone since 9.0

    def __init__(self):
        self._root = cache_dir() / "mysql"
        if not (self._root / "usr/sbin/mysqld").exists():
            subprocess.run([SCRIPTS / "mysql-chroot", self._root], check=True, stdout=subprocess.DEVNULL)
        if os.geteuid() != 0:
            raise PermissionError("MySQL runs by chroot into a folder and that needs root")

    def version(self):
        output = subprocess.run(self.command() + ["--version"], check=True, capture_output=True, text=True)
        return output.stdout.split("Ver ")[1].split()[0]

    def scratch_root(self):
        """Data folders have to be inside of the chroot."""
        folder = self._root / "var/lib/causeway"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def inside(self, path):
        """`path` as the server sees it."""
        return "/" + str(pathlib.Path(path).relative_to(self._root))

    def install(self, datadir):
        """Initialises `datadir`: root@localhost without a password, nothing else."""
        subprocess.run(
            self.command() + [f"--datadir={self.inside(datadir)}", "--initialize-insecure"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip

    def command(self):
        return ["chroot", str(self._root), "/usr/sbin/mysqld", "--no-defaults", "--user=root"]

    def options(self):
        """Options that only this kind has or needs."""
        return [
            "--mysqlx=OFF",
            "--innodb-redo-log-capacity=16M",
            # Starts quicker and takes 200 MB less. SHOW REPLICA STATUS and the replication_* tables work without it.
            "--performance-schema=OFF",
        ]

    def replica_options(self):
        # The channel is started by START REPLICA when it is set up; a restarted node starts it by itself.
        return ["--read-only=ON", "--super-read-only=ON"]

    def binlog_options(self, gtid):
        mode = "ON" if gtid else "OFF"
        # Without GTIDs a multi-threaded replica tells its position only every 300 ms by default.
        checkpoint = [] if gtid else ["--replica-checkpoint-period=10"]
        return [*checkpoint, "--log-bin=binlog", "--relay-log=relay", f"--gtid-mode={mode}", f"--enforce-gtid-consistency={mode}"]

    def template_statements(self):
        return accounts.mysql_statements()

    def change_source(self, port, gtid, coordinates):
        """Statement that points a replica to the server on `port`; `coordinates` (file, position) without GTIDs."""
        account = accounts.REPLICATION
        start = "SOURCE_AUTO_POSITION=1"
        if not gtid:
            start = f"SOURCE_LOG_FILE='{coordinates[0]}', SOURCE_LOG_POS={coordinates[1]}"
        # The key: caching_sha2_password without TLS hands the password over under the source's RSA key.
        return (
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='{account.name}', "
            f"SOURCE_PASSWORD='{account.password}', GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1, "
            f"SOURCE_RETRY_COUNT=86400, {start}"
        )

    def before_change_source(self):
        return []

    def delay_source(self, seconds):
        return f"CHANGE REPLICATION SOURCE TO SOURCE_DELAY={int(seconds)}"

    def binlog_coordinates(self, cursor):
        cursor.execute("SHOW BINARY LOG STATUS")
        row = cursor.fetchone()
        return row["File"], row["Position"]

    def caught_up_statement(self, cursor, gtid):
        """Asks a source, and returns the statement that on a replica answers 0 or more when it has all of that."""
        if gtid:
            # 1 means that the time is over, 0 that all is there: turned into the other functions' -1 and 0.
            cursor.execute("SELECT REPLACE(@@GLOBAL.gtid_executed, '\\n', '') AS position")
            position = cursor.fetchone()["position"]
            return f"SELECT -WAIT_FOR_EXECUTED_GTID_SET('{position}', %s) AS answer"
        file, position = self.binlog_coordinates(cursor)
        # Thrice: a wait during which the applier is started may say that all is there when it is not.
        wait = f"SOURCE_POS_WAIT('{file}', {position}, "
        return f"SELECT CASE {wait}%s) >= 0 WHEN 1 THEN ({wait}1) = 0 AND {wait}1) = 0) - 1 WHEN 0 THEN -1 END AS answer"

    def set_read_only(self, on):
        # Turning read_only off turns super_read_only off too, turning super_read_only on turns read_only on too.
        return "SET GLOBAL super_read_only = 1" if on else "SET GLOBAL read_only = 0"
