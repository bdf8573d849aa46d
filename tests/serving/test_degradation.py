"""Without its online store the service answers with bestsellers, within the deadline, and recovers by itself."""

import os
import signal
import time

import pytest

USER = "0003"
DEADLINE = 1.0


def ask(client, **query):
    """The response, and the seconds that it took."""
    started = time.monotonic()
    reply = client.post("/v1/candidates", {"user_id": USER, "k": 12, **query})
    assert reply.status == 200, reply.text
    return reply.json, time.monotonic() - started


def items_of(answer):
    return [item["item_id"] for item in answer["items"]]


def metric(client, name):
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"feast_two_tower_{name} "))


def wait_for(client, *, degraded):
    """Ask until answers are degraded, or are not any more; all within the deadline."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        answer, seconds = ask(client)
        assert seconds < DEADLINE
        if answer["degraded"] is degraded:
            return answer
        time.sleep(0.1)
    pytest.fail(f"degraded is still {not degraded}")


def stop(server):
    os.kill(server.process.pid, signal.SIGSTOP)


def resume(server):
    os.kill(server.process.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("end", "begin"),
    [(lambda server: server.stop(), lambda server: server.start()), (stop, resume)],
    ids=["killed", "hung"],
)
def test_bestsellers_are_served_until_the_store_answers_again(
    filled_redis_project, serve, lasting_redis_server, end, begin
):
    with serve(filled_redis_project.repo, filled_redis_project.releases, deadline=DEADLINE) as (client, _):
        personal, _ = ask(client)
        unknown, _ = ask(client, user_id="nobody")
        end(lasting_redis_server)

        answers = [ask(client) for _ in range(20)]
        ready, counted = client.get("/readyz"), metric(client, "degraded_users_total")
        begin(lasting_redis_server)
        recovered = wait_for(client, degraded=False)

        assert (personal["degraded"], personal["features"]["status"]) == (False, "present")
        assert {answer["degraded"] for answer, _ in answers} == {True}
        assert {answer["features"]["status"] for answer, _ in answers} == {"unavailable"}
        assert max(seconds for _, seconds in answers) < DEADLINE
        assert sorted(seconds for _, seconds in answers)[10] < 0.1, "an open breaker does not wait for the store"
        assert items_of(answers[0][0]) == items_of(unknown) != items_of(personal)
        assert (ready.status, ready.json["status"]) == (200, "degraded")
        assert counted == 20
        assert items_of(recovered) == items_of(personal)
        assert client.get("/readyz").json["status"] == "ready"


def test_exclusions_hold_and_sessions_are_served_as_before(filled_redis_project, serve, lasting_redis_server):
    with serve(filled_redis_project.repo, filled_redis_project.releases, deadline=DEADLINE) as (client, _):
        session = {"recent_items": ["0108775007"], "k": 12}
        before = client.candidates(**session)
        lasting_redis_server.stop()

        first = items_of(ask(client)[0])[0]
        excluding, _ = ask(client, exclude=[first])
        during = client.candidates(**session)
        history = client.get(f"/v1/users/{USER}/history")

        assert first not in items_of(excluding)
        assert excluding["degraded"] is True
        assert (items_of(during), during["degraded"]) == (items_of(before), False)
        assert (history.status, history.error["code"]) == (503, "features_unavailable")


def test_age_limits_hold_for_users_of_unknown_age(filled_redis_project, serve, lasting_redis_server):
    """An unknown age is no permission."""
    with serve(filled_redis_project.repo, filled_redis_project.releases, deadline=DEADLINE) as (client, service):
        lasting_redis_server.stop()
        limits = service.switch.current.pipeline.item_context.minimum_ages
        ids = service.switch.current.pipeline.release.item_ids.to_pylist()
        restricted = {item for item, limit in zip(ids, limits.tolist(), strict=True) if limit > 0}

        answer, _ = ask(client, k=60)

        assert answer["degraded"] is True
        assert restricted
        assert restricted.isdisjoint(items_of(answer))


def test_a_batch_and_its_steps_are_degraded_too(filled_redis_project, serve, lasting_redis_server):
    with serve(filled_redis_project.repo, filled_redis_project.releases, deadline=DEADLINE) as (client, _):
        lasting_redis_server.stop()

        batch = client.post("/v1/candidates:batch", {"user_ids": [USER, "0004"], "k": 3})
        steps = client.post("/v1/candidates:steps", {"user_id": USER, "k": 3})

        assert (batch.status, steps.status) == (200, 200)
        assert [result["degraded"] for result in batch.json["results"]] == [True, True]
        assert steps.json["degraded"] is True
