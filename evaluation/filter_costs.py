"""The cost of filters: the share of candidates that they exclude, and the change of recall."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.over_fetching import KeepMask
from evaluation.comparisons import compare_on_metric
from evaluation.metrics import CandidateLists, recall_at
from evaluation.results import Comparison, FilterCost, Protocol, WindowResult
from evaluation.scoreboard import Scoreboard

ALL_FILTERS: Final = "all active filters"


def measure_filter_cost(
    name: str,
    setting: str,
    *,
    active: bool,
    unfiltered: CandidateLists,
    filtered: CandidateLists,
    keep_mask: KeepMask,
    scoreboard: Scoreboard,
) -> FilterCost:
    """Measure the cost of one filter, or of several together, by lists with and without it.

    - dropped: the share of a user's first k unfiltered candidates that the filter excludes, averaged over users; 0 for
      an empty list.
    - affected_users: the share of users with at least one such candidate.
    - short_lists: the share of users with fewer than k candidates under the filter.
    - all, new: recall@k with the filter compared with recall@k without, as by `compare_on_metric`.

    `dropped` is computed from the filter and not from the difference of the two lists: blended scores depend on all
    candidates, so a candidate that passes the filter may still lose its position to another.

    Args:
        name: of the filter, or `ALL_FILTERS`.
        setting: for display, may be empty.
        active: whether the filter is in use.
        unfiltered: lists of the window's users without filters, at least k wide.
        filtered: the same with the filter, applied before the top k are taken.
        keep_mask: the filter.
        scoreboard: of the window; k is its primary cutoff.

    Raises:
        ValueError: Lists are narrower than k, or have other users.
    """
    k, users = scoreboard.k, scoreboard.window.users
    for lists in (unfiltered, filtered):
        if lists.all_items.shape[0] != users or lists.all_items.shape[1] < k:
            raise ValueError(f"Lists must be of {users} users and at least {k} wide, not {lists.all_items.shape}.")
    counts, dropped = _count_dropped(unfiltered.all_items[:, :k], keep_mask)
    rows = scoreboard.new_rows
    return {
        "name": name,
        "setting": setting,
        "active": active,
        "dropped": float((dropped / np.maximum(counts, 1)).mean()),
        "affected_users": float((dropped > 0).mean()),
        "short_lists": float(((filtered.all_items[:, :k] >= 0).sum(axis=1) < k).mean()),
        "all": _compare_recall(filtered.all_items, unfiltered.all_items, scoreboard.window.relevant, "all", scoreboard),
        "new": (
            _compare_recall(
                filtered.new_items[rows], unfiltered.new_items[rows], scoreboard.new_relevant, "new", scoreboard
            )
            if len(rows)
            else None
        ),
    }


@dataclass(frozen=True)
class FilterCosts:
    """The costs of one filter with one setting in all windows in which it was measured.

    Attributes:
        name: As in the results.
        setting: As in the results.
        active: Whether the filter was in use in the last of these windows.
        costs: By cut date, in the order of the results, at least one.
    """

    name: str
    setting: str
    active: bool
    costs: tuple[tuple[str, FilterCost], ...]

    @classmethod
    def from_windows(cls, windows: Sequence[WindowResult]) -> list[Self]:
        """Return all filters of the results: all active filters together, then each active one, then the others."""
        found: dict[tuple[str, str], list[tuple[str, FilterCost]]] = {}
        for window in windows:
            for cost in window.get("filter_costs", []):
                found.setdefault((cost["name"], cost["setting"]), []).append((window["cut_date"], cost))
        filters = [cls(name, setting, costs[-1][1]["active"], tuple(costs)) for (name, setting), costs in found.items()]
        return sorted(filters, key=lambda each: (each.name != ALL_FILTERS, not each.active))

    @property
    def dropped(self) -> list[float]:
        """The share of dropped candidates in each window."""
        return [cost["dropped"] for _, cost in self.costs]

    def comparisons(self, protocol: Protocol) -> list[tuple[str, Comparison]]:
        """Return the comparisons of recall on a protocol by cut date, without windows that have none."""
        comparisons = [(cut_date, cost[protocol]) for cut_date, cost in self.costs]
        return [(cut_date, comparison) for cut_date, comparison in comparisons if comparison is not None]

    def changes(self, protocol: Protocol) -> list[float]:
        """Return recall with the filter minus recall without in each window that has it on a protocol."""
        return [comparison["difference"][0] for _, comparison in self.comparisons(protocol)]


def _count_dropped(
    positions: NDArray[np.int32], keep_mask: KeepMask
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """Return the number of candidates of each list and the number that the filter excludes, (users,) each."""
    rows, columns = np.nonzero(positions >= 0)
    dropped = rows[~keep_mask(rows, positions[rows, columns])]
    return np.bincount(rows, minlength=len(positions)), np.bincount(dropped, minlength=len(positions))


def _compare_recall(
    filtered: NDArray[np.int32],
    unfiltered: NDArray[np.int32],
    relevant: ItemLists,
    protocol: Protocol,
    scoreboard: Scoreboard,
) -> Comparison:
    lists = {"filtered": filtered, "unfiltered": unfiltered}
    recalls = {name: recall_at(positions, relevant, scoreboard.k) for name, positions in lists.items()}
    compared = compare_on_metric(recalls, scoreboard.resamples[protocol], ["filtered"], ["unfiltered"])
    return compared["filtered"]["unfiltered"]
