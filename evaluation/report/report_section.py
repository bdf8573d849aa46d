"""The content of one section of the report: plots, a key to their marks, and tables."""

from dataclasses import dataclass

from evaluation.report.styles import Colour


@dataclass(frozen=True)
class Panel:
    """One plot: a title of a few words, and an `<svg>` element with escaped text."""

    title: str
    svg: str


@dataclass(frozen=True)
class Key:
    """One entry of the key to marks; `hollow` for an outlined mark."""

    colour: Colour
    label: str
    hollow: bool = False


@dataclass(frozen=True)
class Table:
    """A table of text: a header, rows of the same length, and the number of leading columns without numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1


@dataclass(frozen=True)
class ReportSection:
    """One section.

    Attributes:
        title: The heading.
        caption: What is shown, and how it is defined.
        panels: Side by side if there is room; empty if the tables are the content.
        tables: Collapsed if there are panels.
        keys: The key to marks.
    """

    title: str
    caption: str
    panels: tuple[Panel, ...]
    tables: tuple[Table, ...]
    keys: tuple[Key, ...] = ()
