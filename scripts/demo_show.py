"""The show of scripts/demo: real statements, their real answers, and a check that they are as promised."""

import argparse
import signal
import sys
import time

import pymysql

from cluster import Causeway, CausewayError, ClusterError, LocalCluster, ServerError, Timeout, accounts, wait_until

# The servers count the delay in whole seconds, from the second in which the writer committed.
_DELAY_S = 2
_SURELY_WAITED_S = 0.5


class Broken(Exception):
    """An answer that is not what Causeway promises."""


class Session:
    """One client session, whose statements and answers are printed as they happen."""

    def __init__(self, proxy, name):
        self._name = name
        self._connection = proxy.connect(database="app")

    def run(self, statement):
        """Runs a statement; returns (rows, seconds), or (the pymysql error, seconds)."""
        print(f"  {self._name}> {statement};")
        begin = time.monotonic()
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(statement)
                answer = cursor.fetchall()
                columns = [column[0] for column in cursor.description or ()]
                printed = "; ".join(_row(columns, row) for row in answer) if columns else "OK"
            except pymysql.MySQLError as error:
                answer = error
                printed = "ERROR {}: {}".format(*error.args)
        seconds = time.monotonic() - begin
        print(f"  {' ' * len(self._name)}  -> {printed}   [{seconds * 1000:.0f} ms]")
        return answer, seconds

    def set_level(self, level):
        self.run(f"SET aurora_replica_read_consistency = '{level}'")

    def count(self):
        """(number of orders, server id that answered, seconds)"""
        rows, seconds = self.run("SELECT COUNT(*) AS orders, @@server_id AS answered_by FROM orders")
        if isinstance(rows, pymysql.MySQLError):
            raise Broken(str(rows))
        return rows[0][0], rows[0][1], seconds

    def order(self, number):
        self.run(f"INSERT INTO orders VALUES ({number}, @@server_id)")

    def close(self):
        self._connection.close()


def _row(columns, row):
    return ", ".join(f"{column}={value}" for column, value in zip(columns, row))


def expect(true, promise):
    """Says that a promise was kept, or ends the show."""
    if not true:
        raise Broken(promise)
    print(f"  ✓ {promise}\n")


def show(cluster, proxy):
    writer, replicas = 1, (2, 3)  # server ids
    session, other = Session(proxy, "session 1"), Session(proxy, "session 2")

    print("\nWrites go to the writer, reads to a replica, over one connection")
    session.run("CREATE TABLE orders (id INT PRIMARY KEY, written_by INT)")
    session.order(1)
    rows, _ = session.run("SELECT id, written_by, @@server_id AS answered_by FROM orders")
    expect(
        rows == ((1, writer, rows[0][2]),) and rows[0][2] in replicas,
        f"written on server {writer}, read on a replica, the default level (SESSION) has seen the write")

    print("EVENTUAL: what the replica has; never waits")
    session.set_level("EVENTUAL")
    session.order(2)
    orders, answered_by, _ = session.count()
    expect(orders == 1 and answered_by in replicas, "the replica is stale: it does not have order 2 yet")

    print("SESSION: everything that this session wrote; waits only while the replica lacks it")
    session.set_level("SESSION")
    session.order(3)
    orders, answered_by, seconds = session.count()
    expect(
        orders == 3 and answered_by in replicas and seconds > _SURELY_WAITED_S,
        f"the read waited {seconds * 1000:.0f} ms, until its replica had order 3, and has seen it there")
    orders, answered_by, seconds = session.count()
    expect(orders == 3 and answered_by in replicas, f"the next read had nothing to wait for: {seconds * 1000:.0f} ms")

    print("GLOBAL: everything that anybody has committed")
    other.set_level("GLOBAL")
    session.order(4)
    orders, answered_by, seconds = other.count()
    expect(
        orders == 4 and answered_by in replicas and seconds > _SURELY_WAITED_S,
        f"another session's order 4 was waited for ({seconds * 1000:.0f} ms) and seen on a replica")

    print("Transactions run on the writer; what cannot be forwarded is refused, and nothing is lost by it")
    session.run("BEGIN")
    session.order(5)
    orders, answered_by, _ = session.count()
    expect(orders == 5 and answered_by == writer, "the transaction sees its own uncommitted order 5")
    answer, _ = session.run("SAVEPOINT before_lunch")
    text = "This version of MySQL doesn't yet support 'SAVEPOINT with write forwarding'"
    expect(getattr(answer, "args", None) == (1235, text), "error 1235, as with Aurora (it can be switched on)")
    session.run("COMMIT")
    orders, answered_by, _ = session.count()
    expect(orders == 5 and answered_by in replicas, "the transaction went on and was committed; reads are on replicas again")

    for one in (session, other):
        one.close()


def invite(cluster, proxy):
    app = accounts.APP
    print(f"Causeway is up until Ctrl-C:\n"
          f"  mariadb -h127.0.0.1 -P{proxy.port} -u{app.name} -p{app.password} app\n"
          f"  http://127.0.0.1:{proxy.admin_port}/          what it is doing\n"
          f"  http://127.0.0.1:{proxy.admin_port}/metrics   for Prometheus\n"
          f"the servers behind it: {', '.join(cluster.addresses())} (the first is the writer)\n"
          f"its log: {proxy.log_path}", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--mysql", action="store_true")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # so that everything is cleaned up

    sys.stdout.reconfigure(line_buffering=True)
    kind = "mysql" if options.mysql else "mariadb"
    print(f"starting a {kind} cluster ...", flush=True)
    with LocalCluster(kind) as cluster:
        print(f"{kind} {cluster.flavor.version()}: {', '.join(cluster.addresses())}; server ids 1 (writer), 2, 3")
        for node in cluster.replicas():
            cluster.delay_replication(node, _DELAY_S)
        print(f"both replicas apply everything {_DELAY_S} s late, so that there is something to wait for")
        # Longer than the default, so that a slow machine does not turn the show's waits into reads on the writer.
        proxy = Causeway(cluster, {"forwarding.read_wait_timeout": "20s"})
        try:
            proxy.start()
            print("causeway:", " ".join(proxy.command()))
            show(cluster, proxy)
            if not options.once:
                invite(cluster, proxy)
                wait_until(lambda: not proxy.is_alive(), float("inf"), "Causeway ends", interval=0.5)
        finally:
            if sys.exc_info()[0] in (None, KeyboardInterrupt):
                proxy.stop()
                proxy.log_path.unlink()
            else:
                print(proxy.log(), file=sys.stderr)
                proxy.kill()
    print("demo: all answers were as promised" if options.once else "demo: stopped")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ndemo: stopped")
    except Broken as broken:
        sys.exit(f"demo: NOT as promised: {broken}")
    except (CausewayError, ClusterError, ServerError, Timeout, OSError, pymysql.MySQLError) as error:
        sys.exit(f"demo: {error}")
