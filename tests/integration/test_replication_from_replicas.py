"""The binary log of a replica instead of the writer's: `source = "replica"` of docs/contract/replication.md."""

import json

import pymysql
import pytest
from cluster import wait_until
from cluster.ports import free_port
from conftest import run
from replica_tools import coordinates_of, owner_of
from support import lagging, one
from test_replication_listener import TABLE, connected, fill, run_tool

STATUS = {"mysql": "SHOW BINARY LOG STATUS", "mariadb": "SHOW MASTER STATUS"}
HERE = {"mysql": "SELECT @@gtid_executed AS gtid", "mariadb": "SELECT @@gtid_binlog_pos AS gtid"}
START = {"mysql": ["RESET BINARY LOGS AND GTIDS", "SET GLOBAL gtid_purged = '{}'"], "mariadb": ["RESET MASTER", "SET GLOBAL gtid_slave_pos = '{}'"]}
COUNT = "SELECT COUNT(*) AS n, SUM(id) AS s FROM app.copied"


@pytest.fixture
def source(own_cluster, start_proxy, tmp_path):
    """source(gtid, settings): a cluster of a writer and two replicas, Causeway, and the port of its listener."""

    def start(gtid=True, settings=None):
        cluster = own_cluster(gtid=gtid)
        port = free_port()
        proxy = start_proxy(cluster, {"listen": f"127.0.0.1:{port}?purpose=replication&source=replica",
                                      "replication.state_file": str(tmp_path / "streams.json"), **(settings or {})})  # fmt: skip
        return cluster, proxy, port

    return start


@pytest.fixture
def client(own_cluster):
    """client(cluster, port, coordinates): a server of its own that replicates through Causeway."""

    def start(cluster, port, coordinates=None):
        gtid = coordinates is None
        server = own_cluster(replicas=0, gtid=cluster.gtid, options=["--server-id=9"]).servers[0]
        here = cluster.query(cluster.writer, HERE[cluster.kind])[0]["gtid"]
        for statement in START[cluster.kind] if gtid else []:
            server.query(statement.format(here))
        server.query(server.flavor.change_source(port, gtid, coordinates))
        server.query("START REPLICA")
        cluster.query(cluster.writer, TABLE)
        return server

    return start


def status(proxy):
    return json.loads(proxy.http("/status")[1])


def stream_from(proxy, *nodes):
    """Waits until the one stream there is comes from one of these nodes, and gives which."""

    def source():
        now = status(proxy)
        streams, names = now["streams"], [node["name"] for node in now["nodes"]]
        return names.index(streams[0]["node"]) if len(streams) == 1 and streams[0]["node"] else None

    wait_until(lambda: source() in nodes, 30, f"the log is read from one of the nodes {nodes}")
    return source()


def expect_same(cluster, server):
    def has_all():
        try:
            return server.query(COUNT) == cluster.query(cluster.writer, COUNT)
        except pymysql.ProgrammingError:
            return False  # not even the table

    wait_until(has_all, 60, "the client has everything")


def test_a_replica_is_read_and_not_the_writer(source, client):
    cluster, proxy, port = source()
    server = client(cluster, port)
    fill(cluster, 1)
    expect_same(cluster, server)
    node = stream_from(proxy, 1, 2)
    dumps = [row for row in cluster.query(0, "SHOW PROCESSLIST") if str(row["Command"]).startswith("Binlog Dump")]
    assert len(dumps) == 2, "those of the replicas themselves"
    with connected(port) as session:
        assert {one(session, "SELECT @@server_id"), one(session, "SELECT @@global.server_id")} == {4 - node}, "nobody reads from it yet"
        with pytest.raises(pymysql.Error, match="read-only"):
            run(session, "INSERT INTO app.copied VALUES (100000, 'here')")


@pytest.mark.parametrize("fault", ["killed", "stopped"])
def test_another_replica_is_next(source, client, fault):
    cluster, proxy, port = source()
    server = client(cluster, port)
    fill(cluster, 1)
    first = stream_from(proxy, 1, 2)
    if fault == "killed":
        cluster.kill_node(first)
    else:
        cluster.query(first, "STOP REPLICA")
    fill(cluster, 1000)
    stream_from(proxy, 3 - first)
    expect_same(cluster, server)


def test_a_replica_is_not_asked_for_what_it_does_not_have(source, client):
    """It would refuse for good: the client has more than it."""
    cluster, proxy, port = source(settings={"forwarding.read_wait_timeout": "500ms"})
    server = client(cluster, port)
    fill(cluster, 1)
    first = stream_from(proxy, 1, 2)
    expect_same(cluster, server)
    with lagging(cluster, "copied", 3 - first):
        fill(cluster, 1000, 10)
        expect_same(cluster, server)
        cluster.kill_node(first)
        proxy.wait_for_log("has not got in time")
        fill(cluster, 2000, 10)
    stream_from(proxy, 3 - first)
    expect_same(cluster, server)


def test_a_failover_does_not_end_it(source, client):
    cluster, proxy, port = source()
    server = client(cluster, port)
    fill(cluster, 1)
    first = stream_from(proxy, 1, 2)
    since = status(proxy)["streams"][0]["since"]
    cluster.promote(3 - first)
    fill(cluster, 1000)
    expect_same(cluster, server)
    assert stream_from(proxy, first) == first and status(proxy)["streams"][0]["since"] == since
    cluster.promote(first)
    fill(cluster, 2000)
    expect_same(cluster, server)


@pytest.mark.parametrize("gtid", [False, True])
def test_by_file_and_position(source, client, gtid):
    """Coordinates of one replica are none of another one."""
    cluster, proxy, port = source(gtid)
    cluster.query(1, "FLUSH BINARY LOGS")
    file, position = coordinates_of(cluster, 1)
    server = client(cluster, port, (file, position))
    wait_until(lambda: "1236" in str(server.query("SHOW REPLICA STATUS")), 30, "the client has to say whose coordinates these are")
    server.query("STOP REPLICA")
    server.query(server.flavor.change_source(port, False, (f"{owner_of(cluster, 1)}:{file}", position)))
    server.query("START REPLICA")
    fill(cluster, 1)
    expect_same(cluster, server)
    first = stream_from(proxy, 1, 2)
    cluster.kill_node(first)
    fill(cluster, 1000)
    stream_from(proxy, 3 - first)
    expect_same(cluster, server)


def test_without_a_replica_that_has_a_log_it_is_the_writers(own_cluster, start_proxy, client):
    cluster = own_cluster(replicas=0)
    port = free_port()
    proxy = start_proxy(cluster, {"listen": f"127.0.0.1:{port}?purpose=replication&source=replica"})
    server = client(cluster, port)
    fill(cluster, 1)
    expect_same(cluster, server)
    stream_from(proxy, 0)


def test_a_dump_is_of_one_replica(source, cluster_kind):
    cluster, _, port = source()
    cluster.query(0, TABLE)
    fill(cluster, 1)
    cluster.wait_synced()
    option = "--source-data=2" if cluster_kind == "mysql" else "--master-data=2"
    text = run_tool(cluster_kind, "dump", port, "--single-transaction", option, "--databases", "app")
    assert "CREATE TABLE `copied`" in text and "Dump completed" in text
    own = [cluster.query(node, STATUS[cluster_kind])[0] for node in (1, 2)]
    assert any(f"'{row['File']}'" in text and f"={row['Position']};" in text for row in own), own
