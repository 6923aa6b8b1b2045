"""docs/contract/accounts.md: the accounts of the database, as the servers themselves treat them. What Causeway answers is compared with what the
writer answers to the same client."""

import contextlib
import dataclasses
import ssl

import pymysql
import pytest
from cluster import accounts, wait_until
from conftest import run
from support import kill_connections, one, run_client, server_of
from wire import Wire


@pytest.fixture
def create_user(cluster, request):
    """create_user("IDENTIFIED BY 'x' REQUIRE SSL", password="x"): a new account `@'%'` on all nodes, with rights in the
    schema `app`; dropped at the end."""
    created = []

    def create(clauses, password="secret", name=None):
        account = accounts.Account(name or f"u{len(created)}_{abs(hash(request.node.nodeid)) % 10**8}", password)
        created.append(account.name)
        change(cluster, f"DROP USER IF EXISTS {account.name}@'%'", f"CREATE USER {account.name}@'%' {clauses}",
               f"GRANT ALL ON app.* TO {account.name}@'%'")  # fmt: skip
        return account

    yield create
    if cluster.servers[cluster.writer].is_alive():
        for name in created:
            cluster.query(cluster.writer, f"DROP USER IF EXISTS {name}@'%'")


def change(cluster, *statements):
    """Runs statements on the writer, and waits until all nodes have them."""
    for statement in statements:
        cluster.query(cluster.writer, statement)
    cluster.wait_synced()


@dataclasses.dataclass(frozen=True)
class Refusal:
    errno: int
    text: str


def outcome(port, account, **options):
    """What becomes of a login and a first statement: "in", or the first error."""
    try:
        connection = pymysql.connect(
            host="127.0.0.1", port=port, user=account.name, password=account.password, autocommit=True, connect_timeout=10, **options)  # fmt: skip
        with contextlib.closing(connection):
            run(connection, "SELECT 1")
        return "in"
    except pymysql.Error as error:
        return Refusal(*error.args[:2])


def both(cluster, proxy, account, **options):
    """The outcome at the writer itself and through Causeway."""
    return outcome(cluster.servers[cluster.writer].port, account, **options), outcome(proxy.port, account, **options)


def denied(account, password=True):
    return Refusal(1045, f"Access denied for user '{account.name}'@'127.0.0.1' (using password: {'YES' if password else 'NO'})")


def tls(ca=None, certificate=None, key=None):
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    if ca is None:
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


# --- REQUIRE ----------------------------------------------------------------------------------------------------------


def test_account_that_requires_tls(cluster, start_proxy, create_user, table):
    account = create_user("IDENTIFIED BY 'secret' REQUIRE SSL")
    proxy = start_proxy(cluster)
    assert both(cluster, proxy, account, ssl_disabled=True) == (denied(account), denied(account))
    assert both(cluster, proxy, account, ssl=tls()) == ("in", "in")
    # On both servers, whose connections have to be encrypted as well.
    with contextlib.closing(proxy.connect(account, ssl=tls(), database="app")) as connection:
        assert server_of(connection) in (1, 2)
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        assert one(connection, f"SELECT COUNT(*) FROM {table}") == 3
        for route in ("", "/* causeway: route=writer */ "):
            assert run(connection, f"{route}SHOW STATUS LIKE 'Ssl_cipher'")[0][1] != ""
    wrong = accounts.Account(account.name, "wrong")
    assert both(cluster, proxy, wrong, ssl=tls()) == (denied(account), denied(account))


def test_account_without_password_that_requires_tls(cluster, start_proxy, create_user):
    account = create_user("REQUIRE SSL", password="")
    proxy = start_proxy(cluster)
    assert both(cluster, proxy, account, ssl_disabled=True) == (denied(account, False), denied(account, False))
    assert both(cluster, proxy, account, ssl=tls()) == ("in", "in")


def test_account_that_requires_a_certificate_nobody_can_verify(cluster, start_proxy, create_user):
    account = create_user("IDENTIFIED BY 'secret' REQUIRE X509")
    proxy = start_proxy(cluster)
    assert outcome(proxy.port, account, ssl_disabled=True) == denied(account)
    refusal = outcome(proxy.port, account, ssl=tls())
    assert refusal.errno == 1045 and "tls.ca" in refusal.text
    # Somebody without the password is not told.
    assert outcome(proxy.port, accounts.Account(account.name, "wrong"), ssl=tls()) == denied(account)


# --- passwords that change while Causeway runs ------------------------------------------------------------------------


PLUGINS = {"mariadb": "mysql_native_password", "mysql": "caching_sha2_password"}


def set_password(cluster, account, password):
    statement = f"SET PASSWORD FOR {account.name}@'%' = PASSWORD('{password}')" if cluster.kind == "mariadb" else f"ALTER USER {account.name}@'%' IDENTIFIED BY '{password}'"
    change(cluster, statement)
    return accounts.Account(account.name, password)


@pytest.mark.parametrize("encrypted", [False, True])
def test_changed_password(cluster, start_proxy, create_user, encrypted):
    """The new password is right and the old one is wrong at once, although the old one was learnt and connections that
    were opened with it lie in the pools."""
    options = {"ssl": tls()} if encrypted else {"ssl_disabled": True}
    old = create_user("IDENTIFIED BY 'old'", password="old")
    proxy = start_proxy(cluster)
    for _ in range(2):
        assert outcome(proxy.port, old, **options) == "in"
    with contextlib.closing(proxy.connect(old, **options)) as before:
        assert one(before, "SELECT 1") == 1
        for password in ("new", "newer"):
            now = set_password(cluster, old, password)
            assert outcome(proxy.port, now, **options) == "in"
            assert outcome(proxy.port, old, **options) == denied(old)
            assert outcome(proxy.port, accounts.Account(old.name, "neither"), **options) == denied(old)
            assert outcome(proxy.port, now, **options) == "in"
        # Who was in stays in, as on a server, even if a new connection is needed: it is the same account.
        for node in range(3):
            for row in cluster.query(node, f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{old.name}'"):
                cluster.query(node, f"KILL {row['ID']}")
        assert one(before, "SELECT 1") == 1
        assert one(before, "/* causeway: route=writer */ SELECT 1") == 1


@pytest.mark.parametrize("encrypted", [False, True])
def test_an_account_may_have_two_passwords(cluster, start_proxy, create_user, encrypted):
    """That is how passwords are changed without an outage: MySQL keeps the old one until it is discarded, MariaDB takes
    any of the ways that are listed."""
    options = {"ssl": tls()} if encrypted else {"ssl_disabled": True}
    old = create_user("IDENTIFIED BY 'old'", password="old")
    new = accounts.Account(old.name, "new")
    wrong = accounts.Account(old.name, "neither")
    proxy = start_proxy(cluster)
    assert outcome(proxy.port, old, **options) == "in"
    with contextlib.closing(proxy.connect(old, **options)) as before:
        if cluster.kind == "mysql":
            change(cluster, f"ALTER USER {old.name}@'%' IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD")
        else:
            change(cluster, f"ALTER USER {old.name}@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('new') "
                            "OR mysql_native_password USING PASSWORD('old')")  # fmt: skip
        for account in (old, new, old, old, new, new):
            assert both(cluster, proxy, account, **options) == ("in", "in")
            assert outcome(proxy.port, wrong, **options) == denied(wrong)
        kill_connections(cluster, 0, 1, 2, user=old.name)
        for account in (old, new):
            with contextlib.closing(proxy.connect(account, **options)) as session:
                assert one(session, "SELECT 1") == one(session, "/* causeway: route=writer */ SELECT 1") == 1
        assert one(before, "SELECT 1") == one(before, "/* causeway: route=writer */ SELECT 1") == 1
        if cluster.kind == "mysql":
            change(cluster, f"ALTER USER {old.name}@'%' DISCARD OLD PASSWORD")
        else:
            change(cluster, f"ALTER USER {old.name}@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('new')")
        wait_until(lambda: outcome(proxy.port, old, **options) == denied(old), 5, "the old one is wrong")
        kill_connections(cluster, 0, 1, 2, user=old.name)
        assert outcome(proxy.port, new, **options) == "in"
        # Once the new one is known here, who was in with the old one stays in.
        assert one(before, "SELECT 1") == one(before, "/* causeway: route=writer */ SELECT 1") == 1


def test_old_password_is_wrong_soon_even_if_nobody_uses_the_new_one(cluster, start_proxy, create_user):
    old = create_user("IDENTIFIED BY 'old'", password="old")
    proxy = start_proxy(cluster)
    assert outcome(proxy.port, old) == "in"
    set_password(cluster, old, "new")
    wait_until(lambda: outcome(proxy.port, old) == denied(old), 10, "the old password is wrong")


def test_dropped_and_new_users(cluster, start_proxy, create_user):
    account = create_user("IDENTIFIED BY 'secret'")
    proxy = start_proxy(cluster)
    assert outcome(proxy.port, account) == "in"
    change(cluster, f"DROP USER {account.name}@'%'")
    wait_until(lambda: outcome(proxy.port, account) == denied(account), 10, "the user is unknown")
    again = create_user("IDENTIFIED BY 'other'", password="other", name=account.name)
    assert outcome(proxy.port, again) == "in"
    assert outcome(proxy.port, account) == denied(account)


# --- MariaDB's ed25519, and plugins that need the clear password ------------------------------------------------------


@pytest.fixture
def ed25519(cluster):
    for node in range(3):
        cluster.query(node, "INSTALL SONAME 'auth_ed25519'")
    yield
    for node in range(3):
        cluster.query(node, "UNINSTALL SONAME 'auth_ed25519'")


@pytest.mark.kinds("mariadb")
def test_ed25519(cluster, ed25519, start_proxy, create_user, table):
    account = create_user("IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
    proxy = start_proxy(cluster)
    with contextlib.closing(proxy.connect(account, ssl=tls(), database="app")) as connection:
        assert server_of(connection) in (1, 2)
        run(connection, f"INSERT INTO {table} VALUES (3, 'x')")
        assert run(connection, "SELECT CURRENT_USER()") == ((f"{account.name}@%",),)
    assert outcome(proxy.port, accounts.Account(account.name, "wrong"), ssl=tls()) == denied(account)
    refusal = outcome(proxy.port, account, ssl_disabled=True)
    assert refusal.errno == 3159 and "TLS" in refusal.text
    change(cluster, f"ALTER USER {account.name}@'%' IDENTIFIED VIA ed25519 USING PASSWORD('new')")
    assert outcome(proxy.port, accounts.Account(account.name, "new"), ssl=tls()) == "in"
    assert outcome(proxy.port, account, ssl=tls()) == denied(account)


@pytest.mark.kinds("mariadb")
def test_ed25519_from_the_command_line_client(cluster, ed25519, start_proxy, create_user):
    account = create_user("IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
    done = run_client(start_proxy(cluster), "SELECT CURRENT_USER();", "--ssl", account=account)
    assert (done.stdout, done.stderr) == (f"{account.name}@%\n", "")


@pytest.mark.kinds("mariadb")
def test_account_with_several_plugins(cluster, ed25519, start_proxy, create_user):
    """The one that does not need the clear password is taken."""
    account = create_user("IDENTIFIED VIA ed25519 USING PASSWORD('secret') OR mysql_native_password USING PASSWORD('secret')")
    assert outcome(start_proxy(cluster).port, account, ssl_disabled=True) == "in"


@pytest.mark.kinds("mariadb")
@pytest.mark.parametrize("plugins", [("ed25519", "mysql_native_password"), ("mysql_native_password", "ed25519")])
def test_account_with_a_password_for_each_plugin(cluster, ed25519, start_proxy, create_user, table, plugins):
    """Each is right, as on the server; that of ed25519 over TLS only."""
    passwords = {"ed25519": "one", "mysql_native_password": "two"}
    one_of, two_of = (f"{plugin} USING PASSWORD('{passwords[plugin]}')" for plugin in plugins)
    name = create_user(f"IDENTIFIED VIA {one_of} OR {two_of}").name
    one_, two, neither = (accounts.Account(name, password) for password in ("one", "two", "neither"))
    proxy = start_proxy(cluster)
    for _ in range(2):
        for account in (one_, two):
            assert outcome(proxy.port, account, ssl=tls()) == "in"
            with contextlib.closing(proxy.connect(account, ssl=tls(), database="app")) as session:
                assert server_of(session) in (1, 2)
                run(session, f"REPLACE INTO {table} VALUES (3, '{account.password}')")
                assert one(session, f"SELECT value FROM {table} WHERE id = 3") == account.password
        assert outcome(proxy.port, neither, ssl=tls()) == denied(neither)
        assert outcome(proxy.port, accounts.Account(name, ""), ssl=tls()) == denied(neither, False)
        kill_connections(cluster, 0, 1, 2, user=name)
    assert outcome(proxy.port, two, ssl_disabled=True) == "in"
    assert outcome(proxy.port, one_, ssl_disabled=True) == outcome(proxy.port, neither, ssl_disabled=True) == denied(neither)


@pytest.mark.kinds("mariadb")  # MySQL has such a plugin too, but has to be started with it
def test_account_for_local_processes(cluster, start_proxy, create_user):
    account = create_user("IDENTIFIED VIA unix_socket")
    proxy = start_proxy(cluster)
    expected = Refusal(1698, f"Access denied for user '{account.name}'@'127.0.0.1'")
    for options in ({"ssl_disabled": True}, {"ssl": tls()}):
        assert both(cluster, proxy, account, **options) == (expected, expected)


# --- accounts that do not exist, are locked, or whose password has expired --------------------------------------------


@pytest.mark.parametrize("encrypted", [False, True])
def test_unknown_user_is_asked_and_refused_as_a_known_one(cluster, start_proxy, create_user, encrypted):
    known = accounts.Account(create_user("IDENTIFIED BY 'secret'").name, "wrong")
    unknown = accounts.Account("u_nobody", "wrong")
    proxy = start_proxy(cluster)
    told = []
    for account in (known, unknown):
        with Wire(proxy.port) as wire:
            told.append(wire.refused_login(account, tls() if encrypted else None))
    assert told[0] == [packet.replace(b"u_nobody", known.name.encode()) for packet in told[1]]
    assert b"Access denied for user" in told[0][-1]
    for account in (known, unknown):
        assert both(cluster, proxy, account) == (denied(account), denied(account))
        empty = accounts.Account(account.name, "")
        assert both(cluster, proxy, empty) == (denied(empty, False), denied(empty, False))


def test_locked_account(cluster, start_proxy, create_user):
    account = create_user("IDENTIFIED BY 'secret' ACCOUNT LOCK")
    proxy = start_proxy(cluster)
    direct, through = both(cluster, proxy, account)
    assert direct == through and direct.errno == {"mysql": 3118, "mariadb": 4151}[cluster.kind]
    wrong = accounts.Account(account.name, "wrong")
    assert both(cluster, proxy, wrong) == (denied(account), denied(account))
    change(cluster, f"ALTER USER {account.name}@'%' ACCOUNT UNLOCK")
    wait_until(lambda: outcome(proxy.port, account) == "in", 10, "the account is open")


def test_expired_password(cluster, start_proxy, create_user):
    account = create_user("IDENTIFIED BY 'secret' PASSWORD EXPIRE")
    proxy = start_proxy(cluster)
    direct, through = both(cluster, proxy, account)
    # MariaDB lets such a client in and refuses its statements; MySQL does not let it in.
    assert direct == through and direct.errno == {"mysql": 1862, "mariadb": 1820}[cluster.kind]
    wrong = accounts.Account(account.name, "wrong")
    assert both(cluster, proxy, wrong) == (denied(account), denied(account))


@pytest.mark.kinds("mariadb")  # MySQL has to be started with the variable
def test_expired_password_where_such_clients_are_disconnected(cluster, start_proxy, create_user):
    account = create_user("IDENTIFIED BY 'secret' PASSWORD EXPIRE")
    for node in range(3):
        cluster.query(node, "SET GLOBAL disconnect_on_expired_password = 1")
    try:
        direct, through = both(cluster, start_proxy(cluster), account)
        assert direct == through and direct.errno == 1862
    finally:
        for node in range(3):
            cluster.query(node, "SET GLOBAL disconnect_on_expired_password = 0")


# --- the users of the configuration -----------------------------------------------------------------------------------


CONFIGURED = {"users": [f"{accounts.APP.name}={accounts.APP.password}", "elsewhere=other"]}


@pytest.mark.parametrize("encrypted", [False, True])
def test_configured_users_are_the_whole_list(cluster, start_proxy, create_user, table, encrypted):
    """Only they get in, by the passwords of the configuration: what the servers would say does not matter."""
    options = {"ssl": tls()} if encrypted else {"ssl_disabled": True}
    unlisted = create_user("IDENTIFIED BY 'secret'")
    without_password = create_user("", password="")
    proxy = start_proxy(cluster, CONFIGURED)
    for account in (unlisted, accounts.ADMIN, accounts.Account("nobody", "x"), accounts.Account(accounts.APP.name, "wrong")):
        assert outcome(proxy.port, account, **options) == denied(account)
    for account in (without_password, accounts.Account("nobody", ""), accounts.Account(accounts.APP.name, "")):
        assert outcome(proxy.port, account, **options) == denied(account, False)
    for _ in range(2):
        with contextlib.closing(proxy.connect(accounts.APP, database="app", **options)) as connection:
            assert server_of(connection) in (1, 2)
            run(connection, f"UPDATE {table} SET value = 'x' WHERE id = 1")
            assert one(connection, f"SELECT value FROM {table} WHERE id = 1") == "x"
            assert run(connection, "SHOW PROCESSLIST")
            with pytest.raises(pymysql.Error):
                run(connection, "KILL 999999")


def test_configured_user_with_another_password_than_the_servers(cluster, start_proxy, create_user):
    account = create_user("IDENTIFIED BY 'on-the-servers'", password="on-the-servers")
    proxy = start_proxy(cluster, {"users": f"{account.name}=in-the-file"})
    assert outcome(proxy.port, account) == denied(account)
    # In, and then the servers refuse.
    refusal = outcome(proxy.port, accounts.Account(account.name, "in-the-file"))
    assert refusal != "in" and refusal.errno == 1045 and account.name in refusal.text
    assert proxy.is_alive()


def test_configured_user_without_a_password(cluster, start_proxy, create_user):
    account = create_user("", password="")
    proxy = start_proxy(cluster, {"users": f"{account.name}="})
    assert outcome(proxy.port, account) == "in"
    wrong = accounts.Account(account.name, "x")
    assert outcome(proxy.port, wrong) == denied(wrong)
