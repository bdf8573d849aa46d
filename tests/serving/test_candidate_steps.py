"""The three steps of a request over HTTP, and what a purchase would change."""

import pytest
from fixtures.serving import K

BOUGHT_BEFORE, NEW = "0108775002", "0108775007"
NOT_FOR_SALE = {"0108775001", "0108775004"}


@pytest.fixture
def steps(client):
    def steps(**query):
        reply = client.post("/v1/candidates:steps", query)
        assert reply.status == 200, reply.text
        return reply.json

    return steps


def ids_of(items):
    return [item["item_id"] for item in items]


def test_the_last_step_equals_the_candidates(client, steps):
    reply = steps(user_id="0003", k=K, explain=True)

    assert reply["items"] == client.candidates(user_id="0003", k=K, explain=True)["items"]
    assert (reply["bought"], reply["left"]) == ([], [])


def test_retrieved_items_are_in_the_order_of_no_filters_with_the_reasons_that_exclude_them(client, steps):
    everything = {"already_bought": "keep", "for_sale": False, "age_limit": False}
    reply = steps(user_id="0003", k=60)
    unfiltered = client.candidates(user_id="0003", k=60, filters=everything)["items"]

    assert ids_of(reply["retrieved"]) == ids_of(sorted(unfiltered, key=lambda item: item["retrieval_rank"]))
    not_for_sale = {item["item_id"] for item in reply["retrieved"] if item["excluded_by"] == ["for_sale"]}
    assert not_for_sale == NOT_FOR_SALE
    assert ids_of(reply["excluded"]) == ids_of(item for item in reply["retrieved"] if item["excluded_by"])
    assert {*ids_of(reply["excluded"])} & {*ids_of(reply["items"])} == set()
    assert {name for item in reply["excluded"] for name in item["excluded_by"]} <= reply["filters"].keys()


def test_items_excluded_by_the_request_are_named(steps):
    first = steps(user_id="0003", k=3)["items"][0]["item_id"]

    reply = steps(user_id="0003", k=60, exclude=[first])

    [item] = [item for item in reply["excluded"] if item["item_id"] == first]
    assert item["excluded_by"] == ["request"]
    assert "request" in reply["filters"]


def test_a_purchase_excludes_the_item_from_the_next_candidates_and_moves_the_others(steps):
    query = {"user_id": "0003", "k": 5, "filters": {"already_bought": "drop"}}
    before = ids_of(steps(**query)["items"])

    reply = steps(**query, buy=[before[1]])

    first = reply["left"][0]
    assert (first["item_id"], first["previous_rank"], first["excluded_by"]) == (before[1], 2, ["already_bought"])
    assert before[1] not in ids_of(reply["items"])
    ranks = {item["item_id"]: item["previous_rank"] for item in reply["items"]}
    assert ranks == {item: before.index(item) + 1 if item in before else None for item in ranks}
    assert {*ids_of(reply["left"])} == {*before} - ranks.keys()
    assert reply["bought"] == [before[1]]
    assert ids_of(steps(**query)["items"]) == before  # nothing was written


def test_a_purchase_has_the_effect_of_a_session_for_a_user_without_purchases(client, steps):
    reply = steps(user_id="0200", k=60, buy=[NEW])

    assert reply["cold"] is False
    [bought] = [item for item in reply["items"] if item["item_id"] == NEW]
    assert "bought once, yesterday" in bought["reasons"]


@pytest.mark.parametrize(
    ("content", "status", "named"),
    [
        ({"user_id": "0003", "buy": ["nothing"]}, 404, "'nothing'"),
        ({"recent_items": [NEW], "buy": [NEW]}, 422, "user_id"),
        ({"user_id": "0003", "buy": [NEW] * 17}, 422, "buy:"),
        ({"user_id": "0003", "buy": NEW}, 422, "buy:"),
        ({"user_id": "0003", "sell": [NEW]}, 422, "sell: unknown field"),
    ],
)
def test_bad_purchases_are_refused(client, content, status, named):
    reply = client.post("/v1/candidates:steps", content)

    assert reply.status == status
    assert named in reply.error["message"]


def test_steps_of_a_session_are_those_of_its_candidates(client, steps):
    query = {"recent_items": [NEW], "k": K}

    assert ids_of(steps(**query)["items"]) == ids_of(client.candidates(**query)["items"])


def test_a_purchase_needs_the_table_of_purchases(serve, served_project, tmp_path):
    table = served_project.tables / "transactions.parquet"
    with serve(served_project.repo, served_project.releases) as (client, _):
        table.rename(tmp_path / table.name)
        try:
            reply = client.post("/v1/candidates:steps", {"user_id": "0003", "buy": [NEW]})
            without = client.post("/v1/candidates:steps", {"user_id": "0003"})
        finally:
            (tmp_path / table.name).rename(table)

    assert (reply.status, reply.error["code"]) == (503, "features_unavailable")
    assert "transactions" in reply.error["message"]
    assert without.status == 200


def test_users_are_found_by_the_beginning_of_their_ids(client):
    found = client.get("/v1/users?prefix=001&limit=5").json

    assert found["user_ids"] == ["0010", "0011", "0012", "0013", "0014"]
    assert client.get("/v1/users?prefix=0013").json["user_ids"] == ["0013"]
    assert client.get("/v1/users?prefix=x%25").json["user_ids"] == []
    assert len(client.get("/v1/users").json["user_ids"]) == 20


@pytest.mark.parametrize("query", ["limit=0", "limit=101", f"prefix={'x' * 257}"])
def test_a_bad_search_is_refused(client, query):
    reply = client.get(f"/v1/users?{query}")

    assert (reply.status, reply.error["code"]) == (422, "invalid_request")
    assert query.split("=")[0] in reply.error["message"]


def test_the_history_has_days_departments_and_prices(client):
    from features.raw.toy_data import group_of_item

    [item] = client.get("/v1/users/0003/history?limit=1").json["items"]

    assert item["last_bought_on"] < "2020-03-01"
    assert 0 < item["mean_price"] < 1
    assert item["department"] == group_of_item(item["item_id"])
