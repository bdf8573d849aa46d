"""The users of a request: those that are unknown, and those whose history is longer than the features hold."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from features.errors import InputError
from features.ids import MAX_ID_LENGTH, shown_id, unknown_ids_sentence
from features.schema import BOUGHT_ITEMS, MAX_BOUGHT_ITEMS
from features.text import counted
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
    """Check that the online store has all users of the feature tables; offline there is nothing to check.

    Raises:
        InputError: it lacks some of them.
    """
    if pipeline.reader.source == "online" and (lost := pipeline.reader.unknown_users(users, pipeline.moment)):
        sentence = unknown_ids_sentence(lost, len(users), "user", "missing in the online store")
        raise InputError(f"{sentence}: run `python jobs/materialize.py --from-scratch`.")


def _lost_zeros(pipeline: CandidatePipeline, user: str) -> str:
    """Return a hint if the id becomes a known one with leading zeros, which spreadsheets drop."""
    padded = [user.zfill(length) for length in range(len(user) + 1, MAX_ID_LENGTH + 1)]
    unknown = {*pipeline.reader.unknown_users(padded, pipeline.moment)}
    known = next((each for each in padded if each not in unknown), None)
    return "" if known is None else f", did you mean {shown_id(known)}?"


def count_truncated_histories(features: pa.Table) -> int:
    """Count the users whose list of bought items has the maximum length: items bought before those may be missing.

    Args:
        features: (n,), with the column `bought_items`.
    """
    lengths = pc.list_value_length(features[BOUGHT_ITEMS])
    return int(pc.sum(pc.greater_equal(lengths, MAX_BOUGHT_ITEMS)).as_py() or 0)


def truncation_warning(users: int) -> str:
    """Return the sentence on users whose older purchases are not excluded."""
    verb = "has" if users == 1 else "have"
    return (
        f"{counted(users, 'user')} {verb} bought {MAX_BOUGHT_ITEMS:,} different items or more: only the last "
        f"{MAX_BOUGHT_ITEMS:,} of each are excluded as already bought, and older ones may be candidates."
    )
