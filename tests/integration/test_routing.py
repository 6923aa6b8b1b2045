"""docs/contract/statements.md: on which server each class of statements runs, by the general logs of the servers and @@server_id."""

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from support import GeneralLogs, SqlError, attempt, lagging, one, rejection, server_of

# Forms by class. {t} is a table, the last statement of a form is the one that is looked at, those before it only prepare
# it. A dictionary in the place of a list says what the two kinds of servers have for themselves.
WRITER = {
    "dml": [
        "INSERT INTO {t} VALUES (10, 'x')",
        "insert into {t} set id = 11",
        "INSERT INTO {t} SELECT id + 100, value FROM {t} AS s",
        "INSERT INTO {t} VALUES (1, 'again') ON DUPLICATE KEY UPDATE value = 'again'",
        "INSERT IGNORE INTO {t} VALUES (1, 'y')",
        "UPDATE {t} SET value = 'z' WHERE id = 1",
        "UPDATE {t} AS a JOIN {t} AS b ON a.id = b.id SET a.value = b.value",
        "DELETE FROM {t} WHERE id = 1",
        "DELETE a FROM {t} AS a JOIN {t} AS b ON a.id = b.id WHERE a.id = 2",
        "REPLACE INTO {t} VALUES (1, 'r')",
        "REPLACE INTO {t} SELECT id + 500, value FROM {t} AS s",
        "/* comment */ INSERT INTO {t} VALUES (12, 'x')",
        "/*! INSERT */ INTO {t} VALUES (13, 'x')",
        "-- comment\nINSERT INTO {t} VALUES (14, 'x')",
        "# comment\n  INSERT INTO {t} VALUES (15, 'x')",
        "CALL {t}_write()",
        "DO 1 + 1",
        ("HANDLER {t} OPEN", "HANDLER {t} READ FIRST"),
    ],
    "locking read": [
        "SELECT * FROM {t} WHERE id = 1 FOR UPDATE",
        "SELECT * FROM {t} WHERE id = 1 LOCK IN SHARE MODE",
        "SELECT * FROM {t} WHERE id = 1 FOR UPDATE NOWAIT",
        "SELECT * FROM {t} WHERE id = 1 FOR UPDATE SKIP LOCKED",
        "(SELECT * FROM {t} WHERE id = 1 FOR UPDATE)",
        "SELECT * FROM (SELECT 1 AS one) AS d, {t} FOR UPDATE",
        "SELECT 'for share' /*! FROM {t} FOR UPDATE */",
    ],
    "read that does something": [
        "SELECT GET_LOCK('routing', 0), RELEASE_LOCK('routing')",
        "SELECT IS_FREE_LOCK('routing')",
        "SELECT * FROM {t} INTO OUTFILE '../{t}.1.txt'",
        "SELECT * INTO OUTFILE '../{t}.2.txt' FROM {t}",
        "SELECT value FROM {t} WHERE id = 1 INTO DUMPFILE '../{t}.3.txt'",
        "SELECT MASTER_POS_WAIT('binlog.000001', 4, 1)",
    ],
    "ddl and accounts": [
        "CREATE TABLE {t}_x (id INT PRIMARY KEY)",
        "ALTER TABLE {t}_x ADD COLUMN n INT",
        "CREATE INDEX n ON {t}_x (n)",
        "DROP INDEX n ON {t}_x",
        "TRUNCATE TABLE {t}_x",
        "RENAME TABLE {t}_x TO {t}_y",
        "CREATE OR REPLACE VIEW {t}_v AS SELECT * FROM {t}",
        "DROP VIEW {t}_v",
        "DROP TABLE {t}_y",
        "CREATE TRIGGER {t}_tr BEFORE INSERT ON {t} FOR EACH ROW SET NEW.value = CONCAT(NEW.value, 'a')",
        "DROP TRIGGER {t}_tr",
        "OPTIMIZE TABLE {t}",
        "ANALYZE TABLE {t}",
    ],
    "locks on tables": [
        ("LOCK TABLES {t} READ",),
        ("LOCK TABLES {t} WRITE", "SELECT * FROM {t}"),
        ("LOCK TABLES {t} WRITE", "UNLOCK TABLES"),
        ("FLUSH TABLES {t} WITH READ LOCK", "SELECT * FROM {t}"),
        ("SELECT GET_LOCK('routing', 0)", "SELECT * FROM {t}"),
    ],
    "temporary tables": [
        "CREATE TEMPORARY TABLE {t}_tmp (id INT)",
        ("CREATE TEMPORARY TABLE {t}_tmp (id INT)", "SELECT * FROM {t}_tmp"),
        ("CREATE TEMPORARY TABLE {t}_tmp (id INT)", "INSERT INTO {t}_tmp VALUES (1)"),
        ("CREATE TEMPORARY TABLE {t}_tmp AS SELECT * FROM {t}", "INSERT INTO {t} SELECT id + 900, 'x' FROM {t}_tmp"),
        ("CREATE TEMPORARY TABLE {t}_tmp (id INT)", "DROP TEMPORARY TABLE {t}_tmp"),
    ],
    "transaction": [
        ("BEGIN", "SELECT * FROM {t}"),
        ("START TRANSACTION", "SELECT * FROM {t}"),
        ("START TRANSACTION READ WRITE", "SELECT * FROM {t}"),
        ("BEGIN WORK", "INSERT INTO {t} VALUES (30, 'x')"),
        ("BEGIN", "INSERT INTO {t} VALUES (31, 'x')", "COMMIT"),
        ("BEGIN", "INSERT INTO {t} VALUES (32, 'x')", "ROLLBACK"),
        ("SET autocommit = 0", "SELECT * FROM {t}"),
    ],
    "by a text prepared": [
        ("PREPARE s FROM 'INSERT INTO {t} VALUES (40, ''x'')'", "EXECUTE s"),
        ("PREPARE s FROM 'SELECT * FROM {t} FOR UPDATE'", "EXECUTE s"),
    ],
}  # fmt: skip
WRITER_OF_KIND = {
    "mariadb": [
        "INSERT INTO {t} VALUES (50, 'x') RETURNING id",
        "DELETE FROM {t} WHERE id = 1 RETURNING value",
        "/*M! INSERT */ INTO {t} VALUES (51, 'x')",
        "SET STATEMENT max_statement_time = 10 FOR INSERT INTO {t} VALUES (52, 'x')",
        "BEGIN NOT ATOMIC INSERT INTO {t} VALUES (53, 'x'); END",
        "EXECUTE IMMEDIATE 'INSERT INTO {t} VALUES (54, 1)'",
        ("CREATE SEQUENCE {t}_s", "SELECT NEXTVAL({t}_s)"),
        ("CREATE OR REPLACE SEQUENCE {t}_s", "SELECT NEXT VALUE FOR {t}_s"),
        "DROP SEQUENCE {t}_s",
        "SELECT MASTER_GTID_WAIT('0-1-1', 0)",
        "ANALYZE UPDATE {t} SET value = 'n' WHERE id = 2",
    ],
    "mysql": [
        "SELECT * FROM {t} WHERE id = 1 FOR SHARE",
        "SELECT * FROM {t} AS a WHERE id = 1 FOR UPDATE OF a SKIP LOCKED",
        "WITH c AS (SELECT 1 AS id) DELETE FROM {t} WHERE id IN (SELECT id FROM c)",
        "WITH c AS (SELECT 1 AS id) UPDATE {t} SET value = 'c' WHERE id IN (SELECT id FROM c)",
        "INSERT INTO {t} TABLE app.{t}_empty",
        "SELECT SOURCE_POS_WAIT('binlog.000001', 4, 1)",
        "TABLE {t} INTO OUTFILE '../{t}.4.txt'",
    ],
}  # fmt: skip
REPLICA = {
    "plain reads": [
        "SELECT * FROM {t}",
        "select 1",
        "(SELECT * FROM {t}) UNION (SELECT 9, 'x')",
        "SELECT * FROM {t} AS a WHERE EXISTS (SELECT 1 FROM {t} AS b WHERE b.id = a.id)",
        "WITH c AS (SELECT * FROM {t}) SELECT * FROM c",
        "SELECT /*! SQL_NO_CACHE */ * FROM {t}",
        "/* INSERT INTO {t} VALUES (99, 'x') */ SELECT * FROM {t}",
        "SELECT 'INSERT INTO {t} FOR UPDATE', `id` AS `for update` FROM {t}",
        "SELECT ';' AS a FROM {t} -- FOR UPDATE",
        "SELECT COUNT(*) FROM {t} WHERE value LIKE '%GET_LOCK(1)%'",
        "SELECT 'it''s \\' FOR UPDATE' AS a FROM {t}",
    ],
    "of the schema": [
        "SHOW TABLES",
        "SHOW CREATE TABLE {t}",
        "SHOW COLUMNS FROM {t}",
        "SHOW INDEX FROM {t}",
        "SHOW DATABASES",
        "SHOW TABLE STATUS LIKE '{t}'",
        "SHOW VARIABLES LIKE 'version'",
        "DESCRIBE {t}",
        "DESC {t}",
        "EXPLAIN SELECT * FROM {t}",
        "SELECT table_name FROM information_schema.tables WHERE table_name = '{t}'",
        "CHECKSUM TABLE {t}",
    ],
    "read only transactions": [
        ("START TRANSACTION READ ONLY", "SELECT * FROM {t}"),
        ("SET TRANSACTION READ ONLY", "BEGIN", "SELECT * FROM {t}"),
        ("SET SESSION TRANSACTION READ ONLY", "BEGIN", "SELECT * FROM {t}"),
        ("START TRANSACTION READ ONLY", "SELECT * FROM {t}", "COMMIT"),
    ],
}  # fmt: skip
REPLICA_OF_KIND = {
    "mariadb": ["SELECT * FROM {t} LIMIT 1 OFFSET 0", "VALUES (1, 2), (3, 4)", "ANALYZE FORMAT=JSON SELECT * FROM {t}"],
    "mysql": ["TABLE {t}", "VALUES ROW(1, 2), ROW(3, 4)", "EXPLAIN ANALYZE SELECT * FROM {t}"],
}
REJECTED = {
    "SAVEPOINT": ["SAVEPOINT a", "savepoint `b`", "ROLLBACK TO a", "ROLLBACK WORK TO SAVEPOINT a", "RELEASE SAVEPOINT a",
                  "/* c */ SAVEPOINT a", "/*! SAVEPOINT a */", "/*!50000 SAVEPOINT */ a"],
    "XA": ["XA START 'a'", "XA BEGIN 'a'", "XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a'", "XA ROLLBACK 'a'",
           "XA RECOVER", "xa start 'a','b',1", "/*! XA */ RECOVER"],
    "LOAD DATA": ["LOAD DATA INFILE '/x' INTO TABLE {t}", "LOAD DATA LOCAL INFILE '/x' INTO TABLE {t}",
                  "load data low_priority infile '/x' replace into table {t}"],
    "LOAD XML": ["LOAD XML INFILE '/x' INTO TABLE {t}", "LOAD XML LOCAL INFILE '/x' INTO TABLE {t}"],
    "INSTALL PLUGIN": ["INSTALL PLUGIN x SONAME 'x.so'", "install plugin x soname 'x.so'"],
    "UNINSTALL PLUGIN": ["UNINSTALL PLUGIN x"],
    "INSTALL COMPONENT": ["INSTALL COMPONENT 'file://x'"],
    "UNINSTALL COMPONENT": ["UNINSTALL COMPONENT 'file://x'"],
}  # fmt: skip
FORWARD_ALL = {f"statements.{name}": "forward" for name in ("savepoint", "xa", "load_data", "plugin")}


@pytest.fixture
def objects(cluster, table):
    """The table, an empty one, a procedure that writes and a function that writes."""
    with cluster.connect(0, database="app") as root:
        for statement in (
            "SET GLOBAL log_bin_trust_function_creators = 1",
            f"CREATE PROCEDURE {table}_write() INSERT INTO {table} VALUES (70, 'by procedure')",
            f"CREATE FUNCTION {table}_f(i INT) RETURNS INT DETERMINISTIC MODIFIES SQL DATA "
            f"BEGIN INSERT INTO {table} VALUES (i, 'by function'); RETURN i; END",
            f"CREATE TABLE {table}_empty LIKE {table}",
        ):
            run(root, statement)
    cluster.wait_synced()
    yield table
    cluster.query(0, f"DROP PROCEDURE app.{table}_write")
    cluster.query(0, f"DROP FUNCTION app.{table}_f")
    for suffix in ("empty", "x", "y"):
        cluster.query(0, f"DROP TABLE IF EXISTS app.{table}_{suffix}")


def _check_forms(cluster, connect, forms, table, allowed, level=None, expect=lambda answer: not isinstance(answer, SqlError)):
    """Runs each form in a session of its own; the list of those that ran on other nodes than allowed, or failed."""
    wrong = []
    with GeneralLogs(cluster) as logs:
        marks = []
        for number, form in enumerate(forms):
            statements = [form] if isinstance(form, str) else list(form)
            connection = connect(level=level)
            mark = f"mark-{level}-{number}-"
            answer = None
            for index, statement in enumerate(statements):
                text = statement.format(t=table)
                if index == len(statements) - 1:
                    text += f"\n/* {mark} */"
                answer = attempt(connection, text)
            marks.append((statements, mark, answer))
            connection.close()
        entries = {node: "\n".join(entry.text for entry in logs.entries(node)) for node in range(3)}
    for statements, mark, answer in marks:
        seen = {node for node, text in entries.items() if mark in text}
        if not (seen and seen <= allowed) or not expect(answer):
            wrong.append(f"{statements}: ran on {seen or 'no server'}, answer {answer}")
    return wrong


@pytest.mark.parametrize("name", [*WRITER, "of this kind"])
def test_runs_on_the_writer(cluster, cluster_kind, connect, objects, name):
    forms = WRITER_OF_KIND[cluster_kind] if name == "of this kind" else WRITER[name]
    wrong = _check_forms(cluster, connect, forms, objects, {0})
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [*REPLICA, "of this kind"])
def test_runs_on_a_replica(cluster, cluster_kind, connect, objects, name):
    forms = REPLICA_OF_KIND[cluster_kind] if name == "of this kind" else REPLICA[name]
    wrong = _check_forms(cluster, connect, forms, objects, {1, 2})
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("level", ["EVENTUAL", "SESSION", "GLOBAL"])
def test_every_level_reads_on_a_replica_and_writes_on_the_writer(connect, table, level):
    connection = connect(level=level)
    assert server_of(connection) in (1, 2)
    assert server_of(connection, f"FROM {table} WHERE id = 1 FOR UPDATE") == 0
    run(connection, f"INSERT INTO {table} SELECT @@server_id + 1000, 'where'")
    assert one(connection, f"/* causeway: route=writer */ SELECT id FROM {table} WHERE id > 1000") == 1001


def test_administration_runs_on_the_writer(cluster, connect):
    name = "max_connect_errors"
    before = [cluster.query(node, f"SELECT @@global.{name} AS v")[0]["v"] for node in range(3)]
    admin = connect(account=accounts.ADMIN)
    try:
        run(admin, f"SET GLOBAL {name} = 12345")
        after = [cluster.query(node, f"SELECT @@global.{name} AS v")[0]["v"] for node in range(3)]
        assert after == [12345, *before[1:]]
    finally:
        cluster.query(0, f"SET GLOBAL {name} = {before[0]}")


ACCOUNT_STATEMENTS = [
    "CREATE USER routing_user@'%' IDENTIFIED BY 'secret'",
    "GRANT SELECT ON app.* TO routing_user@'%'",
    "ALTER USER routing_user@'%' IDENTIFIED BY 'other'",
    "SET PASSWORD FOR routing_user@'%' = {password}",
    "REVOKE SELECT ON app.* FROM routing_user@'%'",
    "DROP USER routing_user@'%'",
    "CREATE ROLE routing_role",
    "DROP ROLE routing_role",
    "CREATE DATABASE routing_schema",
    "DROP DATABASE routing_schema",
    "FLUSH STATUS",
    "FLUSH TABLES",
    "{binary_log_status}",
    "SHOW BINARY LOGS",
    "CREATE EVENT app.routing_event ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    "DROP EVENT app.routing_event",
]


def test_accounts_and_administration_run_on_the_writer(cluster, cluster_kind, connect):
    words = {
        "mariadb": {"password": "PASSWORD('again')", "binary_log_status": "SHOW MASTER STATUS"},
        "mysql": {"password": "'again'", "binary_log_status": "SHOW BINARY LOG STATUS"},
    }[cluster_kind]
    admin = connect(account=accounts.ADMIN)
    wrong = []
    for statement in ACCOUNT_STATEMENTS:
        text = statement.format(**words)
        with GeneralLogs(cluster) as logs:
            answer = attempt(admin, text)
            # Servers hide passwords in their logs: the first two words do. FLUSH and the like are not replicated as such.
            nodes = logs.nodes_with(" ".join(text.split()[:2]))
        if nodes != {0} or isinstance(answer, SqlError):
            wrong.append(f"{text}: ran on {nodes or 'no server'}, answer {answer}")
    assert not wrong, "\n".join(wrong)


def test_function_that_writes_is_run_again_on_the_writer(cluster, connect, objects):
    connection = connect()
    with GeneralLogs(cluster) as logs:
        assert run(connection, f"SELECT {objects}_f(71) /* mark-f */") == ((71,),)
        assert 0 in logs.nodes_with("mark-f")
    assert run(connection, f"SELECT value FROM {objects} WHERE id = 71") == (("by function",),)


# --- rejections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", REJECTED)
def test_rejected_and_nothing_of_it_reaches_a_server(cluster, connect, table, operation):
    connection = connect()
    run(connection, "BEGIN")
    run(connection, f"INSERT INTO {table} VALUES (3, 'three')")
    wrong = []
    with GeneralLogs(cluster) as logs:
        for number, form in enumerate(REJECTED[operation]):
            answer = attempt(connection, f"{form.format(t=table)} /* mark-{number} */")
            if answer != rejection(operation):
                wrong.append(f"{form}: {answer}")
        assert logs.nodes_with("mark-") == set()
    assert not wrong, "\n".join(wrong)
    # The open transaction goes on as before.
    assert run(connection, f"SELECT COUNT(*), @@server_id FROM {table}") == ((3, 1),)
    run(connection, "COMMIT")
    assert run(connection, f"SELECT COUNT(*) FROM {table}") == ((3,),)


@pytest.mark.parametrize("statement, operation", [("SAVEPOINT a", "SAVEPOINT"), ("XA RECOVER", "XA")])
def test_rejected_when_it_is_prepared(cluster, connect, table, statement, operation):
    connection = connect()
    with GeneralLogs(cluster) as logs:
        assert attempt(connection, f"PREPARE mark_s FROM '{statement}'") == rejection(operation)
        assert logs.nodes_with("mark_s") == set()


def test_rejected_statement_in_the_middle_of_several(cluster, connect, table):
    connection = connect(client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
    with GeneralLogs(cluster) as logs, connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (3, 'before'); SAVEPOINT a; INSERT INTO {table} VALUES (4, 'after')")
        assert cursor.rowcount == 1
        with pytest.raises(pymysql.Error) as error:
            cursor.nextset()
        assert (error.value.args[0], error.value.sqlstate) == (1235, "42000")
        assert logs.nodes_with("SAVEPOINT") == set()
        assert logs.nodes_with("after") == set()
    assert run(connection, f"SELECT value FROM {table} WHERE id > 2") == (("before",),)


def test_ddl_is_rejected_as_by_aurora_where_so_configured(cluster, start_proxy, connect, table):
    connection = connect(to=start_proxy(cluster, {"statements.ddl": "reject"}))
    for statement in ("CREATE TABLE x (i INT)", f"ALTER TABLE {table} ADD n INT", f"TRUNCATE {table}", "DROP TABLE x",
                      "CREATE USER x@'%'", "GRANT SELECT ON app.* TO app@'%'"):  # fmt: skip
        assert attempt(connection, statement) == rejection("DDL"), statement
    assert run(connection, f"SELECT COUNT(*) FROM {table}") == ((2,),)


def test_dml_that_reads_a_temporary_table_is_rejected_where_so_configured(cluster, start_proxy, connect, table):
    connection = connect(to=start_proxy(cluster, {"statements.temporary_table": "reject"}))
    run(connection, f"CREATE TEMPORARY TABLE {table}_tmp AS SELECT 7 AS id, 'seven' AS value")
    answer = attempt(connection, f"INSERT INTO {table} SELECT * FROM {table}_tmp")
    assert isinstance(answer, SqlError) and (answer.errno, answer.sqlstate) == (1235, "42000")
    assert run(connection, f"SELECT id FROM {table}_tmp") == ((7,),)


@pytest.mark.parametrize("proxy", [FORWARD_ALL], indirect=True)
def test_savepoint_and_xa_are_forwarded_where_so_configured(cluster, proxy, connect, table):
    connection = connect()
    with GeneralLogs(cluster) as logs:
        for statement in ("BEGIN", f"INSERT INTO {table} VALUES (3, 'x')", "SAVEPOINT mark_a", f"INSERT INTO {table} VALUES (4, 'x')",
                          "ROLLBACK TO mark_a", "RELEASE SAVEPOINT mark_a", "COMMIT"):  # fmt: skip
            run(connection, statement)
        assert logs.nodes_with("mark_a") == {0}
        assert run(connection, f"SELECT id FROM {table} WHERE id > 2") == ((3,),)
        for statement in ("XA START 'mark_x'", f"INSERT INTO {table} VALUES (5, 'x')", "XA END 'mark_x'", "XA PREPARE 'mark_x'",
                          "XA COMMIT 'mark_x'"):  # fmt: skip
            run(connection, statement)
        assert logs.nodes_with("mark_x") == {0}
        assert run(connection, f"SELECT id FROM {table} WHERE id > 3") == ((5,),)
        answer = attempt(connection, "INSTALL PLUGIN mark_p SONAME 'no_such.so'")
        assert isinstance(answer, SqlError) and answer.errno != 1235
        assert logs.nodes_with("mark_p") == {0}


@pytest.mark.parametrize("proxy", [FORWARD_ALL], indirect=True)
def test_load_data_of_a_file_of_the_server_is_forwarded_where_so_configured(cluster, proxy, connect, table):
    (cluster.servers[0].datadir / f"{table}.csv").write_text("5\tfive\n6\tsix\n")
    connection = connect()
    run(connection, f"LOAD DATA INFILE './{table}.csv' INTO TABLE {table}")
    assert run(connection, f"SELECT * FROM {table} WHERE id > 2") == ((5, "five"), (6, "six"))


# --- sessions that do not forward -------------------------------------------------------------------------------------


def test_session_that_does_not_forward_refuses_writes_with_the_servers_own_text(cluster, connect, node_connect, table):
    answer = attempt(node_connect(1, accounts.APP), f"INSERT INTO {table} VALUES (3, 'x')")
    connection = connect(level="")
    wrong = []
    with GeneralLogs(cluster) as logs:
        for statement in (f"INSERT INTO {table} VALUES (3, 'x')", f"UPDATE {table} SET value = 1", f"DELETE FROM {table}",
                          f"REPLACE INTO {table} VALUES (3, 'x')", "CREATE TABLE x (i INT)", f"DROP TABLE {table}", f"TRUNCATE {table}",
                          f"LOAD DATA INFILE '/x' INTO TABLE {table}", f"LOAD XML INFILE '/x' INTO TABLE {table}",
                          f"ALTER TABLE {table} ADD n INT", f"INSERT INTO {table} SELECT 5, 'x'"):  # fmt: skip
            got = attempt(connection, statement)
            if got != answer:
                wrong.append(f"{statement}: {got}, not {answer}")
        assert logs.texts(0, table) == []
    assert not wrong, "\n".join(wrong)
    assert run(connection, f"SELECT COUNT(*) FROM {table}") == ((2,),)


def test_session_that_does_not_forward_stays_on_replicas(cluster, connect, table):
    forms = [
        "SELECT * FROM {t}",
        ("BEGIN", "SELECT * FROM {t}"),
        ("BEGIN", "SELECT * FROM {t}", "COMMIT"),
        ("START TRANSACTION READ ONLY", "SELECT * FROM {t}"),
        ("BEGIN", "SELECT * FROM {t}", "SAVEPOINT a"),
        ("BEGIN", "SELECT * FROM {t}", "SAVEPOINT a", "ROLLBACK TO a"),
        ("SET autocommit = 0", "SELECT * FROM {t}"),
        "SELECT GET_LOCK('x', 0)",
        ("SET @a = 1", "SELECT @a"),
        ("USE app", "SELECT * FROM {t}"),
    ]
    wrong = _check_forms(cluster, connect, forms, table, {1, 2}, level="")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("statement", ["SELECT * FROM {t} FOR UPDATE", "CREATE TEMPORARY TABLE x (i INT)", "XA RECOVER"])
def test_session_that_does_not_forward_gets_the_replicas_answer(cluster, connect, table, statement):
    wrong = _check_forms(cluster, connect, [statement], table, {1, 2}, level="", expect=lambda _: True)
    assert not wrong, "\n".join(wrong)


# --- hints ------------------------------------------------------------------------------------------------------------


def test_hints_override_the_class_for_one_statement(connect):
    connection = connect()
    assert server_of(connection) in (1, 2)
    assert one(connection, "/* causeway: route=writer */ SELECT @@server_id") == 1
    assert one(connection, "  /* causeway:route=writer */SELECT @@server_id") == 1
    assert one(connection, "/*causeway: consistency=global route=writer*/ SELECT @@server_id") == 1
    assert server_of(connection) in (1, 2)
    assert run(connection, "/* causeway: route=replica */ SELECT @@server_id, IS_FREE_LOCK('x')")[0][0] in (2, 3)
    assert one(connection, "/* other: route=writer */ SELECT @@server_id") in (2, 3)
    assert one(connection, "SELECT @@server_id /* causeway: route=writer */") in (2, 3)
    assert one(connection, "SELECT CONCAT('/* causeway: route=writer */', @@server_id)")[-1] in "23"


def test_hint_with_global_consistency_sees_the_commit_of_another_session(cluster, connect, table):
    reader = connect(level="EVENTUAL")
    assert one(reader, f"SELECT COUNT(*) FROM {table}") == 2
    with lagging(cluster, table):
        run(connect(), f"INSERT INTO {table} VALUES (3, 'three')")
        assert one(reader, f"SELECT COUNT(*) FROM {table}") == 2
        assert one(reader, f"/* causeway: consistency=global */ SELECT COUNT(*) FROM {table}") == 3
        assert one(reader, f"SELECT COUNT(*) FROM {table}") == 2


def test_hint_with_max_lag_leaves_out_replicas_that_are_behind(cluster, proxy, connect, table):
    reader = connect(level="EVENTUAL")
    assert server_of(reader) in (1, 2)
    for node in (1, 2):
        cluster.delay_replication(node, 30)
    try:
        run(connect(), f"INSERT INTO {table} VALUES (3, 'three')")
        wait_until(lambda: one(reader, "/* causeway: max_lag=500ms */ SELECT @@server_id") == 1, 10, "no replica is used")
        assert server_of(reader) in (1, 2)
    finally:
        for node in (1, 2):
            cluster.delay_replication(node, 0)
