"""docs/contract/accounts.md: TLS towards clients and towards servers: versions, certificates, what is verified, and new files without a restart."""

import contextlib
import os
import pathlib
import shutil
import signal
import ssl
import subprocess

import pymysql
import pytest
from certificates import authority_of, expiry, new_authority
from cluster import accounts, wait_until
from cluster.causeway import password_key
from cluster.paths import cache_dir
from conftest import run
from support import attempt, check, one, run_mysql_client
from test_accounts import create_user, denied, outcome, tls  # noqa: F401 (create_user is a fixture)


@pytest.fixture
def authority(cluster, tmp_path):
    """The authority that the servers trust."""
    return authority_of(cluster, tmp_path)


def context_of(pair=None, ca=None):
    return tls(ca, *([pair.certificate, pair.key] if pair else []))


# --- towards clients --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(proxy, version):
    context = context_of()
    context.minimum_version = context.maximum_version = version
    with contextlib.closing(proxy.connect(ssl=context)) as connection:
        assert connection._sock.version() == version.name.replace("_", ".")
        assert one(connection, "SELECT 1") == 1


def test_version_that_is_too_old(cluster, start_proxy):
    proxy = start_proxy(cluster, {"tls.min_version": "1.3"})
    context = context_of()
    assert outcome(proxy.port, accounts.APP, ssl=context) == "in"
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert outcome(proxy.port, accounts.APP, ssl=context) != "in"


def test_certificate_is_for_the_client_to_verify(cluster, start_proxy, authority):
    own = authority.issue("own", "/CN=causeway")
    proxy = start_proxy(cluster, {"tls.certificate": own.certificate, "tls.key": own.key})
    assert outcome(proxy.port, accounts.APP, ssl=context_of(ca=authority.pair.certificate)) == "in"
    foreign = new_authority(pathlib.Path(own.key).parent / "foreign")
    assert outcome(proxy.port, accounts.APP, ssl=context_of(ca=foreign.pair.certificate)).errno == 2003


def test_check_finds_a_key_for_passwords_that_is_none(cluster, tmp_path):
    missing, wrong = tmp_path / "missing.pem", tmp_path / "wrong.pem"
    wrong.write_text("no key")
    for key, reason in ((missing, "No such file or directory"), (wrong, "is no private RSA key")):
        done = check(cluster, f"--tls.password_key={key}")
        assert done.returncode == 1 and f"tls.password_key: {key}: {reason}" in done.stderr, done
    assert check(cluster, f"--tls.password_key={password_key()}").returncode == 0


@pytest.mark.kinds("mysql")
def test_clients_may_have_the_key_for_their_passwords_in_a_file(cluster, start_proxy):
    own = cache_dir() / "mysql" / "tmp" / f"password-{os.getpid()}.pem"  # where the client can read it
    public = own.with_suffix(".pub")
    try:
        subprocess.run(["openssl", "genrsa", "-out", own, "2048"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", own, "-pubout", "-out", public], check=True, capture_output=True)
        proxy = start_proxy(cluster, {"tls.password_key": str(own)})
        plain = ("--ssl-mode=DISABLED", f"--server-public-key-path=/tmp/{public.name}")
        assert "7" in run_mysql_client(proxy, ["SELECT 3 + 4"], *plain)
        with pytest.raises(AssertionError, match="requires secure connection|Access denied"):
            run_mysql_client(start_proxy(cluster), ["SELECT 3 + 4"], *plain)
    finally:
        own.unlink(missing_ok=True)
        public.unlink(missing_ok=True)


def test_client_certificates(cluster, start_proxy, authority, tmp_path):
    good = authority.issue("good", "/CN=ann")
    foreign = new_authority(tmp_path / "foreign").issue("bad", "/CN=ann")
    optional = start_proxy(cluster, {"tls.ca": authority.pair.certificate})
    required = start_proxy(cluster, {"tls.ca": authority.pair.certificate, "tls.client_certificate": "required"})
    logins = {name: [outcome(proxy.port, accounts.APP, ssl=context_of(pair)) == "in" for proxy in (optional, required)]
              for name, pair in (("good", good), ("none", None), ("foreign", foreign))}  # fmt: skip
    assert logins == {"good": [True, True], "none": [True, False], "foreign": [False, False]}
    optional.wait_for_log("unable to get local issuer certificate")
    assert outcome(required.port, accounts.APP, ssl_disabled=True) == "in"  # tls.mode says whether TLS is a must


def test_accounts_that_require_certificates(cluster, start_proxy, create_user, authority):  # noqa: F811
    """Causeway shows the servers a certificate of the same names: for them it is the client."""
    ann, bob = authority.issue("ann", "/CN=ann"), authority.issue("bob", "/CN=bob")
    proxy = start_proxy(cluster, {"tls.ca": authority.pair.certificate, "server_tls.certificate": ann.certificate,
                                  "server_tls.key": ann.key})  # fmt: skip
    issuer = "/CN=Causeway test CA"
    x509 = create_user("IDENTIFIED BY 'secret' REQUIRE X509")
    names = create_user(f"IDENTIFIED BY 'secret' REQUIRE SUBJECT '/CN=ann' AND ISSUER '{issuer}'")
    other_issuer = create_user("IDENTIFIED BY 'secret' REQUIRE ISSUER '/CN=Another CA'")
    for port in (proxy.port, cluster.servers[0].port):
        assert outcome(port, x509, ssl_disabled=True) == denied(x509)
        assert outcome(port, x509, ssl=context_of()) == denied(x509)
        assert outcome(port, x509, ssl=context_of(bob)) == "in"
        assert outcome(port, names, ssl=context_of()) == denied(names)
        assert outcome(port, names, ssl=context_of(bob)) == denied(names)
        assert outcome(port, names, ssl=context_of(ann)) == "in"
        assert outcome(port, other_issuer, ssl=context_of(ann)) == denied(other_issuer)


# --- new files --------------------------------------------------------------------------------------------------------


def shown_certificate(proxy):
    with contextlib.closing(proxy.connect(ssl=context_of())) as connection:
        return connection._sock.getpeercert(binary_form=True)


def der(pair):
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(pair.certificate).read_text())


def reload(proxy, expected):
    """SIGHUP, and waits for one more line of the log that says `expected`."""
    before = proxy.log().count(expected)
    proxy.signal(signal.SIGHUP)
    wait_until(lambda: proxy.log().count(expected) > before, 10, f"the log says {expected}")


def test_new_certificate_without_a_restart(cluster, start_proxy, authority, tmp_path):
    first, second = authority.issue("first", "/CN=first"), authority.issue("second", "/CN=second")
    shutil.copy(first.certificate, tmp_path / "in-use.pem")
    shutil.copy(first.key, tmp_path / "in-use.key")
    proxy = start_proxy(cluster, {"tls.certificate": str(tmp_path / "in-use.pem"), "tls.key": str(tmp_path / "in-use.key")})
    assert shown_certificate(proxy) == der(first)
    with contextlib.closing(proxy.connect(ssl=context_of())) as before:
        # Half of it: what was in use stays in use.
        shutil.copy(second.certificate, tmp_path / "in-use.pem")
        reload(proxy, "is not the key of")
        proxy.wait_for_log("cannot reload")
        assert shown_certificate(proxy) == der(first)
        shutil.copy(second.key, tmp_path / "in-use.key")
        reload(proxy, "tls.certificate, tls.key")
        wait_until(lambda: shown_certificate(proxy) == der(second), 10, "the new certificate is shown")
        assert one(before, "SELECT 1") == 1


def test_new_authorities_without_a_restart(cluster, start_proxy, authority, tmp_path):
    foreign = new_authority(tmp_path / "foreign")
    client = foreign.issue("client", "/CN=ann")
    in_use = tmp_path / "authorities.pem"
    shutil.copy(authority.pair.certificate, in_use)
    proxy = start_proxy(cluster, {"tls.ca": str(in_use), "server_tls.mode": "verify_ca", "server_tls.ca": str(in_use)})
    assert outcome(proxy.port, accounts.APP, ssl=context_of(client)) != "in"
    in_use.write_bytes(pathlib.Path(authority.pair.certificate).read_bytes() + pathlib.Path(foreign.pair.certificate).read_bytes())
    reload(proxy, "tls.ca, server_tls.ca")
    wait_until(lambda: outcome(proxy.port, accounts.APP, ssl=context_of(client)) == "in", 10, "the new authority is known")


def test_reload_without_files_changes_nothing(cluster, start_proxy):
    proxy = start_proxy(cluster)
    before = shown_certificate(proxy)
    reload(proxy, "reloaded=nothing")
    assert shown_certificate(proxy) == before


# --- certificates that expire -----------------------------------------------------------------------------------------

TOLD = "a certificate is not valid, or not for long"


@pytest.mark.parametrize(("days", "state"), [((-9, -1), "expired"), ((1, 90), '"not yet valid"'), ((-9, 13), '"expires soon"'),
                                             ((-9, 15), None)])  # fmt: skip
def test_a_certificate_that_is_not_valid_or_not_for_long_is_told(cluster, start_proxy, authority, days, state):
    pair = authority.redate(authority.issue("own", "/CN=causeway"), *days)
    settings = {"tls.certificate": pair.certificate, "tls.key": pair.key}
    proxy = start_proxy(cluster, settings)
    assert proxy.metric("causeway_certificate_expiry_timestamp_seconds", setting="tls.certificate") == expiry(pair)
    lines = [line for line in proxy.log().splitlines() if TOLD in line]
    checked = check(cluster, *(f"--{name}={value}" for name, value in settings.items()))
    if state is None:
        assert (lines, checked.returncode, checked.stderr) == ([], 0, "")
        return
    assert len(lines) == 1 and "level=warning" in lines[0] and f"state={state} " in lines[0], lines
    assert f"setting=tls.certificate file={pair.certificate} " in lines[0] and "subject" in lines[0]
    assert f"tls.certificate: {pair.certificate}: " + state.strip('"') in checked.stderr
    assert checked.returncode == (0 if "soon" in state else 1)
    assert outcome(proxy.port, accounts.APP, ssl=context_of()) == "in"  # who does not verify does not care


def test_a_certificate_that_expires_is_told_at_a_reload(cluster, start_proxy, authority):
    """And so is one that replaces it no more."""
    pair = authority.issue("own", "/CN=causeway")
    proxy = start_proxy(cluster, {"tls.certificate": pair.certificate, "tls.key": pair.key})
    before = proxy.metric("causeway_certificate_expiry_timestamp_seconds")
    assert TOLD not in proxy.log()
    authority.redate(pair, -9, -1)
    reload(proxy, "tls.certificate, tls.key")
    proxy.wait_for_log(TOLD)
    assert proxy.metric("causeway_certificate_expiry_timestamp_seconds") < before
    authority.redate(pair, -9, 90)
    reload(proxy, "tls.certificate, tls.key")
    assert proxy.metric("causeway_certificate_expiry_timestamp_seconds") > before
    assert proxy.log().count(TOLD) == 1


def test_authorities_and_what_servers_are_shown_expire_too(cluster, start_proxy, authority, tmp_path):
    own = authority.redate(authority.issue("own", "/CN=ann"), -9, 3)
    foreign = new_authority(tmp_path / "foreign")
    foreign.redate(foreign.pair, -9, -1)
    bundle = tmp_path / "authorities.pem"  # one of them has expired, which is how they are renewed
    bundle.write_bytes(pathlib.Path(authority.pair.certificate).read_bytes() + pathlib.Path(foreign.pair.certificate).read_bytes())
    proxy = start_proxy(cluster, {"tls.ca": foreign.pair.certificate, "server_tls.ca": str(bundle),
                                  "server_tls.certificate": own.certificate, "server_tls.key": own.key})  # fmt: skip
    told = {line.split(" setting=")[1].split()[0] for line in proxy.log().splitlines() if TOLD in line}
    assert told == {"tls.ca", "server_tls.certificate"}


# --- towards servers --------------------------------------------------------------------------------------------------


def ciphers(proxy):
    with contextlib.closing(proxy.connect()) as connection:
        return [run(connection, f"{route}SHOW STATUS LIKE 'Ssl_cipher'")[0][1] for route in ("", "/* causeway: route=writer */ ")]


@pytest.mark.parametrize("mode", ["disabled", "preferred", "required", "verify_ca", "verify_identity"])
def test_modes_towards_servers(cluster, start_proxy, authority, mode):
    settings = {"server_tls.mode": mode}
    if mode.startswith("verify"):
        settings["server_tls.ca"] = authority.pair.certificate
    proxy = start_proxy(cluster, settings)
    # The servers are on this machine, where preferred encrypts nothing.
    assert [cipher != "" for cipher in ciphers(proxy)] == [mode not in ("disabled", "preferred")] * 2


@pytest.mark.parametrize("mode", ["verify_ca", "verify_identity"])
def test_servers_of_a_wrong_authority(cluster, start_proxy, tmp_path, mode):
    foreign = new_authority(tmp_path / "foreign")
    proxy = start_proxy(cluster, {"server_tls.mode": mode, "server_tls.ca": foreign.pair.certificate}, ready_timeout=None)
    expect_no_server(proxy, "self-signed certificate in certificate chain")


def expect_no_server(proxy, reason):
    """Nothing is ready, and the log says why."""
    wait_until(lambda: reason in proxy.log(), 20, f"the log says {reason}")
    assert proxy.http("/readyz")[0] != 200


@contextlib.contextmanager
def servers_showing(cluster, issue):
    """The servers of the cluster show certificates that issue(authority) makes."""
    # A plain FLUSH SSL is replicated: a replica that reads its old files for it may end behind the FLUSH of its own.
    statement = "FLUSH NO_WRITE_TO_BINLOG SSL" if cluster.kind == "mariadb" else "ALTER INSTANCE RELOAD TLS"
    kept = {}
    try:
        for node, server in enumerate(cluster.servers):
            kept[node] = {name: (server.datadir / name).read_bytes() for name in ("server-cert.pem", "server-key.pem")}
            pair = issue(authority_of(cluster, server.datadir))
            shutil.move(pair.certificate, server.datadir / "server-cert.pem")
            shutil.move(pair.key, server.datadir / "server-key.pem")
            cluster.query(node, statement)
        yield
    finally:
        for node, files in kept.items():
            for name, contents in files.items():
                (cluster.servers[node].datadir / name).write_bytes(contents)
            cluster.query(node, statement)


@pytest.fixture
def misnamed(cluster):
    """The servers of the cluster show certificates of the right authority for another name."""
    with servers_showing(cluster, lambda authority: authority.issue("misnamed", "/CN=elsewhere", "DNS:elsewhere")):
        yield


def test_check_says_why_a_servers_certificate_is_not_accepted(cluster, authority, tmp_path):
    def verify(ca):
        done = check(cluster, "--server_tls.mode=verify_ca", f"--server_tls.ca={ca}")
        return done.returncode, done.stderr

    assert verify(authority.pair.certificate) == (0, "")
    status, text = verify(new_authority(tmp_path / "foreign").pair.certificate)
    assert status == 1 and "self-signed certificate in certificate chain" in text and "expired" not in text
    if cluster.kind == "mysql":
        return  # it loads no certificate that is not valid
    with servers_showing(cluster, lambda ca: ca.redate(ca.issue("late", "/CN=localhost"), -9, -1)):
        status, text = verify(authority.pair.certificate)
        assert status == 1 and all(f"{address}: " in text for address in cluster.addresses())
        assert text.count("certificate has expired") == 3, text
    with servers_showing(cluster, lambda ca: ca.redate(ca.issue("early", "/CN=localhost"), 1, 90)):
        status, text = verify(authority.pair.certificate)
        assert status == 1 and text.count("certificate is not yet valid") == 3, text


def test_servers_of_another_name(cluster, misnamed, start_proxy, authority):
    ca = {"server_tls.ca": authority.pair.certificate}
    assert "" not in ciphers(start_proxy(cluster, {"server_tls.mode": "verify_ca", **ca}))
    proxy = start_proxy(cluster, {"server_tls.mode": "verify_identity", **ca}, ready_timeout=None)
    expect_no_server(proxy, "Validation of SSL server certificate failed")


def test_servers_that_change_while_causeway_runs(cluster, start_proxy, authority, request):
    """What a client reads when a connection to a server cannot be opened."""
    proxy = start_proxy(cluster, {"server_tls.mode": "verify_identity", "server_tls.ca": authority.pair.certificate,
                                  "monitor.interval": "1m"})  # fmt: skip
    assert "" not in ciphers(proxy)
    request.getfixturevalue("misnamed")
    # The connections that stand are good; another account needs new ones.
    with contextlib.closing(proxy.connect(accounts.ADMIN)) as connection:
        answer = attempt(connection, "SELECT 1")
        assert "hostname mismatch" in answer.text or "IP address mismatch" in answer.text
