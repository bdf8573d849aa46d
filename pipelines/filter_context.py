"""Which filters are in force, and what the feature store tells of users and goods, as they know it."""

from datetime import datetime
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.filters.context import Channels, ItemContext, UserContext
from candidates.filters.settings import FilterSettings
from candidates.filters.settings_warnings import find_settings_without_effect
from candidates.histories import Histories
from features.errors import InputError
from features.moments import datetime64
from features.schema import (
    AGE,
    CHANNELS,
    DEPARTMENT_NAME,
    FOR_SALE,
    GARMENT_GROUP_NAME,
    LAST_PURCHASE_AT,
    LAST_SOLD_AT,
    MINIMUM_AGE,
)  # fmt: skip
from features.store.catalogue import catalogue_ids
from features.store.filter_facts import goods_at
from models.release.release import Release


def filters_of(release: Release) -> FilterSettings:
    """The settings that a release was written with.

    Raises:
        InputError: its manifest says nothing of filters, or what cannot be.
    """
    where = f"The manifest of {release.version}"
    if "filters" not in release.manifest:
        raise InputError(f"{where} does not say which filters are in force: train again.")
    return FilterSettings.from_json(release.manifest["filters"], where)


def settings_in_force(
    release: Release, told: FilterSettings | None, already_bought: Literal["drop", "keep"] | None
) -> FilterSettings:
    """The settings that were told, or those of the release; what is said of bought items overrides both.

    Raises:
        InputError: those of the release cannot be.
    """
    settings = told or filters_of(release)
    return settings.replace(already_bought=already_bought) if already_bought else settings


def warnings_of(store: FeatureStore, settings: FilterSettings, moment: datetime) -> list[str]:
    """Return a sentence for each kind of name that settings hold and the catalogue does not, as of a moment, UTC.

    Raises:
        InputError: the catalogue is empty.
    """
    ids = catalogue_ids(store, moment)
    item_context = build_item_context(goods_at(store, ids, moment), np.array(ids, np.str_), moment)
    return find_settings_without_effect(settings, item_context)


def build_user_context(told: pa.Table, histories: Histories, moment: datetime) -> UserContext:
    """Users as filters know them.

    Args:
        told: what `features.store.filter_facts` reads of n users as of the moment.
        histories: n, what they had bought by then.
        moment: of the request, UTC.
    """
    ages = np.asarray(told[AGE].fill_null(np.nan), np.float32)
    return UserContext(histories, _days_since(told[LAST_PURCHASE_AT], moment, never=np.nan), ages)


def build_item_context(told: pa.Table, item_ids: NDArray[np.str_], moment: datetime) -> ItemContext:
    """The catalogue as filters know it; an item without a department counts as one of its garment group.

    Args:
        told: what `features.store.filter_facts` reads of all items as of the moment.
        item_ids: str (items,), ascending, in the order of `told`.
        moment: of the request, UTC.
    """
    departments = pc.coalesce(told[DEPARTMENT_NAME], told[GARMENT_GROUP_NAME]).combine_chunks().dictionary_encode()
    return ItemContext(
        item_ids=item_ids,
        categories=np.array(told[GARMENT_GROUP_NAME].fill_null("").to_pylist(), np.str_),
        departments=np.asarray(departments.indices.fill_null(-1), np.int32),
        for_sale=np.asarray(told[FOR_SALE], np.bool_),
        channels=Channels.from_lists(told[CHANNELS]),
        minimum_ages=np.asarray(told[MINIMUM_AGE], np.float32),
        days_since_last_sale=_days_since(told[LAST_SOLD_AT], moment, never=np.inf),
    )


def _days_since(moments: pa.ChunkedArray, moment: datetime, *, never: float) -> NDArray[np.float32]:
    """Whole UTC days from each moment's day to the day of `moment`, float32; `never` where there is none."""
    today = datetime64(moment, "D")
    days = np.asarray(pc.cast(moments, pa.timestamp("us")), "datetime64[D]")
    return np.where(np.isnat(days), never, (today - days).astype(np.int64)).astype(np.float32)
