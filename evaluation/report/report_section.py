"""What one section of the page shows: panels, a key to their colours, and the numbers beneath them."""

from dataclasses import dataclass

from evaluation.report.palette import Colour


@dataclass(frozen=True)
class Panel:
    """One drawing.

    Attributes:
        title: What it shows, in a few words.
        svg: An `<svg>` element whose text is escaped.
        label: What a reader who cannot see it is told: the drawing's kind and its main numbers.
    """

    title: str
    svg: str
    label: str


@dataclass(frozen=True)
class Key:
    """One entry of the key to colours; `hollow` for an outlined mark, `faint` for a pale one."""

    colour: Colour
    label: str
    hollow: bool = False


@dataclass(frozen=True)
class Table:
    """Numbers as text: a header, rows as long as it, and how many columns from the left are words."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True)
class ReportSection:
    """One section.

    Attributes:
        title: A heading that says what is asked.
        reading: How to read the drawing, and what exactly is drawn.
        panels: Side by side where there is room; none if the table says it all.
        tables: Beneath, folded away if there are panels.
        keys: The key to colours.
        wide: Whether the panels need the page's whole width.
    """

    title: str
    reading: str
    panels: tuple[Panel, ...]
    tables: tuple[Table, ...]
    keys: tuple[Key, ...] = ()
    wide: bool = False
