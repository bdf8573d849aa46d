"""Names and text inside SQL, where DuckDB takes no bound value."""

from datetime import datetime


def identifier(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a text or a path as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def timestamp_literal(moment: datetime) -> str:
    """Return a moment as an SQL timestamp."""
    return f"timestamptz {literal(moment.isoformat())}"
