"""Popularity lists as answers: what the bestsellers of a moment are must not depend on what sells later."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.purchase_codes import PurchaseCodes
from candidates.sources.popularity import PopularityList
from evaluation.baselines import last_week_popularity
from features.schema import EVENT_TIMESTAMP, ITEM_ID, RANK, USER_CODE
from pipelines.leakage.differences import Answer

_BESTSELLER: Final = "bestseller"
_SOLD: Final = "units sold of the bestseller"


def popularity_answer(question: str, view: str, item_ids: pa.Array, counts: NDArray[np.number[Any]]) -> Answer:
    """The whole list, best first.

    Args:
        question: in words.
        view: the feature view that the counts come from.
        item_ids: string (items,), ascending.
        counts: (items,).
    """
    best = PopularityList.from_counts(counts)
    rows = {
        RANK: pa.array(np.arange(1, len(best) + 1)),
        _BESTSELLER: item_ids.take(pa.array(best.ranking)),
        _SOLD: pa.array(best.scores),
    }
    return Answer(question, pa.table(rows), (RANK,), dict.fromkeys(rows, view))


def last_week_counts(purchases: Iterable[pa.RecordBatch], item_ids: pa.Array, cut: np.datetime64) -> NDArray[np.int64]:
    """Count as the judge of the validation week does, with all purchases before it, also those after the cut.

    Args:
        purchases: `user_code`, `item_id` and `event_timestamp`; of items that are not in the catalogue nothing counts.
        item_ids: string (items,), ascending.
        cut: UTC.
    """
    parts = [_codes(batch, item_ids) for batch in purchases]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return last_week_popularity(PurchaseCodes(*columns), cut, len(item_ids))


def _codes(
    batch: pa.RecordBatch, item_ids: pa.Array
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.datetime64]]:
    positions = pc.index_in(batch[ITEM_ID], item_ids)
    known = np.asarray(positions.is_valid())
    return (
        batch[USER_CODE].to_numpy()[known],
        positions.fill_null(0).to_numpy()[known],
        batch[EVENT_TIMESTAMP].to_numpy(zero_copy_only=False)[known].astype("datetime64[us]"),
    )
