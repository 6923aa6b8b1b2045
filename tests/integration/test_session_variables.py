"""docs/contract/session.md: every session variable that the running server has, set in every form, reads the same on every leg of a session as
on one server, after its connections were lost too."""

import contextlib

import pymysql
import pytest
from cluster import accounts
from conftest import run
from support import SqlError, attempt, one
from wire_client import BASIC, CONNECT_WITH_DB, Parameter, WireClient

WRITER = "/* causeway: route=writer */ "

FORMS = {
    "plain": "SET {name} = {value}",
    "session": "SET SESSION {name} = {value}",
    "local": "SET LOCAL {name} = {value}",
    "at": "SET @@{name} = {value}",
    "at_session": "SET @@session.{name} = {value}",
    "at_local": "SET @@local.{name} := {value}",
    "among_others": "SET sql_warnings = 1, @@{name} = {value}, SESSION sql_notes = 1",
    "prepared": "PREPARE form FROM 'SET @@{name} = {quoted}'",
}

# Not set among the others, for the test could not go on: it would see no more results, or not find its way.
BY_ITSELF = {
    "autocommit",
    "character_set_client",
    "character_set_connection",
    "character_set_results",
    "collation_connection",
    "sql_log_bin",
}
LEFT_OUT = {
    "completion_type",  # test_transactions.py
    "last_insert_id",  # test_session_state.py
    "identity",
    "max_session_mem_used",  # anything but the largest value refuses every statement
    "resultset_metadata",  # the client of this test could not read what comes
    "session_track_gtids",  # Causeway's own, in test_protocol.py
    "session_track_schema",
    "session_track_system_variables",
    "pseudo_thread_id",  # Causeway's own
    "statement_id",
    "timestamp",  # reads the clock unless it was set
    "rand_seed1",
    "rand_seed2",
}

# Where the general candidates do not do.
VALUES = {
    "binlog_row_value_options": ["'PARTIAL_JSON'", "''"],
    "default_storage_engine": ["'MyISAM'"],
    "default_tmp_storage_engine": ["'MyISAM'", "NULL"],
    "enforce_storage_engine": ["NULL", "'InnoDB'"],
    "max_execution_time": ["1000000"],
    "max_statement_time": ["1000"],
    "optimizer_switch": ["'mrr=off'", "'mrr=on'"],
    "sql_mode": ["'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "''", "CONCAT(@@sql_mode, ',PAD_CHAR_TO_FULL_LENGTH')"],
    "storage_engine": ["'MyISAM'"],
    "time_zone": ["'+03:00'"],
    "transaction_isolation": ["'READ-COMMITTED'"],
    "tx_isolation": ["'READ-COMMITTED'"],
}


def _candidates(name, value):
    if name in VALUES:
        return VALUES[name]
    if name.startswith("character_set_"):
        return ["'latin2'"]
    if name.startswith("collation_"):
        return ["'latin2_bin'"]
    if name.startswith("lc_"):
        return ["'de_DE'"]
    if value in ("ON", "OFF"):
        return ["0" if value == "ON" else "1", "DEFAULT"]
    if isinstance(value, (int, float)) or (isinstance(value, str) and value.replace(".", "", 1).isdigit()):
        number = int(float(value))
        larger = [str(number + 1024), str(number + 1)] if number < 1 << 40 else []
        return ["1" if number == 0 else "0"] * (number <= 1) + larger + [str(number // 2), "1", "2"]
    return ["NULL", "1", "2", "''"]


def _session_variables(cluster, kind):
    if kind == "mariadb":
        rows = cluster.query(
            0, "SELECT LOWER(VARIABLE_NAME) AS n FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_SCOPE LIKE 'SESSION%' AND READ_ONLY = 'NO'"
        )  # fmt: skip
    else:
        rows = cluster.query(0, "SELECT VARIABLE_NAME AS n FROM performance_schema.variables_metadata WHERE VARIABLE_SCOPE LIKE 'SESSION%'")
    return sorted(row["n"] for row in rows)


def _set(connection, form, name, value):
    answer = attempt(connection, FORMS[form].format(name=name, value=value, quoted=value.replace("'", "''")))
    return attempt(connection, "EXECUTE form") if form == "prepared" and not isinstance(answer, SqlError) else answer


def _values(connection, names, hint=""):
    with connection.cursor() as cursor:
        cursor.execute(hint + "SELECT " + ", ".join(f"@@session.{name}" for name in names))
        return dict(zip(names, cursor.fetchone(), strict=True))


def _direct(cluster, account=accounts.ADMIN):
    """A session on one server, the writer."""
    return contextlib.closing(cluster.connect(0, account, database="app", autocommit=None))


def _kill_connections(cluster, account):
    """Those of the account to all servers; Causeway finds them closed."""
    for node in range(len(cluster.servers)):
        for row in cluster.query(node, f"SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = '{account.name}'"):
            with contextlib.suppress(Exception):
                cluster.query(node, f"KILL {row['id']}")


def _differences(found, expected):
    return {name: (found[name], expected[name]) for name in expected if found[name] != expected[name]}


def _plan(cluster, kind):
    """A value for each variable that can be set: one that the server takes, and other than before where there is one."""
    plan = {}
    with _direct(cluster) as bare:
        for name in _session_variables(cluster, kind):
            if name in LEFT_OUT:
                continue
            before = attempt(bare, f"SELECT @@session.{name}")
            if isinstance(before, SqlError):
                continue
            for value in _candidates(name, before[0][0]):
                if not isinstance(attempt(bare, f"SET SESSION {name} = {value}"), SqlError):
                    plan[name] = value
                    break
            attempt(bare, "SET autocommit = 1, sql_mode = DEFAULT")
            attempt(bare, "SET NAMES utf8mb4")
    assert len(plan) > 100
    return plan


@pytest.fixture(scope="module")
def plans():
    return {}


@pytest.mark.parametrize("form", FORMS)
def test_every_variable_reads_the_same_everywhere(cluster, cluster_kind, start_proxy, connect, plans, form):
    proxy = start_proxy(cluster, {"workers": 1})
    if cluster_kind not in plans:
        plans[cluster_kind] = _plan(cluster, cluster_kind)
    plan = plans[cluster_kind]
    wrong = []

    def compare(names):
        names = list(names)
        connection = connect(to=proxy, account=accounts.ADMIN, autocommit=None)
        with _direct(cluster) as bare:
            for name in names:
                expected, found = (_set(c, form, name, plan[name]) for c in (bare, connection))
                if isinstance(expected, SqlError) or isinstance(found, SqlError):
                    if getattr(expected, "errno", 0) != getattr(found, "errno", 0):
                        wrong.append((name, plan[name], found, expected))
            expected = _values(bare, names)
            for when in ("at once", "connections lost"):
                for leg in ("", WRITER):
                    try:
                        found = _values(connection, names, leg)
                    except pymysql.Error as error:
                        # What can be nowhere but on its connection is lost with it, and the session ends.
                        if when == "at once" or not set(names) <= bound:
                            wrong.append((names if len(names) < 4 else len(names), when, leg, error))
                        break
                    if differences := _differences(found, expected):
                        wrong.append((when, leg, differences))
                _kill_connections(cluster, accounts.ADMIN)
        connection.close()

    bound = {
        "gtid_next", "gtid_seq_no", "immediate_server_version", "insert_id", "original_commit_timestamp", "original_server_version",
        "profiling", "pseudo_replica_mode", "pseudo_slave_mode", "server_id", "character_set_database", "collation_database", "sql_slave_skip_counter",
        "external_table_secondary_storage_engine", "sql_log_bin", "skip_replication",
    } | ({"transaction_isolation", "transaction_read_only", "tx_isolation", "tx_read_only"} if form == "among_others" else set())  # fmt: skip
    alone = [name for name in plan if name in BY_ITSELF or name in bound]
    compare(name for name in plan if name not in alone)
    for name in alone:
        compare([name])
    assert not wrong, "\n".join(map(str, wrong))


# --- what this means to an application ----------------------------------------------------------------------------------


@pytest.mark.parametrize("off", ["SET autocommit = 0", "SET @@autocommit = 0", "SET SESSION autocommit = off, @@sql_notes = 1"])
@pytest.mark.parametrize("on", ["SET autocommit = 1", "SET @@autocommit = 1", "SET @@session.autocommit = DEFAULT"])
def test_autocommit_is_what_was_set_on_both_legs(connect, table, off, on):
    connection = connect(autocommit=None)
    run(connection, off)
    assert len(run(connection, f"SELECT * FROM {table}")) == 2
    run(connection, f"INSERT INTO {table} VALUES (10, 'rolled back')")
    run(connection, "ROLLBACK")
    assert one(connection, f"{WRITER}SELECT COUNT(*) FROM {table}") == 2
    run(connection, "COMMIT")
    run(connection, on)
    run(connection, f"INSERT INTO {table} VALUES (11, 'committed')")
    connection.close()
    assert one(connect(level="GLOBAL"), f"SELECT COUNT(*) FROM {table}") == 3


@pytest.mark.parametrize("prefix", ["", "@@", "@@session."])
def test_expressions_defaults_and_several_at_once(connect, prefix):
    connection = connect()
    run(connection, f"SET {prefix}sql_mode = 'ANSI_QUOTES'")
    run(connection, f"SET {prefix}sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES'), @@sort_buffer_size = 300000")
    for leg in ("", WRITER):
        assert run(connection, leg + "SELECT @@sql_mode, @@sort_buffer_size") == (("ANSI_QUOTES,NO_BACKSLASH_ESCAPES", 300000),)
    run(connection, f"SET {prefix}sql_mode = DEFAULT")
    for leg in ("", WRITER):
        assert one(connection, leg + "SELECT @@sql_mode = @@global.sql_mode") == 1


def test_what_depends_on_each_other_is_set_in_its_order(connect):
    connection = connect()
    one(connection, f"{WRITER}SELECT 1")
    for statement, expression, expected in [
        ("SET collation_connection = 'latin2_bin'", "@@character_set_connection", "latin2"),
        ("SET character_set_connection = 'latin2'", "@@collation_connection", "latin2_general_ci"),
        ("SET collation_connection = 'latin2_bin'", "@@collation_connection", "latin2_bin"),
        ("SET character_set_connection = 'latin2'", "@@collation_connection", "latin2_general_ci"),
        ("SET character_set_connection = 'latin1', collation_connection = 'latin2_bin'", "@@collation_connection", "latin2_bin"),
        ("SET NAMES latin2", "@@collation_connection", "latin2_general_ci"),
        ("SET collation_server = 'latin2_bin'", "@@character_set_server", "latin2"),
        ("SET character_set_server = 'latin2'", "@@collation_server", "latin2_general_ci"),
        ("SET max_join_size = 1000000", "@@sql_big_selects", 0),
        ("SET sql_big_selects = 1", "@@sql_big_selects", 1),
        ("SET max_join_size = 1000000", "@@sql_big_selects", 0),
        ("SET max_join_size = 1000000, sql_big_selects = 1", "@@sql_big_selects", 1),
    ]:
        run(connection, statement)
        assert [one(connection, f"{leg}SELECT {expression}") for leg in ("", WRITER)] == [expected] * 2, statement


@pytest.mark.parametrize("statement", ["SET CHARACTER SET latin1", "SET NAMES DEFAULT", "SET @@character_set_connection = DEFAULT"])
def test_collations_that_no_server_reports(cluster, connect, statement):
    cluster.query(0, "DROP DATABASE IF EXISTS binary_names")
    cluster.query(0, "CREATE DATABASE binary_names COLLATE utf8mb4_bin")
    cluster.query(0, "GRANT ALL ON binary_names.* TO app@'%'")
    for node in range(3):
        cluster.query(node, "SET GLOBAL collation_connection = 'latin2_bin'")
    cluster.wait_synced()
    try:
        connection = connect(database="binary_names")
        bare = cluster.connect(0, accounts.APP, database="binary_names")
        for c in (bare, connection):
            run(c, statement)
        names = ["character_set_client", "character_set_connection", "character_set_results", "collation_connection"]
        expected = _values(bare, names)
        assert [_values(connection, names, leg) for leg in ("", WRITER)] == [expected, expected]
        bare.close()
    finally:
        for node in range(3):
            cluster.query(node, "SET GLOBAL collation_connection = DEFAULT")
        cluster.query(0, "DROP DATABASE binary_names")


def test_variables_are_replayed_under_any_collation(cluster, connect, table):
    connection = connect()
    one(connection, f"{WRITER}SELECT 1")
    statements = ["time_zone = '+03:00'", "default_storage_engine = 'MyISAM'", "lc_time_names = 'de_DE'", "sql_mode = 'ANSI_QUOTES'"]
    run(connection, "SET collation_connection = 'ucs2_general_ci'")
    for statement in statements:
        run(connection, f"SET {statement.replace('= ', '= _utf8mb4')}")
    for leg in ("", WRITER):
        assert run(connection, leg + "SELECT @@time_zone, @@default_storage_engine, @@lc_time_names, @@sql_mode, @@collation_connection") == (
            ("+03:00", "MyISAM", "de_DE", "ANSI_QUOTES", "ucs2_general_ci"),
        )  # fmt: skip
    # Waits for positions go by a text, too.
    for key in range(10, 15):
        run(connection, f"INSERT INTO {table} VALUES ({key}, NULL)")
        assert one(connection, f"SELECT @@server_id * (SELECT COUNT(*) FROM {table} WHERE id = {key})") > 1


@pytest.mark.parametrize("charset", ["utf16", "ucs2", "utf32"])
def test_answers_to_causeway_come_in_any_character_set(connect, table, charset):
    """What goes ahead of a statement is answered in the session's character set of results."""
    connection = connect()
    run(connection, f"SET character_set_results = {charset}")
    for key in range(10, 15):
        run(connection, f"INSERT INTO {table} VALUES ({key}, NULL)")
        assert run(connection, f"SELECT 'x' FROM {table} WHERE id = {key}") != ()  # the driver cannot read a number in it
    with pytest.raises(pymysql.Error) as error:
        run(connection, f"SELECT no_such_column FROM {table}")
    assert error.value.args[0] == 1054


def test_variables_that_are_null(connect):
    for name in ("innodb_tmpdir", "innodb_ft_user_stopword_table", "character_set_results"):
        connection = connect(account=accounts.ADMIN)
        one(connection, f"{WRITER}SELECT 1")
        run(connection, f"SET @@{name} = NULL")
        assert [one(connection, f"{leg}SELECT @@{name}") for leg in ("", WRITER)] == [None, None]
        connection.close()


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4", "cp1251"])
def test_schema_whose_name_is_not_ascii(cluster, start_proxy, connect, charset):
    proxy = start_proxy(cluster, {"workers": 1})
    name = {"cp1251": "\u0441\u0445\u0435\u043c\u0430"}.get(charset, "sch\u00e9ma")
    cluster.query(0, f"DROP DATABASE IF EXISTS `{name}`")
    cluster.query(0, f"CREATE DATABASE `{name}`")
    cluster.query(0, f"GRANT ALL ON `{name}`.* TO app@'%'")
    cluster.query(0, f"CREATE TABLE `{name}`.t (id INT PRIMARY KEY)")
    cluster.wait_synced()
    try:
        for way in ("USE", "COM_INIT_DB", "login"):
            connection = connect(to=proxy, charset=charset, **({"database": name} if way == "login" else {}))
            if way == "USE":
                run(connection, f"USE `{name}`")
            elif way == "COM_INIT_DB":
                connection.select_db(name.encode("utf-8" if charset == "utf8mb4" else charset))
            for _ in range(2):
                for leg in ("", WRITER):
                    assert run(connection, leg + "SELECT COUNT(*) >= 0, DATABASE(), @@character_set_client FROM t") == ((1, name, charset),), way
                _kill_connections(cluster, accounts.APP)
            run(connection, "INSERT INTO t VALUES (1)")
            run(connection, "DELETE FROM t")
            connection.close()
    finally:
        cluster.query(0, f"DROP DATABASE `{name}`")


@pytest.mark.parametrize("name", ["transaction_isolation", "transaction_read_only"])
def test_characteristics_without_a_scope_are_for_the_next_transaction(cluster_kind, connect, table, name):
    if cluster_kind == "mariadb":
        name = name.replace("transaction_", "tx_")
    connection = connect()
    one(connection, f"{WRITER}SELECT 1")
    before = one(connection, f"SELECT @@session.{name}")
    if name.endswith("only"):
        run(connection, f"SET @@{name} = 1")
        run(connection, "BEGIN")
        assert attempt(connection, f"INSERT INTO {table} VALUES (10, NULL)").errno == 1792
        run(connection, "ROLLBACK")
        run(connection, f"INSERT INTO {table} VALUES (10, NULL)")
    else:
        run(connection, f"SET @@{name} = 'SERIALIZABLE'")
        run(connection, "BEGIN")
        run(connection, f"SELECT * FROM {table}")  # serializable: it locks
        other = connect()
        run(other, "SET innodb_lock_wait_timeout = 1")
        assert attempt(other, f"UPDATE {table} SET value = 'x'").errno == 1205
        run(connection, "COMMIT")
        assert attempt(other, f"UPDATE {table} SET value = 'x'") == ()
    assert [one(connection, f"{leg}SELECT @@session.{name}") for leg in ("", WRITER)] == [before, before]
    assert attempt(connection, f"SET @@{name} = 'nonsense'").errno == 1231


@pytest.mark.kinds("mariadb")
def test_set_statement_is_for_its_statement_alone(connect):
    connection = connect(client_flag=1 << 16)
    before = one(connection, "SELECT @@sort_buffer_size")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; SET STATEMENT sort_buffer_size = 333333 FOR SELECT @@sort_buffer_size; SELECT 3")
        cursor.nextset()
        assert cursor.fetchall() == ((333333,),)
        cursor.nextset()
        assert cursor.fetchall() == ((3,),)
    for _ in range(2):
        assert [one(connection, f"{leg}SELECT @@sort_buffer_size") for leg in ("", WRITER)] == [before, before]


def test_variables_that_a_procedure_sets(cluster, connect):
    cluster.query(0, "DROP PROCEDURE IF EXISTS app.sets_it")
    cluster.query(0, "CREATE PROCEDURE app.sets_it() BEGIN SET @@sort_buffer_size = 300000; SET SESSION div_precision_increment = 9; END")
    cluster.wait_synced()
    connection = connect()
    assert one(connection, "SELECT @@sort_buffer_size") != 300000
    run(connection, "CALL sets_it()")
    for leg in ("", WRITER):
        assert run(connection, leg + "SELECT @@sort_buffer_size, @@div_precision_increment") == ((300000, 9),)
    cluster.query(0, "DROP PROCEDURE app.sets_it")


def test_values_of_a_prepared_set(proxy):
    """COM_STMT_EXECUTE of SET @@x = ?."""
    with WireClient(proxy.port, accounts.APP, BASIC | CONNECT_WITH_DB) as client:
        statement, _ = client.prepare("SET @@sort_buffer_size = ?")
        for value in (300000, 400000):
            answer = client.execute(statement, [Parameter(8, value.to_bytes(8, "little"))])
            assert answer[-1].payload[:1] == b"\x00"
            for leg in ("", WRITER):
                rows = client.query(leg + "SELECT @@sort_buffer_size")
                assert any(str(value).encode() in packet.payload for packet in rows), (value, leg, rows)


@pytest.mark.kinds("mariadb")
@pytest.mark.parametrize(
    "statement",
    [
        "EXECUTE IMMEDIATE 'SET @@div_precision_increment = 6'",
        "EXECUTE IMMEDIATE CONCAT('SET @', '@div_precision_increment = 6')",
        "BEGIN NOT ATOMIC SET @@div_precision_increment = 6; END",
        "SET STATEMENT sort_buffer_size = 555555 FOR BEGIN NOT ATOMIC SET @@div_precision_increment = 6; END",
        "SET STATEMENT sort_buffer_size = 555555 FOR BEGIN NOT ATOMIC SET SESSION div_precision_increment = 6; END",
    ],
)
def test_a_set_within_another_statement(connect, statement):
    connection = connect()
    one(connection, f"{WRITER}SELECT 1")
    before = one(connection, "SELECT @@sort_buffer_size")
    run(connection, statement)
    for leg in ("", WRITER):
        assert run(connection, leg + "SELECT @@div_precision_increment, @@sort_buffer_size") == ((6, before),)


@pytest.mark.parametrize("name", ["last_insert_id", "@@last_insert_id", "identity", "@@session.identity"])
def test_last_insert_id_that_is_set(connect, name):
    connection = connect()
    one(connection, f"{WRITER}SELECT 1")
    run(connection, f"SET {name} = 77")
    for leg in ("", WRITER, ""):
        assert run(connection, leg + "SELECT LAST_INSERT_ID(), @@last_insert_id, @@identity") == ((77, 77, 77),)


def test_what_servers_refuse_is_refused_in_their_words(cluster, connect):
    connection = connect()
    bare = cluster.connect(0, accounts.APP, database="app")
    for statement in [
        "SET @@no_such_variable = 1",
        "SET @@max_connections = 1",
        "SET @@sort_buffer_size",
        "SET @@sort_buffer_size = 300000 @@x",
        "SET SESSION @@sort_buffer_size = 300000",
        "SET @@sort_buffer_size = 300000, @@sql_mode = 'nonsense'",
        "SET CHARACTER SET nonsense",
        "SET @@character_set_client = 'ucs2'",
    ]:
        assert attempt(connection, statement) == attempt(bare, statement)
    assert one(connection, "SELECT @@sort_buffer_size") == one(bare, "SELECT @@sort_buffer_size")
    bare.close()
