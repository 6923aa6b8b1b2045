// The steps of README.md with Node: node steps.js mysql2|mysql. mysql (mysqljs) has no prepared statements.
'use strict';
const fs = require('fs');
const name = process.argv[2];
const env = process.env;
const isMysql2 = name === 'mysql2';
const driver = require(name);
const table = env.DB_TABLE;

const columns = fs.readFileSync(env.DB_COLUMNS, 'utf8').trimEnd().split('\n').map((line) => {
  const [column, type, kind, , typical, extreme] = line.split('\t');
  return {name: column, type, kind, typical: typical, extreme: extreme === undefined ? '' : extreme};
});
const kinds = ['number', ...columns.map((column) => column.kind)];
const isBytes = (kind) => kind === 'bit' || kind === 'bytes';

function step(step, value) {
  process.stdout.write(JSON.stringify({step, value}) + '\n');
}

function connected(changes = {}) {
  const options = {
    host: '127.0.0.1', port: Number(env.DB_PORT), user: env.DB_USER, password: env.DB_PASSWORD, database: env.DB_NAME,
    charset: 'utf8mb4', multipleStatements: true, supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, ...changes,
  };
  if (env.DB_TLS === '1') options.ssl = {rejectUnauthorized: false};
  if (isMysql2) Object.assign(options, {rowsAsArray: true, jsonStrings: true, maxPreparedStatements: 20});
  // Both would make objects of POINTs.
  options.typeCast = (field, next) => (field.type === 'GEOMETRY' ? field.buffer() : next());
  const connection = driver.createConnection(options);
  connection.on('error', () => {}); // the lost connection is meant
  return connection;
}

// A method with a callback as a promise of its results.
function call(connection, method, ...parameters) {
  return new Promise((resolve, reject) => {
    connection[method](...parameters, (error, rows, fields) => (error ? reject(error) : resolve([rows, fields])));
  });
}

async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    // errno of a driver's own errors, of a closed socket, is the system's
    return [error.code, error.errno, error.sqlState === undefined ? null : error.sqlState, error.sqlMessage || error.message];
  }
  return null;
}

function textOf(value, kind) {
  if (value === null) return null;
  if (Buffer.isBuffer(value)) return isBytes(kind) ? value.toString('hex') : value.toString();
  if (isBytes(kind)) return Buffer.from(value).toString('hex');
  return String(value);
}

function texts(rows, rowKinds = []) {
  return rows.map((row) => Object.values(row).map((value, i) => textOf(value, rowKinds[i])));
}

async function rows(connection, statement, parameters = []) {
  return texts((await call(connection, 'query', statement, parameters))[0]);
}

async function change(connection, statement, parameters = []) {
  return (await call(connection, 'query', statement, parameters))[0].affectedRows;
}

// Rows, or the number of affected rows, of all results.
async function results(connection, method, statement, parameters = []) {
  const found = (await call(connection, method, statement, parameters))[0];
  return found.map((result) => (Array.isArray(result) ? texts(result) : result.affectedRows));
}

function literal(text, kind) {
  if (isBytes(kind)) return `x'${text}'`;
  return kind === 'number' || kind === 'decimal' ? text : `'${text}'`;
}

function parameter(text, kind) {
  if (isBytes(kind)) return Buffer.from(text, 'hex');
  if (kind === 'number' && Number.isSafeInteger(Number(text))) return Number(text);
  return kind === 'number' && text.includes('.') ? Number(text) : text;
}

function described(fields) {
  return fields.map((field) => {
    const {name, orgName, table, orgTable, db, schema, characterSet, charsetNr, columnLength, length, columnType, type, flags, decimals} =
      field;
    return [name, orgName, table, orgTable, db || schema, characterSet || charsetNr, columnLength || length, columnType || type, flags, decimals];
  });
}

async function types(connection) {
  const method = isMysql2 ? 'execute' : 'query';
  await change(connection, `DROP TABLE IF EXISTS ${table}`);
  const definitions = columns.map((column) => `${column.name} ${column.type}`).join(', ');
  await change(connection, `CREATE TABLE ${table} (id INT PRIMARY KEY, ${definitions}) DEFAULT CHARSET utf8mb4`);
  const typical = columns.map((column) => literal(column.typical, column.kind)).join(', ');
  const extreme = columns.map((column) => literal(column.extreme, column.kind)).join(', ');
  step('text.insert', [
    await change(connection, `INSERT INTO ${table} VALUES (1, ${typical})`),
    await change(connection, `INSERT INTO ${table} VALUES (2, ${extreme})`),
    await change(connection, `INSERT INTO ${table} (id) VALUES (3)`),
  ]);
  const [selected, fields] = await call(connection, 'query', `SELECT * FROM ${table} ORDER BY id`);
  step('text.select', texts(selected, kinds));
  step('text.columns', described(fields));

  const insert = `INSERT INTO ${table} VALUES (?${', ?'.repeat(columns.length)})`;
  const nulls = columns.map(() => null);
  const inserted = [];
  for (const parameters of [
    [11, ...columns.map((column) => parameter(column.typical, column.kind))],
    [12, ...columns.map((column) => parameter(column.extreme, column.kind))],
    [13, ...nulls],
  ]) {
    inserted.push((await call(connection, method, insert, parameters))[0].affectedRows);
  }
  step('prepared.insert', inserted);
  const select = `SELECT * FROM ${table} WHERE id > ? ORDER BY id`;
  const [prepared, preparedFields] = await call(connection, method, select, [10]);
  step('prepared.select', texts(prepared, kinds));
  step('prepared.columns', described(preparedFields));
  await change(connection, `UPDATE ${table} SET c_int = 5 WHERE id = 13`);
  const again = `SELECT id, c_int FROM ${table} WHERE id > ?`;
  await call(connection, method, again, [12]);
  step('prepared.again', texts((await call(connection, method, again, ['12']))[0])); // a text now where an integer was
  step('prepared.two', texts((await call(connection, method, "SELECT CONCAT(?, '-', ?)", ['é', 'b']))[0]));
  step('prepared.error', [
    await errorOf(call(connection, method, 'SELECT * FROM missing WHERE id = ?', [1])),
    await errorOf(call(connection, method, insert, [11, ...nulls])),
  ]);
  if (isMysql2) {
    // More statements than maxPreparedStatements: the oldest are closed.
    let sum = 0;
    for (let i = 0; i < 30; ++i) sum += Number(texts((await call(connection, 'execute', `SELECT ${i} + ?`, [1]))[0])[0][0]);
    step('prepared.many', sum);
  }
}

async function transactions(connection, names) {
  await change(connection, `DROP TABLE IF EXISTS ${names}`);
  await change(connection,
    `CREATE TABLE ${names} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4`);
  const count = async () => (await rows(connection, `SELECT COUNT(*) AS n FROM ${names}`))[0][0];
  const counts = [];
  await call(connection, 'beginTransaction');
  await change(connection, `INSERT INTO ${names} (name) VALUES (?), (?)`, ['a', 'b']);
  counts.push(await count());
  await call(connection, 'rollback');
  counts.push(await count());
  await call(connection, 'beginTransaction');
  await call(connection, isMysql2 ? 'execute' : 'query', `INSERT INTO ${names} (id, name) VALUES (?, ?)`, [10, 'c']);
  await call(connection, 'commit');
  counts.push(await count());
  step('transaction', counts);
  const [inserted] = await call(connection, 'query', `INSERT INTO ${names} (name) VALUES (?)`, ['d']);
  step('insert_id', [inserted.insertId, (await rows(connection, 'SELECT LAST_INSERT_ID() AS id'))[0][0]]);
  const [updated] = await call(connection, 'query', `UPDATE ${names} SET name = CONCAT(name, name) WHERE id >= ?`, [10]);
  step('update', [updated.affectedRows, updated.changedRows, updated.info || updated.message]);
}

async function several(connection, names) {
  const statement = `SELECT 1 AS a; INSERT INTO ${names} (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c`;
  step('multi', await results(connection, 'query', statement));
  await change(connection, `DROP PROCEDURE IF EXISTS ${names}_p`);
  await change(connection, `CREATE PROCEDURE ${names}_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; ` +
    `INSERT INTO ${names} (name) VALUES (CONCAT('from procedure ', n)); END`);
  step('call', await results(connection, 'query', `CALL ${names}_p(5)`));
  if (isMysql2) step('call.prepared', await results(connection, 'execute', `CALL ${names}_p(?)`, [6]));
  let sum = 0;
  const numbers = 'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n';
  await new Promise((resolve, reject) => {
    const stream = connection.query(numbers);
    stream.on('result', (row) => { sum += Number(Object.values(row)[0]); }).on('error', reject).on('end', resolve);
  });
  step('stream', [String(sum), (await rows(connection, "SELECT 'next' AS text"))[0][0]]);
}

async function large(connection, name) {
  const value = 'abcdefghijklmnopqrstuvwxyz012345'.repeat((20 * 1024 * 1024) / 32);
  const method = isMysql2 ? 'execute' : 'query';
  await change(connection, `DROP TABLE IF EXISTS ${name}`);
  await change(connection, `CREATE TABLE ${name} (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4`);
  await call(connection, method, `INSERT INTO ${name} VALUES (1, ?)`, [value]);
  const stored = await rows(connection, `SELECT LENGTH(value), CRC32(value) FROM ${name}`);
  const [prepared] = await call(connection, method, `SELECT value FROM ${name} WHERE id = ?`, [1]);
  const [text] = await rows(connection, `SELECT value FROM ${name}`);
  step('large', [stored, text[0] === value, Object.values(prepared[0])[0] === value]);
}

async function errors(connection) {
  step('error.syntax', await errorOf(change(connection, 'SELEC 1')));
  step('error.duplicate', await errorOf(change(connection, `INSERT INTO ${table} (id) VALUES (1)`)));
  step('error.table', await errorOf(change(connection, 'SELECT * FROM missing')));
  step('error.multi', await errorOf(results(connection, 'query', 'SELECT 1; SELEC 2')));
  step('error.after', await rows(connection, "SELECT 'still here' AS text"));
  const cast = await rows(connection, "SELECT CAST('12abc' AS SIGNED) AS number");
  step('warnings', [cast, await rows(connection, 'SHOW WARNINGS')]);
  const text = 'O\'Re\\il"ly\0é漢😀\n%_';
  step('quoting', (await rows(connection, 'SELECT ? AS text', [text]))[0][0] === text);
}

async function session(connection) {
  const state = 'SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode';
  await change(connection, "SET @a = 5, sql_mode = 'ANSI_QUOTES'");
  step('session', await rows(connection, state));
  await call(connection, 'ping');
  step('ping', true);
  await call(connection, 'changeUser', {user: env.DB_USER, password: env.DB_PASSWORD, database: env.DB_NAME});
  step('change_user', await rows(connection, 'SELECT DATABASE(), @a, @@character_set_client'));
}

async function reconnect(connection) {
  step('kill', await errorOf(change(connection, `KILL ${connection.threadId}`)));
  step('lost', (await errorOf(change(connection, 'SELECT 1'))) !== null);
  const next = connected();
  step('reconnect', await rows(next, 'SELECT DATABASE(), @a'));
  await call(next, 'end');
}

async function refusedLogin(name, changes) {
  const connection = connected(changes);
  const error = await errorOf(call(connection, 'connect'));
  step(name, error);
  connection.destroy();
  return error;
}

async function main() {
  await refusedLogin('login.denied', {password: 'wrong'});
  const error = await refusedLogin('login.schema', {database: 'missing'});
  if (error[0] === 'ER_NOT_SUPPORTED_AUTH_MODE') return; // mysqljs knows no account of MySQL 9
  const connection = connected();
  await call(connection, 'connect');
  step('connect', await rows(connection, 'SELECT VERSION(), DATABASE(), CURRENT_USER(), @@autocommit'));
  await change(connection, "SET time_zone = '+00:00'");
  await types(connection);
  await transactions(connection, `${table}_n`);
  await several(connection, `${table}_n`);
  if (env.DB_LARGE === '1') await large(connection, `${table}_l`);
  await errors(connection);
  await session(connection);
  await reconnect(connection);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
