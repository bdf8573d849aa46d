"""The feature services of candidate requests, and their fingerprints, which a release records.

A request reads one service of its users, another one of those with long histories, and from the catalogue snapshot one
of all items and one of names to show.
Training reads the user features as of past moments in the parts it needs, see `feature_repo/feature_services.py`.
"""

import hashlib
import json
from typing import Final

from feast import FeatureStore, FeatureView

from features.errors import InputError
from features.store.registry import (
    code_fingerprint,
    feature_service,
    online_views,
    service_columns,
    views_by_name,
    views_of_service,
)

CANDIDATE_REQUEST: Final = "candidate_request_v2"
EARLIER_ITEMS_OF_USERS: Final = "earlier_items_v1"
CANDIDATE_ITEMS: Final = "candidate_items_v1"
ITEM_CARD: Final = "item_card_v1"

# Parts of CANDIDATE_REQUEST.
PURCHASE_HISTORIES: Final = "candidate_sources_v2"
FILTER_USERS: Final = "filter_users_v1"
RANKING_USERS: Final = "ranking_users_v3"


def check_request_covers(store: FeatureStore, service: str) -> None:
    """Check that the request's service contains all features of another one: those of a query tower.

    Raises:
        InputError: a feature is missing, or comes from another view.
    """
    request = {(column.view, column.name) for column in service_columns(store, CANDIDATE_REQUEST).columns}
    for column in service_columns(store, service).columns:
        if (column.view, column.name) not in request:
            raise InputError(
                f"Feature service '{CANDIDATE_REQUEST}' lacks '{column.name}' of view '{column.view}', which "
                f"'{service}' contains: a candidate request reads all features of its users from "
                f"'{CANDIDATE_REQUEST}'. Add it there, or to a new version, and run `feast apply`."
            )


def request_service_fingerprints(store: FeatureStore) -> dict[str, str]:
    """Fingerprints of the services that candidate requests read, by name.

    Raises:
        InputError: the registry lacks one of them.
    """
    services = (CANDIDATE_REQUEST, EARLIER_ITEMS_OF_USERS, CANDIDATE_ITEMS)
    return {name: service_fingerprint(store, name) for name in services}


def request_views(store: FeatureStore) -> list[FeatureView]:
    """The stored views that requests read, online or from the catalogue snapshot.

    Raises:
        InputError: the registry lacks a service of requests.
    """
    services = (CANDIDATE_REQUEST, EARLIER_ITEMS_OF_USERS, CANDIDATE_ITEMS, ITEM_CARD)
    views = [*online_views(store), *(view for service in services for view in views_of_service(store, service))]
    return list({view.name: view for view in views}.values())


def service_fingerprint(store: FeatureStore, name: str) -> str:
    """SHA-256 over the views, names, dtypes and code of a service's features in their order, first 16 hex digits.

    Descriptions and tags are not part of it: they do not change the values.

    Raises:
        InputError: the registry has no service of this name.
    """
    views = views_by_name(store)
    columns = [
        [projection.name, field.name, str(field.dtype), code_fingerprint(views[projection.name])]
        for projection in feature_service(store, name).feature_view_projections
        for field in projection.features
    ]
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:16]
