"""Golden queries: written with a release, reproduced at any later moment, and not by another release."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from fixtures.blenders import blender_of
from fixtures.serving import MOMENT

from features.errors import InputError


@pytest.fixture(scope="module")
def pipeline(served_project):
    from pipelines.candidate_generation import open_pipeline

    options = {"version": None, "filters": None, "already_bought": None, "k": 12}
    return open_pipeline(served_project.repo, releases=served_project.releases, **options)[0]


def check(pipeline, **changes):
    from pipelines.golden_queries import check_golden_queries

    return check_golden_queries(replace(pipeline, release=replace(pipeline.release, **changes)))


def with_column(table, name, values):
    place = table.column_names.index(name)
    return table.set_column(place, name, pa.array(values, table.schema.field(name).type))


def test_a_release_has_queries_of_sessions_and_of_an_unknown_user(pipeline):
    stored = pipeline.release.golden_queries.to_pylist()
    by_sales = np.argsort(-pipeline.release.arrays["sales_7d"].astype(float), kind="stable")
    bestsellers = pipeline.release.item_ids.take(pa.array(by_sales[:10])).to_pylist()

    assert [row["bought_items"] for row in stored] == [[item] for item in bestsellers[:8]] + [bestsellers[:3], None]
    for row in stored[:8]:
        assert row["bought_items"][0] not in row["golden_drop_items"]
        assert len(row["golden_keep_items"]) == len(row["golden_drop_items"]) == 10
    assert stored[-1]["golden_keep_items"] == stored[-1]["golden_drop_items"] == bestsellers
    assert "golden_queries.parquet" in pipeline.release.manifest["files"]


def test_they_are_reproduced(pipeline):
    assert check(pipeline) == 10


@pytest.mark.parametrize("days", [1, 40])
def test_they_are_reproduced_at_a_later_moment_with_other_filters(pipeline, served_project, days):
    from candidates.filters.filter_set import FilterSet
    from candidates.filters.settings import FilterSettings
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from pipelines.serving import CandidatePipeline

    reader = FeatureReader(open_feature_store(served_project.repo), "offline")
    filters = FilterSet.from_settings(FilterSettings(already_bought="drop", at_most_per_department=1))
    later = CandidatePipeline.open(reader, pipeline.release, MOMENT + timedelta(days=days), filters, 5)

    assert check(later) == 10


def test_another_blender_does_not_reproduce_them(pipeline):
    from candidates.linear_model import term_names
    from candidates.sources.source_set import SOURCES

    fewest_sources_first = [-1 if term.startswith("listed by") else 0 for term in term_names(SOURCES)]
    other = blender_of(SOURCES, fewest_sources_first, 1.0).to_json()

    with pytest.raises(InputError) as error:
        check(pipeline, blender=pipeline.release.blender | {"drop": other})

    assert all(text in str(error.value) for text in (pipeline.release.version, "query 1", "'drop'"))


def test_other_sales_do_not_reproduce_the_list_of_the_unknown_user(pipeline):
    stored = pipeline.release.golden_queries
    items = stored["golden_keep_items"].to_pylist()
    items[-1] = items[-1][::-1]

    with pytest.raises(InputError, match="query 10"):
        check(pipeline, golden_queries=with_column(stored, "golden_keep_items", items))


def test_rounding_and_the_places_of_ties_do_not_count(pipeline):
    stored = pipeline.release.golden_queries
    items, scores = (stored[f"golden_keep_{name}"].to_pylist() for name in ("items", "scores"))
    scores[0] = [score * (1 + 1e-6) for score in scores[0]]
    swapped = with_column(stored, "golden_keep_scores", scores)
    tied = next(place for place in range(9) if np.isclose(scores[-1][place], scores[-1][place + 1]))
    items[-1][tied], items[-1][tied + 1] = items[-1][tied + 1], items[-1][tied]

    assert check(pipeline, golden_queries=with_column(swapped, "golden_keep_items", items)) == 10


def test_a_missing_column_is_named(pipeline):
    with pytest.raises(InputError, match="'bought_days'"):
        check(pipeline, golden_queries=pipeline.release.golden_queries.drop_columns("bought_days"))


def test_a_release_without_them_is_served_with_a_warning(pipeline, caplog):
    assert check(pipeline, golden_queries=None) == 0
    assert pipeline.release.version in caplog.text
