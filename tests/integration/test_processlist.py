"""SHOW PROCESSLIST: Causeway's sessions under its own ids, seen by whom a server would let see them; and KILL by who may."""

import contextlib
import socket
import threading

import pymysql
import pytest
from cluster import wait_until
from cluster.accounts import ADMIN, APP, Account
from conftest import run
from support import GeneralLogs, SqlError, attempt, one
from wire_client import (
    BASIC,
    DEPRECATE_EOF,
    EXTENDED_METADATA,
    MULTI_RESULTS,
    MULTI_STATEMENTS,
    Kind,
    WireClient,
    parse_greeting,
)
from wire_prepared import without_statement_id

COM_PROCESS_INFO = b"\x0a"
CAPABILITIES = BASIC | MULTI_RESULTS | MULTI_STATEMENTS
PLAIN = Account("plain_user", "secret")


def processes(connection, statement="SHOW PROCESSLIST"):
    """{id: row}"""
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(statement)
        return {row["Id"]: row for row in cursor.fetchall()}


@pytest.fixture
def plain_user(cluster, proxy):
    """An account without any global right."""
    for statement in (f"CREATE USER {PLAIN.name}@'%' IDENTIFIED BY '{PLAIN.password}'", f"GRANT SELECT ON app.* TO {PLAIN.name}@'%'"):
        cluster.query(0, statement)
    cluster.wait_synced()
    yield PLAIN
    cluster.query(0, f"DROP USER {PLAIN.name}@'%'")
    cluster.wait_synced()


@pytest.fixture
def busy(connect):
    """A session that runs a long statement, and that statement; ended by KILL QUERY."""
    connection = connect()
    statement = f"SELECT SLEEP(60) /* {'é' * 80} and more than a hundred bytes */"
    thread = threading.Thread(target=lambda: attempt(connection, statement))
    thread.start()
    yield connection, statement
    run(connect(), f"KILL QUERY {connection.thread_id()}")
    thread.join(30)
    assert not thread.is_alive()


def test_sessions_of_all_workers_with_their_own_ids(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"workers": 2})
    connections = {connection.thread_id(): connection for connection in (connect(to=proxy) for _ in range(6))}
    asking = next(iter(connections.values()))
    listed = processes(asking)
    assert listed.keys() == connections.keys()
    for identity, row in listed.items():
        address = connections[identity]._sock.getsockname()
        assert row["Host"] == f"{address[0]}:{address[1]}"
        assert (row["User"], row["db"]) == (APP.name, "app")
        assert 0 <= row["Time"] < 60
        is_own = identity == asking.thread_id()
        assert (row["Command"], row["Info"]) == (("Query", "SHOW PROCESSLIST") if is_own else ("Sleep", None))


def test_what_a_session_is_doing(connect, busy):
    connection, statement = busy
    asking = connect()

    def row(sql):
        return processes(asking, sql)[connection.thread_id()]

    wait_until(lambda: row("SHOW PROCESSLIST")["Info"] is not None, 20, "the statement is shown")
    short, full = row("SHOW PROCESSLIST"), row("SHOW FULL PROCESSLIST")
    assert (short["Command"], full["Info"]) == ("Query", statement)
    assert short["State"].startswith("executing")
    # A hundred bytes at the most, and no half of a character.
    assert statement.startswith(short["Info"]) and 98 <= len(short["Info"].encode()) <= 100


def test_users_see_their_own_sessions_and_with_the_right_all(connect, plain_user):
    ordinary, app, admin = connect(account=plain_user), connect(account=APP), connect(account=ADMIN)
    mine, of_app, of_admin = ordinary.thread_id(), app.thread_id(), admin.thread_id()
    assert processes(ordinary).keys() == {mine}
    assert processes(app).keys() >= {mine, of_app, of_admin}  # it has PROCESS
    assert processes(admin).keys() >= {mine, of_app, of_admin}


def test_clients_that_have_not_logged_in_yet(proxy, connect, plain_user):
    asking, ordinary = connect(), connect(account=plain_user)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as silent:
        identity = parse_greeting(read_payload(silent)).connection_id
        row = processes(asking)[identity]
        assert (row["User"], row["Command"], row["State"], row["Info"]) == ("unauthenticated user", "Connect", "login", None)
        assert 0 <= row["Time"] < 60
        assert row["Host"] == "{}:{}".format(*silent.getsockname())
        assert identity not in processes(ordinary)


def read_payload(connection):
    with connection.makefile("rb") as stream:
        header = stream.read(4)
        return stream.read(int.from_bytes(header[:3], "little"))


def test_who_may_ends_sessions_of_others(connect, plain_user):
    victim = connect(account=plain_user)
    app, admin = connect(account=APP), connect(account=ADMIN)
    assert attempt(app, f"KILL {victim.thread_id()}").errno == 1095  # to see is not to kill
    assert one(victim, "SELECT 1") == 1
    run(admin, f"KILL {victim.thread_id()}")
    with pytest.raises(pymysql.err.OperationalError):
        run(victim, "SELECT 1")


@pytest.fixture
def accounts(cluster, proxy):
    """accounts("name", "GRANT PROCESS ON *.* TO {}", ...): one made of these statements, and of what they make for it."""
    made = []

    def make(name, *statements):
        account = Account(name, "secret")
        cluster.query(0, f"CREATE USER {name}@'%' IDENTIFIED BY '{account.password}'")
        made.append(f"USER {name}@'%'")
        for statement in ("GRANT SELECT ON app.* TO {}", *statements):
            if statement.startswith("CREATE ROLE"):
                made.append(statement.removeprefix("CREATE "))
            cluster.query(0, statement.format(f"{name}@'%'"))
        cluster.wait_synced()
        return account

    yield make
    for what in made:
        cluster.query(0, f"DROP {what}")
    cluster.wait_synced()


def connection_admin(kind):
    return "GRANT {} ON *.* TO {{}}".format("CONNECTION_ADMIN" if kind == "mysql" else "CONNECTION ADMIN")


def as_default_role(kind, role):
    return f"ALTER USER {{}} DEFAULT ROLE {role}" if kind == "mysql" else f"SET DEFAULT ROLE {role} FOR {{}}"


def is_alive(connection):
    try:
        return one(connection, "SELECT 1") == 1
    except pymysql.err.OperationalError:
        return False


def test_connection_admin_alone_ends_sessions_of_others(cluster_kind, connect, plain_user, accounts):
    killer = connect(account=accounts("killer", connection_admin(cluster_kind)))
    victim = connect(account=plain_user)
    assert processes(killer).keys() == {killer.thread_id()}  # to kill is not to see
    run(killer, f"KILL {victim.thread_id()}")
    assert not is_alive(victim)


def test_rights_of_default_roles(cluster_kind, connect, plain_user, accounts):
    """Of roles of roles too; not of roles that are granted and not active."""
    rights = "PROCESS, " + ("SUPER" if cluster_kind == "mysql" else "CONNECTION ADMIN")
    roles = ("CREATE ROLE inner_role", "CREATE ROLE outer_role", f"GRANT {rights} ON *.* TO inner_role", "GRANT inner_role TO outer_role",
             "GRANT outer_role TO {}")  # fmt: skip
    active = connect(account=accounts("active", *roles, as_default_role(cluster_kind, "outer_role")))
    inactive = connect(account=accounts("inactive", "GRANT outer_role TO {}"))
    victim = connect(account=plain_user)
    assert processes(inactive).keys() == {inactive.thread_id()}
    assert attempt(inactive, f"KILL {victim.thread_id()}").errno == 1095
    assert processes(active).keys() >= {active.thread_id(), inactive.thread_id(), victim.thread_id()}
    assert one(active, f"SELECT COUNT(*) FROM {TABLE} WHERE ID = {victim.thread_id()}") == 1
    run(active, f"KILL {victim.thread_id()}")
    assert not is_alive(victim)


def test_rights_are_those_of_the_user_of_now(cluster_kind, proxy, connect, plain_user, accounts):
    killing = accounts("killer", connection_admin(cluster_kind))
    victims = [connect(account=plain_user) for _ in range(2)]
    not_owner = b"\xff" + (1095).to_bytes(2, "little")
    bystander = accounts("bystander")
    with WireClient(proxy.port, bystander, CAPABILITIES) as client:
        assert client.query(f"KILL {victims[0].thread_id()}")[0].payload[:3] == not_owner
        assert client.change_user(killing, "app")[-1].is_ok
        assert client.query(f"KILL {victims[0].thread_id()}")[0].is_ok
        assert client.change_user(bystander, "app")[-1].is_ok
        assert client.query(f"KILL {victims[1].thread_id()}")[0].payload[:3] == not_owner
    assert [is_alive(victim) for victim in victims] == [False, True]


def test_rights_of_users_that_stand_in_the_configuration(cluster, start_proxy, connect):
    """There is no account table then."""
    proxy = start_proxy(cluster, {"users": [f"{account.name}={account.password}" for account in (APP, ADMIN)]})
    app, admin = connect(to=proxy, account=APP), connect(to=proxy, account=ADMIN)
    assert processes(app).keys() == {app.thread_id(), admin.thread_id()}  # it has PROCESS
    assert attempt(app, f"KILL {admin.thread_id()}").errno == 1095
    run(admin, f"KILL {app.thread_id()}")
    assert not is_alive(app)


@pytest.mark.kinds("mysql")
def test_system_users_are_killed_by_system_users_only(connect, accounts):
    protected = accounts("protected", "GRANT SYSTEM_USER ON *.* TO {}")
    victim, again = connect(account=protected), connect(account=protected)
    for name, rights in (("killer", "CONNECTION_ADMIN"), ("super", "SUPER")):
        killer = connect(account=accounts(name, f"GRANT {rights} ON *.* TO {{}}"))
        for scope in ("", "QUERY"):
            denied = SqlError(1095, "HY000", f"You are not owner of thread {victim.thread_id()}")
            assert attempt(killer, f"KILL {scope} {victim.thread_id()}") == denied
    assert is_alive(victim)
    run(victim, f"KILL {again.thread_id()}")  # its own, without any other right
    assert not is_alive(again)
    system_killer = connect(account=accounts("system_killer", "GRANT SYSTEM_USER, CONNECTION_ADMIN ON *.* TO {}"))
    run(system_killer, f"KILL {victim.thread_id()}")
    assert not is_alive(victim)


def test_servers_are_asked_for_rights_once_per_login(cluster, connect, plain_user, accounts):
    """Also: what a user has done to its own sessions needs no right."""
    ordinary, other = connect(account=plain_user), connect(account=plain_user)
    with GeneralLogs(cluster) as logs:
        run(ordinary, f"KILL QUERY {other.thread_id()}")
        assert logs.nodes_with("SHOW GRANTS") == set()
        for _ in range(2):
            assert processes(ordinary).keys() == {ordinary.thread_id(), other.thread_id()}
        assert sum(len(logs.texts(node, "SHOW GRANTS")) for node in range(3)) == 1
    sees_all = accounts("sees_all", "GRANT PROCESS ON *.* TO {}")
    with GeneralLogs(cluster) as logs:
        watching = connect(account=sees_all)
        assert processes(watching).keys() >= {watching.thread_id(), ordinary.thread_id()}
        assert logs.nodes_with("SHOW GRANTS") == set()  # the account table says it


def test_it_is_there_without_any_server(own_cluster, start_proxy, connect):
    """When it is needed most."""
    cluster = own_cluster(replicas=0)
    proxy = start_proxy(cluster)
    cluster.query(0, f"CREATE USER {PLAIN.name}@'%' IDENTIFIED BY '{PLAIN.password}'")
    cluster.query(0, f"GRANT SELECT ON app.* TO {PLAIN.name}@'%'")
    app, ordinary, admin = (connect(to=proxy, account=account) for account in (APP, PLAIN, ADMIN))
    everybody = {connection.thread_id() for connection in (app, ordinary, admin)}
    cluster.kill_node(0)
    assert processes(app).keys() == everybody
    assert processes(ordinary).keys() == {ordinary.thread_id()}
    assert attempt(ordinary, f"KILL {app.thread_id()}").errno == 1095
    run(admin, f"KILL {app.thread_id()}")
    assert processes(admin).keys() == everybody - {app.thread_id()}


@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES | DEPRECATE_EOF, CAPABILITIES | DEPRECATE_EOF | EXTENDED_METADATA],
                         ids=["eof", "deprecate_eof", "extended_metadata"])  # fmt: skip
def test_columns_and_forms_are_the_servers(cluster, proxy, capabilities):
    """As text, prepared, by SQL's EXECUTE, and among several statements: definitions byte by byte, rows by their ids."""
    if cluster.kind == "mysql":
        capabilities &= ~EXTENDED_METADATA
    with contextlib.ExitStack() as stack:
        direct, through = (stack.enter_context(WireClient(port, APP, capabilities))
                           for port in (cluster.servers[cluster.writer].port, proxy.port))  # fmt: skip
        pairs = zip(answers(direct, cluster.kind), answers(through, cluster.kind), strict=True)
        for (label, expected), (_, got) in pairs:
            assert definitions(got) == definitions(expected), label
            assert ends(got) == ends(expected), label
            first = got[0].sequence_ids[0]
            assert [packet.sequence_ids for packet in got] == [(first + at,) for at in range(len(got))], label
            assert own_rows(got, through) >= (label != "prepare"), label


def answers(client, kind):
    """[(label, packets)] of one session."""
    for statement in ("SHOW PROCESSLIST", "SHOW FULL PROCESSLIST"):
        yield statement, client.query(statement)
        statement_id, prepared = client.prepare(statement)
        yield "prepare", without_statement_id(prepared)
        yield f"execute {statement}", client.execute(statement_id)
    client.query("PREPARE s FROM 'SHOW PROCESSLIST'")
    yield "EXECUTE", client.query("EXECUTE s")
    yield "several", client.query("DO 1; SHOW PROCESSLIST; DO 2")
    if kind == "mariadb":
        yield "COM_PROCESS_INFO", client.command(COM_PROCESS_INFO, Kind.QUERY)


def definitions(packets):
    return [packet.payload for packet in packets if packet.payload[:4] == b"\x03def"]


def ends(packets):
    """What is neither a definition nor a row, less the counts of connections and rows in it."""
    return [packet.payload[:1] for packet in packets if packet.is_ok]


def own_rows(packets, client):
    """How many rows are about the client's own session."""
    own = client.greeting.connection_id
    in_text = bytes([len(str(own))]) + str(own).encode()
    in_binary = b"\x00" + own.to_bytes(8, "little")
    return sum(packet.payload.startswith(in_text) or in_binary in packet.payload[:12] for packet in packets)


# --- information_schema.aurora_forwarding_processlist ------------------------------------------------------------------

TABLE = "information_schema.aurora_forwarding_processlist"
COLUMNS = ["ID", "USER", "HOST", "DB", "COMMAND", "TIME", "STATE", "INFO", "IS_FORWARDED", "REPLICA_SESSION_ID",
           "REPLICA_INSTANCE_IDENTIFIER", "REPLICA_CLUSTER_NAME", "REPLICA_REGION"]  # fmt: skip


def forwarded(connection):
    return {row[0] for row in run(connection, f"SELECT ID FROM {TABLE} WHERE is_forwarded = 1")}


def test_forwarding_processlist_has_auroras_columns_and_all_sessions(cluster, start_proxy, connect):
    proxy = start_proxy(cluster, {"workers": 2})
    connections = {connection.thread_id(): connection for connection in (connect(to=proxy) for _ in range(4))}
    asking = next(iter(connections.values()))
    run(asking, "SELECT 1")
    with asking.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {TABLE} ORDER BY ID")
        assert [column[0] for column in cursor.description] == COLUMNS
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    assert [row["ID"] for row in rows] == sorted(connections)
    own = next(row for row in rows if row["ID"] == asking.thread_id())
    assert (own["USER"], own["DB"], own["COMMAND"], own["IS_FORWARDED"]) == (APP.name, "app", "Query", 0)
    assert own["INFO"] == f"SELECT * FROM {TABLE} ORDER BY ID"
    assert own["HOST"] == "{}:{}".format(*asking._sock.getsockname())
    assert own["REPLICA_INSTANCE_IDENTIFIER"] == one(asking, "SELECT @@aurora_server_id")


def test_forwarded_sessions_are_those_with_work_on_the_writer(connect, table):
    asking, working, plain = connect(), connect(), connect(level="")
    run(working, f"INSERT INTO {table} VALUES (3, 'x')")
    assert forwarded(asking) == set()
    run(working, "BEGIN")
    run(working, f"INSERT INTO {table} VALUES (4, 'x')")
    run(plain, "BEGIN")
    run(plain, f"SELECT * FROM {table}")
    assert forwarded(asking) == {working.thread_id()}
    run(working, "ROLLBACK")
    assert forwarded(asking) == set()


def test_any_select_over_it_works(cluster, proxy, connect, table):
    connection = connect()
    own = connection.thread_id()
    for select in (
        f"SELECT p.id FROM {TABLE} p WHERE p.id = CONNECTION_ID()",
        f"SELECT information_schema.aurora_forwarding_processlist.ID FROM {TABLE} WHERE ID = {own} ORDER BY 1 LIMIT 1",
        f"SELECT a.ID FROM {TABLE} a JOIN {TABLE} AS b USING (ID) WHERE a.ID = {own}",
        f"SELECT MAX(ID) FROM (SELECT ID FROM {TABLE} WHERE ID = {own} UNION SELECT 0) AS u",
        f"SELECT {own} FROM {table} WHERE EXISTS (SELECT 1 FROM {TABLE} WHERE USER LIKE 'ap%') LIMIT 1",
    ):
        assert one(connection, select) == own, select
    run(connection, f"INSERT INTO {table} SELECT ID + 1000, INFO FROM {TABLE} WHERE ID = {own}")
    assert one(connection, f"SELECT value FROM {table} WHERE id = {own + 1000}").startswith("INSERT")
    run(connection, f"PREPARE s FROM 'SELECT ID FROM {TABLE} WHERE ID = {own}'")
    assert one(connection, "EXECUTE s") == own
    run(connection, "USE information_schema")
    assert one(connection, f"SELECT COUNT(*) FROM aurora_forwarding_processlist WHERE ID = {own}") == 1
    with WireClient(proxy.port, APP, CAPABILITIES) as client:
        statement_id, _ = client.prepare(f"SELECT COUNT(*) FROM {TABLE} WHERE ID = CONNECTION_ID()")
        for _ in range(2):
            assert client.execute(statement_id)[3].payload == b"\x00\x00" + (1).to_bytes(8, "little")


def test_what_others_write_is_no_sql_here(connect):
    """Statements are data in it: quotes, backslashes and bytes that are no text."""
    asking, other = connect(), connect(charset="latin1")
    for statement in ("SELECT '\\'', \"\\\"\", ') -- ', 'é'", "SELECT '" + "x" * 3000 + "'"):
        run(other, statement)
        assert one(asking, f"SELECT COUNT(*) FROM {TABLE} WHERE ID = {other.thread_id()}") == 1


def test_there_may_be_thousands(connect, proxy):
    """More than the table shows."""
    asking = connect()
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            stack.enter_context(WireClient(proxy.port, APP, CAPABILITIES))
        assert one(asking, f"SELECT COUNT(*) FROM {TABLE}") == 151
