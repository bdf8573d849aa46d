"""The raw tables of `benchmarks/hm_world.py`: reproducible, valid, of H&M's proportions, with a known optimum."""

import sys
from hashlib import sha256
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from features.errors import InputError
from features.progress import SILENT
from features.raw.raw_tables import load_raw_tables

ROOT = Path(__file__).parents[2]
CUSTOMERS, ARTICLES, PURCHASES = 6_000, 4_000, 139_000


@pytest.fixture(scope="module")
def hm_world():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        import hm_world

        yield hm_world
    for name in [name for name in sys.modules if name.split(".")[0] in {"hm_world", "hm_data"}]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def generate(hm_world):
    def generate(seed=1, threads=2, **size):
        rows = {"customers": CUSTOMERS, "articles": ARTICLES, "purchases": PURCHASES} | size
        return hm_world.generate(hm_world.Size(**rows), seed, threads=threads, progress=SILENT.progress)

    return generate


@pytest.fixture(scope="module")
def world(generate):
    return generate()


@pytest.fixture(scope="module")
def folder(hm_world, world, tmp_path_factory):
    output = tmp_path_factory.mktemp("hm") / "raw"
    hm_world.write_world(world, output, "parquet", progress=SILENT.progress)
    return output


@pytest.fixture(scope="module")
def recalls(world, hm_world):
    return hm_world.optimum.measure_recalls(
        np.random.default_rng(0), world.customers, world.catalogue, world.choice_tables, world.purchases, sample=400
    )


def typed_tables(folder):
    connection = duckdb.connect()
    counts = load_raw_tables(connection, folder)
    return connection, counts


def digests(folder):
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_equal_seeds_give_equal_bytes_whatever_the_number_of_threads(hm_world, generate, world, file_format, tmp_path):
    for name, other in (("one", world), ("two", generate(threads=1)), ("seed", generate(seed=2))):
        hm_world.write_world(other, tmp_path / name, file_format, progress=SILENT.progress)

    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert not set(digests(tmp_path / "one").values()) & set(digests(tmp_path / "seed").values())


def test_the_raw_tables_are_valid_and_complete(folder):
    _, counts = typed_tables(folder)

    assert (counts.users, counts.items, counts.purchases) == (CUSTOMERS, ARTICLES, PURCHASES)
    assert sum(counts.quarantined.values()) == 0
    assert f"{counts.first_purchased_at:%Y-%m-%d}" == "2018-09-20"
    assert f"{counts.last_purchased_at:%Y-%m-%d}" == "2020-09-22"


def test_csv_and_parquet_hold_the_same_rows(hm_world, world, folder, tmp_path):
    hm_world.write_world(world, tmp_path / "csv", "csv", progress=SILENT.progress)
    rows = []
    for raw in (folder, tmp_path / "csv"):
        connection, _ = typed_tables(raw)
        rows.append([connection.execute(f"FROM {table}").fetchall() for table in ("users", "items", "purchases")])

    assert rows[0] == rows[1]


def test_the_columns_are_those_of_the_competition(folder):
    columns = {path.stem: pq.read_schema(path).names for path in folder.iterdir()}

    assert columns["customers"] == [
        "customer_id", "FN", "Active", "club_member_status", "fashion_news_frequency", "age", "postal_code",
    ]  # fmt: skip
    assert columns["transactions_train"] == ["t_dat", "customer_id", "article_id", "price", "sales_channel_id"]
    assert columns["articles"] == [
        "article_id", "product_code", "prod_name", "product_type_no", "product_type_name", "product_group_name",
        "graphical_appearance_no", "graphical_appearance_name", "colour_group_code", "colour_group_name",
        "perceived_colour_value_id", "perceived_colour_value_name", "perceived_colour_master_id",
        "perceived_colour_master_name", "department_no", "department_name", "index_code", "index_name",
        "index_group_no", "index_group_name", "section_no", "section_name", "garment_group_no", "garment_group_name",
        "detail_desc",
    ]  # fmt: skip


def test_ids_and_prices_look_like_those_of_the_competition(folder):
    articles = pq.read_table(folder / "articles.parquet").to_pylist()
    customers = pq.read_table(folder / "customers.parquet", columns=["customer_id"])["customer_id"].to_pylist()
    prices = pq.read_table(folder / "transactions_train.parquet", columns=["price"])["price"].to_numpy()

    assert all(row["article_id"].startswith(f"{row['product_code']:07d}") for row in articles)
    assert {len(row["article_id"]) for row in articles} == {10}
    assert len({row["article_id"] for row in articles}) == ARTICLES
    assert {len(customer) for customer in customers} == {64}
    assert customers == sorted(set(customers))
    assert 29.99 / 590 in prices  # 0.05083050847457627
    assert prices.min() > 0
    assert prices.max() < 0.592


def test_names_and_numbers_of_categories_correspond(folder):
    articles = pq.read_table(folder / "articles.parquet").to_pandas()

    for number, name in (
        ("product_type_no", "product_type_name"), ("colour_group_code", "colour_group_name"),
        ("perceived_colour_value_id", "perceived_colour_value_name"), ("section_no", "section_name"),
        ("perceived_colour_master_id", "perceived_colour_master_name"), ("index_code", "index_name"),
        ("graphical_appearance_no", "graphical_appearance_name"), ("index_group_no", "index_group_name"),
        ("garment_group_no", "garment_group_name"), ("product_code", "department_name"),
        ("department_no", "department_name"), ("department_no", "garment_group_name"), ("section_no", "index_name"),
    ):  # fmt: skip
        assert articles.groupby(number)[name].nunique().max() == 1, (number, name)


def test_the_colours_of_a_product_are_distinct(folder):
    articles = pq.read_table(folder / "articles.parquet").to_pandas()

    assert not articles.duplicated(["product_code", "colour_group_name"]).any()
    assert 1.9 < articles.groupby("product_code").size().mean() < 2.7  # 2.23 in the H&M catalogue


def test_purchases_have_the_proportions_of_the_competition(hm_world, generate):
    world = generate(articles=hm_world.HM_ARTICLES)
    values = hm_world.statistics.statistics(world.customers, world.catalogue, world.purchases)
    number = {name: float(text.split()[0].rstrip(",").replace(",", "")) for name, text in values.items()}

    assert values.keys() == hm_world.statistics.HM.keys()
    assert number["purchases per customer, median"] == 9
    assert number["purchases per customer, 90 %"] == pytest.approx(61, rel=0.1)
    assert number["purchases per customer, 99 %"] == pytest.approx(195, rel=0.1)
    assert number["purchases per customer and day, mean"] == pytest.approx(3.5, rel=0.15)
    assert number["several pieces of one article, share of purchases"] == pytest.approx(10.1, abs=2)
    assert number["article bought on an earlier day, share"] == pytest.approx(3.8, abs=2)
    assert number["other colour bought on an earlier day, share"] == pytest.approx(3.5, abs=2)
    assert number["online purchases, share"] == pytest.approx(70, abs=4)
    assert number["age unknown, share"] == pytest.approx(1.2, abs=0.6)
    below, above = map(int, values["age, peaks below and above 38 years"].split(", "))
    assert below == pytest.approx(22, abs=3)
    assert above == pytest.approx(50, abs=4)


def test_each_scale_has_the_numbers_of_the_competition_in_proportion(hm_world):
    size = hm_world.Size

    assert size.of(1) == size(1_371_980, 105_542, 31_788_324)
    assert size.of(0.01) == size(13_720, 10_554, 317_883)


def test_articles_are_sold_in_their_life_cycle_only_and_new_ones_every_week(hm_world, world):
    week = hm_world.market.week_of(world.purchases.day)
    article, catalogue = world.purchases.article, world.catalogue

    assert (week >= catalogue.first_week[article]).all()
    assert (week <= catalogue.last_week[article]).all()
    assert set(range(1, 104)) <= set(catalogue.first_week.tolist())


def test_the_last_week_has_seven_days(hm_world):
    days = np.arange(hm_world.market.DAYS, dtype=np.int16)

    assert hm_world.market.week_of(days)[[0, 5, 6, 726, 727, 733]].tolist() == [0, 0, 1, 103, 104, 104]
    assert hm_world.market.first_day_of(104) == 727


def test_a_reseller_makes_50000_further_purchases(generate, world):
    bought = generate(reseller=True).purchases
    counts = np.bincount(bought.customer)

    assert counts[-1] == 50_000
    assert len(bought) == PURCHASES - np.bincount(world.purchases.customer, minlength=CUSTOMERS)[-1] + 50_000


def test_the_best_achievable_recall_is_above_bestsellers(recalls):
    for cutoff in (12, 100):
        best = recalls.by_list["best achievable"][cutoff]
        difference = best - recalls.by_list["bestsellers of the week before"][cutoff]

        assert difference.mean() > 5 * difference.std() / np.sqrt(recalls.users)
        assert best.mean() < 0.95


def test_lists_of_another_order_or_of_another_customer_have_a_lower_recall(hm_world, world, recalls):
    """The noise twin: each customer gets the list of the next one."""
    shuffled = hm_world.optimum.measure_recalls(
        np.random.default_rng(0),
        hm_world.customers.Customers(
            **{
                name: np.roll(getattr(world.customers, name), 1, axis=0)
                if name in {"persona", "favourites", "favourite_weights", "taste"}
                else getattr(world.customers, name)
                for name in world.customers.__dataclass_fields__
            }
        ),
        world.catalogue,
        world.choice_tables,
        world.purchases,
        sample=400,
    )

    assert shuffled.mean("best achievable", 12) < recalls.mean("best achievable", 12) - 0.05


def test_articles_are_drawn_with_the_probabilities_that_are_reported(hm_world, world):
    """A customer buys one article, then another on a later day, 40,000 times."""
    draws, user, week = 40_000, 5, 100
    choices, customers, tables = hm_world.choices, world.customers, world.choice_tables
    chosen = np.empty(2 * draws, np.int32)
    same = [np.repeat(each[user : user + 1], draws, axis=0) for each in (
        customers.persona, customers.favourites, customers.favourite_weights, customers.taste,
    )]  # fmt: skip
    rows = np.arange(2 * draws)
    choices.choose_articles(
        np.arange(draws + 1) * 2, rows, np.full(2 * draws, week), np.random.default_rng(0).random((2 * draws, 9)),
        *same, chosen, *tables,
    )  # fmt: skip

    none = np.empty(0, np.int32)
    first = choices.probabilities(customers, tables, user, none, week)
    earlier, counts = np.unique(chosen[::2], return_counts=True)
    second = sum(
        count * choices.probabilities(customers, tables, user, np.array([article], np.int32), week)
        for article, count in zip(earlier, counts, strict=True)
    )
    for position, expected in ((0, draws * first), (1, second)):
        observed = np.bincount(chosen[position::2], minlength=ARTICLES)
        often = expected > 20
        assert expected.sum() == pytest.approx(draws)
        assert (observed[expected == 0] == 0).all()
        assert often.sum() > 50
        # The mean of squared standardized differences is 1, with a standard deviation of sqrt(2 / n).
        squares = (observed[often] - expected[often]) ** 2 / expected[often]
        assert squares.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / often.sum()))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--scale", "0"], "--scale"),
        (["--scale", "1.5"], "--scale"),
        (["--format", "xlsx"], "--format"),
        (["--threads", "0"], "--threads"),
        (["--sample", "1"], "--sample"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_options_out_of_range_are_refused(hm_world, options, named):
    result = CliRunner().invoke(hm_world.main, options)

    assert result.exit_code == 2
    assert named in result.output


def test_a_scale_that_is_not_a_number_is_refused(hm_world):
    result = CliRunner().invoke(hm_world.main, ["--scale", "nan"])

    assert result.exit_code == 1
    assert "--scale" in result.output


def test_a_folder_with_other_files_is_refused(hm_world, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    result = CliRunner().invoke(hm_world.main, ["--output", str(tmp_path)])

    assert result.exit_code == 1
    assert "thesis.tex" in result.output
    with pytest.raises(InputError, match="is a file"):
        hm_world.check_output(tmp_path / "thesis.tex")


def test_an_interrupted_write_leaves_the_folder_as_it_was(hm_world, world, folder, tmp_path, monkeypatch):
    output = tmp_path / "raw"
    hm_world.write_world(world, output, "csv", progress=SILENT.progress)
    before = digests(output)
    monkeypatch.setattr(hm_world.raw_tables, "transaction_batches", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        hm_world.write_world(world, output, "parquet", progress=SILENT.progress)

    assert digests(output) == before
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
