"""Candidates of a block of users: requests with equal settings go through the candidate pipeline together."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from candidates.filters.exclusions import Exclusions
from candidates.filters.filter_set import FilterSet
from candidates.filters.settings import FilterSettings
from candidates.item_lists import ItemLists
from candidates.ranking.reordering import RankedLists
from features.errors import OnlineStoreUnavailableError
from features.schema import (
    ITEM_ID,
    RANK,
    RANKING_SCORE,
    RETRIEVAL_RANK,
    SCORE,
    SOURCE_RANKS,
    SOURCE_SCORES,
    SOURCES,
)
from features.store.request_services import CANDIDATE_REQUEST
from pipelines.rank_candidates import RANKING_DEPTH
from pipelines.reasons import Reasons
from pipelines.serving import CandidatePipeline, CandidateRequest
from pipelines.session_features import SessionFeatures
from serving.circuit_breaker import CircuitBreaker

STAGES: Final = ("features", "query", "exclusions", "retrieval", "ranking", "reasons")
_NO_USER: Final = ""
_SLOWEST_READ: Final = 0.5  # seconds

_logger = logging.getLogger(__name__)

Milliseconds: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class Subject:
    """One user, or one session, of a request.

    Attributes:
        user_id: None for a session.
        session: items of a session, the last one first.
        k: candidates wanted.
        exclude: ids of items that must not be returned.
        settings: of the filters.
        explain: whether ranks and scores in each source are wanted.
    """

    user_id: str | None
    session: tuple[str, ...]
    k: int
    exclude: tuple[str, ...]
    settings: FilterSettings
    explain: bool

    @property
    def group(self) -> tuple[str, int]:
        """Subjects of one group are computed together: equal filters, and lists that are cut from equal ones.

        The first candidates do not depend on k up to `RANKING_DEPTH`, unless a cap counts along the list.
        """
        k = self.k if self.settings.at_most_per_department is not None else max(self.k, RANKING_DEPTH)
        return self.settings.model_dump_json(), k


@dataclass(frozen=True)
class SubjectCandidates:
    """The candidates of one subject.

    Attributes:
        items: JSON-ready candidates, best first.
        known: whether the online store has features of the user, or the release has an item of the session.
        cold: whether there is no purchase history, so that the candidates are bestsellers.
        degraded: whether the online store did not answer, so that the candidates are those of an unknown user.
        took: milliseconds of each of `STAGES`, of the whole group.
    """

    items: list[dict[str, Any]]
    known: bool
    cold: bool
    degraded: bool
    took: Milliseconds


@dataclass(frozen=True, eq=False)
class Group:
    """What was computed together.

    Attributes:
        request: n subjects.
        own_exclusions: the items that each request excludes beside the filters.
        candidates: of n subjects.
    """

    request: CandidateRequest
    own_exclusions: Exclusions
    candidates: list[SubjectCandidates]


@dataclass
class Counts:
    """What a block adds to the metrics.

    Attributes:
        excluded: pairs of user and item, by filter.
        views: users with and without features, by feature view and "present" or "missing".
        degraded: users whose features could not be read.
    """

    excluded: dict[str, int] = field(default_factory=dict)
    views: dict[tuple[str, str], int] = field(default_factory=dict)
    degraded: int = 0

    def add_excluded(self, name: str, pairs: int) -> None:
        """Add excluded pairs of a filter."""
        self.excluded[name] = self.excluded.get(name, 0) + pairs

    def add_users(self, view: str, users: int, present: int) -> None:
        """Add users, of whom some have features of a view."""
        for status, number in (("present", present), ("missing", users - present)):
            self.views[view, status] = self.views.get((view, status), 0) + number


@dataclass(frozen=True, eq=False)
class CandidateBlock:
    """Computes the candidates of blocks of subjects with one release at one moment.

    Attributes:
        pipeline: of the release; its filters are replaced by those of each request.
        sessions: features of sessions.
        reasons: explains candidates.
        views: names of the features of each stored view that a request reads.
        breaker: of the online store.
    """

    pipeline: CandidatePipeline
    sessions: SessionFeatures
    reasons: Reasons
    views: dict[str, list[str]]
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)

    @cached_property
    def departments(self) -> Sequence[str | None]:
        """The department of each item, else its garment group as for the department cap, (items,); None if unknown."""
        categories = self.sessions.categories
        return [
            department or group
            for department, group in zip(categories["department"], categories["garment_group"], strict=True)
        ]

    def run(self, subjects: Sequence[Subject]) -> tuple[list[SubjectCandidates], Counts]:
        """Return the candidates of n subjects in their order, and what they add to the metrics.

        Raises:
            InputError: the features cannot be read.
        """
        groups: dict[tuple[str, int], list[int]] = {}
        for number, subject in enumerate(subjects):
            groups.setdefault(subject.group, []).append(number)
        found: list[SubjectCandidates | None] = [None] * len(subjects)
        counts = Counts()
        for (_, k), numbers in groups.items():
            group = [subjects[number] for number in numbers]
            pipeline = self.pipeline.with_filters(FilterSet.from_settings(group[0].settings), k)
            for number, candidates in zip(numbers, self.run_group(pipeline, group, counts).candidates, strict=True):
                found[number] = candidates
        return [candidates for candidates in found if candidates is not None], counts

    def run_group(
        self,
        pipeline: CandidatePipeline,
        group: Sequence[Subject],
        counts: Counts,
        change: Callable[[pa.Table], pa.Table] | None = None,
    ) -> Group:
        """Return the candidates of subjects of one group.

        Args:
            pipeline: with the filters and the depth of the group.
            group: n subjects.
            counts: that the group adds to.
            change: returns the features to go on with instead of those that were read, (n,).

        Raises:
            InputError: the features cannot be read.
        """
        moments = [time.perf_counter()]

        def done() -> None:
            moments.append(time.perf_counter())

        try:
            features, known, degraded = *self._read_known(pipeline, group, counts), False
        except OnlineStoreUnavailableError:
            features, known, degraded = self._build_unknown(group), [False] * len(group), True
        of_users = [degraded and subject.user_id is not None for subject in group]
        counts.degraded += sum(of_users)
        if change is not None:
            features = change(features)
        done()
        request = pipeline.build_request([subject.user_id or _NO_USER for subject in group], features)
        done()
        by_filter = pipeline.exclude_by_filter(request)
        for name, each in by_filter.items():
            counts.add_excluded(name, each.count(len(group)))
        own = self._own_exclusions(group, counts)
        exclusions = Exclusions.combine([*by_filter.values(), *own])
        done()
        blended = pipeline.filter(request, exclusions)
        done()
        lists = pipeline.rank(request, blended)
        done()
        items = self._items(request, lists, group)
        done()
        seconds = zip(STAGES, moments[1:], moments[:-1], strict=True)
        took = {stage: (later - earlier) * 1_000 for stage, later, earlier in seconds}
        cold = (request.queries.histories.empty & ~np.array(of_users)).tolist()
        candidates = [SubjectCandidates(*each, took) for each in zip(items, known, cold, of_users, strict=True)]
        return Group(request, Exclusions.combine(own), candidates)

    def _read_known(
        self, pipeline: CandidatePipeline, group: Sequence[Subject], counts: Counts
    ) -> tuple[pa.Table, list[bool]]:
        """Return the features of a group, and of which subjects there are any.

        Raises:
            OnlineStoreUnavailableError: the online store does not answer, or did not a short time ago.
            InputError: the features cannot be read.
        """
        reads = any(subject.user_id is not None for subject in group)
        if reads and not self.breaker.allows:
            raise OnlineStoreUnavailableError("The online store did not answer a short time ago.")
        started = time.perf_counter()
        try:
            features = self._read(pipeline, group)
            known = self._find_known(features, group, counts)
        except OnlineStoreUnavailableError as error:
            self.breaker.failed()
            _logger.warning("users get bestsellers for a while: %s", error)
            raise
        if reads and time.perf_counter() - started < _SLOWEST_READ:
            self.breaker.succeeded()
        elif reads:  # the next requests must not wait as long
            self.breaker.failed()
        return features, known

    def _build_unknown(self, group: Sequence[Subject]) -> pa.Table:
        """Build the features of a group with those of unknown users for its users."""
        return self.sessions.build([subject.session if subject.user_id is None else () for subject in group])

    def _read(self, pipeline: CandidatePipeline, group: Sequence[Subject]) -> pa.Table:
        """Read the features of users, and build those of sessions, in the order of the group."""
        users = [subject.user_id for subject in group if subject.user_id is not None]
        sessions = [subject.session for subject in group if subject.user_id is None]
        parts = []
        if users:
            parts.append(pipeline.reader.read(CANDIDATE_REQUEST, users, pipeline.moment))
        if sessions:
            parts.append(self.sessions.build(sessions))
        if len(parts) == 1:
            return pipeline.complete(parts[0])
        both = pa.concat_tables(parts)
        order = np.argsort(np.argsort([subject.user_id is None for subject in group], kind="stable"), kind="stable")
        return pipeline.complete(both.take(pa.array(order)))

    def _find_known(self, features: pa.Table, group: Sequence[Subject], counts: Counts) -> list[bool]:
        """Return of which subjects there are features; a profile without any value counts as well."""
        present = np.zeros(len(group), np.bool_)
        stored = np.array([subject.user_id is not None for subject in group])
        for view, names in self.views.items():
            of_view = np.zeros(len(group), np.bool_)
            for name in names:
                of_view |= np.asarray(features[name].is_valid())
                if of_view.all():
                    break
            present |= of_view
            counts.add_users(view, int(stored.sum()), int((of_view & stored).sum()))
        without = [
            subject.user_id
            for subject, has in zip(group, present, strict=True)
            if subject.user_id is not None and not has
        ]
        pipeline = self.pipeline
        unknown = {*pipeline.reader.unknown_users(without, pipeline.moment)} if without else set()
        return [
            bool(has) or (subject.user_id is not None and subject.user_id not in unknown)
            for subject, has in zip(group, present, strict=True)
        ]

    def _own_exclusions(self, group: Sequence[Subject], counts: Counts) -> list[Exclusions]:
        """Return the items that each request excludes."""
        if not any(subject.exclude for subject in group):
            return []
        codes = self.pipeline.item_context.item_codes
        found = [codes.find(pa.array(subject.exclude, pa.string())) for subject in group]
        own = Exclusions(pairs=ItemLists.from_lists([np.unique(positions[positions >= 0]) for positions in found]))
        counts.add_excluded("request", own.count(len(group)))
        return [own]

    def _items(
        self, request: CandidateRequest, lists: RankedLists, group: Sequence[Subject]
    ) -> list[list[dict[str, Any]]]:
        lists = lists.first(max(subject.k for subject in group))
        reasons = self.reasons.explain(request, lists, [subject.user_id is None for subject in group])
        blended, sources = lists.blended, lists.blended.sources
        positions, scores = blended.positions.tolist(), blended.scores.tolist()
        ranking_scores, retrieval_ranks = lists.scores.tolist(), lists.retrieval_ranks.tolist()
        ids, names, departments = self.reasons.item_ids, self.reasons.names, self.departments
        # A number for each set of sources: few of them occur.
        sets = ((blended.ranks > 0) @ (1 << np.arange(len(sources)))).tolist()
        names_of_set: dict[int, list[str]] = {}
        items = []
        for row, subject in enumerate(group):
            found = []
            for column, (position, why) in enumerate(zip(positions[row][: subject.k], reasons[row], strict=False)):
                if position < 0:
                    break
                ranking_score, listing = ranking_scores[row][column], sets[row][column]
                if listing not in names_of_set:
                    names_of_set[listing] = [name for bit, name in enumerate(sources) if listing >> bit & 1]
                candidate = {
                    ITEM_ID: ids[position],
                    "name": names[position],
                    "department": departments[position],
                    RANK: column + 1,
                    RANKING_SCORE: None if math.isnan(ranking_score) else ranking_score,
                    SCORE: scores[row][column],
                    RETRIEVAL_RANK: retrieval_ranks[row][column],
                    SOURCES: names_of_set[listing],
                    "reasons": why,
                }
                if subject.explain:
                    by_source = np.flatnonzero(blended.ranks[row, column])
                    candidate[SOURCE_RANKS] = blended.ranks[row, column, by_source].tolist()
                    candidate[SOURCE_SCORES] = blended.source_scores[row, column, by_source].tolist()
                found.append(candidate)
            items.append(found)
        return items
