"""Each of the three steps, asked of the online store by itself: what is proposed, what may be shown, in which order.

The towers are as they begin, and the weights and the tree are written by hand: nothing is trained.
"""

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest

K = 12
MOMENT = datetime(2020, 3, 1, tzinfo=UTC)
USERS = ["0003", "0001", "0200", "nobody"]  # 0200 is known and has never bought
NOT_FOR_SALE = {"0108775001", "0108775004"}  # withdrawn, and announced for a later day
FROM_40 = "0108775003"
BLOCKED = "0108775005"


def listing_counts(sources):
    """A fusion by how many sources list a candidate, and by its ranks with them."""
    from candidates.blender import Blender, term_names

    said = term_names(sources)
    weights = [1 if word.startswith("listed by") else -0.25 if word.startswith("log rank") else 0 for word in said]
    zeros, ones = np.zeros(len(said), np.float32), np.ones(len(said), np.float32)
    return Blender(sources, zeros, ones, np.array(weights, np.float32), -1.0)


def news_first(sources):
    """A ranker of one tree: 0.5 for what its user has never bought, -0.5 for what he has."""
    from candidates.ranking.ranker import BoostingConfig, Ranker
    from candidates.ranking.ranker_features import feature_names
    from candidates.ranking.trees import MAX_LEAVES, Trees

    names = feature_names(sources)
    values = np.zeros((1, MAX_LEAVES))
    values[0, :2] = 0.5, -0.5
    trees = Trees(
        columns=len(names),
        features=np.array([[names.index("item_purchases")]], np.int32),
        thresholds=np.array([[0.5]], np.float32),
        kept=np.array([[0xFFFE]], np.uint16),  # if it was bought, the leaf on the left is out
        values=values,
        start=0.0,
    )
    return Ranker(sources, BoostingConfig(), trees)


def write_untrained(store, releases, folder, rankers):
    """Write a release of the toy world as of `MOMENT`, and return its version."""
    from candidates.filters.settings import FilterSettings
    from candidates.sources.source_set import SOURCES
    from features.parquet_rows import ParquetRows
    from features.store.catalogue import catalogue_ids, user_ids
    from features.store.reader import FeatureReader
    from features.store.registry import tower_schemas
    from features.store.request_services import request_service_fingerprints
    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases
    from models.config import SEED
    from models.encoding import Encodings
    from models.release.release_contents import ReleaseContents
    from models.release.writer import make_latest, write_release
    from models.towers import Towers
    from pipelines.build_sources import purchases_before, sources_at

    schemas, split = tower_schemas(store, SEED.query_service, SEED.item_service), TimeSplit.for_release(MOMENT)
    reader, item_ids = FeatureReader(store, "offline"), catalogue_ids(store, MOMENT)
    items = reader.read(schemas.item.service, item_ids, MOMENT)
    users = reader.read(schemas.query.service, user_ids(store, MOMENT), MOMENT)
    for name, table in (("users", users), ("items", items)):
        pq.write_table(table, folder / f"{name}.parquet")
    rows = (ParquetRows((folder / f"{name}.parquet",)) for name in ("users", "items"))
    encodings = Encodings.fit(schemas, *rows)
    towers = Towers.initialize(encodings.query, encodings.item, SEED)
    vectors = towers.item_vectors(items)
    past = purchases_before(write_purchases(store, split, folder), item_ids, MOMENT)
    sources, sales = sources_at(store, past, item_ids, vectors, MOMENT)
    contents = ReleaseContents(
        checkpoint=towers.checkpoint,
        item_ids=np.array(item_ids, np.str_),
        item_vectors=vectors,
        arrays={
            "sales_7d": sales.sales_7d,
            "sales_28d": sales.sales_28d,
            "repurchase_rates": sales.repurchase_rates,
            "garment_groups": sales.garment_groups,
            "neighbours": sources.item_knn.neighbours,
            "similarities": sources.item_knn.similarities,
        },
        blender=dict.fromkeys(("keep", "drop"), listing_counts(SOURCES).to_json()),
        rankers={policy: news_first(SOURCES) for policy in rankers},
        split=split,
        metrics={},
        manifest_fields={
            "config": SEED.to_json(),
            "filters": FilterSettings().to_json(),
            "ranker_trained_until": {},
            "request_services": request_service_fingerprints(store),
            "seed": 1,
        },
    )
    version = write_release(releases, towers, contents, MOMENT)
    make_latest(releases, version)
    return version


@pytest.fixture(scope="module")
def project(applied_project, call, tmp_path_factory):
    """The toy world with five rows of availability, filled up to the moment, and a release that ranks what it keeps."""
    from features.store.registry import open_feature_store

    def write_raw(folder):
        from features.raw.toy_data import write_toy_data

        write_toy_data(folder, seed=7, availability=True)

    project = applied_project("toy_with_availability", write_raw)
    filled = call("materialize", "--repo", project.repo, "--as-of", MOMENT.isoformat())
    assert filled.exit_code == 0, filled.stderr
    write_untrained(open_feature_store(project.repo), project.releases, tmp_path_factory.mktemp("rows"), ["keep"])
    return project


@pytest.fixture(scope="module")
def served(project):
    from pipelines.serving import open_release_and_store

    return open_release_and_store(project.repo, project.releases, None)


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
def bought(project):
    import csv

    items = defaultdict(set)
    with (project.raw / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
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


def show(call, project, *words):
    return call("show_candidates", "--repo", project.repo, *words)


def shown(call, project, *words):
    done = show(call, project, "--releases", project.releases, *words)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def cells_of(said, user):
    """The header and the rows of a user's table."""
    lines = said.split(f"user {user}\n")[1].split("\nuser ")[0].splitlines()
    rule = next(place for place, line in enumerate(lines) if line.startswith("---"))
    edges = [0]
    for width in map(len, lines[rule].split("  ")):
        edges.append(edges[-1] + width + 2)
    rows = [lines[rule - 1], *(line for line in lines[rule + 1 :] if line.strip())]
    return [[line[one:other].strip() for one, other in pairwise(edges)] for line in rows]


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


def test_the_first_step_is_shown_with_sources_and_the_filters_that_drop(call, project):
    said = shown(call, project, "--stage", "retrieve", "--user", "0003", "--top", 60, "--already-bought", "drop")

    first = said.splitlines()
    assert first[0].endswith(" as of 2020-03-01 00:00 UTC, filters in force:")
    assert [line.split(":")[0].strip() for line in first[1:4]] == ["already_bought", "for_sale", "age_limit"]
    header, *rows = cells_of(said, "0003")
    assert header == ["rank", "candidate", "log odds", "listed by", "dropped by"]
    assert [row[0] for row in rows] == [str(rank) for rank in range(1, 61)]
    assert all("two_tower" in row[3] for row in rows)
    dropped = {row[1]: row[4] for row in rows}
    assert dropped["Hats 1"] == "for_sale"
    count = sum(map(bool, dropped.values()))
    assert "\nretrieve: 60 candidates of 100 asked for, as if no filter were in force; " in said
    assert f"; {count} will be dropped (already_bought " in said


def test_the_second_step_is_shown_without_what_the_first_marks(call, project):
    words = ("--user", "0003", "--top", 60, "--already-bought", "drop")
    _, *proposed = cells_of(shown(call, project, "--stage", "retrieve", *words), "0003")

    said = shown(call, project, "--stage", "filter", *words)

    header, *rows = cells_of(said, "0003")
    assert header == ["rank", "candidate", "log odds", "listed by"]
    assert {row[1] for row in rows} == {row[1] for row in proposed if not row[4]}
    assert f"\nfilter: {len(rows)} candidates of 100 asked for, all of which may be shown\n" in said


def test_the_third_step_is_shown_with_both_scores_and_the_rank_before_it(call, project):
    said = shown(call, project, "--stage", "rank", "--user", "0003", "--top", 20)

    header, *rows = cells_of(said, "0003")
    assert header == ["rank", "candidate", "ranking score", "retrieval rank", "log odds", "listed by"]
    assert {row[2] for row in rows} <= {"0.50", "-0.50"}
    assert [row[0] for row in rows] == [str(rank) for rank in range(1, 21)]
    assert [row[0] for row in rows] != [row[3] for row in rows]
    assert "\nrank: 58 candidates of 100 asked for, in the ranker's order\n" in said


def test_a_candidate_file_is_shown_with_the_ranking_score_and_the_rank_before_it(call, project, steps, tmp_path):
    pq.write_table(steps().run(["0003", "nobody"])[0], tmp_path / "lists.parquet")

    done = show(call, project, "--candidates", tmp_path / "lists.parquet", "--top", 4)

    header, *rows = cells_of(done.stdout, "0003")
    assert header == [
        "rank", "candidate", "ranking score", "retrieval rank", "log odds", "listed by", "bought last",
    ]  # fmt: skip
    assert [row[2] for row in rows] == ["0.50"] * 4
    assert [int(row[3]) for row in rows] == sorted(int(row[3]) for row in rows)
    assert all(row[6] for row in rows)
    header, *rows = cells_of(done.stdout, "nobody")
    assert header == ["rank", "candidate", "retrieval rank", "log odds", "listed by", "bought last"]
    assert [(row[0], row[2], row[5]) for row in rows] == [(str(rank), str(rank), "") for rank in range(1, 5)]


def test_who_has_bought_nothing_and_who_is_not_known_are_told_apart(call, project):
    said = shown(call, project, "--stage", "rank", "--user", "nobody", "--user", "0200", "--top", 3)

    as_of = "as of 2020-03-01 00:00 UTC: this is what sells, with units as scores"
    assert [line for line in said.splitlines() if "what sells" in line] == [
        f"user nobody is not known {as_of}",
        f"user 0200 has bought nothing that this release knows {as_of}",
    ]
    assert said.count("\nrank: 57 candidates of 100 asked for, in retrieval's order\n") == 2
    for user in ("nobody", "0200"):
        header, *rows = cells_of(said.split(f"\nuser {user} ")[0], user)
        assert header == ["rank", "candidate", "retrieval rank", "log odds", "listed by"]
        assert [row[4] for row in rows] == ["popularity"] * 3


def test_filters_of_a_file_are_in_force(call, project, tmp_path):
    filters = tmp_path / "filters.toml"
    filters.write_text(f'blocked_items = ["{BLOCKED}", "unknown"]\nfor_sale = false\nage_limit = false\n', "utf-8")

    done = show(
        call, project, "--releases", project.releases, "--stage", "retrieve", "--user", "0003", "--top", 60,
        "--filters", filters,
    )  # fmt: skip

    assert done.exit_code == 0
    assert "blocked_items" in done.stderr.splitlines()[-1]
    assert "'unknown'" in done.stderr.splitlines()[-1]
    assert {row[1]: row[4] for row in cells_of(done.stdout, "0003")[1:] if row[4]} == {"Hats 5": "blocked_items"}


@pytest.mark.parametrize("name", ["candidate_request_v1", "candidate_items_v1"])
def test_a_service_that_changed_since_the_release_is_refused_by_name(call, project, tmp_path, name):
    from feast import FeatureService

    from features.store.registry import open_feature_store

    copy = project.copy_to(tmp_path / "copy")
    store = open_feature_store(copy.repo)
    view = store.get_feature_view("user_activity_daily")
    store.apply(FeatureService(name=name, features=[view[["purchases_7d"]]]))
    words = ("--releases", project.releases, "--stage", "rank", "--user", "0003")

    done = call("show_candidates", "--repo", copy.repo, *words)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("error: Release 20200301-seed-")
    assert f" was made for feature service '{name}' (" in done.stderr
    assert done.stderr.endswith("train again, or apply the feature repository of the release.\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--user", "0003"),
            "Without --stage a candidate file is shown, of which --user asks nothing: add --stage.",
        ),
        (
            ("--stage", "rank", "--user", "0003", "--candidates", "lists.parquet"),
            "With --stage no candidate file is shown, of which --candidates asks: leave it out.",
        ),
        (("--stage", "rank"), "--stage needs the user whose candidates are shown: add --user ID."),
        (
            ("--stage", "rank", "--user", " "),
            "A --user is empty or holds a control character: give the id as the raw tables have it.",
        ),
    ],
)
def test_options_that_are_not_asked_of_the_same_thing_end_in_one_sentence(call, project, words, sentence):
    done = show(call, project, *words)

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"error: {sentence}"
