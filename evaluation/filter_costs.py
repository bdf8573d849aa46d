"""What filters cost: how much of the lists they take out, and how much less is found without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.over_fetching import KeepMask
from evaluation.comparisons import compare_on_metric
from evaluation.metrics import CandidateLists, Hits
from evaluation.results import Comparison, FilterCost, Protocol, WindowResult
from evaluation.scoreboard import Scoreboard

ALL_FILTERS: Final = "all in force"


def measure_filter_cost(
    name: str,
    setting: str,
    *,
    in_force: bool,
    without: CandidateLists,
    filtered: CandidateLists,
    allowed: KeepMask,
    judge: Scoreboard,
) -> FilterCost:
    """Price a filter, or several together, by lists made with it beside lists made without any.

    - dropped: the share of a user's first k candidates without filters, out of the whole catalogue, that the filter
      does not allow, averaged over users; of an empty list nothing is lost.
    - users: the share of the users who lose at least one of these.
    - short: the share of the users who have fewer than k candidates under the filter.
    - all, new: recall@k with the filter minus recall@k without, and over it, as `compare_on_metric` says.

    What is dropped is asked of the filter and not told from what the two lists share: fused scores depend on all
    candidates, and one that is allowed may have to make way for another that was not on the list before.

    Args:
        name: of the filter, or `ALL_FILTERS`.
        setting: for a reader, may be empty.
        in_force: whether the set in force holds it.
        without: lists of the judged users without filters, at least k wide.
        filtered: the same with the filter, applied before the cut.
        allowed: the filter, such as `Exclusions.keep_mask` or `DepartmentCap.keep_mask`.
        judge: of the users; k is the cut-off by which it compares models.

    Raises:
        ValueError: Lists are narrower than k, or not of the judged users.
    """
    k, users = judge.k, judge.week.users
    for lists in (without, filtered):
        if lists.all_items.shape[0] != users or lists.all_items.shape[1] < k:
            raise ValueError(f"Lists must be of {users} users and at least {k} wide, not {lists.all_items.shape}.")
    counts, dropped = _dropped(without.all_items[:, :k], allowed)
    return {
        "name": name,
        "setting": setting,
        "active": in_force,
        "dropped": float((dropped / np.maximum(counts, 1)).mean()),
        "affected_users": float((dropped > 0).mean()),
        "short_lists": float(((filtered.all_items[:, :k] >= 0).sum(axis=1) < k).mean()),
        "all": _compared(filtered.all_items, without.all_items, judge.week.relevant, "all", judge),
        "new": (
            _compared(filtered.new_items[judge.new_rows], without.new_items[judge.new_rows], judge.new, "new", judge)
            if len(judge.new_rows)
            else None
        ),
    }


@dataclass(frozen=True)
class FilterCosts:
    """One filter with one setting at all cuts at which it was priced.

    Attributes:
        name: As in the results.
        setting: As in the results.
        in_force: Whether the set in force held it at the last of these cuts.
        prices: By the dates of the cuts, in the order of the results, at least one.
    """

    name: str
    setting: str
    in_force: bool
    prices: tuple[tuple[str, FilterCost], ...]

    @classmethod
    def of(cls, cuts: Sequence[WindowResult]) -> list[Self]:
        """Return what was priced at any cut: all in force together, then these one by one, then the others."""
        found: dict[tuple[str, str], list[tuple[str, FilterCost]]] = {}
        for cut in cuts:
            for price in cut.get("filter_costs", []):
                found.setdefault((price["name"], price["setting"]), []).append((cut["cut_date"], price))
        priced = [
            cls(name, setting, prices[-1][1]["active"], tuple(prices)) for (name, setting), prices in found.items()
        ]
        return sorted(priced, key=lambda each: (each.name != ALL_FILTERS, not each.in_force))

    @property
    def dropped(self) -> list[float]:
        """The share dropped at each cut."""
        return [price["dropped"] for _, price in self.prices]

    def comparisons(self, protocol: Protocol) -> list[tuple[str, Comparison]]:
        """Return the comparison of each cut that has one on a protocol, by its date."""
        told = [(cut, price[protocol]) for cut, price in self.prices]
        return [(cut, comparison) for cut, comparison in told if comparison is not None]

    def changes(self, protocol: Protocol) -> list[float]:
        """Return recall with the filter minus recall without, at each cut that has it on a protocol."""
        return [comparison["difference"][0] for _, comparison in self.comparisons(protocol)]


def _dropped(
    positions: NDArray[np.int32], allowed: KeepMask
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """How many candidates each list holds, and how many of them are not allowed, (users,) each."""
    rows, places = np.nonzero(positions >= 0)
    out = rows[~allowed(rows, positions[rows, places])]
    return np.bincount(rows, minlength=len(positions)), np.bincount(out, minlength=len(positions))


def _compared(
    filtered: NDArray[np.int32], without: NDArray[np.int32], relevant: ItemLists, protocol: Protocol, judge: Scoreboard
) -> Comparison:
    lists = {"filtered": filtered, "without": without}
    recalls = {name: Hits.of(positions[:, : judge.k], relevant).recall(judge.k) for name, positions in lists.items()}
    return compare_on_metric(recalls, judge.resamples[protocol], ["filtered"], ["without"])["filtered"]["without"]
