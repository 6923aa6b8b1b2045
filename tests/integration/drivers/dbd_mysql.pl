# The steps of README.md with Perl's DBI and DBD::mysql, server-side prepared statements on and off.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::mysql;
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my ($port, $user, $password, $schema, $table) = @ENV{qw(DB_PORT DB_USER DB_PASSWORD DB_NAME DB_TABLE)};
$| = 1;

open(my $file, '<:encoding(UTF-8)', $ENV{DB_COLUMNS}) or die $!;
my @columns = map { chomp; my @f = split(/\t/, $_, -1); { name => $f[0], type => $f[1], kind => $f[2], values => [@f[4, 5]] } } <$file>;
close($file);

sub step { my ($name, $value) = @_; print $json->encode({step => $name, value => $value}), "\n" }

sub is_bytes { $_[0]{kind} =~ /^(bytes|bit)$/ }

sub connected {
    my (%changes) = @_;
    my $database = $changes{schema} // $schema;
    my $source = "DBI:mysql:database=$database;host=127.0.0.1;port=$port;mysql_multi_statements=1";
    # This build knows no enforced TLS: it is the account that demands it.
    $source .= ';mysql_ssl=1;mysql_ssl_optional=1;mysql_ssl_cipher=ALL' if $ENV{DB_TLS};
    my %attributes = (RaiseError => 0, PrintError => 0, mysql_enable_utf8mb4 => 1, mysql_server_prepare => 0);
    return DBI->connect($source, $user, $changes{password} // $password, \%attributes);
}

sub error_of { my ($handle) = @_; return $handle->err ? [$handle->err + 0, $handle->state, $handle->errstr] : undef }

sub do_it {
    my ($db, $statement, @arguments) = @_;
    my $affected = $db->do($statement, undef, @arguments);
    die "$statement: " . $db->errstr unless defined $affected;
    return $affected + 0;
}

sub text_of { my ($row) = @_; return [map { defined $_ ? "$_" : undef } @$row] }

sub all_rows {
    my ($statement, $typed) = @_;
    my @rows;
    while (my $row = $statement->fetchrow_arrayref) {
        my $texts = text_of($row);
        if ($typed) {
            for my $i (grep { defined $texts->[$_ + 1] } 0 .. $#columns) {
                $texts->[$i + 1] = unpack('H*', $texts->[$i + 1]) if is_bytes($columns[$i]);
                utf8::decode($texts->[$i + 1]) if $columns[$i]{kind} eq 'json';    # MySQL's is binary, for this driver
            }
        }
        push @rows, $texts;
    }
    die $statement->errstr if $statement->err;
    return \@rows;
}

sub rows {
    my ($db, $text, @arguments) = @_;
    my $statement = $db->prepare($text) or die "$text: " . $db->errstr;
    $statement->execute(@arguments) or die "$text: " . $statement->errstr;
    return all_rows($statement);
}

sub results {
    my ($db, $text) = @_;
    my $statement = $db->prepare($text) or die $db->errstr;
    $statement->execute or die $statement->errstr;
    my @results;
    do {
        push @results, $statement->{NUM_OF_FIELDS} ? all_rows($statement) : $statement->rows;
    } while ($statement->more_results);
    return \@results;
}

sub described {
    my ($statement) = @_;
    return [map { my $name = $_; [$name, map { "" . ($_ // '') } @{$statement->{$name}}] }
        qw(NAME TYPE NULLABLE PRECISION SCALE mysql_type mysql_type_name mysql_table mysql_is_blob mysql_is_key mysql_is_num
           mysql_is_pri_key mysql_is_auto_increment)];
}

sub bind_row {
    my ($statement, $id, $values) = @_;
    $statement->bind_param(1, $id, DBI::SQL_INTEGER);
    for my $i (0 .. $#columns) {
        my ($column, $value) = ($columns[$i], $values->[$i]);
        my $type = is_bytes($column) ? DBI::SQL_VARBINARY : DBI::SQL_WVARCHAR;    # its SQL_VARCHAR is a BLOB
        $type = $value =~ /\./ ? DBI::SQL_DOUBLE : DBI::SQL_BIGINT if $column->{kind} eq 'number' && defined $value;
        $type = DBI::SQL_WVARCHAR if defined $value && $value eq '18446744073709551615';    # signed, for this driver
        $value = pack('H*', $value) if is_bytes($column) && defined $value;
        $statement->bind_param($i + 2, $value, $type);
    }
    my $affected = $statement->execute;
    return $statement->err ? error_of($statement) : $affected + 0;
}

sub types {
    my ($db) = @_;
    my $definitions = join(', ', map {"$_->{name} $_->{type}"} @columns);
    do_it($db, "DROP TABLE IF EXISTS $table");
    do_it($db, "CREATE TABLE $table (id INT PRIMARY KEY, $definitions) DEFAULT CHARSET utf8mb4");
    my @inserted;
    for my $number (0, 1) {
        my $values = join(', ', map {
            my $value = $_->{values}[$number];
            is_bytes($_) ? "x'$value'" : $_->{kind} =~ /^(number|decimal)$/ ? $value : "'$value'"
        } @columns);
        push @inserted, do_it($db, "INSERT INTO $table VALUES (${\($number + 1)}, $values)");
    }
    push @inserted, do_it($db, "INSERT INTO $table (id) VALUES (3)");
    step('text.insert', \@inserted);
    my $select = $db->prepare("SELECT * FROM $table ORDER BY id");
    $select->execute or die $select->errstr;
    step('text.columns', described($select));
    step('text.select', all_rows($select, 1));

    my %server = (mysql_server_prepare => 1);
    my $insert = $db->prepare("INSERT INTO $table VALUES (?" . ', ?' x @columns . ')', \%server) or die $db->errstr;
    my @third = map {undef} @columns;
    @inserted = (map { my $n = $_; bind_row($insert, 11 + $n, [map { $_->{values}[$n] } @columns]) } 0, 1);
    step('prepared.insert', [@inserted, bind_row($insert, 13, \@third)]);
    $select = $db->prepare("SELECT * FROM $table WHERE id > ? ORDER BY id", \%server) or die $db->errstr;
    $select->execute(10) or die $select->errstr;
    step('prepared.columns', described($select));
    step('prepared.select', all_rows($select, 1));
    my $joined = $db->prepare("SELECT CONCAT(?, '-', ?)", \%server) or die $db->errstr;
    my $again = $db->prepare("SELECT id, c_int FROM $table WHERE id > ?", \%server) or die $db->errstr;
    do_it($db, "UPDATE $table SET c_int = 5 WHERE id = 13");
    $again->execute('12') or die $again->errstr;
    step('prepared.again', all_rows($again));
    $joined->execute('é', 'b') or die $joined->errstr;
    step('prepared.two', all_rows($joined));
    $db->prepare('SELECT * FROM missing WHERE id = ?', {mysql_server_prepare => 1, mysql_server_prepare_disable_fallback => 1});
    my $refused = error_of($db);
    step('prepared.error', [$refused, bind_row($insert, 11, \@third)]);
}

sub transactions {
    my ($db, $names) = @_;
    do_it($db, "DROP TABLE IF EXISTS $names");
    do_it($db, "CREATE TABLE $names (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) UNIQUE) DEFAULT CHARSET utf8mb4");
    my $count = "SELECT COUNT(*) FROM $names";
    my @counts;
    $db->begin_work;
    do_it($db, "INSERT INTO $names (name) VALUES (?), (?)", 'a', 'b');
    push @counts, rows($db, $count)->[0][0];
    $db->rollback;
    push @counts, rows($db, $count)->[0][0];
    $db->{AutoCommit} = 0;
    do_it($db, "INSERT INTO $names (id, name) VALUES (10, 'c')");
    $db->commit;
    $db->{AutoCommit} = 1;
    step('transaction', [@counts, rows($db, $count)->[0][0]]);
    do_it($db, "INSERT INTO $names (name) VALUES ('d')");
    step('insert_id', [$db->{mysql_insertid} + 0, rows($db, 'SELECT LAST_INSERT_ID()')->[0][0]]);
    my $updated = do_it($db, "UPDATE $names SET name = CONCAT(name, name) WHERE id >= 10");
    step('update', [$updated, $db->{mysql_info}]);
}

sub several {
    my ($db, $names) = @_;
    step('multi', results($db, "SELECT 1 AS a; INSERT INTO $names (name) VALUES ('multi'); SELECT 2 AS b, 3 AS c"));
    do_it($db, "DROP PROCEDURE IF EXISTS ${names}_p");
    do_it($db, "CREATE PROCEDURE ${names}_p(IN n INT) BEGIN SELECT n AS first; SELECT n + 1 AS second, 'x' AS name; "
        . "INSERT INTO $names (name) VALUES ('from procedure'); END");
    step('call', results($db, "CALL ${names}_p(5)"));
    my $stream = $db->prepare('WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n',
        {mysql_use_result => 1});
    $stream->execute or die $stream->errstr;
    my $sum = 0;
    while (my ($i) = $stream->fetchrow_array) { $sum += $i }
    $stream->finish;
    step('stream', ["$sum", rows($db, "SELECT 'next'")->[0][0]]);
}

sub large {
    my ($db, $name) = @_;
    my $value = 'abcdefghijklmnopqrstuvwxyz012345' x (20 * 1024 * 1024 / 32);
    do_it($db, "DROP TABLE IF EXISTS $name");
    do_it($db, "CREATE TABLE $name (id INT PRIMARY KEY, value LONGTEXT) DEFAULT CHARSET utf8mb4");
    my $insert = $db->prepare("INSERT INTO $name VALUES (1, ?)", {mysql_server_prepare => 1});
    $insert->execute($value) or die $insert->errstr;
    my $stored = rows($db, "SELECT LENGTH(value), CRC32(value) FROM $name");
    my $select = $db->prepare("SELECT value FROM $name WHERE id = ?", {mysql_server_prepare => 1});
    $select->execute(1) or die $select->errstr;
    my ($prepared) = $select->fetchrow_array;
    $select->finish;
    my @same = map { $_ eq $value ? JSON::PP::true : JSON::PP::false } rows($db, "SELECT value FROM $name")->[0][0], $prepared;
    step('large', [$stored, @same]);
}

sub failure { my ($db, $statement) = @_; $db->do($statement); return error_of($db) }

sub errors {
    my ($db) = @_;
    step('error.syntax', failure($db, 'SELEC 1'));
    step('error.duplicate', failure($db, "INSERT INTO $table (id) VALUES (1)"));
    step('error.table', failure($db, 'SELECT * FROM missing'));
    my $several = $db->prepare('SELECT 1; SELEC 2');
    $several->execute or die $several->errstr;
    $several->more_results;
    step('error.multi', error_of($several));
    undef $several;
    step('error.after', rows($db, "SELECT 'still here'"));
    my $cast = $db->prepare("SELECT CAST('12abc' AS SIGNED)");
    $cast->execute;
    my $row = $cast->fetchrow_arrayref;
    step('warnings', [text_of($row), $cast->{mysql_warning_count} + 0, rows($db, 'SHOW WARNINGS')]);
    my $text = "O'Re\\il\"ly\0é漢😀\n%_";
    step('quoting', rows($db, 'SELECT ' . $db->quote($text))->[0][0] eq $text ? JSON::PP::true : JSON::PP::false);
}

sub session {
    my ($db) = @_;
    do_it($db, "SET \@a = 5, sql_mode = 'ANSI_QUOTES'");
    step('session', rows($db, 'SELECT @a, @@session.time_zone, @@character_set_client, @@collation_connection, @@sql_mode'));
    step('ping', [$db->ping ? 1 : 0, $db->{mysql_stat} =~ /^Uptime: / ? 1 : 0]);
}

sub reconnect {
    my ($db) = @_;
    step('kill', failure($db, "KILL $db->{mysql_thread_id}"));
    step('lost', $db->do('SELECT 1') ? JSON::PP::false : JSON::PP::true);
    $db->{mysql_auto_reconnect} = 1;
    $db->ping;
    step('reconnect', rows($db, 'SELECT DATABASE(), @a'));
    $db->disconnect;
}

connected(password => 'wrong');
step('login.denied', [$DBI::err + 0, $DBI::state, $DBI::errstr]);
connected(schema => 'missing');
step('login.schema', [$DBI::err + 0, $DBI::state, $DBI::errstr]);
my $db = connected() or die $DBI::errstr;
step('connect', [$db->{mysql_serverinfo}, rows($db, 'SELECT DATABASE(), CURRENT_USER(), @@autocommit')]);
do_it($db, "SET time_zone = '+00:00'");
types($db);
transactions($db, "${table}_n");
several($db, "${table}_n");
large($db, "${table}_l") if $ENV{DB_LARGE};
errors($db);
session($db);
reconnect($db);
