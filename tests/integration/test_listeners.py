"""Several listeners stand side by side, TCP and Unix sockets, each with its own default level and timeout policy."""

import os
import stat

import pymysql
from cluster import accounts, free_port
from conftest import run
from support import SqlError, attempt, lagging, one, server_of


def _at(**where):
    return pymysql.connect(
        user=accounts.APP.name, password=accounts.APP.password, database="app", autocommit=True, **where)  # fmt: skip


def test_listeners_have_their_own_level_and_policy(cluster, start_proxy, connect, table, tmp_path):
    reports, strict = free_port(), tmp_path / "strict.sock"
    proxy = start_proxy(cluster, {
        "forwarding.read_wait_timeout": "20s",
        "listen": [f"127.0.0.1:{reports}?read_consistency=EVENTUAL",
                   f"unix:{strict}?read_consistency=GLOBAL&read_wait_timeout=300ms&on_read_wait_timeout=error"]})  # fmt: skip
    application = connect(to=proxy)
    with _at(host="127.0.0.1", port=reports) as eventual, _at(unix_socket=str(strict)) as globally:
        levels = {name: one(connection, "SELECT @@aurora_replica_read_consistency")
                  for name, connection in {"main": application, "reports": eventual, "strict": globally}.items()}  # fmt: skip
        assert levels == {"main": "SESSION", "reports": "EVENTUAL", "strict": "GLOBAL"}
        read = f"SELECT value FROM {table} WHERE id = 1"
        for connection in (application, eventual, globally):
            assert one(connection, read) == "one"
            assert server_of(connection) in cluster.replicas()
        with lagging(cluster, table):
            run(application, f"UPDATE {table} SET value = 'new' WHERE id = 1")
            # Its replica does not get it: one reads what is there, the other gives up after its own time.
            assert one(eventual, read) == "one"
            refused = attempt(globally, read)
            assert isinstance(refused, SqlError) and refused.errno == 1205, refused
            assert "GLOBAL" in refused.text
        # The level of a listener is also what a session comes back to.
        run(eventual, "SET aurora_replica_read_consistency = 'GLOBAL'")
        assert one(eventual, read) == "new"
        run(eventual, "SET aurora_replica_read_consistency = DEFAULT")
        assert one(eventual, "SELECT @@aurora_replica_read_consistency") == "EVENTUAL"
        assert one(globally, read) == "new"


def test_mode_of_a_unix_socket(cluster, start_proxy, tmp_path):
    """As the setting has it, or as the servers' own, whatever the umask is."""
    sockets = {tmp_path / "default": 0o777, tmp_path / "group": 0o660}
    umask = os.umask(0o077)
    try:
        start_proxy(cluster, {"listen": [f"unix:{tmp_path}/default", f"unix:{tmp_path}/group?socket_mode=0660"]})
    finally:
        os.umask(umask)
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in sockets} == sockets
    for path in sockets:
        with _at(unix_socket=str(path)) as connection:
            assert one(connection, "SELECT 1") == 1
