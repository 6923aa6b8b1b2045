// The steps of README.md with MariaDB Connector/J.
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;

public class ConnectorJ {
  record Column(String name, String type, String kind, String server, String typical, String extreme) {
    boolean isBytes() {
      return kind.equals("bit") || kind.equals("bytes");
    }

    String literal(String text) {
      if (isBytes()) return "x'" + text + "'";
      return kind.equals("number") || kind.equals("decimal") ? text : "'" + text + "'";
    }

    void bind(PreparedStatement statement, int index, String text) throws SQLException {
      if (kind.equals("bit")) { // bytes are sent as text, and MySQL converts that for a BIT
        statement.setLong(index, Long.parseLong(text, 16));
      } else if (isBytes()) {
        statement.setBytes(index, unhex(text));
      } else if (kind.equals("decimal")) {
        statement.setBigDecimal(index, new java.math.BigDecimal(text));
      } else if (kind.startsWith("datetime")) {
        statement.setTimestamp(index, Timestamp.valueOf(text));
      } else if (!kind.equals("number")) { // a date, too: MySQL calls what this driver makes of a Date malformed
        statement.setString(index, text);
      } else if (type.startsWith("FLOAT")) {
        statement.setFloat(index, Float.parseFloat(text));
      } else if (type.startsWith("DOUBLE")) {
        statement.setDouble(index, Double.parseDouble(text));
      } else if (type.startsWith("TINYINT") && !type.endsWith("UNSIGNED")) {
        statement.setByte(index, Byte.parseByte(text));
      } else if (type.startsWith("SMALLINT") && !type.endsWith("UNSIGNED")) {
        statement.setShort(index, Short.parseShort(text));
      } else if (text.length() > 18) {
        statement.setBigDecimal(index, new java.math.BigDecimal(text));
      } else {
        statement.setLong(index, Long.parseLong(text));
      }
    }

    String text(ResultSet row, int index) throws SQLException {
      if (isBytes()) {
        byte[] bytes = row.getBytes(index);
        return bytes == null ? null : hex(bytes);
      }
      String text = row.getString(index);
      if (text == null) return null;
      return switch (kind) {
        // Fractions of nothing, and numbers with exponents, are this driver's idea.
        case "time", "datetime" -> text.replaceFirst("\\.0+$", "");
        case "decimal" -> row.getBigDecimal(index).toPlainString();
        case "number" -> type.equals("YEAR") ? text.substring(0, 4) : text;
        default -> text;
      };
    }
  }

  static final String TABLE = System.getenv("DB_TABLE");
  static final String NAMES = TABLE + "_n";
  static List<Column> columns;

  static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) text.append(String.format("%02x", b));
    return text.toString();
  }

  static byte[] unhex(String text) {
    byte[] bytes = new byte[text.length() / 2];
    for (int i = 0; i < bytes.length; ++i) bytes[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
    return bytes;
  }

  static String json(Object value) {
    if (value instanceof List<?> list) return list.stream().map(ConnectorJ::json).collect(Collectors.joining(", ", "[", "]"));
    if (value instanceof String text) {
      StringBuilder quoted = new StringBuilder("\"");
      for (char c : text.toCharArray()) {
        if (c == '"' || c == '\\') quoted.append('\\').append(c);
        else if (c < 0x20) quoted.append(String.format("\\u%04x", (int) c));
        else quoted.append(c);
      }
      return quoted.append('"').toString();
    }
    return String.valueOf(value);
  }

  static void step(String name, Object value) {
    byte[] line = ("{\"step\": \"" + name + "\", \"value\": " + json(value) + "}\n").getBytes(StandardCharsets.UTF_8);
    System.out.write(line, 0, line.length);
    System.out.flush();
  }

  static Connection connected(Map<String, String> changes) throws SQLException {
    Properties options = new Properties();
    options.putAll(Map.of("user", System.getenv("DB_USER"), "password", System.getenv("DB_PASSWORD"), "useServerPrepStmts", "true",
        "allowMultiQueries", "true", "allowPublicKeyRetrieval", "true", "sessionVariables", "time_zone='+00:00'"));
    if (System.getenv("DB_TLS").equals("1")) {
      options.put("useSSL", "true");
      options.put("trustServerCertificate", "true");
    }
    options.putAll(changes);
    String schema = changes.getOrDefault("schema", System.getenv("DB_NAME"));
    options.remove("schema");
    return DriverManager.getConnection("jdbc:mariadb://127.0.0.1:" + System.getenv("DB_PORT") + "/" + schema, options);
  }

  interface Action {
    void run() throws SQLException;
  }

  /** The error without what the driver puts in front of it, the server's address and the connection's id. */
  static Object errorOf(Action action) {
    try {
      action.run();
    } catch (SQLException error) {
      return Arrays.asList(error.getErrorCode(), error.getSQLState(), error.getMessage().replaceFirst("^.*\\(conn=\\d+\\) ", ""));
    }
    return null;
  }

  static List<Object> rows(ResultSet result) throws SQLException {
    List<Object> rows = new ArrayList<>();
    while (result.next()) {
      List<String> row = new ArrayList<>();
      for (int i = 1; i <= result.getMetaData().getColumnCount(); ++i) row.add(result.getString(i));
      rows.add(row);
    }
    return rows;
  }

  static List<Object> typedRows(ResultSet result) throws SQLException {
    List<Object> rows = new ArrayList<>();
    while (result.next()) {
      List<String> row = new ArrayList<>(List.of(result.getString(1)));
      for (int i = 0; i < columns.size(); ++i) row.add(columns.get(i).text(result, i + 2));
      rows.add(row);
    }
    return rows;
  }

  static List<Object> rows(Connection db, String statement) throws SQLException {
    try (Statement s = db.createStatement()) {
      return rows(s.executeQuery(statement));
    }
  }

  static String one(Connection db, String statement) throws SQLException {
    return (String) ((List<?>) rows(db, statement).get(0)).get(0);
  }

  static int change(Connection db, String statement) throws SQLException {
    try (Statement s = db.createStatement()) {
      return s.executeUpdate(statement);
    }
  }

  /** Rows or numbers of affected rows of all results. */
  static List<Object> results(Statement s, boolean isResultSet) throws SQLException {
    List<Object> results = new ArrayList<>();
    while (true) {
      if (isResultSet) {
        results.add(rows(s.getResultSet()));
      } else if (s.getUpdateCount() != -1) {
        results.add(s.getUpdateCount());
      } else {
        return results;
      }
      isResultSet = s.getMoreResults();
    }
  }

  static List<Object> results(Connection db, String statement) throws SQLException {
    try (Statement s = db.createStatement()) {
      return results(s, s.execute(statement));
    }
  }

  static List<Object> described(ResultSetMetaData data) throws SQLException {
    List<Object> all = new ArrayList<>();
    for (int i = 1; i <= data.getColumnCount(); ++i) {
      all.add(List.of(data.getColumnLabel(i), data.getColumnName(i), data.getTableName(i), data.getCatalogName(i), data.getColumnType(i),
          data.getColumnTypeName(i), data.getPrecision(i), data.getScale(i), data.isNullable(i), data.isSigned(i), data.isAutoIncrement(i)));
    }
    return all;
  }

  static int insert(PreparedStatement insert, int id, boolean extreme) throws SQLException {
    insert.setInt(1, id);
    for (int i = 0; i < columns.size(); ++i) {
      Column column = columns.get(i);
      column.bind(insert, i + 2, extreme ? column.extreme() : column.typical());
    }
    return insert.executeUpdate();
  }

  static int insertNulls(PreparedStatement insert, int id) throws SQLException {
    insert.setInt(1, id);
    for (int i = 0; i < columns.size(); ++i) insert.setNull(i + 2, Types.NULL);
    return insert.executeUpdate();
  }

  static void types(Connection db) throws SQLException {
    change(db, "DROP TABLE IF EXISTS " + TABLE);
    String definitions = columns.stream().map(c -> ", " + c.name() + " " + c.type()).collect(Collectors.joining());
    change(db, "CREATE TABLE " + TABLE + " (id INT PRIMARY KEY" + definitions + ") DEFAULT CHARSET utf8mb4");
    String typical = columns.stream().map(c -> ", " + c.literal(c.typical())).collect(Collectors.joining());
    String extreme = columns.stream().map(c -> ", " + c.literal(c.extreme())).collect(Collectors.joining());
    step("text.insert", List.of(change(db, "INSERT INTO " + TABLE + " VALUES (1" + typical + ")"),
        change(db, "INSERT INTO " + TABLE + " VALUES (2" + extreme + ")"), change(db, "INSERT INTO " + TABLE + " (id) VALUES (3)")));
    try (Statement s = db.createStatement()) {
      ResultSet result = s.executeQuery("SELECT * FROM " + TABLE + " ORDER BY id");
      step("text.columns", described(result.getMetaData()));
      step("text.select", typedRows(result));
    }

    PreparedStatement insert = db.prepareStatement("INSERT INTO " + TABLE + " VALUES (?" + ", ?".repeat(columns.size()) + ")");
    step("prepared.insert", List.of(insert(insert, 11, false), insert(insert, 12, true), insertNulls(insert, 13)));
    PreparedStatement select = db.prepareStatement("SELECT * FROM " + TABLE + " WHERE id > ? ORDER BY id");
    select.setInt(1, 10);
    ResultSet result = select.executeQuery();
    step("prepared.columns", described(result.getMetaData()));
    step("prepared.select", typedRows(result));
    PreparedStatement joined = db.prepareStatement("SELECT CONCAT(?, '-', ?)");
    change(db, "UPDATE " + TABLE + " SET c_int = 5 WHERE id = 13");
    PreparedStatement again = db.prepareStatement("SELECT id, c_int FROM " + TABLE + " WHERE id > ?");
    again.setInt(1, 12);
    rows(again.executeQuery());
    again.setString(1, "12"); // a text now where an integer was
    step("prepared.again", rows(again.executeQuery()));
    joined.setString(1, "é");
    joined.setString(2, "b");
    step("prepared.two", rows(joined.executeQuery()));
    PreparedStatement missing = db.prepareStatement("SELECT * FROM missing WHERE id = ?"); // refused, and put aside until it is run
    missing.setInt(1, 1);
    step("prepared.error", Arrays.asList(errorOf(missing::executeQuery), errorOf(() -> insertNulls(insert, 11))));
    for (PreparedStatement statement : List.of(insert, select, joined, again)) statement.close();
  }

  static void transactions(Connection db) throws SQLException {
    change(db, "DROP TABLE IF EXISTS " + NAMES);
    change(db, "CREATE TABLE " + NAMES + " (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4");
    String count = "SELECT COUNT(*) FROM " + NAMES;
    List<Object> counts = new ArrayList<>();
    db.setAutoCommit(false);
    change(db, "INSERT INTO " + NAMES + " (name) VALUES ('a'), ('b')");
    counts.add(one(db, count));
    db.rollback();
    counts.add(one(db, count));
    db.rollback();
    db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    try (PreparedStatement insert = db.prepareStatement("INSERT INTO " + NAMES + " (id, name) VALUES (?, ?)")) {
      insert.setInt(1, 10);
      insert.setString(2, "c");
      insert.executeUpdate();
    }
    db.commit();
    db.setAutoCommit(true);
    counts.add(one(db, count));
    step("transaction", counts);
    try (PreparedStatement insert = db.prepareStatement("INSERT INTO " + NAMES + " (name) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
      insert.setString(1, "d");
      insert.executeUpdate();
      ResultSet keys = insert.getGeneratedKeys();
      keys.next();
      step("insert_id", List.of(keys.getLong(1), one(db, "SELECT LAST_INSERT_ID()")));
    }
    step("update", change(db, "UPDATE " + NAMES + " SET name = CONCAT(name, name) WHERE id >= 10"));
    try (PreparedStatement insert = db.prepareStatement("INSERT INTO " + NAMES + " VALUES (?, ?)")) {
      for (int id = 101; id <= 103; ++id) {
        insert.setInt(1, id);
        insert.setString(2, id == 102 ? null : "batch " + id);
        insert.addBatch();
      }
      List<Object> affected = Arrays.stream(insert.executeBatch()).boxed().collect(Collectors.toList());
      step("bulk", List.of(affected, rows(db, "SELECT id, name FROM " + NAMES + " WHERE id > 100 ORDER BY id")));
    }
    try (Statement batch = db.createStatement()) { // sent without waiting for the answers
      for (int id = 201; id <= 205; ++id) batch.addBatch("INSERT INTO " + NAMES + " VALUES (" + id + ", 'pipelined " + id + "')");
      List<Object> affected = Arrays.stream(batch.executeBatch()).boxed().collect(Collectors.toList());
      step("batch", List.of(affected, one(db, "SELECT COUNT(*) FROM " + NAMES + " WHERE id > 200")));
    }
  }

  static void several(Connection db) throws SQLException {
    step("multi", results(db, "SELECT 1 AS a; INSERT INTO " + NAMES + " (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"));
    change(db, "DROP PROCEDURE IF EXISTS " + NAMES + "_p");
    change(db, "CREATE PROCEDURE " + NAMES + "_p(IN n INT, OUT doubled INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; "
        + "INSERT INTO " + NAMES + " (name) VALUES (CONCAT('from procedure ', n)); SET doubled = 2 * n; END");
    step("call", results(db, "CALL " + NAMES + "_p(5, @doubled)"));
    try (CallableStatement call = db.prepareCall("{CALL " + NAMES + "_p(?, ?)}")) {
      call.setInt(1, 6);
      call.registerOutParameter(2, Types.INTEGER);
      boolean isResultSet = call.execute();
      List<Object> found = new ArrayList<>();
      while (isResultSet) {
        found.add(rows(call.getResultSet()));
        isResultSet = call.getMoreResults();
      }
      step("call.prepared", List.of(found.subList(0, 2), call.getInt(2)));
    }
    try (Statement s = db.createStatement()) {
      s.setFetchSize(10); // as they come
      long sum = 0;
      ResultSet stream =
          s.executeQuery("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n");
      while (stream.next()) sum += stream.getLong(1);
      step("stream", List.of(String.valueOf(sum), one(db, "SELECT 'next'")));
    }
  }

  static void large(Connection db) throws SQLException {
    String table = TABLE + "_l";
    String value = "abcdefghijklmnopqrstuvwxyz012345".repeat(20 * 1024 * 1024 / 32);
    change(db, "DROP TABLE IF EXISTS " + table);
    change(db, "CREATE TABLE " + table + " (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4");
    try (PreparedStatement insert = db.prepareStatement("INSERT INTO " + table + " VALUES (1, ?)")) {
      insert.setCharacterStream(1, new java.io.StringReader(value));
      insert.executeUpdate();
    }
    List<Object> stored = rows(db, "SELECT LENGTH(value), CRC32(value) FROM " + table);
    try (PreparedStatement select = db.prepareStatement("SELECT value FROM " + table + " WHERE id = ?")) {
      select.setInt(1, 1);
      ResultSet result = select.executeQuery();
      result.next();
      boolean same = result.getString(1).equals(value);
      step("large", List.of(stored, one(db, "SELECT value FROM " + table).equals(value), same));
    }
  }

  static void errors(Connection db) throws SQLException {
    step("error.syntax", errorOf(() -> change(db, "SELEC 1")));
    step("error.duplicate", errorOf(() -> change(db, "INSERT INTO " + TABLE + " (id) VALUES (1)")));
    step("error.table", errorOf(() -> rows(db, "SELECT * FROM missing")));
    step("error.multi", errorOf(() -> results(db, "SELECT 1; SELEC 2")));
    step("error.after", rows(db, "SELECT 'still here'"));
    try (Statement s = db.createStatement()) {
      List<Object> cast = rows(s.executeQuery("SELECT CAST('12abc' AS SIGNED)"));
      List<Object> warnings = new ArrayList<>();
      for (SQLWarning warning = s.getWarnings(); warning != null; warning = warning.getNextWarning()) {
        warnings.add(List.of(warning.getErrorCode(), warning.getMessage()));
      }
      step("warnings", List.of(cast, warnings));
    }
    String text = "O'Re\\il\"ly\0é漢😀\n%_";
    try (Connection inText = connected(Map.of("useServerPrepStmts", "false")); PreparedStatement s = inText.prepareStatement("SELECT ?")) {
      s.setString(1, text);
      ResultSet result = s.executeQuery();
      result.next();
      step("quoting", result.getString(1).equals(text));
    }
  }

  static void session(Connection db) throws SQLException {
    change(db, "SET @a = 5, sql_mode = 'ANSI_QUOTES'");
    step("session", rows(db, "SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode"));
    db.setCatalog("information_schema");
    List<Object> schemas = new ArrayList<>(List.of(one(db, "SELECT DATABASE()")));
    db.setCatalog(System.getenv("DB_NAME"));
    schemas.add(one(db, "SELECT DATABASE()"));
    step("schema", schemas);
    step("ping", db.isValid(5));
    db.setReadOnly(true);
    step("read_only", List.of(one(db, "SELECT COUNT(*) FROM " + TABLE + " WHERE id = 1"), db.isReadOnly()));
    db.setReadOnly(false);
    ResultSet found = db.getMetaData().getColumns(null, null, NAMES, "name");
    found.next();
    step("metadata", List.of(found.getString("TABLE_NAME"), found.getString("TYPE_NAME"), found.getInt("COLUMN_SIZE")));
  }

  static void reconnect(Connection db) throws SQLException {
    String id = one(db, "SELECT CONNECTION_ID()");
    step("kill", errorOf(() -> change(db, "KILL " + id)));
    step("lost", errorOf(() -> rows(db, "SELECT 1")) != null);
    try (Connection next = connected(Map.of())) {
      step("reconnect", rows(next, "SELECT DATABASE(), @a"));
    }
  }

  public static void main(String[] arguments) throws Exception {
    columns = Files.readAllLines(Path.of(System.getenv("DB_COLUMNS"))).stream().map(line -> {
      String[] f = line.split("\t", -1);
      return new Column(f[0], f[1], f[2], f[3], f[4], f[5]);
    }).collect(Collectors.toList());
    step("login.denied", errorOf(() -> connected(Map.of("password", "wrong"))));
    step("login.schema", errorOf(() -> connected(Map.of("schema", "missing"))));
    Connection db = connected(Map.of());
    step("connect", List.of(db.getMetaData().getDatabaseProductVersion(), db.getTransactionIsolation(),
        rows(db, "SELECT DATABASE(), CURRENT_USER(), @@autocommit")));
    types(db);
    transactions(db);
    several(db);
    if (System.getenv("DB_LARGE").equals("1")) large(db);
    errors(db);
    session(db);
    reconnect(db);
  }
}
