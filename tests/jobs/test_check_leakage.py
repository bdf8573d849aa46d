"""The leak check passes a clean world, and names the view and the column of every leak that is planted in one."""

import csv
import re
import shutil
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.tables import item_queries, user_queries

LEAK = re.compile(r"^LEAK: (?:feature view )?(.+), column (.+)$", re.MULTILINE)
DRAWN = "2020-02-03 12:20:22"  # the one moment that seed 1 draws in the toy world

# Code that leaks: a query, a piece of it, and what the planted code has in its place.
A_DAY_EARLY = (
    (item_queries, "SALES"),
    "{stamp} as event_timestamp, {stamp} as created_timestamp",
    "{stamp} - interval 1 day as event_timestamp, {stamp} - interval 1 day as created_timestamp",
)
THE_SAME_DAY = ((user_queries, "ACTIVITY"), "select user_id, day + 1 as day", "select user_id, day as day")
AT_ONCE = (
    (user_queries, "BOUGHT_ITEMS"),
    "from histories, lists order by",
    """from histories, lists
    union all
    select user_id, list(item_id), [-1], [-1], purchased_at + interval 1 microsecond, purchased_at
    from dated_purchases where hash(user_id) % {buckets} = {bucket} group by user_id, purchased_at order by""",
)
THE_WHOLE_PERIOD = (
    (item_queries, "SALES"), "sum(sales) over last_week", "sum(sales) over (partition by item_id)"
)  # fmt: skip
EVERY_FIRST_PURCHASE = (
    (item_queries, "SALES"), "sum(new_buyers) over ever", "sum(new_buyers) over (partition by item_id)"
)  # fmt: skip
TASTES_OF_THE_SAME_DAY = (
    (user_queries, "TASTES"), "select user_id, day + 1 as day, kind", "select user_id, day as day, kind"
)  # fmt: skip

COUNTS = ("purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "mean_price")


@pytest.fixture(scope="module")
def releases(trained):
    """A release, trained on the toy world as it is."""
    return trained.releases


@pytest.fixture
def plant(monkeypatch):
    """Let the code that builds feature tables leak."""

    def plant(query, clean, leaking):
        module, name = query
        sql = getattr(module, name)
        assert clean in sql
        monkeypatch.setattr(module, name, sql.replace(clean, leaking))

    return plant


@pytest.fixture
def built(toy, toy_store, project_at, tmp_path):
    """Build feature tables with whatever code is in force, and a registry that reads them."""

    def built(raw=toy.raw):
        from features.tables.build import build_feature_tables
        from pipelines.leakage.store_copy import store_copy

        project = project_at(tmp_path / "built")
        shutil.copytree(toy.repo, project.repo)
        tables = project.root / "tables"
        build_feature_tables(raw, tables, quarantine=None, memory_limit="1GB", progress=lambda *_: lambda _: None)
        store_copy(toy_store, project.root / "data", tables)
        return project

    return built


@pytest.fixture
def check(call, toy, releases):
    """Run the check from one moment; returns what was said and the (view, column) pairs that were named."""

    def check(project, raw=toy.raw):
        done = call("check_leakage", "--repo", project.repo, "--raw-dir", raw, "--releases", releases, "--moments", 1)
        assert "Traceback" not in done.stderr
        return done, LEAK.findall(done.stdout)

    return check


@pytest.fixture
def daily(toy, tmp_path):
    """The raw tables of a shop that knows the days of its purchases only."""
    folder = tmp_path / "daily"
    shutil.copytree(toy.raw, folder)
    with (toy.raw / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    with (folder / "transactions_train.csv").open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([header, *([row[0][:10], *row[1:]] for row in rows)])
    return folder


def stages(done):
    """The rows of the table at the end: name, moment, questions, rows, values, columns that differ, seconds."""
    lines = done.stdout.splitlines()
    return [re.split(r"\s{2,}", line) for line in lines[lines.index(next(filter(is_head, lines))) + 2 : -1]]


def is_head(line):
    return line.startswith("compared  ")


def said_of(done, view, column):
    """The paragraph about one column, and the rows in it."""
    (said,) = [
        part for part in done.stdout.split("LEAK: ") if part.startswith(f"feature view {view}, column {column}\n")
    ]
    rows = re.split(r"^-[- ]+-$", said, flags=re.MULTILINE)[1].strip().split("\n\n")[0].splitlines()
    return said, [re.split(r"\s{2,}", row) for row in rows]


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_clean_world_passes_and_nothing_of_it_is_written(check, toy, releases, tmp_path):
    project = toy.copy_to(tmp_path / "copy")
    folders = (project.root, toy.tables, toy.raw, releases)
    before = [contents(folder) for folder in folders]

    done, named = check(project)

    assert (done.exit_code, named) == (0, [])
    assert re.fullmatch(r"no leak found after \d+ s", done.stdout.splitlines()[-1])
    assert [contents(folder) for folder in folders] == before
    version = (releases / "LATEST").read_text(encoding="utf-8").strip()
    assert [(name, moment, questions) for name, moment, questions, *_ in stages(done)] == [
        ("later purchases deleted: 2,214", DRAWN, "20"),
        ("later purchases permuted: 2,214", DRAWN, "20"),
        (f"words and scales of release {version}", "2020-02-23 00:00:00", "4"),
        ("rows created after their stamp: 0", "each row's stamp", "0"),
        ("online features beside offline ones", DRAWN, "11"),
        ("lists from online features beside offline ones", DRAWN, "2"),
    ]
    # 6 x 60 items and 5 x 200 users; 2 x 200 lists of 60
    assert [row[3] for row in stages(done)[-2:]] == ["1,360", "24,000"]
    assert {row[5] for row in stages(done)} == {"0"}


def test_a_feature_stamped_a_day_early_and_one_known_at_once_are_named(plant, built, check, toy_purchases):
    plant(*A_DAY_EARLY)
    plant(*AT_ONCE)

    done, named = check(built())

    assert done.exit_code == 1
    sales = [f"sales_{window}" for window in ("1d", "7d", "28d", "total")]
    assert set(named) == {
        *(("item_sales_daily", column) for column in (*sales, "mean_price", "last_sold_at")),
        *(("item_sales_daily", column) for column in ("first_purchases_7d", "first_purchases_28d", "buyers_total")),
        *(("item_at_request", column) for column in ("days_since_first_sold", "days_since_last_sold")),
        ("item_sales_daily", "bestseller"),
        ("item_sales_daily", "units sold of the bestseller"),
        *(("user_bought_items_daily", f"bought_{column}") for column in ("items", "counts", "days")),
        *(("user_recent_items_daily", f"recent_{column}") for column in ("items", "counts", "days")),
    }
    said, rows = said_of(done, "item_sales_daily", "sales_1d")
    assert f"later purchases deleted: 2,214 as of {DRAWN}; training set, items (item_tower_v3)\n" in said
    sold_before = Counter(item for _, item, moment, _ in toy_purchases if DRAWN[:10] <= moment < DRAWN)
    sold_that_day = Counter(item for _, item, moment, _ in toy_purchases if moment[:10] == DRAWN[:10])
    assert (
        rows
        == [
            [item, moment, str(sold_before[item]), str(sold_that_day[item])]
            for _, item, moment, _ in toy_purchases
            if DRAWN[:10] <= moment < DRAWN and sold_before[item] < sold_that_day[item]
        ][:5]
    )
    assert "What to do: The value depends on what was bought later." in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("LEAKS found after ")


def test_the_same_day_and_popularity_over_the_whole_period_are_named(plant, built, check, toy_purchases):
    plant(*THE_SAME_DAY)
    plant(*THE_WHOLE_PERIOD)
    plant(*EVERY_FIRST_PURCHASE)
    plant(*TASTES_OF_THE_SAME_DAY)

    done, named = check(built())

    assert done.exit_code == 1
    assert set(named) == {
        *(("user_activity_daily", column) for column in (*COUNTS, "last_purchase_at")),
        *(("user_tastes_daily", name) for name in ("product_types", "product_type_counts")),
        *(("user_tastes_daily", name) for name in ("garment_groups", "garment_group_counts")),
        ("item_sales_daily", "buyers_total"),
        ("item_sales_daily", "sales_7d"),
        ("item_sales_daily", "bestseller"),
        ("item_sales_daily", "units sold of the bestseller"),
    }
    _, rows = said_of(done, "item_sales_daily", "units sold of the bestseller")
    ever = Counter(item for _, item, *_ in toy_purchases).most_common(1)[0][1]
    before = Counter(item for _, item, moment, _ in toy_purchases if moment < DRAWN).most_common(1)[0][1]
    assert rows[0] == ["1", str(before), str(ever)]


@pytest.fixture
def leaking_fit(monkeypatch):
    """Fit the items' words and one scale on all purchases, also on those after the cut."""
    import numpy as np

    from models.encoding import Encodings, Scale
    from models.vocabulary import Vocabulary

    clean = Encodings.fit

    def leaking(schemas, queries, candidates):
        fitted = clean(schemas, queries, candidates)
        purchases = pq.read_table(queries.paths[0].parent / "purchases.parquet", columns=["item_id"])
        sold = dict(Counter(purchases["item_id"].to_pylist()).most_common(30))
        words = {**fitted.item.vocabularies, "item_id": Vocabulary(tuple(sorted(sold)))}
        scale = Scale.of([np.array(list(sold.values()), np.float32)], log=True)
        scales = {**fitted.item.scales, "sales_28d": scale}
        return replace(fitted, item=replace(fitted.item, vocabularies=words, scales=scales))

    monkeypatch.setattr(Encodings, "fit", staticmethod(leaking))


def test_a_vocabulary_and_a_scale_fitted_on_the_future_and_a_backfilled_row_are_named(leaking_fit, built, check):
    project = built()
    path = project.root / "tables" / "item_sales_daily.parquet"
    table = pq.read_table(path)
    stamped, written = datetime(2020, 1, 20, tzinfo=UTC), datetime(2020, 3, 1, tzinfo=UTC)
    [row] = [row for row in table.to_pylist() if row["item_id"] == "0108775007" and row["event_timestamp"] == stamped]
    backfilled = {**row, "sales_7d": 999, "created_timestamp": written}
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist([backfilled], table.schema)]), path)

    done, named = check(project)

    assert done.exit_code == 1
    assert set(named) == {
        ("item_tower_v3", "item_id"),
        ("item_sales_daily", "sales_28d"),
        ("item_sales_daily", "sales_7d"),
    }
    assert "vocabularies (item_tower_v3)\nrows that differ: 1; the first:" in done.stdout
    said, rows = said_of(done, "item_sales_daily", "sales_28d")
    assert "scales (item_tower_v3)" in said
    assert [row[0] for row in rows] == ["mean", "deviation"]
    said, rows = said_of(done, "item_sales_daily", "sales_7d")
    assert said.splitlines()[1].startswith("rows created after their stamp: 1; rows created after their stamp")
    assert rows == [["0108775007", "2020-01-20 00:00:00", str(row["sales_7d"]), "999"]]
    assert "Stamp it with the moment at which it became known" in done.stdout


def test_where_only_days_are_known_the_same_day_is_named_and_nothing_else(plant, built, check, daily):
    plant(*THE_SAME_DAY)

    done, _ = check(built(daily), daily)

    # The release was trained on the toy world with its hours: its own stage is not looked at.
    said = done.stdout.partition("words and scales")[0]
    named = {pair for pair in LEAK.findall(said) if "purchases deleted" in said_of(done, *pair)[0]}
    assert named == {
        *(("user_activity_daily", column) for column in (*COUNTS, "last_purchase_at")),
    }
    assert [int(row[5]) > 0 for row in stages(done)] == [True, True, True, False, False, False]


def test_without_a_release_the_check_says_what_to_run_first(call, toy, tmp_path):
    done = call("check_leakage", "--repo", toy.repo, "--raw-dir", toy.raw, "--releases", tmp_path)

    assert done.exit_code == 1
    assert (
        done.stderr.splitlines()[-1] == f"error: There is no release in {tmp_path}: run `python jobs/train.py` first."
    )


def test_raw_tables_that_are_not_there_are_named_and_nothing_is_left_behind(call, toy, releases, tmp_path):
    before = contents(releases)

    done = call("check_leakage", "--repo", toy.repo, "--raw-dir", tmp_path, "--releases", releases)

    assert done.exit_code == 1
    assert f"{tmp_path}" in done.stderr.splitlines()[-1]
    assert contents(releases) == before
