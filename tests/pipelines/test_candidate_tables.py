"""Candidate lists as tables and lines: letters of sources, names, and lines within the width."""

from datetime import UTC, datetime

import pyarrow as pa

from candidates.candidate_file import CANDIDATES
from candidates.sources.source_set import SOURCES
from features.report_table import WIDTH
from pipelines.candidate_tables import (
    SOURCE_LETTERS,
    candidate_table,
    exclusion_lines,
    request_lines,
    source_legend,
    source_lines,
    stage_line,
    user_line,
)


def row(rank, item, sources, ranking_score=None):
    return {
        "user_id": "u", "item_id": item, "rank": rank, "ranking_score": ranking_score, "retrieval_rank": rank + 1,
        "score": -0.5, "sources": sources, "source_ranks": [1] * len(sources), "source_scores": [1.0] * len(sources),
    }  # fmt: skip


def rows(*candidates):
    return pa.Table.from_pylist([*candidates], CANDIDATES)


def test_every_source_has_a_letter_of_its_own_in_the_legend():
    assert list(SOURCE_LETTERS) == list(SOURCES)
    assert len(set(SOURCE_LETTERS.values())) == len(SOURCES)
    assert all(f"{letter}={source}" in source_legend() for source, letter in SOURCE_LETTERS.items())
    assert max(map(len, source_legend().splitlines())) <= WIDTH


def test_sources_are_letters_in_fixed_positions_and_unknown_ones_a_question_mark():
    first, last = SOURCES[0], SOURCES[-1]
    dots = "." * (len(SOURCES) - 2)
    table = candidate_table(rows(row(1, "a", [first]), row(2, "b", [last]), row(3, "c", ["older"])), ["A", "B", "C"])

    assert table.column("sources") == [
        f"{SOURCE_LETTERS[first]}{dots}.", f".{dots}{SOURCE_LETTERS[last]}", f".{dots}.?",
    ]  # fmt: skip


def test_names_are_shortened_and_left_out_where_they_are_the_id():
    table = candidate_table(rows(row(1, "a", []), row(2, "b", [])), ["x" * 90, "b"])

    assert table.column("name")[0].endswith("x…")
    assert table.column("name")[1] == ""


def test_columns_without_content_are_left_out():
    retrieved = candidate_table(
        rows(row(1, "a", [])), ["A"], excluded_by=[["cool_down", "age_limit"]], retrieval_order=True
    )
    ranked = candidate_table(rows(row(1, "a", [], 0.25)), ["A"])

    assert retrieved.columns == ("rank", "item", "name", "sources", "retrieval\nscore", "excluded by")
    assert retrieved.column("excluded by") == ["cool_down, age_limit"]
    assert ranked.columns == (
        "rank", "item", "name", "sources", "ranking\nscore", "retrieval\nscore", "retrieval\nrank",
    )  # fmt: skip
    assert (ranked.column("ranking\nscore"), ranked.column("retrieval\nrank")) == (["0.25"], ["2"])


def test_a_table_of_long_names_and_many_filters_fits_into_the_width():
    long = rows(row(100, "0" * 10, list(SOURCES), -10.25))
    table = candidate_table(long, ["x" * 90], excluded_by=[["already_bought", "blocked_categories", "age_limit"]])

    assert max(map(len, table.text().splitlines())) <= WIDTH


def test_the_line_of_a_user_is_shortened_to_the_width():
    assert user_line("u", ["milk", "bread"]) == "user u, bought last: milk; bread"
    assert user_line("u", []) == "user u, no purchases"
    assert len(user_line("u", ["x" * 30] * 5)) == WIDTH


def test_the_line_of_a_stage_counts_candidates_and_exclusions():
    both = rows(row(1, "a", []), row(2, "b", []))

    assert stage_line("filter", 5, both, None) == "filter: 2 of 5 candidates, all eligible"
    assert stage_line("rank", 5, both, None).endswith("in retrieval order")
    assert stage_line("rank", 5, rows(row(1, "a", [], 0.5)), None).endswith("in ranker order")
    assert stage_line("retrieve", 5, both, [["age_limit"], []]).endswith("1 will be excluded (age_limit 1)")


def test_the_lines_of_a_request_name_release_moment_and_filters():
    moment = datetime(2020, 3, 1, tzinfo=UTC)

    with_filters = request_lines("20200301-seed-0a1b2c3d", moment, {"for_sale": "The item is not for sale."})
    without = request_lines("20200301-seed-0a1b2c3d", moment, {})

    assert with_filters.splitlines()[1:] == ["  for_sale: The item is not for sale."]
    assert all(part in without for part in ("20200301-seed-0a1b2c3d", "2020-03-01 00:00 UTC", "none"))


def test_exclusions_and_sources_are_counted():
    assert exclusion_lines({"for_sale": 30}, 1, 60) == ["excluded by for_sale: 30 (50.00%) of 1 user x 60 items"]
    assert source_lines({"popularity": 1, "two_tower": 2_000}) == [
        "listed by two_tower: 2,000 candidates", "listed by popularity: 1 candidate",
    ]  # fmt: skip


def test_what_a_terminal_would_execute_in_names_and_ids_is_escaped():
    nasty = "a\x1b[31m\nb\u202ec"
    candidates = rows(row(1, nasty, [SOURCES[0]]), row(2, "b", [SOURCES[0]]))

    table = candidate_table(candidates, [f"{nasty}!", f"{nasty}?"], excluded_by=[[nasty], []])
    shown = f"{table.text()}\n{table.markdown()}\n{user_line(nasty, [nasty])}"

    assert table.column("item") == ["a\\x1b[31m\\nb\\u202ec", "b"]
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(user_line(nasty, [nasty]).splitlines()) == 1
