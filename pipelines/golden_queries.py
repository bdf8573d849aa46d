"""Golden queries of a release: queries with the ten best candidates that they had when the release was written.

They are answered from the release alone, so that the online store of a service can be of any later moment: anonymous
sessions of bestsellers, and an unknown user. Their features as of the release are stored with the answers, which are
those of retrieval with both blenders, without filters. The rankers have no part in them, because they read the present
features of the items.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureStore

from candidates.blender import Blender
from candidates.filters.filter_set import FilterSet
from candidates.retriever import Retriever
from candidates.sources.source_set import Queries, SourceSet
from candidates.text_codes import TextCodes
from features.errors import InputError
from features.store.reader import FeatureReader
from features.store.registry import service_columns
from features.store.request_services import CANDIDATE_REQUEST
from models.release.release import GOLDEN_QUERIES, Release
from pipelines.build_sources import build_histories
from pipelines.serving import CandidatePipeline
from pipelines.session_features import SessionFeatures

K: Final = 10
_SESSIONS: Final = 8
_BASKET: Final = 3
_ITEMS: Final = "golden_{}_items"
_SCORES: Final = "golden_{}_scores"
# Processors round differently: scores may differ by this much, and items whose scores do not differ by more may change
# places.
_TOLERANCE: Final = 1e-3

Answers: TypeAlias = dict[str, tuple[list[list[str]], list[list[float]]]]
"""Items and scores of n queries, best first, by policy."""


def golden_queries_writer(store: FeatureStore) -> Callable[[Release, Path], None]:
    """Return a function that writes the golden queries of a release into its folder.

    Args:
        store: an applied feature store, from whose offline features the release was trained.
    """

    def write(release: Release, folder: Path) -> None:
        reader = FeatureReader(store, "offline")
        pipeline = CandidatePipeline.open(reader, release, release.as_of, FilterSet(()), K)
        bestsellers = _bestsellers(release)
        sessions = [[item] for item in bestsellers[:_SESSIONS]] + [bestsellers[:_BASKET]]
        built = SessionFeatures.open(pipeline)
        features = pa.concat_tables([built.build(sessions), built.blank])
        columns = {}
        for policy, (items, scores) in answer(release, pipeline.sources, features).items():
            columns[_ITEMS.format(policy)] = pa.array(items, pa.list_(pa.string()))
            columns[_SCORES.format(policy)] = pa.array(scores, pa.list_(pa.float32()))
        for name, column in columns.items():
            features = features.append_column(name, column)
        pq.write_table(features, folder / GOLDEN_QUERIES, compression="zstd")

    return write


def check_golden_queries(pipeline: CandidatePipeline) -> int:
    """Answer the golden queries of a release, and compare the answers with the stored ones.

    Args:
        pipeline: of the release, with the online store of any moment.

    Returns:
        The number of queries; 0 for a release that was written without.

    Raises:
        InputError: an answer differs, or the queries lack a feature. Names the release and the query.
    """
    release, stored = pipeline.release, pipeline.release.golden_queries
    if stored is None:
        logging.getLogger(__name__).warning("release %s has no golden queries: train again", release.version)
        return 0
    needed = service_columns(pipeline.reader.store, CANDIDATE_REQUEST).arrow_schema.names
    answers = [template.format(policy) for policy in release.blender for template in (_ITEMS, _SCORES)]
    if missing := [name for name in (*needed, *answers) if name not in stored.column_names]:
        raise InputError(f"The golden queries of release {release.version} lack column '{missing[0]}': train again.")
    for policy, (items, scores) in answer(release, pipeline.sources, stored.select(needed)).items():
        expected_items, expected_scores = (stored[name.format(policy)].to_pylist() for name in (_ITEMS, _SCORES))
        for number, answered in enumerate(zip(expected_items, expected_scores, items, scores, strict=True), 1):
            if not _is_same(*answered):
                raise InputError(
                    f"Release {release.version} does not reproduce golden query {number} (items bought before: "
                    f"'{policy}'): it has {', '.join(answered[2][:3])}, … instead of {', '.join(answered[0][:3])}, …. "
                    "The code or a library differs from that of the training: use the same, or train again."
                )
    return len(stored)


def answer(release: Release, sources: SourceSet, features: pa.Table) -> Answers:
    """Retrieve without filters; with policy "drop" without the items that a query's user has bought.

    Args:
        release: whose query tower and blenders are used.
        sources: of the release.
        features: (n,), feature service `CANDIDATE_REQUEST`.
    """
    item_ids, codes = release.item_ids, TextCodes.from_texts(release.item_ids)
    histories = build_histories(features, codes)
    queries = Queries(*release.query_tower.query_vectors(features), histories)
    answers: Answers = {}
    for policy, blender in release.blender.items():
        retriever = Retriever(sources, Blender.from_json(blender), K)
        lists = retriever.retrieve(queries, histories.bought if policy == "drop" else None)
        found = [
            (positions[positions >= 0], scores[positions >= 0])
            for positions, scores in zip(lists.positions, lists.scores, strict=True)
        ]
        answers[policy] = (
            [item_ids.take(pa.array(positions)).to_pylist() for positions, _ in found],
            [scores.astype(np.float32).tolist() for _, scores in found],
        )
    return answers


def _bestsellers(release: Release) -> list[str]:
    """Return the items with most sales in the week before the release, ties by id."""
    order = np.argsort(-release.arrays["sales_7d"].astype(np.float64), kind="stable")
    items: list[str] = release.item_ids.take(pa.array(order[:_SESSIONS])).to_pylist()
    return items


def _is_same(expected_items: list[str], expected_scores: list[float], items: list[str], scores: list[float]) -> bool:
    """Return whether two lists are the same up to rounding."""
    if len(items) != len(expected_items) or not np.allclose(scores, expected_scores, _TOLERANCE, _TOLERANCE):
        return False
    last = expected_scores[-1] if expected_scores else 0.0
    score_of = dict(zip(expected_items, expected_scores, strict=True))
    # An item that was not on the list may be on it now if it ties with the last one.
    return all(
        np.isclose(score, score_of.get(item, last), _TOLERANCE, _TOLERANCE)
        for item, score in zip(items, scores, strict=True)
    )
