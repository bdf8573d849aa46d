"""The leakage test passes on the toy data, and reports the view and the column of every planted leak."""

import csv
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.tables import item_queries, user_queries

MOMENT = "2020-02-03 12:20:22"  # the one moment that seed 1 draws from the toy data
LATER_PURCHASES = "2,214 later purchases"

# Planted leaks: a query, a part of it, and the code that replaces it.
EVENT_TIMESTAMP_A_DAY_EARLY = (
    (item_queries, "SALES"),
    "{stamp} as event_timestamp, {stamp} as created_timestamp",
    "{stamp} - interval 1 day as event_timestamp, {stamp} - interval 1 day as created_timestamp",
)
ACTIVITY_OF_THE_SAME_DAY = ((user_queries, "ACTIVITY"), "select user_id, day + 1 as day", "select user_id, day as day")
HISTORY_KNOWN_IMMEDIATELY = (
    (user_queries, "BOUGHT_ITEMS"),
    "from histories, lists order by",
    """from histories, lists
    union all
    select user_id, list(item_id), [-1], [-1], [0]::float[], purchased_at + interval 1 microsecond, purchased_at
    from dated_purchases where hash(user_id) % {buckets} = {bucket} group by user_id, purchased_at order by""",
)
SALES_OF_THE_WHOLE_PERIOD = (
    (item_queries, "SALES"), "sum(sales) over last_week", "sum(sales) over (partition by item_id)"
)  # fmt: skip
BUYERS_OF_THE_WHOLE_PERIOD = (
    (item_queries, "SALES"), "sum(new_buyers) over ever", "sum(new_buyers) over (partition by item_id)"
)  # fmt: skip
TASTES_OF_THE_SAME_DAY = (
    (user_queries, "TASTES"), "select user_id, day + 1 as day, kind", "select user_id, day as day, kind"
)  # fmt: skip

COUNTS = ("purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "mean_price")


@dataclass
class Outcome:
    """The results of a leakage test: its stages, and its leaks by view and column."""

    stages: list
    leaks: dict

    @property
    def stages_with_leaks(self):
        return [any(comparison.differences for comparison in stage.result.comparisons) for stage in self.stages]


@pytest.fixture(scope="module")
def releases(trained):
    """The folder of a release that was trained on the toy data."""
    return trained.releases


@pytest.fixture
def plant(monkeypatch):
    """Replace code that builds feature tables by code that leaks."""

    def plant(query, clean, leaking):
        module, name = query
        sql = getattr(module, name)
        assert clean in sql
        monkeypatch.setattr(module, name, sql.replace(clean, leaking))

    return plant


@pytest.fixture
def build(toy, toy_store, project_at, tmp_path):
    """Build feature tables with the code in force, and a project whose registry reads them."""

    def build(raw=toy.raw):
        from features.tables.build import build_feature_tables
        from pipelines.leakage.store_copy import store_copy

        project = project_at(tmp_path / "built")
        shutil.copytree(toy.repo, project.repo)
        tables = project.root / "tables"
        build_feature_tables(raw, tables, quarantine=None, memory_limit="1GB", progress=lambda *_: lambda _: None)
        store_copy(toy_store, project.root / "data", tables)
        return project

    return build


@pytest.fixture
def run_test(toy, releases, tmp_path):
    """Run the leakage test of a project at one moment."""

    def run_test(project, raw=toy.raw):
        from features.progress import SILENT
        from features.store.registry import open_feature_store
        from models.release.release import load_release
        from pipelines.leakage.leakage_test import run_leakage_test
        from pipelines.leakage.report import find_leaks

        folder, release = tmp_path / "leakage_test", load_release(releases)
        folder.mkdir()
        stages, uncompared = run_leakage_test(
            open_feature_store(project.repo), release, releases / release.version, raw_dir=raw, folder=folder,
            moments=1, users=50, items=20, seed=1, memory_limit="1GB", reporter=SILENT,
        )  # fmt: skip
        assert uncompared == []
        return Outcome(stages, {(leak.view, leak.column): leak for leak in find_leaks(stages)})

    return run_test


@pytest.fixture
def daily(toy, tmp_path):
    """Raw tables whose purchases have dates without times."""
    folder = tmp_path / "daily"
    shutil.copytree(toy.raw, folder)
    with (toy.raw / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    with (folder / "transactions_train.csv").open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([header, *([row[0][:10], *row[1:]] for row in rows)])
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def summary_rows(output):
    """The rows of the summary table: name, moment, snapshots, rows, columns that differ, seconds."""
    lines = output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("-----"))
    rows = (line.split("  ") for line in lines[first + 1 : lines.index("", first)])
    return [[cell.strip() for cell in row if cell.strip()] for row in rows]


def test_the_job_passes_on_clean_data_and_changes_nothing(call, toy, releases, tmp_path):
    project = toy.copy_to(tmp_path / "copy")
    folders = (project.root, toy.tables, toy.raw, releases)
    before = [contents(folder) for folder in folders]
    options = ("--repo", project.repo, "--releases", releases, "--moments", 1)  # the raw tables are those of the build

    done = call("check_leakage", *options)

    assert done.exit_code == 0, done.stderr
    assert [contents(folder) for folder in folders] == before
    assert [row[:3] for row in summary_rows(done.stdout)] == [
        [f"{LATER_PURCHASES} deleted", MOMENT, "20"],
        [f"{LATER_PURCHASES} permuted", MOMENT, "20"],
        ["encodings of the release", "2020-02-23 00:00:00", "4"],
        ["0 late rows", "each row", "0"],
        ["online and offline features", MOMENT, "13"],
        ["online and offline lists", MOMENT, "2"],
    ]
    # 4 x 60 items and 7 x 200 users, 2 x 60 items of the catalogue snapshot; 2 x 200 lists of 60
    assert [row[3] for row in summary_rows(done.stdout)[-2:]] == ["1,760", "24,000"]
    assert {row[4] for row in summary_rows(done.stdout)} == {"0"}
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_timestamp_a_day_early_and_a_history_known_immediately_are_reported(plant, build, run_test, toy_purchases):
    plant(*EVENT_TIMESTAMP_A_DAY_EARLY)
    plant(*HISTORY_KNOWN_IMMEDIATELY)

    outcome = run_test(build())

    sales = [f"sales_{window}" for window in ("1d", "7d", "28d", "total")]
    assert set(outcome.leaks) == {
        *(("item_sales_daily", column) for column in (*sales, "mean_price", "last_sold_at")),
        *(("item_sales_daily", column) for column in ("first_purchases_7d", "first_purchases_28d", "buyers_total")),
        *(("item_at_request", column) for column in ("days_since_first_sold", "days_since_last_sold")),
        ("item_sales_daily", "bestseller"),
        ("item_sales_daily", "units sold of the bestseller"),
        *(("user_bought_items_daily", f"bought_{column}") for column in ("items", "counts", "days", "gaps")),
        *(("user_recent_items_daily", f"recent_{column}") for column in ("items", "counts", "days")),
    }
    leak = outcome.leaks["item_sales_daily", "sales_1d"]
    assert leak.found_by[0] == (f"{LATER_PURCHASES} deleted as of {MOMENT}; training set, items (item_tower_v3)")
    day = MOMENT[:10]
    sold_before = Counter(item for _, item, moment, _ in toy_purchases if day <= moment < MOMENT)
    sold_that_day = Counter(item for _, item, moment, _ in toy_purchases if moment[:10] == day)
    assert (
        list(leak.first_rows.rows)
        == [
            (item, moment, str(sold_before[item]), str(sold_that_day[item]))
            for _, item, moment, _ in toy_purchases
            if day <= moment < MOMENT and sold_before[item] < sold_that_day[item]
        ][:5]
    )


def test_features_of_the_same_day_and_of_the_whole_period_are_reported(plant, build, run_test, toy_purchases):
    plant(*ACTIVITY_OF_THE_SAME_DAY)
    plant(*SALES_OF_THE_WHOLE_PERIOD)
    plant(*BUYERS_OF_THE_WHOLE_PERIOD)
    plant(*TASTES_OF_THE_SAME_DAY)

    outcome = run_test(build())

    assert set(outcome.leaks) == {
        *(("user_activity_daily", column) for column in (*COUNTS, "last_purchase_at")),
        ("user_at_request", "days_since_last_purchase"),
        *(("user_tastes_daily", name) for name in ("product_types", "product_type_counts")),
        *(("user_tastes_daily", name) for name in ("garment_groups", "garment_group_counts")),
        ("item_sales_daily", "buyers_total"),
        ("item_sales_daily", "sales_7d"),
        ("item_sales_daily", "bestseller"),
        ("item_sales_daily", "units sold of the bestseller"),
    }
    leak = outcome.leaks["item_sales_daily", "units sold of the bestseller"]
    all_sales = Counter(item for _, item, *_ in toy_purchases).most_common(1)[0][1]
    sales_before = Counter(item for _, item, moment, _ in toy_purchases if moment < MOMENT).most_common(1)[0][1]
    assert leak.first_rows.rows[0] == ("1", str(sales_before), str(all_sales))


@pytest.fixture
def leaking_fit(monkeypatch):
    """Fit the vocabulary of items and one scale on all purchases, also on those after the cut."""
    import numpy as np

    from models.encoding import Encodings, Scale
    from models.vocabulary import Vocabulary

    clean = Encodings.fit

    def leaking(schemas, queries, candidates):
        fitted = clean(schemas, queries, candidates)
        purchases = pq.read_table(queries.paths[0].parent / "purchases.parquet", columns=["item_id"])
        sold = dict(Counter(purchases["item_id"].to_pylist()).most_common(30))
        vocabularies = {**fitted.item.vocabularies, "item_id": Vocabulary(tuple(sorted(sold)))}
        scale = Scale.of([np.array(list(sold.values()), np.float32)], log=True)
        scales = {**fitted.item.scales, "sales_28d": scale}
        return replace(fitted, item=replace(fitted.item, vocabularies=vocabularies, scales=scales))

    monkeypatch.setattr(Encodings, "fit", staticmethod(leaking))


def test_encodings_fitted_on_later_data_and_a_late_row_are_reported(leaking_fit, build, run_test):
    project = build()
    path = project.root / "tables" / "item_sales_daily.parquet"
    table = pq.read_table(path)
    event, created = datetime(2020, 1, 20, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    [row] = [row for row in table.to_pylist() if row["item_id"] == "0108775007" and row["event_timestamp"] == event]
    late_row = {**row, "sales_7d": 999, "created_timestamp": created}
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([late_row], table.schema)]), path)

    leaks = run_test(project).leaks

    assert set(leaks) == {
        ("item_tower_v3", "item_id"),
        ("item_sales_daily", "sales_28d"),
        ("item_sales_daily", "sales_7d"),
    }
    assert leaks["item_tower_v3", "item_id"].rows == 1
    assert leaks["item_tower_v3", "item_id"].found_by[0].endswith("; vocabularies (item_tower_v3)")
    assert leaks["item_sales_daily", "sales_28d"].found_by[0].endswith("; scales (item_tower_v3)")
    assert leaks["item_sales_daily", "sales_28d"].first_rows.column("statistic") == ["mean", "deviation"]
    assert leaks["item_sales_daily", "sales_7d"].found_by == ("1 late row; late rows",)
    assert leaks["item_sales_daily", "sales_7d"].first_rows.rows == (
        ("0108775007", "2020-01-20 00:00:00", str(row["sales_7d"]), "999"),
    )


def test_with_dates_without_times_features_of_the_same_day_are_reported(plant, build, run_test, daily):
    plant(*ACTIVITY_OF_THE_SAME_DAY)

    outcome = run_test(build(daily), daily)

    # The stage of the release differs too: the release was trained on purchases with times.
    assert outcome.stages_with_leaks == [True, True, True, False, False, False]
    found = {column for column, leak in outcome.leaks.items() if "purchases deleted" in leak.found_by[0]}
    assert found == {
        *(("user_activity_daily", column) for column in (*COUNTS, "last_purchase_at")),
        ("user_at_request", "days_since_last_purchase"),
    }


@pytest.mark.parametrize(("options", "status"), [((), 1), (("--allow-uncompared",), 0)])
def test_a_service_that_is_not_compared_fails_the_job_unless_it_is_allowed(
    call, toy, releases, monkeypatch, options, status
):
    from pipelines.leakage import leakage_test

    monkeypatch.setattr(leakage_test, "run_leakage_test", lambda *_, **__: ([], ["pairs_v1: planted"]))

    done = call("check_leakage", "--repo", toy.repo, "--raw-dir", toy.raw, "--releases", releases, *options)

    assert done.exit_code == status
    assert "pairs_v1: planted" in done.stdout


def test_without_a_release_the_job_names_the_command_that_trains_one(call, toy, tmp_path):
    done = call("check_leakage", "--repo", toy.repo, "--raw-dir", toy.raw, "--releases", tmp_path)

    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert f"{tmp_path}" in done.stderr
    assert "python jobs/train.py" in done.stderr


def test_missing_raw_tables_are_named_and_no_file_is_left_behind(call, toy, releases, tmp_path):
    before = contents(releases)

    done = call("check_leakage", "--repo", toy.repo, "--raw-dir", tmp_path, "--releases", releases)

    assert done.exit_code == 1
    assert f"{tmp_path}" in done.stderr
    assert contents(releases) == before
