"""Identifiers and literals in SQL, where DuckDB does not accept bound values."""

from datetime import datetime


def identifier(name: str) -> str:
    """Quote a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Quote a text or a path as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def timestamp_literal(moment: datetime) -> str:
    """Return a moment as an SQL timestamp literal."""
    return f"timestamptz {literal(moment.isoformat())}"
