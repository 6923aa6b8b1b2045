"""The protocol by hand, for what no driver sends."""

import hashlib
import os
import socket
import struct

PROTOCOL_41 = 0x0200
SECURE_CONNECTION = 0x8000
PLUGIN_AUTH = 0x80000
CONNECT_WITH_DB = 0x8
LONG_PASSWORD = 0x1
TRANSACTIONS = 0x2000
LOCAL_FILES = 0x80
SSL = 0x800
CAPABILITIES = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | CONNECT_WITH_DB | LONG_PASSWORD | TRANSACTIONS


class Wire:
    """A connection of which every byte is ours."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read_packet(self):
        """(sequence id, payload); None at the end of the stream."""
        header = self.read(4)
        if header is None:
            return None
        payload = self.read(int.from_bytes(header[:3], "little"))
        return None if payload is None else (header[3], payload)

    def send_packet(self, payload, sequence_id=0, by_byte=False):
        self.send(len(payload).to_bytes(3, "little") + bytes([sequence_id]) + payload, by_byte)

    def send(self, data, by_byte=False):
        if not by_byte:
            self.socket.sendall(data)
            return
        for position in range(len(data)):
            self.socket.sendall(data[position : position + 1])

    def login(self, account, database="app", by_byte=False, capabilities=0):
        """The connection phase up to OK, in clear: native password, or caching_sha2_password with the server's RSA key."""
        greeting = self.read_packet()[1]
        nonce = _nonce(greeting)
        response = handshake_response(account, nonce, database, capabilities=CAPABILITIES | capabilities)
        self.send_packet(response, 1, by_byte)
        payload = self.authenticate(account.password, nonce, by_byte)
        if payload[:1] != b"\x00":
            raise AssertionError(payload)

    def authenticate(self, password, nonce=b"", by_byte=False):
        """Answers what is asked about the password, up to the OK or the error, which is returned."""
        while True:
            sequence_id, payload = self.read_packet()
            if payload[:1] in (b"\x00", b"\xff"):
                return payload
            if payload[:1] == b"\xfe":
                plugin, _, nonce = payload[1:].partition(b"\x00")
                nonce = nonce.rstrip(b"\x00")
                self.send_packet(scramble(plugin.decode(), password, nonce), sequence_id + 1, by_byte)
            elif payload == b"\x01\x04":
                self.send_packet(b"\x02", sequence_id + 1, by_byte)
                sequence_id, payload = self.read_packet()
                self.send_packet(rsa_encrypted(password, nonce, payload[1:]), sequence_id + 1, by_byte)

    def refused_login(self, account, tls=None):
        """Logs in as a driver of caching_sha2_password does, over TLS if a context is given; what the server said after
        the greeting, up to its ERR, without nonces and keys."""
        nonce = _nonce(self.read_packet()[1])
        sequence_id = 1
        response = handshake_response(account, nonce, capabilities=CAPABILITIES | (SSL if tls else 0))
        if tls is not None:
            self.send_packet(response[:32], sequence_id)
            self.socket = tls.wrap_socket(self.socket)
            sequence_id += 1
        self.send_packet(response, sequence_id)
        said = []
        while True:
            sequence_id, payload = self.read_packet()
            if payload[:1] == b"\xff":
                return [*said, payload]
            answer = b"\x02"  # to 0x01 0x04: asks for the key
            if payload[:1] == b"\xfe":
                plugin, _, nonce = payload[1:].partition(b"\x00")
                said.append(plugin)
                answer = scramble(plugin.decode(), account.password, nonce.rstrip(b"\x00"))
            elif payload != b"\x01\x04":
                said.append(b"key")
                answer = rsa_encrypted(account.password, nonce, payload[1:])
            else:
                said.append(payload)
                if tls is not None:
                    answer = account.password.encode() + b"\x00"
            self.send_packet(answer, sequence_id + 1)

    def is_closed(self):
        """Reads to the end; True if the other side closes (or resets) within the timeout."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def read(self, count):
        """So many bytes; None if the stream ends before."""
        data = b""
        while len(data) < count:
            part = self.socket.recv(min(count - len(data), 1 << 20))
            if not part:
                return None
            data += part
        return data


def handshake_response(account, nonce, database="app", plugin="caching_sha2_password", capabilities=CAPABILITIES):
    password = scramble(plugin, account.password, nonce)
    return (
        struct.pack("<IIB23x", capabilities, 1 << 24, 45) + account.name.encode() + b"\x00" + bytes([len(password)]) + password
        + database.encode() + b"\x00" + plugin.encode() + b"\x00"
    )  # fmt: skip


def scramble(plugin, password, nonce):
    if plugin == "mysql_native_password":
        first = hashlib.sha1(password.encode()).digest()
        key = hashlib.sha1(nonce + hashlib.sha1(first).digest()).digest()
    else:
        first = hashlib.sha256(password.encode()).digest()
        key = hashlib.sha256(hashlib.sha256(first).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(first, key, strict=True))


def nonsense(length):
    return os.urandom(length)


def _nonce(greeting):
    version_end = greeting.index(b"\x00", 1)
    first = greeting[version_end + 5 : version_end + 13]
    second = greeting[version_end + 32 : version_end + 44]
    return first + second


def rsa_encrypted(password, nonce, key):
    from pymysql import _auth

    return _auth.sha2_rsa_encrypt(password.encode(), nonce, key)
