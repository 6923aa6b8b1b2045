<?php
// The steps of README.md with PHP's PDO, the server's own prepared statements (ATTR_EMULATE_PREPARES off) and its emulated ones.
require __DIR__ . '/php_steps.php';

function connected(?string $password = null, ?string $schema = null): PDO
{
    $options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false];
    if (getenv('DB_TLS') === '1') {
        $options[PDO::MYSQL_ATTR_SSL_CIPHER] = 'ALL';
        $options[PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT] = false;
    }
    $source = 'mysql:host=127.0.0.1;port=' . getenv('DB_PORT') . ';charset=utf8mb4;dbname=' . ($schema ?? getenv('DB_NAME'));
    return new PDO($source, getenv('DB_USER'), $password ?? getenv('DB_PASSWORD'), $options);
}

function error_of(callable $action): ?array
{
    try {
        $action();
    } catch (PDOException $error) {
        return [$error->getCode(), $error->getMessage()];
    }
    return null;
}

function emulated(PDO $db, bool $on): void
{
    $db->setAttribute(PDO::ATTR_EMULATE_PREPARES, $on);
}

function all_rows(PDOStatement $statement, ?array $kinds = null): array
{
    return array_map(fn($row) => texts($row, $kinds), $statement->fetchAll(PDO::FETCH_NUM));
}

function rows(PDO $db, string $statement): array
{
    return all_rows($db->query($statement));
}

function results(PDO $db, string $text): array
{
    emulated($db, true); // one text of several statements cannot be prepared by a server
    $statement = $db->query($text);
    $results = [];
    do {
        $results[] = $statement->columnCount() > 0 ? all_rows($statement) : $statement->rowCount();
    } while ($statement->nextRowset());
    emulated($db, false);
    return $results;
}

function execute(PDOStatement $statement, array $arguments): int
{
    foreach ($arguments as $i => $value) {
        $type = $value === null ? PDO::PARAM_NULL : (is_int($value) ? PDO::PARAM_INT : PDO::PARAM_STR);
        $statement->bindValue($i + 1, $value, $type);
    }
    $statement->execute();
    return $statement->rowCount();
}

function fields(PDOStatement $statement): array
{
    return array_map(fn($i) => $statement->getColumnMeta($i), range(0, $statement->columnCount() - 1));
}

function types(PDO $db, string $table): void
{
    $columns = columns();
    $kinds = ['number', ...array_column($columns, 'kind')];
    $db->exec("DROP TABLE IF EXISTS $table");
    $definitions = implode(', ', array_map(fn($c) => "$c->name $c->type", $columns));
    $db->exec("CREATE TABLE $table (id INT PRIMARY KEY, $definitions) DEFAULT CHARSET utf8mb4");
    step('text.insert', [
        $db->exec("INSERT INTO $table VALUES (1, " . implode(', ', array_map(fn($c) => $c->literal($c->typical), $columns)) . ')'),
        $db->exec("INSERT INTO $table VALUES (2, " . implode(', ', array_map(fn($c) => $c->literal($c->extreme), $columns)) . ')'),
        $db->exec("INSERT INTO $table (id) VALUES (3)"),
    ]);
    emulated($db, true);
    $select = $db->query("SELECT * FROM $table ORDER BY id");
    step('text.columns', fields($select));
    step('text.select', all_rows($select, $kinds));
    emulated($db, false);

    $insert = $db->prepare("INSERT INTO $table VALUES (?" . str_repeat(', ?', count($columns)) . ')');
    $nulls = array_fill(0, count($columns), null);
    step('prepared.insert', [
        execute($insert, [11, ...array_map(fn($c) => $c->parameter($c->typical), $columns)]),
        execute($insert, [12, ...array_map(fn($c) => $c->parameter($c->extreme), $columns)]),
        execute($insert, [13, ...$nulls]),
    ]);
    $select = $db->prepare("SELECT * FROM $table WHERE id > ? ORDER BY id");
    execute($select, [10]);
    step('prepared.columns', fields($select));
    step('prepared.select', all_rows($select, $kinds));
    $joined = $db->prepare("SELECT CONCAT(?, '-', ?)");
    $db->exec("UPDATE $table SET c_int = 5 WHERE id = 13");
    $again = $db->prepare("SELECT id, c_int FROM $table WHERE id > ?");
    execute($again, [12]);
    all_rows($again);
    execute($again, ['12']); // a text now where an integer was
    step('prepared.again', all_rows($again));
    execute($joined, ['é', 'b']);
    step('prepared.two', all_rows($joined));
    step('prepared.error', [
        error_of(fn() => $db->prepare('SELECT * FROM missing WHERE id = ?')),
        error_of(fn() => execute($insert, [11, ...$nulls])),
    ]);
}

function transactions(PDO $db, string $names): void
{
    $db->exec("DROP TABLE IF EXISTS $names");
    $db->exec("CREATE TABLE $names (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4");
    $count = fn() => rows($db, "SELECT COUNT(*) FROM $names")[0][0];
    $counts = [];
    $db->beginTransaction();
    $db->exec("INSERT INTO $names (name) VALUES ('a'), ('b')");
    $counts[] = $count();
    $db->rollBack();
    $counts[] = $count();
    $db->beginTransaction();
    execute($db->prepare("INSERT INTO $names (id, name) VALUES (?, ?)"), [10, 'c']);
    $state = $db->inTransaction();
    $db->commit();
    $counts[] = $count();
    step('transaction', $counts);
    step('in_transaction', [$state, $db->inTransaction()]);
    $db->exec("INSERT INTO $names (name) VALUES ('d')");
    step('insert_id', [$db->lastInsertId(), rows($db, 'SELECT LAST_INSERT_ID()')[0][0]]);
    step('update', $db->exec("UPDATE $names SET name = CONCAT(name, name) WHERE id >= 10"));
}

function several(PDO $db, string $names): void
{
    step('multi', results($db, "SELECT 1 AS a; INSERT INTO $names (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"));
    $db->exec("DROP PROCEDURE IF EXISTS {$names}_p");
    $db->exec("CREATE PROCEDURE {$names}_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; "
        . "INSERT INTO $names (name) VALUES (CONCAT('from procedure ', n)); END");
    step('call', results($db, "CALL {$names}_p(5)"));
    $call = $db->prepare("CALL {$names}_p(?)");
    execute($call, [6]);
    $found = [];
    do {
        $found[] = all_rows($call);
    } while ($call->nextRowset());
    array_pop($found); // the status of the procedure itself
    step('call.prepared', $found);
    $db->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, false);
    $stream = $db->query('WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n');
    $sum = 0;
    while ($row = $stream->fetch(PDO::FETCH_NUM)) {
        $sum += $row[0];
    }
    $stream->closeCursor();
    $db->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, true);
    step('stream', [(string)$sum, rows($db, "SELECT 'next'")[0][0]]);
}

function large(PDO $db, string $table): void
{
    $value = large_value();
    $db->exec("DROP TABLE IF EXISTS $table");
    $db->exec("CREATE TABLE $table (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4");
    execute($db->prepare("INSERT INTO $table VALUES (1, ?)"), [$value]);
    $stored = rows($db, "SELECT LENGTH(value), CRC32(value) FROM $table");
    $prepared = rows($db, "SELECT value FROM $table")[0][0];
    emulated($db, true);
    step('large', [$stored, rows($db, "SELECT value FROM $table")[0][0] === $value, $prepared === $value]);
    emulated($db, false);
}

function errors(PDO $db, string $table): void
{
    step('error.syntax', error_of(fn() => $db->exec('SELEC 1')));
    step('error.duplicate', error_of(fn() => $db->exec("INSERT INTO $table (id) VALUES (1)")));
    step('error.table', error_of(fn() => $db->query('SELECT * FROM missing')));
    step('error.multi', error_of(fn() => results($db, 'SELECT 1; SELEC 2')));
    emulated($db, false);
    step('error.after', rows($db, "SELECT 'still here'"));
    emulated($db, true); // MySQL cannot prepare SHOW WARNINGS
    step('warnings', [rows($db, "SELECT CAST('12abc' AS SIGNED)"), rows($db, 'SHOW WARNINGS')]);
    $quoted = $db->prepare('SELECT ?');
    execute($quoted, [TEXT]);
    step('quoting', all_rows($quoted)[0][0] === TEXT);
    emulated($db, false);
}

function session(PDO $db): void
{
    $db->exec("SET @a = 5, sql_mode = 'ANSI_QUOTES'");
    step('session', rows($db, 'SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode'));
}

function reconnect(PDO $db): void
{
    $id = rows($db, 'SELECT CONNECTION_ID()')[0][0];
    step('kill', error_of(fn() => $db->exec("KILL $id")));
    step('lost', error_of(fn() => @$db->query('SELECT 1')) !== null);
    $db = connected();
    step('reconnect', rows($db, 'SELECT DATABASE(), @a'));
}

step('login.denied', error_of(fn() => connected('wrong')));
step('login.schema', error_of(fn() => connected(null, 'missing')));
$db = connected();
$table = getenv('DB_TABLE');
step('connect', [$db->getAttribute(PDO::ATTR_SERVER_VERSION), rows($db, 'SELECT DATABASE(), CURRENT_USER(), @@autocommit')]);
$db->exec("SET time_zone = '+00:00'");
types($db, $table);
transactions($db, "{$table}_n");
several($db, "{$table}_n");
if (getenv('DB_LARGE') === '1') {
    large($db, "{$table}_l");
}
errors($db, $table);
session($db);
reconnect($db);
