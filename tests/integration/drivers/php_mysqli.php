<?php
// The steps of README.md with PHP's mysqli (mysqlnd).
require __DIR__ . '/php_steps.php';

mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function connected(?string $password = null, ?string $schema = null): mysqli
{
    $db = mysqli_init();
    $flags = 0;
    if (getenv('DB_TLS') === '1') {
        $flags = MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT;
        $db->ssl_set(null, null, null, null, null);
    }
    $db->real_connect('127.0.0.1', getenv('DB_USER'), $password ?? getenv('DB_PASSWORD'), $schema ?? getenv('DB_NAME'),
        (int)getenv('DB_PORT'), null, $flags);
    $db->set_charset('utf8mb4');
    return $db;
}

function error_of(callable $action): ?array
{
    try {
        $action();
    } catch (mysqli_sql_exception $error) {
        return [$error->getCode(), $error->getSqlState(), $error->getMessage()];
    }
    return null;
}

function rows(mysqli $db, string $statement): array
{
    return array_map(fn($row) => texts($row), $db->query($statement)->fetch_all());
}

function change(mysqli $db, string $statement): int
{
    $db->query($statement);
    return $db->affected_rows;
}

function results(mysqli $db, string $statement): array
{
    $results = [];
    $db->multi_query($statement);
    do {
        $result = $db->store_result();
        $results[] = $result ? array_map(fn($row) => texts($row), $result->fetch_all()) : $db->affected_rows;
    } while ($db->more_results() && $db->next_result());
    return $results;
}

function execute(mysqli_stmt $statement, array $arguments): int
{
    $types = implode('', array_map(fn($value) => is_int($value) ? 'i' : (is_float($value) ? 'd' : 's'), $arguments));
    $statement->bind_param($types, ...$arguments);
    $statement->execute();
    return $statement->affected_rows;
}

function prepared_rows(mysqli_stmt $statement, ?array $kinds = null): array
{
    return array_map(fn($row) => texts($row, $kinds), $statement->get_result()->fetch_all());
}

function fields(mysqli_result $result): array
{
    return array_map(fn($field) => array_diff_key((array)$field, ['max_length' => 0]), $result->fetch_fields());
}

function types(mysqli $db, string $table): void
{
    $columns = columns();
    $kinds = ['number', ...array_column($columns, 'kind')];
    change($db, "DROP TABLE IF EXISTS $table");
    $definitions = implode(', ', array_map(fn($c) => "$c->name $c->type", $columns));
    change($db, "CREATE TABLE $table (id INT PRIMARY KEY, $definitions) DEFAULT CHARSET utf8mb4");
    step('text.insert', [
        change($db, "INSERT INTO $table VALUES (1, " . implode(', ', array_map(fn($c) => $c->literal($c->typical), $columns)) . ')'),
        change($db, "INSERT INTO $table VALUES (2, " . implode(', ', array_map(fn($c) => $c->literal($c->extreme), $columns)) . ')'),
        change($db, "INSERT INTO $table (id) VALUES (3)"),
    ]);
    $result = $db->query("SELECT * FROM $table ORDER BY id");
    step('text.select', array_map(fn($row) => texts($row, $kinds), $result->fetch_all()));
    step('text.columns', fields($result));

    $insert = $db->prepare("INSERT INTO $table VALUES (?" . str_repeat(', ?', count($columns)) . ')');
    $nulls = array_fill(0, count($columns), null);
    step('prepared.insert', [
        execute($insert, [11, ...array_map(fn($c) => $c->parameter($c->typical), $columns)]),
        execute($insert, [12, ...array_map(fn($c) => $c->parameter($c->extreme), $columns)]),
        execute($insert, [13, ...$nulls]),
    ]);
    $select = $db->prepare("SELECT * FROM $table WHERE id > ? ORDER BY id");
    step('prepared.columns', [$select->param_count, fields($select->result_metadata())]);
    execute($select, [10]);
    step('prepared.select', prepared_rows($select, $kinds));
    $joined = $db->prepare("SELECT CONCAT(?, '-', ?)");
    change($db, "UPDATE $table SET c_int = 5 WHERE id = 13");
    $again = $db->prepare("SELECT id, c_int FROM $table WHERE id > ?");
    execute($again, [12]);
    prepared_rows($again);
    execute($again, ['12']); // a text now where an integer was
    step('prepared.again', prepared_rows($again));
    execute($joined, ['é', 'b']);
    step('prepared.two', prepared_rows($joined));
    step('prepared.error', [
        error_of(fn() => $db->prepare('SELECT * FROM missing WHERE id = ?')),
        error_of(fn() => execute($insert, [11, ...$nulls])),
    ]);

    $again->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    execute($again, [10]);
    $again->bind_result($id, $value);
    $fetched = [];
    while ($again->fetch()) {
        $fetched[] = [(string)$id, (string)$value];
    }
    step('cursor', $fetched);
    array_map(fn($statement) => $statement->close(), [$insert, $select, $joined, $again]);
}

function transactions(mysqli $db, string $names): void
{
    change($db, "DROP TABLE IF EXISTS $names");
    change($db, "CREATE TABLE $names (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4");
    $count = fn() => rows($db, "SELECT COUNT(*) FROM $names")[0][0];
    $counts = [];
    $db->begin_transaction();
    change($db, "INSERT INTO $names (name) VALUES ('a'), ('b')");
    $counts[] = $count();
    $db->rollback();
    $counts[] = $count();
    $db->autocommit(false);
    change($db, "INSERT INTO $names (id, name) VALUES (10, 'c')");
    $db->commit();
    $db->autocommit(true);
    $counts[] = $count();
    step('transaction', $counts);
    $db->begin_transaction(MYSQLI_TRANS_START_READ_ONLY | MYSQLI_TRANS_START_WITH_CONSISTENT_SNAPSHOT);
    $seen = $count();
    $refused = error_of(fn() => change($db, "DELETE FROM $names"));
    $db->commit();
    step('transaction.read_only', [$seen, $refused]);
    change($db, "INSERT INTO $names (name) VALUES ('d')");
    step('insert_id', [$db->insert_id, rows($db, 'SELECT LAST_INSERT_ID()')[0][0]]);
    step('update', [change($db, "UPDATE $names SET name = CONCAT(name, name) WHERE id >= 10"), $db->info]);
}

function several(mysqli $db, string $names): void
{
    step('multi', results($db, "SELECT 1 AS a; INSERT INTO $names (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"));
    change($db, "DROP PROCEDURE IF EXISTS {$names}_p");
    change($db, "CREATE PROCEDURE {$names}_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; "
        . "INSERT INTO $names (name) VALUES (CONCAT('from procedure ', n)); END");
    step('call', results($db, "CALL {$names}_p(5)"));
    $call = $db->prepare("CALL {$names}_p(?)");
    execute($call, [6]);
    $found = [];
    do {
        if ($result = $call->get_result()) {
            $found[] = array_map(fn($row) => texts($row), $result->fetch_all());
        }
    } while ($call->more_results() && $call->next_result());
    $call->close();
    step('call.prepared', $found);
    $stream = $db->query('WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n',
        MYSQLI_USE_RESULT);
    $sum = 0;
    while ($row = $stream->fetch_row()) {
        $sum += $row[0];
    }
    $stream->free();
    step('stream', [(string)$sum, rows($db, "SELECT 'next'")[0][0]]);
}

function large(mysqli $db, string $table): void
{
    $value = large_value();
    change($db, "DROP TABLE IF EXISTS $table");
    change($db, "CREATE TABLE $table (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4");
    $insert = $db->prepare("INSERT INTO $table VALUES (1, ?)");
    $null = null;
    $insert->bind_param('b', $null);
    foreach (str_split($value, 1 << 20) as $piece) {
        $insert->send_long_data(0, $piece);
    }
    $insert->execute();
    $stored = rows($db, "SELECT LENGTH(value), CRC32(value) FROM $table");
    $select = $db->prepare("SELECT value FROM $table WHERE id = ?");
    execute($select, [1]);
    $prepared = prepared_rows($select)[0][0];
    step('large', [$stored, rows($db, "SELECT value FROM $table")[0][0] === $value, $prepared === $value]);
}

function errors(mysqli $db, string $table): void
{
    step('error.syntax', error_of(fn() => change($db, 'SELEC 1')));
    step('error.duplicate', error_of(fn() => change($db, "INSERT INTO $table (id) VALUES (1)")));
    step('error.table', error_of(fn() => change($db, 'SELECT * FROM missing')));
    step('error.multi', error_of(fn() => results($db, 'SELECT 1; SELEC 2')));
    step('error.after', rows($db, "SELECT 'still here'"));
    $cast = rows($db, "SELECT CAST('12abc' AS SIGNED)");
    $warnings = [];
    if ($warning = $db->get_warnings()) {
        do {
            $warnings[] = [$warning->errno, $warning->message];
        } while ($warning->next());
    }
    step('warnings', [$cast, $warnings]);
    step('quoting', rows($db, "SELECT '" . $db->real_escape_string(TEXT) . "'")[0][0] === TEXT);
}

function session(mysqli $db): void
{
    change($db, "SET @a = 5, sql_mode = 'ANSI_QUOTES'");
    step('session', rows($db, 'SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode'));
    $db->select_db('information_schema');
    $schemas = rows($db, 'SELECT DATABASE()')[0];
    $db->select_db(getenv('DB_NAME'));
    step('schema', [...$schemas, ...rows($db, 'SELECT DATABASE()')[0]]);
    step('ping', [@$db->ping(), str_starts_with($db->stat(), 'Uptime: ')]);
    $db->change_user(getenv('DB_USER'), getenv('DB_PASSWORD'), getenv('DB_NAME'));
    step('change_user', rows($db, 'SELECT DATABASE(), @a, @@character_set_client'));
}

function reconnect(mysqli $db): void
{
    change($db, 'SET @a = 5');
    step('kill', error_of(fn() => $db->query("KILL $db->thread_id")));
    step('lost', error_of(fn() => @$db->query('SELECT 1')) !== null);
    $db = connected();
    step('reconnect', rows($db, 'SELECT DATABASE(), @a'));
    $db->close();
}

step('login.denied', error_of(fn() => connected('wrong')));
step('login.schema', error_of(fn() => connected(null, 'missing')));
$db = connected();
$table = getenv('DB_TABLE');
step('connect', [$db->server_info, $db->server_version, rows($db, 'SELECT DATABASE(), CURRENT_USER(), @@autocommit')]);
change($db, "SET time_zone = '+00:00'");
types($db, $table);
transactions($db, "{$table}_n");
several($db, "{$table}_n");
if (getenv('DB_LARGE') === '1') {
    large($db, "{$table}_l");
}
errors($db, $table);
session($db);
reconnect($db);
