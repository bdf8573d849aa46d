"""Rankers, learned from past lists: for everything and for what is new to the user, each if it is worth its place."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from features.ranking_facts import items_at, users_at
from jobs.fusing import Fusions
from jobs.past_lists import PastLists
from ranking.calibration import ReliabilityBin, reliability
from ranking.choosing import Choice, chosen, judgeable, undecided
from ranking.examples import Examples
from ranking.facts import ItemFacts, UserFacts
from ranking.folds import fitted_folds, held_out_scores
from ranking.importances import Importance, importances, origin_importances
from ranking.ordering import Ordered, reordered
from ranking.pair_features import pair_features
from ranking.ranker import Ranker
from ranking.suspicion import refuse_leaks
from retrieval.fusion import Fused
from retrieval.histories import Histories

# What is new to a user in one week is also what sells in that week: held-out users of the same week praise an order
# that a week later is worse than retrieval's (docs/log.md).
_NEW = "Retrieval orders what is new to the user: one week of purchases teaches no order that lasts."
RANKED = 100  # candidates of each user that are put in order: those behind them hardly ever come to the top


@dataclass(frozen=True)
class Ranking:
    """What came of learning an order.

    Attributes:
        ranker: None if retrieval's order stands.
        choice: how the two were compared.
        importances: of the features, the most important first; empty if nothing was learned.
        reliability: predicted and true shares of candidates, by users whom the rankers had not seen.
    """

    ranker: Ranker | None
    choice: Choice
    importances: tuple[Importance, ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all but the ranker as JSON-ready values."""
        return {
            "choice": self.choice.to_json(),
            "importances": [asdict(each) for each in self.importances],
            "reliability": [asdict(each) for each in self.reliability],
        }


@dataclass(frozen=True)
class Rankings:
    """How candidates are put in order: of everything, and of what the user never bought."""

    keep: Ranking
    drop: Ranking

    @property
    def rankers(self) -> dict[str, Ranker]:
        """Those that are worth their place, by policy for items bought before."""
        both = {"keep": self.keep.ranker, "drop": self.drop.ranker}
        return {policy: ranker for policy, ranker in both.items() if ranker is not None}


def rankings_of(
    store: FeatureStore, past: PastLists, fusions: Fusions, *, seed: int, say: Callable[[str], object]
) -> Rankings:
    """Learn to order candidates from past lists as they were fused.

    Args:
        store: an applied feature store.
        past: lists of the validation week.
        fusions: how they are put together.
        seed: of draws and of parts of users.
        say: called with a sentence that tells who orders the candidates.

    Raises:
        InputError: a feature seems to tell the future.
    """
    items = ItemFacts.of(items_at(store, past.item_ids, past.split.cut))
    users = UserFacts.of(users_at(store, past.user_ids, past.split.cut), items)

    pairs = pair_features(fusions.keep.fuse(past.keep, RANKED), past.queries.histories, users, items)
    keep = _learned(Examples(pairs, past.bought, np.arange(len(past.bought))), seed)
    say(f"all items: {keep.choice.reason}")
    return Rankings(keep, Ranking(None, Choice(ranked=False, reason=_NEW, users=0, ndcg_at_12={}, map_at_12={})))


def ordered(fused: Fused, ranker: Ranker | None, histories: Histories, told: pa.Table, items: ItemFacts) -> Ordered:
    """Put the first `RANKED` candidates of n users in order, those from which rankers learn; behind them nothing moves.

    Args:
        fused: after all filters.
        ranker: None leaves retrieval's order.
        histories: what each of them had bought.
        told: what `features.ranking_facts` reads of them.
        items: of the catalogue, as of the same moment.
    """
    if ranker is None:
        return Ordered.as_retrieved(fused)
    first = fused.first(RANKED)
    pairs = pair_features(first, histories, UserFacts.of(told, items), items)
    return reordered(first, pairs, ranker.score(pairs)).followed_by(fused)


def _learned(examples: Examples, seed: int) -> Ranking:
    if not judgeable(examples):
        return Ranking(None, undecided(examples))
    folds = fitted_folds(examples, seed)
    held_out = held_out_scores(examples, folds)
    told = importances(examples, folds, seed)
    refuse_leaks(examples, held_out, told, origin_importances(examples, folds, seed))
    choice = chosen(examples, held_out, seed)
    ranker = Ranker.fitted(examples, seed) if choice.ranked else None
    return Ranking(ranker, choice, told, reliability(held_out, examples.bought))
