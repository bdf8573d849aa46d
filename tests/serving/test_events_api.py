"""Purchase events over HTTP: the next request reflects them, each counts once, and a restart loses nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from fixtures.http import NOW
from fixtures.serving import MOMENT

from features.event_log import read_logged_purchases

USER, OTHER = "0003", "0057"
ITEM, SECOND_ITEM = "0108775007", "0108775011"
DROP = {"already_bought": "drop"}
COOL_DOWN = {"already_bought": "cool-down", "cool_down_days": 3}


@pytest.fixture
def events(tmp_path):
    return tmp_path / "log" / "events.db"


@pytest.fixture
def running_service(serve, served_project, events):
    with serve(served_project.repo, served_project.releases, events=events) as (client, service):
        yield client, service


@pytest.fixture
def client(running_service):
    return running_service[0]


def purchase(event_id, user=USER, item=ITEM, at=MOMENT + timedelta(hours=1), **fields):
    return {
        "type": "purchase", "event_id": event_id, "user_id": user, "item_id": item, "purchased_at": at.isoformat(),
        "price": 0.02, **fields,
    }  # fmt: skip


def send(client, *events):
    reply = client.post("/v1/events", {"events": [*events]})
    assert reply.status == 200, reply.text
    assert reply.json["in_effect"] is True
    return [result["duplicate"] for result in reply.json["results"]]


def items_of(client, user=USER, **query):
    return [item["item_id"] for item in client.candidates(user_id=user, k=40, **query)["items"]]


def history(client, user=USER):
    items = client.get(f"/v1/users/{user}/history").json["items"]
    return {item["item_id"]: (item["purchases"], item["days_ago"], item["last_bought_on"]) for item in items}


@pytest.mark.parametrize("filters", [DROP, COOL_DOWN])
def test_the_next_request_excludes_an_item_that_was_bought(client, filters):
    others = items_of(client, OTHER, filters=filters)
    listed = items_of(client, filters=filters)
    bought = listed[0]

    assert send(client, purchase("1", item=bought)) == [False]

    assert bought not in items_of(client, filters=filters)
    assert items_of(client, OTHER, filters=filters) == others


def test_reasons_history_and_status_reflect_a_purchase(client):
    assert ITEM not in history(client)

    send(client, purchase("1"), purchase("2", at=MOMENT + timedelta(hours=3)))

    assert history(client)[ITEM] == (2, 1, "2020-03-01")  # served as of the next morning
    answer = client.candidates(user_id=USER, k=60)
    assert answer["features"]["status"] == "present"
    assert MOMENT <= datetime.fromisoformat(answer["features"]["as_of"]) <= NOW
    assert answer["features"]["age_seconds"] >= 0
    [reasons] = [item["reasons"] for item in answer["items"] if item["item_id"] == ITEM]
    assert reasons[0].startswith("bought 2 times, last yesterday"), reasons


def test_an_unknown_user_becomes_a_known_one(client):
    assert client.candidates(user_id="newcomer")["cold"] is True

    send(client, purchase("1", user="newcomer"))

    answer = client.candidates(user_id="newcomer", filters=DROP)
    assert (answer["cold"], answer["features"]["status"]) == (False, "present")
    assert ITEM not in [item["item_id"] for item in answer["items"]]


def test_an_event_that_is_sent_again_counts_once(client):
    send(client, purchase("1"))
    before = history(client)

    assert send(client, purchase("1"), purchase("2", item=SECOND_ITEM)) == [True, False]

    assert history(client)[ITEM] == before[ITEM]
    assert SECOND_ITEM in history(client)
    metrics = client.get("/metrics").text
    assert 'feast_two_tower_events_total{result="accepted"} 2.0' in metrics
    assert 'feast_two_tower_events_total{result="duplicate"} 1.0' in metrics


def test_events_out_of_order_give_the_same_answers_as_in_order(serve, served_project, tmp_path):
    in_order = [purchase(str(hour), item=item, at=MOMENT + timedelta(hours=hour)) for hour, item in
                ((1, ITEM), (2, SECOND_ITEM), (3, ITEM))]  # fmt: skip
    answers = []
    for name, events in (("in_order", in_order), ("reverse", in_order[::-1])):
        with serve(served_project.repo, served_project.releases, events=tmp_path / f"{name}.db") as (client, _):
            for event in events:
                send(client, event)
            answers.append((client.candidates(user_id=USER, explain=True)["items"], history(client)))
    assert answers[0] == answers[1]


def test_a_reversal_undoes_a_purchase(client):
    listed, before = client.candidates(user_id=USER, explain=True)["items"], history(client)
    send(client, purchase("1"), purchase("2", item=SECOND_ITEM))

    send(client, {"type": "reversal", "event_id": "r1", "reverses": "1"})
    assert ITEM not in history(client)
    assert SECOND_ITEM in history(client)

    send(client, {"type": "reversal", "event_id": "r2", "reverses": "2"})
    assert history(client) == before
    assert client.candidates(user_id=USER, explain=True)["items"] == listed


def test_a_restart_loses_nothing(serve, served_project, events):
    with serve(served_project.repo, served_project.releases, events=events) as (client, _):
        send(client, purchase("1"))
        expected = client.candidates(user_id=USER, explain=True)["items"], history(client)

    with serve(served_project.repo, served_project.releases, events=events) as (client, _):
        assert (client.candidates(user_id=USER, explain=True)["items"], history(client)) == expected
        assert send(client, purchase("1")) == [True]


def test_events_and_candidates_at_the_same_time(client):
    def buy(number):
        for count in range(5):
            send(client, purchase(f"{number}-{count}", at=MOMENT + timedelta(minutes=count)))
            assert ITEM not in items_of(client, filters=DROP)

    with ThreadPoolExecutor() as threads:
        [*threads.map(buy, range(6))]

    assert history(client)[ITEM][0] == 30


def test_what_if_adds_to_the_events(client):
    send(client, purchase("1"))

    steps = client.post("/v1/candidates:steps", {"user_id": USER, "k": 40, "buy": [SECOND_ITEM], "filters": DROP}).json

    assert not {ITEM, SECOND_ITEM} & {item["item_id"] for item in steps["items"]}
    assert SECOND_ITEM not in history(client)


def test_a_new_generation_keeps_the_events_that_it_lacks(running_service):
    client, service = running_service
    send(client, purchase("1"))
    before = history(client)

    service.switch.activate(service.switch.current.version)

    assert history(client) == before
    send(client, purchase("2"))
    assert history(client)[ITEM][0] == 2


@pytest.mark.parametrize(
    ("event", "status", "code", "named"),
    [
        (purchase("x", item="no-such"), 404, "unknown_item", "no-such"),
        (purchase("x", at=NOW + timedelta(hours=1)), 422, "event_in_future", "'x'"),
        (purchase("x", at=MOMENT - timedelta(seconds=1)), 409, "event_too_old", "2020-02-29 23:59"),
        (purchase("0", item=SECOND_ITEM), 409, "event_conflict", "'0'"),
        ({"type": "reversal", "event_id": "x", "reverses": "unknown"}, 409, "event_conflict", "unknown"),
        (purchase("x", price=-1), 422, "invalid_request", "price"),
        (purchase("x", price=float("nan")), 422, "invalid_request", "price"),
        (purchase("x", price="1"), 422, "invalid_request", "price"),
        ({**purchase("x"), "purchased_at": "2020-03-01T12:00:00"}, 422, "invalid_request", "purchased_at"),
        ({**purchase("x"), "purchased_at": "soon"}, 422, "invalid_request", "purchased_at"),
        ({**purchase("x"), "type": "view"}, 422, "invalid_request", "type"),
        ({**purchase("x"), "colour": "red"}, 422, "invalid_request", "unknown field"),
        (purchase(""), 422, "invalid_request", "event_id"),
        (purchase("x\n"), 200, None, None),  # blanks around an id do not belong to it
        (purchase("x\0y"), 422, "invalid_request", "control character"),
    ],
)
def test_bad_events_are_refused_with_all_events_of_their_request(client, events, event, status, code, named):
    send(client, purchase("0"))

    reply = client.post("/v1/events", {"events": [purchase("fine"), event]})

    assert reply.status == status, reply.text
    if status == 200:
        return
    assert reply.error["code"] == code
    assert named in reply.error["message"]
    assert read_logged_purchases(events, None).num_rows == 1


@pytest.mark.parametrize(
    "content", [{}, {"events": []}, {"events": [purchase("1"), purchase("1")]}, {"events": [purchase("1")], "more": 1},
                {"events": [purchase(str(number)) for number in range(101)]}, [purchase("1")]],
)  # fmt: skip
def test_bad_requests_are_refused(client, content):
    assert client.post("/v1/events", content).status == 422


def test_a_service_without_a_log_accepts_nothing(serve, served_project):
    with serve(served_project.repo, served_project.releases) as (client, _):
        reply = client.post("/v1/events", {"events": [purchase("1")]})
    assert reply.status == 404
    assert "--events" in reply.error["message"]


def test_a_log_has_one_writer(running_service, serve, served_project, events):
    from features.errors import InputError

    with (
        pytest.raises(InputError, match="is being written by"),
        serve(served_project.repo, served_project.releases, events=events),
    ):
        pass
