"""An application cannot tell by its driver that it does not talk to the server itself: each driver's program in drivers/
runs against the writer and, at the same time, through Causeway. What it prints is the expected, and the same."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import zlib

import pytest
from cluster import Causeway, LocalCluster, accounts
from cluster.paths import SCRIPTS, cache_dir
from support import in_parallel

HERE = pathlib.Path(__file__).resolve().parent / "drivers"
CONNECTOR_J = "/usr/share/java/mariadb-java-client.jar"
LARGE = "abcdefghijklmnopqrstuvwxyz012345" * (20 * 1024 * 1024 // 32)
TIMEOUT_S = 120
TLS_USER = "app_tls"  # REQUIRE SSL: so a program that only seems to use TLS is refused, by the server itself, too

# --- the programs -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Driver:
    """A program; `build` of the session's folder returns its command. `lacks` are steps for which the driver has no
    call, `vectors` says that it can read the type VECTOR, `knows_mysql_9` that it can log in there at all."""

    build: callable
    lacks: frozenset = frozenset()
    vectors: bool = False
    knows_mysql_9: bool = True


def _interpreted(*command):
    return lambda folder: [*command[:-1], str(HERE / command[-1])]


def _python(module):
    return lambda folder: ["/usr/bin/python3", str(HERE / "python_dbapi.py"), module]


def _node(module):
    return lambda folder: ["node", str(HERE / "node/steps.js"), module]


def _c(folder):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmariadb"], check=True, capture_output=True, text=True)
    _compile("gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", str(HERE / "libmariadb.c"), "-o",
             str(folder / "libmariadb"), *flags.stdout.split())  # fmt: skip
    return [str(folder / "libmariadb")]


def _go(folder):
    environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "gocache"), "GOFLAGS": ""}
    _compile("go", "build", "-o", str(folder / "go"), str(HERE / "go_sql_driver.go"), environment=environment)
    return [str(folder / "go")]


def _java(folder):
    _compile("javac", "-d", str(folder), str(HERE / "ConnectorJ.java"))
    # Quick to start rather than quick to run.
    options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Duser.timezone=UTC", "-Dfile.encoding=UTF-8"]
    return ["java", *options, "-cp", f"{folder}:{CONNECTOR_J}", "ConnectorJ"]


def _compile(*command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    assert done.returncode == 0, done.stderr


DRIVERS = {
    "libmariadb": Driver(_c),
    "mysql_client": Driver(_interpreted("/usr/bin/python3", "mysql_client.py"), frozenset({"ping", "quoting"}), vectors=True),
    "pymysql": Driver(_python("pymysql")),
    "mysqlclient": Driver(_python("MySQLdb"), vectors=True),
    "node_mysql2": Driver(_node("mysql2"), frozenset({"schema"})),
    "node_mysql": Driver(_node("mysql"), frozenset({"schema"}), knows_mysql_9=False),
    "php_mysqli": Driver(_interpreted("php", "php_mysqli.php")),
    "php_pdo": Driver(_interpreted("php", "php_pdo.php"), frozenset({"schema", "ping"})),
    "ruby_mysql2": Driver(_interpreted("ruby", "ruby_mysql2.rb"), frozenset({"lost"})),
    "perl_dbd_mysql": Driver(_interpreted("perl", "dbd_mysql.pl"), frozenset({"schema"})),
    "go_sql_driver": Driver(_go, frozenset({"schema", "lost"})),
    "connector_j": Driver(_java),
}


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """program(driver name): its command. Compiled at most once."""
    commands = {}

    def command(name):
        if name not in commands:
            commands[name] = DRIVERS[name].build(tmp_path_factory.mktemp(name))
        return commands[name]

    return command


@pytest.fixture(scope="session")
def node_modules():
    """The folder of Node's drivers, which scripts/install-dependencies npm has filled by package-lock.json; None if it has
    not, which is an error where CI=true: they alone need more than Debian's mirror."""
    digest = hashlib.sha256((HERE / "node/package-lock.json").read_bytes()).hexdigest()[:12]
    folder = cache_dir() / f"node-{digest}" / "node_modules"
    if not folder.is_dir() and os.environ.get("CI") != "true":
        return None
    assert folder.is_dir(), f"{folder} is missing: scripts/install-dependencies npm"
    return folder


# --- the servers ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ground(cluster_kind):
    """(cluster, Causeway, Causeway that speaks TLS to the servers): values of 20 MiB are allowed everywhere."""
    subprocess.run([SCRIPTS / "mysql-chroot"], check=True, capture_output=True)  # the mysql client, for both kinds
    with LocalCluster(cluster_kind, options=["--max-allowed-packet=64M"]) as cluster:
        for statement in (
            f"CREATE USER {TLS_USER}@'%' IDENTIFIED BY '{accounts.APP.password}' REQUIRE SSL",
            f"GRANT PROCESS ON *.* TO {TLS_USER}@'%'",
            f"GRANT ALL ON app.* TO {TLS_USER}@'%'",
        ):
            cluster.query(cluster.writer, statement)
        cluster.wait_synced()
        settings = {"limits.max_packet": "128MiB"}
        proxies = [Causeway(cluster, settings), Causeway(cluster, {**settings, "server_tls.mode": "required"})]
        with contextlib.ExitStack() as stack:
            for proxy in proxies:
                stack.callback(proxy.log_path.unlink)
                stack.callback(proxy.stop)
                proxy.start()
            yield cluster, *proxies


def _columns(kind, driver):
    """The rows of drivers/columns.tsv for this kind of server and this driver."""
    lines = (HERE / "columns.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [row for row in rows if row[3] in ("both", kind) and (driver.vectors or not row[1].startswith("VECTOR"))]


def _run(command, environment):
    """The steps that a program has printed, and its standard error if it has failed."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True)  # fmt: skip
    end = ""
    try:
        output, messages = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        end = f"was still running after {TIMEOUT_S} s, "
        os.killpg(process.pid, signal.SIGKILL)
        output, messages = process.communicate()
    text = output.decode(errors="backslashreplace").replace(environment["DB_TABLE"], "TABLE")
    steps = []
    for line in text.splitlines():
        try:
            steps.append(json.loads(line))
        except ValueError:
            steps.append({"step": "(broken)", "value": line})
    failed = process.returncode != 0 or any(step["step"] == "(broken)" for step in steps)
    problem = f"{end}ended with {process.returncode}\n{messages.decode(errors='replace')[-3000:]}" if failed else ""
    return [(step["step"], step["value"]) for step in steps], problem


# --- what is expected -------------------------------------------------------------------------------------------------


def _flat(value):
    """All that is in a value, as texts: drivers differ in what they nest, and in which numbers are texts."""
    if isinstance(value, list):
        return [text for item in value for text in _flat(item)]
    return [value if value is None or isinstance(value, str) else str(value)]


def _expected_rows(columns, first_id):
    values = [[row[4] for row in columns], [row[5] for row in columns], [None] * len(columns)]
    return [[str(first_id + number), *row] for number, row in enumerate(values)]


def _has(*texts):
    return lambda value: all(any(text in (item or "") for item in _flat(value)) for text in texts)


def _is(*texts):
    return lambda value: _flat(value) == list(texts)


def _starts(*texts):
    return lambda value: _flat(value)[: len(texts)] == list(texts)


_LARGE = _starts(str(len(LARGE)), str(zlib.crc32(LARGE.encode())), "True")

# Per step: what its value has to be, whatever the driver.
CHECKS = {
    "login.denied": _has("1045", "Access denied for user"),
    "login.schema": _has("1044", "Access denied for user", "to database 'missing'"),
    "connect": _has("app", "@%"),
    "text.insert": _is("1", "1", "1"),
    "prepared.insert": _is("1", "1", "1"),
    "prepared.again": _is("13", "5"),
    "prepared.two": _is("é-b"),
    "prepared.error": _has("1146", "1062", "Table 'app.missing' doesn't exist", "Duplicate entry '11'"),
    "transaction": _is("2", "0", "1"),
    "insert_id": _is("11", "11"),
    "update": _starts("2"),
    "multi": _has("1", "2", "3"),
    "call": _starts("5", "6", "x"),
    "stream": _is("500500", "next"),
    "large": lambda value: _LARGE(value) and "False" not in _flat(value),
    "error.syntax": _has("1064", "near 'SELEC 1'"),
    "error.duplicate": _has("1062", "Duplicate entry '1'"),
    "error.table": _has("1146", "Table 'app.missing' doesn't exist"),
    "error.multi": _has("1064", "near 'SELEC 2'"),
    "error.after": _is("still here"),
    "warnings": _has("12", "1292", "Truncated incorrect INTEGER value: '12abc'"),
    "quoting": _is("True"),
    "session": _has("5", "+00:00", "utf8mb4", "ANSI_QUOTES"),
    "schema": _has("information_schema", "app"),
    "ping": lambda value: True,
    "kill": _has("nterrupted"),
    "lost": _is("True"),
    "reconnect": _has("app"),
    # Of some drivers only.
    "call.prepared": _starts("6", "7", "x"),
    "prepared.many": _is("465"),
    "cursor": _is("11", "2147483647", "12", "-2147483648", "13", "5"),
    "cursor.reset": _is("13", "5"),
    "transaction.read_only": _has("1", "1792"),
    "multi.on": _is("1", "2"),
}
OF_SOME = {"call.prepared", "prepared.many", "cursor", "cursor.reset", "transaction.read_only", "multi.on"}
# What is compared with the server's answer only: metadata, and what a driver makes of it.
COMPARED_ONLY = {
    "text.columns", "prepared.columns", "prepared.time", "list_fields", "bulk", "batch", "in_transaction", "multi.off", "reset",
    "change_user", "change_user.again", "read_only", "metadata", "warnings.shown", "status", "interrupted"}  # fmt: skip


def _complaints(steps, kind, driver, columns, is_large):
    """What is wrong with the steps of one run, as lines."""
    if kind == "mysql" and not driver.knows_mysql_9:
        return [f"{name}: {value}" for name, value in steps if not _has("1251")(value)] + ["nothing"] * (not steps)
    checks = CHECKS if kind == "mysql" else {**CHECKS, "kill": _has("Connection was killed")}
    rows = {"text.select": _expected_rows(columns, 1), "prepared.select": _expected_rows(columns, 11)}
    wanted = {*checks, *rows} - OF_SOME - driver.lacks - (set() if is_large else {"large"})
    lines = [f"{name}: not there" for name in sorted(wanted - {name for name, _ in steps})]
    for name, value in steps:
        if name in rows:
            lines += _differences(name, rows[name], value, "expected")
        elif name in checks and not checks[name](value):
            lines.append(f"{name}: {str(value)[:2000]}")
        elif name not in checks and name not in COMPARED_ONLY:
            lines.append(f"{name}: nobody knows this step")
    return lines


def _differences(path, reference, value, reference_name):
    """Where a value differs from what it should be, as lines."""
    if reference == value:
        return []
    if isinstance(reference, list) and isinstance(value, list) and len(reference) == len(value):
        pairs = enumerate(zip(reference, value))
        return [line for i, pair in pairs for line in _differences(f"{path}[{i}]", *pair, reference_name)]
    return [f"{path}: {str(value)[:500]}\n    {reference_name}: {str(reference)[:500]}"]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", DRIVERS)
def test_driver(name, tls, cluster_kind, ground, program, node_modules, tmp_path, request):
    if name.startswith("node_") and node_modules is None:
        pytest.skip("Node's drivers are not installed: scripts/install-dependencies npm")
    cluster, plain_proxy, tls_proxy = ground
    driver = DRIVERS[name]
    columns = _columns(cluster_kind, driver)
    (tmp_path / "columns.tsv").write_text("".join("\t".join(row) + "\n" for row in columns), encoding="utf-8")
    nodes = [str(server.port) for server in cluster.servers]
    common = {
        "DB_USER": TLS_USER if tls else accounts.APP.name, "DB_PASSWORD": accounts.APP.password, "DB_NAME": "app",
        "DB_TLS": str(int(tls)), "DB_COLUMNS": str(tmp_path / "columns.tsv"),
        "DB_MYSQL_ROOT": str(cache_dir() / "mysql"), "NODE_PATH": str(node_modules)}  # fmt: skip
    proxy = tls_proxy if tls else plain_proxy
    is_large = tls  # once per driver and kind of server: it takes seconds
    # Names of the same length, so that a text cut off by a server is cut at the same place.
    environments = [
        {**common, "DB_PORT": nodes[0], "DB_NODES": nodes[0], "DB_TABLE": f"{name}_0", "DB_LARGE": "0"},
        {**common, "DB_PORT": str(proxy.port), "DB_NODES": " ".join(nodes), "DB_TABLE": f"{name}_1",
         "DB_LARGE": str(int(is_large))}]  # fmt: skip
    command = program(name)
    (direct, direct_problem), (through, problem) = in_parallel(2, lambda i: _run(command, environments[i]))

    lines = [f"the program itself fails: {direct_problem}"] if direct_problem else []
    lines += [f"on the server: {line}" for line in _complaints(direct, cluster_kind, driver, columns, False)]
    if problem:
        lines.append(f"through Causeway: {problem}")
    lines += [f"through Causeway: {line}" for line in _complaints(through, cluster_kind, driver, columns, is_large)]
    through = [step for step in through if step[0] != "large"]
    for (step, value), (other_step, other) in zip(direct, through):
        if step == other_step:
            lines += _differences(f"through Causeway: {step}", value, other, "server")
        else:
            lines.append(f"through Causeway: {other_step} where the server has {step}")
    if len(direct) != len(through):
        lines.append(f"{len(direct)} steps on the server, {len(through)} through Causeway")
    if lines:
        request.node.add_report_section("call", "causeway log", proxy.log()[-5000:])
        pytest.fail("\n".join(lines), pytrace=False)


def test_every_step_is_documented():
    text = (HERE / "README.md").read_text(encoding="utf-8")
    missing = {step for step in {*CHECKS, *COMPARED_ONLY, "text.select", "prepared.select"} if f"`{step}`" not in text}
    assert not missing
