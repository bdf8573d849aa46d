"""Names of items for people to read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pyarrow as pa

from features.schema import PROD_NAME
from features.store.reader import FeatureReader

ITEM_CARD: Final = "item_card_v1"


def item_names(reader: FeatureReader, ids: Sequence[str] | pa.Array, moment: datetime) -> list[str]:
    """Read the names of items as of a moment, in the order of `ids`; the id where there is no name."""
    names = reader.read(ITEM_CARD, ids, moment)
    return [row[PROD_NAME] or row["item_id"] for row in names.to_pylist()]
