"""Fixtures: real clusters of both kinds, Causeway before them, connections. How to use them: tests/README.md.

A server that cannot be started is a failure, never a skip.
"""

import contextlib
import pathlib
import sys

import pymysql
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from cluster import Causeway, CausewayError, LocalCluster, accounts  # noqa: E402

KINDS = ("mariadb", "mysql")


def pytest_configure(config):
    config.addinivalue_line("markers", "kinds(*kinds): run for these kinds of servers only (the other cannot do it)")
    config.addinivalue_line("markers", "gtid(on): replication with GTIDs (default) or, with False, by file and position")


def pytest_addoption(parser):
    parser.addoption("--kind", choices=KINDS, help="only this kind of server (the default is both)")
    parser.addoption("--servers-only", action="store_true", help="with --kind: not the tests that need no server")


def pytest_generate_tests(metafunc):
    """Every test that touches a cluster runs once per kind of server."""
    if "cluster_kind" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("kinds")
        kinds = marker.args if marker else KINDS
        metafunc.parametrize("cluster_kind", kinds, scope="session")


def pytest_collection_modifyitems(config, items):
    """--kind takes the other kind's tests out. Those without a server are everybody's, but run once if both kinds run
    side by side."""
    only = config.getoption("--kind")
    if only is None:
        return
    wanted = {only} if config.getoption("--servers-only") else {only, None}
    chosen = [item for item in items if kind_of(item) in wanted]
    config.hook.pytest_deselected(items=[item for item in items if kind_of(item) not in wanted])
    items[:] = chosen


def kind_of(item):
    return item.callspec.params.get("cluster_kind") if hasattr(item, "callspec") else None


# --- clusters ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _clusters():
    """Running clusters by (kind, gtid), made when first asked for."""
    running = {}
    yield running
    for cluster in running.values():
        cluster.stop()


@pytest.fixture
def cluster(cluster_kind, request, _clusters):
    """A cluster, writer = node 0, shared by all tests. It is put back in order when a test has disturbed it."""
    marker = request.node.get_closest_marker("gtid")
    key = (cluster_kind, marker.args[0] if marker else True)
    if key not in _clusters:
        # A parallel applier of MySQL tells its file and position only at checkpoints, every 300 ms by default.
        options = [] if key != ("mysql", False) else ["--replica-checkpoint-period=10"]
        _clusters[key] = LocalCluster(key[0], gtid=key[1], options=options).start()
    shared = _clusters[key]
    yield shared
    if not is_in_order(shared):
        # Whatever the test has done to it, the next one gets a sound one: a start takes about a second.
        _clusters.pop(key).stop()


@pytest.fixture
def large_packets(cluster):
    """max_allowed_packet of all nodes is 64 MiB."""
    before = [cluster.query(node, "SELECT @@global.max_allowed_packet AS n")[0]["n"] for node in range(3)]
    for node in range(3):
        cluster.query(node, f"SET GLOBAL max_allowed_packet = {64 << 20}")
    yield
    for node in range(3):
        cluster.query(node, f"SET GLOBAL max_allowed_packet = {before[node]}")


@pytest.fixture
def own_cluster(cluster_kind):
    """A function that starts a cluster for this test alone: own_cluster(replicas=1, gtid=False, options=[...])."""
    started = []

    def start(**options):
        started.append(LocalCluster(cluster_kind, **options).start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


def is_in_order(cluster):
    """Writer is node 0, all servers live and are in their roles, replication runs and is not delayed."""
    if cluster.writer != 0 or not all(server.is_alive() for server in cluster.servers):
        return False
    try:
        for node in cluster.replicas():
            status = cluster.replication_status(node)
            running = [value for key, value in status.items() if key.endswith(("_IO_Running", "_SQL_Running"))]
            if running != ["Yes", "Yes"] or status["SQL_Delay"] != 0:
                return False
        for node in range(len(cluster.servers)):
            if bool(cluster.query(node, "SELECT @@read_only AS on_")[0]["on_"]) != (node != 0):
                return False
        cluster.wait_synced(timeout=10)
    except Exception:  # it does not even answer: paused, out of connections, whatever
        return False
    return True


# --- Causeway ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def start_proxy(request):
    """A function that starts Causeway: start_proxy(cluster, settings={"forwarding.read_consistency": "GLOBAL"}).

    At the end it is stopped; the test fails if it died, does not stop or a sanitizer has reported.
    """
    running = []

    def start(before, settings=None, *arguments, ready_timeout=30, **options):
        proxy = Causeway(before, settings, arguments, **options)
        running.append(proxy)
        return proxy.start(ready_timeout)

    yield start
    problems = []
    for proxy in running:
        request.node.add_report_section("teardown", "causeway log", proxy.log())
        try:
            proxy.stop()
        except CausewayError as error:
            problems.append(str(error))
        proxy.log_path.unlink()
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture
def proxy(cluster, start_proxy, request):
    """Causeway with the default settings, or those of @pytest.mark.parametrize("proxy", [{...}], indirect=True)."""
    return start_proxy(cluster, getattr(request, "param", None))


# --- connections ------------------------------------------------------------------------------------------------------


@pytest.fixture
def connect(cluster, request):
    """connect(**pymysql options) as `app` through the test's proxy, in the schema `app`; closed at the end.

    connect(to=proxy) takes another proxy, connect(account=accounts.ADMIN) another user, connect(level="GLOBAL") sets
    the read consistency.
    """
    opened = []

    def open_connection(to=None, account=accounts.APP, level=None, **options):
        where = to or request.getfixturevalue("proxy")
        connection = where.connect(account, **{"database": "app", **options})
        opened.append(connection)
        if level is not None:
            run(connection, f"SET aurora_replica_read_consistency = '{level}'")
        return connection

    yield open_connection
    _close(opened)


@pytest.fixture
def node_connect(cluster):
    """node_connect(node, **pymysql options) to a server itself, as root in the schema `app`; closed at the end."""
    opened = []

    def open_connection(node, account=accounts.ROOT, **options):
        opened.append(cluster.connect(node, account, **{"database": "app", **options}))
        return opened[-1]

    yield open_connection
    _close(opened)


@pytest.fixture
def table(cluster, request):
    """The name of a new table `id INT PRIMARY KEY, value VARCHAR(255)` with the rows (1, 'one'), (2, 'two'), in the
    schema `app`, on all nodes; dropped at the end."""
    name = "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name.lower())[:50]
    cluster.query(cluster.writer, f"DROP TABLE IF EXISTS app.{name}")
    cluster.query(cluster.writer, f"CREATE TABLE app.{name} (id INT PRIMARY KEY, value VARCHAR(255))")
    cluster.query(cluster.writer, f"INSERT INTO app.{name} VALUES (1, 'one'), (2, 'two')")
    cluster.wait_synced()
    yield name
    # A test that has killed the writer gets a new cluster anyway, and one that has failed may have left the table locked.
    if cluster.servers and cluster.servers[cluster.writer].is_alive():
        with cluster.connect(cluster.writer) as connection, contextlib.suppress(pymysql.Error):
            run(connection, "SET lock_wait_timeout = 3")
            run(connection, f"DROP TABLE IF EXISTS app.{name}")


def run(connection, statement, arguments=None):
    """Runs one statement and returns its rows (a tuple of tuples, empty for an OK)."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()


def _close(connections):
    for connection in connections:
        try:
            connection.close()
        except pymysql.Error:
            pass  # the test has closed it, or its server
