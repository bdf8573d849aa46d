"""The candidate pipeline of one release: retrieve, filter and rank, with online or offline features."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.blender import BlendedLists, Blender
from candidates.candidate_file import candidates_to_table
from candidates.filters.context import ItemContext, UserContext
from candidates.filters.department_cap import DepartmentCap
from candidates.filters.exclusions import Exclusions
from candidates.filters.filter_set import FilterSet
from candidates.ranking.entity_features import ItemFeatures, UserFeatures
from candidates.ranking.ranker import Ranker
from candidates.ranking.reordering import RankedLists
from candidates.retriever import Retriever
from candidates.sources.source_set import Queries, SourceSet
from candidates.text_codes import TextCodes
from features.errors import InputError
from features.moments import datetime64
from features.store.catalogue_snapshot import CatalogueSnapshot
from features.store.data_end import moment_or_data_end
from features.store.feature_blocks import FeatureBlock, feature_blocks
from features.store.reader import FeatureReader, Source
from features.store.registry import open_feature_store, tower_schemas
from features.store.request_services import (
    CANDIDATE_ITEMS,
    CANDIDATE_REQUEST,
    check_request_covers,
    request_service_fingerprints,
)
from models.release.release import Release, load_release
from pipelines.build_sources import build_earlier_items, build_histories, restore_sources
from pipelines.earlier_items import add_earlier_items
from pipelines.filter_context import build_item_context, build_user_context
from pipelines.rank_candidates import RANKING_DEPTH, rank_candidates

Stage: TypeAlias = Literal["retrieve", "filter", "rank"]

# Under a cap the search goes through the whole catalogue for long lists: then the ranker gets fewer candidates.
_CANDIDATES_PER_RESULT: Final = 3


def open_release_and_reader(
    repo: Path, releases: Path, version: str | None, *, source: Source = "online", as_of: str | None = None
) -> tuple[FeatureReader, Release, datetime]:
    """Open a release, the latest one if no version is given, and the feature store that serves its requests.

    Args:
        repo: Feast feature repository.
        releases: folder of the releases.
        version: of the release.
        source: the store from which features are read; offline ones need no materialization.
        as_of: moment of offline features; None for the end of the data.

    Returns:
        A reader, the release, and the moment of its requests, UTC: for online features that of the materialization.

    Raises:
        InputError: release or store are missing or damaged, or they do not fit together.
    """
    if source == "online" and as_of:
        raise InputError("Online features are as of the materialization: --as-of needs --features offline.")
    release, store = load_release(releases, version), open_feature_store(repo)
    query_service, item_service = release.schemas.query.service, release.schemas.item.service
    release.check_tower_services(tower_schemas(store, query_service, item_service))
    release.check_request_services(request_service_fingerprints(store))
    check_request_covers(store, query_service)
    reader = FeatureReader(store, source)
    _ = reader.tables  # computed before anything is read, and checked when candidates are written
    moment = reader.generation.record.as_of if source == "online" else moment_or_data_end(store, as_of)
    release.check_moment(moment)
    return reader, release, moment


def _read_catalogue(reader: FeatureReader, moment: datetime) -> CatalogueSnapshot:
    if reader.source == "online":
        return CatalogueSnapshot.open(reader.store, reader.generation.record)
    return CatalogueSnapshot.join(reader.store, moment)


@dataclass(frozen=True, eq=False)
class CandidateRequest:
    """A block of n users, with everything the pipeline knows about them.

    Attributes:
        user_ids: (n,).
        features: (n,), the columns of feature service `CANDIDATE_REQUEST`.
        queries: n, query vectors and histories.
        users: n, the context of the filters.
    """

    user_ids: Sequence[str]
    features: pa.Table
    queries: Queries
    users: UserContext


@dataclass(frozen=True, eq=False)
class CandidatePipeline:
    """Retrieval, filters and ranking of one release at one moment. What does not depend on users is computed once.

    Attributes:
        reader: of the users' features.
        catalogue: the items' features as of `moment`.
        release: the release.
        moment: of the requests, UTC.
        sources: the candidate sources.
        blenders: by the policy of the filters.
        filters: the filters in force.
        item_context: the catalogue, for the filters.
        cap: the department cap in force; None without one.
        unfiltered_retriever: retrieves as if no filter were in force, with the blender for all items.
        retriever: retrieves candidates under the filters: k, or as many as are ranked.
        ranker: None if candidates stay in retrieval order.
        item_features: the catalogue, for the ranker; None if the release has no ranker.
        k: candidates per user.
    """

    reader: FeatureReader
    catalogue: CatalogueSnapshot
    release: Release
    moment: datetime
    sources: SourceSet
    blenders: Mapping[str, Blender]
    filters: FilterSet
    item_context: ItemContext
    cap: DepartmentCap | None
    unfiltered_retriever: Retriever
    retriever: Retriever
    ranker: Ranker | None
    item_features: ItemFeatures | None
    k: int

    @classmethod
    def open(
        cls,
        reader: FeatureReader,
        release: Release,
        moment: datetime,
        filters: FilterSet,
        k: int,
        sources: SourceSet | None = None,
    ) -> Self:
        """Open the pipeline for requests at `moment`.

        Args:
            reader: of the online store, filled up to `moment`, with its catalogue snapshot; or of the offline store,
                from which the features of all items are joined.
            release: the release.
            moment: UTC.
            filters: the filters in force.
            k: candidates per user.
            sources: of the release, with the engine to search with; None for the exact one.

        Raises:
            InputError: the catalogue snapshot cannot be read or belongs to another shop, or the release does not have
                what the filters need.
        """
        catalogue, sources = _read_catalogue(reader, moment), sources or restore_sources(release)
        features = catalogue.read(CANDIDATE_ITEMS, release.item_ids)
        item_codes = TextCodes.from_texts(release.item_ids)
        listed = _items_in_catalogue(release, item_codes, catalogue)
        blenders = {policy: Blender.from_json(content) for policy, content in release.blender.items()}
        unfiltered = Retriever(sources, blenders["keep"], k)
        pipeline = cls(
            reader=reader,
            catalogue=catalogue,
            release=release,
            moment=moment,
            sources=sources,
            blenders=blenders,
            filters=FilterSet(()),
            item_context=build_item_context(features, item_codes, moment, listed=listed),
            cap=None,
            unfiltered_retriever=unfiltered,
            retriever=unfiltered,
            ranker=None,
            item_features=ItemFeatures.from_table(features, item_codes) if release.rankers else None,
            k=k,
        )
        return pipeline.with_filters(filters, k)

    def with_filters(self, filters: FilterSet, k: int) -> Self:
        """Return the pipeline with other filters and another number of candidates per user; nothing is read again."""
        ranker, cap = self.release.rankers.get(filters.policy), filters.build_cap(self.item_context)
        depth = max(k, RANKING_DEPTH)
        if cap is not None:
            depth = k if ranker is None else min(depth, _CANDIDATES_PER_RESULT * k)
        return replace(
            self,
            filters=filters,
            cap=cap,
            unfiltered_retriever=Retriever(self.sources, self.blenders["keep"], depth),
            retriever=Retriever(self.sources, self.blenders[filters.policy], depth),
            ranker=ranker,
            k=k,
        )

    def read(self, user_ids: Sequence[str]) -> CandidateRequest:
        """Read n users, once for up to `features.store.reader.IDS_PER_READ` users."""
        return self.build_request(user_ids, self.complete(self.reader.read(CANDIDATE_REQUEST, user_ids, self.moment)))

    def read_blocks(self, user_ids: Sequence[str]) -> Iterator[FeatureBlock]:
        """Read any number of users in blocks for `build_request`; the next block is read while one is used."""
        blocks = feature_blocks(self.reader, CANDIDATE_REQUEST, user_ids, self.moment)
        return ((ids, self.complete(features)) for ids, features in blocks)

    def complete(self, features: pa.Table) -> pa.Table:
        """Add what the filters need beyond the features of every request."""
        return add_earlier_items(self.reader, features, self.moment) if self.filters.policy == "drop" else features

    def build_request(self, user_ids: Sequence[str], features: pa.Table) -> CandidateRequest:
        """Compute query vectors, histories and filter context of n users from their features."""
        histories = build_histories(features, self.item_context.item_codes)
        queries = Queries(*self.release.query_tower.query_vectors(features), histories)
        earlier = build_earlier_items(features, self.item_context.item_codes)
        moments = self.reader.moments_of(user_ids, self.moment)
        of_users = self.moment if moments is None else np.array([datetime64(moment) for moment in moments])
        users = build_user_context(features, histories, of_users, earlier)
        return CandidateRequest(user_ids, features, queries, users)

    def retrieve(self, request: CandidateRequest) -> BlendedLists:
        """The first step alone: candidates of all sources, as if no filter were in force."""
        return self.unfiltered_retriever.retrieve(request.queries)

    def exclude_by_filter(self, request: CandidateRequest) -> dict[str, Exclusions]:
        """What each filter in force excludes, by name."""
        return self.filters.exclude_by_filter(request.users, self.item_context)

    def filter(self, request: CandidateRequest, exclusions: Exclusions | None = None) -> BlendedLists:
        """The first two steps: candidates that the filters and the cap allow; filtering takes place before the cut.

        Args:
            request: n users.
            exclusions: what the filters exclude for them, if it is known already.
        """
        if exclusions is None:
            exclusions = Exclusions.combine(self.exclude_by_filter(request).values())
        return self.retriever.retrieve(request.queries, exclusions.pairs, eligible=exclusions.eligible, cap=self.cap)

    def excluding_filters(self, request: CandidateRequest, blended: BlendedLists) -> list[list[str]]:
        """The names of the filters that exclude each candidate, in the order of `to_table`; none if it is kept.

        The cap counts along these lists. The filtered lists are others, with more candidates per department above it.
        """
        rows, slots = np.nonzero(blended.positions >= 0)
        positions = blended.positions[rows, slots]
        return self.filters.excluding_filters(rows, positions, request.users, self.item_context)

    def rank(self, request: CandidateRequest, blended: BlendedLists) -> RankedLists:
        """The third step: the k best of these candidates in the ranker's order, or in retrieval order without one."""
        if self.ranker is None or self.item_features is None:
            return RankedLists.from_retrieval(blended).first(self.k)
        users = UserFeatures.from_table(request.features, self.item_features)
        context = users, self.item_features, self.release.neighbours
        ranked = rank_candidates(blended, self.ranker, request.queries.histories, *context)
        return ranked.first(self.k)

    def run_until(self, stage: Stage, request: CandidateRequest) -> RankedLists:
        """The lists after one of the three steps: k long after the last one, as long as ranked lists before it."""
        if stage == "retrieve":
            return RankedLists.from_retrieval(self.retrieve(request))
        filtered = self.filter(request)
        return RankedLists.from_retrieval(filtered) if stage == "filter" else self.rank(request, filtered)

    def run(self, request: CandidateRequest) -> tuple[pa.Table, dict[str, int]]:
        """Run all three steps for n users.

        Returns:
            A table with the schema `candidates.candidate_file.CANDIDATE_TABLE`, and how many pairs of user and item
            each filter excludes, by name.
        """
        exclusions = self.exclude_by_filter(request)
        lists = self.rank(request, self.filter(request, Exclusions.combine(exclusions.values())))
        users = len(request.user_ids)
        return self.to_table(request, lists), {name: each.count(users) for name, each in exclusions.items()}

    def to_table(self, request: CandidateRequest, lists: RankedLists) -> pa.Table:
        """Lists of n users as a table with the schema `candidates.candidate_file.CANDIDATE_TABLE`."""
        item_ids = self.item_context.item_codes.texts
        return candidates_to_table(request.user_ids, lists.blended, item_ids, lists.retrieval_ranks, lists.scores)


def _items_in_catalogue(release: Release, item_codes: TextCodes, catalogue: CatalogueSnapshot) -> NDArray[np.bool_]:
    """Return which items of the release the catalogue contains, bool (items,).

    Raises:
        InputError: it lacks most of them: its users have no history in another shop's release. Names both counts.
    """
    positions = item_codes.find(catalogue.item_ids)
    listed = np.zeros(len(item_codes), np.bool_)
    listed[positions[positions >= 0]] = True
    if listed.mean() < 0.5:
        raise InputError(
            f"Release {release.version} has {len(item_codes):,} items, and {int(listed.sum()):,} of them are in the "
            f"catalogue of {len(catalogue.item_ids):,} items: it was trained on the data of another shop; choose "
            "another --release, --releases or --repo, or train again."
        )
    return listed
