"""A table with a column of every type that a kind of server has, and changes of its rows: as many as are asked for, by
statements of hundreds of rows, the values made by the server out of the row's number and a number of the statement."""

import random

from conftest import run

TABLE = "app.every_type"
ROWS_OF_A_STATEMENT = (30, 150)

# (column, type, value, extremes). In values {h} and {g} are numbers of 32 bits, others for each row, column and statement.
# Decimals and FLOAT have no more digits than a dump, which is text, has for them.
_WIDE = "{h} * 4294967296 + {g}"
_BYTES = "UNHEX(LEFT(SHA2({h}, 256), 40))"
_TEXT = "CONCAT('ä漢😀', {h})"
COLUMNS = (
    ("tiny", "TINYINT", "{h} % 256 - 128", "-128", "127"),
    ("tiny_u", "TINYINT UNSIGNED", "{h} % 256", "0", "255"),
    ("small", "SMALLINT", "{h} % 65536 - 32768", "-32768", "32767"),
    ("small_u", "SMALLINT UNSIGNED", "{h} % 65536", "0", "65535"),
    ("medium", "MEDIUMINT", "{h} % 16777216 - 8388608", "-8388608", "8388607"),
    ("medium_u", "MEDIUMINT UNSIGNED", "{h} % 16777216", "0", "16777215"),
    ("normal", "INT", "{h} - 2147483648", "-2147483648", "2147483647"),
    ("normal_u", "INT UNSIGNED", "{h}", "0", "4294967295"),
    ("big", "BIGINT", "({h} - 2147483648) * 4294967296 + {g}", "-9223372036854775808", "9223372036854775807"),
    ("big_u", "BIGINT UNSIGNED", f"CAST({_WIDE.replace('{h}', 'CAST({h} AS UNSIGNED)')} AS UNSIGNED)", "0", "18446744073709551615"),
    ("price", "DECIMAL(12, 2)", "({h} - 2147483648) * 0.01", "-9999999999.99", "0.01"),
    ("exact", "DECIMAL(65, 30)", "CONCAT('-', {h}, {g}, {h}, '.', {g}, {h}, {g})", f"'{'9' * 35}.{'9' * 30}'", f"'-0.{'0' * 29}1'"),
    ("whole", "DECIMAL(30, 0) UNSIGNED", "CONCAT({h}, {g})", "0", f"'{'9' * 30}'"),
    ("single", "FLOAT", "CONCAT({h} % 1000000, 'e', {g} % 60 - 36)", "'-3.4e38'", "'1.5e-38'"),
    ("twice", "DOUBLE", "({h} - 2147483648) / 7e0 * POW(10, {g} % 500 - 250)", "-1.7e308", "2.3e-308"),
    ("bit_1", "BIT(1)", "{h} % 2", "0", "1"),
    ("bit_11", "BIT(11)", "{h} % 2048", "0", "2047"),
    ("bit_64", "BIT(64)", f"CAST({_WIDE.replace('{h}', 'CAST({h} AS UNSIGNED)')} AS UNSIGNED)", "0", "18446744073709551615"),
    ("day", "DATE", "DATE_ADD('1000-01-01', INTERVAL {h} % 3287000 DAY)", "'1000-01-01'", "'9999-12-31'"),
    ("clock", "TIME", "SEC_TO_TIME({h} % 6040798 - 3020399)", "'-838:59:59'", "'838:59:59'"),
    ("clock_6", "TIME(6)", "SEC_TO_TIME({h} % 6040798 - 3020399 + {g} % 1000000 * 0.000001)", "'-00:00:00.000001'", "'838:59:58.999999'"),
    ("moment", "DATETIME", "DATE_ADD('1000-01-01 00:00:00', INTERVAL {h} * 60 SECOND)", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"),
    ("moment_6", "DATETIME(6)", "DATE_ADD(DATE_ADD('1000-01-01', INTERVAL {h} % 3287000 DAY), INTERVAL {g} * 20 MICROSECOND)",
     "'1000-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"),
    ("stamp", "TIMESTAMP NULL", "FROM_UNIXTIME(1 + {h} % 2147483646)", "FROM_UNIXTIME(1)", "FROM_UNIXTIME(2147483647)"),
    ("stamp_6", "TIMESTAMP(6) NULL", "FROM_UNIXTIME(1 + {h} % 2147483646 + {g} % 1000000 * 0.000001)",
     "FROM_UNIXTIME(1.000001)", "FROM_UNIXTIME(2147483647.999999)"),
    ("the_year", "YEAR", "1901 + {h} % 255", "0", "2155"),
    ("fixed", "CHAR(20)", f"LEFT({_TEXT}, {{g}} % 20)", "''", "REPEAT('😀', 20)"),
    ("short_name", "VARCHAR(60)", f"LEFT({_TEXT}, {{g}} % 14)", "''", "REPEAT('漢', 60)"),
    ("long_name", "VARCHAR(300)", f"REPEAT({_TEXT}, {{g}} % 23)", "''", "REPEAT('é', 300)"),
    ("latin", "VARCHAR(80) CHARACTER SET latin1", "CONCAT('ÄÖü', {h})", "''", "REPEAT('ß', 80)"),
    ("fixed_bytes", "BINARY(20)", f"LEFT({_BYTES}, {{g}} % 21)", "X''", "REPEAT(X'ff', 20)"),
    ("short_bytes", "VARBINARY(60)", f"LEFT(REPEAT({_BYTES}, 3), {{g}} % 61)", "X''", "REPEAT(X'00', 60)"),
    ("long_bytes", "VARBINARY(300)", f"REPEAT({_BYTES}, {{g}} % 16)", "X''", "REPEAT(X'ff00', 150)"),
    ("tiny_text", "TINYTEXT", f"REPEAT({_TEXT}, {{g}} % 8)", "''", "REPEAT('x', 255)"),
    ("some_text", "TEXT", f"REPEAT({_TEXT}, {{g}} % 20)", "''", "'\\n\\r\\t\\'\"\\\\%'"),
    ("medium_text", "MEDIUMTEXT", f"REPEAT({_TEXT}, {{g}} % 20)", "''", "REPEAT('漢', 100)"),
    # Now and then a row that is larger than any buffer.
    ("long_text", "LONGTEXT", f"REPEAT({_TEXT}, IF({{g}} % 700 = 0, 9000, {{g}} % 20))", "''", "REPEAT('y', 300)"),
    ("tiny_blob", "TINYBLOB", f"REPEAT({_BYTES}, {{g}} % 12)", "X''", "REPEAT(X'ff', 255)"),
    ("some_blob", "BLOB", f"REPEAT({_BYTES}, {{g}} % 12)", "X''", "X'000a0d1a5c2722'"),
    ("medium_blob", "MEDIUMBLOB", f"REPEAT({_BYTES}, {{g}} % 12)", "X''", "REPEAT(X'00', 256)"),
    ("long_blob", "LONGBLOB", f"REPEAT({_BYTES}, IF({{g}} % 700 = 0, 9000, {{g}} % 12))", "X''", "REPEAT(X'fe', 300)"),
    ("choice", "ENUM('a', 'é', '漢字')", "1 + {h} % 3", "1", "3"),
    ("wide_choice", f"ENUM({', '.join(repr(str(n)) for n in range(300))})", "1 + {h} % 300", "1", "300"),
    ("marks", "SET('x', 'y', 'ü')", "{h} % 8", "0", "7"),
    ("wide_marks", f"SET({', '.join(repr(str(n)) for n in range(64))})",
     f"CAST({_WIDE.replace('{h}', 'CAST({h} AS UNSIGNED)')} AS UNSIGNED)", "0", "18446744073709551615"),
    ("doc", "JSON", "JSON_OBJECT('n', {h}, 'é漢😀', JSON_ARRAY({g}, NULL, 'ä', JSON_OBJECT()))", "'[]'", "'\"\"'"),
    ("place", "POINT", "ST_GeomFromText(CONCAT('POINT(', {h}, ' ', {g} % 1000, ')'))", "NULL", "NULL"),
    ("shape", "GEOMETRY", "ST_GeomFromText(ELT(1 + {h} % 3, CONCAT('POINT(0 ', {g}, ')'), CONCAT('LINESTRING(0 0,1 ', {g}, ')'),"
     " 'POLYGON((0 0,9 0,9 9,0 0))'))", "NULL", "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')"),
)  # fmt: skip
_ONLY = {
    "mysql": (("vec", "VECTOR(3)", "STRING_TO_VECTOR(CONCAT('[', {h} % 1000, ',-1.5,', {g} % 1000, ']'))", "NULL", "NULL"),),
    "mariadb": (
        ("uuid", "UUID", "INSERT(INSERT(MD5({h}), 13, 1, '4'), 17, 1, '9')", f"'{'0' * 32}'", f"'{'f' * 32}'"),
        ("ip", "INET6", "INET6_NTOA(UNHEX(MD5({h})))", "'::'", "'::ffff:1.2.3.4'"),
        ("ip_4", "INET4", "INET_NTOA({h})", "'0.0.0.0'", "'255.255.255.255'"),
    ),
}
_GENERATED = (
    "sum_stored BIGINT GENERATED ALWAYS AS (normal + medium) STORED",
    "sum_virtual BIGINT GENERATED ALWAYS AS (small - medium) VIRTUAL",
    "upper_name VARCHAR(60) GENERATED ALWAYS AS (UPPER(short_name)) STORED",
)


def columns_of(kind):
    return COLUMNS + _ONLY[kind]


def schema(kind):
    """The statements that make the table, and one with the numbers 0 to 499."""
    columns = [f"{name} {definition}" for name, definition, *_ in columns_of(kind)]
    return (
        f"CREATE TABLE {TABLE} ({', '.join(['id INT PRIMARY KEY', *columns, *_GENERATED])}) CHARACTER SET utf8mb4",
        "CREATE TABLE app.numbers (n INT PRIMARY KEY)",
        "INSERT INTO app.numbers WITH RECURSIVE t (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM t WHERE n < 499) SELECT n FROM t",
    )


def value_of(column, salt):
    """The expression of a column's value in the row `id`."""
    name, _, value, low, high = column
    h, g = (f"CAST(CRC32(CONCAT(id, '{name}{tail}{salt}')) AS SIGNED)" for tail in "hg")
    return f"CASE {h} % 17 WHEN 0 THEN NULL WHEN 1 THEN {low} WHEN 2 THEN {high} ELSE {value.format(h=h, g=g)} END"


class Changes:
    """The changes that follow from a seed, transaction by transaction, in a connection's hands. `count`: of rows, so far."""

    def __init__(self, kind, seed):
        self.count = 0
        self._columns = columns_of(kind)
        self._draw = random.Random(seed)
        self._last = 0  # the highest id

    def transaction(self, connection):
        run(connection, "BEGIN")
        changed = sum(self._statement(connection) for _ in range(self._draw.randint(1, 4)))
        run(connection, "COMMIT")
        self.count += changed

    def _statement(self, connection):
        wanted = self._draw.randint(*ROWS_OF_A_STATEMENT)
        kind = self._draw.choices(("insert", "update", "delete"), (4, 4, 2))[0] if self._last > 300 else "insert"
        if kind == "insert":
            statement = self._insert(wanted)
        else:
            # What is old is left in peace, else most ranges would be empty by and by.
            first = self._draw.randint(max(1, self._last - 3000), self._last)
            where = f"WHERE id BETWEEN {first} AND {first + wanted}"
            statement = self._update(where) if kind == "update" else f"DELETE FROM {TABLE} {where}"
        with connection.cursor() as cursor:
            return cursor.execute(statement)

    def _insert(self, wanted):
        first, salt = self._last + 1, self._draw.randrange(1000)
        self._last += wanted
        names = ", ".join(name for name, *_ in self._columns)
        values = ", ".join(value_of(column, salt) for column in self._columns)
        rows = f"SELECT n + {first} AS id FROM app.numbers WHERE n < {wanted}"
        return f"INSERT INTO {TABLE} (id, {names}) SELECT id, {values} FROM ({rows}) AS new"

    def _update(self, where):
        salt = self._draw.randrange(1000)
        chosen = self._draw.sample(self._columns, self._draw.randint(1, len(self._columns)))
        return f"UPDATE {TABLE} SET {', '.join(f'{column[0]} = {value_of(column, salt)}' for column in chosen)} {where}"
