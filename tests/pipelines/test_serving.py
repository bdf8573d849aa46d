"""Each of the three steps, asked of the online store by itself: what is proposed, what may be shown, in which order.

The towers are as they begin, and the weights and the tree are written by hand: nothing is trained.
"""

from collections import defaultdict

import pytest

K = 12
USERS = ["0003", "0001", "0200", "nobody"]  # 0200 is known and has never bought
NOT_FOR_SALE = {"0108775001", "0108775004"}  # withdrawn, and announced for a later day
FROM_40 = "0108775003"
BLOCKED = "0108775005"


@pytest.fixture(scope="module")
def served(served_project):
    from pipelines.serving import open_release_and_store

    return open_release_and_store(served_project.repo, served_project.releases, None)


@pytest.fixture(scope="module")
def steps(served):
    """The three steps with k candidates at the end, and these filters beside the default ones."""

    def steps(k=K, **settings):
        from candidates.filters.filter_set import FilterSet
        from candidates.filters.settings import FilterSettings
        from pipelines.serving import CandidatePipeline

        return CandidatePipeline.open(*served, FilterSet.from_settings(FilterSettings(**settings)), k)

    return steps


@pytest.fixture(scope="module")
def bought(served_project):
    import csv

    items = defaultdict(set)
    with (served_project.raw / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            items[row["customer_id"]].add(row["article_id"])
    return items


def run_until(pipeline, step):
    """The lists of the users as ids, best first, after a step; and the same with the filters that drop each."""
    request = pipeline.read(USERS)
    ranked = pipeline.run_until(step, request)
    rows = pipeline.to_table(request, ranked).to_pylist()
    lists, reasons = {user: [] for user in USERS}, {user: {} for user in USERS}
    for row, dropped_by in zip(rows, pipeline.excluding_filters(request, ranked.blended), strict=True):
        lists[row["user_id"]].append(row["item_id"])
        reasons[row["user_id"]][row["item_id"]] = dropped_by
    return lists, reasons


def test_what_may_not_be_shown_is_proposed_with_its_reasons(steps, bought):
    _, reasons = run_until(steps(already_bought="drop", blocked_items=(BLOCKED,)), "retrieve")

    for user, dropped_by in reasons.items():
        assert len(dropped_by) == 60  # the whole catalogue, as if no filter were in force
        for item, names in dropped_by.items():
            assert ("already_bought" in names) == (item in bought[user])
            assert ("for_sale" in names) == (item in NOT_FOR_SALE)
            assert ("blocked_items" in names) == (item == BLOCKED)
    assert "age_limit" in reasons["nobody"][FROM_40]


def test_nothing_is_left_that_was_marked_and_nothing_is_lost_that_was_not(steps):
    asked = steps(already_bought="drop", channel="online")

    _, proposed = run_until(asked, "retrieve")
    left, reasons = run_until(asked, "filter")

    for user in USERS:
        assert set(left[user]) == {item for item, names in proposed[user].items() if not names}
        assert set(map(tuple, reasons[user].values())) == {()}


def test_what_is_dropped_leaves_its_place_to_another(steps):
    from dataclasses import replace

    asked = steps(already_bought="drop")
    retrievers = {name: replace(getattr(asked, name), k=K) for name in ("retriever", "unfiltered_retriever")}
    asked = replace(asked, **retrievers)  # K is less than the catalogue holds

    proposed, reasons = run_until(asked, "retrieve")
    left, _ = run_until(asked, "filter")

    assert [len(items) for items in proposed.values()] == [len(items) for items in left.values()] == [K] * 4
    assert any(reasons["0003"].values())
    assert all(not reasons["0003"].get(item) for item in left["0003"])
    assert set(left["0003"]) - set(proposed["0003"])


def test_a_cap_is_named_where_enough_of_the_department_stand_above(steps):
    lists, reasons = run_until(steps(at_most_per_department=2), "retrieve")

    for user in USERS:
        above = defaultdict(int)
        for item in lists[user]:
            others = [name for name in reasons[user][item] if name != "department_cap"]
            group = (int(item) - 108_775_001) % 4
            assert ("department_cap" in reasons[user][item]) == (not others and above[group] >= 2)
            above[group] += not others


def test_what_is_proposed_without_filters_has_the_weights_for_everything_whatever_is_dropped_later(served, steps):
    from dataclasses import replace

    from candidates.filters.filter_set import FilterSet
    from candidates.filters.settings import FilterSettings
    from pipelines.serving import CandidatePipeline

    store, release, moment = served
    kept = release.blender["keep"]
    reverse = {**kept, "terms": [{**term, "weight": -term["weight"]} for term in kept["terms"]]}
    other = replace(release, blender={"keep": kept, "drop": reverse})
    asked = CandidatePipeline.open(
        store, other, moment, FilterSet.from_settings(FilterSettings(already_bought="drop")), K
    )

    assert run_until(asked, "retrieve")[0] == run_until(steps(), "retrieve")[0]
    assert run_until(asked, "filter")[0] != run_until(steps(already_bought="drop"), "filter")[0]


def test_under_a_cap_no_deeper_lists_are_made_than_a_ranker_needs_to_choose_from(steps):
    assert steps(4).retriever.k == 100
    assert steps(4, at_most_per_department=2).retriever.k == 12
    assert steps(40, at_most_per_department=2).retriever.k == 100
    assert steps(4, at_most_per_department=2, already_bought="drop").retriever.k == 4  # nobody puts these in order


@pytest.mark.parametrize("k", [K, 100])
def test_the_ranker_puts_the_first_hundred_in_order_and_k_of_them_are_left(steps, bought, k):
    asked = steps(k)

    left, _ = run_until(asked, "filter")
    ranked, _ = run_until(asked, "rank")

    for user in ("0003", "0001"):
        first = left[user][:100]
        new, old = ([item for item in first if (item in bought[user]) == is_old] for is_old in (False, True))
        assert len(new) > 0 < len(old)
        assert ranked[user] == [*new, *old][:k]
        assert ranked[user] != left[user][:k]
    for user in ("0200", "nobody"):
        assert ranked[user] == left[user][:k]


def test_without_a_ranker_the_first_k_stay_as_they_were_retrieved(steps):
    asked = steps(already_bought="drop")

    left, _ = run_until(asked, "filter")
    ranked, _ = run_until(asked, "rank")

    assert asked.ranker is None
    assert ranked == {user: items[:K] for user, items in left.items()}


def test_a_block_of_users_is_read_from_the_online_store_once(steps, monkeypatch):
    from feast import FeatureStore

    read, services = FeatureStore.get_online_features, []

    def count(store, features, **options):
        services.append(features.name)
        return read(store, features=features, **options)

    monkeypatch.setattr(FeatureStore, "get_online_features", count)

    pipeline = steps(already_bought="cool-down", cool_down_days=3)
    assert services == ["candidate_items_v1"]
    pipeline.run([f"{number:04d}" for number in range(1_000)])
    assert services == ["candidate_items_v1", "candidate_request_v1"]


def test_the_last_step_is_what_becomes_a_candidate_file(steps):
    asked = steps()

    table, exclusions = asked.run(USERS)

    request = asked.read(USERS)
    assert table.equals(asked.to_table(request, asked.run_until("rank", request)))
    assert table.num_rows == 4 * K
    assert list(exclusions) == ["for_sale", "age_limit"]
    assert exclusions["for_sale"] == 4 * (~asked.item_context.for_sale).sum() > 0
