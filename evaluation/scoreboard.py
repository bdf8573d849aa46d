"""Evaluation of models and baselines on one window, with the same users, metrics and resamples."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from evaluation.bootstrap import Bootstrap
from evaluation.catalogue_coverage import measure_coverage
from evaluation.metrics import CandidateLists, Hits, cutoffs_for, metric_estimates, metrics_per_user, primary_cutoff
from evaluation.results import ModelResult, Protocol
from evaluation.slices import ActivityGroup, SalesDeciles, activity_groups, activity_slice, decile_slice, item_slice
from evaluation.validation_window import ValidationWindow


@dataclass
class Scoreboard:
    """The results of an evaluation window, to which models are added one by one.

    Attributes:
        window: the users and what they bought.
        cutoffs: of the metrics, ascending.
        sales: int64 (items,), units sold before the cut.
        new_rows: the rows of the users who bought items new to them.
        new_relevant: these items, a list for each of these users.
        resamples: resamples of the users of each protocol.
        groups: the users by number of purchases.
        results: by name of the model.
        user_metrics: metrics of each user, by name of the model and protocol.
    """

    window: ValidationWindow
    cutoffs: tuple[int, ...]
    sales: NDArray[np.int64]
    new_rows: NDArray[np.intp]
    new_relevant: ItemLists
    resamples: dict[Protocol, Bootstrap]
    groups: tuple[ActivityGroup, ...]
    results: dict[str, ModelResult] = field(default_factory=dict)
    user_metrics: dict[str, dict[Protocol, dict[str, NDArray[np.float64]]]] = field(default_factory=dict)

    @classmethod
    def of(cls, window: ValidationWindow, past: PurchaseCodes, user_codes: NDArray[np.int32], seed: int) -> Self:
        """Create a scoreboard without models.

        Args:
            window: the users and what they bought.
            past: purchases of all users before its cut, over the same catalogue.
            user_codes: int32 (users,), codes of the window's users in `past`.
            seed: of the resamples.
        """
        items = len(window.item_ids)
        rows, new = window.users_with_new_items()
        resamples: dict[Protocol, Bootstrap] = {"all": Bootstrap.of(window.users, seed)}
        if len(rows):
            resamples["new"] = Bootstrap.of(len(rows), seed)
        sales = np.bincount(past.item_positions, minlength=items).astype(np.int64)
        purchases = np.bincount(past.user_codes, minlength=int(user_codes.max()) + 1)[user_codes].astype(np.int64)
        return cls(window, cutoffs_for(items), sales, rows, new, resamples, activity_groups(purchases, seed))

    @property
    def k(self) -> int:
        """The cutoff at which models are compared."""
        return primary_cutoff(self.cutoffs)

    def evaluate(self, lists: CandidateLists) -> str:
        """Evaluate a model, add its results, and return a line with its recall."""
        hits = Hits.of(lists.all_items, self.window.relevant)
        metrics: dict[Protocol, dict[str, NDArray[np.float64]]] = {"all": metrics_per_user(hits, self.cutoffs)}
        if len(self.new_rows):
            new_hits = Hits.of(lists.new_items[self.new_rows], self.new_relevant)
            metrics["new"] = metrics_per_user(new_hits, self.cutoffs)
        deciles = SalesDeciles.from_counts(self.sales)
        self.user_metrics[lists.name] = metrics
        self.results[lists.name] = {
            "all": metric_estimates(metrics["all"], self.resamples["all"]),
            "new": metric_estimates(metrics["new"], self.resamples["new"]) if "new" in metrics else {},
            "slices": {
                "activity": activity_slice(self.groups, metrics["all"][f"recall@{self.k}"]),
                "items": item_slice(hits, deciles, self.k),
                "deciles": decile_slice(hits, deciles, self.k),
            },
            "catalogue_coverage": measure_coverage(lists.all_items, self.sales, self.k),
        }
        recalls = [f"{protocol} {values[f'recall@{self.k}'].mean():.4f}" for protocol, values in metrics.items()]
        return f"{lists.name}: recall@{self.k} {', '.join(recalls)}"
