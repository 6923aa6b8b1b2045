"""What operators are told: /metrics, /status, the shipped alerts."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

import pymysql
import pytest
from cluster import accounts, wait_until
from cluster.paths import PROJECT
from cluster.ports import free_port
from conftest import run
from support import attempt, in_parallel

ALERTS = PROJECT / "deploy" / "prometheus-alerts.yml"
ALERT_TESTS = PROJECT / "tests" / "prometheus-alerts-test.yml"


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def gauges(proxy, *names):
    """The samples of these metrics that are not 0."""
    found = {}
    for line in proxy.http("/metrics")[1].splitlines():
        sample = re.match(r"([a-zA-Z_:][\w:]*)(\{.*\})? ([^ ]+)", line)
        if sample and sample[1] in names and float(sample[3]) != 0:
            found[sample[1] + (sample[2] or "")] = float(sample[3])
    return found


def test_the_alerts_are_sound_and_are_raised_by_what_they_are_about():
    promtool("check", "rules", ALERTS)
    promtool("test", "rules", ALERT_TESTS)
    shipped = set(re.findall(r"alert: (\w+)", ALERTS.read_text()))
    tested = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels", ALERT_TESTS.read_text()))
    assert shipped == tested


METRICS_DOC = PROJECT / "docs" / "metrics.md"


def test_the_documented_metrics_are_those_that_are_there(proxy):
    """CAUSEWAY_UPDATE_DOCS=1 writes the list anew."""
    text = proxy.http("/metrics")[1]
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    meanings = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    assert kinds.keys() == meanings.keys()
    rows = [f"| `{name}` | {kinds[name]} | {meanings[name]} |" for name in meanings]
    begin, end = "| metric | type | |\n|---|---|---|\n", "\n\n<!-- end of metrics -->\n"
    before, _, rest = METRICS_DOC.read_text().partition(begin)
    listed, _, after = rest.partition(end)
    if os.environ.get("CAUSEWAY_UPDATE_DOCS"):
        METRICS_DOC.write_text(before + begin + "\n".join(rows) + end + after)
    else:
        assert listed.splitlines() == rows


def test_prometheus_takes_the_metrics(proxy, connect, table):
    session = connect()
    run(session, f"INSERT INTO {table} VALUES (3, 'x')")
    run(session, f"SELECT * FROM {table}")
    text = proxy.http("/metrics")[1]
    promtool("check", "metrics", text=text)
    families = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(families) == len(set(families))
    samples = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))


@contextlib.contextmanager
def prometheus(proxy):
    """A Prometheus that scrapes the proxy with the shipped alerts; gives a function that asks its API."""
    with tempfile.TemporaryDirectory(prefix="causeway-prometheus-") as folder:
        config = pathlib.Path(folder) / "prometheus.yml"
        config.write_text(
            json.dumps({
                "global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
                "rule_files": [str(ALERTS)],
                "scrape_configs": [
                    {"job_name": "causeway", "static_configs": [{"targets": [f"127.0.0.1:{proxy.admin_port}"]}]}
                ],
            })
        )  # fmt: skip
        port = free_port()
        with open(pathlib.Path(folder) / "log", "wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "prometheus", f"--config.file={config}",
                 f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # fmt: skip

        def ask(path):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                    return json.load(answer)["data"]
            except OSError:
                return None

        try:
            wait_until(lambda: ask("/api/v1/alerts") is not None, 30, "Prometheus answers")
            yield ask
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_a_stopped_replica_raises_an_alert(cluster, proxy, table):
    with prometheus(proxy) as ask:

        def alerts():
            return {(a["labels"]["alertname"], a["labels"].get("node")) for a in (ask("/api/v1/alerts") or {}).get("alerts", [])}

        def sample(name, node):
            found = ask(f"/api/v1/query?query={name}%7Bnode%3D%22{node}%22%7D")["result"]
            return float(found[0]["value"][1]) if found else None

        address = cluster.addresses()[1]
        wait_until(lambda: sample("causeway_node_lag_seconds", address) is not None, 20, "a scrape")
        assert sample("causeway_node_replication_running", address) == 1
        assert alerts() == set()
        with cluster.replication_stopped(1):
            wait_until(lambda: ("CausewayReplicaStopped", address) in alerts(), 20, "the alert")
            # Known or not (+Inf), its lag does not disappear.
            cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'late')")
            wait_until(lambda: sample("causeway_node_lag_seconds", address) > 1, 20, "it is behind")
            assert sample("causeway_node_lag_seconds", cluster.addresses()[2]) is not None
        wait_until(lambda: not alerts(), 20, "the alert ends")


PINNED = "causeway_pinned_sessions"


def test_each_reason_of_a_pin_is_counted_and_ends(proxy, connect, table):
    reasons = {
        "transaction": (["BEGIN", f"INSERT INTO {table} VALUES (7, 'x')"], "COMMIT"),
        "temporary_table": (["CREATE TEMPORARY TABLE app.tmp_pins (i INT)"], None),
        "table_lock": ([f"LOCK TABLES {table} READ"], "UNLOCK TABLES"),
        "user_lock": (["SELECT GET_LOCK('pins', 0)"], None),
        "prepared_statement": (["SET @text = 'SELECT 1'", "PREPARE p FROM @text"], None),
        "diagnostics": (["SELECT 1 + 'x'"], "SELECT 1"),
        "session_state": (["SELECT @pins := 2"], None),
        "replication": (["SET @mariadb_slave_capability = 4"], None),
    }
    shown = re.findall(r'^causeway_pins_total\{reason="(\w+)"', proxy.http("/metrics")[1], re.MULTILINE)
    assert set(shown) == set(reasons)
    for reason, (begin, end) in reasons.items():
        session = connect()
        before = proxy.metric("causeway_pins_total", reason=reason)
        for statement in begin:
            run(session, statement)
        wait_until(lambda r=reason: proxy.metric(PINNED, reason=r) == 1, 5, f"a pin: {reason}")
        assert proxy.metric("causeway_pins_total", reason=reason) == before + 1
        if end:
            run(session, end)
            wait_until(lambda r=reason: proxy.metric(PINNED, reason=r) == 0, 5, f"the end of a pin: {reason}")
        session.close()
        wait_until(lambda: gauges(proxy, PINNED) == {}, 5, f"nothing is left of {reason}")


GAUGES = ["causeway_sessions", "causeway_forwarded_sessions", "causeway_writer_sessions", "causeway_pinned_sessions",
          "causeway_leases_in_use"]  # fmt: skip


def test_gauges_come_back_to_0_however_sessions_end(cluster, proxy, connect, table):
    def leave(session, how):
        if how == "quit":
            session.close()
        elif how == "vanish":
            session._force_close()
        elif how == "kill":
            attempt(session, "KILL CONNECTION_ID()")
        elif how == "reset":
            session._execute_command(0x1F, b"")
            session._read_ok_packet()
            session.close()

    states = [
        [],
        ["SET aurora_replica_read_consistency = ''", "SELECT 1"],
        ["BEGIN", f"UPDATE {table} SET value = 'y' WHERE id = 1"],
        ["CREATE TEMPORARY TABLE app.tmp_gauges (i INT)", "SET @a = 1"],
        ["SELECT GET_LOCK('gauges', 0)", "SELECT 1 + 'x'"],
        ["SET autocommit = 0", f"SELECT * FROM {table}"],
        [f"INSERT INTO {table} VALUES (1, 'duplicate')"],
    ]
    for how in ("quit", "vanish", "kill", "reset"):
        for statements in states:
            session = proxy.connect(database="app")
            for statement in statements:
                attempt(session, statement)
            with contextlib.suppress(pymysql.Error, OSError):
                leave(session, how)
        wait_until(lambda: gauges(proxy, *GAUGES) == {}, 10, f"all gauges are 0 after {how}")
    with pytest.raises(pymysql.err.OperationalError):
        proxy.connect(accounts.APP, database="nosuch")
    wait_until(lambda: gauges(proxy, *GAUGES) == {}, 10, "all gauges are 0 after a failed login")


def test_gauges_are_what_sessions_are(proxy, connect):
    plain = connect()
    reader = connect(level="")
    wait_until(lambda: proxy.metric("causeway_forwarded_sessions") == 1, 5, "one session forwards")
    run(reader, "SET aurora_replica_read_consistency = 'SESSION'")
    wait_until(lambda: proxy.metric("causeway_forwarded_sessions") == 2, 5, "both forward")
    run(plain, "DO 1")
    wait_until(lambda: proxy.metric("causeway_writer_sessions") == 1, 5, "one has used the writer")
    assert proxy.metric("causeway_sessions") == 2


def test_uptime_counts_from_the_start(proxy):
    started = time.time() - json.loads(proxy.http("/status")[1])["uptime_seconds"]
    assert abs(started - proxy.metric("process_start_time_seconds")) < 2


# --- memory -----------------------------------------------------------------------------------------------------------

LARGE = 4 << 20


def memory(proxy):
    return proxy.metric("process_resident_memory_bytes") / (1 << 20)


def in_sessions(proxy, number, work, **options):
    """`number` sessions do `work`, ten at a time; they stay open."""
    def one_of_them(_):
        session = proxy.connect(**{"database": "app", **options})
        work(session)
        return session

    sessions = []
    for _ in range(number // 10):
        sessions += in_parallel(10, one_of_them)
    return sessions


def test_memory_comes_back_after_sessions_that_needed_much(proxy, connect):
    """Large statements, large results, many prepared statements and variables: while such sessions are idle they hold
    no buffers, and when they are gone the process is small again."""
    run(connect(), "SELECT 1")
    start = memory(proxy)

    def prepare(session):
        for i in range(100):
            run(session, f"PREPARE s{i} FROM 'SELECT {i}, \"{'p' * 5000}\"'")

    def idle_after(work, number=30, **options):
        sessions = in_sessions(proxy, number, work, **options)
        wait_until(lambda: memory(proxy) < start + 30, 20, f"memory of idle sessions ({memory(proxy):.0f} MiB)")
        for session in sessions:
            session.close()

    idle_after(lambda s: run(s, f"SELECT LENGTH('{'x' * LARGE}')"))
    idle_after(lambda s: run(s, f"DO LENGTH('{'x' * LARGE}')"))
    idle_after(lambda s: run(s, f"SELECT REPEAT('x', {LARGE})"))
    for session in in_sessions(proxy, 100, lambda s: run(s, "SELECT 1"), ssl={"check_hostname": False}):
        session.close()
    for session in in_sessions(proxy, 60, prepare):
        session.close()
    wait_until(lambda: proxy.metric("causeway_sessions") == 1, 10, "the sessions are gone")
    wait_until(lambda: memory(proxy) < start + 30, 20, f"memory comes back from {memory(proxy):.0f} to {start:.0f} MiB")
