"""The bytes of the connection phase are those of the server: the greeting, the answers to logins that succeed, and to those
that do not."""

import dataclasses
import struct

import pytest
from cluster import accounts
from wire import Wire, rsa_encrypted, scramble
from wire_client import (
    BASIC, COMPRESS, CONNECT_ATTRS, CONNECT_WITH_DB, DEPRECATE_EOF, FOUND_ROWS, INTERACTIVE, LOCAL_FILES, LONG_PASSWORD, MULTI_RESULTS,
    MULTI_STATEMENTS, NO_SCHEMA, PLUGIN_AUTH, PLUGIN_AUTH_LENENC, SESSION_TRACK, SSL, length_encoded_bytes, parse_greeting)  # fmt: skip

CAN_HANDLE_EXPIRED_PASSWORDS, ZSTD, MULTI_FACTOR = 1 << 22, 1 << 26, 1 << 28
SSL_VERIFY_SERVER_CERT, REMEMBER_OPTIONS = 1 << 30, 1 << 31
CACHE_METADATA = 1 << 36

# Not NO_SCHEMA: MySQL warns of it at the login, and Causeway's question for the schema then counts that warning.
ALL = (1 << 32) - 1 & ~(SSL | COMPRESS | ZSTD | PLUGIN_AUTH_LENENC | CONNECT_ATTRS | NO_SCHEMA)
USUAL = BASIC | LONG_PASSWORD | MULTI_STATEMENTS | MULTI_RESULTS | DEPRECATE_EOF | SESSION_TRACK

# --- the greeting -----------------------------------------------------------------------------------------------------

# Every capability that one of the two offers and the other does not.
LEFT_OUT = {
    "mysql": {
        CAN_HANDLE_EXPIRED_PASSWORDS: "a session that may only change its password is of no use on connections that are shared",
        MULTI_FACTOR: "a second factor is for the server that asks for it, and servers are logged in to without the client",
        SSL_VERIFY_SERVER_CERT: "of the client alone: no server looks at it",
        REMEMBER_OPTIONS: "of the client alone: no server looks at it",
    },
    "mariadb": {
        CAN_HANDLE_EXPIRED_PASSWORDS: "as on MySQL",
        REMEMBER_OPTIONS: "as on MySQL",
        CACHE_METADATA: "definitions are left out that the client has seen on another server's statement",
    },
}  # fmt: skip
ADDED = {
    "mysql": {},
    "mariadb": {ZSTD: "compression towards the client is Causeway's own, and it has both"},
}


def greeting(port):
    with Wire(port) as wire:
        return parse_greeting(wire.read_packet()[1])


def flags(capabilities):
    return {1 << bit for bit in range(64) if capabilities >> bit & 1}


@pytest.mark.parametrize("load_data", ["forward", "reject"])
def test_greeting(cluster, start_proxy, load_data):
    server = greeting(cluster.servers[0].port)
    causeway = greeting(start_proxy(cluster, {"statements.load_data": load_data}).port)
    left_out, added = set(LEFT_OUT[cluster.kind]), set(ADDED[cluster.kind])
    if load_data == "reject":
        left_out |= {LOCAL_FILES}  # a server must not ask the client for its files
    assert flags(server.capabilities) - flags(causeway.capabilities) == left_out
    assert flags(causeway.capabilities) - flags(server.capabilities) == added
    assert len(causeway.nonce) == 20 and not set(causeway.nonce) & set(b"\x00$")
    # All other bytes are the same: the version, the collation, the status, the lengths, the plugin.
    assert without_what_differs(causeway) == without_what_differs(server)


def without_what_differs(greeting):
    payload = greeting.payload
    at = payload.index(b"\x00") + 1
    of_mariadb = bytes(4) if greeting.capabilities & LONG_PASSWORD else b"ext."
    return (payload[:at] + b"id.." + b"nonce..." + payload[at + 12 : at + 13] + b"lo" + payload[at + 15 : at + 18] + b"hi"
            + payload[at + 20 : at + 27] + of_mariadb + b"nonce......." + payload[at + 43 :])  # fmt: skip


def test_tls_is_offered_where_there_is_some(cluster, start_proxy):
    without = greeting(start_proxy(cluster, {"tls.mode": "disabled"}).port)
    assert flags(without.capabilities) & {SSL} == set()


# --- logins -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Login:
    account: accounts.Account
    capabilities: int = USUAL
    schema: str = "app"
    plugin: str = ""  # the greeting's
    password_bytes: bytes | None = None  # in place of what the plugin makes of the password
    collation: int = 45
    attributes: bytes = b""


def response(login, greeting):
    plugin = login.plugin or greeting.plugin
    password = login.password_bytes
    if password is None:
        password = scramble(plugin, login.account.password, greeting.nonce) if login.account.password else b""
    data = struct.pack("<IIB", login.capabilities & 0xFFFFFFFF, 1 << 30, login.collation) + bytes(19)
    data += struct.pack("<I", login.capabilities >> 32) + login.account.name.encode() + b"\x00"
    data += bytes([len(password)]) + password
    if login.capabilities & CONNECT_WITH_DB:
        data += login.schema.encode() + b"\x00"
    if login.capabilities & PLUGIN_AUTH:
        data += plugin.encode() + b"\x00"
    if login.capabilities & CONNECT_ATTRS:
        data += length_encoded_bytes(login.attributes)
    return data


def answers(port, login):
    """What a login is told after the greeting: [(sequence id, payload)], without nonces and keys."""
    with Wire(port) as wire:
        hello = parse_greeting(wire.read_packet()[1])
        nonce = hello.nonce
        wire.send_packet(response(login, hello), 1)
        told = []
        while True:
            sequence_id, payload = wire.read_packet()
            if payload[:1] in (b"\x00", b"\xff"):
                told.append((sequence_id, payload))
                if payload[:1] == b"\xff":
                    assert wire.read_packet() is None
                return told
            if payload[:1] == b"\xfe":
                plugin, _, nonce = payload[1:].partition(b"\x00")
                told.append((sequence_id, plugin, len(nonce), nonce[-1:]))
                nonce = nonce.rstrip(b"\x00")
                answer = scramble(plugin.decode(), login.account.password, nonce) if login.account.password else b""
            elif payload == b"\x01\x03":
                told.append((sequence_id, payload))
                continue
            elif payload == b"\x01\x04":
                told.append((sequence_id, payload))
                answer = b"\x02"
            else:
                told.append((sequence_id, "the key"))
                answer = rsa_encrypted(login.account.password, nonce, payload[1:])
            wire.send_packet(answer, sequence_id + 1)


WRONG = accounts.Account(accounts.APP.name, "wrong")
NO_PASSWORD = accounts.Account(accounts.APP.name, "")
NOBODY = accounts.Account("nobody_of_this_name", "secret")

LOGINS = {
    "usual": Login(accounts.APP),
    "without a schema": Login(accounts.APP, schema=""),
    "without the flag of a schema": Login(accounts.APP, USUAL & ~CONNECT_WITH_DB),
    "without session tracking": Login(accounts.APP, USUAL & ~SESSION_TRACK),
    "without tracking and a schema": Login(accounts.APP, USUAL & ~SESSION_TRACK, schema=""),
    "with EOF packets": Login(accounts.APP, USUAL & ~DEPRECATE_EOF),
    "one statement at a time": Login(accounts.APP, USUAL & ~MULTI_STATEMENTS),
    "found rows": Login(accounts.APP, USUAL | FOUND_ROWS),
    "interactive": Login(accounts.APP, USUAL | INTERACTIVE),
    "attributes": Login(accounts.APP, USUAL | CONNECT_ATTRS, attributes=b"\x0cprogram_name\x04test"),
    "no attributes": Login(accounts.APP, USUAL | CONNECT_ATTRS),
    "broken attributes": Login(accounts.APP, USUAL | CONNECT_ATTRS, attributes=b"\x0cprogram"),
    "long length of the password": Login(accounts.APP, USUAL | PLUGIN_AUTH_LENENC),
    "without plugins": Login(accounts.APP, USUAL & ~PLUGIN_AUTH),
    "another plugin": Login(accounts.APP, plugin="mysql_clear_password", password_bytes=b"app-secret\x00"),
    "an unknown plugin": Login(accounts.APP, plugin="no_such_plugin", password_bytes=b"x" * 20),
    "all flags": Login(accounts.APP, ALL),
    "an old collation": Login(accounts.APP, collation=8),
    "an unknown collation": Login(accounts.APP, collation=254),
    "wrong password": Login(WRONG),
    "wrong password without plugins": Login(WRONG, USUAL & ~PLUGIN_AUTH),
    "no password": Login(NO_PASSWORD),
    "wrong password of a wrong length": Login(accounts.APP, password_bytes=b"short"),
    "unknown user": Login(NOBODY),
    "unknown user without a password": Login(accounts.Account(NOBODY.name, "")),
    "no user": Login(accounts.Account("", "")),
    "wrong password and unknown schema": Login(WRONG, schema="no_such_schema"),
    "unknown schema": Login(accounts.APP, schema="no_such_schema"),
    "unknown schema for whom all are open": Login(accounts.ADMIN, schema="no_such_schema"),
    "no right to the schema": Login(accounts.APP, schema="mysql"),
    "another schema": Login(accounts.APP, schema="sbtest"),
    "all rights": Login(accounts.ADMIN, schema="mysql"),
    "a long name of a schema": Login(accounts.APP, schema="x" * 65),
    "a schema in other letters": Login(accounts.APP, schema="APP"),
}  # fmt: skip


@pytest.fixture
def ports(cluster, start_proxy):
    """Of the server and Causeway; both know the passwords of those who have one."""
    found = cluster.servers[0].port, start_proxy(cluster).port
    for port in found:
        for account in (accounts.APP, accounts.ADMIN):
            assert answers(port, Login(account))[-1][1][:1] == b"\x00"
    return found


def test_logins_are_answered_as_by_the_server(cluster, ports):
    different = {}
    for what, login in LOGINS.items():
        server, causeway = (answers(port, login) for port in ports)
        if cluster.kind == "mysql" and login.account.name in ("", NOBODY.name):
            # Asked for the password of a plugin that MySQL takes by chance: in the end there is the same error.
            server, causeway = server[-1][-1], causeway[-1][-1]
        if server != causeway:
            different[what] = f"server {server}\n    Causeway {causeway}"
    assert not different, "\n".join(f"{what}\n    {answer}" for what, answer in different.items())
