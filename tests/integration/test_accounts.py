"""DESIGN 5: the accounts of the database, as the servers themselves treat them. What Causeway answers is compared with what the
writer answers to the same client."""

import contextlib
import dataclasses
import ssl

import pymysql
import pytest
from cluster import accounts
from conftest import run
from support import one, server_of


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
