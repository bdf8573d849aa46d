"""The self-test of a deployment before it serves: answers that must have known properties, and golden queries."""

from typing import Final

import numpy as np
import pyarrow as pa

from features.errors import InputError
from features.schema import ITEM_ID
from pipelines.golden_queries import check_golden_queries
from serving.candidate_block import Subject, SubjectCandidates
from serving.deployment import Deployment

K: Final = 10
_SESSIONS: Final = 12  # with more than a few queries, a block is searched in another way than a single one


def check_deployment(deployment: Deployment) -> None:
    """Run queries whose answers must have known properties; this also loads the compiled code and the caches.

    - The candidates of an unknown user are the bestsellers that the filters allow, in the order of their sales.
    - A session of one bestseller has as many candidates as it asks for or as there are, each once, with finite scores,
      and none that a filter excludes; the excluded item is not among them.
    - It has the same candidates alone and in a block with others.
    - Similar items of a bestseller are not the item itself.
    - The golden queries of the release have the stored answers.

    Raises:
        InputError: an answer is wrong. Names the release and the query.
    """
    expected = _expected_bestsellers(deployment)
    bestsellers = [deployment.block.reasons.item_ids[position] for position in expected[:_SESSIONS]]
    unknown = Subject("", (), K, (), deployment.settings, explain=False)  # read from the online store, which lacks it
    [cold] = _run(deployment, [unknown])
    if cold.known or [item[ITEM_ID] for item in cold.items] != bestsellers[:K]:
        raise _failure(deployment, "an unknown user does not get the bestsellers")
    subjects = [_subject(deployment, (item,)) for item in bestsellers]
    together = _run(deployment, subjects)
    for item, candidates in zip(bestsellers, together, strict=True):
        _check_session(deployment, item, candidates, len(expected))
    if subjects and _run(deployment, subjects[:1])[0].items != together[0].items:
        raise _failure(deployment, f"the session of item {bestsellers[0]!r} has other candidates alone than in a block")
    if bestsellers:
        similar = deployment.similar_items(bestsellers[0], K) or []
        if bestsellers[0] in {item[ITEM_ID] for item in similar}:
            raise _failure(deployment, f"item {bestsellers[0]!r} is similar to itself")
    check_golden_queries(deployment.pipeline)


def _subject(deployment: Deployment, session: tuple[str, ...]) -> Subject:
    """Return the query of a session that excludes its own items."""
    return Subject(None, session, K, session, deployment.settings, explain=False)


def _run(deployment: Deployment, subjects: list[Subject]) -> list[SubjectCandidates]:
    return deployment.block.run(subjects)[0]


def _expected_bestsellers(deployment: Deployment) -> list[int]:
    """Return the eligible items by sales of the last week, ties by position, from the arrays of the release.

    A department cap counts along the list, and is applied here once more.
    """
    pipeline = deployment.pipeline
    order = np.argsort(-pipeline.release.arrays["sales_7d"].astype(np.float64), kind="stable")
    rows = np.zeros(len(order), np.int64)
    kept = order[deployment.exclusions.keep_mask(rows, order)]
    if pipeline.cap is not None:
        kept = kept[pipeline.cap.keep_mask(rows[: len(kept)], kept)]
    return [int(position) for position in kept]


def _check_session(deployment: Deployment, item: str, candidates: SubjectCandidates, eligible: int) -> None:
    ids = [each[ITEM_ID] for each in candidates.items]
    query = f"the session of item {item!r}"
    if len(set(ids)) < len(ids) or item in ids:
        raise _failure(deployment, f"{query} has an item twice, or the one that it excludes")
    # An item that a cap removes may stand behind one that the session excludes, which makes room for it.
    if len(ids) < min(K, eligible - 1):
        raise _failure(deployment, f"{query} has {len(ids)} of {min(K, eligible - 1)} candidates")
    if not np.isfinite([each["score"] for each in candidates.items]).all():
        raise _failure(deployment, f"{query} has a score that is no finite number")
    positions = deployment.pipeline.item_context.item_codes.find(pa.array(ids, pa.string()))
    if not deployment.exclusions.keep_mask(np.zeros(len(ids), np.int64), positions).all():
        raise _failure(deployment, f"{query} has an item that a filter excludes")


def _failure(deployment: Deployment, what: str) -> InputError:
    return InputError(
        f"Release {deployment.version} failed its self-test: {what}. Train again, or activate another release."
    )
