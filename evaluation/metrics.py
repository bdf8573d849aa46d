"""Ranking metrics: one value per user, from ranked lists and the relevant items of each user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from evaluation.bootstrap import Bootstrap, Estimate

CUTOFFS: Final = (12, 50, 100, 300)
PRIMARY_CUTOFF: Final = 100


@dataclass(frozen=True, eq=False)
class CandidateLists:
    """Ranked lists of one model for n users, one for each evaluation protocol.

    Attributes:
        name: Display name of the model.
        all_items: (n, k) int32 positions in the catalogue, best first, retrieved from the whole catalogue; -1 is
            padding.
        new_items: (n, k) int32, retrieved from the items that the user had not bought before the cut. Bought items are
            excluded before the top k are taken, so these lists are as long as the others.

    Raises:
        ValueError: The arrays do not have this form.
    """

    name: str
    all_items: NDArray[np.int32]
    new_items: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.all_items.dtype != np.int32 or self.new_items.dtype != np.int32:
            raise ValueError(f"Lists must be int32 positions, not {self.all_items.dtype} and {self.new_items.dtype}.")
        if self.all_items.ndim != 2 or self.all_items.shape != self.new_items.shape:
            raise ValueError(
                f"Both lists must have the shape (users, k), not {self.all_items.shape} and {self.new_items.shape}."
            )


@dataclass(frozen=True, eq=False)
class Hits:
    """Ranked lists matched with the relevant items of their users, measured at any cutoff k. Created by `Hits.of`.

    Every method takes k of at least 1, measures lists shorter than k as they are, and raises ValueError for other k.

    Attributes:
        positions: (n, width) int32, best first; -1 is padding.
        matches: (n, width) bool, True at each relevant item.
        relevant: n lists of relevant items, none empty.
    """

    positions: NDArray[np.int32]
    matches: NDArray[np.bool_]
    relevant: ItemLists

    @classmethod
    def of(cls, positions: NDArray[np.int32], relevant: ItemLists) -> Self:
        """Match lists with relevant items.

        Args:
            positions: (n, width) int32, best first, no item twice in a row; -1 is padding and never counts.
            relevant: n lists, none empty.

        Raises:
            ValueError: An argument does not have this form.
        """
        missing = int((relevant.lengths == 0).sum())
        if missing:
            raise ValueError(f"{missing} of {len(relevant)} users have no relevant item: leave them out.")
        matches = relevant.contains(positions)
        ordered = np.sort(positions, axis=1)
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
            raise ValueError("A list contains an item twice, which would count twice.")
        return cls(positions, matches, relevant)

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.positions)

    def recall(self, k: int) -> NDArray[np.float64]:
        """Return the share of each user's relevant items among the first k, (n,) float64.

        Recall@k = |top k and relevant| / |relevant|.
        """
        return np.asarray(np.count_nonzero(self._top(k), axis=1) / self.relevant.lengths)

    def hit_rate(self, k: int) -> NDArray[np.float64]:
        """Return 1 for each user with a relevant item among the first k, else 0, (n,) float64."""
        return np.asarray(self._top(k).any(axis=1), np.float64)

    def average_precision(self, k: int) -> NDArray[np.float64]:
        """Return each user's average precision at k, (n,) float64; its mean over users is MAP@k.

        AP@k = 1 / min(|relevant|, k) * sum over ranks i <= k of precision(i) * [item at i is relevant], as on the
        evaluation page of Kaggle's H&M Personalized Fashion Recommendations, where k = 12.
        """
        top = self._top(k)
        precision = top.cumsum(axis=1) / _ranks(top)
        return np.asarray((precision * top).sum(axis=1) / np.minimum(self.relevant.lengths, k))

    def ndcg(self, k: int) -> NDArray[np.float64]:
        """Return each user's normalised discounted cumulative gain at k with binary relevance, (n,) float64.

        DCG@k = sum over ranks i <= k of gain(i) / log2(i + 1), divided by the DCG of min(|relevant|, k) relevant items
        at the top. Normalisation after Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM
        TOIS 20(4), 2002; the discount log2(i + 1) after Burges et al., "Learning to rank using gradient descent", ICML
        2005.
        """
        top = self._top(k)
        gains = (top / np.log2(_ranks(top) + 1)).sum(axis=1)
        best_case = np.minimum(self.relevant.lengths, k)
        ideal = np.cumsum(1 / np.log2(np.arange(1, int(best_case.max(initial=1)) + 1) + 1))
        return np.asarray(gains / ideal[best_case - 1])

    def found(self, k: int) -> NDArray[np.bool_]:
        """Return which relevant items are among the first k, (m,) bool in the order of `relevant.positions`."""
        listed = ItemLists.from_padded(self.positions[:, : self._top(k).shape[1]])
        return listed.contains_pairs(self.relevant.rows, self.relevant.positions)

    def _top(self, k: int) -> NDArray[np.bool_]:
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}.")
        return self.matches[:, :k]


def recall_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return each user's recall at one cutoff, (n,) float64; arguments and errors are those of `Hits.of`."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    return Hits.of(positions[:, :k], relevant).recall(k)


def cutoffs_for(items: int) -> tuple[int, ...]:
    """Return those of the cutoffs 12, 50, 100 and 300 that are at most half the catalogue.

    A list of nearly the whole catalogue has a recall of nearly 1, whatever the model. If all cutoffs are too large, the
    only one is half the catalogue.

    Args:
        items: The size of the catalogue, at least 1.
    """
    half = max(1, items // 2)
    return tuple(k for k in CUTOFFS if k <= half) or (half,)


def primary_cutoff(cutoffs: Sequence[int]) -> int:
    """Return the cutoff at which models are compared: 100, or the largest if 100 is not among them."""
    return PRIMARY_CUTOFF if PRIMARY_CUTOFF in cutoffs else max(cutoffs)


def comparison_metrics(cutoffs: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the metrics by which models are compared with each other.

    Recall at the primary cutoff measures retrieval; the metrics at the smallest cutoff measure the order.

    Args:
        cutoffs: Ascending, as in `metrics_per_user`.

    Returns:
        "recall@100", "map@12", "ndcg@12" and "recall@12", or the same at the cutoffs of a small catalogue.
    """
    first = min(cutoffs)
    names = (f"recall@{primary_cutoff(cutoffs)}", f"map@{first}", f"ndcg@{first}", f"recall@{first}")
    return tuple(dict.fromkeys(names))


def metrics_per_user(hits: Hits, cutoffs: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Compute all metrics of one model.

    Args:
        hits: The model's lists, matched with the relevant items.
        cutoffs: Ascending, each at least 1.

    Returns:
        (users,) float64 each: recall and hit rate at every cutoff, MAP and NDCG at the smallest, named "recall@12",
        ..., "hit_rate@12", ..., "map@12", "ndcg@12".
    """
    first = min(cutoffs)
    return {
        **{f"recall@{k}": hits.recall(k) for k in cutoffs},
        **{f"hit_rate@{k}": hits.hit_rate(k) for k in cutoffs},
        f"map@{first}": hits.average_precision(first),
        f"ndcg@{first}": hits.ndcg(first),
    }


def metric_estimates(user_metrics: Mapping[str, NDArray[np.float64]], resamples: Bootstrap) -> dict[str, Estimate]:
    """Return the mean over users of each metric, with its 95 % bootstrap interval.

    Args:
        user_metrics: (users,) float64 each, by name, as from `metrics_per_user`; at least one.
        resamples: Drawn for the same users.

    Raises:
        ValueError: A metric has another number of users than the resamples.
    """
    estimates = resamples.estimates(np.stack(list(user_metrics.values()), axis=1))
    return dict(zip(user_metrics, estimates, strict=True))


def _ranks(matches: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the ranks 1 to width of the columns, (width,) int64."""
    return np.arange(1, matches.shape[1] + 1)
