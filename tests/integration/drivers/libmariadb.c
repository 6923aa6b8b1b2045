/* The steps of README.md with MariaDB's C client: parameters are bound by their types, results are read as
 * text. */
#include <mysql.h>
#include <mysqld_error.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxColumns = 64, kMaxText = 4096, kLargeBytes = 20 * 1024 * 1024 };

typedef struct {
  char name[64], type[64], kind[16];
  char value[2][256];
} Column;

static Column columns[kMaxColumns];
static unsigned column_count;

/* --- output
 * ------------------------------------------------------------------------------------------------------- */

static void print_text(const char* text, size_t length) {
  putchar('"');
  for (size_t i = 0; i < length; ++i) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') {
      printf("\\%c", c);
    } else if (c < 0x20) {
      printf("\\u%04x", c);
    } else {
      putchar(c);
    }
  }
  putchar('"');
}

static void print_hex(const char* bytes, size_t length) {
  putchar('"');
  for (size_t i = 0; i < length; ++i)
    printf("%02x", (unsigned char)bytes[i]);
  putchar('"');
}

static void print_value(const char* value, size_t length, bool is_bytes) {
  if (value == NULL) {
    printf("null");
  } else if (is_bytes) {
    print_hex(value, length);
  } else {
    print_text(value, length);
  }
}

static void begin_step(const char* name) {
  printf("{\"step\": \"%s\", \"value\": ", name);
}

static void end_step(void) {
  printf("}\n");
  fflush(stdout);
}

static void print_error(unsigned number, const char* sqlstate, const char* text) {
  if (number == 0) {
    printf("null");
    return;
  }
  printf("[%u, \"%s\", ", number, sqlstate);
  print_text(text, strlen(text));
  putchar(']');
}

static void print_error_of(MYSQL* mysql) {
  print_error(mysql_errno(mysql), mysql_sqlstate(mysql), mysql_error(mysql));
}

static void fail(const char* what, const char* error) {
  fflush(stdout);
  fprintf(stderr, "%s: %s\n", what, error);
  exit(1);
}

/* --- the columns
 * -------------------------------------------------------------------------------------------------- */

static const char* setting(const char* name) {
  const char* value = getenv(name);
  if (value == NULL) fail(name, "not in the environment");
  return value;
}

static void next_field(char** rest, char* field, size_t size) {
  const char* text = strsep(rest, "\t\n");
  snprintf(field, size, "%s", text == NULL ? "" : text);
}

static void read_columns(void) {
  FILE* file = fopen(setting("DB_COLUMNS"), "r");
  char line[1024], server[16];
  if (file == NULL) fail("DB_COLUMNS", "cannot be read");
  while (column_count < kMaxColumns && fgets(line, sizeof(line), file) != NULL) {
    Column* column = &columns[column_count++];
    char* rest = line;
    next_field(&rest, column->name, sizeof(column->name));
    next_field(&rest, column->type, sizeof(column->type));
    next_field(&rest, column->kind, sizeof(column->kind));
    next_field(&rest, server, sizeof(server));
    next_field(&rest, column->value[0], sizeof(column->value[0]));
    next_field(&rest, column->value[1], sizeof(column->value[1]));
  }
  fclose(file);
}

static bool is(const Column* column, const char* kind) {
  return strcmp(column->kind, kind) == 0;
}
static bool is_bytes(const Column* column) {
  return is(column, "bytes") || is(column, "bit");
}
static bool starts_with(const char* text, const char* start) {
  return strncmp(text, start, strlen(start)) == 0;
}

/* Column 0 of the table is its id. */
static bool is_bytes_field(unsigned index, bool typed) {
  return typed && index > 0 && is_bytes(&columns[index - 1]);
}

/* --- text protocol
 * ------------------------------------------------------------------------------------------------ */

static void query(MYSQL* mysql, const char* statement) {
  if (mysql_real_query(mysql, statement, strlen(statement)) != 0) fail(statement, mysql_error(mysql));
}

static void print_rows(MYSQL_RES* result, bool typed) {
  MYSQL_ROW row;
  const char* row_separator = "";
  putchar('[');
  while ((row = mysql_fetch_row(result)) != NULL) {
    unsigned long* lengths = mysql_fetch_lengths(result);
    printf("%s[", row_separator);
    row_separator = ", ";
    for (unsigned i = 0; i < mysql_num_fields(result); ++i) {
      printf("%s", i == 0 ? "" : ", ");
      print_value(row[i], lengths[i], is_bytes_field(i, typed));
    }
    putchar(']');
  }
  putchar(']');
}

static void print_fields(MYSQL_RES* result) {
  putchar('[');
  for (unsigned i = 0; i < mysql_num_fields(result); ++i) {
    const MYSQL_FIELD* f = mysql_fetch_field_direct(result, i);
    printf("%s[\"%s\", \"%s\", \"%s\", \"%s\", \"%s\", %d, %u, %u, %lu, %u]", i == 0 ? "" : ", ", f->name,
           f->org_name, f->table, f->org_table, f->db, f->type, f->flags, f->charsetnr, f->length,
           f->decimals);
  }
  putchar(']');
}

/* Runs a statement and prints all of its results: rows, or the number of affected rows. */
static void print_results(MYSQL* mysql, const char* statement) {
  const char* separator = "";
  int more;
  query(mysql, statement);
  putchar('[');
  do {
    MYSQL_RES* result = mysql_store_result(mysql);
    printf("%s", separator);
    separator = ", ";
    if (result != NULL) {
      print_rows(result, false);
      mysql_free_result(result);
    } else if (mysql_field_count(mysql) == 0) {
      printf("%llu", (unsigned long long)mysql_affected_rows(mysql));
    } else {
      fail(statement, mysql_error(mysql));
    }
    more = mysql_next_result(mysql);
    if (more > 0) fail(statement, mysql_error(mysql));
  } while (more == 0);
  putchar(']');
}

static void print_first_rows(MYSQL* mysql, const char* statement) {
  query(mysql, statement);
  MYSQL_RES* result = mysql_store_result(mysql);
  if (result == NULL) fail(statement, mysql_error(mysql));
  print_rows(result, false);
  mysql_free_result(result);
}

/* --- prepared statements
 * ------------------------------------------------------------------------------------------ */

typedef struct {
  MYSQL_BIND bind;
  union {
    signed char tiny;
    short small;
    int number;
    long long big;
    float single;
    double real;
    MYSQL_TIME time;
    char text[256];
  } value;
  unsigned long length;
} Parameter;

static unsigned long unhex(const char* text, char* bytes) {
  unsigned long length = 0;
  for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
    unsigned byte = 0;
    sscanf(text, "%2x", &byte);
    bytes[length++] = (char)byte;
  }
  return length;
}

static void bind_null(Parameter* parameter) {
  memset(parameter, 0, sizeof(*parameter));
  parameter->bind.buffer_type = MYSQL_TYPE_NULL;
}

static void bind_text(Parameter* parameter, const char* text) {
  memset(parameter, 0, sizeof(*parameter));
  parameter->length =
      (unsigned long)snprintf(parameter->value.text, sizeof(parameter->value.text), "%s", text);
  parameter->bind.buffer_type = MYSQL_TYPE_STRING;
  parameter->bind.buffer = parameter->value.text;
  parameter->bind.length = &parameter->length;
}

static void bind_int(Parameter* parameter, int value) {
  memset(parameter, 0, sizeof(*parameter));
  parameter->value.number = value;
  parameter->bind.buffer_type = MYSQL_TYPE_LONG;
  parameter->bind.buffer = &parameter->value;
}

static void bind_time(Parameter* parameter, const Column* column, const char* text) {
  MYSQL_TIME* time = &parameter->value.time;
  char fraction[7] = "000000";
  const char* point = strchr(text, '.');
  if (point != NULL) memcpy(fraction, point + 1, strlen(point + 1));
  time->second_part = strtoul(fraction, NULL, 10);
  if (starts_with(column->type, "TIMESTAMP")) {
    parameter->bind.buffer_type = MYSQL_TYPE_TIMESTAMP;
  } else if (starts_with(column->type, "DATETIME")) {
    parameter->bind.buffer_type = MYSQL_TYPE_DATETIME;
  } else if (is(column, "date")) {
    parameter->bind.buffer_type = MYSQL_TYPE_DATE;
  } else {
    parameter->bind.buffer_type = MYSQL_TYPE_TIME;
    time->time_type = MYSQL_TIMESTAMP_TIME;
    time->neg = text[0] == '-';
    sscanf(text + time->neg, "%u:%u:%u", &time->hour, &time->minute, &time->second);
    time->day = time->hour / 24; /* what is over 255 hours would not be sent */
    time->hour %= 24;
    return;
  }
  time->time_type = is(column, "date") ? MYSQL_TIMESTAMP_DATE : MYSQL_TIMESTAMP_DATETIME;
  sscanf(text, "%u-%u-%u %u:%u:%u", &time->year, &time->month, &time->day, &time->hour, &time->minute,
         &time->second);
}

static void bind_column(Parameter* parameter, const Column* column, const char* text) {
  MYSQL_BIND* bind = &parameter->bind;
  bind_text(parameter, text);
  if (is_bytes(column)) {
    parameter->length = unhex(text, parameter->value.text);
    bind->buffer_type = MYSQL_TYPE_BLOB;
  } else if (is(column, "decimal")) {
    bind->buffer_type = MYSQL_TYPE_NEWDECIMAL;
  } else if (is(column, "number")) {
    long long number = (long long)strtoull(text, NULL, 10);
    memset(parameter, 0, sizeof(*parameter));
    bind->buffer = &parameter->value;
    bind->is_unsigned = strstr(column->type, "UNSIGNED") != NULL;
    if (starts_with(column->type, "FLOAT")) {
      bind->buffer_type = MYSQL_TYPE_FLOAT;
      parameter->value.single = strtof(text, NULL);
    } else if (starts_with(column->type, "DOUBLE")) {
      bind->buffer_type = MYSQL_TYPE_DOUBLE;
      parameter->value.real = strtod(text, NULL);
    } else if (starts_with(column->type, "BIGINT")) {
      bind->buffer_type = MYSQL_TYPE_LONGLONG;
      parameter->value.big = number;
    } else if (starts_with(column->type, "TINYINT")) {
      bind->buffer_type = MYSQL_TYPE_TINY;
      parameter->value.tiny = (signed char)number;
    } else if (starts_with(column->type, "SMALLINT") || is(column, "year")) {
      bind->buffer_type = MYSQL_TYPE_SHORT;
      parameter->value.small = (short)number;
    } else {
      bind->buffer_type = MYSQL_TYPE_LONG;
      parameter->value.number = (int)number;
    }
  } else if (starts_with(column->kind, "date") || starts_with(column->kind, "time")) {
    memset(parameter, 0, sizeof(*parameter));
    bind->buffer = &parameter->value;
    bind_time(parameter, column, text);
  }
}

static MYSQL_STMT* prepare(MYSQL* mysql, const char* statement) {
  MYSQL_STMT* prepared = mysql_stmt_init(mysql);
  if (mysql_stmt_prepare(prepared, statement, strlen(statement)) != 0)
    fail(statement, mysql_stmt_error(prepared));
  return prepared;
}

/* False if the server has answered with an error. */
static bool try_execute(MYSQL_STMT* prepared, const Parameter* parameters, unsigned count) {
  static MYSQL_BIND binds[kMaxColumns + 1];
  for (unsigned i = 0; i < count; ++i) {
    binds[i] = parameters[i].bind;
    if (binds[i].buffer != NULL) binds[i].buffer = (void*)&parameters[i].value;
    if (binds[i].length != NULL) binds[i].length = (unsigned long*)&parameters[i].length;
  }
  if (count > 0 && mysql_stmt_bind_param(prepared, binds) != 0) fail("bind", mysql_stmt_error(prepared));
  return mysql_stmt_execute(prepared) == 0;
}

static void execute(MYSQL_STMT* prepared, const Parameter* parameters, unsigned count) {
  if (!try_execute(prepared, parameters, count)) fail("execute", mysql_stmt_error(prepared));
}

/* The rows of the statement's current result, all columns converted to text by the client. */
static void print_prepared_rows(MYSQL_STMT* prepared, bool typed) {
  static char buffers[kMaxColumns + 1][kMaxText];
  static unsigned long lengths[kMaxColumns + 1];
  static my_bool nulls[kMaxColumns + 1];
  static MYSQL_BIND binds[kMaxColumns + 1];
  unsigned count = mysql_stmt_field_count(prepared);
  const char* row_separator = "";
  int status;
  memset(binds, 0, sizeof(binds));
  for (unsigned i = 0; i < count; ++i) {
    binds[i].buffer_type = is_bytes_field(i, typed) ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
    binds[i].buffer = buffers[i];
    binds[i].buffer_length = kMaxText;
    binds[i].length = &lengths[i];
    binds[i].is_null = &nulls[i];
  }
  if (mysql_stmt_bind_result(prepared, binds) != 0) fail("bind result", mysql_stmt_error(prepared));
  putchar('[');
  while ((status = mysql_stmt_fetch(prepared)) == 0) {
    printf("%s[", row_separator);
    row_separator = ", ";
    for (unsigned i = 0; i < count; ++i) {
      printf("%s", i == 0 ? "" : ", ");
      print_value(nulls[i] ? NULL : buffers[i], lengths[i], is_bytes_field(i, typed));
    }
    putchar(']');
  }
  if (status != MYSQL_NO_DATA) fail("fetch", mysql_stmt_error(prepared));
  mysql_stmt_free_result(prepared);
  putchar(']');
}

static void print_statement_error(MYSQL_STMT* prepared) {
  print_error(mysql_stmt_errno(prepared), mysql_stmt_sqlstate(prepared), mysql_stmt_error(prepared));
}

/* --- steps
 * -------------------------------------------------------------------------------------------------------- */

static MYSQL* new_handle(void) {
  MYSQL* mysql = mysql_init(NULL);
  my_bool yes = 1, no = 0;
  unsigned long largest = 64UL << 20;
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &largest);
  mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, setting("DB_TLS")[0] == '1' ? &yes : &no);
  mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
  return mysql;
}

static bool login(MYSQL* mysql, const char* password, const char* schema) {
  return mysql_real_connect(mysql, "127.0.0.1", setting("DB_USER"), password, schema,
                            (unsigned)atoi(setting("DB_PORT")), NULL, CLIENT_MULTI_STATEMENTS) != NULL;
}

static void refused_logins(void) {
  const struct {
    const char *step, *password, *schema;
  } logins[] = {{"login.denied", "wrong", setting("DB_NAME")},
                {"login.schema", setting("DB_PASSWORD"), "missing"}};
  for (int i = 0; i < 2; ++i) {
    MYSQL* mysql = new_handle();
    login(mysql, logins[i].password, logins[i].schema);
    begin_step(logins[i].step);
    print_error_of(mysql);
    end_step();
    mysql_close(mysql);
  }
}

static void create_types(MYSQL* mysql, const char* table) {
  static char statement[16384];
  snprintf(statement, sizeof(statement), "DROP TABLE IF EXISTS %s", table);
  query(mysql, statement);
  size_t length = (size_t)sprintf(statement, "CREATE TABLE %s (id INT PRIMARY KEY", table);
  for (unsigned i = 0; i < column_count; ++i)
    length += (size_t)sprintf(statement + length, ", %s %s", columns[i].name, columns[i].type);
  sprintf(statement + length, ") DEFAULT CHARSET utf8mb4");
  query(mysql, statement);
}

static void text_types(MYSQL* mysql, const char* table) {
  static char statement[16384];
  begin_step("text.insert");
  for (int row = 0; row < 3; ++row) {
    size_t length =
        (size_t)sprintf(statement, "INSERT INTO %s%s VALUES (%d", table, row == 2 ? " (id)" : "", row + 1);
    for (unsigned i = 0; row < 2 && i < column_count; ++i) {
      const char* format = is_bytes(&columns[i])                                     ? ", x'%s'"
                           : is(&columns[i], "number") || is(&columns[i], "decimal") ? ", %s"
                                                                                     : ", '%s'";
      length += (size_t)sprintf(statement + length, format, columns[i].value[row]);
    }
    sprintf(statement + length, ")");
    query(mysql, statement);
    printf("%s%llu", row == 0 ? "[" : ", ", (unsigned long long)mysql_affected_rows(mysql));
  }
  printf("]");
  end_step();
  sprintf(statement, "SELECT * FROM %s ORDER BY id", table);
  query(mysql, statement);
  MYSQL_RES* result = mysql_store_result(mysql);
  begin_step("text.select");
  print_rows(result, true);
  end_step();
  begin_step("text.columns");
  print_fields(result);
  end_step();
  mysql_free_result(result);
}

static void prepared_types(MYSQL* mysql, const char* table) {
  static char statement[16384];
  static Parameter parameters[kMaxColumns + 1];
  size_t length = (size_t)sprintf(statement, "INSERT INTO %s VALUES (?", table);
  for (unsigned i = 0; i < column_count; ++i)
    length += (size_t)sprintf(statement + length, ", ?");
  sprintf(statement + length, ")");
  MYSQL_STMT* insert = prepare(mysql, statement);
  begin_step("prepared.insert");
  for (int row = 0; row < 3; ++row) {
    bind_int(&parameters[0], 11 + row);
    for (unsigned i = 0; i < column_count; ++i) {
      if (row == 2) {
        bind_null(&parameters[i + 1]);
      } else {
        bind_column(&parameters[i + 1], &columns[i], columns[i].value[row]);
      }
    }
    execute(insert, parameters, column_count + 1);
    printf("%s%llu", row == 0 ? "[" : ", ", (unsigned long long)mysql_stmt_affected_rows(insert));
  }
  printf("]");
  end_step();

  sprintf(statement, "SELECT * FROM %s WHERE id > ? ORDER BY id", table);
  MYSQL_STMT* select = prepare(mysql, statement);
  begin_step("prepared.columns");
  MYSQL_RES* metadata = mysql_stmt_result_metadata(select);
  print_fields(metadata);
  mysql_free_result(metadata);
  end_step();
  bind_int(parameters, 10);
  execute(select, parameters, 1);
  begin_step("prepared.select");
  print_prepared_rows(select, true);
  end_step();

  MYSQL_STMT* joined = prepare(mysql, "SELECT CONCAT(?, '-', ?)");
  sprintf(statement, "UPDATE %s SET c_int = 5 WHERE id = 13", table);
  query(mysql, statement);
  sprintf(statement, "SELECT id, c_int FROM %s WHERE id > ?", table);
  MYSQL_STMT* again = prepare(mysql, statement);
  bind_text(parameters, "12"); /* a text now where an integer was */
  execute(select, parameters, 1);
  mysql_stmt_free_result(select);
  execute(again, parameters, 1);
  begin_step("prepared.again");
  print_prepared_rows(again, false);
  end_step();
  bind_text(&parameters[0], "é");
  bind_text(&parameters[1], "b");
  execute(joined, parameters, 2);
  begin_step("prepared.two");
  print_prepared_rows(joined, false);
  end_step();

  MYSQL_STMT* refused = mysql_stmt_init(mysql);
  const char* missing = "SELECT * FROM missing WHERE id = ?";
  begin_step("prepared.error");
  mysql_stmt_prepare(refused, missing, strlen(missing));
  printf("[");
  print_statement_error(refused);
  printf(", ");
  bind_int(&parameters[0], 11);
  for (unsigned i = 0; i < column_count; ++i)
    bind_null(&parameters[i + 1]);
  try_execute(insert, parameters, column_count + 1);
  print_statement_error(insert);
  printf("]");
  end_step();

  /* Three rows, fetched two at a time: the server keeps the cursor open. */
  unsigned long type = CURSOR_TYPE_READ_ONLY, rows = 2;
  mysql_stmt_attr_set(again, STMT_ATTR_CURSOR_TYPE, &type);
  mysql_stmt_attr_set(again, STMT_ATTR_PREFETCH_ROWS, &rows);
  bind_int(parameters, 10);
  execute(again, parameters, 1);
  begin_step("cursor");
  print_prepared_rows(again, false);
  end_step();
  /* mysql_stmt_reset closes the cursor; the statement lives. */
  execute(again, parameters, 1);
  mysql_stmt_reset(again);
  bind_int(parameters, 12);
  execute(again, parameters, 1);
  begin_step("cursor.reset");
  print_prepared_rows(again, false);
  end_step();

  MYSQL_STMT* all[] = {insert, select, joined, again, refused};
  for (int i = 0; i < 5; ++i)
    mysql_stmt_close(all[i]);
}

/* All values of a parameter in one execution, where the server can do that; the number of rows. */
static void bulk(MYSQL* mysql, const char* names) {
  static char statement[1024];
  int numbers[] = {101, 102, 103};
  char* texts[] = {"x", "y", "z"};
  unsigned long lengths[] = {1, 1, 1};
  char indicators[] = {STMT_INDICATOR_NONE, STMT_INDICATOR_NULL, STMT_INDICATOR_NONE};
  unsigned array_size = 3;
  MYSQL_BIND binds[2];
  sprintf(statement, "INSERT INTO %s VALUES (?, ?)", names);
  MYSQL_STMT* insert = prepare(mysql, statement);
  memset(binds, 0, sizeof(binds));
  binds[0].buffer_type = MYSQL_TYPE_LONG;
  binds[0].buffer = numbers;
  binds[1].buffer_type = MYSQL_TYPE_STRING;
  binds[1].buffer = texts;
  binds[1].length = lengths;
  binds[1].u.indicator = indicators;
  mysql_stmt_attr_set(insert, STMT_ATTR_ARRAY_SIZE, &array_size);
  mysql_stmt_bind_param(insert, binds);
  mysql_stmt_execute(insert);
  begin_step("bulk");
  printf("[");
  print_statement_error(insert);
  printf(", %lld, ", (long long)mysql_stmt_affected_rows(insert));
  sprintf(statement, "SELECT id, name FROM %s WHERE id > 100 ORDER BY id", names);
  print_first_rows(mysql, statement);
  printf("]");
  end_step();
  mysql_stmt_close(insert);
}

static void transactions(MYSQL* mysql, const char* names) {
  static char statement[1024], count[1024];
  sprintf(count, "SELECT COUNT(*) FROM %s", names);
  sprintf(statement, "DROP TABLE IF EXISTS %s", names);
  query(mysql, statement);
  sprintf(
      statement,
      "CREATE TABLE %s (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4",
      names);
  query(mysql, statement);
  begin_step("transaction");
  mysql_autocommit(mysql, 0);
  sprintf(statement, "INSERT INTO %s (name) VALUES ('a'), ('b')", names);
  query(mysql, statement);
  printf("[");
  print_first_rows(mysql, count);
  mysql_rollback(mysql);
  printf(", ");
  print_first_rows(mysql, count);
  sprintf(statement, "INSERT INTO %s (id, name) VALUES (10, 'c')", names);
  query(mysql, statement);
  mysql_commit(mysql);
  mysql_autocommit(mysql, 1);
  printf(", ");
  print_first_rows(mysql, count);
  printf("]");
  end_step();

  sprintf(statement, "INSERT INTO %s (name) VALUES ('d')", names);
  query(mysql, statement);
  begin_step("insert_id");
  printf("[%llu, ", (unsigned long long)mysql_insert_id(mysql));
  print_first_rows(mysql, "SELECT LAST_INSERT_ID()");
  printf("]");
  end_step();
  sprintf(statement, "UPDATE %s SET name = CONCAT(name, name) WHERE id >= 10", names);
  query(mysql, statement);
  begin_step("update");
  printf("[%llu, \"%s\"]", (unsigned long long)mysql_affected_rows(mysql), mysql_info(mysql));
  end_step();
}

static void several(MYSQL* mysql, const char* names) {
  static char statement[2048];
  sprintf(statement, "SELECT 1 AS a; INSERT INTO %s (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c", names);
  begin_step("multi");
  print_results(mysql, statement);
  end_step();
  sprintf(statement, "DROP PROCEDURE IF EXISTS %s_p", names);
  query(mysql, statement);
  sprintf(statement,
          "CREATE PROCEDURE %s_p(IN n INT, OUT doubled INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, "
          "'x' AS name; "
          "INSERT INTO %s (name) VALUES (CONCAT('from procedure ', n)); SET doubled = 2 * n; END",
          names, names);
  query(mysql, statement);
  sprintf(statement, "CALL %s_p(5, @doubled)", names);
  begin_step("call");
  print_results(mysql, statement);
  end_step();

  Parameter parameters[2];
  sprintf(statement, "CALL %s_p(?, ?)", names);
  MYSQL_STMT* call = prepare(mysql, statement);
  bind_int(&parameters[0], 6);
  bind_int(&parameters[1], 0);
  execute(call, parameters, 2);
  begin_step("call.prepared"); /* the third result is the OUT parameter */
  const char* separator = "[";
  do {
    if (mysql_stmt_field_count(call) == 0) continue;
    printf("%s", separator);
    print_prepared_rows(call, false);
    separator = ", ";
  } while (mysql_stmt_next_result(call) == 0);
  printf("]");
  end_step();
  mysql_stmt_close(call);

  query(mysql,
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n");
  MYSQL_RES* stream = mysql_use_result(mysql);
  MYSQL_ROW row;
  long sum = 0;
  while ((row = mysql_fetch_row(stream)) != NULL)
    sum += atol(row[0]);
  mysql_free_result(stream);
  begin_step("stream");
  printf("[\"%ld\", ", sum);
  print_first_rows(mysql, "SELECT 'next'");
  printf("]");
  end_step();
}

/* Sent in pieces of 1 MiB (mysql_stmt_send_long_data), read as text and as a prepared statement's result. */
static void large(MYSQL* mysql, const char* table) {
  static char statement[1024];
  static const char pattern[] = "abcdefghijklmnopqrstuvwxyz012345";
  enum { kPieceBytes = 1 << 20 };
  char* value = malloc(kLargeBytes);
  for (size_t i = 0; i < kLargeBytes; ++i)
    value[i] = pattern[i % 32];
  sprintf(statement, "DROP TABLE IF EXISTS %s", table);
  query(mysql, statement);
  sprintf(statement, "CREATE TABLE %s (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4", table);
  query(mysql, statement);
  sprintf(statement, "INSERT INTO %s VALUES (1, ?)", table);
  MYSQL_STMT* insert = prepare(mysql, statement);
  MYSQL_BIND bind;
  memset(&bind, 0, sizeof(bind));
  bind.buffer_type = MYSQL_TYPE_STRING;
  mysql_stmt_bind_param(insert, &bind);
  for (size_t at = 0; at < kLargeBytes; at += kPieceBytes)
    mysql_stmt_send_long_data(insert, 0, value + at, kPieceBytes);
  if (mysql_stmt_execute(insert) != 0) fail("long data", mysql_stmt_error(insert));
  mysql_stmt_close(insert);

  begin_step("large");
  printf("[");
  sprintf(statement, "SELECT LENGTH(value), CRC32(value) FROM %s", table);
  print_first_rows(mysql, statement);
  sprintf(statement, "SELECT value FROM %s", table);
  query(mysql, statement);
  MYSQL_RES* result = mysql_store_result(mysql);
  if (result == NULL) fail("large", mysql_error(mysql));
  MYSQL_ROW row = mysql_fetch_row(result);
  unsigned long length = mysql_fetch_lengths(result)[0];
  printf(", %s", length == kLargeBytes && memcmp(row[0], value, length) == 0 ? "true" : "false");
  mysql_free_result(result);

  MYSQL_STMT* select = prepare(mysql, statement);
  execute(select, NULL, 0);
  char* received = calloc(1, kLargeBytes);
  bind.buffer = received;
  bind.buffer_length = kLargeBytes;
  bind.length = &length;
  mysql_stmt_bind_result(select, &bind);
  if (mysql_stmt_fetch(select) != 0) fail("large", mysql_stmt_error(select));
  printf(", %s]", length == kLargeBytes && memcmp(received, value, length) == 0 ? "true" : "false");
  end_step();
  mysql_stmt_close(select);
  free(received);
  free(value);
}

static void error_step(MYSQL* mysql, const char* step, const char* statement) {
  mysql_real_query(mysql, statement, strlen(statement));
  begin_step(step);
  print_error_of(mysql);
  end_step();
}

static void errors(MYSQL* mysql, const char* table) {
  static char statement[1024];
  error_step(mysql, "error.syntax", "SELEC 1");
  sprintf(statement, "INSERT INTO %s (id) VALUES (1)", table);
  error_step(mysql, "error.duplicate", statement);
  error_step(mysql, "error.table", "SELECT * FROM missing");
  query(mysql, "SELECT 1; SELEC 2");
  mysql_free_result(mysql_store_result(mysql));
  mysql_next_result(mysql);
  begin_step("error.multi");
  print_error_of(mysql);
  end_step();
  begin_step("error.after");
  print_first_rows(mysql, "SELECT 'still here'");
  end_step();
  begin_step("warnings");
  printf("[");
  print_first_rows(mysql, "SELECT CAST('12abc' AS SIGNED)");
  printf(", %u, ", mysql_warning_count(mysql));
  print_first_rows(mysql, "SHOW WARNINGS");
  printf("]");
  end_step();

  static const char text[] = "O'Re\\il\"ly\0é漢😀\n%_";
  char quoted[2 * sizeof(text)];
  mysql_real_escape_string(mysql, quoted, text, sizeof(text) - 1);
  sprintf(statement, "SELECT '%s'", quoted);
  query(mysql, statement);
  MYSQL_RES* result = mysql_store_result(mysql);
  MYSQL_ROW row = mysql_fetch_row(result);
  begin_step("quoting");
  bool same =
      mysql_fetch_lengths(result)[0] == sizeof(text) - 1 && memcmp(row[0], text, sizeof(text) - 1) == 0;
  printf("%s", same ? "true" : "false");
  end_step();
  mysql_free_result(result);
}

static void list_fields(MYSQL* mysql, const char* names) {
  begin_step("list_fields");
  MYSQL_RES* result = mysql_list_fields(mysql, names, "%");
  if (result == NULL) {
    print_error_of(mysql);
  } else {
    print_fields(result);
    mysql_free_result(result);
  }
  end_step();
}

static void session(MYSQL* mysql) {
  static const char state[] =
      "SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode";
  static const char schema[] = "SELECT DATABASE(), @a";
  query(mysql, "SET @a = 5, sql_mode = 'ANSI_QUOTES'");
  begin_step("session");
  print_first_rows(mysql, state);
  end_step();
  begin_step("schema");
  printf("[");
  mysql_select_db(mysql, "information_schema");
  print_first_rows(mysql, schema);
  mysql_select_db(mysql, setting("DB_NAME"));
  printf(", ");
  print_first_rows(mysql, schema);
  printf("]");
  end_step();
  begin_step("ping");
  printf("[%d, %d]", mysql_ping(mysql), starts_with(mysql_stat(mysql), "Uptime: "));
  end_step();
  mysql_set_server_option(mysql, MYSQL_OPTION_MULTI_STATEMENTS_OFF);
  error_step(mysql, "multi.off", "SELECT 1; SELECT 2");
  mysql_set_server_option(mysql, MYSQL_OPTION_MULTI_STATEMENTS_ON);
  begin_step("multi.on");
  print_results(mysql, "SELECT 1; SELECT 2");
  end_step();
  begin_step("reset");
  printf("[%d, ", mysql_reset_connection(mysql));
  print_first_rows(mysql, schema);
  printf("]");
  end_step();
  query(mysql, "SET @a = 5");
  begin_step("change_user");
  printf("[%d, ", mysql_change_user(mysql, setting("DB_USER"), "wrong", setting("DB_NAME")));
  print_error_of(mysql);
  printf("]");
  end_step();
}

static void change_user(MYSQL* mysql) {
  begin_step("change_user.again");
  query(mysql, "SET @a = 5");
  printf("[%d, ", mysql_change_user(mysql, setting("DB_USER"), setting("DB_PASSWORD"), setting("DB_NAME")));
  print_first_rows(mysql, "SELECT DATABASE(), CURRENT_USER(), @a, @@character_set_client");
  printf("]");
  end_step();
}

static void reconnect(MYSQL* mysql) {
  char statement[64];
  my_bool yes = 1;
  query(mysql, "SET @a = 5");
  sprintf(statement, "KILL %lu", mysql_thread_id(mysql));
  error_step(mysql, "kill", statement);
  begin_step("lost");
  printf("%s", mysql_real_query(mysql, "SELECT 1", 8) != 0 ? "true" : "false");
  end_step();
  mysql_options(mysql, MYSQL_OPT_RECONNECT, &yes);
  begin_step("reconnect");
  printf("[%d, ", mysql_ping(mysql));
  print_first_rows(mysql, "SELECT DATABASE(), @a");
  printf("]");
  end_step();
}

static MYSQL* connected(void) {
  MYSQL* mysql = new_handle();
  if (!login(mysql, setting("DB_PASSWORD"), setting("DB_NAME"))) fail("connect", mysql_error(mysql));
  return mysql;
}

int main(void) {
  char names[128], large_table[128];
  const char* table = setting("DB_TABLE");
  snprintf(names, sizeof(names), "%s_n", table);
  snprintf(large_table, sizeof(large_table), "%s_l", table);
  read_columns();
  refused_logins();
  MYSQL* mysql = connected();
  begin_step("connect");
  printf("[\"%s\", %s, ", mysql_get_server_info(mysql),
         mysql_get_ssl_cipher(mysql) != NULL ? "true" : "false");
  print_first_rows(mysql, "SELECT DATABASE(), CURRENT_USER(), @@autocommit");
  printf("]");
  end_step();
  query(mysql, "SET time_zone = '+00:00'");
  create_types(mysql, table);
  text_types(mysql, table);
  prepared_types(mysql, table);
  transactions(mysql, names);
  bulk(mysql, names);
  several(mysql, names);
  list_fields(mysql, names);
  if (setting("DB_LARGE")[0] == '1') large(mysql, large_table);
  errors(mysql, table);
  session(mysql);
  mysql_close(mysql);
  mysql = connected();
  change_user(mysql);
  reconnect(mysql);
  mysql_close(mysql);
  return 0;
}
