"""The filters in force, and the context in which they decide, from what the feature store contains."""

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
from candidates.item_lists import ItemLists
from candidates.text_codes import TextCodes
from features.errors import InputError
from features.moments import datetime64
from features.schema import (
    AGE_AT_REQUEST,
    CHANNELS,
    DEPARTMENT_NAME,
    FOR_SALE,
    GARMENT_GROUP_NAME,
    LAST_PURCHASE_AT,
    LAST_SOLD_AT,
    MINIMUM_AGE,
)  # fmt: skip
from features.store.catalogue import catalogue_ids
from features.store.reader import FeatureReader
from features.store.request_services import CANDIDATE_ITEMS
from models.release.release import Release


def release_filters(release: Release) -> FilterSettings:
    """Return the filter settings in the manifest of a release.

    Raises:
        InputError: the manifest has none, or they are not valid.
    """
    where = f"The manifest of {release.version}"
    if "filters" not in release.manifest:
        raise InputError(f"{where} has no filter settings: train again.")
    return FilterSettings.from_json(release.manifest["filters"], where)


def resolve_filters(
    release: Release, settings: FilterSettings | None, already_bought: Literal["drop", "keep"] | None
) -> FilterSettings:
    """Return the settings in force: those given, or else the release's; `already_bought` overrides theirs.

    Raises:
        InputError: the settings of the release are not valid.
    """
    settings = settings or release_filters(release)
    return settings.replace(already_bought=already_bought) if already_bought else settings


def filter_warnings(store: FeatureStore, settings: FilterSettings, moment: datetime) -> list[str]:
    """Return a sentence for each kind of name in the settings that the catalogue as of a moment, UTC, does not contain.

    Raises:
        InputError: the catalogue is empty.
    """
    ids = catalogue_ids(store, moment)
    features = FeatureReader(store, "offline").read(CANDIDATE_ITEMS, ids, moment)
    item_context = build_item_context(features, TextCodes.from_texts(ids), moment)
    return find_settings_without_effect(settings, item_context)


def build_user_context(
    features: pa.Table,
    histories: Histories,
    moment: datetime | NDArray[np.datetime64],
    earlier: ItemLists | None = None,
) -> UserContext:
    """Build the user context of filters.

    Args:
        features: what `FeatureReader` reads of n users at the moment: `age_at_request` and `last_purchase_at`. A
            negative age comes from a birth date after the request, which no validation can find: it counts as unknown.
        histories: of the n users, at the same moment.
        moment: of the request, UTC; or datetime64 (n,), that of each user.
        earlier: n lists of items bought before those in the histories, if there are any.
    """
    ages = np.asarray(features[AGE_AT_REQUEST].fill_null(np.nan), np.float32)
    return UserContext(
        histories=histories,
        days_since_last_purchase=_days_since(features[LAST_PURCHASE_AT], moment, never=np.nan),
        ages=np.where(ages >= 0, ages, np.float32(np.nan)),
        earlier=earlier,
    )


def build_item_context(
    features: pa.Table, item_codes: TextCodes, moment: datetime, *, listed: NDArray[np.bool_] | None = None
) -> ItemContext:
    """Build the item context of filters. What is not declared of an item's availability does not restrict it.

    Args:
        features: what `FeatureReader` reads of all items at the moment. Where `department_name` is null, the garment
            group stands in for the department.
        item_codes: of the ids of these items, in the order of `features`.
        moment: of the request, UTC.
        listed: bool (items,), whether the catalogue contains each item at the moment; all of them by default. An item
            that it does not contain is not for sale: nothing is known about it.
    """
    groups = features[GARMENT_GROUP_NAME]
    departments = pc.coalesce(features[DEPARTMENT_NAME], groups).combine_chunks().dictionary_encode()
    for_sale = np.asarray(pc.not_equal(features[FOR_SALE].fill_null(1.0), 0.0), np.bool_)
    return ItemContext(
        item_codes=item_codes,
        categories=groups.fill_null("").combine_chunks(),
        departments=np.asarray(departments.indices.fill_null(-1), np.int32),
        for_sale=for_sale if listed is None else for_sale & listed,
        channels=Channels.from_lists(features[CHANNELS]),
        minimum_ages=np.asarray(features[MINIMUM_AGE].fill_null(0.0), np.float32),
        days_since_last_sale=_days_since(features[LAST_SOLD_AT], moment, never=np.inf),
    )


def _days_since(
    moments: pa.ChunkedArray, moment: datetime | NDArray[np.datetime64], *, never: float
) -> NDArray[np.float32]:
    """Whole UTC days from each moment's day to the day of `moment`, float32; `never` where there is none."""
    today = datetime64(moment, "D") if isinstance(moment, datetime) else moment.astype("datetime64[D]")
    days = np.asarray(pc.cast(moments, pa.timestamp("s")), "datetime64[D]")
    return np.where(np.isnat(days), never, (today - days).astype(np.int64)).astype(np.float32)
