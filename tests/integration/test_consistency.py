"""docs/contract/consistency.md: what reads see at each level, on replicas that are behind, with GTIDs and by file and position."""

import random
import re
import threading
import time

import pymysql
import pytest
from cluster import wait_until
from conftest import run
from pymysql.constants import CLIENT
from support import SqlError, attempt, in_parallel, lagging, one, run_client, scaled, server_of

QUICK = {"forwarding.read_wait_timeout": "300ms"}
LEVELS = ("EVENTUAL", "SESSION", "GLOBAL")
with_and_without_gtids = pytest.mark.parametrize(
    "gtid", [pytest.param(True, marks=pytest.mark.gtid(True)), pytest.param(False, marks=pytest.mark.gtid(False))], ids=["gtid", "no-gtid"]
)


def _count(connection, table):
    """(rows, node) as the session sees them."""
    rows, server_id = run(connection, f"SELECT COUNT(*), @@server_id FROM {table}")[0]
    return rows, server_id - 1


def _session_that_sees(rows, connect, proxy, table):
    """A new session whose first read has found so many rows, on replicas that are behind. Where a worker has just stood still (a busy
    machine), it knows nothing of replicas for a moment: a read runs on the writer then, and its session has seen what is there."""
    sessions = []

    def sees():
        sessions.append(connect(to=proxy))
        return _count(sessions[-1], table)[0] == rows

    wait_until(sees, 20, "a read runs on a replica")
    return sessions[-1]


# --- SESSION ----------------------------------------------------------------------------------------------------------


@with_and_without_gtids
def test_session_waits_for_its_own_write(cluster, start_proxy, connect, table, gtid):
    connection = connect(to=start_proxy(cluster, {"forwarding.read_wait_timeout": "20s"}))
    with lagging(cluster, table) as let_go:
        run(connection, f"INSERT INTO {table} VALUES (3, 'three')")
        timer = threading.Timer(0.4, lambda: [let_go(node) for node in cluster.replicas()])
        began = time.monotonic()
        timer.start()
        rows, node = _count(connection, table)
        timer.join()
    assert rows == 3 and node in (1, 2)
    assert time.monotonic() - began >= 0.3


@with_and_without_gtids
@pytest.mark.parametrize("policy", ["writer", "error", "stale"])
def test_wait_that_takes_too_long_ends_by_the_policy(cluster, start_proxy, connect, table, gtid, policy):
    connection = connect(to=start_proxy(cluster, {**QUICK, "forwarding.on_read_wait_timeout": policy}))
    with lagging(cluster, table):
        run(connection, f"INSERT INTO {table} VALUES (3, 'three')")
        began = time.monotonic()
        answer = attempt(connection, f"SELECT COUNT(*), @@server_id FROM {table}")
        waited = time.monotonic() - began
    assert 0.25 < waited < 3
    if policy == "writer":
        assert answer == ((3, 1),)
    elif policy == "stale":
        assert answer in (((2, 2),), ((2, 3),))
    else:
        assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1205, "HY000")
        assert "SESSION" in answer.text and any(address in answer.text for address in cluster.addresses()[1:]), answer.text
    # The session goes on.
    cluster.wait_synced()
    assert _count(connection, table)[0] == 3


def test_session_that_has_written_nothing_does_not_wait(cluster, proxy, connect, table):
    with lagging(cluster, table):
        run(connect(), f"INSERT INTO {table} VALUES (3, 'three')")
        _session_that_sees(2, connect, proxy, table)


def test_every_kind_of_write_is_waited_for(cluster, start_proxy, connect, table):
    proxy = start_proxy(cluster, QUICK)
    for statement in (
        f"INSERT INTO {table} VALUES (3, 'x')",
        f"UPDATE {table} SET value = 'changed' WHERE id = 1",
        f"DELETE FROM {table} WHERE id = 2",
        f"REPLACE INTO {table} VALUES (1, 'replaced')",
        f"BEGIN; INSERT INTO {table} VALUES (5, 'x'); COMMIT",
        f"ALTER TABLE {table} ADD COLUMN n INT",
    ):
        connection = connect(to=proxy)
        with lagging(cluster, table):
            for part in statement.split("; "):
                run(connection, part)
            rows = run(connection, f"SELECT * FROM {table} ORDER BY id")
        assert tuple(tuple(row.values()) for row in cluster.query(0, f"SELECT * FROM app.{table} ORDER BY id")) == rows, statement
        cluster.wait_synced()


@pytest.mark.parametrize("setting", ["session_track_system_variables = 'autocommit'", "session_track_system_variables = ''", "session_track_schema = OFF"])
def test_trackers_that_the_client_sets_do_not_blind_causeway(cluster, proxy, connect, table, setting):
    """Connectors choose what they want to be told; positions and variables are followed all the same."""
    connection = connect(level="SESSION")
    run(connection, f"SET @a = 1, {setting}")  # on the writer
    run(connection, f"SET {setting}, sql_mode = 'ANSI_QUOTES'")  # on a replica
    run(connection, "USE app")
    cluster.wait_synced()
    assert server_of(connection) in (1, 2)
    with lagging(cluster, table):
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
    run(connection, f'INSERT INTO "{table}" VALUES (4, \'x\')')
    assert one(connection, f'SELECT COUNT(*) FROM "{table}"') == 4
    assert one(connection, f"SELECT CONCAT(@@{setting.split()[0]})") == {"'autocommit'": "autocommit", "''": "", "OFF": "0"}[setting.split()[-1]]


def test_a_replica_that_has_the_write_is_used_while_the_other_lags(cluster, start_proxy, connect, table):
    """Reads do not fall back to the writer for ever because one replica is behind."""
    proxy = start_proxy(cluster, QUICK)
    with lagging(cluster, table, 1):
        for number in range(4):
            connection = connect(to=proxy)
            run(connection, f"INSERT INTO {table} VALUES ({number + 10}, 'x')")
            assert _count(connection, table)[0] == number + 3


def test_reads_are_monotonic_over_a_change_of_replica(cluster, own_cluster, start_proxy, connect):
    """What was read on a replica that then dies is not unread on one that is behind."""
    disturbed = own_cluster()
    disturbed.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    disturbed.wait_synced()
    proxy = start_proxy(disturbed, QUICK)
    reader = proxy.connect(database="app")
    seen_on = server_of(reader)
    other = 3 - seen_on
    with lagging(disturbed, "t", other):
        disturbed.query(0, "INSERT INTO app.t VALUES (1)")
        disturbed.wait_synced(seen_on)
        assert _count(reader, "t") == (1, seen_on)
        disturbed.kill_node(seen_on)
        assert _count(reader, "t")[0] == 1
    reader.close()


def test_reads_are_monotonic_over_a_read_on_the_writer(cluster, start_proxy, connect, table):
    reader = connect(to=start_proxy(cluster, QUICK))
    with lagging(cluster, table):
        cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'by another')")
        assert one(reader, f"/* causeway: route=writer */ SELECT COUNT(*) FROM {table}") == 3
        assert _count(reader, table)[0] == 3
        run(reader, "BEGIN")
        cluster.query(0, f"INSERT INTO app.{table} VALUES (4, 'by another')")
        assert one(reader, f"SELECT COUNT(*) FROM {table}") == 4
        run(reader, "COMMIT")
        assert _count(reader, table)[0] == 4


# What a statement may show that runs on the writer and leaves no position, or one behind which it has looked again.
LOOKS = [
    "INSERT IGNORE INTO {t} VALUES (3, 'mine')",
    "INSERT INTO {t} VALUES (3, 'mine')",  # 1062
    "UPDATE {t} SET value = 'mine' WHERE id = 3 AND value = 'no'",
    "UPDATE {t} SET value = 'by another' WHERE id = 3",
    "DELETE FROM {t} WHERE id = 3 AND value = 'no'",
    "INSERT INTO {t} SELECT id + 1, value FROM {t} WHERE id = 4",
    "INSERT INTO {t} VALUES (3, 'mine') ON DUPLICATE KEY UPDATE value = value",
    "UPDATE {t} a JOIN {t} b ON a.id = b.id + 10 SET a.value = 'mine'",
    "DO (SELECT COUNT(*) FROM {t})",
    "SET @n = (SELECT COUNT(*) FROM {t})",
    "SELECT COUNT(*) INTO @n FROM {t}",
    "SELECT * FROM {t} LOCK IN SHARE MODE",
    "CALL looks()",
    "CHECK TABLE {t}",
    "CREATE TABLE IF NOT EXISTS {t} (id INT)",
]


@pytest.mark.parametrize("protocol", ["text", "prepared"])
def test_reads_are_monotonic_over_whatever_ran_on_the_writer(cluster, cluster_kind, start_proxy, connect, table, protocol):
    cluster.query(0, "DROP PROCEDURE IF EXISTS app.looks")
    cluster.query(0, f"CREATE PROCEDURE app.looks() SELECT COUNT(*) FROM {table}")
    proxy = start_proxy(cluster, QUICK)
    looks = [look.format(t=table) for look in LOOKS]
    if cluster_kind == "mariadb":
        looks += [f"BEGIN NOT ATOMIC SELECT COUNT(*) FROM {table}; END", f"EXECUTE IMMEDIATE 'SELECT COUNT(*) FROM {table}'",
                  f"DELETE FROM {table} WHERE id = 99 RETURNING id", f"HANDLER {table} OPEN"]  # fmt: skip
    for look in looks:
        reader = connect(to=proxy)
        assert _count(reader, table)[0] == 2
        cluster.wait_synced()
        with lagging(cluster, table):
            cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'by another')")
            if protocol == "prepared" and look[:3] in ("INS", "UPD", "DEL", "CAL", "DO "):
                run(reader, "PREPARE s FROM '{}'".format(look.replace("'", "''")))
                attempt(reader, "EXECUTE s")
            else:
                attempt(reader, look)
            assert _count(reader, table)[0] >= 3, look
        cluster.query(0, f"DELETE FROM app.{table} WHERE id > 2")
        cluster.wait_synced()
        reader.close()


@pytest.mark.parametrize("statement", ["CALL writes_and_waits()", "UPDATE {t} SET value = 'mine' WHERE id = 1; CALL waits()"])
def test_reads_are_monotonic_over_what_was_seen_behind_the_own_write(cluster, start_proxy, connect, table, statement):
    """The position of the write does not cover it."""
    waits = f"WHILE (SELECT COUNT(*) FROM {table}) < 3 DO DO SLEEP(0.05); END WHILE; SELECT COUNT(*) FROM {table};"
    for name, before in (("waits", ""), ("writes_and_waits", f"UPDATE {table} SET value = 'mine' WHERE id = 1;")):
        cluster.query(0, f"DROP PROCEDURE IF EXISTS app.{name}")
        cluster.query(0, f"CREATE PROCEDURE app.{name}() BEGIN {before} {waits} END")
    reader = connect(to=start_proxy(cluster, QUICK), client_flag=CLIENT.MULTI_STATEMENTS)
    assert _count(reader, table)[0] == 2
    caller = threading.Thread(target=attempt, args=(reader, statement.format(t=table)))
    caller.start()
    written = f"SELECT 1 FROM app.{table} WHERE id = 1 AND value = 'mine'"
    wait_until(lambda: all(cluster.query(node, written) for node in cluster.replicas()), 20, "replicas have the write")
    with lagging(cluster, table):
        cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'by another')")
        caller.join(30)
        assert _count(reader, table)[0] == 3


def test_a_write_with_a_position_needs_no_question_to_the_writer(cluster, proxy, connect, table):
    """It has seen nothing that its own position does not cover."""
    connection = connect()
    run(connection, f"SELECT * FROM {table}")
    before = proxy.metric("causeway_probe_reads_total")
    for number in range(3, 10):
        run(connection, f"INSERT INTO {table} VALUES ({number}, 'x')")
        run(connection, f"UPDATE {table} SET value = 'y' WHERE id = {number}")
        assert _count(connection, table)[0] == number
    assert proxy.metric("causeway_probe_reads_total") == before


def _wait_statement(cluster, connection):
    """The wait that Causeway sends to the replica, for a position that will never come."""
    cluster.query(1, "SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1")
    sent = []

    def is_sent():
        run(connection, "INSERT INTO app.waited_for VALUES (1)")
        run(connection, "SELECT * FROM app.waited_for")
        log = "SELECT CONVERT(argument USING utf8mb4) AS text FROM mysql.general_log WHERE argument LIKE 'SELECT%POS_WAIT(%'"
        sent[:] = [row for row in cluster.query(1, log) if "general_log" not in row["text"]]
        return bool(sent)

    wait_until(is_sent, 20, "a read has waited")
    cluster.query(1, "SET GLOBAL general_log = 0")
    return re.sub(r"(POS_WAIT\(_utf8mb4'[^']+'),\d+", r"\1,999999999", sent[0]["text"])


@pytest.mark.gtid(False)
def test_no_wait_is_over_because_the_applier_is_started(own_cluster, start_proxy):
    """Both servers answer such a wait as if its position had been reached, once in a while."""
    cluster = own_cluster(replicas=1, gtid=False)
    proxy = start_proxy(cluster, {"forwarding.read_wait_timeout": "300ms"})
    connection = proxy.connect(autocommit=True)
    run(connection, "CREATE TABLE app.waited_for (a INT)")
    run(connection, "SET aurora_replica_read_consistency = 'GLOBAL'")  # at SESSION MariaDB waits for GTIDs
    statement = _wait_statement(cluster, connection)
    word = "REPLICA" if cluster.kind == "mysql" else "SLAVE"
    ended, answers = threading.Event(), []

    def wait_again_and_again():
        waiting = cluster.connect(1)
        while not ended.is_set():
            answers.append(one(waiting, statement))
        waiting.close()

    waiters = [threading.Thread(target=wait_again_and_again) for _ in range(8)]
    for waiter in waiters:
        waiter.start()
    applier = cluster.connect(1)
    try:
        for _ in range(scaled("CAUSEWAY_TEST_APPLIER_RESTARTS", 400 if cluster.kind == "mysql" else 1500, 20000)):
            run(applier, f"STOP {word} SQL_THREAD")
            run(applier, f"START {word} SQL_THREAD")
    finally:
        ended.set()
        for waiter in waiters:
            waiter.join()
    assert answers and [answer for answer in answers if answer is not None and answer >= 0] == [], statement


# --- GLOBAL and EVENTUAL ----------------------------------------------------------------------------------------------


@with_and_without_gtids
def test_global_sees_what_other_sessions_have_committed(cluster, start_proxy, connect, table, gtid):
    proxy = start_proxy(cluster, QUICK)
    writer, reader = connect(to=proxy), connect(to=proxy, level="GLOBAL")
    for number in range(3, 30):
        run(writer, f"INSERT INTO {table} VALUES ({number}, 'x')")
        assert _count(reader, table)[0] == number
    with lagging(cluster, table):
        run(writer, f"INSERT INTO {table} VALUES (100, 'x')")
        assert _count(reader, table) == (30, 0)
        cluster.query(0, f"INSERT INTO app.{table} VALUES (101, 'not through Causeway')")
        assert _count(reader, table) == (31, 0)
    cluster.wait_synced()
    assert _count(reader, table)[1] in (1, 2)


@with_and_without_gtids
def test_eventual_never_waits_and_is_stale_on_a_replica_that_is_behind(cluster, start_proxy, connect, table, gtid):
    connection = connect(to=start_proxy(cluster, {"forwarding.read_wait_timeout": "20s"}), level="EVENTUAL")
    with lagging(cluster, table):
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        began = time.monotonic()
        rows, node = _count(connection, table)
        assert time.monotonic() - began < 2
    assert rows == 2 and node in (1, 2)


@with_and_without_gtids
@pytest.mark.parametrize("level", LEVELS)
def test_pairs_of_write_and_read_while_replication_stops_and_starts(cluster, start_proxy, connect, table, level, gtid):
    """16 sessions; SESSION reads with the session that wrote, the others with another one."""
    pairs = scaled("CAUSEWAY_TEST_PAIRS", 600, 10_000)
    proxy = start_proxy(cluster, {"forwarding.read_wait_timeout": "150ms"})
    cluster.query(0, f"INSERT INTO app.{table} (id, value) VALUES " + ", ".join(f"({n}, '0')" for n in range(100, 116)))
    cluster.wait_synced()
    finished = threading.Event()
    rng = random.Random(f"{level}{gtid}")

    def disturb():
        while not finished.is_set():
            node = rng.choice(cluster.replicas())
            cluster.stop_replication(node)
            finished.wait(rng.uniform(0.02, 0.2))
            cluster.start_replication(node)
            finished.wait(rng.uniform(0.0, 0.05))

    def client(number):
        writer = connect(to=proxy, level=level)
        reader = writer if level == "SESSION" else connect(to=proxy, level=level)
        stale = on_replica = 0
        for turn in range(1, pairs // 16 + 1):
            run(writer, f"UPDATE {table} SET value = '{turn}' WHERE id = {100 + number}")
            value, server_id = run(reader, f"SELECT value, @@server_id FROM {table} WHERE id = {100 + number}")[0]
            stale += int(value) < turn
            on_replica += server_id != 1
        return stale, on_replica

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        results = in_parallel(16, client)
    finally:
        finished.set()
        disturber.join()
    stale, on_replica = (sum(column) for column in zip(*results, strict=True))
    assert on_replica > pairs // 20, "hardly a read ran on a replica"
    if level == "EVENTUAL":
        assert stale > 0, "the test could not see a stale read"
    else:
        assert stale == 0


# --- what is learned of a replica -------------------------------------------------------------------------------------


@with_and_without_gtids
def test_a_read_in_a_transaction_teaches_nothing_about_its_replica(cluster, start_proxy, connect, table, gtid):
    """It reads in its snapshot, whatever the writer has by now: others must not take that for the replica's position."""
    proxy = start_proxy(cluster, {**QUICK, "workers": "1"})
    readers = [connect(to=proxy, level="GLOBAL") for _ in range(4)]
    for reader in readers:
        run(reader, "START TRANSACTION READ ONLY")
        assert _count(reader, table)[1] in (1, 2)
    with lagging(cluster, table):
        cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'three')")
        for reader in readers:
            assert _count(reader, table)[0] == 2, "its snapshot"
        for other in [connect(to=proxy, level="GLOBAL") for _ in range(4)]:
            assert _count(other, table)[0] == 3
        for reader in readers:
            run(reader, "COMMIT")
            assert _count(reader, table)[0] == 3


# --- the variable -----------------------------------------------------------------------------------------------------

NAME = "aurora_replica_read_consistency"


@pytest.mark.parametrize(
    "statement",
    [
        "SET aurora_replica_read_consistency = 'GLOBAL'",
        "SET aurora_replica_read_consistency = \"global\"",
        "SET aurora_replica_read_consistency=GLOBAL",
        "set session AURORA_REPLICA_READ_CONSISTENCY = 'Global'",
        "SET LOCAL aurora_replica_read_consistency := 'GLOBAL'",
        "SET @@aurora_replica_read_consistency = 'GLOBAL'",
        "SET @@session.aurora_replica_read_consistency = 'GLOBAL'",
        "SET @@local.`aurora_replica_read_consistency` = GLOBAL",
        "SET `aurora_replica_read_consistency` = 'GLOBAL'",
        "SET /* a */ aurora_replica_read_consistency /* b */ = 'GLOBAL' -- c",
        "SET @u = 1, aurora_replica_read_consistency = 'GLOBAL', sort_buffer_size = 300000",
        "/*! SET aurora_replica_read_consistency = 'GLOBAL' */",
        "SET aurora_replica_read_consistency = 'EVENTUAL', aurora_replica_read_consistency = 'GLOBAL'",
    ],
)
def test_every_form_of_set_is_understood(cluster, proxy, connect, statement):
    connection = connect()
    run(connection, statement)
    assert one(connection, f"SELECT @@{NAME}").upper() == "GLOBAL"
    assert one(connection, f"SELECT @@session.{NAME}").upper() == "GLOBAL"
    assert run(connection, f"SHOW VARIABLES LIKE '{NAME}'")[0][1].upper() == "GLOBAL"
    if "sort_buffer_size" in statement:
        assert run(connection, "SELECT @u, @@sort_buffer_size")[0] == (1, 300000)


def test_values_and_their_ways_back(proxy, connect):
    connection = connect()
    assert one(connection, f"SELECT @@{NAME}") == "SESSION"
    for value in (*LEVELS, ""):
        run(connection, f"SET {NAME} = '{value}'")
        assert one(connection, f"SELECT @@{NAME}") == value
    run(connection, f"SET {NAME} = DEFAULT")
    assert one(connection, f"SELECT @@{NAME}") == "SESSION"
    run(connection, f"SET {NAME} = 'EVENTUAL'")
    for value in ("'WRONG'", "1", "NULL", "'SESSION '", "ON"):
        answer = attempt(connection, f"SET {NAME} = {value}")
        assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1231, "42000"), value
        assert NAME in answer.text
    assert one(connection, f"SELECT @@{NAME}") == "EVENTUAL"


def test_variable_in_a_select_with_other_things(proxy, connect, table):
    connection = connect()
    assert run(connection, f"SELECT @@{NAME}, 1 + 1, COUNT(*) FROM {table}") == (("SESSION", 2, 2),)
    assert run(connection, f"SELECT @@{NAME} AS level, @@autocommit") == (("SESSION", 1),)
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(f"SELECT @@{NAME}")
        assert cursor.fetchall() == [{f"@@{NAME}": "SESSION"}]
    assert one(connection, f"SELECT '@@{NAME}'") == f"@@{NAME}"


@pytest.mark.parametrize("pattern", [NAME, "aurora\\_replica%", "AURORA_replica_read_%", "%replica_read_consistency"])
def test_show_variables_like(proxy, connect, pattern):
    assert (NAME, "SESSION") in run(connect(), f"SHOW VARIABLES LIKE '{pattern}'")
    assert (NAME, "SESSION") in run(connect(), f"SHOW SESSION VARIABLES WHERE Variable_name = '{NAME}'")


def test_changing_between_off_and_a_level_in_a_transaction_is_an_error(proxy, connect, table):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
    assert isinstance(attempt(connection, f"SET {NAME} = ''"), SqlError)
    run(connection, f"SET {NAME} = 'GLOBAL'")
    assert _count(connection, table) == (3, 0)
    run(connection, "ROLLBACK")
    run(connection, f"SET {NAME} = ''")
    run(connection, "BEGIN")
    _count(connection, table)
    assert isinstance(attempt(connection, f"SET {NAME} = 'SESSION'"), SqlError)
    run(connection, "COMMIT")


def test_other_variables_of_aurora_are_readable(cluster, proxy, connect):
    connection = connect()
    assert int(one(connection, "SELECT @@aurora_fwd_writer_idle_timeout")) == 60
    assert int(one(connection, "SELECT @@aurora_fwd_writer_max_connections_pct")) == 10
    assert one(connection, "SELECT @@aurora_server_id")
    names = [row[0].lower() for row in run(connection, "SHOW STATUS LIKE 'Aurora_fwd%'")]
    for name in ("writer_dml_stmt_count", "writer_select_stmt_duration", "replica_read_wait_count", "writer_open_sessions"):
        assert f"aurora_fwd_{name}" in names
    run(connection, "SHOW GLOBAL STATUS LIKE 'Aurora_fwd_writer_dml%'")


@pytest.mark.parametrize("level", [*LEVELS, "off"])
def test_default_of_new_sessions_comes_from_the_configuration(cluster, start_proxy, connect, level):
    connection = connect(to=start_proxy(cluster, {"forwarding.read_consistency": level}))
    assert one(connection, f"SELECT @@{NAME}") == ("" if level == "off" else level)


def test_command_line_client_sets_and_shows_it(proxy):
    done = run_client(proxy, f"SET {NAME} = 'WRONG';")
    assert "ERROR 1231 (42000)" in done.stderr
    done = run_client(proxy, f"SET {NAME} = 'GLOBAL'; SELECT @@{NAME}; SHOW VARIABLES LIKE '{NAME}';")
    assert done.stdout.split() == ["GLOBAL", NAME, "GLOBAL"], done.stderr


# --- tokens handed on -------------------------------------------------------------------------------------------------


@with_and_without_gtids
def test_position_is_handed_to_another_session_of_another_causeway(cluster, start_proxy, connect, table, gtid):
    writer = connect(to=start_proxy(cluster, QUICK))
    other = start_proxy(cluster, QUICK)
    with lagging(cluster, table):
        run(writer, f"INSERT INTO {table} VALUES (3, 'three')")
        position = one(writer, "SELECT @@causeway_position")
        assert position
        reader = _session_that_sees(2, connect, other, table)
        run(reader, f"SET causeway_position = '{position}'")
        assert _count(reader, table)[0] == 3
    assert isinstance(attempt(reader, "SET causeway_position = 'nonsense !'"), SqlError)
    wait_until(lambda: _count(reader, table)[1] != 0, 10, "reads are back on a replica")


@with_and_without_gtids
def test_a_position_that_the_writer_does_not_have_is_refused(cluster, start_proxy, connect, table, gtid):
    """Of another kind, of another cluster, or of the future: nothing of it would ever be there."""
    proxy = start_proxy(cluster, QUICK)
    session = connect(to=proxy)
    run(session, f"INSERT INTO {table} VALUES (3, 'three')")
    own = one(session, "SELECT @@causeway_position")
    other_kinds = {"mysql:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", "mariadb:0-1-5"} | ({"binlog:1/binlog.000001:4"} if gtid else set())
    kind = own.split(":")[0]
    if kind == "mysql":
        never = ["mysql:3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", f"mysql:{own.split(':')[1]}:1-99999999"]
    elif kind == "mariadb":
        never = ["mariadb:0-1-99999999", "mariadb:77-1-1"]
    else:
        never = [own.rsplit(":", 1)[0] + ":99999999"]
    refused = [text for text in other_kinds if not text.startswith(kind)] + never
    for text in refused:
        answer = attempt(session, f"SET causeway_position = '{text}', aurora_replica_read_consistency = 'GLOBAL'")
        assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1231, "42000"), text
    assert one(session, "SELECT @@causeway_position") == own, "nothing of a SET that fails is done"
    assert one(session, f"SELECT @@{NAME}") == "SESSION"
    run(session, f"SET causeway_position = '{own}'")
    # Written a moment ago, so that the monitor has not seen it.
    with lagging(cluster, table):
        for number in range(10, 20):
            reader = connect(to=proxy)
            run(session, f"INSERT INTO {table} VALUES ({number}, 'x')")
            run(reader, f"SET causeway_position = '{one(session, 'SELECT @@causeway_position')}'")
            assert run(reader, f"SELECT COUNT(*) FROM {table} WHERE id = {number}") == ((1,),)


@pytest.mark.gtid(False)
def test_a_position_of_another_writers_log_is_taken_for_all_that_is_committed(cluster, start_proxy, connect, table):
    reader = connect(to=start_proxy(cluster, QUICK))
    with lagging(cluster, table):
        cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'three')")
        for position in ("binlog:77/binlog.000001:4", "binlog:binlog.000001:4"):
            reader = connect(to=start_proxy(cluster, QUICK))
            run(reader, f"SET causeway_position = '{position}'")
            assert _count(reader, table)[0] == 3
