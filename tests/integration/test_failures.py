"""docs/contract/failover.md: what clients and operators see when something is broken."""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pymysql
import pytest
from cluster import Causeway, accounts, free_port, wait_until
from cluster.causeway import default_binary
from conftest import run
from support import (
    MONITOR_RIGHTS, SeenAt, SqlError, attempt, check, in_parallel, kill_connections, monitor_account, one, run_client, run_mysql_client,
    scaled, server_of,
)  # fmt: skip


@pytest.fixture
def broken(own_cluster):
    """A cluster for this test alone with the table app.t (id), to kill nodes of."""
    cluster = own_cluster()
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    cluster.query(0, "INSERT INTO app.t VALUES (1), (2)")
    cluster.wait_synced()
    return cluster


@contextlib.contextmanager
def readers(proxy, count=4):
    """Sessions that read all the time; gives the list of their errors and the nodes they have read on."""
    finished = threading.Event()
    errors, nodes = [], []

    def read(_):
        with proxy.connect(database="app") as connection:
            while not finished.is_set():
                answer = attempt(connection, "SELECT COUNT(*), @@server_id FROM t")
                if isinstance(answer, SqlError):
                    errors.append(answer)
                    finished.wait(0.05)
                else:
                    nodes.append(answer[0][1] - 1)

    thread = threading.Thread(target=lambda: in_parallel(count, read))
    thread.start()
    try:
        wait_until(lambda: len(nodes) > 50 or errors, 20, "reads run")
        yield errors, nodes
    finally:
        finished.set()
        thread.join(timeout=60)
    assert not thread.is_alive()


# --- nodes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_replica_lost_in_the_middle_of_reads_is_no_clients_error(broken, start_proxy, how):
    proxy = start_proxy(broken, {"monitor.connect_timeout": "500ms"})
    with readers(proxy) as (errors, nodes):
        broken.kill_node(1) if how == "kill" else broken.pause(1)
        try:
            wait_until(lambda: proxy.http("/status")[1].count('"usable":true') == 2, 20, "the node is out")
            seen = len(nodes)
            wait_until(lambda: len(nodes) > seen + 50, 20, "reads go on")
            assert set(nodes[-20:]) == {2}
        finally:
            broken.restart_node(1) if how == "kill" else broken.resume(1)
        wait_until(lambda: 1 in nodes[-20:] or proxy.http("/status")[1].count('"usable":true') == 3, 30, "the node is back")
    assert errors == []


def test_all_replicas_lost_reads_run_on_the_writer(broken, start_proxy):
    proxy = start_proxy(broken)
    with readers(proxy) as (errors, nodes):
        broken.kill_node(1)
        broken.kill_node(2)
        wait_until(lambda: set(nodes[-20:]) == {0}, 20, "reads run on the writer")
    assert errors == []


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_writer_lost_reads_go_on_and_writes_say_so(broken, start_proxy, how):
    proxy = start_proxy(broken, {"forwarding.writer_wait": "1s", "monitor.connect_timeout": "500ms"})
    with readers(proxy) as (errors, nodes), proxy.connect(database="app", read_timeout=30) as writer:
        run(writer, "INSERT INTO t VALUES (3)")
        broken.wait_synced()  # replication is asynchronous
        broken.kill_node(0) if how == "kill" else broken.pause(0)
        try:
            began = time.monotonic()
            answer = attempt(writer, "INSERT INTO t VALUES (4)")
            assert isinstance(answer, SqlError) and time.monotonic() - began < 12
            seen = len(nodes)
            wait_until(lambda: len(nodes) > seen + 50, 20, "reads go on")
            with proxy.connect(database="app", read_timeout=30) as another:  # a login needs no writer
                assert one(another, "SELECT COUNT(*) FROM t") >= 3
                answer = attempt(another, "INSERT INTO t VALUES (5)")
                assert isinstance(answer, SqlError) and "writer" in answer.text.lower(), answer
                assert server_of(another) in (1, 2)
        finally:
            broken.restart_node(0) if how == "kill" else broken.resume(0)
        with proxy.connect(database="app") as another:
            wait_until(lambda: not isinstance(attempt(another, "REPLACE INTO t VALUES (6)"), SqlError), 30, "writes work again")
            assert one(another, "SELECT COUNT(*) FROM t WHERE id = 6") == 1
    assert errors == []


def test_write_that_was_not_sent_waits_for_the_writer(broken, start_proxy):
    proxy = start_proxy(broken, {"forwarding.writer_wait": "30s"})
    with proxy.connect(database="app") as connection:
        broken.kill_node(0)
        wait_until(lambda: '"role":"writer"' not in proxy.http("/status")[1] or '"up":false' in proxy.http("/status")[1], 20, "it is seen")
        timer = threading.Timer(1.0, lambda: broken.servers[0].launch(die_with_parent=False))
        timer.start()
        try:
            run(connection, "INSERT INTO t VALUES (7)")
        finally:
            timer.join()
            broken.servers[0].wait_ready(die_with_parent=False)
        assert one(connection, "SELECT COUNT(*) FROM t WHERE id = 7") == 1


def test_writer_lost_in_a_transaction_ends_it_with_an_error_to_retry_on(broken, start_proxy):
    proxy = start_proxy(broken, {"forwarding.writer_wait": "20s"})
    with proxy.connect(database="app") as connection:
        run(connection, "BEGIN")
        run(connection, "INSERT INTO t VALUES (8)")
        broken.kill_node(0)
        answer = attempt(connection, "INSERT INTO t VALUES (9)")
        assert isinstance(answer, SqlError) and answer.sqlstate == "40001", answer
        # It may have seen on the writer what replicas have not got: its next read waits for one, unless it does without.
        assert one(connection, "/* causeway: consistency=eventual */ SELECT COUNT(*) FROM t") == 2
        broken.restart_node(0)
        assert one(connection, "SELECT COUNT(*) FROM t") == 2
        run(connection, "INSERT INTO t VALUES (10)")
        assert run(connection, "SELECT id FROM t WHERE id > 2") == ((10,),)


def test_server_connections_that_were_killed_meanwhile_are_no_clients_error(cluster, proxy, connect, table):
    """As after wait_timeout, a restarted firewall, or an administrator's KILL: nothing was sent, so nothing is lost."""
    sessions = [connect() for _ in range(4)]
    for turn in range(3):
        for connection in sessions:
            run(connection, f"SELECT * FROM {table}")
            run(connection, f"INSERT INTO {table} (id) SELECT COALESCE(MAX(id), 0) + 1 FROM {table}")
        for node in range(3):
            for row in cluster.query(node, "SHOW PROCESSLIST"):
                if row["User"] == accounts.APP.name:
                    attempt_kill(cluster, node, row["Id"])
        for connection in sessions:
            run(connection, f"INSERT INTO {table} (id) SELECT COALESCE(MAX(id), 0) + 1 FROM {table}")
            assert one(connection, f"SELECT COUNT(*) FROM {table}") > 2 + turn
    cluster.wait_synced()  # the last ones are another session's
    assert one(sessions[0], f"SELECT COUNT(*) FROM {table}") == 2 + 3 * 8


def attempt_kill(cluster, node, connection_id):
    with contextlib.suppress(pymysql.Error):  # it may just have ended
        cluster.query(node, f"KILL {connection_id}")


def test_connection_killed_in_a_transaction_ends_the_transaction(cluster, connect, table):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    kill_connections(cluster, 0)
    answer = attempt(connection, f"INSERT INTO {table} VALUES (4, 'x')")
    assert isinstance(answer, SqlError) and answer.sqlstate == "40001", answer
    run(connection, f"INSERT INTO {table} VALUES (5, 'x')")
    assert run(connection, f"SELECT id FROM {table} WHERE id > 2") == ((5,),)


def test_connection_killed_in_a_read_only_transaction_ends_the_transaction(cluster, connect, table):
    """Another connection would read from another snapshot."""
    connection = connect()
    run(connection, "START TRANSACTION READ ONLY")
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2
    node = server_of(connection)
    kill_connections(cluster, *cluster.replicas())
    lost = attempt(connection, f"SELECT COUNT(*) FROM {table}")
    assert isinstance(lost, SqlError) and lost.sqlstate == "40001", lost
    assert f"the connection to server 127.0.0.1:{cluster.servers[node].port} ended" in lost.text, "it is the replica that is named"
    assert one(connection, f"SELECT COUNT(*) FROM {table}") == 2
    run(connection, f"UPDATE {table} SET value = 'written' WHERE id = 1")


def test_replica_restarted_in_a_read_only_transaction_ends_the_transaction(broken, start_proxy):
    """Also where Causeway has closed its connections meanwhile: the transaction does not go on without one."""
    proxy = start_proxy(broken, {"monitor.connect_timeout": "500ms"})
    with proxy.connect(database="app") as connection:
        run(connection, "START TRANSACTION READ ONLY")
        node = server_of(connection)
        assert one(connection, "SELECT COUNT(*) FROM t") == 2
        broken.kill_node(node)
        wait_until(lambda: proxy.http("/status")[1].count('"usable":true') == 2, 20, "the node is out")
        broken.restart_node(node)
        wait_until(lambda: proxy.http("/status")[1].count('"usable":true') == 3, 30, "the node is back")
        run_elsewhere = proxy.connect(database="app")
        run(run_elsewhere, "INSERT INTO t VALUES (3)")
        run_elsewhere.close()
        broken.wait_synced()  # at SESSION what others write is seen when the replica has it
        lost = attempt(connection, "SELECT COUNT(*) FROM t")
        assert isinstance(lost, SqlError) and lost.sqlstate == "40001", lost
        assert one(connection, "SELECT COUNT(*) FROM t") == 3


def test_user_variables_of_a_killed_connection_are_not_silently_null(cluster, connect):
    connection = connect()
    run(connection, "SET @kept = 7")
    assert one(connection, "SELECT @kept") == 7
    kill_connections(cluster, cluster.writer)
    with pytest.raises(pymysql.err.MySQLError):
        one(connection, "SELECT @kept")


def test_failover_is_followed(broken, start_proxy):
    proxy = start_proxy(broken, {"forwarding.writer_wait": "20s"})
    with proxy.connect(database="app") as connection:
        run(connection, "INSERT INTO t VALUES (3)")
        broken.promote(1)
        run(connection, "INSERT INTO t VALUES (4)")
        assert run(connection, "SELECT id FROM t WHERE id > 2 ORDER BY id") == ((3,), (4,))
        assert one(connection, "SELECT @@server_id FROM t WHERE id = 1 FOR UPDATE") == 2


# --- the command line -------------------------------------------------------------------------------------------------


def _start_and_end(*arguments, timeout=30, environment=None):
    done = subprocess.run([default_binary(), *arguments], capture_output=True, text=True, timeout=timeout, env=environment)
    return done.returncode, done.stdout + done.stderr


def test_unknown_option_is_named(tmp_path):
    status, output = _start_and_end("--node", "127.0.0.1:3306", "--no-such-option", "1")
    assert status not in (0, -signal.SIGABRT, -signal.SIGSEGV) and "--no-such-option" in output


@pytest.mark.parametrize(
    "flag, value",
    [("--read-consistency", "SOMETIMES"), ("--listen", "nowhere"), ("--read-wait-timeout", "soon"), ("--workers", "many"),
     ("--monitor-password-file", "/no/such/file"), ("--node", "127.0.0.1:99999"), ("--on-read-wait-timeout", "never")],
)  # fmt: skip
def test_wrong_value_is_named(flag, value):
    status, output = _start_and_end("--node", "127.0.0.1:3306", flag, value)
    assert status > 0 and flag.lstrip("-").split("-")[-1] in output and value in output, output


@pytest.mark.parametrize(
    "text, place, words",
    [
        ("workers = 2\nnodes = [\"127.0.0.1:3306\"]\nwrokers = 3\n", ":3:", "wrokers"),
        ("nodes = [\"127.0.0.1:3306\"]\n[forwarding]\n  read_consistency = \"OFTEN\"\n", ":3:", "OFTEN"),
        ("nodes = [\"127.0.0.1:3306\"\n[forwarding]\n", ":2:", ""),
        ("nodes = [\"127.0.0.1:3306\"]\n[monitor]\nuser = 5\n", ":3:", "user"),
    ],
)  # fmt: skip
def test_error_in_the_file_is_told_with_line_and_column(tmp_path, text, place, words):
    path = tmp_path / "causeway.toml"
    path.write_text(text)
    for arguments in (("--config", str(path)), ("check", "--config", str(path))):
        status, output = _start_and_end(*arguments)
        assert status > 0 and f"{path}{place}" in output and words in output, output


def test_missing_file_is_named():
    status, output = _start_and_end("--config", "/no/such/causeway.toml")
    assert status > 0 and "/no/such/causeway.toml" in output


def test_port_in_use_is_named(cluster):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for flag in ("--listen", "--admin-listen"):
            command = Causeway(cluster).command()
            command[command.index(flag) + 1] = f"127.0.0.1:{port}"
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
            assert done.returncode > 0 and str(port) in done.stderr and "in use" in done.stderr.lower(), done.stderr


def test_wrong_monitor_password_is_told_and_not_fatal_for_ever(cluster, start_proxy, tmp_path):
    (tmp_path / "password").write_text("wrong\n")
    proxy = Causeway(cluster, None, ["--monitor-password-file", str(tmp_path / "password")])
    command = proxy.command()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: process.poll() is not None or proxy.http("/readyz")[0] == 503, 20, "not ready, or ended")
        time.sleep(0.5)
    finally:
        process.terminate()
        output = process.communicate(timeout=20)[0]
    assert accounts.MONITOR.name in output and "Access denied" in output, output
    assert cluster.addresses()[0] in output
    assert "wrong\n" not in output and accounts.MONITOR.password not in output


def test_login_while_no_server_can_be_reached_is_not_about_the_password(own_cluster, start_proxy):
    cluster = own_cluster(replicas=0)
    cluster.kill_node(0)
    proxy = start_proxy(cluster, ready_timeout=None)
    wait_until(lambda: proxy.http("/readyz")[0] == 503 and "no writer" in proxy.http("/readyz")[1], 20, "the proxy listens")
    for account in (accounts.APP, accounts.Account("nobody", "x"), accounts.Account("nobody", "")):
        with pytest.raises(pymysql.Error) as error:
            proxy.connect(account)
        assert error.value.args[0] == 1053 and "Access denied" not in error.value.args[1], error.value
    assert "the password could not be checked" in run_client(proxy, "SELECT 1").stderr
    with pytest.raises(AssertionError, match="the password could not be checked"):
        run_mysql_client(proxy, ["SELECT 1"])
    cluster.restart_node(0)
    proxy.wait_ready()
    with proxy.connect(database="app") as connection:
        assert one(connection, "SELECT 1") == 1
    with pytest.raises(pymysql.Error, match="Access denied"):
        proxy.connect(accounts.Account("app", "wrong"))


def test_changed_monitor_password_takes_no_node_out_of_service(cluster, start_proxy, connect, table, tmp_path):
    """Refused with the old password, the monitor keeps the roles it knows, and says so; it reads the file again whenever
    it is refused, and at SIGHUP."""
    password = tmp_path / "password"
    password.write_text("first-secret\n")
    arguments = ["--monitor-user", "rotated", "--monitor-password-file", str(password)]
    with monitor_account(cluster, "rotated") as set_password:
        proxy = start_proxy(cluster, None, *arguments)
        before = connect(to=proxy, level="GLOBAL")
        assert server_of(before) in (1, 2)
        set_password("second-secret")
        shut_out = "does not let the monitor in"
        wait_until(lambda: proxy.log().count(shut_out) == 3, 20, "all nodes refuse the monitor")
        assert proxy.http("/readyz")[0] == 200
        wait_until(lambda: proxy.http("/status")[1].count('"monitor_refused":true') == 3, 10, "it is shown a moment later")
        assert proxy.http("/status")[1].count("Access denied") == 3
        assert proxy.metric("causeway_node_monitor_refused") == proxy.metric("causeway_node_up") == 3
        for session in (before, connect(to=proxy)):
            run(session, f"UPDATE {table} SET value = 'x' WHERE id = 1")
            assert one(session, f"SELECT value FROM {table} WHERE id = 1") == "x"
        # Questions to the writer are refused as well: reads at GLOBAL, and of a session that has seen more than its own
        # writes (the second UPDATE changed nothing), go there themselves.
        assert server_of(connect(to=proxy)) in (1, 2)
        assert server_of(session) == server_of(before) == 0
        assert "out of service" not in proxy.log()

        password.write_text("second-secret\n")
        wait_until(lambda: proxy.log().count("lets the monitor in again") == 3, 20, "the file is read at a refusal")
        wait_until(lambda: proxy.metric("causeway_node_monitor_refused") == 0, 10, "nobody refuses")
        # Questions of GLOBAL reads take the new password too.
        refused = proxy.log().count("cannot ask the writer")
        for _ in range(3):
            session = connect(to=proxy, level="GLOBAL")
            assert server_of(session) in (1, 2)
        assert proxy.log().count("cannot ask the writer") == refused

        password.write_text("third-secret\n")
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: "monitor.password_file" in proxy.log(), 20, "SIGHUP reads the file")
        set_password("third-secret")
        wait_until(lambda: proxy.log().count("failed a poll") >= 6, 20, "the monitor's connections were cut")
        assert one(connect(to=proxy, level="GLOBAL"), "SELECT 1") == 1
        wait_until(lambda: proxy.http("/status")[1].count("Access denied") == 0, 20, "all nodes are watched again")
        assert proxy.log().count(shut_out) == 3 and "out of service" not in proxy.log()
        assert all(secret not in proxy.log() for secret in ("first-secret", "second-secret", "third-secret"))


def test_what_was_seen_on_the_writer_stays_seen_while_the_monitor_is_shut_out(cluster, start_proxy, connect, table, tmp_path):
    """Nobody can ask the writer for its position then, and what was known of it last may be older than what the session saw:
    as long as the server is there, such reads go to it."""
    (tmp_path / "password").write_text("first-secret\n")
    with monitor_account(cluster, "barred") as set_password:
        proxy = start_proxy(cluster, None, "--monitor-user", "barred", "--monitor-password-file", str(tmp_path / "password"))
        writer, reader, late = (connect(to=proxy, level="SESSION") for _ in range(3))
        assert one(reader, f"SELECT value FROM {table} WHERE id = 1") == "one"
        set_password("second-secret")
        wait_until(lambda: proxy.metric("causeway_node_monitor_refused") == 3, 20, "all nodes refuse the monitor")
        with cluster.replication_stopped():
            run(writer, f"UPDATE {table} SET value = 'x' WHERE id = 1")
            for session in (reader, late):
                # Writes nothing of its own, but saw that the value is there.
                run(session, f"UPDATE {table} SET value = 'x' WHERE id = 1")
                assert one(session, f"SELECT value FROM {table} WHERE id = 1") == "x"
                assert server_of(session) == 0


@pytest.mark.parametrize("change", ["ACCOUNT LOCK", "PASSWORD EXPIRE", "WITH MAX_USER_CONNECTIONS 1"])
def test_whatever_keeps_the_monitor_out_is_shown_and_changes_no_role(cluster, start_proxy, connect, tmp_path, change):
    (tmp_path / "password").write_text("first-secret\n")
    with monitor_account(cluster, "barred"), contextlib.ExitStack() as held:
        proxy = start_proxy(cluster, None, "--monitor-user", "barred", "--monitor-password-file", str(tmp_path / "password"))
        assert proxy.metric("causeway_node_monitor_refused") == 0
        proxy.signal(signal.SIGSTOP)
        kill_connections(cluster, 0, 1, 2, user="barred")
        cluster.query(0, f"ALTER USER barred@'%' {change}")
        cluster.wait_synced()
        if "MAX_USER" in change:
            for node in range(3):
                held.enter_context(cluster.connect(node, accounts.Account("barred", "first-secret")))
        proxy.signal(signal.SIGCONT)
        wait_until(lambda: proxy.metric("causeway_node_monitor_refused") == 3, 20, "all nodes refuse the monitor")
        assert proxy.metric("causeway_node_up") == 3 and proxy.metric("causeway_node_role", role="writer") == 1
        assert server_of(connect(to=proxy)) in (1, 2)


@contextlib.contextmanager
def full_writer(cluster, proxy):
    """Node 0, of max_connections=20, has no room, and refuses the monitor first of all; gives a connection to it."""
    held = [cluster.connect(0, accounts.ADMIN) for _ in range(14)]
    try:
        run(held[0], "SET GLOBAL max_connections = 10")  # what is open stays so
        for (number,) in run(held[0], "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'causeway_monitor'"):
            attempt(held[0], f"KILL {number}")
        wait_until(lambda: "does not let the monitor in" in proxy.log(), 20, "the monitor is refused")
        yield held[0]
    finally:
        for connection in held:
            connection.close()


def small_cluster(own_cluster, start_proxy, connect):
    """Two servers of few connections, a Causeway before them, and a session with a row in its table t."""
    cluster = own_cluster(replicas=1, max_connections=20)
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    cluster.wait_synced()
    proxy = start_proxy(cluster)
    session = connect(to=proxy)
    run(session, "INSERT INTO t VALUES (1)")
    return cluster, proxy, session


def test_a_server_promoted_while_the_writer_refuses_the_monitor_is_the_writer(own_cluster, start_proxy, connect):
    """Nobody has seen the old one give up its role: it is full, and there is no third server that follows either."""
    cluster, proxy, session = small_cluster(own_cluster, start_proxy, connect)
    with full_writer(cluster, proxy) as manager:
        old, new = cluster.addresses()
        assert proxy.metric("causeway_node_role", node=old, role="writer") == 1
        for variable in ("super_read_only", "read_only") if cluster.kind == "mysql" else ("read_only",):
            run(manager, f"SET GLOBAL {variable} = 1")
        cluster.query(1, "STOP REPLICA")
        cluster.query(1, "RESET REPLICA ALL")
        cluster.set_read_only(1, False)
        wait_until(lambda: proxy.metric("causeway_node_role", node=new, role="writer") == 1, 20, "the new one is the writer")
        assert proxy.metric("causeway_node_role", node=old, role="writer") == 0
        assert proxy.metric("causeway_node_monitor_refused", node=old) == 1
        proxy.wait_for_log(f"it is the writer now\" node={new} former_writer={old}")
        run(session, "INSERT INTO t VALUES (2)")
        assert one(session, "SELECT @@server_id FROM t WHERE id = 2") == 2
        assert cluster.query(1, "SELECT COUNT(*) AS n FROM app.t WHERE id = 2")[0]["n"] == 1
    wait_until(lambda: "lets the monitor in again" in proxy.log(), 20, "there is room again")
    wait_until(lambda: proxy.metric("causeway_node_monitor_refused") == 0, 20, "it is heard again")
    assert proxy.metric("causeway_node_role", node=new, role="writer") == 1
    run(session, "INSERT INTO t VALUES (3)")


def test_a_full_server_that_has_no_room_for_the_monitor_stays_what_it_was(own_cluster, start_proxy, connect):
    """It says so ahead of TLS, which the monitor's library tells as if nothing listened there."""
    cluster, proxy, session = small_cluster(own_cluster, start_proxy, connect)
    with full_writer(cluster, proxy):
        assert re.search(r"does not let the monitor in.* reason=.*Too many connections \(1040\)", proxy.log())
        for number in range(2, 12):
            run(session, f"INSERT INTO t VALUES ({number})")
            assert one(session, "SELECT COUNT(*) FROM t") == number
            time.sleep(0.1)
        assert "out of service" not in proxy.log() and "there is no writer" not in proxy.log()
    wait_until(lambda: "lets the monitor in again" in proxy.log(), 20, "there is room again")


def test_node_that_dies_while_the_monitor_is_shut_out_is_out_of_service(own_cluster, start_proxy, tmp_path):
    cluster = own_cluster()
    (tmp_path / "password").write_text("first-secret\n")
    arguments = ["--monitor-user", "rotated", "--monitor-password-file", str(tmp_path / "password")]
    with monitor_account(cluster, "rotated") as set_password:
        proxy = start_proxy(cluster, None, *arguments)
        set_password("second-secret")
        wait_until(lambda: proxy.log().count("does not let the monitor in") == 3, 20, "all nodes refuse the monitor")
        cluster.kill_node(1)
        wait_until(lambda: proxy.http("/status")[1].count('"up":false') == 1, 20, "the dead one is out")
        assert proxy.http("/readyz")[0] == 200


def test_ready_means_that_a_statement_can_be_served(own_cluster, start_proxy):
    """Two servers that both take writes, and nobody to say who is the writer: all answer, none can be used."""
    cluster = own_cluster(replicas=1)
    reset = {"mysql": "REPLICA", "mariadb": "SLAVE"}[cluster.kind]
    cluster.query(1, f"STOP {reset}")
    cluster.query(1, f"RESET {reset} ALL")
    cluster.set_read_only(1, False)
    proxy = start_proxy(cluster, ready_timeout=None)
    wait_until(lambda: "event=listening" in proxy.log(), 20, "it listens")
    status, body = proxy.http("/readyz")
    assert status == 503 and "several nodes are writable" in body
    assert '"ready":false' in proxy.http("/status")[1]
    proxy.wait_for_log("not ready: no statement can be served")
    assert "event=ready" not in proxy.log()
    checked = check(cluster)
    assert checked.returncode == 1 and "no writer" in checked.stderr and "several nodes are writable" in checked.stderr

    cluster.set_read_only(1, True)
    proxy.wait_ready()
    wait_until(lambda: "event=ready" in proxy.log(), 10, "the log says so")
    with proxy.connect(database="app") as connection:
        assert one(connection, "SELECT @@server_id") == 1


# --- causeway check ---------------------------------------------------------------------------------------------------


def test_check_says_who_is_who(cluster):
    done = check(cluster)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == cluster.addresses()
    assert "writer" in lines[0] and all("replica" in line and "read-only" in line for line in lines[1:])


def test_two_names_of_one_server_are_told(cluster, start_proxy):
    """As they are by a virtual address beside its server's own."""
    port = cluster.servers[1].port
    same = f"{cluster.addresses()[1]} and localhost:{port} cannot be told apart: both are names of one server"
    done = check(cluster, "--node", f"localhost:{port}")
    assert done.returncode == 1 and done.stderr.splitlines() == [same]
    proxy = start_proxy(cluster, None, "--node", f"localhost:{port}")
    told = f"two nodes cannot be told apart\" node={cluster.addresses()[1]} other=localhost:{port} reason="
    proxy.wait_for_log(told)
    assert proxy.log().count("cannot be told apart") == 1
    with proxy.connect(database="app") as connection:
        assert one(connection, "SELECT 1") == 1


def test_check_of_an_account_without_rights(cluster, tmp_path):
    (tmp_path / "password").write_text("first-secret")
    with monitor_account(cluster, "feeble", rights=()):
        done = check(cluster, "--monitor-user", "feeble", "--monitor-password-file", str(tmp_path / "password"))
    assert done.returncode == 1
    right = {"mysql": "REPLICATION CLIENT", "mariadb": "SLAVE MONITOR"}[cluster.kind]
    assert all(f"{address}: " in done.stderr for address in cluster.addresses()) and right in done.stderr
    (tmp_path / "password").write_text("wrong")
    done = check(cluster, "--monitor-password-file", str(tmp_path / "password"))
    assert done.returncode == 1 and "Access denied" in done.stderr and "wrong" not in done.stderr


def test_check_of_an_account_that_may_not_read_the_accounts(cluster, tmp_path):
    (tmp_path / "password").write_text("first-secret")
    with monitor_account(cluster, "half", rights=MONITOR_RIGHTS[cluster.kind][:1]):
        done = check(cluster, "--monitor-user", "half", "--monitor-password-file", str(tmp_path / "password"))
    assert done.returncode == 0 and "the accounts cannot be read" in done.stderr


def test_check_of_a_cluster_that_is_not_in_order(cluster):
    with cluster.replication_stopped(1):
        done = check(cluster)
    assert done.returncode == 1 and f"{cluster.addresses()[1]} takes no reads: its applier does not run" in done.stderr
    cluster.set_read_only(0, True)
    try:
        done = check(cluster)
    finally:
        cluster.set_read_only(0, False)
    assert done.returncode == 1 and "there is no writer" in done.stderr


@pytest.mark.parametrize("flag", ["--listen", "--admin-listen"])
def test_check_of_a_port_in_use(cluster, flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = check(cluster, flag, address)
    assert done.returncode == 1 and f"cannot listen on {address}" in done.stderr and "in use" in done.stderr.lower()


@pytest.mark.parametrize("settings", [("--tls.certificate=/no/such.pem", "--tls.key=/no/such.key"), ("--tls.ca=/no/such.pem",),
                                      ("--server_tls.ca=/no/such.pem", "--server_tls.mode=verify_ca")])  # fmt: skip
def test_check_of_missing_files(cluster, settings):
    done = check(cluster, *settings)
    assert done.returncode == 1 and "/no/such.pem" in done.stderr


def test_check_tries_the_nodes(cluster):
    command = Causeway(cluster).command()
    good = subprocess.run([command[0], "check", *command[1:]], capture_output=True, text=True, timeout=30)
    assert good.returncode == 0, good.stdout + good.stderr
    closed = f"127.0.0.1:{free_port()}"
    bad = subprocess.run([command[0], "check", *command[1:], "--node", closed], capture_output=True, text=True, timeout=30)
    assert bad.returncode > 0 and closed in bad.stdout + bad.stderr, bad.stdout + bad.stderr


def test_version():
    status, output = _start_and_end("--version")
    assert status == 0 and "causeway" in output.lower()


# --- the log ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def stalled_pipe():
    """The writing end of a pipe that takes no more than 4096 bytes."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


def test_log_that_nobody_reads_stops_nobody(cluster, start_proxy, table):
    """A reader that stalls, and failed logins: open sessions are served as before, and SIGTERM ends the process."""
    with stalled_pipe() as stderr:
        proxy = start_proxy(cluster, stderr=stderr)
        finished = time.monotonic() + scaled("CAUSEWAY_TEST_STALLED_LOG_SECONDS", 4, 60)
        refused = []

        def fail_to_log_in(number):
            while time.monotonic() < finished:
                account = accounts.Account(f"nobody_{number}_{len(refused)}", "wrong")
                with pytest.raises(pymysql.Error) as error:
                    proxy.connect(account, connect_timeout=5)
                refused.append(error.value.args[0])

        with proxy.connect(database="app", read_timeout=5) as session, concurrent.futures.ThreadPoolExecutor(16) as pool:
            # Each of these is a line of its own, more than the pipe takes.
            logins = [pool.submit(fail_to_log_in, number) for number in range(16)]
            served = 0
            while not all(login.done() for login in logins):
                run(session, f"UPDATE {table} SET value = '{served}' WHERE id = 1")
                assert one(session, f"SELECT value FROM {table} WHERE id = 1") == str(served)
                served += 1
            for login in logins:
                login.result()
        assert len(refused) > 60 and set(refused) == {1045}
        assert served > 20
        assert "causeway_log_lines_dropped_total" in proxy.http("/metrics")[1]
        proxy.stop(timeout=10)


def test_lines_that_a_full_disk_does_not_take_are_counted(cluster, start_proxy):
    with open("/dev/full", "wb") as full:
        proxy = start_proxy(cluster, stderr=full)
        assert proxy.metric("causeway_log_lines_dropped_total") > 0
        with proxy.connect() as connection:
            assert one(connection, "SELECT 1") == 1
        proxy.stop(timeout=10)


def test_the_same_line_is_not_told_for_ever(cluster, proxy):
    """Of lines that are alike some are told, then only their number."""
    for _ in range(12):
        with pytest.raises(pymysql.Error):
            proxy.connect(accounts.Account("nobody_at_all", "wrong"))
    told = "user=nobody_at_all"
    wait_until(lambda: "repeated=7" in proxy.log(), 20, "the log says how often it was")
    assert proxy.log().count(told) == 6, proxy.log()


def test_signals_of_other_programs_do_not_end_it(cluster, proxy):
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGXFSZ):
        proxy.signal(number)
    with proxy.connect() as connection:
        assert one(connection, "SELECT 1") == 1


def test_a_server_that_is_not_reached_is_told_with_port_and_reason(cluster, start_proxy):
    """Not in the words of the monitor's library, which have neither."""
    closed = f"127.0.0.1:{free_port()}"
    proxy = start_proxy(SeenAt(cluster, [*cluster.addresses(), closed]))
    node = json.loads(proxy.http("/status")[1])["nodes"][-1]
    assert node["name"] == closed
    assert f"no connection to {closed}: Connection refused" in node["last_error"]
    assert "(1" not in node["last_error"]


# --- descriptors ------------------------------------------------------------------------------------------------------


def test_descriptors_used_up(cluster, start_proxy):
    """Who comes then is told, at once; who is there is served, and so are operators."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        proxy = start_proxy(cluster)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE) == (hard, hard)

    with contextlib.ExitStack() as opened:
        first = opened.enter_context(proxy.connect(database="app"))
        assert one(first, "SELECT 1") == 1
        used = len(os.listdir(f"/proc/{proxy.pid}/fd"))
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (used + 60, hard))
        refused = []
        for _ in range(100):
            try:
                opened.enter_context(proxy.connect(connect_timeout=5))
            except pymysql.Error as error:
                refused.append(error.args[0])
        assert len(refused) > 40 and set(refused) == {1040}
        assert proxy.http("/readyz")[0] == 200
        assert one(first, "SELECT @@server_id") in (2, 3)
        assert one(first, "/* causeway: route=writer */ SELECT @@server_id") == 1
        # Not even the reserve is left.
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (used, hard))
        told = 0
        while told < 3:  # what a server's connection leaves free serves a client
            try:
                opened.enter_context(proxy.connect(connect_timeout=5))
            except pymysql.Error as error:
                assert error.args[0] == 1040
                told += 1
        assert one(first, "SELECT 1") == 1
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert proxy.metric("causeway_connections_rejected_total", reason="descriptors") == len(refused) + 3
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (hard, hard))
    with proxy.connect() as connection:
        assert one(connection, "SELECT 1") == 1


def test_the_descriptor_that_is_kept_for_refusals_is_taken_again(cluster, start_proxy):
    """It is lost while there is room for none at all."""
    proxy = start_proxy(cluster)
    hard = resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)[1]

    def limit(number):
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (number, hard))

    with contextlib.ExitStack() as opened:
        first = opened.enter_context(proxy.connect())
        assert one(first, "SELECT 1") == 1
        limit(3)
        waiting = opened.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
        proxy.wait_for_log("cannot accept a connection")
        limit(hard)
        waiting.settimeout(10)
        assert waiting.recv(1), "it is greeted when there is room"
        taken = {int(descriptor) for descriptor in os.listdir(f"/proc/{proxy.pid}/fd")}
        limit(min(set(range(max(taken) + 2)) - taken))
        answer = None
        while answer is None:  # what a server's connection leaves free serves a client
            try:
                opened.enter_context(proxy.connect(connect_timeout=5))
            except pymysql.Error as error:
                answer = error.args[0]
        assert answer == 1040
        limit(hard)
        assert one(first, "SELECT 1") == 1


def test_descriptor_limit_that_is_too_low_is_told(cluster, start_proxy):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    proxy = start_proxy(cluster, {"limits.max_connections": "1000000"})
    told = "too low for limits.max_connections"
    if hard < 1_500_064:
        proxy.wait_for_log(told)
    else:
        assert told not in proxy.log()
    assert "too low for limits.max_connections" not in start_proxy(cluster, {"limits.max_connections": "50"}).log()


# --- secrets ----------------------------------------------------------------------------------------------------------


def in_memory(proxy, text):
    """How often the process has it where a core dump would."""
    found = 0
    maps = pathlib.Path(f"/proc/{proxy.pid}/smaps").read_text()
    with open(f"/proc/{proxy.pid}/mem", "rb", buffering=0) as memory:
        for start, end, rights, flags in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) .*?^VmFlags:(.*?)$", maps, re.S | re.M):
            if not rights.startswith("r") or "dd" in flags.split() or "io" in flags.split():
                continue
            memory.seek(int(start, 16))
            with contextlib.suppress(OSError):
                found += memory.read(int(end, 16) - int(start, 16)).count(text.encode())
    return found


CORE_MONITOR = "a-monitor-password-to-look-for"
CORE_USER = "a-user-password-to-look-for"


@pytest.mark.parametrize("place", ["password file", "file", "flag", "environment"])
def test_passwords_are_in_no_core_dump_and_in_no_list_of_processes(cluster, start_proxy, tmp_path, place):
    (tmp_path / "monitor").write_text(CORE_MONITOR + "\n")
    (tmp_path / "user").write_text(CORE_USER + "\n")
    arguments, environment = [], {}
    if place == "password file":
        arguments = ["--monitor-password-file", str(tmp_path / "monitor"), f"--users=core_user=@{tmp_path / 'user'}"]
    elif place == "file":
        (tmp_path / "causeway.toml").write_text(f"[monitor]\npassword = '{CORE_MONITOR}'\n[users]\ncore_user = '{CORE_USER}'\n")
        arguments = ["--config", str(tmp_path / "causeway.toml")]
    elif place == "flag":
        arguments = [f"--monitor.password={CORE_MONITOR}", "--users", f"core_user={CORE_USER}"]
    else:
        environment = {"CAUSEWAY_MONITOR_PASSWORD": CORE_MONITOR, "CAUSEWAY_USERS": f"core_user={CORE_USER}"}
    with monitor_account(cluster, "core_monitor") as set_password, configured_account(cluster, "core_user", CORE_USER) as user:
        set_password(CORE_MONITOR, cut=False)
        proxy = start_proxy(cluster, {"monitor.user": "core_monitor"}, *arguments, environment=environment, password_file=False)
        with proxy.connect(user) as first, proxy.connect(user) as second:
            for session in (first, second):
                assert one(session, "SELECT 1") == 1
                assert one(session, "/* causeway: route=writer */ SELECT 1") == 1
            for shown in ("cmdline", "environ"):
                text = pathlib.Path(f"/proc/{proxy.pid}/{shown}").read_text(errors="replace")
                assert CORE_MONITOR not in text and CORE_USER not in text
            assert (in_memory(proxy, CORE_MONITOR), in_memory(proxy, CORE_USER)) == (0, 0)


@contextlib.contextmanager
def configured_account(cluster, name, password):
    cluster.query(0, f"CREATE USER {name}@'%' IDENTIFIED BY '{password}'")
    cluster.wait_synced()
    try:
        yield accounts.Account(name, password)
    finally:
        cluster.query(0, f"DROP USER {name}@'%'")


# --- clients ----------------------------------------------------------------------------------------------------------


def test_client_that_disappears_in_a_transaction_holds_no_locks(cluster, connect, table):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"UPDATE {table} SET value = 'x' WHERE id = 1")
    connection._force_close()
    other = connect()
    began = time.monotonic()
    run(other, "SET innodb_lock_wait_timeout = 5")
    run(other, f"UPDATE {table} SET value = 'y' WHERE id = 1")
    assert time.monotonic() - began < 1.5


def test_client_that_disappears_during_a_statement_cancels_it(cluster, connect, table):
    connection = connect(read_timeout=0.3)
    with pytest.raises(pymysql.Error):
        run(connection, f"UPDATE {table} SET value = SLEEP(30) WHERE id = 1")
    connection._force_close()

    def running():
        return [row for row in cluster.query(0, "SHOW PROCESSLIST") if "SLEEP(30)" in (row["Info"] or "")]

    wait_until(lambda: not running(), 5, "the statement is cancelled on the writer")


@pytest.mark.parametrize("account", [accounts.Account("app", "wrong"), accounts.Account("nobody", "x"), accounts.Account("nobody", "")])
def test_refused_login_is_the_servers_own_error(cluster, proxy, account):
    errors = []
    for port in (cluster.servers[0].port, proxy.port):
        with pytest.raises(pymysql.Error) as error:
            pymysql.connect(host="127.0.0.1", port=port, user=account.name, password=account.password)
        errors.append(error.value)
    server, causeway = ((error.args, getattr(error, "sqlstate", None)) for error in errors)
    assert server[0][0] == 1045 and causeway == server
    with proxy.connect(database="app") as connection:  # and it can still be used
        run(connection, "SELECT 1")


def test_writers_connections_used_up(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, {"workers": 1, "forwarding.aurora_fwd_writer_max_connections_pct": 1,
                                  "forwarding.writer_queue_timeout": "300ms"})  # fmt: skip
    held = [connect(to=proxy) for _ in range(2)]  # 1 % of 200
    for connection in held:
        run(connection, "BEGIN")
        run(connection, f"SELECT * FROM {table}")
    late = connect(to=proxy)
    began = time.monotonic()
    answer = attempt(late, f"INSERT INTO {table} VALUES (3, 'x')")
    waited = time.monotonic() - began
    assert answer == SqlError(1040, "08004", "Not enough connections on writer to handle your request")
    assert 0.25 < waited < 2
    told = (f'level=warning event="statements were refused: the writer\'s connections are used up" node={cluster.addresses()[0]}'
            " refused=1 connections=2 limit=2")  # fmt: skip
    wait_until(lambda: told in proxy.log(), 10, "it is told")
    others = in_parallel(4, lambda number: attempt(connect(to=proxy), f"INSERT INTO {table} VALUES ({number + 10}, 'x')"))
    assert others == [answer] * 4
    assert proxy.log().count('event="statements were refused') == 1  # of all of them
    assert server_of(late) in (1, 2)
    run(held[0], "COMMIT")
    run(late, f"INSERT INTO {table} VALUES (3, 'x')")
    run(held[1], "COMMIT")


def test_one_waits_for_one_of_the_writers_connections(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, {"workers": 2, "forwarding.aurora_fwd_writer_max_connections_pct": 1,
                                  "forwarding.writer_queue_timeout": "20s"})  # fmt: skip

    def work(number):
        connection = connect(to=proxy)
        for turn in range(10):
            run(connection, "BEGIN")
            run(connection, f"INSERT INTO {table} VALUES ({1000 + number * 10 + turn}, 'x')")
            run(connection, "COMMIT")

    in_parallel(8, work)
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 82
    used = [row for row in cluster.query(0, "SHOW PROCESSLIST") if row["User"] == accounts.APP.name]
    assert len(used) <= 2


# --- the end ----------------------------------------------------------------------------------------------------------


def test_who_waits_for_one_of_the_writers_connections_is_served_in_turn(cluster, start_proxy, connect, table):
    """First come, first served, over all workers."""
    proxy = start_proxy(cluster, {"workers": 2, "forwarding.aurora_fwd_writer_max_connections_pct": 1,
                                  "forwarding.writer_queue_timeout": "60s"})  # fmt: skip
    cluster.query(0, f"CREATE TABLE app.{table}_served (turn INT AUTO_INCREMENT PRIMARY KEY, waiter INT)")
    try:
        holders = [connect(to=proxy) for _ in range(2)]  # 1 % of 200
        for holder in holders:
            run(holder, "BEGIN")
            run(holder, f"SELECT * FROM {table}")
        waiters = [connect(to=proxy) for _ in range(12)]
        threads = []
        for number, waiter in enumerate(waiters):
            threads.append(threading.Thread(target=run, args=(waiter, f"INSERT INTO {table}_served (waiter) VALUES ({number})")))
            threads[-1].start()
            wait_until(lambda number=number: proxy.metric("causeway_pool_queue_waits_total", node=cluster.addresses()[0]) == number + 1, 10, "waits")
        run(holders[0], "COMMIT")
        for thread in threads:
            thread.join(60)
        served = cluster.query(0, f"SELECT waiter FROM app.{table}_served ORDER BY turn")
        assert [row["waiter"] for row in served] == list(range(12))
    finally:
        cluster.query(0, f"DROP TABLE app.{table}_served")


def test_one_that_gives_up_waiting_keeps_nobody_from_a_connection(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, {"workers": 2, "forwarding.aurora_fwd_writer_max_connections_pct": 1,
                                  "forwarding.writer_queue_timeout": "2s"})  # fmt: skip
    holders = [connect(to=proxy) for _ in range(2)]
    for holder in holders:
        run(holder, "BEGIN")
        run(holder, f"SELECT * FROM {table}")
    answers = in_parallel(4, lambda number: attempt(connect(to=proxy), f"INSERT INTO {table} VALUES ({number + 10}, 'x')"))
    assert {answer.errno for answer in answers} == {1040}
    killed = connect(to=proxy)
    thread_id = one(killed, "SELECT CONNECTION_ID()")
    waiting = threading.Thread(target=lambda: answers.append(attempt(killed, f"INSERT INTO {table} VALUES (20, 'x')")))
    waiting.start()
    wait_until(lambda: proxy.metric("causeway_pool_queue_waits_total", node=cluster.addresses()[0]) == 5, 10, "it waits")
    run(connect(to=proxy), f"KILL QUERY {thread_id}")
    waiting.join(30)
    assert answers[-1].errno == 1317, answers[-1]
    run(holders[0], "COMMIT")
    assert in_parallel(4, lambda number: run(connect(to=proxy), f"INSERT INTO {table} VALUES ({number + 30}, 'x')")) == [()] * 4


def test_transactions_that_are_read_only_by_the_servers_default(cluster, cluster_kind, start_proxy, connect, table):
    """A write is refused at once, as the server refuses it, and not after a wait for another writer."""
    name = "tx_read_only" if cluster_kind == "mariadb" else "transaction_read_only"
    cluster.query(0, f"SET GLOBAL {name} = 1")
    try:
        session = connect(to=start_proxy(cluster))
        began = time.monotonic()
        error = attempt(session, f"INSERT INTO {table} VALUES (3, 'x')")
        assert isinstance(error, SqlError) and (error.errno, error.sqlstate) == (1792, "25006"), error
        assert time.monotonic() - began < 5
    finally:
        cluster.query(0, f"SET GLOBAL {name} = 0")


@pytest.mark.parametrize("how", ["KILL QUERY", "KILL", "the client vanishes"])
def test_statement_of_an_account_that_the_monitor_may_not_kill(cluster, proxy, table, how):
    """MySQL protects accounts with SYSTEM_USER, and GRANT ALL includes that. They may kill their own connections."""
    session = proxy.connect(accounts.ADMIN, database="app")
    thread_id = one(session, "SELECT CONNECTION_ID()")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(attempt(session, f"UPDATE {table} SET value = SLEEP(60) WHERE id = 1")))
    thread.start()

    def runs():
        return [row for row in cluster.query(0, "SHOW PROCESSLIST") if "SLEEP(60)" in (row["Info"] or "")]

    wait_until(runs, 10, "it runs")
    if how == "the client vanishes":
        session._sock.shutdown(socket.SHUT_RDWR)
    else:
        with proxy.connect(accounts.ADMIN) as killer:
            run(killer, f"{how} {thread_id}")
    wait_until(lambda: not runs(), 10, "it has ended")
    thread.join(30)
    assert isinstance(answers[0], SqlError), answers
    with contextlib.suppress(pymysql.Error):
        session.close()


def test_sigterm_lets_open_transactions_finish(cluster, start_proxy, table):
    proxy = start_proxy(cluster)
    busy, idle = proxy.connect(database="app"), proxy.connect(database="app")
    run(idle, "SELECT 1")
    run(busy, "BEGIN")
    run(busy, f"INSERT INTO {table} VALUES (3, 'x')")
    proxy.signal(signal.SIGTERM)
    wait_until(lambda: proxy.http("/readyz")[0] != 200, 10, "it is not ready any more")
    with pytest.raises(pymysql.Error):
        proxy.connect(connect_timeout=2)
    run(busy, f"INSERT INTO {table} VALUES (4, 'x')")
    run(busy, "COMMIT")
    wait_until(lambda: not proxy.is_alive(), 10, "it ends when the last transaction has")
    assert proxy._process.returncode == 0
    proxy._process = None
    assert len(cluster.query(0, f"SELECT * FROM app.{table}")) == 4


def test_sigterm_does_not_wait_longer_than_the_drain_timeout(cluster, start_proxy, table):
    proxy = start_proxy(cluster, {"shutdown.drain_timeout": "500ms"})
    busy = proxy.connect(database="app")
    run(busy, "BEGIN")
    run(busy, f"INSERT INTO {table} VALUES (3, 'x')")
    began = time.monotonic()
    proxy.stop()
    assert time.monotonic() - began < 5
    assert isinstance(_after_the_end(busy), Exception)
    with cluster.connect(0, database="app") as root:
        run(root, "SET innodb_lock_wait_timeout = 5")
        run(root, f"INSERT INTO {table} VALUES (3, 'free')")


def test_sigterm_while_workers_ask_each_other(cluster, start_proxy):
    """SHOW PROCESSLIST and KILL look at the sessions of all workers: none of them may wait for one that has ended."""
    proxy = start_proxy(cluster, {"workers": 2, "shutdown.drain_timeout": "0s"})
    ready = threading.Barrier(9)

    def ask(_):
        connection = proxy.connect()
        ready.wait(30)
        with pytest.raises(pymysql.Error):
            while True:
                run(connection, "SHOW PROCESSLIST")
                attempt(connection, "KILL QUERY 4000000000")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(8)]
        ready.wait(30)
        wait_until(lambda: proxy.metric("causeway_statements_total") > 1000, 30, "they ask")
        proxy.stop(timeout=10)
        for one_of_them in asking:
            one_of_them.result(10)


def _after_the_end(connection):
    try:
        return run(connection, "SELECT 1")
    except pymysql.Error as error:
        return error


def test_command_line_client_names_the_error(proxy):
    done = run_client(proxy, "SELECT 1;", account=accounts.Account("app", "wrong"))
    assert done.returncode == 1 and "ERROR 1045 (28000)" in done.stderr


def test_a_node_by_the_name_localhost_is_reached_over_tcp(cluster, start_proxy, connect):
    """The monitor's client library takes that name for a Unix socket, whatever the port is."""
    proxy = start_proxy(SeenAt(cluster, [f"localhost:{server.port}" for server in cluster.servers]))
    assert one(connect(to=proxy), "/* causeway: route=writer */ SELECT @@server_id") == 1
