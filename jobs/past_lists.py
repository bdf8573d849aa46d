"""What the sources proposed in the validation week, as of its cut, by towers that had seen nothing of it."""

from dataclasses import dataclass

import pyarrow as pa
from feast import FeatureStore

from features.time_split import TimeSplit
from jobs.sourcing import purchases_before, queries_at, sources_at
from jobs.training_run import TrainingRun
from retrieval.item_lists import ItemLists
from retrieval.pool import Pool
from retrieval.sources import DEPTH, Queries

_MOST_USERS = 2_000  # from whom weights and orders are learned


@dataclass(frozen=True, eq=False)
class PastLists:
    """Candidates of n users, and what they bought in the week after.

    Attributes:
        user_ids: string (n,).
        item_ids: string (items,), the catalogue.
        split: whose cut the candidates are as of, and whose validation days tell what was bought.
        queries: what was asked for these users.
        keep: what all sources proposed.
        drop: the same without what each user had bought before.
        bought: what each of them bought.
        new: that of it which he had never bought before.
    """

    user_ids: pa.Array
    item_ids: pa.Array
    split: TimeSplit
    queries: Queries
    keep: Pool
    drop: Pool
    bought: ItemLists
    new: ItemLists


def past_lists(store: FeatureStore, run: TrainingRun) -> PastLists:
    """Retrieve for the first users of the validation week with the kept towers, everything as of the cut."""
    asked, purchases, week = run.data.validation, run.data.purchases, run.week
    cut = purchases.split.cut
    past = purchases_before(purchases, asked.item_ids, cut)
    sources, _ = sources_at(store, past, asked.item_ids, run.towers.item_vectors(asked.catalogue), cut)
    vectors = run.towers.query_vectors(asked.queries)
    few = next(queries_at(store, asked.user_ids, week.item_ids, vectors, cut).blocks(_MOST_USERS))
    return PastLists(
        user_ids=asked.user_ids[: len(few)],
        item_ids=asked.item_ids,
        split=purchases.split,
        queries=few,
        keep=sources.pool(few, DEPTH),
        drop=sources.pool(few, DEPTH, few.histories.bought),
        bought=week.relevant.slice(0, len(few)),
        new=week.new_relevant.slice(0, len(few)),
    )
