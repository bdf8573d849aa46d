"""Names and text inside SQL, where DuckDB takes no bound value."""


def identifier(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a text or a path as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"
