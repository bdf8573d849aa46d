"""A table of text cells for people to read: pipelines fill it, jobs render it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class ReportTable:
    """A header and rows of text.

    Attributes:
        columns: names of the columns.
        rows: cells, one for each column.
        text_columns: columns that are aligned left; all others hold numbers and are aligned right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: frozenset[str] = frozenset()

    @classmethod
    def of(cls, columns: Sequence[str], rows: Sequence[Sequence[object]], text_columns: Sequence[str] = ()) -> Self:
        """Build a table from values of any type; None becomes an empty cell.

        Raises:
            ValueError: a row has not one cell for each column, or a text column does not exist.
        """
        if unknown := set(text_columns) - set(columns):
            raise ValueError(f"Text columns {sorted(unknown)} are not among {list(columns)}.")
        if lengths := {len(row) for row in rows} - {len(columns)}:
            raise ValueError(f"Rows must have {len(columns)} cells, not {sorted(lengths)}.")
        cells = tuple(tuple("" if value is None else str(value) for value in row) for row in rows)
        return cls(tuple(columns), cells, frozenset(text_columns))

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        position = self.columns.index(name)
        return [row[position] for row in self.rows]

    def markdown(self) -> str:
        """Return the table as GitHub Markdown."""
        rule = ["---" if name in self.text_columns else "---:" for name in self.columns]
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows))
