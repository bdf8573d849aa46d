"""The parts of candidate generation and their seconds, for `benchmarks/request.py` and `benchmarks/batch.py`."""

import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

READ, TOWER, MASKS = "reading features", "query tower, histories, filter context", "filter masks"
RETRIEVE, RANK, TABLE = "retrieval and filtering", "ranking", "Arrow table"


def open_pipeline(
    repo: Path, releases: Path, version: str | None, k: int, source: Literal["online", "offline"] = "online"
) -> Any:
    """Open the candidate pipeline of a release, with its own filters."""
    from features.errors import InputError
    from pipelines import candidate_generation

    try:
        pipeline, _ = candidate_generation.open_pipeline(
            repo, releases=releases, version=version, filters=None, already_bought=None, k=k, source=source
        )
    except InputError as error:
        sys.exit(f"error: {error}")
    return pipeline


def draw_users(pipeline: Any, seed: int) -> list[str]:
    """All user ids, shuffled."""
    import numpy as np

    from features.store.catalogue import user_ids

    return list(np.random.default_rng(seed).permutation(user_ids(pipeline.reader.store, pipeline.moment).to_pylist()))


def timed_parts(
    pipeline: Any, ids: Sequence[str], clock: Callable[[], float] = time.perf_counter
) -> tuple[dict[str, float], Any]:
    """Seconds of each part of a request of some users by a clock, and the request."""
    from candidates.filters.exclusions import Exclusions
    from features.store.request_services import CANDIDATE_REQUEST

    moments = [clock()]

    def done(value: Any) -> Any:
        moments.append(clock())
        return value

    features = done(pipeline.reader.read(CANDIDATE_REQUEST, ids, pipeline.moment))
    request = done(pipeline.build_request(ids, features))
    exclusions = done(Exclusions.combine(pipeline.exclude_by_filter(request).values()))
    blended = done(pipeline.filter(request, exclusions))
    ranked = done(pipeline.rank(request, blended))
    done(pipeline.to_table(request, ranked))
    seconds = [later - earlier for earlier, later in pairwise(moments)]
    return dict(zip((READ, TOWER, MASKS, RETRIEVE, RANK, TABLE), seconds, strict=True)), request
