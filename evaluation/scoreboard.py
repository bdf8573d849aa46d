"""What every model and every simple list was worth in one week, measured in the same way."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from evaluation.bootstrap import Bootstrap
from evaluation.catalogue_coverage import coverage_of
from evaluation.metrics import CandidateLists, Hits, cutoffs_for, metric_estimates, metrics_per_user, primary_cutoff
from evaluation.results import ModelResult, Protocol
from evaluation.slices import ActivityGroup, SalesRanks, activity_groups, activity_slice, decile_slice, item_slice
from evaluation.validation_window import ValidationWindow


@dataclass
class Scoreboard:
    """One model after the other, on the same users and the same resamples of them.

    Attributes:
        week: the users and what they bought.
        cutoffs: of the measures.
        sold: int64 (items,), units sold before the cut.
        new_rows: which users bought something new to them.
        new: what that was, a list for each of these users.
        resamples: resamples of the users of each protocol.
        groups: the users by activity.
        models: results so far, by name.
        user_metrics: measures of each user so far, by name and protocol.
    """

    week: ValidationWindow
    cutoffs: tuple[int, ...]
    sold: NDArray[np.int64]
    new_rows: NDArray[np.intp]
    new: ItemLists
    resamples: dict[Protocol, Bootstrap]
    groups: tuple[ActivityGroup, ...]
    models: dict[str, ModelResult] = field(default_factory=dict)
    user_metrics: dict[str, dict[Protocol, dict[str, NDArray[np.float64]]]] = field(default_factory=dict)

    @classmethod
    def of(cls, week: ValidationWindow, past: PurchaseCodes, user_codes: NDArray[np.int32], seed: int) -> Self:
        """Begin without any model.

        Args:
            week: the judge.
            past: everybody's purchases before its cut, over the same catalogue.
            user_codes: int32 (users,), the judged users' numbers in `past`.
            seed: of the resamples.
        """
        items = len(week.item_ids)
        rows, new = week.users_with_new_items()
        resamples: dict[Protocol, Bootstrap] = {"all": Bootstrap.of(week.users, seed)}
        if len(rows):
            resamples["new"] = Bootstrap.of(len(rows), seed)
        sold = np.bincount(past.item_positions, minlength=items).astype(np.int64)
        purchases = np.bincount(past.user_codes, minlength=int(user_codes.max()) + 1)[user_codes].astype(np.int64)
        return cls(week, cutoffs_for(items), sold, rows, new, resamples, activity_groups(purchases, seed))

    @property
    def k(self) -> int:
        """The cut-off by which models are compared."""
        return primary_cutoff(self.cutoffs)

    def evaluate(self, lists: CandidateLists) -> str:
        """Measure a model, and say in one line what it was worth."""
        hits = Hits.of(lists.all_items, self.week.relevant)
        user_metrics: dict[Protocol, dict[str, NDArray[np.float64]]] = {"all": metrics_per_user(hits, self.cutoffs)}
        if len(self.new_rows):
            user_metrics["new"] = metrics_per_user(Hits.of(lists.new_items[self.new_rows], self.new), self.cutoffs)
        ranks = SalesRanks.from_counts(self.sold)
        self.user_metrics[lists.name] = user_metrics
        self.models[lists.name] = {
            "all": metric_estimates(user_metrics["all"], self.resamples["all"]),
            "new": metric_estimates(user_metrics["new"], self.resamples["new"]) if "new" in user_metrics else {},
            "slices": {
                "activity": activity_slice(self.groups, user_metrics["all"][f"recall@{self.k}"]),
                "items": item_slice(hits, ranks, self.k),
                "deciles": decile_slice(hits, ranks, self.k),
            },
            "catalogue_coverage": coverage_of(lists.all_items, self.sold, self.k),
        }
        told = [f"{protocol} {values[f'recall@{self.k}'].mean():.4f}" for protocol, values in user_metrics.items()]
        return f"{lists.name}: recall@{self.k} {', '.join(told)}"
