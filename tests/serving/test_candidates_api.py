"""Candidates over HTTP: what is returned, and that it equals the candidate file."""

import pyarrow.parquet as pq
import pytest
from fixtures.serving import MOMENT, K, bought_items

COLUMNS = ("item_id", "rank", "ranking_score", "retrieval_rank", "score", "sources", "source_ranks", "source_scores")
USERS = ["0003", "0001", "0200", "nobody"]  # 0200 has a profile and no purchases
FROM_40 = "0108775003"
NOT_FOR_SALE = {"0108775001", "0108775004"}


@pytest.fixture(scope="module")
def bought(served_project):
    return bought_items(served_project.raw)


@pytest.fixture
def in_file(call, served_project, tmp_path):
    """The candidates that the job writes for `USERS`, by user."""

    def in_file(*options):
        (tmp_path / "users.txt").write_text("\n".join(USERS), encoding="utf-8")
        done = call(
            "generate_candidates", "--repo", served_project.repo, "--releases", served_project.releases,
            "--users", tmp_path / "users.txt", "--output", tmp_path / "out.parquet", *options,
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
        return {
            user: [{name: row[name] for name in COLUMNS} for row in rows if row["user_id"] == user] for user in USERS
        }

    return in_file


def columns_of(items):
    return [{name: item[name] for name in COLUMNS} for item in items]


@pytest.mark.parametrize(
    ("toml", "settings"),
    [
        ("", {}),
        ('already_bought = "drop"', {"already_bought": "drop"}),
        ('already_bought = "cool-down"\ncool_down_days = 20', {"already_bought": "cool-down", "cool_down_days": 20}),
        (
            'at_most_per_department = 2\nblocked_items = ["0108775005"]',
            {"at_most_per_department": 2, "blocked_items": ["0108775005"]},
        ),
    ],
)
def test_candidates_equal_those_of_the_candidate_file(client, in_file, tmp_path, toml, settings):
    file = tmp_path / "filters.toml"
    file.write_text(toml, encoding="utf-8")
    options = ("--filters", file) if toml else ()
    query = {"k": K, "explain": True, **({"filters": settings} if settings else {})}

    expected = in_file("--k", K, *options)
    alone = {user: client.candidates(user_id=user, **query)["items"] for user in USERS}
    batch = client.post("/v1/candidates:batch", {"user_ids": USERS, **query})

    assert all(len(rows) > 0 for rows in expected.values())
    assert {user: columns_of(items) for user, items in alone.items()} == expected
    assert batch.status == 200
    assert {each["user_id"]: columns_of(each["items"]) for each in batch.json["results"]} == expected


def test_a_smaller_k_is_the_beginning_of_a_larger_one(client):
    first, all_of_them = (client.candidates(user_id="0003", k=k)["items"] for k in (3, 40))

    assert len(first) == 3
    assert all_of_them[:3] == first
    assert [item["rank"] for item in all_of_them] == [*range(1, 41)]


def test_excluded_items_make_room_for_others(client):
    before = [item["item_id"] for item in client.candidates(user_id="0003", k=10)["items"]]

    after = [
        item["item_id"] for item in client.candidates(user_id="0003", k=10, exclude=[*before[:3], "unknown"])["items"]
    ]

    assert len(after) == 10
    assert set(after) & set(before[:3]) == set()
    assert [item for item in before if item in after] == before[3:]


def test_the_channel_replaces_that_of_the_filters(client):
    items = client.candidates(user_id="0003", k=60, channel="online", filters={"channel": "store"})["items"]

    only_in_store = "0108775002"
    assert only_in_store not in {item["item_id"] for item in items}


def test_requests_of_different_settings_in_one_block_get_their_own_candidates(client):
    from concurrent.futures import ThreadPoolExecutor

    queries = [
        {"user_id": "0003", "k": 5},
        {"user_id": "0003", "k": 7, "filters": {"already_bought": "drop"}},
        {"user_id": "0001", "k": 9, "exclude": ["0108775020"]},
        {"recent_items": ["0108775007", "0108775011"], "k": 6},
        {"user_id": "nobody", "k": 4},
    ]
    expected = [client.candidates(**query) for query in queries]

    with ThreadPoolExecutor(16) as threads:
        found = [*threads.map(lambda number: client.candidates(**queries[number % 5]), range(60))]

    for number, reply in enumerate(found):
        assert (reply["user_id"], reply["items"]) == (expected[number % 5]["user_id"], expected[number % 5]["items"])


def test_a_known_user_has_present_features_with_their_age(client):
    reply = client.candidates(user_id="0003", k=1)

    six_hours = 6 * 3600.0
    as_of = "2020-03-01T00:00:00+00:00"
    assert reply["features"] == {"status": "present", "as_of": as_of, "age_seconds": six_hours}
    assert reply["index"] == {"as_of": as_of, "age_seconds": six_hours}
    assert MOMENT.isoformat() == as_of
    assert reply["cold"] is False


def test_a_user_with_a_profile_alone_is_cold_but_known(client):
    reply = client.candidates(user_id="0200", k=3)

    assert (reply["cold"], reply["features"]["status"], len(reply["items"])) == (True, "present", 3)


def test_an_unknown_user_is_cold_and_the_features_are_missing(client):
    reply = client.candidates(user_id='\'; drop table "x"; -- ../../etc/passwd', k=60)

    ids = {item["item_id"] for item in reply["items"]}
    assert (reply["cold"], reply["features"]["status"]) == (True, "missing")
    assert {item["ranking_score"] for item in reply["items"]} == {None}
    assert ids & {FROM_40, *NOT_FOR_SALE} == set()


def test_old_features_are_stale(serve, served_project):
    from datetime import timedelta

    with serve(served_project.repo, served_project.releases, stale_after=timedelta(hours=5)) as (client, _):
        known, unknown = (client.candidates(user_id=user, k=1)["features"]["status"] for user in ("0003", "nobody"))

    assert (known, unknown) == ("stale", "missing")


def test_a_session_is_served_like_a_user_who_bought_its_items(client):
    reply = client.candidates(recent_items=["0108775007", "unknown", "0108775007", "0108775011"], k=60)

    by_id = {item["item_id"]: item for item in reply["items"]}
    assert (reply["user_id"], reply["cold"], reply["features"]["status"]) == (None, False, "present")
    assert "in the recent items" in by_id["0108775007"]["reasons"]
    assert "bought_often" in by_id["0108775011"]["sources"]
    assert FROM_40 not in by_id


def test_a_session_of_unknown_items_is_an_unknown_user(client):
    session, unknown = client.candidates(recent_items=["x", "y"], k=9), client.candidates(user_id="nobody", k=9)

    assert (session["cold"], session["features"]["status"]) == (True, "missing")
    assert session["items"] == unknown["items"]


def test_reasons_name_purchases(client, bought):
    items = client.candidates(user_id="0003", k=60)["items"]

    for item in items:
        assert any(reason.startswith("bought ") for reason in item["reasons"]) == (item["item_id"] in bought["0003"])
    assert any(item["item_id"] in bought["0003"] for item in items)


def test_the_time_of_each_stage_is_part_of_the_response(client):
    took = client.candidates(user_id="0003", k=1)["took_ms"]

    assert [*took] == ["queue", "features", "query", "exclusions", "retrieval", "ranking", "reasons", "total"]
    assert min(took.values()) >= 0
    assert took["total"] == pytest.approx(sum(took.values()) - took["total"], abs=0.01)


def test_sources_have_ranks_and_scores_with_explain_only(client):
    plain, explained = (
        client.candidates(user_id="0003", k=1, explain=explain)["items"][0] for explain in (False, True)
    )

    assert "source_ranks" not in plain
    assert len(explained["source_ranks"]) == len(explained["source_scores"]) == len(explained["sources"]) > 0


def test_the_history_has_the_items_bought_the_last_one_first(client, bought):
    reply = client.get("/v1/users/0003/history?limit=2000").json

    assert {item["item_id"] for item in reply["items"]} == bought["0003"]
    days = [item["days_ago"] for item in reply["items"]]
    assert days == sorted(days)
    assert days[0] >= 1
    assert client.get("/v1/users/0003/history?limit=2").json["items"] == reply["items"][:2]


def test_an_unknown_user_has_no_history(client):
    reply = client.get("/v1/users/a%2Fb%20c/history").json

    assert (reply["user_id"], reply["items"], reply["features"]["status"]) == ("a/b c", [], "missing")


def test_similar_items_are_ordered_and_never_hidden_ones_or_the_item_itself(client):
    reply = client.get("/v1/items/0108775007/similar?k=60").json

    ids = [item["item_id"] for item in reply["items"]]
    similarities = [item["similarity"] for item in reply["items"]]
    assert set(ids) & {"0108775007", FROM_40, *NOT_FOR_SALE} == set()
    assert len(ids) == 60 - 1 - 3
    assert similarities == sorted(similarities, reverse=True)
    assert max(similarities) <= 1 + 1e-6


def test_an_item_that_the_release_lacks_is_not_found(client):
    reply = client.get("/v1/items/nothing/similar")

    assert (reply.status, reply.error["code"]) == (404, "unknown_item")
    assert "'nothing'" in reply.error["message"]
