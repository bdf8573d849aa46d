"""The feature services that are asked when candidates are made, beside those of the towers, and their fingerprints."""

import hashlib
import json
from typing import Final

from feast import FeatureStore

from features.store.registry import code_fingerprint, feature_service, views_by_name

PURCHASE_HISTORIES: Final = "candidate_sources_v1"
FILTER_USERS: Final = "filter_users_v1"
FILTER_ITEMS: Final = "filter_items_v2"
RANKING_USERS: Final = "ranking_users_v2"
RANKING_ITEMS: Final = "ranking_items_v1"
ALWAYS: Final = (PURCHASE_HISTORIES, FILTER_USERS, FILTER_ITEMS)
BY_A_RANKER: Final = (RANKING_USERS, RANKING_ITEMS)


def service_fingerprints(store: FeatureStore, *, ranked: bool) -> dict[str, str]:
    """Fingerprints of these services, by name.

    Args:
        store: an applied feature store.
        ranked: whether a ranker puts candidates in order, which asks more.

    Raises:
        InputError: the registry lacks one of them.
    """
    return {name: service_fingerprint(store, name) for name in (*ALWAYS, *(BY_A_RANKER if ranked else ()))}


def service_fingerprint(store: FeatureStore, name: str) -> str:
    """SHA-256 over the views, names, dtypes and code of a service's features in their order, first 16 hex digits.

    Descriptions and tags do not count: who reads these services takes the values as they are.

    Raises:
        InputError: the registry has no service of this name.
    """
    views = views_by_name(store)
    told = [
        [projection.name, field.name, str(field.dtype), code]
        for projection in feature_service(store, name).feature_view_projections
        for code in [code_fingerprint(views[projection.name])]
        for field in projection.features
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
