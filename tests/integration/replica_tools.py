"""Replicas in a cluster that have Causeway as their source, by GTID or by file and position, and servers that become the
writer without anybody telling them."""

import json
import re
import shutil

import pymysql.cursors
from cluster import wait_until
from cluster.template import copy_template
from log_tools import begin_with_dump, coordinates_of_dump

# A replica in the cluster, but its source is Causeway: node 2.
REPLICA = 2
_IDLE = re.compile("from Coordinator|has read all relay log")


def of_status(status, name):
    """A column of SHOW REPLICA STATUS, by MySQL's name, which MariaDB calls otherwise."""
    return status.get(name, status.get(name.replace("Replica", "Slave").replace("Source", "Master")))


def is_connected(cluster, node=REPLICA):
    return of_status(cluster.replication_status(node), "Replica_IO_Running") == "Yes"


def io_error(cluster, node=REPLICA):
    return cluster.replication_status(node).get("Last_IO_Error", "")


def owner_of(cluster, node):
    """What a server's log is named by, ahead of a file's name."""
    name = "@@server_uuid" if cluster.kind == "mysql" else "@@server_id"
    return str(cluster.query(node, f"SELECT {name} AS id")[0]["id"])


def coordinates_of(cluster, node):
    with cluster.connect(node, cursorclass=pymysql.cursors.DictCursor) as connection:
        return cluster.flavor.binlog_coordinates(connection.cursor())


def attach(cluster, port, coordinates, node=REPLICA):
    """By file and position, to whatever is on this port."""
    cluster.query(node, "STOP REPLICA")
    if cluster.kind == "mysql":
        # Of a replica that was killed within a file of its relay log, MySQL 9.7 may look for that for ever: 1201.
        cluster.query(node, "RESET REPLICA")
    if cluster.kind == "mysql" and cluster.gtid:
        cluster.query(node, "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION=0")
    cluster.query(node, cluster.flavor.change_source(port, False, coordinates))
    cluster.query(node, "START REPLICA")


def attach_by_gtid(cluster, port, node=REPLICA, extra="", before="DO 1"):
    """To whatever is on this port; `extra` stands behind the statement, `before` is run when the replica stands still."""
    cluster.query(node, "STOP REPLICA")
    cluster.query(node, before)
    cluster.query(node, cluster.flavor.change_source(port, True, None) + extra)
    cluster.query(node, "START REPLICA")


def make_writer(cluster, node, old, proxy=None, rejoin=True):
    """Node `node` becomes the writer. The old one, if it lives, follows it by GTID, or with `rejoin` False stands aside. Nobody
    tells the replicas behind Causeway. With `proxy` it is waited for until that has seen it."""
    lives = cluster.servers[old].is_alive()
    if lives:
        cluster.set_read_only(old, True)
        cluster.wait_synced(node)
    # Appliers of MySQL that have half a transaction wait a minute for the rest.
    cluster.servers[node].query("STOP REPLICA", timeout=120)
    cluster.query(node, "RESET REPLICA ALL")
    cluster.set_read_only(node, False)
    cluster.writer = node
    if lives and rejoin:
        for statement in cluster.flavor.before_change_source():
            cluster.query(old, statement)
        cluster.query(old, cluster.flavor.change_source(cluster.servers[node].port, True, None))
        cluster.query(old, "START REPLICA")
    if proxy is not None:
        wait_until(lambda: role_of(proxy, node) == "writer", 30, "Causeway sees the new writer")


def role_of(proxy, node):
    return json.loads(proxy.http("/status")[1])["nodes"][node]["role"]


def has_applied_all(cluster, node):
    """Of what it has received from a source that is dead; half a transaction at the end does not count."""
    status = cluster.replication_status(node)
    state = of_status(status, "Replica_SQL_Running_State")
    if of_status(status, "Replica_IO_Running") == "Yes" or "has read all relay log" not in state:
        return False
    if cluster.kind == "mariadb":
        return True
    # MySQL's appliers are behind the thread that reads for them.
    threads = [row for row in cluster.query(node, "SHOW PROCESSLIST") if row["User"] == "system user"]
    return all(_IDLE.search(row["State"] or "") or row["Command"] == "Connect" for row in threads)


def advised(error):
    """The (file, position) that a refusal says to set, or None."""
    found = re.search(r"_LOG_FILE='+([^']*)'+, \w+_LOG_POS=(\d+)", error)
    return found and (found[1], int(found[2]))


def replace_node(cluster, node, dump):
    """A new server with a name of its own takes the place of a dead one: it begins with this dump, and follows the writer."""
    server = cluster.servers[node]
    server.kill()
    server.server_id += 10
    shutil.rmtree(server.datadir)
    copy_template(cluster.flavor, server.datadir)
    # At no moment is it another writer, but it can be filled by root.
    server.options = [option for option in server.options if "read-only" not in option] + ["--read-only=ON"]
    cluster.restart_node(node)
    begin_with_dump(server, dump)
    cluster._follow(node, cluster.writer, coordinates_of_dump(dump))
