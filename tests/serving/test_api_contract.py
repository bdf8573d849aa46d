"""The contract of the API: its description, one format of errors, limits of requests, ids of requests, the key."""

import json

import pytest


def test_responses_have_the_form_that_the_description_states(client):
    from serving.response_models import (
        BatchResponse,
        ErrorResponse,
        HistoryResponse,
        OneResponse,
        ReleaseResponse,
        SimilarResponse,
        StepsResponse,
        UsersResponse,
    )

    OneResponse.model_validate(client.candidates(user_id="0003", k=60, explain=True))
    OneResponse.model_validate(client.candidates(recent_items=["0108775007"], k=60))
    BatchResponse.model_validate(client.post("/v1/candidates:batch", {"user_ids": ["0003", "nobody"]}).json)
    HistoryResponse.model_validate(client.get("/v1/users/0003/history").json)
    SimilarResponse.model_validate(client.get("/v1/items/0108775007/similar").json)
    steps = {"user_id": "0003", "buy": ["0108775007"], "exclude": ["0108775008"], "explain": True}
    StepsResponse.model_validate(client.post("/v1/candidates:steps", steps).json)
    UsersResponse.model_validate(client.get("/v1/users").json)
    ReleaseResponse.model_validate(client.get("/v1/release").json)
    ErrorResponse.model_validate(client.get("/nothing").json)


def test_the_description_names_all_paths_and_has_examples_that_are_valid(client):
    from serving.request_models import BatchQuery, CandidateQuery, EventsQuery, ReleaseChange, StepsQuery

    description = client.get("/openapi.json").json

    assert set(description["paths"]) == {
        "/v1/candidates", "/v1/candidates:batch", "/v1/users/{user_id}/history", "/v1/items/{item_id}/similar",
        "/v1/candidates:steps", "/v1/users", "/v1/release", "/v1/events", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    for model in (CandidateQuery, StepsQuery, BatchQuery, EventsQuery, ReleaseChange):
        examples = description["components"]["schemas"][model.__name__]["examples"]
        assert examples
        for example in examples:
            model.model_validate_json(json.dumps(example))


def test_health_and_readiness(client):
    assert (client.get("/healthz").status, client.get("/readyz").status) == (200, 200)


@pytest.mark.parametrize(
    ("content", "status", "named"),
    [
        ("{", 400, "JSON"),
        ("", 422, "body"),
        ("[]", 422, "body"),
        ('{"user_id": "1", "k": 0}', 422, "k:"),
        ('{"user_id": "1", "k": 1000000000}', 422, "k:"),
        ('{"user_id": "1", "k": NaN}', 422, "k:"),
        ('{"user_id": "1", "k": Infinity}', 422, "k:"),
        ('{"user_id": "1", "k": 5.5}', 422, "k:"),
        ('{"user_id": "1", "k": "5"}', 422, "k:"),
        ('{"user_id": "1", "k": true}', 422, "k:"),
        ('{"user_id": "1", "k": %s}' % ("9" * 5_000), 400, "JSON"),
        ('{"user_id": 1}', 422, "user_id:"),
        ('{"user_id": ""}', 422, "user_id:"),
        ('{"user_id": "  "}', 422, "user_id:"),
        ('{"user_id": "a\\u0000b"}', 422, "control character"),
        ('{"user_id": "a\\nb"}', 422, "control character"),
        ('{"user_id": "\\ud800"}', 422, "user_id:"),
        ('{"user_id": "%s"}' % ("x" * 257), 422, "user_id:"),
        ('{"user_id": "1", "users": "2"}', 422, "users: unknown field"),
        ('{"k": 5}', 422, "user_id or recent_items"),
        ('{"user_id": "1", "recent_items": ["2"]}', 422, "user_id or recent_items"),
        ('{"recent_items": []}', 422, "recent_items:"),
        ('{"recent_items": [null]}', 422, "recent_items.0:"),
        (json.dumps({"recent_items": ["x"] * 129}), 422, "recent_items:"),
        ('{"user_id": "1", "exclude": "2"}', 422, "exclude:"),
        (json.dumps({"user_id": "1", "exclude": ["x"] * 1_001}), 422, "exclude:"),
        ('{"user_id": "1", "filters": {"unsold_days": NaN}}', 422, "filters.unsold_days:"),
        ('{"user_id": "1", "filters": {"no_such": 1}}', 422, "filters.no_such: unknown field"),
        ('{"user_id": "1", "channel": ""}', 422, "channel:"),
        ("[" * 200_000, 400, "JSON"),
        (b'{"user_id": "\xff"}', 400, "JSON"),
    ],
)
def test_bad_input_is_refused_with_the_name_of_the_field(client, content, status, named):
    reply = client.post("/v1/candidates", content)

    assert reply.status == status, reply.text
    assert named in reply.error["message"]
    assert reply.json["request_id"] == reply.headers["x-request-id"]
    assert len(reply.text) < 1_000


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"user_ids": []}, "user_ids:"),
        ({"user_ids": ["1", "1"]}, "twice"),
        ({"user_ids": [str(user) for user in range(101)]}, "user_ids:"),
        ({"user_ids": [str(user) for user in range(100)], "k": 101}, "10,000"),
        ({"user_ids": ["1"], "recent_items": ["2"]}, "recent_items: unknown field"),
    ],
)
def test_a_bad_batch_is_refused(client, content, named):
    reply = client.post("/v1/candidates:batch", content)

    assert reply.status == 422
    assert named in reply.error["message"]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/users/a%00b/history", "control character"),
        (f"/v1/users/{'x' * 257}/history", "user_id"),
        ("/v1/users/1/history?limit=0", "limit"),
        ("/v1/users/1/history?limit=nan", "limit"),
        ("/v1/items/1/similar?k=1001", "k"),
    ],
)
def test_bad_paths_and_parameters_are_refused(client, path, named):
    reply = client.get(path)

    assert (reply.status, reply.error["code"]) == (422, "invalid_request")
    assert named in reply.error["message"]


def test_a_body_that_is_not_json_by_its_type_is_refused(client):
    assert client.send("POST", "/v1/candidates", '{"user_id": "1"}', {"content-type": "text/plain"}).status == 422


def test_a_large_body_is_refused_before_it_is_parsed(client):
    reply = client.post("/v1/candidates", json.dumps({"user_id": "x" * 1_000_000}))

    assert (reply.status, reply.error["code"]) == (413, "too_large")


def test_unknown_paths_and_methods_have_the_same_format(client):
    path, method = client.get("/v1/nothing"), client.send("DELETE", "/v1/release")

    assert (path.status, path.error["code"]) == (404, "not_found")
    assert (method.status, method.error["code"]) == (405, "method_not_allowed")
    assert method.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("given", "returned"), [("abc-123", "abc-123"), ("a b", "generated-id"), ("x" * 65, "generated-id")]
)
def test_a_valid_request_id_is_kept(client, given, returned):
    reply = client.get("/v1/release", **{"x-request-id": given})

    assert (reply.json["request_id"], reply.headers["x-request-id"]) == (returned, returned)


def test_every_path_but_health_and_readiness_needs_the_key(serve, served_project):
    paths = ("/healthz", "/readyz", "/metrics", "/v1/release", "/openapi.json", "/v1/users/1/history", "/nothing")
    with serve(served_project.repo, served_project.releases, api_key="correct horse 12") as (client, _):
        without = {path: client.get(path).status for path in paths}
        wrong = client.get("/v1/release", **{"x-api-key": "correct horse 1"})
        right = client.get("/v1/release", **{"x-api-key": "correct horse 12"})

    assert without == dict.fromkeys(paths, 401) | {"/healthz": 200, "/readyz": 200}
    assert (wrong.status, wrong.error["code"]) == (401, "unauthorized")
    assert right.status == 200


def test_metrics_count_requests_stages_exclusions_and_features(serve, served_project):
    with serve(served_project.repo, served_project.releases) as (client, service):
        client.candidates(user_id="0003", k=3, filters={"already_bought": "drop"})
        client.candidates(user_id="nobody", k=3)
        client.post("/v1/candidates", {"k": 0})
        client.get("/v1/users/secret/history")
        text = client.get("/metrics").text
        release, generation = service.switch.current.version, service.switch.current.generation
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    assert lines['feast_two_tower_requests_total{route="/v1/candidates",status="200"}'] == "2.0"
    assert lines['feast_two_tower_requests_total{route="/v1/candidates",status="422"}'] == "1.0"
    assert lines['feast_two_tower_stage_duration_seconds_count{stage="retrieval"}'] == "2.0"
    assert lines["feast_two_tower_cold_users_total"] == "1.0"
    assert float(lines['feast_two_tower_candidates_excluded_total{filter="already_bought"}']) > 0
    assert lines['feast_two_tower_candidates_excluded_total{filter="for_sale"}'] == "4.0"  # 2 items, 2 users
    view = "user_bought_items_daily"
    for status in ("present", "missing"):
        assert lines[f'feast_online_features_status_total{{feature_view="{view}",status="{status}"}}'] == "1.0"
    assert lines[f'feast_feature_freshness_seconds{{feature_view="{view}"}}'] == "21600.0"
    assert lines["feast_two_tower_features_age_seconds"] == lines["feast_two_tower_index_age_seconds"] == "21600.0"
    info = f'feast_two_tower_release_info{{generation="{generation}",release="{release}"}}'
    assert lines[info] == "1.0"
    assert "secret" not in text
    bucket = 'http_request_method="POST",http_response_status_code="200",http_route="/v1/candidates",le="0.075"'
    assert f"http_server_request_duration_seconds_bucket{{{bucket}}}" in lines
