"""Candidate lists as tables and lines for people to read."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

import pyarrow as pa

from candidates.sources.source_set import SOURCES as ALL_SOURCES
from features.report_table import WIDTH, ReportTable
from features.schema import ITEM_ID, RANK, RANKING_SCORE, RETRIEVAL_RANK, SCORE, SOURCES
from features.text import counted, visible

_NAME_WIDTH: Final = 36
_NAME_WIDTH_WITH_REASONS: Final = 26


def candidate_table(
    rows: pa.Table,
    names: Sequence[str],
    *,
    excluded_by: Sequence[Sequence[str]] | None = None,
    retrieval_order: bool = False,
) -> ReportTable:
    """Return one user's candidates: rank, item, name, sources and scores.

    Args:
        rows: with the schema `candidates.candidate_file.CANDIDATES`.
        names: display name of each item; where it is the id, the cell stays empty.
        excluded_by: names of the filters that exclude each row; None after filtering.
        retrieval_order: whether `rank` is the retrieval rank, so that the latter needs no column.
    """
    width = _NAME_WIDTH if excluded_by is None else _NAME_WIDTH_WITH_REASONS
    items = rows[ITEM_ID].to_pylist()
    shown_names = [
        "" if name == item else _shortened(visible(name), width) for item, name in zip(items, names, strict=True)
    ]
    columns: dict[str, Sequence[object]] = {
        "rank": rows[RANK].to_pylist(),
        "item": items,
        "name": shown_names,
        "sources": [_source_letters(sources) for sources in rows[SOURCES].to_pylist()],
    }
    if rows[RANKING_SCORE].null_count < len(rows):
        columns["ranking\nscore"] = _scores(rows[RANKING_SCORE])
    columns["retrieval\nscore"] = _scores(rows[SCORE])
    if not retrieval_order:
        columns["retrieval\nrank"] = rows[RETRIEVAL_RANK].to_pylist()
    if excluded_by is not None:
        columns["excluded by"] = [", ".join(filters) for filters in excluded_by]
    text_columns = {"item", "name", "sources", "excluded by"} & set(columns)
    return ReportTable.of([*columns], [*zip(*columns.values(), strict=True)], [*text_columns])


def source_legend() -> str:
    """Return the letters of the candidate sources in lines of at most `WIDTH` characters."""
    entries = ", ".join(f"{letter}={source}" for source, letter in SOURCE_LETTERS.items())
    return textwrap.fill(f"sources: {entries}", WIDTH, subsequent_indent="  ")


def user_line(user: str, bought: Sequence[str]) -> str:
    """Return a line with a user and the names of the items bought last, the last one first."""
    line = f"user {user}, bought last: {'; '.join(bought)}" if bought else f"user {user}, no purchases"
    return _shortened(visible(line), WIDTH)


def request_lines(version: str, moment: datetime, reasons: Mapping[str, str]) -> str:
    """Return the release, the moment of the request and, for each filter in force, why it excludes a candidate."""
    header = f"release {version}, online features as of {moment:%Y-%m-%d %H:%M} UTC"
    lines = [f"  {name}: {reason}" for name, reason in reasons.items()]
    return "\n".join([f"{header}, filters in force:{'' if lines else ' none'}", *lines])


def stage_line(stage: str, requested: int, rows: pa.Table, excluded_by: Sequence[Sequence[str]] | None) -> str:
    """Return a line on all candidates of one user after a stage.

    Args:
        stage: "retrieve", "filter" or "rank".
        requested: number of candidates requested.
        rows: with the schema `candidates.candidate_file.CANDIDATES`.
        excluded_by: names of the filters that exclude each row; None after filtering.
    """
    line = f"{stage}: {len(rows):,} of {requested:,} candidates"
    if stage == "rank":
        ranked = len(rows) > rows[RANKING_SCORE].null_count
        return f"{line}, in {'ranker' if ranked else 'retrieval'} order"
    if excluded_by is None:
        return f"{line}, all eligible"
    counts = ", ".join(f"{name} {count:,}" for name, count in Counter(chain(*excluded_by)).most_common())
    return f"{line}, before filtering; {sum(map(bool, excluded_by)):,} will be excluded{counts and f' ({counts})'}"


def exclusion_lines(exclusions: Mapping[str, int], users: int, items: int) -> list[str]:
    """Return lines with the number of user-item pairs that each filter excludes.

    Args:
        exclusions: pairs by name of the filter.
        users: number of users.
        items: number of items in the catalogue.
    """
    of = f"of {counted(users, 'user')} x {counted(items, 'item')}"
    return [f"excluded by {name}: {count:,} ({count / (users * items):.2%}) {of}" for name, count in exclusions.items()]


def source_lines(sources: Mapping[str, int]) -> list[str]:
    """Return lines with the number of candidates that each source lists, the largest first."""
    counts = sorted(sources.items(), key=lambda item: (-item[1], item[0]))
    return [f"listed by {source}: {counted(count, 'candidate')}" for source, count in counts]


def _letters(sources: Iterable[str]) -> dict[str, str]:
    """Choose for each source the initial of its last word, or of an earlier word if that is taken."""
    letters: dict[str, str] = {}
    for source in sources:
        initials = [word[0].upper() for word in reversed(source.split("_"))]
        letters[source] = next(letter for letter in (*initials, *"0123456789") if letter not in letters.values())
    return letters


SOURCE_LETTERS: Final = _letters(ALL_SOURCES)


def _source_letters(sources: Sequence[str]) -> str:
    """Return one character for each source, in fixed positions: its letter if it lists the candidate, else a dot.

    A question mark follows if a source of another version of the code lists it.
    """
    letters = "".join(letter if source in sources else "." for source, letter in SOURCE_LETTERS.items())
    return letters if SOURCE_LETTERS.keys() >= set(sources) else f"{letters}?"


def _scores(column: pa.ChunkedArray) -> list[str]:
    return ["" if score is None else f"{score:.2f}" for score in column.to_pylist()]


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
