# The steps of README.md with Ruby's mysql2.
require 'bigdecimal'
require 'json'
require 'mysql2'
require 'zlib'

TABLE = ENV.fetch('DB_TABLE')
Column = Struct.new(:name, :type, :kind, :server, :typical, :extreme) do
  def bytes?
    %w[bit bytes].include?(kind)
  end

  def literal(text)
    return "x'#{text}'" if bytes?

    %w[number decimal].include?(kind) ? text : "'#{text}'"
  end

  def parameter(text)
    return [text].pack('H*') if kind == 'bytes'
    return text.to_i(16) if kind == 'bit' # texts are UTF-8 for this driver, and MySQL converts them for a BIT
    return BigDecimal(text) if kind == 'decimal'
    return text if kind != 'number'

    text.include?('.') ? text.to_f : text.to_i
  end
end
COLUMNS = File.readlines(ENV.fetch('DB_COLUMNS'), encoding: 'UTF-8', chomp: true).map { |line| Column.new(*line.split("\t", -1)) }
$stdout.sync = true

def step(name, value)
  puts JSON.generate(step: name, value: value)
end

def connected(changes = {})
  options = {
    host: '127.0.0.1', port: ENV.fetch('DB_PORT').to_i, username: ENV.fetch('DB_USER'), password: ENV.fetch('DB_PASSWORD'),
    database: ENV.fetch('DB_NAME'), encoding: 'utf8mb4', flags: Mysql2::Client::MULTI_STATEMENTS,
    database_timezone: :utc, application_timezone: :utc, as: :array
  }
  # Without ssl_mode, which this build does not know: it is the account that demands TLS.
  options[:sslcipher] = 'ALL' if ENV['DB_TLS'] == '1'
  Mysql2::Client.new(options.merge(changes))
end

def error_of
  yield
  nil
rescue Mysql2::Error => e
  [e.error_number, e.sql_state, e.message]
end

def text_of(value, kind)
  fraction = kind.end_with?('6') ? '.%6N' : ''
  case value
  when nil then nil
  when BigDecimal
    whole, rest = value.to_s('F').split('.')
    "#{whole}.#{rest.ljust(30, '0')}"
  when Time, DateTime then value.strftime((kind.start_with?('time') ? '' : '%Y-%m-%d ') + "%H:%M:%S#{fraction}")
  when Date then value.strftime('%Y-%m-%d')
  when String then %w[bit bytes].include?(kind) ? value.unpack1('H*') : value
  else value.to_s
  end
end

def rows_of(result, kinds = nil)
  result.map { |row| row.each_with_index.map { |value, i| text_of(value, kinds ? kinds[i] : 'text') } }
end

# Rows, or the number of affected rows, of every result of a text.
def results(client, statement)
  list = []
  result = client.query(statement, cast: false)
  loop do
    list << (result ? rows_of(result) : client.affected_rows)
    break unless client.next_result

    result = client.store_result
  end
  list
end

def rows(client, statement)
  rows_of(client.query(statement, cast: false))
end

def change(client, statement)
  client.query(statement)
  client.affected_rows
end

def execute(statement, *arguments)
  statement.execute(*arguments)
  statement.affected_rows
end

def types(client)
  kinds = ['number'] + COLUMNS.map(&:kind)
  change(client, "DROP TABLE IF EXISTS #{TABLE}")
  change(client, "CREATE TABLE #{TABLE} (id INT PRIMARY KEY, #{COLUMNS.map { |c| "#{c.name} #{c.type}" }.join(', ')}) DEFAULT CHARSET utf8mb4")
  inserted = [
    change(client, "INSERT INTO #{TABLE} VALUES (1, #{COLUMNS.map { |c| c.literal(c.typical) }.join(', ')})"),
    change(client, "INSERT INTO #{TABLE} VALUES (2, #{COLUMNS.map { |c| c.literal(c.extreme) }.join(', ')})"),
    change(client, "INSERT INTO #{TABLE} (id) VALUES (3)")
  ]
  step('text.insert', inserted)
  result = client.query("SELECT * FROM #{TABLE} ORDER BY id", cast: false)
  step('text.select', rows_of(result, kinds))
  step('text.columns', [result.fields])

  insert = client.prepare("INSERT INTO #{TABLE} VALUES (?#{', ?' * COLUMNS.size})")
  nulls = [nil] * COLUMNS.size
  inserted = [
    execute(insert, 11, *COLUMNS.map { |c| c.parameter(c.typical) }),
    execute(insert, 12, *COLUMNS.map { |c| c.parameter(c.extreme) }),
    execute(insert, 13, *nulls)
  ]
  step('prepared.insert', inserted)
  # A prepared TIME becomes a Time, which ends at 24 hours: as text.
  names = COLUMNS.map { |c| c.kind.start_with?('time') ? "CAST(#{c.name} AS CHAR) AS #{c.name}" : c.name }
  select = client.prepare("SELECT id, #{names.join(', ')} FROM #{TABLE} WHERE id > ? ORDER BY id")
  step('prepared.select', rows_of(select.execute(10), kinds))
  step('prepared.columns', [insert.param_count, select.fields])
  joined = client.prepare("SELECT CONCAT(?, '-', ?)")
  again = client.prepare("SELECT id, c_int FROM #{TABLE} WHERE id > ? ORDER BY id")
  again.execute(10).size
  change(client, "UPDATE #{TABLE} SET c_int = 5 WHERE id = 13")
  step('prepared.again', rows_of(again.execute('12')))
  step('prepared.time', rows_of(client.prepare("SELECT c_time FROM #{TABLE} WHERE id = ?").execute(11), ['time']))
  step('prepared.two', rows_of(joined.execute('é', 'b')))
  step('prepared.error', [error_of { client.prepare('SELECT * FROM missing WHERE id = ?') }, error_of { insert.execute(11, *nulls) }])
  [insert, select, joined, again].each(&:close)
end

def transactions(client, names)
  change(client, "DROP TABLE IF EXISTS #{names}")
  change(client, "CREATE TABLE #{names} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4")
  count = "SELECT COUNT(*) FROM #{names}"
  counts = []
  change(client, 'BEGIN')
  change(client, "INSERT INTO #{names} (name) VALUES ('a'), ('b')")
  counts += rows(client, count)[0]
  change(client, 'ROLLBACK')
  counts += rows(client, count)[0]
  change(client, 'START TRANSACTION')
  insert = client.prepare("INSERT INTO #{names} (id, name) VALUES (?, ?)")
  execute(insert, 10, 'c')
  change(client, 'COMMIT')
  step('transaction', counts + rows(client, count)[0])
  change(client, "INSERT INTO #{names} (name) VALUES ('d')")
  step('insert_id', [client.last_id, rows(client, 'SELECT LAST_INSERT_ID()')[0][0]])
  step('update', [change(client, "UPDATE #{names} SET name = CONCAT(name, name) WHERE id >= 10"), client.query_info])
end

def several(client, names)
  step('multi', results(client, "SELECT 1 AS a; INSERT INTO #{names} (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"))
  change(client, "DROP PROCEDURE IF EXISTS #{names}_p")
  change(client, "CREATE PROCEDURE #{names}_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; " \
                 "INSERT INTO #{names} (name) VALUES ('from procedure'); END")
  step('call', results(client, "CALL #{names}_p(5)"))
  numbers = 'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n'
  sum = client.query(numbers, stream: true, cache_rows: false).sum { |row| row[0] }
  step('stream', [sum.to_s, rows(client, "SELECT 'next'")[0][0]])
end

def large(client, table)
  value = 'abcdefghijklmnopqrstuvwxyz012345' * (20 * 1024 * 1024 / 32)
  change(client, "DROP TABLE IF EXISTS #{table}")
  change(client, "CREATE TABLE #{table} (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4")
  insert = client.prepare("INSERT INTO #{table} VALUES (1, ?)")
  insert.execute(value)
  stored = rows(client, "SELECT LENGTH(value), CRC32(value) FROM #{table}")
  prepared = client.prepare("SELECT value FROM #{table} WHERE id = ?").execute(1).to_a[0][0]
  step('large', [stored, rows(client, "SELECT value FROM #{table}")[0][0] == value, prepared == value])
end

def errors(client)
  step('error.syntax', error_of { client.query('SELEC 1') })
  step('error.duplicate', error_of { client.query("INSERT INTO #{TABLE} (id) VALUES (1)") })
  step('error.table', error_of { client.query('SELECT * FROM missing') })
  step('error.multi', error_of { results(client, 'SELECT 1; SELEC 2') })
  step('error.after', rows(client, "SELECT 'still here'"))
  cast = rows(client, "SELECT CAST('12abc' AS SIGNED)")
  step('warnings', [cast, client.warning_count, rows(client, 'SHOW WARNINGS')])
  text = "O'Re\\il\"ly\0é漢😀\n%_"
  step('quoting', rows(client, "SELECT '#{client.escape(text)}'")[0][0] == text)
end

def session(client)
  change(client, "SET @a = 5, sql_mode = 'ANSI_QUOTES'")
  step('session', rows(client, 'SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode'))
  client.select_db('information_schema')
  schemas = rows(client, 'SELECT DATABASE()')[0]
  client.select_db(ENV.fetch('DB_NAME'))
  step('schema', schemas + rows(client, 'SELECT DATABASE()')[0])
  step('ping', client.ping)
end

def reconnect
  client = connected(reconnect: true)
  change(client, 'SET @a = 5')
  step('kill', error_of { client.query("KILL #{client.thread_id}") })
  client.ping
  step('reconnect', rows(client, 'SELECT DATABASE(), @a'))
  client.close
end

step('login.denied', error_of { connected(password: 'wrong') })
step('login.schema', error_of { connected(database: 'missing') })
client = connected
step('connect', [client.server_info[:version], !client.ssl_cipher.nil?,
                 rows(client, 'SELECT DATABASE(), CURRENT_USER(), @@autocommit')])
change(client, "SET time_zone = '+00:00'")
types(client)
transactions(client, "#{TABLE}_n")
several(client, "#{TABLE}_n")
large(client, "#{TABLE}_l") if ENV['DB_LARGE'] == '1'
errors(client)
session(client)
client.close
reconnect
