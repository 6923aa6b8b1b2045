"""Prepared statements of the binary protocol for connections of pymysql, which has none: parameters are integers, columns integers and
texts. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html"""

import struct

from pymysql.constants import COMMAND, FIELD_TYPE
from pymysql.protocol import FieldDescriptorPacket

_INTEGERS = {
    FIELD_TYPE.TINY: "b", FIELD_TYPE.SHORT: "<h", FIELD_TYPE.YEAR: "<h", FIELD_TYPE.LONG: "<i", FIELD_TYPE.INT24: "<i",
    FIELD_TYPE.LONGLONG: "<q",
}  # fmt: skip


class Statements:
    """The prepared statements of a connection, by their text."""

    def __init__(self, connection):
        self._connection = connection
        self._ids = {}

    def run(self, sql, parameters=()):
        """The rows of the statement, () for an OK; it is prepared when it comes for the first time."""
        if sql not in self._ids:
            self._ids[sql] = self._prepare(sql)
        payload = struct.pack("<IBI", self._ids[sql], 0, 1)
        if parameters:
            payload += bytes((len(parameters) + 7) // 8) + b"\x01" + bytes([FIELD_TYPE.LONGLONG, 0]) * len(parameters)
            payload += b"".join(struct.pack("<q", parameter) for parameter in parameters)
        self._connection._execute_command(COMMAND.COM_STMT_EXECUTE, payload)
        first = self._connection._read_packet()
        return () if first.is_ok_packet() else self._read_rows(first.read_length_encoded_integer())

    def _prepare(self, sql):
        self._connection._execute_command(COMMAND.COM_STMT_PREPARE, sql)
        statement, columns, parameters = struct.unpack_from("<IHH", self._connection._read_packet().get_all_data(), 1)
        for definitions in (parameters, columns):
            if definitions:
                for _ in range(definitions + 1):  # and an EOF
                    self._connection._read_packet()
        return statement

    def _read_rows(self, columns):
        types = [self._connection._read_packet(FieldDescriptorPacket).type_code for _ in range(columns)]
        self._connection._read_packet()
        rows = []
        while True:
            packet = self._connection._read_packet()
            if packet.is_eof_packet():
                return tuple(rows)
            rows.append(_row(packet, types))


def _row(packet, types):
    packet.advance(1)
    nulls = int.from_bytes(packet.read((len(types) + 9) // 8), "little") >> 2
    values = []
    for place, kind in enumerate(types):
        if nulls >> place & 1:
            values.append(None)
        elif kind in _INTEGERS:
            form = _INTEGERS[kind]
            values.append(struct.unpack(form, packet.read(struct.calcsize(form)))[0])
        else:
            values.append(packet.read_length_coded_string().decode())
    return tuple(values)
