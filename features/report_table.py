"""A table of text cells for people to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final, Self

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from features.text import visible

WIDTH: Final = 100  # columns of the terminal output, at most
_BLANK: Final = "    \n"
_RULED: Final = Box(f"{_BLANK * 2} -  \n{_BLANK * 5}", ascii=True)  # a line of dashes below the header, nothing else


@dataclass(frozen=True)
class ReportTable:
    """A header and rows of text.

    Attributes:
        columns: names of the columns; a name may hold line breaks.
        rows: cells, one for each column.
        text_columns: columns that are aligned left; all others hold numbers and are aligned right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: frozenset[str] = frozenset()

    @classmethod
    def of(cls, columns: Sequence[str], rows: Sequence[Sequence[object]], text_columns: Sequence[str] = ()) -> Self:
        """Build a table from values of any type; None becomes an empty cell, and text is shown as `text.visible` does.

        Raises:
            ValueError: a row has not one cell for each column, or a text column does not exist.
        """
        if unknown := set(text_columns) - set(columns):
            raise ValueError(f"Text columns {sorted(unknown)} are not among {list(columns)}.")
        if lengths := {len(row) for row in rows} - {len(columns)}:
            raise ValueError(f"Rows must have {len(columns)} cells, not {sorted(lengths)}.")
        cells = tuple(tuple("" if value is None else visible(str(value)) for value in row) for row in rows)
        return cls(tuple(columns), cells, frozenset(text_columns))

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        position = self.columns.index(name)
        return [row[position] for row in self.rows]

    def text(self, width: int = WIDTH, *, styled: bool = False) -> str:
        """Return the table as text, with a line of dashes below the header; cells that do not fit are wrapped.

        Args:
            width: columns of the terminal.
            styled: whether the header is bold, by an escape sequence.
        """
        table = Table(box=_RULED, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        for name in self.columns:
            table.add_column(Text(name), justify="left" if name in self.text_columns else "right", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        output = StringIO()
        console = Console(file=output, width=width, force_terminal=styled, color_system="standard" if styled else None)
        console.print(table)
        return "\n".join(line.rstrip() for line in output.getvalue().splitlines())

    def markdown(self) -> str:
        """Return the table as GitHub Markdown."""
        rule = ["---" if name in self.text_columns else "---:" for name in self.columns]
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows))
