"""Candidate sources: recall of each alone, recall that only one contributes, and shares of the blended lists."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.item_lists import ItemLists
from candidates.topk import TopK, first_k
from evaluation.metrics import recall_at
from evaluation.results import SourceResults, SourceRow


def source_shares(
    lists: Mapping[str, TopK], blended: BlendedLists, relevant: ItemLists, budgets: Sequence[int]
) -> SourceResults:
    """Evaluate the sources by budget, the number of candidates per user.

    - alone: recall of the source's own list of that length;
    - unique: recall of the purchases that are in this source's list of that length and in no other's;
    - union: recall of a round-robin of all sources, without duplicates, of that length;
    - blended: recall of the blended list of that length;
    - shares: share of each source in the blended lists; a candidate of n sources counts 1/n for each.

    Args:
        lists: by source, positions and scores (users, width), best first; the list of a source that cannot fill the
            width may be narrower.
        blended: the blended lists of the same users and sources.
        relevant: the items that each user bought, none empty.
        budgets: ascending, at most the width.
    """
    named = {name: positions for name, (positions, _) in lists.items()}
    rows: list[SourceRow] = [{"source": name, "alone": {}, "unique": {}} for name in named]
    result: SourceResults = {"budgets": list(budgets), "rows": rows, "union": {}, "blended": {}, "shares": {}}
    interleaved = _round_robin(list(named.values()))
    for budget in budgets:
        found = np.stack([_found(positions[:, :budget], relevant) for positions in named.values()])
        for number, (row, positions) in enumerate(zip(rows, named.values(), strict=True)):
            row["alone"][str(budget)] = float(recall_at(positions, relevant, budget).mean())
            only = found[number] & (found.sum(axis=0) == 1)
            row["unique"][str(budget)] = float((np.bincount(relevant.rows, only) / relevant.lengths).mean())
        result["union"][str(budget)] = float(recall_at(interleaved, relevant, budget).mean())
        result["blended"][str(budget)] = float(recall_at(blended.positions, relevant, budget).mean())
        listed = blended.ranks[:, :budget] > 0
        counts = (listed / np.maximum(listed.sum(axis=2, keepdims=True), 1)).sum(axis=(0, 1))
        result["shares"][str(budget)] = dict(zip(blended.sources, (counts / counts.sum()).tolist(), strict=True))
    return result


def _found(positions: NDArray[np.int32], relevant: ItemLists) -> NDArray[np.bool_]:
    """Return which relevant items are in the lists, bool (relevant,)."""
    return ItemLists.from_padded(positions).contains_pairs(relevant.rows, relevant.positions)


def _round_robin(lists: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Return the first item of each list, then the second of each, ..., each item at its first occurrence only."""
    width = max(positions.shape[1] for positions in lists)
    filled = [np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=-1) for each in lists]
    interleaved = np.stack(filled, axis=2).reshape(len(lists[0]), -1)
    order = np.argsort(interleaved, axis=1, kind="stable")
    ordered = np.take_along_axis(interleaved, order, axis=1)
    duplicate = np.zeros(interleaved.shape, np.bool_)
    np.put_along_axis(duplicate, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    kept = (interleaved >= 0) & ~duplicate
    rows, _ = np.nonzero(kept)
    return first_k(rows, interleaved[kept], *interleaved.shape)
