<?php
// What mysqli.php and pdo.php share. PHP's drivers give numbers as numbers, and a BIT as a number, too.
ini_set('serialize_precision', '-1');
ini_set('memory_limit', '512M');
const TEXT = "O'Re\\il\"ly\0é漢😀\n%_";

class Column
{
    public function __construct(
        public string $name,
        public string $type,
        public string $kind,
        public string $server,
        public string $typical,
        public string $extreme
    ) {
    }

    public function literal(string $text): string
    {
        return match ($this->kind) {
            'bit', 'bytes' => "x'$text'",
            'number', 'decimal' => $text,
            default => "'$text'",
        };
    }

    public function parameter(string $text): mixed
    {
        return match (true) {
            $this->kind === 'bytes' => hex2bin($text),
            $this->kind === 'bit' => hexdec($text), // bytes are sent as text, and MySQL converts that for a BIT
            $this->kind === 'number' && str_contains($text, '.') => (float)$text,
            $this->kind === 'number' && $text === (string)(int)$text => (int)$text,
            default => $text,
        };
    }
}

/** @return Column[] */
function columns(): array
{
    $lines = file(getenv('DB_COLUMNS'), FILE_IGNORE_NEW_LINES);
    return array_map(fn($line) => new Column(...explode("\t", $line)), $lines);
}

function step(string $name, mixed $value): void
{
    echo json_encode(['step' => $name, 'value' => $value], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), "\n";
}

/** Texts of a row; its columns are those of $kinds. */
function texts(array $row, ?array $kinds = null): array
{
    $texts = [];
    foreach (array_values($row) as $i => $value) {
        $kind = $kinds[$i] ?? 'text';
        $texts[] = match (true) {
            $value === null => null,
            $kind === 'bit' => is_int($value) || ctype_digit($value) ? sprintf('%016x', $value) : bin2hex($value),
            $kind === 'bytes' => bin2hex($value),
            default => (string)$value,
        };
    }
    return $texts;
}

function large_value(): string
{
    return str_repeat('abcdefghijklmnopqrstuvwxyz012345', 20 * 1024 * 1024 / 32);
}
