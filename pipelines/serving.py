"""Retrieve, filter, rank: what a release answers at a moment, from the online store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from candidates.blender import BlendedLists, Blender
from candidates.candidate_file import candidates_to_table
from candidates.filters.context import ItemContext, UserContext
from candidates.filters.exclusions import Exclusions
from candidates.filters.filter_set import FilterSet
from candidates.ranking.context import ItemFeatures
from candidates.ranking.ranker import Ranker
from candidates.ranking.reordering import RankedLists
from candidates.retriever import Retriever
from candidates.sources.source_set import Queries
from features.store.materialization import filled_until
from features.store.reader import FeatureReader
from features.store.registry import open_feature_store, tower_schemas
from features.store.service_fingerprints import (
    FILTER_ITEMS,
    FILTER_USERS,
    PURCHASE_HISTORIES,
    RANKING_ITEMS,
    RANKING_USERS,
    service_fingerprints,
)  # fmt: skip
from models.release.release import Release, load_release
from pipelines.build_sources import build_histories, released_sources
from pipelines.filter_context import build_item_context, build_user_context
from pipelines.steps import Step
from pipelines.train_ranker import RANKED, ordered

_CHOSEN_FROM: Final = 3  # times as many as are wanted are enough for a ranker


def opened(repo: Path, releases: Path, version: str | None) -> tuple[FeatureStore, Release, datetime]:
    """Open the online store and the release that asks it, the latest one if no version is given.

    Returns:
        The store, the release, and the moment up to which the store is filled, UTC.

    Raises:
        InputError: either is missing or damaged, or they do not fit together.
    """
    release, store = load_release(releases, version), open_feature_store(repo)
    schemas = release.schemas
    release.check_tower_services(tower_schemas(store, schemas.query.service, schemas.item.service))
    release.check_request_services(service_fingerprints(store, ranked=bool(release.rankers)))
    moment = filled_until(store)
    release.check_moment(moment)
    return store, release, moment


@dataclass(frozen=True, eq=False)
class CandidatePipeline:
    """What is asked of one release at one moment.

    Attributes:
        store: an applied feature store, filled up to the moment.
        release: whose towers and vectors are asked.
        moment: of the request, UTC.
        filters: those in force.
        item_context: what they may know of the catalogue.
        retriever: proposes candidates, k or as many as are ranked.
        ranker: None if retrieval's order stands.
        items: what a ranker knows of the catalogue; None without one.
        k: candidates for each user.
    """

    store: FeatureStore
    release: Release
    moment: datetime
    filters: FilterSet
    item_context: ItemContext
    retriever: Retriever
    ranker: Ranker | None
    items: ItemFeatures | None
    k: int

    @classmethod
    def of(cls, store: FeatureStore, release: Release, moment: datetime, filters: FilterSet, k: int) -> Self:
        """Read what is known of the whole catalogue."""
        ids, ranker = release.item_ids.tolist(), release.rankers.get(filters.policy)
        reader = FeatureReader(store, "online")
        deep = max(k, RANKED)
        if filters.at_most_per_department is not None:
            # Long lists under a cap are searched for through the whole catalogue.
            deep = k if ranker is None else min(deep, _CHOSEN_FROM * k)
        return cls(
            store=store,
            release=release,
            moment=moment,
            filters=filters,
            item_context=build_item_context(reader.read(FILTER_ITEMS, ids, moment), release.item_ids, moment),
            retriever=Retriever(released_sources(release), Blender.from_json(release.blender[filters.policy]), deep),
            ranker=ranker,
            items=None if ranker is None else ItemFeatures.of(reader.read(RANKING_ITEMS, ids, moment)),
            k=k,
        )

    def queries(self, user_ids: Sequence[str]) -> Queries:
        """What is asked for n users."""
        told = self._read(self.release.schemas.query.service, user_ids)
        histories = build_histories(self._read(PURCHASE_HISTORIES, user_ids), self.release.item_ids)
        return Queries(*self.release.query_tower.query_vectors(told), histories)

    def retrieved(self, queries: Queries) -> BlendedLists:
        """The first step: what the sources propose, as if no filter were in force: with the weights for everything."""
        return replace(self.retriever, blender=Blender.from_json(self.release.blender["keep"])).retrieve(queries)

    def filtered(self, user_ids: Sequence[str], queries: Queries) -> BlendedLists:
        """The second step, within the first: what they propose of what may be shown."""
        return self.under(Exclusions.combine(self.exclusions(user_ids, queries).values()), queries)

    def under(self, exclusions: Exclusions, queries: Queries) -> BlendedLists:
        """What the sources propose without what is barred, under the cap in force."""
        return self.retriever.retrieve(
            queries, exclusions.pairs, eligible=exclusions.eligible, cap=self.filters.build_cap(self.item_context)
        )

    def exclusions(self, user_ids: Sequence[str], queries: Queries) -> dict[str, Exclusions]:
        """What each of the filters in force bars for n users, by name."""
        return self.filters.exclude_by_filter(self._users(user_ids, queries), self.item_context)

    def reasons(self, user_ids: Sequence[str], queries: Queries, blended: BlendedLists) -> list[list[str]]:
        """The names of the filters that drop each candidate of n lists, in the order of `table`; none if it stays.

        A cap judges these lists as they stand. The second step has others, in which more may come to stand above.
        """
        rows, places = np.nonzero(blended.positions >= 0)
        users = self._users(user_ids, queries)
        return self.filters.excluding_filters(rows, blended.positions[rows, places], users, self.item_context)

    def ranked(self, user_ids: Sequence[str], queries: Queries, blended: BlendedLists) -> RankedLists:
        """The third step: these candidates in order, the first k of them."""
        if self.ranker is None or self.items is None:
            return RankedLists.as_retrieved(blended).first(self.k)
        told = self._read(RANKING_USERS, user_ids)
        return ordered(blended, self.ranker, queries.histories, told, self.items).first(self.k)

    def after(self, step: Step, user_ids: Sequence[str], queries: Queries) -> RankedLists:
        """The lists of n users as one of the steps leaves them: k after the last, as many as are ranked before it."""
        if step == "retrieve":
            return RankedLists.as_retrieved(self.retrieved(queries))
        filtered = self.filtered(user_ids, queries)
        return RankedLists.as_retrieved(filtered) if step == "filter" else self.ranked(user_ids, queries, filtered)

    def candidates(self, user_ids: Sequence[str]) -> tuple[pa.Table, dict[str, int]]:
        """All three steps for n users.

        Returns:
            A table with the schema `candidates.candidate_file.CANDIDATES`, and how many pairs of user and item
            each filter bars, by name.
        """
        queries = self.queries(user_ids)
        exclusions = self.exclusions(user_ids, queries)
        lists = self.ranked(user_ids, queries, self.under(Exclusions.combine(exclusions.values()), queries))
        return self.table(user_ids, lists), {name: each.count(len(user_ids)) for name, each in exclusions.items()}

    def table(self, user_ids: Sequence[str], lists: RankedLists) -> pa.Table:
        """Ordered lists as a table with the schema `candidates.candidate_file.CANDIDATES`."""
        ids = np.array(user_ids, np.str_)
        return candidates_to_table(ids, lists.blended, self.release.item_ids, lists.places, lists.scores)

    def _users(self, user_ids: Sequence[str], queries: Queries) -> UserContext:
        """What filters may ask of n users."""
        told = self._read(FILTER_USERS, user_ids)
        return build_user_context(told, queries.histories, self.moment)

    def _read(self, service: str, user_ids: Sequence[str]) -> pa.Table:
        return FeatureReader(self.store, "online").read(service, user_ids, self.moment)
