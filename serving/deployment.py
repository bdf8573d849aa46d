"""One release with one generation of the online store, loaded, ready to serve, and never changed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from candidates.filters.exclusions import Exclusions
from candidates.filters.settings import FilterSettings
from candidates.index import ItemIndex
from features.event_log import EventLog
from features.schema import ITEM_ID, MEAN_PRICE
from features.store.registry import service_columns, views_of_service
from features.store.request_services import CANDIDATE_REQUEST
from pipelines.candidate_generation import open_pipeline
from pipelines.purchase_now import PurchaseNow
from pipelines.pushed_events import PushedEvents
from pipelines.reasons import Reasons
from pipelines.serving import CandidatePipeline
from pipelines.session_features import SessionFeatures
from pipelines.user_search import UserSearch
from serving.candidate_block import CandidateBlock

_K: Final = 100
# Of an online store in another process. A request sends about eight, and has a second.
_SECONDS_PER_COMMAND: Final = 0.1


@dataclass(frozen=True, eq=False)
class Deployment:
    """Serves one release with one generation of the online store.

    Attributes:
        block: computes candidates.
        settings: of the filters of the release.
        content_index: the content part of the item vectors with length 1, for similar items.
        events: keeps the features of users up to date with the event log; None without one.
    """

    block: CandidateBlock
    settings: FilterSettings
    content_index: ItemIndex
    events: PushedEvents | None = None

    @classmethod
    def load(
        cls, repo: Path, releases: Path, version: str | None, log: EventLog | None = None, workspace: Path | None = None
    ) -> Self:
        """Load a release, the latest one if no version is given, and open the online store.

        Args:
            repo: Feast feature repository.
            releases: folder of the releases.
            version: of the release.
            log: of purchase events that requests shall reflect; None for none.
            workspace: a folder for files that last as long as the deployment; needed with a log.

        Raises:
            InputError: release, registry or online store are missing, damaged or do not fit together.
        """
        pipeline, settings = open_pipeline(
            repo, releases=releases, version=version, filters=None, already_bought=None, k=_K
        )
        # Before the limit, which is for requests and what is read on the way to them, and holds for pushed rows, too.
        events = PushedEvents.open(pipeline, log, workspace) if log is not None and workspace is not None else None
        pipeline.reader.limit_waiting(_SECONDS_PER_COMMAND)
        columns = service_columns(pipeline.reader.store, CANDIDATE_REQUEST)
        stored = [view.name for view in views_of_service(pipeline.reader.store, CANDIDATE_REQUEST)]
        views = {view: [column.name for column in columns.columns if column.view == view] for view in stored}
        block = CandidateBlock(
            pipeline=pipeline,
            sessions=SessionFeatures.open(pipeline),
            reasons=Reasons.open(pipeline),
            views={view: names for view, names in views.items() if names},
        )
        return cls(block, settings, _content_index(pipeline), events)

    @property
    def pipeline(self) -> CandidatePipeline:
        """The candidate pipeline of the release."""
        return self.block.pipeline

    @property
    def version(self) -> str:
        """The release."""
        return self.pipeline.release.version

    @property
    def generation(self) -> str:
        """The generation of the online store."""
        return self.pipeline.reader.generation.record.name

    @property
    def features_as_of(self) -> datetime:
        """The moment up to which the online store is filled, UTC."""
        return self.pipeline.moment

    @property
    def index_as_of(self) -> datetime:
        """The moment of the item vectors, UTC."""
        return self.pipeline.release.as_of

    @cached_property
    def user_search(self) -> UserSearch:
        """Finds users; safe in any thread."""
        return UserSearch(self.pipeline)

    def features_of(self, user_id: str | None) -> datetime:
        """The moment as of which a user is served, UTC: later than `features_as_of` for users with events."""
        moments = None if user_id is None else self.pipeline.reader.moments_of([user_id], self.features_as_of)
        return moments[0] if moments else self.features_as_of

    def purchase_now(self, user_id: str, items: Sequence[str]) -> PurchaseNow:
        """Read what a purchase of items by a user, now, is added to; in any thread.

        Raises:
            InputError: the purchases of the user cannot be read.
        """
        logged = None if self.events is None else self.events.purchases_of(user_id)
        return PurchaseNow.read(self.pipeline, user_id, items, self.features_of(user_id), logged)

    def lacks(self, item_ids: Sequence[str]) -> list[str]:
        """Return the items that the release does not have, in their order."""
        codes = self.pipeline.item_context.item_codes.find(pa.array(item_ids, pa.string()))
        return [item for item, code in zip(item_ids, codes.tolist(), strict=True) if code < 0]

    @cached_property
    def exclusions(self) -> Exclusions:
        """What the filters of the release exclude for an unknown user."""
        unknown = self.pipeline.build_request([""], self.block.sessions.blank)
        return Exclusions.combine(self.pipeline.exclude_by_filter(unknown).values())

    def history(self, user_id: str, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """Return the items that a user has bought, the last one first, and whether the user is known.

        Raises:
            InputError: the features cannot be read.
        """
        pipeline = self.pipeline
        request = pipeline.build_request([user_id], pipeline.reader.read(CANDIDATE_REQUEST, [user_id], pipeline.moment))
        known = bool(len(request.queries.histories.positions)) or not pipeline.reader.unknown_users(
            [user_id], pipeline.moment
        )
        reasons, histories = self.block.reasons, request.queries.histories
        columns = histories.positions, histories.counts, request.users.days_since_purchase
        prices, today = self.block.sessions.prices, self.features_of(user_id).astimezone(UTC).date()
        items = [
            {
                ITEM_ID: reasons.item_ids[item],
                "name": reasons.names[item],
                "department": self.block.departments[item],
                "purchases": count,
                "days_ago": days,
                "last_bought_on": (today - timedelta(days=days)).isoformat(),
                MEAN_PRICE: None if math.isnan(prices[item]) else float(prices[item]),
            }
            for item, count, days in zip(
                *(np.asarray(each[:limit], np.int64).tolist() for each in columns), strict=True
            )
        ]
        return items, known

    def similar_items(self, item_id: str, k: int) -> list[dict[str, Any]] | None:
        """Return the k items whose content vectors have the largest cosine; None if the release lacks the item.

        The filters of the release apply as for an unknown user.
        """
        pipeline = self.pipeline
        position = int(pipeline.item_context.item_codes.find(pa.array([item_id], pa.string()))[0])
        if position < 0:
            return None
        exclusions, eligible = self.exclusions, self.exclusions.eligible
        if eligible is None:
            eligible = np.ones(len(self.content_index), np.bool_)
        eligible[position] = False
        query = self.content_index.vectors[position : position + 1]
        [positions], [scores] = self.content_index.search(query, k, exclusions.pairs, eligible=eligible)
        reasons = self.block.reasons
        return [
            {ITEM_ID: reasons.item_ids[item], "name": reasons.names[item], "rank": rank, "similarity": score}
            for rank, (item, score) in enumerate(zip(positions.tolist(), scores.tolist(), strict=True), 1)
            if item >= 0
        ]


def _content_index(pipeline: CandidatePipeline) -> ItemIndex:
    release = pipeline.release
    contents = release.item_vectors[:, : release.config.content_dimensions]
    lengths = np.linalg.norm(contents, axis=1, keepdims=True)
    return ItemIndex(release.item_ids, np.asarray(contents / np.where(lengths > 0, lengths, 1), np.float32))
