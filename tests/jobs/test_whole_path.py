"""The whole road, as a person walks it: each step a command of its own, from a folder that is not the project's."""

import csv
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.whole_path

K = 12
USERS = ["0003", "nobody", "0200", "0001"]  # 0200 is known and has never bought
COLUMNS = [
    pa.field("user_id", pa.string(), nullable=False),
    pa.field("item_id", pa.string(), nullable=False),
    pa.field("rank", pa.int32(), nullable=False),
    pa.field("ranking_score", pa.float32()),
    pa.field("retrieval_rank", pa.int32(), nullable=False),
    pa.field("score", pa.float32(), nullable=False),
    pa.field("sources", pa.list_(pa.string()), nullable=False),
    pa.field("source_ranks", pa.list_(pa.int32()), nullable=False),
    pa.field("source_scores", pa.list_(pa.float32()), nullable=False),
]

NOT_FOR_SALE = {"0108775001", "0108775004"}  # withdrawn, and announced for a later day
IN_STORES = "0108775002"
FROM_40 = "0108775003"
BLOCKED = "0108775005"
SHOP = """
blocked_items = ["0108775005"]
channel = "online"
at_most_per_department = 4
"""


@dataclass
class Road:
    """A project and what each step said."""

    project: object
    elsewhere: Path
    said: dict
    walk: object

    def output(self, name):
        return self.project.root / "out" / f"{name}.parquet"

    def generate(self, name, *words):
        return self.walk(
            "generate_candidates", "--repo", self.project.repo, "--releases", self.project.releases,
            "--k", K, "--output", self.output(name), *words,
        )  # fmt: skip


def ended_well(done):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def refused(done):
    """Return the one sentence with which a job ends that was given something it cannot use."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert done.stderr.rstrip().endswith(errors[0])
    return errors[0]


@pytest.fixture(scope="module")
def road(tmp_path_factory, project_at, run_job, apply):
    from features.raw.toy_data import write_toy_data

    project = project_at(tmp_path_factory.mktemp("road"))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    road = Road(project, elsewhere, {}, lambda name, *words: run_job(name, *words, cwd=elsewhere))
    project.copy_repo()
    write_toy_data(project.raw, seed=7, availability=True)
    shop = project.root / "shop.toml"
    shop.write_text(SHOP, encoding="utf-8")
    users = project.root / "users.txt"
    users.write_text("\n".join(USERS) + "\n", encoding="utf-8")
    repo = ("--repo", project.repo)

    def step(name, done):
        road.said[name] = ended_well(done)

    step("build_features", road.walk("build_features", "--raw-dir", project.raw, "--output", project.tables))
    apply(project)
    step("train", road.walk("train", *repo, "--releases", project.releases, "--epochs", 2))
    step("materialize", road.walk("materialize", *repo))
    step("keep", road.generate("keep"))
    step("drop", road.generate("drop", "--users", users, "--already-bought", "drop"))
    step("shop", road.generate("shop", "--filters", shop))
    step("show", road.walk("show_candidates", *repo, "--candidates", road.output("drop"), "--users", 3, "--top", 5))
    return road


@pytest.fixture(scope="module")
def sales(road):
    with (road.project.raw / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
        return [(row["t_dat"][:10], row["customer_id"], row["article_id"]) for row in csv.DictReader(text)]


@pytest.fixture(scope="module")
def bought(sales):
    items = defaultdict(set)
    for _, user, item in sales:
        items[user].add(item)
    return items


@pytest.fixture(scope="module")
def bestsellers(sales):
    """Those of the last week that may be shown to people under 40: three items may not."""
    sold = Counter(item for day, _, item in sales if day >= "2020-02-23")
    items = [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    return sorted({*items} - {*NOT_FOR_SALE, FROM_40}, key=lambda item: (-sold[item], item))


@pytest.fixture(scope="module")
def ages(road):
    with (road.project.raw / "customers.csv").open(encoding="utf-8", newline="") as text:
        return {row["customer_id"]: float(row["age"] or "nan") for row in csv.DictReader(text)}


def lists_in(road, name):
    lists = defaultdict(list)
    for row in pq.read_table(road.output(name)).to_pylist():
        lists[row["user_id"]].append(row)
    return lists


def release_of(road):
    return (road.project.releases / "LATEST").read_text(encoding="utf-8").strip()


def test_every_job_ends_with_the_next_command(road):
    next_commands = {
        "build_features": "feast -c feature_repo apply",
        "train": "python jobs/materialize.py",
        "materialize": "python jobs/generate_candidates.py",
        "keep": "python jobs/show_candidates.py",
    }

    for name, command in next_commands.items():
        assert road.said[name].splitlines()[-1] == f"next: {command}"


def test_the_output_holds_the_counts_and_where_the_result_is(road):
    assert re.match(r"200 users, 60 items, 4,975 purchases .* 0 rows", road.said["build_features"])
    assert f"release {road.project.releases / release_of(road)} after " in road.said["train"]
    assert "as of 2020-03-01 00:00 UTC" in road.said["materialize"]
    assert "\n2,400 candidates of 200 users (" in road.said["keep"]
    assert "\n48 candidates of 4 users (" in road.said["drop"]
    assert re.fullmatch(
        r"of 4 users x 60 items filters bar: already_bought \d+ \(\d+\.\d\d%\), for_sale \d+ \(.*%\), age_limit \d+ .*",
        road.said["drop"].splitlines()[0],
    )


def test_training_prints_its_stages_the_gate_and_served_lists_beside_the_baselines(road):
    said = road.said["train"]

    for epoch in (1, 2):
        assert re.search(rf"^  epoch {epoch}, loss [0-9]+\.[0-9]+: recall@12 0\.[0-9]{{4}}", said, re.MULTILINE)
    assert re.search(r"^  gate (NOT )?passed: recall@12 ", said, re.MULTILINE)
    for model in ("blended candidates", "last week's bestsellers", "own purchases by frequency"):
        assert f"\n{model} " in said
    assert "rows in" not in said


def test_nothing_is_written_to_the_folder_that_the_commands_were_called_from(road):
    assert list(road.elsewhere.iterdir()) == []
    assert {path.name for path in road.project.root.iterdir()} == {
        "artifacts",
        "data",
        "feature_repo",
        "out",
        "shop.toml",
        "users.txt",
    }


@pytest.mark.parametrize("name", ["keep", "drop"])
def test_the_columns_are_exactly_these(road, name):
    assert list(pq.read_schema(road.output(name))) == COLUMNS


@pytest.mark.parametrize("name", ["keep", "drop"])
def test_every_user_has_exactly_k_different_items_in_ranks_1_to_k_best_first(road, name):
    lists = lists_in(road, name)

    assert list(lists) == (USERS if name == "drop" else [f"{number:04d}" for number in range(1, 201)])
    for rows in lists.values():
        assert [row["rank"] for row in rows] == list(range(1, K + 1))
        assert len({row["item_id"] for row in rows}) == K
        assert all(row["sources"] and len(row["sources"]) == len(row["source_ranks"]) for row in rows)
        by = "score" if rows[0]["ranking_score"] is None else "ranking_score"
        scores = [row[by] for row in rows]
        assert scores == sorted(scores, reverse=True)


def test_with_drop_no_candidate_was_bought_before_and_with_keep_some_were(road, bought):
    def bought_before(name):
        return [row for user, rows in lists_in(road, name).items() for row in rows if row["item_id"] in bought[user]]

    assert bought_before("drop") == []
    assert len(bought_before("keep")) > 200


def test_dropping_leaves_no_place_to_what_was_bought(road, bought):
    drop = lists_in(road, "drop")

    for user in ("0003", "0001"):
        assert not any(row["item_id"] in bought[user] for row in drop[user])
        assert not {"bought_often", "bought_lately", "bought_again"} & {
            source for row in drop[user] for source in row["sources"]
        }


@pytest.mark.parametrize("name", ["keep", "drop", "shop"])
def test_nobody_is_shown_what_is_not_for_sale_or_what_he_is_too_young_for(road, ages, name):
    shown = {(user, row["item_id"]) for user, rows in lists_in(road, name).items() for row in rows}

    assert not {item for _, item in shown} & NOT_FOR_SALE
    assert all(ages[user] >= 40 for user, item in shown if item == FROM_40)


def test_without_other_filters_those_who_may_are_shown_what_has_a_minimum_age(road):
    shown = {row["item_id"] for rows in lists_in(road, "keep").values() for row in rows}

    assert {FROM_40, IN_STORES, BLOCKED} <= shown


def test_filters_of_a_file_leave_k_candidates_and_none_that_they_bar(road):
    lists = lists_in(road, "shop")

    assert len(lists) == 200
    for rows in lists.values():
        assert len(rows) == K
        assert not {row["item_id"] for row in rows} & {BLOCKED, IN_STORES}
        groups = Counter((int(row["item_id"]) - 108_775_001) % 4 for row in rows)
        assert max(groups.values()) <= 4
    written = json.loads(road.output("shop").with_suffix(".json").read_text(encoding="utf-8"))
    assert written["filters"]["blocked_items"] == [BLOCKED]
    assert (written["filters"]["channel"], written["filters"]["at_most_per_department"]) == ("online", 4)


@pytest.mark.parametrize(("name", "users"), [("keep", ["0200"]), ("drop", ["nobody", "0200"])])
def test_users_without_history_and_unknown_ones_get_what_sells(road, bestsellers, name, users):
    lists = lists_in(road, name)

    assert [user for user, rows in lists.items() if all(row["sources"] == ["popularity"] for row in rows)] == users
    for user in users:
        assert [row["item_id"] for row in lists[user]] == bestsellers[:K]
        assert lists[user][0]["score"] == float(int(lists[user][0]["score"])) > 10  # units sold


def test_users_with_history_get_items_of_their_own_group(road):
    # Users 0001, 0005, … buy items 0108775001, 0108775005, … and so on: the right answer of the checkerboard world.
    own = [
        (int(user) - 1) % 4 == (int(row["item_id"]) - 108_775_001) % 4
        for user, rows in lists_in(road, "keep").items()
        if user != "0200"
        for row in rows
    ]

    assert len(own) == 199 * K
    assert sum(own) / len(own) > 0.4  # a quarter by chance


def test_beside_the_candidates_stands_how_they_were_made(road):
    written = json.loads(road.output("drop").with_suffix(".json").read_text(encoding="utf-8"))

    assert 0 < written.pop("seconds") < 300
    assert written.pop("barred_pairs")["already_bought"] > 0
    assert written.pop("ranked_by") in {"retrieval", "ranker"}
    assert written.pop("rows_by_source")["popularity"] >= 24
    assert written == {
        "users": 4,
        "rows": 48,
        "release": release_of(road),
        "release_as_of": "2020-03-01T00:00:00+00:00",
        "as_of": "2020-03-01T00:00:00+00:00",
        "k": 12,
        "filters": {
            "already_bought": "drop",
            "cool_down_days": None,
            "cool_down_days_by_category": {},
            "for_sale": True,
            "blocked_items": [],
            "blocked_categories": [],
            "channel": None,
            "age_limit": True,
            "at_most_per_department": None,
            "unsold_days": None,
        },
    }
    assert sorted(path.name for path in road.output("drop").parent.iterdir()) == [
        "drop.json",
        "drop.parquet",
        "keep.json",
        "keep.parquet",
        "shop.json",
        "shop.parquet",
    ]


def test_candidates_are_shown_with_names_beside_what_was_bought_last(road, sales):
    said = road.said["show"]

    assert [line for line in said.splitlines() if line.startswith("user ")] == [
        "user 0003",
        "user nobody",
        "user 0200",
    ]
    best = lists_in(road, "drop")["0003"][0]["item_id"]
    last = [item for _, user, item in sales if user == "0003"][-1]
    first_row = next(line for line in said.splitlines() if line.startswith("1 "))
    names = [
        f"{('Hats', 'Shirts', 'Shoes', 'Trousers')[(int(item) - 1) % 4]} {int(item) % 1000}" for item in (best, last)
    ]
    assert first_row.split("  ")[0] == "1"
    assert names[0] in first_row
    assert first_row.endswith(names[1])


def test_the_release_says_what_it_was_made_from(road):
    manifest = json.loads((road.project.releases / release_of(road) / "manifest.json").read_text(encoding="utf-8"))

    assert manifest["version"] == release_of(road)
    assert (manifest["as_of"], manifest["cut"]) == ("2020-03-01T00:00:00+00:00", "2020-02-23T00:00:00+00:00")
    assert manifest["config"]["preset"] == "default"
    assert manifest["items"] == 60
    assert manifest["seed"] == 1
    assert manifest["rows"]["purchases_before_cut"] == manifest["rows"]["purchases_trained"] == 4378
    assert manifest["rows"]["purchases_validated"] == 597
    assert set(manifest["libraries"]) >= {"feast", "tensorflow", "tensorflow-recommenders", "numpy"}
    assert manifest["services"]["item"]["service"] == "item_tower_v3"


def test_a_run_that_fails_leaves_the_previous_output_untouched(road):
    before = {path.name: path.read_bytes() for path in road.output("keep").parent.iterdir()}
    not_text = road.project.root / "data" / "registry.db"

    message = refused(road.generate("keep", "--users", not_text))

    assert message.startswith(f"error: {not_text} is not UTF-8 text: ")
    assert {path.name: path.read_bytes() for path in road.output("keep").parent.iterdir()} == before


def test_a_missing_raw_table_is_one_sentence_and_leaves_the_tables_untouched(road, tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in road.project.tables.iterdir()}

    message = refused(road.walk("build_features", "--raw-dir", tmp_path, "--output", road.project.tables))

    assert f"{tmp_path}" in message
    assert "customers" in message
    assert {path.name: path.stat().st_mtime_ns for path in road.project.tables.iterdir()} == before


def test_candidates_that_were_never_written_are_one_sentence_with_the_command_to_run(road, tmp_path):
    message = refused(
        road.walk("show_candidates", "--repo", road.project.repo, "--candidates", tmp_path / "none.parquet")
    )

    assert (
        message == f"error: There is no file {tmp_path}/none.parquet: run `python jobs/generate_candidates.py` first."
    )
