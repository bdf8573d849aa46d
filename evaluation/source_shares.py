"""Where candidates come from: what each source finds alone, what only it finds, and what it gives to the fused list."""

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
    """Take the candidates apart, by budget, a number of candidates for each user.

    - alone: recall of a source's own list of that length;
    - unique: recall of those purchases that are on this source's list of that length and on no other's;
    - union: recall of all sources taking turns, without repeats, until the budget is spent;
    - fused: recall of the fused list;
    - shares: how much of the fused lists comes from each source; a candidate that n sources list counts 1/n for each.

    Args:
        lists: by source, positions and scores (users, width), best first; a source that cannot fill the width, as in
            a small catalogue, may be narrower.
        blended: the fused lists of the same users and sources.
        relevant: what each user bought, none empty.
        budgets: ascending, at most the width.
    """
    named = {name: positions for name, (positions, _) in lists.items()}
    rows: list[SourceRow] = [{"source": name, "alone": {}, "unique": {}} for name in named]
    result: SourceResults = {"budgets": list(budgets), "rows": rows, "union": {}, "blended": {}, "shares": {}}
    turns = _taking_turns(list(named.values()))
    for budget in budgets:
        found = np.stack([_found(positions[:, :budget], relevant) for positions in named.values()])
        for number, (row, positions) in enumerate(zip(rows, named.values(), strict=True)):
            row["alone"][str(budget)] = float(recall_at(positions, relevant, budget).mean())
            only = found[number] & (found.sum(axis=0) == 1)
            row["unique"][str(budget)] = float((np.bincount(relevant.rows, only) / relevant.lengths).mean())
        result["union"][str(budget)] = float(recall_at(turns, relevant, budget).mean())
        result["blended"][str(budget)] = float(recall_at(blended.positions, relevant, budget).mean())
        listed = blended.ranks[:, :budget] > 0
        given = (listed / np.maximum(listed.sum(axis=2, keepdims=True), 1)).sum(axis=(0, 1))
        result["shares"][str(budget)] = dict(zip(blended.sources, (given / given.sum()).tolist(), strict=True))
    return result


def _found(positions: NDArray[np.int32], relevant: ItemLists) -> NDArray[np.bool_]:
    """Which of the relevant items are listed, bool (relevant,)."""
    return ItemLists.from_padded(positions).contains_pairs(relevant.rows, relevant.positions)


def _taking_turns(lists: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """The first of each source, then the second of each, and so on; an item stands where it is met first."""
    width = max(positions.shape[1] for positions in lists)
    filled = [np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=-1) for each in lists]
    turns = np.stack(filled, axis=2).reshape(len(lists[0]), -1)
    order = np.argsort(turns, axis=1, kind="stable")
    ordered = np.take_along_axis(turns, order, axis=1)
    again = np.zeros(turns.shape, np.bool_)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    kept = (turns >= 0) & ~again
    rows, _ = np.nonzero(kept)
    return first_k(rows, turns[kept], *turns.shape)
