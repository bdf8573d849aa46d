"""The users of a request: those that are unknown, and those that the online store lacks."""

from collections.abc import Sequence

from features.errors import InputError
from features.ids import MAX_ID_LENGTH, shown_id, unknown_ids_sentence
from pipelines.serving import CandidatePipeline


def check_users(pipeline: CandidatePipeline, users: Sequence[str], *, allow_unknown: bool) -> list[str]:
    """Compare requested users with those that have a profile as of the pipeline's moment.

    Args:
        pipeline: an opened pipeline.
        users: ids, unique, at least one.
        allow_unknown: whether all of them may be unknown.

    Returns:
        A warning if some are unknown, else nothing.

    Raises:
        InputError: all are unknown, and that is not allowed.
    """
    unknown = pipeline.reader.unknown_users(users, pipeline.moment)
    if not unknown:
        return []
    sentence = f"{unknown_ids_sentence(unknown, len(users), 'user')}{_lost_zeros(pipeline, unknown[0])}"
    if len(unknown) == len(users) and not allow_unknown:
        raise InputError(f"{sentence}: pass ids as in the raw tables, or add --allow-unknown to get bestsellers.")
    return [f"{sentence}: their candidates are last week's bestsellers."]


def check_complete(pipeline: CandidatePipeline, users: Sequence[str]) -> None:
    """Check that an online store whose file cannot be verified has all users of the feature tables.

    Raises:
        InputError: it lacks some of them.
    """
    reader = pipeline.reader
    if reader.source == "offline" or reader.generation.is_verified:
        return
    if lost := reader.unknown_users(users, pipeline.moment):
        sentence = unknown_ids_sentence(lost, len(users), "user", "missing in the online store")
        raise InputError(f"{sentence}: run `python jobs/materialize.py --from-scratch`.")


def _lost_zeros(pipeline: CandidatePipeline, user: str) -> str:
    """Return a hint if the id becomes a known one with leading zeros, which spreadsheets drop."""
    padded = [user.zfill(length) for length in range(len(user) + 1, MAX_ID_LENGTH + 1)]
    unknown = {*pipeline.reader.unknown_users(padded, pipeline.moment)}
    known = next((each for each in padded if each not in unknown), None)
    return "" if known is None else f", did you mean {shown_id(known)}?"
