"""The accounts of a local cluster, the same on every server. Passwords are no secrets: servers listen on loopback."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Account:
    name: str
    password: str


ROOT = Account("root", "")  # on the server's own socket only
ADMIN = Account("admin_user", "admin-secret")  # all rights, over TCP
APP = Account("app", "app-secret")  # what an application has: everything in its schemas, no way round read_only
APP_NATIVE = Account("app_native", "native-secret")  # as APP, by mysql_native_password, where the server has it
MONITOR = Account("causeway_monitor", "monitor-secret")  # what Causeway's monitor needs, no more
REPLICATION = Account("repl", "repl-secret")

SCHEMAS = ("app", "sbtest")

# Deliberately without REPLICATION CLIENT, SUPER, CONNECTION ADMIN, READ_ONLY ADMIN: an application has none of them, so
# nothing that Causeway does in an application's session may need them.
_APP_RIGHTS = "RELOAD, PROCESS, FILE"


def _user(account, plugin_clause=None):
    identified = plugin_clause or f"IDENTIFIED BY '{account.password}'"
    return f"CREATE USER {account.name}@'%' {identified}"


def _app_rights(user, global_rights):
    yield f"GRANT {global_rights} ON *.* TO {user}@'%'"
    for schema in SCHEMAS:
        yield f"GRANT ALL ON {schema}.* TO {user}@'%'"


def mysql_statements():
    """Statements that make the accounts on MySQL 8.4 or 9."""
    yield _user(ADMIN)
    yield f"GRANT ALL ON *.* TO {ADMIN.name}@'%' WITH GRANT OPTION"
    yield _user(APP)
    yield from _app_rights(APP.name, _APP_RIGHTS + ", XA_RECOVER_ADMIN")
    # CONNECTION_ADMIN: KILL of any session, and the one connection beyond max_connections.
    yield _user(MONITOR)
    yield f"GRANT REPLICATION CLIENT, PROCESS, CONNECTION_ADMIN ON *.* TO {MONITOR.name}@'%'"
    yield f"GRANT SELECT ON mysql.user TO {MONITOR.name}@'%'"
    yield f"GRANT SELECT ON performance_schema.* TO {MONITOR.name}@'%'"
    yield _user(REPLICATION)
    yield f"GRANT REPLICATION SLAVE ON *.* TO {REPLICATION.name}@'%'"


def mariadb_statements():
    """Statements that make the accounts on MariaDB 10.5 or later."""
    yield "DROP USER IF EXISTS ''@localhost"
    yield _user(ADMIN)
    yield f"GRANT ALL ON *.* TO {ADMIN.name}@'%' WITH GRANT OPTION"
    yield _user(APP)
    yield from _app_rights(APP.name, _APP_RIGHTS)
    yield _user(APP_NATIVE, f"IDENTIFIED VIA mysql_native_password USING PASSWORD('{APP_NATIVE.password}')")
    yield from _app_rights(APP_NATIVE.name, _APP_RIGHTS)
    # BINLOG MONITOR: SHOW MASTER STATUS. SLAVE MONITOR: SHOW REPLICA STATUS. CONNECTION ADMIN: as on MySQL.
    yield _user(MONITOR)
    yield f"GRANT BINLOG MONITOR, SLAVE MONITOR, PROCESS, CONNECTION ADMIN ON *.* TO {MONITOR.name}@'%'"
    yield f"GRANT SELECT ON mysql.user TO {MONITOR.name}@'%'"
    yield f"GRANT SELECT ON mysql.global_priv TO {MONITOR.name}@'%'"
    yield _user(REPLICATION)
    yield f"GRANT REPLICATION SLAVE ON *.* TO {REPLICATION.name}@'%'"
