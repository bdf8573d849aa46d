"""Filling the online store up to a moment, and knowing which."""

from datetime import UTC, datetime

from feast import FeatureStore, FeatureView
from feast.infra.provider import get_provider

from features.errors import InputError
from features.store.registry import BEGINNING, views_in_services


def fill_online_store(store: FeatureStore, moment: datetime, *, from_scratch: bool) -> list[str]:
    """Materialize every feature view that a feature service reads, as of `moment`.

    The online store keeps one row per key and does not know which rows came later: going back in time would leave
    the keys of the future behind. That takes `from_scratch`, which empties the store first.

    Returns:
        The names of the views filled.

    Raises:
        InputError: the store was filled up to a later moment, or the moment lies before 1970.
    """
    if moment <= BEGINNING:
        raise InputError(f"Nothing is known of {moment:%Y-%m-%d}: choose an --as-of after 1970-01-01.")
    views = views_in_services(store)
    filled = [view.materialization_intervals[-1][1] for view in views if view.materialization_intervals]
    if from_scratch:
        _empty(store, views)
    elif filled and moment < max(filled):
        raise InputError(
            f"The online store is filled up to {max(filled):%Y-%m-%d %H:%M} UTC, later than {moment:%Y-%m-%d %H:%M}: "
            "to go back in time, add --from-scratch, which empties it first."
        )
    names = [view.name for view in views]
    store.materialize(BEGINNING, moment, feature_views=names)
    return names


def _empty(store: FeatureStore, views: list[FeatureView]) -> None:
    # First the registry forgets: if the job is stopped from here on, the store counts as not filled.
    for view in views:
        view.materialization_intervals = []
        store.registry.delete_feature_view(view.name, store.project, commit=False)
        store.registry.apply_feature_view(view, store.project, commit=False)
    store.registry.commit()
    provider = get_provider(store.config)
    entities = store.list_entities()
    for dropped, made in ((views, []), ([], views)):
        provider.update_infra(
            project=store.project,
            tables_to_delete=dropped,
            tables_to_keep=made,
            entities_to_delete=[],
            entities_to_keep=entities,
            partial=True,
        )


def filled_until(store: FeatureStore) -> datetime:
    """The moment up to which the online store was filled last, UTC.

    Raises:
        InputError: some view was never filled, or views were filled up to different moments.
    """
    ends: dict[datetime, str] = {}
    for view in views_in_services(store):
        if not view.materialization_intervals:
            raise InputError(f"Feature view '{view.name}' is not online: run `python jobs/materialize.py` first.")
        ends[view.materialization_intervals[-1][1].astimezone(UTC)] = view.name
    if len(ends) > 1:
        (early, first), *_, (late, last) = sorted(ends.items())
        raise InputError(
            f"The online store is filled unevenly, '{first}' up to {early:%Y-%m-%d %H:%M} UTC and '{last}' up to "
            f"{late:%Y-%m-%d %H:%M}: run `python jobs/materialize.py` again."
        )
    return next(iter(ends))
