// The steps of README.md with database/sql and go-sql-driver/mysql.
package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io/ioutil"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

type column struct{ name, definition, kind, typical, extreme string }

var (
	ctx     = context.Background()
	columns []column
)

func step(name string, value interface{}) {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(map[string]interface{}{"step": name, "value": value}))
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func readColumns() {
	text, err := ioutil.ReadFile(os.Getenv("DB_COLUMNS"))
	check(err)
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		columns = append(columns, column{fields[0], fields[1], fields[2], fields[4], fields[5]})
	}
}

func (c column) isBytes() bool { return c.kind == "bytes" || c.kind == "bit" }

func (c column) literal(text string) string {
	switch {
	case c.isBytes():
		return "x'" + text + "'"
	case c.kind == "number" || c.kind == "decimal":
		return text
	}
	return "'" + text + "'"
}

func (c column) parameter(text string) interface{} {
	if c.kind == "bit" {
		number, err := strconv.ParseInt(text, 16, 64) // bytes are sent as text, and MySQL converts that for a BIT
		check(err)
		return number
	}
	if c.isBytes() {
		bytes, err := hex.DecodeString(text)
		check(err)
		return bytes
	}
	if c.kind == "number" {
		if number, err := strconv.ParseInt(text, 10, 64); err == nil {
			return number
		}
		if number, err := strconv.ParseUint(text, 10, 64); err == nil {
			return number
		}
		number, err := strconv.ParseFloat(text, 64)
		check(err)
		return number
	}
	return text
}

// open gives a pool of one connection.
func open(password, schema string, interpolate bool) *sql.DB {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = os.Getenv("DB_USER"), password, schema
	config.Net, config.Addr = "tcp", "127.0.0.1:"+os.Getenv("DB_PORT")
	config.MultiStatements = true
	config.InterpolateParams = interpolate
	config.Params = map[string]string{"time_zone": "'+00:00'", "charset": "utf8mb4"}
	config.MaxAllowedPacket = 64 << 20
	if os.Getenv("DB_TLS") == "1" {
		config.TLSConfig = "skip-verify"
	}
	db, err := sql.Open("mysql", config.FormatDSN())
	check(err)
	db.SetMaxOpenConns(1)
	return db
}

func errorOf(err error) interface{} {
	if failure, ok := err.(*mysql.MySQLError); ok {
		return []interface{}{failure.Number, failure.Message}
	}
	if err != nil {
		return err.Error()
	}
	return nil
}

// readRows reads the current result; typed says that its columns are the id and those of the file.
func readRows(rows *sql.Rows, typed bool) [][]interface{} {
	names, err := rows.Columns()
	check(err)
	result := [][]interface{}{}
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		targets := make([]interface{}, len(names))
		for i := range values {
			targets[i] = &values[i]
		}
		check(rows.Scan(targets...))
		texts := make([]interface{}, len(names))
		for i, value := range values {
			if !value.Valid {
				continue
			}
			texts[i] = value.String
			if typed && i > 0 && columns[i-1].isBytes() {
				texts[i] = hex.EncodeToString([]byte(value.String))
			}
		}
		result = append(result, texts)
	}
	check(rows.Err())
	return result
}

func closeAll(rows *sql.Rows) { check(rows.Close()) }

type querier interface {
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
	ExecContext(context.Context, string, ...interface{}) (sql.Result, error)
}

// query gives the rows of all results; results without rows are not shown by this driver.
func query(db querier, statement string, arguments ...interface{}) [][][]interface{} {
	rows, err := db.QueryContext(ctx, statement, arguments...)
	check(err)
	defer closeAll(rows)
	results := [][][]interface{}{readRows(rows, false)}
	for rows.NextResultSet() {
		results = append(results, readRows(rows, false))
	}
	check(rows.Err())
	return results
}

func one(db querier, statement string, arguments ...interface{}) interface{} {
	return query(db, statement, arguments...)[0][0][0]
}

func exec(db querier, statement string, arguments ...interface{}) int64 {
	result, err := db.ExecContext(ctx, statement, arguments...)
	check(err)
	affected, err := result.RowsAffected()
	check(err)
	return affected
}

func failure(db querier, statement string, arguments ...interface{}) interface{} {
	rows, err := db.QueryContext(ctx, statement, arguments...)
	if err == nil {
		for rows.Next() {
		}
		for rows.NextResultSet() {
		}
		err = rows.Err()
		rows.Close()
	}
	return errorOf(err)
}

func describe(rows *sql.Rows) interface{} {
	types, err := rows.ColumnTypes()
	check(err)
	described := [][]interface{}{}
	for _, t := range types {
		nullable, _ := t.Nullable()
		precision, scale, _ := t.DecimalSize()
		described = append(described, []interface{}{t.Name(), t.DatabaseTypeName(), t.ScanType().String(), nullable, precision, scale})
	}
	return described
}

func types(db *sql.DB, table string) {
	definitions, marks := "", ""
	for _, c := range columns {
		definitions += ", " + c.name + " " + c.definition
		marks += ", ?"
	}
	exec(db, "DROP TABLE IF EXISTS "+table)
	exec(db, "CREATE TABLE "+table+" (id INT PRIMARY KEY"+definitions+") DEFAULT CHARSET utf8mb4")
	typical, extreme := "", ""
	for _, c := range columns {
		typical += ", " + c.literal(c.typical)
		extreme += ", " + c.literal(c.extreme)
	}
	step("text.insert", []int64{
		exec(db, "INSERT INTO "+table+" VALUES (1"+typical+")"),
		exec(db, "INSERT INTO "+table+" VALUES (2"+extreme+")"),
		exec(db, "INSERT INTO "+table+" (id) VALUES (3)")})
	rows, err := db.Query("SELECT * FROM " + table + " ORDER BY id")
	check(err)
	described := describe(rows)
	step("text.select", readRows(rows, true))
	closeAll(rows)
	step("text.columns", described)

	insert, err := db.Prepare("INSERT INTO " + table + " VALUES (?" + marks + ")")
	check(err)
	first, second, third := []interface{}{11}, []interface{}{12}, []interface{}{13}
	for _, c := range columns {
		first = append(first, c.parameter(c.typical))
		second = append(second, c.parameter(c.extreme))
		third = append(third, nil)
	}
	affected := []int64{}
	for _, arguments := range [][]interface{}{first, second, third} {
		result, err := insert.Exec(arguments...)
		check(err)
		count, err := result.RowsAffected()
		check(err)
		affected = append(affected, count)
	}
	step("prepared.insert", affected)
	selected, err := db.Prepare("SELECT * FROM " + table + " WHERE id > ? ORDER BY id")
	check(err)
	rows, err = selected.Query(10)
	check(err)
	described = describe(rows)
	step("prepared.select", readRows(rows, true))
	closeAll(rows)
	step("prepared.columns", described)
	joined, err := db.Prepare("SELECT CONCAT(?, '-', ?)")
	check(err)
	exec(db, "UPDATE "+table+" SET c_int = 5 WHERE id = 13")
	rows, err = selected.Query("12") // a text now where an integer was
	check(err)
	again := readRows(rows, true)
	closeAll(rows)
	for i, c := range columns {
		if c.name == "c_int" {
			step("prepared.again", [][]interface{}{{again[0][0], again[0][i+1]}})
		}
	}
	rows, err = joined.Query("é", "b")
	check(err)
	step("prepared.two", readRows(rows, false))
	closeAll(rows)
	_, missing := db.Prepare("SELECT * FROM missing WHERE id = ?")
	third[0] = 11
	_, duplicate := insert.Exec(third...)
	step("prepared.error", []interface{}{errorOf(missing), errorOf(duplicate)})
	for _, statement := range []*sql.Stmt{insert, selected, joined} {
		check(statement.Close())
	}
}

func transactions(db *sql.DB, names string) {
	exec(db, "DROP TABLE IF EXISTS "+names)
	exec(db, "CREATE TABLE "+names+" (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4")
	count := "SELECT COUNT(*) FROM " + names
	counts := []interface{}{}
	transaction, err := db.Begin()
	check(err)
	exec(transaction, "INSERT INTO "+names+" (name) VALUES (?), (?)", "a", "b")
	counts = append(counts, one(transaction, count))
	check(transaction.Rollback())
	counts = append(counts, one(db, count))
	transaction, err = db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	check(err)
	exec(transaction, "INSERT INTO "+names+" (id, name) VALUES (?, ?)", 10, "c")
	check(transaction.Commit())
	step("transaction", append(counts, one(db, count)))
	transaction, err = db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	check(err)
	seen := one(transaction, count+" WHERE id >= ?", 10)
	refused := failure(transaction, "DELETE FROM "+names)
	check(transaction.Commit())
	step("transaction.read_only", []interface{}{seen, refused})

	result, err := db.Exec("INSERT INTO "+names+" (name) VALUES (?)", "d")
	check(err)
	id, err := result.LastInsertId()
	check(err)
	step("insert_id", []interface{}{id, one(db, "SELECT LAST_INSERT_ID()")})
	step("update", exec(db, "UPDATE "+names+" SET name = CONCAT(name, name) WHERE id >= ?", 10))
}

func several(db *sql.DB, names string) {
	step("multi", query(db, "SELECT 1 AS a; INSERT INTO "+names+" (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"))
	exec(db, "DROP PROCEDURE IF EXISTS "+names+"_p")
	exec(db, "CREATE PROCEDURE "+names+"_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; "+
		"INSERT INTO "+names+" (name) VALUES (CONCAT('from procedure ', n)); END")
	step("call", query(db, "CALL "+names+"_p(5)"))
	step("call.prepared", query(db, "CALL "+names+"_p(?)", 6))
	rows, err := db.Query("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n", 1000)
	check(err)
	sum := 0
	for rows.Next() {
		i := 0
		check(rows.Scan(&i))
		sum += i
	}
	closeAll(rows)
	step("stream", []interface{}{strconv.Itoa(sum), one(db, "SELECT 'next'")})
}

func large(db *sql.DB, table string) {
	value := strings.Repeat("abcdefghijklmnopqrstuvwxyz012345", 20*1024*1024/32)
	exec(db, "DROP TABLE IF EXISTS "+table)
	exec(db, "CREATE TABLE "+table+" (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4")
	exec(db, "INSERT INTO "+table+" VALUES (1, ?)", value)
	stored := query(db, "SELECT LENGTH(value), CRC32(value) FROM "+table)[0]
	same := func(received interface{}) bool {
		return crc32.ChecksumIEEE([]byte(received.(string))) == crc32.ChecksumIEEE([]byte(value))
	}
	step("large", []interface{}{stored, same(one(db, "SELECT value FROM "+table)),
		same(one(db, "SELECT value FROM "+table+" WHERE id = ?", 1))})
}

func errors(db *sql.DB, table string) {
	step("error.syntax", failure(db, "SELEC 1"))
	step("error.duplicate", failure(db, "INSERT INTO "+table+" (id) VALUES (1)"))
	step("error.table", failure(db, "SELECT * FROM missing"))
	_, err := db.Exec("SELECT 1; SELEC 2") // this driver's Query would wait for ever after such an error
	step("error.multi", errorOf(err))
	step("error.after", query(db, "SELECT 'still here'")[0])
	step("warnings", []interface{}{query(db, "SELECT CAST('12abc' AS SIGNED)")[0], query(db, "SHOW WARNINGS")[0]})
	interpolating := open(os.Getenv("DB_PASSWORD"), os.Getenv("DB_NAME"), true)
	text := "O'Re\\il\"ly\000é漢😀\n%_"
	step("quoting", one(interpolating, "SELECT ?", text) == text)
	check(interpolating.Close())
}

func session(db *sql.DB) {
	exec(db, "SET @a = 5, sql_mode = 'ANSI_QUOTES'")
	state := "SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode"
	step("session", query(db, state)[0])
	step("ping", db.Ping() == nil)
}

func reconnect(db *sql.DB) {
	id, err := strconv.Atoi(one(db, "SELECT CONNECTION_ID()").(string))
	check(err)
	step("kill", failure(db, fmt.Sprintf("KILL %d", id)))
	for attempt := 0; db.Ping() != nil && attempt < 5; attempt++ {
	}
	step("reconnect", query(db, "SELECT DATABASE(), @a")[0])
}

func main() {
	check(mysql.SetLogger(log.New(ioutil.Discard, "", 0))) // the lost connection is meant
	readColumns()
	denied := open("wrong", os.Getenv("DB_NAME"), false)
	step("login.denied", errorOf(denied.Ping()))
	missing := open(os.Getenv("DB_PASSWORD"), "missing", false)
	step("login.schema", errorOf(missing.Ping()))
	db := open(os.Getenv("DB_PASSWORD"), os.Getenv("DB_NAME"), false)
	step("connect", query(db, "SELECT DATABASE(), CURRENT_USER(), @@autocommit")[0])
	table := os.Getenv("DB_TABLE")
	types(db, table)
	transactions(db, table+"_n")
	several(db, table+"_n")
	if os.Getenv("DB_LARGE") == "1" {
		large(db, table+"_l")
	}
	errors(db, table)
	session(db)
	reconnect(db)
	check(db.Close())
}
