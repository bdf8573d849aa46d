"""The whole pipeline as a user runs it: each job in its own process, from a folder outside the project."""

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
USERS = ["0003", "nobody", "0200", "0001"]  # 0200 has a profile and no purchases
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

NOT_FOR_SALE = {"0108775001", "0108775004"}  # withdrawn, and for sale from a later day on
IN_STORES = "0108775002"
FROM_40 = "0108775003"
BLOCKED = "0108775005"
FILTERS = """
blocked_items = ["0108775005"]
channel = "online"
at_most_per_department = 4
"""


@dataclass
class Finished:
    """A project, and the output of each job."""

    project: object
    elsewhere: Path
    outputs: dict
    job: object

    def file(self, name):
        return self.project.root / "out" / f"{name}.parquet"

    def generate(self, name, *options):
        return self.job(
            "generate_candidates", "--repo", self.project.repo, "--releases", self.project.releases,
            "--k", K, "--output", self.file(name), *options,
        )  # fmt: skip

    @property
    def release(self):
        return (self.project.releases / "LATEST").read_text(encoding="utf-8").strip()


def output_of(done):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def error_of(done):
    """Return the error message of a job that was refused."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    [error] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.stderr.rstrip().endswith(error)
    return error


@pytest.fixture(scope="module")
def whole(tmp_path_factory, project_at, run_job, apply):
    from features.raw.toy_data import write_toy_data

    project, elsewhere = project_at(tmp_path_factory.mktemp("whole_path")), tmp_path_factory.mktemp("elsewhere")
    whole = Finished(project, elsewhere, {}, lambda name, *options: run_job(name, *options, cwd=elsewhere))
    project.copy_repo()
    write_toy_data(project.raw, seed=7, availability=True)
    filters, users = project.root / "filters.toml", project.root / "users.txt"
    filters.write_text(FILTERS, encoding="utf-8")
    users.write_text("\n".join(USERS) + "\n", encoding="utf-8")
    repo = ("--repo", project.repo)
    whole.outputs["build"] = output_of(
        whole.job("build_features", "--raw-dir", project.raw, "--output", project.tables)
    )
    apply(project)
    whole.outputs["train"] = output_of(
        whole.job("train", *repo, "--releases", project.releases, "--epochs", 1, "--ranker-weeks", 3)
    )
    whole.outputs["materialize"] = output_of(whole.job("materialize", *repo))
    whole.outputs["keep"] = output_of(whole.generate("keep"))
    whole.outputs["drop"] = output_of(whole.generate("drop", "--users", users, "--already-bought", "drop", "--verbose"))
    whole.outputs["filtered"] = output_of(whole.generate("filtered", "--filters", filters))
    whole.outputs["show"] = output_of(
        whole.job("show_candidates", *repo, "--candidates", whole.file("drop"), "--users", 3, "--top", 5)
    )
    whole.outputs["doctor"] = output_of(
        whole.job("doctor", "--tables", project.tables, *repo, "--releases", project.releases,
                "--candidates", whole.file("keep"))
    )  # fmt: skip
    return whole


@pytest.fixture(scope="module")
def sales(whole):
    with (whole.project.raw / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
        return [(row["t_dat"][:10], row["customer_id"], row["article_id"]) for row in csv.DictReader(text)]


@pytest.fixture(scope="module")
def bought(sales):
    items = defaultdict(set)
    for _, user, item in sales:
        items[user].add(item)
    return items


@pytest.fixture(scope="module")
def bestsellers(sales):
    """Bestsellers of the last week that users of unknown age may see."""
    sold = Counter(item for day, _, item in sales if day >= "2020-02-23")
    items = [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    return sorted({*items} - {*NOT_FOR_SALE, FROM_40}, key=lambda item: (-sold[item], item))


@pytest.fixture(scope="module")
def ages(whole):
    with (whole.project.raw / "customers.csv").open(encoding="utf-8", newline="") as text:
        return {row["customer_id"]: float(row["age"] or "nan") for row in csv.DictReader(text)}


def lists_in(whole, name):
    lists = defaultdict(list)
    for row in pq.read_table(whole.file(name)).to_pylist():
        lists[row["user_id"]].append(row)
    return lists


def description_of(whole, name):
    return json.loads(whole.file(name).with_suffix(".json").read_text(encoding="utf-8"))


def test_every_job_ends_with_the_next_command(whole):
    next_commands = {
        "build": "feast -c feature_repo apply",
        "train": "python jobs/materialize.py",
        "materialize": "python jobs/generate_candidates.py",
        "keep": "python jobs/show_candidates.py",
        "doctor": "python jobs/show_candidates.py",
    }

    for name, command in next_commands.items():
        assert whole.outputs[name].splitlines()[-1] == f"next: {command}"


def test_the_output_holds_the_counts_and_where_the_result_is(whole):
    assert re.match(r"200 users, 60 items, 4,975 purchases .* 0 rows", whole.outputs["build"])
    assert str(whole.project.releases / whole.release) in whole.outputs["train"]
    assert "2020-03-01 00:00 UTC" in whole.outputs["materialize"]
    assert whole.outputs["keep"].startswith(f"2,400 candidates of 200 users in {whole.file('keep')} ")
    assert whole.outputs["drop"].startswith(f"48 candidates of 4 users in {whole.file('drop')} ")


def test_training_prints_its_stages_the_gate_and_served_lists_beside_the_baselines(whole):
    output = whole.outputs["train"]

    assert re.search(r"^ *epoch 1, loss [0-9]+\.[0-9]+: recall@12 0\.[0-9]{4}", output, re.MULTILINE)
    assert re.search(r"^ *gate (NOT )?passed: recall@12 ", output, re.MULTILINE)
    for model in ("blended candidates", "last week's bestsellers", "own purchases by frequency"):
        assert f"\n{model} " in output
    assert "rows in" not in output


@pytest.mark.parametrize("name", ["build", "keep", "show", "doctor"])
def test_the_output_fits_into_100_columns_apart_from_paths(whole, name):
    assert [line for line in whole.outputs[name].splitlines() if len(line) > 100 and "/" not in line] == []


def test_the_doctor_finds_a_complete_project_in_order(whole):
    assert len(re.findall(r"^[a-z]+(?: [a-z]+)? +ok\b", whole.outputs["doctor"], re.MULTILINE)) == 8


def test_the_release_holds_golden_queries(whole):
    manifest = json.loads((whole.project.releases / whole.release / "manifest.json").read_text(encoding="utf-8"))

    assert "golden_queries.parquet" in manifest["files"]


def test_nothing_is_written_to_the_working_directory(whole):
    assert list(whole.elsewhere.iterdir()) == []
    assert {path.name for path in whole.project.root.iterdir()} == {
        "artifacts", "data", "feature_repo", "out", "filters.toml", "users.txt",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["keep", "drop"])
def test_a_candidate_file_has_exactly_these_columns(whole, name):
    assert list(pq.read_schema(whole.file(name))) == COLUMNS


@pytest.mark.parametrize("name", ["keep", "drop"])
def test_every_user_has_k_different_items_best_first(whole, name):
    lists = lists_in(whole, name)

    assert list(lists) == (USERS if name == "drop" else [f"{number:04d}" for number in range(1, 201)])
    for rows in lists.values():
        assert [row["rank"] for row in rows] == list(range(1, K + 1))
        assert len({row["item_id"] for row in rows}) == K
        assert all(row["sources"] and len(row["sources"]) == len(row["source_ranks"]) for row in rows)
        column = "score" if rows[0]["ranking_score"] is None else "ranking_score"
        scores = [row[column] for row in rows]
        assert scores == sorted(scores, reverse=True)


def test_bought_items_are_excluded_by_drop_and_included_by_keep(whole, bought):
    def bought_before(name):
        return [row for user, rows in lists_in(whole, name).items() for row in rows if row["item_id"] in bought[user]]

    assert bought_before("drop") == []
    assert len(bought_before("keep")) > 200
    assert not {"bought_often", "bought_lately", "bought_again"} & {
        source for rows in lists_in(whole, "drop").values() for row in rows for source in row["sources"]
    }


@pytest.mark.parametrize("name", ["keep", "drop", "filtered"])
def test_items_that_are_not_for_sale_or_above_the_users_age_are_excluded(whole, ages, name):
    candidates = {(user, row["item_id"]) for user, rows in lists_in(whole, name).items() for row in rows}

    assert not {item for _, item in candidates} & NOT_FOR_SALE
    assert all(ages[user] >= 40 for user, item in candidates if item == FROM_40)


def test_without_a_filter_file_only_the_default_filters_are_in_force(whole):
    items = {row["item_id"] for rows in lists_in(whole, "keep").values() for row in rows}

    assert {FROM_40, IN_STORES, BLOCKED} <= items


def test_the_filters_of_a_file_leave_k_eligible_candidates(whole):
    lists = lists_in(whole, "filtered")

    assert len(lists) == 200
    for rows in lists.values():
        assert len(rows) == K
        assert not {row["item_id"] for row in rows} & {BLOCKED, IN_STORES}
        departments = Counter((int(row["item_id"]) - 108_775_001) % 4 for row in rows)
        assert max(departments.values()) <= 4
    filters = description_of(whole, "filtered")["filters"]
    assert filters["blocked_items"] == [BLOCKED]
    assert (filters["channel"], filters["at_most_per_department"]) == ("online", 4)


@pytest.mark.parametrize(("name", "users"), [("keep", ["0200"]), ("drop", ["nobody", "0200"])])
def test_cold_and_unknown_users_get_bestsellers(whole, bestsellers, name, users):
    lists = lists_in(whole, name)

    assert [user for user, rows in lists.items() if all(row["sources"] == ["popularity"] for row in rows)] == users
    for user in users:
        assert [row["item_id"] for row in lists[user]] == bestsellers[:K]
        assert lists[user][0]["score"] == float(int(lists[user][0]["score"])) > 10  # units sold


def test_users_with_purchases_get_items_of_their_own_group(whole):
    # In the checkerboard data, users 0001, 0005, … buy items 0108775001, 0108775005, …
    same_group = [
        (int(user) - 1) % 4 == (int(row["item_id"]) - 108_775_001) % 4
        for user, rows in lists_in(whole, "keep").items()
        if user != "0200"
        for row in rows
    ]

    assert len(same_group) == 199 * K
    assert sum(same_group) / len(same_group) > 0.4  # a quarter by chance


def test_the_description_beside_the_candidates_says_how_they_were_made(whole):
    description = description_of(whole, "drop")

    assert description.pop("seconds") > 0
    assert description.pop("excluded_pairs")["already_bought"] > 0
    assert description.pop("ranked_by") in {"retrieval", "ranker"}
    assert description.pop("rows_by_source")["popularity"] >= 24
    assert set(description.pop("feature_tables")) >= {"item_catalog", "user_activity_daily"}
    assert description.pop("search") == {"engine": "exact"}
    filters = description.pop("filters")
    assert (filters["already_bought"], filters["for_sale"], filters["blocked_items"]) == ("drop", True, [])
    assert description == {
        "users": 4,
        "rows": 48,
        "release": whole.release,
        "release_as_of": "2020-03-01T00:00:00+00:00",
        "as_of": "2020-03-01T00:00:00+00:00",
        "features": "online",
        "k": 12,
    }
    assert sorted(path.name for path in whole.file("drop").parent.iterdir()) == [
        "drop.json", "drop.parquet", "filtered.json", "filtered.parquet", "keep.json", "keep.parquet",
    ]  # fmt: skip


def test_candidates_are_shown_with_names_and_the_last_purchases(whole, sales):
    def name(item):
        return f"{('Hats', 'Shirts', 'Shoes', 'Trousers')[(int(item) - 1) % 4]} {int(item) % 1000}"

    users = [line for line in whole.outputs["show"].splitlines() if line.startswith("user ")]

    assert [line.split(",")[0] for line in users] == ["user 0003", "user nobody", "user 0200"]
    last = [item for _, user, item in sales if user == "0003"][-1]
    assert users[0].startswith(f"user 0003, bought last: {name(last)};")
    best = lists_in(whole, "drop")["0003"][0]["item_id"]
    first_row = next(line for line in whole.outputs["show"].splitlines() if line.split()[:1] == ["1"])
    assert first_row.split()[1] == best
    assert name(best) in first_row


def test_the_manifest_of_the_release_says_how_it_was_made(whole):
    manifest = json.loads((whole.project.releases / whole.release / "manifest.json").read_text(encoding="utf-8"))

    assert manifest["version"] == whole.release
    assert (manifest["as_of"], manifest["cut"]) == ("2020-03-01T00:00:00+00:00", "2020-02-23T00:00:00+00:00")
    assert manifest["config"]["preset"] == "default"
    assert [(stage["start"], stage["end"][:10]) for stage in manifest["training_stages"]] == [
        (None, "2020-02-09"),  # before three ranker weeks
        ("2019-10-20T00:00:00+00:00", "2020-02-23"),
    ]
    assert manifest["items"] == 60
    assert manifest["seed"] == 1
    assert manifest["rows"]["purchases_before_cut"] == manifest["rows"]["purchases_trained"] == 4378
    assert manifest["rows"]["purchases_validated"] == 597
    assert set(manifest["libraries"]) >= {"feast", "tensorflow", "tensorflow-recommenders", "numpy"}
    assert manifest["services"]["item"]["service"] == "item_tower_v3"


def test_a_failed_run_leaves_the_previous_output_unchanged(whole):
    before = {path.name: path.read_bytes() for path in whole.file("keep").parent.iterdir()}
    not_text = whole.project.root / "data" / "registry.db"

    assert str(not_text) in error_of(whole.generate("keep", "--users", not_text))
    assert {path.name: path.read_bytes() for path in whole.file("keep").parent.iterdir()} == before


def test_a_missing_raw_table_is_named_and_leaves_the_feature_tables_unchanged(whole, tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in whole.project.tables.iterdir()}

    error = error_of(whole.job("build_features", "--raw-dir", tmp_path, "--output", whole.project.tables))

    assert str(tmp_path) in error
    assert "customers" in error
    assert {path.name: path.stat().st_mtime_ns for path in whole.project.tables.iterdir()} == before


def test_a_missing_candidate_file_is_named_with_the_command_that_writes_one(whole, tmp_path):
    error = error_of(
        whole.job("show_candidates", "--repo", whole.project.repo, "--candidates", tmp_path / "none.parquet")
    )

    assert f"{tmp_path / 'none.parquet'}" in error
    assert "python jobs/generate_candidates.py" in error
