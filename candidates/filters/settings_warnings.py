"""Warnings about filter settings that have no effect on a catalogue."""

import difflib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from candidates.filters.context import ItemContext
from candidates.filters.settings import FilterSettings

_MAX_NAMES = 5


def find_settings_without_effect(settings: FilterSettings, items: ItemContext) -> list[str]:
    """Return one warning for each setting with names that are not in the catalogue, or with unused days.

    These are no errors: a blocked item may leave the catalogue and come back, and the days to cool down may stay in a
    file while the filter is off.
    """
    unused = settings.already_bought != "cool-down" and (settings.cool_down_days or settings.cool_down_days_by_category)
    return [
        *(["Unused cool_down_days: already_bought is not 'cool-down'."] if unused else []),
        *_unknown_items(settings.blocked_items, items),
        *_unknown_categories("blocked_categories", settings.blocked_categories, items),
        *_unknown_categories("cool_down_days_by_category", tuple(settings.cool_down_days_by_category), items),
        *_unknown_channel(settings.channel, items),
    ]


def _unknown_items(item_ids: tuple[str, ...], items: ItemContext) -> list[str]:
    found = items.item_codes.find(pa.array(item_ids, pa.string())) >= 0
    unknown = [item_id for item_id, known in zip(item_ids, found.tolist(), strict=True) if not known]
    if not unknown:
        return []
    # Spreadsheets drop leading zeros.
    longest = pc.max(pc.utf8_length(items.item_codes.texts)).as_py()
    padded = [item_id.zfill(longest) for item_id in unknown]
    known_padded = items.item_codes.find(pa.array(padded, pa.string())) >= 0
    hint = f": did you mean {padded[int(np.argmax(known_padded))]!r}?" if known_padded.any() else "."
    return [f"Unknown items in blocked_items, not in the catalogue: {_enumerate(unknown)}{hint}"]


def _unknown_categories(setting: str, names: tuple[str, ...], items: ItemContext) -> list[str]:
    known = [name for name in items.category_names.to_pylist() if name]
    unknown = [name for name in names if name not in known]
    if not unknown:
        return []
    near = [match for name in unknown for match in difflib.get_close_matches(name, known, 1)]
    hint = f": did you mean {near[0]!r}?" if near else "."
    return [f"Unknown categories in {setting}, no item has them: {_enumerate(unknown)}{hint}"]


def _unknown_channel(channel: str | None, items: ItemContext) -> list[str]:
    if channel is None or channel in items.channels.by_channel:
        return []
    known = _enumerate(sorted(items.channels.by_channel)) if items.channels.by_channel else "none"
    left = f"{int(items.channels.unrestricted.sum()):,} of {len(items):,}"
    return [
        f"Unknown channel {channel!r} (known: {known}): only the items without channels are eligible, {left} items."
    ]


def _enumerate(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(map(repr, names[:_MAX_NAMES])) + more
