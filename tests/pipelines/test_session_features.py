"""Features of sessions equal those that the nightly build computes from the same purchases."""

import csv
from dataclasses import replace

import pytest

SESSION = ["0108775007", "0108775011", "0108775007", "0108775002"]  # the last one first
BUYER = "9001"  # buys these items on the last day
UNKNOWN = "0999999999"


@pytest.fixture(scope="module")
def bought_project(applied_project, call, served_project):
    """The toy world with one more user, and an online store that is filled up to the next morning."""

    def write_raw(folder):
        from features.raw.toy_data import write_toy_data

        write_toy_data(folder, seed=7, availability=True)
        with (folder / "customers.csv").open("a", encoding="utf-8") as text:
            text.write(f"{BUYER},,,,,,,\n")
        with (folder / "transactions_train.csv").open("a", encoding="utf-8", newline="") as text:
            rows = [(f"2020-02-29 23:0{9 - age}:00", BUYER, item, "0.020", "1") for age, item in enumerate(SESSION)]
            csv.writer(text, lineterminator="\n").writerows(rows)

    project = applied_project("toy_with_a_session", write_raw)
    filled = call("materialize", "--repo", project.repo)
    assert filled.exit_code == 0, filled.stderr
    return project


@pytest.fixture(scope="module")
def sessions(served_project):
    from pipelines.candidate_generation import open_pipeline
    from pipelines.session_features import SessionFeatures

    pipeline, _ = open_pipeline(
        served_project.repo, releases=served_project.releases, version=None, filters=None, already_bought=None, k=12
    )
    return SessionFeatures.open(pipeline)


def test_a_session_has_the_features_of_a_user_who_bought_its_items(bought_project, sessions):
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from features.store.request_services import CANDIDATE_REQUEST

    reader = FeatureReader(open_feature_store(bought_project.repo), "online")
    [expected] = reader.read(CANDIDATE_REQUEST, [BUYER], reader.generation.record.as_of).to_pylist()

    table = sessions.build([SESSION])

    [row] = table.to_pylist()
    # The price that an item had on average stands for the price that was paid; the moment is that of the request.
    different = {"user_id", "mean_price", "last_purchase_at", "days_since_last_purchase"}
    assert {name: row[name] for name in row if name not in different} == {
        name: expected[name] for name in expected if name not in different
    }
    assert row["user_id"] == ""
    assert row["recent_items"] == ["0108775007", "0108775011", "0108775002"]
    assert row["recent_counts"] == [2, 1, 1]
    assert row["last_purchase_at"] == sessions.moment
    assert table.schema == sessions.blank.schema


def test_the_price_is_the_mean_of_the_items(sessions):
    prices = {"0108775007": 1.0, "0108775011": 4.0}
    known = sessions.item_codes.texts.to_pylist()
    priced = replace(sessions, prices=sessions.prices.copy())
    for item, price in prices.items():
        priced.prices[known.index(item)] = price

    [row] = priced.build([["0108775007", "0108775011", "0108775007"]]).to_pylist()

    assert row["mean_price"] == 2.0


def test_unknown_items_are_left_out_and_without_others_the_user_is_unknown(sessions):
    with_unknown, without, nobody = sessions.build([[UNKNOWN, "0108775007"], ["0108775007"], [UNKNOWN]]).to_pylist()

    assert with_unknown == without
    assert nobody == sessions.blank.to_pylist()[0]
    assert nobody["bought_items"] is None
