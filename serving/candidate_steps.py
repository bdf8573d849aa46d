"""The three steps of one request side by side, and what a purchase would change."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from candidates.filters.filter_set import FilterSet
from features.schema import ITEM_ID, RANK, RETRIEVAL_RANK, SCORE, SOURCES
from pipelines.purchase_now import PurchaseNow
from pipelines.serving import CandidatePipeline
from serving.candidate_block import CandidateBlock, Counts, Group, Milliseconds, Subject, SubjectCandidates

_REQUEST: Final = "request"


@dataclass(frozen=True, eq=False)
class Steps:
    """The three steps of one request.

    Attributes:
        candidates: of the last step; with a purchase, each with its rank without it.
        content: JSON-ready: filters, retrieved and excluded items, and what left the list.
    """

    candidates: SubjectCandidates
    content: dict[str, Any]

    @property
    def took(self) -> Milliseconds:
        """Milliseconds of each stage."""
        return self.candidates.took


def run_steps(block: CandidateBlock, subject: Subject, purchase: PurchaseNow | None) -> Steps:
    """Return the three steps for one user or session.

    Args:
        block: of the release that serves.
        subject: the user or session.
        purchase: that the features shall reflect; None for the features as they are.

    Raises:
        InputError: the features cannot be read.
    """
    pipeline = block.pipeline.with_filters(FilterSet.from_settings(subject.settings), subject.group[1])
    [before] = (group := block.run_group(pipeline, [subject], Counts())).candidates
    after = before
    if purchase is not None:
        applied = purchase
        group = block.run_group(pipeline, [subject], Counts(), lambda features: applied.apply(features, block.sessions))
        [after] = group.candidates
    retrieved = _retrieved(block, pipeline, group)
    explanations = pipeline.filters.explanations(pipeline.item_context)
    if subject.exclude:
        explanations[_REQUEST] = "excluded by this request"
    content = {
        "filters": explanations,
        "retrieved": retrieved[: subject.k],
        "excluded": [item for item in retrieved if item["excluded_by"]][: subject.k],
        "bought": [] if purchase is None else [*purchase.items],
        "left": [] if purchase is None else _left(block, pipeline, group, before, after),
    }
    if purchase is not None:
        ranks = {item[ITEM_ID]: item[RANK] for item in before.items}
        for item in after.items:
            item["previous_rank"] = ranks.get(item[ITEM_ID])
    return Steps(after, content)


def _retrieved(block: CandidateBlock, pipeline: CandidatePipeline, group: Group) -> list[dict[str, Any]]:
    """Return the candidates of all sources before filtering, each with the filters that exclude it."""
    blended = pipeline.retrieve(group.request)
    excluded_by = pipeline.excluding_filters(group.request, blended)
    [positions], [scores], [ranks] = blended.positions, blended.scores, blended.ranks
    listed = np.flatnonzero(positions >= 0)
    own = ~group.own_exclusions.keep_mask(np.zeros(len(listed), np.int64), positions[listed])
    names = block.reasons.names
    return [
        {
            ITEM_ID: block.reasons.item_ids[position],
            "name": names[position],
            "department": block.departments[position],
            RETRIEVAL_RANK: rank,
            SCORE: score,
            SOURCES: [name for name, listing in zip(blended.sources, of_sources, strict=True) if listing > 0],
            "excluded_by": [*filters, *([_REQUEST] if by_request else [])],
        }
        for rank, (position, score, of_sources, filters, by_request) in enumerate(
            zip(
                positions[listed].tolist(),
                scores[listed].tolist(),
                ranks[listed].tolist(),
                excluded_by,
                own.tolist(),
                strict=True,
            ),
            1,
        )
    ]


def _left(
    block: CandidateBlock,
    pipeline: CandidatePipeline,
    group: Group,
    before: SubjectCandidates,
    after: SubjectCandidates,
) -> list[dict[str, Any]]:
    """Return what was on the list and is no longer, with the filters that exclude it now; none if it fell below k."""
    listed = {item[ITEM_ID] for item in after.items}
    gone = [item for item in before.items if item[ITEM_ID] not in listed]
    positions = block.sessions.item_codes.find(pa.array([item[ITEM_ID] for item in gone], pa.string()))
    rows = np.zeros(len(positions), np.int64)
    # The cap is left out: it counts along a list, and these items are on none.
    filters = pipeline.exclude_by_filter(group.request)
    keep = {name: exclusions.keep_mask(rows, positions) for name, exclusions in filters.items()}
    return [
        {
            ITEM_ID: item[ITEM_ID],
            "name": item["name"],
            "department": item["department"],
            "previous_rank": item[RANK],
            "excluded_by": [name for name, mask in keep.items() if not mask[number]],
        }
        for number, item in enumerate(gone)
    ]
