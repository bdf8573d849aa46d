"""Retrieving, filtering and ranking candidates from online features.

The towers are untrained, and the blender weights and the tree are written by hand: nothing is trained.
"""

from collections import defaultdict

import pytest
from fixtures.serving import bought_items

K = 12
USERS = ["0003", "0001", "0200", "unknown"]  # 0200 has a profile and no purchases
NOT_FOR_SALE = {"0108775001", "0108775004"}  # withdrawn, and announced for a later day
FROM_40 = "0108775003"
BLOCKED = "0108775005"


@pytest.fixture(scope="module")
def served(served_project):
    from pipelines.serving import open_release_and_reader

    return open_release_and_reader(served_project.repo, served_project.releases, None)


@pytest.fixture(scope="module")
def pipeline_with(served):
    """The candidate pipeline with k candidates at the end, and these filters beside the default ones."""

    def pipeline_with(k=K, **settings):
        from candidates.filters.filter_set import FilterSet
        from candidates.filters.settings import FilterSettings
        from pipelines.serving import CandidatePipeline

        return CandidatePipeline.open(*served, FilterSet.from_settings(FilterSettings(**settings)), k)

    return pipeline_with


@pytest.fixture(scope="module")
def bought(served_project):
    return bought_items(served_project.raw)


def run_until(pipeline, stage):
    """The users' item ids, best first, after a stage; and the filters that exclude each item."""
    request = pipeline.read(USERS)
    ranked = pipeline.run_until(stage, request)
    rows = pipeline.to_table(request, ranked).to_pylist()
    lists, reasons = {user: [] for user in USERS}, {user: {} for user in USERS}
    for row, dropped_by in zip(rows, pipeline.excluding_filters(request, ranked.blended), strict=True):
        lists[row["user_id"]].append(row["item_id"])
        reasons[row["user_id"]][row["item_id"]] = dropped_by
    return lists, reasons


def test_retrieval_returns_excluded_items_with_the_filters_that_exclude_them(pipeline_with, bought):
    _, reasons = run_until(pipeline_with(already_bought="drop", blocked_items=(BLOCKED,)), "retrieve")

    for user, dropped_by in reasons.items():
        assert len(dropped_by) == 60  # the whole catalogue, as if no filter were in force
        for item, names in dropped_by.items():
            assert ("already_bought" in names) == (item in bought[user])
            assert ("for_sale" in names) == (item in NOT_FOR_SALE)
            assert ("blocked_items" in names) == (item == BLOCKED)
    assert "age_limit" in reasons["unknown"][FROM_40]


def test_exactly_the_excluded_items_are_removed(pipeline_with):
    pipeline = pipeline_with(already_bought="drop", channel="online")

    _, proposed = run_until(pipeline, "retrieve")
    left, reasons = run_until(pipeline, "filter")

    for user in USERS:
        assert set(left[user]) == {item for item, names in proposed[user].items() if not names}
        assert set(map(tuple, reasons[user].values())) == {()}


def test_excluded_candidates_are_replaced_by_others(pipeline_with):
    from dataclasses import replace

    pipeline = pipeline_with(already_bought="drop")
    retrievers = {name: replace(getattr(pipeline, name), k=K) for name in ("retriever", "unfiltered_retriever")}
    pipeline = replace(pipeline, **retrievers)  # K is less than the catalogue holds

    proposed, reasons = run_until(pipeline, "retrieve")
    left, _ = run_until(pipeline, "filter")

    assert [len(items) for items in proposed.values()] == [len(items) for items in left.values()] == [K] * 4
    assert any(reasons["0003"].values())
    assert all(not reasons["0003"].get(item) for item in left["0003"])
    assert set(left["0003"]) - set(proposed["0003"])


def test_the_department_cap_is_named_for_items_below_enough_others_of_their_department(pipeline_with):
    lists, reasons = run_until(pipeline_with(at_most_per_department=2), "retrieve")

    for user in USERS:
        above = defaultdict(int)
        for item in lists[user]:
            others = [name for name in reasons[user][item] if name != "department_cap"]
            group = (int(item) - 108_775_001) % 4
            assert ("department_cap" in reasons[user][item]) == (not others and above[group] >= 2)
            above[group] += not others


def test_unfiltered_retrieval_uses_the_blender_for_all_purchases_regardless_of_filters(served, pipeline_with):
    from dataclasses import replace

    from candidates.filters.filter_set import FilterSet
    from candidates.filters.settings import FilterSettings
    from pipelines.serving import CandidatePipeline

    reader, release, moment = served
    kept = release.blender["keep"]
    terms = [{**term, "weight": -term["weight"]} for term in kept["order"]["terms"]]
    reverse = {**kept, "order": {**kept["order"], "terms": terms}}
    other = replace(release, blender={"keep": kept, "drop": reverse})
    pipeline = CandidatePipeline.open(
        reader, other, moment, FilterSet.from_settings(FilterSettings(already_bought="drop")), K
    )

    assert run_until(pipeline, "retrieve")[0] == run_until(pipeline_with(), "retrieve")[0]
    assert run_until(pipeline, "filter")[0] != run_until(pipeline_with(already_bought="drop"), "filter")[0]


def test_with_a_department_cap_lists_are_only_as_deep_as_the_ranker_needs(pipeline_with):
    assert pipeline_with(4).retriever.k == 100
    assert pipeline_with(4, at_most_per_department=2).retriever.k == 12
    assert pipeline_with(40, at_most_per_department=2).retriever.k == 100
    # new items have no ranker
    assert pipeline_with(4, at_most_per_department=2, already_bought="drop").retriever.k == 4


@pytest.mark.parametrize("k", [K, 100])
def test_the_ranker_puts_the_first_hundred_in_order_and_k_of_them_are_left(pipeline_with, bought, k):
    pipeline = pipeline_with(k)

    left, _ = run_until(pipeline, "filter")
    ranked, _ = run_until(pipeline, "rank")

    for user in ("0003", "0001"):
        first = left[user][:100]
        new, old = ([item for item in first if (item in bought[user]) == is_old] for is_old in (False, True))
        assert len(new) > 0 < len(old)
        assert ranked[user] == [*new, *old][:k]
        assert ranked[user] != left[user][:k]
    for user in ("0200", "unknown"):
        assert ranked[user] == left[user][:k]


def test_without_a_ranker_the_first_k_stay_as_they_were_retrieved(pipeline_with):
    pipeline = pipeline_with(already_bought="drop")

    left, _ = run_until(pipeline, "filter")
    ranked, _ = run_until(pipeline, "rank")

    assert pipeline.ranker is None
    assert ranked == {user: items[:K] for user, items in left.items()}


def test_a_block_of_users_is_read_from_the_online_store_once(pipeline_with, monkeypatch):
    from collections import Counter

    reads, pipeline = Counter(), pipeline_with(already_bought="cool-down", cool_down_days=3)
    provider = type(pipeline.reader.store.provider)
    online_read = provider.online_read

    def count(self, config, table, *arguments):
        reads[table.name] += 1
        return online_read(self, config, table, *arguments)

    monkeypatch.setattr(provider, "online_read", count)
    pipeline.run(pipeline.read([f"{number:04d}" for number in range(1_000)]))

    assert set(reads.values()) == {1}
    assert {name for name in reads if not name.startswith("user_")} == set()
    assert len(reads) == 6


def test_run_returns_the_candidates_after_the_last_stage(pipeline_with):
    pipeline = pipeline_with()

    request = pipeline.read(USERS)
    table, exclusions = pipeline.run(request)

    assert table.equals(pipeline.to_table(request, pipeline.run_until("rank", request)))
    assert table.num_rows == 4 * K
    assert list(exclusions) == ["for_sale", "age_limit"]
    assert exclusions["for_sale"] == 4 * (~pipeline.item_context.for_sale).sum() > 0
