"""What filter settings say to no effect: nothing is filtered by it, and somebody should hear."""

import difflib

import numpy as np

from candidates.filters.context import ItemContext
from candidates.filters.settings import FilterSettings

_SHOWN = 5


def unknown_names(settings: FilterSettings, item_context: ItemContext) -> list[str]:
    """Return a sentence for each kind of name that settings hold and the catalogue does not; none if all are known.

    That is no error: a blocked item may have left the catalogue, and the line may stay. So may days to cool down while
    nothing cools down.
    """
    idle = settings.already_bought != "cool-down" and (settings.cool_down_days or settings.cool_down_days_by_category)
    return [
        *(["Days to cool down do nothing: already_bought is not 'cool-down'."] if idle else []),
        *_items(settings.blocked_items, item_context),
        *_categories("Blocked categories", settings.blocked_categories, item_context),
        *_categories("Categories with days to cool down", tuple(settings.cool_down_days_by_category), item_context),
        *_channels(settings.channel, item_context),
    ]


def _items(item_ids: tuple[str, ...], item_context: ItemContext) -> list[str]:
    _, known = item_context.holds(np.array(item_ids, np.str_))
    unknown = [item_id for item_id, found in zip(item_ids, known.tolist(), strict=True) if not found]
    if not unknown:
        return []
    # Zeros in front are what spreadsheets lose.
    padded = [item_id.zfill(item_context.item_ids.dtype.itemsize // 4) for item_id in unknown]
    _, meant = item_context.holds(np.array(padded, np.str_))
    hint = f": did you mean {padded[int(np.argmax(meant))]!r}?" if meant.any() else "."
    return [f"Blocked items that are not in the catalogue: {_listed(unknown)}{hint}"]


def _categories(kind: str, names: tuple[str, ...], item_context: ItemContext) -> list[str]:
    known = [name for name in item_context.category_names.tolist() if name]
    unknown = [name for name in names if name not in known]
    if not unknown:
        return []
    near = [match for name in unknown for match in difflib.get_close_matches(name, known, 1)]
    hint = f": did you mean {near[0]!r}?" if near else "."
    return [f"{kind} that no item is of: {_listed(unknown)}{hint}"]


def _channels(channel: str | None, item_context: ItemContext) -> list[str]:
    if channel is None or channel in item_context.channels.named:
        return []
    named = _listed(sorted(item_context.channels.named)) if item_context.channels.named else "none"
    left = f"{int(item_context.channels.silent.sum()):,} of {len(item_context):,} items"
    return [f"No item names channel {channel!r} (those named: {named}): only what names none may be shown, {left}."]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
