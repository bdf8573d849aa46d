"""Purchase events with Redis as online store: pushed rows have a place of their own, and an outage loses nothing."""

import time
from datetime import timedelta

import pytest
from fixtures.serving import MOMENT

USER, ITEM = "0003", "0108775007"
DROP = {"already_bought": "drop"}


@pytest.fixture
def client(serve, filled_redis_project, tmp_path):
    with serve(filled_redis_project.repo, filled_redis_project.releases, events=tmp_path / "events.db") as (client, _):
        yield client


def send(client, event_id, item=ITEM):
    event = {
        "type": "purchase", "event_id": event_id, "user_id": USER, "item_id": item, "price": 0.02,
        "purchased_at": (MOMENT + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    reply = client.post("/v1/events", {"events": [event]})
    assert reply.status == 200, reply.text
    return reply.json


def items_of(answer):
    return [item["item_id"] for item in answer["items"]]


def test_the_next_request_reflects_a_purchase_and_other_readers_find_the_generation(client, filled_redis_project):
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from features.store.request_services import CANDIDATE_REQUEST

    other = FeatureReader(open_feature_store(filled_redis_project.repo), "online")
    before = other.read(CANDIDATE_REQUEST, [USER], MOMENT)

    assert send(client, "1")["in_effect"] is True

    assert ITEM not in items_of(client.candidates(user_id=USER, k=40, filters=DROP))
    assert ITEM in [item["item_id"] for item in client.get(f"/v1/users/{USER}/history").json["items"]]
    assert other.read(CANDIDATE_REQUEST, [USER], MOMENT) == before
    other.generation.check_unchanged()


def test_an_event_during_an_outage_is_kept_and_takes_effect_afterwards(client, lasting_redis_server):
    lasting_redis_server.stop()

    accepted = send(client, "1")
    degraded = client.candidates(user_id=USER, k=40, filters=DROP)
    lasting_redis_server.start()
    give_up = time.monotonic() + 20
    while (answer := client.candidates(user_id=USER, k=40, filters=DROP))["degraded"]:
        assert time.monotonic() < give_up
        time.sleep(0.1)

    assert accepted["in_effect"] is False
    assert degraded["degraded"] is True
    assert ITEM not in items_of(answer)
    assert send(client, "1")["results"] == [{"event_id": "1", "duplicate": True}]
