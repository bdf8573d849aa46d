"""Fingerprints of feature services change with the values they serve, and a request covers all query towers."""

import pytest

from features.errors import InputError

NAME = "candidate_sources_v2"
VIEW = "user_bought_items_daily"
COLUMNS = ["bought_items", "bought_counts", "bought_days", "bought_gaps"]


@pytest.fixture
def store(toy, tmp_path):
    """A store whose registry may be changed."""
    from features.store.registry import open_feature_store

    return open_feature_store(toy.copy_to(tmp_path / "copy").repo)


def declare(store, view, columns, name=NAME, **options):
    """Declare a service, and return its fingerprint."""
    from feast import FeatureService

    from features.store.request_services import service_fingerprint

    store.apply(FeatureService(name=name, features=[store.get_feature_view(view)[columns]], **options))
    return service_fingerprint(store, name)


def test_the_services_of_a_request_have_fingerprints_of_16_hex_digits(toy_store):
    from features.store.request_services import request_service_fingerprints

    fingerprints = request_service_fingerprints(toy_store)

    assert list(fingerprints) == ["candidate_request_v2", "earlier_items_v1", "candidate_items_v1"]
    assert len(set(fingerprints.values())) == 3
    assert all(len(fingerprint) == 16 and int(fingerprint, 16) >= 0 for fingerprint in fingerprints.values())


@pytest.mark.parametrize(
    "service", ["query_tower_v1", "query_tower_v3", "candidate_sources_v2", "filter_users_v1", "ranking_users_v3"]
)
def test_a_request_covers_the_query_towers_and_the_parts_that_training_reads(toy_store, service):
    from features.store.request_services import check_request_covers

    check_request_covers(toy_store, service)


@pytest.mark.parametrize(("view", "column"), [("user_profile", "age"), ("user_activity_daily", "spend_28d")])
def test_a_query_tower_with_a_feature_that_no_request_reads_is_refused_with_its_name(store, view, column):
    from feast import FeatureService

    from features.store.request_services import check_request_covers

    store.apply(FeatureService(name="query_tower_v9", features=[store.get_feature_view(view)[[column]]]))

    with pytest.raises(
        InputError, match=rf"'candidate_request_v2' lacks '{column}' of view '{view}'.*'query_tower_v9'"
    ):
        check_request_covers(store, "query_tower_v9")


def test_the_fingerprint_changes_with_columns_order_and_view_but_not_with_the_description(store, toy_store):
    from features.store.request_services import service_fingerprint

    before = service_fingerprint(toy_store, NAME)

    assert declare(store, VIEW, COLUMNS) == before
    assert declare(store, VIEW, COLUMNS, description="Another description.", tags={"owner": "someone"}) == before
    others = [
        declare(store, VIEW, COLUMNS[:2]),
        declare(store, VIEW, COLUMNS[::-1]),
        declare(store, "user_recent_items_daily", ["recent_items", "recent_counts", "recent_days"]),
    ]
    assert len({before, *others}) == 4


def test_a_service_that_is_not_declared_is_named(store):
    from features.store.request_services import request_service_fingerprints

    store.delete_feature_service("candidate_items_v1")

    with pytest.raises(InputError, match="no feature service 'candidate_items_v1'"):
        request_service_fingerprints(store)


AGE = """def age(inputs):
    {docstring}
    {comment}
    return inputs[["age"]] {more}
"""


@pytest.fixture
def fingerprints(store):
    """Declare an on-demand view with this code; returns the fingerprints of its service and of a tower's schema."""
    from feast import FeatureService, Field, OnDemandFeatureView
    from feast.transformation.pandas_transformation import PandasTransformation
    from feast.types import Float64

    from features.store.registry import service_schema
    from features.store.request_services import service_fingerprint

    def fingerprints(docstring='"""Age."""', comment="# as it is", more="", description=""):
        view = OnDemandFeatureView(
            name="age_on_demand",
            sources=[store.get_feature_view("user_profile")],
            schema=[Field(name="age_then", dtype=Float64)],
            feature_transformation=PandasTransformation(
                lambda inputs: inputs[["age"]].rename(columns={"age": "age_then"}).astype("float64"),
                AGE.format(docstring=docstring, comment=comment, more=more),
            ),
            mode="pandas",
            description=description,
        )
        service = FeatureService(name="ages", features=[view])
        store.apply([view, service])
        return service_fingerprint(store, "ages"), service_schema(store, "ages", "user_id").fingerprint

    return fingerprints


def test_the_fingerprint_changes_with_on_demand_code_but_not_with_comments(fingerprints):
    before = fingerprints()

    assert fingerprints('"""Another docstring."""', "# Another comment.", description="Another description.") == before
    changed = fingerprints(more="+ 1")
    assert all(one != other for one, other in zip(changed, before, strict=True))


def test_stored_views_have_no_code_fingerprint(toy_store):
    from features.store.registry import code_fingerprint, service_schema, views_by_name

    schemas = [service_schema(toy_store, name, "user_id") for name in ("query_tower_v1", "ranking_users_v3")]

    assert code_fingerprint(views_by_name(toy_store)["user_profile"]) == ""
    codes = {column.view: column.code for schema in schemas for column in schema.columns}
    assert len(codes["user_at_request"]) == len(codes["request_month"]) == 16
    assert codes["user_at_request"] != codes["request_month"]
    assert {code for view, code in codes.items() if view not in {"user_at_request", "request_month"}} == {""}
