"""Candidates of single users after a stage of the candidate pipeline, for people to read."""

from collections.abc import Iterable, Iterator

from features.schema import BOUGHT_ITEMS, ITEM_ID
from features.text import visible
from pipelines.candidate_tables import candidate_table, request_lines, stage_line, user_line
from pipelines.candidate_views import SHOWN_PURCHASES, UserCandidates
from pipelines.item_names import item_names
from pipelines.serving import CandidatePipeline, Stage


def pipeline_heading(pipeline: CandidatePipeline) -> str:
    """Return the release, the moment and the filters in force."""
    explanations = pipeline.filters.explanations(pipeline.item_context)
    return request_lines(pipeline.release.version, pipeline.moment, explanations)


def candidates_after_stage(
    pipeline: CandidatePipeline, stage: Stage, users: Iterable[str], top: int
) -> Iterator[UserCandidates]:
    """Run the pipeline for each user until a stage, and return the first `top` candidates.

    Args:
        pipeline: an opened pipeline.
        stage: "retrieve": candidates of all sources before filtering, with the filters that exclude them; "filter":
            eligible candidates; "rank": in their final order.
        users: ids.
        top: number of candidates to show.
    """
    for user in dict.fromkeys(users):
        request = pipeline.read([user])
        lists = pipeline.run_until(stage, request)
        excluded_by = pipeline.excluding_filters(request, lists.blended) if stage == "retrieve" else None
        rows = pipeline.to_table(request, lists)
        requested = pipeline.k if stage == "rank" else pipeline.retriever.k
        first = rows.slice(0, top)
        bought = (request.features[BOUGHT_ITEMS].to_pylist()[0] or [])[:SHOWN_PURCHASES]
        names, bought_names = (item_names(pipeline.catalogue, ids) for ids in (first[ITEM_ID].to_pylist(), bought))
        note = ""
        if len(request.queries.histories.positions) == 0:
            unknown = pipeline.reader.unknown_users([user], pipeline.moment)
            reason = "is unknown" if unknown else "has no purchases in the catalogue of this release"
            note = f"user {visible(user)} {reason}: candidates are last week's bestsellers, scores are units sold"
        yield UserCandidates(
            f"{user_line(user, bought_names)}\n{stage_line(stage, requested, rows, excluded_by)}",
            candidate_table(
                first,
                names,
                excluded_by=None if excluded_by is None else excluded_by[:top],
                retrieval_order=stage != "rank",
            ),
            note,
        )
