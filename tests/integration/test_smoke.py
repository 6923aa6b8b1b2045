"""The ground the other tests stand on: the clusters are what the fixtures say. The last ones go through Causeway."""

import pymysql
import pytest
from cluster import ClusterError, accounts
from conftest import run


def test_replicas_follow_the_writer(cluster, table):
    cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'three')")
    cluster.wait_synced()
    for node in cluster.replicas():
        assert len(cluster.query(node, f"SELECT * FROM app.{table}")) == 3


@pytest.mark.gtid(False)
def test_replicas_follow_by_file_and_position(cluster, table):
    cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'three')")
    cluster.wait_synced()
    status = cluster.replication_status(1)
    assert status.get("Auto_Position", 0) == 0 and status.get("Using_Gtid", "No") == "No"
    assert len(cluster.query(2, f"SELECT * FROM app.{table}")) == 3


def test_servers_have_distinct_ids_and_roles(cluster):
    ids = [cluster.query(node, "SELECT @@server_id AS id, @@read_only AS read_only")[0] for node in range(3)]
    assert [(row["id"], row["read_only"]) for row in ids] == [(1, 0), (2, 1), (3, 1)]


def test_application_cannot_write_on_a_replica(node_connect, table):
    with pytest.raises(pymysql.Error) as error:
        run(node_connect(1, accounts.APP), f"INSERT INTO {table} VALUES (3, 'three')")
    assert error.value.args[0] == 1290


def test_stopped_replication_makes_a_replica_stale(cluster, table):
    with cluster.replication_stopped(1):
        cluster.query(0, f"INSERT INTO app.{table} VALUES (3, 'three')")
        cluster.wait_synced(2)
        assert len(cluster.query(1, f"SELECT * FROM app.{table}")) == 2
        with pytest.raises(ClusterError):
            cluster.wait_synced(1, timeout=1)
    cluster.wait_synced(1)
    assert len(cluster.query(1, f"SELECT * FROM app.{table}")) == 3


def test_monitor_account_reads_what_the_monitor_needs(node_connect, cluster_kind):
    monitor = node_connect(1, accounts.MONITOR, database=None)
    status = "SHOW MASTER STATUS" if cluster_kind == "mariadb" else "SHOW BINARY LOG STATUS"
    account_table = "mysql.global_priv" if cluster_kind == "mariadb" else "mysql.user"
    for statement in ("SHOW REPLICA STATUS", status, f"SELECT * FROM {account_table}", "SHOW PROCESSLIST"):
        assert run(monitor, statement)


@pytest.mark.parametrize("gtid", [True, False])
def test_failover_to_a_replica_and_back(own_cluster, gtid):
    cluster = own_cluster(gtid=gtid)
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    for writer in (1, 0):
        cluster.promote(writer)
        cluster.query(writer, "INSERT INTO app.t VALUES (%s)", (writer,))
        cluster.wait_synced()
    assert [len(cluster.query(node, "SELECT * FROM app.t")) for node in range(3)] == [2, 2, 2]


def test_killed_node_comes_back_with_its_data(own_cluster):
    cluster = own_cluster(replicas=1)
    cluster.query(0, "CREATE TABLE app.t (id INT PRIMARY KEY)")
    cluster.wait_synced()
    cluster.kill_node(1)
    cluster.query(0, "INSERT INTO app.t VALUES (1)")
    cluster.restart_node(1)
    cluster.wait_synced()
    assert cluster.query(1, "SELECT * FROM app.t") == [{"id": 1}]


def test_causeway_serves_reads_and_writes(connect, table):
    connection = connect()
    run(connection, f"INSERT INTO {table} VALUES (3, 'three')")
    assert run(connection, f"SELECT value FROM {table} WHERE id = 3") == (("three",),)


def test_causeway_answers_on_its_admin_endpoint(proxy):
    assert proxy.http("/healthz")[0] == 200
    assert proxy.http("/readyz")[0] == 200
    assert "causeway_" in proxy.http("/metrics")[1]
