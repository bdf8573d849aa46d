"""Sources to one list: a weight for each source's word, learned from what was bought in the validation week."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from candidates.item_lists import ItemLists
from candidates.over_fetching import Cap
from candidates.pool import Pool

MAX_PAIRS: Final = 2_000_000  # more do not change a few dozen weights
_PASSES = 500


@dataclass(frozen=True, eq=False)
class BlendedLists:
    """One list for each of n users, and where each candidate comes from.

    Attributes:
        sources: names, in order.
        positions: int32 (n, k), best first; -1 is padding.
        scores: float32 (n, k), log odds of being bought; -inf at padding.
        ranks: int32 (n, k, sources), the place on each source's list from 1, 0 if it is not on it.
        source_scores: float32 (n, k, sources), the sources' own scores, 0 where a source says nothing.
    """

    sources: tuple[str, ...]
    positions: NDArray[np.int32]
    scores: NDArray[np.float32]
    ranks: NDArray[np.int32]
    source_scores: NDArray[np.float32]

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Put the lists of successive users together; at least one part, all of the same sources."""
        return cls(
            sources=parts[0].sources,
            positions=np.concatenate([part.positions for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            ranks=np.concatenate([part.ranks for part in parts]),
            source_scores=np.concatenate([part.source_scores for part in parts]),
        )

    def first(self, k: int) -> Self:
        """Return the first k candidates of each list."""
        part = (slice(None), slice(k))
        return type(self)(
            self.sources, self.positions[part], self.scores[part], self.ranks[part], self.source_scores[part]
        )

    def slice(self, start: int, stop: int) -> Self:
        """Return the lists of users start to stop - 1."""
        part = slice(start, stop)
        return type(self)(
            self.sources, self.positions[part], self.scores[part], self.ranks[part], self.source_scores[part]
        )


@dataclass(frozen=True, eq=False)
class Blender:
    """A logistic regression over what the sources say of a candidate.

    Of each source three things count: whether the candidate is on its list, the log of its rank, and its score; and of
    every two sources the product of their scores, because two that agree may say more than either, or no more.

    Attributes:
        sources: names, in order.
        centres: float32 (words,), the mean of each of these in the pool that was learned from, in the order of `words`.
        spreads: float32 (words,), their standard deviations.
        weights: float32 (words,), weights of the standardised values.
        intercept: log odds of a candidate of which all is average.
    """

    sources: tuple[str, ...]
    centres: NDArray[np.float32]
    spreads: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercept: float

    @classmethod
    def fit(cls, pool: Pool, relevant: ItemLists) -> Self:
        """Learn the weights; what a user bought counts alike for all users, however much it is, as it does in recall.

        Args:
            pool: what the sources propose to n users. Of a very large one the first users are learned from.
            relevant: what each of the n users bought.

        Raises:
            ValueError: no candidate was bought, or all were: there is nothing to learn from.
        """
        part = slice(MAX_PAIRS)
        bought = relevant.contains_pairs(pool.rows[part], pool.positions[part])
        if bought.all() or not bought.any():
            raise ValueError(f"{int(bought.sum())} of {len(bought)} candidates were bought: no weight can be learned.")
        said = _said(pool, part)
        centres = said.mean(axis=0, dtype=np.float64).astype(np.float32)
        spreads = said.std(axis=0, dtype=np.float64).astype(np.float32)
        spreads[spreads == 0] = 1
        shares = 1 / relevant.counts[pool.rows[part]][bought]
        counts = np.ones(len(bought))
        counts[bought] = shares / shares.mean()
        model = LogisticRegression(max_iter=_PASSES).fit((said - centres) / spreads, bought, sample_weight=counts)
        return cls(pool.sources, centres, spreads, model.coef_[0].astype(np.float32), float(model.intercept_[0]))

    def blend(self, pool: Pool, k: int, cap: Cap | None = None) -> BlendedLists:
        """Give every user the k candidates with the best odds, equal ones by position.

        Args:
            pool: what the same sources propose to n users.
            k: at least 1.
            cap: what a list may hold, applied before the cut.

        Raises:
            ValueError: the sources are others.
        """
        if pool.sources != self.sources or k < 1:
            raise ValueError(f"The sources must be {self.sources}, not {pool.sources}, and k at least 1, not {k}.")
        standard = (_said(pool, slice(None)) - self.centres) / self.spreads
        odds = (standard.astype(np.float64) @ self.weights.astype(np.float64) + self.intercept).astype(np.float32)
        order = np.lexsort((pool.positions, -odds, pool.rows))
        if cap is not None:
            order = order[cap.keep_mask(pool.rows[order], pool.positions[order])]
        in_order = pool.rows[order]
        ranks = np.arange(len(order)) - np.searchsorted(in_order, in_order)
        order, ranks = order[ranks < k], ranks[ranks < k]
        rows, shape = pool.rows[order], (pool.users, k)
        blended = BlendedLists(
            self.sources,
            np.full(shape, -1, np.int32),
            np.full(shape, -np.inf, np.float32),
            np.zeros((*shape, len(self.sources)), np.int32),
            np.zeros((*shape, len(self.sources)), np.float32),
        )
        blended.positions[rows, ranks] = pool.positions[order]
        blended.scores[rows, ranks] = odds[order]
        blended.ranks[rows, ranks] = pool.ranks[order]
        blended.source_scores[rows, ranks] = pool.scores[order]
        return blended

    def to_json(self) -> dict[str, Any]:
        """Return the weights as JSON-ready values; `from_json` brings them back."""
        columns = zip(term_names(self.sources), self.centres, self.spreads, self.weights, strict=True)
        said = [
            {"word": word, "centre": float(centre), "spread": float(spread), "weight": float(weight)}
            for word, centre, spread, weight in columns
        ]
        return {"sources": list(self.sources), "intercept": self.intercept, "words": said}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        centres, spreads, weights = (
            np.array([word[name] for word in content["words"]], np.float32) for name in ("centre", "spread", "weight")
        )
        return cls(tuple(content["sources"]), centres, spreads, weights, float(content["intercept"]))


def term_names(sources: tuple[str, ...]) -> list[str]:
    """What is said of a candidate, in order."""
    return [
        *(f"{source} lists it" for source in sources),
        *(f"log rank by {source}" for source in sources),
        *(f"score by {source}" for source in sources),
        *(f"score by {one} x {other}" for one, other in combinations_with_replacement(sources, 2)),
    ]


def _said(pool: Pool, part: slice) -> NDArray[np.float32]:
    """What the sources say of each candidate, (pairs, words)."""
    ranks, scores = pool.ranks[part], pool.scores[part]
    pairs = combinations_with_replacement(range(len(pool.sources)), 2)
    products = [scores[:, one] * scores[:, other] for one, other in pairs]
    return np.column_stack([ranks > 0, np.log(np.maximum(ranks, 1)), scores, *products]).astype(np.float32)
