"""Names of items for people to read."""

from collections.abc import Sequence

from features.schema import ITEM_ID, PROD_NAME
from features.store.catalogue_snapshot import CatalogueSnapshot
from features.store.request_services import ITEM_CARD


def item_names(catalogue: CatalogueSnapshot, ids: Sequence[str]) -> list[str]:
    """Return the names of items as of the snapshot's moment, in the order of `ids`; the id where there is no name."""
    return [row[PROD_NAME] or row[ITEM_ID] for row in catalogue.read(ITEM_CARD, ids).to_pylist()]
